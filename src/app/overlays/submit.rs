//! What will be submitted: the script's own directives, where it will run, its arguments, and the command itself. Enter sends.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::picker;
use super::{Intent, Look, Overlay, sheet};
use crate::app::notices::Notice;
use crate::app::panes::prose;
use crate::model::duration::slurm;
use crate::model::text::quoted;
use crate::model::{Again, Answer, Cadence, ClusterId, Command, Directives, Failure, Place, Preview, Query, SchedulerKind, Submission};
use crate::protocol::{Action, Area, Chord, Effect, HandOver, Key, Program, Text};
use crate::ui::{Cut, Field, Tone, fit, put};

/// The form.
#[derive(Debug)]
pub(in crate::app) struct SubmitForm {
    cluster: ClusterId,
    place: Place,
    path: String,
    preview: Option<Preview>,
    directives: Directives,
    failure: Option<Failure>,
    /// Directory, scheduler options, script arguments, as `LABELS`.
    fields: [Field; 3],
    at: usize,
    /// The script itself, where it is a job's that is submitted again, or was edited.
    text: Option<String>,
    /// Whether the file picker lies below and has done its work with this form's.
    picked: bool,
    /// What a person should know before it is sent.
    notes: Vec<String>,
}

const LABELS: [&str; 3] = ["Directory", "Options", "Arguments"];

impl SubmitForm {
    pub(in crate::app) fn new(cluster: ClusterId, place: Place, path: String, preview: Option<Preview>) -> Self {
        let mut form = Self {
            cluster,
            place,
            path,
            preview: None,
            directives: Directives::default(),
            failure: None,
            fields: Default::default(),
            at: 2,
            text: None,
            picked: true,
            notes: Vec::new(),
        };
        if let Some(preview) = preview {
            form.take(preview);
        }
        form
    }

    /// A job as it was submitted, to be submitted again as it was or changed.
    pub(in crate::app) fn again(again: Again) -> Self {
        let Again { submission, notes, .. } = again;
        let words = |words: &[String]| Field::new(words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" "));
        let preview = submission.text.clone().map(|text| Preview { size: text.len() as u64, text, is_binary: false });
        let fields = [Field::new(submission.dir.unwrap_or_default()), words(&submission.options), words(&submission.args)];
        let form = Self::new(submission.cluster, submission.place, submission.path, preview);
        Self { fields, at: 1, text: submission.text, picked: false, notes, ..form }
    }

    /// Gives the script to the user's editor, if all of it is here.
    fn edit(&self) -> Vec<Intent> {
        let text = self.preview.as_ref().filter(|p| !p.is_binary && p.text.len() as u64 == p.size).map(|p| p.text.clone());
        let Some(text) = text else {
            return vec![Intent::Note(Notice::plain("The script is not here as a whole, so it cannot be edited here."))];
        };
        let text = Some((self.name().to_owned(), Text::Words(text)));
        vec![Intent::Effect(Effect::HandOver(HandOver { program: Program::Editor, words: String::new(), text }))]
    }

    fn take(&mut self, preview: Preview) {
        self.directives = Directives::read(&preview.text);
        self.preview = Some(preview);
    }

    fn query(&self) -> Query {
        Query::Preview { place: self.place.clone(), path: self.path.clone() }
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    fn send(&self) -> Vec<Intent> {
        let [dir, options, args] = &self.fields;
        let (Ok(options), Ok(args)) = (shell_words::split(options.text()), shell_words::split(args.text())) else {
            let hint = "Close the quote, or put a backslash before it.";
            let text = "The options or the arguments have an open quote.".into();
            return vec![Intent::Note(Notice { tone: Tone::Bad, text, hint: hint.into() })];
        };
        let dir = Some(dir.text().trim().to_owned()).filter(|d| !d.is_empty());
        let (cluster, place, path) = (self.cluster.clone(), self.place.clone(), self.path.clone());
        let submission = Submission { cluster, place, path, dir, args, options, text: self.text.clone() };
        let run = Intent::Run(Command::Submit(submission), format!("submitting {}", self.name()));
        // The form and the picker below it have done their work.
        if self.picked { vec![Intent::Close, Intent::Close, run] } else { vec![Intent::Close, run] }
    }

    /// The command in the words of the cluster's scheduler.
    fn command(&self, kind: Option<SchedulerKind>) -> String {
        let mut words = match kind {
            Some(SchedulerKind::Runner) => String::new(),
            Some(SchedulerKind::GridEngine | SchedulerKind::Pbs) => "qsub ".to_owned(),
            Some(SchedulerKind::Slurm) | None => "sbatch ".to_owned(),
        };
        let [dir, options, args] = self.fields.each_ref().map(|field| field.text().trim());
        if !options.is_empty() {
            words.push_str(&format!("{options} "));
        }
        if !dir.is_empty() {
            words.push_str(&format!("--chdir={} ", quoted(dir)));
        }
        words.push_str(&quoted(self.name()));
        if !args.is_empty() {
            words.push_str(&format!(" {args}"));
        }
        words
    }
}

impl Overlay for SubmitForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Enter => return self.send(),
            Key::Char('o') if chord.ctrl => return self.edit(),
            Key::Tab | Key::Down => self.at = (self.at + 1) % LABELS.len(),
            Key::BackTab | Key::Up => self.at = (self.at + LABELS.len() - 1) % LABELS.len(),
            _ => {
                self.fields[self.at].press(chord);
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.fields[self.at].insert(text);
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if *query != self.query() {
            return;
        }
        match result {
            Ok(Answer::Preview(preview)) if self.preview.is_none() => self.take(preview.clone()),
            Err(failure) => self.failure = Some(failure.clone()),
            Ok(_) => {}
        }
    }

    fn handed_back(&mut self, text: String) {
        if self.preview.as_ref().is_some_and(|preview| preview.text == text) {
            return;
        }
        let before = self.text.replace(text.clone());
        if before.is_none() {
            self.notes.push("The script was edited: a copy is submitted, its file stays as it is.".to_owned());
        }
        self.take(Preview { size: text.len() as u64, text, is_binary: false });
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        if self.preview.is_none() { vec![(self.query(), Cadence::Once)] } else { Vec::new() }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let back = if self.picked { "back to the files" } else { "leave it" };
        vec![("⏎".into(), "submit"), ("⇥".into(), "next field"), ("^o".into(), "edit the script"), ("esc".into(), back)]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = (body.width.saturating_sub(6), body.height.saturating_sub(4));
        let title = format!("Submit {} to {}", self.name(), self.cluster.name());
        let inner = sheet(buf, body, room, &title, "⏎ submits", look);
        let left = (inner.width / 2).min(inner.width);
        let script = Rect { width: left.saturating_sub(1), height: inner.height.saturating_sub(3), ..inner };
        match (&self.preview, &self.failure) {
            (Some(preview), _) => picker::script(buf, script, preview, look),
            (None, Some(failure)) => {
                crate::app::panes::trouble(buf, script, failure, look);
            }
            (None, None) => {
                prose(buf, script, "Reading …", look.style(Tone::Dim));
            }
        }
        let right = Rect { x: inner.x + left + 1, width: inner.width.saturating_sub(left + 1), height: script.height, ..inner };
        let mut y = right.y;
        for (i, (label, field)) in LABELS.into_iter().zip(&self.fields).enumerate() {
            let here = i == self.at;
            put(buf, right.x, y, label, 11, look.style(if here { Tone::Key } else { Tone::Dim }));
            let room = right.width.saturating_sub(11);
            if here {
                field.draw(buf, right.x + 11, y, room, look.style(Tone::Plain), false);
            } else if field.text().is_empty() {
                let default = if label == "Directory" && self.place == Place::Here && !look.is_local(&self.cluster) {
                    "~/qdeck-uploads/…"
                } else if label == "Directory" {
                    "the script's own"
                } else {
                    "none"
                };
                put(buf, right.x + 11, y, default, room, look.style(Tone::Dim));
            } else {
                put(buf, right.x + 11, y, field.text(), room, look.style(Tone::Plain));
            }
            y += 1;
        }
        y += 1;
        let d = &self.directives;
        let said = [
            ("Name", d.name.clone()),
            ("Partition", d.partition.clone()),
            ("Nodes", d.nodes.map(|n| n.to_string())),
            ("Tasks", d.tasks.map(|n| n.to_string())),
            ("CPUs/task", d.cpus_per_task.map(|n| n.to_string())),
            ("Time limit", d.time_limit.map(slurm)),
            ("Array", d.array.clone()),
            ("Output", d.output.clone()),
            ("Error", d.error.clone()),
            ("Work dir", d.work_dir.clone()),
        ];
        let mut any = false;
        for (label, value) in said.iter().filter_map(|(l, v)| v.as_ref().map(|v| (l, v))) {
            if y >= right.bottom() {
                break;
            }
            any = true;
            put(buf, right.x, y, label, 11, look.style(Tone::Dim));
            put(
                buf,
                right.x + 11,
                y,
                &fit(value, usize::from(right.width.saturating_sub(11)), Cut::Middle),
                right.width.saturating_sub(11),
                look.style(Tone::Plain),
            );
            y += 1;
        }
        if !any && self.preview.is_some() && y < right.bottom() {
            let rest = Rect { y, height: right.bottom() - y, ..right };
            prose(buf, rest, "The script has no directives: the scheduler's defaults apply.", look.style(Tone::Dim));
        }
        y += 1;
        for note in &self.notes {
            if y < right.bottom() {
                let rest = Rect { y, height: right.bottom() - y, ..right };
                y += prose(buf, rest, note, look.style(Tone::Waits)) + 1;
            }
        }
        let kind = look.scheduler(&self.cluster);
        let command = self.command(kind);
        let upload = (self.place == Place::Here || self.text.is_some()) && !look.is_local(&self.cluster);
        let what = if upload { "Uploads the script, then runs:" } else { "Runs:" };
        put(buf, inner.x, inner.bottom() - 2, what, inner.width, look.style(Tone::Dim));
        put(buf, inner.x, inner.bottom() - 1, &command, inner.width, look.style(Tone::Strong));
    }
}
