//! A job that can be submitted again: as it was, edited, or only some tasks of it.

use super::list::compact;
use super::{JobState, Submission};

/// How a job was submitted, and what became of its tasks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Again {
    /// What to hand to the scheduler.
    pub submission: Submission,
    /// What a person should know before it is sent: what could not be found out, and what will be different.
    pub notes: Vec<String>,
    /// Its array's tasks, where it is or belongs to an array.
    pub tasks: Option<Tasks>,
}

/// What is known of the tasks of an array.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tasks {
    /// Each task that is known, with its last known state, in order.
    pub states: Vec<(u32, JobState)>,
    /// So many tasks may run at a time.
    pub limit: Option<u32>,
}

impl Tasks {
    /// The tasks that failed, in order.
    pub fn failed(&self) -> Vec<u32> {
        self.of(JobState::is_bad)
    }

    /// The tasks whose state is as wanted, in order.
    pub fn of(&self, wanted: impl Fn(JobState) -> bool) -> Vec<u32> {
        self.states.iter().filter(|(_, state)| wanted(*state)).map(|(task, _)| *task).collect()
    }

    /// These tasks as the option `--array` takes them, with the array's limit where it still limits: `3,5,7-9%2`.
    pub fn list(&self, tasks: &[u32]) -> String {
        let limit = self.limit.filter(|limit| tasks.len() > usize::try_from(*limit).unwrap_or(usize::MAX));
        limit.map_or_else(|| compact(tasks), |limit| format!("{}%{limit}", compact(tasks)))
    }
}

impl Again {
    /// The same submission for these tasks of its array only, as `--array` takes them.
    pub fn only(&self, list: &str) -> Submission {
        let mut submission = self.submission.clone();
        submission.options.retain(|option| !option.starts_with("--array="));
        submission.options.push(format!("--array={list}"));
        submission
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterId, Place};

    #[test]
    fn failed_tasks_are_a_short_list_with_the_array_s_limit() {
        let state = |n| if n % 3 == 0 { JobState::Completed } else { JobState::Failed };
        let tasks = Tasks { states: (1..=8).map(|n| (n, state(n))).collect(), limit: Some(2) };
        assert_eq!(tasks.list(&tasks.failed()), "1,2,4,5,7,8%2");
        assert_eq!(tasks.list(&[4]), "4");
        let submission = Submission {
            cluster: ClusterId::local(),
            place: Place::Here,
            path: "a.sh".into(),
            dir: None,
            args: vec![],
            options: vec!["--array=1-8%2".into(), "--nice=3".into()],
            text: None,
        };
        let again = Again { submission, notes: vec![], tasks: None };
        assert_eq!(again.only("4").options, ["--nice=3", "--array=4"]);
    }
}
