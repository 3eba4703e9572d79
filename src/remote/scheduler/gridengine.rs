//! Grid Engine, by its own commands: XML where they print it, one call a question.
//!
//! Has no comments on jobs, no signals but STOP and CONT, and no shells on a job's node; what it cannot do it says. Nothing that ended is asked
//! of it but what its accounting file holds.

mod again;
mod change;
mod described;
mod detail;
mod jobs;
mod nodes;
mod past;
mod reasons;
mod submit;
mod task;
mod time;
mod trouble;
mod why;
mod xml;

use super::{Ask, Handing, Scheduler, Sent, Told};
use crate::model::{Failure, JobChange, JobDetail, JobId, JobTable, NodeChange, NodeTable, Past, Refusals, SchedulerKind, Scope, Why};

/// Shell: a function that finds Grid Engine where only a login shell would have it; its settings.sh says where the rest is. A settings file
/// that ends its shell or finds nothing is passed over.
macro_rules! find {
    () => {
        r#"grid() {
  command -v qstat >/dev/null 2>&1 && command -v qconf >/dev/null 2>&1 && return
  for s in "${SGE_ROOT:-/opt/sge}/${SGE_CELL:-default}/common/settings.sh" /etc/profile.d/sge*.sh /etc/profile.d/gridengine*.sh /etc/profile.d/uge*.sh \
    /opt/sge*/*/common/settings.sh /opt/gridengine*/*/common/settings.sh /opt/uge*/*/common/settings.sh /usr/local/sge*/*/common/settings.sh \
    /gridware/sge/*/common/settings.sh /var/lib/gridengine/*/common/settings.sh /usr/share/gridengine/*/common/settings.sh; do
    if [ -r "$s" ] && (. "$s"; command -v qconf) >/dev/null 2>&1; then . "$s" >/dev/null 2>&1; return; fi
  done
  for q in ${SGE_ROOT:+"$SGE_ROOT"/bin/*/qconf} /opt/sge*/bin/*/qconf /usr/lib/gridengine/qconf; do
    if [ -x "$q" ]; then
      PATH=${q%/*}:$PATH
      [ -n "$SGE_ROOT" ] || case $q in */bin/*) SGE_ROOT=${q%/bin/*} ;; *) SGE_ROOT=/var/lib/gridengine ;; esac
      export PATH SGE_ROOT
      return
    fi
  done
  return 1
}
"#
    };
}

/// Defines `grid`, which fails where there is no Grid Engine.
pub(super) const FIND: &str = find!();

/// What stands before every question: Grid Engine is found, and prints times in UTC and words in English.
const CALM: &str = concat!(find!(), "grid\nexport LC_ALL=C TZ=UTC0\n");

/// Where it is looked for, for people.
const PLACES: &str = "qstat and qconf are looked for on the PATH, in $SGE_ROOT, and by settings.sh in /etc/profile.d and /opt/sge.";

/// The driver. It has no state: everything is asked for.
pub(super) struct GridEngine;

impl Scheduler for GridEngine {
    fn kind(&self) -> SchedulerKind {
        SchedulerKind::GridEngine
    }

    fn jobs(&self, scope: Scope, with_paths: bool) -> Ask<JobTable> {
        let whose = match scope {
            Scope::Mine => "\"$(id -un)\"",
            Scope::All => "'*'",
        };
        Ask {
            script: format!("{CALM}{}", jobs::script(whose, with_paths)),
            read: Box::new(move |said| {
                if said.status != 0 || !jobs::is_answer(&said.stdout) {
                    return Err(trouble::failure(said));
                }
                Ok(jobs::read(&said.stdout, with_paths))
            }),
        }
    }

    fn nodes(&self) -> Ask<NodeTable> {
        Ask {
            script: format!("{CALM}{}", nodes::SCRIPT),
            read: Box::new(|said| {
                // Why a queue is in error is worth less than the nodes.
                if !nodes::is_answer(&said.stdout) {
                    return Err(trouble::failure(said));
                }
                Ok(nodes::read(&said.stdout))
            }),
        }
    }

    fn detail(&self, job: &JobId) -> Ask<JobDetail> {
        settled(detail::ask(job))
    }

    fn submit(&self, script: &Handing<'_>) -> Ask<Sent> {
        settled(submit::ask(script))
    }

    fn change(&self, change: &JobChange, jobs: &[JobId]) -> Ask<Refusals> {
        settled(change::jobs(change, jobs))
    }

    fn change_nodes(&self, change: &NodeChange, nodes: &[String]) -> Ask<Refusals> {
        settled(change::nodes(change, nodes))
    }

    fn ended(&self, jobs: &[JobId]) -> Ask<Vec<Past>> {
        past::ended(jobs)
    }

    fn accounting(&self, since: i64, everyone: bool) -> Option<Ask<Vec<Past>>> {
        Some(past::accounting(since, everyone))
    }

    fn why(&self, job: &JobId) -> Ask<Why> {
        settled(why::ask(job))
    }

    fn again(&self, job: &JobId) -> Ask<Told> {
        settled(again::ask(job))
    }
}

/// A question that needs no asking has its failure for an answer.
fn settled<T: 'static>(ask: Result<Ask<T>, Failure>) -> Ask<T> {
    ask.unwrap_or_else(|failure| Ask { script: "exit 0".to_owned(), read: Box::new(move |_| Err(failure.clone())) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;
    use crate::remote::host::Said;

    fn said(status: i32, stdout: &str, stderr: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn an_error_is_never_an_empty_queue() {
        let down = "error: commlib error: got select error (Connection refused)\n";
        let (jobs, nodes) = (GridEngine.jobs(Scope::Mine, false), GridEngine.nodes());
        assert_eq!((jobs.read)(&said(1, "1795635176\n", down)).unwrap_err().kind, FailureKind::Unreachable);
        assert!((jobs.read)(&said(0, "1795635176\n", "")).is_err());
        assert_eq!((nodes.read)(&said(1, "", down)).unwrap_err().kind, FailureKind::Unreachable);
        let none = "1795635176\n<?xml version='1.0'?>\n<job_info>\n<queue_info>\n</queue_info>\n<job_info>\n</job_info>\n</job_info>\n";
        let table = (jobs.read)(&said(0, none, "")).unwrap();
        assert_eq!((table.len(), table.warnings), (0, 0));
    }

    #[test]
    fn a_name_that_is_no_job_is_never_sent() {
        for ask in [GridEngine.detail(&JobId::new("$(x)")).script, GridEngine.change(&JobChange::Cancel, &[JobId::new("-f")]).script] {
            assert_eq!(ask, "exit 0");
        }
    }

    #[test]
    fn it_is_found_where_no_login_has_put_it_on_the_path() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("sge");
        let common = root.join("default/common");
        let bin = root.join("bin/lx-amd64");
        std::fs::create_dir_all(&common).unwrap();
        std::fs::create_dir_all(&bin).unwrap();
        for name in ["qstat", "qconf"] {
            std::fs::write(bin.join(name), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = || {
            let mut sh = std::process::Command::new("/bin/sh");
            sh.arg("-c").arg(format!("{FIND}grid && command -v qconf && echo \"$MARK\""));
            let out = sh.env_clear().env("PATH", "/usr/bin:/bin").env("SGE_ROOT", &root).output().unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        let qconf = bin.join("qconf").display().to_string();
        // Its settings say where it is; settings that end the shell or lead nowhere are passed over.
        let settings = common.join("settings.sh");
        std::fs::write(&settings, format!("echo noise\nPATH={}:$PATH; MARK=read; export PATH MARK\n", bin.display())).unwrap();
        assert_eq!(found(), format!("{qconf}\nread\n"));
        for bad in ["exit 3\n", "PATH=/nowhere:$PATH\n", "if\n"] {
            std::fs::write(&settings, bad).unwrap();
            assert_eq!(found(), format!("{qconf}\n\n"), "{bad}");
        }
    }
}
