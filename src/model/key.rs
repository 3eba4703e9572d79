//! What a file must hold to be a public key that EC2 takes. Pure: reads no file, and no private key beyond its first line.

/// Kinds of public keys that EC2 takes, and how their second word begins.
const KINDS: [(&str, &str); 2] = [("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAA"), ("ssh-rsa", "AAAAB3NzaC1yc2EAAAA")];

/// What is wrong with a file's content as a public key; `None` where EC2 takes it.
pub fn public_key_fault(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
        return None;
    }
    if line.contains("PRIVATE KEY") {
        return Some("it is a private key, which stays where it is: name the .pub file beside it".into());
    }
    let (kind, key) = line.split_once(' ').unwrap_or((line, ""));
    if kind.starts_with("ecdsa-") || kind.starts_with("sk-") || kind == "ssh-dss" {
        return Some(format!("EC2 takes RSA and ED25519 keys only, and this is {kind}: ssh-keygen -t ed25519 makes one that it takes"));
    }
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    let Some((_, begins)) = known else {
        return Some("it is no public key as ssh-keygen writes it into a .pub file".into());
    };
    let fits = key.starts_with(begins) && key.split_whitespace().next().is_some_and(|word| word.len() >= 68);
    (!fits).then(|| "its key is cut off or damaged".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_is_told_from_a_public_key() {
        let good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0dM0q8mXyJcH1O0cC1wEwX0yS5m9VtJ2y5mM6oM0mN me@here\n";
        assert_eq!(public_key_fault(good.as_bytes()), None);
        assert_eq!(public_key_fault(format!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{}", "A".repeat(300)).as_bytes()), None);
        assert_eq!(public_key_fault(b"---- BEGIN SSH2 PUBLIC KEY ----\n"), None);
        for (text, words) in [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "private key"),
            ("ecdsa-sha2-nistp256 AAAAE2Vj x", "RSA and ED25519"),
            ("hello", "no public key"),
            ("", "no public key"),
            (&good[..60], "cut off"),
            ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ0dM0q8mXyJcH1O0cC1wEwX0yS5m9VtJ2y5mM6oM0mN", "cut off"),
        ] {
            assert!(public_key_fault(text.as_bytes()).is_some_and(|what| what.contains(words)), "{text}");
        }
        assert!(public_key_fault(&[0xff, 0, 1]).is_some());
    }
}
