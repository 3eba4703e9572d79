//! Which PBS a host has, and which of its commands: asked once, when the host is met.
//!
//! Never guesses while the server is down: what tells the dialects apart are the commands themselves.

use super::Dialect;
use crate::model::{Failure, FailureKind, Verb};
use crate::remote::scheduler::Ask;

/// What a host told about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    /// Its family.
    pub(super) dialect: Dialect,
    /// Whether the server remembers finished jobs for `qstat -x`.
    pub(super) history: bool,
    /// The commands that stand beside its `qstat`.
    commands: Vec<String>,
}

impl Facts {
    /// Before anybody was asked: no command is there.
    pub(super) fn unknown() -> Self {
        Self { dialect: Dialect::Torque, history: false, commands: Vec::new() }
    }

    /// Whether a verb can be done there.
    pub(super) fn offers(&self, verb: Verb) -> bool {
        let has = |command: &str| self.commands.iter().any(|known| known == command);
        // The wrappers' qalter knows neither limits nor priorities, and their qrerun calls Slurm with an argument too few.
        let real = self.dialect != Dialect::Wrappers;
        match verb {
            Verb::Cancel => has("qdel"),
            Verb::Signal => has("qsig"),
            Verb::Hold => has("qhold") && has("qrls"),
            Verb::Requeue => real && has("qrerun"),
            Verb::TimeLimit | Verb::Nice => real && has("qalter"),
            Verb::ChangeNodes => has("pbsnodes"),
            Verb::Why | Verb::History => true,
            // PBS keeps a job's script to itself, has no shell to offer where a job runs, and starts no machines.
            Verb::Top | Verb::Rerun | Verb::Attach | Verb::Script | Verb::PowerNodes => false,
        }
    }
}

/// Commands of other batch systems may have the same names, so only those in the folder of `qstat` count.
const SCRIPT: &str = r#"q=$(command -v qstat) || { echo 'qstat: not found' >&2; exit 127; }
d=$(dirname -- "$q")
if head -c 4096 -- "$q" | grep -aqi slurm; then echo dialect wrappers
else case $(qstat --version </dev/null 2>&1) in
*pbs_version*) s=$(qstat -B -f -F json </dev/null 2>/dev/null)
  case $s in *'"timestamp"'*) echo dialect open ;; *) echo dialect torque ;; esac
  printf '%s\n' "$s" | grep -q 'job_history_enable.*True' && echo history ;;
*ersion:*) echo dialect torque ;;
esac; fi
for c in qdel qsig qhold qrls qrerun qalter pbsnodes; do [ ! -x "$d/$c" ] || echo "command $c"; done"#;

pub(super) fn ask() -> Ask<Facts> {
    Ask {
        script: SCRIPT.to_owned(),
        read: Box::new(|said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let mut facts = Facts::unknown();
            let mut dialect = None;
            for line in text.lines() {
                match line.split_once(' ').unwrap_or((line, "")) {
                    ("dialect", "wrappers") => dialect = Some(Dialect::Wrappers),
                    ("dialect", "torque") => dialect = Some(Dialect::Torque),
                    ("dialect", "open") => dialect = Some(Dialect::Open),
                    ("history", _) => facts.history = true,
                    ("command", name) => facts.commands.push(name.to_owned()),
                    _ => {}
                }
            }
            match dialect {
                Some(dialect) => Ok(Facts { dialect, ..facts }),
                None => Err(Failure::new(FailureKind::NotFound, "", "no PBS was found there: its qstat is missing, or says nothing that is known")
                    .hint("OpenPBS, PBS Pro, Torque and Slurm's Torque wrappers are known; their commands are looked for on the PATH and in /opt/pbs/bin.")),
            }
        }),
    }
}

#[cfg(test)]
pub(super) fn facts(dialect: Dialect) -> Facts {
    let commands = ["qdel", "qsig", "qhold", "qrls", "qrerun", "qalter", "pbsnodes"].map(str::to_owned).to_vec();
    Facts { dialect, history: true, commands }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::host::Said;

    fn read(stdout: &str) -> Result<Facts, Failure> {
        (ask().read)(&Said { status: 0, stdout: stdout.into(), stderr: String::new() })
    }

    #[test]
    fn a_host_offers_what_it_has_commands_for() {
        let wrappers =
            read("dialect wrappers\ncommand qdel\ncommand qhold\ncommand qrls\ncommand qrerun\ncommand qalter\ncommand pbsnodes\n")
                .unwrap();
        for verb in [Verb::Cancel, Verb::Hold, Verb::Why, Verb::ChangeNodes, Verb::History] {
            assert!(wrappers.offers(verb), "{verb:?}");
        }
        for verb in [Verb::Signal, Verb::Requeue, Verb::TimeLimit, Verb::Nice, Verb::Top, Verb::Rerun, Verb::Attach, Verb::PowerNodes] {
            assert!(!wrappers.offers(verb), "{verb:?}");
        }
        let open = facts(Dialect::Open);
        assert!([Verb::Signal, Verb::Requeue, Verb::TimeLimit, Verb::Nice].into_iter().all(|verb| open.offers(verb)));
        assert!(read("dialect open\nhistory\n").unwrap().history);
        assert!(read("command qdel\n").is_err(), "a qstat that says nothing known is no PBS");
    }
}
