//! Reads the file: a mistake is told with its place and the nearest thing that would be right.

use std::path::Path;

use crate::model::{Failure, FailureKind};
use crate::protocol::KeyMap;
use crate::protocol::keymap::distance;
use crate::ui::Theme;

use super::Config;

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
    use crate::config::Scheduler;
    use crate::config::wrong;

    #[test]
    fn every_setting_is_optional() {
        for text in ["", "# nothing\n", "---\n", "{}", "aws: {}\n"] {
            assert_eq!(Config::parse(text, "c").unwrap(), Config::default(), "{text:?}");
        }
    }

    #[test]
    fn all_sections_together_are_understood() {
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
}
