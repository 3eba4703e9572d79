//! A job's batch script, as its scheduler keeps it: to read, to copy, to save.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, page, place};
use super::{Intent, Look, Overlay, sheet};
use crate::model::{Again, Command, JobId};
use crate::protocol::{Action, Area, Chord, Effect, HandOver, Key, Program, Text};
use crate::ui::{Field, Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Script {
    title: String,
    name: String,
    text: String,
    /// Where each line begins and ends.
    lines: Vec<(usize, usize)>,
    scroll: Scroll,
    /// The file that it shall be saved to, while that is typed.
    saving: Option<Field>,
}

impl Script {
    pub(in crate::app) fn new(job: &JobId, again: &Again) -> Self {
        let submission = &again.submission;
        let name = submission.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("job.sh").to_owned();
        let text =
            submission.text.clone().unwrap_or_else(|| format!("The scheduler has forgotten the script; it was {}.", submission.path));
        let mut at = 0;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            lines.push((at, at + line.len()));
            at += line.len() + 1;
        }
        if lines.last().is_some_and(|(from, to)| from == to) {
            lines.pop();
        }
        Self { title: format!("Script of job {job} · {name}"), name, text, lines, scroll: Scroll::default(), saving: None }
    }

    fn typed(&mut self, mut field: Field, chord: Chord) -> Vec<Intent> {
        match chord.key {
            Key::Enter => {
                let path = field.text().trim().to_owned();
                return vec![Intent::Run(Command::Save { path: path.clone().into(), text: self.text.clone() }, format!("saving {path}"))];
            }
            _ => {
                field.press(chord);
                self.saving = Some(field);
            }
        }
        Vec::new()
    }
}

impl Overlay for Script {
    fn areas(&self) -> &'static [Area] {
        if self.saving.is_some() { &[] } else { &[Area::List] }
    }

    fn leave(&mut self) -> Vec<Intent> {
        // Only the line is left; the script stays.
        self.saving = None;
        Vec::new()
    }

    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if let Some(field) = self.saving.take() {
            return self.typed(field, chord);
        }
        if let Some(action) = action
            && self.scroll.act(action, self.lines.len(), page(look.body()))
        {
            return Vec::new();
        }
        match action {
            Some(Action::Back | Action::Open | Action::Quit) => return vec![Intent::Close],
            Some(Action::Copy) => return vec![Intent::Effect(Effect::Copy(self.text.clone()))],
            // The keys of sorting have nothing to sort here.
            Some(Action::Sort) => self.saving = Some(Field::new(format!("{}/{}", look.folder.trim_end_matches('/'), self.name))),
            _ if chord.typed() == Some('p') => {
                let text = Some((self.name.clone(), Text::Words(self.text.clone())));
                return vec![Intent::Effect(Effect::HandOver(HandOver { program: Program::Pager, words: String::new(), text }))];
            }
            _ => {}
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if let Some(field) = &mut self.saving {
            field.insert(text);
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        if self.saving.is_some() {
            return vec![("⏎".into(), "save"), ("esc".into(), "leave it")];
        }
        vec![("j k".into(), "scroll"), ("y".into(), "copy"), ("s".into(), "save"), ("p".into(), "pager"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = (body.width.saturating_sub(8).min(110), u16::try_from(self.lines.len()).unwrap_or(u16::MAX - 2).max(3));
        let seen = page((body.width, body.height));
        let top = self.scroll.top(self.lines.len(), seen);
        let remark = match place(top, self.lines.len(), seen) {
            all if all.is_empty() => format!("{} lines", self.lines.len()),
            part => part,
        };
        let inner = sheet(buf, body, room, &self.title, &remark, look);
        let foot = u16::from(self.saving.is_some());
        let list = Rect { height: inner.height.saturating_sub(foot), ..inner };
        let digits = self.lines.len().to_string().len();
        for (i, (y, (from, to))) in (list.y..list.bottom()).zip(self.lines.iter().skip(top)).enumerate() {
            let text = self.text[*from..*to].trim_end_matches('\r').replace('\t', "    ");
            let tone = match text.trim_start() {
                line if ["#SBATCH", "#PBS", "#$"].iter().any(|prefix| line.starts_with(prefix)) => Tone::Key,
                line if line.starts_with('#') => Tone::Dim,
                _ => Tone::Plain,
            };
            let used = put(buf, list.x, y, &format!("{:>digits$}  ", top + i + 1), list.width, look.style(Tone::Dim));
            put(buf, list.x + used, y, &text, list.width.saturating_sub(used), look.style(tone));
        }
        if let Some(field) = &self.saving {
            let used = put(buf, inner.x, inner.bottom() - 1, "Save to ", inner.width, look.style(Tone::Key));
            field.draw(buf, inner.x + used, inner.bottom() - 1, inner.width.saturating_sub(used), look.style(Tone::Plain), false);
        }
    }
}
