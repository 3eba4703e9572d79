//! Fetching single files and folders from a real sshd.

use super::*;

async fn done(mut stream: BoxStream<'static, Progress>) -> (Progress, Vec<Progress>) {
    let mut all = Vec::new();
    loop {
        match timeout(Duration::from_secs(60), stream.next()).await.unwrap().unwrap() {
            end @ (Progress::Done(_) | Progress::Failed(_)) => {
                assert!(stream.next().await.is_none());
                return (end, all);
            }
            other => all.push(other),
        }
    }
}

fn wanted(files: &[&Path], folder: Option<&Path>, dest: &Path, existing: Existing) -> Wanted {
    let text = |path: &Path| path.display().to_string();
    Wanted { files: files.iter().map(|path| text(path)).collect(), folder: folder.map(text), dest: dest.to_owned(), existing }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_files_come_whole_and_are_resumed() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let host = server.host();
    let (big, dest) = (server.path("big 'file'.out"), server.path("dest"));
    let content: Vec<u8> = (0..60_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&big, &content).unwrap();
    let missing = server.path("missing");
    let want = wanted(&[&missing, &big], None, &dest, Existing::Ask);

    let mut stream = host.fetch(want.clone());
    let mut cut_at = 0;
    let failure = loop {
        match timeout(LIMIT, stream.next()).await.unwrap().unwrap() {
            Progress::Moved { done, total, .. } if cut_at == 0 => {
                assert_eq!(total, Some(60_000_000));
                cut_at = done;
                server.cut(false);
            }
            Progress::Failed(failure) => break failure,
            Progress::Done(receipt) => panic!("{receipt:?}"),
            Progress::Step(_) | Progress::Moved { .. } => {}
        }
    };
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    drop(stream);
    host.reconnect();
    let begun = Instant::now();
    let (end, told) = done(host.fetch(want.clone())).await;
    let Progress::Done(Receipt::Fetched { files: 1, bytes: 60_000_000, .. }) = end else { panic!("{end:?}") };
    let first = told.iter().find_map(|p| if let Progress::Moved { done, .. } = p { Some(*done) } else { None });
    assert!(first.is_some_and(|first| first > cut_at), "resumed, not begun again: {first:?} after {cut_at}");
    println!("the rest of 60 MB took {:?}", begun.elapsed());
    let here = dest.join("big 'file'.out");
    assert!(fs::read(&here).unwrap() == content);
    assert_eq!(fs::read_dir(&dest).unwrap().count(), 1, "no part is left");

    // Once more there is nothing to do; the same bytes under another date are no difference, other bytes are.
    assert!(matches!(done(host.fetch(want.clone())).await.0, Progress::Done(Receipt::Fetched { files: 0, .. })));
    fs::File::open(&here).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    assert!(matches!(done(host.fetch(want.clone())).await.0, Progress::Done(Receipt::Fetched { .. })));
    fs::write(&here, "mine").unwrap();
    let (end, _) = done(host.fetch(want.clone())).await;
    assert!(matches!(&end, Progress::Done(Receipt::Differs { files, .. }) if files == &["big 'file'.out"]), "{end:?}");
    assert_eq!(fs::read(&here).unwrap(), b"mine");
    done(host.fetch(Wanted { existing: Existing::Keep, ..want.clone() })).await;
    assert_eq!(fs::read(&here).unwrap(), b"mine");
    done(host.fetch(Wanted { existing: Existing::Overwrite, ..want })).await;
    assert!(fs::read(&here).unwrap() == content);

    let (end, _) = done(host.fetch(wanted(&[&missing], None, &dest, Existing::Ask))).await;
    assert!(matches!(&end, Progress::Failed(failure) if failure.kind == FailureKind::NotFound), "{end:?}");
    let escape = server.path("x/..");
    let (end, _) = done(host.fetch(wanted(&[&escape], None, &dest, Existing::Ask))).await;
    assert!(matches!(&end, Progress::Failed(_)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_come_with_their_structure() {
    let Some(server) = Server::start() else {
        return;
    };
    if Command::new("rsync").arg("--version").output().is_err() {
        return;
    }
    let host = server.host();
    let (work, dest) = (server.path("work $(dir) it's"), server.path("my 'dest'"));
    fs::create_dir_all(work.join("sub dir")).unwrap();
    fs::write(work.join("sub dir/a\n\\#012b"), "one").unwrap();
    fs::write(work.join("two"), "two").unwrap();
    fs::write(work.join("big"), vec![7; 20_000_000]).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", work.join("out")).unwrap();
    std::os::unix::fs::symlink("two", work.join("in")).unwrap();
    let want = wanted(&[&work.join("two")], Some(&work), &dest, Existing::Ask);
    let (end, told) = done(host.fetch(want.clone())).await;
    let Progress::Done(Receipt::Fetched { files: 3, bytes: 20_000_006, .. }) = end else { panic!("{end:?}") };
    assert!(told.iter().any(|p| matches!(p, Progress::Moved { total: Some(20_000_006), .. })), "{told:?}");
    assert_eq!(fs::read(dest.join("sub dir/a\n\\#012b")).unwrap(), b"one");
    assert_eq!(fs::read_link(dest.join("in")).unwrap(), Path::new("two"));
    assert!(dest.join("out").symlink_metadata().is_err(), "leads out");

    // The same content under another date is no difference; other content is, and nothing is touched.
    fs::File::open(dest.join("two")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(matches!(done(host.fetch(want.clone())).await.0, Progress::Done(Receipt::Fetched { .. })));
    fs::write(dest.join("sub dir/a\n\\#012b"), "mine").unwrap();
    fs::write(work.join("new"), "new").unwrap();
    let (end, _) = done(host.fetch(want.clone())).await;
    assert!(matches!(&end, Progress::Done(Receipt::Differs { files, .. }) if files == &["sub dir/a\n\\#012b"]), "{end:?}");
    assert!(!dest.join("new").exists());
    done(host.fetch(Wanted { existing: Existing::Keep, ..want.clone() })).await;
    assert_eq!(fs::read(dest.join("sub dir/a\n\\#012b")).unwrap(), b"mine");
    assert!(dest.join("new").exists());
    done(host.fetch(Wanted { existing: Existing::Overwrite, ..want })).await;
    assert_eq!(fs::read(dest.join("sub dir/a\n\\#012b")).unwrap(), b"one");

    let (end, _) = done(host.fetch(wanted(&[], Some(&server.path("nothing")), &dest, Existing::Ask))).await;
    assert!(matches!(&end, Progress::Failed(failure) if failure.kind == FailureKind::NotFound), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_node_without_rsync_says_so() {
    let bin = tempfile::tempdir().unwrap();
    for tool in ["sh", "stat"] {
        std::os::unix::fs::symlink(format!("/bin/{tool}"), bin.path().join(tool)).unwrap();
    }
    let path = format!("SetEnv PATH={}\nSubsystem sftp internal-sftp", bin.path().display());
    let Some(server) = Server::with(&path, "StrictHostKeyChecking yes", "") else { return };
    let host = server.host();
    let (end, _) = done(host.fetch(wanted(&[], Some(server.dir.path()), &server.path("dest"), Existing::Ask))).await;
    let Progress::Failed(failure) = end else { panic!("{end:?}") };
    assert!(failure.kind == FailureKind::Unsupported && failure.hint.contains("install"), "{failure}");
}
