//! The simulated scheduler explains, changes and remembers.

use super::answers::{self, find, id_of, reason_of, unknown};
use super::missing;
use super::world::{QUEUES, World};
use crate::model::{Change, ClusterId, Failure, FailureKind, JobChange, JobId, JobTable, Past, Place, Recall, Receipt, Submission, Why};

pub(super) fn change(world: &mut World, change: &JobChange, jobs: &[JobId]) -> Result<Receipt, Failure> {
    match change {
        JobChange::Cancel => {
            let mut refused = Vec::new();
            for job in jobs {
                if let Err(failure) = answers::cancel(world, std::slice::from_ref(job)) {
                    refused.push((job.to_string(), failure));
                }
            }
            match refused.pop() {
                Some((_, failure)) if refused.len() + 1 == jobs.len() => Err(failure),
                last => {
                    let refused = refused.into_iter().chain(last).map(|(job, failure)| (job, failure.what)).collect();
                    Ok(Receipt::Changed { asked: jobs.len(), refused })
                }
            }
        }
        other => Err(Failure::new(FailureKind::Unsupported, "prod", format!("{other}: the simulation only knows cancel"))
            .hint("A real cluster does it.")),
    }
}

pub(super) fn why(world: &World, id: &JobId) -> Result<Why, Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    let word = reason_of(job);
    let partition = QUEUES[usize::from(job.queue)].0;
    let waiting: Vec<_> = world.jobs.values().filter(|j| j.state.is_waiting() && j.queue == job.queue).collect();
    let at = waiting.iter().position(|j| j.id == job.id);
    let (plain, remedy) = match word {
        "None" => ("It does not wait.", ""),
        "Priority" => ("Jobs with a higher priority wait in the same partition.", "Nothing to do: it starts when its turn comes."),
        "Resources" => (
            "It is next, and the resources it asks for are in use or still starting.",
            "It starts when other jobs end or new nodes have booted.",
        ),
        _ => ("The scheduler holds it back.", "Its owner or an administrator can change that."),
    };
    Ok(Why {
        reason: word.to_owned(),
        plain: plain.to_owned(),
        remedy: remedy.to_owned(),
        estimate: at.map(|at| world.epoch.as_second() + world.now + 600 + i64::try_from(at).unwrap_or(0) * 45),
        place: at.map(|at| (at + 1, waiting.len())),
        facts: vec![("Limits".into(), format!("{partition}: time 1-00:00:00"))],
    })
}

pub(super) fn again(world: &World, cluster: ClusterId, id: &JobId) -> Result<Submission, Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    if job.user != 0 {
        return Err(missing("another user's script"));
    }
    let (mut dir, name) = (String::new(), world.name_of(job));
    answers::dir_of(world, job, &mut dir);
    let options = vec![format!("--job-name={name}"), format!("--partition={}", QUEUES[usize::from(job.queue)].0)];
    let text = format!("#!/bin/sh\n#SBATCH --job-name={name}\nsrun ./{name}\n");
    Ok(Submission { cluster, place: Place::Here, path: format!("{dir}/job.sh"), dir: Some(dir), args: vec![], options, text: Some(text) })
}

/// What happened to the user's own jobs since the last look at them.
pub(super) fn changes(world: &mut World, mine: bool, table: &JobTable) -> Vec<Change> {
    let first = world.seen.is_empty();
    let own = table.iter().filter(|job| job.user() == world.user && !job.id().contains('['));
    let own: Vec<_> = own.map(|job| (job.id().to_owned(), job.array_job_id().to_owned(), job.name().to_owned(), job.state())).collect();
    let mut changes = Vec::new();
    for (id, array, name, to) in own {
        let from = world.seen.insert(id.clone(), to);
        if !first && from != Some(to) && (from.is_some() || mine) {
            changes.push(Change { job: JobId::new(id), array, name, from, to, exit_code: None });
        }
    }
    changes
}

pub(super) fn history(world: &World, recall: &Recall) -> Vec<Past> {
    let epoch = world.epoch.as_second();
    let mut id = String::new();
    let ended = world.jobs.values().filter(|job| job.state.is_over() && (job.user == 0 || recall.everyone));
    let mut all: Vec<Past> = ended
        .map(|job| {
            id_of(job, &mut id);
            let (stdout, stderr, work_dir) = answers::paths(world, job);
            Past {
                id: id.clone(),
                name: world.name_of(job).to_owned(),
                user: world.user_of(job).to_owned(),
                partition: QUEUES[usize::from(job.queue)].0.to_owned(),
                state: Some(job.state),
                nodes: u32::from(job.nodes),
                submitted: Some(epoch + job.submitted),
                started: job.started.map(|at| epoch + at),
                ended: job.ended.map(|at| epoch + at),
                seen: epoch + job.ended.unwrap_or(world.now),
                stdout,
                stderr,
                work_dir,
                ..Past::default()
            }
        })
        .filter(|past| {
            recall.state.is_none_or(|state| past.state == Some(state))
                && (past.name.contains(&recall.text) || past.id.contains(&recall.text))
        })
        .collect();
    all.sort_by_key(|past| std::cmp::Reverse(past.ended));
    all
}
