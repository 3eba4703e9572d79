//! Subcommands that change jobs and nodes, explain them and remember them.

use std::io::Write;

use serde_json::{Value, json};

use super::{choose, print, run};
use crate::model::duration::slurm;
use crate::model::text::clean;
use crate::model::{
    Again, Answer, ClusterId, Command, Failure, FailureKind, JobChange, JobId, JobState, NodeChange, Past, Query, Recall, Receipt, Source,
};
use crate::remote::Remote;

pub(super) async fn jobs(json: bool, remote: &dyn Remote, cluster: ClusterId, change: JobChange, jobs: &[String]) -> Result<(), Failure> {
    let done = if change == JobChange::Cancel { "cancelled" } else { "changed" };
    let command = Command::Change { cluster, change, jobs: jobs.iter().map(JobId::new).collect() };
    receipt(json, done, jobs, run::run(remote, command).await?)
}

pub(super) async fn nodes(
    json: bool,
    remote: &dyn Remote,
    cluster: ClusterId,
    change: NodeChange,
    nodes: &[String],
) -> Result<(), Failure> {
    receipt(json, "changed", nodes, run::run(remote, Command::ChangeNodes { cluster, change, nodes: nodes.to_vec() }).await?)
}

/// What was done is printed; what was refused is the failure.
fn receipt(json: bool, done: &str, asked: &[String], receipt: Receipt) -> Result<(), Failure> {
    let Receipt::Changed { refused, .. } = receipt else { return Ok(()) };
    let good: Vec<&String> = asked.iter().filter(|name| refused.iter().all(|(bad, _)| bad != *name)).collect();
    if json {
        let why: Vec<Value> = refused.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
        print::json(&json!({ done: good, "refused": why }))?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    let words: Vec<String> = refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    Err(Failure::new(FailureKind::Rejected, "", words.join("; ")).hint("The others were changed."))
}

pub(super) fn submitted(json: bool, job: &JobId, said: &str) -> Result<(), Failure> {
    if !said.is_empty() {
        let _ = writeln!(std::io::stderr(), "{}", clean(said));
    }
    if json { print::json(&json!({ "id": job.as_str() })) } else { print::out(format!("{job}\n").as_bytes()) }
}

/// What EC2 warns of the nodes that a job runs on, where its cluster is one of AWS's.
async fn warned(remote: &dyn Remote, cluster: ClusterId, job: JobId) -> Vec<(String, String)> {
    if !cluster.as_str().contains('/') {
        return Vec::new();
    }
    let Ok(Answer::Nodes(table)) = remote.ask(Query::Nodes(cluster.clone())).await else { return Vec::new() };
    if table.nodes.iter().all(|node| node.alerts.is_empty()) {
        return Vec::new();
    }
    let Ok(Answer::Detail(detail)) = remote.ask(Query::Detail { cluster, job }).await else { return Vec::new() };
    let list = detail.field("NodeList").filter(|_| !detail.state.is_over()).unwrap_or_default();
    super::job::warnings(&table.nodes, list)
        .iter()
        .map(|(node, alert)| ("Warning".to_owned(), format!("{node}: {}", super::job::told(alert))))
        .collect()
}

pub(super) async fn why(json: bool, remote: &dyn Remote, cluster: ClusterId, job: JobId) -> Result<(), Failure> {
    let Answer::Why(mut why) = remote.ask(Query::Why { cluster: cluster.clone(), job: job.clone() }).await? else { return Ok(()) };
    why.facts.splice(..0, warned(remote, cluster, job).await);
    let estimate = why.estimate.and_then(|at| jiff::Timestamp::from_second(at).ok()).map(|t| t.to_string());
    if json {
        let facts: Vec<Value> = why.facts.iter().map(|(label, text)| json!({ "label": label, "text": text })).collect();
        let place = why.place.map(|(at, of)| json!({ "at": at, "of": of }));
        return print::json(&json!({
            "reason": why.reason, "plain": why.plain, "remedy": why.remedy, "estimated_start": estimate, "place": place,
            "partition": Some(why.partition).filter(|p| !p.is_empty()), "facts": facts,
        }));
    }
    let mut text = String::new();
    if !matches!(why.reason.as_str(), "" | "None") {
        text.push_str(&format!("{}\n", clean(&why.reason)));
    }
    for line in [&why.plain, &why.remedy].into_iter().filter(|line| !line.is_empty()) {
        text.push_str(&format!("{}\n", clean(line)));
    }
    let mut facts: Vec<(String, String)> = Vec::new();
    if let Some((at, of)) = why.place {
        facts.push(("Place".into(), format!("{at} of {of} that wait in {}", why.partition)));
    }
    facts.extend(estimate.map(|estimate| ("Estimated start".to_owned(), estimate)));
    facts.extend(why.facts.iter().cloned());
    let column = facts.iter().map(|(label, _)| crate::ui::width(label)).max().unwrap_or(0) + 2;
    for (label, fact) in &facts {
        text.push_str(&format!("{label:column$}{}\n", clean(fact)));
    }
    print::out(text.as_bytes())
}

pub(super) async fn rerun(
    json: bool,
    remote: &dyn Remote,
    cluster: ClusterId,
    job: &JobId,
    (array, failed): (Option<&str>, bool),
    options: &[String],
) -> Result<(), Failure> {
    let Answer::Again(again) = remote.ask(Query::Again { cluster, job: job.clone() }).await? else { return Ok(()) };
    let failed = if failed { Some(failed_tasks(job, &again)?) } else { None };
    let mut submission = match array.map(str::to_owned).or(failed) {
        Some(tasks) => again.only(&tasks),
        None => again.submission,
    };
    for note in again.notes {
        let _ = writeln!(std::io::stderr(), "qdeck: {note}");
    }
    submission.options.extend(options.iter().cloned());
    match run::run(remote, Command::Submit(submission)).await? {
        Receipt::Submitted { job, said } => submitted(json, &job, &said),
        _ => Ok(()),
    }
}

fn failed_tasks(job: &JobId, again: &Again) -> Result<String, Failure> {
    let none = |what: String| Failure::new(FailureKind::NotFound, format!("job {job}"), what);
    let tasks = again.tasks.as_ref().ok_or_else(|| none("is no array; without --failed it is submitted again as a whole".into()))?;
    let failed = tasks.failed();
    if failed.is_empty() {
        return Err(none(format!("none of the {} known tasks failed", tasks.states.len())));
    }
    Ok(tasks.list(&failed))
}

pub(super) async fn history(
    json: bool,
    remote: &dyn Remote,
    cluster: ClusterId,
    text: Option<&str>,
    state: Option<&str>,
    days: u32,
    everyone: bool,
) -> Result<(), Failure> {
    let state = match state.map(|word| (word, JobState::read(&word.to_uppercase()))) {
        Some((word, JobState::Unknown)) => {
            let failure = Failure::new(FailureKind::NotFound, "--state", format!("there is no job state {word}"));
            return Err(
                failure.hint("States are squeue's: COMPLETED, FAILED, TIMEOUT, CANCELLED, OUT_OF_MEMORY, or short: CD, F, TO, CA, OOM.")
            );
        }
        other => other.map(|(_, state)| state),
    };
    // What is in the queue now belongs to the past too: looking at it writes it down.
    let look = Query::Jobs { cluster: cluster.clone(), scope: crate::model::Scope::Mine };
    if let Err(failure) = remote.ask(look).await {
        let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
    }
    let all = Recall { text: String::new(), state: None, days: Some(days), everyone };
    let wanted = Recall { text: text.unwrap_or("").to_owned(), state, ..all.clone() };
    // Accounting is asked for all of it; what it said is searched in the record.
    let mut answer = remote.ask(Query::History { cluster: cluster.clone(), recall: all.clone() }).await?;
    if wanted != all {
        answer = remote.ask(Query::History { cluster, recall: wanted }).await?;
    }
    let Answer::History(past) = answer else { return Ok(()) };
    if json {
        return print::json(&Value::Array(past.iter().map(one).collect()));
    }
    let rows: Vec<Vec<String>> = past
        .iter()
        .map(|p| {
            let took = p.ended.zip(p.started).and_then(|(end, start)| u64::try_from(end - start).ok());
            vec![
                p.id.clone(),
                p.partition.clone(),
                p.name.clone(),
                p.user.clone(),
                p.state.map_or("?", JobState::long).to_owned(),
                p.exit_code.clone().unwrap_or_else(|| "-".into()),
                took.map_or_else(String::new, slurm),
                at(p.ended.or(p.started).or(p.submitted)).unwrap_or_default(),
                p.node_list.clone(),
                p.origin.word().to_owned(),
            ]
        })
        .collect();
    print::table(&["JOBID", "PARTITION", "NAME", "USER", "STATE", "EXIT", "TIME", "LAST", "NODELIST", "FROM"], &rows)
}

fn at(seconds: Option<i64>) -> Option<String> {
    Some(jiff::Timestamp::from_second(seconds?).ok()?.to_string())
}

fn one(past: &Past) -> Value {
    let known = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    json!({
        "id": past.id, "array_job_id": known(&past.array), "name": past.name, "user": known(&past.user), "partition": known(&past.partition),
        "state": past.state.map(JobState::long), "exit_code": past.exit_code, "nodes": past.nodes, "node_list": known(&past.node_list),
        "cpus": past.cpus, "submitted": at(past.submitted), "started": at(past.started), "ended": at(past.ended),
        "work_dir": known(&past.work_dir), "stdout": known(&past.stdout), "stderr": known(&past.stderr),
        "command": known(&past.command), "origin": past.origin.word(), "seen": at(Some(past.seen)),
    })
}

pub(super) async fn outbox(json: bool, remote: &dyn Remote, sources: &[Source], finish: bool) -> Result<(), Failure> {
    let Answer::Outbox(unsent) = remote.ask(Query::Outbox).await? else { return Ok(()) };
    if finish {
        // A cluster can be reached once it was listed; AWS is asked only where nobody nearer knows it.
        let (mut known, fixed) = choose::clusters(remote, &[Source::Fixed]).await;
        let mut last = fixed.into_iter().next();
        if unsent.iter().any(|one| known.iter().all(|cluster| cluster.id != one.cluster)) {
            let others: Vec<Source> = sources.iter().filter(|source| **source != Source::Fixed).cloned().collect();
            let (more, failures) = choose::clusters(remote, &others).await;
            known.extend(more);
            last = failures.into_iter().next().or(last);
        }
        for one in unsent.into_iter().filter(|one| !one.busy) {
            let command = Command::Finish { cluster: one.cluster.clone(), token: one.token };
            // What is wrong with one is no reason to leave the others where they are.
            match run::run(remote, command).await {
                Ok(Receipt::Submitted { job, said }) => submitted(json, &job, &said)?,
                Ok(_) => {}
                Err(failure) => {
                    let failure = Failure { what: format!("{}: {}", one.name, failure.what), ..failure };
                    if let Some(before) = last.replace(failure) {
                        let _ = writeln!(std::io::stderr(), "qdeck: {before}");
                    }
                }
            }
        }
        return last.map_or(Ok(()), Err);
    }
    if json {
        let all = unsent.iter().map(
            |u| json!({ "token": u.token, "cluster": u.cluster.as_str(), "name": u.name, "begun": at(Some(u.begun)), "busy": u.busy, "stale": u.stale }),
        );
        return print::json(&Value::Array(all.collect()));
    }
    let rows: Vec<Vec<String>> = unsent
        .iter()
        .map(|u| {
            vec![
                u.cluster.to_string(),
                u.name.clone(),
                at(Some(u.begun)).unwrap_or_default(),
                match (u.busy, u.stale) {
                    (true, _) => "at work",
                    (false, true) => "too long ago",
                    (false, false) => "cut off",
                }
                .into(),
            ]
        })
        .collect();
    print::table(&["CLUSTER", "SCRIPT", "BEGUN", "STATE"], &rows)
}

pub(super) async fn audit(json: bool, remote: &dyn Remote) -> Result<(), Failure> {
    let Answer::Audit(deeds) = remote.ask(Query::Audit).await? else { return Ok(()) };
    if json {
        let all = deeds.iter().map(
            |d| json!({ "at": d.at.to_string(), "user": d.user, "cluster": d.cluster.as_str(), "command": d.command, "result": d.result }),
        );
        return print::json(&Value::Array(all.collect()));
    }
    let rows: Vec<Vec<String>> = deeds
        .iter()
        .map(|d| {
            vec![
                d.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                d.user.clone(),
                d.cluster.to_string(),
                d.command.clone(),
                d.result.clone(),
            ]
        })
        .collect();
    print::table(&["AT", "USER", "CLUSTER", "COMMAND", "RESULT"], &rows)
}
