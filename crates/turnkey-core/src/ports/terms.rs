//! Payment and terms that are ours to keep, as jobs for the writer.

use std::sync::Arc;

use crate::id::{InstanceId, OrderId};
use crate::listing::Listing;
use crate::ports::FreshIds;
use crate::time::{Now, UtcMillis};

/// What becomes of an order that waits for payment, for the writer.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Where it was ordered.
    pub listing: Arc<Listing>,
    /// Which order.
    pub order: OrderId,
    /// What becomes of it.
    pub how: Settlement,
    /// Ids for whatever is new.
    pub fresh: FreshIds,
    /// What both clocks show.
    pub now: Now,
}

/// How an order that waits for payment is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is paid.
    Pay,
    /// It is taken back.
    Cancel,
}

/// What a settlement left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether there is work for the runner.
    pub is_work_due: bool,
}

/// The turn of one instance whose term is ours to end, for the writer.
#[derive(Clone, Debug)]
pub struct TermTurn {
    /// Where it was sold.
    pub listing: Arc<Listing>,
    /// Which instance.
    pub instance: InstanceId,
    /// Ids for whatever is new.
    pub fresh: FreshIds,
    /// What both clocks show.
    pub now: Now,
    /// Whether it may be removed: the brake is off (design §5).
    pub may_release: bool,
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermTurned {
    /// Whether there is work for the runner.
    pub is_work_due: bool,
    /// Whether its removal is due and was kept back.
    pub is_kept_back: bool,
}

/// What our own clock has to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermsDue {
    /// Instances whose turn it is, with their listings.
    pub instances: Vec<(InstanceId, String)>,
    /// Orders whose time to be paid is over, with their listings.
    pub unpaid: Vec<(OrderId, String)>,
    /// When the next turn is, on the business clock, once these are taken.
    pub next_at: Option<UtcMillis>,
}

/// How many removals are due at a listing, and of how many instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalsDue {
    /// The listing.
    pub listing: String,
    /// Instances whose grace is over.
    pub due: u64,
    /// Instances whose term our own clock keeps.
    pub of: u64,
}
