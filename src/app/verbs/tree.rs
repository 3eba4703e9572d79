//! What a job waits for and what waits for it, as lines of a tree drawn from the queue's own words.
//!
//! Asks nobody: a job that the queue does not show is said to be gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::panes::job_tone;
use crate::model::dependency::{Dependencies, Dependency, read};
use crate::model::duration::slurm;
use crate::model::{Job, JobTable};
use crate::ui::Tone;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::app) struct Leaf {
    /// The branches before it: `│  ├─ `.
    pub(in crate::app) branch: String,
    /// What it is: an id and a name.
    pub(in crate::app) what: String,
    /// Its state with its sign; empty where it has none.
    pub(in crate::app) state: String,
    /// That state's tone.
    pub(in crate::app) tone: Tone,
    /// When the waiting job may start.
    pub(in crate::app) words: String,
}

/// Both directions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::app) struct Tree {
    /// The job itself, then what it waits for.
    pub(in crate::app) waits_for: Vec<Leaf>,
    /// What waits for it.
    pub(in crate::app) waited_for: Vec<Leaf>,
    /// Why it never starts; empty where it may.
    pub(in crate::app) never: String,
}

/// More lines than this nobody reads.
const MOST: usize = 200;
const DEEPEST: usize = 8;

/// The job that an id is about: an array's tasks are one.
fn base<'a>(job: &Job<'a>) -> &'a str {
    if job.array_job_id().is_empty() { job.id().split('_').next().unwrap_or("") } else { job.array_job_id() }
}

/// All jobs that are known, by what dependencies call them.
struct Queue<'a> {
    jobs: HashMap<&'a str, Vec<Job<'a>>>,
    /// Those that wait for something.
    waiting: Vec<(Job<'a>, Dependencies<'a>)>,
    /// Whether everybody's jobs are among them.
    whole: bool,
}

impl<'a> Queue<'a> {
    /// The user's own jobs, which stay for a while after their end, and everybody's.
    fn new([mine, all]: &'a [Option<Arc<JobTable>>; 2]) -> Self {
        let mut queue = Self { jobs: HashMap::new(), waiting: Vec::new(), whole: all.is_some() };
        let mut seen = BTreeSet::new();
        for job in mine.iter().chain(all).flat_map(|table| table.iter()) {
            if mine.is_some() && all.is_some() && !seen.insert(job.id()) {
                continue;
            }
            queue.jobs.entry(base(&job)).or_default().push(job);
            if !job.dependency().is_empty() {
                queue.waiting.push((job, read(job.dependency())));
            }
        }
        queue
    }
}

impl Tree {
    /// Grows the tree of one job. Takes time that grows with the queue: once an answer, never a frame.
    pub(in crate::app) fn grow(id: &str, tables: &[Option<Arc<JobTable>>; 2]) -> Self {
        let queue = Queue::new(tables);
        let mut tree = Self::default();
        let root = queue.jobs.values().flatten().find(|job| job.id() == id).copied();
        let Some(root) = root else {
            tree.waits_for.push(plain(String::new(), format!("{id}  is not in the queue any more"), Tone::Dim));
            return tree;
        };
        tree.waits_for.push(leaf(String::new(), &[root], String::new()));
        let mut seen = BTreeSet::from([base(&root).to_owned()]);
        up(&queue, &root, "", &mut seen, &mut tree.waits_for);
        let mut seen = BTreeSet::from([base(&root).to_owned()]);
        down(&queue, &root, "", &mut seen, &mut tree.waited_for);
        tree.never = never(&queue, &root);
        tree
    }
}

/// The branch before a line and the one before what hangs below it.
fn branches(front: &str, last: bool) -> (String, String) {
    if last { (format!("{front}└─ "), format!("{front}   ")) } else { (format!("{front}├─ "), format!("{front}│  ")) }
}

fn up(queue: &Queue<'_>, job: &Job<'_>, front: &str, seen: &mut BTreeSet<String>, out: &mut Vec<Leaf>) {
    let found = read(job.dependency());
    if found.any && found.all.len() > 1 {
        out.push(plain(format!("{front}│  "), "one of these is enough:".to_owned(), Tone::Dim));
    }
    for (i, one) in found.all.iter().enumerate() {
        if out.len() >= MOST {
            return;
        }
        let (branch, below) = branches(front, i + 1 == found.all.len());
        let words = starts(one);
        if one.job.is_empty() {
            out.push(Leaf { words, ..plain(branch, format!("every earlier {}", job.name()), Tone::Plain) });
            continue;
        }
        let jobs = matching(queue, one);
        if jobs.is_empty() {
            let gone = if queue.whole { "gone from the queue" } else { "gone, or somebody else's" };
            out.push(Leaf { words, ..plain(branch, format!("{}  {gone}", id(one)), Tone::Dim) });
            continue;
        }
        out.push(leaf(branch, &jobs, words));
        if below.chars().count() < 3 * DEEPEST && seen.insert(one.job.to_owned()) {
            up(queue, &jobs[0], &below, seen, out);
        }
    }
}

fn down(queue: &Queue<'_>, job: &Job<'_>, front: &str, seen: &mut BTreeSet<String>, out: &mut Vec<Leaf>) {
    let wanted = base(job);
    let task = job.array_task_id();
    let concerns =
        |one: &Dependency<'_>| one.job == wanted && (one.task.is_empty() || one.task == "*" || task.is_empty() || one.task == task);
    let waiting: Vec<(&Job<'_>, &Dependency<'_>)> =
        queue.waiting.iter().filter_map(|(job, all)| Some((job, all.all.iter().find(|one| concerns(one))?))).collect();
    for (i, (job, one)) in waiting.iter().enumerate() {
        if out.len() >= MOST {
            return;
        }
        let (branch, below) = branches(front, i + 1 == waiting.len());
        out.push(leaf(branch, &[**job], starts(one)));
        if below.chars().count() < 3 * DEEPEST && seen.insert(base(job).to_owned()) {
            down(queue, job, &below, seen, out);
        }
    }
}

/// The jobs of the queue that a dependency is about.
fn matching<'a>(queue: &Queue<'a>, one: &Dependency<'_>) -> Vec<Job<'a>> {
    let all = queue.jobs.get(one.job).map_or(&[][..], Vec::as_slice);
    let is = |job: &&Job<'_>| matches!(one.task, "" | "*") || job.array_task_id() == one.task;
    let found: Vec<Job<'a>> = all.iter().filter(is).copied().collect();
    // A task that has not been split off yet is in the row of those that wait.
    if found.is_empty() { all.iter().filter(|job| job.id().contains("_[")).copied().collect() } else { found }
}

fn id(one: &Dependency<'_>) -> String {
    match one.task {
        "" => one.job.to_owned(),
        task => format!("{}_{task}", one.job),
    }
}

fn starts(one: &Dependency<'_>) -> String {
    let never = if one.failed { ": cannot come true any more" } else { "" };
    let minutes = if one.minutes > 0 { format!("{} minutes ", one.minutes) } else { String::new() };
    format!("{minutes}{}{never}", one.plain())
}

fn plain(branch: String, what: String, tone: Tone) -> Leaf {
    Leaf { branch, what, state: String::new(), tone, words: String::new() }
}

fn leaf(branch: String, jobs: &[Job<'_>], words: String) -> Leaf {
    let first = &jobs[0];
    let (sign, tone) = job_tone(first.state());
    let time = first.time_used().filter(|_| !first.state().is_waiting()).map_or_else(String::new, |s| format!(" {}", slurm(s)));
    if jobs.len() == 1 {
        let state = format!("{sign} {}{time}", first.state().short());
        return Leaf { branch, what: format!("{}  {}", first.id(), first.name()), state, tone, words };
    }
    let mut states: Vec<(&str, usize)> = Vec::new();
    for job in jobs {
        match states.iter_mut().find(|(state, _)| *state == job.state().short()) {
            Some((_, n)) => *n += 1,
            None => states.push((job.state().short(), 1)),
        }
    }
    let state = states.iter().map(|(state, n)| format!("{n} {state}")).collect::<Vec<_>>().join(" ");
    Leaf { branch, what: format!("{}  {}", base(first), first.name()), state, tone, words }
}

/// Why a job never starts, in words: which condition failed, and the way out.
fn never(queue: &Queue<'_>, root: &Job<'_>) -> String {
    let found = read(root.dependency());
    let failed: Vec<&Dependency<'_>> = found.all.iter().filter(|one| one.failed).collect();
    if failed.is_empty() && !root.reason().starts_with("DependencyNeverSatisfied") {
        return String::new();
    }
    let each: Vec<String> = failed
        .iter()
        .map(|one| {
            let how = match matching(queue, one).first() {
                Some(job) if job.state().is_over() => format!("is {}", job.state().long()),
                Some(_) => "cannot do that".to_owned(),
                None => "is gone".to_owned(),
            };
            let other = id(one);
            format!("{} should start {}, and {other} {how}.", root.id(), one.plain().replace(" it ", &format!(" {other} ")))
        })
        .collect();
    format!(
        "It never starts: what it waits for cannot come true any more. {} Cancel it, or take the condition away: `scontrol update JobId={} Dependency=`.",
        each.join(" "),
        base(root)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobState, NewJob};

    fn table(jobs: &[(&str, &str, JobState, &str)]) -> Arc<JobTable> {
        let mut table = JobTable::default();
        for (id, name, state, dependency) in jobs {
            let (array, task) = id.split_once('_').unwrap_or(("", ""));
            let never = dependency.contains("failed");
            table.push(&NewJob {
                id,
                array_job_id: array,
                array_task_id: task,
                name,
                state: Some(*state),
                dependency,
                reason: if never { "DependencyNeverSatisfied" } else { "Dependency" },
                ..NewJob::default()
            });
        }
        Arc::new(table)
    }

    fn lines(leaves: &[Leaf]) -> Vec<String> {
        leaves.iter().map(|l| format!("{}{} {} {}", l.branch, l.what, l.state, l.words).trim_end().to_owned()).collect()
    }

    #[test]
    fn both_directions_are_drawn_and_circles_end() {
        use JobState::{Completed, Pending, Running};
        let jobs = table(&[
            ("1", "prep", Completed, ""),
            ("2", "train", Running, ""),
            ("3_0", "sweep", Running, ""),
            ("3_[1-9]", "sweep", Pending, "afterok:2(unfulfilled)"),
            ("4", "post", Pending, "afterok:3_*(unfulfilled),afterany:1(unfulfilled),after:99+5(unfulfilled),singleton(unfulfilled)"),
            ("5", "report", Pending, "afterok:4(unfulfilled)?afternotok:5(unfulfilled)"),
        ]);
        let tree = Tree::grow("4", &[Some(jobs.clone()), Some(jobs.clone())]);
        assert_eq!(
            lines(&tree.waits_for),
            [
                "4  post ○ PD",
                "├─ 3  sweep 1 R 1 PD after it has ended well",
                "├─ 1  prep ✓ CD after it has ended, however it ended",
                "├─ 99  gone from the queue  5 minutes after it has started",
                "└─ every earlier post  after every earlier job of the same name and owner has ended",
            ]
        );
        let waited = ["└─ 5  report ○ PD after it has ended well", "   └─ 5  report ○ PD after it has failed"];
        assert_eq!(lines(&tree.waited_for), waited);
        assert_eq!(tree.never, "");
        let circle = Tree::grow("5", &[Some(jobs.clone()), None]);
        assert!(lines(&circle.waits_for).iter().any(|l| l.contains("one of these is enough")) && circle.waits_for.len() < 20);
        let own = Tree::grow("4", &[Some(jobs.clone()), None]);
        assert!(lines(&own.waits_for)[3].contains("somebody else's"));
        assert_eq!(lines(&Tree::grow("77", &[Some(jobs), None]).waits_for), ["77  is not in the queue any more"]);
    }

    #[test]
    fn what_can_never_start_says_why() {
        let jobs = table(&[("1", "prep", JobState::Failed, ""), ("2", "train", JobState::Pending, "afterok:1(failed)")]);
        let tree = Tree::grow("2", &[Some(jobs), None]);
        assert!(tree.never.contains("2 should start after 1 has ended well, and 1 is FAILED."), "{}", tree.never);
        assert!(tree.never.contains("scontrol update JobId=2 Dependency="));
    }
}
