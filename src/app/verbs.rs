//! What a user can do to jobs and nodes: each verb names in full what will happen, asks where it cannot be taken back, and is one command.
//!
//! Knows no pane: who chose the jobs or nodes, by cursor or by marks, is the pane's business.

mod clusters;
mod fit;
mod nodes;
mod reach;
mod tree;
mod words;

pub(super) use clusters::{on_cluster, terminate};
pub(super) use fit::{footer, node_footer, offered};
pub(super) use nodes::on_nodes;
pub(super) use tree::{Leaf, Tree};

use super::intent::Intent;
use super::news::Watched;
use super::notices::Notice;
use super::overlays::{Ask, Asking, Confirm, FetchForm, JobSheet, Purpose, Signals, Then, VerbMenu, Why};
use crate::model::duration::slurm;
use crate::model::{ClusterId, Command, Door, Job, JobChange, JobId, JobState};
use crate::protocol::{Action, Effect};

use fit::Sorted;

/// One job, task or whole array that a verb is meant for.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    /// What the scheduler is told: `18231`, a task `18240_7`, a whole array `18240`.
    pub(super) id: JobId,
    /// Its row of the queue; of a whole array the row that stands for it.
    pub(super) job: Job<'a>,
    /// How many tasks that is: of a whole array those that have not ended, or all when none is left; 1 where it is one job.
    pub(super) tasks: usize,
}

/// Does a verb to jobs of one cluster, the first of which is under the cursor. Fetched files go below `dest`.
pub(super) fn on_jobs(action: Action, cluster: &ClusterId, targets: &[Target<'_>], dest: &str) -> Vec<Intent> {
    let Some(Target { id, job, .. }) = targets.first() else { return Vec::new() };
    match action {
        Action::Open => vec![Intent::Open(Box::new(JobSheet::new(cluster.clone(), id.clone(), &known(job))))],
        Action::Script => again(cluster, id, Purpose::Script),
        Action::Rerun => again(cluster, id, Purpose::Rerun),
        Action::RerunFailed => again(cluster, id, Purpose::RerunFailed),
        Action::Attach if job.state() == JobState::Running => {
            vec![Intent::Open(Box::new(Asking::shell(cluster.clone(), Door::Job(id.clone()))))]
        }
        Action::Attach => {
            let words = format!("Job {id} does not run ({}): there is nothing to attach to.", job.state().long().to_lowercase());
            vec![Intent::Note(Notice::plain(words))]
        }
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
        Action::Why => vec![Intent::Open(Box::new(Why::new(cluster.clone(), id.clone(), job.name()).on(running_on(job))))],
        Action::Verbs => {
            let which = fit::menu(targets);
            vec![Intent::Open(Box::new(VerbMenu::new(cluster.clone(), words::title(&targets.iter()), which)))]
        }
        Action::Cancel
        | Action::Signal
        | Action::Hold
        | Action::Release
        | Action::Requeue
        | Action::TimeLimit
        | Action::Nice
        | Action::ToTop => change(action, cluster, targets),
        _ => Vec::new(),
    }
}

/// A verb that changes jobs: those to which it does not apply are left out, and that is said.
fn change(action: Action, cluster: &ClusterId, targets: &[Target<'_>]) -> Vec<Intent> {
    let sorted = Sorted::new(action, targets);
    if sorted.fit.is_empty() {
        return vec![Intent::Note(Notice::plain(words::none(&sorted)))];
    }
    let subject = Subject { cluster, which: words::which(&sorted.fit.iter().copied()), sorted: &sorted };
    match action {
        Action::Cancel => subject.dangerous("Cancel", JobChange::Cancel, &words::cancelling(&sorted.fit), "cancel"),
        Action::Requeue => subject.dangerous("Requeue", JobChange::Requeue, &words::requeueing(&sorted.fit), "requeue"),
        Action::Hold => subject.harmless("Hold", JobChange::Hold, "What is held does not start until it is released.", "hold"),
        Action::Release => subject.harmless("Release", JobChange::Release, "What is released starts when its turn comes.", "release"),
        Action::ToTop => {
            let text = "Before all other jobs of the same owner, partition and QOS. Others' jobs keep their places.";
            subject.harmless("Move to the top:", JobChange::Top, text, "move")
        }
        Action::Signal => {
            vec![Intent::Open(Box::new(Signals::new(subject.cluster.clone(), subject.jobs(), subject.which.clone(), subject.text(""))))]
        }
        Action::TimeLimit => subject.time_limit(),
        Action::Nice => {
            let text = "The greater the nice value, the later the job starts; 0 is usual, and only administrators may give less.";
            subject.ask("Nice value of", "Nice", String::new(), JobChange::nice, text)
        }
        _ => Vec::new(),
    }
}

fn again(cluster: &ClusterId, job: &JobId, purpose: Purpose) -> Vec<Intent> {
    vec![Intent::Open(Box::new(Asking::again(cluster.clone(), job.clone(), purpose)))]
}

/// What the queue says of a job, to be read until the scheduler has said more.
/// The nodes that a job has now.
fn running_on<'a>(job: &Job<'a>) -> &'a str {
    if job.state().is_waiting() || job.state().is_over() { "" } else { job.node_list() }
}

fn known(job: &Job<'_>) -> [(&'static str, String); 9] {
    let reason = if job.reason() == "None" { String::new() } else { job.reason().to_owned() };
    [
        ("Name", job.name().to_owned()),
        ("State", job.state().long().to_owned()),
        ("Reason", reason),
        ("User", job.user().to_owned()),
        ("Partition", job.partition().to_owned()),
        ("Nodes", format!("{} {}", job.nodes(), job.node_list())),
        ("CPUs", job.cpus().to_string()),
        ("Run time", job.time_used().map(slurm).unwrap_or_default()),
        ("Directory", job.work_dir().to_owned()),
    ]
}

/// Makes a change of what was typed, or says what is wrong with it.
type Read = fn(&str) -> Result<JobChange, String>;

/// The jobs that a verb applies to.
struct Subject<'a> {
    cluster: &'a ClusterId,
    /// `job 101`, `3 jobs`.
    which: String,
    sorted: &'a Sorted<'a>,
}

impl Subject<'_> {
    fn jobs(&self) -> Vec<JobId> {
        self.sorted.fit.iter().map(|target| target.id.clone()).collect()
    }

    /// Which jobs, what becomes of them, and which are left out.
    fn text(&self, effect: &str) -> String {
        let parts = [words::named(&self.sorted.fit, self.cluster), effect.to_owned(), words::left(&self.sorted.left)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn run(&self, change: JobChange) -> Vec<Intent> {
        let words = words::doing(&change, &self.which);
        vec![Intent::Run(Command::Change { cluster: self.cluster.clone(), change, jobs: self.jobs() }, words)]
    }

    fn dangerous(&self, verb: &str, change: JobChange, effect: &str, yes: &str) -> Vec<Intent> {
        let (title, yes) = (format!("{verb} {}?", self.which), format!("{yes} {}", words::them(&self.sorted.fit)));
        vec![Intent::Open(Box::new(Confirm::dangerous(title, self.text(effect), &yes, self.run(change))))]
    }

    fn harmless(&self, verb: &str, change: JobChange, effect: &str, yes: &str) -> Vec<Intent> {
        let (title, yes) = (format!("{verb} {}?", self.which), format!("{yes} {}", words::them(&self.sorted.fit)));
        vec![Intent::Open(Box::new(Confirm::harmless(title, self.text(effect), &yes, self.run(change))))]
    }

    fn ask(&self, title: &str, label: &'static str, value: String, read: Read, text: &str) -> Vec<Intent> {
        let then = Then::Jobs { cluster: self.cluster.clone(), jobs: self.jobs(), which: self.which.clone(), read };
        vec![Intent::Open(Box::new(Ask::new(format!("{title} {}", self.which), self.text(text), label, value, then)))]
    }

    fn time_limit(&self) -> Vec<Intent> {
        // The present limit is a good beginning where all have the same.
        let mut limits: Vec<Option<u64>> = self.sorted.fit.iter().map(|target| target.job.time_limit()).collect();
        limits.dedup();
        let value = match limits.as_slice() {
            [Some(seconds)] => slurm(*seconds),
            [None] => "UNLIMITED".to_owned(),
            _ => String::new(),
        };
        let arrays = self.sorted.fit.iter().any(|target| words::is_many(target));
        let (read, forms): (Read, _) = if arrays {
            (whole_limit, "90 (minutes), 2:00:00 or 1-12:00:00: a whole array takes no +30.")
        } else {
            (JobChange::time_limit, "90 (minutes), 2:00:00, 1-12:00:00, or +30 for half an hour more.")
        };
        self.ask("Time limit of", "Limit", value, read, &format!("{forms} An owner may lower it, an administrator raise it."))
    }
}

/// A limit for a whole array: scontrol cannot add to it.
fn whole_limit(text: &str) -> Result<JobChange, String> {
    if text.trim().starts_with(['+', '-']) {
        return Err("A whole array takes no difference: give the new limit.".to_owned());
    }
    JobChange::time_limit(text)
}
