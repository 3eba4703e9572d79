//! A regular expression as `grep -E` understands it: the same lines match, or it is refused in plain words.
//!
//! Never approximates, but that `\d \w \s \b` know ASCII only, as grep does: what has no exact translation is an error.

use crate::model::{Failure, FailureKind};

/// Any character of more than one byte, where characters are bytes.
const WIDE: &[u8] = b"[\xc2-\xf4][\x80-\xbf][\x80-\xbf]*";

/// The expression as bytes for `LC_ALL=C grep -E`, and whether case does not matter.
pub(super) fn extended(pattern: &str, insensitive: bool) -> Result<(Vec<u8>, bool), Failure> {
    regex::Regex::new(pattern).map_err(|error| {
        let said = error.to_string();
        Failure::new(FailureKind::Rejected, "the search", said.lines().last().unwrap_or("this is no regular expression"))
            .hint("A backslash before a character takes its meaning away: \\( \\[ \\.")
    })?;
    let mut reader = Reader { rest: pattern, out: Vec::new(), insensitive };
    reader.all().map_err(|what| {
        Failure::new(FailureKind::Unsupported, "the search", format!("{what} cannot be searched for on the machine where the log is"))
            .hint("Use plain text, . * + ? | ( ) [ ], \\d \\w \\s \\b; what is loaded can be searched with anything.")
    })?;
    Ok((reader.out, reader.insensitive))
}

struct Reader<'a> {
    rest: &'a str,
    out: Vec<u8>,
    insensitive: bool,
}

/// A set of characters, written inside the brackets of POSIX.
#[derive(Default)]
struct Set {
    items: Vec<u8>,
    closing: bool,
    dash: bool,
    caret: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn all(&mut self) -> Result<(), String> {
        let mut is_first = true;
        while let Some(c) = self.next() {
            match c {
                '(' if self.rest.starts_with('?') => self.group(is_first)?,
                '(' | ')' | '|' | '^' | '$' => self.out.push(c as u8),
                '*' | '+' | '?' => {
                    self.out.push(c as u8);
                    // How much is taken first makes no difference to whether a line matches.
                    self.eat("?");
                }
                '{' => self.repetition()?,
                '.' => self.one(b".", b"[\x01-\x7f]"),
                '[' => self.class()?,
                '\\' => self.escape()?,
                c => self.literal(c),
            }
            is_first = false;
        }
        Ok(())
    }

    /// `(?:`, `(?P<name>`, `(?<name>`, and `(?i)` at the beginning.
    fn group(&mut self, is_first: bool) -> Result<(), String> {
        if self.eat("?:") {
            self.out.push(b'(');
            return Ok(());
        }
        if self.eat("?P<") || self.eat("?<") {
            let (_, rest) = self.rest.split_once('>').ok_or("an unfinished name")?;
            self.rest = rest;
            self.out.push(b'(');
            return Ok(());
        }
        let (flags, rest) = self.rest[1..].split_once(')').unwrap_or(("", ""));
        if is_first && !flags.is_empty() && flags.chars().all(|c| matches!(c, 'i' | 'm' | 's' | 'u')) {
            self.insensitive |= flags.contains('i');
            self.rest = rest;
            return Ok(());
        }
        Err(format!("({}", self.rest.split([')', ':']).next().unwrap_or("?")))
    }

    fn repetition(&mut self) -> Result<(), String> {
        let (counts, rest) = self.rest.split_once('}').ok_or("an unfinished {")?;
        let (from, to) = counts.split_once(',').map_or((counts, None), |(from, to)| (from, Some(to)));
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| *n <= 255);
        let low = if from.trim().is_empty() { Some(0) } else { number(from) };
        let high = to.map(str::trim).filter(|to| !to.is_empty());
        let (Some(low), true) = (low, high.is_none_or(|h| number(h).is_some())) else { return Err(format!("{{{counts}}}")) };
        let text = match to {
            None => format!("{{{low}}}"),
            Some(_) => format!("{{{low},{}}}", high.unwrap_or("")),
        };
        self.out.extend(text.as_bytes());
        self.rest = rest;
        self.eat("?");
        Ok(())
    }

    /// One character: of single bytes `narrow`, or any one of several bytes. Repeated, the bytes `any` add up to the same.
    fn one(&mut self, any: &[u8], narrow: &[u8]) {
        if any == narrow || self.rest.starts_with(['*', '+']) {
            self.out.extend(any);
            return;
        }
        self.out.push(b'(');
        self.out.extend(narrow);
        self.out.push(b'|');
        self.out.extend(WIDE);
        self.out.push(b')');
    }

    fn set(&mut self, set: &Set, negated: bool) {
        let any = set.brackets(negated, false);
        self.one(&any, &set.brackets(negated, negated));
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii() {
            if r"\.[]{}()*+?|^$".contains(c) {
                self.out.push(b'\\');
            }
            self.out.push(c as u8);
            return;
        }
        // Several bytes stay one thing, and both cases are named: grep does not know them here.
        let mut forms = vec![c.to_string()];
        if self.insensitive {
            forms.extend([c.to_lowercase().collect(), c.to_uppercase().collect()]);
            forms.sort();
            forms.dedup();
        }
        self.out.extend(format!("({})", forms.join("|")).as_bytes());
    }

    fn escape(&mut self) -> Result<(), String> {
        let c = self.next().ok_or("a last backslash")?;
        match c {
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => {
                let mut set = Set::default();
                set.named(c.to_ascii_lowercase());
                self.set(&set, c.is_ascii_uppercase());
            }
            'b' | 'B' | '<' | '>' => self.out.extend([b'\\', c as u8]),
            'A' => self.out.push(b'^'),
            'z' => self.out.push(b'$'),
            c => {
                let c = self.character(c)?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// The character that an escape stands for.
    fn character(&mut self, c: char) -> Result<char, String> {
        match c {
            't' => Ok('\t'),
            'r' => Ok('\r'),
            'f' => Ok('\x0c'),
            'v' => Ok('\x0b'),
            'a' => Ok('\x07'),
            'x' | 'u' | 'U' => {
                let length = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits = if self.eat("{") {
                    let (digits, rest) = self.rest.split_once('}').ok_or("an unfinished number")?;
                    self.rest = rest;
                    digits
                } else {
                    let (digits, rest) = self.rest.split_at_checked(length).ok_or("an unfinished number")?;
                    self.rest = rest;
                    digits
                };
                let found = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                found.filter(|c| !matches!(c, '\n' | '\0')).ok_or_else(|| format!("\\{c}{digits}"))
            }
            c if c.is_ascii_punctuation() || c == ' ' => Ok(c),
            c => Err(format!("\\{c}")),
        }
    }

    /// `[a-z_\d]`.
    fn class(&mut self) -> Result<(), String> {
        let negated = self.eat("^");
        let mut set = Set::default();
        let mut is_first = true;
        loop {
            let c = self.next().ok_or("an unfinished [")?;
            match c {
                ']' if !is_first => break,
                '[' => {
                    let name = self.rest.strip_prefix(':').and_then(|rest| rest.split_once(":]"));
                    let (name, rest) = name.filter(|(name, _)| !name.starts_with('^')).ok_or("[ inside [ ]")?;
                    set.items.extend(format!("[:{name}:]").as_bytes());
                    self.rest = rest;
                }
                '&' if self.rest.starts_with('&') => return Err("&& inside [ ]".into()),
                '-' if self.rest.starts_with('-') => return Err("-- inside [ ]".into()),
                '~' if self.rest.starts_with('~') => return Err("~~ inside [ ]".into()),
                '\\' if self.rest.starts_with(['d', 'w', 's']) => {
                    let name = self.next().unwrap_or('d');
                    set.named(name);
                }
                c => {
                    let first = self.member(c)?;
                    if self.rest.starts_with('-') && !self.rest.starts_with("-]") && !self.rest.starts_with("--") {
                        self.eat("-");
                        let next = self.next().ok_or("an unfinished [")?;
                        let last = self.member(next)?;
                        // Bytes in these places would read as something else.
                        if [first, last].iter().any(|c| "]-^[".contains(*c)) {
                            return Err(format!("the range {first}-{last}"));
                        }
                        set.items.extend([first as u8, b'-', last as u8]);
                    } else {
                        set.add(first);
                    }
                }
            }
            is_first = false;
        }
        self.set(&set, negated);
        Ok(())
    }

    fn member(&mut self, c: char) -> Result<char, String> {
        let c = if c == '\\' {
            let c = self.next().ok_or("a last backslash")?;
            self.character(c)?
        } else {
            c
        };
        if c.is_ascii() { Ok(c) } else { Err(format!("{c} inside [ ]")) }
    }
}

impl Set {
    fn named(&mut self, name: char) {
        self.items.extend(match name {
            'd' => b"0-9".as_slice(),
            'w' => b"[:alnum:]_",
            _ => b"[:space:]",
        });
    }

    fn add(&mut self, c: char) {
        match c {
            ']' => self.closing = true,
            '-' => self.dash = true,
            '^' => self.caret = true,
            // First, it cannot begin `[:`, `[.` or `[=`.
            '[' => self.items.insert(0, b'['),
            c => self.items.push(c as u8),
        }
    }

    fn brackets(&self, negated: bool, ascii: bool) -> Vec<u8> {
        let mut out = if negated { b"[^".to_vec() } else { b"[".to_vec() };
        out.extend(self.closing.then_some(b']'));
        out.extend(&self.items);
        if ascii {
            out.extend(b"\x80-\xff");
        }
        out.extend(self.caret.then_some(b'^'));
        out.extend(self.dash.then_some(b'-'));
        // Only a caret: first it would turn the set round.
        if out == b"[^" && !negated {
            return b"\\^".to_vec();
        }
        if out == b"[^-" && !negated {
            return b"[-^]".to_vec();
        }
        out.push(b']');
        out
    }
}

#[cfg(test)]
mod tests;
