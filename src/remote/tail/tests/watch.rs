//! A follower whose shells can be killed, and what it tells.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::*;

/// Shells on this machine that can be killed.
#[derive(Default)]
pub(super) struct Here {
    pub(super) shell: Option<&'static str>,
    pub(super) pids: Mutex<Vec<u32>>,
    pub(super) refuses: std::sync::atomic::AtomicBool,
}

impl Here {
    pub(super) fn kill_last(&self) {
        let pid = *self.pids.lock().unwrap().last().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

pub(super) struct Shared(pub(super) Arc<Here>);

impl Shells for Shared {
    fn open(&self) -> BoxFuture<'static, Result<Channel, Failure>> {
        let here = Arc::clone(&self.0);
        async move {
            if here.refuses.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(Failure::new(FailureKind::Unreachable, "test", "refused"));
            }
            let mut command = tokio::process::Command::new(here.shell.unwrap_or("sh"));
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            here.pids.lock().unwrap().push(child.id().unwrap());
            let (i, o, e) = (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
            Ok(Channel { stdin: Box::new(i), stdout: Box::new(o), stderr: Box::new(e), guard: Box::new(child) })
        }
        .boxed()
    }

    fn mended(&self) -> BoxFuture<'static, ()> {
        sleep(Duration::from_millis(20)).boxed()
    }
}

/// A follower whose events are gathered, and checked for contiguity on the way.
pub(super) struct Watch {
    pub(super) here: Arc<Here>,
    pub(super) stream: BoxStream<'static, Result<LogEvent, Failure>>,
    /// Bytes since the last start.
    pub(super) bytes: Vec<u8>,
    pub(super) start: u64,
    pub(super) said: Vec<String>,
}

impl Watch {
    pub(super) fn new(path: &Path, start: LogStart) -> Self {
        Self::with(path, start, None)
    }

    pub(super) fn with(path: &Path, start: LogStart, shell: Option<&'static str>) -> Self {
        let here = Arc::new(Here { shell, ..Here::default() });
        let stream = tail(Arc::new(Shared(Arc::clone(&here))), "here", path.to_str().unwrap().to_owned(), start, Opened::default());
        Self { here, stream, bytes: Vec::new(), start: 0, said: Vec::new() }
    }

    pub(super) async fn step(&mut self) {
        let event = timeout(Duration::from_secs(20), self.stream.next()).await.expect("an event in time").unwrap();
        match event {
            Ok(LogEvent::Bytes { offset, bytes }) => {
                assert_eq!(offset, self.start + self.bytes.len() as u64, "contiguous");
                self.bytes.extend(bytes);
            }
            Ok(LogEvent::Opened { start, size, .. }) => {
                self.start = start;
                self.bytes.clear();
                self.said.push(format!("opened {start}/{size}"));
            }
            Ok(LogEvent::Waiting { why }) => self.said.push(format!("waiting: {why}")),
            Ok(LogEvent::Restarted { why }) => self.said.push(format!("restarted: {why}")),
            Ok(LogEvent::CaughtUp) => self.said.push("caught up".to_owned()),
            Ok(event @ (LogEvent::At(_) | LogEvent::Remark(_))) => panic!("a file has no {event:?}"),
            Err(failure) => self.said.push(format!("{:?}", failure.kind)),
        }
    }

    pub(super) async fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) {
            self.step().await;
        }
    }

    pub(super) async fn until_bytes(&mut self, wanted: &[u8]) {
        self.until(|w| w.bytes.len() >= wanted.len() && w.said.last().is_some_and(|s| s == "caught up")).await;
        assert!(self.bytes == wanted, "{} bytes instead of {}", self.bytes.len(), wanted.len());
    }
}

pub(super) fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}

pub(super) fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it's a $(log) file.out");
    (dir, path)
}
