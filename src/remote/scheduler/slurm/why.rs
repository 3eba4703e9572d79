//! Why a job does not run: everything that is known about it, in one round trip and on demand only.

use super::super::{Ask, trouble};
use super::explain::{Known, explain};
use super::time::epoch;
use super::{CALM, detail, nodes};
use crate::model::text::quoted;
use crate::model::{Failure, JobId, Why};

/// Between the parts of the answer.
const PART: char = '\x1d';

/// The place of a job in a list of `ID PRIORITY` lines, and how many lines there are. What is held has no priority and no place.
const PLACE: &str =
    r#"$2 > 0 { n++; split($1, part, "_"); if ($1 == j && !x) x = n; if (part[1] == a && !y) y = n } END { print (x ? x : y) + 0, n + 0 }"#;

/// Those of `scontrol`'s lines of nodes that serve one of the partitions.
const OF: &str = r#"BEGIN { n = split(p, want, ",") } { for (i = 1; i <= NF; i++) if (index($i, "Partitions=") == 1) { m = split(substr($i, 12), has, ",");
 for (k = 1; k <= m; k++) for (l = 1; l <= n; l++) if (has[k] == want[l]) { print; next } } }"#;

pub(super) fn ask(job: &JobId) -> Ask<Why> {
    let wanted = job.clone();
    let one = quoted(job.as_str().split("_[").next().unwrap_or(job.as_str()));
    let (id, array) = (quoted(job.as_str()), quoted(job.as_str().split('_').next().unwrap_or("")));
    // The partitions are found in the first answer, so that one script can ask for all. ParallelCluster's logs may be its own to read.
    let script = format!(
        "{CALM}j=$(scontrol -o show job {one}) || exit $?\n\
         printf '%s\\035' \"$j\"\n\
         p=$(squeue -h --local -j {one} -o %P 2>/dev/null | head -n 1)\n\
         squeue -h --local --start -j {one} -o %S 2>/dev/null | head -n 1; printf '\\035'\n\
         squeue -h --local -a -t PD -p \"$p\" --sort=-p,i -o '%i %Q' 2>/dev/null | awk -v j={id} -v a={array} {place}; printf '\\035'\n\
         scontrol -o show partition 2>/dev/null; printf '\\035'\n\
         scontrol -o show nodes 2>/dev/null | awk -v p=\"$p\" {of}; printf '\\035'\n\
         cat /opt/parallelcluster/shared/computefleet-status.json 2>/dev/null; printf '\\035'\n\
         log() {{ f=/var/log/parallelcluster/$1; [ -e \"$f\" ] || return; tail -n 300 \"$f\" 2>/dev/null || sudo -n tail -n 300 \"$f\" 2>/dev/null; }}\n\
         log slurm_resume.log; printf '\\035'\n\
         log clustermgtd; exit 0",
        place = quoted(PLACE),
        of = quoted(OF),
    );
    Ask {
        script,
        read: Box::new(move |said| {
            if said.status != 0 {
                let failure = trouble::failure(said);
                return Err(Failure { what: format!("job {wanted}: {}", failure.what), ..failure });
            }
            read(&String::from_utf8_lossy(&said.stdout), &wanted)
        }),
    }
}

fn read(text: &str, wanted: &JobId) -> Result<Why, Failure> {
    let mut parts = text.split(PART);
    let mut next = || parts.next().unwrap_or("").trim_matches('\n');
    let job = detail::read(next().as_bytes(), wanted)?;
    let (estimate, place, partitions, table) = (next(), next(), next(), next());
    let (status, resume, clustermgtd) = (next(), next(), next());
    let table = nodes::read(table.as_bytes());
    let place = place.split_once(' ').and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?))).filter(|(at, _)| *at > 0);
    Ok(explain(&Known {
        job: &job,
        partitions,
        nodes: &table.nodes,
        estimate: epoch(estimate.trim()),
        place,
        fleet: fleet(status),
        resume,
        clustermgtd,
    }))
}

/// `{"lastStatusUpdatedTime": "…", "status": "RUNNING"}`: the status.
fn fleet(json: &str) -> &str {
    let after = json.split_once("\"status\"").and_then(|(_, rest)| rest.split_once(':')).map_or("", |(_, rest)| rest);
    after.split('"').nth(1).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOB: &str = include_str!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt");
    const NODES: &str = include_str!("../../../../tests/fixtures/slurm-22.05/nodes-booting.txt");
    const RESUME: &str = include_str!("../../../../tests/fixtures/parallelcluster/slurm_resume.log");
    const WATCH: &str = include_str!("../../../../tests/fixtures/parallelcluster/clustermgtd");
    const PROTECTED: &str = include_str!("../../../../tests/fixtures/parallelcluster/clustermgtd-protected");

    fn job(reason: &str, partition: &str) -> String {
        JOB.replace("JobState=RUNNING", "JobState=PENDING")
            .replace("Reason=None", &format!("Reason={reason}"))
            .replace("Partition=compute", &format!("Partition={partition}"))
            .replace(" NodeList=compute-st-c5large-1", " NodeList=")
    }

    fn of(nodes: &str, partition: &str) -> String {
        nodes.lines().filter(|line| line.contains(&format!("Partitions={partition}"))).map(|line| format!("{line}\n")).collect()
    }

    fn told(parts: &[&str]) -> Why {
        read(&parts.join("\x1d"), &JobId::new("1")).unwrap()
    }

    fn facts(why: &Why) -> String {
        why.facts.iter().map(|(label, text)| format!("{label}: {text}\n")).collect()
    }

    #[test]
    fn a_job_without_capacity_is_explained_with_what_ec2_said() {
        let partition = "PartitionName=gpu AllowGroups=ALL MaxNodes=2 MinNodes=0 MaxTime=1-00:00:00 State=UP";
        let nodes: String = of(NODES, "gpu").lines().filter(|l| l.contains("gpu-dy-p4d-2")).collect();
        let why = told(&[&job("BeginTime", "gpu"), "2026-11-24T13:00:00\n", "2 3\n", partition, &nodes, "", RESUME, WATCH]);
        assert_eq!((why.reason.as_str(), why.place, why.estimate), ("BeginTime", Some((2, 3)), Some(1_795_525_200)));
        assert!(why.remedy.starts_with("No node of gpu can be had now.") && why.remedy.contains("availability zones"), "{}", why.remedy);
        let facts = facts(&why);
        for wanted in [
            "Time: asks for 365-00:00:00; gpu allows 1-00:00:00. That is too much\n",
            "Nodes asked: 1; gpu allows 1 of its 1\n",
            "Nodes of gpu: 1 down or drained\n",
            "EC2 says: EC2 has no free instances of this type in this availability zone now (InsufficientInstanceCapacity), of gpu-dy-p4d-2.",
            "Failed starts: 1 of 10 that put gpu into protected mode\n",
            "Cluster's log: 2026-11-24 12:05:41  EC2 is asked for gpu-dy-p4d-[1-2]\n",
            ": 2026-11-24 12:05:42  EC2 refused: InsufficientInstanceCapacity: We currently do not have sufficient p4d.24xlarge capacity",
        ] {
            assert!(facts.contains(wanted), "{wanted} is not in\n{facts}");
        }
    }

    #[test]
    fn protected_mode_names_the_way_out() {
        let partition = "PartitionName=compute MaxTime=UNLIMITED State=INACTIVE";
        let nodes = of(NODES, "compute");
        for (status, log) in [("{\"lastStatusUpdatedTime\": \"x\", \"status\": \"PROTECTED\"}", ""), ("", PROTECTED)] {
            let why = told(&[&job("PartitionInactive", "compute"), "", "", partition, &nodes, status, "", log]);
            assert!(why.remedy.contains("START_REQUESTED") && why.remedy.starts_with("Mend"), "{}", why.remedy);
            assert!(facts(&why).contains("Protected mode: ") && facts(&why).contains("Partition: compute is INACTIVE"), "{}", facts(&why));
        }
        let stopped = told(&[&job("PartitionInactive", "compute"), "", "", partition, &nodes, "{\"status\":\"STOPPED\"}", "", ""]);
        assert!(stopped.remedy.starts_with("Start the compute fleet"), "{}", stopped.remedy);
        let other = told(&[&job("PartitionInactive", "compute"), "", "", partition, &nodes, "", "", ""]);
        assert!(other.remedy.contains("stopped, or in protected mode"), "{}", other.remedy);
    }

    #[test]
    fn nodes_that_boot_are_followed() {
        let configuring = JOB
            .replace("JobState=RUNNING", "JobState=CONFIGURING")
            .replace("NodeList=compute-st-c5large-1", "NodeList=compute-dy-c5large-1");
        let why = told(&[&configuring, "", "", "", &of(NODES, "compute"), "", RESUME, ""]);
        assert!(why.plain.contains("compute-dy-c5large-1, and they are being started"), "{}", why.plain);
        let facts = facts(&why);
        assert!(facts.contains("Starting: compute-dy-c5large-1\n") && facts.contains("launched, and being set up"), "{facts}");
        assert!(!facts.contains("EC2 refused"), "another queue's trouble: {facts}");
    }

    #[test]
    fn what_it_waits_for_and_who_keeps_nodes_away_is_told() {
        let depends = job("DependencyNeverSatisfied", "gpu").replace("Dependency=(null)", "Dependency=afterok:12(failed)");
        let why = told(&[&depends, "", "", "", &of(NODES, "gpu"), "", "", ""]);
        let facts = facts(&why);
        assert!(facts.contains("Waits for: job 12, after it has ended well. That cannot come true any more\n"), "{facts}");
        assert!(facts.contains("Out of service: gpu-dy-p4d-1: maintenance: disk swap, ask bob\n"), "{facts}");
        assert!(why.remedy.contains("scontrol update JobId=1 Dependency="));
    }

    #[test]
    fn a_job_that_does_not_wait_says_so() {
        let runs = told(&[JOB, "", "", "", "", "", "", ""]);
        assert_eq!(runs.plain, "It runs on compute-st-c5large-1: 00:01:15 of 365-00:00:00 so far.");
        let failed = JOB
            .replace("JobState=RUNNING", "JobState=FAILED")
            .replace("Reason=None", "Reason=NonZeroExitCode")
            .replace("ExitCode=0:0", "ExitCode=3:0");
        let failed = told(&[&failed, "", "", "", "", "", "", ""]);
        assert!(failed.plain.contains("exit code") && facts(&failed).contains("Exit code: 3"), "{failed:?}");
    }

    #[test]
    fn every_word_of_the_question_is_quoted() {
        let script = ask(&JobId::new("7_$(x)")).script;
        assert!(script.contains("scontrol -o show job '7_$(x)'") && script.contains("-v j='7_$(x)' -v a=7 "), "{script}");
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(parts in proptest::collection::vec("\\PC{0,60}", 0..9)) {
            let _ = read(&parts.join("\x1d"), &JobId::new("1"));
        }
    }
}
