//! Commands that change the world, with their progress on standard error.

use std::io::{IsTerminal, Write};

use futures::StreamExt;

use crate::model::duration::bytes;
use crate::model::text::clean;
use crate::model::{Command, Failure, FailureKind, Progress, Receipt};
use crate::remote::Remote;

/// Runs a command to its end. Progress is shown only to a person.
pub(super) async fn run(remote: &dyn Remote, command: Command) -> Result<Receipt, Failure> {
    telling(remote, command, |_| {}).await
}

/// The same, with each step of it told to `step`.
pub(super) async fn telling(remote: &dyn Remote, command: Command, mut step: impl FnMut(&str)) -> Result<Receipt, Failure> {
    let person = std::io::stderr().is_terminal();
    let mut stream = remote.run(command);
    let mut bar = false;
    let say = |text: &str| {
        let _ = write!(std::io::stderr(), "{text}");
    };
    while let Some(progress) = stream.next().await {
        match progress {
            Progress::Step(words) => step(&words),
            Progress::Moved { done, total, file } if person => {
                bar = true;
                let total = total.map_or_else(String::new, |total| format!(" of {}", bytes(total)));
                say(&format!("\r\x1b[K{}{total}  {}", bytes(done), clean(&file)));
            }
            Progress::Moved { .. } => {}
            Progress::Done(receipt) => {
                if bar {
                    say("\r\x1b[K");
                }
                return Ok(receipt);
            }
            Progress::Failed(failure) => {
                if bar {
                    say("\n");
                }
                return Err(failure);
            }
        }
    }
    Err(Failure::new(FailureKind::Stopped, "qdeck", "the command ended without a receipt"))
}
