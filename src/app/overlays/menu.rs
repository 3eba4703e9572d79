//! All that can be done to the jobs under the cursor or marked, with the keys that do it at once.
//!
//! Shows nothing that the scheduler does not offer.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::select;
use crate::app::verbs::offered;
use crate::model::ClusterId;
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Cursor, Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct VerbMenu {
    cluster: ClusterId,
    title: String,
    verbs: Vec<Action>,
    cursor: Cursor,
}

const ROOM: usize = 30;

impl VerbMenu {
    /// The verbs that apply to what `title` names.
    pub(in crate::app) fn new(cluster: ClusterId, title: String, verbs: Vec<Action>) -> Self {
        Self { cluster, title, verbs, cursor: Cursor::default() }
    }

    fn shown(&self, look: &Look<'_>) -> Vec<Action> {
        let offer = look.offer(&self.cluster);
        self.verbs.iter().copied().filter(|verb| offered(*verb, offer)).collect()
    }
}

impl Overlay for VerbMenu {
    fn areas(&self) -> &'static [Area] {
        &[Area::Jobs, Area::List, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let shown = self.shown(look);
        let Some(action) = action else { return Vec::new() };
        if self.cursor.act(action, shown.len(), ROOM) {
            return Vec::new();
        }
        match action {
            Action::Back | Action::Quit | Action::Verbs => vec![Intent::Close],
            Action::Open => std::iter::once(Intent::Close).chain(shown.get(self.cursor.index).map(|verb| Intent::Do(*verb))).collect(),
            verb if shown.contains(&verb) => vec![Intent::Close, Intent::Do(verb)],
            _ => Vec::new(),
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("j k".into(), "choose"), ("⏎".into(), "do it"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let shown = self.shown(look);
        let rows = u16::try_from(shown.len().min(ROOM)).unwrap_or(20);
        let inner = sheet(buf, body, (66.min(body.width.saturating_sub(4)), rows), &self.title, "", look);
        let mut cursor = self.cursor;
        cursor.settle(shown.len(), usize::from(inner.height));
        for (i, (y, verb)) in (inner.y..inner.bottom()).zip(shown.iter().skip(cursor.offset)).enumerate() {
            let row = verb.row();
            put(buf, inner.x, y, &look.keys.sign(*verb), 5, look.style(Tone::Key));
            put(buf, inner.x + 6, y, row.words, inner.width.saturating_sub(6), look.style(Tone::Plain));
            if cursor.offset + i == cursor.index {
                select(buf, inner, y, look, true);
            }
        }
    }
}
