//! When a line was written, read from its beginning: ISO 8601, Slurm, Python, syslog, glog, web servers, seconds since 1970, JSON.
//!
//! Never takes a number for a time that lies in the future or long ago.

use memchr::memmem;

/// A time in a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Milliseconds since 1970 UTC.
    pub millis: i64,
    /// Its first byte in the line, a bracket around it counted in.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What has to be known to read times that leave something out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reader {
    /// Seconds east of UTC of clocks that name no zone.
    pub zone: i32,
    /// Now, in milliseconds since 1970 UTC: a time without a year is the last such time.
    pub now: i64,
}

const DAY: i64 = 86_400_000;
/// 1990: what claims to be older is no time.
const OLDEST: i64 = 631_152_000_000;
const MONTHS: [&[u8; 3]; 12] = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

impl Reader {
    /// The time that a line begins with, after colours, a priority, a bracket or one word.
    pub fn read(&self, line: &[u8]) -> Option<Stamp> {
        let mut at = 0;
        while let Some(length) = super::pattern::colour(&line[at.min(line.len())..]) {
            at += length;
        }
        if let [b'<', b'0'..=b'9', b'>', ..] | [b'<', b'0'..=b'9', b'0'..=b'9', b'>', ..] = &line[at.min(line.len())..] {
            at += memchr::memchr(b'>', &line[at..]).map_or(0, |p| p + 1);
        }
        if line.get(at) == Some(&b'{') {
            return self.json(line, at);
        }
        self.here(line, at).or_else(|| {
            // `INFO 2026-…`, `[rank0]: 2026-…`, `host: [2026-…`
            let word = line.get(at..)?.iter().take(24).position(|c| *c == b' ')?;
            line.get(at + word + 1).filter(|c| c.is_ascii_digit() || **c == b'[')?;
            self.here(line, at + word + 1)
        })
    }

    fn here(&self, line: &[u8], at: usize) -> Option<Stamp> {
        let open = matches!(line.get(at)?, b'[' | b'(');
        let start = at + usize::from(open);
        let (millis, mut end) = self.time(line.get(start..)?)?;
        end += start;
        if open && matches!(line.get(end), Some(b']' | b')')) {
            end += 1;
        }
        (millis >= OLDEST && (self.now == 0 || millis <= self.now + DAY)).then_some(Stamp { millis, start: at, end })
    }

    /// Milliseconds and length of the time that `text` begins with.
    fn time(&self, text: &[u8]) -> Option<(i64, usize)> {
        match *text.first()? {
            b'0'..=b'9' => self.date(text).or_else(|| self.seconds(text)),
            b'E' | b'F' | b'W' | b'I' if text.get(1)?.is_ascii_digit() => {
                let (month, day) = (number(text.get(1..3)?)?, number(text.get(3..5)?)?);
                let (clock, length) = clock(text.get(6..)?)?;
                Some((self.this_year(month, day, clock)?, 6 + length))
            }
            b'A'..=b'Z' => self.named(text),
            _ => None,
        }
    }

    /// `2026-11-25T14:02:11.123+01:00` and what is like it; `25/Nov/2026:14:02:11 +0000`.
    fn date(&self, text: &[u8]) -> Option<(i64, usize)> {
        let (year, month, day, length) = match text.get(..12)? {
            [a, b, c, d, s @ (b'-' | b'/'), e, f, t, g, h, b'T' | b' ' | b'_' | b':' | b't', _] if s == t => {
                (number(&[*a, *b, *c, *d])?, number(&[*e, *f])?, number(&[*g, *h])?, 11)
            }
            [a, b, b'/', m @ .., b'/', _, _, _, _, b':'] => {
                let _ = m;
                let year = number(text.get(7..11)?)?;
                (year, month(text.get(3..6)?)?, number(&[*a, *b])?, 12)
            }
            _ => return None,
        };
        let (clock, used) = clock(text.get(length..)?)?;
        let (zone, more) = zone(&text[length + used..]).unwrap_or((self.zone, 0));
        Some((millis(year, month, day)? + clock - i64::from(zone) * 1_000, length + used + more))
    }

    /// Seconds or milliseconds since 1970.
    fn seconds(&self, text: &[u8]) -> Option<(i64, usize)> {
        let digits = text.iter().take(14).take_while(|c| c.is_ascii_digit()).count();
        let whole: i64 = std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()?;
        let (millis, end) = match digits {
            13 => (whole, 13),
            10 => {
                let (part, length) = fraction(&text[10..]);
                (whole * 1_000 + part, 10 + length)
            }
            _ => return None,
        };
        let after = text.get(end).is_none_or(|c| matches!(c, b' ' | b']' | b')' | b':' | b',' | b'\t' | b'|' | b'"' | b'}'));
        // A bare number is believed only where it is near: a column of counters is no clock.
        let near = self.now == 0 || (self.now - millis).abs() < 3_650 * DAY;
        (after && near).then_some((millis, end))
    }

    /// `Nov 25 14:02:11`, with a weekday before it and a year after it, or without.
    fn named(&self, text: &[u8]) -> Option<(i64, usize)> {
        let skip = match text.get(..5)? {
            [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', b'A'..=b'Z'] => 4,
            _ => 0,
        };
        let rest = &text[skip..];
        let month = month(rest.get(..3)?)?;
        let [b' ', a, b, b' '] = rest.get(3..7)? else { return None };
        let day = number(if *a == b' ' { std::slice::from_ref(b) } else { rest.get(4..6)? })?;
        let (clock, used) = clock(rest.get(7..)?)?;
        let length = skip + 7 + used;
        if let Some([b' ', year @ ..]) = text.get(length..length + 5)
            && let Some(year) = number(year).filter(|year| (1_990..2_200).contains(year))
        {
            return Some((millis(year, month, day)? + clock - i64::from(self.zone) * 1_000, length + 5));
        }
        Some((self.this_year(month, day, clock)?, length))
    }

    /// The last such moment that is not in the future.
    fn this_year(&self, month: u32, day: u32, clock: i64) -> Option<i64> {
        let year = year_of(self.now);
        let at = |year| Some(millis(year, month, day)? + clock - i64::from(self.zone) * 1_000);
        at(year).filter(|at| *at <= self.now + DAY).or_else(|| at(year.checked_sub(1)?))
    }

    fn json(&self, line: &[u8], at: usize) -> Option<Stamp> {
        let head = &line[at..line.len().min(at + 512)];
        for key in [&b"\"datetime\""[..], b"\"timestamp\"", b"\"@timestamp\"", b"\"time\"", b"\"ts\""] {
            let Some(found) = memmem::find(head, key) else { continue };
            let mut value = at + found + key.len();
            while matches!(line.get(value), Some(b':' | b' ' | b'"')) {
                value += 1;
            }
            if let Some(stamp) = self.here(line, value) {
                return Some(stamp);
            }
        }
        None
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + u32::from(c - b'0')))
}

fn month(name: &[u8]) -> Option<u32> {
    (1..).zip(MONTHS).find(|(_, known)| &known[..] == name).map(|(n, _)| n)
}

/// Milliseconds of `HH:MM:SS` with or without a fraction, and its length.
fn clock(text: &[u8]) -> Option<(i64, usize)> {
    let [a, b, b':', c, d, b':', e, f, ..] = text else { return None };
    let (h, m, s) = (number(&[*a, *b])?, number(&[*c, *d])?, number(&[*e, *f])?);
    if h > 23 || m > 59 || s > 60 {
        return None;
    }
    let (part, length) = fraction(&text[8..]);
    Some((i64::from(h * 3_600 + m * 60 + s) * 1_000 + part, 8 + length))
}

/// `.123`, `,123`: its milliseconds and its length.
fn fraction(text: &[u8]) -> (i64, usize) {
    if !matches!(text, [b'.' | b',', b'0'..=b'9', ..]) {
        return (0, 0);
    }
    let digits = text[1..].iter().take(9).take_while(|c| c.is_ascii_digit()).count();
    let value = (0..3).fold(0, |n, i| n * 10 + text[1..=digits].get(i).map_or(0, |c| i64::from(c - b'0')));
    (value, 1 + digits)
}

/// `Z`, `+01:00`, `-0500`, ` +0000`: seconds east of UTC and the length.
fn zone(text: &[u8]) -> Option<(i32, usize)> {
    if matches!(text, [b'Z' | b'z', rest @ ..] if !rest.first().is_some_and(u8::is_ascii_alphanumeric)) {
        return Some((0, 1));
    }
    let space = usize::from(text.first() == Some(&b' '));
    let [sign @ (b'+' | b'-'), a, b, rest @ ..] = text.get(space..)? else { return None };
    let hours = number(&[*a, *b]).filter(|h| *h < 15)?;
    let (minutes, length) = match rest {
        [b':', c, d, ..] if c.is_ascii_digit() => (number(&[*c, *d])?, 6),
        [c, d, ..] if c.is_ascii_digit() => (number(&[*c, *d])?, 5),
        // ` - ` separates; `+05` at the end of a time is a zone only without a space.
        _ if space == 0 => (0, 3),
        _ => return None,
    };
    let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
    Some((if *sign == b'-' { -seconds } else { seconds }, space + length))
}

/// Milliseconds of midnight, UTC. Howard Hinnant's days_from_civil.
fn millis(year: u32, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (y, m, d) = (i64::from(year) - i64::from(month <= 2), i64::from(month), i64::from(day));
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    Some((era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468) * DAY)
}

fn year_of(millis: i64) -> u32 {
    let days = millis.div_euclid(DAY) + 719_468;
    let of_era = days.rem_euclid(146_097);
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let is_late = (5 * of_year + 2) / 153 >= 10;
    u32::try_from(years + days.div_euclid(146_097) * 400 + i64::from(is_late)).unwrap_or(1970)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-25T14:02:11Z
    const NOON: i64 = 1_795_615_331_000;

    fn read(line: &str) -> Option<(i64, &str)> {
        let reader = Reader { zone: 0, now: NOON + 3_600_000 };
        reader.read(line.as_bytes()).map(|s| (s.millis - NOON, &line[s.start..s.end]))
    }

    #[test]
    fn times_are_read_as_the_field_writes_them() {
        for (line, millis, stamp) in [
            ("2026-11-25T14:02:11Z x", 0, "2026-11-25T14:02:11Z"),
            ("2026-11-25T14:02:11.250+00:00 x", 250, "2026-11-25T14:02:11.250+00:00"),
            ("2026-11-25T15:02:11+0100 x", 0, "2026-11-25T15:02:11+0100"),
            ("[2026-11-25T14:02:11.000] error: x", 0, "[2026-11-25T14:02:11.000]"),
            ("2026-11-25 14:02:11,007 - [slurm_plugin.x] - INFO - y", 7, "2026-11-25 14:02:11,007"),
            ("2026/11/25 14:02:11 x", 0, "2026/11/25 14:02:11"),
            ("Nov 25 14:02:11 host x", 0, "Nov 25 14:02:11"),
            ("Nov  5 14:02:11 host x", -20 * DAY, "Nov  5 14:02:11"),
            ("Dec 31 14:02:11 host x", -329 * DAY, "Dec 31 14:02:11"),
            ("Wed Nov 25 14:02:11 2026 x", 0, "Wed Nov 25 14:02:11 2026"),
            ("E1125 14:02:11.000123 1 a.go:1] x", 0, "E1125 14:02:11.000123"),
            ("1795615331 x", 0, "1795615331"),
            ("[1795615331.5] x", 500, "[1795615331.5]"),
            ("1795615331250 x", 250, "1795615331250"),
            ("25/Nov/2026:14:02:11 +0000 x", 0, "25/Nov/2026:14:02:11 +0000"),
            ("\x1b[32m2026-11-25 14:02:11\x1b[0m x", 0, "2026-11-25 14:02:11"),
            ("INFO 2026-11-25 14:02:11 x", 0, "2026-11-25 14:02:11"),
            ("slurmctld: [2026-11-25T14:02:11.001] x", 1, "[2026-11-25T14:02:11.001]"),
            ("<3>Nov 25 14:02:11 x", 0, "Nov 25 14:02:11"),
            ("{\"datetime\": \"2026-11-25T14:02:11.001+00:00\", \"x\": 1}", 1, "2026-11-25T14:02:11.001+00:00"),
        ] {
            assert_eq!(read(line), Some((millis, stamp)), "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for line in [
            "",
            "2",
            "2026",
            "2026-13-25 14:02:11",
            "2026-11-25 25:02:11",
            "2099-01-01 00:00:00 licence ends",
            "0000000001 x",
            "12345678901 x",
            "Nov",
            "Nov 25",
            "epoch 14",
            "1970-01-02 00:00:00",
            "[",
            "{\"time\":",
            "14:02:11 x",
            "\x1b[31",
            "Eabcd 1",
            "9999999999 x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_a_stamp_lies_inside_its_line(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let stamp = Reader { zone: 3_600, now: NOON }.read(&line);
            prop_assert!(stamp.is_none_or(|s| s.start < s.end && s.end <= line.len() && s.millis <= NOON + DAY));
        }

        #[test]
        fn every_moment_is_read_back(seconds in 700_000_000_i64..1_795_000_000) {
            let at = jiff::Timestamp::from_second(seconds).unwrap();
            let reader = Reader { zone: 0, now: NOON };
            for format in ["%Y-%m-%dT%H:%M:%S x", "[%Y-%m-%dT%H:%M:%S.000] x", "%a %b %e %H:%M:%S %Y x", "%d/%b/%Y:%H:%M:%S +0000 x"] {
                let line = at.strftime(format).to_string();
                prop_assert_eq!(reader.read(line.as_bytes()).map(|s| s.millis), Some(seconds * 1_000), "{}", line);
            }
        }
    }
}
