//! What is in order on the way to a cluster, on the screen: lines as they come, with what to do.

use qdeck::model::{Answer, Diagnosis, Finding, Query};

use crate::screens::picture;
use crate::stage::{Stage, prod};

fn found(stage: &mut Stage) {
    stage.full();
    stage.keys("1 g H");
    let findings = vec![
        Finding::ok("ssh", "OpenSSH_9.2p1"),
        Finding::bad("key file", "~/.ssh/lab.pem can be read by others")
            .hint("chmod 400 ~/.ssh/lab.pem: ssh takes no key that others can read."),
        Finding::unknown("port 22", "EC2 does not tell which security groups the head node has"),
        Finding::bad("scheduler", "evil\u{1b}[2J\u{202e}name"),
    ];
    let diagnosis = Diagnosis { findings, open: vec!["disk space".into()], ..Diagnosis::default() };
    stage.answer(Query::Doctor(Some(prod())), Ok(Answer::Doctor(diagnosis)));
}

#[test]
fn findings_stand_with_what_to_do_and_what_is_still_open() {
    picture("doctor", found);
    let mut stage = Stage::new(140, 40);
    found(&mut stage);
    let screen = stage.screen(140, 40);
    assert!(screen.contains("✗ key file") && screen.contains("chmod 400") && screen.contains("? port 22"), "{screen}");
    assert!(screen.contains("disk space") && screen.contains("evil␛[2J"), "{screen}");
    assert!(stage.wants(|query| *query == Query::Doctor(Some(prod()))));
    stage.keys("esc");
    assert!(!stage.wants(|query| matches!(query, Query::Doctor(_))), "nobody looks any more");
}
