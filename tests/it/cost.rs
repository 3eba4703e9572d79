//! Costs, warnings and charts by real keys: what is known is shown as an estimate, what is not known is no figure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use qdeck::model::{
    Alert, Answer, Cadence, Cluster, ClusterKind, Failure, FailureKind, JobId, JobState, Machines, Money, Node, NodePhase, NodeTable,
    Price, Prices, Purchase, Query, Quote, Role, Sample, SchedulerKind, Source, Trail, Why, Window,
};

use crate::stage::{Stage, prod};

/// The minute in which a stage begins.
const MINUTE: i64 = 1_790_000_000 / 60;

fn clusters(stage: &mut Stage) {
    let machines = |role, kind: &str, purchase, count| Machines { role, instance_type: kind.into(), purchase, zone: None, count };
    let mut cluster = Cluster::named(prod(), ClusterKind::ParallelCluster);
    cluster.region = Some("eu-west-1".into());
    cluster.scheduler = Some(SchedulerKind::Slurm);
    cluster.machines =
        vec![machines(Role::Head, "c6i.large", Purchase::OnDemand, 1), machines(Role::Compute, "c5.large", Purchase::Spot, 4)];
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![cluster])));
}

fn prices(trouble: Option<Failure>) -> Prices {
    let price = |micros| Price { hour: Money::micros(micros), at: "2026-09-20T10:00:00Z".parse().unwrap() };
    let region = |kind: &str| ("eu-west-1".to_owned(), kind.to_owned());
    let quotes = HashMap::from([
        (region("c6i.large"), Quote { on_demand: Some(price(91_200)), ..Quote::default() }),
        (region("c5.large"), Quote { on_demand: Some(price(96_000)), spot: BTreeMap::from([("eu-west-1a".into(), price(30_000))]) }),
    ]);
    Prices { quotes, simulated: false, trouble }
}

fn known(stage: &mut Stage) {
    clusters(stage);
    stage.answer(Query::Prices, Ok(Answer::Prices(Arc::new(prices(None)))));
}

fn nodes(stage: &mut Stage) {
    let node = |n: u32, phase, used| {
        let mut node = Node::named(format!("compute-dy-c5large-{n}"), if used > 0 { "mix" } else { "idle" }, phase);
        (node.cpus, node.cpus_used, node.partitions) = (4, used, vec!["compute".into()]);
        (node.instance_id, node.instance_type) = (Some(format!("i-{n}")), Some("c5.large".into()));
        (node.purchase, node.zone) = (Some(Purchase::Spot), Some("eu-west-1a".into()));
        node
    };
    let mut warned = node(1, NodePhase::Mixed, 2);
    let at = Timestamp::from_second(1_790_000_000 + 2 * 86_400).ok();
    warned.alerts = Alert::event("instance-retirement", "degraded", at).into_iter().chain(Alert::checks("impaired", "ok")).collect();
    let table = NodeTable::new(vec![node(2, NodePhase::Idle, 0), warned, node(3, NodePhase::Idle, 0)], 0);
    stage.answer(Query::Nodes(prod()), Ok(Answer::Nodes(Arc::new(table))));
}

/// Ten hours of a busy cluster with a gap of two, and a few days before.
pub(crate) fn trail(window: Window) -> Trail {
    let sample = |minute: i64| {
        let ago = MINUTE - minute;
        let (busy, off) = if ago > 300 { (12, 8) } else { (6, 14) };
        Sample {
            minute,
            nodes: Some([busy, u32::from(ago % 120 < 40), 0, 0, 1, off]),
            partitions: Arc::new(BTreeMap::from([("compute".into(), (busy * 3, busy * 4)), ("gpu".into(), (0, 0))])),
            all: Some((u32::try_from(ago).unwrap() / 5, busy * 2)),
            own: None,
            hour: Some(Money::micros(u64::from(busy) * 500_000)),
            unpriced: 0,
        }
    };
    let minutes = (MINUTE - 4 * 1_440..=MINUTE).step_by(2);
    let samples: Vec<Sample> = minutes.filter(|m| !(200..320).contains(&(MINUTE - m))).map(sample).collect();
    Trail::new(window, MINUTE, &samples)
}

fn shows(stage: &Stage, wanted: &[&str]) {
    let screen = stage.screen(140, 40);
    for text in wanted {
        assert!(screen.contains(text), "{text:?} is not on\n{screen}");
    }
}

#[test]
fn what_a_cluster_costs_is_in_the_header_the_pane_and_its_details_and_hidden_while_unknown() {
    let mut stage = Stage::new(140, 40);
    stage.clusters();
    assert!(!stage.wants(|query| *query == Query::Prices), "nothing has a price there");
    clusters(&mut stage);
    assert!(stage.app.wants().contains(&(Query::Prices, Cadence::Follow)));
    assert!(!stage.screen(140, 40).contains('$'));
    // Nobody answers, then somebody does.
    let failure = Failure::new(FailureKind::Denied, "AWS", "AccessDenied").hint("Attach the policy.");
    stage.answer(Query::Prices, Ok(Answer::Prices(Arc::new(Prices { trouble: Some(failure.clone()), ..Prices::default() }))));
    assert!(!stage.screen(140, 40).contains('$'));
    stage.keys("1 enter");
    shows(&stage, &["Costs now", "not known for 5 machines", "5 machines have no known price", "AccessDenied Attach the policy."]);
    stage.answer(Query::Prices, Ok(Answer::Prices(Arc::new(prices(Some(failure))))));
    shows(
        &stage,
        &["≈ $0.211/h for 5 machines: on-demand and spot prices of 20 Sep 2026", "storage, traffic, licences, discounts", "AccessDenied"],
    );
    stage.keys("esc");
    let screen = stage.screen(140, 40);
    let header = screen.lines().next().unwrap();
    assert!(header.contains("≈ $0.211/h"), "{header}");
    nodes(&mut stage);
    // Each idle node says what it costs, and all together.
    shows(&stage, &["idle ≈ $0.060/h", "! compute-dy-c5large-1", "retires", "idle    ≈ $0.030/h"]);
    stage.keys("2 z");
    shows(&stage, &["idle ≈ $0.060/h", "idle ≈ $0.030/h"]);
}

#[test]
fn warnings_are_told_on_the_node_and_on_the_job_that_runs_there() {
    let mut stage = Stage::new(140, 40);
    known(&mut stage);
    stage.jobs(&[("101", "train", JobState::Running)]);
    nodes(&mut stage);
    stage.keys("2 enter");
    let wanted =
        ["Warning", "in 47 h: its machine retires", "(instance-retirement)", "(system-status)", "Costs", "spot price of 20 Sep 2026"];
    shows(&stage, &wanted);
    stage.keys("esc z");
    shows(&stage, &["! machine retires and 1 more"]);
    stage.keys("z 3 w");
    let why = Why { reason: "None".into(), plain: "It runs.".into(), ..Why::default() };
    stage.answer(Query::Why { cluster: prod(), job: JobId::new("101") }, Ok(Answer::Why(why)));
    shows(&stage, &["It runs.", "Warning", "compute-dy-c5large-1: ! Wed 23 Sep 14:13", "EC2's check of the host"]);
    stage.keys("esc enter");
    let query = Query::Examine { cluster: prod(), job: JobId::new("101") };
    let mut detail = crate::past::detail("101");
    detail.state = JobState::Running;
    for (key, value) in &mut detail.fields {
        match key.as_str() {
            "NodeList" => *value = "compute-dy-c5large-[1-2]".into(),
            "RunTime" => *value = "10:00:00".into(),
            "NumCPUs" => *value = "4".into(),
            _ => {}
        }
    }
    stage.answer(query, Ok(Answer::Detail(detail)));
    // Two spot machines at half of their CPUs, for ten hours.
    shows(&stage, &["Warnings", "Cost (estimate)", "So far", "≈ $0.300  for 10:00:00 at ≈ $0.030/h", "4 of 8 CPUs of its nodes"]);
}

#[test]
fn a_job_s_cost_asks_for_the_nodes_that_nobody_looks_at() {
    let mut stage = Stage::new(80, 24);
    known(&mut stage);
    // Without spot machines, which are asked about anyway.
    let mut cluster = Cluster::named(prod(), ClusterKind::ParallelCluster);
    cluster.region = Some("eu-west-1".into());
    stage.answer(Query::Clusters(Source::Fixed), Ok(Answer::Clusters(vec![cluster])));
    stage.jobs(&[("101", "train", JobState::Running)]);
    let nodes_wanted = |stage: &Stage| stage.app.wants().contains(&(Query::Nodes(prod()), Cadence::Once));
    assert!(!nodes_wanted(&stage));
    stage.keys("enter");
    assert!(nodes_wanted(&stage));
    nodes(&mut stage);
    assert!(!nodes_wanted(&stage), "once is enough");
}

#[test]
fn charts_look_back_as_far_as_one_likes() {
    let mut stage = Stage::new(140, 40);
    known(&mut stage);
    stage.keys("$");
    let query = |window| Query::Trail { cluster: prod(), window };
    assert!(stage.wants(|q| *q == query(Window::Hours12)));
    shows(&stage, &["Charts · prod", "Asking"]);
    stage.answer(query(Window::Hours12), Ok(Answer::Trail(Arc::new(Trail::new(Window::Hours12, MINUTE, &[])))));
    shows(&stage, &["Nothing is recorded of this time"]);
    stage.answer(query(Window::Hours12), Ok(Answer::Trail(Arc::new(trail(Window::Hours12)))));
    shows(
        &stage,
        &["busy", "now 6", "compute", "100 %", "a day (UTC)", "none starting or draining", "everybody's jobs", "Gaps: no record"],
    );
    stage.keys("[");
    assert!(stage.wants(|q| *q == query(Window::Hours3)) && !stage.wants(|q| *q == query(Window::Hours12)));
    stage.keys("] ] ] ] ] ]");
    assert!(stage.wants(|q| *q == query(Window::Month)));
    stage.answer(query(Window::Month), Err(Failure::new(FailureKind::Denied, "record.sqlite", "disk full").hint("Make room.")));
    shows(&stage, &["last 30 days", "disk full", "Make room."]);
    stage.keys("[ [ [ z tab tab");
    shows(&stage, &["Nodes", "[Use]", "Cost"]);
    stage.keys("$");
    assert!(!stage.screen(140, 40).contains("Charts"));
}

#[test]
fn charts_are_read_without_colours_and_on_small_screens() {
    for (name, width, height, keys) in
        [("charts", 140, 40, "$"), ("charts", 80, 24, "$"), ("charts-cost", 80, 24, "$ left"), ("charts-queue", 80, 24, "$ tab")]
    {
        let mut stage = Stage::new(width, height);
        known(&mut stage);
        stage.keys(keys);
        let query = Query::Trail { cluster: prod(), window: Window::Hours12 };
        stage.answer(query, Ok(Answer::Trail(Arc::new(trail(Window::Hours12)))));
        // The text alone, as one without colours sees it.
        insta::assert_snapshot!(format!("{name}-{width}x{height}"), stage.screen(width, height));
    }
}

/// What a chart shows of one minute, of the whole time with a gap, and of nothing.
#[test]
fn charts_of_little_say_no_more_than_they_know() {
    let sample = |minute: i64| Sample { nodes: Some([3, 1, 0, 0, 0, 4]), all: Some((12, 3)), minute, ..Sample::default() };
    let priced = |minute: i64| Sample { hour: Some(Money::micros(2_500_000)), ..sample(minute) };
    let show = |size: (u16, u16), keys: &str, samples: &[Sample], window: Window| {
        let mut stage = Stage::new(size.0, size.1);
        known(&mut stage);
        stage.keys(keys);
        let trail = Trail::new(window, MINUTE, samples);
        stage.answer(Query::Trail { cluster: prod(), window }, Ok(Answer::Trail(Arc::new(trail))));
        stage.screen(size.0, size.1)
    };
    for size in [(140, 40), (80, 24)] {
        let bars = |screen: &str| screen.lines().map(|line| line.matches(['▁', '▂', '▄', '▆', '█']).count()).max().unwrap();
        let one = show(size, "$", &[priced(MINUTE)], Window::Hours12);
        assert!(one.contains("now 3") && bars(&one) <= 2, "one minute is one column of each chart:\n{one}");
        let none = show(size, "$", &[], Window::Hours12);
        assert!(none.contains("Nothing is recorded of this time"), "{none}");
        let use_of = show(size, "$ z tab tab", &[priced(MINUTE)], Window::Hours12);
        assert!(size.0 < 104 || use_of.contains("No partition was recorded"), "{use_of}");
        // A week of which qdeck looked two hours every other day: three marks with nothing between them, not even the zero line.
        let looked = |minute: &i64| matches!(minute % 2_880, 100..220);
        let some: Vec<Sample> = (MINUTE - 7 * 1_440..MINUTE).filter(looked).map(priced).collect();
        let week = show(size, "$ ] ]", &some, Window::Week);
        let zero = week.lines().find(|line| line.contains("0└")).unwrap().split('└').nth(1).unwrap();
        let zero = zero.split(['┃', '│']).next().unwrap();
        assert_eq!(zero.split_whitespace().count(), 3, "{week}");
        assert!(!week.contains("now "), "what is hours old is not now:\n{week}");
        let month = show(size, "$ ] ] ] tab tab tab z", &some, Window::Month);
        assert!(month.contains("[Cost]") || month.contains("Cost"), "{month}");
        assert!(month.contains("as far as it was recorded") && month.contains("for 2 h"), "{month}");
    }
}
