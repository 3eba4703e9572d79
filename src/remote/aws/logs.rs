//! A CloudWatch stream as a log that is followed: GetLogEvents with forward tokens, which never skip and never repeat.

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::{Aws, trouble};
use crate::model::{Cluster, Failure, LogEvent, LogStart};

/// Between two looks at a stream that was silent.
const SOON: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

struct Follower {
    aws: Aws,
    cluster: Cluster,
    group: String,
    stream: String,
    start: LogStart,
    /// Where to go on; `None` before the first page.
    token: Option<String>,
    ready: VecDeque<LogEvent>,
    sent: u64,
    caught_up: bool,
    pause: Duration,
    failures: u32,
}

/// Follows a stream.
pub(super) fn follow(
    aws: Aws,
    cluster: Cluster,
    group: String,
    stream: String,
    start: LogStart,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let follower = Follower {
        aws,
        cluster,
        group,
        stream,
        start,
        token: None,
        ready: VecDeque::new(),
        sent: 0,
        caught_up: false,
        pause: Duration::ZERO,
        failures: 0,
    };
    stream::unfold(follower, |mut follower| async {
        let next = follower.next().await;
        Some((next, follower))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<LogEvent, Failure> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            tokio::time::sleep(self.pause).await;
            match self.page().await {
                Ok(()) => self.failures = 0,
                Err(failure) => {
                    // The token is unchanged: the next page is the one that was missed.
                    self.failures += 1;
                    self.pause = (SOON * 2_u32.pow(self.failures.min(5))).min(LONGEST);
                    return Err(failure);
                }
            }
        }
    }

    /// Asks for the next page and gets its events ready.
    async fn page(&mut self) -> Result<(), Failure> {
        let clients = self.aws.clients(self.cluster.profile.as_deref(), self.cluster.region.as_deref()).await?;
        let from_head = self.token.is_some() || self.start == LogStart::Beginning;
        let request = clients.logs.get_log_events().log_group_name(&self.group).log_stream_name(&self.stream);
        let page = request.start_from_head(from_head).set_next_token(self.token.clone()).limit(10_000).send().await;
        let page = page.map_err(|error| trouble::failure(&clients, "logs:GetLogEvents", &error))?;
        if self.token.is_none() {
            self.ready.push_back(LogEvent::Opened { path: self.stream.clone(), start: 0, size: 0 });
        }
        let bytes = text(page.events());
        let same = page.next_forward_token() == self.token.as_deref();
        self.token = page.next_forward_token().map(str::to_owned).or(self.token.take());
        if bytes.is_empty() {
            // An empty page with another token is not the end: CloudWatch skips silent stretches so.
            if same || self.caught_up {
                if !self.caught_up {
                    self.ready.push_back(LogEvent::CaughtUp);
                    self.caught_up = true;
                }
                self.pause = if self.pause < SOON { SOON } else { (self.pause * 5 / 4).min(LATER) };
            } else {
                self.pause = Duration::ZERO;
            }
            return Ok(());
        }
        // While there is more behind, the next page is asked for at once.
        self.pause = if self.caught_up { SOON } else { Duration::ZERO };
        let offset = self.sent;
        self.sent += bytes.len() as u64;
        self.ready.push_back(LogEvent::Bytes { offset, bytes });
        Ok(())
    }
}

/// Events as lines. A message that begins with no time of its own gets CloudWatch's.
fn text(events: &[OutputLogEvent]) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        let message = event.message().unwrap_or_default().trim_end_matches(['\n', '\r']);
        let dated = message.trim_start_matches('[').bytes().take(4).filter(u8::is_ascii_digit).count() == 4;
        if let Some(at) = event.timestamp().filter(|_| !dated).and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
            out.extend_from_slice(at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ ").to_string().as_bytes());
        }
        out.extend_from_slice(message.as_bytes());
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_without_a_time_get_one() {
        let event = |message: &str| OutputLogEvent::builder().timestamp(1_700_000_000_123).message(message).build();
        let lines = text(&[event("2026-01-01 00:00:00,000 - x\n"), event("[2026-01-01T00:00:00.000] y"), event("plain")]);
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "2026-01-01 00:00:00,000 - x\n[2026-01-01T00:00:00.000] y\n2023-11-14T22:13:20.123Z plain\n"
        );
    }
}
