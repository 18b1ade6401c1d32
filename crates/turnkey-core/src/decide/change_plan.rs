//! Another plan. The plan changes when the driver is done; the term does not change.

use crate::call::ChangePlan;
use crate::decide::life::{Life, Put};
use crate::decide::wanted::{Bought, Wanted, accepted, wanted_for};
use crate::decide::{Decision, Outcome, State, named, not_while, repeat};
use crate::fault::Fault;
use crate::instance::InstanceState;
use crate::operation::OperationKind;
use crate::order::{OrderKind, OrderState};
use crate::ports::Admission;

pub(super) fn decide(
    admission: &Admission,
    change: &ChangePlan,
    state: State,
) -> Result<Decision, Fault> {
    if let Some(order) = &state.order {
        return repeat(order, &change.order, &state);
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
    let instance = named(listing, &change.instance, state.instance)?;
    match instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&instance, "moved to another plan"));
        }
    }
    let mut life = Life::stored(instance, state.operations, *now);
    let bought = Bought {
        kind: OrderKind::ChangePlan,
        order: &change.order,
        instance: &change.instance,
        plan,
        period: change.period,
    };
    let mut order = accepted(admission, &bought);
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
    life.decision(OperationKind::ChangePlan, put, None)
}
