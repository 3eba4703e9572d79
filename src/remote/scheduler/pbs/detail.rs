//! Everything about one job. The wrappers' `qstat -f` knows neither files nor how a job ended: there Slurm's own account is added.

use super::host::Facts;
use super::id::{Grain, Named, named};
use super::jobs::records;
use super::record::Record;
use super::{CALM, Dialect, paths, state, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobDetail, JobId, SchedulerKind};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

/// Between what PBS says and what Slurm does.
const PART: char = '\x1d';

pub(super) fn ask(job: &JobId, facts: &Facts) -> Ask<JobDetail> {
    let (wanted, dialect) = (job.clone(), facts.dialect);
    let script = match one(job, facts) {
        Ok(command) => format!("{CALM}{command}"),
        Err(why) => return never(job, why),
    };
    Ask {
        script,
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            match records(&text, dialect).all.first() {
                Some(record) => Ok(detail(record, &wanted, dialect)),
                None if said.status == 0 => Err(unknown(&wanted)),
                None => {
                    let failure = trouble::failure(said);
                    Err(Failure { what: format!("job {wanted}: {}", failure.what), ..failure })
                }
            }
        }),
    }
}

/// The command that prints one job's record, or an array's of the same number.
pub(super) fn one(job: &JobId, facts: &Facts) -> Result<String, &'static str> {
    let qstat = match (facts.dialect, facts.history) {
        (Dialect::Open, true) => "qstat -x -f -F json",
        (Dialect::Open, false) => "qstat -f -F json",
        (Dialect::Torque | Dialect::Wrappers, _) => "qstat -f",
    };
    match named(job.as_str(), facts.dialect, Grain::Subjobs) {
        // Of several waiting subjobs the array knows what there is to know.
        Named::As(_) if job.as_str().contains('[') => {
            Ok(format!("{qstat} {}", quoted(&format!("{}[]", job.as_str().split('_').next().unwrap_or("")))))
        }
        Named::As(words) => Ok(format!("{qstat} {}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))),
        Named::Number(number) => Ok(format!("{qstat} {number} || {qstat} '{number}[]'")),
        Named::Not(why) => Err(why),
    }
}

/// The same below the wrappers: what `qstat` says, and Slurm's account of it.
pub(super) fn wrapped(job: &JobId, slurm: Ask<JobDetail>) -> Ask<JobDetail> {
    let wanted = job.clone();
    let script = match named(job.as_str(), Dialect::Wrappers, Grain::Subjobs) {
        Named::Not(why) => return never(job, why),
        Named::As(_) | Named::Number(_) => format!("{CALM}qstat -f {}; printf '\\035'\n{}", quoted(job.as_str()), slurm.script),
    };
    Ask {
        script,
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let (told, below) = text.split_once(PART).unwrap_or((&text, ""));
            let below = (slurm.read)(&Said { stdout: below.as_bytes().to_vec(), ..said.clone() });
            let record = records(told, Dialect::Wrappers).all.into_iter().next();
            match (record, below) {
                (Some(record), Ok(slurm)) => {
                    let fields = detail(&record, &wanted, Dialect::Wrappers).fields.into_iter().chain(slurm.fields).collect();
                    Ok(JobDetail { id: wanted.clone(), scheduler: SchedulerKind::Pbs, fields, ..slurm })
                }
                (Some(record), Err(_)) => Ok(detail(&record, &wanted, Dialect::Wrappers)),
                (None, Ok(slurm)) => Ok(JobDetail { scheduler: SchedulerKind::Pbs, ..slurm }),
                (None, Err(failure)) => Err(failure),
            }
        }),
    }
}

fn detail(record: &Record, wanted: &JobId, dialect: Dialect) -> JobDetail {
    let (state, _) = state::state(record, dialect);
    let (stdout, stderr) = paths::outputs(record);
    // The environment may hold secrets, and is long.
    let fields = record.fields.iter().filter(|(key, _)| !key.starts_with("Variable_List"));
    let fields = std::iter::once(("Job Id".to_owned(), record.id.clone())).chain(fields.cloned()).filter(|(_, value)| !value.is_empty());
    JobDetail {
        id: wanted.clone(),
        scheduler: SchedulerKind::Pbs,
        state,
        exit_code: state::exit_code(record).filter(|_| state.is_over()),
        stdout,
        stderr,
        work_dir: paths::work_dir(record),
        usage: None,
        remembered: None,
        fields: fields.collect(),
    }
}

fn unknown(job: &JobId) -> Failure {
    Failure::new(FailureKind::NotFound, "", format!("job {job} is not known"))
        .hint("PBS forgets a finished job unless its server keeps a history (job_history_enable, keep_completed).")
}

fn never(job: &JobId, why: &'static str) -> Ask<JobDetail> {
    let what = format!("job {job}: {why}");
    Ask { script: "exit 0".to_owned(), read: Box::new(move |_| Err(Failure::new(FailureKind::NotFound, "", &what))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobState;
    use crate::remote::scheduler::pbs::host::facts;

    const JSON: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat.json");
    const ENDED: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat-x.json");

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_job_brings_its_files_and_not_its_environment() {
        let ask = ask(&JobId::new("1001"), &facts(Dialect::Open));
        assert!(ask.script.ends_with("qstat -x -f -F json 1001 || qstat -x -f -F json '1001[]'"), "{}", ask.script);
        let job = (ask.read)(&said(0, JSON, "")).unwrap();
        assert_eq!(
            (job.state, job.stdout.as_deref(), job.exit_code.as_deref()),
            (JobState::Running, Some("/home/ada/run/fluid.o1001"), None)
        );
        assert!(job.fields.iter().all(|(key, _)| !key.starts_with("Variable_List")));
        let ended = (ask.read)(&said(0, ENDED, "")).unwrap();
        assert_eq!((ended.state, ended.exit_code.as_deref()), (JobState::Failed, Some("3:0")));
        let none = (ask.read)(&said(153, "{\"timestamp\":1}", "qstat: Unknown Job Id 1001.pbs\n")).unwrap_err();
        assert_eq!(none.kind, FailureKind::NotFound);
    }

    #[test]
    fn subjobs_and_arrays_are_asked_for_in_brackets() {
        let script = |id: &str, dialect| ask(&JobId::new(id), &facts(dialect)).script;
        assert!(script("1004_1", Dialect::Open).ends_with("json '1004[1]'"));
        assert!(script("1004_[2-9]", Dialect::Open).ends_with("json '1004[]'"));
        assert!(script("12", Dialect::Torque).ends_with("qstat -f 12 || qstat -f '12[]'"));
    }

    #[test]
    fn below_the_wrappers_slurm_tells_how_it_ended() {
        let told = "Job Id:\t1\n\tJob_Name = long\n\tJob_Owner = me@h\n\tjob_state = C\n\n";
        let slurm = include_str!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt");
        let ask = wrapped(&JobId::new("1"), super::super::Scheduler::detail(&super::super::Slurm, &JobId::new("1")));
        let job = (ask.read)(&said(0, &format!("{told}\x1d{slurm}"), "")).unwrap();
        assert_eq!(
            (job.scheduler, job.state, job.stdout.as_deref()),
            (SchedulerKind::Pbs, JobState::Running, Some("/home/ec2-user/long-1.out"))
        );
        assert!(job.fields[0] == ("Job Id".into(), "1".into()));
        let gone = (ask.read)(&said(1, "\x1d", "slurm_load_jobs error: Invalid job id specified\n")).unwrap_err();
        assert_eq!(gone.kind, FailureKind::NotFound);
    }
}
