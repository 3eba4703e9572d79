//! The queue of the active cluster, as it was last filtered, bundled and sorted.
//!
//! Nothing here walks the queue to draw: a frame asks for the rows that are on screen. Only what marks many rows at once does.

mod marks;
mod plan;
mod row;
mod view;

use std::sync::Arc;

use crate::app::intent::Intent;
use crate::app::overlays::ColumnsForm;
use crate::app::verbs::{Target, on_jobs};
use crate::model::arrange::{Keys, Row, is_rest, told};
use crate::model::{Arrangement, Chosen, ClusterId, Column, Job, JobId, JobTable, Order, Scope, TaskSpan, Wish};
use crate::protocol::{Action, Effect};
use crate::ui::Cursor;

use marks::Marks;
use plan::Plan;

/// The pane's state.
#[derive(Clone, Debug)]
pub(in crate::app) struct Jobs {
    scope: Scope,
    filter: String,
    order: Order,
    /// The columns that the user chose; `None` is squeue's own.
    columns: Option<Vec<Chosen>>,
    shown: Option<Arc<Arrangement>>,
    /// Arrays whose tasks are shown.
    open: Arc<Keys>,
    marks: Marks,
    /// The row under the cursor: the cursor stays with it wherever it moves.
    under: Option<JobId>,
    cursor: Cursor,
    /// A job that was just submitted here and has not been seen yet.
    submitted: Option<JobId>,
}

impl Jobs {
    /// A pane that shows nothing yet, with these columns and in this order.
    pub(in crate::app) fn new(columns: Option<Vec<Chosen>>, order: Order) -> Self {
        Self {
            scope: Scope::Mine,
            filter: String::new(),
            order,
            columns,
            shown: None,
            open: Arc::default(),
            marks: Marks::default(),
            under: None,
            cursor: Cursor::default(),
            submitted: None,
        }
    }

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
        self.open = Arc::default();
        self.marks.clear();
        self.cursor = Cursor::default();
    }

    /// Wishes to see this table.
    pub(in crate::app) fn arrange(&self, queue: (ClusterId, Scope), table: Arc<JobTable>) -> Intent {
        Intent::Effect(Effect::Arrange(Wish {
            queue,
            table,
            filter: self.filter.clone(),
            order: self.order,
            open: self.open.clone(),
            marks: self.marks.keys().clone(),
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

    /// Shows these columns from now on; `None` is squeue's own.
    pub(in crate::app) fn set_columns(&mut self, columns: Option<Vec<Chosen>>) {
        self.columns = columns;
    }

    /// Unmarks everything; false when nothing was marked.
    pub(in crate::app) fn clear_marks(&mut self) -> bool {
        self.marks.clear()
    }

    /// Shows a finished arrangement, unless what it was made for has changed since.
    pub(in crate::app) fn arranged(&mut self, new: Arc<Arrangement>, active: Option<&ClusterId>) -> Vec<Intent> {
        if active != Some(&new.wish.queue.0) || self.scope != new.wish.queue.1 {
            return Vec::new();
        }
        if new.wish.filter != self.filter || new.wish.order != self.order || new.wish.open != self.open {
            return vec![self.arrange(new.wish.queue.clone(), new.wish.table.clone())];
        }
        if self.submitted.is_some()
            && new.wish.submitted == self.submitted
            && let Some(index) = new.submitted
        {
            self.submitted = None;
            self.cursor.index = index;
            self.under = new.key(index);
        } else if new.wish.cursor == self.under
            && let Some(index) = new.cursor
        {
            self.cursor.index = index;
            self.under = new.key(index);
        } else {
            // The user moved on while the table was sorted, or the job is gone: stay on the row, or follow the moved cursor.
            let again = self.under.as_ref().filter(|_| new.wish.cursor != self.under).and_then(|key| new.place(key));
            self.cursor.index = again.unwrap_or(self.cursor.index).min(new.rows.len().saturating_sub(1));
            self.under = new.key(self.cursor.index);
        }
        self.marks.settle(&new);
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

    /// The job under the cursor and its cluster; of an array the task that stands for it.
    pub(in crate::app) fn selected(&self) -> Option<(&ClusterId, Job<'_>)> {
        let shown = self.shown.as_ref()?;
        Some((&shown.wish.queue.0, shown.job(self.cursor.index)?))
    }

    /// What the log is aimed at by the cursor: another one only when the cursor is on another row, or the first task of an array starts.
    pub(in crate::app) fn aim(&self) -> Option<JobId> {
        let shown = self.shown.as_ref()?;
        let job = shown.job(self.cursor.index)?;
        if is_rest(&job) { Some(JobId::new(format!("{}_[]", job.array_job_id()))) } else { shown.key(self.cursor.index) }
    }

    fn moved(&mut self) {
        self.under = self.shown.as_ref().and_then(|shown| shown.key(self.cursor.index));
        // Who moves the cursor by hand has seen enough of what was submitted.
        self.submitted = None;
    }

    /// A click on a line of the pane, 0 its headings, at a cell of its `room`.
    pub(in crate::app) fn click(&mut self, line: usize, x: u16, room: u16) -> Vec<Intent> {
        let Some(shown) = &self.shown else { return Vec::new() };
        if line == 0 {
            let column = self.plan(shown, room).at(x);
            return column.map_or_else(Vec::new, |column| self.sort_by(column));
        }
        self.cursor.index = (self.cursor.offset + line - 1).min(self.len().saturating_sub(1));
        self.moved();
        match self.array() {
            Some((_, open)) if row::is_sign(x) => self.unfold(!open),
            _ => Vec::new(),
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
                let shown = self.columns();
                let at = self.order.column.map(|column| shown.iter().position(|chosen| chosen.column == column));
                let next = at.map_or(Some(0), |at| Some(at.map_or(0, |at| at + 1))).and_then(|at| shown.get(at));
                self.order = next.map_or_else(Order::default, |chosen| chosen.column.order());
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
            Action::Mark | Action::MarkRange | Action::MarkAll => {
                self.mark(action, rows);
                Vec::new()
            }
            Action::Expand => self.unfold(true),
            Action::Collapse => self.unfold(false),
            Action::Columns => vec![Intent::Open(Box::new(ColumnsForm::new(self.columns.clone())))],
            _ => {
                let Some(shown) = &self.shown else { return Vec::new() };
                on_jobs(action, &shown.wish.queue.0, &self.targets(shown, action), dest)
            }
        }
    }

    fn mark(&mut self, action: Action, rows: usize) {
        let Some(shown) = self.shown.clone().filter(|shown| !shown.rows.is_empty()) else { return };
        match action {
            Action::MarkAll => self.marks.all(&shown),
            Action::MarkRange => self.marks.range(&shown, self.cursor.index),
            _ => {
                self.marks.toggle(&shown, self.cursor.index);
                self.cursor.act(Action::Down, shown.rows.len(), rows);
                self.moved();
            }
        }
    }

    /// The array under the cursor or around it: its line, and whether it is open.
    fn array(&self) -> Option<(usize, bool)> {
        let shown = self.shown.as_ref()?;
        let line = match shown.rows.get(self.cursor.index)? {
            Row::Array(_) => self.cursor.index,
            Row::Task(_) => shown.rows[..self.cursor.index].iter().rposition(|row| matches!(row, Row::Array(_)))?,
            Row::Job(_) => return None,
        };
        Some((line, shown.array(line)?.open))
    }

    /// Shows the tasks of the array under the cursor, or no more; the cursor goes from a task to its array.
    fn unfold(&mut self, open: bool) -> Vec<Intent> {
        let Some((line, _)) = self.array() else { return Vec::new() };
        if open && line != self.cursor.index {
            return Vec::new();
        }
        self.cursor.index = line;
        self.moved();
        let Some(key) = self.under.clone() else { return Vec::new() };
        let all = Arc::make_mut(&mut self.open);
        if open {
            all.insert(key)
        } else {
            all.remove(&key)
        };
        self.rearrange()
    }

    fn sort_by(&mut self, column: Column) -> Vec<Intent> {
        self.order = match self.order {
            Order { column: Some(same), descending } if same == column => Order { column: Some(column), descending: !descending },
            _ => column.order(),
        };
        self.rearrange()
    }

    /// What a verb is meant for: the marked rows, where it can be meant for many; else the one under the cursor.
    fn targets<'a>(&self, shown: &'a Arrangement, action: Action) -> Vec<Target<'a>> {
        let rows = if is_for_many(action) && !self.marks.is_empty() {
            shown.marked(self.marks.keys())
        } else {
            shown.rows.get(self.cursor.index).copied().into_iter().collect()
        };
        let target = |row: Row| {
            let job = shown.job_of(row)?;
            let (id, tasks) = match row {
                Row::Array(n) => {
                    let array = shown.arrays.get(n as usize)?;
                    let tally = array.tally;
                    (JobId::new(array.id(&shown.wish.table)), if tally.alive() > 0 { tally.alive() } else { tally.total() })
                }
                Row::Job(_) | Row::Task(_) => (told(&job), TaskSpan::read(job.array_task_id()).map_or(1, |tasks| tasks.count)),
            };
            Some(Target { id, job, tasks: usize::try_from(tasks).unwrap_or(usize::MAX) })
        };
        rows.into_iter().filter_map(target).collect()
    }

    /// The columns to show where there is room. Whose one's own jobs are needs no column.
    fn columns(&self) -> Vec<Chosen> {
        self.columns.clone().unwrap_or_else(|| {
            let all = Chosen::defaults().into_iter();
            all.filter(|chosen| chosen.column != Column::User || self.scope == Scope::All).collect()
        })
    }

    fn plan(&self, shown: &Arrangement, room: u16) -> Plan {
        let id = u16::try_from(shown.id_cells).unwrap_or(u16::MAX).clamp(SHORTEST_ID, LONGEST_ID);
        Plan::new(&self.columns(), id, room)
    }
}

/// The fewest cells of an id column, for its heading with an arrow.
const SHORTEST_ID: u16 = 7;
/// The most: no scheduler's id is longer, and what is none shall not push the other columns out.
const LONGEST_ID: u16 = 34;

/// Whether a verb can be meant for many jobs at once. All others mean the one under the cursor, whatever is marked.
fn is_for_many(action: Action) -> bool {
    matches!(
        action,
        Action::Copy
            | Action::Cancel
            | Action::Signal
            | Action::Hold
            | Action::Release
            | Action::Requeue
            | Action::TimeLimit
            | Action::Nice
            | Action::ToTop
    )
}
