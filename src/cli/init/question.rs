//! What each step of the wizard asks: what to know first, what to choose from, what is proposed. Pure.
//!
//! Proposes nothing that its own check would refuse.

use super::steps::{NEW, NEW_PUBLIC, Step, Wizard};
use crate::model::price::NAT;
use crate::model::{Machine, Network, Purchase, Route, Storage, Subnet};

/// Instance types that are proposed for a head node.
pub(super) const HEADS: [&str; 6] = ["t3.medium", "t3.xlarge", "m6i.xlarge", "c6i.2xlarge", "m7g.xlarge", "c7g.2xlarge"];
/// Instance types that are proposed for a queue.
pub(super) const NODES: [&str; 11] = [
    "c6i.xlarge",
    "c6i.4xlarge",
    "c7i.8xlarge",
    "m6i.4xlarge",
    "r6i.4xlarge",
    "c7g.4xlarge",
    "hpc7g.16xlarge",
    "hpc7a.96xlarge",
    "g5.2xlarge",
    "p4d.24xlarge",
    "p5.48xlarge",
];

/// A question as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Question {
    pub(super) title: &'static str,
    /// What to know before one answers.
    pub(super) words: Vec<String>,
    /// Answers to choose from: itself, and what it is.
    pub(super) choices: Vec<(String, String)>,
    /// What an empty line means; empty where there is nothing to propose.
    pub(super) proposed: String,
}

impl Wizard {
    /// The open question.
    pub(super) fn question(&self) -> Option<Question> {
        let step = self.step()?;
        let asked = match step {
            Step::Region => Question { proposed: self.ground.region.clone(), words: rows(&self.ground.regions), ..Question::default() },
            Step::Name => Question { proposed: "hpc".into(), ..Question::default() },
            Step::Key => self.ask_key(),
            Step::Network => self.ask_network(),
            Step::HeadSubnet => self.ask_head_subnet(),
            Step::QueueSubnet => self.ask_queue_subnet(),
            Step::HeadType => {
                let words = "It runs always: logins, scheduler, file servers. Any other type can be typed.";
                self.ask_type(self.proposed(&HEADS, None, self.zone(Step::HeadSubnet), false), words)
            }
            Step::QueueType => {
                let words = "One image runs on head node and nodes: both are Arm, or neither is.";
                let head = self.machine(self.given(Step::HeadType));
                self.ask_type(self.proposed(&NODES, head, self.zone(Step::QueueSubnet), true), words)
            }
            Step::Zone => self.ask_zone(),
            Step::Min => Question {
                proposed: "0".into(),
                words: vec!["Nodes that run always, and cost always. The others start when jobs wait for them.".into()],
                ..Question::default()
            },
            Step::Max => Question { proposed: "10".into(), ..Question::default() },
            Step::Capacity => self.ask_capacity(),
            Step::Storage => {
                let kinds = [Storage::None, Storage::Ebs { gib: 100 }, Storage::Efs, Storage::Fsx { gib: 1_200 }];
                let choices = ["none", "ebs", "efs", "fsx"].iter().zip(kinds).map(|(word, kind)| ((*word).to_owned(), kind.words()));
                let words = vec!["ebs:GIB and fsx:GIB choose another size.".to_owned()];
                Question { proposed: "ebs".into(), words, choices: choices.collect(), ..Question::default() }
            }
            Step::File => Question { proposed: format!("{}.yaml", self.given(Step::Name)), ..Question::default() },
        };
        let mut asked = Question { title: step.title(), ..asked };
        if let Some(before) = self.before(step).filter(|before| self.check(step, before, &asked).is_ok()) {
            asked.proposed.clone_from(before);
        }
        Some(asked)
    }

    fn ask_key(&self) -> Question {
        let is_held = |key: &String| self.held.contains(key);
        let words_of = |key: &String| if is_held(key) { "its private half is in ~/.ssh".to_owned() } else { String::new() };
        let choices: Vec<(String, String)> = self.ground.keys.iter().map(|key| (key.clone(), words_of(key))).collect();
        let mut words = vec![
            "Lets you log in by ssh. new:NAME makes one and keeps its private half in ~/.ssh/NAME.pem;".to_owned(),
            "import:FILE.pub gives AWS a public key that you have already.".to_owned(),
        ];
        words.extend(self.untold("key pairs", "type the name of yours"));
        let best = self.ground.keys.iter().find(|key| is_held(key)).or(self.ground.keys.first());
        let new = || format!("new:{}-key", self.given(Step::Name));
        Question { proposed: best.cloned().unwrap_or_else(new), words, choices, ..Question::default() }
    }

    fn ask_network(&self) -> Question {
        let networks = &self.ground.networks;
        let mut choices: Vec<(String, String)> = networks.iter().map(|n| (n.id.clone(), network_words(n))).collect();
        choices.extend(self.new_ones("a VPC, "));
        // One that a cluster can be put into as it is goes before the account's default.
        let best = networks.iter().filter(|network| ways(network) > 0).max_by_key(|network| (ways(network), network.is_default));
        let best = best.or(networks.iter().find(|network| !network.subnets.is_empty()));
        let mut words = vec![
            "new and new-public are made by ParallelCluster's template, as a stack of their own.".to_owned(),
            "A NAT gateway is billed by the hour, used or not, and by what passes it.".to_owned(),
        ];
        if networks.is_empty() {
            words.insert(0, self.untold("networks", "type a VPC's id").unwrap_or_else(|| "There is no VPC in this region yet.".to_owned()));
        }
        words.extend(self.untold("routes", "which subnets are public is not known"));
        Question { proposed: best.map_or_else(|| NEW.to_owned(), |network| network.id.clone()), words, choices, ..Question::default() }
    }

    /// What can be made instead of chosen.
    fn new_ones(&self, with: &str) -> [(String, String); 2] {
        let nat = self.prices.of(&self.ground.region, NAT, Purchase::OnDemand, None);
        let nat = nat.map_or_else(|| "price unknown".to_owned(), |price| format!("{}/h", price.hour.about()));
        [
            (NEW.into(), format!("made for it: {with}head node public, nodes private behind a NAT gateway ({nat})")),
            (NEW_PUBLIC.into(), format!("made for it: {with}one public subnet for all, no gateway to pay")),
        ]
    }

    fn ask_head_subnet(&self) -> Question {
        let subnets = self.network().map_or(&[][..], |network| &network.subnets);
        let best = subnets.iter().find(|s| s.route == Route::Internet).or(subnets.first());
        let mut words = vec!["You log in here: a public subnet is reached from anywhere.".to_owned()];
        words.extend(self.untold("subnets", "type a subnet's id"));
        let mut choices: Vec<(String, String)> = subnets.iter().map(|s| (s.id.clone(), subnet_words(s))).collect();
        choices.extend(self.new_ones(""));
        Question { proposed: best.map_or_else(|| NEW.to_owned(), |s| s.id.clone()), words, choices, ..Question::default() }
    }

    fn ask_queue_subnet(&self) -> Question {
        let subnets = self.network().map_or(&[][..], |network| &network.subnets);
        let head = self.subnet(Step::HeadSubnet);
        let same_zone = |s: &&Subnet| head.is_some_and(|head| head.zone == s.zone);
        let nat = |s: &&Subnet| s.route == Route::Nat;
        let best = subnets.iter().find(|s| nat(s) && same_zone(s)).or(head);
        let mut words = vec![
            "Nodes need a way out but need not be reached: private with NAT is usual.".to_owned(),
            "In another zone than the head node's, traffic between them costs money.".to_owned(),
        ];
        words.extend(self.untold("subnets", "type a subnet's id"));
        let choices = subnets.iter().map(|s| (s.id.clone(), subnet_words(s))).collect();
        Question { proposed: best.map(|s| s.id.clone()).unwrap_or_default(), words, choices, ..Question::default() }
    }

    /// What could not be listed, and what to do instead.
    fn untold(&self, what: &str, instead: &str) -> Option<String> {
        let failure = self.ground.untold(what)?;
        Some(format!("The {what} could not be listed ({}): {instead}.", failure.what))
    }

    fn ask_type(&self, choices: Vec<(String, String)>, about: &str) -> Question {
        let mut words = vec![about.to_owned()];
        if let Some(trouble) = &self.prices.trouble {
            words.push(format!("Some prices are not known: {}", trouble.what));
        }
        let proposed = choices.first().map(|(value, _)| value.clone()).unwrap_or_default();
        Question { proposed, words, choices, ..Question::default() }
    }

    /// Machines of a list that the zone offers and that run the head node's images.
    fn proposed(&self, names: &[&str], beside: Option<&Machine>, zone: &str, with_spot: bool) -> Vec<(String, String)> {
        let known = names.iter().filter_map(|name| self.machine(name));
        let fits = |m: &&Machine| beside.is_none_or(|head| m.fits(head)) && m.is_in(zone);
        known.filter(fits).map(|m| (m.name.clone(), format!("{}, {}", m.words(), self.price_words(&m.name, zone, with_spot)))).collect()
    }

    fn price_words(&self, name: &str, zone: &str, with_spot: bool) -> String {
        let hour = |purchase| self.hour(name, purchase, zone);
        let Some(price) = hour(Purchase::OnDemand) else { return "price unknown".into() };
        match hour(Purchase::Spot).filter(|_| with_spot) {
            Some(spot) => format!("{price}, spot {spot}"),
            None => price,
        }
    }

    fn hour(&self, name: &str, purchase: Purchase, zone: &str) -> Option<String> {
        let zone = Some(zone).filter(|zone| !zone.is_empty());
        self.prices.of(&self.ground.region, name, purchase, zone).map(|price| format!("{}/h", price.hour))
    }

    fn ask_zone(&self) -> Question {
        let zones = self.zones();
        let words = if zones.is_empty() {
            vec![format!("Which zones offer both instance types is not known: type one, such as {}a.", self.ground.region)]
        } else {
            vec!["All of them are in it. These zones offer both instance types.".to_owned()]
        };
        let choices: Vec<(String, String)> = zones.iter().map(|zone| (zone.clone(), String::new())).collect();
        Question { proposed: zones.first().cloned().unwrap_or_default(), words, choices, ..Question::default() }
    }

    fn ask_capacity(&self) -> Question {
        let name = self.given(Step::QueueType);
        let zone = if self.wish().is_some() { self.given(Step::Zone) } else { self.zone(Step::QueueSubnet) };
        let each = |purchase, words: &str| {
            let price = self.hour(name, purchase, zone).map_or_else(|| "price unknown".to_owned(), |price| format!("{price} each"));
            format!("{words}; {price}")
        };
        let choices = vec![
            ("on-demand".into(), each(Purchase::OnDemand, "stay until they are not needed any more")),
            ("spot".into(), each(Purchase::Spot, "much cheaper; EC2 may take them away at two minutes' notice")),
        ];
        Question { proposed: "on-demand".into(), choices, ..Question::default() }
    }
}

/// Words in lines of at most 76 cells.
fn rows(words: &[String]) -> Vec<String> {
    let mut out = vec![String::new()];
    for word in words {
        if out.last().is_some_and(|line| line.len() + word.len() > 74) {
            out.push(String::new());
        }
        if let Some(line) = out.last_mut() {
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.push_str(word);
        }
    }
    out
}

fn network_words(network: &Network) -> String {
    let public = network.subnets.iter().filter(|s| s.route == Route::Internet).count();
    let name = if network.name.is_empty() { String::new() } else { format!("{}, ", network.name) };
    let default = if network.is_default { "the account's default, " } else { "" };
    let cidr = if network.cidr.is_empty() { String::new() } else { format!("{}, ", network.cidr) };
    format!("{name}{default}{cidr}{public} public and {} other subnets", network.subnets.len() - public)
}

/// How well a network serves a cluster: a way in for the head node, and a way out for its nodes.
fn ways(network: &Network) -> usize {
    let has = |route: &Route| network.subnets.iter().any(|subnet| subnet.route == *route);
    usize::from(has(&Route::Internet)) * 2 + usize::from(has(&Route::Nat))
}

fn subnet_words(subnet: &Subnet) -> String {
    let name = if subnet.name.is_empty() { String::new() } else { format!("{}, ", subnet.name) };
    if subnet.zone.is_empty() {
        return format!("{name}{}", subnet.route.words());
    }
    format!("{name}{}, {}, {}, {} addresses free", subnet.route.words(), subnet.zone, subnet.cidr, subnet.free)
}
