//! One established session and the channels on it: a few shells that stay, a few streams, one for files.
//!
//! Never opens more than eight at a time: servers allow ten (MaxSessions), and two are kept for clearing up.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use openssh::{Session, Stdio};
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::model::{Failure, FailureKind};
use crate::remote::host::Said;
use crate::remote::probe::{Channel, Probe, ProbeError, Shells};

use super::connection::Connection;
use super::files::Slot;

const SHELLS: usize = 3;
/// With the shells and the one for files, eight.
const STREAMS: usize = 4;
/// In a session of the user's own, which needs room for its owner: with the one for files, five.
const SHARED: (usize, usize) = (2, 2);
const OPENING: Duration = Duration::from_secs(15);
const SETTLING: Duration = Duration::from_millis(300);

/// An established session.
pub(super) struct Live {
    session: Arc<Session>,
    /// The control socket, for programs that start their own ssh.
    pub(super) socket: PathBuf,
    /// Whether a program on the other side of the socket can be given a terminal of ours.
    pub(super) reads_terminals: bool,
    /// Whether it is the user's own.
    is_shared: bool,
    /// The one channel for files.
    pub(super) files: Slot,
    shells: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    idle: Mutex<Vec<Shell>>,
    /// Held by every shell that is open.
    open: Arc<()>,
    spare: Mutex<Option<(Channel, OwnedSemaphorePermit)>>,
}

struct Shell {
    probe: Probe,
    _guard: Box<dyn Any + Send>,
    _open: Arc<()>,
}

impl Live {
    pub(super) fn over(socket: &Path, reads_terminals: bool, is_shared: bool) -> Self {
        let (shells, streams) = if is_shared { SHARED } else { (SHELLS, STREAMS) };
        Self {
            session: Arc::new(Session::resume_mux(socket.into(), None)),
            socket: socket.to_owned(),
            reads_terminals,
            is_shared,
            files: Slot::default(),
            shells: Arc::new(Semaphore::new(shells)),
            streams: Arc::new(Semaphore::new(streams)),
            open: Arc::default(),
            idle: Mutex::default(),
            spare: Mutex::default(),
        }
    }

    /// Whether it is the user's own session, whose end is not ours to know of.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// A place for one more stream, waited for where all are taken.
    pub(super) async fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).acquire_owned().await.ok()
    }

    /// A shell: `exec sh` means the same to every login shell, and no script passes through that one's quoting.
    async fn shell(&self) -> Result<Channel, openssh::Error> {
        self.yielding(|| Session::to_raw_command(Arc::clone(&self.session), "exec sh")).await
    }

    /// The channel of the subsystem `sftp`.
    pub(super) async fn sftp(&self) -> Result<Channel, openssh::Error> {
        self.yielding(|| Session::to_subsystem(Arc::clone(&self.session), "sftp")).await
    }

    /// Opens a channel; where the server has no room, what is only kept ready makes way.
    async fn yielding(&self, command: impl Fn() -> openssh::OwningCommand<Arc<Session>>) -> Result<Channel, openssh::Error> {
        match self.open(command()).await {
            Err(error) if is_refused(&error) && self.spare().take().is_some() => self.open(command()).await,
            opened => opened,
        }
    }

    async fn open(&self, mut command: openssh::OwningCommand<Arc<Session>>) -> Result<Channel, openssh::Error> {
        let late = || openssh::Error::Connect(std::io::Error::new(std::io::ErrorKind::TimedOut, "no channel was opened in time"));
        let spawned = timeout(OPENING, command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()).await;
        let mut child = spawned.map_err(|_| late())??;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin().take(), child.stdout().take(), child.stderr().take()) else {
            return Err(openssh::Error::Disconnected);
        };
        Ok(Channel { stdin: Box::new(stdin), stdout: Box::new(stdout), stderr: Box::new(stderr), guard: Box::new(child) })
    }

    fn spare(&self) -> MutexGuard<'_, Option<(Channel, OwnedSemaphorePermit)>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shell that was kept ready, if it still lives.
    fn ready(&self) -> Option<(Channel, OwnedSemaphorePermit)> {
        let (mut channel, permit) = self.spare().take()?;
        let mut noise = [0; 512];
        loop {
            match channel.stdout.read(&mut noise).now_or_never() {
                None => return Some((channel, permit)),
                // What a login file printed.
                Some(Ok(n)) if n > 0 => {}
                Some(_) => return None,
            }
        }
    }

    /// Keeps a shell ready for the next stream, which then begins with its first round trip.
    fn prepare(self: &Arc<Self>) {
        // Nothing is kept for later that its owner may need now.
        if self.is_shared {
            return;
        }
        let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else { return };
        let live = Arc::clone(self);
        tokio::spawn(async move {
            // Not at any price: where there is no room for it, there is none.
            let command = Session::to_raw_command(Arc::clone(&live.session), "exec sh");
            if let Ok(channel) = live.open(command).await {
                live.spare().get_or_insert((channel, permit));
            }
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Shell>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle shell that still lives, or a new one. One server in a hundred allows fewer channels than we like: then the pool
    /// shrinks and this waits for one of those that are there.
    async fn take(&self) -> Result<(Shell, OwnedSemaphorePermit), openssh::Error> {
        let mut is_second = false;
        loop {
            let permit = Arc::clone(&self.shells).acquire_owned().await.map_err(|_| openssh::Error::Disconnected)?;
            while let Some(mut shell) = { self.idle().pop() } {
                if shell.probe.is_usable() {
                    return Ok((shell, permit));
                }
            }
            match self.shell().await {
                Ok(Channel { stdin, stdout, stderr, guard }) => {
                    let shell = Shell { probe: Probe::over(stdin, stdout, stderr), _guard: guard, _open: Arc::clone(&self.open) };
                    return Ok((shell, permit));
                }
                Err(error) if is_refused(&error) && Arc::strong_count(&self.open) > 1 => permit.forget(),
                // The place of a channel that has just ended is free a moment later.
                Err(error) if is_refused(&error) && !is_second => {
                    is_second = true;
                    sleep(SETTLING).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Runs a script on one of the shells.
pub(super) async fn sh(connection: &Arc<Connection>, script: &str, limit: Duration) -> Result<Said, Failure> {
    let live = connection.live().await?;
    let place = || connection.to.place();
    let taken = timeout(limit.max(OPENING), live.take()).await.map_err(|_| {
        Failure::new(FailureKind::Busy, place(), "earlier questions are not answered yet").hint("the scheduler may hang; it is asked again")
    })?;
    let (shell, _permit) = match taken {
        Ok(taken) => taken,
        Err(error) => {
            // Without a single shell the session is of no use to us.
            connection.doubt(&live);
            return Err(unopened(connection, &live, &error).await);
        }
    };
    let is_first = shell.probe.rtt().is_none();
    let mut running = Running { live: &live, shell: Some(shell) };
    let Some(shell) = &mut running.shell else {
        return Err(ProbeError::Spoiled.failure(place()));
    };
    let result = {
        let mut run = std::pin::pin!(shell.probe.run(script, limit));
        tokio::select! {
            result = &mut run => result,
            () = connection.given_up(&live), if live.is_shared() => Err(ProbeError::Ended(String::new())),
        }
    };
    if is_first && result.is_ok() {
        live.prepare();
    }
    // The first answer of a shell includes the time that its login files took.
    if let (Some(rtt), false) = (shell.probe.rtt(), is_first) {
        connection.measured(&live, rtt);
    }
    match result {
        Ok(said) => {
            live.idle().extend(running.shell.take());
            Ok(said)
        }
        Err(ProbeError::Ended(said)) => {
            running.shell = None;
            let lost = connection.lost(&live).await;
            Err(lost.unwrap_or_else(|| ProbeError::Ended(said).failure(place())))
        }
        Err(error) => {
            connection.doubt(&live);
            Err(error.failure(place()))
        }
    }
}

/// A shell at work. Given up half-way, it and what it runs are ended on the host, too.
struct Running<'a> {
    live: &'a Arc<Live>,
    shell: Option<Shell>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let (Some(shell), Ok(runtime)) = (self.shell.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let Some(pid) = shell.probe.pid().filter(|&pid| pid > 1) else {
            return;
        };
        let session = Arc::clone(&self.live.session);
        runtime.spawn(async move {
            // sshd makes each command the leader of its own process group.
            let mut command = Session::to_raw_command(session, format!("exec sh -c 'kill -s TERM -- -{pid} || kill {pid}'"));
            let ended = timeout(OPENING, command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()).await;
            tracing::debug!(pid, ?ended, "gave a question up");
            drop(shell);
        });
    }
}

/// Why a channel could not be opened.
pub(super) async fn unopened(connection: &Connection, live: &Arc<Live>, error: &openssh::Error) -> Failure {
    let place = connection.to.place();
    if is_refused(error) {
        let hint = if live.is_shared {
            "it is your own ssh session: leave one of its shells, or have qdeck open its own with ssh: {reuse: false}"
        } else {
            "raise MaxSessions in its sshd_config (default 10), or close a log"
        };
        return Failure::new(FailureKind::Busy, place, "the server refuses another channel on this session").hint(hint);
    }
    connection.doubt(live);
    if let Some(failure) = connection.lost(live).await {
        return failure;
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::new(FailureKind::Unreachable, place, format!("{error}{cause}"))
}

fn is_refused(error: &openssh::Error) -> bool {
    matches!(error, openssh::Error::SshMux(error) if error.to_string().contains("refused"))
}

/// Opens a shell per stream on whatever session there is.
pub(super) struct Streams(pub(super) Arc<Connection>);

impl Shells for Streams {
    fn open(&self) -> BoxFuture<'static, Result<Channel, Failure>> {
        let connection = Arc::clone(&self.0);
        async move {
            let live = connection.live().await?;
            let (mut channel, permit) = match live.ready() {
                Some((channel, permit)) => (channel, Some(permit)),
                None => {
                    let permit = live.stream().await;
                    match live.shell().await {
                        Ok(channel) => (channel, permit),
                        Err(error) => return Err(unopened(&connection, &live, &error).await),
                    }
                }
            };
            channel.guard = Box::new((channel.guard, permit));
            live.prepare();
            Ok(channel)
        }
        .boxed()
    }

    fn mended(&self) -> BoxFuture<'static, ()> {
        let connection = Arc::clone(&self.0);
        async move { connection.up().await }.boxed()
    }
}
