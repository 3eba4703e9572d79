//! What lies between here and a machine that the network does not simply lead to: what ssh is told of it, and what its last words mean.
//!
//! Runs nothing: ssh itself starts the other ssh, or AWS's command line.

use std::path::Path;

use crate::model::text::quoted;
use crate::model::{Failure, FailureKind};

use super::Destination;

/// What ssh goes through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Through {
    /// A machine that ssh knows, as one would type after `ssh -J`.
    Jump(String),
    /// A login node by its address; user and key are those of the destination.
    LoginNode(String),
    /// AWS Session Manager.
    SessionManager {
        /// The instance.
        instance: String,
        /// Its region; `None` is the command line's own.
        region: Option<String>,
        /// The profile to ask with; `None` is the command line's own.
        profile: Option<String>,
    },
}

impl Through {
    /// In words: `through the login node 203.0.113.9`.
    pub fn words(&self) -> String {
        match self {
            Self::Jump(jump) => format!("through {jump}"),
            Self::LoginNode(address) => format!("through the login node {address}"),
            Self::SessionManager { .. } => "through AWS Session Manager".to_owned(),
        }
    }

    /// The setting that makes ssh go through it to `to`.
    pub(super) fn setting(&self, to: &Destination) -> String {
        match self {
            Self::Jump(jump) => format!("ProxyJump={jump}"),
            // ssh gives neither user nor key of a destination to the machine that it jumps over.
            Self::LoginNode(address) => {
                let mut words = vec!["ssh".to_owned()];
                let path = |path: &Path| path.display().to_string();
                words.extend(to.config_file.iter().flat_map(|file| ["-F".to_owned(), path(file)]));
                words.extend(to.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
                words.extend(to.key.iter().flat_map(|key| ["-i".into(), path(key), "-o".into(), "IdentitiesOnly=yes".into()]));
                words.extend(["-o".to_owned(), "ConnectTimeout=10".to_owned()]);
                format!("ProxyCommand={} -W '[%h]:%p' -- {}", plain(&words), plain(std::slice::from_ref(address)))
            }
            Self::SessionManager { instance, region, profile } => {
                let mut words: Vec<String> = ["aws", "ssm", "start-session", "--target"].map(str::to_owned).into();
                words.extend([instance.clone(), "--document-name".into(), "AWS-StartSSHSession".into()]);
                words.extend(region.iter().flat_map(|region| ["--region".to_owned(), region.clone()]));
                words.extend(profile.iter().flat_map(|profile| ["--profile".to_owned(), profile.clone()]));
                format!("ProxyCommand={} --parameters portNumber=%p", plain(&words))
            }
        }
    }
}

/// Words for a shell; a percent sign means something to ssh.
fn plain(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ").replace('%', "%%")
}

/// The failure of what lies in between, where these words of ssh speak of it.
pub(super) fn failure(to: &Destination, lines: &[&str]) -> Option<Failure> {
    let through = to.through.as_ref()?;
    let find = |text: &str| lines.iter().copied().find(|line| line.contains(text));
    let fail = |kind, what: &str, hint: String| Some(Failure::new(kind, to.place(), what).hint(hint));
    match through {
        Through::SessionManager { instance, profile, .. } => of_session_manager(to, lines, (instance, profile.as_deref())),
        Through::Jump(_) | Through::LoginNode(_) => {
            if let Some(line) = find("open failed: administratively prohibited") {
                let hint = "AllowTcpForwarding and PermitOpen in its sshd_config decide; `via: ssm` needs neither".to_owned();
                return fail(FailureKind::Denied, &format!("the machine in between forwards nothing: {line}"), hint);
            }
            if let Some(line) = find("open failed: connect failed") {
                let why = line.rsplit(": ").next().unwrap_or(line);
                let what = format!("the machine in between cannot reach {}: {why}", to.host());
                let hint = "is the head node up, and does its security group let that machine in on port 22?".to_owned();
                return fail(FailureKind::Unreachable, &what, hint);
            }
            let line = lines
                .iter()
                .copied()
                .find(|line| line.starts_with("ssh: connect to host") || line.starts_with("ssh: Could not resolve"))?;
            let kind = if line.contains("timed out") { FailureKind::TimedOut } else { FailureKind::Unreachable };
            fail(kind, line, format!("this is the machine in between; `qdeck doctor {}` looks for another way", to.name))
        }
    }
}

/// What AWS's command line and its plugin say, as ssh passes it on.
fn of_session_manager(to: &Destination, lines: &[&str], (instance, profile): (&str, Option<&str>)) -> Option<Failure> {
    let find = |texts: &[&str]| lines.iter().copied().find(|line| texts.iter().any(|text| line.contains(text)));
    let fail = |kind, what: &str, hint: &str| Some(Failure::new(kind, to.place(), what).hint(hint));
    let of = profile.map_or_else(String::new, |profile| format!(" --profile {}", quoted(profile)));
    if find(&["aws: not found", "aws: command not found", "command not found: aws", "Unknown command: aws", "aws: No such file"]).is_some()
    {
        let hint = "install AWS's command line and its session-manager-plugin: both are in AWS's documentation under Session Manager";
        return fail(FailureKind::Unsupported, "via: ssm needs the program `aws`, which was not found on this machine", hint);
    }
    if find(&["SessionManagerPlugin is not found"]).is_some() {
        let hint = "install session-manager-plugin: AWS's documentation has it under Session Manager, Install the plugin for the AWS CLI";
        return fail(
            FailureKind::Unsupported,
            "via: ssm needs the program `session-manager-plugin`, which was not found on this machine",
            hint,
        );
    }
    if let Some(line) = find(&["(TargetNotConnected)"]) {
        let hint = "a machine that boots needs a minute; else its SSM agent may not run, its role may lack AmazonSSMManagedInstanceCore \
                    (HeadNode: {Iam: {AdditionalIamPolicies: …}}), or its subnet has no way to AWS's endpoints";
        return fail(FailureKind::Unreachable, line, hint);
    }
    if let Some(line) = find(&["(AccessDenied", "(UnauthorizedOperation)"]) {
        let hint = format!("you must be allowed ssm:StartSession on {instance} and on the document AWS-StartSSHSession");
        return fail(FailureKind::Denied, line, &hint);
    }
    let expired = ["(ExpiredToken", "Token has expired", "SSO session associated with this profile has expired", "Error loading SSO Token"];
    if let Some(line) = find(&expired) {
        return fail(FailureKind::Expired, line, &format!("sign in again (aws sso login{of}), then reconnect"));
    }
    let nobody = ["Unable to locate credentials", "(UnrecognizedClientException)", "(InvalidSignatureException)", "(InvalidClientTokenId)"];
    if let Some(line) = find(&nobody).or_else(|| lines.iter().copied().find(|line| line.contains("The config profile"))) {
        return fail(
            FailureKind::NoCredentials,
            line,
            &format!("`aws sts get-caller-identity{of}` must work: aws configure, or aws sso login"),
        );
    }
    if let Some(line) = find(&["(ThrottlingException)", "(ThrottledException)"]) {
        return fail(FailureKind::Busy, line, "AWS asks to be asked less often; it is tried again");
    }
    if let Some(line) = find(&["Could not connect to the endpoint", "Connect timeout on endpoint", "Read timeout on endpoint"]) {
        return fail(FailureKind::Unreachable, line, "is there a network, a VPN, a proxy (HTTPS_PROXY)?");
    }
    if let Some(line) = find(&["An error occurred (", "You must specify a region", "SessionId : ", "Cannot perform start session"]) {
        return fail(FailureKind::Unreachable, line, &format!("try it by hand: aws ssm start-session --target {instance}{of}"));
    }
    // The session was there and nobody spoke ssh at its other end.
    let is_closed = lines.iter().any(|line| is_empty_talk(line));
    let is_mute = is_closed && find(&["Permission denied", "ost key"]).is_none();
    is_mute.then(|| {
        let what = lines.iter().copied().find(|line| !is_empty_talk(line)).unwrap_or("Session Manager ended the session at once");
        Failure::new(FailureKind::Unreachable, to.place(), what).hint(format!("does sshd run on {instance}, on port 22?"))
    })
}

/// What ssh says of any way that ended, which tells nothing beside other words.
pub(super) fn is_empty_talk(line: &str) -> bool {
    line.starts_with("Connection closed by UNKNOWN port") || line.starts_with("kex_exchange_identification: Connection closed")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::remote::ssh::verdict;

    fn to(through: Through) -> Destination {
        Destination { name: "demo".into(), ssh: "10.0.0.14".into(), through: Some(through), ..Destination::default() }
    }

    fn manager() -> Through {
        Through::SessionManager { instance: "i-0abc".into(), region: Some("eu-west-1".into()), profile: Some("my lab".into()) }
    }

    #[test]
    fn ssh_is_told_of_each_way() {
        let mut to = to(manager());
        assert_eq!(
            manager().setting(&to),
            "ProxyCommand=aws ssm start-session --target i-0abc --document-name AWS-StartSSHSession --region eu-west-1 --profile 'my lab' \
             --parameters portNumber=%p"
        );
        assert_eq!(Through::Jump("me@bastion:2222,next".into()).setting(&to), "ProxyJump=me@bastion:2222,next");
        (to.user, to.key, to.config_file) = (Some("ec2-user".into()), Some("/k/100% mine.pem".into()), Some("/c".into()));
        assert_eq!(
            Through::LoginNode("203.0.113.9".into()).setting(&to),
            "ProxyCommand=ssh -F /c -l ec2-user -i '/k/100%% mine.pem' -o IdentitiesOnly=yes -o ConnectTimeout=10 -W '[%h]:%p' -- 203.0.113.9"
        );
    }

    const CLOSED: &str = "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535";

    // As the real `aws` 1.46 says them, through the real ssh.
    #[rstest]
    #[case("/bin/sh: 1: exec: aws: not found", FailureKind::Unsupported, "command line")]
    #[case("zsh:1: command not found: aws", FailureKind::Unsupported, "command line")]
    #[case(
        "\nSessionManagerPlugin is not found. Please refer to SessionManager Documentation here: http://docs.aws.amazon.com/console/systems-manager/session-manager-plugin-not-found",
        FailureKind::Unsupported,
        "session-manager-plugin"
    )]
    #[case(
        "\nAn error occurred (TargetNotConnected) when calling the StartSession operation: i-0abc is not connected.",
        FailureKind::Unreachable,
        "AmazonSSMManagedInstanceCore"
    )]
    #[case(
        "\nAn error occurred (AccessDeniedException) when calling the StartSession operation: User: arn:aws:iam::1:user/x is not authorized to perform: ssm:StartSession",
        FailureKind::Denied,
        "ssm:StartSession on i-0abc"
    )]
    #[case(
        "\nAn error occurred (ExpiredTokenException) when calling the StartSession operation: The security token included in the request is expired",
        FailureKind::Expired,
        "aws sso login --profile 'my lab'"
    )]
    #[case(
        "\nThe SSO session associated with this profile has expired or is otherwise invalid.",
        FailureKind::Expired,
        "aws sso login --profile"
    )]
    #[case("\nThe config profile (my lab) could not be found", FailureKind::NoCredentials, "get-caller-identity --profile 'my lab'")]
    #[case(
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
        FailureKind::NoCredentials,
        "aws configure"
    )]
    #[case("\nCould not connect to the endpoint URL: \"https://ssm.eu-west-1.amazonaws.com/\"", FailureKind::Unreachable, "proxy")]
    #[case(
        "\nAn error occurred (InvalidDocument) when calling the StartSession operation: Document with name AWS-StartSSHSession does not exist.",
        FailureKind::Unreachable,
        "by hand"
    )]
    #[case("", FailureKind::Unreachable, "does sshd run")]
    fn what_aws_says_is_told_with_what_to_do(#[case] said: &str, #[case] kind: FailureKind, #[case] hint: &str) {
        let failure = verdict::failure(&to(manager()), &format!("{said}\n{CLOSED}"), Some(255));
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.hint.contains(hint) && !failure.what.contains("UNKNOWN"), "{failure}");
        assert!(failure.place.contains("through AWS Session Manager"), "{failure}");
    }

    #[rstest]
    #[case("ssh: connect to host bastion port 22: Connection refused", FailureKind::Unreachable, "machine in between")]
    #[case("ssh: connect to host bastion port 22: Connection timed out", FailureKind::TimedOut, "another way")]
    #[case(
        "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed",
        FailureKind::Unreachable,
        "let that machine in"
    )]
    #[case(
        "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed",
        FailureKind::Denied,
        "AllowTcpForwarding"
    )]
    #[case("me@bastion: Permission denied (publickey).", FailureKind::Denied, "tried user me")]
    fn the_machine_in_between_is_told_from_the_one_behind_it(#[case] said: &str, #[case] kind: FailureKind, #[case] hint: &str) {
        let failure = verdict::failure(&to(Through::Jump("bastion".into())), &format!("{said}\n{CLOSED}"), Some(255));
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.hint.contains(hint), "{failure}");
    }

    #[test]
    fn a_failure_of_the_head_node_itself_stays_one() {
        let said = format!("ec2-user@i-0abc: Permission denied (publickey).\n{CLOSED}");
        let failure = verdict::failure(&to(manager()), &said, Some(255));
        assert!(failure.kind == FailureKind::Denied && failure.what.contains("publickey"), "{failure}");
    }
}
