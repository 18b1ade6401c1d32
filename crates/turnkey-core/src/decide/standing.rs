//! Standing still and running again: idempotent by state.

use std::ops::ControlFlow;

use crate::decide::life::{Life, Put, is_held};
use crate::decide::settle::check_paid;
use crate::decide::wanted::Wanted;
use crate::decide::{Admitted, Decision, Flag, Outcome, State, named, not_while, term_over};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::{Instance, InstanceEvent, InstanceState, Reason, Reasons};
use crate::operation::{Operation, OperationKind};
use crate::ports::Admission;

pub(super) fn suspend(
    admission: &Admission,
    id: &InstanceId,
    reason: Reason,
    state: State,
) -> Result<Decision, Fault> {
    let Admission { listing, now, .. } = admission;
    let instance = match meant(admission, id, state.instance)? {
        ControlFlow::Continue(instance) => instance,
        ControlFlow::Break(nothing) => return Ok(nothing),
    };
    let is_first = instance.reasons.is_empty();
    let mut life = Life::stored(instance, state.operations, *now);
    check_paid(&life, "suspended")?;
    match life.instance.state {
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Ok(nothing());
        }
        _ if life.instance.reasons.has(reason) => return Ok(joins(&life, OperationKind::Suspend)),
        InstanceState::Running => life.step(InstanceEvent::Suspend)?,
        InstanceState::Provisioning | InstanceState::Suspended => {}
    }
    life.instance.reasons = life.instance.reasons.with(reason);
    let put = if is_first {
        let wanted = wanted(
            admission,
            OperationKind::Suspend,
            Reasons::NONE.with(reason),
        );
        life.put(&listing.product, wanted)?
    } else {
        Put::Done
    };
    life.decision(OperationKind::Suspend, put, None)
}

pub(super) fn resume(
    admission: &Admission,
    id: &InstanceId,
    by: Reason,
    state: State,
) -> Result<Decision, Fault> {
    let instance = match meant(admission, id, state.instance)? {
        ControlFlow::Continue(instance) => instance,
        ControlFlow::Break(nothing) => return Ok(nothing),
    };
    match instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&instance, "resumed"));
        }
    }
    if admission.call.caller.is_some() && instance.term.ends_at <= admission.now.business {
        return Err(term_over(&instance));
    }
    let mut life = Life::stored(instance, state.operations, admission.now);
    check_paid(&life, "resumed")?;
    if life.instance.reasons.lifted_by(by).is_empty() {
        return Ok(joins(&life, OperationKind::Resume));
    }
    let put = lift(admission, &mut life, by, None)?.unwrap_or(Put::Done);
    life.decision(OperationKind::Resume, put, None)
}

/// Lifts what `by` may lift. When nothing is left that says "stand still", the driver is to resume
/// it; `renewal` is the period of the renewal that brings this along. Remembers when that was
/// signed, so that an older suspend or release is known to be stale.
pub(super) fn lift(
    admission: &Admission,
    life: &mut Life,
    by: Reason,
    renewal: Option<String>,
) -> Result<Option<Put>, Fault> {
    let Admission { listing, call, .. } = admission;
    life.instance.lifted_signed_at = life.instance.lifted_signed_at.max(call.signed_at);
    let lifted = life.instance.reasons.lifted_by(by);
    if lifted.is_empty() {
        return Ok(None);
    }
    life.instance.reasons = life.instance.reasons.without(lifted);
    if !life.instance.reasons.is_empty() {
        return Ok(None);
    }
    if life.instance.state == InstanceState::Suspended {
        life.step(InstanceEvent::Lift)?;
    }
    let wanted = Wanted {
        period: renewal,
        ..wanted(admission, OperationKind::Resume, lifted)
    };
    life.put(&listing.product, wanted).map(Some)
}

/// The instance that a call without an order is about; or the success that changes nothing, where
/// it names an instance of a dry run, or was signed before the newest renewal or resume.
pub(super) fn meant(
    admission: &Admission,
    id: &InstanceId,
    instance: Option<Instance>,
) -> Result<ControlFlow<Decision, Instance>, Fault> {
    let Admission { listing, call, .. } = admission;
    if call.dry_run && id.is_dry_of(&listing.name) {
        return Ok(ControlFlow::Break(nothing()));
    }
    let instance = named(admission, id, instance)?;
    let is_stale = match (call.signed_at, instance.lifted_signed_at) {
        (Some(signed), Some(lifted)) => signed < lifted,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    Ok(if is_stale {
        ControlFlow::Break(nothing().flagged(Flag::Stale))
    } else {
        ControlFlow::Continue(instance)
    })
}

/// Work that fulfils no order.
pub(super) fn wanted(
    admission: &Admission,
    kind: OperationKind,
    reasons: Reasons,
) -> Wanted<'static> {
    Wanted {
        id: admission.fresh.operation.clone(),
        kind,
        order: None,
        key: None,
        plan: None,
        period: None,
        reasons,
        dry_run: admission.call.dry_run,
        stock: None,
    }
}

/// It is so already; whoever asks again waits for the work that may still be under way.
pub(super) fn joins(life: &Life, kind: OperationKind) -> Decision {
    let newest = life.operations().rev().find(|o| o.kind == kind);
    let is_held = |o: &&Operation| is_held(&life.instance, life.operations(), &o.id);
    let waits_for = newest.filter(|o| !is_held(o)).map(|o| o.id.clone());
    Decision {
        changes: Vec::new(),
        admitted: Admitted {
            waits_for,
            ..Admitted::now(Ok(Outcome::Done))
        },
    }
}

fn nothing() -> Decision {
    Decision::unchanged(Ok(Outcome::Done))
}
