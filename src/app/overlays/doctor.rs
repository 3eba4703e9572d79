//! What is in order and what is not on the way to a cluster, line by line as it is found out, with what to do.
//!
//! Looks once when it opens and again when the user says so.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Confirm, Intent, Look, Overlay, sheet};
use crate::app::panes::{trouble, wrapped};
use crate::model::text::clean;
use crate::model::{Answer, Cadence, ClusterId, Command, Detour, Failure, Health, Query, Way};
use crate::protocol::{Action, Area, Chord, Effect};
use crate::ui::{Tone, put, width};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Doctor {
    cluster: Option<ClusterId>,
    scroll: Scroll,
    /// Other ways that were found, once all has been looked at.
    detours: Vec<Detour>,
}

/// A line of it: a sign, a label, text, and the tone of each.
struct Line {
    sign: &'static str,
    tone: Tone,
    label: String,
    text: String,
    words: Tone,
}

/// Labels take so many cells at most.
const LABEL: usize = 30;

impl Doctor {
    /// For a cluster, or for this machine and AWS alone.
    pub(in crate::app) fn new(cluster: Option<ClusterId>) -> Self {
        Self { cluster, scroll: Scroll::default(), detours: Vec::new() }
    }

    fn query(&self) -> Query {
        Query::Doctor(self.cluster.clone())
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(4).min(116), body.1.saturating_sub(2))
    }

    fn lines(&self, look: &Look<'_>, room: u16) -> Vec<Line> {
        let Some(diagnosis) = look.store.diagnosis(self.cluster.as_ref()) else { return Vec::new() };
        let all = diagnosis.findings.iter().map(|finding| width(&finding.check)).chain(diagnosis.open.iter().map(|name| width(name)));
        let column = all.max().unwrap_or(0).min(LABEL) + 1;
        let rest = usize::from(room).saturating_sub(column + 2).max(16);
        let mut out = Vec::new();
        for finding in &diagnosis.findings {
            let (sign, tone) = match finding.state {
                Health::Ok => ("✓", Tone::Good),
                Health::NotOk => ("✗", Tone::Bad),
                Health::Unknown => ("?", Tone::Waits),
            };
            let words = if finding.state == Health::NotOk { Tone::Bad } else { Tone::Plain };
            let mut first = Some((sign, clean(&finding.check).into_owned()));
            for (text, words) in [(&finding.what, words), (&finding.hint, Tone::Dim)] {
                for text in wrapped(&clean(text), rest).into_iter().filter(|text| !text.is_empty()) {
                    let (sign, label) = first.take().unwrap_or_default();
                    out.push(Line { sign, tone, label: format!("{label:column$}"), text, words });
                }
            }
        }
        for name in &diagnosis.open {
            out.push(Line { sign: "·", tone: Tone::Dim, label: format!("{:column$}", clean(name)), text: "…".into(), words: Tone::Dim });
        }
        out
    }

    /// Which of the ways that were found shall be gone from now on.
    fn offer(&self) -> Option<Intent> {
        let first = self.detours.first()?;
        let (name, file) = (first.cluster.name(), clean(&first.file).into_owned());
        let choice = |detour: &Detour| {
            let (key, words) = match detour.way {
                Way::LoginNodes => ('l', "login node"),
                Way::SessionManager => ('s', "Session Manager"),
            };
            let command = Command::KeepWay { cluster: detour.cluster.clone(), way: detour.way };
            (key, words.to_owned(), vec![Intent::Run(command, format!("writing {} for {name}", detour.way))])
        };
        let choices = std::iter::once(('n', "leave it".to_owned(), Vec::new())).chain(self.detours.iter().map(choice)).collect();
        let ways: Vec<String> = self.detours.iter().map(|detour| format!("`{}`", detour.way)).collect();
        let text = format!(
            "Write {} for {name} into {file}? The rest of the file stays as it is, and qdeck goes that way at once.",
            ways.join(" or ")
        );
        Some(Intent::Open(Box::new(Confirm::choices(format!("Another way to {name}"), text, choices))))
    }

    fn remark(&self, look: &Look<'_>, whole: String) -> String {
        let Some(diagnosis) = look.store.diagnosis(self.cluster.as_ref()) else { return whole };
        let count = match (diagnosis.open.len(), diagnosis.wanting()) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, n) => format!("{n} not ok"),
            (open, _) => format!("{open} to go"),
        };
        if whole.is_empty() { count } else { format!("{whole} · {count}") }
    }
}

impl Overlay for Doctor {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Clusters, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let Some(action) = action else { return Vec::new() };
        let (room, height) = Self::room(look.body());
        if self.scroll.act(action, self.lines(look, room).len(), usize::from(height)) {
            return Vec::new();
        }
        match action {
            Action::Open if !self.detours.is_empty() => self.offer().into_iter().collect(),
            Action::Back | Action::Open | Action::Quit | Action::Doctor => vec![Intent::Close],
            Action::Refresh => vec![Intent::Effect(Effect::Refresh(self.query()))],
            Action::Copy => {
                let told = look.store.diagnosis(self.cluster.as_ref()).map(|diagnosis| {
                    let line = |f: &crate::model::Finding| format!("{}: {}: {} {}", f.state.words(), f.check, f.what, f.hint);
                    diagnosis.findings.iter().map(line).collect::<Vec<_>>().join("\n")
                });
                told.map(|told| Intent::Effect(Effect::Copy(told))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if let (true, Ok(Answer::Doctor(diagnosis))) = (*query == self.query(), result) {
            self.detours = if diagnosis.open.is_empty() { diagnosis.detours.clone() } else { Vec::new() };
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(self.query(), Cadence::Follow)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let mut keys = vec![("r", "look again"), ("j k", "scroll"), ("y", "copy"), ("esc", "close")];
        if !self.detours.is_empty() {
            keys.insert(0, ("⏎", "go another way"));
        }
        keys.into_iter().map(|(key, words)| (key.to_owned(), words)).collect()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (room, height) = Self::room((body.width, body.height));
        let lines = self.lines(look, room);
        let failure = look.store.slot(&self.query()).and_then(|slot| slot.failure.as_ref());
        let rows = u16::try_from(lines.len()).unwrap_or(height) + if failure.is_some() { 4 } else { 0 };
        let top = self.scroll.top(lines.len(), usize::from(height));
        let title = self.cluster.as_ref().map_or_else(|| "Doctor".to_owned(), |cluster| format!("Doctor · {}", cluster.name()));
        let remark = self.remark(look, place(top, lines.len(), usize::from(height)));
        let inner = sheet(buf, body, (room, rows.max(1)), &title, &remark, look);
        let mut y = inner.y;
        if let Some(failure) = failure {
            y += trouble(buf, inner, failure, look);
        } else if lines.is_empty() {
            put(buf, inner.x, y, "Looking …", inner.width, look.style(Tone::Dim));
        }
        for (y, line) in (y..inner.bottom()).zip(lines.iter().skip(top)) {
            put(buf, inner.x, y, line.sign, 1, look.style(line.tone));
            let used = 2 + put(buf, inner.x + 2, y, &line.label, inner.width.saturating_sub(2), look.style(Tone::Dim));
            put(buf, inner.x + used, y, &line.text, inner.width.saturating_sub(used), look.style(line.words));
        }
    }
}
