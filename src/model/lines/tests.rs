//! A log in bounded memory: nothing is lost, doubled or forgotten without a word, however it arrives and wherever one looks.

use super::split::LONGEST;
use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_795_615_000_000;

fn log(budget: usize) -> Lines {
    Lines::new(budget, 0, false)
}

fn add(lines: &mut Lines, text: &[u8]) {
    lines.feed(lines.source_size(), text, NOW);
}

fn all(lines: &Lines) -> Vec<String> {
    (lines.first()..lines.end())
        .filter_map(|n| lines.get(n))
        .map(|l| match l {
            Shown::Text(t) => String::from_utf8_lossy(t).into_owned(),
            Shown::Mark(m) => format!("<{m}>"),
        })
        .collect()
}

fn numbered(range: std::ops::Range<u64>) -> String {
    range.map(|n| format!("line {n:05}\n")).collect()
}

#[test]
fn lines_are_the_same_however_the_bytes_are_cut() {
    let text = b"one\r\ntwo\n10%\r50%\r100%\nlast \xff byte\n\nopen\rend";
    let expected = ["one", "two", "100%", "last \u{fffd} byte", "", "end"];
    for size in 1..text.len() {
        let mut lines = log(1 << 20);
        text.chunks(size).for_each(|chunk| add(&mut lines, chunk));
        assert_eq!(all(&lines), expected, "chunks of {size}");
        let places: Vec<u64> = (0..5).map(|n| lines.blocks().place(n)).collect();
        assert_eq!(places, [0, 5, 9, 22, 34]);
    }
}

#[test]
fn a_progress_bar_stays_one_line_in_bounded_memory() {
    let mut lines = log(1 << 20);
    for i in 0..100_000 {
        add(&mut lines, format!("\r{i:6}").as_bytes());
    }
    assert_eq!(all(&lines), [" 99999"]);
    assert!(lines.size() < 1_000);
    add(&mut lines, b"\r");
    assert_eq!(all(&lines), [" 99999"], "a carriage return alone hides nothing yet");
}

#[test]
fn memory_is_bounded_and_the_loss_is_known() {
    let mut lines = log(10_000);
    for i in 0..10_000 {
        add(&mut lines, format!("line {i}\n").as_bytes());
    }
    assert_eq!(lines.end(), 10_000);
    assert!(lines.first() > 9_000 && lines.get(lines.first()).is_some() && lines.get(lines.first() - 1).is_none());
    assert_eq!(lines.get(9_999), Some(Shown::Text(b"line 9999")));
    assert_eq!(i64::try_from(lines.gone()), Ok(lines.first()));
    assert_eq!(lines.arrived(), 10_000);
    assert!(lines.size() <= 11_000, "{}", lines.size());
    add(&mut lines, &vec![b'x'; 3 << 20]);
    assert!(lines.open().unwrap().len() <= LONGEST);
}

/// Answers ranges as a source would: whole lines beside a place.
fn range(file: &[u8], at: u64, bytes: i64) -> (u64, Vec<u8>) {
    let at = usize::try_from(at).unwrap().min(file.len());
    let start_of = |p: usize| if p == 0 { 0 } else { memchr(b'\n', &file[p - 1..]).map_or(file.len(), |n| p + n) };
    let (start, end) = if bytes < 0 {
        (start_of(at.saturating_sub(usize::try_from(-bytes).unwrap())), at)
    } else {
        let start = start_of(at);
        let end = (start + usize::try_from(bytes).unwrap()).min(file.len());
        (start, if end == file.len() { end } else { start_of(end) })
    };
    (start as u64, file[start..end.max(start)].to_vec())
}

#[test]
fn what_was_let_go_comes_back_and_the_live_end_is_met_again() {
    let mut file = numbered(0..3_000).into_bytes();
    let mut lines = log(8_000);
    add(&mut lines, &file);
    let at_top = lines.first();
    assert!(at_top > 2_000);
    // Up to the beginning.
    while let Some(place) = lines.before() {
        let (start, bytes) = range(&file, place, -2_000);
        lines.hold(Some(lines.first()));
        lines.prepend(start, &bytes, start == 0);
        assert!(lines.size() < 12_000, "{}", lines.size());
    }
    assert_eq!((lines.first(), lines.gone()), (0, 0), "numbers go on downwards");
    assert_eq!(lines.get(0), Some(Shown::Text(b"line 00000")));
    assert!(lines.is_apart() && lines.end() < 2_000);
    // The live end goes on meanwhile, in the middle of a line.
    add(&mut lines, b"line 03000\nline 03001\nline 03");
    file.extend_from_slice(b"line 03000\nline 03001\nline 03");
    assert_eq!(lines.arrived(), 3_003);
    // And down again.
    while let Some(place) = lines.after() {
        let (start, bytes) = range(&file, place, 2_000);
        assert_eq!(start, place);
        lines.hold(Some(lines.end() - 1));
        lines.append(&bytes);
        assert!(lines.size() < 12_000);
    }
    add(&mut lines, b"002\n");
    let shown = all(&lines);
    assert_eq!(shown.last().map(String::as_str), Some("line 03002"));
    let first: u64 = shown[0][5..].parse().unwrap();
    assert_eq!(shown, (first..3_003).map(|n| format!("line {n:05}")).collect::<Vec<_>>(), "none lost, none doubled");
    assert_eq!(lines.end(), 3_003, "the numbers are those of before");
}

#[test]
fn a_line_that_is_looked_at_is_not_let_go() {
    let mut lines = log(8_000);
    add(&mut lines, numbered(0..300).as_bytes());
    let top = lines.first() + 20;
    lines.hold(Some(top));
    add(&mut lines, numbered(300..5_000).as_bytes());
    assert!(lines.get(top).is_some());
    assert!(lines.is_apart() && lines.below() > 4_000 && lines.size() < 12_000);
    assert_eq!(lines.arrived(), 5_000);
}

#[test]
fn another_stretch_takes_the_place_and_the_end_is_found_again() {
    let file = numbered(0..5_000).into_bytes();
    let mut lines = log(8_000);
    add(&mut lines, &file);
    let (start, bytes) = range(&file, 22_005, 1_000);
    lines.replace(start, &bytes, false);
    assert_eq!(lines.get(lines.first()), Some(Shown::Text(b"line 02001")));
    assert!(lines.is_apart());
    add(&mut lines, b"more\n");
    let (start, bytes) = range(&[&file[..], b"more\n"].concat(), lines.live(), -1_000);
    lines.replace(start, &bytes, false);
    assert!(!lines.is_apart());
    add(&mut lines, b"and more\n");
    assert_eq!(all(&lines)[all(&lines).len() - 2..], ["more", "and more"]);
}

#[test]
fn a_gap_is_said_and_an_overlap_is_left_out() {
    let mut lines = log(1 << 20);
    lines.opened(0, 6);
    lines.feed(0, b"a\nb\nc\n", NOW);
    lines.feed(4, b"c\nd\n", NOW);
    lines.feed(20, b"e\n", NOW);
    assert_eq!(all(&lines), ["a", "b", "c", "d", "<── 12 B between here and what follows were not read ──>", "e"]);
    // Looked at again: what is known already is recognised.
    lines.opened(20, 24);
    lines.feed(20, b"e\nf\n", NOW);
    assert_eq!(all(&lines)[5..], ["e", "f"]);
    // Another file of the same name.
    lines.opened(0, 99);
    lines.feed(0, b"x\ny\n", NOW);
    lines.feed(4, b"z\n", NOW);
    let shown = all(&lines);
    assert!(shown[7].contains("not the file that it was"), "{shown:?}");
    assert_eq!(shown[8..], ["x", "y", "z"]);
    lines.opened(0, 2);
    lines.feed(0, b"n\n", NOW);
    assert!(all(&lines)[11].contains("shorter than it was"));
}

#[test]
fn times_and_errors_are_known_line_by_line() {
    let mut lines = log(1 << 20);
    add(&mut lines, b"cut off\n[2026-01-01T00:00:01.000] one\n more\n[2026-01-01T00:00:00.500] error: back\nKilled\n");
    let base = 1_767_225_601_000;
    let times: Vec<i64> = (0..5).map(|n| lines.time(n) - base).collect();
    assert_eq!(times, [0, 0, 0, 0, 0], "never earlier than the line before");
    assert_eq!(lines.blocks().severity(3), Some(Severity::Error));
    assert_eq!(
        (lines.blocks().error(-1, true), lines.blocks().error(3, true), lines.blocks().error(4, false)),
        (Some(3), Some(4), Some(3))
    );
    let mut plain = log(1 << 20);
    plain.feed(0, b"a\n", NOW);
    plain.feed(2, b"b\nc", NOW + 5_000);
    assert_eq!((plain.time(0), plain.time(1), plain.time(2)), (NOW, NOW + 5_000, NOW + 5_000), "what tells no time arrived at one");
    // Months apart: more than one block can say.
    let mut slow = log(1 << 20);
    add(&mut slow, b"2025-01-01 00:00:00 a\n2025-06-01 00:00:00 b\n2026-01-01 00:00:00 c\n");
    assert_eq!(slow.time(2) - slow.time(0), 365 * 86_400_000);
    assert_eq!(slow.blocks().at_time(slow.time(1)), 1);
}

proptest! {
    #[test]
    fn any_bytes_cut_anyhow_are_the_same_lines(
        text in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 1 => Just(b'\r'), 9 => any::<u8>()], 0..600),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).chain([0, text.len()]).collect();
        at.sort_unstable();
        let (mut whole, mut parts) = (log(1 << 20), log(1 << 20));
        add(&mut whole, &text);
        at.windows(2).for_each(|w| add(&mut parts, &text[w[0]..w[1]]));
        prop_assert_eq!(all(&whole), all(&parts));
        for n in whole.first()..whole.blocks().end() {
            prop_assert_eq!(whole.blocks().place(n), parts.blocks().place(n));
            prop_assert_eq!(whole.blocks().severity(n), parts.blocks().severity(n));
            prop_assert_eq!(whole.blocks().at_place(whole.blocks().place(n)), Some(n));
        }
    }
}
