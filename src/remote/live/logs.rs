//! Logs: files on a host, and streams of CloudWatch.
//!
//! Never guesses which of the two a log is: its source says it.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};

use super::{Inner, no_streams};
use crate::model::{Answer, ClusterId, Failure, FailureKind, LogPlace, LogSource};
use crate::remote::host::Host;
use crate::remote::part::Found;

impl Inner {
    /// Where a log that is a file lies, and what is behind its path there.
    async fn log_file(&self, source: LogSource) -> Result<(Arc<dyn Host>, String), Failure> {
        match source {
            LogSource::File { place, path } => Ok((self.host(&place)?, path)),
            LogSource::Output { cluster, job, kind } => {
                let backend = self.directory.backend(&cluster)?;
                let path = self.paths.of(&backend, &cluster, &job, kind).await?;
                Ok((backend.host(), path))
            }
            LogSource::Stream { cluster, .. } => Err(no_streams(&cluster)),
        }
    }

    pub(super) async fn log_range(&self, source: LogSource, at: LogPlace, bytes: i64) -> Result<Answer, Failure> {
        match (source, at) {
            #[cfg(feature = "aws")]
            (LogSource::Stream { cluster, group, stream }, LogPlace::Moment(at)) => {
                self.aws.part(&self.on_aws(&cluster)?, &group, &stream, at, bytes).await
            }
            (source, LogPlace::Byte(at)) => {
                let (host, path) = self.log_file(source).await?;
                let part = host.part(path, at, bytes).await?;
                let end = part.start + part.bytes.len() as u64;
                let (start, end) = (LogPlace::Byte(part.start), LogPlace::Byte(end));
                Ok(Answer::LogRange { start, end, bytes: part.bytes, is_start: start == LogPlace::Byte(0), is_end: part.is_end })
            }
            (_, LogPlace::Moment(_)) => Err(Failure::new(FailureKind::Unsupported, "the log", "a file is read by bytes, not by time")),
        }
    }

    pub(super) async fn log_find(&self, source: LogSource, pattern: String, insensitive: bool) -> Result<Found, Failure> {
        #[cfg(feature = "aws")]
        if let LogSource::Stream { cluster, group, stream } = &source {
            return self.aws.find(&self.on_aws(cluster)?, group, stream, &pattern, insensitive).await;
        }
        let (host, path) = self.log_file(source).await?;
        host.find(path, pattern, insensitive).await
    }

    #[cfg(feature = "aws")]
    pub(super) fn streams(&self, cluster: &ClusterId, group: Option<String>) -> BoxStream<'static, Result<Answer, Failure>> {
        match self.on_aws(cluster) {
            Ok(known) => self.aws.streams(known, group).map(|streams| streams.map(Answer::Streams)).boxed(),
            Err(failure) => stream::once(std::future::ready(Err(failure))).boxed(),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "the other build asks AWS here")]
    pub(super) fn streams(&self, cluster: &ClusterId, _group: Option<String>) -> BoxStream<'static, Result<Answer, Failure>> {
        stream::once(std::future::ready(Err(no_streams(cluster)))).boxed()
    }
}
