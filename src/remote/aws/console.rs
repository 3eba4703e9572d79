//! The host keys that a machine printed to its EC2 console when it was first started, as cloud-init prints them.
//!
//! The text is the machine's own and mixed with whatever else was printed: only whole blocks and whole keys count, nothing is guessed.

use aws_sdk_ec2::error::ProvideErrorMetadata;
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

use super::client::Clients;
use super::trouble;
use crate::model::Failure;
use crate::remote::voucher::HostKey;

const ACTION: &str = "ec2:GetConsoleOutput";
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
const FINGERPRINTS: &str = "SSH HOST KEY FINGERPRINTS-----";
const KEYS: &str = "SSH HOST KEY KEYS-----";

/// The host keys of the newest printing that EC2 has; none where it has none, or not yet.
pub(super) async fn host_keys(clients: &Clients, instance: &str) -> Result<Vec<HostKey>, Failure> {
    let ask = |latest: bool| clients.ec2.get_console_output().instance_id(instance).set_latest(latest.then_some(true)).send();
    // What is on the console now, which only machines on Nitro have; else, and where the boot has left it, what EC2 kept of the boot.
    match ask(true).await {
        Ok(now) => {
            let keys = read(&plain(now.output()));
            if !keys.is_empty() {
                return Ok(keys);
            }
        }
        Err(error) if error.as_service_error().and_then(|e| e.code()).is_some_and(|code| code.starts_with("Unsupported")) => {}
        Err(error) => return Err(trouble::failure(clients, ACTION, &error)),
    }
    let kept = ask(false).await.map_err(|error| trouble::failure(clients, ACTION, &error))?;
    Ok(read(&plain(kept.output())))
}

/// The SDK leaves the output as it comes, in base64. What cannot be decoded is nothing.
fn plain(output: Option<&str>) -> String {
    let packed: String = output.unwrap_or_default().split_ascii_whitespace().collect();
    String::from_utf8_lossy(&BASE64.decode(packed).unwrap_or_default()).into_owned()
}

enum Inside {
    Nothing,
    Fingerprints(Vec<HostKey>),
    Keys(Vec<HostKey>),
}

/// The keys of the newest printing: a block of fingerprints, a block of keys, or one after the other.
fn read(console: &str) -> Vec<HostKey> {
    let (mut newest, mut has_keys, mut inside) = (Vec::new(), false, Inside::Nothing);
    for line in console.split(['\n', '\r']) {
        let line = bare(line);
        let (line, marker) = (line.trim_end(), |word: &str, block: &str| line.trim_end().ends_with(&format!("-----{word} {block}")));
        if marker("BEGIN", FINGERPRINTS) {
            // Each printing begins so: what stood before it is of another boot. One that is torn leaves nothing.
            (newest, has_keys, inside) = (Vec::new(), false, Inside::Fingerprints(Vec::new()));
        } else if marker("BEGIN", KEYS) {
            if has_keys {
                newest.clear();
            }
            inside = Inside::Keys(Vec::new());
        } else if marker("END", FINGERPRINTS) || marker("END", KEYS) {
            match std::mem::replace(&mut inside, Inside::Nothing) {
                Inside::Fingerprints(found) if marker("END", FINGERPRINTS) => newest.extend(found),
                Inside::Keys(found) if marker("END", KEYS) => {
                    newest.extend(found);
                    has_keys = true;
                }
                Inside::Fingerprints(_) | Inside::Keys(_) | Inside::Nothing => {}
            }
        } else {
            match &mut inside {
                Inside::Fingerprints(found) => found.extend(fingerprint(line)),
                Inside::Keys(found) => found.extend(key(line)),
                Inside::Nothing => {}
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    newest.retain(|key| seen.insert(key.clone()));
    newest
}

/// A line without what steers a terminal.
fn bare(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' if rest.next_if_eq(&'[').is_some() => {
                // Parameters, and the letter that ends them.
                while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                rest.next();
            }
            '\u{1b}' => {
                rest.next();
            }
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

/// `256 SHA256:… root@ip-10-0-0-14 (ED25519)`, after what a logger puts before it. Older ones, in MD5, are not read.
fn fingerprint(line: &str) -> Option<HostKey> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("SHA256:"))?;
    words.get(at.checked_sub(1)?)?.parse::<u32>().ok()?;
    let hash = words[at].strip_prefix("SHA256:")?;
    let kind = words[at + 1..].last()?.strip_prefix('(')?.strip_suffix(')')?;
    let is_whole = BASE64.decode(hash).is_ok_and(|hash| hash.len() == 32) && hash.len() == 43;
    (is_whole && is_kind(kind)).then(|| HostKey::new(kind, words[at]))
}

fn is_kind(word: &str) -> bool {
    matches!(word, "ED25519" | "ECDSA" | "RSA" | "DSA")
}

/// `ssh-ed25519 AAAA… root@ip-10-0-0-14`. A key that is torn is not whole, and not read.
fn key(line: &str) -> Option<HostKey> {
    let mut words = line.split_ascii_whitespace().skip_while(|word| kind(word).is_none());
    let (name, packed) = (words.next()?, words.next()?);
    let blob = BASE64.decode(packed).ok()?;
    (fields(&blob)?.first() == Some(&name.as_bytes())).then_some(())?;
    let hash = BASE64.encode(Sha256::digest(&blob));
    Some(HostKey::new(kind(name)?, format!("SHA256:{}", hash.trim_end_matches('='))))
}

fn kind(name: &str) -> Option<&'static str> {
    match name {
        "ssh-ed25519" => Some("ED25519"),
        "ssh-rsa" => Some("RSA"),
        "ssh-dss" => Some("DSA"),
        _ if name.starts_with("ecdsa-sha2-nistp") => Some("ECDSA"),
        _ => None,
    }
}

/// The parts of a key, each behind its length, which end where the key ends.
fn fields(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        fields.push(field);
        blob = rest;
    }
    // Each type has a name and at least one number.
    (fields.len() > 1).then_some(fields)
}

#[cfg(test)]
mod tests;
