//! The first row: where am I, how am I connected, how old is what I see. And the last: the keys that work here now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::App;
use super::layout::Pane;
use super::panes::Look;
use super::verbs;
use crate::model::{ClusterKind, Link, Query, SchedulerKind};
use crate::protocol::Action;
use crate::ui::{Tone, put, width};

impl App {
    pub(super) fn draw_header(&self, buf: &mut Buffer, row: Rect, look: &Look<'_>) {
        let mut left: Vec<(String, Style)> = vec![(" qdeck".into(), look.style(Tone::Focus))];
        let active = self.active.as_ref().and_then(|id| self.clusters.get(id));
        if let Some(cluster) = active {
            left.push((format!("  {}", cluster.name), look.style(Tone::Strong)));
            if let Some(region) = &cluster.region {
                left.push((format!(" · {region}"), look.style(Tone::Plain)));
            }
        }
        if self.settings.read_only {
            left.push(("  read-only".into(), look.style(Tone::Waits)));
        }
        let mut right: Vec<Vec<(String, Style)>> = Vec::new();
        if self.paused {
            right.push(vec![("paused".into(), look.style(Tone::Waits))]);
        } else if !self.attention {
            right.push(vec![("resting: no focus".into(), look.style(Tone::Dim))]);
        }
        if let Some(cluster) = &self.active {
            if active.is_none_or(|c| c.kind != ClusterKind::Local) {
                right.extend(self.link_words(look));
            }
            let who = self.counted().map_or("jobs", |s| s.word());
            let questions = [
                (who, Query::Jobs { cluster: cluster.clone(), scope: self.jobs.scope() }, self.settings.refresh.jobs),
                ("nodes", Query::Nodes(cluster.clone()), self.settings.refresh.nodes),
            ];
            for (word, query, interval) in questions {
                if let Some(slot) = self.store.slot(&query) {
                    let (age, tone) = look.age(slot, interval);
                    let mut part = vec![(format!("{word} "), look.style(Tone::Dim))];
                    if slot.at.is_some() {
                        part.push((format!("{age} "), look.style(tone)));
                    }
                    if let Some(failure) = &slot.failure {
                        part.push((format!("✗ {}", crate::ui::fit(failure.brief(), 24, crate::ui::Cut::End)), look.style(Tone::Bad)));
                    }
                    right.push(part);
                }
            }
        }
        if let Some(burn) = look.costs.all().brief() {
            right.push(vec![(burn, look.style(Tone::Plain))]);
        }
        if let (Some(rate), Some(scheduler)) = (self.calls.rate(), self.counted()) {
            // What is counted: with Slurm what slurmctld counts itself, with others the commands that ask.
            let unit = if scheduler == SchedulerKind::Slurm { "RPC/min" } else { "calls/min" };
            right.push(vec![(format!("{rate} {unit}"), look.style(Tone::Dim))]);
        }
        right.push(vec![(look.local(self.clock.wall, "%H:%M "), look.style(Tone::Plain))]);
        let mut x = row.x;
        for (text, style) in &left {
            x += put(buf, x, row.y, text, row.right().saturating_sub(x), *style);
        }
        // From the right as many parts as fit: the clock gives way first, then the oldest news.
        let mut parts: Vec<&Vec<(String, Style)>> = right.iter().collect();
        let long = |parts: &[&Vec<(String, Style)>]| -> usize {
            parts.iter().map(|part| part.iter().map(|(t, _)| width(t)).sum::<usize>() + 3).sum()
        };
        while long(&parts) > usize::from(row.right().saturating_sub(x + 1)) && parts.pop().is_some() {}
        let mut x = row.right().saturating_sub(u16::try_from(long(&parts)).unwrap_or(0));
        for part in parts {
            for (text, style) in part {
                x += put(buf, x, row.y, text, row.right().saturating_sub(x), *style);
            }
            x += 3;
        }
    }

    fn link_words(&self, look: &Look<'_>) -> Option<Vec<(String, Style)>> {
        let link = self.store.link(self.active.as_ref()?)?;
        let (word, tone) = match link {
            Link::Local => return None,
            Link::Connecting | Link::Trusted(_) => ("◐ connecting".to_owned(), Tone::Works),
            Link::Comparing => ("◐ comparing the host key".to_owned(), Tone::Works),
            Link::Asking(_) => ("? asks".to_owned(), Tone::Waits),
            // Rounded, because a figure that trembles draws the eye and costs bytes on the slow links it speaks of.
            Link::Up { rtt, .. } => (rtt.map_or_else(|| "●".into(), |rtt| format!("● {}", latency(rtt.as_millis()))), Tone::Good),
            Link::Down { failure, retry_in } => {
                let again = retry_in.map_or_else(String::new, |d| format!(", again in {} s", d.as_secs().max(1)));
                (format!("✗ {}{again}", failure.brief()), Tone::Bad)
            }
        };
        // Whose it is tells who can end it.
        let whose = if matches!(link, Link::Up { is_shared: true, .. }) { "your ssh " } else { "ssh " };
        Some(vec![(whose.into(), look.style(Tone::Dim)), (word, look.style(tone))])
    }

    pub(super) fn draw_footer(&self, buf: &mut Buffer, row: Rect, look: &Look<'_>) {
        let mut keys: Vec<(String, String)> = Vec::new();
        if let Some(overlay) = self.overlays.last() {
            keys.extend(overlay.footer().into_iter().map(|(k, w)| (k, w.to_owned())));
        } else if self.typing.is_some() {
            keys.extend([("⏎", "keep"), ("esc", "clear")].map(|(k, w)| (k.to_owned(), w.to_owned())));
            if self.focus == Pane::Jobs {
                keys.insert(0, ("state:PD user:bob !name:test".to_owned(), "one column each".to_owned()));
            }
        } else {
            let mut actions: Vec<Action> = match self.focus {
                Pane::Clusters => vec![
                    Action::Open,
                    Action::Launch,
                    Action::Streams,
                    Action::CreateCluster,
                    Action::Scale,
                    Action::Fleet,
                    Action::StackEvents,
                    Action::UpdateCluster,
                    Action::HeadPower,
                    Action::DeleteCluster,
                    Action::Charts,
                    Action::Zoom,
                ],
                Pane::Nodes => verbs::node_footer(self.nodes.selected()),
                Pane::Jobs => verbs::footer(self.jobs.selected().map(|(_, job)| job).as_ref()),
                Pane::Logs => vec![
                    Action::Follow,
                    Action::Filter,
                    Action::LogFilter,
                    Action::NextError,
                    Action::GoTo,
                    Action::Together,
                    Action::LogOther,
                    Action::Wrap,
                    Action::Streams,
                    Action::Zoom,
                ],
            };
            let offer = self.offer();
            actions.retain(|action| verbs::offered(*action, offer));
            let word = |action: Action| match (action, self.focus) {
                (Action::Open, Pane::Clusters) => "choose",
                (Action::Open, _) => "details",
                (Action::Filter, Pane::Logs) => "search",
                (Action::Everyone, _) if self.jobs.scope() == crate::model::Scope::All => "mine",
                (Action::Everyone, _) => "all",
                _ => action.row().brief,
            };
            keys.extend(actions.iter().map(|a| (look.keys.sign(*a), word(*a).to_owned())));
            keys.extend([Action::Palette, Action::Help].map(|a| (look.keys.sign(a), a.row().brief.to_owned())));
        }
        let long = |keys: &[(String, String)]| -> usize { keys.iter().map(|(k, w)| width(k) + width(w) + 3).sum() };
        // Help never gives way: what does not fit is in there.
        while long(&keys) > usize::from(row.width) && keys.len() > 1 {
            keys.remove(keys.len() - 2);
        }
        let mut x = row.x + 1;
        for (key, word) in keys {
            x += put(buf, x, row.y, &key, row.right().saturating_sub(x), look.style(Tone::Key));
            x += put(buf, x, row.y, &format!(" {word}  "), row.right().saturating_sub(x), look.style(Tone::Dim));
        }
    }
}

/// Milliseconds in steps that one can feel.
fn latency(ms: u128) -> String {
    match ms {
        0..2 => "1 ms".to_owned(),
        2..20 => format!("{} ms", ms / 2 * 2),
        20..100 => format!("{} ms", ms / 10 * 10),
        _ => format!("{} ms", ms / 50 * 50),
    }
}
