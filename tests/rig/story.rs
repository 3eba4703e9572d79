//! The main job from end to end, by keys alone: choose a cluster, pick a script, submit, watch, cancel, fetch, quit.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;
use crate::support::children_of;

const STORY: &str = "#!/bin/bash\n#SBATCH --job-name=story\n#SBATCH --nodes=3\n#SBATCH --ntasks-per-node=1\n#SBATCH --begin=now+5\n\
                     #SBATCH --output=story-%j.out\nsrun --mpi=pmix python3 hello_mpi.py\nsleep 6\n";

#[test]
fn the_whole_story() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    program.script("story.sbatch", STORY);
    program.script("long.sbatch", "#!/bin/bash\n#SBATCH --job-name=long\nsleep 600\n");
    let mut term = program.open(&[]);
    // Clusters appear: with AWS from the tags on EC2's instances, else from the configuration.
    let cluster = if cfg!(feature = "aws") { "demo" } else { "rig" };
    term.until(cluster, SOON);
    term.keys("1g<enter>");
    term.until("slurm now", SOON);
    term.until("No jobs of yours", SOON);
    if cfg!(feature = "aws") {
        term.until("eu-west-1", SOON);
    }
    let id = Program::launch(&term, "story.sbatch");
    // Every state that the row goes through, as the screen shows it.
    let mut seen = BTreeSet::new();
    let deadline = Instant::now() + LATER;
    let mut live = false;
    while !seen.contains("CD") {
        assert!(Instant::now() < deadline, "states seen: {seen:?}\n{}", term.text());
        let text = term.text();
        if let Some(row) =
            text.lines().find(|line| line.contains(&format!("{id} ")) && line.contains(" story ") && line.contains(" compute "))
        {
            seen.extend(["PD", "CF", "R", "CG", "CD", "F"].into_iter().filter(|state| row.split_whitespace().any(|word| word == *state)));
            live |= row.contains("▶ R")
                && (1..3).all(|rank| text.contains(&format!("Process {rank} received message: Hello from process {rank}")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(["PD", "CF", "R", "CD"].iter().all(|state| seen.contains(state)), "states seen: {seen:?}");
    assert!(live, "each rank's line is on screen while the job runs\n{}", term.text());
    // A second job is cancelled, after a question that names it.
    let long = Program::launch(&term, "long.sbatch");
    term.until_screen("the second job under the cursor", SOON, |text| text.contains(&format!("{long} long · stdout")));
    term.keys("c");
    term.until(&format!("Cancel job {long}?"), SOON);
    term.keys("<enter>");
    term.until_gone(&format!("Cancel job {long}?"), SOON);
    assert_ne!(rig.run(&format!("squeue -h -j {long} -o %t")).trim(), "CA", "the default answer leaves it");
    term.keys("c");
    term.until(&format!("Cancel job {long}?"), SOON);
    term.keys("y");
    term.until(&format!("Cancelled {long}."), SOON);
    crate::rig::eventually("the job to be cancelled", SOON, || rig.run(&format!("squeue -h -t all -j {long} -o %t")).trim() == "CA");
    // The results come back byte for byte.
    let dest = program.path("results");
    term.keys("/story<enter>");
    term.until("1 of", SOON);
    term.until_screen("the first job under the cursor", SOON, |text| text.contains(&format!("{id} story · stdout")));
    term.keys(&format!("f<ctrl-u>{dest}<enter>"));
    term.until("Fetched 1 file", SOON);
    let file = format!("story-{id}.out");
    let there = std::fs::read(format!("{}/{file}", rig.var("RIG_HOME"))).unwrap();
    assert!(there.starts_with(b"Master node is running...\n"));
    assert_eq!(std::fs::read(format!("{dest}/{file}")).unwrap(), there);
    // Quit: at once, with a clean terminal and nobody left behind.
    let children = children_of(term.pid());
    assert!(!children.is_empty(), "the control session is a child");
    let begun = Instant::now();
    term.keys("q");
    assert_eq!(term.wait_exit(Duration::from_secs(2)), 0);
    assert!(begun.elapsed() < Duration::from_millis(500), "quitting took {:?}", begun.elapsed());
    assert!(term.is_clean(), "left behind: {:?}", term.left_behind());
    crate::rig::eventually("children to be gone", Duration::from_secs(3), || {
        children.iter().all(|child| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.pid)).unwrap_or_default();
            stat.is_empty() || stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
        })
    });
}
