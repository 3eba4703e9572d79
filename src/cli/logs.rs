//! `qdeck logs`: all there is, then what comes until the job has ended.

use std::io::IsTerminal;
use std::time::Duration;

use futures::StreamExt;

use super::print;
use crate::model::text::visible;
use crate::model::{Answer, ClusterId, Failure, FailureKind, JobId, JobState, LogEvent, LogSource, LogStart, OutputKind, Query};
use crate::remote::Remote;

/// How often a followed job is asked whether it has ended.
const LOOK: Duration = Duration::from_secs(2);
/// Output may still be on its way for this long after a job ended: the head node sees a compute node's writes late.
const LATE: Duration = Duration::from_millis(1500);

/// What is printed.
pub(super) struct Wanted<'a> {
    pub(super) what: &'a str,
    pub(super) follow: bool,
    pub(super) stderr: bool,
}

/// Prints a log.
pub(super) async fn print(remote: &dyn Remote, cluster: ClusterId, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let is_job = wanted.what.starts_with(|c: char| c.is_ascii_digit()) && !wanted.what.contains('.');
    if !is_job {
        let source = stream(remote, &cluster, wanted.what).await?;
        return follow(remote, source, wanted.follow, None).await;
    }
    let job = JobId::new(wanted.what);
    let detail = Query::Detail { cluster: cluster.clone(), job: job.clone() };
    // Asked first, so that a job that does not exist is an error and not an endless wait.
    let told = remote.ask(detail.clone()).await?;
    if let Answer::Detail(told) = &told {
        super::job::note(told);
    }
    let state = state(told);
    if state.is_waiting() && !wanted.follow {
        let hint = "-f waits for it.";
        return Err(Failure::new(FailureKind::NotFound, format!("job {job}"), "it has not started, there is no output yet").hint(hint));
    }
    let kind = if wanted.stderr { OutputKind::Stderr } else { OutputKind::Stdout };
    follow(remote, LogSource::Output { cluster, job, kind }, wanted.follow, Some((detail, state))).await
}

fn state(answer: Answer) -> JobState {
    match answer {
        Answer::Detail(detail) => detail.state,
        _ => JobState::Unknown,
    }
}

/// The stream called `name`, or the only one, or the head node's, with that identifier.
async fn stream(remote: &dyn Remote, cluster: &ClusterId, name: &str) -> Result<LogSource, Failure> {
    let streams = match remote.ask(Query::Streams(cluster.clone())).await? {
        Answer::Streams(streams) => streams,
        _ => Vec::new(),
    };
    let fits = streams.iter().find(|s| s.name == name).or_else(|| streams.iter().find(|s| s.identifier == name));
    match fits {
        Some(s) => Ok(LogSource::Stream { cluster: cluster.clone(), group: s.group.clone(), stream: s.name.clone() }),
        None => {
            let mut known: Vec<&str> = streams.iter().map(|s| s.identifier.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            let hint = format!("The cluster has: {}.", known.join(", "));
            Err(Failure::new(FailureKind::NotFound, cluster.as_str(), format!("there is no log stream {name}")).hint(hint))
        }
    }
}

async fn follow(remote: &dyn Remote, source: LogSource, on: bool, mut job: Option<(Query, JobState)>) -> Result<(), Failure> {
    let plain = std::io::stdout().is_terminal();
    let mut stream = remote.follow(Query::Log(source, LogStart::Beginning));
    let mut caught_up = false;
    let mut over = job.as_ref().is_some_and(|(_, state)| state.is_over());
    loop {
        // Once a job is over and everything was read, silence is the end.
        let patience = if caught_up && over { LATE } else { LOOK };
        match tokio::time::timeout(patience, stream.next()).await {
            Ok(Some(Ok(Answer::Log(event)))) => match event {
                LogEvent::Bytes { bytes, .. } => {
                    if plain {
                        print::out(harmless(&bytes).as_bytes())?;
                    } else {
                        print::out(&bytes)?;
                    }
                }
                LogEvent::CaughtUp if !on => return Ok(()),
                LogEvent::CaughtUp => caught_up = true,
                LogEvent::Waiting { why } if !on || over => {
                    return Err(Failure::new(FailureKind::NotFound, "the log", why));
                }
                LogEvent::Restarted { .. } => caught_up = false,
                LogEvent::Waiting { .. } | LogEvent::Opened { .. } | LogEvent::At(_) | LogEvent::Remark(_) => {}
            },
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(failure))) if !on => return Err(failure),
            Ok(Some(Err(failure))) => {
                use std::io::Write;
                let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
            }
            Ok(None) => return Ok(()),
            Err(_) if caught_up && over => return Ok(()),
            Err(_) => {
                if let Some((query, _)) = &mut job {
                    over = match remote.ask(query.clone()).await {
                        Ok(answer) => state(answer).is_over(),
                        // A job that its scheduler has forgotten has ended.
                        Err(failure) => failure.kind == FailureKind::NotFound,
                    };
                }
            }
        }
    }
}

/// Bytes of a log for a person's terminal: colours and everything else that could steer it is made visible.
fn harmless(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if matches!(c, '\n' | '\t' | '\r') { c } else { visible(c) }).collect()
}
