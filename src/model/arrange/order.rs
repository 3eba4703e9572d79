//! Rows in the order that the user wants, an array as the one row it is.
//!
//! Each row's key is looked up once, never in a comparison.

use std::cmp::{Ordering, Reverse};

use super::super::column::left;
use super::super::{Column, Job, JobTable, Order};
use super::array::Array;
use super::{ENDED, Row};

/// Sorts rows that stand in the scheduler's order; what is equal stays in it. `classes` are those of the table's rows.
pub(super) fn sort<'t>(rows: &mut [Row], table: &'t JobTable, (arrays, classes): (&[Array], &[u8]), order: Order) {
    let array = |row: &Row| if let Row::Array(n) = row { arrays.get(*n as usize) } else { None };
    let head = |row: &Row| match row {
        Row::Job(n) | Row::Task(n) => *n as usize,
        Row::Array(n) => arrays.get(*n as usize).map_or(usize::MAX, |array| array.head as usize),
    };
    let job = |row: &Row| table.get(head(row));
    let text = |rows: &mut [Row], field: fn(&Job<'t>) -> &'t str| {
        by(rows, order.descending, |row| job(row).map_or("", |job| field(&job)));
    };
    let number = |rows: &mut [Row], of_job: fn(&Job<'_>) -> Option<u64>, of_array: fn(&Array) -> Option<u64>| {
        by(rows, order.descending, |row| match array(row) {
            Some(array) => of_array(array),
            None => job(row).and_then(|job| of_job(&job)),
        });
    };
    // What an array has no sum of, the task that stands for it says.
    let value = |rows: &mut [Row], of: &dyn Fn(&Job<'_>) -> Option<i64>| {
        by(rows, order.descending, |row| job(row).and_then(|job| of(&job)));
    };
    match order.column {
        None => {
            // Not the jobs themselves: a queue is larger than any cache.
            let class = |row: &Row| classes.get(head(row)).copied();
            by(rows, order.descending, class);
            // Of what ended, the latest first: that is what its owner looks for.
            let first = rows.iter().position(|row| class(row) == Some(ENDED)).unwrap_or(rows.len());
            let ended = rows[first..].iter().take_while(|row| class(row) == Some(ENDED)).count();
            by(&mut rows[first..first + ended], !order.descending, |row| Natural(job(row).map_or("", |job| job.id())));
        }
        Some(Column::Id) => by(rows, order.descending, |row| Natural(job(row).map_or("", |job| job.id()))),
        Some(Column::Partition) => text(rows, Job::partition),
        Some(Column::Name) => text(rows, Job::name),
        Some(Column::User) => text(rows, Job::user),
        Some(Column::State | Column::LongState) => by(rows, order.descending, |row| job(row).map(|job| job.state())),
        Some(Column::Time) => number(rows, |job| job.time_used(), |array| array.time_used),
        Some(Column::Nodes) => number(rows, |job| Some(job.nodes().into()), |array| Some(array.nodes.into())),
        Some(Column::Cpus) => number(rows, |job| Some(job.cpus().into()), |array| Some(array.cpus.into())),
        Some(Column::Memory) => by(rows, order.descending, |row| job(row).map(|job| bytes(job.memory()))),
        Some(Column::Gres) => by(rows, order.descending, |row| Natural(job(row).map_or("", |job| job.gres()))),
        Some(Column::TimeLimit) => value(rows, &|job| job.time_limit().and_then(|s| i64::try_from(s).ok())),
        Some(Column::TimeLeft) => value(rows, &|job| left(job).and_then(|s| i64::try_from(s).ok())),
        Some(Column::Priority) => value(rows, &|job| job.priority().and_then(|p| i64::try_from(p).ok())),
        Some(column @ (Column::SubmitTime | Column::StartTime | Column::EndTime)) => {
            value(rows, &|job| column.moment(job).map(jiff::Timestamp::as_second));
        }
        Some(Column::NodeList) => text(rows, Job::node_list),
        Some(Column::Reason) => text(rows, Job::reason),
        Some(Column::Place) => by(rows, order.descending, |row| job(row).map(|job| (job.node_list(), job.reason()))),
        Some(Column::Account) => text(rows, Job::account),
        Some(Column::Qos) => text(rows, Job::qos),
        Some(Column::WorkDir) => text(rows, Job::work_dir),
        Some(Column::Dependency) => text(rows, Job::dependency),
    }
}

fn by<K: Ord>(rows: &mut [Row], descending: bool, key: impl Fn(&Row) -> K) {
    if descending { rows.sort_by_cached_key(|row| Reverse(key(row))) } else { rows.sort_by_cached_key(key) }
}

/// `4G`, `31129M`, `500Mc` in bytes; the `c` or `n` that says of what is not looked at.
fn bytes(text: &str) -> u64 {
    let text = text.trim_end_matches(['c', 'n']);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match &text[digits.len()..] {
        "K" => 1,
        "M" | "" => 2,
        "G" => 3,
        "T" => 4,
        _ => 0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an order is wanted, not a figure")]
    digits.parse::<f64>().map_or(0, |n| (n * 1024_f64.powi(power)) as u64)
}

/// A text that is compared as people do.
#[derive(PartialEq, Eq)]
struct Natural<'a>(&'a str);

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        natural(self.0, other.0).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
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
    use super::*;

    #[test]
    fn ids_and_sizes_are_compared_by_value() {
        assert_eq!(natural("18240_9", "18240_10"), Ordering::Less);
        assert_eq!(natural("007", "7"), Ordering::Equal);
        assert!(bytes("4G") > bytes("3900M") && bytes("1.5T") > bytes("1T") && bytes("500Mc") < bytes("1G") && bytes("x") == 0);
    }
}
