//! What a first cluster stands on: regions, key pairs, networks with where their subnets lead, and instance types.
//!
//! Only lists; makes nothing.

use aws_sdk_ec2::types::{Filter, InstanceTypeInfo, InstanceTypeOffering, LocationType, RouteTable, Tag};

use super::client::Clients;
use super::trouble;
use crate::model::{Failure, FailureKind, Ground, Machine, Network, Route, Subnet};

/// No account's network has so many that more are worth listing.
const MOST: usize = 1_000;

/// Everything but the machines, each asked for at the same time. What may not be listed is left out and named; nothing at all is a failure.
pub(super) async fn ground(clients: &Clients) -> Result<Ground, Failure> {
    let (regions, keys, vpcs, subnets, tables) =
        futures::join!(regions(clients), keys(clients), vpcs(clients), subnets(clients), tables(clients));
    let mut ground = Ground { region: clients.region.clone(), ..Ground::default() };
    // Only other regions are lost without them.
    ground.regions = allowed(&mut ground, "regions", regions)?.unwrap_or_else(|| vec![clients.region.clone()]);
    ground.keys = allowed(&mut ground, "key pairs", keys)?.unwrap_or_default();
    ground.networks = allowed(&mut ground, "networks", vpcs)?.unwrap_or_default();
    let subnets = allowed(&mut ground, "subnets", subnets)?.unwrap_or_default();
    let tables = allowed(&mut ground, "routes", tables)?;
    if ["key pairs", "networks", "subnets"].iter().all(|what| ground.untold(what).is_some())
        && let Some((_, failure)) = ground.unlisted.pop()
    {
        return Err(failure);
    }
    for (vpc, subnet) in subnets {
        let route = tables.as_ref().map_or(Route::Unknown, |tables| route(tables, &vpc, &subnet.id));
        let at = ground.networks.iter().position(|network| network.id == vpc);
        let at = at.unwrap_or_else(|| {
            // Known by its subnets alone.
            ground.networks.push(Network { id: vpc.clone(), ..Network::default() });
            ground.networks.len() - 1
        });
        ground.networks[at].subnets.push(Subnet { route, ..subnet });
    }
    for network in &mut ground.networks {
        network.subnets.sort_by(|a, b| (&a.zone, &a.cidr).cmp(&(&b.zone, &b.cidr)));
    }
    ground.networks.sort_by(|a, b| (!a.is_default, &a.id).cmp(&(!b.is_default, &b.id)));
    Ok(ground)
}

/// What was listed; `None`, and the reason kept, where these credentials may not list it.
fn allowed<T>(ground: &mut Ground, what: &'static str, listed: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match listed {
        Ok(all) => Ok(Some(all)),
        Err(failure) if failure.kind == FailureKind::Denied || what == "regions" => {
            ground.unlisted.push((what, failure));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

async fn regions(clients: &Clients) -> Result<Vec<String>, Failure> {
    let answer = clients.ec2.describe_regions().send().await.map_err(|e| trouble::failure(clients, "ec2:DescribeRegions", &e))?;
    let mut names: Vec<String> = answer.regions().iter().filter_map(|region| region.region_name()).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

async fn keys(clients: &Clients) -> Result<Vec<String>, Failure> {
    let answer = clients.ec2.describe_key_pairs().send().await.map_err(|e| trouble::failure(clients, "ec2:DescribeKeyPairs", &e))?;
    let mut names: Vec<String> = answer.key_pairs().iter().filter_map(|key| key.key_name()).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

async fn vpcs(clients: &Clients) -> Result<Vec<Network>, Failure> {
    let mut pages = clients.ec2.describe_vpcs().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| trouble::failure(clients, "ec2:DescribeVpcs", &e))?;
        all.extend(page.vpcs().iter().map(|vpc| Network {
            id: vpc.vpc_id().unwrap_or_default().to_owned(),
            name: name(vpc.tags()),
            cidr: vpc.cidr_block().unwrap_or_default().to_owned(),
            is_default: vpc.is_default().unwrap_or(false),
            subnets: Vec::new(),
        }));
        if all.len() > MOST {
            break;
        }
    }
    Ok(all)
}

/// Each with its network. Where they lead is not known yet.
async fn subnets(clients: &Clients) -> Result<Vec<(String, Subnet)>, Failure> {
    let mut pages = clients.ec2.describe_subnets().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| trouble::failure(clients, "ec2:DescribeSubnets", &e))?;
        all.extend(page.subnets().iter().map(|subnet| {
            let found = Subnet {
                id: subnet.subnet_id().unwrap_or_default().to_owned(),
                name: name(subnet.tags()),
                zone: subnet.availability_zone().unwrap_or_default().to_owned(),
                cidr: subnet.cidr_block().unwrap_or_default().to_owned(),
                free: subnet.available_ip_address_count().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                gives_public: subnet.map_public_ip_on_launch().unwrap_or(false),
                route: Route::None,
            };
            (subnet.vpc_id().unwrap_or_default().to_owned(), found)
        }));
        if all.len() > MOST {
            break;
        }
    }
    Ok(all)
}

async fn tables(clients: &Clients) -> Result<Vec<RouteTable>, Failure> {
    let mut pages = clients.ec2.describe_route_tables().into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page.map_err(|e| trouble::failure(clients, "ec2:DescribeRouteTables", &e))?.route_tables().iter().cloned());
        if all.len() > MOST {
            break;
        }
    }
    Ok(all)
}

fn name(tags: &[Tag]) -> String {
    tags.iter().find(|tag| tag.key() == Some("Name")).and_then(|tag| tag.value()).unwrap_or_default().to_owned()
}

/// Where a subnet's default route leads: by its own table, else by its network's main one.
fn route(tables: &[RouteTable], vpc: &str, subnet: &str) -> Route {
    let own = |table: &&RouteTable| table.associations().iter().any(|a| a.subnet_id() == Some(subnet));
    let main = |table: &&RouteTable| table.vpc_id() == Some(vpc) && table.associations().iter().any(|a| a.main() == Some(true));
    let Some(table) = tables.iter().find(own).or_else(|| tables.iter().find(main)) else { return Route::None };
    let default = table.routes().iter().find(|route| {
        let is_default = route.destination_cidr_block() == Some("0.0.0.0/0");
        // A route whose target was deleted leads nowhere.
        is_default && route.state().is_none_or(|state| state.as_str() != "blackhole")
    });
    let Some(default) = default else { return Route::None };
    let targets = [
        default.gateway_id(),
        default.nat_gateway_id(),
        default.transit_gateway_id(),
        default.instance_id(),
        default.network_interface_id(),
        default.vpc_peering_connection_id(),
    ];
    match targets.into_iter().flatten().next() {
        Some(target) if target.starts_with("igw-") => Route::Internet,
        Some(target) if target.starts_with("nat-") => Route::Nat,
        // An instance that forwards is a NAT of one's own.
        Some(target) if target.starts_with("i-") || target.starts_with("eni-") => Route::Nat,
        Some(target) => Route::Other(target.to_owned()),
        None => Route::None,
    }
}

/// What these instance types are like, and which zones offer them; those that are not offered there are missing.
pub(super) async fn machines(clients: &Clients, names: &[String]) -> Result<Vec<Machine>, Failure> {
    let (all, zones) = futures::join!(described(clients, names), zones(clients, names));
    let mut all = all?;
    // Which zones have them is good to know, and not worth a failure.
    let zones = zones.unwrap_or_default();
    for machine in &mut all {
        machine.zones = zones.iter().filter(|(name, _)| *name == machine.name).map(|(_, zone)| zone.clone()).collect();
        machine.zones.sort();
    }
    all.retain(|machine| names.contains(&machine.name));
    all.sort_by_key(|machine| names.iter().position(|name| *name == machine.name));
    Ok(all)
}

/// Types as a filter, because a name that the region does not know would fail the whole call.
fn these(names: &[String]) -> Filter {
    Filter::builder().name("instance-type").set_values(Some(names.to_vec())).build()
}

async fn described(clients: &Clients, names: &[String]) -> Result<Vec<Machine>, Failure> {
    let mut pages = clients.ec2.describe_instance_types().filters(these(names)).into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| trouble::failure(clients, "ec2:DescribeInstanceTypes", &e))?;
        all.extend(page.instance_types().iter().map(machine));
    }
    Ok(all)
}

async fn zones(clients: &Clients, names: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let ask = clients.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone).filters(these(names));
    let mut pages = ask.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|e| trouble::failure(clients, "ec2:DescribeInstanceTypeOfferings", &e))?;
        let pair = |offer: &InstanceTypeOffering| Some((offer.instance_type()?.as_str().to_owned(), offer.location()?.to_owned()));
        all.extend(page.instance_type_offerings().iter().filter_map(pair));
    }
    Ok(all)
}

fn machine(info: &InstanceTypeInfo) -> Machine {
    let gpus = info.gpu_info().map_or(&[][..], |gpus| gpus.gpus());
    let gpus: Vec<String> = gpus
        .iter()
        .map(|gpu| format!("{} × {} {}", gpu.count().unwrap_or(1), gpu.manufacturer().unwrap_or(""), gpu.name().unwrap_or("GPU")))
        .collect();
    let architectures = info.processor_info().map_or(&[][..], |cpu| cpu.supported_architectures());
    Machine {
        name: info.instance_type().map(|t| t.as_str().to_owned()).unwrap_or_default(),
        vcpus: info.v_cpu_info().and_then(|cpu| cpu.default_v_cpus()).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        memory_mib: info.memory_info().and_then(|memory| memory.size_in_mib()).and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
        gpus: gpus.join(", "),
        architectures: architectures.iter().map(|a| a.as_str().to_owned()).filter(|a| a != "i386").collect(),
        zones: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route as Raw, RouteState, RouteTableAssociation};

    use super::*;

    fn table(vpc: &str, subnet: Option<&str>, routes: Vec<Raw>) -> RouteTable {
        let link = RouteTableAssociation::builder().set_subnet_id(subnet.map(str::to_owned)).main(subnet.is_none()).build();
        RouteTable::builder().vpc_id(vpc).associations(link).set_routes(Some(routes)).build()
    }

    #[test]
    fn a_subnet_is_what_its_routes_make_it() {
        let any = || Raw::builder().destination_cidr_block("0.0.0.0/0");
        let local = Raw::builder().destination_cidr_block("10.0.0.0/16").gateway_id("local").build();
        let tables = [
            table("vpc-1", None, vec![local.clone()]),
            table("vpc-1", Some("subnet-a"), vec![local, any().gateway_id("igw-1").build()]),
            table("vpc-1", Some("subnet-b"), vec![any().nat_gateway_id("nat-1").build()]),
            table("vpc-1", Some("subnet-c"), vec![any().transit_gateway_id("tgw-1").build()]),
            table("vpc-1", Some("subnet-d"), vec![any().nat_gateway_id("nat-2").state(RouteState::Blackhole).build()]),
        ];
        let of = |subnet: &str| route(&tables, "vpc-1", subnet);
        assert_eq!((of("subnet-a"), of("subnet-b")), (Route::Internet, Route::Nat));
        assert_eq!((of("subnet-c"), of("subnet-d")), (Route::Other("tgw-1".into()), Route::None));
        assert_eq!((of("subnet-e"), route(&tables, "vpc-2", "subnet-x")), (Route::None, Route::None), "by the main table, and by none");
    }
}
