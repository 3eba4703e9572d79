//! Compute nodes, as their scheduler sees them, joined with the EC2 instances behind them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Alert, Purchase};

/// What a node is doing, in the classes that deserve their own colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum NodePhase {
    /// Down, drained, failed: a person has to look.
    Down,
    /// No new jobs; the running ones finish.
    Draining,
    /// Booting.
    PoweringUp,
    /// Going away.
    PoweringDown,
    /// All its CPUs work.
    Allocated,
    /// Some of its CPUs work.
    Mixed,
    /// Up and free.
    Idle,
    /// Reserved or in maintenance.
    Reserved,
    /// Asleep by design: a cloud node without an instance.
    PoweredDown,
    /// The scheduler says something that we do not know.
    Unknown,
}

impl NodePhase {
    /// Whether the node exists as a running machine.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Draining | Self::Allocated | Self::Mixed | Self::Idle | Self::Reserved)
    }
}

/// One compute node.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The scheduler's name of it.
    pub name: String,
    /// The scheduler's compact state with its suffix: `idle~`, `alloc#`, `down*`.
    pub state: String,
    /// The class of that state.
    pub phase: NodePhase,
    /// The partitions (queues) it serves.
    pub partitions: Vec<String>,
    /// Why it is in this state, in the scheduler's words.
    pub reason: Option<String>,
    /// What that means and what helps, where it is known.
    pub reason_plain: Option<String>,
    /// When that reason was set.
    pub reason_since: Option<Timestamp>,
    /// Who set that reason.
    pub reason_by: Option<String>,
    /// CPUs configured.
    pub cpus: u32,
    /// CPUs that work for jobs.
    pub cpus_used: u32,
    /// Load average over one minute, where the node reports it.
    pub load: Option<f32>,
    /// Memory in MB (2^20 bytes, as Slurm counts).
    pub memory_mb: u64,
    /// Memory that jobs hold, in the same unit.
    pub memory_used_mb: u64,
    /// Generic resources as the scheduler writes them: `gpu:a100:8`.
    pub gres: Option<String>,
    /// Those of them that jobs hold, where the scheduler tells: `gpu:a100:3`.
    pub gres_used: Option<String>,
    /// Features as the scheduler writes them.
    pub features: Vec<String>,
    /// The node's address. A cloud node without an instance has none.
    pub address: Option<String>,
    /// EC2's id of the machine behind it.
    pub instance_id: Option<String>,
    /// EC2's type of it.
    pub instance_type: Option<String>,
    /// EC2's state of it.
    pub instance_state: Option<String>,
    /// How it is paid for.
    pub purchase: Option<Purchase>,
    /// Its availability zone.
    pub zone: Option<String>,
    /// What EC2 says is wrong with it, or about to happen to it.
    pub alerts: Vec<Alert>,
}

impl Node {
    /// A node of which only name and state are known.
    pub fn named(name: impl Into<String>, state: impl Into<String>, phase: NodePhase) -> Self {
        Self {
            name: name.into(),
            state: state.into(),
            phase,
            partitions: Vec::new(),
            reason: None,
            reason_plain: None,
            reason_since: None,
            reason_by: None,
            cpus: 0,
            cpus_used: 0,
            load: None,
            memory_mb: 0,
            memory_used_mb: 0,
            gres: None,
            gres_used: None,
            features: Vec::new(),
            address: None,
            instance_id: None,
            instance_type: None,
            instance_state: None,
            purchase: None,
            zone: None,
            alerts: Vec::new(),
        }
    }

    /// EC2's type of the machine behind it, or of the one that it would have: ParallelCluster names it among a node's features.
    pub fn machine_type(&self) -> Option<&str> {
        let is_type = |word: &&str| {
            let (family, size) = word.split_once('.').unwrap_or(("", ""));
            let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            plain(family) && plain(size) && family.starts_with(|c: char| c.is_ascii_lowercase())
        };
        let mut named = self.features.iter().map(String::as_str).filter(is_type);
        // Where several are named, any of them may be the next one.
        self.instance_type.as_deref().or_else(|| named.next().filter(|_| named.next().is_none()))
    }
}

/// Slurm's compact words for what a node does, and what they mean.
const WORDS: [(&str, &str); 21] = [
    ("idle", "free"),
    ("alloc", "all its CPUs work"),
    ("mix", "some of its CPUs work"),
    ("comp", "its jobs are ending"),
    ("drain", "drained: it takes no jobs"),
    ("drng", "draining: it takes no new jobs, the running ones finish"),
    ("down", "out of service"),
    ("fail", "about to fail: it takes no jobs"),
    ("failg", "about to fail: it takes no new jobs, the running ones finish"),
    ("inval", "it has less than the configuration says: mend that and restart its slurmd"),
    ("maint", "reserved for maintenance"),
    ("boot", "rebooting"),
    ("resv", "reserved"),
    ("plnd", "kept free for a job of higher priority"),
    ("block", "kept free: a job has its part of the network to itself"),
    ("futr", "not there yet"),
    ("unk", "not known yet: the controller has just started"),
    ("error", "in error"),
    ("resm", "coming back into service"),
    ("pow_up", "starting"),
    ("pow_dn", "powering down"),
];

/// The signs that Slurm puts after such a word, and what they mean.
const SIGNS: [(char, &str); 10] = [
    ('*', "it does not answer"),
    ('~', "powered down"),
    ('#', "its machine is starting or being set up"),
    ('!', "it powers down as soon as its jobs have ended"),
    ('%', "it is powering down"),
    ('$', "reserved for maintenance"),
    ('@', "it reboots as soon as its jobs have ended"),
    ('^', "it is rebooting"),
    ('-', "planned for a job of higher priority"),
    ('+', "some of its jobs are ending"),
];

/// Slurm's compact state in plain words; empty where the word is not Slurm's.
pub fn plain(state: &str) -> String {
    let sign = SIGNS.iter().find(|(sign, _)| state.ends_with(*sign));
    let word = state.trim_end_matches(|c: char| SIGNS.iter().any(|(sign, _)| *sign == c));
    let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == word) else { return String::new() };
    match (word, sign) {
        // That is how a cloud node waits, and nothing else needs to be known of it.
        ("idle", Some(('~', _))) => "powered down: it starts when a job needs it".to_owned(),
        ("idle", Some(('#', _))) => "starting: it takes jobs once it is set up".to_owned(),
        ("drain", Some(('!' | '%', more))) => format!("{more}; it takes no jobs until then"),
        (_, Some((_, more))) => format!("{words}; {more}"),
        (_, None) => (*words).to_owned(),
    }
}

/// All nodes of a cluster in the scheduler's order, counted once when they arrive.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeTable {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// How many nodes there are of each phase.
    pub counts: BTreeMap<NodePhase, usize>,
    /// Lines of the answer that could not be read.
    pub warnings: u32,
    /// Why EC2's checks of the machines are not known, where they were asked for in vain.
    pub unchecked: Option<String>,
    /// Why it is not known which spot machines EC2 takes back, where that was asked for in vain.
    pub unnoticed: Option<String>,
}

impl NodeTable {
    /// Counts the nodes.
    pub fn new(nodes: Vec<Node>, warnings: u32) -> Self {
        let mut counts = BTreeMap::new();
        for node in &nodes {
            *counts.entry(node.phase).or_insert(0) += 1;
        }
        Self { nodes, counts, warnings, unchecked: None, unnoticed: None }
    }

    /// Nodes in this phase.
    pub fn count(&self, phase: NodePhase) -> usize {
        self.counts.get(&phase).copied().unwrap_or(0)
    }

    /// Nodes that exist as running machines.
    pub fn up(&self) -> usize {
        self.counts.iter().filter(|(phase, _)| phase.is_up()).map(|(_, n)| n).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_states_have_plain_words() {
        assert_eq!(plain("idle~"), "powered down: it starts when a job needs it");
        assert_eq!(plain("down*"), "out of service; it does not answer");
        assert_eq!(plain("mix-"), "some of its CPUs work; planned for a job of higher priority");
        assert_eq!((plain("alloc").as_str(), plain("au").as_str(), plain("").as_str()), ("all its CPUs work", "", ""));
    }
    #[test]
    fn the_type_of_a_machine_is_told_by_its_features_where_there_is_one() {
        let mut node = Node::named("q-dy-a-1", "idle~", NodePhase::PoweredDown);
        node.features = ["dynamic", "c6i.xlarge", "my.Resource", "v1.2.3"].map(str::to_owned).into();
        assert_eq!(node.machine_type(), Some("c6i.xlarge"));
        node.features.push("u-6tb1.112xlarge".into());
        assert_eq!(node.machine_type(), None, "either may be the next one");
        node.instance_type = Some("c6i.large".into());
        assert_eq!(node.machine_type(), Some("c6i.large"));
    }
}
