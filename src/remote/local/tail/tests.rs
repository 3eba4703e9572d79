//! Real files that grow, shrink, are replaced and vanish while they are followed.

use std::io::Write as _;

use super::*;

fn drain(tail: &mut Tail) -> Vec<LogEvent> {
    std::iter::from_fn(|| tail.step()).map(|event| event.unwrap()).collect()
}

fn opened(path: &Path, start: u64, size: u64) -> LogEvent {
    LogEvent::Opened { path: path.to_string_lossy().into_owned(), start, size }
}

fn bytes(offset: u64, bytes: &[u8]) -> LogEvent {
    LogEvent::Bytes { offset, bytes: bytes.to_vec() }
}

fn restarted(why: &str) -> LogEvent {
    LogEvent::Restarted { why: why.to_owned() }
}

fn append(path: &Path, text: &[u8]) {
    File::options().append(true).create(true).open(path).unwrap().write_all(text).unwrap();
}

#[test]
fn it_waits_reads_any_bytes_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut tail = Tail::new(path.clone(), LogStart::Last(2));
    assert!(matches!(&drain(&mut tail)[..], [LogEvent::Waiting { .. }]));
    append(&path, b"\xff\0one\n");
    assert_eq!(drain(&mut tail), [opened(&path, 0, 6), bytes(0, b"\xff\0one\n"), LogEvent::CaughtUp]);
    append(&path, b"two");
    assert_eq!(drain(&mut tail), [bytes(6, b"two")]);
    assert_eq!(drain(&mut tail), []);
}

#[test]
fn the_last_bytes_begin_at_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    append(&path, b"first\nsecond\nthird\n");
    for (last, start) in [(6, 13), (7, 13), (12, 13), (13, 6), (19, 0), (900, 0), (3, 16)] {
        let first = Tail::new(path.clone(), LogStart::Last(last)).step().unwrap().unwrap();
        assert_eq!(first, opened(&path, start, 19), "last {last}");
    }
}

#[test]
fn a_cut_file_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    append(&path, b"long content\n");
    let mut tail = Tail::new(path.clone(), LogStart::Beginning);
    drain(&mut tail);
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, b"new\n");
    assert_eq!(drain(&mut tail), [restarted("truncated"), opened(&path, 0, 4), bytes(0, b"new\n"), LogEvent::CaughtUp]);
}

#[test]
fn a_rotated_file_is_read_to_its_end_first() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    append(&path, b"a");
    let mut tail = Tail::new(path.clone(), LogStart::Beginning);
    drain(&mut tail);
    fs::rename(&path, &old).unwrap();
    append(&old, b"b");
    append(&path, b"c");
    let after = [bytes(1, b"b"), restarted("replaced"), opened(&path, 0, 1), bytes(0, b"c"), LogEvent::CaughtUp];
    assert_eq!(drain(&mut tail), after);
}

#[test]
fn a_copy_is_read_on_a_slow_writer_waited_for_and_another_content_marked() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
    append(&path, b"one\n");
    let mut tail = Tail::new(path.clone(), LogStart::Beginning);
    drain(&mut tail);
    append(&path, b"two\n");
    fs::copy(&path, &old).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, b"3\n");
    let after = [bytes(4, b"two\n"), restarted("truncated"), opened(&path, 0, 2), bytes(0, b"3\n"), LogEvent::CaughtUp];
    assert_eq!(drain(&mut tail), after);
    // Renamed, and the new file is there before anybody writes to it.
    fs::rename(&path, &old).unwrap();
    append(&path, b"");
    append(&old, b"4\n");
    assert_eq!(drain(&mut tail), [bytes(2, b"4\n")]);
    append(&old, b"5\n");
    append(&path, b"6\n");
    assert_eq!(drain(&mut tail), [bytes(4, b"5\n"), restarted("replaced"), opened(&path, 0, 2), bytes(0, b"6\n"), LogEvent::CaughtUp]);
    fs::write(&path, b"another content\n").unwrap();
    let events = drain(&mut tail);
    assert!(matches!(&events[0], LogEvent::Restarted { why } if why.contains("missing")), "{events:?}");
    assert_eq!(events[2], bytes(0, b"another content\n"));
}

#[test]
fn a_removed_file_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    append(&path, b"same");
    let mut tail = Tail::new(path.clone(), LogStart::Beginning);
    drain(&mut tail);
    fs::remove_file(&path).unwrap();
    assert_eq!(drain(&mut tail), []);
    append(&path, b"same");
    assert_eq!(drain(&mut tail), [restarted("replaced"), opened(&path, 0, 4), bytes(0, b"same"), LogEvent::CaughtUp]);
}

#[test]
fn a_folder_is_refused_once_and_large_files_come_in_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::create_dir(&path).unwrap();
    let mut tail = Tail::new(path.clone(), LogStart::Beginning);
    assert_eq!(tail.step().unwrap().unwrap_err().kind, FailureKind::Unsupported);
    assert!(tail.step().is_none());
    fs::remove_dir(&path).unwrap();
    append(&path, &vec![7; 600_000]);
    let sizes: Vec<_> = drain(&mut tail)
        .into_iter()
        .filter_map(|event| match event {
            LogEvent::Bytes { offset, bytes } => Some((offset, bytes.len())),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(0, 262_144), (262_144, 262_144), (524_288, 75_712)]);
}

#[tokio::test]
async fn the_stream_notices_growth_within_a_third_of_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut events = follow(path.to_string_lossy().into_owned(), LogStart::Beginning, Opened::default());
    assert!(matches!(events.next().await, Some(Ok(LogEvent::Waiting { .. }))));
    append(&path, b"x");
    assert_eq!(events.next().await, Some(Ok(opened(&path, 0, 1))));
    assert_eq!(events.next().await, Some(Ok(bytes(0, b"x"))));
    assert_eq!(events.next().await, Some(Ok(LogEvent::CaughtUp)));
    append(&path, b"y");
    let next = tokio::time::timeout(Duration::from_secs(5), events.next()).await;
    assert_eq!(next.unwrap(), Some(Ok(bytes(1, b"y"))));
}
