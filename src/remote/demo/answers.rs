//! Questions about the simulated world, answered in the shapes of the real one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::random::mixed;
use super::world::{Leave, NEVER, NO_CAPACITY, Power, QUEUES, REASONS, SimJob, World};
use super::{CREATION, cost, missing};
use crate::model::duration::slurm;
use crate::model::{
    Cluster, ClusterId, ClusterKind, Directives, Failure, FailureKind, HeadNode, JobDetail, JobId, JobState, JobTable, Machines, NewJob,
    Node, NodePhase, NodeTable, Place, Receipt, SchedulerKind, Submission,
};
use crate::remote::scheduler::plain_reason;

pub(super) const HOME: &str = "/home/you";

pub(super) fn clusters(epoch: Timestamp, age: f64, up: u32, machines: Vec<Machines>) -> Vec<Cluster> {
    let head = |address: &str, id: &str, state: &str| HeadNode {
        instance_id: Some(id.into()),
        instance_type: Some("c6i.large".into()),
        state: Some(state.into()),
        address: Some(address.into()),
        ..HeadNode::default()
    };
    let cluster = |name: &str, region: &str| Cluster {
        profile: Some("demo".into()),
        region: Some(region.into()),
        version: Some("3.16.1".into()),
        scheduler: Some(SchedulerKind::Slurm),
        ..Cluster::named(ClusterId::new(name), ClusterKind::ParallelCluster)
    };
    let prod = Cluster {
        status: Some("CREATE_COMPLETE".into()),
        fleet_status: Some("RUNNING".into()),
        head_node: Some(head("203.0.113.10", "i-0a1b2c3d4e5f60001", "running")),
        nodes_up: Some(up),
        machines,
        since: Timestamp::from_second(epoch.as_second() - 9 * 86_400).ok(),
        ..cluster("prod", "eu-west-1")
    };
    let done = age >= CREATION;
    let young = Cluster {
        status: Some(if done { "CREATE_COMPLETE" } else { "CREATE_IN_PROGRESS" }.into()),
        fleet_status: done.then(|| "RUNNING".into()),
        head_node: (age > 60.0).then(|| head("203.0.113.22", "i-0a1b2c3d4e5f60002", if age > 90.0 { "running" } else { "pending" })),
        nodes_up: Some(0),
        machines: if age > 90.0 { vec![cost::head()] } else { Vec::new() },
        since: Some(epoch),
        ..cluster("sweep-dev", "eu-central-1")
    };
    vec![prod, young]
}

pub(super) fn nodes(world: &World) -> NodeTable {
    let nodes = world.nodes.iter().enumerate().map(|(n, node)| {
        let (queue, _, instance_type, cpus, memory) = QUEUES[node.queue];
        let work = if node.used == 0 { 0 } else { 1 + usize::from(node.used >= cpus) };
        let (state, phase) = match node.power {
            Power::Off if node.drain.is_some() => ("drain~", NodePhase::Down),
            Power::On if node.leave == Some(Leave::Off) => (["idle!", "mix!", "alloc!"][work], NodePhase::Draining),
            Power::On if node.leave == Some(Leave::Reboot) => (["boot", "mix@", "alloc@"][work], NodePhase::Draining),
            Power::On if node.drain.is_some() && work > 0 => ("drng", NodePhase::Draining),
            Power::On if node.drain.is_some() => ("drain", NodePhase::Down),
            Power::Off => ("idle~", NodePhase::PoweredDown),
            Power::Starting(_) => (["idle#", "mix#", "alloc#"][work], NodePhase::PoweringUp),
            Power::On => (["idle", "mix", "alloc"][work], [NodePhase::Idle, NodePhase::Mixed, NodePhase::Allocated][work]),
            Power::Stopping(_) => ("idle%", NodePhase::PoweringDown),
            Power::NoCapacity(_) => ("down#", NodePhase::Down),
        };
        let mut out = Node::named(node.name(), state, phase);
        out.partitions = vec![queue.to_owned()];
        (out.cpus, out.cpus_used, out.memory_mb) = (cpus, node.used.min(cpus), memory);
        let epoch = world.epoch.as_second();
        let set = match (node.power, &node.drain) {
            (Power::NoCapacity(until), _) => {
                Some(("(Code:InsufficientInstanceCapacity)Failure when resuming nodes".to_owned(), until - NO_CAPACITY, "slurm"))
            }
            (_, Some((reason, at))) => Some((reason.clone(), *at, "bob")),
            _ => None,
        };
        if let Some((reason, at, who)) = set {
            out.reason_plain = plain_reason(&reason);
            (out.reason, out.reason_by) = (Some(reason), Some(who.to_owned()));
            out.reason_since = Timestamp::from_second(epoch + at).ok();
        }
        out.gres = (node.queue == 1).then(|| "gpu:a100:8".into());
        out.gres_used = (node.queue == 1).then(|| format!("gpu:a100:{}", node.used * 8 / cpus));
        out.memory_used_mb = memory * u64::from(node.used) / u64::from(cpus.max(1)) * 7 / 10;
        if matches!(node.power, Power::On | Power::Starting(_) | Power::Stopping(_)) {
            let id = mixed(n as u64, u64::from(node.boots));
            out.address = Some(format!("10.0.{}.{}", 16 + n / 200, 10 + n % 200));
            out.instance_id = Some(format!("i-0{:016x}", id >> 4));
            out.instance_type = Some(instance_type.to_owned());
            out.instance_state = Some(if matches!(node.power, Power::Starting(_)) { "pending" } else { "running" }.to_owned());
            (out.purchase, out.zone) = (Some(cost::purchase(node.queue)), Some(cost::zone()));
            out.alerts = cost::alerts(world, node);
        }
        out.features = vec![if node.fixed { "static" } else { "dynamic" }.to_owned(), instance_type.to_owned()];
        if node.power == Power::On {
            #[expect(clippy::cast_precision_loss, reason = "a load average")]
            let wobble = (mixed(n as u64, u64::try_from(world.now / 20).unwrap_or(0)) % 100) as f32 / 100.0;
            #[expect(clippy::cast_precision_loss, reason = "a load average")]
            let busy = node.used as f32;
            out.load = Some(busy * (0.9 + wobble / 5.0) + wobble / 10.0);
        }
        out
    });
    NodeTable::new(nodes.collect(), 0)
}

/// `18240`, `18240_7`, `18240_[8-99]`.
pub(super) fn id_of(job: &SimJob, out: &mut String) {
    out.clear();
    let _ = match job.array {
        Some((array, next, left)) if left > 0 => write!(out, "{array}_[{next}-{}]", next + left - 1),
        Some((array, task, _)) => write!(out, "{array}_{task}"),
        None => write!(out, "{}", job.id),
    };
}

pub(super) fn jobs(world: &World, mine: bool) -> JobTable {
    let mut table = JobTable::with_capacity(world.jobs.len(), if mine { 4_096 } else { world.jobs.len() * 110 });
    let (mut id, mut array, mut task, mut list, mut dir, mut dependency) = Default::default();
    let epoch = world.epoch.as_second();
    let mut past = world.past.clone();
    let mut arrays = BTreeSet::new();
    for job in world.jobs.values() {
        if mine && job.user != 0 {
            continue;
        }
        if !mine && job.state.is_over() {
            if let Some((array, ..)) = job.array {
                let (well, badly) = past.entry(array).or_default();
                *if job.state.is_bad() { badly } else { well } += 1;
            }
            continue;
        }
        arrays.extend(job.array.map(|(array, ..)| array));
        id_of(job, &mut id);
        array_of(job, &mut array, &mut task);
        places_of(world, job, &mut list);
        dir_of(world, job, &mut dir);
        dependency_of(job, &mut dependency);
        let until = job.ended.unwrap_or(world.now);
        table.push(&NewJob {
            id: &id,
            array_job_id: &array,
            array_task_id: &task,
            name: world.name_of(job),
            user: world.user_of(job),
            partition: QUEUES[usize::from(job.queue)].0,
            state: Some(job.state),
            reason: reason_of(job),
            nodes: u32::from(job.nodes),
            node_list: &list,
            cpus: u32::from(job.nodes) * u32::from(job.cpus_each),
            submitted: Some(epoch + job.submitted),
            started: job.started.map(|at| epoch + at),
            time_used: Some(job.started.map_or(0, |at| u64::try_from(until - at).unwrap_or(0))),
            time_limit: job.limit.map(u64::from),
            priority: Some(u64::from(100_000 - job.id % 1_000).saturating_add_signed(i64::from(job.nice).saturating_neg())),
            work_dir: &dir,
            account: ["cfd", "ml", "bio"][usize::from(job.queue)],
            qos: ["normal", "high", "low"][usize::from(job.queue)],
            dependency: &dependency,
            memory: ["4G", "64G", "16G"][usize::from(job.queue)],
            gres: if job.queue == 1 { "gres:gpu:8" } else { "" },
            ..NewJob::default()
        });
    }
    table.past = past.into_iter().filter(|(id, _)| arrays.contains(id)).map(|(id, (well, badly))| (id.to_string(), well, badly)).collect();
    table
}

fn array_of(job: &SimJob, array: &mut String, task: &mut String) {
    array.clear();
    task.clear();
    if let Some((id, next, left)) = job.array {
        let _ = write!(array, "{id}");
        let _ = if left > 0 { write!(task, "{next}-{}", next + left - 1) } else { write!(task, "{next}") };
    }
}

/// The nodes as Slurm lists them: `gpu-dy-p4d-[3-4,7]`.
fn places_of(world: &World, job: &SimJob, out: &mut String) {
    out.clear();
    let mut nodes: Vec<_> = world.places.get(&job.id).into_iter().flatten().map(|n| &world.nodes[*n]).collect();
    nodes.sort_by_key(|node| (node.queue, !node.fixed, node.number));
    for alike in nodes.chunk_by(|a, b| (a.queue, a.fixed) == (b.queue, b.fixed)) {
        let comma = if out.is_empty() { "" } else { "," };
        if let [node] = alike {
            let _ = write!(out, "{comma}{}", node.name());
            continue;
        }
        let _ = write!(out, "{comma}{}[", alike[0].stem());
        for (i, run) in alike.chunk_by(|a, b| a.number + 1 == b.number).enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = match run {
                [node] => write!(out, "{comma}{}", node.number),
                run => write!(out, "{comma}{}-{}", run[0].number, run[run.len() - 1].number),
            };
        }
        out.push(']');
    }
}

pub(super) fn dir_of(world: &World, job: &SimJob, out: &mut String) {
    out.clear();
    let home = if job.user == 0 { HOME } else { "/home" };
    let _ = match job.user {
        0 => write!(out, "{home}/{}", world.name_of(job)),
        _ => write!(out, "{home}/{}/{}", world.user_of(job), world.name_of(job)),
    };
}

/// `afterok:18240(unfulfilled)`.
pub(super) fn dependency_of(job: &SimJob, out: &mut String) {
    out.clear();
    if let Some(after) = job.after.filter(|_| job.state == JobState::Pending) {
        let _ = write!(out, "afterok:{after}({})", if job.reason == NEVER { "failed" } else { "unfulfilled" });
    }
}

pub(super) fn reason_of(job: &SimJob) -> &'static str {
    match job.state {
        JobState::Pending => REASONS[usize::from(job.reason)],
        JobState::Failed => "NonZeroExitCode",
        JobState::Timeout => "TimeLimit",
        JobState::OutOfMemory => "OutOfMemory",
        _ => "None",
    }
}

/// The job that an id as people write it stands for, an array as a whole left out.
pub(super) fn exactly<'a>(world: &'a World, id: &str) -> Option<&'a SimJob> {
    let mut text = String::new();
    let is = |job: &&SimJob, text: &mut String| {
        id_of(job, text);
        *text == id
    };
    let number: Option<u32> = id.split('_').next().and_then(|n| n.parse().ok());
    // The waiting rest of an array, whichever of its tasks have started since it was shown.
    let is_rest = |job: &SimJob| id.contains("_[") && job.array.is_some_and(|(.., left)| left > 0);
    let direct = number.and_then(|n| world.jobs.get(&n)).filter(|job| is_rest(job) || is(job, &mut text));
    direct.or_else(|| world.jobs.values().find(|job| is(job, &mut text)))
}

/// The jobs of an array that is meant as a whole: what waits of it, then its tasks.
pub(super) fn of_array<'a>(world: &'a World, id: &str) -> impl Iterator<Item = &'a SimJob> {
    let array: Option<u32> = id.parse().ok();
    world.jobs.values().filter(move |job| array.is_some() && job.array.map(|(array, ..)| array) == array)
}

/// The one job that tells of all that an id stands for.
pub(super) fn find<'a>(world: &'a World, id: &str) -> Option<&'a SimJob> {
    exactly(world, id).or_else(|| of_array(world, id).next())
}

pub(super) fn paths(world: &World, job: &SimJob) -> (String, String, String) {
    let (mut dir, mut id) = (String::new(), String::new());
    dir_of(world, job, &mut dir);
    id_of(job, &mut id);
    (format!("{dir}/slurm-{id}.out"), format!("{dir}/slurm-{id}.err"), dir)
}

pub(super) fn detail(world: &World, id: &JobId) -> Result<JobDetail, Failure> {
    let job = find(world, id.as_str()).ok_or_else(|| unknown(id))?;
    let mut list = String::new();
    places_of(world, job, &mut list);
    let (stdout, stderr, dir) = paths(world, job);
    let at = |seconds: Option<i64>| {
        seconds.and_then(|s| Timestamp::from_second(world.epoch.as_second() + s).ok()).map_or_else(|| "Unknown".into(), |t| t.to_string())
    };
    let exit = match job.state {
        JobState::Failed => "1:0",
        JobState::OutOfMemory => "0:125",
        JobState::Timeout | JobState::Cancelled => "0:15",
        _ => "0:0",
    };
    let run = job.started.map_or(0, |s| u64::try_from(job.ended.unwrap_or(world.now) - s).unwrap_or(0));
    let fields = [
        ("JobId", id.to_string()),
        ("JobName", world.name_of(job).to_owned()),
        ("UserId", world.user_of(job).to_owned()),
        ("JobState", job.state.long().to_owned()),
        ("Reason", reason_of(job).to_owned()),
        ("ExitCode", exit.to_owned()),
        ("RunTime", slurm(run)),
        ("TimeLimit", job.limit.map_or_else(|| "UNLIMITED".to_owned(), |limit| slurm(limit.into()))),
        ("Priority", (100_000 - job.id % 1_000).to_string()),
        ("Account", if job.user % 3 == 0 { "cfd" } else { "ml" }.to_owned()),
        ("QOS", "normal".to_owned()),
        ("SubmitTime", at(Some(job.submitted))),
        ("EligibleTime", at(Some(job.submitted))),
        ("StartTime", at(job.started)),
        ("EndTime", at(job.ended)),
        ("Partition", QUEUES[usize::from(job.queue)].0.to_owned()),
        ("NodeList", list),
        ("NumNodes", job.nodes.to_string()),
        ("NumCPUs", (u32::from(job.nodes) * u32::from(job.cpus_each)).to_string()),
        ("NumTasks", job.nodes.to_string()),
        ("CPUs/Task", job.cpus_each.to_string()),
        ("TRES", tres_of(job)),
        ("Command", format!("{dir}/job.sh")),
        ("WorkDir", dir.clone()),
        ("StdOut", stdout.clone()),
        ("StdErr", stderr.clone()),
    ];
    Ok(JobDetail {
        id: id.clone(),
        scheduler: SchedulerKind::Slurm,
        state: job.state,
        exit_code: job.state.is_over().then(|| exit.to_owned()),
        stdout: Some(stdout),
        stderr: Some(stderr),
        work_dir: Some(dir),
        fields: fields.into_iter().map(|(l, v)| (l.to_owned(), v)).collect(),
        usage: None,
        remembered: None,
    })
}

fn tres_of(job: &SimJob) -> String {
    let (cpus, memory) = (u32::from(job.nodes) * u32::from(job.cpus_each), u64::from(job.nodes) * QUEUES[usize::from(job.queue)].4);
    let gpus = if job.queue == 1 { format!(",gres/gpu={}", job.nodes * 8) } else { String::new() };
    format!("cpu={cpus},mem={memory}M,node={},billing={cpus}{gpus}", job.nodes)
}

pub(super) fn unknown(id: &JobId) -> Failure {
    Failure::new(FailureKind::NotFound, "prod", format!("job {id}: Invalid job id specified"))
}

pub(super) fn submit(world: &mut World, submission: &Submission) -> Result<Receipt, Failure> {
    if submission.cluster.as_str() != "prod" {
        return Err(missing(submission.cluster.as_str()));
    }
    let text = match (&submission.text, &submission.place) {
        (Some(text), _) => text.clone(),
        (None, Place::Here) => std::fs::read_to_string(&submission.path)
            .map_err(|error| Failure::new(FailureKind::NotFound, submission.path.as_str(), error.to_string()))?,
        (None, Place::Head(_)) => super::files::content(&submission.path).ok_or_else(|| missing(&submission.path))?.to_owned(),
    };
    if !text.starts_with("#!") {
        return Err(Failure::new(FailureKind::Rejected, "prod", "This does not look like a batch script.")
            .hint("Its first line must name an interpreter, such as #!/bin/sh."));
    }
    let directives = Directives::read(&text);
    let file = submission.path.rsplit('/').next().unwrap_or("job");
    let name = directives.name.unwrap_or_else(|| file.to_owned());
    let id = world.submit(name, u16::try_from(directives.nodes.unwrap_or(1)).unwrap_or(1));
    Ok(Receipt::Submitted { job: JobId::new(id.to_string()), said: String::new() })
}
