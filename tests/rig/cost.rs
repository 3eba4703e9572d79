//! What clusters cost by AWS's price list and spot market, what happens while these cannot be asked, and what EC2 says of machines.

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;

/// Head, login, two compute nodes and a GPU node, by the rig's price list.
const HOUR: f64 = 0.0912 + 0.0912 + 2.0 * 0.096 + 35.3965;

fn control(rig: &Rig, path: &str, body: &Value) -> Value {
    serde_json::from_str(&rig.ctl(&["aws", path, &body.to_string()])).unwrap()
}

fn calls(rig: &Rig, what: &str) -> u64 {
    control(rig, "/fault", &json!({}))["calls"][what].as_u64().unwrap_or(0)
}

/// What `qdeck cost` says as JSON, on standard error, and by its exit code.
fn cost(program: &Program<'_>, args: &[&str]) -> (Value, String, Option<i32>) {
    let out = program.command(&[&["cost", "--json"], args].concat()).output().unwrap();
    let value = serde_json::from_slice(&out.stdout).unwrap_or_default();
    (value, String::from_utf8_lossy(&out.stderr).into_owned(), out.status.code())
}

#[track_caller]
fn near(value: &Value, wanted: f64) {
    let is = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((is - wanted).abs() < 1e-6, "{is} is not {wanted}");
}

#[test]
fn a_cluster_costs_what_its_machines_cost_and_the_prices_are_asked_for_once_a_day() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let (all, said, code) = cost(&program, &[]);
    assert_eq!((said.as_str(), code), ("", Some(0)));
    near(&all["clusters"][0]["usd_per_hour"], HOUR);
    assert_eq!((&all["clusters"][0]["cluster"], &all["all"]["on_demand"]), (&json!("demo"), &json!(5)));
    assert!(all["all"]["assumes"].as_str().unwrap().contains("no storage, traffic, licences, discounts"), "{all}");
    assert_eq!(calls(&rig, "us-east-1 GetProducts"), 3, "one for each type");
    // EC2 says that one is a spot machine: its zone's newest price, and the others from the file.
    control(&rig, "/spot", &json!({"id": rig.var("RIG_INSTANCE_compute_st_c5large_1")}));
    let (one, ..) = cost(&program, &["demo"]);
    near(&one["usd_per_hour"], HOUR - 0.096 + 0.0312);
    let machines = one["machines"].as_array().unwrap();
    let spot = machines.iter().find(|m| m["purchase"] == "spot").unwrap();
    assert_eq!((&spot["zone"], &spot["usd_per_hour_each"], &spot["role"]), (&json!("eu-west-1a"), &json!(0.0312), &json!("compute")));
    assert_eq!((calls(&rig, "us-east-1 GetProducts"), calls(&rig, "eu-west-1 DescribeSpotPriceHistory")), (3, 1));
    // Two days later nobody answers: the old prices, with their date, and why they are old.
    let file = program.path("cache/qdeck/prices.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut book: Value = serde_json::from_str(&text).unwrap();
    let old = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48)).to_string();
    book["regions"]["eu-west-1"]["p4d.24xlarge"]["on_demand"]["at"] = json!(old);
    std::fs::write(&file, book.to_string()).unwrap();
    control(&rig, "/fault", &json!({"action": "GetProducts", "code": "AccessDeniedException", "status": 400}));
    let (one, said, code) = cost(&program, &["demo"]);
    near(&one["usd_per_hour"], HOUR - 0.096 + 0.0312);
    assert_eq!((one["oldest_price"].as_str(), code), (Some(old.as_str()), Some(0)));
    assert!(said.contains("some prices are old or not known") && said.contains("pricing:GetProducts"), "{said}");
    // It is tried again at the next start, and stays as it is on the screen meanwhile.
    let table = String::from_utf8(program.command(&["cost", "demo"]).output().unwrap().stdout).unwrap();
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    assert!(table.contains("p4d.24xlarge") && table.contains(&day.strftime("%-d %b %Y").to_string()), "{table}");
}

#[test]
fn what_has_no_known_price_is_not_free() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let denied = Program::new(&rig);
    control(&rig, "/fault", &json!({"action": "GetProducts", "code": "AccessDeniedException", "status": 400}));
    let (all, said, code) = cost(&denied, &[]);
    assert_eq!((&all["all"]["usd_per_hour"], &all["all"]["machines_unpriced"], code), (&Value::Null, &json!(5), Some(1)));
    assert!(said.contains("AccessDeniedException") && said.contains("iam-policy"), "{said}");
    assert!(!std::path::Path::new(&denied.path("cache/qdeck/prices.json")).exists(), "nothing was learnt");
    control(&rig, "/fault", &json!({"clear": true}));
    // A type that the price list does not have: the others have their price, and the figure says that it is not all.
    control(&rig, "/price", &json!({"type": "p4d.24xlarge"}));
    let program = Program::new(&rig);
    let (all, said, code) = cost(&program, &[]);
    near(&all["all"]["usd_per_hour"], HOUR - 35.3965);
    assert_eq!((&all["all"]["machines_unpriced"], said.as_str(), code), (&json!(1), "", Some(0)));
    let table = String::from_utf8(program.command(&["cost"]).output().unwrap().stdout).unwrap();
    assert!(table.contains("≈ $0.374/h + ?") && table.contains("1 machine has no known price"), "{table}");
    // A machine of one's own has no price at all.
    let out = program.command(&["cost", "local"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("none of AWS's"));
}

#[test]
fn warnings_of_ec2_and_costs_are_on_the_screen_where_they_belong() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let machine = rig.var("RIG_INSTANCE_compute_st_c5large_1").to_owned();
    let event = json!({"code": "instance-retirement", "description": "degraded hardware", "not_before": "2099-11-28T14:00:00.000Z"});
    control(&rig, "/status", &json!({"id": machine, "events": [event]}));
    let job = rig.run("sbatch --parsable -J warned -w compute-st-c5large-1 -c 1 --wrap 'sleep 600'").trim().to_owned();
    crate::rig::eventually("the job to run", LATER, || rig.run(&format!("squeue -h -j {job} -o %t")).trim() == "R");
    let mut term = program.open(&["--cluster", "demo"]);
    term.until("≈ $35.77/h", LATER);
    term.until("! compute-st-c5large-1", SOON);
    term.until("retires", SOON);
    // Of the two CPUs of the node the job has one.
    term.until("warned", SOON);
    term.keys("3<enter>");
    term.until("Cost (estimate)", SOON);
    term.until("at ≈ $0.048/h", SOON);
    term.until("1 of 2 CPUs of its nodes", SOON);
    term.until("Warnings", SOON);
    term.until("Sat 28 Nov 14:00", SOON);
    // Esc and a letter that come together are one key.
    let close = |what: &str| {
        term.keys("<esc>");
        term.until_gone(what, SOON);
    };
    close("Cost (estimate)");
    term.keys("w");
    term.until("compute-st-c5large-1: ! Sat 28 Nov", SOON);
    term.until("its machine retires", SOON);
    close("Why ·");
    term.keys("2g<enter>");
    term.until("instance-retirement", SOON);
    term.until("on-demand price of", SOON);
    close("instance-retirement");
    term.keys("$");
    term.until("Charts · demo", SOON);
    term.until_screen("what was recorded a moment ago", SOON, |text| {
        ["Nodes", "Queue", "Use", "Cost", "busy", "now 1", "now $36", "└"].iter().all(|word| text.contains(word))
    });
    close("Charts · demo");
    // Asked every two seconds for nodes, EC2 is asked about checks once a minute.
    assert_eq!(calls(&rig, "eu-west-1 DescribeInstanceStatus"), 1);
    // EC2 takes the machine back.
    let taken = json!({"id": machine, "state": "shutting-down", "code": "Server.SpotInstanceTermination",
        "reason": "Server.SpotInstanceTermination (2026-11-26 14:32:10 GMT)"});
    control(&rig, "/instance", &taken);
    term.until("spot ends", SOON);
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    // The same from the shell.
    control(&rig, "/instance", &json!({"id": machine, "state": "running"}));
    let say =
        |args: &[&str]| String::from_utf8(program.command(&[&["--cluster", "demo"], args].concat()).output().unwrap().stdout).unwrap();
    let nodes: Value = serde_json::from_str(&say(&["nodes", "--json"])).unwrap();
    let node = nodes.as_array().unwrap().iter().find(|node| node["name"] == "compute-st-c5large-1").unwrap();
    assert_eq!(node["warnings"][0]["code"], "instance-retirement");
    assert_eq!((node["warnings"][0]["at"].as_str(), node["purchase"].as_str()), (Some("2099-11-28T14:00:00Z"), Some("on-demand")));
    let told: Value = serde_json::from_str(&say(&["job", &job, "--json"])).unwrap();
    near(&told["cost"]["usd_per_hour"], 0.048);
    assert_eq!((&told["cost"]["share"], &told["warnings"][0]["node"]), (&json!({"cpus": 1, "of": 2}), &json!("compute-st-c5large-1")));
    assert!(say(&["why", &job]).contains("compute-st-c5large-1: 2099-11-28"));
    let days: Value = serde_json::from_str(&say(&["cost", "--json"])).unwrap();
    assert!(days["days"][0]["usd"].as_f64().unwrap() > 0.0, "the minutes that were looked at are recorded: {days}");
    let idle: Value = serde_json::from_str(&say(&["cost", "--json"])).unwrap();
    near(&idle["idle"]["usd_per_hour"], 0.096 + 35.3965);
}

#[test]
fn a_check_that_fails_is_told_and_one_that_may_not_be_asked_says_so() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let machine = rig.var("RIG_INSTANCE_gpu_st_p4d_1").to_owned();
    control(&rig, "/status", &json!({"id": machine, "system": "impaired"}));
    let term = program.open(&["--cluster", "demo"]);
    term.until("check bad", LATER);
    term.until("! gpu-st-p4d-1", SOON);
    drop(term);
    control(&rig, "/fault", &json!({"action": "DescribeInstanceStatus", "code": "UnauthorizedOperation", "status": 403}));
    let term = program.open(&["--cluster", "demo"]);
    term.until("gpu-st-p4d-1", LATER);
    term.keys("2/gpu-st<enter><enter>");
    term.until("EC2 checks", SOON);
    term.until("not known: UnauthorizedOperation", SOON);
    assert!(!term.text().contains("check bad"));
}

#[test]
fn a_job_that_has_ended_has_cost_its_share_for_its_time() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let job = rig.run("sbatch --parsable --wait -J over -w compute-st-c5large-1 -c 1 --wrap 'sleep 4'").trim().to_owned();
    let say = |args: &[&str]| program.command(&[&["--cluster", "demo"], args].concat()).output().unwrap().stdout;
    let told: Value = serde_json::from_slice(&say(&["job", &job, "--json"])).unwrap();
    let (cost, seconds) = (&told["cost"], told["cost"]["seconds"].as_f64().unwrap());
    assert!((3.0..30.0).contains(&seconds) && told["state"] == "COMPLETED", "{told}");
    // One of two CPUs of a machine for 0.096 dollars.
    near(&cost["usd_per_hour"], 0.048);
    near(&cost["usd"], 0.048 * seconds / 3_600.0);
    assert_eq!((&cost["share"], &cost["estimate"]), (&json!({"cpus": 1, "of": 2}), &json!(true)));
    assert!(cost["assumes"].as_str().unwrap().contains("on-demand price of") && cost["assumes"].as_str().unwrap().contains("no storage"));
    let words = String::from_utf8(say(&["job", &job])).unwrap();
    assert!(words.contains("Cost (estimate)") && words.contains("In all") && words.contains("1 of 2 CPUs"), "{words}");
}

#[test]
fn every_cluster_says_what_it_costs_and_the_header_what_all_do_yuan_apart() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let path = program.path("config.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{config}aws: {{regions: [eu-west-1, us-east-1, cn-north-1]}}\n")).unwrap();
    for (kind, price, region) in
        [("t3.medium", "0.0416", "us-east-1"), ("c5.large", "0.0850", "us-east-1"), ("c5.large", "0.5", "cn-north-1")]
    {
        control(&rig, "/price", &json!({"type": kind, "on_demand": price, "region": region}));
    }
    control(&rig, "/fault", &json!({"action": "DescribeInstances", "region": "cn-north-1", "instances": 3}));
    let mut term = program.open(&[]);
    term.keys("1z");
    let sum = HOUR + 0.0416 + 0.085;
    term.until_screen("the header's sum", LATER, |text| text.lines().next().unwrap().contains(&format!("≈ ${sum:.2} + ¥1.50/h")));
    let text = term.text();
    for (name, cost) in [("demo", "≈ $35.77/h"), ("lab", "≈ $0.127/h"), ("huge", "≈ ¥1.50/h")] {
        assert!(text.lines().any(|line| line.contains(name) && line.contains(cost)), "{name} {cost}\n{text}");
    }
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    // China has a price list of its own.
    assert_eq!(calls(&rig, "cn-northwest-1 GetProducts"), 1);
    let (all, ..) = cost(&program, &[]);
    near(&all["all"]["usd_per_hour"], sum);
    near(&all["all"]["cny_per_hour"], 1.5);
    let huge = all["clusters"].as_array().unwrap().iter().find(|c| c["cluster"] == "huge").unwrap();
    assert!(huge["usd_per_hour"].is_null(), "{huge}");
    let table = String::from_utf8(program.command(&["cost"]).output().unwrap().stdout).unwrap();
    assert!(table.contains("≈ ¥1.50/h") && table.contains("An estimate"), "{table}");
}
