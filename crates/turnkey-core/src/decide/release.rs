//! Remove it: idempotent by state.

use std::ops::ControlFlow;

use crate::decide::life::{Life, Put};
use crate::decide::standing::{joins, meant, wanted};
use crate::decide::{Decision, Outcome, State};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::{Instance, InstanceEvent, InstanceState, Reasons};
use crate::operation::OperationKind;
use crate::ports::Admission;
use crate::storefront::Standing;

pub(super) fn decide(
    admission: &Admission,
    id: &InstanceId,
    state: State,
) -> Result<Decision, Fault> {
    let Admission { listing, now, .. } = admission;
    let instance = match meant(admission, id, state.instance)? {
        ControlFlow::Continue(instance) => instance,
        ControlFlow::Break(nothing) => return Ok(nothing),
    };
    if admission.call.caller.is_some() {
        check_over(&instance)?;
    }
    let mut life = Life::stored(instance, state.operations, *now);
    let put = match life.instance.state {
        InstanceState::Released => return Ok(Decision::unchanged(Ok(Outcome::Gone))),
        InstanceState::Releasing => return Ok(joins(&life, OperationKind::Release)),
        InstanceState::Provisioning if has_not_begun(&life) => {
            life.step(InstanceEvent::Withdraw)?;
            life.drop_where(|_| true)?;
            life.give_back();
            Put::Done
        }
        InstanceState::Provisioning
        | InstanceState::Running
        | InstanceState::Suspended
        | InstanceState::Failed => {
            life.step(InstanceEvent::Release)?;
            life.take_back_unbegun()?;
            let wanted = wanted(admission, OperationKind::Release, Reasons::NONE);
            life.put(&listing.product, wanted)?
        }
    };
    life.decision(OperationKind::Release, put, None)
}

/// A buyer removes only what is over, and what is gone was never there
/// (jdcloud-bastion.md §3.11).
fn check_over(instance: &Instance) -> Result<(), Fault> {
    match Standing::of(instance) {
        Some(Standing::Expired | Standing::Failed) => Ok(()),
        Some(Standing::Provisioning | Standing::Running | Standing::Stopped) => {
            let message = format!(
                "instance {} is paid for until its term ends: expire it first",
                instance.id
            );
            Err(Fault::conflict("instance_not_expired", message))
        }
        None => {
            let message = format!("instance {:?} is not known here", instance.id.as_str());
            Err(Fault::unknown("instance_unknown", message))
        }
    }
}

/// Whether the driver was never asked to deliver it: then there is nothing to remove.
fn has_not_begun(life: &Life) -> bool {
    // One that waits for payment has no operation at all.
    life.operations()
        .all(|o| o.kind != OperationKind::Provision || o.is_unbegun())
}
