//! Arrays as a real Slurm runs them: one row, opened, marked, cancelled; columns that are chosen and kept.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};
use crate::support::Term;

/// States of the tasks of an array that Slurm still knows, one for each task.
fn states(rig: &Rig, array: &str) -> Vec<(String, String)> {
    let text = rig.run(&format!("squeue -h -r -t all -j {array} -o '%i %t' 2>/dev/null || true"));
    text.lines().filter_map(|line| line.split_once(' ')).map(|(id, state)| (id.to_owned(), state.trim().to_owned())).collect()
}

/// Esc takes away one thing at a time: what was told, the filter, the marks.
fn unmark(term: &Term) {
    eventually("the marks to be gone", SOON, || {
        term.keys("<esc>");
        std::thread::sleep(Duration::from_millis(200));
        !term.text().contains("marked")
    });
}

#[test]
fn an_array_is_one_row_and_verbs_mean_what_is_seen() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    // Task 1 fails, two run at a time, the others wait for them.
    let submit =
        "sbatch --parsable -J swept -p compute -n 1 -t 5 --array=1-12%2 --wrap '[ $SLURM_ARRAY_TASK_ID = 1 ] && exit 3; sleep 300'";
    let array = rig.run(submit).trim().to_owned();
    let term = program.open(&["--cluster", "rig"]);
    term.until("JOBID", SOON);
    term.keys("/name:swept<enter>");
    // The filter is at work: nobody else's row is in front of it.
    term.until_screen("one row with its counts", LATER, |text| {
        !text.contains(" tall ")
            && text
                .lines()
                .any(|line| line.contains(&format!("▸{array}_[")) && line.contains("1 ✗") && line.contains("2 ▶") && line.contains("9 ○"))
    });
    term.keys("g<right>");
    term.until(&format!("{array}_[4-12%2]"), SOON);
    term.until(&format!("  {array}_1 "), SOON);
    // Two tasks are marked and cancelled; nobody else is.
    term.keys("jj");
    term.keys("  ");
    term.until("2 marked", SOON);
    term.keys("c");
    term.until("Cancel", SOON);
    term.keys("y");
    eventually("the marked tasks to be cancelled", SOON, || {
        let states = states(rig, &array);
        let gone: BTreeSet<&str> = states.iter().filter(|(_, state)| state == "CA").map(|(id, _)| id.as_str()).collect();
        gone == [format!("{array}_2"), format!("{array}_3")].iter().map(String::as_str).collect()
    });
    // The waiting rest alone, named without its throttle.
    unmark(&term);
    term.keys("/<ctrl-u>name:swept state:PD<enter>");
    term.until_screen("the rest alone", SOON, |text| {
        text.contains(&format!("  {array}_[6-12%2]")) && !text.contains(&format!("{array}_5 "))
    });
    term.keys("Gc");
    term.until("Cancel", SOON);
    term.keys("y");
    eventually("the rest to be cancelled", SOON, || {
        let states = states(rig, &array);
        let alive = states.iter().filter(|(_, state)| state == "R" || state == "CF").count();
        alive == 2 && states.iter().all(|(_, state)| state != "PD")
    });
    // Closed again it is the whole.
    term.keys("/<ctrl-u>name:swept<enter>");
    // The new filter is at work: a key that comes before acts on what the old one shows.
    term.until(&format!("  {array}_1 "), SOON);
    term.keys("g<left>");
    term.until(&format!("▸{array}_["), SOON);
    term.keys("c");
    term.until("Cancel", SOON);
    term.keys("y");
    eventually("the array to be cancelled", SOON, || {
        states(rig, &array).iter().all(|(_, state)| state == "CA" || state == "F" || state == "CG")
    });
    term.keys("q");
}

#[test]
fn columns_are_kept_in_the_user_s_own_file() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let id = rig.run("sbatch --parsable -J tall -t 7 -n 1 --mem=200M --wrap 'sleep 300'").trim().to_owned();
    let file = program.path("config.yaml");
    let before = std::fs::read_to_string(&file).unwrap() + "# the end\n";
    std::fs::write(&file, &before).unwrap();
    let term = program.open(&["--cluster", "rig"]);
    term.until("JOBID", SOON);
    term.keys("K");
    term.until("Columns of the queue", SOON);
    // PARTITION goes, MIN_MEMORY comes.
    term.keys("j ");
    term.keys("jjjjjjjjj ");
    term.until("MIN_MEMORY", SOON);
    term.keys("<enter>");
    term.until("Saved in", SOON);
    let columns = "[JOBID, NAME, USER, ST, TIME, NODES, \"NODELIST(REASON)\", MIN_MEMORY]";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{before}jobs:\n  columns: {columns}\n"));
    term.keys("q");
    let term = program.open(&["--cluster", "rig"]);
    term.until_screen("the columns of last time", SOON, |text| {
        text.contains("MIN_MEMORY") && !text.contains("PARTITION") && text.contains("200M")
    });
    term.keys("q");
    // And for one table in the shell.
    let table = program.say(&["jobs", "--columns", "jobid,name:3,TIME_LIMIT,min_memory"]);
    assert!(
        table.starts_with("JOBID") && table.lines().any(|line| line.split_whitespace().eq([id.as_str(), "ta…", "7:00", "200M"])),
        "{table}"
    );
    let said = program.fail(&["jobs", "--columns", "NMAE"]);
    assert!(said.contains("nearest is `NAME`") && said.contains("TRES_PER_NODE"), "{said}");
    rig.run(&format!("scancel {id}"));
}
