//! Jobs and what becomes of them, in words that leave nothing out.
//!
//! Nothing here decides: it only names.

use super::Target;
use super::fit::Sorted;
use crate::model::duration::{slurm, thousands};
use crate::model::text::several;
use crate::model::{ClusterId, JobChange, JobState};

/// Names that are worth reading before a number says more.
const NAMED: usize = 4;

/// Whether a target is more than one job: a whole array, or the waiting rest of one.
pub(super) fn is_many(target: &Target<'_>) -> bool {
    tasks(target) > 1
}

/// How many jobs a target is.
fn tasks(target: &Target<'_>) -> usize {
    if target.tasks > 1 || !target.id.as_str().contains("_[") {
        return target.tasks.max(1);
    }
    // `2-9,12%4`: the tasks that wait.
    let list = target.job.array_task_id().split('%').next().unwrap_or("");
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (last, step) = last.split_once(':').unwrap_or((last, "1"));
        let step = step.parse::<usize>().unwrap_or(1).max(1);
        first.parse::<usize>().ok().zip(last.parse::<usize>().ok()).map_or(1, |(a, b)| b.saturating_sub(a) / step + 1)
    };
    list.split(',').map(count).sum::<usize>().max(1)
}

/// `job 101`, `task 7_3`, `array 7, 100 tasks`, `3 jobs`.
pub(super) fn which<'a>(targets: &(impl ExactSizeIterator<Item = &'a Target<'a>> + Clone)) -> String {
    let all: usize = targets.clone().map(tasks).sum();
    let mut some = targets.clone();
    match (some.next(), some.next()) {
        (Some(one), None) => {
            let id = one.id.as_str();
            match (tasks(one), id.contains("_["), id.contains('_')) {
                (n, true, _) => format!("{} waiting tasks of array {}", thousands(n as u64), id.split('_').next().unwrap_or(id)),
                (1, _, true) => format!("task {id}"),
                (1, ..) => format!("job {id}"),
                (n, ..) => format!("array {id}, {} tasks", thousands(n as u64)),
            }
        }
        _ if all > targets.len() => format!("{} jobs and arrays, {} tasks", thousands(targets.len() as u64), thousands(all as u64)),
        _ => format!("{} jobs", thousands(all as u64)),
    }
}

/// The same as a heading.
pub(super) fn title<'a>(targets: &(impl ExactSizeIterator<Item = &'a Target<'a>> + Clone)) -> String {
    let name = if targets.len() == 1 { targets.clone().next().map_or("", |t| t.job.name()) } else { "" };
    let which = which(targets);
    let mut chars = which.chars();
    let which = chars.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + chars.as_str());
    if name.is_empty() { which } else { format!("{which} · {name}") }
}

/// `it` or `them`, for the end of an answer.
pub(super) fn them(fit: &[&Target<'_>]) -> &'static str {
    match fit {
        [one] if !is_many(one) => "the job",
        [_] => "the array's tasks",
        _ => "them all",
    }
}

/// Who they are: names, owners, partitions, where.
pub(super) fn named(fit: &[&Target<'_>], cluster: &ClusterId) -> String {
    if let [one] = fit {
        let job = &one.job;
        return format!("{}  {}  of {} in {} on {}.", job.name(), job.state().long(), job.user(), job.partition(), cluster.name());
    }
    let each: Vec<String> = fit
        .iter()
        .map(|target| match tasks(target) {
            1 => format!("{} {}", target.id, target.job.name()),
            n => format!("{} {} ({} tasks)", target.id, target.job.name(), thousands(n as u64)),
        })
        .collect();
    let distinct = |of: &dyn Fn(&Target<'_>) -> String| {
        let mut all: Vec<String> = fit.iter().map(|target| of(target)).collect();
        all.sort();
        all.dedup();
        several(all.iter().map(String::as_str), 3)
    };
    format!(
        "{}: {}.\nOf {} in {} on {}.",
        counted(fit),
        several(each.iter().map(String::as_str), NAMED),
        distinct(&|t| t.job.user().to_owned()),
        distinct(&|t| t.job.partition().to_owned()),
        cluster.name()
    )
}

/// `2 run, 1 waits`.
fn counted(fit: &[&Target<'_>]) -> String {
    let count = |of: &dyn Fn(JobState) -> bool| fit.iter().filter(|t| of(t.job.state())).count();
    let (waiting, over) = (count(&JobState::is_waiting), count(&JobState::is_over));
    let running = fit.len() - waiting - over;
    let words = [(running, "runs", "run"), (waiting, "waits", "wait"), (over, "has ended", "have ended")];
    let words = words
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| format!("{} {}", thousands(*n as u64), if *n == 1 { one } else { many }));
    words.collect::<Vec<_>>().join(", ")
}

/// The run time that is at stake.
fn at_stake(fit: &[&Target<'_>]) -> Option<String> {
    let running: Vec<_> = fit.iter().filter(|t| !t.job.state().is_waiting() && !t.job.state().is_over()).collect();
    let longest = running.iter().max_by_key(|t| t.job.time_used())?;
    let time = longest.job.time_used().map_or_else(|| "an unknown time".to_owned(), slurm);
    let place = if longest.job.node_list().is_empty() { "its node".to_owned() } else { longest.job.node_list().to_owned() };
    Some(match running.as_slice() {
        [_] if fit.len() == 1 => format!("It has run for {time} on {place}."),
        [one] => format!("{} has run for {time} on {place}.", one.id),
        _ => format!("{} of them run, {} the longest: for {time}, on {place}.", thousands(running.len() as u64), longest.id),
    })
}

/// What cancelling does.
pub(super) fn cancelling(fit: &[&Target<'_>]) -> String {
    let rest = if fit.len() == 1 && fit[0].id.as_str().contains("_[") {
        "All waiting tasks of this array are cancelled."
    } else if fit.iter().any(|t| is_many(t)) {
        "Of an array all tasks are cancelled, those that run and those that wait."
    } else {
        ""
    };
    let what = match (at_stake(fit), fit.len()) {
        (Some(stake), 1) => format!("{stake} Its processes are ended and what it has not written is lost."),
        (Some(stake), _) => format!("{stake} Their processes are ended and what they have not written is lost."),
        (None, 1) => "It has not started. It leaves the queue.".to_owned(),
        (None, _) => "They have not started. They leave the queue.".to_owned(),
    };
    if rest.is_empty() { what } else { format!("{what} {rest}") }
}

/// What requeueing does.
pub(super) fn requeueing(fit: &[&Target<'_>]) -> String {
    let again = "Back in the queue, it starts again from its beginning under the same id; its output may be overwritten.";
    match (at_stake(fit), fit.len()) {
        (Some(stake), 1) => format!("{stake} It is stopped and what it has not written is lost. {again}"),
        (Some(stake), _) => {
            format!("{stake} They are stopped and what they have not written is lost. {}", again.replace("it starts", "each starts"))
        }
        (None, 1) => format!("It has ended. {again}"),
        (None, _) => format!("They have ended. {}", again.replace("it starts", "each starts")),
    }
}

/// Which targets a verb leaves out, and why.
pub(super) fn left(left: &[(&Target<'_>, &'static str)]) -> String {
    if left.is_empty() {
        return String::new();
    }
    let each: Vec<String> = left.iter().map(|(target, why)| format!("{}, which {why}", target.id)).collect();
    format!("Left out: {}.", several(each.iter().map(String::as_str), 3))
}

/// Nothing is left to do a verb to.
pub(super) fn none(sorted: &Sorted<'_>) -> String {
    match sorted.left.as_slice() {
        [(target, why)] if target.job.state().is_over() => format!("Job {} {why}: {}.", target.id, target.job.state().long()),
        [(target, why)] => format!("Job {} {why}.", target.id),
        many => format!("Nothing to do. {}", left(many)),
    }
}

/// What is under way, for the progress line.
pub(super) fn doing(change: &JobChange, which: &str) -> String {
    match change {
        JobChange::Cancel => format!("cancelling {which}"),
        JobChange::CancelMine => "cancelling all of your jobs".to_owned(),
        JobChange::Signal(name) => format!("sending SIG{name} to {which}"),
        JobChange::Hold => format!("holding {which}"),
        JobChange::Release => format!("releasing {which}"),
        JobChange::Requeue => format!("requeueing {which}"),
        JobChange::TimeLimit(_) => format!("changing the time limit of {which}"),
        JobChange::Nice(_) => format!("changing the nice value of {which}"),
        JobChange::Top => format!("moving {which} to the top"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobId, JobTable, NewJob};
    use crate::protocol::Action;

    fn table() -> JobTable {
        let mut table = JobTable::default();
        let mut push = |id: &str, name: &str, state: JobState, tasks: &str, user: &str| {
            let waits = state.is_waiting();
            table.push(&NewJob {
                id,
                name,
                user,
                partition: if waits { "gpu" } else { "compute" },
                array_job_id: if tasks.is_empty() { "" } else { "7" },
                array_task_id: tasks,
                state: Some(state),
                node_list: if waits { "" } else { "n-[1-2]" },
                time_used: Some(if waits { 0 } else { 3_725 }),
                ..NewJob::default()
            });
        };
        push("101", "train", JobState::Running, "", "me");
        push("102", "post", JobState::Pending, "", "ann");
        push("7_[2-9,12%4]", "sweep", JobState::Pending, "2-9,12%4", "me");
        push("99", "prep", JobState::Failed, "", "me");
        table
    }

    fn targets(table: &JobTable) -> Vec<Target<'_>> {
        let target = |i: usize| table.get(i).map(|job| Target { id: job.job_id(), job, tasks: 1 });
        let mut all: Vec<Target<'_>> = (0..table.len()).filter_map(target).collect();
        let whole = all[2].clone();
        all.push(Target { id: JobId::new("7"), tasks: 100, ..whole });
        all
    }

    #[test]
    fn everything_a_verb_will_touch_is_named() {
        let table = table();
        let all = targets(&table);
        let one = |i: usize| which(&all[i..=i].iter());
        assert_eq!([0, 2, 4].map(one), ["job 101", "9 waiting tasks of array 7", "array 7, 100 tasks"]);
        assert_eq!((which(&all[..2].iter()), which(&all[..3].iter())), ("2 jobs".to_owned(), "3 jobs and arrays, 11 tasks".to_owned()));
        assert_eq!(title(&all[4..].iter()), "Array 7, 100 tasks · sweep");
        let sorted = Sorted::new(Action::Cancel, &all);
        assert_eq!(
            named(&sorted.fit, &ClusterId::new("a/b/prod")),
            "1 runs, 3 wait: 101 train, 102 post, 7_[2-9,12%4] sweep (9 tasks) and 7 sweep (100 tasks).\nOf ann and me in compute and gpu on prod."
        );
        assert_eq!(
            cancelling(&sorted.fit),
            "101 has run for 1:02:05 on n-[1-2]. Their processes are ended and what they have not written is lost. Of an array all tasks are cancelled, \
             those that run and those that wait."
        );
        assert_eq!(left(&sorted.left), "Left out: 99, which has ended already.");
        let sorted = Sorted::new(Action::Hold, &all[..1]);
        assert_eq!((sorted.fit.len(), none(&sorted)), (0, "Job 101 has started already.".to_owned()));
        let sorted = Sorted::new(Action::Signal, &all);
        assert_eq!(sorted.fit.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), ["101", "7"], "a whole array may have tasks that run");
        assert_eq!(
            left(&sorted.left),
            "Left out: 102, which has not started, 7_[2-9,12%4], which has not started and 99, which has ended already."
        );
    }
}
