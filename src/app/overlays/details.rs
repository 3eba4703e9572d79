//! Everything about one thing, as (label, value) lines that scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, page, place};
use super::{Intent, Look, Overlay, cells, sheet};
use crate::app::panes::wrapped;
use crate::model::{Answer, Cadence, Cluster, ClusterId, Failure, Mount, Query};
use crate::protocol::{Action, Chord, Effect};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Details {
    title: String,
    /// The cluster it is about.
    cluster: ClusterId,
    known: Vec<(String, String)>,
    /// Whose file systems are shown, and what is known of them.
    mounts: Vec<(String, String)>,
    scroll: Scroll,
}

fn known(fields: &[(&str, Option<String>)]) -> Vec<(String, String)> {
    fields.iter().filter_map(|(label, value)| value.clone().filter(|v| !v.is_empty()).map(|v| ((*label).to_owned(), v))).collect()
}

impl Details {
    /// A cluster and its head node.
    pub(in crate::app) fn cluster(cluster: &Cluster) -> Self {
        let head = cluster.head_node.clone().unwrap_or_default();
        let fields = [
            ("Id", Some(cluster.id.to_string())),
            ("Profile", cluster.profile.clone()),
            ("Region", cluster.region.clone()),
            ("Version", cluster.version.clone()),
            ("Status", cluster.status.clone()),
            ("Fleet", cluster.fleet_status.clone()),
            ("Scheduler", cluster.scheduler.map(|s| s.word().to_owned())),
            ("Since", cluster.since.map(|t| t.to_string())),
            ("Head node", head.instance_id),
            ("Type", head.instance_type),
            ("EC2 state", head.state),
            ("Address", head.address),
            ("Login node", cluster.login_address().map(str::to_owned)),
            ("User", head.user),
            ("Key pair", head.key_name),
        ];
        let mut known = known(&fields);
        known.extend(cluster.log_group.iter().map(|group| ("Log group".to_owned(), group.clone())));
        known.extend(cluster.failures.iter().map(|failure| (failure.code.clone(), failure.reason.clone())));
        known.extend(cluster.notes.iter().map(|note| ("Note".to_owned(), note.clone())));
        let mounts = vec![("File systems".to_owned(), "asking the head node …".to_owned())];
        Self { title: format!("Cluster {}", cluster.name), known, cluster: cluster.id.clone(), mounts, scroll: Scroll::default() }
    }

    /// Why it is as it was and not as it is.
    fn trouble(&self, look: &Look<'_>) -> Vec<(String, String)> {
        let trouble = look.store.trouble_of(&self.cluster, look.clock.since_start);
        let words = trouble.map(|(failure, seconds)| {
            format!("{}: {} {} What is shown is {} old.", failure.place, failure.what, failure.hint, crate::model::duration::age(seconds))
        });
        words.map(|words| ("Trouble".to_owned(), words)).into_iter().collect()
    }

    /// What it costs now, and what its idle nodes do.
    fn costs(&self, look: &Look<'_>) -> Vec<(String, String)> {
        let Some(burn) = look.costs.burn(&self.cluster).filter(|burn| burn.machines() > 0) else { return Vec::new() };
        let brief = burn.brief().unwrap_or_else(|| "not known".to_owned());
        let count = if burn.machines() == 1 { "1 machine".to_owned() } else { format!("{} machines", burn.machines()) };
        let mut rows = vec![("Costs now".to_owned(), format!("{brief} for {count}: {}", burn.assumes()))];
        let idle = look.costs.idle(&self.cluster).and_then(|idle| Some((idle.brief()?, idle.machines())));
        rows.extend(idle.map(|(brief, n)| ("Of that idle".to_owned(), format!("{brief} for {n} of its nodes"))));
        let trouble = look.store.prices().and_then(|prices| prices.trouble.as_ref());
        rows.extend(trouble.map(|failure| ("Prices".to_owned(), format!("{} {}", failure.what, failure.hint))));
        rows
    }

    fn room(columns: u16) -> u16 {
        columns.saturating_sub(8).clamp(30, 100)
    }

    /// Cells of the labels, and the lines.
    fn rows(&self, look: &Look<'_>, room: u16) -> (u16, Vec<(String, String)>) {
        let known = self.trouble(look).into_iter().chain(self.known.iter().cloned());
        let fields: Vec<_> = known.chain(self.costs(look)).chain(self.mounts.iter().cloned()).collect();
        let label = fields.iter().map(|(l, _)| cells(l)).max().unwrap_or(8).min(18);
        let mut rows: Vec<(String, String)> = Vec::new();
        for (name, value) in &fields {
            let value = crate::model::text::clean(value);
            for (i, part) in wrapped(&value, usize::from(room.saturating_sub(label + 2)).max(10)).into_iter().enumerate() {
                rows.push((if i == 0 { name.clone() } else { String::new() }, part));
            }
        }
        (label, rows)
    }
}

/// A file system in one line: what it is, how full, whose limit.
fn mount(mount: &Mount) -> (String, String) {
    let shared = if mount.is_shared { ", shared" } else { "" };
    let read_only = if mount.is_read_only { ", read-only" } else { "" };
    let bytes = crate::model::duration::bytes;
    let quota = mount.quota.map_or_else(String::new, |quota| format!("; your quota: {} of {}", bytes(quota.used), bytes(quota.limit)));
    (mount.path.clone(), format!("{}{shared}{read_only}: {}{quota}", mount.kind, mount.use_words()))
}

impl Overlay for Details {
    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(Query::Mounts(self.cluster.clone()), Cadence::Once)]
    }

    fn answered(&mut self, query: &Query, result: &Result<Answer, Failure>) {
        if *query != Query::Mounts(self.cluster.clone()) {
            return;
        }
        self.mounts = match result {
            Ok(Answer::Mounts(mounts)) => mounts.iter().map(mount).collect(),
            Ok(_) => Vec::new(),
            Err(failure) => vec![("File systems".to_owned(), failure.what.clone())],
        };
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if let Some(action) = action
            && self.scroll.act(action, self.rows(look, Self::room(look.body().0)).1.len(), page(look.body()))
        {
            return Vec::new();
        }
        match action {
            Some(Action::Back | Action::Open | Action::Quit) => return vec![Intent::Close],
            Some(Action::Copy) => return self.known.first().map(|(_, v)| Intent::Effect(Effect::Copy(v.clone()))).into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let room = Self::room(body.width);
        let (label, rows) = self.rows(look, room);
        let page = page((body.width, body.height));
        let top = self.scroll.top(rows.len(), page);
        let inner =
            sheet(buf, body, (room, u16::try_from(rows.len()).unwrap_or(u16::MAX - 2)), &self.title, &place(top, rows.len(), page), look);
        for (y, (name, value)) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            put(buf, inner.x, y, name, label, look.style(Tone::Dim));
            put(buf, inner.x + label + 2, y, value, inner.width.saturating_sub(label + 2), look.style(Tone::Plain));
        }
    }
}
