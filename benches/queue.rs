//! A queue of 100,000 jobs: read as squeue prints it, then filtered, bundled and sorted as the jobs pane does.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use qdeck::model::arrange::Keys;
use qdeck::model::{Arrangement, ClusterId, Column, JobId, JobTable, Order, SchedulerKind, Scope, Wish};
use qdeck::remote::host::Said;
use qdeck::remote::scheduler::scheduler;

const JOBS: usize = 100_000;
const ARRAYS: usize = 50;

/// One of `JOBS` jobs: its id, array and task.
type Names = fn(usize) -> [String; 3];

fn job(i: usize) -> [String; 3] {
    [i.to_string(), i.to_string(), "N/A".to_owned()]
}

fn task(i: usize) -> [String; 3] {
    let (array, task) = (1_000 + i % ARRAYS, i / ARRAYS);
    [format!("{array}_{task}"), array.to_string(), task.to_string()]
}

fn reply(end: &str, names: Names) -> Said {
    let mut text = String::new();
    for i in 0..JOBS {
        let state = ["R", "PD", "CG"][i % 3];
        let [id, array, task] = names(i);
        let _ = writeln!(
            text,
            "{id}\x1f{i}\x1f{array}\x1f{task}\x1fcompute\x1fuser{}\x1f{state}\x1fPriority\x1f1-02:03:04\x1f2-00:00:00\x1f4\x1f64\x1fcompute-dy-c5large-[1-4]\x1f2026-11-24T12:05:38\x1f2026-11-24T11:05:38\x1f4294\x1f/shared/home/user/projects/run-{i}\x1facct\x1fnormal\x1f(null)\x1f4G\x1fN/A\x1ftrain-resnet-{i}\x1e{end}",
            i % 40
        );
    }
    Said { status: 0, stdout: text.into_bytes(), stderr: String::new() }
}

fn wish(table: &Arc<JobTable>, filter: &str, column: Option<Column>) -> Wish {
    Wish {
        queue: (ClusterId::local(), Scope::All),
        table: table.clone(),
        filter: filter.to_owned(),
        order: Order { column, descending: false },
        open: Arc::default(),
        marks: Arc::default(),
        cursor: None,
        submitted: None,
    }
}

fn queue(c: &mut Criterion) {
    let Ok(slurm) = scheduler(SchedulerKind::Slurm) else { return };
    let ask = slurm.jobs(Scope::All, false);
    // The mark that ends a record is new in every question.
    let end = ask.script.split('\x1e').nth(1).and_then(|rest| rest.get(..8)).unwrap_or_default().to_owned();
    let said = reply(&end, job);
    let (table, arrays) = match ((ask.read)(&said), (ask.read)(&reply(&end, task))) {
        (Ok(one), Ok(two)) if one.len() == JOBS && two.len() == JOBS && one.warnings + two.warnings == 0 => (Arc::new(one), Arc::new(two)),
        (one, two) => return eprintln_lost(one.map_or(0, |t| t.len()).min(two.map_or(0, |t| t.len()))),
    };
    let mut group = c.benchmark_group("queue of 100,000 jobs");
    group.sample_size(20);
    group.bench_function("read", |b| b.iter(|| (ask.read)(black_box(&said)).map(|t| t.len())));
    let rows = |wish: Wish| Arrangement::make(wish).rows.len();
    group.bench_function("arrange", |b| b.iter(|| rows(wish(&table, "", None))));
    group.bench_function("filter", |b| b.iter(|| rows(wish(&table, "resnet-99", None))));
    group.bench_function("filter by columns", |b| b.iter(|| rows(wish(&table, "state:PD user:^user7$ node:dy", None))));
    group.bench_function("sort by name", |b| b.iter(|| rows(wish(&table, "", Some(Column::Name)))));
    group.bench_function("arrays collapsed", |b| b.iter(|| rows(wish(&arrays, "", None))));
    let open: Arc<Keys> = Arc::new((0..ARRAYS).map(|n| JobId::new((1_000 + n).to_string())).collect());
    group.bench_function("arrays open", |b| b.iter(|| rows(Wish { open: open.clone(), ..wish(&arrays, "", None) })));
    let shown = Arrangement::make(wish(&table, "", None));
    let mark = || {
        let mut keys = Keys::with_capacity(shown.rows.len());
        keys.extend(shown.rows.iter().filter_map(|row| shown.key_of(*row)));
        Arc::new(keys)
    };
    group.bench_function("mark all", |b| b.iter(|| mark().len()));
    let marks = mark();
    group.bench_function("arrange all marked", |b| b.iter(|| rows(Wish { marks: marks.clone(), ..wish(&table, "", None) })));
    // What a frame asks: the rows of a screen.
    let on_screen = || shown.rows[..40].iter().filter(|row| shown.is_marked(**row, &marks)).count();
    group.bench_function("forty rows of all marked", |b| b.iter(on_screen));
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a benchmark that measures nothing must say so")]
fn eprintln_lost(rows: usize) {
    eprintln!("the reply was not read whole: {rows} of {JOBS} rows");
    std::process::exit(1);
}

criterion_group!(benches, queue);
criterion_main!(benches);
