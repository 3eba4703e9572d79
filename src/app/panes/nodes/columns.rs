//! One node in one row: what matters most in a narrow list, and columns where there is room.
//!
//! Only draws; what a row says is decided by its width and its node.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::Look;
use super::super::state::node_tone;
use crate::model::{Alert, Node, NodePhase};
use crate::ui::{Cut, Tone, fit, put, width};

/// A column: its heading, its cells, whether it stands at the right edge.
type Column = (&'static str, u16, bool);

/// Those that fit into `room`; the name takes what the others leave of its share, the last one all that is left.
fn columns(room: u16) -> Vec<Column> {
    let name = match room {
        0..100 => 22,
        100..130 => 26,
        _ => 32,
    };
    let mut all: Vec<Column> = vec![("NODE", name, false), ("STATE", 7, false)];
    if room >= 110 {
        all.push(("PARTITION", 10, false));
    }
    all.extend([("CPUS", 7, true), ("", 6, false)]);
    if room >= 90 {
        all.extend([("LOAD", 6, true), ("MEM GB", 10, true)]);
    }
    if room >= 120 {
        all.push(("GRES", 8, false));
    }
    if room >= 150 {
        all.push(("TYPE", 14, false));
    }
    all.push(("JOBS / REASON", 0, false));
    all
}

/// The headings.
pub(super) fn heading(buf: &mut Buffer, area: Rect, look: &Look<'_>) {
    place(buf, Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area }, |name, _| (name.to_owned(), Tone::Dim), look);
}

/// Puts a text into each column of a row.
fn place(buf: &mut Buffer, area: Rect, text: impl Fn(&'static str, u16) -> (String, Tone), look: &Look<'_>) {
    let mut x = area.x;
    for (name, cells, right) in columns(area.width) {
        let cells = if cells == 0 { area.right().saturating_sub(x) } else { cells };
        let (text, tone) = text(name, cells);
        let cut = if name == "NODE" { Cut::Middle } else { Cut::End };
        let text = fit(&text, usize::from(cells), cut);
        let pad = if right { cells.saturating_sub(u16::try_from(width(&text)).unwrap_or(0)) } else { 0 };
        put(buf, x + pad, area.y, &text, cells - pad, look.style(tone));
        x += cells + 1;
    }
}

/// Sign or mark, with the tone of what the node does.
fn sign(buf: &mut Buffer, area: Rect, node: &Node, (stale, marked): (bool, bool), look: &Look<'_>) -> Tone {
    let (sign, tone) = node_tone(node.phase);
    let tone = if stale { Tone::Dim } else { tone };
    if marked {
        put(buf, area.x, area.y, "◆", 1, look.style(Tone::Key));
    } else if !node.alerts.is_empty() {
        put(buf, area.x, area.y, "!", 1, look.style(if stale { Tone::Dim } else { Tone::Bad }));
    } else {
        put(buf, area.x, area.y, sign, 1, look.style(tone));
    }
    tone
}

/// A row of the table.
pub(super) fn row(buf: &mut Buffer, area: Rect, node: &Node, jobs: &str, flags: (bool, bool), look: &Look<'_>) {
    let tone = sign(buf, area, node, flags, look);
    let dim = flags.0 || node.phase == NodePhase::PoweredDown;
    let plain = if dim { Tone::Dim } else { Tone::Plain };
    let text = |name: &'static str, cells: u16| match name {
        "NODE" => (node.name.clone(), plain),
        "STATE" => (node.state.clone(), tone),
        "PARTITION" => (node.partitions.join(","), plain),
        "CPUS" => (if node.cpus > 0 { format!("{}/{}", node.cpus_used, node.cpus) } else { String::new() }, plain),
        "" => (
            share(node).map_or_else(String::new, |(share, bar)| format!("{share:>3}% {bar}")),
            if node.cpus_used > 0 { tone } else { Tone::Dim },
        ),
        "LOAD" => (node.load.map_or_else(String::new, |load| format!("{load:.2}")), plain),
        "MEM GB" => (memory(node), plain),
        "GRES" => (gres(node), plain),
        "TYPE" => (node.instance_type.clone().unwrap_or_default(), plain),
        _ => match idle(node, look).filter(|_| node.alerts.is_empty() && node.reason.is_none()) {
            Some(cost) => (format!("idle {cost}"), if dim { Tone::Dim } else { Tone::Waits }),
            None => last(node, jobs, (tone, plain), usize::from(cells), look),
        },
    };
    place(buf, Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area }, text, look);
}

/// What EC2 warns of; why a bad one is bad; else the jobs on it.
fn last(node: &Node, jobs: &str, (tone, plain): (Tone, Tone), cells: usize, look: &Look<'_>) -> (String, Tone) {
    if let Some(warning) = warning(node, look) {
        let more = if jobs.is_empty() { String::new() } else { format!("  {jobs}") };
        return (format!("{warning}{more}"), if plain == Tone::Dim { plain } else { Tone::Bad });
    }
    let reason = node.reason.as_deref().map(code).filter(|_| !node.phase.is_up() || node.phase == NodePhase::Draining);
    match (reason, jobs.is_empty()) {
        (Some(reason), true) => (reason.to_owned(), if node.phase == NodePhase::Down { tone } else { Tone::Dim }),
        (Some(reason), false) => (format!("{jobs}  {reason}"), plain),
        (None, false) if width(jobs) > cells => (format!("{} jobs: {jobs}", jobs.split(' ').count()), plain),
        (None, _) => (jobs.to_owned(), plain),
    }
}

/// What the machine of a node costs that does nothing.
fn idle(node: &Node, look: &Look<'_>) -> Option<String> {
    if node.phase != NodePhase::Idle || node.instance_id.is_none() {
        return None;
    }
    let (_, price) = look.costs.node(look.active?, node, look.store.prices())?;
    Some(format!("{}/h", price.hour.about()))
}

/// `! machine retires`, and how much more there is.
fn warning(node: &Node, look: &Look<'_>) -> Option<String> {
    let (first, rest) = node.alerts.split_first()?;
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let left = left(first, look).map_or_else(String::new, |left| format!(" in {left}"));
    Some(format!("! {}{left}{more}", first.brief()))
}

/// What is left of a spot machine's last two minutes, in steps that do not move all the time.
fn left(alert: &Alert, look: &Look<'_>) -> Option<String> {
    let left = alert.at.filter(|_| alert.is_notice())?.as_second() - look.clock.wall.as_second();
    Some(match left {
        ..=0 => "0 s".to_owned(),
        1..60 => format!("{} s", (left + 9) / 10 * 10),
        _ => format!("{} min", (left + 59) / 60),
    })
}

/// `12.0/30.4`, in GB as jobs ask for it.
fn memory(node: &Node) -> String {
    if node.memory_mb == 0 {
        return String::new();
    }
    let gb = |mb: u64| format!("{}.{}", mb / 1_024, mb % 1_024 * 10 / 1_024);
    if node.memory_mb >= 102_400 {
        return format!("{}/{}", node.memory_used_mb / 1_024, node.memory_mb / 1_024);
    }
    format!("{}/{}", gb(node.memory_used_mb), gb(node.memory_mb))
}

/// `gpu:a100:8` as `gpu 3/8`, or `gpu 8` where nobody tells what is in use.
fn gres(node: &Node) -> String {
    let count = |text: &str| text.split(['(', ',']).next().and_then(|first| first.rsplit(':').next()?.parse::<u64>().ok());
    let Some(all) = node.gres.as_deref() else { return String::new() };
    let name = all.split(':').next().unwrap_or("");
    match (node.gres_used.as_deref().and_then(count), count(all)) {
        (Some(used), Some(all)) => format!("{name} {used}/{all}"),
        (None, Some(all)) => format!("{name} {all}"),
        (_, None) => all.to_owned(),
    }
}

/// The share of CPUs that work, and a bar of it.
fn share(node: &Node) -> Option<(u64, &'static str)> {
    if !node.phase.is_up() || node.cpus == 0 {
        return None;
    }
    let share = (u64::from(node.cpus_used) * 100 / u64::from(node.cpus)).min(100);
    Some((share, ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][usize::try_from(share * 7 / 100).unwrap_or(0)]))
}

/// A row of the narrow list: name, state, then what matters about it: the reason of a bad one, the work of a good one.
pub(super) fn brief(buf: &mut Buffer, area: Rect, node: &Node, flags: (bool, bool), look: &Look<'_>) {
    let tone = sign(buf, area, node, flags, look);
    let state_width = 7_u16;
    let last_width = (area.width / 4).clamp(6, 12);
    let name_width = area.width.saturating_sub(2 + state_width + last_width + 2);
    let name = fit(&node.name, usize::from(name_width), Cut::Middle);
    let dim = flags.0 || node.phase == NodePhase::PoweredDown;
    put(buf, area.x + 2, area.y, &name, name_width, look.style(if dim { Tone::Dim } else { Tone::Plain }));
    put(buf, area.x + 3 + name_width, area.y, &node.state, state_width, look.style(tone));
    let x = area.x + 4 + name_width + state_width;
    let room = area.right().saturating_sub(x);
    if let Some(alert) = node.alerts.first() {
        let word = left(alert, look).map_or_else(|| alert.word().to_owned(), |left| format!("ends {left}"));
        put(buf, x, area.y, &word, room, look.style(if flags.0 { Tone::Dim } else { Tone::Bad }));
    } else if let Some(reason) = &node.reason {
        put(buf, x, area.y, code(reason), room, look.style(if node.phase == NodePhase::Down { tone } else { Tone::Dim }));
    } else if let Some(cost) = idle(node, look) {
        // That none of its CPUs work need not be said.
        put(buf, x, area.y, &cost, room, look.style(if flags.0 { Tone::Dim } else { Tone::Waits }));
    } else if let Some((share, bar)) = share(node) {
        put(buf, x, area.y, &format!("{share:>3}% {bar}"), room, look.style(if share > 0 { tone } else { Tone::Dim }));
    }
}

/// The code in a ParallelCluster reason, `(Code:InsufficientInstanceCapacity)…`, says more than its prose.
fn code(reason: &str) -> &str {
    reason.strip_prefix("(Code:").and_then(|rest| rest.split(')').next()).unwrap_or(reason)
}
