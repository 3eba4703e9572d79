//! A log in bounded memory: bytes in, numbered lines out, each with its place, its time and how bad it is.
//!
//! Knows nothing of where the bytes come from, never decodes them, and forgets nothing without saying so: what was let go is counted, and
//! [`Lines::before`] and [`Lines::after`] say where it can be read again.

pub mod block;
pub mod density;
pub mod pattern;
pub mod printout;
mod put;
pub mod severity;
pub mod sift;
mod split;
pub mod stamp;
mod stretch;
pub mod weave;

use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memchr;

use super::duration;
pub use block::Blocks;
pub use density::{Bucket, Density};
pub use pattern::Pattern;
pub use printout::Printout;
use severity::Judge;
pub use severity::Severity;
pub use sift::{Found, Hits, Sift};
use split::Splitter;
pub use stamp::{Reader, Stamp};
pub use weave::{At, Strand, Weave};

/// Between the numbers of lines that are not neighbours: no log has so many lines.
const FAR: i64 = 1 << 40;

/// A line as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Text from the log: any bytes.
    Text(&'a [u8]),
    /// A remark of ours about continuity.
    Mark(&'a str),
}

/// The live end of a log, while lines far above it are kept: followed, counted, not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Aside {
    splitter: Splitter,
    lines: u64,
}

/// A stretch of a log without a gap, usually its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    blocks: Blocks,
    bytes: usize,
    budget: usize,
    /// The number of the next line where there is no block.
    number: i64,
    splitter: Splitter,
    /// Whether the place of the next byte is known.
    placed: bool,
    /// Whether the next bytes may overlap those that are here, and must be the same.
    doubtful: bool,
    reader: Reader,
    time: i64,
    /// Whether any line so far told its time.
    stamped: bool,
    judge: Judge,
    epoch: u32,
    hold: Option<i64>,
    aside: Option<Aside>,
    let_go: u64,
    arrived: u64,
    is_whole: bool,
    by_moment: bool,
    /// Lines at which the moment is known that their source calls their place.
    moments: VecDeque<(i64, i64)>,
}

impl Lines {
    /// An empty log that keeps about `budget` bytes. Times without a zone are `zone` seconds east of UTC. `by_moment`: its places are
    /// moments, not bytes.
    pub fn new(budget: usize, zone: i32, by_moment: bool) -> Self {
        Self { budget, reader: Reader { zone, now: 0 }, by_moment, ..Self::default() }
    }

    /// Keeps about so many bytes from now on.
    pub fn set_budget(&mut self, budget: usize) {
        self.budget = budget;
        self.let_go();
    }

    /// About how many bytes it keeps.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Lines from this one on must stay, because somebody looks at them; `None`: the end is looked at.
    pub fn hold(&mut self, line: Option<i64>) {
        self.hold = line;
    }

    /// Reading begins at byte `start` of `size`: for the first time, after a restart, or again because somebody looks here again.
    pub fn opened(&mut self, start: u64, size: u64) {
        if self.is_empty() || !self.placed {
            self.go_on_at(start);
        } else if self.by_moment {
            // Where a stream was left cannot be told from counted bytes: its end is read anew.
            self.forget();
            self.go_on_at(start);
        } else if size < self.live_end() {
            self.restarted("shorter than it was");
            self.go_on_at(start);
        } else {
            self.doubtful = true;
        }
    }

    fn go_on_at(&mut self, place: u64) {
        self.splitter = Splitter::at(place);
        self.placed = true;
    }

    /// One past the last byte that the followed log has sent.
    fn live_end(&self) -> u64 {
        self.aside.as_ref().map_or(self.splitter.next, |aside| aside.splitter.next)
    }

    /// Takes the next bytes of the followed log, the first of which stands at `offset`, at `now` (milliseconds since 1970).
    pub fn feed(&mut self, offset: u64, bytes: &[u8], now: i64) {
        self.reader.now = now;
        if !self.placed {
            self.go_on_at(offset);
        }
        let end = self.live_end();
        let doubtful = std::mem::take(&mut self.doubtful);
        if offset > end {
            let missing = duration::bytes(offset - end);
            self.mark(format!("── {missing} between here and what follows were not read ──"));
            self.go_on_at(offset);
        } else if offset < end {
            let same = !doubtful || self.is_same(offset, bytes);
            if !same {
                self.restarted("not the file that it was");
                self.go_on_at(offset);
            } else {
                let known = usize::try_from(end - offset).unwrap_or(usize::MAX);
                if known >= bytes.len() {
                    self.doubtful = doubtful;
                    return;
                }
                return self.take(&bytes[known..]);
            }
        }
        self.take(bytes);
    }

    /// Whether bytes that were sent again are what is here, as far as their first line that is here tells.
    fn is_same(&self, offset: u64, bytes: &[u8]) -> bool {
        let here = self.blocks.at_place(offset);
        let line = match here {
            Some(line) if self.blocks.place(line) == offset => line,
            Some(line) => line + 1,
            None => self.blocks.first(),
        };
        let Some(text) = self.blocks.text(line).filter(|_| self.blocks.remark(line).is_none()) else { return true };
        let skip = usize::try_from(self.blocks.place(line).saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(rest) = bytes.get(skip..) else { return true };
        let Some(end) = memchr(b'\n', rest) else { return true };
        let mut same = true;
        Splitter::at(0).feed(&rest[..=end], |first, _| same = same && first == text);
        same
    }

    fn take(&mut self, bytes: &[u8]) {
        if let Some(aside) = &mut self.aside {
            // A line counts when it begins.
            let begun = |aside: &Aside| aside.lines + u64::from(!aside.splitter.text.is_empty());
            let before = begun(aside);
            aside.splitter.feed(bytes, |_, _| aside.lines += 1);
            self.arrived += begun(aside) - before;
            return;
        }
        let before = self.end();
        self.put(bytes);
        self.arrived += u64::try_from(self.end() - before).unwrap_or(0);
        self.let_go();
    }

    /// Puts a remark between the lines, for instance that the file was truncated here. An unfinished line before it ends there.
    pub fn mark(&mut self, remark: impl Into<Box<str>>) {
        if let Some(aside) = self.aside.take() {
            let lost = duration::thousands(aside.lines);
            self.mark(format!("── {lost} lines between here and what follows were let go ──"));
            self.splitter = aside.splitter;
        }
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.finish(|line, start| self.push(line, start));
        let (place, time) = (splitter.next, self.time);
        self.splitter = splitter;
        self.with_block(|block| block.mark(remark.into(), place, time), 0);
        self.judge = Judge::default();
        self.let_go();
    }

    /// What follows is another file, or the same from its beginning.
    pub fn restarted(&mut self, why: &str) {
        self.mark(format!("── {why}: what follows begins the file anew ──"));
        self.epoch += 1;
        self.begin_block();
        if let Some(block) = self.blocks.0.back_mut().map(Arc::make_mut) {
            block.epoch = self.epoch;
        }
        self.placed = false;
    }

    fn forget(&mut self) {
        self.blocks = Blocks::default();
        self.moments.clear();
        (self.bytes, self.let_go, self.is_whole, self.aside, self.placed) = (0, 0, false, None, false);
        (self.number, self.stamped, self.judge) = (self.number + FAR, false, Judge::default());
        self.splitter = Splitter::default();
    }

    /// All finished lines. Cheap to clone.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// The number of the oldest kept line. Numbers go on downwards when earlier lines are read.
    pub fn first(&self) -> i64 {
        if self.blocks.is_empty() { self.number } else { self.blocks.first() }
    }

    /// One past the number of the newest kept line. An unfinished line counts.
    pub fn end(&self) -> i64 {
        let finished = if self.blocks.is_empty() { self.number } else { self.blocks.end() };
        finished + i64::from(self.open().is_some())
    }

    /// The unfinished line at the end.
    pub fn open(&self) -> Option<&[u8]> {
        (!self.splitter.text.is_empty()).then_some(self.splitter.text.as_slice())
    }

    /// Whether nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.end() == self.first()
    }

    /// The line with this number, where it is kept.
    pub fn get(&self, line: i64) -> Option<Shown<'_>> {
        if let Some(remark) = self.blocks.remark(line) {
            return Some(Shown::Mark(remark));
        }
        if line >= self.first() && line + 1 == self.end() && self.open().is_some() {
            return self.open().map(Shown::Text);
        }
        self.blocks.text(line).map(Shown::Text)
    }

    /// When a line was written: its own time, or that of the line before, or when it arrived where no line tells its time.
    pub fn time(&self, line: i64) -> i64 {
        if line < self.blocks.end() { self.blocks.time(line) } else { self.time }
    }

    /// Whether lines tell their times.
    pub fn is_stamped(&self) -> bool {
        self.stamped
    }

    /// How times are read here.
    pub fn reader(&self) -> Reader {
        self.reader
    }

    /// How many earlier lines were kept once and let go since.
    pub fn gone(&self) -> u64 {
        self.let_go
    }

    /// How many lines have arrived since the log was opened, kept or not.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// How many lines stand between what is kept and the live end: 0 where nothing does.
    pub fn below(&self) -> u64 {
        self.aside.as_ref().map_or(0, |aside| aside.lines.max(1))
    }

    /// Whether the live end is apart from what is kept.
    pub fn is_apart(&self) -> bool {
        self.aside.is_some()
    }

    /// About how many bytes of memory the kept lines take.
    pub fn size(&self) -> usize {
        self.bytes + self.splitter.text.len()
    }

    /// Whether its places are moments, not bytes.
    pub fn by_moment(&self) -> bool {
        self.by_moment
    }

    /// About how large the source is, as far as is known.
    pub fn source_size(&self) -> u64 {
        self.live_end()
    }
}

#[cfg(test)]
mod tests;
