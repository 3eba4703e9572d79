//! State letters and exit statuses, as the states that everybody else uses, with PBS's own word kept beside them.

use super::Dialect;
use super::record::Record;
use super::time::duration;
use crate::model::JobState;

/// A job's state, and why it is in it: in the scheduler's words where it has some.
pub(super) fn state(job: &Record, dialect: Dialect) -> (JobState, String) {
    let comment = || job.get("comment").unwrap_or("").to_owned();
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    match job.get("job_state").unwrap_or("") {
        // The wrappers have no letter for a held job: Slurm's priority 0 is what says it.
        "Q" if dialect == Dialect::Wrappers && job.get("Priority") == Some("0") => (JobState::Pending, "Held".into()),
        "Q" => (JobState::Pending, comment()),
        "H" => (JobState::Pending, held(job)),
        "W" => (JobState::Pending, or(comment(), "waits for its start time")),
        "T" => (JobState::Pending, or(comment(), "is being moved to another server")),
        // An array of which a subjob has started.
        "B" | "R" => (JobState::Running, String::new()),
        "E" => (JobState::Completing, String::new()),
        "S" => (JobState::Suspended, or(comment(), "suspended")),
        "U" => (JobState::Suspended, "its machine is in use at the keyboard".into()),
        "M" => (JobState::Revoked, or(comment(), "was moved to another server")),
        "C" | "F" | "X" => ended(job, dialect),
        _ => (JobState::Unknown, comment()),
    }
}

/// `Held (u)`: who holds it, by PBS's letters, or the dependency that does.
fn held(job: &Record) -> String {
    if job.get("depend").is_some() && job.get("Hold_Types").is_none_or(|holds| holds.contains('s')) {
        return "Held (dependency)".into();
    }
    job.get("Hold_Types").filter(|holds| *holds != "n").map_or_else(|| "Held".into(), |holds| format!("Held ({holds})"))
}

/// The number that PBS kept: an exit code, 256 and a signal, or below 0 why it could not be run.
pub(super) fn exit_status(job: &Record) -> Option<i64> {
    job.any(&["Exit_status", "exit_status"])?.trim().parse().ok()
}

/// `code:signal`.
pub(super) fn exit_code(job: &Record) -> Option<String> {
    exit_status(job).map(|status| if status >= 256 { format!("0:{}", status % 256) } else { format!("{status}:0") })
}

fn ended(job: &Record, dialect: Dialect) -> (JobState, String) {
    let overran = || {
        let seconds = |name: &str| job.get(name).and_then(duration);
        seconds("resources_used.walltime").zip(seconds("Resource_List.walltime")).is_some_and(|(used, limit)| used >= limit)
    };
    match exit_status(job) {
        Some(0) => (JobState::Completed, String::new()),
        Some(status @ ..0) => unrun(status, dialect),
        // The server ends a job by SIGTERM, then SIGKILL, be it for its limit or because somebody asked.
        Some(status) if matches!(status, 265 | 271) && overran() => (JobState::Timeout, "walltime".into()),
        Some(status) if matches!(status, 265 | 271) => (JobState::Cancelled, format!("signal {}", status - 256)),
        Some(status @ 256..) => (JobState::Failed, format!("signal {}", status % 256)),
        Some(status) => (JobState::Failed, format!("exit {status}")),
        None => match job.get("substate") {
            Some("93") => (JobState::Failed, String::new()),
            Some("92") => (JobState::Completed, String::new()),
            // It was taken out of the queue before it ran.
            _ => (JobState::Cancelled, "deleted".into()),
        },
    }
}

/// Statuses below 0, which the two families number differently. After their documentation.
fn unrun(status: i64, dialect: Dialect) -> (JobState, String) {
    let (state, words) = match (dialect, status) {
        (Dialect::Open, -25 | -26) | (Dialect::Torque, -10) => (JobState::OutOfMemory, "memory limit"),
        (Dialect::Open, -27) | (Dialect::Torque, -12) => (JobState::Timeout, "CPU time limit"),
        (Dialect::Open, -28) | (Dialect::Torque, -11) => (JobState::Timeout, "walltime"),
        (Dialect::Open, -23 | -24) => (JobState::Failed, "used more CPUs than asked for"),
        (_, -1) => (JobState::Failed, "could not be started, before its files were made"),
        (_, -2) => (JobState::Failed, "could not be started, after its files were made"),
        (_, -3) => (JobState::Failed, "could not be started and was to be tried again"),
        _ => (JobState::Failed, "PBS ended it"),
    };
    (state, format!("{words} ({status})"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn with(fields: &str) -> Record {
        let fields = fields.split(' ').filter_map(|f| f.split_once('=')).map(|(k, v)| (k.to_owned(), v.replace('_', " "))).collect();
        Record { id: "1.s".into(), fields }
    }

    #[rstest]
    #[case("Q", JobState::Pending, "")]
    #[case("H", JobState::Pending, "Held")]
    #[case("R", JobState::Running, "")]
    #[case("B", JobState::Running, "")]
    #[case("E", JobState::Completing, "")]
    #[case("S", JobState::Suspended, "suspended")]
    #[case("U", JobState::Suspended, "its machine is in use at the keyboard")]
    #[case("W", JobState::Pending, "waits for its start time")]
    #[case("T", JobState::Pending, "is being moved to another server")]
    #[case("M", JobState::Revoked, "was moved to another server")]
    #[case("X", JobState::Cancelled, "deleted")]
    #[case("Z", JobState::Unknown, "")]
    fn every_letter_has_a_state(#[case] letter: &str, #[case] expected: JobState, #[case] reason: &str) {
        let job = Record { id: "1".into(), fields: vec![("job_state".into(), letter.into())] };
        assert_eq!(state(&job, Dialect::Open), (expected, reason.to_owned()));
    }

    fn over(status: &str, dialect: Dialect) -> JobState {
        let job = Record { id: "1".into(), fields: vec![("job_state".into(), "F".into()), ("Exit_status".into(), status.into())] };
        state(&job, dialect).0
    }

    #[test]
    fn exit_statuses_are_told_apart() {
        use JobState::*;
        let open = ["0", "3", "139", "267", "271", "-28", "-26", "-1"].map(|status| over(status, Dialect::Open));
        assert_eq!(open, [Completed, Failed, Failed, Failed, Cancelled, Timeout, OutOfMemory, Failed]);
        assert_eq!(["-10", "-11"].map(|status| over(status, Dialect::Torque)), [OutOfMemory, Timeout]);
        assert_eq!(exit_code(&Record { id: "1".into(), fields: vec![("exit_status".into(), "271".into())] }).as_deref(), Some("0:15"));
        let mut late = with("resources_used.walltime=00:10:01 Resource_List.walltime=00:10:00");
        late.fields.extend([("job_state".to_owned(), "C".to_owned()), ("exit_status".to_owned(), "271".to_owned())]);
        assert_eq!(state(&late, Dialect::Torque).0, Timeout);
    }

    #[test]
    fn a_hold_says_whose_it_is() {
        let held = |fields: &[(&str, &str)]| {
            let fields = fields.iter().chain(&[("job_state", "H")]).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            state(&Record { id: "1".into(), fields }, Dialect::Open).1
        };
        assert_eq!(held(&[("Hold_Types", "u")]), "Held (u)");
        assert_eq!(held(&[("Hold_Types", "s"), ("depend", "afterok:9.s@s")]), "Held (dependency)");
        let wrapped = Record { id: "3".into(), fields: vec![("job_state".into(), "Q".into()), ("Priority".into(), "0".into())] };
        assert_eq!(state(&wrapped, Dialect::Wrappers), (JobState::Pending, "Held".into()));
    }
}
