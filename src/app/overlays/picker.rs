//! Picks a script on this machine or on the head node, with its beginning shown beside the list; and looks into S3 as the head node sees it.

mod draw;
mod side;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, NameForm, Overlay, Proposal, StageForm, SubmitForm};
use crate::app::notices::Notice;
use crate::model::outline::{Outline, steps};
use crate::model::stage::SCHEME;
use crate::model::{
    Answer, Cadence, ClusterId, ClusterKind, Configuration, Draft, Failure, FileEntry, FileKind, Filter, LogSource, Place, Query, Source,
};
use crate::protocol::{Action, Area, Chord, Key};
use crate::ui::{Cursor, Field};

pub(super) use draw::script;
use side::{Side, join};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Picker {
    cluster: ClusterId,
    /// Whether the cluster's head node has files of its own.
    has_head: bool,
    sides: [Side; 3],
    at: usize,
    hidden: bool,
    /// Whether a configuration is picked for the cluster itself.
    update: bool,
    typing: Option<Field>,
}

impl Picker {
    /// Begins in `folder` on this machine and at home on the head node. `remote_first` opens the head node's side.
    pub(in crate::app) fn new(cluster: ClusterId, folder: &str, has_head: bool) -> Self {
        let head = Place::Head(cluster.clone());
        let sides = [Side::new(Place::Here, folder), Side::new(head.clone(), ""), Side::new(head, SCHEME)];
        Self { cluster, has_head, sides, at: 0, hidden: false, update: false, typing: None }
    }

    /// Picks a configuration that the cluster shall be like.
    pub(in crate::app) fn update(cluster: ClusterId, folder: &str) -> Self {
        Self { update: true, ..Self::new(cluster, folder, false) }
    }

    fn side(&self) -> &Side {
        &self.sides[self.at]
    }

    fn shown(&self) -> Vec<&FileEntry> {
        let side = self.side();
        let filter = Filter::new(self.typing.as_ref().map_or(side.filter.as_str(), Field::text));
        side.entries.iter().filter(|e| self.hidden || !e.name.starts_with('.')).filter(|e| filter.matches(&e.name)).collect()
    }

    fn under(&self) -> Option<FileEntry> {
        self.shown().get(self.side().cursor.index).map(|e| (*e).clone())
    }

    fn enter(&mut self, pick: bool, look: &Look<'_>) -> Vec<Intent> {
        // What is shown while another folder is read is not in it.
        let Some(entry) = self.under().filter(|_| self.side().loaded) else { return Vec::new() };
        let side = &mut self.sides[self.at];
        let path = join(&side.path, &entry.name);
        match entry.kind {
            FileKind::Folder => {
                side.go(path, None);
                Vec::new()
            }
            FileKind::File if pick && side.is_store() => self.stage(),
            FileKind::File if pick => {
                let read =
                    side.preview.as_ref().filter(|(p, _)| *p == path).and_then(|(_, r)| r.as_ref().ok()).map(|read| read.text.clone());
                if let Some(text) = read.filter(|text| is_configuration(&path, text)) {
                    let of = Configuration::File { place: side.place.clone(), path };
                    return self.configured(of, &text, &entry.name, look);
                }
                if self.update {
                    return vec![Intent::Note(Notice::plain(format!("{} is no cluster's configuration: it has no HeadNode.", entry.name)))];
                }
                let preview = side.preview.as_ref().filter(|(p, _)| *p == path).and_then(|(_, r)| r.as_ref().ok()).cloned();
                vec![Intent::Open(Box::new(SubmitForm::new(self.cluster.clone(), side.place.clone(), path, preview)))]
            }
            _ => Vec::new(),
        }
    }

    /// Copies what is under the cursor to the cluster, or to S3: to where the other side stands.
    fn stage(&self) -> Vec<Intent> {
        let (side, [_, head, store]) = (self.side(), &self.sides);
        let Some(entry) = self.under().filter(|entry| side.loaded && side.place != Place::Here && entry.kind != FileKind::Other) else {
            return Vec::new();
        };
        let slash = if entry.kind == FileKind::Folder { "/" } else { "" };
        let from = format!("{}{slash}", join(&side.path, &entry.name));
        let form = if side.is_store() {
            let folder = if head.path.is_empty() { "~" } else { &head.path };
            StageForm::new(self.cluster.clone(), true, from, join(folder, &entry.name))
        } else {
            let to = if store.path == SCHEME { SCHEME.to_owned() } else { format!("{}{slash}", join(&store.path, &entry.name)) };
            StageForm::new(self.cluster.clone(), false, from, to)
        };
        vec![Intent::Open(Box::new(form))]
    }

    /// What a picked configuration is for: a cluster that is there, or one that is to be.
    fn configured(&self, of: Configuration, text: &str, file: &str, look: &Look<'_>) -> Vec<Intent> {
        if self.update {
            return vec![Intent::Open(Box::new(Proposal::new(self.cluster.clone(), Draft::Update(of), 1)))];
        }
        let known = look.store.clusters().into_iter().find(|c| c.id == self.cluster && c.kind == ClusterKind::ParallelCluster);
        let account = known.map(|cluster| (cluster.profile, cluster.region)).or_else(|| {
            let mut accounts: Vec<_> = look
                .store
                .sources()
                .filter_map(|(source, _)| match source {
                    Source::Aws { profile, region } => Some((profile.clone(), region.clone())),
                    Source::Fixed => None,
                })
                .collect();
            accounts.sort();
            accounts.into_iter().next()
        });
        let (profile, region) = account.unwrap_or_default();
        let own = Outline::read(text).value(&steps("Region")).filter(|region| !region.is_empty()).map(str::to_owned);
        let region = own.or(region);
        let proposed = file.rsplit_once('.').map_or(file, |(name, _)| name);
        vec![Intent::Open(Box::new(NameForm::create(of, profile, region, proposed)))]
    }

    /// Shows the file under the cursor as a log.
    fn watch(&self) -> Vec<Intent> {
        let side = self.side();
        let Some(entry) = self.under().filter(|entry| entry.kind == FileKind::File && !side.is_store()) else { return Vec::new() };
        let source = LogSource::File { place: side.place.clone(), path: join(&side.path, &entry.name) };
        vec![Intent::Close, Intent::Watch(source, entry.name), Intent::Do(Action::FocusLogs)]
    }

    fn up(&mut self) {
        let side = &mut self.sides[self.at];
        let path = side.path.trim_end_matches('/');
        if let Some((parent, name)) = path.rsplit_once('/') {
            let parent = match parent {
                "" => "/",
                // Above a bucket are all buckets.
                "s3:/" => SCHEME,
                parent => parent,
            };
            let (parent, name) = (parent.to_owned(), name.to_owned());
            side.go(parent, Some(name));
        }
    }

    fn place_cursor(&mut self) {
        let wanted = self.sides[self.at].came_from.take();
        let shown = self.shown();
        let index = wanted.and_then(|name| shown.iter().position(|e| e.name == name)).unwrap_or(0);
        let len = shown.len();
        self.sides[self.at].cursor.go(index, len, ROWS);
    }
}

/// Rows that the cursor is kept within; the sheet shows at least so many on 80×24.
const ROWS: usize = 16;

impl Overlay for Picker {
    fn areas(&self) -> &'static [Area] {
        if self.typing.is_some() { &[] } else { &[Area::Picker, Area::List] }
    }

    fn leave(&mut self) -> Vec<Intent> {
        self.typing = None;
        self.sides[self.at].filter.clear();
        self.sides[self.at].cursor = Cursor::default();
        Vec::new()
    }

    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if let Some(field) = &mut self.typing {
            match chord.key {
                Key::Enter => {
                    self.sides[self.at].filter = field.text().to_owned();
                    self.typing = None;
                }
                _ => {
                    field.press(chord);
                }
            }
            self.sides[self.at].cursor = Cursor::default();
            return Vec::new();
        }
        let Some(action) = action else { return Vec::new() };
        let len = self.shown().len();
        if self.sides[self.at].cursor.act(action, len, ROWS) {
            return Vec::new();
        }
        match action {
            Action::Open => return self.enter(true, look),
            Action::Child => return self.enter(false, look),
            Action::OpenLog => return self.watch(),
            Action::Parent => self.up(),
            Action::Stage => return self.stage(),
            Action::Home => {
                let home = if self.side().is_store() { SCHEME.to_owned() } else { String::new() };
                self.sides[self.at].go(home, None);
            }
            Action::Hidden => {
                self.hidden = !self.hidden;
                self.place_cursor();
            }
            Action::Place if self.has_head => self.at = (self.at + 1) % self.sides.len(),
            Action::Filter => self.typing = Some(Field::new(self.side().filter.clone())),
            Action::Back if !self.side().filter.is_empty() => self.sides[self.at].filter.clear(),
            Action::Back | Action::Quit => return vec![Intent::Close],
            _ => {}
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if let Some(field) = &mut self.typing {
            field.insert(text);
        }
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        match query {
            Query::Folder { place, path } => {
                let Some(at) = self.sides.iter().position(|s| s.place == *place && s.asked == *path) else { return };
                // Read again, one stands where one stood.
                let under = self.under().filter(|_| at == self.at && self.side().loaded).map(|entry| entry.name);
                let side = &mut self.sides[at];
                side.loaded = true;
                match result {
                    Ok(Answer::Folder { path, entries }) => {
                        side.path.clone_from(path);
                        side.entries.clone_from(entries);
                        side.failure = None;
                        side.came_from = side.came_from.take().or(under);
                        if at == self.at {
                            self.place_cursor();
                        }
                    }
                    Err(failure) => side.failure = Some(failure.clone()),
                    Ok(_) => {}
                }
            }
            Query::Preview { place, path } => {
                // One that the cursor has left is asked for again when it comes back, and must not take the place of what is under it.
                let under = self.under().map(|entry| join(&self.side().path, &entry.name));
                if self.side().place != *place || under.as_ref() != Some(path) {
                    return;
                }
                let side = &mut self.sides[self.at];
                match result {
                    Ok(Answer::Preview(preview)) => side.preview = Some((path.clone(), Ok(preview.clone()))),
                    Err(failure) => side.preview = Some((path.clone(), Err(failure.clone()))),
                    Ok(_) => {}
                }
            }
            _ => {}
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        let side = self.side();
        let mut wants = vec![(Query::Folder { place: side.place.clone(), path: side.asked.clone() }, Cadence::Once)];
        if let Some(entry) = self.under().filter(|e| e.kind == FileKind::File && side.loaded) {
            wants.push((Query::Preview { place: side.place.clone(), path: join(&side.path, &entry.name) }, Cadence::Once));
        }
        wants
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let mut keys = match (self.side().is_store(), self.side().place == Place::Here) {
            (true, _) => vec![("⏎".into(), "open"), ("s".into(), "copy to the cluster")],
            (false, true) => vec![("⏎".into(), "pick"), ("o".into(), "open as log")],
            (false, false) => vec![("⏎".into(), "pick"), ("o".into(), "open as log"), ("s".into(), "copy to S3")],
        };
        if self.has_head {
            keys.push(("⇥".into(), ["head node", "S3", "this machine"][self.at]));
        }
        keys.extend([("←".into(), "folder above"), ("/".into(), "filter"), (".".into(), "hidden"), ("esc".into(), "close")]);
        keys
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        draw::picker(self, buf, body, look);
    }
}

/// Whether a file is a ParallelCluster configuration.
fn is_configuration(path: &str, text: &str) -> bool {
    let is_yaml = path.rsplit_once('.').is_some_and(|(_, ending)| ["yaml", "yml"].contains(&ending.to_lowercase().as_str()));
    is_yaml && text.lines().any(|line| line.starts_with("HeadNode:"))
}
