//! A log's line as styled pieces, and any text that is put on the screen: nothing that steers a terminal is left.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qdeck::model::text::{clean, is_control, quoted};
use qdeck::ui::ansi::{painted, pieces};
use qdeck::ui::paint::{Cut, fit, width};
use ratatui::style::{Color, Style};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let styled = pieces(&text, Style::new());
    let shown: String = styled.iter().map(|(text, _)| text.as_str()).collect();
    assert!(!shown.chars().any(is_control), "{shown:?}");
    let middle = (0..=shown.len() / 2).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
    let painted: String = painted(styled, &[(0, middle)], Style::new().fg(Color::Red)).into_iter().map(|(text, _)| text).collect();
    assert_eq!(painted, shown, "ink changes no text");
    assert!(!clean(&text).chars().any(is_control));
    for cut in [Cut::End, Cut::Middle, Cut::Start] {
        let room = data.first().map_or(0, |room| usize::from(*room));
        let fitted = fit(&text, room, cut);
        assert!(width(&fitted) <= room && !fitted.chars().any(is_control), "{fitted:?} in {room}");
    }
    // Null bytes end a word for a shell and reach none.
    if !text.contains('\0') {
        assert_eq!(shell_words::split(&quoted(&text)).ok(), Some(vec![text.into_owned()]), "one word, whatever it holds");
    }
});
