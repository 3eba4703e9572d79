//! One cluster's queue: a batch system behind a host, or the embedded runner. Whoever asks need not know which.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::model::{
    Failure, FailureKind, JobChange, JobDetail, JobId, JobTable, NodeChange, NodeTable, Past, Place, Refusals, SchedulerKind, Scope,
    Submission, Why,
};
use crate::remote::host::Host;
use crate::remote::runner::Runner;
use crate::remote::scheduler::{self, Ask, Handing, Scheduler, Sent};

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
        let mut jobs = match self.batch(|scheduler| scheduler.jobs(scope, with_paths)).await? {
            Some(jobs) => jobs,
            None => self.runner(move |runner| runner.jobs(scope)).await?,
        };
        jobs.scheduler = Some(self.scheduler().await?.map_or(SchedulerKind::Runner, |scheduler| scheduler.kind()));
        Ok(jobs)
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

    /// Whether the queue is on another machine.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Batch { host, .. } if host.place() != Place::Here)
    }

    /// Hands a script over. The outer error is a lost connection, after which nobody knows; the inner one is an answer.
    pub(super) async fn submit(&self, script: &Handing<'_>) -> Result<Result<Sent, Failure>, Failure> {
        match (self.scheduler().await?, self) {
            (Some(scheduler), Self::Batch { name, host, .. }) => {
                let ask = scheduler.submit(script);
                let said = host.sh(ask.script, PATIENCE).await?;
                Ok((ask.read)(&said).map_err(|failure| placed(failure, name)))
            }
            _ => {
                let (path, dir, args) = (script.path.to_owned(), script.dir.map(str::to_owned), script.args.to_vec());
                let token = script.token.to_owned();
                let sent = self.runner(move |runner| runner.submit(path.as_ref(), dir.as_deref().map(str::as_ref), &args, &token)).await;
                Ok(sent.map(|(job, said)| Sent::Taken(job, said)))
            }
        }
    }

    pub(super) async fn change(&self, change: JobChange, jobs: Vec<JobId>) -> Result<Refusals, Failure> {
        if let Some(refused) = self.batch(|scheduler| scheduler.change(&change, &jobs)).await? {
            return Ok(refused);
        }
        self.runner(move |runner| runner.change(&change, &jobs)).await
    }

    pub(super) async fn change_nodes(&self, change: NodeChange, nodes: Vec<String>) -> Result<Refusals, Failure> {
        let done = self.batch(|scheduler| scheduler.change_nodes(&change, &nodes)).await?;
        done.ok_or_else(|| Failure::new(FailureKind::Unsupported, "local", "this machine is the only node of its queue"))
    }

    /// How jobs ended. The runner's own files hold it all, so it is never asked.
    pub(super) async fn ended(&self, jobs: &[JobId]) -> Result<Vec<Past>, Failure> {
        Ok(self.batch(|scheduler| scheduler.ended(jobs)).await?.unwrap_or_default())
    }

    /// What the scheduler's accounting remembers; `None` without accounting.
    pub(super) async fn accounting(&self, since: i64, everyone: bool) -> Result<Option<Vec<Past>>, Failure> {
        match (self.scheduler().await?, self) {
            (Some(scheduler), Self::Batch { name, host, .. }) => match scheduler.accounting(since, everyone) {
                Some(ask) => run(host, name, ask).await.map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    pub(super) async fn why(&self, job: &JobId) -> Result<Why, Failure> {
        let why = self.batch(|scheduler| scheduler.why(job)).await?;
        why.ok_or_else(|| {
            Failure::new(FailureKind::Unsupported, "local", "a job of this machine waits for free CPUs, in the order of submission")
        })
    }

    pub(super) async fn again(&self, job: &JobId) -> Result<Submission, Failure> {
        let again = self.batch(|scheduler| scheduler.again(job)).await?;
        again.ok_or_else(|| Failure::new(FailureKind::Unsupported, "local", "submitting a job of this machine again is not possible yet"))
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
