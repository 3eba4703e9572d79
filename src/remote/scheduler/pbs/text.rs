//! `qstat -f` and `pbsnodes -a` as text: a heading, indented `name = value` lines, long values broken over lines.
//!
//! Never lets a job's name pass for other fields of its record. A name with line breaks, which Slurm below the wrappers allows, can at
//! worst add a row that belongs to the same owner.

use super::Dialect;
use super::record::{Record, Records};

const HEAD: &str = "Job Id:";

/// Reads an answer about jobs.
pub(super) fn jobs(text: &str, dialect: Dialect) -> Records {
    let mut records = Records::default();
    let mut block = String::new();
    for line in text.split_inclusive('\n') {
        // Every real record has told its state before the next one begins: a heading earlier than that is part of a name.
        let is_head = id(line).is_some() && (block.trim().is_empty() || block.ends_with("\n\n") && has_state(&block, dialect));
        if is_head {
            take(&mut records, &block, dialect);
            block.clear();
        }
        block.push_str(line);
    }
    take(&mut records, &block, dialect);
    records
}

/// The id in a heading.
fn id(line: &str) -> Option<&str> {
    let id = line.strip_prefix(HEAD)?.trim();
    id.starts_with(|c: char| c.is_ascii_digit()).then_some(id)
}

fn has_state(block: &str, dialect: Dialect) -> bool {
    block.contains(&format!("\n{}job_state = ", indent(dialect)))
}

/// What stands before a field. The wrappers use the tab that elsewhere goes on with the line before.
fn indent(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Wrappers => "\t",
        Dialect::Torque | Dialect::Open => "    ",
    }
}

fn take(records: &mut Records, block: &str, dialect: Dialect) {
    if block.trim().is_empty() {
        return;
    }
    let (head, body) = block.split_once('\n').unwrap_or((block, ""));
    match id(head).filter(|_| has_state(block, dialect)) {
        Some(id) => records.all.push(Record { id: id.to_owned(), fields: fields(body, dialect) }),
        None => records.warnings += 1,
    }
}

fn fields(body: &str, dialect: Dialect) -> Vec<(String, String)> {
    let indent = indent(dialect);
    let owner = format!("\n{indent}Job_Owner = ");
    // Below the wrappers a name may hold anything, and it is the only text of a user's: its end is looked for from the back. PBS's own
    // names hold no line break, but the environment that is printed after them may.
    let end = match dialect {
        Dialect::Wrappers => body.rfind(&owner),
        Dialect::Torque | Dialect::Open => body.find(&owner),
    };
    let name = body.strip_prefix(indent).and_then(|rest| rest.strip_prefix("Job_Name = "));
    let (mut all, rest) = match (name, end) {
        (Some(_), Some(end)) => {
            let from = indent.len() + "Job_Name = ".len();
            let name = body.get(from..end).unwrap_or("");
            let name = if dialect == Dialect::Wrappers { name.to_owned() } else { name.replace("\n\t", "") };
            (vec![("Job_Name".to_owned(), name)], &body[end + 1..])
        }
        _ => (Vec::new(), body),
    };
    lines(&mut all, rest, indent);
    all
}

/// Lines of `name = value`; any other line goes on with the value before it.
fn lines(all: &mut Vec<(String, String)>, text: &str, indent: &str) {
    for line in text.trim_end_matches('\n').split('\n') {
        let line = line.trim_end_matches('\r');
        let field = line.strip_prefix(indent).and_then(|rest| rest.split_once(" = ")).filter(|(key, _)| is_key(key));
        match (field, all.last_mut()) {
            (Some((key, value)), _) => all.push((key.to_owned(), value.to_owned())),
            (None, Some((_, value))) => match line.strip_prefix('\t') {
                Some(more) => value.push_str(more),
                None if line.is_empty() => {}
                None => {
                    value.push('\n');
                    value.push_str(line);
                }
            },
            (None, None) => {}
        }
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Reads an answer about nodes: a name at the beginning of a line, its fields indented below it.
pub(super) fn nodes(text: &str) -> Records {
    let mut records = Records::default();
    for block in text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.trim().is_empty()) {
        let (name, body) = block.split_once('\n').unwrap_or((block, ""));
        let name = name.trim_end();
        let mut fields = Vec::new();
        lines(&mut fields, body, "    ");
        let is_name = !name.is_empty() && !name.starts_with(char::is_whitespace) && !name.contains(' ');
        if is_name && fields.iter().any(|(key, _)| key == "state") {
            records.all.push(Record { id: name.to_owned(), fields });
        } else {
            records.warnings += 1;
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WRAPPERS: &str = include_str!("../../../../tests/fixtures/torque-wrappers-22.05/qstat.txt");
    const NODES: &str = include_str!("../../../../tests/fixtures/torque-wrappers-22.05/pbsnodes.txt");

    fn listing(text: &str) -> &str {
        text.split_once('\n').unwrap().1
    }

    #[test]
    fn a_recorded_queue_is_read_whole_with_its_hostile_names() {
        let records = jobs(listing(WRAPPERS), Dialect::Wrappers);
        assert_eq!((records.all.len(), records.warnings), (13, 0));
        let of = |id: &str| records.all.iter().find(|r| r.id == id).unwrap();
        assert_eq!((of("5").get("Job_Name"), of("5").get("job_state")), (Some("x\ty\n\tjob_state = C"), Some("C")));
        assert_eq!(of("6").get("Job_Name"), Some("a\x1b[31m\u{202e}|b"));
        assert_eq!((of("7").get("Job_Name"), of("7").get("Resource_List.nodect")), (Some("Job Id:\t99"), Some("2")));
        assert_eq!(nodes(listing(NODES)).all.len(), 9);
    }

    #[test]
    fn a_name_of_64_kb_is_a_name() {
        let name = "\u{202e}\t\n x".repeat(9_000);
        let text = format!("Job Id:\t5\n\tJob_Name = {name}\n\tJob_Owner = me@h\n\tjob_state = R\n\n");
        assert_eq!(jobs(&text, Dialect::Wrappers).all[0].get("Job_Name"), Some(name.as_str()));
    }

    #[test]
    fn a_heading_in_a_name_is_a_name() {
        let text = "Job Id:\t5\n\tJob_Name = x\n\nJob Id:\t99\n\tJob_Name = y\n\tJob_Owner = me@h\n\tjob_state = R\n\nJob Id:\t6\n\tJob_Name = z\n\
                    \tJob_Owner = me@h\n\tjob_state = Q\n\n";
        let records = jobs(text, Dialect::Wrappers);
        assert_eq!(records.all.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["5", "6"]);
        assert_eq!(records.all[0].get("Job_Name"), Some("x\n\nJob Id:\t99\n\tJob_Name = y"));
    }

    #[test]
    fn long_values_go_on_after_a_tab_and_line_breaks_in_an_environment_stay() {
        let text = "Job Id: 12[3].srv\n    Job_Name = run\n    Job_Owner = me@srv\n    job_state = R\n    Variable_List = PBS_O_HOME=/home/m\n\
                    \te,F=() {\n    job_state = X\n}\n    comment = late\n\n";
        let records = jobs(text, Dialect::Torque);
        assert_eq!(records.all[0].get("job_state"), Some("R"), "the first one counts");
        assert_eq!(records.all[0].variable("PBS_O_HOME").as_deref(), Some("/home/me"));
        assert_eq!(records.all[0].get("comment"), Some("late"));
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        let cut = "Job Id: 1.s\n    Job_Name = a\n    Job_Owner = me@s\n    job_state = R\n\nJob Id: 2.s\n    Job_Na";
        let records = jobs(cut, Dialect::Torque);
        assert_eq!((records.all.len(), records.warnings), (1, 1));
        assert_eq!(jobs("qstat: something odd\n", Dialect::Torque).warnings, 1);
        let records = nodes("n1\n    state = free\n\nn2\n    sta");
        assert_eq!((records.all.len(), records.warnings), (1, 1));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), lines in "(Job Id:[\t ][0-9]{1,2}\n|(\t|    )(Job_Name|Job_Owner|job_state|x) = [^\r]{0,9}\n|\n|n1\n){0,20}") {
            for dialect in [Dialect::Wrappers, Dialect::Torque] {
                jobs(&text, dialect);
                jobs(&lines, dialect);
            }
            nodes(&text);
            nodes(&lines);
        }

        #[test]
        fn every_record_is_a_row_whatever_its_name(names in proptest::collection::vec("[^\0]{0,20}", 0..20)) {
            // A name that forges a whole record, its state and a blank line included, is the one thing that text cannot tell.
            prop_assume!(names.iter().all(|n| !n.contains("job_state = ")));
            let text: String = names.iter().enumerate().map(|(i, name)| {
                format!("Job Id:\t{}\n\tJob_Name = {name}\n\tJob_Owner = me@h\n\tjob_state = R\n\n", i + 1)
            }).collect();
            let records = jobs(&text, Dialect::Wrappers);
            prop_assert_eq!(records.all.len(), names.len());
            for (record, name) in records.all.iter().zip(&names) {
                prop_assert_eq!(record.fields[0].1.as_str(), name.as_str());
            }
        }
    }
}
