//! What a user can do to a cluster as a whole and to its single machines: each says in full what will happen, and asks first.
//!
//! Knows no pane: which cluster is meant is the pane's business.

use super::super::intent::Intent;
use super::super::notices::Notice;
use super::super::overlays::{Confirm, NameForm, StackSheet};
use crate::model::{Cluster, ClusterId, ClusterKind, Command, Node, Operation, Power};
use crate::protocol::Action;

/// Does a verb to a cluster.
pub(in crate::app) fn on_cluster(action: Action, cluster: &Cluster) -> Vec<Intent> {
    let name = &cluster.name;
    if cluster.kind != ClusterKind::ParallelCluster {
        return vec![Intent::Note(Notice::plain(format!("{name} is no AWS ParallelCluster: it can be used here, and not managed.")))];
    }
    let run = |operation: Operation, words: String| vec![Intent::Run(Command::Operate { cluster: cluster.id.clone(), operation }, words)];
    let confirm = match action {
        Action::StackEvents => return vec![Intent::Open(Box::new(StackSheet::new(cluster.id.clone())))],
        Action::DeleteCluster => return vec![Intent::Open(Box::new(NameForm::delete(cluster)))],
        Action::Fleet => {
            let status = cluster.fleet_status.as_deref().unwrap_or("unknown");
            let text = format!("The compute fleet's status is {status}.");
            let (start, stop) = (
                run(Operation::StartFleet, format!("starting the fleet of {name}")),
                run(Operation::StopFleet, format!("stopping the fleet of {name}")),
            );
            if matches!(status, "STOPPED" | "STOPPING" | "STOP_REQUESTED" | "PROTECTED") {
                let text = format!("{text} Started, compute nodes come up again as jobs need them.");
                Confirm::harmless(format!("Start the compute fleet of {name}?"), text, "start it", start)
            } else {
                let up = cluster.nodes_up.map_or_else(String::new, |n| format!(" {n} compute nodes are up."));
                let text = format!(
                    "{text}{up}\nStopped, every compute node is ended and the jobs on them with it; none starts until the fleet is started again."
                );
                Confirm::dangerous(format!("Stop the compute fleet of {name}?"), text, "stop it", stop)
            }
        }
        Action::HeadPower => {
            let head = cluster.head_node.clone().unwrap_or_default();
            let id = head.instance_id.unwrap_or_else(|| "none".to_owned());
            let state = head.state.unwrap_or_else(|| "unknown".to_owned());
            let title = format!("The head node of {name}");
            let text = format!("{id} is {state}.");
            if state == "stopped" {
                let start = run(Operation::Head(Power::Start), format!("starting the head node of {name}"));
                return open(Confirm::harmless(title, text, "start it", start));
            }
            let text = format!(
                "{text}\nWhile it reboots nobody can log in or submit; jobs on compute nodes go on. Stopped, the scheduler stands still until it is started, \
                 and its public address may be another one then. Stop the compute fleet before."
            );
            let choices = vec![
                ('n', "leave it".to_owned(), Vec::new()),
                ('r', "reboot it".to_owned(), run(Operation::Head(Power::Reboot), format!("rebooting the head node of {name}"))),
                ('s', "stop it".to_owned(), run(Operation::Head(Power::Stop), format!("stopping the head node of {name}"))),
            ];
            Confirm::choices(title, text, choices)
        }
        _ => return Vec::new(),
    };
    open(confirm)
}

/// Ends the instance that a node is on.
pub(in crate::app) fn terminate(cluster: &ClusterId, node: &Node, jobs: &[String]) -> Vec<Intent> {
    let Some(instance) = node.instance_id.clone() else {
        return vec![Intent::Note(Notice::plain(format!("No EC2 instance is known behind {}.", node.name)))];
    };
    let kind = node.instance_type.as_ref().map_or_else(String::new, |kind| format!(", {kind}"));
    let work = match jobs {
        [] if node.cpus_used > 0 => "What runs there ends.".to_owned(),
        [] => "No jobs run there.".to_owned(),
        jobs => format!("Jobs there, which end: {}.", jobs.join(", ")),
    };
    let text = format!(
        "{instance}{kind}, behind {}. {work}\nA static node is replaced by another instance; a dynamic one comes back when a job needs it.",
        node.name
    );
    let command = Command::Operate {
        cluster: cluster.clone(),
        operation: Operation::Terminate { instance: instance.clone(), node: node.name.clone() },
    };
    let run = vec![Intent::Run(command, format!("terminating {instance}"))];
    open(Confirm::dangerous(format!("Terminate {instance} ({})?", node.name), text, "terminate it", run))
}

fn open(confirm: Confirm) -> Vec<Intent> {
    vec![Intent::Open(Box::new(confirm))]
}
