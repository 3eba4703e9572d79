//! What a diagnosis of the simulated cluster finds: nearly all in order.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use crate::model::{Answer, Diagnosis, Failure, Finding};

/// Longer and longer diagnoses.
pub(super) fn follow() -> BoxStream<'static, Result<Answer, Failure>> {
    let all = findings();
    let step = move |n: usize| {
        let all = all.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(if n == 1 { 20 } else { 60 })).await;
            let open = all.iter().skip(n).map(|finding| finding.check.clone()).collect();
            Ok(Answer::Doctor(Diagnosis { findings: all.into_iter().take(n).collect(), open, ..Diagnosis::default() }))
        }
    };
    let count = findings().len();
    stream::iter(1..=count).then(step).boxed()
}

fn findings() -> Vec<Finding> {
    vec![
        Finding::ok("ssh", "OpenSSH_9.6p1, OpenSSL 3.0.13 30 Jan 2024"),
        Finding::ok("rsync", "rsync version 3.2.7"),
        Finding::ok("pcluster", "3.13.0"),
        Finding::unknown("Node.js", "not installed here").hint("pcluster 3 needs it to create and to update clusters; nothing else does."),
        Finding::ok("AWS region", "eu-west-1"),
        Finding::ok("AWS credentials", "arn:aws:sts::123456789012:assumed-role/research/you in account 123456789012, for 12 min more")
            .hint("Soon you must sign in again."),
        Finding::ok("AWS endpoint", "reached"),
        Finding::ok("clock of AWS", "the same as ours within 5 s"),
        Finding::ok("cluster", "prod, CREATE_COMPLETE"),
        Finding::unknown("port 22", "open to 198.51.100.0/24; your address as AWS sees it is not known here")
            .hint("Compare it with the address that your provider or VPN gives you."),
        Finding::ok(
            "log group",
            "/aws/parallelcluster/prod-202601020304 can be read: ip-10-0-0-14.i-0abc.slurmctld, last event at 2026-11-26 10:02:11 UTC",
        ),
        Finding::ok("compute fleet", "RUNNING"),
        Finding::ok("key file", "~/.ssh/research.pem, mode 600"),
        Finding::ok("host key", "203.0.113.14 is known: SHA256:u3tVn0b0Zq4yq1 ED25519"),
        Finding::ok("head node", "reached, and its shell answers"),
        Finding::ok("clock of the head node", "the same as ours within 5 s"),
        Finding::ok("slurmctld", "Slurmctld(primary) at ip-10-0-0-14 is UP"),
        Finding::ok("clustermgtd", "runs"),
        Finding::bad("disk space", "/shared (NFS, shared) is 93 % full")
            .hint("Remove what is not needed: du -xh /shared | sort -h | tail."),
        Finding::ok("quota", "/fsx: 312.0 GB of 1.0 TB, 31 %"),
        Finding::ok("scheduler", "slurm answers"),
    ]
}
