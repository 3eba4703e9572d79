//! Pieces of Grid Engine's XML: enough to read what its commands print, in any order of elements and cut off anywhere.
//!
//! Builds no tree and trusts no shape: what is not there is not found, and nothing that a user wrote can open or close an element.

use std::borrow::Cow;

/// One whole element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// What stands in its first tag beside the name.
    pub(super) attributes: &'a str,
    /// Everything between its tags.
    pub(super) inner: &'a str,
}

/// The whole elements of one name, in order.
pub(super) struct Pieces<'a, 'n> {
    rest: &'a str,
    name: &'n str,
    nests: bool,
    /// Elements that were begun and not ended.
    pub(super) cut: u32,
}

/// The elements called `name`, which holds none of its own name: another beginning means that the end of the one before is missing.
pub(super) fn each<'a, 'n>(text: &'a str, name: &'n str) -> Pieces<'a, 'n> {
    Pieces { rest: text, name, nests: false, cut: 0 }
}

/// The outermost elements called `name`, which may hold others of that name.
pub(super) fn outer<'a, 'n>(text: &'a str, name: &'n str) -> Pieces<'a, 'n> {
    Pieces { rest: text, name, nests: true, cut: 0 }
}

/// The first element called `name`.
pub(super) fn first<'a>(text: &'a str, name: &str) -> Option<Piece<'a>> {
    outer(text, name).next()
}

impl<'a> Iterator for Pieces<'a, '_> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let (mut attributes, mut from, mut depth) = ("", 0, 0_u32);
        let mut at = 0;
        while let Some(tag) = tag(self.rest, at) {
            at = tag.end;
            if tag.name != self.name {
                continue;
            }
            match (tag.is_end, depth) {
                (true, 0) => {}
                (true, 1) => {
                    let inner = &self.rest[from..tag.start];
                    self.rest = &self.rest[tag.end..];
                    return Some(Piece { attributes, inner });
                }
                (true, _) => depth -= 1,
                (false, 0) if tag.is_empty => {
                    self.rest = &self.rest[tag.end..];
                    return Some(Piece { attributes: tag.attributes, inner: "" });
                }
                (false, _) if tag.is_empty => {}
                (false, 0) => (attributes, from, depth) = (tag.attributes, tag.end, 1),
                (false, _) if self.nests => depth += 1,
                (false, _) => {
                    self.cut += 1;
                    (attributes, from) = (tag.attributes, tag.end);
                }
            }
        }
        self.cut += u32::from(depth > 0);
        self.rest = "";
        None
    }
}

/// Each element that holds text only: its name, the rest of its first tag, its text as written.
pub(super) fn leaves(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(open) = tag(text, at) {
            at = open.end;
            if open.is_end {
                continue;
            }
            if open.is_empty {
                return Some((open.name, open.attributes, ""));
            }
            if let Some(close) = tag(text, open.end).filter(|close| close.is_end && close.name == open.name) {
                at = close.end;
                return Some((open.name, open.attributes, &text[open.end..close.start]));
            }
        }
        None
    })
}

/// The text of the first element called `name` that holds text only.
pub(super) fn text<'a>(piece: &'a str, name: &str) -> Option<Cow<'a, str>> {
    leaves(piece).find(|(n, ..)| *n == name).map(|(_, _, raw)| plain(raw))
}

/// The value of an attribute, in either kind of quotes.
pub(super) fn attribute<'a>(attributes: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once('=') {
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, later) = after[1..].split_once(quote)?;
        if key.trim() == name {
            return Some(plain(value));
        }
        rest = later;
    }
    None
}

/// Text with its entities resolved. Grid Engine 8 writes `%lt;` where it means `&lt;`.
pub(super) fn plain(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|b| b == b'&' || b == b'%') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '%']) {
        out.push_str(&rest[..at]);
        let here = &rest[at..];
        // The longest entity there is: a character's number.
        let end = here.bytes().take(10).position(|b| b == b';');
        let found = end.and_then(|end| Some((entity(&here[..end])?, end + 1)));
        let (c, len) = found.unwrap_or((char::from(here.as_bytes()[0]), 1));
        out.push(c);
        rest = &here[len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(word: &str) -> Option<char> {
    match word {
        "&lt" | "%lt" => Some('<'),
        "&gt" => Some('>'),
        "&amp" => Some('&'),
        "&quot" => Some('"'),
        "&apos" => Some('\''),
        _ => {
            let number = word.strip_prefix("&#")?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    is_end: bool,
    is_empty: bool,
    start: usize,
    end: usize,
}

/// The next tag at or after `from`; comments and declarations are passed over.
fn tag(text: &str, mut from: usize) -> Option<Tag<'_>> {
    loop {
        let start = from + memchr::memchr(b'<', text.as_bytes().get(from..)?)?;
        let end = start + memchr::memchr(b'>', &text.as_bytes()[start..])? + 1;
        let body = &text[start + 1..end - 1];
        if body.starts_with(['?', '!']) {
            from = end;
            continue;
        }
        let (is_end, body) = body.strip_prefix('/').map_or((false, body), |body| (true, body));
        let (is_empty, body) = body.strip_suffix('/').map_or((false, body), |body| (true, body));
        let (name, attributes) = body.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((body, ""));
        return Some(Tag { name, attributes, is_end, is_empty, start, end });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_know_where_they_end() {
        let text = "<?xml?><a><l x='1'>in</l><l2>no</l2><l/><e>1<e>2</e></e><l>cut<l y=\"2\">b</l></a><l>end";
        let mut pieces = each(text, "l");
        let found: Vec<_> = pieces.by_ref().map(|p| (p.attributes, p.inner)).collect();
        assert_eq!((found, pieces.cut), (vec![("x='1'", "in"), ("", ""), ("y=\"2\"", "b")], 2));
        assert_eq!(first(text, "e").unwrap().inner, "1<e>2</e>");
        assert_eq!(attribute("a='1' b=\"x &amp; y\"", "b").unwrap(), "x & y");
        assert_eq!((attribute("b", "b"), attribute("b=1", "b"), attribute("b='1", "b")), (None, None, None));
    }

    #[test]
    fn entities_are_what_they_stand_for() {
        assert_eq!(
            plain("a%lt;b&gt;&amp;lt;&quot;&apos;&#10;&#x202e;&nope;%n&;&#xffffffff;"),
            "a<b>&lt;\"'\n\u{202e}&nope;%n&;&#xffffffff;"
        );
        assert_eq!(plain("&"), "&");
        assert!(matches!(plain("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(<|>|/|a|b|&|%lt;|é|'|\"|=|\\?| |!){0,60}") {
            let _ = each(&text, "a").count() + outer(&text, "a").count() + leaves(&text).count();
            let _ = (attribute(&text, "a"), plain(&text).len());
        }

        #[test]
        fn what_is_escaped_comes_back(name in any::<String>()) {
            let escaped = name.replace('&', "&amp;").replace('<', "%lt;").replace('>', "&gt;");
            let text = format!("<x><n>{escaped}</n></x>");
            let back = super::text(first(&text, "x").unwrap().inner, "n").unwrap().into_owned();
            // A name that holds Grid Engine's own mistake cannot be told from it.
            prop_assert_eq!(back, name.replace("%lt;", "<"));
        }
    }
}
