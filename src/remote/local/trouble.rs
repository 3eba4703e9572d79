//! Errors of the operating system as failures: its own words, and what to do next.
//!
//! Decides nothing; never hides the original words.

use std::io;
use std::path::Path;

use crate::model::{Failure, FailureKind};

/// The failure behind an error at a path.
pub(crate) fn at(path: &Path, error: &io::Error) -> Failure {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::NotFound => (FailureKind::NotFound, "check the path"),
        io::ErrorKind::PermissionDenied => (FailureKind::Denied, "check the permissions with ls -ld"),
        io::ErrorKind::ReadOnlyFilesystem => (FailureKind::Denied, "the file system is mounted read-only: choose another folder"),
        io::ErrorKind::StorageFull => (FailureKind::Denied, "free some space there (df -h) and try again"),
        io::ErrorKind::QuotaExceeded => (FailureKind::Denied, "your quota is used up there: remove files and try again"),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            (FailureKind::Conflict, "something else is at this path: move it away or choose another one")
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => (FailureKind::Busy, "try again in a moment"),
        io::ErrorKind::TimedOut => (FailureKind::TimedOut, "try again"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => (FailureKind::Garbled, "check the path"),
        io::ErrorKind::Interrupted => (FailureKind::Stopped, "try again"),
        _ => (FailureKind::Unreachable, "check that the file system answers: ls -l"),
    };
    Failure::new(kind, path.to_string_lossy(), words(error)).hint(hint)
}

/// The error in the system's words, without the number that Rust adds.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(cut) if text.ends_with(')') => text[..cut].to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_systems_and_the_hint_fits() {
        let failure = at(Path::new("/x\u{7}"), &io::Error::from_raw_os_error(28));
        assert_eq!((failure.kind, failure.what.as_str()), (FailureKind::Denied, "No space left on device"));
        assert!(failure.hint.contains("df -h"));
        assert_eq!(at(Path::new("/x"), &io::Error::from_raw_os_error(2)).kind, FailureKind::NotFound);
    }
}
