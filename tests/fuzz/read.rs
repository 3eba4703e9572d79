//! What every target checks of a scheduler's answer: it is read, whatever it is, and nothing that was read can steer a terminal.

use qdeck::model::text::{clean, is_control};
use qdeck::model::{JobChange, JobId, NodeChange, Scope};
use qdeck::remote::host::Said;
use qdeck::remote::scheduler::{Ask, Handing, Scheduler};

/// Stands in an input for the word that ends a record, which is new in every question.
const END: u8 = 0x1e;

/// Reads one answer with the reader that the first byte chooses. After a byte 0 stands what was said to standard error.
pub(crate) fn answer(driver: &dyn Scheduler, data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let (stdout, stderr) = data.iter().position(|b| *b == 0).map_or((data, &b""[..]), |at| (&data[..at], &data[at + 1..]));
    let said =
        Said { status: i32::from(!stderr.is_empty()), stdout: stdout.to_vec(), stderr: String::from_utf8_lossy(stderr).into_owned() };
    let ids = ["1", "2_1", "2_[2-7%2]"].map(JobId::new);
    match which % 16 {
        0 => jobs(&driver.jobs(Scope::All, false), &said),
        1 => jobs(&driver.jobs(Scope::Mine, true), &said),
        2 => {
            if let Ok(table) = (driver.nodes().read)(&said) {
                shown(&format!("{:?}", table.nodes.iter().map(|node| (&node.name, &node.state, &node.reason)).collect::<Vec<_>>()));
            }
        }
        3 => told(&driver.detail(&ids[0]), &said),
        4 => told(&driver.detail(&ids[1]), &said),
        5 => told(&driver.detail(&ids[2]), &said),
        6 => {
            let ask = driver.ended(&ids);
            told(&ask, &Said { stdout: ended(&ask.script, &said.stdout), ..said });
        }
        7 => driver.accounting(0, true).iter().for_each(|ask| told(ask, &said)),
        8 => told(&driver.why(&ids[0]), &said),
        9 => driver.examine(&ids[0]).iter().for_each(|ask| told(ask, &said)),
        10 => told(&driver.again(&ids[0]), &said),
        11 => told(&driver.submit(&handing()), &said),
        12 => told(&driver.submit(&handing()), &Said { status: 75, ..said }),
        13 => told(&driver.change(&JobChange::Cancel, &ids), &said),
        14 => told(&driver.change(&JobChange::Hold, &ids), &said),
        _ => told(&driver.change_nodes(&NodeChange::Drain("disk".into()), &["a-1".to_owned(), "a-2".to_owned()]), &said),
    }
}

/// A queue: each record is a row or a warning, and each row can be looked at.
fn jobs(ask: &Ask<qdeck::model::JobTable>, said: &Said) {
    let stdout = ended(&ask.script, &said.stdout);
    let records = if stdout.len() == said.stdout.len() { 0 } else { said.stdout.iter().filter(|b| **b == END).count() };
    let Ok(table) = (ask.read)(&Said { stdout, ..said.clone() }) else { return };
    assert!(table.len() + table.warnings as usize >= records, "{records} records, {} rows, {} warnings", table.len(), table.warnings);
    for job in table.iter() {
        assert!(table.find(job.id()).is_some(), "{:?} is not found", job.id());
        let _ = (job.started(), job.submitted(), job.time_used(), job.time_limit());
        for text in [job.id(), job.name(), job.user(), job.partition(), job.reason(), job.node_list(), job.work_dir(), job.stdout()] {
            shown(text);
        }
        shown(&job.place_or_reason());
    }
}

fn told<T: std::fmt::Debug>(ask: &Ask<T>, said: &Said) {
    match (ask.read)(said) {
        Ok(value) => shown(&format!("{value:?}")),
        Err(failure) => {
            assert!(!failure.what.is_empty(), "a failure without a word: {failure:?}");
            shown(&failure.what);
        }
    }
}

/// What is drawn and printed holds no control character.
fn shown(text: &str) {
    assert!(!clean(text).chars().any(is_control), "{text:?}");
}

/// The answer with each end of a record as the script asks for it.
fn ended(script: &str, stdout: &[u8]) -> Vec<u8> {
    let Some((_, after)) = script.split_once('\x1e') else { return stdout.to_vec() };
    let word: String = after.chars().take_while(char::is_ascii_hexdigit).collect();
    let mut out = Vec::with_capacity(stdout.len() + 64);
    for byte in stdout {
        out.push(*byte);
        if *byte == END {
            out.extend_from_slice(word.as_bytes());
        }
    }
    out
}

fn handing() -> Handing<'static> {
    Handing { path: "/home/me/a.sh", dir: None, args: &[], options: &[], token: "0a1b2c", comment: None, variables: None }
}
