//! The world as it is: each question goes to the one who can answer it.
//!
//! Knows which cluster is reached how, and nothing of how ssh, AWS or a scheduler work.

mod backend;
mod cost;
mod directory;
mod doctor;
#[cfg(feature = "aws")]
mod lifecycle;
#[cfg(feature = "aws")]
mod machines;
mod memory;
mod output;
mod save;
mod submit;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};

use crate::config::Config;
use crate::model::{
    Answer, Cluster, ClusterId, Command, Failure, FailureKind, JobDetail, LogPlace, LogSource, Place, Progress, Query, Receipt, Refusals,
    Scope, Source,
};

use super::Remote;
use super::demo::Demo;
use super::host::Host;
use super::local::LocalHost;
use super::part::Found;
use super::prices::Book;
use super::record::{Record, Taken};
use super::runner::Runner;
use super::{mounts, store};
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
    machines: machines::Machines,
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
        let directory = Arc::new(Directory::new(config, here.clone(), Runner::default_dir()));
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
                machines: machines::Machines::default(),
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

    async fn ask(self: Arc<Self>, query: Query) -> Result<Answer, Failure> {
        if let Some(demo) = query.cluster().and_then(|cluster| self.is_simulated(cluster)) {
            return demo.ask(query).await;
        }
        match query {
            Query::Clusters(source) => self.clusters(source).await.map(Answer::Clusters),
            Query::Locate(name) => self.locate(&name).await.map(Answer::Clusters),
            Query::Nodes(cluster) => {
                let backend = self.directory.backend(&cluster)?;
                let nodes = backend.nodes();
                #[cfg(feature = "aws")]
                let nodes = self.joined(&cluster, nodes);
                let nodes = Arc::new(nodes.await?);
                self.note_nodes(&cluster, &nodes);
                Ok(Answer::Nodes(nodes))
            }
            Query::Jobs { cluster, scope } => {
                let backend = self.directory.backend(&cluster)?;
                let jobs = backend.jobs(scope, false).await?;
                let jobs = Arc::new(memory::noted(&self.record, &backend, &cluster, scope, jobs).await);
                self.note_queue(&cluster, scope, &jobs);
                Ok(Answer::Jobs(jobs))
            }
            Query::Detail { cluster, job } => {
                let told = self.directory.backend(&cluster)?.detail(job.clone()).await;
                memory::known(&self.record, &cluster, &job, told).await.map(Answer::Detail)
            }
            Query::Examine { cluster, job } => {
                let looked = self.directory.backend(&cluster)?.examine(job.clone()).await?;
                let forgotten = || Failure::new(FailureKind::NotFound, cluster.as_str(), format!("job {job}: Invalid job id specified"));
                let detail = memory::known(&self.record, &cluster, &job, looked.detail.ok_or_else(forgotten)).await?;
                Ok(Answer::Detail(JobDetail { usage: looked.usage.map(Box::new), ..detail }))
            }
            Query::Shell { cluster, door } => self.directory.backend(&cluster)?.shell(&door).await.map(Answer::Shell),
            Query::Why { cluster, job } => self.directory.backend(&cluster)?.why(&job).await.map(Answer::Why),
            Query::Again { cluster, job } => {
                let backend = self.directory.backend(&cluster)?;
                memory::again(&self.record, &backend, cluster, job).await.map(Box::new).map(Answer::Again)
            }
            Query::History { cluster, recall } => {
                let backend = self.directory.backend(&cluster)?;
                memory::recall(&self.record, &backend, cluster, recall).await.map(Answer::History)
            }
            Query::Prices => self.prices().await,
            Query::Trail { cluster, window } => self.trail(cluster, window).await,
            Query::Outbox => memory::unsent(&self.record).await.map(Answer::Outbox),
            // The last of the growing lists is the whole one.
            Query::Streams(cluster) => last(self.streams(&cluster, None)).await,
            Query::GroupStreams { cluster, group } => last(self.streams(&cluster, Some(group))).await,
            Query::Ground(source) => self.ground(source).await.map(Box::new).map(Answer::Ground),
            Query::Machines { source, names } => self.machines(source, &names).await.map(Answer::Machines),
            Query::Mounts(cluster) => self.mounts(&cluster).await.map(Answer::Mounts),
            Query::Folder { place, path } if store::is_store(&path) => {
                let (path, entries) = store::folder(&*self.host(&place)?, &path).await?;
                Ok(Answer::Folder { path, entries })
            }
            Query::Folder { place, path } => {
                let (path, entries) = self.host(&place)?.folder(path).await?;
                Ok(Answer::Folder { path, entries })
            }
            Query::LogRange { source, at, bytes } => self.log_range(source, at, bytes).await,
            Query::LogFind { source, pattern, insensitive } => {
                let found = self.log_find(source, pattern, insensitive).await?;
                Ok(Answer::LogFound { hits: found.hits, total: found.total })
            }
            Query::Groups(source) => self.groups(source).await.map(Answer::Groups),
            Query::Outputs { cluster, job } => {
                let backend = self.directory.backend(&cluster)?;
                output::all(backend, self.paths.clone(), cluster, job).await.map(Answer::Files)
            }
            Query::Glob { place, pattern } => output::globbed(self.host(&place)?, &pattern).await.map(Answer::Files),
            Query::Preview { place, path } if store::is_store(&path) => {
                store::preview(&*self.host(&place)?, &path).await.map(Answer::Preview)
            }
            Query::Preview { place, path } => self.host(&place)?.preview(path).await.map(Answer::Preview),
            #[cfg(feature = "aws")]
            Query::DryRun { cluster, draft } => self.dry_run(&cluster, draft).await.map(Box::new).map(Answer::Verdict),
            #[cfg(feature = "aws")]
            Query::Configuration(cluster) => self.configuration(&cluster).await.map(Answer::Configuration),
            #[cfg(feature = "aws")]
            Query::Events(cluster) => self.aws.events(&self.on_aws(&cluster)?).await.map(Answer::Events),
            #[cfg(not(feature = "aws"))]
            Query::DryRun { .. } | Query::Configuration(_) | Query::Events(_) => Err(without_aws()),
            Query::Audit => Err(Failure::new(FailureKind::Unsupported, "qdeck", "the guard keeps the audit trail")),
            Query::Doctor(cluster) => last(self.doctor(cluster)).await,
            Query::Link(_) | Query::Log(..) => Err(Failure::new(FailureKind::Unsupported, "qdeck", "this question is followed, not asked")),
        }
    }

    /// The file systems of a cluster's head node. One that does not answer takes its four seconds.
    async fn mounts(&self, cluster: &ClusterId) -> Result<Vec<crate::model::Mount>, Failure> {
        let host = self.directory.backend(cluster)?.host();
        let said = host.sh(mounts::SCRIPT.to_owned(), Duration::from_secs(30)).await?;
        mounts::read(&said).map_err(|failure| Failure { place: cluster.to_string(), ..failure })
    }

    #[cfg(feature = "aws")]
    async fn ground(&self, source: Source) -> Result<crate::model::Ground, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.ground(profile.as_deref(), region.as_deref()).await,
            Source::Fixed => Err(no_account()),
        }
    }

    #[cfg(feature = "aws")]
    async fn machines(&self, source: Source, names: &[String]) -> Result<Vec<crate::model::Machine>, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.machines(profile.as_deref(), region.as_deref(), names).await,
            Source::Fixed => Err(no_account()),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the other build asks AWS here")]
    async fn ground(&self, _source: Source) -> Result<crate::model::Ground, Failure> {
        Err(without_aws())
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the other build asks AWS here")]
    async fn machines(&self, _source: Source, _names: &[String]) -> Result<Vec<crate::model::Machine>, Failure> {
        Err(without_aws())
    }

    async fn clusters(&self, source: Source) -> Result<Vec<Cluster>, Failure> {
        match source {
            Source::Fixed => {
                let mut all = self.directory.fixed().await;
                if let Some(demo) = &self.demo {
                    all.extend(demo.clusters());
                }
                Ok(all)
            }
            #[cfg(feature = "aws")]
            Source::Aws { profile, region } => {
                let found = self.aws.clusters(profile.as_deref(), region.as_deref()).await?;
                self.directory.learn(&found);
                self.note_costs(&found);
                Ok(found)
            }
            #[cfg(not(feature = "aws"))]
            Source::Aws { .. } => Err(without_aws()),
        }
    }

    /// A cluster that none of the sources has, in the other regions of their accounts.
    #[cfg(feature = "aws")]
    async fn locate(&self, name: &str) -> Result<Vec<Cluster>, Failure> {
        let mut profiles: Vec<Option<String>> = self.aws.sources().into_iter().map(|(profile, _)| profile).collect();
        profiles.dedup();
        let looks = profiles.iter().map(|profile| self.aws.locate(profile.as_deref(), name));
        let mut found = Vec::new();
        for look in futures::future::join_all(looks).await {
            found.extend(look?);
        }
        self.directory.learn(&found);
        Ok(found)
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the other build asks AWS here")]
    async fn locate(&self, _name: &str) -> Result<Vec<Cluster>, Failure> {
        Ok(Vec::new())
    }

    #[cfg(feature = "aws")]
    async fn joined(
        &self,
        cluster: &ClusterId,
        nodes: impl Future<Output = Result<crate::model::NodeTable, Failure>>,
    ) -> Result<crate::model::NodeTable, Failure> {
        let Some(known) = self.directory.known(cluster) else { return nodes.await };
        // Side by side: what EC2 says comes in the time that the scheduler takes.
        let (nodes, machines) = futures::join!(nodes, self.machines.of(&self.aws, &known));
        let mut nodes = nodes?;
        if let Some(machines) = machines {
            self.machines.write(cluster, &machines, &mut nodes);
        }
        Ok(nodes)
    }

    /// Where a log that is a file lies, and what is behind its path there.
    async fn log_file(&self, source: LogSource) -> Result<(Arc<dyn Host>, String), Failure> {
        match source {
            LogSource::File { place, path } => Ok((self.host(&place)?, path)),
            LogSource::Output { cluster, job, kind } => {
                let backend = self.directory.backend(&cluster)?;
                let path = self.paths.of(&backend, &cluster, &job, kind).await?;
                Ok((backend.host(), path))
            }
            LogSource::Stream { cluster, .. } => Err(no_streams(&cluster)),
        }
    }

    async fn log_range(&self, source: LogSource, at: LogPlace, bytes: i64) -> Result<Answer, Failure> {
        match (source, at) {
            #[cfg(feature = "aws")]
            (LogSource::Stream { cluster, group, stream }, LogPlace::Moment(at)) => {
                self.aws.part(&self.on_aws(&cluster)?, &group, &stream, at, bytes).await
            }
            (source, LogPlace::Byte(at)) => {
                let (host, path) = self.log_file(source).await?;
                let part = host.part(path, at, bytes).await?;
                let end = part.start + part.bytes.len() as u64;
                let (start, end) = (LogPlace::Byte(part.start), LogPlace::Byte(end));
                Ok(Answer::LogRange { start, end, bytes: part.bytes, is_start: start == LogPlace::Byte(0), is_end: part.is_end })
            }
            (_, LogPlace::Moment(_)) => Err(Failure::new(FailureKind::Unsupported, "the log", "a file is read by bytes, not by time")),
        }
    }

    async fn log_find(&self, source: LogSource, pattern: String, insensitive: bool) -> Result<Found, Failure> {
        #[cfg(feature = "aws")]
        if let LogSource::Stream { cluster, group, stream } = &source {
            return self.aws.find(&self.on_aws(cluster)?, group, stream, &pattern, insensitive).await;
        }
        let (host, path) = self.log_file(source).await?;
        host.find(path, pattern, insensitive).await
    }

    /// A cluster of AWS, be it gone: its identifier says where its log groups are.
    #[cfg(feature = "aws")]
    fn on_aws(&self, cluster: &ClusterId) -> Result<Cluster, Failure> {
        if let Some(known) = self.directory.known(cluster) {
            return Ok(known);
        }
        let mut parts = cluster.as_str().split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(profile), Some(region), Some(_), None) => {
                let mut gone = Cluster::named(cluster.clone(), crate::model::ClusterKind::ParallelCluster);
                gone.profile = Some(profile.to_owned()).filter(|profile| profile != "default" || self.aws.names(profile));
                // A cluster that is to be may have nothing but its account's own region.
                gone.region = Some(region.to_owned()).filter(|region| region != "default");
                Ok(gone)
            }
            _ => Err(no_streams(cluster)),
        }
    }

    #[cfg(feature = "aws")]
    fn streams(&self, cluster: &ClusterId, group: Option<String>) -> BoxStream<'static, Result<Answer, Failure>> {
        match self.on_aws(cluster) {
            Ok(known) => self.aws.streams(known, group).map(|streams| streams.map(Answer::Streams)).boxed(),
            Err(failure) => stream::once(std::future::ready(Err(failure))).boxed(),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "the other build asks AWS here")]
    fn streams(&self, cluster: &ClusterId, _group: Option<String>) -> BoxStream<'static, Result<Answer, Failure>> {
        stream::once(std::future::ready(Err(no_streams(cluster)))).boxed()
    }

    #[cfg(feature = "aws")]
    async fn groups(&self, source: Source) -> Result<Vec<crate::model::LogGroup>, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.groups(profile.as_deref(), region.as_deref()).await,
            Source::Fixed => Ok(Vec::new()),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the other build asks AWS here")]
    async fn groups(&self, source: Source) -> Result<Vec<crate::model::LogGroup>, Failure> {
        match source {
            Source::Aws { .. } => Err(without_aws()),
            Source::Fixed => Ok(Vec::new()),
        }
    }

    fn follow(self: Arc<Self>, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        if let Some(demo) = query.cluster().and_then(|cluster| self.is_simulated(cluster)) {
            return demo.follow(query);
        }
        match query {
            Query::Link(cluster) => self.directory.link(cluster).map(|link| Ok(Answer::Link(link))).boxed(),
            Query::Log(LogSource::File { place, path }, start) => match self.host(&place) {
                Ok(host) => host.tail(path, start).map(|event| event.map(Answer::Log)).boxed(),
                Err(failure) => failed(failure),
            },
            Query::Log(LogSource::Output { cluster, job, kind }, start) => match self.directory.backend(&cluster) {
                Ok(backend) => {
                    let events = output::follow(backend, self.paths.clone(), (cluster, job, kind), start);
                    events.map(|event| event.map(Answer::Log)).boxed()
                }
                Err(failure) => failed(failure),
            },
            #[cfg(feature = "aws")]
            Query::Log(LogSource::Stream { cluster, group, stream }, start) => match self.on_aws(&cluster) {
                Ok(known) => self.aws.follow(known, group, stream, start).map(|event| event.map(Answer::Log)).boxed(),
                Err(failure) => failed(failure),
            },
            #[cfg(not(feature = "aws"))]
            Query::Log(LogSource::Stream { .. }, _) => failed(without_aws()),
            Query::Streams(cluster) => self.streams(&cluster, None),
            Query::GroupStreams { cluster, group } => self.streams(&cluster, Some(group)),
            Query::Prices => self.follow_prices(),
            #[cfg(feature = "aws")]
            Query::Events(cluster) => self.told(cluster),
            Query::Doctor(cluster) => self.doctor(cluster),
            other => self.ask(other).into_stream().boxed(),
        }
    }

    fn forgotten(self: Arc<Self>, cluster: ClusterId, token: String) -> BoxStream<'static, Progress> {
        let work = async move {
            match memory::forget(&self.record, token).await {
                Ok(true) => Progress::Done(Receipt::Noted),
                Ok(false) => {
                    Progress::Failed(Failure::new(FailureKind::Busy, cluster.as_str(), "somebody works on it, or its answer is known"))
                }
                Err(failure) => Progress::Failed(failure),
            }
        };
        work.into_stream().boxed()
    }

    fn run(self: Arc<Self>, command: Command) -> BoxStream<'static, Progress> {
        let cluster = command.cluster().cloned().unwrap_or_else(ClusterId::local);
        if let Some(demo) = self.is_simulated(&cluster) {
            return demo.run(command);
        }
        let command = match command {
            Command::Save { path, text } => return saved(path, text),
            #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "the other build asks AWS here"))]
            Command::LetTail(on) => {
                #[cfg(feature = "aws")]
                self.aws.let_tail(on);
                return ended(Progress::Done(Receipt::Noted));
            }
            Command::SaveLog(save) => return save::run(save, move |query| self.clone().ask(query).boxed()),
            Command::KeepColumns(columns) => return kept(self.config.clone(), move |file| Config::keep_columns(file, &columns)),
            Command::KeepWay { cluster, way } => {
                return kept(self.config.clone(), move |file| {
                    let written = Config::keep_way(file, &cluster, &self.directory.called(&cluster), way)?;
                    self.directory.go(cluster, way);
                    Ok(written)
                });
            }
            Command::Forget { cluster, token } => return self.forgotten(cluster, token),
            #[cfg(feature = "aws")]
            Command::MakeKey(key) => {
                let work = async move { self.aws.make_key(&key).await.map_or_else(Progress::Failed, Progress::Done) };
                return work.into_stream().boxed();
            }
            #[cfg(not(feature = "aws"))]
            Command::MakeKey(_) => return ended(Progress::Failed(without_aws())),
            #[cfg(feature = "aws")]
            Command::Operate { cluster, operation } => return self.operate(cluster, operation),
            #[cfg(not(feature = "aws"))]
            Command::Operate { .. } => return ended(Progress::Failed(without_aws())),
            command => command,
        };
        let backend = match self.directory.backend(&cluster) {
            Ok(backend) => backend,
            Err(failure) => return ended(Progress::Failed(failure)),
        };
        match command {
            Command::Submit(submission) => submit::run(backend, self.record.clone(), submission, None),
            Command::Finish { token, .. } => {
                let record = self.record.clone();
                let found = async move {
                    match memory::take(&record, token).await {
                        Ok(Taken::Draft(draft)) => submit::run(backend, record, draft.submission, Some(draft.token)),
                        Ok(Taken::Busy | Taken::Settled) => ended(Progress::Done(Receipt::Noted)),
                        Ok(Taken::Stale) => ended(Progress::Failed(stale())),
                        Err(failure) => ended(Progress::Failed(failure)),
                    }
                };
                stream::once(found).flatten().boxed()
            }
            Command::Change { change, jobs, .. } => {
                let asked = jobs.len();
                changed(asked, async move { backend.change(change, jobs).await })
            }
            Command::ChangeNodes { change, nodes, .. } => {
                let asked = nodes.len();
                changed(asked, async move { backend.change_nodes(change, nodes).await })
            }
            Command::Fetch(fetch) => output::fetch(backend, self.record.clone(), fetch),
            Command::Stage(stage) => store::run(backend.host(), stage),
            Command::Reply { prompt, text, .. } => {
                backend.host().reply(prompt, text);
                ended(Progress::Done(Receipt::Noted))
            }
            Command::Reconnect(_) => {
                backend.host().reconnect();
                ended(Progress::Done(Receipt::Noted))
            }
            // Done above: they concern no cluster's host.
            Command::Save { .. } | Command::SaveLog(_) | Command::KeepColumns(_) | Command::Forget { .. } => {
                ended(Progress::Done(Receipt::Noted))
            }
            Command::LetTail(_) | Command::MakeKey(_) | Command::Operate { .. } | Command::KeepWay { .. } => {
                ended(Progress::Done(Receipt::Noted))
            }
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

fn stale() -> Failure {
    let what = "it was cut off so long ago that nobody can tell any more whether it was sent";
    Failure::new(FailureKind::Conflict, "outbox", what).hint(
        "Look for the job in the queue and among the past jobs; then give this up in the outbox, and submit the script again if need be.",
    )
}

/// Writes a new file; complete or not at all.
fn saved(path: PathBuf, text: String) -> BoxStream<'static, Progress> {
    let work = move || {
        use std::io::Write as _;
        let path = at_home(&path);
        let wrong = |error: &std::io::Error| super::local::trouble::at(&path, error);
        let file = std::fs::File::options().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(&path))));
        written.map_err(|error| wrong(&error)).map(|()| Receipt::Saved(path.clone()))
    };
    let done = async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(receipt)) => Progress::Done(receipt),
            Ok(Err(failure)) => Progress::Failed(failure),
            Err(_) => Progress::Failed(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")),
        }
    };
    done.into_stream().boxed()
}

/// The last answer of a stream that ends.
async fn last(answers: BoxStream<'static, Result<Answer, Failure>>) -> Result<Answer, Failure> {
    let nothing = || Failure::new(FailureKind::NotFound, "the log group", "nothing was said of it");
    answers.collect::<Vec<_>>().await.pop().unwrap_or_else(|| Err(nothing()))
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

fn failed(failure: Failure) -> BoxStream<'static, Result<Answer, Failure>> {
    stream::once(std::future::ready(Err(failure))).chain(stream::pending()).boxed()
}

fn changed(asked: usize, work: impl Future<Output = Result<Refusals, Failure>> + Send + 'static) -> BoxStream<'static, Progress> {
    async move {
        match work.await {
            Ok(refused) => Progress::Done(Receipt::Changed { asked, refused }),
            Err(failure) => Progress::Failed(failure),
        }
    }
    .into_stream()
    .boxed()
}

fn kept<W>(file: Option<PathBuf>, write: W) -> BoxStream<'static, Progress>
where
    W: FnOnce(&std::path::Path) -> Result<PathBuf, Failure> + Send + 'static,
{
    let work = move || match file {
        Some(file) => write(&file),
        None => Err(Failure::new(FailureKind::NotFound, "qdeck", "there is no home folder to keep a configuration in")),
    };
    let done = async move {
        let stopped = || Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up"));
        let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| stopped());
        result.map_or_else(Progress::Failed, |file| Progress::Done(Receipt::Saved(file)))
    };
    done.into_stream().boxed()
}

fn ended(progress: Progress) -> BoxStream<'static, Progress> {
    stream::once(std::future::ready(progress)).boxed()
}

/// A path that a user typed, with `~` at its beginning resolved on this machine.
pub fn at_home(path: &std::path::Path) -> PathBuf {
    match (path.strip_prefix("~"), etcetera::home_dir()) {
        (Ok(rest), Ok(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
