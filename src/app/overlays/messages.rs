//! Every receipt and failure of this session, newest first.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::notices::{Notice, Notices};
use crate::app::panes::wrapped;
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Tone, put};

/// The sheet: what had been said when it was opened.
#[derive(Debug)]
pub(in crate::app) struct Messages {
    all: Vec<(Timestamp, Notice)>,
    top: usize,
}

impl Messages {
    pub(in crate::app) fn new(notices: &Notices) -> Self {
        Self { all: notices.all().rev().map(|(at, n)| (at, n.clone())).collect(), top: 0 }
    }
}

impl Overlay for Messages {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Clusters]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Quit | Action::Open) => return vec![Intent::Close],
            // A failure makes one wonder what is wrong.
            Some(Action::Doctor) => return vec![Intent::Close, Intent::Do(Action::Doctor)],
            Some(Action::Down) => self.top += 1,
            Some(Action::Up) => self.top = self.top.saturating_sub(1),
            Some(Action::PageDown) => self.top += 10,
            Some(Action::PageUp) => self.top = self.top.saturating_sub(10),
            _ => {}
        }
        Vec::new()
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("H".into(), "what is wrong"), ("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = body.width.saturating_sub(8).clamp(30, 110);
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
        let inner = sheet(buf, body, (room, u16::try_from(rows.len()).unwrap_or(200)), "Messages", "newest first", look);
        let top = self.top.min(rows.len().saturating_sub(usize::from(inner.height)));
        for (y, (time, text, tone)) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            put(buf, inner.x, y, time, 8, look.style(Tone::Dim));
            put(buf, inner.x + 10, y, text, inner.width.saturating_sub(10), look.style(*tone));
        }
    }
}
