//! Batch systems as scripts to run and pure readers of what those print.
//!
//! Knows nothing of ssh: whether a script runs here or on a head node is the caller's business.

mod gridengine;
mod paths;
mod pbs;
mod slurm;
mod trouble;

use crate::model::{
    Failure, FailureKind, JobChange, JobDetail, JobId, JobTable, NodeChange, NodeTable, Past, Refusals, SchedulerKind, Scope, Submission,
    Tasks, Usage, Verb, Why,
};

use super::host::Said;
use gridengine::GridEngine;
use pbs::Pbs;
use slurm::Slurm;

pub(crate) use paths::Fill;
pub(crate) use slurm::capacity::plain as plain_reason;
pub(crate) use slurm::explain::{Known, explain};

/// Reads what a script printed. The failure's place may be left empty: the caller knows it.
pub type Reader<T> = Box<dyn Fn(&Said) -> Result<T, Failure> + Send + Sync>;

/// A script, and how to read what it prints.
pub struct Ask<T> {
    /// POSIX shell; every name in it is quoted.
    pub script: String,
    /// Turns the output into a value.
    pub read: Reader<T>,
}

/// One batch system. Each method is one round trip.
pub trait Scheduler: Send + Sync + 'static {
    /// Which one.
    fn kind(&self) -> SchedulerKind;
    /// What must be asked of the host before it is known what is driven there; the answer is the driver to use from then on.
    fn introduction(&self) -> Option<Ask<Box<dyn Scheduler>>> {
        None
    }
    /// Whether a verb can be done on the host that this driver was introduced to.
    fn offers(&self, verb: Verb) -> bool {
        self.kind().offers(verb)
    }
    /// The queue. `with_paths` asks for the output paths too, which costs bytes: never in a polling loop.
    fn jobs(&self, scope: Scope, with_paths: bool) -> Ask<JobTable>;
    /// The nodes.
    fn nodes(&self) -> Ask<NodeTable>;
    /// Everything about one job.
    fn detail(&self, job: &JobId) -> Ask<JobDetail>;
    /// Hands over a script, once however often it is asked: the same token never makes a second job.
    fn submit(&self, script: &Handing<'_>) -> Ask<Sent>;
    /// Changes jobs. What was refused comes back job by job; an error means that nothing is known to have been done.
    fn change(&self, change: &JobChange, jobs: &[JobId]) -> Ask<Refusals>;
    /// Changes nodes, likewise.
    fn change_nodes(&self, change: &NodeChange, _nodes: &[String]) -> Ask<Refusals> {
        unsupported(self.kind(), &change.to_string())
    }
    /// How jobs ended that have left the queue or are about to. Jobs that are forgotten are missing from the answer.
    fn ended(&self, jobs: &[JobId]) -> Ask<Vec<Past>>;
    /// What the scheduler's own accounting remembers of the login user's (or everybody's) jobs since a moment; `None` without accounting.
    fn accounting(&self, _since: i64, _everyone: bool) -> Option<Ask<Vec<Past>>> {
        None
    }
    /// Why a job does not run.
    fn why(&self, _job: &JobId) -> Ask<Why> {
        unsupported(self.kind(), "explaining")
    }
    /// Everything about one job and what it uses: dearer than [`Scheduler::detail`], for when somebody looks. `None` where it
    /// measures nothing.
    fn examine(&self, _job: &JobId) -> Option<Ask<Examined>> {
        None
    }
    /// A job as it was submitted: its script and the options that make it the same again.
    fn again(&self, _job: &JobId) -> Ask<Told> {
        unsupported(self.kind(), "submitting a job again")
    }
    /// The command that opens a shell where a job runs.
    fn attach(&self, _job: &JobId) -> Option<String> {
        None
    }
}

/// A script on its way to a scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Handing<'a> {
    /// Absolute, or below the home folder.
    pub path: &'a str,
    /// Working directory; the script's own folder where `None`, unless its directives say otherwise.
    pub dir: Option<&'a str>,
    /// For the script.
    pub args: &'a [String],
    /// For the scheduler.
    pub options: &'a [String],
    /// Unique, letters and digits.
    pub token: &'a str,
    /// The comment that the script itself asks for.
    pub comment: Option<&'a str>,
    /// The environment that the script itself asks for: `A=1,B`.
    pub variables: Option<&'a str>,
}

/// A job, looked at closely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Examined {
    /// What the scheduler says of it; `None` where it has forgotten it.
    pub detail: Option<JobDetail>,
    /// What was measured; `None` where there is nothing to measure yet.
    pub usage: Option<Usage>,
}

/// What a scheduler tells of how a job was submitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The submission with what a person should know about it, or why it cannot be had.
    pub submission: Result<(Submission, Vec<String>), Failure>,
    /// The tasks of its array, as far as the scheduler remembers them.
    pub tasks: Tasks,
    /// The token that qdeck submitted it with, if it did.
    pub token: Option<String>,
}

/// What became of a submission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It is a job; what the scheduler said besides its id.
    Taken(JobId, String),
    /// Nobody can tell yet: ask again with the same token.
    Unsure(String),
    /// This attempt sent nothing; whether an earlier one did is not known here.
    Unsent(Failure),
}

fn unsupported<T>(kind: SchedulerKind, what: &str) -> Ask<T> {
    let what = format!("{what} is not possible with {}", kind.word());
    Ask { script: "exit 0".to_owned(), read: Box::new(move |_| Err(Failure::new(FailureKind::Unsupported, "", what.clone()))) }
}

/// Asks a host which batch system it has. Slurm goes first: its Torque wrappers make it look like PBS too.
pub fn detect() -> Ask<SchedulerKind> {
    let script = "has() { command -v \"$1\" >/dev/null 2>&1; }\n\
                  if has sbatch && has squeue; then echo slurm\n\
                  elif has qsub && has qconf; then echo gridengine\n\
                  elif has qsub && has pbsnodes; then echo pbs\n\
                  elif grid; then echo gridengine\n\
                  else echo none; fi";
    Ask {
        script: format!("{}{script}", gridengine::FIND),
        read: Box::new(|said| {
            match String::from_utf8_lossy(&said.stdout).trim() {
            "slurm" => Ok(SchedulerKind::Slurm),
            "gridengine" => Ok(SchedulerKind::GridEngine),
            "pbs" => Ok(SchedulerKind::Pbs),
            _ => Err(Failure::new(FailureKind::NotFound, "", "no batch system was found there")
                .hint("sbatch and squeue are looked for on the PATH and in /opt/slurm/bin of a non-interactive shell, Grid Engine also in its settings.sh.")),
        }
        }),
    }
}

/// The driver of a batch system.
pub fn scheduler(kind: SchedulerKind) -> Result<Box<dyn Scheduler>, Failure> {
    match kind {
        SchedulerKind::Slurm => Ok(Box::new(Slurm)),
        SchedulerKind::GridEngine => Ok(Box::new(GridEngine)),
        SchedulerKind::Pbs => Ok(Box::new(Pbs::new())),
        SchedulerKind::Runner => Err(Failure::new(FailureKind::Unsupported, "", "the embedded runner serves this machine alone")
            .hint("It needs no batch system: choose `local`.")),
    }
}
