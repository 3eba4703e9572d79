//! Moving through a log: by lines, pages, percentages and moments; what is not here is read again on the way.
//!
//! A line that is looked at never moves by itself, whatever arrives above or below it.

use super::goal::Goal;
use super::thread::Aim;
use super::{Logs, Stamps, WINDOWS};
use crate::app::intent::Intent;
use crate::app::notices::Notice;
use crate::model::lines::{At, Weave};
use crate::model::{Answer, Failure, LogPlace, OutputKind, Query};
use crate::protocol::Action;

impl Logs {
    pub(in crate::app) fn act(&mut self, action: Action, rows: usize) -> Vec<Intent> {
        self.rows = rows.max(2);
        let page = self.rows - 1;
        match action {
            Action::Up => self.scroll(1, false),
            Action::Down => self.scroll(1, true),
            Action::PageUp => self.scroll(page, false),
            Action::PageDown => self.scroll(page, true),
            Action::HalfUp => self.scroll(page.div_ceil(2), false),
            Action::HalfDown => self.scroll(page.div_ceil(2), true),
            Action::Top if self.view.select.is_some() => self.stretch(usize::MAX, false),
            Action::Bottom if self.view.select.is_some() => self.stretch(usize::MAX, true),
            Action::Top => self.top(),
            Action::Bottom => self.bottom(),
            Action::Follow if self.view.follow => self.pause(),
            Action::Follow => self.bottom(),
            Action::Wrap => (self.view.wrap, self.view.left) = (!self.view.wrap, 0),
            Action::Left => self.view.left = self.view.left.saturating_sub(16),
            Action::Right if !self.view.wrap => self.view.left = (self.view.left + 16).min(1 << 20),
            Action::LogOther => {
                self.kind = if self.kind == OutputKind::Stdout { OutputKind::Stderr } else { OutputKind::Stdout };
            }
            Action::Stamps => {
                self.view.stamps = match self.view.stamps {
                    Stamps::Written => Stamps::Ages,
                    Stamps::Ages => Stamps::Hidden,
                    Stamps::Hidden => Stamps::Written,
                };
            }
            Action::Shorter => self.window(self.view.window.map_or(0, |w| (w + 1).min(WINDOWS.len() - 1)).into()),
            Action::Longer => self.window(self.view.window.and_then(|w| w.checked_sub(1))),
            Action::NextHit => return self.find(true),
            Action::PreviousHit => return self.find(false),
            Action::FindAll => return self.find_in_whole(false),
            Action::NextError => return self.error(true),
            Action::PreviousError => return self.error(false),
            Action::MarkLine => self.mark(),
            Action::NextMark => return self.next_mark(),
            Action::SelectLines => self.select(),
            Action::Copy => return self.copy(),
            Action::PageLog => return self.page(),
            Action::Open => return vec![Intent::Do(Action::Zoom)],
            _ => {}
        }
        Vec::new()
    }

    /// The row that is at the top of the pane.
    pub(super) fn top_rank(&self, weave: &Weave<'_>) -> usize {
        let last = self.last_rank(weave);
        self.view.top.filter(|_| !self.view.follow).map_or(last, |top| weave.rank(top).min(last))
    }

    /// The row at the top when the end is seen; one more is needed to say that there is more below.
    fn last_rank(&self, weave: &Weave<'_>) -> usize {
        let apart = self.threads.iter().any(|thread| thread.lines.is_apart());
        (weave.len() + usize::from(apart)).saturating_sub(self.rows)
    }

    /// Stands still from now on.
    pub(super) fn pause(&mut self) {
        if self.view.follow {
            let weave = self.weave();
            let top = weave.at(self.top_rank(&weave));
            (self.view.top, self.view.follow, self.view.paused_at) = (top, false, self.new_lines());
        }
    }

    fn scroll(&mut self, lines: usize, down: bool) {
        if self.view.select.is_some() {
            return self.stretch(lines, down);
        }
        let weave = self.weave();
        let (len, from) = (weave.len(), self.top_rank(&weave));
        let apart = self.threads.iter().any(|thread| thread.lines.is_apart());
        let last = self.last_rank(&weave);
        let to = if down { (from + lines).min(last) } else { from.saturating_sub(lines) };
        let top = weave.at(to);
        // Whoever scrolls down to the end wants to see what comes.
        if down && to >= last && !apart {
            self.view.follow = true;
            return;
        }
        self.pause();
        self.view.top = top;
        if !down && to < self.rows {
            self.reach_back();
        } else if down && to + 2 * self.rows > len {
            self.reach_on();
        }
    }

    /// Reads what stands before the first line that is here.
    fn reach_back(&mut self) {
        let can = self.threads.iter_mut().filter(|thread| thread.reading.is_none() && thread.lines.before().is_some());
        // Of several logs the one that begins latest hides most of what the others have to say above.
        if let Some(thread) = can.max_by_key(|thread| thread.lines.time(thread.lines.first())) {
            thread.read(Aim::Back(None));
        }
    }

    fn reach_on(&mut self) {
        for thread in self.threads.iter_mut().filter(|thread| thread.reading.is_none() && thread.lines.is_apart()) {
            thread.read(Aim::On);
        }
    }

    fn top(&mut self) {
        self.pause();
        self.view.top = self.weave().at(0);
        match self.threads.as_mut_slice() {
            [one] if !one.lines.by_moment() && one.lines.before().is_some() => one.read(Aim::Start),
            // A stream can only be read back, as far as there is room.
            [one] if one.lines.before().is_some() => one.read(Aim::Back(Some(i64::MIN))),
            _ => self.reach_back(),
        }
    }

    fn bottom(&mut self) {
        (self.view.cursor, self.view.select) = (None, None);
        let mut apart = self.threads.iter_mut().filter(|thread| thread.lines.is_apart()).peekable();
        if apart.peek().is_none() {
            self.view.follow = true;
            return;
        }
        apart.for_each(|thread| thread.read(Aim::End));
    }

    fn window(&mut self, window: Option<usize>) {
        self.view.window = window;
        self.counted = None;
        if let Some(since) = self.window_start() {
            for thread in &mut self.threads {
                if !thread.lines.is_empty() && thread.lines.time(thread.lines.first()) > since && thread.lines.before().is_some() {
                    thread.read(Aim::Back(Some(since)));
                }
            }
        }
    }

    /// Shows a line, and leaves the view where it is if the line is in it.
    pub(super) fn go(&mut self, at: At) {
        self.pause();
        let weave = self.weave();
        let (rank, top) = (weave.rank(at), self.top_rank(&weave));
        let seen = (top..top + self.rows.saturating_sub(1)).contains(&rank);
        let top = if seen { top } else { rank.saturating_sub(self.rows / 3) };
        let top = weave.at(top.min(weave.len().saturating_sub(self.rows)));
        (self.view.top, self.view.cursor) = (top, Some(at));
    }

    /// Goes where somebody asked to.
    pub(in crate::app) fn go_to(&mut self, text: &str) -> Vec<Intent> {
        let Some(first) = self.threads.first() else { return Vec::new() };
        let weave = self.weave();
        let end = weave.len().checked_sub(1).and_then(|rank| weave.at(rank)).map_or(self.now, |at| weave.time(at));
        let Some(goal) = Goal::parse(text, first.lines.reader(), end, self.now) else {
            return said(format!("`{text}` is no place in a log: 50%, 14:05, 2026-11-25 14:05, -10m, or a line's number."));
        };
        match goal {
            Goal::Percent(0) => self.top(),
            Goal::Percent(100) => self.bottom(),
            Goal::Percent(percent) => self.go_to_part(percent),
            Goal::Moment(moment) => self.go_to_moment(moment),
            Goal::Line(number) => return self.go_to_line(number),
        }
        Vec::new()
    }

    fn go_to_part(&mut self, percent: u64) {
        if let [one] = self.threads.as_mut_slice()
            && !one.lines.by_moment()
            && (one.lines.before().is_some() || one.lines.is_apart())
        {
            let place = u128::from(one.lines.source_size()) * u128::from(percent) / 100;
            return self.go_to_place(u64::try_from(place).unwrap_or(u64::MAX), None);
        }
        let weave = self.weave();
        let rank = weave.len() * usize::try_from(percent).unwrap_or(100) / 100;
        if let Some(at) = weave.at(rank) {
            self.go(at);
        }
    }

    /// Goes to a place of the only log, which is read around there where it is not here.
    pub(super) fn go_to_place(&mut self, place: u64, moment: Option<i64>) {
        let Some(thread) = self.threads.first_mut() else { return };
        let lines = &thread.lines;
        let here = lines.before().unwrap_or(0)..lines.after().unwrap_or(u64::MAX);
        match lines.blocks().at_place(place).filter(|_| here.contains(&place)) {
            Some(line) => self.go(At { log: 0, line }),
            None => {
                thread.read(Aim::Around { place, moment });
                self.pause();
            }
        }
    }

    fn go_to_moment(&mut self, moment: i64) {
        let weave = self.weave();
        let earlier: usize = weave.strands().iter().map(|strand| strand.before(moment)).sum();
        let here = weave.at(earlier.min(weave.len().saturating_sub(1)));
        if let [one] = self.threads.as_mut_slice() {
            let lines = &one.lines;
            let before = lines.before().filter(|_| moment < lines.time(lines.first()));
            let after = lines.after().filter(|_| moment > lines.time(lines.end() - 1));
            match (before, after) {
                (Some(_), _) if lines.by_moment() => one.read(Aim::Back(Some(moment))),
                (Some(high), _) => one.read(Aim::Seek { low: 0, high, moment }),
                (None, Some(low)) => {
                    let high = lines.live();
                    one.read(Aim::Seek { low, high, moment });
                }
                (None, None) => {}
            }
            if one.reading.is_some() {
                return self.pause();
            }
        }
        if let Some(at) = here {
            self.go(at);
        }
    }

    fn go_to_line(&mut self, number: u64) -> Vec<Intent> {
        let [one] = self.threads.as_slice() else {
            return said("Lines of several logs have no common numbers: go to a time instead.".to_owned());
        };
        if one.lines.before().is_some() || one.lines.gone() > 0 {
            return said("The beginning is not here, so its lines cannot be counted: g goes there.".to_owned());
        }
        let line = one.lines.first() + i64::try_from(number).unwrap_or(i64::MAX) - 1;
        if line >= one.lines.end() {
            return said(format!("There is no line {number} here."));
        }
        self.go(At { log: 0, line });
        Vec::new()
    }

    /// Takes a part that was read.
    pub(super) fn read(&mut self, log: usize, query: &Query, result: Result<Answer, Failure>) -> Vec<Intent> {
        let Some(reading) = self.threads[log].reading.take_if(|reading| reading.query == *query) else { return Vec::new() };
        let (start, bytes, is_start) = match result {
            Ok(Answer::LogRange { start, bytes, is_start, .. }) => (start, bytes, is_start),
            Ok(_) => return Vec::new(),
            Err(failure) => return vec![Intent::Note(Notice::from(&failure))],
        };
        let start = match start {
            LogPlace::Byte(at) => at,
            LogPlace::Moment(_) => 0,
        };
        let hold = self.held(log);
        let follow = self.view.follow;
        let lines = &mut self.threads[log].lines;
        lines.hold(hold);
        match reading.aim {
            Aim::Back(until) => {
                // Who went back to the end meanwhile shall not lose it.
                if follow && lines.size() + bytes.len() > lines.budget() {
                    return Vec::new();
                }
                lines.prepend(start, &bytes, is_start || bytes.is_empty());
                self.reached(log, until);
            }
            Aim::On => lines.append(&bytes),
            Aim::Start => {
                lines.replace(start, &bytes, is_start);
                self.show(log, None);
            }
            Aim::End => {
                lines.replace(start, &bytes, is_start);
                self.view.follow = self.threads.iter().all(|thread| !thread.lines.is_apart());
                self.show(log, None);
            }
            Aim::Around { place, moment } => {
                lines.replace(start, &bytes, is_start);
                let line = match moment {
                    Some(moment) => lines.blocks().at_time(moment).min(lines.end() - 1),
                    None => lines.blocks().at_place(place).unwrap_or(lines.first()),
                };
                self.show(log, Some(line));
            }
            Aim::Seek { low, high, moment } => self.narrow(log, (low, high), moment, &bytes),
        }
        Vec::new()
    }

    /// Goes on reading back until a moment is reached, as long as there is room.
    fn reached(&mut self, log: usize, until: Option<i64>) {
        let Some(until) = until else { return };
        let window = self.window_start().is_some();
        let thread = &mut self.threads[log];
        let lines = &thread.lines;
        let there = lines.time(lines.first()) <= until || lines.before().is_none();
        if !there && lines.size() < lines.budget() / 4 * 3 {
            thread.read(Aim::Back(Some(until)));
        } else if until == i64::MIN {
            self.view.top = self.weave().at(0);
        } else if !window {
            let line = lines.blocks().at_time(until);
            self.go(At { log, line });
        }
    }

    /// The view after another stretch took the place of what was here.
    fn show(&mut self, log: usize, line: Option<i64>) {
        self.marks.retain(|at| at.log != log);
        let thread = &mut self.threads[log];
        (thread.open, self.view.select) = (thread.lines.open().is_some(), None);
        let first = At { log, line: thread.lines.first() };
        self.view.top = Some(first);
        self.view.cursor = None;
        if let Some(line) = line {
            self.go(At { log, line });
        }
    }

    /// Halves the stretch in which a moment lies, until it is short enough to be read.
    fn narrow(&mut self, log: usize, (low, high): (u64, u64), moment: i64, bytes: &[u8]) {
        let thread = &mut self.threads[log];
        let reader = thread.lines.reader();
        let middle = low.midpoint(high);
        let first = bytes.split(|b| *b == b'\n').find_map(|line| reader.read(line));
        let (low, high) = if first.is_some_and(|stamp| stamp.millis < moment) { (middle, high) } else { (low, middle) };
        if high - low > thread.part() / 2 {
            thread.read(Aim::Seek { low, high, moment });
        } else {
            thread.read(Aim::Around { place: low, moment: Some(moment) });
        }
    }
}

pub(super) fn said(text: String) -> Vec<Intent> {
    vec![Intent::Note(Notice::plain(text))]
}
