//! EC2's checks of machines, and the events that it has scheduled for them.
//!
//! One call, whatever the size of the cluster: of more than a hundred machines it is a page of the region's at a time.

use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{Alert, Failure};
use crate::remote::alerts::Told;

/// EC2 takes no more names in one question.
const NAMED: usize = 100;
const PAGE: i32 = 1_000;

/// What EC2 says of these running machines. `token` is where the last answer left off, and says where the next one goes on.
pub(super) async fn look(clients: &Clients, ids: &[String], token: &mut Option<String>) -> Result<Told, Failure> {
    if ids.is_empty() {
        return Ok(Told::new());
    }
    let mut request = clients.ec2.describe_instance_status().include_all_instances(false);
    if ids.len() <= NAMED {
        *token = None;
        request = request.set_instance_ids(Some(ids.to_vec()));
    } else {
        request = request.max_results(PAGE).set_next_token(token.take());
    }
    let answer = request.send().await.map_err(|error| trouble::failure(clients, "ec2:DescribeInstanceStatus", &error))?;
    *token = answer.next_token().filter(|token| !token.is_empty() && ids.len() > NAMED).map(str::to_owned);
    let told = answer.instance_statuses().iter().filter_map(|status| {
        let word = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
            summary.and_then(|summary| summary.status()).map(|status| status.as_str().to_owned()).unwrap_or_default()
        };
        let mut alerts = Alert::checks(&word(status.system_status()), &word(status.instance_status()));
        alerts.extend(status.events().iter().filter_map(|event| {
            let at = event.not_before().and_then(|at| Timestamp::from_second(at.secs()).ok());
            Alert::event(event.code().map(|code| code.as_str()).unwrap_or_default(), event.description().unwrap_or_default(), at)
        }));
        Some((status.instance_id()?.to_owned(), alerts))
    });
    Ok(told.collect())
}
