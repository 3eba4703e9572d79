//! An array as one row: what its tasks do, counted, and the task that stands for all of them.
//!
//! Says nothing of tasks that the scheduler has forgotten but what the table itself counts of them.

use super::super::{Job, JobId, JobState, JobTable, TaskSpan};

/// Tasks of an array by what they do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Ended well.
    pub well: u64,
    /// Ended in a way that a person should look at.
    pub badly: u64,
    /// Ended because somebody wished it.
    pub dropped: u64,
    /// On nodes now, or on their way there.
    pub active: u64,
    /// Wait to start.
    pub waiting: u64,
}

impl Tally {
    /// Tasks that have not ended.
    pub fn alive(self) -> u64 {
        self.active + self.waiting
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.well + self.badly + self.dropped + self.alive()
    }

    fn add(&mut self, state: JobState, tasks: u64) {
        let place = if state.is_waiting() {
            &mut self.waiting
        } else if state.is_bad() {
            &mut self.badly
        } else if state == JobState::Completed {
            &mut self.well
        } else if state.is_over() {
            &mut self.dropped
        } else {
            &mut self.active
        };
        *place = place.saturating_add(tasks);
    }
}

/// An array of which the table holds at least one row.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// The row of the table that stands for it: a running task if there is one, else one on its way, else what waits, else what ended.
    pub head: u32,
    /// What its tasks do, those that have left the queue with them.
    pub tally: Tally,
    /// The lowest and the highest index in the queue, where the scheduler tells them.
    pub span: Option<(u64, u64)>,
    /// Nodes of its active tasks; those that one task asks for while none is active.
    pub nodes: u32,
    /// CPUs, in the same way.
    pub cpus: u32,
    /// Seconds that its longest active task has run.
    pub time_used: Option<u64>,
    /// Whether its tasks are shown below it.
    pub open: bool,
    /// Rows of the table, those of them that pass the filter, and the first of these.
    pub(super) rows: u32,
    pub(super) hits: u32,
    pub(super) first_hit: u32,
    head_passes: bool,
    left: bool,
}

impl Array {
    pub(super) fn new(past: Option<(u32, u32)>) -> Self {
        let (well, badly) = past.map_or((0, 0), |(well, badly)| (u64::from(well), u64::from(badly)));
        Self {
            head: u32::MAX,
            tally: Tally { well, badly, ..Tally::default() },
            span: None,
            nodes: 0,
            cpus: 0,
            time_used: None,
            open: false,
            rows: 0,
            hits: 0,
            first_hit: u32::MAX,
            head_passes: false,
            left: well + badly > 0,
        }
    }

    /// Takes in one row of the table, which `tasks` counts, and whether it passes the filter.
    pub(super) fn take(&mut self, row: u32, job: &Job<'_>, tasks: Option<TaskSpan>, head: Option<JobState>, passes: bool) {
        let rank = rank(job.state());
        let best = head.map_or(u8::MAX, self::rank);
        let sum = |had: u32, more: u32| if rank == best && rank <= 1 { had.saturating_add(more) } else { more };
        if rank < best || rank == best && rank <= 1 {
            (self.nodes, self.cpus) = (sum(self.nodes, job.nodes()), sum(self.cpus, job.cpus()));
            self.time_used = if rank == best { self.time_used.max(job.time_used()) } else { job.time_used() };
        }
        if rank < best {
            (self.head, self.head_passes) = (row, passes);
        }
        self.tally.add(job.state(), tasks.map_or(1, |tasks| tasks.count));
        if let Some(tasks) = tasks {
            let (first, last) = self.span.unwrap_or((tasks.first, tasks.last));
            self.span = Some((first.min(tasks.first), last.max(tasks.last)));
        }
        self.rows += 1;
        if passes {
            self.hits += 1;
            self.first_hit = self.first_hit.min(row);
        }
    }

    /// Whether all that is known of it is one task: that is shown as the job it is.
    pub(super) fn is_single(&self) -> bool {
        self.rows == 1 && !self.left && self.tally.total() == 1
    }

    /// Whether the filter lets some of its rows pass and not others: then these are shown themselves.
    pub(super) fn is_split(&self) -> bool {
        self.hits < self.rows
    }

    /// The row of the table at whose place it is shown while the queue keeps the scheduler's order.
    pub(super) fn place(&self) -> u32 {
        if self.head_passes { self.head } else { self.first_hit }
    }

    /// The array's id.
    pub fn id<'a>(&self, table: &'a JobTable) -> &'a str {
        table.get(self.head as usize).map_or("", |job| job.array_job_id())
    }

    /// What to call it: `18240_[8-99]`, from the indices that are in the queue.
    pub fn label(&self, table: &JobTable) -> String {
        let id = self.id(table);
        match self.span {
            Some((first, last)) if first == last => format!("{id}_[{first}]"),
            Some((first, last)) => format!("{id}_[{first}-{last}]"),
            None => format!("{id}_[]"),
        }
    }

    /// Cells that the label takes.
    pub(super) fn label_cells(&self, table: &JobTable) -> usize {
        let digits = |n: u64| n.checked_ilog10().map_or(1, |log| log as usize + 1);
        let span = self.span.map_or(0, |(first, last)| if first == last { digits(first) } else { digits(first) + 1 + digits(last) });
        self.id(table).len() + 3 + span
    }
}

/// Which task stands for an array: the least.
fn rank(state: JobState) -> u8 {
    match state {
        JobState::Running => 0,
        state if state.is_waiting() => 2,
        state if state.is_bad() => 3,
        state if state.is_over() => 4,
        _ => 1,
    }
}

/// Whether a job is the waiting rest of an array: several tasks, or one that the scheduler has not made a job of its own yet.
pub fn is_rest(job: &Job<'_>) -> bool {
    !job.array_job_id().is_empty() && !job.array_task_id().bytes().all(|b| b.is_ascii_digit())
}

/// What a row is known by from one answer to the next: the job's id; that of a waiting rest without the tasks, which change.
pub(super) fn key<'a>(job: &Job<'a>) -> std::borrow::Cow<'a, str> {
    if is_rest(job) { format!("{}_[]", job.array_job_id()).into() } else { job.id().into() }
}

/// What the scheduler is told to mean this row: its id, of a waiting rest without the throttle, which is no part of a name.
pub fn told(job: &Job<'_>) -> JobId {
    match job.id().split_once('%') {
        Some((before, rest)) if is_rest(job) && rest.ends_with(']') => JobId::new(format!("{before}]")),
        _ => job.job_id(),
    }
}

/// The id as it is shown: a long list of waiting tasks by its ends.
pub fn shown<'a>(job: &Job<'a>) -> std::borrow::Cow<'a, str> {
    if job.id().len() <= LONG {
        return job.id().into();
    }
    match TaskSpan::read(job.array_task_id()).filter(|_| is_rest(job)) {
        Some(tasks) => format!("{}_[{}…{}]", job.array_job_id(), tasks.first, tasks.last).into(),
        None => job.id().into(),
    }
}

/// The longest list of tasks that is shown as it is, in bytes.
const LONG: usize = 24;
