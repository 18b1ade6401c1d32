//! Remove it: idempotent by state.

use std::ops::ControlFlow;

use crate::decide::life::{Life, Put};
use crate::decide::standing::{joins, meant, wanted};
use crate::decide::{Decision, Outcome, State};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::{InstanceEvent, InstanceState, Reasons};
use crate::operation::OperationKind;
use crate::ports::Admission;

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

/// Whether the driver was never asked to deliver it: then there is nothing to remove.
fn has_not_begun(life: &Life) -> bool {
    life.operations()
        .any(|o| o.kind == OperationKind::Provision && o.is_unbegun())
}
