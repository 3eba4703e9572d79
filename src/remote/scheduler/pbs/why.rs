//! Why a job does not run, by PBS's own account: its comment, who holds it, what it waits for, and how its queue is.

use super::id::{Grain, Named, named};
use super::jobs::records;
use super::record::Record;
use super::time::epoch;
use super::{CALM, Dialect, state, trouble};
use crate::model::{Failure, FailureKind, JobId, Why};
use crate::remote::scheduler::Ask;

/// Between the job and its queue.
const PART: char = '\x1d';
const WAIT: &str = "Nothing to do: it starts when its turn comes.";
const LESS: &str = "It starts when other jobs end; less of it, or another queue, would start it sooner.";
const ADMIN: &str = "Only the cluster's administrator can change that.";

/// Words in a comment, why, what to do. The first that fits counts, so what is never comes before what is not yet.
const COMMENTS: [(&str, &str, &str); 16] = [
    (
        "Can Never Run",
        "It asks for what no node and no queue of this cluster has.",
        "It never starts. Cancel it and ask for less, or use another queue.",
    ),
    ("Not enough total nodes", "It asks for more nodes than there are.", "It never starts. Ask for fewer nodes."),
    ("Insufficient amount of resource", "What it asks for is in use.", LESS),
    ("Insufficient amount of server resource", "A licence, or something else that all queues share, is in use.", WAIT),
    ("Insufficient amount of queue resource", "Its queue's share is in use.", LESS),
    ("Not enough free nodes", "Not enough nodes are free.", LESS),
    ("too few free resources", "The node that it asks for is in use.", LESS),
    (
        "conflict with reservation or top job",
        "It would take what is kept for a job before it.",
        "A shorter walltime may let it start in the gap.",
    ),
    ("starving job", "Resources are kept free for a job that has waited very long.", WAIT),
    ("limit reached", "A limit on running jobs is reached.", "It starts when other jobs under that limit have ended."),
    ("running job limit", "A limit on running jobs is reached.", "It starts when other jobs under that limit have ended."),
    ("Queue not started", "Its queue takes jobs and starts none.", ADMIN),
    ("not in primetime", "Its queue runs at other hours.", WAIT),
    ("dedicated time", "It would run into hours that are kept for other work.", "A shorter walltime may let it start before."),
    ("held", "It is held.", "Release it, if the hold is yours."),
    ("Job was requeued", "It was started and put back.", WAIT),
];

pub(super) fn ask(job: &JobId, dialect: Dialect) -> Ask<Why> {
    let wanted = job.clone();
    let id = match named(job.as_str(), dialect, Grain::Subjobs) {
        Named::As(_) if job.as_str().contains('[') => format!("'{}[]'", job.as_str().split('_').next().unwrap_or("")),
        Named::As(words) => words.iter().map(|word| crate::model::text::quoted(word)).collect::<Vec<_>>().join(" "),
        Named::Number(number) => number,
        Named::Not(why) => {
            let what = format!("job {job}: {why}");
            return Ask { script: "exit 0".into(), read: Box::new(move |_| Err(Failure::new(FailureKind::NotFound, "", &what))) };
        }
    };
    // Text is the same in both families. The queue is named by the job, so one script asks for both.
    let script = format!(
        "{CALM}j=$(qstat -f {id} 2>/dev/null) || j=$(qstat -f {id}'[]') || exit\nprintf '%s\\n\\035' \"$j\"\n\
         q=$(printf '%s\\n' \"$j\" | sed -n 's/^    queue = //p' | head -n 1)\nqstat -Q -f \"$q\" 2>/dev/null"
    );
    Ask {
        script,
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let (job, queue) = text.split_once(PART).unwrap_or((&text, ""));
            match records(job, Dialect::Torque).all.first() {
                Some(record) => Ok(explain(record, queue, dialect)),
                None => {
                    let failure = trouble::failure(said);
                    Err(Failure { what: format!("job {wanted}: {}", failure.what), ..failure })
                }
            }
        }),
    }
}

fn explain(job: &Record, queue: &str, dialect: Dialect) -> Why {
    let (state, reason) = state::state(job, dialect);
    let letter = job.get("job_state").unwrap_or("");
    let mut why = Why { reason: if reason.is_empty() { letter.to_owned() } else { reason }, ..Why::default() };
    why.estimate = job.get("estimated.start_time").and_then(epoch);
    let comment = job.get("comment").unwrap_or("");
    let known = COMMENTS.iter().find(|(sign, ..)| comment.to_lowercase().contains(&sign.to_lowercase()));
    let (plain, remedy) = match letter {
        _ if !state.is_waiting() => (format!("It does not wait: its state is {}.", state.long()), ""),
        "H" => held(job),
        "W" => ("It was submitted with a start time that has not come, or its files could not be brought.".to_owned(), WAIT),
        "T" => ("It is being handed to another server.".to_owned(), WAIT),
        _ => match known {
            Some((_, plain, remedy)) => ((*plain).to_owned(), *remedy),
            None if comment.is_empty() => ("PBS has not looked at it yet, or says nothing.".to_owned(), WAIT),
            None => ("PBS's own words are all there is.".to_owned(), "`qstat -f` and the cluster's administrator know more."),
        },
    };
    (why.plain, why.remedy) = (plain, remedy.to_owned());
    let mut fact = |label: &str, text: Option<&str>| why.facts.extend(text.map(|text| (label.to_owned(), text.to_owned())));
    fact("PBS says", Some(comment).filter(|text| !text.is_empty()));
    fact("Depends on", job.get("depend"));
    fact("Not before", job.get("Execution_Time"));
    fact("Asks for", job.any(&["Resource_List.select", "Resource_List.nodes"]));
    fact("Queue", queued(job.get("queue").unwrap_or(""), queue).as_deref());
    why
}

/// By the letters of its hold types.
fn held(job: &Record) -> (String, &'static str) {
    let holds = job.get("Hold_Types").unwrap_or("");
    if job.get("depend").is_some() && !holds.contains(['u', 'o']) {
        return (
            "It waits for another job that has not ended as it must.".to_owned(),
            "It starts when that job has ended so; if it cannot any more, cancel this one.",
        );
    }
    match holds {
        holds if holds.contains('p') => ("Its owner's password is not right on the server.".to_owned(), ADMIN),
        holds if holds.contains('s') => {
            ("The system or an administrator holds it, perhaps because it failed to start several times.".to_owned(), ADMIN)
        }
        holds if holds.contains('o') => ("An operator holds it.".to_owned(), ADMIN),
        _ => ("Its owner holds it.".to_owned(), "Release it."),
    }
}

/// What a queue does and allows, from `qstat -Q -f`.
fn queued(name: &str, text: &str) -> Option<String> {
    let value = |key: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(" = "));
    let mut words = Vec::new();
    if value("enabled") == Some("False") {
        words.push("takes no jobs".to_owned());
    }
    if value("started") == Some("False") {
        words.push("starts no jobs".to_owned());
    }
    for (key, label) in [
        ("resources_max.walltime", "walltime up to"),
        ("resources_max.ncpus", "CPUs up to"),
        ("resources_max.nodect", "nodes up to"),
        ("max_run", "running at a time"),
    ] {
        words.extend(value(key).map(|limit| format!("{label} {limit}")));
    }
    (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::remote::host::Said;

    fn why(fields: &str, queue: &str) -> Why {
        let text = format!("Job Id: 7.pbs\n    Job_Name = a\n    Job_Owner = me@h\n    queue = workq\n{fields}\n\n\x1d{queue}");
        (ask(&JobId::new("7"), Dialect::Open).read)(&Said { status: 0, stdout: text.into(), stderr: String::new() }).unwrap()
    }

    #[test]
    fn a_comment_is_put_into_plain_words_beside_its_own() {
        let told = why(
            "    job_state = Q\n    comment = Not Running: Insufficient amount of resource: ncpus (R: 8\n\t A: 0 T: 16)\n    estimated.start_time = Wed Nov 25 20:00:00 2026",
            "Queue: workq\n    enabled = True\n    started = False\n    resources_max.walltime = 24:00:00\n",
        );
        assert!(told.plain.contains("in use") && told.estimate.is_some());
        assert!(
            told.facts.contains(&("PBS says".into(), "Not Running: Insufficient amount of resource: ncpus (R: 8 A: 0 T: 16)".into())),
            "{:?}",
            told.facts
        );
        assert!(told.facts.contains(&("Queue".into(), "workq: starts no jobs, walltime up to 24:00:00".into())), "{:?}", told.facts);
    }

    #[test]
    fn holds_and_dependencies_are_told_apart() {
        assert_eq!(why("    job_state = H\n    Hold_Types = u", "").remedy, "Release it.");
        assert!(why("    job_state = H\n    Hold_Types = s\n    depend = afterok:5.pbs@pbs", "").plain.contains("another job"));
        assert_eq!(why("    job_state = H\n    Hold_Types = s", "").remedy, ADMIN);
        assert!(why("    job_state = R", "").plain.contains("does not wait"));
        let never = why("    job_state = Q\n    comment = Can Never Run: Insufficient amount of resource: ngpus", "");
        assert!(never.remedy.contains("never starts"));
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), fields in "(    (comment|Hold_Types|depend|job_state|Execution_Time) = [^\r]{0,9}\n){0,6}", queue in "[^\r]{0,40}") {
            let said = Said { status: 0, stdout: bytes, stderr: String::new() };
            let _ = (ask(&JobId::new("7"), Dialect::Torque).read)(&said);
            why(&format!("    job_state = H\n{fields}"), &queue);
        }
    }
}
