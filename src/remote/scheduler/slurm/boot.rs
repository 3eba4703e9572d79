//! What ParallelCluster's own logs tell of nodes on their way: `slurm_resume.log`, which asks EC2, and `clustermgtd`, which watches them.
//!
//! Only reads lines: which nodes matter is the caller's to say.

use crate::model::text::several;

/// What the logs tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Told {
    /// The compute fleet's status, as last seen: `RUNNING`, `PROTECTED`, `STOPPED`.
    pub(super) fleet: Option<String>,
    /// Failed starts of the partition's nodes, and how many of them lead into protected mode.
    pub(super) failures: Option<(u32, u32)>,
    /// What happened to the nodes: the time as the log has it, and words; the latest last.
    pub(super) steps: Vec<(String, String)>,
}

/// At most so many steps are worth reading.
const STEPS: usize = 5;

/// Reads the ends of both logs for the nodes whose names begin with one of `fronts`, as `gpu-dy-p4d-`, of one partition.
pub(super) fn told(resume: &str, clustermgtd: &str, partition: &str, fronts: &[&str]) -> Told {
    let mut told = Told::default();
    let mut ours = false;
    let mut steps: Vec<(String, String)> = Vec::new();
    for (at, message) in resume.lines().filter_map(line) {
        let mentioned = fronts.iter().any(|front| message.contains(front));
        // EC2's answer names no nodes: it belongs to the launch before it.
        if message.starts_with("Launching ") {
            ours = mentioned;
        }
        if let Some(step) = launch(message).filter(|_| mentioned || ours) {
            steps.push((at.to_owned(), step));
        }
        if message.starts_with("No valid clustermgtd heartbeat") {
            steps.push((at.to_owned(), "clustermgtd is down on the head node: no machines are started".to_owned()));
        }
    }
    for (at, message) in clustermgtd.lines().filter_map(line) {
        if let Some(status) = message.strip_prefix("Current compute fleet status: ") {
            told.fleet = Some(status.trim().to_owned());
        } else if let Some(counts) = message.strip_prefix("Partitions bootstrap failure count: ") {
            told.failures = failures(counts, partition);
        } else if let Some(step) = watched(message, partition)
            && (fronts.iter().any(|front| message.contains(front)) || message.contains(&format!("'{partition}'")))
        {
            steps.push((at.to_owned(), step));
        }
    }
    steps.sort_by(|a, b| a.0.cmp(&b.0));
    steps.dedup_by(|later, earlier| later.1 == earlier.1);
    told.steps = steps.split_off(steps.len().saturating_sub(STEPS));
    told
}

/// `2026-11-24 12:04:58,310 - 21855 - [where] - INFO - message` as time and message.
fn line(text: &str) -> Option<(&str, &str)> {
    let (at, rest) = text.split_once(',')?;
    let level = [" - INFO - ", " - WARNING - ", " - ERROR - ", " - CRITICAL - "];
    let message = level.iter().find_map(|level| rest.split_once(level))?.1;
    at.starts_with(|c: char| c.is_ascii_digit()).then_some((at, message))
}

/// A message of `slurm_resume.log`.
fn launch(message: &str) -> Option<String> {
    let after = |start: &str| message.strip_prefix(start);
    if let Some(nodes) = after("Launching EC2 instances for the following Slurm nodes: ") {
        return Some(format!("EC2 is asked for {}", names(nodes)));
    }
    if let Some(instances) = after("Launched the following instances ") {
        return Some(format!("EC2 launched {}", names(instances)));
    }
    if let Some(nodes) = after("Successfully launched nodes ") {
        return Some(format!("launched, and being set up: {}", names(nodes)));
    }
    if let Some(nodes) = after("Failed to launch following nodes, setting nodes to DOWN: ") {
        return Some(format!("not launched: {}", names(nodes)));
    }
    let refused = ["Failed RunInstances request (", "Failed CreateFleet request (", "Error in CreateFleet request ("];
    let why = refused.iter().find_map(|start| after(start))?.split_once("): ")?.1;
    Some(format!("EC2 refused: {}", why.replacen(" - ", ": ", 1)))
}

/// A message of clustermgtd.
fn watched(message: &str, partition: &str) -> Option<String> {
    if let Some(nodes) = message.strip_prefix("Found the following bootstrap failure nodes: ") {
        return Some(format!("could not be set up: {}", names(nodes)));
    }
    if let Some(why) = message.strip_prefix("Node bootstrap error: ") {
        return Some(why.split(", node state").next().unwrap_or(why).to_owned());
    }
    if message.starts_with("Placing bootstrap failure partitions to INACTIVE") {
        return Some(format!("{partition} was made inactive: too many of its nodes failed to start"));
    }
    if message.starts_with("The following compute resources are in down state due to insufficient capacity") {
        let seconds = message.rsplit_once("timeout (").and_then(|(_, rest)| rest.split(['.', ' ']).next()?.parse::<u64>().ok())?;
        return Some(format!("without capacity: EC2 is asked again {} minutes after it refused", seconds / 60));
    }
    None
}

/// `(x2) ['a', 'b']` as `a and b`; anything else as it is.
fn names(text: &str) -> String {
    let Some((_, list)) = text.split_once("['") else { return text.trim().to_owned() };
    let list = list.split("']").next().unwrap_or(list);
    let names: Vec<&str> = list.split("', '").map(|name| name.split('(').next().unwrap_or(name)).collect();
    several(names.into_iter(), 3)
}

/// `{'q': {'a': 4, 'b': 2}}, … threshold 10` as the sum for one partition, and the threshold.
fn failures(text: &str, partition: &str) -> Option<(u32, u32)> {
    let (_, mine) = text.split_once(&format!("'{partition}': {{"))?;
    let mine = mine.split('}').next()?;
    let count = mine.split(',').filter_map(|pair| pair.rsplit(": ").next()?.trim().parse::<u32>().ok()).fold(0, u32::saturating_add);
    let threshold = text.rsplit_once("threshold ")?.1.trim().parse().ok()?;
    Some((count, threshold))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESUME: &str = include_str!("../../../../tests/fixtures/parallelcluster/slurm_resume.log");
    const WATCH: &str = include_str!("../../../../tests/fixtures/parallelcluster/clustermgtd");
    const PROTECTED: &str = include_str!("../../../../tests/fixtures/parallelcluster/clustermgtd-protected");

    #[test]
    fn a_launch_without_capacity_is_told_step_by_step() {
        let told = told(RESUME, WATCH, "gpu", &["gpu-dy-p4d-"]);
        let words: Vec<&str> = told.steps.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(
            words,
            [
                "EC2 is asked for gpu-dy-p4d-[1-2]",
                "EC2 refused: InsufficientInstanceCapacity: We currently do not have sufficient p4d.24xlarge capacity in the Availability Zone you \
                 requested (eu-west-1a).",
                "not launched: gpu-dy-p4d-1 and gpu-dy-p4d-2",
                "without capacity: EC2 is asked again 10 minutes after it refused",
            ]
        );
        assert_eq!((told.failures, told.fleet.as_deref()), (Some((1, 10)), Some("RUNNING")));
    }

    #[test]
    fn nodes_that_do_not_come_up_are_counted() {
        let told = told(RESUME, WATCH, "compute", &["compute-dy-c5large-"]);
        assert_eq!(told.failures, Some((6, 10)));
        let last: Vec<&str> = told.steps.iter().rev().take(3).map(|(_, words)| words.as_str()).collect();
        assert_eq!(
            last,
            [
                "could not be set up: compute-dy-c5large-1",
                "Resume timeout expires for node compute-dy-c5large-1(10.0.16.31)",
                "launched, and being set up: compute-dy-c5large-1 and compute-dy-c5large-2",
            ]
        );
    }

    #[test]
    fn protected_mode_is_seen() {
        let told = told("", PROTECTED, "compute", &["compute-dy-c5large-"]);
        assert_eq!((told.fleet.as_deref(), told.failures), (Some("PROTECTED"), Some((10, 10))));
        assert_eq!(told.steps.last().unwrap().1, "compute was made inactive: too many of its nodes failed to start");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(a in "\\PC{0,80}", b in "1,2 - INFO - (Partitions bootstrap failure count: \\{'q': \\{[^}]{0,9}\\}|Failed RunInstances request [()a: -]{0,9}|Found the following bootstrap failure nodes: [\\[\\]'x, ]{0,9})") {
            told(&a, &b, "q", &["q-dy-"]);
            told(&b, &a, "q", &["q-dy-"]);
        }
    }
}
