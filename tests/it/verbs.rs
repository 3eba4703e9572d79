//! Verbs on jobs and nodes by their real keys: what is named, what is asked, what is sent once, and what is said after it.

use std::sync::Arc;

use qdeck::model::{
    Answer, Cadence, Command, Failure, FailureKind, JobChange, JobId, JobState, NewJob, Node, NodeChange, NodePhase, NodeTable, Progress,
    Query, Receipt, SchedulerKind, Scope, Why,
};
use qdeck::protocol::{Effect, Event};

use crate::stage::{Stage, prod};

fn job<'a>(id: &'a str, name: &'a str, state: JobState) -> NewJob<'a> {
    let waits = state.is_waiting();
    NewJob {
        id,
        name,
        state: Some(state),
        user: "me",
        partition: "gpu",
        reason: if waits { "Resources" } else { "None" },
        nodes: 2,
        node_list: if waits { "" } else { "gpu-dy-p4d-[1-2]" },
        time_used: Some(if waits { 0 } else { 3_725 }),
        time_limit: Some(7_200),
        ..NewJob::default()
    }
}

fn stage(jobs: &[NewJob<'_>]) -> Stage {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    stage.queue(Scope::Mine, jobs);
    stage
}

fn change(change: JobChange, jobs: &[&str]) -> Option<Command> {
    Some(Command::Change { cluster: prod(), change, jobs: jobs.iter().map(JobId::new).collect() })
}

fn shows(stage: &Stage, wanted: &[&str]) {
    let screen = stage.screen(140, 40);
    for text in wanted {
        assert!(screen.contains(text), "{text:?} is not on\n{screen}");
    }
}

#[test]
fn each_verb_names_its_job_and_is_one_command() {
    let mut stage = stage(&[job("101", "train", JobState::Running), job("102", "post", JobState::Pending)]);
    // Harmless ones are done by Enter, dangerous ones are not.
    stage.keys("j h");
    shows(&stage, &["Hold job 102?", "post  PENDING  of me in gpu on prod.", "does not start until it is released"]);
    stage.keys("enter");
    assert_eq!(stage.sent(), change(JobChange::Hold, &["102"]));
    stage.keys("T enter");
    assert_eq!(stage.sent(), change(JobChange::Top, &["102"]));
    stage.keys("k R");
    shows(&stage, &["Requeue job 101?", "It has run for 1:02:05 on gpu-dy-p4d-[1-2]. It is stopped", "from its beginning"]);
    stage.keys("enter");
    assert_eq!(stage.sent(), change(JobChange::Top, &["102"]), "the default answer leaves a running job alone");
    stage.keys("R y");
    assert_eq!(stage.sent(), change(JobChange::Requeue, &["101"]));
    assert_eq!(stage.effects.len(), 3, "each is one command: {:?}", stage.effects);
}

#[test]
fn a_receipt_says_what_was_done_and_refreshes_the_queue_alone() {
    let mut stage = stage(&[job("102", "post", JobState::Pending)]);
    stage.keys("h enter");
    let id = stage.sent_id();
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Changed { asked: 1, refused: Vec::new() }) });
    shows(&stage, &["✓ Held 102."]);
    assert_eq!(stage.effects.last(), Some(&Effect::Refresh(Query::Jobs { cluster: prod(), scope: Scope::Mine })));
    stage.keys("i 1 0 enter");
    assert_eq!(stage.sent(), change(JobChange::Nice(10), &["102"]));
    let id = stage.sent_id();
    let failure = Failure::new(FailureKind::Denied, "prod", "102: Access/permission denied").hint("Only the job's owner may do that.");
    stage.send(Event::Progressed { id, progress: Progress::Failed(failure) });
    shows(&stage, &["Not done:", "102: Access/permission denied", "Only the job's owner may do that."]);
}

#[test]
fn a_time_limit_is_checked_before_it_is_sent() {
    let mut stage = stage(&[job("101", "train", JobState::Running)]);
    stage.keys("t");
    shows(&stage, &["Time limit of job 101", "train  RUNNING  of me", "Limit  2:00:00"]);
    stage.keys("ctrl-u 2 h enter");
    shows(&stage, &["`2h` is no time"]);
    assert_eq!(stage.sent(), None);
    stage.keys("ctrl-u + 3 0");
    assert!(!stage.screen(140, 40).contains("is no time"), "what is typed anew is not wrong yet");
    stage.keys("enter");
    assert_eq!(stage.sent(), change(JobChange::TimeLimit("+30".into()), &["101"]));
    let id = stage.sent_id();
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Changed { asked: 1, refused: Vec::new() }) });
    shows(&stage, &["Changed the time limit of 101 by +30."]);
    // A whole array takes no difference, and that is said before it is sent.
    let rest = NewJob { array_job_id: "7", array_task_id: "2-9,12%4", ..job("7_[2-9,12%4]", "sweep", JobState::Pending) };
    stage.queue(Scope::Mine, &[rest]);
    stage.keys("t ctrl-u + 5 enter");
    shows(&stage, &["Time limit of array 7, 9 tasks", "takes no difference"]);
}

#[test]
fn signals_are_listed_with_what_they_mean_and_deadly_ones_asked_about() {
    let mut stage = stage(&[job("101", "train", JobState::Running), job("102", "post", JobState::Pending)]);
    stage.keys("C");
    shows(&stage, &["Signal to job 101", "USR1", "KILL   end at once; nothing is written any more"]);
    stage.keys("enter");
    assert_eq!(stage.sent(), change(JobChange::Signal("USR1".into()), &["101"]), "harmless by default");
    stage.keys("C k i l l enter");
    shows(&stage, &["Send SIGKILL to job 101?", "Processes that do not handle it end"]);
    stage.keys("enter");
    assert_eq!(stage.effects.len(), 1, "the safe answer is the default");
    stage.keys("C s i g w i n c h enter y");
    assert_eq!(stage.sent(), change(JobChange::Signal("WINCH".into()), &["101"]));
    stage.keys("C - 9 enter");
    shows(&stage, &["is no signal"]);
    stage.keys("esc j C");
    shows(&stage, &["Job 102 has not started."]);
}

#[test]
fn a_verb_that_does_not_apply_says_why_and_sends_nothing() {
    let held = NewJob { reason: "JobHeldUser", ..job("103", "later", JobState::Pending) };
    let mut stage =
        stage(&[job("101", "train", JobState::Running), job("102", "post", JobState::Pending), held, job("99", "prep", JobState::Failed)]);
    for (keys, said) in [
        ("h", "Job 101 has started already."),
        ("T", "Job 101 has started already."),
        ("H", "Job 101 is not held."),
        ("j H", "Job 102 is not held."),
        ("R", "Job 102 waits in the queue already."),
        ("j h", "Job 103 is held already."),
        ("G t", "Job 99 has ended already: FAILED."),
        ("c", "Job 99 has ended already: FAILED."),
        ("i", "Job 99 has ended already: FAILED."),
    ] {
        stage.keys(keys);
        shows(&stage, &[said]);
        stage.keys("esc");
        stage.wait(1);
    }
    assert_eq!(stage.sent(), None);
    // An ended job can run again under its own id.
    stage.keys("R y");
    assert_eq!(stage.sent(), change(JobChange::Requeue, &["99"]));
}

#[test]
fn the_menu_holds_what_applies_with_its_keys() {
    let mut stage = stage(&[job("101", "train", JobState::Running), job("102", "post", JobState::Pending)]);
    stage.keys("x");
    let screen = stage.screen(140, 40);
    assert!(
        screen.contains("Job 101 · train")
            && screen.contains("Send a signal to the job.")
            && !screen.contains("Keep the job from starting.")
    );
    // By its key, and by the cursor.
    stage.keys("t");
    shows(&stage, &["Time limit of job 101"]);
    stage.keys("esc j x j j j enter");
    assert!(stage.wants(|q| matches!(q, Query::Why { job, .. } if job.as_str() == "102")), "the fourth is why");
}

#[test]
fn what_the_scheduler_does_not_offer_is_nowhere_and_says_so() {
    let mut stage = stage(&[job("101", "train", JobState::Pending)]);
    shows(&stage, &["w why", "h hold"]);
    stage.scheduler(SchedulerKind::Runner);
    let screen = stage.screen(140, 40);
    assert!(!screen.contains("w why") && !screen.contains("h hold") && screen.contains("c cancel"), "{screen}");
    stage.keys("T");
    shows(&stage, &["The queue of this machine cannot do that. (Move the job before"]);
    stage.keys("esc x");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("Cancel the job") && !screen.contains("Keep the job from starting"), "{screen}");
    stage.keys("esc : n i c e");
    assert!(!stage.screen(140, 40).contains("another nice value"), "nor in the palette");
    stage.keys("esc");
    // Grid Engine has nice values, but no top of the queue.
    stage.scheduler(SchedulerKind::GridEngine);
    stage.wait(1);
    stage.keys("T");
    shows(&stage, &["Grid Engine cannot do that."]);
    assert_eq!(stage.sent(), None);
}

#[test]
fn all_of_my_jobs_are_counted_before_they_are_cancelled() {
    let mut stage = stage(&[
        job("101", "train", JobState::Running),
        job("102", "post", JobState::Pending),
        job("103", "post", JobState::Pending),
        job("99", "prep", JobState::Completed),
    ]);
    stage.keys("X");
    shows(&stage, &["Cancel all of your jobs, 3 in the queue?", "1 run, the longest for 1:02:05; 2 wait: 101 train, 102 post and"]);
    stage.keys("enter");
    assert_eq!(stage.sent(), None);
    stage.keys("X y");
    assert_eq!(stage.sent(), change(JobChange::CancelMine, &[]));
    stage.queue(Scope::Mine, &[job("99", "prep", JobState::Completed)]);
    stage.keys("X");
    shows(&stage, &["You have no jobs on prod that have not ended."]);
}

fn explained() -> Why {
    Why {
        reason: "Resources".into(),
        plain: "It is next, and the resources it asks for are in use or still starting.".into(),
        remedy: "It starts when other jobs end or new nodes have booted.".into(),
        estimate: Some(1_790_000_000 + 725),
        place: Some((3, 57)),
        partition: "gpu".into(),
        facts: vec![
            ("Time".into(), "asks for 2:00:00; gpu allows 1-00:00:00".into()),
            ("Nodes of gpu".into(), "1 in use, 2 powered down, 1 down or drained".into()),
            (
                "EC2 says".into(),
                "EC2 has no free instances of this type in this availability zone now (InsufficientInstanceCapacity), of gpu-dy-p4d-2."
                    .into(),
            ),
            ("Cluster's log".into(), "2026-11-24 12:05:41  EC2 is asked for gpu-dy-p4d-[1-2]".into()),
            (String::new(), "2026-11-24 12:05:43  \x1b[31mnot launched\x1b[0m: gpu-dy-p4d-2".into()),
        ],
    }
}

pub(crate) fn why(stage: &mut Stage) {
    stage.clusters();
    stage.queue(Scope::Mine, &[job("102", "post", JobState::Pending)]);
    stage.keys("w");
    stage.answer(Query::Why { cluster: prod(), job: JobId::new("102") }, Ok(Answer::Why(explained())));
}

#[test]
fn why_is_asked_once_for_each_opening_and_again_only_by_hand() {
    let mut stage = Stage::new(140, 40);
    why(&mut stage);
    let query = Query::Why { cluster: prod(), job: JobId::new("102") };
    let cadence = |stage: &Stage| stage.app.wants().into_iter().find(|(q, _)| *q == query).map(|(_, cadence)| cadence);
    assert_eq!(cadence(&stage), Some(Cadence::Once));
    shows(
        &stage,
        &[
            "Why · 102 · post",
            "It is next",
            "3 of 57 that wait in gpu",
            "in 12 min, as the scheduler sees it now",
            "asked now",
            "␛[31mnot launched",
        ],
    );
    stage.wait(100);
    shows(&stage, &["asked 1 min"]);
    stage.keys("r");
    assert_eq!(stage.effects.last(), Some(&Effect::Refresh(query.clone())));
    // A failure stands beside what was known.
    stage.answer(query.clone(), Err(Failure::new(FailureKind::TimedOut, "prod", "Socket timed out")));
    shows(&stage, &["Socket timed out", "It is next"]);
    // What it advises can be done from there.
    stage.keys("t");
    shows(&stage, &["Time limit of job 102"]);
    assert_eq!(cadence(&stage), None, "looking away is the cancel");
    stage.keys("esc w");
    assert_eq!(cadence(&stage), Some(Cadence::Once));
}

pub(crate) fn depends(stage: &mut Stage) {
    stage.clusters();
    let after = |id, name, dependency| NewJob { dependency, reason: "Dependency", ..job(id, name, JobState::Pending) };
    stage.queue(
        Scope::Mine,
        &[
            job("101", "train", JobState::Running),
            after("102", "post", "afterok:101(unfulfilled),afterany:77(unfulfilled)"),
            after("103", "report", "afterok:102(unfulfilled)"),
            job("99", "prep", JobState::Failed),
        ],
    );
    stage.keys("j d");
}

#[test]
fn dependencies_are_a_tree_that_follows_the_queue() {
    let mut stage = Stage::new(140, 40);
    depends(&mut stage);
    shows(
        &stage,
        &["Dependencies · 102", "├─ 101  train", "▶ R 1:02:05", "└─ 77", "somebody else's", "These wait for it:", "└─ 103  report"],
    );
    stage.queue(
        Scope::Mine,
        &[
            NewJob { dependency: "afterok:101(failed)", reason: "DependencyNeverSatisfied", ..job("102", "post", JobState::Pending) },
            job("101", "train", JobState::Failed),
        ],
    );
    shows(&stage, &["It never starts", "101 is FAILED.", "scontrol update JobId=102 Dependency=", "No job that is shown waits for it."]);
    stage.keys("c");
    shows(&stage, &["Cancel job 102?"]);
}

pub(crate) fn nodes(stage: &mut Stage) {
    stage.clusters();
    let mut busy = Node::named("gpu-dy-p4d-1", "mix", NodePhase::Mixed);
    (busy.cpus, busy.cpus_used, busy.memory_mb, busy.memory_used_mb) = (96, 48, 1_120_000, 512_000);
    (busy.gres, busy.gres_used, busy.load) = (Some("gpu:a100:8".into()), Some("gpu:a100:4".into()), Some(47.5));
    busy.partitions = vec!["gpu".into()];
    let mut down = Node::named("gpu-dy-p4d-2", "down#", NodePhase::Down);
    (down.reason, down.reason_by) = (Some("(Code:InsufficientInstanceCapacity)Failure when resuming nodes".into()), Some("slurm".into()));
    down.reason_since = jiff::Timestamp::from_second(1_789_999_400).ok();
    down.reason_plain =
        Some("EC2 has no free instances of this type in this availability zone now. Let the queue use more instance types.".into());
    let asleep = |n: u32| Node::named(format!("gpu-dy-p4d-{n}"), "idle~", NodePhase::PoweredDown);
    stage.answer(Query::Nodes(prod()), Ok(Answer::Nodes(Arc::new(NodeTable::new(vec![busy, down, asleep(3), asleep(4)], 0)))));
    stage.queue(Scope::Mine, &[job("101", "train", JobState::Running), job("102", "post", JobState::Pending)]);
    stage.keys("2");
}

fn node_change(change: NodeChange, nodes: &[&str]) -> Option<Command> {
    Some(Command::ChangeNodes { cluster: prod(), change, nodes: nodes.iter().map(|n| (*n).to_owned()).collect() })
}

#[test]
fn nodes_are_changed_by_name_with_the_jobs_on_them_told() {
    let mut stage = Stage::new(140, 40);
    nodes(&mut stage);
    stage.keys("j d");
    shows(&stage, &["Drain gpu-dy-p4d-1", "Your jobs there: 101 train of me. Others' jobs are not known here."]);
    stage.keys("enter");
    shows(&stage, &["Slurm wants a reason"]);
    stage.text("bad disk");
    stage.keys("enter");
    assert_eq!(stage.sent(), node_change(NodeChange::Drain("bad disk".into()), &["gpu-dy-p4d-1"]));
    let id = stage.sent_id();
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Changed { asked: 1, refused: Vec::new() }) });
    shows(&stage, &["No new jobs for gpu-dy-p4d-1: bad disk."]);
    assert_eq!(stage.effects.last(), Some(&Effect::Refresh(Query::Nodes(prod()))), "the nodes are asked again, and nothing else");
    // The safe answer is the default where a machine is lost.
    stage.keys("- enter");
    assert_eq!(stage.effects.len(), 2);
    stage.keys("- y");
    assert_eq!(stage.sent(), node_change(NodeChange::PowerDown, &["gpu-dy-p4d-1"]));
    stage.keys("u");
    shows(&stage, &["gpu-dy-p4d-1 is in service already."]);
    stage.keys("k u enter");
    assert_eq!(stage.sent(), node_change(NodeChange::Resume, &["gpu-dy-p4d-2"]));
}

#[test]
fn several_nodes_are_marked_and_sleeping_ones_unfolded() {
    let mut stage = Stage::new(140, 40);
    nodes(&mut stage);
    stage.keys("G +");
    shows(&stage, &["⏎ opens the row of sleeping nodes"]);
    stage.keys("esc enter j space space");
    shows(&stage, &["2 marked", "◆ gpu-dy-p4d-3"]);
    stage.keys("+");
    shows(&stage, &["Power up 2 nodes?", "gpu-dy-p4d-3 and gpu-dy-p4d-4.", "The machine is started now"]);
    stage.keys("enter");
    assert_eq!(stage.sent(), node_change(NodeChange::PowerUp, &["gpu-dy-p4d-3", "gpu-dy-p4d-4"]));
    stage.wait(1);
    let id = stage.sent_id();
    let refused = vec![("gpu-dy-p4d-4".to_owned(), "Invalid node state specified".to_owned())];
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Changed { asked: 2, refused }) });
    let said = stage.screen(140, 40).replace('\n', " ");
    assert!(said.contains("gpu-dy-p4d-3: its machine is being started.") && said.contains("Invalid node state"), "{said}");
    stage.keys("esc esc");
    assert!(!stage.screen(140, 40).contains("marked"));
}

#[test]
fn a_node_s_state_is_told_in_plain_words() {
    let mut stage = Stage::new(140, 40);
    nodes(&mut stage);
    stage.keys("enter");
    shows(
        &stage,
        &[
            "down#: out of service; its machine is starting or being set up",
            "10 min ago by slurm",
            "EC2 has no free instances",
            "* no answer",
        ],
    );
    stage.keys("esc z");
    shows(&stage, &["NODE", "JOBS / REASON", "gpu 4/8", "500/1093", "47.50", "101", "InsufficientInstanceCapacity"]);
    stage.keys("j enter");
    shows(&stage, &["Your jobs", "101  train  R of me", "gpu:a100:4 of gpu:a100:8"]);
    // A click in the table, which has a heading, finds its row.
    stage.keys("esc");
    stage.send(Event::Moused { what: qdeck::protocol::Mouse::Pressed, column: 5, row: 3 });
    stage.keys("y");
    assert_eq!(stage.effects.last(), Some(&Effect::Copy("gpu-dy-p4d-2".into())));
}
