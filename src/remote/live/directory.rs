//! Which clusters are known and how each is reached. Connections are made when they are first needed and then shared.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

#[cfg(feature = "aws")]
use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::at_home;
use super::backend::Backend;
use crate::config::{ClusterEntry, Config, Via};
use crate::model::text::quoted;
use crate::model::{Cluster, ClusterId, ClusterKind, Failure, FailureKind, SchedulerKind};
use crate::remote::host::Host;
use crate::remote::runner::Runner;
use crate::remote::scheduler;
use crate::remote::ssh::{Destination, SshHost};
#[cfg(feature = "aws")]
use crate::remote::voucher::HostKey;
use crate::remote::voucher::Voucher;

/// The way to a cluster's queue, and what it was made for: another destination or another machine there needs another one.
struct Way {
    to: Destination,
    instance: Option<String>,
    backend: Backend,
}

/// The directory.
pub(super) struct Directory {
    config: Config,
    here: Arc<dyn Host>,
    jobs_dir: PathBuf,
    known: RwLock<HashMap<ClusterId, Cluster>>,
    backends: Mutex<HashMap<ClusterId, Way>>,
    local: Mutex<Option<Backend>>,
    #[cfg(feature = "aws")]
    aws: crate::remote::aws::Aws,
}

impl Directory {
    pub(super) fn new(config: Config, here: Arc<dyn Host>, jobs_dir: PathBuf) -> Self {
        Self {
            #[cfg(feature = "aws")]
            aws: crate::remote::aws::Aws::new(&config.aws),
            config,
            here,
            jobs_dir,
            known: RwLock::default(),
            backends: Mutex::default(),
            local: Mutex::default(),
        }
    }

    #[cfg(feature = "aws")]
    /// The same with an AWS side that is there already.
    pub(super) fn beside(self, aws: crate::remote::aws::Aws) -> Self {
        Self { aws, ..self }
    }

    /// Hosts from the configuration, and this machine: with its own batch system if it has one, else with the embedded runner.
    pub(super) async fn fixed(&self) -> Vec<Cluster> {
        let mut all: Vec<Cluster> = self
            .config
            .hosts
            .iter()
            .map(|host| {
                let mut cluster = Cluster::named(ClusterId::new(&host.name), ClusterKind::Host);
                cluster.scheduler = host.scheduler.map(SchedulerKind::from);
                cluster
            })
            .collect();
        let found = scheduler::detect();
        let said = self.here.sh(found.script, std::time::Duration::from_secs(5)).await;
        let kind = said.and_then(|said| (found.read)(&said)).ok().filter(|kind| scheduler::scheduler(*kind).is_ok());
        let mut local = Cluster::named(ClusterId::local(), ClusterKind::Local);
        local.scheduler = Some(kind.unwrap_or(SchedulerKind::Runner));
        let backend = match kind {
            Some(kind) => Backend::Batch {
                name: "local".into(),
                host: self.here.clone(),
                scheduler: Arc::new(OnceCell::new()),
                configured: Some(kind),
            },
            None => Backend::Runner { host: self.here.clone(), runner: Runner::open(self.jobs_dir.clone()).map(Arc::new) },
        };
        if let Ok(mut slot) = self.local.lock() {
            slot.get_or_insert(backend);
        }
        all.push(local);
        all
    }

    #[cfg(feature = "aws")]
    /// Remembers what AWS said, for reaching the head nodes later.
    pub(super) fn learn(&self, clusters: &[Cluster]) {
        if let Ok(mut known) = self.known.write() {
            known.extend(clusters.iter().map(|cluster| (cluster.id.clone(), cluster.clone())));
        }
    }

    /// A cluster that AWS told of.
    pub(super) fn known(&self, id: &ClusterId) -> Option<Cluster> {
        self.known.read().ok()?.get(id).cloned()
    }

    /// Every cluster that AWS told of.
    pub(super) fn all_known(&self) -> Vec<Cluster> {
        self.known.read().map(|known| known.values().cloned().collect()).unwrap_or_default()
    }

    /// The way to a cluster's queue.
    pub(super) fn backend(&self, id: &ClusterId) -> Result<Backend, Failure> {
        if *id == ClusterId::local() {
            let local = self.local.lock().ok().and_then(|slot| slot.clone());
            return local.ok_or_else(|| Failure::new(FailureKind::Busy, "local", "this machine is still being looked at"));
        }
        let (target, configured) = self.target(id)?;
        let mut backends = self.backends.lock().map_err(|_| Failure::new(FailureKind::Stopped, id.as_str(), "a task died"))?;
        // A head node that was stopped and started has another address: then the old connection is of no use.
        let instance = self.known(id).and_then(|cluster| cluster.head_node?.instance_id);
        if let Some(way) = backends.get(id)
            && way.to == target
            && way.instance == instance
        {
            return Ok(way.backend.clone());
        }
        let host = Arc::new(SshHost::vouched(id.clone(), target.clone(), self.voucher(id)));
        let backend = Backend::Batch { name: id.to_string(), host, scheduler: Arc::new(OnceCell::new()), configured };
        backends.insert(id.clone(), Way { to: target, instance, backend: backend.clone() });
        Ok(backend)
    }

    /// Who vouches for the host keys of a cluster's head node: EC2, where the cluster is of EC2.
    #[cfg(feature = "aws")]
    pub(super) fn voucher(&self, id: &ClusterId) -> Option<Arc<dyn Voucher>> {
        if self.is_host(id) {
            return None;
        }
        let cluster = self.known(id)?;
        let instance = cluster.head_node?.instance_id?;
        Some(Arc::new(Console { aws: self.aws.clone(), profile: cluster.profile, region: cluster.region, instance }))
    }

    /// Who vouches for the host keys of a cluster's head node: nobody without AWS.
    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "with AWS it is asked")]
    pub(super) fn voucher(&self, _id: &ClusterId) -> Option<Arc<dyn Voucher>> {
        None
    }

    #[cfg(feature = "aws")]
    /// Whether it is one of the configuration's own hosts.
    pub(super) fn is_host(&self, id: &ClusterId) -> bool {
        self.config.hosts.iter().any(|host| host.name == id.as_str())
    }

    /// Where ssh would go.
    pub(super) fn way(&self, id: &ClusterId) -> Result<Destination, Failure> {
        self.target(id).map(|(target, _)| target)
    }

    fn target(&self, id: &ClusterId) -> Result<(Destination, Option<SchedulerKind>), Failure> {
        let config_file = self.config.ssh.config_file.as_deref().map(at_home);
        let named = Destination { name: id.to_string(), ..Destination::default() };
        if let Some(host) = self.config.hosts.iter().find(|host| host.name == id.as_str()) {
            let target = Destination { ssh: host.ssh.clone(), config_file, ..named };
            return Ok((target, host.scheduler.map(SchedulerKind::from)));
        }
        let unknown = || {
            Failure::new(FailureKind::NotFound, id.as_str(), "there is no such cluster")
                .hint("`qdeck clusters` lists those that can be found; profiles, regions and hosts are set in the config.")
        };
        let cluster = self.known(id).ok_or_else(unknown)?;
        let none = ClusterEntry::default();
        let entry = self.config.clusters.get(id.as_str()).or_else(|| self.config.clusters.get(&cluster.name)).unwrap_or(&none);
        let head = cluster.head_node.clone().unwrap_or_default();
        let settings = detours(entry, &cluster);
        if let Some(ssh) = &entry.ssh {
            let target = Destination {
                ssh: ssh.clone(),
                settings,
                user: entry.user.clone(),
                key: entry.key.as_deref().map(at_home),
                config_file,
                ..named
            };
            return Ok((target, cluster.scheduler));
        }
        let Some(address) = head.address.clone().filter(|_| head.state.as_deref() == Some("running")) else {
            let state = head.state.as_deref().unwrap_or("missing");
            let what = format!("its head node is {state}");
            return Err(
                Failure::new(FailureKind::Unreachable, id.as_str(), what).hint("Start the head node in EC2, or wait until it runs.")
            );
        };
        let key = entry.key.as_deref().map(at_home).or_else(|| key_file(head.key_name.as_deref()?));
        // Session Manager knows instances by their identifiers.
        let address = head.instance_id.clone().filter(|_| entry.via == Some(Via::Ssm)).unwrap_or(address);
        let target = Destination { ssh: address, settings, user: entry.user.clone().or(head.user), key, config_file, ..named };
        Ok((target, cluster.scheduler))
    }
}

/// What an instance printed to its console when it was first started.
#[cfg(feature = "aws")]
struct Console {
    aws: crate::remote::aws::Aws,
    profile: Option<String>,
    region: Option<String>,
    instance: String,
}

#[cfg(feature = "aws")]
impl Voucher for Console {
    fn name(&self) -> String {
        format!("EC2's console output of {}", self.instance)
    }

    fn keys(&self) -> BoxFuture<'static, Result<Vec<HostKey>, Failure>> {
        let (aws, profile, region, instance) = (self.aws.clone(), self.profile.clone(), self.region.clone(), self.instance.clone());
        Box::pin(async move { aws.host_keys(profile.as_deref(), region.as_deref(), &instance).await })
    }
}

/// What ssh is told of the way to a head node that is not simply reached.
fn detours(entry: &ClusterEntry, cluster: &Cluster) -> Vec<String> {
    let jump = entry.jump.iter().map(|jump| format!("ProxyJump={jump}"));
    let instance = cluster.head_node.as_ref().and_then(|head| head.instance_id.as_deref()).filter(|_| entry.via == Some(Via::Ssm));
    let ssm = instance.map(|instance| {
        let option = |name: &str, value: Option<&String>| value.map_or_else(String::new, |value| format!(" --{name} {}", quoted(value)));
        let (region, profile) = (option("region", cluster.region.as_ref()), option("profile", cluster.profile.as_ref()));
        let session = format!("aws ssm start-session --target {} --document-name AWS-StartSSHSession", quoted(instance));
        // A percent sign means something to ssh.
        format!("ProxyCommand={}", format!("{session}{region}{profile}").replace('%', "%%")) + " --parameters portNumber=%p"
    });
    ssm.into_iter().chain(jump).collect()
}

/// Where people keep the private half of an EC2 key pair. `None` leaves the choice to ssh: its agent and its own defaults.
fn key_file(name: &str) -> Option<PathBuf> {
    // The name comes from AWS: it must not lead out of the folder.
    if name.contains(['/', '\0']) || name.starts_with('.') {
        return None;
    }
    let home = etcetera::home_dir().ok()?;
    [format!(".ssh/{name}.pem"), format!(".ssh/{name}")].iter().map(|file| home.join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HeadNode;

    #[test]
    fn a_head_node_without_an_address_is_reached_through_the_session_manager_or_a_jump() {
        let mut cluster = Cluster::named(ClusterId::new("lab/eu-west-1/demo"), ClusterKind::ParallelCluster);
        (cluster.region, cluster.profile) = (Some("eu-west-1".into()), Some("my lab".into()));
        cluster.head_node = Some(HeadNode { instance_id: Some("i-0abc".into()), ..HeadNode::default() });
        let entry = ClusterEntry { via: Some(Via::Ssm), jump: Some("login".into()), ..ClusterEntry::default() };
        let profile = quoted("my lab");
        let ssm = format!(
            "ProxyCommand=aws ssm start-session --target {} --document-name AWS-StartSSHSession --region {} --profile {profile} --parameters portNumber=%p",
            quoted("i-0abc"),
            quoted("eu-west-1")
        );
        assert_eq!(detours(&entry, &cluster), [ssm, "ProxyJump=login".to_owned()]);
        assert!(detours(&ClusterEntry::default(), &cluster).is_empty());
    }
}
