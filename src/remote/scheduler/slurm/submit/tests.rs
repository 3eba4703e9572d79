//! The script as text, and run by real shells beside commands that die, hang and lie as Slurm's do.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

fn said(status: i32, stdout: &str, stderr: &str) -> Said {
    Said { status, stdout: stdout.into(), stderr: stderr.into() }
}

fn handing<'a>(args: &'a [String], comment: Option<&'a str>) -> Handing<'a> {
    Handing { path: "/home/u/my job.sh", dir: None, args, options: &[], token: "t1", comment, variables: None }
}

#[test]
fn every_word_is_quoted_and_the_id_is_read() {
    let args = ["$(x)".to_owned(), "b".to_owned()];
    let ask = ask(&handing(&args, Some("it's mine")));
    let sent = "(cd -- \"$(dirname -- '/home/u/my job.sh')\" && exec sbatch --parsable --comment='qdeck:t1 it'\\''s mine' -- '/home/u/my job.sh' '$(x)' b)";
    assert!(ask.script.contains(sent), "{}", ask.script);
    assert_eq!(
        (ask.read)(&said(0, "42;prod\n", "sbatch: warning: x\n")).unwrap(),
        Sent::Taken(JobId::new("42"), "sbatch: warning: x".into())
    );
    let rejected =
        (ask.read)(&said(REFUSED, "1\n", "sbatch: error: Batch job submission failed: Invalid partition name specified\n")).unwrap_err();
    assert_eq!(rejected.kind, FailureKind::Rejected);
    assert!((ask.read)(&said(REFUSED, "127\n", "sh: 1: sbatch: not found\n")).unwrap_err().kind == FailureKind::NotFound);
    assert_eq!((ask.read)(&said(UNSURE, "", "why\n")).unwrap(), Sent::Unsure("why".into()));
    assert!(matches!((ask.read)(&said(UNSENT, "", "No space left on device")).unwrap(), Sent::Unsent(f) if f.hint.contains("room")));
    assert!((ask.read)(&said(LOST, "400 300\n", "")).unwrap_err().what.contains("400 s ago"));
    // A status that is none of ours says nothing of the job: somebody ended the shell, or an answer was cut.
    for (status, stdout) in [(143, ""), (1, ""), (2, ""), (0, ""), (0, "4x\n")] {
        assert!(matches!((ask.read)(&said(status, stdout, "")).unwrap(), Sent::Unsure(_)), "{status} {stdout}");
    }
}

#[test]
fn a_folder_and_options_are_handed_on() {
    let options = ["--array=3,5".to_owned()];
    let job = Handing { path: "a.sh", dir: Some("run 1"), options: &options, ..handing(&[], None) };
    assert!(ask(&job).script.contains("sbatch --parsable --array=3,5 --chdir=\"$HOME\"/'run 1' --comment=qdeck:t1 -- \"$HOME\"/a.sh"));
}

/// Slurm's commands over one file of jobs. `mode` says how `sbatch` behaves.
const SBATCH: &str = r#"#!/bin/sh
mode=$(cat "$T/mode"); echo x >>"$T/calls"
for word; do case $word in --comment=*) comment=${word#--comment=} ;; esac; done
take() { n=$(($(wc -l <"$T/jobs") + 41)); printf '%s /x.sh %s\n' $n "$(printf '%s' "$comment" | head -n 1)" >>"$T/jobs"; }
case $mode in
ok) take; echo $n; echo 'sbatch: warning: w' >&2 ;;
die) take; kill -9 $$ ;;
lose) kill -9 $$ ;;
late) (/bin/sleep 0.15; take) & echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1 ;;
torn) take; echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller (receive failure)' >&2; exit 1 ;;
full) take ;;
slow) /bin/sleep 0.5; take; echo $n ;;
no) echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1 ;;
esac
"#;
const SQUEUE: &str = "#!/bin/sh\n[ -e \"$T/down\" ] && { echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1; }\ncat \"$T/jobs\"\n";
const SCONTROL: &str = "#!/bin/sh\necho 'MaxJobCount = 9'\necho \"MinJobAge               = $(cat \"$T/keeps\") sec\"\n";
/// Nobody has time.
const SLEEP: &str = "#!/bin/sh\nexec /bin/sleep 0.1\n";

struct Head(tempfile::TempDir, &'static str);

impl Head {
    fn new(shell: &'static str, mode: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let head = Self(tempfile::tempdir().unwrap(), shell);
        for (name, text) in
            [("sbatch", SBATCH), ("squeue", SQUEUE), ("scontrol", SCONTROL), ("sacct", "#!/bin/sh\nexit 1\n"), ("sleep", SLEEP)]
        {
            std::fs::write(head.path(name), text).unwrap();
            std::fs::set_permissions(head.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(head.path("jobs"), "").unwrap();
        std::fs::write(head.path("keeps"), "300").unwrap();
        head.is(mode)
    }

    fn is(self, mode: &str) -> Self {
        std::fs::write(self.path("mode"), mode).unwrap();
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, comment: Option<&str>) -> Command {
        let script = self.path("x.sh").display().to_string();
        let script =
            ask(&Handing { path: &script, dir: None, args: &[], options: &[], token: "t0123456789", comment, variables: None }).script;
        let mut command = Command::new(self.1);
        command.arg("-c").arg(script).stdin(Stdio::null()).env("T", self.0.path()).env("HOME", self.0.path()).env_remove("XDG_STATE_HOME");
        command.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
        command
    }

    fn attempt(&self) -> Result<Sent, Failure> {
        let out = self.command(None).output().unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        read(&Said { status: out.status.code().unwrap_or(137), stdout: out.stdout, stderr })
    }

    fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().count()
    }

    fn trace(&self, end: &str) -> std::path::PathBuf {
        self.path(".local/state/qdeck/outbox").join(format!("t0123456789.{end}"))
    }
}

fn id(sent: Result<Sent, Failure>) -> String {
    match sent {
        Ok(Sent::Taken(job, _)) => job.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The shells that `sh` may be.
fn shells() -> impl Iterator<Item = &'static str> {
    ["dash", "bash"].into_iter().filter(|shell| Path::new("/bin").join(shell).exists())
}

#[test]
fn asked_again_it_is_the_same_job_and_a_refusal_the_same_refusal() {
    for shell in shells() {
        let head = Head::new(shell, "ok");
        assert_eq!(head.attempt().unwrap(), Sent::Taken(JobId::new("41"), "sbatch: warning: w".into()), "{shell}");
        assert_eq!((id(head.attempt()), head.lines("jobs"), head.lines("calls")), ("41".into(), 1, 1));
        let head = Head::new(shell, "no");
        for _ in 0..2 {
            assert_eq!(head.attempt().unwrap_err().what, "Batch job submission failed: Invalid partition name specified");
            assert_eq!((head.lines("calls"), head.trace("sent").exists()), (1, false));
        }
    }
}

#[test]
fn whatever_dies_after_the_controller_took_it_leaves_one_job() {
    for (shell, mode) in shells().flat_map(|shell| ["die", "late", "torn", "full"].map(|mode| (shell, mode))) {
        let head = Head::new(shell, mode);
        assert_eq!(id(head.attempt()), "41", "{shell} {mode}");
        let head = head.is("ok");
        assert_eq!((id(head.attempt()), head.lines("jobs")), ("41".into(), 1), "{shell} {mode}");
    }
}

#[test]
fn a_shell_that_dies_leaves_its_sbatch_to_finish_and_the_next_one_waits_for_it() {
    for shell in shells() {
        let head = Head::new(shell, "slow");
        let mut first = head.command(None).stdout(Stdio::null()).spawn().unwrap();
        while head.lines("calls") == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        first.kill().unwrap();
        first.wait().unwrap();
        assert_eq!((id(head.attempt()), head.lines("jobs"), head.lines("calls")), ("41".into(), 1, 1), "{shell}");
    }
}

#[test]
fn two_at_once_are_one() {
    let head = Head::new("sh", "slow");
    let both: Vec<_> = (0..3).map(|_| head.command(None).stdout(Stdio::piped()).spawn().unwrap()).collect();
    let ids: Vec<_> = both.into_iter().map(|child| child.wait_with_output().unwrap().stdout).collect();
    assert!(ids.iter().all(|out| out == b"41\n"), "{ids:?}");
    assert_eq!((head.lines("jobs"), head.lines("calls")), (1, 1));
}

#[test]
fn what_may_have_run_and_is_forgotten_is_not_sent_again() {
    let head = Head::new("sh", "lose");
    // The controller cannot be asked: nobody knows.
    std::fs::write(head.path("down"), "").unwrap();
    assert!(matches!(head.attempt().unwrap(), Sent::Unsure(_)));
    std::fs::remove_file(head.path("down")).unwrap();
    // A moment later it would still be in the queue: it never arrived.
    let head = head.is("ok");
    assert_eq!(id(head.attempt()), "41");
    let head = Head::new("sh", "lose");
    std::fs::write(head.path("down"), "").unwrap();
    assert!(matches!(head.attempt().unwrap(), Sent::Unsure(_)));
    std::fs::remove_file(head.path("down")).unwrap();
    let long_ago = jiff::Timestamp::now().as_second() - 400;
    std::fs::write(head.trace("sent"), format!("{long_ago}\n")).unwrap();
    let head = head.is("ok");
    let failure = head.attempt().unwrap_err();
    assert!(failure.kind == FailureKind::Conflict && failure.what.contains("not in the queue"), "{failure}");
    assert_eq!((head.lines("jobs"), head.lines("calls")), (0, 1));
    // A queue that forgets nothing knows that it never arrived.
    std::fs::write(head.path("keeps"), "0").unwrap();
    assert_eq!(id(head.attempt()), "41");
}

#[test]
fn comments_of_several_lines_and_a_home_without_room_do_no_harm() {
    for shell in shells() {
        let head = Head::new(shell, "die");
        let out = head.command(Some("1 first\n2 second qdeck:other\n3")).output().unwrap();
        assert_eq!(out.stdout, b"41\n", "{shell} {}", String::from_utf8_lossy(&out.stderr));
        let head = Head::new(shell, "ok");
        std::fs::write(head.path(".local"), "a file where a folder should be").unwrap();
        assert!(matches!(head.attempt().unwrap(), Sent::Unsent(_)), "{shell}");
        assert_eq!(head.lines("calls"), 0);
    }
}
