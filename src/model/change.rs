//! What can be changed about jobs and nodes that a scheduler has already.

use std::fmt;

use super::SchedulerKind;

/// A change to jobs, each in one round trip for as many jobs as are named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobChange {
    /// End them.
    Cancel,
    /// End every job of the login user; no job is named.
    CancelMine,
    /// Send a signal, named without `SIG`, to their processes.
    Signal(String),
    /// Keep them from starting.
    Hold,
    /// Let them start.
    Release,
    /// Stop them and put them into the queue again.
    Requeue,
    /// Another time limit, as the scheduler writes it: `2:00:00`, `+30`.
    TimeLimit(String),
    /// Another nice value: the greater, the later the job starts.
    Nice(i32),
    /// Before all other jobs of their owner.
    Top,
}

/// The kinds of [`JobChange`], for asking who offers what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "each is the change of its name")]
pub enum Verb {
    Cancel,
    Signal,
    Hold,
    Requeue,
    TimeLimit,
    Nice,
    Top,
    Rerun,
    Why,
    Attach,
    Script,
    ChangeNodes,
    PowerNodes,
    History,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Cancel,
        Self::Signal,
        Self::Hold,
        Self::Requeue,
        Self::TimeLimit,
        Self::Nice,
        Self::Top,
        Self::Rerun,
        Self::Why,
        Self::Attach,
        Self::Script,
        Self::ChangeNodes,
        Self::PowerNodes,
        Self::History,
    ];
}

/// What one host's batch system offers: two of the same kind may have different commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verbs(u16);

impl Verbs {
    /// Those verbs for which `offers` says so.
    pub fn those(offers: impl Fn(Verb) -> bool) -> Self {
        Self(Verb::ALL.iter().filter(|verb| offers(**verb)).fold(0, |set, verb| set | 1 << *verb as u16))
    }

    /// Whether a verb is among them.
    pub fn has(self, verb: Verb) -> bool {
        self.0 & 1 << verb as u16 != 0
    }
}

impl SchedulerKind {
    /// Whether this batch system offers a verb. What it does not offer is not in the footer.
    pub fn offers(self, verb: Verb) -> bool {
        use Verb::*;
        match self {
            Self::Slurm => true,
            // It sends no signal of one's choice, and knows neither a job's shell nor the machines behind its hosts.
            Self::GridEngine => !matches!(verb, Signal | Top | Attach | PowerNodes),
            // What every dialect has; the rest depends on the host and comes with its queue.
            Self::Pbs => matches!(verb, Cancel | Hold | Why | ChangeNodes | History),
            Self::Runner => matches!(verb, Cancel | History | Rerun | Script),
        }
    }
}

impl JobChange {
    /// The verb that it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Cancel | Self::CancelMine => Verb::Cancel,
            Self::Signal(_) => Verb::Signal,
            Self::Hold | Self::Release => Verb::Hold,
            Self::Requeue => Verb::Requeue,
            Self::TimeLimit(_) => Verb::TimeLimit,
            Self::Nice(_) => Verb::Nice,
            Self::Top => Verb::Top,
        }
    }
}

/// In the imperative, for messages: `cancel`, `send SIGUSR1 to`.
impl fmt::Display for JobChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel => f.write_str("cancel"),
            Self::CancelMine => f.write_str("cancel all of your jobs"),
            Self::Signal(name) => write!(f, "send SIG{name} to"),
            Self::Hold => f.write_str("hold"),
            Self::Release => f.write_str("release"),
            Self::Requeue => f.write_str("requeue"),
            Self::TimeLimit(limit) => write!(f, "set the time limit {limit} of"),
            Self::Nice(nice) => write!(f, "set nice {nice} of"),
            Self::Top => f.write_str("move to the top"),
        }
    }
}

/// A change to compute nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeChange {
    /// No new jobs, for this reason; the running ones finish.
    Drain(String),
    /// In service again.
    Resume,
    /// Reboot as soon as its jobs have ended.
    Reboot,
    /// Start the machine behind it.
    PowerUp,
    /// Stop the machine behind it, once its jobs have ended.
    PowerDown,
}

impl fmt::Display for NodeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drain(_) => "drain",
            Self::Resume => "resume",
            Self::Reboot => "reboot",
            Self::PowerUp => "power up",
            Self::PowerDown => "power down",
        })
    }
}

impl NodeChange {
    /// The verb that it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Drain(_) | Self::Resume => Verb::ChangeNodes,
            Self::Reboot | Self::PowerUp | Self::PowerDown => Verb::PowerNodes,
        }
    }
}

/// What was refused: the job or node, and why in the scheduler's words.
pub type Refusals = Vec<(String, String)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_verbs_holds_those_and_no_others() {
        let verbs = Verbs::those(|verb| matches!(verb, Verb::Cancel | Verb::History));
        assert!(Verb::ALL.into_iter().all(|verb| verbs.has(verb) == matches!(verb, Verb::Cancel | Verb::History)));
    }
}
