//! The log view, through its keys: what is shown, found, kept, read again and handed out. Pictures of each.

use std::fmt::Write as _;

use qdeck::model::{
    Answer, ClusterId, Command, Existing, Failure, FailureKind, JobState, LogEvent, LogHit, LogPlace, LogSource, LogStream, Query, Saved,
};
use qdeck::protocol::{Effect, HandOver, Program, Text};

use crate::stage::{Stage, prod};

const SIZES: [(u16, u16); 2] = [(140, 40), (80, 24)];
/// The stage's clock, to the second.
const NOW: i64 = 1_790_000_000;

/// A stage whose logs pane has the keyboard and whose log is asked for.
fn stage(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    stage.clusters();
    stage.jobs(&[("101", "train-resnet", JobState::Running), ("102", "sweep", JobState::Pending)]);
    stage.wait(1);
    stage.keys("4");
    stage
}

fn say(stage: &mut Stage, event: LogEvent) {
    let query = stage.log_query().expect("a log is wanted");
    stage.answer(query, Ok(Answer::Log(event)));
}

fn write(stage: &mut Stage, offset: u64, text: &str) -> u64 {
    if offset == 0 {
        say(stage, LogEvent::Opened { path: "/out".into(), start: 0, size: text.len() as u64 });
    }
    say(stage, LogEvent::Bytes { offset, bytes: text.as_bytes().to_vec() });
    if offset == 0 {
        say(stage, LogEvent::CaughtUp);
    }
    offset + text.len() as u64
}

fn numbered(range: std::ops::Range<u64>) -> String {
    range.fold(String::new(), |mut out, n| {
        let _ = writeln!(out, "line {n:05}");
        out
    })
}

/// A Slurm daemon's lines, one each ten seconds, the last one 30 s ago; each tenth is an error.
fn daemon(lines: i64) -> String {
    (0..lines).fold(String::new(), |mut out, n| {
        let at = jiff::Timestamp::from_second(NOW - 30 - (lines - 1 - n) * 10).unwrap().strftime("%Y-%m-%dT%H:%M:%S");
        let what = if n % 10 == 7 { "error: Node compute-1 not responding" } else { "sched: Allocate JobId" };
        let _ = writeln!(out, "[{at}.000] {what} {n}");
        out
    })
}

fn picture(name: &str, prepare: impl Fn(&mut Stage)) {
    for (width, height) in SIZES {
        let mut stage = stage(width, height);
        prepare(&mut stage);
        insta::assert_snapshot!(format!("log-{name}-{width}x{height}"), format!("{:?}", stage.buffer(width, height)));
    }
}

#[test]
fn every_state_has_its_picture() {
    picture("opening", |_| {});
    picture("waiting", |stage| say(stage, LogEvent::Waiting { why: "Job 101 has no output file yet: pending.".into() }));
    picture("following", |stage| {
        write(stage, 0, &numbered(0..300));
    });
    picture("paused", |stage| {
        let end = write(stage, 0, &numbered(0..300));
        stage.keys("k");
        write(stage, end, &numbered(300..1_504));
    });
    picture("search", |stage| {
        write(stage, 0, &numbered(0..300));
        stage.keys("/");
        stage.text("9[0-9]$");
        stage.keys("enter N");
    });
    picture("filter", |stage| {
        write(stage, 0, &daemon(120));
        stage.keys("&");
        stage.text("error");
        stage.keys("enter");
    });
    picture("error", |stage| {
        write(
            stage,
            0,
            "epoch 1\nTraceback (most recent call last):\n  File \"main.py\", line 88\n    train()\nRuntimeError: CUDA error\nWARNING: retried\nslurmstepd: error: *** JOB 101 CANCELLED AT 2026-09-21T14:00:00 DUE TO TIME LIMIT ***\n",
        );
        stage.keys("E E");
    });
    picture("histogram", |stage| {
        write(stage, 0, &daemon(200));
        stage.wait(1);
    });
    picture("merged", merged);
    picture("let-go", |stage| {
        write(stage, 0, &numbered(0..30_000));
        stage.keys("k g");
        stage.wait(1);
    });
    picture("hostile", |stage| {
        let bytes: Vec<u8> = (0..=255).collect();
        say(stage, LogEvent::Opened { path: "/out".into(), start: 0, size: 0 });
        say(stage, LogEvent::Bytes { offset: 0, bytes });
        let text = "\n\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b[?1049h\x1b[?2004h\x1b[2J\x1b[31mred\x1b[0m \x1b[38;2;1;200;3mgreen\u{202e}\u{9b}31m\n";
        say(stage, LogEvent::Bytes { offset: 256, bytes: text.as_bytes().to_vec() });
    });
}

fn stream(name: &str) -> LogStream {
    LogStream {
        group: "g".into(),
        name: format!("ip-10-0-0-1.i-1.{name}"),
        identifier: name.into(),
        instance_id: None,
        role: qdeck::model::stream::Role::Head,
        node: "HeadNode".into(),
        last_event: None,
    }
}

/// The job's output with slurmctld's log: the output tells its times too, and has lines that do not.
fn merged(stage: &mut Stage) {
    write(stage, 0, &format!("{} step 1\n  loss 0.5\n{} step 2\n", NOW - 65, NOW - 45));
    stage.keys("M");
    stage.answer(Query::Streams(prod()), Ok(Answer::Streams(vec![stream("slurmctld"), stream("clustermgtd")])));
    stage.text("slurmctld");
    stage.keys("space enter");
    let source = LogSource::Stream { cluster: prod(), group: "g".into(), stream: "ip-10-0-0-1.i-1.slurmctld".into() };
    let query = stage.app.wants().into_iter().map(|(q, _)| q).find(|q| matches!(q, Query::Log(s, _) if *s == source)).unwrap();
    for event in [
        LogEvent::Opened { path: "s".into(), start: 0, size: 0 },
        LogEvent::Bytes { offset: 0, bytes: daemon(5).into_bytes() },
        LogEvent::CaughtUp,
    ] {
        stage.answer(query.clone(), Ok(Answer::Log(event)));
    }
}

#[test]
fn logs_are_merged_by_time_and_can_be_taken_apart_again() {
    let mut stage = stage(140, 40);
    merged(&mut stage);
    let screen = stage.screen(140, 40);
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text} is missing in {screen}"));
    assert!(at("JobId 0") < at("step 1") && at("step 1") < at("loss 0.5") && at("loss 0.5") < at("JobId 1"), "{screen}");
    assert!(at("JobId 2") < at("step 2") && at("step 2") < at("JobId 3"));
    assert!(screen.contains("2 together: 101 out slurmctld"));
    // Take the job's output away again.
    stage.keys("M space enter");
    assert!(stage.log_job().is_none() && stage.log_query().is_some());
    let screen = stage.screen(140, 40);
    assert!(screen.contains("slurmctld of HeadNode") && !screen.contains("step 1"));
}

#[test]
fn what_comes_while_one_reads_is_counted_and_moves_nothing() {
    let mut stage = stage(140, 40);
    let end = write(&mut stage, 0, &numbered(0..300));
    stage.keys("pageup");
    let before = stage.screen(140, 40);
    let line = before.lines().find(|l| l.contains("line 00")).unwrap().trim().to_owned();
    let end = write(&mut stage, end, &numbered(300..1_504));
    let screen = stage.screen(140, 40);
    assert!(
        screen.contains("paused · 1,204 new") && screen.contains(line.split("line").nth(1).unwrap().split(' ').nth(1).unwrap()),
        "{screen}"
    );
    stage.keys("G");
    write(&mut stage, end, "the end\n");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("following · 1,505 lines") && screen.contains("the end"), "{screen}");
}

#[test]
fn earlier_lines_are_read_again_when_one_goes_there() {
    let mut stage = stage(140, 40);
    let text = numbered(0..30_000);
    write(&mut stage, 0, &text);
    let screen = stage.screen(140, 40);
    assert!(screen.contains("line 29999") && screen.contains("let go"), "{screen}");
    stage.keys("g");
    let range = |stage: &Stage| stage.app.wants().into_iter().map(|(q, _)| q).find(|q| matches!(q, Query::LogRange { .. }));
    let query = range(&stage).unwrap();
    assert!(matches!(query, Query::LogRange { at: LogPlace::Byte(0), bytes: 1.., .. }));
    let answer = |from: usize, to: usize| {
        let place = |p: usize| LogPlace::Byte(p as u64 * 11);
        let bytes = text.as_bytes()[from * 11..to * 11].to_vec();
        Answer::LogRange { start: place(from), end: place(to), bytes, is_start: from == 0, is_end: false }
    };
    stage.answer(query, Ok(answer(0, 2_500)));
    assert!(range(&stage).is_none(), "asked once");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("line 00000") && !screen.contains("let go"), "{screen}");
    // On and on, until the live end is met.
    let mut read = 2_500;
    for _ in 0..4_000 {
        stage.keys("pagedown");
        if let Some(query @ Query::LogRange { at: LogPlace::Byte(at), .. }) = range(&stage) {
            assert_eq!(at, read as u64 * 11, "nothing lost, nothing doubled");
            let to = (read + 2_500).min(30_000);
            stage.answer(query, Ok(answer(read, to)));
            read = to;
        }
        if read == 30_000 && stage.screen(140, 40).contains("following") {
            break;
        }
    }
    assert_eq!(read, 30_000);
    assert!(stage.screen(140, 40).contains("line 29999"));
    // A failure is said, and nothing is asked again by itself.
    stage.keys("g");
    let query = range(&stage).unwrap();
    stage.answer(query, Err(Failure::new(FailureKind::Unreachable, "prod", "the session is lost")));
    assert!(stage.screen(140, 40).contains("the session is lost") && range(&stage).is_none());
}

#[test]
fn hits_are_counted_gone_through_and_searched_for_in_the_whole_log() {
    let mut stage = stage(140, 40);
    write(&mut stage, 0, &numbered(0..1_000));
    stage.keys("/");
    stage.text("7$");
    assert!(stage.screen(140, 40).contains("/7$ 100 "), "counted while it is typed");
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("100 of 100"));
    stage.keys("N N");
    assert!(stage.screen(140, 40).contains("98 of 100"));
    stage.keys("n n n");
    assert!(stage.screen(140, 40).contains("No more hits of /7$ below."));
    // Where only a part is here, the rest is searched where it lies.
    let mut stage = self::stage(140, 40);
    let text = numbered(0..30_000);
    write(&mut stage, 0, &text);
    stage.keys("/");
    stage.text("line 00123");
    stage.keys("enter");
    let find = Query::LogFind {
        source: match stage.log_query().unwrap() {
            Query::Log(source, _) => source,
            other => panic!("{other:?}"),
        },
        pattern: "line 00123".into(),
        insensitive: true,
    };
    assert!(stage.wants(|q| *q == find), "no hit is here, but not all is here");
    assert!(stage.screen(140, 40).contains("searching the whole log"));
    let hits = vec![LogHit { line: 124, place: LogPlace::Byte(123 * 11), text: "line 00123".into() }];
    stage.answer(find, Ok(Answer::LogFound { hits, total: 1 }));
    let query = stage.app.wants().into_iter().map(|(q, _)| q).find(|q| matches!(q, Query::LogRange { .. })).unwrap();
    let bytes = text.as_bytes()[..11_000].to_vec();
    stage.answer(
        query,
        Ok(Answer::LogRange { start: LogPlace::Byte(0), end: LogPlace::Byte(11_000), bytes, is_start: true, is_end: false }),
    );
    let screen = stage.screen(140, 40);
    assert!(screen.contains("line 00123") && screen.contains("1 of 1, 1 in the whole log"), "{screen}");
}

#[test]
fn a_moment_that_is_not_here_is_looked_for_by_halving() {
    let mut stage = stage(140, 40);
    let text = daemon(9_000);
    let size = text.len();
    // Only the end is here.
    let tail = size - text[size - 8_000..].find('\n').map_or(0, |p| 8_000 - p - 1);
    say(&mut stage, LogEvent::Opened { path: "/out".into(), start: tail as u64, size: size as u64 });
    say(&mut stage, LogEvent::Bytes { offset: tail as u64, bytes: text.as_bytes()[tail..].to_vec() });
    say(&mut stage, LogEvent::CaughtUp);
    assert!(stage.screen(140, 40).contains("before"));
    stage.keys("@");
    stage.text("-10h");
    stage.keys("enter");
    let mut asked = 0;
    while let Some(query) = stage.app.wants().into_iter().map(|(q, _)| q).find(|q| matches!(q, Query::LogRange { .. })) {
        let Query::LogRange { at: LogPlace::Byte(at), bytes, .. } = query else { panic!("{query:?}") };
        let line_from = |p: usize| if p == 0 { 0 } else { text[p - 1..].find('\n').map_or(size, |n| p + n) };
        let start = line_from(usize::try_from(at).unwrap());
        let end = line_from((start + usize::try_from(bytes).unwrap()).min(size));
        let place = |p: usize| LogPlace::Byte(p as u64);
        let bytes = text.as_bytes()[start..end].to_vec();
        let answer = Answer::LogRange { start: place(start), end: place(end), bytes, is_start: start == 0, is_end: end == size };
        stage.answer(query, Ok(answer));
        asked += 1;
        assert!(asked < 20, "it never ends");
    }
    // The last line is 32 s old, so what was written ten hours ago is 3,597 lines above it.
    let screen = stage.screen(140, 40);
    assert!(screen.contains(" 5402") && asked > 2, "{asked} {screen}");
}

#[test]
fn a_filter_keeps_lines_as_they_come_and_its_context_is_found_again() {
    let mut stage = stage(140, 40);
    let end = write(&mut stage, 0, &daemon(100));
    stage.keys("&");
    stage.text("error");
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("&error · 10 of 100 lines"));
    let end = write(&mut stage, end, "error: fresh\nno\n");
    assert!(stage.screen(140, 40).contains("11 of 102 lines") && stage.screen(140, 40).contains("error: fresh"));
    write(&mut stage, end, "an unfinished error");
    assert!(stage.screen(140, 40).contains("an unfinished error"), "what is not finished passes too");
    // The other way round.
    stage.keys("& home !");
    assert!(!stage.screen(140, 40).contains("not responding"));
    stage.keys("esc");
    assert!(stage.screen(140, 40).contains("&error"), "Esc gives the former filter back");
    stage.keys("k k e E esc esc");
    let screen = stage.screen(140, 40);
    assert!(screen.contains("sched: Allocate") && screen.contains("not responding"), "{screen}");
}

#[test]
fn errors_marks_times_and_places_are_gone_to() {
    let mut stage = stage(140, 40);
    write(&mut stage, 0, &daemon(200));
    stage.keys("E");
    assert!(stage.screen(140, 40).contains("not responding 197"));
    stage.keys("E E m");
    assert!(stage.screen(140, 40).contains("◆ [") && stage.screen(140, 40).contains("not responding 177"));
    stage.keys("g");
    assert!(!stage.screen(140, 40).contains("not responding 177"));
    stage.keys("'");
    assert!(stage.screen(140, 40).contains("not responding 177"));
    for (goal, shown) in [("50%", "JobId 100"), ("-10m", "JobId 144"), ("1", "JobId 0"), ("14:00", "JobId 122")] {
        stage.keys("@");
        stage.text(goal);
        stage.keys("enter");
        assert!(stage.screen(140, 40).contains(shown), "{goal}: {}", stage.screen(140, 40));
    }
    stage.keys("@");
    stage.text("nowhere");
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("is no place in a log"));
    // Windows of time, and times as ages.
    stage.keys("G [ [ [");
    assert!(stage.screen(140, 40).contains("last 5 min · 27 of 200 lines"), "{}", stage.screen(140, 40));
    stage.keys("] ] ] t");
    let screen = stage.screen(140, 40);
    assert!(screen.contains(" 200 lines") && screen.contains("  32 s sched"), "{screen}");
    stage.keys("t");
    assert!(!stage.screen(140, 40).contains("32 s sched"));
}

#[test]
fn lines_leave_by_clipboard_file_and_pager() {
    let mut stage = stage(140, 40);
    write(&mut stage, 0, "one\n\x1b[31mtwo\x1b[0m\tx\nthree\nfour\n");
    stage.keys("v k k y");
    assert_eq!(stage.effects.pop(), Some(Effect::Copy("two\tx\nthree\nfour".into())));
    assert!(stage.screen(140, 40).contains("Copied 3 lines"));
    stage.keys("G y");
    assert_eq!(stage.effects.pop(), Some(Effect::Copy("four".into())));
    stage.keys("bar");
    assert!(matches!(stage.effects.pop(), Some(Effect::HandOver(HandOver { program: Program::Pager, text: Some((_, Text::Log(_))), .. }))));
    stage.keys(">");
    assert!(stage.screen(140, 40).contains("/data/prod-101-stdout.log"));
    stage.keys("enter");
    let Some(Effect::Run(id, Command::SaveLog(save))) = stage.effects.pop() else { panic!("{:?}", stage.effects) };
    assert_eq!(save.existing, Existing::Ask);
    let Saved::Shown(printout) = &save.what else { panic!("{save:?}") };
    let mut out = Vec::new();
    printout.write(&mut out, true).unwrap();
    assert_eq!(out, b"one\ntwo\tx\nthree\nfour\n");
    let differs = qdeck::model::Receipt::Differs { dest: save.dest.clone(), files: vec!["x".into()] };
    stage.send(qdeck::protocol::Event::Progressed { id, progress: qdeck::model::Progress::Done(differs) });
    assert!(stage.screen(140, 40).contains("is there already"));
    stage.keys("o");
    assert!(matches!(stage.effects.pop(), Some(Effect::Run(_, Command::SaveLog(s))) if s.existing == Existing::Overwrite));
    stage.keys("> tab enter");
    assert!(
        matches!(stage.effects.pop(), Some(Effect::Run(_, Command::SaveLog(s))) if matches!(s.what, Saved::Whole(LogSource::Output { .. })))
    );
    // More than a clipboard takes is said.
    write(&mut stage, 34, &numbered(0..9_000));
    stage.keys("v g y");
    assert!(stage.screen(140, 40).contains("fit into a clipboard"), "{}", stage.screen(140, 40));
    assert!(matches!(stage.effects.pop(), Some(Effect::Copy(text)) if text.len() <= 74_000));
}

#[test]
fn words_have_their_colours_and_long_lines_a_part() {
    let mut stage = stage(140, 40);
    write(&mut stage, 0, &format!("loss here\n{}needle\n", "x".repeat(60_000)));
    stage.keys("H");
    stage.text("loss");
    stage.keys("enter");
    let ink = |stage: &Stage| {
        let buffer = stage.buffer(140, 40);
        let cell = |x: u16, y: u16| (x, y, buffer[(x, y)].clone());
        (0..40)
            .flat_map(|y| (0..140).map(move |x| (x, y)))
            .map(|(x, y)| cell(x, y))
            .filter(|(.., c)| c.bg == ratatui::style::Color::Cyan)
            .count()
    };
    assert_eq!(ink(&stage), 4);
    stage.keys("H");
    stage.text("loss");
    stage.keys("enter");
    assert_eq!(ink(&stage), 0);
    stage.keys("/");
    stage.text("needle");
    stage.keys("enter");
    assert!(stage.screen(140, 40).contains("xneedle"), "a hit out of sight is scrolled to");
    assert!(ClusterId::local() != prod());
}

#[test]
fn a_log_that_is_looked_at_again_has_no_line_twice() {
    let mut stage = stage(140, 40);
    let text = numbered(0..50);
    let end = write(&mut stage, 0, &text);
    stage.keys("3 z");
    assert!(stage.log_query().is_none());
    stage.keys("z");
    // The tail is read anew and overlaps with what is here.
    say(&mut stage, LogEvent::Opened { path: "/out".into(), start: 11 * 30, size: end + 11 });
    say(&mut stage, LogEvent::Bytes { offset: 11 * 30, bytes: numbered(30..51).into_bytes() });
    let screen = stage.screen(140, 40);
    assert!(screen.contains(" 51 lines") && screen.contains("line 00050"), "{screen}");
    // Bytes that do not fit are said.
    say(&mut stage, LogEvent::Bytes { offset: end + 111, bytes: b"later\n".to_vec() });
    let screen = stage.screen(140, 40);
    assert!(screen.contains("100 B between here and what follows were not read"), "{screen}");
}
