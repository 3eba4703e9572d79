//! What is said about the logs around them: titles, states, counts, and what is not here.
//!
//! Says first what matters most; what does not fit gives way from the end.

use ratatui::style::Style;

use super::thread::{Aim, Status};
use super::{Logs, Look, WINDOWS};
use crate::model::duration::{bytes, thousands};
use crate::model::lines::Weave;
use crate::ui::{Cut, Tone, fit, width};

type Words = Vec<(String, Style)>;

impl Logs {
    pub(super) fn title(&self, room: usize, look: &Look<'_>, focused: bool) -> Words {
        let mut title = vec![("4 Logs".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        match self.threads.as_slice() {
            [] => {}
            [one] => title.push((format!(" · {}", fit(&one.title, room, Cut::Middle)), look.style(Tone::Plain))),
            many => {
                title.push((format!(" · {} together:", many.len()), look.style(Tone::Plain)));
                let mut left = room.saturating_sub(14);
                for (n, thread) in many.iter().enumerate() {
                    let tag = format!(" {}", fit(&thread.tag(), 18, Cut::Middle));
                    if width(&tag) > left {
                        title.push((" …".to_owned(), look.style(Tone::Dim)));
                        break;
                    }
                    left -= width(&tag);
                    title.push((tag, look.theme.source(n)));
                }
            }
        }
        title
    }

    /// What stands at the right of the frame, in at most `room` cells.
    pub(super) fn remark(&self, weave: &Weave<'_>, room: usize, look: &Look<'_>) -> Words {
        if self.threads.is_empty() {
            return Vec::new();
        }
        let mut parts: Vec<Words> = vec![self.state(look)];
        if !self.search.text().is_empty() {
            parts.push(self.hits_found(look));
        }
        if let Some(pattern) = self.filter.pattern() {
            let text = fit(pattern.text(), 24, Cut::End).into_owned();
            parts.push(vec![(format!("&{text}"), look.style(Tone::Key))]);
        }
        if let Some(window) = self.view.window {
            parts.push(vec![(WINDOWS[window].0.to_owned(), look.style(Tone::Key))]);
        }
        if self.view.select.is_some() {
            parts.push(vec![("selecting".to_owned(), look.style(Tone::Key))]);
        }
        parts.push(vec![(self.count_words(weave), look.style(Tone::Dim))]);
        if let Some(thread) = self.threads.iter().find(|thread| !thread.way.is_empty()) {
            parts.push(vec![(thread.way.clone(), look.style(Tone::Dim))]);
        }
        let gone: u64 = self.threads.iter().map(|thread| thread.lines.gone()).sum();
        let before: u64 = self.threads.iter().filter(|t| !t.lines.by_moment()).filter_map(|t| t.lines.before()).sum();
        if gone > 0 {
            parts.push(vec![(format!("{} let go", thousands(gone)), look.style(Tone::Dim))]);
        } else if before > 0 {
            parts.push(vec![(format!("{} before", bytes(before)), look.style(Tone::Dim))]);
        }
        let long = |parts: &[Words]| parts.iter().map(|part| part.iter().map(|(t, _)| width(t)).sum::<usize>() + 3).sum::<usize>();
        while parts.len() > 1 && long(&parts) > room + 3 {
            parts.pop();
        }
        let mut out = Words::new();
        for (n, part) in parts.into_iter().enumerate() {
            if n > 0 {
                out.push((" · ".to_owned(), look.style(Tone::Dim)));
            }
            out.extend(part);
        }
        out
    }

    fn count_words(&self, weave: &Weave<'_>) -> String {
        if self.filter.is_on() || self.view.window.is_some() {
            let all: u64 = self.threads.iter().map(|t| (t.lines.end() - t.lines.first()).unsigned_abs()).sum();
            return format!("{} of {} lines", thousands(weave.len() as u64), thousands(all));
        }
        match weave.len() {
            1 => "1 line".to_owned(),
            n => format!("{} lines", thousands(n as u64)),
        }
    }

    fn state(&self, look: &Look<'_>) -> Words {
        if let Some(failure) = self.threads.iter().find_map(|thread| thread.failure.as_ref()) {
            return vec![(format!("✗ {}", fit(failure.brief(), 40, Cut::End)), look.style(Tone::Bad))];
        }
        let reading = self.threads.iter().find_map(|thread| thread.reading.as_ref());
        if reading.is_some() || self.is_searching_whole() {
            let word = match reading.map(|reading| reading.aim) {
                Some(Aim::Seek { .. }) => "◐ looking for that time",
                None => "◐ searching the whole log",
                Some(Aim::Back(_) | Aim::On | Aim::Start | Aim::End | Aim::Around { .. }) => "◐ reading",
            };
            return vec![(word.to_owned(), look.style(Tone::Works))];
        }
        if self.view.follow {
            let waiting = self.threads.iter().find_map(|thread| match &thread.status {
                Status::Waiting(why) if !thread.lines.is_empty() => Some(fit(why, 40, Cut::End).into_owned()),
                _ => None,
            });
            let busy = self.threads.iter().any(|thread| matches!(thread.status, Status::Opening | Status::Reading));
            return match (waiting, busy) {
                (Some(why), _) => vec![(why, look.style(Tone::Waits))],
                (None, true) => vec![("reading".to_owned(), look.style(Tone::Works))],
                (None, false) => vec![("following".to_owned(), look.style(Tone::Good))],
            };
        }
        let new = self.new_lines().saturating_sub(self.view.paused_at);
        let mut out = vec![("paused".to_owned(), look.style(Tone::Waits))];
        if new > 0 {
            out.push((format!(" · {} new", thousands(new)), look.style(Tone::Good)));
        }
        out
    }

    /// `/loss 3 of 128+`
    fn hits_found(&self, look: &Look<'_>) -> Words {
        let (known, on, more) = self.tally();
        let plus = if more && self.in_whole().is_none() { "+" } else { "" };
        let text = fit(self.search.text(), 24, Cut::End).into_owned();
        let mut out = vec![(format!("/{text} "), look.style(Tone::Key))];
        let known = thousands(known as u64);
        let count = on.map_or_else(|| format!("{known}{plus}"), |on| format!("{} of {known}{plus}", thousands(on as u64)));
        out.push((count, look.style(Tone::Plain)));
        if let Some(total) = self.in_whole() {
            out.push((format!(", {} in the whole log", thousands(total)), look.style(Tone::Plain)));
        }
        out
    }

    /// Whether the first row says that there is more above.
    pub(super) fn says_what_is_above(&self, weave: &Weave<'_>) -> bool {
        let top = self.top_rank(weave);
        let room = !self.view.follow || weave.len() < self.rows;
        top == 0 && room && self.above().is_some()
    }

    /// What stands above the first line, when something does.
    pub(super) fn above(&self) -> Option<String> {
        if self.view.window.is_some() {
            return None;
        }
        let gone: u64 = self.threads.iter().map(|thread| thread.lines.gone()).sum();
        let reading =
            self.threads.iter().any(|thread| matches!(&thread.reading, Some(reading) if matches!(reading.aim, Aim::Back(_) | Aim::Start)));
        let earlier = self.threads.iter().filter(|thread| thread.lines.before().is_some());
        let bytes_before: u64 = earlier.clone().filter(|t| !t.lines.by_moment()).filter_map(|t| t.lines.before()).sum();
        let again = if earlier.clone().next().is_none() {
            "which cannot be read again"
        } else if reading {
            "being read …"
        } else {
            "going up reads them"
        };
        match (gone, bytes_before) {
            (1.., _) => Some(format!("▲ {} earlier lines let go: {again}", thousands(gone))),
            (0, 1..) if reading => Some(format!("▲ {} before this, being read …", bytes(bytes_before))),
            (0, 1..) => Some(format!("▲ {} before this: going up reads it", bytes(bytes_before))),
            (0, 0) => earlier.clone().next().map(|_| format!("▲ earlier events: {again}")),
        }
    }

    /// What stands below the last line that is here, when something does.
    pub(super) fn below(&self) -> Option<String> {
        let below: u64 = self.threads.iter().map(|thread| thread.lines.below()).sum();
        (below > 0)
            .then(|| format!("▼ {} lines or more below are not kept here: going down reads them, G goes to the end", thousands(below)))
    }
}
