//! What this machine has: ssh, rsync, ParallelCluster's own command and Node.js.
//!
//! Pure readers of what each says of its version.

use std::sync::Arc;
use std::time::Duration;

use super::Check;
use crate::model::Finding;
use crate::remote::host::{Host, Said};

const LIMIT: Duration = Duration::from_secs(9);

type Read = fn(&Said) -> Finding;

/// The checks of this machine.
pub(in crate::remote) fn checks(here: &Arc<dyn Host>) -> Vec<Check> {
    let programs: [(&'static str, &'static str, Read); 4] = [
        ("ssh", "ssh -V 2>&1", ssh),
        ("rsync", "rsync --version", rsync),
        ("pcluster", "pcluster version", pcluster),
        ("Node.js", "node --version", node),
    ];
    let check = |(name, script, read): (&'static str, &'static str, Read)| {
        let here = here.clone();
        Check::new(name, async move {
            match here.sh(script.to_owned(), LIMIT).await {
                Ok(said) => read(&said),
                Err(failure) => super::failed(name, &failure),
            }
        })
    };
    programs.map(check).into()
}

fn first(said: &Said) -> Option<String> {
    let text = String::from_utf8_lossy(&said.stdout);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.to_owned()).filter(|_| said.status == 0)
}

/// `OpenSSH_9.6p1 Ubuntu-3, OpenSSL 3.0.13`
fn ssh(said: &Said) -> Finding {
    let install = "Install OpenSSH's client: apt install openssh-client, or dnf install openssh-clients.";
    let Some(line) = first(said) else { return Finding::bad("ssh", "the program `ssh` was not found").hint(install) };
    let version = line.strip_prefix("OpenSSH_").map(|rest| rest.split([',', ' ']).next().unwrap_or(rest));
    let number = version.and_then(|v| v.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse::<f32>().ok());
    match number {
        // SSH_ASKPASS_REQUIRE, by which it can ask its user, came with 8.4.
        Some(number) if number < 8.4 => Finding::bad("ssh", line).hint("It is too old to ask for passphrases and codes: 8.4 or newer can."),
        Some(_) => Finding::ok("ssh", line),
        None => Finding::unknown("ssh", line).hint("It is not OpenSSH; qdeck needs its control sockets."),
    }
}

fn rsync(said: &Said) -> Finding {
    match first(said) {
        Some(line) => Finding::ok("rsync", line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")),
        None => {
            Finding::unknown("rsync", "not installed here").hint("Files are fetched over sftp then, which cannot send only what differs.")
        }
    }
}

/// `{"version": "3.13.0"}`
fn pcluster(said: &Said) -> Finding {
    let read = serde_json::from_slice::<serde_json::Value>(&said.stdout).ok();
    match read.as_ref().and_then(|value| value["version"].as_str()).filter(|_| said.status == 0) {
        Some(version) if version.starts_with("2.") => {
            Finding::bad("pcluster", version).hint("Version 2 is no longer supported: pipx install aws-parallelcluster.")
        }
        Some(version) => Finding::ok("pcluster", version),
        None => Finding::unknown("pcluster", "not installed here")
            .hint("It is needed to create and to update clusters only: pipx install aws-parallelcluster."),
    }
}

/// `v22.3.0`
fn node(said: &Said) -> Finding {
    let major = first(said).and_then(|line| line.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok());
    match (major, first(said)) {
        (Some(major), Some(line)) if major < 16 => Finding::bad("Node.js", line).hint("pcluster 3 wants a supported release: 18 or newer."),
        (Some(_), Some(line)) => Finding::ok("Node.js", line),
        _ => Finding::unknown("Node.js", "not installed here")
            .hint("pcluster 3 needs it to create and to update clusters; nothing else does."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    fn said(text: &str, status: i32) -> Said {
        Said { status, stdout: text.as_bytes().to_vec(), stderr: String::new() }
    }

    #[test]
    fn versions_are_read_and_what_is_missing_is_told_from_what_is_wrong() {
        use Health::{NotOk, Ok, Unknown};
        let states = [
            ssh(&said("OpenSSH_9.6p1 Ubuntu-3ubuntu13.5, OpenSSL 3.0.13 30 Jan 2024\n", 0)),
            ssh(&said("OpenSSH_7.4p1, OpenSSL 1.0.2k-fips\n", 0)),
            ssh(&said("sh: 1: ssh: not found\n", 127)),
            ssh(&said("Dropbear v2022.83\n", 0)),
            rsync(&said("rsync  version 3.2.7  protocol version 31\n", 0)),
            rsync(&said("", 127)),
            pcluster(&said("{\n  \"version\": \"3.13.0\"\n}\n", 0)),
            pcluster(&said("2.11.9", 0)),
            node(&said("v12.22.9\n", 0)),
            node(&said("v22.3.0\n", 0)),
        ]
        .map(|finding| finding.state);
        assert_eq!(states, [Ok, NotOk, NotOk, Unknown, Ok, Unknown, Ok, Unknown, NotOk, Ok]);
        assert_eq!(rsync(&said("rsync  version 3.2.7  protocol version 31\n", 0)).what, "rsync version 3.2.7");
    }
}
