//! What a job uses, by `sstat` while it runs, and what it used, by `sacct` afterwards: one round trip with everything else about it.
//!
//! Never asked in a loop: `sstat` goes to every node of the job.

use super::super::{Ask, Examined, trouble};
use super::{CALM, detail};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobDetail, JobId, JobState, Usage};
use crate::remote::host::Said;

const SPLIT: &str = "\x1equeue-usage\x1e";

pub(super) fn ask(job: &JobId) -> Ask<Examined> {
    let wanted = job.clone();
    let one = quoted(job.as_str().split("_[").next().unwrap_or(job.as_str()));
    // sstat takes a task for its whole array; only the task's own number means the task.
    Ask {
        script: format!(
            "{CALM}said=$(scontrol -o -dd show job {one}); rc=$?\nprintf '%s' \"$said\"\nprintf '\\036queue-usage\\036'\n\
             case $said in\n*' JobState=RUNNING '*) id=${{said#JobId=}}; \
             sstat -a -n -P -j \"${{id%% *}}\" -o JobID,AveCPU,MaxRSS,NTasks,TRESUsageInAve,TRESUsageInTot 2>&1;;\n\
             *' JobState=PENDING '*) ;;\n\
             *) sacct -n -P -j {one} -o JobID,ElapsedRaw,AllocCPUS,TotalCPU,MaxRSS,NTasks,ReqMem,AllocTRES,TRESUsageInAve,NNodes 2>&1;;\nesac\nexit $rc"
        ),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let (head, tail) = text.split_once(SPLIT).unwrap_or((&text, ""));
            let detail = if said.status == 0 { detail::read(head.as_bytes(), &wanted).map(Some) } else { forgotten(said, &wanted) }?;
            let usage = match &detail {
                Some(job) if job.state == JobState::Running => Some(running(job, tail)),
                Some(job) if job.state.is_waiting() => None,
                Some(_) | None => Some(ended(tail)),
            };
            Ok(Examined { detail, usage })
        }),
    }
}

fn forgotten(said: &Said, wanted: &JobId) -> Result<Option<JobDetail>, Failure> {
    let failure = trouble::failure(said);
    if failure.kind == FailureKind::NotFound && failure.what.contains("Invalid job id") {
        return Ok(None);
    }
    Err(Failure { what: format!("job {wanted}: {}", failure.what), ..failure })
}

/// Lines of fields parted by `|`.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split('|').collect())
}

fn running(job: &JobDetail, text: &str) -> Usage {
    let mut usage = Usage { source: "sstat".into(), ..Usage::default() };
    for fields in lines(text) {
        let [_, average, rss, tasks, tres, total] = fields.as_slice() else { continue };
        let tasks: u64 = tasks.parse().unwrap_or(1);
        let time = tres_of(total, "cpu").and_then(seconds).or_else(|| seconds(average)?.checked_mul(tasks));
        let memory = tres_of(total, "mem").and_then(bytes).or_else(|| bytes(rss).and_then(|b| b.checked_mul(tasks)));
        usage.cpu_time = sum(usage.cpu_time, time);
        usage.memory = usage.memory.max(memory);
        usage.gpu = usage.gpu.max(tres_of(tres, "gres/gpuutil").and_then(|n| n.parse().ok()));
    }
    usage.elapsed = job.field("RunTime").and_then(seconds);
    usage.cpus = job.field("NumCPUs").and_then(|n| n.parse().ok());
    usage.memory_given = memory_of(job);
    if usage.cpu_time.is_none() && usage.memory.is_none() {
        let said = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
        usage.source = String::new();
        usage.why = format!(
            "sstat said: {}. It measures steps, of which the first comes with the script itself.",
            said.trim_start_matches("sstat: error: ")
        );
    } else if usage.memory_given.is_none() {
        usage.why = "how much memory it was given: this cluster hands out CPUs, and all of a node's memory with them".into();
    }
    usage
}

/// The memory that a job was given on all of its nodes, in bytes.
fn memory_of(job: &JobDetail) -> Option<u64> {
    let tres = ["AllocTRES", "TRES", "ReqTRES"].iter().find_map(|key| bytes(tres_of(job.field(key)?, "mem")?));
    let count = |key: &str| job.field(key).and_then(|n| n.parse::<u64>().ok());
    let asked = |key: &str, times: &str| bytes(job.field(key)?)?.checked_mul(count(times)?).filter(|b| *b > 0);
    tres.or_else(|| asked("MinMemoryNode", "NumNodes")).or_else(|| asked("MinMemoryCPU", "NumCPUs"))
}

fn ended(text: &str) -> Usage {
    let mut usage = Usage { source: "sacct".into(), ..Usage::default() };
    for fields in lines(text) {
        let [id, elapsed, cpus, total, rss, tasks, asked, tres, used, nodes] = fields.as_slice() else { continue };
        if id.contains('.') {
            let tasks: u64 = tasks.parse().unwrap_or(1);
            usage.memory = usage.memory.max(bytes(rss).and_then(|b| b.checked_mul(tasks)));
            usage.gpu = usage.gpu.max(tres_of(used, "gres/gpuutil").and_then(|n| n.parse().ok()));
            continue;
        }
        usage.elapsed = elapsed.parse().ok();
        usage.cpus = cpus.parse().ok().filter(|n| *n > 0);
        usage.cpu_time = seconds(total);
        usage.memory_given = tres_of(tres, "mem").and_then(bytes).or_else(|| {
            // Older ones write `100Mn` a node and `100Mc` a CPU.
            let times = match asked.chars().last() {
                Some('n') => nodes.parse().ok()?,
                Some('c') => cpus.parse().ok()?,
                _ => 1,
            };
            bytes(asked.trim_end_matches(['n', 'c']))?.checked_mul(times).filter(|b| *b > 0)
        });
    }
    if usage.elapsed.is_none() {
        usage.source = String::new();
        usage.why = if text.contains("disabled") || text.contains("not found") {
            "this cluster keeps no accounting, so nothing was measured past the job's end. ParallelCluster sets it up with \
             Scheduling/SlurmSettings/Database."
        } else {
            "accounting does not know the job"
        }
        .to_owned();
    } else if usage.memory.is_none() {
        usage.why = "accounting holds no memory of its steps: JobAcctGatherType measures none, or it was too short".into();
    } else if usage.memory_given.is_none() {
        usage.why = "how much memory it was given: this cluster hands out CPUs, and all of a node's memory with them".into();
    }
    usage
}

/// One resource of `cpu=00:10:00,mem=2928K`.
fn tres_of<'a>(tres: &'a str, name: &str) -> Option<&'a str> {
    tres.split(',').find_map(|one| one.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// `1-02:03:04`, `02:03.456` and the like in whole seconds.
fn seconds(text: &str) -> Option<u64> {
    let whole = text.split('.').next()?;
    let (days, clock) = whole.split_once('-').map_or(Some((0, whole)), |(d, rest)| Some((d.parse::<u64>().ok()?, rest)))?;
    if !clock.contains(':') {
        return None;
    }
    let clock = clock.split(':').try_fold(0_u64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?;
    days.checked_mul(86_400)?.checked_add(clock)
}

/// `2928K`, `1.50G`, `12` in bytes; Slurm counts in powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().ok()?;
    let power = match text[digits.len()..].chars().next().map(|c| c.to_ascii_uppercase()) {
        None => 0,
        Some('K') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some(_) => return None,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a machine's memory")]
    Some((number * 1024_f64.powi(power)).round() as u64)
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => a.checked_add(b),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: &str = include_str!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt");

    fn examined(head: &str, usage: &str) -> Examined {
        let said = Said { status: 0, stdout: format!("{head}{SPLIT}{usage}").into(), stderr: String::new() };
        (ask(&JobId::new("1")).read)(&said).unwrap()
    }

    #[test]
    fn a_running_job_is_measured_by_its_steps() {
        let steps = "1.batch|00:00:10|2928K|1|cpu=00:00:10,mem=2928K|cpu=00:00:10,energy=0,mem=2928K\n\
                     1.0|00:01:00|1000K|2|gres/gpuutil=85|cpu=00:02:00,mem=2000K\n";
        let usage = examined(LONG, steps).usage.unwrap();
        assert_eq!((usage.cpu_time, usage.memory, usage.gpu, usage.elapsed), (Some(130), Some(2928 << 10), Some(85), Some(75)));
        assert_eq!((usage.cpu_share(), usage.memory_given), (Some(173), None));
        let none = examined(LONG, "sstat: error: No steps running for job 1\n").usage.unwrap();
        assert!(none.cpu_time.is_none() && none.why.contains("No steps running"), "{none:?}");
    }

    #[test]
    fn an_ended_job_is_measured_by_accounting_or_it_is_said_why_not() {
        let over = LONG.replace("JobState=RUNNING", "JobState=COMPLETED");
        let told = "1|100|4|00:03:20|||||cpu=4,mem=400M,node=1||1\n".replace("|||||", "||||");
        let told = format!("{told}1.batch|100|4|00:00:01|100M|1|||cpu=1|1\n1.0|99|4|03:19.500|50M|4|||gres/gpuutil=7|1\n");
        let usage = examined(&over, &told).usage.unwrap();
        assert_eq!((usage.cpu_share(), usage.memory_share(), usage.gpu), (Some(50), Some(50), Some(7)));
        let none = examined(&over, "Slurm accounting storage is disabled\n").usage.unwrap();
        assert!(none.why.contains("keeps no accounting") && none.source.is_empty(), "{none:?}");
        let older = examined(&over, "1|10|2|00:05|||100Mc||\u{a7}|1\n").usage.unwrap();
        assert_eq!(older.memory_given, Some(200 << 20));
    }

    #[test]
    fn a_forgotten_job_is_no_failure_and_a_dead_scheduler_is() {
        let said = |stderr: &str| Said { status: 1, stdout: SPLIT.into(), stderr: stderr.into() };
        let ask = ask(&JobId::new("1"));
        assert_eq!((ask.read)(&said("slurm_load_jobs error: Invalid job id specified\n")).unwrap().detail, None);
        assert!((ask.read)(&said("slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n")).is_err());
    }

    proptest! {
        #[test]
        fn any_figures_are_survived(text in "([0-9|:.-]|[KMGTnc]|cpu=|mem=|,|\n|[^|]{0,4})*") {
            let (_, _) = (ended(&text), examined(LONG, &text));
            let (_, _) = (seconds(&text), bytes(&text));
        }

        #[test]
        fn no_figure_is_too_large(average in 0..u64::MAX, rss in "[1-9][0-9]{0,30}[KMGT]?", tasks in any::<u64>()) {
            let step = format!("1.0|{average}:00|{rss}|{tasks}||\n");
            let (_, _) = (examined(LONG, &step), ended(&format!("1.0|1|1|1:0|{rss}|{tasks}||||1")));
        }
    }
}
