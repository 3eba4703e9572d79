//! Keys, pastes and clicks: to the overlay on top, to the line that is being typed, to the pane that has the focus.

use super::App;
use super::intent::Intent;
use super::layout::Pane;
use super::notices::Notice;
use super::overlays::{Confirm, Help, Messages, Palette, Picker, Streams};
use crate::config::LiveTail;
use crate::model::{Answer, ClusterKind, Command, JobId, LogSource, Query, Scope};
use crate::protocol::{Action, Area, Chord, Effect, Key, Mouse};
use crate::ui::Field;

impl App {
    pub(super) fn pressed(&mut self, chord: Chord) -> Vec<Intent> {
        if let Some(mut overlay) = self.overlays.pop() {
            let action = self.settings.keys.action(overlay.areas(), chord);
            let intents = overlay.press(chord, action, &self.look());
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
                let rows = self.layout().rows(Pane::Logs);
                if self.focus == Pane::Logs { self.logs.find(rows, false) } else { Vec::new() }
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
            Pane::Logs => {
                self.logs.set_search(text);
                Vec::new()
            }
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
                let line = usize::from(row - area.y - 1);
                match pane {
                    Pane::Clusters => return self.clusters.click(line),
                    Pane::Nodes => self.nodes.click(line),
                    Pane::Jobs => self.jobs.click(line),
                    Pane::Logs => {}
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
            Pane::Nodes => self.nodes.act(action, rows),
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
                Vec::new()
            }
            Action::Pause => {
                self.paused = !self.paused;
                let words = if self.paused { "Paused: nothing is asked until p is pressed again." } else { "Asking again." };
                vec![Intent::Note(Notice::plain(words))]
            }
            Action::Redraw => {
                self.wipe = true;
                Vec::new()
            }
            Action::Refresh => self.refresh_all(),
            Action::Launch => self.launch(),
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
            // The verbs on a job mean the selected job wherever the focus is, for the palette and for other panes' keys.
            Action::Cancel | Action::Fetch | Action::Everyone | Action::ShowLog | Action::OtherOutput => self.act_in(Pane::Jobs, action),
            Action::LogOther | Action::Follow | Action::Wrap | Action::NextHit | Action::PreviousHit => self.act_in(Pane::Logs, action),
            _ => self.act_in(self.focus, action),
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
        if !self.filter().is_empty() {
            return self.filtered("");
        }
        if self.zoomed {
            self.zoomed = false;
        }
        Vec::new()
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

    /// Keeps cursors inside windows that may have changed.
    pub(super) fn settle(&mut self) -> Vec<Intent> {
        let layout = self.layout();
        self.jobs.settle(layout.rows(Pane::Jobs));
        self.nodes.settle(layout.rows(Pane::Nodes));
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
                        let text = crate::ui::fit(text, 60, crate::ui::Cut::Middle).into_owned();
                        self.note(Notice::plain(format!("Copied {text}")));
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
                    self.typing = None;
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
                }
                Intent::Watch(source, title) => {
                    if matches!(source, LogSource::Stream { .. }) {
                        open.extend(self.ask_about_tail());
                    }
                    self.logs.watch(Some(source), title, self.clock.since_start);
                    self.aimed = self.selected_job();
                }
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
        self.jobs.selected().map(|(_, job)| job.job_id())
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
        self.logs.watch(Some(source), title, self.clock.since_start);
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

    /// The table that the jobs pane shows, if the store has it.
    pub(super) fn is_shown(&self, query: &Query, answer: &Answer) -> bool {
        let shown = |scope: Scope| self.jobs.scope() == scope;
        matches!((query, answer), (Query::Jobs { cluster, scope }, Answer::Jobs(_)) if self.active.as_ref() == Some(cluster) && shown(*scope))
    }
}
