//! Submissions on their way: written down before anything is sent, so that a kill loses none and doubles none.

use rusqlite::{OptionalExtension as _, params};

use super::{Record, now};
use crate::model::{ClusterId, Failure, JobId, Place, Submission, Unsent};

/// A submission that is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// Its unique token.
    pub token: String,
    /// What was confirmed.
    pub submission: Submission,
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
                "update outbox set state = ?2, job = ?3, said = ?4, script = null where token = ?1",
                params![token, state, job, said],
            )
            .map(|_| ())
        })
    }

    /// A submission whose answer is not known; this process takes it over.
    pub fn take(&self, token: &str) -> Result<Option<Draft>, Failure> {
        let (owner, since) = me();
        let words = |text: String| serde_json::from_str::<Vec<String>>(&text).unwrap_or_default();
        self.with(|db, _, _| {
            db.execute("update outbox set owner = ?2, owner_since = ?3 where token = ?1 and state = 'open'", params![token, owner, since])?;
            db.query_row(
                "select cluster, place, path, dir, args, options, script from outbox where token = ?1 and state = 'open'",
                [token],
                |row| {
                    let place: Option<String> = row.get(1)?;
                    let submission = Submission {
                        cluster: ClusterId::new(row.get::<_, String>(0)?),
                        place: place.map_or(Place::Here, |cluster| Place::Head(ClusterId::new(cluster))),
                        path: row.get(2)?,
                        dir: row.get(3)?,
                        args: words(row.get(4)?),
                        options: words(row.get(5)?),
                        text: row.get(6)?,
                    };
                    Ok(Draft { token: token.to_owned(), submission })
                },
            )
            .optional()
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
                    busy: row.get::<_, i64>(5)? == started(row.get(4)?),
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

/// When a process was started, in the kernel's ticks since boot; -1 when there is none.
fn started(pid: i64) -> i64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything, spaces too.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).unwrap_or(-1)
}
