//! Which jobs are shown and in which order: filtered, bundled into arrays and sorted once per answer or wish, never per frame.
//!
//! Pure, but takes time that grows with the queue: it is run away from the drawing path.

mod array;
mod filter;
mod order;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{ClusterId, Job, JobId, JobTable, Order, Scope, TaskSpan};
use filter::Sieve;

pub use array::{Array, Tally, is_rest, shown, told};
pub use filter::Filter;
pub use order::natural;

/// One row of the screen's order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    /// A job by itself: its row of the table.
    Job(u32),
    /// An array: its place among the arrangement's arrays.
    Array(u32),
    /// A task, or the waiting rest, below its open array: its row of the table.
    Task(u32),
}

/// Rows by what they are known by from one answer to the next: [`Arrangement::key`].
pub type Keys = HashSet<JobId>;

/// A wish for an arrangement.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// Which queue the table is; the answer carries it back.
    pub queue: (ClusterId, Scope),
    /// The jobs.
    pub table: Arc<JobTable>,
    /// What the user typed as a filter.
    pub filter: String,
    /// The order.
    pub order: Order,
    /// The arrays whose tasks shall be shown.
    pub open: Arc<Keys>,
    /// Rows that are marked, so that those that are gone can be told. An arrangement does not keep them.
    pub marks: Arc<Keys>,
    /// The row under the cursor, whose new place is wanted.
    pub cursor: Option<JobId>,
    /// A job that was just submitted: its row, or its array's, is wanted before the cursor's.
    pub submitted: Option<JobId>,
}

/// The rows to show.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrangement {
    /// The wish this fulfils.
    pub wish: Wish,
    /// What to show, in order.
    pub rows: Vec<Row>,
    /// Every array of the table.
    pub arrays: Vec<Array>,
    /// Where in `rows` the cursor's job stands.
    pub cursor: Option<usize>,
    /// Where in `rows` the submitted job stands.
    pub submitted: Option<usize>,
    /// Running, waiting and ended jobs of the whole table, each task counted.
    pub counts: [u64; 3],
    /// Jobs that pass the filter, each task counted.
    pub passed: u64,
    /// Bytes of the longest id among the rows.
    pub id_cells: usize,
    /// Marks whose job has left the queue.
    pub gone: Vec<JobId>,
    /// Marks whose job is there and not among the rows.
    pub hidden: usize,
}

impl Arrangement {
    /// Fulfils a wish: O(n log n) in the number of jobs.
    pub fn make(mut wish: Wish) -> Self {
        let marks = std::mem::take(&mut wish.marks);
        let table = wish.table.clone();
        let mut bundles = Bundles::new(&table, &Sieve::new(&wish.filter));
        for array in &mut bundles.arrays {
            array.open = array.is_split() || !wish.open.is_empty() && wish.open.contains(array.id(&table));
        }
        let mut rows = bundles.rows();
        order::sort(&mut rows, &table, bundles.keys(), wish.order);
        let rows = bundles.unfolded(rows, &table, wish.order);
        let Bundles { arrays, counts, passed, id_cells, .. } = bundles;
        let mut made = Self { wish, rows, arrays, cursor: None, submitted: None, counts, passed, id_cells, gone: Vec::new(), hidden: 0 };
        made.cursor = made.wish.cursor.as_ref().and_then(|key| made.place(key));
        made.submitted = made.wish.submitted.as_ref().and_then(|key| made.place(key));
        if !made.arrays.is_empty() {
            made.id_cells = made.rows.iter().map(|row| made.cells(*row)).max().unwrap_or(0);
        }
        made.sift(&marks);
        made
    }

    /// The job of a row: of an array the task that stands for it.
    pub fn job_of(&self, row: Row) -> Option<Job<'_>> {
        let at = match row {
            Row::Job(n) | Row::Task(n) => n,
            Row::Array(n) => self.arrays.get(n as usize)?.head,
        };
        self.wish.table.get(at as usize)
    }

    /// The job in line `index` of the screen's order.
    pub fn job(&self, index: usize) -> Option<Job<'_>> {
        self.job_of(*self.rows.get(index)?)
    }

    /// The array in line `index`, where one stands there.
    pub fn array(&self, index: usize) -> Option<&Array> {
        match self.rows.get(index)? {
            Row::Array(n) => self.arrays.get(*n as usize),
            Row::Job(_) | Row::Task(_) => None,
        }
    }

    /// What a row is known by from one answer to the next: the job's id, the array's, or the array's with `_[]` for its waiting rest.
    pub fn key_of(&self, row: Row) -> Option<JobId> {
        match row {
            Row::Array(n) => Some(JobId::new(self.arrays.get(n as usize)?.id(&self.wish.table))),
            Row::Job(_) | Row::Task(_) => self.job_of(row).map(|job| JobId::new(array::key(&job))),
        }
    }

    /// What line `index` is known by.
    pub fn key(&self, index: usize) -> Option<JobId> {
        self.key_of(*self.rows.get(index)?)
    }

    /// Whether a row is marked: the one job that is left of a marked array is.
    pub fn is_marked(&self, row: Row, marks: &Keys) -> bool {
        if marks.is_empty() {
            return false;
        }
        match row {
            Row::Array(n) => self.arrays.get(n as usize).is_some_and(|array| marks.contains(array.id(&self.wish.table))),
            Row::Task(_) | Row::Job(_) => self.job_of(row).is_some_and(|job| {
                let array = job.array_job_id();
                marks.contains(&*array::key(&job)) || matches!(row, Row::Job(_)) && !array.is_empty() && marks.contains(array)
            }),
        }
    }

    /// Every marked row, the shown ones first and in their order. No task of an array that is marked as a whole.
    pub fn marked(&self, marks: &Keys) -> Vec<Row> {
        let mut found: Vec<Row> = self.rows.iter().copied().filter(|row| self.is_marked(*row, marks)).collect();
        let shown: Keys = found.iter().filter_map(|row| self.key_of(*row)).collect();
        if shown.len() < marks.len() {
            let arrays = (0_u32..).map(Row::Array).take(self.arrays.len());
            let jobs = (0_u32..).map(Row::Task).take(self.wish.table.len());
            let hidden = |row: &Row| self.is_marked(*row, marks) && self.key_of(*row).is_some_and(|key| !shown.contains(&key));
            // The one job of a marked array stands for it already.
            let single =
                |row: &Row| matches!(row, Row::Array(n) if self.arrays.get(*n as usize).is_some_and(|a| a.is_single() && a.hits > 0));
            found.extend(arrays.chain(jobs).filter(|row| hidden(row) && !single(row)));
        }
        found.retain(|row| !matches!(row, Row::Task(_)) || self.job_of(*row).is_none_or(|job| !marks.contains(job.array_job_id())));
        found
    }

    /// Where a row stands now; when it is gone, its array or the last job of that.
    pub fn place(&self, key: &JobId) -> Option<usize> {
        let key = key.as_str();
        let table = &self.wish.table;
        let is = |row: &Row| match row {
            Row::Array(n) => self.arrays.get(*n as usize).is_some_and(|array| array.id(table) == key),
            Row::Job(_) | Row::Task(_) => self.job_of(*row).is_some_and(|job| *array::key(&job) == *key),
        };
        let is_kin = |row: &Row| {
            let array = self.job_of(*row).map_or("", |job| job.array_job_id());
            !array.is_empty() && key.strip_prefix(array).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        self.rows.iter().position(is).or_else(|| self.rows.iter().position(is_kin))
    }

    /// Cells of a row's id as it is drawn: a task stands two to the right.
    fn cells(&self, row: Row) -> usize {
        match (row, self.job_of(row)) {
            (Row::Array(n), _) => self.arrays.get(n as usize).map_or(0, |array| array.label_cells(&self.wish.table)),
            (Row::Job(_), Some(job)) => shown(&job).chars().count(),
            (Row::Task(_), Some(job)) => shown(&job).chars().count() + 2,
            (_, None) => 0,
        }
    }

    /// Finds out which marks are gone and how many are out of sight.
    fn sift(&mut self, marks: &Keys) {
        if marks.is_empty() {
            return;
        }
        let table = &self.wish.table;
        let arrays = || self.arrays.iter().filter_map(|array| marks.get(array.id(table)));
        let jobs = || table.iter().filter_map(|job| marks.get(&*array::key(&job)));
        let here = arrays().chain(jobs()).count();
        let all_in_sight = self.arrays.is_empty() && self.rows.len() == table.len();
        let seen = if all_in_sight { here } else { self.rows.iter().filter(|row| self.is_marked(**row, marks)).count() };
        self.hidden = here.saturating_sub(seen);
        if here != marks.len() {
            let here: HashSet<&JobId> = arrays().chain(jobs()).collect();
            self.gone = marks.iter().filter(|mark| !here.contains(mark)).cloned().collect();
        }
    }
}

/// Running, waiting, ended.
fn class(job: &Job<'_>) -> u8 {
    match (job.state().is_waiting(), job.state().is_over()) {
        (true, _) => 1,
        (_, true) => ENDED,
        _ => 0,
    }
}

/// The class of what has ended.
const ENDED: u8 = 2;

const ALONE: u32 = u32::MAX;

/// A table looked at once: what passes, and which rows belong together.
struct Bundles {
    arrays: Vec<Array>,
    /// Each row's array; empty when there are no arrays at all.
    of: Vec<u32>,
    /// Rows that pass.
    hits: Vec<u32>,
    /// Each row's class.
    classes: Vec<u8>,
    counts: [u64; 3],
    passed: u64,
    /// Cells of the longest id that passes.
    id_cells: usize,
}

impl Bundles {
    fn new(table: &JobTable, sieve: &Sieve) -> Self {
        let mut found = Self {
            arrays: Vec::new(),
            of: Vec::new(),
            hits: Vec::with_capacity(table.len()),
            classes: Vec::with_capacity(table.len()),
            counts: [0; 3],
            passed: 0,
            id_cells: 0,
        };
        let mut known: HashMap<&str, u32> = HashMap::new();
        let past: HashMap<&str, (u32, u32)> = table.past.iter().map(|(id, well, badly)| (id.as_str(), (*well, *badly))).collect();
        // Tasks of one array mostly stand together.
        let mut last = ("", ALONE);
        let mut line = String::new();
        for (row, job) in (0_u32..).zip(table.iter()) {
            let passes = sieve.is_empty() || sieve.passes(&job, &mut line);
            let id = job.array_job_id();
            let tasks = if id.is_empty() { None } else { TaskSpan::read(job.array_task_id()) };
            let count = tasks.map_or(1, |tasks| tasks.count);
            let class = class(&job);
            found.classes.push(class);
            found.counts[usize::from(class)] += count;
            if passes {
                found.hits.push(row);
                found.passed += count;
                found.id_cells = found.id_cells.max(shown(&job).len());
            }
            if id.is_empty() {
                if !found.of.is_empty() {
                    found.of.push(ALONE);
                }
                continue;
            }
            if found.of.is_empty() {
                found.of = vec![ALONE; row as usize];
                found.of.reserve(table.len() - row as usize);
            }
            if last.0 != id {
                let next = u32::try_from(found.arrays.len()).unwrap_or(ALONE);
                last = (id, *known.entry(id).or_insert(next));
                if last.1 == next {
                    found.arrays.push(Array::new(past.get(id).copied()));
                }
            }
            found.of.push(last.1);
            if let Some(array) = found.arrays.get_mut(last.1 as usize) {
                let head = table.get(array.head as usize).map(|job| job.state());
                array.take(row, &job, tasks, head, passes);
            }
        }
        found
    }

    /// What sorting asks besides the table.
    fn keys(&self) -> (&[Array], &[u8]) {
        (&self.arrays, &self.classes)
    }

    fn array_of(&self, row: u32) -> Option<(u32, &Array)> {
        let n = *self.of.get(row as usize)?;
        let array = self.arrays.get(n as usize)?;
        (!array.is_single()).then_some((n, array))
    }

    /// One row for each job and each array that has something to show, in the scheduler's order.
    fn rows(&self) -> Vec<Row> {
        let row = |hit: &u32| match self.array_of(*hit) {
            None => Some(Row::Job(*hit)),
            Some((n, array)) => (array.place() == *hit).then_some(Row::Array(n)),
        };
        self.hits.iter().filter_map(row).collect()
    }

    /// The same rows with the tasks of each open array below it.
    fn unfolded(&self, rows: Vec<Row>, table: &JobTable, order: Order) -> Vec<Row> {
        let mut tasks: HashMap<u32, Vec<Row>> = (0_u32..)
            .zip(&self.arrays)
            .filter(|(_, a)| a.open && a.hits > 0)
            .map(|(n, a)| (n, Vec::with_capacity(a.hits as usize)))
            .collect();
        if tasks.is_empty() {
            return rows;
        }
        for hit in &self.hits {
            if let Some((n, _)) = self.array_of(*hit)
                && let Some(tasks) = tasks.get_mut(&n)
            {
                tasks.push(Row::Task(*hit));
            }
        }
        // Below its array a task is looked for by its number.
        let order = if order.column.is_none() { Order { column: Some(super::Column::Id), ..order } } else { order };
        let mut all = Vec::with_capacity(rows.len() + tasks.values().map(Vec::len).sum::<usize>());
        for row in rows {
            all.push(row);
            if let Row::Array(n) = row
                && let Some(tasks) = tasks.get_mut(&n)
            {
                order::sort(tasks, table, self.keys(), order);
                all.append(tasks);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
