//! Live logs: the selected job's output, or what the user chose, or several together in the order of time.
//!
//! Keeps no list of rows and decodes only what is seen; what takes time that grows with a log is done elsewhere and comes back as an event.

mod draw;
mod finding;
mod goal;
mod moving;
mod out;
mod remark;
mod thread;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Look, prose};
use crate::app::intent::Intent;
use crate::model::lines::{At, Density, Pattern, Printout, Strand, Weave};
use crate::model::{Answer, Failure, LogSource, OutputKind, Query};
use crate::protocol::Clock;
use finding::{Filtering, Search};
use thread::Thread;

/// A cursor that is still moving opens no log: each opening costs the head node a process.
pub(in crate::app) const PAUSE: Duration = Duration::from_millis(150);
/// The histogram is counted anew no more often than this.
const COUNT: Duration = Duration::from_millis(500);

/// The windows of time that can be shown, in their own words and milliseconds.
const WINDOWS: [(&str, i64); 4] = [("last hour", 3_600_000), ("last 15 min", 900_000), ("last 5 min", 300_000), ("last minute", 60_000)];

/// How times are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stamps {
    #[default]
    Written,
    Ages,
    Hidden,
}

/// Which part is looked at, and how.
#[derive(Clone, Debug)]
struct View {
    follow: bool,
    /// The first visible line while not following.
    top: Option<At>,
    /// The line that keys mean: a hit, an error, a line that was clicked.
    cursor: Option<At>,
    /// Where a selection began.
    select: Option<At>,
    left: usize,
    wrap: bool,
    stamps: Stamps,
    window: Option<usize>,
    /// Lines that had arrived when following ended.
    paused_at: u64,
}

/// The pane's state.
#[derive(Clone, Debug)]
pub(in crate::app) struct Logs {
    threads: Vec<Thread>,
    /// When it may be opened.
    opens: Duration,
    kind: OutputKind,
    budget: usize,
    zone: i32,
    /// Milliseconds since 1970.
    now: i64,
    view: View,
    search: Search,
    filter: Filtering,
    words: Vec<Pattern>,
    marks: BTreeSet<At>,
    density: Density,
    counted: Option<(Duration, usize, u64)>,
    searches: u64,
    /// Rows of the pane, and cells in each.
    rows: usize,
    cells: usize,
}

impl Logs {
    /// No log. All logs that will be shown together hold about `budget` bytes.
    pub(in crate::app) fn new(budget: usize) -> Self {
        let view = View {
            follow: true,
            top: None,
            cursor: None,
            select: None,
            left: 0,
            wrap: false,
            stamps: Stamps::default(),
            window: None,
            paused_at: 0,
        };
        Self {
            threads: Vec::new(),
            opens: Duration::ZERO,
            kind: OutputKind::Stdout,
            budget,
            zone: 0,
            now: 0,
            view,
            search: Search::default(),
            filter: Filtering::default(),
            words: Vec::new(),
            marks: BTreeSet::new(),
            density: Density::default(),
            counted: None,
            searches: 0,
            rows: 2,
            cells: 80,
        }
    }

    /// Shows another log, alone, and opens it at that time. The same one again changes nothing but its title.
    pub(in crate::app) fn watch(&mut self, source: Option<LogSource>, title: String, opens: Duration) {
        if let [thread] = self.threads.as_mut_slice()
            && Some(&thread.source) == source.as_ref()
        {
            thread.title = title;
            return;
        }
        let (wrap, stamps) = (self.view.wrap, self.view.stamps);
        let fresh = Self::new(self.budget);
        *self = Self {
            opens,
            kind: self.kind,
            zone: self.zone,
            now: self.now,
            view: View { wrap, stamps, ..fresh.view.clone() },
            words: std::mem::take(&mut self.words),
            searches: self.searches,
            rows: self.rows,
            cells: self.cells,
            ..fresh
        };
        self.threads = source.into_iter().map(|source| Thread::new(source, title.clone(), self.budget, self.zone)).collect();
    }

    /// Shows another log together with those that are shown.
    pub(in crate::app) fn watch_also(&mut self, source: LogSource, title: String) -> Vec<Intent> {
        if self.threads.iter().any(|thread| thread.source == source) {
            return Vec::new();
        }
        self.threads.push(Thread::new(source, title, self.budget, self.zone));
        self.share()
    }

    /// Shows a log no longer.
    pub(in crate::app) fn unwatch(&mut self, source: &LogSource) -> Vec<Intent> {
        let Some(gone) = self.threads.iter().position(|thread| thread.source == *source) else { return Vec::new() };
        self.threads.remove(gone);
        let moved = |at: At| match at.log.cmp(&gone) {
            std::cmp::Ordering::Less => Some(at),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(At { log: at.log - 1, ..at }),
        };
        let view = &mut self.view;
        (view.top, view.cursor, view.select) = (view.top.and_then(moved), view.cursor.and_then(moved), None);
        view.follow |= view.top.is_none();
        self.marks = self.marks.iter().filter_map(|at| moved(*at)).collect();
        self.share()
    }

    /// The memory is for all logs together, and a search is for all of them.
    fn share(&mut self) -> Vec<Intent> {
        let each = self.budget / self.threads.len().max(1);
        self.threads.iter_mut().for_each(|thread| thread.lines.set_budget(each));
        self.counted = None;
        self.search_anew().into_iter().chain(self.filter_anew()).collect()
    }

    /// What is shown, in order.
    pub(in crate::app) fn sources(&self) -> impl Iterator<Item = (&LogSource, &str)> {
        self.threads.iter().map(|thread| (&thread.source, thread.title.as_str()))
    }

    /// The questions to keep open: the logs themselves, once the cursor has rested, and what of them is to be read again.
    pub(in crate::app) fn wanted(&self, now: Duration) -> (Vec<&LogSource>, Vec<Query>) {
        if now < self.opens {
            return (Vec::new(), Vec::new());
        }
        let asked = self.threads.iter().filter_map(|thread| thread.reading.as_ref().map(|reading| reading.query.clone()));
        (self.threads.iter().map(|thread| &thread.source).collect(), asked.chain(self.search.asks()).collect())
    }

    /// How long until a log may be opened that is not open yet.
    pub(in crate::app) fn rest_of_pause(&self, now: Duration) -> Option<Duration> {
        self.threads.first()?;
        self.opens.checked_sub(now).filter(|rest| !rest.is_zero())
    }

    pub(in crate::app) fn kind(&self) -> OutputKind {
        self.kind
    }

    pub(in crate::app) fn search(&self) -> &str {
        self.search.text()
    }

    /// Time went on, or the pane got another size.
    pub(in crate::app) fn tick(&mut self, clock: Clock, zone: &TimeZone, (rows, cells): (usize, usize)) {
        self.now = clock.wall.as_millisecond();
        (self.rows, self.cells) = (rows.max(2), cells);
        self.zone = zone.to_offset(clock.wall).seconds();
        let arrived = self.arrived();
        let due = self.counted.is_none_or(|(at, height, lines)| height != rows || lines != arrived && clock.since_start >= at + COUNT);
        if due {
            self.count(clock.since_start, rows);
        }
    }

    fn count(&mut self, now: Duration, rows: usize) {
        self.density = Density::of(&self.weave(), rows);
        self.counted = Some((now, rows, self.arrived()));
    }

    fn arrived(&self) -> u64 {
        self.threads.iter().map(|thread| thread.lines.arrived()).sum()
    }

    fn new_lines(&self) -> u64 {
        self.threads.iter().map(Thread::new_lines).sum()
    }

    /// Takes what a log said, or a part of it that was asked for.
    pub(in crate::app) fn heard(&mut self, query: &Query, result: Result<Answer, Failure>) -> Vec<Intent> {
        match query {
            Query::Log(source, _) => {
                let Some(log) = self.threads.iter().position(|thread| thread.source == *source) else { return Vec::new() };
                let now = self.now;
                let hold = self.held(log);
                let passes = self.filter.pattern().cloned();
                let thread = &mut self.threads[log];
                thread.lines.hold(hold);
                match result {
                    Err(failure) => thread.failure = Some(failure),
                    Ok(Answer::Log(event)) => thread.take(event, now),
                    Ok(_) => {}
                }
                thread.open = thread.lines.open().is_some_and(|line| passes.is_none_or(|pattern| pattern.matches(line, true)));
                self.sift()
            }
            Query::LogRange { source, .. } => {
                let Some(log) = self.threads.iter().position(|thread| thread.source == *source) else { return Vec::new() };
                let mut intents = self.read(log, query, result);
                self.counted = None;
                intents.extend(self.sift());
                intents
            }
            Query::LogFind { .. } => self.found_in_whole(query, result),
            _ => Vec::new(),
        }
    }

    /// The line of a log above which nothing is looked at; `None` while its end is followed.
    fn held(&self, log: usize) -> Option<i64> {
        let top = self.view.top.filter(|_| !self.view.follow)?;
        if top.log == log {
            return Some(top.line);
        }
        let weave = Weave::new(self.threads.iter().map(|thread| Strand::new(&thread.lines, None, true)).collect());
        let before = weave.gap(top).get(log).copied()?;
        Some(self.threads[log].lines.first() + i64::try_from(before).unwrap_or(0))
    }

    /// What is seen: all logs, filtered, from the beginning of the window on.
    fn weave(&self) -> Weave<'_> {
        let since = self.window_start();
        let strand = |thread| {
            let strand = if self.filter.is_on() { Thread::kept(thread) } else { Strand::new(&thread.lines, None, true) };
            since.map_or(strand, |since| strand.since(since))
        };
        Weave::new(self.threads.iter().map(strand).collect())
    }

    fn window_start(&self) -> Option<i64> {
        self.view.window.map(|window| self.now - WINDOWS[window].1)
    }

    /// What is shown, to be written elsewhere.
    fn printout(&self, range: Option<(At, At)>) -> Printout {
        let several = self.threads.len() > 1;
        let logs = self.threads.iter().map(|thread| {
            let tag = if several { format!("{} │ ", thread.tag()) } else { String::new() };
            (tag, thread.lines.clone(), self.filter.is_on().then(|| thread.kept.lines.clone()))
        });
        Printout { logs: logs.collect(), since: self.window_start(), range }
    }
}
