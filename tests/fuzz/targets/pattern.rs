//! What is searched for and what it is searched in: anything, the first line being what was typed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qdeck::model::lines::Pattern;
use qdeck::model::lines::pattern::{harmless, without_colours};
use qdeck::model::text::is_control;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |b| *b == b'\n');
    let (typed, line) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let plain = without_colours(line);
    assert!(plain.len() <= line.len());
    let shown = harmless(line);
    let coloured: String = String::from_utf8_lossy(&without_colours(shown.as_bytes())).into_owned();
    assert!(!coloured.chars().any(|c| c != '\t' && is_control(c)), "{shown:?}");
    let typed = String::from_utf8_lossy(typed);
    let Some(pattern) = Pattern::new(&typed) else {
        // Only nothing, or an expression that would take too much memory as a text too.
        assert!(matches!(typed.as_ref(), "" | "!") || typed.len() > 1_000, "{typed:?}");
        return;
    };
    assert_eq!(pattern.text(), typed);
    assert_eq!(pattern.matches(line, true), pattern.matches(&plain, false));
    let text = String::from_utf8_lossy(&plain);
    for (start, end) in pattern.places(&text) {
        assert!(start < end && text.get(start..end).is_some());
    }
});
