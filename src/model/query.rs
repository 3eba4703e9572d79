//! Questions and answers. A query is a value: the key of the store, the name of a task, the name of a fixture.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Cluster, ClusterId, FileEntry, JobDetail, JobId, JobTable, Link, LogEvent, LogSource, LogStream, NodeTable, Past, Place, Preview,
    Recall, Submission, Unsent, Why,
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

/// A question that the world can answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Query {
    /// Which clusters does this source know?
    Clusters(Source),
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
    /// Which submissions were cut off?
    Outbox,
    /// What does it write? (followed, never asked once)
    Log(LogSource, LogStart),
    /// Which log streams does the cluster have?
    Streams(ClusterId),
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

/// What came back. Its kind fits its question.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// To [`Query::Clusters`].
    Clusters(Vec<Cluster>),
    /// To [`Query::Link`].
    Link(Link),
    /// To [`Query::Nodes`].
    Nodes(Arc<NodeTable>),
    /// To [`Query::Jobs`].
    Jobs(Arc<JobTable>),
    /// To [`Query::Detail`].
    Detail(JobDetail),
    /// To [`Query::Why`].
    Why(Why),
    /// To [`Query::Again`].
    Again(Submission),
    /// To [`Query::History`], the latest first.
    History(Vec<Past>),
    /// To [`Query::Outbox`].
    Outbox(Vec<Unsent>),
    /// To [`Query::Log`].
    Log(LogEvent),
    /// To [`Query::Streams`].
    Streams(Vec<LogStream>),
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
