//! Which jobs are shown and in which order: filtered and sorted once per answer or wish, never per frame.
//!
//! Pure, but takes time that grows with the queue: it is run away from the drawing path.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::{Job, JobId, JobTable};

/// A column one can see and sort by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[expect(missing_docs, reason = "the names are squeue's own")]
pub enum Column {
    Id,
    Partition,
    Name,
    User,
    State,
    Time,
    Nodes,
    Cpus,
    Place,
}

impl Column {
    /// All of them in squeue's order.
    pub const ALL: [Self; 9] =
        [Self::Id, Self::Partition, Self::Name, Self::User, Self::State, Self::Time, Self::Nodes, Self::Cpus, Self::Place];

    /// squeue's heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Id => "JOBID",
            Self::Partition => "PARTITION",
            Self::Name => "NAME",
            Self::User => "USER",
            Self::State => "ST",
            Self::Time => "TIME",
            Self::Nodes => "NODES",
            Self::Cpus => "CPUS",
            Self::Place => "NODELIST(REASON)",
        }
    }
}

/// How rows are ordered. `None` is the scheduler's own order turned so that what runs comes first, then what waits, then what ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Order {
    /// The column.
    pub column: Option<Column>,
    /// From the greatest to the least.
    pub descending: bool,
}

/// What a row must match: a regular expression with smart case, `!` in front inverts. What is no expression is taken literally.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    regex: Option<Regex>,
    inverted: bool,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// Reads what the user typed.
    pub fn new(text: &str) -> Self {
        let (inverted, pattern) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let insensitive = !pattern.chars().any(char::is_uppercase);
        let build = |p: &str| RegexBuilder::new(p).case_insensitive(insensitive).size_limit(1 << 20).build();
        let regex = (!pattern.is_empty()).then(|| build(pattern).or_else(|_| build(&regex::escape(pattern))).ok()).flatten();
        Self { text: text.to_owned(), regex, inverted }
    }

    /// Whether a text passes.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(text) != self.inverted)
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.regex.is_none()
    }

    /// The expression to search for, where there is one.
    pub fn regex(&self) -> Option<&Regex> {
        self.regex.as_ref()
    }
}

/// A wish for an arrangement.
#[derive(Clone, PartialEq, Debug)]
pub struct Wish {
    /// Which queue the table is; the answer carries it back.
    pub queue: (super::ClusterId, super::Scope),
    /// The jobs.
    pub table: Arc<JobTable>,
    /// What the user typed as a filter.
    pub filter: String,
    /// The order.
    pub order: Order,
    /// The job under the cursor, whose new row is wanted.
    pub cursor: Option<JobId>,
    /// A job that was just submitted: its row, or the first of its array, is wanted before the cursor's.
    pub submitted: Option<JobId>,
}

/// The rows to show.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrangement {
    /// The wish this fulfils.
    pub wish: Wish,
    /// Rows of the table, in the order to show them.
    pub rows: Vec<u32>,
    /// Where in `rows` the cursor's job stands.
    pub cursor: Option<usize>,
    /// Where in `rows` the submitted job stands.
    pub submitted: Option<usize>,
    /// Running, waiting and ended jobs of the whole table.
    pub counts: [usize; 3],
}

impl Arrangement {
    /// Fulfils a wish: O(n log n) in the number of jobs.
    pub fn make(wish: Wish) -> Self {
        let filter = Filter::new(&wish.filter);
        let mut counts = [0; 3];
        let mut rows = Vec::with_capacity(wish.table.len());
        let mut line = String::new();
        for (i, job) in wish.table.iter().enumerate() {
            counts[class(&job)] += 1;
            if filter.is_empty() || filter.matches(searched(&job, &mut line)) {
                rows.push(u32::try_from(i).unwrap_or(u32::MAX));
            }
        }
        let table = &wish.table;
        let job = |row: &u32| table.get(*row as usize);
        rows.sort_by(|a, b| match (job(a), job(b)) {
            (Some(x), Some(y)) => compare(&x, &y, wish.order),
            _ => Ordering::Equal,
        });
        let place = |id: &JobId, array_too: bool| {
            let is = |row: &u32| job(row).is_some_and(|j| j.id() == id.as_str() || array_too && j.array_job_id() == id.as_str());
            rows.iter().position(is)
        };
        let cursor = wish.cursor.as_ref().and_then(|id| place(id, false));
        let submitted = wish.submitted.as_ref().and_then(|id| place(id, true));
        Self { wish, rows, cursor, submitted, counts }
    }

    /// The job in line `index` of the screen's order.
    pub fn job(&self, index: usize) -> Option<Job<'_>> {
        self.wish.table.get(*self.rows.get(index)? as usize)
    }
}

/// Running, waiting, ended.
fn class(job: &Job<'_>) -> usize {
    match (job.state().is_waiting(), job.state().is_over()) {
        (true, _) => 1,
        (_, true) => 2,
        _ => 0,
    }
}

/// All that a filter looks at, in one line.
fn searched<'a>(job: &Job<'_>, line: &'a mut String) -> &'a str {
    line.clear();
    let words = [job.id(), job.partition(), job.name(), job.user(), job.state().short(), job.state().long(), job.reason(), job.node_list()];
    for word in words {
        line.push_str(word);
        line.push(' ');
    }
    line
}

fn compare(a: &Job<'_>, b: &Job<'_>, order: Order) -> Ordering {
    let by = match order.column {
        None => class(a).cmp(&class(b)).then_with(|| match class(a) {
            // Of what ended, the latest first: that is what its owner looks for.
            2 => natural(b.id(), a.id()),
            _ => Ordering::Equal,
        }),
        Some(Column::Id) => natural(a.id(), b.id()),
        Some(Column::Partition) => a.partition().cmp(b.partition()),
        Some(Column::Name) => a.name().cmp(b.name()),
        Some(Column::User) => a.user().cmp(b.user()),
        Some(Column::State) => a.state().cmp(&b.state()),
        Some(Column::Time) => a.time_used().cmp(&b.time_used()),
        Some(Column::Nodes) => a.nodes().cmp(&b.nodes()),
        Some(Column::Cpus) => a.cpus().cmp(&b.cpus()),
        Some(Column::Place) => a.node_list().cmp(b.node_list()).then_with(|| a.reason().cmp(b.reason())),
    };
    if order.descending { by.reverse() } else { by }
}

/// Compares ids as people do: runs of digits by their value.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    while let (Some(p), Some(q)) = (x.first(), y.first()) {
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let number = |s: &[u8]| s.iter().position(|c| !c.is_ascii_digit()).unwrap_or(s.len());
            let (m, n) = (number(x), number(y));
            let trim = |s: &[u8]| s.iter().position(|c| *c != b'0').unwrap_or(s.len());
            let (v, w) = (&x[trim(&x[..m])..m], &y[trim(&y[..n])..n]);
            match v.len().cmp(&w.len()).then_with(|| v.cmp(w)) {
                Ordering::Equal => (x, y) = (&x[m..], &y[n..]),
                other => return other,
            }
        } else if p == q {
            (x, y) = (&x[1..], &y[1..]);
        } else {
            return p.cmp(q);
        }
    }
    x.len().cmp(&y.len())
}

#[cfg(test)]
mod tests {
    use super::super::{ClusterId, JobState, NewJob, Scope};
    use super::*;

    fn wish(filter: &str, order: Order) -> Wish {
        let mut table = JobTable::default();
        let jobs = [("9", "zeta", JobState::Completed), ("10", "Alpha", JobState::Pending), ("2", "beta", JobState::Running)];
        for (id, name, state) in jobs {
            table.push(&NewJob { id, name, state: Some(state), array_job_id: if id == "2" { "77" } else { "" }, ..NewJob::default() });
        }
        let queue = (ClusterId::local(), Scope::Mine);
        Wish {
            queue,
            table: Arc::new(table),
            filter: filter.into(),
            order,
            cursor: Some(JobId::new("10")),
            submitted: Some(JobId::new("77")),
        }
    }

    fn ids(a: &Arrangement) -> Vec<&str> {
        (0..a.rows.len()).filter_map(|i| a.job(i)).map(|j| j.id()).collect()
    }

    #[test]
    fn what_runs_comes_first_and_the_cursor_keeps_its_job() {
        let a = Arrangement::make(wish("", Order::default()));
        assert_eq!(ids(&a), ["2", "10", "9"]);
        assert_eq!((a.cursor, a.submitted, a.counts), (Some(1), Some(0), [1, 1, 1]));
    }

    #[test]
    fn filters_have_smart_case_invert_and_never_fail() {
        let rows = |f| Arrangement::make(wish(f, Order::default())).rows.len();
        assert_eq!((rows("alpha"), rows("ALPHA"), rows("!alpha"), rows("^9 "), rows("a("), rows("!")), (1, 0, 2, 1, 0, 3));
    }

    #[test]
    fn columns_sort_both_ways_and_ids_by_value() {
        let order = Order { column: Some(Column::Id), descending: true };
        assert_eq!(ids(&Arrangement::make(wish("", order))), ["10", "9", "2"]);
        assert_eq!(natural("18240_9", "18240_10"), Ordering::Less);
        assert_eq!(natural("007", "7"), Ordering::Equal);
    }
}
