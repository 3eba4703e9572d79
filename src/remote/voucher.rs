//! Who can tell a machine's host keys by another way than the network to it, and what a comparison with them says.
//!
//! Trusts nothing and keeps nothing: whoever compares acts on it.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::model::Failure;

/// Nobody waits longer for a voucher: the user can be asked instead. Less than a check of the doctor's may take.
const LIMIT: Duration = Duration::from_secs(8);

/// A public host key as it is shown to people.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct HostKey {
    /// Its type in ssh's words: `ED25519`, `ECDSA`, `RSA`.
    pub kind: String,
    /// `SHA256:` and 43 characters, or what else ssh was told to show.
    pub fingerprint: String,
}

impl HostKey {
    /// A key by its type and fingerprint.
    pub fn new(kind: impl Into<String>, fingerprint: impl Into<String>) -> Self {
        Self { kind: kind.into(), fingerprint: fingerprint.into() }
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.fingerprint)
    }
}

/// Somebody who knows a machine otherwise than by asking it.
pub trait Voucher: Send + Sync {
    /// What is compared with: `EC2's console output of i-…`.
    fn name(&self) -> String;

    /// The host keys that it tells; none where it tells of none, or not yet.
    fn keys(&self) -> BoxFuture<'static, Result<Vec<HostKey>, Failure>>;
}

/// What a comparison says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// This key is one of those that are told.
    Same(HostKey),
    /// These are told instead, of the same types.
    Other(Vec<HostKey>),
    /// Why it could not be compared, as a sentence without its full stop.
    Unknown(String),
}

/// Compares the keys that were seen with those that a voucher tells, within its limit.
pub async fn compare(voucher: &dyn Voucher, seen: &[HostKey]) -> Verdict {
    match told(voucher).await {
        Ok(told) => judge(&voucher.name(), &told, seen),
        Err(why) => Verdict::Unknown(why),
    }
}

/// What a voucher tells, or why it tells nothing.
pub async fn told(voucher: &dyn Voucher) -> Result<Vec<HostKey>, String> {
    let name = voucher.name();
    match tokio::time::timeout(LIMIT, voucher.keys()).await {
        Ok(Ok(keys)) if keys.is_empty() => Err(format!("{name} has no host keys (yet)")),
        Ok(Ok(keys)) => Ok(keys),
        Ok(Err(failure)) => Err(format!("{name} cannot be read: {}", failure.what)),
        Err(_) => Err(format!("{name} did not arrive within {} s", LIMIT.as_secs())),
    }
}

fn judge(name: &str, told: &[HostKey], seen: &[HostKey]) -> Verdict {
    // The fingerprint is of the whole key, its type included.
    if let Some(same) = seen.iter().find(|key| told.iter().any(|told| told.fingerprint == key.fingerprint)) {
        return Verdict::Same(same.clone());
    }
    if let Some(odd) = seen.iter().find(|key| !key.fingerprint.starts_with("SHA256:")) {
        return Verdict::Unknown(format!("ssh shows {}, and only SHA256 can be compared: set FingerprintHash sha256", odd.fingerprint));
    }
    let other: Vec<HostKey> = told.iter().filter(|told| seen.iter().any(|key| key.kind == told.kind)).cloned().collect();
    if !other.is_empty() {
        return Verdict::Other(other);
    }
    // A key of a type that is not told is no lie: cloud-init can be told to leave some out.
    let kinds: Vec<&str> = seen.iter().map(|key| key.kind.as_str()).collect();
    Verdict::Unknown(format!("{name} has no {} key", kinds.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, letter: char) -> HostKey {
        HostKey::new(kind, format!("SHA256:{}", String::from(letter).repeat(43)))
    }

    #[test]
    fn only_a_key_of_the_same_type_can_be_another_one() {
        let told = [key("ECDSA", 'a'), key("ED25519", 'b')];
        let judge = |seen: &[HostKey]| judge("the output", &told, seen);
        assert_eq!(judge(&[key("ED25519", 'b')]), Verdict::Same(key("ED25519", 'b')));
        assert_eq!(judge(&[key("ED25519", 'c')]), Verdict::Other(vec![key("ED25519", 'b')]));
        assert_eq!(judge(&[key("RSA", 'c')]), Verdict::Unknown("the output has no RSA key".into()));
        assert_eq!(judge(&[key("RSA", 'c'), key("ECDSA", 'a')]), Verdict::Same(key("ECDSA", 'a')));
        let Verdict::Unknown(why) = judge(&[HostKey::new("ED25519", "MD5:aa:bb")]) else { panic!() };
        assert!(why.contains("FingerprintHash"), "{why}");
    }

    struct Mute;

    impl Voucher for Mute {
        fn name(&self) -> String {
            "the output".into()
        }

        fn keys(&self) -> BoxFuture<'static, Result<Vec<HostKey>, Failure>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_voucher_that_hangs_is_not_waited_for() {
        let Verdict::Unknown(why) = compare(&Mute, &[key("RSA", 'c')]).await else { panic!() };
        assert_eq!(why, "the output did not arrive within 8 s");
    }
}
