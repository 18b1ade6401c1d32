//! What a storefront adds to a listing: accounts that buy, regions, payment, and what a buyer may
//! look at.

use std::collections::BTreeMap;
use std::fmt;

use crate::access::Access;
use crate::account::Accounts;
use crate::id::{InstanceId, OrderId, PurchaseId};
use crate::instance::{Instance, InstanceState, Reason};
use crate::listing::Listing;
use crate::money::Money;
use crate::term::{Period, Term};
use crate::time::UtcMillis;

/// The word of a context that says in which region an instance is.
pub const REGION: &str = "region";

/// Most units of one purchase: more are bought in several, so that one call stays one short
/// transaction.
pub const PURCHASE_QUANTITY_MAX: u32 = 50;

/// What makes a listing a storefront.
#[derive(Clone, Debug)]
pub struct Storefront {
    /// Who may buy.
    pub accounts: Accounts,
    /// The regions that are sold in, each with its zones.
    pub regions: BTreeMap<String, Vec<String>>,
    /// Whether an order of the API is taken as paid.
    pub payment: Payment,
    /// How long an unpaid order is kept, in milliseconds.
    pub unpaid_after_ms: u64,
}

/// Whether an order that comes in through the API is taken as paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// Every order is: who may call may buy.
    Trusted,
    /// Only one that pays by itself; the others wait for `turnkey order pay`.
    Required,
}

impl Storefront {
    /// Whether what `caller` orders is taken as paid.
    #[must_use]
    pub fn is_paid(&self, caller: &Caller) -> bool {
        match self.payment {
            Payment::Trusted => true,
            Payment::Required => caller.pays,
        }
    }
}

/// Who calls a storefront, and for which region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account's name.
    pub account: String,
    /// The region that the call is about; only its instances are seen.
    pub region: String,
    /// Whether what is ordered is paid with the call.
    pub pays: bool,
}

/// What was bought and billed with one order, beside the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Which order.
    pub order: OrderId,
    /// The purchase that it is part of.
    pub purchase: PurchaseId,
    /// What it costs; absent where the offer has no price.
    pub price: Option<Money>,
    /// Until when it may be paid, on the business clock; absent once it is, or needs not be.
    pub unpaid_until: Option<UtcMillis>,
}

impl Bill {
    /// The bill of an order that is a purchase of its own.
    #[must_use]
    pub fn of(order: &OrderId, price: Option<Money>, unpaid_until: Option<UtcMillis>) -> Self {
        Self {
            order: order.clone(),
            purchase: order.purchase(),
            price,
            unpaid_until,
        }
    }
}

/// What our own clock does with an instance whose term is ours to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Which instance.
    pub instance: InstanceId,
    /// Where it was sold.
    pub listing: String,
    /// Who bought it.
    pub buyer: String,
    /// In which region, where the storefront has some.
    pub region: String,
    /// What was bought: the period that a renewal buys again.
    pub period: Period,
    /// When the period that runs now began, on the business clock: what is left of it is counted
    /// from here.
    pub period_from: UtcMillis,
    /// Whether it is renewed at the end of its term.
    pub renews: bool,
    /// What comes next.
    pub stage: Stage,
    /// When it is looked at next, on the business clock; absent when nothing comes any more.
    pub look_at: Option<UtcMillis>,
}

/// What our own clock waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// For a reminder, or the end of the term.
    Term,
    /// For the end of the grace after it, when the instance is removed.
    Grace,
    /// For nothing.
    Over,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::Term, Self::Grace, Self::Over];

    /// The stage's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::Grace => "grace",
            Self::Over => "over",
        }
    }
}

/// What a buyer asks to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Who it is.
    Caller,
    /// One instance.
    Instance(InstanceId),
    /// One instance, with what only its own page shows.
    Detail(InstanceId),
    /// Whether there is such an instance, for a ticket that signs its buyer on to it.
    Ticket(InstanceId, Ticket),
    /// What an order made.
    Order(OrderId),
    /// Some instances.
    Instances(InstancesLook),
}

/// What signs a buyer on to an instance's own console, for a short while.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What the console checks.
    pub sign: String,
    /// What it is checked with besides.
    pub sk: String,
    /// When it was made, in seconds.
    pub at_s: i64,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(redacted)")
    }
}

/// Which of a caller's instances, and which page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancesLook {
    /// Only those that every one of these tests lets through.
    pub tests: Vec<Test>,
    /// The newest first; otherwise the oldest.
    pub newest_first: bool,
    /// How many are left out before the first.
    pub skip: u64,
    /// How many at the most.
    pub limit: u64,
}

/// One condition on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// What is looked at.
    pub of: Tested,
    /// How it is compared.
    pub by: Comparison,
    /// With what: one of them must fit, or none for [`Comparison::Differs`].
    pub values: Vec<String>,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tested {
    /// The id.
    Id,
    /// A word of the context; one that is not there is empty.
    Word(&'static str),
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal to one of the values.
    Equals,
    /// Equal to none of them.
    Differs,
    /// One of the values is part of it.
    Contains,
    /// Less than one of them, in the order of text.
    Less,
    /// Less than or equal to one of them.
    AtMost,
    /// Greater than one of them.
    Greater,
    /// Greater than or equal to one of them.
    AtLeast,
}

/// An instance as its buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its id.
    pub instance: InstanceId,
    /// The marketplace's word for what was bought.
    pub spec: String,
    /// The period that was bought.
    pub period: Option<Period>,
    /// For how long it is paid.
    pub term: Term,
    /// How it stands.
    pub standing: Standing,
    /// What was said about it when it was bought, and since.
    pub context: BTreeMap<String, String>,
    /// Where it is; absent until it is there.
    pub access: Option<Access>,
}

/// How an instance stands, for its buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is not there yet.
    Provisioning,
    /// It runs.
    Running,
    /// An operator stopped it.
    Stopped,
    /// Its delivery failed.
    Failed,
    /// Its term is over, or its service was ended by its buyer.
    Expired,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 5] = [
        Self::Provisioning,
        Self::Running,
        Self::Stopped,
        Self::Failed,
        Self::Expired,
    ];

    /// How `instance` stands; `None` when it is gone, or goes.
    #[must_use]
    pub fn of(instance: &Instance) -> Option<Self> {
        let is_expired =
            instance.reasons.has(Reason::Term) || instance.reasons.has(Reason::Marketplace);
        match instance.state {
            InstanceState::Provisioning => Some(Self::Provisioning),
            InstanceState::Running => Some(Self::Running),
            InstanceState::Suspended if is_expired => Some(Self::Expired),
            InstanceState::Suspended => Some(Self::Stopped),
            InstanceState::Failed => Some(Self::Failed),
            InstanceState::Releasing | InstanceState::Released => None,
        }
    }
}

impl View {
    /// What its buyer sees of `instance`; `None` when it is gone.
    #[must_use]
    pub fn of(
        listing: &Listing,
        instance: &Instance,
        subscription: Option<&Subscription>,
    ) -> Option<Self> {
        Some(Self {
            instance: instance.id.clone(),
            spec: listing.offers.spec_of(&instance.plan).to_owned(),
            period: subscription.map(|subscription| subscription.period),
            term: instance.term,
            standing: Standing::of(instance)?,
            context: instance.context.clone(),
            access: instance.access.clone(),
        })
    }
}

impl Caller {
    /// Whether `instance` is this caller's, in the region of the call.
    #[must_use]
    pub fn owns(&self, instance: &Instance) -> bool {
        instance.buyer == self.account
            && instance
                .context
                .get(REGION)
                .is_some_and(|region| *region == self.region)
    }
}

impl InstancesLook {
    /// The page of `views` (oldest first) that is asked for, and how many fit in all.
    #[must_use]
    pub fn page(&self, mut views: Vec<View>) -> (Vec<View>, u64) {
        views.retain(|view| self.tests.iter().all(|test| test.fits(view)));
        if self.newest_first {
            views.reverse();
        }
        let total = u64::try_from(views.len()).unwrap_or(u64::MAX);
        let as_count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let page = views.into_iter().skip(as_count(self.skip));
        (page.take(as_count(self.limit)).collect(), total)
    }
}

impl Test {
    fn fits(&self, view: &View) -> bool {
        let is = match self.of {
            Tested::Id => view.instance.as_str(),
            Tested::Word(word) => view.context.get(word).map_or("", String::as_str),
        };
        let mut values = self.values.iter().map(String::as_str);
        match self.by {
            Comparison::Equals => values.any(|value| is == value),
            Comparison::Differs => values.all(|value| is != value),
            Comparison::Contains => values.any(|value| is.contains(value)),
            Comparison::Less => values.any(|value| is < value),
            Comparison::AtMost => values.any(|value| is <= value),
            Comparison::Greater => values.any(|value| is > value),
            Comparison::AtLeast => values.any(|value| is >= value),
        }
    }
}
