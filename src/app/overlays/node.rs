//! Everything about one node: its state in plain words, who took it out of service and why, what it has and what works on it.
//!
//! Shows what was known when it was opened; what it offers to do is asked about elsewhere.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::wrapped;
use crate::model::cost::{WITHOUT, day};
use crate::model::duration::age;
use crate::model::node::plain;
use crate::model::text::clean;
use crate::model::{Alert, Job, Node, NodePhase, NodeTable, Purchase};
use crate::protocol::{Action, Area, Chord, Effect};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct NodeSheet {
    node: Node,
    jobs: Vec<String>,
    /// Why EC2's checks are not known.
    unchecked: Option<String>,
    unnoticed: Option<String>,
    /// Whether the jobs are everybody's.
    all: bool,
    scroll: Scroll,
}

/// The signs behind a state, for who meets them for the first time. No line breaks between a sign and its words.
const LEGEND: [&str; 3] = [
    "~\u{a0}powered\u{a0}down   #\u{a0}starting   %\u{a0}powering\u{a0}down   *\u{a0}no\u{a0}answer",
    "!\u{a0}powers\u{a0}down\u{a0}after\u{a0}its\u{a0}jobs   @\u{a0}reboots\u{a0}after\u{a0}them   ^\u{a0}rebooting",
    "$\u{a0}maintenance   -\u{a0}planned\u{a0}for\u{a0}another\u{a0}job   +\u{a0}jobs\u{a0}are\u{a0}ending",
];

impl NodeSheet {
    /// With the jobs on it, as far as the queue that is shown tells; `all` says that it shows everybody's.
    pub(in crate::app) fn new(node: &Node, jobs: &[Job<'_>], all: bool) -> Self {
        let jobs = jobs.iter().map(|job| format!("{}  {}  {} of {}", job.id(), job.name(), job.state().short(), job.user())).collect();
        Self { node: node.clone(), jobs, unchecked: None, unnoticed: None, all, scroll: Scroll::default() }
    }

    /// The same, with the reasons why EC2's checks of the machine are not known, and whether it takes it back.
    pub(in crate::app) fn unchecked(self, table: &NodeTable) -> Self {
        let has_machine = self.node.instance_id.is_some();
        let unchecked = table.unchecked.clone().filter(|_| has_machine);
        let unnoticed = table.unnoticed.clone().filter(|_| has_machine && self.node.purchase == Some(Purchase::Spot));
        Self { unchecked, unnoticed, ..self }
    }

    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(4).min(92), body.1.saturating_sub(2))
    }

    fn fields(&self, look: &Look<'_>) -> Vec<(&'static str, String, Tone)> {
        let node = &self.node;
        let bad = node.phase == NodePhase::Down;
        let state = match plain(&node.state) {
            words if words.is_empty() => node.state.clone(),
            words => format!("{}: {words}", node.state),
        };
        let by = node.reason_by.as_ref().map_or_else(String::new, |who| format!(" by {who}"));
        let since = node.reason_since.map(|at| {
            let seconds = u64::try_from(look.clock.wall.as_second() - at.as_second()).unwrap_or(0);
            format!("{}, {} ago{by}", look.local(at, "%a %d %b %H:%M"), age(seconds))
        });
        let held = |used: u64, of: u64, unit: &str| if of == 0 { String::new() } else { format!("{used} of {of}{unit} held by jobs") };
        let gres = match (&node.gres, &node.gres_used) {
            (Some(all), Some(used)) => format!("{used} of {all} held by jobs"),
            (Some(all), None) => all.clone(),
            (None, _) => String::new(),
        };
        let mut out = vec![
            ("State", state, if bad { Tone::Bad } else { Tone::Plain }),
            ("Reason", node.reason.clone().unwrap_or_default(), if bad { Tone::Bad } else { Tone::Plain }),
            ("Means", node.reason_plain.clone().unwrap_or_default(), Tone::Plain),
            ("Set", since.unwrap_or_default(), Tone::Plain),
            ("Partitions", node.partitions.join(", "), Tone::Plain),
            ("CPUs", held(node.cpus_used.into(), node.cpus.into(), ""), Tone::Plain),
            ("Load", node.load.map(|load| format!("{load:.2}")).unwrap_or_default(), Tone::Plain),
            ("Memory", held(node.memory_used_mb, node.memory_mb, " MB"), Tone::Plain),
            ("GRES", gres, Tone::Plain),
            ("Features", node.features.join(", "), Tone::Plain),
            ("Address", node.address.clone().unwrap_or_default(), Tone::Plain),
            ("Instance", node.instance_id.clone().unwrap_or_default(), Tone::Plain),
            ("Type", node.instance_type.clone().unwrap_or_default(), Tone::Plain),
            ("EC2 state", node.instance_state.clone().unwrap_or_default(), Tone::Plain),
        ];
        out.retain(|(_, value, _)| !value.is_empty());
        let warned = node.alerts.iter().enumerate();
        let warned = warned.map(|(i, alert)| (if i == 0 { "Warning" } else { "" }, warning(alert, look), Tone::Bad));
        out.splice(1..1, warned.collect::<Vec<_>>());
        out.extend(self.unchecked.as_ref().map(|why| ("EC2 checks", format!("not known: {why}"), Tone::Dim)));
        out.extend(self.unnoticed.as_ref().map(|why| ("Spot ends", format!("not known: {why}"), Tone::Dim)));
        out.extend(self.cost(look).map(|text| ("Costs", text, Tone::Plain)));
        let whose = if self.all { "Jobs" } else { "Your jobs" };
        match self.jobs.as_slice() {
            [] if self.all => out.push((whose, "none".to_owned(), Tone::Dim)),
            [] if node.cpus_used > 0 => out.push((whose, "none; others' jobs are there".to_owned(), Tone::Dim)),
            [] => {}
            jobs => out.extend(jobs.iter().enumerate().map(|(i, job)| (if i == 0 { whose } else { "" }, job.clone(), Tone::Plain))),
        }
        out.push(("", String::new(), Tone::Dim));
        out.extend(LEGEND.iter().enumerate().map(|(i, signs)| (if i == 0 { "Signs" } else { "" }, (*signs).to_owned(), Tone::Dim)));
        out
    }

    /// What its machine costs, or would cost.
    fn cost(&self, look: &Look<'_>) -> Option<String> {
        let (node, cluster) = (&self.node, look.active?);
        let prices = look.store.prices();
        let (purchase, price) = look.costs.node(cluster, node, prices)?;
        let simulated = if prices.is_some_and(|prices| prices.simulated) { "simulated " } else { "" };
        let state = match (node.phase, &node.instance_id) {
            (_, None) => ", once it runs",
            (NodePhase::Idle, Some(_)) => " while nobody uses it",
            (_, Some(_)) => "",
        };
        Some(format!("{}/h{state}; {simulated}{} price of {}; {WITHOUT}", price.hour.about(), purchase.word(), day(price.at)))
    }

    fn lines(&self, look: &Look<'_>, room: u16) -> Vec<(&'static str, String, Tone)> {
        let mut out = Vec::new();
        for (label, value, tone) in self.fields(look) {
            for (i, line) in wrapped(&clean(&value), usize::from(room).saturating_sub(12).max(16)).into_iter().enumerate() {
                out.push((if i == 0 { label } else { "" }, line.replace('\u{a0}', " "), tone));
            }
        }
        out
    }
}

/// `it retires on Sat 28 Nov 14:00, in 2 d: …`
pub(super) fn warning(alert: &Alert, look: &Look<'_>) -> String {
    let when = alert.at.map_or_else(String::new, |at| {
        let seconds = at.as_second() - look.clock.wall.as_second();
        let away = age(seconds.unsigned_abs());
        let away = if seconds > 0 { format!("in {away}") } else { format!("{away} ago") };
        format!("{}, {away}: ", look.local(at, "%a %d %b %H:%M"))
    });
    format!("! {when}{} ({})", alert.words, alert.code)
}

impl Overlay for NodeSheet {
    fn areas(&self) -> &'static [Area] {
        &[Area::Nodes, Area::List, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let Some(action) = action else { return Vec::new() };
        let (room, height) = Self::room(look.body());
        if self.scroll.act(action, self.lines(look, room).len(), usize::from(height)) {
            return Vec::new();
        }
        match action {
            Action::Back | Action::Open | Action::Quit => vec![Intent::Close],
            Action::Copy => vec![Intent::Effect(Effect::Copy(self.node.name.clone()))],
            Action::Drain | Action::Resume | Action::Reboot | Action::PowerUp | Action::PowerDown => {
                vec![Intent::Close, Intent::Do(action)]
            }
            _ => Vec::new(),
        }
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        [("d", "drain"), ("u", "resume"), ("j k", "scroll"), ("y", "copy"), ("esc", "close")].map(|(k, w)| (k.to_owned(), w)).to_vec()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (room, height) = Self::room((body.width, body.height));
        let lines = self.lines(look, room);
        let top = self.scroll.top(lines.len(), usize::from(height));
        let remark = place(top, lines.len(), usize::from(height));
        let rows = u16::try_from(lines.len()).unwrap_or(height);
        let inner = sheet(buf, body, (room, rows), &format!("Node {}", self.node.name), &remark, look);
        for (y, (label, text, tone)) in (inner.y..inner.bottom()).zip(lines.iter().skip(top)) {
            put(buf, inner.x, y, label, 12, look.style(Tone::Dim));
            put(buf, inner.x + 12, y, text, inner.width.saturating_sub(12), look.style(*tone));
        }
    }
}
