//! What a head node writes to CloudWatch while it is set up.
//!
//! Calls for each look: DescribeLogStreams and GetLogEvents once each; DescribeStacks once for a head node, whose log group stays the same.
//! Looked at for what went wrong: GetLogEvents for each of three logs.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types::OrderBy;
use tokio::sync::Mutex;

use super::client::Clients;
use super::{stacks, trouble};
use crate::model::bootstrap::{LAST, LOGS};
use crate::model::{Bootstrap, Cluster, Failure, FailureKind};

/// The log group of each head node that was asked about.
pub(super) type Groups = HashMap<String, String>;

/// As many last events of a log are read where it is looked for what went wrong.
const LOOKED: i32 = 300;

pub(super) async fn read(
    clients: &Clients,
    groups: &Mutex<Groups>,
    cluster: &Cluster,
    head: &str,
    why: bool,
) -> Result<Bootstrap, Failure> {
    let group = group(clients, groups, cluster, head).await?;
    let mine = format!(".{head}.");
    let request = clients.logs.describe_log_streams().log_group_name(&group).order_by(OrderBy::LastEventTime).descending(true).limit(50);
    let page = match request.send().await.map_err(|error| trouble::failure(clients, "logs:DescribeLogStreams", &error)) {
        Ok(page) => page,
        // The group is made while the cluster is.
        Err(failure) if failure.kind == FailureKind::NotFound => return Ok(Bootstrap::default()),
        Err(failure) => return Err(failure),
    };
    let mut found: Vec<(&str, &str, i64)> = page
        .log_streams()
        .iter()
        .filter_map(|stream| {
            let name = stream.log_stream_name()?;
            let log = name.split_once(&mine)?.1;
            LOGS.contains(&log).then(|| (log, name, stream.last_event_timestamp().unwrap_or(0)))
        })
        .collect();
    found.sort_by_key(|(.., last)| std::cmp::Reverse(*last));
    found.truncate(if why { LOGS.len() } else { 1 });
    let limit = if why { LOOKED } else { i32::try_from(LAST).unwrap_or(8) };
    let mut logs = Vec::new();
    for (log, stream, _) in found {
        let request = clients.logs.get_log_events().log_group_name(&group).log_stream_name(stream).start_from_head(false).limit(limit);
        let page = request.send().await.map_err(|error| trouble::failure(clients, "logs:GetLogEvents", &error))?;
        let events = page.events().iter().filter_map(|event| Some((event.timestamp()?, event.message()?.to_owned())));
        logs.push((log.to_owned(), events.collect()));
    }
    Ok(Bootstrap::of(&logs))
}

/// The group that the cluster of this head node writes to.
async fn group(clients: &Clients, groups: &Mutex<Groups>, cluster: &Cluster, head: &str) -> Result<String, Failure> {
    if let Some(known) = groups.lock().await.get(head) {
        return Ok(known.clone());
    }
    let told = match &cluster.log_group {
        Some(group) => Some(group.clone()),
        None => stacks::one(clients, &cluster.name).await?.and_then(|stack| stack.log_group),
    };
    let Some(group) = told else {
        return Err(Failure::new(FailureKind::NotFound, cluster.name.as_str(), "its logs are not kept in CloudWatch")
            .hint("Monitoring/Logs/CloudWatch/Enabled: false in its configuration says so."));
    };
    groups.lock().await.insert(head.to_owned(), group.clone());
    Ok(group)
}
