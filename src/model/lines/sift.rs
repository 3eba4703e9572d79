//! Which lines match: looked for in a snapshot, away from the drawing path, and told as they are found.
//!
//! Pure, but takes time that grows with the log. Nothing that was looked at once is looked at again.

use std::collections::VecDeque;
use std::ops::Range;

use super::block::{Block, Blocks};
use super::pattern::Pattern;

/// What was found is told after at most about so many bytes.
const PART: usize = 4 << 20;

/// What a search is for. A newer one takes the place of an older one of the same use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Use {
    /// To go from hit to hit.
    Search,
    /// To show nothing else.
    Filter,
}

/// A stretch of one log that is to be looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// Which log, as its owner counts them.
    pub log: usize,
    /// Its lines.
    pub blocks: Blocks,
    /// The numbers to look at.
    pub lines: Range<i64>,
    /// From the last one to the first.
    pub backward: bool,
}

/// A search to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sift {
    /// Whatever its owner calls it; what is found carries it back.
    pub id: u64,
    /// What for.
    pub purpose: Use,
    /// What a line must match.
    pub pattern: Pattern,
    /// What it must match too.
    pub also: Option<Pattern>,
    /// Where to look, in this order.
    pub stretches: Vec<Stretch>,
}

/// What was found in a part of a stretch, right after the part before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The search's.
    pub id: u64,
    /// The search's.
    pub purpose: Use,
    /// The stretch's log.
    pub log: usize,
    /// The numbers that were looked at.
    pub looked: Range<i64>,
    /// Those that match, ascending.
    pub lines: Vec<i64>,
    /// Nothing more comes.
    pub is_last: bool,
}

impl Sift {
    /// Looks, and tells each part; stops when it is told that nobody listens any more.
    pub fn run(&self, mut tell: impl FnMut(Found) -> bool) {
        let mut none_yet = true;
        for (n, stretch) in self.stretches.iter().enumerate() {
            let found = |looked, lines| Found { id: self.id, purpose: self.purpose, log: stretch.log, looked, lines, is_last: false };
            let (mut lines, mut looked, mut bytes) = (Vec::new(), None::<Range<i64>>, 0);
            let mut blocks: Vec<&Block> = stretch.blocks.0.iter().map(|block| &**block).collect();
            blocks.retain(|block| block.first < stretch.lines.end && block.end() > stretch.lines.start);
            if stretch.backward {
                blocks.reverse();
            }
            for block in blocks {
                let part = block.first.max(stretch.lines.start)..block.end().min(stretch.lines.end);
                let mut hits = self.look(block, part.clone());
                looked = Some(looked.map_or(part.clone(), |l| l.start.min(part.start)..l.end.max(part.end)));
                if stretch.backward {
                    hits.append(&mut lines);
                    lines = hits;
                } else {
                    lines.append(&mut hits);
                }
                bytes += block.size();
                // The first hit is what somebody waits for.
                if bytes > PART || none_yet && !lines.is_empty() {
                    none_yet &= lines.is_empty();
                    bytes = 0;
                    if let Some(looked) = looked.take()
                        && !tell(found(looked, std::mem::take(&mut lines)))
                    {
                        return;
                    }
                }
            }
            let at = if stretch.backward { stretch.lines.start } else { stretch.lines.end };
            let mut rest = found(looked.unwrap_or(at..at), lines);
            rest.is_last = n + 1 == self.stretches.len();
            if !tell(rest) {
                return;
            }
        }
    }

    fn look(&self, block: &Block, range: Range<i64>) -> Vec<i64> {
        let escapes = block.has_escapes();
        let passes = |line: &[u8]| self.pattern.matches(line, escapes) && self.also.as_ref().is_none_or(|also| also.matches(line, escapes));
        block.lines(range).filter(|(_, line)| passes(line)).map(|(number, _)| number).collect()
    }
}

/// The matching lines of one log, as far as they are known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hits {
    /// Their numbers, ascending.
    pub lines: VecDeque<i64>,
    looked: Range<i64>,
    begun: bool,
}

impl Hits {
    /// What is still to be looked at, of a log that holds `blocks`; what was let go is forgotten.
    pub fn rest(&mut self, log: usize, blocks: &Blocks) -> Vec<Stretch> {
        let (first, end) = (blocks.first(), blocks.end());
        if blocks.is_empty() {
            return Vec::new();
        }
        if !self.begun || self.looked.end <= first || self.looked.start >= end {
            *self = Self { lines: VecDeque::new(), looked: end..end, begun: true };
        }
        self.keep(first..end);
        let stretch = |lines: Range<i64>, backward| Stretch { log, blocks: blocks.clone(), lines, backward };
        let mut out = Vec::new();
        if self.looked.end < end {
            out.push(stretch(self.looked.end..end, false));
        }
        if self.looked.start > first {
            out.push(stretch(first..self.looked.start, true));
        }
        out
    }

    /// Forgets what lies outside.
    pub fn keep(&mut self, range: Range<i64>) {
        while self.lines.front().is_some_and(|line| *line < range.start) {
            self.lines.pop_front();
        }
        while self.lines.back().is_some_and(|line| *line >= range.end) {
            self.lines.pop_back();
        }
        self.looked = self.looked.start.clamp(range.start, range.end)..self.looked.end.clamp(range.start, range.end);
    }

    /// Takes what was found; what does not lie beside what is known comes from a time before and is left.
    pub fn take(&mut self, found: &Found) {
        if found.looked.start == self.looked.end {
            self.lines.extend(&found.lines);
            self.looked.end = found.looked.end;
        } else if found.looked.end >= self.looked.start && found.looked.start < self.looked.start {
            for line in found.lines.iter().rev().filter(|line| **line < self.looked.start) {
                self.lines.push_front(*line);
            }
            self.looked.start = found.looked.start;
        } else if found.looked.start < self.looked.end && found.looked.end > self.looked.end && found.looked.start >= self.looked.start {
            self.lines.extend(found.lines.iter().filter(|line| **line >= self.looked.end));
            self.looked.end = found.looked.end;
        }
    }

    /// Whether all lines from this one to the end were looked at when the search was last made.
    pub fn is_known_from(&self, line: i64) -> bool {
        self.begun && self.looked.start <= line
    }

    /// Whether all lines of a log that holds `blocks` were looked at.
    pub fn is_complete(&self, blocks: &Blocks) -> bool {
        blocks.is_empty() || self.begun && self.looked.start <= blocks.first() && self.looked.end >= blocks.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Lines;
    use super::*;

    #[test]
    fn hits_are_found_from_the_end_and_go_on_with_the_log() {
        let mut lines = Lines::new(32 << 10, 0, false);
        let feed = |lines: &mut Lines, range: Range<u64>| {
            let text: String = range.map(|n| format!("line {n} {}\n", if n % 100 == 7 { "needle" } else { "hay" })).collect();
            lines.feed(lines.source_size(), text.as_bytes(), 0);
        };
        feed(&mut lines, 0..1_000);
        let pattern = Pattern::new("needle").unwrap();
        let mut hits = Hits::default();
        let look = |hits: &mut Hits, lines: &Lines| {
            let stretches = hits.rest(0, lines.blocks());
            let sift = Sift { id: 1, purpose: Use::Search, pattern: pattern.clone(), also: None, stretches };
            let mut parts = Vec::new();
            sift.run(|found| {
                hits.take(&found);
                parts.push(found);
                true
            });
            parts
        };
        let parts = look(&mut hits, &lines);
        assert_eq!(parts[0].lines.last(), Some(&907), "the newest hits are told first");
        assert!(parts[0].looked.start > 700);
        assert!(hits.is_complete(lines.blocks()) && parts.last().unwrap().is_last);
        assert_eq!(hits.lines, (0..10).map(|n| n * 100 + 7).collect::<Vec<_>>());
        feed(&mut lines, 1_000..3_000);
        assert!(!hits.is_complete(lines.blocks()));
        let parts = look(&mut hits, &lines);
        assert!(parts.iter().all(|part| part.looked.start >= 1_000), "nothing is looked at twice");
        let first = lines.first();
        assert!(first > 500, "{first}");
        assert_eq!(hits.lines, (0..30).map(|n| n * 100 + 7).filter(|n| *n >= first).collect::<Vec<_>>());
    }
}
