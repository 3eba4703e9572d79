//! PBS by its own commands, in three dialects: OpenPBS and PBS Pro (JSON), Torque (text), and the Torque wrappers that come with Slurm (text,
//! and half of the verbs).
//!
//! Claims no verb that the host has no command for. Where the wrappers cannot say something (how a job ended, where its output is, why it
//! waits) the Slurm below them is asked; nothing else knows of that.

mod change;
mod detail;
mod host;
mod id;
mod jobs;
mod json;
mod nodes;
mod past;
mod paths;
mod record;
mod state;
mod submit;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod trouble;
mod why;

use super::slurm::Slurm;
use super::{Ask, Handing, Scheduler, Sent};
use crate::model::{
    Failure, FailureKind, JobChange, JobDetail, JobId, JobTable, NodeChange, NodeTable, Past, Refusals, SchedulerKind, Scope, Verb, Why,
};
use host::Facts;

/// Which family of commands is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dialect {
    /// Perl scripts over Slurm that look like Torque.
    Wrappers,
    /// Torque, and PBS Pro before it knew JSON.
    Torque,
    /// OpenPBS and PBS Pro.
    Open,
}

/// Before each question: times in UTC, words in English.
const CALM: &str = "export LC_ALL=C TZ=UTC0\n";

/// The driver.
pub(super) struct Pbs {
    facts: Facts,
}

impl Pbs {
    /// One that has yet to be introduced to its host.
    pub(super) fn new() -> Self {
        Self { facts: Facts::unknown() }
    }
}

impl Scheduler for Pbs {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::Pbs
    }

    fn introduction(&self) -> Option<Ask<Box<dyn Scheduler>>> {
        let ask = host::ask();
        let read = ask.read;
        Some(Ask { script: ask.script, read: Box::new(move |said| Ok(Box::new(Self { facts: read(said)? }))) })
    }

    fn offers(&self, verb: Verb) -> bool {
        self.facts.offers(verb)
    }

    fn jobs(&self, scope: Scope, with_paths: bool) -> Ask<JobTable> {
        jobs::ask(self.facts.dialect, scope, with_paths)
    }

    fn nodes(&self) -> Ask<NodeTable> {
        nodes::ask(self.facts.dialect)
    }

    fn detail(&self, job: &JobId) -> Ask<JobDetail> {
        match self.facts.dialect {
            Dialect::Wrappers => detail::wrapped(job, Slurm.detail(job)),
            Dialect::Torque | Dialect::Open => detail::ask(job, &self.facts),
        }
    }

    fn submit(&self, script: &Handing<'_>) -> Ask<Sent> {
        submit::ask(script, &self.facts)
    }

    fn change(&self, change: &JobChange, jobs: &[JobId]) -> Ask<Refusals> {
        if !self.offers(change.verb()) {
            return absent(&format!("to {change} jobs"));
        }
        change::jobs(change, jobs, self.facts.dialect)
    }

    fn change_nodes(&self, change: &NodeChange, nodes: &[String]) -> Ask<Refusals> {
        if !self.offers(change.verb()) {
            return absent(&format!("to {change} nodes"));
        }
        change::nodes(change, nodes, self.facts.dialect)
    }

    fn ended(&self, jobs: &[JobId]) -> Ask<Vec<Past>> {
        past::ask(jobs, &self.facts)
    }

    fn why(&self, job: &JobId) -> Ask<Why> {
        match self.facts.dialect {
            Dialect::Wrappers => Slurm.why(job),
            Dialect::Torque | Dialect::Open => why::ask(job, self.facts.dialect),
        }
    }
}

/// A verb for which this host has no command.
fn absent<T: 'static>(what: &str) -> Ask<T> {
    let what = format!("{what} is not possible with the PBS commands of that host");
    let failure = move || {
        let hint = "The Torque wrappers that come with Slurm have no qsig, a qalter without limits, and a qrerun that does not work; \
                    `hosts: {scheduler: slurm}` drives the Slurm below them.";
        Failure::new(FailureKind::Unsupported, "", &what).hint(hint)
    };
    Ask { script: "exit 0".to_owned(), read: Box::new(move |_| Err(failure())) }
}
