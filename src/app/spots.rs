//! Spot machines that EC2 takes back, told as soon as that is known, with the jobs that run there.
//!
//! Tells nothing twice, and nothing that was so already when a cluster was first looked at: that stands in the panes.

use std::collections::{BTreeSet, HashMap};

use super::App;
use super::intent::Intent;
use super::notices::Notice;
use crate::config::Occasion;
use crate::model::duration::age;
use crate::model::text::clean;
use crate::model::{Alert, AlertKind, ClusterId, NodeTable, Query, hostlist};
use crate::protocol::Effect;
use crate::ui::Tone;

/// So many nodes, and so many jobs, are told by name.
const NAMED: usize = 4;

/// What is known of each cluster: node and EC2's code.
#[derive(Clone, Debug, Default)]
pub(super) struct Spots(HashMap<ClusterId, BTreeSet<(String, String)>>);

impl Spots {
    /// What an answer tells that was not known before.
    fn fresh<'a>(&mut self, cluster: &ClusterId, table: &'a NodeTable) -> Vec<(&'a str, &'a Alert)> {
        let all: Vec<(&str, &Alert)> = table
            .nodes
            .iter()
            .flat_map(|node| node.alerts.iter().map(|alert| (node.name.as_str(), alert)))
            .filter(|(_, alert)| alert.kind == AlertKind::Spot)
            .collect();
        let keys = all.iter().map(|(node, alert)| ((*node).to_owned(), alert.code.clone())).collect();
        match self.0.insert(cluster.clone(), keys) {
            Some(known) => all.into_iter().filter(|(node, alert)| !known.contains(&((*node).to_owned(), alert.code.clone()))).collect(),
            None => Vec::new(),
        }
    }
}

impl App {
    /// Nodes arrived: some of them may be about to go.
    pub(super) fn spots_ended(&mut self, query: &Query) -> Vec<Intent> {
        let Query::Nodes(cluster) = query else { return Vec::new() };
        let Some(table) = self.store.nodes(cluster).cloned() else { return Vec::new() };
        let fresh = self.spots.fresh(cluster, &table);
        // How many of the last seconds are left matters; afterwards, why it is gone.
        let (soon, gone): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|(_, alert)| alert.is_notice());
        let told = [self.spot_words(cluster, &soon, "EC2 takes back"), self.spot_words(cluster, &gone, "EC2 has taken back")];
        let told: Vec<String> = told.into_iter().flatten().collect();
        let notice = |text: &String| Intent::Note(Notice { tone: Tone::Bad, text: text.clone(), hint: String::new() });
        let mut intents: Vec<Intent> = told.iter().map(notice).collect();
        let notify = &self.settings.notify;
        if !told.is_empty() && notify.on.contains(&Occasion::Failed) {
            intents.extend(notify.bell.then_some(Intent::Effect(Effect::Bell)));
            let post = || Intent::Effect(Effect::Post(clean(&format!("{}: {}", cluster.name(), told.join(" "))).into_owned()));
            intents.extend(notify.terminal.then(post));
        }
        intents
    }

    /// `EC2 takes back the spot machine of spot-dy-a-2, in 90 s: job 18231 runs there.`
    fn spot_words(&self, cluster: &ClusterId, spots: &[(&str, &Alert)], what: &str) -> Option<String> {
        let (first, _) = spots.split_first()?;
        let nodes: Vec<&str> = spots.iter().map(|(node, _)| *node).collect();
        let left = first.1.at.map(|at| at.as_second() - self.clock.wall.as_second()).and_then(|left| u64::try_from(left).ok());
        let left = left.map_or_else(String::new, |left| format!(", in {}", age(left)));
        let machines = if nodes.len() == 1 { "machine" } else { "machines" };
        let jobs = self.store.jobs(cluster, self.jobs.scope()).map_or_else(Vec::new, |table| {
            let on = |list: &str| nodes.iter().any(|node| hostlist::holds(list, node));
            let runs = table.iter().filter(|job| !job.state().is_over() && !job.state().is_waiting() && on(job.node_list()));
            runs.map(|job| job.id().to_owned()).collect()
        });
        let jobs = match jobs.as_slice() {
            [] => String::new(),
            [one] => format!(": job {one} runs there"),
            many => format!(": jobs {} run there", some(many)),
        };
        Some(format!("{what} the spot {machines} of {}{left}{jobs}.", some(&nodes)))
    }
}

/// The first of them by name.
fn some(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
