//! The sshd of these tests: our own keys, our own port on loopback, nothing of the user's.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::LIMIT;
use crate::model::ClusterId;
use crate::remote::ssh::{Destination, SshHost};

/// An sshd of our own that lets us in with a key of our own.
pub(super) struct Server {
    pub(super) dir: tempfile::TempDir,
    pub(super) port: u16,
    pub(super) sshd: Option<Child>,
}

impl Server {
    pub(super) fn start() -> Option<Self> {
        Self::with("Subsystem sftp internal-sftp", "StrictHostKeyChecking yes", "")
    }

    /// `None` where this machine has no sshd, which is said aloud, and in CI is a failure.
    pub(super) fn with(server: &str, client: &str, passphrase: &str) -> Option<Self> {
        let sshd = Path::new("/usr/sbin/sshd");
        if !sshd.exists() {
            assert!(std::env::var_os("CI").is_none(), "there is no {}: run tests/rig/install", sshd.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"SSHD ABSENT: not tested, run `make rig-install`\n");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for (key, passphrase) in [("hostkey", ""), ("id", passphrase)] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", &at(key)]).status();
            assert!(made.unwrap().success());
        }
        if rustix::process::getuid().is_root() {
            let _ = fs::create_dir_all("/run/sshd");
        }
        let write = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
        write("authorized", fs::read_to_string(at("id.pub")).unwrap());
        write(
            "sshd_config",
            format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
                 PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n{server}\n",
                at("hostkey"),
                at("authorized")
            ),
        );
        write("known", format!("[127.0.0.1]:{port} {}", fs::read_to_string(at("hostkey.pub")).unwrap()));
        write(
            "config",
            format!(
                "Host head\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n\
                 \x20 UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  {client}\n",
                at("id"),
                at("known")
            ),
        );
        let mut server = Self { dir, port, sshd: None };
        server.up();
        Some(server)
    }

    pub(super) fn up(&mut self) {
        let log = fs::File::create(self.path("sshd.log")).unwrap();
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(self.path("sshd_config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.sshd = Some(sshd.spawn().unwrap());
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < LIMIT, "{}", fs::read_to_string(self.path("sshd.log")).unwrap());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends every session of this sshd, and this sshd too if `for_good`.
    pub(super) fn cut(&mut self, for_good: bool) {
        let Some(sshd) = &mut self.sshd else { return };
        let sessions = children(sshd.id());
        if for_good {
            sshd.kill().unwrap();
            sshd.wait().unwrap();
            self.sshd = None;
        }
        for pid in sessions {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL);
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(super) fn host(&self) -> SshHost {
        SshHost::new(ClusterId::new("test"), self.destination())
    }

    pub(super) fn destination(&self) -> Destination {
        // libtest is no askpass, so a script in between runs one test that is.
        let askpass = self.path("askpass");
        let exe = std::env::current_exe().unwrap();
        let script = format!(
            "#!/bin/sh\nexport QDECK_TEST_PROMPT=\"$1\" QDECK_TEST_ANSWER=$(mktemp -p {})\n\
             {} --exact remote::ssh::tests::stands_in_for_askpass >/dev/null 2>&1 && cat \"$QDECK_TEST_ANSWER\"\n",
            self.dir.path().display(),
            exe.display()
        );
        fs::write(&askpass, script).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
        Destination {
            name: "test".to_owned(),
            ssh: "head".to_owned(),
            config_file: Some(self.path("config")),
            askpass: Some(askpass),
            ..Destination::default()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.cut(true);
    }
}

pub(super) fn children(parent: u32) -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok()) == Some(parent)
    };
    all.filter(is_child).collect()
}

/// Processes that have this text in their command line.
pub(super) fn running(text: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| memchr::memmem::find(&line, text.as_bytes()).is_some()))
        .count()
}
