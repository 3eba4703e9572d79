//! Writing a choice back into the user's configuration file: only its own lines change, every other byte stays.
//!
//! Never writes a file that would be read otherwise than meant: the new text is read again before it takes the old one's place.

mod way;

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Config;
use crate::model::{Chosen, Failure, FailureKind};

impl Config {
    /// Writes the columns of the queue into the file at `path`, which is made where there is none. The new file takes the old one's
    /// place in one step; where that fails nothing is lost. Gives the file that was written, all links followed.
    pub fn keep_columns(path: &Path, columns: &[Chosen]) -> Result<PathBuf, Failure> {
        let list = list(columns);
        let by_hand = format!("jobs: {{columns: {list}}}");
        let change = |old: &str, config: &mut Self| {
            config.jobs.columns = Some(columns.to_vec());
            (with_columns(old, &list), "jobs", by_hand)
        };
        edited(path, "The columns stay until qdeck ends.", change)
    }
}

/// Writes a file anew after a change, which is made to its text and to what it says, and tells the section it is in and how one would
/// write it by hand. `meanwhile` says what holds where the file cannot be written.
fn edited(
    path: &Path,
    meanwhile: &str,
    change: impl FnOnce(&str, &mut Config) -> (String, &'static str, String),
) -> Result<PathBuf, Failure> {
    let denied = |what: String, by_hand: &str| {
        let by_hand = if by_hand.is_empty() { String::new() } else { format!(", or put this there: {by_hand}") };
        Failure::new(FailureKind::Denied, path.display().to_string(), what).hint(format!("{meanwhile} Make the file writable{by_hand}"))
    };
    // A link is followed: what it points to is the user's file.
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(denied(error.to_string(), "")),
    };
    let name = file.display().to_string();
    let mut wanted = Config::parse(&old, &name)?;
    let (new, section, by_hand) = change(&old, &mut wanted);
    if Config::parse(&new, &name).ok().as_ref() != Some(&wanted) {
        let what = format!("its `{section}:` is written in a way that qdeck cannot change without touching the rest");
        return Err(denied(what, &by_hand));
    }
    if new != old {
        replace(&file, &new).map_err(|error| denied(error.to_string(), &by_hand))?;
    }
    Ok(file)
}

/// `[JOBID, "NAME:30", "NODELIST(REASON)"]`.
fn list(columns: &[Chosen]) -> String {
    let words = columns.iter().map(|chosen| {
        let word = chosen.to_string();
        if word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') { word } else { format!("\"{word}\"") }
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// Puts `text` into the place of a file, with its permissions, whole or not at all.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let mut out = fs::File::create(&fresh)?;
        if let Ok(old) = fs::metadata(file) {
            if old.permissions().readonly() {
                return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "the file is read-only"));
            }
            out.set_permissions(old.permissions())?;
        }
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&fresh, file)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

/// The text with `jobs: columns:` set to `list`.
fn with_columns(text: &str, list: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines = Lines::new(text);
    let Some(jobs) = (0..lines.len()).find(|n| key(lines.text(*n)) == Some((0, "jobs"))) else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        return format!("{text}{gap}jobs:{end}  columns: {list}{end}");
    };
    let put = |at: Range<usize>, new: &str| format!("{}{new}{}", &text[..at.start], &text[at.end..]);
    let value = lines.value(jobs);
    if text[value.clone()].starts_with('{') {
        return match member(&text[value.start..], "columns") {
            Member::There(at) => put(value.start + at.start..value.start + at.end, list),
            Member::Missing { empty } => {
                let comma = if empty { "" } else { ", " };
                put(value.start + 1..value.start + 1, &format!("columns: {list}{comma}"))
            }
        };
    }
    // The lines below that are indented are its own.
    let block: Vec<usize> = (jobs + 1..lines.len()).take_while(|n| indent(lines.text(*n)) != Some(0)).collect();
    let inner = block.iter().find_map(|n| indent(lines.text(*n))).unwrap_or(2);
    let Some(columns) = block.iter().copied().find(|n| key(lines.text(*n)) == Some((inner, "columns"))) else {
        let at = lines.at(jobs).end;
        let gap = if text[..at].ends_with('\n') { "" } else { end };
        return put(at..at, &format!("{gap}{}columns: {list}{end}", " ".repeat(inner)));
    };
    let value = lines.value(columns);
    if text[value.clone()].starts_with('[') {
        return put(value.start..value.start + closed(&text[value.start..]), list);
    }
    if !value.is_empty() {
        return put(value, list);
    }
    // One name a line: up to the last of them, comments between them included, what follows stays.
    let is_item = |n: &usize| {
        let line = lines.text(*n);
        indent(line).is_none_or(|at| at > inner || at == inner && line.trim_start().starts_with('-'))
    };
    let items: Vec<usize> = (columns + 1..lines.len()).take_while(is_item).collect();
    let last = items.iter().rev().find(|n| indent(lines.text(**n)).is_some()).copied().unwrap_or(columns);
    let last = lines.at(last);
    let last = last.start + text[last].trim_end_matches(['\r', '\n']).len();
    put(value.start..last.max(value.end), &format!(" {list}"))
}

/// A text by its lines.
struct Lines<'a> {
    text: &'a str,
    at: Vec<Range<usize>>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let mut from = 0;
        let at = text.split_inclusive('\n').map(|line| {
            let start = from;
            from += line.len();
            start..from
        });
        Self { text, at: at.collect() }
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    fn at(&self, n: usize) -> Range<usize> {
        self.at[n].clone()
    }

    fn text(&self, n: usize) -> &'a str {
        &self.text[self.at(n)]
    }

    /// Where the value of the key in line `n` stands, without the comment after it; where none does, an empty place after the colon.
    fn value(&self, n: usize) -> Range<usize> {
        let line = self.text(n);
        let colon = line.find(':').map_or(line.len(), |at| at + 1);
        let rest = &line[colon..];
        let start = colon + rest.len() - rest.trim_start().len();
        let value = if rest.trim_start().starts_with('#') { "" } else { rest.trim_start() };
        let value = value.split(" #").next().unwrap_or("").trim_end();
        let from = self.at[n].start;
        if value.is_empty() { from + colon..from + colon } else { from + start..from + start + value.len() }
    }
}

/// Spaces before the first character that is neither comment nor end of line.
fn indent(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches(' ');
    (!rest.trim().is_empty() && !rest.starts_with('#')).then(|| line.len() - rest.len())
}

/// The key of a line and how far it is indented.
fn key(line: &str) -> Option<(usize, &str)> {
    let (name, value) = line.trim().split_once(':')?;
    (value.is_empty() || value.starts_with(' ')).then_some((indent(line)?, name.trim_end()))
}

/// Where in `{…}` the value of a key stands.
enum Member {
    There(Range<usize>),
    Missing { empty: bool },
}

fn member(text: &str, wanted: &str) -> Member {
    let mut name = None;
    let mut from = 1;
    let mut empty = true;
    for (at, c) in bare(text) {
        match c {
            ':' if name.is_none() && text[at + 1..].starts_with([' ', '\n', '\r']) => {
                name = Some(text[from..at].trim());
                from = at + 1;
            }
            ',' | '}' => {
                empty &= text[from..at].trim().is_empty() && name.is_none();
                if name.map(|name| name.trim_matches(['"', '\''])) == Some(wanted) {
                    let value = &text[from..at];
                    let start = from + value.len() - value.trim_start().len();
                    return Member::There(start..start + value.trim().len());
                }
                (name, from) = (None, at + 1);
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    Member::Missing { empty }
}

/// Bytes up to and with the bracket that closes the one `text` begins with.
fn closed(text: &str) -> usize {
    bare(text).find(|(_, c)| *c == ']' || *c == '}').map_or(text.len(), |(at, _)| at + 1)
}

/// The characters inside the bracket that `text` begins with which are neither quoted, nor in a comment, nor in a bracket further in;
/// with the bracket that closes it, which is the last.
fn bare(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut quote, mut comment, mut before, mut over) = (0, None, false, ' ', false);
    text.char_indices().filter(move |(_, c)| {
        let last = std::mem::replace(&mut before, *c);
        if over {
            return false;
        }
        if comment {
            comment = *c != '\n';
            return false;
        }
        if let Some(open) = quote {
            // A doubled quote closes and opens again, which comes to the same.
            if *c == open && !(open == '"' && last == '\\') {
                quote = None;
            }
            return false;
        }
        match c {
            '#' if last.is_whitespace() => comment = true,
            '"' | '\'' if last.is_whitespace() || matches!(last, '[' | '{' | ',' | ':') || quote.is_some() => quote = Some(*c),
            '[' | '{' => depth += 1,
            ']' | '}' => {
                depth -= 1;
                over = depth == 0;
                return over;
            }
            _ => return depth == 1,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::Column;

    const LIST: &str = "[JOBID, \"NAME:30\", \"NODELIST(REASON)\"]";

    fn columns() -> Vec<Chosen> {
        let auto = |column| Chosen { column, cells: None };
        vec![auto(Column::Id), Chosen { column: Column::Name, cells: Some(30) }, auto(Column::Place)]
    }

    #[rstest]
    #[case::nothing("", "jobs:\n  columns: LIST\n")]
    #[case::comments("# mine\n", "# mine\njobs:\n  columns: LIST\n")]
    #[case::no_last_line_end("theme: dark # night", "theme: dark # night\njobs:\n  columns: LIST\n")]
    #[case::windows("theme: dark\r\n", "theme: dark\r\njobs:\r\n  columns: LIST\r\n")]
    #[case::flow(
        "theme: dark\njobs:   # the queue\n  columns: [ST, JOBID] # few\n  sort: -TIME\n# end\n",
        "theme: dark\njobs:   # the queue\n  columns: LIST # few\n  sort: -TIME\n# end\n"
    )]
    #[case::flow_over_lines(
        "jobs:\n  columns: [ST, # state\n    \"NAME:3\",\n    JOBID]  # ]\n\nkeys: {}\n",
        "jobs:\n  columns: LIST  # ]\n\nkeys: {}\n"
    )]
    #[case::block(
        "jobs:\n  # what I look at\n  columns:\n    - ST\n    # between\n    - 'NAME:3'   # short\n\n  # sorted\n  sort: TIME\n",
        "jobs:\n  # what I look at\n  columns: LIST\n\n  # sorted\n  sort: TIME\n"
    )]
    #[case::block_not_indented("jobs:\n  columns:\n  - ST\n  - NAME\n  sort: TIME\n", "jobs:\n  columns: LIST\n  sort: TIME\n")]
    #[case::only_sort("jobs:\n    sort: TIME\nssh: {}\n", "jobs:\n    columns: LIST\n    sort: TIME\nssh: {}\n")]
    #[case::null_columns("jobs:\n  columns: ~ # squeue's\n", "jobs:\n  columns: LIST # squeue's\n")]
    #[case::empty_columns("jobs:\n  columns:\n  sort: NAME\n", "jobs:\n  columns: LIST\n  sort: NAME\n")]
    #[case::one_line("jobs: {sort: TIME, columns: ['ST', \"NODELIST(REASON)\"]} # x\n", "jobs: {sort: TIME, columns: LIST} # x\n")]
    #[case::one_line_first("jobs: {columns: [ST], sort: '-TIME'}\n", "jobs: {columns: LIST, sort: '-TIME'}\n")]
    #[case::one_line_without("jobs: {sort: TIME}\n", "jobs: {columns: LIST, sort: TIME}\n")]
    #[case::one_line_empty("jobs: {}\n", "jobs: {columns: LIST}\n")]
    #[case::refresh_has_jobs_too("refresh:\n  jobs: 9\n", "refresh:\n  jobs: 9\njobs:\n  columns: LIST\n")]
    fn only_the_columns_change(#[case] old: &str, #[case] new: &str) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/er/config.yaml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        if !old.is_empty() {
            fs::write(&file, old).unwrap();
        }
        Config::keep_columns(&file, &columns()).unwrap();
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(written, new.replace("LIST", LIST));
        assert_eq!(Config::load(Some(&file)).unwrap().jobs.columns, Some(columns()));
        Config::keep_columns(&file, &columns()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), written, "once more changes nothing");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn what_cannot_be_written_is_a_failure_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yaml");
        for odd in ["{theme: dark}\n", "\"jobs\": {sort: TIME}\n", "? jobs\n: {sort: TIME}\n"] {
            fs::write(&file, odd).unwrap();
            let Err(failure) = Config::keep_columns(&file, &columns()) else { panic!("{}", fs::read_to_string(&file).unwrap()) };
            assert!(failure.hint.contains("jobs: {columns: [JOBID"), "{failure}");
            assert_eq!(fs::read_to_string(&file).unwrap(), odd);
        }
        fs::write(&file, "nonsense: 1\n").unwrap();
        assert!(Config::keep_columns(&file, &columns()).unwrap_err().to_string().contains("config.yaml:1"));
        let blocked = dir.path().join("config.yaml/below");
        assert_eq!(Config::keep_columns(&blocked, &columns()).unwrap_err().kind, FailureKind::Denied);
        fs::write(&file, "theme: dark\n").unwrap();
        let mut permissions = fs::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&file, permissions).unwrap();
        assert!(Config::keep_columns(&file, &columns()).unwrap_err().what.contains("read-only"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "theme: dark\n");
    }

    #[test]
    fn a_link_and_the_permissions_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("dotfiles.yaml"), dir.path().join("config.yaml"));
        fs::write(&real, "theme: light\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&real, &link).unwrap();
        assert_eq!(Config::keep_columns(&link, &columns()).unwrap(), fs::canonicalize(&real).unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&real).unwrap().starts_with("theme: light\njobs:\n"));
    }
}
