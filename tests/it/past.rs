//! What a job was and what it can become again, by keys: past jobs, details, again, failed tasks, a shell, the outbox.

use qdeck::model::{
    Again, Answer, ClusterId, Command, Door, Failure, FailureKind, JobDetail, JobId, JobState, LogSource, Origin, Past, Place, Progress,
    Query, Recall, Receipt, SchedulerKind, Submission, Tasks, Unsent, Usage,
};
use qdeck::protocol::{Effect, Event, HandOver, Program, Text};

use crate::stage::{Stage, prod};

fn again(options: &[&str], states: &[(u32, JobState)]) -> Again {
    Again {
        submission: Submission {
            cluster: prod(),
            place: Place::Here,
            path: "/home/me/train.sh".into(),
            dir: Some("/home/me".into()),
            args: vec!["a b".into()],
            options: options.iter().map(|o| (*o).to_owned()).collect(),
            text: Some("#!/bin/sh\n#SBATCH -J train\nsrun train\n".into()),
        },
        notes: vec!["It had to wait for job 7.".into()],
        tasks: (!states.is_empty()).then(|| Tasks { states: states.to_vec(), limit: Some(2) }),
    }
}

fn how(job: &str) -> Query {
    Query::Again { cluster: prod(), job: JobId::new(job) }
}

pub(crate) fn past(n: u32) -> Past {
    let failed = n.is_multiple_of(5);
    Past {
        id: n.to_string(),
        name: format!("train-{n}"),
        user: "me".into(),
        partition: "compute".into(),
        state: Some(if failed { JobState::Failed } else { JobState::Completed }),
        exit_code: failed.then(|| "1:0".into()),
        submitted: Some(1_789_990_000 + i64::from(n)),
        started: Some(1_789_990_010),
        ended: Some(1_789_994_000 + i64::from(n)),
        seen: 1_789_999_000,
        stdout: format!("/home/me/slurm-{n}.out"),
        origin: if n.is_multiple_of(2) { Origin::Accounting } else { Origin::End },
        ..Past::default()
    }
}

pub(crate) fn history(text: &str) -> Query {
    let recall = Recall { text: text.into(), state: None, days: Some(7), everyone: false };
    Query::History { cluster: prod(), recall }
}

pub(crate) fn detail(job: &str) -> JobDetail {
    let fields = [
        ("JobId", "99"),
        ("JobName", "prep"),
        ("UserId", "me(1000)"),
        ("JobState", "FAILED"),
        ("Reason", "NonZeroExitCode"),
        ("SubmitTime", "2026-09-21T13:00:00"),
        ("StartTime", "2026-09-21T13:01:00"),
        ("EndTime", "2026-09-21T13:03:00"),
        ("RunTime", "00:02:00"),
        ("TimeLimit", "01:00:00"),
        ("Partition", "compute"),
        ("NodeList", "compute-dy-c5large-[1-2]"),
        ("NumNodes", "2"),
        ("NumCPUs", "8"),
    ];
    JobDetail {
        id: JobId::new(job),
        scheduler: SchedulerKind::Slurm,
        state: JobState::Failed,
        exit_code: Some("0:9".into()),
        stdout: Some("/home/me/o".into()),
        stderr: Some("/home/me/o".into()),
        work_dir: Some("/home/me".into()),
        fields: fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        usage: Some(Box::new(Usage { source: "sacct".into(), elapsed: Some(120), cpus: Some(8), cpu_time: Some(700), ..Usage::default() })),
        remembered: None,
    }
}

#[test]
fn past_jobs_are_searched_sorted_out_and_opened() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("P");
    assert!(stage.wants(|q| *q == history("")));
    stage.answer(history(""), Ok(Answer::History((1..=60).rev().map(past).collect())));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("train-60") && screen.contains("accounting") && screen.contains("asked at its end"), "{screen}");
    stage.keys("s");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("12 of 60") && !screen.contains("train-59") && screen.contains("1:0"), "{screen}");
    stage.keys("s s s s / n - 4");
    assert!(stage.screen(140, 40).contains("11 of 60"), "{}", stage.screen(140, 40));
    stage.keys("enter j j enter");
    let wanted = Query::Examine { cluster: prod(), job: JobId::new("47") };
    assert!(stage.wants(|q| *q == wanted), "{:?}", stage.app.wants());
    stage.keys("esc l");
    stage.wait(1);
    let log = stage.log_query().unwrap();
    assert!(matches!(log, Query::Log(LogSource::Output { job, .. }, _) if job.as_str() == "47"));
    // Further back, and everybody's, are other questions.
    stage.keys("3 P t a");
    assert!(stage.wants(|q| matches!(q, Query::History { recall, .. } if recall.days == Some(30) && recall.everyone)));
}

#[test]
fn more_past_jobs_than_one_answer_holds_are_searched_where_they_are() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("P");
    stage.answer(history(""), Ok(Answer::History((1..=2_000).rev().map(past).collect())));
    stage.keys("/ x y");
    assert!(stage.wants(|q| *q == history("xy")));
    stage.answer(history("xy"), Ok(Answer::History(vec![Past { name: "xyz".into(), ..past(3) }])));
    assert!(stage.screen(140, 40).contains("xyz"));
    stage.keys("esc");
    stage.keys("G");
    assert!(stage.screen(140, 40).contains("xyz"), "the last answer stays until the whole list is there again");
}

#[test]
fn a_job_is_told_in_words_with_the_instances_behind_its_nodes() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("G enter");
    let query = Query::Examine { cluster: prod(), job: JobId::new("99") };
    stage.answer(query.clone(), Ok(Answer::Detail(detail("99"))));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("SIGKILL") && screen.contains("73 %") && screen.contains("compute-dy-c5large-1"), "{screen}");
    let remembered = JobDetail { remembered: Some(1_789_999_000), ..detail("99") };
    stage.answer(query, Ok(Answer::Detail(remembered)));
    assert!(stage.screen(140, 40).contains("from qdeck's record, last seen 16 min ago"), "{}", stage.screen(140, 40));
}

#[test]
fn a_job_is_submitted_again_as_it_was_edited_or_not_at_all() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("e");
    assert!(stage.wants(|q| *q == how("101")));
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&["--nice=3"], &[])))));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("sbatch --nice=3 --chdir=/home/me train.sh 'a b'") && screen.contains("It had to wait"), "{screen}");
    // The script goes to the editor and comes back changed.
    stage.keys("ctrl-o");
    let Some(Effect::HandOver(HandOver { program: Program::Editor, text: Some((name, Text::Words(text))), .. })) =
        stage.effects.last().cloned()
    else {
        panic!("{:?}", stage.effects)
    };
    assert_eq!(name, "train.sh");
    stage.send(Event::HandedBack(Ok(Some(text.replace("srun", "mpirun")))));
    assert!(stage.screen(140, 40).contains("mpirun train"));
    stage.text(" -p gpu");
    stage.keys("enter");
    let Some(Effect::Run(_, Command::Submit(sent))) = stage.effects.last() else { panic!("{:?}", stage.effects) };
    assert_eq!(
        (sent.options.as_slice(), sent.args.as_slice()),
        (&["--nice=3".to_owned(), "-p".into(), "gpu".into()][..], &["a b".to_owned()][..])
    );
    assert!(sent.text.as_deref().unwrap().contains("mpirun"));
    assert!(stage.screen(140, 40).contains("3 Jobs"), "the form is closed");
    // What cannot be had is said, and an answer that comes after Esc opens nothing.
    stage.keys("e");
    let denied = Failure::new(FailureKind::Denied, "prod", "Access/permission denied");
    stage.answer(how("101"), Err(denied));
    assert!(stage.screen(140, 40).contains("Access/permission denied"));
    stage.keys("e esc");
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&[], &[])))));
    assert!(!stage.screen(140, 40).contains("Submit train.sh"));
}

#[test]
fn the_failed_tasks_are_one_enter_away() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let states: Vec<_> = (1..=9).map(|n| (n, if [3, 5, 7, 8, 9].contains(&n) { JobState::Failed } else { JobState::Completed })).collect();
    stage.keys("E");
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&["--array=1-9%2"], &states)))));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("--array=3,5,7-9%2") && screen.contains("5 failed, 4 completed"), "{screen}");
    stage.keys("enter");
    let Some(Effect::Run(_, Command::Submit(sent))) = stage.effects.last() else { panic!("{:?}", stage.effects) };
    assert_eq!(sent.options, ["--array=3,5,7-9%2"]);
    // No array, and no failure, are said instead.
    stage.keys("E");
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&[], &[])))));
    assert!(stage.screen(140, 40).contains("is no array"));
    stage.keys("E");
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&[], &states[..2])))));
    assert!(stage.screen(140, 40).contains("No task of array 101 is known to have failed: 2 completed."));
}

#[test]
fn a_shell_is_asked_for_and_gets_the_terminal() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("A");
    let query = Query::Shell { cluster: prod(), door: Door::Job(JobId::new("101")) };
    assert!(stage.wants(|q| *q == query));
    stage.answer(query, Ok(Answer::Shell(vec!["ssh".into(), "x".into()])));
    assert!(matches!(stage.effects.last(), Some(Effect::HandOver(h)) if h.program == Program::Words(vec!["ssh".into(), "x".into()])));
    stage.send(Event::HandedBack(Ok(None)));
    assert!(!stage.screen(140, 40).contains("One moment"));
    // What waits has no shell.
    stage.keys("j A");
    assert!(stage.screen(140, 40).contains("there is nothing to attach to"));
    stage.keys("2 g A");
    let node = Query::Shell { cluster: prod(), door: Door::Node("gpu-dy-p4d-2".into()) };
    assert!(stage.wants(|q| *q == node), "{:?}", stage.app.wants());
}

#[test]
fn a_script_is_read_copied_and_saved() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("b");
    stage.answer(how("101"), Ok(Answer::Again(Box::new(again(&[], &[])))));
    assert!(stage.screen(140, 40).contains("srun train"));
    stage.keys("y");
    assert!(matches!(stage.effects.last(), Some(Effect::Copy(text)) if text.starts_with("#!/bin/sh\n")));
    // Esc leaves the line that is typed, and the script stays.
    let sent = stage.effects.len();
    stage.keys("s esc");
    assert!(stage.screen(140, 40).contains("srun train") && stage.effects.len() == sent);
    stage.keys("s enter");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Save { path, .. })) if path.to_str() == Some("/data/train.sh")));
    stage.keys("p");
    assert!(matches!(stage.effects.last(), Some(Effect::HandOver(h)) if h.program == Program::Pager));
}

fn unsent(token: &str, cluster: &ClusterId) -> Unsent {
    Unsent { token: token.into(), cluster: cluster.clone(), name: "train.sh".into(), begun: 1_789_999_990, busy: false, stale: false }
}

#[test]
fn what_was_cut_off_is_finished_once_where_one_looks_and_told_elsewhere() {
    let mut stage = Stage::new(140, 40);
    assert!(stage.wants(|q| *q == Query::Outbox), "from the beginning");
    let other = ClusterId::new("lab/eu-west-1/other");
    let busy = Unsent { busy: true, ..unsent("c", &prod()) };
    let stale = Unsent { stale: true, ..unsent("d", &prod()) };
    let all = vec![unsent("a", &prod()), unsent("b", &other), busy, stale];
    stage.answer(Query::Outbox, Ok(Answer::Outbox(all.clone())));
    assert!(stage.effects.is_empty(), "nothing before its scheduler answers");
    stage.full();
    let finish = Command::Finish { cluster: prod(), token: "a".into() };
    let runs = |stage: &Stage| stage.effects.iter().filter(|e| matches!(e, Effect::Run(_, Command::Finish { .. }))).count();
    assert!(stage.effects.iter().any(|e| matches!(e, Effect::Run(_, c) if *c == finish)), "{:?}", stage.effects);
    stage.jobs(&[("101", "train", JobState::Running)]);
    stage.answer(Query::Outbox, Ok(Answer::Outbox(all)));
    assert_eq!(runs(&stage), 1, "never twice, and not what another process works on or nobody can tell of");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("cut off: train.sh for other") && screen.contains("O finishes it"), "{screen}");
    let Some(Effect::Run(id, _)) = stage.effects.iter().find(|e| matches!(e, Effect::Run(_, c) if *c == finish)).cloned() else { panic!() };
    let done = Receipt::Submitted { job: JobId::new("42"), said: String::new() };
    stage.send(Event::Progressed { id, progress: Progress::Done(done) });
    assert!(stage.screen(140, 40).contains("train.sh, which was cut off, is job 42."), "{}", stage.screen(140, 40));
    // By hand: what another process works on is left to it.
    stage.keys("O j enter");
    assert_eq!(runs(&stage), 2);
    stage.keys("j enter");
    assert_eq!(runs(&stage), 2);
    assert!(stage.screen(140, 40).contains("at work on train.sh already"));
    stage.keys("j d y");
    assert!(matches!(stage.effects.last(), Some(Effect::Run(_, Command::Forget { token, .. })) if token == "d"));
}
