//! Everything about one job: `qstat -j` while it lives, `qacct` once it has ended.

use super::described::{self, Described};
use super::jobs::{self, PART, Row};
use super::past::{self, Account, MEMORY};
use super::task::Tasks;
use super::{CALM, trouble, xml};
use crate::model::duration::slurm;
use crate::model::{Failure, FailureKind, JobDetail, JobId, JobState, SchedulerKind};
use crate::remote::host::Said;
use crate::remote::scheduler::Ask;

/// Shell functions. `describe NUMBER` puts the description of a job that lives into `$x`, or Grid Engine's words that there is none, and ends
/// the script if Grid Engine does not answer. `rows NUMBER` prints the job's own rows of the queue.
pub(super) const DESCRIBE: &str = r#"describe() {
  x=$(qstat -j "$1" -xml 2>&1 | tr -d '\035')
  case $x in *'<djob_info'*|*unknown_jobs*|*'do not exist'*) ;; *) printf '%s\n' "$x" >&2; exit 1 ;; esac
}
rows() {
  qstat -u '*' -r -xml | awk -v id="<JB_job_number>$1</JB_job_number>" '/<job_list/ { b = "" } { b = b $0 "\n" }
    /<\/job_list>/ { if (index(b, id)) printf "%s", b; b = "" }' | tr -d '\035'
}
"#;

pub(super) fn ask(job: &JobId) -> Result<Ask<JobDetail>, Failure> {
    let wanted = job.clone();
    let tasks = Tasks::read(job)?;
    let (number, one) = (tasks.job, tasks.one().unwrap_or(""));
    let id = if one.is_empty() { number.to_owned() } else { format!("{number}_{one}") };
    let script = format!(
        "{CALM}{MEMORY}{DESCRIBE}describe {number}\n\
         r= need=\n\
         case $x in *'<djob_info'*) remember {number} \"$x\"; r=$(rows {number}) ;; *) need=1; x=$(recall {number}) ;; esac\n\
         printf '%s\\035%s\\035' \"$x\" \"$r\"\n\
         case '{one}' in '') ;; *) case $r in *'<tasks>{one}</tasks>'*) ;; *) need=1 ;; esac ;; esac\n\
         if [ -n \"$need\" ]; then a=$(account {id}); printf '%s' \"$a\"; fi\nprintf '\\035'\n\
         case \"$need$a\" in 1*jobnumber*) ;; 1*) gone {id} ;; esac\nprintf '\\035'\n\
         printf '%s\\n' \"$x\" | folders"
    );
    Ok(Ask { script, read: Box::new(move |said| read(said, &wanted)) })
}

fn read(said: &Said, wanted: &JobId) -> Result<JobDetail, Failure> {
    if said.status != 0 && said.stdout.is_empty() {
        return Err(trouble::failure(said));
    }
    let tasks = Tasks::read(wanted)?;
    let text = String::from_utf8_lossy(&said.stdout);
    let mut parts = text.split(PART);
    let mut next = || parts.next().unwrap_or("");
    let (description, rows, accounts, gone, folders) = (next(), next(), next(), next(), next());
    let folders: Vec<&str> = folders.lines().collect();
    let described = described::all(description).find(|d| d.number() == tasks.job);
    let rows: Vec<Row<'_>> = xml::each(rows, "job_list").filter_map(|piece| Row::read(piece.inner)).collect();
    let row = rows.iter().find(|row| row.id() == wanted.as_str()).or_else(|| rows.iter().find(|row| row.holds(&tasks)));
    if let (Some(described), Some(row)) = (described, row) {
        return Ok(living(wanted, &tasks, &described, row, &folders));
    }
    let ended = past::last(accounts);
    if let Some(last) = ended.iter().rev().find(|account| account.number == tasks.job) {
        return Ok(over(wanted, &ended, last, described.filter(|d| last.is_of(d)), &folders));
    }
    match (gone.trim().rsplit_once(' '), described) {
        // Waiting tasks of an array are no rows of their own; a job on its way between two states may be none at all.
        (None, Some(described)) if !rows.is_empty() || text.contains("<djob_info>") => {
            let row = Row::default();
            Ok(living(wanted, &tasks, &described, rows.first().unwrap_or(&row), &folders))
        }
        (Some((_, how)), described) => {
            let state = if how == "late" { JobState::Completing } else { JobState::Cancelled };
            let files = described.map(|d| d.files(tasks.list, "", &folders)).unwrap_or_default();
            Ok(JobDetail {
                id: wanted.clone(),
                usage: None,
                remembered: None,
                scheduler: SchedulerKind::GridEngine,
                state,
                exit_code: None,
                stdout: files.0,
                stderr: files.1,
                work_dir: described.map(|d| d.work_dir()),
                fields: described.map(|d| fields(&d)).unwrap_or_default(),
            })
        }
        _ => Err(Failure::new(FailureKind::NotFound, "", format!("Grid Engine knows no job {wanted}")).hint(
            "It forgets a job as soon as it has ended, and its accounting file was not readable or has no such job in its last 32 MB.",
        )),
    }
}

fn living(wanted: &JobId, tasks: &Tasks<'_>, described: &Described<'_>, row: &Row<'_>, folders: &[&str]) -> JobDetail {
    let files = described.files(tasks.list, row.host(), folders);
    let mut all = vec![("state".to_owned(), row.state.clone().into_owned())];
    if !row.host().is_empty() {
        all.push(("host".to_owned(), row.host().to_owned()));
    }
    all.extend(fields(described));
    all.extend(paths(&files));
    all.extend(described.errors(tasks.one()).into_iter().map(|why| ("error reason".to_owned(), why.into_owned())));
    JobDetail {
        id: wanted.clone(),
        usage: None,
        remembered: None,
        scheduler: SchedulerKind::GridEngine,
        state: jobs::state(&row.state),
        exit_code: None,
        stdout: files.0,
        stderr: files.1,
        work_dir: Some(described.work_dir()).filter(|dir| !dir.is_empty()),
        fields: all,
    }
}

fn over(wanted: &JobId, ended: &[Account<'_>], last: &Account<'_>, described: Option<Described<'_>>, folders: &[&str]) -> JobDetail {
    let files = described.map(|d| d.files(last.task, last.host, folders)).unwrap_or_default();
    let is_whole = !last.task.is_empty() && !wanted.as_str().contains('_');
    // An array is as well as the worst of its tasks.
    let worst = ended.iter().map(Account::state).find(|state| *state != JobState::Completed);
    let state = if is_whole { worst.unwrap_or(JobState::Completed) } else { last.state() };
    let files = if is_whole { (None, None) } else { files };
    let told = last.fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    JobDetail {
        id: wanted.clone(),
        usage: None,
        remembered: None,
        scheduler: SchedulerKind::GridEngine,
        state,
        exit_code: if is_whole { None } else { last.exit_code() },
        fields: told.chain(paths(&files)).collect(),
        stdout: files.0,
        stderr: files.1,
        work_dir: described.map(|d| d.work_dir()),
    }
}

fn paths(files: &(Option<String>, Option<String>)) -> Vec<(String, String)> {
    let both = [("stdout", &files.0), ("stderr", &files.1)];
    both.into_iter().filter_map(|(label, path)| Some((label.to_owned(), path.clone()?))).collect()
}

/// What a person reads, under `qstat -j`'s names.
fn fields(job: &Described<'_>) -> Vec<(String, String)> {
    const TEXTS: [(&str, &str); 7] = [
        ("job_number", "JB_job_number"),
        ("job_name", "JB_job_name"),
        ("owner", "JB_owner"),
        ("group", "JB_group"),
        ("account", "JB_account"),
        ("project", "JB_project"),
        ("script_file", "JB_script_file"),
    ];
    let mut all: Vec<(String, String)> =
        TEXTS.iter().filter_map(|(label, name)| Some(((*label).to_owned(), job.text(name)?.into_owned()))).collect();
    let mut add = |label: &str, text: String| {
        if !text.is_empty() {
            all.push((label.to_owned(), text));
        }
    };
    add("job_args", job.list("JB_job_args", "element", "ST_name").join(" "));
    let time = job.submitted().and_then(|at| jiff::Timestamp::from_second(at).ok());
    add("submission_time", time.map(|time| time.to_string()).unwrap_or_default());
    add("cwd", job.work_dir());
    let asked: Vec<String> = job.requests().iter().map(|(name, value)| format!("{name}={value}")).collect();
    add("hard resource_list", asked.join(","));
    let limit = job.requests().iter().find(|(name, _)| name == "h_rt").and_then(|(_, value)| super::time::seconds(value));
    add("time limit", limit.map(slurm).unwrap_or_default());
    add("hard_queue_list", job.list("JB_hard_queue_list", "destin_ident_list", "QR_name").join(","));
    add("parallel environment", job.text("JB_pe").map(|pe| pe.into_owned()).unwrap_or_default());
    add("job-array tasks", job.range().filter(|_| job.is_array()).unwrap_or_default());
    let priority = job.text("JB_priority").and_then(|p| p.parse::<i64>().ok()).map(|p| p - 1024).filter(|p| *p != 0);
    add("priority", priority.map(|p| p.to_string()).unwrap_or_default());
    add("jid_predecessor_list", job.list("JB_jid_predecessor_list", "job_predecessors", "JRE_job_number").join(","));
    let context: Vec<String> = job
        .list("JB_context", "context_list", "VA_variable")
        .iter()
        .zip(job.list("JB_context", "context_list", "VA_value"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    add("context", context.join(","));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOBS: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/jobs.txt");
    const LONG: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-long.xml");
    const ARRAY: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-array.xml");
    const QACCT: &str = include_str!("../../../../tests/fixtures/gridengine-8.1.9/qacct.txt");

    fn of(id: &str, parts: [&str; 5]) -> Result<JobDetail, Failure> {
        read(&Said { status: 0, stdout: parts.join("\x1d").into(), stderr: String::new() }, &JobId::new(id))
    }

    #[test]
    fn a_running_job_is_described_with_its_files() {
        let job = of("69", [LONG, JOBS, "", "", ""]).unwrap();
        assert_eq!(
            (job.state, job.stdout.as_deref(), job.work_dir.as_deref()),
            (JobState::Running, Some("/home/ec2-user/logs/long.69.out"), Some("/home/ec2-user"))
        );
        let has = |key: &str, value: &str| job.fields.contains(&(key.to_owned(), value.to_owned()));
        assert!(
            has("hard resource_list", "h_rt=3600,h_vmem=2G") && has("context", "qdeck=0123abcd") && has("job_args", "a b c"),
            "{:?}",
            job.fields
        );
    }

    #[test]
    fn tasks_of_an_array_have_their_own_state() {
        let at = |id: &str, accounts: &str| of(id, [ARRAY, JOBS, accounts, "", ""]).unwrap();
        assert_eq!((at("70_3", "").state, at("70_3", "").stdout.as_deref()), (JobState::Running, Some("/home/ec2-user/arr.o70.3")));
        assert_eq!((at("70_[5-19:2]", "").state, at("70_[5-19:2]", "").stdout), (JobState::Pending, None));
        assert_eq!(at("70_7", "").state, JobState::Pending);
        assert_eq!(at("70", "").state, JobState::Running);
        let ended =
            QACCT.replace("jobnumber    78", "jobnumber    70").replace("taskid       2 ", "taskid       4 ").replace("arrf", "arr");
        let task = at("70_4", &ended[ended.find("taskid       4").map_or(0, |at| ended[..at].rfind("\n=====").unwrap_or(0))..]);
        assert_eq!((task.state, task.exit_code.as_deref()), (JobState::Failed, Some("2:0")));
    }

    #[test]
    fn an_ended_job_is_what_accounting_says() {
        let job = of("76", ["", "", QACCT, "", ""]).unwrap();
        assert_eq!((job.state, job.exit_code.as_deref(), job.stdout), (JobState::Failed, Some("7:0"), None));
        assert!(job.fields.contains(&("exit_status".into(), "7".into())));
        assert_eq!(of("78", ["", "", QACCT, "", ""]).unwrap().state, JobState::Failed);
        assert_eq!(of("69", [LONG, "", "", "69 late\n", ""]).unwrap().state, JobState::Completing);
        assert_eq!(of("69", ["", "", "", "69 lost\n", ""]).unwrap().state, JobState::Cancelled);
        assert_eq!(of("999", ["", "", "", "", ""]).unwrap_err().kind, FailureKind::NotFound);
        assert_eq!(ask(&JobId::new("$(x)")).err().unwrap().kind, FailureKind::NotFound);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&Said { status: 0, stdout: bytes, stderr: String::new() }, &JobId::new("1_[2-3]"));
        }
    }
}
