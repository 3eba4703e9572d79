//! What the user is told of jobs: at the corner of the screen and outside of it, once, and of nobody's jobs but those that are theirs to know.

use std::sync::Arc;

use qdeck::config::{Notify, Occasion};
use qdeck::model::{
    Answer, Cadence, Change, Failure, FailureKind, JobDetail, JobId, JobState, JobTable, NewJob, Query, SchedulerKind, Scope,
};
use qdeck::protocol::{Effect, Event};

use crate::stage::{Stage, prod};

fn change(job: &str, name: &str, from: Option<JobState>, to: JobState) -> Change {
    let array = job.split_once('_').map_or("", |(array, _)| array).to_owned();
    Change { job: JobId::new(job), array, name: name.into(), from, to, exit_code: None }
}

fn mine() -> Query {
    Query::Jobs { cluster: prod(), scope: Scope::Mine }
}

fn hear(stage: &mut Stage, changes: Vec<Change>) {
    let mut table = JobTable::default();
    table.changes = changes;
    table.push(&NewJob { id: "1", user: "me", name: "mine", state: Some(JobState::Running), ..NewJob::default() });
    stage.answer(mine(), Ok(Answer::Jobs(Arc::new(table))));
}

fn everything() -> Notify {
    let command = ["tell", "{job}", "{state}"].map(str::to_owned).to_vec();
    Notify { bell: true, terminal: true, command, ..Notify::default() }
}

const WAITS: Option<JobState> = Some(JobState::Pending);
const RUNS: Option<JobState> = Some(JobState::Running);

#[test]
fn starts_and_ends_are_noticed_whatever_is_on_screen() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("4 z");
    hear(&mut stage, vec![change("7", "train", WAITS, JobState::Running)]);
    assert!(stage.screen(140, 40).contains("Job 7 train has started."));
    stage.keys("z 3 / n o t h i n g enter");
    hear(&mut stage, vec![change("7", "train", RUNS, JobState::Timeout), change("8", "prep", WAITS, JobState::Completed)]);
    let screen = stage.screen(140, 40);
    assert!(screen.contains("✗ Job 7 train has failed: TIMEOUT.") && screen.contains("✓ Job 8 prep has ended: COMPLETED."), "{screen}");
    assert!(stage.effects.is_empty(), "nothing outside of the screen unless it is wanted: {:?}", stage.effects);
}

#[test]
fn the_bell_a_message_and_a_command_are_by_choice_and_once() {
    let mut stage = Stage::told(140, 40, everything());
    stage.full();
    let exit = Change { exit_code: Some("3:0".into()), ..change("7", "a\x1b]52;c;x\x07b\u{9c}", RUNS, JobState::Failed) };
    hear(&mut stage, vec![exit]);
    let [Effect::Bell, Effect::Post(text), Effect::Hook { words, variables }] = stage.effects.as_slice() else {
        panic!("{:?}", stage.effects)
    };
    assert_eq!(text, "prod: Job 7 a␛]52;c;x␇b\u{fffd} has failed: FAILED, exit 3:0.");
    assert_eq!(words, &["tell", "7", "FAILED"]);
    let value = |key: &str| variables.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    assert_eq!((value("QDECK_JOB"), value("QDECK_STATE"), value("QDECK_EXIT")), (Some("7"), Some("FAILED"), Some("3:0")));
    assert_eq!(value("QDECK_NAME"), Some("a␛]52;c;x␇b\u{fffd}"));
    stage.effects.clear();
    hear(&mut stage, Vec::new());
    assert!(stage.effects.is_empty());
    // Only what is wanted.
    let mut stage = Stage::told(140, 40, Notify { on: vec![Occasion::Failed], ..everything() });
    stage.full();
    hear(&mut stage, vec![change("7", "x", RUNS, JobState::Completed), change("8", "x", WAITS, JobState::Running)]);
    assert!(stage.effects.is_empty() && stage.screen(140, 40).contains("has ended"));
}

#[test]
fn a_great_many_are_one_notice_and_one_bell() {
    let mut stage = Stage::told(140, 40, everything());
    stage.full();
    let mut changes: Vec<Change> = (0..1_000).map(|n| change(&format!("18240_{n}"), "sweep", RUNS, JobState::Completed)).collect();
    changes[4].to = JobState::Failed;
    changes[5].to = JobState::OutOfMemory;
    hear(&mut stage, changes);
    assert!(stage.screen(140, 40).contains("1000 tasks of 18240 sweep have ended, 2 failed."));
    assert_eq!(stage.effects.len(), 3, "{:?}", stage.effects);
    stage.effects.clear();
    hear(&mut stage, (0..500).map(|n| change(&n.to_string(), "x", RUNS, JobState::Completed)).collect());
    let screen = stage.screen(140, 40);
    assert!(screen.contains("Jobs: 500 ended.") && screen.contains("0 x, 1 x, 2 x, 3 x …"), "{screen}");
    let hooks = stage.effects.iter().filter(|effect| matches!(effect, Effect::Hook { .. })).count();
    assert_eq!((stage.effects.iter().filter(|effect| **effect == Effect::Bell).count(), hooks), (1, 20));
}

#[test]
fn somebody_else_s_job_is_told_of_when_it_is_watched() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("a");
    let mut table = JobTable::default();
    for (id, user) in [("40", "bob"), ("101", "me")] {
        table.push(&NewJob { id, user, name: "theirs", state: Some(JobState::Pending), ..NewJob::default() });
    }
    stage.answer(Query::Jobs { cluster: prod(), scope: Scope::All }, Ok(Answer::Jobs(Arc::new(table))));
    stage.keys("g W");
    assert!(stage.screen(140, 40).contains("You are told of job 40 from now on.") && stage.screen(140, 40).contains("◉ 40"));
    let detail = Query::Detail { cluster: prod(), job: JobId::new("40") };
    assert!(stage.app.wants().iter().any(|(q, c)| *q == detail && matches!(c, Cadence::Every(_))));
    let answer = |state| {
        Ok(Answer::Detail(JobDetail {
            id: JobId::new("40"),
            scheduler: SchedulerKind::Slurm,
            state,
            exit_code: None,
            stdout: None,
            stderr: None,
            work_dir: None,
            fields: Vec::new(),
            usage: None,
            remembered: None,
        }))
    };
    stage.answer(detail.clone(), answer(JobState::Running));
    assert!(stage.screen(140, 40).contains("Job 40 theirs has started."));
    stage.answer(detail.clone(), answer(JobState::Running));
    stage.answer(detail.clone(), Err(Failure::new(FailureKind::TimedOut, "prod", "slow")));
    stage.answer(detail.clone(), Err(Failure::new(FailureKind::NotFound, "prod", "Invalid job id")));
    assert!(stage.screen(140, 40).contains("Job 40 theirs has left the queue"));
    assert!(!stage.wants(|q| *q == detail), "nothing more is to be told");
    // One's own job can be left out, and taken in again.
    stage.keys("G W");
    assert!(stage.screen(140, 40).contains("You are no longer told of job 101.") && stage.screen(140, 40).contains("⊘ 101"));
    stage.wait(60);
    hear(&mut stage, vec![change("101", "quiet", WAITS, JobState::Running)]);
    assert!(!stage.screen(140, 40).contains("quiet has started"));
}

#[test]
fn own_jobs_are_looked_at_seldom_where_they_are_out_of_sight() {
    let seconds = |stage: &Stage| {
        let wants = stage.app.wants();
        let found = wants.iter().find(|(query, _)| *query == mine());
        found.map(|(_, cadence)| if let Cadence::Every(every) = cadence { every.as_secs() } else { 0 })
    };
    let mut stage = Stage::new(140, 40);
    stage.full();
    assert_eq!(seconds(&stage), Some(5));
    stage.keys("4 z");
    assert_eq!(seconds(&stage), Some(15));
    stage.send(Event::Focused(false));
    assert_eq!(seconds(&stage), None);
    let mut stage = Stage::told(140, 40, Notify { unfocused: true, ..Notify::default() });
    stage.full();
    stage.send(Event::Focused(false));
    assert_eq!(seconds(&stage), Some(60));
    stage.keys("p");
    assert_eq!(seconds(&stage), None, "paused is paused");
}

#[test]
fn what_it_costs_is_counted_and_shown() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    assert!(!stage.screen(140, 40).contains("/min"));
    for second in 1..=60 {
        stage.wait(1);
        if second % 5 == 0 {
            hear(&mut stage, Vec::new());
        }
    }
    // A queue every five seconds, two RPCs each, and the first six seconds after it began.
    let screen = stage.screen(140, 40);
    assert!(screen.lines().next().unwrap().contains("23 RPC/min"), "{screen}");
    stage.keys("p");
    stage.wait(1);
    assert!(!stage.screen(140, 40).contains("/min"), "nothing is asked");
}
