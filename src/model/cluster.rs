//! Clusters and how we are connected to them.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{ClusterId, Failure, Machines};

/// Where a cluster comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterKind {
    /// Found by the tags on its EC2 instances.
    ParallelCluster,
    /// An ssh destination from the configuration.
    Host,
    /// This machine.
    Local,
}

/// The batch systems that qdeck can tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerKind {
    /// Slurm, by `squeue` and friends.
    Slurm,
    /// Grid Engine.
    GridEngine,
    /// PBS or Torque.
    Pbs,
    /// The embedded runner for one machine.
    Runner,
}

impl SchedulerKind {
    /// The word that the configuration, the screen and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::GridEngine => "gridengine",
            Self::Pbs => "pbs",
            Self::Runner => "runner",
        }
    }
}

/// The machine that users log in to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct HeadNode {
    /// EC2's id, `i-…`.
    pub instance_id: Option<String>,
    /// EC2's type, `c6i.large`.
    pub instance_type: Option<String>,
    /// EC2's state: `pending`, `running`, `stopping`, `stopped`.
    pub state: Option<String>,
    /// Public address, else the private one.
    pub address: Option<String>,
    /// The address inside its own network.
    #[serde(skip)]
    pub private_address: Option<String>,
    /// The login user that the operating system implies.
    #[serde(skip)]
    pub user: Option<String>,
    /// EC2's name of the key pair.
    #[serde(skip)]
    pub key_name: Option<String>,
}

/// A machine that users may log in to beside the head node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LoginNode {
    /// EC2's id, `i-…`.
    pub instance_id: String,
    /// Public address, where it has one.
    pub public_address: Option<String>,
    /// The address inside its own network.
    pub private_address: Option<String>,
}

/// Why a cluster could not be created.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ClusterFailure {
    /// ParallelCluster's code (`HeadNodeBootstrapFailure`), or the resource that failed and its type.
    pub code: String,
    /// CloudFormation's reason.
    pub reason: String,
}

/// One cluster as last seen. What its source cannot tell is `None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Unique over all sources.
    pub id: ClusterId,
    /// What its owner calls it.
    pub name: String,
    /// Where it comes from.
    pub kind: ClusterKind,
    /// The AWS profile it was found with.
    pub profile: Option<String>,
    /// Its AWS region.
    pub region: Option<String>,
    /// ParallelCluster's version.
    pub version: Option<String>,
    /// `CREATE_COMPLETE` and so on, where known.
    pub status: Option<String>,
    /// The compute fleet's status, where known.
    pub fleet_status: Option<String>,
    /// Its batch system, where known.
    pub scheduler: Option<SchedulerKind>,
    /// The machine to log in to.
    pub head_node: Option<HeadNode>,
    /// Its login nodes that run, always in the same order.
    pub login_nodes: Vec<LoginNode>,
    /// Compute nodes that exist right now (for AWS: instances that are not going away).
    pub nodes_up: Option<u32>,
    /// Its machines that run now, in all their kinds.
    pub machines: Vec<Machines>,
    /// When its head node was launched, or its creation began.
    pub since: Option<Timestamp>,
    /// CloudWatch's group of its logs, where known.
    pub log_group: Option<String>,
    /// Why its creation failed, the root cause first.
    pub failures: Vec<ClusterFailure>,
    /// What a user should know of it: an old version, what could not be asked and why.
    pub notes: Vec<String>,
}

impl Cluster {
    /// Where a login node is reached: the first public address there is, else the first private one.
    pub fn login_address(&self) -> Option<&str> {
        let public = self.login_nodes.iter().find_map(|node| node.public_address.as_deref());
        public.or_else(|| self.login_nodes.iter().find_map(|node| node.private_address.as_deref()))
    }

    /// A cluster of which nothing but the name is known yet.
    pub fn named(id: ClusterId, kind: ClusterKind) -> Self {
        let name = id.name().to_owned();
        Self {
            id,
            name,
            kind,
            profile: None,
            region: None,
            version: None,
            status: None,
            fleet_status: None,
            scheduler: None,
            head_node: None,
            login_nodes: Vec::new(),
            nodes_up: None,
            machines: Vec::new(),
            since: None,
            log_group: None,
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Something that ssh asks its user: to confirm a new host key, a passphrase, a one-time code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prompt {
    /// Matches the answer to the question.
    pub id: u64,
    /// ssh's own words, which for a host key include the fingerprint. Free of control characters other than newline.
    pub text: String,
    /// Whether what is typed must not be shown.
    pub secret: bool,
}

/// The state of the one control session to a head node.
#[derive(Clone, PartialEq, Debug)]
pub enum Link {
    /// Nothing to connect: this machine, or a simulation.
    Local,
    /// On its way, for the first time or again.
    Connecting,
    /// On its way; ssh does not know the host key, which is being compared with what EC2 tells of it.
    Comparing,
    /// On its way; the host key is the one that EC2 tells, in these words.
    Trusted(String),
    /// ssh waits for an answer from the user.
    Asking(Prompt),
    /// Up, with the last measured round-trip time once there is one.
    Up {
        /// Time from a request on the open session to its answer.
        rtt: Option<Duration>,
        /// Whether the session is one that the user's own ssh holds open.
        is_shared: bool,
    },
    /// Down; the next attempt begins after `retry_in`, `None` when only the user can mend it.
    Down {
        /// Why.
        failure: Failure,
        /// The wait before the next attempt.
        retry_in: Option<Duration>,
    },
}
