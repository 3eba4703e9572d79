//! A head node's key beside the one that its console output tells: real ssh, real sshd, and an EC2 that says what it is told to.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;
use crate::support::Term;

/// One rig for all of these, one after another: a console is there once.
struct World {
    rig: &'static Rig,
    program: Program<'static>,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    /// ssh asks about unknown keys there and knows none; `gate` is the same machine under another name.
    fn new() -> Option<Self> {
        static RIG: LazyLock<Option<Rig>> = LazyLock::new(|| Rig::start(&["--no-slurm"], &[]));
        static ALONE: Mutex<()> = Mutex::new(());
        let rig = RIG.as_ref()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let program = Program::new(rig);
        let (known, address) = (program.path("known"), rig.var("RIG_HEAD_PUBLIC_IP"));
        let key = format!("{}/client/id_ed25519", rig.var("RIG_STATE"));
        let config = format!(
            "Host gate\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  HostKeyAlias gate\n  IdentityFile {key}\n  IdentitiesOnly yes\n  ProxyCommand none\n\
             Host gate {address}\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking ask\n  BatchMode no\n\
             Host *\n  Include {}\n",
            rig.var("RIG_SSH_PORT"),
            rig.var("RIG_USER"),
            rig.var("RIG_SSH_CONFIG")
        );
        fs::write(program.path("ssh_config"), config).unwrap();
        let settings = fs::read_to_string(program.path("config.yaml")).unwrap();
        fs::write(program.path("config.yaml"), settings.replace(rig.var("RIG_SSH_CONFIG"), &program.path("ssh_config"))).unwrap();
        fs::write(&known, "").unwrap();
        rig.ctl(&["aws", "/fault", &json!({"clear": true}).to_string()]);
        let world = Self { rig, program, _alone: alone };
        world.console(&json!({"text": ""}));
        Some(world)
    }

    fn console(&self, what: &Value) {
        let mut what = what.clone();
        what["id"] = self.instance().into();
        self.rig.ctl(&["aws", "/console", &what.to_string()]);
    }

    fn instance(&self) -> &str {
        self.rig.var("RIG_HEAD_INSTANCE")
    }

    /// The fingerprint of the key that sshd shows.
    fn real(&self) -> String {
        fingerprint(&format!("{}/etc/hostkey.pub", self.rig.var("RIG_STATE")))
    }

    /// Another key: its fingerprint, and its public half.
    fn other(&self) -> (String, String) {
        let file = self.program.path("other");
        if !fs::exists(&file).unwrap() {
            assert!(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file]).status().unwrap().success());
        }
        (fingerprint(&format!("{file}.pub")), fs::read_to_string(format!("{file}.pub")).unwrap())
    }

    fn known(&self) -> String {
        fs::read_to_string(self.program.path("known")).unwrap()
    }

    /// The head node's file systems, which need its shell and no scheduler. Nobody is there to answer.
    fn mounts(&self) -> (Option<i32>, String) {
        // Without a session of its own it would find the terminal of whoever runs the tests.
        let command = self.program.command(&["--cluster", "demo", "mounts"]);
        let mut apart = Command::new("setsid");
        apart.arg("-w").arg(command.get_program()).args(command.get_args()).stdin(Stdio::null()).env_clear();
        apart.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        let out = apart.output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }

    fn open(&self) -> Term {
        self.program.open(&["--cluster", "demo"])
    }

    /// State and words of one of the doctor's lines.
    fn doctor(&self, check: &str) -> (String, String) {
        let Output { stdout, .. } = self.program.command(&["--json", "doctor", "demo"]).output().unwrap();
        let all: Vec<Value> = serde_json::from_slice(&stdout).unwrap();
        let line = all.iter().find(|finding| finding["check"] == check).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (text("state"), format!("{} {}", text("what"), text("hint")))
    }
}

fn fingerprint(file: &str) -> String {
    let out = Command::new("ssh-keygen").args(["-l", "-f", file]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

/// What a head node of Amazon Linux 2023 has on its console.
fn console(fingerprint: &str) -> String {
    let log = |text: &str| format!("<14>Nov 26 03:04:05 cloud-init: {text}\r\n");
    format!(
        "[    6.99] cloud-init[1888]: Generating public/private ed25519 key pair.\r\n{}{}{}{}[    8.09] cloud-init[1975]: Cloud-init v. 22.2.2 finished\r\n\
         \u{1b}[H\u{1b}[Jip-10-0-0-14 login: ",
        log("#############################################################"),
        log("-----BEGIN SSH HOST KEY FINGERPRINTS-----"),
        log(&format!("256 {fingerprint} root@ip-10-0-0-14.eu-west-1.compute.internal (ED25519)")),
        log("-----END SSH HOST KEY FINGERPRINTS-----"),
    )
}

#[test]
fn a_key_that_the_console_tells_is_trusted_without_a_question() {
    let Some(world) = World::new() else { return };
    world.console(&json!({"text": console(&world.real())}));
    let (code, said) = world.mounts();
    assert_eq!(code, Some(0), "{said}");
    assert!(world.known().starts_with("rig ssh-ed25519 "), "ssh keeps it: {}", world.known());
    // In the application nobody is asked, and it is told.
    fs::write(world.program.path("known"), "").unwrap();
    let term = world.open();
    term.until("The host key of demo is the one in EC2's console output of", LATER);
    term.until_screen("connected", SOON, |text| text.contains("ssh ●") && !text.contains("ssh asks"));
    term.keys("!");
    term.until(&format!("is the one in EC2's console output of {}.", world.instance()), SOON);
    assert!(world.known().starts_with("rig ssh-ed25519 "), "{}", world.known());
    drop(term);
    // A machine that is not on Nitro, and one whose boot has left the console: EC2 kept it.
    for more in [json!({"nitro": false, "text": console(&world.real())}), json!({"text": "[ 9.9] busy", "kept": console(&world.real())})] {
        fs::write(world.program.path("known"), "").unwrap();
        world.console(&more);
        let (code, said) = world.mounts();
        assert_eq!(code, Some(0), "{said}");
        assert!(world.known().starts_with("rig ssh-ed25519 "), "{}", world.known());
    }
}

#[test]
fn another_machine_s_key_is_refused_with_both_fingerprints() {
    let Some(world) = World::new() else { return };
    let (real, (other, _)) = (world.real(), world.other());
    // The newest printing counts: this machine was started with another key once.
    world.console(&json!({"text": console(&real) + &console(&other)}));
    let (code, said) = world.mounts();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&real) && said.contains(&other) && said.contains("Another machine answers at 203.0.113.14"), "{said}");
    assert_eq!(world.known(), "", "nothing is kept");
    let term = world.open();
    term.until(&other, LATER);
    term.until(&real, SOON);
    term.until("Another machine answers", SOON);
    assert!(!term.text().contains("ssh asks"), "{}", term.text());
    assert_eq!(world.known(), "");
}

#[test]
fn where_nothing_can_be_compared_the_user_is_asked_and_told_why() {
    let Some(world) = World::new() else { return };
    let none = format!("Not compared: EC2's console output of {} has no host keys (yet).", world.instance());
    // Nobody is there to answer: no means no, at once.
    let (code, said) = world.mounts();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no terminal to answer at") && said.contains(&none) && said.contains(&world.real()), "{said}");
    assert!(said.contains("you declined: The authenticity of host 'rig"), "{said}");
    // In the application.
    let term = world.open();
    term.until("ssh asks", LATER);
    term.until("has no host keys (yet).", SOON);
    term.until(&world.real(), SOON);
    term.keys("yes<enter>");
    term.until_screen("connected", SOON, |text| text.contains("ssh ●"));
    assert!(world.known().starts_with("rig ssh-ed25519 "), "{}", world.known());
    drop(term);
    // At a terminal; what may not be read is said with its reason.
    fs::write(world.program.path("known"), "").unwrap();
    world.rig.ctl(&["aws", "/fault", &json!({"action": "GetConsoleOutput", "code": "UnauthorizedOperation", "status": 403}).to_string()]);
    let mut term = world.program.open(&["--cluster", "demo", "mounts"]);
    term.until("cannot be read: UnauthorizedOperation", LATER);
    term.until("(yes/no/[fingerprint])?", SOON);
    term.keys("yes<enter>");
    term.until("PATH", SOON);
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(world.known().starts_with("rig ssh-ed25519 "), "{}", world.known());
}

#[test]
fn an_ec2_that_does_not_answer_holds_up_the_question_for_seconds_only() {
    let Some(world) = World::new() else { return };
    world.rig.ctl(&["aws", "/fault", &json!({"action": "GetConsoleOutput", "hang": 30}).to_string()]);
    let term = world.open();
    term.until("comparing the host key", LATER);
    term.until("did not arrive within 8 s", Duration::from_secs(15));
    term.keys("<esc>");
    term.until("you declined", SOON);
    assert_eq!(world.known(), "");
}

#[test]
fn the_key_of_a_machine_on_the_way_is_another_question() {
    let Some(world) = World::new() else { return };
    world.console(&json!({"text": console(&world.other().0)}));
    let settings = fs::read_to_string(world.program.path("config.yaml")).unwrap();
    fs::write(world.program.path("config.yaml"), settings + "clusters: {demo: {jump: gate}}\n").unwrap();
    let term = world.open();
    // The console tells the head node's key, which the gate need not have.
    term.until("The authenticity of host 'gate", LATER);
    assert!(!term.text().contains("Not compared") && !term.text().contains("Another machine"), "{}", term.text());
    term.keys("yes<enter>");
    // Behind it the head node's own is compared.
    term.until("Another machine answers", SOON);
    assert!(world.known().starts_with("gate ssh-ed25519 ") && !world.known().contains("rig"), "{}", world.known());
    world.console(&json!({"text": console(&world.real())}));
    term.keys("r");
    term.until_screen("connected", LATER, |text| text.contains("ssh ●"));
    assert!(world.known().contains("\nrig ssh-ed25519 "), "{}", world.known());
}

#[test]
fn a_changed_key_stays_refused_whatever_the_console_says_of_it() {
    let Some(world) = World::new() else { return };
    let (real, (other, public)) = (world.real(), world.other());
    let known = format!("rig {public}");
    fs::write(world.program.path("known"), &known).unwrap();
    for (text, words) in [
        (console(&real), "has this very key: the head node was made again. Forget the old key, then reconnect: ssh-keygen -f"),
        (console(&other), "another machine answers at 203.0.113.14"),
        (String::new(), "has no host keys (yet)."),
    ] {
        world.console(&json!({"text": text}));
        let (code, said) = world.mounts();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the host key has changed") && said.contains(words), "{said}");
        assert_eq!(world.known(), known, "nothing is replaced");
    }
}

#[test]
fn the_doctor_compares_what_ssh_knows() {
    let Some(world) = World::new() else { return };
    let (real, (other, public)) = (world.real(), world.other());
    let (state, words) = world.doctor("host key");
    assert!(state == "unknown" && words.contains("not known yet") && words.contains("no host keys (yet)"), "{words}");
    // ssh asks, and the doctor waits for nobody: that is said.
    let (state, words) = world.doctor("head node");
    assert!(state == "unknown" && words.contains("nobody answered: Not compared") && words.contains(&real), "{words}");
    world.console(&json!({"text": console(&real)}));
    let (state, words) = world.doctor("host key");
    assert!(state == "unknown" && words.contains("compared at the first connection") && words.contains(&real), "{words}");
    // By its own connection the doctor has made it known.
    let (state, words) = world.doctor("host key");
    assert!(state == "ok" && words.contains(&format!("which matches EC2's console output of {}", world.instance())), "{words}");
    fs::write(world.program.path("known"), format!("rig {public}")).unwrap();
    let (state, words) = world.doctor("host key");
    assert!(state == "not_ok" && words.contains(&real) && words.contains(&other), "{words}");
    world.console(&json!({"text": ""}));
    let (state, words) = world.doctor("host key");
    assert!(state == "ok" && words.contains("Not compared") && words.contains(&other), "{words}");
}
