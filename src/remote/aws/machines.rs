//! A cluster's single machines: the head node is started, stopped and rebooted, a compute instance is ended.
//!
//! Touches nothing that does not bear the cluster's tags: an instance is looked at before it is ended.

use aws_sdk_ec2::types::{Filter, Instance};

use super::client::Clients;
use super::trouble;
use crate::model::{Failure, FailureKind, Power};

const TAG: &str = "parallelcluster:";

pub(super) async fn head(clients: &Clients, cluster: &str, power: Power) -> Result<String, Failure> {
    let filter = |name: String, values: &[&str]| values.iter().fold(Filter::builder().name(name), |f, v| f.values(*v)).build();
    let filters = [
        filter(format!("tag:{TAG}cluster-name"), &[cluster]),
        filter(format!("tag:{TAG}node-type"), &["HeadNode", "Master"]),
        filter("instance-state-name".into(), &["pending", "running", "stopping", "stopped"]),
    ];
    let found = described(clients, &filters).await?;
    let Some(id) = found.iter().max_by_key(|i| i.launch_time().map(|t| t.secs())).and_then(|i| i.instance_id()) else {
        return Err(Failure::new(FailureKind::NotFound, cluster, "it has no head node"));
    };
    let changed = match power {
        Power::Start => {
            let answer = clients.ec2.start_instances().instance_ids(id).send().await;
            let answer = answer.map_err(|error| trouble::failure(clients, "ec2:StartInstances", &error))?;
            answer.starting_instances().first().and_then(|i| i.current_state()).and_then(|s| s.name()).map(|n| n.as_str().to_owned())
        }
        Power::Stop => {
            let answer = clients.ec2.stop_instances().instance_ids(id).send().await;
            let answer = answer.map_err(|error| trouble::failure(clients, "ec2:StopInstances", &error))?;
            answer.stopping_instances().first().and_then(|i| i.current_state()).and_then(|s| s.name()).map(|n| n.as_str().to_owned())
        }
        Power::Reboot => {
            let answer = clients.ec2.reboot_instances().instance_ids(id).send().await;
            answer.map_err(|error| trouble::failure(clients, "ec2:RebootInstances", &error))?;
            Some("rebooting".to_owned())
        }
    };
    Ok(changed.unwrap_or_default())
}

pub(super) async fn terminate(clients: &Clients, cluster: &str, id: &str) -> Result<String, Failure> {
    let filters = [
        Filter::builder().name(format!("tag:{TAG}cluster-name")).values(cluster).build(),
        Filter::builder().name("instance-id").values(id).build(),
    ];
    let found = described(clients, &filters).await?;
    let no = |what: &str| Failure::new(FailureKind::Rejected, cluster, format!("{id} {what}"));
    let kind = found.first().ok_or_else(|| no("is no instance of this cluster"))?.tags().iter();
    let kind = kind.filter(|tag| tag.key() == Some("parallelcluster:node-type")).find_map(|tag| tag.value()).unwrap_or_default();
    if kind != "Compute" {
        return Err(no("is no compute node").hint("The head node ends with the cluster."));
    }
    let answer = clients.ec2.terminate_instances().instance_ids(id).send().await;
    let answer = answer.map_err(|error| trouble::failure(clients, "ec2:TerminateInstances", &error))?;
    let state = answer.terminating_instances().first().and_then(|i| i.current_state()).and_then(|s| s.name());
    Ok(state.map_or_else(String::new, |name| name.as_str().to_owned()))
}

async fn described(clients: &Clients, filters: &[Filter]) -> Result<Vec<Instance>, Failure> {
    let answer = clients.ec2.describe_instances().set_filters(Some(filters.to_vec())).send().await;
    let answer = answer.map_err(|error| trouble::failure(clients, "ec2:DescribeInstances", &error))?;
    Ok(answer.reservations().iter().flat_map(|r| r.instances()).cloned().collect())
}
