use crate::support::{Term, children_of};
use std::time::Duration;
const S: Duration = Duration::from_secs(5);
const NO: [(&str, &str); 0] = [];
#[test]
fn shell() {
    let mut t = Term::spawn("/bin/sh", &["-i"], [("PS1", "ps1> "), ("FOO", "bar")], 80, 24);
    t.until("ps1>", S);
    t.keys("echo $FOO; stty size; env | wc -l<enter>");
    t.until("\nbar\n24 80\n", S);
    t.resize(100, 30);
    t.keys("stty size<enter>");
    t.until("30 100", S);
    t.keys("sleep 77 & sleep 78<enter>");
    std::thread::sleep(Duration::from_millis(300));
    println!("{:?}", children_of(t.pid()));
    assert_eq!(children_of(t.pid()).len(), 2);
    t.keys("<ctrl-c>");
    t.keys("printf '\\033[6n'; read -r x; printf '\\033[?1049h\\033[?25l\\033[?1000;1006hZZ'<enter>");
    std::thread::sleep(Duration::from_millis(300));
    t.keys("<enter>");
    t.until("ZZ", S);
    println!("{}", t.text());
    println!("{:?} {:?}", t.left_behind(), String::from_utf8_lossy(&t.raw()));
    assert!(!t.is_clean());
    t.keys("exit 7<enter>");
    assert_eq!(t.wait_exit(S), 7);
    assert!(!t.is_clean());
}
#[test]
fn pager() {
    let mut t = Term::spawn("less", &["/etc/services"], NO, 80, 24);
    t.until("tcpmux", S);
    t.keys("/pop3<enter>");
    t.until_gone("tcpmux", S);
    assert!(!t.is_clean());
    println!("{:?} {}", t.left_behind(), t.row(0));
    t.keys("q");
    assert_eq!(t.wait_exit(S), 0);
    assert!(t.is_clean(), "{:?}", t.left_behind());
}
#[test]
#[should_panic = "in vain"]
fn never() {
    let t = Term::spawn("sleep", &["1000"], NO, 80, 24);
    t.until("xyz", Duration::from_millis(200));
}
