//! Amounts of money, exact to a millionth of a dollar or yuan.
//!
//! Whatever is above zero never reads as `$0`; amounts of two currencies are never one figure.

use std::fmt;

use super::duration::thousands;

/// What AWS is paid in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Currency {
    /// US dollars: everywhere but in China.
    #[default]
    Usd,
    /// Chinese yuan: in China's regions, which are an AWS of their own.
    Cny,
}

impl Currency {
    /// Each.
    pub const ALL: [Self; 2] = [Self::Usd, Self::Cny];

    /// What the machines of a region are paid in.
    pub fn of(region: &str) -> Self {
        if region.starts_with("cn-") { Self::Cny } else { Self::Usd }
    }

    /// Its code in the price list: `USD`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Cny => "CNY",
        }
    }

    /// What stands before an amount: `$`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Usd => "$",
            Self::Cny => "¥",
        }
    }

    /// In words, in plural.
    pub fn words(self) -> &'static str {
        match self {
            Self::Usd => "dollars",
            Self::Cny => "yuan",
        }
    }
}

/// An amount, counted in millionths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Money(u64, Currency);

impl Money {
    /// So many millionths of a dollar.
    pub const fn micros(micros: u64) -> Self {
        Self(micros, Currency::Usd)
    }

    /// As many of another currency; nothing is converted.
    #[must_use]
    pub const fn in_currency(self, currency: Currency) -> Self {
        Self(self.0, currency)
    }

    /// In millionths.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// What it is in.
    pub const fn currency(self) -> Currency {
        self.1
    }

    /// In whole dollars or yuan, for JSON and charts.
    #[expect(clippy::cast_precision_loss, reason = "2^53 millionths are nine thousand millions")]
    pub fn amount(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Reads a decimal number as dollars, `0.0960000000`. What is below a millionth is rounded. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        if whole.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digit = |i: usize| part.as_bytes().get(i).map_or(0, |b| u64::from(b - b'0'));
        let micros = (0..6).fold(0, |sum, i| sum * 10 + digit(i)) + u64::from(digit(6) >= 5);
        whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(micros).map(Self::micros)
    }

    /// So many times as much.
    pub fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n), self.1)
    }

    /// Together with another amount; `None` where they are not of one currency. Nothing is of any.
    pub fn plus(self, other: Self) -> Option<Self> {
        match (self.0, other.0) {
            (_, 0) => Some(self),
            (0, _) => Some(other),
            _ => (self.1 == other.1).then(|| Self(self.0.saturating_add(other.0), self.1)),
        }
    }

    /// `part` of `whole` equal parts of it, and not more than all of it; all of it where there are no parts.
    pub fn share(self, part: u64, whole: u64) -> Self {
        if whole == 0 { self } else { Self(scaled(self.0, part.min(whole), whole), self.1) }
    }

    /// As an estimate: `≈ $3.42`, or `< $0.0001`.
    pub fn about(self) -> String {
        if (1..100).contains(&self.0) { format!("< {}0.0001", self.1.sign()) } else { format!("≈ {self}") }
    }

    /// The price of an hour, for so many seconds.
    pub fn for_seconds(self, seconds: u64) -> Self {
        Self(scaled(self.0, seconds, 3_600), self.1)
    }
}

fn scaled(n: u64, by: u64, of: u64) -> u64 {
    let exact = (u128::from(n) * u128::from(by) + u128::from(of) / 2) / u128::from(of);
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// `$1,234`, `$32.77`, `$0.085`, `$0.0042`: as many digits as matter.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tidy = |places: u32| {
            let unit = 10_u64.pow(6 - places);
            let n = (self.0 + unit / 2) / unit;
            let of = 10_u64.pow(places);
            (n / of, n % of)
        };
        f.write_str(self.1.sign())?;
        match self.0 {
            0 => f.write_str("0"),
            1..=9_999 => write!(f, "0.{:04}", tidy(4).1),
            10_000..=999_499 => write!(f, "0.{:03}", tidy(3).1),
            999_500..=99_994_999 => write!(f, "{}.{:02}", tidy(2).0, tidy(2).1),
            _ => f.write_str(&thousands((self.0 + 500_000) / 1_000_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_exactly_and_nothing_else_is() {
        let read = |text: &str| Money::parse(text).map(Money::as_micros);
        assert_eq!((read("0.0960000000"), read("32.7726000000"), read("5")), (Some(96_000), Some(32_772_600), Some(5_000_000)));
        assert_eq!((read("0.0000001"), read("0.0000005")), (Some(0), Some(1)));
        for wrong in ["", ".", ".5", "-1", "1.x", "USD", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_have_the_digits_that_matter() {
        let shown = |micros: u64| Money::micros(micros).to_string();
        let all = [0, 1, 4_200, 9_999, 85_000, 999_499, 999_500, 3_420_000, 32_772_600, 99_994_999, 99_995_000, 1_234_567_000];
        let words = ["$0", "$0.0000", "$0.0042", "$0.0100", "$0.085", "$0.999", "$1.00", "$3.42", "$32.77", "$99.99", "$100", "$1,235"];
        assert_eq!(all.map(shown), words);
        assert_eq!([0, 1, 100].map(|micros| Money::micros(micros).about()), ["≈ $0", "< $0.0001", "≈ $0.0001"]);
    }

    #[test]
    fn two_currencies_are_never_one_figure() {
        let (dollars, yuan) = (Money::micros(2_000_000), Money::micros(3_500_000).in_currency(Currency::of("cn-north-1")));
        assert_eq!((yuan.about().as_str(), yuan.times(2).to_string().as_str()), ("≈ ¥3.50", "¥7.00"));
        assert_eq!((dollars.plus(yuan), dollars.plus(dollars)), (None, Some(dollars.times(2))));
        assert_eq!((Money::default().plus(yuan), yuan.plus(Money::default())), (Some(yuan), Some(yuan)));
        assert_eq!((yuan.for_seconds(1_800).currency(), Currency::of("eu-west-1")), (Currency::Cny, Currency::Usd));
    }

    #[test]
    fn parts_and_hours_never_overflow_or_exceed_the_whole() {
        let price = Money::micros(96_000);
        assert_eq!(price.for_seconds(5_400), Money::micros(144_000));
        assert_eq!((price.share(1, 4), price.share(9, 4), price.share(1, 0)), (Money::micros(24_000), price, price));
        assert_eq!(Money::micros(u64::MAX).for_seconds(u64::MAX), Money::micros(u64::MAX));
    }
}
