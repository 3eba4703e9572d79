//! Which tasks of an array a scheduler means: `7`, `8-99%4`, `1,3,5-9:2`.
//!
//! Never lists them one by one: an array can have millions.

/// Some tasks of one array, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskSpan {
    /// How many they are.
    pub count: u64,
    /// The lowest index.
    pub first: u64,
    /// The highest index.
    pub last: u64,
}

impl TaskSpan {
    /// Reads indices, ranges and ranges with steps, with or without brackets, and a `%` throttle, which is no task. What cannot be
    /// read in it, such as the `...` of a list that was cut off, is left out; `None` when nothing is left.
    pub fn read(text: &str) -> Option<Self> {
        if let Ok(one) = text.parse() {
            return Some(Self { count: 1, first: one, last: one });
        }
        let text = text.trim_start_matches('[').split(['%', ']']).next().unwrap_or("");
        text.split(',').filter_map(range).reduce(|a, b| Self {
            count: a.count.saturating_add(b.count),
            first: a.first.min(b.first),
            last: a.last.max(b.last),
        })
    }
}

/// `5`, `5-9`, `5-9:2`.
fn range(text: &str) -> Option<TaskSpan> {
    let (span, step) = text.split_once(':').unwrap_or((text, "1"));
    let (first, last) = span.split_once('-').unwrap_or((span, span));
    let (first, last, step): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, step.parse().ok()?);
    let steps = last.checked_sub(first)?.checked_div(step)?;
    Some(TaskSpan { count: steps.saturating_add(1), first, last: first + steps * step })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_to_name_tasks_is_counted() {
        let read = |text: &str| TaskSpan::read(text).map(|t| (t.count, t.first, t.last));
        assert_eq!(read("7"), Some((1, 7, 7)));
        assert_eq!(read("8-99%4"), Some((92, 8, 99)));
        assert_eq!(read("[1,3,5-9:2]"), Some((5, 1, 9)));
        assert_eq!(read("0-10:4"), Some((3, 0, 8)));
        assert_eq!(read("1-3,7,..."), Some((4, 1, 7)));
        for nothing in ["", "...", "9-1", "1-9:0", "a-b", "[]"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
        assert_eq!(read("0-18446744073709551615"), Some((u64::MAX, 0, u64::MAX)));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[0-9,:%\\-\\[\\].]{0,40}") {
            if let Some(tasks) = TaskSpan::read(&text) {
                prop_assert!(tasks.first <= tasks.last && tasks.count > 0);
            }
        }
    }
}
