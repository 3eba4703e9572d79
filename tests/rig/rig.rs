//! The rig that these tests talk to: real sshd and Slurm, and an EC2 and CloudWatch server, on loopback.
//!
//! `QDECK_RIG_ENV` names the env file of a rig that runs already (`make test` starts one); else a rig is started, and ends with
//! this process.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub struct Rig {
    vars: Vec<(String, String)>,
    /// `down` runs when this is closed, be it because the process was killed.
    _end: Option<Mutex<ChildStdin>>,
}

impl Rig {
    /// The rig that all tests share: for reading, and for jobs of one's own. `None` where there can be none.
    pub fn shared() -> Option<&'static Rig> {
        static SHARED: LazyLock<Option<Rig>> = LazyLock::new(|| match std::env::var_os("QDECK_RIG_ENV") {
            Some(file) => Some(Rig { vars: read_env(Path::new(&file)).expect("QDECK_RIG_ENV names a rig's env file"), _end: None }),
            None => Rig::start(&[], &[]),
        });
        if SHARED.is_none() {
            absent("the rig did not start");
        }
        SHARED.as_ref()
    }

    /// A rig of the test's own, for one that breaks things: `args` as `--no-aws`, `settings` as `RIG_SUSPEND_TIME`. It takes about
    /// a second, and half of it without AWS. It ends when dropped.
    pub fn start(args: &[&str], settings: &[(&str, &str)]) -> Option<Rig> {
        let installed = Path::new("/usr/sbin/slurmctld").exists() && Path::new("/usr/sbin/sshd").exists();
        if !installed || !rustix::process::geteuid().is_root() {
            absent("it needs root, and what tests/rig/install installs");
            return None;
        }
        let dir = rig_dir();
        let mut up = Command::new(dir.join("up"));
        up.args(args).env_remove("RIG_STATE").env_remove("QDECK_RIG_ENV").envs(settings.iter().copied());
        let out = up.stdin(Stdio::null()).output().expect("tests/rig/up can be run");
        let said = String::from_utf8_lossy(&out.stdout);
        let (true, Some(file)) = (out.status.success(), said.lines().last()) else {
            absent(&format!("tests/rig/up failed:\n{}", String::from_utf8_lossy(&out.stderr)));
            return None;
        };
        let vars = read_env(Path::new(file)).expect("the env file that `up` named");
        let mut down = Command::new("sh");
        down.args(["-c", "trap '' INT TERM HUP; read -r _; exec \"$0\""]).arg(dir.join("down"));
        down.env("RIG_STATE", Path::new(file).parent().unwrap()).env("RIG_WIPE", "1").stdin(Stdio::piped());
        let end = down.spawn().expect("sh can be run").stdin.take().map(Mutex::new);
        Some(Rig { vars, _end: end })
    }

    /// What `up` wrote: everything a program needs to find the rig, and nothing else.
    pub fn env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    #[track_caller]
    pub fn var(&self, key: &str) -> &str {
        self.env().find(|(k, _)| *k == key).unwrap_or_else(|| panic!("the rig has no {key}")).1
    }

    /// Runs `tests/rig/ctl`; what it prints. See there for the faults it knows.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> String {
        ok(Command::new(rig_dir().join("ctl")).args(args).env("RIG_STATE", self.var("RIG_STATE")))
    }

    /// ssh to a host of the rig's ssh_config: `rig`, `rig-alice`, `rig-slow`.
    pub fn ssh(&self, host: &str, command: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", self.var("RIG_SSH_CONFIG"), host, command]).stdin(Stdio::null());
        ssh.output().expect("ssh can be run")
    }

    /// Runs a command on the head node as ec2-user; what it prints.
    #[track_caller]
    pub fn run(&self, command: &str) -> String {
        let out = self.ssh("rig", command);
        assert!(out.status.success(), "{command}: {:?}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

/// Waits until `f` says so, asking ten times a second.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, mut f: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !f() {
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn ok(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).output().expect("the command can be run");
    assert!(out.status.success(), "{command:?}: {:?}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn rig_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig")
}

fn read_env(file: &Path) -> std::io::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

/// Says so, once and past libtest's capturing; fails where a missing rig must not go unnoticed.
#[track_caller]
fn absent(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "RIG ABSENT: {why}");
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        let list = std::env::current_exe().and_then(|exe| Command::new(exe).arg("--list").output());
        let count = list.map_or(0, |out| String::from_utf8_lossy(&out.stdout).lines().filter(|l| l.ends_with(": test")).count());
        let note = format!("\nRIG ABSENT: {count} tests not run, run `make rig-install` ({why})\n\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
    });
}
