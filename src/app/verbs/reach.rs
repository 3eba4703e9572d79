//! Verbs that reach beyond the marked jobs: who offers them, all of the user's own jobs, and what a job depends on.
//!
//! Only here do verbs look at the whole application.

use super::super::App;
use super::super::intent::Intent;
use super::super::notices::Notice;
use super::super::overlays::{Confirm, Depends};
use super::fit::offered;
use crate::model::duration::{age, slurm, thousands};
use crate::model::text::several;
use crate::model::{Command, Job, JobChange, Offer, SchedulerKind, Scope};
use crate::protocol::Action;

impl App {
    /// What the cluster that is looked at offers.
    pub(in crate::app) fn offer(&self) -> Offer {
        self.active.as_ref().map(|cluster| self.look().offer(cluster)).unwrap_or_default()
    }

    /// Says so plainly when the scheduler cannot do what was asked for.
    pub(in crate::app) fn refuses(&self, action: Action) -> Option<Intent> {
        let offer = self.offer();
        let kind = offer.kind.filter(|_| !offered(action, offer))?;
        let words = format!("{} cannot do that. ({})", called(kind), action.row().words.trim_end_matches('.'));
        Some(Intent::Note(Notice::plain(words)))
    }

    /// All of the user's own jobs, of which the queue may show others or only some.
    pub(in crate::app) fn cancel_mine(&self) -> Vec<Intent> {
        let Some(cluster) = &self.active else { return Vec::new() };
        let known = self.store.jobs(cluster, Scope::Mine);
        let (title, text) = match known {
            Some(table) => {
                let open: Vec<Job<'_>> = table.iter().filter(|job| !job.state().is_over()).collect();
                if open.is_empty() {
                    return vec![Intent::Note(Notice::plain(format!("You have no jobs on {} that have not ended.", cluster.name())))];
                }
                let slot = self.store.slot(&crate::model::Query::Jobs { cluster: cluster.clone(), scope: Scope::Mine });
                let seconds = slot.and_then(|slot| slot.age(self.clock.since_start)).filter(|seconds| *seconds > 30);
                let as_of = seconds.map_or_else(String::new, |seconds| format!(" That was so {} ago.", age(seconds)));
                let rows = thousands(open.len() as u64);
                (format!("Cancel all of your jobs, {rows} in the queue?"), format!("{}{as_of}", summed(&open)))
            }
            None => ("Cancel all of your jobs?".to_owned(), format!("Every job of yours on {}, however many there are.", cluster.name())),
        };
        let text = format!("{text}\nWhat runs is ended and what it has not written is lost; what waits leaves the queue.");
        let command = Command::Change { cluster: cluster.clone(), change: JobChange::CancelMine, jobs: Vec::new() };
        let run = vec![Intent::Run(command, "cancelling all of your jobs".into())];
        vec![Intent::Open(Box::new(Confirm::dangerous(title, text, "cancel every one of them", run)))]
    }

    /// What the job under the cursor waits for, and what waits for it.
    pub(in crate::app) fn depends(&self) -> Vec<Intent> {
        let Some((cluster, job)) = self.jobs.selected() else { return Vec::new() };
        let tables = [Scope::Mine, Scope::All].map(|scope| self.store.jobs(cluster, scope).cloned());
        vec![Intent::Open(Box::new(Depends::new(cluster.clone(), job.job_id(), tables)))]
    }
}

/// What people call a batch system.
fn called(kind: SchedulerKind) -> &'static str {
    match kind {
        SchedulerKind::Slurm => "Slurm",
        SchedulerKind::GridEngine => "Grid Engine",
        SchedulerKind::Pbs => "PBS",
        SchedulerKind::Runner => "The queue of this machine",
    }
}

/// `3 run, 2:00:00 the longest; 2 wait: 101 train, 102 prep and 3 more.`
fn summed(open: &[Job<'_>]) -> String {
    let waiting = open.iter().filter(|job| job.state().is_waiting()).count();
    let longest = open.iter().filter(|job| !job.state().is_waiting()).filter_map(Job::time_used).max();
    let mut parts = Vec::new();
    if let Some(seconds) = longest {
        parts.push(format!("{} run, the longest for {}", thousands((open.len() - waiting) as u64), slurm(seconds)));
    }
    if waiting > 0 {
        parts.push(format!("{} wait", thousands(waiting as u64)));
    }
    let named: Vec<String> = open.iter().take(5).map(|job| format!("{} {}", job.id(), job.name())).collect();
    let mut names: Vec<&str> = named.iter().map(String::as_str).collect();
    // Only their number counts.
    names.resize(open.len(), "");
    format!("{}: {}.", parts.join("; "), several(names.into_iter(), 4))
}
