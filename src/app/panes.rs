//! The four panes. Each keeps its own cursor, filter and scroll, and none knows another.

mod clusters;
mod jobs;
mod logs;
mod nodes;
mod state;

pub(super) use clusters::Clusters;
pub(super) use jobs::Jobs;
pub(super) use logs::{Logs, PAUSE};
pub(super) use nodes::Nodes;
pub(super) use state::{cluster_sign, job_tone};

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::commands::Running;
use super::costs::Costs;
use super::news::Watch;
use super::store::{Slot, Store};
use crate::config::Refresh;
use crate::model::{ClusterId, Failure, FailureKind, Source};
use crate::protocol::{Clock, KeyMap};
use crate::ui::{Theme, Tone, put, width};

/// What every drawing needs to see.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: Clock,
    pub(super) keys: &'a KeyMap,
    pub(super) theme: Theme,
    pub(super) active: Option<&'a ClusterId>,
    pub(super) refresh: &'a Refresh,
    pub(super) zone: &'a TimeZone,
    pub(super) paused: bool,
    /// The local folder that files are proposed to go to.
    pub(super) folder: &'a str,
    /// Columns and rows of the whole screen.
    pub(super) size: (u16, u16),
    /// Which jobs are watched, or not: rows bear its sign.
    pub(super) watch: &'a Watch,
    /// What things cost, and what EC2 warns of.
    pub(super) costs: &'a Costs,
    /// Where clusters are looked for.
    pub(super) sources: &'a [Source],
    /// What is being done.
    pub(super) running: &'a Running,
}

impl Look<'_> {
    pub(super) fn style(&self, tone: Tone) -> Style {
        self.theme.style(tone)
    }

    /// A moment as the user's own clock shows it.
    pub(super) fn local(&self, at: jiff::Timestamp, format: &str) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime(format).to_string()
    }

    /// The age of an answer in words and tone: quiet while fresh, amber past three intervals, red beside an error.
    pub(super) fn age(&self, slot: &Slot, interval: f64) -> (String, Tone) {
        let age = slot.age(self.clock.since_start);
        let words = age.map_or_else(|| "never".to_owned(), coarse);
        match (&slot.failure, age) {
            (Some(_), _) => (words, Tone::Bad),
            #[expect(clippy::cast_precision_loss, reason = "seconds since start")]
            (None, Some(age)) if age as f64 > 3.0 * interval => (words, Tone::Waits),
            _ => (words, Tone::Dim),
        }
    }
}

/// An age that does not move every second: a fresh answer is just fresh, an older one counts in fives, then minutes.
fn coarse(seconds: u64) -> String {
    match seconds {
        0..10 => "now".to_owned(),
        10..60 => format!("{} s", seconds / 5 * 5),
        _ => crate::model::duration::age(seconds),
    }
}

/// Text broken at spaces into lines of at most `room` cells; a longer word is broken where it must be.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = word;
            if !line.is_empty() && width(&line) + 1 + width(word) > room {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            while width(word) > room {
                let end = word.char_indices().scan(0, |used, (i, c)| {
                    *used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
                    Some((i, *used))
                });
                let end = end.take_while(|(_, used)| *used <= room).last().map_or(0, |(i, _)| i);
                let end = word[end..].chars().next().map_or(word.len(), |c| end + c.len_utf8());
                lines.push(word[..end].to_owned());
                word = &word[end..];
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Writes wrapped text from the top of `area`; gives the rows used.
pub(super) fn prose(buf: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let mut y = area.y;
    for line in wrapped(text, usize::from(area.width)) {
        if y >= area.bottom() {
            break;
        }
        put(buf, area.x, y, &line, area.width, style);
        y += 1;
    }
    y - area.y
}

/// A failure where the data would be: what happened and what to do next.
pub(super) fn trouble(buf: &mut Buffer, area: Rect, failure: &Failure, look: &Look<'_>) -> u16 {
    // What only takes time needs no person.
    let (sign, tone) = if failure.kind == FailureKind::Busy { ("◐", Tone::Waits) } else { ("✗", Tone::Bad) };
    let used = prose(buf, area, &format!("{sign} {}: {}", failure.place, failure.what), look.style(tone));
    let rest = Rect { y: area.y + used, height: area.height - used, ..area };
    used + if failure.hint.is_empty() { 0 } else { prose(buf, rest, &failure.hint, look.style(Tone::Plain)) }
}

/// What to say while the first answer is on its way.
fn waiting(look: &Look<'_>, cluster: &ClusterId) -> &'static str {
    match look.store.link(cluster) {
        Some(crate::model::Link::Connecting | crate::model::Link::Trusted(_)) => "Connecting …",
        Some(crate::model::Link::Comparing) => "Comparing the host key with EC2's console output …",
        Some(crate::model::Link::Asking(_)) => "ssh asks for an answer.",
        _ if look.paused => "Paused. p goes on.",
        _ => "Asking …",
    }
}

/// Paints the row under the cursor.
pub(super) fn select(buf: &mut Buffer, area: Rect, y: u16, look: &Look<'_>, focused: bool) {
    let row = Rect { y, height: 1, ..area }.intersection(buf.area);
    if focused {
        // Turned round, every colour of the text would be a patch of its own in the bar; what has a ground of its own keeps it.
        for x in row.left()..row.right() {
            let cell = &mut buf[(x, y)];
            if cell.bg == Color::Reset {
                cell.fg = Color::Reset;
            }
        }
    }
    buf.set_style(row, look.theme.selected(focused));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_breaks_at_spaces_and_never_overflows() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
