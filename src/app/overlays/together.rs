//! Which logs are shown together, in the order of time: the job's outputs, its nodes' daemons, the head node's.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{prose, select};
use crate::model::{Cadence, ClusterId, Filter, LogSource, Query};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Cut, Field, Tone, fit, put};

/// A log on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    source: LogSource,
    title: String,
}

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Together {
    cluster: ClusterId,
    /// The job's outputs and what is shown already.
    known: Vec<Offer>,
    /// The nodes of the job, whose streams come first.
    nodes: String,
    shown: Vec<LogSource>,
    chosen: Vec<Offer>,
    field: Field,
    cursor: Cursor,
}

const ROOM: usize = 15;

impl Together {
    /// Offers `outputs` of a job on `nodes` (as the scheduler lists them) and the cluster's streams, beside what is `shown`.
    pub(in crate::app) fn new(
        cluster: ClusterId,
        outputs: Vec<(LogSource, String)>,
        nodes: String,
        shown: Vec<(LogSource, String)>,
    ) -> Self {
        let offer = |(source, title): (LogSource, String)| Offer { source, title };
        let chosen: Vec<Offer> = shown.into_iter().map(offer).collect();
        let mut known = chosen.clone();
        for offer in outputs.into_iter().map(offer) {
            if !known.iter().any(|other| other.source == offer.source) {
                known.push(offer);
            }
        }
        let shown = chosen.iter().map(|offer| offer.source.clone()).collect();
        Self { cluster, known, nodes, shown, chosen, field: Field::default(), cursor: Cursor::default() }
    }

    /// What is shown first, then the job's, then streams: those of its nodes, of the head node, of others.
    fn offers(&self, look: &Look<'_>) -> Vec<Offer> {
        let filter = Filter::new(self.field.text());
        let mut streams: Vec<_> = look.store.streams(&self.cluster).unwrap_or_default().iter().collect();
        streams.sort_by_key(|s| match (names(&self.nodes, &s.node), s.node == "HeadNode") {
            (true, _) => 0,
            (_, true) => 1,
            _ => 2,
        });
        let streams = streams.into_iter().map(|s| Offer {
            source: LogSource::Stream { cluster: self.cluster.clone(), group: s.group.clone(), stream: s.name.clone() },
            title: format!("{} of {}", s.identifier, s.node),
        });
        let known = self.known.iter().cloned();
        let more = streams.filter(|offer| !self.known.iter().any(|other| other.source == offer.source));
        known.chain(more).filter(|offer| filter.matches(&offer.title)).collect()
    }

    fn turn(&mut self, offer: &Offer) {
        match self.chosen.iter().position(|other| other.source == offer.source) {
            Some(at) => drop(self.chosen.remove(at)),
            None => self.chosen.push(offer.clone()),
        }
    }

    fn done(&mut self) -> Vec<Intent> {
        let mut intents = vec![Intent::Close];
        let kept = |source: &&LogSource| self.chosen.iter().any(|offer| offer.source == **source);
        let gone: Vec<_> = self.shown.iter().filter(|source| !kept(source)).cloned().collect();
        let new = self.chosen.iter().filter(|offer| !self.shown.contains(&offer.source));
        intents.extend(new.map(|offer| Intent::WatchAlso(offer.source.clone(), offer.title.clone())));
        // Nothing chosen changes nothing: an empty pane helps nobody.
        if !self.chosen.is_empty() {
            intents.extend(gone.into_iter().map(Intent::Unwatch));
        }
        intents.push(Intent::Do(Action::FocusLogs));
        intents
    }
}

impl Overlay for Together {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let offers = self.offers(look);
        match chord.key {
            Key::Char(' ') => {
                if let Some(offer) = offers.get(self.cursor.index) {
                    self.turn(offer);
                    self.cursor.go(self.cursor.index + 1, offers.len(), ROOM);
                }
            }
            Key::Enter => return self.done(),
            Key::Up => self.cursor.go(self.cursor.index.saturating_sub(1), offers.len(), ROOM),
            Key::Down | Key::Tab => self.cursor.go(self.cursor.index + 1, offers.len(), ROOM),
            Key::PageUp => self.cursor.go(self.cursor.index.saturating_sub(ROOM), offers.len(), ROOM),
            Key::PageDown => self.cursor.go(self.cursor.index + ROOM, offers.len(), ROOM),
            _ => {
                self.field.press(chord);
                self.cursor = Cursor::default();
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(Query::Streams(self.cluster.clone()), Cadence::Once)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("space".into(), "mark"), ("⏎".into(), "show together"), ("type".into(), "to filter"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let count = format!("{} marked", self.chosen.len());
        let inner = sheet(buf, body, (76, 17), &format!("Logs together · {}", self.cluster.name()), &count, look);
        put(buf, inner.x, inner.y, "/", 1, look.style(Tone::Key));
        self.field.draw(buf, inner.x + 1, inner.y, inner.width.saturating_sub(1), look.style(Tone::Plain), false);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let offers = self.offers(look);
        if offers.is_empty() {
            prose(buf, list, "No log matches.", look.style(Tone::Dim));
            return;
        }
        for (i, (y, offer)) in (list.y..list.bottom()).zip(offers.iter().skip(self.cursor.offset)).enumerate() {
            let place = self.chosen.iter().position(|other| other.source == offer.source);
            let (sign, style) = place.map_or(("[ ] ", look.style(Tone::Dim)), |n| ("[x] ", look.theme.source(n)));
            put(buf, list.x, y, sign, 4, style);
            let title = fit(&offer.title, usize::from(list.width.saturating_sub(4)), Cut::Middle);
            put(buf, list.x + 4, y, &title, list.width.saturating_sub(4), look.style(Tone::Plain));
            if self.cursor.offset + i == self.cursor.index {
                select(buf, list, y, look, true);
            }
        }
    }
}

/// Whether a scheduler's list of nodes, `gpu-dy-p4d-[1-3,7],login`, names a node.
fn names(list: &str, node: &str) -> bool {
    let mut depth = 0;
    let parts = list.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ',' && depth == 0
    });
    parts.into_iter().any(|part| match part.split_once('[') {
        None => part == node,
        Some((head, ranges)) => node.strip_prefix(head).and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| {
            ranges.trim_end_matches(']').split(',').any(|range| {
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                from.parse::<u64>().is_ok_and(|from| from <= n) && to.parse::<u64>().is_ok_and(|to| n <= to)
            })
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_list_of_nodes_names_each_of_them() {
        let list = "compute-dy-c5large-[1-4,7],login";
        for node in ["compute-dy-c5large-1", "compute-dy-c5large-3", "compute-dy-c5large-7", "login"] {
            assert!(names(list, node), "{node}");
        }
        for node in ["compute-dy-c5large-5", "compute-dy-c5large-", "logi", "gpu-1", ""] {
            assert!(!names(list, node), "{node}");
        }
    }
}
