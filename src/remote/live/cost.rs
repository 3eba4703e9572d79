//! Prices, alerts and the trail, beside the answers that they belong to.
//!
//! Fails no answer: what cannot be asked or written down leaves it as it is.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use super::Inner;
use crate::model::{Answer, ClusterId, Failure, FailureKind, JobTable, NodeTable, Purchase, Scope, Window};
#[cfg(feature = "aws")]
use crate::model::{Burn, Cluster};
use crate::remote::record::Record;

/// Whether a price is missing or old is looked at this often; AWS is asked far less.
const LOOK: Duration = Duration::from_secs(5);

impl Inner {
    /// All prices that are known, after those that are missing or a day old were asked for.
    pub(super) async fn prices(&self) -> Result<Answer, Failure> {
        for cluster in self.directory.all_known() {
            let Some(region) = &cluster.region else { continue };
            for machines in &cluster.machines {
                self.book.using(cluster.profile.as_deref(), region, &machines.instance_type, machines.purchase);
            }
        }
        #[cfg(feature = "aws")]
        if self.ask_prices().await {
            // What clusters cost is known from now on, not only from their next answer on.
            self.note_costs(&self.directory.all_known());
        }
        Ok(self.known_prices().await)
    }

    async fn known_prices(&self) -> Answer {
        let book = self.book.clone();
        let mut known = tokio::task::spawn_blocking(move || book.known()).await.unwrap_or_default();
        if let Some(demo) = &self.demo {
            let simulated = demo.prices();
            known.quotes.extend(simulated.quotes);
            known.simulated = true;
        }
        Answer::Prices(Arc::new(known))
    }

    /// Asks for what is due, if anything is.
    #[cfg(feature = "aws")]
    async fn ask_prices(&self) -> bool {
        let due = self.book.due(crate::remote::now().as_second());
        let any = !due.is_empty();
        for (region, wanted) in due {
            for (purchase, types) in [(Purchase::OnDemand, wanted.on_demand), (Purchase::Spot, wanted.spot)] {
                if types.is_empty() {
                    continue;
                }
                let told = self.aws.prices(wanted.profile.as_deref(), &region, purchase, &types).await;
                let (book, region) = (self.book.clone(), region.clone());
                let learnt = move || book.learn(&region, purchase, &types, told.as_deref(), crate::remote::now());
                let _ = tokio::task::spawn_blocking(learnt).await;
            }
        }
        any
    }

    /// What is known of prices at once, then whenever more is known.
    pub(super) fn follow_prices(self: Arc<Self>) -> BoxStream<'static, Result<Answer, Failure>> {
        let first = self.clone();
        let more = stream::unfold((self, None), |(inner, last)| async move {
            loop {
                if last.is_some() {
                    tokio::time::sleep(LOOK).await;
                }
                let answer = inner.prices().await;
                let told = answer.clone().ok();
                if last != Some(told.clone()) {
                    return Some((answer, (inner, Some(told))));
                }
            }
        });
        stream::once(async move { Ok(first.known_prices().await) }).chain(more).boxed()
    }

    /// Writes down how the nodes are, and which machines they have.
    pub(super) fn note_nodes(&self, cluster: &ClusterId, table: &Arc<NodeTable>) {
        if let Some(known) = self.directory.known(cluster)
            && let Some(region) = &known.region
        {
            let mut kinds: Vec<(&str, Purchase)> = Vec::new();
            for node in &table.nodes {
                let kind = node.machine_type().map(|kind| (kind, node.purchase.unwrap_or(Purchase::OnDemand)));
                if let Some(kind) = kind.filter(|kind| !kinds.contains(kind)) {
                    self.book.using(known.profile.as_deref(), region, kind.0, kind.1);
                    kinds.push(kind);
                }
            }
        }
        let (id, table) = (cluster.clone(), table.clone());
        self.write_down(move |record| record.saw_nodes(&id, &table));
    }

    /// Writes down how long the queue is.
    pub(super) fn note_queue(&self, cluster: &ClusterId, scope: Scope, table: &Arc<JobTable>) {
        let (id, table) = (cluster.clone(), table.clone());
        self.write_down(move |record| record.saw_queue(&id, scope, &table));
    }

    /// Writes down what each cluster costs now.
    #[cfg(feature = "aws")]
    pub(super) fn note_costs(&self, clusters: &[Cluster]) {
        let prices = self.book.known();
        let burns: Vec<(ClusterId, Burn)> =
            clusters.iter().map(|cluster| (cluster.id.clone(), Burn::of(&cluster.machines, cluster.region.as_deref(), &prices))).collect();
        self.write_down(move |record| burns.iter().try_for_each(|(id, burn)| record.saw_cost(id, burn)));
    }

    fn write_down(&self, work: impl FnOnce(&Record) -> Result<(), Failure> + Send + 'static) {
        let record = self.record.clone();
        // Nobody waits for it.
        tokio::task::spawn_blocking(move || {
            if let Err(failure) = work(&record) {
                tracing::warn!(%failure, "the trail could not be written");
            }
        });
    }

    /// How a cluster was.
    pub(super) async fn trail(&self, cluster: ClusterId, window: Window) -> Result<Answer, Failure> {
        let record = self.record.clone();
        let read = tokio::task::spawn_blocking(move || record.trail(&cluster, window)).await;
        let stopped = |_| Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up"));
        read.unwrap_or_else(stopped).map(|trail| Answer::Trail(Arc::new(trail)))
    }
}
