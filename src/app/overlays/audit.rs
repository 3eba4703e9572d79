//! What was changed or tried from this machine, the newest first: when, by whom, where, and what came of it.
//!
//! Reads the trail and writes nothing into it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{prose, trouble, wrapped};
use crate::model::text::clean;
use crate::model::{Answer, Cadence, Deed, Failure, Query};
use crate::protocol::{Action, Chord, Effect};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug, Default)]
pub(in crate::app) struct AuditSheet {
    deeds: Option<Result<Vec<Deed>, Failure>>,
    scroll: Scroll,
}

/// Cells of the column of times.
const TIME: u16 = 16;

impl AuditSheet {
    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(4).min(120), body.1.saturating_sub(2))
    }

    /// Each deed with its time: what was done where, and below it what came of it and who did it.
    fn lines(&self, look: &Look<'_>, room: u16) -> Vec<(String, String, Tone)> {
        let Some(Ok(deeds)) = &self.deeds else { return Vec::new() };
        let room = usize::from(room.saturating_sub(TIME)).max(20);
        let mut out = Vec::new();
        for deed in deeds {
            let mut time = Some(look.local(deed.at, "%d %b %H:%M:%S"));
            let what = format!("{}: {}", deed.cluster, deed.command);
            out.extend(wrapped(&clean(&what), room).into_iter().map(|line| (time.take().unwrap_or_default(), line, Tone::Plain)));
            let is_bad = ["failed", "refused", "given up"].iter().any(|word| deed.result.starts_with(word));
            let tone = if is_bad { Tone::Bad } else { Tone::Good };
            let result = format!("{}  ({})", deed.result, deed.user);
            out.extend(wrapped(&clean(&result), room).into_iter().map(|line| (String::new(), line, tone)));
        }
        out
    }
}

impl Overlay for AuditSheet {
    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let (room, height) = Self::room(look.body());
        match action {
            Some(Action::Back | Action::Quit | Action::Open) => return vec![Intent::Close],
            Some(Action::Refresh) => return vec![Intent::Effect(Effect::Refresh(Query::Audit))],
            Some(action) => {
                self.scroll.act(action, self.lines(look, room).len(), usize::from(height));
            }
            None => {}
        }
        Vec::new()
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        match (query, result) {
            (Query::Audit, Ok(Answer::Audit(deeds))) => self.deeds = Some(Ok(deeds.clone())),
            (Query::Audit, Err(failure)) => self.deeds = Some(Err(failure.clone())),
            _ => {}
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(Query::Audit, Cadence::Once)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (room, height) = Self::room((body.width, body.height));
        let lines = self.lines(look, room);
        let rows = u16::try_from(lines.len()).unwrap_or(height).clamp(3, height.max(3));
        let top = self.scroll.top(lines.len(), usize::from(height));
        let remark = format!("newest first {}", place(top, lines.len(), usize::from(height)));
        let inner = sheet(buf, body, (room, rows), "Changes from this machine", remark.trim_end(), look);
        match &self.deeds {
            None => {
                prose(buf, inner, "Reading …", look.style(Tone::Dim));
            }
            Some(Err(failure)) => {
                trouble(buf, inner, failure, look);
            }
            Some(Ok(deeds)) if deeds.is_empty() => {
                prose(buf, inner, "Nothing was changed from this machine yet.", look.style(Tone::Dim));
            }
            Some(Ok(_)) => {
                for (y, (time, text, tone)) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
                    put(buf, inner.x, y, time, TIME, look.style(Tone::Dim));
                    put(buf, inner.x + TIME, y, text, inner.width.saturating_sub(TIME), look.style(*tone));
                }
            }
        }
    }
}
