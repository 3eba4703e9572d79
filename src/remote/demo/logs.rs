//! What simulated jobs and daemons write: each line a pure function of who writes it and its number.

use std::fmt::Write as _;

use super::answers;
use super::random::mixed;
use super::world::{Power, SimJob, World};
use crate::model::lines::Reader;
use crate::model::stream::Role;
use crate::model::{Answer, Failure, FailureKind, JobState, LogHit, LogPlace, LogSource, LogStart, LogStream, OutputKind};

/// Lines that are shown of a long log's end.
pub(super) const TAIL: usize = 2_000;

/// The lines after `seen` (all, or the last ones, when it is `None`), and how many there are now. In words why there are none yet.
pub(super) fn text(world: &World, age: f64, source: &LogSource, seen: Option<usize>, start: LogStart) -> Result<(usize, String), String> {
    let mut out = String::new();
    let from = |total: usize| seen.unwrap_or(if start == LogStart::Beginning { 0 } else { total.saturating_sub(TAIL) });
    match source {
        LogSource::Output { job, kind, .. } => {
            let Some(job) = answers::find(world, job.as_str()) else { return Ok((seen.unwrap_or(0), out)) };
            let Some(started) = job.started else {
                return Err(format!("Job {} has not started ({}): its output comes here.", job.id, job.state.long().to_lowercase()));
            };
            let until = job.ended.unwrap_or(world.now);
            let total = lines(job, *kind, until - started);
            (from(total)..total).for_each(|n| line(job, *kind, n, &mut out));
            if job.ended.is_some() && seen.is_none_or(|seen| seen <= total) && *kind == OutputKind::Stdout {
                last_words(world, job, &mut out);
                return Ok((total + 1, out));
            }
            Ok((total, out))
        }
        LogSource::Stream { stream, .. } => {
            let total = usize::try_from(world.now + 900).unwrap_or(0) / 3;
            let total = if stream.contains("sweep") { usize::try_from(bounded(age)).unwrap_or(0) } else { total };
            (from(total)..total).for_each(|n| event(world, stream, n, &mut out));
            Ok((total, out))
        }
        LogSource::File { path, .. } => {
            let text = super::files::content(path).unwrap_or("");
            Ok((1, if seen.is_none() { text.to_owned() } else { out }))
        }
    }
}

/// Whole lines of a text beside a place.
pub(super) fn range(text: &str, at: LogPlace, bytes: i64) -> Answer {
    let line_from =
        |p: usize| if p == 0 { 0 } else { text.as_bytes()[p - 1..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| p + n) };
    let from = match at {
        LogPlace::Byte(at) => usize::try_from(at).unwrap_or(text.len()).min(text.len()),
        LogPlace::Moment(moment) => text.split_inclusive('\n').take_while(|line| moment_of(line) < moment).map(str::len).sum(),
    };
    let wanted = usize::try_from(bytes.unsigned_abs()).unwrap_or(usize::MAX);
    let (start, end) = if bytes < 0 {
        (line_from(from.saturating_sub(wanted)).min(from), from)
    } else {
        let start = line_from(from);
        (start, line_from(start.saturating_add(wanted).min(text.len())))
    };
    let place = |p: usize| match at {
        LogPlace::Byte(_) => LogPlace::Byte(p as u64),
        LogPlace::Moment(moment) => LogPlace::Moment(text[p..].lines().next().map_or(moment, moment_of)),
    };
    let bytes = text.as_bytes()[start..end].to_vec();
    Answer::LogRange { start: place(start), end: place(end), bytes, is_start: start == 0, is_end: end == text.len() }
}

/// When a line of a stream was written, in milliseconds since 1970.
fn moment_of(line: &str) -> i64 {
    Reader::default().read(line.as_bytes()).map_or(0, |stamp| stamp.millis)
}

/// The lines of a text that match.
pub(super) fn find(text: &str, by_moment: bool, pattern: &str, insensitive: bool) -> Result<Answer, Failure> {
    let regex = regex::RegexBuilder::new(pattern).case_insensitive(insensitive).build();
    let regex = regex.map_err(|error| Failure::new(FailureKind::Rejected, "the search", error.to_string()))?;
    let (mut hits, mut total, mut place) = (Vec::new(), 0, 0);
    for (n, line) in (1..).zip(text.split_inclusive('\n')) {
        if regex.is_match(line.trim_end_matches('\n')) {
            total += 1;
            if hits.len() < 10_000 {
                let place = if by_moment { LogPlace::Moment(moment_of(line)) } else { LogPlace::Byte(place) };
                hits.push(LogHit { line: n, place, text: line.chars().take(200).collect() });
            }
        }
        place += line.len() as u64;
    }
    Ok(Answer::LogFound { hits, total })
}

fn bounded(age: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a session")]
    let seconds = age as i64;
    seconds.min(600)
}

fn lines(job: &SimJob, kind: OutputKind, ran: i64) -> usize {
    let ran = usize::try_from(ran.max(0)).unwrap_or(0);
    match (kind, job.name) {
        (OutputKind::Stderr, _) => 1 + ran / 30,
        (_, 2 | 9) => ran * 4,
        _ => 3 + ran,
    }
}

fn line(job: &SimJob, kind: OutputKind, n: usize, out: &mut String) {
    let chance = mixed(u64::from(job.id), n as u64);
    let _ = match (kind, job.name) {
        (OutputKind::Stderr, _) if n == 0 => writeln!(out, "+ srun python3 main.py"),
        (OutputKind::Stderr, _) => writeln!(out, "\x1b[33mWARNING\x1b[0m loader: worker {} took {} ms", chance % 8, 200 + chance % 900),
        // A progress bar: each state takes back the one before.
        (_, 2 | 9) => {
            let at = n % 50;
            let bar = "#".repeat(at * 2 / 5);
            let end = if at == 49 { '\n' } else { '\r' };
            write!(out, "shard {:>4}: {:>3}%|{bar:<20}| {}/50 [{:.1} it/s]{end}", n / 50, at * 2 + 2, at + 1, 3.0 + share(chance))
        }
        (_, 0 | 1) if n < 3 => writeln!(out, "{}", ["loading configuration", "found 8 devices", "\x1b[1mtraining begins\x1b[0m"][n]),
        (_, 0 | 1) => {
            let loss = 2.3 / (1.0 + n as f64 / 120.0) + share(chance) / 20.0;
            writeln!(out, "epoch {:>3}  step {:>5}/2000  loss \x1b[32m{loss:.4}\x1b[0m  {} img/s", n / 40, n % 40 * 50, 1_150 + chance % 90)
        }
        (_, 3 | 4) => writeln!(
            out,
            "{:>9} {:>12.5} {:>12.5} {:>10.3}",
            n * 100,
            -6.77 + share(chance) / 50.0,
            1.44 + share(chance >> 8) / 90.0,
            300.0 + share(chance >> 16)
        ),
        _ if n < 4 => writeln!(out, "Process {n} received message: Hello from process {n}"),
        _ => writeln!(out, "[rank {}] iteration {n} residual {:.3e}", chance % 16, (1.0 + share(chance)) / (n as f64 + 1.0).powi(2)),
    };
}

/// A number from 0 to 1 that belongs to another.
fn share(chance: u64) -> f64 {
    (chance % 1_000) as f64 / 1_000.0
}

fn last_words(world: &World, job: &SimJob, out: &mut String) {
    let node = world.nodes.first().map_or_else(String::new, super::world::SimNode::name);
    let at = job
        .ended
        .and_then(|s| jiff::Timestamp::from_second(world.epoch.as_second() + s).ok())
        .unwrap_or(world.epoch)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    let _ = match job.state {
        JobState::Failed => writeln!(
            out,
            "Traceback (most recent call last):\n  File \"main.py\", line 88, in <module>\n    train(config)\n  File \"main.py\", line 41, in train\n    loss.backward()\n\x1b[31mRuntimeError: CUDA error: an illegal memory access was encountered\x1b[0m\nsrun: error: {node}: task 0: Exited with exit code 1"
        ),
        JobState::Timeout => writeln!(out, "slurmstepd: error: *** JOB {} ON {node} CANCELLED AT {at} DUE TO TIME LIMIT ***", job.id),
        JobState::Cancelled => writeln!(out, "slurmstepd: error: *** JOB {} ON {node} CANCELLED AT {at} ***", job.id),
        JobState::OutOfMemory => writeln!(
            out,
            "slurmstepd: error: Detected 1 oom_kill event in StepId={}.batch. Some of the step tasks have been OOM Killed.",
            job.id
        ),
        _ => writeln!(out, "done."),
    };
}

/// The streams of the busy cluster.
pub(super) fn streams(world: &World) -> Vec<LogStream> {
    let stream = |host: &str, instance: &str, identifier: &str, node: &str| LogStream {
        group: "/aws/parallelcluster/prod-202611150912".into(),
        name: format!("{host}.{instance}.{identifier}"),
        identifier: identifier.into(),
        instance_id: Some(instance.into()),
        node: node.into(),
        role: if node == "HeadNode" { Role::Head } else { Role::Compute },
        last_event: jiff::Timestamp::from_second(world.epoch.as_second() + world.now).ok(),
    };
    let head = ["slurmctld", "clustermgtd", "slurm_resume", "slurm_suspend", "chef-client", "cfn-init"];
    let mut all: Vec<LogStream> = head.iter().map(|i| stream("ip-10-0-0-14", "i-0a1b2c3d4e5f60001", i, "HeadNode")).collect();
    for (n, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.power == Power::On).take(20) {
        let host = format!("ip-10-0-{}-{}", 16 + n / 200, 10 + n % 200);
        let id = format!("i-0{:016x}", mixed(n as u64, u64::from(node.boots)) >> 4);
        all.extend(["slurmd", "cloud-init-output"].iter().map(|i| stream(&host, &id, i, &node.name())));
    }
    all
}

/// The streams of the cluster that is being created.
pub(super) fn young_streams() -> Vec<LogStream> {
    let stream = |identifier: &str| LogStream {
        group: "/aws/parallelcluster/sweep-dev".into(),
        name: format!("ip-10-1-0-9.i-0a1b2c3d4e5f60002.sweep-{identifier}"),
        identifier: identifier.into(),
        instance_id: Some("i-0a1b2c3d4e5f60002".into()),
        node: "HeadNode".into(),
        role: Role::Head,
        last_event: None,
    };
    ["cfn-init", "chef-client", "cloud-init-output"].iter().map(|i| stream(i)).collect()
}

fn event(world: &World, stream: &str, n: usize, out: &mut String) {
    let young = stream.contains("sweep");
    let seconds = if young { n as i64 } else { n as i64 * 3 - 900 };
    let Ok(at) = jiff::Timestamp::from_second(world.epoch.as_second() + seconds) else { return };
    let chance = mixed(stream.len() as u64, n as u64);
    let node = &world.nodes[usize::try_from(chance % world.nodes.len() as u64).unwrap_or(0)].name();
    let python = at.strftime("%Y-%m-%d %H:%M:%S,000").to_string();
    let slurm = at.strftime("[%Y-%m-%dT%H:%M:%S.000]").to_string();
    let _ = match stream.rsplit('.').next().unwrap_or("") {
        "slurmctld" => match chance % 4 {
            0 => writeln!(out, "{slurm} sched/backfill: _start_job: Started JobId={} in compute on {node}", 18_200 + n),
            1 => writeln!(out, "{slurm} _job_complete: JobId={} WEXITSTATUS 0", 18_100 + n),
            2 => writeln!(out, "{slurm} node {node} now responding"),
            _ => writeln!(out, "{slurm} power_save: pid 4242 waking nodes {node}"),
        },
        "clustermgtd" if chance.is_multiple_of(9) => writeln!(
            out,
            "{python} - [slurm_plugin.clustermgtd:_handle_unhealthy_dynamic_nodes] - WARNING - Node {node} is in down# (Code:InsufficientInstanceCapacity)"
        ),
        "clustermgtd" => writeln!(out, "{python} - [slurm_plugin.clustermgtd:_manage_cluster] - INFO - Managing cluster..."),
        "slurm_resume" => writeln!(out, "{python} - [slurm_plugin.resume:_resume] - INFO - Launching EC2 instance for {node}"),
        "slurm_suspend" => writeln!(out, "{python} - [slurm_plugin.suspend:main] - INFO - Suspending nodes: {node}"),
        "slurmd" => writeln!(out, "{slurm} launch task StepId={}.0 request from UID:1001", 18_200 + n),
        name if name.starts_with("sweep") => {
            let phases = [
                "Downloading cookbooks",
                "Installing packages",
                "Configuring NFS",
                "Mounting /home",
                "Starting munge",
                "Starting slurmctld",
                "Waiting for static nodes",
            ];
            writeln!(out, "{python} - INFO - {} ({} %)", phases[(n * phases.len() / 240).min(phases.len() - 1)], (n * 100 / 240).min(100))
        }
        _ => writeln!(out, "{python} INFO: step {n} done"),
    };
}
