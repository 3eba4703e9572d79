//! Spot machines that EC2 takes back, and what it says of very many machines: told on nodes and jobs, by few calls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

fn control(rig: &Rig, path: &str, body: &Value) -> Value {
    serde_json::from_str(&rig.ctl(&["aws", path, &body.to_string()])).unwrap()
}

fn calls(rig: &Rig, what: &str) -> u64 {
    control(rig, "/fault", &json!({}))["calls"][format!("eu-west-1 {what}")].as_u64().unwrap_or(0)
}

#[test]
fn a_spot_machine_that_ends_is_told_at_once_on_the_node_the_job_and_in_the_corner() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let machine = rig.var("RIG_INSTANCE_compute_st_c5large_1").to_owned();
    let job = rig.run("sbatch --parsable -J doomed -w compute-st-c5large-1 -c 1 --wrap 'sleep 600'").trim().to_owned();
    eventually("the job to run", LATER, || rig.run(&format!("squeue -h -j {job} -o %t")).trim() == "R");
    let term = program.open(&["--cluster", "demo"]);
    term.until("compute-st-c5large-1", LATER);
    term.until("doomed", SOON);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(calls(&rig, "DescribeSpotInstanceRequests"), 0, "where there are no spot machines nobody asks");
    // It is one, and EC2 says that it ends: two minutes later.
    let at = jiff::Timestamp::now().to_string();
    control(&rig, "/spot", &json!({"id": machine, "code": "marked-for-termination", "at": at}));
    term.until("EC2 takes back the spot machine of compute-st-c5large-1, in", Duration::from_secs(40));
    term.until(&format!("job {job} runs there"), SOON);
    term.until_screen("the node with the time that is left", SOON, |text| {
        text.lines()
            .any(|line| line.contains("! compute-st-c5large-1") && line.contains("ends ") && (line.contains(" min") || line.contains(" s")))
    });
    term.keys("3<enter>");
    term.until("Warnings", SOON);
    term.until("EC2 takes its spot machine back then", SOON);
    term.until("marked-for-termination", SOON);
    term.keys("<esc>");
    term.until_gone("Warnings", SOON);
    term.keys("2z/compute-st-c5large-1<enter><enter>");
    term.until("marked-for-termination", SOON);
    term.keys("<esc>");
    term.until_gone("marked-for-termination", SOON);
    // Asked every two seconds for nodes, EC2 is asked for spot machines every 20 s.
    assert!(calls(&rig, "DescribeSpotInstanceRequests") <= 4);
    // The same from the shell, with the moment.
    let say = |args: &[&str]| program.command(&[&["--cluster", "demo"], args].concat()).output().unwrap();
    let told: Value = serde_json::from_slice(&say(&["job", &job, "--json"]).stdout).unwrap();
    let warning = &told["warnings"][0]["warning"];
    assert_eq!((&warning["code"], &warning["kind"]), (&json!("marked-for-termination"), &json!("spot")), "{told}");
    let ends: jiff::Timestamp = warning["at"].as_str().unwrap().parse().unwrap();
    let marked: jiff::Timestamp = at.parse().unwrap();
    assert_eq!(ends.as_second() - marked.as_second(), 120);
    // It is gone, and why is known.
    let gone = json!({"id": machine, "state": "terminated", "code": "Server.SpotInstanceTermination",
        "reason": "Server.SpotInstanceTermination (2026-11-26 14:32:10 GMT)"});
    control(&rig, "/spot", &json!({"id": machine, "code": "instance-terminated-by-price", "at": at}));
    control(&rig, "/instance", &gone);
    term.until("EC2 has taken back the spot machine of compute-st-c5large-1", Duration::from_secs(40));
    term.keys("q");
}

#[test]
fn who_may_not_ask_for_spot_machines_is_told_so_in_one_quiet_line() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    control(&rig, "/spot", &json!({"id": rig.var("RIG_INSTANCE_compute_st_c5large_1")}));
    control(&rig, "/fault", &json!({"action": "DescribeSpotInstanceRequests", "code": "UnauthorizedOperation", "status": 403}));
    let term = program.open(&["--cluster", "demo"]);
    term.until("compute-st-c5large-1", LATER);
    std::thread::sleep(Duration::from_secs(3));
    assert!(!term.text().contains("UnauthorizedOperation"), "{}", term.text());
    term.keys("2z/compute-st-c5large-1<enter><enter>");
    term.until("Spot ends", SOON);
    term.until("not known: UnauthorizedOperation", SOON);
    std::thread::sleep(Duration::from_secs(22));
    assert_eq!(calls(&rig, "DescribeSpotInstanceRequests"), 1, "what is denied stays denied for some time");
    term.keys("<esc>q");
}

#[test]
fn checks_of_five_thousand_machines_are_a_few_pages_and_the_last_one_is_read() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    control(&rig, "/fault", &json!({"action": "DescribeInstances", "more": 4_995, "cluster": "demo"}));
    control(&rig, "/status", &json!({"more": 4_995}));
    // The real ones come last.
    control(&rig, "/status", &json!({"id": rig.var("RIG_INSTANCE_gpu_st_p4d_1"), "system": "impaired"}));
    let begun = Instant::now();
    let term = program.open(&["--cluster", "demo"]);
    term.until("check bad", LATER);
    term.until("≈ $515/h", SOON);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(calls(&rig, "DescribeInstanceStatus"), 5, "a thousand on a page");
    // Keys work while thousands are read every two seconds.
    term.keys("?");
    term.until("Show all keys", SOON);
    term.keys("<esc>q");
}
