//! What a row must match: a regular expression over everything, and words that mean one column.
//!
//! Never an error: what is no expression is taken literally, what is no column is text.

use regex::{Regex, RegexBuilder};

use super::super::{Job, JobState};

/// A regular expression with smart case, `!` in front inverts. What is no expression is taken literally.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    regex: Option<Regex>,
    inverted: bool,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// Reads what the user typed.
    pub fn new(text: &str) -> Self {
        let (inverted, pattern) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        Self { text: text.to_owned(), regex: expression(pattern), inverted }
    }

    /// Whether a text passes.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text) != self.inverted)
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.regex.is_none()
    }

    /// The expression to search for, where there is one.
    pub fn regex(&self) -> Option<&Regex> {
        self.regex.as_ref()
    }
}

/// An expression with smart case; `None` when there is nothing to match.
fn expression(pattern: &str) -> Option<Regex> {
    let insensitive = !pattern.chars().any(char::is_uppercase);
    let build = |p: &str| RegexBuilder::new(p).case_insensitive(insensitive).size_limit(1 << 20).build();
    (!pattern.is_empty()).then(|| build(pattern).or_else(|_| build(&regex::escape(pattern))).ok()).flatten()
}

type Field = for<'a> fn(&Job<'a>) -> &'a str;

/// Words that mean a column, and what they look at.
const FIELDS: [(&str, Field); 17] = [
    ("id", |job| job.id()),
    ("jobid", |job| job.id()),
    ("array", |job| job.array_job_id()),
    ("partition", |job| job.partition()),
    ("queue", |job| job.partition()),
    ("name", |job| job.name()),
    ("user", |job| job.user()),
    ("reason", |job| job.reason()),
    ("account", |job| job.account()),
    ("qos", |job| job.qos()),
    ("node", |job| job.node_list()),
    ("nodes", |job| job.node_list()),
    ("nodelist", |job| job.node_list()),
    ("dir", |job| job.work_dir()),
    ("work_dir", |job| job.work_dir()),
    ("dependency", |job| job.dependency()),
    ("gres", |job| job.gres()),
];

/// A filter over jobs: `state:PD user:bob !name:^test resnet`. All of its words must hold.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    words: Vec<Word>,
    rest: Filter,
}

#[derive(Clone, Debug)]
struct Word {
    test: Test,
    inverted: bool,
}

#[derive(Clone, Debug)]
enum Test {
    /// One of these states.
    States(Vec<JobState>),
    /// The state's short or long word.
    StateLike(Regex),
    /// One field.
    Like(Field, Regex),
    /// The list of nodes: by expression, or because this node is one of those it stands for.
    Node(Regex, String),
}

impl Sieve {
    /// Reads what the user typed.
    pub(super) fn new(text: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = Vec::new();
        for part in text.split_whitespace() {
            match word(part) {
                Some(word) => words.extend(word),
                None => rest.push(part),
            }
        }
        // Without a word for a column the text is one expression, spaces and all.
        let is_plain = rest.len() == text.split_whitespace().count();
        Self { words, rest: Filter::new(if is_plain { text.to_owned() } else { rest.join(" ") }.as_str()) }
    }

    /// Whether everything passes.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.rest.is_empty()
    }

    /// Whether a job passes. `line` is room to work in.
    pub(super) fn passes(&self, job: &Job<'_>, line: &mut String) -> bool {
        self.words.iter().all(|word| word.test.holds(job) != word.inverted)
            && (self.rest.is_empty() || self.rest.matches(searched(job, line)))
    }
}

/// A word that means a column: what it tests, or nothing as long as no value is typed. `None` when it is text.
fn word(part: &str) -> Option<Option<Word>> {
    let (inverted, part) = part.strip_prefix('!').map_or((false, part), |rest| (true, rest));
    let (name, value) = part.split_once(':')?;
    let name = name.to_ascii_lowercase();
    let test = if matches!(name.as_str(), "state" | "st") {
        states(value)
    } else {
        let field = FIELDS.iter().find(|(known, _)| *known == name)?.1;
        expression(value).map(|regex| match name.as_str() {
            "node" | "nodes" | "nodelist" => Test::Node(regex, value.to_owned()),
            _ => Test::Like(field, regex),
        })
    };
    Some(test.map(|test| Word { test, inverted }))
}

/// `PD`, `pending`, `F,TO`; anything else is an expression over both words of the state.
fn states(value: &str) -> Option<Test> {
    let known: Option<Vec<JobState>> = value
        .split(',')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let state = JobState::read(&word.to_ascii_uppercase());
            (state != JobState::Unknown).then_some(state)
        })
        .collect();
    match known {
        Some(states) if !states.is_empty() => Some(Test::States(states)),
        _ => expression(value).map(Test::StateLike),
    }
}

impl Test {
    fn holds(&self, job: &Job<'_>) -> bool {
        match self {
            Self::States(states) => states.contains(&job.state()),
            Self::StateLike(regex) => regex.is_match(job.state().short()) || regex.is_match(job.state().long()),
            Self::Like(field, regex) => regex.is_match(field(job)),
            Self::Node(regex, node) => regex.is_match(job.node_list()) || names(job.node_list(), node),
        }
    }
}

/// Whether a compressed list such as `gpu-dy-p4d-[1-4,7],login` stands for a node of this name among others.
fn names(list: &str, node: &str) -> bool {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    })
    .any(|part| {
        let Some((before, rest)) = part.split_once('[') else { return part == node };
        let Some((numbers, after)) = rest.split_once(']') else { return false };
        let middle = node.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let Some(number) = middle.and_then(|middle| middle.parse::<u64>().ok()) else { return false };
        numbers.split(',').any(|span| {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&number))
        })
    })
}

/// All that a filter over everything looks at, in one line.
fn searched<'a>(job: &Job<'_>, line: &'a mut String) -> &'a str {
    line.clear();
    let words = [
        job.id(),
        job.partition(),
        job.name(),
        job.user(),
        job.state().short(),
        job.state().long(),
        job.reason(),
        job.node_list(),
        job.account(),
    ];
    for word in words {
        line.push_str(word);
        line.push(' ');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::super::{JobTable, NewJob};
    use super::*;

    fn passes(filter: &str) -> bool {
        let mut table = JobTable::default();
        table.push(&NewJob {
            id: "18_7",
            name: "train-Resnet",
            user: "bob",
            partition: "gpu",
            state: Some(JobState::Running),
            reason: "None",
            node_list: "gpu-dy-p4d-[1-4,9],login-[02-03]x,solo",
            account: "ml",
            ..NewJob::default()
        });
        Sieve::new(filter).passes(&table.get(0).unwrap(), &mut String::new())
    }

    #[test]
    fn words_for_columns_are_anded_and_inverted() {
        for yes in [
            "",
            "user:bob",
            "user:bob state:R partition:^gpu$ account:ml",
            "!user:alice",
            "name:^train resnet",
            "NAME:Resnet",
            "resnet user:b",
            "!alice user:bob",
            "state:running",
            "state:pd,r",
            "st:R",
            "state:^run",
            "user:",
            "!state:",
            "node:gpu-dy",
        ] {
            assert!(passes(yes), "{yes}");
        }
        for no in
            ["user:alice", "user:bob state:PD", "!user:bob", "name:^resnet", "name:TRAIN", "!resnet user:bob", "state:CD,CG", "state:C"]
        {
            assert!(!passes(no), "{no}");
        }
    }

    #[test]
    fn what_is_no_column_is_text() {
        assert!(!passes("colour:red") && passes("18_7 gpu train") && !passes("12:30 user:bob") && passes("train-resnet bob"));
    }

    #[test]
    fn a_node_is_found_in_the_list_that_stands_for_it() {
        for node in ["gpu-dy-p4d-3", "gpu-dy-p4d-9", "login-02x", "solo"] {
            assert!(passes(&format!("node:{node}")), "{node}");
        }
        for node in ["gpu-dy-p4d-5", "login-04x", "gpu-dy-p4d-1-2"] {
            assert!(!passes(&format!("node:{node}")), "{node}");
        }
    }
}
