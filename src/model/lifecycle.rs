//! The life of a ParallelCluster as a whole: what can be done to it, and what `pcluster` says of that beforehand.
//!
//! Nothing here knows how it is done, or that a program does it.

use std::fmt;

use super::Place;

/// Where a cluster's configuration, a YAML file, is read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Configuration {
    /// It is this text.
    Text(String),
    /// It is in this file.
    File {
        /// The machine.
        place: Place,
        /// Its path there.
        path: String,
    },
    /// It is the one the cluster has now.
    Own,
}

/// Something that may be done to a cluster, to be tried first without doing it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Draft {
    /// Make a cluster of this.
    Create(Configuration),
    /// Make it be like this.
    Update(Configuration),
    /// Give a queue other bounds and leave everything else.
    Scale {
        /// The queue, or `queue/compute resource` where it has several.
        queue: String,
        /// The fewest nodes; `None` leaves them.
        min: Option<u32>,
        /// The most nodes; `None` leaves them.
        max: Option<u32>,
        /// Where the queue is described.
        of: Configuration,
    },
}

/// How bad what is said of a configuration is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// It cannot be used so.
    Error,
    /// It can, but.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// In lower case, as compilers say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Something that is said of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// How bad it is.
    pub severity: Severity,
    /// Who says it: the name of a validator; empty where it has none.
    pub kind: String,
    /// What it says.
    pub message: String,
    /// The line it speaks of, from 0, where that could be found.
    pub line: Option<usize>,
}

/// One value that would become another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alteration {
    /// Its path: `Scheduling.SlurmQueues[q1].ComputeResources[cr1].MaxCount`.
    pub parameter: String,
    /// What it is now; `-` where it is not there.
    pub now: String,
    /// What it would be.
    pub then: String,
}

/// What came of trying.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Whether it would be done.
    pub accepted: bool,
    /// What was said of it as a whole.
    pub said: String,
    /// The configuration that was tried.
    pub text: String,
    /// The configuration it was made from, where it was edited.
    pub before: Option<String>,
    /// The bounds that a queue would have, where a queue was scaled.
    pub bounds: Option<(u32, u32)>,
    /// The worst first, then by line.
    pub remarks: Vec<Remark>,
    /// What would change.
    pub alterations: Vec<Alteration>,
}

impl Verdict {
    /// The lines that differ from the configuration it was made from: number from 0, old text, new text. Lines are only changed or added.
    pub fn edited(&self) -> Vec<(usize, Option<&str>, &str)> {
        let Some(before) = &self.before else { return Vec::new() };
        let mut old = before.lines().peekable();
        let added = self.text.lines().count().saturating_sub(before.lines().count());
        let (mut left, mut out) = (added, Vec::new());
        for (number, line) in self.text.lines().enumerate() {
            if old.peek() == Some(&line) {
                old.next();
                continue;
            }
            // An added line is one after which the old text goes on.
            let follows = self.text.lines().nth(number + 1) == old.peek().copied() || old.peek().is_none();
            if left > 0 && (follows || self.text.lines().nth(number + 2) == old.peek().copied()) {
                left -= 1;
                out.push((number, None, line));
            } else {
                out.push((number, old.next(), line));
            }
        }
        out
    }
}

/// What can be asked of a head node's machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Power {
    /// Start it.
    Start,
    /// Stop it; its disks stay.
    Stop,
    /// Start it anew.
    Reboot,
}

/// Something that is done to a cluster as a whole, or to one of its machines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Make it.
    Create {
        /// Its configuration.
        text: String,
    },
    /// Make it be like this.
    Update {
        /// Its configuration from now on.
        text: String,
    },
    /// Give a queue other bounds.
    Scale {
        /// The queue.
        queue: String,
        /// The fewest nodes and the most.
        bounds: (u32, u32),
        /// The whole configuration with these bounds in it.
        text: String,
    },
    /// Let compute nodes start.
    StartFleet,
    /// Stop all compute nodes and let none start.
    StopFleet,
    /// Delete it.
    Delete,
    /// Start, stop or reboot the head node.
    Head(Power),
    /// End one compute instance.
    Terminate {
        /// EC2's id.
        instance: String,
        /// The node that is on it.
        node: String,
    },
}

impl Operation {
    /// Whether CloudFormation is to do something for it.
    pub fn is_on_stack(&self) -> bool {
        match self {
            Self::Create { .. } | Self::Update { .. } | Self::Scale { .. } | Self::Delete => true,
            Self::StartFleet | Self::StopFleet | Self::Head(_) | Self::Terminate { .. } => false,
        }
    }
}

/// In the imperative, without the cluster's name.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { .. } => f.write_str("create the cluster"),
            Self::Update { .. } => f.write_str("update the cluster"),
            Self::Scale { queue, bounds: (min, max), .. } => write!(f, "scale {queue} to {min}-{max} nodes"),
            Self::StartFleet => f.write_str("start the compute fleet"),
            Self::StopFleet => f.write_str("stop the compute fleet"),
            Self::Delete => f.write_str("delete the cluster"),
            Self::Head(Power::Start) => f.write_str("start the head node"),
            Self::Head(Power::Stop) => f.write_str("stop the head node"),
            Self::Head(Power::Reboot) => f.write_str("reboot the head node"),
            Self::Terminate { instance, node } => write!(f, "terminate {instance} ({node})"),
        }
    }
}
