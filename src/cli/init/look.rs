//! What the wizard asks the world meanwhile: what the account has, what machines are like and cost, which files are here.
//!
//! Makes nothing. A price that does not come is not known, and fails nothing.

use std::path::{Path, PathBuf};

use super::making::Made;
use super::question::{HEADS, NODES};
use super::steps::{Step, Wizard};
use crate::model::key::public_key_fault;
use crate::model::price::NAT;
use crate::model::{Answer, Failure, FailureKind, Machine, Prices, Query, Source};
use crate::remote::Remote;
use crate::remote::live::at_home;

/// Prices that were asked for and are waited for when they are needed.
pub(super) type Quotes = tokio::task::JoinHandle<Result<Answer, Failure>>;

/// What the account has in a region.
pub(super) async fn around(remote: &dyn Remote, source: &Source) -> Result<Wizard, Failure> {
    let names = HEADS.iter().chain(&NODES).map(|name| (*name).to_owned()).collect();
    let (ground, machines) = futures::join!(remote.ask(Query::Ground(source.clone())), listed(remote, source, names));
    let Answer::Ground(ground) = ground? else { return Ok(Wizard::default()) };
    let held = ground.keys.iter().filter(|key| private_half(key).is_some()).cloned().collect();
    // What may not be listed can be typed.
    let machines = match machines {
        Err(failure) if failure.kind == FailureKind::Denied => Vec::new(),
        other => other?,
    };
    let mut wizard = Wizard::new(*ground, machines);
    wizard.held = held;
    Ok(wizard)
}

/// What instance types are like. Where these credentials may not ask, only their names are known.
pub(super) async fn machines(remote: &dyn Remote, source: &Source, names: Vec<String>) -> Result<Vec<Machine>, Failure> {
    match listed(remote, source, names.clone()).await {
        Err(failure) if failure.kind == FailureKind::Denied => {
            Ok(names.into_iter().map(|name| Machine { name, ..Machine::default() }).collect())
        }
        other => other,
    }
}

async fn listed(remote: &dyn Remote, source: &Source, names: Vec<String>) -> Result<Vec<Machine>, Failure> {
    match remote.ask(Query::Machines { source: source.clone(), names }).await? {
        Answer::Machines(found) => Ok(found),
        _ => Ok(Vec::new()),
    }
}

/// Asks what everything costs that is proposed.
pub(super) fn quotes(remote: &dyn Remote, source: &Source, wizard: &Wizard) -> Quotes {
    let names = wizard.machines.iter().map(|machine| machine.name.clone()).chain([NAT.to_owned()]);
    quotes_of(remote, source, wizard, names.collect())
}

/// Asks what these types cost.
pub(super) fn quotes_of(remote: &dyn Remote, source: &Source, wizard: &Wizard, names: Vec<String>) -> Quotes {
    let profile = if let Source::Aws { profile, .. } = source { profile.clone() } else { None };
    tokio::spawn(remote.ask(Query::Quotes { profile, region: wizard.ground.region.clone(), names }))
}

/// Waits for prices.
pub(super) async fn priced(quotes: Quotes) -> Prices {
    match quotes.await {
        Ok(Ok(Answer::Prices(prices))) => prices.as_ref().clone(),
        Ok(Err(failure)) => Prices { trouble: Some(failure), ..Prices::default() },
        Ok(Ok(_)) | Err(_) => Prices::default(),
    }
}

/// The file with the private half of a key pair, where people keep it.
fn private_half(name: &str) -> Option<PathBuf> {
    let is_path = name.contains('/') || name.starts_with('.');
    let files = [format!("~/.ssh/{name}.pem"), format!("~/.ssh/{name}")];
    files.iter().map(|file| at_home(Path::new(file))).find(|path| !is_path && path.is_file())
}

/// Looks at the files that an answer speaks of. What to know of it, or why it will not do.
pub(super) fn beside(step: Step, text: &str, made: &Made) -> Result<Option<String>, String> {
    match step {
        Step::Key => key(text),
        Step::File => file(text, made).map(|()| None),
        Step::Region | Step::Name | Step::Network | Step::HeadSubnet | Step::QueueSubnet | Step::HeadType | Step::QueueType => Ok(None),
        Step::Zone | Step::Min | Step::Max | Step::Capacity | Step::Storage => Ok(None),
    }
}

fn key(text: &str) -> Result<Option<String>, String> {
    match text.split_once(':') {
        Some(("new", name)) => {
            let path = at_home(Path::new(&format!("~/.ssh/{name}.pem")));
            let is_there = path.symlink_metadata().is_ok();
            if is_there { Err(format!("there is a file {} already: another name keeps it", path.display())) } else { Ok(None) }
        }
        Some(("import", path)) => {
            let path = at_home(Path::new(path));
            let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if let Some(what) = public_key_fault(&text) {
                return Err(format!("{}: {what}", path.display()));
            }
            let private = path.with_extension("");
            Ok(Some(if private.is_file() {
                format!("You will log in with its private half, {}.", private.display())
            } else {
                format!("Its private half is not beside it: without {} nobody logs in from here.", private.display())
            }))
        }
        _ => Ok(private_half(text).is_none().then(|| {
            format!("~/.ssh/{text}.pem is not on this machine: you log in with the file or the agent that holds its private half, or not at all.")
        })),
    }
}

fn file(text: &str, made: &Made) -> Result<(), String> {
    let path = path(text);
    if path.is_dir() {
        return Err(format!("{} is a folder", path.display()));
    }
    if path.symlink_metadata().is_ok() && !made.is_ours(&path) {
        return Err(format!("there is a file {} already: another name keeps it", path.display()));
    }
    match path.parent().filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(format!("there is no folder {}", folder.display())),
        None => Ok(()),
    }
}

/// A file as it was typed.
pub(super) fn path(text: &str) -> PathBuf {
    let path = at_home(Path::new(text));
    std::path::absolute(&path).unwrap_or(path)
}
