//! What an AWS account has that a first cluster can stand on: regions, key pairs, networks with where their subnets lead, machines.

use super::Failure;

/// One region of an account, and the names of the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ground {
    /// The region that was looked into.
    pub region: String,
    /// Every region that the account may use, by name.
    pub regions: Vec<String>,
    /// Names of the key pairs there.
    pub keys: Vec<String>,
    /// The virtual networks (VPCs) there, the account's default one first.
    pub networks: Vec<Network>,
    /// What could not be listed, and why: `key pairs`, `networks`, `subnets`, `routes`, `regions`.
    pub unlisted: Vec<(&'static str, Failure)>,
}

impl Ground {
    /// Why something could not be listed, if it could not.
    pub fn untold(&self, what: &str) -> Option<&Failure> {
        self.unlisted.iter().find(|(name, _)| *name == what).map(|(_, failure)| failure)
    }
}

/// A VPC.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Network {
    /// `vpc-…`
    pub id: String,
    /// Its Name tag, or nothing.
    pub name: String,
    /// Its addresses: `172.31.0.0/16`.
    pub cidr: String,
    /// Whether it is the one that every account begins with.
    pub is_default: bool,
    /// Its subnets, by zone.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// Its Name tag, or nothing.
    pub name: String,
    /// Its availability zone: `eu-west-1a`.
    pub zone: String,
    /// Its addresses.
    pub cidr: String,
    /// How many of them are free.
    pub free: u32,
    /// Whether machines get a public address without asking.
    pub gives_public: bool,
    /// Where its packets go that leave the network.
    pub route: Route,
}

/// Where a subnet's default route leads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Route {
    /// To an internet gateway: who has a public address can be reached from outside.
    Internet,
    /// To a NAT: machines get out, nobody gets in.
    Nat,
    /// To somewhere else: a transit gateway, a VPN, a firewall.
    Other(String),
    /// Nowhere.
    #[default]
    None,
    /// Nobody could find out.
    Unknown,
}

impl Route {
    /// In words: `public`, `private, out by NAT`.
    pub fn words(&self) -> String {
        match self {
            Self::Internet => "public".into(),
            Self::Nat => "private, out by NAT".into(),
            Self::Other(target) => format!("private, out by {target}"),
            Self::None => "isolated: no way out".into(),
            Self::Unknown => "not known where it leads".into(),
        }
    }
}

/// An instance type.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// `c6i.xlarge`
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// GPUs: `8 × NVIDIA H100`, or nothing.
    pub gpus: String,
    /// `x86_64`, `arm64`
    pub architectures: Vec<String>,
    /// Availability zones that offer it; none where that is not known.
    pub zones: Vec<String>,
}

impl Machine {
    /// `4 vCPU, 8 GiB`, with its GPUs and an architecture that is not the usual one.
    pub fn words(&self) -> String {
        if self.vcpus == 0 {
            return "not known what it is like".into();
        }
        let memory = if self.memory_mib.is_multiple_of(1024) || self.memory_mib >= 10_240 {
            format!("{} GiB", self.memory_mib / 1024)
        } else {
            format!("{}.{} GiB", self.memory_mib / 1024, self.memory_mib % 1024 * 10 / 1024)
        };
        let gpus = if self.gpus.is_empty() { String::new() } else { format!(", {}", self.gpus) };
        let arm = if self.architectures.iter().any(|a| a == "arm64") { ", Arm" } else { "" };
        format!("{} vCPU, {memory}{gpus}{arm}", self.vcpus)
    }

    /// Whether a zone offers it, as far as that is known.
    pub fn is_in(&self, zone: &str) -> bool {
        zone.is_empty() || self.zones.is_empty() || self.zones.iter().any(|one| one == zone)
    }

    /// Whether one image can run on both.
    pub fn fits(&self, other: &Self) -> bool {
        self.architectures.is_empty()
            || other.architectures.is_empty()
            || self.architectures.iter().any(|a| other.architectures.contains(a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_told_in_words() {
        let machine = |name: &str, vcpus, memory_mib, arch: &str| Machine {
            name: name.into(),
            vcpus,
            memory_mib,
            gpus: String::new(),
            architectures: vec![arch.into()],
            zones: vec!["eu-west-1a".into()],
        };
        let (small, arm) = (machine("t3.nano", 2, 512, "x86_64"), machine("c7g.4xlarge", 16, 32_768, "arm64"));
        assert_eq!((small.words().as_str(), arm.words().as_str()), ("2 vCPU, 0.5 GiB", "16 vCPU, 32 GiB, Arm"));
        assert!(small.is_in("eu-west-1a") && small.is_in("") && !small.is_in("eu-west-1b") && Machine::default().is_in("eu-west-1b"));
        assert!(small.fits(&small) && !small.fits(&arm) && small.fits(&Machine::default()));
    }
}
