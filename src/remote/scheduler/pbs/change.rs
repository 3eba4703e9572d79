//! `qdel`, `qhold` and the others: one command a job, in one round trip, with what was refused told job by job.

use super::id::{Grain, Named, named};
use super::{CALM, Dialect, time, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, JobChange, JobId, NodeChange, Refusals};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

const UNIT: char = '\x1f';
const RECORD: char = '\x1e';

/// `do_it` is the command. `t` tells it words; `n` tells it a number, which may be that of an array, as PBS then wants brackets after it.
const TOOLS: &str = r#"no() { printf '%s\037%s\036' "$1" "$2"; }
t() { j=$1; shift; e=$(do_it "$@" 2>&1 </dev/null) || no "$j" "$e"; }
n() { e=$(do_it "$1" 2>&1 </dev/null) || case $e in
*'Unknown Job'*) e2=$(do_it "$1[]" 2>&1 </dev/null) || { case $e2 in *'Unknown Job'*) ;; *) e=$e2 ;; esac; no "$1" "$e"; } ;;
*) no "$1" "$e" ;; esac; }
"#;

pub(super) fn jobs(change: &JobChange, jobs: &[JobId], dialect: Dialect) -> Ask<Refusals> {
    use Grain::{Arrays, Subjobs};
    let (command, grain) = match change {
        // Below the wrappers an array's number is that of its last task too, and their qdel takes it for the array's.
        JobChange::Cancel => ("qdel \"$@\"".to_owned(), Subjobs),
        JobChange::CancelMine => return all_of_mine(dialect),
        JobChange::Signal(name) => (format!("qsig -s {} \"$@\"", quoted(name)), Subjobs),
        // Without a letter the wrappers' qhold complains of a variable that is not there.
        JobChange::Hold => ("qhold -h u \"$@\"".to_owned(), Arrays),
        JobChange::Release => (if dialect == Dialect::Wrappers { "qrls \"$@\"" } else { "qrls -h u \"$@\"" }.to_owned(), Arrays),
        JobChange::Requeue => ("qrerun \"$@\"".to_owned(), Subjobs),
        JobChange::TimeLimit(limit) => (format!("qalter -l walltime={} \"$@\"", quoted(&time::limit(limit))), Arrays),
        // A nice job is one of low priority; PBS's go from -1024 to 1023.
        JobChange::Nice(nice) => (format!("qalter -p {} \"$@\"", nice.saturating_neg().clamp(-1_024, 1_023)), Arrays),
        JobChange::Top => return super::super::unsupported(crate::model::SchedulerKind::Pbs, "moving a job to the top"),
    };
    let lines: Vec<String> = jobs.iter().map(|job| line(job, dialect, grain)).collect();
    Ask { script: format!("{CALM}do_it() {{ {command}; }}\n{TOOLS}{}", lines.join("\n")), read: reader(jobs.len(), silence(dialect)) }
}

fn line(job: &JobId, dialect: Dialect, grain: Grain) -> String {
    let id = quoted(job.as_str());
    match named(job.as_str(), dialect, grain) {
        Named::As(words) => format!("t {id} {}", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
        Named::Number(number) => format!("n {}", quoted(&number)),
        Named::Not(why) => format!("no {id} {}", quoted(why)),
    }
}

/// The login user's jobs are listed by the host itself, so that none that came meanwhile is missed.
fn all_of_mine(dialect: Dialect) -> Ask<Refusals> {
    let list = match dialect {
        // What has ended is among them, and its refusal is silence.
        Dialect::Wrappers => "qstat -u \"$(id -un)\" | awk '$1 ~ /^[0-9]+$/ { print $1 }'",
        Dialect::Torque => "qselect -u \"$(id -un)\" -s EHQRTWS",
        Dialect::Open => "qselect -u \"$(id -un)\"",
    };
    let script = format!(
        "{CALM}ids=$({list}) || exit\nfor j in $ids; do e=$(qdel \"$j\" 2>&1 </dev/null) || [ -z \"$e\" ] || printf '%s\\037%s\\036' \"$j\" \"$e\"; done"
    );
    Ask { script, read: reader(0, silence(dialect)) }
}

pub(super) fn nodes(change: &NodeChange, nodes: &[String], dialect: Dialect) -> Ask<Refusals> {
    let command = match (change, dialect) {
        (NodeChange::Drain(reason), Dialect::Open) => format!("as_admin -o -C {}", quoted(reason)),
        (NodeChange::Drain(reason), Dialect::Wrappers | Dialect::Torque) => format!("as_admin -o -N {}", quoted(reason)),
        (NodeChange::Resume, Dialect::Open) => "as_admin -r".to_owned(),
        (NodeChange::Resume, Dialect::Wrappers | Dialect::Torque) => "as_admin -c".to_owned(),
        (NodeChange::Reboot | NodeChange::PowerUp | NodeChange::PowerDown, _) => {
            return super::super::unsupported(crate::model::SchedulerKind::Pbs, &format!("to {change} nodes"));
        }
    };
    // Users who may not do it themselves may be allowed to by sudo, as the default user of a ParallelCluster is.
    let admin = "as_admin() { pbsnodes \"$@\" && return; command -v sudo >/dev/null 2>&1 && sudo -n \"$(command -v pbsnodes)\" \"$@\"; }";
    let lines: Vec<String> = nodes.iter().map(|node| format!("t {0} {0}", quoted(node))).collect();
    Ask {
        script: format!("{CALM}{admin}\ndo_it() {{ {command} \"$@\"; }}\n{TOOLS}{}", lines.join("\n")),
        read: Box::new({
            let read = reader(nodes.len(), NOT_ALLOWED);
            move |said| {
                read(said)
                    .map_err(|failure| failure.hint("Only PBS's managers, or Slurm's administrators below the wrappers, may change nodes."))
            }
        }),
    }
}

/// When nothing was done at all, that is a failure with its advice and not a receipt.
fn reader(asked: usize, silence: &'static str) -> crate::remote::scheduler::Reader<Refusals> {
    Box::new(move |said| {
        let text = String::from_utf8_lossy(&said.stdout);
        let refused: Vec<(&str, &str)> = text.split(RECORD).filter_map(|record| record.trim_start_matches('\n').split_once(UNIT)).collect();
        let told: Refusals = refused.iter().map(|(name, why)| ((*name).to_owned(), words(why, silence))).collect();
        if !told.is_empty() && told.len() < asked || told.is_empty() && said.status == 0 {
            return Ok(told);
        }
        let stderr = refused.first().map_or_else(|| said.stderr.clone(), |(_, why)| words(why, silence));
        let failure = trouble::failure(&Said { status: if said.status == 0 { 1 } else { said.status }, stdout: Vec::new(), stderr });
        if told.is_empty() {
            return Err(failure);
        }
        let each: Vec<String> = told.iter().take(5).map(|(name, why)| format!("{name}: {why}")).collect();
        let rest = if told.len() > 5 { format!("; and {} more", told.len() - 5) } else { String::new() };
        Err(Failure::new(failure.kind, "", format!("{}{rest}", each.join("; "))).hint(failure.hint))
    })
}

/// What it means that a command refuses a job without a word.
fn silence(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Wrappers => {
            "Invalid job id specified, or it has ended, or it is one task of an array: the Torque wrappers refuse each without a word"
        }
        Dialect::Torque | Dialect::Open => "refused without a word",
    }
}

/// And what it means of a node.
const NOT_ALLOWED: &str = "refused without a word, as users are who may not change nodes";

fn words(why: &str, silence: &str) -> String {
    Some(trouble::words(why)).filter(|words| !words.is_empty()).unwrap_or_else(|| silence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    fn said(status: i32, stdout: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: String::new() }
    }

    #[test]
    fn each_job_is_named_as_its_dialect_wants_it() {
        let ids = ["12", "13_4", "14_[2-9]"].map(JobId::new);
        let script = jobs(&JobChange::Cancel, &ids, Dialect::Open).script;
        assert!(script.ends_with("n 12\nt 13_4 '13[4]'\nt '14_[2-9]' '14[2-9]'"), "{script}");
        let script = jobs(&JobChange::Hold, &ids, Dialect::Open).script;
        assert!(script.contains("qhold -h u") && script.contains("no 13_4 'PBS can do that to a whole array only"), "{script}");
        let script = jobs(&JobChange::Cancel, &ids, Dialect::Wrappers).script;
        assert!(script.contains("t 12 12\nno 13_4 'the Torque wrappers"), "an array is not ended for one of its tasks: {script}");
        let hostile = jobs(&JobChange::TimeLimit("$(x)".into()), &[JobId::new("$(y)")], Dialect::Open).script;
        assert!(hostile.contains("walltime='$(x)'") && hostile.ends_with("no '$(y)' 'is no job id'"), "{hostile}");
        assert!(jobs(&JobChange::Nice(50), &ids, Dialect::Torque).script.contains("qalter -p -50 "));
        assert!(jobs(&JobChange::Nice(i32::MIN), &ids, Dialect::Torque).script.contains("qalter -p 1023 "));
    }

    #[test]
    fn each_refusal_is_told_and_nothing_done_is_a_failure() {
        let ask = jobs(&JobChange::Cancel, &["1", "2"].map(JobId::new), Dialect::Open);
        let one = (ask.read)(&said(0, "2\x1fqdel: Unauthorized Request  2.pbs\x1e")).unwrap();
        assert_eq!(one, [("2".into(), "Unauthorized Request  2.pbs".into())]);
        let all = "1\x1fqdel: Unknown Job Id 1.pbs\x1e2\x1fqdel: Unknown Job Id 2.pbs\x1e";
        assert_eq!((ask.read)(&said(0, all)).unwrap_err().kind, FailureKind::NotFound);
        assert_eq!((ask.read)(&said(0, "")).unwrap(), []);
        let silent = jobs(&JobChange::Cancel, &[JobId::new("9999")], Dialect::Wrappers);
        let failure = (silent.read)(&said(0, "9999\x1f\x1e")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(failure.what.contains("without a word"), "{}", failure.what);
    }

    #[test]
    fn nodes_are_drained_with_a_reason_and_started_by_nobody() {
        let drain = nodes(&NodeChange::Drain("bad 'disk'".into()), &["n1".into()], Dialect::Open).script;
        assert!(drain.contains("as_admin -o -C 'bad '\\''disk'\\''' \"$@\"") && drain.ends_with("t n1 n1"), "{drain}");
        assert!(nodes(&NodeChange::Resume, &["n1".into()], Dialect::Wrappers).script.contains("as_admin -c \"$@\""));
        let never = nodes(&NodeChange::PowerUp, &["n1".into()], Dialect::Open);
        assert_eq!((never.read)(&said(0, "")).unwrap_err().kind, FailureKind::Unsupported);
    }
}
