//! `scancel` and `scontrol`: changes to jobs and nodes, many at once, with what was refused told one by one.

use super::super::{Ask, trouble};
use crate::model::text::quoted;
use crate::model::{JobChange, JobId, NodeChange, Refusals};
use crate::remote::host::Said;

/// Between the name of what was refused and the words, and after them.
const UNIT: char = '\x1f';
const RECORD: char = '\x1e';

pub(super) fn jobs(change: &JobChange, jobs: &[JobId]) -> Ask<Refusals> {
    match change {
        // Without -v scancel says nothing of a job that does not exist and calls that success.
        JobChange::Cancel => scancel("", jobs),
        JobChange::CancelMine => scancel(" --user=\"$(id -un)\"", &[]),
        // The batch script too: it is the one that has a handler.
        JobChange::Signal(name) => scancel(&format!(" --full --signal={}", quoted(name)), jobs),
        JobChange::Hold => each("scontrol hold \"$j\"", ids(jobs)),
        JobChange::Release => each("scontrol release \"$j\"", ids(jobs)),
        JobChange::Requeue => each("scontrol requeue \"$j\"", ids(jobs)),
        JobChange::TimeLimit(limit) => each(&format!("scontrol update \"JobId=$j\" TimeLimit={}", quoted(limit)), ids(jobs)),
        JobChange::Nice(nice) => each(&format!("scontrol update \"JobId=$j\" Nice={nice}"), ids(jobs)),
        JobChange::Top => each("scontrol top \"$j\"", ids(jobs)),
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
    // The default user of a ParallelCluster may use sudo, and Slurm's administrator is another user there.
    let admin = "as_admin() { scontrol \"$@\" && return; command -v sudo >/dev/null 2>&1 && sudo -n \"$(command -v scontrol)\" \"$@\"; }\n";
    let ask = each(&command, nodes.iter().map(String::as_str));
    Ask { script: format!("{admin}{}", ask.script), ..ask }
}

fn ids(jobs: &[JobId]) -> impl Iterator<Item = &str> {
    jobs.iter().map(JobId::as_str)
}

/// Runs a command for each name in `$j` and reports those for which it fails.
fn each<'a>(command: &str, names: impl Iterator<Item = &'a str>) -> Ask<Refusals> {
    let names: Vec<String> = names.map(quoted).collect();
    let asked = names.len();
    Ask {
        script: format!(
            "export LC_ALL=C\nfor j in {}; do e=$({{ {command}; }} 2>&1) || printf '%s\\037%s\\036' \"$j\" \"$e\"; done",
            names.join(" ")
        ),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let refused: Refusals = text
                .split(RECORD)
                .filter_map(|record| record.split_once(UNIT))
                .map(|(name, why)| (name.trim().to_owned(), words(why)))
                .collect();
            all_refused(said, asked, refused)
        }),
    }
}

/// When nothing was done at all, that is a failure with its advice and not a receipt.
fn all_refused(said: &Said, asked: usize, refused: Refusals) -> Result<Refusals, crate::model::Failure> {
    if refused.is_empty() && said.status == 0 || !refused.is_empty() && refused.len() < asked {
        return Ok(refused);
    }
    let words = refused.first().map_or_else(|| said.stderr.clone(), |(_, why)| why.clone());
    let mut failure = trouble::failure(&Said { status: said.status, stdout: Vec::new(), stderr: words });
    if !refused.is_empty() {
        let each: Vec<String> = refused.iter().take(5).map(|(name, why)| format!("{name}: {why}")).collect();
        let rest = if refused.len() > 5 { format!("; and {} more", refused.len() - 5) } else { String::new() };
        failure.what = format!("{}{rest}", each.join("; "));
    }
    Err(failure)
}

/// The last line that says something, without the command's name.
fn words(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("refused without a word");
    let line = line.strip_prefix("slurm_update error: ").unwrap_or(line);
    line.strip_prefix("scontrol: error: ").unwrap_or(line).to_owned()
}

fn scancel(options: &str, jobs: &[JobId]) -> Ask<Refusals> {
    let names: Vec<String> = ids(jobs).map(quoted).collect();
    let asked = jobs.len();
    // A shell's own word list has no limit; a program's arguments do.
    let script = if jobs.is_empty() {
        format!("export LC_ALL=C\nscancel -v{options}")
    } else {
        format!("export LC_ALL=C\nprintf '%s\\n' {} | xargs -n 500 scancel -v{options} --", names.join(" "))
    };
    Ask {
        script,
        read: Box::new(move |said| {
            let refused: Refusals = said.stderr.lines().filter_map(refusal).collect();
            let error = said.stderr.lines().any(|line| line.contains("error:"));
            if refused.is_empty() && (error || said.status != 0 && !said.stderr.contains("Terminating job")) {
                return Err(trouble::failure(said));
            }
            all_refused(&Said { status: if refused.is_empty() { 0 } else { said.status }, ..said.clone() }, asked, refused)
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
    use crate::model::FailureKind;

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
    fn each_refusal_is_told_and_nothing_done_is_a_failure() {
        let ask = jobs(&JobChange::TimeLimit("$(x)".into()), &[JobId::new("1"), JobId::new("2")]);
        assert!(ask.script.contains("for j in 1 2; do") && ask.script.contains("TimeLimit='$(x)'"), "{}", ask.script);
        let one = (ask.read)(&said(0, "2\x1fAccess/permission denied for job 2\nslurm_update error: Access/permission denied\x1e", ""));
        assert_eq!(one.unwrap(), [("2".into(), "Access/permission denied".into())]);
        let all = "1\x1fInvalid job id specified\x1e2\x1fInvalid job id specified\x1e";
        assert_eq!((ask.read)(&said(0, all, "")).unwrap_err().kind, FailureKind::NotFound);
        let drain = nodes(&NodeChange::Drain("bad 'disk'".into()), &["a-1".into()]);
        assert!(drain.script.contains("State=DRAIN Reason='bad '\\''disk'\\'''"), "{}", drain.script);
    }
}
