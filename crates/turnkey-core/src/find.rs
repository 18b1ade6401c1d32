//! What a person looks for: rows newest first, a page at a time, filtered.
//!
//! A filter is served by an index, or by looking at no more than [`LOOKED_AT_MAX`] rows for one
//! page: then the page may hold fewer rows than asked for, and still say where to go on.

use crate::call::OrderKey;
use crate::id::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::operation::{Operation, OperationKind, OperationState};
use crate::order::{Order, OrderKind, OrderState};

/// Rows that are looked at for one page: some dozen milliseconds of a reader, so that a filter
/// which fits nothing among a million rows holds nobody up.
pub const LOOKED_AT_MAX: usize = 10_000;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T, I> {
    /// The rows, newest first: by their ids, which are ordered by time.
    pub rows: Vec<T>,
    /// Where the next page begins: behind this id. Absent when there is none.
    pub next: Option<I>,
}

impl<T, I> Found<T, I> {
    /// Nothing, and nothing behind it.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            rows: Vec::new(),
            next: None,
        }
    }
}

/// Which orders are asked for: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only of this listing.
    pub listing: Option<String>,
    /// Only of this kind.
    pub kind: Option<OrderKind>,
    /// Only in this state.
    pub state: Option<OrderState>,
    /// Only about this instance.
    pub instance: Option<InstanceId>,
    /// Only with this key, at whichever listing.
    pub key: Option<OrderKey>,
}

/// Which instances are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Only of this listing.
    pub listing: Option<String>,
    /// Only in this state.
    pub state: Option<InstanceState>,
    /// Only of this buyer.
    pub buyer: Option<String>,
}

/// Which operations are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Only of this kind.
    pub kind: Option<OperationKind>,
    /// Only in this state.
    pub state: Option<OperationState>,
    /// Only on this instance.
    pub instance: Option<InstanceId>,
}

impl OrderFilter {
    /// Whether `order` is asked for.
    #[must_use]
    pub fn fits(&self, order: &Order) -> bool {
        fits(self.listing.as_ref(), &order.listing)
            && fits(self.kind.as_ref(), &order.kind)
            && fits(self.state.as_ref(), &order.state)
            && fits(self.instance.as_ref(), &order.instance)
            && fits(self.key.as_ref(), &order.key)
    }
}

impl InstanceFilter {
    /// Whether `instance` is asked for.
    #[must_use]
    pub fn fits(&self, instance: &Instance) -> bool {
        fits(self.listing.as_ref(), &instance.listing)
            && fits(self.state.as_ref(), &instance.state)
            && fits(self.buyer.as_ref(), &instance.buyer)
    }
}

impl OperationFilter {
    /// Whether `operation` is asked for.
    #[must_use]
    pub fn fits(&self, operation: &Operation) -> bool {
        fits(self.kind.as_ref(), &operation.kind)
            && fits(self.state.as_ref(), &operation.state)
            && fits(self.instance.as_ref(), &operation.instance)
    }
}

fn fits<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}
