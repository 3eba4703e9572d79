//! Durations and counts as the field writes them.

/// Seconds as Slurm writes them: `M:SS`, `H:MM:SS` or `D-HH:MM:SS`.
pub fn slurm(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (d, h) {
        (0, 0) => format!("{m}:{s:02}"),
        (0, _) => format!("{h}:{m:02}:{s:02}"),
        _ => format!("{d}-{h:02}:{m:02}:{s:02}"),
    }
}

/// Reads what Slurm accepts as a time: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`. `None` for anything else, such as `UNLIMITED`.
pub fn parse_slurm(text: &str) -> Option<u64> {
    let (days, rest) = match text.split_once('-') {
        Some((d, rest)) => (Some(d.parse::<u64>().ok()?), rest),
        None => (None, text),
    };
    let parts = rest.split(':').map(|p| p.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
    // Without days the last part is minutes or seconds; with days the first part is hours.
    let (h, m, s) = match (days.is_some(), parts.as_slice()) {
        (false, [m]) => (0, *m, 0),
        (false, [m, s]) => (0, *m, *s),
        (true, [h]) => (*h, 0, 0),
        (true, [h, m]) => (*h, *m, 0),
        (_, [h, m, s]) => (*h, *m, *s),
        _ => return None,
    };
    let seconds = h.checked_mul(3_600)?.checked_add(m.checked_mul(60)?)?.checked_add(s)?;
    days.unwrap_or(0).checked_mul(86_400)?.checked_add(seconds)
}

/// An age for a narrow place: `4 s`, `12 min`, `3 h`, `2 d`.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number with its thousands separated: `48,120`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes for people: `312 B`, `4.1 kB`, `2.0 GB` (powers of 1000).
pub fn bytes(n: u64) -> String {
    if n < 1_000 {
        return format!("{n} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = n as f64 / 1_000.0;
    for unit in ["kB", "MB", "GB"] {
        if value < 999.95 {
            return format!("{value:.1} {unit}");
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurm_times_go_both_ways() {
        for (text, seconds) in [("0:07", 7), ("12:40", 760), ("2:14:07", 8_047), ("1-00:00:05", 86_405)] {
            assert_eq!(slurm(seconds), text);
            assert_eq!(parse_slurm(text), Some(seconds), "{text}");
        }
        assert_eq!(parse_slurm("90"), Some(5_400));
        assert_eq!(parse_slurm("2-3"), Some(2 * 86_400 + 3 * 3_600));
        assert_eq!(parse_slurm("2-3:30"), Some(2 * 86_400 + 3 * 3_600 + 30 * 60));
        assert_eq!(parse_slurm("UNLIMITED"), None);
        assert_eq!(parse_slurm("99999999999999999999"), None);
        assert_eq!(parse_slurm("18446744073709551615"), None);
    }

    #[test]
    fn people_read_grouped_numbers() {
        assert_eq!(thousands(48_120), "48,120");
        assert_eq!(thousands(7), "7");
        assert_eq!(bytes(4_096), "4.1 kB");
        assert_eq!(bytes(312), "312 B");
        assert_eq!(age(125), "2 min");
    }
}
