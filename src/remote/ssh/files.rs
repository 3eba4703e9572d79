//! Folders and single files over SFTP, on one channel of the session that is opened when needed and closed when idle.
//!
//! No path ever passes through a shell here.

use std::any::Any;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use openssh_sftp_client::error::SftpErrorKind;
use openssh_sftp_client::file::TokioCompatFile;
use openssh_sftp_client::metadata::{MetaData, Permissions};
use openssh_sftp_client::{Error, Sftp, SftpOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::model::{Failure, FailureKind, FileEntry, FileKind, Preview};

use super::connection::Connection;
use super::live::{Live, unopened};

const LIMIT: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(30);
const PREVIEW: usize = 64 << 10;
const CHUNK: usize = 256 << 10;
/// How many links are looked behind at once.
const LINKS: usize = 32;

/// An open SFTP channel.
pub(super) struct Files {
    pub(super) sftp: Sftp,
    _guard: Box<dyn Any + Send + Sync>,
}

/// The place of a session's one SFTP channel.
#[derive(Default)]
pub(super) struct Slot(tokio::sync::Mutex<Option<(Arc<Files>, Instant)>>);

/// The session's SFTP channel, opened if there is none.
pub(super) async fn files(connection: &Arc<Connection>) -> Result<Arc<Files>, Failure> {
    let live = connection.live().await?;
    let mut slot = live.files.0.lock().await;
    if let Some((files, used)) = &mut *slot {
        *used = Instant::now();
        return Ok(Arc::clone(files));
    }
    let channel = match live.sftp().await {
        Ok(channel) => channel,
        Err(error) => return Err(unopened(connection, &live, &error).await),
    };
    let sftp = match timeout(LIMIT, Sftp::new(channel.stdin, channel.stdout, SftpOptions::new())).await {
        Ok(Ok(sftp)) => sftp,
        Ok(Err(error)) => {
            return Err(connection.lost(&live).await.unwrap_or_else(|| no_sftp(connection, &error)));
        }
        Err(_) => {
            return Err(Failure::new(FailureKind::TimedOut, connection.to.place(), "the server's sftp does not answer"));
        }
    };
    let files = Arc::new(Files { sftp, _guard: Box::new(std::sync::Mutex::new((channel.guard, channel.stderr))) });
    *slot = Some((Arc::clone(&files), Instant::now()));
    tokio::spawn(sweep(Arc::downgrade(&live)));
    Ok(files)
}

/// Closes the channel when nobody has used it for a while.
async fn sweep(live: Weak<Live>) {
    loop {
        sleep(IDLE).await;
        let Some(live) = live.upgrade() else { return };
        let mut slot = live.files.0.lock().await;
        match &*slot {
            Some((files, used)) if Arc::strong_count(files) == 1 && used.elapsed() >= IDLE => {
                *slot = None;
                return;
            }
            Some(_) => {}
            None => return,
        }
    }
}

fn no_sftp(connection: &Connection, error: &Error) -> Failure {
    Failure::new(FailureKind::Unsupported, connection.to.place(), format!("the server offers no sftp: {error}"))
        .hint("its sshd_config needs a line such as: Subsystem sftp internal-sftp; and no login file may print anything")
}

/// What an SFTP error at `path` means. A channel that broke is forgotten, so that the next question opens another.
pub(super) async fn failed(connection: &Arc<Connection>, files: &Arc<Files>, path: &str, error: &Error) -> Failure {
    let place = format!("{}: {path}", connection.to.place());
    let fail = |kind, what: &str| Failure::new(kind, place.clone(), what);
    if let Error::SftpError(kind, message) = error {
        let what = message.to_string();
        return match kind {
            SftpErrorKind::NoSuchFile => fail(FailureKind::NotFound, "no such file or folder"),
            SftpErrorKind::PermDenied => fail(FailureKind::Denied, "permission denied"),
            SftpErrorKind::OpUnsupported => fail(FailureKind::Unsupported, &what),
            // SFTP has one word for a full disk, a quota, a folder that is not empty.
            _ => fail(FailureKind::Rejected, if what.is_empty() { "the server failed" } else { &what }),
        };
    }
    if let Ok(live) = connection.live().await {
        let mut slot = live.files.0.lock().await;
        if slot.as_ref().is_some_and(|(now, _)| Arc::ptr_eq(now, files)) {
            *slot = None;
        }
        drop(slot);
        if let Some(failure) = connection.lost(&live).await {
            return failure;
        }
    }
    fail(FailureKind::Unreachable, &error.to_string())
}

/// Whether the error says that the path is not there.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::SftpError(SftpErrorKind::NoSuchFile, _))
}

async fn limited<T>(
    connection: &Arc<Connection>,
    path: &str,
    files: &Arc<Files>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match timeout(LIMIT, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(connection, files, path, &error).await),
        Err(_) => Err(Failure::new(
            FailureKind::TimedOut,
            format!("{}: {path}", connection.to.place()),
            format!("no answer within {} s", LIMIT.as_secs()),
        )
        .hint("the file system may hang on the head node")),
    }
}

/// SFTP starts at home, so a path below `~` needs no more than to lose it.
fn below_home(path: &str) -> &str {
    match path.strip_prefix("~/").unwrap_or(path) {
        "" | "~" => ".",
        path => path,
    }
}

pub(super) async fn folder(connection: &Arc<Connection>, path: String) -> Result<(String, Vec<FileEntry>), Failure> {
    let files = files(connection).await?;
    limited(connection, &path, &files, list(&files.sftp, below_home(&path))).await
}

async fn list(sftp: &Sftp, path: &str) -> Result<(String, Vec<FileEntry>), Error> {
    let mut fs = sftp.fs();
    let full = fs.canonicalize(path).await?;
    let mut entries = std::pin::pin!(fs.open_dir(&full).await?.read_dir());
    let (mut found, mut links) = (Vec::new(), Vec::new());
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let name = entry.filename();
        if name == Path::new(".") || name == Path::new("..") {
            continue;
        }
        if entry.metadata().file_type().is_some_and(|kind| kind.is_symlink()) {
            links.push((full.join(name), name.to_owned(), entry.metadata()));
        } else {
            found.push(described(name, &entry.metadata()));
        }
    }
    // What a link points to is what a reader wants to know; one that points nowhere stays what it is.
    let mut behind = stream::iter(links)
        .map(|(path, name, own)| {
            let mut fs = sftp.fs();
            async move {
                let meta = fs.metadata(&path).await.unwrap_or(own);
                described(&name, &meta)
            }
        })
        .buffer_unordered(LINKS);
    while let Some(entry) = behind.next().await {
        found.push(entry);
    }
    found.sort_by(|a, b| (a.kind != FileKind::Folder, &a.name).cmp(&(b.kind != FileKind::Folder, &b.name)));
    Ok((full.to_string_lossy().into_owned(), found))
}

fn described(name: &Path, meta: &MetaData) -> FileEntry {
    let kind = match meta.file_type() {
        Some(kind) if kind.is_dir() => FileKind::Folder,
        Some(kind) if kind.is_file() => FileKind::File,
        Some(_) | None => FileKind::Other,
    };
    let modified = meta.modified().and_then(|at| Timestamp::try_from(at.as_system_time()).ok());
    FileEntry { name: name.to_string_lossy().into_owned(), kind, size: meta.len().unwrap_or(0), modified }
}

pub(super) async fn preview(connection: &Arc<Connection>, path: String) -> Result<Preview, Failure> {
    let files = files(connection).await?;
    let (bytes, size) = limited(connection, &path, &files, async {
        let path = below_home(&path);
        let meta = files.sftp.fs().metadata(path).await?;
        if !meta.file_type().is_some_and(|kind| kind.is_file()) {
            // Opening a pipe could wait for ever.
            return Ok((None, 0));
        }
        let file = files.sftp.open(path).await?;
        let mut bytes = Vec::with_capacity(PREVIEW);
        let mut reader = std::pin::pin!(TokioCompatFile::new(file).take(PREVIEW as u64));
        reader.read_to_end(&mut bytes).await?;
        Ok((Some(bytes), meta.len().unwrap_or(0)))
    })
    .await?;
    let Some(bytes) = bytes else {
        return Err(Failure::new(FailureKind::Unsupported, format!("{}: {path}", connection.to.place()), "this is not a regular file"));
    };
    Ok(Preview { is_binary: is_binary(&bytes), text: String::from_utf8_lossy(&bytes).into_owned(), size: size.max(bytes.len() as u64) })
}

/// No script holds a NUL, and one that is cut in the middle of a character is still text.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0) || std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some())
}

pub(super) async fn put(connection: &Arc<Connection>, from: PathBuf, to: String) -> Result<(), Failure> {
    let here = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => FailureKind::NotFound,
            std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
            _ => FailureKind::Garbled,
        };
        Failure::new(kind, from.display().to_string(), error.to_string())
    };
    let there = format!("{}: {to}", connection.to.place());
    let mut source = tokio::fs::File::open(&from).await.map_err(here)?;
    let meta = source.metadata().await.map_err(here)?;
    if !meta.is_file() {
        return Err(Failure::new(FailureKind::Unsupported, from.display().to_string(), "this is not a regular file"));
    }
    let target = Path::new(below_home(&to));
    let Some(name) = target.file_name() else {
        return Err(Failure::new(FailureKind::Rejected, there, "this is not the name of a file"));
    };
    let part = target.with_file_name(format!(".{}.qdeck-part", name.to_string_lossy()));
    let files = files(connection).await?;
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    limited(connection, &to, &files, async {
        match folder {
            Some(folder) => make_folders(&files.sftp, folder).await,
            None => Ok(()),
        }
    })
    .await?;
    // A mode that is private here stays private there from the first byte on.
    let mode = u16::try_from(meta.permissions().mode() & 0o777 | 0o600).unwrap_or(0o600);
    let mut abandoned = Abandoned { files: Some(Arc::clone(&files)), part: part.clone() };
    let file = limited(connection, &to, &files, async {
        let mut file = files.sftp.options().write(true).create(true).truncate(true).open(&part).await?;
        file.set_permissions(Permissions::from(mode)).await?;
        Ok(file)
    })
    .await?;
    let mut writer = std::pin::pin!(TokioCompatFile::new(file));
    let mut bytes = vec![0; CHUNK];
    loop {
        let count = source.read(&mut bytes).await.map_err(here)?;
        if count == 0 {
            break;
        }
        limited(connection, &to, &files, async { Ok(writer.write_all(&bytes[..count]).await?) }).await?;
    }
    limited(connection, &to, &files, async {
        writer.flush().await?;
        writer.shutdown().await?;
        files.sftp.fs().rename(&part, target).await
    })
    .await?;
    abandoned.files = None;
    Ok(())
}

/// Removes an unfinished upload when it is given up.
struct Abandoned {
    files: Option<Arc<Files>>,
    part: PathBuf,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(files), Ok(runtime)) = (self.files.take(), tokio::runtime::Handle::try_current()) {
            let part = std::mem::take(&mut self.part);
            runtime.spawn(async move {
                let _ = timeout(LIMIT, files.sftp.fs().remove_file(part)).await;
            });
        }
    }
}

async fn make_folders(sftp: &Sftp, folder: &Path) -> Result<(), Error> {
    let mut fs = sftp.fs();
    if fs.metadata(folder).await.is_ok() {
        return Ok(());
    }
    let mut ancestors: Vec<&Path> = folder.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
    ancestors.reverse();
    for path in ancestors {
        if let Err(error) = fs.metadata(path).await {
            if !is_missing(&error) {
                return Err(error);
            }
            fs.create_dir(path).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_bytes() {
        assert!(!is_binary("#!/bin/sh\nécho\n".as_bytes()));
        assert!(!is_binary(&"é".as_bytes()[..1]), "cut in the middle of a character");
        assert!(is_binary(b"\x7fELF\0"));
        assert!(is_binary(b"\xff\xfe text"));
    }

    #[test]
    fn home_is_where_sftp_starts() {
        assert_eq!(["", "~", "~/", "~/x y", "/etc"].map(below_home), [".", ".", ".", "x y", "/etc"]);
    }
}
