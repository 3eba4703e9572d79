//! Subcommands for the life of a cluster: create, update, scale, start and stop its fleet, watch its stack, delete it.
//!
//! Nothing here waits for what it began unless it is told to; what was begun goes on without qdeck.

mod course;

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{choose, print, run};
use crate::model::outline::{Outline, steps};
use crate::model::text::clean;
use crate::model::{
    Answer, ClusterId, Command, Configuration, Draft, Failure, FailureKind, Operation, Query, Receipt, Remark, Source, Verdict,
};
use crate::remote::Remote;
use course::{Shown, ended, follow, line, one};

/// `fleet NAME …`
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Fleet {
    /// Let compute nodes start
    Start,
    /// Stop all compute nodes; jobs on them end
    Stop,
}

/// `scale …`
#[derive(Args, Clone, Debug)]
pub struct Scaling {
    /// The cluster
    pub name: String,
    /// The queue; queue/resource where it has several compute resources
    pub queue: String,
    /// The fewest nodes: so many are always on
    #[arg(long, value_name = "N", required_unless_present = "max")]
    pub min: Option<u32>,
    /// The most nodes
    #[arg(long, value_name = "N")]
    pub max: Option<u32>,
    /// The configuration it was made from, instead of asking for it
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) async fn create(
    json: bool,
    remote: &dyn Remote,
    sources: &[Source],
    (name, file): (&str, &Path),
    (dry_run, wait): (bool, bool),
) -> Result<(), Failure> {
    named(name)?;
    let text = read(file)?;
    let cluster = to_be(remote, sources, name, &text).await?;
    if dry_run {
        let draft = Draft::Create(Configuration::Text(text));
        return tried(json, &cluster, "would be created", file, &dry(remote, &cluster, draft).await?);
    }
    let command = Command::Operate { cluster: cluster.clone(), operation: Operation::Create { text } };
    let (status, verdict) = begun(json, &cluster, file, run::run(remote, command).await?)?;
    remarks(file, &verdict);
    if !wait {
        return told(json, &cluster, &status, &verdict);
    }
    let course = follow(remote, &cluster, if json { Shown::Nothing } else { Shown::Aside }).await?;
    told(json, &cluster, &course.status, &verdict)?;
    ended(remote, &cluster, &course).await
}

pub(super) async fn update(
    json: bool,
    remote: &dyn Remote,
    sources: &[Source],
    (name, file): (&str, &Path),
    dry_run: bool,
) -> Result<(), Failure> {
    let text = read(file)?;
    let cluster = choose::cluster(remote, sources, Some(name)).await?;
    if dry_run {
        let draft = Draft::Update(Configuration::Text(text));
        return tried(json, &cluster, "would be updated", file, &dry(remote, &cluster, draft).await?);
    }
    let command = Command::Operate { cluster: cluster.clone(), operation: Operation::Update { text } };
    let (status, verdict) = begun(json, &cluster, file, run::run(remote, command).await?)?;
    remarks(file, &verdict);
    told(json, &cluster, &status, &verdict)
}

pub(super) async fn scale(json: bool, remote: &dyn Remote, sources: &[Source], wanted: &Scaling) -> Result<(), Failure> {
    let of = wanted.file.as_deref().map(read).transpose()?.map_or(Configuration::Own, Configuration::Text);
    let cluster = choose::cluster(remote, sources, Some(&wanted.name)).await?;
    let draft = Draft::Scale { queue: wanted.queue.clone(), min: wanted.min, max: wanted.max, of };
    let verdict = dry(remote, &cluster, draft).await?;
    let file = wanted.file.clone().unwrap_or_else(|| PathBuf::from("configuration"));
    if !json {
        print::out(difference(&verdict).as_bytes())?;
    }
    if wanted.dry_run || !verdict.accepted {
        return tried(json, &cluster, "would be scaled", &file, &verdict);
    }
    let bounds = verdict.bounds.unwrap_or_default();
    let operation = Operation::Scale { queue: wanted.queue.clone(), bounds, text: verdict.text.clone() };
    let (status, said) = begun(json, &cluster, &file, run::run(remote, Command::Operate { cluster: cluster.clone(), operation }).await?)?;
    remarks(&file, &said);
    told(json, &cluster, &status, &Verdict { before: verdict.before, ..said })
}

pub(super) async fn fleet(json: bool, remote: &dyn Remote, sources: &[Source], name: &str, verb: Fleet) -> Result<(), Failure> {
    let cluster = choose::cluster(remote, sources, Some(name)).await?;
    let operation = if verb == Fleet::Start { Operation::StartFleet } else { Operation::StopFleet };
    let receipt = run::run(remote, Command::Operate { cluster: cluster.clone(), operation }).await?;
    let (status, verdict) = begun(json, &cluster, Path::new(""), receipt)?;
    told(json, &cluster, &status, &verdict)
}

pub(super) async fn delete(json: bool, remote: &dyn Remote, sources: &[Source], name: &str, yes: bool) -> Result<(), Failure> {
    let cluster = choose::cluster(remote, sources, Some(name)).await?;
    let log_group = choose::clusters(remote, sources).await.0.into_iter().find(|c| c.id == cluster).and_then(|c| c.log_group);
    let stays = log_group.map_or_else(|| "its log group".to_owned(), |group| format!("the log group {}", clean(&group)));
    let words = format!(
        "{cluster}: its head node, its compute nodes, their disks and file systems it made go; running jobs end.\n\
         What stays: {stays}, and file systems and buckets that were there before it.\n"
    );
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(FailureKind::Rejected, cluster.as_str(), "a cluster is not deleted without a question")
                .hint("There is no terminal to ask on: --yes says that it is meant."));
        }
        let asked = format!("{words}Type the cluster's name to delete it: ");
        let _ = std::io::stderr().write_all(asked.as_bytes());
        let typed = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        let typed = typed.await.ok().and_then(Result::ok).unwrap_or_default();
        if typed.trim() != cluster.name() {
            return Err(Failure::new(FailureKind::Stopped, cluster.as_str(), "nothing was deleted: that is not its name"));
        }
    } else if !json {
        let _ = std::io::stderr().write_all(words.as_bytes());
    }
    let receipt = run::run(remote, Command::Operate { cluster: cluster.clone(), operation: Operation::Delete }).await?;
    let (status, verdict) = begun(json, &cluster, Path::new(""), receipt)?;
    told(json, &cluster, &status, &verdict)
}

pub(super) async fn events(json: bool, remote: &dyn Remote, sources: &[Source], name: &str, wait: bool) -> Result<(), Failure> {
    let cluster = choose::cluster(remote, sources, Some(name)).await?;
    if wait {
        let course = follow(remote, &cluster, if json { Shown::Json } else { Shown::Out }).await?;
        return ended(remote, &cluster, &course).await;
    }
    let Answer::Events(events) = remote.ask(Query::Events(cluster)).await? else { return Ok(()) };
    if json {
        return print::json(&Value::Array(events.iter().map(one).collect()));
    }
    print::out(events.iter().map(line).collect::<String>().as_bytes())
}

async fn dry(remote: &dyn Remote, cluster: &ClusterId, draft: Draft) -> Result<Verdict, Failure> {
    match remote.ask(Query::DryRun { cluster: cluster.clone(), draft }).await? {
        Answer::Verdict(verdict) => Ok(*verdict),
        _ => Err(Failure::new(FailureKind::Garbled, cluster.as_str(), "no verdict came")),
    }
}

/// Tells the verdict of a dry run; a refusal is a failure.
fn tried(json: bool, cluster: &ClusterId, good: &str, file: &Path, verdict: &Verdict) -> Result<(), Failure> {
    remarks(file, verdict);
    if json {
        print::json(&tell(cluster, None, verdict))?;
    } else {
        alterations(verdict)?;
    }
    if !verdict.accepted {
        return Err(refused(cluster, file, verdict));
    }
    if json { Ok(()) } else { print::out(format!("{}: {good}\n", cluster.name()).as_bytes()) }
}

/// The status of what was begun, or what kept it from that.
fn begun(json: bool, cluster: &ClusterId, file: &Path, receipt: Receipt) -> Result<(String, Verdict), Failure> {
    match receipt {
        Receipt::Begun { status, verdict } => Ok((status, *verdict)),
        Receipt::Refused(verdict) => {
            remarks(file, &verdict);
            if json {
                print::json(&tell(cluster, None, &verdict))?;
            }
            Err(refused(cluster, file, &verdict))
        }
        _ => Err(Failure::new(FailureKind::Garbled, cluster.as_str(), "no receipt came")),
    }
}

fn told(json: bool, cluster: &ClusterId, status: &str, verdict: &Verdict) -> Result<(), Failure> {
    if json {
        return print::json(&tell(cluster, Some(status), verdict));
    }
    alterations(verdict)?;
    print::out(format!("{}: {}\n", cluster.name(), clean(status)).as_bytes())
}

fn refused(cluster: &ClusterId, file: &Path, verdict: &Verdict) -> Failure {
    let said = if verdict.said.is_empty() { "the configuration is refused" } else { verdict.said.as_str() };
    let count = verdict.remarks.len();
    let hint = if count == 0 { String::new() } else { format!("{count} remarks on {} stand above.", file.display()) };
    Failure::new(FailureKind::Rejected, cluster.as_str(), said).hint(hint)
}

/// `FILE:LINE: error: what is said`, as editors and people know it.
pub(super) fn remarks(file: &Path, verdict: &Verdict) {
    for remark in &verdict.remarks {
        let line = remark.line.map_or_else(String::new, |line| format!(":{}", line + 1));
        let kind = if remark.kind.is_empty() { String::new() } else { format!(" [{}]", clean(&remark.kind)) };
        let words = format!("{}{line}: {}: {}{kind}\n", file.display(), remark.severity.word(), clean(&remark.message));
        let _ = std::io::stderr().write_all(words.as_bytes());
    }
}

fn alterations(verdict: &Verdict) -> Result<(), Failure> {
    if verdict.alterations.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = verdict.alterations.iter().map(|a| vec![a.parameter.clone(), a.now.clone(), a.then.clone()]).collect();
    print::table(&["PARAMETER", "NOW", "THEN"], &rows)
}

/// The changed lines of a configuration, each with its number.
fn difference(verdict: &Verdict) -> String {
    let mut out = String::new();
    for (number, old, new) in verdict.edited() {
        if let Some(old) = old {
            out.push_str(&format!("{:>5} - {}\n", number + 1, clean(old)));
        }
        out.push_str(&format!("{:>5} + {}\n", number + 1, clean(new)));
    }
    out
}

/// What was said of a configuration; lines count from 1.
pub(super) fn remarks_json(verdict: &Verdict) -> Vec<Value> {
    let remark =
        |r: &Remark| json!({ "level": r.severity.word(), "type": r.kind, "message": r.message, "line": r.line.map(|line| line + 1) });
    verdict.remarks.iter().map(remark).collect()
}

fn tell(cluster: &ClusterId, status: Option<&str>, verdict: &Verdict) -> Value {
    let remarks = remarks_json(verdict);
    let changes: Vec<Value> =
        verdict.alterations.iter().map(|a| json!({ "parameter": a.parameter, "now": a.now, "then": a.then })).collect();
    let said = Some(verdict.said.as_str()).filter(|said| !said.is_empty());
    json!({
        "cluster": cluster.as_str(), "name": cluster.name(), "status": status, "accepted": verdict.accepted || status.is_some(),
        "message": said, "remarks": remarks, "changes": changes,
        "bounds": verdict.bounds.map(|(min, max)| json!({ "min": min, "max": max })),
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::new(FailureKind::NotFound, file.display().to_string(), error.to_string()))
}

/// What ParallelCluster lets a cluster be called.
fn named(name: &str) -> Result<(), Failure> {
    let fits = name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let what = "a cluster's name begins with a letter and has letters, digits and dashes, 60 at most";
    if fits { Ok(()) } else { Err(Failure::new(FailureKind::Rejected, clean(name), what)) }
}

/// The cluster that is to be: in the account that is looked at, in the region that its configuration names, or else the account's own.
async fn to_be(remote: &dyn Remote, sources: &[Source], name: &str, text: &str) -> Result<ClusterId, Failure> {
    let source = sources.iter().find(|source| matches!(source, Source::Aws { .. }));
    let (profile, region) = match source {
        Some(Source::Aws { profile, region }) => (profile.clone(), region.clone()),
        Some(Source::Fixed) | None => (None, None),
    };
    let own = Outline::read(text).value(&steps("Region")).filter(|region| !region.is_empty()).map(str::to_owned);
    let region = match own.or(region) {
        Some(region) => region,
        None => match remote.ask(Query::Region(Source::Aws { profile: profile.clone(), region: None })).await? {
            Answer::Region(region) => region,
            _ => return Err(Failure::new(FailureKind::Garbled, clean(name), "no region came")),
        },
    };
    Ok(ClusterId::aws(profile.as_deref(), &region, name))
}
