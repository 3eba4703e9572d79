//! Every verb on real jobs and nodes, from the shell and by its key; and why a job waits, for each cause that a rig can make.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::Term;

const TRAP: &str =
    "#!/bin/bash\n#SBATCH -t 60\n#SBATCH -o trap-%j.out\ntrap 'echo caught USR1' USR1\necho ready\nwhile :; do sleep 0.2; done\n";

/// A field of a job as squeue prints it.
fn field(rig: &Rig, id: &str, format: &str) -> String {
    rig.run(&format!("squeue -h -a -t all -j {id} -o '{format}' | head -n 1")).trim().to_owned()
}

#[track_caller]
fn becomes(rig: &Rig, id: &str, format: &str, wanted: &str) {
    eventually(&format!("{format} of {id} to be {wanted}"), LATER, || field(rig, id, format) == wanted);
}

fn submit(rig: &Rig, options: &str) -> String {
    rig.run(&format!("sbatch --parsable {options}")).trim().to_owned()
}

fn foreign(rig: &Rig, options: &str) -> String {
    String::from_utf8(rig.ssh("rig-alice", &format!("sbatch --parsable {options}")).stdout).unwrap().trim().to_owned()
}

#[test]
fn jobs_are_changed_from_the_shell() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    // With priorities that differ from job to job the top of the queue is a place.
    rig.ctl(&["slurm", "sh", "-c", "sed -i 's,^PriorityType=.*,PriorityType=priority/basic,' \"$SLURM_CONF\""]);
    rig.ctl(&["slurmctld-stop"]);
    rig.ctl(&["slurmctld-start"]);
    // Hold and release.
    let job = submit(&rig, "--begin=now+1hour --wrap 'sleep 1'");
    program.say(&["hold", &job]);
    assert_eq!(field(&rig, &job, "%r"), "JobHeldUser");
    let held = submit(&rig, "-H --wrap 'echo ran'");
    let said: Value = serde_json::from_str(&program.say(&["--json", "release", &held])).unwrap();
    assert_eq!((&said["changed"][0], said["refused"].as_array().map(Vec::len)), (&Value::from(held.as_str()), Some(0)));
    becomes(&rig, &held, "%t", "CD");
    // A signal reaches the trap of the batch script.
    program.script("trap.sbatch", TRAP);
    let trap = submit(&rig, "trap.sbatch");
    eventually("the trap to be set", LATER, || rig.run(&format!("cat trap-{trap}.out 2>/dev/null; true")).contains("ready"));
    program.say(&["signal", "sigusr1", &trap]);
    eventually("the signal to be caught", SOON, || rig.run(&format!("cat trap-{trap}.out")).contains("caught USR1"));
    assert!(program.fail(&["signal", "FOO", &trap]).contains("Unknown job signal"));
    // A limit can be lowered by its owner, and not raised.
    program.say(&["time-limit", "0:40:00", &trap]);
    assert_eq!(field(&rig, &trap, "%l"), "40:00");
    program.say(&["time-limit", "-10", &trap]);
    assert_eq!(field(&rig, &trap, "%l"), "30:00");
    let refused = program.fail(&["time-limit", "+30", &trap]);
    assert!(refused.contains("Access/permission denied") && refused.contains("only Slurm's administrators raise it"), "{refused}");
    assert!(program.fail(&["time-limit", "2h", &trap]).contains("`2h` is no time"));
    // Nice, and the top of the queue where it is allowed.
    program.say(&["release", &job]);
    let second = submit(&rig, "--begin=now+1hour --wrap true");
    program.say(&["nice", "100", &job, &second]);
    assert_eq!((field(&rig, &job, "%y"), field(&rig, &second, "%y")), ("100".into(), "100".into()));
    assert!(program.fail(&["nice", "-5", &job]).contains("a negative one is for Slurm's administrators"));
    assert!(program.fail(&["top", &second]).contains("enable_user_top"));
    rig.ctl(&["slurm", "sh", "-c", "sed -i 's/^SchedulerParameters=/&enable_user_top,/' \"$SLURM_CONF\" && scontrol reconfigure"]);
    assert!(program.say(&["top", &second]).is_empty());
    let priority = |id: &str| field(&rig, id, "%Q").parse::<u64>().unwrap();
    assert!(priority(&second) > priority(&job), "{} {}", priority(&second), priority(&job));
    // Requeue: of several, what is refused is told and the others are done.
    let refused = program.fail(&["requeue", &trap, &second]);
    assert!(refused.contains(&format!("{second}: Job is pending execution")), "{refused}");
    becomes(&rig, &trap, "%t", "PD");
    // One task of an array, the waiting rest of it, all of it.
    let array = submit(&rig, "--array=0-9%2 --wrap 'sleep 600'");
    becomes(&rig, &format!("{array}_1"), "%t", "R");
    program.say(&["cancel", &format!("{array}_0")]);
    becomes(&rig, &format!("{array}_0"), "%t", "CA");
    assert_eq!(field(&rig, &format!("{array}_1"), "%t"), "R");
    program.say(&["hold", &format!("{array}_[4-9%2]")]);
    eventually("the rest to be held", SOON, || {
        rig.run(&format!("squeue -h -r -t PD -j {array} -o %r")).lines().filter(|r| *r == "JobHeldUser").count() >= 6
    });
    let partly = program.run(&["hold", &array]);
    assert!(String::from_utf8_lossy(&partly.stderr).contains("_0: Job has already finished"), "{partly:?}");
    program.say(&["cancel", &array]);
    eventually("the array to be gone", LATER, || rig.run(&format!("squeue -h -j {array} -t R,PD,CG -o %i")).trim().is_empty());
    // Somebody else's job is refused in Slurm's words.
    let other = foreign(&rig, "--begin=now+1hour --wrap true");
    for verb in ["cancel", "hold", "release", "requeue", "top"] {
        let refused = program.fail(&[verb, &other]);
        let denied =
            ["Access/permission denied", "Invalid user id", "Job is pending execution"].iter().any(|words| refused.contains(words));
        assert!(denied, "{verb}: {refused}");
    }
    assert!(program.fail(&["cancel", &other]).contains("Only the job's owner"));
    // All of mine, and nobody else's.
    program.say(&["cancel", "--mine"]);
    eventually("my jobs to be gone", LATER, || rig.run("squeue -h --me -t R,PD,CF,CG -o %i").trim().is_empty());
    assert_eq!(field(&rig, &other, "%t"), "PD");
}

#[test]
fn jobs_are_changed_by_their_keys() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    program.script("trap.sbatch", TRAP);
    let trap = submit(&rig, "-J trap trap.sbatch");
    let later = submit(&rig, &format!("-J later -d afterok:{trap} --wrap 'sleep 1'"));
    // What runs stands first, and the cursor stays with its job: it must run before anybody looks.
    becomes(&rig, &trap, "%t", "R");
    let mut term = program.open(&["--cluster", "rig"]);
    term.until("connected", SOON);
    let under = |id: &str, name: &str| {
        let title = format!("{id} {name} · stdout");
        term.until_screen(&title, SOON, |text| text.contains(&title));
    };
    under(&trap, "trap");
    eventually("the trap to be set", LATER, || rig.run(&format!("cat trap-{trap}.out 2>/dev/null; true")).contains("ready"));
    term.keys("C");
    term.until(&format!("Signal to job {trap}"), SOON);
    term.keys("<enter>");
    term.until(&format!("Sent SIGUSR1 to {trap}."), SOON);
    term.until("caught USR1", SOON);
    term.keys("t");
    term.until("Limit  1:00:00", SOON);
    term.keys("<ctrl-u>30<enter>");
    term.until(&format!("Set the time limit of {trap} to 30."), SOON);
    assert_eq!(field(&rig, &trap, "%l"), "30:00");
    // The dependent job: what it waits for, why, hold and release.
    term.keys("j");
    under(&later, "later");
    term.keys("d");
    term.until(&format!("└─ {trap}  trap"), SOON);
    term.keys("<esc>");
    term.until_gone("Dependencies", SOON);
    term.keys("w");
    term.until("It waits for another job that has not ended as it must.", SOON);
    term.until(&format!("job {trap}, after it has ended well"), SOON);
    term.keys("<esc>");
    term.until_gone("It waits for another job", SOON);
    term.keys("h");
    term.until(&format!("Hold job {later}?"), SOON);
    term.keys("<enter>");
    term.until(&format!("Held {later}."), SOON);
    term.until("(JobHeldUser)", SOON);
    term.keys("i50<enter>");
    term.until(&format!("Set nice 50 for {later}."), SOON);
    term.keys("H");
    term.until(&format!("Release job {later}?"), SOON);
    term.keys("<enter>");
    term.until(&format!("Released {later}."), SOON);
    term.until_gone("(JobHeldUser)", SOON);
    term.keys("T<enter>");
    term.until("enable_user_top", SOON);
    term.keys("<esc>");
    term.until_gone("enable_user_top", SOON);
    // Requeue is asked about, and then done.
    term.keys("g");
    under(&trap, "trap");
    term.keys("R");
    term.until(&format!("Requeue job {trap}?"), SOON);
    term.keys("y");
    term.until(&format!("Put {trap} back into the queue."), SOON);
    becomes(&rig, &trap, "%t", "PD");
    // All of mine.
    term.keys("X");
    term.until("Cancel all of your jobs, 2 in the queue?", SOON);
    term.keys("y");
    term.until("Cancelled all of your jobs.", SOON);
    eventually("my jobs to be gone", LATER, || rig.run("squeue -h --me -t R,PD,CF,CG -o %i").trim().is_empty());
    // Nodes are not for everybody: Slurm's words, and who may.
    term.keys("2d");
    term.until("Reason", SOON);
    term.keys("broken<enter>");
    term.until("Invalid user id", SOON);
    term.until("pcluster-admin", SOON);
    term.keys("q");
    assert_eq!(term.wait_exit(Duration::from_secs(2)), 0);
}

/// What `qdeck why` says, as JSON.
#[track_caller]
fn why(program: &Program<'_>, id: &str) -> Value {
    serde_json::from_str(&program.say(&["--json", "why", id])).unwrap()
}

fn facts(why: &Value) -> String {
    let fact = |fact: &Value| format!("{}: {}\n", fact["label"].as_str().unwrap(), fact["text"].as_str().unwrap());
    why["facts"].as_array().unwrap().iter().map(fact).collect()
}

/// Waits until Slurm gives this reason, then asks why.
#[track_caller]
fn explained(rig: &Rig, program: &Program<'_>, id: &str, reason: &str) -> Value {
    eventually(&format!("{reason} as the reason of {id}"), LATER, || field(rig, id, "%r").starts_with(reason));
    why(program, id)
}

#[test]
fn why_says_what_slurm_and_ec2_say() {
    let Some(rig) = Rig::start(&["--no-aws"], &[("RIG_BOOT_DELAY", "4")]) else { return };
    let program = Program::new(&rig);
    let slurm = |args: &[&str]| rig.ctl(&[&["slurm"], args].concat());
    let text = |why: &Value, key: &str| why[key].as_str().unwrap_or("").to_owned();
    // Held, begin time, dependency that cannot come true.
    let held = submit(&rig, "-H --wrap true");
    let said = explained(&rig, &program, &held, "JobHeldUser");
    assert_eq!(
        (text(&said, "plain").as_str(), text(&said, "remedy").as_str(), &said["place"]),
        ("Its owner holds it.", "Release it.", &Value::Null)
    );
    let begin = submit(&rig, "--begin=now+1hour --wrap true");
    let said = explained(&rig, &program, &begin, "BeginTime");
    assert!(text(&said, "plain").contains("start time has not come") && said["estimated_start"].is_string(), "{said}");
    let fails = submit(&rig, "--wrap false");
    becomes(&rig, &fails, "%t", "F");
    let said = why(&program, &fails);
    assert!(text(&said, "plain").contains("exit code") && facts(&said).contains("Exit code: 1"), "{said}");
    let never = submit(&rig, &format!("-d afterok:{fails} --wrap true"));
    let said = explained(&rig, &program, &never, "Dependency");
    assert!(facts(&said).contains(&format!("Waits for: job {fails}, after it has ended well")), "{said}");
    assert!(text(&said, "remedy").contains("never starts") || text(&said, "reason") == "Dependency", "{said}");
    // Resources: the second of two that want the whole partition; its place is known.
    let first = submit(&rig, "-p short -N2 --exclusive -t 4 --wrap 'sleep 200'");
    becomes(&rig, &first, "%t", "R");
    let second = submit(&rig, "-p short -N2 --exclusive -t 4 --wrap true");
    let said = explained(&rig, &program, &second, "Resources");
    assert_eq!((said["place"]["at"].as_u64(), said["partition"].as_str()), (Some(1), Some("short")));
    assert!(
        facts(&said).contains("Time: asks for 00:04:00; short allows 00:05:00\n") && facts(&said).contains("Nodes of short: 2 in use"),
        "{said}"
    );
    let runs = why(&program, &first);
    assert!(text(&runs, "plain").contains("of 00:04:00 so far"), "{runs}");
    // A partition's limit that was lowered after the job came.
    let long = submit(&rig, "-H -p gpu -t 20:00:00 --wrap true");
    slurm(&["scontrol", "update", "PartitionName=gpu", "MaxTime=1:00:00"]);
    rig.run(&format!("scontrol release {long}"));
    let said = explained(&rig, &program, &long, "PartitionTimeLimit");
    assert!(facts(&said).contains("gpu allows 01:00:00. That is too much") && text(&said, "remedy").contains("01:00:00 or less"), "{said}");
    rig.run(&format!("scancel {long} {second} {first}"));
    // A drained node that the job insists on.
    slurm(&["scontrol", "update", "NodeName=gpu-st-p4d-1", "State=DRAIN", "Reason=disk swap, ask bob"]);
    let insists = submit(&rig, "-p gpu -t 30 -w gpu-st-p4d-1 --wrap true");
    let said = explained(&rig, &program, &insists, "ReqNodeNotAvail");
    assert!(facts(&said).contains("Out of service: gpu-st-p4d-1: disk swap, ask bob\n"), "{said}");
    // Nodes on their way: the log of the launch, as it goes on.
    let boots = submit(&rig, "-w compute-dy-c5large-3 -t 30 --wrap 'sleep 100'");
    becomes(&rig, &boots, "%t", "CF");
    eventually("the launch to be told", SOON, || {
        let said = why(&program, &boots);
        text(&said, "plain").contains("they are being started") && facts(&said).contains("launched, and being set up: compute-dy-c5large-3")
    });
    // No capacity: EC2's code, its meaning and its own words.
    rig.ctl(&["cloud", "ice", "*"]);
    let wide = submit(&rig, "-p gpu -t 30 -N2 --wrap true");
    eventually("EC2's refusal to be told", LATER, || {
        let said = why(&program, &wide);
        let facts = facts(&said);
        facts.contains("EC2 has no free instances of this type in this availability zone now (InsufficientInstanceCapacity)")
            && facts.contains("EC2 refused: InsufficientInstanceCapacity: We currently do not have sufficient capacity")
            && text(&said, "remedy").starts_with("No node of gpu can be had now.")
    });
    rig.ctl(&["cloud", "ice"]);
    // Protected mode: what clustermgtd writes and does.
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parallelcluster/clustermgtd-protected");
    slurm(&["cp", fixture, "/var/log/parallelcluster/clustermgtd"]);
    let stuck = submit(&rig, "--begin=now+5 --wrap true");
    slurm(&["scontrol", "update", "PartitionName=compute", "State=INACTIVE"]);
    let said = explained(&rig, &program, &stuck, "PartitionInactive");
    assert!(facts(&said).contains("Partition: compute is INACTIVE\n") && facts(&said).contains("Protected mode: "), "{said}");
    assert!(facts(&said).contains("Failed starts: 10 of 10") && text(&said, "remedy").contains("START_REQUESTED"), "{said}");
    let plain = program.say(&["why", &stuck]);
    assert!(plain.starts_with("PartitionInactive\nThe partition is inactive") && plain.contains("Protected mode"), "{plain}");
    assert!(program.fail(&["why", "999999"]).contains("Invalid job id"));
}

/// Runs the program on the head node itself, as root: Slurm's administrator.
fn as_root(rig: &Rig, args: &[&str]) -> Output {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(rig.var("RIG_CTL"));
    command.args([
        "slurm",
        "env",
        &format!("XDG_STATE_HOME={}", state.path().display()),
        env!("CARGO_BIN_EXE_qdeck"),
        "--cluster",
        "local",
    ]);
    command.args(args).env("RIG_STATE", rig.var("RIG_STATE")).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn administer(rig: &Rig, args: &[&str]) -> String {
    let out = as_root(rig, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn nodes_are_changed_by_administrators_and_refused_to_others() {
    let Some(rig) = Rig::start(&["--no-aws"], &[("RIG_SUSPEND_TIMEOUT", "3")]) else { return };
    let program = Program::new(&rig);
    let state = |node: &str| rig.run(&format!("sinfo -h -N -n {node} -o '%t %E' | head -n 1")).trim().to_owned();
    let becomes = |node: &str, wanted: &str| eventually(&format!("{node} to be {wanted}"), LATER, || state(node).starts_with(wanted));
    for verb in ["resume", "reboot", "power-up", "power-down"] {
        let refused = program.fail(&[verb, "compute-st-c5large-1"]);
        assert!(refused.contains("compute-st-c5large-1: ") && !refused.contains("sudo:"), "{verb}: {refused}");
    }
    let refused = program.fail(&["drain", "--reason", "mine", "compute-st-c5large-1"]);
    assert!(refused.contains("Invalid user id") && refused.contains("pcluster-admin"), "{refused}");
    assert_eq!(state("compute-st-c5large-1"), "idle none");
    // Drained with a hostile reason, which stays a reason; of two nodes the one that is not there is told.
    let reason = "a \"disk\" of $(touch owned), it's bad";
    let out = as_root(&rig, &["drain", "--reason", reason, "compute-st-c5large-1", "nosuch"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        out.status.code() == Some(1) && said.contains("nosuch: Invalid node name specified") && said.contains("The others were changed."),
        "{said}"
    );
    assert_eq!(state("compute-st-c5large-1"), format!("drain {reason}"));
    let nodes: Value = serde_json::from_str(&program.say(&["--json", "nodes"])).unwrap();
    let node = nodes.as_array().unwrap().iter().find(|n| n["name"] == "compute-st-c5large-1").unwrap();
    assert_eq!((node["state"].as_str(), node["reason"].as_str(), node["reason_by"].as_str()), (Some("drain"), Some(reason), Some("root")));
    assert!(node["reason_since"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    administer(&rig, &["resume", "compute-st-c5large-1"]);
    becomes("compute-st-c5large-1", "idle");
    // Reboot needs a program that this Slurm does not have: its own words, and what to do.
    let said = String::from_utf8(as_root(&rig, &["reboot", "compute-st-c5large-1"]).stderr).unwrap();
    assert!(said.contains("RebootProgram isn't defined") && said.contains("slurm.conf"), "{said}");
    // A machine starts without a job, and goes again.
    administer(&rig, &["power-up", "compute-dy-c5large-4"]);
    becomes("compute-dy-c5large-4", "idle ");
    administer(&rig, &["power-down", "compute-dy-c5large-4"]);
    becomes("compute-dy-c5large-4", "idle~");
    // GPUs in use are told, with the jobs on the node, on the screen.
    let job = submit(&rig, "-J train -p gpu -t 30 --gres=gpu:3 -w gpu-st-p4d-1 --wrap 'sleep 300'");
    super::verbs::becomes(&rig, &job, "%t", "R");
    let state_dir = program.path("state");
    let args = ["slurm", "env", &format!("XDG_STATE_HOME={state_dir}"), env!("CARGO_BIN_EXE_qdeck"), "--cluster", "local"];
    let mut term = Term::spawn(rig.var("RIG_CTL"), &args, [("RIG_STATE", rig.var("RIG_STATE"))], 140, 40);
    term.until("3 Jobs", SOON);
    term.keys("a");
    term.until("train", SOON);
    term.keys("2z");
    term.until("JOBS / REASON", SOON);
    term.until("gpu 3/8", SOON);
    term.until_screen("the job beside its node", SOON, |text| {
        text.lines().any(|line| line.contains("gpu-st-p4d-1") && line.contains(&job))
    });
    term.keys("/gpu-st<enter>");
    term.until_gone("compute-st-c5large-1", SOON);
    term.keys("d");
    term.until(&format!("Jobs there: {job} train of ec2-user."), SOON);
    term.keys("for a test<enter>");
    term.until("No new jobs for gpu-st-p4d-1: for a test.", SOON);
    becomes("gpu-st-p4d-1", "drng");
    term.until("drng", SOON);
    term.keys("<enter>");
    term.until("draining: it takes no new jobs, the running ones finish", SOON);
    term.until("by root", SOON);
    term.keys("u");
    term.until("Resume gpu-st-p4d-1?", SOON);
    term.keys("<enter>");
    term.until("Put gpu-st-p4d-1 into service again.", SOON);
    becomes("gpu-st-p4d-1", "mix");
    term.keys("q");
    assert_eq!(term.wait_exit(Duration::from_secs(3)), 0);
}
