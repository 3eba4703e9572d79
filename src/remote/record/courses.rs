//! What operations on clusters took, phase by phase, from which follows what they usually take.
//!
//! Holds no operation that failed, and each that ended well but once.

use rusqlite::params;

use super::Record;
use crate::model::usual::{LATEST, Span, spans};
use crate::model::{ClusterId, Course, Failure, Usual};

/// More of one kind than this are not kept.
const KEPT: u32 = 100;

impl Record {
    /// Takes in the operations that are told of a cluster's stack.
    pub fn saw_courses(&self, cluster: &ClusterId, courses: &[Course]) -> Result<(), Failure> {
        let fresh: Vec<_> = {
            let mut inner = self.inner();
            let known = inner.courses.entry(cluster.clone()).or_default();
            let fresh = courses.iter().map(|course| (course, spans(course))).filter(|(course, spans)| {
                let is_new = !spans.is_empty() && !known.contains(&course.began.as_second());
                if is_new {
                    known.push(course.began.as_second());
                }
                is_new
            });
            fresh.collect()
        };
        if fresh.is_empty() {
            return Ok(());
        }
        self.with(|db, _, _| {
            let transaction = db.transaction()?;
            for (course, spans) in &fresh {
                let (operation, began) = (course.operation.as_str(), course.began.as_second());
                for (phase, seconds) in spans {
                    let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
                    transaction.execute(
                        "insert or ignore into courses (operation, began, cluster, phase, seconds) values (?1, ?2, ?3, ?4, ?5)",
                        params![operation, began, cluster.as_str(), phase, seconds],
                    )?;
                }
                transaction.execute(
                    "delete from courses where operation = ?1 and began < (select coalesce(min(began), 0) from
                     (select began from courses where operation = ?1 and phase = '' order by began desc limit ?2))",
                    params![operation, KEPT],
                )?;
            }
            transaction.commit()
        })
    }

    /// What the latest operations of each kind took, whichever cluster they were done to.
    pub fn usual(&self) -> Result<Usual, Failure> {
        let seen: Vec<Span> = self.with(|db, _, _| {
            let mut rows = db.prepare(
                "select operation, phase, began, seconds from courses as c where (operation, began, cluster) in
                 (select operation, began, cluster from courses where operation = c.operation and phase = '' order by began desc limit ?1)",
            )?;
            let read = |row: &rusqlite::Row<'_>| {
                let seconds = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
                Ok(Span { operation: row.get(0)?, phase: row.get(1)?, began: row.get(2)?, seconds })
            };
            rows.query_map([LATEST], read)?.collect()
        })?;
        Ok(Usual::of(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::course::Stage;
    use crate::model::course::{Part, Phase};

    fn course(operation: &str, began: i64, seconds: i64, stage: Stage) -> Course {
        let at = |second| jiff::Timestamp::from_second(second).unwrap();
        let part = Part {
            name: "HeadNode".into(),
            kind: "EC2::Instance".into(),
            status: "CREATE_COMPLETE".into(),
            stage,
            reason: None,
            began: at(began),
            ended: Some(at(began + 40)),
            depth: 0,
        };
        let phase = Phase { title: "Head node", stage, began: at(began), ended: Some(at(began + 40)), parts: vec![part] };
        Course {
            operation: operation.into(),
            status: format!("{operation}_COMPLETE"),
            stage,
            began: at(began),
            ended: Some(at(began + seconds)),
            causes: Vec::new(),
            phases: vec![phase],
            head: None,
        }
    }

    #[test]
    fn what_ended_well_is_kept_once_and_the_latest_tell_what_is_usual() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.sqlite");
        let (record, one) = (Record::at(path.clone()), ClusterId::new("p/r/one"));
        assert_eq!(record.usual().unwrap(), Usual::default());
        let seen = [
            course("CREATE", 1_000, 400, Stage::Done),
            course("CREATE", 2_000, 9_999, Stage::Failed),
            course("DELETE", 3_000, 90, Stage::Done),
        ];
        record.saw_courses(&one, &seen).unwrap();
        record.saw_courses(&one, &seen).unwrap();
        // Another process has seen the same, and does not count it twice.
        let other = Record::at(path);
        other.saw_courses(&one, &seen).unwrap();
        let (usual, now) = (other.usual().unwrap(), course("CREATE", 99_999, 0, Stage::Works));
        assert_eq!((usual.whole(&now), usual.phase(&now, "Head node"), usual.count(&now)), (Some(400), Some(40), 1));
        assert_eq!((usual.whole(&course("DELETE", 9, 9, Stage::Done)), usual.known("UPDATE")), (Some(90), 0));
        // Only the latest count, of whichever cluster.
        let later: Vec<Course> = (0..9).map(|n| course("CREATE", 10_000 + n, 600, Stage::Done)).collect();
        record.saw_courses(&ClusterId::new("p/r/two"), &later).unwrap();
        assert_eq!((record.usual().unwrap().whole(&now), record.usual().unwrap().count(&now)), (Some(600), 9));
    }
}
