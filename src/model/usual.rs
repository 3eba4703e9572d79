//! How long operations on clusters usually take: the median of those that were seen to end well.
//!
//! Holds no figure of its own making: without one that ended there is none.

use std::collections::BTreeMap;

use super::Course;
use super::course::Stage;

/// No more of the latest operations of a kind than this are looked at.
pub const LATEST: u32 = 9;

/// What operations took, each with its phases.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usual {
    /// By operation and phase, the whole under no title: the median in seconds, and of how many.
    spans: BTreeMap<(String, String), (u64, usize)>,
}

impl Usual {
    /// Of (operation, phase, seconds); the whole of an operation has no phase.
    pub fn of(seen: impl IntoIterator<Item = (String, String, u64)>) -> Self {
        let mut all: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
        for (operation, phase, seconds) in seen {
            all.entry((operation, phase)).or_default().push(seconds);
        }
        let median = |mut seconds: Vec<u64>| {
            seconds.sort_unstable();
            (seconds[seconds.len() / 2], seconds.len())
        };
        Self { spans: all.into_iter().map(|(key, seconds)| (key, median(seconds))).collect() }
    }

    /// The seconds that a whole operation (`CREATE`) usually takes.
    pub fn whole(&self, operation: &str) -> Option<u64> {
        self.phase(operation, "")
    }

    /// The seconds that a phase of it usually takes, by its title.
    pub fn phase(&self, operation: &str, title: &str) -> Option<u64> {
        self.spans.get(&(operation.to_owned(), title.to_owned())).map(|(median, _)| *median)
    }

    /// How many of its kind were seen to end.
    pub fn count(&self, operation: &str) -> usize {
        self.spans.get(&(operation.to_owned(), String::new())).map_or(0, |(_, count)| *count)
    }
}

/// What an operation that ended well took, as [`Usual::of`] reads it; nothing of any other.
pub fn spans(course: &Course) -> Vec<(String, u64)> {
    let Some(ended) = course.ended.filter(|_| course.stage == Stage::Done) else { return Vec::new() };
    let seconds = |began: jiff::Timestamp, ended: jiff::Timestamp| u64::try_from(ended.as_second() - began.as_second()).unwrap_or(0);
    let phases = course.phases.iter().filter_map(|p| Some((p.title.to_owned(), seconds(p.began, p.ended?))));
    std::iter::once((String::new(), seconds(course.began, ended))).chain(phases).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_told_and_nothing_where_nothing_was_seen() {
        let seen = |seconds: &[u64]| seconds.iter().map(|s| ("CREATE".to_owned(), String::new(), *s)).collect::<Vec<_>>();
        let usual = Usual::of(seen(&[400, 2_000, 420]));
        assert_eq!((usual.whole("CREATE"), usual.count("CREATE")), (Some(420), 3));
        assert_eq!((usual.whole("DELETE"), usual.phase("CREATE", "Head node"), usual.count("DELETE")), (None, None, 0));
        assert_eq!(Usual::of(seen(&[])), Usual::default());
    }
}
