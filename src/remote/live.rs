//! The world as it is: each question goes to the one who can answer it.
//!
//! Knows which cluster is reached how, and nothing of how ssh, AWS or a scheduler work.

mod account;
mod ask;
mod backend;
mod cost;
mod directory;
mod doctor;
mod first;
mod follow;
#[cfg(feature = "aws")]
mod lifecycle;
mod logs;
#[cfg(feature = "aws")]
mod machines;
mod memory;
mod output;
mod run;
mod save;
mod submit;

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::BoxStream;

use super::Remote;
use super::demo::Demo;
use super::host::Host;
use super::local::LocalHost;
use super::prices::Book;
use super::record::Record;
use super::runner::Runner;
use crate::config::Config;
use crate::model::{Answer, ClusterId, Command, Failure, FailureKind, Place, Progress, Query, Scope, Source};
use directory::Directory;

/// The real world, and the simulated one beside it when it is asked for.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Arc<Directory>,
    here: Arc<dyn Host>,
    record: Arc<Record>,
    paths: output::Paths,
    demo: Option<Demo>,
    /// The user's configuration file, where there is a place for one.
    config: Option<PathBuf>,
    book: Arc<Book>,
    #[cfg(feature = "aws")]
    aws: super::aws::Aws,
    #[cfg(feature = "aws")]
    machines: Arc<machines::Machines>,
    #[cfg(feature = "aws")]
    pcluster: super::pcluster::Pcluster,
}

impl Live {
    /// A world that connects to nothing yet.
    pub fn new(config: Config, demo: Option<Demo>) -> Self {
        let here: Arc<dyn Host> = Arc::new(LocalHost::default());
        #[cfg(feature = "aws")]
        let aws = super::aws::Aws::new(&config.aws);
        #[cfg(feature = "aws")]
        let pcluster = super::pcluster::Pcluster::new(&config.pcluster);
        let file = config.path().map(std::path::Path::to_owned);
        #[cfg(feature = "aws")]
        aws.let_tail(config.logs.live_tail == crate::config::LiveTail::Always);
        let directory = Directory::new(config, here.clone(), Runner::default_dir());
        #[cfg(feature = "aws")]
        let directory = directory.beside(aws.clone());
        let directory = Arc::new(directory);
        let record = Arc::new(Record::at(Record::default_path()));
        Self {
            inner: Arc::new(Inner {
                directory,
                here,
                paths: output::Paths::new(record.clone()),
                record,
                demo,
                config: file,
                book: Arc::new(Book::at(Book::default_path())),
                #[cfg(feature = "aws")]
                aws,
                #[cfg(feature = "aws")]
                machines: Arc::default(),
                #[cfg(feature = "aws")]
                pcluster,
            }),
        }
    }

    /// Where clusters can be found, without asking anybody.
    pub fn sources(&self) -> Vec<Source> {
        #[cfg(feature = "aws")]
        if self.inner.demo.is_none() {
            let aws = self.inner.aws.sources().into_iter().map(|(profile, region)| Source::Aws { profile, region });
            return std::iter::once(Source::Fixed).chain(aws).collect();
        }
        vec![Source::Fixed]
    }
}

impl Inner {
    fn is_simulated(&self, cluster: &ClusterId) -> Option<&Demo> {
        self.demo.as_ref().filter(|demo| demo.knows(cluster))
    }

    fn host(&self, place: &Place) -> Result<Arc<dyn Host>, Failure> {
        match place {
            Place::Here => Ok(self.here.clone()),
            Place::Head(cluster) => Ok(self.directory.backend(cluster)?.host()),
        }
    }
}

impl Remote for Live {
    fn ask(&self, query: Query) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.inner.clone().ask(query).boxed()
    }

    fn jobs_with_paths(&self, cluster: ClusterId, scope: Scope) -> BoxFuture<'static, Result<Answer, Failure>> {
        let inner = self.inner.clone();
        async move {
            let backend = inner.directory.backend(&cluster)?;
            let jobs = backend.jobs(scope, true).await?;
            Ok(Answer::Jobs(Arc::new(memory::with_paths(&inner.record, &backend, &cluster, scope, jobs).await)))
        }
        .boxed()
    }

    fn follow(&self, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        self.inner.clone().follow(query)
    }

    fn run(&self, command: Command) -> BoxStream<'static, Progress> {
        self.inner.clone().run(command)
    }
}

fn no_streams(cluster: &ClusterId) -> Failure {
    Failure::new(FailureKind::Unsupported, cluster.as_str(), "this cluster has no CloudWatch log streams")
        .hint("Only AWS ParallelClusters have them; a job's own output is in the Logs pane.")
}

#[cfg(feature = "aws")]
fn no_account() -> Failure {
    Failure::new(FailureKind::Unsupported, "AWS", "this source is no AWS account")
}

#[cfg(not(feature = "aws"))]
fn without_aws() -> Failure {
    Failure::new(FailureKind::Unsupported, "AWS", "this qdeck was built without AWS support").hint("Build it with the default features.")
}

/// A path that a user typed, with `~` at its beginning resolved on this machine.
pub fn at_home(path: &std::path::Path) -> PathBuf {
    match (path.strip_prefix("~"), etcetera::home_dir()) {
        (Ok(rest), Ok(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
