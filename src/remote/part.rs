//! A part of a file on some machine: whole lines beside a byte, and the lines of all of it that match.
//!
//! Never mixes two files: whoever opened one says which, and another one behind the same path is a failure.

use memchr::{memchr, memrchr};

use super::host::Said;
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, LogHit, LogPlace};

/// Hits that are handed on; all are counted.
pub const MOST: usize = 10_000;
/// Bytes of a line that found something.
pub(super) const SHOWN: usize = 600;

/// Whole lines of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Offset of the first byte.
    pub start: u64,
    /// The bytes; a line longer than was asked for is cut.
    pub bytes: Vec<u8>,
    /// Nothing stands after them now.
    pub is_end: bool,
}

/// What a search of a whole file found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The first [`MOST`] in order.
    pub hits: Vec<LogHit>,
    /// All of them.
    pub total: u64,
}

/// Which bytes must be read for a part, and which lines of them it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    at: u64,
    length: u64,
    is_before: bool,
}

impl Window {
    /// About `bytes` after `at`, or before it where negative.
    pub(super) fn new(at: u64, bytes: i64) -> Self {
        Self { at, length: bytes.unsigned_abs().clamp(1, 64 << 20), is_before: bytes < 0 }
    }

    /// The first byte to read and one past the last one. The one before those that are wanted tells whether they begin a line.
    pub(super) fn read(self) -> (u64, u64) {
        if self.is_before {
            (self.at.saturating_sub(self.length).saturating_sub(1), self.at)
        } else {
            (self.at.saturating_sub(1), self.at.saturating_add(self.length))
        }
    }

    /// The bytes to look through for the beginning of the line that `at` stands in.
    pub(super) fn behind(self) -> Option<(u64, u64)> {
        (!self.is_before && self.at > 0).then(|| (self.at.saturating_sub(self.length), self.at))
    }

    /// Cuts whole lines out of what was read. `breaks` is the number of line ends in [`Window::behind`]: none, and `at` stands inside
    /// a line that was cut before, which goes on right there.
    pub(super) fn cut(self, data: &[u8], size: u64, breaks: u64) -> Part {
        let from = self.read().0;
        let to = from + data.len() as u64;
        let index = |offset: u64| usize::try_from(offset - from).unwrap_or(data.len()).min(data.len());
        let (start, end) = if self.is_before {
            let low = self.at.saturating_sub(self.length).min(to);
            let first = memchr(b'\n', data).map(|n| from + n as u64 + 1).filter(|start| *start < to);
            (if low == 0 { 0 } else { first.unwrap_or(low) }, to)
        } else {
            let at = self.at.min(to);
            let body = &data[index(at)..];
            let begins = self.at == 0 || data.first() == Some(&b'\n') || breaks == 0 && self.at >= self.length;
            let next = || memchr(b'\n', body).map(|n| at + n as u64 + 1).filter(|start| *start < to || to >= size);
            let start = if begins { at } else { next().unwrap_or(at) };
            let last = || memrchr(b'\n', &data[index(start)..]).map(|n| start + n as u64 + 1);
            (start, if to >= size { to } else { last().unwrap_or(to) })
        };
        Part { start, bytes: data[index(start)..index(end)].to_vec(), is_end: end >= size }
    }
}

/// Opens `$f` as descriptor 3, when it is the file that was opened before, and knows its identity and size as `$1` and `$2`.
const OPEN: &str = "\
LC_ALL=C; export LC_ALL
if stat -Lc %i / >/dev/null 2>&1; then look() { stat -Lc '%d:%i:%W %s' -- \"$f\"; }; else look() { stat -Lf '%d:%i:%B %z' -- \"$f\"; }; fi
if [ -e \"$f\" ] && [ ! -f \"$f\" ]; then echo 'this is not a regular file' >&2; exit 8; fi
exec 3<\"$f\"
set -- $(look)
[ \"$f\" -ef /dev/fd/3 ] || exit 9
[ -z \"$i\" ] || [ \"$1\" = \"$i\" ] || exit 9
";

/// The script that reads a window of a file; `identity` is that of the file that is meant, where one was opened.
pub(super) fn script(path: &str, window: Window, identity: Option<&str>) -> String {
    let (from, to) = window.read();
    let skim = window.behind().map_or_else(String::new, |(low, high)| {
        format!("k=$(tail -c +{} </dev/fd/3 | head -c {} | tr -dc '\\n' | wc -c)\n", low + 1, high - low)
    });
    format!(
        "f={} i={} k=0\n{OPEN}[ \"$2\" -ge {} ] || exit 7\n{skim}printf '%s %s\\n' \"$2\" $k\n\
         tail -c +{} </dev/fd/3 | head -c {}\na=$1 z=$2\nset -- $(look)\n[ \"$1\" = \"$a\" ] && [ \"$2\" -ge \"$z\" ] || exit 9",
        quoted(path),
        quoted(identity.unwrap_or("")),
        window.at,
        from + 1,
        to - from,
    )
}

/// Reads what [`script`] printed.
pub(super) fn read(said: &Said, window: Window, place: &str) -> Result<Part, Failure> {
    if said.status != 0 {
        return Err(trouble(said, place));
    }
    let garbled = || Failure::new(FailureKind::Garbled, place, "the answer could not be read");
    let line = memchr(b'\n', &said.stdout).ok_or_else(garbled)?;
    let head = String::from_utf8_lossy(&said.stdout[..line]);
    let mut numbers = head.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(size)), Some(Ok(breaks))) = (numbers.next(), numbers.next()) else { return Err(garbled()) };
    Ok(window.cut(&said.stdout[line + 1..], size, breaks))
}

/// The script that searches a whole file; the pattern is an extended regular expression of any bytes.
pub(super) fn search(path: &str, expression: &[u8], insensitive: bool, identity: Option<&str>) -> String {
    // As octal numbers no shell and no locale can misread it.
    let octal: String = expression.iter().map(|b| format!("\\{b:03o}")).collect();
    let case = if insensitive { "-i " } else { "" };
    format!(
        "f={} i={}\n{OPEN}p=$(printf '{octal}')\n\
         {{ nice grep -n -b -a -E {case}-e \"$p\" </dev/fd/3; echo \"grep $?\" >&2; }} | sed -n -e '1,{MOST}p' -e '$=' | cut -b 1-{SHOWN}\n\
         [ \"$f\" -ef /dev/fd/3 ] || exit 9",
        quoted(path),
        quoted(identity.unwrap_or("")),
    )
}

/// Reads what [`search`] printed: `line:offset:text`, and at last how many there are.
pub(super) fn found(said: &Said, place: &str) -> Result<Found, Failure> {
    let ended = said.stderr.lines().rev().find_map(|line| line.strip_prefix("grep "));
    if said.status != 0 || !matches!(ended, Some("0" | "1")) {
        return Err(trouble(said, place));
    }
    let mut lines: Vec<&[u8]> = said.stdout.split(|b| *b == b'\n').collect();
    lines.pop();
    let Some(total) = lines.pop() else { return Ok(Found::default()) };
    let garbled = || Failure::new(FailureKind::Garbled, place, "grep printed what cannot be read");
    let total = std::str::from_utf8(total).ok().and_then(|n| n.trim().parse().ok()).ok_or_else(garbled)?;
    let hits = lines.into_iter().map(|line| hit(line).ok_or_else(garbled)).collect::<Result<_, _>>()?;
    Ok(Found { hits, total })
}

fn hit(line: &[u8]) -> Option<LogHit> {
    let mut parts = line.splitn(3, |b| *b == b':');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
    let (line, offset) = (number()?, number()?);
    let text = String::from_utf8_lossy(parts.next()?).into_owned();
    Some(LogHit { line, place: LogPlace::Byte(offset), text })
}

/// The file is not the one that was opened.
pub(super) fn replaced(place: &str) -> Failure {
    Failure::new(FailureKind::Conflict, place, "another file stands there now than the one that was opened, or it was cut")
        .hint("What is shown was the old file's; following goes on in the new one.")
}

fn trouble(said: &Said, place: &str) -> Failure {
    let text = said.stderr.trim();
    let first = text.lines().find(|line| !line.starts_with("grep ") || line.starts_with("grep:")).unwrap_or("").trim();
    let kind = match said.status {
        7 | 9 => return replaced(place),
        8 => FailureKind::Unsupported,
        _ if text.contains("No such file") || text.contains("nonexistent") => FailureKind::NotFound,
        _ if text.contains("ermission denied") => FailureKind::Denied,
        _ => FailureKind::Garbled,
    };
    let what = first.rsplit_once(": ").filter(|_| kind != FailureKind::Garbled).map_or(first, |(_, last)| last);
    Failure::new(kind, place, if what.is_empty() { "the file could not be read" } else { what })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(file: &[u8], at: u64, bytes: i64) -> Part {
        let window = Window::new(at, bytes);
        let slice = |(from, to): (u64, u64)| {
            let clip = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(file.len());
            &file[clip(from)..clip(to)]
        };
        let breaks = window.behind().map_or(0, |range| slice(range).iter().filter(|b| **b == b'\n').count());
        window.cut(slice(window.read()), file.len() as u64, breaks as u64)
    }

    #[test]
    fn lines_come_whole_and_long_ones_are_cut_knowingly() {
        let file = b"one\ntwo\nthree and more\nfour";
        assert_eq!(part(file, 8, -5), Part { start: 4, bytes: b"two\n".to_vec(), is_end: false });
        assert_eq!(part(file, 8, -4), Part { start: 4, bytes: b"two\n".to_vec(), is_end: false });
        assert_eq!(part(file, 8, -3), Part { start: 5, bytes: b"wo\n".to_vec(), is_end: false });
        assert_eq!(part(file, 0, 9), Part { start: 0, bytes: b"one\ntwo\n".to_vec(), is_end: false });
        assert_eq!(part(file, 5, 20), Part { start: 8, bytes: b"three and more\n".to_vec(), is_end: false });
        assert_eq!(part(file, 8, 4), Part { start: 8, bytes: b"thre".to_vec(), is_end: false });
        assert_eq!(part(file, 12, 4), Part { start: 12, bytes: b"e an".to_vec(), is_end: false });
        assert_eq!(part(file, 23, 100), Part { start: 23, bytes: b"four".to_vec(), is_end: true });
        assert_eq!(part(file, 27, 100), Part { start: 27, bytes: b"".to_vec(), is_end: true });
    }

    #[test]
    fn what_grep_prints_is_read_and_its_trouble_told() {
        let said = |status, stdout: &[u8], stderr: &str| Said { status, stdout: stdout.to_vec(), stderr: stderr.into() };
        let found = found(&said(0, b"3:17:a:b \xff\n9:80:x\n2\n", "grep 0\n"), "p").unwrap();
        assert_eq!(found.total, 2);
        assert_eq!(found.hits[0], LogHit { line: 3, place: LogPlace::Byte(17), text: "a:b \u{fffd}".into() });
        assert_eq!(super::found(&said(0, b"", "grep 1\n"), "p"), Ok(Found::default()));
        let failure = super::found(&said(0, b"", "grep: Unmatched ( or \\(\ngrep 2\n"), "p").unwrap_err();
        assert!(failure.what.contains("Unmatched"), "{failure}");
        assert_eq!(super::found(&said(9, b"", "grep 0\n"), "p").unwrap_err().kind, FailureKind::Conflict);
        let missing = read(&said(2, b"", "sh: 5: cannot open /x: No such file\n"), Window::new(0, 9), "p").unwrap_err();
        assert_eq!((missing.kind, missing.what.as_str()), (FailureKind::NotFound, "No such file"));
    }

    proptest! {
        #[test]
        fn parts_put_together_are_the_file(file in "[ab\n]{0,200}", length in 1_i64..40) {
            let file = file.as_bytes();
            let (mut at, mut all) = (0, Vec::new());
            while at < file.len() as u64 {
                let next = part(file, at, length);
                prop_assert!(next.start == at && !next.bytes.is_empty());
                at += next.bytes.len() as u64;
                prop_assert_eq!(next.is_end, at == file.len() as u64);
                all.extend(next.bytes);
            }
            prop_assert_eq!(&all, file);
            let mut back = Vec::new();
            while at > 0 {
                let before = part(file, at, -length);
                prop_assert!(before.start < at && before.start + before.bytes.len() as u64 == at);
                at = before.start;
                back.splice(0..0, before.bytes);
            }
            prop_assert_eq!(&back, file);
        }
    }
}
