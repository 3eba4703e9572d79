//! Other bounds for a queue: which one, the fewest nodes and the most. What would come of it is shown before anything is done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::{Intent, Look, Overlay, Proposal, sheet};
use crate::app::panes::{prose, trouble};
use crate::model::scaling::{Bounds, bounds};
use crate::model::{Answer, Cadence, ClusterId, Configuration, Draft, Failure, FailureKind, Query};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct ScaleForm {
    cluster: ClusterId,
    /// The queue that is meant, where one is.
    meant: Option<String>,
    /// The configuration and the queues in it, once it is here.
    known: Option<Result<(String, Vec<Bounds>), Failure>>,
    queue: usize,
    /// 0 the queue, 1 the fewest, 2 the most.
    at: usize,
    fields: [Field; 2],
    wrong: String,
}

impl ScaleForm {
    /// For a cluster, and for the queue under the cursor where there is one.
    pub(in crate::app) fn new(cluster: ClusterId, meant: Option<String>) -> Self {
        let fields = [Field::new(""), Field::new("")];
        Self { cluster, meant, known: None, queue: 0, at: 2, fields, wrong: String::new() }
    }

    fn queues(&self) -> &[Bounds] {
        self.known.as_ref().and_then(|known| known.as_ref().ok()).map_or(&[], |(_, queues)| queues)
    }

    fn choose(&mut self, queue: usize) {
        let Some(bounds) = self.queues().get(queue).cloned() else { return };
        self.queue = queue;
        self.fields = [Field::new(bounds.min.to_string()), Field::new(bounds.max.to_string())];
        self.wrong.clear();
    }

    fn name(&self, of: &Bounds) -> String {
        let alone = self.queues().iter().filter(|b| b.queue == of.queue).count() == 1;
        if alone { of.queue.clone() } else { format!("{}/{}", of.queue, of.resource) }
    }

    fn go_on(&mut self) -> Vec<Intent> {
        let Some(Ok((text, queues))) = &self.known else { return Vec::new() };
        let Some(now) = queues.get(self.queue) else { return Vec::new() };
        let number = |field: &Field| field.text().trim().parse::<u32>().ok();
        let (Some(min), Some(max)) = (number(&self.fields[0]), number(&self.fields[1])) else {
            self.wrong = "Both are numbers from 0.".to_owned();
            return Vec::new();
        };
        let wrong = match (min, max) {
            _ if min > max => "The fewest cannot be more than the most.",
            (_, 0) => "A queue has at least 1 node at most.",
            _ if (min, max) == (now.min, now.max) => "That is what it has.",
            _ => "",
        };
        if !wrong.is_empty() {
            wrong.clone_into(&mut self.wrong);
            return Vec::new();
        }
        let of = Configuration::Text(text.clone());
        let draft = Draft::Scale { queue: format!("{}/{}", now.queue, now.resource), min: Some(min), max: Some(max), of };
        vec![Intent::Open(Box::new(Proposal::new(self.cluster.clone(), draft, 1)))]
    }
}

impl Overlay for ScaleForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        let (last, queue) = (self.queues().len().saturating_sub(1), self.queue);
        match chord.key {
            Key::Enter => return self.go_on(),
            Key::Tab | Key::Down => self.at = (self.at + 1) % 3,
            Key::BackTab | Key::Up => self.at = (self.at + 2) % 3,
            Key::Left if self.at == 0 => self.choose(queue.saturating_sub(1)),
            Key::Right if self.at == 0 => self.choose((queue + 1).min(last)),
            _ if self.at > 0 => {
                self.fields[self.at - 1].press(chord);
                self.wrong.clear();
            }
            _ => {}
        }
        Vec::new()
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if !matches!(query, Query::Configuration(cluster) if *cluster == self.cluster) || self.known.is_some() {
            return;
        }
        let read = match result {
            Ok(Answer::Configuration(text)) => bounds(text)
                .map(|queues| (text.clone(), queues))
                .map_err(|what| Failure::new(FailureKind::Unsupported, self.cluster.as_str(), what)),
            Ok(_) => return,
            Err(failure) => Err(failure.clone()),
        };
        self.known = Some(read);
        let meant = self.meant.as_ref().and_then(|name| self.queues().iter().position(|b| b.queue == *name)).unwrap_or(0);
        self.choose(meant);
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        if self.known.is_some() { Vec::new() } else { vec![(Query::Configuration(self.cluster.clone()), Cadence::Once)] }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let mut keys = vec![("⏎".into(), "show what would change"), ("⇥".into(), "next")];
        if self.at == 0 {
            keys.push(("←→".into(), "queue"));
        }
        keys.push(("esc".into(), "leave it"));
        keys
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let inner = sheet(buf, body, (60, 5), &format!("Scale a queue of {}", self.cluster.name()), "", look);
        match &self.known {
            None => {
                prose(buf, inner, "Asking pcluster for the cluster's configuration; that takes some seconds …", look.style(Tone::Works));
            }
            Some(Err(failure)) => {
                trouble(buf, inner, failure, look);
            }
            Some(Ok((_, queues))) => {
                let Some(queue) = queues.get(self.queue) else { return };
                let of = if queues.len() > 1 { format!("  {} of {}", self.queue + 1, queues.len()) } else { String::new() };
                let mark = if self.at == 0 { look.style(Tone::Key).add_modifier(Modifier::REVERSED) } else { look.style(Tone::Key) };
                put(buf, inner.x, inner.y, "Queue", 12, look.style(Tone::Dim));
                let used = put(buf, inner.x + 15, inner.y, &self.name(queue), inner.width.saturating_sub(25), mark);
                put(buf, inner.x + 15 + used, inner.y, &of, 10, look.style(Tone::Dim));
                for (n, (label, now)) in [("Nodes at least", queue.min), ("Nodes at most", queue.max)].into_iter().enumerate() {
                    let y = inner.y + 1 + u16::try_from(n).unwrap_or(0);
                    put(buf, inner.x, y, label, 14, look.style(Tone::Dim));
                    if self.at == n + 1 {
                        self.fields[n].draw(buf, inner.x + 15, y, 10, look.style(Tone::Key), false);
                    } else {
                        put(buf, inner.x + 15, y, self.fields[n].text(), 10, look.style(Tone::Plain));
                    }
                    put(buf, inner.x + 27, y, &format!("now {now}"), 14, look.style(Tone::Dim));
                }
                put(buf, inner.x, inner.y + 4, &self.wrong, inner.width, look.style(Tone::Bad));
            }
        }
    }
}
