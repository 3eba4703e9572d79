//! What clusters, idle nodes and jobs cost, by the prices that are known.
//!
//! Pure arithmetic. What has no known price is counted as such, never as 0; every figure is an estimate that says of what.

use std::collections::HashMap;

use jiff::Timestamp;

use super::duration::{parse_slurm, slurm};
use super::list::hosts;
use super::report::Value;
use super::{Currency, JobDetail, Money, Node, NodePhase, Price, Prices, Purchase};

/// What no figure here holds, in words.
pub const WITHOUT: &str = "machines only: no storage, traffic, licences, discounts";
/// More nodes than this of one job are not looked at.
const NODES: usize = 10_000;

/// What a machine is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The head node.
    Head,
    /// A login node.
    Login,
    /// A compute node.
    Compute,
}

impl Role {
    /// `head`, `login` or `compute`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Login => "login",
            Self::Compute => "compute",
        }
    }
}

/// Machines of one kind that run now.
#[derive(Clone, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Machines {
    /// What they are for.
    pub role: Role,
    /// EC2's type, `c6i.xlarge`.
    pub instance_type: String,
    /// How they are paid for.
    pub purchase: Purchase,
    /// Their availability zone, which a spot price depends on.
    pub zone: Option<String>,
    /// How many they are.
    pub count: u32,
}

/// What some machines cost an hour, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Burn {
    /// Of those whose price is known.
    pub hour: Money,
    /// Of those of them that are paid for in another currency.
    pub more: Money,
    /// How many have a known on-demand price, and how many a known spot price.
    pub on_demand: u32,
    /// See above.
    pub spot: u32,
    /// How many have no known price.
    pub unpriced: u32,
    /// When the oldest of the prices was asked for.
    pub oldest: Option<Timestamp>,
    /// Whether the prices are made up.
    pub simulated: bool,
}

impl Burn {
    /// Of the machines of one region; without a region no price is known.
    pub fn of(machines: &[Machines], region: Option<&str>, prices: &Prices) -> Self {
        let mut burn = Self { simulated: prices.simulated, ..Self::default() };
        for machine in machines {
            let price = region.and_then(|region| prices.of(region, &machine.instance_type, machine.purchase, machine.zone.as_deref()));
            burn.add(price, machine.purchase, machine.count);
        }
        burn
    }

    /// Of the nodes that nobody uses and that run all the same.
    pub fn idle(nodes: &[Node], region: Option<&str>, prices: &Prices) -> Self {
        let mut burn = Self { simulated: prices.simulated, ..Self::default() };
        let kinds = Kinds::of(nodes);
        for node in nodes.iter().filter(|node| node.phase == NodePhase::Idle && node.instance_id.is_some()) {
            let (purchase, price) = kinds.price(node, region, prices);
            burn.add(price, purchase, 1);
        }
        burn
    }

    /// Adds so many machines of one price.
    pub fn add(&mut self, price: Option<Price>, purchase: Purchase, count: u32) {
        let Some(price) = price else {
            self.unpriced += count;
            return;
        };
        self.sum(price.hour.times(u64::from(count)));
        match purchase {
            Purchase::OnDemand => self.on_demand += count,
            Purchase::Spot => self.spot += count,
        }
        if count > 0 {
            self.oldest = Some(self.oldest.map_or(price.at, |oldest| oldest.min(price.at)));
        }
    }

    /// Adds what an hour of something costs to what is in its currency. There are two.
    fn sum(&mut self, hour: Money) {
        match self.hour.plus(hour) {
            Some(sum) => self.hour = sum,
            None => self.more = self.more.plus(hour).unwrap_or(self.more),
        }
    }

    /// What an hour costs in this currency; `None` where nothing is paid for in it.
    pub fn in_currency(&self, currency: Currency) -> Option<Money> {
        [self.hour, self.more].into_iter().find(|sum| sum.as_micros() > 0 && sum.currency() == currency)
    }

    /// Adds other machines.
    pub fn plus(&mut self, other: &Self) {
        self.sum(other.hour);
        self.sum(other.more);
        self.on_demand += other.on_demand;
        self.spot += other.spot;
        self.unpriced += other.unpriced;
        self.simulated |= other.simulated;
        self.oldest = [self.oldest, other.oldest].into_iter().flatten().min();
    }

    /// Machines with and without a price.
    pub fn machines(&self) -> u32 {
        self.on_demand + self.spot + self.unpriced
    }

    /// `≈ $3.42/h`, with `+ ?` where some have no known price; nothing where none has.
    pub fn brief(&self) -> Option<String> {
        let more = if self.unpriced > 0 { " + ?" } else { "" };
        let other = if self.more.as_micros() > 0 { format!(" + {}", self.more) } else { String::new() };
        (self.on_demand + self.spot > 0).then(|| format!("{}{other}/h{more}", self.hour.about()))
    }

    /// What it assumes: which prices of which day, and what is left out.
    pub fn assumes(&self) -> String {
        let kinds = match (self.on_demand > 0, self.spot > 0) {
            (_, false) => "on-demand price",
            (false, true) => "spot price",
            (true, true) => "on-demand and spot prices",
        };
        let unpriced = match self.unpriced {
            0 => String::new(),
            1 => "; 1 machine has no known price".to_owned(),
            n => format!("; {n} machines have no known price"),
        };
        let Some(oldest) = self.oldest else { return format!("no price is known{unpriced}") };
        format!("{}{kinds} of {}; {WITHOUT}{unpriced}", simulated(self.simulated), day(oldest))
    }
}

fn simulated(simulated: bool) -> &'static str {
    if simulated { "simulated " } else { "" }
}

/// `26 Nov 2026`, in UTC, as AWS bills.
pub fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

/// How the machines of each partition are paid for, which holds for those of its nodes that sleep too: ParallelCluster has one way for a
/// queue.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kinds {
    by_partition: HashMap<String, Purchase>,
}

impl Kinds {
    /// As the nodes that are up tell.
    pub fn of(nodes: &[Node]) -> Self {
        let mut by_partition = HashMap::new();
        for node in nodes {
            if let (Some(partition), Some(purchase)) = (node.partitions.first(), node.purchase)
                && !by_partition.contains_key(partition)
            {
                by_partition.insert(partition.clone(), purchase);
            }
        }
        Self { by_partition }
    }

    /// How a node's machine is or would be paid for, where that is known.
    pub fn purchase(&self, node: &Node) -> Option<Purchase> {
        node.purchase.or_else(|| self.by_partition.get(node.partitions.first()?).copied())
    }

    /// What an hour of a node's machine costs. On demand where it is not known how it is paid for.
    pub fn price(&self, node: &Node, region: Option<&str>, prices: &Prices) -> (Purchase, Option<Price>) {
        let purchase = self.purchase(node).unwrap_or(Purchase::OnDemand);
        let price = |region| prices.of(region, node.machine_type()?, purchase, node.zone.as_deref());
        (purchase, region.and_then(price))
    }
}

/// What a job costs or has cost: the time of its nodes, and of shared nodes its share of the CPUs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobCost {
    /// An hour of all of its nodes, at its share of them.
    pub burn: Burn,
    /// Its CPUs, and those of its nodes, where it shares them.
    pub share: Option<(u64, u64)>,
    /// For how long, in seconds.
    pub seconds: u64,
    /// So far, or in all.
    pub cost: Money,
    /// Whether it has ended.
    pub is_over: bool,
    /// Whether it is taken to be on demand only because nothing else is known.
    pub is_guessed: bool,
}

impl JobCost {
    /// Of a job that has begun; `nodes` are those of its cluster, up or not. `None` where it has not begun, or where it ran is not told.
    pub fn of(job: &JobDetail, nodes: &[Node], region: Option<&str>, prices: &Prices) -> Option<Self> {
        // In its first second it runs, too; what ended without one never began.
        let has_begun = |seconds: &u64| !job.state.is_waiting() && (*seconds > 0 || !job.state.is_over());
        let seconds = job.field("RunTime").and_then(parse_slurm).filter(has_begun)?;
        let names = hosts(job.field("NodeList")?, NODES);
        let (kinds, by_name) = (Kinds::of(nodes), nodes.iter().map(|n| (n.name.as_str(), n)).collect::<HashMap<_, _>>());
        let mut burn = Burn { simulated: prices.simulated, ..Burn::default() };
        let (mut all, mut is_guessed) = (0, false);
        for name in &names {
            let Some(node) = by_name.get(name.as_str()) else {
                burn.unpriced += 1;
                continue;
            };
            let (purchase, price) = kinds.price(node, region, prices);
            burn.add(price, purchase, 1);
            all += u64::from(node.cpus);
            is_guessed |= kinds.purchase(node).is_none();
        }
        if names.is_empty() {
            return None;
        }
        let alone = matches!(job.field("OverSubscribe"), Some("NO" | "EXCLUSIVE"));
        let cpus = job.field("NumCPUs").and_then(|n| n.split('-').next()?.parse::<u64>().ok());
        let share = cpus.filter(|cpus| !alone && *cpus < all).map(|cpus| (cpus, all));
        if let Some((cpus, all)) = share {
            burn.hour = burn.hour.share(cpus, all);
        }
        let cost = burn.hour.for_seconds(seconds);
        Some(Self { burn, share, seconds, cost, is_over: job.state.is_over(), is_guessed })
    }

    /// What a person reads of it.
    pub fn rows(&self) -> Vec<(String, Value)> {
        let row = |label: &str, text: String| (label.to_owned(), Value::Text(text));
        let Some(rate) = self.burn.brief() else {
            return vec![row("Not known", "no price is known of the machines that it runs or ran on".to_owned())];
        };
        let label = if self.is_over { "In all" } else { "So far" };
        let more = if self.burn.unpriced > 0 { " + ?" } else { "" };
        let mut rows = vec![row(label, format!("{}{more}  for {} at {rate}", self.cost.about(), slurm(self.seconds)))];
        if let Some((cpus, all)) = self.share {
            rows.push(row("Its share", format!("{cpus} of {all} CPUs of its nodes")));
        }
        let guess = if self.is_guessed { "; whether it ran on spot machines, which cost less, is not known" } else { "" };
        rows.push(row("Assumes", format!("{}{guess}", self.burn.assumes())));
        rows
    }
}

#[cfg(test)]
mod tests {
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
}
