//! The rig itself works.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::rig::{Rig, eventually};

#[test]
fn sshd_answers_and_nobody_else_can_be_reached() {
    let Some(rig) = Rig::shared() else { return };
    assert_eq!(rig.run("whoami; hostname"), "ec2-user\nip-10-0-0-14\n");
    assert_eq!(String::from_utf8_lossy(&rig.ssh("rig-alice", "whoami").stdout), "alice\n");
    assert_eq!(String::from_utf8_lossy(&rig.ssh("rig-slow", "whoami").stdout), "ec2-user\n");
    // The address that EC2 tells of leads to the head node, and every other one nowhere.
    assert_eq!(rig.run("hostname"), String::from_utf8_lossy(&rig.ssh(rig.var("RIG_HEAD_PUBLIC_IP"), "hostname").stdout));
    assert_eq!(rig.ssh("203.0.113.80", "true").status.code(), Some(255));
    assert_eq!(rig.ssh("localhost", "true").status.code(), Some(255));
}

#[test]
fn slurm_answers_and_nodes_are_where_ec2_says() {
    let Some(rig) = Rig::shared() else { return };
    assert!(rig.run("squeue").starts_with("             JOBID PARTITION"));
    let node = rig.run("scontrol -o show node compute-st-c5large-1");
    assert!(node.contains("NodeAddr=127.0.10.21 "), "{node}");
    let instances = describe_instances(rig);
    assert!(instances.contains("<privateIpAddress>127.0.10.21</privateIpAddress>"), "{instances}");
    assert!(instances.contains(rig.var("RIG_INSTANCE_compute_st_c5large_1")), "{instances}");
}

#[test]
fn ec2_lists_the_head_node() {
    let Some(rig) = Rig::shared() else { return };
    let instances = describe_instances(rig);
    assert!(instances.contains(rig.var("RIG_HEAD_INSTANCE")), "{instances}");
    assert!(instances.contains("<key>parallelcluster:cluster-name</key><value>demo</value>"), "{instances}");
}

#[test]
fn a_cloud_node_powers_up_for_a_job() {
    let Some(rig) = Rig::shared() else { return };
    let id = rig.run("sbatch --parsable -w compute-dy-c5large-2 --wrap 'sleep 300'");
    let id = id.trim();
    let state = || rig.run(&format!("squeue -h -j {id} -o %t")).trim().to_owned();
    eventually("the job to wait for its node", Duration::from_secs(20), || state() != "PD");
    eventually("the job to run", Duration::from_secs(60), || state() == "R");
    let node = rig.run("scontrol -o show node compute-dy-c5large-2");
    assert!(node.contains("NodeAddr=127.0.10.32 "), "{node}");
    assert!(describe_instances(rig).contains("<privateIpAddress>127.0.10.32</privateIpAddress>"));
    rig.run(&format!("scancel {id}"));
}

#[test]
fn two_nodes_pass_a_message() {
    let Some(rig) = Rig::shared() else { return };
    let id = rig.run("sbatch --parsable hello.sbatch");
    let out = format!("{}/hello-{}.out", rig.var("RIG_HOME"), id.trim());
    let read = || std::fs::read_to_string(&out).unwrap_or_default();
    eventually("the message to arrive", Duration::from_secs(60), || read().contains("Process 1 received"));
    assert_eq!(read(), "Master node is running...\nProcess 1 received message: Hello from process 1\n");
}

#[test]
fn faults_come_and_go() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let head = rig.var("RIG_HEAD_INSTANCE").to_owned();
    rig.ctl(&["moto-stop"]);
    rig.ctl(&["moto-start"]);
    assert!(describe_instances(&rig).contains(&head), "a server that was restarted is the one that was there");

    rig.ctl(&["sshd-stop"]);
    assert!(!rig.ssh("rig", "true").status.success());
    rig.ctl(&["sshd-start"]);
    rig.run("true");

    rig.ctl(&["slurmctld-stop"]);
    assert!(!rig.ssh("rig", "scontrol ping").status.success());
    rig.ctl(&["slurmctld-start"]);
    rig.run("squeue");

    let session = std::thread::scope(|s| {
        let session = s.spawn(|| rig.ssh("rig", "echo here > marker; sleep 60"));
        let marker = format!("{}/marker", rig.var("RIG_HOME"));
        eventually("the session to begin", Duration::from_secs(10), || std::fs::exists(&marker).unwrap());
        rig.ctl(&["ssh-kill"]);
        session.join().unwrap()
    });
    assert_eq!(session.status.code(), Some(255));
    rig.run("true");
}

fn describe_instances(rig: &Rig) -> String {
    let address = rig.var("AWS_ENDPOINT_URL").strip_prefix("http://").unwrap();
    let body = "Action=DescribeInstances&Version=2016-11-15";
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.0\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=x\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    // One line, no blanks between tags.
    answer.lines().map(str::trim).collect()
}
