//! The tasks of an array that failed, to be submitted again: the same script with `--array=` of just those. Enter sends.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, SubmitForm, line, sheet};
use crate::app::panes::wrapped;
use crate::model::list::numbers;
use crate::model::text::quoted;
use crate::model::{Again, Command, JobId, JobState, Tasks};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// The form.
#[derive(Debug)]
pub(in crate::app) struct FailedForm {
    array: String,
    again: Again,
    field: Field,
    /// How many tasks ended how.
    tally: String,
}

impl FailedForm {
    /// Proposes the failed tasks; says why where there are none.
    pub(in crate::app) fn new(job: &JobId, again: Again) -> Result<Self, String> {
        let array = job.as_str().split('_').next().unwrap_or(job.as_str()).to_owned();
        let Some(tasks) = &again.tasks else { return Err(format!("Job {job} is no array: e submits it again.")) };
        let tally = tally(tasks);
        let failed = tasks.failed();
        if failed.is_empty() {
            return Err(format!("No task of array {array} is known to have failed: {tally}."));
        }
        let field = Field::new(tasks.list(&failed));
        Ok(Self { array, again, field, tally })
    }

    fn send(&self) -> Vec<Intent> {
        let submission = self.again.only(self.field.text().trim());
        vec![Intent::Close, Intent::Run(Command::Submit(submission), format!("submitting failed tasks of {} again", self.array))]
    }
}

/// `96 completed, 4 failed, 2 cancelled`
fn tally(tasks: &Tasks) -> String {
    let counts = [
        ("failed", tasks.failed().len()),
        ("completed", tasks.of(|s| s == JobState::Completed).len()),
        ("cancelled", tasks.of(|s| s.is_over() && !s.is_bad() && s != JobState::Completed).len()),
        ("not ended yet", tasks.of(|s| !s.is_over() && s != JobState::Unknown).len()),
        ("of unknown end", tasks.of(|s| s == JobState::Unknown).len()),
    ];
    let words: Vec<String> = counts.into_iter().filter(|(_, n)| *n > 0).map(|(word, n)| format!("{n} {word}")).collect();
    words.join(", ")
}

impl Overlay for FailedForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter if numbers(self.field.text()).is_some() => return self.send(),
            Key::Tab => {
                let again = Again { submission: self.again.only(self.field.text().trim()), ..self.again.clone() };
                return vec![Intent::Close, Intent::Open(Box::new(SubmitForm::again(again)))];
            }
            Key::Enter => {}
            _ => {
                self.field.press(chord);
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "submit these tasks"), ("⇥".into(), "all options"), ("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = body.width.saturating_sub(8).clamp(30, 96);
        let submission = &self.again.submission;
        let name = submission.path.rsplit('/').next().unwrap_or(&submission.path);
        let read = numbers(self.field.text());
        let count = read.as_ref().map_or_else(
            || "That is no list of tasks: 3,5,7-9 or 0-20:2.".to_owned(),
            |(all, _)| format!("{} of array {}, with the script as it was: {}", plural(all.len()), self.array, quoted(name)),
        );
        let mut below = wrapped(&format!("All tasks: {}.", self.tally), usize::from(room));
        for note in &self.again.notes {
            below.extend(wrapped(note, usize::from(room)));
        }
        let rows = u16::try_from(below.len()).unwrap_or(8) + 4;
        let title = format!("Failed tasks of array {} again", self.array);
        let inner = sheet(buf, body, (room, rows), &title, "⏎ submits", look);
        let tone = if read.is_some() { Tone::Plain } else { Tone::Bad };
        put(buf, inner.x, inner.y, &count, inner.width, look.style(tone));
        let used = line(buf, inner, inner.y + 2, &[("--array=", look.style(Tone::Key))]);
        self.field.draw(buf, inner.x + used, inner.y + 2, inner.width.saturating_sub(used), look.style(Tone::Strong), false);
        for (y, text) in (inner.y + 4..inner.bottom()).zip(&below) {
            put(buf, inner.x, y, text, inner.width, look.style(Tone::Dim));
        }
    }
}

fn plural(tasks: usize) -> String {
    if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") }
}
