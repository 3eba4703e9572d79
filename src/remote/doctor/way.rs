//! The way to a head node before it is gone: the key file, and the host key that ssh knows beside the one that EC2 tells.
//!
//! Connects to no head node: ssh itself tells what its configuration says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Check;
use crate::model::Finding;
use crate::model::text::quoted;
use crate::remote::host::{Host, Said};
use crate::remote::ssh::Destination;
use crate::remote::voucher::{HostKey, Verdict, Voucher, compare, told};

const LIMIT: Duration = Duration::from_secs(9);

/// The checks of the way to one machine, whose host keys somebody may vouch for.
pub(in crate::remote) fn checks(here: &Arc<dyn Host>, to: &Destination, voucher: Option<Arc<dyn Voucher>>) -> Vec<Check> {
    let (key, known_here, settings) = (to.clone(), here.clone(), to.words());
    vec![
        Check::new("key file", async move { key_file(key.key.as_deref()) }),
        Check::new("host key", async move {
            match known_here.sh(script(&settings), LIMIT).await {
                Ok(said) => host_key(&said, voucher.as_deref()).await,
                Err(failure) => super::failed("host key", &failure),
            }
        }),
    ]
}

pub(super) fn key_file(key: Option<&Path>) -> Finding {
    let Some(path) = key else {
        return Finding::ok("key file", "none is named: ssh offers what its agent and its configuration have");
    };
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(known) => mode(&shown.to_string(), known.permissions().mode()),
        Err(error) => Finding::bad("key file", format!("{shown}: {error}")).hint("Name another one: clusters: {NAME: {key: ~/.ssh/….pem}}"),
    }
}

fn mode(path: &str, mode: u32) -> Finding {
    let mode = mode & 0o777;
    if mode & 0o077 == 0 {
        return Finding::ok("key file", format!("{path}, mode {mode:o}"));
    }
    Finding::bad("key file", format!("{path} has mode {mode:o}: others can read it, so ssh ignores it")).hint(format!("chmod 600 {path}"))
}

/// Whether the key of the machine that ssh would go to stands in one of its files.
fn script(settings: &[String]) -> String {
    let ssh = settings.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    format!(
        "c=$(ssh -G {ssh}) || exit 3\n\
         get() {{ printf '%s\\n' \"$c\" | sed -n \"s/^$1 //p\" | head -n 1; }}\n\
         h=$(get hostkeyalias); p=$(get port)\n\
         if [ -z \"$h\" ]; then h=$(get hostname); [ \"$p\" = 22 ] || h=\"[$h]:$p\"; fi\n\
         printf '%s\\n' \"$h\"\n\
         for f in $(get userknownhostsfile) $(get globalknownhostsfile); do\n\
           case $f in '~/'*) f=$HOME/${{f#'~/'}} ;; esac\n\
           ssh-keygen -l -F \"$h\" -f \"$f\" 2>/dev/null | sed '/^#/d'\n\
         done\n"
    )
}

async fn host_key(said: &Said, voucher: Option<&dyn Voucher>) -> Finding {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut lines = text.lines();
    let (Some(name), 0) = (lines.next(), said.status) else {
        return Finding::unknown("host key", format!("ssh does not say where it would go: {}", said.stderr.trim()));
    };
    let known: Vec<HostKey> = lines.filter_map(known).collect();
    match (known.first(), voucher) {
        (Some(first), None) => Finding::ok("host key", format!("{name} is known: {first}")),
        (Some(first), Some(voucher)) => {
            let verdict = compare(voucher, &known).await;
            let shown = if let Verdict::Same(key) = &verdict { key } else { first };
            compared(&format!("{name} is known: {shown}"), voucher, &verdict)
        }
        (None, None) => Finding::unknown("host key", format!("{name} is not known yet"))
            .hint("You are asked at the first connection: compare the fingerprint with the console output of the instance in EC2."),
        (None, Some(voucher)) => unmet(name, voucher, told(voucher).await),
    }
}

/// `NAME ED25519 SHA256:…`
fn known(line: &str) -> Option<HostKey> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("SHA256:") || word.starts_with("MD5:"))?;
    Some(HostKey::new(*words.get(at.checked_sub(1)?)?, words[at]))
}

fn compared(known: &str, voucher: &dyn Voucher, verdict: &Verdict) -> Finding {
    let name = voucher.name();
    match verdict {
        Verdict::Same(_) => Finding::ok("host key", format!("{known}, which matches {name}")),
        Verdict::Other(told) => {
            let told: Vec<String> = told.iter().map(ToString::to_string).collect();
            Finding::bad("host key", format!("{known}, but {name} has {}", told.join(" or ")))
                .hint("The head node was made again, or the known key is another machine's. Find out which before you remove it with ssh-keygen -R.")
        }
        Verdict::Unknown(why) => Finding::ok("host key", known).hint(format!("Not compared: {why}.")),
    }
}

/// A machine that ssh has not met.
fn unmet(name: &str, voucher: &dyn Voucher, told: Result<Vec<HostKey>, String>) -> Finding {
    let finding = Finding::unknown("host key", format!("{name} is not known yet"));
    match told {
        Ok(keys) => {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            finding.hint(format!("It is compared at the first connection; {} has {}.", voucher.name(), keys.join(", ")))
        }
        Err(why) => finding.hint(format!("You are asked at the first connection: {why}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    #[test]
    fn a_key_that_others_can_read_is_named_with_its_remedy() {
        assert_eq!([0o100_600, 0o100_400, 0o100_640, 0o100_644].map(|m| mode("k", m).state == Health::Ok), [true, true, false, false]);
        assert_eq!(mode("/k.pem", 0o100_644).hint, "chmod 600 /k.pem");
        assert!(key_file(Some(Path::new("/nowhere/k.pem"))).what.contains("No such file"));
    }

    #[tokio::test]
    async fn a_known_host_is_told_from_an_unknown_one() {
        let said = |text: &str, status| Said { status, stdout: text.as_bytes().to_vec(), stderr: String::new() };
        let known = host_key(&said("[h]:2222\n[h]:2222 ED25519 SHA256:abc \n", 0), None).await;
        assert_eq!((known.state, known.what.as_str()), (Health::Ok, "[h]:2222 is known: ED25519 SHA256:abc"));
        let (new, odd) = (host_key(&said("h\n", 0), None).await, host_key(&said("", 3), None).await);
        assert_eq!([new, odd].map(|f| f.state), [Health::Unknown; 2]);
    }

    struct Fixed(&'static [(&'static str, &'static str)]);

    impl Voucher for Fixed {
        fn name(&self) -> String {
            "the output".into()
        }

        fn keys(&self) -> futures::future::BoxFuture<'static, Result<Vec<HostKey>, crate::model::Failure>> {
            let keys = self.0.iter().map(|(kind, print)| HostKey::new(*kind, *print)).collect();
            Box::pin(std::future::ready(Ok(keys)))
        }
    }

    #[tokio::test]
    async fn a_known_key_is_compared_with_what_is_told() {
        let two = "h\nh RSA SHA256:old\nh ED25519 SHA256:abc\n";
        for (text, told, state, words) in [
            (two, &[("ED25519", "SHA256:abc")][..], Health::Ok, "h is known: ED25519 SHA256:abc, which matches the output"),
            (two, &[("ED25519", "SHA256:new")], Health::NotOk, "but the output has ED25519 SHA256:new"),
            (two, &[], Health::Ok, "Not compared: the output has no host keys (yet)."),
            ("h\n", &[("ED25519", "SHA256:abc")], Health::Unknown, "compared at the first connection; the output has ED25519 SHA256:abc"),
            ("h\n", &[], Health::Unknown, "You are asked at the first connection: the output has no host keys (yet)."),
        ] {
            let said = Said { status: 0, stdout: text.as_bytes().to_vec(), stderr: String::new() };
            let found = host_key(&said, Some(&Fixed(told))).await;
            assert!(found.state == state && format!("{} {}", found.what, found.hint).contains(words), "{found:?}");
        }
    }
}
