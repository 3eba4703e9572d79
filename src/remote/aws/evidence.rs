//! What the logs of a cluster say whose creation failed: ParallelCluster's reason only names the log.
//!
//! Calls, once for each failed creation: DescribeLogStreams, and GetLogEvents for the logs in question until one of them tells something.

use aws_sdk_cloudwatchlogs::types::OrderBy;

use super::client::Clients;
use super::trouble;
use crate::model::{ClusterFailure, Failure, FailureKind};

/// The head node's logs that a failure is found in, the likeliest first.
const LOGS: [&str; 3] = ["chef-client", "cfn-init", "cloud-init-output"];
/// So much of a log's end is read, and so many of the lines that tell something are shown.
const READ: i32 = 300;
const SHOWN: usize = 5;

/// The last lines of errors in the log group of such a cluster; none where it has no logs.
pub(super) async fn lines(clients: &Clients, group: &str) -> Result<Vec<ClusterFailure>, Failure> {
    let streams = clients.logs.describe_log_streams().log_group_name(group).order_by(OrderBy::LastEventTime).descending(true).limit(50);
    let streams = match streams.send().await {
        Ok(page) => page.log_streams().iter().filter_map(|stream| stream.log_stream_name()).map(str::to_owned).collect::<Vec<_>>(),
        Err(error) => {
            let failure = trouble::failure(clients, "logs:DescribeLogStreams", &error);
            // Nothing was ever written.
            return if failure.kind == FailureKind::NotFound { Ok(Vec::new()) } else { Err(failure) };
        }
    };
    for log in LOGS {
        let Some(stream) = streams.iter().find(|stream| stream.rsplit('.').next() == Some(log)) else { continue };
        let events = clients.logs.get_log_events().log_group_name(group).log_stream_name(stream).limit(READ).start_from_head(false);
        let page = events.send().await.map_err(|error| trouble::failure(clients, "logs:GetLogEvents", &error))?;
        let found = telling(page.events().iter().filter_map(|event| event.message()));
        if !found.is_empty() {
            return Ok(found.into_iter().map(|line| ClusterFailure { code: format!("log {log}"), reason: line }).collect());
        }
    }
    Ok(Vec::new())
}

/// The last lines that speak of an error.
fn telling<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let tells = |line: &&str| ["ERROR", "FATAL", "Error", "rror:", "Failed", "failed"].iter().any(|word| line.contains(word));
    let mut found: Vec<String> = lines.filter(tells).map(|line| line.trim().to_owned()).collect();
    found.split_off(found.len().saturating_sub(SHOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_that_speak_of_an_error_are_shown() {
        let mut log: Vec<String> = (0..9).map(|n| format!("[2026-01-02T03:04:05] ERROR: step {n}")).collect();
        log.insert(8, "INFO: all is well".into());
        log.push("  Mixlib::ShellOut::ShellCommandFailed: mount.lustre: Connection timed out\n".into());
        let found = telling(log.iter().map(String::as_str));
        assert_eq!((found.len(), found[0].ends_with("step 5"), found[4].ends_with("timed out")), (5, true, true), "{found:?}");
        assert!(telling(["INFO: fine"].into_iter()).is_empty());
    }
}
