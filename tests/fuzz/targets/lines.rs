//! A log's bytes into lines: as they are cut, let go and read again, each byte is accounted for and none is doubled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qdeck::model::lines::{Lines, Shown, Stamp};

const NOW: i64 = 1_795_615_000_000;

/// What a terminal would show of the bytes: the reference that is too slow for a log.
fn expected(bytes: &[u8]) -> Vec<Vec<u8>> {
    let last = |line: &[u8]| line.split(|b| *b == b'\r').rfind(|part| !part.is_empty()).unwrap_or(b"").to_vec();
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(last).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

fn check(lines: &Lines, sent: usize) {
    assert_eq!(lines.source_size(), sent as u64, "bytes in are bytes accounted for");
    assert_eq!(lines.arrived(), u64::try_from(lines.end() - lines.first()).unwrap_or(0) + lines.gone(), "lines are kept or counted");
    let mut before = (0, i64::MIN);
    for number in lines.first()..lines.blocks().end() {
        let here = (lines.blocks().place(number), lines.time(number));
        assert!(here >= before || number == lines.first(), "places and times ascend");
        assert!(lines.get(number).is_some(), "line {number} is there");
        before = here;
    }
}

fuzz_target!(|data: &[u8]| {
    let [budget, cuts, data @ ..] = data else { return };
    let (mut whole, mut parts) = (Lines::new(1 << 20, 0, false), Lines::new(64 << (budget % 12), 3_600, false));
    whole.feed(0, data, NOW);
    check(&whole, data.len());
    let shown: Vec<Vec<u8>> = (whole.first()..whole.end())
        .filter_map(|number| match whole.get(number) {
            Some(Shown::Text(text)) => Some(text.to_vec()),
            Some(Shown::Mark(_)) | None => None,
        })
        .collect();
    assert_eq!(shown, expected(data));
    let mut sent = 0;
    for part in data.chunks(usize::from(*cuts).max(1)) {
        parts.feed(sent as u64, part, NOW);
        sent += part.len();
        check(&parts, sent);
        for number in parts.first()..parts.end() {
            // The newest lines are those of the whole.
            let there = whole.get(number).filter(|_| number < parts.blocks().end());
            assert!(there.is_none() || there == parts.get(number), "line {number}");
        }
    }
    // What was sent already is not taken twice, and what lies between is said to be missing.
    let (end, arrived) = (parts.end(), parts.arrived());
    parts.feed(0, data, NOW);
    assert_eq!((parts.end(), parts.arrived()), (end, arrived));
    parts.hold(Some(parts.first()));
    parts.feed(sent as u64 + 7, data, NOW);
    parts.restarted("cut");
    parts.feed(0, data, NOW);
    let at = parts.live();
    parts.replace(0, data, true);
    parts.append(b"more\n");
    parts.prepend(0, b"before\n", true);
    assert!(parts.live() >= at.min(parts.live()) && parts.get(parts.first()).is_some() || parts.is_empty());
    for line in data.split(|b| *b == b'\n') {
        if let Some(Stamp { start, end, .. }) = whole.reader().read(line) {
            assert!(start < end && end <= line.len());
        }
    }
});
