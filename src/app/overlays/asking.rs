//! A question is on its way whose answer opens something: how a job was submitted, how to get a shell. Esc withdraws it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{FailedForm, Intent, Look, Overlay, Script, SubmitForm, sheet};
use crate::app::notices::Notice;
use crate::app::panes::prose;
use crate::model::{Again, Answer, Cadence, ClusterId, Door, Failure, JobId, Query};
use crate::protocol::{Action, Chord, Effect, HandOver, Program};
use crate::ui::Tone;

/// What the answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::app) enum Purpose {
    /// To submit the job again.
    Rerun,
    /// To submit its failed tasks again.
    RerunFailed,
    /// To read its script.
    Script,
    /// To be there.
    Shell,
}

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Asking {
    query: Query,
    purpose: Purpose,
    words: String,
}

impl Asking {
    /// How was this job submitted?
    pub(in crate::app) fn again(cluster: ClusterId, job: JobId, purpose: Purpose) -> Self {
        let words = format!("Asking how job {job} was submitted …");
        Self { query: Query::Again { cluster, job }, purpose, words }
    }

    /// How does one get there?
    pub(in crate::app) fn shell(cluster: ClusterId, door: Door) -> Self {
        let words = match &door {
            Door::Job(job) => format!("Opening a shell inside job {job} …"),
            Door::Node(node) => format!("Opening a shell on {node} …"),
        };
        Self { query: Query::Shell { cluster, door }, purpose: Purpose::Shell, words }
    }

    fn go_on(&self, answer: &Answer) -> Vec<Intent> {
        match (answer, &self.query) {
            (Answer::Again(again), Query::Again { job, .. }) => {
                let again = Again::clone(again);
                match self.purpose {
                    Purpose::Rerun => vec![Intent::Open(Box::new(SubmitForm::again(again)))],
                    Purpose::Script => vec![Intent::Open(Box::new(Script::new(job, &again)))],
                    Purpose::RerunFailed => match FailedForm::new(job, again) {
                        Ok(form) => vec![Intent::Open(Box::new(form))],
                        Err(why) => vec![Intent::Note(Notice::plain(why))],
                    },
                    Purpose::Shell => Vec::new(),
                }
            }
            (Answer::Shell(words), Query::Shell { door, .. }) => {
                let above = match door {
                    Door::Job(job) => format!("qdeck: a shell inside job {job}; exit comes back"),
                    Door::Node(node) => format!("qdeck: a shell on {node}; exit comes back"),
                };
                vec![Intent::Effect(Effect::HandOver(HandOver { program: Program::Words(words.clone()), words: above, text: None }))]
            }
            _ => Vec::new(),
        }
    }
}

impl Overlay for Asking {
    fn press(&mut self, _chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Quit) => vec![Intent::Close],
            _ => Vec::new(),
        }
    }

    fn follow_up(&mut self, query: &Query, result: &Result<Answer, Failure>) -> Vec<Intent> {
        if *query != self.query {
            return Vec::new();
        }
        let next = match result {
            Ok(answer) => self.go_on(answer),
            Err(failure) => vec![Intent::Note(Notice::from(failure))],
        };
        std::iter::once(Intent::Close).chain(next).collect()
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(self.query.clone(), Cadence::Once)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("esc".into(), "leave it")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let inner = sheet(buf, body, (60, 1), "One moment", "", look);
        prose(buf, inner, &self.words, look.style(Tone::Works));
    }
}
