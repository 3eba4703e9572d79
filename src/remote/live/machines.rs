//! The machines behind a cluster's nodes, and what EC2 says of them.
//!
//! A trouble of EC2 hides no node and holds up none: what cannot be asked is as it was known before, and is asked for less and less
//! often; its own trouble shows at the list of clusters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::join;
use tokio::time::timeout;

use crate::model::{Cluster, ClusterId, Failure, FailureKind, NodeTable};
use crate::remote::alerts::Watch;
use crate::remote::aws::Aws;
use crate::remote::join::{self, Instance};

/// So long an answer about nodes waits for EC2: the first one, which would know nothing, and those after it.
const FIRST: Duration = Duration::from_secs(8);
const LATER: Duration = Duration::from_secs(1);
/// Checks and spot machines that are not told in this time are given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause after a failure, doubled with each more, and the longest one.
const PAUSE: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_mins(5);

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
    /// The machines as they were last told.
    last: Option<Arc<Found>>,
    is_asking: bool,
    /// From when on they may be asked for again, after so many failures, of which this is the last.
    next: Option<Instant>,
    failures: u32,
    trouble: Option<String>,
}

/// The machines of one cluster.
pub(super) struct Found {
    alive: Vec<Instance>,
    gone: Vec<Instance>,
}

impl Machines {
    fn with<T>(&self, cluster: &ClusterId, work: impl FnOnce(&mut Watched) -> T) -> T {
        let mut watches: MutexGuard<'_, HashMap<ClusterId, Watched>> = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        work(watches.entry(cluster.clone()).or_default())
    }

    /// A cluster's machines as they are known once EC2 had a little time to tell.
    pub(super) async fn of(self: &Arc<Self>, aws: &Aws, cluster: &Cluster) -> Option<Arc<Found>> {
        let (begins, is_known) = self.with(&cluster.id, |watched| (watched.begins(Instant::now()), watched.last.is_some()));
        if begins {
            let (machines, aws, cluster) = (self.clone(), aws.clone(), cluster.clone());
            let look = tokio::spawn(async move { machines.look(&aws, &cluster).await });
            // What does not come in time is there for the next answer.
            let _ = timeout(if is_known { LATER } else { FIRST }, look).await;
        }
        self.with(&cluster.id, |watched| watched.last.clone())
    }

    /// Asks for a cluster's machines and, as often as it may be, for what EC2 says of them.
    async fn look(&self, aws: &Aws, cluster: &Cluster) {
        let told = aws.instances(cluster).await;
        let now = Instant::now();
        let found = self.with(&cluster.id, |watched| watched.take(told, now));
        if let Some(found) = found {
            let running = || found.alive.iter().filter(|instance| instance.state == "running");
            let has_spot = found.alive.iter().chain(&found.gone).any(|instance| instance.is_spot);
            let ids: Vec<String> = running().map(|instance| instance.id.clone()).collect();
            let (mut token, asks_spot) = self.with(&cluster.id, |watched| {
                let due = watched.watch.is_due(now).then(|| watched.token.take());
                (due, has_spot && watched.watch.is_spot_due(now))
            });
            let late = |what: &str| Failure::new(FailureKind::TimedOut, "AWS", format!("{what}: no answer in time"));
            let checks = async {
                let asked = timeout(PATIENCE, aws.health(cluster, &ids, token.as_mut()?)).await;
                Some(asked.unwrap_or_else(|_| Err(late("ec2:DescribeInstanceStatus"))))
            };
            let notices = async {
                if !asks_spot {
                    return None;
                }
                let asked = timeout(PATIENCE, aws.notices(cluster)).await;
                Some(asked.unwrap_or_else(|_| Err(late("ec2:DescribeSpotInstanceRequests"))))
            };
            let (checks, notices) = join!(checks, notices);
            self.with(&cluster.id, |watched| {
                if let Some(checks) = checks {
                    watched.watch.hear(checks, now);
                    watched.token = token.flatten();
                }
                if let Some(notices) = notices {
                    watched.watch.hear_spot(notices, now);
                }
            });
        }
        self.with(&cluster.id, |watched| watched.is_asking = false);
    }

    /// Writes the machines, and what is the matter with them, on the nodes that they are behind.
    pub(super) fn write(&self, cluster: &ClusterId, found: &Found, table: &mut NodeTable) {
        join::join(&mut table.nodes, &found.alive);
        self.with(cluster, |watched| {
            watched.watch.mark(table, &found.alive, &found.gone);
            if let Some(trouble) = &watched.trouble {
                table.unchecked = Some(format!("{trouble}. Its machine is shown as it was before."));
            }
        });
    }
}

impl Watched {
    /// Whether EC2 shall be asked now; then it is.
    fn begins(&mut self, now: Instant) -> bool {
        let begins = !self.is_asking && self.next.is_none_or(|next| now >= next);
        self.is_asking |= begins;
        begins
    }

    /// Takes in what came of asking; the machines, if it was they.
    fn take(&mut self, told: Result<Vec<Instance>, Failure>, now: Instant) -> Option<Arc<Found>> {
        match told {
            Ok(all) => {
                let (alive, gone) = all.into_iter().partition(Instance::is_alive);
                (self.next, self.failures, self.trouble) = (None, 0, None);
                self.last.insert(Arc::new(Found { alive, gone })).clone().into()
            }
            Err(failure) => {
                let pause = PAUSE * 2_u32.pow(self.failures.min(5));
                self.next = Some(now + if failure.kind == FailureKind::Denied { LONGEST } else { pause.min(LONGEST) });
                (self.failures, self.trouble) = (self.failures + 1, Some(failure.what));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_asked_less_and_less_and_what_was_known_stays() {
        let mut watched = Watched::default();
        let mut now = Instant::now();
        assert!(watched.begins(now) && !watched.begins(now), "one question at a time");
        let found = watched.take(Ok(vec![Instance { state: "running".into(), ..Instance::default() }]), now);
        watched.is_asking = false;
        assert_eq!(found.map(|found| found.alive.len()), Some(1));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            assert!(watched.begins(now));
            assert!(watched.take(Err(Failure::new(FailureKind::Busy, "AWS", "RequestLimitExceeded: slower")), now).is_none());
            watched.is_asking = false;
            let next = watched.next.unwrap();
            assert!(!watched.begins(next.checked_sub(Duration::from_millis(1)).unwrap()));
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [15, 30, 60, 120, 240, 300, 300]);
        assert!(watched.last.is_some() && watched.trouble.is_some());
        watched.take(Ok(Vec::new()), now);
        assert!(watched.trouble.is_none() && watched.next.is_none());
    }
}
