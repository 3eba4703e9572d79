//! Everything that Grid Engine's commands may answer.

#![no_main]

#[path = "../read.rs"]
mod read;

use libfuzzer_sys::fuzz_target;
use qdeck::model::SchedulerKind;

fuzz_target!(|data: &[u8]| {
    if let Ok(driver) = qdeck::remote::scheduler::scheduler(SchedulerKind::GridEngine) {
        read::answer(&*driver, data);
    }
});
