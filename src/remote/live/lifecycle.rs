//! The life of clusters: `pcluster` makes, changes and deletes them, CloudFormation and EC2 tell and do the rest.
//!
//! Nothing that was begun here ends because nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

use super::Inner;
use crate::model::{
    Answer, Cluster, ClusterId, Configuration, Course, Draft, Failure, FailureKind, Operation, Place, Progress, Query, Receipt, Verdict,
};
use crate::remote::pcluster::{Aim, Whose};

/// A whole minute of waiting would be one of not knowing; AWS counts these calls.
const BETWEEN: Duration = Duration::from_secs(4);

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
}

fn begun(status: String) -> Receipt {
    Receipt::Begun { status, verdict: Box::default() }
}
