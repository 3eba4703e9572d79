//! Starts what can be started. Called by whoever changes or looks at the queue: there is no daemon to do it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::state::{self, Ended, Entries, Entry};
use super::{Runner, machine};
use crate::model::{Failure, JobState};
use crate::remote::local::trouble;

/// Ended jobs are shown for a day, and never more than so many.
const DAY: i64 = 86_400;
const KEPT: usize = 1_000;

/// What is in the queue, without changing it.
pub(super) fn look(dir: &Path) -> Result<Entries, Failure> {
    let _lock = state::lock(dir)?;
    state::load(dir)
}

/// Mends what was broken, forgets what is old, starts what fits, and says what is in the queue now.
pub(super) fn dispatch(dir: &Path, program: &Path) -> Result<Entries, Failure> {
    let _lock = state::lock(dir)?;
    let mut entries = state::load(dir)?;
    for entry in &mut entries.jobs {
        mend(entry)?;
    }
    forget(&mut entries);
    let mut free = Runner::slots().saturating_sub(entries.used());
    entries.jobs.sort_by_key(Entry::order);
    let mut blocked = false;
    for i in 0..entries.jobs.len() {
        if entries.jobs[i].state() != JobState::Pending {
            continue;
        }
        let spec = entries.jobs[i].spec.clone();
        let siblings = entries.jobs.iter().filter(|e| !spec.array_job_id.is_empty() && e.spec.array_job_id == spec.array_job_id);
        let running = siblings.filter(|e| matches!(e.state(), JobState::Running | JobState::Configuring)).count();
        let entry = &mut entries.jobs[i];
        if spec.array_limit.is_some_and(|limit| running >= limit) {
            entry.waits_for = "JobArrayTaskLimit";
        } else if blocked {
            entry.waits_for = "Priority";
        } else if spec.cpus > free {
            // First come, first served: what came later waits behind it.
            (entry.waits_for, blocked) = ("Resources", true);
        } else {
            start(&entry.dir, program)?;
            entry.alive = true;
            free -= spec.cpus;
        }
    }
    Ok(entries)
}

/// A job whose supervisor was killed: it runs on alone, or it is gone and nobody knows how it ended.
fn mend(entry: &mut Entry) -> Result<(), Failure> {
    let Some(started) = entry.started.as_ref().filter(|_| entry.ended.is_none() && !entry.alive) else { return Ok(()) };
    if started.ticks.is_some() && machine::start_ticks(started.pid) == started.ticks {
        return Ok(());
    }
    let ended = Ended::now(JobState::NodeFail, None, None);
    state::end(&entry.dir, &ended)?;
    entry.ended = Some(ended);
    Ok(())
}

fn forget(entries: &mut Entries) {
    let mut ends: Vec<i64> = entries.jobs.iter().filter_map(|e| e.ended.as_ref().map(|e| e.at)).collect();
    ends.sort_unstable_by(|a, b| b.cmp(a));
    let oldest = ends.get(KEPT).copied().unwrap_or(0).max(machine::now() - DAY);
    entries.jobs.retain(|entry| {
        let old = entry.ended.as_ref().is_some_and(|e| e.at < oldest);
        // Only our own state folder: what the job wrote is its owner's.
        !(old && fs::remove_dir_all(&entry.dir).is_ok())
    });
}

/// Starts a supervisor. It inherits the lock that tells that it lives as its standard input, so that there is no moment without.
fn start(dir: &Path, program: &Path) -> Result<(), Failure> {
    let Some(lock) = state::take(dir) else { return Ok(()) };
    let log = fs::File::create(dir.join("supervisor.log")).map_err(|error| trouble::at(dir, &error))?;
    let mut command = Command::new(program);
    command.arg("supervise").arg(dir).stdin(Stdio::from(lock)).stdout(Stdio::null()).stderr(Stdio::from(log)).current_dir("/");
    let mut child = command.spawn().map_err(|error| trouble::at(program, &error))?;
    // Somebody has to take its end in, or it would stay behind as a zombie for as long as we live.
    std::thread::spawn(move || child.wait());
    Ok(())
}
