//! Jobs: one compact table of a whole queue, and a cheap view of each row.
//!
//! A queue can hold 100,000 jobs, so a table keeps all text in one buffer and never allocates per job.

mod state;

use jiff::Timestamp;

use super::{Change, JobId, SchedulerKind, Usage, Verbs};

pub use state::JobState;

/// A job while it is being read: everything borrowed from the scheduler's answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewJob<'a> {
    /// As people write it: `18231`, `18240_7`, `18240_[8-99]`.
    pub id: &'a str,
    /// The array's id, empty when it is no array.
    pub array_job_id: &'a str,
    /// The task's index, or the list of tasks that still wait; empty when it is no array.
    pub array_task_id: &'a str,
    /// The job's name, as its owner chose it: any characters.
    pub name: &'a str,
    /// Its owner.
    pub user: &'a str,
    /// The partition (queue).
    pub partition: &'a str,
    /// Its state, `None` is unknown.
    pub state: Option<JobState>,
    /// Why it waits or how it ended.
    pub reason: &'a str,
    /// Nodes asked for or used.
    pub nodes: u32,
    /// The nodes it runs on, compressed.
    pub node_list: &'a str,
    /// CPUs asked for or used.
    pub cpus: u32,
    /// When it was submitted, seconds since 1970 UTC.
    pub submitted: Option<i64>,
    /// When it started (or is expected to), seconds since 1970 UTC.
    pub started: Option<i64>,
    /// Seconds it ran.
    pub time_used: Option<u64>,
    /// Seconds it may run; `None` is unlimited or unknown.
    pub time_limit: Option<u64>,
    /// Scheduling priority.
    pub priority: Option<u64>,
    /// Working directory.
    pub work_dir: &'a str,
    /// Path of its standard output, where the answer holds it.
    pub stdout: &'a str,
    /// Path of its standard error, where the answer holds it.
    pub stderr: &'a str,
    /// The account that pays.
    pub account: &'a str,
    /// Quality of service.
    pub qos: &'a str,
    /// What it waits for: `afterok:12(unfulfilled)`.
    pub dependency: &'a str,
    /// Memory asked for, as the scheduler writes it: `4G`.
    pub memory: &'a str,
    /// Generic resources of each node, as the scheduler writes them: `gres:gpu:8`.
    pub gres: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    len: u32,
}

/// Texts of a row.
const FIELDS: usize = 16;
const UNKNOWN_SECONDS: u32 = u32::MAX;
const UNKNOWN_TIME: i64 = i64::MIN;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    text: [Span; FIELDS],
    state: JobState,
    nodes: u32,
    cpus: u32,
    time_used: u32,
    time_limit: u32,
    submitted: i64,
    started: i64,
    priority: u64,
}

/// All jobs of one answer, in the scheduler's order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct JobTable {
    text: String,
    rows: Vec<Row>,
    /// Lines of the answer that could not be read.
    pub warnings: u32,
    /// Who answered, where that is known.
    pub scheduler: Option<SchedulerKind>,
    /// What changed about the user's own jobs since the answer before.
    pub changes: Vec<Change>,
    /// Arrays of which tasks have left the queue: array id, tasks that ended well, tasks that did not.
    pub past: Vec<(String, u32, u32)>,
    /// What can be done on this very cluster, where its host told; else its scheduler's kind says.
    pub verbs: Option<Verbs>,
    /// Further questions to the scheduler that this answer took: how jobs ended that had left the queue.
    pub follow_ups: u32,
}

impl JobTable {
    /// An empty table with room for `jobs` rows and `bytes` of text.
    pub fn with_capacity(jobs: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), rows: Vec::with_capacity(jobs), ..Self::default() }
    }

    /// Adds a job. Text past 4 GB in all is dropped and counted as a warning.
    pub fn push(&mut self, job: &NewJob<'_>) {
        let fields = [
            job.id,
            job.array_job_id,
            job.array_task_id,
            job.name,
            job.user,
            job.partition,
            job.reason,
            job.node_list,
            job.work_dir,
            job.stdout,
            job.stderr,
            job.account,
            job.qos,
            job.dependency,
            job.memory,
            job.gres,
        ];
        let mut text = [Span { start: 0, len: 0 }; FIELDS];
        for (span, field) in text.iter_mut().zip(fields) {
            let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(field.len())) else {
                self.warnings += 1;
                return;
            };
            *span = Span { start, len };
            self.text.push_str(field);
        }
        let seconds = |s: Option<u64>| s.map_or(UNKNOWN_SECONDS, |s| u32::try_from(s).unwrap_or(UNKNOWN_SECONDS - 1));
        self.rows.push(Row {
            text,
            state: job.state.unwrap_or(JobState::Unknown),
            nodes: job.nodes,
            cpus: job.cpus,
            time_used: seconds(job.time_used),
            time_limit: seconds(job.time_limit),
            submitted: job.submitted.unwrap_or(UNKNOWN_TIME),
            started: job.started.unwrap_or(UNKNOWN_TIME),
            priority: job.priority.map_or(0, |p| p.saturating_add(1)),
        });
    }

    /// How many jobs there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The job in row `index` of the scheduler's order.
    pub fn get(&self, index: usize) -> Option<Job<'_>> {
        self.rows.get(index).map(|row| Job { text: &self.text, row })
    }

    /// All jobs in the scheduler's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Job<'_>> {
        self.rows.iter().map(|row| Job { text: &self.text, row })
    }

    /// The row of the job with this id. Looks at every row.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.iter().position(|job| job.id() == id)
    }
}

/// One row of a [`JobTable`]. Where the answer does not say, text is empty and numbers are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    text: &'a str,
    row: &'a Row,
}

impl<'a> Job<'a> {
    fn field(&self, n: usize) -> &'a str {
        let Span { start, len } = self.row.text[n];
        self.text.get(start as usize..(start + len) as usize).unwrap_or("")
    }

    /// As people write it.
    pub fn id(&self) -> &'a str {
        self.field(0)
    }
    /// The same, owned.
    pub fn job_id(&self) -> JobId {
        JobId::new(self.id())
    }
    /// The array's id; empty when it is no array.
    pub fn array_job_id(&self) -> &'a str {
        self.field(1)
    }
    /// The task or the waiting tasks; empty when it is no array.
    pub fn array_task_id(&self) -> &'a str {
        self.field(2)
    }
    /// The name, any characters.
    pub fn name(&self) -> &'a str {
        self.field(3)
    }
    /// The owner.
    pub fn user(&self) -> &'a str {
        self.field(4)
    }
    /// The partition.
    pub fn partition(&self) -> &'a str {
        self.field(5)
    }
    /// Why it waits or how it ended.
    pub fn reason(&self) -> &'a str {
        self.field(6)
    }
    /// The nodes it runs on.
    pub fn node_list(&self) -> &'a str {
        self.field(7)
    }
    /// The working directory.
    pub fn work_dir(&self) -> &'a str {
        self.field(8)
    }
    /// The path of standard output.
    pub fn stdout(&self) -> &'a str {
        self.field(9)
    }
    /// The path of standard error.
    pub fn stderr(&self) -> &'a str {
        self.field(10)
    }
    /// The account that pays.
    pub fn account(&self) -> &'a str {
        self.field(11)
    }
    /// Quality of service.
    pub fn qos(&self) -> &'a str {
        self.field(12)
    }
    /// What it waits for.
    pub fn dependency(&self) -> &'a str {
        self.field(13)
    }
    /// Memory asked for, as the scheduler writes it.
    pub fn memory(&self) -> &'a str {
        self.field(14)
    }
    /// Generic resources of each node, as the scheduler writes them.
    pub fn gres(&self) -> &'a str {
        self.field(15)
    }
    /// The state.
    pub fn state(&self) -> JobState {
        self.row.state
    }
    /// Nodes asked for or used.
    pub fn nodes(&self) -> u32 {
        self.row.nodes
    }
    /// CPUs asked for or used.
    pub fn cpus(&self) -> u32 {
        self.row.cpus
    }
    /// Seconds it ran.
    pub fn time_used(&self) -> Option<u64> {
        (self.row.time_used != UNKNOWN_SECONDS).then_some(u64::from(self.row.time_used))
    }
    /// Seconds it may run.
    pub fn time_limit(&self) -> Option<u64> {
        (self.row.time_limit != UNKNOWN_SECONDS).then_some(u64::from(self.row.time_limit))
    }
    /// When it was submitted.
    pub fn submitted(&self) -> Option<Timestamp> {
        (self.row.submitted != UNKNOWN_TIME).then(|| Timestamp::from_second(self.row.submitted).ok()).flatten()
    }
    /// When it started, or is expected to.
    pub fn started(&self) -> Option<Timestamp> {
        (self.row.started != UNKNOWN_TIME).then(|| Timestamp::from_second(self.row.started).ok()).flatten()
    }
    /// Scheduling priority.
    pub fn priority(&self) -> Option<u64> {
        self.row.priority.checked_sub(1)
    }
    /// What the last column shows: where it runs, or in parentheses why it does not.
    pub fn place_or_reason(&self) -> String {
        if self.state().is_waiting() || self.node_list().is_empty() {
            if self.reason().is_empty() || self.reason() == "None" {
                return String::new();
            }
            return format!("({})", self.reason());
        }
        self.node_list().to_owned()
    }
}

/// Everything that the scheduler tells about one job, asked for on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDetail {
    /// The job.
    pub id: JobId,
    /// Who answered.
    pub scheduler: SchedulerKind,
    /// The state now.
    pub state: JobState,
    /// `exit code:signal`, once it has ended.
    pub exit_code: Option<String>,
    /// Absolute path of standard output with all patterns filled in.
    pub stdout: Option<String>,
    /// Absolute path of standard error; the same path as `stdout` when they are one file.
    pub stderr: Option<String>,
    /// Absolute working directory.
    pub work_dir: Option<String>,
    /// What a person reads: (label, value) in the scheduler's words and order.
    pub fields: Vec<(String, String)>,
    /// What it uses or has used, where that was asked for.
    pub usage: Option<Box<Usage>>,
    /// When qdeck last saw it, in seconds since 1970 UTC, where the scheduler has forgotten it and this is from qdeck's own record.
    pub remembered: Option<i64>,
}

impl JobDetail {
    /// The value of a label, where there is one.
    pub fn field(&self, label: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_what_was_put_in() {
        let mut table = JobTable::default();
        let job = NewJob { id: "7_1", name: "a|b\n\x1b[31m", cpus: 4, time_used: Some(61), priority: Some(0), ..NewJob::default() };
        table.push(&job);
        let row = table.get(0).unwrap();
        assert_eq!((row.id(), row.name(), row.cpus(), row.time_used(), row.time_limit()), ("7_1", "a|b\n\x1b[31m", 4, Some(61), None));
        assert_eq!((row.priority(), row.submitted(), row.state()), (Some(0), None, JobState::Unknown));
        assert_eq!(table.find("7_1"), Some(0));
        assert_eq!(table.find("7"), None);
    }
}
