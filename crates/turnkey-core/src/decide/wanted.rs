//! What a call wants: the order that it puts, and the work for the driver.

use crate::call::{OrderKey, OrderRef};
use crate::id::{InstanceId, OperationId, OrderId};
use crate::instance::Reasons;
use crate::operation::OperationKind;
use crate::order::{Order, OrderKind, OrderState};
use crate::ports::Admission;
use crate::stock::StockItem;
use crate::term::Period;

/// Work that a decision wants done.
pub(super) struct Wanted<'a> {
    pub(super) id: OperationId,
    pub(super) kind: OperationKind,
    pub(super) order: Option<&'a OrderId>,
    pub(super) key: Option<&'a OrderKey>,
    pub(super) plan: Option<&'a str>,
    pub(super) period: Option<String>,
    pub(super) reasons: Reasons,
    pub(super) dry_run: bool,
    pub(super) stock: Option<&'a StockItem>,
}

/// The id of the work of `order`, with everything that work of an order carries.
pub(super) fn wanted_for<'a>(order: &'a Order, kind: OperationKind, dry_run: bool) -> Wanted<'a> {
    Wanted {
        id: order.id.operation(),
        kind,
        order: Some(&order.id),
        key: Some(&order.key),
        plan: None,
        period: Some(order.period.clone()),
        reasons: Reasons::NONE,
        dry_run,
        stock: None,
    }
}

/// What an order buys, once it is clear.
pub(super) struct Bought<'a> {
    pub(super) kind: OrderKind,
    pub(super) order: &'a OrderRef,
    pub(super) instance: &'a InstanceId,
    pub(super) plan: &'a str,
    pub(super) period: Period,
}

/// The order that `admission` accepts now.
pub(super) fn accepted(admission: &Admission, bought: &Bought<'_>) -> Order {
    Order {
        id: admission.fresh.order.clone(),
        listing: admission.listing.name.clone(),
        kind: bought.kind,
        key: bought.order.key.clone(),
        content: bought.order.content,
        instance: bought.instance.clone(),
        plan: bought.plan.to_owned(),
        period: bought.period.to_string(),
        state: OrderState::Accepted,
        refusal: None,
        accepted_at: admission.now,
        version: 1,
    }
}
