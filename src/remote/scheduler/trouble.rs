//! What Slurm's commands say when something is wrong, and what to do about it.

use crate::model::{Failure, FailureKind};
use crate::remote::host::Said;

/// A machine with Slurm's packages alone is no cluster.
const UNCONFIGURED: &str = "Slurm's commands are there, but not set up: name its slurm.conf in SLURM_CONF, or choose another cluster.";

/// The failure that a command's status and words stand for. The place is the caller's to fill in.
pub(super) fn failure(said: &Said) -> Failure {
    let words: Vec<&str> = said.stderr.lines().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let text = words.join("\n");
    let what = if text.is_empty() { format!("the command ended with status {} and no word", said.status) } else { strip(&text) };
    let table: [(&str, FailureKind, &str); 22] = [
        (
            "Unable to contact slurm controller",
            FailureKind::Unreachable,
            "slurmctld is down or restarting on the head node: systemctl status slurmctld, /var/log/slurmctld.log.",
        ),
        ("Socket timed out", FailureKind::TimedOut, "slurmctld is overloaded or hangs; qdeck asks less often until it answers."),
        ("configuration source", FailureKind::Unsupported, UNCONFIGURED),
        ("Unable to process configuration file", FailureKind::Unsupported, UNCONFIGURED),
        ("authentication error", FailureKind::Denied, "munge is not running or its key differs: systemctl status munge on the head node."),
        ("not found", FailureKind::NotFound, "Slurm's commands are not on the PATH there nor in /opt/slurm/bin."),
        ("Invalid job id", FailureKind::NotFound, "Slurm forgets a finished job after MinJobAge, 300 s by default."),
        ("Access/permission denied", FailureKind::Denied, "The job belongs to somebody else."),
        ("Invalid user id", FailureKind::Denied, "Only Slurm's administrators may do that."),
        ("Rate limit", FailureKind::Busy, "slurmctld limits its clients; a longer refresh in the config helps."),
        ("Invalid partition", FailureKind::Rejected, "The Nodes pane shows the partitions there are; the script's -p names one of them."),
        (
            "More processors requested",
            FailureKind::Rejected,
            "The partition has fewer CPUs than the script asks for: fewer tasks, or another partition.",
        ),
        (
            "Requested node configuration",
            FailureKind::Rejected,
            "No node of the partition has that many CPUs, that much memory, or those GPUs.",
        ),
        ("node count specification", FailureKind::Rejected, "The partition allows fewer nodes than the script asks for."),
        ("time limit is invalid", FailureKind::Rejected, "The partition's limit is shorter than the script's --time."),
        ("Invalid account", FailureKind::Rejected, "Ask for an account with access: -A in the script names another one."),
        ("Invalid qos", FailureKind::Rejected, "--qos in the script names one that this account may not use."),
        ("does not look like a batch script", FailureKind::Rejected, "The first line must name an interpreter, such as #!/bin/bash."),
        ("DOS line breaks", FailureKind::Rejected, "The script has Windows line ends: dos2unix FILE, or sed -i 's/\\r$//' FILE."),
        ("unrecognized option", FailureKind::Rejected, "This Slurm does not know one of the script's options."),
        ("Unable to open file", FailureKind::NotFound, "There is no such script on the head node."),
        ("Job violates accounting", FailureKind::Rejected, "A limit of the account or QOS is reached."),
    ];
    let lower = text.to_lowercase();
    let known = table.iter().find(|(sign, ..)| lower.contains(&sign.to_lowercase()));
    match known {
        Some((_, kind, hint)) => Failure::new(*kind, "", what).hint(*hint),
        None if said.status == 127 => Failure::new(FailureKind::NotFound, "", what).hint("Slurm's commands are not on the PATH there."),
        None => Failure::new(FailureKind::Rejected, "", what),
    }
}

/// The words without the command's name in front of each line, what ended it first.
fn strip(text: &str) -> String {
    let commands = ["sbatch: ", "scancel: ", "squeue: ", "scontrol: ", "sinfo: ", "sacct: "];
    let bare = |line| commands.iter().find_map(|name| str::strip_prefix(line, name)).unwrap_or(line);
    let (fatal, other): (Vec<&str>, Vec<&str>) = text.lines().map(bare).partition(|line| line.starts_with("fatal: "));
    let of_note = |line| str::strip_prefix(line, "fatal: ").or_else(|| str::strip_prefix(line, "error: ")).unwrap_or(line);
    fatal.into_iter().chain(other).map(of_note).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stderr: &str) -> Failure {
        failure(&Said { status: 1, stdout: Vec::new(), stderr: stderr.into() })
    }

    #[test]
    fn slurm_s_own_words_stay_and_get_a_next_step() {
        let down = of("slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n");
        assert_eq!(down.kind, FailureKind::Unreachable);
        assert!(down.what.contains("connect failure") && down.hint.contains("slurmctld"));
        let cpus = of("sbatch: error: Batch job submission failed: More processors requested than permitted\n");
        assert_eq!(
            (cpus.kind, cpus.what.as_str()),
            (FailureKind::Rejected, "Batch job submission failed: More processors requested than permitted")
        );
        assert_eq!(of("").what, "the command ended with status 1 and no word");
        let bare = of("squeue: error: fetch_config: DNS SRV lookup failed\nsqueue: fatal: Could not establish a configuration source\n");
        assert_eq!(bare.what, "Could not establish a configuration source; fetch_config: DNS SRV lookup failed");
        assert!(bare.kind == FailureKind::Unsupported && bare.hint.contains("SLURM_CONF"), "{bare}");
        assert_eq!(of("sh: 1: squeue: not found").kind, FailureKind::NotFound);
    }
}
