//! Shared data on the screen: a cluster's file systems in its details, S3 in the file picker, and copies between them.

use qdeck::model::{Answer, Command, Failure, FailureKind, FileEntry, FileKind, Mount, Place, Progress, Query, Quota, Receipt};
use qdeck::protocol::{Effect, Event};

use crate::screens::picture;
use crate::stage::{Stage, prod};

fn mount(path: &str, kind: &str, size: u64, used: u64) -> Mount {
    Mount { path: path.into(), kind: kind.into(), size: Some(size), used: Some(used), is_shared: path != "/", ..Mount::default() }
}

fn mounts() -> Vec<Mount> {
    vec![
        mount("/efs", "EFS", 1 << 62, 381_000_000_000),
        Mount {
            quota: Some(Quota { used: 1_700_000_000_000, limit: 2_000_000_000_000 }),
            ..mount("/fsx", "FSx for Lustre", 2_400_000_000_000, 2_208_000_000_000)
        },
        Mount { size: None, used: None, is_read_only: true, ..mount("/dead\u{1b}[2J", "NFS", 0, 0) },
        mount("/", "EBS", 64_000_000_000, 21_300_000_000),
    ]
}

/// The details of the cluster, with its file systems.
fn details(stage: &mut Stage) {
    stage.full();
    stage.keys("1 enter");
    stage.answer(Query::Mounts(prod()), Ok(Answer::Mounts(mounts())));
}

fn folder(path: &str) -> Query {
    Query::Folder { place: Place::Head(prod()), path: path.into() }
}

fn entry(name: &str, kind: FileKind, size: u64) -> FileEntry {
    FileEntry { name: name.into(), kind, size, modified: None }
}

/// The picker inside a bucket.
fn bucket(stage: &mut Stage) {
    stage.full();
    stage.keys("n tab");
    stage.answer(folder(""), Ok(Answer::Folder { path: "/home/me".into(), entries: vec![entry("results", FileKind::Folder, 0)] }));
    stage.keys("tab");
    stage.answer(folder("s3://"), Ok(Answer::Folder { path: "s3://".into(), entries: vec![entry("lab-data", FileKind::Folder, 0)] }));
    stage.keys("enter");
    let entries = vec![entry("imagenet", FileKind::Folder, 0), entry("a\u{202e}.dat", FileKind::File, 48_120)];
    stage.answer(folder("s3://lab-data"), Ok(Answer::Folder { path: "s3://lab-data".into(), entries }));
}

#[test]
fn file_systems_and_buckets() {
    picture("mounts", details);
    picture("s3", bucket);
    picture("s3-copy", |stage| {
        bucket(stage);
        stage.keys("j s");
    });
}

#[test]
fn file_systems_are_asked_for_while_the_details_are_open_and_only_then() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    let mounts = |q: &Query| *q == Query::Mounts(prod());
    assert!(!stage.wants(mounts));
    stage.keys("1 enter");
    assert!(stage.wants(mounts));
    assert!(stage.screen(140, 40).contains("asking the head node"));
    stage.answer(Query::Mounts(prod()), Err(Failure::new(FailureKind::Unreachable, "prod", "no route to host")));
    assert!(stage.screen(140, 40).contains("no route to host"));
    stage.keys("esc");
    assert!(!stage.wants(mounts));
}

#[test]
fn what_is_under_the_cursor_is_copied_to_where_the_other_side_stands() {
    let mut stage = Stage::new(140, 40);
    bucket(&mut stage);
    stage.keys("s");
    stage.keys("enter");
    let Some(Effect::Run(id, Command::Stage(copy))) = stage.effects.last().cloned() else { panic!("{:?}", stage.effects) };
    assert_eq!((copy.is_in, copy.object.as_str(), copy.path.as_str()), (true, "s3://lab-data/imagenet/", "/home/me/imagenet"));
    stage.send(Event::Progressed { id, progress: Progress::Done(Receipt::Staged { files: 2, bytes: Some(48_120) }) });
    assert!(stage.screen(140, 40).contains("Copied 2 files, 48.1 kB to /home/me/imagenet."), "{}", stage.screen(140, 40));
    // Read again, the cursor stands where it stood.
    let entries = vec![entry("imagenet", FileKind::Folder, 0), entry("x.dat", FileKind::File, 48_120)];
    stage.keys("j");
    stage.answer(folder("s3://lab-data"), Ok(Answer::Folder { path: "s3://lab-data".into(), entries: entries.clone() }));
    stage.keys("j");
    stage.answer(folder("s3://lab-data"), Ok(Answer::Folder { path: "s3://lab-data".into(), entries }));
    stage.keys("s");
    assert!(stage.screen(140, 40).contains("s3://lab-data/x.dat"));
    stage.keys("esc");
    // And the other way: three times round, on to the head node.
    stage.keys("tab tab s enter");
    let Some(Effect::Run(_, Command::Stage(copy))) = stage.effects.last().cloned() else { panic!("{:?}", stage.effects) };
    assert_eq!((copy.is_in, copy.object.as_str(), copy.path.as_str()), (false, "s3://lab-data/results/", "/home/me/results/"));
}

#[test]
fn a_place_that_is_none_is_told_and_nothing_is_sent() {
    let mut stage = Stage::new(140, 40);
    stage.full();
    stage.keys("n tab");
    stage.answer(folder(""), Ok(Answer::Folder { path: "/home/me".into(), entries: vec![entry("results", FileKind::Folder, 0)] }));
    let before = stage.effects.len();
    stage.keys("s enter");
    assert!(stage.screen(140, 40).contains("s3:// is no place in S3"), "{}", stage.screen(140, 40));
    assert!(stage.effects[before..].iter().all(|effect| !matches!(effect, Effect::Run(..))));
}
