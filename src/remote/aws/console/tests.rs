//! What cloud-init prints, in the forms of Amazon Linux 2023, Ubuntu 22.04 and RHEL 9; and text that was made to mislead.

use proptest::prelude::*;

use super::*;

const AMAZON: &str = include_str!("../../../../tests/fixtures/console/amazon-linux-2023.txt");
const UBUNTU: &str = include_str!("../../../../tests/fixtures/console/ubuntu-22.04.txt");
/// Two boots: the keys were made anew in between.
const RHEL: &str = include_str!("../../../../tests/fixtures/console/rhel-9.txt");

fn told(keys: &[(&str, &str)]) -> Vec<HostKey> {
    keys.iter().map(|(kind, print)| HostKey::new(*kind, *print)).collect()
}

/// Fingerprints by ssh-keygen.
fn expected() -> [(&'static str, Vec<HostKey>); 3] {
    [
        (
            AMAZON,
            told(&[
                ("ECDSA", "SHA256:MtWeBoqffn382/Wff+vFfwR70UN2Y24/sE0e+mFxcuA"),
                ("ED25519", "SHA256:tUniKqpZRyK3wtDeinTTRL2aMAHEQ/2SQ/tpbtBpLP8"),
            ]),
        ),
        (
            UBUNTU,
            told(&[
                ("ECDSA", "SHA256:Zcg2DyNNJeMrWAKw/b4gUa/fcHzPpr/Xf2xaziv+gmU"),
                ("ED25519", "SHA256:Pg0CrHaXIZRYCnkFahZzxN1+ol5/hl29Dtg4t9eQbj4"),
                ("RSA", "SHA256:FkzuGXgbgbte6LVFHtGM85sIO8lVvzyemThvBFnsYbQ"),
            ]),
        ),
        (
            RHEL,
            told(&[
                ("ECDSA", "SHA256:sySKtIcVEJNAb85nFd8fClUvoXJ7MpsX87gh1OhGlmM"),
                ("ED25519", "SHA256:b875KL1RiE5gc40sWE9OPfCSvANBx1HekXrRi1+ItdI"),
                ("RSA", "SHA256:4Ey8UbkGIhJX1LlCZ52/B6Bwt86TS/M5t3D27mq3wm4"),
            ]),
        ),
    ]
}

/// The same output without its blocks of one sort.
fn without(text: &str, block: &str) -> String {
    let (begin, end) = (format!("-----BEGIN {block}"), format!("-----END {block}"));
    let mut inside = false;
    let keep = |line: &&str| {
        inside = inside && !line.contains(&end) || line.contains(&begin);
        !inside && !line.contains(&end)
    };
    text.split_inclusive('\n').filter(keep).collect()
}

#[test]
fn the_newest_printing_is_read_whatever_stands_around_it() {
    for (text, keys) in expected() {
        assert_eq!(read(text), keys);
        assert_eq!(read(&plain(Some(&BASE64.encode(text)))), keys, "as EC2 sends it");
    }
}

#[test]
fn keys_have_the_fingerprints_that_stand_above_them() {
    for (text, keys) in expected() {
        let only_keys = without(text, FINGERPRINTS);
        // EC2 put a time into Ubuntu's long RSA key: it is no key then, and no other one either.
        let whole: Vec<_> = keys.iter().filter(|key| text != UBUNTU || key.kind != "RSA").cloned().collect();
        assert_eq!(read(&only_keys), whole);
        assert_eq!(read(&without(text, KEYS)), keys);
        assert_eq!(read(&without(&only_keys, KEYS)), []);
    }
}

#[test]
fn what_is_torn_or_stands_elsewhere_is_no_host_key() {
    // A block without an end, such as one that is being printed, leaves nothing of what was printed before either.
    let cut = RHEL.rfind("-----END SSH HOST KEY FINGERPRINTS").unwrap();
    assert_eq!(read(&RHEL[..cut]), []);
    // The buffer holds the last 64 kB: the beginning may be gone.
    let begun = AMAZON.find("256 SHA256:").unwrap();
    assert_eq!(read(&without(&AMAZON[begun..], KEYS)), []);
    // The table of authorized keys, and fingerprints as ssh-keygen shows them when it makes a key.
    let before = AMAZON.find("<14>").unwrap();
    assert_eq!(read(&AMAZON[..before]), []);
    let block = |line: &str| format!("-----BEGIN {FINGERPRINTS}\n{line}\n-----END {FINGERPRINTS}\n");
    let print = format!("SHA256:{}", "A".repeat(43));
    assert_eq!(read(&block(&format!("256 {print} no comment (ED25519)"))).len(), 1);
    for line in [
        format!("{print} no comment (ED25519)"),
        format!("256 {}[ 12.3] x (ED25519)", &print[..30]),
        format!("256 {print} no comment"),
        format!("256 {print} (ED25519-CERT)"),
        format!("256 {print}a (ED25519)"),
        "256 aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99 x (ED25519)".to_owned(),
        format!("ci-info: | ssh-ed25519 | {print} | - | me (ED25519) |"),
    ] {
        assert_eq!(read(&block(&line)), [], "{line}");
    }
    assert_eq!(
        read(
            "-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAA x\nssh-ed25519 AAAAB3NzaC1yc2EAAAABIw== x\n-----END SSH HOST KEY KEYS-----\n"
        ),
        []
    );
    assert_eq!([None, Some(""), Some("%%%"), Some("////")].map(|output| read(&plain(output)).len()), [0; 4]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_only_whole_keys_come_of_them(bytes: Vec<u8>, at in 0..4000_usize, with in 0..3_usize) {
        let text = String::from_utf8_lossy(&bytes);
        read(&text);
        plain(Some(&text));
        let base = [AMAZON, UBUNTU, RHEL][with];
        let at = (0..=at.min(base.len())).rev().find(|&at| base.is_char_boundary(at)).unwrap_or(0);
        let torn = format!("{}{text}{}", &base[..at], &base[at..]);
        for key in read(&torn) {
            prop_assert!(key.fingerprint.len() == 50 && is_kind(&key.kind), "{key}");
        }
    }
}
