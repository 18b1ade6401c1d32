//! For how long: periods that are bought, and the term that they add up to (design §3, "term").

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

use crate::fault::Fault;
use crate::limits::PERIOD_YEARS_MAX;
use crate::time::UtcMillis;

/// A unit that marketplaces sell time in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Local days.
    Day,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::Year];

    /// The unit's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The most of this unit that one order may buy.
    fn count_max(self) -> u32 {
        match self {
            Self::Day => 366 * PERIOD_YEARS_MAX,
            Self::Month => 12 * PERIOD_YEARS_MAX,
            Self::Year => PERIOD_YEARS_MAX,
        }
    }
}

/// A stretch of time that an order buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    count: u32,
    unit: Unit,
}

/// Why no [`Period`] has that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// Nothing is no period.
    Zero,
    /// Longer than [`PERIOD_YEARS_MAX`] years.
    TooLong,
}

impl Period {
    /// A month: what is sold where nothing says for how long.
    pub const MONTH: Self = Self {
        count: 1,
        unit: Unit::Month,
    };

    /// `count` units.
    ///
    /// # Errors
    /// When that is nothing, or more than [`PERIOD_YEARS_MAX`] years.
    pub fn new(count: u32, unit: Unit) -> Result<Self, PeriodError> {
        match count {
            0 => Err(PeriodError::Zero),
            n if n > unit.count_max() => Err(PeriodError::TooLong),
            count => Ok(Self { count, unit }),
        }
    }

    /// How many units.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// Units of what.
    #[must_use]
    pub fn unit(self) -> Unit {
        self.unit
    }

    /// The period that was spelled as `text` by [`fmt::Display`], as orders keep it.
    #[must_use]
    pub fn spelled(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('_')?;
        let unit = Unit::ALL.into_iter().find(|known| known.name() == unit)?;
        Self::new(count.parse().ok()?, unit).ok()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.count, self.unit.name())
    }
}

/// When in its last day a term ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ends {
    /// At the local time of day at which it began.
    Exact,
    /// When the last local day is over.
    EndOfDay,
}

/// From when to when an instance is paid for.
///
/// Months and years are counted from an anchor, so that a term that began on the 31st ends on the
/// 31st wherever there is one: 31 Jan + 1 month = 28 Feb, and another month = 31 Mar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// When it began: the order was accepted as paid.
    pub starts_at: UtcMillis,
    /// When it is over.
    pub ends_at: UtcMillis,
    /// The local moment that months are counted from.
    pub anchor_at: UtcMillis,
    /// How many months are counted from it.
    pub months: u32,
}

impl Term {
    /// The term that `period` buys from `now` on.
    ///
    /// # Errors
    /// `term_too_long` when no calendar reaches so far.
    pub fn begin(
        now: UtcMillis,
        period: Period,
        zone: &TimeZone,
        ends: Ends,
    ) -> Result<Self, Fault> {
        let unbegun = Self {
            starts_at: now,
            ends_at: now,
            anchor_at: now,
            months: 0,
        };
        unbegun.extended_from_anchor(period, zone, ends)
    }

    /// This term, longer by `period`: from its end, or from `now` where that is later.
    ///
    /// # Errors
    /// `term_too_long` when no calendar reaches so far.
    pub fn extend(
        self,
        now: UtcMillis,
        period: Period,
        zone: &TimeZone,
        ends: Ends,
    ) -> Result<Self, Fault> {
        let from = if now > self.ends_at {
            Self {
                anchor_at: now,
                months: 0,
                ..self
            }
        } else {
            self
        };
        let extended = from.extended_from_anchor(period, zone, ends)?;
        // Rounding to the end of a day, or a clock change, must not cost the buyer anything.
        Ok(Self {
            ends_at: extended.ends_at.max(self.ends_at),
            ..extended
        })
    }

    /// The term from `starts_at` to `ends_at`. Where that is a number of months it counts them from
    /// its begin, so that a renewal of one that began on the 31st ends on the 31st; otherwise its
    /// end is what later months are counted from.
    #[must_use]
    pub fn between(starts_at: UtcMillis, ends_at: UtcMillis, zone: &TimeZone, ends: Ends) -> Self {
        /// The longest month: so many of them never reach beyond the end.
        const MONTH_MS_MAX: u64 = 31 * 86_400_000;
        let least = ends_at.ms_since(starts_at) / MONTH_MS_MAX;
        // A month is at least 28 days long, and an end may be rounded by a day.
        let most = ends_at.ms_since(starts_at) / (MONTH_MS_MAX / 31 * 28) + 1;
        let most = most.min(u64::from(Unit::Month.count_max()));
        let whole = (least..=most).find_map(|months| {
            let period = Period::new(u32::try_from(months).ok()?, Unit::Month).ok()?;
            let term = Self::begin(starts_at, period, zone, ends).ok()?;
            (term.ends_at == ends_at).then_some(term)
        });
        whole.unwrap_or(Self {
            starts_at,
            ends_at,
            anchor_at: ends_at,
            months: 0,
        })
    }

    fn extended_from_anchor(
        self,
        period: Period,
        zone: &TimeZone,
        ends: Ends,
    ) -> Result<Self, Fault> {
        let too_long = || {
            Fault::conflict(
                "term_too_long",
                format!("{period} more would end after the year 9999"),
            )
        };
        let count = i64::from(period.count);
        let added = match period.unit {
            Unit::Month => Ok(period.count),
            Unit::Year => Ok(period.count * 12),
            Unit::Day => Err(count),
        };
        let anchor = local(self.anchor_at, zone).ok_or_else(too_long)?;
        let plus = |zoned: &Zoned, span: Span| zoned.checked_add(span).ok();
        let (anchor, months, end) = match added {
            Ok(added) => {
                let months = self.months.checked_add(added).ok_or_else(too_long)?;
                let span = Span::new().try_months(months).map_err(|_| too_long())?;
                let end = plus(&anchor, span).ok_or_else(too_long)?;
                (anchor, months, end)
            }
            Err(days) => {
                let span = Span::new()
                    .try_months(self.months)
                    .map_err(|_| too_long())?;
                let end = plus(&anchor, span)
                    .and_then(|end| plus(&end, Span::new().try_days(days).ok()?))
                    .ok_or_else(too_long)?;
                (end.clone(), 0, end)
            }
        };
        let ends_at = match ends {
            Ends::Exact => millis(&end),
            Ends::EndOfDay => {
                let next = plus(&end, 1.day()).and_then(|next| next.start_of_day().ok());
                millis(&next.ok_or_else(too_long)?)
            }
        };
        Ok(Self {
            ends_at,
            anchor_at: millis(&anchor),
            months,
            ..self
        })
    }
}

fn local(at: UtcMillis, zone: &TimeZone) -> Option<Zoned> {
    Timestamp::from_millisecond(at.0)
        .ok()
        .map(|at| at.to_zoned(zone.clone()))
}

fn millis(zoned: &Zoned) -> UtcMillis {
    UtcMillis(zoned.timestamp().as_millisecond())
}
