//! What is in order on the way to a cluster, on the screen: lines as they come, with what to do.

use std::time::Duration;

use qdeck::model::{Answer, Command, Detour, Diagnosis, Finding, Link, Progress, Query, Receipt, Way};
use qdeck::protocol::{Effect, Event};

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

/// Nothing leads to the head node but two ways that are not set.
fn stranded(stage: &mut Stage) {
    stage.full();
    stage.keys("1 g H");
    let findings = vec![
        Finding::bad("head node", "no answer in 9 s").hint("Is there a network, a VPN, a proxy? Is port 22 open to us?"),
        Finding::ok("login nodes", "203.0.113.15 answers: `jump: login` goes through it"),
        Finding::ok("Session Manager", "the head node's agent answers: `via: ssm` goes through it"),
    ];
    let detour = |way| Detour { cluster: prod(), way, file: "/home/you/.config/qdeck/config.yaml".into() };
    let detours = vec![detour(Way::LoginNodes), detour(Way::SessionManager)];
    let mut diagnosis = Diagnosis { findings, open: vec!["log group".into()], detours };
    stage.answer(Query::Doctor(Some(prod())), Ok(Answer::Doctor(diagnosis.clone())));
    assert!(!stage.screen(140, 40).contains("go another way"), "all has been looked at first");
    diagnosis.open.clear();
    stage.answer(Query::Doctor(Some(prod())), Ok(Answer::Doctor(diagnosis)));
}

#[test]
fn another_way_is_offered_and_written_only_where_it_is_wished() {
    picture("doctor-detours", stranded);
    picture("doctor-detours-asked", |stage| {
        stranded(stage);
        stage.keys("enter");
    });
    let mut stage = Stage::new(140, 40);
    stranded(&mut stage);
    assert!(stage.screen(140, 40).contains("⏎ go another way"));
    stage.keys("enter");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("/home/you/.config/qdeck/config.yaml?") && screen.contains("s Session Manager"), "{screen}");
    stage.keys("enter");
    assert!(stage.sent().is_none(), "the first answer leaves all as it is");
    stage.keys("enter s");
    assert_eq!(stage.sent(), Some(Command::KeepWay { cluster: prod(), way: Way::SessionManager }));
    let id = stage.sent_id();
    stage.effects.clear();
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Saved("/c/config.yaml".into())) });
    assert!(stage.screen(140, 40).contains("via: ssm, written into /c/config.yaml"), "{}", stage.screen(140, 40));
    let again = |wanted: fn(&Query) -> bool| stage.effects.iter().any(|effect| matches!(effect, Effect::Refresh(query) if wanted(query)));
    assert!(again(|query| matches!(query, Query::Doctor(_))) && again(|query| matches!(query, Query::Jobs { .. })), "{:?}", stage.effects);
    // With nothing to choose, Enter closes.
    stage.answer(Query::Doctor(Some(prod())), Ok(Answer::Doctor(Diagnosis::default())));
    stage.keys("enter");
    assert!(!stage.wants(|query| matches!(query, Query::Doctor(_))));
}

#[test]
fn a_session_of_one_s_own_is_called_that() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    assert!(stage.screen(140, 40).contains("ssh ● 20 ms") && !stage.screen(140, 40).contains("your ssh"));
    let link = Link::Up { rtt: Some(Duration::from_millis(24)), is_shared: true };
    stage.answer(Query::Link(prod()), Ok(Answer::Link(link)));
    assert!(stage.screen(140, 40).contains("your ssh ● 20 ms"));
}
