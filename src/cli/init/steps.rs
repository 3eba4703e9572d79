//! The questions of the wizard one after the other, what may be answered, and what is proposed. Pure: whoever asks reads and prints.
//!
//! Makes nothing; an answer can be taken back until the last one is given.

use crate::model::blueprint::name_fault;
use crate::model::{Blueprint, Ground, Machine, Network, Route, Storage, Subnet};

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
    Min,
    Max,
    Capacity,
    Storage,
    File,
}

impl Step {
    pub(super) const ALL: [Self; 13] = [
        Self::Region,
        Self::Name,
        Self::Key,
        Self::Network,
        Self::HeadSubnet,
        Self::QueueSubnet,
        Self::HeadType,
        Self::QueueType,
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
            Self::Min => "--min",
            Self::Max => "--max",
            Self::Capacity => "--spot",
            Self::Storage => "--storage",
            Self::File => "--output",
        }
    }
}

/// A question as it is shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Question {
    pub(super) title: String,
    /// What to know before one answers.
    pub(super) words: Vec<String>,
    /// Answers to choose from: itself, and what it is.
    pub(super) choices: Vec<(String, String)>,
    /// What an empty line means; empty where there is nothing to propose.
    pub(super) proposed: String,
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
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Wizard {
    pub(super) ground: Ground,
    pub(super) machines: Vec<Machine>,
    answers: Vec<String>,
}

impl Wizard {
    pub(super) fn new(ground: Ground, machines: Vec<Machine>) -> Self {
        Self { ground, machines, answers: Vec::new() }
    }

    /// The question that is open; `None` once all are answered.
    pub(super) fn step(&self) -> Option<Step> {
        Step::ALL.get(self.answers.len()).copied()
    }

    /// Takes the last answer back. Whether there was one.
    pub(super) fn back(&mut self) -> bool {
        self.answers.pop().is_some()
    }

    pub(super) fn given(&self, step: Step) -> &str {
        let at = Step::ALL.iter().position(|one| *one == step);
        at.and_then(|at| self.answers.get(at)).map_or("", String::as_str)
    }

    fn network(&self) -> Option<&Network> {
        self.ground.networks.iter().find(|network| network.id == self.given(Step::Network))
    }

    fn subnet(&self, step: Step) -> Option<&Subnet> {
        self.network()?.subnets.iter().find(|subnet| subnet.id == self.given(step))
    }

    fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }

    /// Machines of a list that the region offers and that run the head node's images.
    fn proposed(&self, names: &[&str], beside: Option<&Machine>) -> Vec<(String, String)> {
        let known = names.iter().filter_map(|name| self.machine(name));
        known.filter(|m| beside.is_none_or(|head| m.fits(head))).map(|m| (m.name.clone(), m.words())).collect()
    }

    /// The open question.
    pub(super) fn question(&self) -> Option<Question> {
        let step = self.step()?;
        let ground = &self.ground;
        let say = |title: &str| Question { title: title.to_owned(), ..Question::default() };
        let first = |choices: &[(String, String)]| choices.first().map(|(value, _)| value.clone()).unwrap_or_default();
        Some(match step {
            Step::Region => Question { proposed: ground.region.clone(), words: rows(&ground.regions), ..say("AWS region") },
            Step::Name => Question { proposed: "hpc".into(), ..say("Name of the cluster") },
            Step::Key => {
                let choices: Vec<(String, String)> = ground.keys.iter().map(|key| (key.clone(), String::new())).collect();
                let new = format!("new:{}-key", self.given(Step::Name));
                let words = vec![
                    "Lets you log in by ssh. new:NAME makes one and keeps its private half in ~/.ssh/NAME.pem;".to_owned(),
                    "import:FILE.pub gives AWS a public key that you have already.".to_owned(),
                ];
                Question { proposed: if choices.is_empty() { new } else { first(&choices) }, words, choices, ..say("Key pair") }
            }
            Step::Network => {
                let choices: Vec<(String, String)> = ground.networks.iter().map(|n| (n.id.clone(), network_words(n))).collect();
                let words = if choices.is_empty() { no_network() } else { Vec::new() };
                // One that a cluster can be put into as it is goes before the account's default.
                let best = ground.networks.iter().max_by_key(|network| (ways(network), network.is_default));
                Question { proposed: best.map(|network| network.id.clone()).unwrap_or_default(), words, choices, ..say("Network (VPC)") }
            }
            Step::HeadSubnet => {
                let subnets = self.network().map_or(&[][..], |network| &network.subnets);
                let best = subnets.iter().find(|s| s.route == Route::Internet).or(subnets.first());
                let words = if subnets.is_empty() {
                    no_subnet()
                } else {
                    vec!["You log in here: a public subnet is reached from anywhere.".to_owned()]
                };
                let choices = subnets.iter().map(|s| (s.id.clone(), subnet_words(s))).collect();
                Question { proposed: best.map(|s| s.id.clone()).unwrap_or_default(), words, choices, ..say("Subnet of the head node") }
            }
            Step::QueueSubnet => {
                let subnets = self.network().map_or(&[][..], |network| &network.subnets);
                let head = self.subnet(Step::HeadSubnet);
                let same_zone = |s: &&Subnet| head.is_some_and(|head| head.zone == s.zone);
                let nat = |s: &&Subnet| s.route == Route::Nat;
                let best = subnets.iter().find(|s| nat(s) && same_zone(s)).or(head);
                let words = vec![
                    "Nodes need a way out but need not be reached: private with NAT is usual.".to_owned(),
                    "In another zone than the head node's, traffic between them costs money.".to_owned(),
                ];
                let choices = subnets.iter().map(|s| (s.id.clone(), subnet_words(s))).collect();
                Question { proposed: best.map(|s| s.id.clone()).unwrap_or_default(), words, choices, ..say("Subnet of the queue's nodes") }
            }
            Step::HeadType => {
                let choices = self.proposed(&HEADS, None);
                let words = vec!["It runs always: logins, the scheduler, file servers. Any other type can be typed.".to_owned()];
                Question { proposed: first(&choices), words, choices, ..say("Instance type of the head node") }
            }
            Step::QueueType => {
                let choices = self.proposed(&NODES, self.machine(self.given(Step::HeadType)));
                let words = vec!["One image runs on head node and nodes: both are Arm, or neither is.".to_owned()];
                Question { proposed: first(&choices), words, choices, ..say("Instance type of the queue's nodes") }
            }
            Step::Min => Question {
                proposed: "0".into(),
                words: vec!["Nodes that run always, and cost always. The others start when jobs wait for them.".into()],
                ..say("Nodes at least")
            },
            Step::Max => Question { proposed: "10".into(), ..say("Nodes at most") },
            Step::Capacity => Question {
                proposed: "on-demand".into(),
                choices: vec![
                    ("on-demand".into(), "stay until they are not needed any more".into()),
                    ("spot".into(), "much cheaper; EC2 may take them away at two minutes' notice".into()),
                ],
                ..say("Capacity")
            },
            Step::Storage => {
                let kinds = [Storage::None, Storage::Ebs { gib: 100 }, Storage::Efs, Storage::Fsx { gib: 1_200 }];
                let choices = ["none", "ebs", "efs", "fsx"].iter().zip(kinds).map(|(word, kind)| ((*word).to_owned(), kind.words()));
                let words = vec!["ebs:GIB and fsx:GIB choose another size.".to_owned()];
                Question { proposed: "ebs".into(), words, choices: choices.collect(), ..say("Shared storage") }
            }
            Step::File => Question { proposed: format!("{}.yaml", self.given(Step::Name)), ..say("File to write") },
        })
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
        let next = if step == Step::Region && text != self.ground.region { Next::Look(text.clone()) } else { Next::On };
        self.answers.push(text);
        Ok(next)
    }

    fn check(&self, step: Step, text: &str, question: &Question) -> Result<(), String> {
        let listed = || {
            if question.choices.iter().any(|(value, _)| value == text) { Ok(()) } else { Err(format!("{text} is none of them")) }
        };
        let number = || text.parse::<u32>().ok().filter(|n| *n <= 2_000).ok_or_else(|| format!("{text} is no number from 0 to 2000"));
        match step {
            Step::Region if self.ground.regions.iter().any(|region| region == text) => Ok(()),
            Step::Region => Err(format!("this account has no region {text}")),
            Step::Name => name_fault(text).map_or(Ok(()), Err),
            Step::Key => match text.split_once(':') {
                Some(("new", name)) if self.ground.keys.iter().any(|key| key == name) => Err(format!("there is a key pair {name} already")),
                Some(("new", name)) if is_key_name(name) => Ok(()),
                Some(("new", _)) => Err("a key pair's name has letters, digits, - _ and . only".into()),
                Some(("import", path)) if !path.is_empty() => Ok(()),
                _ => listed().map_err(|_| format!("{text} is no key pair there: new:{text} makes it")),
            },
            Step::Network | Step::HeadSubnet | Step::QueueSubnet | Step::Capacity => listed(),
            // A type that is in no list is looked up.
            Step::HeadType => Ok(()),
            Step::QueueType => match (self.machine(self.given(Step::HeadType)), self.machine(text)) {
                (Some(head), Some(node)) if !head.fits(node) => {
                    Err(format!("{text} is {}, the head node is {}: one image must run on both", arch(node), arch(head)))
                }
                _ => Ok(()),
            },
            Step::Min => number().map(|_| ()),
            Step::Max => {
                let (max, min) = (number()?, self.given(Step::Min).parse::<u32>().unwrap_or(0));
                if max == 0 || max < min { Err(format!("at least {}", min.max(1))) } else { Ok(()) }
            }
            Step::Storage => Storage::read(text).map(|_| ()),
            Step::File if text.ends_with('/') => Err("this is a folder".into()),
            Step::File => Ok(()),
        }
    }

    /// The name of the key pair, as AWS shall know it.
    pub(super) fn key_name(&self) -> String {
        match self.given(Step::Key).split_once(':') {
            Some(("import", path)) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let name = name.strip_suffix(".pub").unwrap_or(name);
                name.chars().map(|c| if is_key_name(&c.to_string()) { c } else { '-' }).collect()
            }
            Some(("new", name)) => name.to_owned(),
            _ => self.given(Step::Key).to_owned(),
        }
    }

    /// All answers together.
    pub(super) fn blueprint(&self) -> Blueprint {
        Blueprint {
            name: self.given(Step::Name).to_owned(),
            region: self.ground.region.clone(),
            os: "alinux2023".into(),
            key: self.key_name(),
            head_type: self.given(Step::HeadType).to_owned(),
            head_subnet: self.subnet(Step::HeadSubnet).cloned().unwrap_or_default(),
            queue_type: self.given(Step::QueueType).to_owned(),
            queue_subnet: self.subnet(Step::QueueSubnet).cloned().unwrap_or_default(),
            min: self.given(Step::Min).parse().unwrap_or(0),
            max: self.given(Step::Max).parse().unwrap_or(10),
            spot: self.given(Step::Capacity) == "spot",
            storage: Storage::read(self.given(Step::Storage)).unwrap_or_default(),
        }
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with(['-', '.'])
}

fn arch(machine: &Machine) -> String {
    machine.architectures.join(" or ")
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
    format!("{name}{default}{}, {public} public and {} other subnets", network.cidr, network.subnets.len() - public)
}

/// How well a network serves a cluster: a way in for the head node, and a way out for its nodes.
fn ways(network: &Network) -> usize {
    let has = |route: &Route| network.subnets.iter().any(|subnet| subnet.route == *route);
    usize::from(has(&Route::Internet)) * 2 + usize::from(has(&Route::Nat))
}

fn subnet_words(subnet: &Subnet) -> String {
    let name = if subnet.name.is_empty() { String::new() } else { format!("{}, ", subnet.name) };
    format!("{name}{}, {}, {}, {} addresses free", subnet.route.words(), subnet.zone, subnet.cidr, subnet.free)
}

fn no_network() -> Vec<String> {
    vec![
        "There is no VPC in this region. pcluster can make one, but only when it asks by itself:".into(),
        "`pcluster configure --config x.yaml`, and y at \"Automate VPC creation\". Then begin here again.".into(),
    ]
}

fn no_subnet() -> Vec<String> {
    vec!["This network has no subnets: go back with < and choose another one.".into()]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::init) fn wizard() -> Wizard {
        let subnet = |id: &str, route, zone: &str| Subnet { id: id.into(), route, zone: zone.into(), free: 250, ..Subnet::default() };
        let subnets = vec![
            subnet("subnet-a", Route::Nat, "eu-west-1b"),
            subnet("subnet-b", Route::Internet, "eu-west-1a"),
            subnet("subnet-c", Route::Nat, "eu-west-1a"),
        ];
        let network = Network { id: "vpc-1".into(), cidr: "10.0.0.0/16".into(), is_default: true, subnets, ..Network::default() };
        let ground = Ground {
            region: "eu-west-1".into(),
            regions: vec!["eu-west-1".into(), "us-east-1".into()],
            keys: vec!["mine".into()],
            networks: vec![network],
        };
        let machine = |name: &str, arch: &str| Machine {
            name: name.into(),
            vcpus: 4,
            memory_mib: 8_192,
            gpus: String::new(),
            architectures: vec![arch.into()],
        };
        Wizard::new(ground, vec![machine("t3.medium", "x86_64"), machine("c6i.xlarge", "x86_64"), machine("c7g.4xlarge", "arm64")])
    }

    fn answered(answers: &[&str]) -> Wizard {
        let mut wizard = wizard();
        for answer in answers {
            assert_eq!(wizard.answer(answer), Ok(Next::On), "{answer}");
        }
        wizard
    }

    #[test]
    fn empty_lines_make_a_cluster_that_works() {
        let wizard = answered(&[""; 13]);
        assert_eq!(wizard.step(), None);
        let blueprint = wizard.blueprint();
        assert_eq!(
            (blueprint.head_subnet.id.as_str(), blueprint.queue_subnet.id.as_str()),
            ("subnet-b", "subnet-c"),
            "public, and NAT beside it"
        );
        assert_eq!(
            (blueprint.key.as_str(), blueprint.head_type.as_str(), blueprint.queue_type.as_str()),
            ("mine", "t3.medium", "c6i.xlarge")
        );
        assert_eq!((blueprint.storage, blueprint.max, wizard.given(Step::File)), (Storage::Ebs { gib: 100 }, 10, "hpc.yaml"));
        assert_eq!(blueprint.faults(), [""; 0]);
    }

    #[test]
    fn a_network_with_ways_in_and_out_is_proposed_before_the_default_one() {
        let mut wizard = wizard();
        let bare = Network { id: "vpc-0".into(), is_default: true, subnets: vec![Subnet::default()], ..Network::default() };
        wizard.ground.networks[0].is_default = false;
        wizard.ground.networks.insert(0, bare);
        ["", "", ""].iter().for_each(|answer| drop(wizard.answer(answer)));
        assert_eq!(wizard.question().unwrap().proposed, "vpc-1");
    }

    #[test]
    fn every_answer_can_be_taken_back() {
        let mut wizard = answered(&["", "lab", "new:lab-key"]);
        assert_eq!((wizard.step(), wizard.key_name().as_str()), (Some(Step::Network), "lab-key"));
        assert!(wizard.back() && wizard.step() == Some(Step::Key));
        assert_eq!(wizard.answer("import:/home/me/.ssh/id my.pub"), Ok(Next::On));
        assert_eq!(wizard.key_name(), "id-my");
        while wizard.back() {}
        assert_eq!(wizard.step(), Some(Step::Region));
        assert!(!wizard.back());
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        assert!(wizard().answer("mars-1").unwrap_err().contains("no region"));
        assert_eq!(wizard().answer("us-east-1"), Ok(Next::Look("us-east-1".into())));
        assert!(answered(&[""]).answer("1 lab").is_err());
        let mut key = answered(&["", ""]);
        assert!(key.answer("yours").unwrap_err().contains("new:yours"));
        assert!(key.answer("new:mine").unwrap_err().contains("already") && key.answer("new:a b").is_err());
        let mut subnet = answered(&["", "", "", "1"]);
        assert!(subnet.answer("4").unwrap_err().contains("none of them") && subnet.answer("2") == Ok(Next::On));
        let mut node = answered(&["", "", "", "", "", "", ""]);
        assert!(node.answer("c7g.4xlarge").unwrap_err().contains("arm64"));
        assert_eq!(node.answer("x9.huge"), Ok(Next::Machine("x9.huge".into())));
        let mut max = answered(&["", "", "", "", "", "", "", "", "5"]);
        assert!(max.answer("4").unwrap_err().contains("at least 5") && max.answer("x").is_err() && max.answer("5") == Ok(Next::On));
        assert!(max.answer("cheap").is_err() && max.answer("spot") == Ok(Next::On));
        assert!(max.answer("fsx:1").is_err() && max.answer("fsx:2400") == Ok(Next::On));
        assert!(max.blueprint().spot);
    }

    #[test]
    fn an_account_without_a_network_is_told_what_to_do() {
        let mut empty = wizard();
        empty.ground.networks.clear();
        ["", "", ""].iter().for_each(|answer| drop(empty.answer(answer)));
        assert!(empty.question().unwrap().words.join(" ").contains("pcluster configure"));
        assert!(empty.answer("").is_err());
    }
}
