//! What each action does, whoever asked for it: a key, the palette, a menu, an overlay.

use super::App;
use super::intent::Intent;
use super::layout::Pane;
use super::notices::Notice;
use super::overlays::{
    Asking, AuditSheet, Charts, Doctor, Help, History, LogLine, Messages, Outbox, Palette, Picker, ScaleForm, Streams, Together,
};
use crate::model::{Cluster, ClusterKind, Command, Door, LogSource, OutputKind};
use crate::protocol::{Action, Area, Effect};
use crate::ui::Field;

impl App {
    /// Does it in a pane.
    pub(super) fn act_in(&mut self, pane: Pane, action: Action) -> Vec<Intent> {
        let rows = self.layout().rows(pane);
        match pane {
            Pane::Clusters => self.clusters.act(action, rows, self.active.as_ref()),
            Pane::Nodes => {
                let intents = self.nodes.act(action, rows, self.active.as_ref());
                self.nodes.settle(rows);
                intents
            }
            Pane::Jobs => {
                let scope = self.jobs.scope();
                let mut intents = self.jobs.act(action, rows, &self.settings.folder);
                if scope != self.jobs.scope() {
                    intents.extend(self.show_known());
                }
                intents
            }
            Pane::Logs => self.logs.act(action, rows),
        }
    }

    /// Does what a key, the palette or an overlay asked for.
    pub(super) fn act(&mut self, action: Action) -> Vec<Intent> {
        if let Some(refusal) = self.refuses(action) {
            return vec![refusal];
        }
        match action {
            Action::Quit => vec![Intent::Effect(Effect::Quit)],
            Action::Help => vec![Intent::Open(Box::new(Help::default()))],
            Action::Palette => vec![Intent::Open(Box::new(Palette::default()))],
            Action::Messages => vec![Intent::Open(Box::new(Messages::new(&self.notices)))],
            Action::FocusClusters => self.focus_on(Pane::Clusters),
            Action::FocusNodes => self.focus_on(Pane::Nodes),
            Action::FocusJobs => self.focus_on(Pane::Jobs),
            Action::FocusLogs => self.focus_on(Pane::Logs),
            Action::NextPane => self.focus_on(self.focus.after(1)),
            Action::PreviousPane => self.focus_on(self.focus.after(3)),
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.settle()
            }
            Action::Pause => {
                self.paused = !self.paused;
                let words = if self.paused { "Paused: nothing is asked until p is pressed again." } else { "Asking again." };
                vec![Intent::Note(Notice::plain(words))]
            }
            Action::Doctor => {
                let under = (self.focus == Pane::Clusters).then(|| self.clusters.under()).flatten();
                vec![Intent::Open(Box::new(Doctor::new(under.or_else(|| self.active.clone()))))]
            }
            Action::Redraw => {
                self.wipe = true;
                Vec::new()
            }
            Action::Refresh => self.refresh_all(),
            Action::Launch | Action::CreateCluster => self.launch(),
            Action::UpdateCluster => self.update_cluster(),
            Action::Scale => self.scale(),
            Action::Streams => {
                let cluster = self.active.clone();
                let job = self.jobs.selected().map(|(_, job)| job.job_id());
                let sources = self.settings.sources.clone();
                cluster.map(|cluster| Intent::Open(Box::new(Streams::new(cluster, job, sources)))).into_iter().collect()
            }
            Action::Filter => {
                if self.focus != Pane::Clusters {
                    self.typing = Some(Field::new(self.filter()));
                }
                Vec::new()
            }
            Action::Back => self.back(),
            Action::History => {
                let room = self.layout().body.height;
                let cluster = self.active.clone();
                cluster.map(|cluster| Intent::Open(Box::new(History::new(cluster, room)))).into_iter().collect()
            }
            Action::Charts => {
                let cluster = self.active.clone();
                cluster.map(|cluster| Intent::Open(Box::new(Charts::new(cluster)))).into_iter().collect()
            }
            Action::Audit => vec![Intent::Open(Box::new(AuditSheet::default()))],
            Action::Outbox => vec![Intent::Open(Box::new(Outbox::default()))],
            Action::NodeShell => {
                let node = self.active.clone().zip(self.nodes.under());
                let shell = |(cluster, node): (_, &str)| Intent::Open(Box::new(Asking::shell(cluster, Door::Node(node.to_owned()))));
                node.map(shell).into_iter().collect()
            }
            Action::LogFilter => vec![Intent::Open(Box::new(LogLine::filter(self.logs.filter())))],
            Action::GoTo => vec![Intent::Open(Box::new(LogLine::place()))],
            Action::Highlight => vec![Intent::Open(Box::new(LogLine::word()))],
            Action::SaveLog => self.ask_for_file(),
            Action::Together => self.offer_logs(),
            Action::CancelMine => self.cancel_mine(),
            Action::Depends => self.depends(),
            // What belongs to a pane is meant there, be it asked for by the palette, by a menu or from another pane.
            _ => match action.row().area {
                Area::Jobs => self.act_in(Pane::Jobs, action),
                Area::Nodes => self.act_in(Pane::Nodes, action),
                Area::Logs => self.act_in(Pane::Logs, action),
                Area::Clusters => self.act_in(Pane::Clusters, action),
                Area::Everywhere | Area::List | Area::Picker => self.act_in(self.focus, action),
            },
        }
    }

    fn focus_on(&mut self, pane: Pane) -> Vec<Intent> {
        self.focus = pane;
        self.settle()
    }

    /// Esc: takes away one thing at a time, the most passing first.
    fn back(&mut self) -> Vec<Intent> {
        if self.notices.dismiss(self.clock.since_start) {
            return Vec::new();
        }
        if self.focus == Pane::Nodes && self.nodes.unmark() {
            return Vec::new();
        }
        if self.focus == Pane::Logs
            && let Some(intents) = self.logs.back()
        {
            return intents;
        }
        if !self.filter().is_empty() {
            return self.filtered("");
        }
        if self.focus == Pane::Jobs && self.jobs.clear_marks() {
            return Vec::new();
        }
        if self.zoomed {
            self.zoomed = false;
        }
        self.settle()
    }

    fn ask_for_file(&self) -> Vec<Intent> {
        let name = self.logs.file_name();
        let path = name.map(|name| format!("{}/{name}", self.settings.folder.trim_end_matches('/')));
        path.map(|path| Intent::Open(Box::new(LogLine::file(path, self.logs.is_alone())))).into_iter().collect()
    }

    /// The logs that can be shown together: of the job under the cursor, of its nodes, of the cluster.
    fn offer_logs(&self) -> Vec<Intent> {
        let Some(cluster) = self.active.clone() else { return Vec::new() };
        let mut outputs = Vec::new();
        let mut nodes = String::new();
        if let Some((cluster, job)) = self.jobs.selected() {
            for kind in [OutputKind::Stdout, OutputKind::Stderr] {
                let source = LogSource::Output { cluster: cluster.clone(), job: job.job_id(), kind };
                outputs.push((source, format!("{} {} · {}", job.id(), job.name(), kind.word())));
            }
            nodes = job.node_list().to_owned();
        }
        let shown = self.logs.sources().map(|(source, title)| (source.clone(), title.to_owned())).collect();
        vec![Intent::Open(Box::new(Together::new(cluster, outputs, nodes, shown)))]
    }

    fn refresh_all(&mut self) -> Vec<Intent> {
        let mut intents: Vec<_> = self.wants().into_iter().map(|(query, _)| Intent::Effect(Effect::Refresh(query))).collect();
        if let Some(cluster) = self.active.clone() {
            intents.push(Intent::Run(Command::Reconnect(cluster), "reconnecting".into()));
        }
        intents
    }

    fn launch(&mut self) -> Vec<Intent> {
        let Some(cluster) = self.active.clone() else {
            return vec![Intent::Note(Notice::plain("Choose a cluster first: 1, then ⏎."))];
        };
        let has_head = self.clusters.get(&cluster).is_some_and(|c| c.kind != ClusterKind::Local);
        vec![Intent::Open(Box::new(Picker::new(cluster, &self.settings.folder, has_head)))]
    }

    /// The cluster that is meant: the one under the cursor where the clusters have the focus, else the one that is looked at.
    fn meant(&self) -> Option<&Cluster> {
        let under = self.clusters.selected().filter(|_| self.focus == Pane::Clusters);
        let meant = under.or_else(|| self.active.as_ref().and_then(|id| self.clusters.get(id)));
        meant.filter(|cluster| cluster.kind == ClusterKind::ParallelCluster)
    }

    fn update_cluster(&self) -> Vec<Intent> {
        let Some(cluster) = self.meant() else { return nobody() };
        vec![Intent::Open(Box::new(Picker::update(cluster.id.clone(), &self.settings.folder)))]
    }

    fn scale(&self) -> Vec<Intent> {
        let Some(cluster) = self.meant() else { return nobody() };
        let queue = self.nodes.selected().filter(|_| self.focus == Pane::Nodes).and_then(|node| node.partitions.first().cloned());
        vec![Intent::Open(Box::new(ScaleForm::new(cluster.id.clone(), queue)))]
    }

    /// Keeps cursors inside windows that may have changed.
    pub(super) fn settle(&mut self) -> Vec<Intent> {
        let layout = self.layout();
        self.jobs.settle(layout.rows(Pane::Jobs));
        self.nodes.settle(layout.rows(Pane::Nodes));
        self.nodes.spread(layout.heading(Pane::Nodes));
        Vec::new()
    }
}

fn nobody() -> Vec<Intent> {
    vec![Intent::Note(Notice::plain("That is for AWS ParallelClusters, and none is chosen."))]
}
