//! A job's output files: found by asking the scheduler, followed and fetched like any other file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use super::backend::Backend;
use super::{at_home, memory};
use crate::model::{ClusterId, Failure, FailureKind, Fetch, JobDetail, JobId, LogEvent, LogStart, OutputKind, Progress};
use crate::remote::host::Wanted;
use crate::remote::record::Record;

/// A job whose output path is not known yet is looked at again after this long.
const AGAIN: Duration = Duration::from_secs(5);

/// Where following a job's output has got to.
enum Step {
    /// Its path is looked for; the flag is whether the wait was told.
    Looking(bool),
    Reading(BoxStream<'static, Result<LogEvent, Failure>>),
    /// The scheduler does not know the job any more: nothing can come.
    Over,
}

/// Follows a job's output from the moment its path is known.
pub(super) fn follow(
    backend: Backend,
    record: Arc<Record>,
    (cluster, job): (ClusterId, JobId),
    kind: OutputKind,
    start: LogStart,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    stream::unfold((backend, (record, cluster), job, Step::Looking(false)), move |(backend, memory, job, mut step)| async move {
        loop {
            match step {
                Step::Reading(mut tail) => {
                    let event = tail.next().await?;
                    return Some((event, (backend, memory, job, Step::Reading(tail))));
                }
                Step::Over => std::future::pending().await,
                Step::Looking(told) => match memory::known(&memory.0, &memory.1, &job, backend.detail(job.clone()).await).await {
                    Ok(detail) => match path_of(&detail, kind) {
                        Some(path) => step = Step::Reading(backend.host().tail(path, start)),
                        // Nobody will ever tell its path any more.
                        None if detail.remembered.is_some() => {
                            let what = format!("the scheduler has forgotten job {job}, and where it wrote is not in qdeck's record");
                            return Some((Err(Failure::new(FailureKind::NotFound, "", what)), (backend, memory, job, Step::Over)));
                        }
                        None if !told => {
                            let why = format!("Job {job} has no output file yet: {}.", detail.state.long().to_lowercase());
                            return Some((Ok(LogEvent::Waiting { why }), (backend, memory, job, Step::Looking(true))));
                        }
                        None => {
                            tokio::time::sleep(AGAIN).await;
                            step = Step::Looking(true);
                        }
                    },
                    Err(failure) if failure.kind == FailureKind::NotFound => {
                        return Some((Err(failure), (backend, memory, job, Step::Over)));
                    }
                    Err(failure) => {
                        tokio::time::sleep(if told { AGAIN } else { Duration::ZERO }).await;
                        return Some((Err(failure), (backend, memory, job, Step::Looking(true))));
                    }
                },
            }
        }
    })
    .boxed()
}

fn path_of(detail: &JobDetail, kind: OutputKind) -> Option<String> {
    match kind {
        OutputKind::Stdout => detail.stdout.clone(),
        OutputKind::Stderr => detail.stderr.clone(),
    }
}

/// Brings a job's files here.
pub(super) fn fetch(backend: Backend, record: Arc<Record>, fetch: Fetch) -> BoxStream<'static, Progress> {
    let found = async move {
        match memory::known(&record, &fetch.cluster, &fetch.job, backend.detail(fetch.job.clone()).await).await {
            Err(failure) => stream::once(std::future::ready(Progress::Failed(failure))).boxed(),
            Ok(detail) => {
                let files: BTreeSet<String> = [&detail.stdout, &detail.stderr].into_iter().flatten().cloned().collect();
                let folder = detail.work_dir.filter(|_| fetch.work_dir);
                if fetch.work_dir && folder.is_none() || !fetch.work_dir && files.is_empty() {
                    let failure = Failure::new(FailureKind::NotFound, format!("job {}", fetch.job), "the scheduler names no files of it");
                    return stream::once(std::future::ready(Progress::Failed(failure))).boxed();
                }
                let wanted = Wanted { files: files.into_iter().collect(), folder, dest: at_home(&fetch.dest), existing: fetch.existing };
                backend.host().fetch(wanted)
            }
        }
    };
    let step = Progress::Step("asking where its files are".into());
    stream::once(std::future::ready(step)).chain(stream::once(found).flatten()).boxed()
}
