//! Where a copy between S3 and a cluster goes.
//!
//! Never sends what cannot be right: a mistake is told in words and nothing happens.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::wrapped;
use crate::model::stage::{SCHEME, fault};
use crate::model::{ClusterId, Command, Stage};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cut, Field, Tone, fit, put};

/// The form.
#[derive(Debug)]
pub(in crate::app) struct StageForm {
    cluster: ClusterId,
    is_in: bool,
    from: String,
    to: Field,
    wrong: String,
}

impl StageForm {
    /// Copies `from`, proposing `to`. `is_in`: from S3 to the cluster.
    pub(in crate::app) fn new(cluster: ClusterId, is_in: bool, from: String, to: String) -> Self {
        Self { cluster, is_in, from, to: Field::new(to), wrong: String::new() }
    }

    fn run(&mut self) -> Vec<Intent> {
        let to = self.to.text().trim().to_owned();
        let (object, path) = if self.is_in { (self.from.clone(), to) } else { (to, self.from.clone()) };
        let wrong = match fault(&object) {
            Some(wrong) => Some(wrong),
            None if path.is_empty() => Some("where to?".to_owned()),
            None if path.starts_with(SCHEME) => Some("a file or folder on the cluster is meant here".to_owned()),
            None => None,
        };
        if let Some(wrong) = wrong {
            self.wrong = wrong;
            return Vec::new();
        }
        let stage = Stage { cluster: self.cluster.clone(), is_in: self.is_in, object, path };
        let words = format!("copying {}", self.from);
        vec![Intent::Close, Intent::Run(Command::Stage(stage), words)]
    }
}

impl Overlay for StageForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter => return self.run(),
            _ => {
                self.wrong.clear();
                self.to.press(chord);
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.to.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "copy"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 76.min(body.width.saturating_sub(4));
        let words = "The head node copies, with the cluster's own role; nothing passes through this machine. What is there already under the \
                     same name is replaced.";
        let told = wrapped(words, usize::from(room));
        let rows = u16::try_from(told.len()).unwrap_or(4) + 5;
        let title = if self.is_in { "Copy from S3" } else { "Copy to S3" };
        let inner = sheet(buf, body, (room, rows), &format!("{title} · {}", self.cluster.name()), "", look);
        let field = inner.width.saturating_sub(6);
        put(buf, inner.x, inner.y, "from", 4, look.style(Tone::Dim));
        put(buf, inner.x + 6, inner.y, &fit(&self.from, usize::from(field), Cut::Start), field, look.style(Tone::Plain));
        put(buf, inner.x, inner.y + 1, "to", 4, look.style(Tone::Dim));
        self.to.draw(buf, inner.x + 6, inner.y + 1, field, look.style(Tone::Key), false);
        for (y, text) in (inner.y + 3..inner.bottom()).zip(&told) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Dim));
        }
        if !self.wrong.is_empty() {
            put(buf, inner.x, inner.bottom().saturating_sub(1), &self.wrong, inner.width, look.style(Tone::Bad));
        }
    }
}
