//! What EC2 says of the machines behind nodes, written on the nodes: spot machines taken back, scheduled events, failed checks.
//!
//! Asks nobody; says when it is time to ask, at most once a minute for a cluster. An alert is on a node while it is true, and no longer.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::join::Instance;
use crate::model::{Alert, Failure, FailureKind, Node, NodeTable};

/// EC2 is asked about checks and events no more often than this.
const PAUSE: Duration = Duration::from_mins(1);
/// What these credentials may not ask is asked again after so long.
const DENIED: Duration = Duration::from_mins(20);

/// What one answer tells: alerts by instance, of those that it looked at.
pub type Told = Vec<(String, Vec<Alert>)>;

/// What is known of one cluster's machines.
#[derive(Debug, Default)]
pub struct Watch {
    /// When to ask next; `None` is now.
    next: Option<Instant>,
    alerts: HashMap<String, Vec<Alert>>,
    /// Which node each machine was behind: a machine that is gone has no address to know it by.
    behind: HashMap<String, String>,
    trouble: Option<String>,
}

impl Watch {
    /// Whether EC2 may be asked now; the next time is a minute later, whatever comes of this one.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_none_or(|next| now >= next);
        if due {
            self.next = Some(now + PAUSE);
        }
        due
    }

    /// Takes in an answer. Machines that it does not speak of are as they were.
    pub fn hear(&mut self, told: Result<Told, Failure>, now: Instant) {
        match told {
            Ok(told) => {
                self.trouble = None;
                self.alerts.extend(told);
            }
            Err(failure) => {
                if failure.kind == FailureKind::Denied {
                    self.next = Some(now + DENIED);
                }
                self.trouble = Some(failure.what);
            }
        }
    }

    /// Writes what is known on the nodes, which are joined with the living machines; `gone` are those that end or have ended.
    pub fn mark(&mut self, table: &mut NodeTable, alive: &[Instance], gone: &[Instance]) {
        table.unchecked.clone_from(&self.trouble);
        let there: HashSet<&str> = alive.iter().map(|instance| instance.id.as_str()).collect();
        self.alerts.retain(|id, alerts| there.contains(id.as_str()) && !alerts.is_empty());
        for node in &mut table.nodes {
            let Some(id) = &node.instance_id else { continue };
            self.behind.insert(id.clone(), node.name.clone());
            node.alerts = self.alerts.get(id).cloned().unwrap_or_default();
        }
        // One that ends keeps its address for a while, and the scheduler the node's.
        for instance in gone {
            let on = |node: &&Node| node.address.is_some() && node.address == instance.private_address;
            if let Some(node) = table.nodes.iter().find(on).filter(|_| !self.behind.contains_key(&instance.id)) {
                self.behind.insert(instance.id.clone(), node.name.clone());
            }
        }
        let taken = |instance: &Instance| Alert::spot(instance.reason.as_deref()?, instance.ended);
        let mut lost: HashMap<&str, Alert> = HashMap::new();
        for instance in alive.iter().chain(gone) {
            if let (Some(node), Some(alert)) = (self.behind.get(&instance.id), taken(instance)) {
                lost.insert(node, alert);
            }
        }
        for node in &mut table.nodes {
            // One that has a new machine already has got over it.
            if let Some(alert) = lost.remove(node.name.as_str()).filter(|_| !has_another(node, alive, gone)) {
                node.alerts.insert(0, alert);
            }
        }
        let known: HashSet<&str> = alive.iter().chain(gone).map(|instance| instance.id.as_str()).collect();
        self.behind.retain(|id, _| known.contains(id.as_str()));
    }
}

/// Whether a machine that EC2 does not take back is behind the node.
fn has_another(node: &Node, alive: &[Instance], gone: &[Instance]) -> bool {
    let Some(id) = &node.instance_id else { return false };
    let taken = |instance: &&Instance| instance.reason.as_deref().is_some_and(|code| Alert::spot(code, None).is_some());
    let own = alive.iter().find(|instance| instance.id == *id);
    own.is_some_and(|own| !taken(&own)) && gone.iter().all(|instance| instance.id != *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NodePhase;

    fn machine(id: &str, reason: Option<&str>) -> Instance {
        Instance { id: id.into(), state: "running".into(), reason: reason.map(str::to_owned), ..Instance::default() }
    }

    fn table(machines: &[(&str, Option<&str>)]) -> NodeTable {
        let node = |(name, id): &(&str, Option<&str>)| Node {
            instance_id: id.map(str::to_owned),
            ..Node::named(*name, "alloc", NodePhase::Allocated)
        };
        NodeTable::new(machines.iter().map(node).collect(), 0)
    }

    fn codes(table: &NodeTable, at: usize) -> Vec<&str> {
        table.nodes[at].alerts.iter().map(|alert| alert.code.as_str()).collect()
    }

    #[test]
    fn alerts_stand_on_their_node_as_long_as_they_are_true() {
        let mut watch = Watch::default();
        let now = Instant::now();
        assert!(watch.is_due(now) && !watch.is_due(now + Duration::from_secs(59)) && watch.is_due(now + PAUSE));
        let event = Alert::event("instance-retirement", "degraded hardware", None).unwrap();
        watch.hear(Ok(vec![("i-1".into(), vec![event]), ("i-2".into(), vec![])]), now);
        let alive = [machine("i-1", None), machine("i-2", None)];
        let mut nodes = table(&[("a", Some("i-1")), ("b", Some("i-2")), ("c", None)]);
        watch.mark(&mut nodes, &alive, &[]);
        assert_eq!((codes(&nodes, 0), codes(&nodes, 1), codes(&nodes, 2)), (vec!["instance-retirement"], vec![], vec![]));
        // EC2 takes the second one back; the event of the first is called off.
        watch.hear(Ok(vec![("i-1".into(), vec![])]), now);
        let gone = [machine("i-2", Some("Server.SpotInstanceTermination"))];
        let mut nodes = table(&[("a", Some("i-1")), ("b", None)]);
        watch.mark(&mut nodes, &alive[..1], &gone);
        assert_eq!((codes(&nodes, 0), codes(&nodes, 1)), (vec![], vec!["Server.SpotInstanceTermination"]));
        // Its next machine is there: that is over.
        let alive = [machine("i-1", None), machine("i-3", None)];
        let mut nodes = table(&[("a", Some("i-1")), ("b", Some("i-3"))]);
        watch.mark(&mut nodes, &alive, &gone);
        assert_eq!(codes(&nodes, 1), Vec::<&str>::new());
    }

    #[test]
    fn a_machine_that_was_never_seen_alive_is_known_by_its_address() {
        let gone = Instance { private_address: Some("10.0.0.7".into()), ..machine("i-9", Some("Server.SpotInstanceShutdown")) };
        let mut nodes = table(&[("a", None), ("b", None)]);
        nodes.nodes[1].address = Some("10.0.0.7".into());
        Watch::default().mark(&mut nodes, &[], &[gone]);
        assert_eq!((codes(&nodes, 0), codes(&nodes, 1)), (vec![], vec!["Server.SpotInstanceShutdown"]));
    }

    #[test]
    fn what_may_not_be_asked_is_said_and_not_asked_all_the_time() {
        let mut watch = Watch::default();
        let now = Instant::now();
        watch.is_due(now);
        watch.hear(Err(Failure::new(FailureKind::Denied, "AWS", "UnauthorizedOperation: no")), now);
        assert!(!watch.is_due(now + PAUSE) && watch.is_due(now + DENIED));
        let mut nodes = table(&[("a", Some("i-1"))]);
        watch.mark(&mut nodes, &[machine("i-1", None)], &[]);
        assert_eq!(nodes.unchecked.as_deref(), Some("UnauthorizedOperation: no"));
    }
}
