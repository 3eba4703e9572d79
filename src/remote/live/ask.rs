//! Questions that have one answer.
//!
//! Knows who has the answer, never how it is found.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};

use super::Inner;
#[cfg(not(feature = "aws"))]
use super::without_aws;
use super::{memory, output};
use crate::model::{Answer, Cluster, ClusterId, Failure, FailureKind, JobDetail, Query, Source};
use crate::remote::{Remote, mounts, store};

impl Inner {
    pub(super) async fn ask(self: Arc<Self>, query: Query) -> Result<Answer, Failure> {
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
            Query::Quotes { profile, region, names } => self.quotes(profile.as_deref(), &region, &names).await,
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
            Query::Events(cluster) => self.events(cluster).await.map(Answer::Events),
            #[cfg(feature = "aws")]
            Query::Bootstrap { cluster, head, why } => self.bootstrap(&cluster, &head, why).await.map(Box::new).map(Answer::Bootstrap),
            #[cfg(feature = "aws")]
            Query::Region(source) => self.region(source).await.map(Answer::Region),
            #[cfg(feature = "aws")]
            Query::Usual(cluster) => self.usual(&cluster).await.map(Answer::Usual),
            #[cfg(not(feature = "aws"))]
            Query::Usual(_) => memory::usual(&self.record).await.map(Answer::Usual),
            #[cfg(not(feature = "aws"))]
            Query::DryRun { .. } | Query::Configuration(_) | Query::Events(_) | Query::Bootstrap { .. } | Query::Region(_) => {
                Err(without_aws())
            }
            Query::Audit => Err(Failure::new(FailureKind::Unsupported, "qdeck", "the guard keeps the audit trail")),
            Query::Doctor(cluster) => last(self.doctor(cluster)).await,
            Query::Link(_) | Query::Log(..) => Err(Failure::new(FailureKind::Unsupported, "qdeck", "this question is followed, not asked")),
        }
    }

    /// The file systems of a cluster's head node. Those that do not answer take four seconds together.
    async fn mounts(&self, cluster: &ClusterId) -> Result<Vec<crate::model::Mount>, Failure> {
        let host = self.directory.backend(cluster)?.host();
        let said = host.sh(mounts::SCRIPT.to_owned(), Duration::from_secs(30)).await?;
        mounts::read(&said).map_err(|failure| Failure { place: cluster.to_string(), ..failure })
    }

    pub(super) async fn clusters(&self, source: Source) -> Result<Vec<Cluster>, Failure> {
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
}

/// The last answer of a stream that ends.
async fn last(answers: BoxStream<'static, Result<Answer, Failure>>) -> Result<Answer, Failure> {
    let nothing = || Failure::new(FailureKind::NotFound, "the log group", "nothing was said of it");
    answers.collect::<Vec<_>>().await.pop().unwrap_or_else(|| Err(nothing()))
}
