//! Durable work on an instance, done by its product's driver. A row exists only for work left to
//! do: *done* and *dropped* are the two ways in which it disappears.

use crate::id::{InstanceId, OperationId, OrderId};
use crate::instance::Reasons;
use crate::time::UtcMillis;

/// Work left to do on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The key that the driver is called with, on every attempt.
    pub id: OperationId,
    /// On which instance.
    pub instance: InstanceId,
    /// What is to be done.
    pub kind: OperationKind,
    /// Its place among the operations of its instance: they are done in this order.
    pub seq: u64,
    /// The order that is fulfilled by it, where there is one.
    pub order: Option<OrderId>,
    /// How far it came.
    pub state: OperationState,
    /// How often the driver was asked.
    pub attempt: u32,
    /// The wall-clock moment at which it may be taken next. Only queued and dead ones have none.
    pub due_at: Option<UtcMillis>,
    /// When the driver was first asked: giving up is counted from here.
    pub began_at: Option<UtcMillis>,
    /// Grows with every claim; a result that comes with an older number is ignored.
    pub fence: u64,
    /// The plan that a change of plan moves to.
    pub plan: Option<String>,
    /// The period of the order, as the driver is told it; of a resume, that of the renewal that
    /// brings it along.
    pub period: Option<String>,
    /// The reasons that this suspends for, or that this resume lifted: the latter are put back
    /// when the driver says no.
    pub reasons: Reasons,
    /// Why the newest attempt failed, for the operator.
    pub note: Option<String>,
}

/// What a driver is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Make the instance.
    Provision,
    /// Its term is longer now.
    Renew,
    /// Move it to another plan.
    ChangePlan,
    /// Stop the service, keep the data.
    Suspend,
    /// Start the service again.
    Resume,
    /// Remove it.
    Release,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Provision,
        Self::Renew,
        Self::ChangePlan,
        Self::Suspend,
        Self::Resume,
        Self::Release,
    ];

    /// The kind's name, as drivers are told it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Renew => "renew",
            Self::ChangePlan => "change_plan",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Release => "release",
        }
    }

    /// Whether it says how the instance is to stand: still or running. The last such word counts.
    #[must_use]
    pub fn is_standing(self) -> bool {
        match self {
            Self::Suspend | Self::Resume => true,
            Self::Provision | Self::Renew | Self::ChangePlan | Self::Release => false,
        }
    }

    /// Whether a dead operation before it does not hold it back.
    #[must_use]
    pub fn passes_the_dead(self) -> bool {
        match self {
            Self::Suspend | Self::Release => true,
            Self::Provision | Self::Renew | Self::ChangePlan | Self::Resume => false,
        }
    }
}

/// How far an operation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// Waits for an earlier operation of its instance.
    Queued,
    /// The runner may take it.
    Due,
    /// A runner has it, until its lease ends.
    Leased,
    /// It was tried and will be tried again.
    Retrying,
    /// It was given up; a person must look.
    Dead,
    /// The driver did it, or said a final no. No row has this state.
    Done,
    /// It was taken back. No row has this state.
    Dropped,
}

/// What can happen to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationEvent {
    /// Nothing earlier is in its way any more.
    Ready,
    /// A runner takes it, for the first time or after a lease that ran out.
    Claim,
    /// The lease is void: its holder's life ended.
    Void,
    /// The driver gave a final answer.
    Finish,
    /// The driver gave no final answer; there is time left.
    Postpone,
    /// The driver gave no final answer; there is no time left.
    GiveUp,
    /// Its instance is released first.
    Drop,
    /// A person takes it up again.
    Reopen,
    /// A person did it.
    ByHand,
}

impl OperationState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Due,
        Self::Leased,
        Self::Retrying,
        Self::Dead,
        Self::Done,
        Self::Dropped,
    ];

    /// The state's stored name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Due => "due",
            Self::Leased => "leased",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }

    /// The closed table: the state after `event`, or `None` where that cannot happen.
    #[must_use]
    pub fn next(self, event: OperationEvent) -> Option<Self> {
        use OperationEvent as E;
        match event {
            E::Ready => (self == Self::Queued).then_some(Self::Due),
            E::Claim => match self {
                Self::Due | Self::Retrying | Self::Leased => Some(Self::Leased),
                Self::Queued | Self::Dead | Self::Done | Self::Dropped => None,
            },
            E::Void => (self == Self::Leased).then_some(Self::Due),
            E::Finish => (self == Self::Leased).then_some(Self::Done),
            E::Postpone => (self == Self::Leased).then_some(Self::Retrying),
            E::GiveUp => (self == Self::Leased).then_some(Self::Dead),
            E::Drop => match self {
                Self::Queued | Self::Due | Self::Dead => Some(Self::Dropped),
                Self::Leased | Self::Retrying | Self::Done | Self::Dropped => None,
            },
            E::Reopen => (self == Self::Dead).then_some(Self::Queued),
            E::ByHand => match self {
                Self::Due | Self::Leased | Self::Retrying | Self::Dead => Some(Self::Done),
                Self::Queued | Self::Done | Self::Dropped => None,
            },
        }
    }

    /// Whether the instance is busy with it: taken, or about to be.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Due | Self::Leased | Self::Retrying => true,
            Self::Queued | Self::Dead | Self::Done | Self::Dropped => false,
        }
    }
}

impl OperationEvent {
    /// Every event.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Claim,
        Self::Void,
        Self::Finish,
        Self::Postpone,
        Self::GiveUp,
        Self::Drop,
        Self::Reopen,
        Self::ByHand,
    ];
}

impl Operation {
    /// Whether its driver was never asked.
    #[must_use]
    pub fn is_unbegun(&self) -> bool {
        self.began_at.is_none()
    }
}
