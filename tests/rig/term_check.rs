//! The terminal that the other tests look through shows what is there, and notices what is left behind.

use std::time::Duration;

use crate::support::{Term, children_of};

const SOON: Duration = Duration::from_secs(10);
const NOTHING: [(&str, &str); 0] = [];

#[test]
fn a_shell_is_seen_typed_at_resized_and_its_children_counted() {
    let mut term = Term::spawn("/bin/sh", &["-i"], [("PS1", "ps1> "), ("FOO", "bar")], 80, 24);
    term.until("ps1>", SOON);
    term.keys("echo $FOO; stty size<enter>");
    term.until("\nbar\n24 80\n", SOON);
    term.resize(100, 30);
    term.keys("stty size<enter>");
    term.until("30 100", SOON);
    term.keys("sleep 77 & sleep 78<enter>");
    crate::rig::eventually("both children", SOON, || children_of(term.pid()).len() == 2);
    term.keys("<ctrl-c>exit 7<enter>");
    assert_eq!(term.wait_exit(SOON), 7);
}

#[test]
fn what_a_pager_takes_over_it_gives_back() {
    let mut term = Term::spawn("less", &["/etc/services"], NOTHING, 80, 24);
    term.until("tcpmux", SOON);
    term.keys("/pop3<enter>");
    term.until_gone("tcpmux", SOON);
    assert!(!term.is_clean(), "less uses the alternate screen");
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(term.is_clean(), "{:?}", term.left_behind());
}

#[test]
#[should_panic = "in vain"]
fn what_never_comes_is_not_waited_for_forever() {
    Term::spawn("sleep", &["1000"], NOTHING, 80, 24).until("xyz", Duration::from_millis(200));
}
