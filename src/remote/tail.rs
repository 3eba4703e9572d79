//! Following one file on one machine: through growth, truncation, replacement and lost connections, no byte lost, none doubled.
//!
//! Knows nothing of ssh; whoever opens shells decides where the file is.

mod frames;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use crate::model::text::{clean, quoted};
use crate::model::{Failure, FailureKind, LogEvent, LogStart};

use frames::{Frame, Frames};

use super::probe::{Channel, Input, Output, Shells, nonce, read_more};

const SCRIPT: &str = include_str!("tail.sh");
/// The script says something every 10 s; after this long without a word it is taken for dead.
const SILENCE: Duration = Duration::from_secs(45);
const LONGEST_LINE: usize = 64 << 10;
/// So many of the last bytes are remembered, to tell whether a file that goes on is the one that was read.
pub(super) const MEMORY: usize = 256;

/// Follows `path` on the machine that `shells` opens shells on. The stream never ends; a broken connection is reported once,
/// waited out, and what follows continues at the very next byte.
pub fn tail(
    shells: Arc<dyn Shells>,
    place: impl Into<String>,
    path: String,
    start: LogStart,
    opened: Opened,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let follower = Follower {
        shells,
        place: place.into(),
        path,
        start,
        opened,
        reached: None,
        again: Again::default(),
        is_cut: false,
        is_rescued: false,
        line: None,
        events: VecDeque::new(),
        is_told: false,
        is_behind: true,
        barren: 0,
    };
    stream::unfold(follower, |mut follower| async move { Some((follower.next().await, follower)) }).boxed()
}

/// Which file is open behind each path, so that a part of it is never read from another file.
#[derive(Clone, Default, Debug)]
pub struct Opened(Arc<Mutex<HashMap<String, String>>>);

impl Opened {
    pub(super) fn note(&self, path: &str, identity: &str) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(path.to_owned(), identity.to_owned());
    }

    /// The identity of the file that was last opened there.
    pub(super) fn of(&self, path: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

/// How far into which file everything has been handed on.
struct Reached {
    identity: String,
    offset: u64,
    last: Memory,
}

/// The last bytes that were read.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Memory(Vec<u8>);

impl Memory {
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(MEMORY)..];
        let old = self.0.len().saturating_sub(MEMORY - new.len());
        self.0.drain(..old);
        self.0.extend_from_slice(new);
    }

    /// Whether these are the bytes that stood `back` bytes before the end, as far as they are remembered.
    pub(super) fn ends_at(&self, back: usize, bytes: &[u8]) -> bool {
        let known = &self.0[self.0.len().saturating_sub(back)..];
        let forgotten = (back - known.len()).min(bytes.len());
        known.starts_with(&bytes[forgotten..])
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Bytes that come once more before new ones do.
#[derive(Default)]
struct Again {
    left: usize,
    source: Source,
}

/// Whose bytes come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Source {
    #[default]
    File,
    /// A copy's: if they are not the same, nothing follows from that.
    Copy,
    /// Another file's: they are not wanted.
    Stranger,
}

struct Follower {
    shells: Arc<dyn Shells>,
    place: String,
    path: String,
    start: LogStart,
    opened: Opened,
    reached: Option<Reached>,
    again: Again,
    /// At the offset that was reached stands something else.
    is_cut: bool,
    /// What was cut has been read from a copy.
    is_rescued: bool,
    line: Option<Line>,
    events: VecDeque<LogEvent>,
    /// The present outage has been reported.
    is_told: bool,
    /// `CaughtUp` is still owed.
    is_behind: bool,
    /// Shells in a row that ended without having said anything useful.
    barren: u32,
}

impl Follower {
    async fn next(&mut self) -> Result<LogEvent, Failure> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if self.line.is_none() {
                match self.open().await {
                    Ok(line) => self.line = Some(line),
                    Err(failure) if self.is_told => {
                        tracing::debug!(%failure, path = self.path, "still cannot follow");
                        sleep(Duration::from_secs(1)).await;
                    }
                    Err(failure) => {
                        self.is_told = true;
                        return Err(failure);
                    }
                }
                continue;
            }
            let read = match &mut self.line {
                Some(line) => line.read().await,
                None => None,
            };
            match read {
                Some(frames) => {
                    for frame in frames {
                        self.take(frame);
                        if self.line.is_none() {
                            break;
                        }
                    }
                }
                None => self.hang_up().await?,
            }
        }
    }

    async fn open(&mut self) -> Result<Line, Failure> {
        if self.is_told {
            self.shells.mended().await;
        }
        let channel = self.shells.open().await?;
        let nonce = nonce();
        let mut text = format!("f={} n={nonce} ", quoted(&self.path));
        let _ = match (&self.reached, self.start) {
            (Some(at), _) => {
                let mode = if self.is_cut { "cut" } else { "at" };
                writeln!(text, "m={mode} o={} i={}", at.offset, quoted(&at.identity))
            }
            (None, LogStart::Beginning | LogStart::Moment(_)) => writeln!(text, "m=begin o=0 i="),
            (None, LogStart::Last(n)) => writeln!(text, "m=last o={n} i="),
        };
        text.push_str(SCRIPT);
        Line::begin(channel, nonce, &text).await.map_err(|said| self.broken(&said))
    }

    /// The shell ended though nobody wanted that. Soon another is opened; only if that does not help is it a failure.
    async fn hang_up(&mut self) -> Result<(), Failure> {
        let said = match self.line.take() {
            Some(line) => line.end().await,
            None => String::new(),
        };
        self.barren += 1;
        if self.barren < 3 {
            sleep(Duration::from_millis(100)).await;
            return Ok(());
        }
        sleep(Duration::from_secs(2)).await;
        if std::mem::replace(&mut self.is_told, true) { Ok(()) } else { Err(self.broken(&said)) }
    }

    fn broken(&self, said: &str) -> Failure {
        let what = if said.is_empty() { "the shell that reads the file ended" } else { said };
        Failure::new(FailureKind::Garbled, format!("{}: {}", self.place, self.path), what)
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Line(line) => {
                let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                match word {
                    "I" => self.opened(rest),
                    "W" => self.events.push_back(LogEvent::Waiting { why: clean(rest).into_owned() }),
                    "T" => {
                        let is_proven = !std::mem::take(&mut self.is_cut) || std::mem::take(&mut self.is_rescued);
                        self.restart(if is_proven { rest } else { "changed where it had been read, lines may be missing" });
                    }
                    "C" if std::mem::take(&mut self.is_behind) => {
                        self.events.push_back(LogEvent::CaughtUp);
                    }
                    "D" => self.expect(rest.parse().ok(), Source::File),
                    "R" => self.expect(rest.parse().ok(), Source::Copy),
                    _ => {}
                }
                self.barren = 0;
                self.is_told = false;
            }
            Frame::Bytes(bytes) => self.compare(bytes),
            // Fewer bytes than had been read, though reading did not fail.
            Frame::End { failed: false } if self.again.left > 0 && self.again.source == Source::File => self.differs(),
            Frame::End { .. } => {}
            Frame::Broken => self.line = None,
        }
    }

    /// Bytes from this offset on come next.
    fn expect(&mut self, offset: Option<u64>, source: Source) {
        let left = self.reached.as_ref().zip(offset).and_then(|(at, n)| at.offset.checked_sub(n)).and_then(|n| usize::try_from(n).ok());
        match left.filter(|n| *n <= MEMORY) {
            Some(left) => self.again = Again { left, source },
            None if source == Source::File => self.differs(),
            None => self.again.source = Source::Stranger,
        }
    }

    /// Hands on what is new, once what came again is what had been read.
    fn compare(&mut self, mut bytes: Vec<u8>) {
        let Some(at) = self.reached.as_mut().filter(|_| self.again.source != Source::Stranger) else { return };
        let count = self.again.left.min(bytes.len());
        if count > 0 {
            let new = bytes.split_off(count);
            let again = std::mem::replace(&mut bytes, new);
            if !at.last.ends_at(self.again.left, &again) {
                match self.again.source {
                    Source::File => self.differs(),
                    Source::Copy | Source::Stranger => self.again.source = Source::Stranger,
                }
                return;
            }
            self.again.left -= count;
        }
        if !bytes.is_empty() {
            let offset = at.offset;
            at.offset += bytes.len() as u64;
            at.last.read(&bytes);
            self.is_rescued |= self.again.source == Source::Copy;
            self.events.push_back(LogEvent::Bytes { offset, bytes });
        }
    }

    /// The file was cut and is longer than before, or it changed in a way that no offset can describe. A copy of what was cut is
    /// looked for, then it begins anew.
    fn differs(&mut self) {
        (self.is_cut, self.is_rescued) = (self.reached.is_some(), false);
        self.line = None;
    }

    fn opened(&mut self, rest: &str) {
        let mut words = rest.split(' ');
        let identity = words.next().unwrap_or_default().to_owned();
        let (Some(size), Some(start)) = (words.next().and_then(|w| w.parse().ok()), words.next().and_then(|w| w.parse().ok())) else {
            self.line = None;
            return;
        };
        let is_resumed = self.reached.as_ref().is_some_and(|at| at.identity == identity && at.offset == start);
        if !is_resumed {
            self.opened.note(&self.path, &identity);
            self.reached = Some(Reached { identity, offset: start, last: Memory::default() });
            self.is_behind = true;
            self.events.push_back(LogEvent::Opened { path: self.path.clone(), start, size });
        }
    }

    fn restart(&mut self, why: &str) {
        self.reached = None;
        self.start = LogStart::Beginning;
        self.events.push_back(LogEvent::Restarted { why: clean(why).into_owned() });
    }
}

/// A running copy of the script.
struct Line {
    /// The script ends when this is closed.
    stdin: Input,
    stdout: Output,
    stderr: Output,
    frames: Frames,
    guard: Box<dyn std::any::Any + Send>,
}

impl Line {
    async fn begin(channel: Channel, nonce: String, text: &str) -> Result<Self, String> {
        let Channel { stdin, stdout, stderr, guard } = channel;
        let mut line = Self { stdin, stdout, stderr, frames: Frames::new(nonce), guard };
        let written = async {
            line.stdin.write_all(text.as_bytes()).await?;
            line.stdin.flush().await
        };
        match written.await {
            Ok(()) => Ok(line),
            Err(_) => Err(line.end().await),
        }
    }

    /// The next frames, none of which need be complete; `None` when the shell has ended.
    async fn read(&mut self) -> Option<Vec<Frame>> {
        match timeout(SILENCE, read_more(&mut self.stdout, &mut self.frames.bytes)).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(self.frames.cut()),
        }
    }

    /// What it said on standard error.
    async fn end(mut self) -> String {
        let mut said = Vec::new();
        let _ = timeout(Duration::from_millis(200), async {
            while read_more(&mut self.stderr, &mut said).await > 0 && said.len() < LONGEST_LINE {}
        })
        .await;
        drop(self.guard);
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

#[cfg(test)]
mod tests;
