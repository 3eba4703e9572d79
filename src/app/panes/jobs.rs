//! The queue of the active cluster, as it was last filtered and sorted.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, job_tone, prose, select, trouble, waiting};
use crate::app::intent::Intent;
use crate::app::verbs::{Target, on_jobs};
use crate::model::duration::{slurm, thousands};
use crate::model::{Arrangement, ClusterId, Column, Job, JobId, JobTable, Order, Query, Scope, Wish};
use crate::protocol::{Action, Effect};
use crate::ui::{Cursor, Cut, Tone, fit, frame, put, width};

/// The pane's state.
#[derive(Clone, Debug)]
pub(in crate::app) struct Jobs {
    scope: Scope,
    filter: String,
    order: Order,
    shown: Option<Arc<Arrangement>>,
    /// The job under the cursor: the cursor stays with it wherever it moves.
    under: Option<JobId>,
    cursor: Cursor,
    /// A job that was just submitted here and has not been seen yet.
    submitted: Option<JobId>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            scope: Scope::Mine,
            filter: String::new(),
            order: Order::default(),
            shown: None,
            under: None,
            cursor: Cursor::default(),
            submitted: None,
        }
    }
}

impl Jobs {
    pub(in crate::app) fn scope(&self) -> Scope {
        self.scope
    }

    pub(in crate::app) fn filter(&self) -> &str {
        &self.filter
    }

    /// Forgets the queue of the cluster that was looked at before.
    pub(in crate::app) fn forget(&mut self) {
        self.shown = None;
        self.under = None;
        self.submitted = None;
        self.cursor = Cursor::default();
    }

    /// Wishes to see this table.
    pub(in crate::app) fn arrange(&self, queue: (ClusterId, Scope), table: Arc<JobTable>) -> Intent {
        Intent::Effect(Effect::Arrange(Wish {
            queue,
            table,
            filter: self.filter.clone(),
            order: self.order,
            cursor: self.under.clone(),
            submitted: self.submitted.clone(),
        }))
    }

    /// The same table again under a new filter or order.
    pub(in crate::app) fn rearrange(&self) -> Vec<Intent> {
        self.shown.iter().map(|shown| self.arrange(shown.wish.queue.clone(), shown.wish.table.clone())).collect()
    }

    pub(in crate::app) fn set_filter(&mut self, text: &str) -> Vec<Intent> {
        text.clone_into(&mut self.filter);
        self.rearrange()
    }

    /// Shows a finished arrangement, unless what it was made for has changed since.
    pub(in crate::app) fn arranged(&mut self, new: Arc<Arrangement>, active: Option<&ClusterId>) -> Vec<Intent> {
        if active != Some(&new.wish.queue.0) || self.scope != new.wish.queue.1 {
            return Vec::new();
        }
        if new.wish.filter != self.filter || new.wish.order != self.order {
            return vec![self.arrange(new.wish.queue.clone(), new.wish.table.clone())];
        }
        if self.submitted.is_some()
            && new.wish.submitted == self.submitted
            && let Some(index) = new.submitted
        {
            self.submitted = None;
            self.cursor.index = index;
            self.under = new.job(index).map(|job| job.job_id());
        } else if new.wish.cursor == self.under
            && let Some(index) = new.cursor
        {
            self.cursor.index = index;
        } else {
            // The user moved on while the table was sorted, or the job is gone: stay on the row, or follow the moved cursor.
            let again = self
                .under
                .as_ref()
                .filter(|_| new.wish.cursor != self.under)
                .and_then(|id| (0..new.rows.len()).find(|i| new.job(*i).is_some_and(|job| job.id() == id.as_str())));
            self.cursor.index = again.unwrap_or(self.cursor.index).min(new.rows.len().saturating_sub(1));
            self.under = new.job(self.cursor.index).map(|job| job.job_id());
        }
        self.shown = Some(new);
        Vec::new()
    }

    /// A job was submitted here: it gets the cursor as soon as the queue shows it.
    pub(in crate::app) fn expect(&mut self, job: JobId) {
        self.submitted = Some(job);
    }

    pub(in crate::app) fn settle(&mut self, rows: usize) {
        let len = self.len();
        self.cursor.settle(len, rows);
    }

    fn len(&self) -> usize {
        self.shown.as_ref().map_or(0, |shown| shown.rows.len())
    }

    /// The job under the cursor and its cluster.
    pub(in crate::app) fn selected(&self) -> Option<(&ClusterId, Job<'_>)> {
        let shown = self.shown.as_ref()?;
        Some((&shown.wish.queue.0, shown.job(self.cursor.index)?))
    }

    fn moved(&mut self) {
        self.under = self.selected().map(|(_, job)| job.job_id());
        // Who moves the cursor by hand has seen enough of what was submitted.
        self.submitted = None;
    }

    pub(in crate::app) fn click(&mut self, line: usize) {
        if line > 0 {
            self.cursor.index = (self.cursor.offset + line - 1).min(self.len().saturating_sub(1));
            self.moved();
        }
    }

    pub(in crate::app) fn act(&mut self, action: Action, rows: usize, dest: &str) -> Vec<Intent> {
        let len = self.len();
        if self.cursor.act(action, len, rows) {
            self.moved();
            return Vec::new();
        }
        match action {
            Action::Sort => {
                let at = self.order.column.and_then(|c| Column::ALL.iter().position(|x| *x == c));
                let next = at.map_or(Some(0), |i| Some(i + 1)).and_then(|i| Column::ALL.get(i)).copied();
                self.order = Order { column: next, descending: matches!(next, Some(Column::Time | Column::Nodes | Column::Cpus)) };
                self.rearrange()
            }
            Action::Reverse => {
                self.order.descending = !self.order.descending;
                self.rearrange()
            }
            Action::Everyone => {
                self.scope = if self.scope == Scope::Mine { Scope::All } else { Scope::Mine };
                self.shown = None;
                Vec::new()
            }
            _ => self.selected().map_or_else(Vec::new, |(cluster, job)| {
                let target = Target { id: job.job_id(), job, tasks: 1 };
                on_jobs(action, cluster, &[target], dest)
            }),
        }
    }

    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let query = look.active.map(|cluster| Query::Jobs { cluster: cluster.clone(), scope: self.scope });
        let slot = query.as_ref().and_then(|query| look.store.slot(query));
        let failure = slot.and_then(|slot| slot.failure.as_ref());
        let inner = frame(buf, area, &self.title(look, focused), &self.remark(look), look.theme, focused);
        let Some(cluster) = look.active else {
            let keys = look.keys.sign(Action::FocusClusters);
            let words = format!("No cluster chosen. {keys} goes to the clusters, ⏎ chooses one.");
            let mut y = inner.y + prose(buf, inner, &words, look.style(Tone::Dim));
            // On a small screen the clusters, and why some are missing, are out of sight.
            for failure in look.store.sources().filter_map(|(_, slot)| slot.failure.as_ref()) {
                let rest = Rect { y, height: inner.bottom().saturating_sub(y), ..inner };
                y += trouble(buf, rest, failure, look);
            }
            return;
        };
        let Some(shown) = &self.shown else {
            match failure {
                Some(failure) => {
                    trouble(buf, inner, failure, look);
                }
                None => {
                    prose(buf, inner, waiting(look, cluster), look.style(Tone::Dim));
                }
            }
            return;
        };
        let widths = Widths::new(inner.width, self.scope);
        self.heading(buf, inner, &widths, look);
        let foot = u16::from(failure.is_some());
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1 + foot), ..inner };
        if shown.rows.is_empty() {
            prose(buf, list, &self.nothing(look), look.style(Tone::Dim));
        }
        let mut cursor = self.cursor;
        cursor.settle(shown.rows.len(), usize::from(list.height));
        for line in 0..list.height {
            let index = cursor.offset + usize::from(line);
            let Some(job) = shown.job(index) else { break };
            let y = list.y + line;
            draw_job(buf, list, y, &job, &widths, look, failure.is_some());
            if index == self.cursor.index {
                select(buf, list, y, look, focused);
            }
        }
        if let Some(failure) = failure {
            put(buf, inner.x, inner.bottom() - 1, &format!("✗ {}", failure.what), inner.width, look.style(Tone::Bad));
        }
    }

    fn title(&self, look: &Look<'_>, focused: bool) -> Vec<(String, ratatui::style::Style)> {
        let mut title = vec![("3 Jobs".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        let whose = if self.scope == Scope::Mine { "mine" } else { "all" };
        let Some(shown) = &self.shown else {
            title.push((format!(" · {whose}"), look.style(Tone::Plain)));
            return title;
        };
        let total = shown.wish.table.len();
        let count = if shown.rows.len() == total {
            thousands(total as u64)
        } else {
            format!("{} of {}", thousands(shown.rows.len() as u64), thousands(total as u64))
        };
        title.push((format!(" · {whose} {count}"), look.style(Tone::Plain)));
        let [running, pending, _] = shown.counts;
        if running > 0 {
            title.push((format!(" · ▶ {}", thousands(running as u64)), look.style(Tone::Good)));
        }
        if pending > 0 {
            title.push((format!(" · ○ {}", thousands(pending as u64)), look.style(Tone::Waits)));
        }
        if shown.wish.table.warnings > 0 {
            title.push((format!(" · {} unread lines", shown.wish.table.warnings), look.style(Tone::Bad)));
        }
        title
    }

    fn remark(&self, look: &Look<'_>) -> Vec<(String, ratatui::style::Style)> {
        if self.filter.is_empty() { vec![] } else { vec![(format!("/{}", self.filter), look.style(Tone::Key))] }
    }

    fn nothing(&self, look: &Look<'_>) -> String {
        if !self.filter.is_empty() {
            return "No job matches the filter. Esc clears it.".to_owned();
        }
        let launch = look.keys.sign(Action::Launch);
        match self.scope {
            Scope::Mine => format!("No jobs of yours. {launch} launches one, {} shows everyone's.", look.keys.sign(Action::Everyone)),
            Scope::All => format!("The queue is empty. {launch} launches a job."),
        }
    }

    fn heading(&self, buf: &mut Buffer, inner: Rect, widths: &Widths, look: &Look<'_>) {
        let mut x = inner.x;
        for (column, room, right) in &widths.0 {
            let mut title = column.title().to_owned();
            if *column == Column::Place && usize::from(*room) < width(&title) {
                title = "NODES/WHY".into();
            }
            let sorted = self.order.column == Some(*column);
            if sorted {
                title.push_str(if self.order.descending { " ▼" } else { " ▲" });
            }
            let style = look.style(if sorted { Tone::Key } else { Tone::Dim });
            let title = fit(&title, usize::from(*room), Cut::End);
            let pad = if *right { room.saturating_sub(u16::try_from(width(&title)).unwrap_or(0)) } else { 0 };
            put(buf, x + pad, inner.y, &title, *room, style);
            x += room + 1;
        }
    }
}

/// Each column with its cells and whether it stands at the right edge.
struct Widths(Vec<(Column, u16, bool)>);

impl Widths {
    fn new(room: u16, scope: Scope) -> Self {
        let user = scope == Scope::All;
        let (id, partition, name, who) = match room {
            0..64 => (11, 0, 13, 0),
            64..90 => (13, 9, 15, 7),
            90..120 => (14, 10, 20, 9),
            _ => (18, 12, 30, 10),
        };
        let mut all = vec![(Column::Id, id, false)];
        if partition > 0 {
            all.push((Column::Partition, partition, false));
        }
        all.push((Column::Name, name, false));
        if user && who > 0 {
            all.push((Column::User, who, false));
        }
        all.extend([(Column::State, 5, false), (Column::Time, 10, true), (Column::Nodes, 5, true)]);
        if room >= 120 {
            all.push((Column::Cpus, 5, true));
        }
        let used: u16 = all.iter().map(|(_, w, _)| w + 1).sum();
        all.push((Column::Place, room.saturating_sub(used), false));
        Self(all)
    }
}

fn draw_job(buf: &mut Buffer, area: Rect, y: u16, job: &Job<'_>, widths: &Widths, look: &Look<'_>, stale: bool) {
    let (sign, tone) = job_tone(job.state());
    let dim = stale || job.state().is_over();
    let plain = look.style(if dim { Tone::Dim } else { Tone::Plain });
    let toned = look.style(if stale { Tone::Dim } else { tone });
    let mut x = area.x;
    for (column, room, right) in &widths.0 {
        let cells = usize::from(*room);
        let (text, style) = match column {
            Column::Id => match look.active.and_then(|cluster| look.watch.sign(cluster, job.id())) {
                Some(sign) => (fit(&format!("{sign} {}", job.id()), cells, Cut::End).into_owned().into(), plain),
                None => (fit(job.id(), cells, Cut::End), plain),
            },
            Column::Partition => (fit(job.partition(), cells, Cut::Middle), plain),
            Column::Name => (fit(job.name(), cells, Cut::Middle), plain),
            Column::User => (fit(job.user(), cells, Cut::End), plain),
            Column::State => (format!("{sign} {}", job.state().short()).into(), toned),
            Column::Time => (job.time_used().map_or_else(String::new, slurm).into(), plain),
            Column::Nodes => (job.nodes().to_string().into(), plain),
            Column::Cpus => (job.cpus().to_string().into(), plain),
            Column::Place => {
                let text = job.place_or_reason();
                let style = if job.state().is_waiting() || job.state().is_bad() { toned } else { plain };
                // Both ends of a list of nodes say which they are; a reason says most at its beginning.
                let cut = if text.starts_with('(') { Cut::End } else { Cut::Middle };
                (fit(&text, cells, cut).into_owned().into(), style)
            }
        };
        let pad = if *right { room.saturating_sub(u16::try_from(width(&text)).unwrap_or(0)) } else { 0 };
        put(buf, x + pad, y, &text, *room - pad, style);
        x += room + 1;
    }
}
