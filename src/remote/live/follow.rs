//! Questions whose answer goes on: links, logs, and lists that grow while they are asked for.
//!
//! Ends nothing by itself: a failure is told and then there is silence, until nobody listens.

use std::sync::Arc;

use futures::future::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

#[cfg(not(feature = "aws"))]
use super::without_aws;
use super::{Inner, output};
use crate::model::{Answer, Failure, LogSource, Query};
use crate::remote::Remote;

impl Inner {
    pub(super) fn follow(self: Arc<Self>, query: Query) -> BoxStream<'static, Result<Answer, Failure>> {
        if let Some(demo) = query.cluster().and_then(|cluster| self.is_simulated(cluster)) {
            return demo.follow(query);
        }
        match query {
            Query::Link(cluster) => self.directory.link(cluster).map(|link| Ok(Answer::Link(link))).boxed(),
            Query::Log(LogSource::File { place, path }, start) => match self.host(&place) {
                Ok(host) => host.tail(path, start).map(|event| event.map(Answer::Log)).boxed(),
                Err(failure) => failed(failure),
            },
            Query::Log(LogSource::Output { cluster, job, kind }, start) => match self.directory.backend(&cluster) {
                Ok(backend) => {
                    let events = output::follow(backend, self.paths.clone(), (cluster, job, kind), start);
                    events.map(|event| event.map(Answer::Log)).boxed()
                }
                Err(failure) => failed(failure),
            },
            #[cfg(feature = "aws")]
            Query::Log(LogSource::Stream { cluster, group, stream }, start) => match self.on_aws(&cluster) {
                Ok(known) => self.aws.follow(known, group, stream, start).map(|event| event.map(Answer::Log)).boxed(),
                Err(failure) => failed(failure),
            },
            #[cfg(not(feature = "aws"))]
            Query::Log(LogSource::Stream { .. }, _) => failed(without_aws()),
            Query::Streams(cluster) => self.streams(&cluster, None),
            Query::GroupStreams { cluster, group } => self.streams(&cluster, Some(group)),
            Query::Prices => self.follow_prices(),
            #[cfg(feature = "aws")]
            Query::Events(cluster) => self.told(cluster),
            #[cfg(feature = "aws")]
            query @ Query::Bootstrap { .. } => self.written(query),
            Query::Doctor(cluster) => self.doctor(cluster),
            other => self.ask(other).into_stream().boxed(),
        }
    }
}

fn failed(failure: Failure) -> BoxStream<'static, Result<Answer, Failure>> {
    stream::once(std::future::ready(Err(failure))).chain(stream::pending()).boxed()
}
