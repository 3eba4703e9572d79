//! What must stay fresh for what is on screen now. Looking away is the cancel: what is not wanted is not asked.

use std::time::Duration;

use super::App;
use super::layout::Pane;
use crate::model::{Cadence, ClusterId, LogStart, Purchase, Query, SchedulerKind, Scope, Source};

/// How much of a log's end is read when it is opened.
pub(super) const TAIL: LogStart = LogStart::Last(256 * 1024);

/// Seconds between two questions for one's own jobs while the jobs pane is out of sight, and while the terminal is not looked at.
const HIDDEN: f64 = 15.0;
const RESTING: f64 = 60.0;
/// And for nodes while their pane is out of sight, where EC2 may take spot machines back with two minutes' notice.
const SPOTS: f64 = 60.0;
/// Seconds between two questions for a watched job of somebody else's.
const WATCHED: f64 = 30.0;

impl App {
    /// The questions that should be open now, each with how fresh its answer must be.
    pub fn wants(&self) -> Vec<(Query, Cadence)> {
        let mut wants = Vec::new();
        let layout = self.layout();
        let asking = self.attention && !self.paused;
        let every = |seconds: f64| Cadence::Every(Duration::from_secs_f64(seconds.clamp(0.5, 86_400.0)));
        let refresh = &self.settings.refresh;
        for source in &self.settings.sources {
            // The simulation's clusters change, those of the configuration do not.
            if *source == Source::Fixed && !(asking && self.is_simulated()) {
                wants.push((Query::Clusters(source.clone()), Cadence::Once));
            } else if asking {
                wants.push((Query::Clusters(source.clone()), every(refresh.clusters)));
            }
        }
        // A cluster that was named on purpose and is in none of the sources may be in another region.
        if let Some(name) = self.settings.cluster.as_ref().filter(|_| !self.chosen && self.settings.sources.len() > 1)
            && self.store.have_answered(&self.settings.sources)
        {
            wants.push((Query::Locate(name.clone()), Cadence::Once));
        }
        if let Some(cluster) = &self.active {
            wants.push((Query::Link(cluster.clone()), Cadence::Follow));
            let resting = !self.attention && !self.paused && self.settings.notify.unfocused;
            if resting || asking && layout.area(Pane::Jobs).is_none() {
                // Out of sight, one's own jobs are asked for seldom: what happens to them is told all the same.
                let seldom = if resting { RESTING } else { HIDDEN };
                wants.push((Query::Jobs { cluster: cluster.clone(), scope: Scope::Mine }, every(refresh.jobs.max(seldom))));
            }
            if asking && layout.area(Pane::Jobs).is_some() {
                // The embedded runner is nobody else's: asking it costs a look at some files.
                let own = self.clusters.get(cluster).is_some_and(|c| c.scheduler == Some(SchedulerKind::Runner));
                let jobs = if own { refresh.jobs.min(1.0) } else { refresh.jobs };
                wants.push((Query::Jobs { cluster: cluster.clone(), scope: self.jobs.scope() }, every(jobs)));
            }
            if asking && layout.area(Pane::Nodes).is_some() {
                wants.push((Query::Nodes(cluster.clone()), every(refresh.nodes)));
            } else if asking && self.has_spots(cluster) {
                wants.push((Query::Nodes(cluster.clone()), every(refresh.nodes.max(SPOTS))));
            }
        }
        if asking || !self.paused && self.settings.notify.unfocused {
            wants.extend(self.watch.asked().map(|query| (query, every(if asking { WATCHED } else { RESTING }))));
        }
        if layout.area(Pane::Logs).is_some() {
            let (sources, parts) = self.logs.wanted(self.clock.since_start);
            wants.extend(sources.into_iter().map(|source| (Query::Log(source.clone(), TAIL), Cadence::Follow)));
            wants.extend(parts.into_iter().map(|part| (part, Cadence::Once)));
        }
        if let Some(overlay) = self.overlays.last() {
            wants.extend(overlay.wants());
        }
        if asking && self.costs.has_machines() {
            wants.push((Query::Prices, Cadence::Follow));
        }
        // What a job costs is told by its nodes, whether their pane is seen or not.
        let examined = wants.iter().find_map(|(query, _)| match query {
            Query::Examine { cluster, .. } if self.costs.may_cost(cluster) && self.store.nodes(cluster).is_none() => Some(cluster.clone()),
            _ => None,
        });
        if let Some(nodes) = examined.map(Query::Nodes).filter(|nodes| wants.iter().all(|(query, _)| query != nodes)) {
            wants.push((nodes, Cadence::Once));
        }
        // What was cut off in an earlier life is wanted to be known from the beginning; it is a file of this machine.
        if wants.iter().all(|(query, _)| *query != Query::Outbox) {
            wants.push((Query::Outbox, Cadence::Once));
        }
        wants
    }

    /// Whether a cluster has spot machines now.
    fn has_spots(&self, cluster: &ClusterId) -> bool {
        self.clusters.get(cluster).is_some_and(|c| c.machines.iter().any(|machines| machines.purchase == Purchase::Spot))
    }

    /// Whether clusters are simulated: their prices say so.
    fn is_simulated(&self) -> bool {
        self.store.prices().is_some_and(|prices| prices.simulated)
    }
}
