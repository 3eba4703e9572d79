//! Bytes into blocks: whole lines are copied as they are, what breaks or takes back is split first.
//!
//! Lets nothing go and knows no budget but the size of a block.

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};

use super::block::Block;
use super::split::{LONGEST, Splitter};
use super::{Lines, severity};

/// Lines are kept in blocks of about this many bytes, or a sixteenth of the budget where that is less.
const BLOCK: usize = 256 << 10;

impl Lines {
    /// Puts bytes at the end of what is kept.
    pub(super) fn put(&mut self, mut bytes: &[u8]) {
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

    pub(super) fn push(&mut self, text: &[u8], place: u64) {
        match self.reader.read(text) {
            Some(stamp) => (self.time, self.stamped) = (self.time.max(stamp.millis), true),
            None if !self.stamped => self.time = self.time.max(self.reader.now),
            None => {}
        }
        let severity = self.judge.look(text, severity::suspects(text).next().is_some());
        let time = self.time;
        self.with_block(|block| block.push(text, place, time, severity), text.len());
    }

    pub(super) fn with_block(&mut self, add: impl FnOnce(&mut Block), size: usize) {
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

    pub(super) fn begin_block(&mut self) {
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
}

fn gap(before: &mut usize, at: usize) -> Option<usize> {
    let gap = at - *before;
    *before = at + 1;
    Some(gap)
}
