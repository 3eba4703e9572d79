//! How jobs ended: from the server's history, from Torque within `keep_completed`, and below the wrappers from Slurm within MinJobAge.

use super::host::Facts;
use super::id::Id;
use super::jobs::{cpus, node_list, nodes, owner, records, started, submitted};
use super::record::Record;
use super::time::epoch;
use super::{CALM, Dialect, detail, paths, state, trouble};
use crate::model::text::quoted;
use crate::model::{JobId, JobState, Origin, Past};
use crate::remote::host::Said;
use crate::remote::scheduler::slurm::Slurm;
use crate::remote::scheduler::{Ask, Scheduler};

/// Before each job's account, which begins with the name that it was asked for by.
const PART: char = '\x1d';

pub(super) fn ask(jobs: &[JobId], facts: &Facts) -> Ask<Vec<Past>> {
    let dialect = facts.dialect;
    // One by one: versions are about that print only the first of several jobs as JSON.
    let one = |job: &JobId| -> Option<String> {
        let qstat = detail::one(job, facts).ok()?;
        let below = match dialect {
            Dialect::Wrappers => format!("; printf '\\036'; scontrol -o show job {}", quoted(job.as_str())),
            Dialect::Torque | Dialect::Open => String::new(),
        };
        Some(format!("printf '\\035%s\\n' {}; {{ {qstat}; }}{below}", quoted(job.as_str())))
    };
    let lines: Vec<String> = jobs.iter().filter_map(one).collect();
    Ask {
        script: format!("{CALM}{}\nexit 0", lines.join("\n")),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let told: Vec<Past> = text.split(PART).skip(1).filter_map(|part| past(part, dialect)).collect();
            let gone = ["Unknown Job", "Invalid job id"].iter().any(|sign| said.stderr.contains(sign));
            // Who cannot be reached has not forgotten.
            if told.is_empty() && !said.stderr.trim().is_empty() && !gone {
                return Err(trouble::failure(&Said { status: 1, ..said.clone() }));
            }
            Ok(told)
        }),
    }
}

fn past(part: &str, dialect: Dialect) -> Option<Past> {
    let (asked, rest) = part.split_once('\n')?;
    let (told, below) = rest.split_once('\x1e').unwrap_or((rest, ""));
    let record = records(told, dialect).all.into_iter().next()?;
    let mut past = from(&record, asked, dialect);
    if dialect == Dialect::Wrappers {
        // The end that qstat shows of a running job is when its time is up.
        let slurm = (Slurm.detail(&JobId::new(asked)).read)(&Said { status: 0, stdout: below.into(), stderr: String::new() }).ok()?;
        past.state = Some(slurm.state);
        past.exit_code = slurm.exit_code;
        past.ended = past.ended.filter(|_| slurm.state.is_over());
        past.stdout = slurm.stdout.unwrap_or_default();
        past.stderr = slurm.stderr.unwrap_or_default();
        past.work_dir = slurm.work_dir.unwrap_or_default();
    }
    Some(past)
}

fn from(job: &Record, asked: &str, dialect: Dialect) -> Past {
    let id = Id::read(&job.id);
    let (state, _) = state::state(job, dialect);
    let (stdout, stderr) = paths::outputs(job);
    let ended = match dialect {
        Dialect::Wrappers => job.get("ctime"),
        // When it was last changed is the next best thing.
        Dialect::Torque | Dialect::Open => job.any(&["obittime", "comp_time", "mtime"]),
    };
    Past {
        id: asked.to_owned(),
        array: id.filter(|id| id.index.is_some()).map_or_else(String::new, |id| id.number.to_owned()),
        name: job.get("Job_Name").unwrap_or("").to_owned(),
        user: owner(job).to_owned(),
        partition: job.get("queue").unwrap_or("").to_owned(),
        state: Some(state).filter(|state| *state != JobState::Unknown),
        exit_code: state::exit_code(job),
        nodes: nodes(job),
        node_list: node_list(job),
        cpus: cpus(job),
        submitted: submitted(job),
        started: started(job, dialect),
        ended: ended.and_then(epoch).filter(|_| state.is_over()),
        work_dir: paths::work_dir(job).unwrap_or_default(),
        stdout: stdout.unwrap_or_default(),
        stderr: stderr.unwrap_or_default(),
        command: String::new(),
        origin: Origin::End,
        seen: 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::remote::scheduler::pbs::host::facts;

    const ENDED: &str = include_str!("../../../../tests/fixtures/openpbs-23/qstat-x.json");

    fn said(stdout: String, stderr: &str) -> Said {
        Said { status: 0, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_finished_job_brings_its_code_and_its_files() {
        let ask = ask(&["900", "901"].map(JobId::new), &facts(Dialect::Open));
        let told = (ask.read)(&said(format!("\x1d900\n{ENDED}\x1d901\n{{\"timestamp\":1}}"), "qstat: Unknown Job Id 901.pbs\n")).unwrap();
        assert_eq!(told.len(), 1, "what is forgotten is missing");
        let job = &told[0];
        assert_eq!((job.id.as_str(), job.state, job.exit_code.as_deref()), ("900", Some(JobState::Failed), Some("3:0")));
        assert_eq!((job.stdout.as_str(), job.ended.unwrap() - job.started.unwrap()), ("/home/ada/run/bad.o900", 65));
        assert!((ask.read)(&said(String::new(), "qstat: cannot connect to server pbs (errno=15010)\n")).is_err());
    }

    #[test]
    fn below_the_wrappers_slurm_tells_how() {
        let ask = ask(&[JobId::new("1")], &facts(Dialect::Wrappers));
        assert!(ask.script.contains("qstat -f 1; }; printf '\\036'; scontrol -o show job 1"), "{}", ask.script);
        let qstat =
            "Job Id:\t1\n\tJob_Name = long\n\tJob_Owner = me@h\n\tjob_state = C\n\tqueue = compute\n\tctime = Wed Nov 25 19:23:21 2026\n\n";
        let slurm = include_str!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt").replace("JobState=RUNNING", "JobState=FAILED");
        let told = (ask.read)(&said(format!("\x1d1\n{qstat}\x1e{slurm}"), "")).unwrap();
        assert_eq!(
            (told[0].state, told[0].stdout.as_str(), told[0].ended),
            (Some(JobState::Failed), "/home/ec2-user/long-1.out", Some(1_795_634_601))
        );
        assert_eq!((ask.read)(&said("\x1d1\n\x1e".into(), "slurm_load_jobs error: Invalid job id specified\n")).unwrap(), []);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(text in "[^\r]{0,80}", parts in "(\x1d[0-9]{1,2}\n|\x1e|Job Id: 1\n|    job_state = F\n|    (Exit_status|mtime) = [^\r]{0,9}\n|JobId=1 JobName=a ){0,12}") {
            for dialect in [Dialect::Wrappers, Dialect::Torque, Dialect::Open] {
                for text in [&text, &parts] {
                    let _ = (ask(&[JobId::new("1")], &facts(dialect)).read)(&said(text.clone(), ""));
                    let _ = (detail::ask(&JobId::new("1"), &facts(dialect)).read)(&said(text.clone(), ""));
                    let _ = (detail::wrapped(&JobId::new("1"), Slurm.detail(&JobId::new("1"))).read)(&said(text.clone(), ""));
                }
            }
        }
    }
}
