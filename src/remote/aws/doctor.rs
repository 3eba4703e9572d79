//! Whether AWS can be used: who we are and until when, what we may do, whose clock is wrong, whether port 22 of a head node is open.
//!
//! Only reads, with EC2's dry run where a read has one; never asks the internet which address is ours.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::OrderBy;
use aws_sdk_ec2::config::ProvideCredentials;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::IpPermission;
use aws_sdk_sts::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;

use super::client::Clients;
use super::{Aws, trouble};
use crate::model::{Cluster, Failure, FailureKind, Finding};
use crate::remote::doctor::{Check, Outcome, failed, skew};
use crate::remote::host::Host;

/// This machine tells its addresses at once, or not at all.
const LOOK: Duration = Duration::from_secs(2);

/// The checks of one account and region.
pub(super) fn account(aws: &Aws, profile: Option<String>, region: Option<String>) -> Vec<Check> {
    let of = profile.as_deref().map_or_else(String::new, |profile| format!(" of {profile}"));
    let aws = aws.clone();
    let name = format!("AWS credentials{of}");
    let check = name.clone();
    vec![Check::new(name, async move {
        match aws.clients(profile.as_deref(), region.as_deref()).await {
            Ok(clients) => identity(&clients, check, &of).await,
            Err(failure) => failed(format!("AWS region{of}"), &failure).into(),
        }
    })]
}

async fn identity(clients: &Clients, check: String, of: &str) -> Outcome {
    let region = Finding::ok(format!("AWS region{of}"), &clients.region);
    let until = match &clients.credentials {
        Some(provider) => provider.provide_credentials().await.ok().and_then(|found| found.expiry()),
        None => None,
    };
    let until = until.and_then(|until| Timestamp::try_from(until).ok());
    let date = Date::default();
    let answer = clients.identity.get_caller_identity().customize().interceptor(date.clone()).send().await;
    let now = crate::remote::now();
    let mut findings = vec![region];
    let clock = date.0.get().map(|there| skew("AWS", there.as_second() - now.as_second()));
    match answer {
        Ok(who) => {
            let who = format!("{} in account {}", who.arn().unwrap_or("somebody"), who.account().unwrap_or("?"));
            findings.push(valid(&check, &who, until, now));
            findings.push(Finding::ok(format!("AWS endpoint{of}"), "reached"));
            findings.extend(clock);
            Outcome { findings, then: permissions(clients, of), ..Outcome::default() }
        }
        Err(error) => {
            let failure = trouble::failure(clients, "sts:GetCallerIdentity", &error);
            let is_far = matches!(failure.kind, FailureKind::Unreachable | FailureKind::TimedOut);
            findings.push(failed(if is_far { format!("AWS endpoint{of}") } else { check }, &failure));
            findings.extend(clock);
            findings.into()
        }
    }
}

/// Who, and until when where whoever gave the credentials tells that.
fn valid(check: &str, who: &str, until: Option<Timestamp>, now: Timestamp) -> Finding {
    let Some(until) = until else { return Finding::ok(check, who) };
    let left = until.as_second() - now.as_second();
    let at = until.strftime("%Y-%m-%d %H:%M UTC");
    match left {
        ..=0 => Finding::bad(check, format!("{who}: ran out at {at}")).hint("Sign in again: aws sso login."),
        1..=900 => Finding::ok(check, format!("{who}, for {} min more", left.div_euclid(60))).hint("Soon you must sign in again."),
        _ => Finding::ok(check, format!("{who}, until {at}")),
    }
}

fn permissions(clients: &Clients, of: &str) -> Vec<Check> {
    let allowed = move |action: &'static str, of: &str, work: futures::future::BoxFuture<'static, Result<(), Failure>>| {
        let check = format!("{action}{of}");
        Check::new(check.clone(), async move {
            match work.await {
                Ok(()) => Finding::ok(check, "allowed"),
                Err(failure) => failed(check, &failure),
            }
        })
    };
    let (ec2, stacks, logs) = (clients.clone(), clients.clone(), clients.clone());
    vec![
        allowed(
            "ec2:DescribeInstances",
            of,
            Box::pin(async move {
                match ec2.ec2.describe_instances().dry_run(true).send().await {
                    Ok(_) => Ok(()),
                    Err(error) if error.as_service_error().and_then(|e| e.code()) == Some("DryRunOperation") => Ok(()),
                    Err(error) => Err(trouble::failure(&ec2, "ec2:DescribeInstances", &error)),
                }
            }),
        ),
        allowed(
            "cloudformation:DescribeStacks",
            of,
            Box::pin(async move {
                let answer = stacks.stacks.describe_stacks().send().await;
                answer.map(drop).map_err(|error| trouble::failure(&stacks, "cloudformation:DescribeStacks", &error))
            }),
        ),
        allowed(
            "logs:DescribeLogGroups",
            of,
            Box::pin(async move {
                let answer = logs.logs.describe_log_groups().limit(1).send().await;
                answer.map(drop).map_err(|error| trouble::failure(&logs, "logs:DescribeLogGroups", &error))
            }),
        ),
    ]
}

/// The checks of what AWS knows of one cluster.
pub(super) fn cluster(aws: &Aws, cluster: &Cluster, here: &Arc<dyn Host>) -> Vec<Check> {
    let (gate, gated, here) = (aws.clone(), cluster.clone(), here.clone());
    let (reader, read) = (aws.clone(), cluster.clone());
    let (tables, table) = (aws.clone(), cluster.clone());
    vec![
        Check::new("port 22", async move {
            match ports(&gate, &gated).await {
                Ok(Some(rules)) => {
                    let head = gated.head_node.as_ref().and_then(|head| head.address.as_ref()?.parse().ok());
                    port_22(&rules, &own_addresses(&*here).await, head)
                }
                Ok(None) => Finding::unknown("port 22", "EC2 does not tell which security groups the head node has"),
                Err(failure) => failed("port 22", &failure),
            }
        }),
        Check::new("log group", async move {
            match log_group(&reader, &read).await {
                Ok(found) => found,
                Err(failure) => failed("log group", &failure),
            }
        }),
        Check::new("compute fleet", async move {
            let status = async {
                let clients = tables.clients(table.profile.as_deref(), table.region.as_deref()).await?;
                super::fleet::status(&clients, &table.name).await
            };
            match status.await {
                Ok(Some(status)) if status == "PROTECTED" => Finding::bad("compute fleet", status)
                    .hint("Nodes failed to start again and again: find out why in clustermgtd's log, then start the fleet again."),
                Ok(Some(status)) => Finding::ok("compute fleet", status),
                Ok(None) => Finding::unknown("compute fleet", "its status is not kept in DynamoDB"),
                Err(failure) => failed("compute fleet", &failure),
            }
        }),
    ]
}

/// The rules of the groups of a head node and of each of its network interfaces; `None` where EC2 names no group.
async fn ports(aws: &Aws, cluster: &Cluster) -> Result<Option<Vec<IpPermission>>, Failure> {
    let clients = aws.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
    let Some(id) = cluster.head_node.as_ref().and_then(|head| head.instance_id.clone()) else { return Ok(None) };
    let found = clients.ec2.describe_instances().instance_ids(id).send().await;
    let found = found.map_err(|error| trouble::failure(&clients, "ec2:DescribeInstances", &error))?;
    let instances = || found.reservations().iter().flat_map(|r| r.instances());
    let interfaces = instances().flat_map(|i| i.network_interfaces()).flat_map(|interface| interface.groups());
    let groups = instances().flat_map(|i| i.security_groups()).chain(interfaces);
    let groups: BTreeSet<String> = groups.filter_map(|group| group.group_id().map(str::to_owned)).collect();
    if groups.is_empty() {
        return Ok(None);
    }
    let answer = clients.ec2.describe_security_groups().set_group_ids(Some(groups.into_iter().collect())).send().await;
    let answer = answer.map_err(|error| trouble::failure(&clients, "ec2:DescribeSecurityGroups", &error))?;
    Ok(Some(answer.security_groups().iter().flat_map(|g| g.ip_permissions()).cloned().collect()))
}

/// What the rules say of ssh. `ours` are this machine's own addresses, behind which the one that AWS sees may be hidden by a NAT.
fn port_22(rules: &[IpPermission], ours: &[IpAddr], head: Option<IpAddr>) -> Finding {
    let is_ssh = |rule: &&IpPermission| match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp") => rule.from_port().is_none_or(|from| from <= 22) && rule.to_port().is_none_or(|to| to >= 22),
        _ => false,
    };
    let open: Vec<&IpPermission> = rules.iter().filter(is_ssh).collect();
    let ranges = open.iter().flat_map(|rule| {
        rule.ip_ranges().iter().filter_map(|r| r.cidr_ip()).chain(rule.ipv6_ranges().iter().filter_map(|r| r.cidr_ipv6()))
    });
    let from: BTreeSet<&str> = ranges.collect();
    let named = open.iter().flat_map(|rule| {
        let groups = rule.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
        groups.chain(rule.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id()))
    });
    let named: BTreeSet<&str> = named.collect();
    let list = |all: &BTreeSet<&str>| all.iter().copied().collect::<Vec<_>>().join(", ");
    if from.iter().any(|range| matches!(*range, "0.0.0.0/0" | "::/0")) {
        return Finding::ok("port 22", "the security groups let every address in");
    }
    if from.is_empty() && named.is_empty() {
        return Finding::bad("port 22", "no security group of the head node lets an address in")
            .hint("Allow yours: HeadNode: {Ssh: {AllowedIps: …}} in the cluster's configuration; or go through SSM: clusters: {NAME: {via: ssm}}.");
    }
    // A private address of ours means something to a head node only where it is reached by its own private one.
    let is_seen = |ip: &&IpAddr| !is_private(**ip) || head.is_some_and(is_private);
    let inside = ours.iter().filter(is_seen).find_map(|ip| Some((ip, from.iter().find(|range| contains(range, *ip))?)));
    if let Some((ip, range)) = inside {
        return Finding::ok("port 22", format!("open to {range}, and this machine's own address {ip} is in it"));
    }
    if from.is_empty() {
        return Finding::unknown("port 22", format!("open to what {} hold, and to no address by itself", list(&named)))
            .hint("A login node or a VPN may be among them; from elsewhere the port is closed.");
    }
    let besides = if named.is_empty() { String::new() } else { format!(" and to what {} hold", list(&named)) };
    Finding::unknown("port 22", format!("open to {}{besides}; your address as AWS sees it is not known here", list(&from)))
        .hint("Compare it with the address that your provider or VPN gives you.")
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        // Unique local, link-local and loopback.
        IpAddr::V6(ip) => ip.is_loopback() || matches!(ip.segments()[0], 0xfc00..=0xfdff | 0xfe80..=0xfebf),
    }
}

/// Whether a range as AWS writes it, `198.51.100.0/24`, has an address in it.
fn contains(range: &str, ip: IpAddr) -> bool {
    let Some((base, length)) = range.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (a, b, width) = match (base, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    length <= width && (length == 0 || (a ^ b) >> (width - length) == 0)
}

/// The addresses of this machine's own interfaces. Nobody is asked who sees which.
async fn own_addresses(here: &dyn Host) -> Vec<IpAddr> {
    let said = here.sh("hostname -I 2>/dev/null".to_owned(), LOOK).await;
    let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Reads one event, for which more is needed than for the list of streams.
async fn log_group(aws: &Aws, cluster: &Cluster) -> Result<Finding, Failure> {
    let Some(group) = &cluster.log_group else {
        return Ok(Finding::unknown("log group", "the cluster's stack names none").hint("Monitoring/Logs/CloudWatch/Enabled may be false."));
    };
    let clients = aws.clients(cluster.profile.as_deref(), cluster.region.as_deref()).await?;
    let newest = clients.logs.describe_log_streams().log_group_name(group).order_by(OrderBy::LastEventTime).descending(true).limit(1);
    let answer = newest.send().await.map_err(|error| trouble::failure(&clients, "logs:DescribeLogStreams", &error))?;
    let Some(stream) = answer.log_streams().first().and_then(|stream| stream.log_stream_name()) else {
        return Ok(Finding::unknown("log group", format!("{group} has no streams yet: the head node has written nothing")));
    };
    let read = clients.logs.get_log_events().log_group_name(group).log_stream_name(stream).start_from_head(false).limit(1);
    let read = read.send().await.map_err(|error| trouble::failure(&clients, "logs:GetLogEvents", &error))?;
    let at = read.events().first().and_then(|event| Timestamp::from_millisecond(event.timestamp()?).ok());
    let last =
        at.map_or_else(|| "which has no events now".to_owned(), |at| format!("last event at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
    Ok(Finding::ok("log group", format!("{group} can be read: {stream}, {last}")))
}

/// The `Date` of an answer, whatever else it says.
#[derive(Clone, Debug, Default)]
struct Date(Arc<OnceLock<Timestamp>>);

impl Intercept for Date {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _parts: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            let _ = self.0.set(date.timestamp());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{IpRange, UserIdGroupPair};

    use super::*;
    use crate::model::Health;

    #[test]
    fn a_closed_port_is_told_from_one_that_may_be_open_to_us() {
        let rule = |protocol: &str, port: i32, cidr: &str| {
            let range = IpRange::builder().cidr_ip(cidr).build();
            IpPermission::builder().ip_protocol(protocol).from_port(port).to_port(port).ip_ranges(range).build()
        };
        let told = |rules: &[IpPermission], ours: &[&str], head: &str| {
            let ours: Vec<IpAddr> = ours.iter().map(|ip| ip.parse().unwrap()).collect();
            port_22(rules, &ours, head.parse().ok())
        };
        let state = |rules: &[IpPermission]| told(rules, &["10.1.2.3"], "203.0.113.9").state;
        assert_eq!(state(&[rule("tcp", 22, "0.0.0.0/0")]), Health::Ok);
        assert_eq!(state(&[rule("tcp", 443, "0.0.0.0/0"), rule("udp", 22, "0.0.0.0/0")]), Health::NotOk);
        let some = [rule("tcp", 22, "198.51.100.0/24"), rule("-1", 0, "10.0.0.0/8")];
        assert_eq!(state(&some), Health::Unknown);
        assert!(told(&some, &[], "").what.contains("open to 10.0.0.0/8, 198.51.100.0/24; your address as AWS sees it is not known here"));
        // A private address of ours says something to a private head node only, a public one always.
        assert!(told(&some, &["10.1.2.3"], "10.9.9.9").what.contains("open to 10.0.0.0/8, and this machine's own address 10.1.2.3"));
        assert_eq!(told(&some, &["192.168.1.5", "198.51.100.7"], "203.0.113.9").state, Health::Ok);
        // Who is let in by a group or a list is not nobody.
        let pair = UserIdGroupPair::builder().group_id("sg-1").build();
        let by_group = told(&[IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair).build()], &["10.1.2.3"], "10.9.9.9");
        assert!(by_group.state == Health::Unknown && by_group.what.contains("what sg-1 hold"), "{by_group:?}");
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let holds = |range: &str, ip: &str| contains(range, ip.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && holds("0.0.0.0/0", "1.2.3.4") && holds("1.2.3.4/32", "1.2.3.4"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(
            !holds("10.0.0.0/8", "11.0.0.1")
                && !holds("10.0.0.0/8", "::1")
                && !holds("x/8", "10.0.0.1")
                && !holds("10.0.0.0/99", "10.0.0.1")
        );
    }

    #[test]
    fn credentials_that_ran_out_are_not_ok() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).ok();
        assert_eq!([None, at(7200), at(60)].map(|until| valid("c", "w", until, now).state), [Health::Ok; 3]);
        assert_eq!(valid("c", "w", at(-1), now).state, Health::NotOk);
        assert!(valid("c", "w", at(7200), now).what.contains("until 2023-11-15 00:13 UTC"));
    }
}
