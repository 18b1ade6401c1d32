//! One paid thing to do. The order *is* the receipt of its call.

use crate::call::{Digest, OrderKey};
use crate::id::{InstanceId, OrderId};
use crate::operation::OperationKind;
use crate::time::Now;

/// One paid thing to do, unique by (listing, kind, key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Our name for it.
    pub id: OrderId,
    /// Where it was bought.
    pub listing: String,
    /// What was bought.
    pub kind: OrderKind,
    /// The marketplace's name for it.
    pub key: OrderKey,
    /// What must be the same whenever the key is.
    pub content: Digest,
    /// The instance that it made or points at.
    pub instance: InstanceId,
    /// The plan that it bought.
    pub plan: String,
    /// The period that it bought, as `<n>_<unit>`.
    pub period: String,
    /// How far it came.
    pub state: OrderState,
    /// The driver's words, when it said a final no.
    pub refusal: Option<String>,
    /// When it was accepted, on both clocks.
    pub accepted_at: Now,
    /// Counts the changes of this row.
    pub version: u64,
}

/// What an order buys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderKind {
    /// A new instance.
    Create,
    /// A longer term.
    Renew,
    /// Another plan.
    ChangePlan,
}

impl OrderKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Create, Self::Renew, Self::ChangePlan];

    /// The kind's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Renew => "renew",
            Self::ChangePlan => "change_plan",
        }
    }

    /// The work that fulfils an order of this kind.
    #[must_use]
    pub fn work(self) -> OperationKind {
        match self {
            Self::Create => OperationKind::Provision,
            Self::Renew => OperationKind::Renew,
            Self::ChangePlan => OperationKind::ChangePlan,
        }
    }
}

/// How far an order came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Placed, not paid.
    AwaitingPayment,
    /// Paid; the work is ours to finish.
    Accepted,
    /// Done.
    Fulfilled,
    /// The driver said a final no; a person may reopen it.
    Failed,
    /// Taken back before it was done.
    Cancelled,
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// It was paid.
    Pay,
    /// Its work is done.
    Fulfil,
    /// The driver said a final no.
    Fail,
    /// It was taken back, or its instance was released first.
    Cancel,
    /// A person takes it up again.
    Reopen,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::AwaitingPayment,
        Self::Accepted,
        Self::Fulfilled,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Accepted => "accepted",
            Self::Fulfilled => "fulfilled",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The closed table: the state after `event`, or `None` where that cannot happen.
    #[must_use]
    pub fn next(self, event: OrderEvent) -> Option<Self> {
        use OrderEvent as E;
        match (self, event) {
            (Self::AwaitingPayment, E::Pay) | (Self::Failed, E::Reopen) => Some(Self::Accepted),
            (Self::Accepted, E::Fulfil) => Some(Self::Fulfilled),
            (Self::Accepted, E::Fail) => Some(Self::Failed),
            (Self::AwaitingPayment | Self::Accepted, E::Cancel) => Some(Self::Cancelled),
            (Self::AwaitingPayment, E::Fulfil | E::Fail | E::Reopen)
            | (Self::Accepted, E::Pay | E::Reopen)
            | (Self::Failed, E::Pay | E::Fulfil | E::Fail | E::Cancel)
            | (
                Self::Fulfilled | Self::Cancelled,
                E::Pay | E::Fulfil | E::Fail | E::Cancel | E::Reopen,
            ) => None,
        }
    }
}

impl OrderEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [
        Self::Pay,
        Self::Fulfil,
        Self::Fail,
        Self::Cancel,
        Self::Reopen,
    ];
}
