//! Questions and answers. A query is a value: the key of the store, the name of a task, the name of a fixture.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Again, Bootstrap, Cluster, ClusterId, Deed, Diagnosis, Draft, FileEntry, Ground, JobDetail, JobId, JobTable, Link, LogEvent, LogGroup,
    LogHit, LogPlace, LogSource, LogStream, Machine, Mount, NodeTable, Past, Place, Preview, Prices, Recall, SchedulerKind, StackEvent,
    Trail, Unsent, Usual, Verdict, Why, Window,
};

/// Somebody who knows clusters.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Source {
    /// What needs no question: hosts from the configuration, this machine, simulations.
    Fixed,
    /// One AWS account and region. No profile means the SDK's own default chain.
    Aws {
        /// Profile in the AWS configuration.
        profile: Option<String>,
        /// Region; `None` means the profile's own.
        region: Option<String>,
    },
}

/// Whose jobs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Scope {
    /// The login user's own, including those that ended a short while ago.
    Mine,
    /// Everybody's that wait or run.
    All,
}

impl Scope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Mine, Self::All];
}

/// Where a shell can be opened on a cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Door {
    /// Inside a running job, on its first node, with what it was given.
    Job(JobId),
    /// On a node.
    Node(String),
}

/// A question that the world can answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Query {
    /// Which clusters does this source know?
    Clusters(Source),
    /// In which region is the AWS cluster of this name? Asked where it is in none of the sources.
    Locate(String),
    /// How are we connected?
    Link(ClusterId),
    /// Which nodes does it have, and how are they?
    Nodes(ClusterId),
    /// Which jobs does it have?
    Jobs {
        /// The cluster.
        cluster: ClusterId,
        /// Whose jobs.
        scope: Scope,
    },
    /// Everything about one job.
    Detail {
        /// The cluster.
        cluster: ClusterId,
        /// The job.
        job: JobId,
    },
    /// Everything about one job, and what it uses or has used? It costs the scheduler more: for when somebody looks.
    Examine {
        /// The cluster.
        cluster: ClusterId,
        /// The job.
        job: JobId,
    },
    /// Why does this job not run? Asked on demand, never in a loop.
    Why {
        /// The cluster.
        cluster: ClusterId,
        /// The job.
        job: JobId,
    },
    /// How was this job submitted, so that it can be submitted again?
    Again {
        /// The cluster.
        cluster: ClusterId,
        /// The job.
        job: JobId,
    },
    /// Which jobs were there?
    History {
        /// The cluster.
        cluster: ClusterId,
        /// Which ones.
        recall: Recall,
    },
    /// What is there for a first cluster to stand on?
    Ground(Source),
    /// What are these instance types like? Those that the region does not offer are missing from the answer.
    Machines {
        /// Where.
        source: Source,
        /// Their names.
        names: Vec<String>,
    },
    /// What does an hour of these instance types cost, on demand and spot? It waits some seconds for AWS; what is not known then is missing.
    Quotes {
        /// The profile to ask with.
        profile: Option<String>,
        /// The region.
        region: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Which file systems does its head node see, and how full are they?
    Mounts(ClusterId),
    /// Which submissions were cut off?
    Outbox,
    /// What was changed, from this machine and by this user?
    Audit,
    /// What does an hour of each kind of machine cost that a known cluster has? Followed, it tells at once what it knows already.
    Prices,
    /// How was the cluster over time, as far as qdeck looked?
    Trail {
        /// The cluster.
        cluster: ClusterId,
        /// How far back.
        window: Window,
    },
    /// What would come of this? Nothing is done; it takes as long as a `pcluster` dry run, up to half a minute.
    DryRun {
        /// The cluster; it may be one that is to be.
        cluster: ClusterId,
        /// What may be done.
        draft: Draft,
    },
    /// How is the cluster configured? Answered by `pcluster`, in some seconds.
    Configuration(ClusterId),
    /// What has happened to its stack?
    Events(ClusterId),
    /// How long do operations on it usually take, as far as they were seen?
    Usual(ClusterId),
    /// What does its head node write while it is set up?
    Bootstrap {
        /// The cluster.
        cluster: ClusterId,
        /// EC2's id of the head node.
        head: String,
        /// Whether all its logs are read for what went wrong, and not only the end of the latest one.
        why: bool,
    },
    /// Which region is meant where none is named?
    Region(Source),
    /// Is all in order that a cluster needs, or AWS and this machine alone? Followed, the answer grows as it is found out; a name will do.
    Doctor(Option<ClusterId>),
    /// Which program opens a shell there? It needs a terminal.
    Shell {
        /// The cluster.
        cluster: ClusterId,
        /// Where on it.
        door: Door,
    },
    /// What does it write? (followed, never asked once)
    Log(LogSource, LogStart),
    /// Whole lines of a log beside a place: read when one scrolls there.
    LogRange {
        /// The log.
        source: LogSource,
        /// The place.
        at: LogPlace,
        /// About so many bytes after it, or before it where negative.
        bytes: i64,
    },
    /// Where in the whole log does this stand? Searched where the log is.
    LogFind {
        /// The log.
        source: LogSource,
        /// A regular expression.
        pattern: String,
        /// Whether case does not matter.
        insensitive: bool,
    },
    /// Which log streams does the cluster have? Followed, the list grows as it is read.
    Streams(ClusterId),
    /// Which log groups of ParallelClusters are there, of those that are gone too?
    Groups(Source),
    /// Which streams does this log group have? Followed, the list grows as it is read.
    GroupStreams {
        /// The cluster it was made for; it may be gone.
        cluster: ClusterId,
        /// The log group.
        group: String,
    },
    /// Which output files of this job are there: its own, and those of its steps, one for each rank?
    Outputs {
        /// The cluster.
        cluster: ClusterId,
        /// The job.
        job: JobId,
    },
    /// Which files fit this pattern of a shell, `out.*`?
    Glob {
        /// The machine.
        place: Place,
        /// Absolute, or below the home folder.
        pattern: String,
    },
    /// What is in this folder? An empty path is the home folder.
    Folder {
        /// The machine.
        place: Place,
        /// Absolute path, or empty for home.
        path: String,
    },
    /// How does this file begin?
    Preview {
        /// The machine.
        place: Place,
        /// Absolute path.
        path: String,
    },
}

impl Query {
    /// How many calls to the scheduler one answer takes: with Slurm RPCs as `sdiag` counts them, with others commands. 0 where it is not asked.
    pub fn calls(&self, scheduler: SchedulerKind) -> u32 {
        let (slurm, other) = match self {
            // squeue and scontrol ask for the partitions or the federation besides.
            Self::Jobs { .. } | Self::Nodes(_) | Self::Detail { .. } => (2, 1),
            Self::Examine { .. } => (4, 1),
            Self::Why { .. } => (11, 1),
            Self::Shell { .. } => (3, 1),
            Self::Again { .. } => (7, 1),
            Self::Outputs { .. } => (9, 2),
            Self::Doctor(cluster) => (u32::from(cluster.is_some()), u32::from(cluster.is_some())),
            Self::History { .. } => (0, 1),
            Self::Clusters(_) | Self::Locate(_) | Self::Link(_) | Self::Outbox | Self::Audit => (0, 0),
            Self::Prices | Self::Trail { .. } => (0, 0),
            Self::Ground(_) | Self::Machines { .. } | Self::Quotes { .. } | Self::Mounts(_) => (0, 0),
            Self::Streams(_) | Self::Groups(_) | Self::GroupStreams { .. } | Self::Glob { .. } => (0, 0),
            Self::DryRun { .. } | Self::Configuration(_) | Self::Events(_) => (0, 0),
            Self::Usual(_) | Self::Bootstrap { .. } | Self::Region(_) => (0, 0),
            Self::Log(..) | Self::LogRange { .. } | Self::LogFind { .. } | Self::Folder { .. } | Self::Preview { .. } => (0, 0),
        };
        match scheduler {
            SchedulerKind::Slurm => slurm,
            SchedulerKind::GridEngine | SchedulerKind::Pbs => other,
            SchedulerKind::Runner => 0,
        }
    }

    /// The cluster that it is about; `None` where it is about this machine or about no cluster.
    pub fn cluster(&self) -> Option<&ClusterId> {
        let at = |place| match place {
            &Place::Here => None,
            Place::Head(cluster) => Some(cluster),
        };
        match self {
            Self::Clusters(_) | Self::Locate(_) | Self::Outbox | Self::Audit | Self::Groups(_) | Self::Prices => None,
            Self::Ground(_) | Self::Machines { .. } | Self::Quotes { .. } | Self::Region(_) => None,
            Self::Usual(cluster) | Self::Bootstrap { cluster, .. } => Some(cluster),
            Self::Mounts(cluster) | Self::Trail { cluster, .. } => Some(cluster),
            Self::Doctor(cluster) => cluster.as_ref(),
            Self::Link(cluster) | Self::Nodes(cluster) | Self::Streams(cluster) => Some(cluster),
            Self::Jobs { cluster, .. } | Self::Detail { cluster, .. } | Self::Why { cluster, .. } => Some(cluster),
            Self::Again { cluster, .. } | Self::History { cluster, .. } => Some(cluster),
            Self::DryRun { cluster, .. } | Self::Configuration(cluster) | Self::Events(cluster) => Some(cluster),
            Self::Examine { cluster, .. } | Self::Shell { cluster, .. } => Some(cluster),
            Self::GroupStreams { cluster, .. } | Self::Outputs { cluster, .. } => Some(cluster),
            Self::Log(source, _) | Self::LogRange { source, .. } | Self::LogFind { source, .. } => match source {
                LogSource::Output { cluster, .. } | LogSource::Stream { cluster, .. } => Some(cluster),
                LogSource::File { place, .. } => at(place),
            },
            Self::Folder { place, .. } | Self::Preview { place, .. } | Self::Glob { place, .. } => at(place),
        }
    }
}

/// What came back. Its kind fits its question.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// To [`Query::Clusters`] and [`Query::Locate`].
    Clusters(Vec<Cluster>),
    /// To [`Query::Link`].
    Link(Link),
    /// To [`Query::Nodes`].
    Nodes(Arc<NodeTable>),
    /// To [`Query::Jobs`].
    Jobs(Arc<JobTable>),
    /// To [`Query::Detail`] and [`Query::Examine`].
    Detail(JobDetail),
    /// To [`Query::Why`].
    Why(Why),
    /// To [`Query::Again`].
    Again(Box<Again>),
    /// To [`Query::Shell`]: the program and its arguments.
    Shell(Vec<String>),
    /// To [`Query::DryRun`].
    Verdict(Box<Verdict>),
    /// To [`Query::Configuration`]: the YAML file as it was given.
    Configuration(String),
    /// To [`Query::Events`]: the oldest first, those of nested stacks among them.
    Events(Arc<Vec<StackEvent>>),
    /// To [`Query::Usual`].
    Usual(Usual),
    /// To [`Query::Bootstrap`].
    Bootstrap(Box<Bootstrap>),
    /// To [`Query::Region`].
    Region(String),
    /// To [`Query::History`], the latest first.
    History(Vec<Past>),
    /// To [`Query::Ground`].
    Ground(Box<Ground>),
    /// To [`Query::Machines`].
    Machines(Vec<Machine>),
    /// To [`Query::Mounts`]: shared ones first.
    Mounts(Vec<Mount>),
    /// To [`Query::Audit`], the newest first.
    Audit(Vec<Deed>),
    /// To [`Query::Prices`] and [`Query::Quotes`].
    Prices(Arc<Prices>),
    /// To [`Query::Trail`].
    Trail(Arc<Trail>),
    /// To [`Query::Doctor`].
    Doctor(Diagnosis),
    /// To [`Query::Outbox`].
    Outbox(Vec<Unsent>),
    /// To [`Query::Log`].
    Log(LogEvent),
    /// To [`Query::LogRange`].
    LogRange {
        /// Where the first of the bytes stands.
        start: LogPlace,
        /// Where the first byte after them stands, or will stand.
        end: LogPlace,
        /// Whole lines, any bytes.
        bytes: Vec<u8>,
        /// Nothing stands before them.
        is_start: bool,
        /// Nothing stands after them now.
        is_end: bool,
    },
    /// To [`Query::LogFind`]: the first hits in order, and how many there are in all.
    LogFound {
        /// At most 10,000.
        hits: Vec<LogHit>,
        /// All of them.
        total: u64,
    },
    /// To [`Query::Streams`] and [`Query::GroupStreams`]: what matters first.
    Streams(Vec<LogStream>),
    /// To [`Query::Groups`], the newest first.
    Groups(Vec<LogGroup>),
    /// To [`Query::Outputs`] and [`Query::Glob`]: absolute paths, numbers in their names in order.
    Files(Vec<String>),
    /// To [`Query::Folder`]: the absolute path and what is in it.
    Folder {
        /// Absolute path, with `~` resolved.
        path: String,
        /// Folders first, then by name.
        entries: Vec<FileEntry>,
    },
    /// To [`Query::Preview`].
    Preview(Preview),
}

/// Where reading a log begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogStart {
    /// At its first byte.
    Beginning,
    /// So many bytes before its end, moved forward to the start of a line.
    Last(u64),
    /// At this moment, in milliseconds since 1970 UTC, where the source knows time; a file is read from its first byte.
    Moment(i64),
}

/// How fresh an answer must stay while somebody looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cadence {
    /// Asked once.
    Once,
    /// Asked again this long after the last answer arrived.
    Every(Duration),
    /// A stream that stays open.
    Follow,
}
