//! One of the logs that are shown: where it comes from, what of it is here, and what is being read of it.
//!
//! Knows nothing of the other logs, nor of what is on screen.

use crate::model::lines::{Hits, Lines, Strand};
use crate::model::{Failure, LogEvent, LogPlace, LogSource, Place, Query};

/// How far a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Opening,
    Waiting(String),
    Reading,
    CaughtUp,
}

/// Why a part of the log is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// What stands before the kept lines; and so on until this moment is reached.
    Back(Option<i64>),
    /// What stands after them.
    On,
    /// Its beginning.
    Start,
    /// Its live end.
    End,
    /// A place, which the cursor goes to, or to the first line that is not earlier than a moment.
    Around { place: u64, moment: Option<i64> },
    /// A moment that lies between two places.
    Seek { low: u64, high: u64, moment: i64 },
}

/// A part that is being read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) aim: Aim,
    pub(super) query: Query,
}

/// One log.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub(super) source: LogSource,
    pub(super) title: String,
    pub(super) lines: Lines,
    pub(super) status: Status,
    pub(super) failure: Option<Failure>,
    pub(super) reading: Option<Reading>,
    /// Hits of the search.
    pub(super) hits: Hits,
    /// What the filter lets through.
    pub(super) kept: Hits,
    /// Whether it lets the unfinished line through.
    pub(super) open: bool,
    /// How it is read, where its source has several ways.
    pub(super) way: String,
    /// Lines that had arrived when all was read that was there at first.
    old: Option<u64>,
}

/// How much is read at once when one scrolls.
const PART: u64 = 256 << 10;
/// How much is read to see when something was written.
const LOOK: i64 = 16 << 10;

impl Thread {
    /// A log that is not open yet. Clocks of this machine are in the user's `zone`, those of clusters in UTC.
    pub(super) fn new(source: LogSource, title: String, budget: usize, zone: i32) -> Self {
        let here = matches!(&source, LogSource::File { place: Place::Here, .. });
        let here = here || matches!(&source, LogSource::Output { cluster, .. } if *cluster == crate::model::ClusterId::local());
        let by_moment = matches!(source, LogSource::Stream { .. });
        let lines = Lines::new(budget, if here { zone } else { 0 }, by_moment);
        Self {
            source,
            title,
            lines,
            status: Status::Opening,
            failure: None,
            reading: None,
            hits: Hits::default(),
            kept: Hits::default(),
            open: false,
            way: String::new(),
            old: None,
        }
    }

    /// Lines that were written since the log was opened.
    pub(super) fn new_lines(&self) -> u64 {
        self.old.map_or(0, |old| self.lines.arrived() - old)
    }

    /// What the filter lets through.
    pub(super) fn kept(&self) -> Strand<'_> {
        Strand::new(&self.lines, Some(&self.kept.lines), self.open)
    }

    /// A short name beside its lines.
    pub(super) fn tag(&self) -> String {
        match &self.source {
            LogSource::Output { job, kind, .. } => format!("{job} {}", &kind.word()[3..]),
            LogSource::File { path, .. } => path.rsplit('/').next().unwrap_or(path).to_owned(),
            LogSource::Stream { stream, .. } => {
                let what = stream.rsplit('.').next().unwrap_or(stream);
                let node = self.title.split_once(" of ").map_or("", |(_, node)| node);
                if node.is_empty() || node == "HeadNode" { what.to_owned() } else { format!("{node} {what}") }
            }
        }
    }

    /// Takes what the log said, at `now` in milliseconds since 1970.
    pub(super) fn take(&mut self, event: LogEvent, now: i64) {
        self.failure = None;
        match event {
            LogEvent::Waiting { why } => {
                if self.status != Status::Opening && !self.lines.is_empty() && self.status != Status::Waiting(why.clone()) {
                    self.lines.mark(format!("── {why} ──"));
                }
                self.status = Status::Waiting(why);
            }
            LogEvent::Opened { start, size, .. } => {
                self.lines.opened(start, size);
                self.status = Status::Reading;
            }
            LogEvent::Bytes { offset, bytes } => self.lines.feed(offset, &bytes, now),
            LogEvent::Restarted { why } => self.lines.restarted(&why),
            LogEvent::CaughtUp => {
                self.status = Status::CaughtUp;
                self.old = self.old.or(Some(self.lines.arrived()));
            }
            LogEvent::At(LogPlace::Moment(moment)) => self.lines.at_moment(moment),
            LogEvent::At(LogPlace::Byte(_)) => {}
            LogEvent::Remark(way) => self.way = way,
        }
    }

    /// How much is read at once: not more than can be kept together with what is seen.
    pub(super) fn part(&self) -> u64 {
        PART.min(self.lines.budget() as u64 / 4).max(1_024)
    }

    /// Begins to read another part; what was being read is given up.
    pub(super) fn read(&mut self, aim: Aim) {
        let byte = LogPlace::Byte;
        let moment = |at: u64| LogPlace::Moment(i64::try_from(at).unwrap_or(i64::MAX));
        let place = if self.lines.by_moment() { moment } else { byte };
        let part = self.part();
        let bytes = i64::try_from(part).unwrap_or(i64::MAX);
        let wanted = match aim {
            Aim::Back(_) => self.lines.before().map(|at| (place(at), -bytes)),
            Aim::On => self.lines.after().map(|at| (place(at), bytes)),
            Aim::Start => Some((byte(0), bytes)),
            Aim::End => Some((byte(self.lines.live()), -bytes)),
            Aim::Around { place, .. } => Some((byte(place.saturating_sub(part / 4)), bytes)),
            Aim::Seek { low, high, .. } => Some((byte(low.midpoint(high)), bytes.min(LOOK))),
        };
        self.reading = wanted.map(|(at, bytes)| Reading { aim, query: Query::LogRange { source: self.source.clone(), at, bytes } });
    }
}
