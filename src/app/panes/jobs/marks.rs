//! What the user has marked, known by the row's key, so that it is kept wherever the row goes and while it is out of sight.
//!
//! Never walks the queue for a frame: a row asks whether it is marked.

use std::sync::Arc;

use crate::model::arrange::{Keys, Row};
use crate::model::{Arrangement, JobId};

/// The marked rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    keys: Arc<Keys>,
    /// Where a range begins.
    last: Option<JobId>,
    /// Marks that were out of sight at the last arrangement.
    hidden: usize,
}

impl Marks {
    pub(super) fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many there are, and how many of them are out of sight.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.keys.len(), self.hidden.min(self.keys.len()))
    }

    /// Marks a row, or unmarks it.
    pub(super) fn toggle(&mut self, shown: &Arrangement, index: usize) {
        let (Some(row), Some(key)) = (shown.rows.get(index), shown.key(index)) else { return };
        let keys = Arc::make_mut(&mut self.keys);
        if shown.is_marked(*row, keys) {
            keys.remove(&key);
            // The last job of an array that was marked as a whole.
            if let Some(job) = shown.job_of(*row).filter(|_| matches!(row, Row::Job(_))) {
                keys.remove(job.array_job_id());
            }
        } else {
            keys.insert(key.clone());
        }
        self.last = Some(key);
    }

    /// Marks every row from the last marked one to this one. What lies within an open array are its tasks, not the whole.
    pub(super) fn range(&mut self, shown: &Arrangement, index: usize) {
        let from = self.last.as_ref().and_then(|key| shown.place(key)).unwrap_or(index);
        let (first, last) = (from.min(index), from.max(index));
        let keys = Arc::make_mut(&mut self.keys);
        for (at, row) in shown.rows.iter().enumerate().take(last + 1).skip(first) {
            if at == from || at == index || !is_heading(shown, *row) {
                keys.extend(shown.key_of(*row));
            }
        }
        self.last = shown.key(index);
    }

    /// Marks all that is shown, or nothing when all of it is marked.
    pub(super) fn all(&mut self, shown: &Arrangement) {
        let rows = || shown.rows.iter().filter(|row| !is_heading(shown, **row));
        if rows().all(|row| shown.is_marked(*row, &self.keys)) {
            self.clear();
            return;
        }
        let keys = Arc::make_mut(&mut self.keys);
        keys.reserve(shown.rows.len());
        keys.extend(rows().filter_map(|row| shown.key_of(*row)));
    }

    /// Unmarks everything; false when nothing was marked.
    pub(super) fn clear(&mut self) -> bool {
        (self.hidden, self.last) = (0, None);
        !std::mem::take(&mut self.keys).is_empty()
    }

    /// Forgets what has left the queue.
    pub(super) fn settle(&mut self, shown: &Arrangement) {
        if !shown.gone.is_empty() {
            let keys = Arc::make_mut(&mut self.keys);
            for key in &shown.gone {
                keys.remove(key);
            }
        }
        // Whoever cleared them meanwhile has none out of sight.
        self.hidden = if self.keys.is_empty() { 0 } else { shown.hidden };
    }
}

/// The row of an open array above its tasks.
fn is_heading(shown: &Arrangement, row: Row) -> bool {
    matches!(row, Row::Array(n) if shown.arrays.get(n as usize).is_some_and(|array| array.open))
}
