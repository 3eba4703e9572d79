//! What PBS's commands say when something is wrong, and what to do about it.

use super::super::trouble as slurm;
use crate::model::{Failure, FailureKind};
use crate::remote::host::Said;

const FOREIGN: &str = "The job belongs to somebody else, or only PBS's operators and managers may do that.";

/// Words, kind, next step.
const TABLE: [(&str, FailureKind, &str); 15] = [
    ("cannot connect to server", FailureKind::Unreachable, "pbs_server is down, or PBS_SERVER in /etc/pbs.conf names another host."),
    (
        "Problem loading",
        FailureKind::Unreachable,
        "The Torque wrappers do not reach Slurm: slurmctld is down or restarting on the head node.",
    ),
    (
        "Unknown Job",
        FailureKind::NotFound,
        "PBS forgets a finished job unless its server keeps a history (job_history_enable, keep_completed).",
    ),
    ("has finished", FailureKind::Rejected, "It has ended: nothing about it can be changed any more."),
    ("already finished", FailureKind::Rejected, "It has ended: nothing about it can be changed any more."),
    ("invalid for state of job", FailureKind::Rejected, "In the state that it is in now, PBS does not do that to it."),
    ("Unauthorized Request", FailureKind::Denied, FOREIGN),
    ("No Permission", FailureKind::Denied, FOREIGN),
    ("Unknown queue", FailureKind::Rejected, "`qstat -Q` shows the queues there are; the script's -q names one of them."),
    (
        "Job violates queue",
        FailureKind::Rejected,
        "The queue's limits are smaller than what the script asks for: `qstat -Q -f QUEUE` shows them.",
    ),
    ("rejected by all possible destinations", FailureKind::Rejected, "No queue takes what the script asks for: less time, memory or CPUs."),
    ("Illegal attribute or resource", FailureKind::Rejected, "This PBS does not know something that was asked for with -l."),
    ("illegal -", FailureKind::Rejected, "This PBS does not know one of the options, or its value."),
    ("usage: q", FailureKind::Rejected, "This PBS does not know one of the options."),
    ("Queue is not enabled", FailureKind::Rejected, "The queue takes no jobs now: another one with -q, or wait for the administrator."),
];

/// The failure that a command's status and words stand for. The place is the caller's to fill in.
pub(super) fn failure(said: &Said) -> Failure {
    let text = words(&said.stderr);
    let lower = text.to_lowercase();
    match TABLE.iter().find(|(sign, ..)| lower.contains(&sign.to_lowercase())) {
        Some((_, kind, hint)) => Failure::new(*kind, "", &text).hint(*hint),
        None if said.status == 127 => {
            Failure::new(FailureKind::NotFound, "", text).hint("PBS's commands are not on the PATH there nor in /opt/pbs/bin.")
        }
        // Below the wrappers it is Slurm that speaks.
        None => slurm::failure(&Said { status: said.status, stdout: Vec::new(), stderr: text }),
    }
}

/// What a person should read of it: without the commands' names, and of the wrappers' account of a failed `sbatch` only its words.
pub(super) fn words(stderr: &str) -> String {
    let told =
        stderr.split_once("and the output was:\n'").map_or(stderr, |(_, rest)| rest.rsplit_once('\'').map_or(rest, |(words, _)| words));
    let noise = |line: &&str| !line.is_empty() && !line.starts_with("Use of uninitialized");
    let lines = told.lines().map(str::trim).filter(noise).map(strip);
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
    lines.join("; ")
}

/// `qdel: Kill job error on job id 7: why` and `qhold: Error on job id 7: why` without what comes before the reason.
fn strip(line: &str) -> &str {
    let Some((command, rest)) = line.split_once(": ") else { return line };
    if !(command.starts_with('q') || command == "pbsnodes") || command.contains(' ') {
        return line;
    }
    match rest.split_once(" on job id ").and_then(|(_, rest)| rest.split_once(": ")) {
        Some((_, why)) => why,
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stderr: &str) -> Failure {
        failure(&Said { status: 1, stdout: Vec::new(), stderr: stderr.into() })
    }

    #[test]
    fn each_trouble_has_its_kind_and_a_next_step() {
        let down = of("Connection refused\nqstat: cannot connect to server pbs (errno=15010)\n");
        assert_eq!(
            (down.kind, down.what.as_str()),
            (FailureKind::Unreachable, "Connection refused; cannot connect to server pbs (errno=15010)")
        );
        assert_eq!(of("qstat: Unknown Job Id 9.pbs").kind, FailureKind::NotFound);
        assert_eq!(of("qdel: Unauthorized Request  9.pbs").kind, FailureKind::Denied);
        assert_eq!(of("qsub: Unknown queue").what, "Unknown queue");
        let foreign = of("qdel: Kill job error on job id 7: Access/permission denied\n");
        assert_eq!((foreign.kind, foreign.what.as_str()), (FailureKind::Denied, "Access/permission denied"));
    }

    #[test]
    fn the_wrappers_account_of_sbatch_is_cut_down_to_its_words() {
        let told = "There was an error running the Slurm sbatch command.\nThe command was:\n'/opt/slurm/bin/sbatch -e it's.e%A x 2>&1'\nand the output was:\n\
                    'sbatch: error: invalid partition specified: nosuch\n sbatch: error: Batch job submission failed: Invalid partition name specified\n'\n";
        let failure = of(told);
        assert_eq!(failure.kind, FailureKind::Rejected);
        assert!(failure.what.contains("Invalid partition name specified") && !failure.what.contains("There was"), "{}", failure.what);
        assert!(failure.hint.contains("partition"));
        assert_eq!(
            words("Use of uninitialized value $hold in x\nqhold: Error on job id 9: Invalid job id specified\n"),
            "Invalid job id specified"
        );
    }
}
