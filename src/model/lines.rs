//! Log lines in bounded memory: bytes in, numbered lines out; what had to be let go is counted.
//!
//! Knows nothing of where the bytes come from and never decodes more of them than is looked at.

use std::borrow::Cow;
use std::collections::VecDeque;

use memchr::{memchr, memrchr};
use regex::Regex;

/// A line longer than this is broken, so that one line cannot hold all memory.
const LONGEST: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Text(Box<[u8]>),
    Mark(Box<str>),
}

/// A line as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Text from the log, lossily decoded, not cleaned.
    Text(Cow<'a, str>),
    /// A remark of ours about continuity.
    Mark(&'a str),
}

/// The kept end of a log.
#[derive(Clone, Debug)]
pub struct Lines {
    lines: VecDeque<Line>,
    first: u64,
    bytes: usize,
    budget: usize,
    partial: Vec<u8>,
}

impl Lines {
    /// An empty log that keeps at most about `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { lines: VecDeque::new(), first: 0, bytes: 0, budget, partial: Vec::new() }
    }

    /// Takes the next bytes. A carriage return takes back what stood on the line before it, as on a terminal, so that a progress bar
    /// is its last state.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.partial.is_empty() {
                self.push(Line::Text(last_state(head).into()));
            } else {
                self.partial.extend_from_slice(head);
                let line = last_state(&self.partial).into();
                self.partial.clear();
                self.push(Line::Text(line));
            }
        }
        self.partial.extend_from_slice(bytes);
        if let Some(cut) = last_start(&self.partial) {
            self.partial.drain(..cut);
        }
        while self.partial.len() > LONGEST {
            let rest = self.partial.split_off(LONGEST);
            let line = std::mem::replace(&mut self.partial, rest);
            self.push(Line::Text(line.into()));
        }
    }

    /// Puts a remark between the lines, for instance that the file was truncated here. An unfinished line before it ends there.
    pub fn mark(&mut self, remark: impl Into<Box<str>>) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.push(Line::Text(last_state(&line).into()));
        }
        self.push(Line::Mark(remark.into()));
    }

    fn push(&mut self, line: Line) {
        self.bytes += cost(&line);
        self.lines.push_back(line);
        while self.bytes > self.budget && self.lines.len() > 1 {
            if let Some(line) = self.lines.pop_front() {
                self.bytes -= cost(&line);
                self.first += 1;
            }
        }
    }

    /// The number of the oldest kept line; also how many were let go.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// One past the number of the newest line. An unfinished line counts.
    pub fn end(&self) -> u64 {
        self.first + self.lines.len() as u64 + u64::from(!self.partial.is_empty())
    }

    /// Whether nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.end() == 0
    }

    /// The line with this number, where it is kept.
    pub fn get(&self, number: u64) -> Option<Shown<'_>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        match self.lines.get(index) {
            Some(Line::Text(bytes)) => Some(Shown::Text(String::from_utf8_lossy(bytes))),
            Some(Line::Mark(text)) => Some(Shown::Mark(text)),
            None if index == self.lines.len() && !self.partial.is_empty() => {
                Some(Shown::Text(String::from_utf8_lossy(last_state(&self.partial))))
            }
            None => None,
        }
    }

    /// The nearest line from `start` that matches, going forward or backward. `start` itself is not looked at.
    pub fn search(&self, regex: &Regex, start: u64, forward: bool) -> Option<u64> {
        let hit = |n: &u64| matches!(self.get(*n), Some(Shown::Text(text)) if regex.is_match(&text));
        if forward { (start + 1..self.end()).find(hit) } else { (self.first..start).rev().find(hit) }
    }
}

fn cost(line: &Line) -> usize {
    std::mem::size_of::<Line>()
        + match line {
            Line::Text(bytes) => bytes.len(),
            Line::Mark(text) => text.len(),
        }
}

/// What a terminal would show of a line with carriage returns: roughly, what follows the last one that something follows.
fn last_state(line: &[u8]) -> &[u8] {
    let line = &line[..line.iter().rposition(|b| *b != b'\r').map_or(0, |p| p + 1)];
    memrchr(b'\r', line).map_or(line, |cr| &line[cr + 1..])
}

/// Where the last state of an unfinished line begins, when something stands before it.
fn last_start(partial: &[u8]) -> Option<usize> {
    let kept = last_state(partial);
    let end = partial.iter().rposition(|b| *b != b'\r').map_or(0, |p| p + 1);
    let start = end - kept.len();
    (start > 0).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &Lines) -> Vec<String> {
        (lines.first()..lines.end())
            .filter_map(|n| lines.get(n))
            .map(|l| match l {
                Shown::Text(t) => t.into_owned(),
                Shown::Mark(m) => format!("<{m}>"),
            })
            .collect()
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_are_cut() {
        let text = b"one\r\ntwo\n10%\r50%\r100%\nlast \xff byte\n\nopen\rend";
        let expected = ["one", "two", "100%", "last \u{fffd} byte", "", "end"];
        for size in 1..text.len() {
            let mut lines = Lines::new(1 << 20);
            text.chunks(size).for_each(|chunk| lines.feed(chunk));
            assert_eq!(all(&lines), expected, "chunks of {size}");
        }
    }

    #[test]
    fn a_progress_bar_stays_one_line_in_bounded_memory() {
        let mut lines = Lines::new(1 << 20);
        for i in 0..100_000 {
            lines.feed(format!("\r{i:6}").as_bytes());
        }
        assert_eq!(all(&lines), [" 99999"]);
        assert!(lines.partial.capacity() < 1_000);
        lines.feed(b"\r");
        assert_eq!(all(&lines), [" 99999"], "a carriage return alone hides nothing yet");
    }

    #[test]
    fn memory_is_bounded_and_the_loss_is_known() {
        let mut lines = Lines::new(10_000);
        for i in 0..10_000 {
            lines.feed(format!("line {i}\n").as_bytes());
        }
        assert_eq!(lines.end(), 10_000);
        assert!(lines.first() > 9_000 && lines.get(lines.first()).is_some() && lines.get(lines.first() - 1).is_none());
        assert_eq!(lines.get(9_999), Some(Shown::Text("line 9999".into())));
        lines.feed(&vec![b'x'; 3 << 20]);
        assert!(lines.partial.len() <= LONGEST);
    }

    #[test]
    fn search_goes_both_ways_and_marks_are_kept() {
        let mut lines = Lines::new(1 << 20);
        lines.feed(b"a1\nb\na2\nopen");
        lines.mark("truncated");
        lines.feed(b"a3");
        let regex = Regex::new("^a").unwrap();
        assert_eq!(lines.search(&regex, 0, true), Some(2));
        assert_eq!(lines.search(&regex, 2, true), Some(5));
        assert_eq!(lines.search(&regex, 2, false), Some(0));
        assert_eq!(all(&lines), ["a1", "b", "a2", "open", "<truncated>", "a3"]);
    }
}
