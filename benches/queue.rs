//! A squeue reply of 100,000 lines: read, then filtered and sorted as the jobs pane does.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use qdeck::model::{Arrangement, ClusterId, Column, Order, SchedulerKind, Scope, Wish};
use qdeck::remote::host::Said;
use qdeck::remote::scheduler::scheduler;

const JOBS: usize = 100_000;

fn queue(c: &mut Criterion) {
    let Ok(slurm) = scheduler(SchedulerKind::Slurm) else { return };
    let ask = slurm.jobs(Scope::All, false);
    // The mark that ends a record is new in every question.
    let end = ask.script.split('\x1e').nth(1).and_then(|rest| rest.get(..8)).unwrap_or_default().to_owned();
    let mut text = String::new();
    for i in 0..JOBS {
        let state = ["R", "PD", "CG"][i % 3];
        let _ = writeln!(
            text,
            "{i}\x1f{i}\x1f{i}\x1fN/A\x1fcompute\x1fuser{}\x1f{state}\x1fPriority\x1f1-02:03:04\x1f2-00:00:00\x1f4\x1f64\x1fcompute-dy-c5large-[1-4]\x1f2026-11-24T12:05:38\x1f2026-11-24T11:05:38\x1f4294\x1f/shared/home/user/projects/run-{i}\x1ftrain-resnet-{i}\x1e{end}",
            i % 40
        );
    }
    let said = Said { status: 0, stdout: text.into_bytes(), stderr: String::new() };
    let table = match (ask.read)(&said) {
        Ok(table) if table.len() == JOBS && table.warnings == 0 => Arc::new(table),
        other => return eprintln_lost(other.map(|t| t.len()).unwrap_or(0)),
    };
    let mut group = c.benchmark_group("queue of 100,000 jobs");
    group.sample_size(20);
    group.bench_function("read", |b| b.iter(|| (ask.read)(black_box(&said)).map(|t| t.len())));
    let wish = |filter: &str, column| Wish {
        queue: (ClusterId::local(), Scope::All),
        table: table.clone(),
        filter: filter.to_owned(),
        order: Order { column, descending: false },
        cursor: None,
        submitted: None,
    };
    group.bench_function("arrange", |b| b.iter(|| Arrangement::make(wish("", None)).rows.len()));
    group.bench_function("filter", |b| b.iter(|| Arrangement::make(wish("resnet-99", None)).rows.len()));
    group.bench_function("sort by name", |b| b.iter(|| Arrangement::make(wish("", Some(Column::Name))).rows.len()));
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a benchmark that measures nothing must say so")]
fn eprintln_lost(rows: usize) {
    eprintln!("the reply was not read whole: {rows} of {JOBS} rows");
    std::process::exit(1);
}

criterion_group!(benches, queue);
criterion_main!(benches);
