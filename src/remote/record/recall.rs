//! What is remembered, read back: many jobs for a list, one job that its scheduler has forgotten, the tasks of an array.
//!
//! Changes nothing but the paths of a job, which are learnt when somebody looks at it.

use rusqlite::{OptionalExtension as _, Row, params};

use super::jobs::put;
use super::{Record, now};
use crate::model::{ClusterId, Failure, JobId, JobState, JobTable, Origin, Past, Recall};

/// No more remembered jobs than this in one answer.
const MOST: i64 = 2_000;

const COLUMNS: &str = "id, array, name, user, partition, state, exit_code, nodes, node_list, cpus, submitted, started, ended, work_dir, \
                       stdout, stderr, command, seen, origin";

fn past(row: &Row<'_>) -> rusqlite::Result<Past> {
    let (state, origin): (String, String) = (row.get(5)?, row.get(18)?);
    Ok(Past {
        id: row.get(0)?,
        array: row.get(1)?,
        name: row.get(2)?,
        user: row.get(3)?,
        partition: row.get(4)?,
        state: Some(JobState::read(&state)),
        exit_code: row.get(6)?,
        nodes: row.get(7)?,
        node_list: row.get(8)?,
        cpus: row.get(9)?,
        submitted: Some(row.get(10)?).filter(|at| *at > 0),
        started: row.get(11)?,
        ended: row.get(12)?,
        work_dir: row.get(13)?,
        stdout: row.get(14)?,
        stderr: row.get(15)?,
        command: row.get(16)?,
        seen: row.get(17)?,
        origin: Origin::ALL.iter().find(|(_, word)| *word == origin).map_or(Origin::Queue, |(origin, _)| *origin),
    })
}

impl Record {
    /// The jobs that are remembered, the latest first.
    pub fn recall(&self, cluster: &ClusterId, recall: &Recall) -> Result<Vec<Past>, Failure> {
        let like = format!("%{}%", recall.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        self.with(|db, _, _| {
            let mut rows = db.prepare(&format!(
                "select {COLUMNS}
                 from jobs where cluster = ?1 and (own = 1 or ?2) and seen >= ?3 and (?4 is null or state = ?4)
                 and (id like ?5 escape '\\' or name like ?5 escape '\\' or user like ?5 escape '\\' or partition like ?5 escape '\\' or node_list like ?5 escape '\\')
                 order by coalesce(ended, started, submitted) desc, id desc limit ?6"
            ))?;
            let since = recall.days.map_or(0, |days| now() - i64::from(days) * 86_400);
            let state = recall.state.map(JobState::long);
            let found = rows.query_map(params![cluster.as_str(), recall.everyone, since, state, like, MOST], past)?;
            found.collect()
        })
    }

    /// One job as it was last seen; of an array that is named as a whole, the task that was seen last.
    pub fn remembered(&self, cluster: &ClusterId, job: &JobId) -> Result<Option<Past>, Failure> {
        let one = job.as_str().split("_[").next().unwrap_or(job.as_str());
        self.with(|db, _, _| {
            db.query_row(
                &format!(
                    "select {COLUMNS} from jobs where cluster = ?1 and (id = ?2 or array = ?2) order by id = ?2 desc, submitted desc, seen desc limit 1"
                ),
                params![cluster.as_str(), one],
                past,
            )
            .optional()
        })
    }

    /// The last known state of each task of an array.
    pub fn tasks(&self, cluster: &ClusterId, array: &str) -> Result<Vec<(u32, JobState)>, Failure> {
        self.with(|db, _, _| {
            let mut rows = db.prepare(
                "select id, state from jobs where cluster = ?1 and array = ?2
                 and submitted = (select max(submitted) from jobs where cluster = ?1 and array = ?2) order by id",
            )?;
            let found = rows.query_map(params![cluster.as_str(), array], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let tasks = found.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(tasks.iter().filter_map(|(id, state)| Some((id.rsplit('_').next()?.parse().ok()?, JobState::read(state)))).collect())
        })
    }

    /// Takes in one job that somebody looked at: mostly for its paths, which the queue does not tell.
    pub fn note(&self, cluster: &ClusterId, job: &Past) -> Result<(), Failure> {
        let at = now();
        self.with(|db, clusters, users| {
            let mine = users.get(cluster).is_some_and(|user| *user == job.user);
            let open = clusters.get(cluster).and_then(|known| known.get(&job.id)).is_some_and(|(.., own)| *own);
            put(db, cluster, &Past { seen: at, ..job.clone() }, mine || open)
        })
    }

    /// Takes in the paths in an answer of the queue.
    pub fn learn_paths(&self, cluster: &ClusterId, table: &JobTable) -> Result<(), Failure> {
        self.with(|db, _, _| {
            let transaction = db.transaction()?;
            {
                let mut learn = transaction.prepare(
                    "update jobs set stdout = ?4, stderr = ?5 where cluster = ?1 and id = ?2 and submitted = ?3 and stdout <> ?4",
                )?;
                for job in table.iter().filter(|job| !job.stdout().is_empty()) {
                    let submitted = job.submitted().map_or(0, jiff::Timestamp::as_second);
                    learn.execute(params![cluster.as_str(), job.id(), submitted, job.stdout(), job.stderr()])?;
                }
            }
            transaction.commit()
        })
    }

    /// Takes in jobs that the login user has just submitted.
    pub fn took(&self, cluster: &ClusterId, jobs: &[Past]) -> Result<(), Failure> {
        let at = now();
        self.with(|db, _, _| {
            let transaction = db.transaction()?;
            for job in jobs.iter().filter(|job| !job.id.contains('[')) {
                let origin = if job.state.is_some_and(JobState::is_over) { job.origin } else { Origin::Queue };
                put(&transaction, cluster, &Past { seen: at, origin, ..job.clone() }, true)?;
            }
            transaction.commit()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, state: JobState) -> Past {
        let array = id.split_once('_').map_or("", |(array, _)| array);
        Past {
            id: id.into(),
            array: array.into(),
            name: "n".into(),
            user: "me".into(),
            state: Some(state),
            submitted: Some(5),
            stdout: format!("/o/{id}"),
            ..Past::default()
        }
    }

    #[test]
    fn one_job_and_the_tasks_of_an_array_are_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::at(dir.path().join("record.sqlite"));
        let cluster = ClusterId::local();
        let all =
            [job("1", JobState::Running), job("7_1", JobState::Failed), job("7_2", JobState::Completed), job("7_[3-9]", JobState::Pending)];
        record.took(&cluster, &all).unwrap();
        let found = |id: &str| record.remembered(&cluster, &JobId::new(id)).unwrap();
        assert_eq!(found("7_1").unwrap().stdout, "/o/7_1");
        assert_eq!(found("7").unwrap().array, "7");
        assert_eq!(found("9"), None);
        assert_eq!(record.tasks(&cluster, "7").unwrap(), [(1, JobState::Failed), (2, JobState::Completed)]);
    }

    #[test]
    fn a_slow_look_does_not_bring_an_ended_job_back() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::at(dir.path().join("record.sqlite"));
        let cluster = ClusterId::local();
        let end = Past { origin: Origin::End, exit_code: Some("1:0".into()), ..job("1", JobState::Failed) };
        record.took(&cluster, &[end]).unwrap();
        record.note(&cluster, &job("1", JobState::Running)).unwrap();
        let is = record.remembered(&cluster, &JobId::new("1")).unwrap().unwrap();
        assert_eq!((is.state, is.exit_code.as_deref(), is.origin), (Some(JobState::Failed), Some("1:0"), Origin::End));
        // What was thought forgotten and is there after all is believed.
        record.took(&cluster, &[job("2", JobState::Unknown)]).unwrap();
        record.note(&cluster, &job("2", JobState::Running)).unwrap();
        assert_eq!(record.remembered(&cluster, &JobId::new("2")).unwrap().unwrap().state, Some(JobState::Running));
    }

    #[test]
    fn a_file_of_an_older_version_is_read_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.sqlite");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(
            "create table jobs (cluster text not null, id text not null, submitted integer not null, array text not null, name text not null,
             user text not null, partition text not null, state text not null, over integer not null, exit_code text, nodes integer not null,
             node_list text not null, cpus integer not null, started integer, ended integer, work_dir text not null, stdout text not null,
             stderr text not null, seen integer not null, own integer not null, primary key (cluster, id, submitted)) without rowid;
             insert into jobs values ('local','1',5,'','n','me','p','FAILED',1,'1:0',1,'',1,1,2,'/w','/o','/o',9999999999,1);",
        )
        .unwrap();
        drop(old);
        let threads: Vec<_> = (0..12)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Record::at(path).recall(&ClusterId::local(), &Recall::default()).unwrap())
            })
            .collect();
        for thread in threads {
            let all = thread.join().unwrap();
            assert_eq!((all.len(), all[0].stdout.as_str(), all[0].command.as_str()), (1, "/o", ""));
        }
    }
}
