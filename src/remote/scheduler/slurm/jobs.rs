//! `squeue` asked so that its answer can be read without doubt, and the reader.

use memchr::memmem;

use super::super::paths::Fill;
use super::time::{duration, epoch};
use crate::model::{JobState, JobTable, NewJob};

/// Ends each record: a control character and a word that is new in every question, so that no job's name can hold it.
pub(super) struct End(String);

impl End {
    pub(super) fn new(nonce: &str) -> Self {
        Self(format!("\x1e{nonce}"))
    }
}

/// Fields before the paths and the name, by squeue's letters and by its long names.
const FIELDS: [(&str, &str); 22] = [
    ("%i", "JobArrayID"),
    ("%A", "JobID"),
    ("%F", "ArrayJobID"),
    ("%K", "ArrayTaskID"),
    ("%P", "Partition"),
    ("%u", "UserName"),
    ("%t", "StateCompact"),
    ("%r", "Reason"),
    ("%M", "TimeUsed"),
    ("%l", "TimeLimit"),
    ("%D", "NumNodes"),
    ("%C", "NumCPUs"),
    ("%N", "NodeList"),
    ("%S", "StartTime"),
    ("%V", "SubmitTime"),
    ("%Q", "PriorityLong"),
    ("%Z", "WorkDir"),
    ("%a", "Account"),
    ("%q", "QOS"),
    ("%E", "Dependency"),
    ("%m", "MinMemory"),
    ("%b", "tres-per-node"),
];

/// The cheap form. The name comes last: it may hold anything, a separator too.
pub(super) fn short_format(end: &End) -> Vec<String> {
    let fields: Vec<&str> = FIELDS.iter().map(|(letter, _)| *letter).collect();
    vec!["-o".to_owned(), format!("{}\x1f%j{}", fields.join("\x1f"), end.0)]
}

/// The form with output paths, which only the long names offer.
pub(super) fn long_format(end: &End) -> Vec<String> {
    let mut fields: Vec<String> = FIELDS.iter().map(|(_, long)| format!("{long}:\x1f")).collect();
    fields.extend(["STDOUT:\x1f".to_owned(), "STDERR:\x1f".to_owned(), format!("Name:{}", end.0)]);
    vec!["-O".to_owned(), fields.join(",")]
}

/// Reads an answer. A record that cannot be read is counted, never dropped in silence.
pub(super) fn read(stdout: &[u8], end: &End, with_paths: bool) -> JobTable {
    let text = String::from_utf8_lossy(stdout);
    let mut table = JobTable::with_capacity(stdout.len() / 160, stdout.len());
    let finder = memmem::Finder::new(end.0.as_bytes());
    let mut rest: &str = &text;
    while let Some(at) = finder.find(rest.as_bytes()) {
        let record = rest[..at].trim_start_matches('\n');
        rest = &rest[at + end.0.len()..];
        if !push(&mut table, record, with_paths) {
            table.warnings += 1;
        }
    }
    if !rest.trim().is_empty() {
        table.warnings += 1;
    }
    table
}

fn push(table: &mut JobTable, record: &str, with_paths: bool) -> bool {
    const PATHS: usize = FIELDS.len();
    let mut fields = [""; PATHS + 3];
    let wanted = PATHS + if with_paths { 3 } else { 1 };
    let mut rest = record;
    for field in &mut fields[..wanted - 1] {
        let Some(at) = memchr::memchr(0x1f, rest.as_bytes()) else { return false };
        *field = &rest[..at];
        rest = &rest[at + 1..];
    }
    let name = rest;
    let [
        id,
        job_id,
        array,
        task,
        partition,
        user,
        state,
        reason,
        used,
        limit,
        nodes,
        cpus,
        list,
        start,
        submit,
        priority,
        dir,
        account,
        qos,
        dependency,
        memory,
        gres,
        ..,
    ] = fields;
    if id.is_empty() || !id.as_bytes()[0].is_ascii_digit() {
        return false;
    }
    // A job that is no array has itself as its array and no task.
    let is_array = task != "N/A" && !task.is_empty();
    let (array_job_id, array_task_id) = if is_array { (array, task) } else { ("", "") };
    let (stdout, stderr) = if with_paths {
        let fill = Fill { job_id, array_job_id, array_task_id, name, user, work_dir: dir };
        // A waiting array's task is not known: its path is not a path yet.
        let path = |pattern: &str| if pattern.contains("4294967294") { None } else { fill.path(pattern) };
        let stdout = path(fields[PATHS]);
        let stderr = if fields[PATHS + 1].is_empty() { stdout.clone() } else { path(fields[PATHS + 1]) };
        (stdout.unwrap_or_default(), stderr.unwrap_or_default())
    } else {
        (String::new(), String::new())
    };
    table.push(&NewJob {
        id,
        array_job_id,
        array_task_id,
        name,
        user,
        partition,
        state: Some(JobState::read(state)),
        reason,
        nodes: count(nodes),
        node_list: list,
        cpus: count(cpus),
        submitted: epoch(submit),
        started: epoch(start),
        time_used: duration(used),
        time_limit: duration(limit),
        priority: priority.parse().ok(),
        work_dir: dir,
        stdout: &stdout,
        stderr: &stderr,
        account,
        qos,
        dependency: known(dependency),
        memory: known(memory),
        gres: known(gres),
    });
    true
}

/// Nothing where squeue has a word for that.
fn known(text: &str) -> &str {
    if matches!(text, "(null)" | "N/A") { "" } else { text }
}

/// `4`, or `4-8` where a range was asked for.
fn count(text: &str) -> u32 {
    text.split('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(id: &str, state: &str, name: &str) -> String {
        format!(
            "{id}\x1f18\x1f2\x1fN/A\x1fcompute\x1fme\x1f{state}\x1fNone\x1f1:14\x1fUNLIMITED\x1f2\x1f4\x1fn-[1-2]\x1f2026-11-24T12:05:38\x1fN/A\x1f7\x1f/home/me\x1facct\x1fnormal\x1f(null)\x1f4G\x1fN/A\x1f{name}\x1eab12\n"
        )
    }

    fn end() -> End {
        End::new("ab12")
    }

    #[test]
    fn hostile_names_are_names() {
        let names = ["a|b", "x\ny", "\x1b]0;t\x07", "sep\x1farat\x1eor", "\x1e1\x1f2", "", "naïve 作业"];
        let text: String = names.iter().enumerate().map(|(i, name)| record(&(i + 1).to_string(), "R", name)).collect();
        let table = read(text.as_bytes(), &end(), false);
        assert_eq!(table.iter().map(|j| j.name()).collect::<Vec<_>>(), names);
        assert_eq!(table.warnings, 0);
        let job = table.get(0).unwrap();
        assert_eq!((job.state(), job.nodes(), job.cpus(), job.time_used(), job.time_limit()), (JobState::Running, 2, 4, Some(74), None));
        assert_eq!((job.array_job_id(), job.priority(), job.submitted()), ("", Some(7), None));
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let text = format!("{}garbage\x1eab12\n{}cut off", record("1", "R", "a"), record("2", "PD", "b"));
        let table = read(text.as_bytes(), &end(), false);
        assert_eq!((table.len(), table.warnings), (2, 2));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), paths in any::<bool>()) {
            read(&bytes, &end(), paths);
        }

        #[test]
        fn every_record_is_a_row(names in proptest::collection::vec("[^\u{1e}]{0,20}", 0..30)) {
            let text: String = names.iter().map(|name| record("5_3", "CG", name)).collect();
            let table = read(text.as_bytes(), &end(), false);
            prop_assert_eq!((table.len(), table.warnings), (names.len(), 0));
        }
    }
}
