//! What is shown, to be written somewhere else: a snapshot that is turned into bytes away from the drawing path.
//!
//! Holds no text of its own.

use std::collections::VecDeque;
use std::io::{self, Write};

use super::{At, Lines, Shown, Strand, Weave, pattern};

/// Lines of some logs in the order in which they are shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Printout {
    /// Each log, what goes before its lines, and which of them are shown where not all are.
    pub logs: Vec<(String, Lines, Option<VecDeque<i64>>)>,
    /// Nothing earlier, in milliseconds since 1970 UTC.
    pub since: Option<i64>,
    /// The first and the last line, where not all are wanted.
    pub range: Option<(At, At)>,
}

impl Printout {
    /// Writes the lines. `plain`: without colours, else as it stands. Not plain: for a terminal, with colours and no other control characters.
    pub fn write(&self, out: &mut dyn Write, plain: bool) -> io::Result<()> {
        let strands = self.logs.iter().map(|(_, lines, kept)| {
            let strand = Strand::new(lines, kept.as_ref(), kept.is_none());
            self.since.map_or(strand, |since| strand.since(since))
        });
        let weave = Weave::new(strands.collect());
        let (first, last) = self.range.map_or((0, weave.len()), |(a, b)| (weave.rank(a), weave.rank(b) + 1));
        let mut gap = weave.nth(first);
        for _ in first..last {
            let Some(at) = weave.next(&mut gap) else { break };
            let (tag, lines, _) = &self.logs[at.log];
            out.write_all(tag.as_bytes())?;
            match lines.get(at.line) {
                Some(Shown::Text(text)) if plain => out.write_all(&pattern::without_colours(text))?,
                Some(Shown::Text(text)) => out.write_all(pattern::harmless(text).as_bytes())?,
                Some(Shown::Mark(remark)) => out.write_all(remark.as_bytes())?,
                None => {}
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_they_are_shown() {
        let mut lines = Lines::new(1 << 20, 0, false);
        lines.feed(0, b"a\n\x1b[31mb\x1b[0m\nc\nopen", 0);
        let (a, c) = (At { log: 0, line: 1 }, At { log: 0, line: 3 });
        let printout = |range, kept| Printout { logs: vec![("x│".into(), lines.clone(), kept)], since: None, range };
        let text = |p: Printout| {
            let mut out = Vec::new();
            p.write(&mut out, true).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(printout(None, None)), "x│a\nx│b\nx│c\nx│open\n");
        assert_eq!(text(printout(Some((a, c)), None)), "x│b\nx│c\nx│open\n");
        assert_eq!(text(printout(None, Some([0, 2].into()))), "x│a\nx│c\n");
    }
}
