//! The files of the queue: a folder for each job, written so that a reader never sees half a file.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::machine;
use crate::model::{Failure, FailureKind, JobState};
use crate::remote::local::trouble;

/// What was submitted. Never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) id: String,
    /// The submission it came from.
    #[serde(default)]
    pub(super) token: String,
    pub(super) number: u64,
    pub(super) array_job_id: String,
    pub(super) array_task_id: String,
    pub(super) array_limit: Option<usize>,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) script: String,
    pub(super) args: Vec<String>,
    pub(super) work_dir: String,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) cpus: u32,
    pub(super) time_limit: Option<u64>,
    pub(super) submitted: i64,
}

/// The process of a started job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) at: i64,
    /// The leader of its process group.
    pub(super) pid: i32,
    pub(super) ticks: Option<u64>,
}

/// How a job ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) at: i64,
    state: String,
    code: Option<i32>,
    signal: Option<i32>,
}

impl Ended {
    pub(super) fn now(state: JobState, code: Option<i32>, signal: Option<i32>) -> Self {
        Self { at: machine::now(), state: state.long().to_owned(), code, signal }
    }

    pub(super) fn exit_code(&self) -> String {
        format!("{}:{}", self.code.unwrap_or(0), self.signal.unwrap_or(0))
    }
}

/// One job.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dir: PathBuf,
    pub(super) spec: Spec,
    pub(super) started: Option<Started>,
    pub(super) ended: Option<Ended>,
    /// Its supervisor was given it but has not written anything yet.
    pub(super) alive: bool,
    pub(super) waits_for: &'static str,
}

impl Entry {
    pub(super) fn state(&self) -> JobState {
        match (&self.ended, &self.started, self.alive) {
            (Some(ended), ..) => JobState::read(&ended.state),
            (None, None, false) => JobState::Pending,
            (None, None, true) => JobState::Configuring,
            (None, Some(_), _) => JobState::Running,
        }
    }

    pub(super) fn reason(&self) -> String {
        match &self.ended {
            Some(Ended { signal: Some(signal), .. }) => format!("signal {signal}"),
            Some(Ended { code: Some(code), .. }) if *code != 0 => format!("exit {code}"),
            Some(ended) if ended.state == JobState::NodeFail.long() => "supervisor lost".into(),
            Some(_) => String::new(),
            None if self.state() == JobState::Pending => self.waits_for.to_owned(),
            None if self.started.is_some() && !self.alive => "supervisor lost".into(),
            None => String::new(),
        }
    }

    /// First come, first served; the tasks of an array in their order.
    pub(super) fn order(&self) -> u64 {
        self.spec.number * 100_000 + self.spec.array_task_id.parse::<u64>().unwrap_or(0).min(99_999)
    }
}

/// All jobs, and how many folders could not be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub(super) jobs: Vec<Entry>,
    pub(super) warnings: u32,
}

impl Entries {
    /// CPU slots in use.
    pub(super) fn used(&self) -> u32 {
        let busy = |e: &&Entry| matches!(e.state(), JobState::Running | JobState::Configuring);
        self.jobs.iter().filter(busy).map(|e| e.spec.cpus).sum()
    }
}

/// Holds the queue for one writer, until dropped.
pub(super) fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("lock");
    let file = File::options().create(true).append(true).mode(0o600).open(&path).map_err(|error| trouble::at(&path, &error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| trouble::at(&path, &error.into()))?;
    Ok(file)
}

/// The next job number. The queue must be held.
pub(super) fn next(dir: &Path) -> Result<u64, Failure> {
    let path = dir.join("next");
    let next = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    // Where the file is lost or broken, the folders still tell which numbers are taken.
    let taken = || Some(load(dir).ok()?.jobs.iter().map(|e| e.spec.number).max().unwrap_or(0) + 1);
    let number = next.or_else(taken).unwrap_or(1);
    write(&path, (number + 1).to_string().as_bytes())?;
    Ok(number)
}

/// Makes a job's folder under a name that no reader of the queue sees.
pub(super) fn draft(dir: &Path, spec: &Spec, script: &[u8]) -> Result<(), Failure> {
    let draft = dir.join(format!(".{}", spec.id));
    let fail = |error: std::io::Error| trouble::at(&draft, &error);
    fs::create_dir_all(&draft).map_err(fail)?;
    let copy = draft.join("script");
    fs::write(&copy, script).and_then(|()| fs::set_permissions(&copy, fs::Permissions::from_mode(0o700))).map_err(fail)?;
    put(&draft.join("job.json"), spec)?;
    File::create(draft.join("alive")).map_err(fail).map(|_| ())
}

/// Every job's folder. Those that cannot be read are counted.
pub(super) fn load(dir: &Path) -> Result<Entries, Failure> {
    let mut entries = Entries::default();
    for found in fs::read_dir(dir).map_err(|error| trouble::at(dir, &error))?.flatten() {
        let name = found.file_name();
        if !name.to_string_lossy().starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let dir = found.path();
        let Some(spec) = get::<Spec>(&dir.join("job.json")) else {
            entries.warnings += 1;
            continue;
        };
        let ended = get::<Ended>(&dir.join("ended.json"));
        let started = get::<Started>(&dir.join("started.json"));
        let alive = ended.is_none() && is_alive(&dir);
        entries.jobs.push(Entry { dir, spec, started, ended, alive, waits_for: "Resources" });
    }
    Ok(entries)
}

/// Takes the lock that tells that a job has a supervisor. `None` when it has one.
pub(super) fn take(dir: &Path) -> Option<File> {
    let file = File::options().read(true).write(true).open(dir.join("alive")).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Whether a job has a supervisor that lives.
pub(super) fn is_alive(dir: &Path) -> bool {
    dir.join("alive").exists() && take(dir).is_none()
}

pub(super) fn begin(dir: &Path, started: &Started) -> Result<(), Failure> {
    put(&dir.join("started.json"), started)
}

pub(super) fn end(dir: &Path, ended: &Ended) -> Result<(), Failure> {
    put(&dir.join("ended.json"), ended)
}

/// Tells a job's supervisor to end it.
pub(super) fn ask_to_end(dir: &Path) -> Result<(), Failure> {
    write(&dir.join("cancel"), b"")
}

pub(super) fn shall_end(dir: &Path) -> bool {
    dir.join("cancel").exists()
}

pub(super) fn spec(dir: &Path) -> Option<Spec> {
    get(&dir.join("job.json"))
}

fn get<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn put<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| Failure::new(FailureKind::Garbled, path.display().to_string(), error.to_string()))?;
    write(path, &bytes)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let part = path.with_extension(format!("part{}", std::process::id()));
    let written = File::create(&part).and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| trouble::at(path, &error))
}
