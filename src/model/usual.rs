//! How long operations on clusters usually take: the median of those that were seen to end well.
//!
//! Holds no figure of its own making: without one that ended there is none.

use std::collections::BTreeMap;

use super::Course;
use super::course::Stage;

/// No more of the latest operations of a kind than this are looked at.
pub const LATEST: u32 = 9;

/// What operations took, each with its phases. An operation is never compared with itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usual {
    /// By operation and phase, the whole under no title: when each began, and its seconds.
    spans: BTreeMap<(String, String), Vec<(i64, u64)>>,
}

/// An operation or a phase that was seen to end well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// `CREATE`, `UPDATE`, `DELETE`.
    pub operation: String,
    /// The phase's title; empty for the whole.
    pub phase: String,
    /// When the operation began, in seconds since 1970.
    pub began: i64,
    /// What it took.
    pub seconds: u64,
}

impl Usual {
    /// Of all these.
    pub fn of(seen: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: BTreeMap<(String, String), Vec<(i64, u64)>> = BTreeMap::new();
        for span in seen {
            spans.entry((span.operation, span.phase)).or_default().push((span.began, span.seconds));
        }
        Self { spans }
    }

    /// The seconds that the whole of such an operation usually takes.
    pub fn whole(&self, course: &Course) -> Option<u64> {
        self.phase(course, "")
    }

    /// The seconds that a phase of it usually takes, by its title.
    pub fn phase(&self, course: &Course, title: &str) -> Option<u64> {
        let mut seconds: Vec<u64> = self.others(course, title).collect();
        seconds.sort_unstable();
        seconds.get(seconds.len() / 2).copied()
    }

    /// How many others of its kind were seen to end.
    pub fn count(&self, course: &Course) -> usize {
        self.others(course, "").count()
    }

    /// How many of a kind were seen to end.
    pub fn known(&self, operation: &str) -> usize {
        self.spans.get(&(operation.to_owned(), String::new())).map_or(0, Vec::len)
    }

    fn others(&self, course: &Course, title: &str) -> impl Iterator<Item = u64> {
        let began = course.began.as_second();
        let all = self.spans.get(&(course.operation.clone(), title.to_owned())).into_iter().flatten();
        all.filter(move |(other, _)| *other != began).map(|(_, seconds)| *seconds)
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

    fn course(operation: &str, began: i64) -> Course {
        let began = jiff::Timestamp::from_second(began).unwrap();
        Course {
            operation: operation.into(),
            status: format!("{operation}_COMPLETE"),
            stage: Stage::Done,
            began,
            ended: Some(began),
            causes: Vec::new(),
            phases: Vec::new(),
            head: None,
        }
    }

    #[test]
    fn the_median_of_the_others_is_told_and_nothing_where_nothing_was_seen() {
        let span = |(began, seconds): (i64, u64)| Span { operation: "CREATE".into(), phase: String::new(), began, seconds };
        let usual = Usual::of([(1, 400), (2, 2_000), (3, 420)].map(span));
        let now = course("CREATE", 9);
        assert_eq!((usual.whole(&now), usual.count(&now), usual.known("CREATE")), (Some(420), 3, 3));
        assert_eq!((usual.phase(&now, "Head node"), usual.whole(&course("DELETE", 9)), usual.count(&course("DELETE", 9))), (None, None, 0));
        // One that has ended is among those that were seen, and is no measure of itself.
        assert_eq!((usual.whole(&course("CREATE", 3)), usual.count(&course("CREATE", 3))), (Some(2_000), 2));
        assert_eq!(Usual::of([(1, 400)].map(span)).whole(&course("CREATE", 1)), None);
        assert_eq!(Usual::of([]), Usual::default());
    }
}
