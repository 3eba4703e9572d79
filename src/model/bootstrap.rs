//! What a head node writes while it is set up: the last lines of the log that wrote last, and the lines of all of them that tell of an error.
//!
//! Knows no cluster and no log group, and judges a line no other way than the logs pane does.

use jiff::Timestamp;

use super::lines::{Lines, Shown, pattern};

/// The logs that tell of it. What the recipes say of an error comes before what others make of it.
pub const LOGS: [&str; 3] = ["chef-client", "cfn-init", "cloud-init"];
/// So many last lines are told.
pub const LAST: usize = 8;
/// So many lines that tell of an error are told of each log.
const ERRORS: usize = 6;

/// The setting up of one head node, as far as its logs tell.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bootstrap {
    /// The log that wrote last, `chef-client`; empty while there is none.
    pub log: String,
    /// When it did.
    pub at: Option<Timestamp>,
    /// Its last lines, the latest last.
    pub lines: Vec<String>,
    /// Lines that tell of an error, each with its log.
    pub errors: Vec<(String, String)>,
}

impl Bootstrap {
    /// Of its logs by name, each with its last messages and their milliseconds since 1970, the latest last.
    pub fn of(logs: &[(String, Vec<(i64, String)>)]) -> Self {
        let newest = logs.iter().filter_map(|(name, events)| Some((events.last()?.0, name, events))).max_by_key(|(at, ..)| *at);
        let mut told = Self::default();
        if let Some((at, name, events)) = newest {
            told.log.clone_from(name);
            told.at = Timestamp::from_millisecond(at).ok();
            let lines: Vec<&str> = events.iter().flat_map(|(_, message)| message.lines()).filter(|line| !line.trim().is_empty()).collect();
            told.lines = lines[lines.len().saturating_sub(LAST)..].iter().map(|line| plain(line.as_bytes())).collect();
        }
        for name in LOGS {
            for (_, events) in logs.iter().filter(|(log, _)| log == name) {
                told.errors.extend(errors(events).into_iter().map(|line| (name.to_owned(), line)));
            }
        }
        told
    }
}

fn plain(line: &[u8]) -> String {
    String::from_utf8_lossy(&pattern::without_colours(line)).trim().to_owned()
}

/// The lines that tell of an error, each but once, and what a command that failed had to say.
fn errors(events: &[(i64, String)]) -> Vec<String> {
    let mut lines = Lines::new(4 << 20, 0, false);
    let text: String = events.iter().flat_map(|(_, message)| [message.trim_end(), "\n"]).collect();
    lines.feed(0, text.as_bytes(), 0);
    let mut found: Vec<(String, String)> = Vec::new();
    for number in lines.first()..lines.end() {
        let Some(Shown::Text(text)) = lines.get(number) else { continue };
        let is_error = lines.blocks().severity(number).is_some_and(super::lines::Severity::is_error_head);
        let text = plain(text);
        let is_said = text.strip_prefix("STDERR:").is_some_and(|said| !said.trim().is_empty());
        if !is_error && !is_said {
            continue;
        }
        // The same is said by several levels one after the other.
        let essence =
            ["had an error: ", "ERROR: ", "FATAL: "].iter().find_map(|word| text.split_once(word)).map_or(&*text, |(_, rest)| rest);
        if found.iter().all(|(_, other)| other != essence) {
            found.push((text.clone(), essence.to_owned()));
        }
    }
    found.truncate(ERRORS);
    found.into_iter().map(|(text, _)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_and_the_errors_of_every_log_are_told() {
        let chef = [
            (1_000, "[2026-11-26T03:00:01+00:00] INFO: Processing mount[/fsx] action mount\n"),
            (
                2_000,
                "[2026-11-26T03:00:02+00:00] ERROR: mount[/fsx] (aws-parallelcluster-environment::fsx line 3) had an error: Mixlib::ShellOut::ShellCommandFailed: Expected process to exit with [0], but received '5'\n---- Begin output of mount /fsx ----\nSTDOUT: \nSTDERR: mount.lustre: mount fs-1.fsx@tcp:/x at /fsx failed: \u{1b}[31mInput/output error\u{1b}[0m",
            ),
            (
                3_000,
                "[2026-11-26T03:00:03+00:00] FATAL: Mixlib::ShellOut::ShellCommandFailed: mount[/fsx] had an error: Mixlib::ShellOut::ShellCommandFailed: Expected process to exit with [0], but received '5'",
            ),
        ];
        let init = [(4_000, "2026-11-26 03:00:04,000 [ERROR] Error encountered during build of chefRun: Command chefClient failed")];
        let of = |events: &[(i64, &str)]| events.iter().map(|(at, text)| (*at, (*text).to_owned())).collect::<Vec<_>>();
        let told = Bootstrap::of(&[("cfn-init".into(), of(&init)), ("chef-client".into(), of(&chef)), ("cloud-init".into(), Vec::new())]);
        assert_eq!((told.log.as_str(), told.at.unwrap().as_millisecond(), told.lines.len()), ("cfn-init", 4_000, 1));
        let errors: Vec<_> = told.errors.iter().map(|(log, line)| (log.as_str(), line.as_str())).collect();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(errors[0].0 == "chef-client" && errors[0].1.contains("had an error: Mixlib"), "{errors:?}");
        assert_eq!(errors[1].1, "STDERR: mount.lustre: mount fs-1.fsx@tcp:/x at /fsx failed: Input/output error");
        assert_eq!(errors[2].0, "cfn-init");
        assert_eq!(Bootstrap::of(&[]), Bootstrap::default());
    }
}
