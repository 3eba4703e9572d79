//! EC2's checks of machines, and the events that it has scheduled for them.
//!
//! One call for up to a hundred machines; of more it is the region's pages, a few at a time, and never a call for each.

use aws_sdk_ec2::types::{InstanceStatus, InstanceStatusSummary};
use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{Alert, Failure};
use crate::remote::alerts::Told;

/// EC2 takes no more names in one question.
const NAMED: usize = 100;
const PAGE: i32 = 1_000;
/// Pages of one look; the next one goes on where it ended.
const PAGES: usize = 6;

/// What EC2 says of these running machines. `token` is where the last answer left off, and says where the next one goes on.
pub(super) async fn look(clients: &Clients, ids: &[String], token: &mut Option<String>) -> Result<Told, Failure> {
    if ids.is_empty() {
        return Ok(Told::new());
    }
    let named = ids.len() <= NAMED;
    let mut told = Told::new();
    for _ in 0..PAGES {
        let request = clients.ec2.describe_instance_status().include_all_instances(false);
        let request =
            if named { request.set_instance_ids(Some(ids.to_vec())) } else { request.max_results(PAGE).set_next_token(token.take()) };
        let answer = request.send().await.map_err(|error| trouble::failure(clients, "ec2:DescribeInstanceStatus", &error))?;
        told.extend(answer.instance_statuses().iter().filter_map(alerts));
        *token = answer.next_token().filter(|token| !token.is_empty() && !named).map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    Ok(told)
}

fn alerts(status: &InstanceStatus) -> Option<(String, Vec<Alert>)> {
    let word = |summary: Option<&InstanceStatusSummary>| {
        summary.and_then(InstanceStatusSummary::status).map(|status| status.as_str().to_owned()).unwrap_or_default()
    };
    let mut alerts = Alert::checks(&word(status.system_status()), &word(status.instance_status()));
    alerts.extend(status.events().iter().filter_map(|event| {
        let at = event.not_before().and_then(|at| Timestamp::from_second(at.secs()).ok());
        Alert::event(event.code().map(|code| code.as_str()).unwrap_or_default(), event.description().unwrap_or_default(), at)
    }));
    Some((status.instance_id()?.to_owned(), alerts))
}
