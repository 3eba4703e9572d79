//! A head node over ssh: one control session of the system's OpenSSH, shared by every question, tail and transfer.
//!
//! Knows nothing of schedulers, and leaves no ssh process behind.

mod askpass;
mod connection;
mod download;
mod fetch;
mod files;
mod live;
mod master;
mod rsync;
mod shared;
mod through;
mod trust;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::model::text::quoted;
use crate::model::{ClusterId, Failure, FileEntry, Link, LogEvent, LogStart, Place, Preview, Progress};

use super::host::{Host, Said, Wanted};
use super::part::{self, Found, Part, Window};
use super::pattern::extended;
use super::probe::PRELUDE;
use super::tail::{Opened, tail};
use super::voucher::Voucher;
use connection::Connection;

/// A part of a file is a moment's work.
const READING: Duration = Duration::from_secs(20);
/// A search of a whole file is given up after this long, and ends on the head node then.
const SEARCHING: Duration = Duration::from_secs(300);

pub use askpass::askpass_main;
pub use through::Through;

/// Where to go and as whom. What is not said here, the user's ssh_config says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Destination {
    /// What the cluster or host is called.
    pub name: String,
    /// What one would type after `ssh`: usually one word, but options before it are welcome.
    pub ssh: String,
    /// Login user.
    pub user: Option<String>,
    /// Private key file; if given, no other key is offered.
    pub key: Option<PathBuf>,
    /// What ssh goes through, beyond what ssh_config says.
    pub through: Option<Through>,
    /// Whether a session that the user's own ssh holds open is used where there is one.
    pub reuse: bool,
    /// An ssh_config to use instead of the user's own.
    pub config_file: Option<PathBuf>,
    /// The program that ssh runs to ask its user; `None` means this one.
    pub askpass: Option<PathBuf>,
}

impl Destination {
    /// `host NAME (ssh DESTINATION)`, as failures say it.
    pub fn place(&self) -> String {
        let through = self.through.as_ref().map_or_else(String::new, |through| format!(" {}", through.words()));
        format!("host {} (ssh {}{through})", self.name, self.shown())
    }

    fn shown(&self) -> String {
        match &self.user {
            Some(user) if !self.ssh.contains('@') => format!("{user}@{}", self.ssh),
            Some(_) | None => self.ssh.clone(),
        }
    }

    /// The host without its user.
    fn host(&self) -> &str {
        let last = self.ssh.split_whitespace().next_back().unwrap_or_default();
        last.rsplit_once('@').map_or(last, |(_, host)| host)
    }

    /// What ssh is called with to go there.
    pub(super) fn words(&self) -> Vec<String> {
        self.arguments().into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        if let Some(file) = &self.config_file {
            arguments.extend(["-F".into(), file.into()]);
        }
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.into()]);
        }
        if let Some(key) = &self.key {
            arguments.extend(["-i".into(), key.into(), "-o".into(), "IdentitiesOnly=yes".into()]);
        }
        arguments.extend(self.through.iter().flat_map(|through| ["-o".into(), through.setting(self).into()]));
        match shell_words::split(&self.ssh) {
            Ok(words) if words.len() > 1 => arguments.extend(words.into_iter().map(OsString::from)),
            // One word is never an option, whoever wrote it.
            Ok(_) | Err(_) => arguments.extend(["--".into(), self.ssh.trim().into()]),
        }
        arguments
    }
}

/// A head node. Connects at the first need and again whenever needed; dropping it disconnects.
pub struct SshHost {
    id: ClusterId,
    connection: Arc<Connection>,
    opened: Opened,
}

impl SshHost {
    /// The head node of cluster `id`. Nothing is connected yet.
    pub fn new(id: ClusterId, to: Destination) -> Self {
        Self::vouched(id, to, None)
    }

    /// The same with somebody who knows its host keys: an unknown one is compared before the user is asked.
    pub fn vouched(id: ClusterId, to: Destination, voucher: Option<Arc<dyn Voucher>>) -> Self {
        Self { id, connection: Arc::new(Connection::new(to, voucher)), opened: Opened::default() }
    }
}

impl Drop for SshHost {
    fn drop(&mut self) {
        self.connection.close();
    }
}

impl Host for SshHost {
    fn place(&self) -> Place {
        Place::Head(self.id.clone())
    }

    fn sh(&self, script: String, limit: Duration) -> BoxFuture<'static, Result<Said, Failure>> {
        let connection = Arc::clone(&self.connection);
        async move { live::sh(&connection, &script, limit).await }.boxed()
    }

    fn folder(&self, path: String) -> BoxFuture<'static, Result<(String, Vec<FileEntry>), Failure>> {
        let connection = Arc::clone(&self.connection);
        async move { files::folder(&connection, path).await }.boxed()
    }

    fn preview(&self, path: String) -> BoxFuture<'static, Result<Preview, Failure>> {
        let connection = Arc::clone(&self.connection);
        async move { files::preview(&connection, path).await }.boxed()
    }

    fn put(&self, from: PathBuf, to: String) -> BoxFuture<'static, Result<(), Failure>> {
        let connection = Arc::clone(&self.connection);
        async move { files::put(&connection, from, to).await }.boxed()
    }

    fn tail(&self, path: String, start: LogStart) -> BoxStream<'static, Result<LogEvent, Failure>> {
        let place = self.connection.to.place();
        tail(Arc::new(live::Streams(Arc::clone(&self.connection))), place, path, start, self.opened.clone())
    }

    fn part(&self, path: String, at: u64, bytes: i64) -> BoxFuture<'static, Result<Part, Failure>> {
        let (connection, identity) = (Arc::clone(&self.connection), self.opened.of(&path));
        async move {
            let window = Window::new(at, bytes);
            let said = live::sh(&connection, &part::script(&path, window, identity.as_deref()), READING).await?;
            part::read(&said, window, &format!("{}: {path}", connection.to.place()))
        }
        .boxed()
    }

    fn find(&self, path: String, pattern: String, insensitive: bool) -> BoxFuture<'static, Result<Found, Failure>> {
        let (connection, identity) = (Arc::clone(&self.connection), self.opened.of(&path));
        async move {
            let (expression, insensitive) = extended(&pattern, insensitive)?;
            let script = part::search(&path, &expression, insensitive, identity.as_deref());
            let said = live::sh(&connection, &script, SEARCHING).await?;
            part::found(&said, &format!("{}: {path}", connection.to.place()))
        }
        .boxed()
    }

    fn fetch(&self, wanted: Wanted) -> BoxStream<'static, Progress> {
        fetch::fetch(Arc::clone(&self.connection), wanted)
    }

    fn terminal(&self, script: String) -> BoxFuture<'static, Result<Vec<String>, Failure>> {
        let connection = Arc::clone(&self.connection);
        async move {
            let live = connection.live().await?;
            let socket = live.socket.display().to_string();
            // Through the session that there is, or else through one of its own, which can ask its user: it has the terminal. ssh's farewell
            // would be taken for a failure.
            let path = if live.reads_terminals { socket.as_str() } else { "none" };
            let mut words: Vec<String> =
                ["ssh", "-t", "-o", "ControlMaster=no", "-o", "LogLevel=ERROR", "-S", path].map(str::to_owned).into();
            words.extend(connection.to.arguments().into_iter().map(|word| word.to_string_lossy().into_owned()));
            // One word for the login shell over there, whichever it is.
            words.push(format!("exec sh -c {}", quoted(&format!("{}; {script}", PRELUDE.trim_end()))));
            Ok(words)
        }
        .boxed()
    }

    fn link(&self) -> BoxStream<'static, Link> {
        self.connection.link()
    }

    fn reply(&self, prompt: u64, text: Option<String>) {
        self.connection.reply(prompt, text);
    }

    fn reconnect(&self) {
        self.connection.reconnect();
    }
}

#[cfg(test)]
mod tests;
