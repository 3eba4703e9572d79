//! One line that a verb needs: a time limit, a nice value, a reason. The sheet names what it will be done to, and Enter does it.
//!
//! Never sends what cannot be right: a mistake is told in words and nothing happens.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::wrapped;
use crate::model::{ClusterId, Command, JobChange, JobId, NodeChange};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// What is made of the line.
#[derive(Debug)]
pub(in crate::app) enum Then {
    /// A change to jobs.
    Jobs {
        /// Their cluster.
        cluster: ClusterId,
        /// Which ones.
        jobs: Vec<JobId>,
        /// The same in words.
        which: String,
        /// Makes the change of what was typed, or says what is wrong with it.
        read: fn(&str) -> Result<JobChange, String>,
    },
    /// A change to nodes, likewise.
    Nodes {
        /// Their cluster.
        cluster: ClusterId,
        /// Which ones.
        nodes: Vec<String>,
        /// The same in words.
        which: String,
        /// Makes the change.
        read: fn(&str) -> Result<NodeChange, String>,
    },
}

impl Then {
    fn run(&self, text: &str) -> Result<Intent, String> {
        Ok(match self {
            Self::Jobs { cluster, jobs, which, read } => {
                let change = read(text)?;
                let words = format!("asking the scheduler to {change} {which}");
                Intent::Run(Command::Change { cluster: cluster.clone(), change, jobs: jobs.clone() }, words)
            }
            Self::Nodes { cluster, nodes, which, read } => {
                let change = read(text)?;
                let words = format!("asking the scheduler to {change} {which}");
                Intent::Run(Command::ChangeNodes { cluster: cluster.clone(), change, nodes: nodes.clone() }, words)
            }
        })
    }
}

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Ask {
    title: String,
    text: String,
    label: &'static str,
    field: Field,
    wrong: String,
    then: Then,
}

impl Ask {
    /// With `value` in the line already.
    pub(in crate::app) fn new(title: String, text: String, label: &'static str, value: String, then: Then) -> Self {
        Self { title, text, label, field: Field::new(value), wrong: String::new(), then }
    }
}

impl Overlay for Ask {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter => match self.then.run(self.field.text()) {
                Ok(run) => return vec![Intent::Close, run],
                Err(wrong) => self.wrong = wrong,
            },
            _ => {
                if self.field.press(chord) {
                    self.wrong.clear();
                }
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
        self.wrong.clear();
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "do it"), ("^u".into(), "clear"), ("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 72.min(body.width.saturating_sub(4));
        let text = crate::model::text::clean(&self.text).replace('␊', "\n");
        let lines = wrapped(&text, usize::from(room));
        let wrong = if self.wrong.is_empty() { Vec::new() } else { wrapped(&self.wrong, usize::from(room)) };
        let rows = u16::try_from(lines.len() + wrong.len()).unwrap_or(20) + 2;
        let inner = sheet(buf, body, (room, rows), &self.title, "", look);
        // What is typed and what is wrong with it stay on screen, whatever else must go.
        let below = u16::try_from(wrong.len()).unwrap_or(0) + 1;
        let line = inner.bottom().saturating_sub(below).max(inner.y);
        for (y, text) in (inner.y..line.saturating_sub(1)).zip(&lines) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Plain));
        }
        let used = put(buf, inner.x, line, self.label, 14, look.style(Tone::Dim)) + 2;
        self.field.draw(buf, inner.x + used, line, inner.width.saturating_sub(used), look.style(Tone::Key), false);
        for (y, text) in (line + 1..inner.bottom()).zip(&wrong) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Bad));
        }
    }
}
