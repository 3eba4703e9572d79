//! A log of a million lines: taken in from a local file beside what `wc -l` takes for it, searched and filtered as the logs pane does.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qdeck::model::lines::sift::{Stretch, Use};
use qdeck::model::lines::{Density, Lines, Pattern, Sift, Strand, Weave};

const LINES: usize = 1_000_000;
const NOW: i64 = 1_795_615_331_000;

/// What a cluster's day writes: mostly progress, some daemons' lines with times, now and then an error.
fn text() -> String {
    let mut out = String::with_capacity(LINES * 100);
    for n in 0..LINES {
        let _ = match n % 10 {
            0 => writeln!(
                out,
                "[2026-11-25T{:02}:{:02}:{:02}.{:03}] sched: Allocate JobId={n} NodeList=compute-dy-c5large-{}",
                n / 41_667,
                n / 695 % 60,
                n / 12 % 60,
                n % 1_000,
                n % 64
            ),
            5 if n % 9_973 == 5 => writeln!(out, "slurmstepd: error: task {n}: needle in a haystack"),
            _ => writeln!(
                out,
                "epoch {:>3}  step {:>5}/2000  loss {:.4}  {} img/s  lr 0.00031  grad 1.23 mem 31.2 GiB",
                n / 400,
                n % 2_000,
                2.3 / (1.0 + n as f64 / 1e4),
                1_150 + n % 90
            ),
        };
    }
    out
}

fn taken(path: &std::path::Path) -> Lines {
    let mut lines = Lines::new(256 << 20, 0, false);
    let (mut offset, mut chunk) = (0, vec![0; 256 << 10]);
    let Ok(mut file) = std::fs::File::open(path) else { return lines };
    while let Ok(n @ 1..) = file.read(&mut chunk) {
        lines.feed(offset, &chunk[..n], NOW);
        offset += n as u64;
    }
    lines
}

fn logs(c: &mut Criterion) {
    let text = text();
    let path = std::env::temp_dir().join(format!("qdeck-bench-{}.log", std::process::id()));
    if std::fs::write(&path, &text).is_err() {
        return lost("the file could not be written");
    }
    let mut group = c.benchmark_group("a log of 1,000,000 lines");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("ingest", |b| b.iter(|| black_box(taken(&path)).end()));
    group.bench_function("wc -l", |b| b.iter(|| Command::new("wc").arg("-l").arg(&path).output().map(|o| o.stdout.len())));
    group.finish();

    let lines = taken(&path);
    let _ = std::fs::remove_file(&path);
    if lines.end() != LINES as i64 {
        return lost("lines are missing");
    }
    let sift = |pattern: &str| {
        let stretch = Stretch { log: 0, blocks: lines.blocks().clone(), lines: lines.first()..lines.blocks().end(), backward: true };
        Pattern::new(pattern).map(|pattern| Sift { id: 1, purpose: Use::Filter, pattern, also: None, stretches: vec![stretch] })
    };
    let mut group = c.benchmark_group("search in 1,000,000 lines");
    group.sample_size(10);
    for pattern in ["needle", r"loss 0\.0[1-3]\d+  12\d\d", "(?i)jobid=\\d+7 .*large-1$", "."] {
        let Some(sift) = sift(pattern) else { return lost("the pattern cannot be read") };
        group.bench_function(format!("/{pattern}/ first"), |b| {
            b.iter_custom(|rounds| {
                let mut all = Duration::ZERO;
                for _ in 0..rounds {
                    let begun = Instant::now();
                    sift.run(|found| found.lines.is_empty());
                    all += begun.elapsed();
                }
                all
            });
        });
        group.bench_function(format!("/{pattern}/ all"), |b| {
            b.iter(|| {
                let mut hits = 0;
                sift.run(|found| {
                    hits += found.lines.len();
                    true
                });
                hits
            });
        });
    }
    group.finish();
    let weave = || Weave::new(vec![Strand::new(&lines, None, true)]);
    c.bench_function("histogram of 1,000,000 lines in 40 rows", |b| b.iter(|| Density::of(&weave(), 40).buckets.len()));
    c.bench_function("40 rows of 1,000,000 found", |b| b.iter(|| weave().rows(black_box(600_000), 40).len()));
    overhead(&lines, text.len());
}

#[expect(clippy::print_stderr, reason = "a figure beside the others")]
fn overhead(lines: &Lines, bytes: usize) {
    eprintln!("memory for {bytes} bytes of text: {} ({} % more)", lines.size(), lines.size() * 100 / bytes - 100);
}

#[expect(clippy::print_stderr, reason = "a benchmark that measures nothing must say so")]
fn lost(why: &str) {
    eprintln!("{why}");
    std::process::exit(1);
}

criterion_group!(benches, logs);
criterion_main!(benches);
