//! Spot machines that EC2 takes back: the two minutes' notice, as their spot requests tell it, and why one is gone.
//!
//! One call, whatever the size of the cluster: only requests in such a state are asked for. EC2's earlier hint, the rebalance
//! recommendation, is told to the machine itself and to EventBridge, and by no call that could be made from here.

use aws_sdk_ec2::types::Filter;
use jiff::{SignedDuration, Timestamp};

use super::client::Clients;
use super::trouble;
use crate::model::{Alert, Failure};
use crate::remote::alerts::Notices;

/// How long before its end a machine is marked.
const NOTICE: SignedDuration = SignedDuration::from_mins(2);
/// EC2 remembers requests for two days: more pages than this of ended ones are of no use.
const PAGES: usize = 3;

/// What EC2 says of the spot machines of this region that it takes or took back, by instance.
pub(super) async fn notices(clients: &Clients) -> Result<Notices, Failure> {
    let codes = Filter::builder().name("status-code").set_values(Some(Alert::SPOT.map(str::to_owned).to_vec())).build();
    let request = clients.ec2.describe_spot_instance_requests().filters(codes);
    let mut pages = request.into_paginator().page_size(1_000).send();
    let mut found = Notices::new();
    for _ in 0..PAGES {
        let Some(page) = pages.next().await else { break };
        let page = page.map_err(|error| trouble::failure(clients, "ec2:DescribeSpotInstanceRequests", &error))?;
        found.extend(page.spot_instance_requests().iter().filter_map(|request| {
            let status = request.status()?;
            let code = status.code()?;
            let marked = status.update_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
            let at = if code.starts_with("marked-") { marked.and_then(|at| at.checked_add(NOTICE).ok()) } else { marked };
            Some((request.instance_id()?.to_owned(), Alert::spot(code, at)?))
        }));
    }
    Ok(found)
}
