//! What ssh's last words mean, and what to do about them.
//!
//! Pure text; nothing is run and nothing is repaired by itself, least of all a changed host key.

use std::net::Ipv4Addr;

use crate::model::{Failure, FailureKind};

use super::{Destination, through};

/// The failure behind ssh's exit with `code` and these words on standard error.
pub(super) fn failure(to: &Destination, stderr: &str, code: Option<i32>) -> Failure {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !is_noise(line)).collect();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    let last = lines.iter().rfind(|line| !through::is_empty_talk(line)).or(lines.last()).copied().unwrap_or("ssh ended without a word");
    let fail = |kind, what: &str, hint: String| Failure::new(kind, to.place(), what).hint(hint);

    if code == Some(127) && has("not found") {
        return no_ssh(to);
    }
    if let Some(failure) = through::failure(to, &lines) {
        return failure;
    }
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let offending = lines.iter().find(|line| line.starts_with("Offending")).copied().unwrap_or_default();
        let what = format!("the host key has changed: {}", offending.trim_end_matches(':'));
        let remove = removal(to, stderr);
        return fail(
            FailureKind::HostKey,
            &what,
            format!("somebody may listen in, or the head node was replaced; if you know that it was: {remove}"),
        );
    }
    if has("Host key verification failed") || has("host key is known for") {
        let what = lines.iter().find(|line| line.contains("host key is known for")).copied().unwrap_or(last);
        return fail(
            FailureKind::HostKey,
            what,
            format!("connect once with `ssh {}` and compare the fingerprint, or set StrictHostKeyChecking ask", to.shown()),
        );
    }
    if has("UNPROTECTED PRIVATE KEY FILE") {
        let key = to.key.as_ref().map_or_else(|| "the key file".to_owned(), |key| key.display().to_string());
        return fail(FailureKind::Denied, "the private key file is readable by others, so ssh ignores it", format!("chmod 600 {key}"));
    }
    if let Some(line) = lines.iter().find(|line| line.contains("Permission denied")) {
        return fail(FailureKind::Denied, line, denied_hint(to, line));
    }
    if let Some(line) = lines.iter().find(|line| line.contains("Too many authentication failures")) {
        return fail(
            FailureKind::Denied,
            line,
            format!("the agent offers too many keys; name one: clusters: {{{}: {{key: ~/.ssh/…}}}}", to.name),
        );
    }
    if let Some(line) = lines.iter().find(|line| line.contains("Could not resolve hostname")) {
        return fail(FailureKind::Unreachable, line, format!("check the name; clusters: {{{}: {{ssh: …}}}} overrides it", to.name));
    }
    if let Some(line) = lines.iter().find(|line| line.contains("Connection refused")) {
        let hint = format!(
            "no ssh server listens there yet; a head node that boots needs a minute. `qdeck doctor {}` looks for another way",
            to.name
        );
        return fail(FailureKind::Unreachable, line, hint);
    }
    if let Some(line) = lines.iter().find(|line| line.contains("timed out") || line.contains("not responding")) {
        return fail(FailureKind::TimedOut, line, timeout_hint(to));
    }
    if let Some(line) = lines.iter().find(|line| line.contains("No route to host") || line.contains("Network is unreachable")) {
        return fail(FailureKind::Unreachable, line, timeout_hint(to));
    }
    if lines.iter().any(|line| line.contains("Bad configuration option") || line.contains("terminating, ") || line.contains("keyword")) {
        return fail(FailureKind::Rejected, &lines.join("\n"), "ssh does not accept its configuration file".to_owned());
    }
    fail(FailureKind::Unreachable, last, String::new())
}

/// The command that makes ssh forget the key it knows, in its own words where it told them.
pub(super) fn removal(to: &Destination, stderr: &str) -> String {
    let told = stderr.lines().map(str::trim).find(|line| line.starts_with("ssh-keygen"));
    told.map_or_else(|| format!("ssh-keygen -R {}", to.host()), str::to_owned)
}

/// The session ended while it was in use.
pub(super) fn lost(to: &Destination, stderr: &str) -> Failure {
    let said = stderr.lines().map(str::trim).rfind(|line| !is_noise(line));
    let what = said.map_or_else(|| "the connection was lost".to_owned(), |said| format!("the connection was lost: {said}"));
    let kind = if what.contains("not responding") { FailureKind::TimedOut } else { FailureKind::Unreachable };
    Failure::new(kind, to.place(), what)
}

/// There is no `ssh` on this machine.
pub(super) fn no_ssh(to: &Destination) -> Failure {
    Failure::new(FailureKind::Unsupported, to.place(), "the program `ssh` was not found on this machine")
        .hint("install OpenSSH's client: apt install openssh-client, or dnf install openssh-clients")
}

/// Nothing came of it within our own patience.
pub(super) fn too_late(to: &Destination, stderr: &str, seconds: u64) -> Failure {
    let said = stderr.lines().map(str::trim).rfind(|line| !is_noise(line)).unwrap_or("no answer");
    Failure::new(FailureKind::TimedOut, to.place(), format!("not connected after {seconds} s: {said}")).hint(timeout_hint(to))
}

fn denied_hint(to: &Destination, line: &str) -> String {
    let key = to.key.as_ref().map_or_else(|| "the keys of your agent and ~/.ssh".to_owned(), |key| key.display().to_string());
    let user = line.split_once('@').map(|(user, _)| user).or(to.user.as_deref()).unwrap_or("your own user name");
    if line.contains("publickey") {
        format!("tried user {user} with {key}; set others with clusters: {{{}: {{user: ec2-user, key: ~/.ssh/….pem}}}}", to.name)
    } else if line.contains("keyboard-interactive") || line.contains("password") {
        format!(
            "the password or code of user {user} was not accepted; reconnect to be asked again, or set another user with clusters: {{{}: {{user: …}}}}",
            to.name
        )
    } else {
        format!("tried user {user}; set another with clusters: {{{}: {{user: …}}}}", to.name)
    }
}

fn timeout_hint(to: &Destination) -> String {
    let private = to.host().parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_private());
    let name = &to.name;
    if private {
        format!("this is a private address: connect the VPN, or go through a login node or SSM: `qdeck doctor {name}` finds a way")
    } else {
        format!("does the security group allow port 22 from here? is a VPN needed? `qdeck doctor {name}` looks for another way")
    }
}

/// Lines that tell nothing about why it failed.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("Warning: Permanently added")
        || line.starts_with("** ")
        || line.starts_with("debug")
        || line.starts_with("Killed by signal")
        || line.starts_with("Shared connection to")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn to(ssh: &str) -> Destination {
        Destination { name: "demo".to_owned(), ssh: ssh.to_owned(), ..Destination::default() }
    }

    #[rstest]
    #[case(
        "Warning: Permanently added 'x' to the list.\nec2-user@10.0.0.14: Permission denied (publickey).",
        FailureKind::Denied,
        "tried user ec2-user"
    )]
    #[case("me@h: Permission denied (keyboard-interactive).", FailureKind::Denied, "code of user me was not accepted")]
    #[case("ssh: connect to host 10.0.0.14 port 22: Connection refused", FailureKind::Unreachable, "boots")]
    #[case("ssh: connect to host 10.0.0.14 port 22: Connection timed out", FailureKind::TimedOut, "private address")]
    #[case("Connection timed out during banner exchange\nConnection to 10.0.0.14 port 22 timed out", FailureKind::TimedOut, "private")]
    #[case("ssh: Could not resolve hostname nope: Name or service not known", FailureKind::Unreachable, "check the name")]
    #[case("kex_exchange_identification: read: Connection reset by peer", FailureKind::Unreachable, "")]
    #[case(
        "No ED25519 host key is known for [127.0.0.1]:22 and you have requested strict checking.\nHost key verification failed.",
        FailureKind::HostKey,
        "fingerprint"
    )]
    #[case(
        "@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nOffending ED25519 key in /h/known_hosts:3\n  remove with:\n  ssh-keygen -f '/h/known_hosts' -R 'x'\nHost key verification failed.",
        FailureKind::HostKey,
        "ssh-keygen -f '/h/known_hosts' -R 'x'"
    )]
    #[case("Received disconnect from x port 22:2: Too many authentication failures", FailureKind::Denied, "agent")]
    #[case(
        "/h/config: line 3: Bad configuration option: nonsense\n/h/config: terminating, 1 bad configuration options",
        FailureKind::Rejected,
        "configuration"
    )]
    #[case("", FailureKind::Unreachable, "")]
    fn words_become_kinds_and_hints(#[case] said: &str, #[case] kind: FailureKind, #[case] hint: &str) {
        let failure = failure(&to("ec2-user@10.0.0.14"), said, Some(255));
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.hint.contains(hint), "{failure}");
        assert_eq!(failure.place, "host demo (ssh ec2-user@10.0.0.14)");
    }

    #[test]
    fn a_missing_ssh_is_not_a_missing_host() {
        assert_eq!(failure(&to("x"), "sh: 1: ssh: not found", Some(127)).kind, FailureKind::Unsupported);
        assert!(lost(&to("x"), "Timeout, server x not responding.").kind == FailureKind::TimedOut);
        assert!(lost(&to("x"), "").what.contains("lost"));
    }
}
