//! `scancel` and `scontrol`: changes to jobs and nodes, many at once, with what was refused told one by one.
//!
//! Never a failure of the whole for a refusal of a part: nothing done at all is one.

use super::super::{Ask, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobChange, JobId, NodeChange, Refusals};
use crate::remote::host::Said;

/// Between the name of what was refused and the words, and after them.
const UNIT: char = '\x1f';
const RECORD: char = '\x1e';

/// Jobs that one `scontrol` takes at once: a process for each would cost more than what it asks for.
const AT_ONCE: usize = 100;

pub(super) fn jobs(change: &JobChange, jobs: &[JobId]) -> Ask<Refusals> {
    let names: Vec<String> = jobs.iter().map(|job| named(job.as_str())).collect();
    let hint = hint(change);
    match change {
        // Without -v scancel says nothing of a job that does not exist and calls that success.
        JobChange::Cancel => scancel("", names, hint),
        JobChange::CancelMine => scancel(" --user=\"$(id -un)\"", Vec::new(), hint),
        // The batch script too: it is the one that has a handler.
        JobChange::Signal(name) => scancel(&format!(" --full --signal={}", quoted(name)), names, hint),
        JobChange::Hold => many("scontrol hold \"$j\"", names, hint),
        JobChange::Release => many("scontrol release \"$j\"", names, hint),
        JobChange::Requeue => many("scontrol requeue \"$j\"", names, hint),
        // A difference is worked out by scontrol itself, which looks the job up for it: one job at a time.
        JobChange::TimeLimit(limit) if limit.starts_with(['+', '-']) => {
            each(&format!("scontrol update \"JobId=$j\" TimeLimit={}", quoted(limit)), names, hint)
        }
        JobChange::TimeLimit(limit) => many(&format!("scontrol update \"JobId=$j\" TimeLimit={}", quoted(limit)), names, hint),
        JobChange::Nice(nice) => many(&format!("scontrol update \"JobId=$j\" Nice={nice}"), names, hint),
        // Each goes before those that went before it: the first one last.
        JobChange::Top => each("scontrol top \"$j\"", names.into_iter().rev().collect(), hint),
    }
}

pub(super) fn nodes(change: &NodeChange, nodes: &[String]) -> Ask<Refusals> {
    let state = |words: &str| format!("as_admin update \"NodeName=$j\" {words}");
    let command = match change {
        NodeChange::Drain(reason) => state(&format!("State=DRAIN Reason={}", quoted(reason))),
        NodeChange::Resume => state("State=RESUME"),
        NodeChange::Reboot => "as_admin reboot ASAP nextstate=RESUME reason=qdeck \"$j\"".to_owned(),
        NodeChange::PowerUp => state("State=POWER_UP"),
        NodeChange::PowerDown => state("State=POWER_DOWN_ASAP"),
    };
    // The default user of a ParallelCluster may use sudo, and Slurm's administrator is another user there. Slurm's words are the ones
    // to tell: sudo's own trouble is not what was asked for.
    let admin = "as_admin() { w=$(scontrol \"$@\" 2>&1) && return\n\
                 case $w in *'Invalid user id'* | *denied*) command -v sudo >/dev/null 2>&1 && \
                 sudo -n \"$(command -v scontrol)\" \"$@\" >/dev/null 2>&1 && return ;; esac\n\
                 printf '%s\\n' \"$w\"; return 1; }\n";
    let hint = match change {
        NodeChange::Reboot => {
            "slurm.conf names the program that reboots nodes as RebootProgram, and only Slurm's administrators may ask for it."
        }
        NodeChange::Drain(_) | NodeChange::Resume | NodeChange::PowerUp | NodeChange::PowerDown => {
            "Only Slurm's administrators change nodes: on ParallelCluster pcluster-admin, or who may use sudo on the head node."
        }
    };
    let ask = each(&command, nodes.to_vec(), hint);
    Ask { script: format!("{admin}{}", ask.script), ..ask }
}

/// What to do when it is denied.
fn hint(change: &JobChange) -> &'static str {
    match change {
        JobChange::Cancel | JobChange::CancelMine | JobChange::Signal(_) | JobChange::Hold | JobChange::Release | JobChange::Requeue => {
            "Only the job's owner and Slurm's administrators may do that."
        }
        JobChange::TimeLimit(limit) if limit.starts_with(['+', '-']) => {
            "Its owner may lower a time limit, only Slurm's administrators raise it; a whole array wants the new limit, not a difference."
        }
        JobChange::TimeLimit(_) => "Its owner may lower a time limit; only Slurm's administrators may raise it.",
        JobChange::Nice(_) => "Its owner may give a nice value of 0 or more; a negative one is for Slurm's administrators.",
        JobChange::Top => "`scontrol top` is for Slurm's administrators, unless slurm.conf's SchedulerParameters has enable_user_top.",
    }
}

/// squeue's name of an array's waiting rest, `8_[2-9%2]`, as scancel and scontrol take it: without how many may run at once.
fn named(id: &str) -> String {
    match (id.find("_["), id.find('%')) {
        (Some(_), Some(at)) => format!("{}]", &id[..at]),
        _ => id.to_owned(),
    }
}

/// Runs a command for lists of names in `$j`; what it refuses, it names.
fn many(command: &str, names: Vec<String>, hint: &'static str) -> Ask<Refusals> {
    // In a list the comma of `8_[2,4]` would end a name.
    let (lists, alone): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| !name.contains('['));
    let mut script = "export LC_ALL=C\n".to_owned();
    if !lists.is_empty() {
        let run = format!("IFS=,; j=$*; e=$({{ {command}; }} 2>&1) || printf \"\\037%s\\036\" \"$e\"");
        script.push_str(&format!("printf '%s\\n' {} | xargs -n {AT_ONCE} sh -c {} sh\n", quoted_all(&lists), quoted(&run)));
    }
    if !alone.is_empty() {
        script.push_str(&one_by_one(command, &alone));
    }
    Ask { script, read: Box::new(move |said| sorted(said, &names, records(&said.stdout), hint)) }
}

/// Runs a command for each name in `$j`.
fn each(command: &str, names: Vec<String>, hint: &'static str) -> Ask<Refusals> {
    let script = format!("export LC_ALL=C\n{}", one_by_one(command, &names));
    Ask { script, read: Box::new(move |said| sorted(said, &names, records(&said.stdout), hint)) }
}

fn one_by_one(command: &str, names: &[String]) -> String {
    format!("for j in {}; do e=$({{ {command}; }} 2>&1) || printf '%s\\037%s\\036' \"$j\" \"$e\"; done", quoted_all(names))
}

fn quoted_all(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ")
}

/// What was refused, and words that name no job.
fn records(stdout: &[u8]) -> (Refusals, Vec<String>) {
    let text = String::from_utf8_lossy(stdout);
    let (mut refused, mut general) = (Refusals::new(), Vec::new());
    for (name, text) in text.split(RECORD).filter_map(|record| record.split_once(UNIT)) {
        let lines: Vec<(&str, &str)> = text.lines().filter_map(attributed).collect();
        let bad = lines.iter().filter(|(_, why)| *why != "No error");
        match (lines.is_empty(), name.trim()) {
            (false, _) => refused.extend(bad.map(|(name, why)| ((*name).to_owned(), (*why).to_owned()))),
            (true, "") => general.push(words(text)),
            (true, name) => refused.push((name.to_owned(), words(text))),
        }
    }
    (refused, general)
}

/// `Invalid user id for job 7`, or of a part of an array `8_0-2: Job is pending execution`.
fn attributed(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let is_id =
        |name: &str| name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b.is_ascii_digit() || b"_-,[]".contains(&b));
    let last = line.rsplit_once(" for job ").map(|(why, name)| (name, why));
    last.filter(|(name, _)| is_id(name)).or_else(|| line.split_once(": ").filter(|(name, _)| is_id(name)))
}

/// When nothing was done at all, that is a failure with its advice and not a receipt.
fn sorted(said: &Said, asked: &[String], (refused, general): (Refusals, Vec<String>), hint: &str) -> Result<Refusals, Failure> {
    let whole = asked.iter().filter(|name| refused.iter().any(|(bad, _)| bad == *name)).count();
    let any_done = whole < asked.len() || asked.is_empty() && refused.is_empty();
    if general.is_empty() && any_done && (said.status == 0 || !refused.is_empty()) {
        return Ok(refused);
    }
    let words = general.first().or(refused.first().map(|(_, why)| why)).cloned().unwrap_or_else(|| said.stderr.clone());
    let mut failure = trouble::failure(&Said { status: said.status, stdout: Vec::new(), stderr: words });
    if !refused.is_empty() {
        let each: Vec<String> = refused.iter().take(5).map(|(name, why)| format!("{name}: {why}")).collect();
        let rest = if refused.len() > 5 { format!("; and {} more", refused.len() - 5) } else { String::new() };
        failure.what = format!("{}{rest}", each.join("; "));
    }
    let ours = ["RebootProgram", "not supported for job arrays"].iter().any(|part| failure.what.contains(part));
    Err(if ours || failure.kind == FailureKind::Denied { failure.hint(hint) } else { failure })
}

/// The last line that says something, without the command's name.
fn words(text: &str) -> String {
    let says = |line: &&str| !line.is_empty() && !line.ends_with("error: Unspecified error");
    let line = text.lines().map(str::trim).rfind(says).unwrap_or("refused without a word");
    line.rsplit_once("error: ").map_or(line, |(_, words)| words).to_owned()
}

fn scancel(options: &str, names: Vec<String>, hint: &'static str) -> Ask<Refusals> {
    // A shell's own word list has no limit; a program's arguments do.
    let script = if names.is_empty() {
        format!("export LC_ALL=C\nscancel -v{options}")
    } else {
        format!("export LC_ALL=C\nprintf '%s\\n' {} | xargs -n 500 scancel -v{options} --", quoted_all(&names))
    };
    Ask {
        script,
        read: Box::new(move |said| {
            let refused: Refusals = said.stderr.lines().filter_map(refusal).collect();
            let sent = said.stderr.contains("Terminating job") || said.stderr.contains("Signal ");
            let error = said.stderr.lines().any(|line| line.contains("error:"));
            if refused.is_empty() && (error || said.status != 0 && !sent) {
                return Err(trouble::failure(said));
            }
            // With -v it tells of its plugins too: only what it refused counts.
            sorted(&Said { status: if refused.is_empty() { 0 } else { said.status }, ..said.clone() }, &names, (refused, Vec::new()), hint)
        }),
    }
}

/// `scancel: error: Kill job error on job id 20: Access/permission denied` → job 20, why.
fn refusal(line: &str) -> Option<(String, String)> {
    let (id, why) = line.split_once("Kill job error on job id ")?.1.split_once(": ")?;
    Some((id.to_owned(), why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn cancelling_names_what_could_not_be_cancelled() {
        let ask = jobs(&JobChange::Cancel, &[JobId::new("20"), JobId::new("21_[3-5]")]);
        assert!(ask.script.ends_with("printf '%s\\n' 20 '21_[3-5]' | xargs -n 500 scancel -v --"), "{}", ask.script);
        assert_eq!((ask.read)(&said(0, "", "scancel: Terminating job 20\n")).unwrap(), []);
        let one = "scancel: Terminating job 20\nscancel: error: Kill job error on job id 20: Access/permission denied\n";
        assert_eq!((ask.read)(&said(123, "", one)).unwrap(), [("20".into(), "Access/permission denied".into())]);
        let ask = jobs(&JobChange::Cancel, &[JobId::new("9")]);
        let unknown = "scancel: Terminating job 9\nscancel: error: Kill job error on job id 9: Invalid job id specified\n";
        let failure = (ask.read)(&said(0, "", unknown)).unwrap_err();
        assert_eq!((failure.kind, failure.what.as_str()), (FailureKind::NotFound, "9: Invalid job id specified"));
    }

    #[test]
    fn a_part_of_an_array_is_no_failure_of_the_whole() {
        let ids = ["8", "15", "9999"].map(JobId::new);
        let ask = jobs(&JobChange::Hold, &ids);
        let sent = "printf '%s\\n' 8 15 9999 | xargs -n 100 sh -c 'IFS=,; j=$*; e=$({ scontrol hold \"$j\"; }";
        assert!(ask.script.contains(sent), "{}", ask.script);
        let text =
            "\x1fInvalid job id specified for job 9999\n8_0: Job has already finished\n8_1-9: No error\nslurm_suspend error: No error\x1e";
        let refused = (ask.read)(&said(0, text, "")).unwrap();
        assert_eq!(refused, [("9999".into(), "Invalid job id specified".into()), ("8_0".into(), "Job has already finished".into())]);
        let alone = jobs(&JobChange::Requeue, &ids[..1]);
        assert_eq!((alone.read)(&said(0, "\x1f8_0-1: No error\n8_2-9: Job is pending execution\x1e", "")).unwrap().len(), 1);
        let text = "\x1fslurm_update error: Unable to contact slurm controller (connect failure)\x1e";
        assert_eq!((alone.read)(&said(0, text, "")).unwrap_err().kind, FailureKind::Unreachable);
    }

    #[test]
    fn the_waiting_rest_of_an_array_is_named_as_slurm_takes_it() {
        let rest = [JobId::new("8_[2,4-9%2]"), JobId::new("9_3")];
        assert!(jobs(&JobChange::Cancel, &rest).script.contains(" '8_[2,4-9]' 9_3 | xargs"));
        let hold = jobs(&JobChange::Hold, &rest).script;
        assert!(hold.contains("' 9_3 | xargs") && hold.contains("for j in '8_[2,4-9]'; do"), "{hold}");
        let unknown = (jobs(&JobChange::Signal("FOO".into()), &rest).read)(&said(1, "", "Unknown job signal: FOO\n")).unwrap_err();
        assert_eq!(unknown.what, "Unknown job signal: FOO");
    }

    #[test]
    fn each_refusal_is_told_and_nothing_done_is_a_failure() {
        let ask = jobs(&JobChange::TimeLimit("$(x)".into()), &[JobId::new("1"), JobId::new("2")]);
        assert!(ask.script.contains("TimeLimit='\\''$(x)'\\''"), "{}", ask.script);
        let one = (ask.read)(&said(0, "\x1fAccess/permission denied for job 2\nslurm_update error: Access/permission denied\x1e", ""));
        assert_eq!(one.unwrap(), [("2".into(), "Access/permission denied".into())]);
        let all = "\x1fInvalid job id specified for job 1\nInvalid job id specified for job 2\x1e";
        assert_eq!((ask.read)(&said(0, all, "")).unwrap_err().kind, FailureKind::NotFound);
        let array = jobs(&JobChange::TimeLimit("+30".into()), &[JobId::new("8")]);
        assert!(array.script.contains("for j in 8; do"), "{}", array.script);
        let text = "8\x1fscontrol: error: TimeLimit increment/decrement not supported for job arrays\x1e";
        let failure = (array.read)(&said(0, text, "")).unwrap_err();
        assert!(failure.what.ends_with("not supported for job arrays") && failure.hint.contains("not a difference"), "{failure:?}");
        let top = jobs(&JobChange::Top, &[JobId::new("8")]);
        let denied = (top.read)(&said(0, "8\x1fAccess/permission denied for job 8\x1e", "")).unwrap_err();
        assert!(denied.hint.contains("enable_user_top"));
    }

    #[test]
    fn nodes_are_changed_with_slurm_s_words_for_what_is_refused() {
        let drain = nodes(&NodeChange::Drain("bad 'disk'".into()), &["a-1".into()]);
        assert!(drain.script.contains("State=DRAIN Reason='bad '\\''disk'\\'''"), "{}", drain.script);
        let denied = (drain.read)(&said(0, "a-1\x1fslurm_update error: Invalid user id\x1e", "")).unwrap_err();
        assert_eq!((denied.kind, denied.what.as_str()), (FailureKind::Denied, "a-1: Invalid user id"));
        assert!(denied.hint.contains("pcluster-admin"));
        let reboot = nodes(&NodeChange::Reboot, &["a-1".into()]);
        let text = "a-1\x1fscontrol: error: RebootProgram isn't defined\nscontrol_reboot_nodes error: Unspecified error\x1e";
        let refused = (reboot.read)(&said(0, text, "")).unwrap_err();
        assert!(refused.what.contains("RebootProgram isn't defined") && refused.hint.contains("slurm.conf"), "{refused:?}");
    }
}
