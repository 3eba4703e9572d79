//! Why a job does not run: what Grid Engine's scheduler and its queues say about it, in one round trip and on demand only.

use super::described::{self, Described};
use super::detail::DESCRIBE;
use super::jobs::{self, PART, Row};
use super::reasons;
use super::task::Tasks;
use super::{CALM, trouble, xml};
use crate::model::{Failure, FailureKind, JobId, JobState, Why};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

/// No more of the scheduler's messages are shown than this.
const MOST: usize = 12;

pub(super) fn ask(job: &JobId) -> Result<Ask<Why>, Failure> {
    let wanted = job.clone();
    let number = Tasks::read(job)?.job.to_owned();
    // Which kind of hold it is only a selection tells. Its place is that among jobs that could run: neither held nor in error.
    let script = format!(
        "{CALM}{DESCRIBE}describe {number}\nr=$(rows {number})\nprintf '%s\\035%s\\035' \"$x\" \"$r\"\n\
         qstat -s p -u '*' | awk -v id={number} 'NR > 2 && $5 !~ /[hE]/ {{ n++; if ($1 == id && !at) at = n }} END {{ print at + 0, n + 0 }}'\n\
         printf '\\035'\nqstat -g c -xml\nprintf '\\035'\n\
         case $r in *'<state>h'*|*'<state>Eh'*) for k in hu ho hs hj had; do qstat -s $k -u '*' 2>/dev/null | awk -v id={number} -v k=$k '$1 == id {{ print k; exit }}'; done ;; esac"
    );
    Ok(Ask { script, read: Box::new(move |said| read(said, &wanted)) })
}

fn read(said: &Said, wanted: &JobId) -> Result<Why, Failure> {
    if said.status != 0 && said.stdout.is_empty() {
        return Err(trouble::failure(said));
    }
    let tasks = Tasks::read(wanted)?;
    let text = String::from_utf8_lossy(&said.stdout);
    let mut parts = text.split(PART);
    let mut next = || parts.next().unwrap_or("");
    let (description, rows, place, queues, holds) = (next(), next(), next(), next(), next());
    let Some(job) = described::all(description).find(|d| d.number() == tasks.job) else {
        return Err(Failure::new(FailureKind::NotFound, "", format!("Grid Engine has no job {wanted} in its queue"))
            .hint("It has ended: `qdeck history` and the job's details tell how."));
    };
    let rows: Vec<Row<'_>> = xml::each(rows, "job_list").filter_map(|piece| Row::read(piece.inner)).collect();
    let waits = |row: &&Row<'_>| jobs::state(&row.state).is_waiting();
    let row = rows
        .iter()
        .find(|row| row.id() == wanted.as_str())
        .or_else(|| rows.iter().filter(|row| row.holds(&tasks)).find(waits))
        .or_else(|| rows.iter().find(|row| row.holds(&tasks)));
    let letters = row.map_or("", |row| row.state.as_ref());
    let state = jobs::state(letters);
    let mut why = Why { reason: letters.to_owned(), ..Why::default() };
    let messages = messages(description, tasks.job);
    if !state.is_waiting() {
        why.plain = format!("It does not wait: its state is {}.", state.long());
        if state == JobState::Suspended {
            "A suspended job goes on when its owner or its queue lets it: `qmod -usj`.".clone_into(&mut why.remedy);
        }
        return Ok(why);
    }
    explain(&mut why, &job, &tasks, letters, holds, &messages);
    why.place = place.trim().split_once(' ').and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?))).filter(|(at, _)| *at > 0);
    facts(&mut why, &job, &tasks, queues, &messages);
    Ok(why)
}

/// What the scheduler said in its last round: about this job, and about queues for everybody.
fn messages(description: &str, number: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |text: Option<std::borrow::Cow<'_, str>>| {
        let text = text.unwrap_or_default().trim().to_owned();
        if !text.is_empty() && !all.contains(&text) {
            all.push(text);
        }
    };
    let own = xml::first(description, "SME_message_list").map_or("", |list| list.inner);
    for message in xml::outer(own, "element") {
        let is_own = xml::leaves(message.inner).any(|(name, _, raw)| name == "ULNG_value" && raw == number);
        if is_own {
            add(xml::text(message.inner, "MES_message"));
        }
    }
    let global = xml::first(description, "SME_global_message_list").map_or("", |list| list.inner);
    for message in xml::outer(global, "element") {
        add(xml::text(message.inner, "MES_message"));
    }
    all
}

fn explain(why: &mut Why, job: &Described<'_>, tasks: &Tasks<'_>, letters: &str, holds: &str, messages: &[String]) {
    let errors = job.errors(tasks.one());
    let predecessors = job.list("JB_jid_predecessor_list", "job_predecessors", "JRE_job_number");
    let known = if letters.contains('E') {
        let told = errors.first().map_or("", |error| reasons::without_time(error));
        reasons::error(told)
    } else if letters.contains('h') {
        reasons::hold(holds, !predecessors.is_empty())
    } else {
        reasons::message(messages)
    };
    match known {
        Some((plain, remedy)) => (why.plain, why.remedy) = (plain, remedy),
        None if messages.is_empty() => {
            "Grid Engine has not looked at it yet, or gives no reasons here.".clone_into(&mut why.plain);
            "Ask again in a moment. Reasons are given where a manager has set `schedd_job_info true` (`qconf -msconf`)."
                .clone_into(&mut why.remedy);
        }
        None => {
            format!("Grid Engine says: {}.", messages[0].trim_end_matches('.')).clone_into(&mut why.plain);
            "It starts when that has changed; the cluster's administrator knows more.".clone_into(&mut why.remedy);
        }
    }
}

fn facts(why: &mut Why, job: &Described<'_>, tasks: &Tasks<'_>, queues: &str, messages: &[String]) {
    let mut add = |label: &str, text: String| {
        if !text.is_empty() {
            why.facts.push((label.to_owned(), text));
        }
    };
    for error in job.errors(tasks.one()) {
        add("Error", error.into_owned());
    }
    add("Waits for", job.list("JB_jid_predecessor_list", "job_predecessors", "JRE_job_number").join(", "));
    let asked: Vec<String> = job.requests().iter().map(|(name, value)| format!("{name}={value}")).collect();
    add("Asks for", asked.join(", "));
    add("Queues asked for", job.list("JB_hard_queue_list", "destin_ident_list", "QR_name").join(", "));
    add("Tasks at once", job.text("JB_ja_task_concurrency").filter(|n| n != "0").map(|n| n.into_owned()).unwrap_or_default());
    for queue in xml::each(queues, "cluster_queue_summary") {
        let text = |name: &str| xml::text(queue.inner, name).unwrap_or_default().into_owned();
        let off: u64 = ["temp_disabled", "manual_intervention"].iter().filter_map(|name| text(name).parse::<u64>().ok()).sum();
        let off = if off > 0 { format!(", {off} out of service") } else { String::new() };
        add("Queue", format!("{}: {} of {} slots in use, {} free{off}", text("name"), text("used"), text("total"), text("available")));
    }
    for message in messages.iter().take(MOST) {
        add("Scheduler", message.clone());
    }
    if messages.len() > MOST {
        add("Scheduler", format!("and {} more", messages.len() - MOST));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOBS: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/jobs.txt");
    const ERROR: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-error.xml");
    const ARRAY: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-array.xml");
    const QUEUES: &str = "<cluster_queue_summary><name>all.q</name><used>4</used><available>0</available><total>8</total>\
                          <temp_disabled>0</temp_disabled><manual_intervention>4</manual_intervention></cluster_queue_summary>";

    fn of(id: &str, parts: [&str; 5]) -> Result<Why, Failure> {
        read(&Said { status: 0, stdout: parts.join("\x1d").into(), stderr: String::new() }, &JobId::new(id))
    }

    #[test]
    fn an_error_state_is_explained_with_its_cause_and_a_way_out() {
        let why = of("72", [ERROR, JOBS, "0 3\n", QUEUES, ""]).unwrap();
        assert_eq!((why.reason.as_str(), why.place), ("Eqw", None));
        assert!(why.plain.contains("/nonexistent") && why.plain.contains("working directory"), "{}", why.plain);
        assert!(why.remedy.contains("release"), "{}", why.remedy);
        let facts: Vec<String> = why.facts.iter().map(|(l, t)| format!("{l}: {t}")).collect();
        assert!(facts.contains(&"Queue: all.q: 4 of 8 slots in use, 0 free, 4 out of service".to_owned()), "{facts:?}");
        assert!(facts.iter().any(|f| f.starts_with("Error: ") && f.ends_with("No such file or directory")), "{facts:?}");
    }

    #[test]
    fn a_waiting_array_names_its_limit_and_its_place() {
        let why = of("70_[5-19:2]", [ARRAY, JOBS, "2 3\n", QUEUES, ""]).unwrap();
        assert_eq!((why.reason.as_str(), why.place), ("qw", Some((2, 3))));
        assert!(why.facts.iter().any(|(label, text)| label == "Tasks at once" && text == "2"), "{:?}", why.facts);
        assert!(why.plain.contains("tasks"), "{}", why.plain);
        assert_eq!(of("70_3", [ARRAY, JOBS, "", "", ""]).unwrap().plain, "It does not wait: its state is RUNNING.");
        assert_eq!(of("999", ["<unknown_jobs/>", "", "", "", ""]).unwrap_err().kind, FailureKind::NotFound);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..5_900_usize) {
            let _ = read(&Said { status: 0, stdout: bytes, stderr: String::new() }, &JobId::new("1_[2-3]"));
            let _ = of("72", [&ERROR[..cut.min(ERROR.len())], JOBS, "x", "<cluster_queue_summary>", "hu"]);
        }
    }
}
