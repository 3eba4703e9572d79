//! How a cluster was over time: nodes by what they did, the length of the queue, the use of partitions, what it cost.
//!
//! Made once from what was recorded, with no more points than a chart can show. Where nothing was recorded there is nothing, and no 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Currency, Money};

/// Days of which anything is kept.
pub const DAYS: i64 = 30;
/// Two records at most so many minutes apart are one stretch; further apart there is a gap.
pub const STRETCH: i64 = 5;

/// How far a chart looks back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Window {
    /// Three hours.
    Hours3,
    /// Twelve hours.
    Hours12,
    /// One day.
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl Window {
    /// Each, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hours3, Self::Hours12, Self::Day, Self::Week, Self::Month];

    /// In words: `3 hours`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Hours3 => "3 hours",
            Self::Hours12 => "12 hours",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    /// Its length and that of one point of a chart, in minutes.
    pub fn minutes(self) -> (i64, i64) {
        match self {
            Self::Hours3 => (180, 1),
            Self::Hours12 => (720, 3),
            Self::Day => (1_440, 6),
            Self::Week => (7 * 1_440, 42),
            Self::Month => (30 * 1_440, 180),
        }
    }

    /// The next shorter or longer one, or itself.
    pub fn next(self, longer: bool) -> Self {
        let at = self as usize;
        let to = if longer { (at + 1).min(Self::ALL.len() - 1) } else { at.saturating_sub(1) };
        Self::ALL[to]
    }
}

/// What nodes do, in as few kinds as a chart can hold apart.
pub const STATES: [&str; 6] = ["busy", "idle", "starting", "draining", "down", "off"];

/// CPUs that work and CPUs that are up, by partition. Shared by minutes in which they were the same.
pub type Partitions = Arc<BTreeMap<String, (u32, u32)>>;

/// What was recorded of one minute. What was not asked then is `None`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sample {
    /// Minutes since 1970 UTC.
    pub minute: i64,
    /// Nodes by [`STATES`].
    pub nodes: Option<[u32; 6]>,
    /// CPUs that work and CPUs that are up, by partition.
    pub partitions: Partitions,
    /// Everybody's jobs that wait, and that run.
    pub all: Option<(u32, u32)>,
    /// One's own.
    pub own: Option<(u32, u32)>,
    /// What an hour cost then, of the machines whose price was known.
    pub hour: Option<Money>,
    /// How many machines had no known price.
    pub unpriced: u32,
}

/// One figure over time.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// The mean of each point; `None` where nothing was recorded.
    pub values: Vec<Option<f32>>,
    /// What was recorded last, if that is not long ago.
    pub now: Option<f32>,
}

impl Line {
    /// The largest value, the present one among them.
    pub fn peak(&self) -> f32 {
        self.values.iter().flatten().chain(&self.now).copied().fold(0.0, f32::max)
    }

    /// Whether anything was recorded.
    pub fn is_known(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }
}

/// What a day cost, as far as it was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Day {
    /// Its midnight in UTC, in seconds since 1970.
    pub start: i64,
    /// What the machines cost in the time that was recorded.
    pub cost: Money,
    /// How much of it was recorded, in minutes.
    pub minutes: u32,
    /// Whether some machine had no known price.
    pub is_partial: bool,
}

/// All of it over one window.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trail {
    /// Its first and last moment, in seconds since 1970.
    pub from: i64,
    /// See above.
    pub to: i64,
    /// Nodes by [`STATES`].
    pub nodes: Vec<Line>,
    /// Jobs that wait, and that run: everybody's, or one's own where those were recorded for longer.
    pub queue: Vec<Line>,
    /// Whether they are one's own.
    pub is_own: bool,
    /// Percent of the CPUs that were up, by partition.
    pub partitions: Vec<Line>,
    /// What an hour cost, in dollars or yuan.
    pub hour: Option<Line>,
    /// What the last thirty days cost, the oldest first; days without any record are left out.
    pub days: Vec<Day>,
    /// What it was paid in.
    pub currency: Currency,
    /// Whether it is made up.
    pub simulated: bool,
}

impl Trail {
    /// Of samples in the order of time, up to the minute `now`.
    pub fn new(window: Window, now: i64, samples: &[Sample]) -> Self {
        let (length, step) = window.minutes();
        // Whole points: what was drawn moves by a point at a time and does not tremble.
        let end = (now / step + 1) * step;
        let from = end - length;
        let points = Points { from, step, count: usize::try_from(length / step).unwrap_or(0), now };
        let inside = &samples[samples.partition_point(|sample| sample.minute < from)..];
        let line = |name: &str, value: &dyn Fn(&Sample) -> Option<f64>| points.line(name, inside, value);
        let nodes = STATES.iter().enumerate();
        let nodes = nodes.map(|(i, name)| line(name, &|s: &Sample| s.nodes.map(|nodes| f64::from(nodes[i])))).collect();
        let known = |which: &dyn Fn(&Sample) -> bool| inside.iter().filter(|sample| which(sample)).count();
        let is_own = known(&|s| s.own.is_some()) > known(&|s| s.all.is_some());
        let jobs = |s: &Sample| if is_own { s.own } else { s.all };
        let queue = vec![
            line("waiting", &|s: &Sample| jobs(s).map(|(waiting, _)| f64::from(waiting))),
            line("running", &|s: &Sample| jobs(s).map(|(_, running)| f64::from(running))),
        ];
        let mut names: Vec<&String> = inside.iter().flat_map(|sample| sample.partitions.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let used = |s: &Sample, name: &String| {
            let (used, up) = s.partitions.get(name)?;
            Some(if *up == 0 { 0.0 } else { f64::from(*used) * 100.0 / f64::from(*up) })
        };
        let partitions = names.into_iter().map(|name| line(name, &|s: &Sample| used(s, name))).collect();
        let hour = line("cost", &|s: &Sample| s.hour.map(Money::amount));
        let hour = Some(hour).filter(Line::is_known);
        Self {
            from: from * 60,
            to: end * 60,
            nodes,
            queue,
            is_own,
            partitions,
            hour,
            days: days(samples),
            currency: Currency::default(),
            simulated: false,
        }
    }

    /// The same of a cluster that is paid for in this currency. The record does not know where a cluster is.
    #[must_use]
    pub fn in_currency(mut self, currency: Currency) -> Self {
        for day in &mut self.days {
            day.cost = day.cost.in_currency(currency);
        }
        Self { currency, ..self }
    }

    /// Whether anything at all was recorded in its window.
    pub fn is_known(&self) -> bool {
        self.nodes.iter().chain(&self.queue).chain(&self.hour).any(Line::is_known)
    }
}

/// The points of a chart.
#[derive(Clone, Copy)]
struct Points {
    from: i64,
    step: i64,
    count: usize,
    now: i64,
}

impl Points {
    fn line(self, name: &str, samples: &[Sample], value: &dyn Fn(&Sample) -> Option<f64>) -> Line {
        let mut sums = vec![(0.0, 0_u32); self.count];
        for (minute, minutes, value) in stretches(samples, value) {
            for at in minute..minute + minutes {
                if let Some((sum, n)) = usize::try_from((at - self.from) / self.step).ok().and_then(|i| sums.get_mut(i)) {
                    *sum += value;
                    *n += 1;
                }
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is drawn in eighths of a cell")]
        let mean = |(sum, n): (f64, u32)| (n > 0).then(|| (sum / f64::from(n)) as f32);
        let recent = samples.iter().rev().take_while(|sample| self.now - sample.minute <= STRETCH);
        #[expect(clippy::cast_possible_truncation, reason = "it is shown with three digits")]
        let now = recent.filter_map(value).next().map(|value| value as f32);
        Line { name: name.to_owned(), values: sums.into_iter().map(mean).collect(), now }
    }
}

/// Each recorded value with the minute it begins at and the minutes it stands for: until the next, if that is near, else its own.
fn stretches<'a, T>(samples: &'a [Sample], value: &'a dyn Fn(&Sample) -> Option<T>) -> impl Iterator<Item = (i64, i64, T)> + use<'a, T> {
    let mut known = samples.iter().filter_map(move |sample| Some((sample.minute, value(sample)?))).peekable();
    std::iter::from_fn(move || {
        let (minute, value) = known.next()?;
        let apart = known.peek().map_or(1, |(next, _)| next - minute);
        Some((minute, if (1..=STRETCH).contains(&apart) { apart } else { 1 }, value))
    })
}

fn days(samples: &[Sample]) -> Vec<Day> {
    let mut all: BTreeMap<i64, (u128, i64, bool)> = BTreeMap::new();
    for (minute, minutes, (hour, unpriced)) in stretches(samples, &|s| Some((s.hour?, s.unpriced))) {
        // What reaches over midnight is the old day's: five minutes at most.
        let (sum, known, partial) = all.entry(minute.div_euclid(1_440)).or_default();
        *sum += u128::from(hour.as_micros()) * u128::try_from(minutes).unwrap_or(0);
        *known += minutes;
        *partial |= unpriced > 0;
    }
    let day = |(day, (sum, minutes, is_partial)): (i64, (u128, i64, bool))| Day {
        start: day * 86_400,
        cost: Money::micros(u64::try_from(sum / 60).unwrap_or(u64::MAX)),
        minutes: u32::try_from(minutes).unwrap_or(0),
        is_partial,
    };
    all.into_iter().map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(minute: i64, busy: u32) -> Sample {
        Sample { minute, nodes: Some([busy, 0, 0, 0, 0, 0]), ..Sample::default() }
    }

    #[test]
    fn points_are_means_and_gaps_are_gaps() {
        // Every two minutes, then nothing for half an hour, then once.
        let now = 100_000;
        let samples = [sample(now - 60, 4), sample(now - 58, 8), sample(now - 56, 8), sample(now - 20, 2)];
        let trail = Trail::new(Window::Hours3, now, &samples);
        let busy = &trail.nodes[0].values;
        assert_eq!((busy.len(), trail.to, trail.from), (180, (now + 1) * 60, (now + 1 - 180) * 60));
        let at = |minute: i64| busy[usize::try_from(minute - trail.from / 60).unwrap()];
        assert_eq!(
            [60, 59, 58, 57, 56, 55, 20, 19].map(|ago| at(now - ago)),
            [Some(4.0), Some(4.0), Some(8.0), Some(8.0), Some(8.0), None, Some(2.0), None]
        );
        // Longer points hold several minutes; a recorded 0 is no gap.
        let day = Trail::new(Window::Day, now, &samples);
        assert_eq!(day.nodes[0].values.len(), 240);
        assert_eq!(day.nodes[1].values.iter().flatten().count(), day.nodes[0].values.iter().flatten().count());
        assert!(day.nodes[1].values.iter().flatten().all(|value| *value == 0.0));
        assert_eq!(trail.nodes[0].now, None, "twenty minutes ago is not now");
        assert!(!Trail::new(Window::Hours3, now + 900, &samples).is_known());
    }

    #[test]
    fn the_queue_that_was_recorded_for_longer_is_shown_and_said() {
        let both = |minute, all| Sample { minute, own: Some((1, 2)), all, ..Sample::default() };
        let samples = [both(10, None), both(11, Some((7, 9))), both(12, None)];
        let trail = Trail::new(Window::Hours3, 12, &samples);
        assert!(trail.is_own && trail.queue[0].now == Some(1.0));
        let trail = Trail::new(Window::Hours3, 12, &samples[1..2]);
        assert!(!trail.is_own && trail.queue[1].now == Some(9.0));
    }

    #[test]
    fn partitions_are_used_in_percent_of_what_is_up() {
        let parts =
            |used, up| Sample { minute: 5, partitions: Arc::new(BTreeMap::from([("gpu".to_owned(), (used, up))])), ..Sample::default() };
        assert_eq!(Trail::new(Window::Hours3, 5, &[parts(24, 96)]).partitions[0].now, Some(25.0));
        assert_eq!(Trail::new(Window::Hours3, 5, &[parts(0, 0)]).partitions[0].now, Some(0.0));
    }

    #[test]
    fn a_day_costs_what_was_recorded_of_it() {
        let cost = |minute, unpriced| Sample { minute, hour: Some(Money::micros(6_000_000)), unpriced, ..Sample::default() };
        let samples = [cost(1_440, 0), cost(1_441, 0), cost(1_445, 0), cost(1_500, 0), cost(2 * 1_440, 1)];
        let days = Trail::new(Window::Month, 3 * 1_440, &samples).days;
        assert_eq!(
            days,
            [
                Day { start: 86_400, cost: Money::micros(700_000), minutes: 7, is_partial: false },
                Day { start: 2 * 86_400, cost: Money::micros(100_000), minutes: 1, is_partial: true },
            ]
        );
    }
}
