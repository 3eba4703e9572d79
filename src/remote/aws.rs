//! EC2 and CloudWatch Logs. The only place that names the AWS SDK: plain values leave here, and failures with a next step.

mod bootstrap;
mod client;
mod clusters;
mod console;
mod doctor;
mod events;
mod evidence;
mod first;
mod fleet;
mod health;
mod keys;
mod listing;
mod logs;
mod machines;
mod network;
mod prices;
mod spot;
mod stacks;
mod streams;
mod trouble;
mod whole;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::BoxStream;
use tokio::sync::{Mutex, OnceCell};

use super::alerts::{Notices, Told};
use super::doctor::Check;
use super::host::Host;
use super::join::Instance;
use super::part::Found;
use super::voucher::HostKey;
use crate::model::{
    Answer, Bootstrap, Cluster, Failure, Ground, KeyPair, LogEvent, LogGroup, LogStart, LogStream, Machine, NewNetwork, Power, Progress,
    Purchase, Receipt, StackEvent,
};
use client::{Clients, Where};

/// The AWS side of the world. Cheap to clone; connects to nothing until it is asked.
#[derive(Clone, Debug)]
pub struct Aws {
    profiles: Vec<String>,
    regions: Vec<String>,
    clients: Arc<Mutex<HashMap<Where, Arc<OnceCell<Clients>>>>>,
    seen: Arc<listing::Seen>,
    told: Arc<Mutex<events::Told>>,
    groups: Arc<Mutex<bootstrap::Groups>>,
    tail: Arc<AtomicBool>,
}

impl Aws {
    /// Looks where the configuration says.
    pub fn new(config: &crate::config::Aws) -> Self {
        let (clients, seen, told, groups, tail) = Default::default();
        Self { profiles: config.profiles.clone(), regions: config.regions.clone(), clients, seen, told, groups, tail }
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
        clusters::instances(&clients.sparing(), &cluster.name).await
    }

    /// The spot machines of a cluster's region that EC2 takes or took back.
    pub async fn notices(&self, cluster: &Cluster) -> Result<Notices, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        spot::notices(&clients.sparing()).await
    }

    /// What EC2 says of running machines of a cluster: its checks, and the events to come. `token` is kept from call to call.
    pub async fn health(&self, cluster: &Cluster, ids: &[String], token: &mut Option<String>) -> Result<Told, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        health::look(&clients.sparing(), ids, token).await
    }

    /// The prices of instance types in a region, on demand or spot.
    pub async fn prices(
        &self,
        profile: Option<&str>,
        region: &str,
        purchase: Purchase,
        types: &[String],
    ) -> Result<Vec<super::prices::Told>, Failure> {
        let clients = self.clients(profile, Some(region)).await?;
        match purchase {
            Purchase::OnDemand => prices::on_demand(&clients, types).await,
            Purchase::Spot => prices::spot(&clients, types).await,
        }
    }

    /// What has happened to a cluster's stack, the oldest first; of a stack that is gone too, if it was asked about before.
    pub async fn events(&self, cluster: &Cluster) -> Result<Arc<Vec<StackEvent>>, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        // Held for as long as it is asked: two askers would read the same pages.
        self.told.lock().await.read(&clients, cluster).await
    }

    /// What the machine `head`, a head node that is set up, writes; with `why` all its logs are read for errors.
    pub async fn bootstrap(&self, cluster: &Cluster, head: &str, why: bool) -> Result<Bootstrap, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        bootstrap::read(&clients, &self.groups, cluster, head, why).await
    }

    /// The region that is meant where none is named.
    pub async fn region(&self, profile: Option<&str>, region: Option<&str>) -> Result<String, Failure> {
        Ok(self.clients(profile, region).await?.region)
    }

    /// Starts, stops or reboots a cluster's head node; EC2's word for what it is then.
    pub async fn head(&self, cluster: &Cluster, power: Power) -> Result<String, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        machines::head(&clients, &cluster.name, power).await
    }

    /// Ends a compute instance of a cluster, and no other machine; EC2's word for what it is then.
    pub async fn terminate(&self, cluster: &Cluster, instance: &str) -> Result<String, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        machines::terminate(&clients, &cluster.name, instance).await
    }

    /// The log streams of a group, or of a cluster's newest one: longer and longer lists, the last one complete.
    pub fn streams(&self, cluster: Cluster, group: Option<String>) -> BoxStream<'static, Result<Vec<LogStream>, Failure>> {
        streams::list(self.clone(), cluster, group)
    }

    /// The log groups of every ParallelCluster there, of those that are gone too.
    pub async fn groups(&self, profile: Option<&str>, region: Option<&str>) -> Result<Vec<LogGroup>, Failure> {
        streams::groups(&self.clients(profile, region).await?).await
    }

    /// Follows a log stream: no event lost, none doubled.
    pub fn follow(
        &self,
        cluster: Cluster,
        group: String,
        stream: String,
        start: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Failure>> {
        logs::follow(self.clone(), cluster, group, stream, start)
    }

    /// A part of a log stream: about so many bytes from a moment on, or before it where negative.
    pub async fn part(&self, cluster: &Cluster, group: &str, stream: &str, at: i64, bytes: i64) -> Result<Answer, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        logs::part(&clients, group, stream, at, bytes).await
    }

    /// Every event of a log stream that a regular expression matches.
    pub async fn find(&self, cluster: &Cluster, group: &str, stream: &str, pattern: &str, insensitive: bool) -> Result<Found, Failure> {
        let clients = self.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
        logs::find(&clients, group, stream, pattern, insensitive).await
    }

    /// What is there for a first cluster to stand on.
    pub async fn ground(&self, profile: Option<&str>, region: Option<&str>) -> Result<Ground, Failure> {
        first::ground(&self.clients(profile, region).await?).await
    }

    /// What instance types are like; those that are not offered there are missing.
    pub async fn machines(&self, profile: Option<&str>, region: Option<&str>, names: &[String]) -> Result<Vec<Machine>, Failure> {
        first::machines(&self.clients(profile, region).await?, names).await
    }

    /// Makes a key pair and keeps its private half, or imports a public key.
    pub async fn make_key(&self, key: &KeyPair) -> Result<Receipt, Failure> {
        keys::make(&self.clients(key.profile.as_deref(), Some(&key.region)).await?, key).await
    }

    /// Lets the template of a version of ParallelCluster make a network: its events, then its subnets.
    pub fn make_network(&self, wanted: NewNetwork, version: String) -> BoxStream<'static, Progress> {
        network::make(self.clone(), wanted, version)
    }

    /// The host keys that an instance printed to its console; none where EC2 has none, or not yet.
    pub async fn host_keys(&self, profile: Option<&str>, region: Option<&str>, instance: &str) -> Result<Vec<HostKey>, Failure> {
        console::host_keys(&self.clients(profile, region).await?, instance).await
    }

    /// What must be in order for an account and region to be used.
    pub(super) fn account_checks(&self, profile: Option<String>, region: Option<String>) -> Vec<Check> {
        doctor::account(self, profile, region)
    }

    /// What must be in order at AWS for a cluster to be used.
    pub(super) fn cluster_checks(&self, cluster: &Cluster, here: &Arc<dyn Host>) -> Vec<Check> {
        doctor::cluster(self, cluster, here)
    }

    /// Whether a profile of this name was named on purpose.
    pub fn names(&self, profile: &str) -> bool {
        self.profiles.iter().any(|named| named == profile)
    }

    /// Whether Live Tail, which costs money, may be used from now on.
    pub fn let_tail(&self, on: bool) {
        self.tail.store(on, Ordering::Relaxed);
    }

    fn may_tail(&self) -> bool {
        self.tail.load(Ordering::Relaxed)
    }

    async fn clients(&self, profile: Option<&str>, region: Option<&str>) -> Result<Clients, Failure> {
        let place = Where { profile: profile.map(str::to_owned), region: region.map(str::to_owned) };
        let cell = self.clients.lock().await.entry(place.clone()).or_default().clone();
        cell.get_or_try_init(|| client::load(place)).await.cloned()
    }
}
