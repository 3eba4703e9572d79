//! Brings files from one folder of this machine to another, as a fetch does from a head node.
//!
//! Touches no file that differs without being told to, and leaves no half file under a final name.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use super::trouble;
use crate::model::{Existing, Failure, FailureKind, Progress, Receipt};
use crate::remote::host::Wanted;

const CHUNK: usize = 1 << 20;

/// Copies on a thread of its own; dropping the stream stops it after the chunk at hand.
pub(super) fn fetch(wanted: Wanted) -> BoxStream<'static, Progress> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        let last = copy(&wanted, &sender).map_or_else(Progress::Failed, Progress::Done);
        let _ = sender.blocking_send(last);
    });
    futures::stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|progress| (progress, receiver)) }).boxed()
}

/// One thing to copy.
struct Item {
    from: PathBuf,
    to: PathBuf,
    /// Where it lands below the destination.
    name: String,
    size: u64,
    link: bool,
}

fn copy(wanted: &Wanted, progress: &mpsc::Sender<Progress>) -> Result<Receipt, Failure> {
    let mut items = Vec::new();
    for path in &wanted.files {
        let from = PathBuf::from(path);
        let Some(name) = from.file_name() else { continue };
        match fs::metadata(&from) {
            Ok(meta) => {
                let name = name.to_string_lossy().into_owned();
                items.push(Item { to: wanted.dest.join(&name), name, size: meta.len(), link: false, from });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(trouble::at(&from, &error)),
        }
    }
    if let Some(folder) = &wanted.folder {
        gather(Path::new(folder), Path::new(folder), &wanted.dest, &mut items)?;
    } else if items.is_empty() {
        let place = wanted.files.first().cloned().unwrap_or_default();
        return Err(
            Failure::new(FailureKind::NotFound, place, "the file is not there").hint("A job that has not started has written nothing yet.")
        );
    }
    let differing: Vec<String> = items.iter().filter(|item| differs(item)).map(|item| item.name.clone()).collect();
    if wanted.existing == Existing::Ask && !differing.is_empty() {
        return Ok(Receipt::Differs { dest: wanted.dest.clone(), files: differing });
    }
    let total = items.iter().map(|item| item.size).sum();
    let (mut done, mut files, mut bytes) = (0, 0, 0);
    for item in &items {
        let there = fs::symlink_metadata(&item.to).is_ok();
        if there && (!differs(item) || wanted.existing == Existing::Keep) {
            done += item.size;
            continue;
        }
        let moved = place(item, |step| {
            let _ = progress.blocking_send(Progress::Moved { done: done + step, total: Some(total), file: item.name.clone() });
            !progress.is_closed()
        });
        match moved {
            Ok(true) => {}
            Ok(false) => return Err(Failure::new(FailureKind::Stopped, item.name.as_str(), "the fetch was stopped")),
            Err(error) => return Err(trouble::at(&item.to, &error)),
        }
        done += item.size;
        files += 1;
        bytes += item.size;
    }
    Ok(Receipt::Fetched { dest: wanted.dest.clone(), files, bytes })
}

fn gather(root: &Path, folder: &Path, dest: &Path, items: &mut Vec<Item>) -> Result<(), Failure> {
    let fail = |error: io::Error| trouble::at(folder, &error);
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let meta = fs::symlink_metadata(entry.path()).map_err(fail)?;
        let name = entry.path().strip_prefix(root).unwrap_or(&entry.path()).to_string_lossy().into_owned();
        if entry.path() == dest {
            // A destination inside the folder would be copied into itself.
            continue;
        }
        if meta.is_dir() {
            gather(root, &entry.path(), dest, items)?;
        } else if meta.is_file() || meta.is_symlink() {
            items.push(Item { to: dest.join(&name), from: entry.path(), name, size: meta.len(), link: meta.is_symlink() });
        }
    }
    Ok(())
}

fn differs(item: &Item) -> bool {
    let Ok(there) = fs::symlink_metadata(&item.to) else { return false };
    if item.link || there.is_symlink() {
        return fs::read_link(&item.from).ok() != fs::read_link(&item.to).ok();
    }
    if !there.is_file() || there.len() != item.size {
        return true;
    }
    let (Ok(mut a), Ok(mut b)) = (File::open(&item.from), File::open(&item.to)) else { return true };
    let (mut x, mut y) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let (Ok(n), Ok(m)) = (full(&mut a, &mut x), full(&mut b, &mut y)) else { return true };
        if n != m || x[..n] != y[..m] {
            return true;
        }
        if n == 0 {
            return false;
        }
    }
}

fn full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut used = 0;
    while used < buffer.len() {
        match file.read(&mut buffer[used..])? {
            0 => break,
            n => used += n,
        }
    }
    Ok(used)
}

/// Copies one file by way of a part that a later try goes on with. False when it was told to stop.
fn place(item: &Item, mut step: impl FnMut(u64) -> bool) -> io::Result<bool> {
    if let Some(parent) = item.to.parent() {
        fs::create_dir_all(parent)?;
    }
    if item.link {
        let _ = fs::remove_file(&item.to);
        std::os::unix::fs::symlink(fs::read_link(&item.from)?, &item.to)?;
        return Ok(true);
    }
    let part = item.to.with_file_name(format!(".{}.qdeck-part", item.to.file_name().unwrap_or_default().to_string_lossy()));
    let mut from = File::open(&item.from)?;
    let mut to = File::options().create(true).append(true).open(&part)?;
    let mut at = to.metadata()?.len();
    // A part is only continued when it is no older than its source: else the source has changed since.
    if at > item.size || to.metadata()?.modified()? < from.metadata()?.modified()? {
        to.set_len(0)?;
        at = 0;
    }
    from.seek(SeekFrom::Start(at))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        to.write_all(&buffer[..n])?;
        at += n as u64;
        if !step(at.min(item.size)) {
            return Ok(false);
        }
    }
    to.set_permissions(from.metadata()?.permissions())?;
    to.set_modified(from.metadata()?.modified()?)?;
    fs::rename(&part, &item.to)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(from: &Path, dest: &Path, existing: Existing) -> Wanted {
        Wanted { files: vec![], folder: Some(from.display().to_string()), dest: dest.to_owned(), existing }
    }

    fn run(wanted: &Wanted) -> Result<Receipt, Failure> {
        let (sender, mut receiver) = mpsc::channel(1000);
        let receipt = copy(wanted, &sender);
        receiver.close();
        receipt
    }

    #[test]
    fn a_folder_arrives_once_and_nothing_that_differs_is_touched_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let (from, dest) = (dir.path().join("from"), dir.path().join("dest"));
        fs::create_dir_all(from.join("a")).unwrap();
        fs::write(from.join("a/one"), "1").unwrap();
        fs::write(from.join("two"), "22").unwrap();
        std::os::unix::fs::symlink("two", from.join("link")).unwrap();
        assert!(matches!(run(&wanted(&from, &dest, Existing::Ask)), Ok(Receipt::Fetched { files: 3, .. })));
        assert!(matches!(run(&wanted(&from, &dest, Existing::Ask)), Ok(Receipt::Fetched { files: 0, .. })));
        fs::write(dest.join("two"), "xx").unwrap();
        let Ok(Receipt::Differs { files, .. }) = run(&wanted(&from, &dest, Existing::Ask)) else { panic!("touched") };
        assert_eq!(files, ["two"]);
        run(&wanted(&from, &dest, Existing::Keep)).unwrap();
        assert_eq!(fs::read(dest.join("two")).unwrap(), b"xx");
        run(&wanted(&from, &dest, Existing::Overwrite)).unwrap();
        assert_eq!(fs::read(dest.join("two")).unwrap(), b"22");
    }

    #[test]
    fn a_part_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("big");
        fs::write(&from, vec![7; 3 * CHUNK]).unwrap();
        let dest = dir.path().join("dest");
        let item = Item { from, to: dest.join("big"), name: "big".into(), size: 3 * CHUNK as u64, link: false };
        assert!(!place(&item, |_| false).unwrap());
        let mut first = None;
        assert!(
            place(&item, |at| {
                first.get_or_insert(at);
                true
            })
            .unwrap()
        );
        assert_eq!(first, Some(2 * CHUNK as u64), "the first chunk was there already");
        assert_eq!(fs::read(dest.join("big")).unwrap(), vec![7; 3 * CHUNK]);
    }
}
