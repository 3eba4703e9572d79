//! What the head node tells of itself: its clock, its scheduler, the daemons behind it, its disks.
//!
//! One script, each part of it with a limit of its own; pure readers of what it prints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};

use super::{Check, Outcome, failed, skew};
use crate::model::{Failure, FailureKind, Finding, Link, SchedulerKind};
use crate::remote::host::Host;

const LIMIT: Duration = Duration::from_secs(9);
/// Fuller than so many percent is not ok.
const FULL: u32 = 90;
const SCRIPT: &str = "t() { if command -v timeout >/dev/null; then timeout 4 \"$@\"; else \"$@\"; fi; }\n\
    echo '== date'; date +%s\n\
    echo '== ping'; command -v scontrol >/dev/null && t scontrol ping 2>&1\n\
    echo '== clustermgtd'; ls -d /opt/parallelcluster 2>/dev/null; pgrep -f 'clustermgtd' 2>/dev/null\n\
    echo '== disk'; t df -PT 2>/dev/null\n\
    echo '== quota'; command -v quota >/dev/null && t quota -q 2>/dev/null\n\
    echo '== end'\n";

/// The checks of a head node whose scheduler is found by `scheduler`; `None` there is a machine without one. Where the network leads
/// nowhere, `otherwise` is looked at.
pub(in crate::remote) fn checks(
    host: Arc<dyn Host>,
    scheduler: impl Future<Output = Result<Option<SchedulerKind>, Failure>> + Send + 'static,
    is_parallel_cluster: bool,
    otherwise: Vec<Check>,
) -> Vec<Check> {
    let head = Check::new("head node", async move {
        let begun = Instant::now();
        // ssh's own patience is longer than a check's.
        let said = tokio::time::timeout(LIMIT, host.sh(SCRIPT.to_owned(), LIMIT)).await;
        match said.unwrap_or_else(|_| Err(late())) {
            Ok(said) => {
                // Whoever had to connect first does not know how old the date is.
                let took = i64::try_from(begun.elapsed().as_secs()).unwrap_or(0);
                let now = crate::remote::now().as_second();
                let text = String::from_utf8_lossy(&said.stdout).into_owned();
                let is_shared = matches!(host.link().next().now_or_never(), Some(Some(Link::Up { is_shared: true, .. })));
                let findings = read(&text, (now, took), is_parallel_cluster, is_shared);
                let ask = Check::new("scheduler", async move { found(scheduler.await) });
                Outcome { findings, then: vec![ask], ..Outcome::default() }
            }
            Err(failure) if matches!(failure.kind, FailureKind::Unreachable | FailureKind::TimedOut) => {
                Outcome { findings: vec![failed("head node", &failure)], then: otherwise, ..Outcome::default() }
            }
            Err(failure) => failed("head node", &failure).into(),
        }
    });
    vec![head]
}

fn late() -> Failure {
    Failure::new(FailureKind::TimedOut, "the head node", format!("no answer in {} s", LIMIT.as_secs()))
        .hint("Is there a network, a VPN, a proxy? Is port 22 open to us? The other lines say what could be reached.")
}

fn found(kind: Result<Option<SchedulerKind>, Failure>) -> Finding {
    match kind {
        Ok(Some(kind)) => Finding::ok("scheduler", format!("{} answers", kind.word())),
        Ok(None) => Finding::ok("scheduler", "the embedded runner of this machine"),
        Err(failure) => failed("scheduler", &failure),
    }
}

fn read(text: &str, (now, took): (i64, i64), is_parallel_cluster: bool, is_shared: bool) -> Vec<Finding> {
    let section = |name: &str| -> Vec<&str> {
        let lines = text.lines().skip_while(|line| line.strip_prefix("== ") != Some(name)).skip(1);
        lines.take_while(|line| !line.starts_with("== ")).filter(|line| !line.trim().is_empty()).collect()
    };
    let how = if is_shared { "reached over your own open ssh session, and its shell answers" } else { "reached, and its shell answers" };
    let mut all = vec![Finding::ok("head node", how)];
    match section("date").first().and_then(|line| line.trim().parse::<i64>().ok()) {
        Some(there) if (there - now).abs() <= took => all.push(skew("the head node", 0)),
        Some(there) => all.push(skew("the head node", there - now)),
        None => all.push(Finding::unknown("clock of the head node", "it does not tell the time")),
    }
    all.extend(ping(&section("ping")));
    if is_parallel_cluster {
        all.push(clustermgtd(&section("clustermgtd")));
    }
    all.extend(disks(&section("disk")));
    let over = section("quota");
    if !over.is_empty() {
        let finding = Finding::bad("quota", over.join(" ").split_whitespace().collect::<Vec<_>>().join(" "));
        all.push(finding.hint("Jobs cannot write there any more: remove files, or ask for more."));
    }
    all
}

/// `Slurmctld(primary) at ip-10-0-0-14 is UP`; nothing where there is no Slurm.
fn ping(lines: &[&str]) -> Option<Finding> {
    let look = "On the head node: sudo systemctl status slurmctld, and /var/log/slurmctld.log.";
    let first = lines.first()?;
    if let Some(up) = lines.iter().find(|line| line.trim_end().ends_with("is UP")) {
        return Some(Finding::ok("slurmctld", up.trim()));
    }
    if lines.iter().any(|line| line.contains("DOWN")) {
        return Some(Finding::bad("slurmctld", first.trim()).hint(look));
    }
    Some(Finding::unknown("slurmctld", first.trim()).hint(look))
}

/// The folder of ParallelCluster, and the numbers of the processes.
fn clustermgtd(lines: &[&str]) -> Finding {
    let is_there = lines.contains(&"/opt/parallelcluster");
    let runs = lines.iter().any(|line| line.trim().parse::<u32>().is_ok());
    match (runs, is_there) {
        (true, _) => Finding::ok("clustermgtd", "runs"),
        (false, true) => Finding::bad("clustermgtd", "does not run: nodes are neither started nor mended")
            .hint("On the head node: sudo /opt/parallelcluster/pyenv/versions/*/envs/cookbook_virtualenv/bin/supervisorctl status, then start clustermgtd."),
        (false, false) => Finding::unknown("clustermgtd", "the head node has no /opt/parallelcluster"),
    }
}

/// `Filesystem Type 1024-blocks Used Available Capacity Mounted on`: one line for each that is too full, or one for all.
fn disks(lines: &[&str]) -> Vec<Finding> {
    let mut seen: Vec<(String, String, u32)> = Vec::new();
    let mut full = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [source, kind, _, _, _, used, mount @ ..] = fields.as_slice() else { continue };
        let is_storage = source.starts_with("/dev/") || kind.starts_with("nfs") || matches!(*kind, "lustre" | "wekafs" | "beegfs" | "zfs");
        let Some(used) = used.strip_suffix('%').and_then(|used| used.parse::<u32>().ok()).filter(|_| is_storage) else { continue };
        let mount = mount.join(" ");
        // The same device mounted at several places fills once.
        if seen.iter().any(|(known, ..)| known == *source) {
            continue;
        }
        if used > FULL {
            let finding = Finding::bad("disk space", format!("{mount} ({kind}) is {used} % full"));
            full.push(finding.hint(format!("Remove what is not needed: du -xh {mount} | sort -h | tail.")));
        }
        seen.push(((*source).to_owned(), mount, used));
    }
    if !full.is_empty() {
        return full;
    }
    match seen.iter().max_by_key(|(_, _, used)| *used) {
        Some((_, mount, used)) => {
            vec![Finding::ok("disk space", format!("{} file systems; the fullest is {mount} with {used} %", seen.len()))]
        }
        None => {
            vec![Finding::unknown("disk space", "df tells of no disk within 4 s").hint("A file server that does not answer makes df wait.")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health::{NotOk, Ok, Unknown};

    const TOLD: &str = "== date\n1700000000\n== ping\nSlurmctld(primary) at ip-10-0-0-14 is UP\n== clustermgtd\n/opt/parallelcluster\n2211\n== disk\n\
        Filesystem Type 1024-blocks Used Available Capacity Mounted on\n/dev/root ext4 100 60 40 60% /\ntmpfs tmpfs 4 4 0 100% /run\n\
        10.0.0.4@tcp:/abc lustre 100 95 5 95% /fsx\nfs-1:/ nfs4 9 0 9 0% /shared data\n== quota\n== end\n";

    #[test]
    fn a_head_node_is_read_line_by_line() {
        let all = read(TOLD, (1_700_000_002, 0), true, false);
        let states: Vec<_> = all.iter().map(|f| (f.check.as_str(), f.state)).collect();
        assert_eq!(
            states,
            [("head node", Ok), ("clock of the head node", Ok), ("slurmctld", Ok), ("clustermgtd", Ok), ("disk space", NotOk)]
        );
        assert_eq!(all[4].what, "/fsx (lustre) is 95 % full");
        let down =
            TOLD.replace("is UP", "is DOWN").replace("2211\n", "").replace("95%", "90%").replace("== quota\n", "== quota\nover /home\n");
        let all = read(&down, (1_700_000_999, 0), true, false);
        assert_eq!(all.iter().map(|f| f.state).collect::<Vec<_>>(), [Ok, NotOk, NotOk, NotOk, Ok, NotOk]);
        assert_eq!(all[4].what, "3 file systems; the fullest is /fsx with 90 %");
        let none = read("== date\n== ping\n== clustermgtd\n== disk\n== end\n", (0, 0), true, true);
        assert_eq!(none.iter().map(|f| f.state).collect::<Vec<_>>(), [Ok, Unknown, Unknown, Unknown]);
    }
}
