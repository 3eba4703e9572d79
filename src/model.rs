//! WHAT THERE IS: the nouns of a cluster, the questions one can ask and the answers that come back.
//!
//! Knows nothing of terminals, of sockets, of tokio. Everything here is a plain value that can be compared and printed.

pub mod arrange;
pub mod change;
pub mod cluster;
pub mod command;
pub mod directives;
pub mod duration;
pub mod failure;
pub mod file;
pub mod id;
pub mod job;
pub mod lines;
pub mod log;
pub mod node;
pub mod past;
pub mod query;
pub mod stream;
pub mod text;

pub use arrange::{Arrangement, Column, Filter, Order, Wish};
pub use change::{JobChange, NodeChange, Refusals, Verb};
pub use cluster::{Cluster, ClusterKind, HeadNode, Link, Prompt, SchedulerKind};
pub use command::{Command, Existing, Fetch, Progress, Receipt, Submission};
pub use directives::Directives;
pub use failure::{Failure, FailureKind};
pub use file::{FileEntry, FileKind, Place, Preview};
pub use id::{ClusterId, JobId};
pub use job::{Job, JobDetail, JobState, JobTable, NewJob};
pub use log::{LogEvent, LogGroup, LogHit, LogPlace, LogSource, LogStream, OutputKind};
pub use node::{Node, NodePhase, NodeTable};
pub use past::{Change, Past, Recall, Unsent, Why};
pub use query::{Answer, Cadence, LogStart, Query, Scope, Source};
