//! Carries out what panes and overlays wish, and keeps what they show in step with each other.

use std::collections::VecDeque;
use std::sync::Arc;

use super::App;
use super::intent::{Intent, LogWish};
use super::layout::Pane;
use super::notices::Notice;
use super::overlays::Confirm;
use super::panes::PAUSE;
use crate::config::LiveTail;
use crate::model::{Answer, Command, JobId, JobTable, LogSource, Query, Scope};
use crate::protocol::Effect;

impl App {
    /// Carries out what panes and overlays wish.
    pub(super) fn carry_out(&mut self, intents: Vec<Intent>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut open: VecDeque<Intent> = intents.into();
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

    /// Nodes of the active cluster arrived.
    pub(super) fn nodes_arrived(&mut self, query: &Query) {
        if let Query::Nodes(cluster) = query
            && self.active.as_ref() == Some(cluster)
        {
            self.nodes.refill(self.store.nodes(cluster).cloned());
        }
    }

    /// The queue that is shown arrived: the nodes pane tells from it which jobs are where.
    pub(super) fn queue_arrived(&mut self, table: &Arc<JobTable>, scope: Scope) {
        let wide = self.layout().heading(Pane::Nodes);
        self.nodes.know(table.clone(), scope == Scope::All, wide);
    }

    /// The table that the jobs pane shows, if the store has it.
    pub(super) fn is_shown(&self, query: &Query, answer: &Answer) -> bool {
        let shown = |scope: Scope| self.jobs.scope() == scope;
        matches!((query, answer), (Query::Jobs { cluster, scope }, Answer::Jobs(_)) if self.active.as_ref() == Some(cluster) && shown(*scope))
    }
}
