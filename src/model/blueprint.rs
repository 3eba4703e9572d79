//! A first cluster, and ParallelCluster's YAML of it. Pure: every name in it is quoted where YAML would read something else.

use super::price::NAT;
use super::{Burn, Machines, Prices, Purchase, Role, Route, Subnet};

/// Data that every node sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Storage {
    /// Only the home folders on the head node's own disk.
    #[default]
    None,
    /// A disk of the head node, shared over NFS.
    Ebs {
        /// Its size in GiB.
        gib: u32,
    },
    /// A file system that grows as it is filled.
    Efs,
    /// A parallel file system.
    Fsx {
        /// Its size in GiB: 1200, or a multiple of 2400.
        gib: u32,
    },
}

impl Storage {
    /// Reads `none`, `ebs`, `ebs:200`, `efs`, `fsx`, `fsx:2400`; the failure says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let (kind, size) = text.split_once(':').map_or((text, None), |(kind, size)| (kind, Some(size)));
        let gib = |default: u32| size.map_or(Ok(default), |size| size.parse::<u32>().map_err(|_| format!("{size} is no size in GiB")));
        match (kind, size) {
            ("none", None) => Ok(Self::None),
            ("efs", None) => Ok(Self::Efs),
            ("ebs", _) => match gib(100)? {
                gib @ 1..=16_384 => Ok(Self::Ebs { gib }),
                gib => Err(format!("an EBS volume holds 1 to 16384 GiB, not {gib}")),
            },
            ("fsx", _) => match gib(1_200)? {
                gib if gib == 1_200 || gib > 0 && gib.is_multiple_of(2_400) => Ok(Self::Fsx { gib }),
                gib => Err(format!("FSx for Lustre comes in 1200 GiB or multiples of 2400 GiB, not {gib}")),
            },
            ("none" | "efs", Some(_)) => Err(format!("{kind} has no size")),
            _ => Err(format!("{text} is none of none, ebs, ebs:GIB, efs, fsx, fsx:GIB")),
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::None => "none: home folders on the head node's own disk only".into(),
            Self::Ebs { gib } => format!("EBS, {gib} GiB at /shared: a disk of the head node, by NFS"),
            Self::Efs => "EFS at /shared: grows as it is filled, paid by what is stored".into(),
            Self::Fsx { gib } => format!("FSx for Lustre, {gib} GiB at /fsx: fast, paid by its size"),
        }
    }
}

/// A head node, one queue, and what they share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blueprint {
    /// The cluster's name.
    pub name: String,
    /// Where.
    pub region: String,
    /// `alinux2023`
    pub os: String,
    /// The key pair that lets in.
    pub key: String,
    /// The head node's instance type.
    pub head_type: String,
    /// Its subnet.
    pub head_subnet: Subnet,
    /// The instance type of the queue's nodes.
    pub queue_type: String,
    /// Their subnet.
    pub queue_subnet: Subnet,
    /// Nodes that run always.
    pub min: u32,
    /// Nodes at most.
    pub max: u32,
    /// Cheaper, and taken away when EC2 needs them.
    pub spot: bool,
    /// What is shared.
    pub storage: Storage,
    /// Whether a NAT gateway is made for it, which is paid for besides.
    pub gateway: bool,
}

impl Blueprint {
    /// The configuration, with a word on what one may want to change.
    pub fn yaml(&self) -> String {
        let q = scalar;
        let mut out = format!(
            "# ParallelCluster's configuration of {}. Every key: https://docs.aws.amazon.com/parallelcluster/latest/ug/cluster-configuration-file-v3.html\n\
             Region: {}\nImage:\n  Os: {}\n",
            one_line(&self.name),
            q(&self.region),
            q(&self.os)
        );
        out.push_str(&format!(
            "HeadNode:\n  InstanceType: {}\n  Networking:\n    SubnetId: {}\n",
            q(&self.head_type),
            q(&self.head_subnet.id)
        ));
        if self.head_subnet.route == Route::Internet && !self.head_subnet.gives_public {
            out.push_str("    ElasticIp: true # the subnet gives no public addresses of its own\n");
        }
        out.push_str(&format!("  Ssh:\n    KeyName: {}\n", q(&self.key)));
        let capacity = if self.spot { "SPOT" } else { "ONDEMAND" };
        out.push_str(&format!(
            "Scheduling:\n  Scheduler: slurm\n  SlurmQueues:\n    - Name: compute\n      CapacityType: {capacity}\n      Networking:\n        \
             SubnetIds:\n          - {}\n",
            q(&self.queue_subnet.id)
        ));
        if self.queue_subnet.route == Route::Internet && !self.queue_subnet.gives_public {
            out.push_str("        AssignPublicIp: true # its only way out\n");
        }
        out.push_str(&format!(
            "      ComputeResources:\n        - Name: {}\n          InstanceType: {}\n          MinCount: {} # run always, and cost always\n          \
             MaxCount: {}\n",
            resource(&self.queue_type),
            q(&self.queue_type),
            self.min,
            self.max
        ));
        out.push_str(&self.shared());
        out
    }

    fn shared(&self) -> String {
        let (mount, kind, settings) = match self.storage {
            Storage::None => return String::new(),
            Storage::Ebs { gib } => ("/shared", "Ebs", format!("EbsSettings:\n      VolumeType: gp3\n      Size: {gib}\n")),
            Storage::Efs => ("/shared", "Efs", "EfsSettings:\n      Encrypted: true\n".to_owned()),
            Storage::Fsx { gib } => {
                ("/fsx", "FsxLustre", format!("FsxLustreSettings:\n      StorageCapacity: {gib}\n      DeploymentType: SCRATCH_2\n"))
            }
        };
        // A scratch file system cannot outlive its cluster.
        let keeps = match self.storage {
            Storage::Fsx { .. } => "      # gone with the cluster: copy results out before\n",
            _ => "      DeletionPolicy: Delete # Retain keeps the data, and its price, when the cluster is deleted\n",
        };
        format!("SharedStorage:\n  - Name: {}\n    MountDir: {mount}\n    StorageType: {kind}\n    {settings}{keeps}", &mount[1..])
    }

    /// What an hour of it costs with its fewest nodes and with its most, as far as prices are known.
    pub fn cost(&self, prices: &Prices) -> (Burn, Burn) {
        let machines = |role, kind: &str, purchase, subnet: &Subnet, count| Machines {
            role,
            instance_type: kind.to_owned(),
            purchase,
            zone: Some(subnet.zone.clone()).filter(|zone| !zone.is_empty()),
            count,
        };
        let purchase = if self.spot { Purchase::Spot } else { Purchase::OnDemand };
        let with = |nodes| {
            let head = machines(Role::Head, &self.head_type, Purchase::OnDemand, &self.head_subnet, 1);
            let queue = machines(Role::Compute, &self.queue_type, purchase, &self.queue_subnet, nodes);
            let mut burn = Burn::of(&[head, queue], Some(&self.region), prices);
            if self.gateway {
                burn.add(prices.of(&self.region, NAT, Purchase::OnDemand, None), Purchase::OnDemand, 1);
            }
            burn
        };
        (with(self.min), with(self.max))
    }

    /// What ParallelCluster would refuse, found without asking it.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(name_fault(&self.name));
        if self.max == 0 {
            faults.push("the queue has no nodes: --max is at least 1".into());
        }
        if self.min > self.max {
            faults.push(format!("at least {} nodes and at most {}: the other way round?", self.min, self.max));
        }
        // Of a subnet that could not be looked up nothing is known, its zone neither.
        if !self.queue_subnet.zone.is_empty() && self.queue_subnet.free < self.max {
            faults.push(format!("{} has {} free addresses for {} nodes", self.queue_subnet.id, self.queue_subnet.free, self.max));
        }
        if self.head_subnet.route == Route::None || self.queue_subnet.route == Route::None {
            faults.push("a subnet without a way out needs VPC endpoints for EC2, S3, DynamoDB, CloudFormation and CloudWatch".into());
        }
        faults
    }
}

/// What is wrong with a cluster's name.
pub fn name_fault(name: &str) -> Option<String> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (!fits || name.len() > 60)
        .then(|| "a cluster's name begins with a letter, has letters, digits and - only, and is at most 60 long".to_owned())
}

/// The name of a compute resource: lower case, digits and `-`, at most 25.
fn resource(machine: &str) -> String {
    let name: String = machine.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(25).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { "nodes".to_owned() }
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !super::text::is_control(*c)).collect()
}

/// Text as one YAML value: as it is where nothing in it means anything to YAML, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n");
    if plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if super::text::is_control(c) => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::model::{Money, Price, Quote};

    fn subnet(id: &str, route: Route, gives_public: bool) -> Subnet {
        Subnet { id: id.into(), route, gives_public, free: 250, zone: "eu-west-1a".into(), ..Subnet::default() }
    }

    fn blueprint() -> Blueprint {
        Blueprint {
            name: "lab".into(),
            region: "eu-west-1".into(),
            os: "alinux2023".into(),
            key: "my key: 1".into(),
            head_type: "t3.medium".into(),
            head_subnet: subnet("subnet-0a", Route::Internet, false),
            queue_type: "c6i.xlarge".into(),
            queue_subnet: subnet("subnet-0b", Route::Nat, false),
            min: 0,
            max: 10,
            spot: true,
            storage: Storage::Ebs { gib: 200 },
            gateway: false,
        }
    }

    #[test]
    fn an_hour_costs_what_runs_then_and_what_has_no_price_is_counted() {
        let at = jiff::Timestamp::from_second(1_790_000_000).unwrap();
        let price = |micros| Price { hour: Money::micros(micros), at };
        let mut prices = Prices::default();
        let key = |kind: &str| ("eu-west-1".to_owned(), kind.to_owned());
        prices.quotes.insert(key("t3.medium"), Quote { on_demand: Some(price(45_600)), ..Quote::default() });
        let spot = [("eu-west-1a".to_owned(), price(70_000)), ("eu-west-1b".to_owned(), price(90_000))];
        prices.quotes.insert(key("c6i.xlarge"), Quote { on_demand: Some(price(194_000)), spot: spot.into() });
        let hours = |of: Blueprint| (of.cost(&prices).0.brief().unwrap(), of.cost(&prices).1.brief().unwrap());
        assert_eq!(hours(blueprint()), ("≈ $0.046/h".into(), "≈ $0.746/h".into()));
        assert_eq!(hours(Blueprint { spot: false, min: 1, ..blueprint() }), ("≈ $0.240/h".into(), "≈ $1.99/h".into()));
        // A gateway without a known price, and nodes without one.
        assert_eq!(hours(Blueprint { gateway: true, ..blueprint() }).0, "≈ $0.046/h + ?");
        assert_eq!(Blueprint { queue_type: "x9.huge".into(), ..blueprint() }.cost(&prices).1.unpriced, 10);
    }

    #[test]
    fn it_is_what_parallelcluster_reads() {
        let yaml = blueprint().yaml();
        let value: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
        assert_eq!(value["HeadNode"]["Ssh"]["KeyName"], "my key: 1");
        assert_eq!(value["HeadNode"]["Networking"]["ElasticIp"], true);
        let queue = &value["Scheduling"]["SlurmQueues"][0];
        assert_eq!((&queue["CapacityType"], &queue["Networking"]["SubnetIds"][0]), (&"SPOT".into(), &"subnet-0b".into()));
        assert_eq!(queue["Networking"].get("AssignPublicIp"), None);
        assert_eq!((&queue["ComputeResources"][0]["Name"], &queue["ComputeResources"][0]["MaxCount"]), (&"c6i-xlarge".into(), &10.into()));
        let shared = &value["SharedStorage"][0];
        assert_eq!((&shared["EbsSettings"]["Size"], &shared["MountDir"]), (&200.into(), &"/shared".into()));
        let public =
            Blueprint { queue_subnet: subnet("subnet-0c", Route::Internet, false), storage: Storage::Fsx { gib: 2_400 }, ..blueprint() };
        let value: serde_json::Value = serde_yaml::from_str(&public.yaml()).unwrap();
        assert_eq!(value["Scheduling"]["SlurmQueues"][0]["Networking"]["AssignPublicIp"], true);
        assert_eq!(value["SharedStorage"][0]["FsxLustreSettings"]["StorageCapacity"], 2_400);
        let none: serde_json::Value = serde_yaml::from_str(&Blueprint { storage: Storage::None, ..blueprint() }.yaml()).unwrap();
        assert_eq!(none.get("SharedStorage"), None);
    }

    #[test]
    fn what_would_be_refused_is_said_before() {
        assert_eq!(blueprint().faults(), [""; 0]);
        let wrong = Blueprint { name: "1 lab".into(), min: 4, max: 2, ..blueprint() };
        assert_eq!(wrong.faults().len(), 2, "{:?}", wrong.faults());
        let isolated = Blueprint { max: 500, queue_subnet: subnet("subnet-0d", Route::None, false), ..blueprint() };
        assert!(isolated.faults()[0].contains("250 free addresses") && isolated.faults()[1].contains("VPC endpoints"));
    }

    #[test]
    fn storage_is_read_with_its_limits() {
        assert_eq!(Storage::read("ebs"), Ok(Storage::Ebs { gib: 100 }));
        assert_eq!(Storage::read("fsx:4800"), Ok(Storage::Fsx { gib: 4_800 }));
        for wrong in ["", "ebs:0", "ebs:x", "fsx:1300", "efs:5", "nfs", "ebs:99999"] {
            assert!(Storage::read(wrong).is_err(), "{wrong}");
        }
    }

    #[derive(Deserialize)]
    struct One {
        a: String,
    }

    proptest! {
        #[test]
        fn any_text_is_one_value(text in "\\PC*|[\\x00-\\x7f]*|\\u{202e}x|- a|yes|0x1f|~|1e3") {
            let read: One = serde_yaml::from_str(&format!("a: {}\n", scalar(&text))).unwrap();
            prop_assert_eq!(read.a, text);
        }

        #[test]
        fn any_answers_are_a_document(name in "\\PC{0,12}", key in "\\PC{0,12}", region in "\\PC{0,8}", machine in "\\PC{0,40}") {
            let odd = Blueprint { name, key: key.clone(), region, head_type: machine.clone(), queue_type: machine, ..blueprint() };
            let value: serde_json::Value = serde_yaml::from_str(&odd.yaml()).unwrap();
            prop_assert_eq!(value["HeadNode"]["Ssh"]["KeyName"].as_str(), Some(key.as_str()));
        }
    }
}
