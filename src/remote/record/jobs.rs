//! Jobs: what changed since they were last seen, and what they were.

use std::collections::HashSet;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::{Known, Record, now};
use crate::model::{Change, ClusterId, Failure, Job, JobId, JobState, JobTable, Origin, Past, Scope};

/// No more jobs than this are asked about at once (Slurm looks through all of its jobs for one as for many); the others have their turn at
/// the next refresh.
const ASKED: usize = 1_000;

/// What has ended stays so: an older look at the queue, by a process that was slower, does not bring it back to life.
const UPSERT: &str = "insert into jobs values (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22)
  on conflict (cluster, id, submitted) do update set
  state = case when over = 1 and state <> 'UNKNOWN' and excluded.over = 0 then state else excluded.state end,
  origin = case when over = 1 and state <> 'UNKNOWN' and excluded.over = 0 then origin else excluded.origin end,
  over = case when state = 'UNKNOWN' then excluded.over else max(over, excluded.over) end,
  name = case when excluded.name = '' then name else excluded.name end, user = case when excluded.user = '' then user else excluded.user end,
  command = case when excluded.command = '' then command else excluded.command end, exit_code = coalesce(excluded.exit_code, exit_code), nodes = excluded.nodes,
  node_list = case when excluded.node_list = '' then node_list else excluded.node_list end, cpus = excluded.cpus,
  started = coalesce(excluded.started, started), ended = coalesce(excluded.ended, ended),
  work_dir = case when excluded.work_dir = '' then work_dir else excluded.work_dir end,
  stdout = case when excluded.stdout = '' then stdout else excluded.stdout end,
  stderr = case when excluded.stderr = '' then stderr else excluded.stderr end, seen = excluded.seen, own = max(own, excluded.own)";

/// What a look at the queue brought to light.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Own jobs in another state than before.
    pub changes: Vec<Change>,
    /// Own jobs whose end the scheduler should be asked about.
    pub ended: Vec<JobId>,
}

impl Record {
    /// Takes in an answer of the queue. What changed about the user's own jobs is [`Record::news`]; those whose end shall be asked for come back.
    pub fn saw(&self, cluster: &ClusterId, scope: Scope, table: &mut JobTable) -> Result<Vec<JobId>, Failure> {
        let at = now();
        let seen = self.with(|db, clusters, users| {
            let (known, first) = match clusters.entry(cluster.clone()) {
                Entry::Occupied(entry) => (entry.into_mut(), false),
                Entry::Vacant(entry) => (entry.insert(load(db, cluster)?), true),
            };
            // Before own jobs that ended were ever listed, those that are listed are old news.
            let fresh = users.contains_key(cluster);
            if scope == Scope::Mine {
                let user = users.entry(cluster.clone()).or_default();
                if let Some(job) = table.get(0).filter(|_| user.is_empty()) {
                    job.user().clone_into(user);
                }
            }
            let user = users.get(cluster).map(String::as_str);
            look(db, cluster, (known, first, fresh), table, (at, scope), &|job| scope == Scope::Mine || user == Some(job.user()))
        })?;
        self.inner().news.entry(cluster.clone()).or_default().extend(seen.changes);
        table.past = self.past_tasks(cluster, table)?;
        Ok(seen.ended)
    }

    /// Takes in how jobs ended; those that were asked about and are missing are forgotten by the scheduler.
    pub fn complete(&self, cluster: &ClusterId, asked: &[JobId], told: &[Past]) -> Result<(), Failure> {
        let mut news = self.news(cluster);
        let done = self.completed(cluster, asked, told, &mut news);
        self.inner().news.entry(cluster.clone()).or_default().splice(..0, news);
        done
    }

    fn completed(&self, cluster: &ClusterId, asked: &[JobId], told: &[Past], news: &mut Vec<Change>) -> Result<(), Failure> {
        let at = now();
        self.with(|db, clusters, _| {
            let Some(known) = clusters.get_mut(cluster) else { return Ok(()) };
            let transaction = db.transaction()?;
            for past in told {
                let state = past.state.unwrap_or(JobState::Unknown);
                // It is the job that was asked about, whatever a requeue has made of its time of submission.
                let submitted = known.get(&past.id).map(|(_, submitted, _)| *submitted).filter(|at| *at > 0).or(past.submitted);
                put(&transaction, cluster, &Past { seen: at, submitted, ..past.clone() }, true)?;
                // What the queue still lists as ended has been told already; its exit code is news.
                let told = news.iter_mut().rev().find(|change| change.job.as_str() == past.id);
                match (told, known.get(&past.id)) {
                    (Some(change), _) => (change.to, change.exit_code) = (state, past.exit_code.clone()),
                    (None, Some((from, ..))) if *from != state => news.push(Change {
                        job: JobId::new(&past.id),
                        array: past.array.clone(),
                        name: past.name.clone(),
                        from: Some(*from),
                        to: state,
                        exit_code: past.exit_code.clone(),
                    }),
                    _ => {}
                }
                known.insert(past.id.clone(), (state, submitted.unwrap_or(0), true));
            }
            for id in asked.iter().filter(|id| told.iter().all(|past| past.id != id.as_str())) {
                if let Some((state, submitted, _)) = known.get_mut(id.as_str())
                    && !state.is_over()
                {
                    news.push(forgotten(&transaction, cluster, id, (*state, *submitted))?);
                    *state = JobState::Unknown;
                    let row = params![cluster.as_str(), id.as_str(), *submitted];
                    transaction
                        .execute("update jobs set over = 1, state = 'UNKNOWN' where cluster = ?1 and id = ?2 and submitted = ?3", row)?;
                }
                // It is asked about once: who does not know it now will not know it later.
                known.remove(id.as_str());
            }
            transaction.commit()
        })
    }

    /// Takes in what the scheduler's accounting remembers.
    pub fn learn(&self, cluster: &ClusterId, told: &[Past], own: bool) -> Result<(), Failure> {
        let at = now();
        self.with(|db, _, _| {
            let transaction = db.transaction()?;
            for past in told {
                let seen = past.ended.or(past.started).or(past.submitted).unwrap_or(at);
                put(&transaction, cluster, &Past { seen, ..past.clone() }, own)?;
            }
            transaction.commit()
        })
    }

    /// Tasks of the table's arrays that have left the queue.
    fn past_tasks(&self, cluster: &ClusterId, table: &JobTable) -> Result<Vec<(String, u32, u32)>, Failure> {
        let arrays: Vec<&str> =
            table.iter().map(|job| job.array_job_id()).filter(|a| !a.is_empty()).collect::<HashSet<_>>().into_iter().take(200).collect();
        if arrays.is_empty() {
            return Ok(Vec::new());
        }
        let here: HashSet<&str> = table.iter().filter(|job| !job.array_job_id().is_empty()).map(|job| job.id()).collect();
        self.with(|db, _, _| {
            let marks = vec!["?"; arrays.len()].join(",");
            let mut rows =
                db.prepare(&format!("select array, id, state from jobs where cluster = ? and over = 1 and array in ({marks})"))?;
            let mut found = rows.query(params_from_iter(std::iter::once(cluster.as_str()).chain(arrays.iter().copied())))?;
            let mut tally: std::collections::HashMap<String, (u32, u32)> = std::collections::HashMap::new();
            while let Some(row) = found.next()? {
                let (array, id, state): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if !here.contains(id.as_str()) {
                    let counts = tally.entry(array).or_default();
                    if JobState::read(&state).is_bad() { counts.1 += 1 } else { counts.0 += 1 }
                }
            }
            Ok(tally.into_iter().map(|(array, (good, bad))| (array, good, bad)).collect())
        })
    }
}

/// What is known of a cluster's jobs that had not ended when they were last seen.
fn load(db: &Connection, cluster: &ClusterId) -> rusqlite::Result<Known> {
    let mut rows = db.prepare("select id, state, submitted from jobs where cluster = ?1 and over = 0 and own = 1")?;
    let known = rows.query_map([cluster.as_str()], |row| {
        let state: String = row.get(1)?;
        Ok((row.get(0)?, (JobState::read(&state), row.get(2)?, true)))
    })?;
    known.collect()
}

/// A job that left the queue so long ago that nobody can say how it ended.
fn forgotten(db: &Connection, cluster: &ClusterId, job: &JobId, (from, submitted): (JobState, i64)) -> rusqlite::Result<Change> {
    let mut row = db.prepare_cached("select array, name from jobs where cluster = ?1 and id = ?2 and submitted = ?3")?;
    let found = row.query_row(params![cluster.as_str(), job.as_str(), submitted], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (array, name) = found.unwrap_or_default();
    Ok(Change { job: job.clone(), array, name, from: Some(from), to: JobState::Unknown, exit_code: None })
}

/// `first` is this process's first look at the cluster; `fresh` says that own jobs that have ended were listed before.
fn look(
    db: &mut Connection,
    cluster: &ClusterId,
    (known, first, fresh): (&mut Known, bool, bool),
    table: &JobTable,
    (at, scope): (i64, Scope),
    is_own: &dyn Fn(&Job<'_>) -> bool,
) -> rusqlite::Result<Seen> {
    let mut seen = Seen::default();
    let mut here = HashSet::with_capacity(table.len());
    let transaction = db.transaction()?;
    for job in table.iter() {
        // The waiting rest of an array has another id at each look; its tasks are written down when they start.
        if job.id().contains('[') {
            continue;
        }
        here.insert(job.id());
        // Not every scheduler tells it of every job at every look: what is known holds.
        let submitted = match (job.submitted(), known.get(job.id())) {
            (Some(at), _) => at.as_second(),
            (None, Some((_, before, _))) => *before,
            (None, None) => 0,
        };
        let before = known.get(job.id()).filter(|(_, s, _)| *s == submitted || *s == 0);
        if before.is_some_and(|(state, ..)| *state == job.state()) {
            continue;
        }
        let own = is_own(&job);
        let from = before.map(|(state, ..)| *state);
        // What came and ended between two looks is news as well.
        if own && (from.is_some() || !first && (fresh || !job.state().is_over())) {
            seen.changes.push(Change {
                job: job.job_id(),
                array: job.array_job_id().to_owned(),
                name: job.name().to_owned(),
                from,
                to: job.state(),
                exit_code: None,
            });
        }
        if own && job.state().is_over() && seen.ended.len() < ASKED {
            seen.ended.push(job.job_id());
        }
        put(&transaction, cluster, &Past { submitted: Some(submitted), ..past(&job, at) }, own)?;
        known.insert(job.id().to_owned(), (job.state(), submitted, own));
    }
    transaction.commit()?;
    // Own jobs that were there and are not: they ended between two looks.
    let gone = known.iter().filter(|(id, (state, _, own))| *own && !state.is_over() && !here.contains(id.as_str()));
    seen.ended.extend(gone.map(|(id, _)| JobId::new(id)).take(ASKED));
    // What ended and is not listed any more needs no place in memory; everybody's queue does not list what ended at all.
    known.retain(|id, (state, _, own)| here.contains(id.as_str()) || *own && (!state.is_over() || scope == Scope::All));
    Ok(seen)
}

fn past(job: &Job<'_>, at: i64) -> Past {
    Past {
        id: job.id().to_owned(),
        array: job.array_job_id().to_owned(),
        name: job.name().to_owned(),
        user: job.user().to_owned(),
        partition: job.partition().to_owned(),
        state: Some(job.state()),
        exit_code: None,
        nodes: job.nodes(),
        node_list: job.node_list().to_owned(),
        cpus: job.cpus(),
        submitted: job.submitted().map(jiff::Timestamp::as_second),
        // The start of a waiting job is an estimate.
        started: job.started().filter(|_| !job.state().is_waiting()).map(jiff::Timestamp::as_second),
        ended: None,
        work_dir: job.work_dir().to_owned(),
        stdout: job.stdout().to_owned(),
        stderr: job.stderr().to_owned(),
        command: String::new(),
        seen: at,
        origin: Origin::Queue,
    }
}

pub(super) fn put(db: &Connection, cluster: &ClusterId, job: &Past, own: bool) -> rusqlite::Result<()> {
    let state = job.state.unwrap_or(JobState::Unknown);
    if job.submitted.is_some_and(|at| at > 0) {
        // A row from before its time of submission was known is this job's.
        let mut dated = db.prepare_cached("update or ignore jobs set submitted = ?3 where cluster = ?1 and id = ?2 and submitted = 0")?;
        dated.execute(params![cluster.as_str(), job.id, job.submitted])?;
    }
    let mut statement = db.prepare_cached(UPSERT)?;
    statement.execute(params![
        cluster.as_str(),
        job.id,
        job.submitted.unwrap_or(0),
        job.array,
        job.name,
        job.user,
        job.partition,
        state.long(),
        state.is_over(),
        job.exit_code,
        job.nodes,
        job.node_list,
        job.cpus,
        job.started,
        job.ended,
        job.work_dir,
        job.stdout,
        job.stderr,
        job.seen,
        own,
        job.command,
        job.origin.word()
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
