//! What a pane or an overlay wants to happen beyond itself. Only [`App`](super::App) carries it out.

use super::news::Watched;
use super::notices::Notice;
use super::overlays::Overlay;
use crate::model::{Chosen, ClusterId, Command, LogSource};
use crate::protocol::{Action, Effect};
use std::path::PathBuf;

/// A wish of a pane or an overlay.
#[derive(Debug)]
pub(super) enum Intent {
    /// Something for the world outside.
    Effect(Effect),
    /// As if the user had pressed this action's key.
    Do(Action),
    /// Carry out a command, named in words for the progress line.
    Run(Command, String),
    /// Show an overlay above what is there.
    Open(Box<dyn Overlay>),
    /// Close the overlay on top.
    Close,
    /// Make this the cluster that is looked at.
    Activate(ClusterId),
    /// Show this log.
    Watch(LogSource, String),
    /// Show these columns of the queue; `None` is squeue's own.
    Columns(Option<Vec<Chosen>>),
    /// Be told of these jobs of a cluster, or no longer.
    Heed(ClusterId, Vec<Watched>),
    /// Show this log together with those that are shown.
    WatchAlso(LogSource, String),
    /// Show this log no longer.
    Unwatch(LogSource),
    /// Something for the logs pane.
    Logs(LogWish),
    /// Tell the user.
    Note(Notice),
}

/// What is wished of the logs pane.
#[derive(Debug)]
pub(super) enum LogWish {
    /// Show only lines that match.
    Keep(String),
    /// Go to a place.
    GoTo(String),
    /// Give a word a colour, or take it away.
    Highlight(String),
    /// Write what is shown, or the whole log, into a local file.
    Save { dest: PathBuf, whole: bool },
}
