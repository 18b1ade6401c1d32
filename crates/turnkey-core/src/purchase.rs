//! How a purchase stands: derived from its orders, never stored (design §3, "purchase").

use crate::order::OrderState;

/// How one unit of a purchase stands: its order, and whether its work needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnitState {
    /// Not paid yet.
    Waiting,
    /// Paid, and on its way.
    Delivering,
    /// There.
    Delivered,
    /// Refused by its driver, or given up: it needs a person.
    Failed,
    /// Taken back.
    Cancelled,
}

impl UnitState {
    /// Every state of a unit.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Delivering,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// How the unit of an order in state `order` stands; `is_dead` when its operation was given up.
    #[must_use]
    pub fn of(order: OrderState, is_dead: bool) -> Self {
        match order {
            OrderState::AwaitingPayment => Self::Waiting,
            OrderState::Accepted if is_dead => Self::Failed,
            OrderState::Accepted => Self::Delivering,
            OrderState::Fulfilled => Self::Delivered,
            OrderState::Failed => Self::Failed,
            OrderState::Cancelled => Self::Cancelled,
        }
    }
}

/// How a purchase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PurchaseState {
    /// Something of it is to be paid, and nothing is on its way.
    Waiting,
    /// Something of it is on its way.
    Delivering,
    /// All of it is there, but for what was taken back.
    Delivered,
    /// Some of it is there, and the rest failed.
    PartlyDelivered,
    /// Nothing of it is there, and something failed.
    Failed,
    /// All of it was taken back.
    Cancelled,
}

impl PurchaseState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Delivering,
        Self::Delivered,
        Self::PartlyDelivered,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivering => "delivering",
            Self::Delivered => "delivered",
            Self::PartlyDelivered => "partly_delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a purchase of `units`, of which there is one at least: what is under way comes
    /// before what waits for somebody, and that before what is over.
    #[must_use]
    pub fn of(units: &[UnitState]) -> Self {
        let has = |unit| units.contains(&unit);
        if has(UnitState::Delivering) {
            Self::Delivering
        } else if has(UnitState::Waiting) {
            Self::Waiting
        } else if has(UnitState::Delivered) && has(UnitState::Failed) {
            Self::PartlyDelivered
        } else if has(UnitState::Delivered) {
            Self::Delivered
        } else if has(UnitState::Failed) {
            Self::Failed
        } else {
            Self::Cancelled
        }
    }
}
