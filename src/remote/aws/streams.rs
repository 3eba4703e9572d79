//! A cluster's log group and its streams, offered by what they are.

use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{Cluster, Failure, FailureKind, LogStream};

/// More streams than this are not listed: a cluster that churns nodes for months has tens of thousands.
const MOST: usize = 2_000;

/// What people ask for first, in that order.
const FIRST: [&str; 8] =
    ["slurmctld", "clustermgtd", "slurm_resume", "slurm_suspend", "chef-client", "cfn-init", "cloud-init", "compute_console_output"];

pub(super) async fn list(clients: &Clients, cluster: &Cluster) -> Result<Vec<LogStream>, Failure> {
    let prefix = format!("/aws/parallelcluster/{}-", cluster.name);
    let mut groups = Vec::new();
    let mut pages = clients.logs.describe_log_groups().log_group_name_prefix(&prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "logs:DescribeLogGroups", &error))?;
        groups.extend(page.log_groups().iter().filter_map(|g| g.log_group_name()).map(str::to_owned));
    }
    let Some(group) = newest(&groups, &prefix) else {
        return Err(Failure::new(FailureKind::NotFound, clients.place(), format!("there is no log group {prefix}…"))
            .hint("The cluster was made with Monitoring/Logs/CloudWatch/Enabled: false, or its log group was deleted."));
    };
    let mut streams = Vec::new();
    let mut pages = clients.logs.describe_log_streams().log_group_name(&group).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "logs:DescribeLogStreams", &error))?;
        for found in page.log_streams() {
            let last = found.last_event_timestamp().and_then(|ms| Timestamp::from_millisecond(ms).ok());
            streams.push(stream(&group, found.log_stream_name().unwrap_or_default(), last, cluster));
        }
        if streams.len() >= MOST {
            break;
        }
    }
    let rank = |s: &LogStream| (s.node != "HeadNode", FIRST.iter().position(|f| *f == s.identifier).unwrap_or(FIRST.len()));
    streams.sort_by(|a, b| (rank(a), &a.node, &a.identifier).cmp(&(rank(b), &b.node, &b.identifier)));
    Ok(streams)
}

/// The newest group of exactly this cluster: its name ends in the minute it was made. `demo-` must not take `demo-2-…`.
fn newest(groups: &[String], prefix: &str) -> Option<String> {
    let minute =
        |group: &&String| group.strip_prefix(prefix).is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|b| b.is_ascii_digit()));
    groups.iter().filter(minute).max().cloned()
}

/// `{host}.{instance}.{identifier}`, taken apart.
fn stream(group: &str, name: &str, last_event: Option<Timestamp>, cluster: &Cluster) -> LogStream {
    let mut parts = name.splitn(3, '.');
    let (host, instance, identifier) = match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(instance), Some(identifier)) if instance.starts_with("i-") => (host, Some(instance), identifier),
        _ => ("", None, name),
    };
    let head = cluster.head_node.as_ref().and_then(|head| head.instance_id.as_deref());
    let node = if instance.is_some() && instance == head { "HeadNode" } else { host };
    LogStream {
        group: group.to_owned(),
        name: name.to_owned(),
        identifier: identifier.to_owned(),
        instance_id: instance.map(str::to_owned),
        node: node.to_owned(),
        last_event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterId, ClusterKind, HeadNode};

    #[test]
    fn the_newest_group_of_the_right_cluster_is_taken() {
        let groups = ["x-202601010000", "x-202611240900", "x-2-202612310000", "x-tmp"].map(|g| format!("/aws/parallelcluster/{g}"));
        assert_eq!(newest(&groups, "/aws/parallelcluster/x-").as_deref(), Some("/aws/parallelcluster/x-202611240900"));
    }

    #[test]
    fn streams_are_known_by_what_they_are() {
        let mut cluster = Cluster::named(ClusterId::new("p/r/x"), ClusterKind::ParallelCluster);
        cluster.head_node = Some(HeadNode { instance_id: Some("i-1".into()), ..HeadNode::default() });
        let head = stream("g", "ip-10-0-0-1.i-1.slurmctld", None, &cluster);
        assert_eq!((head.node.as_str(), head.identifier.as_str(), head.instance_id.as_deref()), ("HeadNode", "slurmctld", Some("i-1")));
        let node = stream("g", "ip-10-0-0-2.i-2.cloud-init-output", None, &cluster);
        assert_eq!((node.node.as_str(), node.identifier.as_str()), ("ip-10-0-0-2", "cloud-init-output"));
        assert_eq!(stream("g", "odd", None, &cluster).identifier, "odd");
    }
}
