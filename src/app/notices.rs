//! Receipts and failures: shown for some seconds, kept for the session.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::Failure;
use crate::ui::Tone;

/// How long a notice stays at the corner of the screen.
pub(super) const SHOWN: Duration = Duration::from_secs(5);
const SHOWN_BAD: Duration = Duration::from_secs(12);
const KEPT: usize = 500;

/// Something that was said to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) tone: Tone,
    pub(super) text: String,
    pub(super) hint: String,
}

impl Notice {
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into(), hint: String::new() }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { tone: Tone::Plain, text: text.into(), hint: String::new() }
    }
}

impl From<&Failure> for Notice {
    fn from(failure: &Failure) -> Self {
        let place = if failure.place.is_empty() { String::new() } else { format!("{}: ", failure.place) };
        Self { tone: Tone::Bad, text: format!("{place}{}", failure.what), hint: failure.hint.clone() }
    }
}

/// All notices, newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices {
    all: VecDeque<(Duration, Timestamp, Notice)>,
    dismissed: Duration,
}

impl Notices {
    pub(super) fn add(&mut self, now: Duration, wall: Timestamp, notice: Notice) {
        // What is said again while it is still there needs no second line.
        if self.all.back().is_some_and(|(at, _, last)| *last == notice && *at >= self.dismissed && now.saturating_sub(*at) < SHOWN) {
            return;
        }
        self.all.push_back((now, wall, notice));
        if self.all.len() > KEPT {
            self.all.pop_front();
        }
    }

    /// Those still at the corner, newest last.
    pub(super) fn fresh(&self, now: Duration) -> impl DoubleEndedIterator<Item = &Notice> {
        let fresh = move |at: Duration, n: &Notice| {
            at >= self.dismissed && now.saturating_sub(at) < if n.tone == Tone::Bad { SHOWN_BAD } else { SHOWN }
        };
        self.all.iter().filter(move |(at, _, n)| fresh(*at, n)).map(|(_, _, n)| n)
    }

    /// Takes everything off the corner of the screen; true when something was there.
    pub(super) fn dismiss(&mut self, now: Duration) -> bool {
        let any = self.fresh(now).next().is_some();
        self.dismissed = now + Duration::from_nanos(1);
        any
    }

    /// Everything that was said, oldest first, with the wall clock's time.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &Notice)> {
        self.all.iter().map(|(_, wall, notice)| (*wall, notice))
    }
}
