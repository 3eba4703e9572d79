//! Runs a script with `sh` as a process group of its own.
//!
//! Leaves nothing behind: at the limit, or when nobody waits any more, the whole group ends.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use super::trouble;
use crate::model::{Failure, FailureKind};
use crate::remote::host::Said;

/// Where schedulers are found when a login shell has not said so.
const PLACES: &str = "/opt/slurm/bin:/usr/local/slurm/bin:/opt/sge/bin:/opt/pbs/bin";
/// Linux takes no single argument beyond 128 kB.
const LONGEST_ARGUMENT: usize = 100_000;
/// How long output may still arrive once the shell is gone: something in the background can hold the pipe for ever.
const LINGER: Duration = Duration::from_secs(1);

struct Group(Option<Pid>);

impl Group {
    fn spare(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may have ended by itself, which is just as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

pub(super) async fn run(script: String, limit: Duration) -> Result<Said, Failure> {
    match timeout(limit, run_without_limit(script)).await {
        Ok(said) => said,
        Err(_) => Err(Failure::new(FailureKind::TimedOut, "this machine", format!("no answer within {limit:?}"))
            .hint("the machine may be overloaded: look with uptime, then try again")),
    }
}

async fn run_without_limit(script: String) -> Result<Said, Failure> {
    let long = script.len() > LONGEST_ARGUMENT;
    let mut command = Command::new("/bin/sh");
    if long {
        command.arg("-s").stdin(Stdio::piped());
    } else {
        command.arg("-c").arg(&script).stdin(Stdio::null());
    }
    command.env("PATH", extended(std::env::var_os("PATH").as_deref()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| trouble::at(Path::new("/bin/sh"), &error))?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));

    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err, input) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let feed = async move {
        if let Some(mut input) = input {
            // The braces make the shell read the script to its end before it runs any of it, so that what it runs finds
            // an empty input.
            let whole = format!("{{\n{script}\n}} </dev/null\n");
            // A shell that stops reading has its reasons and tells them on its standard error.
            let _ = input.write_all(whole.as_bytes()).await;
        }
    };
    let status = {
        let reading = async { tokio::join!(read_into(out, &mut stdout), read_into(err, &mut stderr), feed) };
        tokio::pin!(reading);
        let mut read = false;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                _ = &mut reading, if !read => read = true,
            }
        };
        if !read {
            tokio::select! {
                _ = &mut reading => {}
                () = sleep(LINGER) => {}
            }
        }
        status.map_err(|error| trouble::at(Path::new("/bin/sh"), &error))?
    };
    group.spare();
    Ok(Said { status: code(status), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

async fn read_into(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) {
    if let Some(mut pipe) = pipe {
        // What was read before an error is kept; the exit status tells the rest.
        let _ = pipe.read_to_end(bytes).await;
    }
}

fn extended(path: Option<&OsStr>) -> OsString {
    let mut path = path.filter(|path| !path.is_empty()).unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin")).to_owned();
    path.push(":");
    path.push(PLACES);
    path
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_script_speaks_and_ends_with_its_status() {
        let said = run("printf 'a\\377b'; echo oops >&2; cat; exit 3".to_owned(), LONG).await.unwrap();
        assert_eq!(said, Said { status: 3, stdout: b"a\xffb".to_vec(), stderr: "oops\n".to_owned() });
        let said = run("printf %s \"$PATH\"".to_owned(), LONG).await.unwrap();
        assert!(String::from_utf8(said.stdout).unwrap().ends_with(":/opt/slurm/bin:/usr/local/slurm/bin:/opt/sge/bin:/opt/pbs/bin"));
        assert_eq!(run("kill -9 $$".to_owned(), LONG).await.unwrap().status, 137);
    }

    #[tokio::test]
    async fn a_script_longer_than_an_argument_may_be_runs_with_an_empty_input() {
        let script = format!("# {}\ncat; echo done # no newline after this", "x".repeat(300_000));
        assert_eq!(run(script, LONG).await.unwrap().stdout, b"done\n");
    }

    #[tokio::test]
    async fn megabytes_on_both_outputs_do_not_stall_it() {
        let said = run("head -c 2000000 /dev/zero; head -c 2000000 /dev/zero >&2".to_owned(), LONG).await.unwrap();
        assert_eq!((said.stdout.len(), said.stderr.len()), (2_000_000, 2_000_000));
    }

    #[tokio::test]
    async fn at_the_limit_the_grandchildren_end_too() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 300 & echo $! > {}; wait", pid_file.display());
        let failure = run(script, Duration::from_millis(400)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TimedOut);
        let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        for _ in 0..100 {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the sleep survived");
    }

    #[tokio::test]
    async fn something_in_the_background_does_not_hold_the_answer() {
        let began = std::time::Instant::now();
        let said = run("echo here; sleep 8 & exit 0".to_owned(), LONG).await.unwrap();
        assert_eq!(said.stdout, b"here\n");
        assert!(began.elapsed() < Duration::from_secs(6));
    }
}
