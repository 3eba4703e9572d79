//! What happened to jobs, in words: a notice at the corner, and what the user wants besides. And the jobs that are watched, or not.
//!
//! Many changes of one answer are told together; nothing is told twice, and no name of a job can steer a terminal.

use std::collections::{BTreeMap, BTreeSet};

use super::App;
use super::intent::Intent;
use super::notices::Notice;
use crate::config::Occasion;
use crate::model::text::clean;
use crate::model::{Answer, Change, ClusterId, Failure, FailureKind, JobId, JobState, Query, Scope};
use crate::protocol::Effect;
use crate::ui::{Cut, Tone, fit};

/// Other people's jobs are asked about one by one: no more than this many.
const MOST: usize = 8;
/// So many groups of jobs are told one by one; more become one notice.
const APART: usize = 3;
/// The user's command is run for so many groups of one answer.
const HOOKS: usize = 20;
/// Columns of a job's name, and of a whole message.
const NAME: usize = 120;
const TEXT: usize = 300;

/// Whose fate is told: all of one's own jobs but for the muted ones, and those of others that are watched.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    watched: BTreeMap<(ClusterId, JobId), Seen>,
    muted: BTreeSet<(ClusterId, JobId)>,
}

/// Somebody else's job as it was last seen.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    state: JobState,
}

/// A job that shall be watched, or shall not be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) job: JobId,
    pub(super) name: String,
    pub(super) user: String,
    pub(super) state: JobState,
}

impl Watch {
    /// The sign that a row of the queue bears: it is somebody else's and watched, or one's own and told nothing of.
    pub(super) fn sign(&self, cluster: &ClusterId, job: &str) -> Option<&'static str> {
        let whole = whole(job);
        let has = |id: &str| (cluster.clone(), JobId::new(id));
        if self.watched.is_empty() && self.muted.is_empty() {
            return None;
        }
        if self.watched.contains_key(&has(whole)) {
            return Some("◉");
        }
        let array = whole.split('_').next().unwrap_or(whole);
        (self.muted.contains(&has(whole)) || self.muted.contains(&has(array))).then_some("⊘")
    }

    /// The jobs that must be asked about one by one.
    pub(super) fn asked(&self) -> impl Iterator<Item = Query> {
        self.watched.keys().map(|(cluster, job)| Query::Detail { cluster: cluster.clone(), job: job.clone() })
    }
}

/// Jobs that had the same happen to them: one job, or tasks of one array.
#[derive(Clone, Debug)]
struct Group {
    id: String,
    name: String,
    occasion: Occasion,
    count: usize,
    failed: usize,
    state: JobState,
    exit: String,
}

impl App {
    /// Watches jobs or stops watching them.
    pub(super) fn toggle_watch(&mut self, cluster: &ClusterId, jobs: &[Watched]) -> Notice {
        let me = self.login(cluster);
        let (mut told, mut untold, mut full) = (Vec::new(), Vec::new(), false);
        for watched in jobs {
            let id = whole(watched.job.as_str()).to_owned();
            let key = (cluster.clone(), JobId::new(&id));
            let own = me.as_deref() == Some(watched.user.as_str());
            if own && !self.watch.muted.remove(&key) {
                self.watch.muted.insert(key);
                untold.push(id);
            } else if own {
                told.push(id);
            } else if self.watch.watched.remove(&key).is_some() {
                untold.push(id);
            } else if self.watch.watched.len() < MOST {
                self.watch.watched.insert(key, Seen { name: watched.name.clone(), state: watched.state });
                told.push(id);
            } else {
                full = true;
            }
        }
        let mut words = Vec::new();
        if !told.is_empty() {
            words.push(format!("You are told of {} from now on.", some(&told)));
        }
        if !untold.is_empty() {
            words.push(format!("You are no longer told of {}.", some(&untold)));
        }
        if full {
            words.push(format!("No more than {MOST} jobs of others can be watched."));
        }
        Notice::plain(words.join(" "))
    }

    /// The login user of a cluster, as the queue of one's own jobs tells.
    fn login(&self, cluster: &ClusterId) -> Option<String> {
        Some(self.store.jobs(cluster, Scope::Mine)?.get(0)?.user().to_owned())
    }

    /// What changed about one's own jobs.
    pub(super) fn changed(&self, cluster: &ClusterId, changes: &[Change]) -> Vec<Intent> {
        let muted = |id: &str| self.watch.muted.contains(&(cluster.clone(), JobId::new(id)));
        let heard = changes.iter().filter(|change| !muted(change.job.as_str()) && !muted(&change.array));
        self.tell(cluster, &grouped(heard))
    }

    /// A watched job was asked about.
    pub(super) fn watched(&mut self, cluster: &ClusterId, job: &JobId, result: &Result<Answer, Failure>) -> Vec<Intent> {
        let key = (cluster.clone(), job.clone());
        let Some(seen) = self.watch.watched.get_mut(&key) else { return Vec::new() };
        let (to, exit_code) = match result {
            Ok(Answer::Detail(detail)) => (detail.state, detail.exit_code.clone()),
            // The scheduler has forgotten it: it ended some time ago.
            Err(failure) if failure.kind == FailureKind::NotFound => (JobState::Unknown, None),
            _ => return Vec::new(),
        };
        let change = Change { job: job.clone(), array: String::new(), name: seen.name.clone(), from: Some(seen.state), to, exit_code };
        seen.state = to;
        if to.is_over() || to == JobState::Unknown {
            self.watch.watched.remove(&key);
        }
        self.tell(cluster, &grouped(std::iter::once(&change)))
    }

    fn tell(&self, cluster: &ClusterId, groups: &[Group]) -> Vec<Intent> {
        if groups.is_empty() {
            return Vec::new();
        }
        let elsewhere = if self.active.as_ref() == Some(cluster) { String::new() } else { format!("{}: ", cluster.name()) };
        let texts: Vec<String> = if groups.len() <= APART {
            groups.iter().map(|group| format!("{elsewhere}{}", group.words())).collect()
        } else {
            vec![format!("{elsewhere}{}", summary(groups))]
        };
        let tone = |groups: &[Group]| match groups.iter().map(|group| group.occasion).max() {
            Some(Occasion::Failed) => Tone::Bad,
            Some(Occasion::Ended) => Tone::Good,
            Some(Occasion::Started) | None => Tone::Plain,
        };
        let apart = |i: usize| if texts.len() == groups.len() { &groups[i..=i] } else { groups };
        let notices = texts.iter().enumerate().map(|(i, text)| Notice { tone: tone(apart(i)), text: text.clone(), hint: String::new() });
        let mut intents: Vec<Intent> = notices.map(Intent::Note).collect();
        let notify = &self.settings.notify;
        let wanted: Vec<&Group> = groups.iter().filter(|group| notify.on.contains(&group.occasion)).collect();
        if wanted.is_empty() {
            return intents;
        }
        if notify.bell {
            intents.push(Intent::Effect(Effect::Bell));
        }
        if notify.terminal {
            let text = if wanted.len() <= APART {
                wanted.iter().map(|group| group.words()).collect::<Vec<_>>().join(" ")
            } else {
                summary(&wanted.into_iter().cloned().collect::<Vec<_>>())
            };
            intents.push(Intent::Effect(Effect::Post(fit(&clean(&format!("{}: {text}", cluster.name())), TEXT, Cut::End).into_owned())));
        }
        let wanted = groups.iter().filter(|group| notify.on.contains(&group.occasion));
        if !notify.command.is_empty() {
            intents.extend(wanted.take(HOOKS).map(|group| Intent::Effect(group.hook(cluster, &notify.command))));
        }
        intents
    }
}

impl Group {
    fn words(&self) -> String {
        let (id, name) = (&self.id, fit(&self.name, NAME, Cut::Middle));
        let failed = if self.failed > 0 && self.count > 1 { format!(", {} failed", self.failed) } else { String::new() };
        let exit = if self.exit.is_empty() { String::new() } else { format!(", exit {}", self.exit) };
        match (self.count, self.occasion) {
            (1, Occasion::Started) => format!("Job {id} {name} has started."),
            (1, Occasion::Failed) => format!("Job {id} {name} has failed: {}{exit}.", self.state.long()),
            (1, Occasion::Ended) if self.state == JobState::Unknown => {
                format!("Job {id} {name} has left the queue; how it ended is not known any more.")
            }
            (1, Occasion::Ended) => format!("Job {id} {name} has ended: {}.", self.state.long()),
            (n, Occasion::Started) => format!("{n} tasks of {id} {name} have started."),
            (n, Occasion::Ended | Occasion::Failed) => format!("{n} tasks of {id} {name} have ended{failed}."),
        }
    }

    /// The user's command, filled in.
    fn hook(&self, cluster: &ClusterId, command: &[String]) -> Effect {
        let values = [
            ("job", self.id.clone()),
            ("name", short(&self.name, NAME)),
            ("state", self.state.long().to_owned()),
            ("exit", self.exit.clone()),
            ("cluster", cluster.name().to_owned()),
            ("count", self.count.to_string()),
            ("text", short(&self.words(), TEXT)),
        ];
        let words = command.iter().map(|word| {
            let filled = filled(word, &values);
            // What a name begins must not become an option.
            if word.starts_with('{') && filled.starts_with('-') { format!(" {filled}") } else { filled }
        });
        let variables = values.iter().map(|(key, value)| (format!("QDECK_{}", key.to_uppercase()), value.clone()));
        Effect::Hook { words: words.collect(), variables: variables.collect() }
    }
}

/// Every `{key}` replaced by its value, in one pass: a value that looks like a key stays as it is.
fn filled(word: &str, values: &[(&str, String)]) -> String {
    let (mut out, mut rest) = (String::new(), word);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = values.iter().find(|(key, _)| rest[1..].strip_prefix(key).is_some_and(|after| after.starts_with('}')));
        match known {
            Some((key, value)) => {
                out.push_str(value);
                rest = &rest[key.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn short(text: &str, room: usize) -> String {
    fit(&clean(text), room, Cut::End).into_owned()
}

/// What a change is worth telling as, if it is.
fn occasion(change: &Change) -> Option<Occasion> {
    let ended = change.from.is_some_and(JobState::is_over);
    match change.to {
        to if to.is_bad() => (!ended).then_some(Occasion::Failed),
        to if to.is_over() || to == JobState::Unknown => (!ended).then_some(Occasion::Ended),
        JobState::Running => {
            let waited = |from: JobState| from.is_waiting() || ended || matches!(from, JobState::Configuring | JobState::PowerUpNode);
            change.from.is_none_or(waited).then_some(Occasion::Started)
        }
        _ => None,
    }
}

/// Tasks of one array are told together, those that failed with those that ended.
fn grouped<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for change in changes {
        let Some(occasion) = occasion(change) else { continue };
        let id = if change.array.is_empty() { change.job.as_str() } else { change.array.as_str() };
        let new =
            || Group { id: id.to_owned(), name: change.name.clone(), occasion, count: 0, failed: 0, state: change.to, exit: String::new() };
        let place = *places.entry((id, occasion == Occasion::Started)).or_insert_with(|| {
            groups.push(new());
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.count += 1;
        // The state of many is the worst of theirs.
        if occasion == Occasion::Failed {
            group.failed += 1;
            (group.occasion, group.state) = (Occasion::Failed, change.to);
        }
        if let Some(exit) = change.exit_code.as_ref().filter(|_| group.exit.is_empty() || occasion == Occasion::Failed) {
            exit.clone_into(&mut group.exit);
        }
        if group.count == 1 {
            change.job.as_str().clone_into(&mut group.id);
        } else {
            id.clone_into(&mut group.id);
        }
    }
    groups
}

/// `9 jobs have started, 12 have ended, 2 failed: 18231 train, 18232 prep …`
fn summary(groups: &[Group]) -> String {
    let count = |wanted: &dyn Fn(&Group) -> usize| groups.iter().map(wanted).sum::<usize>();
    let started = count(&|group| if group.occasion == Occasion::Started { group.count } else { 0 });
    let failed = count(&|group| group.failed);
    let ended = count(&|group| if group.occasion == Occasion::Started { 0 } else { group.count });
    let parts = [(started, "started"), (ended, "ended"), (failed, "failed")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    // What failed is named first.
    let mut order: Vec<&Group> = groups.iter().collect();
    order.sort_by_key(|group| std::cmp::Reverse(group.occasion));
    let names: Vec<String> = order.iter().take(4).map(|group| format!("{} {}", group.id, fit(&group.name, 24, Cut::Middle))).collect();
    let rest = if groups.len() > 4 { " …" } else { "" };
    format!("Jobs: {}. {}{rest}", parts.join(", "), names.join(", "))
}

/// The waiting rest of an array stands for all of it.
fn whole(id: &str) -> &str {
    id.split("_[").next().unwrap_or(id)
}

/// `job 7`, `jobs 7, 8`, `12 jobs`.
fn some(ids: &[String]) -> String {
    match ids {
        [one] => format!("job {one}"),
        few if few.len() <= 5 => format!("jobs {}", few.join(", ")),
        many => format!("{} jobs", many.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(job: &str, from: Option<JobState>, to: JobState) -> Change {
        let array = job.split_once('_').map_or("", |(array, _)| array).to_owned();
        Change { job: JobId::new(job), array, name: "n".into(), from, to, exit_code: None }
    }

    #[test]
    fn a_state_that_was_jumped_over_is_still_an_end() {
        let (waits, runs) = (Some(JobState::Pending), Some(JobState::Running));
        let of = |from, to| occasion(&change("1", from, to));
        assert_eq!(of(waits, JobState::Running), Some(Occasion::Started));
        assert_eq!(of(None, JobState::Running), Some(Occasion::Started));
        assert_eq!(of(Some(JobState::Suspended), JobState::Running), None);
        assert_eq!(of(waits, JobState::Completed), Some(Occasion::Ended));
        assert_eq!(of(None, JobState::OutOfMemory), Some(Occasion::Failed));
        assert_eq!(of(waits, JobState::Unknown), Some(Occasion::Ended));
        assert_eq!(of(runs, JobState::Completing), None);
        assert_eq!(of(None, JobState::Pending), None);
        assert_eq!(of(Some(JobState::Completed), JobState::Completed), None);
    }

    #[test]
    fn a_thousand_tasks_are_one_group() {
        let mut changes: Vec<Change> =
            (0..1_000).map(|n| change(&format!("18240_{n}"), Some(JobState::Running), JobState::Completed)).collect();
        changes[7].to = JobState::Failed;
        changes[8].to = JobState::Timeout;
        changes.push(change("18240_1000", Some(JobState::Pending), JobState::Running));
        let groups = grouped(changes.iter());
        let words: Vec<String> = groups.iter().map(Group::words).collect();
        assert_eq!(words, ["1000 tasks of 18240 n have ended, 2 failed.", "Job 18240_1000 n has started."]);
        assert_eq!(groups[0].occasion, Occasion::Failed);
    }

    #[test]
    fn names_are_filled_in_once_and_never_become_options() {
        let mut group = grouped(std::iter::once(&change("7", None, JobState::Failed))).remove(0);
        group.name = "--help {job}\x1b]0;x\x07".into();
        let command = ["notify-send", "{name}", "{state} {nonsense} {", "x{job}"].map(str::to_owned);
        let Effect::Hook { words, variables } = group.hook(&ClusterId::new("a/b/prod"), &command) else { panic!() };
        assert_eq!(words, ["notify-send", " --help {job}␛]0;x␇", "FAILED {nonsense} {", "x7"]);
        assert!(variables.contains(&("QDECK_CLUSTER".into(), "prod".into())) && variables.contains(&("QDECK_JOB".into(), "7".into())));
    }
}
