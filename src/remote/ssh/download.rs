//! One file over SFTP, many blocks in flight, resumed where an earlier attempt ended.
//!
//! A name that is complete never holds half a file, nor a mixture of two versions.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::stream::{self, StreamExt};
use openssh_sftp_client::Error;
use openssh_sftp_client::file::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::model::{Failure, FailureKind};

use super::connection::Connection;
use super::fetch::{Single, Tell, here};
use super::files::{failed, files, is_missing};

const BLOCK: u64 = 128 << 10;
/// Six megabytes on their way: at 100 ms round trip that is 60 MB/s.
const IN_FLIGHT: usize = 48;
/// A block that takes longer never comes.
const STALLED: Duration = Duration::from_secs(60);
const LONGEST_NAME: usize = 255;

/// A regular file on the host, in the version that was there when it was looked at.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) size: u64,
    modified: Option<SystemTime>,
}

impl Found {
    /// Whether this very version was brought to `target` before.
    pub(super) fn is_at(&self, target: &Path) -> bool {
        let Ok(meta) = target.symlink_metadata() else {
            return false;
        };
        let (Ok(theirs), Some(ours)) = (meta.modified(), self.modified) else {
            return false;
        };
        meta.is_file() && meta.len() == self.size && theirs == ours
    }

    /// Where the bytes gather. The version is part of the name: another version's beginning is never continued.
    fn part(&self, target: &Path) -> PathBuf {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let seconds = self.modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
        let suffix = format!(".{seconds:x}-{:x}.qdeck-part", self.size);
        let mut room = LONGEST_NAME.saturating_sub(suffix.len() + 1).min(name.len());
        while !name.is_char_boundary(room) {
            room -= 1;
        }
        target.with_file_name(format!(".{}{suffix}", &name[..room]))
    }
}

/// Looks at a file. `None` if there is none of that name, or only a folder.
pub(super) async fn find(connection: &Arc<Connection>, path: &str) -> Result<Option<Found>, Failure> {
    let files = files(connection).await?;
    let meta = match timeout(STALLED, async { files.sftp.fs().metadata(path).await }).await {
        Ok(Ok(meta)) => meta,
        Ok(Err(error)) if is_missing(&error) => return Ok(None),
        Ok(Err(error)) => return Err(failed(connection, &files, path, &error).await),
        Err(_) => return Err(stalled(connection, path)),
    };
    if !meta.file_type().is_some_and(|kind| kind.is_file()) {
        return Ok(None);
    }
    Ok(Some(Found { path: path.to_owned(), size: meta.len().unwrap_or(0), modified: meta.modified().map(|at| at.as_system_time()) }))
}

/// Brings one file. `before` and `total` place it among the others in the progress.
pub(super) async fn download(
    connection: &Arc<Connection>,
    single: &Single,
    tell: &mut Tell,
    before: u64,
    total: u64,
) -> Result<(), Failure> {
    let Single { found, name, target } = single;
    let part = found.part(target);
    let local = |error: io::Error| here(&part, &error);
    if target.is_dir() {
        return Err(here(target, &io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut into = tokio::fs::OpenOptions::new().create(true).write(true).truncate(false).open(&part).await.map_err(local)?;
    let mut done = into.metadata().await.map_err(local)?.len();
    if done > found.size {
        into.set_len(0).await.map_err(local)?;
        done = 0;
    }
    into.seek(io::SeekFrom::Start(done)).await.map_err(local)?;

    let files = files(connection).await?;
    let file = match timeout(STALLED, files.sftp.open(&found.path)).await {
        Ok(Ok(file)) => file,
        Ok(Err(error)) => return Err(failed(connection, &files, &found.path, &error).await),
        Err(_) => return Err(stalled(connection, &found.path)),
    };
    let begun = done;
    let offsets = (0..).map(|n| begun + n * BLOCK).take_while(|&offset| offset < found.size);
    let blocks = stream::iter(offsets).map(|offset| block(file.clone(), offset, BLOCK.min(found.size - offset))).buffered(IN_FLIGHT);
    let mut blocks = std::pin::pin!(blocks);
    loop {
        let bytes = match timeout(STALLED, blocks.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(bytes))) => bytes,
            Ok(Some(Err(error))) => {
                // What has arrived is kept for the next attempt.
                let _ = into.flush().await;
                return Err(failed(connection, &files, &found.path, &error).await);
            }
            Err(_) => return Err(stalled(connection, &found.path)),
        };
        into.write_all(&bytes).await.map_err(local)?;
        done += bytes.len() as u64;
        tell.moved(before + done, Some(total), name).await;
        if bytes.is_empty() {
            break;
        }
    }
    into.flush().await.map_err(local)?;

    // A file that only grew meanwhile, as a running job's output does, is here as it was when we looked.
    let now = find(connection, &found.path).await?;
    let is_whole = done == found.size && now.is_some_and(|now| now == *found || now.size > found.size);
    if !is_whole {
        let _ = tokio::fs::remove_file(&part).await;
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("{}: {}", connection.to.place(), found.path),
            "the file changed while it was fetched",
        )
        .hint("fetch again"));
    }
    if let Some(modified) = found.modified {
        into.into_std().await.set_modified(modified).map_err(local)?;
    }
    tokio::fs::rename(&part, target).await.map_err(local)
}

/// `length` bytes from `offset`, fewer only at the end of the file.
async fn block(mut file: File, offset: u64, length: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    while (bytes.len() as u64) < length {
        file.seek(io::SeekFrom::Start(offset + bytes.len() as u64)).await?;
        let missing = u32::try_from(length - bytes.len() as u64).unwrap_or(u32::MAX);
        match file.read(missing, Default::default()).await? {
            Some(more) if !more.is_empty() => bytes.extend_from_slice(&more),
            Some(_) | None => break,
        }
    }
    Ok(bytes)
}

fn stalled(connection: &Connection, path: &str) -> Failure {
    Failure::new(FailureKind::TimedOut, format!("{}: {path}", connection.to.place()), format!("nothing came for {} s", STALLED.as_secs()))
        .hint("fetch again: it goes on where it stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_gathers_elsewhere_and_no_name_is_too_long() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let one = Found { path: "/x".to_owned(), size: 10, modified: at(5) };
        let two = Found { size: 11, ..one.clone() };
        let target = Path::new("/d/job.out");
        assert_eq!(one.part(target), Path::new("/d/.job.out.5-a.qdeck-part"));
        assert_ne!(one.part(target), two.part(target));
        let long = Path::new("/d").join("é".repeat(127));
        assert!(one.part(&long).file_name().unwrap().len() <= LONGEST_NAME);
    }
}
