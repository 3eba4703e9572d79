//! One cluster's queue: a batch system behind a host, or the embedded runner. Whoever asks need not know which.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::model::{Failure, FailureKind, JobDetail, JobId, JobTable, NodeTable, SchedulerKind, Scope};
use crate::remote::host::Host;
use crate::remote::runner::Runner;
use crate::remote::scheduler::{self, Ask, Scheduler};

/// slurmctld's own patience (MessageTimeout on ParallelCluster) is a minute; past that nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(70);

/// A way to a queue. Cheap to clone.
#[derive(Clone)]
pub(super) enum Backend {
    /// A batch system, driven by scripts on a host.
    Batch {
        /// What to call it in messages.
        name: String,
        /// Where its commands run.
        host: Arc<dyn Host>,
        /// Which one it is, once known.
        scheduler: Arc<OnceCell<Arc<dyn Scheduler>>>,
        /// Which one the configuration says it is.
        configured: Option<SchedulerKind>,
    },
    /// The embedded runner.
    Runner {
        /// This machine.
        host: Arc<dyn Host>,
        /// The queue, or why it cannot be had.
        runner: Result<Arc<Runner>, Failure>,
    },
}

impl Backend {
    pub(super) fn host(&self) -> Arc<dyn Host> {
        match self {
            Self::Batch { host, .. } | Self::Runner { host, .. } => host.clone(),
        }
    }

    /// The batch system, found by asking the host once. A failure is not remembered: the next question tries again.
    pub(super) async fn scheduler(&self) -> Result<Option<Arc<dyn Scheduler>>, Failure> {
        let Self::Batch { name, host, scheduler, configured } = self else { return Ok(None) };
        let found = scheduler.get_or_try_init(|| async {
            let kind = match configured {
                Some(kind) => *kind,
                None => run(host, name, scheduler::detect()).await?,
            };
            scheduler::scheduler(kind).map(Arc::from).map_err(|failure| placed(failure, name))
        });
        found.await.cloned().map(Some)
    }

    async fn batch<T>(&self, ask: impl FnOnce(&dyn Scheduler) -> Ask<T>) -> Result<Option<T>, Failure>
    where
        T: Send + 'static,
    {
        let (Some(scheduler), Self::Batch { name, host, .. }) = (self.scheduler().await?, self) else { return Ok(None) };
        run(host, name, ask(scheduler.as_ref())).await.map(Some)
    }

    async fn runner<T: Send + 'static>(&self, work: impl FnOnce(&Runner) -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
        let runner = match self {
            Self::Runner { runner, .. } => runner.clone()?,
            Self::Batch { name, .. } => return Err(Failure::new(FailureKind::Unsupported, name, "is no local queue")),
        };
        let done = tokio::task::spawn_blocking(move || work(&runner)).await;
        done.unwrap_or_else(|_| Err(Failure::new(FailureKind::Stopped, "local", "the work was given up")))
    }

    pub(super) async fn jobs(&self, scope: Scope, with_paths: bool) -> Result<JobTable, Failure> {
        match self.batch(|scheduler| scheduler.jobs(scope, with_paths)).await? {
            Some(jobs) => Ok(jobs),
            None => self.runner(move |runner| runner.jobs(scope)).await,
        }
    }

    pub(super) async fn nodes(&self) -> Result<NodeTable, Failure> {
        match self.batch(|scheduler| scheduler.nodes()).await? {
            Some(nodes) => Ok(nodes),
            None => self.runner(|runner| Ok(runner.nodes())).await,
        }
    }

    pub(super) async fn detail(&self, job: JobId) -> Result<JobDetail, Failure> {
        match self.batch(|scheduler| scheduler.detail(&job)).await? {
            Some(detail) => Ok(detail),
            None => self.runner(move |runner| runner.detail(&job)).await,
        }
    }

    pub(super) async fn submit(&self, path: String, dir: Option<String>, args: Vec<String>) -> Result<(JobId, String), Failure> {
        let sent = self.batch(|scheduler| scheduler.submit(&path, dir.as_deref(), &args)).await.map_err(|failure| match failure.kind {
            // The script may have been taken before the line broke: trying again by itself could run it twice.
            FailureKind::TimedOut | FailureKind::Stopped | FailureKind::Unreachable if !failure.what.contains("slurm controller") => {
                failure.hint("The answer was lost and the job may be in the queue: look there before you submit again.")
            }
            _ => failure,
        });
        match sent? {
            Some(receipt) => Ok(receipt),
            None => self.runner(move |runner| runner.submit(path.as_ref(), dir.as_deref().map(str::as_ref), &args)).await,
        }
    }

    pub(super) async fn cancel(&self, jobs: &[JobId]) -> Result<(), Failure> {
        if self.batch(|scheduler| scheduler.cancel(jobs)).await?.is_some() {
            return Ok(());
        }
        let jobs = jobs.to_vec();
        self.runner(move |runner| runner.cancel(&jobs)).await
    }
}

/// Runs a script and reads what it printed; large answers are read away from the threads that serve everybody.
async fn run<T: Send + 'static>(host: &Arc<dyn Host>, name: &str, ask: Ask<T>) -> Result<T, Failure> {
    let said = host.sh(ask.script, PATIENCE).await?;
    let read = ask.read;
    let result = if said.stdout.len() > 64 * 1024 {
        let read = tokio::task::spawn_blocking(move || read(&said)).await;
        read.unwrap_or_else(|_| Err(Failure::new(FailureKind::Garbled, name, "the answer could not be read")))
    } else {
        read(&said)
    };
    result.map_err(|failure| placed(failure, name))
}

fn placed(mut failure: Failure, name: &str) -> Failure {
    if failure.place.is_empty() {
        name.clone_into(&mut failure.place);
    }
    failure
}
