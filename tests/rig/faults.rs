//! What breaks in the middle, and how the program goes on.

use std::fs::File;
use std::time::Duration;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

/// Writes numbered lines for some seconds.
const COUNT: &str =
    "#!/bin/bash\n#SBATCH --job-name=count\n#SBATCH --output=count-%j.out\nfor i in $(seq 1 240); do echo line $i; sleep 0.05; done\n";

#[test]
fn a_killed_connection_loses_and_doubles_no_line() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    program.script("count.sbatch", COUNT);
    let id = program.say(&["submit", "--remote", "count.sbatch"]).trim().to_owned();
    let printed = program.path("printed");
    let mut follower = program
        .command(&["--cluster", "rig", "logs", "-f", &id])
        .stdout(File::create(&printed).unwrap())
        .stderr(File::create(program.path("said")).unwrap())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(&printed).unwrap_or_default().lines().count();
    for mark in [30, 90, 150] {
        eventually("more lines", LATER, || lines() > mark);
        rig.ctl(&["ssh-kill"]);
    }
    eventually("the follower to end with its job", LATER, || follower.try_wait().unwrap().is_some());
    assert!(follower.wait().unwrap().success(), "{}", std::fs::read_to_string(program.path("said")).unwrap());
    let expected: String = (1..=240).map(|i| format!("line {i}\n")).collect();
    assert_eq!(std::fs::read_to_string(&printed).unwrap(), expected);
}

#[test]
fn the_screen_keeps_its_rows_through_a_lost_connection() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let id = rig.run("sbatch --parsable -J steady --wrap 'for i in $(seq 600); do echo beat $i; sleep 0.2; done'").trim().to_owned();
    let term = program.open(&["--cluster", "rig"]);
    term.until("steady", SOON);
    term.until("beat 5", LATER);
    rig.ctl(&["sshd-stop"]);
    rig.ctl(&["ssh-kill"]);
    term.until("✗", SOON);
    term.until(&id, SOON);
    term.until("steady", SOON);
    rig.ctl(&["sshd-start"]);
    term.until_screen("a fresh connection", LATER, |text| {
        text.lines().next().is_some_and(|head| head.contains("ssh ●") && !head.contains('✗'))
    });
    // The log went on without a gap: the numbers on screen follow one another.
    eventually("new lines", SOON, || {
        let text = term.text();
        let beats: Vec<u32> = text.lines().filter_map(|l| l.split("beat ").nth(1)?.split_whitespace().next()?.parse().ok()).collect();
        beats.len() > 8 && beats.windows(2).all(|pair| pair[1] == pair[0] + 1)
    });
}

#[test]
fn a_stopped_slurmctld_marks_the_queue_stale_and_a_started_one_freshens_it() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    rig.run("sbatch -J staleness --wrap 'sleep 600'");
    let term = program.open(&["--cluster", "rig"]);
    term.until("staleness", SOON);
    rig.ctl(&["slurmctld-stop"]);
    term.until("Unable to contact slurm controller", LATER);
    assert!(term.text().contains("staleness"), "old data stays\n{}", term.text());
    rig.ctl(&["slurmctld-start"]);
    term.until_gone("Unable to contact slurm controller", LATER);
    assert!(term.text().contains("staleness"), "{}", term.text());
}

#[cfg(feature = "aws")]
#[test]
fn ec2_goes_and_comes_back_while_everything_else_works() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let term = program.open(&["--cluster", "demo"]);
    term.until("slurm now", SOON);
    rig.ctl(&["moto-stop"]);
    term.until("ec2:DescribeInstances", LATER);
    term.until("demo", SOON);
    rig.run("sbatch -J meanwhile --wrap 'sleep 60'");
    term.until("meanwhile", SOON);
    rig.ctl(&["moto-start"]);
    term.until_gone("ec2:DescribeInstances", LATER);
}

#[test]
fn quitting_waits_for_nobody() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    std::fs::write(rig.var("RIG_SLOW_CTL"), "mode=blackhole").unwrap();
    let mut term = program.open(&["--cluster", "slow"]);
    term.until("Connecting", SOON);
    let begun = std::time::Instant::now();
    term.keys("q");
    assert_eq!(term.wait_exit(Duration::from_secs(2)), 0);
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(term.is_clean(), "left behind: {:?}", term.left_behind());
}
