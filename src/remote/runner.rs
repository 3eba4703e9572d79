//! The embedded runner: a queue for one machine whose jobs are real processes that outlive qdeck.
//!
//! No daemon: a job that ends starts the next one, and so does whoever looks at the queue. All state is in files.

mod array;
mod dispatch;
mod machine;
mod once;
mod state;
mod supervise;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::model::{
    ClusterId, Directives, Failure, FailureKind, JobChange, JobDetail, JobId, JobState, JobTable, NewJob, Node, NodePhase, NodeTable,
    Origin, Past, Place, Refusals, SchedulerKind, Scope, Submission, Tasks,
};
use crate::remote::local::trouble;
use crate::remote::scheduler::{Fill, Told};

use state::{Ended, Entry, Spec};

pub use supervise::supervise;

/// The queue in one folder.
#[derive(Clone, Debug)]
pub struct Runner {
    dir: PathBuf,
    program: PathBuf,
}

impl Runner {
    /// The queue of this user on this machine: `qdeck/jobs` in the XDG state folder.
    pub fn default_dir() -> PathBuf {
        use etcetera::BaseStrategy;
        let base = etcetera::choose_base_strategy().ok();
        let state = base.map(|base| base.state_dir().unwrap_or_else(|| base.data_dir()));
        state.unwrap_or_else(std::env::temp_dir).join("qdeck").join("jobs")
    }

    /// Opens the queue in `dir`, made if missing.
    pub fn open(dir: PathBuf) -> Result<Self, Failure> {
        let made = fs::create_dir_all(&dir).and_then(|()| fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)));
        made.map_err(|error| {
            trouble::at(&dir, &error).hint("The queue of this machine is kept there; XDG_STATE_HOME names another place.")
        })?;
        let program = std::env::current_exe().map_err(|error| trouble::at(Path::new("qdeck"), &error))?;
        Ok(Self { dir, program })
    }

    /// The same queue, with another program to supervise its jobs.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// CPU slots of this machine.
    pub fn slots() -> u32 {
        std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
    }

    /// The queue, and what ended within a day. Starts what can be started.
    pub fn jobs(&self, _scope: Scope) -> Result<JobTable, Failure> {
        let mut entries = dispatch::dispatch(&self.dir, &self.program)?;
        // What ended last comes first: it stands nearest to what still runs.
        entries
            .jobs
            .sort_by_key(|entry| (entry.ended.is_some(), if entry.ended.is_some() { u64::MAX - entry.order() } else { entry.order() }));
        let mut table = JobTable::with_capacity(entries.jobs.len(), entries.jobs.len() * 200);
        table.warnings = entries.warnings;
        let host = machine::name();
        for entry in &entries.jobs {
            push(&mut table, entry, &host);
        }
        Ok(table)
    }

    /// This machine as a node.
    pub fn nodes(&self) -> NodeTable {
        let used = dispatch::dispatch(&self.dir, &self.program).map_or(0, |entries| entries.used());
        let cpus = Self::slots();
        let (state, phase) = match used {
            0 => ("idle", NodePhase::Idle),
            n if n >= cpus => ("alloc", NodePhase::Allocated),
            _ => ("mix", NodePhase::Mixed),
        };
        let mut node = Node::named(machine::name(), state, phase);
        node.partitions = vec!["local".into()];
        (node.cpus, node.cpus_used) = (cpus, used.min(cpus));
        node.load = machine::load();
        node.memory_mb = machine::memory_mb();
        NodeTable::new(vec![node], 0)
    }

    /// Everything about one job.
    pub fn detail(&self, id: &JobId) -> Result<JobDetail, Failure> {
        let entries = dispatch::look(&self.dir)?;
        let entry = entries.jobs.iter().find(|entry| entry.spec.id == id.as_str() || entry.spec.array_job_id == id.as_str());
        let entry = entry.ok_or_else(|| unknown(id))?;
        let spec = &entry.spec;
        let at =
            |seconds: Option<i64>| seconds.and_then(|s| jiff::Timestamp::from_second(s).ok()).map_or_else(String::new, |t| t.to_string());
        let fields = [
            ("JobId", spec.id.clone()),
            ("JobName", spec.name.clone()),
            ("JobState", entry.state().long().to_owned()),
            ("Reason", entry.reason()),
            ("ExitCode", entry.ended.as_ref().map_or_else(String::new, Ended::exit_code)),
            ("CPUs", spec.cpus.to_string()),
            ("TimeLimit", spec.time_limit.map_or_else(|| "UNLIMITED".into(), crate::model::duration::slurm)),
            ("SubmitTime", at(Some(spec.submitted))),
            ("StartTime", at(entry.started.as_ref().map(|s| s.at))),
            ("EndTime", at(entry.ended.as_ref().map(|e| e.at))),
            ("Process", entry.started.as_ref().map_or_else(String::new, |s| s.pid.to_string())),
            ("Command", spec.script.clone()),
            ("WorkDir", spec.work_dir.clone()),
            ("StdOut", spec.stdout.clone()),
            ("StdErr", spec.stderr.clone()),
            ("StateFolder", entry.dir.display().to_string()),
        ];
        Ok(JobDetail {
            id: JobId::new(&spec.id),
            scheduler: SchedulerKind::Runner,
            state: entry.state(),
            exit_code: entry.ended.as_ref().map(Ended::exit_code),
            stdout: Some(spec.stdout.clone()),
            stderr: Some(spec.stderr.clone()),
            work_dir: Some(spec.work_dir.clone()),
            fields: fields.into_iter().filter(|(_, v)| !v.is_empty()).map(|(l, v)| (l.to_owned(), v)).collect(),
            usage: None,
            remembered: None,
        })
    }

    /// How jobs ended, those that are still remembered here.
    pub fn ended(&self, ids: &[JobId]) -> Result<Vec<Past>, Failure> {
        let entries = dispatch::look(&self.dir)?;
        let wanted = entries.jobs.iter().filter(|entry| ids.iter().any(|id| id.as_str() == entry.spec.id));
        Ok(wanted.map(past).collect())
    }

    /// A job as it was submitted, with the script as it was then.
    pub fn again(&self, id: &JobId) -> Result<Told, Failure> {
        let entries = dispatch::look(&self.dir)?;
        let whole = id.as_str().split('_').next().unwrap_or(id.as_str());
        let mine: Vec<&Entry> = entries.jobs.iter().filter(|entry| entry.spec.id == whole || entry.spec.array_job_id == whole).collect();
        let state = |entry: &&Entry| Some((entry.spec.array_task_id.parse().ok()?, entry.state()));
        let mut states: Vec<(u32, JobState)> = mine.iter().filter_map(state).collect();
        states.sort_unstable_by_key(|(task, _)| *task);
        let submission = mine.first().ok_or_else(|| unknown(id)).and_then(|entry| {
            let spec = &entry.spec;
            let copy = entry.dir.join("script");
            let text = fs::read(&copy).map_err(|error| trouble::at(&copy, &error))?;
            let submission = Submission {
                cluster: ClusterId::local(),
                place: Place::Here,
                path: spec.script.clone(),
                dir: Some(spec.work_dir.clone()),
                args: spec.args.clone(),
                options: Vec::new(),
                text: String::from_utf8(text).ok(),
            };
            Ok((submission, Vec::new()))
        });
        let limit = mine.first().and_then(|entry| entry.spec.array_limit).and_then(|n| u32::try_from(n).ok());
        let token = mine.first().map(|entry| entry.spec.token.clone());
        Ok(Told { submission, tasks: Tasks { states, limit }, token })
    }

    /// Queues a script, once for each token. Its working directory is `dir`, else what its directives say, else its own folder.
    pub fn submit(&self, script: &Path, dir: Option<&Path>, args: &[String], token: &str) -> Result<(JobId, String), Failure> {
        self.submit_tasks(script, dir, args, token, None)
    }

    /// The same for these tasks of an array, whatever the script's own directive says.
    pub fn submit_tasks(
        &self,
        script: &Path,
        dir: Option<&Path>,
        args: &[String],
        token: &str,
        array: Option<&str>,
    ) -> Result<(JobId, String), Failure> {
        let script = fs::canonicalize(script).map_err(|error| trouble::at(script, &error))?;
        let bytes = fs::read(&script).map_err(|error| trouble::at(&script, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let refuse = |what: &str, hint: &str| Failure::new(FailureKind::Rejected, script.display().to_string(), what).hint(hint);
        if !text.starts_with("#!") {
            return Err(refuse("this does not look like a batch script", "Its first line must name an interpreter, such as #!/bin/sh."));
        }
        if text.lines().next().is_some_and(|line| line.ends_with('\r')) {
            return Err(refuse("the script has Windows line ends", "dos2unix FILE, or sed -i 's/\\r$//' FILE."));
        }
        let mut directives = Directives::read(&text);
        directives.array = array.map(str::to_owned).or(directives.array);
        let cpus = directives.tasks.unwrap_or(1).max(1).saturating_mul(directives.cpus_per_task.unwrap_or(1).max(1));
        if cpus > Self::slots() {
            let what = format!("{cpus} CPUs are asked for and this machine has {}", Self::slots());
            return Err(refuse(&what, "Ask for fewer tasks or CPUs, or submit the same script to a cluster."));
        }
        let folder = script.parent().unwrap_or(Path::new("/"));
        let work_dir = match (dir, &directives.work_dir) {
            (Some(dir), _) => std::path::absolute(crate::remote::live::at_home(dir)).map_err(|error| trouble::at(dir, &error))?,
            (None, Some(dir)) => folder.join(dir),
            (None, None) => folder.to_owned(),
        };
        if !work_dir.is_dir() {
            return Err(refuse(&format!("the working directory {} is not there", work_dir.display()), "Make it, or name another one."));
        }
        let tasks = match &directives.array {
            None => vec![None],
            Some(spec) => {
                array::tasks(spec).map_err(|what| refuse(&what, "Write --array=0-9, 1,3,5 or 0-9%2."))?.into_iter().map(Some).collect()
            }
        };
        let name = directives.name.clone().or_else(|| Some(script.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
        let limit = directives.array.as_deref().and_then(|a| a.split_once('%')).and_then(|(_, n)| n.parse().ok());
        let lock = state::lock(&self.dir)?;
        // Asked again, the same submission is the same job.
        if let Some(number) = once::number(&self.dir, token) {
            once::show(&self.dir, number)?;
            drop(lock);
            let _ = dispatch::dispatch(&self.dir, &self.program);
            return Ok((JobId::new(number.to_string()), String::new()));
        }
        once::sweep(&self.dir)?;
        let number = state::next(&self.dir)?;
        let user = machine::user();
        let work = work_dir.display().to_string();
        for task in &tasks {
            let (array_job_id, array_task_id) = task.map_or_else(Default::default, |t: u32| (number.to_string(), t.to_string()));
            let id = task.map_or_else(|| number.to_string(), |t| format!("{number}_{t}"));
            let fill = Fill {
                job_id: &number.to_string(),
                array_job_id: &array_job_id,
                array_task_id: &array_task_id,
                name: &name,
                user: &user,
                work_dir: &work,
            };
            let path = |pattern: &str| {
                fill.path(pattern).ok_or_else(|| {
                    refuse(&format!("the output path {pattern} has a pattern that is unknown here"), "%j, %A, %a, %x and %u are known.")
                })
            };
            let stdout = path(directives.output.as_deref().unwrap_or(""))?;
            let stderr = directives.error.as_deref().map_or_else(|| Ok(stdout.clone()), path)?;
            let spec = Spec {
                id,
                token: token.to_owned(),
                number,
                array_job_id: array_job_id.clone(),
                array_task_id,
                array_limit: limit,
                name: name.clone(),
                user: user.clone(),
                script: script.display().to_string(),
                args: args.to_vec(),
                work_dir: work.clone(),
                stdout,
                stderr,
                cpus,
                time_limit: directives.time_limit,
                submitted: machine::now(),
            };
            state::draft(&self.dir, &spec, &bytes)?;
        }
        once::decide(&self.dir, token, number)?;
        once::show(&self.dir, number)?;
        drop(lock);
        // It is in the queue: what keeps it from starting is told to whoever looks at the queue.
        let _ = dispatch::dispatch(&self.dir, &self.program);
        Ok((JobId::new(number.to_string()), String::new()))
    }

    /// Changes jobs, as far as a queue without a scheduler can.
    pub fn change(&self, change: &JobChange, ids: &[JobId]) -> Result<Refusals, Failure> {
        match change {
            JobChange::Cancel => self.cancel(ids).map(|()| Vec::new()),
            JobChange::CancelMine => {
                let open = dispatch::look(&self.dir)?;
                let ids: Vec<JobId> = open.jobs.iter().filter(|e| !e.state().is_over()).map(|e| JobId::new(&e.spec.id)).collect();
                self.cancel(&ids).map(|()| Vec::new())
            }
            other => Err(Failure::new(FailureKind::Unsupported, "local", format!("{other} is not possible on this machine's own queue"))
                .hint("It knows submit and cancel; a cluster knows more.")),
        }
    }

    /// Ends jobs: a waiting one leaves the queue, a running one's whole process group is ended.
    pub fn cancel(&self, ids: &[JobId]) -> Result<(), Failure> {
        let lock = state::lock(&self.dir)?;
        let entries = state::load(&self.dir)?;
        let mut missing = Vec::new();
        for id in ids {
            let mut any = false;
            let mine = |entry: &&Entry| entry.spec.id == id.as_str() || entry.spec.array_job_id == id.as_str();
            for entry in entries.jobs.iter().filter(mine) {
                any = true;
                match entry.state() {
                    state if state.is_over() => {}
                    JobState::Pending => state::end(&entry.dir, &Ended::now(JobState::Cancelled, None, None))?,
                    _ if state::is_alive(&entry.dir) => state::ask_to_end(&entry.dir)?,
                    _ => {
                        if let Some(started) = &entry.started {
                            machine::end_group(started.pid);
                        }
                        state::end(&entry.dir, &Ended::now(JobState::Cancelled, None, Some(15)))?;
                    }
                }
            }
            if !any {
                missing.push(id);
            }
        }
        drop(lock);
        dispatch::dispatch(&self.dir, &self.program)?;
        missing.first().map_or(Ok(()), |id| Err(unknown(id)))
    }
}

fn unknown(id: &JobId) -> Failure {
    Failure::new(FailureKind::NotFound, "local", format!("there is no job {id}"))
        .hint("Jobs of this machine are forgotten a day after they ended.")
}

fn push(table: &mut JobTable, entry: &Entry, host: &str) {
    let spec = &entry.spec;
    let started = entry.started.as_ref().map(|s| s.at);
    let until = entry.ended.as_ref().map_or_else(machine::now, |e| e.at);
    table.push(&NewJob {
        id: &spec.id,
        array_job_id: &spec.array_job_id,
        array_task_id: &spec.array_task_id,
        name: &spec.name,
        user: &spec.user,
        partition: "local",
        state: Some(entry.state()),
        reason: &entry.reason(),
        nodes: 1,
        node_list: if started.is_some() { host } else { "" },
        cpus: spec.cpus,
        submitted: Some(spec.submitted),
        started,
        time_used: Some(started.map_or(0, |s| u64::try_from(until - s).unwrap_or(0))),
        time_limit: spec.time_limit,
        work_dir: &spec.work_dir,
        stdout: &spec.stdout,
        stderr: &spec.stderr,
        ..NewJob::default()
    });
}

fn past(entry: &Entry) -> Past {
    let spec = &entry.spec;
    let started = entry.started.as_ref().map(|s| s.at);
    Past {
        id: spec.id.clone(),
        array: spec.array_job_id.clone(),
        name: spec.name.clone(),
        user: spec.user.clone(),
        partition: "local".into(),
        state: Some(entry.state()),
        exit_code: entry.ended.as_ref().map(Ended::exit_code),
        nodes: 1,
        node_list: if started.is_some() { machine::name() } else { String::new() },
        cpus: spec.cpus,
        submitted: Some(spec.submitted),
        started,
        ended: entry.ended.as_ref().map(|e| e.at),
        work_dir: spec.work_dir.clone(),
        stdout: spec.stdout.clone(),
        stderr: spec.stderr.clone(),
        command: std::iter::once(&spec.script).chain(&spec.args).map(String::as_str).collect::<Vec<_>>().join(" "),
        seen: 0,
        origin: Origin::End,
    }
}
