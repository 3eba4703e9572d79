//! The way to a head node before it is gone: the key file, and the host key that ssh knows.
//!
//! Connects to nothing: ssh itself tells what its configuration says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Check;
use crate::model::Finding;
use crate::model::text::quoted;
use crate::remote::host::{Host, Said};
use crate::remote::ssh::Destination;

const LIMIT: Duration = Duration::from_secs(9);

/// The checks of the way to one machine.
pub(in crate::remote) fn checks(here: &Arc<dyn Host>, to: &Destination) -> Vec<Check> {
    let (key, known_here, settings) = (to.clone(), here.clone(), to.words());
    vec![
        Check::new("key file", async move { key_file(key.key.as_deref()) }),
        Check::new("host key", async move {
            match known_here.sh(script(&settings), LIMIT).await {
                Ok(said) => host_key(&said),
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

fn host_key(said: &Said) -> Finding {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut lines = text.lines();
    let (Some(name), 0) = (lines.next(), said.status) else {
        return Finding::unknown("host key", format!("ssh does not say where it would go: {}", said.stderr.trim()));
    };
    match lines.next() {
        Some(known) => {
            let shown: Vec<&str> = known
                .split_whitespace()
                .filter(|word| word.starts_with("SHA256:") || word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
                .collect();
            Finding::ok("host key", format!("{name} is known: {}", shown.join(" ")))
        }
        None => Finding::unknown("host key", format!("{name} is not known yet"))
            .hint("You are asked at the first connection: compare the fingerprint with the console output of the instance in EC2."),
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

    #[test]
    fn a_known_host_is_told_from_an_unknown_one() {
        let said = |text: &str, status| Said { status, stdout: text.as_bytes().to_vec(), stderr: String::new() };
        let known = host_key(&said("[h]:2222\n[h]:2222 ED25519 SHA256:abc \n", 0));
        assert_eq!((known.state, known.what.as_str()), (Health::Ok, "[h]:2222 is known: ED25519 SHA256:abc"));
        assert_eq!([host_key(&said("h\n", 0)), host_key(&said("", 3))].map(|f| f.state), [Health::Unknown; 2]);
    }
}
