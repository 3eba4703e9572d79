//! One live log: the selected job's output, or a stream the user chose.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use regex::Regex;

use super::{Look, prose};
use crate::app::intent::Intent;
use crate::model::duration::{bytes, thousands};
use crate::model::lines::{Lines, Shown};
use crate::model::{Answer, Failure, Filter, LogEvent, LogSource, OutputKind};
use crate::protocol::{Action, Effect};
use crate::ui::{Tone, ansi, frame, put, width};

/// All logs together hold about this much.
const BUDGET: usize = 64 << 20;

/// A cursor that is still moving opens no log: each opening costs the head node a process.
const PAUSE: Duration = Duration::from_millis(150);

/// The pane's state.
#[derive(Clone, Debug)]
pub(in crate::app) struct Logs {
    source: Option<LogSource>,
    title: String,
    /// When the source was chosen, while it is too early to open it.
    since: Duration,
    lines: Lines,
    status: Status,
    failure: Option<Failure>,
    follow: bool,
    /// Number of the first visible line while not following.
    top: u64,
    left: usize,
    wrap: bool,
    search: String,
    regex: Option<Regex>,
    hit: Option<u64>,
    kind: OutputKind,
    /// Bytes of the file before those that were read.
    skipped: u64,
    /// How the log is read, where its source has several ways.
    way: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Opening,
    Waiting(String),
    Reading,
    CaughtUp,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            source: None,
            title: String::new(),
            since: Duration::ZERO,
            lines: Lines::new(BUDGET),
            status: Status::Opening,
            failure: None,
            follow: true,
            top: 0,
            left: 0,
            wrap: false,
            search: String::new(),
            regex: None,
            hit: None,
            kind: OutputKind::Stdout,
            skipped: 0,
            way: String::new(),
        }
    }
}

impl Logs {
    /// Shows another log. The same one again changes nothing.
    pub(in crate::app) fn watch(&mut self, source: Option<LogSource>, title: String, now: Duration) {
        self.title = title;
        if self.source == source {
            return;
        }
        *self = Self { source, title: std::mem::take(&mut self.title), since: now, wrap: self.wrap, kind: self.kind, ..Self::default() };
    }

    /// The log to keep open, once the cursor has rested.
    pub(in crate::app) fn wanted(&self, now: Duration) -> Option<&LogSource> {
        self.source.as_ref().filter(|_| now >= self.since + PAUSE)
    }

    /// How long until a log may be opened that is not open yet.
    pub(in crate::app) fn rest_of_pause(&self, now: Duration) -> Option<Duration> {
        self.source.as_ref()?;
        (self.since + PAUSE).checked_sub(now).filter(|rest| !rest.is_zero())
    }

    pub(in crate::app) fn kind(&self) -> OutputKind {
        self.kind
    }

    pub(in crate::app) fn search(&self) -> &str {
        &self.search
    }

    /// Takes what the log said.
    pub(in crate::app) fn heard(&mut self, source: &LogSource, result: Result<Answer, Failure>) {
        if self.source.as_ref() != Some(source) {
            return;
        }
        match result {
            Err(failure) => self.failure = Some(failure),
            Ok(Answer::Log(event)) => {
                self.failure = None;
                self.take(event);
            }
            Ok(_) => {}
        }
    }

    fn take(&mut self, event: LogEvent) {
        match event {
            LogEvent::Waiting { why } => {
                if self.status != Status::Opening && !self.lines.is_empty() {
                    self.lines.mark(format!("── {why} ──"));
                }
                self.status = Status::Waiting(why);
            }
            LogEvent::Opened { start, .. } => {
                if self.lines.is_empty() {
                    self.skipped = start;
                }
                self.status = Status::Reading;
            }
            LogEvent::Bytes { bytes, .. } => {
                self.lines.feed(&bytes);
                if !self.follow && self.top < self.lines.first() {
                    self.top = self.lines.first();
                }
            }
            LogEvent::Restarted { why } => self.lines.mark(format!("── {why}: what follows begins the file anew ──")),
            LogEvent::CaughtUp => self.status = Status::CaughtUp,
            LogEvent::Remark(way) => self.way = way,
            LogEvent::At(_) => {}
        }
    }

    pub(in crate::app) fn set_search(&mut self, text: &str) {
        text.clone_into(&mut self.search);
        self.regex = Filter::new(text).regex().cloned();
        self.hit = None;
    }

    /// Goes to the nearest hit above the end of what is seen: where one looks first after a search in a live log.
    pub(in crate::app) fn find(&mut self, rows: usize, forward: bool) -> Vec<Intent> {
        let Some(regex) = &self.regex else { return Vec::new() };
        let start = self.hit.unwrap_or(if forward { self.first_row(rows).saturating_sub(1) } else { self.lines.end() });
        match self.lines.search(regex, start, forward) {
            Some(line) => {
                self.hit = Some(line);
                self.follow = false;
                self.top = line.saturating_sub(rows as u64 / 3).max(self.lines.first());
                Vec::new()
            }
            None => vec![Intent::Note(crate::app::notices::Notice::plain(format!(
                "No more hits of /{} {}.",
                self.search,
                if forward { "below" } else { "above" }
            )))],
        }
    }

    fn first_row(&self, rows: usize) -> u64 {
        if self.follow { self.lines.end().saturating_sub(rows as u64).max(self.lines.first()) } else { self.top.max(self.lines.first()) }
    }

    pub(in crate::app) fn act(&mut self, action: Action, rows: usize) -> Vec<Intent> {
        let rows = rows.max(2);
        let top = self.first_row(rows);
        let page = rows as u64 - 1;
        let (lines, down) = match action {
            Action::Up => (1, false),
            Action::Down => (1, true),
            Action::PageUp => (page, false),
            Action::PageDown => (page, true),
            Action::HalfUp => (page.div_ceil(2), false),
            Action::HalfDown => (page.div_ceil(2), true),
            Action::Top => (u64::MAX, false),
            Action::Bottom => {
                self.follow = true;
                return Vec::new();
            }
            Action::Follow => {
                self.follow = !self.follow;
                self.top = top;
                return Vec::new();
            }
            Action::Wrap => {
                (self.wrap, self.left) = (!self.wrap, 0);
                return Vec::new();
            }
            Action::Left => {
                self.left = self.left.saturating_sub(16);
                return Vec::new();
            }
            Action::Right => {
                self.left += if self.wrap { 0 } else { 16 };
                return Vec::new();
            }
            Action::NextHit => return self.find(rows, true),
            Action::PreviousHit => return self.find(rows, false),
            Action::LogOther => {
                self.kind = if self.kind == OutputKind::Stdout { OutputKind::Stderr } else { OutputKind::Stdout };
                return Vec::new();
            }
            Action::Open => return vec![Intent::Do(Action::Zoom)],
            Action::Copy => {
                let line = self.hit.or_else(|| self.lines.end().checked_sub(1)).and_then(|n| self.lines.get(n));
                return match line {
                    Some(Shown::Text(text)) => vec![Intent::Effect(Effect::Copy(crate::model::text::clean(&text).into_owned()))],
                    _ => Vec::new(),
                };
            }
            _ => return Vec::new(),
        };
        let last = self.lines.end().saturating_sub(rows as u64).max(self.lines.first());
        self.top = if down { top.saturating_add(lines).min(last) } else { top.saturating_sub(lines).max(self.lines.first()) };
        // Whoever scrolls down to the end wants to see what comes.
        self.follow = down && self.top == last;
        Vec::new()
    }

    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let mut title = vec![("4 Logs".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        if self.source.is_some() {
            title.push((
                format!(" · {}", crate::ui::fit(&self.title, usize::from(area.width / 2), crate::ui::Cut::Middle)),
                look.style(Tone::Plain),
            ));
        }
        let inner = frame(buf, area, &title, &self.remark(look), look.theme, focused);
        let rows = usize::from(inner.height);
        if self.source.is_none() {
            let words = format!(
                "No log chosen. The selected job's output comes here; {} offers the cluster's log streams.",
                look.keys.sign(Action::Streams)
            );
            prose(buf, inner, &words, look.style(Tone::Dim));
            return;
        }
        if self.lines.is_empty() {
            let y = match &self.failure {
                Some(failure) => super::trouble(buf, inner, failure, look),
                None => 0,
            };
            let rest = Rect { y: inner.y + y, height: inner.height - y, ..inner };
            let words = match &self.status {
                Status::Waiting(why) => why.as_str(),
                Status::CaughtUp => "Nothing written yet.",
                _ if self.failure.is_some() => "",
                _ => "Opening …",
            };
            prose(buf, rest, words, look.style(Tone::Dim));
            return;
        }
        let mut pending = Vec::new();
        let start = if self.follow { self.lines.end() } else { (self.first_row(rows) + rows as u64).min(self.lines.end()) };
        // Upwards from the last visible line until the window is full: only what is seen is decoded and wrapped.
        let mut number = start;
        while pending.len() < rows && number > self.lines.first() {
            number -= 1;
            if !self.follow && number < self.top {
                break;
            }
            let mut block = self.rows_of(number, usize::from(inner.width), look);
            block.reverse();
            pending.extend(block);
        }
        pending.reverse();
        let excess = pending.len().saturating_sub(rows);
        let visible = if self.follow { &pending[excess..] } else { &pending[..pending.len().min(rows)] };
        for (y, row) in (inner.y..).zip(visible) {
            let mut x = inner.x;
            for (text, style) in row {
                x += put(buf, x, y, text, inner.right().saturating_sub(x), *style);
            }
        }
    }

    /// One line as the rows it takes on screen.
    fn rows_of(&self, number: u64, room: usize, look: &Look<'_>) -> Vec<Vec<(String, ratatui::style::Style)>> {
        let text = match self.lines.get(number) {
            Some(Shown::Mark(remark)) => return vec![vec![(remark.to_owned(), look.style(Tone::Waits))]],
            Some(Shown::Text(text)) => text,
            None => return vec![vec![]],
        };
        // A line of a megabyte is shown in part: nobody reads past some screens of it.
        let end = text.char_indices().nth(self.left + room * if self.wrap { 50 } else { 1 } + 4_096).map_or(text.len(), |(i, _)| i);
        let mut pieces = ansi::pieces(&text[..end], ratatui::style::Style::new());
        if let Some(regex) = &self.regex {
            pieces = highlighted(pieces, regex, look.style(Tone::Hit));
        }
        let mut rows = vec![Vec::new()];
        let (mut column, mut skip) = (0, if self.wrap { 0 } else { self.left });
        for (piece, style) in pieces {
            let mut run = String::new();
            for c in piece.chars() {
                let cells = width(c.encode_utf8(&mut [0; 4]));
                if skip > 0 {
                    skip = skip.saturating_sub(cells);
                    continue;
                }
                if column + cells > room {
                    if !self.wrap {
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

    fn remark(&self, look: &Look<'_>) -> Vec<(String, ratatui::style::Style)> {
        let mut out = Vec::new();
        let Some(_) = self.source else { return out };
        if !self.search.is_empty() {
            out.push((format!("/{} · ", self.search), look.style(Tone::Key)));
        }
        if let Some(failure) = &self.failure {
            out.push((format!("✗ {} · ", failure.brief()), look.style(Tone::Bad)));
        } else if let Status::Waiting(why) = &self.status
            && !self.lines.is_empty()
        {
            out.push((format!("{why} · "), look.style(Tone::Waits)));
        }
        if !self.way.is_empty() {
            out.push((format!("{} · ", self.way), look.style(Tone::Dim)));
        }
        let (word, tone) = match (self.follow, &self.status) {
            (true, Status::Reading | Status::Opening) => ("reading", Tone::Works),
            (true, _) => ("following", Tone::Good),
            (false, _) => ("paused", Tone::Waits),
        };
        out.push((word.to_owned(), look.style(tone)));
        out.push((format!(" · {} lines", thousands(self.lines.end())), look.style(Tone::Dim)));
        if self.skipped > 0 {
            out.push((format!(" · {} before", bytes(self.skipped)), look.style(Tone::Dim)));
        } else if self.lines.first() > 0 {
            out.push((format!(" · first {} let go", thousands(self.lines.first())), look.style(Tone::Dim)));
        }
        out
    }
}

fn highlighted(
    pieces: Vec<(String, ratatui::style::Style)>,
    regex: &Regex,
    hit: ratatui::style::Style,
) -> Vec<(String, ratatui::style::Style)> {
    let mut out = Vec::new();
    for (text, style) in pieces {
        let mut at = 0;
        for found in regex.find_iter(&text).filter(|m| !m.is_empty()) {
            out.push((text[at..found.start()].to_owned(), style));
            out.push((found.as_str().to_owned(), style.patch(hit)));
            at = found.end();
        }
        out.push((text[at..].to_owned(), style));
    }
    out
}
