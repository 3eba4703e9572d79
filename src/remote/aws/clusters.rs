//! Clusters and their instances, by the tags that ParallelCluster puts on them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{Cluster, ClusterId, ClusterKind, Failure, HeadNode, LoginNode, Machines, Role, SchedulerKind};
use crate::remote::join::Instance;

const TAG: &str = "parallelcluster:";
/// The states of machines that are there, or will be.
const ALIVE: [&str; 4] = ["pending", "running", "stopping", "stopped"];
/// Those of machines that end or have ended: EC2 tells of them for about an hour.
const GONE: [&str; 2] = ["shutting-down", "terminated"];

/// An instance with what its tags say of its cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Tagged {
    pub(super) cluster: String,
    pub(super) version: Option<String>,
    /// `"{OS}, {scheduler}, {version}, {architecture}"`
    pub(super) attributes: Option<String>,
    pub(super) key_name: Option<String>,
    pub(super) instance: Instance,
}

pub(super) async fn list(clients: &Clients) -> Result<Vec<Cluster>, Failure> {
    let filter = Filter::builder().name("tag-key").values(format!("{TAG}cluster-name")).build();
    Ok(grouped(&describe(clients, filter, &ALIVE).await?, clients.profile.as_deref(), &clients.region))
}

/// The compute machines of a cluster, with those that have just ended.
pub(super) async fn instances(clients: &Clients, cluster: &str) -> Result<Vec<Instance>, Failure> {
    let filter = Filter::builder().name(format!("tag:{TAG}cluster-name")).values(cluster).build();
    let found = describe(clients, filter, &[&ALIVE[..], &GONE].concat()).await?;
    Ok(found.into_iter().map(|tagged| tagged.instance).filter(|i| !is_head(&i.node_type) && i.node_type != "LoginNode").collect())
}

async fn describe(clients: &Clients, filter: Filter, wanted: &[&str]) -> Result<Vec<Tagged>, Failure> {
    let mut states = Filter::builder().name("instance-state-name");
    for state in wanted {
        states = states.values(*state);
    }
    let request = clients.ec2.describe_instances().filters(filter).filters(states.build());
    let mut pages = request.into_paginator().page_size(500).send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "ec2:DescribeInstances", &error))?;
        found.extend(page.reservations().iter().flat_map(|r| r.instances()).map(tagged));
    }
    Ok(found)
}

fn tagged(instance: &aws_sdk_ec2::types::Instance) -> Tagged {
    let tag = |key: &str| {
        let found = instance.tags().iter().find(|tag| tag.key().and_then(|k| k.strip_prefix(TAG)) == Some(key));
        found.and_then(|tag| tag.value()).map(str::to_owned)
    };
    let known = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Tagged {
        cluster: tag("cluster-name").unwrap_or_default(),
        version: tag("version"),
        attributes: tag("attributes"),
        key_name: known(instance.key_name()),
        instance: Instance {
            id: instance.instance_id().unwrap_or_default().to_owned(),
            instance_type: instance.instance_type().map(|t| t.as_str().to_owned()).unwrap_or_default(),
            state: instance.state().and_then(|s| s.name()).map(|s| s.as_str().to_owned()).unwrap_or_default(),
            private_address: known(instance.private_ip_address()),
            public_address: known(instance.public_ip_address()),
            node_type: tag("node-type").unwrap_or_default(),
            queue: tag("queue-name"),
            compute_resource: tag("compute-resource-name"),
            launched: instance.launch_time().and_then(|t| Timestamp::from_second(t.secs()).ok()),
            is_spot: instance.instance_lifecycle().is_some_and(|lifecycle| lifecycle.as_str() == "spot"),
            zone: instance.placement().and_then(|place| known(place.availability_zone())),
            reason: instance.state_reason().and_then(|reason| known(reason.code())),
            ended: instance.state_transition_reason().and_then(moment),
        },
    }
}

/// The time in `Server.SpotInstanceTermination (2026-11-26 14:32:10 GMT)`.
fn moment(reason: &str) -> Option<Timestamp> {
    let time = reason.rsplit_once('(')?.1.split_once(" GMT")?.0;
    format!("{}Z", time.replace(' ', "T")).parse().ok()
}

/// Version 2 of ParallelCluster called it `Master`.
fn is_head(node_type: &str) -> bool {
    matches!(node_type, "HeadNode" | "Master")
}

/// Instances put together to clusters. Pure.
pub(super) fn grouped(found: &[Tagged], profile: Option<&str>, region: &str) -> Vec<Cluster> {
    let mut by_name: BTreeMap<&str, Vec<&Tagged>> = BTreeMap::new();
    for tagged in found.iter().filter(|tagged| !tagged.cluster.is_empty()) {
        by_name.entry(&tagged.cluster).or_default().push(tagged);
    }
    by_name.into_iter().map(|(name, all)| cluster(name, &all, profile, region)).collect()
}

fn cluster(name: &str, all: &[&Tagged], profile: Option<&str>, region: &str) -> Cluster {
    // While a head node is replaced there are two: the younger one is the one to talk to.
    let head = all.iter().filter(|t| is_head(&t.instance.node_type)).max_by_key(|t| t.instance.launched);
    let up = |t: &&&Tagged| {
        let i = &t.instance;
        !is_head(&i.node_type) && i.node_type != "LoginNode" && matches!(i.state.as_str(), "pending" | "running")
    };
    let attributes: Vec<&str> =
        head.iter().chain(all.first().iter()).find_map(|t| t.attributes.as_deref()).map_or_else(Vec::new, |a| a.split(", ").collect());
    let mut cluster = Cluster::named(ClusterId::aws(profile, region, name), ClusterKind::ParallelCluster);
    cluster.profile = profile.map(str::to_owned);
    cluster.region = Some(region.to_owned());
    cluster.version = all.iter().find_map(|t| t.version.clone()).or_else(|| attributes.get(2).map(|v| (*v).to_owned()));
    cluster.scheduler = attributes.get(1).and_then(|s| match *s {
        "slurm" => Some(SchedulerKind::Slurm),
        "sge" => Some(SchedulerKind::GridEngine),
        "torque" => Some(SchedulerKind::Pbs),
        _ => None,
    });
    cluster.nodes_up = u32::try_from(all.iter().filter(up).count()).ok();
    cluster.machines = machines(all);
    cluster.login_nodes = login_nodes(all);
    cluster.since = head.and_then(|t| t.instance.launched);
    cluster.head_node = head.map(|t| HeadNode {
        instance_id: Some(t.instance.id.clone()),
        instance_type: Some(t.instance.instance_type.clone()),
        state: Some(t.instance.state.clone()),
        address: t.instance.public_address.clone().or_else(|| t.instance.private_address.clone()),
        private_address: t.instance.private_address.clone(),
        user: attributes.first().and_then(|os| login(os)).map(str::to_owned),
        key_name: t.key_name.clone(),
    });
    cluster
}

/// The login nodes that run, the oldest first: a way through one of them stays the same from look to look.
fn login_nodes(all: &[&Tagged]) -> Vec<LoginNode> {
    let mut found: Vec<&Instance> = all.iter().map(|tagged| &tagged.instance).collect();
    found.retain(|instance| instance.node_type == "LoginNode" && instance.state == "running");
    found.sort_by_key(|instance| (instance.launched, instance.id.clone()));
    let node = |instance: &Instance| LoginNode {
        instance_id: instance.id.clone(),
        public_address: instance.public_address.clone(),
        private_address: instance.private_address.clone(),
    };
    found.into_iter().map(node).collect()
}

/// The machines that run, by what a price depends on.
fn machines(all: &[&Tagged]) -> Vec<Machines> {
    let mut kinds: BTreeMap<Machines, u32> = BTreeMap::new();
    for instance in all.iter().map(|tagged| &tagged.instance).filter(|instance| instance.state == "running") {
        let role = match instance.node_type.as_str() {
            node_type if is_head(node_type) => Role::Head,
            "LoginNode" => Role::Login,
            _ => Role::Compute,
        };
        let (instance_type, purchase, zone) = (instance.instance_type.clone(), instance.purchase(), instance.zone.clone());
        *kinds.entry(Machines { role, instance_type, purchase, zone, count: 0 }).or_default() += 1;
    }
    kinds.into_iter().map(|(kind, count)| Machines { count, ..kind }).collect()
}

/// The user that an operating system's image lets in.
fn login(os: &str) -> Option<&'static str> {
    let users = [("alinux", "ec2-user"), ("rhel", "ec2-user"), ("ubuntu", "ubuntu"), ("rocky", "rocky"), ("centos", "centos")];
    users.iter().find(|(prefix, _)| os.starts_with(prefix)).map(|(_, user)| *user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(cluster: &str, node_type: &str, state: &str, public: Option<&str>) -> Tagged {
        Tagged {
            cluster: cluster.into(),
            version: Some("3.16.1".into()),
            attributes: Some("ubuntu2404, slurm, 3.16.1, x86_64".into()),
            key_name: Some("k".into()),
            instance: Instance {
                id: format!("i-{cluster}-{node_type}"),
                node_type: node_type.into(),
                state: state.into(),
                public_address: public.map(str::to_owned),
                private_address: Some("10.0.0.9".into()),
                ..Instance::default()
            },
        }
    }

    #[test]
    fn instances_become_clusters() {
        let found = [
            tagged("b", "Compute", "running", None),
            tagged("b", "HeadNode", "running", None),
            tagged("b", "Compute", "stopped", None),
            tagged("b", "LoginNode", "running", None),
            tagged("a", "Master", "stopped", Some("203.0.113.9")),
        ];
        let all = grouped(&found, Some("lab"), "eu-west-1");
        assert_eq!(all.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["lab/eu-west-1/a", "lab/eu-west-1/b"]);
        let (a, b) = (all[0].head_node.as_ref().unwrap(), all[1].head_node.as_ref().unwrap());
        assert_eq!((a.address.as_deref(), a.state.as_deref()), (Some("203.0.113.9"), Some("stopped")));
        assert_eq!((b.address.as_deref(), b.user.as_deref(), b.key_name.as_deref()), (Some("10.0.0.9"), Some("ubuntu"), Some("k")));
        let kinds: Vec<_> = all[1].machines.iter().map(|m| (m.role, m.count)).collect();
        assert_eq!(kinds, [(Role::Head, 1), (Role::Login, 1), (Role::Compute, 1)], "what is stopped costs nothing here");
        assert!(all[0].machines.is_empty());
        assert_eq!((all[0].login_address(), all[1].login_address()), (None, Some("10.0.0.9")));
        assert_eq!(b.private_address.as_deref(), Some("10.0.0.9"));
        assert_eq!((all[1].nodes_up, all[1].scheduler, all[1].version.as_deref()), (Some(1), Some(SchedulerKind::Slurm), Some("3.16.1")));
    }
    #[test]
    fn ec2_writes_when_a_machine_ended_into_a_sentence() {
        let at = moment("Server.SpotInstanceTermination (2026-11-26 14:32:10 GMT)").unwrap();
        assert_eq!(at.to_string(), "2026-11-26T14:32:10Z");
        assert_eq!((moment(""), moment("User initiated"), moment("User initiated (x)")), (None, None, None));
    }
}
