//! The life of clusters: `pcluster` makes, changes and deletes them, CloudFormation and EC2 tell and do the rest.
//!
//! Nothing that was begun here ends because nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

use super::{Inner, memory};
use crate::model::{
    Answer, Bootstrap, Cluster, ClusterId, Configuration, Course, Draft, Failure, FailureKind, Operation, Place, Progress, Query, Receipt,
    Source, StackEvent, Usual, Verdict,
};
use crate::remote::pcluster::{Aim, Whose};

/// A whole minute of waiting would be one of not knowing; AWS counts these calls.
const BETWEEN: Duration = Duration::from_secs(4);
/// A head node sends what it writes every five seconds.
const WRITES: Duration = Duration::from_secs(6);

impl Inner {
    fn whose(&self, cluster: &ClusterId) -> Result<(Cluster, Whose), Failure> {
        let known = self.on_aws(cluster).map_err(|_| {
            Failure::new(FailureKind::Unsupported, cluster.as_str(), "it is no AWS ParallelCluster, and has no life to be managed")
        })?;
        let whose = Whose { name: known.name.clone(), profile: known.profile.clone(), region: known.region.clone() };
        Ok((known, whose))
    }

    /// What a configuration says, wherever it is.
    async fn text(&self, whose: &Whose, of: Configuration) -> Result<String, Failure> {
        let (place, path) = match of {
            Configuration::Text(text) => return Ok(text),
            Configuration::Own => return self.pcluster.configuration(whose).await,
            Configuration::File { place, path } => (place, path),
        };
        let path = if place == Place::Here { super::at_home(path.as_ref()).display().to_string() } else { path };
        let read = self.host(&place)?.preview(path.clone()).await?;
        let wrong = |what: &str| Failure::new(FailureKind::Rejected, path.as_str(), what);
        if read.is_binary {
            return Err(wrong("it is no text file"));
        }
        if read.size > read.text.len() as u64 {
            return Err(wrong("it is too large for a cluster's configuration"));
        }
        Ok(read.text)
    }

    pub(super) async fn configuration(&self, cluster: &ClusterId) -> Result<String, Failure> {
        self.pcluster.configuration(&self.whose(cluster)?.1).await
    }

    pub(super) async fn dry_run(&self, cluster: &ClusterId, draft: Draft) -> Result<Verdict, Failure> {
        let (_, whose) = self.whose(cluster)?;
        match draft {
            Draft::Create(of) => self.pcluster.dry_run(&whose, Aim::Create, &self.text(&whose, of).await?).await,
            Draft::Update(of) => self.pcluster.dry_run(&whose, Aim::Update, &self.text(&whose, of).await?).await,
            Draft::Scale { queue, min, max, of } => {
                let before = self.text(&whose, of).await?;
                self.pcluster.dry_scale(&whose, &queue, (min, max), before).await
            }
        }
    }

    /// What has happened to a stack. What ended well is written down: it tells how long such things take.
    pub(super) async fn events(&self, cluster: ClusterId) -> Result<Arc<Vec<StackEvent>>, Failure> {
        let events = self.aws.events(&self.on_aws(&cluster)?).await?;
        // Waited for: who follows a stack to its end may end with it.
        self.took(cluster, events.clone()).await;
        Ok(events)
    }

    /// Where no creation was seen yet, that of another cluster of the account is looked up: CloudFormation remembers it for some months.
    pub(super) async fn usual(&self, cluster: &ClusterId) -> Result<Usual, Failure> {
        let usual = memory::usual(&self.record).await?;
        if usual.known("CREATE") > 0 {
            return Ok(usual);
        }
        let is_there =
            |other: &Cluster| other.status.as_deref().is_some_and(|status| status.ends_with("_COMPLETE")) && other.id != *cluster;
        let Some(other) = self.directory.all_known().into_iter().filter(is_there).max_by_key(|other| other.since) else { return Ok(usual) };
        // Nobody needs it enough to be told that it cannot be had.
        let Ok(events) = self.aws.events(&other).await else { return Ok(usual) };
        self.took(other.id, events).await;
        memory::usual(&self.record).await
    }

    /// Writes down what the operations on a stack took.
    async fn took(&self, cluster: ClusterId, events: Arc<Vec<StackEvent>>) {
        let record = self.record.clone();
        let written = tokio::task::spawn_blocking(move || record.saw_courses(&cluster, &Course::each(&events))).await;
        if let Ok(Err(failure)) = written {
            tracing::warn!(%failure, "what an operation took could not be written down");
        }
    }

    pub(super) async fn bootstrap(&self, cluster: &ClusterId, head: &str, why: bool) -> Result<Bootstrap, Failure> {
        self.aws.bootstrap(&self.on_aws(cluster)?, head, why).await
    }

    pub(super) async fn region(&self, source: Source) -> Result<String, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.region(profile.as_deref(), region.as_deref()).await,
            Source::Fixed => Err(super::no_account()),
        }
    }

    /// Begins something. It is carried on by a task of its own: whoever asked may go.
    pub(super) fn operate(self: Arc<Self>, cluster: ClusterId, operation: Operation) -> BoxStream<'static, Progress> {
        let work = async move {
            let (known, whose) = self.whose(&cluster)?;
            match &operation {
                Operation::Head(power) => self.aws.head(&known, *power).await.map(begun),
                Operation::Terminate { instance, .. } => self.aws.terminate(&known, instance).await.map(begun),
                Operation::Create { .. } | Operation::Update { .. } | Operation::Scale { .. } => {
                    self.pcluster.operate(&whose, &operation).await
                }
                Operation::StartFleet | Operation::StopFleet | Operation::Delete => self.pcluster.operate(&whose, &operation).await,
            }
        };
        let task = async move {
            match tokio::spawn(work).await {
                Ok(Ok(receipt)) => Progress::Done(receipt),
                Ok(Err(failure)) => Progress::Failed(failure),
                Err(_) => Progress::Failed(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")),
            }
        };
        task.into_stream().boxed()
    }

    /// What happens to a stack, told again whenever more has happened, until nothing more will.
    pub(super) fn told(self: Arc<Self>, cluster: ClusterId) -> BoxStream<'static, Result<Answer, Failure>> {
        let state = (self, cluster, None::<usize>, false);
        stream::unfold(state, |(inner, cluster, mut told, over)| async move {
            if over {
                return None;
            }
            loop {
                if told.is_some() {
                    tokio::time::sleep(BETWEEN).await;
                }
                match inner.clone().ask(Query::Events(cluster.clone())).boxed().await {
                    Ok(Answer::Events(events)) if told == Some(events.len()) => {}
                    Ok(Answer::Events(events)) => {
                        let over = Course::of(&events).is_some_and(|course| course.is_over());
                        told = Some(events.len());
                        return Some((Ok(Answer::Events(events)), (inner, cluster, told, over)));
                    }
                    Ok(_) => return None,
                    Err(failure) => {
                        let over = failure.kind != FailureKind::Busy && failure.kind != FailureKind::Unreachable;
                        return Some((Err(failure), (inner, cluster, Some(told.unwrap_or(0)), over)));
                    }
                }
            }
        })
        .boxed()
    }

    /// What a head node writes while it is set up, told again whenever it has written more.
    pub(super) fn written(self: Arc<Self>, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        stream::unfold((self, None), move |(inner, last)| {
            let query = query.clone();
            async move {
                loop {
                    if last.is_some() {
                        tokio::time::sleep(WRITES).await;
                    }
                    let told = inner.clone().ask(query.clone()).boxed().await;
                    if last.as_ref() != Some(&told) {
                        return Some((told.clone(), (inner, Some(told))));
                    }
                }
            }
        })
        .boxed()
    }
}

fn begun(status: String) -> Receipt {
    Receipt::Begun { status, verdict: Box::default() }
}
