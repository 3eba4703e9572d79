//! The one `ssh` process that holds the connection, and the private folder of its sockets.
//!
//! It never outlives this program: dropping it ends it, and so does our own death, however sudden.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openssh::Session;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use crate::model::{Failure, FailureKind};
use crate::remote::probe::nonce;

use super::askpass::{Declined, Questions, SOCKET};
use super::{Destination, verdict};

/// Runs ssh beside a shell that waits for our pipe to close. When this program is gone, by whatever signal, so is ssh.
const LEASH: &str = r#"exec 3<&0 </dev/null; "$@" 3<&- & p=$!; { read -r x <&3; kill $p; } >/dev/null 2>&1 & w=$!; exec 3<&-; wait $p; s=$?; kill $w 2>/dev/null; exit $s"#;
/// Longest path of a control socket: ssh appends 17 characters while it makes it, and the kernel takes 107.
const LONGEST_SOCKET: usize = 90;
/// ssh's own ConnectTimeout covers the first packets only; the key exchange after them has no limit but this.
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_WORDS: usize = 64 << 10;

/// A folder that only we can enter, gone when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("qdeck-{}", &nonce()[..12]);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for base in runtime.into_iter().chain([PathBuf::from("/tmp")]) {
            let path = base.join(&name);
            if path.as_os_str().len() + "/m000000".len() > LONGEST_SOCKET
                || path.to_str().is_none_or(|p| p.contains([' ', '%', '\'', '"', '$']))
            {
                continue;
            }
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    pub(super) fn socket(&self, attempt: u32) -> PathBuf {
        self.0.join(format!("m{}", attempt % 1_000_000))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running ssh whose control socket answers.
pub(super) struct Master {
    /// Where the control socket is.
    pub(super) socket: PathBuf,
    /// Whether it can read from a terminal that is handed to it: the system lets nobody in the background of the terminal's own session.
    pub(super) reads_terminals: bool,
    process: Process,
    listener: UnixListener,
}

impl Master {
    /// Starts ssh and waits until it is connected. The user's ssh_config decides how; questions go to the user meanwhile, and
    /// no time-out runs while one is open.
    pub(super) async fn start(to: &Destination, folder: &Folder, attempt: u32, questions: &Questions) -> Result<Self, Failure> {
        let local = |error: io::Error| Failure::new(FailureKind::Unsupported, to.place(), format!("no control socket: {error}"));
        let socket = folder.socket(attempt);
        let asked_at = folder.0.join("ask");
        let _ = std::fs::remove_file(&asked_at);
        let listener = UnixListener::bind(&asked_at).map_err(local)?;
        let mut process = Process::start(to, &socket, &asked_at).map_err(local)?;

        let begun = Instant::now();
        let mut waited = Duration::ZERO;
        {
            let mut serving = std::pin::pin!(questions.serve(&listener));
            loop {
                let pause = Duration::from_millis(if begun.elapsed() < Duration::from_secs(1) { 10 } else { 50 });
                tokio::select! {
                    code = process.ended() => {
                        let words = process.words().await;
                        return Err(questions.trust().judged(verdict::failure(to, &words, code), &words).await);
                    }
                    declined = &mut serving => return Err(refused(to, declined)),
                    () = sleep(pause) => {}
                }
                if !questions.is_any_open() {
                    waited += pause;
                }
                if waited > PATIENCE {
                    return Err(verdict::too_late(to, &process.words_so_far(), PATIENCE.as_secs()));
                }
                if socket.exists() {
                    let session = Session::resume_mux(socket.clone().into_boxed_path(), None);
                    if matches!(timeout(Duration::from_secs(2), session.check()).await, Ok(Ok(()))) {
                        break;
                    }
                }
            }
        }
        Ok(Self { socket, reads_terminals: process.is_apart, process, listener })
    }

    /// Waits for its end and tells why.
    pub(super) async fn ended(&mut self, to: &Destination, questions: &Questions) -> Failure {
        tokio::select! {
            _ = self.process.ended() => verdict::lost(to, &self.process.words().await),
            declined = questions.serve(&self.listener) => refused(to, declined),
        }
    }
}

fn refused(to: &Destination, declined: Declined) -> Failure {
    match declined {
        Declined::ByVoucher(failure) => failure,
        Declined::ByUser { brief, is_host_key } => {
            let kind = if is_host_key { FailureKind::HostKey } else { FailureKind::Denied };
            Failure::new(kind, to.place(), format!("you declined: {brief}")).hint("reconnect to be asked again")
        }
    }
}

/// The child, its leash, and what it says.
struct Process {
    child: Child,
    /// Closing it ends ssh.
    _leash: Option<ChildStdin>,
    words: Arc<Mutex<Vec<u8>>>,
    listening: tokio::task::JoinHandle<()>,
    group: Option<Pid>,
    is_apart: bool,
}

impl Process {
    fn start(to: &Destination, socket: &Path, asked_at: &Path) -> io::Result<Self> {
        // A session of its own, where there is a program for it (Linux); else a group of its own. Either way a Ctrl-C in our terminal is
        // for us to interpret.
        match Self::spawn(Self::command("setsid", &["sh"], to, socket, asked_at)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut command = Self::command("sh", &[], to, socket, asked_at);
                command.process_group(0);
                Self::spawn(command)
            }
            started => started.map(|mut process| {
                process.is_apart = true;
                process
            }),
        }
    }

    fn command(program: &str, first: &[&str], to: &Destination, socket: &Path, asked_at: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(first).args(["-c", LEASH, "sh", "ssh", "-M", "-N", "-T", "-S"]).arg(socket);
        // What is between here and there takes its time: another login, or AWS's command line and the session that it asks for.
        let patience = if to.through.is_some() { "ConnectTimeout=25" } else { "ConnectTimeout=10" };
        for option in [
            patience,
            "ControlMaster=yes",
            "ControlPersist=no",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=2",
            // A second session must not fight over the ports that the user's own ssh forwards.
            "ClearAllForwardings=yes",
            "LogLevel=INFO",
        ] {
            command.args(["-o", option]);
        }
        command.args(to.arguments());
        command.env(SOCKET, asked_at).env("SSH_ASKPASS_REQUIRE", "force");
        if let Some(askpass) = to.askpass.clone().or_else(|| std::env::current_exe().ok()) {
            command.env("SSH_ASKPASS", askpass);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let words = Arc::<Mutex<Vec<u8>>>::default();
        let (heard, mut stderr) = (Arc::clone(&words), child.stderr.take());
        let listening = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Some(stderr) = &mut stderr {
                match stderr.read(&mut bytes).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => {
                        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                        let room = MOST_WORDS.saturating_sub(heard.len()).min(n);
                        heard.extend_from_slice(&bytes[..room]);
                    }
                }
            }
        });
        Ok(Self { _leash: child.stdin.take(), child, words, listening, group, is_apart: false })
    }

    async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.ok().and_then(|status| status.code())
    }

    /// All its words; a proxy that lingers may hold the pipe open, so not for ever.
    async fn words(&mut self) -> String {
        let _ = timeout(Duration::from_millis(300), &mut self.listening).await;
        self.words_so_far()
    }

    fn words_so_far(&self) -> String {
        String::from_utf8_lossy(&self.words.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.listening.abort();
        // Only while the child has not been waited for does its number belong to it.
        if let (Some(group), Some(_)) = (self.group, self.child.id()) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}
