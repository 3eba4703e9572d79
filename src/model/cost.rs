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
mod tests;
