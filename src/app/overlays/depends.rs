//! What a job waits for and what waits for it, as a tree of the jobs that the queue shows.
//!
//! Asks nothing: it grows from the queue that is there, anew with each of its answers.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, line, sheet};
use crate::app::panes::wrapped;
use crate::app::verbs::{Leaf, Tree};
use crate::model::{Answer, ClusterId, Failure, JobId, JobTable, Query, Scope};
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Cut, Tone, fit, put, width};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Depends {
    cluster: ClusterId,
    job: JobId,
    /// The user's own jobs and everybody's, as far as they are known.
    tables: [Option<Arc<JobTable>>; 2],
    tree: Tree,
    scroll: Scroll,
}

impl Depends {
    pub(in crate::app) fn new(cluster: ClusterId, job: JobId, tables: [Option<Arc<JobTable>>; 2]) -> Self {
        let tree = Tree::grow(job.as_str(), &tables);
        Self { cluster, job, tables, tree, scroll: Scroll::default() }
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(4).min(110), body.1.saturating_sub(2))
    }

    /// Its lines: a leaf, or text in a tone.
    fn lines(&self, room: u16) -> Vec<Result<&Leaf, (String, Tone)>> {
        let mut out: Vec<Result<&Leaf, (String, Tone)>> = self.tree.waits_for.iter().map(Ok).collect();
        let mut text = |text: &str, tone: Tone| out.extend(wrapped(text, usize::from(room)).into_iter().map(|line| Err((line, tone))));
        if self.tree.waits_for.len() == 1 {
            text("It waits for no other job.", Tone::Dim);
        }
        if !self.tree.never.is_empty() {
            text("", Tone::Plain);
            text(&self.tree.never, Tone::Bad);
        }
        text("", Tone::Plain);
        if self.tree.waited_for.is_empty() {
            text("No job that is shown waits for it.", Tone::Dim);
        } else {
            text("These wait for it:", Tone::Strong);
            out.extend(self.tree.waited_for.iter().map(Ok));
        }
        out
    }
}

impl Overlay for Depends {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Jobs, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let Some(action) = action else { return Vec::new() };
        let (room, height) = Self::room(look.body());
        let lines = self.lines(room).len();
        if self.scroll.act(action, lines, usize::from(height)) {
            return Vec::new();
        }
        match action {
            Action::Back | Action::Open | Action::Quit | Action::Depends => vec![Intent::Close],
            Action::Why | Action::Cancel | Action::Verbs => vec![Intent::Close, Intent::Do(action)],
            _ => Vec::new(),
        }
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        let (Query::Jobs { cluster, scope }, Ok(Answer::Jobs(table))) = (query, result) else { return };
        if *cluster == self.cluster {
            self.tables[usize::from(*scope == Scope::All)] = Some(table.clone());
            self.tree = Tree::grow(self.job.as_str(), &self.tables);
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        [("j k", "scroll"), ("w", "why"), ("c", "cancel"), ("esc", "close")].map(|(k, w)| (k.to_owned(), w)).to_vec()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (room, height) = Self::room((body.width, body.height));
        let lines = self.lines(room);
        let top = self.scroll.top(lines.len(), usize::from(height));
        let remark = place(top, lines.len(), usize::from(height));
        let rows = u16::try_from(lines.len()).unwrap_or(height);
        let inner = sheet(buf, body, (room, rows), &format!("Dependencies · {}", self.job), &remark, look);
        // States and words stand below each other.
        let what = |leaf: &Leaf| width(&leaf.branch) + width(&leaf.what);
        let leaves = || lines.iter().filter_map(|line| line.as_ref().ok());
        let wide = leaves().map(|leaf| what(leaf)).max().unwrap_or(0).min(usize::from(room) * 5 / 11);
        let states = leaves().map(|leaf| width(&leaf.state)).max().unwrap_or(0).min(16);
        for (y, text) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
            match text {
                Err((text, tone)) => {
                    put(buf, inner.x, y, text, inner.width, look.style(*tone));
                }
                Ok(leaf) => {
                    let room = wide.saturating_sub(width(&leaf.branch)).max(4);
                    let name = fit(&leaf.what, room, Cut::End);
                    let dim = if leaf.state.is_empty() { leaf.tone } else { Tone::Plain };
                    let pad = " ".repeat(room.saturating_sub(width(&name)) + 2);
                    let state = format!("{}{}", leaf.state, " ".repeat(states.saturating_sub(width(&leaf.state)) + 2));
                    line(
                        buf,
                        inner,
                        y,
                        &[
                            (&leaf.branch, look.style(Tone::Dim)),
                            (&name, look.style(dim)),
                            (&pad, look.style(Tone::Plain)),
                            (&state, look.style(leaf.tone)),
                            (&leaf.words, look.style(Tone::Dim)),
                        ],
                    );
                }
            }
        }
    }
}
