//! Jobs as they were: what changed between two answers, what is remembered, and why a waiting job waits.

use super::{ClusterId, JobId, JobState};

/// One of the user's own jobs is in another state than when it was last seen, however many states lie between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The job.
    pub job: JobId,
    /// Its array, empty when it is none.
    pub array: String,
    /// Its name, any characters.
    pub name: String,
    /// The state before; `None` where it was not known.
    pub from: Option<JobState>,
    /// The state now.
    pub to: JobState,
    /// `code:signal`, where the scheduler told.
    pub exit_code: Option<String>,
}

/// A job that qdeck remembers, or that the scheduler's accounting does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Past {
    /// As people write it.
    pub id: String,
    /// Its array, empty when it is none.
    pub array: String,
    /// Its name, any characters.
    pub name: String,
    /// Its owner.
    pub user: String,
    /// Its partition.
    pub partition: String,
    /// The last known state.
    pub state: Option<JobState>,
    /// `code:signal`, where known.
    pub exit_code: Option<String>,
    /// Nodes used.
    pub nodes: u32,
    /// Which ones.
    pub node_list: String,
    /// CPUs used.
    pub cpus: u32,
    /// Seconds since 1970 UTC.
    pub submitted: Option<i64>,
    /// Seconds since 1970 UTC.
    pub started: Option<i64>,
    /// Seconds since 1970 UTC.
    pub ended: Option<i64>,
    /// Its working directory, empty when unknown.
    pub work_dir: String,
    /// Path of standard output, empty when unknown.
    pub stdout: String,
    /// Path of standard error, empty when unknown.
    pub stderr: String,
    /// The script and its arguments as the scheduler writes them, empty when unknown.
    pub command: String,
    /// When qdeck last saw it, seconds since 1970 UTC.
    pub seen: i64,
    /// Who told.
    pub origin: Origin,
}

/// Who told of a remembered job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Origin {
    /// The queue, while the job was in it: its state is the one that was last seen.
    #[default]
    Queue,
    /// The scheduler, when it was asked how the job ended.
    End,
    /// The scheduler's accounting.
    Accounting,
}

impl Origin {
    /// Every origin with its word.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Queue, "queue"), (Self::End, "end"), (Self::Accounting, "accounting")];

    /// `queue`, `end` or `accounting`.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// Which remembered jobs are wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Recall {
    /// Text in id, name, user, partition or node list.
    pub text: String,
    /// Only this state, as `squeue` writes it, short or long.
    pub state: Option<JobState>,
    /// Only jobs of the last so many days; `None` is a week of the scheduler's accounting and all of qdeck's own record.
    pub days: Option<u32>,
    /// Everybody's, not only the login user's own.
    pub everyone: bool,
}

/// A submission that was confirmed and whose answer has not been seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsent {
    /// Its unique token.
    pub token: String,
    /// Where it shall run.
    pub cluster: ClusterId,
    /// The script's name.
    pub name: String,
    /// When it was confirmed, seconds since 1970 UTC.
    pub begun: i64,
    /// Whether the process that began it still works on it.
    pub busy: bool,
    /// Whether it is so old that nobody can tell any more whether it was sent.
    pub stale: bool,
}

/// Why a job does not run, for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    /// The scheduler's own word.
    pub reason: String,
    /// The same in plain words.
    pub plain: String,
    /// What would make it start, and who can do that.
    pub remedy: String,
    /// The scheduler's estimate of its start, seconds since 1970 UTC.
    pub estimate: Option<i64>,
    /// Its place among the waiting jobs of its partition, from 1, and how many there are.
    pub place: Option<(usize, usize)>,
    /// Its partition, or its partitions with commas between; empty where not known.
    pub partition: String,
    /// More to know: label and text.
    pub facts: Vec<(String, String)>,
}
