//! Where the network leads nowhere: which other ways to a head node would lead there, found out by trying the first step of each.
//!
//! Writes nothing and goes none of them: what is found is an offer.

use std::sync::Arc;
use std::time::Duration;

use super::{Check, Outcome, failed};
use crate::model::text::quoted;
use crate::model::{ClusterId, Detour, Finding, Way};
use crate::remote::host::{Host, Said};
use crate::remote::ssh::Destination;

const LIMIT: Duration = Duration::from_secs(9);

/// What is known of a head node that cannot be reached.
pub(in crate::remote) struct Stranded {
    /// Its cluster.
    pub(in crate::remote) cluster: ClusterId,
    /// How one would log in to a login node; `None` where there is none, or it is what was tried.
    pub(in crate::remote) login: Option<Destination>,
    /// The instance; `None` where Session Manager is what was tried.
    pub(in crate::remote) instance: Option<String>,
    /// Its region.
    pub(in crate::remote) region: Option<String>,
    /// The profile that it was found with.
    pub(in crate::remote) profile: Option<String>,
    /// The configuration file that a way could be written into.
    pub(in crate::remote) file: Option<String>,
}

/// A check for each way that was not tried.
pub(in crate::remote) fn checks(here: &Arc<dyn Host>, stranded: Stranded) -> Vec<Check> {
    let Stranded { cluster, login, instance, region, profile, file } = stranded;
    let offer = move |way| file.clone().map(|file| Detour { cluster: cluster.clone(), way, file });
    let mut all = Vec::new();
    if let Some(login) = login {
        let (here, offer, address) = (here.clone(), offer.clone(), login.ssh.clone());
        all.push(Check::new("login nodes", async move {
            match here.sh(knock(&login), LIMIT).await {
                Ok(said) => judged(login_nodes(&said, &address), Way::LoginNodes, offer),
                Err(failure) => failed("login nodes", &failure).into(),
            }
        }));
    }
    if let Some(instance) = instance {
        let here = here.clone();
        all.push(Check::new("Session Manager", async move {
            match here.sh(inquiry(&instance, region.as_deref(), profile.as_deref()), LIMIT).await {
                Ok(said) => judged(session_manager(&said), Way::SessionManager, offer),
                Err(failure) => failed("Session Manager", &failure).into(),
            }
        }));
    }
    all
}

/// A finding, and whether the way is worth offering.
fn judged((finding, is_way): (Finding, bool), way: Way, offer: impl Fn(Way) -> Option<Detour>) -> Outcome {
    Outcome { findings: vec![finding], detours: if is_way { offer(way) } else { None }.into_iter().collect(), ..Outcome::default() }
}

/// Whether an ssh server answers: asks nobody anything, and takes no key on trust.
fn knock(login: &Destination) -> String {
    let words = login.words().iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    format!("LC_ALL=C ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=6 {words} exit 0 </dev/null")
}

fn login_nodes(said: &Said, address: &str) -> (Finding, bool) {
    let told = said.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    // Whoever refuses us is there; with a person at the keyboard it may ask for more.
    let answers = said.status == 0 || ["Permission denied", "ost key", "HOST IDENTIFICATION"].iter().any(|text| said.stderr.contains(text));
    if answers {
        let finding = Finding::ok("login nodes", format!("{address} answers: `jump: login` goes through it"));
        return (finding.hint("The head node is then reached by its private address, as the same user with the same key."), true);
    }
    let finding = Finding::unknown("login nodes", format!("{address} does not answer either: {told}"));
    (finding.hint("Their security group decides who may come: LoginNodes: {Pools: [{Ssh: {AllowedIps: …}}]}."), false)
}

/// What this machine needs for Session Manager, and whether it knows the instance.
fn inquiry(instance: &str, region: Option<&str>, profile: Option<&str>) -> String {
    let option = |name: &str, value: Option<&str>| value.map_or_else(String::new, |value| format!(" --{name} {}", quoted(value)));
    let filter = quoted(&format!("Key=InstanceIds,Values={instance}"));
    format!(
        "command -v aws >/dev/null || {{ echo no aws; exit 0; }}\n\
         command -v session-manager-plugin >/dev/null || echo no plugin\n\
         aws ssm describe-instance-information --filters {filter} --query 'InstanceInformationList[0].PingStatus' --output text{}{}\n",
        option("region", region),
        option("profile", profile)
    )
}

fn session_manager(said: &Said) -> (Finding, bool) {
    const NAME: &str = "Session Manager";
    let text = String::from_utf8_lossy(&said.stdout);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    if lines.contains(&"no aws") {
        let finding = Finding::unknown(NAME, "it needs AWS's command line, which is not installed here");
        return (finding.hint("Install `aws` and its session-manager-plugin, then look again."), false);
    }
    let has_plugin = !lines.contains(&"no plugin");
    let install = "Install session-manager-plugin (AWS's documentation has it under Session Manager), then look again.";
    let error = said.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    match lines.last().copied().unwrap_or_default() {
        "Online" if has_plugin => (Finding::ok(NAME, "the head node's agent answers: `via: ssm` goes through it"), true),
        "Online" => {
            (Finding::unknown(NAME, "the head node's agent answers, but session-manager-plugin is not installed here").hint(install), false)
        }
        state @ ("ConnectionLost" | "Inactive") => {
            let finding = Finding::unknown(NAME, format!("the head node's agent is gone: {state}"));
            (finding.hint("Does its subnet still have a way to AWS's endpoints, by NAT or by VPC endpoints?"), false)
        }
        "None" => {
            let finding = Finding::unknown(NAME, "the head node's agent has never reported");
            let role =
                "Its role needs AmazonSSMManagedInstanceCore (HeadNode: {Iam: {AdditionalIamPolicies: …}}), its subnet a way to AWS.";
            (finding.hint(role), false)
        }
        // Who may start a session need not be allowed to list machines.
        _ if error.contains("(AccessDenied") && has_plugin => {
            let finding = Finding::unknown(NAME, format!("whether the head node's agent answers may not be asked: {error}"));
            (finding.hint("`via: ssm` may go through all the same: starting a session is allowed apart from this."), true)
        }
        _ => (Finding::unknown(NAME, format!("AWS does not tell: {error}")).hint(if has_plugin { "" } else { install }), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health::{Ok, Unknown};

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.as_bytes().to_vec(), stderr: stderr.into() }
    }

    #[test]
    fn a_login_node_that_refuses_us_is_there_all_the_same() {
        let of = |status, stderr: &str| {
            let (finding, is_way) = login_nodes(&said(status, "", stderr), "203.0.113.9");
            (finding.state, is_way)
        };
        assert_eq!(of(0, ""), (Ok, true));
        assert_eq!(of(255, "ec2-user@203.0.113.9: Permission denied (publickey)."), (Ok, true));
        assert_eq!(of(255, "No ED25519 host key is known for 203.0.113.9\nHost key verification failed."), (Ok, true));
        assert_eq!(of(255, "ssh: connect to host 203.0.113.9 port 22: Connection timed out"), (Unknown, false));
    }

    #[test]
    fn session_manager_is_offered_where_it_would_go() {
        let of = |stdout: &str, stderr: &str| {
            let (finding, is_way) = session_manager(&said(0, stdout, stderr));
            (finding.state, is_way, format!("{} {}", finding.what, finding.hint))
        };
        let is = |found: (crate::model::Health, bool, String), is_way: bool, words: &str| {
            assert!(found.1 == is_way && found.2.contains(words) && (found.0 == Ok) == (is_way && !words.contains("apart")), "{found:?}");
        };
        is(of("Online\n", ""), true, "agent answers");
        is(of("no plugin\nOnline\n", ""), false, "session-manager-plugin");
        is(of("no aws\n", ""), false, "command line");
        is(of("None\n", ""), false, "AdditionalIamPolicies");
        is(of("ConnectionLost\n", ""), false, "NAT");
        let denied =
            "\nAn error occurred (AccessDeniedException) when calling the DescribeInstanceInformation operation: User: x is not authorized";
        is(of("", denied), true, "apart from this");
        is(
            of("", "\nAn error occurred (ExpiredTokenException) when calling the DescribeInstanceInformation operation: x"),
            false,
            "Expired",
        );
    }

    #[test]
    fn nothing_of_a_name_reaches_the_shell() {
        let script = inquiry("i-0abc", Some("eu-west-1"), Some("my lab; rm x"));
        assert!(script.contains("--filters Key=InstanceIds,Values=i-0abc ") && script.contains("--profile 'my lab; rm x'\n"), "{script}");
    }
}
