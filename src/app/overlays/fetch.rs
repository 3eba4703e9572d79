//! Where a job's files shall go, and which of them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, line, sheet};
use crate::model::{ClusterId, Command, Existing, Fetch, Job, JobId};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Field, Tone, put};

/// The form.
#[derive(Debug)]
pub(in crate::app) struct FetchForm {
    cluster: ClusterId,
    job: JobId,
    name: String,
    work_dir_path: String,
    dest: Field,
    work_dir: bool,
}

impl FetchForm {
    /// Proposes a folder of the job's own below `dest`.
    pub(in crate::app) fn new(cluster: ClusterId, job: &Job<'_>, dest: &str) -> Self {
        Self::of(cluster, job.job_id(), job.name(), job.work_dir(), dest)
    }

    /// The same for a job that is not in the queue any more.
    pub(in crate::app) fn of(cluster: ClusterId, job: JobId, name: &str, work_dir: &str, dest: &str) -> Self {
        let id: String = job.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
        let dest = Field::new(format!("{}/qdeck-results/{}-{id}", dest.trim_end_matches('/'), cluster.name()));
        Self { cluster, job, name: name.to_owned(), work_dir_path: work_dir.to_owned(), dest, work_dir: false }
    }
}

impl Overlay for FetchForm {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match chord.key {
            Key::Tab | Key::BackTab => self.work_dir = !self.work_dir,
            Key::Enter => {
                let fetch = Fetch {
                    cluster: self.cluster.clone(),
                    job: self.job.clone(),
                    dest: self.dest.text().into(),
                    work_dir: self.work_dir,
                    existing: Existing::Ask,
                };
                return vec![Intent::Close, Intent::Run(Command::Fetch(fetch), format!("fetching {}", self.job))];
            }
            _ => {
                self.dest.press(chord);
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.dest.insert(text);
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("⏎".into(), "fetch"), ("⇥".into(), "output files or whole directory"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let inner = sheet(
            buf,
            body,
            (body.width.saturating_sub(8).min(90), 5),
            &format!("Fetch job {} · {}", self.job, self.name),
            "⏎ fetches",
            look,
        );
        put(buf, inner.x, inner.y, "To", 6, look.style(Tone::Dim));
        self.dest.draw(buf, inner.x + 6, inner.y, inner.width.saturating_sub(6), look.style(Tone::Plain), false);
        let (on, off) = (look.style(Tone::Key), look.style(Tone::Dim));
        let mark = |chosen: bool| if chosen { "(•) " } else { "( ) " };
        line(
            buf,
            inner,
            inner.y + 2,
            &[(mark(!self.work_dir), if self.work_dir { off } else { on }), ("its output files", look.style(Tone::Plain))],
        );
        let dir = format!("its whole working directory {}", self.work_dir_path);
        line(buf, inner, inner.y + 3, &[(mark(self.work_dir), if self.work_dir { on } else { off }), (&dir, look.style(Tone::Plain))]);
        put(buf, inner.x, inner.y + 4, "Files that are there already and differ are not touched without asking.", inner.width, off);
    }
}
