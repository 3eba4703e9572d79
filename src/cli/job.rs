//! Subcommands about one job: everything about it, its script, a shell inside it.

use std::io::{IsTerminal as _, Write as _};

use serde_json::{Map, Value as Json, json};

use super::print;
use crate::model::report::Group;
use crate::model::text::clean;
use crate::model::{
    Alert, Answer, ClusterId, Currency, Door, Failure, FailureKind, JobCost, JobDetail, JobId, Node, Query, Report, Source, Usage, Value,
    hostlist,
};
use crate::remote::Remote;

/// Everything about one job.
pub(super) async fn report(json: bool, remote: &dyn Remote, sources: &[Source], cluster: ClusterId, job: JobId) -> Result<(), Failure> {
    let Answer::Detail(detail) = remote.ask(Query::Examine { cluster: cluster.clone(), job }).await? else { return Ok(()) };
    note(&detail);
    // The instances behind the nodes, and what they cost; a job is worth reading without them.
    let nodes = match remote.ask(Query::Nodes(cluster.clone())).await {
        Ok(Answer::Nodes(nodes)) if detail.field("NodeList").is_some() => nodes.nodes.clone(),
        _ => Vec::new(),
    };
    let cost = cost(remote, sources, &cluster, &detail, &nodes).await;
    let warned = if detail.state.is_over() { Vec::new() } else { warnings(&nodes, detail.field("NodeList").unwrap_or_default()) };
    if json {
        let mut value = one(&detail);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("cost".into(), cost.as_ref().map_or(Json::Null, priced));
            let of = |(node, alert): &(String, Alert)| json!({ "node": node, "warning": print::alert(alert) });
            fields.insert("warnings".into(), warned.iter().map(of).collect());
        }
        return print::json(&value);
    }
    let mut report = Report::of(&detail, &nodes);
    let rows = cost.as_ref().map(JobCost::rows).unwrap_or_default();
    report.insert("Resources", Group { title: "Cost (estimate)", rows });
    let rows = warned.into_iter().map(|(node, alert)| (node, Value::Text(told(&alert)))).collect();
    report.insert("Times", Group { title: "Warnings", rows });
    let mut text = String::new();
    for group in report.groups {
        text.push_str(&format!("{}\n", group.title));
        for (label, value) in group.rows {
            let value = match value {
                Value::Text(text) => text,
                Value::Time(at) => at.to_string(),
                Value::Share(share, words) => format!("{share} %, {words}"),
            };
            text.push_str(&format!("  {label:<18} {}\n", clean(&value)));
        }
    }
    print::out(text.as_bytes())
}

/// What it costs or has cost, where its cluster is one of AWS's.
async fn cost(remote: &dyn Remote, sources: &[Source], cluster: &ClusterId, job: &JobDetail, nodes: &[Node]) -> Option<JobCost> {
    let others: Vec<Source> = sources.iter().filter(|source| **source != Source::Fixed).cloned().collect();
    // `profile/region/name` is only what AWS told of: elsewhere AWS is not asked.
    if nodes.is_empty() || !cluster.as_str().contains('/') {
        return None;
    }
    let (clusters, _) = super::choose::clusters(remote, &others).await;
    let region = clusters.into_iter().find(|known| known.id == *cluster)?.region;
    let Ok(Answer::Prices(prices)) = remote.ask(Query::Prices).await else { return None };
    JobCost::of(job, nodes, region.as_deref(), &prices)
}

fn priced(cost: &JobCost) -> Json {
    let known = cost.burn.brief().is_some();
    let only = |money, currency| super::cost::only(money, currency).filter(|_| known);
    let (sum, hour) = (cost.cost, cost.burn.hour);
    json!({
        "usd": only(sum, Currency::Usd), "usd_per_hour": only(hour, Currency::Usd), "cny": only(sum, Currency::Cny),
        "cny_per_hour": only(hour, Currency::Cny), "seconds": cost.seconds,
        "share": cost.share.map(|(cpus, of)| json!({ "cpus": cpus, "of": of })), "nodes_unpriced": cost.burn.unpriced,
        "estimate": true, "assumes": cost.burn.assumes(),
    })
}

/// What EC2 warns of the nodes in a list.
pub(super) fn warnings(nodes: &[Node], node_list: &str) -> Vec<(String, Alert)> {
    let warned = nodes.iter().filter(|node| !node.alerts.is_empty() && hostlist::holds(node_list, &node.name));
    warned.flat_map(|node| node.alerts.iter().map(|alert| (node.name.clone(), alert.clone()))).collect()
}

/// `2026-11-28T14:00:00Z: its machine retires …`
pub(super) fn told(alert: &Alert) -> String {
    format!("{}{} ({})", alert.at.map_or_else(String::new, |at| format!("{at}: ")), alert.words, alert.code)
}

/// Says on standard error that a job is from the record.
pub(super) fn note(detail: &JobDetail) {
    let Some(seen) = detail.remembered else { return };
    let since = jiff::Timestamp::from_second(seen).map_or_else(|_| "long ago".to_owned(), |at| at.to_string());
    let _ = writeln!(
        std::io::stderr(),
        "qdeck: the scheduler has forgotten job {}; this is from qdeck's own record, last seen {since}",
        clean(detail.id.as_str())
    );
}

fn one(detail: &JobDetail) -> Json {
    let fields: Map<String, Json> = detail.fields.iter().map(|(label, value)| (label.clone(), json!(value))).collect();
    let seen = detail.remembered.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(|at| at.to_string());
    json!({
        "id": detail.id.as_str(), "scheduler": detail.scheduler.word(), "state": detail.state.long(), "exit_code": detail.exit_code,
        "stdout": detail.stdout, "stderr": detail.stderr, "work_dir": detail.work_dir, "remembered": seen,
        "usage": detail.usage.as_deref().map(usage), "fields": fields,
    })
}

fn usage(usage: &Usage) -> Json {
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "source": known(&usage.source), "elapsed": usage.elapsed, "cpus": usage.cpus, "cpu_time": usage.cpu_time,
        "cpu_percent": usage.cpu_share(), "memory": usage.memory, "memory_given": usage.memory_given,
        "memory_percent": usage.memory_share(), "gpu_percent": usage.gpu, "why_unknown": known(&usage.why),
    })
}

/// The script alone, so that it can be sent to a file.
pub(super) async fn script(json: bool, remote: &dyn Remote, cluster: ClusterId, job: JobId) -> Result<(), Failure> {
    let Answer::Again(again) = remote.ask(Query::Again { cluster, job: job.clone() }).await? else { return Ok(()) };
    let submission = again.submission;
    let Some(text) = submission.text else {
        let what = format!("the scheduler has forgotten the script of job {job}; it was {}", submission.path);
        return Err(Failure::new(FailureKind::NotFound, submission.cluster.as_str(), what));
    };
    if json {
        return print::json(&json!({
            "id": job.as_str(), "script": text, "path": submission.path, "work_dir": submission.dir,
            "options": submission.options, "args": submission.args, "notes": again.notes,
        }));
    }
    print::out(text.as_bytes())?;
    if text.ends_with('\n') { Ok(()) } else { print::out(b"\n") }
}

/// A shell where the job runs: this terminal is its own until it ends, and so is its exit code.
pub(super) async fn attach(remote: &dyn Remote, cluster: ClusterId, door: Door) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::new(FailureKind::Unsupported, "attach", "a shell needs a terminal")
            .hint("With ssh -t, or without a pipe, there is one."));
    }
    let Answer::Shell(words) = remote.ask(Query::Shell { cluster, door }).await? else { return Ok(()) };
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let wrong = |what: String| Failure::new(FailureKind::Stopped, program.as_str(), what);
    let status = tokio::process::Command::new(program).args(arguments).status().await.map_err(|error| wrong(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(wrong(format!("ended with {status}"))) }
}
