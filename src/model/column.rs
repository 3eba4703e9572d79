//! The columns of the queue: squeue's names and default order, what each says of a job, and how one sorts by it.
//!
//! Knows nothing of screens: how wide a column is drawn and in which colour is not decided here.

use std::borrow::Cow;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::Job;
use super::duration::slurm;

/// A column one can see and sort by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the titles say it")]
pub enum Column {
    Id,
    Partition,
    Name,
    User,
    State,
    Time,
    Nodes,
    Place,
    LongState,
    Cpus,
    Memory,
    Gres,
    TimeLimit,
    TimeLeft,
    NodeList,
    Reason,
    Account,
    Qos,
    Priority,
    SubmitTime,
    StartTime,
    EndTime,
    WorkDir,
    Dependency,
}

impl Column {
    /// Every column with squeue's heading and what it says; squeue's default ones come first, in its order.
    pub const ALL: [(Self, &'static str, &'static str); 24] = [
        (Self::Id, "JOBID", "job, task or array"),
        (Self::Partition, "PARTITION", "partition (queue)"),
        (Self::Name, "NAME", "what its owner calls it"),
        (Self::User, "USER", "owner"),
        (Self::State, "ST", "state, short"),
        (Self::Time, "TIME", "how long it has run"),
        (Self::Nodes, "NODES", "nodes used or asked for"),
        (Self::Place, "NODELIST(REASON)", "where it runs, or why not"),
        (Self::LongState, "STATE", "state, in full"),
        (Self::Cpus, "CPUS", "CPUs used or asked for"),
        (Self::Memory, "MIN_MEMORY", "memory asked for"),
        (Self::Gres, "TRES_PER_NODE", "GPUs and such of each node"),
        (Self::TimeLimit, "TIME_LIMIT", "how long it may run"),
        (Self::TimeLeft, "TIME_LEFT", "what is left of that"),
        (Self::NodeList, "NODELIST", "where it runs"),
        (Self::Reason, "REASON", "why it waits, how it ended"),
        (Self::Account, "ACCOUNT", "who pays"),
        (Self::Qos, "QOS", "quality of service"),
        (Self::Priority, "PRIORITY", "the greater, the earlier"),
        (Self::SubmitTime, "SUBMIT_TIME", "when it was submitted"),
        (Self::StartTime, "START_TIME", "when it started, or will"),
        (Self::EndTime, "END_TIME", "when it ended, or must"),
        (Self::WorkDir, "WORK_DIR", "working directory"),
        (Self::Dependency, "DEPENDENCY", "what it waits for"),
    ];

    /// squeue's default columns.
    pub fn defaults() -> impl Iterator<Item = Self> {
        Self::ALL.iter().take(8).map(|(column, ..)| *column)
    }

    /// The column of this title, in any case.
    pub fn read(title: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(title)).map(|(column, ..)| *column)
    }

    /// squeue's heading.
    pub fn title(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What it says, in a few words.
    pub fn words(self) -> &'static str {
        Self::ALL[self as usize].2
    }

    /// Whether it holds numbers, which stand at the right edge.
    pub fn is_number(self) -> bool {
        use Column::*;
        matches!(self, Time | Nodes | Cpus | Memory | TimeLimit | TimeLeft | Priority)
    }

    /// How one sorts by it first: of what can be much, the most comes first, and of times the latest.
    pub fn order(self) -> Order {
        let descending = self.is_number() || matches!(self, Self::SubmitTime | Self::StartTime | Self::EndTime);
        Order { column: Some(self), descending }
    }

    /// The moment that it says of a job, where it says one.
    pub fn moment(self, job: &Job<'_>) -> Option<Timestamp> {
        match self {
            Self::SubmitTime => job.submitted(),
            Self::StartTime => job.started(),
            Self::EndTime => {
                let lasts = if job.state().is_over() { job.time_used() } else { job.time_limit() }?;
                job.started()?.checked_add(SignedDuration::from_secs(i64::try_from(lasts).ok()?)).ok()
            }
            _ => None,
        }
    }

    /// What it says of a job, as squeue writes it; times in RFC 3339, UTC. Empty where nothing is known.
    pub fn text<'a>(self, job: &Job<'a>) -> Cow<'a, str> {
        let time = |seconds: Option<u64>| seconds.map_or_else(String::new, slurm);
        match self {
            Self::Id => job.id().into(),
            Self::Partition => job.partition().into(),
            Self::Name => job.name().into(),
            Self::User => job.user().into(),
            Self::State => job.state().short().into(),
            Self::LongState => job.state().long().into(),
            Self::Time => time(job.time_used()).into(),
            Self::TimeLimit => time(job.time_limit()).into(),
            Self::TimeLeft => time(left(job)).into(),
            Self::Nodes => job.nodes().to_string().into(),
            Self::Cpus => job.cpus().to_string().into(),
            Self::Memory => job.memory().into(),
            Self::Gres => job.gres().into(),
            Self::Place => job.place_or_reason().into(),
            Self::NodeList => job.node_list().into(),
            Self::Reason => if job.reason() == "None" { "" } else { job.reason() }.into(),
            Self::Account => job.account().into(),
            Self::Qos => job.qos().into(),
            Self::Priority => job.priority().map_or_else(String::new, |p| p.to_string()).into(),
            Self::SubmitTime | Self::StartTime | Self::EndTime => self.moment(job).map_or_else(String::new, |at| at.to_string()).into(),
            Self::WorkDir => job.work_dir().into(),
            Self::Dependency => job.dependency().into(),
        }
    }
}

/// Seconds that a job may still run.
pub(super) fn left(job: &Job<'_>) -> Option<u64> {
    Some(job.time_limit()?.saturating_sub(job.time_used()?))
}

/// How rows are ordered. `None` is the scheduler's own order turned so that what runs comes first, then what waits, then what ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Order {
    /// The column.
    pub column: Option<Column>,
    /// From the greatest to the least.
    pub descending: bool,
}

/// A column that the user wants to see, and how wide. Printed as the user writes it: `NAME:30`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Chosen {
    /// The column.
    pub column: Column,
    /// Cells; `None` is as many as the screen has for it.
    pub cells: Option<u16>,
}

impl Chosen {
    /// The widths one can ask for, in cells.
    pub const CELLS: std::ops::RangeInclusive<u16> = 2..=200;

    /// squeue's default columns, each as wide as the screen allows.
    pub fn defaults() -> Vec<Self> {
        Column::defaults().map(|column| Self { column, cells: None }).collect()
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column.title())?;
        self.cells.map_or(Ok(()), |cells| write!(f, ":{cells}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{JobState, JobTable, NewJob};
    use super::*;

    #[test]
    fn columns_stand_at_their_own_index_under_squeue_s_names() {
        for (i, (column, title, _)) in Column::ALL.iter().enumerate() {
            assert_eq!(*column as usize, i);
            assert_eq!(Column::read(&title.to_lowercase()), Some(*column));
        }
        let defaults: Vec<_> = Column::defaults().map(Column::title).collect();
        assert_eq!(defaults.join(" "), "JOBID PARTITION NAME USER ST TIME NODES NODELIST(REASON)");
        assert_eq!(Chosen { column: Column::Name, cells: Some(30) }.to_string(), "NAME:30");
    }

    #[test]
    fn each_column_says_what_squeue_says() {
        let mut table = JobTable::default();
        table.push(&NewJob {
            id: "7",
            state: Some(JobState::Running),
            reason: "None",
            time_used: Some(3_600),
            time_limit: Some(86_400),
            started: Some(1_790_000_000),
            priority: Some(4_294),
            node_list: "n-[1-2]",
            nodes: 2,
            memory: "4G",
            gres: "gres:gpu:8",
            ..NewJob::default()
        });
        let job = table.get(0).unwrap();
        let text = |title| Column::read(title).unwrap().text(&job).into_owned();
        assert_eq!([text("TIME"), text("TIME_LIMIT"), text("TIME_LEFT")], ["1:00:00", "1-00:00:00", "23:00:00"]);
        assert_eq!([text("ST"), text("STATE"), text("REASON"), text("NODELIST(REASON)")], ["R", "RUNNING", "", "n-[1-2]"]);
        assert_eq!([text("START_TIME"), text("END_TIME"), text("SUBMIT_TIME")], ["2026-09-21T14:13:20Z", "2026-09-22T14:13:20Z", ""]);
        assert_eq!([text("MIN_MEMORY"), text("TRES_PER_NODE"), text("PRIORITY"), text("CPUS")], ["4G", "gres:gpu:8", "4294", "0"]);
    }
}
