//! The jobs that were there: from the scheduler's accounting where it keeps one, and from what qdeck has seen itself.
//!
//! Takes the state of a job that has not been seen to end for no more than it is: what was last seen.

mod row;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Asking, FetchForm, Intent, JobSheet, Look, Overlay, Purpose, line, sheet};
use crate::app::panes::{prose, select, trouble};
use crate::model::duration::thousands;
use crate::model::{Answer, Cadence, ClusterId, Failure, Filter, JobId, JobState, LogSource, OutputKind, Past, Query, Recall};
use crate::protocol::{Action, Area, Chord, Effect, Key};
use crate::ui::{Cursor, Field, Tone, put};
use row::{columns, draw_past, origin_words};

/// The record holds no more in one answer; past that, it is searched itself.
const MOST: usize = 2_000;
/// How many days back, by turns.
const DAYS: [u32; 4] = [7, 30, 90, 1];

/// Which ends are shown, by turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ends {
    Any,
    Bad,
    Good,
    Cancelled,
    Open,
}

impl Ends {
    const ALL: [Self; 5] = [Self::Any, Self::Bad, Self::Good, Self::Cancelled, Self::Open];

    fn word(self) -> &'static str {
        match self {
            Self::Any => "all states",
            Self::Bad => "failed",
            Self::Good => "completed",
            Self::Cancelled => "cancelled",
            Self::Open => "not seen to end",
        }
    }

    fn holds(self, state: JobState) -> bool {
        match self {
            Self::Any => true,
            Self::Bad => state.is_bad(),
            Self::Good => state == JobState::Completed,
            Self::Cancelled => state.is_over() && !state.is_bad() && state != JobState::Completed,
            Self::Open => !state.is_over(),
        }
    }
}

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct History {
    cluster: ClusterId,
    field: Field,
    typing: bool,
    ends: Ends,
    days: usize,
    everyone: bool,
    rows: Vec<Past>,
    /// The rows that match, in order.
    shown: Vec<usize>,
    cursor: Cursor,
    /// How long the list is on screen.
    room: usize,
}

impl History {
    pub(in crate::app) fn new(cluster: ClusterId, room: u16) -> Self {
        let room = usize::from(room.saturating_sub(9)).max(1);
        Self {
            cluster,
            field: Field::default(),
            typing: false,
            ends: Ends::Any,
            days: 0,
            everyone: false,
            rows: Vec::new(),
            shown: Vec::new(),
            cursor: Cursor::default(),
            room,
        }
    }

    fn query(&self, text: &str) -> Query {
        let recall = Recall { text: text.to_owned(), state: None, days: Some(DAYS[self.days]), everyone: self.everyone };
        Query::History { cluster: self.cluster.clone(), recall }
    }

    /// The question whose answer is shown: all of them, or those with the text where there are more than one answer holds.
    fn wanted(&self, look: &Look<'_>) -> Query {
        let all = self.query("");
        let is_cut = look.store.past(&all).is_some_and(|rows| rows.len() >= MOST);
        if is_cut && !self.field.text().is_empty() { self.query(self.field.text()) } else { all }
    }

    fn sift(&mut self) {
        let under = self.selected().map(|past| past.id.clone());
        let filter = Filter::new(self.field.text());
        let mut text = String::new();
        let fits = |past: &Past, text: &mut String| {
            if !self.ends.holds(past.state.unwrap_or(JobState::Unknown)) {
                return false;
            }
            text.clear();
            for word in [&past.id, &past.name, &past.user, &past.partition, &past.node_list] {
                text.push_str(word);
                text.push(' ');
            }
            text.push_str(past.state.map_or("", JobState::long));
            filter.is_empty() || filter.matches(text)
        };
        self.shown = (0..self.rows.len()).filter(|i| fits(&self.rows[*i], &mut text)).collect();
        let again = under.and_then(|id| self.shown.iter().position(|i| self.rows[*i].id == id));
        self.cursor.go(again.unwrap_or(0), self.shown.len(), self.room);
    }

    fn selected(&self) -> Option<&Past> {
        self.rows.get(*self.shown.get(self.cursor.index)?)
    }

    fn on_job(&self, action: Action, look: &Look<'_>) -> Vec<Intent> {
        let Some(past) = self.selected() else { return Vec::new() };
        let (cluster, job) = (self.cluster.clone(), JobId::new(&past.id));
        let again = |purpose| vec![Intent::Open(Box::new(Asking::again(cluster.clone(), job.clone(), purpose)))];
        match action {
            Action::Open => {
                let known =
                    [("Job", past.id.clone()), ("Name", past.name.clone()), ("State", past.state.map_or("", JobState::long).into())];
                vec![Intent::Open(Box::new(JobSheet::new(cluster, job, &known)))]
            }
            Action::Copy => vec![Intent::Effect(Effect::Copy(past.id.clone()))],
            Action::Script => again(Purpose::Script),
            Action::Rerun => again(Purpose::Rerun),
            Action::RerunFailed => again(Purpose::RerunFailed),
            Action::Fetch => vec![Intent::Open(Box::new(FetchForm::of(cluster, job, &past.name, &past.work_dir, look.folder)))],
            Action::ShowLog | Action::OtherOutput => {
                let kind = if action == Action::ShowLog { OutputKind::Stdout } else { OutputKind::Stderr };
                let title = format!("{} {} · {}, past job", past.id, past.name, kind.word());
                let source = LogSource::Output { cluster, job, kind };
                vec![Intent::Close, Intent::Watch(source, title), Intent::Do(Action::FocusLogs)]
            }
            _ => Vec::new(),
        }
    }
}

impl Overlay for History {
    fn areas(&self) -> &'static [Area] {
        if self.typing { &[] } else { &[Area::Jobs, Area::List] }
    }

    fn leave(&mut self) -> Vec<Intent> {
        (self.typing, self.field) = (false, Field::default());
        self.sift();
        Vec::new()
    }

    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if self.typing {
            match chord.key {
                Key::Enter | Key::Down => self.typing = false,
                _ => {
                    self.field.press(chord);
                }
            }
            self.sift();
            return Vec::new();
        }
        let Some(action) = action else { return Vec::new() };
        if self.cursor.act(action, self.shown.len(), self.room) {
            return Vec::new();
        }
        match action {
            Action::Back if !self.field.text().is_empty() => self.field = Field::default(),
            Action::Back | Action::Quit | Action::History => return vec![Intent::Close],
            Action::Filter => self.typing = true,
            Action::Sort => {
                let at = Ends::ALL.iter().position(|ends| *ends == self.ends).unwrap_or(0);
                self.ends = Ends::ALL[(at + 1) % Ends::ALL.len()];
            }
            Action::TimeLimit => self.days = (self.days + 1) % DAYS.len(),
            Action::Everyone => self.everyone = !self.everyone,
            _ => return self.on_job(action, look),
        }
        self.sift();
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if self.typing {
            self.field.insert(text);
            self.sift();
        }
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        let (Query::History { cluster, recall }, Ok(Answer::History(rows))) = (query, result) else { return };
        let fits = *cluster == self.cluster && recall.days == Some(DAYS[self.days]) && recall.everyone == self.everyone;
        if fits && (recall.text.is_empty() || recall.text == self.field.text()) {
            self.rows.clone_from(rows);
            self.sift();
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        let mut wants = vec![(self.query(""), Cadence::Once)];
        if self.rows.len() >= MOST && !self.field.text().is_empty() {
            wants.push((self.query(self.field.text()), Cadence::Once));
        }
        wants
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        if self.typing {
            return vec![("type".into(), "to search"), ("⏎".into(), "keep"), ("esc".into(), "clear")];
        }
        let keys = [
            ("⏎", "details"),
            ("/", "search"),
            ("s", "state"),
            ("t", "time"),
            ("a", "all/mine"),
            ("l", "logs"),
            ("f", "fetch"),
            ("e", "run again"),
            ("E", "failed tasks"),
            ("b", "script"),
            ("esc", "close"),
        ];
        keys.into_iter().map(|(key, word)| (key.to_owned(), word)).collect()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = (body.width.saturating_sub(6), body.height.saturating_sub(4));
        let count = if self.shown.len() == self.rows.len() {
            thousands(self.rows.len() as u64)
        } else {
            format!("{} of {}", thousands(self.shown.len() as u64), thousands(self.rows.len() as u64))
        };
        let more = if self.rows.len() >= MOST { ", the latest" } else { "" };
        let inner = sheet(buf, body, room, &format!("Past jobs · {}", self.cluster.name()), &format!("{count}{more}"), look);
        self.draw_filters(buf, inner, look);
        let list = Rect { y: inner.y + 2, height: inner.height.saturating_sub(3), ..inner };
        let columns = columns(list.width, self.everyone);
        let mut x = list.x;
        for (title, cells, _) in &columns {
            put(buf, x, inner.y + 1, title, *cells, look.style(Tone::Dim));
            x += cells + 1;
        }
        let slot = look.store.slot(&self.wanted(look));
        match (slot, self.shown.is_empty()) {
            (Some(slot), true) if slot.failure.is_some() => {
                if let Some(failure) = &slot.failure {
                    trouble(buf, list, failure, look);
                }
            }
            (None, true) if self.rows.is_empty() => {
                prose(buf, list, "Asking …", look.style(Tone::Dim));
            }
            (_, true) => {
                let words = if self.rows.is_empty() {
                    "No job is remembered of that time. t looks further back, a at everyone's."
                } else {
                    "No past job matches. s, t and a show more, / searches for something else."
                };
                prose(buf, list, words, look.style(Tone::Dim));
            }
            (_, false) => {}
        }
        let mut cursor = self.cursor;
        cursor.settle(self.shown.len(), usize::from(list.height));
        for (i, (y, row)) in (list.y..list.bottom()).zip(self.shown.iter().skip(cursor.offset)).enumerate() {
            draw_past(buf, list, y, &self.rows[*row], &columns, look);
            if cursor.offset + i == cursor.index {
                select(buf, list, y, look, true);
            }
        }
        if let Some(past) = self.selected() {
            put(buf, inner.x, inner.bottom() - 1, &origin_words(past, look), inner.width, look.style(Tone::Dim));
        }
    }
}

impl History {
    fn draw_filters(&self, buf: &mut Buffer, inner: Rect, look: &Look<'_>) {
        let whose = if self.everyone { "everyone's" } else { "mine" };
        let days = DAYS[self.days];
        let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        let (key, plain) = (look.style(Tone::Key), look.style(Tone::Plain));
        let text = format!("{} · {days} · {whose}   ", self.ends.word());
        let used = line(buf, inner, inner.y, &[(&text, plain), ("/", key)]);
        if self.typing {
            self.field.draw(buf, inner.x + used, inner.y, inner.width.saturating_sub(used).min(50), plain, false);
        } else {
            put(buf, inner.x + used, inner.y, self.field.text(), inner.width.saturating_sub(used), plain);
        }
    }
}
