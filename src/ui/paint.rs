//! Putting text on the screen so that it always fits and never steers the terminal.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use ratatui::widgets::{Block, Widget};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::theme::{Theme, Tone};
use crate::model::text;

/// What to leave out of text that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Its end.
    End,
    /// Its middle: both ends of a name tell it from its neighbours.
    Middle,
    /// Its beginning: of a path, the end matters.
    Start,
}

/// Cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text`, made harmless and cut to at most `room` cells.
pub fn fit(text: &str, room: usize, cut: Cut) -> Cow<'_, str> {
    let text = text::clean(text);
    if text.width() <= room {
        return text;
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    let (head, tail) = match cut {
        Cut::End => (room - 1, 0),
        Cut::Middle => (room - 1 - (room - 1) / 2, (room - 1) / 2),
        Cut::Start => (0, room - 1),
    };
    let take = |graphemes: &mut dyn Iterator<Item = &str>, room: usize| {
        let mut used = 0;
        let kept: Vec<String> = graphemes
            .take_while(|g| {
                used += g.width();
                used <= room
            })
            .map(str::to_owned)
            .collect();
        kept
    };
    let front = take(&mut text.graphemes(true), head);
    let mut back = take(&mut text.graphemes(true).rev(), tail);
    back.reverse();
    Cow::Owned(format!("{}…{}", front.concat(), back.concat()))
}

/// Writes `text` at (x, y) into at most `room` cells, cut at its end. Gives the cells used.
pub fn put(buf: &mut Buffer, x: u16, y: u16, text: &str, room: u16, style: Style) -> u16 {
    if room == 0 || y >= buf.area.bottom() || x >= buf.area.right() {
        return 0;
    }
    let room = room.min(buf.area.right() - x);
    let text = fit(text, usize::from(room), Cut::End);
    buf.set_stringn(x, y, &text, usize::from(room), style).0 - x
}

/// Draws a pane's frame with its title left and a remark right; gives the room inside.
pub fn frame(buf: &mut Buffer, area: Rect, title: &[(String, Style)], remark: &[(String, Style)], theme: Theme, focused: bool) -> Rect {
    let line = theme.style(if focused { Tone::Focus } else { Tone::Dim });
    let set = if focused { border::THICK } else { border::ROUNDED };
    let block = Block::bordered().border_set(set).border_style(line);
    let inner = block.inner(area);
    block.render(area, buf);
    if area.width < 6 || area.height == 0 {
        return inner;
    }
    let end = area.right() - 2;
    let mut x = area.x + 2;
    x += put(buf, x, area.y, " ", end - x, line);
    for (text, style) in title {
        x += put(buf, x, area.y, text, end.saturating_sub(x), *style);
    }
    x += put(buf, x, area.y, " ", end.saturating_sub(x), line);
    let long: usize = remark.iter().map(|(t, _)| width(t)).sum::<usize>() + 2;
    let start = usize::from(end).saturating_sub(long);
    if !remark.is_empty() && start > usize::from(x) {
        let mut x = u16::try_from(start).unwrap_or(end);
        x += put(buf, x, area.y, " ", end - x, line);
        for (text, style) in remark {
            x += put(buf, x, area.y, text, end.saturating_sub(x), *style);
        }
        put(buf, x, area.y, " ", end.saturating_sub(x), line);
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_it_hurts_least() {
        assert_eq!(fit("compute-dy-c5large-17", 11, Cut::Middle), "compu…ge-17");
        assert_eq!(fit("abcdef", 4, Cut::End), "abc…");
        assert_eq!(fit("/home/me/run/out", 8, Cut::Start), "…run/out");
        assert_eq!(fit("abc", 3, Cut::End), "abc");
        assert_eq!(fit("日本語テキスト", 6, Cut::End), "日本…");
        assert_eq!(fit("abc", 0, Cut::Middle), "");
        assert_eq!(fit("a\x1b[2J", 80, Cut::End), "a␛[2J");
    }
}
