//! The record beside the queue: each answer is written down, and who left the queue is asked about once.

use std::sync::Arc;

use super::backend::Backend;
use crate::model::{
    Again, ClusterId, Failure, FailureKind, JobDetail, JobId, JobState, JobTable, Origin, Past, Place, Recall, Scope, Submission, Tasks,
    Unsent, Usual,
};
use crate::remote::record::{Record, Taken};

/// Accounting is asked for as much of the past as this, in seconds, where nobody says how much.
const WEEK: i64 = 7 * 86_400;
/// Nobody waits longer than this for the paths of a job that was just submitted.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Writes an answer down and adds what changed. The queue is shown even where nothing can be written down.
pub(super) async fn noted(record: &Arc<Record>, backend: &Backend, cluster: &ClusterId, scope: Scope, mut table: JobTable) -> JobTable {
    let (memory, id) = (record.clone(), cluster.clone());
    let seen = tokio::task::spawn_blocking(move || {
        let asked = memory.saw(&id, scope, &mut table);
        (table, asked)
    });
    let (mut table, asked) = match seen.await {
        Ok((table, Ok(asked))) => (table, asked),
        Ok((table, Err(failure))) => {
            tracing::warn!(%failure, "the queue could not be written down");
            return table;
        }
        Err(_) => return JobTable::default(),
    };
    if !asked.is_empty() {
        table.follow_ups = 1;
        match backend.ended(&asked).await {
            Ok(told) => {
                let id = cluster.clone();
                if let Err(failure) = blocking(record, move |record| record.complete(&id, &asked, &told)).await {
                    tracing::warn!(%failure, "the end of jobs could not be written down");
                }
            }
            // They are asked about again at the next look.
            Err(failure) => tracing::warn!(%failure, "the end of jobs could not be asked for"),
        }
    }
    table.changes = record.news(cluster);
    table
}

/// The same for an answer that holds the jobs' paths, which are remembered too.
pub(super) async fn with_paths(record: &Arc<Record>, backend: &Backend, cluster: &ClusterId, scope: Scope, table: JobTable) -> JobTable {
    let table = noted(record, backend, cluster, scope, table).await;
    let (memory, id) = (record.clone(), cluster.clone());
    let learnt = tokio::task::spawn_blocking(move || {
        if let Err(failure) = memory.learn_paths(&id, &table) {
            tracing::warn!(%failure, "paths could not be written down");
        }
        table
    });
    learnt.await.unwrap_or_default()
}

/// What is remembered, with what the scheduler's accounting remembers where there is one.
pub(super) async fn recall(record: &Arc<Record>, backend: &Backend, cluster: ClusterId, recall: Recall) -> Result<Vec<Past>, Failure> {
    let since = jiff::Timestamp::now().as_second() - recall.days.map_or(WEEK, |days| i64::from(days) * 86_400);
    // Text is looked for in what is known already: accounting is not asked once more at each letter.
    let accounted = if recall.text.is_empty() { backend.accounting(since, recall.everyone).await } else { Ok(None) };
    blocking(record, move |record| {
        // Without accounting (ParallelCluster's default), or while it cannot be reached, the local record is all there is.
        if let Ok(Some(told)) = accounted {
            record.learn(&cluster, &told, !recall.everyone)?;
        }
        record.recall(&cluster, &recall)
    })
    .await
}

pub(super) async fn unsent(record: &Arc<Record>) -> Result<Vec<Unsent>, Failure> {
    blocking(record, |record| record.unsent()).await
}

/// How long operations on clusters usually take.
pub(super) async fn usual(record: &Arc<Record>) -> Result<Usual, Failure> {
    blocking(record, |record| record.usual()).await
}

pub(super) async fn take(record: &Arc<Record>, token: String) -> Result<Taken, Failure> {
    blocking(record, move |record| record.take(&token)).await
}

pub(super) async fn forget(record: &Arc<Record>, token: String) -> Result<bool, Failure> {
    blocking(record, move |record| record.forget(&token)).await
}

/// What the scheduler says of a job, or else what qdeck remembers of it. What was found is remembered, its paths above all.
pub(super) async fn known(
    record: &Arc<Record>,
    cluster: &ClusterId,
    job: &JobId,
    told: Result<JobDetail, Failure>,
) -> Result<JobDetail, Failure> {
    match told {
        Ok(detail) => {
            let (id, past) = (cluster.clone(), past(&detail));
            if let Some(past) = past
                && let Err(failure) = blocking(record, move |record| record.note(&id, &past)).await
            {
                tracing::warn!(%failure, "a job could not be written down");
            }
            Ok(detail)
        }
        Err(failure) if failure.kind == FailureKind::NotFound => {
            let (id, wanted) = (cluster.clone(), job.clone());
            match blocking(record, move |record| record.remembered(&id, &wanted)).await {
                Ok(Some(past)) => Ok(remembered(&past)),
                Ok(None) | Err(_) => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    }
}

/// What a scheduler's detail says, as the record keeps it. `None` where it is not said which job it is.
fn past(detail: &JobDetail) -> Option<Past> {
    let number = |label: &str| detail.field(label).and_then(|n| n.split('-').next()).and_then(|n| n.parse().ok()).unwrap_or(0);
    let at = |label: &str| {
        let text = detail.field(label)?.trim_end_matches('Z');
        Some(format!("{text}Z").parse::<jiff::Timestamp>().ok()?.as_second())
    };
    let text = |label: &str| detail.field(label).unwrap_or_default().to_owned();
    if detail.id.as_str().contains('[') || detail.field("ArrayTaskId").is_some_and(|task| task.parse::<u32>().is_err()) {
        return None;
    }
    let (array, task) = (text("ArrayJobId"), text("ArrayTaskId"));
    let waits = detail.state.is_waiting();
    Some(Past {
        id: if array.is_empty() { detail.id.to_string() } else { format!("{array}_{task}") },
        array,
        name: text("JobName"),
        user: detail.field("UserId").and_then(|user| user.split('(').next()).unwrap_or_default().to_owned(),
        partition: text("Partition"),
        state: Some(detail.state),
        exit_code: detail.exit_code.clone(),
        nodes: number("NumNodes"),
        node_list: text("NodeList"),
        cpus: number("NumCPUs"),
        submitted: Some(at("SubmitTime")?),
        started: at("StartTime").filter(|_| !waits),
        ended: at("EndTime").filter(|_| detail.state.is_over()),
        work_dir: detail.work_dir.clone().unwrap_or_default(),
        stdout: detail.stdout.clone().unwrap_or_default(),
        stderr: detail.stderr.clone().unwrap_or_default(),
        command: text("Command"),
        seen: 0,
        origin: if detail.state.is_over() { Origin::End } else { Origin::Queue },
    })
}

/// A remembered job as if its scheduler had told of it.
fn remembered(past: &Past) -> JobDetail {
    let at = |seconds: Option<i64>| seconds.and_then(|s| jiff::Timestamp::from_second(s).ok()).map(|t| t.to_string()).unwrap_or_default();
    let number = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let run = past.ended.zip(past.started).and_then(|(end, start)| u64::try_from(end - start).ok());
    let fields = [
        ("JobId", past.id.clone()),
        ("ArrayJobId", past.array.clone()),
        ("JobName", past.name.clone()),
        ("UserId", past.user.clone()),
        ("JobState", past.state.map_or("UNKNOWN", JobState::long).to_owned()),
        ("ExitCode", past.exit_code.clone().unwrap_or_default()),
        ("Partition", past.partition.clone()),
        ("NumNodes", number(past.nodes)),
        ("NodeList", past.node_list.clone()),
        ("NumCPUs", number(past.cpus)),
        ("SubmitTime", at(past.submitted)),
        ("StartTime", at(past.started)),
        ("EndTime", at(past.ended)),
        ("RunTime", run.map(crate::model::duration::slurm).unwrap_or_default()),
        ("Command", past.command.clone()),
        ("WorkDir", past.work_dir.clone()),
        ("StdOut", past.stdout.clone()),
        ("StdErr", past.stderr.clone()),
    ];
    let path = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let task = past.id.split_once('_').map(|(_, task)| ("ArrayTaskId".to_owned(), task.to_owned()));
    JobDetail {
        id: JobId::new(&past.id),
        scheduler: crate::model::SchedulerKind::Slurm,
        state: past.state.unwrap_or(JobState::Unknown),
        exit_code: past.exit_code.clone(),
        stdout: path(&past.stdout),
        stderr: path(&past.stderr).or_else(|| path(&past.stdout)),
        work_dir: path(&past.work_dir),
        fields: fields.into_iter().filter(|(_, v)| !v.is_empty()).map(|(l, v)| (l.to_owned(), v)).chain(task).collect(),
        usage: None,
        remembered: Some(past.seen),
    }
}

/// A job's paths are learnt while its scheduler is sure to know them: right after it took the job.
pub(super) async fn took(record: &Arc<Record>, backend: &Backend, cluster: &ClusterId, job: &JobId) {
    let asked = tokio::time::timeout(PATIENCE, backend.ended(std::slice::from_ref(job))).await;
    let (Ok(Ok(told)), id) = (asked, cluster.clone()) else { return };
    let _ = blocking(record, move |record| record.took(&id, &told)).await;
}

/// How a job was submitted: as qdeck itself did it, else as the scheduler tells, else from what is remembered of it.
pub(super) async fn again(record: &Arc<Record>, backend: &Backend, cluster: ClusterId, job: JobId) -> Result<Again, Failure> {
    let told = backend.again(&job).await?;
    let (id, wanted) = (cluster.clone(), job.clone());
    let (sent, past, tasks) = blocking(record, move |record| {
        let whole = wanted.as_str().split('_').next().unwrap_or(wanted.as_str());
        Ok((record.submitted(&id, &wanted)?, record.remembered(&id, &wanted)?, record.tasks(&id, whole)?))
    })
    .await?;
    // A cluster that was made anew begins to count again: the token, or else the time, tells whether it is the same job.
    let same = |token: &str, begun: i64| match (&told.token, &told.submission) {
        (Some(known), _) => known == token,
        (None, Ok(_)) => false,
        (None, Err(_)) => past.as_ref().and_then(|past| past.submitted).is_some_and(|at| (begun - 60..begun + 900).contains(&at)),
    };
    let sent = sent.filter(|(draft, begun)| same(&draft.token, *begun)).map(|(draft, _)| draft.submission);
    let (mut submission, notes) = match (sent, told.submission) {
        (Some(sent), told) => {
            let dir = told.as_ref().ok().and_then(|(told, _)| told.dir.clone());
            let (text, notes) = match (&sent.text, told) {
                (Some(text), _) => (Some(text.clone()), Vec::new()),
                (None, Ok((told, _))) => (told.text, Vec::new()),
                (None, Err(_)) => (None, vec!["The scheduler has forgotten its script: the file is taken as it is now.".to_owned()]),
            };
            // The same folder as then: where the script lies, unless something else was asked for.
            let dir = sent.dir.clone().or(dir).or_else(|| past.as_ref().map(|past| past.work_dir.clone()).filter(|dir| !dir.is_empty()));
            (Submission { text, dir, ..sent }, notes)
        }
        (None, Ok(told)) => told,
        (None, Err(failure)) if failure.kind == FailureKind::NotFound => from_file(past.as_ref(), &cluster, backend).ok_or(failure)?,
        (None, Err(failure)) => return Err(failure),
    };
    submission.cluster = cluster;
    let mut tasks = Tasks { states: merged(told.tasks.states, tasks), ..told.tasks };
    if tasks.states.is_empty() {
        return Ok(Again { submission, notes, tasks: None });
    }
    let own = submission.options.iter().rev().find_map(|option| option.strip_prefix("--array=").map(str::to_owned));
    let own = own.or_else(|| crate::model::Directives::read(submission.text.as_deref()?).array);
    let own = own.as_deref().and_then(crate::model::list::numbers);
    tasks.limit = tasks.limit.or_else(|| own.as_ref().and_then(|(_, limit)| *limit));
    let mut again = Again { submission, notes, tasks: None };
    match job.as_str().split_once('_').filter(|(_, task)| task.parse::<u32>().is_ok()) {
        // One task is meant, not its array.
        Some((_, task)) => again.submission = again.only(task),
        None if own.is_none() => again.submission = again.only(&tasks.list(&tasks.of(|_| true))),
        None => {}
    }
    again.tasks = Some(tasks);
    Ok(again)
}

/// What the scheduler says of a task stands before what is remembered, unless it has only forgotten.
fn merged(told: Vec<(u32, JobState)>, remembered: Vec<(u32, JobState)>) -> Vec<(u32, JobState)> {
    let mut all: std::collections::BTreeMap<u32, JobState> = remembered.into_iter().collect();
    all.extend(told.into_iter().filter(|(_, state)| *state != JobState::Unknown));
    all.into_iter().collect()
}

/// The script file that a forgotten job was made from, as it is now.
fn from_file(past: Option<&Past>, cluster: &ClusterId, backend: &Backend) -> Option<(Submission, Vec<String>)> {
    let past = past.filter(|past| past.command.starts_with('/'))?;
    let mut words = past.command.split(' ').map(str::to_owned);
    let path = words.next()?;
    let place = if backend.is_remote() { Place::Head(cluster.clone()) } else { Place::Here };
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut options = vec![format!("--job-name={}", past.name)];
    options.extend(known(&past.partition).map(|partition| format!("--partition={partition}")));
    let args = words.filter(|word| !word.is_empty()).collect();
    let submission = Submission { cluster: cluster.clone(), place, path, dir: known(&past.work_dir), args, options, text: None };
    let notes = vec![
        "The scheduler has forgotten this job: its script is the file as it is now, and of its options only name and partition are known."
            .to_owned(),
    ];
    Some((submission, notes))
}

async fn blocking<T: Send + 'static>(
    record: &Arc<Record>,
    work: impl FnOnce(&Record) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let record = record.clone();
    let done = tokio::task::spawn_blocking(move || work(&record)).await;
    done.unwrap_or_else(|_| Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")))
}
