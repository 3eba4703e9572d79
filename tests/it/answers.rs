//! Every reader of every scheduler against answers that were cut, mixed up and written by somebody hostile: none panics, and no record is
//! lost without being counted.

#[path = "../fuzz/read.rs"]
mod read;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use qdeck::model::{SchedulerKind, Scope};
use qdeck::remote::host::Said;
use qdeck::remote::scheduler::{Scheduler, scheduler};

/// What somebody may write where a name, a path or a reason stands.
const HOSTILE: [&str; 16] = [
    "\x1b]52;c;QQ==\x07",
    "\x1b[2J",
    "\u{202e}txt.sh",
    "\u{9b}31m",
    "\x1f",
    "\x1e",
    "\x1d",
    "\x1c",
    "\r\n",
    "\n\n",
    " JobName=x UserId=root(0) GroupId=root(0) MCS_label=N/A",
    "Job Id: 9.x\n    job_state = R\n",
    "</JB_name><state>r</state>&lt;%lt;&#27;&#x202e;",
    "\",\"Job_Name\":{\"a\":[\\u001b,1e999,-",
    "n[0-4294967295][x]",
    "99999999999999999999",
];

/// The recorded and the written answers of one scheduler.
fn fixtures(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap()).map(|e| e.unwrap().path()).collect();
    files.sort();
    files.into_iter().filter(|path| path.extension().is_some_and(|e| e != "md")).map(|path| fs::read(path).unwrap()).collect()
}

/// A driver with the answers that are its own.
type Driver = (Box<dyn Scheduler>, Vec<Vec<u8>>);

/// The drivers, one for each dialect.
fn drivers() -> Vec<Driver> {
    let slurm = fixtures(&["slurm-22.05", "slurm-23.11", "slurm-24.05", "slurm-25.11"]);
    let pbs = fixtures(&["openpbs-23", "torque-wrappers-22.05"]);
    let mut all = vec![
        (scheduler(SchedulerKind::Slurm).unwrap(), slurm),
        (scheduler(SchedulerKind::GridEngine).unwrap(), fixtures(&["gridengine-8.1.9"])),
    ];
    for dialect in ["open\nhistory\n", "torque\n", "wrappers\n"] {
        let words = format!("dialect {dialect}command qdel\ncommand qhold\ncommand qrls\ncommand pbsnodes\n");
        let said = Said { status: 0, stdout: words.into_bytes(), stderr: String::new() };
        let ask = scheduler(SchedulerKind::Pbs).unwrap().introduction().unwrap();
        all.push(((ask.read)(&said).unwrap(), pbs.clone()));
    }
    all
}

/// One thing that happens to an answer, at a place of it.
#[derive(Clone, Debug)]
enum Harm {
    Cut(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Write(prop::sample::Index, usize),
    Long(prop::sample::Index),
    Byte(prop::sample::Index, u8),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(Harm::Cut),
        (at(), at()).prop_map(|(a, b)| Harm::Swap(a, b)),
        (at(), 0..HOSTILE.len()).prop_map(|(at, which)| Harm::Write(at, which)),
        at().prop_map(Harm::Long),
        (at(), any::<u8>()).prop_map(|(at, byte)| Harm::Byte(at, byte)),
    ]
}

fn harmed(mut text: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let size = text.len() + 1;
        match harm {
            Harm::Cut(at) => text.truncate(at.index(size)),
            Harm::Swap(a, b) => {
                let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
                let count = lines.len();
                lines.swap(a.index(count), b.index(count));
                text = lines.join(&b'\n');
            }
            Harm::Write(at, which) => drop(text.splice(at.index(size)..at.index(size), HOSTILE[*which].bytes())),
            Harm::Long(at) => drop(text.splice(at.index(size)..at.index(size), std::iter::repeat_n(b'x', 65_536))),
            Harm::Byte(at, byte) if size > 1 => {
                let at = at.index(size - 1);
                text[at] = *byte;
            }
            Harm::Byte(..) => {}
        }
    }
    text
}

/// The queue's records as Slurm's answer to this very question would hold them.
fn queue(end: &str, names: &[String]) -> Vec<u8> {
    let fields = "18\x1f2\x1fN/A\x1fcompute\x1fme\x1fR\x1fNone\x1f1:14\x1fUNLIMITED\x1f2\x1f4\x1fn-[1-2]\x1f2026-11-24T12:05:38\x1fN/A\x1f7\x1f/home/me\x1facct\x1fnormal\x1f(null)\x1f4G\x1fN/A";
    names.iter().enumerate().map(|(n, name)| format!("{n}\x1f{fields}\x1f{name}{end}\n")).collect::<String>().into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_answer_is_too_bad_to_be_read(harms in prop::collection::vec(harm(), 0..6), pick in any::<prop::sample::Index>(), stderr in any::<bool>()) {
        for (driver, answers) in drivers() {
            let mut data = harmed(answers[pick.index(answers.len())].clone(), &harms);
            if stderr {
                data.extend_from_slice(b"\0slurm_load_jobs error: Unable to contact slurm controller\n");
            }
            for reader in 0..16_u8 {
                read::answer(&*driver, &[&[reader], data.as_slice()].concat());
            }
        }
    }

    #[test]
    fn a_name_is_a_name_whatever_it_holds(picks in prop::collection::vec(prop::collection::vec(0..HOSTILE.len(), 0..4), 1..12), long in any::<bool>()) {
        let ask = scheduler(SchedulerKind::Slurm).unwrap().jobs(Scope::All, false);
        let end: String = ask.script.split_once('\x1e').map(|(_, rest)| rest.chars().take_while(char::is_ascii_hexdigit).collect()).unwrap();
        let end = format!("\x1e{end}");
        let mut names: Vec<String> = picks.iter().map(|picks| picks.iter().map(|pick| HOSTILE[*pick]).collect()).collect();
        if long {
            names[0] = names[0].clone() + &"\u{202e}ü".repeat(16_384);
        }
        let whole = queue(&end, &names);
        let said = |stdout: &[u8]| Said { status: 0, stdout: stdout.to_vec(), stderr: String::new() };
        let table = (ask.read)(&said(&whole)).unwrap();
        prop_assert_eq!(table.iter().map(|job| job.name().to_owned()).collect::<Vec<_>>(), names.clone());
        prop_assert_eq!(table.warnings, 0);
        // Cut anywhere, what is whole is a row and what is not is a warning.
        let cut = whole.len() - end.len() - 2;
        let table = (ask.read)(&said(&whole[..cut])).unwrap();
        prop_assert_eq!((table.len(), table.warnings), (names.len() - 1, 1));
    }
}
