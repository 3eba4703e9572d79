//! A cluster over time: nodes by what they do, the queue, the use of partitions, what it costs. All at once where there is room.
//!
//! Draws what the answer holds, which has no more points than a chart can show; where nothing was recorded there is nothing.

mod marks;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::prose;
use crate::model::cost::WITHOUT;
use crate::model::duration::age;
use crate::model::trail::{Day, Line};
use crate::model::{Cadence, ClusterId, Query, Trail, Window};
use crate::protocol::{Action, Area, Chord, Effect, Key};
use crate::ui::chart::{Plot, ceiling};
use crate::ui::{Tone, chart, put};

/// A minute is what one row of the record stands for.
const REFRESH: std::time::Duration = std::time::Duration::from_mins(1);
/// Room from which on all charts are shown at once.
const LARGE: (u16, u16) = (104, 24);
/// Rows that a plot shall have at least: two of blocks, and its zero line.
const PLOT: u16 = 3;

/// The overlay.
#[derive(Debug)]
pub(in crate::app) struct Charts {
    cluster: ClusterId,
    window: Window,
    view: View,
    /// Whether one chart is shown though there is room for all.
    alone: bool,
}

/// One chart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum View {
    Nodes,
    Queue,
    Use,
    Cost,
}

impl View {
    const ALL: [Self; 4] = [Self::Nodes, Self::Queue, Self::Use, Self::Cost];

    fn title(self) -> &'static str {
        match self {
            Self::Nodes => "Nodes",
            Self::Queue => "Queue",
            Self::Use => "Use",
            Self::Cost => "Cost",
        }
    }

    fn after(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

/// A plot in its colour.
struct Row<'a> {
    plot: Plot<'a>,
    tone: Tone,
}

impl Charts {
    /// Of a cluster.
    pub(in crate::app) fn new(cluster: ClusterId) -> Self {
        Self { cluster, window: Window::Hours12, view: View::Nodes, alone: false }
    }

    fn query(&self) -> Query {
        Query::Trail { cluster: self.cluster.clone(), window: self.window }
    }

    /// One chart with its heading and its times.
    fn draw_view(&self, buf: &mut Buffer, area: Rect, view: View, trail: &Trail, look: &Look<'_>) {
        let head = Rect { height: 1, ..area };
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let (words, rows) = match view {
            View::Nodes => nodes(trail),
            View::Queue => queue(trail),
            View::Use if trail.partitions.is_empty() => {
                self.heading(buf, head, view, "", look);
                prose(buf, below, "No partition was recorded in this time.", look.style(Tone::Dim));
                return;
            }
            View::Use => partitions(trail, below.height),
            View::Cost => {
                self.heading(buf, head, view, &format!("≈ {} an hour", trail.currency.words()), look);
                self.draw_cost(buf, below, trail, look);
                return;
            }
        };
        self.heading(buf, head, view, &words, look);
        self.draw_rows(buf, below, &rows, trail, look);
    }

    /// Plots one below the other, as high as there is room for, and their times.
    fn draw_rows(&self, buf: &mut Buffer, area: Rect, rows: &[Row<'_>], trail: &Trail, look: &Look<'_>) {
        let Ok(count) = u16::try_from(rows.len()) else { return };
        if count == 0 || area.height < 3 {
            return;
        }
        let all = area.height - 1;
        let (each, more) = (all / count, all % count);
        let mut y = area.y;
        for (i, row) in (0..).zip(rows) {
            let height = (each + u16::from(i < more)).min(area.bottom() - 1 - y);
            row.plot.draw(buf, Rect { y, height, ..area }, look.style(row.tone), look.style(Tone::Dim));
            y += height;
        }
        let times = marks::times(self.window, trail, look);
        chart::marks(buf, Rect { y: area.bottom() - 1, height: 1, ..area }, &times, look.style(Tone::Dim));
    }

    /// The name of a chart, or of all of them where it is alone, and what is to be seen.
    fn heading(&self, buf: &mut Buffer, row: Rect, view: View, words: &str, look: &Look<'_>) {
        let mut x = row.x;
        let names = View::ALL.into_iter().filter(|other| self.alone || *other == view);
        for other in names {
            let (word, tone) = match (self.alone, other == view) {
                (true, true) => (format!("[{}]", other.title()), Tone::Focus),
                (true, false) => (format!(" {} ", other.title()), Tone::Dim),
                (false, _) => (other.title().to_owned(), Tone::Strong),
            };
            x += put(buf, x, row.y, &word, row.right().saturating_sub(x), look.style(tone));
        }
        put(buf, x + 2, row.y, words, row.right().saturating_sub(x + 2), look.style(Tone::Dim));
    }

    /// What an hour cost in the window, and below it what each of the last days cost.
    fn draw_cost(&self, buf: &mut Buffer, area: Rect, trail: &Trail, look: &Look<'_>) {
        let upper = Rect { height: area.height.saturating_sub(1) / 2, ..area };
        match &trail.hour {
            Some(hour) => {
                let plot = Plot {
                    name: "an hour",
                    values: &hour.values,
                    now: hour.now,
                    ceiling: ceiling(hour.peak()),
                    unit: (trail.currency.sign(), ""),
                    is_bars: false,
                };
                self.draw_rows(buf, upper, &[Row { plot, tone: Tone::Key }], trail, look);
            }
            None => {
                prose(buf, upper, "No price was known in this time: only AWS's machines have one.", look.style(Tone::Dim));
            }
        }
        let lower = Rect { y: upper.bottom(), height: area.bottom() - upper.bottom(), ..area };
        draw_days(buf, lower, trail, look);
    }
}

/// Thirty days as bars, and the newest of them in words.
fn draw_days(buf: &mut Buffer, area: Rect, trail: &Trail, look: &Look<'_>) {
    let (bars, first) = marks::days(trail);
    let now = trail.days.last().map_or_else(String::new, |day| spoken(day, look));
    let words = format!("a day (UTC), as far as it was recorded   {now}");
    put(buf, area.x, area.y, &words, area.width, look.style(Tone::Dim));
    let peak = bars.iter().flatten().copied().fold(0.0, f32::max);
    let plot = Plot { name: "a day", values: &bars, now: None, ceiling: ceiling(peak), unit: (trail.currency.sign(), ""), is_bars: true };
    let chart = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    plot.draw(buf, chart, look.style(Tone::Key), look.style(Tone::Dim));
    let times = marks::dates(first, bars.len());
    chart::marks(buf, Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }, &times, look.style(Tone::Dim));
}

/// `today ≈ $41.20 for 9 h`.
fn spoken(day: &Day, look: &Look<'_>) -> String {
    let is_today = look.clock.wall.as_second().div_euclid(86_400) == day.start.div_euclid(86_400);
    let when = if is_today { "today".to_owned() } else { marks::date(day.start) };
    let partial = if day.is_partial { " + ?" } else { "" };
    format!("{when} {}{partial} for {}", day.cost.about(), age(u64::from(day.minutes) * 60))
}

fn nodes(trail: &Trail) -> (String, Vec<Row<'_>>) {
    let tones = [Tone::Works, Tone::Good, Tone::Key, Tone::Waits, Tone::Bad, Tone::Dim];
    // One scale for all: what is higher is more.
    let top = ceiling(trail.nodes.iter().map(Line::peak).fold(0.0, f32::max));
    let some = trail.nodes.iter().zip(tones).filter(|(line, _)| line.peak() > 0.0);
    let rows = some.map(|(line, tone)| Row { plot: whole(line, top), tone }).collect();
    let none: Vec<&str> = trail.nodes.iter().filter(|line| line.is_known() && line.peak() <= 0.0).map(|line| line.name.as_str()).collect();
    let words = if none.is_empty() { String::new() } else { format!(", none {}", none.join(" or ")) };
    (format!("by what they do{words}"), rows)
}

fn queue(trail: &Trail) -> (String, Vec<Row<'_>>) {
    let whose = if trail.is_own { "your jobs, and tasks of arrays" } else { "everybody's jobs, and tasks of arrays" };
    let tones = [Tone::Waits, Tone::Good];
    let rows = trail.queue.iter().zip(tones).filter(|(line, _)| line.is_known());
    (whose.to_owned(), rows.map(|(line, tone)| Row { plot: whole(line, ceiling(line.peak())), tone }).collect())
}

fn partitions(trail: &Trail, height: u16) -> (String, Vec<Row<'_>>) {
    let room = usize::from((height.saturating_sub(1) / PLOT).max(1));
    let left_out = trail.partitions.len().saturating_sub(room);
    let more = if left_out > 0 { format!(", {left_out} partitions more") } else { String::new() };
    let percent = |line| Row { plot: Plot { unit: ("", " %"), ..whole(line, 100.0) }, tone: Tone::Works };
    (format!("CPUs that work, of those that are up{more}"), trail.partitions.iter().take(room).map(percent).collect())
}

fn whole(line: &Line, ceiling: f32) -> Plot<'_> {
    Plot { name: &line.name, values: &line.values, now: line.now, ceiling, unit: ("", ""), is_bars: false }
}

impl Overlay for Charts {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Everywhere]
    }

    fn press(&mut self, chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match (chord.key, action) {
            (Key::Char('['), _) => self.window = self.window.next(false),
            (Key::Char(']'), _) => self.window = self.window.next(true),
            (Key::Right, _) | (_, Some(Action::NextPane)) => self.view = self.view.after(1),
            (Key::Left, _) | (_, Some(Action::PreviousPane)) => self.view = self.view.after(3),
            (_, Some(Action::Zoom | Action::Open)) => self.alone = !self.alone,
            (_, Some(Action::Refresh)) => return vec![Intent::Effect(Effect::Refresh(self.query()))],
            (_, Some(Action::Back | Action::Quit | Action::Charts)) => return vec![Intent::Close],
            _ => {}
        }
        Vec::new()
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(self.query(), Cadence::Every(REFRESH))]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let keys = [("[ ]", "shorter, longer"), ("tab", "next chart"), ("z", "one or all"), ("r", "refresh"), ("esc", "close")];
        keys.map(|(key, word)| (key.to_owned(), word)).to_vec()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let query = self.query();
        let trail = look.store.trail(&query);
        let simulated = if trail.is_some_and(|trail| trail.simulated) { "simulated · " } else { "" };
        let remark = format!("{simulated}last {}", self.window.words());
        let room = (body.width.saturating_sub(4), body.height.saturating_sub(2));
        let inner = sheet(buf, body, room, &format!("Charts · {}", self.cluster.name()), &remark, look);
        let Some(trail) = trail else {
            let failure = look.store.slot(&query).and_then(|slot| slot.failure.as_ref());
            match failure {
                Some(failure) => crate::app::panes::trouble(buf, inner, failure, look),
                None => prose(buf, inner, "Asking …", look.style(Tone::Dim)),
            };
            return;
        };
        if !trail.is_known() && trail.days.is_empty() {
            let words = "Nothing is recorded of this time. qdeck writes down one row a minute of each cluster that it looks at, and keeps it \
                         for 30 days.";
            prose(buf, inner, words, look.style(Tone::Dim));
            return;
        }
        let inner = Rect { height: inner.height.saturating_sub(1), ..inner };
        let all = !self.alone && inner.width >= LARGE.0 && inner.height >= LARGE.1;
        let costs = if all || self.view == View::Cost { format!(" ≈ {WITHOUT}") } else { String::new() };
        let note = format!("Gaps: no record{}{costs}", if costs.is_empty() { "." } else { ";" });
        put(buf, inner.x, inner.bottom(), &note, inner.width, look.style(Tone::Dim));
        if all {
            let (w, h) = (inner.width / 2 - 1, inner.height / 2);
            for (i, view) in (0..).zip(View::ALL) {
                let (x, y) = (inner.x + (i % 2) * (w + 2), inner.y + (i / 2) * h);
                self.draw_view(buf, Rect::new(x, y, w, h.saturating_sub(u16::from(i < 2))), view, trail, look);
            }
            return;
        }
        let alone = Self { cluster: self.cluster.clone(), alone: true, ..*self };
        alone.draw_view(buf, inner, self.view, trail, look);
    }
}
