//! `scontrol -o show nodes`: one line a node, `Key=value` pairs whose values may hold spaces.

use jiff::Timestamp;

use super::time::epoch;
use crate::model::{Node, NodePhase, NodeTable};

/// Reads an answer.
pub(super) fn read(stdout: &[u8]) -> NodeTable {
    let text = String::from_utf8_lossy(stdout);
    let (mut nodes, mut warnings) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match node(line) {
            Some(node) => nodes.push(node),
            None if line.starts_with("No nodes") => {}
            None => warnings += 1,
        }
    }
    NodeTable::new(nodes, warnings)
}

/// The value of a key: up to the next space. Free text stands in keys of its own at the end of the line.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = memchr::memmem::find(line.as_bytes(), key.as_bytes())? + key.len();
    let value = line[at..].split(' ').next()?;
    (!matches!(value, "" | "(null)" | "N/A" | "None" | "n/a")).then_some(value)
}

fn node(line: &str) -> Option<Node> {
    let name = line.strip_prefix("NodeName=")?.split(' ').next()?;
    let full = value(line, " State=")?;
    let (state, phase) = state(full);
    let mut node = Node::named(name, state, phase);
    let number = |key: &str| value(line, key).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let list = |key: &str| value(line, key).map_or_else(Vec::new, |v| v.split(',').map(str::to_owned).collect());
    node.partitions = list(" Partitions=");
    node.features = list(" ActiveFeatures=");
    node.cpus = u32::try_from(number(" CPUTot=")).unwrap_or(0);
    node.cpus_used = u32::try_from(number("CPUAlloc=")).unwrap_or(0);
    node.load = value(line, " CPULoad=").and_then(|v| v.parse().ok());
    node.memory_mb = number(" RealMemory=");
    node.memory_used_mb = number(" AllocMem=");
    node.gres = value(line, " Gres=").map(str::to_owned);
    // A cloud node without an instance has its own name for an address.
    node.address = value(line, " NodeAddr=").filter(|address| *address != name).map(str::to_owned);
    node.instance_id = value(line, " InstanceId=").map(str::to_owned);
    node.instance_type = value(line, " InstanceType=").map(str::to_owned);
    if let Some(at) = line.find(" Reason=") {
        let text = line[at + 8..].trim();
        let (reason, by) = text.rsplit_once(" [").unwrap_or((text, ""));
        node.reason = Some(reason.to_owned());
        let since = by.trim_end_matches(']').rsplit_once('@').and_then(|(_, at)| epoch(at));
        node.reason_since = since.and_then(|s| Timestamp::from_second(s).ok());
    }
    Some(node)
}

/// `IDLE+CLOUD+POWERED_DOWN` as sinfo's compact word with its suffix, and the class it belongs to.
fn state(full: &str) -> (String, NodePhase) {
    let (base, flags) = full.split_once('+').unwrap_or((full, ""));
    let has = |flag: &str| flags.split('+').any(|f| f == flag);
    // sinfo marks a node that does not answer with a star, which scontrol may append to the base state.
    let silent = base.ends_with('*') || has("NOT_RESPONDING");
    let base = base.trim_end_matches(['*', '~', '#', '!', '%', '$', '@', '^', '-']);
    let drain = has("DRAIN");
    let busy = matches!(base, "ALLOCATED" | "MIXED" | "COMPLETING") || has("COMPLETING");
    let word = match base {
        _ if drain && busy => "drng",
        _ if drain => "drain",
        "DOWN" => "down",
        "IDLE" if has("PLANNED") => "plnd",
        "IDLE" => "idle",
        "ALLOCATED" => "alloc",
        "MIXED" => "mix",
        "COMPLETING" => "comp",
        "ERROR" => "error",
        "FUTURE" => "futr",
        "UNKNOWN" => "unk",
        "RESERVED" => "resv",
        "MAINT" | "MAINTENANCE" => "maint",
        "FAIL" => "fail",
        "FAILING" => "failg",
        "PLANNED" => "plnd",
        "INVAL" | "INVALID" => "inval",
        "BLOCKED" => "block",
        other => other,
    };
    let word = if has("FAIL") && !drain {
        "fail"
    } else if has("INVALID_REG") {
        "inval"
    } else {
        word
    };
    let suffixes = [
        ("POWERED_DOWN", "~"),
        ("POWERING_UP", "#"),
        ("POWERING_DOWN", "%"),
        ("POWER_DOWN", "!"),
        ("MAINTENANCE", "$"),
        ("REBOOT_ISSUED", "^"),
        ("REBOOT_REQUESTED", "@"),
    ];
    let suffix = suffixes.iter().find(|(flag, _)| has(flag)).map_or(if silent { "*" } else { "" }, |(_, sign)| *sign);
    let phase = match (word, suffix) {
        // Capacity that could not be had is a node's trouble even while it seems to power up.
        ("down" | "fail" | "failg" | "error" | "inval", _) => NodePhase::Down,
        ("drain", "~") => NodePhase::Down,
        ("drain", _) => NodePhase::Down,
        ("drng", _) => NodePhase::Draining,
        (_, "~") => NodePhase::PoweredDown,
        (_, "#") => NodePhase::PoweringUp,
        (_, "%" | "!") => NodePhase::PoweringDown,
        (_, "*") => NodePhase::Down,
        ("alloc" | "comp", _) => NodePhase::Allocated,
        ("mix", _) => NodePhase::Mixed,
        (_, "$" | "@" | "^") | ("resv" | "maint" | "block", _) => NodePhase::Reserved,
        ("idle" | "plnd", _) => NodePhase::Idle,
        _ => NodePhase::Unknown,
    };
    (format!("{word}{suffix}"), phase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("IDLE", "idle", NodePhase::Idle)]
    #[case("IDLE+CLOUD+POWERED_DOWN", "idle~", NodePhase::PoweredDown)]
    #[case("MIXED+CLOUD+NOT_RESPONDING+POWERING_UP", "mix#", NodePhase::PoweringUp)]
    #[case("ALLOCATED+CLOUD", "alloc", NodePhase::Allocated)]
    #[case("IDLE+CLOUD+POWERING_DOWN", "idle%", NodePhase::PoweringDown)]
    #[case("IDLE+CLOUD+POWER_DOWN", "idle!", NodePhase::PoweringDown)]
    #[case("DOWN+CLOUD+NOT_RESPONDING+POWERING_UP", "down#", NodePhase::Down)]
    #[case("DOWN+CLOUD+POWERED_DOWN", "down~", NodePhase::Down)]
    #[case("DOWN+NOT_RESPONDING", "down*", NodePhase::Down)]
    #[case("DOWN*", "down*", NodePhase::Down)]
    #[case("IDLE+CLOUD+DRAIN+POWERED_DOWN", "drain~", NodePhase::Down)]
    #[case("MIXED+DRAIN", "drng", NodePhase::Draining)]
    #[case("IDLE+DRAIN", "drain", NodePhase::Down)]
    #[case("MIXED+NOT_RESPONDING", "mix*", NodePhase::Down)]
    #[case("IDLE+MAINTENANCE", "idle$", NodePhase::Reserved)]
    #[case("IDLE+PLANNED", "plnd", NodePhase::Idle)]
    #[case("IDLE+INVALID_REG", "inval", NodePhase::Down)]
    #[case("SOMETHING_NEW", "SOMETHING_NEW", NodePhase::Unknown)]
    fn states_are_told_as_sinfo_tells_them(#[case] full: &str, #[case] word: &str, #[case] phase: NodePhase) {
        assert_eq!(state(full), (word.to_owned(), phase));
    }

    #[test]
    fn a_recorded_answer_is_read_whole() {
        let table = read(include_bytes!("../../../../tests/fixtures/slurm-22.05/nodes-booting.txt"));
        assert_eq!((table.nodes.len(), table.warnings), (9, 0));
        let capacity = table.nodes.iter().find(|n| n.name == "gpu-dy-p4d-2").unwrap();
        assert_eq!(capacity.reason.as_deref(), Some("(Code:InsufficientInstanceCapacity)Failure when resuming nodes"));
        assert_eq!(capacity.reason_since.unwrap().to_string(), "2026-11-24T12:05:43Z");
        let up = table.nodes.iter().find(|n| n.name == "compute-st-c5large-1").unwrap();
        assert_eq!((up.cpus, up.cpus_used, up.memory_mb, up.address.as_deref()), (2, 2, 3891, Some("127.0.10.21")));
        assert_eq!((up.partitions.len(), up.load, up.gres.as_deref()), (2, Some(0.06), None));
        let asleep = table.nodes.iter().find(|n| n.name == "compute-dy-c5large-2").unwrap();
        assert_eq!((asleep.phase, asleep.address.as_deref(), asleep.load), (NodePhase::PoweredDown, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "(NodeName=a )?( ?(State|Reason|CPUTot|NodeAddr)=[^\n]{0,9})*") {
            read(&bytes);
            read(text.as_bytes());
        }
    }
}
