//! How many lines and errors there were when: a few buckets, counted from what the blocks know already.
//!
//! Looks at no line's text, and its cost grows with the number of buckets, not of lines.

use super::weave::Weave;

/// One stretch of time, or of lines where no line tells its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bucket {
    /// Lines.
    pub lines: u64,
    /// Warnings among all lines of that stretch, shown or not.
    pub warnings: u64,
    /// Errors among them.
    pub errors: u64,
}

/// Equal stretches from the first line to the last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Density {
    /// The stretches.
    pub buckets: Vec<Bucket>,
    /// Where they begin and end, in milliseconds since 1970 UTC; `None` where they are stretches of lines.
    pub times: Option<(i64, i64)>,
}

impl Density {
    /// What is seen, in `count` stretches.
    pub fn of(weave: &Weave<'_>, count: usize) -> Self {
        let mut buckets = vec![Bucket::default(); count];
        let len = weave.len();
        if count == 0 || len == 0 {
            return Self { buckets, times: None };
        }
        let time = |rank| weave.at(rank).map_or(0, |at| weave.time(at));
        let (from, to) = (time(0), time(len - 1));
        let by_time = to > from && weave.strands().iter().any(|strand| strand.lines().is_stamped());
        let edge = |n: usize| from.saturating_add(scaled(to - from + 1, n, count));
        // Ranks where the stretches begin, for each log by itself.
        let gaps: Vec<Vec<usize>> = (0..=count)
            .map(|n| {
                if !by_time || n == count {
                    return weave.nth(len * n / count);
                }
                weave.strands().iter().map(|strand| strand.before_time(edge(n), false)).collect()
            })
            .collect();
        for (log, strand) in weave.strands().iter().enumerate() {
            let lines: Vec<i64> = if by_time {
                let blocks = strand.lines().blocks();
                (0..=count).map(|n| if n == count { i64::MAX } else { blocks.at_time(edge(n)) }).collect()
            } else {
                let first = strand.lines().first();
                gaps.iter().map(|gap| first + i64::try_from(gap[log]).unwrap_or(0)).collect()
            };
            for ((n, bucket), (warnings, errors)) in buckets.iter_mut().enumerate().zip(strand.lines().blocks().tally(&lines)) {
                bucket.lines += (gaps[n + 1][log] - gaps[n][log]) as u64;
                bucket.warnings += u64::from(warnings);
                bucket.errors += u64::from(errors);
            }
        }
        Self { buckets, times: by_time.then_some((from, to + 1)) }
    }

    /// The stretch that a moment belongs to.
    pub fn bucket_of(&self, time: i64) -> Option<usize> {
        let (from, to) = self.times?;
        let count = i64::try_from(self.buckets.len()).ok()?;
        let part = i128::from((time - from).max(0)) * i128::from(count) / i128::from((to - from).max(1));
        usize::try_from(part).ok().map(|n| n.min(self.buckets.len().saturating_sub(1)))
    }
}

/// `whole · n / count` without overflow.
fn scaled(whole: i64, n: usize, count: usize) -> i64 {
    let part = i128::from(whole) * n as i128 / count.max(1) as i128;
    i64::try_from(part).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Lines, Strand};
    use super::*;

    fn log(text: &str) -> Lines {
        let mut lines = Lines::new(1 << 20, 0, false);
        lines.feed(0, text.as_bytes(), 1_795_615_400_000);
        lines
    }

    #[test]
    fn lines_are_counted_when_they_were_written() {
        let lines = log("1795615000 a\n1795615001 error: b\n more\n1795615002 c\n1795615009 WARNING: d\n");
        let density = Density::of(&Weave::new(vec![Strand::new(&lines, None, true)]), 3);
        let got: Vec<_> = density.buckets.iter().map(|b| (b.lines, b.warnings, b.errors)).collect();
        assert_eq!(got, [(4, 0, 1), (0, 0, 0), (1, 1, 0)]);
        assert_eq!(density.bucket_of(1_795_615_009_000), Some(2));
        let all: u64 = Density::of(&Weave::new(vec![Strand::new(&lines, None, true)]), 7).buckets.iter().map(|b| b.lines).sum();
        assert_eq!(all, 5, "every line is in one bucket");
    }

    #[test]
    fn every_error_is_counted_once_however_blocks_lie() {
        let mut lines = Lines::new(64 << 10, 0, false);
        for n in 0..3_000_u64 {
            let text = format!("{} {} {n}\n", 1_795_600_000 + n, if n % 7 == 0 { "error:" } else { "fine" });
            lines.feed(lines.source_size(), text.as_bytes(), 1_795_615_400_000);
        }
        let errors = (lines.first()..lines.end()).filter(|n| lines.blocks().severity(*n).is_some()).count();
        assert!(errors > 200 && lines.first() > 0);
        for count in [1, 2, 7, 40, 400] {
            let density = Density::of(&Weave::new(vec![Strand::new(&lines, None, true)]), count);
            assert_eq!(density.buckets.iter().map(|b| b.errors).sum::<u64>(), errors as u64, "in {count}");
        }
    }

    #[test]
    fn without_times_the_log_itself_is_the_axis() {
        let lines = log("a\nb\nc\nerror: d\n");
        let density = Density::of(&Weave::new(vec![Strand::new(&lines, None, true)]), 2);
        assert_eq!(density.times, None);
        assert_eq!(density.buckets[1], Bucket { lines: 2, warnings: 0, errors: 1 });
    }
}
