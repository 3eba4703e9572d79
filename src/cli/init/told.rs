//! What the wizard tells when all is answered: the configuration with its cost, and what `pcluster` says beside its lines. Pure.

use std::path::Path;

use serde_json::{Value, json};

use super::steps::Step;
use crate::cli::lifecycle;
use crate::model::outline::{Outline, steps};
use crate::model::text::clean;
use crate::model::{Blueprint, Burn, Currency, Failure, Money, Prices, Remark, Verdict};

/// A failure to somebody who can answer again.
pub(super) fn indented(failure: &Failure) -> String {
    let hint = if failure.hint.is_empty() { String::new() } else { format!("  {}\n", clean(&failure.hint)) };
    format!("  {}\n{hint}", clean(&failure.what))
}

/// What an hour costs, and what that assumes.
pub(super) fn costs(blueprint: &Blueprint, prices: &Prices) -> String {
    let (least, most) = blueprint.cost(prices);
    let hour = |burn: &Burn| burn.brief().unwrap_or_else(|| "an unknown price".to_owned());
    let nodes = |n: u32| if n == 1 { "1 node".to_owned() } else { format!("{n} nodes") };
    let gateway = match (blueprint.gateway, prices.of(&blueprint.region, crate::model::price::NAT, crate::model::Purchase::OnDemand, None))
    {
        (false, _) => "",
        (true, Some(_)) => " The NAT gateway is in it, what passes it is not.",
        (true, None) => " The NAT gateway is billed by the hour too, used or not, and by what passes it.",
    };
    format!(
        "Cost, as an estimate: {} with {}, {} with {}.\n  {}.{gateway}\n",
        hour(&least),
        nodes(blueprint.min),
        hour(&most),
        nodes(blueprint.max),
        most.assumes()
    )
}

/// All of it for programs.
pub(super) fn as_json(
    (blueprint, prices): (&Blueprint, &Prices),
    (file, yaml): (&Path, &str),
    (private, vpc): (Option<&Path>, Option<&str>),
    checked: &Result<Verdict, Failure>,
) -> Value {
    let dry_run = match checked {
        Ok(found) => json!({ "ok": found.accepted, "said": found.said, "messages": lifecycle::remarks_json(found) }),
        // Nobody looked.
        Err(failure) => json!({ "ok": null, "said": failure.what, "messages": [] }),
    };
    let (least, most) = blueprint.cost(prices);
    let currency = Currency::of(&blueprint.region);
    let hour = |burn: &Burn| burn.in_currency(currency).map(Money::amount);
    json!({
        "name": blueprint.name, "region": blueprint.region, "file": file, "yaml": yaml, "key": blueprint.key, "private_key": private,
        "new_network": vpc, "remarks": blueprint.faults(), "dry_run": dry_run,
        "cost_per_hour": {
            "currency": currency.code(), "min_nodes": hour(&least), "max_nodes": hour(&most), "unpriced": most.unpriced, "assumes": most.assumes(),
        },
    })
}

/// A configuration with its lines' numbers, and what is said of a line below it; what is said of none comes last.
pub(super) fn beside(yaml: &str, verdict: &Verdict) -> String {
    let said = |remark: &Remark| {
        let kind = if remark.kind.is_empty() { String::new() } else { format!(" [{}]", clean(&remark.kind)) };
        format!("      ^ {}: {}{kind}\n", remark.severity.word(), clean(&remark.message))
    };
    let mut out = String::new();
    for (number, line) in yaml.lines().enumerate() {
        out.push_str(&format!("{:>4}  {}\n", number + 1, clean(line)));
        verdict.remarks.iter().filter(|remark| remark.line == Some(number)).for_each(|remark| out.push_str(&said(remark)));
    }
    verdict.remarks.iter().filter(|remark| remark.line.is_none()).for_each(|remark| out.push_str(&said(remark)));
    out
}

/// The step whose answer the worst remark speaks of: what stands on its line, or nearest above it.
pub(super) fn concerned(yaml: &str, verdict: &Verdict) -> Option<Step> {
    let outline = Outline::read(yaml);
    let queue = "Scheduling.SlurmQueues[0]";
    let places = [
        (Step::Region, "Region".to_owned()),
        (Step::HeadType, "HeadNode.InstanceType".into()),
        (Step::HeadSubnet, "HeadNode.Networking".into()),
        (Step::Key, "HeadNode.Ssh".into()),
        (Step::Capacity, format!("{queue}.CapacityType")),
        (Step::QueueSubnet, format!("{queue}.Networking")),
        (Step::QueueType, format!("{queue}.ComputeResources")),
        (Step::Min, format!("{queue}.ComputeResources[0].MinCount")),
        (Step::Max, format!("{queue}.ComputeResources[0].MaxCount")),
        (Step::Storage, "SharedStorage".into()),
    ];
    let line = verdict.remarks.iter().filter_map(|remark| Some((remark.severity, remark.line?))).min()?.1;
    let lines = places.iter().filter_map(|(step, path)| Some((outline.line(&steps(path))?, *step)));
    lines.filter(|(at, _)| *at <= line).max_by_key(|(at, _)| *at).map(|(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Severity, Storage, Subnet};

    fn blueprint() -> Blueprint {
        let subnet = |id: &str| Subnet { id: id.into(), zone: "eu-west-1a".into(), free: 200, ..Subnet::default() };
        Blueprint {
            name: "lab".into(),
            region: "eu-west-1".into(),
            os: "alinux2023".into(),
            key: "k".into(),
            head_type: "t3.medium".into(),
            head_subnet: subnet("subnet-a"),
            queue_type: "c6i.xlarge".into(),
            queue_subnet: subnet("subnet-b"),
            max: 4,
            storage: Storage::Efs,
            ..Blueprint::default()
        }
    }

    #[test]
    fn what_is_said_stands_below_its_line_and_leads_to_its_step() {
        let yaml = blueprint().yaml();
        let at = |words: &str| yaml.lines().position(|line| line.contains(words)).unwrap();
        let remark = |severity, line| Remark { severity, kind: "V".into(), message: "no".into(), line };
        let of = |remarks: Vec<Remark>| Verdict { remarks, ..Verdict::default() };
        for (words, step) in [
            ("Region:", Step::Region),
            ("InstanceType: t3.medium", Step::HeadType),
            ("subnet-a", Step::HeadSubnet),
            ("KeyName", Step::Key),
            ("CapacityType", Step::Capacity),
            ("subnet-b", Step::QueueSubnet),
            ("InstanceType: c6i.xlarge", Step::QueueType),
            ("MinCount", Step::Min),
            ("MaxCount", Step::Max),
            ("StorageType", Step::Storage),
        ] {
            let verdict = of(vec![remark(Severity::Info, Some(1)), remark(Severity::Error, Some(at(words)))]);
            assert_eq!(concerned(&yaml, &verdict), Some(step), "{words}");
        }
        assert_eq!(concerned(&yaml, &of(vec![remark(Severity::Error, None)])), None);
        let shown = beside(&yaml, &of(vec![remark(Severity::Error, Some(at("MaxCount"))), remark(Severity::Warning, None)]));
        let lines: Vec<&str> = shown.lines().collect();
        let below = lines.iter().position(|line| line.contains("MaxCount")).unwrap() + 1;
        assert_eq!((lines[below], *lines.last().unwrap()), ("      ^ error: no [V]", "      ^ warning: no [V]"));
    }

    #[test]
    fn a_cost_says_what_it_knows() {
        let words = costs(&Blueprint { gateway: true, ..blueprint() }, &Prices::default());
        assert!(words.contains("an unknown price with 0 nodes") && words.contains("no price is known"), "{words}");
        assert!(words.contains("NAT gateway is billed by the hour too"), "{words}");
    }
}
