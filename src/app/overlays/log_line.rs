//! One line of text for the logs pane: a filter, a place to go to, a word to highlight, a file to save into.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::intent::LogWish;
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// What the line is for.
#[derive(Debug)]
enum For {
    /// Shown at once while it is typed; what was there before comes back on Esc.
    Filter {
        before: String,
    },
    Place,
    Word,
    /// Whether the whole log is wanted; `None` where only what is shown can be had.
    File {
        whole: Option<bool>,
    },
}

/// The line.
#[derive(Debug)]
pub(in crate::app) struct LogLine {
    what: For,
    field: Field,
}

impl LogLine {
    pub(in crate::app) fn filter(before: &str) -> Self {
        Self { what: For::Filter { before: before.to_owned() }, field: Field::new(before) }
    }

    pub(in crate::app) fn place() -> Self {
        Self { what: For::Place, field: Field::default() }
    }

    pub(in crate::app) fn word() -> Self {
        Self { what: For::Word, field: Field::default() }
    }

    /// A local file, `proposed`; the whole log can be had where it is the only one.
    pub(in crate::app) fn file(proposed: String, alone: bool) -> Self {
        Self { what: For::File { whole: alone.then_some(false) }, field: Field::new(proposed) }
    }

    /// What the text asks for.
    fn wish(&self) -> LogWish {
        let text = self.field.text().to_owned();
        match &self.what {
            For::Filter { .. } => LogWish::Keep(text),
            For::Place => LogWish::GoTo(text),
            For::Word => LogWish::Highlight(text),
            For::File { whole } => LogWish::Save { dest: text.into(), whole: whole.unwrap_or(false) },
        }
    }

    fn live(&self) -> Vec<Intent> {
        match self.what {
            For::Filter { .. } => vec![Intent::Logs(self.wish())],
            For::Place | For::Word | For::File { .. } => Vec::new(),
        }
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.what {
            For::Filter { .. } => {
                ("Show only lines that match", "A regular expression, smart case; ! in front shows the others. Empty shows all.")
            }
            For::Place => ("Go to", "14:05 · 2026-11-25 14:05 · -10m · 50% · 1200 (a line)"),
            For::Word => ("Highlight", "A word or expression; the same once more takes it away, empty takes all away."),
            For::File { whole: Some(true) } => {
                ("Save the whole log into", "All of it, read again from where it lies. ⇥ saves only what is shown.")
            }
            For::File { whole: Some(false) } => ("Save what is shown into", "Without colours. ⇥ saves the whole log."),
            For::File { whole: None } => ("Save what is shown into", "Without colours, in the order of time."),
        }
    }
}

impl Overlay for LogLine {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn leave(&mut self) -> Vec<Intent> {
        match &mut self.what {
            For::Filter { before } => vec![Intent::Close, Intent::Logs(LogWish::Keep(std::mem::take(before)))],
            For::Place | For::Word | For::File { .. } => vec![Intent::Close],
        }
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match (&mut self.what, chord.key) {
            (For::Place | For::File { .. }, Key::Enter) if self.field.text().trim().is_empty() => vec![Intent::Close],
            (For::Filter { .. } | For::Place | For::Word | For::File { .. }, Key::Enter) => vec![Intent::Close, Intent::Logs(self.wish())],
            (For::File { whole: Some(whole) }, Key::Tab | Key::BackTab) => {
                *whole = !*whole;
                Vec::new()
            }
            _ => {
                self.field.press(chord);
                self.live()
            }
        }
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let enter = match self.what {
            For::Filter { .. } => "keep",
            For::Place => "go",
            For::Word => "highlight",
            For::File { .. } => "save",
        };
        let mut keys = vec![("⏎".to_owned(), enter)];
        if matches!(self.what, For::File { whole: Some(_) }) {
            keys.push(("⇥".to_owned(), "what is shown or the whole log"));
        }
        keys.push(("esc".to_owned(), "close"));
        keys
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (title, words) = self.words();
        let inner = sheet(buf, body, (82, 2), title, "", look);
        self.field.draw(buf, inner.x, inner.y, inner.width, look.style(Tone::Plain), false);
        put(buf, inner.x, inner.y + 1, words, inner.width, look.style(Tone::Dim));
    }
}
