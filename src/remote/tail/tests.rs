//! Real files, real shells, no network.

mod watch;

use std::fs;
use std::path::Path;
use std::time::Instant;

use rstest::rstest;

use super::*;
use watch::{Watch, append, scratch};

#[rstest]
#[case(None)]
#[case(Some("bash"))]
#[tokio::test]
async fn a_growing_file_arrives_with_all_its_bytes(#[case] shell: Option<&'static str>) {
    let (_dir, path) = scratch();
    let mut whole: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    append(&path, &whole);
    let mut watch = Watch::with(&path, LogStart::Beginning, shell);
    watch.until_bytes(&whole).await;
    assert_eq!(watch.said, ["opened 0/100000", "caught up"]);
    for n in 0..20 {
        let more = format!("line {n}\0\r\n\n");
        append(&path, more.as_bytes());
        whole.extend(more.as_bytes());
        watch.until_bytes(&whole).await;
    }
    assert_eq!(watch.said.len(), 2);
}

#[tokio::test]
async fn the_last_bytes_begin_with_a_line() {
    let (_dir, path) = scratch();
    append(&path, b"first\nsecond\nthird\n");
    for (last, start) in [(5, 13), (6, 13), (7, 13), (12, 13), (13, 6), (14, 6), (19, 0), (99, 0), (1, 18)] {
        let mut watch = Watch::new(&path, LogStart::Last(last));
        watch.until(|w| w.said.len() == 2).await;
        // Where no line begins in so few bytes, they come as they are.
        let start = if last < 6 { 19 - last } else { start };
        assert_eq!(watch.said[0], format!("opened {start}/19"), "last {last}");
        assert_eq!(watch.bytes, &b"first\nsecond\nthird\n"[usize::try_from(start).unwrap()..]);
    }
}

#[tokio::test]
async fn truncation_starts_again() {
    let (_dir, path) = scratch();
    append(&path, b"old old old old\n");
    let mut watch = Watch::new(&path, LogStart::Last(4));
    watch.until(|w| w.said.len() == 2).await;
    fs::write(&path, b"new\n").unwrap();
    watch.until(|w| w.said.len() == 5).await;
    assert_eq!(watch.said[2..], ["restarted: truncated", "opened 0/4", "caught up"]);
    assert_eq!(watch.bytes, b"new\n");
}

#[tokio::test]
async fn rotation_loses_no_line() {
    let (dir, path) = scratch();
    append(&path, b"one\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.until_bytes(b"one\n").await;
    append(&path, b"two\n");
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    append(&dir.path().join("log.1"), b"three\n");
    append(&path, b"four\n");
    watch.until(|w| w.said.len() > 2).await;
    assert_eq!(watch.bytes, b"one\ntwo\nthree\n");
    watch.until_bytes(b"four\n").await;
    assert_eq!(watch.said[2..], ["restarted: replaced", "opened 0/5", "caught up"]);
}

/// Shows that a file has been read as far as it goes, and gives what was said since.
async fn lines_of(watch: &mut Watch, all: &mut Vec<u8>, until: &[u8]) {
    let mut before = 0;
    watch
        .until(|w| {
            // A restart begins the count anew.
            if w.bytes.len() < before {
                before = 0;
            }
            all.extend(&w.bytes[before..]);
            before = w.bytes.len();
            all.ends_with(until)
        })
        .await;
    watch.start += watch.bytes.len() as u64;
    watch.bytes.clear();
}

#[rstest]
#[case(None)]
#[case(Some("bash"))]
#[tokio::test]
async fn what_a_rotation_copied_before_it_cut_is_not_lost(#[case] shell: Option<&'static str>) {
    let (dir, path) = scratch();
    append(&path, b"one\n");
    let mut watch = Watch::with(&path, LogStart::Beginning, shell);
    let mut all = Vec::new();
    lines_of(&mut watch, &mut all, b"one\n").await;
    for name in [".1", "-20261125"] {
        // Nobody has read this when it is gone.
        append(&path, b"two\nthree\n");
        let mut copy = path.clone().into_os_string();
        copy.push(name);
        fs::copy(&path, dir.path().join(copy)).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        append(&path, format!("{name}\n").as_bytes());
        lines_of(&mut watch, &mut all, format!("{name}\n").as_bytes()).await;
    }
    assert_eq!(String::from_utf8(all).unwrap(), "one\ntwo\nthree\n.1\ntwo\nthree\n-20261125\n");
}

#[tokio::test]
async fn a_writer_that_is_slow_to_change_over_loses_no_line() {
    let (dir, path) = scratch();
    append(&path, b"one\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    let mut all = Vec::new();
    lines_of(&mut watch, &mut all, b"one\n").await;
    let old = dir.path().join("old");
    fs::rename(&path, &old).unwrap();
    fs::write(&path, b"").unwrap();
    for line in [b"two\n".as_slice(), b"three\n"] {
        sleep(Duration::from_millis(300)).await;
        append(&old, line);
    }
    append(&path, b"four\n");
    lines_of(&mut watch, &mut all, b"four\n").await;
    assert_eq!(String::from_utf8(all).unwrap(), "one\ntwo\nthree\nfour\n");
}

#[tokio::test]
async fn what_was_rotated_while_nobody_looked_is_read_to_its_end() {
    use std::sync::atomic::Ordering::Relaxed;
    let (dir, path) = scratch();
    append(&path, b"one\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    let mut all = Vec::new();
    lines_of(&mut watch, &mut all, b"one\n").await;
    watch.here.refuses.store(true, Relaxed);
    watch.here.kill_last();
    watch.step().await;
    append(&path, b"two\n");
    let mut rotated = path.clone().into_os_string();
    rotated.push(".1");
    fs::rename(&path, dir.path().join(rotated)).unwrap();
    append(&path, b"three\n");
    watch.here.refuses.store(false, Relaxed);
    lines_of(&mut watch, &mut all, b"three\n").await;
    assert_eq!(String::from_utf8(all).unwrap(), "one\ntwo\nthree\n");
}

#[rstest]
#[case(false)]
#[case(true)]
#[tokio::test]
async fn another_content_in_the_same_file_is_never_taken_for_more_of_it(#[case] offline: bool) {
    use std::sync::atomic::Ordering::Relaxed;
    let (_dir, path) = scratch();
    append(&path, b"one\ntwo\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.until_bytes(b"one\ntwo\n").await;
    if offline {
        watch.here.refuses.store(true, Relaxed);
        watch.here.kill_last();
        watch.step().await;
    }
    // The same file, cut and longer than before in one moment.
    fs::write(&path, b"quite another content, and longer\n").unwrap();
    watch.here.refuses.store(false, Relaxed);
    watch.until(|w| w.bytes.ends_with(b"longer\n")).await;
    assert_eq!(watch.bytes, b"quite another content, and longer\n");
    assert!(watch.said.iter().any(|said| said.starts_with("restarted: ")), "{:?}", watch.said);
}

#[tokio::test]
async fn a_file_may_come_late_go_and_come_back() {
    let (_dir, path) = scratch();
    let mut watch = Watch::new(&path, LogStart::Last(100));
    watch.step().await;
    append(&path, b"hello\n");
    watch.until_bytes(b"hello\n").await;
    fs::remove_file(&path).unwrap();
    watch.until(|w| w.said.len() == 4).await;
    append(&path, b"again\n");
    watch.until_bytes(b"again\n").await;
    assert_eq!(
        watch.said,
        [
            "waiting: the file does not exist yet",
            "opened 0/6",
            "caught up",
            "waiting: the file is gone",
            "restarted: replaced",
            "opened 0/6",
            "caught up"
        ]
    );
}

#[tokio::test]
async fn what_is_no_file_is_waited_for() {
    let (dir, path) = scratch();
    let mut watch = Watch::new(dir.path(), LogStart::Beginning);
    watch.step().await;
    assert_eq!(watch.said, ["waiting: this is a folder"]);
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.step().await;
    assert_eq!(watch.said, ["waiting: this is not a regular file"]);
}

#[tokio::test]
async fn a_shell_killed_again_and_again_costs_no_byte() {
    let (_dir, path) = scratch();
    let line = |n: u32| format!("{n:07} {}\n", "x".repeat((n % 90) as usize));
    let mut whole = String::new();
    let mut watch = Watch::new(&path, LogStart::Beginning);
    let writer = path.clone();
    let writing = tokio::task::spawn_blocking(move || {
        for n in 0..6_000 {
            append(&writer, line(n).as_bytes());
            if n % 20 == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    for n in 0..6_000 {
        whole.push_str(&line(n));
    }
    let (mut kills, mut at) = (0, 0);
    let wanted = whole.len();
    watch
        .until(|w| {
            if w.bytes.len() > at + 2_000 && w.here.pids.lock().unwrap().len() > kills {
                w.here.kill_last();
                (kills, at) = (kills + 1, w.bytes.len());
            }
            w.bytes.len() >= wanted
        })
        .await;
    writing.await.unwrap();
    assert!(watch.bytes == whole.as_bytes());
    assert!(kills > 2, "{kills}");
    assert!(watch.said.iter().all(|s| !s.starts_with("restarted")), "{:?}", watch.said);
}

#[tokio::test]
async fn an_outage_is_told_once_and_resumed() {
    use std::sync::atomic::Ordering::Relaxed;
    let (_dir, path) = scratch();
    append(&path, b"before\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.until_bytes(b"before\n").await;
    watch.here.refuses.store(true, Relaxed);
    watch.here.kill_last();
    watch.step().await;
    assert_eq!(watch.said.last().unwrap(), "Unreachable");
    append(&path, b"meanwhile\n");
    assert!(timeout(Duration::from_millis(300), watch.stream.next()).await.is_err(), "told once");
    watch.here.refuses.store(false, Relaxed);
    watch.until(|w| w.bytes.len() == 17).await;
    assert_eq!(watch.bytes, b"before\nmeanwhile\n");
    assert_eq!(watch.said, ["opened 0/7", "caught up", "Unreachable"]);
    // Replaced while nobody looked: no offset means anything any more.
    watch.here.refuses.store(true, Relaxed);
    watch.here.kill_last();
    watch.step().await;
    fs::write(path.with_extension("new"), b"another file that is longer than the old one\n").unwrap();
    fs::rename(path.with_extension("new"), &path).unwrap();
    watch.here.refuses.store(false, Relaxed);
    watch.until(|w| w.said.len() == 7).await;
    assert_eq!(watch.said[4..], ["restarted: replaced", "opened 0/45", "caught up"]);
}

#[tokio::test]
async fn nothing_runs_on_when_nobody_looks() {
    let (_dir, path) = scratch();
    append(&path, b"x\n");
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.until_bytes(b"x\n").await;
    let pid = watch.here.pids.lock().unwrap()[0];
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    drop(watch);
    let dropped = Instant::now();
    let runs = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while runs() {
        assert!(dropped.elapsed() < Duration::from_secs(3), "the shell still runs");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_shell_that_cannot_run_the_script_is_a_failure_at_last() {
    let (_dir, path) = scratch();
    let mut watch = Watch::with(&path, LogStart::Beginning, Some("false"));
    watch.step().await;
    assert_eq!(watch.said, ["Garbled"]);
}

#[test]
fn the_word_that_ends_bytes_is_found_wherever_the_pipe_cuts() {
    let text = b"login noise\nabcabx\nD 5\nxxabcaabcabxx0\nC\n";
    for cut in 0..text.len() {
        let mut frames = Frames::new("abcabx".to_owned());
        let mut all = Vec::new();
        for part in [&text[..cut], &text[cut..]] {
            frames.bytes.extend_from_slice(part);
            all.extend(frames.cut());
        }
        let bytes: Vec<u8> = all.iter().flat_map(|f| if let Frame::Bytes(b) = f { b.clone() } else { Vec::new() }).collect();
        assert_eq!(bytes, b"xxabca", "cut at {cut}");
        assert_eq!(all.last(), Some(&Frame::Line("C".to_owned())), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_large_file_is_read_fast() {
    let (_dir, path) = scratch();
    fs::write(&path, vec![b'x'; 300_000_000]).unwrap();
    let begun = Instant::now();
    let mut watch = Watch::new(&path, LogStart::Beginning);
    watch.until(|w| w.said.len() == 2).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
