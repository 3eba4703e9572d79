//! Slurm, by its own commands: text with separators that no name can fake, filtered at the server, one call a question.
//!
//! Never `--json`, never `sacct`, never a call for each row.

mod detail;
mod jobs;
mod nodes;
mod time;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::paths::word;
use super::{Ask, Scheduler, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobDetail, JobId, JobTable, NodeTable, SchedulerKind, Scope};

/// The user's own settings for these commands would change what they print.
const CALM: &str = "unset SQUEUE_FORMAT SQUEUE_FORMAT2 SQUEUE_STATES SQUEUE_SORT SQUEUE_USERS SQUEUE_PARTITION SQUEUE_ARRAY SQUEUE_ALL \
     SQUEUE_NAMES SQUEUE_ACCOUNT SQUEUE_QOS SQUEUE_LICENSES SQUEUE_PRIORITY SQUEUE_FEDERATION SQUEUE_LOCAL SQUEUE_SIBLING \
     SLURM_TIME_FORMAT SLURM_BITSTR_LEN SLURM_CLUSTERS SCONTROL_ALL SCONTROL_FUTURE\nexport LC_ALL=C TZ=UTC0\n";

/// The driver. It has no state: everything is asked for.
pub(super) struct Slurm;

impl Scheduler for Slurm {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::Slurm
    }

    fn jobs(&self, scope: Scope, with_paths: bool) -> Ask<JobTable> {
        let end = jobs::End::new(&nonce());
        let whose = match scope {
            // Own jobs that ended within MinJobAge are still worth seeing; everybody's would only be many.
            Scope::Mine => "--me -t all",
            Scope::All => "-a",
        };
        let format = if with_paths { jobs::long_format(&end) } else { jobs::short_format(&end) };
        Ask {
            script: format!("{CALM}squeue -h --local {whose} {}", format.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ")),
            read: Box::new(move |said| {
                if said.status != 0 || said.stdout.is_empty() && said.stderr.contains("error") {
                    return Err(trouble::failure(said));
                }
                Ok(jobs::read(&said.stdout, &end, with_paths))
            }),
        }
    }

    fn nodes(&self) -> Ask<NodeTable> {
        Ask {
            script: format!("{CALM}scontrol -o show nodes"),
            read: Box::new(|said| if said.status == 0 { Ok(nodes::read(&said.stdout)) } else { Err(trouble::failure(said)) }),
        }
    }

    fn detail(&self, job: &JobId) -> Ask<JobDetail> {
        let id = job.clone();
        // `18240_[8-99]` is how squeue names the waiting rest of an array; scontrol wants the array.
        let asked = id.as_str().split("_[").next().unwrap_or(id.as_str()).to_owned();
        Ask {
            script: format!("{CALM}scontrol -o show job {}", quoted(&asked)),
            read: Box::new(move |said| {
                if said.status != 0 {
                    let failure = trouble::failure(said);
                    return Err(Failure { what: format!("job {id}: {}", failure.what), ..failure });
                }
                detail::read(&said.stdout, &id)
            }),
        }
    }

    fn submit(&self, path: &str, dir: Option<&str>, args: &[String]) -> Ask<(JobId, String)> {
        let file = word(path);
        let (cd, chdir) = match dir {
            Some(dir) => (format!("cd -- {}", word(dir)), format!("--chdir={} ", word(dir))),
            None => (format!("cd -- \"$(dirname -- {file})\""), String::new()),
        };
        let args: String = args.iter().map(|arg| format!(" {}", quoted(arg))).collect();
        Ask {
            script: format!("{cd} && sbatch --parsable {chdir}-- {file}{args}"),
            read: Box::new(|said| {
                if said.status != 0 {
                    return Err(trouble::failure(said));
                }
                let text = String::from_utf8_lossy(&said.stdout);
                let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                let id = lines.pop().and_then(|line| line.split(';').next()).unwrap_or("");
                if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(Failure::new(FailureKind::Garbled, "", format!("sbatch took the script but printed no job id: {text}"))
                        .hint("Look at the queue before you submit again."));
                }
                let said = lines.into_iter().chain(said.stderr.lines()).map(str::trim).filter(|line| !line.is_empty());
                Ok((JobId::new(id), said.collect::<Vec<_>>().join("; ")))
            }),
        }
    }

    fn cancel(&self, jobs: &[JobId]) -> Ask<()> {
        let ids: Vec<String> = jobs.iter().map(|id| quoted(id.as_str())).collect();
        Ask {
            // Without -v scancel says nothing of a job that does not exist and calls that success.
            script: format!("export LC_ALL=C\nscancel -v -- {}", ids.join(" ")),
            read: Box::new(|said| {
                let refused: Vec<String> = said.stderr.lines().filter_map(refusal).collect();
                let error = said.stderr.lines().find(|line| line.contains("error:"));
                if refused.is_empty() && said.status == 0 && error.is_none() {
                    return Ok(());
                }
                let mut failure = trouble::failure(said);
                if !refused.is_empty() {
                    failure.what = refused.join("; ");
                }
                Err(failure)
            }),
        }
    }
}

/// `scancel: error: Kill job error on job id 20: Access/permission denied` → `job 20: Access/permission denied`.
fn refusal(line: &str) -> Option<String> {
    let (id, why) = line.split_once("Kill job error on job id ")?.1.split_once(": ")?;
    Some(format!("job {id}: {why}"))
}

/// A word that nobody can have put into a job's name beforehand.
fn nonce() -> String {
    format!("{:08x}", RandomState::new().build_hasher().finish() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn an_error_is_never_an_empty_queue() {
        let ask = Slurm.jobs(Scope::Mine, false);
        assert!((ask.read)(&said(1, "", "slurm_load_jobs error: Socket timed out on send/recv operation")).is_err());
        assert!((ask.read)(&said(0, "", "slurm_load_jobs error: something")).is_err());
        assert!((ask.read)(&said(0, "", "")).unwrap().is_empty());
    }

    #[test]
    fn submission_quotes_every_word_and_reads_the_id() {
        let ask = Slurm.submit("/home/u/my job.sh", None, &["$(x)".into(), "b".into()]);
        assert_eq!(ask.script, "cd -- \"$(dirname -- '/home/u/my job.sh')\" && sbatch --parsable -- '/home/u/my job.sh' '$(x)' b");
        assert_eq!((ask.read)(&said(0, "42;prod\n", "sbatch: warning: x\n")).unwrap(), (JobId::new("42"), "sbatch: warning: x".into()));
        assert!((ask.read)(&said(0, "", "")).unwrap_err().hint.contains("before you submit again"));
        let rejected =
            (ask.read)(&said(1, "", "sbatch: error: Batch job submission failed: Invalid partition name specified\n")).unwrap_err();
        assert_eq!(rejected.kind, FailureKind::Rejected);
        assert!(Slurm.submit("a.sh", Some("run 1"), &[]).script.contains("--chdir=\"$HOME\"/'run 1' -- \"$HOME\"/a.sh"));
    }

    #[test]
    fn cancelling_names_what_could_not_be_cancelled() {
        let ask = Slurm.cancel(&[JobId::new("20"), JobId::new("21_[3-5]")]);
        assert!(ask.script.ends_with("scancel -v -- 20 '21_[3-5]'"));
        assert!((ask.read)(&said(0, "", "scancel: Terminating job 20\n")).is_ok());
        let refused = "scancel: Terminating job 20\nscancel: error: Kill job error on job id 20: Access/permission denied\n";
        let failure = (ask.read)(&said(210, "", refused)).unwrap_err();
        assert_eq!((failure.kind, failure.what.as_str()), (FailureKind::Denied, "job 20: Access/permission denied"));
        let unknown = "scancel: Terminating job 9\nscancel: error: Kill job error on job id 9: Invalid job id specified\n";
        assert_eq!((ask.read)(&said(0, "", unknown)).unwrap_err().kind, FailureKind::NotFound);
    }
}
