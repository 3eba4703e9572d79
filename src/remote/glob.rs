//! Names with holes: a shell's `out.*`, Slurm's `rank-%t.log`, and what a script writes as `$SLURM_PROCID`; and the files that fit.
//!
//! Never hands a name to a shell unquoted: only the holes are the shell's.

use std::cmp::Ordering;
use std::fmt::Write as _;

use regex::Regex;

use super::host::Said;
use crate::model::text::quoted;

/// No more files than this for one question.
const MOST: usize = 2_000;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    /// Any text without a slash.
    Any,
    One,
    /// A whole number.
    Number,
    /// `[a-z]`, as it was written.
    Set(String),
}

/// A name with holes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(Vec<Piece>);

/// What a job's patterns are filled with, as far as it is known.
#[derive(Clone, Default, Debug)]
pub(super) struct Known {
    pub(super) job: String,
    pub(super) array_job: String,
    pub(super) array_task: String,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) work_dir: String,
}

impl Pattern {
    /// What somebody typed for a shell: `*`, `?`, `[…]`.
    pub(super) fn shell(text: &str) -> Self {
        let mut pattern = Self(Vec::new());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match (c, rest.split_once(']')) {
                ('*', _) => pattern.0.push(Piece::Any),
                ('?', _) => pattern.0.push(Piece::One),
                ('[', Some((set, after)))
                    if !set.is_empty() && set.trim_start_matches('!').chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) =>
                {
                    pattern.0.push(Piece::Set(set.to_owned()));
                    rest = after;
                }
                ('\\', _) => {
                    if let Some(c) = rest.chars().next() {
                        pattern.text(c);
                        rest = &rest[c.len_utf8()..];
                    }
                }
                _ => pattern.text(c),
            }
        }
        pattern
    }

    /// What Slurm fills in: what is known of the job is, each task's own number or node is a hole. Relative names begin at the job's
    /// working directory.
    pub(super) fn slurm(text: &str, known: &Known) -> Self {
        let mut pattern = Self(Vec::new());
        if !text.starts_with('/') {
            known.work_dir.trim_end_matches('/').chars().for_each(|c| pattern.text(c));
            pattern.text('/');
        }
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c == '$' {
                rest = pattern.variable(rest, known);
                continue;
            }
            if c != '%' {
                pattern.text(c);
                continue;
            }
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let wide = rest[..digits].parse::<usize>().unwrap_or(0).min(10);
            let Some(letter) = rest[digits..].chars().next() else { break };
            rest = &rest[digits + letter.len_utf8()..];
            let value = match letter {
                '%' => "%",
                'j' => &known.job,
                'A' if known.array_job.is_empty() => &known.job,
                'A' => &known.array_job,
                'a' => &known.array_task,
                'x' => &known.name,
                'u' => &known.user,
                'J' => {
                    known.job.chars().for_each(|c| pattern.text(c));
                    pattern.text('.');
                    ""
                }
                't' | 'n' | 's' => "",
                _ => {
                    pattern.0.push(Piece::Any);
                    continue;
                }
            };
            if value.is_empty() {
                pattern.0.push(Piece::Number);
            } else {
                (value.len()..wide).for_each(|_| pattern.text('0'));
                value.chars().for_each(|c| pattern.text(c));
            }
        }
        pattern
    }

    /// `SLURM_PROCID}…` after a dollar: what follows it.
    fn variable<'a>(&mut self, rest: &'a str, known: &Known) -> &'a str {
        let (name, after) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, after)) => (name, after),
            None => rest.split_at(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())),
        };
        let value = match name {
            "SLURM_JOB_ID" | "SLURM_JOBID" => &known.job,
            "SLURM_ARRAY_JOB_ID" => &known.array_job,
            "SLURM_ARRAY_TASK_ID" => &known.array_task,
            "SLURM_JOB_NAME" => &known.name,
            "USER" => &known.user,
            "SLURM_SUBMIT_DIR" | "PWD" => &known.work_dir,
            _ => "",
        };
        if value.is_empty() {
            self.0.push(Piece::Any);
        } else {
            value.chars().for_each(|c| self.text(c));
        }
        after
    }

    fn text(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.0.push(Piece::Text(c.into())),
        }
    }

    /// The name, where it has no holes.
    pub(super) fn name(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// As a word that a shell expands; what is not absolute begins at the home folder.
    fn word(&self) -> String {
        let mut word = String::new();
        let mut pieces = self.0.iter();
        let first = match pieces.as_slice().first() {
            Some(Piece::Text(text)) if text.starts_with('/') => None,
            Some(Piece::Text(text)) => Some(text.strip_prefix("~/").unwrap_or(text)),
            _ => Some(""),
        };
        if let Some(below) = first {
            word.push_str("\"$HOME\"/");
            if !below.is_empty() {
                word.push_str(&quoted(below));
                pieces.next();
            }
        }
        for piece in pieces {
            match piece {
                Piece::Text(text) => word.push_str(&quoted(text)),
                Piece::Any => word.push('*'),
                Piece::One => word.push('?'),
                Piece::Number => word.push_str("[0-9]*"),
                Piece::Set(set) => {
                    let _ = write!(word, "[{set}]");
                }
            }
        }
        word
    }

    /// Whether a path fits, where numbers are whole numbers.
    fn fits(&self, path: &str) -> bool {
        let mut expression = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => expression.push_str(&regex::escape(text.strip_prefix("~/").unwrap_or(text))),
                Piece::Any => expression.push_str("[^/]*"),
                Piece::One => expression.push_str("[^/]"),
                Piece::Number => expression.push_str("[0-9]+"),
                Piece::Set(set) => {
                    let _ = write!(expression, "[{}]", set.replacen('!', "^", 1));
                }
            }
        }
        Regex::new(&format!("{expression}$")).is_ok_and(|regex| regex.is_match(path))
    }
}

/// The script that lists the regular files which fit, each ended by a zero byte.
pub(super) fn script(patterns: &[Pattern]) -> String {
    let words: Vec<String> = patterns.iter().map(Pattern::word).collect();
    format!("for f in {}; do if [ -f \"$f\" ]; then printf '%s\\0' \"$f\"; fi; done", words.join(" "))
}

/// What [`script`] printed: paths, each once, `rank-2` before `rank-10`.
pub(super) fn read(said: &Said, patterns: &[Pattern]) -> Vec<String> {
    let mut paths: Vec<String> = said
        .stdout
        .split(|b| *b == 0)
        .filter_map(|path| std::str::from_utf8(path).ok())
        .filter(|path| !path.is_empty() && patterns.iter().any(|pattern| pattern.fits(path)))
        .map(str::to_owned)
        .collect();
    paths.sort_by(|a, b| natural(a, b));
    paths.dedup();
    paths.truncate(MOST);
    paths
}

/// The order of names in which numbers count as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let head = |text: &str| text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (i, j) = (head(a), head(b));
        let order = a[..i].cmp(&b[..j]);
        if order != Ordering::Equal || i == a.len() && j == b.len() {
            return order;
        }
        (a, b) = (&a[i..], &b[j..]);
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (i, j) = (digits(a), digits(b));
        let (x, y) = (a[..i].trim_start_matches('0'), b[..j].trim_start_matches('0'));
        let order = (x.len(), x, i).cmp(&(y.len(), y, j));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (&a[i..], &b[j..]);
    }
}

/// The patterns of the outputs that a script's `srun`s ask for.
pub(super) fn of_steps(script: &str) -> Vec<String> {
    let joined = script.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words = shell_words::split(line).unwrap_or_else(|_| line.split_whitespace().map(str::to_owned).collect());
        let Some(at) = words.iter().position(|word| word == "srun" || word.ends_with("/srun")) else { continue };
        let mut words = words[at + 1..].iter();
        while let Some(word) = words.next() {
            let glued = ["--output=", "--error=", "-o", "-e"].iter().find_map(|option| word.strip_prefix(option));
            let value = match (word.as_str(), glued) {
                ("-o" | "-e" | "--output" | "--error", _) => words.next().map(String::as_str),
                (_, value) => value,
            };
            if let Some(value) = value.filter(|value| !value.is_empty() && !matches!(*value, "none" | "all" | "/dev/null")) {
                found.push(value.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known { job: "7".into(), name: "it's".into(), user: "me".into(), work_dir: "/w d/".into(), ..Known::default() }
    }

    #[test]
    fn slurm_s_patterns_become_names_with_holes() {
        let slurm = |text: &str| Pattern::slurm(text, &known());
        assert_eq!(slurm("%x-%j.out").name(), Some("/w d/it's-7.out"));
        assert_eq!(slurm("/a/rank-%4t.%N.log").word(), "/a/rank-[0-9]*.*.log");
        assert_eq!(slurm("%J.%%").word(), "'/w d/7.'[0-9]*.%");
        assert_eq!(slurm("/o/${SLURM_JOB_ID}/$SLURM_PROCID.txt").word(), "/o/7/*.txt");
        assert_eq!(slurm("%5j").name(), Some("/w d/00007"));
    }

    #[test]
    fn only_the_holes_are_the_shell_s() {
        assert_eq!(Pattern::shell("/d/out.*").word(), "/d/out.*");
        assert_eq!(Pattern::shell("a $(rm) b?[0-9]").word(), "\"$HOME\"/'a $(rm) b'?[0-9]");
        assert_eq!(Pattern::shell("~/x*").word(), "\"$HOME\"/x*");
        assert_eq!(Pattern::shell("*;rm").word(), "\"$HOME\"/*';rm'");
        assert_eq!(Pattern::shell("[$(x)]").word(), "\"$HOME\"/'[$(x)]'");
    }

    #[test]
    fn files_that_fit_come_in_the_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().to_str().unwrap();
        for name in ["rank-10.log", "rank-9.log", "rank-1x.log", "rank-0.log", "other.log"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("rank-5.log")).unwrap();
        let list = |pattern: Pattern| {
            let patterns = [pattern];
            let out = std::process::Command::new("sh").arg("-c").arg(script(&patterns)).output().unwrap();
            let said = Said { status: 0, stdout: out.stdout, stderr: String::new() };
            read(&said, &patterns).into_iter().map(|path| path[base.len() + 1..].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(list(Pattern::slurm(&format!("{base}/rank-%t.log"), &known())), ["rank-0.log", "rank-9.log", "rank-10.log"]);
        assert_eq!(list(Pattern::shell(&format!("{base}/*[r]*.log"))).len(), 5);
        assert_eq!(list(Pattern::shell(&format!("{base}/none*"))), [""; 0]);
    }

    #[test]
    fn outputs_of_steps_are_found_in_scripts() {
        let script = "#!/bin/sh\n#SBATCH -o x\nsrun -n 4 -o rank-%t.log \\\n  --error=\"err %t\" ./a -o no\n# srun -o not\nsrun -oglued.%N b\necho -o nothing\n";
        assert_eq!(of_steps(script), ["rank-%t.log", "err %t", "no", "glued.%N"]);
    }
}
