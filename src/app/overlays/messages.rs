//! Every receipt and failure of this session, newest first.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, page, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::notices::{Notice, Notices};
use crate::app::panes::wrapped;
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Tone, put};

/// The sheet: what had been said when it was opened.
#[derive(Debug)]
pub(in crate::app) struct Messages {
    all: Vec<(Timestamp, Notice)>,
    scroll: Scroll,
}

impl Messages {
    pub(in crate::app) fn new(notices: &Notices) -> Self {
        Self { all: notices.all().rev().map(|(at, n)| (at, n.clone())).collect(), scroll: Scroll::default() }
    }

    fn room(columns: u16) -> u16 {
        columns.saturating_sub(8).clamp(30, 110)
    }

    fn rows(&self, look: &Look<'_>, room: u16) -> Vec<(String, String, Tone)> {
        let mut rows: Vec<(String, String, Tone)> = Vec::new();
        for (at, notice) in &self.all {
            let time = look.local(*at, "%H:%M:%S");
            let mut time = Some(time);
            for line in wrapped(&notice.text, usize::from(room) - 10) {
                rows.push((time.take().unwrap_or_default(), line, notice.tone));
            }
            for line in wrapped(&notice.hint, usize::from(room) - 10).into_iter().filter(|l| !l.is_empty()) {
                rows.push((String::new(), line, Tone::Dim));
            }
        }
        if rows.is_empty() {
            rows.push((String::new(), "Nothing was said yet.".into(), Tone::Dim));
        }
        rows
    }
}

impl Overlay for Messages {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Clusters]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if let Some(action) = action
            && self.scroll.act(action, self.rows(look, Self::room(look.body().0)).len(), page(look.body()))
        {
            return Vec::new();
        }
        match action {
            Some(Action::Back | Action::Quit | Action::Open) => vec![Intent::Close],
            // A failure makes one wonder what is wrong.
            Some(Action::Doctor) => vec![Intent::Close, Intent::Do(Action::Doctor)],
            _ => Vec::new(),
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("H".into(), "what is wrong"), ("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = Self::room(body.width);
        let (rows, page) = (self.rows(look, room), page((body.width, body.height)));
        let top = self.scroll.top(rows.len(), page);
        let remark = match place(top, rows.len(), page) {
            all if all.is_empty() => "newest first".to_owned(),
            part => format!("newest first · {part}"),
        };
        let inner = sheet(buf, body, (room, u16::try_from(rows.len()).unwrap_or(200)), "Messages", &remark, look);
        for (y, (time, text, tone)) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            put(buf, inner.x, y, time, 8, look.style(Tone::Dim));
            put(buf, inner.x + 10, y, text, inner.width.saturating_sub(10), look.style(*tone));
        }
    }
}
