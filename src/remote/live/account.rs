//! What is asked of an AWS account rather than of a cluster in it.
//!
//! Without AWS in the build every answer here says so.

use super::Inner;
#[cfg(not(feature = "aws"))]
use super::without_aws;
#[cfg(feature = "aws")]
use super::{no_account, no_streams};
#[cfg(feature = "aws")]
use crate::model::ClusterId;
use crate::model::{Cluster, Failure, Source};

#[cfg(feature = "aws")]
impl Inner {
    pub(super) async fn ground(&self, source: Source) -> Result<crate::model::Ground, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.ground(profile.as_deref(), region.as_deref()).await,
            Source::Fixed => Err(no_account()),
        }
    }

    pub(super) async fn machines(&self, source: Source, names: &[String]) -> Result<Vec<crate::model::Machine>, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.machines(profile.as_deref(), region.as_deref(), names).await,
            Source::Fixed => Err(no_account()),
        }
    }

    /// A cluster that none of the sources has, in the other regions of their accounts.
    pub(super) async fn locate(&self, name: &str) -> Result<Vec<Cluster>, Failure> {
        let mut profiles: Vec<Option<String>> = self.aws.sources().into_iter().map(|(profile, _)| profile).collect();
        profiles.dedup();
        let looks = profiles.iter().map(|profile| self.aws.locate(profile.as_deref(), name));
        let mut found = Vec::new();
        for look in futures::future::join_all(looks).await {
            found.extend(look?);
        }
        self.directory.learn(&found);
        Ok(found)
    }

    /// A cluster of AWS, be it gone: its identifier says where its log groups are.
    pub(super) fn on_aws(&self, cluster: &ClusterId) -> Result<Cluster, Failure> {
        if let Some(known) = self.directory.known(cluster) {
            return Ok(known);
        }
        let mut parts = cluster.as_str().split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(profile), Some(region), Some(_), None) => {
                let mut gone = Cluster::named(cluster.clone(), crate::model::ClusterKind::ParallelCluster);
                gone.profile = Some(profile.to_owned()).filter(|profile| profile != "default" || self.aws.names(profile));
                // A cluster that is to be may have nothing but its account's own region.
                gone.region = Some(region.to_owned()).filter(|region| region != "default");
                Ok(gone)
            }
            _ => Err(no_streams(cluster)),
        }
    }

    pub(super) async fn groups(&self, source: Source) -> Result<Vec<crate::model::LogGroup>, Failure> {
        match source {
            Source::Aws { profile, region } => self.aws.groups(profile.as_deref(), region.as_deref()).await,
            Source::Fixed => Ok(Vec::new()),
        }
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "the other build asks AWS here")]
impl Inner {
    pub(super) async fn ground(&self, _source: Source) -> Result<crate::model::Ground, Failure> {
        Err(without_aws())
    }

    pub(super) async fn machines(&self, _source: Source, _names: &[String]) -> Result<Vec<crate::model::Machine>, Failure> {
        Err(without_aws())
    }

    pub(super) async fn locate(&self, _name: &str) -> Result<Vec<Cluster>, Failure> {
        Ok(Vec::new())
    }

    pub(super) async fn groups(&self, source: Source) -> Result<Vec<crate::model::LogGroup>, Failure> {
        match source {
            Source::Aws { .. } => Err(without_aws()),
            Source::Fixed => Ok(Vec::new()),
        }
    }
}
