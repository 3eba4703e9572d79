//! A part of a file of this machine, and the search through all of one.
//!
//! Holds no more than a few megabytes of a file, however large it is, and stops when nobody waits any more.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Weak;

use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::tail::open_regular;
use super::trouble;
use crate::model::{Failure, FailureKind, LogHit, LogPlace};
use crate::remote::part::{Found, MOST, Part, SHOWN, Window, replaced};

const CHUNK: usize = 4 << 20;

/// Whole lines beside the byte `at`.
pub(super) fn read(path: &Path, at: u64, bytes: i64, identity: Option<&str>) -> Result<Part, Failure> {
    let file = opened(path, identity)?;
    let fail = |error: io::Error| trouble::at(path, &error);
    let size = file.metadata().map_err(fail)?.size();
    if size < at {
        return Err(replaced(&path.to_string_lossy()));
    }
    let window = Window::new(at, bytes);
    let breaks = match window.behind() {
        Some((from, to)) => memchr_iter(b'\n', &slice(&file, from, to).map_err(fail)?).count(),
        None => 0,
    };
    let (from, to) = window.read();
    Ok(window.cut(&slice(&file, from, to.min(size)).map_err(fail)?, size, breaks as u64))
}

fn slice(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn opened(path: &Path, identity: Option<&str>) -> Result<File, Failure> {
    let Some(open) = open_regular(path)? else {
        return Err(Failure::new(FailureKind::NotFound, path.to_string_lossy(), "the file is not there"));
    };
    if identity.is_some_and(|identity| identity != format!("{:?}", open.identity)) {
        return Err(replaced(&path.to_string_lossy()));
    }
    Ok(open.file)
}

/// Every line that matches. Ends as soon as `wanted` is gone.
pub(super) fn find(path: &Path, pattern: &str, insensitive: bool, identity: Option<&str>, wanted: &Weak<()>) -> Result<Found, Failure> {
    let built = RegexBuilder::new(pattern).case_insensitive(insensitive).multi_line(true).build();
    let regex = built.map_err(|error| {
        let said = error.to_string();
        Failure::new(FailureKind::Rejected, "the search", said.lines().last().unwrap_or("this is no regular expression"))
            .hint("A backslash before a character takes its meaning away: \\( \\[ \\.")
    })?;
    let file = opened(path, identity)?;
    let mut search = Search { regex, found: Found::default(), lines: 0 };
    let (mut buffer, mut offset) = (Vec::new(), 0);
    while wanted.strong_count() > 0 {
        let kept = buffer.len();
        buffer.resize(kept + CHUNK, 0);
        let n = file.read_at(&mut buffer[kept..], offset + kept as u64).map_err(|error| trouble::at(path, &error))?;
        buffer.truncate(kept + n);
        // A last line without an end is a line; one that never ends is searched in pieces.
        let end = match memrchr(b'\n', &buffer) {
            _ if n == 0 || buffer.len() > 16 * CHUNK => buffer.len(),
            Some(end) => end + 1,
            None => continue,
        };
        search.through(&buffer[..end], offset);
        offset += end as u64;
        buffer.drain(..end);
        if n == 0 {
            return Ok(search.found);
        }
    }
    Err(Failure::new(FailureKind::Stopped, path.to_string_lossy(), "the search was given up"))
}

struct Search {
    regex: Regex,
    found: Found,
    /// Lines before the bytes at hand.
    lines: u64,
}

impl Search {
    /// Whole lines, of which the first begins at `offset`.
    fn through(&mut self, bytes: &[u8], offset: u64) {
        let (mut at, mut counted) = (0, 0);
        while at < bytes.len() {
            let Some(hit) = self.regex.find_at(bytes, at) else { break };
            // After the last line's end there is no line.
            if hit.start() >= bytes.len() && bytes.ends_with(b"\n") {
                break;
            }
            let start = memrchr(b'\n', &bytes[..hit.start()]).map_or(0, |n| n + 1);
            let end = memchr(b'\n', &bytes[hit.start()..]).map_or(bytes.len(), |n| hit.start() + n);
            // What was found may reach over the end of its line: then the line alone has the last word.
            if hit.end() <= end || self.regex.is_match(&bytes[start..end]) {
                self.found.total += 1;
                if self.found.hits.len() < MOST {
                    self.lines += memchr_iter(b'\n', &bytes[counted..start]).count() as u64;
                    counted = start;
                    let text = String::from_utf8_lossy(&bytes[start..end.min(start + SHOWN)]).into_owned();
                    self.found.hits.push(LogHit { line: self.lines + 1, place: LogPlace::Byte(offset + start as u64), text });
                }
            }
            at = end + 1;
        }
        if self.found.hits.len() < MOST {
            self.lines += memchr_iter(b'\n', &bytes[counted..]).count() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn all(path: &Path, pattern: &str) -> Found {
        let wanted = Arc::new(());
        find(path, pattern, false, None, &Arc::downgrade(&wanted)).unwrap()
    }

    #[test]
    fn a_search_knows_lines_and_offsets_and_counts_past_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let text: String = (1..=600_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        let found = all(&path, "[05]$");
        assert_eq!((found.total, found.hits.len()), (120_000, MOST));
        let last = found.hits.last().unwrap();
        assert_eq!((last.line, last.text.as_str()), (50_000, "line 50000"));
        let LogPlace::Byte(at) = last.place else { panic!() };
        assert!(text[usize::try_from(at).unwrap()..].starts_with("line 50000\n"));
        assert_eq!(all(&path, "^line 600000$").hits[0].line, 600_000);
        assert_eq!(all(&path, "").total, 600_000);
        let nobody = Weak::new();
        assert_eq!(find(&path, "x", false, None, &nobody).unwrap_err().kind, FailureKind::Stopped);
    }

    #[test]
    fn another_file_is_never_mixed_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let identity = format!("{:?}", open_regular(&path).unwrap().unwrap().identity);
        assert_eq!(read(&path, 8, -5, Some(&identity)).unwrap().bytes, b"two\n");
        std::fs::write(dir.path().join("new"), "another one, longer\n").unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(read(&path, 8, -5, Some(&identity)).unwrap_err().kind, FailureKind::Conflict);
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(&path, 8, -5, None).unwrap_err().kind, FailureKind::Conflict);
    }

    proptest! {
        #[test]
        fn lines_are_found_as_if_each_were_alone(lines in proptest::collection::vec("[ab \\xff]{0,6}", 0..30), pattern in "(a|b|\\\\s|\\\\S|\\^|\\$|\\.){1,4}") {
            let text = lines.join("\n");
            let Ok(regex) = Regex::new(&pattern) else { return Ok(()) };
            let mut search = Search { regex: RegexBuilder::new(&pattern).multi_line(true).build().unwrap(), found: Found::default(), lines: 0 };
            search.through(text.as_bytes(), 0);
            let mut expected: Vec<u64> = (1..).zip(&lines).filter(|(_, l)| regex.is_match(l.as_bytes())).map(|(n, _)| n).collect();
            // Nothing after the last line break is no line.
            if lines.last().is_some_and(String::is_empty) {
                expected.retain(|n| *n < lines.len() as u64);
            }
            prop_assert_eq!(search.found.hits.iter().map(|h| h.line).collect::<Vec<_>>(), expected);
        }
    }
}
