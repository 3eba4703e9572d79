//! Carries out one subcommand.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};

use super::attended::attended;
use super::{Arguments, ConfigVerb, Verb, change, choose, cost, doctor, init, job, lifecycle, logs, print, run, shared};
use crate::config::Config;
use crate::model::{
    Answer, Chosen, Column, Command, Door, Existing, Failure, FailureKind, Fetch, JobChange, JobId, NodeChange, Place, Query, Receipt,
    Scope, Source, Submission,
};
use crate::protocol::KeyMap;
use crate::protocol::action::ROWS;
use crate::remote::Remote;

/// Carries out a subcommand that is not the application itself.
pub async fn command(arguments: &Arguments, verb: &Verb, config: &Config, remote: Arc<dyn Remote>, sources: &[Source]) -> ExitCode {
    let (remote, questions) = attended(remote);
    let done = tokio::select! {
        done = carry_out(arguments, verb, config, &remote, sources) => done,
        never = questions => match never {},
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed our standard output has what it wanted.
        Err(failure) if failure.kind == FailureKind::Stopped && failure.place == "standard output" => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: &Arguments, verb: &Verb, config: &Config, remote: &dyn Remote, sources: &[Source]) -> Result<(), Failure> {
    let cluster = || choose::cluster(remote, sources, arguments.cluster.as_deref());
    match verb {
        Verb::Doctor { name } => doctor::doctor(arguments.json, remote, name.as_deref().or(arguments.cluster.as_deref())).await,
        Verb::Clusters => clusters(arguments.json, remote, sources).await,
        Verb::Nodes => {
            let Answer::Nodes(nodes) = remote.ask(Query::Nodes(cluster().await?)).await? else { return Ok(()) };
            warn(nodes.warnings);
            if arguments.json {
                print::json(&Value::Array(nodes.nodes.iter().map(print::node).collect()))
            } else {
                print::nodes(&nodes.nodes)
            }
        }
        Verb::Jobs { all, columns } => {
            let columns = columns.as_ref().map_or_else(|| Ok(Chosen::defaults()), |words| crate::config::columns(words));
            let columns = columns.map_err(|what| {
                let all: Vec<_> = Column::ALL.iter().map(|(_, title, _)| *title).collect();
                Failure::new(FailureKind::Rejected, "--columns", what).hint(format!("The columns are {}.", all.join(", ")))
            })?;
            let scope = if *all { Scope::All } else { Scope::Mine };
            let Answer::Jobs(jobs) = remote.jobs_with_paths(cluster().await?, scope).await? else { return Ok(()) };
            warn(jobs.warnings);
            if arguments.json {
                print::json(&Value::Array(jobs.iter().map(|job| print::job(&job)).collect()))
            } else {
                print::jobs(&jobs, &columns)
            }
        }
        Verb::Submit { script, remote: there, dir, option, args } => {
            let cluster = cluster().await?;
            let (place, path) = if *there { (Place::Head(cluster.clone()), script.clone()) } else { (Place::Here, absolute(script)?) };
            let submission = Submission { cluster, place, path, dir: dir.clone(), args: args.clone(), options: option.clone(), text: None };
            match run::run(remote, Command::Submit(submission)).await? {
                Receipt::Submitted { job, said } => change::submitted(arguments.json, &job, &said),
                _ => Ok(()),
            }
        }
        Verb::Cancel { jobs, mine } => {
            let change = if *mine { JobChange::CancelMine } else { JobChange::Cancel };
            change::jobs(arguments.json, remote, cluster().await?, change, jobs).await
        }
        Verb::Hold { jobs } => change::jobs(arguments.json, remote, cluster().await?, JobChange::Hold, jobs).await,
        Verb::Release { jobs } => change::jobs(arguments.json, remote, cluster().await?, JobChange::Release, jobs).await,
        Verb::Requeue { jobs } => change::jobs(arguments.json, remote, cluster().await?, JobChange::Requeue, jobs).await,
        Verb::Signal { name, jobs } => {
            let change = JobChange::signal(name).map_err(|wrong| mistyped("NAME", &wrong))?;
            change::jobs(arguments.json, remote, cluster().await?, change, jobs).await
        }
        Verb::TimeLimit { limit, jobs } => {
            let change = JobChange::time_limit(limit).map_err(|wrong| mistyped("LIMIT", &wrong))?;
            change::jobs(arguments.json, remote, cluster().await?, change, jobs).await
        }
        Verb::Top { jobs } => change::jobs(arguments.json, remote, cluster().await?, JobChange::Top, jobs).await,
        Verb::Nice { value, jobs } => change::jobs(arguments.json, remote, cluster().await?, JobChange::Nice(*value), jobs).await,
        Verb::Drain { reason, nodes } => {
            let change = NodeChange::drain(reason).map_err(|wrong| mistyped("--reason", &wrong))?;
            change::nodes(arguments.json, remote, cluster().await?, change, nodes).await
        }
        Verb::Resume { nodes } => change::nodes(arguments.json, remote, cluster().await?, NodeChange::Resume, nodes).await,
        Verb::Reboot { nodes } => change::nodes(arguments.json, remote, cluster().await?, NodeChange::Reboot, nodes).await,
        Verb::PowerUp { nodes } => change::nodes(arguments.json, remote, cluster().await?, NodeChange::PowerUp, nodes).await,
        Verb::PowerDown { nodes } => change::nodes(arguments.json, remote, cluster().await?, NodeChange::PowerDown, nodes).await,
        Verb::Why { job } => change::why(arguments.json, remote, cluster().await?, JobId::new(job)).await,
        Verb::Rerun { job, array, failed, option } => {
            change::rerun(arguments.json, remote, cluster().await?, &JobId::new(job), (array.as_deref(), *failed), option).await
        }
        Verb::Job { job } => job::report(arguments.json, remote, sources, cluster().await?, JobId::new(job)).await,
        Verb::Script { job } => job::script(arguments.json, remote, cluster().await?, JobId::new(job)).await,
        Verb::Attach { job, node } => {
            let door = job.as_ref().map(|job| Door::Job(JobId::new(job))).or(node.clone().map(Door::Node));
            match door {
                Some(door) => job::attach(remote, cluster().await?, door).await,
                None => Ok(()),
            }
        }
        Verb::History { text, state, days, everyone } => {
            change::history(arguments.json, remote, cluster().await?, text.as_deref(), state.as_deref(), *days, *everyone).await
        }
        Verb::Audit => change::audit(arguments.json, remote).await,
        Verb::Outbox { finish } => change::outbox(arguments.json, remote, sources, *finish).await,
        Verb::Logs { what, follow, stderr, all, since, grep, tail, group, live } => {
            let (since, grep, group) = (since.as_deref(), grep.as_deref(), group.as_deref());
            let (follow, stderr, all, tail, live, json) = (*follow, *stderr, *all, *tail, *live, arguments.json);
            let wanted = logs::Wanted { what, follow, stderr, all, since, grep, tail, group, live, json };
            logs::print(remote, sources, arguments.cluster.as_deref(), &wanted).await
        }
        Verb::Fetch { job, dest, work_dir, overwrite, keep } => {
            let existing = match (overwrite, keep) {
                (true, _) => Existing::Overwrite,
                (_, true) => Existing::Keep,
                _ => Existing::Ask,
            };
            let dest =
                std::path::absolute(dest).map_err(|e| Failure::new(FailureKind::NotFound, dest.display().to_string(), e.to_string()))?;
            let fetch = Fetch { cluster: cluster().await?, job: JobId::new(job), dest, work_dir: *work_dir, existing };
            fetched(arguments.json, run::run(remote, Command::Fetch(fetch)).await?)
        }
        Verb::Cost { name } => {
            let wanted = name.as_deref().or(arguments.cluster.as_deref());
            cost::cost(arguments.json, remote, sources, wanted).await
        }
        Verb::Init(wanted) => init::run(arguments, wanted, remote, sources).await,
        Verb::Mounts { of } => {
            let named = of.as_deref().or(arguments.cluster.as_deref());
            shared::mounts(arguments.json, remote, choose::cluster(remote, sources, named).await?).await
        }
        Verb::Stage { verb } => shared::stage(arguments.json, remote, cluster().await?, verb).await,
        Verb::Create { name, file, dry_run, wait } => {
            lifecycle::create(arguments.json, remote, sources, (name, file), (*dry_run, *wait)).await
        }
        Verb::Update { name, file, dry_run } => lifecycle::update(arguments.json, remote, sources, (name, file), *dry_run).await,
        Verb::Scale(scaling) => lifecycle::scale(arguments.json, remote, sources, scaling).await,
        Verb::Fleet { name, verb } => lifecycle::fleet(arguments.json, remote, sources, name, *verb).await,
        Verb::Events { name, follow } => lifecycle::events(arguments.json, remote, sources, name, *follow).await,
        Verb::Delete { name, yes } => lifecycle::delete(arguments.json, remote, sources, name, *yes).await,
        Verb::Keys => keys(arguments.json, config),
        Verb::Config { verb: ConfigVerb::Check } => {
            let path = arguments.config.clone().or_else(Config::default_path).filter(|path| path.exists());
            let place = path.map_or_else(|| "no file: every setting has its default".to_owned(), |path| path.display().to_string());
            if arguments.json {
                return print::json(&json!({ "ok": true, "file": arguments.config.clone().or_else(Config::default_path) }));
            }
            print::out(format!("ok: {place}\n").as_bytes())
        }
        Verb::Demo { .. } | Verb::Supervise { .. } => Ok(()),
    }
}

async fn clusters(json: bool, remote: &dyn Remote, sources: &[Source]) -> Result<(), Failure> {
    let (clusters, mut failures) = choose::clusters(remote, sources).await;
    if json {
        print::json(&Value::Array(clusters.iter().map(print::cluster).collect()))?;
    } else {
        print::clusters(&clusters)?;
    }
    // What was found is printed all the same: everything that does not need the failing source keeps working.
    match failures.pop() {
        None => Ok(()),
        Some(last) => {
            for failure in failures {
                let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
            }
            Err(last)
        }
    }
}

fn fetched(json: bool, receipt: Receipt) -> Result<(), Failure> {
    match receipt {
        Receipt::Fetched { dest, files, bytes } if json => print::json(&json!({ "dest": dest, "files": files, "bytes": bytes })),
        Receipt::Fetched { dest, files, bytes } => {
            let size = crate::model::duration::bytes(bytes);
            print::out(format!("{files} files, {size}, in {}\n", dest.display()).as_bytes())
        }
        Receipt::Differs { dest, files } => {
            let what = format!("these files are there already and differ: {}", files.join(", "));
            let hint = "Nothing was touched. --overwrite replaces them, --keep fetches the others.";
            Err(Failure::new(FailureKind::Conflict, dest.display().to_string(), what).hint(hint))
        }
        _ => Ok(()),
    }
}

fn keys(json: bool, config: &Config) -> Result<(), Failure> {
    let map = KeyMap::with(&config.keys).unwrap_or_default();
    let chords = |row: &crate::protocol::action::Row| map.keys(row.action).iter().map(ToString::to_string).collect::<Vec<_>>();
    if json {
        let rows: Vec<Value> = ROWS
            .iter()
            .map(|row| json!({ "action": row.name, "area": row.area.title(), "keys": chords(row), "words": row.words }))
            .collect();
        return print::json(&Value::Array(rows));
    }
    let rows: Vec<Vec<String>> =
        ROWS.iter().map(|row| vec![row.area.title().into(), chords(row).join(" "), row.name.into(), row.words.into()]).collect();
    print::table(&["WHERE", "KEYS", "ACTION", "WHAT IT DOES"], &rows)
}

fn mistyped(place: &str, wrong: &str) -> Failure {
    Failure::new(FailureKind::Rejected, place, wrong)
}

fn absolute(path: &str) -> Result<String, Failure> {
    let wrong = |error: std::io::Error| {
        let hint = "The script is looked for on this machine; --remote takes a path on the head node.";
        Failure::new(FailureKind::NotFound, path, error.to_string()).hint(hint)
    };
    std::fs::canonicalize(path).map(|path| path.display().to_string()).map_err(wrong)
}

fn warn(warnings: u32) {
    if warnings > 0 {
        let _ = writeln!(std::io::stderr(), "qdeck: {warnings} lines of the scheduler's answer could not be read");
    }
}
