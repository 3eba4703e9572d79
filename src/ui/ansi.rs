//! A log line as styled pieces: colours are honoured, tabs are stops, every other control becomes visible and harmless.
//!
//! Emits no byte that it did not make itself: only styles and cleaned text leave here.

use ratatui::style::{Color, Modifier, Style};

use crate::model::text;

/// Splits a line into pieces with their styles. The style does not carry over to the next line.
pub fn pieces(line: &str, base: Style) -> Vec<(String, Style)> {
    let mut out: Vec<(String, Style)> = Vec::new();
    let mut style = base;
    let mut column = 0;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\x1b'
            && let Some((parameters, length)) = sgr(rest)
        {
            style = apply(parameters, style, base);
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let mut add = |s: &str| match out.last_mut() {
            Some((text, last)) if *last == style => text.push_str(s),
            _ => out.push((s.to_owned(), style)),
        };
        if c == '\t' {
            let stop = 8 - column % 8;
            add(&" ".repeat(stop));
            column += stop;
        } else {
            let shown = text::visible(c);
            add(shown.encode_utf8(&mut [0; 4]));
            column += unicode_width::UnicodeWidthChar::width(shown).unwrap_or(0);
        }
    }
    out
}

/// The parameters and the length of the colour sequence that `text` begins with.
fn sgr(text: &str) -> Option<(&str, usize)> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.bytes().take(64).position(|b| !(b.is_ascii_digit() || b == b';' || b == b':'))?;
    (body.as_bytes()[end] == b'm').then(|| (&body[..end], end + 3))
}

fn apply(parameters: &str, mut style: Style, base: Style) -> Style {
    let mut numbers = parameters.split([';', ':']).map(|n| if n.is_empty() { Some(0) } else { n.parse::<u8>().ok() });
    while let Some(number) = numbers.next() {
        let Some(number) = number else { continue };
        style = match number {
            0 => base,
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            9 => style.add_modifier(Modifier::CROSSED_OUT),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            29 => style.remove_modifier(Modifier::CROSSED_OUT),
            30..=37 => style.fg(Color::Indexed(number - 30)),
            39 => style.fg(Color::Reset),
            40..=47 => style.bg(Color::Indexed(number - 40)),
            49 => style.bg(Color::Reset),
            90..=97 => style.fg(Color::Indexed(number - 82)),
            100..=107 => style.bg(Color::Indexed(number - 92)),
            38 | 48 => {
                let colour = match (numbers.next().flatten(), numbers.next().flatten()) {
                    (Some(5), Some(n)) => Some(Color::Indexed(n)),
                    (Some(2), Some(r)) => match (numbers.next().flatten(), numbers.next().flatten()) {
                        (Some(g), Some(b)) => Some(Color::Rgb(r, g, b)),
                        _ => None,
                    },
                    _ => None,
                };
                match (colour, number) {
                    (Some(c), 38) => style.fg(c),
                    (Some(c), _) => style.bg(c),
                    (None, _) => style,
                }
            }
            _ => style,
        };
    }
    style
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(line: &str) -> String {
        pieces(line, Style::new()).into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn colours_become_styles_and_everything_else_is_seen() {
        let got = pieces("a\x1b[31;1mred\x1b[0m b\x1b[38;5;200mx\x1b[48;2;1;2;3my", Style::new());
        assert_eq!(got[0], ("a".into(), Style::new()));
        assert_eq!(got[1], ("red".into(), Style::new().fg(Color::Indexed(1)).add_modifier(Modifier::BOLD)));
        assert_eq!(got[3].1.fg, Some(Color::Indexed(200)));
        assert_eq!(got[4].1.bg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(shown("\x1b]52;c;QQ==\x07\x1b[2J\x1b[?1049h\x1b[31"), "␛]52;c;QQ==␇␛[2J␛[?1049h␛[31");
        assert_eq!(shown("a\tb"), "a       b");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_a_terminal_gets_through(line in "\\PC*|[\\x00-\\xff]*|(\\x1b\\[[0-9;:]*[a-zA-Z]?)*") {
            prop_assert!(!shown(&line).chars().any(crate::model::text::is_control));
        }
    }
}
