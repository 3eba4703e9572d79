//! The configuration file: every key optional, an unknown key is an error that names file, line and the nearest known key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Failure, FailureKind, SchedulerKind};
use crate::protocol::KeyMap;
use crate::protocol::keymap::distance;
use crate::ui::Theme;

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
    /// How logs are read.
    pub logs: Logs,
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
        Self { jobs: 5.0, nodes: 25.0, clusters: 30.0 }
    }
}

/// `logs:`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// Whether CloudWatch's Live Tail, which costs money, is used.
    pub live_tail: LiveTail,
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

/// Every key of every section, for the nearest known one to a misspelt key.
const KEYS: [&str; 22] = [
    "aws",
    "hosts",
    "clusters",
    "ssh",
    "refresh",
    "logs",
    "live_tail",
    "keys",
    "theme",
    "profiles",
    "regions",
    "name",
    "scheduler",
    "user",
    "key",
    "config_file",
    "jobs",
    "nodes",
    "slurm",
    "gridengine",
    "pbs",
    "dark",
];

impl Config {
    /// Where the file is looked for when the user names none: `qdeck/config.yaml` in the XDG configuration folder.
    pub fn default_path() -> Option<PathBuf> {
        use etcetera::BaseStrategy;
        Some(etcetera::choose_base_strategy().ok()?.config_dir().join("qdeck").join("config.yaml"))
    }

    /// Reads `path`, or the default file, which may be missing.
    pub fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let (path, named) = match path {
            Some(path) => (path.to_owned(), true),
            None => match Self::default_path() {
                Some(path) => (path, false),
                None => return Ok(Self::default()),
            },
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(Self::default()),
            Err(error) => {
                let failure = Failure::new(FailureKind::NotFound, path.display().to_string(), error.to_string());
                Err(failure.hint("Give a readable file to -c, or leave -c out: every setting has a default."))
            }
        }
    }

    /// Reads the text of a file called `name`.
    pub fn parse(text: &str, name: &str) -> Result<Self, Failure> {
        let wrong = |what: String, hint: &str| Failure::new(FailureKind::Garbled, name, what).hint(hint);
        // A file of nothing but comments is a file with every default.
        let bare = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#') || line.trim() == "---");
        let config: Self = if bare {
            Self::default()
        } else {
            serde_yaml::from_str(text).map_err(|error| {
                let said = error.to_string();
                let hint = unknown(&said).map_or_else(
                    || "config.example.yaml shows every setting.".to_owned(),
                    |key| format!("There is no such setting; the nearest is `{}`. config.example.yaml shows all.", nearest(&key)),
                );
                let place = error.location().map_or_else(|| name.to_owned(), |at| format!("{name}:{}:{}", at.line(), at.column()));
                Failure::new(FailureKind::Garbled, place, said.lines().next().unwrap_or("not readable")).hint(hint)
            })?
        };
        KeyMap::with(&config.keys).map_err(|what| wrong(what, "`qdeck keys` lists the actions and their keys."))?;
        if let Some(theme) = &config.theme
            && !Theme::ALL.iter().any(|(known, _)| known == theme)
        {
            let all: Vec<_> = Theme::ALL.iter().map(|(n, _)| *n).collect();
            return Err(wrong(format!("theme: there is no theme `{theme}`"), &format!("The themes are {}.", all.join(", "))));
        }
        for (key, seconds) in [("jobs", config.refresh.jobs), ("nodes", config.refresh.nodes), ("clusters", config.refresh.clusters)] {
            if !(1.0..=86_400.0).contains(&seconds) {
                let hint = "Write seconds from 1 to 86400; a shared scheduler should not be asked more often than every 5.";
                return Err(wrong(format!("refresh: {key}: {seconds} is out of range"), hint));
            }
        }
        let mut names: Vec<&str> = config.hosts.iter().map(|host| host.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(wrong(format!("hosts: the name `{}` stands there twice", twice[0]), "Give each host its own name."));
        }
        if let Some(host) = config.hosts.iter().find(|host| host.name.is_empty() || host.name == "local" || host.name.contains('/')) {
            return Err(wrong(format!("hosts: `{}` cannot be a name", host.name), "A name is not empty, not `local`, and has no slash."));
        }
        if let Some(host) = config.hosts.iter().find(|host| host.ssh.is_empty() || host.ssh.starts_with('-')) {
            return Err(wrong(
                format!("hosts: {}: `{}` is no ssh destination", host.name, host.ssh),
                "Write what you would type after ssh.",
            ));
        }
        Ok(config)
    }

    /// The colours to use: NO_COLOR in the environment wins over the file.
    pub fn theme(&self, no_color: bool) -> Theme {
        let named = self.theme.as_deref().and_then(|name| Theme::ALL.iter().find(|(known, _)| *known == name));
        if no_color { Theme::Mono } else { named.map_or(Theme::Dark, |(_, theme)| *theme) }
    }
}

/// The key that the reader's message calls unknown.
fn unknown(said: &str) -> Option<String> {
    let rest = &said[said.find("unknown field")?..];
    let quoted = rest.split(['`', '\'', '"']).nth(1)?;
    Some(quoted.to_owned())
}

fn nearest(key: &str) -> &'static str {
    KEYS.iter().min_by_key(|known| distance(key, known)).copied().unwrap_or("aws")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Config::parse(text, "config.yaml").unwrap_err().to_string()
    }

    #[test]
    fn every_setting_is_optional() {
        for text in ["", "# nothing\n", "---\n", "{}", "aws: {}\n"] {
            assert_eq!(Config::parse(text, "c").unwrap(), Config::default(), "{text:?}");
        }
    }

    #[test]
    fn the_issue_s_own_example_is_understood() {
        let text = "aws: {profiles: [a, b], regions: [eu-west-1]}\nhosts: [{name: lab, ssh: me@lab, scheduler: slurm}]\n\
                    clusters: {demo: {ssh: rig, user: ec2-user, key: ~/.ssh/k.pem}}\nssh: {config_file: /tmp/c}\n\
                    refresh: {jobs: 5, nodes: 10, clusters: 30}\nkeys: {launch: ctrl-n}\ntheme: light\n";
        let config = Config::parse(text, "c").unwrap();
        assert_eq!(config.hosts[0].scheduler, Some(Scheduler::Slurm));
        assert_eq!(config.clusters["demo"].ssh.as_deref(), Some("rig"));
        assert_eq!(config.theme(false), Theme::Light);
        assert_eq!(config.theme(true), Theme::Mono);
    }

    #[test]
    fn mistakes_are_located_and_the_nearest_setting_is_named() {
        let said = wrong("aws:\n  profile: [a]\n");
        assert!(said.contains("config.yaml:2:3") && said.contains("nearest is `profiles`"), "{said}");
        assert!(wrong("theme: pink\n").contains("no theme `pink`"));
        assert!(wrong("keys: {lunch: x}\n").contains("nearest is `launch`"));
        assert!(wrong("refresh: {jobs: 0}\n").contains("out of range"));
        assert!(wrong("hosts: [{name: a, ssh: x}, {name: a, ssh: y}]\n").contains("twice"));
        assert!(wrong("hosts: [{name: a, ssh: -oProxyCommand=x}]\n").contains("no ssh destination"));
        assert!(wrong("aws: [\n").contains("config.yaml:"));
    }
}
