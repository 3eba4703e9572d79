//! The terminal, given to another program for a while: a shell on a node, the user's editor, a pager.
//!
//! While it has the terminal nothing of ours reads a key or writes a byte, and Ctrl-C is the program's alone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, kill_process};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::process::{Child, Command};

use super::input::{Signal, Signals, stop};
use super::screen::LEAVE;
use crate::model::{Failure, FailureKind};
use crate::protocol::{HandOver, Program, Text};

/// How long a program that is asked to end may take, once we have to leave ourselves.
const LAST: Duration = Duration::from_secs(1);

/// What became of it.
pub(super) struct Handed {
    /// What the user made of the text, where it was there to be edited; or why the program could not be had.
    pub(super) back: Result<Option<String>, Failure>,
    /// We were told to leave meanwhile.
    pub(super) leave: bool,
}

/// Runs it to its end. The terminal must be as a shell wants it, and is so again afterwards.
pub(super) async fn run(errand: HandOver, signals: &mut Signals) -> Handed {
    let draft = match errand.text.as_ref().map(|(name, text)| Draft::new(name, text)).transpose() {
        Ok(draft) => draft,
        Err(failure) => return Handed { back: Err(failure), leave: false },
    };
    let words = words(&errand.program, draft.as_ref().map(|draft| draft.0.as_path()));
    let before = tcgetattr(std::io::stdin()).ok();
    if !errand.words.is_empty() {
        say(&format!("\r── {} ──\r\n", errand.words));
    }
    let (status, leave) = match spawn(&words) {
        Ok(mut child) => wait(&mut child, signals).await,
        Err(error) => {
            let what = format!("{} cannot be started: {error}", words.first().map_or("", String::as_str));
            let hint = "VISUAL or EDITOR name another editor, PAGER another pager.";
            return Handed { back: Err(Failure::new(FailureKind::NotFound, "this machine", what).hint(hint)), leave: false };
        }
    };
    if let Some(before) = before {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
    }
    if leave {
        // It had no time to take its own modes back.
        let mut out = std::io::stdout();
        let _ = out.write_all(LEAVE).and_then(|()| out.flush());
    }
    let failed = status.filter(|status| !status.success());
    let leave = leave || if let Some(status) = failed { told(&words, status, signals).await } else { false };
    // An editor that failed has not said that its text is good.
    let back = match (&errand.program, draft, failed) {
        (Program::Editor, Some(draft), None) => draft.read().map(Some),
        _ => Ok(None),
    };
    Handed { back, leave }
}

fn words(program: &Program, file: Option<&Path>) -> Vec<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let chosen = |value: Option<String>, otherwise: &[&str]| {
        // As people write it: a program, perhaps with options.
        let words = value.and_then(|value| shell_words::split(&value).ok()).filter(|words| !words.is_empty());
        words.unwrap_or_else(|| otherwise.iter().map(|word| (*word).to_owned()).collect())
    };
    let mut words = match program {
        Program::Words(words) => words.clone(),
        Program::Editor => chosen(set("VISUAL").or_else(|| set("EDITOR")), &["vi"]),
        Program::Pager => chosen(set("PAGER"), &["less", "-R"]),
    };
    words.extend(file.map(|file| file.display().to_string()));
    words
}

fn spawn(words: &[String]) -> std::io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.spawn()
}

/// Waits for its end; true when we have to leave because of a signal, which it is passed on.
async fn wait(child: &mut Child, signals: &mut Signals) -> (Option<ExitStatus>, bool) {
    loop {
        tokio::select! {
            status = child.wait() => return (status.ok(), false),
            signal = signals.next() => match signal {
                // They went to the whole group in front of the terminal: the program does with them what it likes.
                Signal::Interrupt | Signal::Continue => {}
                Signal::Stop => stop(),
                Signal::Leave => {
                    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                        let _ = kill_process(pid, rustix::process::Signal::HUP);
                        let _ = kill_process(pid, rustix::process::Signal::TERM);
                    }
                    let _ = tokio::time::timeout(LAST, child.wait()).await;
                    return (None, true);
                }
            },
        }
    }
}

/// Leaves what a failed program said on the screen until it has been read.
async fn told(words: &[String], status: ExitStatus, signals: &mut Signals) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let name = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("with status {code}"),
        (None, Some(signal)) => format!("by signal {signal}"),
        (None, None) => "somehow".to_owned(),
    };
    say(&format!("\r\n── {name} ended {how}. Enter goes back to qdeck. ──\r\n"));
    // The line discipline hands out one line at a time: nothing that follows it is taken.
    let mut read = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    loop {
        tokio::select! {
            _ = &mut read => return false,
            signal = signals.next() => if signal == Signal::Leave { return true },
        }
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A file that only the user can read, gone when dropped.
struct Draft(PathBuf);

impl Draft {
    fn new(name: &str, text: &Text) -> Result<Self, Failure> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).take(60).collect();
        let mut last = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        for n in 0..100 {
            let path = std::env::temp_dir().join(format!("qdeck-{}-{n}-{name}", std::process::id()));
            match std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(mut file) => {
                    let draft = Self(path);
                    let written = match text {
                        Text::Words(text) => file.write_all(text.as_bytes()),
                        Text::Log(printout) => {
                            let mut out = std::io::BufWriter::new(file);
                            printout.write(&mut out, false).and_then(|()| out.flush())
                        }
                    };
                    return written.map(|()| draft).map_err(|error| wrong(&error));
                }
                Err(error) => last = error,
            }
        }
        Err(wrong(&last))
    }

    fn read(&self) -> Result<String, Failure> {
        std::fs::read_to_string(&self.0).map_err(|error| wrong(&error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn wrong(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Denied, std::env::temp_dir().display().to_string(), error.to_string())
        .hint("TMPDIR names another place for short-lived files.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_the_user_s_alone_and_leaves_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let (one, two) =
            (Draft::new("../a b.sh", &Text::Words("x".into())).unwrap(), Draft::new("../a b.sh", &Text::Words("y".into())).unwrap());
        assert_ne!(one.0, two.0);
        assert_eq!(one.0.parent(), Some(std::env::temp_dir().as_path()));
        assert_eq!(std::fs::metadata(&one.0).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((one.read().unwrap(), two.read().unwrap()), ("x".into(), "y".into()));
        let path = one.0.clone();
        drop(one);
        assert!(!path.exists());
    }
}
