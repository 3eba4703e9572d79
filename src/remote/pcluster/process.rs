//! One run of a program on this machine with a file it reads, in a group of its own: ended with its children, or left to go on.
//!
//! What it prints goes into files: whoever outlives qdeck never meets a closed pipe.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::Command;

use crate::model::{Failure, FailureKind};

/// More than this is read of nothing.
const MOST: u64 = 8 << 20;
/// Runs the program with its output in the folder, and takes the folder away when it has ended.
const SCRIPT: &str = r#""$@" </dev/null >"$0/out" 2>"$0/err"; code=$?; rm -rf -- "$0"; exit "$code""#;

/// A run that is to be.
#[derive(Debug)]
pub(super) struct Run {
    words: Vec<String>,
    profile: Option<String>,
    text: Option<String>,
    lasting: bool,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; `None` when it was killed.
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ended {
    /// Whether there is no such program.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.code, Some(126 | 127)) && self.out.trim().is_empty()
    }
}

impl Run {
    pub(super) fn new(words: Vec<String>, profile: Option<&str>) -> Self {
        Self { words, profile: profile.map(str::to_owned), text: None, lasting: false }
    }

    /// With a configuration file of this text.
    pub(super) fn config(mut self, text: &str) -> Self {
        self.words.push("--cluster-configuration".to_owned());
        self.file(text)
    }

    /// With a file of this text as its last word.
    pub(super) fn file(self, text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..self }
    }

    /// It goes on when nobody waits for it any more.
    pub(super) fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    /// Runs it, for so long at most.
    pub(super) async fn until(self, patience: Duration) -> Result<Ended, Failure> {
        let program = self.words.first().cloned().unwrap_or_default();
        let wrong = |error: std::io::Error| Failure::new(FailureKind::Denied, program.as_str(), error.to_string());
        let (dir, mut out, mut err) = place(self.text.as_deref()).map_err(wrong)?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg(&dir).args(&self.words);
        if self.text.is_some() {
            command.arg(dir.join("file"));
        }
        if let Some(profile) = &self.profile {
            // Like the rest of qdeck: keys in the environment do not take the place of a profile that was named on purpose.
            command.env("AWS_PROFILE", profile);
            for key in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
                command.env_remove(key);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn();
        let mut child = child.inspect_err(|_| drop(std::fs::remove_dir_all(&dir))).map_err(wrong)?;
        let mut guard = Guard { group: child.id().filter(|_| !self.lasting), dir };
        let status = match tokio::time::timeout(patience, child.wait()).await {
            Ok(status) => status.map_err(wrong)?,
            Err(_) => {
                let what = format!("no answer in {}", crate::model::duration::age(patience.as_secs()));
                return Err(Failure::new(FailureKind::TimedOut, program.as_str(), what));
            }
        };
        guard.group = None;
        // A program ended by a signal was none of ours to end.
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        let (out, err) = (text(&mut out).map_err(wrong)?, text(&mut err).map_err(wrong)?);
        Ok(Ended { code, out, err })
    }
}

/// Ends the group and takes its folder away, unless it shall go on.
struct Guard {
    group: Option<u32>,
    dir: PathBuf,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(group) = self.group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) else { return };
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A folder of our own with the file in it, and what is printed to be read from there even when it is gone.
fn place(text: Option<&str>) -> std::io::Result<(PathBuf, File, File)> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let dir = std::env::temp_dir().join(format!("qdeck-{}-{}-{number}", std::process::id(), since.subsec_nanos()));
    std::fs::DirBuilder::new().mode(0o700).create(&dir)?;
    let file = |name: &str| open(&dir, name);
    if let Some(text) = text {
        file("file")?.write_all(text.as_bytes())?;
    }
    let (out, err) = (file("out")?, file("err")?);
    Ok((dir, out, err))
}

fn open(dir: &Path, name: &str) -> std::io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(dir.join(name))
}

fn text(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
