//! PBS: the Torque wrappers over Slurm, driven through the built program because the configuration says so.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::children_of;

/// Where everything of PBS that the wrappers know is asked for.
const SCRIPT: &str = "#!/bin/bash\n#PBS -N beats\n#PBS -l nodes=1:ppn=1,walltime=00:05:00\n#SBATCH --comment=mine\n\
                      echo dir $PWD\nfor i in $(seq 600); do echo beat $i; sleep 0.1; done\n";

/// The host `rig` is the one with the wrappers; `both` is the same without being told what to drive.
fn program(rig: &Rig) -> Program<'_> {
    let program = Program::new(rig);
    let config = format!(
        "hosts: [{{name: rig, ssh: rig-torque, scheduler: pbs}}, {{name: both, ssh: rig-torque}}]\nssh: {{config_file: {}}}\nrefresh: {{jobs: 1, nodes: 2}}\n",
        rig.var("RIG_SSH_CONFIG")
    );
    std::fs::write(program.path("config.yaml"), config).unwrap();
    program
}

fn jobs(program: &Program<'_>, args: &[&str]) -> Vec<Value> {
    let text = program.say(&[&["jobs", "--json"], args].concat());
    serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone()
}

fn job(program: &Program<'_>, id: &str) -> Option<Value> {
    jobs(program, &[]).into_iter().find(|job| job["id"] == id)
}

fn state(rig: &Rig, id: &str) -> String {
    rig.run(&format!("squeue -h -t all -j {id} -o %t")).trim().to_owned()
}

#[test]
fn a_pbs_script_goes_all_the_way() {
    let Some(rig) = Rig::shared() else { return };
    let program = program(rig);
    program.script("beats.sh", SCRIPT);
    let id = program.say(&["submit", "--remote", "beats.sh"]).trim().to_owned();
    eventually("the job to run", LATER, || job(&program, &id).is_some_and(|job| job["state"] == "RUNNING"));
    let row = job(&program, &id).unwrap();
    assert_eq!((row["name"].as_str(), row["time_limit"].as_u64(), row["user"].as_str()), (Some("beats"), Some(300), Some("ec2-user")));
    assert!(row["submitted"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok() && row["time_used"].is_u64(), "{row}");
    assert!(rig.run(&format!("squeue -h -j {id} -o %k")).starts_with("mine qdeck:"), "the script's own comment stays");
    // Its output, whose path only Slurm below knows, is followed until it is cancelled.
    let mut follower = program.command(&["--cluster", "rig", "logs", "-f", &id]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    program.say(&["cancel", &id]);
    eventually("the follower to end with its job", LATER, || follower.try_wait().unwrap().is_some());
    let log = String::from_utf8(follower.wait_with_output().unwrap().stdout).unwrap();
    assert!(log.starts_with("dir /home/ec2-user\nbeat 1\nbeat 2\n"), "{log}");
    assert_eq!(state(rig, &id), "CA");
    assert!(job(&program, &id).is_none(), "qstat cannot tell how it ended, so it is not listed as if it had been well");
    assert!(program.fail(&["cancel", &id]).contains("without a word"));
}

#[test]
fn words_reach_the_script_and_no_shell_on_the_way() {
    let Some(rig) = Rig::shared() else { return };
    let program = program(rig);
    // The wrappers hand their words to a shell, unquoted.
    let script = program.path("it's a $(touch owned).sh");
    std::fs::write(&script, "#!/bin/bash\nprintf '<%s>\\n' \"$@\"; echo wrong >&2; pwd; exit 3\n").unwrap();
    let id = program.say(&["submit", &script, "-o", "-N", "-o", "two $(touch owned) words", "--", "a b", "$(touch owned)", "it's"]);
    let log = program.say(&["logs", "-f", id.trim()]);
    assert!(log.starts_with("<a b>\n<$(touch owned)>\n<it's>\n/home/ec2-user/qdeck-uploads/"), "{log}");
    assert_eq!(program.say(&["logs", "--stderr", id.trim()]), "wrong\n");
    assert!(!rig.run("find . -name owned").contains("owned"));
    rig.run("mkdir -p 'pbs dir'");
    program.script("where.sh", "#!/bin/bash\npwd\n");
    let id = program.say(&["submit", "--remote", "--dir", "pbs dir", "where.sh"]);
    assert_eq!(program.say(&["logs", "-f", id.trim()]), "/home/ec2-user/pbs dir\n");
    let bad = program.fail(&["submit", "--remote", "where.sh", "-o", "-q", "-o", "nosuch"]);
    assert!(bad.contains("Invalid partition name specified") && !bad.contains("There was an error"), "{bad}");
    assert!(program.fail(&["submit", "--remote", "no-such.sh"]).contains("Unable to open file"));
}

#[test]
fn held_jobs_are_explained_and_let_go_and_missing_verbs_are_told() {
    let Some(rig) = Rig::shared() else { return };
    let program = program(rig);
    program.script("held.sh", "#!/bin/bash\n#PBS -N held\nsleep 100\n");
    let id = program.say(&["submit", "--remote", "held.sh", "-o", "-h"]).trim().to_owned();
    let row = job(&program, &id).unwrap();
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), (Some("PENDING"), Some("Held")));
    let why = program.say(&["why", &id]);
    assert!(why.contains("JobHeldUser") && why.contains("Release it"), "{why}");
    program.say(&["release", &id]);
    eventually("the job to run", LATER, || state(rig, &id) == "R");
    for args in [&["requeue", &id][..], &["signal", "USR1", &id], &["time-limit", "1:00:00", &id], &["nice", "5", &id]] {
        let said = program.fail(args);
        assert!(said.contains("not possible with the PBS commands of that host"), "{args:?}: {said}");
    }
    // A task's id in Slurm's way would be cut to the array's, and end all of it.
    assert!(program.fail(&["cancel", &format!("{id}_1")]).contains("a number of its own"));
    assert_eq!(state(rig, &id), "R");
    // The same host without being told: Slurm goes first, and can do it.
    let out = program.command(&["--cluster", "both", "time-limit", "1:00:00", &id]).output().unwrap();
    assert!(!String::from_utf8_lossy(&out.stderr).contains("PBS"), "{}", String::from_utf8_lossy(&out.stderr));
    program.say(&["cancel", &id]);
    let waiting = program.say(&["submit", "--remote", "held.sh", "-o", "-h"]).trim().to_owned();
    program.say(&["release", &waiting]);
    program.say(&["hold", &waiting]);
    program.say(&["cancel", &waiting]);
}

#[test]
fn tasks_and_nodes_are_listed_and_other_people_s_jobs_are_refused() {
    let Some(rig) = Rig::shared() else { return };
    let program = program(rig);
    program.script("tasks.sh", "#!/bin/bash\n#PBS -N tasks\nsleep 100\n");
    let id = program.say(&["submit", "--remote", "tasks.sh", "-o", "-t", "-o", "0-2", "-o", "-l", "-o", "nodes=1:ppn=1"]).trim().to_owned();
    let tasks = || jobs(&program, &[]).into_iter().filter(|job| job["name"] == "tasks").collect::<Vec<_>>();
    eventually("each task to have a row", LATER, || tasks().len() == 3);
    assert!(tasks().iter().all(|job| job["id"].as_str().unwrap().bytes().all(|b| b.is_ascii_digit())));
    let nodes: Value = serde_json::from_str(&program.say(&["nodes", "--json"])).unwrap();
    let nodes = nodes.as_array().unwrap();
    assert_eq!(nodes.len(), 9);
    let gpu = nodes.iter().find(|n| n["name"] == "gpu-st-p4d-1").unwrap();
    assert_eq!((gpu["cpus"].as_u64(), gpu["memory_mb"].as_u64()), (Some(96), Some(1_120_000)));
    let foreign = String::from_utf8(rig.ssh("rig-alice", "sbatch --parsable --wrap 'sleep 60'").stdout).unwrap();
    let foreign = foreign.trim();
    assert!(jobs(&program, &["--all"]).iter().any(|job| job["id"] == foreign && job["user"] == "alice"));
    assert!(job(&program, foreign).is_none());
    assert!(program.fail(&["cancel", foreign]).contains("Access/permission denied"));
    assert!(program.fail(&["hold", foreign]).contains(foreign));
    // One of two is refused, and told by its number; the other is done.
    let plain = program.say(&["submit", "--remote", "tasks.sh", "-o", "-h"]).trim().to_owned();
    let said = program.fail(&["cancel", &plain, foreign]);
    assert!(said.contains(&format!("{foreign}: Access/permission denied")) && said.contains("The others were changed"), "{said}");
    assert_eq!(state(rig, &plain), "CA");
    // One task alone is what the wrappers' qdel cannot end, and it does not say so.
    let one = tasks().iter().find_map(|job| job["id"].as_str().filter(|one| *one != id).map(str::to_owned)).unwrap();
    assert!(program.fail(&["cancel", &one]).contains("one task of an array"));
    assert_eq!(tasks().len(), 3);
    // The array's number is that of its last task too: the wrappers end all of it.
    program.say(&["cancel", &id]);
    eventually("the tasks to leave the queue", LATER, || tasks().is_empty());
    assert!(program.fail(&["drain", "--reason", "x", "compute-st-c5large-1"]).contains("may not change nodes"));
    rig.ssh("rig-alice", &format!("scancel {foreign}"));
}

#[test]
fn cut_connections_make_each_job_once() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = program(&rig);
    let (mut told, mut cuts) = (BTreeSet::new(), 0);
    let outbox = format!("{}/.local/state/qdeck/outbox", rig.var("RIG_HOME"));
    let begun = || {
        std::fs::read_dir(&outbox)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|e| e == "lock"))
            .count()
    };
    for round in 0..4 {
        let running: Vec<_> = (0..5)
            .map(|n| {
                let name = format!("once-{round}-{n}.sh");
                program.script(&name, &format!("#!/bin/bash\necho ran >> ran-{round}-{n}\n"));
                let mut submit = program.command(&["--cluster", "rig", "submit", "--remote", &name]);
                submit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        // When the host begins with the first, the third and the fifth of them, the connections of all of them are cut.
        for nth in [1, 3, 5] {
            let deadline = Instant::now() + SOON;
            while begun() < round * 5 + nth && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(20 * round as u64));
            for ssh in running.iter().flat_map(|child| children_of(child.id())) {
                cuts += usize::from(Pid::from_raw(ssh.pid.cast_signed()).is_some_and(|ssh| kill_process(ssh, Signal::KILL).is_ok()));
            }
        }
        for child in running {
            let out = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{said}");
            told.insert(String::from_utf8(out.stdout).unwrap().trim().to_owned());
        }
    }
    eprintln!("{cuts} connections were cut");
    assert!(cuts >= 20, "{cuts} cut connections prove nothing");
    let queue = rig.run("squeue -h -t all -o '%A'");
    let there: BTreeSet<String> = queue.split_whitespace().map(str::to_owned).collect();
    assert_eq!(told, there, "each submission knows its job, and there is no other");
    assert_eq!(there.len(), 20);
    let ran = || rig.run("cat ran-* 2>/dev/null | wc -l; ls ran-* 2>/dev/null | wc -l");
    eventually("all of them to have run", LATER, || ran() == "20\n20\n");
}

#[test]
fn a_submission_without_a_trace_is_found_by_its_token() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = program(&rig);
    program.script("once.sh", "#!/bin/bash\n#PBS -N once\necho ran >> ran\n");
    let mut child = program.command(&["--cluster", "rig", "submit", "--remote", "once.sh"]).spawn().unwrap();
    // qdeck dies as soon as the script is on its way, and so does what the host wrote down of the answer.
    let outbox = format!("{}/.local/state/qdeck/outbox", rig.var("RIG_HOME"));
    let files = |end: &str| -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(&outbox).into_iter().flatten().flatten().map(|file| file.path());
        all.filter(|path| path.to_string_lossy().ends_with(end)).collect()
    };
    let deadline = Instant::now() + SOON;
    while files(".sent").is_empty() {
        assert!(Instant::now() < deadline, "the submission began");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the host to know the id", SOON, || !files(".id").is_empty());
    let id = std::fs::read_to_string(&files(".id")[0]).unwrap();
    std::fs::remove_file(&files(".id")[0]).unwrap();
    let told = program.command(&["outbox", "--finish"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), id.trim(), "{}", String::from_utf8_lossy(&told.stderr));
    assert_eq!(rig.run("squeue -h -t all -o %A").trim(), id.trim(), "there is one job");
}

#[test]
fn the_screen_drives_the_wrappers() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = program(&rig);
    program.script("beats.sh", SCRIPT);
    let term = program.open(&["--cluster", "rig"]);
    term.until("No jobs of yours", SOON);
    term.until("6 powered down", SOON);
    term.keys("n");
    term.until("Pick a script", SOON);
    term.keys("<tab>");
    term.until("head node of", SOON);
    term.until("beats.sh", SOON);
    term.keys("/beats.sh<enter>");
    term.until("#PBS -N beats", SOON);
    term.keys("<enter>");
    term.until("qsub beats.sh", SOON);
    term.keys("<enter>");
    term.until("Submitted as job 1", SOON);
    term.until("beat 5", LATER);
    term.until_screen("the running job's row", SOON, |text| text.lines().any(|line| line.contains("beats") && line.contains("▶ R")));
    term.keys("3<enter>");
    term.until("In the scheduler's words", SOON);
    term.keys("<pgdn>");
    term.until("Job_Owner", SOON);
    term.keys("<esc>");
    term.until_gone("Job_Owner", SOON);
    term.keys("c");
    term.until("Cancel job 1?", SOON);
    term.keys("y");
    term.until("No jobs of yours", LATER);
    assert_eq!(state(&rig, "1"), "CA");
}
