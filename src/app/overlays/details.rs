//! Everything about one thing, as (label, value) lines that scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Intent, Look, Overlay, cells, sheet};
use crate::app::panes::wrapped;
use crate::model::duration::slurm;
use crate::model::{Cadence, Cluster, ClusterId, Job, JobId, Query};
use crate::protocol::{Action, Chord, Effect};
use crate::ui::{Tone, put};

/// The sheet.
#[derive(Debug)]
pub(in crate::app) struct Details {
    title: String,
    known: Vec<(String, String)>,
    job: Option<(ClusterId, JobId)>,
    top: usize,
}

fn known(fields: &[(&str, Option<String>)]) -> Vec<(String, String)> {
    fields.iter().filter_map(|(label, value)| value.clone().filter(|v| !v.is_empty()).map(|v| ((*label).to_owned(), v))).collect()
}

impl Details {
    /// What the queue says of a job; the rest is asked for.
    pub(in crate::app) fn job(cluster: ClusterId, job: &Job<'_>) -> Self {
        let fields = [
            ("Job", Some(job.id().to_owned())),
            ("Name", Some(job.name().to_owned())),
            ("State", Some(job.state().long().to_owned())),
            ("Reason", Some(job.reason().to_owned()).filter(|r| r != "None")),
            ("User", Some(job.user().to_owned())),
            ("Partition", Some(job.partition().to_owned())),
            ("Nodes", Some(format!("{} {}", job.nodes(), job.node_list()))),
            ("CPUs", Some(job.cpus().to_string())),
            ("Run time", job.time_used().map(slurm)),
            ("Time limit", job.time_limit().map(slurm)),
            ("Submitted", job.submitted().map(|t| t.to_string())),
            ("Started", job.started().map(|t| t.to_string())),
            ("Directory", Some(job.work_dir().to_owned())),
        ];
        Self { title: format!("Job {}", job.id()), known: known(&fields), job: Some((cluster, job.job_id())), top: 0 }
    }

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
            ("User", head.user),
            ("Key pair", head.key_name),
        ];
        Self { title: format!("Cluster {}", cluster.name), known: known(&fields), job: None, top: 0 }
    }

    fn query(&self) -> Option<Query> {
        self.job.clone().map(|(cluster, job)| Query::Detail { cluster, job })
    }
}

impl Overlay for Details {
    fn press(&mut self, _chord: Chord, action: Option<Action>, _look: &Look<'_>) -> Vec<Intent> {
        match action {
            Some(Action::Back | Action::Open | Action::Quit) => return vec![Intent::Close],
            Some(Action::Down) => self.top += 1,
            Some(Action::Up) => self.top = self.top.saturating_sub(1),
            Some(Action::PageDown | Action::HalfDown) => self.top += 10,
            Some(Action::PageUp | Action::HalfUp) => self.top = self.top.saturating_sub(10),
            Some(Action::Top) => self.top = 0,
            Some(Action::Copy) => return self.known.first().map(|(_, v)| Intent::Effect(Effect::Copy(v.clone()))).into_iter().collect(),
            _ => {}
        }
        Vec::new()
    }

    fn wants(&self) -> Vec<(Query, Cadence)> {
        self.query().map(|query| (query, Cadence::Once)).into_iter().collect()
    }

    fn footer(&self) -> Vec<(String, &'static str)> {
        vec![("j k".into(), "scroll"), ("esc".into(), "close")]
    }

    fn draw(&self, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
        let query = self.query();
        let slot = query.as_ref().and_then(|query| look.store.slot(query));
        let detail = self.job.as_ref().and_then(|(cluster, job)| look.store.detail(cluster, job));
        let fields = detail.map_or(&self.known, |detail| &detail.fields);
        let room = body.width.saturating_sub(8).clamp(30, 100);
        let label = fields.iter().map(|(l, _)| cells(l)).max().unwrap_or(8).min(18);
        let mut rows: Vec<(String, String)> = Vec::new();
        for (name, value) in fields {
            let value = crate::model::text::clean(value);
            for (i, part) in wrapped(&value, usize::from(room.saturating_sub(label + 2)).max(10)).into_iter().enumerate() {
                rows.push((if i == 0 { name.clone() } else { String::new() }, part));
            }
        }
        let remark = match (&slot.and_then(|s| s.failure.clone()), detail, &query) {
            (Some(failure), ..) => failure.brief().to_owned(),
            (None, None, Some(_)) => "asking for more …".to_owned(),
            _ => String::new(),
        };
        let inner = sheet(buf, body, (room, u16::try_from(rows.len()).unwrap_or(u16::MAX - 2)), &self.title, &remark, look);
        let top = self.top.min(rows.len().saturating_sub(usize::from(inner.height)));
        for (y, (name, value)) in (inner.y..inner.bottom()).zip(rows.iter().skip(top)) {
            put(buf, inner.x, y, name, label, look.style(Tone::Dim));
            put(buf, inner.x + label + 2, y, value, inner.width.saturating_sub(label + 2), look.style(Tone::Plain));
        }
    }
}
