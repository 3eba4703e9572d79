//! What ssh asks: to confirm a host key, a passphrase, a one-time code.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::wrapped;
use crate::model::{ClusterId, Command, Prompt};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// The question and what is typed as its answer.
#[derive(Debug)]
pub(in crate::app) struct PromptForm {
    cluster: ClusterId,
    prompt: Prompt,
    field: Field,
}

impl PromptForm {
    pub(in crate::app) fn new(cluster: ClusterId, prompt: Prompt) -> Self {
        Self { cluster, prompt, field: Field::default() }
    }

    fn reply(&self, text: Option<String>) -> Vec<Intent> {
        let command = Command::Reply { cluster: self.cluster.clone(), prompt: self.prompt.id, text };
        vec![Intent::Close, Intent::Run(command, "answering ssh".into())]
    }
}

impl Overlay for PromptForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn asks(&self) -> Option<(&ClusterId, u64)> {
        Some((&self.cluster, self.prompt.id))
    }

    fn leave(&mut self) -> Vec<Intent> {
        self.reply(None)
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter => self.reply(Some(self.field.text().to_owned())),
            _ => {
                self.field.press(chord);
                Vec::new()
            }
        }
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "answer"), ("esc".into(), "decline")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 84.min(body.width.saturating_sub(4));
        let lines = wrapped(&self.prompt.text, usize::from(room));
        let rows = u16::try_from(lines.len()).unwrap_or(10) + 2;
        let inner = sheet(buf, body, (room, rows), &format!("ssh asks · {}", self.cluster.name()), "", look);
        for (y, text) in (inner.y..inner.bottom()).zip(&lines) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Plain));
        }
        self.field.draw(buf, inner.x, inner.bottom() - 1, inner.width, look.style(Tone::Key), self.prompt.secret);
    }
}
