//! What lies above the panes for a while. Each covers as little as it needs, closes with Esc and loses nothing that was typed.

mod ask;
mod asking;
mod audit;
mod charts;
mod columns;
mod confirm;
mod depends;
mod details;
mod doctor;
mod failed;
mod fetch;
mod help;
mod history;
mod job;
mod log_line;
mod menu;
mod messages;
mod name;
mod node;
mod outbox;
mod palette;
mod picker;
mod prompt;
mod proposal;
mod scale;
mod script;
mod scroll;
mod signals;
mod stack;
mod stage;
mod streams;
mod submit;
mod together;
mod why;

pub(super) use ask::{Ask, Then};
pub(super) use asking::{Asking, Purpose};
pub(super) use audit::AuditSheet;
pub(super) use charts::Charts;
pub(super) use columns::ColumnsForm;
pub(super) use confirm::Confirm;
pub(super) use depends::Depends;
pub(super) use details::Details;
pub(super) use doctor::Doctor;
pub(super) use failed::FailedForm;
pub(super) use fetch::FetchForm;
pub(super) use help::Help;
pub(super) use history::History;
pub(super) use job::JobSheet;
pub(super) use log_line::LogLine;
pub(super) use menu::VerbMenu;
pub(super) use messages::Messages;
pub(super) use name::NameForm;
pub(super) use node::NodeSheet;
pub(super) use outbox::{Outbox, finish};
pub(super) use palette::Palette;
pub(super) use picker::Picker;
pub(super) use prompt::PromptForm;
pub(super) use proposal::Proposal;
pub(super) use scale::ScaleForm;
pub(super) use script::Script;
pub(super) use signals::Signals;
pub(super) use stack::StackSheet;
pub(super) use stage::StageForm;
pub(super) use streams::Streams;
pub(super) use submit::SubmitForm;
pub(super) use together::Together;
pub(super) use why::Why;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use super::intent::Intent;
use super::panes::Look;
use crate::model::{Answer, Cadence, ClusterId, Command, Failure, Query};
use crate::protocol::{Action, Area, Chord};
use crate::ui::{Tone, frame, put, width};

/// One overlay. The one on top has the keyboard.
pub(super) trait Overlay: std::fmt::Debug + Send {
    /// The areas whose keys work here, the innermost first. None: everything typed is text.
    fn areas(&self) -> &'static [Area] {
        &[Area::List]
    }

    /// Esc or Ctrl-C, where everything typed is text.
    fn leave(&mut self) -> Vec<Intent> {
        vec![Intent::Close]
    }

    /// A key, and what it means in this overlay's areas.
    fn press(&mut self, chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent>;

    /// Text was pasted.
    fn paste(&mut self, _text: &str) {}

    /// An answer to one of its questions came, or a failure.
    fn answered(&mut self, _query: &Query, _result: &Result<Answer, Failure>) {}

    /// The same for the overlay on top, which may go on from there.
    fn follow_up(&mut self, query: &Query, result: &Result<Answer, Failure>) -> Vec<Intent> {
        self.answered(query, result);
        Vec::new()
    }

    /// What it waited for was not done, which is told elsewhere.
    fn not_done(&mut self, _command: &Command) -> Vec<Intent> {
        Vec::new()
    }

    /// A program that it gave the terminal to has ended; text that was to be edited is as the user left it.
    fn handed_back(&mut self, _text: String) {}

    /// The question of ssh's that it shows.
    fn asks(&self) -> Option<(&ClusterId, u64)> {
        None
    }

    /// What it needs to know.
    fn wants(&self) -> Vec<(Query, Cadence)> {
        Vec::new()
    }

    /// The keys to name in the footer.
    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("esc".into(), "close")]
    }

    /// Draws itself over `body`.
    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>);
}

/// Clears and frames room for `rows` × `columns` of content in the middle of `body`, or as much of it as there is.
fn sheet(buf: &mut Buffer, body: Rect, (columns, rows): (u16, u16), title: &str, remark: &str, look: &Look<'_>) -> Rect {
    let (w, h) = ((columns + 4).min(body.width), (rows + 2).min(body.height));
    let area = Rect::new(body.x + (body.width - w) / 2, body.y + (body.height - h) / 3, w, h);
    Clear.render(area, buf);
    let remark = if remark.is_empty() { vec![] } else { vec![(remark.to_owned(), look.style(Tone::Dim))] };
    let inner = frame(buf, area, &[(title.to_owned(), look.style(Tone::Focus))], &remark, look.theme, true);
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

/// Writes pieces one after the other; gives the cells used.
fn line(buf: &mut Buffer, area: Rect, y: u16, pieces: &[(&str, Style)]) -> u16 {
    let mut x = area.x;
    for (text, style) in pieces {
        x += put(buf, x, y, text, area.right().saturating_sub(x), *style);
    }
    x - area.x
}

/// Cells of text as the `u16` that areas are measured in.
fn cells(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}
