//! What reaches the terminal: nothing hostile, nothing at odd sizes, a question where ssh has one.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Program, SOON};
use crate::rig::Rig;
use crate::support::Term;

#[test]
fn hostile_names_and_lines_never_reach_the_terminal() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let bomb = "\\033]0;owned\\007\\033]52;c;b3duZWQ=\\007\\033[?1049l\\033[?2004l\\233\\033c";
    let id = rig
        .run(&format!("sbatch --parsable -J \"evil$(printf '{bomb}')|x\" --wrap \"printf 'before {bomb} after\\n'; sleep 120\""))
        .trim()
        .to_owned();
    let term = program.open(&["--cluster", "rig"]);
    term.until("evil", SOON);
    term.keys(&format!("/{id}<enter>"));
    term.until("before", SOON);
    term.until("after", SOON);
    term.keys("<enter>");
    term.until("Submitted", SOON);
    term.keys("<pgdn>");
    term.until("JobName", SOON);
    let raw = term.raw();
    let has = |bytes: &[u8]| raw.windows(bytes.len()).any(|w| w == bytes);
    assert!(!has(b"\x1b]"), "no operating system command");
    assert!(!has(b"\x1bc") && !has(b"\x1b[?1049l") && !has(b"\x1b[?2004l") && !has(b"\x07"));
    rig.run(&format!("scancel {id}"));
}

#[test]
fn every_size_is_drawn() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let mut term = program.open(&["demo"]);
    term.until("prod", SOON);
    for step in 0..=60_u16 {
        let (cols, rows) = (20 + step * 3, 5 + step * 55 / 60);
        term.resize(cols, rows);
        let expected = if cols < 40 || rows < 10 { "qdeck needs" } else { "Jobs" };
        term.until(expected, SOON);
    }
    term.resize(80, 24);
    term.until("3 Jobs", SOON);
    let wide = term.text().lines().filter(|line| line.chars().count() > 80).count();
    assert_eq!(wide, 0);
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(term.is_clean());
}

#[test]
fn a_key_that_comes_with_a_resize_is_obeyed_at_once() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let mut term = program.open(&["demo"]);
    term.until("2 Nodes", SOON);
    let process = Pid::from_raw(term.pid().cast_signed()).unwrap();
    for step in 0..20_u16 {
        // It finds both when it goes on.
        kill_process(process, Signal::STOP).unwrap();
        term.resize(140 - step, 40);
        term.keys("z");
        kill_process(process, Signal::CONT).unwrap();
        if step % 2 == 0 {
            term.until_gone("2 Nodes", SOON);
        } else {
            term.until("2 Nodes", SOON);
        }
        term.until_screen("the new size", SOON, |text| {
            text.lines().map(|line| line.chars().count()).max() == Some(usize::from(140 - step))
        });
    }
    term.keys("q");
    assert_eq!(term.wait_exit(SOON), 0);
}

#[test]
fn the_first_frame_waits_for_nobody() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        let term = program.open(&["--cluster", "rig"]);
        term.until("qdeck", SOON);
        best = best.min(begun.elapsed());
    }
    // 50 ms in release; a debug build on a loaded machine gets some more.
    assert!(best < Duration::from_millis(250), "{best:?}");
}

#[test]
fn an_unknown_host_key_asks_and_a_changed_one_refuses() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let original = std::fs::read_to_string(rig.var("RIG_SSH_CONFIG")).unwrap();
    let known = program.path("known_hosts");
    let config: String = original
        .lines()
        .map(|line| match line.split_whitespace().next() {
            Some("UserKnownHostsFile") => format!("  UserKnownHostsFile {known}\n"),
            Some("StrictHostKeyChecking" | "BatchMode") => String::new(),
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(program.path("ssh_config"), config).unwrap();
    let settings = format!("hosts: [{{name: rig, ssh: rig}}]\nssh: {{config_file: {}}}\n", program.path("ssh_config"));
    std::fs::write(program.path("config.yaml"), settings).unwrap();
    let ask = |term: &Term| {
        term.until("SHA256:", SOON);
        term.until("ssh asks", SOON);
    };
    let term = program.open(&["--cluster", "rig"]);
    ask(&term);
    term.keys("<esc>");
    term.until("✗", SOON);
    drop(term);
    let term = program.open(&["--cluster", "rig"]);
    ask(&term);
    term.keys("yes<enter>");
    term.until("ssh ●", SOON);
    drop(term);
    // Now it is known: somebody else's key in its place must be refused, not asked about.
    let text = std::fs::read_to_string(&known).unwrap();
    let other = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0dM0q8mXyJcH1O0cC1wEwX0yS5m9VtJ2y5mM6oM0mN";
    let host = text.split_whitespace().next().unwrap();
    std::fs::write(&known, format!("{host} ssh-ed25519 {other}\n")).unwrap();
    let term = program.open(&["--cluster", "rig"]);
    term.until("the host key has changed", SOON);
    term.until("-R \"rig\"", SOON);
    assert!(!term.text().contains("ssh asks"), "{}", term.text());
}

/// What the child of the next test finds in its environment: which thread shall panic.
const PANICS: &str = "QDECK_TEST_PANICS";

#[test]
fn a_panic_gives_the_terminal_back_and_one_elsewhere_leaves_the_screen_alone() {
    if let Ok(thread) = std::env::var(PANICS) {
        let mut screen = qdeck::runtime::Screen::open().unwrap();
        screen.draw(|buffer| buffer.set_string(0, 0, "the application", ratatui::style::Style::new()));
        if thread == "own" {
            panic!("on purpose");
        }
        std::thread::spawn(|| panic!("not for the eyes")).join().unwrap_err();
        std::thread::sleep(Duration::from_millis(500));
        return;
    }
    let child = |thread: &str| {
        let name = "terminal::a_panic_gives_the_terminal_back_and_one_elsewhere_leaves_the_screen_alone";
        let program = std::env::current_exe().unwrap();
        Term::spawn(program, &["--exact", "--nocapture", name], [(PANICS, thread)], 100, 30)
    };
    let mut term = child("own");
    assert_eq!(term.wait_exit(SOON), 101);
    let text = term.text();
    assert!(text.contains("running 1 test") && text.contains("on purpose") && !text.contains("the application"), "{text}");
    assert!(term.is_clean(), "{:?}", term.left_behind());
    let mut term = child("another");
    term.until("the application", SOON);
    assert_eq!(term.wait_exit(SOON), 0);
    let raw = String::from_utf8_lossy(&term.raw()).into_owned();
    assert!(!raw.contains("not for the eyes") && raw.matches("\u{1b}[?1049l").count() == 1, "{raw}");
    assert!(term.is_clean(), "{:?}", term.left_behind());
}
