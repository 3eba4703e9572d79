//! A job's output files: found by asking the scheduler, followed and fetched like any other file.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use super::backend::Backend;
use super::{at_home, memory};
use crate::model::{ClusterId, Failure, FailureKind, Fetch, JobDetail, JobId, LogEvent, LogStart, OutputKind, Place, Progress};
use crate::remote::glob::{self, Known, Pattern};
use crate::remote::host::{Host, Wanted};
use crate::remote::record::Record;

/// A job whose output path is not known yet is looked at again after this long.
const AGAIN: Duration = Duration::from_secs(5);
const LISTING: Duration = Duration::from_secs(20);

/// Paths of outputs that were found: who scrolls in one does not ask the scheduler for it each time.
#[derive(Clone)]
pub(super) struct Paths {
    record: Arc<Record>,
    found: Arc<Mutex<HashMap<Output, String>>>,
}

/// One of a job's outputs.
pub(super) type Output = (ClusterId, JobId, OutputKind);

impl Paths {
    pub(super) fn new(record: Arc<Record>) -> Self {
        Self { record, found: Arc::default() }
    }

    fn note(&self, cluster: &ClusterId, job: &JobId, kind: OutputKind, path: &str) {
        let mut paths = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        paths.insert((cluster.clone(), job.clone(), kind), path.to_owned());
    }

    /// Where a job's output is.
    pub(super) async fn of(&self, backend: &Backend, cluster: &ClusterId, job: &JobId, kind: OutputKind) -> Result<String, Failure> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&(cluster.clone(), job.clone(), kind)).cloned();
        if let Some(path) = known {
            return Ok(path);
        }
        let path = self.look(backend, cluster, job, kind).await?;
        path.map_err(|why| Failure::new(FailureKind::NotFound, format!("job {job}"), why))
    }

    /// The path, or in words why there is none yet.
    async fn look(&self, backend: &Backend, cluster: &ClusterId, job: &JobId, kind: OutputKind) -> Result<Result<String, String>, Failure> {
        let detail = memory::known(&self.record, cluster, job, backend.detail(job.clone()).await).await?;
        match existing(backend, &detail, kind).await? {
            Some(path) => {
                self.note(cluster, job, kind, &path);
                Ok(Ok(path))
            }
            // Nobody will ever tell its path any more.
            None if detail.remembered.is_some() => {
                let what = format!("the scheduler has forgotten job {job}, and where it wrote is not in qdeck's record");
                Err(Failure::new(FailureKind::NotFound, "", what))
            }
            None => Ok(Err(format!("Job {job} has no output file yet: {}.", detail.state.long().to_lowercase()))),
        }
    }
}

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
    paths: Paths,
    (cluster, job, kind): Output,
    start: LogStart,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    stream::unfold(Step::Looking(false), move |mut step| {
        let (backend, paths, cluster, job) = (backend.clone(), paths.clone(), cluster.clone(), job.clone());
        async move {
            loop {
                match step {
                    Step::Reading(mut tail) => {
                        let event = tail.next().await?;
                        return Some((event, Step::Reading(tail)));
                    }
                    Step::Over => std::future::pending().await,
                    Step::Looking(told) => match paths.look(&backend, &cluster, &job, kind).await {
                        Ok(Ok(path)) => step = Step::Reading(backend.host().tail(path, start)),
                        Ok(Err(why)) if !told => return Some((Ok(LogEvent::Waiting { why }), Step::Looking(true))),
                        Ok(Err(_)) => {
                            tokio::time::sleep(AGAIN).await;
                            step = Step::Looking(true);
                        }
                        Err(failure) if failure.kind == FailureKind::NotFound => return Some((Err(failure), Step::Over)),
                        Err(failure) => {
                            tokio::time::sleep(if told { AGAIN } else { Duration::ZERO }).await;
                            return Some((Err(failure), Step::Looking(true)));
                        }
                    },
                }
            }
        }
    })
    .boxed()
}

/// The path of an output. One with holes, such as a node's name, is the first file that fits.
async fn existing(backend: &Backend, detail: &JobDetail, kind: OutputKind) -> Result<Option<String>, Failure> {
    let Some(path) = path_of(detail, kind) else { return Ok(None) };
    if !path.contains('%') {
        return Ok(Some(path));
    }
    let pattern = Pattern::slurm(&path, &known(detail));
    match pattern.name() {
        Some(name) => Ok(Some(name.to_owned())),
        None => Ok(files(&*backend.host(), &[pattern]).await?.into_iter().next()),
    }
}

fn path_of(detail: &JobDetail, kind: OutputKind) -> Option<String> {
    match kind {
        OutputKind::Stdout => detail.stdout.clone(),
        OutputKind::Stderr => detail.stderr.clone(),
    }
}

fn known(detail: &JobDetail) -> Known {
    let field = |key: &str| detail.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default();
    Known {
        job: field("JobId"),
        array_job: field("ArrayJobId"),
        array_task: field("ArrayTaskId"),
        name: field("JobName"),
        user: field("UserId").split('(').next().unwrap_or_default().to_owned(),
        work_dir: detail.work_dir.clone().unwrap_or_default(),
    }
}

/// The output files of a job that are there: its own, and those that its script's `srun`s write, one for each rank.
pub(super) async fn all(backend: Backend, paths: Paths, cluster: ClusterId, job: JobId) -> Result<Vec<String>, Failure> {
    // Side by side. A script that cannot be had (somebody else's job, or a queue that keeps none) only means fewer files.
    let (detail, again) = futures::join!(backend.detail(job.clone()), backend.again(&job));
    let detail = memory::known(&paths.record, &cluster, &job, detail).await?;
    let known = known(&detail);
    let script = again.ok().and_then(|told| told.submission.ok()).and_then(|(submission, _)| submission.text).unwrap_or_default();
    let own = [detail.stdout.clone(), detail.stderr.clone()].into_iter().flatten();
    let patterns: Vec<Pattern> = own.chain(glob::of_steps(&script)).map(|text| Pattern::slurm(&text, &known)).collect();
    if patterns.is_empty() {
        return Ok(Vec::new());
    }
    files(&*backend.host(), &patterns).await
}

/// The files of a machine that fit a shell's pattern.
pub(super) async fn globbed(host: Arc<dyn Host>, pattern: &str) -> Result<Vec<String>, Failure> {
    let found = files(&*host, &[Pattern::shell(pattern)]).await?;
    let place = match host.place() {
        Place::Here => "this machine".to_owned(),
        Place::Head(cluster) => cluster.to_string(),
    };
    if found.is_empty() { Err(Failure::new(FailureKind::NotFound, place, format!("no file fits {pattern}"))) } else { Ok(found) }
}

async fn files(host: &dyn Host, patterns: &[Pattern]) -> Result<Vec<String>, Failure> {
    let said = host.sh(glob::script(patterns), LISTING).await?;
    Ok(glob::read(&said, patterns))
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
