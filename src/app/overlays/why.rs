//! Why a job does not run: the scheduler's word, the same in plain words, what would make it start, and all that is known besides.
//!
//! Asked once when it opens and again when the user says so, never in a loop: an estimate costs the scheduler much.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::job::warnings;
use super::scroll::{Scroll, place};
use super::{Intent, Look, Overlay, sheet};
use crate::app::panes::{trouble, wrapped};
use crate::model::duration::{age, thousands};
use crate::model::text::clean;
use crate::model::{self, Cadence, ClusterId, JobId, Query};
use crate::protocol::{Action, Area, Chord, Effect};
use crate::ui::{Tone, put, width};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Why {
    cluster: ClusterId,
    job: JobId,
    title: String,
    /// The nodes it runs on, as the queue writes them.
    node_list: String,
    scroll: Scroll,
}

/// A line of it: a label, and text in a tone.
struct Line {
    label: String,
    text: String,
    tone: Tone,
}

/// Labels take so many cells at most.
const LABEL: usize = 18;

impl Why {
    /// For a job of a cluster.
    pub(in crate::app) fn new(cluster: ClusterId, job: JobId, name: &str) -> Self {
        let title = if name.is_empty() { format!("Why · {job}") } else { format!("Why · {job} · {name}") };
        Self { cluster, job, title, node_list: String::new(), scroll: Scroll::default() }
    }

    /// The same, of a job that has these nodes.
    pub(in crate::app) fn on(self, node_list: &str) -> Self {
        Self { node_list: node_list.to_owned(), ..self }
    }

    fn query(&self) -> Query {
        Query::Why { cluster: self.cluster.clone(), job: self.job.clone() }
    }

    /// The room for text in a body of this size.
    fn room(body: (u16, u16)) -> (u16, u16) {
        (body.0.saturating_sub(4).min(100), body.1.saturating_sub(2))
    }

    fn lines(&self, look: &Look<'_>, room: u16) -> Vec<Line> {
        let Some(why) = look.store.why(&self.cluster, &self.job) else { return Vec::new() };
        let mut out = Vec::new();
        let mut whole = |text: &str, tone: Tone| {
            for line in wrapped(&clean(text), usize::from(room)) {
                out.push(Line { label: String::new(), text: line, tone });
            }
        };
        if !matches!(why.reason.as_str(), "" | "None") {
            whole(&why.reason, Tone::Waits);
        }
        whole(&why.plain, Tone::Strong);
        if !why.remedy.is_empty() {
            whole(&why.remedy, Tone::Good);
        }
        let warned = warnings(look, &self.cluster, &self.node_list).into_iter();
        let mut facts: Vec<_> = warned.map(|(node, text)| ("Warning".to_owned(), format!("{node}: {text}"), Tone::Bad)).collect();
        if let Some((at, of)) = why.place {
            let partition = if why.partition.is_empty() { String::new() } else { format!(" in {}", why.partition) };
            facts.push((
                "Place".to_owned(),
                format!("{} of {} that wait{partition}", thousands(at as u64), thousands(of as u64)),
                Tone::Plain,
            ));
        }
        if let Some(text) = estimate(why, look) {
            facts.push(("Estimated start".to_owned(), text, Tone::Plain));
        }
        for (label, text) in &why.facts {
            let bad = matches!(
                label.as_str(),
                "EC2 says" | "Failed start" | "Failed starts" | "Protected mode" | "Compute fleet" | "Out of service"
            );
            let too_much = text.ends_with("That is too much") || text.ends_with("cannot come true any more");
            let log = label == "Cluster's log" || label.is_empty();
            let tone = if bad || too_much {
                Tone::Bad
            } else if log {
                Tone::Dim
            } else {
                Tone::Plain
            };
            facts.push((label.clone(), text.clone(), tone));
        }
        if !facts.is_empty() {
            out.push(Line { label: String::new(), text: String::new(), tone: Tone::Plain });
        }
        let column = facts.iter().map(|(label, ..)| width(label)).max().unwrap_or(0).min(LABEL) + 2;
        for (label, text, tone) in facts {
            let mut label = Some(label);
            for line in wrapped(&clean(&text), usize::from(room).saturating_sub(column).max(16)) {
                out.push(Line { label: format!("{:column$}", label.take().unwrap_or_default()), text: line, tone });
            }
        }
        out
    }
}

/// `today 14:32, in 12 min, as the scheduler sees it now`.
fn estimate(why: &model::Why, look: &Look<'_>) -> Option<String> {
    let at = jiff::Timestamp::from_second(why.estimate?).ok()?;
    let seconds = at.as_second() - look.clock.wall.as_second();
    let ahead = u64::try_from(seconds).ok().map_or_else(|| "any moment".to_owned(), |s| format!("in {}", age(s)));
    Some(format!("{}, {ahead}, as the scheduler sees it now", look.local(at, "%a %d %b %H:%M")))
}

impl Overlay for Why {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Jobs, Area::Everywhere]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        let Some(action) = action else { return Vec::new() };
        let (room, height) = Self::room(look.body());
        if self.scroll.act(action, self.lines(look, room).len(), usize::from(height)) {
            return Vec::new();
        }
        match action {
            Action::Back | Action::Open | Action::Quit | Action::Why => vec![Intent::Close],
            Action::Refresh => vec![Intent::Effect(Effect::Refresh(self.query()))],
            Action::Copy => {
                let why = look.store.why(&self.cluster, &self.job);
                why.map(|why| Intent::Effect(Effect::Copy(format!("{}: {} {}", self.job, why.plain, why.remedy)))).into_iter().collect()
            }
            // What it advises can be done from here.
            Action::Cancel | Action::Release | Action::Hold | Action::TimeLimit | Action::Depends | Action::Verbs | Action::Requeue => {
                vec![Intent::Close, Intent::Do(action)]
            }
            _ => Vec::new(),
        }
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(self.query(), Cadence::Once)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        [("r", "ask again"), ("j k", "scroll"), ("x", "all verbs"), ("d", "dependencies"), ("esc", "close")]
            .map(|(k, w)| (k.to_owned(), w))
            .to_vec()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let (room, height) = Self::room((body.width, body.height));
        let slot = look.store.slot(&self.query());
        let lines = self.lines(look, room);
        let failure = slot.and_then(|slot| slot.failure.as_ref());
        let rows = u16::try_from(lines.len()).unwrap_or(height) + if failure.is_some() { 4 } else { 0 };
        let old = slot.filter(|slot| slot.at.is_some()).map(|slot| look.age(slot, 20.0));
        let top = self.scroll.top(lines.len(), usize::from(height));
        let mut remark = place(top, lines.len(), usize::from(height));
        if let Some((age, _)) = &old {
            remark = if remark.is_empty() { format!("asked {age}") } else { format!("{remark} · asked {age}") };
        }
        let inner = sheet(buf, body, (room, rows.max(1)), &self.title, &remark, look);
        let mut y = inner.y;
        if let Some(failure) = failure {
            y += trouble(buf, inner, failure, look);
        } else if lines.is_empty() {
            put(buf, inner.x, y, "Asking …", inner.width, look.style(Tone::Dim));
        }
        for (y, line) in (y..inner.bottom()).zip(lines.iter().skip(top)) {
            let used = put(buf, inner.x, y, &line.label, inner.width, look.style(Tone::Dim));
            put(buf, inner.x + used, y, &line.text, inner.width.saturating_sub(used), look.style(line.tone));
        }
    }
}
