//! `scontrol -o show job`: everything about one job in one line.

use crate::model::{Failure, FailureKind, JobDetail, JobId, JobState, SchedulerKind};

/// Slurm's word for a task that is not known yet, filled into output paths of a waiting array.
const NO_TASK: &str = "4294967294";

/// Reads an answer, which for an array holds a record for each task.
pub(super) fn read(stdout: &[u8], wanted: &JobId) -> Result<JobDetail, Failure> {
    let text = String::from_utf8_lossy(stdout);
    // A name may hold a line break and more: only an array has several records, each at the beginning of a line.
    let is_array = text.split(" JobName=").next().is_some_and(|head| head.contains(" ArrayJobId="));
    let at_start = |at: &usize| *at == 0 || is_array && text.as_bytes()[at - 1] == b'\n';
    let starts: Vec<usize> = memchr::memmem::find_iter(text.as_bytes(), b"JobId=").filter(at_start).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let records: Vec<&str> = starts.iter().zip(ends).map(|(start, end)| text[*start..end].trim_end()).collect();
    let record = records
        .iter()
        .find(|r| is(r, wanted))
        .or(records.first())
        .ok_or_else(|| Failure::new(FailureKind::Garbled, "", format!("scontrol printed nothing that describes job {wanted}")))?;
    Ok(detail(record, wanted))
}

/// Whether a record is the wanted job, task or waiting rest.
fn is(record: &str, wanted: &JobId) -> bool {
    let field = |key: &str| after(record, key).and_then(|rest| rest.split(' ').next());
    match wanted.as_str().split_once('_') {
        Some((_, task)) if task.starts_with('[') => field(" ArrayTaskId=").is_some_and(|t| t.contains(|c: char| !c.is_ascii_digit())),
        Some((array, task)) => field(" ArrayJobId=") == Some(array) && field(" ArrayTaskId=") == Some(task),
        None => field("JobId=") == Some(wanted.as_str()),
    }
}

fn after<'a>(record: &'a str, key: &str) -> Option<&'a str> {
    record.find(key).map(|at| &record[at + key.len()..])
}

/// The text of a key at the end of a record, where only keys that follow it can stand. Looked for from the back: what its owner
/// wrote into a name or a comment comes earlier.
fn last<'a>(record: &'a str, key: &str, next: &[&str]) -> Option<&'a str> {
    let rest = &record[record.rfind(key)? + key.len()..];
    let end = next.iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
    Some(&rest[..end]).filter(|value| !matches!(*value, "" | "(null)"))
}

/// What may stand after the last path, from 22.05 to 25.11.
const AFTER_STDOUT: [&str; 20] = [
    " Power=",
    " NtasksPerTRES",
    " TresPer",
    " MailUser=",
    " SubmitLine=",
    " SegmentSize=",
    " Switches=",
    " BurstBuffer",
    " CPU_min_freq",
    " CPU_max_freq",
    " CPU_freq",
    " Gres",
    " KillOnInvalidDependent=",
    " SpreadJob=",
    " OOMKillStep=",
    " CpusPerTres=",
    " MemPerTres=",
    " TresBind=",
    " TresFreq=",
    " Container=",
];

/// Where a record's owner begins. What the owner wrote, before it or after it, may only look like that in part.
fn owner(record: &str) -> Option<usize> {
    let is_owner = |at: &usize| {
        let mut words = record[*at..].split(' ').skip(1);
        let named = |word: Option<&str>, key: &str| word.is_some_and(|word| word.starts_with(key) && word.ends_with(')'));
        named(words.next(), "UserId=") && named(words.next(), "GroupId=") && words.next().is_some_and(|word| word.starts_with("MCS_label="))
    };
    record.rmatch_indices(" UserId=").map(|(at, _)| at).find(is_owner)
}

/// Divides what Slurm prints between a name and its owner from the name: the parts of a heterogeneous job, and since 25.11 the job's
/// universal id.
fn between<'a>(name: &'a str, head: &str) -> (&'a str, &'a str) {
    let is_list = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-,[]".contains(&b));
    let is_id = |text: &str| text.len() > 8 && text.starts_with('s') && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let without = |from: usize, key: &str, is: &dyn Fn(&str) -> bool| {
        name[..from].rfind(key).filter(|at| is(&name[at + key.len()..from])).unwrap_or(from)
    };
    let mut end = name.len();
    if head.contains(" HetJobId=") {
        end = without(end, " HetJobIdSet=", &is_list);
    }
    end = without(end, " SLUID=", &is_id);
    (&name[..end], &name[end..])
}

fn detail(record: &str, wanted: &JobId) -> JobDetail {
    // The name reaches up to the last UserId: before that, it may hold what looks like other keys.
    let (head, name, tail) = match (record.find(" JobName="), owner(record)) {
        (Some(from), Some(to)) if from < to => (&record[..from], &record[from + 9..to], &record[to..]),
        _ => (record, "", ""),
    };
    let (name, between) = between(name, head);
    let field = |key: &str| after(tail, key).and_then(|rest| rest.split(' ').next()).filter(|v| !matches!(*v, "(null)" | "N/A"));
    let state = field(" JobState=").map_or(JobState::Unknown, JobState::read);
    let path = |key: &str, next: &[&str]| last(tail, key, next).filter(|p| p.starts_with('/') && !p.contains(NO_TASK)).map(str::to_owned);
    let work_dir = path(" WorkDir=", &[" AdminComment=", " SystemComment=", " Comment=", " Extra=", " StdErr="]);
    let stderr = path(" StdErr=", &[" StdIn="]);
    let stdout = path(" StdOut=", &AFTER_STDOUT);
    let mut fields = pairs(head);
    fields.push(("JobName".into(), name.to_owned()));
    fields.extend(pairs(between));
    fields.extend(pairs(tail));
    fields.retain(|(_, value)| !matches!(value.as_str(), "" | "(null)" | "N/A"));
    JobDetail {
        id: wanted.clone(),
        scheduler: SchedulerKind::Slurm,
        state,
        exit_code: field(" ExitCode=").filter(|_| state.is_over()).map(str::to_owned),
        stdout,
        stderr,
        work_dir,
        fields,
        usage: None,
        remembered: None,
    }
}

/// `Key=value Key=value` as pairs. A value may hold spaces; a key begins with a capital letter and holds none.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for word in text.split_whitespace() {
        let key = word.split_once('=').filter(|(key, _)| {
            key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(|c| c.is_ascii_alphanumeric() || "/:_&".contains(c))
        });
        match (key, out.last_mut()) {
            (Some((key, value)), _) => out.push((key.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: &[u8] = include_bytes!("../../../../tests/fixtures/slurm-22.05/job-long-o.txt");
    const ARRAY: &[u8] = include_bytes!("../../../../tests/fixtures/slurm-22.05/job-array-o.txt");

    #[test]
    fn a_recorded_job_is_read() {
        let detail = read(LONG, &JobId::new("1")).unwrap();
        assert_eq!(
            (detail.state, detail.stdout.as_deref(), detail.work_dir.as_deref()),
            (JobState::Running, Some("/home/ec2-user/long-1.out"), Some("/home/ec2-user"))
        );
        assert_eq!(detail.exit_code, None);
        assert!(detail.fields.contains(&("NodeList".into(), "compute-st-c5large-1".into())));
    }

    #[test]
    fn of_an_array_the_wanted_record_is_taken() {
        assert_eq!(read(ARRAY, &JobId::new("2_1")).unwrap().stdout.as_deref(), Some("/home/ec2-user/log-2_1.out"));
        let waiting = read(ARRAY, &JobId::new("2_[2-7%2]")).unwrap();
        assert_eq!((waiting.state, waiting.stdout), (JobState::Pending, None));
    }

    #[test]
    fn a_name_cannot_pretend_to_be_other_fields() {
        let text =
            String::from_utf8_lossy(LONG).replace("JobName=long", "JobName=x UserId=root(0) JobState=FAILED StdOut=/etc/passwd\nJobId=9 y");
        let detail = read(text.as_bytes(), &JobId::new("1")).unwrap();
        assert_eq!((detail.state, detail.stdout.as_deref()), (JobState::Running, Some("/home/ec2-user/long-1.out")));
    }

    #[test]
    fn what_stands_between_a_name_and_its_owner_is_no_part_of_it() {
        let text = String::from_utf8_lossy(LONG);
        let name = |text: &str| read(text.as_bytes(), &JobId::new("1")).unwrap().field("JobName").unwrap().to_owned();
        let newer = text.replace("JobName=long ", "JobName=long x SLUID=sDHZHQ4ZRR8W00 ");
        assert_eq!(name(&newer), "long x");
        let parts = text.replace("JobName=long ", "HetJobId=1 HetJobOffset=0 JobName=long x SLUID=sDHZHQ4ZRR8W00 HetJobIdSet=1-3,7 ");
        assert_eq!(name(&parts), "long x");
        assert_eq!(name(&text.replace("JobName=long ", "JobName=a SLUID=b HetJobIdSet=1 ")), "a SLUID=b HetJobIdSet=1");
        let line = text
            .replace("WorkDir=", "SubmitLine=sbatch --comment= UserId=me a.sh WorkDir=")
            .replace(" StdErr=", " Extra=x UserId=y StdErr=");
        let detail = read(line.as_bytes(), &JobId::new("1")).unwrap();
        assert_eq!((detail.field("JobName"), detail.work_dir.as_deref()), (Some("long"), Some("/home/ec2-user")));
        let more = text.replace("Power=", "OOMKillStep=0 TresPerTask=cpu=1");
        assert_eq!(read(more.as_bytes(), &JobId::new("1")).unwrap().stdout.as_deref(), Some("/home/ec2-user/long-1.out"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "JobId=1 ( ?(JobName|UserId|StdOut|WorkDir|ArrayTaskId)=[^\n]{0,9})*") {
            let _ = read(&bytes, &JobId::new("1_2"));
            let _ = read(text.as_bytes(), &JobId::new("1_[2-3]"));
        }
    }
}
