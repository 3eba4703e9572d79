//! A real sshd on loopback, started and stopped here. Where there is none, these tests have nothing to say and pass.

mod server;
mod transfers;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use futures::StreamExt;
use tokio::time::{sleep, timeout};

use super::*;
use crate::model::{Existing, FailureKind, FileKind, Receipt};
use crate::remote::voucher::HostKey;
use server::{Server, children, running};

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn a_destination_never_becomes_an_option() {
    let to = Destination { ssh: "-oProxyCommand=evil".to_owned(), ..Destination::default() };
    assert_eq!(to.arguments(), ["--", "-oProxyCommand=evil"]);
    let to = Destination { ssh: "-p 2222 me@head".to_owned(), user: Some("you".to_owned()), ..Destination::default() };
    assert_eq!(to.arguments(), ["-l", "you", "-p", "2222", "me@head"]);
    assert_eq!(to.host(), "head");
}

/// Run by ssh in the tests below; by itself it has nothing to do.
#[test]
fn stands_in_for_askpass() {
    let Some(prompt) = std::env::var_os("QDECK_TEST_PROMPT") else {
        return;
    };
    let socket = std::env::var_os(askpass::SOCKET).unwrap();
    let kind = std::env::var_os("SSH_ASKPASS_PROMPT").unwrap_or_default();
    let answer = askpass::inquire(Path::new(&socket), &kind, OsStr::new(&prompt)).unwrap().expect("not declined");
    fs::write(std::env::var_os("QDECK_TEST_ANSWER").unwrap(), answer + "\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_share_one_session_that_ends_with_its_host() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    let begun = Instant::now();
    let said = host.sh("echo hello; echo there >&2; exit 3".to_owned(), LIMIT).await.unwrap();
    println!("connected and answered after {:?}", begun.elapsed());
    assert_eq!((said.status, said.stdout.as_slice(), said.stderr.as_str()), (3, &b"hello\n"[..], "there\n"));
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..50 {
        let asked = Instant::now();
        host.sh("true".to_owned(), LIMIT).await.unwrap();
        took.push(asked.elapsed());
    }
    took.sort();
    println!("a round trip takes {:?}, at most {:?}", took[25], took[49]);
    assert!(matches!(host.link().next().await, Some(Link::Up { rtt: Some(_), is_shared: false })));
    let asked = Instant::now();
    let said = host.sh("head -c 12000000 /dev/zero".to_owned(), LIMIT).await.unwrap();
    println!("12 MB took {:?}", asked.elapsed());
    assert_eq!(said.stdout.len(), 12_000_000);
    // Many at once wait for each other instead of opening more than the server allows.
    let many = (0..40).map(|n| host.sh(format!("echo {n}"), LIMIT));
    for (n, said) in futures::future::join_all(many).await.into_iter().enumerate() {
        assert_eq!(said.unwrap().stdout, format!("{n}\n").into_bytes());
    }
    assert_eq!(children(server.sshd.as_ref().unwrap().id()).len(), 1, "one connection");
    let config = server.text("config");
    assert!(running(&config) > 0);
    drop(host);
    let dropped = Instant::now();
    while running(&config) > 0 {
        assert!(dropped.elapsed() < Duration::from_secs(2), "ssh still runs");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_given_up_ends_on_the_host() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    let is_gone = async |mark: &str| {
        let begun = Instant::now();
        while running(mark) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(3), "{mark} still runs");
            sleep(Duration::from_millis(20)).await;
        }
    };
    let failure = host.sh("sleep 31.4159".to_owned(), Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    is_gone("31.4159").await;
    let asked = host.sh("sleep 27.1828".to_owned(), LIMIT);
    assert!(timeout(Duration::from_millis(300), asked).await.is_err());
    is_gone("27.1828").await;
    assert_eq!(host.sh("echo ok".to_owned(), LIMIT).await.unwrap().stdout, b"ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_known_at_once_and_made_again() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let host = server.host();
    let log = server.path("job.out");
    fs::write(&log, "").unwrap();
    let mut lines = host.tail(log.display().to_string(), LogStart::Beginning);
    let writer = log.clone();
    let writing = std::thread::spawn(move || {
        let mut log = fs::OpenOptions::new().append(true).open(writer).unwrap();
        for n in 0..3_000 {
            writeln!(log, "line {n:06}").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let (mut bytes, mut failures, mut cuts, mut is_caught_up) = (Vec::new(), 0, 0, false);
    let whole = 3_000 * 12;
    while bytes.len() < whole {
        match timeout(Duration::from_secs(20), lines.next()).await.unwrap().unwrap() {
            Ok(LogEvent::Bytes { offset, bytes: more }) => {
                assert_eq!(offset, bytes.len() as u64);
                bytes.extend(more);
            }
            Ok(LogEvent::Opened { start: 0, .. }) => assert_eq!(cuts, 0),
            Ok(LogEvent::CaughtUp) => assert!(!std::mem::replace(&mut is_caught_up, true), "once"),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
                failures += 1;
            }
        }
        if cuts < 2 && bytes.len() > whole * (cuts + 1) / 4 && failures == cuts {
            let asked = host.sh("sleep 20".to_owned(), LIMIT);
            let waiting = tokio::spawn(asked);
            sleep(Duration::from_millis(50)).await;
            server.cut(false);
            let cut = Instant::now();
            let failure = waiting.await.unwrap().unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
            assert!(cut.elapsed() < Duration::from_secs(1));
            cuts += 1;
        }
    }
    writing.join().unwrap();
    let expected: String = (0..3_000).map(|n| format!("line {n:06}\n")).collect();
    assert!(bytes == expected.as_bytes());
    assert_eq!((failures, cuts), (2, 2));
    assert_eq!(host.sh("echo back".to_owned(), LIMIT).await.unwrap().stdout, b"back\n");

    // Down for longer: those who ask are told at once, and the user's own try is not held up by any pause.
    server.cut(true);
    let mut link = host.link();
    let down = async |link: &mut BoxStream<'static, Link>| loop {
        if let Some(Link::Down { failure, retry_in }) = link.next().await {
            return (failure, retry_in);
        }
    };
    let (failure, retry_in) = timeout(LIMIT, down(&mut link)).await.unwrap();
    assert!(failure.kind == FailureKind::Unreachable && retry_in.is_some());
    let asked = Instant::now();
    assert!(host.sh("true".to_owned(), LIMIT).await.is_err());
    assert!(asked.elapsed() < Duration::from_millis(50));
    sleep(Duration::from_secs(4)).await;
    server.up();
    host.reconnect();
    let asked = Instant::now();
    assert_eq!(host.sh("echo again".to_owned(), LIMIT).await.unwrap().stdout, b"again\n");
    println!("reconnected and answered after {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_key_asks_and_no_is_final() {
    let Some(server) = Server::with("", "StrictHostKeyChecking ask", "") else {
        return;
    };
    fs::write(server.path("known"), "").unwrap();
    let host = server.host();
    let mut link = host.link();
    let prompt = async |link: &mut BoxStream<'static, Link>| loop {
        match timeout(LIMIT, link.next()).await.unwrap().unwrap() {
            Link::Asking(prompt) => return prompt,
            Link::Connecting => {}
            other => panic!("{other:?}"),
        }
    };
    let asked = tokio::spawn(host.sh("echo in".to_owned(), LIMIT));
    let question = prompt(&mut link).await;
    assert!(!question.secret && question.text.contains("SHA256:"), "{}", question.text);
    host.reply(question.id, None);
    let failure = asked.await.unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::HostKey, "{failure}");
    let down = timeout(LIMIT, link.next()).await.unwrap();
    assert!(matches!(down, Some(Link::Down { retry_in: None, .. })), "{down:?}");
    assert_eq!(fs::read_to_string(server.path("known")).unwrap(), "");

    host.reconnect();
    let asked = tokio::spawn(host.sh("echo in".to_owned(), LIMIT));
    let question = prompt(&mut link).await;
    host.reply(question.id, Some("yes".to_owned()));
    assert_eq!(asked.await.unwrap().unwrap().stdout, b"in\n");
    assert!(fs::read_to_string(server.path("known")).unwrap().contains("ed25519"));
}

/// Tells keys that are known beforehand.
struct Told(Vec<HostKey>);

impl Voucher for Told {
    fn name(&self) -> String {
        "the console".to_owned()
    }

    fn keys(&self) -> BoxFuture<'static, Result<Vec<HostKey>, Failure>> {
        std::future::ready(Ok(self.0.clone())).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_answers_for_the_host_key_or_refuses_it() {
    let Some(server) = Server::with("", "StrictHostKeyChecking ask", "") else {
        return;
    };
    fs::write(server.path("known"), "").unwrap();
    let shown = Command::new("ssh-keygen").args(["-l", "-f"]).arg(server.path("hostkey.pub")).output().unwrap();
    let real = String::from_utf8(shown.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let other = format!("SHA256:{}", "A".repeat(43));
    let host = |print: &str| {
        SshHost::vouched(ClusterId::new("test"), server.destination(), Some(Arc::new(Told(vec![HostKey::new("ED25519", print)]))))
    };
    let failure = host(&other).sh("echo in".to_owned(), LIMIT).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::HostKey, "{failure}");
    assert!(failure.what.contains(&real) && failure.what.contains(&other) && failure.hint.contains("ssh -F"), "{failure}");
    assert_eq!(fs::read_to_string(server.path("known")).unwrap(), "");
    let host = host(&real);
    assert_eq!(host.sh("echo in".to_owned(), LIMIT).await.unwrap().stdout, b"in\n");
    assert!(fs::read_to_string(server.path("known")).unwrap().contains("ed25519"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_for() {
    let Some(server) = Server::with("", "StrictHostKeyChecking yes", "open sesame") else {
        return;
    };
    let host = server.host();
    let mut link = host.link();
    let asked = tokio::spawn(host.sh("echo in".to_owned(), LIMIT));
    loop {
        if let Some(Link::Asking(prompt)) = timeout(LIMIT, link.next()).await.unwrap() {
            assert!(prompt.secret && prompt.text.contains("passphrase"));
            host.reply(prompt.id, Some("open sesame".to_owned()));
            break;
        }
    }
    assert_eq!(asked.await.unwrap().unwrap().stdout, b"in\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_and_a_foreign_user_are_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    let other = server.path("other");
    assert!(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other).status().unwrap().success());
    let known = fs::read_to_string(server.path("known")).unwrap();
    fs::write(server.path("known"), format!("[127.0.0.1]:{} {}", server.port, fs::read_to_string(other.with_extension("pub")).unwrap()))
        .unwrap();
    let failure = server.host().sh("true".to_owned(), LIMIT).await.unwrap_err();
    assert!(failure.kind == FailureKind::HostKey && failure.hint.contains("ssh-keygen"), "{failure}");
    fs::write(server.path("known"), known).unwrap();

    fs::write(server.path("authorized"), "").unwrap();
    let failure = server.host().sh("true".to_owned(), LIMIT).await.unwrap_err();
    assert!(failure.kind == FailureKind::Denied && failure.hint.contains("clusters: {test: {user:"), "{failure}");
}

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

#[tokio::test(flavor = "multi_thread")]
async fn few_channels_are_enough() {
    let Some(server) = Server::with("MaxSessions 2", "StrictHostKeyChecking yes", "") else {
        return;
    };
    let host = server.host();
    let many = (0..10).map(|n| host.sh(format!("sleep 0.1; echo {n}"), LIMIT));
    for (n, said) in futures::future::join_all(many).await.into_iter().enumerate() {
        assert_eq!(said.unwrap().stdout, format!("{n}\n").into_bytes());
    }
    assert_eq!(children(server.sshd.as_ref().unwrap().id()).len(), 1, "one connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_is_fast_and_prompt() {
    let Some(server) = Server::start() else {
        return;
    };
    let host = server.host();
    host.sh("true".to_owned(), LIMIT).await.unwrap();
    let log = server.path("log");
    fs::write(&log, vec![b'x'; 300_000_000]).unwrap();
    let begun = Instant::now();
    let mut lines = host.tail(log.display().to_string(), LogStart::Beginning);
    let mut count = 0;
    while count < 300_000_000 {
        if let Some(Ok(LogEvent::Bytes { bytes, .. })) = lines.next().await {
            count += bytes.len();
        }
    }
    let rate = 300.0 / begun.elapsed().as_secs_f64();
    assert!(rate > 30.0, "{rate:.0} MB/s");
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
        let begun = Instant::now();
        file.write_all(b"line\n").unwrap();
        while !matches!(lines.next().await, Some(Ok(LogEvent::Bytes { .. }))) {}
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

/// Run and killed by the test below; by itself it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn holds_a_connection() {
    let (Some(config), Some(ready)) = (std::env::var_os("QDECK_TEST_CONFIG"), std::env::var_os("QDECK_TEST_READY")) else { return };
    let to = Destination { ssh: "head".to_owned(), config_file: Some(config.into()), ..Destination::default() };
    let host = SshHost::new(ClusterId::new("x"), to);
    host.sh("true".to_owned(), LIMIT).await.unwrap();
    fs::write(ready, "").unwrap();
    sleep(LIMIT).await;
}

#[test]
fn ssh_does_not_outlive_a_qdeck_that_was_killed() {
    let Some(server) = Server::start() else { return };
    let (config, ready) = (server.text("config"), server.path("ready"));
    let mut qdeck = Command::new(std::env::current_exe().unwrap());
    qdeck.args(["--exact", "remote::ssh::tests::holds_a_connection"]);
    qdeck.env("QDECK_TEST_CONFIG", &config).env("QDECK_TEST_READY", &ready).env("XDG_RUNTIME_DIR", server.dir.path());
    let mut qdeck = qdeck.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < LIMIT, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("connected", &|| ready.exists());
    assert!(running(&config) > 0);
    qdeck.kill().unwrap();
    qdeck.wait().unwrap();
    until("ssh has ended", &|| running(&config) == 0);
    until("and with it what ran on the host", &|| children(server.sshd.as_ref().unwrap().id()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_is_noticed() {
    let Some(server) = Server::start() else { return };
    let host = server.host();
    host.sh("true".to_owned(), LIMIT).await.unwrap();
    let signal = |signal| {
        for child in children(server.sshd.as_ref().unwrap().id()) {
            for pid in children(child.try_into().unwrap()).into_iter().chain([child]) {
                rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
            }
        }
    };
    signal(rustix::process::Signal::STOP);
    let asked = Instant::now();
    let failure = host.sh("true".to_owned(), Duration::from_secs(60)).await.unwrap_err();
    println!("noticed after {:?}: {failure}", asked.elapsed());
    assert!(failure.kind == FailureKind::TimedOut && asked.elapsed() < Duration::from_secs(17));
    signal(rustix::process::Signal::CONT);
    sleep(Duration::from_secs(2)).await;
    host.sh("true".to_owned(), LIMIT).await.unwrap();
}
