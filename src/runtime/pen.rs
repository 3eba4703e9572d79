//! Turns the difference of two screens into the fewest bytes we can: no byte for a cell that did not change.
//!
//! Remembers where the cursor is and which style is in force, across frames.

use std::io::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

/// The style in force on the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ink {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Ink = Ink { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

/// What we know of the terminal's state.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    ink: Option<Ink>,
    at: Option<(u16, u16)>,
}

impl Pen {
    /// Knows nothing: the first cell says everything.
    pub(super) fn new() -> Self {
        Self { ink: None, at: None }
    }

    /// Appends what turns `old` into `new`. Nothing when they are the same.
    pub(super) fn draw(&mut self, old: &Buffer, new: &Buffer, out: &mut Vec<u8>) {
        for (x, y, cell) in old.diff(new) {
            self.go(x, y, out);
            let modifier = cell.modifier - Modifier::HIDDEN - Modifier::SLOW_BLINK - Modifier::RAPID_BLINK;
            self.dip(Ink { fg: cell.fg, bg: cell.bg, modifier }, out);
            out.extend_from_slice(cell.symbol().as_bytes());
            // A wide or combined symbol may leave the cursor elsewhere than we think: then it is placed anew.
            self.at = (cell.symbol().len() == 1 || single(cell.symbol())).then_some((x + 1, y)).filter(|(x, _)| *x < new.area.width);
        }
    }

    fn go(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        let _ = match self.at {
            Some(at) if at == (x, y) => Ok(()),
            Some((px, py)) if py == y && x > px && x - px < 10 => write!(out, "\x1b[{}C", x - px),
            _ => write!(out, "\x1b[{};{}H", y + 1, x + 1),
        };
    }

    fn dip(&mut self, ink: Ink, out: &mut Vec<u8>) {
        if self.ink == Some(ink) {
            return;
        }
        let mut codes: Vec<u8> = Vec::with_capacity(24);
        let add = |text: &str, codes: &mut Vec<u8>| {
            if !codes.is_empty() {
                codes.push(b';');
            }
            codes.extend_from_slice(text.as_bytes());
        };
        let mut from = self.ink.unwrap_or(PLAIN);
        // Attributes are taken back all at once: the single codes for that are less widely obeyed.
        if self.ink.is_none() || !ink.modifier.contains(from.modifier) {
            add("0", &mut codes);
            from = PLAIN;
        }
        let attributes = [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::ITALIC, "3"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
            (Modifier::CROSSED_OUT, "9"),
        ];
        for (flag, code) in attributes {
            if ink.modifier.contains(flag) && !from.modifier.contains(flag) {
                add(code, &mut codes);
            }
        }
        if ink.fg != from.fg {
            add(&colour(ink.fg, false), &mut codes);
        }
        if ink.bg != from.bg {
            add(&colour(ink.bg, true), &mut codes);
        }
        if !codes.is_empty() {
            out.extend_from_slice(b"\x1b[");
            if codes != b"0" {
                out.extend_from_slice(&codes);
            }
            out.push(b'm');
        }
        self.ink = Some(ink);
    }
}

/// Whether a symbol is one character of one cell.
fn single(symbol: &str) -> bool {
    symbol.chars().count() == 1 && crate::ui::width(symbol) == 1
}

fn colour(colour: Color, background: bool) -> String {
    let base = if background { 40 } else { 30 };
    let bright = base + 60;
    let plain = |n: u8| (base + n).to_string();
    let light = |n: u8| (bright + n).to_string();
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Black => plain(0),
        Color::Red => plain(1),
        Color::Green => plain(2),
        Color::Yellow => plain(3),
        Color::Blue => plain(4),
        Color::Magenta => plain(5),
        Color::Cyan => plain(6),
        Color::Gray => plain(7),
        Color::DarkGray => light(0),
        Color::LightRed => light(1),
        Color::LightGreen => light(2),
        Color::LightYellow => light(3),
        Color::LightBlue => light(4),
        Color::LightMagenta => light(5),
        Color::LightCyan => light(6),
        Color::White => light(7),
        Color::Indexed(n) if n < 8 => plain(n),
        Color::Indexed(n) if n < 16 => light(n - 8),
        Color::Indexed(n) => format!("{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn screen(text: &[&str]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        for (y, line) in (0..).zip(text) {
            buffer.set_string(0, y, line, Style::new());
        }
        buffer
    }

    #[test]
    fn an_unchanged_screen_costs_nothing_and_a_changed_digit_little() {
        let mut pen = Pen::new();
        let mut out = Vec::new();
        let first = screen(&["age 4 s", "jobs"]);
        pen.draw(&screen(&[]), &first, &mut out);
        out.clear();
        pen.draw(&first, &first, &mut out);
        assert!(out.is_empty());
        pen.draw(&first, &screen(&["age 5 s", "jobs"]), &mut out);
        assert_eq!(out, b"\x1b[1;5H5");
    }

    #[test]
    fn a_terminal_shows_what_the_buffer_holds() {
        let mut pen = Pen::new();
        let mut terminal = vt100::Parser::new(3.try_into().unwrap(), 20.try_into().unwrap(), 0);
        let mut old = screen(&[]);
        let styles = [Style::new().fg(Color::Red).bold(), Style::new().bg(Color::Indexed(200)), Style::new().reversed(), Style::new()];
        for round in 0..200_u16 {
            let mut new = old.clone();
            let word = ["ab", "日本", "é", "…▰", " "][usize::from(round) % 5];
            new.set_string(round * 7 % 17, round % 3, word, styles[usize::from(round) % 4]);
            let mut out = Vec::new();
            pen.draw(&old, &new, &mut out);
            terminal.process(&out);
            old = new;
        }
        for y in 0..3 {
            for x in 0..20 {
                let cell = terminal.screen().cell(y, x).unwrap();
                let ours = &old[(x, y)];
                if !cell.is_wide_continuation() {
                    assert_eq!(if cell.contents().is_empty() { " " } else { cell.contents() }, ours.symbol(), "{x},{y}");
                    assert_eq!(cell.bold(), ours.modifier.contains(Modifier::BOLD));
                    assert_eq!(cell.inverse(), ours.modifier.contains(Modifier::REVERSED));
                }
            }
        }
    }
}
