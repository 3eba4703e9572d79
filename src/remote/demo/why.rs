//! The simulated scheduler explains: the same words as for a real one, made of what the simulation knows.
//!
//! Writes the logs that a ParallelCluster would have written, and no others.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::answers::{self, find, unknown};
use super::change::reasons;
use super::world::{NO_CAPACITY, Power, QUEUES, World};
use crate::model::{Failure, JobId, Why};
use crate::remote::scheduler::{Known, explain};

pub(super) fn why(world: &World, id: &JobId) -> Result<Why, Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    let queue = usize::from(job.queue);
    let partition = QUEUES[queue].0;
    let mut detail = answers::detail(world, id)?;
    let (reason, dependency) = reasons(world, id)?;
    detail.fields.retain(|(key, _)| key != "Reason");
    detail.fields.extend([("Reason".to_owned(), reason), ("Dependency".to_owned(), dependency)]);
    let nodes: Vec<_> = answers::nodes(world).nodes.into_iter().filter(|node| node.partitions.iter().any(|p| p == partition)).collect();
    let waiting: Vec<_> = world.jobs.values().filter(|j| j.state.is_waiting() && j.queue == job.queue).collect();
    let at = waiting.iter().position(|j| j.id == job.id);
    let all = nodes.len();
    Ok(explain(&Known {
        job: &detail,
        partitions: &format!("PartitionName={partition} AllowGroups=ALL MaxNodes=UNLIMITED MaxTime=1-00:00:00 State=UP TotalNodes={all}"),
        nodes: &nodes,
        estimate: at.map(|at| world.epoch.as_second() + world.now + 600 + i64::try_from(at).unwrap_or(0) * 45),
        place: at.map(|at| (at + 1, waiting.len())),
        fleet: "RUNNING",
        resume: &resume_log(world, queue),
        clustermgtd: "",
    }))
}

/// What `slurm_resume.log` says of nodes that start, and of those that EC2 did not give.
fn resume_log(world: &World, queue: usize) -> String {
    let mut out = String::new();
    let mut line = |second: i64, level: &str, text: &str| {
        let at = Timestamp::from_second(world.epoch.as_second() + second).unwrap_or(world.epoch).strftime("%Y-%m-%d %H:%M:%S");
        let _ = writeln!(out, "{at},118 - 21855 - [slurm_plugin.resume:_resume] - {level} - {text}");
    };
    for node in world.nodes.iter().filter(|node| node.queue == queue) {
        let name = node.name();
        let asks = format!("Launching EC2 instances for the following Slurm nodes: {name}");
        match node.power {
            Power::NoCapacity(until) => {
                let at = until - NO_CAPACITY;
                let kind = QUEUES[queue].2;
                line(at, "INFO", &asks);
                let why =
                    format!("We currently do not have sufficient {kind} capacity in the Availability Zone you requested (eu-west-1a).");
                line(at + 1, "ERROR", &format!("Failed RunInstances request (3f0c2c8e): InsufficientInstanceCapacity - {why}"));
                line(at + 1, "ERROR", &format!("Failed to launch following nodes, setting nodes to DOWN: (x1) ['{name}']"));
            }
            Power::Starting(until) => {
                line(until - 30, "INFO", &asks);
                line(until - 27, "INFO", &format!("Successfully launched nodes (x1) ['{name}']"));
            }
            Power::Off | Power::On | Power::Stopping(_) => {}
        }
    }
    out
}
