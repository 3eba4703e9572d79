//! Everything about one job, sorted for people, with the same keys as in the queue. What it uses is measured when this is opened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::node::warning;
use super::scroll::{Scroll, page, place};
use super::{Asking, Intent, Look, Overlay, Purpose, cells, sheet};
use crate::app::panes::wrapped;
use crate::model::duration::age;
use crate::model::report::Group;
use crate::model::{Cadence, ClusterId, Door, JobCost, JobId, JobState, OutputKind, Query, Report, Value, hostlist};
use crate::protocol::{Action, Area, Chord, Effect};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct JobSheet {
    cluster: ClusterId,
    job: JobId,
    /// What is known before the answer comes.
    known: Vec<(String, String)>,
    scroll: Scroll,
}

/// Cells of the names in front of the values.
const LABEL: u16 = 18;

/// One row: a heading, or label and value.
struct Row {
    label: String,
    text: String,
    tone: Tone,
    share: Option<u32>,
}

impl JobSheet {
    /// `known` is what the list says of it already; the rest is asked for.
    pub(in crate::app) fn new(cluster: ClusterId, job: JobId, known: &[(&str, String)]) -> Self {
        let known = known.iter().filter(|(_, v)| !v.is_empty()).map(|(label, value)| ((*label).to_owned(), value.clone())).collect();
        Self { cluster, job, known, scroll: Scroll::default() }
    }

    fn query(&self) -> Query {
        Query::Examine { cluster: self.cluster.clone(), job: self.job.clone() }
    }

    fn room(columns: u16) -> u16 {
        columns.saturating_sub(8).clamp(30, 104)
    }

    fn rows(&self, look: &Look<'_>, room: u16) -> Vec<Row> {
        let (room, label) = (usize::from(room), usize::from(LABEL));
        let mut rows = Vec::new();
        let mut say = |name: &str, value: &str, tone, share: Option<u32>| {
            let bar = if share.is_some() { 18 } else { 0 };
            let value = crate::model::text::clean(value);
            for (i, part) in wrapped(&value, room.saturating_sub(label + 2 + bar).max(10)).into_iter().enumerate() {
                let first = i == 0;
                let name = if first { name.to_owned() } else { String::new() };
                rows.push(Row { label: name, text: part, tone, share: share.filter(|_| first) });
            }
        };
        let Some(job) = look.store.examined(&self.cluster, &self.job) else {
            for (name, value) in &self.known {
                say(name, value, Tone::Plain, None);
            }
            return rows;
        };
        let nodes = look.store.nodes(&self.cluster).map_or(&[][..], |table| &table.nodes);
        let mut report = Report::of(job, nodes);
        let cost = look.costs.of_job(&self.cluster, &self.job).map(JobCost::rows).unwrap_or_default();
        report.insert("Resources", Group { title: "Cost (estimate)", rows: cost });
        let warned = warnings(look, &self.cluster, if job.state.is_over() { "" } else { job.field("NodeList").unwrap_or_default() });
        let warned = warned.into_iter().map(|(node, text)| (node, Value::Text(text))).collect();
        report.insert("Times", Group { title: "Warnings", rows: warned });
        for group in report.groups {
            let warns = group.title == "Warnings";
            say("", "", Tone::Plain, None);
            say(group.title, "", Tone::Strong, None);
            for (name, value) in group.rows {
                match value {
                    Value::Text(text) if warns => say(&name, &text, Tone::Bad, None),
                    Value::Text(text) => say(&name, &text, tone_of(&name, job.state), None),
                    Value::Time(at) => {
                        let day = look.local(at, "%a %d %b %Y %H:%M:%S");
                        let seconds = look.clock.wall.as_second() - at.as_second();
                        let away = age(seconds.unsigned_abs());
                        let away = if seconds < 0 { format!("in {away}") } else { format!("{away} ago") };
                        say(&name, &format!("{day}  {away}"), Tone::Plain, None);
                    }
                    Value::Share(share, words) => say(&name, &words, Tone::Plain, Some(share)),
                }
            }
        }
        // The first heading needs no gap above it.
        rows.drain(..1.min(rows.len()));
        rows
    }
}

/// What EC2 warns of the nodes in this list: node and words.
pub(super) fn warnings(look: &Look<'_>, cluster: &ClusterId, node_list: &str) -> Vec<(String, String)> {
    let here = look.costs.alerts(cluster).iter().filter(|(node, _)| hostlist::holds(node_list, node));
    here.flat_map(|(node, alerts)| alerts.iter().map(|alert| (node.clone(), warning(alert, look)))).collect()
}

/// The state in its colour; everything else in the ordinary one.
fn tone_of(label: &str, state: JobState) -> Tone {
    match label {
        "State" => crate::app::panes::job_tone(state).1,
        "Exit" if state.is_bad() => Tone::Bad,
        "Unknown" | "Not known" => Tone::Dim,
        _ => Tone::Plain,
    }
}

impl Overlay for JobSheet {
    fn areas(&self) -> &'static [Area] {
        &[Area::List, Area::Jobs]
    }

    fn press(&mut self, _chord: Chord, action: Option<Action>, look: &Look<'_>) -> Vec<Intent> {
        if let Some(action) = action
            && self.scroll.act(action, self.rows(look, Self::room(look.body().0)).len(), page(look.body()))
        {
            return Vec::new();
        }
        let again = |purpose| vec![Intent::Open(Box::new(Asking::again(self.cluster.clone(), self.job.clone(), purpose)))];
        match action {
            Some(Action::Back | Action::Open | Action::Quit) => return vec![Intent::Close],
            Some(Action::Copy) => return vec![Intent::Effect(Effect::Copy(self.job.to_string()))],
            Some(Action::Script) => return again(Purpose::Script),
            Some(Action::Rerun) => return again(Purpose::Rerun),
            Some(Action::RerunFailed) => return again(Purpose::RerunFailed),
            Some(Action::Attach) => {
                return vec![Intent::Open(Box::new(Asking::shell(self.cluster.clone(), Door::Job(self.job.clone()))))];
            }
            Some(Action::ShowLog) => {
                let source =
                    crate::model::LogSource::Output { cluster: self.cluster.clone(), job: self.job.clone(), kind: OutputKind::Stdout };
                return vec![Intent::Close, Intent::Watch(source, format!("{} · stdout", self.job)), Intent::Do(Action::FocusLogs)];
            }
            _ => {}
        }
        Vec::new()
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        vec![(self.query(), Cadence::Once)]
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        let keys =
            [("j k", "scroll"), ("l", "logs"), ("b", "script"), ("e", "run again"), ("A", "attach"), ("y", "copy"), ("esc", "close")];
        keys.into_iter().map(|(key, word)| (key.to_owned(), word)).collect()
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let query = self.query();
        let slot = look.store.slot(&query);
        let room = Self::room(body.width);
        let rows = self.rows(look, room);
        let job = look.store.examined(&self.cluster, &self.job);
        let remark = match (slot.and_then(|slot| slot.failure.as_ref()), job) {
            (Some(failure), _) => failure.brief().to_owned(),
            (None, None) => "asking for more …".to_owned(),
            (None, Some(job)) => job.remembered.map_or_else(String::new, |seen| {
                let since = u64::try_from(look.clock.wall.as_second() - seen).unwrap_or(0);
                format!("the scheduler has forgotten it; from qdeck's record, last seen {} ago", age(since))
            }),
        };
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX - 2).max(3);
        let page = page((body.width, body.height));
        let top = self.scroll.top(rows.len(), page);
        let remark = if remark.is_empty() { place(top, rows.len(), page) } else { remark };
        let inner = sheet(buf, body, (room, height), &format!("Job {}", self.job), &remark, look);
        for (y, row) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            if row.tone == Tone::Strong {
                put(buf, inner.x, y, &row.label, inner.width, look.style(Tone::Focus));
                continue;
            }
            let wide = cells(&row.label).min(inner.width).max(LABEL);
            put(buf, inner.x, y, &row.label, wide, look.style(Tone::Dim));
            let mut x = inner.x + wide + 2;
            if let Some(share) = row.share {
                let tenths = usize::try_from(share.min(100) / 10).unwrap_or(0);
                let tone = if share < 25 { Tone::Waits } else { Tone::Good };
                let bar = format!("{}{} {share:>3} %  ", "▰".repeat(tenths), "▱".repeat(10 - tenths));
                x += put(buf, x, y, &bar, inner.right().saturating_sub(x), look.style(tone));
            }
            put(buf, x, y, &row.text, inner.right().saturating_sub(x), look.style(row.tone));
        }
    }
}
