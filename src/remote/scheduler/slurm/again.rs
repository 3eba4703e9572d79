//! A job as it was submitted: its script from the controller, and options that make it the same again.
//!
//! Says only what the script does not say itself, so that what comes back is short and contradicts nothing in it.

use std::collections::HashMap;

use super::super::{Ask, Told, trouble};
use super::{CALM, detail};
use crate::model::duration::parse_slurm;
use crate::model::list::numbers;
use crate::model::text::quoted;
use crate::model::{ClusterId, Directives, Failure, FailureKind, JobDetail, JobId, JobState, Place, Submission, Tasks};
use crate::remote::host::Said;

const SPLIT: &str = "\x1equeue-again\x1e";

/// What `scontrol` calls it, and the option of `sbatch` that asks for it.
const PLAIN: [(&str, &str); 13] = [
    ("JobName", "job-name"),
    ("Account", "account"),
    ("QOS", "qos"),
    ("TimeMin", "time-min"),
    ("Features", "constraint"),
    ("ReqNodeList", "nodelist"),
    ("ExcNodeList", "exclude"),
    ("Nice", "nice"),
    ("Reservation", "reservation"),
    ("Licenses", "licenses"),
    ("MinTmpDiskNode", "tmp"),
    ("MailType", "mail-type"),
    ("WCKey", "wckey"),
];

/// Options of `sbatch` with one letter.
const LETTERS: [(char, &str); 21] = [
    ('A', "account"),
    ('a', "array"),
    ('C', "constraint"),
    ('c', "cpus-per-task"),
    ('D', "chdir"),
    ('d', "dependency"),
    ('e', "error"),
    ('F', "nodefile"),
    ('G', "gpus"),
    ('H', "hold"),
    ('i', "input"),
    ('J', "job-name"),
    ('L', "licenses"),
    ('N', "nodes"),
    ('n', "ntasks"),
    ('o', "output"),
    ('p', "partition"),
    ('q', "qos"),
    ('t', "time"),
    ('w', "nodelist"),
    ('x', "exclude"),
];

pub(super) fn ask(job: &JobId) -> Ask<Told> {
    let wanted = job.clone();
    // A task is asked for by itself; the script belongs to the whole array.
    let one = quoted(job.as_str().split("_[").next().unwrap_or(job.as_str()));
    let whole = quoted(job.as_str().split('_').next().unwrap_or(job.as_str()));
    // The paths as patterns: scontrol shows them filled in. The tasks one by one, and those that accounting remembers.
    let paths = quoted("STDOUT:\x1f,STDERR:\x1e");
    let cut = "printf '\\036queue-again\\036'";
    Ask {
        script: format!(
            "{CALM}scontrol -o show job {one}; rc=$?\n{cut}\nscontrol write batch_script {whole} - 2>&1\n{cut}\n\
             squeue -h --local -a -t all -j {one} -O {paths} 2>/dev/null\n{cut}\n\
             squeue -h --local -a -r -t all -j {whole} -o '%K %t' 2>/dev/null\n\
             sacct -X -n -P --delimiter=' ' -j {whole} -o JobID,State 2>/dev/null\nexit $rc"
        ),
        read: Box::new(move |said| Ok(read(said, &wanted))),
    }
}

fn read(said: &Said, wanted: &JobId) -> Told {
    let text = String::from_utf8_lossy(&said.stdout);
    let mut parts = text.splitn(4, SPLIT);
    let (head, script, paths, tasks) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let submission = submission(said, wanted, (head, script, paths));
    let (limit, token) = submission.as_ref().map_or((None, None), |read| (read.limit, read.token.clone()));
    Told { submission: submission.map(|read| (read.submission, read.notes)), tasks: Tasks { states: states(tasks), limit }, token }
}

/// The last state of each task: what the queue says stands before what accounting says.
fn states(text: &str) -> Vec<(u32, JobState)> {
    let mut states: HashMap<u32, JobState> = HashMap::new();
    for line in text.lines() {
        let Some((task, state)) = line.split_once(' ') else { continue };
        let task = task.rsplit('_').next().unwrap_or(task);
        if line.contains('_') || !line.contains("N/A") {
            for n in numbers(task.trim_matches(['[', ']'])).map(|(all, _)| all).unwrap_or_default() {
                states.entry(n).or_insert_with(|| JobState::read(state));
            }
        }
    }
    let mut all: Vec<_> = states.into_iter().collect();
    all.sort_unstable_by_key(|(task, _)| *task);
    all
}

struct Read {
    submission: Submission,
    notes: Vec<String>,
    limit: Option<u32>,
    token: Option<String>,
}

fn submission(said: &Said, wanted: &JobId, (head, script, paths): (&str, &str, &str)) -> Result<Read, Failure> {
    if said.status != 0 {
        return Err(trouble::failure(said));
    }
    if !script.starts_with("#!") {
        let what = format!("the script of job {wanted} cannot be had: {}", script.lines().next().unwrap_or(""));
        return Err(Failure::new(FailureKind::NotFound, "", what)
            .hint("Slurm gives a job's script to its owner only, and forgets it with the job."));
    }
    let job = detail::read(head.as_bytes(), wanted)?;
    let said_itself = directives(script);
    let mut notes = Vec::new();
    let command = job.field("Command").unwrap_or("job.sh");
    let mut words = command.split(' ');
    let path = words.next().unwrap_or("job.sh").to_owned();
    let args: Vec<String> = words.map(str::to_owned).filter(|w| !w.is_empty()).collect();
    if !args.is_empty() {
        notes.push(
            "Slurm keeps the script's arguments without their quotes: each blank is taken to part two of them. Look at them.".to_owned(),
        );
    }
    let mut options = options(&job, &said_itself);
    options.extend(outputs(&job, wanted, paths, &said_itself));
    if let Some(dependency) = job.field("Dependency").filter(|d| *d != "(null)") {
        notes.push(format!("It had to wait for {dependency}; submitted again it does not, unless its script says so."));
    }
    notes.push("It gets the environment of a new login, and --export, --signal or --begin only where its script has them.".to_owned());
    let submission = Submission {
        cluster: ClusterId::new(""),
        place: Place::Here,
        path,
        dir: job.work_dir.clone(),
        args,
        options,
        text: Some(script.to_owned()),
    };
    let limit = job.field("ArrayTaskThrottle").and_then(|n| n.parse().ok());
    let token = job.field("Comment").and_then(|c| c.rsplit_once("qdeck:")).map(|(_, token)| token.trim().to_owned());
    Ok(Read { submission, notes, limit, token })
}

/// The options in a script's own directives, by their long names. The last of several wins, as in `sbatch`.
fn directives(script: &str) -> HashMap<String, String> {
    let mut all = HashMap::new();
    for (_, line) in Directives::read(script).lines {
        let text = line.strip_prefix("#SBATCH").unwrap_or("");
        let Ok(words) = shell_words::split(text.split(" #").next().unwrap_or(text)) else { continue };
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let long = word.strip_prefix("--").map(|long| long.split_once('=').map_or((long, ""), |(key, value)| (key, value)));
            let (key, value) = match (long, word.strip_prefix('-').and_then(|rest| rest.chars().next())) {
                (Some((key, value)), _) => (key.to_owned(), value.to_owned()),
                (None, Some(letter)) => {
                    let Some((_, key)) = LETTERS.iter().find(|(l, _)| *l == letter) else { continue };
                    ((*key).to_owned(), word[1 + letter.len_utf8()..].trim_start_matches('=').to_owned())
                }
                (None, None) => continue,
            };
            let value = if value.is_empty() && !word.ends_with('=') {
                words.next_if(|next| !next.starts_with('-')).unwrap_or_default()
            } else {
                value
            };
            all.insert(key, value);
        }
    }
    all
}

/// The options that the script does not give itself.
fn options(job: &JobDetail, script: &HashMap<String, String>) -> Vec<String> {
    let known = |key: &str| job.field(key).filter(|v| !matches!(*v, "(null)" | "N/A" | "*" | "0" | "None" | "NONE"));
    let given = |option: &str| script.get(option).map(String::as_str);
    let mut out = Vec::new();
    let mut say = |option: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| given(option) != Some(*value)) {
            out.push(format!("--{option}={value}"));
        }
    };
    for (key, option) in PLAIN {
        say(option, known(key));
    }
    // Of several partitions that were asked for, a running job names the one it is in.
    let partition = known("Partition").filter(|p| !given("partition").is_some_and(|all| all.split(',').any(|one| one == *p)));
    say("partition", partition);
    let limit = known("TimeLimit").filter(|limit| *limit != "Partition_Limit");
    say("time", limit.filter(|limit| given("time").is_none_or(|own| parse_slurm(own) != parse_slurm(limit))));
    say("mail-user", known("MailUser").filter(|_| known("MailType").is_some()));
    say("nodes", job.field("NumNodes").filter(|n| given("nodes").map_or(*n != "1", |own| own.split('-').next() != n.split('-').next())));
    let per_node = known("NtasksPerN:B:S:C").and_then(|all| all.split(':').next()).filter(|n| *n != "0");
    say("ntasks-per-node", per_node);
    // A script that says how many tasks a node has says how many there are in all.
    let tasks = job.field("NumTasks").filter(|n| {
        let implied =
            given("ntasks").is_none() && (given("ntasks-per-node").is_some() || per_node.is_some() || job.field("NumNodes") == Some(n));
        !implied && given("ntasks").map_or(*n != "1", |own| own != *n)
    });
    say("ntasks", tasks);
    say("cpus-per-task", job.field("CPUs/Task").filter(|n| *n != "N/A" && given("cpus-per-task").map_or(*n != "1", |own| own != *n)));
    let same = |own: Option<&str>, is: &str| own.is_some_and(|own| megabytes(own) == megabytes(is) && megabytes(own).is_some());
    say("mem", known("MinMemoryNode").filter(|is| !same(given("mem"), is)));
    say("mem-per-cpu", known("MinMemoryCPU").filter(|is| !same(given("mem-per-cpu"), is)));
    for (key, option, others) in [
        ("TresPerNode", "gres", ["gres", "gpus-per-node"]),
        ("TresPerTask", "gpus-per-task", ["gpus-per-task"; 2]),
        ("TresPerJob", "gpus", ["gpus"; 2]),
    ] {
        let Some(gres) = job.field(key).and_then(gpus) else { continue };
        if !others.iter().any(|other| given(other).is_some_and(|own| gpus(own).or(Some(own)).is_some_and(|own| bare(own) == bare(gres)))) {
            say(option, Some(if option == "gres" { gres } else { bare(gres) }));
        }
    }
    for (key, flag, is) in [
        ("OverSubscribe", "exclusive", ["NO", "EXCLUSIVE"]),
        ("OverSubscribe", "oversubscribe", ["YES"; 2]),
        ("Requeue", "no-requeue", ["0"; 2]),
        ("Contiguous", "contiguous", ["1"; 2]),
    ] {
        if job.field(key).is_some_and(|v| is.contains(&v)) && given(flag).is_none() {
            out.push(format!("--{flag}"));
        }
    }
    if job.field("Requeue") == Some("1") && given("no-requeue").is_some() {
        out.push("--requeue".to_owned());
    }
    if let Some(comment) = job.field("Comment").map(without_token).filter(|c| !c.is_empty() && given("comment") != Some(*c)) {
        out.push(format!("--comment={comment}"));
    }
    out
}

/// The comment that the user gave: our token, which made the first submission unique, is not a second one's.
fn without_token(comment: &str) -> &str {
    comment.rfind("qdeck:").map_or(comment, |at| &comment[..at]).trim()
}

/// Memory as Slurm writes it, in MB.
fn megabytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().ok()?;
    let unit = match text[digits.len()..].chars().next().map(|c| c.to_ascii_uppercase()) {
        Some('K') => 1.0 / 1024.0,
        None | Some('M') => 1.0,
        Some('G') => 1024.0,
        Some('T') => 1024.0 * 1024.0,
        Some(_) => return None,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "megabytes of a machine")]
    Some((number * unit).round() as u64)
}

/// The generic resources in `gres:gpu:2` or `cpu=2,gres/gpu:2`, without Slurm's word in front.
fn gpus(text: &str) -> Option<&str> {
    text.split(',')
        .find_map(|part| part.strip_prefix("gres:").or_else(|| part.strip_prefix("gres/")))
        .or(Some(text).filter(|t| t.starts_with("gpu:")))
}

/// `gpu:a100:2` as the options for GPUs alone take it: `a100:2`.
fn bare(gres: &str) -> &str {
    gres.strip_prefix("gpu:").unwrap_or(gres)
}

/// Where its output went, as a pattern: the same path again would be written over.
fn outputs(job: &JobDetail, wanted: &JobId, paths: &str, script: &HashMap<String, String>) -> Vec<String> {
    let record = paths.split('\x1e').next().unwrap_or("");
    let mut fields = record.trim_start_matches('\n').split('\x1f');
    let (stdout, stderr) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    let number = job.field("JobId").unwrap_or(wanted.as_str());
    let array = job.field("ArrayJobId");
    let work_dir = job.work_dir.as_deref().unwrap_or("");
    let pattern = |path: &str| {
        if path.contains('%') {
            return path.to_owned();
        }
        // Newer ones show it filled in. A number in the folders above is not the job's.
        let (above, path) = match path.strip_prefix(work_dir).filter(|_| !work_dir.is_empty()) {
            Some(inside) => (work_dir, inside),
            None => path.split_at(path.rfind('/').map_or(0, |at| at + 1)),
        };
        let task = array.zip(job.field("ArrayTaskId")).map(|(array, task)| format!("{array}_{task}"));
        let path = task.map_or_else(|| path.to_owned(), |task| replaced(path, &task, "%A_%a"));
        let path = replaced(&path, array.unwrap_or(number), if array.is_some() { "%A" } else { "%j" });
        format!("{above}{}", replaced(&path, number, "%j"))
    };
    let said = |option: &str, path: &str| {
        let path = pattern(path);
        let inside = path.strip_prefix(work_dir).map_or(path.as_str(), |rest| rest.trim_start_matches('/'));
        let default = ["slurm-%j.out", "slurm-%A_%a.out"].contains(&inside);
        let own = script.get(option).is_some_and(|own| own == inside || *own == path);
        (!path.is_empty() && !default && !own && !path.starts_with("(null)")).then(|| format!("--{option}={path}"))
    };
    let error = Some(stderr).filter(|path| *path != stdout);
    [said("output", stdout), error.and_then(|path| said("error", path))].into_iter().flatten().collect()
}

/// The text with a number, where it stands by itself, replaced.
fn replaced(text: &str, number: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(number).filter(|_| !number.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + number.len()..]);
        let alone = !before.ends_with(|c: char| c.is_ascii_digit()) && !after.starts_with(|c: char| c.is_ascii_digit());
        out.push_str(before);
        out.push_str(if alone { by } else { number });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests;
