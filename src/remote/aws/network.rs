//! A network for a first cluster, made as one stack of the template that ParallelCluster publishes for it.
//!
//! Describes no network of its own, and takes nothing away: a stack that failed or was left goes on as CloudFormation lets it.

use std::collections::HashSet;

use aws_sdk_cloudformation::types::{Capability, Parameter, Stack, StackEvent, Tag};
use aws_sdk_ec2::types::Filter;
use futures::stream::{self, BoxStream, StreamExt};

use super::client::Clients;
use super::{Aws, trouble};
use crate::model::{Failure, FailureKind, NewNetwork, Progress, Receipt};

/// Between two looks at a stack; `pcluster` waits as long.
const BETWEEN: std::time::Duration = std::time::Duration::from_secs(4);

/// Begins it and tells its events to its end. A stack of this name that is there or on its way is taken, not made again.
pub(super) fn make(aws: Aws, wanted: NewNetwork, version: String) -> BoxStream<'static, Progress> {
    let begun = async move {
        let clients = match aws.clients(wanted.profile.as_deref(), Some(&wanted.region)).await {
            Ok(clients) => clients,
            Err(failure) => return stream::iter([Progress::Failed(failure)]).boxed(),
        };
        match begin(&clients, &wanted, &version).await {
            Ok(words) => {
                let first = Progress::Step(words);
                let watch = Watch { clients, wanted, told: HashSet::new(), has_looked: false, is_over: false, open: Vec::new() };
                stream::iter([first]).chain(watched(watch)).boxed()
            }
            Err(failure) => stream::iter([Progress::Failed(failure)]).boxed(),
        }
    };
    stream::once(begun).flatten().boxed()
}

/// Where ParallelCluster of a version has its templates.
fn template(wanted: &NewNetwork, version: &str) -> String {
    let (region, kind) = (&wanted.region, if wanted.is_private { "public-private" } else { "public" });
    let domains = [("cn-", "amazonaws.com.cn"), ("us-iso-", "c2s.ic.gov"), ("us-isob-", "sc2s.sgov.gov")];
    let domain = domains.iter().find(|(begins, _)| region.starts_with(begins)).map_or("amazonaws.com", |(_, domain)| domain);
    format!(
        "https://{region}-aws-parallelcluster.s3.{region}.{domain}/parallelcluster/{version}/templates/networking/{kind}-{version}.cfn.json"
    )
}

/// What the template is told: the VPC and its gateway, empty where it makes them, and the subnets' addresses.
struct Place {
    vpc: String,
    gateway: String,
    ranges: (String, Option<String>),
}

/// Looks for room, in the VPC that is there or in one that will be.
async fn place(clients: &Clients, wanted: &NewNetwork) -> Result<Place, Failure> {
    let no_room = |cidr: &str| {
        let what = format!("there is no room in {cidr} for subnets of {} nodes", wanted.nodes);
        Failure::new(FailureKind::Rejected, clients.place(), what).hint("Another VPC, a new one, or fewer nodes at most.")
    };
    let Some(vpc) = &wanted.vpc else {
        let ranges = wanted.own_ranges().ok_or_else(|| no_room("a new VPC"))?;
        return Ok(Place { vpc: String::new(), gateway: String::new(), ranges });
    };
    let filter = |name: &str| Filter::builder().name(name).values(vpc).build();
    let found = clients.ec2.describe_vpcs().vpc_ids(vpc).send().await;
    let found = found.map_err(|error| trouble::failure(clients, "ec2:DescribeVpcs", &error))?;
    let cidr = found.vpcs().first().and_then(|vpc| vpc.cidr_block()).unwrap_or_default();
    let mut pages = clients.ec2.describe_subnets().filters(filter("vpc-id")).into_paginator().send();
    let mut taken = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble::failure(clients, "ec2:DescribeSubnets", &error))?;
        taken.extend(page.subnets().iter().filter_map(|subnet| subnet.cidr_block().map(str::to_owned)));
    }
    let gateways = clients.ec2.describe_internet_gateways().filters(filter("attachment.vpc-id")).send().await;
    let gateways = gateways.map_err(|error| trouble::failure(clients, "ec2:DescribeInternetGateways", &error))?;
    let gateway = gateways.internet_gateways().first().and_then(|gateway| gateway.internet_gateway_id()).unwrap_or_default();
    let ranges = wanted.ranges(cidr, &taken).ok_or_else(|| no_room(cidr))?;
    Ok(Place { vpc: vpc.clone(), gateway: gateway.to_owned(), ranges })
}

async fn begin(clients: &Clients, wanted: &NewNetwork, version: &str) -> Result<String, Failure> {
    let name = wanted.stack();
    let Place { vpc, gateway, ranges: (public, private) } = place(clients, wanted).await?;
    let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
    let mut parameters = vec![
        parameter("AvailabilityZone", &wanted.zone),
        parameter("VpcId", &vpc),
        parameter("InternetGatewayId", &gateway),
        parameter("PublicCIDR", &public),
    ];
    parameters.extend(private.map(|private| parameter("PrivateCIDR", &private)));
    let create = clients.stacks.create_stack().stack_name(&name).template_url(template(wanted, version)).set_parameters(Some(parameters));
    let create = create.capabilities(Capability::CapabilityIam).tags(Tag::builder().key("created-by").value("qdeck").build());
    let Err(error) = create.send().await else {
        return Ok(format!("CloudFormation makes {name}; it goes on without qdeck."));
    };
    let failure = trouble::failure(clients, "cloudformation:CreateStack", &error);
    if !failure.what.starts_with("AlreadyExists") {
        return Err(failure);
    }
    let there = described(clients, &name).await?;
    let status = status(&there);
    if there.parameters().iter().any(|p| p.parameter_key() == Some("VpcId") && p.parameter_value().unwrap_or_default() != vpc) {
        let what = format!("there is a stack {name} already, and it is for another VPC");
        return Err(
            Failure::new(FailureKind::Conflict, clients.place(), what).hint(format!("When nothing needs it: {}.", delete(clients, &name)))
        );
    }
    if !matches!(status, "CREATE_IN_PROGRESS" | "CREATE_COMPLETE") {
        let what = format!("there is a stack {name} already, and it is {status}");
        return Err(
            Failure::new(FailureKind::Conflict, clients.place(), what).hint(format!("When nothing needs it: {}.", delete(clients, &name)))
        );
    }
    Ok(format!("{name} is there already, {status}: it is taken, and not made again."))
}

fn delete(clients: &Clients, name: &str) -> String {
    let profile =
        clients.profile.as_deref().map_or_else(String::new, |profile| format!(" --profile {}", crate::model::text::quoted(profile)));
    format!("aws cloudformation delete-stack --stack-name {name} --region {}{profile}", clients.region)
}

async fn described(clients: &Clients, name: &str) -> Result<Stack, Failure> {
    let answer = clients.stacks.describe_stacks().stack_name(name).send().await;
    let answer = answer.map_err(|error| trouble::failure(clients, "cloudformation:DescribeStacks", &error))?;
    let none = || Failure::new(FailureKind::NotFound, clients.place(), format!("the stack {name} is gone"));
    answer.stacks().first().cloned().ok_or_else(none)
}

fn status(stack: &Stack) -> &str {
    stack.stack_status().map_or("", |status| status.as_str())
}

struct Watch {
    clients: Clients,
    wanted: NewNetwork,
    /// Identifiers of events.
    told: HashSet<String>,
    has_looked: bool,
    is_over: bool,
    /// What is told next.
    open: Vec<Progress>,
}

fn watched(watch: Watch) -> BoxStream<'static, Progress> {
    stream::unfold(watch, |mut watch| async move {
        loop {
            if !watch.open.is_empty() {
                let next = watch.open.remove(0);
                return Some((next, watch));
            }
            if watch.is_over {
                return None;
            }
            if watch.has_looked {
                tokio::time::sleep(BETWEEN).await;
            }
            watch.has_looked = true;
            watch.look().await;
        }
    })
    .boxed()
}

impl Watch {
    async fn look(&mut self) {
        let name = self.wanted.stack();
        // The state first: what happened before it is among the events then.
        let stack = match described(&self.clients, &name).await {
            Ok(stack) => stack,
            Err(failure) if matches!(failure.kind, FailureKind::Busy | FailureKind::Unreachable | FailureKind::TimedOut) => {
                // It goes on all the same, and is asked about again.
                self.open.push(Progress::Step(failure.to_string()));
                return;
            }
            Err(failure) => return self.end(Progress::Failed(failure)),
        };
        let events = self.events(&name).await.unwrap_or_default();
        for event in events.iter().rev() {
            if self.told.insert(event.event_id().unwrap_or_default().to_owned()) {
                self.open.push(Progress::Step(line(event)));
            }
        }
        match status(&stack) {
            "CREATE_IN_PROGRESS" => {}
            "CREATE_COMPLETE" => {
                let end = self.outputs(&stack);
                self.end(end);
            }
            other => {
                let what = format!("the network was not made: {other}: {}", cause(&events));
                let hint = format!("CloudFormation takes back what it had made; then: {}.", delete(&self.clients, &name));
                let failure = Failure::new(FailureKind::Rejected, self.clients.place(), what).hint(hint);
                self.end(Progress::Failed(failure));
            }
        }
    }

    fn end(&mut self, last: Progress) {
        self.open.push(last);
        self.is_over = true;
    }

    async fn events(&self, name: &str) -> Result<Vec<StackEvent>, Failure> {
        let mut pages = self.clients.stacks.describe_stack_events().stack_name(name).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble::failure(&self.clients, "cloudformation:DescribeStackEvents", &error))?;
            all.extend(page.stack_events().iter().cloned());
        }
        Ok(all)
    }

    fn outputs(&self, stack: &Stack) -> Progress {
        let output =
            |key: &str| stack.outputs().iter().find(|o| o.output_key() == Some(key)).and_then(|o| o.output_value()).map(str::to_owned);
        let (vpc, head) = (output("VpcId").unwrap_or_default(), output("PublicSubnetId"));
        let queue = if self.wanted.is_private { output("PrivateSubnetId") } else { head.clone() };
        match head.zip(queue) {
            Some((head, queue)) => Progress::Done(Receipt::Network { vpc, head, queue }),
            None => {
                let what = format!("the stack {} does not say which subnets it has", self.wanted.stack());
                Progress::Failed(Failure::new(FailureKind::Garbled, self.clients.place(), what))
            }
        }
    }
}

fn line(event: &StackEvent) -> String {
    let kind = event.resource_type().unwrap_or_default();
    let reason =
        event.resource_status_reason().filter(|reason| !reason.is_empty()).map_or_else(String::new, |reason| format!("  {reason}"));
    let status = event.resource_status().map_or("", |status| status.as_str());
    format!("{status:<20} {} ({}){reason}", event.logical_resource_id().unwrap_or_default(), kind.strip_prefix("AWS::").unwrap_or(kind))
}

/// The first resource that failed by itself, of events with the latest first.
fn cause(events: &[StackEvent]) -> String {
    let failed = |event: &&StackEvent| event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"));
    let own = |event: &&StackEvent| !event.resource_status_reason().is_some_and(|reason| reason.contains("Resource creation cancelled"));
    let first = events.iter().rev().filter(failed).find(own).or_else(|| events.iter().rev().find(|e| e.resource_status_reason().is_some()));
    first.map_or_else(
        || "CloudFormation does not say why".to_owned(),
        |event| {
            format!(
                "{}: {}",
                event.logical_resource_id().unwrap_or_default(),
                event.resource_status_reason().unwrap_or("no reason is given")
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;
    use crate::model::ClusterId;

    fn wanted(region: &str, is_private: bool) -> NewNetwork {
        let cluster = ClusterId::aws(None, region, "lab");
        NewNetwork { cluster, profile: None, region: region.into(), vpc: None, zone: format!("{region}a"), is_private, nodes: 10 }
    }

    #[test]
    fn the_template_is_the_one_that_pcluster_takes() {
        let private = wanted("eu-central-1", true);
        assert_eq!(
            template(&private, "3.16.1"),
            "https://eu-central-1-aws-parallelcluster.s3.eu-central-1.amazonaws.com/parallelcluster/3.16.1/templates/networking/\
             public-private-3.16.1.cfn.json"
        );
        assert!(template(&wanted("cn-north-1", false), "3").contains(".s3.cn-north-1.amazonaws.com.cn/"));
    }

    #[test]
    fn what_failed_by_itself_is_the_cause() {
        let event = |name: &str, status: ResourceStatus, reason: &str| {
            StackEvent::builder().logical_resource_id(name).resource_status(status).resource_status_reason(reason).build()
        };
        let events = [
            event("lab", ResourceStatus::RollbackInProgress, "The following resource(s) failed to create"),
            event("Public", ResourceStatus::CreateFailed, "Resource creation cancelled"),
            event("NatEIPPublic", ResourceStatus::CreateFailed, "The maximum number of addresses has been reached."),
            event("lab", ResourceStatus::CreateInProgress, "User Initiated"),
        ];
        assert_eq!(cause(&events), "NatEIPPublic: The maximum number of addresses has been reached.");
        assert_eq!(cause(&[]), "CloudFormation does not say why");
    }
}
