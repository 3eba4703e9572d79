//! A session that the user's own ssh holds open (ControlMaster in ssh_config): used in place of one of ours, so that nobody is asked for a
//! code twice.
//!
//! Never ends it, nor anything in it but what we opened: it is left as it was found.

use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use openssh::Session;
use rustix::process::geteuid;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::model::{Failure, FailureKind};

use super::Destination;

/// What ssh may take to say what its configuration says.
const TELLING: Duration = Duration::from_secs(5);
/// A session over which nothing comes back within this is no better than none.
const ANSWERING: Duration = Duration::from_secs(5);
/// How often it is looked whether the socket is still there.
const LOOKING: Duration = Duration::from_secs(2);

/// Tells one socket from a later one at the same place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark(u64, u64);

/// The user's session, as long as it lasts.
pub(super) struct Shared {
    /// A name of ours for its control socket: short, and without a character that means something to anybody.
    pub(super) socket: PathBuf,
    /// Whether its process can read from a terminal that is handed to it.
    pub(super) reads_terminals: bool,
    /// Which socket it is.
    pub(super) mark: Mark,
    behind: PathBuf,
    /// Idle, and closed when the process behind it ends.
    watch: UnixStream,
    doubts: Arc<Notify>,
}

impl Shared {
    /// The user's open session to `to`, if there is one that answers and has room; not the one of `shunned`.
    pub(super) async fn find(to: &Destination, socket: PathBuf, shunned: Option<Mark>, doubts: &Arc<Notify>) -> Option<Self> {
        if !to.reuse {
            return None;
        }
        let settings = said(to, &["-G"]).await?.0;
        let behind = control_path(&settings)?;
        let mark = mark(&behind).filter(|mark| shunned != Some(*mark))?;
        // The kernel would name the process that made the socket: with `ssh -f` that is another one, and gone.
        let process = number(&said(to, &["-O", "check"]).await?.1)?;
        let _ = std::fs::remove_file(&socket);
        symlink(&behind, &socket).ok()?;
        let found = Self {
            watch: UnixStream::connect(&socket).await.ok()?,
            reads_terminals: is_apart(process),
            mark,
            behind,
            socket,
            doubts: Arc::clone(doubts),
        };
        // A path that does not name the user leads to whoever logged in first.
        let user = found.heard("id -un").await?;
        if is_same(&user, setting(&settings, "user")?) { Some(found) } else { None }
    }

    /// Waits until it is of no use any more and tells why. True: it may well be there, but it does not answer or has no room for us.
    pub(super) async fn ended(&mut self, to: &Destination) -> (Failure, bool) {
        let mut bytes = [0; 256];
        loop {
            tokio::select! {
                read = self.watch.read(&mut bytes) => if matches!(read, Ok(0) | Err(_)) { break },
                // Told to take nobody new, it stays for those whom it has.
                () = sleep(LOOKING) => if mark(&self.behind) != Some(self.mark) { break },
                () = self.doubts.notified() => if self.heard("exit 0").await.is_none() {
                    let what = "your own ssh session has no room for another channel, or does not answer";
                    return (Failure::new(FailureKind::Busy, to.place(), what), true);
                },
            }
        }
        (Failure::new(FailureKind::Unreachable, to.place(), "your own ssh session has ended"), false)
    }

    /// What a command prints at the other end; `None` where nothing comes back.
    async fn heard(&self, command: &str) -> Option<String> {
        let session = Session::resume_mux(self.socket.clone().into_boxed_path(), None);
        let mut command = session.raw_command(command);
        let answer = timeout(ANSWERING, command.stdin(openssh::Stdio::null()).stderr(openssh::Stdio::null()).output()).await;
        tracing::debug!(socket = %self.behind.display(), ?answer, "the user's own session");
        let output = answer.ok()?.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// What ssh prints of the way to `to`, on both its outputs; `None` where it fails.
async fn said(to: &Destination, what: &[&str]) -> Option<(String, String)> {
    let mut command = Command::new("ssh");
    command.args(what).args(to.arguments()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = timeout(TELLING, command.output()).await.ok()?.ok().filter(|output| output.status.success())?;
    Some((String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// A setting in what `ssh -G` prints: tokens are filled in there.
fn setting<'a>(settings: &'a str, name: &str) -> Option<&'a str> {
    settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::trim)
}

/// Where its control socket would be.
fn control_path(settings: &str) -> Option<PathBuf> {
    setting(settings, "controlpath").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Whether `id` tells of the user that ssh would log in as. Login files may print before it, and directories put their own name beside it.
fn is_same(told: &str, user: &str) -> bool {
    let bare = |name: &str| name.rsplit('\\').next().and_then(|name| name.split('@').next()).map(str::to_lowercase);
    let last = told.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.and_then(bare) == bare(user)
}

/// The number in `Master running (pid=1234)`.
fn number(said: &str) -> Option<i32> {
    let rest = &said[said.find("(pid=")? + 5..];
    rest.split(')').next()?.parse().ok()
}

/// Whether a process has another terminal than ours, or none: the system lets nobody in the background of ours read from it. Where that
/// cannot be told it is not claimed.
#[cfg(target_os = "linux")]
fn is_apart(process: i32) -> bool {
    let terminal = |process: &str| terminal(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?);
    let (theirs, ours) = (terminal(&process.to_string()), terminal("self"));
    theirs == Some(0) || (theirs.is_some() && ours.is_some() && theirs != ours)
}

#[cfg(not(target_os = "linux"))]
fn is_apart(process: i32) -> bool {
    use rustix::process::{Pid, getsid};
    let session = |process| getsid(process).ok();
    Pid::from_raw(process).and_then(|process| session(Some(process))).is_some_and(|theirs| session(None).is_some_and(|ours| theirs != ours))
}

/// The controlling terminal in `/proc/PID/stat`, 0 for none (proc_pid_stat(5), field 7). The session, field 6, says nothing: it is 0 for all
/// that were begun outside of a container.
#[cfg(target_os = "linux")]
fn terminal(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(4)?.parse().ok()
}

/// A socket of ours: whatever else lies at the place is somebody's trap.
fn mark(path: &Path) -> Option<Mark> {
    let known = std::fs::metadata(path).ok()?;
    let is_ours = known.file_type().is_socket() && known.uid() == geteuid().as_raw();
    is_ours.then(|| Mark(known.dev(), known.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_s_own_words_tell_of_the_session() {
        assert_eq!(control_path("user me\ncontrolpath /h/.ssh/cm me@x:22\ncontrolpersist no\n"), Some("/h/.ssh/cm me@x:22".into()));
        assert_eq!([control_path("controlpath none\n"), control_path("user me\n")], [None, None]);
        assert_eq!([setting("userx a\nuser me\n", "user"), setting("", "user")], [Some("me"), None]);
        assert_eq!(
            [is_same("Welcome!\nme\n", "me"), is_same("CORP\\Me\n", "me@corp"), is_same("you\n", "me"), is_same("", "me")],
            [true, true, false, false]
        );
        assert_eq!([number("Master running (pid=4711)\r\n"), number("Control socket connect(x): No such file")], [Some(4711), None]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_terminal_is_the_seventh_field_whatever_the_program_is_called() {
        assert_eq!(terminal("4711 (a) b (c) S 1 4711 0 34816 4711 4194560 "), Some(34816));
        assert_eq!([terminal("4711 (ssh) S 1 4711 4711 0 -1"), terminal(""), terminal("4711 (ssh) S 1")], [Some(0), None, None]);
    }
}
