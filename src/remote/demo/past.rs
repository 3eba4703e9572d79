//! The simulated scheduler remembers.

use super::answers::{self, find, id_of, unknown};
use super::random::mixed;
use super::world::{QUEUES, World};
use crate::model::{
    Again, Change, ClusterId, Door, Failure, FailureKind, JobDetail, JobId, JobState, JobTable, Origin, Past, Place, Recall, Submission,
    Tasks, Usage,
};

/// What a job uses, made up from its number, so that it stays the same.
pub(super) fn examine(world: &World, id: &JobId) -> Result<JobDetail, Failure> {
    let detail = answers::detail(world, id)?;
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    let Some(started) = job.started else { return Ok(detail) };
    let elapsed = u64::try_from(job.ended.unwrap_or(world.now) - started).unwrap_or(0);
    let cpus = u32::from(job.nodes) * u32::from(job.cpus_each);
    let given = u64::from(job.nodes) * (QUEUES[usize::from(job.queue)].4 << 20);
    let chance = mixed(u64::from(job.id), 7) % 60;
    let usage = Usage {
        source: if job.state.is_over() { "sacct" } else { "sstat" }.to_owned(),
        elapsed: Some(elapsed),
        cpus: Some(cpus),
        cpu_time: Some(elapsed * u64::from(cpus) * (38 + chance) / 100),
        memory: Some(given / 100 * (12 + chance)),
        memory_given: Some(given),
        gpu: (job.queue == 1).then(|| 30 + u32::try_from(chance).unwrap_or(0)),
        why: String::new(),
    };
    Ok(JobDetail { usage: Some(Box::new(usage)), ..detail })
}

/// A shell in which nothing is real.
const SHELL: &str = r#"printf 'This node is simulated: hostname, date, uptime and exit are all it knows.\n'
while printf '[%s@%s ~]$ ' you "$0" && read -r line; do case $line in
exit|logout) exit 0;; hostname) echo "$0";; date|uptime) $line;; '') ;; *) echo "sh: ${line%% *}: this node is simulated";; esac; done"#;

pub(super) fn shell(world: &World, door: &Door) -> Result<Vec<String>, Failure> {
    let node = match door {
        Door::Node(node) => node.clone(),
        Door::Job(id) => {
            let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
            let first = world.places.get(&job.id).and_then(|places| places.first());
            let none = || Failure::new(FailureKind::Rejected, "prod", format!("job {id} does not run"));
            world.nodes[*first.ok_or_else(none)?].name()
        }
    };
    Ok(vec!["/bin/sh".into(), "-c".into(), SHELL.into(), node])
}

pub(super) fn again(world: &World, cluster: ClusterId, id: &JobId) -> Result<Again, Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    if job.user != 0 {
        return Err(Failure::new(FailureKind::Denied, "prod", format!("the script of job {id} cannot be had: Access/permission denied"))
            .hint("Slurm gives a job's script to its owner only."));
    }
    let (mut dir, name) = (String::new(), world.name_of(job));
    answers::dir_of(world, job, &mut dir);
    let array = job.array.map(|(array, ..)| array);
    let mut states: Vec<(u32, JobState)> = Vec::new();
    for other in world.jobs.values() {
        match other.array {
            Some((number, next, left)) if Some(number) == array && left > 0 => states.extend((next..next + left).map(|n| (n, other.state))),
            Some((number, task, _)) if Some(number) == array => states.push((task, other.state)),
            Some(_) | None => {}
        }
    }
    states.sort_unstable_by_key(|(task, _)| *task);
    let options = vec![format!("--job-name={name}"), format!("--partition={}", QUEUES[usize::from(job.queue)].0)];
    let cpus = job.cpus_each;
    let range = states.last().map_or_else(String::new, |(last, _)| format!("#SBATCH --array=0-{last}%4\n"));
    let text = format!(
        "#!/bin/bash\n#SBATCH --nodes={}\n#SBATCH --cpus-per-task={cpus}\n#SBATCH --time=1-00:00:00\n{range}\nmodule load openmpi\nexport OMP_NUM_THREADS={cpus}\nsrun ./{name} --input case.h5\n",
        job.nodes
    );
    let submission =
        Submission { cluster, place: Place::Here, path: format!("{dir}/job.sh"), dir: Some(dir), args: vec![], options, text: Some(text) };
    let mut again = Again { submission, notes: Vec::new(), tasks: None };
    if array.is_some() {
        if let Some((_, task)) = id.as_str().split_once('_').filter(|(_, task)| task.parse::<u32>().is_ok()) {
            again.submission = again.only(task);
        }
        again.tasks = Some(Tasks { states, limit: Some(4) });
    }
    Ok(again)
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
                array: job.array.map_or_else(String::new, |(array, ..)| array.to_string()),
                exit_code: Some(if job.state == JobState::Failed { "1:0" } else { "0:0" }.to_owned()),
                cpus: u32::from(job.nodes) * u32::from(job.cpus_each),
                origin: if job.id % 3 == 0 { Origin::Accounting } else { Origin::End },
                command: format!("{work_dir}/job.sh"),
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
