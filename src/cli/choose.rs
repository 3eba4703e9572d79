//! Which cluster a one-shot command means.

use crate::model::{Answer, Cluster, ClusterId, ClusterKind, Failure, FailureKind, Query, SchedulerKind, Source};
use crate::remote::Remote;

/// Asks sources side by side. The failures of those that did not answer come second.
pub(super) async fn clusters(remote: &dyn Remote, sources: &[Source]) -> (Vec<Cluster>, Vec<Failure>) {
    let answers = futures::future::join_all(sources.iter().map(|source| remote.ask(Query::Clusters(source.clone())))).await;
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(Answer::Clusters(found)) => clusters.extend(found),
            Ok(_) => {}
            Err(failure) => failures.push(failure),
        }
    }
    clusters.sort_by(|a, b| (a.kind == ClusterKind::Local, &a.name, &a.id).cmp(&(b.kind == ClusterKind::Local, &b.name, &b.id)));
    (clusters, failures)
}

/// The cluster called `wanted`, or the one that is obviously meant: this machine's own scheduler, the only other cluster, the embedded
/// runner where there is nothing else. AWS is not asked when the answer is known without.
pub(super) async fn cluster(remote: &dyn Remote, sources: &[Source], wanted: Option<&str>) -> Result<ClusterId, Failure> {
    let (fixed, _) = clusters(remote, &[Source::Fixed]).await;
    let batch = |c: &&Cluster| c.kind == ClusterKind::Local && c.scheduler.is_some_and(|s| s != SchedulerKind::Runner);
    let known = match wanted {
        Some(name) => fixed.iter().find(|c| c.id.as_str() == name || c.name == name),
        None => fixed.iter().find(batch),
    };
    if let Some(cluster) = known {
        return Ok(cluster.id.clone());
    }
    let others: Vec<Source> = sources.iter().filter(|source| **source != Source::Fixed).cloned().collect();
    let (found, failures) = clusters(remote, &others).await;
    let all: Vec<&Cluster> = fixed.iter().chain(&found).collect();
    let fits: Vec<&&Cluster> = match wanted {
        Some(name) => all.iter().filter(|c| c.id.as_str() == name || c.name == name).collect(),
        None => all.iter().filter(|c| c.kind != ClusterKind::Local).collect(),
    };
    match (fits.as_slice(), wanted) {
        ([one], _) => Ok(one.id.clone()),
        ([], None) => Ok(ClusterId::local()),
        ([], Some(name)) => match elsewhere(remote, name, &others).await.as_slice() {
            [one] => Ok(one.id.clone()),
            [] => Err(missing(name, &all, failures)),
            many => Err(several(name, many)),
        },
        (many, _) => {
            let many: Vec<Cluster> = many.iter().map(|c| (**c).clone()).collect();
            Err(several(wanted.unwrap_or_default(), &many))
        }
    }
}

/// A cluster in a region that nobody named.
async fn elsewhere(remote: &dyn Remote, name: &str, sources: &[Source]) -> Vec<Cluster> {
    if sources.is_empty() {
        return Vec::new();
    }
    match remote.ask(Query::Locate(name.to_owned())).await {
        Ok(Answer::Clusters(found)) => found,
        _ => Vec::new(),
    }
}

fn several(name: &str, many: &[Cluster]) -> Failure {
    let names: Vec<&str> = many.iter().map(|c| c.id.as_str()).collect();
    let what = if name.is_empty() { "which cluster?".to_owned() } else { format!("several clusters are called {name}") };
    Failure::new(FailureKind::NotFound, "clusters", what).hint(format!("Choose with --cluster: {}.", names.join(", ")))
}

fn missing(name: &str, all: &[&Cluster], failures: Vec<Failure>) -> Failure {
    // A source that could not be asked may be the one that knows it: its own words say more than ours.
    if let Some(failure) = failures.into_iter().next() {
        return failure;
    }
    let names: Vec<&str> = all.iter().map(|c| c.name.as_str()).collect();
    let hint = format!("Known are: {}. --profile and --region look elsewhere.", names.join(", "));
    Failure::new(FailureKind::NotFound, "clusters", format!("there is no cluster {name}")).hint(hint)
}
