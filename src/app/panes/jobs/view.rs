//! The pane in ink: title, headings, the rows that are on screen, and in words why there are none.
//!
//! Asks for the rows of the screen and for no other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::{Look, prose, select, trouble, waiting};
use super::Jobs;
use super::row::{self, Ink};
use crate::model::duration::thousands;
use crate::model::{Query, Scope};
use crate::protocol::Action;
use crate::ui::{Tone, frame, put};

impl Jobs {
    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let query = look.active.map(|cluster| Query::Jobs { cluster: cluster.clone(), scope: self.scope });
        let slot = query.as_ref().and_then(|query| look.store.slot(query));
        let failure = slot.and_then(|slot| slot.failure.as_ref());
        let inner = frame(buf, area, &self.title(look, focused), &self.remark(look), look.theme, focused);
        let Some(cluster) = look.active else {
            let keys = look.keys.sign(Action::FocusClusters);
            let words = format!("No cluster chosen. {keys} goes to the clusters, ⏎ chooses one.");
            let mut y = inner.y + prose(buf, inner, &words, look.style(Tone::Dim));
            // On a small screen the clusters, and why some are missing, are out of sight.
            for failure in look.store.sources().filter_map(|(_, slot)| slot.failure.as_ref()) {
                let rest = Rect { y, height: inner.bottom().saturating_sub(y), ..inner };
                y += trouble(buf, rest, failure, look);
            }
            return;
        };
        let Some(shown) = &self.shown else {
            match failure {
                Some(failure) => {
                    trouble(buf, inner, failure, look);
                }
                None => {
                    prose(buf, inner, waiting(look, cluster), look.style(Tone::Dim));
                }
            }
            return;
        };
        let plan = self.plan(shown, inner.width);
        row::heading(buf, inner, &plan, self.order, look);
        let foot = u16::from(failure.is_some());
        let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1 + foot), ..inner };
        if shown.rows.is_empty() {
            prose(buf, list, &self.nothing(look), look.style(Tone::Dim));
        }
        let mut cursor = self.cursor;
        cursor.settle(shown.rows.len(), usize::from(list.height));
        let ink = Ink { shown, plan: &plan, look, stale: failure.is_some() };
        for line in 0..list.height {
            let index = cursor.offset + usize::from(line);
            let Some(row) = shown.rows.get(index) else { break };
            let y = list.y + line;
            ink.row(buf, list, y, *row, shown.is_marked(*row, self.marks.keys()));
            if index == self.cursor.index {
                select(buf, list, y, look, focused);
            }
        }
        if let Some(failure) = failure {
            put(buf, inner.x, inner.bottom() - 1, &format!("✗ {}", failure.what), inner.width, look.style(Tone::Bad));
        }
    }

    fn title(&self, look: &Look<'_>, focused: bool) -> Vec<(String, Style)> {
        let mut title = vec![("3 Jobs".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        let whose = if self.scope == Scope::Mine { "mine" } else { "all" };
        let Some(shown) = &self.shown else {
            title.push((format!(" · {whose}"), look.style(Tone::Plain)));
            return title;
        };
        let total: u64 = shown.counts.iter().sum();
        let count = if shown.passed == total { thousands(total) } else { format!("{} of {}", thousands(shown.passed), thousands(total)) };
        title.push((format!(" · {whose} {count}"), look.style(Tone::Plain)));
        let [running, pending, _] = shown.counts;
        if running > 0 {
            title.push((format!(" · ▶ {}", thousands(running)), look.style(Tone::Good)));
        }
        if pending > 0 {
            title.push((format!(" · ○ {}", thousands(pending)), look.style(Tone::Waits)));
        }
        let (marked, hidden) = self.marks.counts();
        if marked > 0 {
            let hidden = if hidden > 0 { format!(", {} out of sight", thousands(hidden as u64)) } else { String::new() };
            title.push((format!(" · ◆ {} marked{hidden}", thousands(marked as u64)), look.style(Tone::Key)));
        }
        if shown.wish.table.warnings > 0 {
            title.push((format!(" · {} unread lines", shown.wish.table.warnings), look.style(Tone::Bad)));
        }
        title
    }

    fn remark(&self, look: &Look<'_>) -> Vec<(String, Style)> {
        let mut remark = Vec::new();
        // What is sorted by and not to be seen.
        if let Some(column) = self.order.column.filter(|column| self.columns().iter().all(|chosen| chosen.column != *column)) {
            remark.push(format!("{} {}", column.title(), if self.order.descending { "▼" } else { "▲" }));
        }
        if !self.filter.is_empty() {
            remark.push(format!("/{}", self.filter));
        }
        if remark.is_empty() { vec![] } else { vec![(remark.join("  "), look.style(Tone::Key))] }
    }

    fn nothing(&self, look: &Look<'_>) -> String {
        if !self.filter.is_empty() {
            return "No job matches the filter. Esc clears it.".to_owned();
        }
        let launch = look.keys.sign(Action::Launch);
        match self.scope {
            Scope::Mine => format!("No jobs of yours. {launch} launches one, {} shows everyone's.", look.keys.sign(Action::Everyone)),
            Scope::All => format!("The queue is empty. {launch} launches a job."),
        }
    }
}
