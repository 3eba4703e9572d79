//! The book of prices: what AWS said of them, kept in a file of the XDG cache folder, and what shall be asked next.
//!
//! Asks nobody. A price that is old stays until a newer one comes; what AWS does not know is not asked for again the same day.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::{Currency, Failure, Money, Price, Prices, Purchase, Quote};

/// A price is asked for again after so long, in seconds.
const FRESH: i64 = 86_400;
/// What could not be asked is tried again after so long.
const AGAIN: i64 = 600;
/// No more instance types of one region than this.
const MOST: usize = 200;

/// Prices that shall be asked for, of one region.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// The profile to ask with.
    pub profile: Option<String>,
    /// Instance types whose on-demand price is wanted.
    pub on_demand: Vec<String>,
    /// Instance types whose spot prices are wanted.
    pub spot: Vec<String>,
}

/// One price that AWS told: the instance type, the zone of a spot price, the price.
pub type Told = (String, Option<String>, Money);

/// The book. Everything but [`Book::known`] and [`Book::due`] touches its file.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    is_read: bool,
    prices: Prices,
    /// What is in use, by region.
    used: BTreeMap<String, Used>,
    /// What was last asked for in vain.
    troubles: BTreeMap<(String, Purchase), Failure>,
    /// From when on something may be asked for again that was asked for in vain.
    waits: HashMap<(String, String, Purchase), i64>,
}

/// The machines that are in use in a region.
#[derive(Debug, Default)]
struct Used {
    /// Who knows them.
    profile: Option<String>,
    types: BTreeSet<(String, Purchase)>,
}

impl Book {
    /// The book of this user: `qdeck/prices.json` in the XDG cache folder.
    pub fn default_path() -> PathBuf {
        use etcetera::BaseStrategy;
        let base = etcetera::choose_base_strategy().ok();
        base.map_or_else(std::env::temp_dir, |base| base.cache_dir()).join("qdeck").join("prices.json")
    }

    /// A book in the file at `path`, which is made when there is something to write.
    pub fn at(path: PathBuf) -> Self {
        Self { path, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !inner.is_read {
            inner.is_read = true;
            inner.prices.quotes = read(&self.path);
        }
        inner
    }

    /// All that is known.
    pub fn known(&self) -> Prices {
        let inner = self.inner();
        Prices { trouble: inner.troubles.values().next().cloned(), ..inner.prices.clone() }
    }

    /// Such a machine is in use in a region, or was: its price matters.
    pub fn using(&self, profile: Option<&str>, region: &str, instance_type: &str, purchase: Purchase) {
        let mut inner = self.inner();
        let used = inner.used.entry(region.to_owned()).or_default();
        used.profile = profile.map(str::to_owned);
        if used.types.len() < MOST {
            used.types.insert((instance_type.to_owned(), purchase));
        }
    }

    /// What shall be asked for now, by region. `now` is in seconds since 1970.
    pub fn due(&self, now: i64) -> Vec<(String, Wanted)> {
        let inner = self.inner();
        let mut all = Vec::new();
        for (region, used) in &inner.used {
            let mut wanted = Wanted { profile: used.profile.clone(), ..Wanted::default() };
            for (kind, purchase) in &used.types {
                let quote = inner.prices.quotes.get(&(region.clone(), kind.clone()));
                let at = match purchase {
                    Purchase::OnDemand => quote.and_then(|quote| quote.on_demand).map(|price| price.at),
                    Purchase::Spot => quote.and_then(|quote| quote.spot.values().map(|price| price.at).max()),
                };
                let waits = inner.waits.get(&(region.clone(), kind.clone(), *purchase)).is_some_and(|until| now < *until);
                if waits || at.is_some_and(|at| (at.as_second()..at.as_second() + FRESH).contains(&now)) {
                    continue;
                }
                match purchase {
                    Purchase::OnDemand => wanted.on_demand.push(kind.clone()),
                    Purchase::Spot => wanted.spot.push(kind.clone()),
                }
            }
            if !wanted.on_demand.is_empty() || !wanted.spot.is_empty() {
                all.push((region.clone(), wanted));
            }
        }
        all
    }

    /// Takes in what came of asking for some types: prices, or why there are none. Writes the book.
    pub fn learn(&self, region: &str, purchase: Purchase, asked: &[String], told: Result<&[Told], &Failure>, at: Timestamp) {
        let mut inner = self.inner();
        let now = at.as_second();
        let pause = if told.is_ok() { FRESH } else { AGAIN };
        for kind in asked {
            inner.waits.insert((region.to_owned(), kind.clone(), purchase), now + pause);
        }
        let told = match told {
            Ok(told) => told,
            Err(failure) => {
                inner.troubles.insert((region.to_owned(), purchase), failure.clone());
                return;
            }
        };
        inner.troubles.remove(&(region.to_owned(), purchase));
        for (kind, zone, hour) in told {
            let quote = inner.prices.quotes.entry((region.to_owned(), kind.clone())).or_default();
            let price = Price { hour: *hour, at };
            match zone {
                Some(zone) => drop(quote.spot.insert(zone.clone(), price)),
                None => quote.on_demand = Some(price),
            }
        }
        if let Err(error) = write(&self.path, &inner.prices.quotes) {
            tracing::warn!(%error, path = %self.path.display(), "the prices could not be kept");
        }
    }
}

type Quotes = HashMap<(String, String), Quote>;

/// What a file holds; nothing where there is none, or it is not ours to understand.
fn read(path: &Path) -> Quotes {
    let text = std::fs::read(path).unwrap_or_default();
    let all: Value = serde_json::from_slice(&text).unwrap_or_default();
    let price = |value: &Value, currency: Currency| {
        let at = value.get("at")?.as_str()?.parse().ok()?;
        Some(Price { hour: Money::micros(value.get("micros")?.as_u64()?).in_currency(currency), at })
    };
    let mut quotes = Quotes::new();
    for (region, types) in all.get("regions").and_then(Value::as_object).into_iter().flatten() {
        let currency = Currency::of(region);
        for (kind, value) in types.as_object().into_iter().flatten() {
            let zones = value.get("spot").and_then(Value::as_object).into_iter().flatten();
            let spot = zones.filter_map(|(zone, value)| Some((zone.clone(), price(value, currency)?))).collect();
            let quote = Quote { on_demand: value.get("on_demand").and_then(|value| price(value, currency)), spot };
            quotes.insert((region.clone(), kind.clone()), quote);
        }
    }
    quotes
}

/// Writes the whole book beside the old one and puts it in its place: a reader finds one or the other.
fn write(path: &Path, quotes: &Quotes) -> std::io::Result<()> {
    let price = |price: &Price| json!({ "micros": price.hour.as_micros(), "at": price.at.to_string() });
    let mut regions: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for ((region, kind), quote) in quotes {
        let spot: BTreeMap<&str, Value> = quote.spot.iter().map(|(zone, p)| (zone.as_str(), price(p))).collect();
        let value = json!({ "on_demand": quote.on_demand.as_ref().map(price), "spot": spot });
        regions.entry(region).or_default().insert(kind, value);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&draft, format!("{:#}\n", json!({ "currency": "USD, in cn-* CNY", "per": "hour", "regions": regions })))?;
    std::fs::rename(&draft, path).inspect_err(|_| drop(std::fs::remove_file(&draft)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    const DAY: i64 = 1_790_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(DAY + seconds).unwrap()
    }

    #[test]
    fn prices_are_asked_for_once_a_day_and_the_old_ones_stay_while_nobody_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qdeck/prices.json");
        let book = Book::at(path.clone());
        for (kind, purchase) in [("c5.large", Purchase::OnDemand), ("c5.large", Purchase::Spot), ("odd.type", Purchase::OnDemand)] {
            book.using(Some("lab"), "eu-west-1", kind, purchase);
        }
        let due = |book: &Book, seconds: i64| book.due(DAY + seconds);
        let all =
            Wanted { profile: Some("lab".into()), on_demand: vec!["c5.large".into(), "odd.type".into()], spot: vec!["c5.large".into()] };
        assert_eq!(due(&book, 0), [("eu-west-1".to_owned(), all.clone())]);
        let told = [("c5.large".to_owned(), None, Money::micros(96_000))];
        book.learn("eu-west-1", Purchase::OnDemand, &all.on_demand, Ok(&told), at(0));
        let denied = Failure::new(FailureKind::Denied, "AWS", "AccessDenied");
        book.learn("eu-west-1", Purchase::Spot, &all.spot, Err(&denied), at(0));
        assert_eq!(book.known().trouble, Some(denied));
        // What AWS does not know is not asked for all the time; what failed is tried again soon.
        assert_eq!(due(&book, 60), []);
        assert_eq!(due(&book, AGAIN)[0].1, Wanted { on_demand: vec![], ..all.clone() });
        let spot = [("c5.large".to_owned(), Some("eu-west-1a".to_owned()), Money::micros(31_000))];
        book.learn("eu-west-1", Purchase::Spot, &all.spot, Ok(&spot), at(AGAIN));
        // A day later another process reads them, asks, and fails: they stay, with their date.
        let later = Book::at(path.clone());
        later.using(Some("lab"), "eu-west-1", "c5.large", Purchase::OnDemand);
        assert_eq!(due(&later, 60), []);
        assert_eq!(due(&later, FRESH)[0].1.on_demand, ["c5.large"]);
        let failed = Failure::new(FailureKind::TimedOut, "AWS", "no answer");
        later.learn("eu-west-1", Purchase::OnDemand, &["c5.large".into()], Err(&failed), at(FRESH));
        let known = later.known();
        assert_eq!(known.of("eu-west-1", "c5.large", Purchase::OnDemand, None), Some(Price { hour: Money::micros(96_000), at: at(0) }));
        assert_eq!(known.of("eu-west-1", "c5.large", Purchase::Spot, Some("eu-west-1a")).map(|p| p.at), Some(at(AGAIN)));
        assert_eq!((known.of("eu-west-1", "odd.type", Purchase::OnDemand, None), known.trouble.is_some()), (None, true));
        // China's prices are in yuan, read again too.
        let yuan = [("c5.large".to_owned(), None, Money::micros(500_000).in_currency(Currency::Cny))];
        later.learn("cn-north-1", Purchase::OnDemand, &["c5.large".into()], Ok(&yuan), at(FRESH));
        let again = Book::at(path.clone()).known().of("cn-north-1", "c5.large", Purchase::OnDemand, None);
        assert_eq!(again.map(|price| price.hour), Some(yuan[0].2));
        // A file that is no book is a book without prices.
        std::fs::write(&path, "{\"regions\": {\"x\": [1], \"y\": {\"z\": 3, \"w\": {\"on_demand\": {\"micros\": -1}}}}").unwrap();
        assert_eq!(Book::at(path).known().of("y", "w", Purchase::OnDemand, None), None);
    }
}
