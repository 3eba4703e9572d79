//! `qdeck logs`: all there is of one or several logs, then what comes until the job has ended.
//!
//! Holds back nothing: each line leaves as soon as it is known, and a closed pipe is the end.

mod flow;
mod line;

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};

use super::choose;
use crate::model::{
    Answer, ClusterId, Command, Failure, FailureKind, JobId, JobState, LogSource, LogStart, LogStream, OutputKind, Place, Progress, Query,
    Source,
};
use crate::remote::Remote;
use flow::{Flow, Log};

/// What is printed.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) what: &'a [String],
    pub(super) follow: bool,
    pub(super) stderr: bool,
    /// Every output file of the jobs, one for each rank.
    pub(super) all: bool,
    pub(super) since: Option<&'a str>,
    pub(super) grep: Option<&'a str>,
    pub(super) tail: Option<usize>,
    pub(super) group: Option<&'a str>,
    pub(super) live: bool,
    pub(super) json: bool,
}

/// What of the lines is printed, and how.
pub(super) struct Style {
    pub(super) follow: bool,
    pub(super) since: Option<Timestamp>,
    pub(super) grep: Option<Regex>,
    pub(super) tail: Option<usize>,
    pub(super) json: bool,
    /// Whether it is told how streams are read.
    pub(super) remarks: bool,
    pub(super) now: Timestamp,
}

/// Prints logs.
pub(super) async fn print(remote: &dyn Remote, sources: &[Source], cluster: Option<&str>, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let now = crate::remote::now();
    let since = match wanted.since {
        Some(text) => Some(line::since(text, now).ok_or_else(|| {
            Failure::new(FailureKind::Rejected, "--since", format!("{text} is no time"))
                .hint("Write 15m, 2h, 3d, 2026-11-25 or 2026-11-25T19:01.")
        })?),
        None => None,
    };
    let grep = match wanted.grep {
        Some(pattern) => {
            let smart = !pattern.chars().any(char::is_uppercase);
            let built = RegexBuilder::new(pattern).case_insensitive(smart).build();
            Some(built.map_err(|error| Failure::new(FailureKind::Rejected, "--grep", error.to_string()))?)
        }
        None => None,
    };
    let (logs, jobs) = resolve(remote, sources, cluster, wanted, since).await?;
    if wanted.live {
        use futures::StreamExt;
        use std::io::Write;
        let _ =
            writeln!(std::io::stderr(), "qdeck: Live Tail costs about 0.01 USD a minute for each log, after 1,800 free minutes a month");
        while let Some(Progress::Step(_) | Progress::Moved { .. }) = remote.run(Command::LetTail(true)).next().await {}
    }
    let style = Style { follow: wanted.follow, since, grep, tail: wanted.tail, json: wanted.json, remarks: wanted.live, now };
    Flow::new(remote, logs, jobs, style).run().await
}

/// The logs that are meant, and the jobs whose end is the end, each with its state.
async fn resolve(
    remote: &dyn Remote,
    sources: &[Source],
    cluster: Option<&str>,
    wanted: &Wanted<'_>,
    since: Option<Timestamp>,
) -> Result<(Vec<Log>, Vec<(Query, JobState)>), Failure> {
    let (mut logs, mut jobs) = (Vec::new(), Vec::new());
    if let Some(group) = wanted.group {
        let (cluster, streams) = group_streams(remote, sources, group).await?;
        for name in wanted.what {
            logs.push(stream(&cluster, &streams, name, since)?);
        }
        return Ok((logs, jobs));
    }
    let cluster = choose::cluster(remote, sources, cluster).await?;
    let mut streams = None;
    for what in wanted.what {
        let is_job = what.starts_with(|c: char| c.is_ascii_digit()) && !what.contains(['.', '/', '*', '?']);
        if is_job {
            let found = job(remote, &cluster, what, wanted).await?;
            logs.extend(found.0);
            jobs.push(found.1);
        } else if what.contains(['/', '*', '?', '[', '~']) {
            logs.extend(files(remote, &cluster, what).await?);
        } else {
            if streams.is_none() {
                streams = match remote.ask(Query::Streams(cluster.clone())).await {
                    Ok(Answer::Streams(streams)) => Some(streams),
                    Ok(_) => None,
                    Err(failure) => {
                        let hint = format!("{}\n  A file is named with a slash: ./{what}", failure.hint);
                        return Err(failure.hint(hint));
                    }
                };
            }
            logs.push(stream(&cluster, streams.as_deref().unwrap_or_default(), what, since)?);
        }
    }
    Ok((logs, jobs))
}

type Found = (Vec<Log>, (Query, JobState));

async fn job(remote: &dyn Remote, cluster: &ClusterId, what: &str, wanted: &Wanted<'_>) -> Result<Found, Failure> {
    let job = JobId::new(what);
    let detail = Query::Detail { cluster: cluster.clone(), job: job.clone() };
    // Asked first, so that a job that does not exist is an error and not an endless wait.
    let told = remote.ask(detail.clone()).await?;
    if let Answer::Detail(told) = &told {
        super::job::note(told);
    }
    let state = flow::state(&told);
    if state.is_waiting() && !wanted.follow {
        let hint = "-f waits for it.";
        return Err(Failure::new(FailureKind::NotFound, format!("job {job}"), "it has not started, there is no output yet").hint(hint));
    }
    let mut logs = Vec::new();
    if wanted.all {
        if let Answer::Files(paths) = remote.ask(Query::Outputs { cluster: cluster.clone(), job: job.clone() }).await? {
            logs.extend(paths.into_iter().map(|path| file(place(cluster), path)));
        }
        if logs.is_empty() {
            return Err(Failure::new(FailureKind::NotFound, format!("job {job}"), "none of its output files is there"));
        }
    } else {
        let kind = if wanted.stderr { OutputKind::Stderr } else { OutputKind::Stdout };
        logs.push(Log::new(LogSource::Output { cluster: cluster.clone(), job, kind }, what, LogStart::Beginning));
    }
    Ok((logs, (detail, state)))
}

fn place(cluster: &ClusterId) -> Place {
    if *cluster == ClusterId::local() { Place::Here } else { Place::Head(cluster.clone()) }
}

fn file(place: Place, path: String) -> Log {
    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
    Log::new(LogSource::File { place, path }, &name, LogStart::Beginning)
}

/// One file, or all that fit a pattern.
async fn files(remote: &dyn Remote, cluster: &ClusterId, what: &str) -> Result<Vec<Log>, Failure> {
    let place = place(cluster);
    let below = what.strip_prefix("~/").or_else(|| what.strip_prefix("./").filter(|_| place != Place::Here));
    let path = match (&place, below) {
        (Place::Head(_), Some(below)) => below.to_owned(),
        (Place::Head(_), None) => what.to_owned(),
        (Place::Here, _) => {
            let path = crate::remote::live::at_home(what.as_ref());
            std::path::absolute(&path).unwrap_or(path).display().to_string()
        }
    };
    if !path.contains(['*', '?', '[']) {
        return Ok(vec![file(place, path)]);
    }
    match remote.ask(Query::Glob { place: place.clone(), pattern: path }).await? {
        Answer::Files(paths) => Ok(paths.into_iter().map(|path| file(place.clone(), path)).collect()),
        _ => Ok(Vec::new()),
    }
}

/// The cluster that a log group was made for, and its streams.
async fn group_streams(remote: &dyn Remote, sources: &[Source], group: &str) -> Result<(ClusterId, Vec<LogStream>), Failure> {
    let mut trouble = None;
    let mut known = Vec::new();
    for source in sources.iter().filter(|source| **source != Source::Fixed) {
        match remote.ask(Query::Groups(source.clone())).await {
            Ok(Answer::Groups(groups)) => {
                let short = |name: &str| name.trim_start_matches("/aws/parallelcluster/").to_owned();
                if let Some(found) = groups.iter().find(|found| found.name == group || short(&found.name) == group) {
                    let query = Query::GroupStreams { cluster: found.cluster.clone(), group: found.name.clone() };
                    let Answer::Streams(streams) = remote.ask(query).await? else { return Ok((found.cluster.clone(), Vec::new())) };
                    return Ok((found.cluster.clone(), streams));
                }
                known.extend(groups.into_iter().map(|group| short(&group.name)));
            }
            Ok(_) => {}
            Err(failure) => trouble = Some(failure),
        }
    }
    let hint = if known.is_empty() {
        "No account that is looked at has log groups of clusters.".into()
    } else {
        format!("There are: {}.", known.join(", "))
    };
    Err(trouble.unwrap_or_else(|| Failure::new(FailureKind::NotFound, "CloudWatch", format!("there is no log group {group}")).hint(hint)))
}

/// The stream called `name`, or the first one with that identifier: the head node's come first.
fn stream(cluster: &ClusterId, streams: &[LogStream], name: &str, since: Option<Timestamp>) -> Result<Log, Failure> {
    let fits = streams.iter().find(|s| s.name == name).or_else(|| streams.iter().find(|s| s.identifier == name));
    let Some(found) = fits else {
        let mut known: Vec<&str> = streams.iter().map(|s| s.identifier.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let hint = format!("The cluster has: {}. A file is named with a slash: ./{name}", known.join(", "));
        return Err(Failure::new(FailureKind::NotFound, cluster.as_str(), format!("there is no log stream {name}")).hint(hint));
    };
    let source = LogSource::Stream { cluster: cluster.clone(), group: found.group.clone(), stream: found.name.clone() };
    let start = since.map_or(LogStart::Beginning, |at| LogStart::Moment(at.as_millisecond()));
    Ok(Log::new(source, name, start))
}
