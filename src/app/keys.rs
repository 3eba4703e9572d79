//! Keys, pastes and clicks: to the overlay on top, to the line that is being typed, to the pane that has the focus.

use std::time::Duration;

use super::App;
use super::intent::{Intent, LogWish};
use super::layout::Pane;
use super::notices::Notice;
use super::overlays::{
    Asking, AuditSheet, Charts, Confirm, Doctor, Help, History, LogLine, Messages, Outbox, Palette, Picker, ScaleForm, Streams, Together,
};
use super::panes::PAUSE;
use crate::config::LiveTail;
use crate::model::{Answer, ClusterKind, Command, Door, JobId, LogSource, OutputKind, Query, Scope};
use crate::protocol::{Action, Area, Chord, Effect, Key, Mouse};
use crate::ui::Field;

/// Letters of one word follow each other within this time.
const WORD: Duration = Duration::from_millis(800);

impl App {
    pub(super) fn pressed(&mut self, chord: Chord) -> Vec<Intent> {
        let is_asked = self.overlays.last().is_some_and(|overlay| overlay.asks().is_some());
        if is_asked && self.typed_at.is_some_and(|at| self.clock.since_start.saturating_sub(at) < WORD) {
            return self.typed_on(chord);
        }
        self.typed_at = (!is_asked && self.takes_text()).then_some(self.clock.since_start);
        if let Some(mut overlay) = self.overlays.pop() {
            let (areas, leaves) = (overlay.areas(), chord.key == Key::Esc || chord.key == Key::Char('c') && chord.ctrl);
            let intents = if areas.is_empty() && leaves {
                overlay.leave()
            } else {
                overlay.press(chord, self.settings.keys.action(areas, chord), &self.look())
            };
            self.overlays.push(overlay);
            return intents;
        }
        if let Some(mut field) = self.typing.take() {
            return self.typed(&mut field, chord);
        }
        match self.settings.keys.action(&[self.area(), Area::List, Area::Everywhere], chord) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    /// Whether keys are letters of a text where they go now.
    fn takes_text(&self) -> bool {
        self.overlays.last().map_or(self.typing.is_some(), |overlay| overlay.areas().is_empty())
    }

    /// ssh asks something over a word that is being typed: the rest of the word goes where it was begun, and no part of it to ssh.
    fn typed_on(&mut self, chord: Chord) -> Vec<Intent> {
        // What is hidden by the question is neither sent nor left.
        if chord.ctrl || chord.alt || !matches!(chord.key, Key::Char(_) | Key::Backspace) {
            return Vec::new();
        }
        let question = self.overlays.pop();
        let intents = if self.takes_text() { self.pressed(chord) } else { Vec::new() };
        self.overlays.extend(question);
        intents
    }

    fn area(&self) -> Area {
        match self.focus {
            Pane::Clusters => Area::Clusters,
            Pane::Nodes => Area::Nodes,
            Pane::Jobs => Area::Jobs,
            Pane::Logs => Area::Logs,
        }
    }

    /// A key while a filter or a search is typed: what it finds is shown at once.
    fn typed(&mut self, field: &mut Field, chord: Chord) -> Vec<Intent> {
        match chord.key {
            Key::Esc => self.filtered(""),
            Key::Char('c') if chord.ctrl => self.filtered(""),
            Key::Enter => {
                if self.focus == Pane::Logs {
                    self.logs.find(false)
                } else {
                    Vec::new()
                }
            }
            _ => {
                field.press(chord);
                let text = field.text().to_owned();
                self.typing = Some(field.clone());
                self.filtered(&text)
            }
        }
    }

    fn filtered(&mut self, text: &str) -> Vec<Intent> {
        match self.focus {
            Pane::Clusters => Vec::new(),
            Pane::Nodes => {
                self.nodes.set_filter(text);
                Vec::new()
            }
            Pane::Jobs => self.jobs.set_filter(text),
            Pane::Logs => self.logs.set_search(text),
        }
    }

    fn filter(&self) -> &str {
        match self.focus {
            Pane::Clusters => "",
            Pane::Nodes => self.nodes.filter(),
            Pane::Jobs => self.jobs.filter(),
            Pane::Logs => self.logs.search(),
        }
    }

    pub(super) fn pasted(&mut self, text: &str) -> Vec<Intent> {
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.paste(text);
        } else if let Some(field) = &mut self.typing {
            field.insert(text);
            let text = field.text().to_owned();
            return self.filtered(&text);
        }
        Vec::new()
    }

    pub(super) fn moused(&mut self, what: Mouse, column: u16, row: u16) -> Vec<Intent> {
        if !self.overlays.is_empty() {
            let key = match what {
                Mouse::ScrolledUp => Key::Up,
                Mouse::ScrolledDown => Key::Down,
                Mouse::Pressed => return Vec::new(),
            };
            return self.pressed(Chord::plain(key));
        }
        let layout = self.layout();
        let Some((pane, area)) = layout.at(column, row) else { return Vec::new() };
        match what {
            Mouse::Pressed => {
                self.focus = pane;
                if row == area.y {
                    return Vec::new();
                }
                let line = usize::from(row - area.y - 1).saturating_sub(usize::from(pane == Pane::Nodes && layout.heading(pane)));
                match pane {
                    Pane::Clusters => {
                        let inside = (area.width.saturating_sub(2), area.height.saturating_sub(2));
                        let rows = self.clusters.rows(&self.look(), inside);
                        return self.clusters.click(line, rows);
                    }
                    Pane::Nodes => self.nodes.click(line),
                    Pane::Jobs => return self.jobs.click(line, column.saturating_sub(area.x + 1), area.width.saturating_sub(2)),
                    Pane::Logs => self.logs.click(line),
                }
                Vec::new()
            }
            Mouse::ScrolledUp | Mouse::ScrolledDown => {
                let action = if what == Mouse::ScrolledUp { Action::Up } else { Action::Down };
                (0..3).flat_map(|_| self.act_in(pane, action)).collect()
            }
        }
    }

    fn act_in(&mut self, pane: Pane, action: Action) -> Vec<Intent> {
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

    fn wished(&mut self, wish: LogWish) -> Vec<Intent> {
        match wish {
            LogWish::Keep(text) => self.logs.set_filter(&text),
            LogWish::GoTo(text) => self.logs.go_to(&text),
            LogWish::Highlight(text) => {
                self.logs.highlight(&text);
                Vec::new()
            }
            LogWish::Save { dest, whole } => self.logs.save(dest, whole),
        }
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
    fn meant(&self) -> Option<&crate::model::Cluster> {
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

    /// Carries out what panes and overlays wish.
    pub(super) fn carry_out(&mut self, intents: Vec<Intent>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut open: std::collections::VecDeque<Intent> = intents.into();
        while let Some(intent) = open.pop_front() {
            match intent {
                Intent::Effect(effect) => {
                    if let Effect::Copy(text) = &effect {
                        let lines = text.lines().count();
                        let what = crate::ui::fit(text, 60, crate::ui::Cut::Middle);
                        let words = if lines > 1 { format!("Copied {lines} lines") } else { format!("Copied {what}") };
                        self.note(Notice::plain(words));
                    }
                    effects.push(effect);
                }
                Intent::Do(action) => {
                    let more = self.act(action);
                    more.into_iter().rev().for_each(|intent| open.push_front(intent));
                }
                Intent::Run(command, words) => {
                    let id = self.running.begin(command.clone(), words);
                    effects.push(Effect::Run(id, command));
                }
                Intent::Open(overlay) => {
                    if overlay.asks().is_none() {
                        self.typing = None;
                    }
                    self.overlays.push(overlay);
                }
                Intent::Close => {
                    self.overlays.pop();
                }
                Intent::Activate(cluster) => {
                    self.chosen = true;
                    self.activate(cluster);
                    self.focus = Pane::Jobs;
                    open.extend(self.show_known());
                    open.extend(self.finish_cut_off());
                }
                Intent::Watch(source, title) => {
                    if matches!(source, LogSource::Stream { .. }) {
                        open.extend(self.ask_about_tail());
                    }
                    self.logs.watch(Some(source), title, self.clock.since_start);
                    self.aimed = self.selected_job();
                }
                Intent::Columns(columns) => self.jobs.set_columns(columns),
                Intent::Heed(cluster, jobs) => {
                    let notice = self.toggle_watch(&cluster, &jobs);
                    self.note(notice);
                }
                Intent::WatchAlso(source, title) => open.extend(self.logs.watch_also(source, title)),
                Intent::Unwatch(source) => open.extend(self.logs.unwatch(&source)),
                Intent::Logs(wish) => open.extend(self.wished(wish)),
                Intent::Note(notice) => self.note(notice),
            }
        }
        self.aim();
        effects
    }

    /// Live Tail costs money: before it is first used, somebody is told how much and asked.
    fn ask_about_tail(&mut self) -> Option<Intent> {
        if self.settings.live_tail != LiveTail::Ask || std::mem::replace(&mut self.tail_asked, true) {
            return None;
        }
        let text = "CloudWatch's Live Tail shows new lines within a second. AWS charges about 0.01 USD for each minute that a log \
                    stays open with it, after 1,800 free minutes a month. Without it new lines are asked for every 2 seconds, \
                    which costs nothing.\n\nlogs: {live_tail: always}, or never, in the configuration answers this for good.";
        let yes = vec![Intent::Run(Command::LetTail(true), "Live Tail".into())];
        let choices = vec![('n', "ask every 2 s".to_owned(), Vec::new()), ('y', "use Live Tail in this session".to_owned(), yes)];
        Some(Intent::Open(Box::new(Confirm::choices("Use Live Tail?".into(), text.into(), choices))))
    }

    fn note(&mut self, notice: Notice) {
        self.notices.add(self.clock.since_start, self.clock.wall, notice);
    }

    fn selected_job(&self) -> Option<JobId> {
        self.jobs.aim()
    }

    /// The log follows the job under the cursor, until the user chooses another log; then until the cursor moves to another job.
    fn aim(&mut self) {
        let selected = self.selected_job();
        let kind = self.logs.kind();
        if self.aimed == selected && self.aimed_kind == kind {
            return;
        }
        let Some((cluster, job)) = self.jobs.selected() else {
            return;
        };
        let source = LogSource::Output { cluster: cluster.clone(), job: job.job_id(), kind };
        let title = format!("{} {} · {}", job.id(), job.name(), kind.word());
        // A cursor that only passes over a job opens nothing.
        self.logs.watch(Some(source), title, self.clock.since_start + PAUSE);
        self.aimed = selected;
        self.aimed_kind = kind;
    }

    /// Nodes of the active cluster arrived.
    pub(super) fn nodes_arrived(&mut self, query: &Query) {
        if let Query::Nodes(cluster) = query
            && self.active.as_ref() == Some(cluster)
        {
            self.nodes.refill(self.store.nodes(cluster).cloned());
        }
    }

    /// The queue that is shown arrived: the nodes pane tells from it which jobs are where.
    pub(super) fn queue_arrived(&mut self, table: &std::sync::Arc<crate::model::JobTable>, scope: Scope) {
        let wide = self.layout().heading(Pane::Nodes);
        self.nodes.know(table.clone(), scope == Scope::All, wide);
    }

    /// The table that the jobs pane shows, if the store has it.
    pub(super) fn is_shown(&self, query: &Query, answer: &Answer) -> bool {
        let shown = |scope: Scope| self.jobs.scope() == scope;
        matches!((query, answer), (Query::Jobs { cluster, scope }, Answer::Jobs(_)) if self.active.as_ref() == Some(cluster) && shown(*scope))
    }
}

fn nobody() -> Vec<Intent> {
    vec![Intent::Note(Notice::plain("That is for AWS ParallelClusters, and none is chosen."))]
}
