//! Another plan. The plan changes when the driver is done; the term does not change.

use crate::call::ChangePlan;
use crate::decide::buy::unpaid_until;
use crate::decide::life::{Life, Put};
use crate::decide::settle::check_paid;
use crate::decide::wanted::{Bought, Wanted, accepted, wanted_for};
use crate::decide::{Change, Decision, Outcome, State, named, not_while, repeat, term_over};
use crate::fault::Fault;
use crate::history::Step;
use crate::id::OrderId;
use crate::instance::InstanceState;
use crate::listing::Listing;
use crate::operation::OperationKind;
use crate::order::{OrderKind, OrderState};
use crate::ports::Admission;
use crate::storefront::{Bill, Standing, Subscription};

pub(super) fn decide(
    admission: &Admission,
    change: &ChangePlan,
    state: State,
) -> Result<Decision, Fault> {
    if let Some(order) = &state.order {
        let repeated = repeat(order, &change.order, &state)?;
        return Ok(told(admission, repeated, &order.id));
    }
    let Admission {
        listing, call, now, ..
    } = admission;
    let plan = listing
        .offers
        .plan(&change.spec, change.package.as_deref())?;
    if call.dry_run && change.instance.is_dry_of(&listing.name) {
        return Ok(Decision::unchanged(Ok(Outcome::Done)));
    }
    let instance = named(admission, &change.instance, state.instance)?;
    match instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&instance, "moved to another plan"));
        }
    }
    let mut life = Life::stored(instance, state.operations, *now);
    check_paid(&life, "moved to another plan")?;
    let bill = upgrade(admission, &life, plan, state.subscription.as_ref())?;
    let bought = Bought {
        kind: OrderKind::ChangePlan,
        order: &change.order,
        instance: &change.instance,
        plan,
        period: change.period,
    };
    let mut order = accepted(admission, &bought);
    if bill
        .as_ref()
        .is_some_and(|bill| bill.unpaid_until.is_some())
    {
        order.state = OrderState::AwaitingPayment;
        let mut unpaid = Decision::unchanged(Ok(Outcome::Done));
        let id = order.id.clone();
        life.take_order(order);
        let kind = OperationKind::ChangePlan;
        unpaid.changes = life.changes(kind, Step::Accepted, Some(id.clone()))?;
        unpaid.changes.extend(bill.map(Change::BillInsert));
        return Ok(told(admission, unpaid, &id));
    }
    let id = order.id.clone();
    // A plan that is only on its way may still be refused: that fulfils nothing.
    let is_settled = life.operations().all(|operation| operation.plan.is_none());
    let put = if is_settled && life.instance.plan == plan {
        order.state = OrderState::Fulfilled;
        life.take_order(order);
        Put::Done
    } else {
        life.take_order(order.clone());
        let wanted = wanted_for(&order, OperationKind::ChangePlan, call.dry_run);
        life.put(
            &listing.product,
            Wanted {
                plan: Some(plan),
                ..wanted
            },
        )?
    };
    let mut decision = life.decision(OperationKind::ChangePlan, put, None)?;
    decision.changes.extend(bill.map(Change::BillInsert));
    Ok(told(admission, decision, &id))
}

/// A buyer is told which order it is; a marketplace knows.
fn told(admission: &Admission, mut decision: Decision, order: &OrderId) -> Decision {
    if admission.call.caller.is_some() && decision.admitted.answer == Ok(Outcome::Done) {
        decision.admitted.answer = Ok(Outcome::Ordered {
            purchase: order.purchase(),
            orders: vec![order.clone()],
        });
    }
    decision
}

/// What an upgrade that a buyer orders costs; nothing is billed to a marketplace's.
///
/// # Errors
/// When the plan is not larger, or the instance does not run (jdcloud-bastion.md §3.7).
fn upgrade(
    admission: &Admission,
    life: &Life,
    plan: &str,
    subscription: Option<&Subscription>,
) -> Result<Option<Bill>, Fault> {
    let Admission {
        listing, call, now, ..
    } = admission;
    let (Some(front), Some(caller)) = (&listing.storefront, &call.caller) else {
        return Ok(None);
    };
    let instance = &life.instance;
    if Standing::of(instance) == Some(Standing::Expired) || instance.term.ends_at <= now.business {
        return Err(term_over(instance));
    }
    let old = life.plan_to_be();
    check_larger(listing, plan, old)?;
    let price = subscription.and_then(|subscription| {
        let period = subscription.period;
        let from = subscription.period_from;
        let ends = instance.term.ends_at;
        let old = listing.offers.price_of(old, period)?;
        let new = listing.offers.price_of(plan, period)?;
        // Whoever renewed ahead has more than one period to come, and owes it for all of that.
        old.difference(&new, ends.ms_since(now.business), ends.ms_since(from))
    });
    let until = unpaid_until(front, caller, now.business);
    Ok(Some(Bill::of(&admission.fresh.order, price, until)))
}

/// Refuses what is no upgrade.
pub(super) fn check_larger(listing: &Listing, plan: &str, old: &str) -> Result<(), Fault> {
    if listing.offers.is_larger(plan, old) {
        return Ok(());
    }
    let (new, old) = (listing.offers.spec_of(plan), listing.offers.spec_of(old));
    let message = format!("spec {new:?} is not larger than {old:?}, which the instance has");
    Err(Fault::conflict("plan_not_larger", message))
}
