//! Slurm, by its own commands: text with separators that no name can fake, filtered at the server, one call a question.
//!
//! Never `--json`, never a call for each row; `sacct` and estimates only on demand, never in a loop.

mod again;
mod boot;
pub(super) mod capacity;
mod change;
mod detail;
pub(super) mod explain;
mod jobs;
mod nodes;
mod past;
mod reasons;
mod submit;
mod time;
mod usage;
#[cfg(test)]
mod versions;
mod why;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use super::{Ask, Examined, Handing, Scheduler, Sent, Told, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, JobChange, JobDetail, JobId, JobTable, NodeChange, NodeTable, Past, Refusals, SchedulerKind, Scope, Why};

/// The user's own settings for these commands would change what they print.
const CALM: &str = "unset SQUEUE_FORMAT SQUEUE_FORMAT2 SQUEUE_STATES SQUEUE_SORT SQUEUE_USERS SQUEUE_PARTITION SQUEUE_ARRAY SQUEUE_ALL \
     SQUEUE_NAMES SQUEUE_ACCOUNT SQUEUE_QOS SQUEUE_LICENSES SQUEUE_PRIORITY SQUEUE_FEDERATION SQUEUE_LOCAL SQUEUE_SIBLING \
     SLURM_TIME_FORMAT SLURM_CLUSTERS SCONTROL_ALL SCONTROL_FUTURE\nexport LC_ALL=C TZ=UTC0 SLURM_BITSTR_LEN=4096\n";

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
            // `-d` tells which of the GPUs are in use.
            script: format!("{CALM}scontrol -o -d show nodes"),
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

    fn submit(&self, script: &Handing<'_>) -> Ask<Sent> {
        submit::ask(script)
    }

    fn change(&self, change: &JobChange, jobs: &[JobId]) -> Ask<Refusals> {
        change::jobs(change, jobs)
    }

    fn change_nodes(&self, change: &NodeChange, nodes: &[String]) -> Ask<Refusals> {
        change::nodes(change, nodes)
    }

    fn ended(&self, jobs: &[JobId]) -> Ask<Vec<Past>> {
        past::ended(jobs, &nonce())
    }

    fn accounting(&self, since: i64, everyone: bool) -> Option<Ask<Vec<Past>>> {
        Some(past::accounting(since, everyone))
    }

    fn why(&self, job: &JobId) -> Ask<Why> {
        why::ask(job)
    }

    fn examine(&self, job: &JobId) -> Option<Ask<Examined>> {
        Some(usage::ask(job))
    }

    fn again(&self, job: &JobId) -> Ask<Told> {
        again::ask(job)
    }

    fn attach(&self, job: &JobId) -> Option<String> {
        let id = quoted(job.as_str());
        // srun knows a task by its own number only. A login shell: the job's node has its modules and aliases from there.
        Some(format!(
            "j=$(squeue -h --local -a -j {id} -o %A) || exit; \
             [ -n \"$j\" ] || {{ echo \"job \"{id}\" is not in the queue any more\" >&2; exit 1; }}; \
             exec srun --overlap --pty --jobid=\"${{j%%[!0-9]*}}\" \"${{SHELL:-/bin/sh}}\" -l"
        ))
    }
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
}
