//! One row of the queue in ink: a job, a task, or an array with the bar of its tasks.
//!
//! Costs what the row's cells cost, however many tasks an array has.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::{Look, job_tone};
use super::plan::{GUTTER, Plan};
use crate::model::arrange::{Array, Row, Tally, shown};
use crate::model::duration::{slurm, thousands};
use crate::model::{Arrangement, Column, Job, JobState, Order};
use crate::ui::{Cut, Tone, fit, put, width};

/// The row of headings, the one that is sorted by with its arrow.
pub(super) fn heading(buf: &mut Buffer, area: Rect, plan: &Plan, order: Order, look: &Look<'_>) {
    for place in &plan.0 {
        let room = usize::from(place.room);
        let sorted = order.column == Some(place.column);
        let title = match place.column {
            Column::Place if room < width(Column::Place.title()) => "NODES/WHY",
            column => column.title(),
        };
        let arrow = if order.descending { "▼" } else { "▲" };
        let title = match (sorted, width(title) + 2 <= room) {
            (false, _) => fit(title, room, Cut::End).into_owned(),
            (true, true) => format!("{title} {arrow}"),
            // Without its arrow the heading would not say what it has to.
            (true, false) => format!("{}{arrow}", fit(title, room.saturating_sub(1), Cut::End)),
        };
        let pad = if place.column.is_number() { room.saturating_sub(width(&title)) } else { 0 };
        let style = look.style(if sorted { Tone::Key } else { Tone::Dim });
        put(buf, area.x + place.x + cells(pad), area.y, &title, place.room - cells(pad), style);
    }
}

/// What a row is drawn from.
pub(super) struct Ink<'a> {
    pub(super) shown: &'a Arrangement,
    pub(super) plan: &'a Plan,
    pub(super) look: &'a Look<'a>,
    /// The last answer was a failure: what is shown is what was.
    pub(super) stale: bool,
}

impl Ink<'_> {
    /// Draws one row at `y`.
    pub(super) fn row(&self, buf: &mut Buffer, area: Rect, y: u16, row: Row, marked: bool) {
        let Some(job) = self.shown.job_of(row) else { return };
        let array = if let Row::Array(n) = row { self.shown.arrays.get(n as usize) } else { None };
        let dim = self.stale || job.state().is_over();
        let plain = self.look.style(if dim { Tone::Dim } else { Tone::Plain });
        let mark = self.look.style(Tone::Key);
        if marked {
            put(buf, area.x, y, "◆", 1, mark);
        }
        if let Some(array) = array {
            put(buf, area.x + 1, y, if array.open { "▾" } else { "▸" }, 1, mark);
        }
        for place in &self.plan.0 {
            let (x, room) = (area.x + place.x, usize::from(place.room));
            if let Some(array) = array.filter(|_| self.shows_tasks(place.column)) {
                let named = if place.column == Column::Name { job.name() } else { "" };
                self.tasks(buf, (x, y, place.room), array, &job, named, plain);
                continue;
            }
            let (text, style) = match place.column {
                Column::Id => (self.id(row, &job, array), if marked { mark } else { plain }),
                column => self.cell(column, &job, array, room, plain),
            };
            let text = fit(&text, room, cut(place.column, &text));
            let pad = if place.column.is_number() { room.saturating_sub(width(&text)) } else { 0 };
            put(buf, x + cells(pad), y, &text, place.room - cells(pad), style);
        }
    }

    fn id<'b>(&self, row: Row, job: &Job<'b>, array: Option<&Array>) -> Cow<'b, str> {
        let watched = self.look.active.and_then(|cluster| self.look.watch.sign(cluster, job.id()));
        let label = match array {
            Some(array) => array.label(&self.shown.wish.table).into(),
            None => shown(job),
        };
        let indent = if matches!(row, Row::Task(_)) && array.is_none() { "  " } else { "" };
        match watched {
            Some(sign) => format!("{indent}{sign} {label}").into(),
            None if indent.is_empty() => label,
            None => format!("{indent}{label}").into(),
        }
    }

    fn cell<'b>(&self, column: Column, job: &Job<'b>, array: Option<&Array>, room: usize, plain: Style) -> (Cow<'b, str>, Style) {
        let (sign, tone) = job_tone(job.state());
        let toned = self.look.style(if self.stale { Tone::Dim } else { tone });
        match (column, array) {
            (Column::State | Column::LongState, _) => (format!("{sign} {}", column.text(job)).into(), toned),
            (Column::Time, Some(array)) => (array.time_used.map_or_else(String::new, slurm).into(), plain),
            (Column::Nodes, Some(array)) => (array.nodes.to_string().into(), plain),
            (Column::Cpus, Some(array)) => (array.cpus.to_string().into(), plain),
            (Column::Place | Column::Reason, None) if job.state().is_waiting() || job.state().is_bad() => (column.text(job), toned),
            (Column::SubmitTime | Column::StartTime | Column::EndTime, _) => {
                let text = column.moment(job).map_or_else(String::new, |at| self.look.local(at, "%d %b %H:%M"));
                (text.into(), plain)
            }
            (Column::WorkDir, _) => (fit(job.work_dir(), room, Cut::Start), plain),
            _ => (column.text(job), plain),
        }
    }

    /// Whether this column is where the tasks of an array are counted: the place where a job says its nodes, else its name.
    fn shows_tasks(&self, column: Column) -> bool {
        let at = [Column::Place, Column::NodeList, Column::Reason, Column::Name].into_iter().find(|column| self.plan.has(*column));
        at == Some(column)
    }

    /// `▰▰▰▱▱▱ 31 ✓ 2 ✗ 10 ▶ 57 ○`, as much of it as there is room for: the bar gives way to the figures, and the spaces after it.
    fn tasks(&self, buf: &mut Buffer, (x, y, room): (u16, u16, u16), array: &Array, job: &Job<'_>, name: &str, plain: Style) {
        let mut parts = parts(array.tally);
        let tone = |state| self.look.style(if self.stale { Tone::Dim } else { job_tone(state).1 });
        let long = |parts: &[(u64, JobState)], gap: usize| {
            parts.iter().map(|(n, _)| width(&thousands(*n)) + 2 + gap).sum::<usize>().saturating_sub(1)
        };
        let mut at = x;
        let mut write = |text: &str, style: Style| at += put(buf, at, y, text, (x + room).saturating_sub(at), style);
        let mut rest = usize::from(room);
        if !name.is_empty() {
            let kept = rest.saturating_sub(long(&parts, 0) + 1).max(rest.min(8)).min(width(name));
            write(&format!("{} ", fit(name, kept, Cut::Middle)), plain);
            rest = rest.saturating_sub(kept + 1);
        }
        // What ended as it should is known best without being told.
        while long(&parts, 0) > rest && parts.len() > 1 {
            parts.remove(parts.iter().position(|(_, state)| *state == JobState::Cancelled).unwrap_or(0));
        }
        let gap = usize::from(rest >= long(&parts, 1));
        let spare = rest.saturating_sub(long(&parts, 1) + 1);
        if spare >= BAR.0 {
            for ((_, state), cells) in parts.iter().zip(shares(&parts, spare.min(BAR.1))) {
                write(&if state.is_waiting() { "▱" } else { "▰" }.repeat(cells), tone(*state));
            }
            write(" ", plain);
        }
        for (i, (n, state)) in parts.iter().enumerate() {
            let before = if i == 0 { "" } else { " " };
            let space = if gap == 1 { " " } else { "" };
            write(&format!("{before}{}{space}{}", thousands(*n), job_tone(*state).0), tone(*state));
        }
        let why = job.place_or_reason();
        if job.state().is_waiting() && width(&why) + 1 + BAR.1 <= spare {
            write(&format!(" {why}"), tone(job.state()));
        }
    }
}

/// The least and the most cells of a bar.
const BAR: (usize, usize) = (5, 10);

/// What there is of each kind of tasks, with a state that has its sign and tone.
fn parts(tally: Tally) -> Vec<(u64, JobState)> {
    let all = [
        (tally.well, JobState::Completed),
        (tally.badly, JobState::Failed),
        (tally.dropped, JobState::Cancelled),
        (tally.active, JobState::Running),
        (tally.waiting, JobState::Pending),
    ];
    all.into_iter().filter(|(n, _)| *n > 0).collect()
}

/// Divides the cells of a bar among its parts, none of which vanishes.
fn shares(parts: &[(u64, JobState)], cells: usize) -> Vec<usize> {
    let total = parts.iter().map(|(n, _)| u128::from(*n)).sum::<u128>().max(1);
    let share = |n: u64| usize::try_from(u128::from(n) * cells as u128 / total).unwrap_or(0).max(1);
    let mut shares: Vec<usize> = parts.iter().map(|(n, _)| share(*n)).collect();
    // What rounding took or gave is settled with the greatest.
    while shares.iter().sum::<usize>() != cells {
        let more = shares.iter().sum::<usize>() < cells;
        let Some(most) = shares.iter_mut().max() else { break };
        match (more, *most) {
            (true, _) => *most += 1,
            (false, 0 | 1) => break,
            (false, _) => *most -= 1,
        }
    }
    shares
}

/// Both ends of a name or of a list of nodes say which it is; of a path the end, of anything else the beginning.
fn cut(column: Column, text: &str) -> Cut {
    match column {
        Column::Partition | Column::Name => Cut::Middle,
        Column::Place | Column::NodeList if !text.starts_with('(') => Cut::Middle,
        Column::WorkDir => Cut::Start,
        _ => Cut::End,
    }
}

/// Whether a click at this cell of a row is meant for the sign of an array.
pub(super) fn is_sign(x: u16) -> bool {
    x < GUTTER
}

fn cells(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_and_forgets_nobody() {
        let tally = Tally { well: 31, badly: 2, dropped: 0, active: 10, waiting: 57 };
        assert_eq!(shares(&parts(tally), 10), [3, 1, 1, 5]);
        let lopsided = Tally { well: 1_000_000, badly: 1, dropped: 1, active: 1, waiting: 1 };
        assert_eq!(shares(&parts(lopsided), 6), [2, 1, 1, 1, 1]);
        assert_eq!(shares(&parts(lopsided), 3), [1, 1, 1, 1, 1], "never less than one");
        assert_eq!(shares(&parts(Tally { waiting: 7, ..Tally::default() }), 5), [5]);
        assert!(shares(&[], 5).is_empty());
    }
}
