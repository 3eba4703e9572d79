//! How clusters were over time: at most one row a minute for each, kept for thirty days.
//!
//! Writes nothing twice in a minute; what was not seen in a minute is null, and stays it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Row, params};

use super::{Record, now};
use crate::model::trail::{DAYS, Day, Partitions, STRETCH};
use crate::model::{Burn, ClusterId, Failure, JobTable, Money, NodePhase, NodeTable, Sample, Scope, TaskSpan, Trail, Window};

/// Old rows are thrown away when qdeck opens its record, and every so many minutes.
const SWEEP: i64 = 60;

/// Whatever is new of a row is taken over, the rest of it stays.
const UPSERT: &str = "insert into trail (cluster, minute, nodes, partitions, waiting, running, own_waiting, own_running, hour, unpriced)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) on conflict (cluster, minute) do update set
  nodes = coalesce(excluded.nodes, nodes), partitions = coalesce(excluded.partitions, partitions),
  waiting = coalesce(excluded.waiting, waiting), running = coalesce(excluded.running, running),
  own_waiting = coalesce(excluded.own_waiting, own_waiting), own_running = coalesce(excluded.own_running, own_running),
  hour = coalesce(excluded.hour, hour), unpriced = coalesce(excluded.unpriced, unpriced)";

/// What each day cost, as [`Trail::new`] reckons it: a row stands for the minutes until the next one, if that is near, else for its own.
const DAYS_COST: &str = "select minute / 1440, sum(hour * stands), sum(stands), max(unpriced > 0) from (
  select minute, hour, unpriced, case when apart between 1 and ?3 then apart else 1 end as stands from (
    select minute, hour, coalesce(unpriced, 0) as unpriced, lead(minute) over (order by minute) - minute as apart
    from trail where cluster = ?1 and minute >= ?2 and hour is not null))
  group by 1 order by 1";

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Seen {
    Nodes,
    Queue(Scope),
    Cost,
}

impl Record {
    /// Takes in an answer about nodes.
    pub fn saw_nodes(&self, cluster: &ClusterId, table: &NodeTable) -> Result<(), Failure> {
        self.add(cluster, Seen::Nodes, now().div_euclid(60), || {
            let mut sample = Sample::default();
            let nodes = sample.nodes.insert([0; 6]);
            let mut partitions = BTreeMap::<String, (u32, u32)>::new();
            for node in &table.nodes {
                nodes[state(node.phase)] += 1;
                for partition in node.partitions.iter().filter(|_| node.phase.is_up()) {
                    let (used, up) = partitions.entry(partition.clone()).or_default();
                    (*used, *up) = (used.saturating_add(node.cpus_used), up.saturating_add(node.cpus));
                }
            }
            // One of which nothing is up has no use, which is not the same as not being there.
            for partition in table.nodes.iter().flat_map(|node| &node.partitions) {
                if !partitions.contains_key(partition) {
                    partitions.insert(partition.clone(), (0, 0));
                }
            }
            sample.partitions = Arc::new(partitions);
            sample
        })
    }

    /// Takes in an answer about jobs, each task of an array counted.
    pub fn saw_queue(&self, cluster: &ClusterId, scope: Scope, table: &JobTable) -> Result<(), Failure> {
        self.add(cluster, Seen::Queue(scope), now().div_euclid(60), || {
            let (mut waiting, mut running) = (0_u64, 0);
            for job in table.iter().filter(|job| !job.state().is_over()) {
                let tasks = if job.array_task_id().is_empty() { None } else { TaskSpan::read(job.array_task_id()) };
                let count = tasks.map_or(1, |tasks| tasks.count);
                if job.state().is_waiting() { waiting += count } else { running += count }
            }
            let counts = Some((u32::try_from(waiting).unwrap_or(u32::MAX), u32::try_from(running).unwrap_or(u32::MAX)));
            match scope {
                Scope::All => Sample { all: counts, ..Sample::default() },
                Scope::Mine => Sample { own: counts, ..Sample::default() },
            }
        })
    }

    /// Takes in what the machines of a cluster cost now. Where no price is known, nothing is.
    pub fn saw_cost(&self, cluster: &ClusterId, burn: &Burn) -> Result<(), Failure> {
        if burn.machines() > 0 && burn.brief().is_none() {
            return Ok(());
        }
        let sample = Sample { hour: Some(burn.hour), unpriced: burn.unpriced, ..Sample::default() };
        self.add(cluster, Seen::Cost, now().div_euclid(60), || sample)
    }

    fn add(&self, cluster: &ClusterId, seen: Seen, minute: i64, sample: impl FnOnce() -> Sample) -> Result<(), Failure> {
        let last = self.inner().minutes.insert((cluster.clone(), seen), minute);
        if last == Some(minute) {
            return Ok(());
        }
        let sample = sample();
        let json = |value: serde_json::Result<String>| value.ok();
        let nodes = sample.nodes.and_then(|nodes| json(serde_json::to_string(&nodes)));
        let partitions = sample.nodes.and_then(|_| json(serde_json::to_string(&*sample.partitions)));
        let (all, own) = (sample.all.unzip(), sample.own.unzip());
        let hour = sample.hour.map(|hour| i64::try_from(hour.as_micros()).unwrap_or(i64::MAX));
        let unpriced = sample.hour.map(|_| sample.unpriced);
        self.with(|db, _, _| {
            db.execute(UPSERT, params![cluster.as_str(), minute, nodes, partitions, all.0, all.1, own.0, own.1, hour, unpriced])?;
            if minute % SWEEP == 0 {
                db.execute("delete from trail where minute < ?1", [minute - DAYS * 1_440])?;
            }
            Ok(())
        })
    }

    /// How a cluster was.
    pub fn trail(&self, cluster: &ClusterId, window: Window) -> Result<Trail, Failure> {
        let minute = now().div_euclid(60);
        let (samples, days) = self.with(|db, _, _| {
            let mut rows = db.prepare(
                "select minute, nodes, partitions, waiting, running, own_waiting, own_running, hour, unpriced
                 from trail where cluster = ?1 and minute >= ?2 order by minute",
            )?;
            // The same partitions come minute after minute: they are read once.
            let mut last = (String::new(), Partitions::default());
            let samples = rows.query_map(params![cluster.as_str(), minute - window.minutes().0], |row| sample(row, &mut last))?;
            let samples: Vec<Sample> = samples.collect::<Result<_, _>>()?;
            let mut rows = db.prepare(DAYS_COST)?;
            let days = rows.query_map(params![cluster.as_str(), minute - DAYS * 1_440, STRETCH], day)?.collect::<Result<Vec<Day>, _>>()?;
            Ok((samples, days))
        })?;
        Ok(Trail { days, ..Trail::new(window, minute, &samples) })
    }
}

fn day(row: &Row<'_>) -> rusqlite::Result<Day> {
    let (day, sum, minutes, is_partial): (i64, i64, u32, bool) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let cost = Money::micros(u64::try_from(sum / 60).unwrap_or(0));
    Ok(Day { start: day * 86_400, cost, minutes, is_partial })
}

fn sample(row: &Row<'_>, last: &mut (String, Partitions)) -> rusqlite::Result<Sample> {
    let pair = |a: usize, b: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<u32>>(a)?.zip(row.get::<_, Option<u32>>(b)?));
    let text = |at: usize| row.get_ref(at).map(|value| value.as_str().unwrap_or_default());
    let (nodes, partitions) = (text(1)?, text(2)?);
    if partitions != last.0 {
        *last = (partitions.to_owned(), Arc::new(serde_json::from_str(partitions).unwrap_or_default()));
    }
    let hour: Option<i64> = row.get(7)?;
    Ok(Sample {
        minute: row.get(0)?,
        nodes: serde_json::from_str(nodes).ok(),
        partitions: last.1.clone(),
        all: pair(3, 4)?,
        own: pair(5, 6)?,
        hour: hour.and_then(|micros| u64::try_from(micros).ok()).map(Money::micros),
        unpriced: row.get::<_, Option<u32>>(8)?.unwrap_or(0),
    })
}

/// The place of a phase among [`STATES`](crate::model::trail::STATES).
fn state(phase: NodePhase) -> usize {
    match phase {
        NodePhase::Allocated | NodePhase::Mixed => 0,
        NodePhase::Idle | NodePhase::Reserved => 1,
        NodePhase::PoweringUp => 2,
        NodePhase::Draining => 3,
        NodePhase::Down | NodePhase::Unknown => 4,
        NodePhase::PoweredDown | NodePhase::PoweringDown => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JobState, NewJob, Node, Purchase};

    #[test]
    fn a_minute_is_one_row_and_what_is_too_old_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.sqlite");
        let cluster = ClusterId::local();
        let record = Record::at(path.clone());
        let mut node = Node::named("a", "mix", NodePhase::Mixed);
        (node.cpus, node.cpus_used, node.partitions) = (8, 2, vec!["p".into(), "q".into()]);
        let table = NodeTable::new(vec![node, Node::named("b", "idle~", NodePhase::PoweredDown)], 0);
        let mut jobs = JobTable::default();
        for (task, state) in [("8-99", JobState::Pending), ("7", JobState::Running), ("6", JobState::Completed)] {
            jobs.push(&NewJob { id: "1", array_job_id: "1", array_task_id: task, state: Some(state), ..NewJob::default() });
        }
        let mut burn = Burn::default();
        let minute = now().div_euclid(60);
        record.add(&cluster, Seen::Nodes, minute - DAYS * 1_440 - 1, || Sample { nodes: Some([1; 6]), ..Sample::default() }).unwrap();
        for _ in 0..3 {
            record.saw_nodes(&cluster, &table).unwrap();
            record.saw_queue(&cluster, Scope::All, &jobs).unwrap();
            record.saw_cost(&cluster, &burn).unwrap();
        }
        // Another qdeck adds what it sees to the same row, and a cost of which nothing is known is none.
        burn.add(None, Purchase::Spot, 1);
        let other = Record::at(path.clone());
        other.saw_queue(&cluster, Scope::Mine, &jobs).unwrap();
        other.saw_cost(&cluster, &burn).unwrap();
        let count =
            |record: &Record| record.with(|db, _, _| db.query_row("select count(*) from trail", [], |row| row.get::<_, i64>(0))).unwrap();
        let rows = count(&Record::at(path));
        assert!((1..=4).contains(&rows), "one a minute, be it that the minute ended in between: {rows}");
        let trail = record.trail(&cluster, Window::Hours3).unwrap();
        let last: Vec<_> = trail.nodes.iter().map(|line| line.now.unwrap()).collect();
        assert_eq!(last, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!((trail.queue[0].now, trail.queue[1].now), (Some(92.0), Some(1.0)));
        assert_eq!(trail.partitions.iter().map(|p| (p.name.as_str(), p.now)).collect::<Vec<_>>(), [("p", Some(25.0)), ("q", Some(25.0))]);
        assert_eq!(trail.hour.as_ref().and_then(|hour| hour.now), Some(0.0), "nothing ran, which costs nothing");
        record.add(&cluster, Seen::Nodes, (minute / SWEEP + 1) * SWEEP, || Sample { nodes: Some([1; 6]), ..Sample::default() }).unwrap();
        assert_eq!(
            record.with(|db, _, _| db.query_row("select min(minute) from trail", [], |row| row.get::<_, i64>(0))).unwrap() / 2,
            minute / 2,
            "what is older than a month is gone"
        );
    }

    #[test]
    fn thirty_days_are_read_in_one_go_and_days_cost_what_their_minutes_did() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::at(dir.path().join("record.sqlite"));
        let cluster = ClusterId::new("c");
        let minute = now().div_euclid(60);
        // Every minute, but for a gap of some hours on each day, with one or two minutes left out here and there.
        let minutes = (minute - DAYS * 1_440 + 5..=minute).filter(|m| m % 1_440 > 200 && m % 7 != 0 && m % 11 > 1);
        let parts = |m: i64| u32::try_from(m / 60 % 3).unwrap();
        let samples: Vec<Sample> = minutes
            .map(|minute| Sample {
                minute,
                nodes: Some([parts(minute), 1, 0, 0, 0, 5]),
                partitions: Arc::new(BTreeMap::from([("p".to_owned(), (parts(minute), 4)), ("q".to_owned(), (0, 4))])),
                all: Some((7, 3)),
                hour: (minute % 5 != 0).then(|| Money::micros(u64::from(parts(minute)) * 1_234_567)),
                unpriced: u32::from(minute % 4_000 == 0),
                ..Sample::default()
            })
            .collect();
        record
            .with(|db, _, _| {
                let all = db.unchecked_transaction()?;
                for sample in &samples {
                    let (nodes, partitions) = (serde_json::to_string(&sample.nodes), serde_json::to_string(&*sample.partitions));
                    let (nodes, partitions) = (nodes.unwrap(), partitions.unwrap());
                    let hour = sample.hour.map(|hour| i64::try_from(hour.as_micros()).unwrap());
                    let unpriced = hour.map(|_| sample.unpriced);
                    let none = None::<u32>;
                    let row = params![cluster.as_str(), sample.minute, nodes, partitions, 7, 3, none, none, hour, unpriced];
                    all.execute(UPSERT, row)?;
                }
                all.commit()
            })
            .unwrap();
        for window in Window::ALL {
            let trail = record.trail(&cluster, window).unwrap();
            let wanted = Trail::new(window, minute, &samples);
            assert_eq!((&trail.days, &trail.partitions), (&wanted.days, &wanted.partitions));
            assert_eq!((&trail.nodes, &trail.hour, trail.days.len() > 28), (&wanted.nodes, &wanted.hour, true));
        }
    }
}
