//! The record beside the queue: each answer is written down, and who left the queue is asked about once.

use std::sync::Arc;

use super::backend::Backend;
use crate::model::{ClusterId, Failure, FailureKind, JobTable, Past, Recall, Scope, Unsent};
use crate::remote::record::{Draft, Record};

/// Accounting is asked for as much of the past as this, in seconds, where nobody says how much.
const WEEK: i64 = 7 * 86_400;

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

/// What is remembered, with what the scheduler's accounting remembers where there is one.
pub(super) async fn recall(record: &Arc<Record>, backend: &Backend, cluster: ClusterId, recall: Recall) -> Result<Vec<Past>, Failure> {
    let since = jiff::Timestamp::now().as_second() - recall.days.map_or(WEEK, |days| i64::from(days) * 86_400);
    let accounted = backend.accounting(since, recall.everyone).await;
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

pub(super) async fn take(record: &Arc<Record>, token: String) -> Result<Option<Draft>, Failure> {
    blocking(record, move |record| record.take(&token)).await
}

async fn blocking<T: Send + 'static>(
    record: &Arc<Record>,
    work: impl FnOnce(&Record) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let record = record.clone();
    let done = tokio::task::spawn_blocking(move || work(&record)).await;
    done.unwrap_or_else(|_| Err(Failure::new(FailureKind::Stopped, "qdeck", "the work was given up")))
}
