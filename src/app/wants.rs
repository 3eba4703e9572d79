//! What must stay fresh for what is on screen now. Looking away is the cancel: what is not wanted is not asked.

use std::time::Duration;

use super::App;
use super::layout::Pane;
use crate::model::{Cadence, LogStart, Query, SchedulerKind, Source};

/// How much of a log's end is read when it is opened.
pub(super) const TAIL: LogStart = LogStart::Last(256 * 1024);

impl App {
    /// The questions that should be open now, each with how fresh its answer must be.
    pub fn wants(&self) -> Vec<(Query, Cadence)> {
        let mut wants = Vec::new();
        let layout = self.layout();
        let asking = self.attention && !self.paused;
        let every = |seconds: f64| Cadence::Every(Duration::from_secs_f64(seconds.clamp(0.5, 86_400.0)));
        let refresh = &self.settings.refresh;
        for source in &self.settings.sources {
            if *source == Source::Fixed {
                wants.push((Query::Clusters(source.clone()), Cadence::Once));
            } else if asking {
                wants.push((Query::Clusters(source.clone()), every(refresh.clusters)));
            }
        }
        if let Some(cluster) = &self.active {
            wants.push((Query::Link(cluster.clone()), Cadence::Follow));
            if asking && layout.area(Pane::Jobs).is_some() {
                // The embedded runner is nobody else's: asking it costs a look at some files.
                let own = self.clusters.get(cluster).is_some_and(|c| c.scheduler == Some(SchedulerKind::Runner));
                let jobs = if own { refresh.jobs.min(1.0) } else { refresh.jobs };
                wants.push((Query::Jobs { cluster: cluster.clone(), scope: self.jobs.scope() }, every(jobs)));
            }
            if asking && layout.area(Pane::Nodes).is_some() {
                wants.push((Query::Nodes(cluster.clone()), every(refresh.nodes)));
            }
        }
        if layout.area(Pane::Logs).is_some() {
            let (sources, parts) = self.logs.wanted(self.clock.since_start);
            wants.extend(sources.into_iter().map(|source| (Query::Log(source.clone(), TAIL), Cadence::Follow)));
            wants.extend(parts.into_iter().map(|part| (part, Cadence::Once)));
        }
        if let Some(overlay) = self.overlays.last() {
            wants.extend(overlay.wants());
        }
        wants
    }
}
