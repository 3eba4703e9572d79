//! `scontrol -o show nodes`: one line a node, `Key=value` pairs whose values may hold spaces.

use jiff::Timestamp;

use super::capacity;
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
    node.gres_used = value(line, " GresUsed=").map(used).or_else(|| allocated(line));
    // A cloud node without an instance has its own name for an address.
    node.address = value(line, " NodeAddr=").filter(|address| *address != name).map(str::to_owned);
    node.instance_id = value(line, " InstanceId=").map(str::to_owned);
    node.instance_type = value(line, " InstanceType=").map(str::to_owned);
    if let Some(given) = reason(line) {
        node.reason_plain = capacity::plain(&given.text);
        node.reason_by = given.by.filter(|who| !who.is_empty());
        node.reason_since = given.since;
        // Of a fleet that was stopped all nodes are down, and by design: nobody has to look at each of them.
        if node.phase == NodePhase::Down && given.text == "inactive partition" {
            node.phase = NodePhase::PoweredDown;
        }
        node.reason = Some(given.text);
    }
    Some(node)
}

/// What Slurm prints after a reason since 23.02. A comment is free text: the instance stands after it.
const LATER: [&str; 8] =
    [" Comment=", " Extra=", " InstanceId=", " InstanceType=", " ReservationName=", " TLSCertTokenSet=", " Topology=", " Parameters="];

/// Why a node is not in service, who said so, and when.
struct Given {
    text: String,
    by: Option<String>,
    since: Option<Timestamp>,
}

/// `Reason=text [who@when]`; further lines of the text come after that.
fn reason(line: &str) -> Option<Given> {
    let text = &line[line.find(" Reason=")? + 8..];
    let signed = text.match_indices(" [").find_map(|(at, _)| {
        let (sign, rest) = text[at + 2..].split_once(']')?;
        let (who, when) = sign.rsplit_once('@')?;
        Some((&text[..at], who, Timestamp::from_second(epoch(when)?).ok()?, rest))
    });
    let until = |text: &str| {
        let end = LATER.iter().filter_map(|key| text.find(key)).min().unwrap_or(text.len());
        text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    Some(match signed {
        Some((head, who, when, rest)) => {
            let rest = until(rest);
            let text = if rest.is_empty() { head.trim().to_owned() } else { format!("{} {rest}", head.trim()) };
            Given { text, by: Some(who.to_owned()), since: Some(when) }
        }
        None => Given { text: until(text), by: None, since: None },
    })
}

/// `gpu:a100:3(IDX:0-2),gpu:t4:0(IDX:N/A)` without the indices.
fn used(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The GPUs in what is allocated, where the accounting is told to count them: `gres/gpu=3` → `gpu:3`.
fn allocated(line: &str) -> Option<String> {
    let tres = value(line, " AllocTRES=")?;
    let (name, count) = tres.split(',').find_map(|pair| pair.strip_prefix("gres/"))?.split_once('=')?;
    Some(format!("{name}:{count}"))
}

/// Signs after a word, the first that fits wins: the flag, and the sign.
const SIGNS: [(&str, &str); 8] = [
    ("MAINTENANCE", "$"),
    ("REBOOT_ISSUED", "^"),
    ("REBOOT_REQUESTED", "@"),
    ("POWERING_UP", "#"),
    ("POWERING_DOWN", "%"),
    ("POWERED_DOWN", "~"),
    ("POWER_DOWN", "!"),
    ("NOT_RESPONDING", "*"),
];

/// `IDLE+CLOUD+POWERED_DOWN` as sinfo's compact word with its sign, made as Slurm makes it, and the class it belongs to.
fn state(full: &str) -> (String, NodePhase) {
    let (base, flags) = full.split_once('+').unwrap_or((full, ""));
    // Before 20.11 the sign of a node that does not answer was put behind the base state.
    let silent = base.ends_with('*');
    let base = base.trim_end_matches(['*', '~', '#', '!', '%', '$', '@', '^', '-', '+']);
    let has = |flag: &str| flags.split('+').any(|f| f == flag) || silent && flag == "NOT_RESPONDING";
    let busy = matches!(base, "ALLOCATED" | "MIXED");
    let ending = base == "COMPLETING" || has("COMPLETING");
    let sign = SIGNS.iter().find(|(flag, _)| has(flag)).map_or("", |(_, sign)| *sign);
    let star = if has("NOT_RESPONDING") { "*" } else { "" };
    let (maintained, issued) = (has("MAINTENANCE"), has("REBOOT_ISSUED"));
    let (word, sign) = if has("INVALID_REG") {
        ("inval", "")
    } else if maintained && !has("DRAIN") && !busy && base != "DOWN" {
        ("maint", star)
    } else if (issued || has("REBOOT_REQUESTED")) && !busy {
        ("boot", if issued { "^" } else { star })
    } else if has("DRAIN") {
        (if busy || ending { "drng" } else { "drain" }, sign)
    } else if has("FAIL") {
        (if busy || ending { "failg" } else { "fail" }, star)
    } else {
        match base {
            "DOWN" => ("down", sign),
            "ALLOCATED" => ("alloc", if sign.is_empty() && ending { "+" } else { sign }),
            _ if ending => ("comp", sign),
            "IDLE" if sign.is_empty() && has("RESERVED") => ("resv", ""),
            "IDLE" if sign.is_empty() && has("BLOCKED") => ("block", ""),
            "IDLE" if sign.is_empty() && has("PLANNED") => ("plnd", ""),
            "IDLE" => ("idle", sign),
            "MIXED" => ("mix", if sign.is_empty() && has("PLANNED") { "-" } else { sign }),
            "FUTURE" => ("futr", sign),
            "UNKNOWN" => ("unk", star),
            "ERROR" => ("error", sign),
            "RESERVED" => ("resv", sign),
            "MAINT" => ("maint", sign),
            "FAIL" => ("fail", star),
            "FAILING" => ("failg", star),
            "DRAINED" => ("drain", sign),
            "DRAINING" => ("drng", sign),
            "PLANNED" => ("plnd", sign),
            "INVAL" => ("inval", ""),
            "BLOCKED" => ("block", sign),
            other => (other, sign),
        }
    };
    let phase = match (word, sign) {
        // Slurm drains what it shall power down until that is done.
        ("drain" | "idle", "%" | "!") => NodePhase::PoweringDown,
        // Jobs wait for it already, or somebody asked for it: it is about to start.
        ("alloc" | "mix" | "comp", "~") => NodePhase::PoweringUp,
        ("idle", "~") if has("POWER_UP") => NodePhase::PoweringUp,
        // Capacity that could not be had is a node's trouble even while it seems to power up.
        ("down" | "fail" | "error" | "inval" | "drain", _) => NodePhase::Down,
        ("drng" | "failg", _) => NodePhase::Draining,
        (_, "~") => NodePhase::PoweredDown,
        (_, "#") => NodePhase::PoweringUp,
        // What waits for its jobs to end before it powers down still works.
        ("alloc" | "mix" | "comp", "!") => NodePhase::Draining,
        (_, "%" | "!") => NodePhase::PoweringDown,
        (_, "*") => NodePhase::Down,
        ("boot", _) => NodePhase::PoweringUp,
        ("alloc" | "comp", _) => NodePhase::Allocated,
        ("mix", _) => NodePhase::Mixed,
        ("resv" | "maint" | "block", _) => NodePhase::Reserved,
        ("idle" | "plnd", _) => NodePhase::Idle,
        _ => NodePhase::Unknown,
    };
    (format!("{word}{sign}"), phase)
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
    #[case("IDLE+MAINTENANCE", "maint", NodePhase::Reserved)]
    #[case("IDLE+MAINTENANCE+NOT_RESPONDING", "maint*", NodePhase::Down)]
    #[case("MIXED+MAINTENANCE", "mix$", NodePhase::Mixed)]
    #[case("ALLOCATED+COMPLETING", "alloc+", NodePhase::Allocated)]
    #[case("MIXED+COMPLETING", "comp", NodePhase::Allocated)]
    #[case("IDLE+COMPLETING", "comp", NodePhase::Allocated)]
    #[case("MIXED+PLANNED", "mix-", NodePhase::Mixed)]
    #[case("IDLE+BLOCKED", "block", NodePhase::Reserved)]
    #[case("IDLE+RESERVED", "resv", NodePhase::Reserved)]
    #[case("IDLE+CLOUD+RESERVED+POWERED_DOWN", "idle~", NodePhase::PoweredDown)]
    #[case("IDLE+REBOOT_REQUESTED", "boot", NodePhase::PoweringUp)]
    #[case("IDLE+REBOOT_ISSUED", "boot^", NodePhase::PoweringUp)]
    #[case("ALLOCATED+REBOOT_REQUESTED", "alloc@", NodePhase::Allocated)]
    #[case("MIXED+DRAIN+REBOOT_REQUESTED", "drng@", NodePhase::Draining)]
    #[case("MIXED+CLOUD+POWER_DOWN", "mix!", NodePhase::Draining)]
    #[case("DOWN+CLOUD+POWERING_DOWN", "down%", NodePhase::Down)]
    #[case("IDLE+CLOUD+DRAIN+POWER_DOWN", "drain!", NodePhase::PoweringDown)]
    #[case("MIXED+CLOUD+DRAIN+POWER_DOWN", "drng!", NodePhase::Draining)]
    #[case("MIXED+CLOUD+POWERED_DOWN", "mix~", NodePhase::PoweringUp)]
    #[case("IDLE+CLOUD+POWER_UP+POWERED_DOWN+NOT_RESPONDING", "idle~", NodePhase::PoweringUp)]
    #[case("IDLE+FAIL", "fail", NodePhase::Down)]
    #[case("ALLOCATED+FAIL+NOT_RESPONDING", "failg*", NodePhase::Draining)]
    #[case("IDLE+DYNAMIC_NORM+EXTERNAL", "idle", NodePhase::Idle)]
    #[case("UNKNOWN+CLOUD+NOT_RESPONDING", "unk*", NodePhase::Down)]
    #[case("IDLE*+CLOUD", "idle*", NodePhase::Down)]
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
        assert_eq!(capacity.reason_by.as_deref(), Some("root"));
        let up = table.nodes.iter().find(|n| n.name == "compute-st-c5large-1").unwrap();
        assert_eq!((up.cpus, up.cpus_used, up.memory_mb, up.address.as_deref()), (2, 2, 3891, Some("127.0.10.21")));
        assert_eq!((up.partitions.len(), up.load, up.gres.as_deref()), (2, Some(0.06), None));
        let asleep = table.nodes.iter().find(|n| n.name == "compute-dy-c5large-2").unwrap();
        assert_eq!((asleep.phase, asleep.address.as_deref(), asleep.load), (NodePhase::PoweredDown, None, None));
    }

    #[test]
    fn every_state_that_can_be_told_has_plain_words() {
        for base in ["IDLE", "ALLOCATED", "MIXED", "DOWN", "FUTURE", "UNKNOWN", "ERROR"] {
            for flags in ["", "+DRAIN", "+FAIL", "+INVALID_REG", "+RESERVED", "+PLANNED", "+BLOCKED", "+COMPLETING"] {
                for (flag, _) in SIGNS.iter().chain(&[("CLOUD", "")]) {
                    let (word, _) = state(&format!("{base}{flags}+{flag}"));
                    assert!(!crate::model::node::plain(&word).is_empty(), "{base}{flags}+{flag}: {word}");
                }
            }
        }
    }

    #[test]
    fn gpus_in_use_and_a_stopped_fleet_are_told() {
        let read = |line: &str| read(line.as_bytes()).nodes.remove(0);
        let node = read("NodeName=g-1 Gres=gpu:a100:8(S:0-1) GresUsed=gpu:a100:3(IDX:0-2) State=MIXED AllocTRES=cpu=1");
        assert_eq!((node.gres.as_deref(), node.gres_used.as_deref()), (Some("gpu:a100:8(S:0-1)"), Some("gpu:a100:3")));
        assert_eq!(read("NodeName=g-1 Gres=gpu:8 State=MIXED AllocTRES=cpu=1,gres/gpu=2").gres_used.as_deref(), Some("gpu:2"));
        let off = read("NodeName=g-1 State=DOWN+CLOUD+POWERED_DOWN Reason=inactive partition [root@2026-11-24T12:05:43]");
        assert_eq!((off.state.as_str(), off.phase), ("down~", NodePhase::PoweredDown));
        let late = read("NodeName=g-1 State=DOWN+CLOUD+POWERED_DOWN Reason=ResumeTimeout reached [slurm@2026-11-24T12:05:43]");
        assert_eq!((late.phase, late.reason_by.as_deref()), (NodePhase::Down, Some("slurm")));
    }

    #[test]
    fn what_newer_versions_print_after_a_reason_is_no_part_of_it() {
        let read = |line: &str| read(line.as_bytes()).nodes.remove(0);
        let sign = "[root@2026-11-24T12:05:43]";
        let node = read(&format!("NodeName=a State=DOWN Reason=disk [sda] {sign} Comment=at 7 [x@y] InstanceId=i-1 InstanceType=c5.large"));
        assert_eq!((node.reason.as_deref(), node.reason_by.as_deref()), (Some("disk [sda]"), Some("root")));
        assert_eq!(node.reason_since.unwrap().to_string(), "2026-11-24T12:05:43Z");
        assert_eq!((node.instance_id.as_deref(), node.instance_type.as_deref()), (Some("i-1"), Some("c5.large")));
        let long = read(&format!("NodeName=a State=DOWN Reason=first {sign}         second line Topology=default:s1"));
        assert_eq!(long.reason.as_deref(), Some("first second line"));
        let bare = read("NodeName=a State=DOWN Reason=not signed Extra={\"a\":1}");
        assert_eq!((bare.reason.as_deref(), bare.reason_by, bare.reason_since), (Some("not signed"), None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "(NodeName=a )?( ?(State|Reason|CPUTot|NodeAddr|Comment)=[^\n]{0,9})*") {
            read(&bytes);
            read(text.as_bytes());
        }
    }
}
