//! Bringing files here: first look what would be overwritten, then single files over SFTP, then a folder by rsync.
//!
//! Nothing is written before it is known that nothing of the user's is lost, and no name leads out of the destination.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use crate::model::text::quoted;
use crate::model::{Existing, Failure, FailureKind, Progress, Receipt};
use crate::remote::host::Wanted;

use super::connection::Connection;
use super::download::{self, Found};
use super::live;
use super::rsync::Folder;

/// Hashing reads whole files on both sides.
const HASHING: Duration = Duration::from_secs(600);
/// Prints one line for each file: its hash, whatever program there is. Names never appear in it.
const HASH: &str = "for f do { sha256sum <\"$f\" || shasum -a 256 <\"$f\" || cksum <\"$f\"; } 2>/dev/null || echo -; done";
/// Progress is for eyes.
const BETWEEN: Duration = Duration::from_millis(100);

/// Fetches; the stream ends in `Done` or `Failed`.
pub(super) fn fetch(connection: Arc<Connection>, wanted: Wanted) -> BoxStream<'static, Progress> {
    let (sender, mut receiver) = mpsc::channel(16);
    let work = async move {
        let mut tell = Tell { sender, last: None };
        match bring(&connection, wanted, &mut tell).await {
            Ok(receipt) => Progress::Done(receipt),
            Err(failure) => Progress::Failed(failure),
        }
    };
    let told = stream::poll_fn(move |context| receiver.poll_recv(context));
    // What was told comes before the end: the sender is gone by then, so the channel drains first.
    let end = work.into_stream();
    Ordered { told: told.boxed(), end: Some(end.boxed()), last: None }.into_stream().boxed()
}

/// Runs the work, hands on what it tells, and its outcome last.
struct Ordered {
    told: BoxStream<'static, Progress>,
    end: Option<BoxStream<'static, Progress>>,
    last: Option<Progress>,
}

impl Ordered {
    fn into_stream(self) -> impl futures::Stream<Item = Progress> + Send {
        stream::unfold(self, |mut this| async move {
            loop {
                let Some(end) = &mut this.end else {
                    let rest = this.told.next().await.or_else(|| this.last.take())?;
                    return Some((rest, this));
                };
                tokio::select! {
                    biased;
                    Some(told) = this.told.next() => return Some((told, this)),
                    last = end.next() => (this.last, this.end) = (last, None),
                }
            }
        })
    }
}

/// Where progress goes, not more often than anybody could read it.
pub(super) struct Tell {
    sender: mpsc::Sender<Progress>,
    last: Option<Instant>,
}

impl Tell {
    pub(super) async fn step(&mut self, words: impl Into<String>) {
        self.last = None;
        let _ = self.sender.send(Progress::Step(words.into())).await;
    }

    pub(super) async fn moved(&mut self, done: u64, total: Option<u64>, file: &str) {
        if self.last.is_some_and(|last| last.elapsed() < BETWEEN) && Some(done) != total {
            return;
        }
        self.last = Some(Instant::now());
        let _ = self.sender.send(Progress::Moved { done, total, file: file.to_owned() }).await;
    }
}

/// A single file, and where it will lie.
pub(super) struct Single {
    pub(super) found: Found,
    pub(super) name: String,
    pub(super) target: PathBuf,
}

async fn bring(connection: &Arc<Connection>, wanted: Wanted, tell: &mut Tell) -> Result<Receipt, Failure> {
    let Wanted { files, folder, dest, existing } = wanted;
    let dest = std::path::absolute(&dest).map_err(|error| here(&dest, &error))?;
    tell.step("looking").await;
    let singles = singles(connection, &files, folder.as_deref(), &dest).await?;
    let folder = match folder {
        Some(path) => Some(Folder::plan(connection, path, &dest, existing).await?),
        None => None,
    };
    if let (true, None, Some(path)) = (singles.is_empty(), &folder, files.first()) {
        return Err(Failure::new(FailureKind::NotFound, format!("{}: {path}", connection.to.place()), "no such file")
            .hint("the job may not have started, or writes elsewhere"));
    }
    if existing == Existing::Ask {
        let mut differ = differing(connection, &singles).await?;
        if let Some(folder) = &folder {
            differ.extend(folder.differing().await?);
        }
        if !differ.is_empty() {
            return Ok(Receipt::Differs { dest, files: differ });
        }
    }
    tokio::fs::create_dir_all(&dest).await.map_err(|error| here(&dest, &error))?;
    let (mut count, mut bytes) = (0, 0);
    let total = singles.iter().map(|single| single.found.size).sum::<u64>() + folder.as_ref().and_then(Folder::size).unwrap_or(0);
    for single in &singles {
        if existing == Existing::Keep && single.target.symlink_metadata().is_ok() || single.found.is_at(&single.target) {
            continue;
        }
        tell.step(format!("fetching {}", single.name)).await;
        download::download(connection, single, tell, bytes, total).await?;
        count += 1;
        bytes += single.found.size;
    }
    if let Some(folder) = folder {
        let (more, size) = folder.bring(tell, bytes, total).await?;
        count += more;
        bytes += size;
    }
    Ok(Receipt::Fetched { dest, files: count, bytes })
}

/// Those of `files` that exist and that the folder does not bring anyway.
async fn singles(connection: &Arc<Connection>, files: &[String], folder: Option<&str>, dest: &Path) -> Result<Vec<Single>, Failure> {
    let inside = |path: &str| {
        let folder = folder.map(|folder| Path::new(folder.trim_end_matches('/')));
        folder.is_some_and(|folder| Path::new(path).starts_with(folder) && !path.split('/').any(|part| part == ".."))
    };
    let mut seen = HashSet::new();
    let mut names = HashSet::new();
    let mut singles = Vec::new();
    for path in files.iter().filter(|path| !inside(path) && seen.insert(path.as_str())) {
        // `file_name` is never `..` and never holds a slash.
        let Some(name) = Path::new(path).file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::new(
                FailureKind::Rejected,
                format!("{}: {path}", connection.to.place()),
                "this is not the name of a file",
            ));
        };
        let Some(found) = download::find(connection, path).await? else {
            continue;
        };
        let mut free = name.to_owned();
        let mut number = 2;
        while !names.insert(free.clone()) {
            free = format!("{number}-{name}");
            number += 1;
        }
        singles.push(Single { found, target: dest.join(&free), name: free });
    }
    Ok(singles)
}

/// The names of those that are here already with another content.
async fn differing(connection: &Arc<Connection>, singles: &[Single]) -> Result<Vec<String>, Failure> {
    let (mut differ, mut doubtful) = (Vec::new(), Vec::new());
    for single in singles {
        match std::fs::metadata(&single.target) {
            Ok(_) if single.found.is_at(&single.target) => {}
            Ok(meta) if meta.is_file() && meta.len() == single.found.size => doubtful.push(single),
            Ok(_) => differ.push(single.name.clone()),
            // A link that leads nowhere is something, too.
            Err(_) if single.target.symlink_metadata().is_ok() => differ.push(single.name.clone()),
            Err(_) => {}
        }
    }
    if doubtful.is_empty() {
        return Ok(differ);
    }
    let paths: Vec<String> = doubtful.iter().map(|single| quoted(&single.found.path)).collect();
    let script = format!("set -- {}\n{HASH}", paths.join(" "));
    let there = live::sh(connection, &script, HASHING).await?.stdout;
    let targets = doubtful.iter().map(|single| single.target.clone().into_os_string());
    let local = tokio::process::Command::new("sh")
        .args(["-c".into(), HASH.into(), "sh".into()].into_iter().chain(targets).collect::<Vec<OsString>>())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| here(Path::new("sh"), &error))?
        .stdout;
    let (there, local) = (String::from_utf8_lossy(&there).into_owned(), String::from_utf8_lossy(&local).into_owned());
    let (mut there, mut local) = (there.lines(), local.lines());
    for single in doubtful {
        let is_same = matches!((there.next(), local.next()), (Some(a), Some(b)) if a == b && a != "-");
        if !is_same {
            differ.push(single.name.clone());
        }
    }
    Ok(differ)
}

/// A failure of this machine's own files.
pub(super) fn here(path: &Path, error: &std::io::Error) -> Failure {
    let (kind, hint) = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            (FailureKind::Denied, "choose another destination")
        }
        std::io::ErrorKind::NotFound => (FailureKind::NotFound, ""),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            (FailureKind::Rejected, "make room on this machine and fetch again: it goes on where it stopped")
        }
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory | std::io::ErrorKind::IsADirectory => {
            (FailureKind::Conflict, "choose another destination")
        }
        _ => (FailureKind::Rejected, ""),
    };
    Failure::new(kind, format!("this machine: {}", path.display()), error.to_string()).hint(hint)
}
