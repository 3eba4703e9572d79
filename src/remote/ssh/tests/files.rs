//! Folders, previews, uploads, parts and searches of files at a real sshd.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_previewed_and_put() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    let root = server.path("root");
    fs::create_dir_all(root.join("a folder")).unwrap();
    fs::write(root.join("b\n$(x)"), "text\n").unwrap();
    std::os::unix::fs::symlink("a folder", root.join("zlink")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("broken")).unwrap();
    let (path, entries) = host.folder(root.join("a folder/..").display().to_string()).await.unwrap();
    assert_eq!(path, fs::canonicalize(&root).unwrap().display().to_string());
    let seen: Vec<(&str, FileKind, u64)> =
        entries.iter().map(|e| (e.name.as_str(), e.kind, if e.kind == FileKind::File { e.size } else { 0 })).collect();
    assert_eq!(
        seen,
        [("a folder", FileKind::Folder, 0), ("zlink", FileKind::Folder, 0), ("b\n$(x)", FileKind::File, 5), ("broken", FileKind::Other, 0)]
    );
    let (home, _) = host.folder(String::new()).await.unwrap();
    assert!(home.starts_with('/'));
    assert_eq!(host.folder("/does/not/exist".to_owned()).await.unwrap_err().kind, FailureKind::NotFound);

    let preview = host.preview(root.join("b\n$(x)").display().to_string()).await.unwrap();
    assert_eq!((preview.text.as_str(), preview.size, preview.is_binary), ("text\n", 5, false));
    assert_eq!(host.preview(root.display().to_string()).await.unwrap_err().kind, FailureKind::Unsupported);

    let from = server.path("job.sh");
    let content: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    fs::write(&from, &content).unwrap();
    fs::set_permissions(&from, fs::Permissions::from_mode(0o750)).unwrap();
    let to = root.join("new/deep er/job.sh");
    for _ in 0..2 {
        host.put(from.clone(), to.display().to_string()).await.unwrap();
        assert!(fs::read(&to).unwrap() == content);
    }
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1, "no part is left");
    assert_eq!(host.put(server.path("missing"), to.display().to_string()).await.unwrap_err().kind, FailureKind::NotFound);
    // A session that is cut is made again, and with it the channel for files.
    let mut server = server;
    server.cut(false);
    assert!(host.folder(String::new()).await.is_err());
    sleep(Duration::from_secs(2)).await;
    host.folder(String::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_sftp_says_so() {
    let Some(server) = Server::with("", "StrictHostKeyChecking yes", "") else {
        return;
    };
    let host = server.host();
    let failure = host.folder(String::new()).await.unwrap_err();
    assert!(failure.kind == FailureKind::Unsupported && failure.hint.contains("Subsystem"), "{failure}");
    assert!(host.sh("true".to_owned(), LIMIT).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_searches_of_a_file_are_done_where_it_lies() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    let log = server.path("it's a log");
    let text: String = (1..=200_000).map(|n| format!("line {n:06}\n")).collect();
    fs::write(&log, &text).unwrap();
    let path = log.display().to_string();
    // Any window of any size is whole lines.
    let part = host.part(path.clone(), 1_200_006, 100).await.unwrap();
    assert_eq!((part.start, part.bytes.len(), part.is_end), (1_200_012, 84, false));
    let part = host.part(path.clone(), 2_400_000, -50).await.unwrap();
    assert_eq!(part.bytes, b"line 199997\nline 199998\nline 199999\nline 200000\n");
    assert!(part.is_end);
    assert_eq!(host.part(path.clone(), 24, -1_000).await.unwrap().start, 0);
    // The search counts past its bound, and its offsets are those of the file.
    let found = host.find(path.clone(), "line \\d+[05]$".into(), false).await.unwrap();
    assert_eq!((found.total, found.hits.len()), (40_000, crate::remote::part::MOST));
    let last = found.hits.last().unwrap();
    assert_eq!((last.line, last.place, last.text.as_str()), (50_000, crate::model::LogPlace::Byte(599_988), "line 050000"));
    assert_eq!(host.find(path.clone(), "LINE 000007".into(), true).await.unwrap().total, 1);
    assert_eq!(host.find(path.clone(), "nothing".into(), false).await.unwrap().total, 0);
    assert_eq!(host.find(path.clone(), r"\p{L}".into(), false).await.unwrap_err().kind, FailureKind::Unsupported);
    assert_eq!(host.find(server.path("none").display().to_string(), "x".into(), false).await.unwrap_err().kind, FailureKind::NotFound);
    // Another file behind the path is told, not read.
    let mut lines = host.tail(path.clone(), LogStart::Last(100));
    assert!(matches!(lines.next().await, Some(Ok(LogEvent::Opened { .. }))));
    fs::write(server.path("new"), text.repeat(2)).unwrap();
    fs::rename(server.path("new"), &log).unwrap();
    assert_eq!(host.part(path.clone(), 1_200, -50).await.unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(host.find(path.clone(), "x".into(), false).await.unwrap_err().kind, FailureKind::Conflict);
    drop(lines);
    // Whoever looks away ends the search over there.
    let slow = server.path("slow");
    assert!(std::process::Command::new("truncate").args(["-s", "60G"]).arg(&slow).status().unwrap().success());
    let mark = "needle-31415926";
    let search = host.find(slow.display().to_string(), mark.into(), false);
    assert!(timeout(Duration::from_millis(700), search).await.is_err());
    let begun = Instant::now();
    while running(mark) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(3), "grep still runs");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_any_size_opens_at_its_end_in_one_round_trip() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    host.sh("true".to_owned(), LIMIT).await.unwrap();
    let log = server.path("huge");
    assert!(std::process::Command::new("truncate").args(["-s", "10G"]).arg(&log).status().unwrap().success());
    let end: String = (1..=40_000).map(|n| format!("\nline {n:06}")).collect();
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(end.as_bytes()).unwrap();
    let mut best = Duration::MAX;
    for _ in 0..5 {
        // A shell for it is ready by then.
        sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        let mut lines = host.tail(log.display().to_string(), LogStart::Last(256 << 10));
        let mut count = 0;
        loop {
            match lines.next().await {
                Some(Ok(LogEvent::Bytes { bytes, .. })) => count += bytes.len(),
                Some(Ok(LogEvent::CaughtUp)) => break,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        best = best.min(begun.elapsed());
        assert!((262_000..=262_144).contains(&count), "{count} bytes");
    }
    // On loopback a round trip is nothing; a loaded machine gets some more than the hundred milliseconds.
    assert!(best < Duration::from_millis(200), "{best:?}");
}
