//! `qdeck doctor` beside real programs that are there, stopped, or out of reach.

use std::process::Output;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;

/// State and words of every check by its name.
fn findings(out: &Output) -> Vec<(String, String, String)> {
    let all: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    all.iter().map(|f| (text(f, "check"), text(f, "state"), format!("{} {}", text(f, "what"), text(f, "hint")))).collect()
}

#[track_caller]
fn is(out: &Output, check: &str, state: &str, words: &str) {
    let all = findings(out);
    let found = all.iter().any(|(name, how, what)| name == check && how == state && what.contains(words));
    assert!(found, "{check} is not {state} with {words:?}: {all:#?}\n{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn what_is_in_order_and_what_is_not_on_the_way_to_a_host() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let doctor = || program.command(&["--json", "doctor", "rig"]).output().unwrap();
    let out = doctor();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stdout));
    for (check, words) in [
        ("ssh", "OpenSSH"),
        ("rsync", "rsync"),
        ("host key", "SHA256:"),
        ("head node", "reached"),
        ("clock of the head node", "within"),
        ("slurmctld", "UP"),
        ("scheduler", "slurm"),
        ("disk space", "%"),
    ] {
        is(&out, check, "ok", words);
    }
    // A scheduler that is installed and does not answer is not in order.
    rig.ctl(&["slurmctld-stop"]);
    let out = doctor();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "scheduler", "not_ok", "");
    is(&out, "head node", "ok", "reached");
    rig.ctl(&["slurmctld-start"]);
    // On screen it is the same, as it comes.
    let term = program.open(&["--cluster", "rig"]);
    term.until("slurm now", SOON);
    term.keys("1gH");
    term.until("its shell answers", LATER);
    term.keys("<esc>");
    term.until_gone("its shell answers", SOON);
    // Nobody listens any more.
    rig.ctl(&["sshd-stop"]);
    let out = doctor();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "head node", "not_ok", "");
    is(&out, "rsync", "ok", "rsync");
    rig.ctl(&["sshd-start"]);
}

#[cfg(feature = "aws")]
#[test]
fn aws_is_asked_who_we_are_and_what_we_may() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let out = program.command(&["--json", "doctor", "demo"]).output().unwrap();
    for (check, words) in [
        ("AWS region", "eu-west-1"),
        ("AWS credentials", "123456789012"),
        ("AWS endpoint", "reached"),
        ("clock of AWS", "within"),
        ("ec2:DescribeInstances", "allowed"),
        ("compute fleet", "RUNNING"),
        ("log group", rig.var("RIG_LOG_GROUP")),
        ("scheduler", "slurm"),
    ] {
        is(&out, check, "ok", words);
    }
    // The rig has no clustermgtd: that is said, with what to do.
    is(&out, "clustermgtd", "not_ok", "supervisorctl");
    assert_eq!(out.status.code(), Some(1));
    let mut nobody = program.command(&["--json", "doctor"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let out = nobody.output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "AWS credentials", "not_ok", "aws configure");
    is(&out, "ssh", "ok", "OpenSSH");
    rig.ctl(&["moto-stop"]);
    let out = program.command(&["--json", "doctor"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "AWS endpoint", "not_ok", "");
    is(&out, "rsync", "ok", "rsync");
}
