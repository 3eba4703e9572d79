//! The user's own command for news of jobs: run without a shell, beside everything else, and ended when it takes too long.
//!
//! Nothing waits for it: not a frame, not a key, not the end of the program.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::sync::Semaphore;

/// How long one may take.
const LONGEST: Duration = Duration::from_secs(10);
/// So many run at once; others wait, and what would wait behind too many is left out.
const ABREAST: usize = 4;
const WAITING: usize = 100;

/// All hooks under way.
#[derive(Clone)]
pub(super) struct Hooks {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(ABREAST)), waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Hooks {
    /// Runs a command to its end, or for as long as it may take.
    pub(super) fn run(&self, words: Vec<String>, variables: Vec<(String, String)>) {
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            tracing::warn!(?words, "too many notifications wait: this one is left out");
            return;
        };
        let running = Arc::clone(&self.running);
        tokio::spawn(async move {
            let _turn = running.acquire_owned().await;
            let _place = place;
            let Some((program, arguments)) = words.split_first() else { return };
            let mut command = Command::new(program);
            command.args(arguments).envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            // A group of its own: what it started ends with it, and no key of ours reaches it.
            let mut child = match command.process_group(0).spawn() {
                Ok(child) => child,
                Err(error) => {
                    tracing::warn!(program, %error, "the command for notifications cannot be run");
                    return;
                }
            };
            let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            if tokio::time::timeout(LONGEST, child.wait()).await.is_err() {
                tracing::warn!(program, "the command for notifications took too long and was ended");
                if let Some(group) = group {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                let _ = child.wait().await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_and_variables_arrive_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("told");
        let script = "printf '%s|%s' \"$1\" \"$QDECK_NAME\" >\"$0.part\"; mv \"$0.part\" \"$0\"";
        let words = ["sh", "-c", script, &file.display().to_string(), "$(touch x); it's"].map(str::to_owned);
        Hooks::default().run(words.to_vec(), vec![("QDECK_NAME".into(), "`id`".into())]);
        for _ in 0..500 {
            if file.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "$(touch x); it's|`id`");
        // What is not there is no trouble of ours.
        Hooks::default().run(vec!["/no/such/program".into()], Vec::new());
    }
}
