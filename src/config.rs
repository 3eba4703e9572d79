//! The configuration file: every key optional, an unknown key is an error that names file, line and the nearest known key.

mod columns;
mod keep;
mod read;
mod way;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Chosen, ClusterId, Order, SchedulerKind};
use crate::ui::Theme;

pub use columns::columns;
pub use way::{Passage, Via, instance_in};

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
    /// The program that makes and changes clusters.
    pub pcluster: Pcluster,
    /// Settings of the log view.
    pub logs: Logs,
    /// Seconds between two questions.
    pub refresh: Refresh,
    /// How the queue is shown.
    pub jobs: Jobs,
    /// How one is told that jobs start and end, besides the notice at the corner of the screen.
    pub notify: Notify,
    /// Keys that differ from the defaults: action → chord.
    pub keys: BTreeMap<String, String>,
    /// Name of the colour theme.
    pub theme: Option<String>,
    /// Whether nothing anywhere may be changed.
    pub read_only: bool,
    /// The file that this was read from, or would be.
    #[serde(skip)]
    path: Option<PathBuf>,
}

/// `aws:`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aws {
    /// Profiles; none means the SDK's default chain.
    pub profiles: Vec<String>,
    /// Regions; none means each profile's own.
    pub regions: Vec<String>,
    /// A machine to go through to every head node found there, unless `clusters:` says otherwise.
    pub jump: Option<String>,
    /// Another way than the network's own to all of them.
    pub via: Option<Via>,
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
    /// A machine to go through, as one would type after `ssh -J`.
    #[serde(default)]
    pub jump: Option<String>,
    /// Another way than the network's own.
    #[serde(default)]
    pub via: Option<Via>,
    /// Whether nothing there may be changed.
    #[serde(default)]
    pub read_only: bool,
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
    /// A machine to go through, as one would type after `ssh -J`; `login` is a login node of the cluster.
    pub jump: Option<String>,
    /// Another way than the network's own.
    pub via: Option<Via>,
    /// Whether nothing there may be changed.
    pub read_only: bool,
}

/// `ssh:`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ssh {
    /// An ssh_config to use instead of the user's own.
    pub config_file: Option<PathBuf>,
    /// Whether a session that the user's own ssh holds open is used instead of one of ours.
    pub reuse: bool,
}

impl Default for Ssh {
    fn default() -> Self {
        Self { config_file: None, reuse: true }
    }
}

/// `pcluster:`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pcluster {
    /// AWS ParallelCluster's command-line program; none means `pcluster` on the PATH.
    pub program: Option<PathBuf>,
}

/// `logs:`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// Megabytes that the lines of all logs shown together may take.
    pub memory_mb: usize,
    /// Whether CloudWatch's Live Tail, which costs money, is used.
    pub live_tail: LiveTail,
}

impl Default for Logs {
    fn default() -> Self {
        Self { memory_mb: 64, live_tail: LiveTail::default() }
    }
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
        Self { jobs: 5.0, nodes: 25.0, clusters: 30.0 }
    }
}

/// `jobs:`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// The columns of the queue in their order; none means squeue's own.
    #[serde(deserialize_with = "columns::columns_of")]
    pub columns: Option<Vec<Chosen>>,
    /// What the queue is sorted by at first; none means what runs first, then what waits, then what ended.
    #[serde(deserialize_with = "columns::order_of")]
    pub sort: Order,
}

/// `notify:`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Ring the terminal's bell.
    pub bell: bool,
    /// Have the terminal show a message (OSC 9, or OSC 777 where that is what it knows).
    pub terminal: bool,
    /// A program and its arguments, run without a shell; none runs nothing.
    pub command: Vec<String>,
    /// What is told in these ways.
    pub on: Vec<Occasion>,
    /// Go on looking at one's own jobs, once a minute, while the terminal is not looked at.
    pub unfocused: bool,
}

impl Default for Notify {
    fn default() -> Self {
        let on = vec![Occasion::Started, Occasion::Ended, Occasion::Failed];
        Self { bell: false, terminal: false, command: Vec::new(), on, unfocused: false }
    }
}

/// What may be worth telling of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// It began to run.
    Started,
    /// It ended, well or by somebody's will.
    Ended,
    /// It ended in a way that a person should look at.
    Failed,
}

/// Whether Live Tail is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveTail {
    /// Once in each session somebody is asked.
    #[default]
    Ask,
    /// Without asking.
    Always,
    /// Not at all.
    Never,
}

impl Config {
    /// Where the file is looked for when the user names none: `qdeck/config.yaml` in the XDG configuration folder.
    pub fn default_path() -> Option<PathBuf> {
        use etcetera::BaseStrategy;
        Some(etcetera::choose_base_strategy().ok()?.config_dir().join("qdeck").join("config.yaml"))
    }

    /// The file that this was read from, or would be if it were there.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The entry of a cluster, by its whole name or its name alone, with the name that it stands under.
    pub fn entry(&self, id: &ClusterId) -> Option<(&str, &ClusterEntry)> {
        let found = self.clusters.get_key_value(id.as_str()).or_else(|| self.clusters.get_key_value(id.name()));
        found.map(|(name, entry)| (name.as_str(), entry))
    }

    /// The colours to use: NO_COLOR in the environment wins over the file.
    pub fn theme(&self, no_color: bool) -> Theme {
        let named = self.theme.as_deref().and_then(|name| Theme::ALL.iter().find(|(known, _)| *known == name));
        if no_color { Theme::Mono } else { named.map_or(Theme::Dark, |(_, theme)| *theme) }
    }
}

/// What is said of a file that is wrong.
#[cfg(test)]
fn wrong(text: &str) -> String {
    Config::parse(text, "config.yaml").unwrap_err().to_string()
}
