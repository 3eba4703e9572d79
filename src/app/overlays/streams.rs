//! The cluster's log streams, offered by what they are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{prose, select, trouble};
use crate::model::{Cadence, ClusterId, Filter, LogSource, LogStream, Query};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Cut, Field, Tone, fit, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Streams {
    cluster: ClusterId,
    field: Field,
    cursor: Cursor,
}

const ROOM: usize = 16;

impl Streams {
    pub(in crate::app) fn new(cluster: ClusterId) -> Self {
        Self { cluster, field: Field::default(), cursor: Cursor::default() }
    }

    fn found<'a>(&self, look: &Look<'a>) -> Vec<&'a LogStream> {
        let filter = Filter::new(self.field.text());
        let all = look.store.streams(&self.cluster).unwrap_or_default();
        all.iter().filter(|s| filter.matches(&format!("{} {} {}", s.identifier, s.node, s.name))).collect()
    }
}

impl Overlay for Streams {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let found = self.found(look);
        match chord.key {
            Key::Esc => return vec![Intent::Close],
            Key::Char('c') if chord.ctrl => return vec![Intent::Close],
            Key::Enter => {
                let Some(stream) = found.get(self.cursor.index) else { return Vec::new() };
                let source = LogSource::Stream { cluster: self.cluster.clone(), group: stream.group.clone(), stream: stream.name.clone() };
                let title = format!("{} of {}", stream.identifier, stream.node);
                return vec![Intent::Close, Intent::Watch(source, title), Intent::Do(Action::FocusLogs)];
            }
            Key::Up => self.cursor.go(self.cursor.index.saturating_sub(1), found.len(), ROOM),
            Key::Down | Key::Tab => self.cursor.go(self.cursor.index + 1, found.len(), ROOM),
            Key::PageUp => self.cursor.go(self.cursor.index.saturating_sub(ROOM), found.len(), ROOM),
            Key::PageDown => self.cursor.go(self.cursor.index + ROOM, found.len(), ROOM),
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
        vec![("type".into(), "to filter"), ("↑↓".into(), "choose"), ("⏎".into(), "open"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let inner = sheet(buf, body, (76, 18), &format!("Log streams · {}", self.cluster.name()), "", look);
        put(buf, inner.x, inner.y, "/", 1, look.style(Tone::Key));
        self.field.draw(buf, inner.x + 1, inner.y, inner.width - 1, look.style(Tone::Plain), false);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let found = self.found(look);
        if found.is_empty() {
            let slot = look.store.slot(&Query::Streams(self.cluster.clone()));
            match slot.map(|slot| slot.failure.as_ref()) {
                Some(Some(failure)) => {
                    trouble(buf, list, failure, look);
                }
                Some(None) => {
                    let words = if self.field.text().is_empty() { "This cluster has no log streams." } else { "No stream matches." };
                    prose(buf, list, words, look.style(Tone::Dim));
                }
                None => {
                    prose(buf, list, "Asking …", look.style(Tone::Dim));
                }
            }
            return;
        }
        for (i, (y, stream)) in (list.y..list.bottom()).zip(found.iter().skip(self.cursor.offset)).enumerate() {
            put(buf, list.x, y, &stream.identifier, 28, look.style(Tone::Plain));
            let node = fit(&stream.node, 28, Cut::Middle);
            put(buf, list.x + 29, y, &node, 28, look.style(Tone::Dim));
            if let Some(at) = stream.last_event {
                let at = look.local(at, "%d %b %H:%M");
                put(buf, list.x + 58, y, &at, list.width.saturating_sub(58), look.style(Tone::Dim));
            }
            if self.cursor.offset + i == self.cursor.index {
                select(buf, list, y, look, true);
            }
        }
    }
}
