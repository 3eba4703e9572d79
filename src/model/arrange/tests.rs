//! What is shown of a queue, in which order, and what is meant by it.

use super::super::{Column, JobState, NewJob};
use super::*;

/// Jobs as `id state`; the id tells the array.
fn table(jobs: &[(&str, &str, u64)]) -> JobTable {
    let mut table = JobTable::default();
    for (id, state, ran) in jobs {
        let (array, task) = id.split_once('_').unwrap_or(("", ""));
        table.push(&NewJob {
            id,
            array_job_id: array,
            array_task_id: task.trim_matches(['[', ']']),
            name: if array.is_empty() { "solo" } else { "sweep" },
            state: Some(JobState::read(state)),
            nodes: 2,
            cpus: 8,
            time_used: Some(*ran),
            ..NewJob::default()
        });
    }
    table
}

fn wish(table: JobTable) -> Wish {
    Wish {
        queue: (ClusterId::local(), Scope::Mine),
        table: Arc::new(table),
        filter: String::new(),
        order: Order::default(),
        open: Arc::default(),
        marks: Arc::default(),
        cursor: None,
        submitted: None,
    }
}

fn keys(keys: &[&str]) -> Arc<Keys> {
    Arc::new(keys.iter().map(JobId::new).collect())
}

/// The rows as they read: arrays by their label, tasks indented.
fn seen(a: &Arrangement) -> Vec<String> {
    let row = |row: &Row| match row {
        Row::Array(n) => a.arrays[*n as usize].label(&a.wish.table),
        Row::Task(_) => format!("  {}", a.job_of(*row).unwrap().id()),
        Row::Job(_) => a.job_of(*row).unwrap().id().to_owned(),
    };
    a.rows.iter().map(row).collect()
}

fn swept() -> JobTable {
    let mut table = table(&[
        ("7_[8-99%4]", "PD", 0),
        ("9", "CD", 50),
        ("10", "PD", 0),
        ("7_5", "R", 700),
        ("7_6", "R", 90),
        ("7_4", "F", 30),
        ("7_7", "CF", 0),
        ("2", "R", 100),
    ]);
    table.past = vec![("7".into(), 3, 1), ("99".into(), 5, 5)];
    table
}

#[test]
fn what_runs_comes_first_and_an_array_is_one_row() {
    let a = Arrangement::make(wish(swept()));
    assert_eq!(seen(&a), ["7_[4-99]", "2", "10", "9"]);
    let array = &a.arrays[0];
    let tally = Tally { well: 3, badly: 2, dropped: 0, active: 3, waiting: 92 };
    assert_eq!((array.tally, array.tally.total(), array.open), (tally, 100, false));
    assert_eq!((array.nodes, array.cpus, array.time_used), (4, 16, Some(700)), "of what runs");
    assert_eq!(a.job(0).unwrap().id(), "7_5", "a running task stands for it");
    assert_eq!((a.counts, a.passed), ([4, 93, 2], 99), "each waiting task counts");
    assert_eq!(a.id_cells, "7_[4-99]".len());
}

#[test]
fn an_open_array_shows_its_tasks_in_their_order() {
    let a = Arrangement::make(Wish { open: keys(&["7"]), ..wish(swept()) });
    assert_eq!(seen(&a), ["7_[4-99]", "  7_4", "  7_5", "  7_6", "  7_7", "  7_[8-99%4]", "2", "10", "9"]);
    assert_eq!(a.id_cells, "  7_[8-99%4]".len());
    let by_time = Order { column: Some(Column::Time), descending: true };
    let a = Arrangement::make(Wish { open: keys(&["7"]), order: by_time, ..wish(swept()) });
    assert_eq!(seen(&a), ["7_[4-99]", "  7_5", "  7_6", "  7_4", "  7_[8-99%4]", "  7_7", "2", "9", "10"]);
}

#[test]
fn sorting_takes_an_array_as_one_row() {
    let by = |column, descending| {
        let order = Order { column: Some(column), descending };
        seen(&Arrangement::make(Wish { order, ..wish(swept()) }))
    };
    assert_eq!(by(Column::Id, false), ["2", "7_[4-99]", "9", "10"]);
    assert_eq!(by(Column::Id, true), ["10", "9", "7_[4-99]", "2"]);
    assert_eq!(by(Column::Nodes, true), ["7_[4-99]", "9", "10", "2"], "what is equal keeps the scheduler's order");
    assert_eq!(by(Column::Time, true), ["7_[4-99]", "2", "9", "10"]);
    for (column, ..) in Column::ALL {
        assert_eq!(by(column, false).len(), 4, "{column:?}");
    }
}

#[test]
fn a_filter_that_hits_tasks_shows_them() {
    let make = |filter: &str| Arrangement::make(Wish { filter: filter.into(), ..wish(swept()) });
    assert_eq!(seen(&make("sweep")), ["7_[4-99]"], "all of it");
    let some = make("state:F,R name:sweep");
    assert_eq!(seen(&some), ["7_[4-99]", "  7_4", "  7_5", "  7_6"]);
    assert_eq!((some.passed, some.arrays[0].tally.total()), (3, 100), "its figures are those of the whole");
    assert_eq!(seen(&make("!name:sweep")), ["2", "10", "9"]);
    assert!(seen(&make("nothing like it")).is_empty());
}

#[test]
fn a_single_task_is_the_job_it_is() {
    let a = Arrangement::make(wish(table(&[("7_99", "R", 5), ("8_[3]", "PD", 0), ("9_[1-2]", "PD", 0)])));
    assert_eq!(seen(&a), ["7_99", "8_[3]", "9_[1-2]"]);
    assert_eq!(a.rows, [Row::Job(0), Row::Job(1), Row::Array(2)]);
    let mut left = table(&[("7_99", "R", 5)]);
    left.past = vec![("7".into(), 98, 1)];
    let a = Arrangement::make(wish(left));
    assert_eq!((seen(&a), a.arrays[0].tally.total()), (vec!["7_[99]".to_owned()], 100), "what has ended is still told");
}

#[test]
fn the_cursor_keeps_its_row_or_goes_to_its_kin() {
    let at = |table: JobTable, cursor: &str, open: &[&str]| {
        Arrangement::make(Wish { cursor: Some(JobId::new(cursor)), open: keys(open), ..wish(table) }).cursor
    };
    assert_eq!(at(swept(), "10", &[]), Some(2));
    assert_eq!(at(swept(), "7", &[]), Some(0));
    assert_eq!(at(swept(), "7_6", &["7"]), Some(3));
    assert_eq!(at(swept(), "7_[]", &["7"]), Some(5), "the waiting rest, whatever is in it");
    assert_eq!(at(swept(), "7_6", &[]), Some(0), "a task of a closed array");
    assert_eq!(at(table(&[("1", "R", 0), ("7_9", "R", 0)]), "7", &[]), Some(1), "the last of its array");
    assert_eq!(at(table(&[("70_9", "R", 0)]), "7_1", &[]), None);
    let submitted = Arrangement::make(Wish { submitted: Some(JobId::new("7")), ..wish(swept()) });
    assert_eq!(submitted.submitted, Some(0));
}

#[test]
fn marks_are_kept_by_what_is_meant() {
    let marks = keys(&["7_6", "7_[]", "10", "404"]);
    let open = keys(&["7"]);
    let a = Arrangement::make(Wish { marks: marks.clone(), open: open.clone(), ..wish(swept()) });
    assert!(a.wish.marks.is_empty(), "they stay with who made them");
    assert_eq!((a.gone.as_slice(), a.hidden), (&[JobId::new("404")][..], 0));
    let marked = |a: &Arrangement, marks: &Keys| -> Vec<String> {
        a.marked(marks)
            .iter()
            .map(|row| if let Row::Array(_) = row { "array".into() } else { a.job_of(*row).unwrap().id().to_owned() })
            .collect()
    };
    assert_eq!(marked(&a, &marks), ["7_6", "7_[8-99%4]", "10"]);
    // Closed or filtered away they are out of sight and still meant.
    let a = Arrangement::make(Wish { marks: marks.clone(), ..wish(swept()) });
    assert_eq!((a.hidden, marked(&a, &marks)), (2, vec!["10".into(), "7_[8-99%4]".into(), "7_6".into()]));
    // A whole array has its tasks in it.
    let whole = keys(&["7", "7_6"]);
    let a = Arrangement::make(Wish { marks: whole.clone(), open, ..wish(swept()) });
    assert_eq!(marked(&a, &whole), ["array"]);
    let a = Arrangement::make(Wish { filter: "solo".into(), marks: whole.clone(), ..wish(swept()) });
    assert_eq!((marked(&a, &whole), a.hidden), (vec!["array".into()], 2));
    // The last task of a marked array is what is left of it.
    let last = Arrangement::make(Wish { marks: keys(&["7"]), ..wish(table(&[("7_9", "R", 0)])) });
    assert_eq!((marked(&last, &keys(&["7"])), last.hidden, last.gone.len()), (vec!["7_9".into()], 0, 0));
}

#[test]
fn a_rest_is_told_without_its_throttle_and_shown_by_its_ends() {
    let long = format!("7_[{}]", (0..40).map(|n| (n * 2).to_string()).collect::<Vec<_>>().join(","));
    let table = table(&[("7_[8-99%4]", "PD", 0), (&long, "PD", 0), ("a%b]", "R", 0)]);
    let told_of = |n| told(&table.get(n).unwrap());
    assert_eq!([told_of(0).as_str(), told_of(2).as_str()], ["7_[8-99]", "a%b]"]);
    assert_eq!(shown(&table.get(1).unwrap()), "7_[0…78]");
    assert_eq!(shown(&table.get(0).unwrap()), "7_[8-99%4]");
}

#[test]
fn filters_have_smart_case_invert_and_never_fail() {
    let jobs = || {
        let mut table = JobTable::default();
        for (id, name) in [("9", "zeta"), ("10", "Alpha"), ("2", "beta")] {
            table.push(&NewJob { id, name, ..NewJob::default() });
        }
        table
    };
    let rows = |filter: &str| Arrangement::make(Wish { filter: filter.into(), ..wish(jobs()) }).rows.len();
    assert_eq!((rows("alpha"), rows("ALPHA"), rows("!alpha"), rows("^9 "), rows("a("), rows("!")), (1, 0, 2, 1, 0, 3));
}
