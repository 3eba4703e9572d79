//! Why a job does not run: everything that Slurm knows about it, in one round trip and on demand only.

use super::super::{Ask, trouble};
use super::time::epoch;
use super::{CALM, capacity, detail, nodes, reasons};
use crate::model::duration::thousands;
use crate::model::text::quoted;
use crate::model::{JobId, JobState, NodePhase, Why};

/// Between the parts of the answer.
const PART: char = '\x1d';

pub(super) fn ask(job: &JobId) -> Ask<Why> {
    let wanted = job.clone();
    let one = quoted(job.as_str().split("_[").next().unwrap_or(job.as_str()));
    // The partition and its line are found in the first answer, so that one script can ask for all.
    let script = format!(
        "{CALM}j=$(scontrol -o show job {one}) || exit $?\n\
         printf '%s\\035' \"$j\"\n\
         p=$(squeue -h --local -j {one} -o %P | head -n 1)\n\
         squeue -h --local --start -j {one} -o %S 2>/dev/null | head -n 1; printf '\\035'\n\
         squeue -h --local -a -t PD -p \"$p\" --sort=-p,i -o '%i %Q' 2>/dev/null; printf '\\035'\n\
         scontrol -o show partition \"${{p%%,*}}\" 2>/dev/null; printf '\\035'\n\
         scontrol -o show nodes 2>/dev/null; printf '\\035'\n\
         for l in slurm_resume clustermgtd; do tail -n 200 /var/log/parallelcluster/$l 2>/dev/null; done"
    );
    Ask {
        script,
        read: Box::new(move |said| {
            if said.status != 0 && said.stdout.is_empty() {
                let failure = trouble::failure(said);
                return Err(crate::model::Failure { what: format!("job {wanted}: {}", failure.what), ..failure });
            }
            let text = String::from_utf8_lossy(&said.stdout);
            let mut parts = text.split(PART);
            let mut next = || parts.next().unwrap_or("").trim_matches('\n');
            let job = detail::read(next().as_bytes(), &wanted)?;
            let (estimate, queue, partition, table, log) = (next(), next(), next(), next(), next());
            let field = |key: &str| job.fields.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
            let mut why = Why { reason: field("Reason").to_owned(), estimate: epoch(estimate.trim()), ..Why::default() };
            explain(&mut why, job.state);
            why.place = place(queue, &wanted);
            let nodes = nodes::read(table.as_bytes()).nodes;
            let name = field("Partition").split(',').next().unwrap_or("");
            let mine: Vec<_> = nodes.iter().filter(|node| node.partitions.iter().any(|p| p == name)).collect();
            limits(&mut why, partition, name, field("TimeLimit"));
            fleet(&mut why, name, &mine);
            fact(&mut why, "Depends on", field("Dependency"));
            if let Some(line) = told(log, &mine.iter().map(|n| n.name.as_str()).collect::<Vec<_>>()) {
                fact(&mut why, "Cluster log", line);
            }
            Ok(why)
        }),
    }
}

fn fact(why: &mut Why, label: &str, text: &str) {
    if !matches!(text, "" | "(null)" | "N/A" | "None") {
        why.facts.push((label.to_owned(), text.to_owned()));
    }
}

fn explain(why: &mut Why, state: JobState) {
    if !state.is_waiting() {
        why.plain = format!("It does not wait: its state is {}.", state.long());
        return;
    }
    match reasons::reason(&why.reason) {
        Some(known) => (why.plain, why.remedy) = (known.plain.to_string(), known.remedy.to_string()),
        None => {
            why.plain = format!("Slurm says {}, which qdeck does not know.", why.reason);
            "`scontrol show job` and the cluster's administrator know more.".clone_into(&mut why.remedy);
        }
    }
}

/// The job's place in the order of priority.
fn place(queue: &str, wanted: &JobId) -> Option<(usize, usize)> {
    let ids: Vec<&str> = queue.lines().filter_map(|line| line.split(' ').next()).collect();
    let array = wanted.as_str().split('_').next().unwrap_or("");
    let is = |id: &&str| *id == wanted.as_str() || id.split('_').next() == Some(array);
    let at = ids.iter().position(|id| *id == wanted.as_str()).or_else(|| ids.iter().position(is))?;
    Some((at + 1, ids.len()))
}

fn limits(why: &mut Why, line: &str, name: &str, wanted: &str) {
    let value = |key: &str| line.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')).unwrap_or("");
    let state = value("State");
    // Of a job that has ended Slurm tells no partition any more.
    if state.is_empty() {
        return;
    }
    if state != "UP" {
        fact(why, "Partition", &format!("{name} is {state}"));
        if state == "INACTIVE" {
            // ParallelCluster deactivates partitions when the fleet is stopped and in protected mode.
            "On ParallelCluster the fleet is stopped, or in protected mode after 10 failed node starts: mend what fails (see clustermgtd's log), then \
             `pcluster update-compute-fleet --status START_REQUESTED`."
                .clone_into(&mut why.remedy);
        }
    }
    let limits = [("MaxTime", "time"), ("MaxNodes", "nodes"), ("MinNodes", "at least nodes")];
    let words: Vec<String> = limits
        .iter()
        .map(|(key, word)| (value(key), word))
        .filter(|(v, _)| !matches!(*v, "" | "UNLIMITED" | "0"))
        .map(|(v, w)| format!("{w} {v}"))
        .collect();
    if !words.is_empty() {
        let asked = if wanted.is_empty() { String::new() } else { format!(" (the job asks for {wanted})") };
        fact(why, "Limits", &format!("{}{asked}", words.join(", ")));
    }
}

/// What the partition's nodes do, and what EC2 said about those that could not be had.
fn fleet(why: &mut Why, name: &str, nodes: &[&crate::model::Node]) {
    let count = |phase: NodePhase| nodes.iter().filter(|n| n.phase == phase).count();
    let phases = [
        (NodePhase::Idle, "idle"),
        (NodePhase::Mixed, "partly used"),
        (NodePhase::Allocated, "in use"),
        (NodePhase::PoweringUp, "starting"),
        (NodePhase::PoweringDown, "stopping"),
        (NodePhase::PoweredDown, "powered down"),
        (NodePhase::Draining, "draining"),
        (NodePhase::Down, "down"),
    ];
    let words: Vec<String> = phases
        .iter()
        .map(|(phase, word)| (count(*phase), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, w)| format!("{} {w}", thousands(n as u64)))
        .collect();
    fact(why, "Nodes", &if words.is_empty() { String::new() } else { format!("{name}: {}", words.join(", ")) });
    if count(NodePhase::PoweringUp) > 0 {
        fact(why, "Starting", "Nodes boot; a ParallelCluster node takes 3 to 5 minutes from launch to its first job.");
    }
    // Each code once, with the advice that fits.
    let mut seen = std::collections::BTreeSet::new();
    for node in nodes {
        let Some(said) = node.reason.as_deref().and_then(capacity::capacity) else { continue };
        if seen.insert(said.code.clone()) {
            fact(why, "EC2 says", &format!("{} ({}). {}", said.plain, said.code, said.advice));
        }
    }
}

/// The last thing that ParallelCluster's own logs say about one of these nodes.
fn told<'a>(log: &'a str, nodes: &[&str]) -> Option<&'a str> {
    let bad = |line: &&str| line.contains("ERROR") || line.contains("WARN") || line.contains("protected mode");
    log.lines().rev().filter(bad).find(|line| line.contains("protected mode") || nodes.iter().any(|node| line.contains(node)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    #[test]
    fn a_job_without_capacity_is_explained_with_what_ec2_said() {
        let job = String::from_utf8_lossy(include_bytes!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt"))
            .replace("JobState=RUNNING", "JobState=PENDING")
            .replace("Reason=None", "Reason=Resources")
            .replace("Partition=compute", "Partition=gpu");
        let nodes = include_str!("../../../../tests/fixtures/slurm-22.05/nodes-booting.txt");
        let partition = "PartitionName=gpu AllowGroups=ALL MaxNodes=2 MaxTime=1-00:00:00 State=UP";
        let text = format!("{job}\x1d2026-11-24T13:00:00\n\x1d9 100\n1 90\n2_[3-4] 80\n\x1d{partition}\n\x1d{nodes}\n\x1d");
        let why = (ask(&JobId::new("1")).read)(&Said { status: 0, stdout: text.into(), stderr: String::new() }).unwrap();
        assert_eq!((why.reason.as_str(), why.place, why.estimate), ("Resources", Some((2, 3)), Some(1_795_525_200)));
        assert!(why.plain.contains("resources") && !why.remedy.is_empty());
        let facts: Vec<String> = why.facts.iter().map(|(l, t)| format!("{l}: {t}")).collect();
        assert!(facts.iter().any(|f| f.starts_with("Limits: time 1-00:00:00, nodes 2")), "{facts:?}");
        assert!(facts.iter().any(|f| f.contains("InsufficientInstanceCapacity")), "{facts:?}");
    }

    #[test]
    fn an_inactive_partition_names_the_way_out() {
        let mut why = Why { reason: "PartitionInactive".into(), ..Why::default() };
        explain(&mut why, JobState::Pending);
        limits(&mut why, "PartitionName=q State=INACTIVE", "q", "");
        assert!(why.remedy.contains("START_REQUESTED"));
    }
}
