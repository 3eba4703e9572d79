//! The course of a cluster's stack while it is made, changed or deleted: phases with their resources, and on failure the root cause first.
//!
//! Only watches: closing it stops nothing, and opening it again finds what there is.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{trouble, wrapped};
use crate::model::course::{Course, Part, Stage};
use crate::model::duration::slurm;
use crate::model::text::clean;
use crate::model::{Answer, Cadence, ClusterId, Failure, FailureKind, Query};
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Cut, Tone, fit, put, width};

/// Between two questions to CloudFormation, which counts them for the whole account.
const BETWEEN: std::time::Duration = std::time::Duration::from_secs(4);

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct StackSheet {
    cluster: ClusterId,
    course: Option<Course>,
    failure: Option<Failure>,
    /// Whether phases that are done show their resources too.
    unfolded: bool,
    scroll: Scroll,
}

impl StackSheet {
    /// Of this cluster, which need not be there yet.
    pub(in crate::app) fn new(cluster: ClusterId) -> Self {
        Self { cluster, course: None, failure: None, unfolded: false, scroll: Scroll::default() }
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(6).min(110), body.1.saturating_sub(4))
    }

    /// What is shown: text, what stands at the right end, tone.
    fn lines(&self, course: &Course, now: Timestamp, room: usize) -> Vec<(String, String, Tone)> {
        let mut out = Vec::new();
        for (n, cause) in course.causes.iter().enumerate() {
            let head = if n == 0 { "✗ It failed because of " } else { "  and then of " };
            let words = format!("{head}{} ({}): {}", cause.name, cause.kind, cause.reason);
            let lines = wrapped(&clean(&words), room.saturating_sub(2));
            out.extend(lines.into_iter().map(|line| (line, String::new(), if n == 0 { Tone::Bad } else { Tone::Plain })));
        }
        if !course.causes.is_empty() {
            out.push((String::new(), String::new(), Tone::Plain));
        }
        if course.phases.is_empty() {
            out.push(("Nothing of it has been begun yet.".to_owned(), String::new(), Tone::Dim));
        }
        for phase in &course.phases {
            let (sign, tone) = sign(phase.stage);
            let done = phase.parts.iter().filter(|part| part.stage == Stage::Done).count();
            let open = self.unfolded || phase.stage != Stage::Done;
            let fold = if open { "▾" } else { "▸" };
            let title = format!("{sign} {} {fold} {done}/{}", phase.title, phase.parts.len());
            out.push((title, span(phase.began, phase.ended, now), tone));
            if open {
                out.extend(phase.parts.iter().filter(|part| self.unfolded || part.stage != Stage::Done).map(|part| row(part, now)));
            }
        }
        out
    }
}

fn row(part: &Part, now: Timestamp) -> (String, String, Tone) {
    let (sign, tone) = sign(part.stage);
    let reason = part.reason.as_deref().filter(|_| part.stage == Stage::Failed).map_or_else(String::new, |reason| format!("  {reason}"));
    let text = format!("{}{sign} {} ({}) {}{reason}", "  ".repeat(part.depth + 1), part.name, part.kind, part.status);
    (clean(&text).into_owned(), span(part.began, part.ended, now), if part.stage == Stage::Done { Tone::Dim } else { tone })
}

fn sign(stage: Stage) -> (&'static str, Tone) {
    match stage {
        Stage::Failed => ("✗", Tone::Bad),
        Stage::Works => ("◐", Tone::Works),
        Stage::Done => ("✓", Tone::Good),
    }
}

/// How long it took, or has taken so far.
fn span(began: Timestamp, ended: Option<Timestamp>, now: Timestamp) -> String {
    slurm(u64::try_from(ended.unwrap_or(now).as_second() - began.as_second()).unwrap_or(0))
}

impl Overlay for StackSheet {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Quit) => return vec![Intent::Close],
            Some(Action::Open) => self.unfolded = !self.unfolded,
            Some(Action::Streams) => return vec![Intent::Close, Intent::Activate(self.cluster.clone()), Intent::Do(Action::Streams)],
            Some(action) => {
                let room = Self::room(look.body());
                let lines = self.course.as_ref().map_or(0, |course| self.lines(course, look.clock.wall, usize::from(room.0)).len());
                self.scroll.act(action, lines, usize::from(room.1));
            }
            None => {}
        }
        Vec::new()
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if !matches!(query, Query::Events(cluster) if *cluster == self.cluster) {
            return;
        }
        match result {
            Ok(Answer::Events(events)) => {
                self.course = Course::of(events);
                self.failure = None;
            }
            Ok(_) => {}
            Err(failure) => self.failure = Some(failure.clone()),
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(Query::Events(self.cluster.clone()), Cadence::Every(BETWEEN))]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![
            ("⏎".into(), if self.unfolded { "fold what is done" } else { "show all" }),
            ("j k".into(), "scroll"),
            ("L".into(), "logs of it"),
            ("esc".into(), "close; it goes on"),
        ]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (wide, high) = Self::room((body.width, body.height));
        let name = self.cluster.name();
        let Some(course) = &self.course else {
            let inner = sheet(buf, body, (wide.min(76), 5), &format!("Stack of {name}"), "", look);
            match &self.failure {
                // Before there is a stack, pcluster uploads what it is made from.
                Some(failure) if failure.kind != FailureKind::Busy && !failure.what.contains("does not exist") => {
                    trouble(buf, inner, failure, look);
                }
                Some(_) => {
                    let words = "There is no stack yet: pcluster checks the configuration and uploads what the cluster is made from. Closing this stops nothing.";
                    crate::app::panes::prose(buf, inner, words, look.style(Tone::Works));
                }
                None => {
                    crate::app::panes::prose(buf, inner, "Asking CloudFormation …", look.style(Tone::Dim));
                }
            }
            return;
        };
        let now = look.clock.wall;
        let lines = self.lines(course, now, usize::from(wide));
        let stale = u16::from(self.failure.is_some());
        let rows = (u16::try_from(lines.len()).unwrap_or(u16::MAX - 4) + stale).clamp(4, high.max(4));
        let seen = usize::from(rows - stale);
        let top = self.scroll.top(lines.len(), seen);
        let title = format!("{name} · {} · {}", course.status, span(course.began, course.ended, now));
        let inner = sheet(buf, body, (wide, rows), &title, &place(top, lines.len(), seen), look);
        for (y, (text, right, tone)) in (inner.y..inner.bottom()).zip(lines.iter().skip(top).take(seen)) {
            let end = u16::try_from(width(right)).unwrap_or(0);
            let room = inner.width.saturating_sub(end + u16::from(end > 0));
            put(buf, inner.x, y, &fit(text, usize::from(room), Cut::End), room, look.style(*tone));
            put(buf, inner.right().saturating_sub(end), y, right, end, look.style(Tone::Dim));
        }
        if let Some(failure) = &self.failure {
            put(buf, inner.x, inner.bottom() - 1, &format!("✗ {}", failure.what), inner.width, look.style(Tone::Bad));
        }
    }
}
