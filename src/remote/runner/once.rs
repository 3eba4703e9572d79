//! A submission enters the queue whole or not at all, and once for each token, wherever in between its writer is killed.
//!
//! Its jobs are made as drafts that no reader sees; the file of its token is the one moment in which it is decided; only then are they shown.
//! All of it needs the queue to be held.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::state;
use crate::model::Failure;
use crate::remote::local::trouble;

/// Tokens are forgotten after this long: no record of a submission that was cut off is older.
const KEPT: Duration = Duration::from_secs(40 * 86_400);

fn tokens(dir: &Path) -> PathBuf {
    dir.join("tokens")
}

/// The number of the job that a token became.
pub(super) fn number(dir: &Path, token: &str) -> Option<u64> {
    fs::read_to_string(tokens(dir).join(token)).ok()?.trim().parse().ok()
}

/// Decides that the drafts of `number` are a submission.
pub(super) fn decide(dir: &Path, token: &str, number: u64) -> Result<(), Failure> {
    let folder = tokens(dir);
    fs::create_dir_all(&folder).map_err(|error| trouble::at(&folder, &error))?;
    state::write(&folder.join(token), number.to_string().as_bytes())
}

/// Shows the drafts of `number` to everybody.
pub(super) fn show(dir: &Path, number: u64) -> Result<(), Failure> {
    for (draft, id) in drafts(dir)?.into_iter().filter(|(_, id)| number_of(id) == Some(number)) {
        fs::rename(&draft, dir.join(id)).map_err(|error| trouble::at(&draft, &error))?;
    }
    Ok(())
}

/// Clears away drafts that were never decided about, and tokens that nobody asks for any more.
pub(super) fn sweep(dir: &Path) -> Result<(), Failure> {
    let mut decided = Vec::new();
    for file in fs::read_dir(tokens(dir)).into_iter().flatten().flatten() {
        let old = file.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > KEPT);
        if old {
            let _ = fs::remove_file(file.path());
        } else {
            decided.extend(fs::read_to_string(file.path()).ok().and_then(|text| text.trim().parse::<u64>().ok()));
        }
    }
    for (draft, id) in drafts(dir)? {
        if number_of(&id).is_none_or(|number| !decided.contains(&number)) {
            let _ = fs::remove_dir_all(draft);
        }
    }
    Ok(())
}

/// Every draft's folder and its job's id.
fn drafts(dir: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    let found = fs::read_dir(dir).map_err(|error| trouble::at(dir, &error))?.flatten();
    Ok(found.filter_map(|entry| Some((entry.path(), entry.file_name().to_str()?.strip_prefix('.')?.to_owned()))).collect())
}

/// `7` of `7` and of `7_3`.
fn number_of(id: &str) -> Option<u64> {
    id.split('_').next()?.parse().ok()
}
