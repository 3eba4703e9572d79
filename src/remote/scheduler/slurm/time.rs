//! Slurm's times, which its commands were told to print in UTC.

/// `2026-11-24T12:05:38` as seconds since 1970; `N/A`, `Unknown` and anything else is `None`.
pub(super) fn epoch(text: &str) -> Option<i64> {
    let b = text.as_bytes();
    if b.len() != 19 || b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let number =
        |from: usize, to: usize| b[from..to].iter().try_fold(0_i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')));
    let (y, m, d) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1..=12).contains(&m) || !(1..=31).contains(&d) {
        return None;
    }
    // Days since 1970 in the proleptic Gregorian calendar, years beginning in March so that leap days come last.
    let year = if m <= 2 { y - 1 } else { y };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?)
}

/// `1-02:03:04`, `2:14:07`, `0:05` as seconds; `UNLIMITED`, `INVALID`, `N/A` are `None`.
pub(super) fn duration(text: &str) -> Option<u64> {
    let (days, rest) = text.split_once('-').map_or(Some((0, text)), |(d, rest)| Some((d.parse::<u64>().ok()?, rest)))?;
    let mut total = 0_u64;
    let mut parts = 0;
    for part in rest.split(':') {
        total = total.checked_mul(60)?.checked_add(part.parse().ok()?)?;
        parts += 1;
    }
    (2..=3).contains(&parts).then(|| days.checked_mul(86_400)?.checked_add(total)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_a_calendar_says() {
        for text in ["1970-01-01T00:00:00", "2000-02-29T23:59:59", "2026-11-24T12:05:38", "2100-03-01T00:00:00"] {
            let expected = format!("{text}Z").parse::<jiff::Timestamp>().unwrap().as_second();
            assert_eq!(epoch(text), Some(expected), "{text}");
        }
        for text in ["N/A", "Unknown", "2026-13-01T00:00:00", "2026-11-24 12:05:38", "2026-11-24T12:05:3x"] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read() {
        let cases =
            [("0:05", Some(5)), ("2:14:07", Some(8_047)), ("365-00:00:00", Some(31_536_000)), ("UNLIMITED", None), ("", None), ("5", None)];
        for (text, seconds) in cases {
            assert_eq!(duration(text), seconds, "{text}");
        }
    }
}
