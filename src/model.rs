//! WHAT THERE IS: the nouns of a cluster, the questions one can ask and the answers that come back.
//!
//! Knows nothing of terminals, of sockets, of tokio. Everything here is a plain value that can be compared and printed.

pub mod again;
pub mod arrange;
pub mod change;
pub mod cluster;
pub mod column;
pub mod command;
pub mod dependency;
pub mod diagnosis;
pub mod directives;
pub mod duration;
pub mod failure;
pub mod file;
pub mod hostlist;
pub mod id;
pub mod job;
pub mod lines;
pub mod list;
pub mod log;
pub mod node;
pub mod past;
pub mod query;
pub mod report;
pub mod stream;
pub mod tasks;
pub mod text;
pub mod usage;

pub use again::{Again, Tasks};
pub use arrange::{Arrangement, Filter, Wish};
pub use change::{JobChange, NodeChange, Offer, Refusals, Verb, Verbs};
pub use cluster::{Cluster, ClusterFailure, ClusterKind, HeadNode, Link, Prompt, SchedulerKind};
pub use column::{Chosen, Column, Order};
pub use command::{Command, Deed, Existing, Fetch, Progress, Receipt, SaveLog, Saved, Submission};
pub use diagnosis::{Diagnosis, Finding, Health};
pub use directives::Directives;
pub use failure::{Failure, FailureKind};
pub use file::{FileEntry, FileKind, Place, Preview};
pub use id::{ClusterId, JobId};
pub use job::{Job, JobDetail, JobState, JobTable, NewJob};
pub use log::{LogEvent, LogGroup, LogHit, LogPlace, LogSource, LogStream, OutputKind};
pub use node::{Node, NodePhase, NodeTable};
pub use past::{Change, Origin, Past, Recall, Unsent, Why};
pub use query::{Answer, Cadence, Door, LogStart, Query, Scope, Source};
pub use report::{Group, Report, Value};
pub use tasks::TaskSpan;
pub use usage::Usage;
