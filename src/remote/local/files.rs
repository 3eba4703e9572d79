//! Looks into folders and files of this machine, and puts files in place.
//!
//! Never opens what could block (a pipe, a device) and never leaves half a file under its final name.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

use super::trouble;
use crate::model::{Failure, FailureKind, FileEntry, FileKind, Preview};

const PREVIEW: u64 = 64 * 1024;

pub(super) fn folder(path: &str) -> Result<(String, Vec<FileEntry>), Failure> {
    let path = absolute(path)?;
    let fail = |error: io::Error| trouble::at(&path, &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(&path).map_err(fail)? {
        // A name that went away while we looked is no failure.
        let Ok(entry) = entry else { continue };
        let (kind, size, modified) = match fs::metadata(entry.path()) {
            Ok(meta) if meta.is_dir() => (FileKind::Folder, meta.size(), modified(&meta)),
            Ok(meta) if meta.is_file() => (FileKind::File, meta.size(), modified(&meta)),
            Ok(meta) => (FileKind::Other, meta.size(), modified(&meta)),
            Err(_) => (FileKind::Other, 0, None),
        };
        entries.push(FileEntry { name: entry.file_name().to_string_lossy().into_owned(), kind, size, modified });
    }
    entries.sort_by(|a, b| (a.kind != FileKind::Folder, &a.name).cmp(&(b.kind != FileKind::Folder, &b.name)));
    Ok((path.to_string_lossy().into_owned(), entries))
}

pub(super) fn preview(path: &str) -> Result<Preview, Failure> {
    let path = absolute(path)?;
    let fail = |error: io::Error| trouble::at(&path, &error);
    let size = regular(&path)?.size();
    let mut bytes = Vec::new();
    File::open(&path).map_err(fail)?.take(PREVIEW).read_to_end(&mut bytes).map_err(fail)?;
    let cut = if bytes.len() as u64 == PREVIEW { whole_characters(&bytes) } else { bytes.len() };
    let text = String::from_utf8_lossy(&bytes[..cut]).into_owned();
    Ok(Preview { text, size: size.max(bytes.len() as u64), is_binary: bytes.contains(&0) })
}

pub(super) fn put(from: &Path, to: &str) -> Result<(), Failure> {
    let to = absolute(to)?;
    let source = regular(from)?;
    let fail = |error: io::Error| trouble::at(&to, &error);
    if fs::metadata(&to).is_ok_and(|there| (there.dev(), there.ino()) == (source.dev(), source.ino())) {
        return Ok(());
    }
    if to.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|error| trouble::at(parent, &error))?;
    }
    let part = part_of(&to);
    let placed = fs::copy(from, &part)
        .and_then(|_| fs::set_permissions(&part, fs::Permissions::from_mode(source.mode() & 0o777 | 0o600)))
        .and_then(|()| fs::rename(&part, &to));
    placed.map_err(|error| {
        // The half that was written is of no use to anybody; if it cannot be removed, the failure says why.
        let _ = fs::remove_file(&part);
        fail(error)
    })
}

/// The name under which a file is written until it is complete: `.name.qdeck-part` beside it.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".qdeck-part");
    path.with_file_name(name)
}

/// The metadata of a regular file; anything else is a failure that says what it is.
pub(super) fn regular(path: &Path) -> Result<fs::Metadata, Failure> {
    let meta = fs::metadata(path).map_err(|error| trouble::at(path, &error))?;
    if meta.is_file() {
        return Ok(meta);
    }
    let what = if meta.is_dir() { "is a folder" } else { "is not a regular file" };
    Err(Failure::new(FailureKind::Unsupported, path.to_string_lossy(), what).hint("choose a regular file"))
}

/// Resolves an empty path, `~` and relative paths against the home folder.
fn absolute(path: &str) -> Result<PathBuf, Failure> {
    if path.contains('\0') {
        return Err(Failure::new(FailureKind::NotFound, path.replace('\0', "␀"), "a path cannot hold a NUL byte").hint("check the path"));
    }
    let below_home = match path {
        "" | "~" => Some(""),
        _ if path.starts_with('/') => None,
        _ => Some(path.strip_prefix("~/").unwrap_or(path)),
    };
    let whole = match below_home {
        None => PathBuf::from(path),
        Some(rest) => {
            let home = etcetera::home_dir().map_err(|error| {
                Failure::new(FailureKind::NotFound, "this machine", error.to_string()).hint("set HOME, or give an absolute path")
            })?;
            // Joining an empty rest would leave a slash at the end.
            if rest.is_empty() { home } else { home.join(rest) }
        }
    };
    // With links on the way, `..` can only be resolved by the file system.
    if whole.components().any(|part| part == Component::ParentDir) {
        return fs::canonicalize(&whole).map_err(|error| trouble::at(&whole, &error));
    }
    Ok(whole.components().collect())
}

fn modified(meta: &fs::Metadata) -> Option<Timestamp> {
    Timestamp::from_second(meta.mtime()).ok()
}

/// The length without a last character that was cut in two.
fn whole_characters(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lists_folders_first_and_survives_odd_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a\n\x1b[31m", "z.sh"] {
            fs::write(dir.path().join(name), "12345").unwrap();
        }
        fs::create_dir(dir.path().join("zz")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("broken")).unwrap();
        std::os::unix::fs::symlink("zz", dir.path().join("linked")).unwrap();
        let (path, entries) = folder(&format!("{}/", dir.path().display())).unwrap();
        assert_eq!(path, dir.path().to_string_lossy());
        let names: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.kind)).collect();
        let expected = [
            ("linked", FileKind::Folder),
            ("zz", FileKind::Folder),
            ("a\n\x1b[31m", FileKind::File),
            ("b", FileKind::File),
            ("broken", FileKind::Other),
            ("z.sh", FileKind::File),
        ];
        assert_eq!(names, expected);
        assert_eq!(entries[3].size, 5);
        assert_eq!(folder(&dir.path().join("none").to_string_lossy()).unwrap_err().kind, FailureKind::NotFound);
        assert_eq!(folder(&dir.path().join("b").to_string_lossy()).unwrap_err().kind, FailureKind::Conflict);
        assert!(folder("").unwrap().0.starts_with('/'));
        assert_eq!(folder(&format!("{}/zz/..", dir.path().display())).unwrap().0, fs::canonicalize(dir.path()).unwrap().to_string_lossy());
    }

    #[test]
    fn a_preview_is_short_and_tells_binary_from_text() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let path = file.to_string_lossy().into_owned();
        fs::write(&file, "x".repeat(65_535) + "éé").unwrap();
        let shown = preview(&path).unwrap();
        assert_eq!((shown.text.len(), shown.size, shown.is_binary), (65_535, 65_539, false));
        fs::write(&file, b"\x7fELF\0\0").unwrap();
        assert!(preview(&path).unwrap().is_binary);
        assert_eq!(preview("/dev/zero").unwrap_err().kind, FailureKind::Unsupported);
        assert_eq!(preview(&dir.path().to_string_lossy()).unwrap_err().kind, FailureKind::Unsupported);
    }

    #[test]
    fn a_file_is_put_whole_with_its_executable_bit() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("job.sh");
        fs::write(&from, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o755)).unwrap();
        let to = dir.path().join("a/b/it's.sh");
        put(&from, &to.to_string_lossy()).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"#!/bin/sh\n");
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o777, 0o755);
        put(&from, &from.to_string_lossy()).unwrap();
        assert_eq!(fs::read(&from).unwrap(), b"#!/bin/sh\n");
        assert_eq!(put(&from, &dir.path().join("a").to_string_lossy()).unwrap_err().kind, FailureKind::Conflict);
        assert_eq!(fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1);
    }
}
