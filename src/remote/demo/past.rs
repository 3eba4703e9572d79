//! The simulated scheduler remembers.

use super::answers::{self, find, id_of, unknown};
use super::missing;
use super::world::{QUEUES, World};
use crate::model::{ClusterId, Failure, JobId, Past, Place, Recall, Submission};

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
