//! EC2 and CloudWatch Logs. The only place that names the AWS SDK: plain values leave here, and failures with a next step.

mod client;
mod clusters;
mod fleet;
mod listing;
mod logs;
mod stacks;
mod streams;
mod trouble;
mod whole;

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use tokio::sync::{Mutex, OnceCell};

use super::join::Instance;
use crate::model::{Cluster, Failure, LogEvent, LogStart, LogStream};
use client::{Clients, Where};

/// The AWS side of the world. Cheap to clone; connects to nothing until it is asked.
#[derive(Clone, Debug)]
pub struct Aws {
    profiles: Vec<String>,
    regions: Vec<String>,
    clients: Arc<Mutex<HashMap<Where, Arc<OnceCell<Clients>>>>>,
    seen: Arc<listing::Seen>,
}

impl Aws {
    /// Looks where the configuration says.
    pub fn new(config: &crate::config::Aws) -> Self {
        Self { profiles: config.profiles.clone(), regions: config.regions.clone(), clients: Arc::default(), seen: Arc::default() }
    }

    /// Each profile with each region. Nothing configured means what the SDK finds by itself.
    pub fn sources(&self) -> Vec<(Option<String>, Option<String>)> {
        let or_default = |list: &[String]| if list.is_empty() { vec![None] } else { list.iter().cloned().map(Some).collect() };
        let regions = or_default(&self.regions);
        or_default(&self.profiles).into_iter().flat_map(|p| regions.iter().map(move |r| (p.clone(), r.clone()))).collect()
    }

    /// The clusters that have a stack or instances there.
    pub async fn clusters(&self, profile: Option<&str>, region: Option<&str>) -> Result<Vec<Cluster>, Failure> {
        let clients = self.clients(profile, region).await?;
        listing::list(&clients, &self.seen).await
    }

    /// A cluster by its name, looked for in every region that the account uses.
    pub async fn locate(&self, profile: Option<&str>, name: &str) -> Result<Vec<Cluster>, Failure> {
        listing::locate(self, profile, name).await
    }

    /// The instances of a cluster.
    pub async fn instances(&self, cluster: &Cluster) -> Result<Vec<Instance>, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        clusters::instances(&clients, &cluster.name).await
    }

    /// The log streams of a cluster's newest log group.
    pub async fn streams(&self, cluster: &Cluster) -> Result<Vec<LogStream>, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        streams::list(&clients, cluster).await
    }

    /// Follows a log stream by polling with forward tokens: no event lost, none doubled.
    pub fn follow(
        &self,
        cluster: Cluster,
        group: String,
        stream: String,
        start: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Failure>> {
        logs::follow(self.clone(), cluster, group, stream, start)
    }

    async fn clients(&self, profile: Option<&str>, region: Option<&str>) -> Result<Clients, Failure> {
        let place = Where { profile: profile.map(str::to_owned), region: region.map(str::to_owned) };
        let cell = self.clients.lock().await.entry(place.clone()).or_default().clone();
        cell.get_or_try_init(|| client::load(place)).await.cloned()
    }
}
