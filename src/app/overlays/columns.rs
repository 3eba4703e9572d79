//! The columns of the queue: which, in which order, how wide. The queue behind it shows each change at once.
//!
//! Nothing is kept before Enter; Esc leaves everything as it was.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::select;
use crate::model::{Chosen, Column, Command};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct ColumnsForm {
    /// What was shown before.
    before: Option<Vec<Chosen>>,
    /// Every column, the shown ones first and in their order, and whether it is shown.
    all: Vec<(Chosen, bool)>,
    cursor: Cursor,
}

/// How wide a column becomes that was automatic, in cells.
const FIRST: u16 = 12;

impl ColumnsForm {
    /// A form for the columns that are shown; `None` are squeue's own.
    pub(in crate::app) fn new(before: Option<Vec<Chosen>>) -> Self {
        let shown = before.clone().unwrap_or_else(Chosen::defaults);
        let mut all: Vec<_> = shown.iter().map(|chosen| (*chosen, true)).collect();
        let others = Column::ALL.iter().map(|(column, ..)| Chosen { column: *column, cells: None });
        all.extend(others.filter(|other| shown.iter().all(|chosen| chosen.column != other.column)).map(|other| (other, false)));
        Self { before, all, cursor: Cursor::default() }
    }

    fn chosen(&self) -> Vec<Chosen> {
        self.all.iter().filter(|(_, shown)| *shown).map(|(chosen, _)| *chosen).collect()
    }

    fn toggle(&mut self) {
        let others = self.all.iter().enumerate().any(|(i, (_, shown))| i != self.cursor.index && *shown);
        if let Some((_, shown)) = self.all.get_mut(self.cursor.index) {
            // A queue without any column would show nothing.
            *shown = !*shown || !others;
        }
    }

    fn carry(&mut self, down: bool) {
        let from = self.cursor.index;
        let to = if down { from + 1 } else { from.wrapping_sub(1) };
        if to < self.all.len() {
            self.all.swap(from, to);
            self.cursor.index = to;
        }
    }

    fn size(&mut self, change: impl Fn(Option<u16>) -> Option<u16>) {
        if let Some((chosen, _)) = self.all.get_mut(self.cursor.index) {
            chosen.cells = change(chosen.cells);
        }
    }

    fn keep(&mut self) -> Vec<Intent> {
        let chosen = self.chosen();
        if self.before.as_ref() == Some(&chosen) || self.before.is_none() && chosen == Chosen::defaults() {
            return self.leave();
        }
        let words = "keeping the columns".to_owned();
        vec![Intent::Close, Intent::Columns(Some(chosen.clone())), Intent::Run(Command::KeepColumns(chosen), words)]
    }
}

impl Overlay for ColumnsForm {
    fn leave(&mut self) -> Vec<Intent> {
        vec![Intent::Close, Intent::Columns(self.before.clone())]
    }

    fn press(&mut self, chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        let (least, most) = (*Chosen::CELLS.start(), *Chosen::CELLS.end());
        match chord.key {
            Key::Esc => return self.leave(),
            Key::Char('c') if chord.ctrl => return self.leave(),
            Key::Enter => return self.keep(),
            Key::Char(' ') => self.toggle(),
            Key::Char('J') => self.carry(true),
            Key::Char('K') => self.carry(false),
            Key::Down if chord.alt || chord.ctrl => self.carry(true),
            Key::Up if chord.alt || chord.ctrl => self.carry(false),
            Key::Char('+' | '=') => self.size(|cells| Some(cells.map_or(FIRST, |cells| (cells + 1).min(most)))),
            Key::Char('-') => self.size(|cells| Some(cells.map_or(FIRST, |cells| (cells - 1).max(least)))),
            Key::Char('0') => self.size(|_| None),
            _ => {
                let rows = self.all.len();
                if let Some(action) = action {
                    self.cursor.act(action, rows, rows);
                }
                return Vec::new();
            }
        }
        vec![Intent::Columns(Some(self.chosen()))]
    }

    fn areas(&self) -> &'static [Area] {
        &[Area::List]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let keys = [("space", "show"), ("J K", "move"), ("+ -", "width"), ("0", "automatic"), ("⏎", "keep"), ("esc", "leave as it was")];
        keys.map(|(key, word)| (key.to_owned(), word)).to_vec()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let rows = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        // The lower half: the queue stays in sight above.
        let above = body.height.div_ceil(2);
        let body = Rect { y: body.y + above, height: body.height - above, ..body };
        let at = format!("{} of {rows}", self.cursor.index + 1);
        let inner = sheet(buf, body, (54, rows), "Columns of the queue", &at, look);
        let mut cursor = self.cursor;
        cursor.settle(self.all.len(), usize::from(inner.height));
        for (at, (y, (chosen, shown))) in (inner.y..inner.bottom()).zip(self.all.iter().skip(cursor.offset)).enumerate() {
            let style = look.style(if *shown { Tone::Plain } else { Tone::Dim });
            put(buf, inner.x, y, if *shown { "✓" } else { "·" }, 1, look.style(if *shown { Tone::Good } else { Tone::Dim }));
            put(buf, inner.x + 2, y, chosen.column.title(), 17, style);
            let cells = chosen.cells.map_or_else(|| "auto".to_owned(), |cells| cells.to_string());
            put(buf, inner.x + 20, y, &format!("{cells:>4}"), 4, style);
            put(buf, inner.x + 26, y, chosen.column.words(), inner.width.saturating_sub(26), look.style(Tone::Dim));
            if cursor.offset + at == cursor.index {
                select(buf, inner, y, look, true);
            }
        }
    }
}
