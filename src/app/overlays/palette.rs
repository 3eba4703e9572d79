//! Finds an action by its words and does it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::verbs::offered;
use crate::protocol::action::{ROWS, Row};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Field, Tone, put};

/// The sheet.
#[derive(Debug, Default)]
pub(in crate::app) struct Palette {
    field: Field,
    cursor: Cursor,
}

const ROOM: usize = 12;

impl Palette {
    /// Actions whose name or words hold every word that was typed.
    fn found(&self, look: &Look<'_>) -> Vec<&'static Row> {
        let offer = look.active.map(|cluster| look.offer(cluster)).unwrap_or_default();
        let words: Vec<String> = self.field.text().to_lowercase().split_whitespace().map(str::to_owned).collect();
        let fits = |row: &&Row| {
            let text = format!("{} {}", row.name.replace('_', " "), row.words.to_lowercase());
            words.iter().all(|word| text.contains(word.as_str()))
        };
        // Movements and what only the picker does are quicker by key.
        let areas = [Area::Everywhere, Area::Jobs, Area::Nodes, Area::Logs];
        ROWS.iter().filter(|row| areas.contains(&row.area) && offered(row.action, offer)).filter(fits).collect()
    }
}

impl Overlay for Palette {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let found = self.found(look);
        match chord.key {
            Key::Enter => {
                let chosen = found.get(self.cursor.index).map(|row| Intent::Do(row.action));
                return std::iter::once(Intent::Close).chain(chosen).collect();
            }
            Key::Up => self.cursor.go(self.cursor.index.saturating_sub(1), found.len(), ROOM),
            Key::Down | Key::Tab => self.cursor.go(self.cursor.index + 1, found.len(), ROOM),
            _ => {
                self.field.press(chord);
                self.cursor = Cursor::default();
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("↑↓".into(), "choose"), ("⏎".into(), "do it"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let inner = sheet(buf, body, (72, 14), "Command", "", look);
        put(buf, inner.x, inner.y, ":", 1, look.style(Tone::Key));
        self.field.draw(buf, inner.x + 1, inner.y, inner.width - 1, look.style(Tone::Plain), false);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        for (i, (y, row)) in (list.y..list.bottom()).zip(self.found(look).into_iter().skip(self.cursor.offset)).enumerate() {
            put(buf, list.x, y, &look.keys.sign(row.action), 4, look.style(Tone::Key));
            put(buf, list.x + 5, y, row.words, list.width.saturating_sub(5), look.style(Tone::Plain));
            if self.cursor.offset + i == self.cursor.index {
                crate::app::panes::select(buf, list, y, look, true);
            }
        }
    }
}
