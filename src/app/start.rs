//! Which cluster is looked at: the one the user named or chose, else the likeliest.

use super::App;
use super::intent::Intent;
use super::notices::Notice;
use super::overlays::{PromptForm, finish};
use crate::model::{Cluster, ClusterId, ClusterKind, Link, Query, SchedulerKind, Scope, Unsent};
use crate::protocol::Action;
use crate::ui::Tone;

impl App {
    /// Looks at the clusters known so far and makes one the active one, where it is clear which.
    pub(super) fn choose_cluster(&mut self) -> Vec<Intent> {
        if self.chosen {
            return Vec::new();
        }
        let list = self.clusters.list();
        if let Some(wanted) = &self.settings.cluster {
            let fits: Vec<_> = list.iter().filter(|c| c.id.as_str() == wanted || c.name == *wanted).collect();
            return match fits.as_slice() {
                [one] => {
                    let id = one.id.clone();
                    self.chosen = true;
                    self.activate(id);
                    Vec::new()
                }
                [] => Vec::new(),
                many => {
                    let ids: Vec<_> = many.iter().map(|c| c.id.to_string()).collect();
                    let text = format!("Several clusters are called {wanted}: {}.", ids.join(", "));
                    vec![Intent::Note(Notice { tone: Tone::Waits, text, hint: "Choose one with ⏎.".into() })]
                }
            };
        }
        // What is looked at already is not taken away by a cluster that was found later.
        let settled = self.active.as_ref().and_then(|id| self.clusters.get(id)).is_some_and(|c| c.kind != ClusterKind::Local);
        if settled {
            return Vec::new();
        }
        // A real scheduler on this machine means that we run on a head node. Otherwise a single other cluster is meant; with several
        // the user chooses, because each choice opens a connection.
        let batch = |c: &&Cluster| c.kind == ClusterKind::Local && c.scheduler.is_some_and(|s| s != SchedulerKind::Runner);
        let others: Vec<_> = list.iter().filter(|c| c.kind != ClusterKind::Local).collect();
        let best = list.iter().find(batch).or(match others.as_slice() {
            [one] => Some(*one),
            _ => None,
        });
        let best = best.or_else(|| list.iter().find(|c| c.kind == ClusterKind::Local)).map(|c| c.id.clone());
        if let Some(id) = best.filter(|id| self.active.as_ref() != Some(id)) {
            self.activate(id);
        }
        Vec::new()
    }

    /// Looks at another cluster.
    pub(super) fn activate(&mut self, cluster: ClusterId) {
        if self.active.as_ref() == Some(&cluster) {
            return;
        }
        self.clusters.point_at(&cluster);
        self.jobs.forget();
        self.nodes.turn_to(self.store.nodes(&cluster).cloned());
        self.logs.watch(None, String::new(), self.clock.since_start);
        self.active = Some(cluster);
        self.calls.forget();
    }

    /// What to show at once of the active cluster: what is already known of its queue.
    pub(super) fn show_known(&self) -> Vec<Intent> {
        let Some(cluster) = &self.active else { return Vec::new() };
        let known = self.store.jobs(cluster, self.jobs.scope());
        known.map(|table| self.jobs.arrange((cluster.clone(), self.jobs.scope()), table.clone())).into_iter().collect()
    }

    /// Goes on with submissions that an earlier qdeck confirmed and did not see answered: those for the cluster that is looked at, once its
    /// scheduler answers. Of the others the user is told.
    pub(super) fn finish_cut_off(&mut self) -> Vec<Intent> {
        let answers = self.active.clone().filter(|cluster| Scope::ALL.iter().any(|scope| self.store.jobs(cluster, *scope).is_some()));
        let mut intents = Vec::new();
        // Before it is known what is looked at, all of them would be elsewhere.
        if self.active.is_none() {
            return intents;
        }
        let mut others: Vec<&Unsent> = Vec::new();
        for one in self.store.unsent().iter().filter(|one| !one.busy) {
            let is_here = answers.as_ref() == Some(&one.cluster) && !one.stale;
            if is_here && self.finished.insert(one.token.clone()) {
                intents.push(finish(one));
                self.told.insert(one.token.clone());
            } else if (one.stale || self.active.as_ref() != Some(&one.cluster)) && self.told.insert(one.token.clone()) {
                others.push(one);
            }
        }
        if let Some(first) = others.first() {
            let count = if others.len() == 1 { "1 submission was".to_owned() } else { format!("{} submissions were", others.len()) };
            let more = if others.len() == 1 { "" } else { " and others" };
            let text = format!("{count} cut off: {} for {}{more}.", first.name, first.cluster.name());
            let hint = format!("{} finishes it: the scheduler is asked first whether it has it.", self.settings.keys.sign(Action::Outbox));
            intents.push(Intent::Note(Notice { tone: Tone::Waits, text, hint }));
        }
        intents
    }

    /// ssh wants an answer, or had it from somebody else: either is shown once.
    pub(super) fn asked_by_ssh(&mut self, cluster: &ClusterId, link: &Link) -> Vec<Intent> {
        if !matches!(link, Link::Asking(_)) {
            // Nobody waits for an answer any more.
            self.overlays.retain(|overlay| overlay.asks().is_none_or(|(whose, _)| whose != cluster));
        }
        if self.store.link(cluster) == Some(link) {
            return Vec::new();
        }
        if let Link::Trusted(words) = link {
            let hint = "Nobody had to be asked; ssh knows it from now on.".to_owned();
            return vec![Intent::Note(Notice { tone: Tone::Good, text: words.clone(), hint })];
        }
        let Link::Asking(prompt) = link else { return Vec::new() };
        if self.overlays.iter().any(|overlay| overlay.asks() == Some((cluster, prompt.id))) {
            return Vec::new();
        }
        debug_assert!(matches!(Query::Link(cluster.clone()), Query::Link(_)));
        vec![Intent::Open(Box::new(PromptForm::new(cluster.clone(), prompt.clone())))]
    }
}
