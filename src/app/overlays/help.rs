//! All keys, made from the table of actions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, page, place};
use super::{Intent, Look, Overlay, sheet};
use crate::protocol::action::ROWS;
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug, Default)]
pub(in crate::app) struct Help {
    scroll: Scroll,
}

impl Overlay for Help {
    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Help | Action::Quit | Action::Open) => vec![Intent::Close],
            Some(action) => {
                self.scroll.act(action, rows(look).len(), page(look.body()));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Everywhere]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (rows, page) = (rows(look), page((body.width, body.height)));
        let top = self.scroll.top(rows.len(), page);
        let remark = match place(top, rows.len(), page) {
            all if all.is_empty() => "esc closes".to_owned(),
            part => part,
        };
        let room = body.width.saturating_sub(4).min(100);
        let inner = sheet(buf, body, (room, u16::try_from(rows.len()).unwrap_or(200)), "Keys", &remark, look);
        for (y, (keys, words)) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            let tone = if keys.is_empty() { Tone::Strong } else { Tone::Plain };
            put(buf, inner.x, y, keys, 16, look.style(Tone::Key));
            put(buf, inner.x + if keys.is_empty() { 0 } else { 18 }, y, words, inner.width.saturating_sub(18), look.style(tone));
        }
    }
}

/// Keys and what they do; a heading has no keys, a gap has nothing.
fn rows(look: &Look<'_>) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut last = None;
    for row in ROWS {
        if last != Some(row.area) {
            if last.is_some() {
                rows.push(Default::default());
            }
            rows.push((String::new(), row.area.title().to_owned()));
            last = Some(row.area);
        }
        let keys: Vec<String> = look.keys.keys(row.action).iter().map(ToString::to_string).collect();
        rows.push((keys.join("  "), row.words.to_owned()));
    }
    rows
}
