//! Grid Engine: the real thing on a host where nothing else is, and where no login profile has put it on the PATH.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

/// One cell for all of these tests: it starts in about a second.
fn rig() -> Option<&'static Rig> {
    static CELL: std::sync::LazyLock<Option<Rig>> =
        std::sync::LazyLock::new(|| Rig::start(&["--no-aws", "--no-slurm", "--gridengine"], &[]));
    CELL.as_ref()
}

/// The program with the hosts of the cell: as found, as named in the configuration, and as somebody else.
fn program(rig: &Rig) -> Program<'_> {
    let program = Program::new(rig);
    let config = format!(
        "hosts: [{{name: rig, ssh: rig-ge}}, {{name: named, ssh: rig-ge, scheduler: gridengine}}, {{name: wrong, ssh: rig-ge, scheduler: slurm}}, {{name: alice, ssh: rig-ge-alice}}]\n\
         ssh: {{config_file: {}}}\nrefresh: {{jobs: 1, nodes: 2, clusters: 2}}\n",
        rig.var("RIG_SSH_CONFIG")
    );
    std::fs::write(program.path("config.yaml"), config).unwrap();
    program
}

/// Runs Grid Engine's own commands, as its user does who has read the settings.
fn run(rig: &Rig, host: &str, command: &str) -> String {
    let out = rig.ssh(host, &format!(". /opt/sge/default/common/settings.sh; {{ {command}; }} </dev/null"));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn script(program: &Program<'_>, name: &str, text: &str) -> String {
    let path = program.path(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn jobs(program: &Program<'_>) -> BTreeMap<String, Value> {
    let all: Value = serde_json::from_str(&program.say(&["jobs", "--json"])).unwrap();
    all.as_array().unwrap().iter().map(|job| (job["id"].as_str().unwrap().to_owned(), job.clone())).collect()
}

fn state(program: &Program<'_>, id: &str) -> String {
    jobs(program).get(id).map_or_else(String::new, |job| job["state"].as_str().unwrap_or("").to_owned())
}

fn submit(program: &Program<'_>, path: &str, more: &[&str]) -> String {
    program.say(&[&["submit", path], more].concat()).trim().to_owned()
}

fn past(program: &Program<'_>, id: &str) -> Value {
    let all: Value = serde_json::from_str(&program.say(&["history", "--json"])).unwrap();
    all.as_array().unwrap().iter().find(|past| past["id"] == id).cloned().unwrap_or(Value::Null)
}

#[test]
fn a_script_is_submitted_followed_fetched_and_remembered() {
    let Some(rig) = rig() else { return };
    // Neither Grid Engine nor Slurm is on the PATH of that host.
    let there = rig.ssh("rig-ge", "command -v qstat || command -v sbatch || echo $SGE_ROOT nothing");
    assert_eq!(String::from_utf8_lossy(&there.stdout).trim(), "nothing");
    let program = program(rig);
    let text = "#!/bin/bash\n#$ -N story\n#$ -j y -o out-$JOB_ID.txt\n#$ -l h_rt=0:10:0\n#$ -pe smp 2\n\
                echo \"<$1> $NSLOTS $(basename \"$PWD\")\"; for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done; exit 3\n";
    let path = script(&program, "it's a story.sh", text);
    let id = submit(&program, &path, &["--", "a b $(touch owned)"]);
    let job = jobs(&program).remove(&id).unwrap();
    assert_eq!((job["name"].as_str(), job["user"].as_str(), job["time_limit"].as_u64()), (Some("story"), Some("ec2-user"), Some(600)));
    assert!(job["submitted"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{job}");
    let out = job["stdout"].as_str().unwrap().to_owned();
    assert!(out.starts_with("/home/ec2-user/qdeck-uploads/") && out.ends_with(&format!("/out-{id}.txt")), "{out}");
    assert_eq!(job["stderr"], job["stdout"]);
    // It may wait for the slots of other tests' jobs, and must not have run and gone between two looks.
    eventually("it to run", LATER, || state(&program, &id) == "RUNNING");
    let job = jobs(&program).remove(&id).unwrap();
    assert_eq!((job["cpus"].as_u64(), job["node_list"].as_str(), job["reason"].as_str()), (Some(2), Some("ip-10-0-0-14"), None));
    // Followed to its end, although Grid Engine forgets a job at once and accounting comes later.
    let log = program.say(&["logs", "-f", &id]);
    let folder = out.rsplit('/').nth(1).unwrap();
    assert_eq!(log, format!("<a b $(touch owned)> 2 {folder}\nline 1\nline 2\nline 3\nline 4\nline 5\nline 6\n"));
    assert!(!rig.run("ls ~ qdeck-uploads/*").contains("owned"));
    // What ended is remembered with its exit code and files, and they can still be had.
    eventually("its end to be accounted for", SOON, || past(&program, &id)["exit_code"] == "3:0");
    let ended = past(&program, &id);
    assert_eq!((ended["state"].as_str(), ended["node_list"].as_str()), (Some("FAILED"), Some("ip-10-0-0-14")));
    let dest = program.path("results");
    program.say(&["fetch", &id, &dest]);
    assert_eq!(std::fs::read_to_string(format!("{dest}/out-{id}.txt")).unwrap(), log);
    assert_eq!(program.say(&["logs", &id]), log);
    // The same from the host that the configuration calls Grid Engine; what it calls Slurm is not.
    let named = program.command(&["--cluster", "named", "history"]).output().unwrap();
    assert!(named.status.success() && String::from_utf8_lossy(&named.stdout).contains(" story "));
    let wrong = program.command(&["--cluster", "wrong", "jobs"]).output().unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("squeue"), "{}", String::from_utf8_lossy(&wrong.stderr));
}

#[test]
fn where_a_script_runs_and_writes_is_its_own_to_say() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    rig.run("mkdir -p ge-work 'ge dir' ge-out");
    // Beside its script; where its directives say; where the user says; into a folder; into the home folder.
    let cases: [(&str, &str, &[&str], &str); 4] = [
        ("beside.sh", "#!/bin/bash\npwd\n", &[], "/home/ec2-user/ge-work/beside.sh.o"),
        ("told.sh", "#!/bin/bash\n#$ -wd /home/ec2-user/ge-out\npwd\n", &[], "/home/ec2-user/ge-out/told.sh.o"),
        ("asked.sh", "#!/bin/bash\n#$ -cwd\npwd\n", &["--dir", "ge dir"], "/home/ec2-user/ge dir/asked.sh.o"),
        ("folder.sh", "#!/bin/bash\n#$ -o $HOME/ge-out -j y\npwd\n", &[], "/home/ec2-user/ge-out/folder.sh.o"),
    ];
    for (name, text, options, wanted) in cases {
        program.script(&format!("ge-work/{name}"), text);
        let id = submit(&program, &format!("ge-work/{name}"), &[&["--remote"], options].concat());
        let log = program.say(&["logs", "-f", &id]);
        let dir = if name == "folder.sh" { "/home/ec2-user/ge-work" } else { wanted.rsplit_once('/').unwrap().0 };
        assert_eq!(log.trim(), dir, "{name}");
        eventually("its end to be accounted for", SOON, || past(&program, &id)["exit_code"] == "0:0");
        assert!(rig.run(&format!("test -e '{wanted}{id}' && echo there")).contains("there"), "{wanted}{id}");
    }
}

#[test]
fn an_array_is_tasks_that_can_be_held_altered_and_cancelled_one_by_one() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    let text = "#!/bin/bash\n#$ -N sweep -t 1-9:2 -tc 1 -h\n#$ -l h_rt=0:10:0,h_vmem=4G\n#$ -q all.q\nsleep 300\n";
    let id = submit(&program, &script(&program, "sweep.sh", text), &[]);
    let rest = format!("{id}_[1-9:2]");
    let row = jobs(&program).remove(&rest).unwrap();
    assert_eq!(
        (row["state"].as_str(), row["reason"].as_str(), row["array_job_id"].as_str()),
        (Some("PENDING"), Some("hqw"), Some(id.as_str()))
    );
    let why: Value = serde_json::from_str(&program.say(&["why", &rest, "--json"])).unwrap();
    assert_eq!((why["reason"].as_str(), why["plain"].as_str()), (Some("hqw"), Some("Its owner holds it.")));
    // The limit changes and everything else that was asked for stays.
    program.say(&["time-limit", "0:20:00", &id]);
    program.say(&["time-limit", "+5", &id]);
    assert!(run(rig, "rig-ge", &format!("qstat -j {id}")).contains("h_rt=1500,h_vmem=4G"));
    assert!(program.fail(&["time-limit", "0:20:00", &format!("{id}_3")]).contains("works only on jobs and not on tasks"));
    program.say(&["nice", "7", &id]);
    assert!(run(rig, "rig-ge", &format!("qstat -j {id} | grep ^priority")).ends_with("-7"));
    assert!(program.fail(&["nice", "-7", &id]).contains("must be operator to increase job priority"));
    // One task is released and runs; a running one keeps its limit.
    program.say(&["release", &format!("{id}_3")]);
    eventually("one task to run", SOON, || state(&program, &format!("{id}_3")) == "RUNNING");
    assert!(program.fail(&["time-limit", "1:00:00", &id]).contains("holds it to the limit that it started with"));
    let first = jobs(&program).remove(&format!("{id}_3")).unwrap();
    assert_eq!((first["array_task_id"].as_str(), first["time_limit"].as_u64()), (Some("3"), Some(1500)));
    assert!(first["stdout"].as_str().unwrap().ends_with(&format!("sweep.o{id}.3")), "{first}");
    program.say(&["release", &id]);
    eventually("the others to wait", SOON, || {
        jobs(&program).iter().any(|(k, job)| k.starts_with(&format!("{id}_[")) && job["reason"].is_null())
    });
    program.say(&["hold", &format!("{id}_7")]);
    eventually("one task to be held", SOON, || jobs(&program).get(&format!("{id}_7")).is_some_and(|job| job["reason"] == "hqw"));
    // STOP and CONT are all that it can send.
    program.say(&["signal", "STOP", &format!("{id}_3")]);
    eventually("it to be stopped", SOON, || state(&program, &format!("{id}_3")) == "SUSPENDED");
    program.say(&["signal", "CONT", &format!("{id}_3")]);
    eventually("it to go on", SOON, || state(&program, &format!("{id}_3")) == "RUNNING");
    assert!(program.fail(&["signal", "USR1", &id]).contains("sends no SIGUSR1"));
    // A task, some tasks, all of it.
    program.say(&["cancel", &format!("{id}_3")]);
    program.say(&["cancel", &format!("{id}_[7,9]")]);
    eventually("three tasks to be gone", SOON, || {
        let text = run(rig, "rig-ge", &format!("qstat -g d -u ec2-user | awk '$1 == {id} {{ print $NF }}' | sort | paste -sd ' '"));
        text == "1 5"
    });
    let told: Value = serde_json::from_str(&String::from_utf8(program.run(&["cancel", &id, "999999", "--json"]).stdout).unwrap()).unwrap();
    assert_eq!((told["cancelled"][0].as_str(), told["refused"][0]["name"].as_str()), (Some(id.as_str()), Some("999999")), "{told}");
    eventually("all of it to be gone", SOON, || jobs(&program).keys().all(|k| !k.starts_with(&id)));
    eventually("the cancelled task to be remembered", SOON, || past(&program, &format!("{id}_3"))["state"] == "CANCELLED");
}

#[test]
fn an_error_state_is_explained_and_cleared() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    let id = submit(&program, &script(&program, "lost.sh", "#!/bin/bash\n#$ -N lost -wd /home/ec2-user/ge-missing\necho found\n"), &[]);
    eventually("it to be set aside", SOON, || state(&program, &id) == "SPECIAL_EXIT");
    assert_eq!(jobs(&program)[&id]["reason"], "Eqw");
    let why = program.say(&["why", &id]);
    assert!(why.contains("Eqw") && why.contains("can't chdir to /home/ec2-user/ge-missing: No such file or directory"), "{why}");
    assert!(why.contains("Make that folder") && why.contains("release the job, which clears its error"), "{why}");
    // That remedy works.
    rig.run("mkdir ge-missing");
    program.say(&["release", &id]);
    assert_eq!(program.say(&["logs", "-f", &id]), "found\n");
    // No host has what this one asks for, and the next waits for it.
    let big = submit(&program, &script(&program, "big.sh", "#!/bin/bash\n#$ -N big -l mem_free=900G\nsleep 1\n"), &[]);
    let after = submit(&program, &script(&program, "after.sh", "#!/bin/bash\nsleep 1\n"), &["-o", &format!("-hold_jid {big}")]);
    eventually("the scheduler to have looked", SOON, || program.say(&["why", &big]).contains("mem_free=900G"));
    let why = program.say(&["why", &big]);
    assert!(why.contains("offers only hl:mem_free=") && why.contains("Ask for less"), "{why}");
    let fact = |why: &str, label: &str, text: &str| why.lines().any(|line| line.starts_with(label) && line.contains(text));
    assert!(fact(&why, "Queue ", " all.q: "), "{why}");
    let why = program.say(&["why", &after]);
    assert!(why.contains("It waits for other jobs to end") && fact(&why, "Waits for ", &big), "{why}");
    program.say(&["cancel", &big, &after]);
}

#[test]
fn nodes_are_hosts_with_their_queues() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    let nodes = || -> Value { serde_json::from_str(&program.say(&["nodes", "--json"])).unwrap() };
    let node = |name: &str| nodes().as_array().unwrap().iter().find(|n| n["name"] == name).cloned().unwrap();
    eventually("the dead host to be known as such", SOON, || node("ge-node-2")["state"] == "down");
    let up = node("ip-10-0-0-14");
    assert_eq!((up["cpus"].as_u64(), up["partitions"].as_array().unwrap().len()), (Some(4), 2));
    assert!(up["memory_mb"].as_u64().unwrap() > 1_000, "{up}");
    assert!(node("ge-node-2")["reason"].as_str().unwrap().contains("does not answer"));
    // A user may not take a host out of service; the manager may, and it shows.
    assert!(program.fail(&["drain", "--reason", "disk", "ge-node-2"]).contains("no permission"));
    assert!(program.fail(&["resume", "nosuchhost"]).contains("nosuchhost"));
    rig.ctl(&["ge", "qmod", "-d", "*@ge-node-2"]);
    assert!(node("ge-node-2")["reason"].as_str().unwrap().contains("disabled"));
    rig.ctl(&["ge", "qmod", "-e", "*@ge-node-2"]);
}

#[test]
fn somebody_else_s_jobs_are_seen_and_left_alone() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    let theirs = run(rig, "rig-ge-alice", "qsub -terse -b y -h -N theirs sleep 60");
    assert!(!jobs(&program).contains_key(&theirs));
    assert!(program.say(&["jobs", "--all"]).contains(" theirs "));
    for verb in [&["cancel"][..], &["hold"], &["release"], &["requeue"], &["nice", "5"], &["time-limit", "60"]] {
        let said = program.fail(&[verb, &[theirs.as_str()]].concat());
        let words = ["privileges", "must be at least owner", "no permission"];
        assert!(said.contains("belongs to somebody else") && words.iter().any(|w| said.contains(w)), "{verb:?}: {said}");
    }
    // One's own go all at once, and nobody else's.
    let path = script(&program, "mine.sh", "#!/bin/bash\n#$ -h\nsleep 60\n");
    let alice = || program.command(&["--cluster", "alice", "submit", &path]).output().unwrap();
    let other = String::from_utf8(alice().stdout).unwrap().trim().to_owned();
    let all = program.command(&["--cluster", "alice", "cancel", "--mine"]).output().unwrap();
    assert!(all.status.success(), "{}", String::from_utf8_lossy(&all.stderr));
    eventually("her jobs to be gone", SOON, || run(rig, "rig-ge-alice", "qstat -u alice").is_empty());
    let gone: Value = serde_json::from_slice(&program.command(&["--cluster", "alice", "jobs", "--json"]).output().unwrap().stdout).unwrap();
    assert_eq!((gone.as_array().unwrap().len(), other.is_empty()), (0, false));
}

#[test]
fn refusals_come_in_grid_engine_s_own_words() {
    let Some(rig) = rig() else { return };
    let program = program(rig);
    let bad = |line: &str| program.fail(&["submit", &script(&program, "bad.sh", &format!("#!/bin/bash\n#$ {line}\n"))]);
    assert!(bad("-l nosuch=1").contains("unknown resource \"nosuch\""));
    assert!(bad("-q nosuch.q").contains("unknown queue \"nosuch.q\""));
    assert!(bad("-pe nosuch 2").contains("nosuch"));
    for verb in ["cancel", "hold", "requeue", "why", "logs"] {
        assert!(program.fail(&[verb, "999999"]).contains("999999"), "{verb}");
    }
    assert!(program.fail(&["cancel", "$(touch owned)"]).contains("is no job of Grid Engine"));
    assert!(program.fail(&["submit", &script(&program, "ok.sh", "#!/bin/bash\n"), "-o", "--array=1,2,4"]).contains("one range of tasks"));
    // A job that may not be run again is not; one that may, is.
    let id = submit(&program, &script(&program, "again.sh", "#!/bin/bash\n#$ -N again -r n\nsleep 60\n"), &[]);
    eventually("it to run", SOON, || state(&program, &id) == "RUNNING");
    assert!(program.fail(&["requeue", &id]).contains("not restartable"));
    // It can be submitted again as it was, from the qmaster's spool.
    let twin = program.say(&["rerun", &id]).trim().to_owned();
    eventually("the twin to run", SOON, || state(&program, &twin) == "RUNNING");
    assert_eq!(jobs(&program)[&twin]["name"], "again");
    program.say(&["cancel", &id, &twin]);
    let id = submit(&program, &script(&program, "rerun.sh", "#!/bin/bash\n#$ -r y\nsleep 60\n"), &[]);
    eventually("it to run", SOON, || state(&program, &id) == "RUNNING");
    program.say(&["requeue", &id]);
    eventually("it to run again", LATER, || run(rig, "rig-ge", "qstat").lines().any(|l| l.contains(&id) && l.contains(" Rr ")));
    program.say(&["cancel", &id]);
}

#[test]
fn however_often_it_is_cut_off_each_script_runs_once() {
    const CUTS: u32 = 20;
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm", "--gridengine"], &[]) else { return };
    let program = program(&rig);
    rig.run("mkdir -p ge-once");
    let mut killed = 0;
    for n in 0..CUTS {
        // It ends at once: what has ended is hardest to tell from what was never taken.
        let text = format!("#!/bin/bash\n#$ -N once{n} -o /dev/null -j y\necho $JOB_ID >> ~/ge-once/{n}\n");
        let path = script(&program, &format!("once{n}.sh"), &text);
        let mut child =
            program.command(&["--cluster", "rig", "submit", &path]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(n) * 31 + 120));
        if n % 2 == 0 {
            rig.ctl(&["ssh-kill"]);
        } else if child.try_wait().unwrap().is_none() {
            killed += 1;
            child.kill().unwrap();
        }
        child.wait().unwrap();
    }
    // What was confirmed and cut off is finished by asking.
    eventually("every submission to be finished", LATER, || {
        program.command(&["outbox", "--finish"]).output().unwrap();
        let left: Value = serde_json::from_slice(&program.command(&["outbox", "--json"]).output().unwrap().stdout).unwrap();
        left.as_array().unwrap().is_empty()
    });
    let ran = |n: u32| std::fs::read_to_string(format!("{}/ge-once/{n}", rig.var("RIG_HOME"))).unwrap_or_default();
    // A kill before anything was written down is a submission that never was.
    eventually("the jobs to have run", LATER, || run(&rig, "rig-ge", "qstat").is_empty());
    let runs: Vec<usize> = (0..CUTS).map(|n| ran(n).lines().count()).collect();
    let sent = rig.run("ls ~/.local/state/qdeck/outbox/*.id | wc -l").trim().parse::<usize>().unwrap();
    assert!(runs.iter().all(|n| *n <= 1), "{runs:?}");
    assert_eq!(runs.iter().sum::<usize>(), sent, "{runs:?}");
    assert!(runs.iter().step_by(2).all(|n| *n == 1), "a lost connection loses nothing: {runs:?}");
    assert!(killed > 0, "some were cut off");
}

#[test]
fn a_lost_answer_is_found_in_the_queue_and_nothing_is_sent_twice() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm", "--gridengine"], &[]) else { return };
    let program = program(&rig);
    let outbox = std::path::PathBuf::from(rig.var("RIG_HOME")).join(".local/state/qdeck/outbox");
    let files = |ending: &str| -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(&outbox).into_iter().flatten().flatten().map(|entry| entry.path());
        all.filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
    };
    // Killed after it was sent and before the answer came; then the host loses what it wrote down about it, as in a crash.
    let lose = |path: &str| loop {
        let before = files("sent").len();
        let mut child = program.command(&["--cluster", "rig", "submit", path]).stdout(Stdio::null()).spawn().unwrap();
        while files("sent").len() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let is_open = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("the host to have its answer", SOON, || files("id").len() == files("sent").len());
        let newest = files("sent").into_iter().max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap();
        let id = std::fs::read_to_string(newest.with_extension("id")).unwrap().trim().to_owned();
        if is_open {
            std::fs::remove_file(newest.with_extension("id")).unwrap();
            std::fs::write(newest.with_extension("out"), "").unwrap();
            return id;
        }
        // It was faster than the kill: once more.
        run(&rig, "rig-ge", &format!("qdel {id}"));
    };
    let finish = || program.command(&["outbox", "--finish"]).output().unwrap();
    // While it waits its token is in the queue.
    let id = lose(&script(&program, "waits.sh", "#!/bin/bash\n#$ -h\ntrue\n"));
    let done = finish();
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), id, "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(run(&rig, "rig-ge", "qstat | tail -n +3 | wc -l"), "1");
    // Once it has ended nobody can tell which submission it was: it is not sent again, and that is said.
    run(&rig, "rig-ge", "qdel -u ec2-user");
    let id = lose(&script(&program, "ends.sh", "#!/bin/bash\n#$ -o /dev/null -j y\necho run >> ~/ge-ends\n"));
    eventually("it to end", SOON, || run(&rig, "rig-ge", "qstat").is_empty());
    let said = String::from_utf8(finish().stderr).unwrap();
    assert!(said.contains("may have run already") && said.contains(&id), "{said}");
    assert_eq!(rig.run("cat ge-ends"), "run\n");
}

#[test]
fn the_queue_is_stale_while_the_qmaster_is_away_and_keys_do_the_rest() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm", "--gridengine"], &[]) else { return };
    let program = program(&rig);
    program.script("screen.sh", "#!/bin/bash\n#$ -N screen\n#$ -cwd -j y\nfor i in $(seq 600); do echo beat $i; sleep 0.2; done\n");
    let mut term = program.open(&["--cluster", "rig"]);
    term.until("No jobs of yours", SOON);
    term.keys("n");
    term.until("Pick a script", SOON);
    term.keys("<tab>");
    term.until("screen.sh", SOON);
    term.keys("/screen.sh<enter>");
    term.until("#$ -N screen", SOON);
    term.keys("<enter>");
    term.until("screen.sh", SOON);
    std::thread::sleep(Duration::from_millis(300));
    term.keys("<enter>");
    term.until("Submitted as job", SOON);
    term.until("beat 5", LATER);
    term.until("ip-10-0-0-14", SOON);
    rig.ctl(&["ge-stop"]);
    term.until("Connection refused", LATER);
    assert!(term.text().contains("screen"), "old data stays\n{}", term.text());
    rig.ctl(&["ge-start"]);
    term.until_gone("Connection refused", LATER);
    term.keys("3c");
    term.until("Cancel job", SOON);
    term.keys("y");
    term.until("Cancelled ", SOON);
    // The new qmaster meets its execution daemon only after a while.
    eventually("it to be gone", LATER, || run(&rig, "rig-ge", "qstat").is_empty());
    term.keys("q");
    assert_eq!(term.wait_exit(Duration::from_secs(2)), 0);
}
