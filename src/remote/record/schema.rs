//! The file: its tables, and how it is opened so that several processes can share it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{DAYS, SCRIPT_DAYS, now, trouble};
use crate::model::Failure;

/// How long others who write are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
create table if not exists jobs (
  cluster text not null, id text not null, submitted integer not null,
  array text not null, name text not null, user text not null, partition text not null,
  state text not null, over integer not null, exit_code text,
  nodes integer not null, node_list text not null, cpus integer not null,
  started integer, ended integer, work_dir text not null, stdout text not null, stderr text not null,
  seen integer not null, own integer not null,
  primary key (cluster, id, submitted)) without rowid;
create index if not exists jobs_seen on jobs (cluster, seen);
create index if not exists jobs_array on jobs (cluster, array) where array <> '';
create table if not exists outbox (
  token text primary key, cluster text not null, name text not null, begun integer not null,
  place text, path text not null, dir text, args text not null, options text not null, script text,
  owner integer not null, owner_since integer not null, state text not null, job text, said text) without rowid;
create table if not exists trail (
  cluster text not null, minute integer not null,
  nodes text, partitions text, waiting integer, running integer, own_waiting integer, own_running integer,
  hour integer, unpriced integer,
  primary key (cluster, minute)) without rowid;
create table if not exists courses (
  operation text not null, began integer not null, cluster text not null, phase text not null, seconds integer not null,
  primary key (operation, began, cluster, phase)) without rowid;
";

/// What later versions added, one step each; the file's user_version counts the steps that it has taken.
const STEPS: [&str; 1] = ["
alter table jobs add column command text not null default '';
alter table jobs add column origin text not null default 'queue';
create index if not exists outbox_job on outbox (cluster, job) where job is not null;
"];

/// Opens or makes the file.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    let fail = |error: &dyn std::fmt::Display| trouble(path, &error.to_string());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| fail(&error))?;
    }
    let mut connection = Connection::open(path).map_err(|error| fail(&error))?;
    let mut prepare = || -> rusqlite::Result<()> {
        connection.busy_timeout(PATIENCE)?;
        // Write-ahead: readers never wait for a writer, and a kill leaves the file as it was before or after.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute_batch(TABLES)?;
        advance(&mut connection)?;
        connection.execute("delete from jobs where seen < ?1", [now() - DAYS * 86_400])?;
        connection.execute("delete from trail where minute < ?1", [now() / 60 - crate::model::trail::DAYS * 1_440])?;
        // What was submitted is kept as long as its job, to be submitted again; its script not quite so long.
        connection.execute("delete from outbox where state <> 'open' and begun < ?1", [now() - DAYS * 86_400])?;
        connection.execute("update outbox set script = null where state <> 'open' and begun < ?1", [now() - SCRIPT_DAYS * 86_400])?;
        Ok(())
    };
    // While others make the file or its journal, SQLite refuses some steps at once rather than wait, lest two wait for each other.
    let begun = Instant::now();
    while let Err(error) = prepare() {
        if begun.elapsed() > PATIENCE || error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
            return Err(fail(&error));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(connection)
}

/// Takes the steps that are missing. Several processes may come at once: one takes them, the others find them taken.
fn advance(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = |db: &Connection| db.query_row("pragma user_version", [], |row| row.get::<_, i64>(0));
    let taken = |db: &Connection| Ok::<_, rusqlite::Error>(usize::try_from(version(db)?).unwrap_or(0));
    if taken(connection)? >= STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(taken(&transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}
