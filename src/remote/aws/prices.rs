//! Prices of instance types: on demand from the price list, spot from what EC2 sold lately.
//!
//! A price that is not certain is none: two that differ, another currency than the region's, another unit.

use aws_sdk_pricing::types::{Filter, FilterType};
use futures::stream::{self, StreamExt};
use serde_json::Value;

use super::client::Clients;
use super::trouble;
use crate::model::price::NAT;
use crate::model::{Currency, Failure, Money};
use crate::remote::prices::Told;

/// The price list is asked about so many types at once.
const AT_ONCE: usize = 4;
/// Instance types in one question for spot prices.
const TYPES: usize = 50;

/// Linux on demand, for each type; those that the list does not have are left out.
pub(super) async fn on_demand(clients: &Clients, types: &[String]) -> Result<Vec<Told>, Failure> {
    let asked = stream::iter(types.to_vec()).map(|kind| async move { list(clients, &kind).await.map(|price| (kind, price)) });
    let mut found = Vec::new();
    let mut answers = asked.buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        let (kind, price) = answer?;
        found.extend(price.map(|price| (kind, None, price)));
    }
    Ok(found)
}

async fn list(clients: &Clients, kind: &str) -> Result<Option<Money>, Failure> {
    let machine = [("operatingSystem", "Linux"), ("preInstalledSw", "NA"), ("tenancy", "Shared"), ("capacitystatus", "Used")];
    let mut filters = vec![("regionCode", clients.region.as_str())];
    if kind == NAT {
        filters.push(("productFamily", "NAT Gateway"));
    } else {
        filters.push(("instanceType", kind));
        filters.extend(machine);
    }
    let mut request = clients.prices.get_products().service_code("AmazonEC2").max_results(20);
    for (field, value) in filters {
        let filter = Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build();
        // Nothing that it needs is missing here.
        request = filter.map_or(request.clone(), |filter| request.filters(filter));
    }
    let answer = request.send().await.map_err(|error| trouble::failure(clients, "pricing:GetProducts", &error))?;
    let currency = Currency::of(&clients.region);
    // A gateway's bytes are priced apart, and so are the hours of its rarer kinds.
    let is_meant = |product: &&String| kind != NAT || product.contains("NatGateway-Hours\"");
    let mut prices: Vec<Money> = answer.price_list().iter().filter(is_meant).flat_map(|product| read(product, currency)).collect();
    prices.sort_unstable();
    prices.dedup();
    Ok(if let [one] = prices.as_slice() { Some(*one) } else { None })
}

/// The hourly on-demand prices in a product of the list.
fn read(product: &str, currency: Currency) -> Vec<Money> {
    let product: Value = serde_json::from_str(product).unwrap_or_default();
    let terms = product.pointer("/terms/OnDemand").and_then(Value::as_object).into_iter().flatten();
    let dimensions = terms.flat_map(|(_, term)| term.get("priceDimensions").and_then(Value::as_object).into_iter().flatten());
    let hourly = dimensions.filter(|(_, dimension)| dimension.get("unit").and_then(Value::as_str) == Some("Hrs"));
    let prices = hourly.filter_map(|(_, dimension)| Money::parse(dimension.get("pricePerUnit")?.get(currency.code())?.as_str()?));
    // Reserved capacity and the like are listed at 0: they are paid for elsewhere.
    prices.filter(|price| price.as_micros() > 0).map(|price| price.in_currency(currency)).collect()
}

/// The newest spot price of each type in each zone.
pub(super) async fn spot(clients: &Clients, types: &[String]) -> Result<Vec<Told>, Failure> {
    let now = std::time::SystemTime::now().into();
    let mut newest: std::collections::HashMap<(String, String), (i64, Money)> = std::collections::HashMap::new();
    for some in types.chunks(TYPES) {
        // From now on back means: the price that holds now, of each type and zone.
        let mut request = clients.ec2.describe_spot_price_history().start_time(now).product_descriptions("Linux/UNIX");
        for kind in some {
            request = request.instance_types(kind.as_str().into());
        }
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble::failure(clients, "ec2:DescribeSpotPriceHistory", &error))?;
            for one in page.spot_price_history() {
                let (Some(kind), Some(zone)) = (one.instance_type(), one.availability_zone()) else { continue };
                let Some(price) = one.spot_price().and_then(Money::parse).filter(|price| price.as_micros() > 0) else { continue };
                let price = price.in_currency(Currency::of(&clients.region));
                let at = one.timestamp().map_or(0, aws_sdk_ec2::primitives::DateTime::secs);
                let kept = newest.entry((kind.as_str().to_owned(), zone.to_owned())).or_insert((at, price));
                if at > kept.0 {
                    *kept = (at, price);
                }
            }
        }
    }
    Ok(newest.into_iter().map(|((kind, zone), (_, price))| (kind, Some(zone), price)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_s_price_is_that_of_an_hour_in_the_region_s_currency() {
        let product = |unit: &str, price: &str| {
            format!(
                "{{\"product\": {{\"attributes\": {{\"instanceType\": \"c5.large\"}}}}, \"terms\": {{\"OnDemand\": {{\"A.B\": {{\"priceDimensions\": \
                 {{\"A.B.C\": {{\"unit\": \"{unit}\", \"pricePerUnit\": {price}, \"description\": \"$0.096 per On Demand Linux c5.large Instance Hour\"}}}}}}}}}}}}"
            )
        };
        let read = |product: &str| read(product, Currency::Usd);
        assert_eq!(read(&product("Hrs", "{\"USD\": \"0.0960000000\"}")), [Money::micros(96_000)]);
        let yuan = super::read(&product("Hrs", "{\"CNY\": \"0.5\", \"USD\": \"0.07\"}"), Currency::Cny);
        assert_eq!(yuan, [Money::micros(500_000).in_currency(Currency::Cny)]);
        for other in
            [product("Hrs", "{\"CNY\": \"0.5\"}"), product("Quantity", "{\"USD\": \"1\"}"), product("Hrs", "{\"USD\": \"0.0000000000\"}")]
        {
            assert_eq!(read(&other), [], "{other}");
        }
        assert_eq!(read("no json"), []);
    }
}
