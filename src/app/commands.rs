//! Commands under way, and what their receipts set in motion.

use std::collections::BTreeMap;

use super::App;
use super::intent::Intent;
use super::notices::Notice;
use super::overlays::{Confirm, Proposal};
use crate::model::text::several;
use crate::model::{Command, Configuration, Draft, Existing, JobId, LogSource, Operation, Progress, Query, Receipt, Refusals, SaveLog};
use crate::protocol::{CommandId, Effect};

/// One command under way.
#[derive(Clone, Debug)]
pub(super) struct Under {
    pub(super) words: String,
    pub(super) command: Command,
    pub(super) step: String,
    pub(super) moved: Option<(u64, Option<u64>)>,
}

/// All commands under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    last: u64,
    all: BTreeMap<CommandId, Under>,
}

impl Running {
    pub(super) fn begin(&mut self, command: Command, words: String) -> CommandId {
        self.last += 1;
        let id = CommandId(self.last);
        self.all.insert(id, Under { words, command, step: String::new(), moved: None });
        id
    }

    /// Those a user should see: answers to ssh are over at once.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Under> {
        self.all.values().filter(|under| !matches!(under.command, Command::Reply { .. } | Command::Reconnect(_) | Command::LetTail(_)))
    }
}

impl App {
    pub(super) fn progressed(&mut self, id: CommandId, progress: Progress) -> Vec<Intent> {
        match progress {
            Progress::Step(step) => {
                if let Some(under) = self.running.all.get_mut(&id) {
                    under.step = step;
                }
                Vec::new()
            }
            Progress::Moved { done, total, file } => {
                if let Some(under) = self.running.all.get_mut(&id) {
                    under.moved = Some((done, total));
                    under.step = file;
                }
                Vec::new()
            }
            Progress::Done(receipt) => {
                let under = self.running.all.remove(&id);
                under.map_or_else(Vec::new, |under| self.done(under, receipt))
            }
            Progress::Failed(failure) => {
                let under = self.running.all.remove(&id);
                let mut notice = Notice::from(&failure);
                let mut intents = Vec::new();
                if let Some(under) = under {
                    notice.text = format!("Not done: {}. {}", under.words, notice.text);
                    intents.extend(self.overlays.last_mut().into_iter().flat_map(|top| top.not_done(&under.command)));
                }
                intents.push(Intent::Note(notice));
                intents
            }
        }
    }

    fn done(&mut self, under: Under, receipt: Receipt) -> Vec<Intent> {
        match (receipt, under.command) {
            (Receipt::Submitted { job, said }, Command::Submit(submission)) => {
                let more = if said.is_empty() { String::new() } else { format!(" {said}") };
                let mut intents = vec![Intent::Note(Notice::good(format!("Submitted as job {job}.{more}")))];
                if self.active.as_ref() == Some(&submission.cluster) {
                    self.jobs.expect(job.clone());
                    let kind = self.logs.kind();
                    let source = LogSource::Output { cluster: submission.cluster, job: job.clone(), kind };
                    intents.push(Intent::Watch(source, format!("{job} · {}", kind.word())));
                    intents.push(self.refresh_jobs());
                }
                intents
            }
            (Receipt::Submitted { job, .. }, Command::Finish { cluster, .. }) => {
                let words = under.words.trim_start_matches("finishing ").to_owned();
                let place = if self.active.as_ref() == Some(&cluster) { String::new() } else { format!(" on {}", cluster.name()) };
                let told = Intent::Note(Notice::good(format!("{words}, is job {job}{place}.")));
                vec![told, self.refresh_jobs(), Intent::Effect(Effect::Refresh(Query::Outbox))]
            }
            (Receipt::Noted, Command::Forget { .. }) => {
                vec![Intent::Note(Notice::plain("Given up.")), Intent::Effect(Effect::Refresh(Query::Outbox))]
            }
            (Receipt::Saved(path), Command::KeepWay { cluster, way }) => {
                let told = Notice::good(format!("{}: {way}, written into {}.", cluster.name(), path.display()));
                // What waits for its next turn after a failure goes the new way at once.
                let of = |query: &Query| query.cluster().is_none_or(|asked| *asked == cluster);
                let wanted = self.wants().into_iter().map(|(query, _)| query).filter(of);
                std::iter::once(Intent::Note(told)).chain(wanted.map(|query| Intent::Effect(Effect::Refresh(query)))).collect()
            }
            (Receipt::Saved(path), _) => vec![Intent::Note(Notice::good(format!("Saved in {}.", path.display())))],
            (Receipt::Changed { refused, .. }, Command::Change { cluster, change, jobs }) => {
                let names: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
                let queue = Query::Jobs { cluster, scope: self.jobs.scope() };
                vec![Intent::Note(changed(&names, &refused, |what| change.told(what))), Intent::Effect(Effect::Refresh(queue))]
            }
            (Receipt::Changed { refused, .. }, Command::ChangeNodes { cluster, change, nodes }) => {
                let names: Vec<&str> = nodes.iter().map(String::as_str).collect();
                vec![
                    Intent::Note(changed(&names, &refused, |what| change.told(what))),
                    Intent::Effect(Effect::Refresh(Query::Nodes(cluster))),
                ]
            }
            (Receipt::Fetched { dest, files, bytes }, _) => {
                let size = crate::model::duration::bytes(bytes);
                let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
                vec![Intent::Note(Notice::good(format!("Fetched {files}, {size}, into {}.", dest.display())))]
            }
            (Receipt::Staged { files, bytes }, Command::Stage(stage)) => {
                let size = bytes.map_or_else(String::new, |bytes| format!(", {}", crate::model::duration::bytes(bytes)));
                let (files, to) = (
                    if files == 1 { "1 file".to_owned() } else { format!("{files} files") },
                    if stage.is_in { stage.path } else { stage.object },
                );
                vec![Intent::Note(Notice::good(format!("Copied {files}{size} to {to}.")))]
            }
            (Receipt::Differs { dest, files }, Command::Fetch(fetch)) => {
                let again = |existing| {
                    let fetch = crate::model::Fetch { existing, ..fetch.clone() };
                    vec![Intent::Run(Command::Fetch(fetch), under.words.clone())]
                };
                let shown: Vec<_> = files.iter().take(8).cloned().collect();
                let rest = if files.len() > 8 { format!("\nand {} more", files.len() - 8) } else { String::new() };
                let text = format!("These files in {} differ from the job's:\n{}{rest}", dest.display(), shown.join("\n"));
                let choices = vec![
                    ('n', "stop".to_owned(), Vec::new()),
                    ('k', "keep mine, fetch the others".to_owned(), again(Existing::Keep)),
                    ('o', "overwrite".to_owned(), again(Existing::Overwrite)),
                ];
                vec![Intent::Open(Box::new(Confirm::choices("Overwrite files?".into(), text, choices)))]
            }
            (Receipt::SavedLog { dest, bytes }, _) => {
                let size = crate::model::duration::bytes(bytes);
                vec![Intent::Note(Notice::good(format!("Wrote {size} into {}.", dest.display())))]
            }
            (Receipt::Differs { dest, .. }, Command::SaveLog(save)) => {
                let again = Command::SaveLog(SaveLog { existing: Existing::Overwrite, ..save });
                let choices =
                    vec![('n', "stop".to_owned(), Vec::new()), ('o', "overwrite it".to_owned(), vec![Intent::Run(again, under.words)])];
                let text = format!("{} is there already.", dest.display());
                vec![Intent::Open(Box::new(Confirm::choices("Overwrite the file?".into(), text, choices)))]
            }
            (Receipt::Begun { status, .. }, Command::Operate { cluster, operation }) => {
                let what = match &operation {
                    Operation::Head(_) => format!("The head node of {}", cluster.name()),
                    Operation::Terminate { instance, node } => format!("{instance} ({node})"),
                    Operation::Create { .. } | Operation::Update { .. } | Operation::Scale { .. } => cluster.name().to_owned(),
                    Operation::StartFleet | Operation::StopFleet | Operation::Delete => cluster.name().to_owned(),
                };
                let mut intents = vec![Intent::Note(Notice::good(format!("{what}: {status}.")))];
                intents.extend([Query::Events(cluster.clone()), Query::Nodes(cluster)].map(|query| Intent::Effect(Effect::Refresh(query))));
                let sources = self.settings.sources.iter().cloned();
                intents.extend(sources.map(|source| Intent::Effect(Effect::Refresh(Query::Clusters(source)))));
                intents
            }
            (Receipt::Refused(verdict), Command::Operate { cluster, operation }) => {
                let of = Configuration::Text(verdict.text.clone());
                let draft = if matches!(operation, Operation::Create { .. }) { Draft::Create(of) } else { Draft::Update(of) };
                vec![Intent::Open(Box::new(Proposal::refused(cluster, draft, *verdict)))]
            }
            (Receipt::Begun { .. } | Receipt::Refused(_), _) => Vec::new(),
            (Receipt::Noted, _)
            | (Receipt::Submitted { .. } | Receipt::Differs { .. } | Receipt::Changed { .. } | Receipt::Staged { .. }, _)
            | (Receipt::Network { .. }, _) => Vec::new(),
        }
    }

    pub(super) fn refresh_jobs(&self) -> Intent {
        let cluster = self.active.clone().unwrap_or_else(crate::model::ClusterId::local);
        Intent::Effect(Effect::Refresh(Query::Jobs { cluster, scope: self.jobs.scope() }))
    }
}

/// What to say of a change: to what it was done, and what was refused, one by one.
fn changed(asked: &[&str], refused: &Refusals, told: impl Fn(&str) -> String) -> Notice {
    let done: Vec<&str> = asked.iter().copied().filter(|name| refused.iter().all(|(bad, _)| bad != name)).collect();
    let told = told(&several(done.into_iter(), 4));
    if refused.is_empty() {
        return Notice::good(told);
    }
    let each: Vec<String> = refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let text = format!("{told} Refused: {}.", several(each.iter().map(String::as_str), 5));
    Notice { tone: crate::ui::Tone::Waits, text, hint: String::new() }
}
