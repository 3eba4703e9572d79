//! What is said in grep's language finds what the regular expression finds, by the real grep.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

const LINES: [&str; 24] = [
    "plain text",
    "Error: 42 of 7",
    "error (code 1)",
    "a.b",
    "aéb",
    "a\tb",
    "[2026-01-01T00:00:00.000] slurmctld",
    "x-y^z]",
    "under_score",
    "",
    " ",
    "aaa",
    "é",
    "日",
    "ab12",
    "path/to/file.out",
    "100%",
    "$HOME and `x` and \\n",
    "naïve É",
    "日本語",
    "a日b",
    "don't \"quote\" me",
    "{1,2}",
    "CANCELLED AT 2026 DUE TO TIME LIMIT ***",
];

fn grep(pattern: &str, insensitive: bool) -> Vec<String> {
    let (expression, insensitive) = extended(pattern, insensitive).unwrap();
    let said = {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's a log");
        std::fs::write(&path, LINES.join("\n") + "\n").unwrap();
        let script = super::super::part::search(path.to_str().unwrap(), &expression, insensitive, None);
        let mut child = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        super::super::host::Said {
            status: out.status.code().unwrap(),
            stdout: out.stdout,
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    };
    let found = super::super::part::found(&said, "here").unwrap_or_else(|failure| panic!("{pattern}: {failure}"));
    assert_eq!(found.total, found.hits.len() as u64);
    found.hits.into_iter().map(|hit| hit.text).collect()
}

#[test]
fn grep_finds_what_the_regular_expression_finds() {
    let patterns = [
        "plain",
        "^error",
        r"\d+",
        r"^\d+%$",
        r"\bscore\b",
        r"_score\b",
        "a.b",
        "^a.b$",
        "^...$",
        "^..$",
        "^[^x]{2}$",
        "a[^x]b",
        "[^a]b",
        r"\Sé?b",
        r"\[\d{4}-\d\d-\d\dT",
        r"[\]^-]",
        r"[-x]-",
        "[a-c]{2,3}$",
        "(?:code|of) [17]",
        "(?P<n>a)b",
        "^$",
        r"^\s*$",
        r"\\n",
        r"\$HOME",
        "don't",
        "\"quote\"",
        "é",
        "[[:upper:]]{9}",
        r"\.out",
        "a*?b",
        "x|日本",
        r"\x41T",
        r"\tb",
        r"\x{e9}",
        r"[\w.]+/",
        r"\{1",
        "^[^ ]+$",
        r"\W\*",
        "`x`",
        "^[[]",
        r"[\[(]",
        "{1,2}|a{2,}",
        "[^]",
    ];
    for pattern in patterns {
        for insensitive in [false, true] {
            let Ok(regex) = regex::RegexBuilder::new(pattern).case_insensitive(insensitive).build() else { continue };
            let expected: Vec<&str> = LINES.into_iter().filter(|line| regex.is_match(line)).collect();
            assert_eq!(grep(pattern, insensitive), expected, "{pattern} {insensitive}");
        }
    }
    assert_eq!(grep("(?i)ERROR", false).len(), 2);
}

#[test]
fn what_has_no_exact_translation_is_refused_in_words() {
    for (pattern, word) in [
        (r"\p{Greek}", "\\p"),
        ("[a&&b]", "&&"),
        ("(a(?i)b)", "(?i"),
        ("a\\nb", "\\n"),
        ("[é]", "é"),
        ("a{300}", "{300}"),
        ("[[a]b]", "[ inside"),
    ] {
        let failure = extended(pattern, false).unwrap_err();
        assert!(failure.kind == FailureKind::Unsupported && failure.what.contains(word), "{failure}");
    }
    assert_eq!(extended("(", false).unwrap_err().kind, FailureKind::Rejected);
}
