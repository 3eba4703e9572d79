//! What is searched for: a regular expression over bytes, with smart case, that sees no colours.
//!
//! Never fails: what is no expression is taken literally.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::memchr;
use regex::bytes;

use crate::model::text::visible;

/// A search or a filter as the user typed it; `!` in front inverts. Clones share what matching needs.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    text: String,
    bytes: bytes::Regex,
    chars: regex::Regex,
    inverted: bool,
    insensitive: bool,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads what the user typed; `None` where that is nothing.
    pub fn new(text: &str) -> Option<Self> {
        let (inverted, pattern) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        if pattern.is_empty() {
            return None;
        }
        let insensitive = !pattern.chars().any(char::is_uppercase);
        let build = |p: &str| {
            let bytes = bytes::RegexBuilder::new(p).case_insensitive(insensitive).size_limit(1 << 20).build().ok()?;
            let chars = regex::RegexBuilder::new(p).case_insensitive(insensitive).size_limit(1 << 20).build().ok()?;
            Some((bytes, chars))
        };
        let (bytes, chars) = build(pattern).or_else(|| build(&regex::escape(pattern)))?;
        Some(Self(Arc::new(Compiled { text: text.to_owned(), bytes, chars, inverted, insensitive })))
    }

    /// What the user typed.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The expression to search for elsewhere, and whether case does not matter; `None` where lines without it are wanted.
    pub fn elsewhere(&self) -> Option<(String, bool)> {
        (!self.0.inverted).then(|| (self.0.chars.as_str().to_owned(), self.0.insensitive))
    }

    /// Whether a line passes. `escapes` says whether it may hold colours.
    pub fn matches(&self, line: &[u8], escapes: bool) -> bool {
        let found = if escapes && memchr(0x1b, line).is_some() {
            self.0.bytes.is_match(&without_colours(line))
        } else {
            self.0.bytes.is_match(line)
        };
        found != self.0.inverted
    }

    /// Where in a text it stands; nowhere where lines without it are wanted.
    pub fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        let found = (!self.0.inverted).then(|| self.0.chars.find_iter(text));
        found.into_iter().flatten().filter(|m| !m.is_empty()).map(|m| (m.start(), m.end()))
    }
}

/// The length of the colour sequence that `bytes` begins with.
pub(super) fn colour(bytes: &[u8]) -> Option<usize> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let end = body.iter().take(64).position(|b| !(b.is_ascii_digit() || *b == b';' || *b == b':'))?;
    (body[end] == b'm').then_some(end + 3)
}

/// A line without its colours.
pub fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr(0x1b, line) else { return Cow::Borrowed(line) };
    let mut out = Vec::with_capacity(line.len());
    out.extend_from_slice(&line[..first]);
    let mut rest = &line[first..];
    while !rest.is_empty() {
        let skipped = colour(rest).unwrap_or(0);
        rest = &rest[skipped..];
        // An escape that begins no colour is text like any other.
        let from = usize::from(skipped == 0).min(rest.len());
        let end = memchr(0x1b, &rest[from..]).map_or(rest.len(), |p| p + from);
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
    Cow::Owned(out)
}

/// A line for a terminal: its colours, which end with it, and its tabs; every other control character is made visible.
pub fn harmless(line: &[u8]) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut rest, mut coloured) = (line, false);
    while !rest.is_empty() {
        if let Some(n) = colour(rest) {
            out.extend(rest[..n].iter().copied().map(char::from));
            (rest, coloured) = (&rest[n..], true);
            continue;
        }
        let end = memchr(0x1b, &rest[1..]).map_or(rest.len(), |p| p + 1);
        out.extend(String::from_utf8_lossy(&rest[..end]).chars().map(|c| if c == '\t' { c } else { visible(c) }));
        rest = &rest[end..];
    }
    if coloured {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_smart_and_colours_are_not_seen() {
        let hits = |p: &str, line: &str| Pattern::new(p).unwrap().matches(line.as_bytes(), true);
        assert!(hits("error: x", "\x1b[31mERROR\x1b[0m: x") && !hits("Error", "error"));
        assert!(hits("!error", "fine") && !hits("!error", "error"));
        assert!(hits("a(", "a(b") && Pattern::new("").is_none() && Pattern::new("!").is_none());
        assert!(hits("^\u{fffd}?b", "b"));
        assert!(Pattern::new("x.y").unwrap().matches(b"\xffx\xfey x-y", false));
    }

    #[test]
    fn only_colours_are_taken_away() {
        assert_eq!(&*without_colours(b"a\x1b[1;31mb\x1b[0m\x1b[2Jc\x1b"), b"ab\x1b[2Jc\x1b");
        assert_eq!(&*without_colours(b"\x1b\x1b[mx"), b"\x1bx");
    }

    #[test]
    fn a_line_for_a_terminal_has_colours_and_nothing_else() {
        assert_eq!(harmless(b"a\x1b[1;31mb\tc"), "a\x1b[1;31mb\tc\x1b[0m");
        let hostile = b"\x1b]52;c;cm0=\x07 \x1b[2J \x1bP \r\x9b31m \xc2\x9b2J \x1b";
        let shown = harmless(hostile);
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.contains("]52;c;cm0="));
    }
}
