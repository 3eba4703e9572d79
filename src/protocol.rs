//! WHAT IS SAID: events that come in, effects that go out, the actions a user can take and the one table of keys.
//!
//! Knows nothing of terminals or of the world: an event may come from a test as well as from a keyboard.

pub mod action;
pub mod chord;
pub mod keymap;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::arrange::{Arrangement, Wish};
use crate::model::lines::{Found, Printout, Sift};
use crate::model::{Answer, Command, Failure, Progress, Query};

pub use action::{Action, Area};
pub use chord::{Chord, Key};
pub use keymap::KeyMap;

/// One moment: time since start, which never jumps, and the wall clock, which people read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// Since the program started.
    pub since_start: Duration,
    /// The wall clock.
    pub wall: Timestamp,
}

/// Numbers a running command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CommandId(pub u64);

/// What a mouse did, in cells from the top left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mouse {
    /// The left button went down.
    Pressed,
    /// The wheel turned towards the top.
    ScrolledUp,
    /// The wheel turned towards the bottom.
    ScrolledDown,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Time went on. Sent before any other event of the same moment.
    Ticked(Clock),
    /// A key was pressed.
    Pressed(Chord),
    /// Text was pasted.
    Pasted(String),
    /// The mouse did something.
    Moused {
        /// What.
        what: Mouse,
        /// Column.
        column: u16,
        /// Row.
        row: u16,
    },
    /// The terminal has a new size in cells.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A pause that was asked for is over.
    Woken,
    /// The terminal gained or lost the user's attention.
    Focused(bool),
    /// The world answered.
    Answered {
        /// The question.
        query: Query,
        /// What it said.
        result: Result<Answer, Failure>,
        /// From question to answer.
        took: Duration,
    },
    /// A table was filtered and sorted.
    Arranged(Arc<Arrangement>),
    /// A program that had the terminal has ended: what became of the text it was to edit, or why it could not be had.
    HandedBack(Result<Option<String>, Failure>),
    /// Lines of a log were searched.
    Found(Found),
    /// A command got on.
    Progressed {
        /// Which one.
        id: CommandId,
        /// How far.
        progress: Progress,
    },
}

/// A program that gets the terminal for a while. Nothing is drawn and no key is read until it has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandOver {
    /// Which one.
    pub program: Program,
    /// What stands above what it prints; empty for programs that take the whole screen.
    pub words: String,
    /// A file that is made for it and taken away afterwards, its last argument: name and text.
    pub text: Option<(String, Text)>,
}

/// What a program that has the terminal is given to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Text {
    /// As it stands here.
    Words(String),
    /// These lines of logs, with their colours and no other control characters.
    Log(Printout),
}

/// Which program gets the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Program {
    /// This one with its arguments; no shell is in between.
    Words(Vec<String>),
    /// The one that VISUAL or EDITOR name. What it makes of the text comes back.
    Editor,
    /// The one that PAGER names.
    Pager,
}

/// Something to be done outside.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Carry out a command.
    Run(CommandId, Command),
    /// Stop a running command.
    Stop(CommandId),
    /// Filter and sort a table, away from the drawing path.
    Arrange(Wish),
    /// Search lines of logs, away from the drawing path. A newer search takes the place of an older one of the same use.
    Sift(Sift),
    /// Ask again now.
    Refresh(Query),
    /// Send a tick after this long.
    Wake(Duration),
    /// Give the terminal to another program.
    HandOver(HandOver),
    /// Put text into the user's clipboard.
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Have the terminal show a message outside of its own window. The text holds no control characters.
    Post(String),
    /// Run a command of the user's own beside us, without a shell: its words, and variables for its environment.
    Hook {
        /// The program and its arguments.
        words: Vec<String>,
        /// Names and values.
        variables: Vec<(String, String)>,
    },
    /// Leave.
    Quit,
}
