//! What Grid Engine's commands say when something is wrong, and what to do about it.

use crate::model::{Failure, FailureKind};
use crate::remote::host::Said;

const SIGNS: [(&str, FailureKind, &str); 22] = [
    ("unable to contact qmaster", FailureKind::Unreachable, DOWN),
    ("send error", FailureKind::Unreachable, DOWN),
    ("receive error", FailureKind::Unreachable, DOWN),
    ("connection refused", FailureKind::Unreachable, DOWN),
    ("got read error", FailureKind::Unreachable, DOWN),
    ("timeout", FailureKind::TimedOut, "sge_qmaster is overloaded or hangs; qdeck asks less often until it answers."),
    ("does not exist", FailureKind::NotFound, "Grid Engine forgets a job as soon as it has ended; `qdeck history` remembers it."),
    ("do not exist", FailureKind::NotFound, "Grid Engine forgets a job as soon as it has ended; `qdeck history` remembers it."),
    ("invalid queue or job", FailureKind::NotFound, "There is no such job or queue."),
    ("no permission", FailureKind::Denied, "The job belongs to somebody else, or only Grid Engine's managers and operators may do that."),
    ("necessary privileges", FailureKind::Denied, "The job belongs to somebody else."),
    ("must be at least owner", FailureKind::Denied, "The job belongs to somebody else."),
    ("must be operator", FailureKind::Denied, "Only Grid Engine's operators may make a job start earlier; everybody may put his own back."),
    ("must be manager", FailureKind::Denied, "Only Grid Engine's managers may do that."),
    (
        "not a submit host",
        FailureKind::Denied,
        "Jobs are submitted on another machine: `qconf -ss` lists those that may, and a manager adds one with `qconf -as`.",
    ),
    ("unknown resource", FailureKind::Rejected, "`qconf -sc` lists the resources that -l can ask for."),
    ("unknown queue", FailureKind::Rejected, "The Nodes pane shows the queues there are; the script's -q names one of them."),
    ("requested parallel environment", FailureKind::Rejected, "`qconf -spl` lists the parallel environments that -pe can name."),
    ("not restartable", FailureKind::Rejected, "Only what was submitted with -r y can be run again."),
    ("works only on jobs", FailureKind::Rejected, "Grid Engine changes that for a whole array only: name the array, without its task."),
    ("error opening", FailureKind::NotFound, "There is no such script on the head node, or it cannot be read."),
    ("not found", FailureKind::NotFound, super::PLACES),
];

const DOWN: &str = "sge_qmaster is down or restarting: look at its messages below $SGE_ROOT/$SGE_CELL/spool/qmaster.";

/// The failure that a command's status and words stand for. The place is the caller's to fill in.
pub(super) fn failure(said: &Said) -> Failure {
    let mut lines: Vec<&str> = said.stderr.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "Exiting.").collect();
    lines.dedup();
    let words: Vec<&str> = lines.into_iter().map(strip).collect();
    let text = words.join("; ");
    let what = if text.is_empty() { format!("the command ended with status {} and no word", said.status) } else { text };
    let lower = what.to_lowercase();
    match SIGNS.iter().find(|(sign, ..)| lower.contains(sign)) {
        Some((_, kind, hint)) => Failure::new(*kind, "", what).hint(*hint),
        None if said.status == 127 => Failure::new(FailureKind::NotFound, "", what).hint(super::PLACES),
        None => Failure::new(FailureKind::Rejected, "", what),
    }
}

/// A line without what stands before it every time.
pub(super) fn strip(line: &str) -> &str {
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = line.strip_prefix("Unable to run job: ").unwrap_or(line);
    line.strip_prefix("denied: ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stderr: &str) -> Failure {
        failure(&Said { status: 1, stdout: Vec::new(), stderr: stderr.into() })
    }

    #[test]
    fn grid_engine_s_own_words_stay_and_get_a_next_step() {
        let down = of(
            "error: commlib error: got select error (Connection refused)\nUnable to run job: unable to send message to qmaster using port 6444 on host \"h\": got send error\nExiting.\n",
        );
        assert_eq!(down.kind, FailureKind::Unreachable);
        assert_eq!(
            down.what,
            "commlib error: got select error (Connection refused); unable to send message to qmaster using port 6444 on host \"h\": got send error"
        );
        assert!(down.hint.contains("sge_qmaster"));
        assert_eq!(of("Unable to run job: unknown resource \"nosuch\"\nExiting.").what, "unknown resource \"nosuch\"");
        assert_eq!(of("denied: \"alice\" must be at least owner of job 3 to change job attributes").kind, FailureKind::Denied);
        assert_eq!(of("").what, "the command ended with status 1 and no word");
        assert_eq!(of("sh: 1: qstat: not found").kind, FailureKind::NotFound);
    }
}
