//! How many calls a minute we cause in the scheduler that is looked at: counted, not computed from settings.
//!
//! The figure moves only when it is no longer true: one that trembles draws the eye and costs bytes.

use std::collections::VecDeque;
use std::time::Duration;

/// Calls of so long are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// Before so much has passed a rate would be a guess.
const ENOUGH: Duration = Duration::from_secs(30);

/// The calls of the last minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// When counting began: with an answer, whose own calls lie before it.
    since: Option<Duration>,
    made: VecDeque<(Duration, u32)>,
    shown: Option<u32>,
}

impl Calls {
    /// Forgets everything: another scheduler is looked at, or none is.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// An answer came that took so many calls.
    pub(super) fn made(&mut self, now: Duration, calls: u32) {
        if calls == 0 {
            return;
        }
        if self.since.is_none() {
            self.since = Some(now);
            return;
        }
        self.made.push_back((now, calls));
    }

    /// Time went on.
    pub(super) fn tick(&mut self, now: Duration) {
        let Some(since) = self.since else { return };
        // From answer to answer, as long as they come: where in a rhythm one looks makes no difference then.
        let end = self.made.back().map_or(since, |(at, _)| *at);
        let end = if now.saturating_sub(end) < ENOUGH { end } else { now };
        let begin = since.max(end.saturating_sub(WINDOW));
        while self.made.front().is_some_and(|(at, _)| *at <= begin) {
            self.made.pop_front();
        }
        let passed = end.saturating_sub(begin);
        if passed < ENOUGH {
            return;
        }
        let sum: u32 = self.made.iter().map(|(_, calls)| calls).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        let rate = (f64::from(sum) * 60.0 / passed.as_secs_f64()).round() as u32;
        let moved = |shown: u32| shown.abs_diff(rate) > (shown / 8).max(3);
        if self.shown.is_none_or(moved) {
            self.shown = Some(rate);
        }
    }

    /// Calls a minute, once they are known.
    pub(super) fn rate(&self) -> Option<u32> {
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rhythm_is_one_figure_that_stands_still() {
        let mut calls = Calls::default();
        let mut shown = Vec::new();
        for second in 0..600_u64 {
            let now = Duration::from_secs(second);
            // A queue every 5 s and nodes every 25 s, two calls each: 28.8 a minute.
            for interval in [5, 25] {
                calls.made(now, if second % interval == 0 { 2 } else { 0 });
            }
            calls.tick(now);
            shown.push(calls.rate());
        }
        assert_eq!(shown[29], None, "too early");
        shown.dedup();
        assert!(shown.len() <= 2, "{shown:?}");
        assert!(shown.last().unwrap().is_some_and(|rate| (26..=32).contains(&rate)), "{shown:?}");
        // It follows what changes, and ends with the questions.
        for second in 600..700 {
            calls.tick(Duration::from_secs(second));
        }
        assert_eq!(calls.rate(), Some(0));
        calls.forget();
        assert_eq!(calls.rate(), None);
    }
}
