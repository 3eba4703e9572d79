//! The application on a bad day of AWS: what was known stays, dimmed, with its age, the trouble and its next step beside it; the others stay
//! fresh, keys work, nobody is asked more than before, and afterwards it is as if nothing had been.

use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::Term;

/// Both regions of the rig that have clusters, side by side.
const REGIONS: &str = "aws: {regions: [eu-west-1, us-east-1]}\n";

fn control(rig: &Rig, path: &str, body: &Value) -> Value {
    serde_json::from_str(&rig.ctl(&["aws", path, &body.to_string()])).unwrap()
}

fn fault(rig: &Rig, body: &Value) -> Value {
    control(rig, "/fault", body)["calls"].clone()
}

fn add_config(program: &Program<'_>, text: &str) {
    let path = program.path("config.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{config}{text}")).unwrap();
}

fn count(calls: &Value, region: &str, what: &str) -> u64 {
    calls[format!("{region} {what}")].as_u64().unwrap_or(0)
}

/// The colour of a text on the screen.
fn ink(term: &Term, text: &str) -> String {
    let rows = term.text();
    let (row, line) = rows.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap_or_else(|| panic!("no {text} on\n{rows}"));
    let column = line[..line.find(text).unwrap()].chars().count();
    term.screen(|screen| {
        let cell = screen.cell(u16::try_from(row).unwrap(), u16::try_from(column).unwrap()).unwrap();
        format!("{:?} {}", cell.fgcolor(), cell.dim())
    })
}

#[test]
fn every_trouble_of_one_region_stands_beside_what_was_known_of_it_and_goes_with_its_cause() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    add_config(&program, REGIONS);
    let term = program.open(&[]);
    term.until("PROTECTED", LATER);
    term.keys("1z");
    term.until("RUNNING", SOON);
    term.keys("G");
    // The row under the cursor has colours of its own.
    term.keys("G");
    let fresh = ink(&term, "lab ");
    for (code, status, words, hint) in [
        ("RequestLimitExceeded", 503, "RequestLimitExceeded: played by the rig", "asks less often"),
        ("ExpiredToken", 400, "ExpiredToken: played by the rig", "The credentials have run out. `aws sso login`"),
        ("UnauthorizedOperation", 403, "UnauthorizedOperation: played by the rig", "assets/iam-policy-read-only.json"),
        ("", 200, "the answer is cut off", "it is asked again"),
    ] {
        for action in ["DescribeStacks", "DescribeInstances"] {
            let mut played = json!({"action": action, "region": "us-east-1", "code": code, "status": status});
            if code.is_empty() {
                played = json!({"action": action, "region": "us-east-1", "cut": 300});
            }
            fault(&rig, &played);
        }
        term.until(words, SOON);
        term.until(hint, SOON);
        // What was known is there still, without a colour that would call it true; the other region is as before.
        let text = term.text();
        for known in ["lab", "PROTECTED", "broken", "CREATE_FAILED", "old", "v2.11.9", "demo", "RUNNING"] {
            assert!(text.contains(known), "{code}: {known} is gone\n{text}");
        }
        eventually("the row to be dimmed", SOON, || ink(&term, "lab ") != fresh);
        assert_ne!(ink(&term, "PROTECTED"), ink(&term, "RUNNING"), "{text}");
        let before = count(&fault(&rig, &json!({})), "eu-west-1", "DescribeStacks");
        term.until("What is shown is", SOON);
        eventually("the other region to be asked", SOON, || count(&fault(&rig, &json!({})), "eu-west-1", "DescribeStacks") >= before + 2);
        // Keys work: help opens and closes.
        term.keys("?");
        term.until("Show all keys", SOON);
        term.keys("<esc>");
        term.until_gone("Show all keys", SOON);
        fault(&rig, &json!({"clear": true}));
        // Who waits longer and longer is asked at once by r.
        term.keys("r");
        term.until_gone(words, SOON);
        eventually("the row to be fresh", SOON, || ink(&term, "lab ") == fresh);
        assert!(!term.text().contains("What is shown is"));
    }
    term.keys("q");
}

#[test]
fn who_is_limited_asks_less_and_less_and_finds_the_way_back_alone() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    add_config(&program, REGIONS);
    let term = program.open(&[]);
    term.until("PROTECTED", LATER);
    for action in ["DescribeStacks", "DescribeInstances"] {
        fault(&rig, &json!({"action": action, "region": "us-east-1", "code": "RequestLimitExceeded", "status": 503}));
    }
    term.until("RequestLimitExceeded", SOON);
    let counted = |seconds: u64| {
        let before = fault(&rig, &json!({}));
        std::thread::sleep(Duration::from_secs(seconds));
        let after = fault(&rig, &json!({}));
        let of = |region: &str, what: &str| count(&after, region, what) - count(&before, region, what);
        (of("us-east-1", "DescribeStacks"), of("us-east-1", "DescribeInstances"), of("eu-west-1", "DescribeStacks"))
    };
    // Undisturbed it would be every 2 s; disturbed it is after 4, 8, 16 s, and one attempt each.
    let (stacks, instances, others) = counted(14);
    assert!(stacks <= 3 && instances <= 3 && others >= 5, "{stacks} {instances} {others}");
    let (stacks, instances, others) = counted(10);
    assert!(stacks <= 1 && instances <= 1 && others >= 3, "{stacks} {instances} {others}");
    fault(&rig, &json!({"clear": true}));
    // At most after 32 s it is asked again, whether anybody pressed a key or not.
    term.until_gone("RequestLimitExceeded", Duration::from_secs(45));
    let (stacks, ..) = counted(10);
    assert!((3..=6).contains(&stacks), "the old rhythm: {stacks}");
    // Nobody looks: nobody is asked.
    term.write(b"\x1b[O");
    term.until("resting: no focus", SOON);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(counted(7), (0, 0, 0));
    term.write(b"\x1b[I");
    term.until_gone("resting: no focus", SOON);
    term.keys("q");
}

#[test]
fn half_a_trouble_that_passes_takes_nothing_off_the_list_and_is_no_second_question() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let term = program.open(&["--region", "us-east-1"]);
    term.until("PROTECTED", LATER);
    term.keys("1z");
    // Only the stacks are limited: without them "lab" would be a head node that runs, and "broken" and "old" would not be there.
    fault(&rig, &json!({"action": "DescribeStacks", "code": "Throttling", "status": 400}));
    term.until("Throttling: played by the rig", SOON);
    let text = term.text();
    assert!(["PROTECTED", "broken", "v2.11.9"].iter().all(|word| text.contains(word)), "{text}");
    fault(&rig, &json!({"clear": true}));
    term.keys("r");
    term.until_gone("Throttling", SOON);
    // The table of the fleets never answers: the list comes all the same, with what was known of them.
    fault(&rig, &json!({"action": "GetItem", "hang": 600}));
    // "broken" is the first, "lab" the second: what one should know of it stands below the list.
    term.keys("gj");
    term.until("fleet status unknown: dynamodb:GetItem: no answer in time", Duration::from_secs(30));
    let text = term.text();
    assert!(text.lines().any(|line| line.contains("lab us-east-1") && line.contains("PROTECTED")), "{text}");
    term.keys("q");
}

#[test]
fn ec2_that_never_answers_holds_up_no_node_and_what_was_known_of_machines_stays() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let term = program.open(&["--cluster", "demo"]);
    let id = rig.var("RIG_INSTANCE_compute_st_c5large_1").to_owned();
    term.until("compute-st-c5large-1", LATER);
    fault(&rig, &json!({"action": "DescribeInstances", "region": "eu-west-1", "hang": 600}));
    std::thread::sleep(Duration::from_secs(20));
    // Nodes are asked every two seconds: they are as fresh as ever.
    term.until_screen("fresh nodes", SOON, |text| text.lines().next().unwrap().contains("nodes now"));
    let job = rig.run("sbatch --parsable -J during -w compute-st-c5large-1 -c 2 --wrap 'sleep 600'").trim().to_owned();
    eventually("the job to run", LATER, || rig.run(&format!("squeue -h -j {job} -o %t")).trim() == "R");
    term.keys("2z");
    term.until_screen("the node that works", SOON, |text| text.lines().any(|l| l.contains("compute-st-c5large-1") && l.contains("alloc")));
    term.keys("/compute-st-c5large-1<enter><enter>");
    term.until(&id, SOON);
    term.keys("<esc>q");
}

#[test]
fn without_credentials_the_answer_is_plain_and_what_needs_no_aws_works() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let term = program.open_with(&[], &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
    term.keys("1z");
    term.until("no credentials were found", LATER);
    term.until("aws configure", SOON);
    term.until("Everything that needs no AWS works without.", SOON);
    // The host of the configuration is there, and its queue.
    term.keys("g");
    term.until("rig", SOON);
    let list = term.text();
    let at = list.lines().position(|line| line.split_whitespace().any(|word| word == "rig")).unwrap();
    term.keys(&format!("{}<enter>", "j".repeat(at.saturating_sub(2))));
    term.keys("z3");
    rig.run("sbatch --parsable -H -J without-aws --wrap true");
    term.until("without-aws", LATER);
    term.keys("q");
}

#[test]
fn calls_a_minute_stay_within_the_budget_that_the_readme_states() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    // The rhythm that everybody has who sets nothing, and a spot machine, which asks for more.
    let path = program.path("config.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, config.lines().filter(|line| !line.starts_with("refresh")).map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    control(&rig, "/spot", &json!({"id": rig.var("RIG_INSTANCE_compute_st_c5large_1")}));
    let term = program.open(&["--cluster", "demo"]);
    term.until("compute-st-c5large-1", LATER);
    term.until("≈ $", SOON);
    let first = fault(&rig, &json!({"clear": true}));
    // What a start costs: each of these once or twice, and a price for each type.
    assert!(count(&first, "eu-west-1", "DescribeStacks") <= 2 && count(&first, "us-east-1", "GetProducts") <= 3, "{first}");
    std::thread::sleep(Duration::from_secs(60));
    let calls = fault(&rig, &json!({}));
    for (what, most) in BUDGET {
        let made = count(&calls, "eu-west-1", what);
        // Checks come with every third answer about nodes, which may lie outside.
        let least = u64::from(what != "DescribeInstanceStatus");
        assert!((least..=most).contains(&made), "{what}: {made} are not within {most}: {calls}");
    }
    // The list, three times that of nodes, and nothing else, wherever.
    let all: u64 = calls.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let most: u64 = BUDGET.iter().map(|(_, most)| most).sum();
    assert!(all <= most, "{all} are more than {most}: {calls}");
    drop(term);
}

/// Calls a minute of one profile and region with one cluster that is looked at and has spot machines.
const BUDGET: [(&str, u64); 5] = [
    ("DescribeStacks", 2),
    // Twice for the list, and for the nodes every 25 s.
    ("DescribeInstances", 5),
    ("GetItem", 2),
    ("DescribeInstanceStatus", 1),
    ("DescribeSpotInstanceRequests", 3),
];
