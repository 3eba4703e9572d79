//! One machine that can run `sh` and whose files we can reach: this one, or a head node over ssh.
//!
//! Knows nothing of schedulers: they give it scripts and read what those print.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::part::{Found, Part};
use crate::model::{Existing, Failure, FileEntry, Link, LogEvent, LogStart, Place, Preview, Progress};

/// What a script printed and how it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Its exit status.
    pub status: i32,
    /// Its standard output, any bytes.
    pub stdout: Vec<u8>,
    /// Its standard error, lossily decoded.
    pub stderr: String,
}

/// What [`Host::fetch`] shall bring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Absolute paths of single files on the host; one that does not exist is skipped if another exists.
    pub files: Vec<String>,
    /// Absolute path of a folder on the host, whose content lands in `dest` with its structure.
    pub folder: Option<String>,
    /// The local folder; made if missing.
    pub dest: PathBuf,
    /// What to do about files that are there already and differ.
    pub existing: Existing,
}

/// A machine. Every method returns at once; the work happens as the future or stream is polled, and ends when it is dropped.
pub trait Host: Send + Sync + 'static {
    /// Which machine this is.
    fn place(&self) -> Place;

    /// Runs a POSIX shell script in a shell that has the usual places of schedulers on its PATH, standard input empty.
    /// A status other than 0 is not a failure here: the caller reads it. After `limit` the script is given up.
    fn sh(&self, script: String, limit: Duration) -> BoxFuture<'static, Result<Said, Failure>>;

    /// Lists a folder, folders first, then by name. An empty path is the home folder; the absolute path comes back.
    fn folder(&self, path: String) -> BoxFuture<'static, Result<(String, Vec<FileEntry>), Failure>>;

    /// The first 64 kB of a file.
    fn preview(&self, path: String) -> BoxFuture<'static, Result<Preview, Failure>>;

    /// Puts a local file at `to` on the host (folders are made), complete or not at all. Keeps the executable bit.
    fn put(&self, from: PathBuf, to: String) -> BoxFuture<'static, Result<(), Failure>>;

    /// Follows a file from `start`: waits for it to appear, goes on through growth, truncation and replacement, and over
    /// lost connections, by byte offset and file identity: no byte lost, none doubled. Never ends by itself.
    fn tail(&self, path: String, start: LogStart) -> BoxStream<'static, Result<LogEvent, Failure>>;

    /// Whole lines of a file: about `bytes` after the byte `at`, or before it where negative. One round trip. A failure of kind
    /// [`Conflict`](crate::model::FailureKind::Conflict) says that another file stands there now than the one that was followed.
    fn part(&self, path: String, at: u64, bytes: i64) -> BoxFuture<'static, Result<Part, Failure>>;

    /// Every line of a file that a regular expression matches, searched where the file is. Dropped, the search ends there too.
    fn find(&self, path: String, pattern: String, insensitive: bool) -> BoxFuture<'static, Result<Found, Failure>>;

    /// Brings files here. What was interrupted is resumed by asking again.
    fn fetch(&self, wanted: Wanted) -> BoxStream<'static, Progress>;

    /// The program that runs a POSIX shell script there on a terminal, with its arguments: for whoever gives it ours.
    fn terminal(&self, script: String) -> BoxFuture<'static, Result<Vec<String>, Failure>>;

    /// How we are connected, now and at each change.
    fn link(&self) -> BoxStream<'static, Link>;

    /// Answers what ssh asked.
    fn reply(&self, prompt: u64, text: Option<String>);

    /// Tries the connection again without waiting for the end of its pause.
    fn reconnect(&self);
}
