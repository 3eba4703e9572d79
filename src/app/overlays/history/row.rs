//! A past job as a row, and who says what it says.
//!
//! Shows a state that was only seen last as no more than that.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::panes::{Look, job_tone};
use crate::model::duration::{age, slurm};
use crate::model::{JobState, Origin, Past};
use crate::ui::{Cut, Tone, fit, put, width};

/// What a column shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Id,
    Name,
    User,
    Partition,
    State,
    Exit,
    Took,
    When,
    From,
}

/// The columns that such a room has place for: title, cells, what.
pub(super) fn columns(room: u16, everyone: bool) -> Vec<(&'static str, u16, Part)> {
    let wide = room >= 110;
    let mut all = vec![("JOBID", if wide { 14 } else { 11 }, Part::Id), ("NAME", 0, Part::Name)];
    if everyone {
        all.push(("USER", 9, Part::User));
    }
    if room >= 90 {
        all.push(("PARTITION", 10, Part::Partition));
    }
    all.push(("STATE", if wide { 15 } else { 11 }, Part::State));
    all.extend([("EXIT", 6, Part::Exit), ("TOOK", 10, Part::Took), ("WHEN", 12, Part::When)]);
    if wide {
        all.push(("FROM", 18, Part::From));
    }
    let used: u16 = all.iter().map(|(_, cells, _)| cells + 1).sum();
    all[1].1 = room.saturating_sub(used);
    all
}

/// Whether the state is only the one that was last seen.
fn is_open(past: &Past) -> bool {
    !past.state.is_some_and(JobState::is_over)
}

/// Draws one job into row `y`.
pub(super) fn draw_past(buf: &mut Buffer, area: Rect, y: u16, past: &Past, columns: &[(&'static str, u16, Part)], look: &Look<'_>) {
    let state = past.state.unwrap_or(JobState::Unknown);
    let (sign, tone) = job_tone(state);
    let plain = look.style(Tone::Plain);
    let mut x = area.x;
    for (_, cells, part) in columns {
        let room = usize::from(*cells);
        let (text, style) = match part {
            Part::Id => (fit(&past.id, room, Cut::End).into_owned(), plain),
            Part::Name => (fit(&past.name, room, Cut::Middle).into_owned(), plain),
            Part::User => (fit(&past.user, room, Cut::End).into_owned(), plain),
            Part::Partition => (fit(&past.partition, room, Cut::Middle).into_owned(), plain),
            Part::State => {
                let word = if room < 15 { state.short() } else { state.long() };
                let last = if is_open(past) && state != JobState::Unknown { " ?" } else { "" };
                (format!("{sign} {word}{last}"), look.style(if last.is_empty() { tone } else { Tone::Dim }))
            }
            Part::Exit => (past.exit_code.clone().filter(|code| code != "0:0").unwrap_or_default(), look.style(Tone::Bad)),
            Part::Took => {
                let took = past.ended.zip(past.started).and_then(|(end, start)| u64::try_from(end - start).ok()).map(slurm);
                let took = took.unwrap_or_default();
                (format!("{}{took}", " ".repeat(room.saturating_sub(width(&took)))), plain)
            }
            Part::When => (when(past, look), look.style(Tone::Dim)),
            Part::From => (from(past, look), look.style(Tone::Dim)),
        };
        put(buf, x, y, &text, *cells, style);
        x += cells + 1;
    }
}

fn when(past: &Past, look: &Look<'_>) -> String {
    let at = past.ended.or(past.started).or(past.submitted).and_then(|s| jiff::Timestamp::from_second(s).ok());
    at.map_or_else(String::new, |at| look.local(at, "%d %b %H:%M"))
}

fn ago(seconds: i64, look: &Look<'_>) -> String {
    age(u64::try_from(look.clock.wall.as_second() - seconds).unwrap_or(0))
}

/// Who says so, in few words.
fn from(past: &Past, look: &Look<'_>) -> String {
    match past.origin {
        Origin::Accounting => "accounting".to_owned(),
        Origin::End => "asked at its end".to_owned(),
        Origin::Queue => format!("seen {} ago", ago(past.seen, look)),
    }
}

/// The same in a sentence, for the row under the cursor.
pub(super) fn origin_words(past: &Past, look: &Look<'_>) -> String {
    let state = past.state.unwrap_or(JobState::Unknown);
    let known = match (past.origin, state) {
        (Origin::Accounting, _) => "The scheduler's accounting says so.".to_owned(),
        (_, JobState::Unknown) => {
            format!(
                "It left the queue while qdeck did not look, and the scheduler had forgotten it by then ({} ago).",
                ago(past.seen, look)
            )
        }
        (Origin::End, _) => "The scheduler was asked how it ended.".to_owned(),
        (Origin::Queue, state) if state.is_over() => "Its end was seen in the queue.".to_owned(),
        (Origin::Queue, _) => format!("The state is the one that was last seen, {} ago.", ago(past.seen, look)),
    };
    let output = if past.stdout.is_empty() { "Where it wrote is asked when it is opened." } else { &past.stdout };
    format!("{known}  {output}")
}
