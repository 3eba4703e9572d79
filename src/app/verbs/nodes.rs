//! What a user can do to compute nodes.
//!
//! Never touches a node without naming it and the jobs on it.

use super::super::intent::Intent;
use super::super::notices::Notice;
use super::super::overlays::{Ask, Confirm, Then};
use crate::model::duration::thousands;
use crate::model::text::several;
use crate::model::{ClusterId, Command, Job, Node, NodeChange, NodePhase};
use crate::protocol::Action;

/// Does a verb to nodes of one cluster, the first of which is under the cursor or marked. `jobs` are those on them, as far as the queue that
/// is shown tells; `all` says that it shows everybody's.
pub(in crate::app) fn on_nodes(action: Action, cluster: &ClusterId, nodes: &[&Node], jobs: &[Job<'_>], all: bool) -> Vec<Intent> {
    let (fit, left): (Vec<&Node>, Vec<&Node>) = nodes.iter().copied().partition(|node| obstacle(action, node).is_none());
    let Some(first) = fit.first() else {
        let words = left.first().and_then(|node| Some(format!("{} {}.", node.name, obstacle(action, node)?)));
        let rest = if left.len() > 1 { format!(" So do {} others.", left.len() - 1) } else { String::new() };
        return words.map(|words| Intent::Note(Notice::plain(words + &rest))).into_iter().collect();
    };
    let names: Vec<String> = fit.iter().map(|node| node.name.clone()).collect();
    let which = if names.len() == 1 { first.name.clone() } else { format!("{} nodes", thousands(names.len() as u64)) };
    let mut text = if names.len() == 1 {
        format!("{}{}.", first.name, described(first))
    } else {
        format!("{}.", several(names.iter().map(String::as_str), 4))
    };
    text = format!("{text}\n{}", on_them(&fit, jobs, all));
    if let Some(node) = left.first() {
        let out = several(left.iter().map(|node| node.name.as_str()), 2);
        text = format!("{text}\nLeft out: {out}, which {}.", obstacle(action, node).unwrap_or("cannot"));
    }
    let run = |change: NodeChange| {
        let words = doing(&change, &which);
        vec![Intent::Run(Command::ChangeNodes { cluster: cluster.clone(), change, nodes: names.clone() }, words)]
    };
    let confirm: Box<Confirm> = match action {
        Action::Drain => {
            let then = Then::Nodes { cluster: cluster.clone(), nodes: names.clone(), which: which.clone(), read: NodeChange::drain };
            let text = format!("{text}\nNo new jobs start there; those that run finish. Everybody sees the reason.");
            return vec![Intent::Open(Box::new(Ask::new(format!("Drain {which}"), text, "Reason", String::new(), then)))];
        }
        Action::Resume => Box::new(Confirm::harmless(
            format!("Resume {which}?"),
            format!("{text}\nBack in service, jobs start there again; a reason that was set is forgotten."),
            "resume",
            run(NodeChange::Resume),
        )),
        Action::PowerUp => Box::new(Confirm::harmless(
            format!("Power up {which}?"),
            format!("{text}\nThe machine is started now, without a job that needs it. It costs money until it powers down again."),
            "power up",
            run(NodeChange::PowerUp),
        )),
        Action::PowerDown => Box::new(Confirm::dangerous(
            format!("Power down {which}?"),
            format!(
                "{text}\nNo new jobs start there. Once its jobs have ended the machine is terminated, with all that lies on its own disks."
            ),
            "power down",
            run(NodeChange::PowerDown),
        )),
        Action::Reboot => Box::new(Confirm::dangerous(
            format!("Reboot {which}?"),
            format!("{text}\nNo new jobs start there. Once its jobs have ended it reboots, and comes back into service."),
            "reboot",
            run(NodeChange::Reboot),
        )),
        _ => return Vec::new(),
    };
    vec![Intent::Open(confirm)]
}

/// What keeps a verb from applying to a node.
fn obstacle(action: Action, node: &Node) -> Option<&'static str> {
    let drained = node.state.starts_with("dr");
    match (action, node.phase) {
        (Action::Drain, _) => drained.then_some("is drained already"),
        (Action::Resume, NodePhase::Down | NodePhase::Draining | NodePhase::PoweringDown | NodePhase::Unknown) => None,
        // A stopped fleet's nodes are down, and look asleep.
        (Action::Resume, NodePhase::PoweredDown) if node.state.starts_with("down") => None,
        (Action::Resume, _) => Some("is in service already"),
        (Action::PowerUp, NodePhase::PoweredDown | NodePhase::PoweringDown | NodePhase::Down | NodePhase::Unknown) => None,
        (Action::PowerUp, _) => Some("is powered up already"),
        (Action::PowerDown, NodePhase::PoweredDown) => Some("is powered down already"),
        (Action::Reboot, NodePhase::PoweredDown) => Some("is powered down"),
        _ => None,
    }
}

fn described(node: &Node) -> String {
    let plain = crate::model::node::plain(&node.state);
    let words = if plain.is_empty() { node.state.clone() } else { format!("{} ({plain})", node.state) };
    let of = if node.partitions.is_empty() { String::new() } else { format!(" of {}", node.partitions.join(", ")) };
    format!("{of}: {words}")
}

/// The jobs on these nodes.
fn on_them(nodes: &[&Node], jobs: &[Job<'_>], all: bool) -> String {
    let used = nodes.iter().filter(|node| node.cpus_used > 0).count();
    let named: Vec<String> = jobs.iter().map(|job| format!("{} {} of {}", job.id(), job.name(), job.user())).collect();
    let list = several(named.iter().map(String::as_str), 4);
    let (there, work) = if nodes.len() == 1 { ("there", "it works") } else { ("on them", "they work") };
    match (named.is_empty(), all, used) {
        (true, true, _) | (true, false, 0) => format!("No jobs run {there}."),
        (true, false, _) => format!("None of your jobs run {there}, but {work} for others."),
        (false, true, _) => format!("Jobs {there}: {list}."),
        (false, false, _) => format!("Your jobs {there}: {list}. Others' jobs are not known here."),
    }
}

fn doing(change: &NodeChange, which: &str) -> String {
    match change {
        NodeChange::Drain(_) => format!("draining {which}"),
        NodeChange::Resume => format!("resuming {which}"),
        NodeChange::Reboot => format!("rebooting {which}"),
        NodeChange::PowerUp => format!("powering up {which}"),
        NodeChange::PowerDown => format!("powering down {which}"),
    }
}
