//! Text from elsewhere is data: before it is drawn or printed to a terminal, everything that could steer one is made visible.

use std::borrow::Cow;

/// True for characters that a terminal would obey or that reorder what a reader sees: C0, DEL, C1, bidirectional
/// controls, line and paragraph separators, zero-width marks and byte-order marks.
pub fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}'
        | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text with each controlling character replaced by a visible one: C0 by its Unicode control picture, others by `\u{fffd}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(visible).collect())
}

/// The visible stand-in of one character.
pub fn visible(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        c if is_control(c) => '\u{fffd}',
        c => c,
    }
}

/// `text` as one word of a POSIX shell, whatever it holds.
pub fn quoted(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:=,+@%".contains(&b)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The first `most` names, and how many more there are: `1, 2, 3 and 12 more`.
pub fn several<'a>(names: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let all = names.len();
    // Two more words would be longer than the name that they stand for.
    let shown = if all == most + 1 { all } else { all.min(most) };
    let names: Vec<&str> = names.take(shown).collect();
    match (names.as_slice(), all - shown) {
        ([], _) => String::new(),
        ([one], 0) => (*one).to_owned(),
        ([front @ .., last], 0) => format!("{} and {last}", front.join(", ")),
        (some, more) => format!("{} and {} more", some.join(", "), super::duration::thousands(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_some_names_and_a_number() {
        let said = |n: usize| several(["1", "2", "3", "4", "5", "6"][..n].iter().copied(), 3);
        assert_eq!([0, 1, 2, 4, 6].map(said), ["", "1", "1 and 2", "1, 2, 3 and 4", "1, 2, 3 and 3 more"]);
    }

    #[test]
    fn a_terminal_sequence_becomes_harmless_and_visible() {
        assert_eq!(clean("a\x1b]52;c;x\x07b\u{9b}31m\u{202e}"), "a␛]52;c;x␇b\u{fffd}31m\u{fffd}");
        assert!(matches!(clean("plain ünïcode"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_word_stays_one_word() {
        assert_eq!(quoted("plain-1.sh"), "plain-1.sh");
        assert_eq!(quoted("it's $(rm)"), r"'it'\''s $(rm)'");
        assert_eq!(quoted(""), "''");
    }
}
