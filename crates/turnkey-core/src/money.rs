//! Money: minor units and a currency, never a fraction in binary.

use std::fmt;

/// An amount in the minor unit of its currency, such as fen or cents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// How much, in the minor unit.
    pub minor: i64,
    /// The currency's three letters, as ISO 4217 has them.
    pub currency: String,
}

impl Money {
    /// Nothing, in `currency`.
    #[must_use]
    pub fn none(currency: impl Into<String>) -> Self {
        Self {
            minor: 0,
            currency: currency.into(),
        }
    }

    /// What is owed when something of price `self` goes on as something of price `new`, with
    /// `left_ms` of the `period_ms` that both prices are for still to come: (new − old) × left ÷
    /// period, rounded half up (design §3, "term"). Never less than nothing; `None` when the
    /// currencies differ or the sum is beyond all money.
    #[must_use]
    pub fn difference(&self, new: &Self, left_ms: u64, period_ms: u64) -> Option<Self> {
        if self.currency != new.currency || period_ms == 0 {
            return None;
        }
        let difference = i128::from(new.minor) - i128::from(self.minor);
        let (left, period) = (i128::from(left_ms), i128::from(period_ms));
        let twice = difference.checked_mul(left)?.checked_mul(2)?;
        let rounded = (twice + period).div_euclid(2 * period);
        Some(Self {
            minor: i64::try_from(rounded.max(0)).ok()?,
            currency: self.currency.clone(),
        })
    }

    /// Both together; `None` when the currencies differ, or beyond all money.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let is_same = self.currency == other.currency;
        let minor = self.minor.checked_add(other.minor);
        minor.filter(|_| is_same).map(|minor| Self {
            minor,
            currency: self.currency.clone(),
        })
    }

    /// So much, `count` times; `None` beyond all money.
    #[must_use]
    pub fn times(&self, count: u32) -> Option<Self> {
        Some(Self {
            minor: self.minor.checked_mul(i64::from(count))?,
            currency: self.currency.clone(),
        })
    }
}

impl fmt::Display for Money {
    /// With two decimal places: every currency that listings are priced in has a hundredth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:02} {}",
            minor / 100,
            minor % 100,
            self.currency
        )
    }
}

/// What an offer costs: by the month, by the year, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// A month, in the minor unit.
    pub month: Option<i64>,
    /// A year, in the minor unit.
    pub year: Option<i64>,
    /// The currency's three letters.
    pub currency: String,
}
