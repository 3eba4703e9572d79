//! PBS's times, which its commands were told to print in UTC.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Wed Nov 25 19:22:20 2026`, or seconds since 1970, as seconds since 1970; anything else is `None`.
pub(super) fn epoch(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds > 0).then_some(seconds);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let [month, day, clock, year] = words.get(words.len().checked_sub(4)?..)? else { return None };
    let month = MONTHS.iter().position(|name| name == month)?;
    let mut clock = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let at = DateTime::new(year.parse().ok()?, i8::try_from(month + 1).ok()?, day.parse().ok()?, hour, minute, second, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(at).ok()?.as_second())
}

/// `HH:MM:SS`, `MM:SS` or seconds; `None` for anything else, and for more than a century, which means without end.
pub(super) fn duration(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    for part in text.trim().split(':') {
        total = total.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    (total < 3_155_760_000).then_some(total)
}

/// A time limit as PBS takes it. Slurm's way to write days is understood, since people know it.
pub(super) fn limit(text: &str) -> String {
    match text.contains('-').then(|| crate::model::duration::parse_slurm(text)).flatten() {
        Some(seconds) => format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(epoch("Wed Nov 25 19:22:20 2026"), Some(1_795_634_540));
        assert_eq!(epoch("Tue Oct  4 21:23:20 2022"), Some(1_664_918_600));
        assert_eq!((epoch("1664918600"), epoch("0"), epoch("-1")), (Some(1_664_918_600), None, None));
        for text in ["", "Mi 25. Nov 19:22:20 2026", "Feb 30 00:00:00 2026", "Nov 25 19:22 2026", "Nov 25 99:99:99 2026", "a b c"] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_limits_written() {
        for (text, seconds) in [("00:05:00", Some(300)), ("8760:00:00", Some(31_536_000)), ("90", Some(90)), ("Infinite", None), ("", None)]
        {
            assert_eq!(duration(text), seconds, "{text}");
        }
        assert_eq!(duration("71582788:15:00"), None);
        assert_eq!((limit("1-02:00:00").as_str(), limit("2:00:00").as_str(), limit("+30").as_str()), ("26:00:00", "2:00:00", "+30"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>(), near in "([A-Z][a-z]{2} ){0,2}[0-9]{1,3} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3} -?[0-9]{1,6}") {
            for text in [text, near] {
                let _ = (epoch(&text), duration(&text), limit(&text));
            }
        }
    }
}
