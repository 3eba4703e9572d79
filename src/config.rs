//! The configuration file: every key optional, an unknown key is an error that names file, line and the nearest known key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::SchedulerKind;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which AWS accounts and regions to look in.
    pub aws: Aws,
    /// ssh destinations that run a scheduler.
    pub hosts: Vec<HostEntry>,
    /// How to reach single clusters, by name.
    pub clusters: BTreeMap<String, ClusterEntry>,
    /// Settings of ssh itself.
    pub ssh: Ssh,
    /// Seconds between two questions.
    pub refresh: Refresh,
    /// Keys that differ from the defaults: action → chord.
    pub keys: BTreeMap<String, String>,
    /// Name of the colour theme.
    pub theme: Option<String>,
}

/// `aws:`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aws {
    /// Profiles; none means the SDK's default chain.
    pub profiles: Vec<String>,
    /// Regions; none means each profile's own.
    pub regions: Vec<String>,
}

/// One of `hosts:`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// What to call it.
    pub name: String,
    /// What one would type after `ssh`.
    pub ssh: String,
    /// Its batch system, where the automatic answer is not wanted.
    #[serde(default)]
    pub scheduler: Option<Scheduler>,
}

/// The batch systems one can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Slurm.
    Slurm,
    /// Grid Engine.
    GridEngine,
    /// PBS or Torque.
    Pbs,
}

impl From<Scheduler> for SchedulerKind {
    fn from(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Slurm => Self::Slurm,
            Scheduler::GridEngine => Self::GridEngine,
            Scheduler::Pbs => Self::Pbs,
        }
    }
}

/// One of `clusters:`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterEntry {
    /// ssh destination to use instead of the address that EC2 tells.
    pub ssh: Option<String>,
    /// Login user.
    pub user: Option<String>,
    /// Private key file.
    pub key: Option<PathBuf>,
}

/// `ssh:`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ssh {
    /// An ssh_config to use instead of the user's own.
    pub config_file: Option<PathBuf>,
}

/// `refresh:`, in seconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refresh {
    /// The queue.
    pub jobs: f64,
    /// The nodes.
    pub nodes: f64,
    /// The list of clusters.
    pub clusters: f64,
}

impl Default for Refresh {
    fn default() -> Self {
        Self { jobs: 5.0, nodes: 15.0, clusters: 30.0 }
    }
}
