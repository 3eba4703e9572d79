//! The simulated scheduler changes jobs and nodes, and refuses what a real one would.
//!
//! Touches only what belongs to the simulated user, but for nodes: there the user is an administrator.

use super::answers::{dependency_of, exactly, find, id_of, of_array, reason_of, unknown};
use super::world::{HELD, Leave, Power, World};
use crate::model::duration::parse_slurm;
use crate::model::{Failure, FailureKind, JobChange, JobId, JobState, NodeChange, Receipt, Refusals};

/// Changes jobs.
pub(super) fn jobs(world: &mut World, change: &JobChange, jobs: &[JobId]) -> Result<Receipt, Failure> {
    if *change == JobChange::CancelMine {
        let mine: Vec<u32> = world.jobs.values().filter(|job| job.user == 0 && !job.state.is_over()).map(|job| job.id).collect();
        mine.into_iter().for_each(|id| world.cancel(id));
        return Ok(Receipt::Changed { asked: 0, refused: Vec::new() });
    }
    let mut refused = Refusals::new();
    for id in jobs {
        let numbers = matching(world, id);
        if numbers.is_empty() {
            refused.push((id.to_string(), "Invalid job id specified".to_owned()));
        }
        // Of a whole array it counts when one task takes it.
        let each: Vec<Result<(), &str>> = numbers.into_iter().map(|number| one(world, change, number)).collect();
        if !each.is_empty() && each.iter().all(Result::is_err) {
            refused.extend(each.into_iter().find_map(Result::err).map(|why| (id.to_string(), why.to_owned())));
        }
    }
    sorted(jobs.len(), refused)
}

/// When nothing was done at all, that is a failure.
fn sorted(asked: usize, refused: Refusals) -> Result<Receipt, Failure> {
    match refused.first() {
        Some((_, why)) if refused.len() == asked => {
            let denied = why.contains("denied");
            let kind = if denied { FailureKind::Denied } else { FailureKind::Rejected };
            let each: Vec<String> = refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            Err(Failure::new(kind, "prod", each.join("; ")).hint(if denied { "The job belongs to somebody else." } else { "" }))
        }
        _ => Ok(Receipt::Changed { asked, refused }),
    }
}

/// The simulated jobs that an id stands for: one, or all tasks of an array.
fn matching(world: &World, id: &JobId) -> Vec<u32> {
    if let Some(job) = exactly(world, id.as_str()) {
        return vec![job.id];
    }
    of_array(world, id.as_str()).map(|job| job.id).collect()
}

fn one(world: &mut World, change: &JobChange, number: u32) -> Result<(), &'static str> {
    let Some(job) = world.jobs.get_mut(&number) else { return Err("Invalid job id specified") };
    let waits = job.state == JobState::Pending;
    if job.user != 0 {
        return Err("Access/permission denied");
    }
    if job.state.is_over() && *change != JobChange::Requeue {
        return Err("Job has already finished");
    }
    match change {
        JobChange::Cancel | JobChange::CancelMine => world.cancel(number),
        JobChange::Signal(_) if waits => return Err("Job is pending execution"),
        JobChange::Signal(name) if matches!(name.as_str(), "TERM" | "KILL" | "INT" | "HUP" | "9" | "15") => world.cancel(number),
        JobChange::Signal(_) => {}
        JobChange::Hold | JobChange::Nice(_) | JobChange::Top if !waits => return Err("Job is no longer pending execution"),
        JobChange::Hold => job.reason = HELD,
        JobChange::Release => {
            if waits && job.reason == HELD {
                job.reason = 1;
            }
        }
        JobChange::Requeue if waits => return Err("Job is pending execution"),
        JobChange::Requeue => world.requeue(number),
        JobChange::TimeLimit(limit) => {
            let (sign, text) = limit
                .strip_prefix('+')
                .map_or_else(|| (limit.strip_prefix('-').map_or(0, |_| -1), limit.trim_start_matches('-')), |t| (1, t));
            let seconds = parse_slurm(text).and_then(|seconds| u32::try_from(seconds).ok());
            let now = job.limit.unwrap_or(0);
            job.limit = match sign {
                1 => Some(now.saturating_add(seconds.unwrap_or(0))),
                -1 => Some(now.saturating_sub(seconds.unwrap_or(0)).max(60)),
                _ => seconds,
            };
        }
        JobChange::Nice(nice) => job.nice = *nice,
        JobChange::Top => world.move_up(number),
    }
    Ok(())
}

/// Changes nodes.
pub(super) fn nodes(world: &mut World, change: &NodeChange, nodes: &[String]) -> Result<Receipt, Failure> {
    let mut refused = Refusals::new();
    for name in nodes {
        let now = world.now;
        match world.nodes.iter_mut().find(|node| node.name() == *name) {
            None => refused.push((name.clone(), "Invalid node name specified".to_owned())),
            Some(node) => match change {
                NodeChange::Drain(reason) => node.drain = Some((reason.clone(), now)),
                NodeChange::Resume => {
                    (node.drain, node.leave) = (None, None);
                    if matches!(node.power, Power::NoCapacity(_)) {
                        node.power = Power::Off;
                    }
                }
                NodeChange::PowerUp if matches!(node.power, Power::Off | Power::NoCapacity(_)) => {
                    node.power = Power::Starting(now + 20);
                    node.boots += 1;
                }
                NodeChange::PowerUp => {}
                NodeChange::PowerDown => node.leave = Some(Leave::Off),
                NodeChange::Reboot => node.leave = Some(Leave::Reboot),
            },
        }
    }
    sorted(nodes.len(), refused)
}

/// A job's reason and what it waits for, as `scontrol` would write them.
pub(super) fn reasons(world: &World, id: &JobId) -> Result<(String, String), Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    let (mut text, mut own) = (String::new(), String::new());
    dependency_of(job, &mut text);
    id_of(job, &mut own);
    Ok((reason_of(job).to_owned(), text))
}
