//! How bad a line is, told from its words: Slurm's, Python's, MPI's, ParallelCluster's, journald's, and level words where levels stand.
//!
//! Never looks closely at a line that holds none of a few words: those are searched for in many lines at once.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

/// What stands out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// A warning.
    Warning,
    /// A line of an error that began above.
    More,
    /// The line where an error begins.
    Error,
    /// The scheduler's last words about a job: time limit, memory, cancelled, node failure.
    Last,
}

impl Severity {
    /// Whether an error begins here.
    pub fn is_error_head(self) -> bool {
        matches!(self, Self::Error | Self::Last)
    }
}

/// A line without any of these words is not looked at closely. Their beginnings are left out where case differs.
static SUSPECT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = [
        "rror",
        "RROR",
        "atal",
        "FATAL",
        "arning",
        "WARN",
        "CRIT",
        "ritical",
        "raceback (most",
        "ABORT",
        "noticed that",
        "PMI",
        "TIME LIMIT",
        "memory limit",
        "oom_kill",
        "oom-kill",
        "OOM Killed",
        "CANCELLED AT",
        "NODE FAIL",
        "xception",
        "tion fault",
        "core dumped",
        "panic",
        "EMERG",
        "ALERT",
        "Killed",
        "terminated abnormally",
    ];
    Regex::new(&words.map(regex::escape).join("|")).ok()
});

/// Where in `bytes` words stand that make a line suspect, ascending.
pub(super) fn suspects(bytes: &[u8]) -> impl Iterator<Item = usize> {
    SUSPECT.iter().flat_map(move |regex| regex.find_iter(bytes).map(|found| found.start()))
}

/// Looks at lines one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judge {
    traceback: bool,
}

const TRACEBACK: &[u8] = b"Traceback (most recent call last)";

/// What Slurm says last.
const LAST: [&[u8]; 8] = [
    b"DUE TO TIME LIMIT",
    b"oom_kill",
    b"oom-kill",
    b"OOM Killed",
    b"CANCELLED AT",
    b"Exceeded job memory limit",
    b"NODE FAILURE",
    b"DUE TO NODE FAIL",
];

/// Errors wherever they stand in a line.
const PLAIN: [&[u8]; 11] = [
    b"MPI_ABORT",
    b"noticed that process",
    b"PMIX ERROR",
    b"PMIX_ERR",
    b"Segmentation fault",
    b"segmentation fault",
    b"core dumped",
    b"panicked at",
    b"Bus error",
    b"Kernel panic",
    b"Application terminated abnormally",
];

/// Level words, and whether they are errors.
const LEVELS: [(&[u8], bool); 12] = [
    (b"CRITICAL", true),
    (b"FATAL", true),
    (b"ERROR", true),
    (b"EMERG", true),
    (b"ALERT", true),
    (b"CRIT", true),
    (b"WARNING", false),
    (b"WARN", false),
    (b"fatal", true),
    (b"critical", true),
    (b"error", true),
    (b"warning", false),
];

impl Judge {
    /// How bad a line is. `suspect` says whether it holds one of the words that are searched for.
    pub(super) fn look(&mut self, line: &[u8], suspect: bool) -> Option<Severity> {
        if self.traceback {
            return self.inside(line, suspect);
        }
        match line.first() {
            Some(b'<') => {
                if let [b'<', level @ b'0'..=b'7', b'>', ..] = line {
                    return match level {
                        b'0'..=b'3' => Some(Severity::Error),
                        b'4' => Some(Severity::Warning),
                        _ => None,
                    };
                }
            }
            // glog: a letter, month and day, a space.
            Some(letter @ (b'E' | b'F' | b'W')) if line.len() > 5 && line[1..5].iter().all(u8::is_ascii_digit) && line[5] == b' ' => {
                return Some(if *letter == b'W' { Severity::Warning } else { Severity::Error });
            }
            _ => {}
        }
        if suspect { self.judge(line) } else { None }
    }

    /// After `Traceback`: what is indented belongs to it, and so does the first line that is not, which names the exception.
    fn inside(&mut self, line: &[u8], suspect: bool) -> Option<Severity> {
        let body = after_prefix(line);
        let blank = body.iter().all(u8::is_ascii_whitespace);
        if !blank && !body.first().is_some_and(|c| *c == b' ' || *c == b'\t') {
            self.traceback = false;
            // Chained tracebacks begin anew.
            if suspect && memmem::find(line, TRACEBACK).is_some() {
                return self.judge(line);
            }
        }
        Some(Severity::More)
    }

    fn judge(&mut self, line: &[u8]) -> Option<Severity> {
        let text = super::pattern::without_colours(line);
        // Long lines say how bad they are at their beginning or nowhere.
        let text = &text[..text.len().min(2_048)];
        let has = |word: &[u8]| memmem::find(text, word).is_some();
        if LAST.iter().any(|word| has(word)) {
            return Some(Severity::Last);
        }
        if has(TRACEBACK) {
            self.traceback = true;
            return Some(Severity::Error);
        }
        if PLAIN.iter().any(|word| has(word)) {
            return Some(Severity::Error);
        }
        let mut worst = None;
        for (word, is_error) in LEVELS {
            if worst != Some(Severity::Error) && memmem::find_iter(text, word).any(|at| stands_as_level(text, at, word)) {
                worst = Some(if is_error { Severity::Error } else { worst.unwrap_or(Severity::Warning) });
            }
        }
        if worst.is_none() && (names_exception(text) || text == b"Killed") {
            worst = Some(Severity::Error);
        }
        worst
    }
}

/// Without what launchers put in front of each line: `[rank0]: `, `0: `, `[1,0]<stderr>:`.
fn after_prefix(line: &[u8]) -> &[u8] {
    let head = &line[..line.len().min(32)];
    let end = match head.first() {
        Some(b'[') => memchr::memchr(b']', head).map(|p| p + 1),
        Some(c) if c.is_ascii_digit() => head.iter().position(|c| !c.is_ascii_digit()),
        _ => None,
    };
    let Some(end) = end else { return line };
    let end = if head[end..].starts_with(b"<stderr>") { end + 8 } else { end };
    match &line[end..] {
        [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
        _ => line,
    }
}

/// Whether a level word stands where a level does: alone, near the beginning, capital between spaces or brackets, or small before a colon.
fn stands_as_level(text: &[u8], at: usize, word: &[u8]) -> bool {
    let (before, after) = (at.checked_sub(1).map(|p| text[p]), text.get(at + word.len()).copied());
    let open =
        before.is_none_or(|c| matches!(c, b' ' | b'\t' | b'[' | b'(' | b'|' | b':' | b'<' | b']' | b'*' | b'"' | b'=' | b'-' | b'/'));
    let close = after.is_none_or(|c| matches!(c, b' ' | b'\t' | b']' | b')' | b'|' | b':' | b'>' | b',' | b'"' | b'*' | b'-' | b';'));
    if !open || !close {
        return false;
    }
    let keyed = before == Some(b'=') || before == Some(b'"') && after == Some(b'"');
    if word[0].is_ascii_uppercase() {
        // Far from the beginning it is more likely part of a sentence.
        return keyed || at < 120;
    }
    if keyed {
        let from = at.saturating_sub(12);
        return [&b"level"[..], b"severity", b"lvl", b"priority"].iter().any(|key| memmem::find(&text[from..at], key).is_some());
    }
    after == Some(b':') && before.is_none_or(|c| matches!(c, b' ' | b'\t' | b']'))
}

/// `RuntimeError: …` at the beginning of a line.
fn names_exception(text: &[u8]) -> bool {
    let end = text.iter().take(80).position(|c| !(c.is_ascii_alphanumeric() || *c == b'.' || *c == b'_')).unwrap_or(0);
    let name = &text[..end];
    text.get(end) == Some(&b':') && (name.ends_with(b"Error") || name.ends_with(b"Exception"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Severity> {
        Judge::default().look(line.as_bytes(), suspects(line.as_bytes()).next().is_some())
    }

    #[test]
    fn errors_are_known_by_their_words() {
        for line in [
            "slurmstepd: error: execve(): no such file",
            "[2026-01-01T00:00:00.000] error: Node compute-1 not responding",
            "[2026-01-01T00:00:00.000] fatal: cannot find conf",
            "srun: error: compute-1: task 0: Exited with exit code 1",
            "2026-01-01 00:00:00,000 - [slurm_plugin.clustermgtd:main] - ERROR - Failed",
            "2026-01-01 00:00:00,000 - [slurm_plugin.clustermgtd:main] - CRITICAL - Failed",
            "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD",
            "mpirun noticed that process rank 1 with PID 0 on node a exited on signal 9",
            "[node:1] PMIX ERROR: UNREACHABLE in file x.c at line 1",
            "<3>kernel: something",
            "E1125 14:02:11.000000 1 main.go:1] lost",
            "RuntimeError: CUDA error: an illegal memory access",
            "torch.cuda.OutOfMemoryError: CUDA out of memory",
            "level=error msg=\"no\"",
            "{\"level\":\"error\",\"message\":\"x\"}",
            "\x1b[31mERROR\x1b[0m lost",
            "ERROR: no space",
            "main.c:3:1: error: expected ;",
            "./run: line 3: 77 Segmentation fault (core dumped) ./a.out",
        ] {
            assert_eq!(of(line), Some(Severity::Error), "{line}");
        }
        for line in [
            "2026-01-01 00:00:00,000 - [slurm_plugin.clustermgtd:main] - WARNING - Node",
            "<4>kernel: x",
            "\x1b[33mWARNING\x1b[0m loader: worker 1 took 300 ms",
            "warning: unused variable",
            "level=warning msg=x",
        ] {
            assert_eq!(of(line), Some(Severity::Warning), "{line}");
        }
        for line in [
            "slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
            "slurmstepd: error: Detected 1 oom_kill event in StepId=1.batch.",
            "slurmstepd: error: Exceeded job memory limit",
            "srun: Job step aborted: NODE FAILURE",
        ] {
            assert_eq!(of(line), Some(Severity::Last), "{line}");
        }
        for line in [
            "epoch 3 error 0.21",
            "0 errors, 0 warnings",
            "mean squared error: see below".split(':').next().unwrap(),
            "<html>",
            "Exact 1",
            "no-error",
            "wrote error.log",
            "",
            "2026-01-01 INFO all good",
            "Elapsed 12 s",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn a_traceback_is_one_error() {
        let text = "ok\nTraceback (most recent call last):\n  File \"a.py\", line 1\n    x()\n\n  File \"b.py\"\nValueError: no error: at all\nERROR: next\n[rank0]: Traceback (most recent call last):\n[rank0]:   File\n[rank0]: KeyError: 1\nfine";
        let mut judge = Judge::default();
        let got: Vec<_> = text.split('\n').map(|l| judge.look(l.as_bytes(), suspects(l.as_bytes()).next().is_some())).collect();
        let (e, m) = (Some(Severity::Error), Some(Severity::More));
        assert_eq!(got, [None, e, m, m, m, m, m, e, e, m, m, None]);
    }
}
