//! Keys through the real keymap, events in; effects, wants and screens out. No IO, no time but ours.

use std::time::Duration;

use qdeck::model::{
    Answer, Cadence, Command, Existing, Failure, FailureKind, FileEntry, FileKind, JobId, JobState, JobTable, Link, NewJob, Place, Preview,
    Progress, Prompt, Query, Receipt, Scope,
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
fn a_question_that_ssh_takes_back_is_closed() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    let asking = |id| Link::Asking(Prompt { id, text: format!("(me@prod) Code {id}:"), secret: true });
    stage.answer(Query::Link(prod()), Ok(Answer::Link(asking(7))));
    let failure = Failure::new(FailureKind::Unreachable, "prod", "Connection closed");
    stage.answer(Query::Link(prod()), Ok(Answer::Link(Link::Down { failure, retry_in: None })));
    assert!(!stage.screen(140, 40).contains("Code 7"));
    stage.answer(Query::Link(prod()), Ok(Answer::Link(asking(8))));
    assert!(stage.screen(140, 40).contains("Code 8"));
    stage.keys("esc");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Reply { prompt: 8, text: None, .. }))));
}

#[test]
fn a_question_over_a_word_that_is_typed_takes_no_part_of_it() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("/ t r a");
    let asking = Link::Asking(Prompt { id: 7, text: "(me@prod) Password:".into(), secret: true });
    stage.answer(Query::Link(prod()), Ok(Answer::Link(asking)));
    stage.keys("i n enter");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("Password:") && !screen.contains('•'), "{screen}");
    assert!(!stage.effects.iter().any(|effect| matches!(effect, Effect::Run(_, Command::Reply { .. }))));
    stage.wait(1);
    stage.text("s3cret");
    assert!(stage.screen(140, 40).contains("••••••"));
    stage.keys("enter");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Reply { prompt: 7, text: Some(t), .. })) if t == "s3cret"));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("train-resnet") && screen.contains("1 of 3"), "the word is whole: {screen}");
}

#[test]
fn a_host_key_that_is_vouched_for_is_told_and_asks_nothing() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.answer(Query::Link(prod()), Ok(Answer::Link(Link::Comparing)));
    assert!(stage.screen(140, 40).contains("comparing the host key"));
    stage.answer(Query::Link(prod()), Ok(Answer::Link(Link::Trusted("The host key of prod is the one in the output.".into()))));
    stage.answer(Query::Link(prod()), Ok(Answer::Link(Link::Trusted("The host key of prod is the one in the output.".into()))));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("✓ The host key of prod is the one in the output.") && screen.contains("◐ connecting"), "{screen}");
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
fn an_array_is_one_row_until_it_is_opened() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    let screen = stage.screen(140, 40);
    assert!(screen.contains("▸18240_[33-99]") && screen.contains("32 ✓ 4 ✗ 4 ▶ 60 ○") && !screen.contains("18240_34"), "{screen}");
    assert!(screen.contains("mine 69 · ▶ 5 · ○ 61"), "each task counts: {screen}");
    stage.keys("j right");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("▾18240_[33-99]") && screen.contains("    18240_34") && screen.contains("    18240_[40-99%10]"), "{screen}");
    stage.keys("j j");
    // From a task to its array, which is closed, and stays closed when the queue answers again.
    stage.keys("left");
    stage.table(Stage::swept());
    let screen = stage.screen(140, 40);
    assert!(screen.contains("▸18240_[33-99]") && !screen.contains("18240_34"), "{screen}");
    stage.keys("y");
    assert_eq!(stage.effects.pop(), Some(Effect::Copy("18240".into())), "the cursor went with it");
    // A filter that hits tasks shows them.
    stage.keys("/");
    stage.text("state:F,TO");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("mine 2 of 69") && screen.contains("    18240_35") && !screen.contains("18240_34"), "{screen}");
}

#[test]
fn the_log_of_an_array_stays_while_its_task_runs_or_is_read() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    stage.keys("j");
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("18240_33"), "a running task stands for it");
    let mut later = JobTable::default();
    for (task, state) in [("33", JobState::Completed), ("34", JobState::Running)] {
        let id = format!("18240_{task}");
        later.push(&NewJob { id: &id, array_job_id: "18240", array_task_id: task, state: Some(state), ..NewJob::default() });
    }
    stage.table(later);
    stage.wait(1);
    assert_eq!(stage.log_job().as_deref(), Some("18240_33"), "nobody moved the cursor");
}

/// The jobs that a change was asked for, after it was confirmed.
fn asked(stage: &mut Stage) -> Vec<String> {
    let effect = stage.effects.pop();
    assert!(matches!(effect, Some(Effect::Run(_, Command::Change { .. }))), "{effect:?}");
    let Some(Effect::Run(_, Command::Change { jobs, .. })) = effect else { return Vec::new() };
    jobs.iter().map(ToString::to_string).collect()
}

#[test]
fn verbs_mean_the_marked_rows_and_what_is_seen_as_one_row() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    stage.keys("space space");
    assert!(stage.screen(140, 40).contains("◆ 2 marked"));
    stage.keys("c y");
    assert_eq!(asked(&mut stage), ["18231", "18240"], "a closed array is the whole of it");
    // Details are of the row under the cursor, whatever is marked.
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("Job 18310"));
    stage.keys("esc");
    // Marks stay through refreshes, orders and filters, and go when their job does.
    stage.keys("s S /");
    stage.text("finetune");
    stage.keys("enter");
    stage.table(Stage::swept());
    assert!(stage.screen(140, 40).contains("◆ 2 marked, 2 out of sight"), "{}", stage.screen(140, 40));
    stage.keys("esc");
    stage.jobs(&[("18231", "train-resnet", JobState::Running)]);
    assert!(stage.screen(140, 40).contains("◆ 1 marked"));
    stage.keys("esc");
    assert!(!stage.screen(140, 40).contains("marked"));
}

#[test]
fn ranges_and_all_mark_tasks_and_not_the_array_above_them() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    stage.keys("j right g space j j j v c y");
    assert!(stage.screen(140, 40).contains("◆ 4 marked"), "{}", stage.screen(140, 40));
    assert_eq!(asked(&mut stage), ["18231", "18240_33", "18240_34"], "the fourth has ended already");
    stage.keys("* c y");
    let all = asked(&mut stage);
    assert!(
        all.contains(&"18240_[40-99]".to_owned()) && !all.contains(&"18240".to_owned()) && all.len() == 7,
        "{all:?}: without the array itself and what has ended"
    );
    stage.keys("*");
    assert!(!stage.screen(140, 40).contains("marked"), "all were: none is");
    // With a filter only what it shows.
    stage.keys("/");
    stage.text("state:F,TO");
    stage.keys("enter * y");
    assert_eq!(stage.effects.last(), Some(&Effect::Copy("18240_35 18240_38".into())), "the failed tasks");
}

#[test]
fn columns_are_chosen_in_sight_of_the_queue_and_kept() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    stage.keys("K");
    stage.keys("j space");
    assert!(!stage.screen(140, 40).contains("PARTITION  NAME"), "the queue shows it at once");
    stage.keys("esc");
    assert!(stage.screen(140, 40).contains("PARTITION") && stage.effects.is_empty());
    stage.keys("K j space j K + + 0 - G space K enter");
    let Some(Effect::Run(id, Command::KeepColumns(columns))) = stage.effects.pop() else { panic!("{:?}", stage.effects) };
    let words: Vec<String> = columns.iter().map(ToString::to_string).collect();
    assert_eq!(words.join(" "), "JOBID NAME:12 USER ST TIME NODES NODELIST(REASON) DEPENDENCY");
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Saved("/c/config.yaml".into())) });
    assert!(stage.screen(140, 40).contains("Saved in /c/config.yaml"));
    // Nothing chosen, nothing written.
    stage.keys("K enter");
    assert!(stage.effects.is_empty());
    // What could not be written stays all the same until qdeck ends.
    let failure = Failure::new(FailureKind::Denied, "/c/config.yaml", "the file is read-only").hint("Make it writable.");
    stage.keys("K G space enter");
    let Some(Effect::Run(id, _)) = stage.effects.pop() else { panic!("{:?}", stage.effects) };
    stage.send(Event::Progressed { id, progress: Progress::Failed(failure) });
    let screen = stage.screen(140, 40);
    assert!(screen.contains("read-only") && screen.contains("WORK_DIR"), "{screen}");
}

#[test]
fn a_click_on_a_heading_sorts_and_one_on_the_sign_opens() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.table(Stage::swept());
    let at = |stage: &Stage, text: &str| {
        let screen = stage.screen(140, 40);
        let row = screen.lines().position(|line| line.contains(text)).unwrap();
        let line = screen.lines().nth(row).unwrap();
        let column = line[..line.find(text).unwrap()].chars().count();
        (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
    };
    let click = |stage: &mut Stage, text: &str| {
        let (column, row) = at(stage, text);
        stage.send(Event::Moused { what: qdeck::protocol::Mouse::Pressed, column, row });
    };
    click(&mut stage, "TIME");
    assert!(stage.screen(140, 40).contains("TIME ▼"));
    click(&mut stage, "TIME");
    assert!(stage.screen(140, 40).contains("TIME ▲"));
    click(&mut stage, "▸18240");
    assert!(stage.screen(140, 40).contains("▾18240"));
    click(&mut stage, "▾18240");
    assert!(stage.screen(140, 40).contains("▸18240"));
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
