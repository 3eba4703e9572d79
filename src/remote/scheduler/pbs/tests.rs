//! The scripts for real PBS, run by `sh` against commands that answer from fixtures: what is said here is what is sent to a host.
//!
//! No PBS is here; the wrappers' scripts are run against the real ones in the rig.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::model::FailureKind;
use crate::remote::host::Said;

const QUEUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/openpbs-23");

/// A machine with these commands and a home of its own.
struct Machine(TempDir);

impl Machine {
    fn new(commands: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        for (name, text) in commands {
            let path = dir.path().join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn ask<T>(&self, ask: &Ask<T>) -> Result<T, Failure> {
        let mut sh = Command::new("/bin/sh");
        sh.args(["-c", &ask.script]).env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.path("bin")));
        let out = sh.env("HOME", self.0.path()).env("FIXTURES", QUEUE).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        (ask.read)(&Said { status: out.status.code().unwrap_or(1), stdout: out.stdout, stderr })
    }

    fn met(&self) -> Box<dyn Scheduler> {
        self.ask(&Pbs::new().introduction().unwrap()).unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

const QSTAT: &str = r#"case "$*" in
--version) echo 'pbs_version = 23.06.06' ;;
'-B -f -F json') printf '{ "timestamp":1, "pbs_version":"23.06.06", "Server":{"pbs":{"job_history_enable":"True"}} }' ;;
'-t -f -F json') cat "$FIXTURES/qstat.json" ;;
'-x -f -F json 900') cat "$FIXTURES/qstat-x.json" ;;
'-x -f') cat "$HOME/server" 2>/dev/null; true ;;
'-f 1002') sed -n '/^Job Id: 1002/,/^$/p' "$FIXTURES/qstat.txt" ;;
'-Q -f workq') printf 'Queue: workq\n    started = False\n' ;;
*) echo "qstat: Unknown Job Id $*" >&2; exit 153 ;;
esac"#;

/// Takes a job down in `server`, as `qstat -f` would print it, with the environment broken after 10 letters.
const QSUB: &str = r#"echo "$PWD $*" >>"$HOME/sent"
while [ $# -gt 1 ]; do [ "$1" != -v ] || list=$2; shift; done
cp "$1" "$HOME/script"
first=$(printf %.10s "$list")
printf 'Job Id: 77.pbs\n    Job_Name = a\n    Variable_List = %s\n\t%s\n\n' "$first" "${list#"$first"}" >>"$HOME/server"
[ ! -e "$HOME/mute" ] || exit 1
echo 77.pbs"#;

fn handing<'a>(path: &'a str, args: &'a [String]) -> Handing<'a> {
    Handing { path, dir: None, args, options: &[], token: "t0k3n", comment: None, variables: Some("A=1") }
}

#[test]
fn a_host_is_met_and_offers_what_it_has() {
    let host = Machine::new(&[("qstat", QSTAT), ("qdel", "exit 0"), ("qsig", "exit 0")]);
    let pbs = host.met();
    assert!(pbs.offers(Verb::Cancel) && pbs.offers(Verb::Signal) && !pbs.offers(Verb::Hold) && !pbs.offers(Verb::ChangeNodes));
    let refused = host.ask(&pbs.change(&JobChange::Hold, &[JobId::new("1")])).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Unsupported);
    let torque = Machine::new(&[("qstat", "[ \"$1\" = --version ] && echo 'Version: 6.1.2' >&2"), ("qalter", "")]);
    assert!(torque.met().offers(Verb::TimeLimit));
    let wrappers = Machine::new(&[("qstat", "# Slurm\nexit 2"), ("qalter", "")]);
    assert!(!wrappers.met().offers(Verb::TimeLimit));
    for nobody in [Machine::new(&[]), Machine::new(&[("qstat", "exit 1")])] {
        assert_eq!(nobody.ask(&Pbs::new().introduction().unwrap()).err().unwrap().kind, FailureKind::NotFound);
    }
}

#[test]
fn the_queue_the_past_and_the_reason_are_asked_for() {
    let host = Machine::new(&[("qstat", QSTAT)]);
    let pbs = host.met();
    assert_eq!(host.ask(&pbs.jobs(Scope::All, false)).unwrap().len(), 6);
    let past = host.ask(&pbs.ended(&[JobId::new("900"), JobId::new("901")])).unwrap();
    assert_eq!((past.len(), past[0].exit_code.as_deref()), (1, Some("3:0")));
    let why = host.ask(&pbs.why(&JobId::new("1002"))).unwrap();
    assert!(why.plain.contains("in use") && why.facts.contains(&("Queue".into(), "workq: starts no jobs".into())), "{why:?}");
    assert_eq!(host.ask(&pbs.why(&JobId::new("5"))).unwrap_err().kind, FailureKind::NotFound);
    assert_eq!(host.ask(&pbs.detail(&JobId::new("5"))).unwrap_err().kind, FailureKind::NotFound);
}

#[test]
fn one_token_makes_one_job_whatever_is_lost() {
    let host = Machine::new(&[("qstat", QSTAT), ("qsub", QSUB)]);
    let pbs = host.met();
    fs::create_dir(host.path("dir")).unwrap();
    fs::write(host.path("dir/job.sh"), "#!/bin/sh\necho hi\n").unwrap();
    let path = host.path("dir/job.sh");
    let submit = || host.ask(&pbs.submit(&handing(&path, &[])));
    assert_eq!(submit().unwrap(), Sent::Taken(JobId::new("77"), String::new()));
    assert_eq!(host.read("sent"), format!("{} -v A=1,QDECK_TOKEN=t0k3n {path}\n", host.path("dir")));
    assert_eq!(submit().unwrap(), Sent::Taken(JobId::new("77"), String::new()));
    // The id was never written down: the server is asked, and knows the token although the line is broken in its middle.
    fs::remove_file(host.path(".local/state/qdeck/outbox/t0k3n.id")).unwrap();
    assert_eq!(submit().unwrap(), Sent::Taken(JobId::new("77"), String::new()));
    assert_eq!(host.read("sent").lines().count(), 1);
    // Taken, and the answer lost on the way: silence is no refusal.
    let host = Machine::new(&[("qstat", QSTAT), ("qsub", QSUB)]);
    fs::write(host.path("job.sh"), "#!/bin/sh\n").unwrap();
    fs::write(host.path("mute"), "").unwrap();
    assert_eq!(host.ask(&pbs.submit(&handing("job.sh", &[]))).unwrap(), Sent::Taken(JobId::new("77"), String::new()));
}

#[test]
fn a_shell_s_script_gets_its_arguments_and_any_other_is_refused_them() {
    let host = Machine::new(&[("qstat", QSTAT), ("qsub", QSUB)]);
    let pbs = host.met();
    let args = ["a b".to_owned(), r"$(x)\n".to_owned()];
    fs::write(host.path("it's a.sh"), "#!/bin/sh\n#PBS -N a\n\nprintf '<%s>' \"$@\"\n").unwrap();
    host.ask(&pbs.submit(&handing("it's a.sh", &args))).unwrap();
    let out = Command::new("/bin/sh").arg(host.path("script")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), r"<a b><$(x)\n>");
    assert!(host.read("script").starts_with("#!/bin/sh\n#PBS -N a\n\nset -- "), "directives stay before the first command");
    assert!(host.read("sent").trim_end().ends_with("/it_s_a.sh"), "{}", host.read("sent"));
    fs::write(host.path("p.py"), "#!/usr/bin/python3\n").unwrap();
    let refused = host.ask(&pbs.submit(&Handing { token: "t2", ..handing("p.py", &args) })).unwrap_err();
    assert!(refused.what.contains("shell scripts only"), "{}", refused.what);
}

#[test]
fn an_array_is_named_by_its_number_and_refusals_by_theirs() {
    let qdel = "case $1 in 12) echo \"qdel: Unknown Job Id 12.pbs\" >&2; exit 153 ;; '12[]'|'13[4]') exit 0 ;; esac
echo \"qdel: Unauthorized Request  $1\" >&2; exit 159";
    let host = Machine::new(&[("qstat", QSTAT), ("qdel", qdel), ("qselect", "echo 12[].pbs; echo 14.pbs")]);
    let pbs = host.met();
    let refused = host.ask(&pbs.change(&JobChange::Cancel, &["12", "13_4", "14", "x y"].map(JobId::new))).unwrap();
    assert_eq!(refused, [("14".into(), "Unauthorized Request  14".into()), ("x y".into(), "is no job id".into())]);
    let foreign = host.ask(&pbs.change(&JobChange::Cancel, &[JobId::new("14")])).unwrap_err();
    assert_eq!((foreign.kind, foreign.what.as_str()), (FailureKind::Denied, "14: Unauthorized Request  14"));
}
