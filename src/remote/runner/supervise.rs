//! Runs one job to its end in a session of its own, then starts what comes next.
//!
//! Lives apart from whoever submitted the job: no terminal, no common process group, no open file but the lock that says it lives.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::state::{self, Ended, Spec, Started};
use super::{dispatch, machine};
use crate::model::JobState;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// What is left of a group after its leader has ended had its SIGTERM already.
const LEFT: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(50);

/// Supervises the job in `dir`: what the hidden subcommand of the same name does.
pub fn supervise(dir: &Path) -> ExitCode {
    // Fails only where we lead a session already, which is as good.
    let _ = rustix::process::setsid();
    let Some(spec) = state::spec(dir) else { return ExitCode::FAILURE };
    let ended = match spawn(dir, &spec) {
        Ok(child) => watch(dir, &spec, child),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", spec.script);
            Ended::now(JobState::Failed, Some(127), None)
        }
    };
    let written = state::end(dir, &ended);
    if let (Some(queue), Ok(program)) = (dir.parent(), std::env::current_exe()) {
        let _ = dispatch::dispatch(queue, &program);
    }
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn spawn(dir: &Path, spec: &Spec) -> io::Result<Child> {
    let path = |path: &str| Path::new(&spec.work_dir).join(path);
    let create = |path: &Path| -> io::Result<File> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::create(path)?;
        // Both outputs may be one file, and the job's own processes write to it too.
        File::options().append(true).open(path)
    };
    let stdout = create(&path(&spec.stdout))?;
    let stderr = if spec.stderr == spec.stdout { stdout.try_clone()? } else { create(&path(&spec.stderr))? };
    let cpus = spec.cpus.to_string();
    let number = spec.number.to_string();
    let mut command = Command::new(dir.join("script"));
    command.args(&spec.args).current_dir(&spec.work_dir).stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    let variables = [
        ("QDECK_JOB_ID", spec.id.as_str()),
        ("SLURM_JOB_ID", &number),
        ("SLURM_JOBID", &number),
        ("SLURM_JOB_NAME", &spec.name),
        ("SLURM_JOB_PARTITION", "local"),
        ("SLURM_SUBMIT_DIR", &spec.work_dir),
        ("SLURM_CPUS_ON_NODE", &cpus),
        ("SLURM_NTASKS", &cpus),
        ("SLURM_JOB_NUM_NODES", "1"),
        ("SLURM_NNODES", "1"),
    ];
    command.envs(variables).env("SLURM_JOB_NODELIST", machine::name());
    if !spec.array_task_id.is_empty() {
        command.env("SLURM_ARRAY_JOB_ID", &spec.array_job_id).env("SLURM_ARRAY_TASK_ID", &spec.array_task_id);
    }
    command.spawn()
}

fn watch(dir: &Path, spec: &Spec, mut child: Child) -> Ended {
    let pid = i32::try_from(child.id()).unwrap_or(0);
    let begun = Instant::now();
    let _ = state::begin(dir, &Started { at: machine::now(), pid, ticks: machine::start_ticks(pid) });
    let (mut asked, mut why) = (None::<Instant>, None);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
        if why.is_none() {
            let late = spec.time_limit.is_some_and(|limit| begun.elapsed().as_secs() >= limit);
            why = if state::shall_end(dir) { Some(JobState::Cancelled) } else { late.then_some(JobState::Timeout) };
            if let Some(state) = why {
                tell(spec, state);
                machine::signal_group(pid, Signal::TERM);
                asked = Some(Instant::now());
            }
        }
        if asked.is_some_and(|at| at.elapsed() >= GRACE) {
            machine::signal_group(pid, Signal::KILL);
        }
        std::thread::sleep(LOOK);
    };
    // What the script left running in its group ends with it.
    let left = Instant::now();
    while asked.is_some() && left.elapsed() < LEFT && machine::signal_group(pid, Signal::TERM) {
        std::thread::sleep(LOOK);
    }
    machine::signal_group(pid, Signal::KILL);
    let (code, signal) = status.as_ref().map_or((None, None), |s: &ExitStatus| (s.code(), s.signal()));
    let state = why.unwrap_or(if code == Some(0) { JobState::Completed } else { JobState::Failed });
    Ended::now(state, code, signal)
}

/// The last words in the job's own output, as Slurm writes them.
fn tell(spec: &Spec, state: JobState) {
    let why = if state == JobState::Timeout { " DUE TO TIME LIMIT" } else { "" };
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S");
    if let Ok(mut file) = File::options().append(true).open(Path::new(&spec.work_dir).join(&spec.stderr)) {
        let _ = writeln!(file, "qdeck: *** JOB {} ON {} CANCELLED AT {at}{why} ***", spec.id, machine::name());
    }
}
