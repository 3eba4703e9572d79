//! The logs on screen. Only lines that are seen are decoded, and of a long line only what can be seen of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::thread::Status;
use super::{Logs, Look, Stamps, prose};
use crate::app::panes::trouble;
use crate::model::duration::age;
use crate::model::lines::{At, Severity, Shown, Weave};
use crate::protocol::Action;
use crate::ui::ansi::{self, Piece};
use crate::ui::{Cut, Tone, fit, frame, put, width};

/// How the inside of the pane is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Cells for the name of the source; 0 where there is one.
    tag: usize,
    /// Cells for marks.
    mark: usize,
    /// Cells for text.
    pub(super) text: usize,
    /// Whether the histogram is shown.
    bars: bool,
}

impl Logs {
    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let weave = self.weave();
        let title = self.title(usize::from(area.width / 2), look, focused);
        let used: usize = title.iter().map(|(t, _)| width(t)).sum();
        let remark = self.remark(&weave, usize::from(area.width).saturating_sub(used + 9), look);
        let inner = frame(buf, area, &title, &remark, look.theme, focused);
        if self.threads.is_empty() {
            let words = format!(
                "No log chosen. The selected job's output comes here; {} offers the cluster's log streams.",
                look.keys.sign(Action::Streams)
            );
            prose(buf, inner, &words, look.style(Tone::Dim));
            return;
        }
        if weave.is_empty() {
            return self.draw_nothing(buf, inner, look);
        }
        let columns = self.columns(inner.height.into(), inner.width.into(), &weave);
        self.draw_lines(buf, inner, columns, &weave, look);
        if columns.bars {
            self.draw_bars(buf, area, inner, &weave, look);
        }
    }

    /// Why no line is seen.
    fn draw_nothing(&self, buf: &mut Buffer, inner: Rect, look: &Look<'_>) {
        let mut rest = inner;
        for thread in &self.threads {
            if let Some(failure) = &thread.failure {
                let used = trouble(buf, rest, failure, look);
                rest = Rect { y: rest.y + used, height: rest.height.saturating_sub(used), ..rest };
            }
            let words = match &thread.status {
                _ if !thread.lines.is_empty() => continue,
                Status::Waiting(why) => why.as_str(),
                Status::CaughtUp => "Nothing written yet.",
                _ if thread.failure.is_some() => continue,
                Status::Opening | Status::Reading => "Opening …",
            };
            let words = if self.threads.len() > 1 { format!("{}: {words}", thread.tag()) } else { words.to_owned() };
            let used = prose(buf, rest, &words, look.style(Tone::Dim));
            rest = Rect { y: rest.y + used, height: rest.height.saturating_sub(used), ..rest };
        }
        if self.threads.iter().any(|thread| !thread.lines.is_empty()) {
            let words = match (self.filter.is_on(), self.view.window.is_some()) {
                (true, true) => "No line of this time passes the filter. Esc takes it away.",
                (true, false) => "No line passes the filter. Esc takes it away.",
                _ => "Nothing was written in this time. ] shows more.",
            };
            prose(buf, rest, words, look.style(Tone::Dim));
        }
    }

    /// For a pane of so many rows and cells.
    pub(super) fn columns(&self, rows: usize, room: usize, weave: &Weave<'_>) -> Columns {
        let tag = if self.threads.len() > 1 {
            let long = self.threads.iter().map(|thread| width(&thread.tag())).max().unwrap_or(0);
            long.min(if room > 100 { 22 } else { 12 }) + 1
        } else {
            0
        };
        let mark = if self.marks.is_empty() { 0 } else { 2 };
        let bars = room >= 36 && rows >= 4 && weave.len() > rows;
        let text = room.saturating_sub(tag + mark + if bars { 2 } else { 0 });
        Columns { tag, mark, text, bars }
    }

    fn draw_lines(&self, buf: &mut Buffer, inner: Rect, columns: Columns, weave: &Weave<'_>, look: &Look<'_>) {
        let mut area = inner;
        let first = self.top_rank(weave);
        if self.says_what_is_above(weave)
            && let Some(words) = self.above()
        {
            put(buf, area.x, area.y, &words, area.width, look.style(Tone::Dim));
            area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        }
        let rows = usize::from(area.height);
        let mut drawn: Vec<(At, Vec<Piece>)> = Vec::with_capacity(rows);
        if self.view.follow {
            // Upwards from the end until the window is full.
            let mut gap = weave.nth(weave.len());
            while drawn.len() < rows {
                let Some(at) = weave.back(&mut gap) else { break };
                drawn.extend(self.rows_of(at, columns, look).into_iter().rev().map(|row| (at, row)));
            }
            drawn.truncate(rows);
            drawn.reverse();
        } else {
            let mut gap = weave.nth(first);
            while drawn.len() < rows {
                let Some(at) = weave.next(&mut gap) else { break };
                drawn.extend(self.rows_of(at, columns, look).into_iter().map(|row| (at, row)));
            }
            drawn.truncate(rows);
        }
        let selection = self.selection().map(|(a, b)| weave.rank(a)..=weave.rank(b));
        let end = area.right() - if columns.bars { 2 } else { 0 };
        for (y, (at, row)) in (area.y..).zip(&drawn) {
            let selected = selection.as_ref().is_some_and(|ranks| ranks.contains(&weave.rank(*at)));
            // Below the text, whose own colours win: a hit stays a hit.
            if selected || self.view.cursor == Some(*at) {
                buf.set_style(Rect::new(area.x, y, end - area.x, 1), look.theme.selected(selected));
            }
            let mut x = area.x;
            for (text, style) in row {
                x += put(buf, x, y, text, end.saturating_sub(x), *style);
            }
        }
        if let Some(words) = self.below().filter(|_| drawn.len() < rows) {
            let y = area.y + u16::try_from(drawn.len()).unwrap_or(0);
            put(buf, area.x, y, &words, end.saturating_sub(area.x), look.style(Tone::Dim));
        }
    }

    /// One line as the rows it takes on screen.
    fn rows_of(&self, at: At, columns: Columns, look: &Look<'_>) -> Vec<Vec<Piece>> {
        let Some(thread) = self.threads.get(at.log) else { return vec![Vec::new()] };
        let gutter = |first: bool| -> Vec<Piece> {
            let mut out = Vec::new();
            if columns.mark > 0 {
                let sign = if first && self.marks.contains(&at) { "◆ " } else { "  " };
                out.push((sign.to_owned(), look.style(Tone::Key)));
            }
            if columns.tag > 0 {
                let room = columns.tag - 1;
                let tag = if first { fit(&thread.tag(), room, Cut::Middle).into_owned() } else { String::new() };
                let gap = " ".repeat(room.saturating_sub(width(&tag)));
                out.push((format!("{tag}{gap}▏"), look.theme.source(at.log)));
            }
            out
        };
        let line = match thread.lines.get(at.line) {
            Some(Shown::Text(line)) => line,
            Some(Shown::Mark(remark)) => {
                let mut row = gutter(true);
                row.push((remark.to_owned(), look.style(Tone::Waits)));
                return vec![row];
            }
            None => return vec![Vec::new()],
        };
        let rows = if self.view.wrap { self.rows } else { 1 };
        let pieces =
            self.inked(line, thread.lines.blocks().severity(at.line), thread.lines.reader(), self.view.left + rows * columns.text, look);
        let skip = if self.view.wrap { 0 } else { self.view.left };
        let broken = broken(pieces, skip, columns.text, self.view.wrap);
        broken
            .into_iter()
            .take(rows)
            .enumerate()
            .map(|(n, text)| {
                let mut row = gutter(n == 0);
                row.extend(text);
                row
            })
            .collect()
    }

    /// The first `cells` of a line in its colours, with its time as it is wanted and with hits and words painted.
    fn inked(
        &self,
        line: &[u8],
        severity: Option<Severity>,
        reader: crate::model::lines::Reader,
        cells: usize,
        look: &Look<'_>,
    ) -> Vec<Piece> {
        let base = match severity {
            None => Style::new(),
            Some(Severity::Warning) => look.style(Tone::Waits),
            Some(Severity::Error | Severity::More) => look.style(Tone::Bad),
            Some(Severity::Last) => look.style(Tone::Bad).patch(look.theme.selected(true)),
        };
        // A line of a megabyte is shown in part. Colours take bytes and no cells; no cell takes more than four bytes otherwise.
        let line = &line[..line.len().min(cells * 4 + 4_096)];
        let stamp = if self.view.stamps == Stamps::Written { None } else { reader.read(line) };
        let mut pieces = Vec::new();
        let text = match stamp {
            None => String::from_utf8_lossy(line).into_owned(),
            Some(stamp) => {
                if self.view.stamps == Stamps::Ages {
                    let seconds = u64::try_from((self.now - stamp.millis) / 1_000).unwrap_or(0);
                    pieces.push((format!("{:>7} ", age(seconds)), look.style(Tone::Dim)));
                }
                let rest = line[stamp.end..].strip_prefix(b" ").unwrap_or(&line[stamp.end..]);
                format!("{}{}", String::from_utf8_lossy(&line[..stamp.start]), String::from_utf8_lossy(rest))
            }
        };
        pieces.extend(ansi::pieces(&text, base));
        let plain: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
        for (n, word) in self.words.iter().enumerate() {
            pieces = ansi::painted(pieces, &word.places(&plain).collect::<Vec<_>>(), look.theme.word(n));
        }
        if let Some(pattern) = self.search.pattern() {
            pieces = ansi::painted(pieces, &pattern.places(&plain).collect::<Vec<_>>(), look.style(Tone::Hit));
        }
        pieces
    }

    /// The histogram, and on the frame where in the log we are.
    fn draw_bars(&self, buf: &mut Buffer, area: Rect, inner: Rect, weave: &Weave<'_>, look: &Look<'_>) {
        let rows = usize::from(inner.height);
        let (top, len) = (self.top_rank(weave), weave.len());
        let bottom = (top + rows).min(len);
        let thumb = (top * rows / len, (bottom * rows).div_ceil(len).max(top * rows / len + 1));
        let bucket = |rank: usize| weave.at(rank).and_then(|at| self.density.bucket_of(weave.time(at)));
        let seen = match (bucket(top), bucket(bottom - 1)) {
            (Some(a), Some(b)) => a..b + 1,
            _ => thumb.0..thumb.1,
        };
        let most = self.density.buckets.iter().map(|bucket| bucket.lines).max().unwrap_or(0).max(1);
        for (n, y) in (inner.y..inner.bottom()).enumerate() {
            if (thumb.0..thumb.1).contains(&n) {
                put(buf, area.right() - 1, y, "█", 1, look.style(Tone::Plain));
            }
            let Some(bucket) = self.density.buckets.get(n).copied() else { continue };
            // Any line is seen, however many there are elsewhere; so is any error. Without times all stretches hold the same number of lines.
            let eighths = if bucket.lines == 0 || self.density.times.is_none() { 0 } else { (bucket.lines * 8).div_ceil(most).clamp(1, 8) };
            let eighths = if bucket.errors > 0 { eighths.max(1) } else { eighths };
            let sign = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"][usize::try_from(eighths).unwrap_or(8).min(8)];
            let tone = match bucket.errors {
                1.. => Tone::Bad,
                // Mostly warnings: single ones are everywhere and say nothing.
                0 if bucket.warnings * 2 > bucket.lines => Tone::Waits,
                0 if seen.contains(&n) => Tone::Plain,
                0 => Tone::Dim,
            };
            put(buf, inner.right() - 1, y, sign, 1, look.style(tone));
        }
    }
}

/// Pieces as rows of at most `room` cells, without the first `skip`; one row where nothing is wrapped.
fn broken(pieces: Vec<Piece>, mut skip: usize, room: usize, wrap: bool) -> Vec<Vec<Piece>> {
    let mut rows = vec![Vec::new()];
    let mut column = 0;
    for (piece, style) in pieces {
        let mut run = String::new();
        for c in piece.chars() {
            let cells = width(c.encode_utf8(&mut [0; 4]));
            if skip > 0 {
                skip = skip.saturating_sub(cells.max(1));
                continue;
            }
            if column + cells > room {
                if !wrap || room == 0 {
                    break;
                }
                if let Some(row) = rows.last_mut() {
                    row.push((std::mem::take(&mut run), style));
                }
                rows.push(Vec::new());
                column = 0;
            }
            run.push(c);
            column += cells;
        }
        if let Some(row) = rows.last_mut() {
            row.push((run, style));
        }
    }
    rows
}
