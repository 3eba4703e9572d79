//! Bytes of a log as lines: what each says, and when, where it says so itself.
//!
//! Never sends a terminal anything that could steer it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use memchr::memchr;

use crate::model::text::visible;

/// A line longer than this is handed on in pieces.
const LONGEST: usize = 1 << 20;

/// Cuts bytes into lines.
#[derive(Default)]
pub(super) struct Splitter {
    partial: Vec<u8>,
}

impl Splitter {
    /// Takes bytes and gives the lines that they complete, without their ends.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Vec<u8>)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let mut line = std::mem::take(&mut self.partial);
            line.extend_from_slice(&bytes[..end]);
            each(line);
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > LONGEST {
            each(std::mem::take(&mut self.partial));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// The last line, where it has no end.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.partial)).filter(|rest| !rest.is_empty())
    }
}

/// Bytes for a person's terminal, as they come: characters that arrive in pieces are kept whole, all that could steer is made visible.
#[derive(Default)]
pub(super) struct Harmless {
    begun: Vec<u8>,
}

impl Harmless {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let end = match self.begun.utf8_chunks().last() {
            // A character of up to four bytes may be on its way.
            Some(chunk)
                if (1..4).contains(&chunk.invalid().len())
                    && std::str::from_utf8(&self.begun).is_err_and(|e| unfinished(&self.begun, e)) =>
            {
                self.begun.len() - chunk.invalid().len()
            }
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(end);
        shown(&std::mem::replace(&mut self.begun, rest))
    }
}

/// Whether the last character of the bytes only lacks its end.
fn unfinished(bytes: &[u8], mut error: std::str::Utf8Error) -> bool {
    let mut from = 0;
    loop {
        match error.error_len() {
            None => return true,
            Some(n) => from += error.valid_up_to() + n,
        }
        match std::str::from_utf8(&bytes[from..]) {
            Ok(_) => return false,
            Err(next) => error = next,
        }
    }
}

/// A text for a person's terminal: colours and everything else that could steer it is made visible.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if matches!(c, '\n' | '\t' | '\r') { c } else { visible(c) }).collect()
}

/// The moment that a line begins with: ISO 8601 and its like, in brackets or not, or syslog's. Without a zone it is `zone`'s.
pub(super) fn moment(line: &[u8], zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let text = std::str::from_utf8(line.get(..line.len().min(48))?).or_else(|e| std::str::from_utf8(&line[..e.valid_up_to()])).ok()?;
    let text = text.trim_start_matches(['[', '(', ' ']);
    let bytes = text.as_bytes();
    if bytes.first()?.is_ascii_digit() {
        let date = text.get(..10)?.replace('/', "-");
        let rest = text.get(10..)?.strip_prefix(['T', ' ', '_'])?;
        let clock = rest.get(..8)?;
        let mut after = &rest[8..];
        let mut fraction = String::new();
        if let Some(digits) = after.strip_prefix(['.', ',']) {
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            if end > 0 {
                fraction = format!(".{}", &digits[..end.min(9)]);
                after = &digits[end..];
            }
        }
        let civil: DateTime = format!("{date}T{clock}{fraction}").parse().ok()?;
        let after = after.trim_start_matches(' ');
        if after.starts_with('Z') {
            return TimeZone::UTC.to_timestamp(civil).ok();
        }
        let sign = match after.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => 0,
        };
        let digits: String = after.chars().skip(1).take(5).filter(char::is_ascii_digit).collect();
        // `- [module]` after the time is no zone.
        return match (sign, digits.get(..2).and_then(|h| h.parse::<i32>().ok()), digits.get(2..4).and_then(|m| m.parse::<i32>().ok())) {
            (1 | -1, Some(hours), Some(minutes)) => {
                jiff::tz::Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()?.to_timestamp(civil).ok()
            }
            _ => zone.to_timestamp(civil).ok(),
        };
    }
    // `Nov 25 19:01:02`: of the year that makes it the latest past.
    let words = text.get(..15)?;
    let year = zone.to_datetime(now).year();
    [year, year - 1].into_iter().find_map(|year| {
        let civil = DateTime::strptime("%Y %b %d %H:%M:%S", format!("{year} {}", words.replace("  ", " "))).ok()?;
        let at = zone.to_timestamp(civil).ok()?;
        (at.as_second() <= now.as_second() + 86_400).then_some(at)
    })
}

/// A moment that somebody named: `15m`, `2h`, `3d`, or a time as logs write it.
pub(super) fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[split..] {
        "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    if let (Some(unit), Ok(number)) = (unit, text[..split].parse::<i64>()) {
        return now.checked_sub(jiff::SignedDuration::from_secs(number.checked_mul(unit)?)).ok();
    }
    let zone = TimeZone::system();
    let whole = match text.len() {
        10 => format!("{text}T00:00:00"),
        16 => format!("{text}:00"),
        5 => format!("{}T{text}:00", zone.to_datetime(now).date()),
        _ => text.to_owned(),
    };
    moment(whole.as_bytes(), &zone, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Option<String> {
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        moment(line.as_bytes(), &TimeZone::UTC, now).map(|at| at.to_string())
    }

    #[test]
    fn times_are_recognised_where_lines_begin_with_them() {
        for (line, expected) in [
            ("2026-01-02 03:04:05,678 - [a:b] - INFO - x", "2026-01-02T03:04:05.678Z"),
            ("[2026-01-02T03:04:05.678] slurmctld", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05Z x", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.123456+02:00 x", "2026-01-02T01:04:05.123456Z"),
            ("2026-01-02T03:04:05-0130", "2026-01-02T04:34:05Z"),
            ("2026/01/02 03:04:05 x", "2026-01-02T03:04:05Z"),
            ("Nov 25 11:01:02 host x", "2026-11-25T11:01:02Z"),
            ("Dec  3 11:01:02 host x", "2025-12-03T11:01:02Z"),
        ] {
            assert_eq!(at(line).as_deref(), Some(expected), "{line}");
        }
        for line in ["", "step 5", "2026-99-99 00:00:00", "12345678901234567890", "Nov", "20260102", "\u{e9}2026"] {
            assert_eq!(at(line), None, "{line}");
        }
    }

    #[test]
    fn moments_can_be_named() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        assert_eq!(since("15m", now).unwrap().to_string(), "2026-11-25T11:45:00Z");
        assert_eq!(since("2026-11-25T11:00:00Z", now).unwrap().to_string(), "2026-11-25T11:00:00Z");
        assert!(since("2026-11-25", now).is_some() && since("11:30", now).is_some());
        assert!(since("yesterday", now).is_none() && since("9999999999999999d", now).is_none());
    }

    #[test]
    fn characters_in_pieces_stay_whole_and_nothing_steers() {
        let text = "a\u{e9}\u{65e5}\u{1f600}b\x1b]52;c;x\x07\u{9b}1m".as_bytes();
        for cut in 0..text.len() {
            let mut harmless = Harmless::default();
            let got = harmless.feed(&text[..cut]) + &harmless.feed(&text[cut..]);
            assert_eq!(got, "aé日😀b␛]52;c;x␇\u{fffd}1m", "{cut}");
        }
        let mut harmless = Harmless::default();
        assert_eq!(harmless.feed(b"\xff\xfea\x80"), "\u{fffd}\u{fffd}a\u{fffd}");
    }

    #[test]
    fn lines_are_the_same_however_bytes_come() {
        let text = b"one\n\ntwo\r\nopen";
        for size in 1..text.len() {
            let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
            text.chunks(size).for_each(|chunk| splitter.feed(chunk, |line| lines.push(line)));
            lines.extend(splitter.rest());
            assert_eq!(lines, [b"one".as_slice(), b"", b"two\r", b"open"]);
        }
    }
}
