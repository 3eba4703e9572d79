//! A first cluster: its configuration asked for, written, and looked at by the real `pcluster`.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;

const THERE: &[&str] = &["--region", "eu-central-1"];

/// With `pcluster` on the PATH, and a home folder of its own to write into.
fn init(rig: &Rig, program: &Program<'_>, args: &[&str]) -> Command {
    let mut command = program.command(&[THERE, &["init"], args].concat());
    let path = format!("{}/bin:{}", rig.var("RIG_PCLUSTER"), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("HOME", program.dir.path());
    command
}

/// What it printed as JSON, what it said on standard error, and its exit code.
fn json(mut command: Command) -> (Value, String, Option<i32>) {
    let out = command.arg("--json").output().unwrap();
    let value = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
    (value, String::from_utf8_lossy(&out.stderr).into_owned(), out.status.code())
}

#[test]
fn a_first_cluster_is_written_and_pcluster_would_create_it() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let file = program.path("lab.yaml");
    let given = [
        "--name",
        "lab",
        "--key",
        "lab-key",
        "--vpc",
        &vpc(rig, &program),
        "--max",
        "4",
        "--spot",
        "--storage",
        "ebs:50",
        "--output",
        &file,
    ];
    let (told, said, code) = json(init(rig, &program, &given));
    assert_eq!((code, told["dry_run"]["ok"].as_bool()), (Some(0), Some(true)), "{told:#} {said}");
    assert!(told["dry_run"]["said"].as_str().unwrap().contains("DryRun"), "{told:#}");
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert_eq!(told["yaml"].as_str(), Some(yaml.as_str()));
    for wanted in ["Region: eu-central-1", "KeyName: lab-key", "ElasticIp: true", "CapacityType: SPOT", "MaxCount: 4", "Size: 50"] {
        assert!(yaml.contains(wanted), "{wanted} is not in\n{yaml}");
    }
    // What is there is never written over.
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    let (_, said, code) = json(init(rig, &program, &given));
    assert!(code == Some(1) && said.contains("already"), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
}

/// The network that was made for this: the one that is not the account's default.
fn vpc(rig: &Rig, program: &Program<'_>) -> String {
    let mut aws = Command::new(format!("{}/bin/aws", rig.var("RIG_PCLUSTER")));
    aws.args([
        "ec2",
        "describe-vpcs",
        "--region",
        "eu-central-1",
        "--filters",
        "Name=tag:Name,Values=lab",
        "--query",
        "Vpcs[0].VpcId",
        "--output",
        "text",
    ]);
    let out = aws.env_clear().envs(rig.env()).env("HOME", program.dir.path()).env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_pcluster_refuses_and_what_cannot_be_is_said() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let vpc = vpc(rig, &program);
    let given =
        |more: &[&str]| init(rig, &program, &[&["--key", "lab-key", "--vpc", &vpc, "--output", &program.path("x.yaml")], more].concat());
    for (more, wanted) in [
        (&["--head", "x9.nothing"][..], "x9.nothing is not offered in eu-central-1"),
        (&["--queue-type", "c7g.4xlarge"], "one image must run on both"),
        (&["--key", "nobody"], "new:nobody makes it"),
        (&["--min", "5", "--max", "2"], "at least 5"),
        (&["--storage", "tape"], "is none of none, ebs"),
        (&["--subnet", "subnet-0"], "is none of them"),
        (&["--name", "no way"], "begins with a letter"),
    ] {
        let (_, said, code) = json(given(more));
        assert!(code == Some(1) && said.contains(wanted), "{more:?}: {said}");
    }
    assert!(!std::path::Path::new(&program.path("x.yaml")).exists());
    // A terminal is needed to ask; without pcluster it is written and said not to be checked.
    let out = given(&[]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("--yes"), "{out:?}");
    let mut alone = given(&["--yes"]);
    let out = alone.env("PATH", "/usr/bin:/bin").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("not checked") && said.contains("aws-parallelcluster"), "{said}");
    assert!(std::path::Path::new(&program.path("x.yaml")).exists());
}

#[test]
fn a_key_pair_is_made_kept_and_written_down_or_imported() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let vpc = vpc(rig, &program);
    let name = format!("made-{}", std::process::id());
    let given = |key: &str, file: &str, more: &[&str]| {
        let mut command = init(rig, &program, &[&["--key", key, "--vpc", &vpc, "--output", &program.path(file)], more].concat());
        // What pcluster says of it is another test's.
        command.env("PATH", "/usr/bin:/bin");
        command
    };
    let (_, said, code) = json(given(&format!("new:{name}"), "a.yaml", &["--read-only"]));
    assert!(code == Some(1) && said.contains(&format!("qdeck does not create the key pair {name}")), "{said}");
    let (told, said, code) = json(given(&format!("new:{name}"), "a.yaml", &[]));
    assert_eq!(code, Some(0), "{said}");
    let private = program.dir.path().join(format!(".ssh/{name}.pem"));
    assert_eq!(told["private_key"].as_str(), Some(private.display().to_string().as_str()));
    assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o400);
    assert!(std::fs::read_to_string(&private).unwrap().contains("PRIVATE KEY"));
    // The same name again is refused and touches nothing.
    let (_, said, code) = json(given(&format!("new:{name}"), "b.yaml", &[]));
    assert!(code == Some(1) && said.contains("already"), "{said}");
    let public = program.path("mine.pub");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &program.path("mine")]).status().unwrap();
    assert!(made.success());
    let imported = program.path(&format!("{name}-in.pub"));
    std::fs::copy(&public, &imported).unwrap();
    let (told, said, code) = json(given(&format!("import:{imported}"), "c.yaml", &[]));
    assert_eq!((code, told["key"].as_str()), (Some(0), Some(format!("{name}-in").as_str())), "{said}");
    let (_, said, code) = json(given(&format!("import:{}", program.path("mine")), "d.yaml", &[]));
    assert!(code == Some(1) && said.contains("it is a private key"), "{said}");
    let deeds: Value = serde_json::from_slice(&program.command(&["audit", "--json"]).output().unwrap().stdout).unwrap();
    let words: Vec<&str> = deeds.as_array().unwrap().iter().filter_map(|deed| deed["command"].as_str()).collect();
    assert!(words.contains(&format!("create the key pair {name}").as_str()), "{words:?}");
    assert!(words.contains(&format!("import the key pair {name}-in").as_str()), "{words:?}");
}

#[test]
fn on_a_terminal_it_asks_goes_back_and_leaves_nothing_behind() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let file = program.path("asked.yaml");
    let home = program.dir.path().display().to_string();
    let more = [("HOME", home.as_str()), ("PATH", "/usr/bin:/bin")];
    let mut term = program.open_with(&[THERE, &["init", "--vpc", &vpc(rig, &program)]].concat(), &more);
    term.until("1/13  AWS region", LATER);
    term.write(b"\r");
    term.until("2/13  Name of the cluster", SOON);
    term.write(b"1 wrong\r");
    term.until("begins with a letter", SOON);
    term.write(b"lab\r");
    term.until("3/13  Key pair", SOON);
    term.write(b"lab-key\r");
    // The network is given: the way back leads past it.
    term.until("5/13  Subnet of the head node", SOON);
    term.until("public, public, eu-central-1a", SOON);
    term.until("private, private, out by NAT", SOON);
    term.until("isolated, isolated: no way out", SOON);
    term.write(b"<\r");
    term.until_screen("the key pair again", SOON, |text| text.matches("3/13  Key pair").count() == 2);
    term.write(b"\r\r\r");
    term.until("7/13  Instance type of the head node", SOON);
    term.until("2 vCPU, 4 GiB", SOON);
    term.write(b"\x03");
    assert_eq!(term.wait_exit(SOON), 130);
    // And to the end.
    let mut term = program.open_with(&[THERE, &["init", "--vpc", &vpc(rig, &program), "--output", &file]].concat(), &more);
    term.until("1/13  AWS region", LATER);
    for (title, answer) in [("1/13", ""), ("2/13", "lab"), ("3/13", "lab-key"), ("5/13", ""), ("6/13", ""), ("7/13", ""), ("8/13", "")] {
        term.until(title, SOON);
        term.write(format!("{answer}\r").as_bytes());
    }
    for (title, answer) in [("9/13", ""), ("10/13", "3"), ("11/13", "2"), ("12/13", "none")] {
        term.until(title, SOON);
        term.write(format!("{answer}\r").as_bytes());
    }
    term.until("Write this to", SOON);
    assert!(!std::path::Path::new(&file).exists());
    term.write(b"y\r");
    term.until("not checked", SOON);
    assert_eq!(term.wait_exit(SOON), 0);
    let yaml = std::fs::read_to_string(&file).unwrap();
    assert!(yaml.contains("MaxCount: 3") && yaml.contains("CapacityType: SPOT") && !yaml.contains("SharedStorage"), "{yaml}");
}
