//! The log groups of clusters, those that are gone too, and their streams, offered by what they are.
//!
//! Asks no more than five times a second, which is all that CloudWatch allows, and gives what it has while it goes on.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::OrderBy;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use tokio::time::sleep;

use super::client::Clients;
use super::{Aws, trouble};
use crate::model::stream::{Role, rank, role};
use crate::model::{Cluster, ClusterId, Failure, FailureKind, LogGroup, LogStream};

/// More streams than this are not listed: a cluster that churns nodes for months has tens of thousands. The latest ones are.
const MOST: usize = 2_000;
const PACE: Duration = Duration::from_millis(220);
const PREFIX: &str = "/aws/parallelcluster/";
/// Pages between two lists that are given.
const EVERY: usize = 4;

/// The log groups of all ParallelClusters there, the newest first.
pub(super) async fn groups(clients: &Clients) -> Result<Vec<LogGroup>, Failure> {
    let mut all = Vec::new();
    for found in named(clients, PREFIX).await? {
        let Some(cluster) = found.name.strip_prefix(PREFIX).and_then(made_for) else { continue };
        let cluster = ClusterId::aws(clients.profile.as_deref(), &clients.region, cluster);
        all.push(LogGroup { cluster, ..found });
    }
    all.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
    Ok(all)
}

async fn named(clients: &Clients, prefix: &str) -> Result<Vec<LogGroup>, Failure> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let request = clients.logs.describe_log_groups().log_group_name_prefix(prefix).set_next_token(token);
        let page = request.send().await.map_err(|error| trouble::failure(clients, "logs:DescribeLogGroups", &error))?;
        all.extend(page.log_groups().iter().filter_map(|group| {
            Some(LogGroup {
                cluster: ClusterId::new(""),
                name: group.log_group_name()?.to_owned(),
                created: group.creation_time().and_then(|ms| Timestamp::from_millisecond(ms).ok()),
                bytes: group.stored_bytes().and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            })
        }));
        token = page.next_token().map(str::to_owned);
        if token.is_none() {
            return Ok(all);
        }
        sleep(PACE).await;
    }
}

/// The cluster that a group was made for: its name goes before the minute it was made.
fn made_for(name: &str) -> Option<&str> {
    let (cluster, minute) = name.rsplit_once('-')?;
    (minute.len() == 12 && minute.bytes().all(|b| b.is_ascii_digit()) && !cluster.is_empty()).then_some(cluster)
}

/// The group that a cluster writes to: its stack's parameter `ClusterCWLogGroup`, else the newest of its name.
async fn group(clients: &Clients, cluster: &Cluster) -> Result<String, Failure> {
    if let Some(group) = &cluster.log_group {
        return Ok(group.clone());
    }
    let prefix = format!("{PREFIX}{}-", cluster.name);
    let names: Vec<String> = named(clients, &prefix).await?.into_iter().map(|group| group.name).collect();
    newest(&names, &prefix).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, clients.place(), format!("there is no log group {prefix}…"))
            .hint("The cluster was made with Monitoring/Logs/CloudWatch/Enabled: false, or its log group was deleted.")
    })
}

/// The newest group of exactly this cluster: its name ends in the minute it was made. `demo-` must not take `demo-2-…`.
fn newest(groups: &[String], prefix: &str) -> Option<String> {
    let minute =
        |group: &&String| group.strip_prefix(prefix).is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|b| b.is_ascii_digit()));
    groups.iter().filter(minute).max().cloned()
}

/// A list that is being read.
struct Reading {
    aws: Aws,
    cluster: Cluster,
    group: Option<String>,
    all: BTreeMap<String, Option<Timestamp>>,
    step: Step,
}

enum Step {
    /// The head node's own, which come with one question.
    Head,
    /// All of them, those that were written to last first.
    Page(Option<String>),
    Over,
}

/// The streams of a group, or of the one that the cluster writes to: longer and longer lists, the last one complete.
pub(super) fn list(aws: Aws, cluster: Cluster, group: Option<String>) -> BoxStream<'static, Result<Vec<LogStream>, Failure>> {
    let reading = Reading { aws, cluster, group, all: BTreeMap::new(), step: Step::Head };
    stream::unfold(reading, |mut reading| async move {
        if matches!(reading.step, Step::Over) {
            return None;
        }
        let read = reading.more().await;
        if read.is_err() {
            reading.step = Step::Over;
        }
        Some((read.map(|()| reading.streams()), reading))
    })
    .boxed()
}

impl Reading {
    async fn more(&mut self) -> Result<(), Failure> {
        let clients = self.aws.clients(self.cluster.profile.as_deref(), self.cluster.region.as_deref()).await?;
        let group = match &self.group {
            Some(group) => group.clone(),
            None => self.group.insert(group(&clients, &self.cluster).await?).clone(),
        };
        let describe = |token: Option<String>| clients.logs.describe_log_streams().log_group_name(&group).limit(50).set_next_token(token);
        let fail = |error| {
            let failure = trouble::failure(&clients, "logs:DescribeLogStreams", &error);
            let what = if failure.kind == FailureKind::NotFound { format!("{group}: {}", failure.what) } else { failure.what };
            Failure { what, ..failure }
        };
        let mut token = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Head => {
                self.step = Step::Page(None);
                let Some(prefix) = self.head_prefix().await else { return Box::pin(self.more()).await };
                let page = describe(None).log_stream_name_prefix(prefix).send().await.map_err(fail)?;
                self.take(page.log_streams());
                return if self.all.is_empty() { Box::pin(self.more()).await } else { Ok(()) };
            }
            Step::Page(token) => token,
            Step::Over => return Ok(()),
        };
        for _ in 0..EVERY {
            let page = describe(token).order_by(OrderBy::LastEventTime).descending(true).send().await.map_err(fail)?;
            self.take(page.log_streams());
            token = page.next_token().map(str::to_owned);
            if token.is_none() || self.all.len() >= MOST {
                return Ok(());
            }
            sleep(PACE).await;
        }
        self.step = Step::Page(token);
        Ok(())
    }

    /// What the names of the head node's streams begin with: its own name, made of its address, and its id.
    async fn head_prefix(&self) -> Option<String> {
        let id = self.cluster.head_node.as_ref()?.instance_id.as_deref()?;
        let instances = self.aws.instances(&self.cluster).await.ok()?;
        let address = instances.into_iter().find(|instance| instance.id == id)?.private_address?;
        Some(format!("ip-{}.{id}.", address.replace('.', "-")))
    }

    fn take(&mut self, found: &[aws_sdk_cloudwatchlogs::types::LogStream]) {
        for stream in found {
            let at = stream.last_event_timestamp().and_then(|ms| Timestamp::from_millisecond(ms).ok());
            self.all.extend(stream.log_stream_name().map(|name| (name.to_owned(), at)));
        }
    }

    fn streams(&self) -> Vec<LogStream> {
        let head = self.cluster.head_node.as_ref().and_then(|head| head.instance_id.as_deref());
        sorted(self.group.as_deref().unwrap_or_default(), &self.all, head)
    }
}

/// Streams with the parts that their machines play, what matters first.
fn sorted(group: &str, all: &BTreeMap<String, Option<Timestamp>>, head: Option<&str>) -> Vec<LogStream> {
    let mut streams: Vec<LogStream> = all.iter().map(|(name, last)| stream(group, name, *last)).collect();
    let mut written: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for stream in &streams {
        written.entry(stream.instance_id.clone()).or_default().push(stream.identifier.clone());
    }
    let mut roles: BTreeMap<Option<String>, Role> = BTreeMap::new();
    let mut heads = HashSet::new();
    for (instance, identifiers) in written {
        let played = match (&instance, head) {
            (Some(instance), Some(head)) if instance == head => Role::Head,
            _ => role(identifiers.iter().map(String::as_str)),
        };
        if played == Role::Head {
            heads.extend(instance.clone());
        }
        roles.insert(instance, played);
    }
    for stream in &mut streams {
        stream.role = roles.get(&stream.instance_id).copied().unwrap_or(Role::Unknown);
        if stream.instance_id.as_ref().is_some_and(|id| heads.contains(id)) {
            "HeadNode".clone_into(&mut stream.node);
        }
    }
    streams.sort_by(|a, b| {
        let key = |s: &LogStream| (s.role, rank(&s.identifier));
        (key(a), &a.node, &a.identifier, &a.name).cmp(&(key(b), &b.node, &b.identifier, &b.name))
    });
    streams
}

/// `{host}.{instance}.{identifier}`, taken apart.
fn stream(group: &str, name: &str, last_event: Option<Timestamp>) -> LogStream {
    let mut parts = name.splitn(3, '.');
    let (host, instance, identifier) = match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(instance), Some(identifier)) if instance.starts_with("i-") => (host, Some(instance), identifier),
        _ => ("", None, name),
    };
    LogStream {
        group: group.to_owned(),
        name: name.to_owned(),
        identifier: identifier.to_owned(),
        instance_id: instance.map(str::to_owned),
        node: host.to_owned(),
        role: Role::Unknown,
        last_event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_group_of_the_right_cluster_is_taken() {
        let groups = ["x-202601010000", "x-202611240900", "x-2-202612310000", "x-tmp"].map(|g| format!("{PREFIX}{g}"));
        assert_eq!(newest(&groups, "/aws/parallelcluster/x-").as_deref(), Some("/aws/parallelcluster/x-202611240900"));
        assert_eq!(made_for("x-2-202612310000"), Some("x-2"));
        assert_eq!(made_for("x-tmp"), None);
    }

    #[test]
    fn streams_are_known_by_what_they_are_even_when_the_cluster_is_gone() {
        let names = [
            "ip-10-0-0-2.i-2.cloud-init-output",
            "ip-10-0-0-2.i-2.slurmd",
            "ip-10-0-0-1.i-1.cloud-init",
            "ip-10-0-0-1.i-1.slurmctld",
            "ip-10-0-0-3.i-3.cfn-init",
            "odd",
        ];
        let all = names.map(|name| (name.to_owned(), None)).into_iter().collect();
        let streams = sorted("g", &all, None);
        let seen: Vec<_> = streams.iter().map(|s| (s.role, s.node.as_str(), s.identifier.as_str())).collect();
        assert_eq!(
            seen,
            [
                (Role::Head, "HeadNode", "slurmctld"),
                (Role::Head, "HeadNode", "cloud-init"),
                (Role::Login, "ip-10-0-0-3", "cfn-init"),
                (Role::Compute, "ip-10-0-0-2", "slurmd"),
                (Role::Compute, "ip-10-0-0-2", "cloud-init-output"),
                (Role::Unknown, "", "odd"),
            ]
        );
        assert_eq!(streams[0].instance_id.as_deref(), Some("i-1"));
    }
}
