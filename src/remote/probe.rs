//! One `sh` that stays: each question to it costs one round trip, whether it runs here or at the other end of an ssh session.
//!
//! Knows nothing of ssh, and trusts nothing that a script prints: only a random word per question ends its answer.

use std::any::Any;
use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use memchr::{memchr, memmem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::model::text::quoted;
use crate::model::{Failure, FailureKind};

use super::host::Said;

/// Where schedulers live when no login profile has put them on the PATH.
pub(super) const PRELUDE: &str = "PATH=$PATH:/opt/slurm/bin:/usr/local/slurm/bin:/opt/sge/bin:/opt/pbs/bin:/usr/local/bin; export PATH\n";
/// More than this is no answer that anybody reads; the largest real one, 10,000 jobs as JSON, is 32 MB.
const MOST: usize = 256 << 20;
const PIPE: usize = 64 << 10;

/// The writing end of a pipe.
pub type Input = Box<dyn AsyncWrite + Send + Unpin>;
/// The reading end of a pipe.
pub type Output = Box<dyn AsyncRead + Send + Unpin>;

/// The three pipes of an `sh` that reads its commands from standard input.
pub struct Channel {
    /// What the shell reads.
    pub stdin: Input,
    /// What it prints.
    pub stdout: Output,
    /// What it complains.
    pub stderr: Output,
    /// Whatever must live as long as the pipes are used.
    pub guard: Box<dyn Any + Send>,
}

/// Opens shells on one machine.
pub trait Shells: Send + Sync + 'static {
    /// A new shell. Fails at once while the machine cannot be reached.
    fn open(&self) -> BoxFuture<'static, Result<Channel, Failure>>;
    /// Waits until another [`Shells::open`] is worth trying.
    fn mended(&self) -> BoxFuture<'static, ()>;
}

/// Why a question has no answer. The shell is of no use after any of these.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The limit has passed.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The shell or its connection ended; what was on standard error.
    #[error("the shell ended before it answered{}", if .0.is_empty() { String::new() } else { format!(": {}", .0) })]
    Ended(String),
    /// The answer is longer than memory should hold.
    #[error("the answer is longer than {} MB", MOST >> 20)]
    TooLong,
    /// An earlier question was given up half-way.
    #[error("this shell was given up")]
    Spoiled,
}

impl ProbeError {
    /// The same as a failure at `place`.
    pub fn failure(&self, place: impl Into<String>) -> Failure {
        let (kind, hint) = match self {
            Self::TimedOut(_) => (FailureKind::TimedOut, "the machine or its scheduler is busy or hangs; it is asked again"),
            Self::Ended(_) | Self::Spoiled => (FailureKind::Unreachable, ""),
            Self::TooLong => (FailureKind::Garbled, ""),
        };
        Failure::new(kind, place, self.to_string()).hint(hint)
    }
}

/// A shell and the pipes to it.
pub struct Probe {
    stdin: Input,
    stdout: Output,
    stderr: Output,
    is_prepared: bool,
    is_spoiled: bool,
    rtt: Option<Duration>,
    pid: Option<u32>,
}

impl Probe {
    /// Speaks with a fresh `sh` over its pipes.
    pub fn over(stdin: Input, stdout: Output, stderr: Output) -> Self {
        Self { stdin, stdout, stderr, is_prepared: false, is_spoiled: false, rtt: None, pid: None }
    }

    /// Runs a script in a subshell with empty standard input. Any status is an answer. If the future is dropped or fails, the
    /// shell must be thrown away; [`Probe::is_usable`] tells.
    pub async fn run(&mut self, script: &str, limit: Duration) -> Result<Said, ProbeError> {
        if self.is_spoiled {
            return Err(ProbeError::Spoiled);
        }
        self.is_spoiled = true;
        let said = timeout(limit, self.exchange(script)).await.unwrap_or(Err(ProbeError::TimedOut(limit)))?;
        self.is_spoiled = false;
        Ok(said)
    }

    /// Whether another question can be asked: none was given up, and the shell has neither ended nor said anything unasked.
    pub fn is_usable(&mut self) -> bool {
        !self.is_spoiled && self.stdout.read(&mut [0; 1]).now_or_never().is_none()
    }

    /// Time from the last question to the first byte of its answer, which the shell sends before it runs the script.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// The shell's process id on its machine, once it has answered anything.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    async fn exchange(&mut self, script: &str) -> Result<Said, ProbeError> {
        let nonce = nonce();
        let mut text = String::with_capacity(script.len() + 512);
        if !self.is_prepared {
            text.push_str(PRELUDE);
            self.is_prepared = true;
        }
        // The word travels on standard input and through builtins: no process list shows it. The opening word cuts off
        // whatever a login file, or a process that an earlier script left behind, printed before.
        let _ = writeln!(
            text,
            "printf '%s %s\\n' {nonce} $$; printf '%s 0\\n' {nonce} >&2; (eval {}) </dev/null; \
             printf '%s %s\\n' {nonce} $?; printf '%s 0\\n' {nonce} >&2",
            in_quotes(script)
        );
        let asked = Instant::now();
        if self.stdin.write_all(text.as_bytes()).await.is_err() || self.stdin.flush().await.is_err() {
            return Err(ProbeError::Ended(self.last_words(&[]).await));
        }
        let (mut out, mut err) = (Frame::default(), Frame::default());
        let mut heard = None;
        while out.status.is_none() || err.status.is_none() {
            let (frame, count) = tokio::select! {
                n = read_more(&mut self.stdout, &mut out.bytes), if out.status.is_none() => (&mut out, n),
                n = read_more(&mut self.stderr, &mut err.bytes), if err.status.is_none() => (&mut err, n),
            };
            if count == 0 {
                return Err(ProbeError::Ended(self.last_words(&err.bytes).await));
            }
            frame.advance(nonce.as_bytes());
            if let (None, Some(pid)) = (heard, out.opening) {
                heard = Some(asked.elapsed());
                (self.rtt, self.pid) = (heard, Some(pid));
            }
            if out.bytes.len() > MOST || err.bytes.len() > MOST {
                return Err(ProbeError::TooLong);
            }
        }
        let status = out.status.and_then(|s| i32::try_from(s).ok()).unwrap_or(-1);
        Ok(Said { status, stdout: out.body(), stderr: String::from_utf8_lossy(&err.body()).into_owned() })
    }

    /// What is left on standard error when a shell has ended.
    async fn last_words(&mut self, before: &[u8]) -> String {
        let mut bytes = before.to_vec();
        let _ =
            timeout(Duration::from_millis(200), async { while read_more(&mut self.stderr, &mut bytes).await > 0 && bytes.len() < PIPE {} })
                .await;
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// One of the two outputs of a question: noise, the word, the body, the word again.
#[derive(Default)]
struct Frame {
    bytes: Vec<u8>,
    scanned: usize,
    start: usize,
    end: usize,
    opening: Option<u32>,
    status: Option<u32>,
}

impl Frame {
    /// Looks for the word in what is new.
    fn advance(&mut self, nonce: &[u8]) {
        while self.status.is_none() {
            let Some(at) = memmem::find(&self.bytes[self.scanned..], nonce).map(|i| i + self.scanned) else {
                self.scanned = self.scanned.max(self.bytes.len().saturating_sub(nonce.len() - 1));
                return;
            };
            let after = at + nonce.len();
            let Some(line) = memchr(b'\n', &self.bytes[after..]) else {
                self.scanned = at;
                return;
            };
            let number = std::str::from_utf8(&self.bytes[after..after + line]).ok().and_then(|t| t.trim().parse().ok());
            if self.opening.is_none() {
                self.opening = Some(number.unwrap_or(0));
                self.start = after + line + 1;
                self.scanned = self.start;
            } else {
                self.status = Some(number.unwrap_or(u32::MAX));
                self.end = at;
            }
        }
    }

    fn body(mut self) -> Vec<u8> {
        self.bytes.truncate(self.end);
        self.bytes.drain(..self.start);
        self.bytes
    }
}

/// Appends what can be read now; 0 at the end and on errors, which for a pipe mean the same.
pub(super) async fn read_more(from: &mut Output, into: &mut Vec<u8>) -> usize {
    if into.capacity() - into.len() < PIPE {
        into.reserve(PIPE.max(into.len() / 2));
    }
    from.read_buf(into).await.unwrap_or(0)
}

/// 32 hexadecimal digits that nobody else can guess.
pub(super) fn nonce() -> String {
    // Two SipHash keys from the operating system's own random source.
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

/// Always in quotes, so that `eval` sees one word even where the script is empty or harmless-looking.
fn in_quotes(script: &str) -> String {
    let word = quoted(script);
    if word.starts_with('\'') { word } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn probe() -> (Probe, tokio::process::Child) {
        let mut child = tokio::process::Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (i, o, e) = (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        (Probe::over(Box::new(i), Box::new(o), Box::new(e)), child)
    }

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn one_shell_answers_many_questions() {
        let (mut probe, child) = probe();
        let pid = child.id();
        for n in 0..50 {
            let said = probe.run(&format!("printf 'a%s' {n}; echo oops >&2; exit {n}"), LIMIT).await.unwrap();
            assert_eq!((said.status, said.stdout, said.stderr), (n, format!("a{n}").into_bytes(), "oops\n".to_owned()));
        }
        assert_eq!(probe.pid(), pid);
        assert!(probe.rtt().is_some_and(|rtt| rtt < Duration::from_secs(1)));
        assert!(probe.is_usable());
    }

    #[tokio::test]
    async fn nothing_of_one_script_reaches_the_next() {
        let (mut probe, _child) = probe();
        for script in [
            "cd /; x=1; exit 3",
            "set -e; false; echo no",
            "if",
            "'",
            "trap 'echo bye' EXIT",
            "exec 1>&2",
            "cat",
            "kill -9 $(sh -c 'echo $PPID')",
            "",
        ] {
            probe.run(script, LIMIT).await.unwrap();
            let said = probe.run("printf %s \"$x\"; [ \"$PWD\" = / ] && echo moved; true", LIMIT).await.unwrap();
            assert_eq!((said.status, said.stdout.as_slice(), said.stderr.as_str()), (0, &b""[..], ""), "after {script}");
        }
    }

    #[tokio::test]
    async fn every_byte_survives_and_large_answers_come_whole() {
        let (mut probe, _child) = probe();
        let said = probe.run("i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; i=$((i+1)); done", LIMIT).await.unwrap();
        assert_eq!(said.stdout, (0..=255).collect::<Vec<u8>>());
        let said = probe.run("head -c 12000000 /dev/zero; head -c 300000 /dev/zero >&2", LIMIT).await.unwrap();
        assert_eq!((said.stdout.len(), said.stderr.len()), (12_000_000, 300_000));
        let long = format!("printf %s {}", "x".repeat(300_000));
        assert_eq!(probe.run(&long, LIMIT).await.unwrap().stdout.len(), 300_000);
    }

    #[tokio::test]
    async fn a_process_left_behind_cannot_speak_into_the_next_answer() {
        let (mut probe, _child) = probe();
        probe.run("(sleep 0.2; echo stray) & true", LIMIT).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(!probe.is_usable(), "something unasked has been said");
        // Even if it is used all the same, the answer is clean.
        assert_eq!(probe.run("echo clean", LIMIT).await.unwrap().stdout, b"clean\n");
    }

    #[tokio::test]
    async fn late_and_dead_shells_are_failures_and_spoil_the_probe() {
        let (mut one, _child) = probe();
        let error = one.run("sleep 20", Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(error.failure("here").kind, FailureKind::TimedOut);
        assert!(!one.is_usable());
        assert!(matches!(one.run("true", LIMIT).await, Err(ProbeError::Spoiled)));

        let (mut two, mut child) = probe();
        two.run("true", LIMIT).await.unwrap();
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        assert!(!two.is_usable());
        assert!(matches!(two.run("true", LIMIT).await, Err(ProbeError::Ended(_))));

        let (mut three, _child) = probe();
        assert!(three.run("sleep 20", LIMIT).now_or_never().is_none());
        assert!(!three.is_usable(), "its future was dropped half-way");
    }

    #[test]
    fn a_word_in_pieces_is_found() {
        let text = b"noise word 7\nbody wor word 0\n";
        for cut in 1..text.len() {
            let mut frame = Frame::default();
            for part in [&text[..cut], &text[cut..]] {
                frame.bytes.extend_from_slice(part);
                frame.advance(b"word");
            }
            assert_eq!((frame.opening, frame.status), (Some(7), Some(0)), "cut at {cut}");
            assert_eq!(frame.body(), b"body wor ");
        }
    }
}
