//! What is to be said of sources below the list of clusters: who fails, since when, and what to do; who has not answered yet.
//!
//! Never takes the whole pane from a list: each source keeps one line at least, and the first ones their words as far as there is room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Look, wrapped};
use crate::model::duration::age;
use crate::model::{FailureKind, Source};
use crate::ui::{Tone, put};

/// What is said of one source.
pub(super) struct Remark {
    /// In one line.
    brief: (String, Tone),
    /// In all.
    lines: Vec<(String, Tone)>,
}

/// All that is to be said, in lines of so many cells.
pub(super) fn of(look: &Look<'_>, cells: u16) -> Vec<Remark> {
    let room = usize::from(cells);
    let troubled = look.store.sources().filter_map(|(source, slot)| Some((source, slot, slot.failure.as_ref()?)));
    let mut remarks: Vec<Remark> = troubled
        .map(|(source, slot, failure)| {
            // What only takes time needs no person.
            let (sign, tone) = if failure.kind == FailureKind::Busy { ("◐", Tone::Waits) } else { ("✗", Tone::Bad) };
            let old = slot.age(look.clock.since_start).map(|seconds| age(steady(seconds)));
            let since = old.as_ref().map_or_else(String::new, |old| format!(" What is shown is {old} old."));
            let text = format!("{sign} {}: {}", failure.place, failure.what);
            let mut lines: Vec<(String, Tone)> = wrapped(&text, room).into_iter().map(|line| (line, tone)).collect();
            let hint = format!("{}{since}", failure.hint);
            lines.extend(wrapped(hint.trim(), room).into_iter().filter(|line| !line.is_empty()).map(|line| (line, Tone::Plain)));
            let old = old.map_or_else(String::new, |old| format!(" {old}"));
            Remark { brief: (format!("{sign} {}{old}: {}", name(source), failure.brief()), tone), lines }
        })
        .collect();
    // Of those that are asked for the first time nothing else can be seen, once others have answered.
    let heard = |source: &Source| look.store.slot(&crate::model::Query::Clusters(source.clone())).is_some();
    if look.sources.iter().any(heard) && !look.paused {
        remarks.extend(look.sources.iter().filter(|source| !heard(source)).map(|source| {
            let line = (format!("◐ {}: asking …", name(source)), Tone::Dim);
            Remark { brief: line.clone(), lines: vec![line] }
        }));
    }
    remarks
}

/// A figure that trembles draws the eye.
fn steady(seconds: u64) -> u64 {
    if seconds < 60 { seconds / 10 * 10 } else { seconds }
}

/// `lab/us-east-1`, or `AWS` where the SDK chose both.
fn name(source: &Source) -> String {
    match source {
        Source::Fixed => "hosts".to_owned(),
        Source::Aws { profile, region } => {
            let parts: Vec<&str> = profile.iter().chain(region).map(String::as_str).collect();
            if parts.is_empty() { "AWS".to_owned() } else { parts.join("/") }
        }
    }
}

/// The rows that all of it takes in a pane of `height` rows with `listed` clusters.
pub(super) fn rows(remarks: &[Remark], listed: usize, height: u16) -> u16 {
    let wanted = remarks.iter().map(|remark| remark.lines.len()).sum::<usize>();
    let listed = u16::try_from(listed).unwrap_or(u16::MAX);
    let room = height.saturating_sub(listed).max(if listed == 0 { height } else { height / 2 });
    u16::try_from(wanted).unwrap_or(u16::MAX).min(room)
}

/// Writes it from the top of `area`.
pub(super) fn draw(buf: &mut Buffer, area: Rect, remarks: &[Remark], look: &Look<'_>) {
    let mut y = area.y;
    for (index, remark) in remarks.iter().enumerate() {
        let left = usize::from(area.bottom().saturating_sub(y));
        let room = left.saturating_sub(remarks.len() - index - 1).min(remark.lines.len());
        let lines = if room < remark.lines.len().min(2) { std::slice::from_ref(&remark.brief) } else { &remark.lines[..room] };
        for (text, tone) in lines.iter().take(left) {
            put(buf, area.x, y, text, area.width, look.style(*tone));
            y += 1;
        }
    }
}
