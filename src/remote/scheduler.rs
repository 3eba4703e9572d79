//! Batch systems as scripts to run and pure readers of what those print.
//!
//! Knows nothing of ssh: whether a script runs here or on a head node is the caller's business.

mod paths;
mod slurm;
mod trouble;

use crate::model::{Failure, FailureKind, JobDetail, JobId, JobTable, NodeTable, SchedulerKind, Scope};

use super::host::Said;
use slurm::Slurm;

pub(crate) use paths::Fill;

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
    /// The queue. `with_paths` asks for the output paths too, which costs bytes: never in a polling loop.
    fn jobs(&self, scope: Scope, with_paths: bool) -> Ask<JobTable>;
    /// The nodes.
    fn nodes(&self) -> Ask<NodeTable>;
    /// Everything about one job.
    fn detail(&self, job: &JobId) -> Ask<JobDetail>;
    /// Hands over the script at `path`, absolute or below the home folder, with working directory `dir` (the script's own folder where
    /// `None`, unless its directives say otherwise). Gives the job's id and whatever else was printed.
    fn submit(&self, path: &str, dir: Option<&str>, args: &[String]) -> Ask<(JobId, String)>;
    /// Ends jobs. An error names each job that could not be ended.
    fn cancel(&self, jobs: &[JobId]) -> Ask<()>;
}

/// Asks a host which batch system it has. Slurm goes first: its Torque wrappers make it look like PBS too.
pub fn detect() -> Ask<SchedulerKind> {
    let script = "has() { command -v \"$1\" >/dev/null 2>&1; }\n\
                  if has sbatch && has squeue; then echo slurm\n\
                  elif has qsub && has qconf; then echo gridengine\n\
                  elif has qsub && has pbsnodes; then echo pbs\n\
                  else echo none; fi";
    Ask {
        script: script.to_owned(),
        read: Box::new(|said| match String::from_utf8_lossy(&said.stdout).trim() {
            "slurm" => Ok(SchedulerKind::Slurm),
            "gridengine" => Ok(SchedulerKind::GridEngine),
            "pbs" => Ok(SchedulerKind::Pbs),
            _ => Err(Failure::new(FailureKind::NotFound, "", "no batch system was found there")
                .hint("sbatch and squeue are looked for on the PATH and in /opt/slurm/bin of a non-interactive shell.")),
        }),
    }
}

/// The driver of a batch system.
pub fn scheduler(kind: SchedulerKind) -> Result<Box<dyn Scheduler>, Failure> {
    match kind {
        SchedulerKind::Slurm => Ok(Box::new(Slurm)),
        SchedulerKind::GridEngine | SchedulerKind::Pbs | SchedulerKind::Runner => {
            let what = format!("{} is recognised but not driven by this version", kind.word());
            Err(Failure::new(FailureKind::Unsupported, "", what)
                .hint("Slurm is. `hosts: {scheduler: slurm}` says so where both are installed."))
        }
    }
}
