//! The nodes of the active cluster. What sleeps by design is folded into one row.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::node_tone;
use super::{Look, prose, select, trouble, waiting};
use crate::app::intent::Intent;
use crate::app::overlays::Details;
use crate::model::{Filter, Node, NodePhase, NodeTable, Query};
use crate::protocol::{Action, Effect};
use crate::ui::{Cursor, Cut, Tone, fit, frame, put};

/// One row of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// The node at this place in the table.
    Node(usize),
    /// So many nodes that sleep.
    Asleep(usize),
}

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Nodes {
    table: Option<Arc<NodeTable>>,
    rows: Vec<Row>,
    cursor: Cursor,
    filter: String,
    unfolded: bool,
}

impl Nodes {
    /// Takes a new answer, or forgets everything when the cluster changed.
    pub(in crate::app) fn refill(&mut self, table: Option<Arc<NodeTable>>) {
        let under = self.selected().map(|node| node.name.clone());
        self.table = table;
        self.arrange(under);
    }

    fn arrange(&mut self, under: Option<String>) {
        let filter = Filter::new(&self.filter);
        let mut text = String::new();
        self.rows.clear();
        let Some(table) = &self.table else { return };
        let mut asleep = Vec::new();
        for (i, node) in table.nodes.iter().enumerate() {
            if !filter.is_empty() {
                text.clear();
                for word in
                    [&node.name, &node.state, node.reason.as_ref().unwrap_or(&node.state), node.instance_id.as_ref().unwrap_or(&node.name)]
                {
                    text.push_str(word);
                    text.push(' ');
                }
                text.push_str(&node.partitions.join(" "));
                if !filter.matches(&text) {
                    continue;
                }
            }
            if node.phase == NodePhase::PoweredDown { asleep.push(i) } else { self.rows.push(Row::Node(i)) }
        }
        // What needs a person, then what moves, then what works: the phases are declared in that order.
        self.rows.sort_by_key(|row| match row {
            Row::Node(i) => table.nodes[*i].phase,
            Row::Asleep(_) => NodePhase::PoweredDown,
        });
        if !asleep.is_empty() {
            self.rows.push(Row::Asleep(asleep.len()));
            if self.unfolded {
                self.rows.extend(asleep.into_iter().map(Row::Node));
            }
        }
        let place = under.and_then(|name| self.rows.iter().position(|row| matches!(row, Row::Node(i) if table.nodes[*i].name == name)));
        self.cursor.index = place.unwrap_or(self.cursor.index).min(self.rows.len().saturating_sub(1));
    }

    fn selected(&self) -> Option<&Node> {
        match self.rows.get(self.cursor.index)? {
            Row::Node(i) => self.table.as_ref()?.nodes.get(*i),
            Row::Asleep(_) => None,
        }
    }

    /// The name of the node under the cursor.
    pub(in crate::app) fn under(&self) -> Option<&str> {
        self.selected().map(|node| node.name.as_str())
    }

    pub(in crate::app) fn filter(&self) -> &str {
        &self.filter
    }

    pub(in crate::app) fn set_filter(&mut self, text: &str) {
        let under = self.selected().map(|node| node.name.clone());
        text.clone_into(&mut self.filter);
        self.arrange(under);
    }

    pub(in crate::app) fn act(&mut self, action: Action, rows: usize) -> Vec<Intent> {
        if self.cursor.act(action, self.rows.len(), rows) {
            return Vec::new();
        }
        match (action, self.rows.get(self.cursor.index), self.selected()) {
            (Action::Open, Some(Row::Asleep(_)), _) => {
                self.unfolded = !self.unfolded;
                self.arrange(None);
                Vec::new()
            }
            (Action::Open, _, Some(node)) => vec![Intent::Open(Box::new(Details::node(node)))],
            (Action::Copy, _, Some(node)) => vec![Intent::Effect(Effect::Copy(node.name.clone()))],
            _ => Vec::new(),
        }
    }

    pub(in crate::app) fn click(&mut self, line: usize) {
        self.cursor.index = (self.cursor.offset + line).min(self.rows.len().saturating_sub(1));
    }

    pub(in crate::app) fn settle(&mut self, rows: usize) {
        self.cursor.settle(self.rows.len(), rows);
    }

    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let mut title = vec![("2 Nodes".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        if let Some(table) = &self.table {
            let counted = [
                (table.up(), "up", Tone::Plain),
                (table.count(NodePhase::Down), "down", Tone::Bad),
                (table.count(NodePhase::PoweringUp), "starting", Tone::Works),
                (table.count(NodePhase::PoweredDown) + table.count(NodePhase::PoweringDown), "off", Tone::Dim),
            ];
            for (n, word, tone) in counted.into_iter().filter(|(n, ..)| *n > 0) {
                title.push((format!(" · {n} {word}"), look.style(tone)));
            }
        }
        let remark = if self.filter.is_empty() { vec![] } else { vec![(format!("/{}", self.filter), look.style(Tone::Key))] };
        let inner = frame(buf, area, &title, &remark, look.theme, focused);
        let Some(cluster) = look.active else {
            prose(buf, inner, "No cluster chosen.", look.style(Tone::Dim));
            return;
        };
        let slot = look.store.slot(&Query::Nodes(cluster.clone()));
        let Some(table) = &self.table else {
            match slot.and_then(|slot| slot.failure.as_ref()) {
                Some(failure) => {
                    trouble(buf, inner, failure, look);
                }
                None => {
                    prose(buf, inner, waiting(look, cluster), look.style(Tone::Dim));
                }
            }
            return;
        };
        let failed = slot.and_then(|slot| slot.failure.as_ref());
        let stale = failed.is_some();
        let list = if stale { Rect { height: inner.height.saturating_sub(1), ..inner } } else { inner };
        if self.rows.is_empty() {
            let words = if self.filter.is_empty() { "This cluster has no nodes." } else { "No node matches the filter. Esc clears it." };
            prose(buf, list, words, look.style(Tone::Dim));
        }
        let mut cursor = self.cursor;
        cursor.settle(self.rows.len(), usize::from(list.height));
        for (line, (index, row)) in self.rows.iter().enumerate().skip(cursor.offset).take(usize::from(list.height)).enumerate() {
            let y = list.y + u16::try_from(line).unwrap_or(0);
            match row {
                Row::Node(i) => draw_node(buf, list, y, &table.nodes[*i], look, stale),
                Row::Asleep(n) => {
                    let open = if self.unfolded { "▾" } else { "▸" };
                    put(buf, list.x, y, &format!("· {n} powered down {open}"), list.width, look.style(Tone::Dim));
                }
            }
            if index == self.cursor.index {
                select(buf, list, y, look, focused);
            }
        }
        if let Some(failure) = failed {
            put(buf, inner.x, inner.bottom() - 1, &format!("✗ {}", failure.what), inner.width, look.style(Tone::Bad));
        }
    }
}

fn draw_node(buf: &mut Buffer, area: Rect, y: u16, node: &Node, look: &Look<'_>, stale: bool) {
    let (sign, tone) = node_tone(node.phase);
    let tone = if stale { Tone::Dim } else { tone };
    put(buf, area.x, y, sign, 1, look.style(tone));
    // Name, state, then what matters about it: the reason of a bad one, the work of a good one.
    let state_width = 7_u16;
    let last_width = if area.width > 70 { area.width / 2 } else { (area.width / 4).clamp(6, 12) };
    let name_width = area.width.saturating_sub(2 + state_width + last_width + 2);
    let name = fit(&node.name, usize::from(name_width), Cut::Middle);
    put(
        buf,
        area.x + 2,
        y,
        &name,
        name_width,
        look.style(if stale || node.phase == NodePhase::PoweredDown { Tone::Dim } else { Tone::Plain }),
    );
    put(buf, area.x + 3 + name_width, y, &node.state, state_width, look.style(tone));
    let x = area.x + 4 + name_width + state_width;
    let room = area.right().saturating_sub(x);
    if let Some(reason) = &node.reason {
        put(buf, x, y, code(reason), room, look.style(if node.phase == NodePhase::Down { tone } else { Tone::Dim }));
        return;
    }
    if !node.phase.is_up() || node.cpus == 0 {
        return;
    }
    let share = (u64::from(node.cpus_used) * 100 / u64::from(node.cpus)).min(100);
    let bar = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][usize::try_from(share * 7 / 100).unwrap_or(0)];
    let mut text = format!("{share:>3}% {bar}");
    if room > 20 {
        text = format!("{share:>3}% {bar} {:>8} cpus", format!("{}/{}", node.cpus_used, node.cpus));
        if let Some(kind) = node.instance_type.as_ref().filter(|_| room > 34) {
            text.push_str(&format!("  {kind}"));
        }
        if let Some(id) = node.instance_id.as_ref().filter(|_| room > 54) {
            text.push_str(&format!("  {id}"));
        }
    }
    put(buf, x, y, &text, room, look.style(if share > 0 { tone } else { Tone::Dim }));
}

/// The code in a ParallelCluster reason, `(Code:InsufficientInstanceCapacity)…`, says more than its prose.
fn code(reason: &str) -> &str {
    reason.strip_prefix("(Code:").and_then(|rest| rest.split(')').next()).unwrap_or(reason)
}
