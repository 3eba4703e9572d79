//! How the picker looks: the folder's path, its list, and the beginning of the file under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Look, sheet};
use super::{Picker, join};
use crate::app::panes::{prose, select, trouble};
use crate::model::duration::bytes;
use crate::model::{FileKind, Place, Preview};
use crate::ui::{Cut, Tone, fit, put};

pub(super) fn picker(picker: &Picker, buf: &mut Buffer, body: Rect, look: &Look<'_>) {
    let room = (body.width.saturating_sub(6), body.height.saturating_sub(4));
    let side = picker.side();
    let name = picker.cluster.name();
    let what = if picker.update { "a configuration" } else { "a script" };
    let (title, remark) = match &side.place {
        Place::Here => (format!("Pick {what} · this machine"), format!("{what} for {name}")),
        Place::Head(_) if side.is_store() => (format!("S3 · as the head node of {name} sees it"), String::new()),
        Place::Head(_) => (format!("Pick {what} · head node of {name}"), format!("{what} for {name}")),
    };
    let inner = sheet(buf, body, room, &title, &remark, look);
    path(picker, buf, inner, look);
    let left = (inner.width * 2 / 5).max(24).min(inner.width);
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), width: left, ..inner };
    list(picker, buf, below, look);
    let beside = Rect { x: inner.x + left + 2, width: inner.width.saturating_sub(left + 2), ..below };
    let Some(entry) = picker.under().filter(|entry| entry.kind == FileKind::File) else { return };
    let path = join(&side.path, &entry.name);
    match side.preview.as_ref().filter(|(of, _)| *of == path) {
        Some((_, Ok(preview))) => script(buf, beside, preview, look),
        Some((_, Err(failure))) => {
            trouble(buf, beside, failure, look);
        }
        None => {}
    }
}

/// The folder, and what its list is filtered by.
fn path(picker: &Picker, buf: &mut Buffer, inner: Rect, look: &Look<'_>) {
    let side = picker.side();
    let path = if side.loaded { side.path.clone() } else { format!("{} …", if side.asked.is_empty() { "~" } else { &side.asked }) };
    let path = fit(&path, usize::from(inner.width), Cut::Start);
    let used = put(buf, inner.x, inner.y, if path.is_empty() { "~" } else { &path }, inner.width, look.style(Tone::Strong));
    let (x, room) = (inner.x + used + 1, inner.width.saturating_sub(used + 1));
    match &picker.typing {
        Some(field) => {
            put(buf, x, inner.y, "/", 1, look.style(Tone::Key));
            field.draw(buf, x + 1, inner.y, room.saturating_sub(1), look.style(Tone::Plain), false);
        }
        None if !side.filter.is_empty() => {
            put(buf, x, inner.y, &format!("/{}", side.filter), room, look.style(Tone::Key));
        }
        None => {}
    }
}

fn list(picker: &Picker, buf: &mut Buffer, area: Rect, look: &Look<'_>) {
    let (side, shown) = (picker.side(), picker.shown());
    if let Some(failure) = &side.failure {
        trouble(buf, area, failure, look);
    } else if !side.loaded && side.entries.is_empty() {
        prose(buf, area, "Reading …", look.style(Tone::Dim));
    } else if shown.is_empty() {
        prose(buf, area, "Nothing here.", look.style(Tone::Dim));
    }
    let mut cursor = side.cursor;
    cursor.settle(shown.len(), usize::from(area.height));
    for (i, (y, entry)) in (area.y..area.bottom()).zip(shown.iter().skip(cursor.offset)).enumerate() {
        let is_folder = entry.kind == FileKind::Folder;
        let (name, size) = if is_folder { (format!("{}/", entry.name), String::new()) } else { (entry.name.clone(), bytes(entry.size)) };
        let room = area.width.saturating_sub(10);
        let tone = if is_folder { Tone::Works } else { Tone::Plain };
        put(buf, area.x, y, &fit(&name, usize::from(room), Cut::Middle), room, look.style(tone));
        put(buf, area.x + room + 1, y, &format!("{size:>8}"), 8, look.style(Tone::Dim));
        if cursor.offset + i == side.cursor.index {
            select(buf, area, y, look, true);
        }
    }
}

/// The beginning of a script, its directives set off.
pub(in crate::app::overlays) fn script(buf: &mut Buffer, area: Rect, preview: &Preview, look: &Look<'_>) {
    if preview.is_binary {
        prose(buf, area, &format!("Not a text file ({}).", bytes(preview.size)), look.style(Tone::Dim));
        return;
    }
    for (y, text) in (area.y..area.bottom()).zip(preview.text.lines()) {
        let tone = match text {
            t if ["#SBATCH", "#PBS", "#$"].iter().any(|d| t.starts_with(d)) => Tone::Key,
            t if t.starts_with('#') => Tone::Dim,
            _ => Tone::Plain,
        };
        let mut x = area.x;
        for (piece, _) in crate::ui::ansi::pieces(text, look.style(tone)) {
            x += put(buf, x, y, &piece, area.right().saturating_sub(x), look.style(tone));
        }
    }
}
