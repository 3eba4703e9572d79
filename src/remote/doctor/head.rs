//! What the head node tells of itself: its clock, its scheduler, the daemons behind it, its disks.
//!
//! Each line is asked for by itself and within its own limit: what hangs hides no other line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};

use super::way::key_file;
use super::{Check, Outcome, failed, skew};
use crate::model::duration::bytes;
use crate::model::{Failure, FailureKind, Finding, Health, Link, Mount, SchedulerKind};
use crate::remote::host::{Host, Said};
use crate::remote::mounts;
use crate::remote::ssh::Destination;

/// A connection that is made first takes its time.
const LIMIT: Duration = Duration::from_secs(9);
/// What a single question is given up after; its program is killed before, after four seconds.
const EACH: Duration = Duration::from_secs(7);
/// Fuller than so many percent is not ok.
const FULL: u64 = 90;
/// Where Slurm's tools find their configuration without asking DNS; `conf` or `none` where they are installed.
const SLURM: &str = "command -v scontrol >/dev/null && command -v squeue >/dev/null || exit 0\n\
    [ -z \"$SLURM_CONF_SERVER\" ] || { echo conf; exit 0; }\n\
    for f in \"$SLURM_CONF\" /etc/slurm/slurm.conf /etc/slurm-llnl/slurm.conf /opt/slurm/etc/slurm.conf /usr/local/etc/slurm.conf /run/slurm/conf/slurm.conf; do\n\
    [ -n \"$f\" ] && [ -r \"$f\" ] && { echo conf; exit 0; }\ndone\necho none\n";
const PING: &str = "command -v scontrol >/dev/null || exit 0\ntimeout -s KILL 4 scontrol ping 2>&1\n";
/// The brackets keep the command that looks from finding itself.
const MANAGER: &str = "timeout -s KILL 4 sh -c 'ls -d /opt/parallelcluster; pgrep -f \"[c]lustermgtd\"' 2>/dev/null\n";

/// The machine that is looked at.
pub(in crate::remote) struct Head {
    /// How it is asked.
    pub(in crate::remote) host: Arc<dyn Host>,
    /// How ssh gets there; `None` is this machine.
    pub(in crate::remote) way: Option<Destination>,
    /// Whether ParallelCluster made it.
    pub(in crate::remote) is_parallel_cluster: bool,
}

/// The checks of a head node whose scheduler is found by `scheduler`; `None` there is a machine without one. Where the network leads
/// nowhere, `otherwise` is looked at.
pub(in crate::remote) fn checks(
    head: Head,
    scheduler: impl Future<Output = Result<Option<SchedulerKind>, Failure>> + Send + 'static,
    otherwise: Vec<Check>,
) -> Vec<Check> {
    let first = Check::new("head node", async move {
        let begun = Instant::now();
        match reached(&*head.host).await {
            Ok(said) => {
                // Whoever had to connect first does not know how old the date is.
                let took = i64::try_from(begun.elapsed().as_secs()).unwrap_or(0);
                let is_shared = matches!(head.host.link().next().now_or_never(), Some(Some(Link::Up { is_shared: true, .. })));
                let how = if is_shared { "reached over your own open ssh session" } else { "reached" };
                let findings = vec![
                    Finding::ok("head node", format!("{how}, and its shell answers")),
                    clock(&said, crate::remote::now().as_second(), took),
                ];
                Outcome { findings, then: within(&head, scheduler).await, ..Outcome::default() }
            }
            Err(failure) if matches!(failure.kind, FailureKind::Unreachable | FailureKind::TimedOut) => {
                Outcome { findings: vec![unreached(&failure, head.way.as_ref())], then: otherwise, ..Outcome::default() }
            }
            Err(failure) => unreached(&failure, head.way.as_ref()).into(),
        }
    });
    vec![first]
}

/// Runs a first command; a question of ssh's that nobody answers is the reason then, not the network.
async fn reached(host: &dyn Host) -> Result<Said, Failure> {
    let (mut links, mut state) = (host.link(), None);
    let mut said = host.sh("date +%s\n".to_owned(), LIMIT);
    let mut late = std::pin::pin!(tokio::time::sleep(LIMIT));
    loop {
        tokio::select! {
            said = &mut said => return said,
            Some(link) = links.next() => state = Some(link),
            () = &mut late => break,
        }
    }
    Err(match state {
        Some(Link::Asking(prompt)) => {
            let words = prompt.text.split_whitespace().collect::<Vec<_>>().join(" ");
            Failure::new(FailureKind::Busy, "", format!("ssh asks, and nobody answered: {words}"))
                .hint("Connect once by hand, or answer it in qdeck.")
        }
        _ => Failure::new(FailureKind::TimedOut, "", format!("no answer in {} s", LIMIT.as_secs()))
            .hint("Is there a network, a VPN, a proxy? Is port 22 open to us? The other lines say what could be reached."),
    })
}

/// A connection that failed, with what is known to be wrong on the way.
fn unreached(failure: &Failure, way: Option<&Destination>) -> Finding {
    let finding = failed("head node", failure);
    let is_ours = matches!(failure.kind, FailureKind::Denied | FailureKind::Unreachable);
    match way.filter(|_| is_ours).map(|way| key_file(way.key.as_deref())).filter(|key| key.state == Health::NotOk) {
        Some(key) => {
            let hint = format!("The key file is why: {}. {}", key.what, key.hint);
            finding.hint(hint)
        }
        None => finding,
    }
}

/// What is looked at on a machine that answers.
async fn within(head: &Head, scheduler: impl Future<Output = Result<Option<SchedulerKind>, Failure>> + Send + 'static) -> Vec<Check> {
    let ask = |script: &str| {
        let (host, script) = (head.host.clone(), script.to_owned());
        async move { host.sh(script, EACH).await }
    };
    let mut all = Vec::new();
    // A head node may find its controller by DNS; a laptop with Slurm's tools must not look for one there.
    let slurm = if head.way.is_none() { ask(SLURM).await.map(|said| word(&said)).unwrap_or_default() } else { String::new() };
    if slurm != "none" {
        let asked = ask(PING);
        all.push(Check::new("slurmctld", async move {
            asked.await.map_or_else(|failure| vec![failed("slurmctld", &failure)], |said| ping(&said))
        }));
    }
    if head.is_parallel_cluster {
        let asked = ask(MANAGER);
        all.push(Check::new("clustermgtd", async move {
            asked.await.map_or_else(|failure| failed("clustermgtd", &failure), |said| clustermgtd(&said))
        }));
    }
    let asked = ask(mounts::SCRIPT);
    all.push(Check::new("disk space", async move {
        match asked.await {
            Ok(said) => storage(&said),
            Err(failure) => vec![failed("disk space", &failure)],
        }
    }));
    if slurm == "none" {
        all.push(Check::new("scheduler", std::future::ready(no_configuration())));
    } else {
        all.push(Check::new("scheduler", async move { found(scheduler.await) }));
    }
    all
}

fn no_configuration() -> Finding {
    Finding::unknown(
        "scheduler",
        "Slurm's tools are installed here without a slurm.conf; they were not run, since they would look for a controller by DNS",
    )
    .hint("SLURM_CONF names the file, where there is one. Without it jobs can be run on a cluster, and not from here.")
}

fn found(kind: Result<Option<SchedulerKind>, Failure>) -> Finding {
    match kind {
        Ok(Some(kind)) => Finding::ok("scheduler", format!("{} answers", kind.word())),
        Ok(None) => Finding::ok("scheduler", "the embedded runner of this machine"),
        Err(failure) => failed("scheduler", &failure),
    }
}

fn word(said: &Said) -> String {
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// Whether a program was killed because it did not answer.
fn is_late(said: &Said) -> bool {
    matches!(said.status, 124 | 137)
}

fn clock(said: &Said, now: i64, took: i64) -> Finding {
    match word(said).parse::<i64>() {
        Ok(there) if (there - now).abs() <= took => skew("the head node", 0),
        Ok(there) => skew("the head node", there - now),
        Err(_) => Finding::unknown("clock of the head node", "it does not tell the time"),
    }
}

/// `Slurmctld(primary) at ip-10-0-0-14 is UP`, a line for each controller; nothing where there is no Slurm.
fn ping(said: &Said) -> Vec<Finding> {
    let look = "On the head node: sudo systemctl status slurmctld, and /var/log/slurmctld.log.";
    if is_late(said) {
        return vec![Finding::bad("slurmctld", "does not answer scontrol ping within 4 s").hint(look)];
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // Old versions say all in one line: `Slurmctld(primary/backup) at a/b are UP/DOWN`.
    let state = |line: &str| line.split([' ', '/']).rev().take_while(|word| matches!(*word, "UP" | "DOWN")).map(|word| word == "UP").min();
    let told: Vec<(&str, bool)> =
        lines.iter().filter(|line| line.contains("lurmctld")).filter_map(|line| Some((*line, state(line)?))).collect();
    let some_up = told.iter().any(|(line, up)| *up || line.contains("UP"));
    if told.is_empty() {
        return lines.first().map(|first| Finding::unknown("slurmctld", first).hint(look)).into_iter().collect();
    }
    let finding = |(line, up): &(&str, bool)| match (up, some_up) {
        (true, _) => Finding::ok("slurmctld", line),
        (false, true) => Finding::bad("slurmctld", line).hint(format!("Another controller works; this one would not take over. {look}")),
        (false, false) => Finding::bad("slurmctld", line).hint(look),
    };
    told.iter().map(finding).collect()
}

/// The folder of ParallelCluster, and the numbers of the processes.
fn clustermgtd(said: &Said) -> Finding {
    if is_late(said) {
        return Finding::unknown("clustermgtd", "the list of processes did not come within 4 s");
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let is_there = text.lines().any(|line| line == "/opt/parallelcluster");
    let runs = text.lines().any(|line| line.trim().parse::<u32>().is_ok());
    match (runs, is_there) {
        (true, _) => Finding::ok("clustermgtd", "runs"),
        (false, true) => Finding::bad("clustermgtd", "does not run: nodes are neither started nor mended")
            .hint("On the head node: sudo /opt/parallelcluster/pyenv/versions/*/envs/cookbook_virtualenv/bin/supervisorctl status, then start clustermgtd."),
        (false, false) => Finding::unknown("clustermgtd", "the head node has no /opt/parallelcluster"),
    }
}

/// Space and quota.
fn storage(said: &Said) -> Vec<Finding> {
    match mounts::read(said) {
        Ok(all) => disks(&all).into_iter().chain(quotas(&all, mounts::asks_quotas(said))).collect(),
        Err(failure) => vec![failed("disk space", &failure)],
    }
}

/// A line for each file system that is too full or does not answer, or one for all.
fn disks(all: &[Mount]) -> Vec<Finding> {
    let shared = |mount: &Mount| if mount.is_shared { ", shared" } else { "" };
    let mut wrong: Vec<Finding> = Vec::new();
    for mount in all {
        let (path, kind) = (&mount.path, &mount.kind);
        match mount.percent() {
            Some(percent) if percent > FULL => {
                let finding = Finding::bad("disk space", format!("{path} ({kind}{}) is {percent} % full", shared(mount)));
                wrong.push(finding.hint(format!("Remove what is not needed: du -xh {path} | sort -h | tail.")));
            }
            None if mount.used.is_none() => {
                let finding = Finding::bad("disk space", format!("{path} ({kind} of {}) does not answer", mount.source));
                wrong.push(finding.hint("Its file server is gone or out of reach; programs that touch it wait."));
            }
            Some(_) | None => {}
        }
    }
    if !wrong.is_empty() {
        return wrong;
    }
    let count = all.iter().filter(|mount| mount.is_shared).count();
    vec![match all.iter().filter_map(|mount| Some((mount.percent()?, &mount.path))).max() {
        Some((percent, path)) => {
            let systems = if all.len() == 1 { "file system" } else { "file systems" };
            Finding::ok("disk space", format!("{} {systems}, {count} shared; the fullest is {path} with {percent} %", all.len()))
        }
        None => Finding::unknown("disk space", "df tells of no disk"),
    }]
}

/// A line for each quota that is nearly used up, or one for all.
fn quotas(all: &[Mount], asked: bool) -> Vec<Finding> {
    let used = |mount: &Mount| mount.quota.map(|quota| (quota.used.saturating_mul(100) / quota.limit.max(1), quota));
    let words = |mount: &Mount| {
        used(mount).map_or_else(String::new, |(percent, q)| format!("{}: {} of {}, {percent} %", mount.path, bytes(q.used), bytes(q.limit)))
    };
    let short: Vec<Finding> = all
        .iter()
        .filter(|mount| used(mount).is_some_and(|(percent, _)| percent > FULL))
        .map(|mount| {
            Finding::bad("quota", words(mount)).hint("At its limit jobs cannot write there any more: remove files, or ask for more.")
        })
        .collect();
    if !short.is_empty() {
        return short;
    }
    let most = all.iter().filter(|mount| mount.quota.is_some()).max_by_key(|mount| used(mount).map(|(percent, _)| percent));
    vec![match (most, asked) {
        (Some(mount), _) => Finding::ok("quota", words(mount)),
        (None, true) => Finding::ok("quota", "you have none"),
        (None, false) => Finding::ok("quota", "none can be set: neither quota nor lfs is installed there"),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health::{NotOk, Ok, Unknown};
    use crate::model::Quota;

    fn said(text: &str, status: i32) -> Said {
        Said { status, stdout: text.as_bytes().to_vec(), stderr: String::new() }
    }

    fn states(findings: &[Finding]) -> Vec<Health> {
        findings.iter().map(|finding| finding.state).collect()
    }

    #[test]
    fn every_controller_has_its_line() {
        let both = "Slurmctld(primary) at ip-10-0-0-14 is UP\nSlurmctld(backup) at ip-10-0-0-15 is DOWN\n";
        assert_eq!(states(&ping(&said(both, 0))), [Ok, NotOk]);
        let other = both.replace("UP", "?").replace("DOWN", "UP").replace('?', "DOWN");
        let told = ping(&said(&other, 0));
        assert_eq!(states(&told), [NotOk, Ok]);
        assert!(told[0].what.contains("primary") && told[0].hint.contains("Another controller works"), "{told:?}");
        assert_eq!(states(&ping(&said("Slurmctld(primary/backup) at a/b are UP/DOWN\n", 0))), [NotOk]);
        assert_eq!(states(&ping(&said("Slurmctld(primary) at a is DOWN\n*****************\n", 1))), [NotOk]);
        assert_eq!(states(&ping(&said("", 137))), [NotOk]);
        assert_eq!(states(&ping(&said("slurm_load_ctl_conf error: Zero Bytes were transmitted\n", 1))), [Unknown]);
        assert_eq!(states(&ping(&said("", 0))), [], "no Slurm");
    }

    #[test]
    fn clock_and_manager_are_read() {
        assert_eq!([clock(&said("1700000000\n", 0), 1_700_000_002, 2), clock(&said("x", 0), 0, 0)].map(|f| f.state), [Ok, Unknown]);
        assert_eq!(clock(&said("1700000000\n", 0), 1_700_000_999, 0).state, NotOk);
        let manager = ["/opt/parallelcluster\n2211\n", "/opt/parallelcluster\n", ""].map(|text| clustermgtd(&said(text, 0)).state);
        assert_eq!(manager, [Ok, NotOk, Unknown]);
    }

    #[test]
    fn what_is_full_or_dead_or_used_up_is_named() {
        let mount = |path: &str, percent: u64, quota| Mount {
            path: path.into(),
            kind: "NFS".into(),
            source: format!("h:{path}"),
            size: Some(100),
            used: Some(percent),
            quota,
            is_shared: true,
            ..Mount::default()
        };
        let fine = [mount("/home", 60, None), mount("/fsx", 90, Some(Quota { used: 50, limit: 100 }))];
        assert_eq!((states(&disks(&fine)), states(&quotas(&fine, true))), (vec![Ok], vec![Ok]));
        assert_eq!(disks(&fine)[0].what, "2 file systems, 2 shared; the fullest is /fsx with 90 %");
        assert_eq!(quotas(&fine, true)[0].what, "/fsx: 50 B of 100 B, 50 %");
        assert_eq!((quotas(&fine[..1], true)[0].what.as_str(), quotas(&fine[..1], false)[0].state), ("you have none", Ok));
        let dead = Mount { size: None, used: None, ..mount("/dead", 0, None) };
        let wrong = [mount("/full", 95, None), dead, mount("/home", 1, Some(Quota { used: 96, limit: 100 }))];
        let told: Vec<String> = disks(&wrong).into_iter().chain(quotas(&wrong, true)).map(|f| f.what).collect();
        assert_eq!(told, ["/full (NFS, shared) is 95 % full", "/dead (NFS of h:/dead) does not answer", "/home: 96 B of 100 B, 96 %"]);
        assert_eq!((states(&disks(&[])), storage(&said("", 1))[0].state), (vec![Unknown], Unknown));
    }

    #[test]
    fn a_key_file_that_is_wrong_is_the_reason() {
        let denied = Failure::new(FailureKind::Denied, "x", "ec2-user@h: Permission denied (publickey).").hint("tried user ec2-user");
        let way = |key: &str| Destination { key: Some(key.into()), ..Destination::default() };
        let told = unreached(&denied, Some(&way("/nowhere/k.pem")));
        assert!(told.state == NotOk && told.hint.starts_with("The key file is why: /nowhere/k.pem: No such file"), "{told:?}");
        assert_eq!(unreached(&denied, None).hint, "tried user ec2-user");
        let changed = Failure::new(FailureKind::HostKey, "x", "the host key has changed").hint("ssh-keygen -R h");
        assert_eq!(unreached(&changed, Some(&way("/nowhere/k.pem"))).hint, "ssh-keygen -R h");
    }
}
