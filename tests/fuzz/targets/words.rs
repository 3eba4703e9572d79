//! Short words of schedulers and people: times, lists of nodes and tasks, dependencies, directives of scripts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qdeck::model::{Directives, TaskSpan, dependency, duration, hostlist, list};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Some(seconds) = duration::parse_slurm(&text) {
        assert_eq!(duration::parse_slurm(&duration::slurm(seconds)), Some(seconds), "{text:?}");
    }
    assert!(hostlist::names(&text, 64).len() <= 64);
    assert!(list::hosts(&text, 64).len() <= 64);
    let _ = hostlist::holds(&text, "compute-dy-c5large-1");
    if let Some((numbers, _)) = list::numbers(&text) {
        let again = list::numbers(&list::compact(&numbers)).map(|(numbers, _)| numbers);
        assert!(numbers.is_empty() || again == Some(numbers), "{text:?}");
    }
    let _ = (TaskSpan::read(&text), format!("{:?}", dependency::read(&text)), Directives::read(&text));
});
