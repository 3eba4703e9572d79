//! A cluster's file systems, and S3 as its head node reaches it: the real `aws` program against an S3 server.

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;

const AWS: &str = "/opt/aws/bin/aws";

#[test]
fn file_systems_are_listed_with_how_full_they_are() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let mounts: Value = serde_json::from_str(&program.say(&["mounts", "--json"])).unwrap();
    let root = mounts.as_array().unwrap().iter().find(|mount| mount["path"] == "/").unwrap_or_else(|| panic!("{mounts:#}"));
    let df = rig.run("df -kP / | tail -n 1");
    let size: u64 = df.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(root["size"].as_u64(), Some(size * 1024));
    assert!(root["used"].as_u64().unwrap() > 0 && root["percent"].as_u64().unwrap() <= 100, "{root}");
    assert!(program.say(&["mounts"]).lines().next().unwrap().starts_with("PATH"));
    let term = program.open(&["--cluster", "rig"]);
    term.until("compute-st", LATER);
    term.keys("1");
    term.keys("<enter>");
    term.until("Cluster rig", SOON);
    term.until(" of ", SOON);
    term.until("disk: ", SOON);
}

#[test]
fn data_is_staged_in_and_out_whatever_it_is_called() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let bucket = format!("stage-{}", std::process::id());
    rig.run(&format!("{AWS} s3 mb s3://{bucket}"));
    let hostile = "a '$(touch owned)' \u{202e}b";
    rig.run(&format!(
        "mkdir -p src/deep && echo one >src/one && head -c 3000000 /dev/zero >src/deep/zero && echo x >\"src/{}\" && {AWS} s3 cp --quiet --recursive src s3://{bucket}/runs/1/",
        hostile.replace('$', "\\$")
    ));
    // A prefix, a single object, and back again.
    let told: Value =
        serde_json::from_str(&program.say(&["stage", "in", &format!("s3://{bucket}/runs/1/"), "in here/1", "--json"])).unwrap();
    assert_eq!(told["files"], 3, "{told}");
    assert_eq!(rig.run("diff -r src 'in here/1' && echo same").trim(), "same");
    program.say(&["stage", "in", &format!("s3://{bucket}/runs/1/{hostile}"), "~/single"]);
    assert_eq!(rig.run("cat single; ls owned 2>/dev/null; exit 0").trim(), "x");
    let said = program.say(&["stage", "out", "in here/1", &format!("s3://{bucket}/out/")]);
    assert!(said.starts_with("3 files"), "{said}");
    assert_eq!(rig.run(&format!("{AWS} s3 cp s3://{bucket}/out/one -")).trim(), "one");
    // What is not there, and what is no place.
    let said = program.fail(&["stage", "in", &format!("s3://{bucket}/nothing/"), "x"]);
    assert!(said.contains("nothing lies there"), "{said}");
    let said = program.fail(&["stage", "in", "s3://no-such-bucket-at-all/x/", "x"]);
    assert!(said.contains("NoSuchBucket"), "{said}");
    let said = program.fail(&["stage", "out", "no-such-file", &format!("s3://{bucket}/x")]);
    assert!(said.contains("no such file or folder"), "{said}");
    let said = program.fail(&["stage", "out", "src", "/tmp/x"]);
    assert!(said.contains("no place in S3"), "{said}");
    let said = program.fail(&["--read-only", "stage", "out", "src", &format!("s3://{bucket}/y/")]);
    assert!(said.contains("read-only: qdeck does not copy src to s3://"), "{said}");
    assert_eq!(rig.run("ls -A ~/.local/state/qdeck/stage | wc -l").trim(), "0", "nothing is left behind");
    let deeds: Value = serde_json::from_str(&program.say(&["audit", "--json"])).unwrap();
    let words: Vec<&str> = deeds.as_array().unwrap().iter().filter_map(|deed| deed["command"].as_str()).collect();
    assert!(words.contains(&format!("copy in here/1 to s3://{bucket}/out/").as_str()), "{words:?}");
}

#[test]
fn buckets_are_one_more_place_in_the_picker() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let bucket = format!("picked-{}", std::process::id());
    rig.run(&format!("{AWS} s3 mb s3://{bucket} && echo 'hello from s3' | {AWS} s3 cp - s3://{bucket}/data/hello.txt"));
    let term = program.open(&["--cluster", "rig"]);
    term.until("compute-st", LATER);
    term.keys("n");
    term.until("this machine", SOON);
    term.keys("<tab>");
    term.until("head node of rig", SOON);
    term.until("/home/ec2-user", SOON);
    term.keys("<tab>");
    term.until("S3 · as the head node of rig sees it", SOON);
    term.until(&bucket, LATER);
    term.keys(&format!("/{bucket}<enter>"));
    term.keys("<enter>");
    // Its path without the sign that it is still read.
    term.until(&format!("s3://{bucket}  "), LATER);
    term.keys("<enter>");
    term.until("hello.txt", LATER);
    term.until("hello from s3", LATER);
    term.keys("s");
    term.until("Copy from S3", SOON);
    term.until("/home/ec2-user/hello.txt", SOON);
    term.keys("<enter>");
    term.until("Copied 1 file", LATER);
    assert_eq!(rig.run("cat hello.txt").trim(), "hello from s3");
}

#[test]
fn a_head_node_without_the_aws_program_says_so() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let said = program.fail(&["stage", "in", "s3://bucket/x", "y"]);
    assert!(said.contains("no `aws` program") && said.contains("awscli"), "{said}");
}
