//! The list of clusters: CloudFormation's stacks joined with the tags on EC2's instances, as far as the credentials reach.
//!
//! Calls for each source and refresh: DescribeStacks and DescribeInstances, a page each for few clusters; GetItem for at most
//! [`FLEETS`] clusters; once for each creation that failed DescribeStackEvents, and what its log takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use futures::{FutureExt, join};

use super::client::Clients;
use super::stacks::Stack;
use super::{Aws, clusters, evidence, fleet, stacks, trouble};
use crate::model::{Cluster, ClusterFailure, ClusterId, ClusterKind, Failure, FailureKind, HeadNode, SchedulerKind};

/// No more fleets than this are asked about in one refresh; the others have their turn at the next.
const FLEETS: usize = 20;
/// What was denied is tried again after so many refreshes.
const DENIED: u64 = 20;
/// What did not answer is tried again after so many.
const PAUSE: u64 = 4;
/// Regions that are asked at once while a cluster is looked for.
const AT_ONCE: usize = 8;
/// One region, or one service, that never answers must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(8);

/// What was learnt before and changes seldom or needs its turn.
#[derive(Debug, Default)]
pub(super) struct Seen {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last known status of each fleet, and in which turn it was asked for.
    fleets: HashMap<ClusterId, (Option<String>, u64)>,
    /// Why each failed creation failed: its events do not change any more.
    failures: HashMap<ClusterId, Vec<ClusterFailure>>,
    /// By profile and region, as failures say it.
    places: HashMap<String, Place>,
}

/// One profile and region.
#[derive(Debug, Default)]
struct Place {
    /// Whether a list was given before.
    is_known: bool,
    turn: u64,
    /// Until which turn fleets are not asked about, because the credentials may not, or because nobody answers; and why.
    fleets: (u64, Option<Failure>),
}

impl Seen {
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// The clusters of one profile and region.
pub(super) async fn list(clients: &Clients, seen: &Seen) -> Result<Vec<Cluster>, Failure> {
    let clients = &clients.sparing();
    // Boxed: the two futures are large, and this one is held by every refresh.
    let (stacks, tagged) = join!(stacks::list(clients).boxed(), clusters::list(clients).boxed());
    let is_known = seen.with(|inner| std::mem::replace(&mut inner.places.entry(clients.place()).or_default().is_known, true));
    // A trouble that passes leaves the list as it was known, which says more than half of a new one; what is denied stays denied.
    let passing = |failure: &Failure| is_known && failure.kind != FailureKind::Denied;
    let mut found = match (stacks, tagged) {
        (Ok(stacks), Ok(tagged)) => {
            clients.limit(false);
            joined(stacks, tagged, clients)
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) if passing(&failure) => return Err(failure),
        // Without CloudFormation the tags tell which clusters there are, and without EC2 the stacks do.
        (Err(failure), Ok(tagged)) => noted(tagged, "status", &failure),
        (Ok(stacks), Err(failure)) => noted(joined(stacks, Vec::new(), clients), "instances", &failure),
        // What both have in common, such as missing credentials, is told once.
        (Err(_), Err(failure)) => {
            seen.with(|inner| inner.places.entry(clients.place()).or_default().is_known = is_known);
            return Err(failure);
        }
    };
    fleets(clients, seen, &mut found).await;
    failures(clients, seen, &mut found).await;
    Ok(found)
}

fn noted(mut clusters: Vec<Cluster>, what: &str, failure: &Failure) -> Vec<Cluster> {
    for cluster in &mut clusters {
        cluster.notes.push(format!("{what} unknown: {}", failure.what));
    }
    clusters
}

/// Stacks and instances of the same name are one cluster. A cluster whose stack is gone may still have instances, and the other way round.
fn joined(stacks: Vec<Stack>, tagged: Vec<Cluster>, clients: &Clients) -> Vec<Cluster> {
    let mut all: BTreeMap<String, Cluster> = tagged.into_iter().map(|cluster| (cluster.name.clone(), cluster)).collect();
    for stack in stacks {
        let cluster = all.entry(stack.cluster.clone()).or_insert_with(|| {
            let id = ClusterId::aws(clients.profile.as_deref(), &clients.region, &stack.cluster);
            let mut cluster = Cluster::named(id, ClusterKind::ParallelCluster);
            (cluster.profile, cluster.region) = (clients.profile.clone(), Some(clients.region.clone()));
            cluster.nodes_up = Some(0);
            cluster
        });
        fill(cluster, stack);
    }
    all.into_values().collect()
}

fn fill(cluster: &mut Cluster, stack: Stack) {
    cluster.version = stack.version.or(cluster.version.take());
    cluster.scheduler = cluster.scheduler.or(match stack.scheduler.as_deref() {
        Some("slurm") => Some(SchedulerKind::Slurm),
        Some("sge") => Some(SchedulerKind::GridEngine),
        Some("torque") => Some(SchedulerKind::Pbs),
        _ => None,
    });
    if let Some(user) = stack.user {
        cluster.head_node.get_or_insert_with(HeadNode::default).user = Some(user);
    }
    if cluster.version.as_deref().is_some_and(|version| version.starts_with("2.")) {
        cluster.notes.push("ParallelCluster 2 has no support any more: qdeck shows it, and can use its queue, but not change it.".into());
    }
    if let Some(reason) = stack.reason.filter(|_| stack.status.ends_with("FAILED")) {
        cluster.notes.push(reason);
    }
    cluster.status = Some(stack.status);
    cluster.log_group = stack.log_group;
    cluster.since = cluster.since.or(stack.created);
}

/// Asks for the status of fleets, those first that were not asked for the longest time.
async fn fleets(clients: &Clients, seen: &Seen, found: &mut [Cluster]) {
    let has_fleet = |cluster: &Cluster| {
        let status = cluster.status.as_deref().unwrap_or_default();
        (status.ends_with("_COMPLETE") || status.starts_with("UPDATE_")) && !status.starts_with("DELETE") && !is_old(cluster)
    };
    let place = clients.place();
    let mut asked: Vec<(u64, ClusterId, String)> = seen.with(|inner| {
        let place = inner.places.entry(place.clone()).or_default();
        place.turn += 1;
        if place.turn < place.fleets.0 {
            return Vec::new();
        }
        let last = |id: &ClusterId| inner.fleets.get(id).map_or(0, |(_, turn)| *turn);
        found.iter().filter(|c| has_fleet(c)).map(|c| (last(&c.id), c.id.clone(), c.name.clone())).collect()
    });
    asked.sort();
    asked.truncate(FLEETS);
    let late = || Failure::new(FailureKind::TimedOut, clients.place(), "dynamodb:GetItem: no answer in time");
    let answers = stream::iter(asked).map(|(_, id, name)| async move {
        let answer = tokio::time::timeout(PATIENCE, fleet::status(clients, &name)).await;
        (id, answer.unwrap_or_else(|_| Err(late())))
    });
    let answers: Vec<_> = answers.buffer_unordered(AT_ONCE).collect().await;
    let mut trouble: HashMap<ClusterId, Failure> = HashMap::new();
    seen.with(|inner| {
        let place = inner.places.entry(place).or_default();
        for (id, answer) in answers {
            match answer {
                Ok(status) => {
                    inner.fleets.insert(id, (status, place.turn));
                }
                Err(failure) => {
                    let pause = match failure.kind {
                        FailureKind::Denied => DENIED,
                        FailureKind::TimedOut | FailureKind::Unreachable | FailureKind::Busy => PAUSE,
                        _ => 0,
                    };
                    if pause > 0 {
                        place.fleets = (place.turn + pause, Some(failure.clone()));
                    }
                    trouble.insert(id, failure);
                }
            }
        }
        for cluster in found.iter_mut().filter(|cluster| has_fleet(cluster)) {
            cluster.fleet_status = inner.fleets.get(&cluster.id).and_then(|(status, _)| status.clone());
            if let (true, Some(failure)) = (place.turn < place.fleets.0, &place.fleets.1) {
                trouble.entry(cluster.id.clone()).or_insert_with(|| failure.clone());
            }
        }
    });
    for cluster in found.iter_mut() {
        if let Some(failure) = trouble.remove(&cluster.id) {
            cluster.notes.push(format!("fleet status unknown: {}", failure.what));
        }
        if cluster.fleet_status.as_deref() == Some("PROTECTED") {
            cluster.notes.push(
                "PROTECTED: too many nodes failed to start, so ParallelCluster took their queues out of service. Mend what fails (clustermgtd's log says \
                 what), then start the fleet again to leave it."
                    .into(),
            );
        }
    }
}

fn is_old(cluster: &Cluster) -> bool {
    cluster.version.as_deref().is_some_and(|version| version.starts_with("2."))
}

/// Asks once why each creation failed.
async fn failures(clients: &Clients, seen: &Seen, found: &mut [Cluster]) {
    for cluster in found.iter_mut().filter(|cluster| cluster.status.as_deref() == Some("CREATE_FAILED")) {
        if let Some(known) = seen.with(|inner| inner.failures.get(&cluster.id).cloned()) {
            cluster.failures = known;
            continue;
        }
        match stacks::failures(clients, &cluster.name).await {
            Ok(mut told) => {
                // What failed by itself says why; the head node's set-up only says where that is written.
                let is_set_up = told.first().is_some_and(|first| !first.code.contains("(AWS::"));
                if let Some(group) = cluster.log_group.as_ref().filter(|_| is_set_up) {
                    match tokio::time::timeout(PATIENCE, evidence::lines(clients, group)).await {
                        Ok(Ok(lines)) => told.extend(lines),
                        Ok(Err(failure)) => cluster.notes.push(format!("its log is unknown: {}", failure.what)),
                        Err(_) => cluster.notes.push("its log is unknown: no answer in time".into()),
                    }
                }
                seen.with(|inner| inner.failures.insert(cluster.id.clone(), told.clone()));
                cluster.failures = told;
            }
            Err(failure) => cluster.notes.push(format!("why it failed is unknown: {}", failure.what)),
        }
    }
}

/// Looks for a cluster in every region of the account, side by side.
pub(super) async fn locate(aws: &Aws, profile: Option<&str>, name: &str) -> Result<Vec<Cluster>, Failure> {
    let here = aws.clients(profile, None).await?;
    let answer = here.ec2.describe_regions().send().await;
    let answer = answer.map_err(|error| trouble::failure(&here, "ec2:DescribeRegions", &error))?;
    let regions: Vec<String> = answer.regions().iter().filter_map(|region| region.region_name()).map(str::to_owned).collect();
    let looks = stream::iter(regions).map(|region| async move {
        let look = async {
            let clients = aws.clients(profile, Some(&region)).await?;
            match stacks::one(&clients, name).await? {
                Some(stack) => {
                    let tagged = clusters::list(&clients).await.unwrap_or_default();
                    let mine = tagged.into_iter().filter(|cluster| cluster.name == name).collect();
                    Ok(joined(vec![stack], mine, &clients))
                }
                None => Ok(Vec::new()),
            }
        };
        let late = || Failure::new(FailureKind::TimedOut, region.as_str(), "no answer in time");
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| Err(late()))
    });
    let answers: Vec<Result<Vec<Cluster>, Failure>> = looks.buffer_unordered(AT_ONCE).collect().await;
    let mut found = Vec::new();
    let mut failure = None;
    for answer in answers {
        match answer {
            Ok(clusters) => found.extend(clusters),
            Err(other) => failure = Some(other),
        }
    }
    // A region that may not be used, or does not answer, hides nothing that was found elsewhere.
    match failure {
        Some(failure) if found.is_empty() => Err(failure),
        _ => Ok(found),
    }
}
