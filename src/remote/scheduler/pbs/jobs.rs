//! `qstat -f` of the whole queue in one call, as the table that everybody shows.
//!
//! PBS cannot be asked for the full records of one user's jobs in a form that all versions print right, so own jobs are picked out here.

use std::collections::{BTreeSet, HashSet};

use super::id::Id;
use super::record::{Record, Records};
use super::time::{duration, epoch};
use super::{CALM, Dialect, json, paths, state, text, trouble};
use crate::model::{JobState, JobTable, NewJob, Scope};
use crate::remote::scheduler::Ask;

pub(super) fn ask(dialect: Dialect, scope: Scope, with_paths: bool) -> Ask<JobTable> {
    // Subjobs are wanted one by one; the wrappers show each task anyway.
    let command = match dialect {
        Dialect::Wrappers => "qstat -f",
        Dialect::Torque => "qstat -t -f",
        Dialect::Open => "qstat -t -f -F json",
    };
    Ask {
        script: format!("{CALM}printf '%s %s\\n' \"$(date +%s)\" \"$(id -un)\"\n{command}"),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let (head, listing) = text.split_once('\n').unwrap_or((&text, ""));
            // 153 is what the wrappers say of a queue without jobs.
            let is_empty = dialect == Dialect::Wrappers && said.status == 153 && said.stderr.trim().is_empty();
            if said.status != 0 && !is_empty {
                return Err(trouble::failure(said));
            }
            let (now, user) = head.split_once(' ').unwrap_or((head, ""));
            let look = Look { dialect, scope, with_paths, now: now.parse().ok(), user };
            Ok(look.table(&records(listing, dialect), listing.len()))
        }),
    }
}

/// Reads a listing in either form: some versions print text where JSON was asked for.
pub(super) fn records(listing: &str, dialect: Dialect) -> Records {
    match listing.trim_start().starts_with('{') {
        true => json::records(listing, "Jobs"),
        false => text::jobs(listing, dialect),
    }
}

/// What is wanted of a listing.
struct Look<'a> {
    dialect: Dialect,
    scope: Scope,
    with_paths: bool,
    /// The host's clock, seconds since 1970.
    now: Option<i64>,
    /// The login user.
    user: &'a str,
}

impl Look<'_> {
    fn table(&self, records: &Records, bytes: usize) -> JobTable {
        let mut table = JobTable::with_capacity(records.all.len(), bytes / 4);
        table.warnings = records.warnings;
        let begun: HashSet<&str> = records
            .all
            .iter()
            .filter_map(|r| Id::read(&r.id))
            .filter(|id| id.index.is_some_and(|i| !i.is_empty()))
            .map(|id| id.number)
            .collect();
        for record in &records.all {
            match Id::read(&record.id) {
                Some(id) => self.push(&mut table, record, id, begun.contains(id.number)),
                None => table.warnings += 1,
            }
        }
        table
    }

    fn push(&self, table: &mut JobTable, job: &Record, id: Id<'_>, has_subjobs: bool) {
        let user = owner(job);
        let (state, reason) = state::state(job, self.dialect);
        if self.scope == Scope::Mine && user != self.user || self.scope == Scope::All && state.is_over() {
            return;
        }
        // How it ended is what the wrappers cannot tell: a job that failed must not stand there as completed. It is asked about when it is gone.
        if self.dialect == Dialect::Wrappers && job.get("job_state") == Some("C") {
            return;
        }
        let (shown, task) = match id.index {
            None => (id.number.to_owned(), ""),
            // The array itself stands for the subjobs that wait; those that are gone or run have rows of their own.
            Some("") => match job.get("array_indices_remaining").filter(|rest| *rest != "-") {
                Some(rest) if !state.is_over() => (format!("{}_[{rest}]", id.number), rest),
                _ if has_subjobs => return,
                _ => (id.number.to_owned(), ""),
            },
            Some(_) if self.dialect == Dialect::Open && state == JobState::Pending => return,
            Some(index) => (id.word(), index),
        };
        // The array is running when a subjob is; what this row stands for still waits.
        let (state, reason) = match id.index {
            Some("") if !task.is_empty() && !state.is_waiting() => (JobState::Pending, job.get("comment").unwrap_or("").to_owned()),
            _ => (state, reason),
        };
        let started = started(job, self.dialect);
        let (stdout, stderr) = if self.with_paths { paths::outputs(job) } else { (None, None) };
        let node_list = node_list(job);
        table.push(&NewJob {
            id: &shown,
            array_job_id: if id.index.is_some() { id.number } else { "" },
            array_task_id: task,
            name: job.get("Job_Name").unwrap_or(""),
            user,
            partition: job.get("queue").unwrap_or(""),
            state: Some(state),
            reason: &reason,
            nodes: nodes(job),
            node_list: &node_list,
            cpus: cpus(job),
            submitted: submitted(job),
            started,
            time_used: if state.is_waiting() { None } else { used(job, state, started, self.now) },
            time_limit: job.get("Resource_List.walltime").and_then(duration),
            priority: job.number("Priority"),
            work_dir: &paths::work_dir(job).unwrap_or_default(),
            stdout: stdout.as_deref().unwrap_or(""),
            stderr: stderr.as_deref().unwrap_or(""),
            account: job.any(&["Account_Name", "account"]).unwrap_or(""),
            dependency: job.get("depend").unwrap_or(""),
            memory: job.get("Resource_List.mem").unwrap_or(""),
            ..NewJob::default()
        });
    }
}

/// `user@host` without the host.
pub(super) fn owner(job: &Record) -> &str {
    job.get("Job_Owner").and_then(|owner| owner.split('@').next()).unwrap_or("")
}

pub(super) fn submitted(job: &Record) -> Option<i64> {
    job.any(&["qtime", "ctime"]).and_then(epoch)
}

/// Each family has a name of its own for it, and the wrappers one that means something else elsewhere.
pub(super) fn started(job: &Record, dialect: Dialect) -> Option<i64> {
    let told = match dialect {
        Dialect::Wrappers => job.get("mtime"),
        Dialect::Torque | Dialect::Open => job.any(&["stime", "start_time", "estimated.start_time"]),
    };
    told.and_then(epoch)
}

/// Running jobs report their time every few minutes only; the clock knows better.
fn used(job: &Record, state: JobState, started: Option<i64>, now: Option<i64>) -> Option<u64> {
    let told = job.get("resources_used.walltime").and_then(duration);
    let counted = now.zip(started).and_then(|(now, started)| u64::try_from(now - started).ok());
    match state {
        JobState::Running | JobState::Completing => counted.or(told),
        _ => told,
    }
}

pub(super) fn nodes(job: &Record) -> u32 {
    let told = job.number("Resource_List.nodect");
    told.or_else(|| job.get("Resource_List.nodes")?.split(':').next()?.parse().ok()).unwrap_or(1)
}

/// `ncpus`, or `2:ppn=4+3:ppn=2` as it was asked for.
pub(super) fn cpus(job: &Record) -> u32 {
    let chunks = || -> Option<u32> {
        let of = |chunk: &str| -> Option<u32> {
            let mut parts = chunk.split(':');
            let count = parts.next()?.parse::<u32>().unwrap_or(1);
            let each = parts.find_map(|part| part.strip_prefix("ppn=")).map_or(Some(1), |n| n.parse().ok())?;
            count.checked_mul(each)
        };
        job.get("Resource_List.nodes")?.split('+').try_fold(0_u32, |sum, chunk| sum.checked_add(of(chunk)?))
    };
    job.number("Resource_List.ncpus").or_else(chunks).unwrap_or(0)
}

/// `n1/0*2+n2/1` as `n1,n2`.
pub(super) fn node_list(job: &Record) -> String {
    let mut seen = BTreeSet::new();
    let names = job.get("exec_host").unwrap_or("").split('+').map(|place| place.split('/').next().unwrap_or("").trim());
    names.filter(|name| !name.is_empty() && seen.insert(*name)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::FailureKind;
    use crate::remote::host::Said;

    const WRAPPERS: &str = include_str!("../../../../tests/fixtures/torque-wrappers-22.05/qstat.txt");
    const JSON: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat.json");
    const TEXT: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat.txt");

    fn read(dialect: Dialect, scope: Scope, stdout: &str) -> JobTable {
        (ask(dialect, scope, true).read)(&Said { status: 0, stdout: stdout.into(), stderr: String::new() }).unwrap()
    }

    #[test]
    fn the_wrappers_queue_has_no_job_that_ended_nobody_knows_how() {
        let table = read(Dialect::Wrappers, Scope::All, WRAPPERS);
        let rows: Vec<_> = table.iter().map(|j| (j.id(), j.user(), j.state(), j.partition(), j.node_list())).collect();
        assert_eq!(rows, [("13", "alice", JobState::Running, "compute", "compute-st-c5large-1")]);
        assert_eq!((table.get(0).unwrap().time_used(), table.warnings), (Some(12), 0));
        assert!(read(Dialect::Wrappers, Scope::Mine, WRAPPERS).is_empty());
        let empty = Said { status: 153, stdout: b"1795634856 me\n".to_vec(), stderr: String::new() };
        assert!((ask(Dialect::Wrappers, Scope::Mine, false).read)(&empty).unwrap().is_empty());
        let down = Said { status: 8, stdout: b"1795634856 me\n".to_vec(), stderr: "Problem loading jobs.\n".into() };
        assert_eq!((ask(Dialect::Wrappers, Scope::Mine, false).read)(&down).unwrap_err().kind, FailureKind::Unreachable);
    }

    #[test]
    fn json_and_text_of_one_queue_are_the_same_table() {
        let json = read(Dialect::Open, Scope::Mine, &format!("1795634856 ada\n{JSON}"));
        let text = read(Dialect::Open, Scope::Mine, &format!("1795634856 ada\n{TEXT}"));
        assert_eq!(json, text);
        let rows: Vec<_> = json.iter().map(|j| (j.id(), j.array_job_id(), j.state().short(), j.place_or_reason())).collect();
        let expected = [
            ("1001", "", "R", "node01,node02"),
            ("1002", "", "PD", "(Not Running: Insufficient amount of resource: ncpus)"),
            ("1003", "", "PD", "(Held (u))"),
            ("1004_[2-9]", "1004", "PD", "(Not Running: Insufficient amount of resource: ncpus)"),
            ("1004_0", "1004", "F", ""),
            ("1004_1", "1004", "R", "node01"),
        ];
        assert_eq!(rows.iter().map(|(a, b, c, d)| (*a, *b, *c, d.as_str())).collect::<Vec<_>>()[..4], expected[..4]);
        assert_eq!((rows[4].0, rows[4].2, rows[5].0, rows[5].2, rows.len()), ("1004_0", "F", "1004_1", "R", 6));
        let job = json.get(0).unwrap();
        assert_eq!((job.cpus(), job.nodes(), job.time_limit(), job.stdout()), (8, 2, Some(7_200), "/home/ada/run/fluid.o1001"));
        assert_eq!(
            (job.stdout(), job.work_dir(), job.submitted().is_some(), job.time_used()),
            (job.stderr(), "/home/ada/run", true, Some(2_256))
        );
    }

    #[test]
    fn everybody_s_queue_has_what_waits_and_runs() {
        let all = read(Dialect::Open, Scope::All, &format!("1795634856 ada\n{JSON}"));
        assert!(all.iter().any(|job| job.user() == "bob") && all.iter().all(|job| !job.state().is_over()));
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), fields in "((queue|Priority|Resource_List.nodes|exec_host|qtime|array_indices_remaining) = [^\n]{0,12}\n    ){0,6}") {
            for dialect in [Dialect::Wrappers, Dialect::Torque, Dialect::Open] {
                let said = Said { status: 0, stdout: bytes.clone(), stderr: String::new() };
                let _ = (ask(dialect, Scope::All, true).read)(&said);
                let text = format!("1 me\nJob Id: 1[].s\n    Job_Name = a\n    Job_Owner = me@h\n    job_state = Q\n    {fields}\n");
                let _ = (ask(dialect, Scope::Mine, true).read)(&Said { stdout: text.into(), ..said });
            }
        }
    }
}
