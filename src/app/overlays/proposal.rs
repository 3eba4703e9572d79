//! What would come of a configuration before it is used: messages beside the lines they speak of, what would change, and then the question.
//!
//! Applies exactly the text that was tried, and nothing that was refused.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, StackSheet, sheet};
use crate::app::panes::{prose, trouble, wrapped};
use crate::model::text::clean;
use crate::model::{Answer, Cadence, ClusterId, Command, Draft, Failure, Operation, Query, Remark, Severity, Verdict};
use crate::protocol::{Action, Chord};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Proposal {
    cluster: ClusterId,
    draft: Draft,
    /// How many overlays below belong to it and close with it.
    below: usize,
    verdict: Option<Result<Verdict, Failure>>,
    scroll: Scroll,
    scrolled: bool,
}

impl Proposal {
    /// Begins to find out; `below` overlays beneath have done their work once it is applied.
    pub(in crate::app) fn new(cluster: ClusterId, draft: Draft, below: usize) -> Self {
        Self { cluster, draft, below, verdict: None, scroll: Scroll::default(), scrolled: false }
    }

    /// One whose verdict is known: it was refused.
    pub(in crate::app) fn refused(cluster: ClusterId, draft: Draft, verdict: Verdict) -> Self {
        Self { verdict: Some(Ok(verdict)), ..Self::new(cluster, draft, 0) }
    }

    fn query(&self) -> Query {
        Query::DryRun { cluster: self.cluster.clone(), draft: self.draft.clone() }
    }

    fn title(&self) -> String {
        let name = self.cluster.name();
        let outcome = match &self.verdict {
            None => "",
            Some(Ok(verdict)) if verdict.accepted => " · accepted",
            Some(Ok(_)) => " · refused",
            Some(Err(_)) => " · not known",
        };
        match &self.draft {
            Draft::Create(_) => format!("Create {name}{outcome}"),
            Draft::Update(_) => format!("Update {name}{outcome}"),
            Draft::Scale { queue, .. } => format!("Scale {queue} of {name}{outcome}"),
        }
    }

    fn verb(&self) -> &'static str {
        match self.draft {
            Draft::Create(_) => "create it",
            Draft::Update(_) => "update it",
            Draft::Scale { .. } => "scale it",
        }
    }

    fn accepted(&self) -> Option<&Verdict> {
        self.verdict.as_ref().and_then(|verdict| verdict.as_ref().ok()).filter(|verdict| verdict.accepted)
    }

    fn apply(&self) -> Vec<Intent> {
        let Some(verdict) = self.accepted() else { return Vec::new() };
        let (text, name) = (verdict.text.clone(), self.cluster.name());
        let (operation, words) = match &self.draft {
            Draft::Create(_) => (Operation::Create { text }, format!("creating {name}")),
            Draft::Update(_) => (Operation::Update { text }, format!("updating {name}")),
            Draft::Scale { queue, .. } => {
                let bounds = verdict.bounds.unwrap_or_default();
                (Operation::Scale { queue: queue.clone(), bounds, text }, format!("scaling {queue} of {name}"))
            }
        };
        let mut intents: Vec<Intent> = (0..=self.below).map(|_| Intent::Close).collect();
        intents.push(Intent::Run(Command::Operate { cluster: self.cluster.clone(), operation }, words));
        intents.push(Intent::Open(Box::new(StackSheet::new(self.cluster.clone()))));
        intents
    }

    /// Everything there is to say, line by line; and where the first remark stands.
    fn lines(&self, verdict: &Verdict, room: usize) -> (Vec<(String, Tone)>, usize) {
        let mut out: Vec<(String, Tone)> = Vec::new();
        let sign = if verdict.accepted { "✓ pcluster accepts it." } else { "✗ It is refused." };
        out.push((sign.to_owned(), if verdict.accepted { Tone::Good } else { Tone::Bad }));
        let repeated = verdict.remarks.iter().any(|remark| verdict.said.contains(&remark.message));
        if !verdict.accepted && !verdict.said.is_empty() && !repeated {
            out.extend(wrapped(&clean(&verdict.said), room).into_iter().map(|line| (line, Tone::Plain)));
        }
        if !verdict.alterations.is_empty() {
            out.push(("What would change:".to_owned(), Tone::Strong));
            for change in &verdict.alterations {
                let words = format!("  {}: {} → {}", change.parameter, change.now, change.then);
                out.extend(wrapped(&clean(&words), room).into_iter().map(|line| (line, Tone::Key)));
            }
        }
        verdict.remarks.iter().filter(|remark| remark.line.is_none()).for_each(|remark| told(&mut out, remark, room, ""));
        let edited = verdict.edited();
        if !edited.is_empty() {
            out.push(("In the file:".to_owned(), Tone::Strong));
            for (number, old, new) in edited {
                out.extend(old.map(|old| (format!("{:>4} - {}", number + 1, clean(old)), Tone::Bad)));
                out.push((format!("{:>4} + {}", number + 1, clean(new)), Tone::Good));
            }
        }
        let mut first = 0;
        if verdict.remarks.iter().any(|remark| remark.line.is_some()) || matches!(self.draft, Draft::Create(_)) {
            out.push((String::new(), Tone::Plain));
            for (number, text) in verdict.text.lines().enumerate() {
                out.push((format!("{:>4}  {}", number + 1, clean(text)), Tone::Dim));
                let mut here = verdict.remarks.iter().filter(|remark| remark.line == Some(number)).peekable();
                if here.peek().is_some() {
                    if let Some(last) = out.last_mut() {
                        last.1 = Tone::Plain;
                    }
                    first = if first == 0 { out.len() } else { first };
                }
                here.for_each(|remark| told(&mut out, remark, room, "      "));
            }
        }
        (out, first)
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(6).min(110), body.1.saturating_sub(4))
    }
}

fn told(out: &mut Vec<(String, Tone)>, remark: &Remark, room: usize, indent: &str) {
    let (sign, tone) = match remark.severity {
        Severity::Error => ("✗", Tone::Bad),
        Severity::Warning => ("!", Tone::Waits),
        Severity::Info => ("i", Tone::Works),
    };
    let words = wrapped(&clean(&remark.message), room.saturating_sub(indent.len() + 2));
    out.extend(words.into_iter().enumerate().map(|(i, line)| (format!("{indent}{} {line}", if i == 0 { sign } else { " " }), tone)));
}

impl Overlay for Proposal {
    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if chord.typed() == Some('y') {
            return self.apply();
        }
        match action {
            Some(Action::Back | Action::Quit) => return vec![Intent::Close],
            Some(action) => {
                let room = Self::room(look.body());
                if let Some(Ok(verdict)) = &self.verdict {
                    let lines = self.lines(verdict, usize::from(room.0)).0.len();
                    self.scrolled |= self.scroll.act(action, lines, usize::from(room.1));
                }
            }
            None => {}
        }
        Vec::new()
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if *query != self.query() {
            return;
        }
        self.verdict = match result {
            Ok(Answer::Verdict(verdict)) => Some(Ok(Verdict::clone(verdict))),
            Ok(_) => None,
            Err(failure) => Some(Err(failure.clone())),
        };
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        if self.verdict.is_some() { Vec::new() } else { vec![(self.query(), Cadence::Once)] }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let mut keys = Vec::new();
        if self.accepted().is_some() {
            keys.push(("y".into(), self.verb()));
        }
        keys.extend([("j k".into(), "scroll"), ("esc".into(), "leave it")]);
        keys
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = Self::room((body.width, body.height));
        match &self.verdict {
            None => {
                let inner = sheet(buf, body, (room.0.min(70), 3), &self.title(), "", look);
                let words = "pcluster is asked what would come of it. That takes 5 to 30 seconds; nothing is changed, and Esc withdraws the question.";
                prose(buf, inner, words, look.style(Tone::Works));
            }
            Some(Err(failure)) => {
                let inner = sheet(buf, body, (room.0.min(90), 8), &self.title(), "", look);
                trouble(buf, inner, failure, look);
            }
            Some(Ok(verdict)) => {
                let (lines, first) = self.lines(verdict, usize::from(room.0));
                let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX - 4).min(room.1);
                let height = usize::from(rows);
                // What is wrong is what one wants to see first.
                let top = if self.scrolled || first < height {
                    self.scroll.top(lines.len(), height)
                } else {
                    (first - height / 2).min(lines.len() - height)
                };
                let inner = sheet(buf, body, (room.0, rows), &self.title(), &place(top, lines.len(), height), look);
                for (y, (text, tone)) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
                    put(buf, inner.x, y, text, inner.width, look.style(*tone));
                }
            }
        }
    }
}
