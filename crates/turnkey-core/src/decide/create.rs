//! Bought and paid: deliver one instance.

use std::collections::BTreeMap;

use crate::access::Access;
use crate::call::{Create, Intent};
use crate::decide::life::Life;
use crate::decide::wanted::{Bought, Wanted, accepted, wanted_for};
use crate::decide::{Change, Decision, Outcome, State, repeat, terms};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::{Instance, InstanceState, Reasons};
use crate::listing::Listing;
use crate::operation::OperationKind;
use crate::order::{Order, OrderKind};
use crate::ports::Admission;
use crate::term::Term;

pub(super) fn decide(
    admission: &Admission,
    create: &Create,
    state: &State,
) -> Result<Decision, Fault> {
    if let Some(order) = &state.order {
        return repeat(order, &create.order, state);
    }
    let Admission {
        listing,
        call,
        fresh,
        now,
        ..
    } = admission;
    let plan = listing
        .offers
        .plan(&create.spec, create.package.as_deref())?;
    let term = Term::begin(
        now.business,
        create.period,
        &listing.time_zone,
        listing.ends,
    )?;
    let id = if call.dry_run {
        InstanceId::dry(&listing.name, &create.order.key)
    } else {
        fresh.instance.clone()
    };
    let kind = OrderKind::Create;
    let bought = Bought {
        kind,
        order: &create.order,
        instance: &id,
        plan,
        period: create.period,
    };
    let order = accepted(admission, &bought);
    let instance = ordered(listing, &order, term, &create.buyer, &create.context);
    let mut life = Life::new(instance, *now);
    life.take_order(order.clone());
    let wanted = Wanted {
        stock: state.stock.as_ref(),
        ..wanted_for(&order, OperationKind::Provision, call.dry_run)
    };
    let put = life.put(&listing.product, wanted)?;
    let begun = terms::begin(listing, &life.instance, create.period, false);
    let mut decision = life.decision(OperationKind::Provision, put, None)?;
    decision.changes.extend(begun.map(Change::SubscriptionPut));
    if call.dry_run {
        let access = Access::dry(&listing.public_url);
        decision.admitted.answer = Ok(Outcome::Delivered {
            instance: id,
            access,
        });
    }
    Ok(decision)
}

/// The instance that `order` is to make, as it is before its driver was asked.
pub(super) fn ordered(
    listing: &Listing,
    order: &Order,
    term: Term,
    buyer: &str,
    context: &BTreeMap<String, String>,
) -> Instance {
    Instance {
        id: order.instance.clone(),
        listing: listing.name.clone(),
        product: listing.product.name.clone(),
        plan: order.plan.clone(),
        buyer: buyer.to_owned(),
        context: context.clone(),
        access: None,
        term,
        state: InstanceState::Provisioning,
        reasons: Reasons::NONE,
        order: order.id.clone(),
        delivered: false,
        suspended_at: None,
        lifted_signed_at: None,
        version: 0,
    }
}

/// The plan for which the stock is to be looked at before `admission` is decided: a create that
/// its driver would deliver out of it. `state` is what was loaded so far.
#[must_use]
pub fn plan_from_stock<'a>(admission: &'a Admission, state: &State) -> Option<&'a str> {
    let Intent::Create(create) = &admission.call.intent else {
        return None;
    };
    let listing = &admission.listing;
    let immediate = listing.product.driver.immediate()?;
    if state.order.is_some() || !immediate.takes_stock() {
        return None;
    }
    let plan = listing.offers.plan(&create.spec, create.package.as_deref());
    plan.ok()
}
