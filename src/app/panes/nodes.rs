//! The nodes of the active cluster. What sleeps by design is folded into one row; with room they are a table.
//!
//! Asks for nothing of its own: which jobs are where is read off the queue that is shown anyway.

mod columns;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, prose, select, trouble, waiting};
use crate::app::intent::Intent;
use crate::app::layout::WIDE;
use crate::app::notices::Notice;
use crate::app::overlays::NodeSheet;
use crate::app::verbs::{on_nodes, terminate};
use crate::model::{ClusterId, Filter, Job, JobTable, Node, NodePhase, NodeTable, Query, hostlist};
use crate::protocol::{Action, Effect};
use crate::ui::{Cursor, Tone, frame, put, width};

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
    /// Names of marked nodes.
    marks: BTreeSet<String>,
    /// The queue that is shown, and whether it shows everybody's jobs.
    queue: Option<(Arc<JobTable>, bool)>,
    /// The jobs on each node, once there is room to show them.
    busy: Option<HashMap<String, String>>,
}

impl Nodes {
    /// Takes a new answer, or forgets everything when the cluster changed.
    pub(in crate::app) fn refill(&mut self, table: Option<Arc<NodeTable>>) {
        let under = self.selected().map(|node| node.name.clone());
        match &table {
            Some(table) => {
                let known: BTreeSet<&str> = table.nodes.iter().map(|node| node.name.as_str()).collect();
                self.marks.retain(|name| known.contains(name.as_str()));
            }
            None => self.marks.clear(),
        }
        self.table = table;
        self.arrange(under);
    }

    /// Looks at another cluster, of which `table` is known already.
    pub(in crate::app) fn turn_to(&mut self, table: Option<Arc<NodeTable>>) {
        self.marks.clear();
        (self.queue, self.busy) = (None, None);
        self.refill(table);
    }

    /// Takes the queue that is shown; `all` says that it shows everybody's jobs, `wide` that there is room for them.
    pub(in crate::app) fn know(&mut self, queue: Arc<JobTable>, all: bool, wide: bool) {
        self.queue = Some((queue, all));
        self.busy = None;
        self.spread(wide);
    }

    /// There is room for the jobs of each node, or there is not: only then they are worth the work.
    pub(in crate::app) fn spread(&mut self, wide: bool) {
        if !wide || self.busy.is_some() {
            return;
        }
        let Some((queue, _)) = &self.queue else { return };
        let mut busy: HashMap<String, String> = HashMap::new();
        for job in queue.iter().filter(is_on_nodes) {
            for name in hostlist::names(job.node_list(), 5_000) {
                let jobs = busy.entry(name).or_default();
                if !jobs.is_empty() {
                    jobs.push(' ');
                }
                jobs.push_str(job.id());
            }
        }
        self.busy = Some(busy);
    }

    /// The jobs on these nodes, and whether they are everybody's.
    fn jobs_on(&self, nodes: &[&Node]) -> (Vec<Job<'_>>, bool) {
        let Some((queue, all)) = &self.queue else { return (Vec::new(), false) };
        let on = |job: &Job<'_>| nodes.iter().any(|node| hostlist::holds(job.node_list(), &node.name));
        (queue.iter().filter(|job| is_on_nodes(job) && on(job)).collect(), *all)
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
                for alert in &node.alerts {
                    text.push(' ');
                    text.push_str(alert.brief());
                }
                if !filter.matches(&text) {
                    continue;
                }
            }
            if node.phase == NodePhase::PoweredDown { asleep.push(i) } else { self.rows.push(Row::Node(i)) }
        }
        // What needs a person, then what moves, then what works: the phases are declared in that order.
        self.rows.sort_by_key(|row| match row {
            Row::Node(i) if !table.nodes[*i].alerts.is_empty() => NodePhase::Down,
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

    /// The node under the cursor.
    pub(in crate::app) fn selected(&self) -> Option<&Node> {
        self.node(*self.rows.get(self.cursor.index)?)
    }

    fn node(&self, row: Row) -> Option<&Node> {
        match row {
            Row::Node(i) => self.table.as_ref()?.nodes.get(i),
            Row::Asleep(_) => None,
        }
    }

    /// The name of the node under the cursor.
    pub(in crate::app) fn under(&self) -> Option<&str> {
        self.selected().map(|node| node.name.as_str())
    }

    /// The marked nodes, or the one under the cursor.
    fn targets(&self) -> Vec<&Node> {
        let all = self.table.iter().flat_map(|table| &table.nodes);
        let marked: Vec<&Node> = all.filter(|node| self.marks.contains(&node.name)).collect();
        if marked.is_empty() { self.selected().into_iter().collect() } else { marked }
    }

    pub(in crate::app) fn filter(&self) -> &str {
        &self.filter
    }

    pub(in crate::app) fn set_filter(&mut self, text: &str) {
        let under = self.selected().map(|node| node.name.clone());
        text.clone_into(&mut self.filter);
        self.arrange(under);
    }

    pub(in crate::app) fn act(&mut self, action: Action, rows: usize, cluster: Option<&ClusterId>) -> Vec<Intent> {
        if self.cursor.act(action, self.rows.len(), rows) {
            return Vec::new();
        }
        match action {
            Action::Open if matches!(self.rows.get(self.cursor.index), Some(Row::Asleep(_))) => {
                self.unfolded = !self.unfolded;
                self.arrange(None);
                Vec::new()
            }
            Action::Open => {
                let Some(node) = self.selected() else { return Vec::new() };
                let (jobs, all) = self.jobs_on(&[node]);
                let sheet = NodeSheet::new(node, &jobs, all);
                let sheet = if let Some(table) = &self.table { sheet.unchecked(table) } else { sheet };
                vec![Intent::Open(Box::new(sheet))]
            }
            Action::Copy => {
                let names: Vec<&str> = self.targets().iter().map(|node| node.name.as_str()).collect();
                if names.is_empty() { Vec::new() } else { vec![Intent::Effect(Effect::Copy(names.join(" ")))] }
            }
            Action::MarkNode => {
                let name = self.selected().map(|node| node.name.clone());
                if let Some(name) = name.filter(|name| !self.marks.remove(name)) {
                    self.marks.insert(name);
                }
                self.cursor.act(Action::Down, self.rows.len(), rows);
                Vec::new()
            }
            Action::MarkNodes => {
                let shown: Vec<String> = self.rows.iter().filter_map(|row| self.node(*row)).map(|node| node.name.clone()).collect();
                if self.marks.is_empty() {
                    self.marks.extend(shown);
                } else {
                    self.marks.clear();
                }
                Vec::new()
            }
            Action::Terminate => {
                let (Some(cluster), Some(node)) = (cluster, self.selected()) else { return Vec::new() };
                let (jobs, _) = self.jobs_on(&[node]);
                let jobs: Vec<String> = jobs.iter().map(|job| format!("{} {} of {}", job.id(), job.name(), job.user())).collect();
                terminate(cluster, node, &jobs)
            }
            Action::Drain | Action::Resume | Action::Reboot | Action::PowerUp | Action::PowerDown => {
                let targets = self.targets();
                let Some(cluster) = cluster.filter(|_| !targets.is_empty()) else {
                    return vec![Intent::Note(Notice::plain("No node is under the cursor: ⏎ opens the row of sleeping nodes."))];
                };
                let (jobs, all) = self.jobs_on(&targets);
                on_nodes(action, cluster, &targets, &jobs, all)
            }
            _ => Vec::new(),
        }
    }

    pub(in crate::app) fn click(&mut self, line: usize) {
        self.cursor.index = (self.cursor.offset + line).min(self.rows.len().saturating_sub(1));
    }

    pub(in crate::app) fn settle(&mut self, rows: usize) {
        self.cursor.settle(self.rows.len(), rows);
    }

    /// Takes away the marks; true when there were any.
    pub(in crate::app) fn unmark(&mut self) -> bool {
        let any = !self.marks.is_empty();
        self.marks.clear();
        any
    }

    fn title(&self, look: &Look<'_>, focused: bool) -> Vec<(String, ratatui::style::Style)> {
        let mut title = vec![("2 Nodes".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        if !self.marks.is_empty() {
            title.push((format!(" · {} marked", self.marks.len()), look.style(Tone::Key)));
        }
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
        title
    }

    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let mut remark = if self.filter.is_empty() { vec![] } else { vec![(format!("/{}", self.filter), look.style(Tone::Key))] };
        let idle = look.active.and_then(|cluster| look.costs.idle(cluster)?.brief()).filter(|_| self.table.is_some());
        if let Some(brief) = idle {
            let between = if remark.is_empty() { "" } else { " · " };
            remark.push((format!("{between}idle {brief}"), look.style(Tone::Waits)));
        }
        let mut title = self.title(look, focused);
        let long: usize = title.iter().chain(&remark).map(|(text, _)| width(text)).sum();
        // How many are off is told by their row, too.
        if long + 8 >= usize::from(area.width) && !remark.is_empty() && title.last().is_some_and(|(text, _)| text.ends_with(" off")) {
            title.pop();
        }
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
        let head = u16::from(area.width >= WIDE);
        let list = Rect { y: inner.y + head, height: inner.height.saturating_sub(head + u16::from(stale)), ..inner };
        if head > 0 {
            columns::heading(buf, inner, look);
        }
        if self.rows.is_empty() {
            let words = if self.filter.is_empty() { "This cluster has no nodes." } else { "No node matches the filter. Esc clears it." };
            prose(buf, list, words, look.style(Tone::Dim));
        }
        let mut cursor = self.cursor;
        cursor.settle(self.rows.len(), usize::from(list.height));
        for (line, (index, row)) in self.rows.iter().enumerate().skip(cursor.offset).take(usize::from(list.height)).enumerate() {
            let y = list.y + u16::try_from(line).unwrap_or(0);
            match row {
                Row::Node(i) => {
                    let node = &table.nodes[*i];
                    let marked = self.marks.contains(&node.name);
                    if head > 0 {
                        let jobs = self.busy.as_ref().and_then(|busy| busy.get(&node.name)).map_or("", String::as_str);
                        columns::row(buf, Rect { y, ..list }, node, jobs, (stale, marked), look);
                    } else {
                        columns::brief(buf, Rect { y, ..list }, node, (stale, marked), look);
                    }
                }
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

/// Whether a job has nodes now.
fn is_on_nodes(job: &Job<'_>) -> bool {
    !job.node_list().is_empty() && !job.state().is_waiting() && !job.state().is_over()
}
