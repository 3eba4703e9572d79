//! What qdeck remembers: every job it saw, and every submission from before it is sent until its answer is known. SQLite in one file.
//!
//! Several qdecks share it; a kill in the middle of anything leaves it whole. All of it blocks: call it away from the runtime's threads.

mod courses;
mod jobs;
mod outbox;
mod recall;
mod schema;
mod trail;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use rusqlite::Connection;

use crate::model::{Change, ClusterId, Failure, FailureKind, JobState};

pub use outbox::{Draft, Taken};

/// Days after which a job is forgotten.
const DAYS: i64 = 90;
/// Days for which the script of a submission is kept.
const SCRIPT_DAYS: i64 = 30;

/// The last known state and time of submission of each job of a cluster.
type Known = HashMap<String, (JobState, i64, bool)>;

/// The record.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    connection: Option<Connection>,
    clusters: HashMap<ClusterId, Known>,
    /// Who the login user is, as the queue of one's own jobs tells; empty while that queue was empty.
    users: HashMap<ClusterId, String>,
    /// What changed and has not been told yet: an answer that nobody waits for any more loses none of it.
    news: HashMap<ClusterId, Vec<Change>>,
    /// The minute that each thing was last written down in.
    minutes: HashMap<(ClusterId, trail::Seen), i64>,
    /// The operations of each cluster that were written down already, by when they began.
    courses: HashMap<ClusterId, Vec<i64>>,
}

impl Record {
    /// The record of this user: `qdeck/record.sqlite` in the XDG state folder.
    pub fn default_path() -> PathBuf {
        use etcetera::BaseStrategy;
        let base = etcetera::choose_base_strategy().ok();
        let state = base.map(|base| base.state_dir().unwrap_or_else(|| base.data_dir()));
        state.unwrap_or_else(std::env::temp_dir).join("qdeck").join("record.sqlite")
    }

    /// A record in the file at `path`, which is made when it is first needed.
    pub fn at(path: PathBuf) -> Self {
        Self { path, inner: Mutex::default() }
    }

    /// What changed about a cluster's jobs since this was last asked.
    pub fn news(&self, cluster: &ClusterId) -> Vec<Change> {
        self.inner().news.remove(cluster).unwrap_or_default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Works on the database, opened if it is not yet.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection, &mut HashMap<ClusterId, Known>, &mut HashMap<ClusterId, String>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let mut inner = self.inner();
        let inner = &mut *inner;
        if inner.connection.is_none() {
            inner.connection = Some(schema::open(&self.path)?);
        }
        let Some(connection) = &mut inner.connection else { return Err(trouble(&self.path, "cannot be opened")) };
        work(connection, &mut inner.clusters, &mut inner.users).map_err(|error| trouble(&self.path, &error.to_string()))
    }
}

/// The failure that an error of the database is.
fn trouble(path: &Path, what: &str) -> Failure {
    Failure::new(FailureKind::Denied, path.display().to_string(), what)
        .hint("qdeck keeps its record of jobs there. Make room and the folder writable, or set XDG_STATE_HOME to another place.")
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
