//! Which checks there are for a cluster, a host, this machine; the cluster itself is looked for meanwhile.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};

use super::Inner;
use crate::config::Passage;
use crate::model::{Answer, Cluster, ClusterId, ClusterKind, Failure, FailureKind, Finding, Scope};
use crate::remote::doctor::{self, Check, Outcome, failed};

impl Inner {
    /// A growing diagnosis, of this machine, of AWS, and of a cluster that is meant by its identifier or its name.
    pub(super) fn doctor(self: Arc<Self>, wanted: Option<ClusterId>) -> BoxStream<'static, Result<Answer, Failure>> {
        let mut checks = doctor::of_here(&self.here);
        #[cfg(feature = "aws")]
        if wanted.as_ref().is_none_or(|wanted| *wanted != ClusterId::local() && !self.directory.is_host(wanted)) {
            checks.extend(self.aws.sources().into_iter().flat_map(|(profile, region)| self.aws.account_checks(profile, region)));
        }
        if let Some(wanted) = wanted {
            checks.push(Check::new("cluster", async move {
                match self.meant(&wanted).await {
                    Ok(cluster) => self.checks_of(&cluster),
                    Err(failure) => failed("cluster", &failure).into(),
                }
            }));
        }
        doctor::diagnose(checks).map(|diagnosis| Ok(Answer::Doctor(diagnosis))).boxed()
    }

    async fn meant(&self, wanted: &ClusterId) -> Result<Cluster, Failure> {
        if let Some(known) = self.directory.known(wanted) {
            return Ok(known);
        }
        let fits = |cluster: &Cluster| cluster.id == *wanted || cluster.name == wanted.as_str();
        let fixed = self.directory.fixed().await;
        if let Some(found) = fixed.into_iter().find(fits) {
            return Ok(found);
        }
        #[cfg(feature = "aws")]
        {
            let asked = self
                .aws
                .sources()
                .into_iter()
                .map(|(profile, region)| async move { self.aws.clusters(profile.as_deref(), region.as_deref()).await });
            let (mut found, mut failure) = (Vec::new(), None);
            for answer in futures::future::join_all(asked).await {
                match answer {
                    Ok(clusters) => found.extend(clusters),
                    Err(why) => failure = Some(why),
                }
            }
            self.directory.learn(&found);
            let mut fitting = found.into_iter().filter(fits);
            match (fitting.next(), fitting.next(), failure) {
                (Some(one), None, _) => return Ok(one),
                (Some(one), Some(other), _) => {
                    let what = format!("several clusters are called {wanted}: {}, {}", one.id, other.id);
                    return Err(Failure::new(FailureKind::NotFound, "clusters", what).hint("Name one by profile/region/name."));
                }
                (None, _, Some(failure)) => return Err(failure),
                (None, _, None) => {}
            }
        }
        let what = format!("there is no cluster {wanted}");
        Err(Failure::new(FailureKind::NotFound, "clusters", what).hint("`qdeck clusters` lists those that can be found."))
    }

    fn checks_of(self: Arc<Self>, cluster: &Cluster) -> Outcome {
        let id = cluster.id.clone();
        let is_pcluster = cluster.kind == ClusterKind::ParallelCluster;
        let status = cluster.status.as_deref().map_or_else(String::new, |status| format!(", {status}"));
        let mut findings = vec![Finding::ok("cluster", format!("{id}{status}"))];
        findings.extend(cluster.failures.iter().map(|failure| Finding::bad("cluster", format!("{}: {}", failure.code, failure.reason))));
        let mut then = Vec::new();
        let mut otherwise = self.otherwise(cluster);
        #[cfg(feature = "aws")]
        if is_pcluster {
            then.extend(self.aws.cluster_checks(cluster, &self.here));
        }
        if id != ClusterId::local() {
            match self.directory.way(&id) {
                Ok(to) => {
                    findings.extend(
                        to.through.as_ref().map(|through| Finding::ok("way", format!("ssh goes {} to {}", through.words(), to.ssh))),
                    );
                    then.extend(doctor::of_way(&self.here, &to, self.directory.voucher(&id)));
                }
                Err(failure) => {
                    findings.push(failed("head node", &failure));
                    // The way that is set may lead nowhere while another one does.
                    then.append(&mut otherwise);
                }
            }
        }
        if let Ok(backend) = self.directory.backend(&id) {
            let host = backend.host();
            // That its commands are there says nothing of whether it answers.
            let kind = async move {
                let kind = backend.scheduler().await?.map(|scheduler| scheduler.kind());
                if kind.is_some() {
                    backend.jobs(Scope::Mine, false).await?;
                }
                Ok(kind)
            };
            let way = if id == ClusterId::local() { None } else { self.directory.way(&id).ok() };
            let head = doctor::Head { host, way, is_parallel_cluster: is_pcluster };
            then.extend(doctor::of_head(head, kind, otherwise));
        }
        Outcome { findings, then, ..Outcome::default() }
    }

    /// What to look at where the way to a cluster's head node leads nowhere: the others that there are.
    fn otherwise(&self, cluster: &Cluster) -> Vec<Check> {
        let head = cluster.head_node.clone().unwrap_or_default();
        if cluster.kind != ClusterKind::ParallelCluster || head.state.as_deref() != Some("running") {
            return Vec::new();
        }
        let passage = self.directory.passage(&cluster.id);
        let stranded = doctor::Stranded {
            cluster: cluster.id.clone(),
            login: self.directory.login(cluster).filter(|_| passage != Passage::LoginNodes),
            instance: head.instance_id.filter(|_| passage != Passage::SessionManager),
            region: cluster.region.clone(),
            profile: cluster.profile.clone(),
            file: self.config.as_ref().map(|file| file.display().to_string()),
        };
        doctor::of_detours(&self.here, stranded)
    }
}
