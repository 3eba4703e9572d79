//! What a first cluster needs of the world besides what it finds there: prices, a key pair, a network.
//!
//! A price that does not come in time holds up nobody.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "aws")]
use futures::future::FutureExt;
#[cfg(feature = "aws")]
use futures::stream::{self, BoxStream, StreamExt};

use super::Inner;
use crate::model::price::NAT;
use crate::model::{Answer, Failure, FailureKind, Purchase};
#[cfg(feature = "aws")]
use crate::model::{KeyPair, NewNetwork, Progress};

/// Somebody waits for an answer before the next question.
const PATIENCE: Duration = Duration::from_secs(8);

impl Inner {
    /// What an hour of these types costs, as far as AWS says so in time.
    pub(super) async fn quotes(&self, profile: Option<&str>, region: &str, names: &[String]) -> Result<Answer, Failure> {
        for name in names {
            self.book.using(profile, region, name, Purchase::OnDemand);
            if name != NAT {
                self.book.using(profile, region, name, Purchase::Spot);
            }
        }
        #[cfg(feature = "aws")]
        let late = tokio::time::timeout(PATIENCE, self.ask_prices()).await.is_err();
        #[cfg(not(feature = "aws"))]
        let late = false;
        let mut answer = self.known_prices().await;
        if let Answer::Prices(prices) = &mut answer
            && late
        {
            let what = format!("prices: no answer in {} s", PATIENCE.as_secs());
            Arc::make_mut(prices).trouble.get_or_insert_with(|| Failure::new(FailureKind::TimedOut, format!("AWS, region {region}"), what));
        }
        Ok(answer)
    }

    #[cfg(feature = "aws")]
    pub(super) fn make_key(self: Arc<Self>, key: KeyPair) -> BoxStream<'static, Progress> {
        let work = async move { self.aws.make_key(&key).await.map_or_else(Progress::Failed, Progress::Done) };
        work.into_stream().boxed()
    }

    /// ParallelCluster's version says which template; without the program nothing could be made of the network anyhow.
    #[cfg(feature = "aws")]
    pub(super) fn make_network(self: Arc<Self>, wanted: NewNetwork) -> BoxStream<'static, Progress> {
        let begun = async move {
            match self.pcluster.version().await {
                Ok(version) => self.aws.make_network(wanted, version),
                Err(failure) => stream::once(std::future::ready(Progress::Failed(failure))).boxed(),
            }
        };
        stream::once(begun).flatten().boxed()
    }
}
