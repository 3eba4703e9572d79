//! Values as tables for people and as JSON for programs.

use std::io::Write;

use serde_json::{Value, json};

use crate::model::text::clean;
use crate::model::{Alert, Chosen, Cluster, Failure, FailureKind, Job, JobTable, Node};
use crate::ui::{Cut, fit, width};

/// Writes to standard output. A reader that has seen enough is no failure.
pub(super) fn out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(FailureKind::Stopped, "standard output", "closed"))
        }
        Err(error) => Err(Failure::new(FailureKind::Denied, "standard output", error.to_string())),
    }
}

/// A value as indented JSON.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    out(format!("{value:#}\n").as_bytes())
}

/// Rows under a heading, as wide as they need. Control characters are made visible.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell).into_owned()).collect()).collect();
    let widths: Vec<usize> =
        (0..heading.len()).map(|i| rows.iter().map(|row| width(&row[i])).chain([heading[i].len()]).max().unwrap_or(0)).collect();
    let mut text = String::new();
    let head: Vec<String> = heading.iter().map(|h| (*h).to_owned()).collect();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(wide.saturating_sub(width(cell)) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    out(text.as_bytes())
}

fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn cluster(cluster: &Cluster) -> Value {
    json!({
        "name": cluster.name,
        "kind": cluster.kind,
        "profile": cluster.profile,
        "region": cluster.region,
        "version": cluster.version,
        "status": cluster.status,
        "fleet_status": cluster.fleet_status,
        "scheduler": cluster.scheduler.map(crate::model::SchedulerKind::word),
        "head_node": cluster.head_node,
        "log_group": cluster.log_group,
        "failures": cluster.failures,
        "notes": cluster.notes,
    })
}

pub(super) fn clusters(clusters: &[Cluster]) -> Result<(), Failure> {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let rows: Vec<Vec<String>> = clusters
        .iter()
        .map(|c| {
            let head = c.head_node.clone().unwrap_or_default();
            let twice = clusters.iter().filter(|d| d.name == c.name).count() > 1;
            vec![
                if twice { c.id.to_string() } else { c.name.clone() },
                json!(c.kind).as_str().unwrap_or("").to_owned(),
                or(&c.region),
                or(&c.version),
                c.fleet_status.as_ref().map_or_else(|| or(&c.status), |fleet| format!("{} {fleet}", or(&c.status))),
                c.scheduler.map_or("-", crate::model::SchedulerKind::word).to_owned(),
                or(&head.state),
                or(&head.address),
            ]
        })
        .collect();
    table(&["NAME", "KIND", "REGION", "VERSION", "STATUS", "SCHEDULER", "HEAD", "ADDRESS"], &rows)?;
    let told = clusters.iter().flat_map(|c| {
        let failures = c.failures.iter().map(|failure| format!("{}: {}", failure.code, failure.reason));
        failures.chain(c.notes.iter().cloned()).map(|text| format!("{}: {}\n", c.name, clean(&text)))
    });
    let told: String = told.collect();
    if told.is_empty() { Ok(()) } else { out(format!("\n{told}").as_bytes()) }
}

pub(super) fn node(node: &Node) -> Value {
    json!({
        "name": node.name,
        "state": node.state,
        "state_plain": known(&crate::model::node::plain(&node.state)),
        "partitions": node.partitions,
        "reason": node.reason,
        "reason_plain": node.reason_plain,
        "reason_since": node.reason_since.map(|t| t.to_string()),
        "reason_by": node.reason_by,
        "cpus": node.cpus,
        "cpus_used": node.cpus_used,
        "load": node.load,
        "memory_mb": node.memory_mb,
        "memory_used_mb": node.memory_used_mb,
        "gres": node.gres,
        "gres_used": node.gres_used,
        "features": node.features,
        "instance_id": node.instance_id,
        "instance_type": node.instance_type,
        "address": node.address,
        "purchase": node.purchase.map(crate::model::Purchase::word),
        "zone": node.zone,
        "warnings": node.alerts.iter().map(alert).collect::<Vec<_>>(),
    })
}

/// What EC2 warns of.
pub(super) fn alert(alert: &Alert) -> Value {
    json!({ "kind": alert.kind.word(), "code": alert.code, "words": alert.words, "at": alert.at.map(|t| t.to_string()) })
}

pub(super) fn nodes(nodes: &[Node]) -> Result<(), Failure> {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .map(|n| {
            vec![
                n.name.clone(),
                n.state.clone(),
                n.partitions.join(","),
                format!("{}/{}", n.cpus_used, n.cpus),
                n.memory_mb.to_string(),
                or(&n.instance_id),
                or(&n.instance_type),
                n.alerts.first().map_or_else(|| or(&n.reason), |alert| format!("! {}", alert.brief())),
            ]
        })
        .collect();
    table(&["NODE", "STATE", "PARTITIONS", "CPUS", "MEMORY_MB", "INSTANCE", "TYPE", "REASON"], &rows)
}

pub(super) fn job(job: &Job<'_>) -> Value {
    json!({
        "id": job.id(),
        "array_job_id": known(job.array_job_id()),
        "array_task_id": known(job.array_task_id()),
        "name": job.name(),
        "user": known(job.user()),
        "partition": known(job.partition()),
        "state": job.state().long(),
        "reason": known(job.reason()).filter(|reason| *reason != "None"),
        "nodes": job.nodes(),
        "node_list": known(job.node_list()),
        "cpus": job.cpus(),
        "submitted": job.submitted().map(|t| t.to_string()),
        "started": job.started().map(|t| t.to_string()),
        "time_used": job.time_used(),
        "time_limit": job.time_limit(),
        "work_dir": known(job.work_dir()),
        "stdout": known(job.stdout()),
        "stderr": known(job.stderr()),
    })
}

pub(super) fn jobs(jobs: &JobTable, columns: &[Chosen]) -> Result<(), Failure> {
    let cell = |job: &Job<'_>, chosen: &Chosen| {
        let text = chosen.column.text(job);
        chosen.cells.map_or_else(|| text.to_string(), |cells| fit(&text, usize::from(cells), Cut::End).into_owned())
    };
    let rows: Vec<Vec<String>> = jobs.iter().map(|job| columns.iter().map(|chosen| cell(&job, chosen)).collect()).collect();
    let heading: Vec<&str> = columns.iter().map(|chosen| chosen.column.title()).collect();
    table(&heading, &rows)
}
