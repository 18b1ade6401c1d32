//! What is sold, and where: products with their plans, listings with their offers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::fault::Fault;
use crate::key::Key;
use crate::money::{Money, Price};
use crate::ports::Driver;
use crate::storefront::Storefront;
use crate::term::{Ends, Period, Unit};

/// What is delivered: plans, and the driver that delivers them.
pub struct Product {
    /// Its name in the configuration.
    pub name: String,
    /// Its plans by name.
    pub plans: BTreeMap<String, Plan>,
    /// Who does the work.
    pub driver: Arc<dyn Driver>,
    /// Whether the driver is asked on dry runs too (promise 4). Immediate drivers always are.
    pub dry_run: bool,
    /// How long an operation is retried before it needs a person, in milliseconds.
    pub give_up_after_ms: u64,
    /// How long its driver may say "not yet" before an operation needs a person, in milliseconds;
    /// absent: for ever, because it is a person that it waits for.
    pub not_yet_for_ms: Option<u64>,
    /// With fewer free items in its stock than this, somebody should buy more; 0 is never.
    pub stock_low: u64,
}

impl Product {
    /// Whether its driver delivers out of a stock.
    #[must_use]
    pub fn takes_stock(&self) -> bool {
        let immediate = self.driver.immediate();
        immediate.is_some_and(|immediate| immediate.takes_stock())
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Product")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// One plan of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What the driver is told about the plan: one JSON object, as text.
    pub params: String,
}

/// A product offered through one dialect at one URL path, with keys of its own.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Its name in the configuration: its identity for ever.
    pub name: String,
    /// What is sold.
    pub product: Arc<Product>,
    /// The marketplace's code for the product: `product_code` or `app_id`. When set, a call that
    /// carries another is refused (promise 5).
    pub product_code: Option<String>,
    /// The keys: the first signs, all verify.
    pub keys: Vec<Key>,
    /// How the marketplace's words map to plans.
    pub offers: Offers,
    /// Where a buyer finds this server.
    pub public_url: String,
    /// How long a call may wait for its driver, from its first byte, in milliseconds.
    pub reply_within_ms: u64,
    /// How far a signed time may lie on either side of the wall clock, in milliseconds.
    pub clock_skew_ms: u64,
    /// What a create answers when the driver is slower than that.
    pub slow: Slow,
    /// How long after delivery a holding link shows its account, in milliseconds.
    pub reveal_for_ms: u64,
    /// Where the buyer's days begin.
    pub time_zone: TimeZone,
    /// When in the last day a term ends.
    pub ends: Ends,
    /// What our own clock does at the end of a term; absent where the marketplace is in charge.
    pub own_terms: Option<OwnTerms>,
    /// What makes it a storefront, where buyers call and not a marketplace.
    pub storefront: Option<Storefront>,
}

/// What our own clock does at the end of a term (design §5, "sweeper").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnTerms {
    /// How long a suspended instance is kept before it is removed, in milliseconds.
    pub grace_ms: u64,
}

/// What a create answers when the driver is slower than the marketplace waits (promise 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// Success with the final id, and links that show progress and then forward.
    Hold,
    /// "Not ready yet": the marketplace's own repeats collect the answer.
    Wait,
}

/// How the marketplace's words map to plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offers {
    /// Whatever is bought is this plan.
    AnyPlan(String),
    /// The first offer that fits counts.
    Listed(Vec<Offer>),
}

/// One line of a listing's price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The marketplace's word for the specification.
    pub spec: String,
    /// The marketplace's word for the package within it; absent: any.
    pub package: Option<String>,
    /// The plan that it buys.
    pub plan: String,
    /// What it costs, where that is our business.
    pub price: Option<Price>,
}

impl Price {
    /// What `period` costs: so many months or years at the price of one; a year without a price of
    /// its own is twelve months. `None` where there is no price for it.
    #[must_use]
    pub fn of(&self, period: Period) -> Option<Money> {
        let of = |minor: i64| Money {
            minor,
            currency: self.currency.clone(),
        };
        match (period.unit(), self.month, self.year) {
            (Unit::Month, Some(month), _) => of(month).times(period.count()),
            (Unit::Year, _, Some(year)) => of(year).times(period.count()),
            (Unit::Year, Some(month), None) => of(month).times(period.count().checked_mul(12)?),
            (Unit::Month | Unit::Day, _, _) | (Unit::Year, None, None) => None,
        }
    }
}

impl Offers {
    /// The first offer that buys `plan`; its place is its size.
    fn of_plan(&self, plan: &str) -> Option<(usize, &Offer)> {
        match self {
            Self::AnyPlan(_) => None,
            Self::Listed(offers) => offers
                .iter()
                .enumerate()
                .find(|(_, offer)| offer.plan == plan),
        }
    }

    /// The marketplace's word for `plan`: that of the first offer that buys it, or the plan's own.
    #[must_use]
    pub fn spec_of<'a>(&'a self, plan: &'a str) -> &'a str {
        self.of_plan(plan)
            .map_or(plan, |(_, offer)| offer.spec.as_str())
    }

    /// What `plan` costs for `period`, where it has a price.
    #[must_use]
    pub fn price_of(&self, plan: &str, period: Period) -> Option<Money> {
        self.of_plan(plan)?.1.price.as_ref()?.of(period)
    }

    /// Whether `new` is larger than `old`: the order of offers is the order of sizes.
    #[must_use]
    pub fn is_larger(&self, new: &str, old: &str) -> bool {
        match (self.of_plan(new), self.of_plan(old)) {
            (Some((new, _)), Some((old, _))) => new > old,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    /// The plan that `spec` and `package` buy.
    ///
    /// # Errors
    /// `plan_unknown` when no offer fits.
    pub fn plan(&self, spec: &str, package: Option<&str>) -> Result<&str, Fault> {
        let fits = |offer: &&Offer| {
            offer.spec == spec && (offer.package.is_none() || offer.package.as_deref() == package)
        };
        match self {
            Self::AnyPlan(plan) => Ok(plan),
            Self::Listed(offers) => offers
                .iter()
                .find(fits)
                .map(|offer| offer.plan.as_str())
                .ok_or_else(|| {
                    let message = match package {
                        Some(package) => {
                            format!("spec {spec:?} with package {package:?} is not offered here")
                        }
                        None => format!("spec {spec:?} is not offered here"),
                    };
                    Fault::malformed("plan_unknown", message)
                        .noted("add an [[listing.….offer]] for it, or set any_plan")
                }),
        }
    }
}
