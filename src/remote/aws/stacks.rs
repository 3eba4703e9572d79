//! Clusters as CloudFormation stacks: status, parameters, and why a creation failed.
//!
//! Knows nothing of instances; whoever lists clusters joins the two.

use aws_sdk_cloudformation::types::{Stack as Raw, StackEvent};
use jiff::Timestamp;

use super::client::Clients;
use super::trouble;
use crate::model::{ClusterFailure, Failure};

/// A cluster's stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stack {
    /// The cluster's name.
    pub(super) cluster: String,
    /// ParallelCluster's version; of version 2 only that it is one.
    pub(super) version: Option<String>,
    /// `CREATE_COMPLETE` and so on, as `pcluster` maps CloudFormation's words.
    pub(super) status: String,
    /// CloudFormation's reason, where it gives one.
    pub(super) reason: Option<String>,
    /// The login user (parameter `ClusterUser`).
    pub(super) user: Option<String>,
    /// `slurm`, or what version 2 knew besides (parameter `Scheduler`).
    pub(super) scheduler: Option<String>,
    /// CloudWatch's log group (parameter `ClusterCWLogGroup`); `None` where logging is off.
    pub(super) log_group: Option<String>,
    /// Bucket and folder of the cluster's configuration.
    pub(super) artifacts: Option<(String, String)>,
    /// When its creation began.
    pub(super) created: Option<Timestamp>,
}

/// All clusters' stacks. CloudFormation has no filter, and a page may be empty though more follow: every page is read.
pub(super) async fn list(clients: &Clients) -> Result<Vec<Stack>, Failure> {
    let mut pages = clients.stacks.describe_stacks().into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "cloudformation:DescribeStacks", &error))?;
        found.extend(page.stacks().iter().filter_map(stack));
    }
    Ok(found)
}

/// One cluster's stack, in the region of `clients`; `None` where there is none.
pub(super) async fn one(clients: &Clients, cluster: &str) -> Result<Option<Stack>, Failure> {
    let answer = clients.stacks.describe_stacks().stack_name(cluster).send().await;
    match answer {
        Ok(page) => Ok(page.stacks().iter().find_map(stack)),
        Err(error) => {
            let failure = trouble::failure(clients, "cloudformation:DescribeStacks", &error);
            // CloudFormation's word for "there is none" is a validation error.
            if failure.what.contains("does not exist") { Ok(None) } else { Err(failure) }
        }
    }
}

fn stack(raw: &Raw) -> Option<Stack> {
    if raw.parent_id().is_some() {
        return None;
    }
    let tag = |key: &str| raw.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value()).map(str::to_owned);
    let parameter = |key: &str| {
        let found = raw.parameters().iter().find(|p| p.parameter_key() == Some(key)).and_then(|p| p.parameter_value());
        found.filter(|value| !value.is_empty() && *value != "NONE").map(str::to_owned)
    };
    let name = raw.stack_name().unwrap_or_default();
    // Version 2 named its stacks so and tagged them `Version`.
    let old = name.strip_prefix("parallelcluster-").zip(tag("Version").filter(|version| version.starts_with("2.")));
    let (cluster, version) = match (tag("parallelcluster:version"), old) {
        // Image builds have the version's tag too.
        (Some(_), _) if tag("parallelcluster:image_id").is_some() => return None,
        (Some(version), _) => (name.to_owned(), version),
        (None, Some((cluster, version))) => (cluster.to_owned(), version),
        (None, None) => return None,
    };
    Some(Stack {
        cluster,
        version: Some(version),
        status: raw.stack_status().map(|status| mapped(status.as_str()).to_owned()).unwrap_or_default(),
        reason: raw.stack_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        user: parameter("ClusterUser"),
        scheduler: parameter("Scheduler"),
        log_group: parameter("ClusterCWLogGroup"),
        artifacts: parameter("ResourcesS3Bucket").zip(parameter("ArtifactS3RootDirectory")),
        created: raw.creation_time().and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}

/// CloudFormation's status as `pcluster` says it.
fn mapped(status: &str) -> &str {
    match status {
        "ROLLBACK_IN_PROGRESS" | "ROLLBACK_FAILED" | "ROLLBACK_COMPLETE" => "CREATE_FAILED",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" | "UPDATE_ROLLBACK_IN_PROGRESS" | "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => {
            "UPDATE_IN_PROGRESS"
        }
        "UPDATE_ROLLBACK_FAILED" | "UPDATE_ROLLBACK_COMPLETE" => "UPDATE_FAILED",
        other => other,
    }
}

/// Why the creation of a cluster failed: what `pcluster` would say, then each resource that failed by itself, the first first.
pub(super) async fn failures(clients: &Clients, stack: &str) -> Result<Vec<ClusterFailure>, Failure> {
    let mut pages = clients.stacks.describe_stack_events().stack_name(stack).into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "cloudformation:DescribeStackEvents", &error))?;
        events.extend(page.stack_events().iter().filter(|e| failed(e)).map(|e| {
            let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
            (text(e.logical_resource_id()), text(e.resource_type()), text(e.resource_status_reason()))
        }));
    }
    // They come with the latest first.
    events.reverse();
    Ok(explained(&events))
}

fn failed(event: &StackEvent) -> bool {
    event.resource_status().is_some_and(|status| status.as_str() == "CREATE_FAILED")
}

/// Failed resources, the first first, as (name, type, reason) → what to tell.
fn explained(events: &[(String, String, String)]) -> Vec<ClusterFailure> {
    // What was only given up because something else failed tells nothing.
    let own = |reason: &str| !reason.contains("Resource creation cancelled") && !reason.is_empty();
    let wait = events.iter().find(|(_, kind, _)| kind == "AWS::CloudFormation::WaitCondition");
    let first = wait.map(|(_, _, reason)| ClusterFailure { code: code(reason).to_owned(), reason: reason.clone() });
    let others = events.iter().filter(|(_, kind, reason)| kind != "AWS::CloudFormation::WaitCondition" && own(reason));
    let others = others.map(|(name, kind, reason)| ClusterFailure { code: format!("{name} ({kind})"), reason: reason.clone() });
    // A wait condition that was cancelled is not the cause; then what failed by itself comes first.
    match first {
        Some(first) if own(&first.reason) => std::iter::once(first).chain(others).collect(),
        Some(first) => others.chain([first]).collect(),
        None => others.collect(),
    }
}

/// Words in a wait condition's reason, and ParallelCluster's code for them.
const CODES: [(&str, &str); 20] = [
    ("AMI was created with version", "AmiVersionMismatch"),
    ("Please make sure that the custom AMI", "AmiVersionMismatch"),
    ("custom AMI", "InvalidAmi"),
    ("Failed to execute OnNodeConfigured script", "OnNodeConfiguredExecutionFailure"),
    ("Failed to download OnNodeConfigured script", "OnNodeConfiguredDownloadFailure"),
    ("Failed to execute OnNodeStart script", "OnNodeStartExecutionFailure"),
    ("Failed to download OnNodeStart script", "OnNodeStartDownloadFailure"),
    ("OnNodeConfigured", "OnNodeConfiguredFailure"),
    ("OnNodeStart", "OnNodeStartFailure"),
    ("Failed to mount EBS", "EbsMountFailure"),
    ("Failed to mount EFS", "EfsMountFailure"),
    ("Failed to mount FSX", "FsxMountFailure"),
    ("Failed to mount FSx", "FsxMountFailure"),
    ("Failed to mount RAID", "RaidMountFailure"),
    ("Failed to run chef recipe", "HeadNodeBootstrapFailure"),
    ("Failed to bootstrap the head node", "HeadNodeBootstrapFailure"),
    ("WaitCondition timed out", "HeadNodeBootstrapFailure"),
    ("Resource creation cancelled", "ResourceCreationFailure"),
    ("PROTECTED", "StaticNodeBootstrapFailure"),
    ("static node", "StaticNodeBootstrapFailure"),
];

fn code(reason: &str) -> &'static str {
    CODES.iter().find(|(words, _)| reason.contains(words)).map_or("ClusterCreationFailure", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{Parameter, StackStatus, Tag};

    use super::*;

    fn raw(name: &str, status: &str, tags: &[(&str, &str)]) -> Raw {
        let at = aws_sdk_cloudformation::primitives::DateTime::from_secs(1_790_000_000);
        let mut stack = Raw::builder().stack_name(name).stack_status(StackStatus::from(status)).creation_time(at);
        for (key, value) in tags {
            stack = stack.tags(Tag::builder().key(*key).value(*value).build());
        }
        stack.parameters(Parameter::builder().parameter_key("ClusterCWLogGroup").parameter_value("NONE").build()).build()
    }

    #[test]
    fn clusters_are_told_from_other_stacks() {
        let three = stack(&raw("a", "ROLLBACK_COMPLETE", &[("parallelcluster:version", "3.16.1")])).unwrap();
        assert_eq!((three.cluster.as_str(), three.status.as_str(), three.log_group), ("a", "CREATE_FAILED", None));
        let two = stack(&raw("parallelcluster-old", "UPDATE_ROLLBACK_COMPLETE", &[("Version", "2.11.9")])).unwrap();
        assert_eq!((two.cluster.as_str(), two.version.as_deref(), two.status.as_str()), ("old", Some("2.11.9"), "UPDATE_FAILED"));
        assert_eq!(stack(&raw("img", "CREATE_COMPLETE", &[("parallelcluster:version", "3"), ("parallelcluster:image_id", "x")])), None);
        assert_eq!(stack(&raw("parallelcluster-ui", "CREATE_COMPLETE", &[("Version", "2026.04")])), None);
        assert_eq!(stack(&Raw::builder().stack_name("n").parent_id("p").build()), None);
    }

    #[test]
    fn the_root_cause_of_a_failed_creation_comes_first() {
        let event = |name: &str, kind: &str, reason: &str| (name.to_owned(), kind.to_owned(), reason.to_owned());
        let wait = "AWS::CloudFormation::WaitCondition";
        let events = [
            event("HeadNode", "AWS::EC2::Instance", "You have exceeded your vCPU limit"),
            event("Table", "AWS::DynamoDB::Table", "Resource creation cancelled"),
            event("HeadNodeWaitCondition", wait, "Resource creation cancelled"),
        ];
        let told = explained(&events);
        assert_eq!(told.iter().map(|f| f.code.as_str()).collect::<Vec<_>>(), ["HeadNode (AWS::EC2::Instance)", "ResourceCreationFailure"]);
        let told = explained(&[event("W", wait, "Failed to mount FSX. Please check /var/log/chef-client.log")]);
        assert_eq!(told[0].code, "FsxMountFailure");
        assert_eq!(code("WaitCondition timed out. Received 0 conditions when expecting 1"), "HeadNodeBootstrapFailure");
    }
}
