//! Where somebody wants to go in a log: `50%`, `14:05`, `2026-11-25 14:05`, `-10m`, a line's number.
//!
//! Knows no log: a goal is read from what was typed and from when the log ends.

use crate::model::lines::Reader;

/// A place in a log, as people say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Goal {
    /// Parts of a hundred.
    Percent(u64),
    /// A line, counted from 1.
    Line(u64),
    /// Milliseconds since 1970.
    Moment(i64),
}

const DAY: i64 = 86_400_000;

impl Goal {
    /// Reads what was typed. Clocks are those of `reader`; a clock without a day is the last such time before `end`, `-10m` is before now.
    pub(super) fn parse(text: &str, reader: Reader, end: i64, now: i64) -> Option<Self> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            return percent.trim().parse().ok().filter(|p| *p <= 100).map(Self::Percent);
        }
        if let Some(ago) = text.strip_prefix('-') {
            let digits = ago.bytes().take_while(u8::is_ascii_digit).count();
            let unit = match ago[digits..].trim() {
                "s" => 1_000,
                "" | "m" | "min" => 60_000,
                "h" => 3_600_000,
                "d" => DAY,
                _ => return None,
            };
            return Some(Self::Moment(now.checked_sub(ago[..digits].parse::<i64>().ok()?.checked_mul(unit)?)?));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b',') {
            return text.replace(',', "").parse().ok().filter(|n| *n > 0).map(Self::Line);
        }
        let is_clock = |t: &str| t.split(':').count() == 2;
        // What lacks a day or seconds is completed and then read like any line's time.
        let (day, clock) = text.rsplit_once([' ', 'T']).map_or((None, text), |(day, clock)| (Some(day.trim()), clock));
        let clock = if is_clock(clock) { format!("{clock}:00") } else { clock.to_owned() };
        let clock = if clock.find(':') == Some(1) { format!("0{clock}") } else { clock };
        let free = Reader { now: 0, ..reader };
        if let Some(day) = day {
            let dated = if day.contains('-') || day.contains('/') { free } else { Reader { now: end, ..reader } };
            return dated.read(format!("{day} {clock}").as_bytes()).map(|stamp| Self::Moment(stamp.millis));
        }
        let first = free.read(format!("2000-01-01 {clock}").as_bytes())?.millis;
        Some(Self::Moment(first + (end - first).div_euclid(DAY) * DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_read_as_people_say_them() {
        let end = 1_795_615_331_000; // 2026-11-25T14:02:11Z
        let goal = |text| Goal::parse(text, Reader { zone: 0, now: end }, end, end);
        assert_eq!(goal("50%"), Some(Goal::Percent(50)));
        assert_eq!(goal("1,200"), Some(Goal::Line(1_200)));
        assert_eq!(goal("-10m"), Some(Goal::Moment(end - 600_000)));
        assert_eq!(goal("14:02:11"), Some(Goal::Moment(end)));
        assert_eq!(goal("9:00"), Some(Goal::Moment(end - 18_131_000)));
        assert_eq!(goal("14:03"), Some(Goal::Moment(end + 49_000 - 86_400_000)), "the last such time");
        assert_eq!(goal("2026-11-25 14:02"), Some(Goal::Moment(end - 11_000)));
        assert_eq!(goal("Nov 24 14:02:11"), Some(Goal::Moment(end - 86_400_000)));
        let east = Reader { zone: 3_600, now: end };
        assert_eq!(Goal::parse("15:02:11", east, end, end), Some(Goal::Moment(end)));
        for wrong in ["", "x", "101%", "0", "-", "-5x", "25:00", "2026-13-01 00:00"] {
            assert_eq!(goal(wrong), None, "{wrong}");
        }
    }
}
