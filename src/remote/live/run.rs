//! Commands: what changes something, each a stream of its progress.
//!
//! Decides nothing about whether it may be: the guard has let it pass.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

#[cfg(not(feature = "aws"))]
use super::without_aws;
use super::{Inner, at_home, memory, output, save, submit};
use crate::config::Config;
use crate::model::{ClusterId, Command, Failure, FailureKind, Progress, Receipt, Refusals};
use crate::remote::local::trouble;
use crate::remote::record::Taken;
use crate::remote::{Remote, store};

impl Inner {
    pub(super) fn run(self: Arc<Self>, command: Command) -> BoxStream<'static, Progress> {
        let cluster = command.cluster().cloned().unwrap_or_else(ClusterId::local);
        if let Some(demo) = self.is_simulated(&cluster) {
            return demo.run(command);
        }
        let command = match command {
            Command::Save { path, text } => return saved(path, text),
            #[cfg_attr(not(feature = "aws"), expect(unused_variables, reason = "the other build asks AWS here"))]
            Command::LetTail(on) => {
                #[cfg(feature = "aws")]
                self.aws.let_tail(on);
                return ended(Progress::Done(Receipt::Noted));
            }
            Command::SaveLog(save) => return save::run(save, move |query| self.clone().ask(query).boxed()),
            Command::KeepColumns(columns) => return kept(self.config.clone(), move |file| Config::keep_columns(file, &columns)),
            Command::KeepWay { cluster, way } => {
                return kept(self.config.clone(), move |file| {
                    let written = Config::keep_way(file, &cluster, &self.directory.called(&cluster), way)?;
                    self.directory.go(cluster, way);
                    Ok(written)
                });
            }
            Command::Forget { cluster, token } => return self.forgotten(cluster, token),
            #[cfg(feature = "aws")]
            Command::MakeKey(key) => return self.make_key(key),
            #[cfg(feature = "aws")]
            Command::MakeNetwork(network) => return self.make_network(network),
            #[cfg(not(feature = "aws"))]
            Command::MakeKey(_) | Command::MakeNetwork(_) => return ended(Progress::Failed(without_aws())),
            #[cfg(feature = "aws")]
            Command::Operate { cluster, operation } => return self.operate(cluster, operation),
            #[cfg(not(feature = "aws"))]
            Command::Operate { .. } => return ended(Progress::Failed(without_aws())),
            command => command,
        };
        let backend = match self.directory.backend(&cluster) {
            Ok(backend) => backend,
            Err(failure) => return ended(Progress::Failed(failure)),
        };
        match command {
            Command::Submit(submission) => submit::run(backend, self.record.clone(), submission, None),
            Command::Finish { token, .. } => {
                let record = self.record.clone();
                let found = async move {
                    match memory::take(&record, token).await {
                        Ok(Taken::Draft(draft)) => submit::run(backend, record, draft.submission, Some(draft.token)),
                        Ok(Taken::Busy | Taken::Settled) => ended(Progress::Done(Receipt::Noted)),
                        Ok(Taken::Stale) => ended(Progress::Failed(stale())),
                        Err(failure) => ended(Progress::Failed(failure)),
                    }
                };
                stream::once(found).flatten().boxed()
            }
            Command::Change { change, jobs, .. } => {
                let asked = jobs.len();
                changed(asked, async move { backend.change(change, jobs).await })
            }
            Command::ChangeNodes { change, nodes, .. } => {
                let asked = nodes.len();
                changed(asked, async move { backend.change_nodes(change, nodes).await })
            }
            Command::Fetch(fetch) => output::fetch(backend, self.record.clone(), fetch),
            Command::Stage(stage) => store::run(backend.host(), stage),
            Command::Reply { prompt, text, .. } => {
                backend.host().reply(prompt, text);
                ended(Progress::Done(Receipt::Noted))
            }
            Command::Reconnect(_) => {
                backend.host().reconnect();
                ended(Progress::Done(Receipt::Noted))
            }
            // Done above: they concern no cluster's host.
            Command::Save { .. } | Command::SaveLog(_) | Command::KeepColumns(_) | Command::Forget { .. } => {
                ended(Progress::Done(Receipt::Noted))
            }
            Command::LetTail(_) | Command::MakeKey(_) | Command::MakeNetwork(_) | Command::Operate { .. } | Command::KeepWay { .. } => {
                ended(Progress::Done(Receipt::Noted))
            }
        }
    }

    fn forgotten(self: Arc<Self>, cluster: ClusterId, token: String) -> BoxStream<'static, Progress> {
        let work = async move {
            match memory::forget(&self.record, token).await {
                Ok(true) => Progress::Done(Receipt::Noted),
                Ok(false) => {
                    Progress::Failed(Failure::new(FailureKind::Busy, cluster.as_str(), "somebody works on it, or its answer is known"))
                }
                Err(failure) => Progress::Failed(failure),
            }
        };
        work.into_stream().boxed()
    }
}

fn stale() -> Failure {
    let what = "it was cut off so long ago that nobody can tell any more whether it was sent";
    Failure::new(FailureKind::Conflict, "outbox", what).hint(
        "Look for the job in the queue and among the past jobs; then give this up in the outbox, and submit the script again if need be.",
    )
}

/// Writes a new file; complete or not at all.
fn saved(path: PathBuf, text: String) -> BoxStream<'static, Progress> {
    let work = move || {
        use std::io::Write as _;
        let path = at_home(&path);
        let wrong = |error: &std::io::Error| trouble::at(&path, error);
        let file = std::fs::File::options().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(&path))));
        written.map_err(|error| wrong(&error)).map(|()| Receipt::Saved(path.clone()))
    };
    let done = async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(receipt)) => Progress::Done(receipt),
            Ok(Err(failure)) => Progress::Failed(failure),
            Err(_) => Progress::Failed(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")),
        }
    };
    done.into_stream().boxed()
}

fn changed(asked: usize, work: impl Future<Output = Result<Refusals, Failure>> + Send + 'static) -> BoxStream<'static, Progress> {
    async move {
        match work.await {
            Ok(refused) => Progress::Done(Receipt::Changed { asked, refused }),
            Err(failure) => Progress::Failed(failure),
        }
    }
    .into_stream()
    .boxed()
}

fn kept<W>(file: Option<PathBuf>, write: W) -> BoxStream<'static, Progress>
where
    W: FnOnce(&std::path::Path) -> Result<PathBuf, Failure> + Send + 'static,
{
    let work = move || match file {
        Some(file) => write(&file),
        None => Err(Failure::new(FailureKind::NotFound, "qdeck", "there is no home folder to keep a configuration in")),
    };
    let done = async move {
        let stopped = || Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up"));
        let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| stopped());
        result.map_or_else(Progress::Failed, |file| Progress::Done(Receipt::Saved(file)))
    };
    done.into_stream().boxed()
}

fn ended(progress: Progress) -> BoxStream<'static, Progress> {
    stream::once(std::future::ready(progress)).boxed()
}
