//! Whether a host key that ssh does not know, or knows otherwise, is the one that somebody vouches for.
//!
//! Judges the keys of the destination alone, never those of a machine on the way there, and changes no file: ssh itself
//! compares the fingerprint that it is answered, and what it knows already stays as it is.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::model::{Failure, FailureKind};
use crate::remote::voucher::{HostKey, Verdict, Voucher, compare};

use super::{Destination, verdict};

/// ssh reads its configuration in a moment; `Match exec` in it may take longer.
const READING: Duration = Duration::from_secs(5);

/// Who vouches for the keys of a destination.
pub(super) struct Trust {
    to: Destination,
    voucher: Option<Arc<dyn Voucher>>,
}

/// A key that ssh does not trust, and the name under which it looked for it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Shown {
    name: String,
    key: HostKey,
}

/// What shall become of ssh's question.
pub(super) enum Opinion {
    /// It is the right key: the answer for ssh, and what to tell the user.
    Right { fingerprint: String, words: String },
    /// It is another machine's.
    Wrong(Failure),
    /// The user must decide, for this reason.
    Unknown(String),
    /// It is about another machine.
    Elsewhere,
}

impl Trust {
    pub(super) fn new(to: Destination, voucher: Option<Arc<dyn Voucher>>) -> Self {
        Self { to, voucher }
    }

    /// The key that a question of ssh's is about, where there is somebody to ask about it.
    pub(super) fn asked(&self, question: &str) -> Option<Shown> {
        self.voucher.as_ref()?;
        asked(question)
    }

    /// Asks the voucher.
    pub(super) async fn consider(&self, shown: &Shown) -> Opinion {
        let Some(voucher) = &self.voucher else { return Opinion::Elsewhere };
        let seen = [shown.key.clone()];
        let (own, verdict) = tokio::join!(self.own_name(), compare(voucher.as_ref(), &seen));
        if own.as_deref().is_none_or(|own| !own.eq_ignore_ascii_case(&shown.name)) {
            return Opinion::Elsewhere;
        }
        let (name, key) = (voucher.name(), &shown.key);
        match verdict {
            Verdict::Same(_) => {
                // The last part of an identifier is what people call it.
                let called = self.to.name.rsplit('/').next().unwrap_or_default();
                Opinion::Right { fingerprint: key.fingerprint.clone(), words: format!("The host key of {called} is the one in {name}.") }
            }
            Verdict::Other(told) => Opinion::Wrong(self.wrong(&name, key, &told)),
            Verdict::Unknown(why) => Opinion::Unknown(why),
        }
    }

    fn wrong(&self, name: &str, key: &HostKey, told: &[HostKey]) -> Failure {
        let what = format!("the host key is not the one in {name}: ssh was shown {key}, and there it is {}", listed(told));
        Failure::new(FailureKind::HostKey, self.to.place(), what).hint(format!(
            "Another machine answers at {}, or the keys were made anew after the first boot: do not log in before you know which. If it is \
             right, accept it once by hand: ssh {}",
            self.to.host(),
            self.by_hand()
        ))
    }

    /// What comes after `ssh` to go there by hand: all of it where the way is not ssh's own.
    fn by_hand(&self) -> String {
        if self.to.through.is_none() && self.to.config_file.is_none() { self.to.shown() } else { shell_words::join(self.to.words()) }
    }

    /// A failure about a changed key, with what the voucher says of the new one.
    pub(super) async fn judged(&self, failure: Failure, words: &str) -> Failure {
        let (Some(voucher), Some(shown), FailureKind::HostKey) = (&self.voucher, changed(words), failure.kind) else { return failure };
        let seen = [shown.key.clone()];
        let (own, verdict) = tokio::join!(self.own_name(), compare(voucher.as_ref(), &seen));
        if own.as_deref().is_none_or(|own| !own.eq_ignore_ascii_case(&shown.name)) {
            return failure;
        }
        let (name, key) = (voucher.name(), &shown.key);
        let what = format!("{}; ssh was shown {key}", failure.what);
        let hint = match verdict {
            Verdict::Same(_) => {
                let remove = verdict::removal(&self.to, words);
                format!("{name} has this very key: the head node was made again. Forget the old key, then reconnect: {remove}")
            }
            Verdict::Other(told) => format!(
                "{name} has another one, {}: another machine answers at {}. Do not log in before you know why.",
                listed(&told),
                self.to.host()
            ),
            Verdict::Unknown(why) => format!("{}\nNot compared: {why}.", failure.hint),
        };
        Failure { what, hint, ..failure }
    }

    /// The name under which ssh looks for the destination's own key.
    async fn own_name(&self) -> Option<String> {
        let mut ssh = Command::new("ssh");
        ssh.arg("-G").args(self.to.arguments()).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let said = timeout(READING, ssh.output()).await.ok()?.ok()?;
        own_name(&String::from_utf8_lossy(&said.stdout))
    }
}

fn own_name(settings: &str) -> Option<String> {
    let get = |name: &str| settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    if let Some(alias) = get("hostkeyalias") {
        return Some(alias.to_owned());
    }
    let host = get("hostname")?;
    Some(match get("port") {
        None | Some("22") => host.to_owned(),
        Some(port) => format!("[{host}]:{port}"),
    })
}

/// `The authenticity of host 'NAME (ADDRESS)' can't be established.` and `ED25519 key fingerprint is SHA256:….`
fn asked(question: &str) -> Option<Shown> {
    let mut lines = question.lines();
    let name = lines.find_map(|line| line.strip_prefix("The authenticity of host '"))?;
    let (name, _) = name.split_once(" (")?;
    let (kind, fingerprint) = lines.find_map(|line| line.split_once(" key fingerprint is "))?;
    Some(Shown { name: name.to_owned(), key: HostKey::new(kind, fingerprint.trim().trim_end_matches('.')) })
}

/// `The fingerprint for the ED25519 key sent by the remote host is`, the fingerprint, and `Host key for NAME has changed and …`.
fn changed(words: &str) -> Option<Shown> {
    let mut lines = words.lines().map(str::trim);
    let kind = lines.find_map(|line| line.strip_prefix("The fingerprint for the ")?.strip_suffix(" key sent by the remote host is"))?;
    let fingerprint = lines.next()?.trim_end_matches('.');
    let name = lines.find_map(|line| line.split_once("ost key for ")?.1.split_once(" has changed"))?.0;
    Some(Shown { name: name.to_owned(), key: HostKey::new(kind, fingerprint) })
}

fn listed(keys: &[HostKey]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str = "SHA256:7tSYYH8VogpQ7DvN8ynCK8TWOpreaTuzkEeacGH+l+4";

    #[test]
    fn ssh_s_question_names_the_machine_and_the_key() {
        let shown = |name: &str| Some(Shown { name: name.into(), key: HostKey::new("ED25519", PRINT) });
        let question = |host: &str, more: &str| {
            format!(
                "The authenticity of host '{host} (203.0.113.14)' can't be established{more}\nED25519 key fingerprint is {PRINT}.\n\
                 This key is not known by any other names.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? "
            )
        };
        assert_eq!(asked(&question("[head]:2222", ".")), shown("[head]:2222"));
        assert_eq!(asked(&question("head", "\nbut keys of different type are already known for this host.")), shown("head"));
        for other in ["Accept updated hostkeys? (yes/no): ", "Please type 'yes', 'no' or the fingerprint: ", "", "\n\n"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn a_changed_key_is_told_with_its_fingerprint() {
        let words = format!(
            "@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\n\
             The fingerprint for the ED25519 key sent by the remote host is\n{PRINT}.\nPlease contact your system administrator.\n\
             Add correct host key in /h/known_hosts to get rid of this message.\nOffending ED25519 key in /h/known_hosts:3\n  remove with:\n\
             \x20 ssh-keygen -f '/h/known_hosts' -R 'head'\nHost key for head has changed and you have requested strict checking.\n\
             Host key verification failed.\n"
        );
        let shown = Some(Shown { name: "head".into(), key: HostKey::new("ED25519", PRINT) });
        assert_eq!(changed(&words), shown);
        assert_eq!(changed(&words.replace("\nHost key for", "\nED25519 host key for")), shown, "before OpenSSH 8");
        assert_eq!(changed("No ED25519 host key is known for head and you have requested strict checking."), None);
    }

    #[test]
    fn ssh_s_own_name_for_the_destination_is_the_alias_or_the_host_with_its_port() {
        assert_eq!(own_name("user me\nhostname 203.0.113.14\nport 22\n").as_deref(), Some("203.0.113.14"));
        assert_eq!(own_name("hostname head\nport 2222\n").as_deref(), Some("[head]:2222"));
        assert_eq!(own_name("hostname head\nport 2222\nhostkeyalias rig\n").as_deref(), Some("rig"));
        assert_eq!(own_name(""), None);
    }
}
