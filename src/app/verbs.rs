//! What a user can do to jobs: each verb names what will happen, asks where it cannot be taken back, and is one command.
//!
//! Knows no pane: who chose the jobs, by cursor or by marks, is the pane's business.

use super::intent::Intent;
use super::news::Watched;
use super::notices::Notice;
use super::overlays::{Confirm, Details, FetchForm};
use crate::model::duration::slurm;
use crate::model::{ClusterId, Command, Job, JobChange, JobId, JobState};
use crate::protocol::{Action, Effect};

/// One job, task or whole array that a verb is meant for.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    /// What the scheduler is told: `18231`, a task `18240_7`, a whole array `18240`.
    pub(super) id: JobId,
    /// Its row of the queue; of a whole array the row that stands for it.
    pub(super) job: Job<'a>,
    /// How many tasks that is; 1 where it is no whole array.
    pub(super) tasks: usize,
}

/// Does a verb to jobs of one cluster, the first of which is under the cursor. Fetched files go below `dest`.
pub(super) fn on_jobs(action: Action, cluster: &ClusterId, targets: &[Target<'_>], dest: &str) -> Vec<Intent> {
    let Some(Target { id, job, .. }) = targets.first() else { return Vec::new() };
    match action {
        Action::Open => vec![Intent::Open(Box::new(Details::job(cluster.clone(), job)))],
        Action::Copy => {
            let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
            vec![Intent::Effect(Effect::Copy(ids.join(" ")))]
        }
        Action::WatchJob => {
            let watched = |target: &Target<'_>| {
                let (name, user) = (target.job.name().to_owned(), target.job.user().to_owned());
                Watched { job: target.id.clone(), name, user, state: target.job.state() }
            };
            vec![Intent::Heed(cluster.clone(), targets.iter().map(watched).collect())]
        }
        Action::ShowLog => vec![Intent::Do(Action::FocusLogs)],
        Action::OtherOutput => vec![Intent::Do(Action::LogOther)],
        Action::Fetch => vec![Intent::Open(Box::new(FetchForm::new(cluster.clone(), job, dest)))],
        Action::Cancel if targets.len() == 1 && job.state().is_over() => {
            vec![Intent::Note(Notice::plain(format!("Job {id} has ended already: {}.", job.state().long())))]
        }
        Action::Cancel => {
            let what = match job.state() {
                JobState::Running | JobState::Completing | JobState::Suspended => format!(
                    "It has run for {} on {}. Its processes are ended and what it has not written is lost.",
                    job.time_used().map_or_else(|| "an unknown time".into(), slurm),
                    if job.node_list().is_empty() { "its node" } else { job.node_list() },
                ),
                _ => "It has not started. It leaves the queue.".to_owned(),
            };
            let array = if job.id().contains("_[") { " All waiting tasks of this array are cancelled." } else { "" };
            let jobs = targets.iter().map(|target| target.id.clone()).collect();
            let command = Command::Change { cluster: cluster.clone(), change: JobChange::Cancel, jobs };
            vec![Intent::Open(Box::new(Confirm::dangerous(
                format!("Cancel job {id}?"),
                format!(
                    "{}  {}  of {} in {} on {}.\n{what}{array}",
                    job.name(),
                    job.state().long(),
                    job.user(),
                    job.partition(),
                    cluster.name()
                ),
                "cancel the job",
                vec![Intent::Run(command, format!("cancelling {id}"))],
            )))]
        }
        _ => Vec::new(),
    }
}
