//! Who changed what, when, and what came of it: a line of JSON for each changing command, in a file that only grows.
//!
//! Several qdecks append to it at once. A file that cannot be written stops no command; the log says so.

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::{ClusterId, Deed, Failure, FailureKind};

/// No more of the file's end than this is read.
const LOOK: u64 = 4 << 20;

/// The file.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// `qdeck/audit.jsonl` in the XDG state folder.
    pub fn default_path() -> PathBuf {
        super::record::Record::default_path().with_file_name("audit.jsonl")
    }

    /// An audit trail in the file at `path`, which is made when it is first needed.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends one deed. A line is written in one call, so that two qdecks do not mix theirs.
    pub fn add(&self, deed: &Deed) {
        let line = json!({
            "at": deed.at.to_string(), "user": deed.user, "cluster": deed.cluster.as_str(), "command": deed.command, "result": deed.result,
        });
        if let Err(error) = append(&self.path, &format!("{line}\n")) {
            tracing::warn!(%error, path = %self.path.display(), "the audit trail could not be written");
        }
    }

    /// The latest deeds, the newest first. No file is no deeds.
    pub fn read(&self, most: usize) -> Result<Vec<Deed>, Failure> {
        let trouble = |error: std::io::Error| Failure::new(FailureKind::Denied, self.path.display().to_string(), error.to_string());
        let mut file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(trouble(error)),
        };
        let size = file.metadata().map_err(trouble)?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOOK))).map_err(trouble)?;
        // The first line may be half a one; it does not read as JSON then.
        let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
        let mut all: Vec<Deed> = lines.filter_map(|line| read(&line)).collect();
        all.reverse();
        all.truncate(most);
        Ok(all)
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::options().create(true).append(true).mode(0o600).open(path)?.write_all(line.as_bytes())
}

fn read(line: &[u8]) -> Option<Deed> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let at: Timestamp = text("at")?.parse().ok()?;
    Some(Deed { at, user: text("user")?, cluster: ClusterId::new(text("cluster")?), command: text("command")?, result: text("result")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_come_back_newest_first_and_a_torn_line_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::at(dir.path().join("a/audit.jsonl"));
        assert_eq!(audit.read(10).unwrap(), []);
        let deed = |command: &str| Deed {
            at: Timestamp::from_second(1_790_000_000).unwrap(),
            user: "me".into(),
            cluster: ClusterId::new("p/r/c"),
            command: command.into(),
            result: "done".into(),
        };
        audit.add(&deed("cancel 1\n\x1b[2J"));
        append(&audit.path, "{\"at\": \"20\n").unwrap();
        audit.add(&deed("hold 2"));
        assert_eq!(audit.read(10).unwrap(), [deed("hold 2"), deed("cancel 1\n\x1b[2J")]);
        assert_eq!(audit.read(1).unwrap().len(), 1);
    }
}
