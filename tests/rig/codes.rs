//! A host that lets in by a password and a one-time code: a real sshd asks real PAM, which asks twice.

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;
use crate::support::Term;

const PASSWORD: &str = "correct horse";
/// One-time codes of RFC 4226, appendix D, each of which is good once.
const CODES: [&str; 4] = ["755224", "287082", "359152", "969429"];

fn program(rig: &Rig) -> Program<'_> {
    let program = Program::new(rig);
    let settings = std::fs::read_to_string(program.path("config.yaml")).unwrap();
    std::fs::write(program.path("config.yaml"), settings.replace("hosts: [", "hosts: [{name: codes, ssh: rig-codes}, ")).unwrap();
    program
}

/// Answers the question that is on screen; what is typed is never shown.
fn answer(term: &Term, asked: &str, typed: &str) {
    term.until_screen(asked, LATER, |text| text.contains("ssh asks · codes") && text.contains(asked));
    term.keys(typed);
    term.until_screen("a mask", SOON, |text| text.contains(&"•".repeat(typed.len())) || text.contains(&"*".repeat(typed.len())));
    assert!(!term.text().contains(typed), "{}", term.text());
    term.keys("<enter>");
}

#[test]
fn a_password_and_a_code_are_asked_for_one_after_the_other() {
    let Some(rig) = Rig::start(&["--no-aws", "--codes"], &[]) else { return };
    let program = program(&rig);
    program.script("typed.sh", "#!/bin/sh\n#SBATCH --output=typed.out\necho \"got $1\"\n");
    let term = program.open(&["--cluster", "codes"]);
    answer(&term, "Password:", PASSWORD);
    answer(&term, "One-time password (OATH)", "000000");
    // A wrong one: ssh says nothing, and asks for all of it again.
    term.until("Asked again: the last answer may have been wrong.", SOON);
    answer(&term, "Password:", PASSWORD);
    answer(&term, "One-time password (OATH)", CODES[1]);
    term.until("slurm now", LATER);
    assert!(!term.text().contains("ssh asks"), "{}", term.text());

    // The session is lost while a job is typed: what was typed is there after the questions.
    term.keys("n");
    term.until("Pick a script", SOON);
    term.keys("<tab>");
    term.until("typed.sh", SOON);
    term.keys("/typed.sh<enter>");
    term.until("#SBATCH", SOON);
    term.keys("<enter>");
    term.until("sbatch typed.sh", SOON);
    term.keys("a-word-");
    term.until("a-word-", SOON);
    rig.ctl(&["ssh-kill"]);
    answer(&term, "Password:", PASSWORD);
    answer(&term, "One-time password (OATH)", CODES[2]);
    term.until_gone("ssh asks", SOON);
    term.keys("kept");
    term.until("a-word-kept", SOON);
    term.until("ssh ●", LATER);
    term.keys("<enter>");
    term.until("Submitted as job", LATER);
    crate::rig::eventually("the job's output", LATER, || {
        let out = rig.ssh("rig", "cat typed.out");
        String::from_utf8_lossy(&out.stdout).trim() == "got a-word-kept"
    });
    // Three wrong answers end it, and that is told.
    rig.ctl(&["ssh-kill"]);
    for _ in 0..3 {
        answer(&term, "Password:", "battery staple");
        answer(&term, "One-time password (OATH)", "000000");
    }
    term.until("Permission denied (keyboard-interactive)", SOON);
}

#[test]
fn a_one_shot_command_asks_at_its_terminal() {
    let Some(rig) = Rig::start(&["--no-aws", "--codes"], &[]) else { return };
    let program = program(&rig);
    let mut term = program.open(&["--cluster", "codes", "nodes"]);
    term.until("Password:", LATER);
    term.keys(&format!("{PASSWORD}<enter>"));
    term.until("One-time password (OATH)", SOON);
    term.keys(&format!("{}<enter>", CODES[0]));
    term.until("compute-st-c5large-1", SOON);
    assert!(!term.text().contains(PASSWORD) && !term.text().contains(CODES[0]), "{}", term.text());
    assert_eq!(term.wait_exit(SOON), 0);
    assert!(term.is_clean(), "{:?}", term.left_behind());
    // An interrupt at the question gives the terminal back as it was.
    let mut term = program.open(&["--cluster", "codes", "nodes"]);
    term.until("Password:", LATER);
    term.keys("<ctrl-c>");
    assert_eq!(term.wait_exit(SOON), 130);
    assert!(term.is_clean(), "{:?}", term.left_behind());
}
