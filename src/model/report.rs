//! Everything about one job, sorted for people: what it is, when, what it got, where, its files, how well it used what it got.
//!
//! Leaves nothing out: what has no place of its own stands below, in the scheduler's own words.

use jiff::Timestamp;

use super::duration::{bytes, parse_slurm, slurm};
use super::list::hosts;
use super::{JobDetail, JobState, Node, Usage};

/// No more nodes than this are named one by one.
const NODES: usize = 64;

/// A job, sorted.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// In the order in which they are read.
    pub groups: Vec<Group>,
}

/// Some lines under one heading.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Label and value.
    pub rows: Vec<(String, Value)>,
}

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// As it is.
    Text(String),
    /// A moment, which everybody reads in a time zone of their own.
    Time(Timestamp),
    /// A share of what was given in percent, and the same in words.
    Share(u32, String),
}

impl Report {
    /// Sorts what is known of a job. `nodes` are those of its cluster, with the instances behind them.
    pub fn of(job: &JobDetail, nodes: &[Node]) -> Self {
        let mut groups = vec![
            Group { title: "Job", rows: what(job) },
            Group { title: "Times", rows: times(job) },
            Group { title: use_title(job), rows: job.usage.as_ref().map(|usage| used(usage, job.state)).unwrap_or_default() },
            Group { title: "Resources", rows: resources(job) },
            Group { title: "Nodes", rows: places(job, nodes) },
            Group { title: "Files", rows: files(job) },
        ];
        let raw = job.fields.iter().map(|(label, value)| (label.clone(), Value::Text(value.clone()))).collect();
        groups.push(Group { title: "In the scheduler's words", rows: raw });
        groups.retain(|group| !group.rows.is_empty());
        Self { groups }
    }

    /// Puts a group before the one that is titled so, or at the end; one without rows is left out.
    pub fn insert(&mut self, before: &str, group: Group) {
        let at = self.groups.iter().position(|other| other.title == before).unwrap_or(self.groups.len());
        if !group.rows.is_empty() {
            self.groups.insert(at, group);
        }
    }
}

fn use_title(job: &JobDetail) -> &'static str {
    if job.state.is_over() { "Efficiency" } else { "Use so far" }
}

type Rows = Vec<(String, Value)>;

fn push(rows: &mut Rows, label: &str, value: Option<impl Into<String>>) {
    if let Some(value) = value.map(Into::into).filter(|v| !matches!(v.as_str(), "" | "None" | "0")) {
        rows.push((label.to_owned(), Value::Text(value)));
    }
}

fn what(job: &JobDetail) -> Rows {
    let mut rows = Rows::new();
    push(&mut rows, "Id", Some(job.id.as_str()));
    let array = job.field("ArrayJobId").map(|array| {
        let number = job.field("JobId").filter(|n| *n != job.id.as_str()).map_or_else(String::new, |n| format!(", by itself job {n}"));
        format!("task {} of {array}{number}", job.field("ArrayTaskId").unwrap_or("?"))
    });
    push(&mut rows, "Array", array);
    push(&mut rows, "Tasks at a time", job.field("ArrayTaskThrottle"));
    push(&mut rows, "Name", job.field("JobName"));
    let reason = job.field("Reason").filter(|r| *r != "None").map_or_else(String::new, |r| format!(" ({r})"));
    push(&mut rows, "State", Some(format!("{}{reason}", job.state.long())));
    push(&mut rows, "Exit", job.exit_code.as_deref().map(exit_words));
    push(&mut rows, "User", job.field("UserId"));
    push(&mut rows, "Account", job.field("Account"));
    push(&mut rows, "QOS", job.field("QOS"));
    push(&mut rows, "Partition", job.field("Partition"));
    push(&mut rows, "Priority", job.field("Priority"));
    push(&mut rows, "Nice", job.field("Nice"));
    push(&mut rows, "Dependency", job.field("Dependency"));
    push(&mut rows, "Restarts", job.field("Restarts"));
    push(&mut rows, "Comment", job.field("Comment"));
    rows
}

fn times(job: &JobDetail) -> Rows {
    let mut rows = Rows::new();
    let waits = job.state.is_waiting();
    let labels = [
        ("Submitted", "SubmitTime"),
        ("Eligible", "EligibleTime"),
        (if waits { "Starts about" } else { "Started" }, "StartTime"),
        (if job.state.is_over() { "Ended" } else { "Ends by" }, "EndTime"),
        ("Deadline", "Deadline"),
    ];
    for (label, key) in labels {
        if let Some(at) = job.field(key).and_then(moment) {
            rows.push((label.to_owned(), Value::Time(at)));
        }
    }
    let seconds = |key: &str| job.field(key).and_then(parse_slurm);
    let run = seconds("RunTime");
    push(&mut rows, "Run time", run.filter(|_| !waits).map(slurm));
    push(&mut rows, "Limit", job.field("TimeLimit").map(|limit| parse_slurm(limit).map_or_else(|| limit.to_owned(), slurm)));
    if let (JobState::Running, Some(limit), Some(run)) = (job.state, seconds("TimeLimit"), run) {
        push(&mut rows, "Left", Some(slurm(limit.saturating_sub(run))));
    }
    rows
}

/// The scheduler was told to print UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.ends_with('Z') { text.parse().ok() } else { format!("{text}Z").parse().ok() }
}

fn resources(job: &JobDetail) -> Rows {
    let mut rows = Rows::new();
    let known = |key: &str| job.field(key).filter(|v| !matches!(*v, "*" | "N/A" | "0" | "None"));
    push(&mut rows, "Nodes", known("NumNodes"));
    let tasks = known("NumTasks").map(|tasks| {
        let each = known("CPUs/Task").map_or_else(String::new, |n| format!(", {n} {} each", if n == "1" { "CPU" } else { "CPUs" }));
        format!("{tasks}{each}")
    });
    push(&mut rows, "Tasks", tasks);
    push(&mut rows, "CPUs", known("NumCPUs").or_else(|| known("CPUs")));
    push(&mut rows, "Memory a node", known("MinMemoryNode"));
    push(&mut rows, "Memory a CPU", known("MinMemoryCPU"));
    push(&mut rows, "Asked for", known("ReqTRES"));
    push(&mut rows, "Given", known("AllocTRES").or_else(|| known("TRES")));
    for (label, key) in [("GRES a node", "TresPerNode"), ("GRES a task", "TresPerTask"), ("GRES in all", "TresPerJob")] {
        push(&mut rows, label, known(key));
    }
    push(&mut rows, "Features", known("Features"));
    push(&mut rows, "Wanted nodes", known("ReqNodeList"));
    push(&mut rows, "Unwanted nodes", known("ExcNodeList"));
    push(&mut rows, "Reservation", known("Reservation"));
    push(&mut rows, "Licences", known("Licenses"));
    let shared = known("OverSubscribe").filter(|v| *v != "OK").map(|v| match v {
        "NO" | "EXCLUSIVE" => "its nodes are its own".to_owned(),
        "YES" => "its nodes may be shared".to_owned(),
        other => other.to_lowercase(),
    });
    push(&mut rows, "Sharing", shared);
    rows
}

fn places(job: &JobDetail, nodes: &[Node]) -> Rows {
    let list = job.field("NodeList").unwrap_or_default();
    let names = hosts(list, NODES);
    let mut rows: Rows = names
        .iter()
        .map(|name| {
            let node = nodes.iter().find(|node| node.name == *name);
            let words = node.map_or_else(String::new, |node| {
                let instance = [&node.instance_type, &node.instance_id, &node.instance_state, &node.address];
                let known: Vec<&str> = instance.into_iter().flatten().map(String::as_str).collect();
                let words = std::iter::once(node.state.as_str()).chain(known).collect::<Vec<_>>().join("  ");
                // The machine behind a node's name today need not be the one that the job had.
                if job.state.is_over() { format!("now {words}") } else { words }
            });
            (name.clone(), Value::Text(words))
        })
        .collect();
    if names.len() == NODES {
        rows.push(("and more".to_owned(), Value::Text(list.to_owned())));
    }
    rows
}

fn files(job: &JobDetail) -> Rows {
    let mut rows = Rows::new();
    push(&mut rows, "Command", job.field("Command"));
    push(&mut rows, "Directory", job.work_dir.as_deref());
    push(&mut rows, "Output", job.stdout.as_deref().or_else(|| job.field("StdOut")));
    let error = job.stderr.as_deref().or_else(|| job.field("StdErr"));
    push(&mut rows, "Errors", error.filter(|path| job.stdout.as_deref() != Some(*path)));
    push(&mut rows, "Input", job.field("StdIn").filter(|path| *path != "/dev/null"));
    rows
}

fn used(usage: &Usage, state: JobState) -> Rows {
    let mut rows = Rows::new();
    let share = |rows: &mut Rows, label: &str, share: Option<u32>, words: String| {
        let value = share.map_or_else(|| Value::Text(words.clone()), |share| Value::Share(share, words.clone()));
        rows.push((label.to_owned(), value));
    };
    if let Some(time) = usage.cpu_time {
        let given = usage.elapsed.zip(usage.cpus).map(|(seconds, cpus)| {
            let given = slurm(seconds.saturating_mul(u64::from(cpus)));
            format!(" of {given} ({cpus} {} for {})", if cpus == 1 { "CPU" } else { "CPUs" }, slurm(seconds))
        });
        share(&mut rows, "CPU", usage.cpu_share(), format!("{}{}", slurm(time), given.unwrap_or_default()));
    }
    if let Some(memory) = usage.memory {
        let given = usage.memory_given.map_or_else(String::new, |given| format!(" of {}", bytes(given)));
        share(&mut rows, "Memory", usage.memory_share(), format!("{} at most{given}", bytes(memory)));
    }
    if let Some(gpu) = usage.gpu {
        share(&mut rows, "GPU", Some(gpu), "busy on average".to_owned());
    }
    if !usage.source.is_empty() {
        let when = if state.is_over() { "after its end" } else { "while it runs" };
        push(&mut rows, "Measured by", Some(format!("{}, {when}", usage.source)));
    }
    let label = if rows.is_empty() { "Unknown" } else { "Not known" };
    push(&mut rows, label, Some(usage.why.as_str()));
    rows
}

/// `code:signal` in words: `exit code 3`, `killed by signal 9, SIGKILL`.
pub fn exit_words(exit: &str) -> String {
    let (code, signal) = exit.split_once(':').unwrap_or((exit, "0"));
    match (code.parse::<u32>(), signal.parse::<u32>()) {
        (Ok(0), Ok(0)) => "0, all is well".to_owned(),
        // Slurm's own sign for a step that the kernel ended for want of memory.
        (Ok(0), Ok(125)) => "out of memory (signal 125 is Slurm's sign for it)".to_owned(),
        (_, Ok(signal)) if signal > 0 => format!("ended by signal {signal}{}", signal_words(signal)),
        (Ok(code), _) if code > 128 && !signal_words(code - 128).is_empty() => {
            format!("exit code {code}: its shell says that a command was ended by signal {}{}", code - 128, signal_words(code - 128))
        }
        (Ok(126), _) => "exit code 126: its shell says that a command could not be run".to_owned(),
        (Ok(127), _) => "exit code 127: its shell says that a command was not found".to_owned(),
        (Ok(code), _) => format!("exit code {code}"),
        (Err(_), _) => exit.to_owned(),
    }
}

fn signal_words(signal: u32) -> &'static str {
    match signal {
        1 => ", SIGHUP: its terminal or its parent went away",
        2 => ", SIGINT: interrupted",
        3 => ", SIGQUIT",
        4 => ", SIGILL: an instruction that this CPU does not know",
        6 => ", SIGABRT: the program gave up by itself",
        7 => ", SIGBUS: memory that could not be reached",
        8 => ", SIGFPE: a division by zero or the like",
        9 => ", SIGKILL: killed, often for want of memory or because it did not end in time",
        10 => ", SIGUSR1",
        11 => ", SIGSEGV: memory that was not its own",
        12 => ", SIGUSR2",
        13 => ", SIGPIPE: whoever read its output was gone",
        14 => ", SIGALRM",
        15 => ", SIGTERM: asked to end, as scancel and time limits do",
        24 => ", SIGXCPU: its limit of CPU time",
        25 => ", SIGXFSZ: its limit of file size",
        31 => ", SIGSYS: a system call that is forbidden",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobId, NodePhase, SchedulerKind};

    fn detail(state: JobState, fields: &[(&str, &str)]) -> JobDetail {
        JobDetail {
            id: JobId::new("7_2"),
            scheduler: SchedulerKind::Slurm,
            state,
            exit_code: None,
            stdout: Some("/o".into()),
            stderr: Some("/o".into()),
            work_dir: None,
            fields: fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            usage: None,
            remembered: None,
        }
    }

    #[test]
    fn a_running_job_says_where_it_is_and_how_long_it_may_go_on() {
        let job = detail(
            JobState::Running,
            &[("NodeList", "c-[1-2]"), ("RunTime", "00:01:00"), ("TimeLimit", "00:05:00"), ("StartTime", "2026-11-25T19:22:28")],
        );
        let mut node = Node::named("c-2", "alloc", NodePhase::Allocated);
        (node.instance_id, node.instance_type) = (Some("i-1".into()), Some("c5.large".into()));
        let report = Report::of(&job, &[node]);
        let rows = |title: &str| report.groups.iter().find(|g| g.title == title).map(|g| g.rows.clone()).unwrap_or_default();
        assert!(rows("Times").contains(&("Left".into(), Value::Text("4:00".into()))), "{report:?}");
        assert_eq!(rows("Nodes")[1], ("c-2".into(), Value::Text("alloc  c5.large  i-1".into())));
        assert!(rows("Efficiency").is_empty() && !rows("In the scheduler's words").is_empty());
    }

    #[test]
    fn exit_codes_are_told_in_words() {
        assert_eq!(exit_words("0:0"), "0, all is well");
        assert_eq!(exit_words("3:0"), "exit code 3");
        assert!(exit_words("0:9").contains("SIGKILL") && exit_words("137:0").contains("signal 9, SIGKILL"));
        assert!(exit_words("0:125").contains("memory") && exit_words("127:0").contains("not found"));
        assert_eq!((exit_words("nonsense"), exit_words("200:0")), ("nonsense".into(), "exit code 200".into()));
    }

    #[test]
    fn use_is_a_share_where_it_can_be_and_says_why_where_not() {
        let usage = Usage { elapsed: Some(100), cpus: Some(2), cpu_time: Some(50), source: "sacct".into(), ..Usage::default() };
        let job = JobDetail { usage: Some(Box::new(usage)), ..detail(JobState::Completed, &[]) };
        let report = Report::of(&job, &[]);
        let group = report.groups.iter().find(|g| g.title == "Efficiency").unwrap();
        assert_eq!(group.rows[0], ("CPU".into(), Value::Share(25, "0:50 of 3:20 (2 CPUs for 1:40)".into())));
        let usage = Usage { why: "no accounting".into(), ..Usage::default() };
        let job = JobDetail { usage: Some(Box::new(usage)), ..detail(JobState::Completed, &[]) };
        let report = Report::of(&job, &[]);
        let group = report.groups.iter().find(|g| g.title == "Efficiency").unwrap();
        assert_eq!(group.rows, [("Unknown".into(), Value::Text("no accounting".into()))]);
    }
}
