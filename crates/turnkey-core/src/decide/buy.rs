//! A buyer orders some of one kind: one purchase, and for each unit an order with an instance of
//! its own, which succeeds, fails and is retried by itself.

use crate::call::{OrderRef, Purchase};
use crate::decide::create::ordered;
use crate::decide::life::Life;
use crate::decide::wanted::{Bought, accepted, wanted_for};
use crate::decide::{Admitted, Change, Decision, Flag, Outcome, State, differs, terms};
use crate::fault::Fault;
use crate::id::OrderId;
use crate::operation::OperationKind;
use crate::order::{Order, OrderKind, OrderState};
use crate::ports::{Admission, UnitIds};
use crate::storefront::{Bill, Caller, PURCHASE_QUANTITY_MAX, Storefront};
use crate::term::Term;
use crate::time::UtcMillis;

pub(super) fn decide(
    admission: &Admission,
    purchase: &Purchase,
    state: &State,
) -> Result<Decision, Fault> {
    if let Some(first) = &state.order {
        return repeat(first, purchase, state);
    }
    let (front, caller) = parties(admission)?;
    if purchase.quantity == 0 || purchase.quantity > PURCHASE_QUANTITY_MAX {
        let message = format!(
            "quantity {}: one purchase is of 1 to {PURCHASE_QUANTITY_MAX} units",
            purchase.quantity
        );
        return Err(Fault::malformed("quantity_out_of_range", message));
    }
    let plan = admission.listing.offers.plan(&purchase.spec, None)?;
    let units = &admission.fresh.units;
    let wanted = usize::try_from(purchase.quantity).unwrap_or(usize::MAX);
    let (Some(first), true) = (units.first(), units.len() >= wanted) else {
        return Err(Fault::bug("a purchase has no ids for its units"));
    };
    let sale = Sale {
        admission,
        purchase,
        caller,
        plan,
        first: &first.order,
        unpaid_until: unpaid_until(front, caller, admission.now.business),
    };
    let mut changes = Vec::new();
    let mut orders = Vec::with_capacity(wanted);
    for (index, unit) in units.iter().take(wanted).enumerate() {
        changes.extend(sale.unit(index, unit)?);
        orders.push(unit.order.clone());
    }
    Ok(Decision {
        changes,
        admitted: Admitted::now(Ok(Outcome::Ordered {
            purchase: first.order.purchase(),
            orders,
        })),
    })
}

/// Who sells and who buys.
pub(super) fn parties(admission: &Admission) -> Result<(&Storefront, &Caller), Fault> {
    let front = admission.listing.storefront.as_ref();
    front
        .zip(admission.call.caller.as_ref())
        .ok_or_else(|| Fault::bug("only a caller buys, and only at a storefront"))
}

/// Until when an order that is placed `now` may be paid; `None` when it is paid with the call.
pub(super) fn unpaid_until(
    front: &Storefront,
    caller: &Caller,
    now: UtcMillis,
) -> Option<UtcMillis> {
    (!front.is_paid(caller)).then(|| now.plus_ms(front.unpaid_after_ms))
}

fn repeat(first: &Order, purchase: &Purchase, state: &State) -> Result<Decision, Fault> {
    if first.content != purchase.order.content {
        return Err(differs(&purchase.order));
    }
    let ordered = Outcome::Ordered {
        purchase: first.id.purchase(),
        orders: state.units.clone(),
    };
    Ok(Decision::unchanged(Ok(ordered)).flagged(Flag::Repeat))
}

/// What all units of a purchase share.
struct Sale<'a> {
    admission: &'a Admission,
    purchase: &'a Purchase,
    caller: &'a Caller,
    plan: &'a str,
    first: &'a OrderId,
    unpaid_until: Option<UtcMillis>,
}

impl Sale<'_> {
    fn unit(&self, index: usize, unit: &UnitIds) -> Result<Vec<Change>, Fault> {
        let Admission { listing, now, .. } = self.admission;
        let reference = OrderRef {
            key: self.purchase.unit_key(index),
            content: self.purchase.order.content,
        };
        let bought = Bought {
            kind: OrderKind::Create,
            order: &reference,
            instance: &unit.instance,
            plan: self.plan,
            period: self.purchase.period,
        };
        let order = Order {
            id: unit.order.clone(),
            state: match self.unpaid_until {
                Some(_) => OrderState::AwaitingPayment,
                None => OrderState::Accepted,
            },
            ..accepted(self.admission, &bought)
        };
        let bill = Bill {
            order: order.id.clone(),
            purchase: self.first.purchase(),
            price: listing.offers.price_of(self.plan, self.purchase.period),
            unpaid_until: self.unpaid_until,
        };
        let period = self.purchase.period;
        let term = Term::begin(now.business, period, &listing.time_zone, listing.ends)?;
        let buyer = &self.caller.account;
        let instance = ordered(listing, &order, term, buyer, &self.purchase.context);
        let mut subscription = terms::begin(listing, &instance, period, self.purchase.renews);
        let mut life = Life::new(instance, *now);
        life.take_order(order.clone());
        let kind = OperationKind::Provision;
        let mut changes = match self.unpaid_until {
            // Neither its term begins nor its driver is asked before it is paid.
            Some(_) => {
                if let Some(subscription) = &mut subscription {
                    subscription.look_at = None;
                }
                let order = Some(order.id.clone());
                life.changes(kind, crate::history::Step::Accepted, order)?
            }
            None => {
                let put = life.put(&listing.product, wanted_for(&order, kind, false))?;
                life.decision(kind, put, None)?.changes
            }
        };
        changes.push(Change::BillInsert(bill));
        changes.extend(subscription.map(Change::SubscriptionPut));
        Ok(changes)
    }
}
