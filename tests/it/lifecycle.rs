//! The life of a cluster in the application: nothing is done before one has seen what comes of it, and what was begun is watched.

use std::sync::Arc;

use jiff::Timestamp;
use qdeck::model::{
    Alteration, Answer, Bootstrap, Cluster, ClusterId, ClusterKind, Command, Deed, Draft, Failure, FailureKind, FileEntry, FileKind, Node,
    NodePhase, NodeTable, Operation, Place, Preview, Query, Receipt, Remark, Severity, Source, StackEvent, Usual, Verdict, usual,
};
use qdeck::protocol::Event;

use crate::stage::{Stage, prod};

const YAML: &str = "# lab\nRegion: eu-central-1\nImage:\n  Os: alinux2023\nHeadNode:\n  InstanceType: t3.medium\n  Networking:\n    SubnetId: subnet-1\nScheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: q1\n      ComputeResources:\n        - Name: cr1\n          InstanceType: c6i.odd\n          MaxCount: 4 # nodes\n";

fn lab() -> ClusterId {
    ClusterId::new("default/eu-central-1/lab")
}

/// The picker with a configuration under its cursor.
fn picked(stage: &mut Stage) {
    let entry = FileEntry { name: "lab.yaml".into(), kind: FileKind::File, size: YAML.len() as u64, modified: None };
    let folder = Query::Folder { place: Place::Here, path: "/data".into() };
    stage.answer(folder, Ok(Answer::Folder { path: "/data".into(), entries: vec![entry] }));
    let preview = Preview { text: YAML.into(), size: YAML.len() as u64, is_binary: false };
    stage.answer(Query::Preview { place: Place::Here, path: "/data/lab.yaml".into() }, Ok(Answer::Preview(preview)));
}

/// The dry run that is wanted now.
fn wanted(stage: &Stage) -> Query {
    stage.app.wants().into_iter().map(|(query, _)| query).find(|query| matches!(query, Query::DryRun { .. })).expect("a dry run")
}

fn remark(line: usize, message: &str) -> Remark {
    Remark { severity: Severity::Error, kind: "InstanceTypeValidator".into(), message: message.into(), line: Some(line) }
}

fn event(at: i64, name: &str, kind: &str, status: &str, reason: Option<&str>) -> StackEvent {
    StackEvent {
        id: format!("{name}{status}{at}"),
        at: Timestamp::from_second(1_790_000_000 + at).unwrap(),
        stack: "arn:lab".into(),
        name: name.into(),
        kind: format!("AWS::{kind}"),
        physical: if kind == "CloudFormation::Stack" { "arn:lab".into() } else { name.to_owned() },
        status: status.into(),
        reason: reason.map(str::to_owned),
    }
}

fn creation() -> Vec<StackEvent> {
    vec![
        event(0, "lab", "CloudFormation::Stack", "CREATE_IN_PROGRESS", Some("User Initiated")),
        event(1, "Table", "DynamoDB::Table", "CREATE_IN_PROGRESS", None),
        event(2, "RoleHeadNode", "IAM::Role", "CREATE_IN_PROGRESS", None),
        event(9, "Table", "DynamoDB::Table", "CREATE_COMPLETE", None),
        event(12, "RoleHeadNode", "IAM::Role", "CREATE_COMPLETE", None),
        event(13, "HeadNode", "EC2::Instance", "CREATE_IN_PROGRESS", None),
    ]
}

#[test]
fn a_configuration_is_picked_checked_and_only_then_created() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("n");
    picked(&mut stage);
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("Create a cluster") && stage.screen(140, 40).contains("eu-central-1"));
    stage.keys("enter");
    let dry = wanted(&stage);
    assert!(matches!(&dry, Query::DryRun { cluster, draft: Draft::Create(_) } if *cluster == lab()), "{dry:?}");
    // Refused: the message stands below its line, and there is nothing to agree to.
    let refused = Verdict {
        said: "Invalid cluster configuration.".into(),
        text: YAML.into(),
        remarks: vec![remark(14, "The instance type 'c6i.odd' is not supported.\u{1b}[2J")],
        ..Verdict::default()
    };
    stage.answer(dry, Ok(Answer::Verdict(Box::new(refused.clone()))));
    let screen = stage.screen(80, 24);
    let at = |what: &str| screen.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} in\n{screen}"));
    assert_eq!(at("✗ The instance type 'c6i.odd' is not supported.") - at("15            InstanceType: c6i.odd"), 1);
    assert!(!screen.contains('\u{1b}') && !screen.contains("y create it"));
    insta::assert_snapshot!("refused-80x24", screen);
    stage.keys("y");
    assert_eq!(stage.sent(), None);
    // Accepted: exactly what was tried is created, and then watched.
    stage.keys("esc n");
    stage.keys("esc esc esc n");
    picked(&mut stage);
    stage.keys("enter enter");
    stage.answer(wanted(&stage), Ok(Answer::Verdict(Box::new(Verdict { accepted: true, remarks: Vec::new(), ..refused }))));
    assert!(stage.screen(140, 40).contains("y create it"), "{}", stage.screen(140, 40));
    stage.keys("y");
    let create = Command::Operate { cluster: lab(), operation: Operation::Create { text: YAML.into() } };
    assert_eq!(stage.sent(), Some(create));
    assert!(stage.wants(|query| *query == Query::Events(lab())));
}

#[test]
fn a_refusal_at_the_last_moment_is_shown_like_one_before() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("n");
    picked(&mut stage);
    stage.keys("enter enter");
    let good = Verdict { accepted: true, text: YAML.into(), ..Verdict::default() };
    stage.answer(wanted(&stage), Ok(Answer::Verdict(Box::new(good.clone()))));
    stage.keys("y");
    let refused = Verdict { accepted: false, remarks: vec![remark(5, "No capacity.")], ..good };
    let progress = qdeck::model::Progress::Done(Receipt::Refused(Box::new(refused)));
    let id = stage.sent_id();
    stage.send(Event::Progressed { id, progress });
    assert!(stage.screen(140, 40).contains("✗ No capacity."));
}

#[test]
fn a_stack_is_watched_by_phases_and_its_failure_begins_with_the_root_cause() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let mut making = Cluster::named(lab(), ClusterKind::ParallelCluster);
    making.status = Some("CREATE_IN_PROGRESS".into());
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![making])));
    stage.keys("1 g enter");
    assert!(stage.wants(|query| *query == Query::Events(lab())), "coming back finds it");
    stage.wait(58);
    stage.answer(Query::Events(lab()), Ok(Answer::Events(Arc::new(creation()))));
    let screen = stage.screen(140, 40);
    assert!(screen.contains("lab · CREATE_IN_PROGRESS"), "{screen}");
    assert!(screen.contains("✓ Permissions and tables ▸ 2/2") && screen.contains("◐ Head node ▾ 0/1"), "{screen}");
    assert!(!screen.contains("RoleHeadNode"), "what is done is folded");
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("✓ RoleHeadNode (IAM::Role)  "), "its sign says its status");
    stage.keys("enter");
    let mut failed = creation();
    failed.push(event(40, "HeadNode", "EC2::Instance", "CREATE_FAILED", Some("You have exceeded your vCPU limit")));
    failed.push(event(41, "lab", "CloudFormation::Stack", "ROLLBACK_COMPLETE", Some("The following resource(s) failed to create")));
    stage.answer(Query::Events(lab()), Ok(Answer::Events(Arc::new(failed))));
    for (width, height) in [(140, 40), (80, 24)] {
        let screen = stage.screen(width, height);
        insta::assert_snapshot!(format!("stack-failed-{width}x{height}"), screen);
    }
    // Closing it does nothing to it.
    stage.keys("esc");
    assert!(!stage.wants(|query| *query == Query::Events(lab())));
    assert_eq!(stage.sent(), None);
}

/// A creation whose head node is there.
fn with_head() -> Vec<StackEvent> {
    let mut events = creation();
    let mut made = event(20, "HeadNode", "EC2::Instance", "CREATE_IN_PROGRESS", Some("Resource creation Initiated"));
    made.physical = "i-0abc".into();
    events.extend([made, event(44, "HeadNode", "EC2::Instance", "CREATE_COMPLETE", None)]);
    events.push(event(45, "HeadNodeWaitCondition20261126030405", "CloudFormation::WaitCondition", "CREATE_IN_PROGRESS", None));
    events
}

fn bootstrap(why: bool) -> Query {
    Query::Bootstrap { cluster: lab(), head: "i-0abc".into(), why }
}

#[test]
fn a_creation_is_told_beside_what_is_usual_and_what_its_head_node_writes() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let mut making = Cluster::named(lab(), ClusterKind::ParallelCluster);
    making.status = Some("CREATE_IN_PROGRESS".into());
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![making])));
    stage.keys("1 g enter");
    stage.answer(Query::Events(lab()), Ok(Answer::Events(Arc::new(creation()))));
    assert!(!stage.wants(|query| matches!(query, Query::Bootstrap { .. })), "there is no head node yet");
    assert!(!stage.screen(140, 40).contains('~'), "nothing was seen before, and nothing is made up");
    let seen = [("", 430), ("Permissions and tables", 20), ("Head node", 31), ("Bootstrap of the head node", 300)];
    let seen = seen.map(|(phase, seconds)| usual::Span { operation: "CREATE".to_owned(), phase: phase.to_owned(), began: 0, seconds });
    stage.answer(Query::Usual(lab()), Ok(Answer::Usual(Usual::of(seen))));
    stage.answer(Query::Events(lab()), Ok(Answer::Events(Arc::new(with_head()))));
    assert!(stage.wants(|query| *query == bootstrap(false)));
    stage.answer(bootstrap(false), Ok(Answer::Bootstrap(Box::default())));
    assert!(stage.screen(140, 40).contains("── No bootstrap log yet ──"));
    let lines = (1..9).map(|n| format!("[2026-09-21T14:13:{n:02}+00:00] INFO: step {n}\u{1b}[2J")).collect();
    let at = Timestamp::from_second(1_790_000_055).ok();
    let told = Bootstrap { log: "chef-client".into(), at, lines, errors: Vec::new() };
    stage.answer(bootstrap(false), Ok(Answer::Bootstrap(Box::new(told))));
    // What was read stays when it cannot be read again.
    stage.answer(bootstrap(false), Err(Failure::new(FailureKind::Busy, "AWS", "Rate exceeded")));
    for (width, height) in [(140, 40), (80, 24)] {
        let screen = stage.screen(width, height);
        assert!(!screen.contains('\u{1b}'));
        insta::assert_snapshot!(format!("stack-usual-{width}x{height}"), screen);
    }
    // On failure the lines that tell of the error stand behind the root cause; how long it usually takes is beside the point.
    let mut failed = with_head();
    let wait = "HeadNodeWaitCondition20261126030405";
    failed.push(event(
        70,
        wait,
        "CloudFormation::WaitCondition",
        "CREATE_FAILED",
        Some("Failed to mount FSX. Please check /var/log/chef-client.log"),
    ));
    failed.push(event(71, "lab", "CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", None));
    stage.answer(Query::Events(lab()), Ok(Answer::Events(Arc::new(failed))));
    assert!(stage.wants(|query| *query == bootstrap(true)) && !stage.wants(|query| *query == bootstrap(false)));
    let errors = vec![("chef-client".to_owned(), "STDERR: mount.lustre: Input/output error".to_owned())];
    stage.answer(bootstrap(true), Ok(Answer::Bootstrap(Box::new(Bootstrap { log: "chef-client".into(), errors, ..Bootstrap::default() }))));
    insta::assert_snapshot!("stack-why-80x24", stage.screen(80, 24));
    stage.keys("esc");
    assert!(!stage.wants(|query| matches!(query, Query::Bootstrap { .. })), "nobody looks");
}

#[test]
fn what_was_not_done_leaves_no_stack_to_be_watched() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("1 g D");
    stage.text("prod");
    stage.keys("enter");
    assert!(stage.wants(|query| *query == Query::Events(prod())));
    let id = stage.sent_id();
    let failure = Failure::new(FailureKind::Denied, "prod", "read-only: qdeck does not delete the cluster");
    stage.send(Event::Progressed { id, progress: qdeck::model::Progress::Failed(failure) });
    assert!(!stage.wants(|query| *query == Query::Events(prod())));
    assert!(stage.screen(140, 40).contains("Not done: deleting prod."), "{}", stage.screen(140, 40));
    // What was changed can be read, whatever it is called.
    stage.keys("U");
    assert!(stage.wants(|query| *query == Query::Audit));
    let deed = |at, command: &str, result: &str| Deed {
        at: Timestamp::from_second(at).unwrap(),
        user: "me".into(),
        cluster: prod(),
        command: command.into(),
        result: result.into(),
    };
    let deeds = vec![
        deed(1_790_000_100, "stop the compute fleet", "STOP_REQUESTED"),
        deed(1_790_000_000, "cancel 12\u{1b}[2J", "failed: no such job"),
    ];
    stage.answer(Query::Audit, Ok(Answer::Audit(deeds)));
    let screen = stage.screen(80, 24);
    assert!(screen.contains("lab/eu-west-1/prod: stop the compute fleet") && screen.contains("failed: no such job  (me)"), "{screen}");
    assert!(!screen.contains('\u{1b}'));
}

#[test]
fn a_new_cluster_is_where_aws_s_own_configuration_says() {
    let yaml = YAML.replace("Region: eu-central-1\n", "");
    let mut stage = Stage::new(140, 40);
    let entry = FileEntry { name: "lab.yaml".into(), kind: FileKind::File, size: yaml.len() as u64, modified: None };
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![Cluster::named(ClusterId::local(), ClusterKind::Local)])));
    stage.keys("1 g enter n");
    let folder = Query::Folder { place: Place::Here, path: "/data".into() };
    stage.answer(folder, Ok(Answer::Folder { path: "/data".into(), entries: vec![entry] }));
    let preview = Preview { text: yaml.clone(), size: yaml.len() as u64, is_binary: false };
    stage.answer(Query::Preview { place: Place::Here, path: "/data/lab.yaml".into() }, Ok(Answer::Preview(preview)));
    stage.keys("enter");
    let region = Query::Region(Source::Aws { profile: None, region: None });
    assert!(stage.wants(|query| *query == region));
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("Its region is not known yet."), "{}", stage.screen(140, 40));
    stage.answer(region, Ok(Answer::Region("ap-southeast-2".into())));
    assert!(stage.screen(140, 40).contains("in ap-southeast-2"), "{}", stage.screen(140, 40));
    stage.keys("enter");
    let Query::DryRun { cluster, .. } = wanted(&stage) else { panic!() };
    assert_eq!(cluster.as_str(), "default/ap-southeast-2/lab");
}

#[test]
fn a_queue_is_scaled_in_two_keys_with_the_difference_shown_first() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("= 8");
    stage.answer(Query::Configuration(prod()), Ok(Answer::Configuration(YAML.into())));
    assert!(stage.screen(80, 24).contains("now 4"), "{}", stage.screen(80, 24));
    stage.keys("backspace 8 enter");
    let dry = wanted(&stage);
    let Query::DryRun { draft: Draft::Scale { queue, min, max, .. }, .. } = &dry else { panic!("{dry:?}") };
    assert_eq!((queue.as_str(), *min, *max), ("q1/cr1", Some(0), Some(8)));
    let text = YAML.replace("MaxCount: 4", "MaxCount: 8");
    let parameter = "Scheduling.SlurmQueues[q1].ComputeResources[cr1].MaxCount".to_owned();
    let verdict = Verdict {
        accepted: true,
        text: text.clone(),
        before: Some(YAML.into()),
        bounds: Some((0, 8)),
        alterations: vec![Alteration { parameter, now: "4".into(), then: "8".into() }],
        ..Verdict::default()
    };
    stage.answer(dry, Ok(Answer::Verdict(Box::new(verdict))));
    let screen = stage.screen(80, 24);
    assert!(screen.contains("- ") && screen.contains("16 +           MaxCount: 8 # nodes"), "{screen}");
    stage.keys("y");
    let operation = Operation::Scale { queue: "q1/cr1".into(), bounds: (0, 8), text };
    assert_eq!(stage.sent(), Some(Command::Operate { cluster: prod(), operation }));
}

#[test]
fn deleting_takes_the_cluster_s_name_and_machines_are_named_before_they_end() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("1 g D");
    assert!(stage.screen(80, 24).contains("log group"), "{}", stage.screen(80, 24));
    stage.text("prd");
    stage.keys("enter");
    assert_eq!(stage.sent(), None);
    assert!(stage.screen(80, 24).contains("That is not its name"));
    stage.keys("ctrl-u");
    stage.text("prod");
    stage.keys("enter");
    assert_eq!(stage.sent(), Some(Command::Operate { cluster: prod(), operation: Operation::Delete }));
    stage.keys("esc 1 g f");
    assert!(stage.screen(80, 24).contains("Stop the compute fleet of prod?"), "{}", stage.screen(80, 24));
    stage.keys("y");
    assert_eq!(stage.sent(), Some(Command::Operate { cluster: prod(), operation: Operation::StopFleet }));
    stage.keys("h r");
    assert!(matches!(stage.sent(), Some(Command::Operate { operation: Operation::Head(_), .. })));
    let mut node = Node::named("compute-dy-c5large-1", "alloc", NodePhase::Allocated);
    node.instance_id = Some("i-0abc".into());
    stage.answer(Query::Nodes(prod()), Ok(Answer::Nodes(Arc::new(NodeTable::new(vec![node], 0)))));
    stage.keys("2 g K");
    assert!(stage.screen(80, 24).contains("Terminate i-0abc (compute-dy-c5large-1)?"), "{}", stage.screen(80, 24));
    stage.keys("n K y");
    let operation = Operation::Terminate { instance: "i-0abc".into(), node: "compute-dy-c5large-1".into() };
    assert_eq!(stage.sent(), Some(Command::Operate { cluster: prod(), operation }));
    // This machine has no such life.
    stage.keys("1 G f");
    assert!(stage.screen(80, 24).contains("is no AWS ParallelCluster"));
}
