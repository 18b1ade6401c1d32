//! What the buyer gets, and the states of its life.

use std::collections::BTreeMap;

use crate::access::Access;
use crate::id::{InstanceId, OrderId};
use crate::term::Term;
use crate::time::UtcMillis;

/// What the buyer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name, for us and for the marketplace.
    pub id: InstanceId,
    /// The listing that created it; it answers to no other.
    pub listing: String,
    /// What it is an instance of.
    pub product: String,
    /// The plan that it has now.
    pub plan: String,
    /// Who paid.
    pub buyer: String,
    /// What else the driver should know, such as `cloud_info`.
    pub context: BTreeMap<String, String>,
    /// What the buyer logs in with; there is none before it is delivered and after it is released.
    pub access: Option<Access>,
    /// For how long.
    pub term: Term,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Why it should not run.
    pub reasons: Reasons,
    /// The order that made it.
    pub order: OrderId,
    /// Whether the driver ever delivered it.
    pub delivered: bool,
    /// When the newest suspension was carried out, on the business clock: grace counts from here.
    pub suspended_at: Option<UtcMillis>,
    /// The signed time of the newest renewal or resume: an older suspend or release is stale.
    pub lifted_signed_at: Option<UtcMillis>,
    /// Counts the changes of this row.
    pub version: u64,
}

/// Why an instance should not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Its term is over, by our own clock.
    Term,
    /// The marketplace said so.
    Marketplace,
    /// An operator said so; only an operator lifts it.
    Operator,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Term, Self::Marketplace, Self::Operator];

    /// The reason's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::Marketplace => "marketplace",
            Self::Operator => "operator",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Term => 1,
            Self::Marketplace => 2,
            Self::Operator => 4,
        }
    }
}

/// A set of [`Reason`]s. The instance runs when none is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reasons(u8);

impl Reasons {
    /// No reason: it should run.
    pub const NONE: Self = Self(0);

    /// The set with the bits of `bits`; unknown bits are dropped.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The set as bits, for the store.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether no reason is left.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `reason` is in the set.
    #[must_use]
    pub fn has(self, reason: Reason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// The set and `reason`.
    #[must_use]
    pub fn with(self, reason: Reason) -> Self {
        Self(self.0 | reason.bit())
    }

    /// The set without what is in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What someone with the standing of `by` lifts of this set: an operator everything, the
    /// marketplace and our own clock all but the operator's.
    #[must_use]
    pub fn lifted_by(self, by: Reason) -> Self {
        match by {
            Reason::Operator => self,
            Reason::Term | Reason::Marketplace => self.without(Self::NONE.with(Reason::Operator)),
        }
    }
}

/// Where an instance is in its life. It is what was *decided*; the driver may still be on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// The driver has still to deliver it.
    Provisioning,
    /// Delivered, and meant to run.
    Running,
    /// Delivered, and meant to stand still; data kept.
    Suspended,
    /// The driver said a final no to delivering it.
    Failed,
    /// To be removed; the driver has still to do it.
    Releasing,
    /// Removed.
    Released,
}

/// What can happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceEvent {
    /// The driver delivered it, and nothing says that it should not run.
    Deliver,
    /// The driver delivered it, and it was suspended meanwhile.
    DeliverSuspended,
    /// The driver said a final no to delivering it.
    Fail,
    /// It is to stand still.
    Suspend,
    /// Nothing says any more that it should stand still.
    Lift,
    /// It is to be removed.
    Release,
    /// It is taken back before its driver began.
    Withdraw,
    /// The driver removed it.
    Remove,
    /// The driver said a final no to removing it, which runs.
    KeepRunning,
    /// The driver said a final no to removing it, which stands still.
    KeepSuspended,
    /// The driver said a final no to removing what it never delivered.
    KeepFailed,
    /// The driver said a final no to removing what it may still deliver.
    KeepProvisioning,
    /// A person takes up its delivery again.
    Reopen,
}

impl InstanceState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Provisioning,
        Self::Running,
        Self::Suspended,
        Self::Failed,
        Self::Releasing,
        Self::Released,
    ];

    /// The state's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Failed => "failed",
            Self::Releasing => "releasing",
            Self::Released => "released",
        }
    }

    /// The closed table: the state after `event`, or `None` where that cannot happen.
    #[must_use]
    pub fn next(self, event: InstanceEvent) -> Option<Self> {
        use InstanceEvent as E;
        match event {
            E::Deliver => (self == Self::Provisioning).then_some(Self::Running),
            E::DeliverSuspended => (self == Self::Provisioning).then_some(Self::Suspended),
            E::Fail => (self == Self::Provisioning).then_some(Self::Failed),
            E::Suspend => (self == Self::Running).then_some(Self::Suspended),
            E::Lift => (self == Self::Suspended).then_some(Self::Running),
            E::Release => match self {
                Self::Provisioning | Self::Running | Self::Suspended | Self::Failed => {
                    Some(Self::Releasing)
                }
                Self::Releasing | Self::Released => None,
            },
            E::Withdraw => (self == Self::Provisioning).then_some(Self::Released),
            E::Remove => (self == Self::Releasing).then_some(Self::Released),
            E::KeepRunning => (self == Self::Releasing).then_some(Self::Running),
            E::KeepSuspended => (self == Self::Releasing).then_some(Self::Suspended),
            E::KeepFailed => (self == Self::Releasing).then_some(Self::Failed),
            E::KeepProvisioning => (self == Self::Releasing).then_some(Self::Provisioning),
            E::Reopen => (self == Self::Failed).then_some(Self::Provisioning),
        }
    }
}

impl InstanceEvent {
    /// Every event.
    pub const ALL: [Self; 13] = [
        Self::Deliver,
        Self::DeliverSuspended,
        Self::Fail,
        Self::Suspend,
        Self::Lift,
        Self::Release,
        Self::Withdraw,
        Self::Remove,
        Self::KeepRunning,
        Self::KeepSuspended,
        Self::KeepFailed,
        Self::KeepProvisioning,
        Self::Reopen,
    ];
}
