//! What newer Slurms print, read by each reader: the formats are those of 23.11, 24.05 and 25.11, the answers are written and not recorded.

use rstest::rstest;

use super::super::Scheduler;
use super::*;
use crate::model::{JobState, NodePhase};
use crate::remote::host::Said;

/// The answers of one version.
struct Version {
    squeue: &'static str,
    paths: &'static str,
    ended: &'static str,
    job: &'static str,
    job_dd: &'static str,
    array: &'static str,
    nodes: &'static str,
    sacct: &'static str,
    used: &'static str,
    sstat: &'static str,
}

macro_rules! version {
    ($version:literal) => {
        Version {
            squeue: version!($version, "squeue.txt"),
            paths: version!($version, "squeue-paths.txt"),
            ended: version!($version, "squeue-ended.txt"),
            job: version!($version, "job-o.txt"),
            job_dd: version!($version, "job-dd-o.txt"),
            array: version!($version, "job-array-o.txt"),
            nodes: version!($version, "nodes-o-d.txt"),
            sacct: version!($version, "sacct.txt"),
            used: version!($version, "sacct-usage.txt"),
            sstat: version!($version, "sstat.txt"),
        }
    };
    ($version:literal, $file:literal) => {
        include_str!(concat!("../../../../tests/fixtures/slurm-", $version, "/", $file))
    };
}

const V23: Version = version!("23.11");
const V24: Version = version!("24.05");
const V25: Version = version!("25.11");

fn said(stdout: impl Into<Vec<u8>>) -> Said {
    Said { status: 0, stdout: stdout.into(), stderr: String::new() }
}

/// An answer to the question that this script asks: with its own word at the end of each record.
fn ended(script: &str, text: &str) -> Said {
    let word: String = script.split_once('\x1e').unwrap().1.chars().take_while(char::is_ascii_hexdigit).collect();
    said(text.replace('\x1e', &format!("\x1e{word}")))
}

#[rstest]
#[case(V23)]
#[case(V24)]
#[case(V25)]
fn a_queue_is_read_whole(#[case] version: Version) {
    for (with_paths, text) in [(false, version.squeue), (true, version.paths)] {
        let ask = Slurm.jobs(Scope::All, with_paths);
        let table = (ask.read)(&ended(&ask.script, text)).unwrap();
        assert_eq!((table.len(), table.warnings), (5, 0));
        let of = |id: &str| table.get(table.find(id).unwrap()).unwrap();
        let (running, task, rest, many) = (of("41"), of("42_3"), of("42_[4-9%2]"), of("43"));
        assert_eq!((running.state(), running.cpus(), running.time_used(), running.memory()), (JobState::Running, 8, Some(74), "4G"));
        assert_eq!((task.state(), task.gres(), task.dependency()), (JobState::Configuring, "gres/gpu:h100:8", "afterok:41(unfulfilled)"));
        assert_eq!((rest.array_job_id(), rest.array_task_id(), rest.reason()), ("42", "4-9%2", "JobArrayTaskLimit"));
        assert_eq!((many.name(), many.partition(), many.nodes(), many.time_limit()), ("a b|c\nd", "compute,gpu", 1, None));
        assert!(reasons::reason(many.reason()).is_some(), "{}", many.reason());
        let wanted = if with_paths { ("/shared/ada/run/fluid-41.out", "/shared/ada/log-42_3.err", "") } else { ("", "", "") };
        assert_eq!((running.stdout(), task.stderr(), rest.stdout()), wanted);
    }
}

#[rstest]
#[case(V23)]
#[case(V24)]
#[case(V25)]
fn a_job_is_read_with_its_name_and_its_files(#[case] version: Version) {
    for text in [version.job, version.job_dd] {
        let job = (Slurm.detail(&JobId::new("41")).read)(&said(text)).unwrap();
        assert_eq!((job.state, job.field("JobName"), job.field("NumCPUs")), (JobState::Running, Some("fluid"), Some("8")));
        assert_eq!((job.stdout.as_deref(), job.work_dir.as_deref()), (Some("/shared/ada/run/fluid-41.out"), Some("/shared/ada/run")));
        assert_eq!((job.field("Comment"), job.field("Extra")), (Some("for the paper"), Some("{\"run\": 7}")));
    }
    let task = (Slurm.detail(&JobId::new("42_3")).read)(&said(version.array)).unwrap();
    assert_eq!((task.state, task.stderr.as_deref()), (JobState::Configuring, Some("/shared/ada/log-42_3.err")));
    let rest = (Slurm.detail(&JobId::new("42_[4-9%2]")).read)(&said(version.array)).unwrap();
    assert_eq!((rest.state, rest.stdout), (JobState::Pending, None));
}

#[rstest]
#[case(V23, "alloc", NodePhase::Allocated, "gpu:h100:8")]
#[case(V24, "mix", NodePhase::Mixed, "gpu:h100:8")]
#[case(V25, "resv", NodePhase::Reserved, "gpu:h100:0")]
fn nodes_are_read_with_what_stands_after_a_reason(
    #[case] version: Version,
    #[case] state: &str,
    #[case] phase: NodePhase,
    #[case] gpus: &str,
) {
    let table = (Slurm.nodes().read)(&said(version.nodes)).unwrap();
    assert_eq!((table.nodes.len(), table.warnings), (5, 0));
    let of = |name: &str| table.nodes.iter().find(|node| node.name == name).unwrap();
    let (up, asleep, failed, drained) = (of("compute-dy-c7g-1"), of("compute-dy-c7g-2"), of("compute-dy-c7g-3"), of("compute-dy-c7g-4"));
    assert_eq!((up.state.as_str(), up.load, up.instance_id.as_deref()), ("mix", Some(0.42), Some("i-0abc")));
    assert_eq!((asleep.phase, asleep.address.as_deref(), asleep.reason.as_deref()), (NodePhase::PoweredDown, None, None));
    assert_eq!((failed.phase, failed.reason_by.as_deref()), (NodePhase::Down, Some("root")));
    assert_eq!(failed.reason.as_deref(), Some("(Code:InsufficientInstanceCapacity)Failure when resuming nodes"));
    assert!(failed.reason_since.is_some() && failed.reason_plain.is_some());
    assert_eq!((drained.reason.as_deref(), drained.reason_by.as_deref()), (Some("disk [sda], ask bob"), Some("ada")));
    assert_eq!(drained.instance_type.as_deref(), Some("c7g.4xlarge"));
    let gpu = of("gpu-dy-p5-1");
    assert_eq!((gpu.state.as_str(), gpu.phase, gpu.gres_used.as_deref()), (state, phase, Some(gpus)));
}

#[rstest]
#[case(V23)]
#[case(V24)]
#[case(V25)]
fn what_has_ended_and_what_was_used_is_read(#[case] version: Version) {
    let ask = Slurm.ended(&[JobId::new("44"), JobId::new("42_1")]);
    let past = (ask.read)(&ended(&ask.script, version.ended)).unwrap();
    assert_eq!(past.len(), 2);
    assert_eq!((past[0].exit_code.as_deref(), past[0].stdout.as_str()), (Some("0:0"), "/shared/ada/slurm-44.out"));
    assert_eq!((past[1].exit_code.as_deref(), past[1].state, past[1].array.as_str()), (Some("3:0"), Some(JobState::Failed), "42"));
    let told = (Slurm.accounting(0, true).unwrap().read)(&said(version.sacct)).unwrap();
    let states: Vec<_> = told.iter().filter_map(|past| past.state).collect();
    assert_eq!(states, [JobState::Completed, JobState::Failed, JobState::Cancelled, JobState::OutOfMemory]);
    assert_eq!((told[2].node_list.as_str(), told[2].started, told[2].name.as_str()), ("", None, "a b"));
    let split = "\x1equeue-usage\x1e";
    let examine = |head: &str, tail: &str| (Slurm.examine(&JobId::new("41")).unwrap().read)(&said(format!("{head}{split}{tail}"))).unwrap();
    let usage = examine(version.job_dd, version.sstat).usage.unwrap();
    assert_eq!((usage.cpu_time, usage.memory, usage.gpu, usage.cpus), (Some(130), Some(2928 << 10), Some(85), Some(8)));
    assert_eq!(usage.memory_given, Some(8 << 30));
    let over = version.job_dd.replace("JobState=RUNNING", "JobState=COMPLETED");
    let usage = examine(&over, version.used).usage.unwrap();
    assert_eq!((usage.cpu_share(), usage.memory_given, usage.memory_share(), usage.gpu), (Some(50), Some(8 << 30), Some(100), Some(7)));
}
