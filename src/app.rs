//! WHAT WE DO: the whole application as a value. Events go in, effects and wants come out, a frame is drawn from what is there.
//!
//! Pure and synchronous: no IO, no clock, no thread. Nothing here fails; a failure is something to show.

mod commands;
mod header;
mod intent;
mod keys;
mod layout;
mod notices;
mod overlays;
mod panes;
mod start;
mod store;
mod verbs;
mod view;
mod wants;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{LiveTail, Refresh};
use crate::model::{Answer, ClusterId, Failure, JobId, OutputKind, Query, Source};
use crate::protocol::{Clock, Effect, Event, KeyMap};
use crate::ui::{Field, Theme};

use commands::Running;
use intent::Intent;
use layout::{Layout, Pane};
use notices::Notices;
use overlays::Overlay;
use panes::{Clusters, Jobs, Logs, Nodes};
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
    /// Whether Live Tail is used.
    pub live_tail: LiveTail,
    /// The keys.
    pub keys: KeyMap,
    /// The colours.
    pub theme: Theme,
    /// The local folder the file picker begins in, which fetched files go below.
    pub folder: String,
    /// The local time zone, for the clock in the corner.
    pub zone: TimeZone,
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
    /// The job whose output was last shown by itself, and which of its outputs.
    aimed: Option<JobId>,
    aimed_kind: OutputKind,
    notices: Notices,
    running: Running,
    /// Whether somebody has been asked about Live Tail.
    tail_asked: bool,
    wipe: bool,
}

impl App {
    /// An application that knows nothing yet.
    pub fn new(settings: Settings, size: (u16, u16)) -> Self {
        Self {
            settings,
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
            jobs: Jobs::default(),
            logs: Logs::default(),
            overlays: Vec::new(),
            typing: None,
            aimed: None,
            aimed_kind: OutputKind::Stdout,
            notices: Notices::default(),
            running: Running::default(),
            tail_asked: false,
            wipe: false,
        }
    }

    /// Takes in what happened and says what shall be done.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let intents = match event {
            Event::Ticked(clock) => {
                self.clock = clock;
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
            Event::Progressed { id, progress } => self.progressed(id, progress),
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

    fn answered(&mut self, query: Query, result: Result<Answer, Failure>) -> Vec<Intent> {
        let mut intents = Vec::new();
        match (&query, &result) {
            (Query::Log(source, _), _) => {
                self.logs.heard(source, result);
                return intents;
            }
            (Query::Jobs { cluster, scope }, Ok(answer @ Answer::Jobs(table))) if self.is_shown(&query, answer) => {
                intents.push(self.jobs.arrange((cluster.clone(), *scope), table.clone()));
            }
            (Query::Folder { .. } | Query::Preview { .. }, _) => {
                for overlay in &mut self.overlays {
                    overlay.answered(&query, &result);
                }
            }
            (Query::Link(cluster), Ok(Answer::Link(link))) => intents.extend(self.asked_by_ssh(cluster, link)),
            _ => {}
        }
        let (is_clusters, is_nodes) = (matches!(query, Query::Clusters(_)), result.is_ok().then(|| query.clone()));
        self.store.put(query, result, self.clock.since_start);
        if let Some(query) = is_nodes {
            self.nodes_arrived(&query);
        }
        if is_clusters {
            self.clusters.refill(&self.store);
            intents.extend(self.choose_cluster());
        }
        intents
    }
}
