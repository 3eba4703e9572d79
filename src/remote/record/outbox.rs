//! Submissions on their way: written down before anything is sent, so that a kill loses none and doubles none.

use rusqlite::{OptionalExtension as _, Row, TransactionBehavior, params};

use super::{Record, now};
use crate::model::{ClusterId, Failure, JobId, Place, Submission, Unsent};

/// Seconds after which nobody can tell any more whether a submission was sent: the head node keeps its traces for a week, and this
/// is told a day before.
const STALE: i64 = 6 * 86_400;
/// A longer script is not kept once its submission is settled.
const KEPT: i64 = 256 << 10;

const COLUMNS: &str = "cluster, place, path, dir, args, options, script";

/// A submission that is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Its unique token.
    pub token: String,
    /// What was confirmed.
    pub submission: Submission,
}

/// What came of the wish to go on with a submission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// This process goes on with it, and no other does.
    Draft(Draft),
    /// A process that lives works on it.
    Busy,
    /// Its answer is known, or it was given up.
    Settled,
    /// It is so old that nobody can tell whether it was sent.
    Stale,
}

fn submission(row: &Row<'_>) -> rusqlite::Result<Submission> {
    let words = |text: String| serde_json::from_str::<Vec<String>>(&text).unwrap_or_default();
    let place: Option<String> = row.get(1)?;
    Ok(Submission {
        cluster: ClusterId::new(row.get::<_, String>(0)?),
        place: place.map_or(Place::Here, |cluster| Place::Head(ClusterId::new(cluster))),
        path: row.get(2)?,
        dir: row.get(3)?,
        args: words(row.get(4)?),
        options: words(row.get(5)?),
        text: row.get(6)?,
    })
}

impl Record {
    /// Writes a submission down. From here on it is not lost.
    pub fn begin(&self, token: &str, submission: &Submission) -> Result<(), Failure> {
        let list = |words: &[String]| serde_json::to_string(words).unwrap_or_default();
        let place = match &submission.place {
            Place::Here => None,
            Place::Head(cluster) => Some(cluster.as_str()),
        };
        let name = submission.path.rsplit('/').next().unwrap_or("");
        let (owner, since) = me();
        // A disk must have it before a scheduler can.
        self.with(|db, _, _| {
            db.pragma_update(None, "synchronous", "full")?;
            let done = db.execute(
                "insert or ignore into outbox values (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,'open',null,null)",
                params![
                    token,
                    submission.cluster.as_str(),
                    name,
                    now(),
                    place,
                    submission.path,
                    submission.dir,
                    list(&submission.args),
                    list(&submission.options),
                    submission.text,
                    owner,
                    since
                ],
            );
            db.pragma_update(None, "synchronous", "normal")?;
            done.map(|_| ())
        })
    }

    /// Its answer is known: a job, or the words of whoever refused it.
    pub fn settle(&self, token: &str, job: Result<&JobId, &str>) -> Result<(), Failure> {
        let (state, job, said) = match job {
            Ok(job) => ("done", Some(job.as_str()), None),
            Err(said) => ("refused", None, Some(said)),
        };
        self.with(|db, _, _| {
            db.execute(
                "update outbox set state = ?2, job = ?3, said = ?4,
                 script = case when ?2 = 'done' and length(script) <= ?5 then script end where token = ?1",
                params![token, state, job, said, KEPT],
            )
            .map(|_| ())
        })
    }

    /// A submission whose answer is not known; this process takes it over, unless one that lives has it.
    pub fn take(&self, token: &str) -> Result<Taken, Failure> {
        let (pid, since) = me();
        self.with(|db, _, _| {
            // Looked at and taken under one lock: of two processes that try at once, one gets it.
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "select owner, owner_since, begun from outbox where token = ?1 and state = 'open'";
            let open =
                transaction.query_row(sql, [token], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, i64>(2)?))).optional()?;
            match open {
                None => return Ok(Taken::Settled),
                Some((owner, began, _)) if lives(owner, began) => return Ok(Taken::Busy),
                Some((.., begun)) if now() - begun > STALE => return Ok(Taken::Stale),
                Some(_) => {}
            }
            transaction.execute("update outbox set owner = ?2, owner_since = ?3 where token = ?1", params![token, pid, since])?;
            let sql = format!("select {COLUMNS} from outbox where token = ?1");
            let submission = transaction.query_row(&sql, [token], submission)?;
            transaction.commit()?;
            Ok(Taken::Draft(Draft { token: token.to_owned(), submission }))
        })
    }

    /// This process does not work on it any more, though its answer is not known.
    pub fn release(&self, token: &str) -> Result<(), Failure> {
        let (pid, since) = me();
        self.with(|db, _, _| {
            let sql =
                "update outbox set owner = 0, owner_since = 0 where token = ?1 and state = 'open' and owner = ?2 and owner_since = ?3";
            db.execute(sql, params![token, pid, since]).map(|_| ())
        })
    }

    /// Gives up a submission that nobody works on. False when somebody does, or when its answer is known.
    pub fn forget(&self, token: &str) -> Result<bool, Failure> {
        self.with(|db, _, _| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "select owner, owner_since from outbox where token = ?1 and state = 'open'";
            let open = transaction.query_row(sql, [token], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
            if open.is_none_or(|(owner, began)| lives(owner, began)) {
                return Ok(false);
            }
            transaction.execute("update outbox set state = 'refused', said = 'given up', script = null where token = ?1", [token])?;
            transaction.commit()?;
            Ok(true)
        })
    }

    /// What a job, or the array it belongs to, was submitted as, if qdeck did it; with its token, and when, in seconds since 1970. A
    /// cluster that was made anew counts its jobs from 1 again: the caller sees to it that it is the same job.
    pub fn submitted(&self, cluster: &ClusterId, job: &JobId) -> Result<Option<(Draft, i64)>, Failure> {
        let whole = job.as_str().split('_').next().unwrap_or(job.as_str());
        self.with(|db, _, _| {
            let sql = format!(
                "select {COLUMNS}, token, begun from outbox where cluster = ?1 and job = ?2 and state = 'done' order by begun desc limit 1"
            );
            let read = |row: &Row<'_>| Ok((Draft { token: row.get(7)?, submission: submission(row)? }, row.get(8)?));
            db.query_row(&sql, params![cluster.as_str(), whole], read).optional()
        })
    }

    /// Submissions whose answer is not known, the oldest first.
    pub fn unsent(&self) -> Result<Vec<Unsent>, Failure> {
        self.with(|db, _, _| {
            let mut rows =
                db.prepare("select token, cluster, name, begun, owner, owner_since from outbox where state = 'open' order by begun")?;
            let all = rows.query_map([], |row| {
                Ok(Unsent {
                    token: row.get(0)?,
                    cluster: ClusterId::new(row.get::<_, String>(1)?),
                    name: row.get(2)?,
                    begun: row.get(3)?,
                    busy: lives(row.get(4)?, row.get(5)?),
                    stale: now() - row.get::<_, i64>(3)? > STALE,
                })
            })?;
            all.collect()
        })
    }
}

/// This process, in a way that a later process with the same number is not.
fn me() -> (i64, i64) {
    let pid = i64::from(std::process::id());
    (pid, started(pid))
}

/// Whether the process of this number that was started then still lives.
fn lives(pid: i64, since: i64) -> bool {
    pid > 0 && since > 0 && started(pid) == since
}

/// When a process was started, in the kernel's ticks since boot; -1 when there is none.
fn started(pid: i64) -> i64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything, spaces too.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest).trim_start();
    // One that nobody has taken in yet is dead all the same.
    if after.starts_with(['Z', 'X']) {
        return -1;
    }
    after.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).unwrap_or(-1)
}
