//! Several logs as one, in the order of time: what is seen at which row, without a list of rows anywhere.
//!
//! Within each log its own order is never changed, because no line counts as earlier than the one before it.

use std::collections::VecDeque;

use super::Lines;

/// One line of one log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct At {
    /// Which log.
    pub log: usize,
    /// The line's number in it.
    pub line: i64,
}

/// One log and which of its lines are seen.
#[derive(Clone, Copy, Debug)]
pub struct Strand<'a> {
    lines: &'a Lines,
    kept: Option<&'a VecDeque<i64>>,
    /// Whether the unfinished line, which no search has seen, is among those kept.
    open: bool,
    /// So many rows are too early.
    skip: usize,
}

impl<'a> Strand<'a> {
    /// All lines of a log, or those `kept`; the unfinished one if `open`.
    pub fn new(lines: &'a Lines, kept: Option<&'a VecDeque<i64>>, open: bool) -> Self {
        Self { lines, kept, open: open && lines.open().is_some(), skip: 0 }
    }

    /// Without what was written before `time` (milliseconds since 1970 UTC).
    #[must_use]
    pub fn since(mut self, time: i64) -> Self {
        let all = self.all();
        self.skip = partition(all, |i| self.lines.time(self.line(i)) < time);
        self
    }

    fn all(&self) -> usize {
        let open = usize::from(self.open);
        let finished = self.kept.map_or_else(|| self.lines.blocks().len(), VecDeque::len);
        finished + open
    }

    /// How many lines are seen.
    pub fn len(&self) -> usize {
        self.all() - self.skip
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the line in row `i`, those too early counted.
    fn line(&self, i: usize) -> i64 {
        match self.kept {
            Some(kept) if i < kept.len() => kept[i],
            Some(_) => self.lines.end() - 1,
            None => self.lines.first() + i64::try_from(i).unwrap_or(i64::MAX),
        }
    }

    /// How many rows come before a line.
    fn before_line(&self, line: i64) -> usize {
        let all = match self.kept {
            Some(kept) => kept.partition_point(|n| *n < line) + usize::from(self.open && self.lines.end() <= line),
            None => usize::try_from(line.saturating_sub(self.lines.first()).max(0)).unwrap_or(0),
        };
        all.min(self.all()).saturating_sub(self.skip)
    }

    /// How many rows are earlier than `time`, or as early where `or_same`.
    pub(super) fn before_time(&self, time: i64, or_same: bool) -> usize {
        if self.kept.is_none() && time < i64::MAX {
            let line = self.lines.blocks().at_time(time + i64::from(or_same));
            let finished = usize::try_from(line - self.lines.blocks().first()).unwrap_or(0);
            let open = finished == self.lines.blocks().len() && self.open && {
                let own = self.lines.time(self.lines.end() - 1);
                own < time || or_same && own == time
            };
            return (finished + usize::from(open)).saturating_sub(self.skip);
        }
        partition(self.all(), |i| {
            let own = self.lines.time(self.line(i));
            own < time || or_same && own == time
        })
        .saturating_sub(self.skip)
    }

    /// How many rows are earlier than `time`.
    pub fn before(&self, time: i64) -> usize {
        self.before_time(time, false)
    }

    fn row(&self, i: usize) -> Option<i64> {
        (i < self.len()).then(|| self.line(i + self.skip))
    }

    /// The log.
    pub fn lines(&self) -> &'a Lines {
        self.lines
    }
}

fn partition(len: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// A row between two lines: how many lines of each log come before it.
pub type Gap = Vec<usize>;

/// Some logs seen as one.
#[derive(Clone, Debug, Default)]
pub struct Weave<'a> {
    strands: Vec<Strand<'a>>,
}

impl<'a> Weave<'a> {
    /// These logs together.
    pub fn new(strands: Vec<Strand<'a>>) -> Self {
        Self { strands }
    }

    /// The logs.
    pub fn strands(&self) -> &[Strand<'a>] {
        &self.strands
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.strands.iter().map(Strand::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The gap right before a line, or where it would be if it were seen.
    pub fn gap(&self, at: At) -> Gap {
        let Some(own) = self.strands.get(at.log) else { return vec![0; self.strands.len()] };
        let time = own.lines.time(at.line);
        let rows = self.strands.iter().enumerate().map(|(n, strand)| match n.cmp(&at.log) {
            // Of lines of the same time those of the first log come first.
            std::cmp::Ordering::Less => strand.before_time(time, true),
            std::cmp::Ordering::Equal => strand.before_line(at.line),
            std::cmp::Ordering::Greater => strand.before_time(time, false),
        });
        rows.collect()
    }

    /// How many rows come before a line.
    pub fn rank(&self, at: At) -> usize {
        self.gap(at).iter().sum()
    }

    /// The gap before row `rank`.
    pub fn nth(&self, rank: usize) -> Gap {
        if let [one] = self.strands.as_slice() {
            return vec![rank.min(one.len())];
        }
        // Exactly one line has this rank: in each log the rows before it are those of lesser rank.
        self.strands
            .iter()
            .enumerate()
            .map(|(log, strand)| {
                let rank_of = |i| strand.row(i).map_or(usize::MAX, |line| self.rank(At { log, line }));
                partition(strand.len(), |i| rank_of(i) < rank)
            })
            .collect()
    }

    /// The line after a gap, which moves behind it.
    pub fn next(&self, gap: &mut Gap) -> Option<At> {
        let heads = self.strands.iter().zip(gap.iter()).enumerate();
        let first = heads.filter_map(|(log, (strand, i))| Some((strand.lines.time(strand.row(*i)?), log))).min()?;
        let log = first.1;
        let line = self.strands[log].row(gap[log])?;
        gap[log] += 1;
        Some(At { log, line })
    }

    /// The line before a gap, which moves before it.
    pub fn back(&self, gap: &mut Gap) -> Option<At> {
        let tails = self.strands.iter().zip(gap.iter()).enumerate();
        let last = tails.filter_map(|(log, (strand, i))| Some((strand.lines.time(strand.row(i.checked_sub(1)?)?), log))).max()?;
        let log = last.1;
        gap[log] -= 1;
        Some(At { log, line: self.strands[log].row(gap[log])? })
    }

    /// The line in row `rank`.
    pub fn at(&self, rank: usize) -> Option<At> {
        self.next(&mut self.nth(rank))
    }

    /// At most `count` lines from row `rank` on.
    pub fn rows(&self, rank: usize, count: usize) -> Vec<At> {
        let mut gap = self.nth(rank);
        std::iter::from_fn(|| self.next(&mut gap)).take(count).collect()
    }

    /// Whether a line is among those seen.
    pub fn shows(&self, at: At) -> bool {
        self.next(&mut self.gap(at)) == Some(at)
    }

    /// When a line was written.
    pub fn time(&self, at: At) -> i64 {
        self.strands.get(at.log).map_or(0, |strand| strand.lines.time(at.line))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: i64 = 1_795_615_000_000;

    /// A log whose lines have these seconds, or none.
    fn log(seconds: &[Option<u32>], chunk: usize) -> Lines {
        let mut lines = Lines::new(4_096, 0, false);
        let mut text = String::new();
        for (n, second) in seconds.iter().enumerate() {
            match second {
                Some(s) => text.push_str(&format!("{} line {n}\n", BASE / 1_000 + i64::from(*s))),
                None => text.push_str(&format!("  more of line {n}\n")),
            }
        }
        for part in text.as_bytes().chunks(chunk) {
            lines.feed(lines.source_size(), part, BASE);
        }
        lines
    }

    #[test]
    fn lines_are_in_the_order_of_time_and_what_has_none_stays_with_its_predecessor() {
        let a = log(&[Some(10), None, Some(30)], 999);
        let b = log(&[Some(20), Some(20), None, Some(5)], 999);
        let weave = Weave::new(vec![Strand::new(&a, None, true), Strand::new(&b, None, true)]);
        let got: Vec<_> = weave.rows(0, 99).into_iter().map(|at| (at.log, at.line)).collect();
        assert_eq!(got, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (0, 2)]);
        assert_eq!(weave.rank(At { log: 0, line: 2 }), 6);
    }

    #[test]
    fn a_late_line_finds_its_place_and_a_window_has_a_beginning() {
        let a = log(&[Some(10), Some(40)], 999);
        let mut b = log(&[Some(20)], 999);
        let top = At { log: 0, line: 1 };
        let rank = |b: &Lines| Weave::new(vec![Strand::new(&a, None, true), Strand::new(b, None, true)]).rank(top);
        assert_eq!(rank(&b), 2);
        b.feed(b.source_size(), format!("{} late\n", BASE / 1_000 + 30).as_bytes(), BASE);
        assert_eq!(rank(&b), 3);
        let weave = Weave::new(vec![Strand::new(&a, None, true).since(BASE + 25_000), Strand::new(&b, None, true).since(BASE + 25_000)]);
        assert_eq!(weave.rows(0, 9), [At { log: 1, line: 1 }, At { log: 0, line: 1 }]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled_and_every_log_keeps_its_order(
            logs in proptest::collection::vec(proptest::collection::vec(proptest::option::weighted(0.7, 0_u32..50), 0..30), 1..4),
            chunk in 1..200_usize, every in 1..4_usize,
        ) {
            let logs: Vec<Lines> = logs.iter().map(|seconds| log(seconds, chunk)).collect();
            let kept: Vec<VecDeque<i64>> = logs.iter().map(|l| (l.first()..l.end()).step_by(every).collect()).collect();
            let strands = logs.iter().zip(&kept).map(|(l, k)| Strand::new(l, (every > 1).then_some(k), every == 1)).collect();
            let weave = Weave::new(strands);
            let rows = weave.rows(0, usize::MAX);
            prop_assert_eq!(rows.len(), weave.len());
            for (n, list) in kept.iter().enumerate() {
                let own: Vec<i64> = rows.iter().filter(|at| at.log == n).map(|at| at.line).collect();
                prop_assert_eq!(&own, &list.iter().copied().collect::<Vec<_>>());
            }
            prop_assert!(rows.windows(2).all(|w| (weave.time(w[0]), w[0].log) <= (weave.time(w[1]), w[1].log)));
            for (rank, at) in rows.iter().enumerate() {
                prop_assert_eq!(weave.rank(*at), rank);
                prop_assert_eq!(weave.at(rank), Some(*at));
                prop_assert!(weave.shows(*at));
            }
            let mut gap = weave.nth(rows.len());
            let mut back: Vec<At> = std::iter::from_fn(|| weave.back(&mut gap)).collect();
            back.reverse();
            prop_assert_eq!(back, rows);
        }
    }
}
