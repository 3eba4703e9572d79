//! The simulation is the same for the same seed and clock, and never breaks the rules of a cluster.

use std::collections::HashMap;

use super::world::{Power, QUEUES};
use super::*;
use crate::model::{JobChange, JobId, JobState, NodeChange, OutputKind};

fn world(seed: u64, jobs: usize) -> World {
    World::new(DemoSettings { seed, jobs, nodes: 64 }, Timestamp::UNIX_EPOCH, "you".into())
}

#[test]
fn the_same_seed_makes_the_same_world_however_time_passes() {
    let (mut a, mut b, mut other) = (world(7, 200), world(7, 200), world(8, 200));
    a.advance(400.0);
    (1..=400).for_each(|t| b.advance(f64::from(t)));
    other.advance(400.0);
    assert_eq!(answers::jobs(&a, false), answers::jobs(&b, false));
    assert_eq!(answers::nodes(&a), answers::nodes(&b));
    assert_ne!(answers::jobs(&a, false), answers::jobs(&other, false));
}

#[test]
fn jobs_run_on_nodes_that_are_up_and_never_on_more_than_there_is() {
    let mut world = world(3, 300);
    let mut seen: HashMap<JobState, usize> = HashMap::new();
    for t in (0..900).step_by(7) {
        world.advance(f64::from(t));
        let mut used = vec![0; world.nodes.len()];
        for job in world.jobs.values() {
            *seen.entry(job.state).or_default() += 1;
            for n in world.places.get(&job.id).into_iter().flatten() {
                used[*n] += u32::from(job.cpus_each);
                if job.state == JobState::Running {
                    assert_eq!(world.nodes[*n].power, Power::On, "at {t}");
                }
            }
        }
        for (node, used) in world.nodes.iter().zip(used) {
            assert_eq!(node.used, used, "at {t}");
            assert!(used <= QUEUES[node.queue].3, "at {t}");
        }
    }
    for state in [JobState::Running, JobState::Pending, JobState::Configuring, JobState::Completed, JobState::Failed] {
        assert!(seen.contains_key(&state), "{state:?} was never seen");
    }
}

#[test]
fn a_log_only_grows() {
    let mut world = world(5, 100);
    let job = world.jobs.values().find(|job| job.state == JobState::Running && job.length > 300).unwrap().id;
    let id = answers::jobs(&world, false).iter().find(|j| answers::find(&world, j.id()).is_some_and(|s| s.id == job)).unwrap().job_id();
    let source = LogSource::Output { cluster: ClusterId::new("prod"), job: id, kind: OutputKind::Stdout };
    let (lines, before) = logs::text(&world, 0.0, &source, None, LogStart::Beginning).unwrap();
    world.advance(30.0);
    let (_, after) = logs::text(&world, 30.0, &source, None, LogStart::Beginning).unwrap();
    let (_, more) = logs::text(&world, 30.0, &source, Some(lines), LogStart::Beginning).unwrap();
    assert!(!before.is_empty() && after.starts_with(&before));
    assert_eq!(before + &more, after);
}

#[test]
fn a_submitted_job_runs_and_a_foreign_one_cannot_be_cancelled() {
    let mut world = world(1, 100);
    let id = world.submit("mine".into(), 2);
    world.advance(5.0);
    world.advance(200.0);
    let job = world.jobs.get(&id).unwrap();
    assert_eq!(job.state, JobState::Completed);
    let foreign = world.jobs.values().find(|job| job.user != 0 && job.array.is_none()).unwrap().id;
    let denied = change::jobs(&mut world, &JobChange::Cancel, &[JobId::new(foreign.to_string())]).unwrap_err();
    assert_eq!(denied.kind, FailureKind::Denied);
    let id = world.submit("mine".into(), 1);
    change::jobs(&mut world, &JobChange::Cancel, &[JobId::new(id.to_string())]).unwrap();
    assert_eq!(world.jobs[&id].state, JobState::Cancelled);
}

#[test]
fn every_verb_changes_what_the_queue_shows() {
    let mut world = world(1, 100);
    let id = world.submit("mine".into(), 1);
    let name = [JobId::new(id.to_string())];
    let mut row = |change: JobChange| {
        change::jobs(&mut world, &change, &name).unwrap();
        let table = answers::jobs(&world, true);
        let job = table.get(table.find(name[0].as_str()).unwrap()).unwrap();
        (job.state(), job.reason().to_owned(), job.time_limit(), job.priority())
    };
    assert_eq!(row(JobChange::Hold).1, "JobHeldUser");
    assert_eq!(row(JobChange::Release).1, "Priority");
    assert_eq!(row(JobChange::TimeLimit("2:00:00".into())).2, Some(7_200));
    assert_eq!(row(JobChange::TimeLimit("+30".into())).2, Some(9_000));
    let before = row(JobChange::Top).3;
    assert!(row(JobChange::Nice(50)).3 < before);
    world.advance(30.0);
    assert!(matches!(world.jobs[&id].state, JobState::Running | JobState::Configuring), "{:?}", world.jobs[&id].state);
    change::jobs(&mut world, &JobChange::Requeue, &name).unwrap();
    assert_eq!(world.jobs[&id].state, JobState::Pending);
    change::jobs(&mut world, &JobChange::CancelMine, &[]).unwrap();
    assert!(world.jobs.values().all(|job| job.user != 0 || job.state.is_over() || job.state == JobState::Completing));
}

#[test]
fn nodes_drain_power_up_and_down_and_come_back() {
    let mut world = world(1, 100);
    let asleep = world.nodes.iter().find(|node| node.power == Power::Off).unwrap().name();
    let names = [asleep.clone()];
    let state = |world: &World| answers::nodes(world).nodes.iter().find(|node| node.name == asleep).unwrap().state.clone();
    change::nodes(&mut world, &NodeChange::Drain("test".into()), &names).unwrap();
    assert_eq!(state(&world), "drain~");
    change::nodes(&mut world, &NodeChange::PowerUp, &names).unwrap();
    world.advance(25.0);
    assert_eq!(state(&world), "drain");
    change::nodes(&mut world, &NodeChange::PowerDown, &names).unwrap();
    world.advance(27.0);
    assert_eq!(state(&world), "idle%");
    change::nodes(&mut world, &NodeChange::Resume, &names).unwrap();
    assert!(change::nodes(&mut world, &NodeChange::Resume, &["nosuch".into()]).is_err());
}

#[test]
fn every_waiting_job_can_be_explained_and_a_lack_of_capacity_is() {
    let (mut capacity, mut depends) = (false, false);
    for seed in 1..6 {
        let mut world = world(seed, 200);
        world.advance(120.0);
        let table = answers::jobs(&world, false);
        for job in table.iter().filter(|job| job.state() == JobState::Pending) {
            let why = why::why(&world, &job.job_id()).unwrap();
            assert!(!why.plain.is_empty() && !why.plain.contains("does not know") && why.place.is_some(), "{why:?}");
            capacity |= why.facts.iter().any(|(label, text)| label == "EC2 says" && text.contains("InsufficientInstanceCapacity"));
            depends |= why.facts.iter().any(|(label, _)| label == "Waits for");
        }
    }
    assert!(capacity && depends, "{capacity} {depends}");
}

#[test]
fn an_array_s_tasks_are_all_told_until_it_is_cancelled_as_a_whole() {
    let mut world = world(1, 100);
    let id = world.jobs.values().find(|job| job.user == 0 && job.array.is_some()).unwrap().array.unwrap().0;
    let total = |world: &World, mine| {
        let table = answers::jobs(world, mine);
        let listed = table.iter().filter(|job| job.array_job_id() == id.to_string());
        let tasks: u64 = listed.map(|job| crate::model::TaskSpan::read(job.array_task_id()).unwrap().count).sum();
        let past = table.past.iter().find(|(array, ..)| *array == id.to_string()).map_or((0, 0), |(_, well, badly)| (*well, *badly));
        (tasks + u64::from(past.0 + past.1), past.0 > 0 && past.1 > 0)
    };
    world.advance(900.0);
    assert_eq!((total(&world, true), total(&world, false)), ((200, true), (200, true)));
    change::jobs(&mut world, &JobChange::Cancel, &[JobId::new(id.to_string())]).unwrap();
    world.advance(902.0);
    assert!(world.jobs.values().filter(|job| job.array.is_some_and(|(array, ..)| array == id)).all(|job| job.state.is_over()));
}

#[test]
fn a_hundred_thousand_jobs_can_be_shown() {
    let world = world(2, 100_000);
    let table = answers::jobs(&world, false);
    assert!(table.len() > 95_000, "{}", table.len());
    assert!(answers::jobs(&world, true).len() < 1_000);
}

#[test]
fn an_array_is_known_by_its_number_with_and_without_a_waiting_rest() {
    let mut world = world(7, 200);
    let (array, ..) = world.jobs.values().find_map(|job| job.array).unwrap();
    let id = crate::model::JobId::new(array.to_string());
    assert!(why::why(&world, &id).is_ok());
    world.jobs.retain(|_, job| job.array.is_none_or(|(.., left)| left == 0));
    assert!(why::why(&world, &id).is_ok(), "its tasks are there");
    world.jobs.retain(|_, job| job.array.is_none());
    assert!(why::why(&world, &id).is_err());
}

#[test]
fn parts_of_a_log_make_the_whole() {
    let text = "2026-11-25 14:00:00,000 a\n2026-11-25 14:00:01,000 b\n2026-11-25 14:00:02,000 c\n";
    let range = |at, bytes| match logs::range(text, at, bytes) {
        Answer::LogRange { start, end, bytes, is_start, is_end } => (start, end, String::from_utf8(bytes).unwrap(), is_start, is_end),
        other => panic!("{other:?}"),
    };
    let byte = crate::model::LogPlace::Byte;
    let mut whole = String::new();
    let mut at = byte(0);
    loop {
        let (start, end, part, is_start, is_end) = range(at, 30);
        assert_eq!((start, is_start), (at, at == byte(0)));
        whole += &part;
        at = end;
        if is_end {
            break;
        }
    }
    assert_eq!(whole, text);
    let (_, end, part, _, _) = range(byte(52), -30);
    assert_eq!((end, part.as_str()), (byte(52), "2026-11-25 14:00:01,000 b\n"));
    let noon = crate::model::LogPlace::Moment(1_795_615_201_000);
    assert_eq!(range(noon, -1_000).2, &text[..26], "before a moment");
    assert_eq!(range(noon, 1_000).2, &text[26..]);
    let Ok(Answer::LogFound { hits, total }) = logs::find(text, false, "B$|c$", true) else { panic!() };
    assert_eq!((total, hits[0].line, hits[1].place), (2, 2, byte(52)));
}
