//! A question before something is done. Where that cannot be taken back, the safe answer is the default.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::{Intent, Look, Overlay, line, sheet};
use crate::app::panes::wrapped;
use crate::protocol::{Action, Chord, Key};
use crate::ui::{Tone, put};

/// One possible answer.
#[derive(Debug)]
struct Choice {
    key: char,
    words: String,
    intents: Vec<Intent>,
    /// Whether nothing is lost by it.
    safe: bool,
}

/// The question.
#[derive(Debug)]
pub(in crate::app) struct Confirm {
    title: String,
    text: String,
    choices: Vec<Choice>,
    at: usize,
}

impl Confirm {
    /// A question with `y` for the dangerous answer and `n`, the default, for leaving things as they are.
    pub(in crate::app) fn dangerous(title: String, text: String, yes: &str, intents: Vec<Intent>) -> Self {
        Self::choices(title, text, vec![('n', "leave it".into(), Vec::new()), ('y', format!("yes, {yes}"), intents)])
    }

    /// A question about something that can be taken back: `y` is the default.
    pub(in crate::app) fn harmless(title: String, text: String, yes: &str, intents: Vec<Intent>) -> Self {
        let mut asked = Self::choices(title, text, vec![('y', format!("yes, {yes}"), intents), ('n', "leave it".into(), Vec::new())]);
        asked.choices.iter_mut().for_each(|choice| choice.safe = true);
        asked
    }

    /// A question with several answers; the first is the safe one.
    pub(in crate::app) fn choices(title: String, text: String, choices: Vec<(char, String, Vec<Intent>)>) -> Self {
        let choice = |(i, (key, words, intents))| Choice { key, words, intents, safe: i == 0 };
        let choices = choices.into_iter().enumerate().map(choice).collect();
        Self { title, text, choices, at: 0 }
    }

    fn answer(&mut self, at: usize) -> Vec<Intent> {
        let mut intents = vec![Intent::Close];
        intents.append(&mut self.choices[at].intents);
        intents
    }
}

impl Overlay for Confirm {
    fn press(&mut self, chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        if let Some(at) = chord.typed().and_then(|c| self.choices.iter().position(|choice| choice.key == c.to_ascii_lowercase())) {
            return self.answer(at);
        }
        match (chord.key, action) {
            (Key::Left | Key::BackTab | Key::Up, _) => self.at = self.at.saturating_sub(1),
            (Key::Right | Key::Tab | Key::Down, _) => self.at = (self.at + 1).min(self.choices.len() - 1),
            (_, Some(Action::Open)) => return self.answer(self.at),
            (_, Some(Action::Back | Action::Quit)) => return vec![Intent::Close],
            _ => {}
        }
        Vec::new()
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("←→".into(), "choose"), ("⏎".into(), "answer"), ("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = 66.min(body.width.saturating_sub(4));
        let text = crate::model::text::clean(&self.text).replace('␊', "\n");
        let lines = wrapped(&text, usize::from(room));
        let inner = sheet(buf, body, (room, u16::try_from(lines.len()).unwrap_or(20) + 2), &self.title, "", look);
        for (y, text) in (inner.y..inner.bottom().saturating_sub(2)).zip(&lines) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Plain));
        }
        let mut x = inner;
        x.y = inner.bottom() - 1;
        for (i, choice) in self.choices.iter().enumerate() {
            let tone = if choice.safe { Tone::Good } else { Tone::Bad };
            let style = if i == self.at { look.style(tone).add_modifier(Modifier::REVERSED) } else { look.style(tone) };
            let text = format!(" {} {} ", choice.key, choice.words);
            let used = line(buf, x, x.y, &[(&text, style), ("  ", look.style(Tone::Plain))]);
            x = Rect { x: x.x + used, width: x.width.saturating_sub(used), ..x };
        }
    }
}
