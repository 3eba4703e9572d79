//! WHAT WE DO: the whole application as a value. Events go in, effects and wants come out, a frame is drawn from what is there.
//!
//! Pure and synchronous: no IO, no clock, no thread. Nothing here fails; a failure is something to show.

mod act;
mod calls;
mod carry;
mod commands;
mod costs;
mod header;
mod intent;
mod keys;
mod layout;
mod news;
mod notices;
mod overlays;
mod panes;
mod spots;
mod start;
mod store;
mod verbs;
mod view;
mod wants;

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{LiveTail, Notify, Refresh};
use crate::model::{Answer, Chosen, ClusterId, Failure, FailureKind, JobId, Order, OutputKind, Query, SchedulerKind, Source};
use crate::protocol::{Clock, Effect, Event, KeyMap};
use crate::ui::{Field, Theme};

use calls::Calls;
use commands::Running;
use costs::Costs;
use intent::Intent;
use layout::{Layout, Pane};
use news::Watch;
use notices::{Notice, Notices};
use overlays::Overlay;
use panes::{Clusters, Jobs, Logs, Nodes};
use spots::Spots;
use store::Store;

/// What the application is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clusters are looked for.
    pub sources: Vec<Source>,
    /// The cluster to begin with, as the user named it.
    pub cluster: Option<String>,
    /// Seconds between questions.
    pub refresh: Refresh,
    /// The columns of the queue; `None` is squeue's own.
    pub columns: Option<Vec<Chosen>>,
    /// How the queue is sorted at first.
    pub order: Order,
    /// How the user is told of jobs, besides the notices.
    pub notify: Notify,
    /// Whether Live Tail is used.
    pub live_tail: LiveTail,
    /// The keys.
    pub keys: KeyMap,
    /// The colours.
    pub theme: Theme,
    /// The local folder the file picker begins in, which fetched files go below.
    pub folder: String,
    /// Bytes that the lines of all logs shown together may take.
    pub log_memory: usize,
    /// The local time zone, for the clock in the corner.
    pub zone: TimeZone,
    /// Whether nothing anywhere may be changed.
    pub read_only: bool,
}

/// Everything that is known and shown.
pub struct App {
    settings: Settings,
    clock: Clock,
    size: (u16, u16),
    attention: bool,
    paused: bool,
    focus: Pane,
    zoomed: bool,
    active: Option<ClusterId>,
    /// Whether the user chose the active cluster; until then a better candidate may take its place.
    chosen: bool,
    store: Store,
    clusters: Clusters,
    nodes: Nodes,
    jobs: Jobs,
    logs: Logs,
    overlays: Vec<Box<dyn Overlay>>,
    /// The filter or search that is being typed.
    typing: Option<Field>,
    /// When the last key was text, and not an answer for ssh.
    typed_at: Option<Duration>,
    /// The job whose output was last shown by itself, and which of its outputs.
    aimed: Option<JobId>,
    aimed_kind: OutputKind,
    notices: Notices,
    running: Running,
    /// Cut-off submissions that were gone on with, and those that the user was told of; by their tokens.
    finished: HashSet<String>,
    told: HashSet<String>,
    watch: Watch,
    calls: Calls,
    costs: Costs,
    spots: Spots,
    /// Whether somebody has been asked about Live Tail.
    tail_asked: bool,
    wipe: bool,
}

impl App {
    /// An application that knows nothing yet.
    pub fn new(settings: Settings, size: (u16, u16)) -> Self {
        Self {
            jobs: Jobs::new(settings.columns.clone(), settings.order),
            logs: Logs::new(settings.log_memory),
            clock: Clock { since_start: Duration::ZERO, wall: Timestamp::UNIX_EPOCH },
            size,
            attention: true,
            paused: false,
            focus: Pane::Jobs,
            zoomed: false,
            active: None,
            chosen: false,
            store: Store::default(),
            clusters: Clusters::default(),
            nodes: Nodes::default(),
            overlays: Vec::new(),
            typing: None,
            typed_at: None,
            aimed: None,
            aimed_kind: OutputKind::Stdout,
            notices: Notices::default(),
            running: Running::default(),
            finished: HashSet::new(),
            told: HashSet::new(),
            watch: Watch::default(),
            calls: Calls::default(),
            costs: Costs::default(),
            spots: Spots::default(),
            tail_asked: false,
            wipe: false,
            settings,
        }
    }

    /// Takes in what happened and says what shall be done.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let intents = match event {
            Event::Ticked(clock) => {
                self.clock = clock;
                if self.attention && !self.paused {
                    self.calls.tick(clock.since_start);
                } else {
                    self.calls.forget();
                }
                let size =
                    self.layout().area(Pane::Logs).map_or((2, 80), |area| (area.height.saturating_sub(2), area.width.saturating_sub(2)));
                self.logs.tick(clock, &self.settings.zone, (size.0.into(), size.1.into()));
                Vec::new()
            }
            Event::Woken => Vec::new(),
            Event::Pressed(chord) => self.pressed(chord),
            Event::Pasted(text) => self.pasted(&text),
            Event::Moused { what, column, row } => self.moused(what, column, row),
            Event::Resized { width, height } => {
                self.size = (width, height);
                self.settle()
            }
            Event::Focused(attention) => {
                self.attention = attention;
                Vec::new()
            }
            Event::Answered { query, result, .. } => self.answered(query, result),
            Event::Arranged(arrangement) => self.jobs.arranged(arrangement, self.active.as_ref()),
            Event::Found(found) => self.logs.found(&found),
            Event::Progressed { id, progress } => self.progressed(id, progress),
            Event::HandedBack(back) => self.handed_back(back),
        };
        let mut effects = self.carry_out(intents);
        if let Some(pause) = self.logs.rest_of_pause(self.clock.since_start) {
            effects.push(Effect::Wake(pause));
        }
        effects
    }

    /// True once after something asked for the whole screen to be drawn anew.
    pub fn take_wipe(&mut self) -> bool {
        std::mem::take(&mut self.wipe)
    }

    /// What is on screen, and where.
    fn layout(&self) -> Layout {
        Layout::new(self.size, self.focus, self.zoomed)
    }

    /// The batch system whose calls are counted: what the list of clusters says, else what the queue's answer says.
    fn counted(&self) -> Option<SchedulerKind> {
        let cluster = self.active.as_ref()?;
        let told = || self.store.jobs(cluster, self.jobs.scope())?.scheduler;
        self.clusters.get(cluster).and_then(|cluster| cluster.scheduler).or_else(told)
    }

    /// Counts what an answer cost the scheduler that is looked at. Who could not be reached was not asked.
    fn count_calls(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if query.cluster().is_none_or(|cluster| self.active.as_ref() != Some(cluster)) {
            return;
        }
        let Some(scheduler) = self.counted() else { return };
        let more = match result {
            Ok(Answer::Jobs(table)) => table.follow_ups,
            Err(failure) if failure.kind == FailureKind::Unreachable => return,
            _ => 0,
        };
        self.calls.made(self.clock.since_start, query.calls(scheduler) * (1 + more));
    }

    fn answered(&mut self, query: Query, result: Result<Answer, Failure>) -> Vec<Intent> {
        let mut intents = Vec::new();
        self.count_calls(&query, &result);
        match (&query, &result) {
            (Query::Log(..) | Query::LogRange { .. } | Query::LogFind { .. }, _) => return self.logs.heard(&query, result),
            (Query::Jobs { cluster, scope }, Ok(answer @ Answer::Jobs(table))) if self.is_shown(&query, answer) => {
                self.queue_arrived(table, *scope);
                intents.push(self.jobs.arrange((cluster.clone(), *scope), table.clone()));
                for overlay in &mut self.overlays {
                    overlay.answered(&query, &result);
                }
            }
            (Query::DryRun { .. } | Query::Configuration(_) | Query::Events(_), _)
            | (Query::Usual(_) | Query::Bootstrap { .. } | Query::Region(_) | Query::Audit, _) => {
                intents.extend(self.tell_overlays(&query, &result));
            }
            (Query::Folder { .. } | Query::Preview { .. } | Query::Again { .. } | Query::Shell { .. } | Query::History { .. }, _)
            | (Query::Mounts(_) | Query::Doctor(_), _) => {
                intents.extend(self.tell_overlays(&query, &result));
            }
            (Query::Link(cluster), Ok(Answer::Link(link))) => intents.extend(self.asked_by_ssh(cluster, link)),
            _ => {}
        }
        let may_finish = matches!(query, Query::Outbox | Query::Jobs { .. });
        match (&query, &result) {
            (Query::Jobs { cluster, .. }, Ok(Answer::Jobs(table))) => intents.extend(self.changed(cluster, &table.changes)),
            (Query::Detail { cluster, job }, result) => intents.extend(self.watched(cluster, job, result)),
            _ => {}
        }
        let (is_clusters, is_nodes) = (matches!(query, Query::Clusters(_) | Query::Locate(_)), result.is_ok().then(|| query.clone()));
        use Query::{Clusters, Examine, Locate, Nodes, Prices};
        let costs = matches!(query, Clusters(_) | Locate(_) | Nodes(_) | Prices | Examine { .. }).then(|| query.clone());
        self.store.put(query, result, self.clock.since_start);
        if let Some(query) = is_nodes {
            self.nodes_arrived(&query);
            intents.extend(self.spots_ended(&query));
        }
        if is_clusters {
            self.clusters.refill(&self.store);
            intents.extend(self.choose_cluster());
        }
        if let Some(query) = costs {
            self.costs.hear(&query, &self.store, self.clusters.list());
        }
        if may_finish && !self.store.unsent().is_empty() {
            intents.extend(self.finish_cut_off());
        }
        intents
    }

    /// Each overlay hears an answer; the one on top may go on from there.
    fn tell_overlays(&mut self, query: &Query, result: &Result<Answer, Failure>) -> Vec<Intent> {
        let Some((top, below)) = self.overlays.split_last_mut() else { return Vec::new() };
        for overlay in below {
            overlay.answered(query, result);
        }
        top.follow_up(query, result)
    }

    /// The terminal is ours again.
    fn handed_back(&mut self, back: Result<Option<String>, Failure>) -> Vec<Intent> {
        match back {
            Ok(Some(text)) => {
                if let Some(overlay) = self.overlays.last_mut() {
                    overlay.handed_back(text);
                }
                Vec::new()
            }
            Ok(None) => Vec::new(),
            Err(failure) => vec![Intent::Note(Notice::from(&failure))],
        }
    }
}
