//! The clusters of every source in one list, with what went wrong at a source said beside it.
//!
//! Takes nothing off the list because somebody does not answer: what was known stays, dimmed.

mod remarks;

use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, cluster_sign, select};
use crate::app::intent::Intent;
use crate::app::overlays::{Details, StackSheet};
use crate::app::store::Store;
use crate::app::verbs::on_cluster;
use crate::model::{Cluster, ClusterId, ClusterKind, Source};
use crate::protocol::{Action, Effect};
use crate::ui::{Cursor, Cut, Tone, fit, frame, put};

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Clusters {
    list: Vec<Cluster>,
    /// Those whose source failed since.
    stale: HashSet<ClusterId>,
    cursor: Cursor,
}

impl Clusters {
    /// Takes what the store knows now; the cursor stays on its cluster.
    pub(in crate::app) fn refill(&mut self, store: &Store) {
        let under = self.selected().map(|c| c.id.clone());
        self.list = store.clusters();
        self.stale = store.stale();
        if let Some(index) = under.and_then(|id| self.list.iter().position(|c| c.id == id)) {
            self.cursor.index = index;
        }
        self.cursor.index = self.cursor.index.min(self.list.len().saturating_sub(1));
    }

    pub(in crate::app) fn list(&self) -> &[Cluster] {
        &self.list
    }

    pub(in crate::app) fn get(&self, id: &ClusterId) -> Option<&Cluster> {
        self.list.iter().find(|c| c.id == *id)
    }

    pub(in crate::app) fn point_at(&mut self, id: &ClusterId) {
        if let Some(index) = self.list.iter().position(|c| c.id == *id) {
            self.cursor.index = index;
        }
    }

    /// The cluster under the cursor.
    pub(in crate::app) fn under(&self) -> Option<ClusterId> {
        self.selected().map(|cluster| cluster.id.clone())
    }

    pub(in crate::app) fn selected(&self) -> Option<&Cluster> {
        self.list.get(self.cursor.index)
    }

    pub(in crate::app) fn act(&mut self, action: Action, rows: usize, active: Option<&ClusterId>) -> Vec<Intent> {
        if self.cursor.act(action, self.list.len(), rows) {
            return Vec::new();
        }
        match (action, self.selected()) {
            // One that is being made, changed or deleted is worth watching, whoever began it.
            (Action::Open, Some(cluster)) if is_moving(cluster) => {
                let sheet = Intent::Open(Box::new(StackSheet::new(cluster.id.clone())));
                vec![Intent::Activate(cluster.id.clone()), Intent::Do(Action::FocusClusters), sheet]
            }
            (Action::Open, Some(cluster)) if active == Some(&cluster.id) => vec![Intent::Open(Box::new(Details::cluster(cluster)))],
            (Action::Open, Some(cluster)) => vec![Intent::Activate(cluster.id.clone())],
            (Action::Fleet | Action::HeadPower | Action::StackEvents | Action::DeleteCluster, Some(cluster)) => on_cluster(action, cluster),
            (Action::Copy, Some(cluster)) => vec![Intent::Effect(Effect::Copy(cluster.name.clone()))],
            _ => Vec::new(),
        }
    }

    /// Rows of a pane of so many columns and rows that the list has: what is said below it takes the others.
    pub(in crate::app) fn rows(&self, look: &Look<'_>, (columns, rows): (u16, u16)) -> usize {
        usize::from(rows - remarks::rows(&remarks::of(look, columns), self.list.len(), rows))
    }

    pub(in crate::app) fn click(&mut self, line: usize, rows: usize) -> Vec<Intent> {
        let mut shown = self.cursor;
        shown.settle(self.list.len(), rows);
        let index = shown.offset + line;
        if line >= rows || index >= self.list.len() {
            return Vec::new();
        }
        self.cursor.index = index;
        vec![Intent::Activate(self.list[index].id.clone())]
    }

    pub(in crate::app) fn draw(&self, buf: &mut Buffer, area: Rect, look: &Look<'_>, focused: bool) {
        let mut title = vec![("1 Clusters".to_owned(), look.style(if focused { Tone::Focus } else { Tone::Strong }))];
        if self.list.len() + 2 > usize::from(area.height) {
            title.push((format!(" · {}", self.list.len()), look.style(Tone::Plain)));
        }
        let aws = look.store.sources().filter(|(source, _)| **source != Source::Fixed).map(|(_, slot)| slot);
        let oldest = aws.max_by_key(|slot| (slot.age(look.clock.since_start), slot.failure.is_some()));
        let age = oldest.map(|slot| look.age(slot, look.refresh.clusters)).map(|(age, tone)| (format!("ec2 {age}"), look.style(tone)));
        // What the cluster under the cursor costs.
        let burn = self.selected().and_then(|cluster| look.costs.burn(&cluster.id)?.brief());
        let between = burn.as_ref().zip(age.as_ref()).map(|_| (" · ".to_owned(), look.style(Tone::Dim)));
        let remark: Vec<_> = burn.map(|burn| (burn, look.style(Tone::Plain))).into_iter().chain(between).chain(age).collect();
        let inner = frame(buf, area, &title, &remark, look.theme, focused);
        let remarks = remarks::of(look, inner.width);
        let below = remarks::rows(&remarks, self.list.len(), inner.height);
        let list = Rect { height: inner.height - below, ..inner };
        let mut cursor = self.cursor;
        cursor.settle(self.list.len(), usize::from(list.height));
        let mut y = list.y;
        for (index, cluster) in self.list.iter().enumerate().skip(cursor.offset) {
            if y >= list.bottom() {
                break;
            }
            self.draw_row(buf, list, y, cluster, look);
            if index == self.cursor.index {
                select(buf, list, y, look, focused);
            }
            y += 1;
        }
        remarks::draw(buf, Rect { y, height: inner.bottom() - y, ..inner }, &remarks, look);
        y += below;
        // What one should know of the cluster under the cursor, where there is room left.
        if let Some(note) = self.selected().and_then(|cluster| cluster.notes.first()).filter(|_| focused && y + 1 < inner.bottom()) {
            let rest = Rect { y: y + 1, height: inner.bottom() - y - 1, ..inner };
            super::prose(buf, rest, note, look.style(Tone::Dim));
        }
        let asked: Vec<_> = look.store.sources().collect();
        if self.list.is_empty() && y < inner.bottom() && asked.iter().all(|(_, slot)| slot.failure.is_none()) {
            let words = if asked.is_empty() {
                "Looking for clusters …"
            } else {
                "No clusters found. hosts: in the config names machines to reach by ssh."
            };
            super::prose(buf, Rect { y, height: inner.bottom() - y, ..inner }, words, look.style(Tone::Dim));
        }
    }

    fn draw_row(&self, buf: &mut Buffer, inner: Rect, y: u16, cluster: &Cluster, look: &Look<'_>) {
        let link = look.store.link(&cluster.id);
        let (sign, tone, word) = cluster_sign(cluster, link);
        let stale = self.stale.contains(&cluster.id);
        let (tone, plain) = if stale { (Tone::Dim, Tone::Dim) } else { (tone, Tone::Plain) };
        let active = look.active == Some(&cluster.id);
        put(buf, inner.x, y, if active { "▸" } else { " " }, 1, look.style(Tone::Key));
        put(buf, inner.x + 1, y, sign, 2, look.style(tone));
        // A name that stands twice in the list is told apart by where it is.
        let twice = self.list.iter().filter(|c| c.name == cluster.name).count() > 1;
        let name = if twice { cluster.id.as_str() } else { cluster.name.as_str() };
        let counts = look.store.nodes(&cluster.id).map(|nodes| format!("{}/{}", nodes.up(), nodes.nodes.len()));
        let counts = counts.or_else(|| cluster.nodes_up.map(|n| format!("{n} up"))).unwrap_or_default();
        let right = u16::try_from(crate::ui::width(&counts)).unwrap_or(0);
        let counts_at = inner.right().saturating_sub(right + 1);
        put(buf, counts_at, y, &counts, right, look.style(plain));
        let status_width = 16.min(inner.width / 3);
        let status_at = inner.x + 3 + inner.width.saturating_sub(3 + status_width + 7);
        let room = status_at.saturating_sub(inner.x + 4);
        let shown = fit(name, usize::from(room), Cut::Middle);
        let used = put(buf, inner.x + 3, y, &shown, room, look.style(if active && !stale { Tone::Strong } else { plain }));
        let mut used = used;
        if let Some(region) = cluster.region.as_ref().filter(|_| !twice && room > used + 2) {
            used += 1 + put(buf, inner.x + 3 + used + 1, y, region, room - used - 1, look.style(Tone::Dim));
        }
        // Version 2 has no support any more.
        if let Some(version) = cluster.version.as_ref().filter(|version| version.starts_with("2.") && room > used + 4) {
            used += 1 + put(buf, inner.x + 3 + used + 1, y, &format!("v{version}"), room - used - 1, look.style(Tone::Waits));
        }
        let burn = look.costs.burn(&cluster.id).and_then(crate::model::Burn::brief);
        if let Some(burn) = burn.filter(|burn| usize::from(room.saturating_sub(used + 2)) >= crate::ui::width(burn)) {
            put(buf, inner.x + 3 + used + 2, y, &burn, room - used - 2, look.style(plain));
        }
        put(buf, status_at, y, &word, counts_at.saturating_sub(status_at + 1).min(status_width), look.style(tone));
    }
}

/// Whether its stack is at work, or failed.
fn is_moving(cluster: &Cluster) -> bool {
    cluster.kind == ClusterKind::ParallelCluster
        && cluster.status.as_deref().is_some_and(|status| status.ends_with("_IN_PROGRESS") || status.ends_with("_FAILED"))
}
