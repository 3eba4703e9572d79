//! Looks at all that must be in order for a cluster to be reached, side by side, and tells each line as it comes.
//!
//! Changes nothing, and lets nothing that hangs hold up the rest.

mod detour;
mod head;
mod here;
mod way;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, FuturesUnordered, StreamExt};

use crate::model::{Detour, Diagnosis, Failure, FailureKind, Finding, Way};

pub(super) use detour::{Stranded, checks as of_detours};
pub(super) use head::{Head, checks as of_head};
pub(super) use here::checks as of_here;
pub(super) use way::checks as of_way;

/// Seconds that a check may take.
const PATIENCE: u64 = 10;

/// What a check found, and what can be checked now that it is known.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    pub(super) then: Vec<Check>,
    pub(super) detours: Vec<Detour>,
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Self {
        vec![finding].into()
    }
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings, ..Self::default() }
    }
}

/// Something to look at.
pub(super) struct Check {
    name: String,
    work: BoxFuture<'static, Outcome>,
}

impl Check {
    pub(super) fn new<T: Into<Outcome>>(name: impl Into<String>, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { name: name.into(), work: Box::pin(async move { work.await.into() }) }
    }

    async fn carried_out(self, number: usize, patience: Duration) -> (usize, Outcome) {
        let late = || {
            let finding = Finding::bad(self.name.clone(), format!("no answer in {} s", patience.as_secs()));
            finding.hint("Is there a network, a VPN, a proxy? The other lines say what could be reached.").into()
        };
        let outcome = tokio::time::timeout(patience, self.work).await;
        (number, outcome.unwrap_or_else(|_| late()))
    }
}

/// Carries checks out side by side: a longer and longer diagnosis; its last one is whole.
pub(super) fn diagnose(checks: Vec<Check>) -> BoxStream<'static, Diagnosis> {
    diagnose_within(checks, Duration::from_secs(PATIENCE))
}

fn diagnose_within(checks: Vec<Check>, patience: Duration) -> BoxStream<'static, Diagnosis> {
    let mut ward = Ward { patience, ..Ward::default() };
    ward.admit(checks);
    stream::unfold(ward, |mut ward| async move {
        let (number, outcome) = ward.running.next().await?;
        ward.open.remove(&number);
        ward.found.insert(number, outcome.findings);
        ward.detours.extend(outcome.detours);
        // Through a machine of the cluster's own nothing else is needed here.
        ward.detours.sort_by_key(|detour| detour.way == Way::SessionManager);
        ward.admit(outcome.then);
        let findings = ward.found.values().flatten().cloned().collect();
        Some((Diagnosis { findings, open: ward.open.values().cloned().collect(), detours: ward.detours.clone() }, ward))
    })
    .boxed()
}

#[derive(Default)]
struct Ward {
    patience: Duration,
    admitted: usize,
    open: BTreeMap<usize, String>,
    found: BTreeMap<usize, Vec<Finding>>,
    detours: Vec<Detour>,
    running: FuturesUnordered<BoxFuture<'static, (usize, Outcome)>>,
}

impl Ward {
    fn admit(&mut self, checks: Vec<Check>) {
        for check in checks {
            self.open.insert(self.admitted, check.name.clone());
            self.running.push(Box::pin(check.carried_out(self.admitted, self.patience)));
            self.admitted += 1;
        }
    }
}

/// A failure as a line.
pub(super) fn failed(check: impl Into<String>, failure: &Failure) -> Finding {
    let finding = match failure.kind {
        FailureKind::Busy | FailureKind::Stopped | FailureKind::Garbled => Finding::unknown(check, &failure.what),
        FailureKind::Unreachable | FailureKind::Denied | FailureKind::NoCredentials | FailureKind::Expired => {
            Finding::bad(check, &failure.what)
        }
        FailureKind::NotFound | FailureKind::TimedOut | FailureKind::Rejected | FailureKind::HostKey => Finding::bad(check, &failure.what),
        FailureKind::Conflict | FailureKind::Unsupported => Finding::bad(check, &failure.what),
    };
    finding.hint(failure.hint.clone())
}

/// How far another clock is from ours, in seconds; more than AWS forgives is not ok.
pub(super) fn skew(whose: &str, seconds: i64) -> Finding {
    let check = format!("clock of {whose}");
    let apart = seconds.unsigned_abs();
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    match apart {
        0..=5 => Finding::ok(check, "the same as ours within 5 s"),
        6..=240 => Finding::ok(check, format!("{apart} s {way} ours")).hint("Times of logs and of jobs differ by as much."),
        _ => Finding::bad(check, format!("{apart} s {way} ours"))
            .hint("AWS refuses requests that are 5 minutes off. Set the clock: timedatectl set-ntp true, or chronyc makestep."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Health;

    #[tokio::test(start_paused = true)]
    async fn what_hangs_holds_up_nobody_and_is_told_in_its_place() {
        let then = || Outcome {
            findings: vec![Finding::ok("b", "")],
            then: vec![Check::new("c", async { Finding::ok("c", "") })],
            ..Outcome::default()
        };
        let checks = vec![Check::new("a", std::future::pending::<Finding>()), Check::new("b", async move { then() })];
        let all: Vec<Diagnosis> = diagnose(checks).collect().await;
        let names = |d: &Diagnosis| d.findings.iter().map(|f| f.check.clone()).collect::<Vec<_>>().join("");
        assert_eq!(all.iter().map(names).collect::<Vec<_>>(), ["b", "bc", "abc"]);
        assert_eq!((all[0].open.join(""), all[2].open.len(), all[2].wanting()), ("ac".to_owned(), 0, 1));
        assert_eq!((all[2].findings[0].state, all[2].findings[0].what.as_str()), (Health::NotOk, "no answer in 10 s"));
    }

    #[test]
    fn clocks_may_differ_by_as_much_as_aws_forgives() {
        assert_eq!([0, -5, 90, 301, -4000].map(|s| skew("AWS", s).state == Health::Ok), [true, true, true, false, false]);
        assert!(skew("AWS", -301).what.contains("301 s behind ours"));
    }
}
