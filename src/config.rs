//! The configuration file: every key optional, an unknown key is an error that names file, line and the nearest known key.

mod keep;
mod way;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::model::{Chosen, ClusterId, Column, Failure, FailureKind, Order, SchedulerKind};
use crate::protocol::KeyMap;
use crate::protocol::keymap::distance;
use crate::ui::Theme;

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
    #[serde(deserialize_with = "columns_of")]
    pub columns: Option<Vec<Chosen>>,
    /// What the queue is sorted by at first; none means what runs first, then what waits, then what ended.
    #[serde(deserialize_with = "order_of")]
    pub sort: Order,
}

fn columns_of<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Chosen>>, D::Error> {
    let words = Option::<Vec<String>>::deserialize(from)?;
    words.map(|words| columns(&words)).transpose().map_err(D::Error::custom)
}

fn order_of<'de, D: Deserializer<'de>>(from: D) -> Result<Order, D::Error> {
    let word = Option::<String>::deserialize(from)?;
    let Some(word) = word else { return Ok(Order::default()) };
    let (descending, title) = word.strip_prefix('-').map_or((false, word.as_str()), |title| (true, title));
    Ok(Order { column: Some(column(title).map_err(D::Error::custom)?), descending })
}

/// Columns as the user writes them, `NAME` or `NAME:30`; a mistake in words.
pub fn columns(words: &[String]) -> Result<Vec<Chosen>, String> {
    let mut all: Vec<Chosen> = Vec::with_capacity(words.len());
    for word in words {
        let (title, cells) = word.rsplit_once(':').map_or((word.as_str(), None), |(title, cells)| (title, Some(cells)));
        let column = column(title.trim())?;
        let (least, most) = (Chosen::CELLS.start(), Chosen::CELLS.end());
        let cells = cells.map(|cells| {
            let fits = cells.trim().parse().ok().filter(|cells| Chosen::CELLS.contains(cells));
            fits.ok_or_else(|| format!("columns: `{word}`: a width is a number from {least} to {most}"))
        });
        if all.iter().any(|chosen| chosen.column == column) {
            return Err(format!("columns: `{}` stands there twice", column.title()));
        }
        all.push(Chosen { column, cells: cells.transpose()? });
    }
    if all.is_empty() { Err("columns: none is named".to_owned()) } else { Ok(all) }
}

/// A column by its title.
fn column(title: &str) -> Result<Column, String> {
    Column::read(title).ok_or_else(|| {
        let typed = title.to_uppercase();
        let nearest = Column::ALL.iter().map(|(_, known, _)| *known).min_by_key(|known| distance(&typed, known));
        format!("there is no column `{title}`; the nearest is `{}`", nearest.unwrap_or("JOBID"))
    })
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

/// Every key of every section, for the nearest known one to a misspelt key.
const KEYS: [&str; 42] = [
    "reuse",
    "direct",
    "pcluster",
    "program",
    "via",
    "jump",
    "ssm",
    "logs",
    "memory_mb",
    "live_tail",
    "read_only",
    "aws",
    "hosts",
    "clusters",
    "ssh",
    "refresh",
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
    "columns",
    "sort",
    "notify",
    "bell",
    "terminal",
    "command",
    "on",
    "unfocused",
    "started",
    "ended",
    "failed",
];

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
            Ok(text) => Ok(Self { path: Some(path.clone()), ..Self::parse(&text, &path.display().to_string())? }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(Self { path: Some(path), ..Self::default() }),
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
                let hint = misspelt(&said);
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
        config.check_ways().map_err(|(what, hint)| wrong(what, hint))?;
        if config.notify.command.first().is_some_and(String::is_empty) {
            return Err(wrong("notify: command: the program has no name".into(), "Write a list: [notify-send, \"{text}\"]."));
        }
        if !(1..=65_536).contains(&config.logs.memory_mb) {
            let hint = "Write megabytes from 1 to 65536.";
            return Err(wrong(format!("logs: memory_mb: {} is out of range", config.logs.memory_mb), hint));
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

/// What to say of the key or the word that the reader's message calls unknown.
fn misspelt(said: &str) -> String {
    let quoted = |what: &str| -> Option<Vec<String>> {
        let rest = &said[said.find(what)?..];
        Some(rest.lines().next()?.split(['`', '\'', '"']).skip(1).step_by(2).map(str::to_owned).collect())
    };
    if let Some(key) = quoted("unknown field").and_then(|words| words.into_iter().next()) {
        return match nearest(&key) {
            known if known == key => format!("`{key}` does not belong there. config.example.yaml shows where each setting stands."),
            known => format!("There is no such setting; the nearest is `{known}`. config.example.yaml shows all."),
        };
    }
    let word = quoted("unknown variant").and_then(|words| words.into_iter().next());
    let known = said.lines().next().and_then(|line| line.split_once(", expected ")).map_or("", |(_, known)| known);
    let known = known.trim_start_matches("one of ").split(", ").map(|known| known.trim_matches(['`', '\'', '"']));
    let near = word.and_then(|word| known.filter(|known| !known.is_empty()).min_by_key(|known| distance(&word, known)));
    near.map_or_else(
        || "config.example.yaml shows every setting.".to_owned(),
        |near| format!("The nearest is `{near}`. config.example.yaml shows every setting."),
    )
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
                    refresh: {jobs: 5, nodes: 10, clusters: 30}\nkeys: {launch: ctrl-n}\ntheme: light\n\
                    notify: {bell: true, terminal: true, command: [notify-send, \"{name} {state}\"], on: [started, ended, failed]}\n";
        let config = Config::parse(text, "c").unwrap();
        assert_eq!(config.hosts[0].scheduler, Some(Scheduler::Slurm));
        assert_eq!(config.clusters["demo"].ssh.as_deref(), Some("rig"));
        assert_eq!(config.theme(false), Theme::Light);
        assert_eq!(config.theme(true), Theme::Mono);
        assert!(config.notify.bell && !config.notify.unfocused && config.notify.command.len() == 2 && config.notify.on.len() == 3);
    }

    #[test]
    fn mistakes_are_located_and_the_nearest_setting_is_named() {
        let said = wrong("aws:\n  profile: [a]\n");
        assert!(said.contains("config.yaml:2:3") && said.contains("nearest is `profiles`"), "{said}");
        assert!(wrong("notify: {bel: true}\n").contains("nearest is `bell`"));
        assert!(wrong("notify: {command: [\"\"]}\n").contains("no name"));
        assert!(wrong("notify: {on: [begun]}\n").contains("config.yaml:1"));
        assert!(wrong("theme: pink\n").contains("no theme `pink`"));
        assert!(wrong("keys: {lunch: x}\n").contains("nearest is `launch`"));
        assert!(wrong("logs: {memory_mb: 0}\n").contains("memory_mb: 0 is out of range"));
        assert!(wrong("refresh: {jobs: 0}\n").contains("out of range"));
        assert!(wrong("hosts: [{name: a, ssh: x}, {name: a, ssh: y}]\n").contains("twice"));
        assert!(wrong("hosts: [{name: a, ssh: -oProxyCommand=x}]\n").contains("no ssh destination"));
        assert!(wrong("aws: [\n").contains("config.yaml:"));
    }

    #[test]
    fn columns_are_squeue_s_names_with_a_width_if_wished() {
        let text = "jobs: {columns: [jobid, \"NAME:30\", \"NODELIST(REASON)\"], sort: -time}\n";
        let config = Config::parse(text, "c").unwrap();
        let shown: Vec<String> = config.jobs.columns.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["JOBID", "NAME:30", "NODELIST(REASON)"]);
        assert_eq!(config.jobs.sort, Order { column: Some(Column::Time), descending: true });
        let said = wrong("theme: dark\njobs:\n  columns: [JOBID, NMAE]\n");
        assert!(said.contains("config.yaml:3") && said.contains("nearest is `NAME`"), "{said}");
        assert!(wrong("jobs: {columns: [\"NAME:1\"]}\n").contains("from 2 to 200"));
        assert!(wrong("jobs: {columns: [NAME, name]}\n").contains("twice"));
        assert!(wrong("jobs: {columns: []}\n").contains("none is named"));
        assert!(wrong("jobs: {sort: -TIEM}\n").contains("nearest is `TIME`"));
        assert!(wrong("jobs: {colums: [ST]}\n").contains("nearest is `columns`"));
    }
}
