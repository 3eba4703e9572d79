//! Keys, pastes and clicks: to the overlay on top, to the line that is being typed, to the pane that has the focus.

use std::time::Duration;

use super::App;
use super::intent::Intent;
use super::layout::Pane;
use crate::protocol::{Action, Area, Chord, Key, Mouse};
use crate::ui::Field;

/// Letters of one word follow each other within this time.
const WORD: Duration = Duration::from_millis(800);

impl App {
    pub(super) fn pressed(&mut self, chord: Chord) -> Vec<Intent> {
        let is_asked = self.overlays.last().is_some_and(|overlay| overlay.asks().is_some());
        if is_asked && self.typed_at.is_some_and(|at| self.clock.since_start.saturating_sub(at) < WORD) {
            return self.typed_on(chord);
        }
        self.typed_at = (!is_asked && self.takes_text()).then_some(self.clock.since_start);
        if let Some(mut overlay) = self.overlays.pop() {
            let (areas, leaves) = (overlay.areas(), chord.key == Key::Esc || chord.key == Key::Char('c') && chord.ctrl);
            let intents = if areas.is_empty() && leaves {
                overlay.leave()
            } else {
                overlay.press(chord, self.settings.keys.action(areas, chord), &self.look())
            };
            self.overlays.push(overlay);
            return intents;
        }
        if let Some(mut field) = self.typing.take() {
            return self.typed(&mut field, chord);
        }
        match self.settings.keys.action(&[self.area(), Area::List, Area::Everywhere], chord) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    /// Whether keys are letters of a text where they go now.
    fn takes_text(&self) -> bool {
        self.overlays.last().map_or(self.typing.is_some(), |overlay| overlay.areas().is_empty())
    }

    /// ssh asks something over a word that is being typed: the rest of the word goes where it was begun, and no part of it to ssh.
    fn typed_on(&mut self, chord: Chord) -> Vec<Intent> {
        // What is hidden by the question is neither sent nor left.
        if chord.ctrl || chord.alt || !matches!(chord.key, Key::Char(_) | Key::Backspace) {
            return Vec::new();
        }
        let question = self.overlays.pop();
        let intents = if self.takes_text() { self.pressed(chord) } else { Vec::new() };
        self.overlays.extend(question);
        intents
    }

    fn area(&self) -> Area {
        match self.focus {
            Pane::Clusters => Area::Clusters,
            Pane::Nodes => Area::Nodes,
            Pane::Jobs => Area::Jobs,
            Pane::Logs => Area::Logs,
        }
    }

    /// A key while a filter or a search is typed: what it finds is shown at once.
    fn typed(&mut self, field: &mut Field, chord: Chord) -> Vec<Intent> {
        match chord.key {
            Key::Esc => self.filtered(""),
            Key::Char('c') if chord.ctrl => self.filtered(""),
            Key::Enter => {
                if self.focus == Pane::Logs {
                    self.logs.find(false)
                } else {
                    Vec::new()
                }
            }
            _ => {
                field.press(chord);
                let text = field.text().to_owned();
                self.typing = Some(field.clone());
                self.filtered(&text)
            }
        }
    }

    pub(super) fn filtered(&mut self, text: &str) -> Vec<Intent> {
        match self.focus {
            Pane::Clusters => Vec::new(),
            Pane::Nodes => {
                self.nodes.set_filter(text);
                Vec::new()
            }
            Pane::Jobs => self.jobs.set_filter(text),
            Pane::Logs => self.logs.set_search(text),
        }
    }

    pub(super) fn filter(&self) -> &str {
        match self.focus {
            Pane::Clusters => "",
            Pane::Nodes => self.nodes.filter(),
            Pane::Jobs => self.jobs.filter(),
            Pane::Logs => self.logs.search(),
        }
    }

    pub(super) fn pasted(&mut self, text: &str) -> Vec<Intent> {
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.paste(text);
        } else if let Some(field) = &mut self.typing {
            field.insert(text);
            let text = field.text().to_owned();
            return self.filtered(&text);
        }
        Vec::new()
    }

    pub(super) fn moused(&mut self, what: Mouse, column: u16, row: u16) -> Vec<Intent> {
        if !self.overlays.is_empty() {
            let key = match what {
                Mouse::ScrolledUp => Key::Up,
                Mouse::ScrolledDown => Key::Down,
                Mouse::Pressed => return Vec::new(),
            };
            return self.pressed(Chord::plain(key));
        }
        let layout = self.layout();
        let Some((pane, area)) = layout.at(column, row) else { return Vec::new() };
        match what {
            Mouse::Pressed => {
                self.focus = pane;
                if row == area.y {
                    return Vec::new();
                }
                let line = usize::from(row - area.y - 1).saturating_sub(usize::from(pane == Pane::Nodes && layout.heading(pane)));
                match pane {
                    Pane::Clusters => {
                        let inside = (area.width.saturating_sub(2), area.height.saturating_sub(2));
                        let rows = self.clusters.rows(&self.look(), inside);
                        return self.clusters.click(line, rows);
                    }
                    Pane::Nodes => self.nodes.click(line),
                    Pane::Jobs => return self.jobs.click(line, column.saturating_sub(area.x + 1), area.width.saturating_sub(2)),
                    Pane::Logs => self.logs.click(line),
                }
                Vec::new()
            }
            Mouse::ScrolledUp | Mouse::ScrolledDown => {
                let action = if what == Mouse::ScrolledUp { Action::Up } else { Action::Down };
                (0..3).flat_map(|_| self.act_in(pane, action)).collect()
            }
        }
    }
}
