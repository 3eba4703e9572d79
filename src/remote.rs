//! HOW WE REACH THE WORLD: everything that talks to ssh, a scheduler, AWS, files or processes is below here.
//!
//! Knows nothing of panes, keys or drawing. A failure is an answer like any other; nothing here panics or prints.

pub mod alerts;
pub mod audit;
#[cfg(feature = "aws")]
pub mod aws;
pub mod demo;
mod doctor;
pub mod fault;
mod glob;
pub mod guard;
pub mod host;
pub mod join;
pub mod live;
pub mod local;
mod mounts;
pub mod part;
mod pattern;
#[cfg(feature = "aws")]
pub mod pcluster;
pub mod prices;
pub mod probe;
pub mod record;
pub mod runner;
pub mod scheduler;
pub mod ssh;
mod store;
pub mod tail;
pub mod voucher;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::model::{Answer, ClusterId, Command, Failure, Progress, Query, Scope};

/// The wall clock.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Everything outside this process, as the application sees it.
pub trait Remote: Send + Sync + 'static {
    /// Asks once. Dropping the future withdraws the question.
    fn ask(&self, query: Query) -> BoxFuture<'static, Result<Answer, Failure>>;

    /// The queue with the output paths of its jobs, which cost the scheduler more: for one-shot use.
    fn jobs_with_paths(&self, cluster: ClusterId, scope: Scope) -> BoxFuture<'static, Result<Answer, Failure>> {
        self.ask(Query::Jobs { cluster, scope })
    }

    /// Keeps answering until dropped. A failure in between is reported and then mended, if it can be, without a lost or a
    /// doubled answer; the stream ends only when nothing more can ever come.
    fn follow(&self, query: Query) -> BoxStream<'static, Result<Answer, Failure>>;

    /// Carries out a command. The stream ends in [`Progress::Done`] or [`Progress::Failed`]. Dropping it stops transfers;
    /// what was already handed to a scheduler stays there.
    fn run(&self, command: Command) -> BoxStream<'static, Progress>;
}
