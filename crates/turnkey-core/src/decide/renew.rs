//! A longer term; an instance that stands still for its term or for the marketplace runs again.

use crate::call::Renew;
use crate::decide::life::Life;
use crate::decide::settle::check_paid;
use crate::decide::wanted::{Bought, accepted, wanted_for};
use crate::decide::{
    Change, Decision, Flag, Outcome, State, named, not_while, repeat, standing, terms,
};
use crate::fault::Fault;
use crate::instance::{InstanceState, Reason};
use crate::operation::OperationKind;
use crate::order::OrderKind;
use crate::ports::Admission;
use crate::storefront::Bill;

pub(super) fn decide(
    admission: &Admission,
    renew: &Renew,
    state: State,
) -> Result<Decision, Fault> {
    if let Some(order) = &state.order {
        return repeat(order, &renew.order, &state);
    }
    let Admission {
        listing, call, now, ..
    } = admission;
    let plan = listing.offers.plan(&renew.spec, renew.package.as_deref())?;
    if call.dry_run && renew.instance.is_dry_of(&listing.name) {
        return Ok(Decision::unchanged(Ok(Outcome::Done)));
    }
    let mut instance = named(admission, &renew.instance, state.instance)?;
    match instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&instance, "renewed"));
        }
    }
    let before = instance.term;
    instance.term = before.extend(now.business, renew.period, &listing.time_zone, listing.ends)?;
    let renewed =
        |subscription| terms::renewed(subscription, before, &instance, renew.period, *now);
    let subscription = state.subscription.map(renewed);
    let mut life = Life::stored(instance, state.operations, *now);
    check_paid(&life, "renewed")?;
    let flag = (life.plan_to_be() != plan).then_some(Flag::OtherPlan);
    let bought = Bought {
        kind: OrderKind::Renew,
        order: &renew.order,
        instance: &renew.instance,
        plan,
        period: renew.period,
    };
    let order = accepted(admission, &bought);
    life.take_order(order.clone());
    let wanted = wanted_for(&order, OperationKind::Renew, call.dry_run);
    let put = life.put(&listing.product, wanted)?;
    // The answer follows the order, as every repeat's will, and not the resume that comes with it.
    let period = renew.period.to_string();
    standing::lift(admission, &mut life, Reason::Marketplace, Some(period))?;
    let mut decision = life.decision(OperationKind::Renew, put, flag)?;
    decision
        .changes
        .extend(subscription.map(Change::SubscriptionPut));
    if listing.storefront.is_some() && !call.dry_run {
        // Whoever may renew there, our own clock or a person, has it paid.
        let price = listing.offers.price_of(plan, renew.period);
        let bill = Bill::of(&order.id, price, None);
        decision.changes.push(Change::BillInsert(bill));
    }
    Ok(decision)
}
