//! A real sshd on loopback, started and stopped here. Where there is none, these tests have nothing to say and pass.

mod files;
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
