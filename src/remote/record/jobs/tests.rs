//! Jobs that come, change and leave, over whole files of the record: none forgotten, none asked about twice.

use super::*;
use crate::model::{NewJob, Recall};
use crate::remote::record::Taken;

fn table(jobs: &[(&str, JobState)]) -> JobTable {
    let mut table = JobTable::default();
    for (id, state) in jobs {
        let array = id.split_once('_').map_or("", |(a, _)| a);
        table.push(&NewJob {
            id,
            array_job_id: array,
            name: "n",
            user: "me",
            state: Some(*state),
            submitted: Some(5),
            ..NewJob::default()
        });
    }
    table
}

fn ended(id: &str, state: JobState) -> Past {
    Past { id: id.into(), state: Some(state), exit_code: Some("1:0".into()), submitted: Some(5), stdout: "/o".into(), ..Past::default() }
}

#[test]
fn no_change_is_lost_when_a_state_is_jumped_over() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("a/record.sqlite"));
    let cluster = ClusterId::local();
    let mut first = table(&[("1", JobState::Pending), ("2", JobState::Running)]);
    assert_eq!(record.saw(&cluster, Scope::Mine, &mut first).unwrap(), []);
    assert_eq!(record.news(&cluster), []);
    // Job 1 ran and failed between two looks, job 3 came and waits.
    let mut second = table(&[("2", JobState::Running), ("3", JobState::Pending)]);
    let asked = record.saw(&cluster, Scope::Mine, &mut second).unwrap();
    assert_eq!(asked, [JobId::new("1")]);
    record.complete(&cluster, &asked, &[ended("1", JobState::Failed)]).unwrap();
    let news = record.news(&cluster);
    let told: Vec<_> = news.iter().map(|c| (c.job.as_str(), c.from, c.to, c.exit_code.as_deref())).collect();
    assert_eq!(told, [("3", None, JobState::Pending, None), ("1", Some(JobState::Pending), JobState::Failed, Some("1:0"))]);
    // Nothing new is said twice.
    let mut third = table(&[("2", JobState::Running), ("3", JobState::Pending)]);
    assert_eq!((record.saw(&cluster, Scope::Mine, &mut third).unwrap(), record.news(&cluster).len()), (vec![], 0));
    // Another process goes on where this one was killed: what it did not see ends all the same.
    let other = Record::at(dir.path().join("a/record.sqlite"));
    let mut later = table(&[("2", JobState::Completed)]);
    let asked = other.saw(&cluster, Scope::Mine, &mut later).unwrap();
    assert_eq!(asked.len(), 2);
    other.complete(&cluster, &asked, &[ended("2", JobState::Completed)]).unwrap();
    // Nobody knows how job 3 ended, and that is told too.
    let news = other.news(&cluster);
    let told: Vec<_> = news.iter().map(|c| (c.job.as_str(), c.name.as_str(), c.from, c.to)).collect();
    let (running, pending) = (Some(JobState::Running), Some(JobState::Pending));
    assert_eq!(told, [("2", "n", running, JobState::Completed), ("3", "n", pending, JobState::Unknown)]);
    let all = other.recall(&cluster, &Recall::default()).unwrap();
    let states: Vec<_> = all.iter().map(|p| (p.id.as_str(), p.state.unwrap())).collect();
    assert_eq!(states, [("3", JobState::Unknown), ("2", JobState::Completed), ("1", JobState::Failed)]);
    assert_eq!((all[1].stdout.as_str(), all[1].exit_code.as_deref(), all[1].name.as_str()), ("/o", Some("1:0"), "n"));
    let failed = Recall { state: Some(JobState::Failed), text: "n".into(), ..Recall::default() };
    assert_eq!(other.recall(&cluster, &failed).unwrap().len(), 1);
    assert_eq!(other.recall(&cluster, &Recall { text: "100%".into(), ..Recall::default() }).unwrap(), []);
}

#[test]
fn a_job_stays_itself_where_its_time_of_submission_is_told_only_now_and_then() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("record.sqlite"));
    let cluster = ClusterId::local();
    let look = |state: JobState, submitted: Option<i64>| {
        let mut table = JobTable::default();
        table.push(&NewJob { id: "1", name: "n", user: "me", state: Some(state), submitted, ..NewJob::default() });
        let asked = record.saw(&cluster, Scope::Mine, &mut table).unwrap();
        (asked.len(), record.news(&cluster).iter().map(|c| (c.from, c.to)).collect::<Vec<_>>())
    };
    assert_eq!(look(JobState::Running, None), (0, vec![]));
    assert_eq!(look(JobState::Pending, Some(5)), (0, vec![(Some(JobState::Running), JobState::Pending)]));
    assert_eq!(look(JobState::Running, None), (0, vec![(Some(JobState::Pending), JobState::Running)]));
    let mut none = JobTable::default();
    let asked = record.saw(&cluster, Scope::Mine, &mut none).unwrap();
    record.complete(&cluster, &asked, &[Past { submitted: Some(9), ..ended("1", JobState::Failed) }]).unwrap();
    let all = record.recall(&cluster, &Recall::default()).unwrap();
    assert_eq!(all.iter().map(|p| (p.state, p.submitted)).collect::<Vec<_>>(), [(Some(JobState::Failed), Some(5))]);
}

#[test]
fn what_comes_and_ends_between_two_looks_is_news_and_old_ends_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("record.sqlite"));
    let cluster = ClusterId::local();
    let look = |scope, jobs: &[(&str, JobState)]| {
        record.saw(&cluster, scope, &mut table(jobs)).unwrap();
        record.news(&cluster).into_iter().map(|c| (c.job.to_string(), c.from, c.to)).collect::<Vec<_>>()
    };
    let over = JobState::Completed;
    assert_eq!(look(Scope::All, &[]), []);
    assert_eq!(look(Scope::Mine, &[("1", over)]), [], "it ended before anybody looked");
    assert_eq!(look(Scope::Mine, &[("1", over), ("2", over)]), [("2".into(), None, over)]);
    // Everybody's queue lists no ended job; when one's own is shown again, only what is new there is news.
    assert_eq!(look(Scope::All, &[]), []);
    assert_eq!(look(Scope::Mine, &[("1", over), ("2", over), ("3", JobState::Failed)]), [("3".into(), None, JobState::Failed)]);
}

#[test]
fn an_answer_that_nobody_waited_for_loses_no_news() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("record.sqlite"));
    let cluster = ClusterId::local();
    for state in [JobState::Pending, JobState::Running, JobState::Suspended] {
        record.saw(&cluster, Scope::Mine, &mut table(&[("1", state)])).unwrap();
    }
    let states: Vec<_> = record.news(&cluster).into_iter().map(|c| (c.from, c.to)).collect();
    let (pending, running) = (JobState::Pending, JobState::Running);
    assert_eq!(states, [(Some(pending), running), (Some(running), JobState::Suspended)]);
}

#[test]
fn tasks_that_left_the_queue_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("record.sqlite"));
    let cluster = ClusterId::local();
    let mut first =
        table(&[("7_1", JobState::Completed), ("7_2", JobState::Failed), ("7_3", JobState::Running), ("7_[4-9]", JobState::Pending)]);
    record.saw(&cluster, Scope::Mine, &mut first).unwrap();
    assert_eq!(first.past, []);
    let mut later = table(&[("7_3", JobState::Running)]);
    record.saw(&cluster, Scope::Mine, &mut later).unwrap();
    assert_eq!(later.past, [("7".into(), 1, 1)]);
}

#[test]
fn a_submission_is_open_until_its_answer_is_known() {
    use crate::model::{Place, Submission};
    let dir = tempfile::tempdir().unwrap();
    let record = Record::at(dir.path().join("record.sqlite"));
    let submission = Submission {
        cluster: ClusterId::new("c"),
        place: Place::Head(ClusterId::new("c")),
        path: "/a/b c.sh".into(),
        dir: None,
        args: vec!["x\ny".into()],
        options: vec![],
        text: Some("#!/bin/sh\n".into()),
    };
    record.begin("t", &submission).unwrap();
    let open = Record::at(dir.path().join("record.sqlite")).unsent().unwrap();
    assert_eq!((open[0].name.as_str(), open[0].busy), ("b c.sh", true));
    assert_eq!(record.take("t").unwrap(), Taken::Busy, "who began it still works on it");
    record.release("t").unwrap();
    assert!(matches!(record.take("t").unwrap(), Taken::Draft(draft) if draft.submission == submission));
    assert_eq!(Record::at(dir.path().join("record.sqlite")).take("t").unwrap(), Taken::Busy, "nobody takes it twice");
    record.settle("t", Ok(&JobId::new("9"))).unwrap();
    assert_eq!((record.unsent().unwrap().len(), record.take("t").unwrap()), (0, Taken::Settled));
    let (draft, begun) = record.submitted(&ClusterId::new("c"), &JobId::new("9_4")).unwrap().unwrap();
    assert_eq!((draft.token.as_str(), draft.submission, begun), ("t", submission, open[0].begun));
}
