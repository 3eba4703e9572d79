//! Submissions whose answer was cut off: what becomes of each is found out by asking its scheduler, and only then is it sent again.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Confirm, Intent, Look, Overlay, sheet};
use crate::app::notices::Notice;
use crate::app::panes::{prose, select, trouble};
use crate::model::duration::age;
use crate::model::{Cadence, Command, Query, Unsent};
use crate::protocol::{Action, Chord};
use crate::ui::{Cursor, Cut, Tone, fit, put};

/// The record is a file of this machine: looking at it costs nobody anything.
const LOOK: Duration = Duration::from_secs(1);

/// The sheet.
#[derive(Debug, Default)]
pub(in crate::app) struct Outbox {
    cursor: Cursor,
}

impl Outbox {
    fn give_up(one: &Unsent) -> Intent {
        let command = Command::Forget { cluster: one.cluster.clone(), token: one.token.clone() };
        Intent::Open(Box::new(Confirm::dangerous(
            format!("Give up {}?", one.name),
            format!(
                "It was confirmed for {} and cut off. Whether it became a job is not found out; if it did, the job goes on.",
                one.cluster.name()
            ),
            "give it up",
            vec![Intent::Run(command, format!("giving up {}", one.name))],
        )))
    }
}

/// Finds out what became of a submission, and sends it if it never arrived.
pub(in crate::app) fn finish(one: &Unsent) -> Intent {
    let command = Command::Finish { cluster: one.cluster.clone(), token: one.token.clone() };
    Intent::Run(command, format!("finishing {}, which was cut off", one.name))
}

impl Overlay for Outbox {
    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let all = look.store.unsent();
        if let Some(action) = action
            && self.cursor.act(action, all.len(), 10)
        {
            return Vec::new();
        }
        let one = all.get(self.cursor.index);
        match (action, chord.typed(), one) {
            (Some(Action::Back | Action::Quit), ..) => vec![Intent::Close],
            (Some(Action::Open), _, Some(one)) if one.busy => {
                vec![Intent::Note(Notice::plain(format!("A qdeck is at work on {} already.", one.name)))]
            }
            (Some(Action::Open), _, Some(one)) => vec![finish(one)],
            (_, Some('d'), Some(one)) if !one.busy => vec![Self::give_up(one)],
            _ => Vec::new(),
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(Query::Outbox, Cadence::Every(LOOK))]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "find out, and send if it never arrived"), ("d".into(), "give up"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let all = look.store.unsent();
        let room = (body.width.saturating_sub(8).clamp(30, 96), u16::try_from(all.len()).unwrap_or(20).clamp(4, 20));
        let inner = sheet(buf, body, room, "Outbox · submissions that were cut off", "", look);
        if let Some(failure) = look.store.slot(&Query::Outbox).and_then(|slot| slot.failure.as_ref()) {
            trouble(buf, inner, failure, look);
            return;
        }
        if all.is_empty() {
            prose(buf, inner, "Nothing is open: what became of every submission is known.", look.style(Tone::Dim));
            return;
        }
        let mut cursor = self.cursor;
        cursor.settle(all.len(), usize::from(inner.height));
        for (i, (y, one)) in (inner.y..inner.bottom()).zip(all.iter().skip(cursor.offset)).enumerate() {
            let since = u64::try_from(look.clock.wall.as_second() - one.begun).unwrap_or(0);
            let (state, tone) = match (one.busy, one.stale) {
                (true, _) => ("◐ at work", Tone::Works),
                (false, true) => ("✗ too long ago to find out", Tone::Bad),
                (false, false) => ("‖ cut off", Tone::Waits),
            };
            let mut x = inner.x;
            for (text, cells, tone) in [
                (fit(&one.name, 30, Cut::Middle).into_owned(), 31, Tone::Plain),
                (fit(one.cluster.name(), 18, Cut::Middle).into_owned(), 19, Tone::Plain),
                (format!("{} ago", age(since)), 12, Tone::Dim),
                (state.to_owned(), 28, tone),
            ] {
                put(buf, x, y, &text, inner.right().saturating_sub(x).min(cells), look.style(tone));
                x += cells;
            }
            if cursor.offset + i == cursor.index {
                select(buf, inner, y, look, true);
            }
        }
    }
}
