//! Which stretch of the log is kept: what is let go, what is read again, and how the live end is met again.
//!
//! Asks nobody: it says where more can be read, and takes it when it comes.

use std::sync::Arc;

use super::block::Block;
use super::severity::Judge;
use super::split::Splitter;
use super::{Aside, Blocks, FAR, Lines};

impl Lines {
    /// Lets go what is over the budget: of the beginning, or of the end where the beginning is being looked at.
    pub(super) fn let_go(&mut self) {
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
}

fn block_place(block: &Arc<Block>) -> u64 {
    let one = Blocks([block.clone()].into());
    one.place(block.first)
}
