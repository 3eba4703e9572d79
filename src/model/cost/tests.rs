//! What machines and jobs cost, by prices that are given.

use std::collections::BTreeMap;

use super::*;
use crate::model::{JobId, JobState, Quote, SchedulerKind};

const REGION: Option<&str> = Some("eu-west-1");

fn at() -> Timestamp {
    "2026-11-26T10:00:00Z".parse().unwrap()
}

fn prices() -> Prices {
    let price = |micros| Price { hour: Money::micros(micros), at: at() };
    let spot = |a, b| BTreeMap::from([("eu-west-1a".to_owned(), price(a)), ("eu-west-1b".to_owned(), price(b))]);
    let quotes = HashMap::from([
        (("eu-west-1".to_owned(), "c5.large".to_owned()), Quote { on_demand: Some(price(96_000)), spot: spot(30_000, 40_000) }),
        (("eu-west-1".to_owned(), "c6i.large".to_owned()), Quote { on_demand: Some(price(100_000)), ..Quote::default() }),
    ]);
    Prices { quotes, ..Prices::default() }
}

fn machines(role: Role, kind: &str, purchase: Purchase, zone: Option<&str>, count: u32) -> Machines {
    Machines { role, instance_type: kind.into(), purchase, zone: zone.map(str::to_owned), count }
}

fn node(name: &str, kind: Option<&str>, purchase: Option<Purchase>) -> Node {
    let mut node = Node::named(name, "idle", NodePhase::Idle);
    node.partitions = vec!["compute".into()];
    (node.cpus, node.purchase, node.instance_type) = (4, purchase, kind.map(str::to_owned));
    node.instance_id = kind.map(|_| format!("i-{name}"));
    node
}

fn job(state: JobState, fields: &[(&str, &str)]) -> JobDetail {
    JobDetail {
        id: JobId::new("7"),
        scheduler: SchedulerKind::Slurm,
        state,
        exit_code: None,
        stdout: None,
        stderr: None,
        work_dir: None,
        fields: fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        usage: None,
        remembered: None,
    }
}

#[test]
fn a_cluster_burns_what_its_running_machines_cost_and_what_is_unknown_is_no_zero() {
    let mut all = vec![
        machines(Role::Head, "c6i.large", Purchase::OnDemand, Some("eu-west-1a"), 1),
        machines(Role::Compute, "c5.large", Purchase::OnDemand, None, 3),
        machines(Role::Compute, "c5.large", Purchase::Spot, Some("eu-west-1b"), 2),
    ];
    let burn = Burn::of(&all, REGION, &prices());
    assert_eq!((burn.hour, burn.on_demand, burn.spot, burn.unpriced), (Money::micros(468_000), 4, 2, 0));
    assert_eq!(burn.brief().as_deref(), Some("≈ $0.468/h"));
    assert!(burn.assumes().starts_with("on-demand and spot prices of 26 Nov 2026; machines only"), "{}", burn.assumes());
    all.push(machines(Role::Compute, "p5.48xlarge", Purchase::OnDemand, None, 1));
    all.push(machines(Role::Compute, "c6i.large", Purchase::Spot, Some("eu-west-1a"), 1));
    let burn = Burn::of(&all, REGION, &prices());
    assert_eq!((burn.brief().as_deref(), burn.unpriced), (Some("≈ $0.468/h + ?"), 2));
    assert!(burn.assumes().ends_with("2 machines have no known price"));
    // Elsewhere, or nowhere, nothing is known: no figure at all.
    for region in [Some("us-east-1"), None] {
        let burn = Burn::of(&all, region, &prices());
        assert_eq!((burn.brief(), burn.hour, burn.unpriced), (None, Money::default(), 8));
    }
    assert_eq!(Burn::of(&[], REGION, &prices()).brief(), None);
}

#[test]
fn what_is_paid_in_yuan_stands_beside_the_dollars() {
    let mut all = Burn::default();
    let price = |micros, currency| Some(Price { hour: Money::micros(micros).in_currency(currency), at: at() });
    all.add(price(2_000_000, Currency::Usd), Purchase::OnDemand, 1);
    let mut china = Burn::default();
    china.add(price(3_500_000, Currency::Cny), Purchase::OnDemand, 2);
    assert_eq!(china.brief().as_deref(), Some("≈ ¥7.00/h"));
    all.plus(&china);
    all.plus(&china);
    assert_eq!(all.brief().as_deref(), Some("≈ $2.00 + ¥14.00/h"));
    assert_eq!(all.in_currency(Currency::Cny).map(Money::amount), Some(14.0));
    assert_eq!((china.in_currency(Currency::Usd), all.machines()), (None, 5));
}

#[test]
fn idle_nodes_are_those_with_a_machine_and_no_work() {
    let mut busy = node("a", Some("c5.large"), Some(Purchase::Spot));
    busy.phase = NodePhase::Allocated;
    let asleep = node("b", None, None);
    let nodes = [busy, asleep, node("c", Some("c5.large"), Some(Purchase::Spot)), node("d", Some("c5.large"), None)];
    let burn = Burn::idle(&nodes, REGION, &prices());
    // What the queue's other machines are, its machines are; of a zone that is not known the dearest counts.
    assert_eq!((burn.hour, burn.spot, burn.on_demand), (Money::micros(80_000), 2, 0));
}

#[test]
fn a_job_pays_for_its_share_of_shared_nodes_and_for_all_of_its_own() {
    let nodes = [node("a-1", Some("c5.large"), Some(Purchase::OnDemand)), node("a-2", Some("c5.large"), None)];
    let cost = |fields: &[(&str, &str)]| JobCost::of(&job(JobState::Running, fields), &nodes, REGION, &prices());
    let fields = [("NodeList", "a-[1-2]"), ("RunTime", "1:30:00"), ("NumCPUs", "2"), ("NumNodes", "2")];
    let shared = cost(&fields).unwrap();
    assert_eq!((shared.share, shared.burn.hour, shared.cost), (Some((2, 8)), Money::micros(48_000), Money::micros(72_000)));
    assert_eq!(shared.rows()[0], ("So far".into(), Value::Text("≈ $0.072  for 1:30:00 at ≈ $0.048/h".into())));
    let alone = cost(&[&fields[..], &[("OverSubscribe", "NO")]].concat()).unwrap();
    assert_eq!((alone.share, alone.cost), (None, Money::micros(288_000)));
    assert_eq!(cost(&fields[..1]), None, "not begun");
    assert_eq!(cost(&[("NodeList", ""), ("RunTime", "1:00")]), None);
    assert_eq!(cost(&[("NodeList", "a-1"), ("RunTime", "00:00:00")]).unwrap().cost, Money::default(), "it has just begun");
    // A node that nobody knows any more has no price, and says so.
    let half = cost(&[("NodeList", "a-1,gone-7"), ("RunTime", "1:00:00")]).unwrap();
    assert_eq!((half.burn.unpriced, half.cost), (1, Money::micros(96_000)));
    assert!(matches!(&half.rows()[0].1, Value::Text(text) if text.starts_with("≈ $0.096 + ?")));
    let nothing = cost(&[("NodeList", "gone-7"), ("RunTime", "1:00:00")]).unwrap();
    assert_eq!(nothing.rows()[0].0, "Not known");
}

#[test]
fn a_finished_job_is_priced_by_the_type_that_its_nodes_have_when_they_are_up() {
    let mut asleep = node("a-1", None, None);
    asleep.features = vec!["dynamic".into(), "c5.large".into(), "cr1".into()];
    let fields = [("NodeList", "a-1"), ("RunTime", "2:00:00"), ("NumCPUs", "4")];
    let cost = JobCost::of(&job(JobState::Completed, &fields), &[asleep], REGION, &prices()).unwrap();
    assert_eq!((cost.cost, cost.is_guessed), (Money::micros(192_000), true));
    let rows = cost.rows();
    assert_eq!(rows[0].0, "In all");
    assert!(matches!(&rows[1].1, Value::Text(text) if text.contains("spot machines, which cost less, is not known")), "{rows:?}");
}
