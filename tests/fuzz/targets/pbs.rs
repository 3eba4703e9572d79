//! Everything that the commands of the three dialects of PBS may answer.

#![no_main]

#[path = "../read.rs"]
mod read;

use libfuzzer_sys::fuzz_target;
use qdeck::model::SchedulerKind;
use qdeck::remote::host::Said;
use qdeck::remote::scheduler::{Scheduler, scheduler};

/// The driver as a host makes it that told so.
fn introduced(words: &str) -> Option<Box<dyn Scheduler>> {
    let said = Said { status: 0, stdout: words.as_bytes().to_vec(), stderr: String::new() };
    (scheduler(SchedulerKind::Pbs).ok()?.introduction()?.read)(&said).ok()
}

fuzz_target!(|data: &[u8]| {
    let commands = "command qdel\ncommand qhold\ncommand qrls\ncommand pbsnodes\ncommand qsig\ncommand qrerun\ncommand qalter\n";
    for dialect in ["dialect open\nhistory\n", "dialect torque\n", "dialect wrappers\n"] {
        if let Some(driver) = introduced(&format!("{dialect}{commands}")) {
            read::answer(&*driver, data);
        }
    }
});
