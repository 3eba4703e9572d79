//! This machine as a [`Host`]: its shell, its files, its logs, without any connection.
//!
//! Starts no process but the shell it was asked for, and never blocks a thread of the runtime.

mod copy;
mod files;
mod shell;
mod tail;
pub(crate) mod trouble;

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::{self, BoxFuture};
use futures::stream::{self, BoxStream};

use super::host::{Host, Said, Wanted};
use super::probe::PRELUDE;
use crate::model::{Failure, FailureKind, FileEntry, Link, LogEvent, LogStart, Place, Preview, Progress};

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalHost;

impl Host for LocalHost {
    fn place(&self) -> Place {
        Place::Here
    }

    fn sh(&self, script: String, limit: Duration) -> BoxFuture<'static, Result<Said, Failure>> {
        shell::run(script, limit).boxed()
    }

    fn folder(&self, path: String) -> BoxFuture<'static, Result<(String, Vec<FileEntry>), Failure>> {
        blocking(move || files::folder(&path)).boxed()
    }

    fn preview(&self, path: String) -> BoxFuture<'static, Result<Preview, Failure>> {
        blocking(move || files::preview(&path)).boxed()
    }

    fn put(&self, from: PathBuf, to: String) -> BoxFuture<'static, Result<(), Failure>> {
        blocking(move || files::put(&from, &to)).boxed()
    }

    fn tail(&self, path: String, start: LogStart) -> BoxStream<'static, Result<LogEvent, Failure>> {
        tail::follow(path, start)
    }

    fn fetch(&self, wanted: Wanted) -> BoxStream<'static, Progress> {
        copy::fetch(wanted)
    }

    fn terminal(&self, script: String) -> BoxFuture<'static, Result<Vec<String>, Failure>> {
        future::ready(Ok(vec!["/bin/sh".into(), "-c".into(), format!("{PRELUDE}{script}")])).boxed()
    }

    fn link(&self) -> BoxStream<'static, Link> {
        stream::once(future::ready(Link::Local)).chain(stream::pending()).boxed()
    }

    fn reply(&self, _prompt: u64, _text: Option<String>) {}

    fn reconnect(&self) {}
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(lost_thread(&error)),
    }
}

fn lost_thread(error: &tokio::task::JoinError) -> Failure {
    Failure::new(FailureKind::Stopped, "this machine", error.to_string()).hint("try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_link_says_local_once_and_stays_open() {
        let mut link = LocalHost.link();
        assert_eq!(link.next().await, Some(Link::Local));
        assert!(tokio::time::timeout(Duration::from_millis(20), link.next()).await.is_err());
    }
}
