//! A text that is longer than its sheet.
//!
//! Never scrolls past its last line: what is above it comes back with the first key.

use crate::protocol::Action;

/// The first line that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll(usize);

impl Scroll {
    /// Moves as `action` says through `lines` lines seen `height` at a time. False when the action is no movement.
    pub(super) fn act(&mut self, action: Action, lines: usize, height: usize) -> bool {
        let (last, page) = (lines.saturating_sub(height), height.max(2) - 1);
        self.0 = match action {
            Action::Up => self.0.saturating_sub(1),
            Action::Down => self.0 + 1,
            Action::PageUp => self.0.saturating_sub(page),
            Action::PageDown => self.0 + page,
            Action::HalfUp => self.0.saturating_sub(page.div_ceil(2)),
            Action::HalfDown => self.0 + page.div_ceil(2),
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        }
        .min(last);
        true
    }

    /// The first line to show of so many.
    pub(super) fn top(self, lines: usize, height: usize) -> usize {
        self.0.min(lines.saturating_sub(height))
    }
}

/// Lines of a sheet's text that a screen with so many rows has room for.
pub(super) fn page(body: (u16, u16)) -> usize {
    usize::from(body.1.saturating_sub(2))
}

/// `3–20 of 45`, where not all is seen.
pub(super) fn place(top: usize, lines: usize, height: usize) -> String {
    if lines <= height { String::new() } else { format!("{}–{} of {lines}", top + 1, (top + height).min(lines)) }
}
