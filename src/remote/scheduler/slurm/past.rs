//! Jobs that have ended: from the queue within MinJobAge, and from the accounting database where there is one.

use super::super::paths::Fill;
use super::super::{Ask, trouble};
use super::CALM;
use super::time::epoch;
use crate::model::text::quoted;
use crate::model::{JobId, JobState, Origin, Past};

const NAMES: [&str; 17] = [
    "JobArrayID",
    "JobID",
    "ArrayJobID",
    "ArrayTaskID",
    "Partition",
    "UserName",
    "StateCompact",
    "exit_code",
    "NumNodes",
    "NumCPUs",
    "NodeList",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "WorkDir",
    "Command",
    "STDOUT",
];

/// One call for all of them; those that Slurm has forgotten are missing from the answer.
pub(super) fn ended(jobs: &[JobId], nonce: &str) -> Ask<Vec<Past>> {
    let end = format!("\x1e{nonce}");
    let mut fields: Vec<String> = NAMES.iter().map(|name| format!("{name}:\x1f")).collect();
    fields.extend(["STDERR:\x1f".to_owned(), format!("Name:{end}")]);
    let ids: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
    Ask {
        script: format!("{CALM}squeue -h --local -a -t all -j {} -O {}", quoted(&ids.join(",")), quoted(&fields.join(","))),
        read: Box::new(move |said| {
            // A single job that is forgotten is an error to squeue; several are not.
            if said.status != 0 && !said.stderr.contains("Invalid job id") {
                return Err(trouble::failure(said));
            }
            let text = String::from_utf8_lossy(&said.stdout);
            Ok(text.split(end.as_str()).filter_map(|record| one(record.trim_start_matches('\n'))).collect())
        }),
    }
}

fn one(record: &str) -> Option<Past> {
    let fields: Vec<&str> = record.splitn(NAMES.len() + 2, '\x1f').collect();
    let [
        id,
        job,
        array,
        task,
        partition,
        user,
        state,
        exit,
        nodes,
        cpus,
        list,
        submitted,
        started,
        ended,
        dir,
        command,
        stdout,
        stderr,
        name,
    ] = fields.as_slice()
    else {
        return None;
    };
    let is_array = !matches!(*task, "" | "N/A");
    let fill = Fill {
        job_id: job,
        array_job_id: if is_array { array } else { "" },
        array_task_id: if is_array { task } else { "" },
        name,
        user,
        work_dir: dir,
    };
    let stdout = fill.path(stdout).unwrap_or_default();
    let stderr = if stderr.is_empty() { stdout.clone() } else { fill.path(stderr).unwrap_or_default() };
    Some(Past {
        id: (*id).to_owned(),
        array: if is_array { (*array).to_owned() } else { String::new() },
        name: (*name).to_owned(),
        user: (*user).to_owned(),
        partition: (*partition).to_owned(),
        state: Some(JobState::read(state)),
        exit_code: exit_code(exit),
        nodes: nodes.parse().unwrap_or(0),
        node_list: (*list).to_owned(),
        cpus: cpus.parse().unwrap_or(0),
        submitted: epoch(submitted),
        started: epoch(started),
        ended: epoch(ended),
        work_dir: (*dir).to_owned(),
        stdout,
        stderr,
        command: if *command == "(null)" { String::new() } else { (*command).to_owned() },
        seen: 0,
        origin: Origin::End,
    })
}

/// squeue prints the raw status of `wait(2)`: the code in its second byte, the signal in its first. Newer ones print `code:signal`.
fn exit_code(text: &str) -> Option<String> {
    if text.contains(':') {
        return Some(text.to_owned());
    }
    let raw: u32 = text.trim().parse().ok()?;
    Some(format!("{}:{}", raw >> 8 & 0xff, raw & 0x7f))
}

/// `sacct` of whole jobs. Without accounting it says so and ends with an error.
pub(super) fn accounting(since: i64, everyone: bool) -> Ask<Vec<Past>> {
    let whose = if everyone { "--allusers" } else { "--user=\"$(id -un)\"" };
    let since =
        jiff::Timestamp::from_second(since).map_or_else(|_| "now-1days".to_owned(), |t| t.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    let fields = "JobID,User,Partition,State,ExitCode,NNodes,NCPUS,NodeList,Submit,Start,End,WorkDir,JobName";
    Ask {
        script: format!("{CALM}sacct -X -n -P --delimiter=\"$(printf '\\037')\" {whose} -S {since} -o {fields}"),
        read: Box::new(|said| {
            if said.status != 0 {
                return Err(trouble::failure(said));
            }
            Ok(String::from_utf8_lossy(&said.stdout).lines().filter_map(accounted).collect())
        }),
    }
}

fn accounted(line: &str) -> Option<Past> {
    let fields: Vec<&str> = line.splitn(13, '\x1f').collect();
    let [id, user, partition, state, exit, nodes, cpus, list, submitted, started, ended, dir, name] = fields.as_slice() else {
        return None;
    };
    if !id.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(Past {
        id: (*id).to_owned(),
        array: id.split_once('_').map_or_else(String::new, |(array, _)| array.to_owned()),
        name: (*name).to_owned(),
        user: (*user).to_owned(),
        partition: (*partition).to_owned(),
        state: Some(JobState::read(state)),
        exit_code: Some((*exit).to_owned()).filter(|e| !e.is_empty()),
        nodes: nodes.parse().unwrap_or(0),
        node_list: if *list == "None assigned" { String::new() } else { (*list).to_owned() },
        cpus: cpus.parse().unwrap_or(0),
        submitted: epoch(submitted),
        started: epoch(started),
        ended: epoch(ended),
        work_dir: (*dir).to_owned(),
        origin: Origin::Accounting,
        ..Past::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    #[test]
    fn an_ended_job_brings_its_code_and_its_files() {
        let record = "7_2\x1f9\x1f7\x1f2\x1fcompute\x1fme\x1fF\x1f256\x1f1\x1f2\x1fn-1\x1f2026-11-24T12:05:38\x1f2026-11-24T12:05:40\x1f2026-11-24T12:05:50\x1f/home/me\x1f/home/me/a.sh x\x1fo-%A_%a\x1f\x1fa\x1fb\x1eab\n";
        let ask = ended(&[JobId::new("7_2"), JobId::new("8")], "ab");
        assert!(ask.script.contains("-j 7_2,8 -O "));
        let jobs = (ask.read)(&Said { status: 0, stdout: record.into(), stderr: String::new() }).unwrap();
        let job = &jobs[0];
        assert_eq!(
            (job.id.as_str(), job.name.as_str(), job.state, job.exit_code.as_deref()),
            ("7_2", "a\x1fb", Some(JobState::Failed), Some("1:0"))
        );
        assert_eq!((job.stdout.as_str(), job.ended.unwrap() - job.started.unwrap()), ("/home/me/o-7_2", 10));
        assert_eq!(exit_code("15").as_deref(), Some("0:15"));
        let forgotten = Said { status: 1, stdout: vec![], stderr: "slurm_load_jobs error: Invalid job id specified\n".into() };
        assert_eq!((ask.read)(&forgotten).unwrap(), []);
    }

    #[test]
    fn accounting_is_read_and_its_absence_is_a_failure() {
        let line = "12_3\x1fme\x1fgpu\x1fCANCELLED by 1000\x1f0:15\x1f2\x1f8\x1fn-[1-2]\x1f2026-11-24T12:05:38\x1f2026-11-24T12:05:40\x1fUnknown\x1f/home/me\x1fa b\n";
        let ask = accounting(0, false);
        let jobs = (ask.read)(&Said { status: 0, stdout: line.into(), stderr: String::new() }).unwrap();
        assert_eq!((jobs[0].array.as_str(), jobs[0].state, jobs[0].ended), ("12", Some(JobState::Cancelled), None));
        let none = Said { status: 1, stdout: vec![], stderr: "Slurm accounting storage is disabled\n".into() };
        assert!((ask.read)(&none).is_err());
    }
}
