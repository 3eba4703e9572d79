//! The last good answer to each question, its age, and the failure that came after it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Answer, Cluster, ClusterId, Diagnosis, Failure, JobDetail, JobId, JobTable, Link, LogGroup, LogStream, NodeTable, Past, Prices, Query,
    Scope, Source, Trail, Unsent, Why,
};

/// What is known about one question.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    answer: Option<Answer>,
    /// When the answer came, since start.
    pub(super) at: Option<Duration>,
    /// What went wrong since.
    pub(super) failure: Option<Failure>,
}

impl Slot {
    /// Seconds since the last good answer.
    pub(super) fn age(&self, now: Duration) -> Option<u64> {
        self.at.map(|at| now.saturating_sub(at).as_secs())
    }
}

/// All slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    slots: HashMap<Query, Slot>,
}

/// More one-off answers than this are not kept.
const KEPT: usize = 64;

impl Store {
    pub(super) fn put(&mut self, query: Query, result: Result<Answer, Failure>, now: Duration) {
        let is_passing = |query: &Query| {
            use Query::{Again, Bootstrap, Configuration, Detail, DryRun, Events, Examine, Folder, History, Preview, Shell, Trail, Why};
            matches!(
                query,
                DryRun { .. }
                    | Configuration(_)
                    | Events(_)
                    | Bootstrap { .. }
                    | Detail { .. }
                    | Examine { .. }
                    | Why { .. }
                    | Folder { .. }
                    | Preview { .. }
                    | Again { .. }
                    | History { .. }
                    | Shell { .. }
                    | Trail { .. }
            )
        };
        if is_passing(&query) && self.slots.len() > KEPT {
            let oldest = self.slots.iter().filter(|(q, _)| is_passing(q));
            if let Some(oldest) = oldest.min_by_key(|(_, slot)| slot.at).map(|(q, _)| q.clone()) {
                self.slots.remove(&oldest);
            }
        }
        let slot = self.slots.entry(query).or_default();
        match result {
            Ok(answer) => *slot = Slot { answer: Some(answer), at: Some(now), failure: None },
            Err(failure) => slot.failure = Some(failure),
        }
    }

    pub(super) fn slot(&self, query: &Query) -> Option<&Slot> {
        self.slots.get(query)
    }

    fn answer(&self, query: &Query) -> Option<&Answer> {
        self.slot(query)?.answer.as_ref()
    }

    /// Every source with its slot, in an order that stays: what is said of them must not change places from frame to frame.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&Source, &Slot)> {
        let mut all: Vec<(&Source, &Slot)> = self
            .slots
            .iter()
            .filter_map(|(query, slot)| match query {
                Query::Clusters(source) => Some((source, slot)),
                _ => None,
            })
            .collect();
        all.sort_unstable_by_key(|(source, _)| *source);
        all.into_iter()
    }

    /// All known clusters: fixed ones last, because they never surprise; otherwise by name.
    pub(super) fn clusters(&self) -> Vec<Cluster> {
        let mut all: Vec<(bool, Cluster)> = self
            .slots
            .iter()
            .filter_map(|(query, slot)| match (query, &slot.answer) {
                (Query::Clusters(source), Some(Answer::Clusters(clusters))) => Some((*source == Source::Fixed, clusters)),
                (Query::Locate(_), Some(Answer::Clusters(clusters))) => Some((false, clusters)),
                _ => None,
            })
            .flat_map(|(fixed, clusters)| {
                clusters.iter().map(move |c| (fixed && c.kind != crate::model::ClusterKind::ParallelCluster, c.clone()))
            })
            .collect();
        let local = |c: &Cluster| c.kind == crate::model::ClusterKind::Local;
        all.sort_by(|(f, a), (g, b)| (f, local(a), &a.name, &a.id).cmp(&(g, local(b), &b.name, &b.id)));
        all.dedup_by(|a, b| a.1.id == b.1.id);
        all.into_iter().map(|(_, c)| c).collect()
    }

    /// The clusters whose source failed since it told of them.
    pub(super) fn stale(&self) -> HashSet<ClusterId> {
        let failed = self.sources().filter(|(_, slot)| slot.failure.is_some());
        let clusters =
            failed.filter_map(|(_, slot)| if let Some(Answer::Clusters(clusters)) = &slot.answer { Some(clusters) } else { None });
        clusters.flatten().map(|cluster| cluster.id.clone()).collect()
    }

    /// Why a cluster's source failed since it told of it, and how old that is, in seconds.
    pub(super) fn trouble_of(&self, cluster: &ClusterId, now: Duration) -> Option<(&Failure, u64)> {
        self.sources().find_map(|(_, slot)| match (&slot.failure, &slot.answer) {
            (Some(failure), Some(Answer::Clusters(clusters))) if clusters.iter().any(|c| c.id == *cluster) => {
                Some((failure, slot.age(now).unwrap_or(0)))
            }
            _ => None,
        })
    }

    /// Whether every source has been asked at least once.
    pub(super) fn have_answered(&self, sources: &[Source]) -> bool {
        let slot = |source: &Source| self.slot(&Query::Clusters(source.clone()));
        sources.iter().all(|source| slot(source).is_some_and(|slot| slot.at.is_some() || slot.failure.is_some()))
    }

    pub(super) fn link(&self, cluster: &ClusterId) -> Option<&Link> {
        match self.answer(&Query::Link(cluster.clone())) {
            Some(Answer::Link(link)) => Some(link),
            _ => None,
        }
    }

    pub(super) fn nodes(&self, cluster: &ClusterId) -> Option<&Arc<NodeTable>> {
        match self.answer(&Query::Nodes(cluster.clone())) {
            Some(Answer::Nodes(nodes)) => Some(nodes),
            _ => None,
        }
    }

    pub(super) fn jobs(&self, cluster: &ClusterId, scope: Scope) -> Option<&Arc<JobTable>> {
        match self.answer(&Query::Jobs { cluster: cluster.clone(), scope }) {
            Some(Answer::Jobs(jobs)) => Some(jobs),
            _ => None,
        }
    }

    pub(super) fn examined(&self, cluster: &ClusterId, job: &JobId) -> Option<&JobDetail> {
        match self.answer(&Query::Examine { cluster: cluster.clone(), job: job.clone() }) {
            Some(Answer::Detail(detail)) => Some(detail),
            _ => None,
        }
    }

    pub(super) fn why(&self, cluster: &ClusterId, job: &JobId) -> Option<&Why> {
        match self.answer(&Query::Why { cluster: cluster.clone(), job: job.clone() }) {
            Some(Answer::Why(why)) => Some(why),
            _ => None,
        }
    }

    pub(super) fn prices(&self) -> Option<&Prices> {
        match self.answer(&Query::Prices) {
            Some(Answer::Prices(prices)) => Some(prices),
            _ => None,
        }
    }

    /// How a cluster was.
    pub(super) fn trail(&self, query: &Query) -> Option<&Trail> {
        match self.answer(query) {
            Some(Answer::Trail(trail)) => Some(trail),
            _ => None,
        }
    }

    /// Remembered jobs.
    pub(super) fn past(&self, query: &Query) -> Option<&[Past]> {
        match self.answer(query) {
            Some(Answer::History(past)) => Some(past),
            _ => None,
        }
    }

    /// Submissions whose answer is not known.
    pub(super) fn unsent(&self) -> &[Unsent] {
        match self.answer(&Query::Outbox) {
            Some(Answer::Outbox(unsent)) => unsent,
            _ => &[],
        }
    }

    pub(super) fn diagnosis(&self, cluster: Option<&ClusterId>) -> Option<&Diagnosis> {
        match self.answer(&Query::Doctor(cluster.cloned())) {
            Some(Answer::Doctor(diagnosis)) => Some(diagnosis),
            _ => None,
        }
    }

    pub(super) fn streams(&self, cluster: &ClusterId) -> Option<&[LogStream]> {
        self.listed(&Query::Streams(cluster.clone()))
    }

    /// The streams that answer this question.
    pub(super) fn listed(&self, query: &Query) -> Option<&[LogStream]> {
        match self.answer(query) {
            Some(Answer::Streams(streams)) => Some(streams),
            _ => None,
        }
    }

    pub(super) fn groups(&self, source: &Source) -> Option<&[LogGroup]> {
        match self.answer(&Query::Groups(source.clone())) {
            Some(Answer::Groups(groups)) => Some(groups),
            _ => None,
        }
    }

    /// The output files of a job that are there.
    pub(super) fn outputs(&self, cluster: &ClusterId, job: &JobId) -> Option<&[String]> {
        match self.answer(&Query::Outputs { cluster: cluster.clone(), job: job.clone() }) {
            Some(Answer::Files(files)) => Some(files),
            _ => None,
        }
    }
}
