//! Bytes into lines: as they come, however they are cut.
//!
//! Keeps nothing but the unfinished line, and of that only what a terminal would still show.

use memchr::memchr2;

/// A line longer than this is broken, so that one line cannot hold all memory.
pub(super) const LONGEST: usize = 1 << 20;

/// Where splitting has got to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Splitter {
    /// The unfinished line.
    pub(super) text: Vec<u8>,
    /// A carriage return came last: the next character takes back what stands before it.
    back: bool,
    /// Where the unfinished line begins in the source.
    pub(super) start: u64,
    /// Where the next byte stands in the source.
    pub(super) next: u64,
}

impl Splitter {
    /// Goes on at another place, with no unfinished line.
    pub(super) fn at(place: u64) -> Self {
        Self { text: Vec::new(), back: false, start: place, next: place }
    }

    /// Whether no line is unfinished.
    pub(super) fn is_clear(&self) -> bool {
        self.text.is_empty() && !self.back
    }

    /// Takes the next bytes and hands out each line that they end, with the place where it began. A carriage return takes back what
    /// stood on the line before it, as on a terminal, so that a progress bar is its last state.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8], u64)) {
        while let Some(at) = memchr2(b'\n', b'\r', bytes) {
            self.extend(&bytes[..at], &mut line);
            self.next += 1;
            if bytes[at] == b'\n' {
                line(&self.text, self.start);
                self.clear();
            } else {
                self.back = true;
            }
            bytes = &bytes[at + 1..];
        }
        self.extend(bytes, &mut line);
    }

    fn extend(&mut self, mut text: &[u8], line: &mut impl FnMut(&[u8], u64)) {
        if !text.is_empty() && std::mem::take(&mut self.back) {
            self.text.clear();
        }
        while self.text.len() + text.len() > LONGEST {
            let (head, rest) = text.split_at(LONGEST - self.text.len());
            self.text.extend_from_slice(head);
            self.next += head.len() as u64;
            line(&self.text, self.start);
            self.clear();
            text = rest;
        }
        self.text.extend_from_slice(text);
        self.next += text.len() as u64;
    }

    /// Ends the unfinished line, if there is one.
    pub(super) fn finish(&mut self, mut line: impl FnMut(&[u8], u64)) {
        if !self.text.is_empty() {
            line(&self.text, self.start);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.text.clear();
        self.back = false;
        self.start = self.next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> (Vec<(Vec<u8>, u64)>, Splitter) {
        let (mut splitter, mut out) = (Splitter::at(7), Vec::new());
        for chunk in chunks {
            splitter.feed(chunk, |line, start| out.push((line.to_vec(), start)));
        }
        (out, splitter)
    }

    #[test]
    fn a_carriage_return_takes_back_and_a_line_end_keeps() {
        let (got, rest) = lines(&[b"one\r\n10%\r50%\r\n\r\n\nopen\rend\r"]);
        let text: Vec<_> = got.iter().map(|(l, s)| (String::from_utf8_lossy(l).into_owned(), *s)).collect();
        assert_eq!(text, [("one".into(), 7), ("50%".into(), 12), (String::new(), 21), (String::new(), 23)]);
        assert_eq!((rest.text.as_slice(), rest.start, rest.next), (&b"end"[..], 24, 33));
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_are_cut(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
            long in 0..3_usize,
        ) {
            let mut text = text;
            let middle = text.len() / 2;
            text.splice(middle..middle, vec![b'x'; long * 700_000]);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).chain([0, text.len()]).collect();
            at.sort_unstable();
            let parts: Vec<&[u8]> = at.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            prop_assert_eq!(lines(&parts), lines(&[&text]));
        }
    }
}
