//! Tasks of arrays under two spellings: qdeck's `12_3` and `12_[4-9:2]`, Grid Engine's `12.3` and `12.4-9:2`.
//!
//! Never lets anything but digits and the signs of a list reach a command.

use crate::model::{Failure, FailureKind, JobId};

/// A job, or some tasks of an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tasks<'a> {
    /// The number of the job or array.
    pub(super) job: &'a str,
    /// `3`, `4-9:2` or `1,3-5`; empty is all of it.
    pub(super) list: &'a str,
}

impl<'a> Tasks<'a> {
    /// Reads qdeck's spelling. Anything else is no job of Grid Engine's.
    pub(super) fn read(id: &'a JobId) -> Result<Self, Failure> {
        let (job, list) = id.as_str().split_once('_').unwrap_or((id.as_str(), ""));
        let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(list);
        let number = |text: &str| !text.is_empty() && text.len() < 12 && text.bytes().all(|b| b.is_ascii_digit());
        let is_list = list.is_empty() != id.as_str().contains('_') && list.split([',', '-', ':']).all(|n| list.is_empty() || number(n));
        if number(job) && is_list {
            return Ok(Self { job, list });
        }
        Err(Failure::new(FailureKind::NotFound, "", format!("{id} is no job of Grid Engine"))
            .hint("Its jobs are numbers, as 12; tasks of arrays are 12_3 and 12_[4-9]."))
    }

    /// The one task that it is, if it is one.
    pub(super) fn one(&self) -> Option<&'a str> {
        Some(self.list).filter(|list| !list.is_empty() && list.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Grid Engine's own spelling; each range of a list is a word of its own.
    pub(super) fn words(&self) -> Vec<String> {
        if self.list.is_empty() {
            return vec![self.job.to_owned()];
        }
        self.list.split(',').map(|range| format!("{}.{range}", self.job)).collect()
    }
}

/// qdeck's id for a row of `qstat`, whose list of tasks is empty where the job is no array.
pub(super) fn id(job: &str, list: &str) -> String {
    match list.strip_suffix(":1").unwrap_or(list) {
        "" => job.to_owned(),
        one if one.bytes().all(|b| b.is_ascii_digit()) => format!("{job}_{one}"),
        many => format!("{job}_[{many}]"),
    }
}

/// The one range `n-m:s` that `qsub -t` takes for a list such as `3,5,7-9`; `None` where it is no single range.
pub(super) fn range(list: &str) -> Option<String> {
    /// Grid Engine's own most tasks of an array.
    const MOST: usize = 75_000;
    let mut tasks = Vec::new();
    for part in list.split('%').next()?.split(',') {
        let (span, step) = part.split_once(':').map_or(Some((part, 1)), |(span, step)| Some((span, step.parse().ok()?)))?;
        let (from, to) = span.split_once('-').unwrap_or((span, span));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        if step == 0 || from == 0 || to < from || (to - from) / step + tasks.len() > MOST {
            return None;
        }
        tasks.extend((from..=to).step_by(step));
    }
    tasks.sort_unstable();
    tasks.dedup();
    let (first, last) = (*tasks.first()?, *tasks.last()?);
    let step = tasks.get(1).map_or(1, |second| second - first);
    let is_even = tasks.windows(2).all(|pair| pair[1] - pair[0] == step);
    is_even.then(|| if first == last { first.to_string() } else { format!("{first}-{last}:{step}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_both_ways() {
        for (job, list, ours, theirs) in [
            ("12", "", "12", "12"),
            ("12", "3", "12_3", "12.3"),
            ("12", "4-9:1", "12_[4-9]", "12.4-9"),
            ("12", "5-49:2", "12_[5-49:2]", "12.5-49:2"),
            ("12", "1,3-5:1", "12_[1,3-5]", "12.1 12.3-5"),
        ] {
            assert_eq!(id(job, list), ours);
            assert_eq!(Tasks::read(&JobId::new(ours)).unwrap().words().join(" "), theirs);
        }
        for bad in ["", "x", "12_", "12_[]", "12_$(x)", "12 13", "12_[1-]", "-f", "1;2", "123456789012"] {
            assert!(Tasks::read(&JobId::new(bad)).is_err(), "{bad}");
        }
        assert_eq!((Tasks::read(&JobId::new("7_3")).unwrap().one(), Tasks::read(&JobId::new("7_[3-4]")).unwrap().one()), (Some("3"), None));
    }

    #[test]
    fn a_list_is_one_range_or_none() {
        for (list, wanted) in [
            ("3", Some("3")),
            ("3,5,7", Some("3-7:2")),
            ("1-4,5", Some("1-5:1")),
            ("0-9%2", None),
            ("1,2,4", None),
            ("x", None),
            ("1-2:0", None),
        ] {
            assert_eq!(range(list).as_deref(), wanted, "{list}");
        }
        assert_eq!(range("1-99999999999"), None);
    }
}
