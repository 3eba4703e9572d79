//! What a job was and what it can become again: history, details, again, attach, script, outbox; with the scheduler that forgets.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

/// Slurm's MinJobAge cannot be set lower than it looks: it purges every so often.
const FORGETFUL: (&str, &str) = ("RIG_MINJOBAGE", "2");

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn past(program: &Program<'_>, id: &str) -> Value {
    let all = json(&program.say(&["--json", "history"]));
    all.as_array().unwrap().iter().find(|job| job["id"] == id).cloned().unwrap_or_else(|| panic!("{id} is not in {all}"))
}

/// Waits until Slurm has forgotten a job.
fn forgotten(rig: &Rig, id: &str) {
    eventually("Slurm to forget the job", LATER, || !rig.ssh("rig", &format!("scontrol show job {id}")).status.success());
}

#[test]
fn what_slurm_has_forgotten_is_remembered() {
    let Some(rig) = Rig::start(&["--no-aws"], &[FORGETFUL]) else { return };
    let program = Program::new(&rig);
    program.script("out.sh", "#!/bin/bash\n#SBATCH -J brief -o brief-%j.txt\necho words; exit 3\n");
    // Submitted and left alone: its paths are known from that moment on.
    let id = program.say(&["submit", "--remote", "out.sh", "--", "a b"]).trim().to_owned();
    let told = past(&program, &id);
    assert_eq!(told["stdout"].as_str(), Some(format!("/home/ec2-user/brief-{id}.txt").as_str()), "{told}");
    eventually("it to have ended", SOON, || rig.run(&format!("squeue -h -t all -j {id} -o %t")).trim() == "F");
    let told = past(&program, &id);
    assert_eq!((told["state"].as_str(), told["exit_code"].as_str(), told["origin"].as_str()), (Some("FAILED"), Some("3:0"), Some("end")));
    assert!(told["ended"].is_string() && told["command"].as_str().unwrap().starts_with("/home/ec2-user/out.sh"), "{told}");
    forgotten(&rig, &id);
    // Everything about it, its output and its files come from the record, and it is said that they do.
    let shown = program.run(&["job", &id]);
    let (out, said) = (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
    assert!(said.contains("has forgotten") && said.contains("record"), "{said}");
    assert!(out.contains("FAILED") && out.contains("exit code 3") && out.contains("keeps no accounting"), "{out}");
    assert_eq!(program.say(&["logs", &id]), "words\n");
    let dest = program.path("dest");
    program.say(&["fetch", &id, &dest]);
    assert_eq!(std::fs::read_to_string(Path::new(&dest).join(format!("brief-{id}.txt"))).unwrap(), "words\n");
    // So does its submission: the same script, options and arguments once more.
    let again = program.say(&["rerun", &id]).trim().to_owned();
    assert_ne!(again, id);
    let detail = rig.run(&format!("scontrol -o show job {again}"));
    assert!(
        detail.contains("Command=/home/ec2-user/out.sh a b") && detail.contains(&format!("StdOut=/home/ec2-user/brief-{again}.txt")),
        "{detail}"
    );
    // A job that nobody ever saw is still an error.
    assert!(program.fail(&["job", "999999"]).contains("Invalid job id"));
}

#[test]
fn a_job_that_ended_while_no_qdeck_ran_is_asked_about_at_the_next_start() {
    let Some(rig) = Rig::start(&["--no-aws"], &[("RIG_MINJOBAGE", "60")]) else { return };
    let program = Program::new(&rig);
    let ids: Vec<String> =
        (0..3).map(|n| rig.run(&format!("sbatch --parsable -J seen{n} --wrap 'sleep 4; exit {n}'")).trim().to_owned()).collect();
    let looked = program.open(&["--cluster", "rig"]);
    looked.until("seen2", SOON);
    // Killed in the middle of its work, several times, while others look at the same record.
    drop(looked);
    for _ in 0..5 {
        let mut others: Vec<_> = (0..3)
            .map(|_| program.command(&["--cluster", "rig", "history"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        std::thread::sleep(Duration::from_millis(120));
        others[0].kill().unwrap();
        others.iter_mut().for_each(|other| drop(other.wait()));
    }
    for id in &ids {
        eventually("them to have ended", SOON, || {
            !["R", "PD", "CG", "CF"].contains(&rig.run(&format!("squeue -h -t all -j {id} -o %t")).trim())
        });
    }
    for (n, id) in ids.iter().enumerate() {
        let told = past(&program, id);
        let state = if n == 0 { "COMPLETED" } else { "FAILED" };
        assert_eq!((told["state"].as_str(), told["exit_code"].as_str()), (Some(state), Some(format!("{n}:0").as_str())), "{told}");
        assert!(told["stdout"].as_str().unwrap().ends_with(&format!("slurm-{id}.out")), "{told}");
    }
    let file = Path::new(&program.path("state")).join("qdeck/record.sqlite");
    let check = rusqlite::Connection::open(file).unwrap().query_row("pragma integrity_check", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn many_that_submit_at_once_lose_nothing() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    program.script("many.sh", "#!/bin/bash\n#SBATCH -J many\nsleep 1\n");
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = program.command(&["--cluster", "rig", "submit", "--remote", "many.sh"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut ids = Vec::new();
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        ids.push(String::from_utf8(out.stdout).unwrap().trim().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    for id in &ids {
        assert_eq!(past(&program, id)["name"].as_str(), Some("many"));
    }
    assert_eq!(program.say(&["--json", "outbox"]).trim(), "[]");
}

#[test]
fn a_job_submitted_again_is_the_same_job() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    program.script(
        "same.sh",
        "#!/bin/bash\n#SBATCH -J inside --cpus-per-task=2\n#SBATCH --mem=100M -t 9\n#SBATCH --comment='from inside'\nsleep 30\n",
    );
    let first = rig
        .run("sbatch --parsable -J 'my job' -p gpu --gres=gpu:2 -n 4 --ntasks-per-node=2 -N 2 --nice=7 --no-requeue -C 'static|dynamic' -o 'o %j.txt' -e e-%j.txt --comment='hello there' --exclude=gpu-dy-p4d-2 same.sh one two")
        .trim()
        .to_owned();
    let second = program.say(&["rerun", &first]).trim().to_owned();
    let record = |id: &str| json(&program.say(&["--json", "job", id]))["fields"].clone();
    let (a, b) = (record(&first), record(&second));
    for key in [
        "JobName",
        "Partition",
        "TimeLimit",
        "NumTasks",
        "CPUs/Task",
        "NtasksPerN:B:S:C",
        "MinMemoryNode",
        "TresPerNode",
        "Features",
        "ExcNodeList",
        "Requeue",
        "Nice",
        "WorkDir",
        "OverSubscribe",
    ] {
        assert_eq!(a[key], b[key], "{key}: {a}\n{b}");
    }
    // While it waits, `2-2`.
    let nodes = |record: &Value| record["NumNodes"].as_str().unwrap().split('-').next().unwrap().to_owned();
    assert_eq!(nodes(&a), nodes(&b), "{a}\n{b}");
    assert_eq!(
        (a["StdOut"].as_str(), a["StdErr"].as_str()),
        (Some(format!("/home/ec2-user/o {first}.txt").as_str()), Some(format!("/home/ec2-user/e-{first}.txt").as_str()))
    );
    assert_eq!(
        (b["StdOut"].as_str(), b["StdErr"].as_str()),
        (Some(format!("/home/ec2-user/o {second}.txt").as_str()), Some(format!("/home/ec2-user/e-{second}.txt").as_str()))
    );
    let comment = b["Comment"].as_str().unwrap();
    assert!(comment.starts_with("qdeck:") && comment.ends_with(" hello there") && comment.matches("qdeck:").count() == 1, "{comment}");
    // The script is that of the controller, the arguments follow it.
    assert_eq!(program.say(&["script", &second]), program.say(&["script", &first]));
    assert!(b["Command"].as_str().unwrap().ends_with("/same.sh one two"), "{b}");
    rig.run(&format!("scancel {first} {second}"));
}

#[test]
fn only_the_failed_tasks_run_again() {
    let Some(rig) = Rig::start(&["--no-aws"], &[FORGETFUL]) else { return };
    let program = Program::new(&rig);
    program.script(
        "tasks.sh",
        "#!/bin/bash\n#SBATCH -J tasks --array=1-6%3\n#SBATCH -o t-%A_%a.txt\necho $SLURM_ARRAY_TASK_ID; [ -e fixed ] || [ $((SLURM_ARRAY_TASK_ID % 3)) = 0 ]\n",
    );
    let id = program.say(&["submit", "--remote", "tasks.sh"]).trim().to_owned();
    // Some tasks are in the queue, some forgotten: qdeck looks now and then, as people do.
    eventually("all tasks to have ended", LATER, || {
        program.run(&["history"]);
        let all = json(&program.say(&["--json", "history", &format!("{id}_")]));
        all.as_array().unwrap().iter().filter(|job| job["ended"].is_string()).count() == 6
    });
    rig.run("touch fixed");
    let again = program.say(&["rerun", &id, "--failed"]).trim().to_owned();
    let seen = rig.run(&format!("scontrol show job {again} -o; squeue -h -r -t all -j {again} -o %K"));
    eventually("them to have run", LATER, || {
        program.run(&["history"]);
        let all = json(&program.say(&["--json", "history", &format!("{again}_")]));
        all.as_array().unwrap().iter().filter(|job| job["ended"].is_string()).count() == 4
    });
    let mut tasks: Vec<String> = json(&program.say(&["--json", "history", &format!("{again}_")]))
        .as_array()
        .unwrap()
        .iter()
        .map(|job| format!("{} {}", job["id"].as_str().unwrap().split_once('_').unwrap().1, job["state"].as_str().unwrap()))
        .collect();
    tasks.sort();
    assert_eq!(tasks, ["1 COMPLETED", "2 COMPLETED", "4 COMPLETED", "5 COMPLETED"], "{seen}");
    assert!(program.fail(&["rerun", &again, "--failed"]).contains("none of the 4 known tasks failed"));
}

#[test]
fn where_accounting_works_it_knows_more_and_longer() {
    let Some(rig) = Rig::start(&["--no-aws", "--accounting"], &[FORGETFUL]) else { return };
    let program = Program::new(&rig);
    // Memory is looked at every five seconds.
    let busy = "timeout 7 python3 -c 'while True: pass'; sleep 1; true";
    let id = rig.run(&format!("sbatch --parsable -J measured --mem=50M --wrap \"{busy}\"")).trim().to_owned();
    let array = rig.run("sbatch --parsable -J tasks --array=1-4 --wrap '[ $SLURM_ARRAY_TASK_ID -lt 3 ]'").trim().to_owned();
    for id in [&id, &array] {
        forgotten(&rig, id);
    }
    // qdeck saw none of them, and knows them all.
    let told = past(&program, &id);
    assert_eq!(
        (told["state"].as_str(), told["origin"].as_str(), told["exit_code"].as_str()),
        (Some("COMPLETED"), Some("accounting"), Some("0:0"))
    );
    let job = json(&program.say(&["--json", "job", &id]));
    let usage = &job["usage"];
    assert_eq!((usage["source"].as_str(), usage["memory_given"].as_u64()), (Some("sacct"), Some(50 << 20)), "{job}");
    assert!(usage["cpu_time"].as_u64().is_some() && usage["memory"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{job}");
    let elapsed = usage["elapsed"].as_u64().unwrap();
    let percent = usage["cpu_time"].as_u64().unwrap() * 100 / elapsed.max(1);
    assert!(usage["cpu_percent"].as_u64().unwrap().abs_diff(percent) <= 1, "{job}");
    let failed = json(&program.say(&["--json", "history", "--state", "FAILED"]));
    let mut failed: Vec<&str> = failed.as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    failed.sort_unstable();
    assert_eq!(failed, [format!("{array}_3"), format!("{array}_4")]);
    // While one runs, it is measured by its steps.
    let id = rig.run("sbatch --parsable -J running --mem=50M --wrap 'sleep 60'").trim().to_owned();
    eventually("sstat to know its steps", LATER, || {
        let job = json(&program.say(&["--json", "job", &id]));
        job["usage"]["source"] == "sstat" && job["usage"]["memory"].as_u64().is_some_and(|bytes| bytes > 1 << 20)
    });
    rig.run(&format!("scancel {id}"));
}

#[test]
fn a_shell_inside_the_job_has_the_terminal_and_gives_it_back() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let id = rig.run("sbatch --parsable -J inside -w compute-st-c5large-2 --array=4 --wrap 'sleep 300'").trim().to_owned();
    let mut term = program.open(&["--cluster", "rig"]);
    term.until("3 Jobs", SOON);
    term.keys("/inside<enter>");
    term.until(&format!("{id}_4"), SOON);
    term.until("▶ R", SOON);
    let modes = || term.screen(|screen| (screen.alternate_screen(), screen.hide_cursor(), screen.bracketed_paste()));
    assert_eq!(modes(), (true, true, true));
    term.keys("A");
    term.until("a shell inside job", SOON);
    eventually("the terminal to be the shell's", SOON, || modes() == (false, false, false) || term.text().contains(":~$"));
    // Every key is the shell's: none is lost, none doubled, and Ctrl-C ends its program, not us.
    term.keys("echo where: $(hostname) in $SLURM_JOB_ID; sleep 100<enter>");
    term.until("where: compute-st-c5large-2 in ", SOON);
    term.keys("<ctrl-c>");
    let letters: String = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    // Each by itself, as they are typed.
    term.keys("printf '[%s]\\n' ");
    for letter in letters.chars() {
        term.write(letter.to_string().as_bytes());
        std::thread::sleep(Duration::from_millis(5));
    }
    term.keys("<enter>");
    term.until(&format!("[{letters}]"), SOON);
    term.keys("exit<enter>");
    term.until("3 Jobs", SOON);
    term.until("inside", SOON);
    assert_eq!(modes(), (true, true, true));
    assert!(!term.text().contains("where:"), "a clean screen\n{}", term.text());
    // The keys are ours again.
    term.keys("?");
    term.until("Everywhere", SOON);
    term.keys("<esc>");
    // A shell that fails says why, and waits to be read.
    rig.run(&format!("scancel {id}"));
    term.until("– CA", SOON);
    term.keys("A");
    term.until("does not run (cancelled)", SOON);
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(term.is_clean(), "{:?}", term.left_behind());
}

#[test]
fn a_shell_that_cannot_be_had_says_why_and_a_signal_meanwhile_leaves_a_clean_terminal() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let mut term = program.open(&["--cluster", "rig"]);
    term.until("2 Nodes ·", SOON);
    // The rig's nodes have no sshd of their own: ssh on the head node says so, in its own words.
    term.keys("2gA");
    term.until("a shell on", SOON);
    term.until("Enter goes back to qdeck", LATER);
    assert!(term.text().contains("ssh"), "{}", term.text());
    term.keys("<enter>");
    term.until("2 Nodes", SOON);
    // Where they have one, it is a shell there.
    let config = format!(
        "Host compute-* gpu-*\n  HostName 127.0.0.1\n  Port {}\n  User alice\n  HostKeyAlias rig\n  StrictHostKeyChecking no\n  IdentityFile ~/.ssh/id_ed25519\n",
        rig.var("RIG_SSH_PORT")
    );
    let home = rig.var("RIG_HOME");
    let key = Path::new(rig.var("RIG_SSH_CONFIG")).parent().unwrap().join("id_ed25519");
    rig.run("mkdir -p -m 700 .ssh; touch .ssh/config .ssh/id_ed25519; chmod 600 .ssh/*");
    std::fs::write(format!("{home}/.ssh/config"), config).unwrap();
    std::fs::write(format!("{home}/.ssh/id_ed25519"), std::fs::read(key).unwrap()).unwrap();
    term.keys("A");
    term.until("a shell on", SOON);
    term.until(":~$", SOON);
    term.keys("echo I am $(id -un)<enter>");
    term.until("I am alice", SOON);
    // Somebody ends qdeck while the other program has the terminal.
    rustix::process::kill_process(rustix::process::Pid::from_raw(term.pid().cast_signed()).unwrap(), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(term.is_clean(), "{:?}", term.left_behind());
    rig.run("rm -f .ssh/config .ssh/id_ed25519");
}

#[test]
fn past_jobs_are_searched_read_and_run_again_on_screen() {
    let Some(rig) = Rig::start(&["--no-aws"], &[FORGETFUL]) else { return };
    let program = Program::new(&rig);
    program.script("first.sh", "#!/bin/bash\n#SBATCH -J first\necho the first words\n");
    program.script("second.sh", "#!/bin/bash\n#SBATCH -J second\nexit 9\n");
    let first = program.say(&["submit", "--remote", "first.sh"]).trim().to_owned();
    let second = program.say(&["submit", "--remote", "second.sh"]).trim().to_owned();
    eventually("both to have ended", LATER, || {
        let all = json(&program.say(&["--json", "history"]));
        all.as_array().unwrap().iter().filter(|job| job["ended"].is_string()).count() == 2
    });
    forgotten(&rig, &first);
    forgotten(&rig, &second);
    let term = program.open(&["--cluster", "rig"]);
    term.until("No jobs of yours", SOON);
    term.keys("P");
    term.until("Past jobs", SOON);
    term.until("second", SOON);
    term.until("asked at its end", SOON);
    term.keys("s");
    term.until_gone("first", SOON);
    assert!(term.text().contains("9:0"), "{}", term.text());
    term.keys("ssss/fir");
    term.until_gone("second", SOON);
    term.keys("<enter><enter>");
    term.until("from qdeck's record", SOON);
    term.until("COMPLETED", SOON);
    term.keys("<esc>");
    term.until("Past jobs", SOON);
    term.keys("l");
    term.until("the first words", SOON);
    term.keys("3P");
    term.until("asked at its end", SOON);
    term.keys("/sec<enter>");
    term.until("1 of 2", SOON);
    term.keys("e");
    term.until("Submit second.sh", SOON);
    term.keys("<enter>");
    term.until("Submitted as job", SOON);
}

#[test]
fn a_script_is_read_saved_and_edited_before_it_runs_again() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    program.script("edit.sh", "#!/bin/bash\n#SBATCH -J edit\necho before; sleep 60\n");
    let id = rig.run("sbatch --parsable edit.sh").trim().to_owned();
    let editor = program.path("editor");
    std::fs::write(&editor, "#!/bin/sh\nprintf 'editing\\n'; sed -i s/before/afterwards/ \"$1\"\n").unwrap();
    rustix::fs::chmod(&editor, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    let term = program.open_with(&["--cluster", "rig"], &[("VISUAL", &editor)]);
    term.until("3 Jobs", SOON);
    term.keys("/edit<enter>");
    term.until(&format!("{id} edit · stdout"), SOON);
    term.keys("b");
    term.until("echo before", SOON);
    let file = program.path("saved.sh");
    term.keys(&format!("s<ctrl-u>{file}<enter>"));
    term.until("Saved in", SOON);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "#!/bin/bash\n#SBATCH -J edit\necho before; sleep 60\n");
    term.keys(&format!("s<ctrl-u>{file}<enter>"));
    term.until("File exists", SOON);
    term.keys("<esc>");
    term.until_gone("Script of job", SOON);
    term.keys("e");
    term.until("Submit edit.sh", SOON);
    term.keys("<ctrl-o>");
    term.until("echo afterwards", SOON);
    term.keys("<enter>");
    term.until("Submitted as job", SOON);
    let text = term.text();
    let again: String = text[text.find("Submitted as job ").unwrap() + 17..].chars().take_while(char::is_ascii_digit).collect();
    assert!(program.say(&["script", &again]).contains("echo afterwards"));
    assert!(program.say(&["script", &id]).contains("echo before"));
    rig.run(&format!("scancel {id} {again}"));
}

#[test]
fn a_submission_that_was_cut_off_is_finished_at_the_next_start_once() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    program.script("cut.sh", "#!/bin/bash\n#SBATCH -J cutoff\nsleep 60\n");
    // slurmctld does not answer, and qdeck is killed while it waits.
    rig.ctl(&["slurmctld-pause"]);
    let mut child =
        program.command(&["--cluster", "rig", "submit", "--remote", "cut.sh"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let open = || json(&program.say(&["--json", "outbox"]));
    eventually("it to be written down", SOON, || open().as_array().unwrap().len() == 1);
    assert_eq!(open()[0]["busy"].as_bool(), Some(true), "its qdeck lives");
    std::thread::sleep(Duration::from_secs(1));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(open()[0]["busy"].as_bool(), Some(false));
    rig.ctl(&["slurmctld-resume"]);
    // Two start at once: one of them finishes it, by itself.
    let (one, two) = (program.open(&["--cluster", "rig"]), program.open(&["--cluster", "rig"]));
    one.until("cutoff", LATER);
    two.until("cutoff", LATER);
    eventually("it to be settled", LATER, || open().as_array().unwrap().is_empty());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(rig.run("squeue -h -t all -n cutoff -o %i").lines().count(), 1);
    one.keys("O");
    one.until("Nothing is open", SOON);
}
