//! A session of Live Tail: what arrives in one stream, about every second, until it ends.
//!
//! Decides nothing about what was seen before, and never lives longer than whoever listens to it.

use aws_sdk_cloudwatchlogs::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_cloudwatchlogs::types::StartLiveTailResponseStream as Sent;
use aws_sdk_cloudwatchlogs::types::error::StartLiveTailResponseStreamError as Refused;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::client::Clients;
use super::super::trouble;
use crate::model::{Failure, FailureKind};

/// What a session sends.
#[derive(Debug)]
pub(super) enum Update {
    /// Moments and messages, in the order of their arrival. Sampled, some are missing.
    Events { events: Vec<(i64, String)>, sampled: bool },
    /// It is over, and why.
    Ended(String),
}

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    updates: mpsc::Receiver<Update>,
    reader: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Session {
    /// Begins one, which costs money from now on.
    pub(super) async fn begin(clients: &Clients, group: &str, stream: &str) -> Result<Self, Failure> {
        let request = clients.logs.start_live_tail().log_group_identifiers(arn(clients, group).await?).log_stream_names(stream);
        // A session is silent for hours and well.
        let patient = Builder::new().stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let request = request.customize().config_override(patient).mutate_request(|request| {
            if let Some(uri) = without_prefix(request.uri()) {
                let _ = request.set_uri(uri);
            }
        });
        let output = request.send().await.map_err(|error| trouble::failure(clients, "logs:StartLiveTail", &error))?;
        let mut sent = output.response_stream;
        let (send, updates) = mpsc::channel(16);
        let reader = tokio::spawn(async move {
            loop {
                let update = match sent.recv().await {
                    Ok(Some(Sent::SessionUpdate(update))) => Update::Events {
                        sampled: update.session_metadata().is_some_and(|meta| meta.sampled()),
                        events: update
                            .session_results()
                            .iter()
                            .filter_map(|event| Some((event.timestamp()?, event.message()?.to_owned())))
                            .collect(),
                    },
                    Ok(Some(_)) => continue,
                    Ok(None) => Update::Ended("ended".into()),
                    Err(error) => Update::Ended(match error.as_service_error() {
                        Some(Refused::SessionTimeoutException(_)) => "ended after its three hours".into(),
                        _ => "broke off".into(),
                    }),
                };
                let is_over = matches!(update, Update::Ended(_));
                if send.send(update).await.is_err() || is_over {
                    return;
                }
            }
        });
        Ok(Self { updates, reader })
    }

    /// What it sends next.
    pub(super) async fn next(&mut self) -> Update {
        self.updates.recv().await.unwrap_or_else(|| Update::Ended("broke off".into()))
    }
}

/// The group's ARN as Live Tail wants it: without the `:*` that others end in.
async fn arn(clients: &Clients, group: &str) -> Result<String, Failure> {
    let found = clients.logs.describe_log_groups().log_group_name_prefix(group).send().await;
    let found = found.map_err(|error| trouble::failure(clients, "logs:DescribeLogGroups", &error))?;
    let this = found.log_groups().iter().find(|found| found.log_group_name() == Some(group));
    let arn = this.and_then(|this| this.log_group_arn().or_else(|| this.arn())).map(|arn| arn.trim_end_matches(":*").to_owned());
    arn.ok_or_else(|| Failure::new(FailureKind::NotFound, clients.place(), format!("there is no log group {group}")))
}

/// The SDK puts `stream-` before any host. AWS answers at such names; an endpoint of one's own has no such name.
fn without_prefix(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://stream-")?;
    let host = rest.split(['/', ':']).next().unwrap_or(rest);
    let is_aws = ["amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn"].iter().any(|own| host.ends_with(own));
    (!is_aws).then(|| format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_endpoint_of_one_s_own_loses_the_prefix() {
        assert_eq!(without_prefix("http://stream-127.0.0.1:5555/").as_deref(), Some("http://127.0.0.1:5555/"));
        assert_eq!(without_prefix("https://stream-logs.eu-west-1.amazonaws.com/"), None);
        assert_eq!(without_prefix("http://127.0.0.1:5555/"), None);
    }
}
