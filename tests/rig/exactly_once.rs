//! Each submission makes one job, whatever dies in between: the connection, the program, or the scheduler's patience.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{LATER, Program};
use crate::rig::{Rig, eventually};
use crate::support::children_of;

/// How many submissions are under way at once.
const ABREAST: usize = 12;

/// Numbers that are the same in every run: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// Each script writes its own number and its job's id, in one write that no other can tear.
fn script(program: &Program<'_>, rig: &Rig, n: usize) -> String {
    let path = program.path(&format!("n{n}.sh"));
    let ran = format!("{}/ran", rig.var("RIG_HOME"));
    // The large node takes all of them at once.
    let text = format!("#!/bin/sh\n#SBATCH -p gpu -J n{n} -o /dev/null -t 1 --comment=mine\nprintf '{n} %s\\n' $SLURM_JOB_ID >>{ran}\n");
    std::fs::write(&path, text).unwrap();
    path
}

/// What ran: number → ids.
fn ran(rig: &Rig) -> BTreeMap<usize, Vec<String>> {
    let mut all: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(format!("{}/ran", rig.var("RIG_HOME"))).unwrap_or_default().lines() {
        let (n, id) = line.split_once(' ').unwrap();
        all.entry(n.parse().unwrap()).or_default().push(id.to_owned());
    }
    all
}

/// All of Slurm's jobs must have ended; what ran must be each number once, under the id that was told.
fn each_ran_once(rig: &Rig, told: &BTreeMap<usize, String>) {
    eventually("all jobs to end", LATER, || rig.run("squeue -h -t PD,R,CG,CF").trim().is_empty());
    let expected: BTreeMap<usize, Vec<String>> = told.iter().map(|(n, id)| (*n, vec![id.clone()])).collect();
    assert_eq!(ran(rig), expected);
    // Slurm itself knows as many jobs, each with the script's own comment beside the token.
    let known = rig.run("squeue -h -t all -o '%A %j %k'");
    assert_eq!(known.lines().count(), told.len(), "{known}");
    assert!(known.lines().all(|line| line.contains(" qdeck:") && line.ends_with(" mine")), "{known}");
    for (n, id) in told {
        assert!(known.lines().any(|line| line.starts_with(&format!("{id} n{n} "))), "{n} {id}");
    }
}

fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

struct Cut {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    log: PathBuf,
}

fn submit(program: &Program<'_>, host: &str, n: usize, script: &str) -> Cut {
    let [out, err, log] = ["out", "err", "log"].map(|end| PathBuf::from(program.path(&format!("n{n}.{end}"))));
    let mut command = program.command(&["--cluster", host, "submit", script]);
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).env("QDECK_LOG", &log);
    Cut { child: command.spawn().unwrap(), out, err, log }
}

/// Cuts a connection by killing the ssh that holds it: `delay` after there is one, or after the script was handed over.
fn cut_here(cut: &mut Cut, handed: bool, delay: Duration) -> bool {
    let (begun, mut ssh) = (Instant::now(), None);
    while cut.child.try_wait().unwrap().is_none() && begun.elapsed() < LATER {
        ssh = ssh.or_else(|| children_of(cut.child.id()).into_iter().find(|p| p.command.starts_with("ssh ")));
        let due = !handed || std::fs::read_to_string(&cut.log).is_ok_and(|log| log.contains("handing over"));
        if let (Some(ssh), true) = (&ssh, due) {
            std::thread::sleep(delay);
            if cut.child.try_wait().unwrap().is_some() {
                return false;
            }
            kill(ssh.pid);
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// The number of cut submissions: `QDECK_CUTS=500` is the whole proof, in some minutes.
fn cuts() -> usize {
    std::env::var("QDECK_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

#[test]
fn submissions_whose_connection_is_cut_run_once_each() {
    let Some(rig) = Rig::start(&["--no-aws"], &[("RIG_MINJOBAGE", "3600")]) else { return };
    let program = Program::new(&rig);
    // A line on which an answer takes a while: a cut finds more submissions between question and answer.
    std::fs::write(rig.var("RIG_SLOW_CTL"), "rtt=80").unwrap();
    let (total, next, told) = (cuts(), AtomicUsize::new(1), Mutex::new(BTreeMap::new()));
    let (here, again, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        // Now and then, by how far the work has got, all sessions end at once: those of the head node, or those of the line to it.
        let storms = scope.spawn(|| {
            let (mut dice, mut storms, mut due) = (Dice(0x9e37_79b9_7f4a_7c15), 0, ABREAST as u64);
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20 + dice.below(200)));
                if (next.load(Ordering::Relaxed) as u64) < due {
                    continue;
                }
                due += 15 + dice.below(15);
                if dice.below(2) == 0 {
                    rig.ctl(&["ssh-kill"]);
                } else {
                    std::fs::write(rig.var("RIG_SLOW_CTL"), "mode=reset").unwrap();
                    std::thread::sleep(Duration::from_millis(80));
                    std::fs::write(rig.var("RIG_SLOW_CTL"), "rtt=80").unwrap();
                }
                storms += 1;
            }
            storms
        });
        let workers: Vec<_> = (0..ABREAST.min(total))
            .map(|worker| {
                let (program, rig, next, told, here, again) = (&program, &rig, &next, &told, &here, &again);
                scope.spawn(move || {
                    let mut dice = Dice(0x2545_f491_4f6c_dd1d ^ (worker as u64 + 1).wrapping_mul(0x9e37_79b9));
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n > total {
                            return;
                        }
                        let path = script(program, rig, n);
                        let mut cut = submit(program, if n % 2 == 0 { "slow" } else { "rig" }, n, &path);
                        // One of three from the first packet on; two about the time between the question and its answer.
                        let handed = dice.below(3) > 0;
                        let delay = Duration::from_millis(dice.below(if handed { 120 } else { 1_500 }));
                        here.fetch_add(usize::from(cut_here(&mut cut, handed, delay)), Ordering::Relaxed);
                        let status = cut.child.wait().unwrap();
                        let (said, log) = (std::fs::read_to_string(&cut.err).unwrap(), std::fs::read_to_string(&cut.log).unwrap());
                        assert!(status.success(), "{n}: {said}\n{log}");
                        again.fetch_add(usize::from(log.contains("again=true")), Ordering::Relaxed);
                        let id = std::fs::read_to_string(&cut.out).unwrap().trim().to_owned();
                        assert!(!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()), "{n}: {id:?} {said}");
                        told.lock().unwrap().insert(n, id);
                    }
                })
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let storms = storms.join().unwrap();
        for result in results {
            result.unwrap();
        }
        let (here, again) = (here.load(Ordering::Relaxed), again.load(Ordering::Relaxed));
        let note = format!(
            "\n{total} submissions in {:.0} s: {here} cut by their own ssh, {storms} storms over all; {again} had been sent before the cut\n",
            begun.elapsed().as_secs_f32()
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
        assert!(here >= total / 2 && again >= total / 10, "too few were cut to prove anything: {note}");
    });
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), total);
    each_ran_once(&rig, &told);
    assert_eq!(program.say(&["outbox", "--json"]).trim(), "[]");
}

/// How many submissions the record holds in this state.
fn recorded(program: &Program<'_>, state: &str) -> usize {
    let path = program.path("state/qdeck/record.sqlite");
    let Ok(db) = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else { return 0 };
    db.query_row("select count(*) from outbox where state = ?1", [state], |row| row.get::<_, u32>(0)).unwrap_or(0) as usize
}

#[test]
fn a_killed_program_s_submissions_are_finished_by_the_next_one() {
    let Some(rig) = Rig::start(&["--no-aws"], &[("RIG_MINJOBAGE", "3600")]) else { return };
    let program = Program::new(&rig);
    let (mut dice, mut told, mut finished) = (Dice(0x1234_5678_9abc_def1), BTreeMap::new(), 0);
    for n in 1..=30 {
        let path = script(&program, &rig, n);
        let before = recorded(&program, "open") + recorded(&program, "done");
        let mut cut = submit(&program, "rig", n, &path);
        eventually("it to be written down", LATER, || recorded(&program, "open") + recorded(&program, "done") > before);
        std::thread::sleep(Duration::from_millis(dice.below(700)));
        kill(cut.child.id());
        cut.child.wait().unwrap();
        // What it said before it was killed is true.
        let id = std::fs::read_to_string(&cut.out).unwrap().trim().to_owned();
        if recorded(&program, "open") == 0 {
            if !id.is_empty() {
                told.insert(n, id);
            } else {
                // Killed between writing the answer down and printing it.
                let path = program.path("state/qdeck/record.sqlite");
                let db = rusqlite::Connection::open(path).unwrap();
                let id = db.query_row("select job from outbox where name = ?1", [format!("n{n}.sh")], |row| row.get(0)).unwrap();
                told.insert(n, id);
            }
        } else {
            finished += 1;
            // Every other time two finish it at once.
            let mut other = (n % 2 == 0).then(|| program.command(&["outbox", "--finish"]).stdout(Stdio::null()).spawn().unwrap());
            let said = program.command(&["outbox", "--finish"]).output().unwrap();
            if let Some(other) = &mut other {
                assert!(other.wait().unwrap().success());
            }
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            let path = program.path("state/qdeck/record.sqlite");
            let db = rusqlite::Connection::open(path).unwrap();
            let id: String = db.query_row("select job from outbox where name = ?1", [format!("n{n}.sh")], |row| row.get(0)).unwrap();
            let printed = String::from_utf8(said.stdout).unwrap();
            assert!(printed.trim() == id || other.is_some() && printed.is_empty(), "{printed}");
            told.insert(n, id);
        }
        assert_eq!(recorded(&program, "open"), 0);
    }
    let note = format!("\n30 killed, {finished} of them before their answer was written down\n");
    let _ = std::io::Write::write_all(&mut std::io::stderr(), note.as_bytes());
    assert!(finished >= 3, "too few were killed in time: {finished}");
    each_ran_once(&rig, &told);
}

#[test]
fn a_refusal_is_told_once_and_nothing_stays_behind() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let bad = program.path("bad.sh");
    std::fs::write(&bad, "#!/bin/sh\n#SBATCH -p nosuch\n").unwrap();
    let said = program.fail(&["submit", &bad]);
    assert_eq!(said.matches("Invalid partition name specified").count(), 1, "{said}");
    assert_eq!((recorded(&program, "open"), recorded(&program, "refused")), (0, 1));
    assert_eq!(program.say(&["outbox", "--json"]).trim(), "[]");
    assert_eq!(program.say(&["outbox", "--finish"]), "");
    let said = program.fail(&["submit", "-o", "--test-only", &{
        std::fs::write(program.path("good.sh"), "#!/bin/sh\n").unwrap();
        program.path("good.sh")
    }]);
    assert!(said.contains("no job"), "{said}");
}

#[test]
fn a_controller_that_hangs_in_the_middle_takes_one_job() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let path = script(&program, &rig, 1);
    program.say(&["jobs"]);
    rig.ctl(&["slurmctld-pause"]);
    let mut cut = submit(&program, "rig", 1, &path);
    // sbatch gives up after 10 s (MessageTimeout); what it sent still lies in front of the controller.
    std::thread::sleep(Duration::from_secs(13));
    assert!(cut.child.try_wait().unwrap().is_none(), "nobody knows yet");
    rig.ctl(&["slurmctld-resume"]);
    assert!(cut.child.wait().unwrap().success(), "{}", std::fs::read_to_string(&cut.err).unwrap());
    let id = std::fs::read_to_string(&cut.out).unwrap().trim().to_owned();
    each_ran_once(&rig, &BTreeMap::from([(1, id)]));
}
