//! A log line as styled pieces: colours are honoured, tabs are stops, every other control becomes visible and harmless.
//!
//! Emits no byte that it did not make itself: only styles and cleaned text leave here.

use ratatui::style::{Color, Modifier, Style};

use crate::model::text;

/// A piece of text and its style.
pub type Piece = (String, Style);

/// Splits a line into pieces with their styles. The style does not carry over to the next line: lines are seen in any order.
pub fn pieces(line: &str, base: Style) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    let mut style = base;
    let mut column = 0;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if c == '\x1b'
            && let Some((parameters, last, length)) = sequence(rest)
        {
            match last {
                b'm' => style = apply(parameters, style, base),
                // What erases shows nothing by itself.
                b'K' if matches!(parameters, "" | "0" | "1" | "2") => {}
                _ => {
                    add(&mut out, "␛", style);
                    column += 1;
                    rest = &rest[1..];
                    continue;
                }
            }
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if c == '\t' {
            let stop = 8 - column % 8;
            add(&mut out, &" ".repeat(stop), style);
            column += stop;
        } else {
            let shown = text::visible(c);
            add(&mut out, shown.encode_utf8(&mut [0; 4]), style);
            column += unicode_width::UnicodeWidthChar::width(shown).unwrap_or(0);
        }
    }
    out
}

fn add(out: &mut Vec<Piece>, text: &str, style: Style) {
    match out.last_mut() {
        Some((last, same)) if *same == style => last.push_str(text),
        _ => out.push((text.to_owned(), style)),
    }
}

/// Lays a style over stretches of bytes of the text that the pieces make together. The stretches ascend.
pub fn painted(pieces: Vec<Piece>, stretches: &[(usize, usize)], ink: Style) -> Vec<Piece> {
    if stretches.is_empty() {
        return pieces;
    }
    let mut out = Vec::new();
    let (mut at, mut open) = (0, stretches.iter().copied().peekable());
    for (text, style) in pieces {
        let end = at + text.len();
        let mut from = at;
        while let Some((a, b)) = open.peek().copied().filter(|(a, _)| *a < end) {
            let (a, cut) = (a.max(from), b.min(end));
            if a > from {
                out.push((text[from - at..a - at].to_owned(), style));
            }
            if cut > a {
                out.push((text[a - at..cut - at].to_owned(), style.patch(ink)));
            }
            from = cut.max(from);
            if b > end {
                break;
            }
            open.next();
        }
        if from < end {
            out.push((text[from - at..].to_owned(), style));
        }
        at = end;
    }
    out
}

/// The parameters, the last byte and the length of the control sequence that `text` begins with.
fn sequence(text: &str) -> Option<(&str, u8, usize)> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.bytes().take(64).position(|b| !(b.is_ascii_digit() || b == b';' || b == b':'))?;
    Some((&body[..end], body.as_bytes()[end], end + 3))
}

fn apply(parameters: &str, mut style: Style, base: Style) -> Style {
    let mut codes = parameters.split(';');
    while let Some(code) = codes.next() {
        // `38:2::1:2:3` is one code with its own parts, `38;2;1;2;3` are five.
        let mut parts = code.split(':');
        let number = |part: Option<&str>| part.and_then(|n| if n.is_empty() { Some(0) } else { n.parse::<u8>().ok() });
        let Some(code) = number(parts.next()) else { continue };
        let detail: Vec<&str> = parts.collect();
        style = match code {
            0 => base,
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 if detail.first() == Some(&"0") => style.remove_modifier(Modifier::UNDERLINED),
            4 | 21 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            9 => style.add_modifier(Modifier::CROSSED_OUT),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            29 => style.remove_modifier(Modifier::CROSSED_OUT),
            30..=37 => style.fg(Color::Indexed(code - 30)),
            39 => style.fg(base.fg.unwrap_or(Color::Reset)),
            40..=47 => style.bg(Color::Indexed(code - 40)),
            49 => style.bg(base.bg.unwrap_or(Color::Reset)),
            90..=97 => style.fg(Color::Indexed(code - 82)),
            100..=107 => style.bg(Color::Indexed(code - 92)),
            38 | 48 => {
                let colour = if detail.is_empty() {
                    colour(number(codes.next()), || number(codes.next()))
                } else {
                    // The colour space between `2` and the three colours may be there or not.
                    let skip = usize::from(detail.first() == Some(&"2") && detail.len() > 4);
                    let mut rest = detail.iter().skip(1 + skip);
                    colour(number(detail.first().copied()), || number(rest.next().copied()))
                };
                match (colour, code) {
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

/// A colour of 256, or of 16 million, after the number that says which.
fn colour(kind: Option<u8>, mut next: impl FnMut() -> Option<u8>) -> Option<Color> {
    match kind? {
        5 => Some(Color::Indexed(next()?)),
        2 => Some(Color::Rgb(next()?, next()?, next()?)),
        _ => None,
    }
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
        assert_eq!(shown("\x1b[01;31m\x1b[Kfound\x1b[m\x1b[K \x1b[3A"), "found ␛[3A");
    }

    #[test]
    fn every_way_to_write_a_colour_is_understood() {
        let style = |codes: &str| pieces(&format!("\x1b[{codes}mx"), Style::new().fg(Color::Red))[0].1;
        assert_eq!(style("38:2::1:2:3").fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(style("38:2:1:2:3").fg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(style("48:5:9").bg, Some(Color::Indexed(9)));
        assert_eq!(style("38;2;1;2;3;1"), Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        assert_eq!(style("4:3"), Style::new().fg(Color::Red).add_modifier(Modifier::UNDERLINED));
        assert_eq!(style("95;39").fg, Some(Color::Red), "the default is the line's own colour");
        assert_eq!(style("97").fg, Some(Color::Indexed(15)));
        assert_eq!(style("8;5;38;5"), Style::new().fg(Color::Red), "what would hide text or blink is left out");
    }

    #[test]
    fn hits_are_painted_across_pieces() {
        let hit = Style::new().bg(Color::Yellow);
        let line = pieces("ab\x1b[31mcd\x1b[0mef", Style::new());
        let got = painted(line, &[(0, 1), (1, 3), (5, 6)], hit);
        let red = Style::new().fg(Color::Indexed(1));
        let expected = [("a", hit), ("b", hit), ("c", red.patch(hit)), ("d", red), ("e", Style::new()), ("f", hit)];
        assert_eq!(got, expected.map(|(t, s)| (t.to_owned(), s)));
    }

    proptest! {
        #[test]
        fn any_bytes_of_a_log_are_harmless(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&line);
            prop_assert!(!shown(&text).chars().any(crate::model::text::is_control));
        }

        #[test]
        fn painting_changes_no_text(line in "[a-zé日\\x1b\\[31m]{0,40}", cuts in proptest::collection::vec(0_usize..60, 0..6)) {
            let plain = shown(&line);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| plain.is_char_boundary(*c)).collect();
            cuts.sort_unstable();
            let stretches: Vec<(usize, usize)> = cuts.chunks_exact(2).map(|c| (c[0], c[1])).collect();
            let painted: String = painted(pieces(&line, Style::new()), &stretches, Style::new().fg(Color::Red)).into_iter().map(|(t, _)| t).collect();
            prop_assert_eq!(painted, plain);
        }

        #[test]
        fn nothing_that_steers_a_terminal_gets_through(line in "\\PC*|[\\x00-\\xff]*|(\\x1b\\[[0-9;:]*[a-zA-Z]?)*") {
            prop_assert!(!shown(&line).chars().any(crate::model::text::is_control));
        }
    }
}
