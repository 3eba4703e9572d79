//! Head nodes that the network does not simply lead to: through a login node, through AWS Session Manager by the real `aws`, and over a
//! session that the user's own ssh holds open.

use std::cell::Cell;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

/// Addresses of documentation's that the ssh_config below leads to the rig.
const LOGIN_PUBLIC_IP: &str = "203.0.113.15";

/// The program with an ssh_config by which nothing but the login node is reached, and with this configuration of its own.
struct Way<'a> {
    rig: &'a Rig,
    program: Program<'a>,
    env: Vec<(String, String)>,
    /// How often the test itself has logged in.
    looks: Cell<usize>,
}

impl<'a> Way<'a> {
    fn new(rig: &'a Rig, config: &str) -> Self {
        let program = Program::new(rig);
        let state = rig.var("RIG_STATE");
        let (login, port) = (rig.var("RIG_LOGIN_IP"), rig.var("RIG_SSH_PORT"));
        let key = |name: &str| fs::read_to_string(format!("{state}/etc/{name}.pub")).unwrap();
        let known = format!("rig {}[{login}]:{port} {}", key("hostkey"), key("loginkey"));
        fs::write(program.path("known_hosts"), known).unwrap();
        // Neither user nor key stands here but for the machine that is jumped over by its name.
        let ssh = format!(
            "Host {LOGIN_PUBLIC_IP} bastion\n  HostName {login}\nHost bastion\n  User ec2-user\n  IdentityFile {state}/client/id_ed25519\n\
             Host 127.0.10.14 i-*\n  HostKeyAlias rig\nHost 127.0.10.14 {login} {LOGIN_PUBLIC_IP} bastion\n  Port {port}\n  ProxyCommand none\n\
             Host *\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n  \
             IdentityAgent none\n  ProxyCommand false\n",
            program.path("known_hosts")
        );
        fs::write(program.path("ssh_config"), ssh).unwrap();
        let way = Self { rig, program, env: Vec::new(), looks: Cell::new(0) };
        way.configure(config);
        way
    }

    fn configure(&self, config: &str) {
        let text =
            format!("# mine\nssh: {{config_file: {}}}\nrefresh: {{jobs: 1, nodes: 2, clusters: 2}}\n", self.program.path("ssh_config"));
        fs::write(self.program.path("config.yaml"), text + config).unwrap();
    }

    fn key(&self) -> String {
        format!("{}/client/id_ed25519", self.rig.var("RIG_STATE"))
    }

    /// Runs a command on the head node, by an ssh of the test's own.
    #[track_caller]
    fn look(&self, command: &str) -> String {
        self.looks.set(self.looks.get() + 1);
        self.rig.run(command).trim().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program.command(args);
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn say(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {:?} {}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    #[track_caller]
    fn fail(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8(out.stderr).unwrap()
    }

    fn open(&self, args: &[&str]) -> crate::support::Term {
        let more: Vec<(&str, &str)> = self.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        self.program.open_with(args, &more)
    }

    /// All that goes over the session: the queue, a submission with its upload, a tail, a folder by rsync, a shell.
    #[track_caller]
    fn carries_all(&self, cluster: &str) {
        let script = "#!/bin/bash\n#SBATCH -J way -N1 -w compute-st-c5large-1\nfor n in 1 2 3; do echo line $n; sleep 0.5; done\n";
        fs::write(self.program.path("way.sh"), script).unwrap();
        let on = |args: &[&str]| self.say(&[&["--cluster", cluster], args].concat());
        let id = on(&["submit", &self.program.path("way.sh")]).trim().to_owned();
        assert!(id.bytes().all(|b| b.is_ascii_digit()) && !id.is_empty(), "{id}");
        assert!(on(&["jobs"]).contains(&id));
        assert_eq!(on(&["logs", "-f", &id]), "line 1\nline 2\nline 3\n");
        let dest = self.program.path(&format!("fetched-{id}"));
        on(&["fetch", &id, &dest, "--work-dir"]);
        assert!(
            fs::read_dir(&dest).unwrap().flatten().any(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("line 3")))
        );
        let long = self.look("sbatch --parsable -J long -w compute-st-c5large-2 --wrap 'sleep 300'");
        eventually("the long job to run", LATER, || self.look(&format!("squeue -h -o %t -j {long}")) == "R");
        let mut term = self.open(&["--cluster", cluster, "attach", &long]);
        term.until("$", LATER);
        term.keys("echo where: $(hostname) in $SLURM_JOB_ID; exit<enter>");
        term.until(&format!("where: compute-st-c5large-2 in {long}"), SOON);
        assert_eq!(term.wait_exit(SOON), 0);
        self.look(&format!("scancel {long}"));
    }
}

/// How often the head node has let somebody in.
fn logins(rig: &Rig) -> usize {
    fs::read_to_string(format!("{}/log/sshd.out", rig.var("RIG_STATE"))).unwrap().matches("Accepted publickey").count()
}

fn login_log(rig: &Rig) -> String {
    fs::read_to_string(format!("{}/log/private.out", rig.var("RIG_STATE"))).unwrap()
}

/// Processes that have this text in their command line.
fn running(text: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))).count()
}

#[test]
fn a_host_is_reached_over_a_machine_that_ssh_knows() {
    let Some(rig) = Rig::start(&["--no-aws", "--private"], &[]) else { return };
    let host = |jump: &str| format!("hosts: [{{name: inner, ssh: {}@127.0.10.14{jump}}}]\n", rig.var("RIG_USER"));
    let way = Way::new(&rig, &host(""));
    // For `hosts:` ssh_config says which key is offered, at the bastion and behind it.
    let ssh = fs::read_to_string(way.program.path("ssh_config")).unwrap();
    fs::write(way.program.path("ssh_config"), format!("Host 127.0.10.14\n  IdentityFile {}\n{ssh}", way.key())).unwrap();
    let said = way.fail(&["--cluster", "inner", "jobs"]);
    assert!(said.contains("Connection refused"), "{said}");
    way.configure(&host(", jump: bastion"));
    way.carries_all("inner");
    assert!(login_log(&rig).contains("Accepted publickey for ec2-user"), "{}", login_log(&rig));
    // The machine in between has a key of its own, which is looked at.
    let known = fs::read_to_string(way.program.path("known_hosts")).unwrap();
    fs::write(way.program.path("known_hosts"), known.lines().next().unwrap()).unwrap();
    let said = way.fail(&["--cluster", "inner", "jobs"]);
    assert!(said.contains(rig.var("RIG_LOGIN_IP")) && said.contains("host key is known"), "{said}");
    fs::write(way.program.path("known_hosts"), known).unwrap();
    rig.ctl(&["login-stop"]);
    let said = way.fail(&["--cluster", "inner", "jobs"]);
    assert!(said.contains("Connection refused") && said.contains("machine in between"), "{said}");
}

/// The user's own open session, as `ssh -M` makes it.
struct Own<'a> {
    rig: &'a Rig,
    program: Program<'a>,
}

impl<'a> Own<'a> {
    fn new(rig: &'a Rig) -> Self {
        let program = Program::new(rig);
        let config = fs::read_to_string(rig.var("RIG_SSH_CONFIG")).unwrap();
        // A path that rsync and we ourselves could not pass on as it is.
        let path = format!("ControlPath \"{}/my cm-%r@%h\"\n", program.dir.path().display());
        fs::write(program.path("ssh_config"), path + &config).unwrap();
        let own = Self { rig, program };
        own.configure("");
        own
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "hosts: [{{name: rig, ssh: rig}}]\nssh: {{config_file: {}{more}}}\nrefresh: {{jobs: 1, nodes: 2, clusters: 2}}\n",
            self.program.path("ssh_config")
        );
        fs::write(self.program.path("config.yaml"), text).unwrap();
    }

    fn ssh(&self, args: &[&str]) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.program.path("ssh_config")).args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        ssh.output().unwrap()
    }

    fn begin(&self) {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.program.path("ssh_config")).args(["-M", "-f", "-N", "rig"]);
        assert!(ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        assert!(self.process().is_some());
    }

    /// The process that holds it, if it answers.
    fn process(&self) -> Option<Pid> {
        let said = String::from_utf8(self.ssh(&["-O", "check", "rig"]).stderr).unwrap();
        let number = said.split("(pid=").nth(1)?.split(')').next()?.parse().ok()?;
        Pid::from_raw(number)
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.process() {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

#[test]
fn the_user_s_own_open_session_is_used_and_left_as_it_was() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let own = Own::new(&rig);
    own.begin();
    let process = own.process();
    let before = logins(&rig);
    let way = Way { rig: &rig, program: Program::new(&rig), env: Vec::new(), looks: Cell::new(0) };
    fs::copy(own.program.path("config.yaml"), way.program.path("config.yaml")).unwrap();
    way.carries_all("rig");
    let out = own.program.command(&["--json", "doctor", "rig"]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stdout).contains("over your own open ssh session"), "{out:?}");
    let seen = logins(&rig);
    assert_eq!(seen, before + way.looks.get(), "nobody but the test itself logged in anew");
    let mut term = own.program.open(&["--cluster", "rig"]);
    term.until("your ssh ●", SOON);
    term.until("slurm now", SOON);
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    assert_eq!(logins(&rig), seen, "nobody logged in anew");
    assert_eq!(own.process(), process, "it is still there");
    // Killed, qdeck leaves it alone all the same.
    let term = own.program.open(&["--cluster", "rig"]);
    term.until("your ssh ●", SOON);
    kill_process(Pid::from_raw(term.pid().cast_signed()).unwrap(), Signal::KILL).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(own.process(), process, "it is still there");
    drop(term);
    assert_eq!(logins(&rig), seen);
    // In a container no session has a number that was begun outside.
    let jobs = own.program.command(&["--cluster", "rig", "jobs"]);
    let mut contained = Command::new("timeout");
    contained.args(["60", "unshare", "--pid", "--fork"]).arg(jobs.get_program()).args(jobs.get_args()).env_clear();
    contained.envs(jobs.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let out = contained.output().unwrap();
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("JOBID"), "{out:?}");
    assert_eq!(logins(&rig), seen, "over the same session");
    // Its owner ends it: we connect by ourselves, and nothing else changes.
    let term = own.program.open(&["--cluster", "rig"]);
    term.until("your ssh ●", SOON);
    assert!(own.ssh(&["-O", "exit", "rig"]).status.success());
    term.until_screen("an ssh of our own", SOON, |screen| screen.contains("ssh ●") && !screen.contains("your ssh"));
    let id = rig.run("sbatch --parsable -J after --hold --wrap 'true'").trim().to_owned();
    let seen = logins(&rig);
    term.until(&id, SOON);
    assert_eq!(logins(&rig), seen);
    rig.run(&format!("scancel {id}"));
    drop(term);
    // As somebody else: its path does not tell users apart, and what answers there is not who was meant.
    own.begin();
    let ssh = fs::read_to_string(own.program.path("ssh_config")).unwrap();
    fs::write(own.program.path("ssh_config"), ssh.replace("cm-%r@", "cm-ec2-user@")).unwrap();
    let config = fs::read_to_string(own.program.path("config.yaml")).unwrap();
    fs::write(own.program.path("config.yaml"), config.replace("ssh: rig}", "ssh: rig-alice}")).unwrap();
    let seen = logins(&rig);
    own.program.say(&["jobs"]);
    assert_eq!(logins(&rig), seen + 1, "as alice");
    // Not wished.
    own.configure(", reuse: false");
    let seen = logins(&rig);
    own.program.say(&["jobs"]);
    assert_eq!(logins(&rig), seen + 1);
}

#[test]
fn a_session_of_the_user_s_that_is_full_or_dead_is_not_waited_for() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm"], &[("RIG_SSHD_EXTRA", "MaxSessions 2")]) else { return };
    let own = Own::new(&rig);
    own.begin();
    // Its owner's own shells take all places.
    let shell = || {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(own.program.path("ssh_config")).args(["rig", "echo here; exec cat"]);
        let mut shell = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
        shell
    };
    let mut shells = [shell(), shell()];
    let seen = logins(&rig);
    assert!(own.program.run(&["mounts"]).status.success());
    assert_eq!(logins(&rig), seen + 1, "one of our own");
    // With one place left we stay within it, and ask nobody to let us in again.
    drop(shells[0].stdin.take());
    shells[0].wait().unwrap();
    let seen = logins(&rig);
    let term = own.program.open(&["--cluster", "rig"]);
    term.until("your ssh ●", SOON);
    let out = own.program.run(&["mounts"]);
    assert!(out.status.success(), "beside it, by an ssh of its own: {out:?}");
    assert_eq!(logins(&rig), seen + 1);
    assert!(term.text().contains("your ssh ●"));
    drop(term);
    drop(shells[1].stdin.take());
    shells[1].wait().unwrap();
    // Nothing comes back from it: neither when we come, nor while we use it.
    let term = own.program.open(&["--cluster", "rig"]);
    term.until("your ssh ●", SOON);
    let process = own.process().unwrap();
    kill_process(process, Signal::STOP).unwrap();
    term.until_screen("an ssh of our own", LATER, |screen| screen.contains("ssh ●") && !screen.contains("your ssh"));
    let begun = std::time::Instant::now();
    assert!(own.program.run(&["mounts"]).status.success());
    println!("beside a dead session: {:?}", begun.elapsed());
    kill_process(process, Signal::CONT).unwrap();
    assert!(own.process().is_some());
}

#[cfg(feature = "aws")]
mod aws {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    /// A rig whose head node has no public address.
    fn private_rig(args: &[&str]) -> Option<Rig> {
        let rig = Rig::start(&[&["--private"], args].concat(), &[])?;
        rig.ctl(&["aws", "/address", r#"{"ip": "127.0.10.14", "public_ip": null}"#]);
        Some(rig)
    }

    /// With the real `aws`, a stand-in for its plugin, and a profile.
    fn with_aws(way: &mut Way<'_>, programs: &[&str]) {
        let bin = way.program.dir.path().join("bin");
        let _ = fs::remove_dir_all(&bin);
        fs::create_dir(&bin).unwrap();
        for program in programs {
            let from = match *program {
                "aws" => Path::new(way.rig.var("RIG_PCLUSTER")).join("bin/aws"),
                "session-manager-plugin" => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/session-manager-plugin"),
                other => panic!("{other}"),
            };
            std::os::unix::fs::symlink(from, bin.join(program)).unwrap();
        }
        // Nothing else of that name may be on the path.
        for folder in ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if !["aws", "session-manager-plugin", "pcluster"].contains(&&*name.to_string_lossy()) {
                    let _ = std::os::unix::fs::symlink(entry.path(), bin.join(name));
                }
            }
        }
        fs::write(way.program.path("aws"), "[profile lab]\nregion = eu-west-1\naws_access_key_id = a\naws_secret_access_key = b\n")
            .unwrap();
        way.env = vec![("PATH".into(), bin.display().to_string()), ("AWS_CONFIG_FILE".into(), way.program.path("aws"))];
    }

    fn agent(rig: &Rig, state: &str) {
        rig.ctl(&["aws", "/ssm", &json!({ "id": rig.var("RIG_HEAD_INSTANCE"), "state": state }).to_string()]);
    }

    #[test]
    fn a_head_node_without_a_public_address_is_reached_through_the_cluster_s_login_node() {
        let Some(rig) = private_rig(&[]) else { return };
        let mut way = Way::new(&rig, "");
        let entry = format!("clusters: {{demo: {{key: {}}}}}\n", way.key());
        way.configure(&entry);
        let said = way.fail(&["--cluster", "demo", "jobs"]);
        assert!(said.contains("Connection refused"), "{said}");
        way.configure(&entry.replace("}}", ", jump: login}}"));
        way.carries_all("demo");
        // A public address comes before a private one. User and key are passed on: the log of the login node says who came.
        rig.ctl(&["aws", "/address", &json!({ "ip": rig.var("RIG_LOGIN_IP"), "public_ip": LOGIN_PUBLIC_IP }).to_string()]);
        way.say(&["--cluster", "demo", "jobs"]);
        assert!(login_log(&rig).contains("Accepted publickey for ec2-user"), "{}", login_log(&rig));
        let out = way.run(&["--json", "doctor", "demo"]);
        assert!(String::from_utf8_lossy(&out.stdout).contains(&format!("ssh goes through the login node {LOGIN_PUBLIC_IP}")));
        // As the default for all.
        way.configure(&format!("aws: {{jump: login}}\n{entry}"));
        way.say(&["--cluster", "demo", "jobs"]);
        way.env.clear();
    }

    #[test]
    fn session_manager_carries_all_that_ssh_does() {
        let Some(rig) = private_rig(&[]) else { return };
        let mut way = Way::new(&rig, "");
        way.configure(&format!("aws: {{profiles: [lab], via: ssm}}\nclusters: {{demo: {{key: {}}}}}\n", way.key()));
        with_aws(&mut way, &["aws", "session-manager-plugin"]);
        agent(&rig, "Online");
        way.carries_all("demo");
        assert!(!login_log(&rig).contains("Accepted"), "the login node had no part in it");
        let told = fs::read_to_string(format!("{}/log/plugin", rig.var("RIG_STATE"))).unwrap();
        let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wanted = json!({ "region": "eu-west-1", "profile": "lab", "target": rig.var("RIG_HEAD_INSTANCE"), "port": ["22"] });
        assert!(told.len() > 3 && told.iter().all(|one| *one == wanted), "{told:?}");
        // An instance that is named by itself, in `hosts:`.
        let hosts = format!("hosts: [{{name: inner, ssh: ec2-user@{}, via: ssm}}]\n", rig.var("RIG_HEAD_INSTANCE"));
        let ssh = fs::read_to_string(way.program.path("ssh_config")).unwrap();
        fs::write(way.program.path("ssh_config"), format!("Host i-*\n  IdentityFile {}\n{ssh}", way.key())).unwrap();
        way.configure(&format!("aws: {{profiles: [lab], regions: [eu-west-1]}}\n{hosts}"));
        assert!(way.say(&["--cluster", "inner", "jobs"]).contains("JOBID"));
        // Whatever becomes of qdeck, nothing of the way is left.
        let term = way.open(&["--cluster", "inner"]);
        term.until("ssh ●", LATER);
        let plugin = || running(&format!("{}/session-manager-plugin", way.program.dir.path().join("bin").display()));
        assert!(plugin() > 0);
        kill_process(Pid::from_raw(term.pid().cast_signed()).unwrap(), Signal::KILL).unwrap();
        eventually("the plugin to end", SOON, || plugin() == 0);
    }

    #[test]
    fn what_session_manager_lacks_is_said_with_what_to_do() {
        let Some(rig) = private_rig(&["--no-slurm"]) else { return };
        let mut way = Way::new(&rig, "");
        way.configure(&format!("aws: {{profiles: [lab]}}\nclusters: {{demo: {{key: {}, via: ssm}}}}\n", way.key()));
        let mounts = ["--cluster", "demo", "mounts"];
        with_aws(&mut way, &[]);
        let said = way.fail(&mounts);
        assert!(said.contains("needs the program `aws`") && said.contains("install"), "{said}");
        with_aws(&mut way, &["aws"]);
        agent(&rig, "Online");
        let said = way.fail(&mounts);
        assert!(said.contains("needs the program `session-manager-plugin`"), "{said}");
        with_aws(&mut way, &["aws", "session-manager-plugin"]);
        agent(&rig, "ConnectionLost");
        let said = way.fail(&mounts);
        assert!(said.contains("is not connected") && said.contains("AmazonSSMManagedInstanceCore"), "{said}");
        for (code, message, words) in [
            (
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/you is not authorized to perform: ssm:StartSession",
                "be allowed ssm:StartSession",
            ),
            ("ExpiredTokenException", "The security token included in the request is expired", "aws sso login --profile lab"),
            ("UnrecognizedClientException", "The security token included in the request is invalid.", "get-caller-identity --profile lab"),
        ] {
            rig.ctl(&["aws", "/fault", &json!({ "action": "StartSession", "code": code, "message": message }).to_string()]);
            let said = way.fail(&mounts);
            assert!(said.contains(message) && said.contains(words), "{said}");
            rig.ctl(&["aws", "/fault", r#"{"clear": true}"#]);
        }
        agent(&rig, "Online");
        assert!(way.say(&mounts).contains("PATH"));
    }

    #[test]
    fn doctor_finds_another_way_and_writes_it_down_where_that_is_wished() {
        let Some(rig) = private_rig(&[]) else { return };
        let mut way = Way::new(&rig, "");
        let config = format!("aws: {{profiles: [lab]}}\nclusters: # where\n  demo:\n    key: {} # the key\n", way.key());
        way.configure(&config);
        with_aws(&mut way, &["aws", "session-manager-plugin"]);
        agent(&rig, "Online");
        let file = way.program.path("config.yaml");
        let before = fs::read_to_string(&file).unwrap();
        // Without a terminal nothing is asked.
        let out = way.run(&["doctor", "demo"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            said.contains("`jump: login` goes through it") && said.contains("`via: ssm` goes through it") && !said.contains("[y/N]"),
            "{said}"
        );
        assert_eq!(out.status.code(), Some(1));
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        let mut term = way.open(&["doctor", "demo"]);
        term.until(&format!("Write `jump: login` for demo into {file}? [y/N]"), LATER);
        term.keys("<enter>");
        term.until(&format!("Write `via: ssm` for demo into {file}? [y/N]"), SOON);
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        term.keys("y<enter>");
        term.until("Once more", SOON);
        term.until("slurm answers", LATER);
        // The rig has no clustermgtd.
        assert_eq!(term.wait_exit(SOON), 1);
        let written = fs::read_to_string(&file).unwrap();
        assert_eq!(written, before.replace("  demo:\n", "  demo:\n    via: ssm\n"));
        assert!(way.say(&["--cluster", "demo", "jobs"]).contains("JOBID"));
        // In the application it goes on without a restart.
        way.configure(&config);
        let id = rig.run("sbatch --parsable -J seen --hold --wrap true").trim().to_owned();
        let mut term = way.open(&["--cluster", "demo"]);
        term.until("Connection refused", LATER);
        term.keys("1gH");
        term.until("go another way", LATER);
        term.keys("<enter>");
        term.until("Another way to demo", SOON);
        term.keys("l");
        term.until("jump: login, written into", SOON);
        term.until("slurm answers", LATER);
        term.keys("<esc>");
        term.until_gone("Doctor", SOON);
        term.until(&id, SOON);
        term.until("ssh ●", SOON);
        assert_eq!(fs::read_to_string(&file).unwrap(), before.replace("  demo:\n", "  demo:\n    jump: login\n"));
        term.keys("q");
        assert_eq!(term.wait_exit(SOON), 0);
        // A way that has gone is replaced by another one, not joined by it.
        rig.ctl(&["login-stop"]);
        let out = way.run(&["doctor", "demo"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            said.contains("machine in between") && said.contains("`via: ssm` goes through it") && !said.contains("`jump: login` goes"),
            "{said}"
        );
        // A head node that swallows all that is sent is found out before ssh gives it up.
        way.configure(&config);
        let ssh = fs::read_to_string(way.program.path("ssh_config")).unwrap();
        let slow = format!("Host 127.0.10.14\n  HostName 127.0.0.1\n  Port {}\n{ssh}", rig.var("RIG_SLOW_PORT"));
        fs::write(way.program.path("ssh_config"), slow).unwrap();
        fs::write(rig.var("RIG_SLOW_CTL"), "mode=blackhole").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        let out = way.run(&["doctor", "demo"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.contains("head node: no answer in 9 s") && said.contains("`via: ssm` goes through it"), "{said}");
        fs::write(way.program.path("ssh_config"), ssh).unwrap();
        // Where nothing would go, nothing is offered, and it is said why.
        agent(&rig, "");
        way.configure(&config);
        let out = way.run(&["doctor", "demo"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            said.contains("does not answer either") && said.contains("AdditionalIamPolicies") && !said.contains("goes through it"),
            "{said}"
        );
    }
}
