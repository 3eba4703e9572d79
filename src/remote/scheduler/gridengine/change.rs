//! `qdel`, `qhold`, `qrls`, `qmod` and `qalter`: changes to jobs and queues, with what was refused told one by one.
//!
//! Their exit statuses say little (`qmod` calls a refusal a success), so it is their words that are read.

use super::detail::DESCRIBE;
use super::task::Tasks;
use super::time::seconds;
use super::{CALM, trouble};
use crate::model::text::quoted;
use crate::model::{Failure, FailureKind, JobChange, JobId, NodeChange, Refusals};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

/// Between the name of what was refused and the words, and after them.
const UNIT: char = '\x1f';
const RECORD: char = '\x1e';

/// Runs a function `one` for each name with Grid Engine's own words of it in `$j`, and reports it with what it printed when it fails, or when
/// it printed anything that is no success. `t` is the name without its task.
const EACH: &str = r#"good='modified |sets scheduling|Pushed rescheduling|suspended job|changed state|cleared error|already in the specified state|already suspended'
try() {
  n=$1; shift; said=
  for j in "$@"; do
    t=${j%%.*} rc=0
    e=$(one 2>&1) || rc=$?
    bad=$(printf '%s\n' "$e" | grep -v '^$' | grep -vE "$good" | head -n 3)
    if [ -n "$bad" ]; then said="$said$bad; "; elif [ $rc -ne 0 ] && [ -z "$e" ]; then said="${said}it ended with status $rc; "; fi
  done
  [ -z "$said" ] || printf '%s\037%s\036' "$n" "${said%; }"
}
"#;

pub(super) fn jobs(change: &JobChange, jobs: &[JobId]) -> Result<Ask<Refusals>, Failure> {
    let one = match change {
        JobChange::Cancel => return cancel(jobs),
        JobChange::CancelMine => return Ok(mine()),
        JobChange::Hold => "qhold -h u \"$j\"".to_owned(),
        // A job that could not be started is set aside, which is another kind of being held.
        JobChange::Release => {
            "qrls -h u \"$j\" || return; qmod -cj \"$j\" 2>&1 | grep -vE 'not in error state|can not be applied'; :".to_owned()
        }
        JobChange::Requeue => "qmod -rj \"$j\"".to_owned(),
        JobChange::Signal(name) => match name.as_str() {
            "STOP" | "TSTP" => "qmod -sj \"$j\"".to_owned(),
            "CONT" => "qmod -usj \"$j\"".to_owned(),
            other => {
                let what = format!("Grid Engine sends no SIG{other} to a job");
                return Err(Failure::new(FailureKind::Unsupported, "", what)
                    .hint("It can stop a job and let it go on: STOP and CONT. A job submitted with -notify gets USR1 and USR2 before it is stopped or ended."));
            }
        },
        JobChange::Nice(nice) => format!("qalter -p {} \"$j\"", -i64::from(*nice)),
        JobChange::TimeLimit(limit) => time_limit(limit)?,
        JobChange::Top => {
            return Err(Failure::new(FailureKind::Unsupported, "", "moving a job to the top is not possible with gridengine")
                .hint("A nice value greater than 0 puts your other jobs behind it."));
        }
    };
    let calls = jobs
        .iter()
        .map(|job| Ok(format!("try {} {}", quoted(job.as_str()), Tasks::read(job)?.words().join(" "))))
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(each(&one, &calls))
}

/// Another run time, beside which all else that the job asked for stays. Grid Engine takes it for a running job too, and goes on to hold it
/// to the limit that it was started with: that is refused here.
fn time_limit(limit: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::new(FailureKind::Rejected, "", format!("{limit} is no time limit"))
            .hint("Grid Engine takes seconds or H:M:S, as 2:00:00; +30 or -30 changes it by so many minutes.")
    };
    let value = match (limit.strip_prefix('+'), limit.strip_prefix('-')) {
        (Some(more), _) => format!("$((was + {}))", minutes(more).ok_or_else(wrong)?),
        (_, Some(less)) => format!("$((was - {}))", minutes(less).ok_or_else(wrong)?),
        _ => {
            // Slurm's days are understood here too.
            let total = match limit.split_once('-') {
                Some((days, rest)) => days.parse::<u64>().ok().and_then(|d| d.checked_mul(86_400)?.checked_add(seconds(rest)?)),
                None => seconds(limit),
            };
            total.filter(|total| *total > 0 && !limit.contains('.')).ok_or_else(wrong)?.to_string()
        }
    };
    let needs = if value.contains("was") {
        "[ -n \"$was\" ] || { echo 'it has no time limit that could be changed by so much'; return 1; }\n"
    } else {
        ""
    };
    Ok(format!(
        "case $j in *.*) echo 'the time limit works only on jobs and not on tasks'; return 1 ;; esac\n\
         all=$(qstat -j \"$t\" 2>&1 | sed -n 's/^hard resource_list: *//p' | head -n 1)\n\
         was=$(printf '%s\\n' \"$all\" | tr , '\\n' | sed -n 's/^h_rt=\\([0-9]*\\)$/\\1/p' | head -n 1)\n\
         {needs}\
         rest=$(printf '%s\\n' \"$all\" | tr , '\\n' | grep -v '^h_rt=' | grep . | paste -sd , -)\n\
         case $(rows \"$t\") in *'<job_list state=\"running\">'*) echo 'it runs already, and Grid Engine holds it to the limit that it started with'; return 1 ;; esac\n\
         qalter -l \"h_rt={value}${{rest:+,$rest}}\" \"$t\""
    ))
}

/// `30` minutes or `1:30:00`, in seconds.
fn minutes(text: &str) -> Option<u64> {
    if text.contains(':') { seconds(text) } else { text.parse::<u64>().ok()?.checked_mul(60) }
}

pub(super) fn nodes(change: &NodeChange, nodes: &[String]) -> Result<Ask<Refusals>, Failure> {
    let flag = match change {
        NodeChange::Drain(_) => "-d",
        NodeChange::Resume => "-e",
        NodeChange::Reboot | NodeChange::PowerUp | NodeChange::PowerDown => {
            return Err(Failure::new(FailureKind::Unsupported, "", format!("{change} is not possible with gridengine"))
                .hint("Grid Engine knows its hosts, but does not start, stop or reboot them."));
        }
    };
    // An error that a host's queues are in goes with its being put into service. Grid Engine's manager is often another user.
    let clear = if flag == "-e" { "; admin -cq \"*@$j\"" } else { "" };
    let one = format!(
        "case $j in *[!A-Za-z0-9._-]*) echo \"invalid queue or job\"; return 1 ;; esac\n\
         admin() {{ e=$(qmod \"$@\" 2>&1); case $e in *'no permission'*) command -v sudo >/dev/null 2>&1 && sudo -n env SGE_ROOT=\"$SGE_ROOT\" SGE_CELL=\"$SGE_CELL\" \
         SGE_QMASTER_PORT=\"$SGE_QMASTER_PORT\" SGE_EXECD_PORT=\"$SGE_EXECD_PORT\" LD_LIBRARY_PATH=\"$LD_LIBRARY_PATH\" \"$(command -v qmod)\" \"$@\" 2>/dev/null && return ;; esac; printf '%s\\n' \"$e\"; }}\n\
         admin {flag} \"*@$j\"{clear}"
    );
    Ok(each(&one, &nodes.iter().map(|node| format!("try {0} {0}", quoted(node))).collect::<Vec<_>>()))
}

fn each(one: &str, calls: &[String]) -> Ask<Refusals> {
    let asked = calls.len();
    Ask {
        script: format!("{CALM}{DESCRIBE}{EACH}one() {{\n{one}\n}}\n{}", calls.join("\n")),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let refused: Refusals = text
                .split(RECORD)
                .filter_map(|record| record.split_once(UNIT))
                .map(|(name, why)| (name.trim().to_owned(), words(why)))
                .collect();
            all_refused(said, asked, refused)
        }),
    }
}

/// Many in one call, because many are what is cancelled.
fn cancel(jobs: &[JobId]) -> Result<Ask<Refusals>, Failure> {
    let mut asked: Vec<(String, Vec<String>)> = Vec::new();
    for job in jobs {
        asked.push((job.to_string(), Tasks::read(job)?.words()));
    }
    let all: Vec<&str> = asked.iter().flat_map(|(_, words)| words.iter().map(String::as_str)).collect();
    Ok(Ask {
        // A shell's own word list has no limit; a program's arguments do.
        script: format!("{CALM}printf '%s\\n' {} | xargs -n 500 qdel 2>&1", all.join(" ")),
        read: Box::new(move |said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let mut refused: Refusals = Vec::new();
            let mut others: Vec<&str> = Vec::new();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_deleted(line)) {
                let Some(number) = quoted_after(line, "job ") else {
                    others.push(line);
                    continue;
                };
                let task = quoted_after(line, "task ");
                let is_meant = |word: &String| {
                    let (job, tasks) = word.split_once('.').unwrap_or((word, ""));
                    job == number && task.is_none_or(|task| tasks.is_empty() || tasks.split([',', '-', ':']).any(|t| t == task))
                };
                for (id, _) in asked.iter().filter(|(_, words)| words.iter().any(is_meant)) {
                    if refused.iter().all(|(known, _)| known != id) {
                        refused.push((id.clone(), words(line)));
                    }
                }
            }
            if refused.is_empty() && (!others.is_empty() || said.status != 0) {
                return Err(trouble::failure(&Said { status: said.status, stdout: Vec::new(), stderr: others.join("\n") + &said.stderr }));
            }
            all_refused(&Said { status: 0, ..said.clone() }, asked.len(), refused)
        }),
    })
}

fn is_deleted(line: &str) -> bool {
    ["has deleted", "has registered", "already in deletion"].iter().any(|good| line.contains(good))
}

/// `job "3"` → 3.
fn quoted_after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{word}\""))?;
    rest.split('"').next()
}

/// When nothing was done at all, that is a failure with its advice and not a receipt.
fn all_refused(said: &Said, asked: usize, refused: Refusals) -> Result<Refusals, Failure> {
    if refused.is_empty() && said.status == 0 || !refused.is_empty() && refused.len() < asked {
        return Ok(refused);
    }
    let told = refused.first().map_or_else(|| said.stderr.clone(), |(_, why)| why.clone());
    let mut failure = trouble::failure(&Said { status: said.status, stdout: Vec::new(), stderr: told });
    if !refused.is_empty() {
        let each: Vec<String> = refused.iter().take(5).map(|(name, why)| format!("{name}: {why}")).collect();
        let rest = if refused.len() > 5 { format!("; and {} more", refused.len() - 5) } else { String::new() };
        failure.what = format!("{}{rest}", each.join("; "));
    }
    Err(failure)
}

/// What was said, each line once, without what stands before it every time.
fn words(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(trouble::strip).collect();
    lines.dedup();
    if lines.is_empty() { "refused without a word".to_owned() } else { lines.join("; ") }
}

/// All of the login user's jobs.
fn mine() -> Ask<Refusals> {
    Ask {
        script: format!("{CALM}qdel -u \"$(id -un)\" 2>&1"),
        read: Box::new(|said| {
            let text = String::from_utf8_lossy(&said.stdout);
            let none = text.contains("no job registered");
            if said.status == 0 || none || text.contains("has deleted") || text.contains("has registered") {
                return Ok(Vec::new());
            }
            Err(trouble::failure(&Said { status: said.status, stdout: Vec::new(), stderr: text.into_owned() }))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str) -> Said {
        Said { status, stdout: stdout.into(), stderr: String::new() }
    }

    fn script(change: &JobChange, ids: &[&str]) -> String {
        jobs(change, &ids.iter().map(JobId::new).collect::<Vec<_>>()).unwrap().script
    }

    #[test]
    fn ids_become_grid_engine_s_own() {
        let text = script(&JobChange::Hold, &["12", "13_3", "14_[1,4-9:2]"]);
        assert!(text.ends_with("one() {\nqhold -h u \"$j\"\n}\ntry 12 12\ntry 13_3 13.3\ntry '14_[1,4-9:2]' 14.1 14.4-9:2"), "{text}");
        assert!(script(&JobChange::Nice(20), &["1"]).contains("qalter -p -20 \"$j\""));
        assert!(jobs(&JobChange::Cancel, &[JobId::new("$(x)")]).is_err());
    }

    #[test]
    fn a_time_limit_keeps_what_else_was_asked_for() {
        let value = |limit: &str| {
            let text = script(&JobChange::TimeLimit(limit.into()), &["1"]);
            let at = text.find("qalter -l \"h_rt=").unwrap() + 16;
            text[at..].split('$').next().unwrap_or("").to_owned()
                + if text[at..].starts_with("$((") { text[at..].split("))").next().unwrap_or("") } else { "" }
        };
        assert_eq!((value("2:00:00"), value("90"), value("1-00:00:00")), ("7200".into(), "90".into(), "86400".into()));
        assert_eq!((value("+30"), value("-0:10:00")), ("$((was + 1800".into(), "$((was - 600".into()));
        for bad in ["", "x", "1;2", "$(x)", "+", "0", "1.5"] {
            assert!(jobs(&JobChange::TimeLimit(bad.into()), &[JobId::new("1")]).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_refusal_is_told_and_nothing_done_is_a_failure() {
        let ask = jobs(&JobChange::Hold, &[JobId::new("3"), JobId::new("999")]).unwrap();
        let one = "999\x1fdenied: job \"999\" does not exist\n\x1e";
        assert_eq!((ask.read)(&said(0, one)).unwrap(), [("999".into(), "job \"999\" does not exist".into())]);
        let all = "3\x1fdenied: \"alice\" must be at least owner of job 3 to change job attributes\n\x1e999\x1fdenied: job \"999\" does not exist\n\x1e";
        let failure = (ask.read)(&said(0, all)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(failure.what.starts_with("3: \"alice\" must be at least owner of job 3"), "{}", failure.what);
        assert_eq!((ask.read)(&said(0, "")).unwrap(), []);
    }

    #[test]
    fn cancelling_names_what_could_not_be_cancelled() {
        let ask = jobs(&JobChange::Cancel, &["9", "14_[1,3]", "3", "999", "7_4"].map(JobId::new)).unwrap();
        assert!(ask.script.ends_with("printf '%s\\n' 9 14.1 14.3 3 999 7.4 | xargs -n 500 qdel 2>&1"), "{}", ask.script);
        let text = "me has deleted job 9\nme has registered the job-array task 14.1 for deletion\nme - you do not have the necessary privileges to delete the job \"3\"\n\
                    denied: job \"999\" does not exist\njob \"7\" task \"4\" does not exist\n";
        let refused = (ask.read)(&said(123, text)).unwrap();
        let names: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, refused[1].1.as_str()), (vec!["3", "999", "7_4"], "job \"999\" does not exist"));
        assert_eq!((ask.read)(&said(0, "me has deleted job 9\n")).unwrap(), []);
        let down = (ask.read)(&said(123, "error: commlib error: got select error (Connection refused)\n")).unwrap_err();
        assert_eq!(down.kind, FailureKind::Unreachable);
        let one = jobs(&JobChange::Cancel, &[JobId::new("3")]).unwrap();
        let foreign = "alice - you do not have the necessary privileges to delete the job \"3\"\n";
        assert_eq!((one.read)(&said(123, foreign)).unwrap_err().kind, FailureKind::Denied);
    }

    #[test]
    fn what_grid_engine_cannot_do_is_said() {
        for change in [JobChange::Signal("USR1".into()), JobChange::Top] {
            assert_eq!(jobs(&change, &[JobId::new("1")]).err().unwrap().kind, FailureKind::Unsupported);
        }
        assert!(script(&JobChange::Signal("CONT".into()), &["1_2"]).contains("qmod -usj \"$j\""));
        assert_eq!(nodes(&NodeChange::Reboot, &[]).err().unwrap().kind, FailureKind::Unsupported);
        let drain = nodes(&NodeChange::Drain("disk".into()), &["n-1.x".into(), "*".into()]).unwrap().script;
        assert!(drain.ends_with("try n-1.x n-1.x\ntry '*' '*'"), "{drain}");
        assert_eq!((mine().read)(&said(1, "There is no job registered for the following users: me\n")).unwrap(), []);
        assert!((mine().read)(&said(1, "error: commlib error: got select error (Connection refused)\n")).is_err());
    }
}
