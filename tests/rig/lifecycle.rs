//! The life of a cluster by the real `pcluster`: made, refused, scaled, stopped and started, watched and deleted, through the built program.

use std::process::Output;

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

pub const REGION: &str = "eu-central-1";

/// A rig of its own without Slurm, whose stacks take a moment to be made.
fn rig() -> Option<Rig> {
    Rig::start(&["--no-slurm"], &[("MOTO_PC_CREATE_SECS", "2"), ("MOTO_PC_DELETE_SECS", "2")])
}

/// The program with the rig's `pcluster`, in a home of its own: it keeps a log there.
pub fn program(rig: &Rig) -> Program<'_> {
    let program = Program::new(rig);
    let config = std::fs::read_to_string(program.path("config.yaml")).unwrap();
    let pcluster = format!("pcluster: {{program: {}/bin/pcluster}}\n", rig.var("RIG_PCLUSTER"));
    std::fs::write(program.path("config.yaml"), config + &pcluster).unwrap();
    std::fs::write(program.path("one.yaml"), yaml(rig)).unwrap();
    program
}

pub fn yaml(rig: &Rig) -> String {
    let (public, private) = (rig.var("RIG_SUBNET_PUBLIC"), rig.var("RIG_SUBNET_PRIVATE"));
    format!(
        "# A cluster for a test.\nRegion: {REGION}\nImage:\n  Os: alinux2023\nHeadNode:\n  InstanceType: t3.medium # small\n  Networking:\n    SubnetId: {public}\n  Ssh:\n    KeyName: lab-key\nScheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: q1\n      # as many as the budget allows\n      ComputeResources:\n        - Name: cr1\n          InstanceType: c6i.xlarge\n          MinCount: 0\n          MaxCount: 4   # nodes\n      Networking:\n        SubnetIds:\n          - {private}\n"
    )
}

fn run(program: &Program<'_>, args: &[&str]) -> Output {
    let mut command = program.command(&[&["--region", REGION], args].concat());
    command.env("HOME", program.dir.path()).output().unwrap()
}

#[track_caller]
fn good(program: &Program<'_>, args: &[&str]) -> Value {
    let out = run(program, &[&["--json"], args].concat());
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{args:?}: {said}\n{wrong}");
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{args:?}: {said}"))
}

/// What it says on standard error, and the JSON it prints; it must fail with exit code 1.
#[track_caller]
fn bad(program: &Program<'_>, args: &[&str]) -> (String, Value) {
    let out = run(program, &[&["--json"], args].concat());
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned());
    assert_eq!(out.status.code(), Some(1), "{args:?}: {said}\n{wrong}");
    (wrong, serde_json::from_str(&said).unwrap_or(Value::Null))
}

#[test]
fn a_cluster_is_made_watched_scaled_stopped_and_deleted() {
    let Some(rig) = rig() else { return };
    let program = program(&rig);
    let file = program.path("one.yaml");
    // What is wrong stands beside its line, and nothing is made.
    let wrong = yaml(&rig).replace("MaxCount: 4 ", "MaxCount: many ").replace("Os:", "Oss:");
    std::fs::write(program.path("wrong.yaml"), wrong).unwrap();
    let (said, verdict) = bad(&program, &["create", "one", "--file", &program.path("wrong.yaml")]);
    assert!(said.contains("wrong.yaml:20: error: Scheduling.SlurmQueues[0].ComputeResources[0].MaxCount: Not a valid integer."), "{said}");
    assert!(said.contains("wrong.yaml:4: error: Image.Oss: Unknown field."), "{said}");
    assert_eq!((&verdict["accepted"], &verdict["remarks"][0]["line"]), (&json!(false), &json!(3)));
    std::fs::write(program.path("wrong.yaml"), yaml(&rig).replace("c6i.xlarge", "c6i.nonsense")).unwrap();
    let (said, _) = bad(&program, &["create", "one", "--file", &program.path("wrong.yaml"), "--dry-run"]);
    assert!(said.contains("wrong.yaml:18: error: The following supplied instance types do not exist"), "{said}");
    // What is right is made, and waited for.
    let verdict = good(&program, &["create", "one", "--file", &file, "--dry-run"]);
    assert_eq!((&verdict["accepted"], &verdict["status"]), (&json!(true), &Value::Null));
    let made = good(&program, &["create", "one", "--file", &file, "--wait"]);
    assert_eq!((&made["status"], &made["name"]), (&json!("CREATE_COMPLETE"), &json!("one")));
    let events = good(&program, &["events", "one"]);
    let events = events.as_array().unwrap();
    assert_eq!((&events[0]["status"], &events[0]["resource"]), (&json!("CREATE_IN_PROGRESS"), &json!("one")));
    assert!(events.iter().any(|e| e["type"] == "AWS::EC2::Instance" && e["status"] == "CREATE_COMPLETE"), "{events:?}");
    // The head node puts the fleet's status there, on AWS.
    rig.ctl(&["aws", "/fleet", &json!({"name": "one", "region": REGION, "status": "RUNNING"}).to_string()]);

    // An update that may not be is refused parameter by parameter.
    let other = yaml(&rig).replace("t3.medium", "t3.large").replace("c6i.xlarge", "c6i.large");
    std::fs::write(program.path("other.yaml"), other).unwrap();
    let (said, verdict) = bad(&program, &["update", "one", "--file", &program.path("other.yaml"), "--dry-run"]);
    assert!(
        said.contains("other.yaml:6: error: Update actions are not currently supported") && said.contains("[HeadNode.InstanceType]"),
        "{said}"
    );
    assert!(said.contains("other.yaml:18: error: All compute nodes must be stopped."), "{said}");
    assert_eq!(verdict["changes"][0], json!({"parameter": "HeadNode.InstanceType", "now": "t3.medium", "then": "t3.large"}));

    // Two numbers of the file that the cluster itself has: comments and all else stay.
    let out = run(&program, &["scale", "one", "q1", "--max", "8", "--dry-run"]);
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(shown.contains("   20 -           MaxCount: 4   # nodes\n   20 +           MaxCount: 8   # nodes\n"), "{shown}");
    assert!(shown.contains("one: would be scaled") && out.status.success(), "{shown}");
    let (said, _) = bad(&program, &["scale", "one", "q9", "--max", "8"]);
    assert!(said.contains("there is no queue q9; there are q1/cr1"), "{said}");
    let scaled = good(&program, &["scale", "one", "q1", "--max", "8"]);
    assert_eq!((&scaled["status"], &scaled["changes"][0]["then"]), (&json!("UPDATE_IN_PROGRESS"), &json!("8")));
    let out = run(&program, &["events", "one", "--follow"]);
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && told.contains("UPDATE_COMPLETE      one"), "{told}");

    // A whole file, and not only two numbers. What such a thing takes is known by now.
    std::fs::write(program.path("ten.yaml"), yaml(&rig).replace("MaxCount: 4 ", "MaxCount: 10 ")).unwrap();
    let out = run(&program, &["update", "one", "--file", &program.path("ten.yaml")]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.contains("MaxCount  8    10") && said.contains("one: UPDATE_IN_PROGRESS"), "{said}{out:?}");
    let out = run(&program, &["events", "one", "--follow"]);
    let (told, aside) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(told.contains("UPDATE_COMPLETE      one") && !told.contains("usually"), "{told}");
    assert!(aside.contains("-- UPDATE usually takes ~0:0") && aside.contains("of 1 seen before"), "{aside}");

    // The fleet.
    let fleet = || good(&program, &["clusters"]).as_array().unwrap().iter().find(|c| c["name"] == "one").unwrap()["fleet_status"].clone();
    assert_eq!(good(&program, &["fleet", "one", "stop"])["status"], "STOP_REQUESTED");
    assert_eq!(fleet(), "STOP_REQUESTED");
    rig.ctl(&["aws", "/fleet", &json!({"name": "one", "region": REGION, "status": "STOPPED"}).to_string()]);
    assert_eq!(good(&program, &["fleet", "one", "start"])["status"], "START_REQUESTED");

    // Nothing of it is done where nothing may be, and all of it was written down.
    let (said, _) = bad(&program, &["--read-only", "delete", "one", "--yes"]);
    assert!(said.contains("read-only: qdeck does not delete the cluster"), "{said}");
    let (said, _) = bad(&program, &["delete", "one"]);
    assert!(said.contains("not deleted without a question") && said.contains("--yes"), "{said}");
    let out = run(&program, &["delete", "one", "--yes"]);
    let (said, words) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("one: DELETE_IN_PROGRESS"), "{said} {words}");
    assert!(words.contains("What stays: the log group /aws/parallelcluster/one-"), "{words}");
    eventually("the cluster to be gone", LATER, || !good(&program, &["clusters"]).to_string().contains("\"name\":\"one\""));
    let deeds = good(&program, &["audit"]);
    let deeds: Vec<_> = deeds.as_array().unwrap().iter().map(|d| format!("{}: {}", d["command"], d["result"]).replace('"', "")).collect();
    assert_eq!(
        [&deeds[0], &deeds[1], &deeds[2], &deeds[3], &deeds[4], &deeds[5]],
        [
            "delete the cluster: DELETE_IN_PROGRESS",
            "start the compute fleet: START_REQUESTED",
            "stop the compute fleet: STOP_REQUESTED",
            "update the cluster: UPDATE_IN_PROGRESS",
            "scale q1 to 0-8 nodes: UPDATE_IN_PROGRESS",
            "create the cluster: CREATE_IN_PROGRESS"
        ]
    );
    assert!(deeds[6].starts_with("create the cluster: refused: Invalid cluster configuration."), "{deeds:?}");
}

#[test]
fn the_application_checks_a_configuration_creates_of_it_and_watches() {
    let Some(rig) = rig() else { return };
    let program = program(&rig);
    std::fs::write(program.path("wrong.yaml"), yaml(&rig).replace("c6i.xlarge", "c6i.nonsense")).unwrap();
    let term = program.open_with(&["--region", REGION], &[("HOME", &program.path(""))]);
    term.until("this machine", SOON);
    term.keys("1c");
    term.until("Pick a script", SOON);
    term.keys("~");
    term.until("wrong.yaml", SOON);
    term.keys("/wrong<enter>");
    term.until("c6i.nonsense", SOON);
    term.keys("<enter>");
    term.until("Create a cluster", SOON);
    term.keys("<enter>");
    term.until("Create wrong · refused", LATER);
    term.until("The following supplied instance types do not exist", SOON);
    let screen = term.text();
    let at = |what: &str| screen.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} in\n{screen}"));
    assert_eq!(at("The following supplied instance types do not exist") - at("18            InstanceType: c6i.nonsense"), 1, "{screen}");
    // The right one is created, and its stack is watched to its end.
    term.keys("<esc>");
    term.until("a script for", SOON);
    term.keys("/<ctrl-u>one<enter>");
    term.until("c6i.xlarge", SOON);
    term.keys("<enter>");
    term.until("Create a cluster", SOON);
    term.keys("<enter>");
    term.until("Create one · accepted", LATER);
    term.keys("y");
    term.until("one · CREATE_COMPLETE", LATER);
    term.until("✓ Head node ▸", SOON);
    term.keys("<esc>");
    term.until_gone("one · CREATE_COMPLETE", SOON);
    term.keys("q");
}

#[test]
fn a_failed_creation_is_told_with_its_root_cause_first() {
    let Some(rig) = rig() else { return };
    let program = program(&rig);
    // Seeded as a failed creation whose table was only given up.
    let last = json!({"name": "broken", "region": "us-east-1", "status": "ROLLBACK_COMPLETE", "reason": "x"});
    rig.ctl(&["aws", "/stack", &last.to_string()]);
    let out = program.command(&["--region", "us-east-1", "events", "broken", "--follow"]).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("CREATE_FAILED        Table (DynamoDB::Table)  Resource creation cancelled"), "{said}");
    assert!(out.status.code() == Some(1) && wrong.contains("ROLLBACK_COMPLETE: HeadNodeWaitCondition20260101"), "{wrong}");
}

#[test]
fn on_a_terminal_a_cluster_is_deleted_after_its_name_was_typed() {
    let Some(rig) = rig() else { return };
    let program = program(&rig);
    let home = program.path("");
    let ask = |typed: &str| {
        let mut term = program.open_with(&["--region", "us-east-1", "delete", "lab"], &[("HOME", &home)]);
        term.until("Type the cluster's name to delete it:", SOON);
        term.until("What stays: the log group /aws/parallelcluster/lab-202601020304", SOON);
        term.write(typed.as_bytes());
        let code = term.wait_exit(LATER);
        (code, term.text())
    };
    let (code, said) = ask("lib\r");
    assert!(code == 1 && said.contains("nothing was deleted: that is not its name"), "{said}");
    let clusters =
        || String::from_utf8(program.command(&["--region", "us-east-1", "clusters", "--json"]).output().unwrap().stdout).unwrap();
    assert!(clusters().contains(": \"lab\""), "it is there still");
    let (code, said) = ask("lab\r");
    assert!(code == 0 && said.contains("lab: DELETE_IN_PROGRESS"), "{said}");
    eventually("its stack to be gone", SOON, || !clusters().contains("PROTECTED"));
}

#[test]
fn a_new_cluster_is_where_aws_s_own_configuration_says() {
    let Some(rig) = rig() else { return };
    let program = program(&rig);
    std::fs::write(program.path("here.yaml"), yaml(&rig).replace(&format!("Region: {REGION}\n"), "")).unwrap();
    std::fs::write(program.path("aws"), format!("[default]\nregion = {REGION}\n")).unwrap();
    let mut create = program.command(&["--json", "create", "one", "--file", &program.path("here.yaml"), "--dry-run"]);
    create.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").env("AWS_CONFIG_FILE", program.path("aws"));
    let out = create.env("HOME", program.dir.path()).output().unwrap();
    let told: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"));
    assert_eq!((&told["cluster"], &told["accepted"]), (&json!(format!("default/{REGION}/one")), &json!(true)));
}

#[test]
fn without_pcluster_it_is_said_how_to_get_it() {
    let Some(rig) = rig() else { return };
    let program = Program::new(&rig);
    std::fs::write(program.path("one.yaml"), yaml(&rig)).unwrap();
    let out = program.command(&["--region", REGION, "create", "one", "--file", &program.path("one.yaml")]);
    let mut out = out;
    let out = out.env("PATH", "/usr/bin:/bin").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("pipx install aws-parallelcluster"), "{said}");
}
