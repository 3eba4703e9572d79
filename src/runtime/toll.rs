//! What a cluster's scheduler is owed: whoever spent time in it, over all questions and changes together, leaves it alone for four times as long.
//!
//! Delays nobody who was asked for by the user; what those spend is paid for by the questions that repeat themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{ClusterId, Command, Failure, FailureKind, Query, SchedulerKind};

/// No more than one part in so many of the time is spent inside somebody's scheduler.
const SHARE: u32 = 5;

/// The accounts of all clusters. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Tolls(Arc<Mutex<HashMap<ClusterId, Account>>>);

#[derive(Clone, Copy, Default)]
struct Account {
    /// From when on a question that repeats itself may be asked.
    free: Option<Instant>,
    /// Failures in a row, of whichever question had the most.
    failures: u32,
}

impl Tolls {
    fn accounts(&self) -> MutexGuard<'_, HashMap<ClusterId, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the scheduler that answers `query` has been left alone for long enough.
    pub(super) async fn turn(&self, query: &Query) {
        let Some(cluster) = asked(query) else { return };
        loop {
            let free = self.accounts().get(cluster).and_then(|account| account.free);
            match free.filter(|free| *free > Instant::now()) {
                // Somebody else may have spent more meanwhile.
                Some(free) => tokio::time::sleep_until(free.into()).await,
                None => return,
            }
        }
    }

    /// Notes what an answer took. Gives the failures in a row of this cluster, to which no question is the only one.
    pub(super) fn paid(&self, query: &Query, begun: Instant, took: Duration, failure: Option<&Failure>, failures: u32) -> u32 {
        let Some(cluster) = asked(query) else { return 0 };
        let mut accounts = self.accounts();
        let account = accounts.entry(cluster.clone()).or_default();
        account.charge(begun, took);
        match failure.map(|failure| failure.kind) {
            None => account.failures = 0,
            Some(FailureKind::Unreachable | FailureKind::TimedOut | FailureKind::Busy) => account.failures = account.failures.max(failures),
            // What is wrong with one question says nothing about the others.
            Some(_) => {}
        }
        account.failures
    }

    /// Notes what a change takes, when what this gives is dropped.
    pub(super) fn paying(&self, command: &Command) -> Option<Paying> {
        match command {
            Command::Change { cluster, .. } | Command::ChangeNodes { cluster, .. } => {
                Some(Paying { tolls: self.clone(), cluster: cluster.clone(), begun: Instant::now() })
            }
            // What these take is spent on the way there, or by waiting for it.
            Command::Submit(_) | Command::Finish { .. } | Command::Fetch(_) | Command::Reply { .. } | Command::Reconnect(_) => None,
            // No scheduler is asked for these.
            Command::MakeKey(_) | Command::MakeNetwork(_) | Command::Stage(_) | Command::Operate { .. } => None,
            // These stay on this machine.
            Command::Forget { .. } | Command::Save { .. } | Command::SaveLog(_) | Command::LetTail(_) => None,
            Command::KeepColumns(_) | Command::KeepWay { .. } => None,
        }
    }
}

impl Account {
    fn charge(&mut self, begun: Instant, took: Duration) {
        self.free = Some(self.free.map_or(begun, |free| free.max(begun)) + took * SHARE);
    }
}

/// A change under way.
pub(super) struct Paying {
    tolls: Tolls,
    cluster: ClusterId,
    begun: Instant,
}

impl Drop for Paying {
    fn drop(&mut self) {
        self.tolls.accounts().entry(self.cluster.clone()).or_default().charge(self.begun, self.begun.elapsed());
    }
}

/// The cluster whose scheduler a question asks.
fn asked(query: &Query) -> Option<&ClusterId> {
    query.cluster().filter(|_| query.calls(SchedulerKind::Pbs) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobId, Scope};

    fn questions() -> [Query; 3] {
        let cluster = ClusterId::new("c");
        let job = JobId::new("1");
        [Query::Jobs { cluster: cluster.clone(), scope: Scope::Mine }, Query::Nodes(cluster.clone()), Query::Detail { cluster, job }]
    }

    #[tokio::test(start_paused = true)]
    async fn all_questions_together_spend_a_fifth() {
        let tolls = Tolls::default();
        let begun = tokio::time::Instant::now();
        let spent = Arc::new(Mutex::new(Duration::ZERO));
        let over = Duration::from_mins(10);
        let all = questions().map(|query| {
            let (tolls, spent) = (tolls.clone(), spent.clone());
            let took = Duration::from_millis(if matches!(query, Query::Nodes(_)) { 900 } else { 300 });
            tokio::spawn(async move {
                while begun.elapsed() < over {
                    // The clock of these tests stands still but for sleeping: each question is as long as it sleeps.
                    let before = tokio::time::Instant::now().into_std();
                    tolls.turn_at(&query).await;
                    let asked = tokio::time::Instant::now().into_std();
                    assert!(asked >= before);
                    tokio::time::sleep(took).await;
                    tolls.paid(&query, asked, took, None, 0);
                    *spent.lock().unwrap() += took;
                }
            })
        });
        for task in all {
            task.await.unwrap();
        }
        let share = spent.lock().unwrap().as_secs_f64() / begun.elapsed().as_secs_f64();
        assert!((0.17..=0.205).contains(&share), "{share}");
    }

    impl Tolls {
        /// [`Tolls::turn`] by the clock of the test.
        async fn turn_at(&self, query: &Query) {
            let Some(cluster) = asked(query) else { return };
            loop {
                let free = self.accounts().get(cluster).and_then(|account| account.free);
                match free.filter(|free| *free > tokio::time::Instant::now().into_std()) {
                    Some(free) => tokio::time::sleep_until(free.into()).await,
                    None => return,
                }
            }
        }
    }

    #[test]
    fn failures_are_the_cluster_s_and_end_with_an_answer() {
        let tolls = Tolls::default();
        let [jobs, nodes, detail] = questions();
        let down = Failure::new(FailureKind::Unreachable, "c", "down");
        let gone = Failure::new(FailureKind::NotFound, "c", "no such job");
        let now = Instant::now();
        let paid = |query: &Query, failure: Option<&Failure>, n| tolls.paid(query, now, Duration::ZERO, failure, n);
        assert_eq!((paid(&jobs, Some(&down), 1), paid(&jobs, Some(&down), 2), paid(&nodes, Some(&down), 1)), (1, 2, 2));
        assert_eq!((paid(&nodes, None, 0), paid(&detail, Some(&gone), 1)), (0, 0));
    }
}
