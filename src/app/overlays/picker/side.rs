//! One side of the picker: a machine's folders, or S3's.

use crate::model::stage::SCHEME;
use crate::model::{Failure, FileEntry, Place, Preview};
use crate::ui::Cursor;

/// One machine's part of the picker, or S3's: each keeps its folder and cursor.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) place: Place,
    /// The folder that is asked for; empty is home.
    pub(super) asked: String,
    /// The folder that is shown, absolute.
    pub(super) path: String,
    pub(super) entries: Vec<FileEntry>,
    pub(super) failure: Option<Failure>,
    pub(super) cursor: Cursor,
    pub(super) filter: String,
    /// A name to stand on once the folder is here: where one came from.
    pub(super) came_from: Option<String>,
    pub(super) preview: Option<(String, Result<Preview, Failure>)>,
    pub(super) loaded: bool,
}

impl Side {
    pub(super) fn new(place: Place, path: &str) -> Self {
        Self {
            place,
            asked: path.to_owned(),
            path: path.to_owned(),
            entries: Vec::new(),
            failure: None,
            cursor: Cursor::default(),
            filter: String::new(),
            came_from: None,
            preview: None,
            loaded: false,
        }
    }

    pub(super) fn is_store(&self) -> bool {
        self.path.starts_with(SCHEME)
    }

    pub(super) fn go(&mut self, path: String, came_from: Option<String>) {
        self.filter.clear();
        // One that is here already is not asked for again, and would not be answered.
        if self.asked == path && self.loaded && self.failure.is_none() {
            return;
        }
        self.asked = path;
        self.came_from = came_from;
        self.loaded = false;
        self.failure = None;
        self.preview = None;
    }
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.ends_with('/') { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}
