//! Where logs come from: files that are cut, moved and replaced under the reader's hands, outputs of every rank, CloudWatch by Live Tail
//! and by asking, and bytes that would like to steer the terminal.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::{LATER, Program, SOON};
use crate::rig::{Rig, eventually};

/// A log whose writer numbers its lines.
struct Writer {
    path: PathBuf,
    file: File,
    written: usize,
}

impl Writer {
    fn new(rig: &Rig, name: &str) -> Self {
        let path = Path::new(rig.var("RIG_HOME")).join(name);
        let _ = std::fs::remove_file(&path);
        Self { file: append(&path), path, written: 0 }
    }

    fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.written += 1;
            writeln!(self.file, "line {}", self.written).unwrap();
        }
    }

    /// Some lines over some time.
    fn write_slowly(&mut self, count: usize) {
        for _ in 0..count {
            self.write(1);
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    fn moved(&self, to: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(to);
        path.into()
    }

    fn reopen(&mut self) {
        self.file = append(&self.path);
    }

    fn expected(&self) -> String {
        (1..=self.written).map(|n| format!("line {n}\n")).collect()
    }
}

fn append(path: &Path) -> File {
    let file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    file
}

/// `qdeck logs -f`, its output in a file.
struct Follower {
    child: Child,
    printed: String,
    said: String,
}

impl Follower {
    fn new(program: &Program<'_>, name: &str, args: &[&str]) -> Self {
        let (printed, said) = (program.path(&format!("{name}.out")), program.path(&format!("{name}.err")));
        let mut command = program.command(args);
        let child = command.stdout(File::create(&printed).unwrap()).stderr(File::create(&said).unwrap()).spawn().unwrap();
        Self { child, printed, said }
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap_or_default()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Waits until all that was written has been printed: each line once, in order.
    #[track_caller]
    fn until(&self, writer: &Writer) {
        let last = format!("line {}\n", writer.written);
        let deadline = Instant::now() + LATER;
        while !self.printed().ends_with(&last) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let (got, expected) = (self.printed(), writer.expected());
        let first = got.lines().zip(expected.lines()).position(|(a, b)| a != b);
        assert!(got == expected, "{} lines of {}, other from {first:?}\n{}", got.lines().count(), writer.written, self.said());
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each fault on a head node's file over ssh, and on a file of this machine.
fn on_both(name: &str, test: impl Fn(&mut Writer, &Follower)) {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    for cluster in ["rig", "local"] {
        let mut writer = Writer::new(rig, &format!("{name}-{cluster}.log"));
        let path = writer.path.display().to_string();
        writer.write(20);
        let follower = Follower::new(&program, cluster, &["--cluster", cluster, "logs", "-f", &path]);
        follower.until(&writer);
        test(&mut writer, &follower);
        follower.until(&writer);
    }
}

#[test]
fn a_file_that_is_cut_goes_on_and_is_marked() {
    on_both("cut", |writer, follower| {
        for _ in 0..3 {
            writer.write_slowly(40);
            // What is cut before anybody read it is lost, whoever reads: so it is read first.
            follower.until(writer);
            writer.file.set_len(0).unwrap();
            writer.write_slowly(20);
        }
        follower.until(writer);
        assert!(follower.said().matches("begins the file anew").count() >= 3, "{}", follower.said());
    });
}

#[test]
fn rotation_by_copying_loses_nothing_and_is_marked() {
    on_both("copied", |writer, follower| {
        for _ in 0..3 {
            writer.write_slowly(60);
            // At once: the last lines have not been read yet.
            writer.write(200);
            std::fs::copy(&writer.path, writer.moved(".1")).unwrap();
            writer.file.set_len(0).unwrap();
            writer.write_slowly(20);
            follower.until(writer);
        }
        assert!(follower.said().contains("begins the file anew"), "{}", follower.said());
    });
}

#[test]
fn rotation_by_renaming_loses_nothing_even_while_the_old_file_is_written_to() {
    on_both("renamed", |writer, follower| {
        for n in 0..3 {
            writer.write_slowly(40);
            std::fs::rename(&writer.path, writer.moved(&format!(".{n}"))).unwrap();
            // The new file is there, and the daemon has not been told yet.
            append(&writer.path);
            writer.write_slowly(60);
            writer.reopen();
            writer.write_slowly(20);
            follower.until(writer);
        }
        assert!(follower.said().contains("replaced"), "{}", follower.said());
    });
}

#[test]
fn a_file_that_is_deleted_and_made_again_goes_on() {
    on_both("deleted", |writer, follower| {
        for _ in 0..2 {
            writer.write_slowly(20);
            std::fs::remove_file(&writer.path).unwrap();
            // Its writer has it open still.
            writer.write_slowly(20);
            std::thread::sleep(Duration::from_millis(600));
            writer.reopen();
            writer.write_slowly(20);
            follower.until(writer);
        }
    });
}

#[test]
fn another_content_in_the_same_file_is_marked_and_never_mixed() {
    on_both("other", |writer, follower| {
        // In one moment cut and longer than before: no size tells.
        let text: String = (1..=400).map(|n| format!("line {n} of another file\n")).collect();
        std::fs::write(&writer.path, &text).unwrap();
        eventually("the other content", SOON, || follower.printed().ends_with("line 400 of another file\n"));
        assert_eq!(follower.printed(), writer.expected() + &text);
        assert!(follower.said().contains("lines may be missing"), "{}", follower.said());
        writer.reopen();
        // What follows is counted from here.
        std::fs::write(&follower.printed, writer.expected()).unwrap();
    });
}

#[test]
fn a_suspended_follower_goes_on_where_it_was() {
    use rustix::process::Signal;
    on_both("suspended", |writer, follower| {
        for _ in 0..2 {
            writer.write_slowly(20);
            follower.signal(Signal::TSTP);
            writer.write_slowly(100);
            std::fs::rename(&writer.path, writer.moved(".1")).unwrap();
            writer.reopen();
            writer.write_slowly(100);
            std::thread::sleep(Duration::from_secs(1));
            follower.signal(Signal::CONT);
            writer.write_slowly(20);
            follower.until(writer);
        }
    });
}

/// A network file system shows files late: a folder that cannot be looked into, a file that is not there, one that is empty for a while.
#[test]
fn a_file_that_shows_late_is_waited_for() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let folder = Path::new(rig.var("RIG_HOME")).join("late");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut writer = Writer::new(rig, "late/file.log");
    std::fs::remove_file(&writer.path).unwrap();
    let path = writer.path.display().to_string();
    let follower = Follower::new(&program, "late", &["--cluster", "rig", "logs", "-f", &path]);
    std::thread::sleep(Duration::from_secs(1));
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    writer.reopen();
    std::thread::sleep(Duration::from_millis(500));
    writer.write_slowly(40);
    follower.until(&writer);
    // Unreadable for a while in the middle.
    std::fs::set_permissions(&writer.path, std::fs::Permissions::from_mode(0o000)).unwrap();
    writer.write_slowly(40);
    std::fs::set_permissions(&writer.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    writer.write_slowly(10);
    follower.until(&writer);
}

#[test]
fn what_was_rotated_while_the_session_was_lost_is_read_to_its_end() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let mut writer = Writer::new(&rig, "lost.log");
    let path = writer.path.display().to_string();
    writer.write(20);
    let follower = Follower::new(&program, "lost", &["--cluster", "rig", "logs", "-f", &path]);
    follower.until(&writer);
    let away = |what: &mut dyn FnMut()| {
        rig.ctl(&["sshd-stop"]);
        rig.ctl(&["ssh-kill"]);
        what();
        std::thread::sleep(Duration::from_millis(300));
        rig.ctl(&["sshd-start"]);
    };
    away(&mut || writer.write_slowly(50));
    follower.until(&writer);
    away(&mut || {
        writer.write_slowly(50);
        std::fs::rename(&writer.path, writer.moved(".1")).unwrap();
        writer.reopen();
        writer.write_slowly(50);
    });
    follower.until(&writer);
    // Cut, and longer than before when the session is back: nothing can prove that no line is missing.
    let before = writer.expected();
    away(&mut || {
        let text: String = (1..=2_000).map(|n| format!("new {n}\n")).collect();
        std::fs::write(&writer.path, text).unwrap();
    });
    eventually("the new content", LATER, || follower.printed().ends_with("new 2000\n"));
    let text: String = (1..=2_000).map(|n| format!("new {n}\n")).collect();
    assert_eq!(follower.printed(), before + &text);
    assert!(follower.said().contains("lines may be missing"), "{}", follower.said());
}

#[test]
fn every_rank_s_file_is_found_and_merged() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    program.script(
        "ranks.sh",
        "#!/bin/bash\n#SBATCH -n 2 -N 2 -o ranks-%j.out\nsrun -n 2 -o \"rank-%j-%t.log\" sh -c 'echo hello from $SLURM_PROCID; sleep 1; echo bye from $SLURM_PROCID'\necho batch\n",
    );
    let id = program.say(&["submit", "--remote", "ranks.sh"]).trim().to_owned();
    assert_eq!(program.say(&["logs", "-f", &id]), "batch\n");
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let out = program.say(&["logs", "--all", &id]);
    let rank = |n: u32, word: &str| format!("rank-{id}-{n}.log: {word} from {n}");
    let expected = [rank(0, "bye"), rank(0, "hello"), rank(1, "bye"), rank(1, "hello"), format!("ranks-{id}.out: batch")];
    assert_eq!(lines(&out), expected);
    // The same by a pattern, which the head node resolves.
    assert_eq!(program.say(&["logs", &format!("./rank-{id}-*.log")]).lines().count(), 4);
    assert_eq!(program.say(&["logs", &format!("./rank-{id}-[1].log"), "--grep", "hello"]), "hello from 1\n");
    assert!(program.fail(&["logs", "./none-*.log"]).contains("no file fits"));
    // In the application the chooser names them.
    let term = program.open(&["--cluster", "rig"]);
    term.until(&id, SOON);
    term.keys("/ranks<enter>");
    term.until(&format!("{id} ranks.sh ·"), SOON);
    term.keys("L");
    term.until(&format!("rank-{id}-1.log"), SOON);
    term.keys(&format!("rank-{id}-1<enter>"));
    term.until("bye from 1", SOON);
    // And any other file from the picker.
    term.keys("3n<tab>");
    term.until("head node of", SOON);
    term.keys(&format!("/rank-{id}-0<enter>"));
    term.until("hello from 0", SOON);
    term.keys("o");
    term.until_gone("Pick a script", SOON);
    term.until("bye from 0", SOON);
}

#[test]
fn lines_are_chosen_by_time_by_pattern_and_from_the_end() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let home = rig.var("RIG_HOME");
    let now = jiff::Timestamp::now();
    let at = |minutes: i64| (now - jiff::SignedDuration::from_mins(minutes)).strftime("%Y-%m-%d %H:%M:%S,000").to_string();
    let text =
        format!("{} - old\nstays with old\n{} - INFO - middle\n{} - ERROR - new\n  Traceback\nlast without an end", at(90), at(30), at(5));
    std::fs::write(format!("{home}/dated.log"), text).unwrap();
    std::fs::write(format!("{home}/plain.log"), (1..=50_000).map(|n| format!("step {n}\n")).collect::<String>()).unwrap();
    let since = program.say(&["logs", "./dated.log", "--since", "15m"]);
    assert_eq!(since, format!("{} - ERROR - new\n  Traceback\nlast without an end\n", at(5)));
    assert_eq!(program.say(&["logs", "./dated.log", "--grep", "info|old$"]).lines().count(), 3);
    assert_eq!(program.say(&["logs", "./dated.log", "--grep", "Info"]), "");
    assert_eq!(program.say(&["logs", "./plain.log", "--tail", "2"]), "step 49999\nstep 50000\n");
    assert_eq!(program.say(&["logs", "./dated.log", "--tail", "2"]), "  Traceback\nlast without an end\n");
    assert!(program.fail(&["logs", "./plain.log", "--since", "1h"]).contains("no line begins with a time"));
    assert!(program.fail(&["logs", "./plain.log", "--since", "soon"]).contains("is no time"));
    assert!(program.fail(&["logs", "./plain.log", "--grep", "("]).contains("unclosed group"));
    let json = program.say(&["--json", "logs", "./dated.log", "./plain.log", "--grep", "error|step 1$"]);
    let values: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let new = values.iter().find(|v| v["source"] == "dated.log").unwrap();
    assert_eq!(new["message"].as_str().unwrap(), format!("{} - ERROR - new", at(5)));
    assert!(new["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(values.iter().any(|v| v["source"] == "plain.log" && v["time"].is_null() && v["message"] == "step 1"));
    let usage = program.command(&["logs"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    // A closed pipe is the end, in the middle of a merge too.
    let mut child =
        program.command(&["--cluster", "rig", "logs", "-f", "./plain.log", "./dated.log"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let mut writer = append(&Path::new(home).join("plain.log"));
    eventually("it to end with its pipe", LATER, || {
        writeln!(writer, "more").unwrap();
        child.try_wait().unwrap().is_some_and(|status| status.success())
    });
}

/// All byte values, and everything that steers a terminal.
fn hostile() -> Vec<u8> {
    let mut bytes = b"begin\n".to_vec();
    bytes.extend(0..=255_u8);
    for sequence in [
        "\x1b]0;owned\x07",
        "\x1b]2;owned\x1b\\",
        "\x1b]52;c;b3duZWQ=\x07",
        "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[?47h",
        "\x1b[?2004h",
        "\x1b[?2004l",
        "\x1b[?1000h",
        "\x1b[?1003h",
        "\x1b[?25l",
        "\x1b[?25h",
        "\x1b[6n",
        "\x1b[5n",
        "\x1b[c",
        "\x1b[>c",
        "\x1b[21t",
        "\x1b[2J",
        "\x1b[H",
        "\x1b[3J",
        "\x1b[r",
        "\x1b[1;5r",
        "\x1bc",
        "\x1b7",
        "\x1b8",
        "\x1b(0",
        "\x1b)0",
        "\x1b#8",
        "\x1b=",
        "\x1bP1$r0m\x1b\\",
        "\x1b_apc\x1b\\",
        "\x1b^pm\x1b\\",
        "\x1bXsos\x1b\\",
        "\u{9b}2J",
        "\u{9d}0;owned\u{9c}",
        "\u{90}q\u{9c}",
        "\x0e\x0f",
        "\x05",
        "\u{202e}rtl",
        "\u{feff}",
        "\x1b[>1u",
        "\x1b[=3u",
    ] {
        bytes.extend(sequence.as_bytes());
        bytes.extend(b" x\n");
    }
    bytes.extend(b"\x1b[");
    bytes.extend("1;".repeat(20_000).as_bytes());
    bytes.extend(b"m\n\x1b]0;");
    bytes.extend(vec![b'A'; 50_000]);
    bytes.extend(b"\n\x1b[31mred\x1b[0m\nthe end\n");
    bytes
}

/// The kinds of escape sequences in what a program sent, without their numbers.
fn kinds(raw: &[u8]) -> std::collections::BTreeSet<String> {
    let mut kinds = std::collections::BTreeSet::new();
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|b| *b == 0x1b) {
        rest = &rest[at + 1..];
        let end = match rest.first() {
            Some(b'[') => rest.iter().skip(1).position(|b| (0x40..0x7f).contains(b)).map_or(rest.len(), |n| n + 2),
            Some(b']' | b'P' | b'_' | b'^' | b'X') => rest.len().min(2),
            _ => rest.len().min(1),
        };
        let private = rest[..end].contains(&b'?');
        let kind: String =
            rest[..end].iter().filter(|b| private || !b.is_ascii_digit() && **b != b';' && **b != b':').map(|b| char::from(*b)).collect();
        kinds.insert(kind);
        rest = &rest[end..];
    }
    for byte in raw.iter().filter(|b| **b < 0x20 && !matches!(**b, 0x1b | b'\n' | b'\r' | b'\t' | 0x08)) {
        kinds.insert(format!("byte {byte:#x}"));
    }
    let text = String::from_utf8_lossy(raw);
    kinds.extend(text.chars().filter(|c| ('\u{80}'..='\u{9f}').contains(c) || "\u{202e}\u{feff}".contains(*c)).map(|c| format!("{c:?}")));
    kinds
}

#[test]
fn hostile_bytes_of_a_file_steer_no_terminal() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let home = rig.var("RIG_HOME");
    std::fs::write(format!("{home}/tame.log"), "begin\nthe end\n").unwrap();
    std::fs::write(format!("{home}/hostile.log"), hostile()).unwrap();
    let shown = |name: &str| {
        let mut term = program.open(&["--cluster", "rig"]);
        term.until("ssh ●", SOON);
        term.keys("n<tab>");
        term.until("head node of", SOON);
        term.keys(&format!("/{name}<enter>"));
        term.until_screen("the beginning of the file", SOON, |text| text.contains("begin") || text.contains("Not a text file"));
        term.keys("o");
        term.until_gone("Pick a script", SOON);
        term.until("the end", SOON);
        // Over all of it, cut and wrapped.
        term.keys("zg");
        term.until("begin", SOON);
        term.keys("w");
        for _ in 0..20 {
            term.keys("<pgdn>");
        }
        term.keys("wllllG");
        term.keys("<home>hhhhhhG");
        term.until("the end", SOON);
        let before = term.raw();
        let (alternate, paste) = term.screen(|s| (s.alternate_screen(), s.bracketed_paste()));
        assert!(alternate && paste, "the screen is still ours");
        term.keys("q");
        assert_eq!(term.wait_exit(SOON), 0);
        assert!(term.is_clean(), "left behind: {:?}", term.left_behind());
        kinds(&before)
    };
    let (tame, wild) = (shown("tame.log"), shown("hostile.log"));
    assert!(wild.is_subset(&tame), "only in the hostile one: {:?}", wild.difference(&tame).collect::<Vec<_>>());
    // The same from the shell: to a terminal nothing but text, to a pipe every byte.
    for more in [&[][..], &["--json"], &["--grep", "."], &["./tame.log"]] {
        let config = program.path("config.yaml");
        let args = [&["-c", &config, "--cluster", "rig", "logs", "./hostile.log"], more].concat();
        let mut term =
            crate::support::Term::spawn(env!("CARGO_BIN_EXE_qdeck"), &args, rig.env().filter(|(k, _)| *k != "SLURM_CONF"), 140, 40);
        assert_eq!(term.wait_exit(SOON), 0);
        assert_eq!(kinds(&term.raw()), std::collections::BTreeSet::new(), "{more:?}");
        assert!(term.is_clean());
    }
    assert_eq!(program.run(&["logs", "./hostile.log"]).stdout, hostile());
}

#[test]
fn a_huge_file_opens_at_its_end_at_once_in_little_memory() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let path = Path::new(rig.var("RIG_HOME")).join("huge.log");
    let mut file = append(&path);
    file.set_len(10 << 30).unwrap();
    for n in 1..=100_000 {
        file.write_all(format!("\nline {n}").as_bytes()).unwrap();
    }
    for (cluster, tab) in [("rig", "<tab>"), ("local", "")] {
        let term = program.open(&["--cluster", cluster]);
        term.until(if cluster == "rig" { "ssh ●" } else { "local" }, SOON);
        std::thread::sleep(Duration::from_secs(1));
        term.keys(&format!("n{tab}"));
        term.until("Pick a script", SOON);
        if cluster == "local" {
            // Not the folder that tests run in.
            continue;
        }
        term.until("head node of", SOON);
        term.keys("/huge.log<enter>");
        term.until("huge.log", SOON);
        std::thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        term.keys("o");
        term.until("line 100000", SOON);
        let took = begun.elapsed();
        // A debug build on a loaded machine gets more than the hundred milliseconds after the pause of the pane.
        assert!(took < Duration::from_secs(2), "{took:?}");
        let status = std::fs::read_to_string(format!("/proc/{}/status", term.pid())).unwrap();
        let resident: u64 = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        assert!(resident < 100_000, "{resident} kB");
    }
    std::fs::remove_file(&path).unwrap();
}

#[cfg(feature = "aws")]
mod cloud {
    use super::*;

    /// What was printed of `n=1`, `n=2` …, as numbers.
    fn numbers(text: &str) -> Vec<usize> {
        text.lines().filter_map(|line| line.split_once("n=")?.1.trim().parse().ok()).collect()
    }

    struct Source<'a> {
        rig: &'a Rig,
        written: usize,
    }

    impl Source<'_> {
        fn write(&mut self, count: usize) {
            let lines: Vec<String> = (0..count)
                .map(|_| {
                    self.written += 1;
                    format!("n={}", self.written)
                })
                .collect();
            self.rig.ctl(&["log-put", "slurmctld", &lines.join("\n")]);
        }

        #[track_caller]
        fn arrived(&self, follower: &Follower) {
            let deadline = Instant::now() + LATER;
            while numbers(&follower.printed()).len() < self.written && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
            assert_eq!(numbers(&follower.printed()), (1..=self.written).collect::<Vec<_>>(), "{}", follower.said());
        }
    }

    #[test]
    fn live_tail_and_asking_take_turns_without_losing_or_doubling_a_line() {
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        let program = Program::new(&rig);
        let mut source = Source { rig: &rig, written: 0 };
        source.write(30);
        let follow = |name: &str| Follower::new(&program, name, &["--cluster", "demo", "logs", "-f", "--live", "slurmctld"]);
        let tailed = |follower: &Follower| eventually("Live Tail", SOON, || follower.said().contains("slurmctld: Live Tail\n"));
        let asked = |follower: &Follower, why: &str| {
            eventually(why, SOON, || follower.said().contains(&format!("{why}: asked every 2 s")));
        };
        // It ends after its three hours.
        let follower = follow("ended");
        assert!(
            follower.said().contains("0.01 USD") || {
                tailed(&follower);
                follower.said().contains("0.01 USD")
            }
        );
        tailed(&follower);
        for _ in 0..20 {
            source.write(3);
            std::thread::sleep(Duration::from_millis(150));
        }
        source.arrived(&follower);
        // Sub-second on AWS; here the server looks once a second.
        std::thread::sleep(Duration::from_secs(9));
        let begun = Instant::now();
        source.write(1);
        source.arrived(&follower);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        rig.ctl(&["live-tail", "end"]);
        for _ in 0..20 {
            source.write(2);
            std::thread::sleep(Duration::from_millis(150));
        }
        asked(&follower, "Live Tail ended after its three hours");
        source.write(5);
        source.arrived(&follower);
        drop(follower);
        // It breaks off in the middle of lines.
        let follower = follow("broken");
        tailed(&follower);
        rig.ctl(&["live-tail", "break"]);
        for _ in 0..20 {
            source.write(2);
            std::thread::sleep(Duration::from_millis(100));
        }
        asked(&follower, "Live Tail ended");
        source.arrived(&follower);
        drop(follower);
        // It leaves lines out.
        rig.ctl(&["live-tail", "sample", "10"]);
        let follower = follow("sampled");
        tailed(&follower);
        for count in [3, 5, 60, 40, 1] {
            source.write(count);
            std::thread::sleep(Duration::from_millis(400));
        }
        asked(&follower, "above 500 lines a second");
        source.write(100);
        source.arrived(&follower);
        drop(follower);
        // It is refused.
        rig.ctl(&["live-tail", "deny"]);
        let follower = follow("denied");
        asked(&follower, "Live Tail is not allowed");
        source.write(10);
        source.arrived(&follower);
        drop(follower);
        rig.ctl(&["live-tail", "allow"]);
        eventually("no session to be left", SOON, || rig.ctl(&["live-tail", "status"]).contains("\"sessions\": 0"));
    }

    #[test]
    fn a_cluster_writes_to_the_group_that_its_stack_names() {
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        let program = Program::new(&rig);
        let stack = |group: &str| {
            let text = serde_json::json!({"name": "demo", "status": "CREATE_COMPLETE", "log_group": group}).to_string();
            rig.ctl(&["aws", "/stack", &text]);
            program.command(&["--cluster", "demo", "logs", "slurmctld", "--tail", "1"]).output().unwrap()
        };
        // A group of the cluster's own name is there; it is not the one.
        let out = stack("/aws/parallelcluster/elsewhere");
        assert!(
            !out.status.success() && String::from_utf8_lossy(&out.stderr).contains("/aws/parallelcluster/elsewhere: ResourceNotFound"),
            "{out:?}"
        );
        let out = stack(rig.var("RIG_LOG_GROUP"));
        assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("slurmctld"), "{out:?}");
    }

    #[test]
    fn live_tail_is_asked_about_once_with_its_cost() {
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        let program = Program::new(&rig);
        let mut term = program.open(&["--cluster", "demo"]);
        term.until("demo", SOON);
        let choose = |words: &str| {
            term.keys("L");
            term.until("Head node", SOON);
            term.until("Compute nodes", SOON);
            term.keys(&format!("{words}<enter>"));
        };
        choose("slurmctld");
        term.until("0.01 USD for each minute", SOON);
        assert!(rig.ctl(&["live-tail", "status"]).contains("\"begun\": 0"), "nothing costs before it is allowed");
        term.keys("y");
        term.until("· Live Tail", SOON);
        assert!(rig.ctl(&["live-tail", "status"]).contains("\"sessions\": 1"));
        rig.ctl(&["log-put", "slurmctld", "here and now"]);
        term.until("here and now", SOON);
        // Events in JSON are words.
        let event = r#"{"datetime": "2026-01-01T00:00:00.000+00:00", "version": 0, "scheduler": "slurm", "cluster-name": "demo", "node-role": "HeadNode", "component": "clustermgtd", "level": "WARNING", "instance-id": "i-1", "event-type": "node-launch-failure-count", "message": "Number of nodes", "detail": {"count": 2}}"#;
        rig.ctl(&["log-put", "clustermgtd_events", event]);
        choose("clustermgtd_events");
        term.until("WARNING HeadNode clustermgtd node-launch-failure-count:", SOON);
        assert!(!term.text().contains("0.01 USD"), "asked once");
        term.keys("q");
        assert_eq!(term.wait_exit(SOON), 0);
        eventually("the session to end", SOON, || rig.ctl(&["live-tail", "status"]).contains("\"sessions\": 0"));
        // Whoever says no, here or in the configuration, never pays.
        let config = std::fs::read_to_string(program.path("config.yaml")).unwrap();
        std::fs::write(program.path("config.yaml"), config + "logs: {live_tail: never}\n").unwrap();
        let begun = rig.ctl(&["live-tail", "status"]);
        let term = program.open(&["--cluster", "demo"]);
        term.until("demo", SOON);
        term.keys("L");
        term.until("Head node", SOON);
        term.keys("slurmctld<enter>");
        term.until("asked every 2 s", SOON);
        assert_eq!(rig.ctl(&["live-tail", "status"]), begun);
    }

    #[test]
    fn the_logs_of_a_cluster_that_is_gone_can_be_opened() {
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        let program = Program::new(&rig);
        let group = rig.var("RIG_LAB_LOG_GROUP");
        let mut command = program.command(&["--region", "us-east-1", "logs", "--group", group, "clustermgtd", "--tail", "1"]);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(String::from_utf8_lossy(&out.stdout).contains("event 19 of clustermgtd"));
        let short = group.rsplit('/').next().unwrap();
        let merged = program.command(&["--region", "us-east-1", "logs", "--group", short, "clustermgtd", "slurmctld"]).output().unwrap();
        let lines: Vec<String> = String::from_utf8(merged.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 40);
        let times: Vec<&str> = lines.iter().map(|line| line.split_once(": ").unwrap().1.get(..23).unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
        let missing = program.command(&["--region", "us-east-1", "logs", "--group", "none", "x"]).output().unwrap();
        assert!(String::from_utf8_lossy(&missing.stderr).contains(short), "{}", String::from_utf8_lossy(&missing.stderr));
        // Its machines are gone, the group is not.
        let head = format!(r#"{{"id": "{}", "state": "terminated", "region": "us-east-1"}}"#, rig.var("RIG_LAB_HEAD_INSTANCE"));
        post(&rig, "/instance", &head);
        post(&rig, "/terminate", r#"{"name": "x", "ip": "10.20.1.1", "region": "us-east-1"}"#);
        let term = program.open(&["--region", "us-east-1"]);
        term.until("local", SOON);
        term.keys("L<tab>");
        term.until("Clusters that are gone", SOON);
        term.until(short, SOON);
        term.keys("<enter>");
        term.until("clustermgtd", SOON);
        term.keys("clustermgtd<enter>");
        term.until("0.01 USD", SOON);
        term.keys("n");
        term.until("event 19 of clustermgtd", SOON);
    }

    /// The SDK looks for its endpoint in the environment of its process, so the test runs itself with the rig's.
    #[test]
    fn parts_of_a_stream_are_the_stream_and_searches_find_all() {
        const NAME: &str = "logs::cloud::parts_of_a_stream_are_the_stream_and_searches_find_all";
        if std::env::var_os("RIG_MOTO_CONTROL").is_some() {
            return tokio::runtime::Runtime::new().unwrap().block_on(parts_and_searches());
        }
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        for n in 0..20 {
            // Many events of one millisecond.
            let lines: Vec<String> =
                (1..=50).map(|k| format!("n={} level {}", n * 50 + k, if k == 7 { "ERROR" } else { "info" })).collect();
            rig.ctl(&["log-put", "slurmctld", &lines.join("\n")]);
        }
        let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
        let out = inner.args(["--exact", NAME]).envs(rig.env()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("1 passed"), "{said}");
    }

    async fn parts_and_searches() {
        use qdeck::model::{Answer, FailureKind, LogPlace, LogSource, Query, Source};
        use qdeck::remote::Remote;
        let live = qdeck::remote::live::Live::new(qdeck::config::Config::default(), None);
        let Answer::Clusters(found) = live.ask(Query::Clusters(Source::Aws { profile: None, region: None })).await.unwrap() else {
            panic!()
        };
        let cluster = found.into_iter().find(|c| c.name == "demo").unwrap().id;
        let Answer::Streams(streams) = live.ask(Query::Streams(cluster.clone())).await.unwrap() else { panic!() };
        let stream = streams.iter().find(|s| s.identifier == "slurmctld").unwrap();
        let source = LogSource::Stream { cluster, group: stream.group.clone(), stream: stream.name.clone() };
        let range = async |at, bytes| match live.ask(Query::LogRange { source: source.clone(), at, bytes }).await.unwrap() {
            Answer::LogRange { start, end, bytes, is_start, is_end } => (start, end, bytes, is_start, is_end),
            other => panic!("{other:?}"),
        };
        let (mut at, mut back, mut parts) = (LogPlace::Moment(i64::MAX / 2), Vec::new(), 0);
        loop {
            let (start, end, bytes, is_start, _) = range(at, -4_000).await;
            assert!(end == at && start <= at);
            back.splice(0..0, bytes);
            (at, parts) = (start, parts + 1);
            if is_start {
                break;
            }
        }
        let (mut at, mut forward) = (LogPlace::Moment(0), Vec::new());
        loop {
            let (start, end, bytes, _, is_end) = range(at, 4_000).await;
            assert!(start == at && end >= at);
            forward.extend(bytes);
            at = end;
            if is_end {
                break;
            }
        }
        let text = String::from_utf8(back).unwrap();
        assert!(parts > 3, "{parts}");
        let numbers: Vec<usize> = text.lines().filter_map(|l| l.split_once("n=")?.1.split(' ').next()?.parse().ok()).collect();
        assert_eq!(numbers, (1..=1_000).collect::<Vec<_>>());
        assert_eq!(text.lines().count(), 1_200, "with those that were there");
        assert!(text.as_bytes() == forward);
        let find = async |pattern: &str, insensitive| {
            live.ask(Query::LogFind { source: source.clone(), pattern: pattern.into(), insensitive }).await
        };
        for (pattern, insensitive, expected) in
            [("level ERROR", false, 20), ("level error", true, 20), (r"n=\d*00 ", false, 10), ("nothing", false, 0)]
        {
            let Answer::LogFound { hits, total } = find(pattern, insensitive).await.unwrap() else { panic!() };
            assert_eq!((total, hits.len()), (expected, usize::try_from(expected).unwrap()), "{pattern}");
            assert!(hits.is_sorted_by_key(|hit| hit.place));
        }
        assert_eq!(find("(", false).await.unwrap_err().kind, FailureKind::Rejected);
    }

    #[test]
    fn hostile_messages_steer_no_terminal() {
        let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
        let program = Program::new(&rig);
        let text = String::from_utf8_lossy(&hostile()).into_owned();
        let file = program.path("hostile");
        std::fs::write(&file, text).unwrap();
        let put = std::process::Command::new("sh")
            .args(["-c", "exec \"$0\" log-put hostile < \"$1\"", rig.var("RIG_CTL"), &file])
            .env("RIG_STATE", rig.var("RIG_STATE"))
            .status()
            .unwrap();
        assert!(put.success());
        rig.ctl(&["log-put", "tame", "begin\nthe end"]);
        let shown = |name: &str| {
            let mut term = program.open(&["--cluster", "demo"]);
            term.until("demo", SOON);
            term.keys("L");
            term.until("Head node", SOON);
            term.keys(&format!("{name}<enter>"));
            term.until("0.01 USD", SOON);
            term.keys("n");
            term.until("the end", SOON);
            term.keys("zgwG");
            term.until("the end", SOON);
            let before = term.raw();
            term.keys("q");
            assert_eq!(term.wait_exit(SOON), 0);
            assert!(term.is_clean(), "left behind: {:?}", term.left_behind());
            kinds(&before)
        };
        let (tame, wild) = (shown("tame"), shown("hostile"));
        assert!(wild.is_subset(&tame), "only in the hostile one: {:?}", wild.difference(&tame).collect::<Vec<_>>());
        let config = program.path("config.yaml");
        let args = ["-c", &config, "--cluster", "demo", "logs", "hostile"];
        let mut term =
            crate::support::Term::spawn(env!("CARGO_BIN_EXE_qdeck"), &args, rig.env().filter(|(k, _)| *k != "SLURM_CONF"), 140, 40);
        assert_eq!(term.wait_exit(SOON), 0);
        assert_eq!(kinds(&term.raw()), std::collections::BTreeSet::new());
    }

    fn post(rig: &Rig, path: &str, body: &str) {
        use std::io::Read;
        let address = rig.var("RIG_MOTO_CONTROL").strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "POST {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
    }
}
