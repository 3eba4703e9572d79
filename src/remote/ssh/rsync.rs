//! A folder by rsync, over a channel of the session that is there: it asks for no password and can reach no other host.
//!
//! Names are passed by rsync's own protocol, never by a shell; links that lead out of the folder stay behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::model::{Existing, Failure, FailureKind};
use crate::remote::probe::Output;

use super::connection::Connection;
use super::fetch::{Tell, here};
use super::live::Live;

/// A folder on the host and what rsync would do about it.
pub(super) struct Folder {
    connection: Arc<Connection>,
    live: Arc<Live>,
    path: String,
    dest: PathBuf,
    existing: Existing,
    /// Names, relative and as bytes, that are here already and look different.
    suspects: Vec<Vec<u8>>,
    size: Option<u64>,
}

impl Folder {
    /// Asks rsync what it would do, which changes nothing.
    pub(super) async fn plan(connection: &Arc<Connection>, path: String, dest: &Path, existing: Existing) -> Result<Self, Failure> {
        let live = connection.live().await?;
        let mut folder =
            Self { connection: Arc::clone(connection), live, path, dest: dest.to_owned(), existing, suspects: Vec::new(), size: None };
        let output = folder.run(&["-n", "--stats", "--out-format=%i %n"], None).await?;
        folder.suspects = changed(&output);
        folder.size = counted(&output, "Total transferred file size:");
        Ok(folder)
    }

    /// How many bytes its new and changed files have.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The files that are here already with another content: only those whose size or date differs are compared byte by byte.
    pub(super) async fn differing(&self) -> Result<Vec<String>, Failure> {
        if self.suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = self.suspects.join(&0);
        list.push(0);
        let output = self.run(&["-n", "--checksum", "--from0", "--files-from=-", "--out-format=%i %n"], Some(list)).await?;
        let names: BTreeSet<String> = changed(&output).into_iter().map(|name| String::from_utf8_lossy(&name).into_owned()).collect();
        Ok(names.into_iter().collect())
    }

    /// Transfers. Gives the number of files and their bytes.
    pub(super) async fn bring(self, tell: &mut Tell, before: u64, total: u64) -> Result<(u64, u64), Failure> {
        tell.step(format!("fetching the folder {}", self.path)).await;
        let name = Path::new(&self.path).file_name().map_or_else(|| self.path.clone(), |name| name.to_string_lossy().into_owned());
        let mut arguments = vec!["--partial-dir=.qdeck-partial", "--info=progress2", "--stats"];
        if self.existing == Existing::Keep {
            arguments.push("--ignore-existing");
        }
        let _permit = self.live.stream().await;
        let mut running = Running::start(self.command(&arguments), false)?;
        let (mut all, mut line) = (Vec::new(), Vec::new());
        let mut errors = Vec::new();
        let (mut stdout, mut stderr) = running.outputs();
        let mut bytes = vec![0; 16 << 10];
        loop {
            let count = tokio::select! {
                count = stdout.read(&mut bytes) => count.unwrap_or(0),
                _ = stderr.read_buf(&mut errors), if errors.len() < 64 << 10 => continue,
            };
            if count == 0 {
                break;
            }
            for &byte in &bytes[..count] {
                if byte == b'\r' || byte == b'\n' {
                    if let Some(done) = progress(&line) {
                        tell.moved(before + done, Some(total), &name).await;
                    }
                    all.append(&mut line);
                    all.push(b'\n');
                } else {
                    line.push(byte);
                }
            }
        }
        let _ = stderr.read_to_end(&mut errors).await;
        let code = running.code().await;
        self.judge(code, &errors).await?;
        let files = counted(&all, "Number of regular files transferred:").unwrap_or(0);
        Ok((files, counted(&all, "Total transferred file size:").unwrap_or(0)))
    }

    async fn run(&self, arguments: &[&str], input: Option<Vec<u8>>) -> Result<Vec<u8>, Failure> {
        let _permit = self.live.stream().await;
        let mut running = Running::start(self.command(arguments), input.is_some())?;
        let stdin = running.child.stdin.take();
        let (mut stdout, mut stderr) = running.outputs();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                let _ = stdin.write_all(&input).await;
            }
        };
        let _ = tokio::join!(feed, stdout.read_to_end(&mut output), stderr.read_to_end(&mut errors));
        let code = running.code().await;
        self.judge(code, &errors).await?;
        Ok(output)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("rsync");
        // Owners, groups and devices mean nothing on this machine; a link out of the folder would lead into our own files.
        command.args(["-a", "--no-owner", "--no-group", "--no-D", "--safe-links", "--no-inc-recursive", "--no-human-readable", "-s", "-e"]);
        // No configuration file, no network: without the control socket this ssh fails at once.
        command.arg(format!(
            "ssh -F /dev/null -S {} -o ControlMaster=no -o BatchMode=yes -o ProxyCommand=false -o ConnectTimeout=5",
            self.live.socket.display()
        ));
        let mut to = self.dest.clone().into_os_string();
        to.push("/");
        command.args(arguments).arg("--").arg(format!("head:{}/", self.path.trim_end_matches('/'))).arg(to);
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    async fn judge(&self, code: Option<i32>, errors: &[u8]) -> Result<(), Failure> {
        // 24: files vanished while it ran, as a running job's do.
        if matches!(code, Some(0 | 24)) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(errors);
        let has = |text: &str| said.contains(text);
        let place = format!("{}: {}", self.connection.to.place(), self.path);
        let is_missing = has("not found") && (has("rsync: command") || has("rsync: not found") || code == Some(127));
        if is_missing {
            return Err(Failure::new(FailureKind::Unsupported, place, "there is no rsync on the head node")
                .hint("install it there: sudo dnf install rsync, or apt install rsync"));
        }
        let is_cut = matches!(code, Some(255 | 12)) || has("connection unexpectedly closed");
        if is_cut && let Some(failure) = self.connection.lost(&self.live).await {
            return Err(failure.hint("fetch again: it goes on where it stopped"));
        }
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("rsync failed");
        let fail = |kind, hint: &str| Err(Failure::new(kind, place.clone(), first).hint(hint));
        if has("unknown option") || has("unrecognized option") {
            return fail(FailureKind::Unsupported, "this rsync is too old: 3.1 or newer is needed on both sides");
        }
        if has("No space left") || has("Disk quota") {
            return fail(FailureKind::Rejected, "make room on this machine and fetch again: it goes on where it stopped");
        }
        if has("change_dir") && has("No such file") {
            return fail(FailureKind::NotFound, "the job may not have started, or its folder was removed");
        }
        if has("Permission denied") {
            return fail(FailureKind::Denied, "the other files of the folder are here");
        }
        fail(FailureKind::Rejected, "fetch again: it goes on where it stopped")
    }
}

/// An rsync at work. Ended by its owner's end in a way that lets it keep what has arrived.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    fn start(mut command: Command, with_input: bool) -> Result<Self, Failure> {
        if with_input {
            command.stdin(Stdio::piped());
        }
        let child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::new(FailureKind::Unsupported, "this machine", "there is no rsync on this machine")
                .hint("install it: apt install rsync, dnf install rsync, or brew install rsync"),
            _ => here(Path::new("rsync"), &error),
        })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    fn outputs(&mut self) -> (Output, Output) {
        let stdout = self.child.stdout.take().map_or_else(|| Box::new(tokio::io::empty()) as _, |pipe| Box::new(pipe) as _);
        let stderr = self.child.stderr.take().map_or_else(|| Box::new(tokio::io::empty()) as _, |pipe| Box::new(pipe) as _);
        (stdout, stderr)
    }

    async fn code(&mut self) -> Option<i32> {
        self.child.wait().await.ok().and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let (Some(group), Some(_)) = (self.group, self.child.id()) {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// The names in an itemized list that would be overwritten: `>f` and no row of `+`, which marks the new.
fn changed(output: &[u8]) -> Vec<Vec<u8>> {
    let lines = output.split(|&byte| byte == b'\n');
    let items = lines.filter_map(|line| line.strip_prefix(b">f").and_then(|rest| rest.split_at_checked(9)));
    let old = items.filter(|(how, _)| !how.starts_with(b"+"));
    old.map(|(_, name)| unescaped(name.strip_prefix(b" ").unwrap_or(name))).collect()
}

/// Undoes rsync's `\#012` for bytes that it does not print.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        let code = rest.strip_prefix(br"\#").and_then(|code| code.get(..3)).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[5..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

/// The bytes at the head of a line such as `  1234  12%  1.2MB/s  0:00:01`.
fn progress(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let done = words.next()?.parse().ok()?;
    words.next()?.ends_with('%').then_some(done)
}

/// The number behind `label` in the statistics.
fn counted(output: &[u8], label: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.replace([',', '.'], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_itemized_list_tells_new_from_changed() {
        let output = b">f+++++++++ new.txt\n>f.st...... sub/changed name.txt\ncd+++++++++ sub/\n>f..t...... \\#012line\n.f...p..... mode\n>fcsT...... x\n";
        let names = changed(output);
        assert_eq!(names, [&b"sub/changed name.txt"[..], b"\nline", b"x"]);
    }

    #[test]
    fn numbers_are_read_with_or_without_separators() {
        assert_eq!(progress(b"      1,234,567 12%"), None);
        assert_eq!(progress(b"        1234567  12%    1.18MB/s    0:00:01 (xfr#1, to-chk=3/10)"), Some(1_234_567));
        assert_eq!(progress(b"sending 5 files"), None);
        let stats = b"Number of files: 3\nNumber of regular files transferred: 1,002\nTotal transferred file size: 12345 bytes\n";
        assert_eq!(counted(stats, "Number of regular files transferred:"), Some(1_002));
        assert_eq!(counted(stats, "Total transferred file size:"), Some(12_345));
    }

    #[test]
    fn what_rsync_escapes_comes_back() {
        assert_eq!(unescaped(br"a\#134#b\#377\#9"), [b"a\\#b".as_slice(), b"\xff", br"\#9"].concat());
    }
}
