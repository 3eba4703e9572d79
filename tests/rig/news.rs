//! What the user is told of jobs, from the real scheduler to the bytes at the terminal; and what looking costs.

use std::time::Duration;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

fn count(raw: &[u8], what: &[u8]) -> usize {
    raw.windows(what.len()).filter(|window| *window == what).count()
}

/// The program's configuration with more settings, and a slow look at the queue.
fn with(program: &Program<'_>, more: &str) {
    let path = program.path("config.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("jobs: 1,", "jobs: 5,");
    std::fs::write(&path, format!("{text}{more}\n")).unwrap();
}

#[test]
fn a_job_that_runs_and_ends_between_two_looks_is_told_once_in_every_way() {
    // Its own: elsewhere others' tests have jobs of the same user, which are news too.
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let told = program.path("told");
    // The name is an attack on the terminal; what is told of it must be one message and no more.
    let script = format!("printf '%s %s %s %s\\n' \"$QDECK_JOB\" \"$QDECK_STATE\" \"$QDECK_EXIT\" \"$1\" >>{told}");
    let words = serde_json::to_string(&["sh", "-c", &script, "sh", "{name}"]).unwrap();
    with(&program, &format!("notify: {{bell: true, terminal: true, command: {words}}}"));
    let term = program.open(&["--cluster", "rig"]);
    term.until("slurm now", SOON);
    let bomb = "\\033]9;owned\\007\\033]52;c;b3duZWQ=\\007\\033\\\\\\007";
    // Far below five seconds from its submission to its end.
    let id = rig.run(&format!("sbatch --parsable -p gpu -o /dev/null -J \"evil$(printf '{bomb}')\" --wrap 'exit 7'")).trim().to_owned();
    term.until(&format!("Job {id} evil"), SOON);
    term.until("exit 7:0.", SOON);
    eventually("the command to run", SOON, || std::fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')));
    std::thread::sleep(Duration::from_secs(6));
    let raw = term.raw();
    // One bell of ours, one message that ends as we end it, and nothing of the name's own.
    assert_eq!((count(&raw, b"\x07"), count(&raw, b"\x1b]"), count(&raw, b"\x1b]9;rig: Job ")), (1, 1, 1));
    let message = raw.windows(4).position(|window| window == b"\x1b]9;").unwrap();
    let end = raw[message + 4..].iter().position(|byte| *byte == 0x1b).unwrap();
    assert_eq!(&raw[message + 4 + end..][..2], b"\x1b\\");
    let text = String::from_utf8(raw[message + 4..][..end].to_vec()).unwrap();
    assert!(text.contains("evil␛]9;owned␇") && text.ends_with("has failed: FAILED, exit 7:0.") && !text.chars().any(char::is_control));
    let told = std::fs::read_to_string(&told).unwrap();
    assert!(told.starts_with(&format!("{id} FAILED 7:0 evil␛]9;owned␇")) && told.lines().count() == 1, "{told}");
}

#[test]
fn a_stopped_program_asks_nothing_and_gives_the_terminal_back() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let term = program.open(&["--cluster", "rig"]);
    term.until("slurm now", SOON);
    let pid = Pid::from_raw(term.pid().cast_signed()).unwrap();
    kill_process(pid, Signal::TSTP).unwrap();
    eventually("it to leave the screen", SOON, || term.is_clean());
    std::thread::sleep(Duration::from_millis(500));
    let asked = || calls(&rig);
    let before = asked();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(asked(), before);
    kill_process(pid, Signal::CONT).unwrap();
    term.until("slurm now", SOON);
    eventually("it to ask again", SOON, || asked() > before);
    // An unfocused terminal is asked for nothing either.
    term.write(b"\x1b[O");
    term.until("resting", SOON);
    std::thread::sleep(Duration::from_secs(1));
    let before = asked();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(asked(), before);
}

/// RPCs that slurmctld has had from ec2-user.
fn calls(rig: &Rig) -> u64 {
    let text = rig.ctl(&["slurm", "sdiag"]);
    let by_user = text.split("statistics by user").nth(1).unwrap_or_default();
    let line = by_user.lines().find(|line| line.trim_start().starts_with("ec2-user")).unwrap_or_default();
    line.split("count:").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn what_a_question_is_said_to_cost_is_what_sdiag_counts() {
    use qdeck::model::{ClusterId, JobId, Query, SchedulerKind, Scope};
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let id = rig.run("sbatch --parsable -H --wrap 'sleep 1'").trim().to_owned();
    let (cluster, job) = (ClusterId::new("rig"), JobId::new(&id));
    let asked = |args: &[&str]| {
        let before = calls(&rig);
        program.say(args);
        u32::try_from(calls(&rig) - before).unwrap()
    };
    let cost = |query: Query| query.calls(SchedulerKind::Slurm);
    assert_eq!(asked(&["jobs"]), cost(Query::Jobs { cluster: cluster.clone(), scope: Scope::Mine }));
    assert_eq!(asked(&["jobs", "--all"]), cost(Query::Jobs { cluster: cluster.clone(), scope: Scope::All }));
    assert_eq!(asked(&["nodes"]), cost(Query::Nodes(cluster.clone())));
    // To show what a job wrote, its details are asked for; this one has written nothing.
    let before = calls(&rig);
    program.fail(&["logs", &id]);
    assert_eq!(u32::try_from(calls(&rig) - before).unwrap(), cost(Query::Detail { cluster: cluster.clone(), job: job.clone() }));
    assert_eq!(asked(&["why", &id]), cost(Query::Why { cluster: cluster.clone(), job: job.clone() }));
    assert_eq!(asked(&["job", &id]), cost(Query::Examine { cluster: cluster.clone(), job: job.clone() }));
    // One that is submitted again, too: itself, and then where it writes.
    let where_to = cost(Query::Detail { cluster: cluster.clone(), job: job.clone() });
    assert_eq!(asked(&["rerun", &id, "-o", "-H"]), cost(Query::Again { cluster, job }) + 1 + where_to);
}

#[test]
fn the_figure_in_the_header_is_true() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    with(&program, "");
    let term = program.open(&["--cluster", "rig"]);
    term.until("slurm now", SOON);
    std::thread::sleep(Duration::from_secs(5));
    let before = calls(&rig);
    std::thread::sleep(Duration::from_secs(30));
    let real = (calls(&rig) - before) * 2;
    term.until("RPC/min", LATER);
    let head = term.row(0);
    let shown: u64 = head.split(" RPC/min").next().unwrap().split_whitespace().next_back().unwrap().parse().unwrap();
    assert!(shown.abs_diff(real) <= real / 5 + 2, "{shown} is shown, {real} are counted\n{head}");
}
