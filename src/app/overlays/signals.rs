//! The signals that one sends to jobs, with what they mean, and room for any other.
//!
//! What ends a job by default is asked about once more.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Confirm, Intent, Look, Overlay, sheet};
use crate::app::panes::{select, wrapped};
use crate::model::{ClusterId, Command, JobChange, JobId};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Field, Tone, put};

/// Name, meaning, whether it ends a process that does not handle it otherwise.
const SIGNALS: [(&str, &str, bool); 9] = [
    ("USR1", "what the script's trap does with it, often a checkpoint", false),
    ("USR2", "the same, for another purpose of the script's own", false),
    ("CONT", "go on after STOP or TSTP", false),
    ("TSTP", "pause; a program may refuse", false),
    ("STOP", "pause at once; nothing can refuse", false),
    ("INT", "interrupt, as ctrl-c does", true),
    ("HUP", "hang up; some programs read their configuration again", true),
    ("TERM", "end, with time to clean up", true),
    ("KILL", "end at once; nothing is written any more", true),
];

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Signals {
    cluster: ClusterId,
    jobs: Vec<JobId>,
    which: String,
    text: String,
    field: Field,
    cursor: Cursor,
    wrong: String,
}

impl Signals {
    /// For these jobs, named in `which` and described in `text`.
    pub(in crate::app) fn new(cluster: ClusterId, jobs: Vec<JobId>, which: String, text: String) -> Self {
        Self { cluster, jobs, which, text, field: Field::default(), cursor: Cursor::default(), wrong: String::new() }
    }

    fn found(&self) -> Vec<&'static (&'static str, &'static str, bool)> {
        let typed = self.field.text().trim().to_uppercase();
        let typed = typed.strip_prefix("SIG").unwrap_or(&typed);
        SIGNALS.iter().filter(|(name, ..)| name.starts_with(typed)).collect()
    }

    fn send(&mut self) -> Vec<Intent> {
        let found = self.found();
        let name = found.get(self.cursor.index).map_or_else(|| self.field.text().to_owned(), |(name, ..)| (*name).to_owned());
        let change = match JobChange::signal(&name) {
            Ok(change) => change,
            Err(wrong) => {
                self.wrong = wrong;
                return Vec::new();
            }
        };
        let JobChange::Signal(name) = &change else { return Vec::new() };
        let (title, words) = (format!("Send SIG{name} to {}?", self.which), format!("sending SIG{name} to {}", self.which));
        let harmless = SIGNALS.iter().any(|(known, _, ends)| known == name && !ends);
        let run = Intent::Run(Command::Change { cluster: self.cluster.clone(), change: change.clone(), jobs: self.jobs.clone() }, words);
        if harmless {
            return vec![Intent::Close, run];
        }
        let text = format!("{}\nProcesses that do not handle it end, and what they have not written is lost.", self.text);
        vec![Intent::Close, Intent::Open(Box::new(Confirm::dangerous(title, text, "send it", vec![run])))]
    }
}

impl Overlay for Signals {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        let len = self.found().len();
        match chord.key {
            Key::Enter => return self.send(),
            Key::Up => self.cursor.go(self.cursor.index.saturating_sub(1), len, SIGNALS.len()),
            Key::Down | Key::Tab => self.cursor.go(self.cursor.index + 1, len, SIGNALS.len()),
            _ => {
                self.field.press(chord);
                self.cursor = Cursor::default();
                self.wrong.clear();
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
        self.cursor = Cursor::default();
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("↑↓".into(), "choose"), ("type".into(), "any other"), ("⏎".into(), "send"), ("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 72.min(body.width.saturating_sub(4));
        let text = crate::model::text::clean(&self.text).replace('␊', "\n");
        let lines = wrapped(&text, usize::from(room));
        let found = self.found();
        let list = u16::try_from(SIGNALS.len()).unwrap_or(9);
        let rows = u16::try_from(lines.len()).unwrap_or(4) + 2 + list;
        let inner = sheet(buf, body, (room, rows), &format!("Signal to {}", self.which), "", look);
        let top = inner.bottom().saturating_sub(list + 1).max(inner.y);
        for (y, line) in (inner.y..top.saturating_sub(1)).zip(&lines) {
            put(buf, inner.x, y, line, inner.width, look.style(Tone::Plain));
        }
        let used = put(buf, inner.x, top, "SIG", 3, look.style(Tone::Dim));
        self.field.draw(buf, inner.x + used, top, inner.width.saturating_sub(used).min(20), look.style(Tone::Key), false);
        let said = if found.is_empty() && self.wrong.is_empty() { "⏎ sends that" } else { self.wrong.as_str() };
        let tone = if self.wrong.is_empty() { Tone::Dim } else { Tone::Bad };
        put(buf, inner.x + 26, top, said, inner.width.saturating_sub(26), look.style(tone));
        for (i, (y, (name, meaning, ends))) in (top + 1..inner.bottom()).zip(found).enumerate() {
            put(buf, inner.x, y, name, 6, look.style(if *ends { Tone::Bad } else { Tone::Strong }));
            put(buf, inner.x + 7, y, meaning, inner.width.saturating_sub(7), look.style(Tone::Plain));
            if i == self.cursor.index {
                select(buf, inner, y, look, true);
            }
        }
    }
}
