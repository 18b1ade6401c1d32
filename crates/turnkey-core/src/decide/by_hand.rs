//! What a person did by hand: as good as a driver's done.

use crate::decide::life::Life;
use crate::decide::report::makes_due;
use crate::decide::{Change, State};
use crate::fault::Fault;
use crate::history::Step;
use crate::operation::{OperationEvent, OperationKind, OperationState};
use crate::ports::{ByHand, Delivery};

/// Ends the work that the instance waits for. A product that waits for a person waits for this; the
/// work of another driver must have been given up first, or it could be done twice.
///
/// # Errors
/// When nothing waits, when a driver is still at it, or when a delivery hands nothing over.
pub fn deliver(delivery: &Delivery, state: State) -> Result<(Vec<Change>, ByHand), Fault> {
    let id = &delivery.instance;
    let instance = state.instance.ok_or_else(|| {
        let message = format!("instance {:?} is not known here", id.as_str());
        Fault::unknown("instance_unknown", message)
    })?;
    let mut life = Life::stored(instance, state.operations, delivery.now);
    let done = |state: OperationState| state.next(OperationEvent::ByHand);
    let waiting = life.operations().find(|o| done(o.state).is_some()).cloned();
    let Some(operation) = waiting else {
        let message = format!("instance {id} waits for nobody");
        return Err(Fault::conflict("nothing_to_deliver", message));
    };
    let kind = operation.kind;
    let is_for_a_person = delivery.listing.product.not_yet_for_ms.is_none();
    if !is_for_a_person && operation.state != OperationState::Dead {
        let message = format!(
            "the driver of product {:?} is still to {} instance {id}",
            delivery.listing.product.name,
            kind.name()
        );
        return Err(Fault::conflict("driver_at_work", message));
    }
    if kind == OperationKind::Provision && delivery.access.is_none() {
        let message = format!("instance {id} is to be delivered; say what its buyer gets");
        return Err(Fault::malformed("access_missing", message));
    }
    if kind == OperationKind::Provision {
        life.give_back();
        life.clear_in_name_only();
    }
    life.finish(&operation.id);
    life.done(&operation, delivery.access.clone())?;
    let end = life.outcome(kind);
    let changes = life.changes(kind, Step::Done, operation.order.clone())?;
    let by_hand = ByHand {
        operation: operation.id,
        kind,
        end,
        is_next_due: makes_due(&changes),
    };
    Ok((changes, by_hand))
}
