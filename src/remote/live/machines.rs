//! The machines behind a cluster's nodes, and what EC2 says of them.
//!
//! A trouble of EC2 hides no node: what cannot be asked is left out, and its own trouble shows at the list of clusters.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{Cluster, ClusterId, Failure, FailureKind, NodeTable};
use crate::remote::alerts::Watch;
use crate::remote::aws::Aws;
use crate::remote::join::{self, Instance};

/// Checks and events that do not come in this time hold up nobody.
const PATIENCE: Duration = Duration::from_secs(6);

/// What is remembered of each cluster's machines.
#[derive(Default)]
pub(super) struct Machines {
    watches: Mutex<HashMap<ClusterId, Watched>>,
}

#[derive(Default)]
struct Watched {
    watch: Watch,
    /// Where EC2's last answer left off.
    token: Option<String>,
}

/// The machines of one cluster.
pub(super) struct Found {
    alive: Vec<Instance>,
    gone: Vec<Instance>,
}

impl Machines {
    fn watches(&self) -> MutexGuard<'_, HashMap<ClusterId, Watched>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a cluster's machines and, at most once a minute, for what EC2 says of them.
    pub(super) async fn of(&self, aws: &Aws, cluster: &Cluster) -> Option<Found> {
        let all = aws.instances(cluster).await.ok()?;
        let (alive, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(Instance::is_alive);
        let running = || alive.iter().filter(|instance| instance.state == "running").map(|instance| instance.id.clone());
        let due = {
            let mut watches = self.watches();
            let watched = watches.entry(cluster.id.clone()).or_default();
            watched.watch.is_due(Instant::now()).then(|| watched.token.take())
        };
        if let Some(mut token) = due {
            let ids: Vec<String> = running().collect();
            let late = |_| Err(Failure::new(FailureKind::TimedOut, "AWS", "ec2:DescribeInstanceStatus: no answer in time"));
            let told = tokio::time::timeout(PATIENCE, aws.health(cluster, &ids, &mut token)).await.unwrap_or_else(late);
            let mut watches = self.watches();
            let watched = watches.entry(cluster.id.clone()).or_default();
            watched.watch.hear(told, Instant::now());
            watched.token = token;
        }
        Some(Found { alive, gone })
    }

    /// Writes the machines, and what is the matter with them, on the nodes that they are behind.
    pub(super) fn write(&self, cluster: &ClusterId, found: &Found, table: &mut NodeTable) {
        join::join(&mut table.nodes, &found.alive);
        if let Some(watched) = self.watches().get_mut(cluster) {
            watched.watch.mark(table, &found.alive, &found.gone);
        }
    }
}
