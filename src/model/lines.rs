//! A log in bounded memory: bytes in, numbered lines out, each with its place, its time and how bad it is.
//!
//! Knows nothing of where the bytes come from, never decodes them, and forgets nothing without saying so: what was let go is counted, and
//! [`Lines::before`] and [`Lines::after`] say where it can be read again.

pub mod block;
pub mod density;
pub mod pattern;
pub mod printout;
pub mod severity;
pub mod sift;
mod split;
pub mod stamp;
pub mod weave;

use std::collections::VecDeque;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use super::duration;
use block::Block;
pub use block::Blocks;
pub use density::{Bucket, Density};
pub use pattern::Pattern;
pub use printout::Printout;
use severity::Judge;
pub use severity::Severity;
pub use sift::{Found, Hits, Sift};
use split::{LONGEST, Splitter};
pub use stamp::{Reader, Stamp};
pub use weave::{At, Strand, Weave};

/// Lines are kept in blocks of about this many bytes, or a sixteenth of the budget where that is less.
const BLOCK: usize = 256 << 10;
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

    /// Puts bytes at the end of what is kept.
    fn put(&mut self, mut bytes: &[u8]) {
        if !self.stamped && self.blocks.is_empty() {
            // Lines before the first that tells its time have that time; where none does, the time at which they arrived.
            let first = bytes.split(|b| *b == b'\n').find_map(|line| self.reader.read(line));
            self.time = first.map_or(self.reader.now, |stamp| stamp.millis);
            self.stamped = first.is_some();
        }
        if !self.splitter.is_clear() {
            let (head, rest) = bytes.split_at(memchr(b'\n', bytes).map_or(bytes.len(), |p| p + 1));
            self.put_slowly(head);
            bytes = rest;
        }
        let (whole, rest) = bytes.split_at(memrchr(b'\n', bytes).map_or(0, |p| p + 1));
        if whole.is_empty() {
            // What follows belongs to the unfinished line.
        } else if memchr(b'\r', whole).is_some() || whole.len() > LONGEST && memchr_iter(b'\n', whole).scan(0, gap).any(|gap| gap > LONGEST)
        {
            self.put_slowly(whole);
        } else {
            self.put_run(whole);
        }
        self.put_slowly(rest);
    }

    fn put_slowly(&mut self, bytes: &[u8]) {
        let mut splitter = std::mem::take(&mut self.splitter);
        splitter.feed(bytes, |line, start| self.push(line, start));
        self.splitter = splitter;
    }

    /// Whole lines, none of which is broken or takes anything back: they are copied as they are.
    fn put_run(&mut self, mut run: &[u8]) {
        let start = self.splitter.next;
        let whole = run.len();
        while !run.is_empty() {
            let place = start + (whole - run.len()) as u64;
            let room = self.block_size().saturating_sub(self.blocks.0.back().map_or(0, |block| block.size()));
            let cut = if run.len() <= room { run.len() } else { memrchr(b'\n', &run[..room]).map_or(0, |p| p + 1) };
            if cut == 0 {
                self.begin_block();
                let fits = memrchr(b'\n', &run[..run.len().min(self.block_size())]).or_else(|| memchr(b'\n', run));
                let cut = fits.map_or(run.len(), |p| p + 1);
                let used = self.put_part(&run[..cut], place);
                run = &run[used..];
            } else {
                let used = self.put_part(&run[..cut], place);
                run = &run[used..];
            }
        }
        self.splitter = Splitter::at(start + whole as u64);
    }

    /// Puts whole lines into the last block, as many as its times allow; gives their bytes.
    fn put_part(&mut self, part: &[u8], place: u64) -> usize {
        if self.blocks.is_empty() {
            self.begin_block();
        }
        let mut suspects = severity::suspects(part);
        let mut suspect = suspects.next();
        let (mut start, mut full) = (0, false);
        let Some(block) = self.blocks.0.back_mut().map(Arc::make_mut) else { return part.len() };
        let before = block.cost();
        for end in memchr_iter(b'\n', part) {
            let line = &part[start..end];
            match self.reader.read(line) {
                Some(stamp) => (self.time, self.stamped) = (self.time.max(stamp.millis), true),
                None if !self.stamped => self.time = self.time.max(self.reader.now),
                None => {}
            }
            if !block.takes(self.time) {
                full = true;
                break;
            }
            let is_suspect = suspect.is_some_and(|at| at < end);
            let severity = self.judge.look(line, is_suspect);
            block.add(start, place + start as u64, self.time, severity);
            while suspect.is_some_and(|at| at < end) {
                suspect = suspects.next();
            }
            start = end + 1;
        }
        block.fill(&part[..start]);
        self.bytes += block.cost() - before;
        if full {
            self.begin_block();
        }
        start
    }

    fn push(&mut self, text: &[u8], place: u64) {
        match self.reader.read(text) {
            Some(stamp) => (self.time, self.stamped) = (self.time.max(stamp.millis), true),
            None if !self.stamped => self.time = self.time.max(self.reader.now),
            None => {}
        }
        let severity = self.judge.look(text, severity::suspects(text).next().is_some());
        let time = self.time;
        self.with_block(|block| block.push(text, place, time, severity), text.len());
    }

    fn with_block(&mut self, add: impl FnOnce(&mut Block), size: usize) {
        let full = |block: &Arc<Block>| block.size() + size > self.block_size() && block.len() > 0 || !block.takes(self.time);
        if self.blocks.0.back().is_none_or(full) {
            self.begin_block();
        }
        if let Some(block) = self.blocks.0.back_mut().map(Arc::make_mut) {
            let before = block.cost();
            add(block);
            self.bytes += block.cost() - before;
        }
    }

    fn block_size(&self) -> usize {
        BLOCK.min(self.budget / 16).max(64)
    }

    fn begin_block(&mut self) {
        let first = if self.blocks.is_empty() { self.number } else { self.blocks.end() };
        if let Some(last) = self.blocks.0.back_mut() {
            if last.len() == 0 {
                return;
            }
            Arc::make_mut(last).seal();
        }
        // The first block of a log grows as it is needed: most logs are short.
        let size = if self.blocks.is_empty() { 0 } else { self.block_size() };
        self.blocks.0.push_back(Arc::new(Block::new(first, self.epoch, self.time, size)));
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

    /// Lets go what is over the budget: of the beginning, or of the end where the beginning is being looked at.
    fn let_go(&mut self) {
        while self.bytes > self.budget && self.blocks.0.len() > 1 {
            let held = |block: &Arc<Block>| self.hold.is_some_and(|line| block.end() > line);
            if !self.by_moment && self.blocks.0.front().is_some_and(held) {
                self.part_from_end();
                return;
            }
            if let Some(block) = self.blocks.0.pop_front() {
                self.bytes -= block.cost();
                self.let_go += block.len() as u64;
                self.is_whole = false;
            }
        }
    }

    /// The live end goes on by itself, and lines far below those that are looked at are let go.
    fn part_from_end(&mut self) {
        if self.aside.is_none() {
            let live = std::mem::take(&mut self.splitter);
            self.splitter = Splitter::at(live.start);
            self.aside = Some(Aside { splitter: live, lines: 0 });
        }
        while self.bytes > self.budget && self.blocks.0.len() > 1 {
            let needed = |block: &Arc<Block>| block.epoch != self.epoch || self.hold.is_some_and(|line| block.first <= line);
            if self.blocks.0.back().is_some_and(needed) {
                break;
            }
            if let (Some(block), Some(aside)) = (self.blocks.0.pop_back(), &mut self.aside) {
                self.bytes -= block.cost();
                aside.lines += block.len() as u64;
                // What was let go of the end begins where the next block began.
                self.splitter = Splitter::at(block_place(&block));
            }
        }
        self.time = self.blocks.time(self.blocks.end() - 1);
        self.judge = Judge::default();
    }

    /// What comes next stands at this moment of its source, in milliseconds since 1970.
    pub fn at_moment(&mut self, moment: i64) {
        let first = self.first();
        while self.moments.front().is_some_and(|(line, _)| *line < first) {
            self.moments.pop_front();
        }
        self.moments.push_back((self.end(), moment));
    }

    /// Takes lines that stand right before those that are kept. `is_start`: nothing stands before them.
    pub fn prepend(&mut self, start: u64, bytes: &[u8], is_start: bool) {
        let limit = self.time(self.first());
        let mut scratch = Self::new(self.budget, self.reader.zone, self.by_moment);
        (scratch.reader.now, scratch.epoch) = (limit, self.epoch);
        scratch.go_on_at(start);
        scratch.put(bytes);
        let mut rest = std::mem::take(&mut scratch.splitter);
        rest.finish(|line, place| scratch.push(line, place));
        let mut first = self.first();
        self.let_go = self.let_go.saturating_sub(scratch.blocks.len() as u64);
        self.bytes += scratch.bytes;
        for mut block in scratch.blocks.0.into_iter().rev().filter(|block| block.len() > 0) {
            let inner = Arc::make_mut(&mut block);
            first -= i64::try_from(inner.len()).unwrap_or(0);
            inner.first = first;
            inner.seal();
            inner.clamp(limit);
            self.blocks.0.push_front(block);
        }
        self.is_whole = is_start;
        if is_start {
            self.let_go = 0;
        }
        if self.by_moment {
            self.moments.push_front((first, i64::try_from(start).unwrap_or(0)));
        }
        if self.bytes > self.budget && !self.by_moment {
            self.hold = self.hold.or(Some(first));
            self.part_from_end();
        }
    }

    /// Takes bytes that stand right after those that are kept, while the live end is apart from them.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.aside.is_none() {
            return;
        }
        let before = self.end();
        self.put(bytes);
        let added = u64::try_from(self.end() - before).unwrap_or(0);
        if let Some(aside) = &mut self.aside {
            aside.lines = aside.lines.saturating_sub(added);
            // From the beginning of the live end's unfinished line on, it is what comes next.
            if self.splitter.next >= aside.splitter.next {
                self.aside = None;
            } else if self.splitter.next >= aside.splitter.start {
                self.splitter = std::mem::take(&mut aside.splitter);
                self.aside = None;
            }
        }
        self.let_go();
    }

    /// Shows another stretch of the log in place of this one: whole lines from byte `start` on. The live end goes on by itself until the
    /// stretch reaches it.
    pub fn replace(&mut self, start: u64, bytes: &[u8], is_start: bool) {
        let splitter = self.aside.take().map_or_else(|| std::mem::take(&mut self.splitter), |aside| aside.splitter);
        self.blocks = Blocks::default();
        (self.bytes, self.let_go, self.is_whole) = (0, 0, is_start);
        (self.number, self.stamped, self.judge) = (self.number + FAR, false, Judge::default());
        self.splitter = Splitter::at(start);
        self.aside = Some(Aside { splitter, lines: 0 });
        self.append(bytes);
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

    /// Where the kept lines begin, when there are earlier ones that can be read.
    pub fn before(&self) -> Option<u64> {
        if self.is_whole || self.is_empty() || self.blocks.0.front().is_some_and(|block| block.epoch != self.epoch) {
            return None;
        }
        if self.by_moment {
            // What more would be read could not be kept.
            let first = self.first();
            let told = self.moments.iter().find(|(line, _)| *line == first).map(|(_, moment)| *moment);
            return (self.bytes < self.budget).then(|| u64::try_from(told.unwrap_or_else(|| self.time(first))).unwrap_or(0));
        }
        let place = if self.blocks.is_empty() { self.splitter.start } else { self.blocks.place(self.first()) };
        (place > 0).then_some(place)
    }

    /// Where the kept lines end, when the live end is apart from them.
    pub fn after(&self) -> Option<u64> {
        self.aside.as_ref().map(|_| self.splitter.next)
    }

    /// Where the live end's last line begins.
    pub fn live(&self) -> u64 {
        self.aside.as_ref().map_or(self.splitter.start, |aside| aside.splitter.start)
    }

    /// About how large the source is, as far as is known.
    pub fn source_size(&self) -> u64 {
        self.live_end()
    }
}

fn gap(before: &mut usize, at: usize) -> Option<usize> {
    let gap = at - *before;
    *before = at + 1;
    Some(gap)
}

fn block_place(block: &Arc<Block>) -> u64 {
    let one = Blocks([block.clone()].into());
    one.place(block.first)
}

#[cfg(test)]
mod tests;
