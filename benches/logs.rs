//! A log of a million lines: taken in from a local file beside what `wc -l` takes for it, searched and filtered as the logs pane does.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use qdeck::app::{App, Settings};
use qdeck::config::{LiveTail, Notify, Refresh};
use qdeck::model::lines::sift::{Stretch, Use};
use qdeck::model::lines::{Density, Lines, Pattern, Sift, Strand, Weave};
use qdeck::model::{
    Answer, Cluster, ClusterId, ClusterKind, JobState, JobTable, LogEvent, NewJob, Order, Query, SchedulerKind, Scope, Source,
};
use qdeck::protocol::{Clock, Effect, Event, KeyMap};
use qdeck::ui::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

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
    frames(c, &text);
}

/// The whole application with that log, its pane as large as the screen: what a frame costs, and what 256 kB more cost.
fn frames(c: &mut Criterion, text: &str) {
    let settings = Settings {
        sources: vec![Source::Fixed],
        cluster: None,
        refresh: Refresh::default(),
        columns: None,
        order: Order::default(),
        notify: Notify::default(),
        read_only: false,
        keys: KeyMap::default(),
        theme: Theme::Dark,
        folder: "/".into(),
        log_memory: 256 << 20,
        live_tail: LiveTail::Never,
        zone: TimeZone::UTC,
    };
    let mut app = App::new(settings, (140, 40));
    let tick = |app: &mut App, seconds: u64| {
        let wall = Timestamp::from_millisecond(NOW).unwrap_or(Timestamp::UNIX_EPOCH);
        app.update(Event::Ticked(Clock { since_start: Duration::from_secs(seconds), wall }));
    };
    let answer =
        |app: &mut App, query: Query, answer: Answer| app.update(Event::Answered { query, result: Ok(answer), took: Duration::ZERO });
    tick(&mut app, 1);
    let mut cluster = Cluster::named(ClusterId::local(), ClusterKind::Local);
    cluster.scheduler = Some(SchedulerKind::Runner);
    answer(&mut app, Query::Clusters(Source::Fixed), Answer::Clusters(vec![cluster]));
    let mut table = JobTable::default();
    table.push(&NewJob { id: "1", name: "a", state: Some(JobState::Running), ..NewJob::default() });
    let jobs = Query::Jobs { cluster: ClusterId::local(), scope: Scope::Mine };
    for effect in answer(&mut app, jobs, Answer::Jobs(table.into())) {
        if let Effect::Arrange(wish) = effect {
            app.update(Event::Arranged(qdeck::model::Arrangement::make(wish).into()));
        }
    }
    tick(&mut app, 2);
    for key in ["4", "z"].iter().filter_map(|key| key.parse().ok()) {
        app.update(Event::Pressed(key));
    }
    let Some(query) = app.wants().into_iter().map(|(query, _)| query).find(|query| matches!(query, Query::Log(..))) else {
        return lost("no log is wanted");
    };
    let mut offset = 0;
    let mut feed = |app: &mut App, bytes: &[u8]| {
        answer(app, query.clone(), Answer::Log(LogEvent::Bytes { offset, bytes: bytes.to_vec() }));
        offset += bytes.len() as u64;
    };
    text.as_bytes().chunks(256 << 10).for_each(|chunk| feed(&mut app, chunk));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 140, 40));
    let mut group = c.benchmark_group("the application with 1,000,000 lines, 140x40");
    group.bench_function("a frame", |b| {
        b.iter(|| {
            buffer.reset();
            app.view(&mut buffer);
        });
    });
    group.bench_function("256 kB more", |b| b.iter(|| feed(&mut app, &text.as_bytes()[..256 << 10])));
    group.finish();
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
