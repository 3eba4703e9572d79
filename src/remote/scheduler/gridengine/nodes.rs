//! `qhost -q -xml`: the hosts with the queues on them, and why a queue is in error, which `qstat` is asked for only where one is.

use std::collections::HashMap;

use super::jobs::PART;
use super::xml;
use crate::model::{Node, NodePhase, NodeTable};

/// Asks for the hosts.
pub(super) const SCRIPT: &str = "h=$(qhost -q -xml) || exit\nprintf '%s\\n' \"$h\" | tr -d '\\035'; printf '\\035'\n\
     if printf '%s\\n' \"$h\" | grep -q \"name='state_string'>[^<]*E\"; then qstat -u qdeck-nobody -f -qs E -explain E -xml; fi";

/// Whether this is an answer at all.
pub(super) fn is_answer(stdout: &[u8]) -> bool {
    memchr::memmem::find(stdout, b"<qhost").is_some()
}

/// Reads an answer. A host that cannot be read is counted.
pub(super) fn read(stdout: &[u8]) -> NodeTable {
    let text = String::from_utf8_lossy(stdout);
    let (hosts, errors) = text.split_once(PART).unwrap_or((&text, ""));
    let errors = reasons(errors);
    let (mut nodes, mut warnings) = (Vec::new(), 0);
    let mut pieces = xml::each(hosts, "host");
    for piece in pieces.by_ref() {
        match xml::attribute(piece.attributes, "name") {
            // Stands for all of them together.
            Some(name) if name == "global" => {}
            Some(name) if !name.is_empty() => nodes.push(node(&name, piece.inner, &errors)),
            _ => warnings += 1,
        }
    }
    let is_whole = pieces.cut > 0 || hosts.contains("</qhost>") || hosts.trim().is_empty();
    NodeTable::new(nodes, warnings + pieces.cut + u32::from(!is_whole))
}

/// Why queues are in error: queue@host and Grid Engine's words.
fn reasons(text: &str) -> HashMap<String, String> {
    let read = |queue: xml::Piece<'_>| {
        let name = xml::text(queue.inner, "name")?.into_owned();
        let told: Vec<_> = xml::leaves(queue.inner).filter(|(n, ..)| *n == "message").map(|(_, _, raw)| xml::plain(raw)).collect();
        Some((name, told.join("; ")))
    };
    xml::each(text, "Queue-List").filter_map(read).collect()
}

/// One queue on one host.
struct Queue<'a> {
    name: std::borrow::Cow<'a, str>,
    used: u32,
    slots: u32,
    state: std::borrow::Cow<'a, str>,
}

fn queue(piece: xml::Piece<'_>) -> Option<Queue<'_>> {
    let mut queue = Queue { name: xml::attribute(piece.attributes, "name")?, used: 0, slots: 0, state: "".into() };
    for (_, attributes, raw) in xml::leaves(piece.inner) {
        match xml::attribute(attributes, "name").as_deref() {
            Some("slots_used") => queue.used = raw.parse().unwrap_or(0),
            Some("slots") => queue.slots = raw.parse().unwrap_or(0),
            Some("state_string") => queue.state = xml::plain(raw),
            _ => {}
        }
    }
    Some(queue)
}

fn node(name: &str, inner: &str, errors: &HashMap<String, String>) -> Node {
    // A queue's elements are no host's.
    let own = inner.find("<queue ").map_or(inner, |at| &inner[..at]);
    let value = |name: &str| {
        let found = xml::leaves(own).find(|(_, attributes, _)| xml::attribute(attributes, "name").is_some_and(|n| n == name));
        found.map(|(_, _, raw)| xml::plain(raw)).filter(|text| text != "-")
    };
    let queues: Vec<Queue<'_>> = xml::each(inner, "queue").filter_map(queue).collect();
    let is_silent = value("load_avg").is_none() && value("num_proc").is_none();
    let used: u32 = queues.iter().map(|q| q.used).fold(0, u32::saturating_add);
    // Queues on one host share its CPUs: the largest tells how many there are to have.
    let slots = queues.iter().map(|q| q.slots).max().or_else(|| value("num_proc")?.parse().ok()).unwrap_or(0).max(used);
    let (state, phase) = phase(&queues, is_silent, used, slots);
    let mut node = Node::named(name, state, phase);
    node.cpus = slots;
    node.cpus_used = used;
    node.load = value("load_avg").and_then(|load| load.parse().ok());
    node.memory_mb = value("mem_total").and_then(|text| megabytes(&text)).unwrap_or(0);
    node.memory_used_mb = value("mem_used").and_then(|text| megabytes(&text)).unwrap_or(0);
    node.features = value("arch_string").map(|arch| vec![arch.into_owned()]).unwrap_or_default();
    let told: Vec<String> = queues
        .iter()
        .filter(|q| !q.state.is_empty())
        .map(|q| {
            let words: Vec<&str> = q.state.chars().map(word).collect();
            let why = errors.get(&format!("{}@{name}", q.name)).map_or_else(String::new, |why| format!(": {why}"));
            format!("{} {} ({}){why}", q.name, q.state, words.join(", "))
        })
        .collect();
    node.partitions = queues.into_iter().map(|q| q.name.into_owned()).collect();
    node.reason = (!told.is_empty()).then(|| told.join("; "));
    node
}

/// A queue's state letter in words, as `qstat`'s manual has them.
fn word(letter: char) -> &'static str {
    match letter {
        'a' => "load alarm",
        'A' => "suspend alarm",
        'c' => "configuration ambiguous",
        'C' => "suspended by calendar",
        'd' => "disabled",
        'D' => "disabled by calendar",
        'E' => "error",
        'o' => "orphaned",
        's' => "suspended",
        'S' => "suspended by another queue",
        'u' => "unknown: its host does not answer",
        'P' => "preempted",
        _ => "unknown letter",
    }
}

/// What a host does as one word and its class: what hinders all of its queues hinders it.
fn phase(queues: &[Queue<'_>], is_silent: bool, used: u32, slots: u32) -> (String, NodePhase) {
    let all = |letters: &str| !queues.is_empty() && queues.iter().all(|q| q.state.contains(|c| letters.contains(c)));
    let (word, phase) = match () {
        () if is_silent || all("u") => ("down", NodePhase::Down),
        () if all("EcouP") => ("error", NodePhase::Down),
        () if all("dEcou") && used > 0 => ("drng", NodePhase::Draining),
        () if all("dEcou") => ("drain", NodePhase::Down),
        () if all("dDCEcou") => ("calendar", NodePhase::Reserved),
        () if queues.is_empty() => ("no queue", NodePhase::Unknown),
        () if used >= slots && slots > 0 => ("alloc", NodePhase::Allocated),
        () if used > 0 => ("mix", NodePhase::Mixed),
        () => ("idle", NodePhase::Idle),
    };
    // The letters of queues that take no jobs now, where the word does not tell it.
    let mut letters: Vec<char> = queues.iter().flat_map(|q| q.state.chars()).collect();
    letters.sort_unstable();
    letters.dedup();
    let letters: String = letters.into_iter().collect();
    let is_told = matches!(phase, NodePhase::Down | NodePhase::Draining | NodePhase::Reserved) || letters.is_empty();
    (if is_told { word.to_owned() } else { format!("{word}/{letters}") }, phase)
}

/// `23.5G`, `640.7M`, `0.0` in MB.
fn megabytes(text: &str) -> Option<u64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match text[number.len()..].chars().next() {
        Some('K' | 'k') => 1.0 / 1024.0,
        Some('M' | 'm') => 1.0,
        Some('G' | 'g') => 1024.0,
        Some('T' | 't') => 1024.0 * 1024.0,
        Some(_) => return None,
        None => 1.0 / 1024.0 / 1024.0,
    };
    let value = number.parse::<f64>().ok()? * scale;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..1e15).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NODES: &[u8] = include_bytes!("../../../../tests/fixtures/gridengine-8.1.9/nodes.txt");

    #[test]
    fn a_recorded_answer_is_read_whole() {
        let table = read(NODES);
        assert_eq!((table.nodes.len(), table.warnings), (2, 0));
        let dead = &table.nodes[0];
        assert_eq!((dead.name.as_str(), dead.state.as_str(), dead.phase, dead.load), ("ge-node-2", "down", NodePhase::Down, None));
        let node = &table.nodes[1];
        assert_eq!((node.cpus, node.cpus_used, node.memory_mb), (4, 4, 24_064));
        assert_eq!((node.partitions.join(","), node.phase), ("short.q,all.q".into(), NodePhase::Allocated));
        assert_eq!(node.state, "alloc/Ea");
        let reason = node.reason.as_deref().unwrap();
        assert!(
            reason.contains("short.q a (load alarm)")
                && reason.contains("all.q E (error): queue all.q marked QERROR as result of job 74's failure"),
            "{reason}"
        );
    }

    fn host(queues: &[(&str, u32)]) -> Node {
        let queues: String = queues
            .iter()
            .enumerate()
            .map(|(i, (state, used))| {
                format!("<queue name='q{i}'><queuevalue qname='q{i}' name='slots_used'>{used}</queuevalue><queuevalue name='slots'>4</queuevalue><queuevalue name='state_string'>{state}</queuevalue></queue>")
            })
            .collect();
        let text = format!("<qhost><host name='n'><hostvalue name='load_avg'>0.5</hostvalue>{queues}</host></qhost>");
        read(text.as_bytes()).nodes.remove(0)
    }

    #[rstest]
    #[case(&[("", 0)], "idle", NodePhase::Idle)]
    #[case(&[("", 1), ("", 0)], "mix", NodePhase::Mixed)]
    #[case(&[("", 4)], "alloc", NodePhase::Allocated)]
    #[case(&[("d", 0)], "drain", NodePhase::Down)]
    #[case(&[("d", 2)], "drng", NodePhase::Draining)]
    #[case(&[("d", 0), ("", 0)], "idle/d", NodePhase::Idle)]
    #[case(&[("E", 0), ("E", 0)], "error", NodePhase::Down)]
    #[case(&[("au", 0), ("du", 0)], "down", NodePhase::Down)]
    #[case(&[("a", 2)], "mix/a", NodePhase::Mixed)]
    #[case(&[("D", 0)], "calendar", NodePhase::Reserved)]
    #[case(&[], "no queue", NodePhase::Unknown)]
    fn letters_of_queues_are_a_state_of_their_host(#[case] queues: &[(&str, u32)], #[case] state: &str, #[case] phase: NodePhase) {
        let node = host(queues);
        assert_eq!((node.state.as_str(), node.phase), (state, phase));
    }

    #[test]
    fn memory_is_counted_in_megabytes() {
        let cases = [
            ("23.5G", Some(24_064)),
            ("640.7M", Some(640)),
            ("1.0T", Some(1_048_576)),
            ("0.0", Some(0)),
            ("-", None),
            ("1e99G", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(megabytes(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0..3_700_usize) {
            read(&bytes);
            let head = &NODES[..cut];
            let whole = memchr::memmem::find_iter(head, b"</host>").count().saturating_sub(1);
            let table = read(head);
            prop_assert_eq!(table.nodes.len(), whole);
            prop_assert!(memchr::memmem::find(head, b"</qhost>").is_some() || table.warnings > 0 || String::from_utf8_lossy(head).trim().is_empty());
        }
    }
}
