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

/// What a cluster offers, as far as it is known: what is not known may be offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offer {
    /// Its batch system.
    pub kind: Option<SchedulerKind>,
    /// What its host told.
    pub verbs: Option<Verbs>,
}

impl Offer {
    /// Whether a verb is offered.
    pub fn has(self, verb: Verb) -> bool {
        match (self.verbs, self.kind) {
            (Some(verbs), _) => verbs.has(verb),
            (None, Some(kind)) => kind.offers(verb),
            (None, None) => true,
        }
    }
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

impl JobChange {
    /// What was done to `what`, as a sentence.
    pub fn told(&self, what: &str) -> String {
        match self {
            Self::Cancel => format!("Cancelled {what}."),
            Self::CancelMine => "Cancelled all of your jobs.".to_owned(),
            Self::Signal(name) => format!("Sent SIG{name} to {what}."),
            Self::Hold => format!("Held {what}."),
            Self::Release => format!("Released {what}."),
            Self::Requeue => format!("Put {what} back into the queue."),
            Self::TimeLimit(limit) if limit.starts_with(['+', '-']) => format!("Changed the time limit of {what} by {limit}."),
            Self::TimeLimit(limit) => format!("Set the time limit of {what} to {limit}."),
            Self::Nice(nice) => format!("Set nice {nice} for {what}."),
            Self::Top => format!("Moved {what} to the top."),
        }
    }

    /// A time limit as a person types it: minutes, `H:MM:SS`, `D-HH:MM:SS`, with `+` or `-` in front a difference, or `UNLIMITED`.
    /// What it is not is told in words.
    pub fn time_limit(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if ["unlimited", "infinite"].contains(&text.to_lowercase().as_str()) {
            return Ok(Self::TimeLimit("UNLIMITED".to_owned()));
        }
        match super::duration::parse_slurm(text.strip_prefix(['+', '-']).unwrap_or(text)) {
            Some(0) => Err("A limit of nothing is none: cancel the job to end it now.".to_owned()),
            Some(_) => Ok(Self::TimeLimit(text.to_owned())),
            None => Err(format!("`{text}` is no time: 90 (minutes), 2:00:00, 1-12:00:00, +30, -30 or UNLIMITED.")),
        }
    }

    /// A signal as a person types it: `usr1`, `SIGUSR1`, `10`.
    pub fn signal(text: &str) -> Result<Self, String> {
        let name = text.trim().to_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        let number = name.parse::<u8>().is_ok_and(|n| (1..=64).contains(&n));
        let word = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
        if number || word {
            return Ok(Self::Signal(name.to_owned()));
        }
        Err(format!("`{}` is no signal: a name such as USR1, or a number from 1 to 64.", text.trim()))
    }

    /// A nice value as a person types it.
    pub fn nice(text: &str) -> Result<Self, String> {
        let most = 2_147_483_645;
        match text.trim().parse::<i32>() {
            Ok(nice) if (-most..=most).contains(&nice) => Ok(Self::Nice(nice)),
            _ => Err(format!("`{}` is no nice value: a whole number, 0 by default; the greater, the later.", text.trim())),
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

    /// What was done to `what`, as a sentence.
    pub fn told(&self, what: &str) -> String {
        match self {
            Self::Drain(reason) => format!("No new jobs for {what}: {reason}."),
            Self::Resume => format!("Put {what} into service again."),
            Self::Reboot => format!("{what}: reboots as soon as its jobs have ended."),
            Self::PowerUp => format!("{what}: its machine is being started."),
            Self::PowerDown => format!("{what}: powers down as soon as its jobs have ended."),
        }
    }

    /// A drain with a reason as a person types it.
    pub fn drain(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("Slurm wants a reason, and so will whoever finds the node drained.".to_owned()),
            reason => Ok(Self::Drain(reason.to_owned())),
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

    #[test]
    fn what_was_typed_is_a_change_or_a_mistake_in_words() {
        for good in ["90", "2:00:00", "1-12", "1-12:30:00", "+30", "-1:00:00", " 5 "] {
            assert_eq!(JobChange::time_limit(good), Ok(JobChange::TimeLimit(good.trim().to_owned())));
        }
        assert_eq!(JobChange::time_limit("Unlimited"), Ok(JobChange::TimeLimit("UNLIMITED".into())));
        for bad in ["", "2h", "+-3", "1:2:3:4", "0", "-0:00", "$(x)", "1-"] {
            assert!(JobChange::time_limit(bad).is_err(), "{bad}");
        }
        assert_eq!(
            [JobChange::signal("sigusr1"), JobChange::signal("10")].map(Result::unwrap),
            ["USR1", "10"].map(|s| JobChange::Signal(s.into()))
        );
        assert!(["", "0", "65", "U 1", "-9", "1x"].iter().all(|bad| JobChange::signal(bad).is_err()));
        assert_eq!(JobChange::nice("-5"), Ok(JobChange::Nice(-5)));
        assert!(["", "x", "2147483647", "1.5"].iter().all(|bad| JobChange::nice(bad).is_err()));
        assert!(NodeChange::drain("  ").is_err());
    }
}
