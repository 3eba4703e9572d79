//! This machine as a [`Host`]: its shell, its files, its logs, without any connection.
//!
//! Starts no process but the shell it was asked for, and never blocks a thread of the runtime.

mod copy;
mod files;
mod part;
mod shell;
mod tail;
pub(crate) mod trouble;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::{self, BoxFuture};
use futures::stream::{self, BoxStream};

use super::host::{Host, Said, Wanted};
use super::part::{Found, Part};
use super::probe::PRELUDE;
use super::tail::Opened;
use crate::model::{Failure, FailureKind, FileEntry, Link, LogEvent, LogStart, Place, Preview, Progress};

/// This machine.
#[derive(Clone, Debug, Default)]
pub struct LocalHost {
    opened: Opened,
}

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
        tail::follow(path, start, self.opened.clone())
    }

    fn part(&self, path: String, at: u64, bytes: i64) -> BoxFuture<'static, Result<Part, Failure>> {
        let identity = self.opened.of(&path);
        blocking(move || part::read(Path::new(&path), at, bytes, identity.as_deref())).boxed()
    }

    fn find(&self, path: String, pattern: String, insensitive: bool) -> BoxFuture<'static, Result<Found, Failure>> {
        let identity = self.opened.of(&path);
        async move {
            // A thread cannot be ended from outside: it looks whether anybody still waits.
            let wanted = Arc::new(());
            let watch = Arc::downgrade(&wanted);
            let found = blocking(move || part::find(Path::new(&path), &pattern, insensitive, identity.as_deref(), &watch)).await;
            drop(wanted);
            found
        }
        .boxed()
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
        let mut link = LocalHost::default().link();
        assert_eq!(link.next().await, Some(Link::Local));
        assert!(tokio::time::timeout(Duration::from_millis(20), link.next()).await.is_err());
    }
}
