//! Grid Engine's times, which its commands were told to print in UTC.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// `2026-11-25T19:32:51`, `Wed Nov 25 19:32:51 2026`, `11/25/2026 19:32:51.250` or seconds since 1970, as seconds since 1970.
pub(super) fn epoch(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        // Some Grid Engines count milliseconds.
        return Some(if number > 100_000_000_000 { number / 1_000 } else { number }).filter(|at| *at > 0);
    }
    let read = |form: &str| DateTime::strptime(form, text).ok();
    let time = text.parse::<DateTime>().ok().or_else(|| read("%a %b %d %H:%M:%S %Y")).or_else(|| read("%m/%d/%Y %H:%M:%S%.f"))?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_second()).filter(|at| *at > 0)
}

/// `3600`, `1:00:00`, `0:10:00` as seconds; `INFINITY` is `None`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.split('.').next()?;
    text.split(':').try_fold(0_u64, |total, part| {
        let part = if part.is_empty() { 0 } else { part.parse().ok()? };
        total.checked_mul(60)?.checked_add(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_same_second() {
        for text in ["2026-11-25T19:32:51", "Wed Nov 25 19:32:51 2026", "11/25/2026 19:32:51.250", "1795635171", "1795635171250"] {
            assert_eq!(epoch(text), Some(1_795_635_171), "{text}");
        }
        for text in ["", "-/-", "0", "Thu Jan  1 00:00:00 1970", "yesterday", "9999999999999999999999"] {
            assert_eq!(epoch(text), None, "{text}");
        }
        assert_eq!(
            (seconds("3600"), seconds("1:00:00"), seconds("INFINITY"), seconds("17.5"), seconds("0:5:")),
            (Some(3_600), Some(3_600), None, Some(17), Some(300))
        );
    }
}
