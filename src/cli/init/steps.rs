//! The steps of the wizard one after the other, and what was answered to them. Pure: whoever asks reads and prints.
//!
//! Makes nothing and forgets nothing: an answer that is taken back is what is proposed when its step comes again.

use std::collections::HashMap;

use super::check::is_id;
use crate::model::{Blueprint, Ground, Machine, Network, NewNetwork, Prices, Route, Storage, Subnet};

/// A VPC, or subnets in one, that the template shall make: private for the nodes.
pub(super) const NEW: &str = "new";
/// The same with one public subnet for all.
pub(super) const NEW_PUBLIC: &str = "new-public";

/// One question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Step {
    Region,
    Name,
    Key,
    Network,
    HeadSubnet,
    QueueSubnet,
    HeadType,
    QueueType,
    Zone,
    Min,
    Max,
    Capacity,
    Storage,
    File,
}

impl Step {
    pub(super) const ALL: [Self; 14] = [
        Self::Region,
        Self::Name,
        Self::Key,
        Self::Network,
        Self::HeadSubnet,
        Self::QueueSubnet,
        Self::HeadType,
        Self::QueueType,
        Self::Zone,
        Self::Min,
        Self::Max,
        Self::Capacity,
        Self::Storage,
        Self::File,
    ];

    /// The option that answers it on the command line.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Region => "--region",
            Self::Name => "--name",
            Self::Key => "--key",
            Self::Network => "--vpc",
            Self::HeadSubnet => "--subnet",
            Self::QueueSubnet => "--queue-subnet",
            Self::HeadType => "--head",
            Self::QueueType => "--queue-type",
            Self::Zone => "--zone",
            Self::Min => "--min",
            Self::Max => "--max",
            Self::Capacity => "--spot",
            Self::Storage => "--storage",
            Self::File => "--output",
        }
    }

    /// What it asks for.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Region => "AWS region",
            Self::Name => "Name of the cluster",
            Self::Key => "Key pair",
            Self::Network => "Network (VPC)",
            Self::HeadSubnet => "Subnet of the head node",
            Self::QueueSubnet => "Subnet of the queue's nodes",
            Self::HeadType => "Instance type of the head node",
            Self::QueueType => "Instance type of the queue's nodes",
            Self::Zone => "Availability zone of the new subnets",
            Self::Min => "Nodes at least",
            Self::Max => "Nodes at most",
            Self::Capacity => "Capacity",
            Self::Storage => "Shared storage",
            Self::File => "File to write",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|one| *one == self).unwrap_or(0)
    }
}

/// What an answer leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// The next question.
    On,
    /// Another region has to be looked into first; the answer stands.
    Look(String),
    /// It has to be asked what this instance type is; the answer is to be given again then.
    Machine(String),
}

/// What is known and what was answered.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Wizard {
    pub(super) ground: Ground,
    pub(super) machines: Vec<Machine>,
    pub(super) prices: Prices,
    /// Key pairs whose private half is on this machine.
    pub(super) held: Vec<String>,
    /// By the order of the steps; empty for one that does not apply.
    answers: Vec<String>,
    /// What was answered before it was taken back.
    before: HashMap<Step, String>,
    /// Whether a gateway was made with the network.
    has_gateway: bool,
}

impl Wizard {
    pub(super) fn new(ground: Ground, machines: Vec<Machine>) -> Self {
        Self { ground, machines, ..Self::default() }
    }

    /// The question that is open; `None` once all are answered.
    pub(super) fn step(&self) -> Option<Step> {
        Step::ALL.get(self.answers.len()).copied()
    }

    /// Which question of how many the open one is, as far as that is known.
    pub(super) fn count(&self) -> (usize, usize) {
        let applies = |step: &&Step| self.applies(**step);
        (Step::ALL.iter().take(self.answers.len() + 1).filter(applies).count(), Step::ALL.iter().filter(applies).count())
    }

    /// Whether a step is asked at all: new subnets have a zone, those that are there are chosen.
    fn applies(&self, step: Step) -> bool {
        match step {
            Step::HeadSubnet => !is_new(self.given(Step::Network)),
            Step::QueueSubnet => self.wish().is_none(),
            Step::Zone => self.wish().is_some(),
            Step::Region | Step::Name | Step::Key | Step::Network | Step::HeadType | Step::QueueType => true,
            Step::Min | Step::Max | Step::Capacity | Step::Storage | Step::File => true,
        }
    }

    /// Keeps an answer, and passes what need not be asked then.
    pub(super) fn push(&mut self, text: String) {
        self.answers.push(text);
        while self.step().is_some_and(|step| !self.applies(step)) {
            self.answers.push(String::new());
        }
    }

    /// Takes the last answer back. Whether there was one.
    pub(super) fn back(&mut self) -> bool {
        while let Some(text) = self.answers.pop() {
            if let Some(step) = self.step().filter(|step| self.applies(*step)) {
                self.before.insert(step, text);
                return true;
            }
        }
        false
    }

    /// Takes the last answer back and forgets it: it will not do.
    pub(super) fn reject(&mut self, step: Step) {
        self.back();
        self.before.remove(&step);
    }

    /// What another region has, with the answers kept.
    pub(super) fn moved_to(&mut self, there: Self) {
        (self.ground, self.machines, self.held) = (there.ground, there.machines, there.held);
    }

    /// Takes answers back until a step is open again.
    pub(super) fn back_to(&mut self, step: Step) {
        while self.answers.len() > step.index() && self.back() {}
    }

    /// What was answered to a step before it was taken back.
    pub(super) fn before(&self, step: Step) -> Option<&String> {
        self.before.get(&step)
    }

    pub(super) fn given(&self, step: Step) -> &str {
        self.answers.get(step.index()).map_or("", String::as_str)
    }

    fn put(&mut self, step: Step, text: &str) {
        if let Some(answer) = self.answers.get_mut(step.index()) {
            text.clone_into(answer);
        }
    }

    /// How subnets are to be made, if they are.
    pub(super) fn wish(&self) -> Option<&str> {
        [Step::Network, Step::HeadSubnet].into_iter().map(|step| self.given(step)).find(|text| is_new(text))
    }

    /// The network that is to be made, if one is.
    pub(super) fn new_network(&self, cluster: crate::model::ClusterId, profile: Option<&str>) -> Option<NewNetwork> {
        self.wish().map(|wish| NewNetwork {
            cluster,
            profile: profile.map(str::to_owned),
            region: self.ground.region.clone(),
            vpc: Some(self.given(Step::Network).to_owned()).filter(|network| !is_new(network)),
            zone: self.given(Step::Zone).to_owned(),
            is_private: wish == NEW,
            nodes: self.given(Step::Max).parse().unwrap_or(0),
        })
    }

    /// The key pair is there now, and is taken as any other one.
    pub(super) fn made_key(&mut self) {
        let name = self.key_name();
        self.ground.keys.push(name.clone());
        self.put(Step::Key, &name);
    }

    /// The network is there now, and is taken as any other one.
    pub(super) fn made_network(&mut self, vpc: &str, head: &str, queue: &str) {
        let planned = self.planned();
        self.has_gateway = self.wish() == Some(NEW);
        let at = self.ground.networks.iter().position(|network| network.id == vpc).unwrap_or_else(|| {
            self.ground.networks.push(Network { id: vpc.to_owned(), ..Network::default() });
            self.ground.networks.len() - 1
        });
        // What an earlier attempt made is known already, and better than it was planned.
        let subnets = &mut self.ground.networks[at].subnets;
        for (id, planned) in [(head, planned.0), (queue, planned.1)] {
            if !subnets.iter().any(|subnet| subnet.id == id) {
                subnets.push(Subnet { id: id.to_owned(), ..planned });
            }
        }
        for (step, text) in [(Step::Network, vpc), (Step::HeadSubnet, head), (Step::QueueSubnet, queue), (Step::Zone, "")] {
            self.put(step, text);
        }
    }

    /// The subnets that a new network will have.
    fn planned(&self) -> (Subnet, Subnet) {
        let zone = self.given(Step::Zone).to_owned();
        let public = Subnet {
            id: "the new public subnet".into(),
            gives_public: true,
            route: Route::Internet,
            free: 250,
            zone: zone.clone(),
            ..Subnet::default()
        };
        if self.wish() == Some(NEW) {
            let private = Subnet { id: "the new private subnet".into(), route: Route::Nat, free: 4_090, zone, ..Subnet::default() };
            (public, private)
        } else {
            let all = Subnet { free: 4_090, ..public };
            (all.clone(), all)
        }
    }

    pub(super) fn network(&self) -> Option<&Network> {
        self.ground.networks.iter().find(|network| network.id == self.given(Step::Network))
    }

    pub(super) fn subnet(&self, step: Step) -> Option<&Subnet> {
        self.network()?.subnets.iter().find(|subnet| subnet.id == self.given(step))
    }

    /// The zone of a subnet that was chosen; empty where it is not known or not there yet.
    pub(super) fn zone(&self, step: Step) -> &str {
        self.subnet(step).map_or("", |subnet| subnet.zone.as_str())
    }

    pub(super) fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }

    /// Zones that offer both instance types; none where that is not known.
    pub(super) fn zones(&self) -> Vec<String> {
        let of = |step| self.machine(self.given(step)).map_or(&[][..], |machine| &machine.zones);
        let (head, queue) = (of(Step::HeadType), of(Step::QueueType));
        match (head.is_empty(), queue.is_empty()) {
            (true, _) => queue.to_vec(),
            (_, true) => head.to_vec(),
            _ => head.iter().filter(|zone| queue.contains(zone)).cloned().collect(),
        }
    }

    /// Takes an answer to the open question: one of its choices by name or number, or what else it allows.
    pub(super) fn answer(&mut self, text: &str) -> Result<Next, String> {
        let (Some(step), Some(question)) = (self.step(), self.question()) else { return Ok(Next::On) };
        let text = text.trim();
        let text = if text.is_empty() { question.proposed.as_str() } else { text };
        let is_number = matches!(step, Step::Min | Step::Max);
        let numbered = text.parse::<usize>().ok().filter(|_| !is_number).and_then(|n| question.choices.get(n.checked_sub(1)?));
        let text = numbered.map_or(text, |(value, _)| value.as_str()).to_owned();
        if text.is_empty() {
            return Err("an answer is needed here".into());
        }
        self.check(step, &text, &question)?;
        if let Step::HeadType | Step::QueueType = step
            && self.machine(&text).is_none()
        {
            return Ok(Next::Machine(text));
        }
        self.take_in(step, &text);
        let next = if step == Step::Region && text != self.ground.region { Next::Look(text.clone()) } else { Next::On };
        self.push(text);
        Ok(next)
    }

    /// What was typed because it could not be listed is there from now on.
    fn take_in(&mut self, step: Step, text: &str) {
        let network = self.given(Step::Network).to_owned();
        match step {
            Step::Network if is_id("vpc-", text) && !self.ground.networks.iter().any(|network| network.id == text) => {
                self.ground.networks.push(Network { id: text.to_owned(), ..Network::default() });
            }
            Step::HeadSubnet | Step::QueueSubnet if is_id("subnet-", text) => {
                let network = self.ground.networks.iter_mut().find(|one| one.id == network);
                if let Some(network) = network.filter(|network| !network.subnets.iter().any(|subnet| subnet.id == text)) {
                    network.subnets.push(Subnet { id: text.to_owned(), route: Route::Unknown, ..Subnet::default() });
                }
            }
            Step::Region | Step::Name | Step::Key | Step::Network | Step::HeadSubnet | Step::QueueSubnet => {}
            Step::HeadType | Step::QueueType | Step::Zone => {}
            Step::Min | Step::Max | Step::Capacity | Step::Storage | Step::File => {}
        }
    }

    /// The name of the key pair, as AWS shall know it.
    pub(super) fn key_name(&self) -> String {
        super::check::key_name(self.given(Step::Key))
    }

    /// All answers together.
    pub(super) fn blueprint(&self) -> Blueprint {
        let planned = self.planned();
        let subnet = |step, planned: Subnet| if self.wish().is_some() { planned } else { self.subnet(step).cloned().unwrap_or_default() };
        Blueprint {
            name: self.given(Step::Name).to_owned(),
            region: self.ground.region.clone(),
            os: "alinux2023".into(),
            key: self.key_name(),
            head_type: self.given(Step::HeadType).to_owned(),
            head_subnet: subnet(Step::HeadSubnet, planned.0),
            queue_type: self.given(Step::QueueType).to_owned(),
            queue_subnet: subnet(Step::QueueSubnet, planned.1),
            min: self.given(Step::Min).parse().unwrap_or(0),
            max: self.given(Step::Max).parse().unwrap_or(10),
            spot: self.given(Step::Capacity) == "spot",
            storage: Storage::read(self.given(Step::Storage)).unwrap_or_default(),
            gateway: self.has_gateway || self.wish() == Some(NEW),
        }
    }
}

/// Whether an answer asks for something to be made.
pub(super) fn is_new(text: &str) -> bool {
    matches!(text, NEW | NEW_PUBLIC)
}

#[cfg(test)]
mod tests;
