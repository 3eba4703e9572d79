//! One line of text that is being typed.

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::paint::{Cut, fit, put, width};
use crate::protocol::{Chord, Key};

/// The text and where the next character goes (a byte position on a grapheme's edge).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Field {
    text: String,
    at: usize,
}

impl Field {
    /// A field that holds `text` already, cursor at its end.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts text in, line breaks as spaces.
    pub fn insert(&mut self, text: &str) {
        let text: String = text.chars().map(|c| if c == '\n' || c == '\r' || c == '\t' { ' ' } else { c }).collect();
        self.text.insert_str(self.at, &text);
        self.at += text.len();
    }

    /// Edits as a shell would: characters, Backspace, Delete, arrows, Home/End, ctrl-a/e/u/k/w. False when the chord edits nothing.
    pub fn press(&mut self, chord: Chord) -> bool {
        if let Some(c) = chord.typed() {
            self.insert(c.encode_utf8(&mut [0; 4]));
            return true;
        }
        let before = self.text[..self.at].graphemes(true).next_back().map_or(0, str::len);
        let after = self.text[self.at..].graphemes(true).next().map_or(0, str::len);
        match (chord.key, chord.ctrl) {
            (Key::Backspace, _) | (Key::Char('h'), true) => {
                self.text.replace_range(self.at - before..self.at, "");
                self.at -= before;
            }
            (Key::Delete, _) | (Key::Char('d'), true) => self.text.replace_range(self.at..self.at + after, ""),
            (Key::Left, _) | (Key::Char('b'), true) => self.at -= before,
            (Key::Right, _) | (Key::Char('f'), true) => self.at += after,
            (Key::Home, _) | (Key::Char('a'), true) => self.at = 0,
            (Key::End, _) | (Key::Char('e'), true) => self.at = self.text.len(),
            (Key::Char('u'), true) => {
                self.text.replace_range(..self.at, "");
                self.at = 0;
            }
            (Key::Char('k'), true) => self.text.truncate(self.at),
            (Key::Char('w'), true) => {
                let kept = self.text[..self.at].trim_end().rfind([' ', '/']).map_or(0, |p| p + 1);
                self.text.replace_range(kept..self.at, "");
                self.at = kept;
            }
            _ => return false,
        }
        true
    }

    /// Draws the end of the text before the cursor, the cursor, and what follows. `secret` shows dots.
    pub fn draw(&self, buf: &mut Buffer, x: u16, y: u16, room: u16, style: Style, secret: bool) {
        let hide = |s: &str| if secret { "•".repeat(s.graphemes(true).count()) } else { s.to_owned() };
        let (before, after) = (hide(&self.text[..self.at]), hide(&self.text[self.at..]));
        let before = fit(&before, usize::from(room.saturating_sub(2)), Cut::Start);
        put(buf, x, y, &" ".repeat(usize::from(room)), room, style);
        let mut at = x + put(buf, x, y, &before, room, style);
        let under = after.graphemes(true).next().unwrap_or(" ");
        at += put(buf, at, y, under, room.saturating_sub(at - x), style.add_modifier(Modifier::REVERSED));
        let rest = after.get(under.len()..).unwrap_or("");
        put(buf, at, y, rest, room.saturating_sub(at - x), style);
        debug_assert!(width(&before) <= usize::from(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_never_cuts_a_character() {
        let mut field = Field::new("/home/é日");
        for chord in ["backspace", "left", "delete", "x", "ctrl-w", "ctrl-u", "ctrl-k", "backspace", "home", "left", "delete"] {
            field.press(chord.parse().unwrap());
        }
        assert_eq!(field.text(), "");
        field.insert("a\nb");
        assert_eq!(field.text(), "a b");
        assert!(!field.press(Chord::plain(Key::Enter)));
    }
}
