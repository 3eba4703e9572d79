//! Follows a file of this machine by byte offset and file identity.
//!
//! Starts no process, loses no byte that was in the file when we looked, and sends none twice.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use rustix::fs::OFlags;

use super::trouble;
use crate::model::{Failure, FailureKind, LogEvent, LogStart};
use crate::remote::tail::{MEMORY, Memory, Opened};

const CHUNK: u64 = 256 * 1024;
/// About a frame: who writes fast is seen to move.
const SOON: Duration = Duration::from_millis(15);
const LATER: Duration = Duration::from_millis(250);

/// Follows `path`; looks each 15 ms while it grows, easing to 250 ms when it does not.
pub(super) fn follow(path: String, start: LogStart, opened: Opened) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let state = Some((Tail { opened, ..Tail::new(PathBuf::from(path), start) }, SOON));
    stream::unfold(state, |state| async move {
        let (mut tail, mut pause) = state?;
        loop {
            let looked = tokio::task::spawn_blocking(move || {
                let event = tail.step();
                (tail, event)
            });
            let (kept, event) = match looked.await {
                Ok(looked) => looked,
                Err(error) => return Some((Err(super::lost_thread(&error)), None)),
            };
            tail = kept;
            if let Some(event) = event {
                return Some((event, Some((tail, SOON))));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(LATER);
        }
    })
    .boxed()
}

pub(super) struct Open {
    pub(super) file: File,
    pub(super) identity: (u64, u64),
    offset: u64,
    last: Memory,
    /// What was cut has been read from a copy.
    rescued: bool,
    caught_up: bool,
}

/// One file being followed; each step looks once and never waits.
struct Tail {
    path: PathBuf,
    start: LogStart,
    opened: Opened,
    open: Option<Open>,
    said: Option<Failure>,
    waiting: bool,
    // A restart is told in two events: that it happened, then where reading begins.
    reopen: bool,
}

impl Tail {
    fn new(path: PathBuf, start: LogStart) -> Self {
        Self { path, start, opened: Opened::default(), open: None, said: None, waiting: false, reopen: false }
    }

    /// The next event, or nothing for now.
    fn step(&mut self) -> Option<Result<LogEvent, Failure>> {
        match self.look() {
            Ok(event) => {
                self.said = None;
                event.map(Ok)
            }
            // The same trouble is told once, then again only after something else happened.
            Err(failure) if self.said.as_ref() == Some(&failure) => None,
            Err(failure) => {
                self.said = Some(failure.clone());
                Some(Err(failure))
            }
        }
    }

    fn look(&mut self) -> Result<Option<LogEvent>, Failure> {
        let fail = |error: io::Error| trouble::at(&self.path, &error);
        if self.reopen
            && let Some(open) = &self.open
        {
            self.reopen = false;
            self.opened.note(&self.path.to_string_lossy(), &format!("{:?}", open.identity));
            let size = open.file.metadata().map_err(fail)?.size();
            return Ok(Some(LogEvent::Opened { path: self.path.to_string_lossy().into_owned(), start: open.offset, size }));
        }
        let Some(open) = &mut self.open else {
            return self.begin();
        };
        let size = open.file.metadata().map_err(fail)?.size();
        let is_cut = size < open.offset;
        if is_cut || size > open.offset && !open.goes_on().map_err(fail)? {
            // A rotation copies before it cuts: what nobody has read yet stands in the copy.
            if let Some(bytes) = rescued(&self.path, open) {
                open.rescued = true;
                return Ok(Some(open.hand_on(bytes)));
            }
            let is_proven = is_cut || open.rescued;
            let why = if is_proven { "truncated" } else { "changed where it had been read, lines may be missing" };
            return Ok(Some(open.restart(&mut self.reopen, why)));
        }
        if let Some(event) = open.read().map_err(fail)? {
            return Ok(Some(event));
        }
        if !open.caught_up {
            open.caught_up = true;
            return Ok(Some(LogEvent::CaughtUp));
        }
        // While the old file is open its inode cannot be given to another one, so a different identity is a different file.
        let replaced = match fs::metadata(&self.path) {
            // Its writer may not have gone over to the new file yet: as long as that is empty, lines still come to the old one.
            Ok(meta) => identity(&meta) != open.identity && meta.size() > 0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(fail(error)),
        };
        if !replaced {
            return Ok(None);
        }
        // Its writer may have added a last line between our last read and the moment the new file appeared.
        if let Some(event) = open.read().map_err(fail)? {
            return Ok(Some(event));
        }
        let Some(next) = open_regular(&self.path)? else { return Ok(None) };
        self.open = Some(next);
        self.reopen = true;
        Ok(Some(LogEvent::Restarted { why: "replaced".to_owned() }))
    }

    fn begin(&mut self) -> Result<Option<LogEvent>, Failure> {
        let Some(mut open) = open_regular(&self.path)? else {
            if self.waiting {
                return Ok(None);
            }
            self.waiting = true;
            return Ok(Some(LogEvent::Waiting { why: "the file is not there yet".to_owned() }));
        };
        let fail = |error: io::Error| trouble::at(&self.path, &error);
        let size = open.file.metadata().map_err(fail)?.size();
        open.offset = match self.start {
            // A file that appears while we wait is new from its first byte.
            LogStart::Last(bytes) if bytes < size && !self.waiting => line_start(&open.file, size - bytes, size).map_err(fail)?,
            LogStart::Last(_) | LogStart::Beginning | LogStart::Moment(_) => 0,
        };
        let start = open.offset;
        self.opened.note(&self.path.to_string_lossy(), &format!("{:?}", open.identity));
        self.open = Some(open);
        Ok(Some(LogEvent::Opened { path: self.path.to_string_lossy().into_owned(), start, size }))
    }
}

impl Open {
    fn read(&mut self) -> io::Result<Option<LogEvent>> {
        let mut bytes = vec![0; usize::try_from(CHUNK).unwrap_or(usize::MAX)];
        let n = self.file.read_at(&mut bytes, self.offset)?;
        if n == 0 {
            return Ok(None);
        }
        bytes.truncate(n);
        // A log of short lines would otherwise hold a quarter of a megabyte for each of them.
        bytes.shrink_to_fit();
        Ok(Some(self.hand_on(bytes)))
    }

    fn hand_on(&mut self, bytes: Vec<u8>) -> LogEvent {
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.last.read(&bytes);
        LogEvent::Bytes { offset, bytes }
    }

    /// Whether the bytes before those to come are still the ones that were read.
    fn goes_on(&self) -> io::Result<bool> {
        holds(&self.file, self.offset, &self.last)
    }

    fn restart(&mut self, reopen: &mut bool, why: &str) -> LogEvent {
        (self.offset, self.caught_up, self.rescued, self.last) = (0, false, false, Memory::default());
        *reopen = true;
        LogEvent::Restarted { why: why.to_owned() }
    }
}

/// Whether a file has the remembered bytes before `offset`.
fn holds(file: &File, offset: u64, last: &Memory) -> io::Result<bool> {
    let mut again = [0; MEMORY];
    let again = &mut again[..last.len()];
    match file.read_exact_at(again, offset - again.len() as u64) {
        Ok(()) => Ok(last.ends_at(again.len(), again)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the copy `path.1` or `path-DATE` of a file that was cut holds beyond what was read of it.
fn rescued(path: &Path, open: &Open) -> Option<Vec<u8>> {
    if open.last.len() == 0 {
        return None;
    }
    let name = path.file_name()?.to_str()?;
    let siblings = fs::read_dir(path.parent()?).ok()?.flatten().filter(|entry| {
        let sibling = entry.file_name();
        let rest = sibling.to_str().and_then(|sibling| sibling.strip_prefix(name));
        rest.is_some_and(|rest| rest == ".1" || rest.strip_prefix('-').is_some_and(|date| date.starts_with(|c: char| c.is_ascii_digit())))
    });
    siblings.into_iter().find_map(|entry| {
        let copy = open_regular(&entry.path()).ok()??.file;
        let more = copy.metadata().ok()?.size().checked_sub(open.offset).filter(|more| *more > 0)?;
        let mut bytes = vec![0; usize::try_from(more.min(CHUNK)).ok()?];
        (holds(&copy, open.offset, &open.last).ok()? && copy.read_exact_at(&mut bytes, open.offset).is_ok()).then_some(bytes)
    })
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Opens a regular file without ever waiting for one; `None` when there is nothing at the path.
pub(super) fn open_regular(path: &Path) -> Result<Option<Open>, Failure> {
    // Opening a pipe would wait for its writer without this flag.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble::at(path, &error)),
    };
    let meta = file.metadata().map_err(|error| trouble::at(path, &error))?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "is a folder" } else { "is not a regular file" };
        return Err(Failure::new(FailureKind::Unsupported, path.to_string_lossy(), what).hint("only regular files can be followed"));
    }
    Ok(Some(Open { identity: identity(&meta), file, offset: 0, last: Memory::default(), rescued: false, caught_up: false }))
}

/// The first start of a line at or after `from`, or `from` itself inside the file's last line.
fn line_start(file: &File, from: u64, size: u64) -> io::Result<u64> {
    let mut at = from.saturating_sub(1);
    let mut bytes = vec![0; 64 * 1024];
    while at < size {
        let n = file.read_at(&mut bytes, at)?;
        if n == 0 {
            break;
        }
        if let Some(found) = memchr::memchr(b'\n', &bytes[..n]) {
            let start = at + found as u64 + 1;
            return Ok(if start < size { start } else { from });
        }
        at += n as u64;
    }
    Ok(from)
}

#[cfg(test)]
mod tests;
