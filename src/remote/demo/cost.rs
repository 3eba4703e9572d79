//! What the simulated machines cost, what EC2 says of them, and how the simulated cluster was before it began.
//!
//! Every figure is made up, deterministic, and marked as simulated.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::random::mixed;
use super::world::{Power, QUEUES, SimNode, World};
use crate::model::trail::DAYS;
use crate::model::{Alert, Machines, Money, Price, Prices, Purchase, Quote, Role, Sample, Trail, Window};

pub(super) const REGION: &str = "eu-west-1";
const ZONE: &str = "eu-west-1a";
/// When, in seconds from the beginning, a spot machine ends.
const NOTICE: i64 = 120;
/// Instance types with the millionths of a dollar that an hour costs, on demand and spot.
const COSTS: [(&str, u64, u64); 4] = [
    ("c6i.large", 91_200, 38_100),
    ("c6i.4xlarge", 729_600, 301_400),
    ("p4d.24xlarge", 35_396_500, 14_120_000),
    ("c6i.8xlarge", 1_459_200, 583_700),
];

/// How the machines of a queue are paid for.
pub(super) fn purchase(queue: usize) -> Purchase {
    if QUEUES[queue].0 == "spot" { Purchase::Spot } else { Purchase::OnDemand }
}

pub(super) fn zone() -> String {
    ZONE.to_owned()
}

/// The head node and what is up.
pub(super) fn machines(world: &World) -> Vec<Machines> {
    let kind = |role, kind: &str, purchase, count| Machines { role, instance_type: kind.to_owned(), purchase, zone: Some(zone()), count };
    let mut all = vec![head()];
    for (queue, (_, _, instance_type, ..)) in QUEUES.iter().enumerate() {
        let up = world.nodes.iter().filter(|node| node.queue == queue && node.power == Power::On).count();
        if up > 0 {
            all.push(kind(Role::Compute, instance_type, purchase(queue), u32::try_from(up).unwrap_or(u32::MAX)));
        }
    }
    all
}

pub(super) fn head() -> Machines {
    let zone = Some(zone());
    Machines { role: Role::Head, instance_type: "c6i.large".into(), purchase: Purchase::OnDemand, zone, count: 1 }
}

pub(super) fn prices(at: Timestamp) -> Prices {
    let price = |micros| Price { hour: Money::micros(micros), at };
    let quote = |on_demand, spot| Quote { on_demand: Some(price(on_demand)), spot: BTreeMap::from([(zone(), price(spot))]) };
    let mut quotes: HashMap<(String, String), Quote> =
        COSTS.iter().map(|(kind, on_demand, spot)| ((REGION.to_owned(), (*kind).to_owned()), quote(*on_demand, *spot))).collect();
    quotes.insert(("eu-central-1".into(), "c6i.large".into()), Quote { on_demand: Some(price(97_000)), ..Quote::default() });
    Prices { quotes, simulated: true, trouble: None }
}

/// One machine retires in two days; one spot machine is taken back: its two minutes begin with the simulation.
pub(super) fn alerts(world: &World, node: &SimNode) -> Vec<Alert> {
    let epoch = world.epoch.as_second();
    let alert = match (node.queue, node.number, node.fixed) {
        (0, 1, true) => {
            let at = Timestamp::from_second(epoch + 2 * 86_400).ok();
            Alert::event("instance-retirement", "The instance is running on degraded hardware", at)
        }
        (2, 2, _) if node.power == Power::On => {
            let code = if world.now < NOTICE { "marked-for-termination" } else { "Server.SpotInstanceTermination" };
            Alert::spot(code, Timestamp::from_second(epoch + NOTICE).ok())
        }
        _ => None,
    };
    alert.into_iter().collect()
}

/// Thirty days in which somebody looked most of the time, up to this moment.
pub(super) fn trail(world: &World, window: Window) -> Trail {
    let now = (world.epoch.as_second() + world.now).div_euclid(60);
    let inside = now - window.minutes().0;
    let last = present(world, now);
    let mut samples = Vec::new();
    let mut minute = now - DAYS * 1_440;
    while minute < now {
        if !is_gap(now - minute) {
            samples.push(sample(world, &last, minute));
        }
        // Of what lies before the window only the cost of days is seen.
        minute += if minute < inside || window.minutes().1 > 5 { 5 } else { 1 };
    }
    samples.push(last);
    Trail { simulated: true, ..Trail::new(window, now, &samples) }
}

/// Nobody looked for an hour last night, nor over one weekend.
fn is_gap(ago: i64) -> bool {
    (400..465).contains(&ago) || (9 * 1_440..11 * 1_440).contains(&ago)
}

/// A working day's hill with a saw on top of it, about as high as `last`.
fn sample(world: &World, last: &Sample, minute: i64) -> Sample {
    let wave = |of: i64, period: i64| {
        let at = of.rem_euclid(period);
        (period / 2 - (at - period / 2).abs()) * 100 / (period / 2)
    };
    let chance = |salt: u64, below: i64| {
        i64::try_from(mixed(u64::try_from(minute / 7).unwrap_or(0), salt)).unwrap_or(0).unsigned_abs() as i64 % below
    };
    let weekend = matches!(minute.div_euclid(1_440) % 7, 2 | 3);
    let tide = (wave(minute - 180, 1_440) * if weekend { 30 } else { 75 } / 100 + wave(minute, 190) / 6 + chance(1, 8)).clamp(0, 100);
    let all = i64::try_from(world.nodes.len()).unwrap_or(64);
    let busy = all * tide * 7 / 1_000;
    let (idle, starting) = (1 + chance(2, 3), i64::from(chance(3, 6) == 0) * 2);
    let (draining, down) = (i64::from(wave(minute, 700) > 92), 1 + i64::from(wave(minute, 1_900) > 85));
    let off = all - busy - idle - starting - draining - down;
    let count = |n: i64| u32::try_from(n.max(0)).unwrap_or(0);
    let mut partitions = BTreeMap::new();
    let mut hour = COSTS[0].1;
    for (queue, (name, _, _, cpus, _)) in QUEUES.iter().enumerate() {
        let up = count((busy + idle) * [6, 2, 2][queue] / 10);
        let used = u32::try_from(i64::from(up * cpus) * (55 + tide / 3 + chance(4 + queue as u64, 9)).min(100) / 100).unwrap_or(0);
        partitions.insert((*name).to_owned(), (used, up * cpus));
        let (_, on_demand, spot) = COSTS[queue + 1];
        hour += u64::from(up) * if purchase(queue) == Purchase::Spot { spot } else { on_demand };
    }
    let like = |jobs: Option<(u32, u32)>| {
        let (waiting, running) = jobs.unwrap_or_default();
        let part = |of: u32, percent: i64| u32::try_from(i64::from(of) * percent.max(0) / 100).unwrap_or(0);
        Some((part(waiting, tide + wave(minute, 300) / 4 + chance(7, 12)), part(running, tide + 10)))
    };
    Sample {
        minute,
        nodes: Some([busy, idle, starting, draining, down, off].map(count)),
        partitions: Arc::new(partitions),
        all: like(last.all),
        own: like(last.own),
        hour: Some(Money::micros(hour)),
        unpriced: 0,
    }
}

/// What is to be seen in the panes.
fn present(world: &World, minute: i64) -> Sample {
    let mut nodes = [0; 6];
    let mut partitions: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for node in &world.nodes {
        let (name, _, _, cpus, _) = QUEUES[node.queue];
        let (used, up) = partitions.entry(name.to_owned()).or_default();
        if node.power == Power::On {
            *used += node.used.min(cpus);
            *up += cpus;
        }
        let at = match node.power {
            Power::On if node.drain.is_some() && node.used == 0 => 4,
            Power::On if node.drain.is_some() || node.leave.is_some() => 3,
            Power::On if node.used == 0 => 1,
            Power::On => 0,
            Power::Starting(_) => 2,
            Power::NoCapacity(_) => 4,
            Power::Off | Power::Stopping(_) => 5,
        };
        nodes[at] += 1;
    }
    let burn = crate::model::Burn::of(&machines(world), Some(REGION), &prices(world.epoch));
    let count = |own: bool| {
        let open = world.jobs.values().filter(|job| !job.state.is_over() && (!own || job.user == 0));
        let size = |job: &super::world::SimJob| job.array.map_or(1, |(_, _, left)| left.max(1));
        let (waiting, running): (Vec<_>, Vec<_>) = open.partition(|job| job.state.is_waiting());
        (waiting.into_iter().map(size).sum(), running.into_iter().map(size).sum())
    };
    Sample {
        minute,
        nodes: Some(nodes),
        partitions: Arc::new(partitions),
        all: Some(count(false)),
        own: Some(count(true)),
        hour: Some(burn.hour),
        unpriced: 0,
    }
}
