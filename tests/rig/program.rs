//! The built program, pointed at a rig and at nothing else.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::rig::Rig;
use crate::support::Term;

pub const SOON: Duration = Duration::from_secs(20);
pub const LATER: Duration = Duration::from_secs(90);

pub struct Program<'a> {
    rig: &'a Rig,
    pub dir: TempDir,
}

impl<'a> Program<'a> {
    /// With a configuration that names the head node as host `rig`, and knows AWS where it is built in.
    pub fn new(rig: &'a Rig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "hosts: [{{name: rig, ssh: rig}}, {{name: slow, ssh: rig-slow}}]\nssh: {{config_file: {}}}\nrefresh: {{jobs: 1, nodes: 2, clusters: 2}}\n",
            rig.var("RIG_SSH_CONFIG")
        );
        std::fs::write(dir.path().join("config.yaml"), config).unwrap();
        Self { rig, dir }
    }

    fn env(&self) -> Vec<(String, String)> {
        // Without SLURM_CONF this machine has no Slurm of its own, as a laptop has none.
        let mut env: Vec<(String, String)> =
            self.rig.env().filter(|(k, _)| *k != "SLURM_CONF").map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        env.push(("XDG_STATE_HOME".into(), self.dir.path().join("state").display().to_string()));
        env.push(("XDG_CACHE_HOME".into(), self.dir.path().join("cache").display().to_string()));
        env.push(("XDG_CONFIG_HOME".into(), self.dir.path().join("config").display().to_string()));
        env
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qdeck"));
        command.env_clear().envs(["PATH", "HOME"].iter().filter_map(|k| Some((k, std::env::var_os(k)?)))).envs(self.env());
        command.arg("-c").arg(self.dir.path().join("config.yaml")).args(args).stdin(Stdio::null());
        command
    }

    /// Runs a one-shot command on the rig's head node.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(&[&["--cluster", "rig"], args].concat()).output().unwrap()
    }

    /// What it prints; it must succeed.
    #[track_caller]
    pub fn say(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {:?} {}", out.status, String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// What it says on standard error; it must fail with exit code 1.
    #[track_caller]
    pub fn fail(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8(out.stderr).unwrap()
    }

    /// Opens the application on a terminal of 140×40.
    pub fn open(&self, args: &[&str]) -> Term {
        self.open_with(args, &[])
    }

    /// The same with more in its environment.
    pub fn open_with(&self, args: &[&str], more: &[(&str, &str)]) -> Term {
        let config = self.path("config.yaml");
        let env = self.env().into_iter().chain(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Term::spawn(env!("CARGO_BIN_EXE_qdeck"), &[&["-c", &config], args].concat(), env, 140, 40)
    }

    /// Writes a script into the head node's home folder.
    pub fn script(&self, name: &str, text: &str) {
        let path = format!("{}/{name}", self.rig.var("RIG_HOME"));
        std::fs::write(&path, text).unwrap();
        self.rig.run(&format!("test -r {name}"));
    }

    /// Picks a script of the head node's home folder and submits it; the job's id.
    pub fn launch(term: &Term, script: &str) -> String {
        term.keys("n");
        term.until("Pick a script", SOON);
        term.keys("<tab>");
        term.until("head node of", SOON);
        term.until(script, SOON);
        term.keys(&format!("/{script}<enter>"));
        term.until("#SBATCH", SOON);
        term.keys("<enter>");
        term.until(&format!("sbatch {script}"), SOON);
        term.keys("<enter>");
        term.until("Submitted as job", SOON);
        let text = term.text();
        let at = text.find("Submitted as job ").unwrap() + 17;
        text[at..].chars().take_while(char::is_ascii_digit).collect()
    }
}
