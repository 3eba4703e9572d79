//! Lines in large blocks: the bytes as they came, one start and one time for each line, and the few things that not every line has.
//!
//! A block is only ever added to at its end, and what was put in never changes.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::severity::Severity;

/// From a line on, where in the source its bytes stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Jump {
    line: u32,
    start: u32,
    place: u64,
}

/// Some thousand lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    pub(super) first: i64,
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Milliseconds after `base`; never less than that of the line before.
    times: Vec<u32>,
    base: i64,
    jumps: Vec<Jump>,
    flags: Vec<(u32, Severity)>,
    /// Warnings and errors among them.
    counts: (u32, u32),
    marks: Vec<(u32, Box<str>)>,
    /// Which file of this name it is: one that was replaced or cut counts as another.
    pub(super) epoch: u32,
    escapes: bool,
}

impl Block {
    /// An empty block whose first line is not earlier than `time`, with room for `size` bytes.
    pub(super) fn new(first: i64, epoch: u32, time: i64, size: usize) -> Self {
        Self { first, epoch, base: time, bytes: Vec::with_capacity(size), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// What it takes in memory, without what was only set aside for growth.
    pub(super) fn cost(&self) -> usize {
        let few = self.flags.len() * size_of::<(u32, Severity)>() + self.jumps.len() * size_of::<Jump>();
        self.bytes.len() + 8 * self.starts.len() + few + self.marks.iter().map(|(_, m)| m.len() + 24).sum::<usize>()
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Gives back what was set aside and not needed.
    pub(super) fn seal(&mut self) {
        self.bytes.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.times.shrink_to_fit();
    }

    pub(super) fn end(&self) -> i64 {
        self.first + i64::try_from(self.len()).unwrap_or(i64::MAX)
    }

    /// Whether a line of this time can be put in.
    pub(super) fn takes(&self, time: i64) -> bool {
        self.starts.is_empty() || u32::try_from(time.saturating_sub(self.base)).is_ok()
    }

    /// Puts in a line whose bytes, `at` after those that are there, come with [`Block::fill`].
    pub(super) fn add(&mut self, at: usize, place: u64, time: i64, severity: Option<Severity>) {
        let line = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        let start = u32::try_from(self.bytes.len() + at).unwrap_or(u32::MAX);
        if line == 0 {
            self.base = time;
        }
        let expected = self.jumps.last().map(|jump| jump.place + u64::from(start - jump.start));
        if expected != Some(place) {
            self.jumps.push(Jump { line, start, place });
        }
        self.starts.push(start);
        self.times.push(u32::try_from(time.saturating_sub(self.base)).unwrap_or(u32::MAX));
        if let Some(severity) = severity {
            self.flags.push((line, severity));
            count(&mut self.counts, severity);
        }
    }

    /// The bytes of the lines that were just added, each with its line end.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        self.escapes |= memchr::memchr(0x1b, bytes).is_some();
        self.bytes.extend_from_slice(bytes);
    }

    /// One line and its line end.
    pub(super) fn push(&mut self, text: &[u8], place: u64, time: i64, severity: Option<Severity>) {
        self.add(0, place, time, severity);
        self.fill(text);
        self.bytes.push(b'\n');
    }

    /// A remark of ours.
    pub(super) fn mark(&mut self, remark: Box<str>, place: u64, time: i64) {
        self.marks.push((u32::try_from(self.len()).unwrap_or(u32::MAX), remark));
        self.push(b"", place, time, None);
    }

    /// Sets every later time back to `limit`, so that what follows this block is not earlier than it.
    pub(super) fn clamp(&mut self, limit: i64) {
        self.base = self.base.min(limit);
        let most = u32::try_from(limit - self.base).unwrap_or(u32::MAX);
        self.times.iter_mut().for_each(|time| *time = (*time).min(most));
    }

    fn text(&self, i: usize) -> &[u8] {
        let start = self.starts.get(i).map_or(self.bytes.len(), |s| *s as usize);
        let end = self.starts.get(i + 1).map_or(self.bytes.len(), |s| *s as usize);
        self.bytes.get(start..end.saturating_sub(1)).unwrap_or_default()
    }

    fn time(&self, i: usize) -> i64 {
        self.base + self.times.get(i).map_or(0, |t| i64::from(*t))
    }

    fn place(&self, i: usize) -> u64 {
        let at = self.jumps.partition_point(|jump| jump.line as usize <= i);
        let start = self.starts.get(i).copied().unwrap_or(0);
        at.checked_sub(1).and_then(|at| self.jumps.get(at)).map_or(0, |jump| jump.place + u64::from(start - jump.start))
    }

    fn of_line<T>(few: &[(u32, T)], i: usize) -> Option<&T> {
        few.binary_search_by_key(&i, |(line, _)| *line as usize).ok().and_then(|at| few.get(at)).map(|(_, thing)| thing)
    }

    /// Whether a line may hold an escape sequence.
    pub(super) fn has_escapes(&self) -> bool {
        self.escapes
    }

    /// The lines of a range of numbers, those of ours left out.
    pub(super) fn lines(&self, range: Range<i64>) -> impl DoubleEndedIterator<Item = (i64, &[u8])> {
        let index = |n: i64| usize::try_from(n - self.first).unwrap_or(0).min(self.len());
        let ours = |i: &usize| !self.marks.is_empty() && Self::of_line(&self.marks, *i).is_some();
        (index(range.start)..index(range.end)).filter(move |i| !ours(i)).map(|i| (self.first + i64::try_from(i).unwrap_or(0), self.text(i)))
    }
}

/// Blocks one after the other, their lines numbered without a gap. Cheap to clone: the clone sees what was there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blocks(pub(super) VecDeque<Arc<Block>>);

impl Blocks {
    /// The number of the first line; 0 when there is none.
    pub fn first(&self) -> i64 {
        self.0.front().map_or(0, |block| block.first)
    }

    /// One past the number of the last line.
    pub fn end(&self) -> i64 {
        self.0.back().map_or(0, |block| block.end())
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        usize::try_from(self.end() - self.first()).unwrap_or(0)
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The block with this line, and where in it the line is.
    fn find(&self, line: i64) -> Option<(&Block, usize)> {
        let at = self.0.partition_point(|block| block.end() <= line);
        let block = self.0.get(at)?;
        Some((block, usize::try_from(line.checked_sub(block.first)?).ok()?))
    }

    /// The bytes of a line, without its end.
    pub fn text(&self, line: i64) -> Option<&[u8]> {
        self.find(line).map(|(block, i)| block.text(i))
    }

    /// The remark of ours that stands in place of a line.
    pub fn remark(&self, line: i64) -> Option<&str> {
        self.find(line).and_then(|(block, i)| Block::of_line(&block.marks, i)).map(|mark| &**mark)
    }

    /// When a line was written, as far as is known: milliseconds since 1970 UTC, never earlier than the line before.
    pub fn time(&self, line: i64) -> i64 {
        self.find(line).map_or(0, |(block, i)| block.time(i))
    }

    /// How bad a line is.
    pub fn severity(&self, line: i64) -> Option<Severity> {
        self.find(line).and_then(|(block, i)| Block::of_line(&block.flags, i)).copied()
    }

    /// Where in its source a line begins.
    pub fn place(&self, line: i64) -> u64 {
        self.find(line).map_or(0, |(block, i)| block.place(i))
    }

    /// The line that begins at `place` or is the last one to begin before it. Places before the last restart are not meant.
    pub fn at_place(&self, place: u64) -> Option<i64> {
        let epoch = self.0.back()?.epoch;
        let from = self.0.partition_point(|block| block.epoch != epoch);
        let at = from + self.0.iter().skip(from).take_while(|block| block.place(0) <= place).count();
        let block = at.checked_sub(1).filter(|at| *at >= from).and_then(|at| self.0.get(at))?;
        let (mut low, mut high) = (0, block.len());
        while low < high {
            let middle = low.midpoint(high);
            if block.place(middle) <= place { low = middle + 1 } else { high = middle }
        }
        Some(block.first + i64::try_from(low).unwrap_or(0) - 1)
    }

    /// The first line that is not earlier than `time`; one past the last where all are.
    pub fn at_time(&self, time: i64) -> i64 {
        let at = self.0.partition_point(|block| block.time(block.len().saturating_sub(1)) < time);
        self.0.get(at).map_or_else(
            || self.end(),
            |block| {
                let offset = u32::try_from(time.saturating_sub(block.base).max(0)).unwrap_or(u32::MAX);
                block.first + i64::try_from(block.times.partition_point(|t| *t < offset)).unwrap_or(0)
            },
        )
    }

    /// The nearest line after or before `line` that begins an error.
    pub fn error(&self, line: i64, forward: bool) -> Option<i64> {
        let head = |block: &Block, flag: Option<&(u32, Severity)>| flag.map(|(i, _)| block.first + i64::from(*i));
        let bad = |(_, severity): &&(u32, Severity)| severity.is_error_head();
        if forward {
            let from = self.0.partition_point(|block| block.end() <= line + 1);
            self.0.iter().skip(from).find_map(|block| {
                let after = block.flags.partition_point(|(i, _)| block.first + i64::from(*i) <= line);
                head(block, block.flags[after..].iter().find(bad))
            })
        } else {
            let to = self.0.partition_point(|block| block.first < line);
            self.0.iter().take(to).rev().find_map(|block| {
                let before = block.flags.partition_point(|(i, _)| block.first + i64::from(*i) < line);
                head(block, block.flags[..before].iter().rfind(bad))
            })
        }
    }

    /// How many warnings and errors begin in each of the stretches between these lines, which ascend.
    pub(super) fn tally(&self, edges: &[i64]) -> Vec<(u32, u32)> {
        let mut out = vec![(0, 0); edges.len().saturating_sub(1)];
        let mut at = 0;
        let begin = edges.first().copied().unwrap_or(i64::MAX);
        for block in &self.0 {
            while at + 1 < edges.len() && edges[at + 1] <= block.first {
                at += 1;
            }
            // A block that no edge cuts has counted already.
            if block.first >= begin && edges.get(at + 1).is_some_and(|end| block.end() <= *end) {
                if let Some(pair) = out.get_mut(at) {
                    *pair = (pair.0 + block.counts.0, pair.1 + block.counts.1);
                }
                continue;
            }
            for (i, severity) in &block.flags {
                let line = block.first + i64::from(*i);
                while at + 1 < edges.len() && edges[at + 1] <= line {
                    at += 1;
                }
                if let Some(pair) = out.get_mut(at).filter(|_| begin <= line) {
                    count(pair, *severity);
                }
            }
        }
        out
    }
}

fn count((warnings, errors): &mut (u32, u32), severity: Severity) {
    match severity {
        Severity::Warning => *warnings += 1,
        Severity::Error | Severity::Last => *errors += 1,
        Severity::More => {}
    }
}
