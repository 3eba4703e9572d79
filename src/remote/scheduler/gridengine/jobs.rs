//! `qstat -r -xml`: the queue in one call, and the reader.
//!
//! The answer names no output paths and no working directories, and of running jobs no time of submission; `qstat -j` does.

use std::borrow::Cow;
use std::collections::HashMap;

use super::described::{self, Described};
use super::task::{self, Tasks};
use super::time::{epoch, seconds};
use super::xml;
use crate::model::{JobState, JobTable, NewJob};

/// Between the parts of an answer. Scripts take it away from what Grid Engine prints, where users write too.
pub(super) const PART: char = '\x1d';
/// Paths are asked for of no more jobs than this.
const MOST_PATHS: usize = 1_000;

/// Asks for the queue of one user or of `'*'`, which stands quoted in `whose`. The time on the host comes first.
pub(super) fn script(whose: &str, with_paths: bool) -> String {
    if !with_paths {
        return format!("date +%s\nqstat -u {whose} -r -xml");
    }
    format!(
        "date +%s\nl=$(qstat -u {whose} -r -xml) || exit\nprintf '%s\\n' \"$l\" | tr -d '\\035'\nprintf '\\035'\n\
         ids=$(qstat -u {whose} | awk 'NR > 2 {{ print $1 }}' | sort -un | head -n {MOST_PATHS} | paste -sd , -)\n\
         [ -z \"$ids\" ] || qstat -j \"$ids\" -xml 2>/dev/null\nexit 0"
    )
}

/// Whether this is an answer at all. Without any jobs Grid Engine says so in XML.
pub(super) fn is_answer(stdout: &[u8]) -> bool {
    memchr::memmem::find(stdout, b"<job_info").is_some()
}

/// Reads an answer. A job that cannot be read is counted, never dropped in silence.
pub(super) fn read(stdout: &[u8], with_paths: bool) -> JobTable {
    let text = String::from_utf8_lossy(stdout);
    let (list, details) = text.split_once(PART).filter(|_| with_paths).unwrap_or((&text, ""));
    let now = list.lines().next().and_then(epoch);
    let described: HashMap<String, Described<'_>> = described::all(details).map(|d| (d.number().into_owned(), d)).collect();
    let mut table = JobTable::with_capacity(list.len() / 420, list.len() / 4);
    let mut pieces = xml::each(list, "job_list");
    for piece in pieces.by_ref() {
        match Row::read(piece.inner) {
            Some(row) => row.push(&mut table, now, described.get(row.number.as_ref())),
            None => table.warnings += 1,
        }
    }
    // Cut off between two jobs it looks whole, but for its own last tag.
    let is_whole = pieces.cut > 0 || memchr::memmem::rfind(list.as_bytes(), b"</job_info>").is_some();
    table.warnings += pieces.cut + u32::from(!is_whole && !list.trim().is_empty());
    table
}

/// One `job_list` as it stands.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) number: Cow<'a, str>,
    name: Cow<'a, str>,
    user: Cow<'a, str>,
    pub(super) state: Cow<'a, str>,
    queue: Cow<'a, str>,
    tasks: Cow<'a, str>,
    waits_for: Vec<Cow<'a, str>>,
    wanted_queues: Vec<Cow<'a, str>>,
    project: Cow<'a, str>,
    slots: u32,
    submitted: Option<i64>,
    started: Option<i64>,
    limit: Option<u64>,
    priority: Option<u64>,
}

impl<'a> Row<'a> {
    /// Reads what stands inside; `None` without a job's number.
    pub(super) fn read(inner: &'a str) -> Option<Self> {
        let mut row = Self::default();
        let mut full = None;
        for (name, attributes, raw) in xml::leaves(inner) {
            match name {
                "JB_job_number" => row.number = xml::plain(raw),
                "JB_name" => row.name = xml::plain(raw),
                "full_job_name" => full = Some(xml::plain(raw)),
                "JB_owner" => row.user = xml::plain(raw),
                "JB_project" => row.project = xml::plain(raw),
                "state" => row.state = xml::plain(raw),
                "queue_name" => row.queue = xml::plain(raw),
                "tasks" => row.tasks = xml::plain(raw),
                "slots" => row.slots = raw.parse().unwrap_or(0),
                "JB_submission_time" => row.submitted = epoch(raw),
                "JAT_start_time" => row.started = epoch(raw),
                "JAT_prio" => row.priority = thousandths(raw),
                "predecessor_jobs" => row.waits_for.push(xml::plain(raw)),
                "hard_req_queue" => row.wanted_queues.push(xml::plain(raw)),
                "hard_request" if xml::attribute(attributes, "name").as_deref() == Some("h_rt") => row.limit = seconds(raw),
                _ => {}
            }
        }
        row.name = full.unwrap_or(row.name);
        (!row.number.is_empty() && row.number.bytes().all(|b| b.is_ascii_digit())).then_some(row)
    }

    /// qdeck's id of it.
    pub(super) fn id(&self) -> String {
        task::id(&self.number, &self.tasks)
    }

    /// The host that it runs on; empty while it waits.
    pub(super) fn host(&self) -> &str {
        self.queue.split_once('@').map_or("", |(_, host)| host)
    }

    /// Whether these tasks, or some of them, are this row's.
    pub(super) fn holds(&self, tasks: &Tasks<'_>) -> bool {
        let wanted = tasks.one().and_then(|task| task.parse::<u64>().ok());
        let within = |range: &str| {
            let (span, step) = range.split_once(':').map_or((range, 1), |(span, step)| (span, step.parse().unwrap_or(1)));
            let (from, to) = span.split_once('-').unwrap_or((span, span));
            let (Some(task), Ok(from), Ok(to)) = (wanted, from.parse::<u64>(), to.parse::<u64>()) else { return false };
            (from..=to).contains(&task) && (task - from).is_multiple_of(step.max(1))
        };
        self.number == tasks.job && (tasks.list.is_empty() || self.tasks.split(',').any(within))
    }

    fn push(&self, table: &mut JobTable, now: Option<i64>, described: Option<&Described<'_>>) {
        let id = self.id();
        let state = state(&self.state);
        let queue = self.queue.split_once('@').map_or(self.queue.as_ref(), |(queue, _)| queue);
        let partition = if queue.is_empty() { self.wanted_queues.join(",") } else { queue.to_owned() };
        let tasks = id.split_once('_').map_or("", |(_, tasks)| tasks.trim_matches(['[', ']']));
        // A requeued job has the time of that for the time of its submission.
        let submitted = if self.state.contains('R') { None } else { self.submitted };
        let files = described.map(|d| d.files(tasks, self.host(), &[])).unwrap_or_default();
        let work_dir = described.map(Described::work_dir).unwrap_or_default();
        let account = described.and_then(Described::account).unwrap_or_default();
        table.push(&NewJob {
            id: &id,
            array_job_id: if tasks.is_empty() { "" } else { &self.number },
            array_task_id: tasks,
            name: &self.name,
            user: &self.user,
            partition: &partition,
            state: Some(state),
            reason: if matches!(self.state.as_ref(), "r" | "t" | "qw") { "" } else { &self.state },
            nodes: 1,
            node_list: self.host(),
            cpus: self.slots,
            submitted: submitted.or_else(|| described.and_then(Described::submitted)),
            started: self.started,
            time_used: self.started.zip(now).and_then(|(from, to)| u64::try_from(to - from).ok()),
            time_limit: self.limit,
            priority: self.priority,
            work_dir: &work_dir,
            stdout: files.0.as_deref().unwrap_or(""),
            stderr: files.1.as_deref().unwrap_or(""),
            account: &account,
            qos: &self.project,
            dependency: &self.waits_for.join(","),
            ..NewJob::default()
        });
    }
}

/// `0.55500`, from 0 to 1, in hundred-thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("00000".chars()).take(5).collect();
    whole.parse::<u64>().ok()?.checked_mul(100_000)?.checked_add(digits.parse().ok()?)
}

/// Grid Engine's letters as a state. They are kept beside it as the reason, but for the plainest.
pub(super) fn state(letters: &str) -> JobState {
    let has = |letter: char| letters.contains(letter);
    match () {
        () if letters.is_empty() => JobState::Unknown,
        () if has('E') => JobState::SpecialExit,
        () if has('d') => JobState::Completing,
        () if has('q') && has('R') && has('h') => JobState::RequeueHold,
        () if has('q') && has('R') => JobState::Requeued,
        () if has('q') || has('w') => JobState::Pending,
        () if has('s') || has('S') || has('T') => JobState::Suspended,
        () if has('t') => JobState::Configuring,
        () if has('r') => JobState::Running,
        // It has ended; how, accounting knows.
        () if has('z') => JobState::Completing,
        () => JobState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const JOBS: &[u8] = include_bytes!("../../../../tests/fixtures/gridengine-8.1.9/jobs.txt");

    #[rstest]
    #[case("r", JobState::Running)]
    #[case("Rr", JobState::Running)]
    #[case("t", JobState::Configuring)]
    #[case("Rt", JobState::Configuring)]
    #[case("qw", JobState::Pending)]
    #[case("hqw", JobState::Pending)]
    #[case("Rq", JobState::Requeued)]
    #[case("hRwq", JobState::RequeueHold)]
    #[case("Eqw", JobState::SpecialExit)]
    #[case("Ehqw", JobState::SpecialExit)]
    #[case("s", JobState::Suspended)]
    #[case("S", JobState::Suspended)]
    #[case("T", JobState::Suspended)]
    #[case("dr", JobState::Completing)]
    #[case("dt", JobState::Completing)]
    #[case("dRr", JobState::Completing)]
    #[case("z", JobState::Completing)]
    #[case("", JobState::Unknown)]
    #[case("x", JobState::Unknown)]
    fn letters_are_states(#[case] letters: &str, #[case] wanted: JobState) {
        assert_eq!(state(letters), wanted);
    }

    #[test]
    fn a_recorded_queue_is_read_whole() {
        let table = read(JOBS, false);
        let rows: Vec<_> = table.iter().map(|j| (j.id(), j.name(), j.user(), j.partition(), j.state(), j.reason())).collect();
        assert_eq!(
            rows,
            [
                ("68", "alices", "alice", "all.q", JobState::Running, ""),
                ("69", "long", "ec2-user", "all.q", JobState::Running, ""),
                ("70_1", "arr", "ec2-user", "all.q", JobState::Running, ""),
                ("70_3", "arr", "ec2-user", "all.q", JobState::Running, ""),
                ("73", "par", "ec2-user", "short.q", JobState::Suspended, "s"),
                ("72", "badcwd", "ec2-user", "", JobState::SpecialExit, "Eqw"),
                ("74", "rerun", "ec2-user", "", JobState::Requeued, "Rq"),
                ("70_[5-19:2]", "arr", "ec2-user", "", JobState::Pending, ""),
                ("71", "a<b>&\"c", "ec2-user", "", JobState::Pending, "hqw"),
                ("75", "dep", "ec2-user", "", JobState::Pending, "hqw"),
            ]
        );
        assert_eq!(table.warnings, 0);
        let long = table.get(1).unwrap();
        assert_eq!((long.cpus(), long.node_list(), long.time_limit(), long.priority()), (1, "ip-10-0-0-14", Some(3_600), Some(53_571)));
        assert_eq!((long.submitted(), long.started().unwrap().as_second(), long.time_used()), (None, 1_795_635_171, Some(6)));
        let waiting = table.get(7).unwrap();
        assert_eq!((waiting.array_job_id(), waiting.array_task_id(), waiting.time_used()), ("70", "5-19:2", None));
        assert_eq!((table.get(9).unwrap().dependency(), table.get(4).unwrap().cpus()), ("74", 2));
    }

    #[test]
    fn with_its_description_a_job_has_files() {
        let long = include_str!("../../../../tests/fixtures/gridengine-8.1.9/detail-long.xml");
        let text = format!("{}{PART}{long}", String::from_utf8_lossy(JOBS));
        let table = read(text.as_bytes(), true);
        let job = table.get(1).unwrap();
        assert_eq!((job.stdout(), job.stderr()), ("/home/ec2-user/logs/long.69.out", "/home/ec2-user/logs/long.69.out"));
        assert_eq!((job.work_dir(), job.account(), job.submitted().unwrap().as_second()), ("/home/ec2-user", "sge", 1_795_635_171));
        assert_eq!(table.get(2).unwrap().stdout(), "");
    }

    fn record(number: &str, name: &str) -> String {
        let name = name.replace('&', "&amp;").replace('<', "%lt;").replace('>', "&gt;");
        format!(
            "<job_list state=\"running\">\n<state>r</state><JB_name>{name}</JB_name>\n<JB_job_number>{number}</JB_job_number></job_list>\n"
        )
    }

    fn answer(records: &str) -> String {
        format!("1795635176\n<?xml version='1.0'?>\n<job_info>\n<queue_info>\n{records}</queue_info></job_info>\n")
    }

    #[test]
    fn hostile_names_are_names_and_what_cannot_be_read_is_counted() {
        let long = "x".repeat(65_536);
        let names = ["</job_list>", "a&#10;b", "\x1b]0;t\x07", "\u{202e}live", "<JB_job_number>1</JB_job_number>", "", &long];
        let text: String = names.iter().enumerate().map(|(i, name)| record(&(i + 1).to_string(), name)).collect();
        let table = read(answer(&text).as_bytes(), false);
        assert_eq!(table.iter().map(|j| j.name()).collect::<Vec<_>>(), names);
        assert_eq!(table.warnings, 0);
        // A job without a number, one without an end, and the end of all missing.
        let bad = format!("{}{}<job_list><JB_name>lost{}<job_list><JB_na", record("1", "a"), record("x", "b"), record("2", "c"));
        let table = read(format!("1\n<job_info>{bad}").as_bytes(), false);
        assert_eq!((table.len(), table.warnings), (2, 3));
        let between = answer(&record("1", "a")).replace("</queue_info></job_info>", "");
        assert_eq!((read(between.as_bytes(), false).len(), read(between.as_bytes(), false).warnings), (1, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0..4_797_usize) {
            read(&bytes, cut % 2 == 0);
            // Cut off anywhere, every job that is whole is a row, and one that is not is counted.
            let head = &JOBS[..cut];
            let (whole, begun) = (memchr::memmem::find_iter(head, b"</job_list>").count(), memchr::memmem::find_iter(head, b"<job_list ").count());
            let table = read(head, false);
            prop_assert_eq!(table.len(), whole);
            prop_assert!(begun == whole || table.warnings > 0);
        }

        #[test]
        fn every_record_is_a_row(names in proptest::collection::vec("[^%]{0,20}", 0..30)) {
            let text: String = names.iter().map(|name| record("5", name)).collect();
            let table = read(answer(&text).as_bytes(), false);
            prop_assert_eq!((table.len(), table.warnings), (names.len(), 0));
            let back: Vec<String> = table.iter().map(|j| j.name().to_owned()).collect();
            prop_assert_eq!(back, names);
        }
    }
}
