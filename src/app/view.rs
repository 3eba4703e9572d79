//! A frame: drawn from what is there, in time that depends on the size of the screen alone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::App;
use super::layout::{Layout, Pane};
use super::panes::{Look, prose, wrapped};
use crate::model::{ClusterId, ClusterKind, Offer, SchedulerKind, Scope};
use crate::protocol::Action;
use crate::ui::{Tone, put, width};

impl Look<'_> {
    /// The batch system of a cluster, where known: what the list of clusters says, else what the queue's answer says.
    pub(super) fn scheduler(&self, cluster: &ClusterId) -> Option<SchedulerKind> {
        let listed = self.store.clusters().into_iter().find(|c| c.id == *cluster).and_then(|c| c.scheduler);
        let told = |scope| self.store.jobs(cluster, scope).and_then(|table| table.scheduler);
        listed.or_else(|| told(Scope::Mine)).or_else(|| told(Scope::All))
    }

    /// What a cluster offers, as far as it is known.
    pub(super) fn offer(&self, cluster: &ClusterId) -> Offer {
        let verbs = |scope| self.store.jobs(cluster, scope).and_then(|table| table.verbs);
        Offer { kind: self.scheduler(cluster), verbs: verbs(Scope::Mine).or_else(|| verbs(Scope::All)) }
    }

    /// Columns and rows between header and footer, where overlays are drawn.
    pub(super) fn body(&self) -> (u16, u16) {
        (self.size.0, self.size.1.saturating_sub(2))
    }

    /// Whether a cluster is this very machine.
    pub(super) fn is_local(&self, cluster: &ClusterId) -> bool {
        self.store.clusters().iter().any(|c| c.id == *cluster && c.kind == ClusterKind::Local)
    }
}

impl App {
    pub(super) fn look(&self) -> Look<'_> {
        Look {
            store: &self.store,
            clock: self.clock,
            keys: &self.settings.keys,
            theme: self.settings.theme,
            active: self.active.as_ref(),
            refresh: &self.settings.refresh,
            zone: &self.settings.zone,
            paused: self.paused,
            folder: &self.settings.folder,
            size: self.size,
            watch: &self.watch,
            costs: &self.costs,
            sources: &self.settings.sources,
            running: &self.running,
        }
    }

    /// Draws everything.
    pub fn view(&self, buf: &mut Buffer) {
        let full = buf.area;
        let layout = Layout::new((full.width, full.height), self.focus, self.zoomed);
        let look = self.look();
        if layout.tiny {
            prose(buf, full, "qdeck needs at least 40×10 cells. Make the window larger, or q quits.", look.style(Tone::Waits));
            return;
        }
        self.draw_header(buf, layout.header, &look);
        if layout.tabs {
            self.draw_tabs(buf, Rect { y: 1, height: 1, ..layout.header }, &look);
        }
        for (pane, area) in &layout.panes {
            let focused = *pane == self.focus && self.overlays.is_empty();
            match pane {
                Pane::Clusters => self.clusters.draw(buf, *area, &look, focused),
                Pane::Nodes => self.nodes.draw(buf, *area, &look, focused),
                Pane::Jobs => self.jobs.draw(buf, *area, &look, focused),
                Pane::Logs => self.logs.draw(buf, *area, &look, focused),
            }
        }
        if let (Some(field), Some(area)) = (&self.typing, layout.area(self.focus)) {
            let row = Rect::new(area.x + 1, area.bottom() - 1, area.width.saturating_sub(2), 1);
            put(buf, row.x, row.y, "/", 1, look.style(Tone::Key));
            field.draw(buf, row.x + 1, row.y, row.width.saturating_sub(1).min(60), look.style(Tone::Plain), false);
        }
        if let Some(overlay) = self.overlays.last() {
            overlay.draw(buf, layout.body, &look);
        }
        self.draw_corner(buf, layout.body, &look);
        self.draw_footer(buf, layout.footer, &look);
    }

    fn draw_tabs(&self, buf: &mut Buffer, row: Rect, look: &Look<'_>) {
        let mut x = row.x + 1;
        for pane in Pane::ALL {
            let tone = if pane == self.focus { Tone::Focus } else { Tone::Dim };
            x += put(buf, x, row.y, pane.title(), row.right().saturating_sub(x), look.style(tone)) + 2;
        }
    }

    /// Commands under way and fresh notices, at the bottom right.
    fn draw_corner(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = body.width.saturating_sub(4).min(64);
        let mut bottom = body.bottom();
        let mut sheet = |rows: Vec<(String, Tone)>| {
            let long = rows.iter().map(|(t, _)| width(t)).max().unwrap_or(0);
            let w = u16::try_from(long).unwrap_or(room).min(room) + 2;
            let h = u16::try_from(rows.len()).unwrap_or(1).min(bottom.saturating_sub(body.y));
            if h == 0 {
                return;
            }
            let area = Rect::new(body.right() - w, bottom - h, w, h);
            Clear.render(area, buf);
            buf.set_style(area, look.theme.selected(false));
            for (y, (text, tone)) in (area.y..area.bottom()).zip(rows) {
                put(buf, area.x + 1, y, &text, w - 2, look.style(tone).patch(look.theme.selected(false)));
            }
            bottom -= h;
        };
        for under in self.running.shown() {
            let mut rows =
                vec![(format!("◐ {} {}", under.words, if under.moved.is_some() { "" } else { under.step.as_str() }), Tone::Works)];
            if let Some((done, total)) = under.moved {
                rows.push((bar(done, total, &under.step), Tone::Works));
            }
            sheet(rows);
        }
        for notice in self.notices.fresh(self.clock.since_start).collect::<Vec<_>>().into_iter().rev().take(4) {
            let sign = match notice.tone {
                Tone::Bad => "✗ ",
                Tone::Good => "✓ ",
                _ => "",
            };
            let text = crate::model::text::clean(&notice.text);
            let mut rows: Vec<_> =
                wrapped(&format!("{sign}{text}"), usize::from(room)).into_iter().take(5).map(|l| (l, notice.tone)).collect();
            if !notice.hint.is_empty() {
                rows.extend(wrapped(&notice.hint, usize::from(room)).into_iter().take(4).map(|l| (l, Tone::Plain)));
            }
            if notice.tone == Tone::Bad {
                rows.push((format!("esc closes, {} shows all messages", look.keys.sign(Action::Messages)), Tone::Dim));
            }
            sheet(rows);
        }
    }
}

/// `▰▰▰▱▱▱ 31 %  12.0 MB of 40.0 MB  results/out.bin`
fn bar(done: u64, total: Option<u64>, what: &str) -> String {
    use crate::model::duration::bytes;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let tenths = usize::try_from((done.min(total)) * 10 / total).unwrap_or(0);
            let percent = done.min(total) * 100 / total;
            format!("{}{} {percent:>3} %  {} of {}  {what}", "▰".repeat(tenths), "▱".repeat(10 - tenths), bytes(done), bytes(total))
        }
        None => format!("{}  {what}", bytes(done)),
    }
}
