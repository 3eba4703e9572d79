//! Batch systems as scripts to run and pure readers of what those print.
//!
//! Knows nothing of ssh: whether a script runs here or on a head node is the caller's business.

use crate::model::{Failure, JobDetail, JobId, JobTable, NodeTable, SchedulerKind, Scope};

use super::host::Said;

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
    /// Hands over the script at `path` with working directory `dir` (the scheduler's own default where `None`). Gives the job's id
    /// and whatever else was printed.
    fn submit(&self, path: &str, dir: Option<&str>, args: &[String]) -> Ask<(JobId, String)>;
    /// Ends jobs. An error names each job that could not be ended.
    fn cancel(&self, jobs: &[JobId]) -> Ask<()>;
}
