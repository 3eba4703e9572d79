//! What things cost and what EC2 warns of, worked out when an answer comes and not when a frame is drawn.

use std::collections::HashMap;

use super::store::Store;
use crate::model::cost::Kinds;
use crate::model::{Alert, Burn, Cluster, ClusterId, JobCost, JobId, Node, Price, Prices, Purchase, Query};

/// The figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    regions: HashMap<ClusterId, String>,
    burns: HashMap<ClusterId, Burn>,
    all: Burn,
    nodes: HashMap<ClusterId, Nodes>,
    /// The job that was examined last.
    job: Option<(ClusterId, JobId, Option<JobCost>)>,
}

/// The nodes of one cluster.
#[derive(Clone, Debug, Default)]
struct Nodes {
    kinds: Kinds,
    idle: Burn,
    /// Those that EC2 warns of.
    alerts: Vec<(String, Vec<Alert>)>,
}

impl Costs {
    /// An answer came and is in the store.
    pub(super) fn hear(&mut self, query: &Query, store: &Store, clusters: &[Cluster]) {
        let nothing = Prices::default();
        let prices = store.prices().unwrap_or(&nothing);
        match query {
            Query::Clusters(_) | Query::Locate(_) => self.clusters(clusters, prices),
            Query::Prices => {
                self.clusters(clusters, prices);
                for cluster in clusters {
                    self.nodes(&cluster.id, store, prices);
                }
                self.job(None, store, prices);
            }
            Query::Nodes(cluster) => {
                self.nodes(cluster, store, prices);
                self.job(None, store, prices);
            }
            Query::Examine { cluster, job } => self.job(Some((cluster, job)), store, prices),
            _ => {}
        }
    }

    fn clusters(&mut self, clusters: &[Cluster], prices: &Prices) {
        self.burns.clear();
        self.regions.clear();
        self.all = Burn::default();
        for cluster in clusters.iter().filter(|cluster| cluster.region.is_some()) {
            self.regions.extend(cluster.region.clone().map(|region| (cluster.id.clone(), region)));
            let burn = Burn::of(&cluster.machines, cluster.region.as_deref(), prices);
            self.all.plus(&burn);
            self.burns.insert(cluster.id.clone(), burn);
        }
    }

    fn nodes(&mut self, cluster: &ClusterId, store: &Store, prices: &Prices) {
        let Some(table) = store.nodes(cluster) else { return };
        let region = self.regions.get(cluster).map(String::as_str);
        let alerts = table.nodes.iter().filter(|node| !node.alerts.is_empty());
        let known = Nodes {
            kinds: Kinds::of(&table.nodes),
            idle: Burn::idle(&table.nodes, region, prices),
            alerts: alerts.map(|node| (node.name.clone(), node.alerts.clone())).collect(),
        };
        self.nodes.insert(cluster.clone(), known);
    }

    fn job(&mut self, examined: Option<(&ClusterId, &JobId)>, store: &Store, prices: &Prices) {
        let last = self.job.take();
        let Some((cluster, job)) = examined.or(last.as_ref().map(|(cluster, job, _)| (cluster, job))) else { return };
        let region = self.regions.get(cluster).map(String::as_str);
        let nodes = store.nodes(cluster).map_or(&[][..], |table| &table.nodes);
        // Where there can be no price there is nothing to say about it.
        let may_cost = region.is_some() && !nodes.is_empty() && store.prices().is_some();
        let cost = store.examined(cluster, job).filter(|_| may_cost);
        let cost = cost.and_then(|detail| JobCost::of(detail, nodes, region, prices));
        self.job = Some((cluster.clone(), job.clone(), cost));
    }

    /// Whether a cluster's machines can have a price.
    pub(super) fn may_cost(&self, cluster: &ClusterId) -> bool {
        self.regions.contains_key(cluster)
    }

    /// Whether any known cluster has machines.
    pub(super) fn has_machines(&self) -> bool {
        self.all.machines() > 0
    }

    /// Of all clusters together.
    pub(super) fn all(&self) -> &Burn {
        &self.all
    }

    pub(super) fn burn(&self, cluster: &ClusterId) -> Option<&Burn> {
        self.burns.get(cluster)
    }

    /// Of the nodes of a cluster that run and do nothing.
    pub(super) fn idle(&self, cluster: &ClusterId) -> Option<&Burn> {
        self.nodes.get(cluster).map(|nodes| &nodes.idle)
    }

    /// The nodes that EC2 warns of.
    pub(super) fn alerts(&self, cluster: &ClusterId) -> &[(String, Vec<Alert>)] {
        self.nodes.get(cluster).map_or(&[], |nodes| &nodes.alerts)
    }

    /// What an hour of a node's machine costs, as it runs or would run.
    pub(super) fn node(&self, cluster: &ClusterId, node: &Node, prices: Option<&Prices>) -> Option<(Purchase, Price)> {
        let (purchase, price) = self.nodes.get(cluster)?.kinds.price(node, Some(self.regions.get(cluster)?), prices?);
        Some((purchase, price?))
    }

    /// What a job costs, once it has been examined.
    pub(super) fn of_job(&self, cluster: &ClusterId, job: &JobId) -> Option<&JobCost> {
        self.job.as_ref().filter(|(of, id, _)| of == cluster && id == job)?.2.as_ref()
    }
}
