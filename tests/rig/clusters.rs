//! Clusters as AWS tells of them: stacks joined with tags, fleets, failures, other regions, and what happens when AWS has a bad day.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Program;
use crate::rig::Rig;

fn clusters(program: &Program<'_>, args: &[&str]) -> (Vec<Value>, String, Option<i32>) {
    let out = program.command(&[args, &["clusters", "--json"]].concat()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let list = serde_json::from_str::<Value>(&text).ok().and_then(|v| v.as_array().cloned()).unwrap_or_default();
    (list, String::from_utf8_lossy(&out.stderr).into_owned(), out.status.code())
}

fn named<'a>(all: &'a [Value], name: &str) -> &'a Value {
    all.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

fn fault(rig: &Rig, fault: &Value) -> Value {
    serde_json::from_str(&rig.ctl(&["aws", "/fault", &fault.to_string()])).unwrap()
}

#[test]
fn stacks_and_instances_are_one_list_with_all_that_can_be_the_matter() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let (all, said, code) = clusters(&program, &[]);
    assert_eq!((said.as_str(), code), ("", Some(0)));
    let demo = named(&all, "demo");
    assert_eq!((demo["status"].as_str(), demo["fleet_status"].as_str()), (Some("CREATE_COMPLETE"), Some("RUNNING")));
    assert_eq!(demo["log_group"].as_str(), Some(rig.var("RIG_LOG_GROUP")));
    let (all, _, _) = clusters(&program, &["--region", "us-east-1"]);
    let lab = named(&all, "lab");
    assert_eq!(lab["fleet_status"], "PROTECTED");
    assert!(lab["notes"][0].as_str().unwrap().contains("start the fleet again"), "{lab}");
    let broken = named(&all, "broken");
    assert_eq!((&broken["status"], &broken["failures"][0]["code"]), (&json!("CREATE_FAILED"), &json!("FsxMountFailure")));
    assert!(broken["failures"][0]["reason"].as_str().unwrap().contains("chef-client.log"));
    // And the line behind it, of all that is in that log.
    let line = broken["failures"].as_array().unwrap().iter().find(|f| f["code"] == "log chef-client").unwrap();
    assert!(line["reason"].as_str().unwrap().ends_with("mount.lustre: Connection timed out"), "{broken}");
    assert!(!broken.to_string().contains("Chef Run complete"));
    // The same for people: what one should know of a cluster stands below the table.
    let table = String::from_utf8(program.command(&["--region", "us-east-1", "clusters"]).output().unwrap().stdout).unwrap();
    for words in ["lab: PROTECTED: too many nodes failed to start", "broken: FsxMountFailure", "old: ParallelCluster 2 has no support"] {
        assert!(table.contains(words), "{table}");
    }
    let old = named(&all, "old");
    assert!(old["version"] == "2.11.9" && old["notes"][0].as_str().unwrap().contains("no support any more"), "{old}");
}

#[test]
fn a_cluster_in_a_region_that_nobody_named_is_found() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    // It has no head node, which only somebody who found it can say.
    let out = program.command(&["--cluster", "far", "jobs"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("ap-southeast-2/far") && said.contains("head node is missing"), "{said}");
    let out = program.command(&["--cluster", "nowhere", "jobs"]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("no cluster nowhere"));
    let term = program.open(&["--cluster", "far"]);
    term.until_screen("the header to say where it is", crate::program::LATER, |text| {
        text.lines().next().is_some_and(|header| header.contains("far · ap-southeast-2"))
    });
    term.until("its head node is missing", crate::program::SOON);
    term.keys("q");
}

#[test]
fn cloudformation_s_words_are_pcluster_s_and_both_generations_of_fleets_are_read() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let control = |path: &str, body: Value| rig.ctl(&["aws", path, &body.to_string()]);
    for (said, meant) in [
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS"),
        ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"),
        ("ROLLBACK_IN_PROGRESS", "CREATE_FAILED"),
        ("DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
        ("UPDATE_COMPLETE", "UPDATE_COMPLETE"),
    ] {
        control("/stack", json!({"name": "lab", "region": "us-east-1", "status": said}));
        let (all, _, _) = clusters(&program, &["--region", "us-east-1"]);
        assert_eq!(named(&all, "lab")["status"], meant, "{said}");
    }
    control("/fleet", json!({"name": "lab", "region": "us-east-1", "status": "STOP_REQUESTED", "old": true}));
    let (all, _, _) = clusters(&program, &["--region", "us-east-1"]);
    assert_eq!(named(&all, "lab")["fleet_status"], "STOP_REQUESTED");
}

#[test]
fn a_bad_day_of_aws_hides_nothing_that_can_be_known() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let with = |fault_: Value| {
        fault(&rig, &fault_);
        let answer = clusters(&program, &[]);
        (answer, fault(&rig, &json!({"clear": true})))
    };
    // Without CloudFormation, the tags; without EC2, the stacks; without DynamoDB, both: and what is missing is said.
    let denied = |action: &str, code: &str| json!({"action": action, "code": code, "status": 403});
    let ((all, ..), _) = with(denied("DescribeStacks", "AccessDenied"));
    let demo = named(&all, "demo");
    assert!(demo["status"].is_null() && demo["head_node"]["state"] == "running", "{demo}");
    assert!(demo["notes"][0].as_str().unwrap().starts_with("status unknown: AccessDenied"), "{demo}");
    let ((all, ..), _) = with(denied("DescribeInstances", "UnauthorizedOperation"));
    let demo = named(&all, "demo");
    assert!(demo["status"] == "CREATE_COMPLETE" && demo["notes"][0].as_str().unwrap().starts_with("instances unknown"), "{demo}");
    let ((all, ..), _) = with(denied("GetItem", "AccessDeniedException"));
    let demo = named(&all, "demo");
    assert!(demo["status"] == "CREATE_COMPLETE" && demo["fleet_status"].is_null(), "{demo}");
    assert!(demo["notes"][0].as_str().unwrap().starts_with("fleet status unknown"), "{demo}");
    // Throttled a few times: it is asked again, within bounds.
    let ((all, said, _), told) = with(json!({"action": "DescribeInstances", "code": "RequestLimitExceeded", "status": 503, "times": 2}));
    assert_eq!((named(&all, "demo")["head_node"]["state"].as_str(), said.as_str()), (Some("running"), ""));
    assert_eq!(told["calls"]["eu-west-1 DescribeInstances"], 3);
    // Credentials that ran out say so, and what needs no AWS is listed.
    fault(&rig, &json!({"action": "DescribeStacks", "code": "ExpiredToken"}));
    let ((all, said, code), _) = with(json!({"action": "DescribeInstances", "code": "ExpiredToken"}));
    assert!(said.contains("ExpiredToken") && said.contains("run out") && code == Some(1), "{said}");
    assert!(all.iter().any(|c| c["name"] == "rig"), "{all:?}");
    // An answer that ends in its middle.
    fault(&rig, &json!({"action": "DescribeStacks", "cut": 300}));
    let ((_, said, code), _) = with(json!({"action": "DescribeInstances", "cut": 300}));
    assert!(code == Some(1) && said.contains("DescribeInstances"), "{said}");
}

#[test]
fn what_is_read_only_is_not_changed_and_every_change_is_written_down() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let job = rig.run("sbatch --parsable -H -J guarded --wrap true").trim().to_owned();
    let said = program.fail(&["--read-only", "cancel", &job]);
    assert!(said.contains(&format!("read-only: qdeck does not cancel {job}")), "{said}");
    assert_eq!(rig.run(&format!("squeue -h -j {job} -o %t")).trim(), "PD");
    program.say(&["cancel", &job]);
    let deeds = program.say(&["audit", "--json"]);
    let deeds: Value = serde_json::from_str(&deeds).unwrap();
    assert_eq!((&deeds[0]["command"], &deeds[0]["result"]), (&json!(format!("cancel {job}")), &json!("done")));
    assert_eq!(deeds.as_array().unwrap().len(), 1, "what was forbidden was not done: {deeds}");
}

#[test]
fn thousands_of_instances_over_many_pages_are_one_cluster() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    fault(&rig, &json!({"action": "DescribeInstances", "region": "eu-north-1", "instances": 5_000}));
    let begun = Instant::now();
    let (all, said, _) = clusters(&program, &["--region", "eu-north-1"]);
    assert_eq!(said, "");
    assert!(named(&all, "huge")["head_node"]["instance_id"].as_str().is_some());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let calls = fault(&rig, &json!({"clear": true}));
    assert_eq!(calls["calls"]["eu-north-1 DescribeInstances"], 10, "500 on a page: {calls}");
}

#[test]
fn one_region_that_never_answers_holds_up_nobody() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let config = std::fs::read_to_string(program.path("config.yaml")).unwrap();
    std::fs::write(program.path("config.yaml"), format!("{config}aws: {{regions: [eu-west-1, us-east-1]}}\n")).unwrap();
    for action in ["DescribeStacks", "DescribeInstances"] {
        fault(&rig, &json!({"action": action, "region": "us-east-1", "hang": 600}));
    }
    let term = program.open(&[]);
    term.until("demo", crate::program::SOON);
    // Who has not answered yet is named, and in the end said to be silent; keys work all the while.
    term.until("us-east-1: asking", crate::program::SOON);
    term.keys("?");
    term.until("Show all keys", crate::program::SOON);
    term.keys("<esc>");
    term.until("no answer in time", Duration::from_secs(60));
    let begun = fault(&rig, &json!({}))["calls"].clone();
    // Half a minute later the living region is fresh, and the calls of a minute are within the budget that the README states.
    std::thread::sleep(Duration::from_secs(15));
    let text = term.text();
    assert!(text.contains("demo") && text.contains("RUNNING"), "{text}");
    let calls = fault(&rig, &json!({}));
    let of = |calls: &Value, what: &str| calls[what].as_u64().unwrap();
    let since = |what: &str| of(&calls["calls"], what) - of(&begun, what);
    let asked = since("eu-west-1 DescribeStacks");
    assert!((3..=12).contains(&asked), "asked every 2 s by this test's configuration: {calls}");
    assert!(since("us-east-1 DescribeStacks") <= 3, "{calls}");
    term.keys("q");
}
