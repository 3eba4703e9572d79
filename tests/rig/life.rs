//! The life of a cluster from inside the application: made, left alone, found again, updated, scaled, stopped, started, deleted, by the real
//! `pcluster`; its machines by EC2, which is asked what they are afterwards.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lifecycle::{REGION, program, yaml};
use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::Term;

/// What `aws` prints as JSON, in the region of the rig's own cluster.
fn aws(rig: &Rig, args: &[&str]) -> Value {
    let mut aws = Command::new(format!("{}/bin/aws", rig.var("RIG_PCLUSTER")));
    aws.args(args).env_clear().envs(rig.env()).env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent").stdin(Stdio::null());
    let out = aws.output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap_or(Value::Null)
}

/// EC2's word for what a machine is.
fn state(rig: &Rig, id: &str) -> String {
    let query = "Reservations[0].Instances[0].State.Name";
    aws(rig, &["ec2", "describe-instances", "--instance-ids", id, "--query", query]).as_str().unwrap().to_owned()
}

/// How often EC2 was asked for something.
fn calls(rig: &Rig, action: &str) -> u64 {
    let told: Value = serde_json::from_str(&rig.ctl(&["aws", "/fault", "{}"])).unwrap();
    told["calls"][format!("{} {action}", rig.var("AWS_REGION"))].as_u64().unwrap_or(0)
}

fn control(rig: &Rig, path: &str, body: &Value) {
    rig.ctl(&["aws", path, &body.to_string()]);
}

/// Presses keys until what they ask is what is known by now.
fn asks(term: &Term, keys: &str, words: &str) {
    eventually(words, SOON, || {
        term.keys(keys);
        std::thread::sleep(Duration::from_millis(300));
        let asked = term.text().contains(words);
        if !asked {
            term.keys("<esc>");
            std::thread::sleep(Duration::from_millis(300));
        }
        asked
    });
}

/// What was asked for is refused because nothing may be changed, and only that is said.
fn refused(term: &Term, words: &str) {
    term.until("Not done", SOON);
    term.keys("!");
    term.until("newest first", SOON);
    term.until("read-only: qdeck does not", SOON);
    term.until(words, SOON);
    close(term, "newest first");
    close(term, "Not done");
}

/// Esc, and nothing after it before it was understood: with a key behind it, it would be another one.
fn close(term: &Term, what: &str) {
    term.keys("<esc>");
    term.until_gone(what, SOON);
}

/// The application with the clusters in its first pane.
fn open(program: &Program<'_>, args: &[&str]) -> Term {
    let term = program.open_with(&[&["--region", REGION], args].concat(), &[("HOME", &program.path(""))]);
    term.until("this machine", SOON);
    term
}

/// Picks a file of the home folder.
fn pick(term: &Term, file: &str) {
    term.until("Pick a", SOON);
    term.keys("~");
    term.until(file, SOON);
    term.keys(&format!("/<ctrl-u>{file}<enter>"));
    term.until("HeadNode:", SOON);
    term.keys("<enter>");
}

#[test]
fn a_cluster_lives_in_the_application_from_its_creation_to_its_end() {
    let Some(rig) =
        Rig::start(&["--no-slurm"], &[("MOTO_PC_CREATE_SECS", "12"), ("MOTO_PC_UPDATE_SECS", "6"), ("MOTO_PC_DELETE_SECS", "3")])
    else {
        return;
    };
    let program = program(&rig);
    std::fs::write(program.path("bigger.yaml"), yaml(&rig).replace("MaxCount: 4 ", "MaxCount: 6 ")).unwrap();
    let other = yaml(&rig).replace("t3.medium", "t3.large").replace("c6i.xlarge", "c6i.large");
    std::fs::write(program.path("other.yaml"), other).unwrap();

    // Left at once after the answer: what was begun goes on, and is found again.
    let mut term = open(&program, &[]);
    term.keys("1c");
    pick(&term, "one.yaml");
    term.until("Create a cluster", SOON);
    term.until("in eu-central-1", SOON);
    term.keys("<enter>");
    term.until("Create one · accepted", LATER);
    term.keys("y");
    term.until("There is no stack yet", SOON);
    close(&term, "There is no stack yet");
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    let term = open(&program, &[]);
    term.until_screen("the cluster on its way", LATER, |text| text.contains("◐ one") && text.contains("CREATING"));
    term.keys("1g<enter>");
    term.until("one · CREATE_IN_PROGRESS", SOON);
    // What the head node writes is shown as soon as there is a head node that writes.
    term.until("No bootstrap log yet", LATER);
    let lines = json!([
        "[2026-11-26T03:00:00+00:00] INFO: Processing package[munge] action install",
        "[2026-11-26T03:00:01+00:00] INFO: Starting slurmctld"
    ]);
    control(&rig, "/bootstrap", &json!({"name": "one", "region": REGION, "log": "chef-client", "lines": lines}));
    term.until("chef-client of the head node · wrote", LATER);
    term.until("INFO: Starting slurmctld", SOON);
    term.until("one · CREATE_COMPLETE", LATER);
    term.until("✓ Bootstrap of the head node ▸", SOON);
    assert!(!term.text().contains("Starting slurmctld"), "it is set up:\n{}", term.text());
    close(&term, "one · CREATE_COMPLETE");

    // An update that may not be is told parameter by parameter; there is nothing to agree to.
    control(&rig, "/fleet", &json!({"name": "one", "region": REGION, "status": "RUNNING"}));
    term.until("RUNNING", SOON);
    term.keys("1gu");
    pick(&term, "other.yaml");
    term.until("Update one · refused", LATER);
    term.until("HeadNode.InstanceType: t3.medium → t3.large", SOON);
    assert!(!term.text().contains("y update it"), "{}", term.text());
    term.keys("y");
    close(&term, "Update one · refused");
    // One that may is shown before, and then applied.
    pick(&term, "bigger.yaml");
    term.until("Update one · accepted", LATER);
    term.until("MaxCount: 4 → 6", SOON);
    term.keys("y");
    term.until("pcluster is at work, and CloudFormation has not begun", SOON);
    term.until("one · UPDATE_IN_PROGRESS", LATER);
    term.until("one · UPDATE_COMPLETE", LATER);
    close(&term, "one · UPDATE_COMPLETE");

    // Two keys, the difference, and its answer. What an update took is known by now.
    term.keys("1g=");
    term.until("now 6", LATER);
    term.keys("<bs>8<enter>");
    term.until("Scale q1/cr1 of one · accepted", LATER);
    term.until("20 -           MaxCount: 6   # nodes", SOON);
    term.until("20 +           MaxCount: 8   # nodes", SOON);
    term.keys("y");
    term.until("one · UPDATE_IN_PROGRESS", LATER);
    term.until("usually: one seen before", SOON);
    term.until("of ~0:0", SOON);
    term.until("one · UPDATE_COMPLETE", LATER);
    close(&term, "one · UPDATE_COMPLETE");

    // The fleet.
    term.keys("1gf");
    term.until("Stop the compute fleet of one?", SOON);
    term.keys("y");
    term.until("one: STOP_REQUESTED", LATER);
    control(&rig, "/fleet", &json!({"name": "one", "region": REGION, "status": "STOPPED"}));
    term.until_screen("a stopped fleet", SOON, |text| text.lines().any(|line| line.contains("one") && line.contains("STOPPED")));
    term.keys("1gf");
    term.until("Start the compute fleet of one?", SOON);
    term.keys("y");
    term.until("one: START_REQUESTED", LATER);

    // Nothing of it where nothing may be changed.
    let reader = open(&program, &["--read-only"]);
    reader.until("one", LATER);
    for (keys, words) in [("1gf", "stop the"), ("1gh", "reboot the"), ("1gD", "delete the")] {
        reader.keys(keys);
        reader.keys(if keys.ends_with('D') {
            "one<enter>"
        } else if keys.ends_with('h') {
            "r"
        } else {
            "y"
        });
        refused(&reader, words);
    }
    let said =
        program.command(&["--region", REGION, "--read-only", "update", "one", "--file", &program.path("bigger.yaml")]).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("read-only: qdeck does not update the cluster"), "{said:?}");
    drop(reader);

    // The end, by its name alone.
    term.keys("1gD");
    term.until("Delete one?", SOON);
    term.until("What stays: the log group /aws/parallelcluster/one-", SOON);
    term.keys("on<enter>");
    term.until("That is not its name; nothing was deleted.", SOON);
    term.keys("<ctrl-u>one<enter>");
    term.until("one · DELETE_IN_PROGRESS", LATER);
    close(&term, "one · DELETE_IN_PROGRESS");
    term.until_screen("the cluster to be gone", LATER, |text| !text.lines().any(|line| line.contains("DELETING")));

    // All of it was written down.
    term.keys("U");
    term.until("Changes from this machine", SOON);
    for deed in
        ["delete the cluster", "start the compute fleet", "stop the compute fleet", "scale q1/cr1 to 0-8 nodes", "update the cluster"]
    {
        term.until(&format!("default/{REGION}/one: {deed}"), SOON);
    }
    term.until("create the cluster", SOON);
    assert!(!term.text().contains("reboot"), "what was refused was not done:\n{}", term.text());
}

#[test]
fn machines_are_stopped_started_rebooted_and_ended_and_ec2_knows() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let (head, node) = (rig.var("RIG_HEAD_INSTANCE").to_owned(), "compute-st-c5large-1");
    let instance = rig.var("RIG_INSTANCE_compute_st_c5large_1").to_owned();
    let term = program.open(&["--cluster", "demo"]);
    term.until(node, LATER);
    term.keys("1h");
    term.until("The head node of demo", SOON);
    term.until(&format!("{head} is running."), SOON);
    term.keys("r");
    term.until("The head node of demo: rebooting.", SOON);
    assert_eq!((calls(&rig, "RebootInstances"), state(&rig, &head).as_str()), (1, "running"));
    term.keys("hs");
    term.until("The head node of demo: stop", SOON);
    eventually("the head node to be stopped", SOON, || state(&rig, &head) == "stopped");
    // What it is decides what is offered.
    asks(&term, "h", "yes, start it");
    term.keys("y");
    term.until("The head node of demo: pending.", SOON);
    eventually("the head node to run", SOON, || state(&rig, &head) == "running");

    // A machine that is another cluster's by now is left alone, and so is one that is no compute node.
    let tag = |key: &str, value: &str| {
        let tag = format!("Key=parallelcluster:{key},Value={value}");
        aws(&rig, &["ec2", "create-tags", "--resources", &instance, "--tags", &tag]);
    };
    term.keys(&format!("2/{node}<enter>"));
    let terminate = |last: &str, wanted: &str| {
        asks(&term, "K", &format!("Terminate {instance} ({node})?"));
        last.split(' ').filter(|pair| !pair.is_empty()).for_each(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            tag(key, value);
        });
        term.keys("y");
        term.until(wanted, SOON);
    };
    terminate("cluster-name=other", &format!("{instance} is no instance of this cluster"));
    assert_eq!((calls(&rig, "TerminateInstances"), state(&rig, &instance).as_str()), (0, "running"));
    tag("cluster-name", "demo");
    terminate("node-type=HeadNode", &format!("{instance} is no compute node"));
    assert_eq!((calls(&rig, "TerminateInstances"), state(&rig, &instance).as_str()), (0, "running"));
    tag("node-type", "Compute");
    // The right one, and no other.
    terminate("", &format!("{instance} ({node}): shutting-down."));
    assert_eq!((calls(&rig, "TerminateInstances"), state(&rig, &instance).as_str()), (1, "terminated"));
    assert_eq!(state(&rig, rig.var("RIG_INSTANCE_compute_st_c5large_2")), "running");
    assert_eq!(state(&rig, &head), "running");
    term.keys("U");
    term.until("Changes from this machine", SOON);
    for deed in [&format!("terminate {instance} ({node})"), "start the head node", "stop the head node", "reboot the head node"] {
        term.until(deed, SOON);
    }
    term.until("failed: ", SOON);
    // Where nothing may be changed, no machine is.
    let reader = program.open(&["--cluster", "demo", "--read-only"]);
    reader.until("compute-st-c5large-2", LATER);
    reader.keys("2/st-c5large-2<enter>g");
    asks(&reader, "K", "(compute-st-c5large-2)?");
    reader.keys("y");
    refused(&reader, "terminate i-");
    reader.keys("1hs");
    refused(&reader, "stop the");
    assert_eq!((calls(&rig, "TerminateInstances"), calls(&rig, "StopInstances")), (1, 1));
}

#[test]
fn a_failed_creation_shows_what_its_head_node_wrote_about_it() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let (region, head, group) = ("us-east-1", "i-0bad0bad0bad0bad0", "/aws/parallelcluster/broken-202601010000");
    control(
        &rig,
        "/event",
        &json!({"name": "broken", "region": region, "logical": "HeadNode", "type": "AWS::EC2::Instance", "status": "CREATE_COMPLETE", "physical": head}),
    );
    control(&rig, "/stack", &json!({"name": "broken", "region": region, "status": "ROLLBACK_COMPLETE", "reason": "x", "log_group": group}));
    let lines = json!([
        "[2026-11-26T03:00:01+00:00] INFO: Processing mount[/fsx] action mount",
        "[2026-11-26T03:00:02+00:00] ERROR: mount[/fsx] (aws-parallelcluster-environment::fsx line 3) had an error: Expected process to exit with [0]\nSTDERR: mount.lustre: fs-1.fsx@tcp:/x at /fsx failed: \u{1b}]0;owned\u{7}Input/output error",
    ]);
    control(
        &rig,
        "/bootstrap",
        &json!({"name": "broken", "region": region, "head": head, "group": group, "log": "chef-client", "lines": lines}),
    );
    let term = program.open(&["--region", region]);
    term.until("CREATE_FAILED", SOON);
    term.keys("1g<enter>");
    term.until("✗ It failed because of HeadNodeWaitCondition20260101", SOON);
    term.until("chef-client of the head node:", SOON);
    term.until("STDERR: mount.lustre: fs-1.fsx@tcp:/x at /fsx failed", SOON);
    let screen = term.text();
    let at = |what: &str| screen.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} in\n{screen}"));
    assert!(
        at("It failed because of") < at("ERROR: mount[/fsx]") && at("ERROR: mount[/fsx]") < at("Bootstrap of the head node ▾"),
        "{screen}"
    );
    assert!(!screen.contains("INFO: Processing") && !term.raw().windows(3).any(|w| w == b"\x1b]0"), "{screen}");
    let out = program.command(&["--region", region, "events", "broken", "--follow"]).output().unwrap();
    let wrong = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && wrong.contains("ROLLBACK_COMPLETE: HeadNodeWaitCondition20260101"), "{wrong}");
    assert!(wrong.contains("chef-client: STDERR: mount.lustre") && !wrong.contains('\u{1b}'), "{wrong}");
}

#[test]
fn a_creation_is_followed_from_the_shell_with_what_its_head_node_writes() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let (region, head, group) = ("ap-southeast-2", "i-0fa0fa0fa0fa0fa0f", "/aws/parallelcluster/far-202601010000");
    let event = |name: &str, kind: &str, status: &str, physical: &str| {
        let event = json!({"name": "far", "region": region, "logical": name, "type": kind, "status": status, "physical": physical});
        control(&rig, "/event", &event);
    };
    let stack = |status: &str| control(&rig, "/stack", &json!({"name": "far", "region": region, "status": status, "log_group": group}));
    let write = |lines: &[&str]| {
        let lines = json!({"name": "far", "region": region, "head": head, "group": group, "log": "cfn-init", "lines": lines});
        control(&rig, "/bootstrap", &lines);
    };
    stack("CREATE_IN_PROGRESS");
    event("HeadNode", "AWS::EC2::Instance", "CREATE_IN_PROGRESS", head);
    write(&["step one", "step two"]);
    let (out, aside) = (program.path("out"), program.path("aside"));
    let file = |path: &str| std::fs::File::create(path).unwrap();
    let mut follow = program.command(&["--region", region, "events", "far", "--follow"]);
    let mut follow = follow.stdout(file(&out)).stderr(file(&aside)).spawn().unwrap();
    let told = |path: &str| std::fs::read_to_string(path).unwrap();
    eventually("the first lines", LATER, || told(&aside).contains("-- cfn-init: step one\n-- cfn-init: step two\n"));
    write(&["step three \u{1b}[2J"]);
    eventually("the line after them", LATER, || told(&aside).contains("step two\n-- cfn-init: step three"));
    event("HeadNode", "AWS::EC2::Instance", "CREATE_COMPLETE", head);
    stack("CREATE_COMPLETE");
    assert!(follow.wait().unwrap().success());
    let (out, aside) = (told(&out), told(&aside));
    assert!(aside.contains("-- Head node: done in 0:") && aside.matches("step one").count() == 1, "{aside}");
    assert!(!aside.contains('\u{1b}') && !out.contains("step") && out.contains("CREATE_COMPLETE      far"), "{aside}{out}");
    // From now on it is known how long that takes; but no creation is measured by itself.
    let again = program.command(&["--region", region, "events", "far", "--follow"]).output().unwrap();
    let aside = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && !aside.contains("usually"), "{again:?}");
}
