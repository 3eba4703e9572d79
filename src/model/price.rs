//! What an hour of a machine costs, by its type, its region and how it is paid for.
//!
//! What is not known is not there, and is never 0.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::Money;

/// What a NAT gateway is called among instance types: it is paid by the hour as they are.
pub const NAT: &str = "nat-gateway";

/// How a machine is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Purchase {
    /// At the price that everybody pays.
    OnDemand,
    /// At the price of the moment, until EC2 takes it back.
    Spot,
}

impl Purchase {
    /// `on-demand` or `spot`.
    pub fn word(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Spot => "spot",
        }
    }
}

/// The price of an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price {
    /// Of one machine.
    pub hour: Money,
    /// When AWS was asked for it.
    pub at: Timestamp,
}

/// What is known of one instance type in one region.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Quote {
    /// On demand, Linux.
    pub on_demand: Option<Price>,
    /// Spot, by availability zone.
    pub spot: BTreeMap<String, Price>,
}

/// All prices that are known.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Prices {
    /// By region and instance type.
    pub quotes: HashMap<(String, String), Quote>,
    /// Whether they are made up.
    pub simulated: bool,
    /// Why some of them are old or not known, as far as that was found out.
    pub trouble: Option<super::Failure>,
}

impl Prices {
    /// The price of a machine. Of a spot machine whose zone is not known it is that of the dearest zone.
    pub fn of(&self, region: &str, instance_type: &str, purchase: Purchase, zone: Option<&str>) -> Option<Price> {
        let quote = self.quotes.get(&(region.to_owned(), instance_type.to_owned()))?;
        match (purchase, zone) {
            (Purchase::OnDemand, _) => quote.on_demand,
            (Purchase::Spot, Some(zone)) => quote.spot.get(zone).copied(),
            (Purchase::Spot, None) => quote.spot.values().max_by_key(|price| price.hour).copied(),
        }
    }
}
