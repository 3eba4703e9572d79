//! Why a job does not run, put together from what Slurm, EC2 and ParallelCluster's logs say.
//!
//! Asks nobody anything: the caller brings what is known.

use super::{boot, capacity, reasons};
use crate::model::dependency;
use crate::model::duration::{parse_slurm, thousands};
use crate::model::text::several;
use crate::model::{JobDetail, JobState, Node, NodePhase, Why, hostlist};

/// What is known about a job and where it shall run.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The job, with `scontrol`'s fields.
    pub(crate) job: &'a JobDetail,
    /// `scontrol -o show partition`.
    pub(crate) partitions: &'a str,
    /// The nodes of its partitions.
    pub(crate) nodes: &'a [Node],
    /// The scheduler's estimate of its start, seconds since 1970 UTC.
    pub(crate) estimate: Option<i64>,
    /// Its place among those that wait, from 1, and how many wait.
    pub(crate) place: Option<(usize, usize)>,
    /// The compute fleet's status, where a file tells it.
    pub(crate) fleet: &'a str,
    /// The end of `slurm_resume.log`.
    pub(crate) resume: &'a str,
    /// The end of clustermgtd's log.
    pub(crate) clustermgtd: &'a str,
}

impl Known<'_> {
    fn field(&self, key: &str) -> &str {
        let found = self.job.fields.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.as_str());
        if matches!(found, "(null)" | "N/A" | "None" | "Unknown") { "" } else { found }
    }

    fn is_on_its_way(&self) -> bool {
        self.job.state.is_waiting() || matches!(self.job.state, JobState::Configuring | JobState::PowerUpNode)
    }
}

/// Explains.
pub(crate) fn explain(known: &Known<'_>) -> Why {
    let reason = known.job.fields.iter().find(|(k, _)| k == "Reason").map_or("None", |(_, v)| v.as_str());
    let mut why = Why { reason: reason.replace('_', " "), partition: known.field("Partition").to_owned(), ..Why::default() };
    if known.job.state.is_waiting() {
        (why.place, why.estimate) = (known.place, known.estimate);
        match reasons::reason(&why.reason) {
            Some(found) => (why.plain, why.remedy) = (found.plain.into_owned(), found.remedy.into_owned()),
            None => {
                why.plain = format!("Slurm says {}, which qdeck does not know.", why.reason);
                "`scontrol show job` and the cluster's administrator know more.".clone_into(&mut why.remedy);
            }
        }
    } else {
        told_by_state(&mut why, known);
    }
    let dependency = known.field("Dependency").to_owned();
    if !dependency.is_empty() {
        depends(&mut why, known, &dependency);
    }
    if known.is_on_its_way() {
        let names: Vec<&str> = known.field("Partition").split(',').filter(|name| !name.is_empty()).collect();
        for name in &names {
            limits(&mut why, known, name, names.len() > 1);
        }
        for name in &names {
            fleet(&mut why, known, name);
        }
        cloud(&mut why, known, names.first().copied().unwrap_or(""));
    }
    why
}

fn fact(why: &mut Why, label: &str, text: impl Into<String>) {
    why.facts.push((label.to_owned(), text.into()));
}

/// A job that does not wait for the scheduler has something to say too.
fn told_by_state(why: &mut Why, known: &Known<'_>) {
    let nodes = match known.field("NodeList") {
        "" => "its nodes".to_owned(),
        list => list.to_owned(),
    };
    let limit = known.field("TimeLimit");
    let (plain, remedy) = match known.job.state {
        JobState::Running => {
            let of = if limit.is_empty() || limit == "UNLIMITED" { String::new() } else { format!(" of {limit}") };
            (format!("It runs on {nodes}: {}{of} so far.", known.field("RunTime")), String::new())
        }
        JobState::Configuring | JobState::PowerUpNode => (
            format!("It has its nodes, {nodes}, and they are being started."),
            "It runs as soon as all of them are set up: 3 to 5 minutes from launch on ParallelCluster. What cannot start goes back into the queue."
                .to_owned(),
        ),
        JobState::Completing => ("It has ended, and its processes are being cleaned up.".to_owned(), String::new()),
        JobState::Suspended => ("It is suspended: its processes stand still and keep their memory.".to_owned(), "An administrator lets it go on with `scontrol resume`.".to_owned()),
        JobState::Stopped => ("It was stopped by a signal.".to_owned(), "The signal CONT lets it go on.".to_owned()),
        JobState::Completed => ("It has ended well.".to_owned(), String::new()),
        JobState::Cancelled => ("It was cancelled.".to_owned(), String::new()),
        JobState::NodeFail => ("One of its nodes failed.".to_owned(), "Submit it again; with --requeue it goes back into the queue by itself.".to_owned()),
        JobState::BootFail => ("Its nodes could not be started.".to_owned(), "The Nodes pane and slurm_resume's log say why. Submit it again.".to_owned()),
        JobState::Preempted => ("A job of higher priority took its place.".to_owned(), "Submit it again.".to_owned()),
        JobState::Timeout => (format!("It reached its time limit of {limit}."), "Submit it with a longer one.".to_owned()),
        state if state.is_bad() => match reasons::reason(&why.reason) {
            Some(found) if why.reason != "None" => (found.plain.into_owned(), found.remedy.into_owned()),
            _ => (format!("It ended: {}.", state.long()), "Look at the end of its output.".to_owned()),
        },
        state => (format!("It does not wait: its state is {}.", state.long()), String::new()),
    };
    (why.plain, why.remedy) = (plain, remedy);
    if let Some(code) = &known.job.exit_code
        && known.job.state.is_bad()
    {
        let (code, signal) = code.split_once(':').unwrap_or((code, "0"));
        let text = if signal == "0" { format!("{code}, from the script's last command") } else { format!("{code}, by signal {signal}") };
        fact(why, "Exit code", text);
    }
}

/// What it waits for, one by one.
fn depends(why: &mut Why, known: &Known<'_>, text: &str) {
    let found = dependency::read(text);
    for (i, one) in found.all.iter().enumerate() {
        let job = if one.task.is_empty() { one.job.to_owned() } else { format!("{}_{}", one.job, one.task) };
        let never = if one.failed { ". That cannot come true any more" } else { "" };
        let minutes = if one.minutes > 0 { format!("{} minutes ", one.minutes) } else { String::new() };
        let or = if found.any && i > 0 { "or " } else { "" };
        let what = if job.is_empty() { String::new() } else { format!("job {job}, ") };
        fact(why, if i == 0 { "Waits for" } else { "" }, format!("{or}{what}{minutes}{}{never}", one.plain()));
    }
    if why.reason.starts_with("DependencyNeverSatisfied") {
        let id = known.field("JobId");
        why.remedy = format!("It never starts. Cancel it, or take the dependency away: `scontrol update JobId={id} Dependency=`.");
    }
}

/// The partition's limits beside what the job asks for.
fn limits(why: &mut Why, known: &Known<'_>, name: &str, several_partitions: bool) {
    let line =
        known.partitions.lines().find(|line| line.strip_prefix("PartitionName=").is_some_and(|rest| rest.split(' ').next() == Some(name)));
    let Some(line) = line else { return };
    let value = |key: &str| line.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')).unwrap_or("");
    let on = |text: String| if several_partitions { format!("{name}: {text}") } else { text };
    match value("State") {
        "" | "UP" => {}
        state => fact(why, "Partition", format!("{name} is {state}")),
    }
    let over = |over: bool| if over { ". That is too much" } else { "" };
    let (wanted, most) = (known.field("TimeLimit").to_owned(), value("MaxTime"));
    if !wanted.is_empty() && !most.is_empty() {
        let seconds = |text: &str| if text == "UNLIMITED" { Some(u64::MAX) } else { parse_slurm(text) };
        let too_long = seconds(&wanted).zip(seconds(most)).is_some_and(|(wanted, most)| wanted > most);
        let allowed = if most == "UNLIMITED" { "any time".to_owned() } else { most.to_owned() };
        fact(why, "Time", on(format!("asks for {wanted}; {name} allows {allowed}{}", over(too_long))));
        if too_long && why.reason.starts_with("PartitionTimeLimit") {
            why.remedy = format!("Set a time limit of {most} or less, or use another partition.");
        }
    }
    let number = |text: &str| text.split('-').next().and_then(|n| n.parse::<u64>().ok());
    if let Some(wanted) = number(known.field("NumNodes")) {
        let all = known.nodes.iter().filter(|node| node.partitions.iter().any(|p| p == name)).count() as u64;
        let most = number(value("MaxNodes")).unwrap_or(all).min(all);
        let least = number(value("MinNodes")).filter(|least| *least > 1).map_or_else(String::new, |least| format!(", at least {least}"));
        fact(why, "Nodes asked", on(format!("{wanted}; {name} allows {most} of its {all}{least}{}", over(all > 0 && wanted > most))));
    }
    for (key, label) in [("AllowGroups", "Groups"), ("AllowAccounts", "Accounts"), ("AllowQos", "QOS")] {
        if !matches!(value(key), "" | "ALL") {
            fact(why, label, on(format!("{name} takes only {}", value(key))));
        }
    }
}

/// What the partition's nodes do.
fn fleet(why: &mut Why, known: &Known<'_>, name: &str) {
    let phases = [
        (NodePhase::Idle, "free"),
        (NodePhase::Mixed, "partly used"),
        (NodePhase::Allocated, "in use"),
        (NodePhase::Reserved, "reserved"),
        (NodePhase::PoweringUp, "starting"),
        (NodePhase::PoweringDown, "stopping"),
        (NodePhase::PoweredDown, "powered down"),
        (NodePhase::Draining, "draining"),
        (NodePhase::Down, "down or drained"),
        (NodePhase::Unknown, "unknown"),
    ];
    let mine = || known.nodes.iter().filter(|node| node.partitions.iter().any(|p| p == name));
    let words: Vec<String> = phases
        .iter()
        .map(|(phase, word)| (mine().filter(|node| node.phase == *phase).count(), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", thousands(n as u64)))
        .collect();
    if !words.is_empty() {
        fact(why, &format!("Nodes of {name}"), words.join(", "));
    }
    // A person's reasons, each with its nodes; those of EC2 are told with their codes.
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for node in mine().filter(|node| matches!(node.phase, NodePhase::Down | NodePhase::Draining)) {
        let Some(reason) = node.reason.as_deref().filter(|reason| capacity::capacity(reason).is_none()) else { continue };
        match said.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, nodes)) => nodes.push(&node.name),
            None => said.push((reason, vec![&node.name])),
        }
    }
    for (reason, nodes) in said.into_iter().take(4) {
        fact(why, "Out of service", format!("{}: {reason}", several(nodes.into_iter(), 2)));
    }
}

/// What EC2 and ParallelCluster say.
fn cloud(why: &mut Why, known: &Known<'_>, partition: &str) {
    let mut codes: Vec<(capacity::Capacity, Vec<&str>)> = Vec::new();
    for node in known.nodes {
        let Some(said) = node.reason.as_deref().filter(|_| node.phase == NodePhase::Down).and_then(capacity::capacity) else { continue };
        match codes.iter_mut().find(|(known, _)| known.code == said.code) {
            Some((_, nodes)) => nodes.push(&node.name),
            None => codes.push((said, vec![&node.name])),
        }
    }
    let own = ["ResumeTimeout", "StaticNodeReplacement", "BootstrapFailure", "HealthCheckFailure", "InstanceGone", "NotResponding"];
    for (said, nodes) in &codes {
        let who = if own.contains(&said.code.as_str()) { "Failed start" } else { "EC2 says" };
        fact(why, who, format!("{} ({}), of {}. {}", said.plain, said.code, several(nodes.iter().copied(), 2), said.advice));
    }
    // Where nothing else can serve it, what EC2 needs is what the job needs.
    let other = |phase: NodePhase| phase.is_up() || matches!(phase, NodePhase::PoweringUp | NodePhase::PoweredDown);
    if let (Some((said, _)), false, true) = (codes.first(), known.nodes.iter().any(|node| other(node.phase)), known.job.state.is_waiting())
    {
        why.remedy = format!("No node of {partition} can be had now. {}", said.advice);
    }
    let mut fronts: Vec<&str> = known.nodes.iter().map(|n| n.name.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    fronts.sort_unstable();
    fronts.dedup();
    let told = boot::told(known.resume, known.clustermgtd, partition, &fronts);
    let status = if known.fleet.is_empty() { told.fleet.as_deref().unwrap_or("") } else { known.fleet };
    status_of(why, status);
    if let Some((count, threshold)) = told.failures.filter(|(count, _)| *count > 0) {
        fact(why, "Failed starts", format!("{count} of {threshold} that put {partition} into protected mode"));
    }
    let list = known.field("NodeList");
    let starting: Vec<&str> = known
        .nodes
        .iter()
        .filter(|n| n.phase == NodePhase::PoweringUp && (list.is_empty() || hostlist::holds(list, &n.name)))
        .map(|n| n.name.as_str())
        .collect();
    if !starting.is_empty() {
        fact(why, "Starting", several(starting.into_iter(), 4));
    }
    for (i, (at, step)) in told.steps.into_iter().enumerate() {
        fact(why, if i == 0 { "Cluster's log" } else { "" }, format!("{at}  {step}"));
    }
}

/// ParallelCluster deactivates partitions when the fleet is stopped and in protected mode.
fn status_of(why: &mut Why, status: &str) {
    let inactive = why.facts.iter().any(|(label, text)| label == "Partition" && text.ends_with("INACTIVE"));
    let start = "`pcluster update-compute-fleet --status START_REQUESTED`";
    match status {
        "PROTECTED" => {
            fact(why, "Protected mode", "too many nodes failed to start, so ParallelCluster starts no more of them in this queue");
            why.remedy =
                format!("Mend what keeps nodes from starting (the failed nodes' cloud-init-output logs say what it is), then {start}.");
        }
        "STOPPED" | "STOPPING" | "STOP_REQUESTED" => {
            fact(why, "Compute fleet", format!("{status}: no nodes are started"));
            why.remedy = format!("Start the compute fleet: {start}.");
        }
        _ if inactive => {
            why.remedy = format!(
                "On ParallelCluster the compute fleet is stopped, or in protected mode after 10 failed node starts: mend what fails (clustermgtd's log \
                 says what it is), then {start}."
            );
        }
        _ => {}
    }
}
