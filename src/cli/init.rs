//! `init`: the configuration of a first cluster, asked for step by step on a terminal, or taken from options.
//!
//! Touches nothing before the last answer; what was made then is told, however it ends. Never writes over a file.

mod steps;

use std::io::{BufRead as _, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Arguments, lifecycle, print, run};
use crate::model::text::clean;
use crate::model::{
    Answer, Blueprint, ClusterId, Command, Configuration, Draft, Failure, FailureKind, KeyPair, Machine, Place, Query, Receipt, Source,
    Verdict,
};
use crate::remote::Remote;
use steps::{HEADS, NODES, Next, Question, Step, Wizard};

/// Options of `init`; what is given is not asked.
#[derive(Args, Debug, Clone, Default)]
pub struct Wanted {
    /// The cluster's name
    #[arg(long)]
    name: Option<String>,
    /// Key pair: its name, new:NAME to make one, import:FILE.pub to give AWS a public key
    #[arg(long)]
    key: Option<String>,
    /// VPC
    #[arg(long, value_name = "ID")]
    vpc: Option<String>,
    /// Subnet of the head node
    #[arg(long, value_name = "ID")]
    subnet: Option<String>,
    /// Subnet of the queue's nodes
    #[arg(long, value_name = "ID")]
    queue_subnet: Option<String>,
    /// Instance type of the head node
    #[arg(long, value_name = "TYPE")]
    head: Option<String>,
    /// Instance type of the queue's nodes
    #[arg(long, value_name = "TYPE")]
    queue_type: Option<String>,
    /// Nodes that run always
    #[arg(long, value_name = "N")]
    min: Option<u32>,
    /// Nodes at most
    #[arg(long, value_name = "N")]
    max: Option<u32>,
    /// Spot instances instead of on-demand ones
    #[arg(long)]
    spot: bool,
    /// Shared storage: none, ebs, ebs:GIB, efs, fsx, fsx:GIB
    #[arg(long)]
    storage: Option<String>,
    /// The file to write; one that is there already is never touched
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Ask nothing: what is not given is what would be proposed
    #[arg(long)]
    yes: bool,
}

impl Wanted {
    /// The answer that was given beforehand.
    fn given(&self, step: Step, asks: bool) -> Option<String> {
        match step {
            // The region that was looked into is the one that was named.
            Step::Region => None,
            Step::Name => self.name.clone(),
            Step::Key => self.key.clone(),
            Step::Network => self.vpc.clone(),
            Step::HeadSubnet => self.subnet.clone(),
            Step::QueueSubnet => self.queue_subnet.clone(),
            Step::HeadType => self.head.clone(),
            Step::QueueType => self.queue_type.clone(),
            Step::Min => self.min.map(|n| n.to_string()),
            Step::Max => self.max.map(|n| n.to_string()),
            Step::Capacity if self.spot => Some("spot".into()),
            Step::Capacity => (!asks).then(|| "on-demand".into()),
            Step::Storage => self.storage.clone(),
            Step::File => self.output.as_ref().map(|path| path.display().to_string()),
        }
    }
}

/// What exists now that did not before. Told when it is dropped, so that nothing is left behind without a word.
struct Made {
    key: Option<String>,
    file: Option<PathBuf>,
    is_told: bool,
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        for line in self.key.iter().cloned().chain(self.file.iter().map(|file| format!("{} was written", file.display()))) {
            let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(&line));
        }
    }
}

pub(super) async fn run(arguments: &Arguments, wanted: &Wanted, remote: &dyn Remote, sources: &[Source]) -> Result<(), Failure> {
    let asks = !wanted.yes && !arguments.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !asks && !wanted.yes && !arguments.json {
        let what = "there is no terminal to ask at";
        let hint = "--yes takes what would be proposed for everything that no option gives; --json does the same and prints JSON.";
        return Err(Failure::new(FailureKind::Rejected, "init", what).hint(hint));
    }
    let Some(mut source) = sources.iter().find(|source| matches!(source, Source::Aws { .. })).cloned() else {
        return Err(Failure::new(FailureKind::Unsupported, "init", "no AWS account is configured, or this qdeck was built without AWS"));
    };
    let mut wizard = look(remote, &source).await?;
    if asks {
        print::out(b"A first cluster, step by step. An empty line takes what stands in [brackets]; < goes back; Ctrl-C leaves, and nothing is made.\n")?;
    }
    // A step that an option answers is passed in both directions.
    let mut back = false;
    while let Some(step) = wizard.step() {
        if back && wanted.given(step, asks).is_some() && wizard.back() {
            continue;
        }
        back = false;
        let Some(question) = wizard.question() else { break };
        let preset = wanted.given(step, asks);
        let text = match &preset {
            Some(text) => text.clone(),
            None if asks => match ask(&question, Step::ALL.iter().position(|one| *one == step).unwrap_or(0)).await? {
                Reply::Text(text) => text,
                Reply::Back => {
                    back = wizard.back();
                    continue;
                }
            },
            None => String::new(),
        };
        let wrong = |why: String| {
            let words = question.words.join(" ");
            let failure = Failure::new(FailureKind::Rejected, step.option(), why);
            if words.is_empty() || step == Step::Region { failure } else { failure.hint(words) }
        };
        match wizard.answer(&text) {
            Ok(Next::On) => {}
            Ok(Next::Look(region)) => {
                let Source::Aws { profile, .. } = &source else { break };
                source = Source::Aws { profile: profile.clone(), region: Some(region) };
                let there = look(remote, &source).await?;
                (wizard.ground, wizard.machines) = (there.ground, there.machines);
            }
            Ok(Next::Machine(name)) => {
                let found = machines(remote, &source, vec![name.clone()]).await?;
                let known = !found.is_empty();
                wizard.machines.extend(found);
                let why = format!("{name} is not offered in {}", wizard.ground.region);
                if known {
                    // Now that it is known what it is, it may still not fit.
                    if let Err(why) = wizard.answer(&name) {
                        refused(asks && preset.is_none(), wrong(why))?;
                    }
                } else {
                    refused(asks && preset.is_none(), wrong(why))?;
                }
            }
            Err(why) => refused(asks && preset.is_none(), wrong(why))?,
        }
    }
    finish(arguments, &wizard, &source, remote, asks).await
}

/// Somebody who can answer again is told; a script has failed.
fn refused(asks: bool, failure: Failure) -> Result<(), Failure> {
    if !asks {
        return Err(failure);
    }
    print::out(format!("  {}\n", clean(&failure.what)).as_bytes())
}

async fn look(remote: &dyn Remote, source: &Source) -> Result<Wizard, Failure> {
    let names = HEADS.iter().chain(&NODES).map(|name| (*name).to_owned()).collect();
    let (ground, machines) = futures::join!(remote.ask(Query::Ground(source.clone())), machines(remote, source, names));
    let Answer::Ground(ground) = ground? else { return Ok(Wizard::default()) };
    Ok(Wizard::new(*ground, machines?))
}

async fn machines(remote: &dyn Remote, source: &Source, names: Vec<String>) -> Result<Vec<Machine>, Failure> {
    match remote.ask(Query::Machines { source: source.clone(), names }).await? {
        Answer::Machines(found) => Ok(found),
        _ => Ok(Vec::new()),
    }
}

enum Reply {
    Text(String),
    Back,
}

/// Shows a question and reads a line.
async fn ask(question: &Question, number: usize) -> Result<Reply, Failure> {
    let mut text = format!("\n{}/{}  {}\n", number + 1, Step::ALL.len(), question.title);
    for line in &question.words {
        text.push_str(&format!("  {}\n", clean(line)));
    }
    let width = question.choices.iter().map(|(value, _)| crate::ui::width(value)).max().unwrap_or(0);
    for (n, (value, words)) in question.choices.iter().enumerate() {
        let pad = " ".repeat(width.saturating_sub(crate::ui::width(value)));
        text.push_str(format!("  {:>2}) {}{pad}  {}", n + 1, clean(value), clean(words)).trim_end());
        text.push('\n');
    }
    text.push_str(&if question.proposed.is_empty() { "> ".to_owned() } else { format!("[{}] > ", clean(&question.proposed)) });
    print::out(text.as_bytes())?;
    let line = line().await?;
    Ok(if line.trim() == "<" { Reply::Back } else { Reply::Text(line) })
}

/// The next line that is typed. Its end is somebody leaving.
async fn line() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|n| (n, line))
    });
    match read.await {
        Ok(Ok((n, line))) if n > 0 => Ok(line),
        _ => Err(Failure::new(FailureKind::Stopped, "init", "no more answers: nothing was made")),
    }
}

/// Shows it, makes what has to be made, writes it and lets `pcluster` look at it.
async fn finish(arguments: &Arguments, wizard: &Wizard, source: &Source, remote: &dyn Remote, asks: bool) -> Result<(), Failure> {
    let blueprint = wizard.blueprint();
    let yaml = blueprint.yaml();
    let file = std::path::absolute(crate::remote::live::at_home(Path::new(wizard.given(Step::File)))).unwrap_or_default();
    if file.exists() {
        let failure = Failure::new(FailureKind::Conflict, file.display().to_string(), "there is a file of this name already");
        return Err(failure.hint("--output names another one."));
    }
    let key = key_pair(wizard, source);
    if asks {
        let made = key.as_ref().map(|key| format!("It first will {}.\n", Command::MakeKey(key.clone()))).unwrap_or_default();
        let faults: String = blueprint.faults().iter().map(|fault| format!("  But: {}\n", clean(fault))).collect();
        print::out(format!("\n{yaml}\n{faults}{made}Write this to {}? [y/n] > ", clean(&file.display().to_string())).as_bytes())?;
        if !matches!(line().await?.trim(), "" | "y" | "Y" | "yes") {
            return Err(Failure::new(FailureKind::Stopped, "init", "left: nothing was made"));
        }
    } else if !arguments.json {
        for fault in blueprint.faults() {
            let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(&fault));
        }
    }
    let mut made = Made { key: None, file: None, is_told: false };
    let mut private = None;
    if let Some(key) = key {
        let name = key.name.clone();
        let words = if key.public.is_some() { "was imported" } else { "was created" };
        // Left while AWS works on it, nobody knows.
        made.key = Some(format!("it is not known whether the key pair {name} {words} in {}", blueprint.region));
        match run::run(remote, Command::MakeKey(key)).await {
            Ok(Receipt::Saved(path)) => private = Some(path),
            Ok(_) => {}
            Err(failure) => {
                made.key = None;
                return Err(failure);
            }
        }
        let kept = private.as_ref().map_or_else(String::new, |path| format!(", its private half is in {}", path.display()));
        made.key = Some(format!("the key pair {name} {words} in {}{kept}", blueprint.region));
    }
    run::run(remote, Command::Save { path: file.clone(), text: yaml.clone() }).await?;
    made.file = Some(file.clone());
    if asks {
        print::out(b"Written. pcluster checks it now, which takes a while ...\n")?;
    }
    let profile = match source {
        Source::Aws { profile, .. } => profile.as_deref(),
        Source::Fixed => None,
    };
    let cluster = ClusterId::aws(profile, &blueprint.region, &blueprint.name);
    let checked = rehearse(remote, cluster, &file).await;
    made.is_told = true;
    if arguments.json {
        print::json(&as_json(&blueprint, &file, &yaml, private.as_deref(), &checked))?;
    } else {
        let told = made.key.iter().map(|key| format!("{key}\n")).collect::<String>();
        print::out(format!("{}{}\n", clean(&told).replace('\u{240a}', "\n"), clean(&file.display().to_string())).as_bytes())?;
    }
    verdict(arguments.json, &blueprint, &file, checked)
}

fn key_pair(wizard: &Wizard, source: &Source) -> Option<KeyPair> {
    let Source::Aws { profile, .. } = source else { return None };
    let (name, region) = (wizard.key_name(), wizard.ground.region.clone());
    let public = match wizard.given(Step::Key).split_once(':') {
        Some(("new", _)) => None,
        Some(("import", path)) => Some(crate::remote::live::at_home(Path::new(path))),
        _ => return None,
    };
    let dest = crate::remote::live::at_home(Path::new(&format!("~/.ssh/{name}.pem")));
    let cluster = ClusterId::aws(profile.as_deref(), &region, wizard.given(Step::Name));
    Some(KeyPair { cluster, profile: profile.clone(), region, name, public, dest })
}

fn as_json(blueprint: &Blueprint, file: &Path, yaml: &str, private: Option<&Path>, checked: &Result<Verdict, Failure>) -> Value {
    let dry_run = match checked {
        Ok(found) => json!({ "ok": found.accepted, "said": found.said, "messages": lifecycle::remarks_json(found) }),
        // Nobody looked.
        Err(failure) => json!({ "ok": null, "said": failure.what, "messages": [] }),
    };
    json!({
        "name": blueprint.name, "region": blueprint.region, "file": file, "yaml": yaml, "key": blueprint.key, "private_key": private,
        "remarks": blueprint.faults(), "dry_run": dry_run,
    })
}

/// What `pcluster` says of a configuration before anything is made.
async fn rehearse(remote: &dyn Remote, cluster: ClusterId, file: &Path) -> Result<Verdict, Failure> {
    let of = Configuration::File { place: Place::Here, path: file.display().to_string() };
    match remote.ask(Query::DryRun { cluster, draft: Draft::Create(of) }).await? {
        Answer::Verdict(verdict) => Ok(*verdict),
        _ => Ok(Verdict::default()),
    }
}

/// What `pcluster` said. That it is not there is no failure: the file is.
fn verdict(json: bool, blueprint: &Blueprint, file: &Path, checked: Result<Verdict, Failure>) -> Result<(), Failure> {
    let say = |text: &str| {
        let _ = writeln!(std::io::stderr(), "qdeck: {}", clean(text));
    };
    match checked {
        Err(failure) if failure.kind == FailureKind::NotFound => {
            if !json {
                say(&format!("not checked: {failure}"));
            }
            Ok(())
        }
        Err(failure) => Err(failure),
        Ok(found) => {
            if !json {
                lifecycle::remarks(file, &found);
            }
            if !found.accepted {
                let hint = format!("Correct {} and check it again: pcluster create-cluster --dryrun true.", file.display());
                return Err(Failure::new(FailureKind::Rejected, "pcluster", found.said).hint(hint));
            }
            if json {
                return Ok(());
            }
            let next = format!(
                "pcluster would create it. Do so: qdeck create {} --file {}\n",
                blueprint.name,
                crate::model::text::quoted(&file.display().to_string())
            );
            print::out(clean(&next).replace('\u{240a}', "\n").as_bytes())
        }
    }
}
