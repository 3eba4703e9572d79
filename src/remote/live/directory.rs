//! Which clusters are known and how each is reached. Connections are made when they are first needed and then shared.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

#[cfg(feature = "aws")]
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{OnceCell, watch};

use super::at_home;
use super::backend::Backend;
use crate::config::{ClusterEntry, Config, Passage, instance_in};
use crate::model::{Cluster, ClusterId, ClusterKind, Failure, FailureKind, HeadNode, Link, SchedulerKind, Way};
use crate::remote::host::Host;
use crate::remote::runner::Runner;
use crate::remote::scheduler;
use crate::remote::ssh::{Destination, SshHost, Through};
#[cfg(feature = "aws")]
use crate::remote::voucher::HostKey;
use crate::remote::voucher::Voucher;

/// How a cluster's queue is reached, and what that was made for: another destination or another machine there needs another one.
struct Route {
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
    backends: Mutex<HashMap<ClusterId, Route>>,
    local: Mutex<Option<Backend>>,
    #[cfg(feature = "aws")]
    aws: crate::remote::aws::Aws,
    /// Ways that were chosen since the configuration was read.
    chosen: RwLock<HashMap<ClusterId, Way>>,
    /// Counts what may lead somewhere else from now on.
    turns: watch::Sender<u64>,
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
            chosen: RwLock::default(),
            turns: watch::Sender::new(0),
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
        self.turns.send_modify(|turns| *turns += 1);
    }

    /// Goes another way to a cluster from now on.
    pub(super) fn go(&self, cluster: ClusterId, way: Way) {
        if let Ok(mut chosen) = self.chosen.write() {
            chosen.insert(cluster, way);
        }
        self.turns.send_modify(|turns| *turns += 1);
    }

    /// The way to the head node of a cluster, as it was chosen or configured.
    pub(super) fn passage(&self, id: &ClusterId) -> Passage {
        let chosen = self.chosen.read().ok().and_then(|chosen| chosen.get(id).copied());
        chosen.map_or_else(|| self.config.passage(id), Passage::from)
    }

    /// What the configuration calls a cluster: its name, or its whole name where another has that, too.
    pub(super) fn called(&self, id: &ClusterId) -> String {
        let same = self.all_known().iter().filter(|cluster| cluster.id.name() == id.name()).count();
        if same > 1 { id.to_string() } else { id.name().to_owned() }
    }

    /// How a cluster's head node is connected, over every change of where it is and how one gets there.
    pub(super) fn link(self: &Arc<Self>, id: ClusterId) -> BoxStream<'static, Link> {
        let mut turns = self.turns.subscribe();
        turns.mark_changed();
        let here: BoxStream<'static, Link> = stream::pending().boxed();
        stream::unfold((Arc::clone(self), id, turns, None, here), |(directory, id, mut turns, mut target, mut links)| async move {
            loop {
                tokio::select! {
                    Some(link) = links.next() => return Some((link, (directory, id, turns, target, links))),
                    turned = turns.changed() => turned.ok()?,
                    else => return None,
                }
                let now = directory.target(&id).map(|(target, _)| target);
                if target.as_ref() == Some(&now) {
                    continue;
                }
                links = match directory.backend(&id) {
                    Ok(backend) => backend.host().link().chain(stream::pending()).boxed(),
                    Err(failure) => {
                        stream::once(std::future::ready(Link::Down { failure, retry_in: None })).chain(stream::pending()).boxed()
                    }
                };
                target = Some(now);
            }
        })
        .boxed()
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
        if let Some(route) = backends.get(id)
            && route.to == target
            && route.instance == instance
        {
            return Ok(route.backend.clone());
        }
        let host = Arc::new(SshHost::vouched(id.clone(), target.clone(), self.voucher(id)));
        let backend = Backend::Batch { name: id.to_string(), host, scheduler: Arc::new(OnceCell::new()), configured };
        backends.insert(id.clone(), Route { to: target, instance, backend: backend.clone() });
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

    /// Where ssh would go to log in to a login node of a cluster that has one that runs.
    pub(super) fn login(&self, cluster: &Cluster) -> Option<Destination> {
        let (entry, head) = (self.config.entry(&cluster.id).map(|(_, entry)| entry), cluster.head_node.as_ref());
        let key = entry.and_then(|entry| entry.key.as_deref().map(at_home));
        Some(Destination {
            name: cluster.id.to_string(),
            ssh: cluster.login_address()?.to_owned(),
            user: entry.and_then(|entry| entry.user.clone()).or_else(|| head?.user.clone()),
            key: key.or_else(|| key_file(head?.key_name.as_deref()?)),
            config_file: self.config.ssh.config_file.as_deref().map(at_home),
            ..Destination::default()
        })
    }

    fn target(&self, id: &ClusterId) -> Result<(Destination, Option<SchedulerKind>), Failure> {
        let config_file = self.config.ssh.config_file.as_deref().map(at_home);
        let named = Destination { name: id.to_string(), config_file, reuse: self.config.ssh.reuse, ..Destination::default() };
        if let Some(host) = self.config.hosts.iter().find(|host| host.name == id.as_str()) {
            let through = match self.config.host_passage(&host.name) {
                Passage::Jump(jump) => Some(Through::Jump(jump)),
                Passage::SessionManager => instance_in(&host.ssh).map(|instance| self.session_manager(instance)),
                // Nothing but a cluster has login nodes.
                Passage::Direct | Passage::LoginNodes => None,
            };
            return Ok((Destination { ssh: host.ssh.clone(), through, ..named }, host.scheduler.map(SchedulerKind::from)));
        }
        let unknown = || {
            Failure::new(FailureKind::NotFound, id.as_str(), "there is no such cluster")
                .hint("`qdeck clusters` lists those that can be found; profiles, regions and hosts are set in the config.")
        };
        let cluster = self.known(id).ok_or_else(unknown)?;
        let none = ClusterEntry::default();
        let entry = self.config.entry(id).map_or(&none, |(_, entry)| entry);
        let head = cluster.head_node.clone().unwrap_or_default();
        let passage = self.passage(id);
        let through = through(&passage, &cluster, &head)?;
        if let Some(ssh) = &entry.ssh {
            let key = entry.key.as_deref().map(at_home);
            return Ok((Destination { ssh: ssh.clone(), through, user: entry.user.clone(), key, ..named }, cluster.scheduler));
        }
        let Some(address) = head.address.clone().filter(|_| head.state.as_deref() == Some("running")) else {
            let state = head.state.as_deref().unwrap_or("missing");
            let what = format!("its head node is {state}");
            return Err(
                Failure::new(FailureKind::Unreachable, id.as_str(), what).hint("Start the head node in EC2, or wait until it runs.")
            );
        };
        let key = entry.key.as_deref().map(at_home).or_else(|| key_file(head.key_name.as_deref()?));
        let address = match passage {
            // Session Manager knows instances by their identifiers.
            Passage::SessionManager => head.instance_id.unwrap_or(address),
            // From inside, the public address of a head node is a way round that may be closed.
            Passage::LoginNodes => head.private_address.unwrap_or(address),
            Passage::Direct | Passage::Jump(_) => address,
        };
        let target = Destination { ssh: address, through, user: entry.user.clone().or(head.user), key, ..named };
        Ok((target, cluster.scheduler))
    }

    /// For an instance of which EC2 was not asked: profile and region are AWS's own choice, unless there is but one of each.
    fn session_manager(&self, instance: &str) -> Through {
        let only = |all: &[String]| if let [one] = all { Some(one.clone()) } else { None };
        let (region, profile) = (only(&self.config.aws.regions), only(&self.config.aws.profiles));
        Through::SessionManager { instance: instance.to_owned(), region, profile }
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

/// What ssh goes through to a cluster's head node.
fn through(passage: &Passage, cluster: &Cluster, head: &HeadNode) -> Result<Option<Through>, Failure> {
    let missing = |what: &str, hint: &str| Failure::new(FailureKind::Unreachable, cluster.id.as_str(), what).hint(hint);
    Ok(match passage {
        Passage::Direct => None,
        Passage::Jump(jump) => Some(Through::Jump(jump.clone())),
        Passage::LoginNodes => {
            let none = || {
                missing(
                    "none of its login nodes runs",
                    "jump: login goes through one; LoginNodes: in the cluster's configuration makes them.",
                )
            };
            Some(Through::LoginNode(cluster.login_address().ok_or_else(none)?.to_owned()))
        }
        Passage::SessionManager => {
            let none = || missing("EC2 tells of no head node", "via: ssm needs its instance. Wait until it is there.");
            let instance = head.instance_id.clone().ok_or_else(none)?;
            Some(Through::SessionManager { instance, region: cluster.region.clone(), profile: cluster.profile.clone() })
        }
    })
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
mod tests;
