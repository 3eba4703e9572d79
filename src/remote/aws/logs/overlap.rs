//! Which events have been handed on, where two ways of reading one stream overlap: none is lost between them, none doubled.
//!
//! Asks nobody and reads no clock. An event has no number in CloudWatch's answers, so equal ones of one millisecond are counted: what
//! either way has shown as often as it was handed on is known, one more is new.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;

/// Going back to asking begins this many milliseconds before the newest event: events may arrive in another order than they happened.
const MARGIN: i64 = 60_000;
/// Events older than this are forgotten.
const MEMORY: i64 = 2 * MARGIN;
/// No more than this many are remembered.
const MOST: usize = 200_000;

/// How an event came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// Asked for.
    Asked,
    /// Sent by Live Tail.
    Tailed,
}

#[derive(Clone, Copy, Default, Debug)]
struct Count {
    asked: u32,
    tailed: u32,
    handed_on: u32,
}

/// What was handed on lately.
#[derive(Debug)]
pub(super) struct Overlap {
    counts: HashMap<(i64, u64), Count>,
    order: BTreeSet<(i64, u64)>,
    /// Every event from this moment on is remembered; those before it must not be asked for again.
    since: i64,
    newest: i64,
    hasher: RandomState,
}

impl Default for Overlap {
    fn default() -> Self {
        Self { counts: HashMap::new(), order: BTreeSet::new(), since: 0, newest: 0, hasher: RandomState::new() }
    }
}

impl Overlap {
    /// Nothing before this moment is wanted, and of its millisecond only what comes first.
    pub(super) fn begin_after(&mut self, at: i64) {
        self.since = self.since.max(at + 1);
    }

    /// Whether this event has not been handed on. If so, it is now.
    pub(super) fn is_new(&mut self, way: Way, at: i64, message: &str) -> bool {
        let key = (at, self.hasher.hash_one(message));
        let count = self.counts.entry(key).or_default();
        let seen = match way {
            Way::Asked => &mut count.asked,
            Way::Tailed => &mut count.tailed,
        };
        *seen += 1;
        let is_new = *seen > count.handed_on;
        count.handed_on = count.handed_on.max(*seen);
        self.order.insert(key);
        self.newest = self.newest.max(at);
        self.forget();
        is_new
    }

    /// A session of Live Tail begins: it sends what arrives from now on.
    pub(super) fn begin_session(&mut self) {
        self.counts.values_mut().for_each(|count| count.tailed = 0);
    }

    /// Everything from the moment that this gives will be asked for again.
    pub(super) fn ask_again(&mut self) -> i64 {
        let from = self.since.max(self.newest - MARGIN).max(0);
        self.counts.iter_mut().filter(|((at, _), _)| *at >= from).for_each(|(_, count)| count.asked = 0);
        from
    }

    fn forget(&mut self) {
        while let Some(first) = self.order.first().copied()
            && (first.0 < self.newest - MEMORY || self.order.len() > MOST)
        {
            self.order.remove(&first);
            self.counts.remove(&first);
            self.since = self.since.max(first.0 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_events_of_one_millisecond_are_counted() {
        let mut overlap = Overlap::default();
        assert!(overlap.is_new(Way::Asked, 5_000, "a") && overlap.is_new(Way::Asked, 5_000, "a"));
        overlap.begin_session();
        assert!(!overlap.is_new(Way::Tailed, 5_000, "a") && !overlap.is_new(Way::Tailed, 5_000, "a"));
        assert!(overlap.is_new(Way::Tailed, 5_000, "a"), "a third one");
        assert_eq!(overlap.ask_again(), 0);
        assert_eq!((0..4).filter(|_| overlap.is_new(Way::Asked, 5_000, "a")).count(), 1, "the fourth");
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_not_asked_for_again() {
        let mut overlap = Overlap::default();
        for n in 0..300_000 {
            assert!(overlap.is_new(Way::Asked, 1_000_000 + n / 10, &n.to_string()));
        }
        assert!(overlap.order.len() <= MOST && overlap.counts.len() <= MOST);
        let from = overlap.ask_again();
        for n in 0..300_000 {
            let at = 1_000_000 + n / 10;
            assert!(at < from || !overlap.is_new(Way::Asked, at, &n.to_string()), "{n}");
        }
    }

    proptest! {
        /// A stream of events, many of them equal, read by turns in both ways, with sessions that end and begin anywhere.
        #[test]
        fn none_is_lost_and_none_doubled(
            steps in proptest::collection::vec((0_i64..3, 0_u8..3, 0_u8..4), 1..120),
        ) {
            let mut overlap = Overlap::default();
            let (mut all, mut got, mut at) = (Vec::<(i64, String)>::new(), Vec::new(), 1_000_000);
            let (mut asked, mut tailed): (usize, Option<usize>) = (0, None);
            for (pause, message, what) in steps {
                at += pause;
                all.push((at, format!("m{message}")));
                let mut take = |overlap: &mut Overlap, way, events: &[(i64, String)]| {
                    got.extend(events.iter().filter(|(at, m)| overlap.is_new(way, *at, m)).cloned());
                };
                match (what, tailed) {
                    // Asked up to now.
                    (0, _) => {
                        take(&mut overlap, Way::Asked, &all[asked..]);
                        asked = all.len();
                    }
                    // A session begins, and what was missed before it is asked for.
                    (1, None) => {
                        overlap.begin_session();
                        take(&mut overlap, Way::Asked, &all[asked..]);
                        (asked, tailed) = (all.len(), Some(all.len()));
                    }
                    (1 | 2, Some(from)) => {
                        take(&mut overlap, Way::Tailed, &all[from..]);
                        tailed = Some(all.len());
                    }
                    // It ends; what it had not sent yet is lost with it.
                    (3, Some(_)) => {
                        let from = overlap.ask_again();
                        tailed = None;
                        asked = all.partition_point(|(at, _)| *at < from);
                    }
                    _ => {}
                }
            }
            got.extend(all[asked..].iter().filter(|(at, m)| overlap.is_new(Way::Asked, *at, m)).cloned());
            got.sort();
            let mut expected = all.clone();
            expected.sort();
            prop_assert_eq!(got, expected);
        }
    }
}
