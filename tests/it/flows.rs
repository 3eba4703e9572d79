//! Keys through the real keymap, events in; effects, wants and screens out. No IO, no time but ours.

use std::time::Duration;

use qdeck::model::{
    Answer, Cadence, Command, Existing, Failure, FailureKind, FileEntry, FileKind, JobId, JobState, Link, Place, Preview, Progress, Prompt,
    Query, Receipt, Scope,
};
use qdeck::protocol::{Effect, Event};

use crate::stage::{Stage, prod};

const RUNS: (&str, &str, JobState) = ("101", "train", JobState::Running);

#[test]
fn the_named_cluster_is_asked_and_no_other() {
    let mut stage = Stage::new(140, 40);
    assert!(!stage.wants(|q| matches!(q, Query::Jobs { .. })), "nothing is known yet");
    stage.clusters();
    assert!(stage.wants(|q| *q == Query::Jobs { cluster: prod(), scope: Scope::Mine }));
    assert!(stage.wants(|q| *q == Query::Nodes(prod())));
    assert!(stage.wants(|q| *q == Query::Link(prod())));
}

#[test]
fn looking_away_is_the_cancel() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let polls = |stage: &Stage| stage.app.wants().iter().filter(|(_, c)| matches!(c, Cadence::Every(_))).count();
    assert_eq!(polls(&stage), 2);
    stage.send(Event::Focused(false));
    assert_eq!(polls(&stage), 0, "an unfocused terminal asks nothing");
    stage.send(Event::Focused(true));
    stage.keys("p");
    assert_eq!(polls(&stage), 0, "a paused one neither");
    stage.keys("p z");
    assert!(!stage.wants(|q| matches!(q, Query::Nodes(_))), "what is not on screen is not asked");
    assert!(stage.log_query().is_none());
}

#[test]
fn the_cursor_keeps_its_job_wherever_it_moves() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.jobs(&[("1", "a", JobState::Running), ("2", "b", JobState::Running), ("3", "c", JobState::Running)]);
    stage.keys("j j");
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("3"));
    stage.jobs(&[("3", "c", JobState::Running), ("4", "d", JobState::Running)]);
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("3"));
    stage.jobs(&[("4", "d", JobState::Running)]);
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("4"), "a job that is gone gives its place to a neighbour");
}

#[test]
fn a_moving_cursor_opens_no_log() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.jobs(&[("1", "a", JobState::Running), ("2", "b", JobState::Running)]);
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("1"));
    stage.keys("j");
    assert_eq!(stage.log_job(), None, "not before the cursor rests");
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("2"));
}

#[test]
fn cancelling_asks_first_and_no_is_the_default() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("c");
    assert!(stage.screen(140, 40).contains("Cancel job 101?"));
    stage.keys("enter");
    assert!(stage.effects.is_empty());
    stage.keys("c y");
    let command = Command::Change { cluster: prod(), change: qdeck::model::JobChange::Cancel, jobs: vec![JobId::new("101")] };
    let [Effect::Run(id, run)] = stage.effects.as_slice() else { panic!("{:?}", stage.effects) };
    assert_eq!(*run, command);
    let id = *id;
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Changed { asked: 1, refused: Vec::new() }) });
    assert!(matches!(stage.effects.last(), Some(Effect::Refresh(Query::Jobs { .. }))));
    // What has ended cannot be cancelled.
    stage.keys("G c");
    assert!(stage.screen(140, 40).contains("has ended already"));
}

#[test]
fn a_script_is_picked_submitted_and_its_job_gets_the_cursor() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("n");
    assert!(stage.wants(|q| *q == Query::Folder { place: Place::Here, path: "/data".into() }));
    stage.keys("tab");
    let home = Query::Folder { place: Place::Head(prod()), path: String::new() };
    assert!(stage.wants(|q| *q == home));
    let file = |name: &str| FileEntry { name: name.into(), kind: FileKind::File, size: 9, modified: None };
    stage.answer(home, Ok(Answer::Folder { path: "/home/me".into(), entries: vec![file("a.sh"), file("hello.sbatch")] }));
    stage.keys("j");
    let preview = Query::Preview { place: Place::Head(prod()), path: "/home/me/hello.sbatch".into() };
    assert!(stage.wants(|q| *q == preview));
    let text = "#!/bin/bash\n#SBATCH --nodes=2 -J hello\nsrun x\n";
    stage.answer(preview, Ok(Answer::Preview(Preview { text: text.into(), size: 9, is_binary: false })));
    stage.keys("enter");
    stage.text("--fast 'a b'");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("sbatch hello.sbatch --fast 'a b'") && screen.contains("Nodes      2"), "{screen}");
    // Answers that arrive lose nothing of what was typed.
    stage.jobs(&[RUNS]);
    assert!(stage.screen(140, 40).contains("--fast"));
    stage.keys("enter");
    let Some(Effect::Run(id, Command::Submit(submission))) = stage.effects.last().cloned() else { panic!("{:?}", stage.effects) };
    assert_eq!(
        (submission.path.as_str(), submission.args.as_slice()),
        ("/home/me/hello.sbatch", &["--fast".to_owned(), "a b".to_owned()][..])
    );
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Submitted { job: JobId::new("200"), said: String::new() }) });
    stage.jobs(&[RUNS, ("200", "hello", JobState::Pending)]);
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("200"));
    assert!(stage.screen(140, 40).contains("Submitted as job 200"));
}

#[test]
fn files_that_differ_are_asked_about() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("f enter");
    let Some(Effect::Run(id, Command::Fetch(fetch))) = stage.effects.last().cloned() else { panic!("{:?}", stage.effects) };
    assert_eq!((fetch.existing, fetch.work_dir), (Existing::Ask, false));
    let differs = Receipt::Differs { dest: "/data/x".into(), files: vec!["out.txt".into()] };
    stage.send(Event::Progressed { id, progress: Progress::Done(differs) });
    assert!(stage.screen(140, 40).contains("out.txt"));
    stage.keys("o");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Fetch(f))) if f.existing == Existing::Overwrite));
}

#[test]
fn a_failure_stands_beside_the_last_good_rows() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let failure = Failure::new(FailureKind::Unreachable, "prod", "Unable to contact slurm controller (connect failure)");
    stage.answer(Query::Jobs { cluster: prod(), scope: Scope::Mine }, Err(failure));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("train-resnet") && screen.contains("✗ Unable to contact slurm controller"), "{screen}");
    stage.jobs(&[RUNS]);
    assert!(!stage.screen(140, 40).contains("Unable"));
}

#[test]
fn what_ssh_asks_is_shown_once_and_answered() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    let asking = Link::Asking(Prompt { id: 7, text: "ED25519 key fingerprint is SHA256:abc. Continue (yes/no)?".into(), secret: false });
    stage.answer(Query::Link(prod()), Ok(Answer::Link(asking.clone())));
    stage.answer(Query::Link(prod()), Ok(Answer::Link(asking)));
    assert!(stage.screen(140, 40).contains("SHA256:abc"));
    stage.text("yes");
    stage.keys("enter");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Reply { prompt: 7, text: Some(t), .. })) if t == "yes"));
    assert!(!stage.screen(140, 40).contains("SHA256:abc"), "no second overlay below");
}

#[test]
fn filters_and_searches_work_while_they_are_typed() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("/ s w e");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("1 of 3") && !screen.contains("train-resnet  "), "{screen}");
    stage.keys("esc");
    assert!(stage.screen(140, 40).contains("mine 3"));
    stage.wait(1);
    stage.log("epoch 1\nepoch 2\n");
    stage.keys("4 / e p o c h space 1 enter");
    assert!(stage.screen(140, 40).contains("paused"), "the hit is shown, not the end");
    stage.keys("G");
    assert!(stage.screen(140, 40).contains("following"));
}

#[test]
fn sorting_and_scopes_have_their_keys() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("s");
    assert!(stage.screen(140, 40).contains("JOBID ▲"));
    stage.keys("S");
    assert!(stage.screen(140, 40).contains("JOBID ▼"));
    stage.keys("a");
    assert!(stage.wants(|q| *q == Query::Jobs { cluster: prod(), scope: Scope::All }));
}

#[test]
fn a_progress_bar_is_its_last_state_and_old_notices_go() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let screen = stage.screen(140, 40);
    assert!(screen.contains("90%") && !screen.contains("10%"), "{screen}");
    stage.keys("p");
    assert!(stage.screen(140, 40).contains("Paused: nothing is asked"));
    stage.wait(Duration::from_mins(1).as_secs());
    assert!(!stage.screen(140, 40).contains("Paused: nothing is asked"));
    stage.keys("!");
    assert!(stage.screen(140, 40).contains("Paused: nothing is asked"), "but they are kept");
}

#[test]
fn quitting_is_one_key_wherever_no_text_is_typed() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("/ q");
    assert!(!stage.effects.contains(&Effect::Quit));
    stage.keys("esc q");
    assert!(stage.effects.contains(&Effect::Quit));
}
