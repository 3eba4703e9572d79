//! A cursor in a list that is longer than its window.

use crate::protocol::Action;

/// Where the cursor stands and which row the window begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    /// The row under the cursor.
    pub index: usize,
    /// The first visible row.
    pub offset: usize,
}

impl Cursor {
    /// Moves as `action` says in a list of `len` rows through a window of `height`. False when the action is no movement.
    pub fn act(&mut self, action: Action, len: usize, height: usize) -> bool {
        let page = height.max(2) - 1;
        let last = len.saturating_sub(1);
        self.index = match action {
            Action::Up => self.index.saturating_sub(1),
            Action::Down => self.index + 1,
            Action::PageUp => self.index.saturating_sub(page),
            Action::PageDown => self.index + page,
            Action::HalfUp => self.index.saturating_sub(page.div_ceil(2)),
            Action::HalfDown => self.index + page.div_ceil(2),
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        }
        .min(last);
        self.settle(len, height);
        true
    }

    /// Puts the cursor on `index` and the window around it.
    pub fn go(&mut self, index: usize, len: usize, height: usize) {
        self.index = index.min(len.saturating_sub(1));
        self.settle(len, height);
    }

    /// Keeps the cursor inside the list and the window, and the window full where it can be.
    pub fn settle(&mut self, len: usize, height: usize) {
        let height = height.max(1);
        self.index = self.index.min(len.saturating_sub(1));
        let lowest = (self.index + 1).saturating_sub(height);
        self.offset = self.offset.clamp(lowest, self.index.max(lowest)).min(len.saturating_sub(height));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_never_leaves_the_list_or_the_window() {
        let mut cursor = Cursor::default();
        for (action, len, height) in [
            (Action::Bottom, 100, 10),
            (Action::Down, 100, 10),
            (Action::PageUp, 100, 10),
            (Action::HalfDown, 5, 10),
            (Action::Up, 0, 10),
            (Action::PageDown, 3, 1),
            (Action::Top, 3, 0),
        ] {
            assert!(cursor.act(action, len, height));
            assert!(len == 0 || cursor.index < len);
            assert!(cursor.offset <= cursor.index && cursor.index < cursor.offset + height.max(1), "{action:?} {cursor:?}");
        }
        assert!(!cursor.act(Action::Quit, 3, 3));
    }
}
