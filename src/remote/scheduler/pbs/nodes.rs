//! `pbsnodes`: text of Torque and of the wrappers, JSON of OpenPBS.

use jiff::Timestamp;

use super::record::{Record, Records};
use super::time::epoch;
use super::{CALM, Dialect, json, text, trouble};
use crate::model::{Node, NodePhase, NodeTable};
use crate::remote::scheduler::Ask;

pub(super) fn ask(dialect: Dialect) -> Ask<NodeTable> {
    let command = match dialect {
        Dialect::Wrappers | Dialect::Torque => "pbsnodes -a",
        Dialect::Open => "pbsnodes -av -F json",
    };
    Ask {
        script: format!("{CALM}{command}"),
        read: Box::new(|said| {
            if said.status != 0 {
                return Err(trouble::failure(said));
            }
            let text = String::from_utf8_lossy(&said.stdout);
            let Records { all, warnings } =
                if text.trim_start().starts_with('{') { json::records(&text, "nodes") } else { text::nodes(&text) };
            Ok(NodeTable::new(all.iter().map(node).collect(), warnings))
        }),
    }
}

fn node(record: &Record) -> Node {
    let status = |key: &str| part(record.get("status")?, key);
    let full = record.get("state").unwrap_or("");
    // The wrappers take away the star that says that a node does not answer, and leave it in Slurm's own word.
    let silent = status("slurmstate").is_some_and(|word| word.contains('*'));
    let mut node = Node::named(&record.id, compact(full), if silent { NodePhase::Down } else { phase(full) });
    let list = |text: &str| text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    node.partitions = record.any(&["resources_available.Qlist", "queue"]).map(list).unwrap_or_default();
    node.features = record.get("properties").map(list).unwrap_or_default();
    let number = |names: &[&str]| record.any(names).and_then(|n| n.trim().parse::<u32>().ok());
    node.cpus = number(&["resources_available.ncpus", "pcpus", "np"]).unwrap_or(0);
    let all_work = matches!(full, "job-exclusive" | "allocated" | "job-busy");
    let counted = record.get("jobs").map(slots).or(all_work.then_some(node.cpus)).unwrap_or(0);
    node.cpus_used = number(&["resources_assigned.ncpus"]).unwrap_or(counted);
    if node.phase == NodePhase::Idle && node.cpus_used > 0 {
        node.phase = NodePhase::Mixed;
    }
    node.load = status("loadave").and_then(|load| load.parse().ok());
    let memory = |names: &[&str]| record.any(names).and_then(megabytes);
    node.memory_mb = memory(&["resources_available.mem"])
        .or_else(|| status("physmem").and_then(megabytes))
        .or_else(|| status("availmem").and_then(megabytes))
        .unwrap_or(0);
    node.memory_used_mb = memory(&["resources_assigned.mem"]).unwrap_or(0);
    let gpus = number(&["resources_available.ngpus", "gpus"]).filter(|n| *n > 0).map(|n| format!("gpu:{n}"));
    node.gres = status("gres").map(str::to_owned).or(gpus);
    node.reason = record.any(&["comment", "note"]).map(str::to_owned);
    let since = node.reason.is_some().then(|| record.get("last_state_change_time").and_then(epoch)).flatten();
    node.reason_since = since.and_then(|s| Timestamp::from_second(s).ok());
    node
}

/// `a=1,b=2` → the value of one name.
fn part<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    status.split(',').find_map(|pair| pair.trim().strip_prefix(key)?.strip_prefix('='))
}

/// CPUs in `0/12.s, 1/12.s`, or `0-3/12.s` of newer Torques. OpenPBS names its jobs after the node: `12.s/0`.
fn slots(jobs: &str) -> u32 {
    let count = |item: &str| -> u32 {
        let (first, rest) = item.split_once('/').unwrap_or((item, ""));
        if rest.is_empty() || !first.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return 1;
        }
        match first.split_once('-') {
            Some((from, to)) => {
                from.parse::<u32>().ok().zip(to.parse::<u32>().ok()).map_or(1, |(from, to)| to.saturating_sub(from).saturating_add(1))
            }
            None => 1,
        }
    };
    jobs.split(',').map(str::trim).filter(|item| !item.is_empty()).fold(0, |sum, item| sum.saturating_add(count(item)))
}

/// `384000000kb` in MB of 2^20 bytes.
fn megabytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "b" | "" => Some(n >> 20),
        "kb" => Some(n >> 10),
        "mb" => Some(n),
        "gb" => n.checked_mul(1 << 10),
        "tb" => n.checked_mul(1 << 20),
        _ => None,
    }
}

/// The state in a word for a narrow place, with Slurm's sign where one shines through: the worst where there are several.
fn compact(full: &str) -> String {
    const SHORT: [(&str, &str); 10] = [
        ("job-exclusive", "jobexcl"),
        ("job-busy", "jobbusy"),
        ("job-sharing", "sharing"),
        ("resv-exclusive", "resvexc"),
        ("state-unknown", "unknown"),
        ("wait-provisioning", "prov"),
        ("provisioning", "prov"),
        ("maintenance", "maint"),
        ("allocated", "alloc"),
        ("draining", "drng"),
    ];
    let words: Vec<&str> = full.split([',', '+']).map(str::trim).collect();
    let worst = ["down", "offline"].iter().find(|bad| words.contains(bad)).copied();
    let word = worst.or(words.first().copied()).unwrap_or("");
    let base = word.trim_end_matches(SIGNS);
    let short = SHORT.iter().find(|(long, _)| *long == base).map_or(base, |(_, short)| *short);
    format!("{short}{}", &word[base.len()..])
}

/// Slurm's signs for power and reservations, as its wrappers print them.
const SIGNS: [char; 7] = ['~', '#', '%', '!', '@', '^', '$'];

/// What several states at once come to: the worst one counts.
fn phase(full: &str) -> NodePhase {
    // Slurm's signs shine through the wrappers.
    let suffix = full.chars().last().filter(|c| SIGNS.contains(c));
    let words: Vec<String> = full.split([',', '+']).map(|w| w.trim().trim_end_matches(SIGNS).to_lowercase()).collect();
    let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    if has(&["down", "stale", "unresolvable", "fail", "failing", "error", "inval", "invalid", "not_responding"]) {
        return NodePhase::Down;
    }
    let busy = has(&["job-busy", "job-exclusive", "job-sharing", "busy", "allocated", "mixed"]);
    if has(&["offline", "draining", "drained", "drain"]) {
        return if busy || has(&["draining"]) { NodePhase::Draining } else { NodePhase::Down };
    }
    match suffix {
        Some('~') => return NodePhase::PoweredDown,
        Some('#') => return NodePhase::PoweringUp,
        Some('%' | '!') => return NodePhase::PoweringDown,
        Some(_) => return NodePhase::Reserved,
        None => {}
    }
    if has(&["sleep"]) {
        NodePhase::PoweredDown
    } else if has(&["provisioning", "wait-provisioning", "initializing"]) {
        NodePhase::PoweringUp
    } else if has(&["maintenance", "resv-exclusive", "reserve", "reserved", "maint"]) {
        NodePhase::Reserved
    } else if has(&["mixed", "job-sharing"]) {
        NodePhase::Mixed
    } else if busy || has(&["completing"]) {
        NodePhase::Allocated
    } else if has(&["free", "idle", "time-shared", "planned"]) {
        NodePhase::Idle
    } else {
        NodePhase::Unknown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::remote::host::Said;

    fn read(dialect: Dialect, stdout: &str) -> NodeTable {
        (ask(dialect).read)(&Said { status: 0, stdout: stdout.into(), stderr: String::new() }).unwrap()
    }

    #[rstest]
    #[case("free", NodePhase::Idle)]
    #[case("job-exclusive", NodePhase::Allocated)]
    #[case("job-busy", NodePhase::Allocated)]
    #[case("down,offline", NodePhase::Down)]
    #[case("offline", NodePhase::Down)]
    #[case("offline,job-busy", NodePhase::Draining)]
    #[case("state-unknown", NodePhase::Unknown)]
    #[case("state-unknown,down", NodePhase::Down)]
    #[case("Stale", NodePhase::Down)]
    #[case("maintenance", NodePhase::Reserved)]
    #[case("sleep", NodePhase::PoweredDown)]
    #[case("provisioning", NodePhase::PoweringUp)]
    #[case("free~", NodePhase::PoweredDown)]
    #[case("allocated#", NodePhase::PoweringUp)]
    #[case("free%", NodePhase::PoweringDown)]
    #[case("offline~", NodePhase::Down)]
    #[case("", NodePhase::Unknown)]
    fn states_have_phases(#[case] full: &str, #[case] expected: NodePhase) {
        assert_eq!(phase(full), expected);
    }

    #[test]
    fn words_fit_a_narrow_place() {
        let words = ["job-exclusive", "allocated#", "down,offline", "free", "free,offline", "free~", ""].map(compact);
        assert_eq!(words, ["jobexcl", "alloc#", "down", "free", "offline", "free~", ""]);
    }

    #[test]
    fn recorded_nodes_of_the_wrappers_are_read() {
        let text = include_str!("../../../../tests/fixtures/torque-wrappers-22.05/pbsnodes.txt").split_once('\n').unwrap().1;
        let table = read(Dialect::Wrappers, text);
        assert_eq!((table.nodes.len(), table.warnings), (9, 0));
        let gpu = table.nodes.iter().find(|n| n.name == "gpu-st-p4d-1").unwrap();
        assert_eq!((gpu.cpus, gpu.memory_mb, gpu.gres.as_deref(), gpu.phase), (96, 1_120_000, Some("gpu:a100:8"), NodePhase::Idle));
        assert_eq!(gpu.features, ["static", "p4d.24xlarge"]);
    }

    #[test]
    fn nodes_of_openpbs_are_read() {
        let table = read(Dialect::Open, include_str!("../../../../tests/fixtures/openpbs-23/pbsnodes.json"));
        let rows: Vec<_> = table.nodes.iter().map(|n| (n.name.as_str(), n.phase, n.cpus, n.cpus_used, n.memory_mb)).collect();
        assert_eq!(
            rows,
            [
                ("node01", NodePhase::Mixed, 16, 6, 64_000),
                ("node02", NodePhase::Allocated, 4, 4, 8_000),
                ("node03", NodePhase::Down, 16, 0, 64_000),
                ("node04", NodePhase::Idle, 16, 0, 64_000)
            ]
        );
        let bad = &table.nodes[2];
        assert_eq!((bad.reason.as_deref(), bad.reason_since.is_some()), (Some("disk \"sda\" fails"), true));
        assert_eq!(table.nodes[3].gres.as_deref(), Some("gpu:2"));
    }

    #[test]
    fn slots_of_every_form_are_counted() {
        assert_eq!((slots("0/12.s, 1/12.s"), slots("0-3/12.s,5/13.s"), slots("12.s/0, 12.s/1"), slots("")), (2, 5, 2, 0));
        assert_eq!(
            (megabytes("3891mb"), megabytes("64gb"), megabytes("xkb"), megabytes("18446744073709551615tb")),
            (Some(3_891), Some(65_536), None, None)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "n1\n    state = free\n(    (np|jobs|status|note|gpus) = [^\r]{0,12}\n){0,6}") {
            for stdout in [bytes, text.into_bytes()] {
                let _ = (ask(Dialect::Torque).read)(&Said { status: 0, stdout, stderr: String::new() });
            }
        }
    }
}
