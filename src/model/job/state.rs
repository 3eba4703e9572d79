//! The states of a job, with the words that schedulers have for them.
//!
//! Says nothing of how a state looks.

/// Slurm's job states; other schedulers' states are mapped to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are Slurm's own")]
pub enum JobState {
    Running,
    Completing,
    Configuring,
    StageOut,
    Signaling,
    Resizing,
    Suspended,
    Stopped,
    Pending,
    Requeued,
    RequeueFed,
    RequeueHold,
    SpecialExit,
    ResvDelHold,
    Completed,
    Cancelled,
    Failed,
    Timeout,
    OutOfMemory,
    NodeFail,
    BootFail,
    Deadline,
    Preempted,
    Revoked,
    Expediting,
    PowerUpNode,
    Unknown,
}

impl JobState {
    /// Every state with its short and long word, as `squeue` prints them.
    pub const ALL: [(Self, &'static str, &'static str); 27] = [
        (Self::Running, "R", "RUNNING"),
        (Self::Completing, "CG", "COMPLETING"),
        (Self::Configuring, "CF", "CONFIGURING"),
        (Self::StageOut, "SO", "STAGE_OUT"),
        (Self::Signaling, "SI", "SIGNALING"),
        (Self::Resizing, "RS", "RESIZING"),
        (Self::Suspended, "S", "SUSPENDED"),
        (Self::Stopped, "ST", "STOPPED"),
        (Self::Pending, "PD", "PENDING"),
        (Self::Requeued, "RQ", "REQUEUED"),
        (Self::RequeueFed, "RF", "REQUEUE_FED"),
        (Self::RequeueHold, "RH", "REQUEUE_HOLD"),
        (Self::SpecialExit, "SE", "SPECIAL_EXIT"),
        (Self::ResvDelHold, "RD", "RESV_DEL_HOLD"),
        (Self::Completed, "CD", "COMPLETED"),
        (Self::Cancelled, "CA", "CANCELLED"),
        (Self::Failed, "F", "FAILED"),
        (Self::Timeout, "TO", "TIMEOUT"),
        (Self::OutOfMemory, "OOM", "OUT_OF_MEMORY"),
        (Self::NodeFail, "NF", "NODE_FAIL"),
        (Self::BootFail, "BF", "BOOT_FAIL"),
        (Self::Deadline, "DL", "DEADLINE"),
        (Self::Preempted, "PR", "PREEMPTED"),
        (Self::Revoked, "RV", "REVOKED"),
        (Self::Expediting, "EX", "EXPEDITING"),
        (Self::PowerUpNode, "PU", "POWER_UP_NODE"),
        (Self::Unknown, "?", "UNKNOWN"),
    ];

    /// Reads a short or a long word; anything else is [`JobState::Unknown`].
    pub fn read(word: &str) -> Self {
        let word = word.split([' ', '+']).next().unwrap_or(word);
        Self::ALL.iter().find(|(_, short, long)| *short == word || *long == word).map_or(Self::Unknown, |(s, ..)| *s)
    }

    /// `R`, `PD`, `OOM` …
    pub fn short(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// `RUNNING`, `PENDING` …
    pub fn long(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// Whether the job has ended and will not change any more.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Cancelled
                | Self::Failed
                | Self::Timeout
                | Self::OutOfMemory
                | Self::NodeFail
                | Self::BootFail
                | Self::Deadline
                | Self::Preempted
                | Self::Revoked
        )
    }

    /// Whether it waits to start.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Requeued | Self::RequeueFed | Self::RequeueHold | Self::SpecialExit | Self::ResvDelHold)
    }

    /// Whether it ended in a way that a person should look at.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Timeout | Self::OutOfMemory | Self::NodeFail | Self::BootFail | Self::Deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_stand_at_their_own_index() {
        for (i, (state, short, long)) in JobState::ALL.iter().enumerate() {
            assert_eq!(*state as usize, i);
            assert_eq!(JobState::read(short), *state);
            assert_eq!(JobState::read(long), *state);
        }
        assert_eq!(JobState::read("CANCELLED by 1000"), JobState::Cancelled);
        assert_eq!(JobState::read("nonsense"), JobState::Unknown);
    }
}
