//! The file: its tables, and how it is opened so that several processes can share it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{DAYS, now, trouble};
use crate::model::Failure;

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
";

/// Opens or makes the file.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    let fail = |error: &dyn std::fmt::Display| trouble(path, &error.to_string());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| fail(&error))?;
    }
    let connection = Connection::open(path).map_err(|error| fail(&error))?;
    let prepare = || -> rusqlite::Result<()> {
        connection.busy_timeout(Duration::from_secs(10))?;
        // Write-ahead: readers never wait for a writer, and a kill leaves the file as it was before or after.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute_batch(TABLES)?;
        connection.execute("delete from jobs where seen < ?1", [now() - DAYS * 86_400])?;
        connection.execute("delete from outbox where state <> 'open' and begun < ?1", [now() - 7 * 86_400])?;
        Ok(())
    };
    prepare().map_err(|error| fail(&error))?;
    Ok(connection)
}
