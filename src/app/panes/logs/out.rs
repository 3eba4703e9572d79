//! What leaves the pane: lines into the clipboard, into a file, into a pager; and the marks and selections that say which.

use std::path::PathBuf;

use super::Logs;
use super::moving::said;
use crate::app::intent::Intent;
use crate::app::notices::Notice;
use crate::model::duration::{bytes, thousands};
use crate::model::lines::pattern::without_colours;
use crate::model::lines::{At, Shown};
use crate::model::text::clean;
use crate::model::{Command, Existing, LogSource, SaveLog, Saved};
use crate::protocol::{Effect, HandOver, Program, Text};

/// A terminal takes no more than about 100 kB of base64 into its clipboard.
const CLIPBOARD: usize = 74_000;

impl Logs {
    /// The line that keys mean: the cursor's, or the last one that is seen.
    fn current(&self) -> Option<At> {
        let weave = self.weave();
        let top = self.top_rank(&weave);
        let seen = |at: &At| (top..top + self.rows).contains(&weave.rank(*at));
        self.view.cursor.filter(seen).or_else(|| weave.at((top + self.rows).min(weave.len()).saturating_sub(1)))
    }

    pub(super) fn mark(&mut self) {
        if let Some(at) = self.current()
            && !self.marks.remove(&at)
        {
            self.pause();
            self.view.cursor = Some(at);
            self.marks.insert(at);
        }
    }

    /// Goes to the next marked line, after the last one to the first.
    pub(super) fn next_mark(&mut self) -> Vec<Intent> {
        let weave = self.weave();
        let mut ranks: Vec<(usize, At)> = self.marks.iter().filter(|at| weave.shows(**at)).map(|at| (weave.rank(*at), *at)).collect();
        ranks.sort_unstable();
        let here = self.view.cursor.map(|at| weave.rank(at));
        let next = ranks.iter().find(|(rank, _)| here.is_none_or(|here| *rank > here)).or(ranks.first());
        match next.map(|(_, at)| *at) {
            Some(at) => self.go(at),
            None => return said("No line is marked: m marks one.".to_owned()),
        }
        Vec::new()
    }

    /// Begins a selection at the current line, or ends it.
    pub(super) fn select(&mut self) {
        self.view.select = if self.view.select.is_some() { None } else { self.current() };
        self.pause();
        self.view.cursor = self.view.select.or(self.view.cursor);
    }

    /// Moves the other end of a selection.
    pub(super) fn stretch(&mut self, lines: usize, down: bool) {
        let weave = self.weave();
        let Some(rank) = self.view.cursor.map(|at| weave.rank(at)) else { return };
        let to = if down { rank.saturating_add(lines).min(weave.len().saturating_sub(1)) } else { rank.saturating_sub(lines) };
        if let Some(at) = weave.at(to) {
            self.go(at);
        }
    }

    /// The first and the last line of the selection.
    pub(super) fn selection(&self) -> Option<(At, At)> {
        let (a, b) = (self.view.select?, self.view.cursor?);
        let weave = self.weave();
        Some(if weave.rank(a) <= weave.rank(b) { (a, b) } else { (b, a) })
    }

    /// A click makes a line the current one.
    pub(in crate::app) fn click(&mut self, row: usize) {
        self.pause();
        let weave = self.weave();
        let notice = usize::from(self.says_what_is_above(&weave));
        let at = row.checked_sub(notice).and_then(|row| weave.at(self.top_rank(&weave) + row));
        self.view.cursor = at.filter(|_| !self.view.wrap);
    }

    pub(super) fn copy(&mut self) -> Vec<Intent> {
        let Some((first, last)) = self.selection().or_else(|| self.current().map(|at| (at, at))) else { return Vec::new() };
        let weave = self.weave();
        let (from, to) = (weave.rank(first), weave.rank(last));
        let mut gap = weave.nth(from);
        let (mut text, mut lines) = (String::new(), 0);
        for _ in from..=to {
            let Some(at) = weave.next(&mut gap) else { break };
            let Some(Shown::Text(line)) = self.threads.get(at.log).and_then(|thread| thread.lines.get(at.line)) else { continue };
            let line = String::from_utf8_lossy(&without_colours(line)).into_owned();
            if text.len() + line.len() > CLIPBOARD {
                break;
            }
            if lines > 0 {
                text.push('\n');
            }
            // Tabs are what people want to have copied.
            text.push_str(&line.split('\t').map(clean).collect::<Vec<_>>().join("\t"));
            lines += 1;
        }
        let wanted = to + 1 - from;
        let mut intents = Vec::new();
        if lines < wanted && lines > 0 {
            let (done, all) = (thousands(lines as u64), thousands(wanted as u64));
            let text = format!("Only {done} of {all} lines fit into a clipboard ({}); > saves all of them.", bytes(CLIPBOARD as u64));
            intents.push(Intent::Note(Notice::plain(text)));
        } else if lines == 0 {
            return said(format!("That is too long for a clipboard ({}); > saves it.", bytes(CLIPBOARD as u64)));
        }
        self.view.select = None;
        intents.insert(0, Intent::Effect(Effect::Copy(text)));
        intents
    }

    /// Opens what is shown, or selected, in the user's pager.
    pub(super) fn page(&self) -> Vec<Intent> {
        if self.threads.is_empty() {
            return Vec::new();
        }
        let name = self.file_name().unwrap_or_default();
        let text = Some((name, Text::Log(self.printout(self.selection()))));
        vec![Intent::Effect(Effect::HandOver(HandOver { program: Program::Pager, words: String::new(), text }))]
    }

    /// A name for a file with this log; `None` where there is no log.
    pub(in crate::app) fn file_name(&self) -> Option<String> {
        let first = self.threads.first()?;
        let name = match &first.source {
            LogSource::Output { cluster, job, kind } => format!("{}-{job}-{}", cluster.name(), kind.word()),
            LogSource::File { path, .. } => path.rsplit('/').next().unwrap_or("log").to_owned(),
            LogSource::Stream { stream, .. } => stream.clone(),
        };
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        Some(if name.ends_with(".log") || name.ends_with(".out") { name } else { format!("{name}.log") })
    }

    /// Whether the whole log can be read again: only one at a time.
    pub(in crate::app) fn is_alone(&self) -> bool {
        self.threads.len() == 1
    }

    /// Writes what is shown, or selected, or the whole log into a file.
    pub(in crate::app) fn save(&self, dest: PathBuf, whole: bool) -> Vec<Intent> {
        let Some(first) = self.threads.first() else { return Vec::new() };
        let what = if whole { Saved::Whole(first.source.clone()) } else { Saved::Shown(self.printout(self.selection())) };
        let words = format!("writing {}", dest.display());
        vec![Intent::Run(Command::SaveLog(SaveLog { dest, what, existing: Existing::Ask }), words)]
    }

    /// Esc: takes away one thing at a time, the most passing first; `None` when there is nothing.
    pub(in crate::app) fn back(&mut self) -> Option<Vec<Intent>> {
        if self.view.select.take().is_some() {
            return Some(Vec::new());
        }
        if !self.search.text().is_empty() {
            return Some(self.set_search(""));
        }
        if self.filter.is_on() {
            return Some(self.set_filter(""));
        }
        if self.view.window.take().is_some() {
            self.counted = None;
            return Some(Vec::new());
        }
        self.view.cursor.take().map(|_| Vec::new())
    }
}
