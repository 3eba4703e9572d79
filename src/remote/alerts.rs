//! What EC2 says of the machines behind nodes, written on the nodes: spot machines taken back, scheduled events, failed checks.
//!
//! Asks nobody; says when it is time to ask: of checks and events at most once a minute for a cluster, of spot machines somewhat more
//! often, as these have two minutes. An alert is on a node while it is true, and no longer.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::join::Instance;
use crate::model::{Alert, Failure, FailureKind, Node, NodeTable};

/// EC2 is asked about checks and events no more often than this.
const PAUSE: Duration = Duration::from_mins(1);
/// And about spot machines, where there are any, no more often than this: with each answer about nodes, by default.
const SPOT: Duration = Duration::from_secs(20);
/// What these credentials may not ask is asked again after so long.
const DENIED: Duration = Duration::from_mins(20);

/// What one answer tells: alerts by instance, of those that it looked at.
pub type Told = Vec<(String, Vec<Alert>)>;

/// Spot machines that EC2 takes or took back, by instance.
pub type Notices = HashMap<String, Alert>;

/// What is known of one cluster's machines.
#[derive(Debug, Default)]
pub struct Watch {
    /// When to ask next; `None` is now.
    next: Option<Instant>,
    /// The same of spot machines.
    next_spot: Option<Instant>,
    notices: Notices,
    alerts: HashMap<String, Vec<Alert>>,
    /// Which node each machine was behind: a machine that is gone has no address to know it by.
    behind: HashMap<String, String>,
    trouble: Option<String>,
    spot_trouble: Option<String>,
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

    /// Whether EC2 may be asked now which spot machines it takes back.
    pub fn is_spot_due(&mut self, now: Instant) -> bool {
        let due = self.next_spot.is_none_or(|next| now >= next);
        if due {
            self.next_spot = Some(now + SPOT);
        }
        due
    }

    /// Takes in which spot machines EC2 takes back: these, and no others.
    pub fn hear_spot(&mut self, told: Result<Notices, Failure>, now: Instant) {
        match told {
            Ok(told) => (self.notices, self.spot_trouble) = (told, None),
            Err(failure) => {
                self.next_spot = Some(now + if failure.kind == FailureKind::Denied { DENIED } else { PAUSE });
                self.spot_trouble = Some(failure.what);
            }
        }
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
        table.unnoticed.clone_from(&self.spot_trouble);
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
        let mut lost: HashMap<&str, Alert> = HashMap::new();
        for instance in alive.iter().chain(gone) {
            if let (Some(node), Some(alert)) = (self.behind.get(&instance.id), self.taken(instance)) {
                lost.insert(node, alert);
            }
        }
        for node in &mut table.nodes {
            // One that has a new machine already has got over it.
            if let Some(alert) = lost.remove(node.name.as_str()).filter(|_| !self.has_another(node, alive, gone)) {
                node.alerts.insert(0, alert);
            }
        }
        let known: HashSet<&str> = alive.iter().chain(gone).map(|instance| instance.id.as_str()).collect();
        self.behind.retain(|id, _| known.contains(id.as_str()));
    }

    /// What EC2 says of a machine that it takes back: with the time that is left while it runs, and afterwards why, where that is known.
    fn taken(&self, instance: &Instance) -> Option<Alert> {
        let notice = self.notices.get(&instance.id).filter(|notice| instance.is_alive() || !notice.is_notice());
        notice.cloned().or_else(|| Alert::spot(instance.reason.as_deref()?, instance.ended))
    }

    /// Whether a machine that EC2 does not take back is behind the node.
    fn has_another(&self, node: &Node, alive: &[Instance], gone: &[Instance]) -> bool {
        let Some(id) = &node.instance_id else { return false };
        let own = alive.iter().find(|instance| instance.id == *id);
        own.is_some_and(|own| self.taken(own).is_none()) && gone.iter().all(|instance| instance.id != *id)
    }
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
    fn a_spot_machine_that_ends_says_when_and_then_why() {
        let mut watch = Watch::default();
        let now = Instant::now();
        assert!(watch.is_spot_due(now) && !watch.is_spot_due(now + Duration::from_secs(19)) && watch.is_spot_due(now + SPOT));
        let at = "2026-11-26T14:32:10Z".parse().ok();
        let told = |code: &str| Ok(HashMap::from([("i-1".to_owned(), Alert::spot(code, at).unwrap())]));
        watch.hear_spot(told("marked-for-termination"), now);
        let (mut nodes, alive) = (table(&[("a", Some("i-1")), ("b", Some("i-2"))]), [machine("i-1", None), machine("i-2", None)]);
        watch.mark(&mut nodes, &alive, &[]);
        assert_eq!((codes(&nodes, 0), codes(&nodes, 1)), (vec!["marked-for-termination"], vec![]));
        assert_eq!(nodes.nodes[0].alerts[0].at, at);
        // It is gone; first only its own state says why, then its spot request does.
        let gone = [Instance { state: "terminated".into(), ..machine("i-1", Some("Server.SpotInstanceTermination")) }];
        let mut nodes = table(&[("a", None), ("b", Some("i-2"))]);
        watch.mark(&mut nodes, &alive[1..], &gone);
        assert_eq!(codes(&nodes, 0), ["Server.SpotInstanceTermination"]);
        watch.hear_spot(told("instance-terminated-by-price"), now);
        watch.mark(&mut nodes, &alive[1..], &gone);
        assert_eq!(codes(&nodes, 0)[0], "instance-terminated-by-price");
        // Who may not ask is told so, beside what is known of checks.
        watch.hear_spot(Err(Failure::new(FailureKind::Denied, "AWS", "UnauthorizedOperation: no")), now);
        watch.mark(&mut nodes, &alive[1..], &gone);
        assert_eq!((nodes.unchecked.as_deref(), nodes.unnoticed.as_deref()), (None, Some("UnauthorizedOperation: no")));
        assert!(!watch.is_spot_due(now + PAUSE) && watch.is_spot_due(now + DENIED));
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
