//! The wizard's way to a network that is not there yet, back from a refusal, and past what may not be listed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::Term;

const REGION: &str = "eu-central-1";

/// A rig of its own without Slurm, whose stacks take a moment to be made.
fn rig() -> Option<Rig> {
    let rig = Rig::start(&["--no-slurm"], &[("MOTO_PC_CREATE_SECS", "6")])?;
    for (kind, on_demand, spot) in [
        ("t3.medium", "0.0480000000", json!({})),
        ("c6i.xlarge", "0.1940000000", json!({"eu-central-1a": "0.0701", "eu-central-1b": "0.0802"})),
        ("nat-gateway", "0.0520000000", json!({})),
    ] {
        rig.ctl(&["aws", "/price", &json!({"region": REGION, "type": kind, "on_demand": on_demand, "spot": spot}).to_string()]);
    }
    Some(rig)
}

/// The program's environment: `pcluster` on the PATH, and a home folder of its own.
fn environment(rig: &Rig, program: &Program<'_>) -> Vec<(String, String)> {
    let path = format!("{}/bin:{}", rig.var("RIG_PCLUSTER"), std::env::var("PATH").unwrap());
    vec![("PATH".into(), path), ("HOME".into(), program.dir.path().display().to_string())]
}

fn open(rig: &Rig, program: &Program<'_>, args: &[&str]) -> Term {
    let env = environment(rig, program);
    let more: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    program.open_with(&[&["--region", REGION, "init"], args].concat(), &more)
}

fn aws(rig: &Rig, program: &Program<'_>, args: &[&str]) -> Value {
    let mut aws = Command::new(format!("{}/bin/aws", rig.var("RIG_PCLUSTER")));
    aws.args(args).args(["--region", REGION, "--output", "json"]).env_clear().envs(rig.env()).env("HOME", program.dir.path());
    let out = aws.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap_or(Value::Null)
}

/// Answers questions one after the other, each by the beginning of its title line.
fn answer(term: &Term, answers: &[(&str, &str)]) {
    for (title, text) in answers {
        term.until(title, LATER);
        term.write(format!("{text}\r").as_bytes());
    }
}

fn said(program: &Program<'_>, rig: &Rig, args: &[&str]) -> (String, String, Option<i32>) {
    let mut command = program.command(&[&["--region", REGION, "init"], args].concat());
    let out = command.envs(environment(rig, program)).output().unwrap();
    (String::from_utf8_lossy(&out.stdout).into_owned(), String::from_utf8_lossy(&out.stderr).into_owned(), out.status.code())
}

#[test]
fn a_network_is_made_by_the_template_and_pcluster_takes_its_subnets() {
    let Some(rig) = rig() else { return };
    let program = Program::new(&rig);
    let file = program.path("lab.yaml");
    let mut term = open(&rig, &program, &["--name", "lab", "--key", "lab-key", "--output", &file]);
    term.until("1/13  AWS region", LATER);
    term.write(b"\r");
    term.until("4/13  Network (VPC)", SOON);
    term.until("behind a NAT gateway (≈ $0.052/h)", SOON);
    term.until("billed by the hour, used or not", SOON);
    term.write(b"new\r");
    // No subnets to choose from, but a zone that has both types.
    term.until("5/12  Instance type of the head node", SOON);
    term.until("t3.medium    2 vCPU, 4 GiB, $0.048/h", SOON);
    term.until("price unknown", SOON);
    term.write(b"\r");
    term.until("6/12  Instance type of the queue's nodes", SOON);
    term.until("4 vCPU, 8 GiB, $0.194/h, spot $0.080/h", SOON);
    answer(
        &term,
        &[("6/12", ""), ("7/12  Availability zone of the new subnets", "eu-central-1b"), ("8/12", "1"), ("9/12", "4"), ("10/12", "")],
    );
    answer(&term, &[("11/12", "none")]);
    term.until("≈ $0.294/h with 1 node, ≈ $0.876/h with 4 nodes", SOON);
    term.until("The NAT gateway is in it", SOON);
    term.until("It first will create the network parallelclusternetworking-pubpriv-lab.", SOON);
    term.write(b"y\r");
    term.until("CREATE_IN_PROGRESS   NatGatewayPublic (EC2::NatGateway)", LATER);
    assert!(!Path::new(&file).exists());
    term.until("CREATE_COMPLETE      NatGatewayPublic", LATER);
    term.until("pcluster would create it", LATER);
    term.until("when nothing needs it: aws cloudformation delete-stack --stack-name parallelclusternetworking-pubpriv-lab", SOON);
    assert_eq!(term.wait_exit(SOON), 0);
    let stacks = aws(&rig, &program, &["cloudformation", "describe-stacks", "--stack-name", "parallelclusternetworking-pubpriv-lab"]);
    let output = |key: &str| {
        let outputs = stacks["Stacks"][0]["Outputs"].as_array().unwrap();
        outputs.iter().find(|o| o["OutputKey"] == key).unwrap()["OutputValue"].as_str().unwrap().to_owned()
    };
    let yaml = std::fs::read_to_string(&file).unwrap();
    let (public, private) = (output("PublicSubnetId"), output("PrivateSubnetId"));
    assert!(yaml.contains(&format!("SubnetId: {public}\n")) && yaml.contains(&format!("- {private}\n")), "{yaml}");
    assert!(!yaml.contains("ElasticIp"), "the template's subnet gives public addresses: {yaml}");
    let subnets = aws(&rig, &program, &["ec2", "describe-subnets", "--subnet-ids", &public, &private]);
    for subnet in subnets["Subnets"].as_array().unwrap() {
        assert_eq!((&subnet["VpcId"], &subnet["AvailabilityZone"]), (&json!(output("VpcId")), &json!("eu-central-1b")));
    }
    // The same again finds it and makes no second one; for programs it is told with what it costs.
    let other = program.path("again.yaml");
    let (told, wrong, code) =
        said(&program, &rig, &["--json", "--name", "lab", "--key", "lab-key", "--vpc", "new", "--spot", "--output", &other]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told} {wrong}"));
    assert_eq!((code, &told["new_network"], &told["dry_run"]["ok"]), (Some(0), &json!(output("VpcId")), &json!(true)), "{told:#} {wrong}");
    let cost = &told["cost_per_hour"];
    assert_eq!(
        (&cost["min_nodes"], &cost["max_nodes"], &cost["unpriced"]),
        (&json!(0.1), &json!(0.902), &json!(0)),
        "in the zone where it is: {cost:#}"
    );
    assert_eq!(aws(&rig, &program, &["ec2", "describe-nat-gateways"])["NatGateways"].as_array().unwrap().len(), 2, "the seed's and ours");
    // And subnets in a VPC that is there, beside those that it has.
    let there = aws(&rig, &program, &["ec2", "describe-subnets", "--subnet-ids", rig.var("RIG_SUBNET_PUBLIC")]);
    let vpc = there["Subnets"][0]["VpcId"].as_str().unwrap().to_owned();
    let within =
        ["--json", "--name", "within", "--key", "lab-key", "--vpc", &vpc, "--subnet", "new", "--output", &program.path("within.yaml")];
    let (told, wrong, code) = said(&program, &rig, &within);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told} {wrong}"));
    assert_eq!((code, &told["new_network"], &told["dry_run"]["ok"]), (Some(0), &json!(vpc), &json!(true)), "{told:#} {wrong}");
    let all = aws(&rig, &program, &["ec2", "describe-subnets", "--filters", &format!("Name=vpc-id,Values={vpc}")]);
    let all: Vec<&Value> = all["Subnets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| told["yaml"].as_str().unwrap().contains(s["SubnetId"].as_str().unwrap()))
        .collect();
    let mut ranges: Vec<&str> = all.iter().map(|subnet| subnet["CidrBlock"].as_str().unwrap()).collect();
    ranges.sort_unstable();
    assert_eq!(ranges, ["10.20.48.0/24", "10.20.64.0/20"]);
    // It was a change: refused where nothing may be changed, and written down where it was.
    let (_, wrong, code) = said(
        &program,
        &rig,
        &["--read-only", "--json", "--name", "dark", "--key", "lab-key", "--vpc", "new", "--output", &program.path("d.yaml")],
    );
    assert!(
        code == Some(1) && wrong.contains("read-only: qdeck does not create the network parallelclusternetworking-pubpriv-dark"),
        "{wrong}"
    );
    assert!(!Path::new(&program.path("d.yaml")).exists());
    let deeds: Value = serde_json::from_slice(&program.command(&["audit", "--json"]).output().unwrap().stdout).unwrap();
    let deed = deeds.as_array().unwrap().iter().rfind(|d| d["command"] == "create the network parallelclusternetworking-pubpriv-lab");
    assert_eq!(deed.unwrap()["result"], output("VpcId"), "{deeds:#}");
}

#[test]
fn a_network_that_fails_says_why_and_one_that_is_left_goes_on() {
    let Some(rig) = rig() else { return };
    let program = Program::new(&rig);
    let file = program.path("poor.yaml");
    let given = ["--name", "poor", "--key", "lab-key", "--vpc", "new", "--zone", "eu-central-1a", "--output", &file];
    let more = ["--head", "t3.medium", "--queue-type", "c6i.xlarge", "--min", "0", "--max", "2", "--storage", "none"];
    let term = open(&rig, &program, &[&given[..], &more].concat());
    answer(&term, &[("1/13", ""), ("Capacity", "spot")]);
    term.until("Write this to", SOON);
    term.write(b"perhaps\r");
    term.until("perhaps is none of them", SOON);
    term.write(b"y\r");
    term.until("CREATE_IN_PROGRESS   NatEIPPublic", LATER);
    let stack = "parallelclusternetworking-pubpriv-poor";
    let event = json!({"region": REGION, "name": stack, "logical": "NatEIPPublic", "type": "AWS::EC2::EIP", "status": "CREATE_FAILED",
        "reason": "The maximum number of addresses has been reached."});
    rig.ctl(&["aws", "/event", &event.to_string()]);
    rig.ctl(&["aws", "/stack", &json!({"region": REGION, "name": stack, "status": "ROLLBACK_IN_PROGRESS"}).to_string()]);
    // The reason, what is left, and the question again, with all else still answered.
    term.until("the network was not made: ROLLBACK_IN_PROGRESS: NatEIPPublic: The maximum number of addresses has been reached.", LATER);
    term.until(&format!("delete-stack --stack-name {stack}"), SOON);
    term.until("Network (VPC)", SOON);
    assert!(!Path::new(&file).exists());
    term.write(b"new\r");
    term.until_screen("the capacity that was answered", SOON, |text| text.lines().any(|line| line.starts_with("[spot] >")));
    term.write(b"\r");
    term.until_screen("the question once more", SOON, |text| text.trim_end().ends_with("[y, n, <] >"));
    term.write(b"y\r");
    term.until(&format!("there is a stack {stack} already, and it is ROLLBACK_IN_PROGRESS"), SOON);
    drop(term);
    // Left half-way, it goes on there and that is said.
    let second = ["--name", "left", "--key", "lab-key", "--vpc", "new-public", "--zone", "eu-central-1a", "--output", &file];
    let mut term = open(&rig, &program, &[&second[..], &more].concat());
    answer(&term, &[("1/13", ""), ("Capacity", "")]);
    answer(&term, &[("Write this to", "y")]);
    term.until("CREATE_IN_PROGRESS   Public (EC2::Subnet)", LATER);
    term.write(b"\x03");
    assert_eq!(term.wait_exit(SOON), 130);
    term.until("goes on by itself", SOON);
    assert!(!Path::new(&file).exists());
    let status = || {
        let stacks = aws(&rig, &program, &["cloudformation", "describe-stacks", "--stack-name", "parallelclusternetworking-pub-left"]);
        stacks["Stacks"][0]["StackStatus"].as_str().unwrap().to_owned()
    };
    eventually("the stack to be made without qdeck", SOON, || status() == "CREATE_COMPLETE");
}

#[test]
fn a_refusal_stands_beside_its_line_and_leads_back_to_its_step() {
    let Some(rig) = rig() else { return };
    let program = Program::new(&rig);
    aws(&rig, &program, &["ec2", "create-key-pair", "--key-name", "short-lived"]);
    let file = program.path("mend.yaml");
    let mut term = open(&rig, &program, &["--name", "mend", "--output", &file]);
    term.until("1/13", LATER);
    term.write(b"\r");
    term.until("3/13  Key pair", SOON);
    term.write(b"short-lived\r");
    term.until("short-lived.pem is not on this machine", SOON);
    // What is no text, or a key that means nothing, is told and asked again.
    term.until("4/13", SOON);
    term.write(b"\xff\xfe\r");
    term.until_screen("the network again", SOON, |text| text.matches("4/13").count() == 2 && text.contains("is none of them"));
    term.write(b"\x1b[A\r");
    term.until("control characters", SOON);
    answer(&term, &[("4/13", ""), ("5/13", ""), ("6/13", ""), ("7/13", ""), ("8/13", ""), ("9/13", "1"), ("10/13", "3")]);
    answer(&term, &[("11/13", "spot"), ("12/13", "none")]);
    term.until("Write this to", SOON);
    // Somebody takes the key pair away meanwhile.
    aws(&rig, &program, &["ec2", "delete-key-pair", "--key-name", "short-lived"]);
    term.write(b"y\r");
    term.until("pcluster would not create it", LATER);
    let lines: Vec<String> = term.text().lines().map(str::trim).map(str::to_owned).collect();
    let below = lines.iter().position(|line| line.ends_with("KeyName: short-lived")).unwrap() + 1;
    assert!(lines[below].starts_with("^ error:") && lines[below].contains("short-lived"), "{lines:#?}");
    term.until("m goes back to \"Key pair\"", SOON);
    assert!(std::fs::read_to_string(&file).unwrap().contains("KeyName: short-lived"), "nothing that was typed is lost");
    term.write(b"m\r");
    term.until("3/13  Key pair", SOON);
    term.write(b"lab-key\r");
    // All else is proposed as it was.
    answer(&term, &[("4/13", ""), ("5/13", ""), ("6/13", ""), ("7/13", ""), ("8/13", "")]);
    term.until_screen("the nodes that were answered", SOON, |text| text.lines().any(|line| line.starts_with("[1] >")));
    term.write(b"\r");
    term.until_screen("the nodes that were answered", SOON, |text| text.lines().any(|line| line.starts_with("[3] >")));
    term.write(b"\r");
    term.until_screen("the capacity that was answered", SOON, |text| text.lines().any(|line| line.starts_with("[spot] >")));
    term.write(b"\r");
    term.until_screen("the storage that was answered", SOON, |text| text.lines().any(|line| line.starts_with("[none] >")));
    term.write(b"\r");
    term.until_screen("the question once more", SOON, |text| text.trim_end().ends_with("[y, n, <] >"));
    term.write(b"y\r");
    term.until("pcluster would create it", LATER);
    assert_eq!(term.wait_exit(SOON), 0);
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert!(yaml.contains("KeyName: lab-key") && yaml.contains("MaxCount: 3") && yaml.contains("CapacityType: SPOT"), "{yaml}");
    // Its end leaves nothing behind.
    let mut term = open(&rig, &program, &["--name", "gone", "--output", &program.path("gone.yaml")]);
    answer(&term, &[("1/13", ""), ("3/13", "new:gone-key"), ("4/13", "new")]);
    term.until("5/12", SOON);
    term.write(b"\x04");
    assert_eq!(term.wait_exit(SOON), 1);
    term.until("no more answers", SOON);
    assert!(!Path::new(&program.path("gone.yaml")).exists() && !program.dir.path().join(".ssh/gone-key.pem").exists());
}

#[test]
fn what_may_not_be_listed_is_typed_and_wrong_files_are_told() {
    let Some(rig) = rig() else { return };
    let program = Program::new(&rig);
    let fault = |action: &str| {
        let fault = json!({"action": action, "region": REGION, "code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized."});
        rig.ctl(&["aws", "/fault", &fault.to_string()]);
    };
    let (public, private) = (rig.var("RIG_SUBNET_PUBLIC"), rig.var("RIG_SUBNET_PRIVATE"));
    let vpc = aws(&rig, &program, &["ec2", "describe-subnets", "--subnet-ids", public])["Subnets"][0]["VpcId"].as_str().unwrap().to_owned();
    for action in ["DescribeKeyPairs", "DescribeVpcs", "DescribeRouteTables", "DescribeInstanceTypes"] {
        fault(action);
    }
    let file = program.path("typed.yaml");
    let mut term = open(&rig, &program, &["--name", "typed", "--output", &file]);
    answer(&term, &[("1/13", "")]);
    term.until("The key pairs could not be listed (UnauthorizedOperation: You are not authorized.): type the name of yours.", SOON);
    answer(&term, &[("3/13", "lab-key")]);
    term.until("The routes could not be listed", SOON);
    answer(&term, &[("4/13", &vpc)]);
    term.until("not known where it leads", SOON);
    answer(&term, &[("5/13", public), ("6/13", private), ("7/13", "t3.medium"), ("8/13", "c6i.xlarge"), ("9/13", ""), ("10/13", "2")]);
    answer(&term, &[("11/13", ""), ("12/13", "none")]);
    term.until("Write this to", SOON);
    rig.ctl(&["aws", "/fault", &json!({"clear": true}).to_string()]);
    term.write(b"y\r");
    term.until("pcluster would create it", LATER);
    assert_eq!(term.wait_exit(SOON), 0);
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert!(yaml.contains(&format!("SubnetId: {public}")) && yaml.contains(&format!("- {private}")), "{yaml}");
    // Subnets that cannot be listed either are typed too.
    fault("DescribeSubnets");
    let typed = program.path("more.yaml");
    let given = ["--yes", "--key", "lab-key", "--vpc", &vpc, "--subnet", public, "--queue-subnet", private, "--output", &typed];
    said(&program, &rig, &given);
    assert!(std::fs::read_to_string(&typed).unwrap().contains(private));
    // Nothing may be listed at all: that is no way to make a cluster.
    fault("DescribeKeyPairs");
    fault("DescribeVpcs");
    let (_, wrong, code) = said(&program, &rig, &["--yes", "--output", &program.path("none.yaml")]);
    assert!(code == Some(1) && wrong.contains("UnauthorizedOperation"), "{wrong}");
    rig.ctl(&["aws", "/fault", &json!({"clear": true}).to_string()]);
    // Files: a key that EC2 does not take, one that is not there, and a private half that is here already.
    let ecdsa = program.path("old");
    assert!(Command::new("ssh-keygen").args(["-q", "-t", "ecdsa", "-N", "", "-f", &ecdsa]).status().unwrap().success());
    std::fs::create_dir_all(program.dir.path().join(".ssh")).unwrap();
    std::fs::write(program.dir.path().join(".ssh/mine.pem"), "mine").unwrap();
    let output = program.path("keys.yaml");
    for (key, words) in [
        (format!("import:{ecdsa}.pub"), "EC2 takes RSA and ED25519 keys only"),
        (format!("import:{ecdsa}"), "it is a private key"),
        (format!("import:{}", program.path("nothing.pub")), "No such file"),
        ("new:mine".to_owned(), "mine.pem already"),
    ] {
        let (_, wrong, code) = said(&program, &rig, &["--json", "--key", &key, "--output", &output]);
        assert!(code == Some(1) && wrong.contains(words), "{key}: {wrong}");
    }
    assert_eq!(std::fs::read_to_string(program.dir.path().join(".ssh/mine.pem")).unwrap(), "mine");
    let (_, wrong, code) = said(&program, &rig, &["--json", "--key", "lab-key", "--output", &program.path("no/such/x.yaml")]);
    assert!(code == Some(1) && wrong.contains("there is no folder"), "{wrong}");
    // Without credentials there is a plain answer.
    let mut nobody = program.command(&["--region", REGION, "init", "--yes"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("HOME", program.dir.path());
    let out = nobody.output().unwrap();
    let wrong = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && wrong.contains("aws configure"), "{wrong}");
}
