//! The embedded runner with real processes: jobs outlive whoever submitted them, and nobody is left behind.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A machine without a batch system: a PATH with nothing but what scripts need.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for tool in ["sh", "sleep", "id", "cat"] {
            let found = ["/bin", "/usr/bin"].iter().map(|d| Path::new(d).join(tool)).find(|p| p.exists()).unwrap();
            std::os::unix::fs::symlink(found, bin.join(tool)).unwrap();
        }
        Self { dir }
    }

    fn qdeck(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qdeck"));
        command
            .env_clear()
            .env("PATH", self.dir.path().join("bin"))
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.dir.path().join("state"));
        command.env("USER", "me").arg("--cluster").arg("local").args(args);
        command
    }

    /// How many submissions the record holds in this state.
    fn recorded(&self, state: &str) -> u32 {
        let path = self.dir.path().join("state/qdeck/record.sqlite");
        let Ok(db) = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else { return 0 };
        db.query_row("select count(*) from outbox where state = ?1", [state], |row| row.get(0)).unwrap_or(0)
    }

    #[track_caller]
    fn say(&self, args: &[&str]) -> String {
        let out = self.qdeck(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn submit(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        self.say(&["submit", &path.display().to_string()])
    }

    fn jobs(&self) -> Vec<Value> {
        serde_json::from_str(&self.say(&["jobs", "--json"])).unwrap()
    }

    fn job(&self, id: &str) -> Value {
        self.jobs().into_iter().find(|job| job["id"] == id).unwrap_or_default()
    }

    #[track_caller]
    fn until(&self, id: &str, state: &str) {
        let begun = Instant::now();
        while self.job(id)["state"] != state {
            assert!(begun.elapsed() < Duration::from_secs(30), "job {id} never became {state}: {}", self.job(id));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn slots() -> usize {
        std::thread::available_parallelism().unwrap().get()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let ids: Vec<String> = self.jobs().iter().filter_map(|j| j["id"].as_str().map(str::to_owned)).collect();
        for id in ids {
            self.qdeck(&["cancel", &id]);
        }
    }
}

/// Processes whose command line holds a word and that are more than a zombie.
fn alive(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|e| std::fs::read_to_string(e.path().join("cmdline")).is_ok_and(|c| c.replace('\0', " ").contains(word))).count()
}

#[test]
fn jobs_queue_for_slots_and_outlive_the_command_that_submitted_them() {
    let machine = Machine::new();
    let ids: Vec<String> =
        (0..=Machine::slots()).map(|i| machine.submit(&format!("{i}.sh"), "sleep 2; echo done $QDECK_JOB_ID $SLURM_JOB_ID")).collect();
    let states: Vec<Value> = ids.iter().map(|id| machine.job(id)["state"].clone()).collect();
    assert_eq!(states.iter().filter(|s| *s == "PENDING").count(), 1, "{states:?}");
    assert_eq!(states.last().unwrap(), "PENDING", "first come, first served");
    for id in &ids {
        machine.until(id, "COMPLETED");
        assert_eq!(machine.say(&["logs", id]), format!("done {id} {id}"));
    }
}

#[test]
fn nobody_need_look_for_the_queue_to_go_on() {
    let machine = Machine::new();
    let slots = Machine::slots();
    let marks: Vec<_> = (0..slots * 2).map(|i| machine.dir.path().join(format!("mark{i}"))).collect();
    for (i, mark) in marks.iter().enumerate() {
        machine.submit(&format!("{i}.sh"), &format!("sleep 1; echo x > {}", mark.display()));
    }
    let begun = Instant::now();
    while !marks.iter().all(|mark| mark.exists()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "jobs did not start by themselves");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn cancelling_ends_the_whole_group() {
    let machine = Machine::new();
    let id = machine.submit("family.sh", "sleep 7311 & (sleep 7311 & sleep 7311) & sleep 7311");
    let begun = Instant::now();
    while alive("sleep 7311") < 4 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    machine.say(&["cancel", &id]);
    machine.until(&id, "CANCELLED");
    assert_eq!(alive("sleep 7311"), 0);
}

#[test]
fn ends_are_told_as_they_were() {
    let machine = Machine::new();
    let failed = machine.submit("fail.sh", "echo oops >&2; exit 3");
    machine.until(&failed, "FAILED");
    assert_eq!(machine.job(&failed)["reason"], "exit 3");
    let slow = machine.submit("slow.sh", "#SBATCH --time=0:01\nsleep 60");
    machine.until(&slow, "TIMEOUT");
    assert!(machine.say(&["logs", &slow]).contains("DUE TO TIME LIMIT"));
    let huge = machine.dir.path().join("huge.sh");
    std::fs::write(&huge, "#!/bin/sh\n#SBATCH -n 100000\n").unwrap();
    let refused = machine.qdeck(&["submit", &huge.display().to_string()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("100000 CPUs are asked for"));
    assert_eq!(machine.qdeck(&["cancel", "99"]).status.code(), Some(1));
}

#[test]
fn a_killed_supervisor_is_noticed() {
    let machine = Machine::new();
    let id = machine.submit("orphan.sh", "sleep 8422");
    machine.until(&id, "RUNNING");
    let folder = machine.dir.path().join("state/qdeck/jobs").join(&id).display().to_string();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if command.contains("supervise") && command.contains(&folder) {
            Command::new("kill").args(["-9", &entry.file_name().to_string_lossy()]).status().unwrap();
        }
    }
    let begun = Instant::now();
    while machine.job(&id)["reason"] != "supervisor lost" {
        assert!(begun.elapsed() < Duration::from_secs(5), "{}", machine.job(&id));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(machine.job(&id)["state"], "RUNNING", "its processes still run");
    machine.say(&["cancel", &id]);
    machine.until(&id, "CANCELLED");
    let begun = Instant::now();
    while alive("sleep 8422") > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn submissions_at_once_get_numbers_of_their_own() {
    let machine = Machine::new();
    let path = machine.dir.path().join("quick.sh");
    std::fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
    let mut ids: Vec<String> = std::thread::scope(|scope| {
        let path = path.display().to_string();
        let all: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn({
                    let (machine, path) = (&machine, path.clone());
                    move || machine.say(&["submit", &path])
                })
            })
            .collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    for id in ids {
        machine.until(&id, "COMPLETED");
    }
}

#[test]
fn arrays_run_task_by_task() {
    let machine = Machine::new();
    let id = machine.submit("array.sh", "#SBATCH --array=1-3\necho task $SLURM_ARRAY_TASK_ID");
    for task in 1..=3 {
        let id = format!("{id}_{task}");
        machine.until(&id, "COMPLETED");
        assert_eq!(machine.say(&["logs", &id]), format!("task {task}"));
    }
}

#[test]
fn a_killed_submission_is_finished_whole_and_once() {
    let machine = Machine::new();
    let ran = machine.dir.path().join("ran");
    let mut finished = 0;
    for n in 1..=12_u64 {
        let path = machine.dir.path().join(format!("n{n}.sh"));
        // The tasks of an array come together or not at all.
        let text = format!("#!/bin/sh\n#SBATCH --array=0-3 -o none-%a\necho {n} $SLURM_ARRAY_TASK_ID >>{}\n", ran.display());
        std::fs::write(&path, text).unwrap();
        let known = || machine.recorded("open") + machine.recorded("done");
        let before = known();
        let mut child = machine.command(&["submit", &path.display().to_string()]).stdout(std::process::Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while known() == before {
            assert!(begun.elapsed() < Duration::from_secs(30), "it was never written down");
        }
        std::thread::sleep(Duration::from_micros(n * 431 % 3_000));
        child.kill().unwrap();
        child.wait().unwrap();
        finished += machine.recorded("open");
        machine.say(&["outbox", "--finish"]);
        assert_eq!(machine.recorded("open"), 0);
    }
    assert!(finished >= 3, "too few were killed in time: {finished}");
    let mut expected: Vec<String> = (1..=12).flat_map(|n| (0..4).map(move |t| format!("{n} {t}"))).collect();
    expected.sort();
    let lines = || {
        let mut lines: Vec<String> = std::fs::read_to_string(&ran).unwrap_or_default().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let begun = Instant::now();
    while machine.jobs().iter().any(|job| job["state"] != "COMPLETED") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", machine.jobs());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(lines(), expected);
}
