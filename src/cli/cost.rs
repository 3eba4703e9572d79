//! What clusters cost now, and have cost as far as it was recorded: estimates, with what they assume.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{choose, print};
use crate::model::cost::day as date;
use crate::model::trail::Day;
use crate::model::{
    Answer, Burn, Cluster, ClusterId, ClusterKind, Currency, Failure, FailureKind, Machines, Money, Price, Prices, Query, Source, Trail,
    Window,
};
use crate::remote::Remote;

/// A head node that does not answer hides no price.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// All clusters, or one in detail.
pub(super) async fn cost(json: bool, remote: &dyn Remote, sources: &[Source], wanted: Option<&str>) -> Result<(), Failure> {
    let (clusters, failures) = choose::clusters(remote, sources).await;
    let one = match wanted {
        Some(name) => Some(named(remote, sources, &clusters, name).await?),
        None => None,
    };
    let Answer::Prices(prices) = remote.ask(Query::Prices).await? else { return Ok(()) };
    let known = match &one {
        Some(cluster) => single(json, remote, cluster, &prices).await?,
        None => all(json, remote, &clusters, &prices).await?,
    };
    for failure in failures.iter().filter(|_| one.is_none()) {
        let _ = writeln!(std::io::stderr(), "qdeck: {failure}");
    }
    match prices.trouble.clone() {
        Some(failure) if known => {
            let _ = writeln!(std::io::stderr(), "qdeck: some prices are old or not known: {failure}");
            Ok(())
        }
        Some(failure) => Err(failure),
        None => failures.into_iter().next().filter(|_| one.is_none()).map_or(Ok(()), Err),
    }
}

async fn named(remote: &dyn Remote, sources: &[Source], clusters: &[Cluster], name: &str) -> Result<Cluster, Failure> {
    let id = choose::cluster(remote, sources, Some(name)).await?;
    let fits = |cluster: &&Cluster| cluster.id == id;
    let found = clusters.iter().find(fits).cloned();
    let found = match found {
        Some(found) => Some(found),
        // It was found in a region that nobody named.
        None => match remote.ask(Query::Locate(id.name().to_owned())).await? {
            Answer::Clusters(found) => found.into_iter().find(|cluster| cluster.id == id),
            _ => None,
        },
    };
    let is_aws = |cluster: &Cluster| cluster.kind == ClusterKind::ParallelCluster;
    found.filter(is_aws).ok_or_else(|| {
        Failure::new(FailureKind::Unsupported, id.as_str(), "what its machines cost is not known: it is none of AWS's")
            .hint("`qdeck cost` without a name lists the clusters whose cost can be told.")
    })
}

/// What was recorded of a cluster; nothing where that cannot be read.
async fn trail(remote: &dyn Remote, cluster: &ClusterId) -> Option<std::sync::Arc<Trail>> {
    match remote.ask(Query::Trail { cluster: cluster.clone(), window: Window::Day }).await {
        Ok(Answer::Trail(trail)) => Some(trail),
        _ => None,
    }
}

/// Gives whether any price is known, or none is needed.
async fn all(json: bool, remote: &dyn Remote, clusters: &[Cluster], prices: &Prices) -> Result<bool, Failure> {
    let mut sum = Burn::default();
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for cluster in clusters.iter().filter(|cluster| cluster.kind == ClusterKind::ParallelCluster) {
        let burn = Burn::of(&cluster.machines, cluster.region.as_deref(), prices);
        let today = trail(remote, &cluster.id).await.and_then(|trail| trail.days.last().copied());
        sum.plus(&burn);
        let twice = clusters.iter().filter(|other| other.name == cluster.name).count() > 1;
        rows.push(vec![
            if twice { cluster.id.to_string() } else { cluster.name.clone() },
            cluster.region.clone().unwrap_or_else(|| "-".into()),
            burn.machines().to_string(),
            burn.brief().unwrap_or_else(|| "-".into()),
            today.map_or_else(|| "-".into(), |today| format!("{}: {}", started(&today), lasted(&today))),
        ]);
        let mut value = told(&burn);
        if let Some(fields) = value.as_object_mut() {
            fields.extend([("cluster".to_owned(), json!(cluster.name)), ("id".to_owned(), json!(cluster.id.as_str()))]);
            fields.insert("region".to_owned(), json!(cluster.region));
            fields.insert("last_day".to_owned(), today.map_or(Value::Null, |today| of_day(&today)));
        }
        values.push(value);
    }
    if json {
        print::json(&json!({ "clusters": values, "all": told(&sum) }))?;
    } else {
        if rows.len() > 1 {
            let brief = sum.brief().unwrap_or_else(|| "-".into());
            rows.push(vec!["all".into(), String::new(), sum.machines().to_string(), brief, String::new()]);
        }
        print::table(&["CLUSTER", "REGION", "MACHINES", "NOW", "LAST RECORDED DAY (UTC)"], &rows)?;
        if sum.machines() > 0 {
            print::out(format!("\nAn estimate: {}.\n", sum.assumes()).as_bytes())?;
        }
    }
    Ok(sum.machines() == 0 || sum.brief().is_some())
}

/// One cluster, and whether any of its prices is known, or none is needed.
async fn single(json: bool, remote: &dyn Remote, cluster: &Cluster, prices: &Prices) -> Result<bool, Failure> {
    let region = cluster.region.as_deref();
    let burn = Burn::of(&cluster.machines, region, prices);
    // The scheduler says which nodes are idle; without it the rest is known all the same.
    let late = |_| Err(Failure::new(FailureKind::TimedOut, cluster.id.as_str(), "its scheduler does not answer"));
    let asked = tokio::time::timeout(PATIENCE, remote.ask(Query::Nodes(cluster.id.clone()))).await;
    let idle = match asked.unwrap_or_else(late) {
        Ok(Answer::Nodes(table)) => Some(Burn::idle(&table.nodes, region, prices)),
        Ok(_) => None,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "qdeck: what idle nodes cost is not known: {failure}");
            None
        }
    };
    let days = trail(remote, &cluster.id).await.map_or_else(Vec::new, |trail| trail.days.clone());
    if json {
        print::json(&detailed(cluster, prices, (&burn, idle.as_ref()), &days))?;
    } else {
        print::table(&["ROLE", "TYPE", "PURCHASE", "ZONE", "COUNT", "AN HOUR", "ALL", "PRICE OF"], &machines(cluster, prices))?;
        print::out(words(&burn, idle.as_ref(), &days).as_bytes())?;
    }
    Ok(burn.machines() == 0 || burn.brief().is_some())
}

/// What an hour of one of these machines costs.
fn each(cluster: &Cluster, machines: &Machines, prices: &Prices) -> Option<Price> {
    prices.of(cluster.region.as_deref()?, &machines.instance_type, machines.purchase, machines.zone.as_deref())
}

fn detailed(cluster: &Cluster, prices: &Prices, (burn, idle): (&Burn, Option<&Burn>), days: &[Day]) -> Value {
    let one = |machines: &Machines| {
        let price = each(cluster, machines, prices);
        json!({
            "role": machines.role.word(), "instance_type": machines.instance_type, "purchase": machines.purchase.word(),
            "zone": machines.zone, "count": machines.count, "usd_per_hour_each": price.and_then(|price| only(price.hour, Currency::Usd)),
            "cny_per_hour_each": price.and_then(|price| only(price.hour, Currency::Cny)),
            "price_of": price.map(|price| price.at.to_string()),
        })
    };
    let machines: Vec<Value> = cluster.machines.iter().map(one).collect();
    let mut value = told(burn);
    if let Some(fields) = value.as_object_mut() {
        fields.extend([("cluster".to_owned(), json!(cluster.name)), ("id".to_owned(), json!(cluster.id.as_str()))]);
        fields.extend([("region".to_owned(), json!(cluster.region)), ("machines".to_owned(), json!(machines))]);
        fields.insert("idle".to_owned(), idle.map_or(Value::Null, told));
        fields.insert("days".to_owned(), days.iter().map(of_day).collect());
    }
    value
}

fn machines(cluster: &Cluster, prices: &Prices) -> Vec<Vec<String>> {
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let row = |machines: &Machines| {
        let price = each(cluster, machines, prices);
        vec![
            machines.role.word().to_owned(),
            machines.instance_type.clone(),
            machines.purchase.word().to_owned(),
            or(machines.zone.clone()),
            machines.count.to_string(),
            or(price.map(|price| price.hour.to_string())),
            or(price.map(|price| price.hour.times(u64::from(machines.count)).to_string())),
            or(price.map(|price| date(price.at))),
        ]
    };
    cluster.machines.iter().map(row).collect()
}

/// What is said below the table.
fn words(burn: &Burn, idle: Option<&Burn>, days: &[Day]) -> String {
    let or = |brief: Option<String>| brief.unwrap_or_else(|| "not known".into());
    let mut text = format!("\nNow            {}\n", or(burn.brief()));
    text.push_str(&match idle {
        Some(idle) if idle.machines() == 0 => "Idle nodes     none\n".to_owned(),
        Some(idle) => format!("Idle nodes     {} for {}\n", or(idle.brief()), idle.machines()),
        None => String::new(),
    });
    for day in days.iter().rev().take(7) {
        text.push_str(&format!("{:<15}{}\n", started(day), lasted(day)));
    }
    text.push_str(&format!("An estimate: {}.\n", burn.assumes()));
    text
}

fn started(day: &Day) -> String {
    jiff::Timestamp::from_second(day.start).map(date).unwrap_or_default()
}

/// `≈ $12.30 for 9 h`: as much of the day as was recorded.
fn lasted(day: &Day) -> String {
    let partial = if day.is_partial { " + ?" } else { "" };
    format!("{}{partial} for {}", day.cost.about(), crate::model::duration::age(u64::from(day.minutes) * 60))
}

fn told(burn: &Burn) -> Value {
    // What is not known is null and no 0; a cluster without machines costs nothing, which is known.
    let known = burn.brief().is_some() || burn.machines() == 0;
    // Where nothing costs anything there is no currency either: 0 dollars.
    let nothing = known && burn.hour.as_micros() == 0;
    let sum = |currency| burn.in_currency(currency).map(Money::amount);
    json!({
        "usd_per_hour": sum(Currency::Usd).or(nothing.then_some(0.0)), "cny_per_hour": sum(Currency::Cny), "machines_priced": burn.on_demand + burn.spot, "machines_unpriced": burn.unpriced,
        "on_demand": burn.on_demand, "spot": burn.spot, "oldest_price": burn.oldest.map(|at| at.to_string()), "estimate": true,
        "assumes": burn.assumes(),
    })
}

/// An amount, if it is in this currency.
pub(super) fn only(money: Money, currency: Currency) -> Option<f64> {
    (money.currency() == currency).then(|| money.amount())
}

fn of_day(day: &Day) -> Value {
    let date = jiff::Timestamp::from_second(day.start).map(|at| at.strftime("%Y-%m-%d").to_string()).ok();
    json!({ "date": date, "usd": only(day.cost, Currency::Usd), "cny": only(day.cost, Currency::Cny), "recorded_seconds": u64::from(day.minutes) * 60, "machines_unpriced": day.is_partial })
}
