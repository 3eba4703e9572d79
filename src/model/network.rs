//! A network that ParallelCluster's template shall make, and which addresses its subnets get. Pure.
//!
//! Never takes an address that a subnet has already.

use super::ClusterId;

/// Addresses of a VPC that is made.
const OWN: &str = "10.0.0.0/16";
/// Addresses that a head node's subnet shall have.
const HEADS: u32 = 250;
/// A subnet for nodes has room to grow, where there is room.
const ROOM: u32 = 4_000;
/// AWS keeps some of each subnet.
const KEPT: u32 = 6;

/// Subnets that ParallelCluster's template makes as one stack, with a VPC around them or in one that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNetwork {
    /// The cluster that is to be; it names account and region.
    pub cluster: ClusterId,
    /// AWS profile; `None` is the SDK's own choice.
    pub profile: Option<String>,
    /// Region.
    pub region: String,
    /// The VPC that gets the subnets; `None` makes one.
    pub vpc: Option<String>,
    /// The availability zone of all subnets.
    pub zone: String,
    /// Whether nodes get a private subnet behind a NAT gateway; else all share a public one.
    pub is_private: bool,
    /// Nodes at most.
    pub nodes: u32,
}

impl NewNetwork {
    /// The stack's name: the same for the same cluster, so that a second attempt finds the first and pays no second gateway.
    pub fn stack(&self) -> String {
        let kind = if self.is_private { "pubpriv" } else { "pub" };
        format!("parallelclusternetworking-{kind}-{}", self.cluster.name())
    }

    /// Addresses of the public subnet, and of the private one if there is one, in a VPC of its own.
    pub fn own_ranges(&self) -> Option<(String, Option<String>)> {
        self.ranges(OWN, &[])
    }

    /// The same among subnets that are there, as `pcluster configure` sizes them; `None` where there is no room.
    pub fn ranges(&self, vpc: &str, taken: &[String]) -> Option<(String, Option<String>)> {
        let vpc = Block::read(vpc)?;
        let mut taken: Vec<Block> = taken.iter().filter_map(|range| Block::read(range)).collect();
        if !self.is_private {
            return roomy(vpc, &taken, self.nodes.saturating_add(HEADS)).map(|block| (block.words(), None));
        }
        let public = free(vpc, &taken, HEADS)?;
        taken.push(public);
        let private = roomy(vpc, &taken, self.nodes)?;
        Some((public.words(), Some(private.words())))
    }
}

/// The first free block for at least so many machines, with room for many more if there is any.
fn roomy(vpc: Block, taken: &[Block], machines: u32) -> Option<Block> {
    let mut wanted = ROOM.max(machines.saturating_mul(2));
    loop {
        if let Some(block) = free(vpc, taken, wanted) {
            return Some(block);
        }
        if wanted / 2 < machines.max(1) {
            return free(vpc, taken, machines);
        }
        wanted /= 2;
    }
}

/// The first block for so many machines that no other one touches.
fn free(vpc: Block, taken: &[Block], machines: u32) -> Option<Block> {
    // AWS has no smaller subnets than of 16 addresses, and no larger ones than of 65,536.
    let size = machines.checked_add(KEPT)?.checked_next_power_of_two()?.max(16);
    if size > 1 << 16 || size > vpc.size {
        return None;
    }
    let size_of = usize::try_from(size).ok()?;
    let begins = (vpc.begin..=vpc.begin + (vpc.size - size)).step_by(size_of);
    begins.map(|begin| Block { begin, size }).find(|block| !taken.iter().any(|other| other.touches(*block)))
}

/// Addresses in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Block {
    begin: u32,
    size: u32,
}

impl Block {
    /// Reads `10.0.0.0/16`; nothing larger than AWS lets a VPC be.
    fn read(range: &str) -> Option<Self> {
        let (base, length) = range.split_once('/')?;
        let base = base.parse::<std::net::Ipv4Addr>().ok()?.to_bits();
        let length = length.parse::<u32>().ok().filter(|length| (8..=32).contains(length))?;
        let size = 1 << (32 - length);
        Some(Self { begin: base & !(size - 1), size })
    }

    fn touches(self, other: Self) -> bool {
        self.begin <= other.begin + (other.size - 1) && other.begin <= self.begin + (self.size - 1)
    }

    fn words(self) -> String {
        format!("{}/{}", std::net::Ipv4Addr::from_bits(self.begin), 32 - self.size.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(is_private: bool, nodes: u32) -> NewNetwork {
        let (profile, vpc) = (None, None);
        NewNetwork {
            cluster: ClusterId::new("x/eu-west-1/lab"),
            profile,
            region: "eu-west-1".into(),
            vpc,
            zone: "a".into(),
            is_private,
            nodes,
        }
    }

    fn ranges(is_private: bool, nodes: u32, vpc: &str, taken: &[&str]) -> Option<(String, Option<String>)> {
        wanted(is_private, nodes).ranges(vpc, &taken.iter().map(|range| (*range).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_are_those_that_pcluster_takes() {
        assert_eq!(wanted(true, 10).stack(), "parallelclusternetworking-pubpriv-lab");
        let both = |public: &str, private: &str| Some((public.to_owned(), Some(private.to_owned())));
        assert_eq!(wanted(true, 10).own_ranges(), both("10.0.0.0/24", "10.0.16.0/20"));
        let public = |nodes| wanted(false, nodes).own_ranges().unwrap().0;
        assert_eq!((public(10), public(1_795), public(1_796)), ("10.0.0.0/20".into(), "10.0.0.0/20".into(), "10.0.0.0/19".into()));
        let taken = ["10.20.0.0/20", "10.20.16.0/20", "10.20.32.0/20"];
        assert_eq!(ranges(true, 10, "10.20.0.0/16", &taken), both("10.20.48.0/24", "10.20.64.0/20"));
        // Less room to grow where there is less room, and none where there is none.
        assert_eq!(ranges(true, 10, "10.0.0.0/23", &[]), both("10.0.0.0/24", "10.0.1.0/24"));
        assert_eq!(ranges(true, 300, "10.0.0.0/23", &[]), None);
        assert_eq!(ranges(true, 10, "10.0.0.0/24", &[]), None);
        assert_eq!(ranges(false, 10, "::/56", &[]), None);
    }

    proptest! {
        #[test]
        fn no_address_is_taken_twice(nodes in 0..3_000_u32, at in prop::collection::vec((0..256_u32, 18..29_u32), 0..12), length in 16..25_u32) {
            let vpc = format!("10.9.0.0/{length}");
            let taken: Vec<String> = at.iter().map(|(third, length)| format!("10.9.{third}.0/{length}")).collect();
            if let Some((public, Some(private))) = wanted(true, nodes).ranges(&vpc, &taken) {
                let (public, private, vpc) = (Block::read(&public).unwrap(), Block::read(&private).unwrap(), Block::read(&vpc).unwrap());
                prop_assert!(!public.touches(private) && private.size >= nodes + KEPT);
                for block in [public, private] {
                    prop_assert!(block.begin >= vpc.begin && block.begin + block.size <= vpc.begin + vpc.size);
                    prop_assert!(taken.iter().all(|range| !Block::read(range).unwrap().touches(block)));
                }
            }
        }
    }
}
