//! Logs to choose from: the selected job's files, the cluster's CloudWatch streams by what they are, and the groups of clusters
//! that are gone.
//!
//! Holds no list of its own: what is chosen is kept by name, while lists grow under it.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{prose, select, trouble};
use crate::model::duration::{age, bytes};
use crate::model::stream::{Role, words};
use crate::model::{Cadence, ClusterId, Filter, JobId, LogGroup, LogSource, LogStream, Place, Query, Source};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cut, Field, Tone, fit, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Streams {
    cluster: ClusterId,
    job: Option<JobId>,
    sources: Vec<Source>,
    page: Page,
    field: Field,
    /// The name of what is under the cursor; the first one where it is gone or there is none.
    chosen: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Page {
    /// The job's and the cluster's.
    Own,
    /// Every log group there is.
    Groups,
    /// The streams of one of those.
    Of(ClusterId, String),
}

enum Row<'a> {
    Heading(String),
    File(&'a str),
    Stream(&'a LogStream),
    Group(&'a LogGroup),
}

impl Row<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Heading(_) => None,
            Self::File(path) => Some(path),
            Self::Stream(stream) => Some(&stream.name),
            Self::Group(group) => Some(&group.name),
        }
    }
}

const ROOM: usize = 20;

impl Streams {
    /// Offers `job`'s files, the streams of `cluster`, and the groups of all `sources`.
    pub(in crate::app) fn new(cluster: ClusterId, job: Option<JobId>, sources: Vec<Source>) -> Self {
        Self { cluster, job, sources, page: Page::Own, field: Field::default(), chosen: None }
    }

    /// The question whose answer is the page's list of streams.
    fn listed(&self) -> Option<Query> {
        match &self.page {
            Page::Own => Some(Query::Streams(self.cluster.clone())),
            Page::Groups => None,
            Page::Of(cluster, group) => Some(Query::GroupStreams { cluster: cluster.clone(), group: group.clone() }),
        }
    }

    fn rows<'a>(&self, look: &Look<'a>) -> Vec<Row<'a>> {
        let filter = Filter::new(self.field.text());
        let mut rows = Vec::new();
        if let (Page::Own, Some(job)) = (&self.page, &self.job) {
            let files = look.store.outputs(&self.cluster, job).unwrap_or_default().iter().filter(|path| filter.matches(path));
            section(&mut rows, &format!("Files of job {job}"), files.map(|path| Row::File(path)).collect());
        }
        if self.page == Page::Groups {
            let groups = self.sources.iter().flat_map(|source| look.store.groups(source).unwrap_or_default());
            let live: Vec<_> = look.store.clusters().into_iter().map(|cluster| cluster.id).collect();
            let (here, gone): (Vec<_>, Vec<_>) =
                groups.filter(|group| filter.matches(&group.name)).partition(|group| live.contains(&group.cluster));
            section(&mut rows, "Clusters that are gone", gone.into_iter().map(Row::Group).collect());
            section(
                &mut rows,
                "Clusters that are there, with what they wrote when they were made before",
                here.into_iter().map(Row::Group).collect(),
            );
        }
        let streams = match &self.page {
            Page::Own => look.store.streams(&self.cluster),
            Page::Groups | Page::Of(..) => self.listed().and_then(|query| look.store.listed(&query)),
        };
        let streams = streams.unwrap_or_default();
        let names = self.nodes(look);
        let fits = |s: &&LogStream| {
            let node = s.instance_id.as_deref().and_then(|id| names.get(id)).copied().unwrap_or("");
            filter.matches(&format!("{} {} {node} {}", s.identifier, s.node, s.name))
        };
        let found: Vec<&LogStream> = streams.iter().filter(fits).collect();
        for role in [Role::Head, Role::Login, Role::Compute, Role::Unknown] {
            section(&mut rows, role.heading(), found.iter().filter(|s| s.role == role).map(|s| Row::Stream(s)).collect());
        }
        rows
    }

    /// The scheduler's names of the nodes behind instances.
    fn nodes<'a>(&self, look: &Look<'a>) -> HashMap<&'a str, &'a str> {
        let table = look.store.nodes(&self.cluster).filter(|_| self.page == Page::Own);
        let nodes = table.into_iter().flat_map(|table| &table.nodes);
        nodes.filter_map(|node| Some((node.instance_id.as_deref()?, node.name.as_str()))).collect()
    }

    /// Where the cursor stands.
    fn index(&self, rows: &[Row<'_>]) -> Option<usize> {
        let chosen = self.chosen.as_deref().and_then(|name| rows.iter().position(|row| row.name() == Some(name)));
        chosen.or_else(|| rows.iter().position(|row| row.name().is_some()))
    }

    fn step(&mut self, rows: &[Row<'_>], by: isize) {
        let Some(at) = self.index(rows) else { return };
        let open: Vec<usize> = (0..rows.len()).filter(|n| rows[*n].name().is_some()).collect();
        let now = open.iter().position(|n| *n == at).unwrap_or(0);
        let next = now.saturating_add_signed(by).min(open.len() - 1);
        self.chosen = rows[open[next]].name().map(str::to_owned);
    }

    fn turn(&mut self, page: Page) {
        (self.page, self.chosen, self.field) = (page, None, Field::default());
    }

    fn open(&mut self, row: &Row<'_>) -> Vec<Intent> {
        let (source, title) = match row {
            Row::Heading(_) => return Vec::new(),
            Row::Group(group) => {
                self.turn(Page::Of(group.cluster.clone(), group.name.clone()));
                return Vec::new();
            }
            Row::File(path) => {
                let place = if self.cluster == ClusterId::local() { Place::Here } else { Place::Head(self.cluster.clone()) };
                let name = path.rsplit('/').next().unwrap_or(path);
                (LogSource::File { place, path: (*path).to_owned() }, name.to_owned())
            }
            Row::Stream(stream) => {
                let cluster = if let Page::Of(cluster, _) = &self.page { cluster } else { &self.cluster };
                let source = LogSource::Stream { cluster: cluster.clone(), group: stream.group.clone(), stream: stream.name.clone() };
                (source, format!("{} of {}", stream.identifier, stream.node))
            }
        };
        vec![Intent::Close, Intent::Watch(source, title), Intent::Do(Action::FocusLogs)]
    }

    /// What to say where there is no row: that it is on its way, what went wrong, or that there is nothing.
    fn draw_nothing(&self, buf: &mut Buffer, list: Rect, look: &Look<'_>) {
        let asked: Vec<Query> = match self.listed() {
            Some(query) => vec![query],
            None => self.sources.iter().filter(|source| **source != Source::Fixed).cloned().map(Query::Groups).collect(),
        };
        let slots: Vec<_> = asked.iter().map(|query| look.store.slot(query)).collect();
        let failure = slots.iter().flatten().find_map(|slot| slot.failure.as_ref());
        let words = match (&self.page, failure) {
            _ if !self.field.text().is_empty() => "No log fits.",
            (_, Some(failure)) => {
                trouble(buf, list, failure, look);
                return;
            }
            (Page::Groups, _) if asked.is_empty() => "No AWS account is looked at.",
            _ if slots.iter().any(Option::is_none) => "Asking …",
            (Page::Groups, _) => "There is no log group of a ParallelCluster.",
            (Page::Own | Page::Of(..), _) => "There are no log streams.",
        };
        prose(buf, list, words, look.style(Tone::Dim));
    }

    fn draw_row(buf: &mut Buffer, list: Rect, y: u16, row: &Row<'_>, names: &HashMap<&str, &str>, look: &Look<'_>) {
        let cell = |buf: &mut Buffer, x: u16, text: &str, room: u16, tone: Tone| {
            let room = room.min(list.width.saturating_sub(x));
            put(buf, list.x + x, y, &fit(text, usize::from(room), Cut::Middle), room, look.style(tone));
        };
        let ago = |at: jiff::Timestamp| u64::try_from(look.clock.wall.as_second() - at.as_second()).unwrap_or(0);
        let age = |at: jiff::Timestamp| format!("{:>8}", age(ago(at)));
        match row {
            Row::Heading(text) => cell(buf, 0, text, list.width, Tone::Strong),
            Row::File(path) => cell(buf, 1, path, list.width, Tone::Plain),
            Row::Group(group) => {
                cell(buf, 1, group.name.trim_start_matches("/aws/parallelcluster/"), 40, Tone::Plain);
                cell(buf, 42, &group.created.map_or_else(String::new, |at| look.local(at, "%d %b %Y")), 12, Tone::Dim);
                cell(buf, 55, &format!("{:>9}", bytes(group.bytes)), 9, Tone::Dim);
                let place = group.cluster.as_str().rsplit_once('/').map_or("", |(place, _)| place);
                cell(buf, 66, place, list.width, Tone::Dim);
            }
            Row::Stream(stream) => {
                let node = stream.instance_id.as_deref().and_then(|id| names.get(id)).copied().unwrap_or(&stream.node);
                cell(buf, 1, &stream.identifier, 25, Tone::Plain);
                cell(buf, 26, &stream.last_event.map_or_else(String::new, age), 8, Tone::Dim);
                // The head node is one: its heading names it.
                let from = if stream.role == Role::Head { 36 } else { 59 };
                cell(buf, 36, if stream.role == Role::Head { "" } else { node }, 22, Tone::Works);
                let room = list.width.saturating_sub(from);
                put(buf, list.x + from, y, words(&stream.identifier), room, look.style(Tone::Dim));
            }
        }
    }
}

/// A heading and what stands below it, where there is anything.
fn section<'a>(rows: &mut Vec<Row<'a>>, heading: &str, mut below: Vec<Row<'a>>) {
    if !below.is_empty() {
        rows.push(Row::Heading(heading.to_owned()));
        rows.append(&mut below);
    }
}

impl Overlay for Streams {
    fn areas(&self) -> &'static [Area] {
        &[]
    }

    fn leave(&mut self) -> Vec<Intent> {
        match self.page {
            Page::Own => return vec![Intent::Close],
            Page::Groups => self.turn(Page::Own),
            Page::Of(..) => self.turn(Page::Groups),
        }
        Vec::new()
    }

    fn press(&mut self, chord: Chord, _action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let rows = self.rows(look);
        match chord.key {
            Key::Tab | Key::BackTab => {
                let other = if self.page == Page::Own { Page::Groups } else { Page::Own };
                self.turn(other);
            }
            Key::Enter => {
                if let Some(at) = self.index(&rows) {
                    return self.open(&rows[at]);
                }
            }
            Key::Up => self.step(&rows, -1),
            Key::Down => self.step(&rows, 1),
            Key::PageUp => self.step(&rows, -(ROOM as isize)),
            Key::PageDown => self.step(&rows, ROOM as isize),
            _ => {
                self.field.press(chord);
                self.chosen = None;
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        let mut wants: Vec<_> = self.listed().map(|query| (query, Cadence::Follow)).into_iter().collect();
        if let (Page::Own, Some(job)) = (&self.page, &self.job) {
            wants.push((Query::Outputs { cluster: self.cluster.clone(), job: job.clone() }, Cadence::Once));
        }
        if self.page == Page::Groups {
            let aws = self.sources.iter().filter(|source| **source != Source::Fixed);
            wants.extend(aws.map(|source| (Query::Groups(source.clone()), Cadence::Once)));
        }
        wants
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let other = if self.page == Page::Own { "other clusters" } else { "this cluster" };
        vec![
            ("type".into(), "to filter"),
            ("↑↓".into(), "choose"),
            ("⏎".into(), "open"),
            ("⇥".into(), other),
            ("esc".into(), if self.page == Page::Own { "close" } else { "back" }),
        ]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let title = match &self.page {
            Page::Own => format!("Logs · {}", self.cluster.name()),
            Page::Groups => "Log groups of all clusters".to_owned(),
            Page::Of(_, group) => format!("Logs · {}", group.trim_start_matches("/aws/parallelcluster/")),
        };
        let rows = self.rows(look);
        let count = rows.iter().filter(|row| row.name().is_some()).count();
        let remark = if count == 0 { String::new() } else { count.to_string() };
        let inner = sheet(buf, body, (122, u16::try_from(ROOM + 1).unwrap_or(21)), &title, &remark, look);
        put(buf, inner.x, inner.y, "/", 1, look.style(Tone::Key));
        self.field.draw(buf, inner.x + 1, inner.y, inner.width.saturating_sub(1), look.style(Tone::Plain), false);
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let Some(at) = self.index(&rows) else { return self.draw_nothing(buf, list, look) };
        // The list moves under the cursor, which stays in the middle.
        let height = usize::from(list.height);
        let offset = (at + 1).saturating_sub(height / 2).min(rows.len().saturating_sub(height));
        let names = self.nodes(look);
        for (n, (y, row)) in (list.y..list.bottom()).zip(rows.iter().skip(offset)).enumerate() {
            Self::draw_row(buf, list, y, row, &names, look);
            if offset + n == at {
                select(buf, list, y, look, true);
            }
        }
    }
}
