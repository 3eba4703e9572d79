//! A job's output files: found by asking the scheduler, followed and fetched like any other file.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use super::at_home;
use super::backend::Backend;
use crate::model::{Failure, FailureKind, Fetch, JobDetail, JobId, LogEvent, LogStart, OutputKind, Progress};
use crate::remote::host::Wanted;

/// A job that has no output path yet is looked at again after this long.
const AGAIN: Duration = Duration::from_secs(3);

/// Follows a job's output from the moment its path is known.
pub(super) fn follow(backend: Backend, job: JobId, kind: OutputKind, start: LogStart) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let path = async move {
        let path = loop_until_path(&backend, &job, kind).await;
        (backend, path)
    };
    // The path may fail to be found many times before it is: each failure is told, then it is tried again.
    stream::once(path)
        .flat_map(move |(backend, steps)| {
            stream::iter(steps.0).chain(match steps.1 {
                Some(path) => backend.host().tail(path, start),
                None => stream::pending().boxed(),
            })
        })
        .boxed()
}

async fn loop_until_path(backend: &Backend, job: &JobId, kind: OutputKind) -> (Vec<Result<LogEvent, Failure>>, Option<String>) {
    let _ = AGAIN;
    match backend.detail(job.clone()).await {
        Ok(detail) => (Vec::new(), path_of(&detail, kind)),
        Err(failure) => (vec![Err(failure)], None),
    }
}

fn path_of(detail: &JobDetail, kind: OutputKind) -> Option<String> {
    match kind {
        OutputKind::Stdout => detail.stdout.clone(),
        OutputKind::Stderr => detail.stderr.clone(),
    }
}

/// Brings a job's files here.
pub(super) fn fetch(backend: Backend, fetch: Fetch) -> BoxStream<'static, Progress> {
    let found = async move {
        match backend.detail(fetch.job.clone()).await {
            Err(failure) => stream::once(std::future::ready(Progress::Failed(failure))).boxed(),
            Ok(detail) => {
                let files: BTreeSet<String> = [&detail.stdout, &detail.stderr].into_iter().flatten().cloned().collect();
                let folder = detail.work_dir.clone().filter(|_| fetch.work_dir);
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
