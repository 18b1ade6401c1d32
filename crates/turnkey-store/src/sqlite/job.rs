//! The jobs: load, decide, write, straight down. They run inside the writer's transaction, on rows
//! that nobody else changes meanwhile; a job that fails leaves nothing behind.

use turnkey_core::decide::{self, Admitted, Change, Outcome, State};
use turnkey_core::ports::{
    Admission, ByHand, Claim, Claimed, Delivery, Hold, Import, Imported, Report, Reported, Reveal,
    Verdict, Work,
};
use turnkey_core::{
    About, Alarm, AlarmKind, Call, Fault, InstanceId, Intent, LinkHash, Linked, Login, Now,
    Operation, OperationId, OperationState, Order, OrderKind, OrderState, UtcMillis,
};

use super::failure::Failure;
use super::rows::Rows;

/// Whether admitting `call` can change anything: a reader serves it otherwise.
pub(super) fn writes(call: &Call) -> bool {
    !call.dry_run && call.intent != Intent::Ping
}

/// Whether `admission` is about anything that could be stored: a ping is not, nor a dry create,
/// unless it is delivered out of stock.
pub(super) fn reads(admission: &Admission) -> bool {
    let subject = admission.call.subject();
    subject.order.is_some()
        || subject.instance.is_some()
        || decide::plan_from_stock(admission, &State::default()).is_some()
}

pub(super) fn admit(rows: &Rows, admission: &Admission) -> Result<Admitted, Failure> {
    let subject = admission.call.subject();
    let listing = &admission.listing.name;
    let order = match subject.order {
        Some((kind, key)) => rows.order_by_key(listing, kind, key)?,
        None => None,
    };
    let mut state = match (order, subject.instance) {
        (Some(order), _) => of_order(rows, order)?,
        (None, Some(instance)) => of_instance(rows, instance)?,
        (None, None) => State::default(),
    };
    if admission.listing.own_terms.is_some() {
        load_own(rows, admission, &mut state)?;
    }
    if let Some(plan) = decide::plan_from_stock(admission, &state) {
        state.stock = rows.stock_for(&admission.listing.product.name, plan, None)?;
    }
    let decision = decide::admit(admission, state)?;
    rows.write(&decision.changes)?;
    Ok(decision.admitted)
}

/// What only a listing has whose terms our own clock keeps.
fn load_own(rows: &Rows, admission: &Admission, state: &mut State) -> Result<(), Failure> {
    let instance = admission.call.subject().instance;
    if let Some(instance) = instance.filter(|_| state.order.is_none()) {
        state.subscription = rows.subscription(instance)?;
    }
    if let (Intent::Buy(_), Some(first)) = (&admission.call.intent, &state.order) {
        let bills = rows.bills_of(&first.id.purchase())?;
        state.units = bills.into_iter().map(|bill| bill.order).collect();
    }
    Ok(())
}

/// How long a row that cannot be claimed is left alone, in milliseconds: it is looked at again in
/// case somebody has mended it, and the claims in between do not meet it.
pub(super) const SET_ASIDE_MS: u64 = 600_000;

pub(super) fn claim(rows: &Rows, claim: &Claim) -> Result<Claimed, Failure> {
    let mut claimed = Claimed::default();
    for (id, operation) in rows.operations_due(claim.now.wall, claim.limit)? {
        let leased = operation.and_then(|operation| lease(rows, claim, operation));
        match leased {
            Ok((change, work)) => {
                rows.write(&[change])?;
                claimed.works.push(work);
            }
            Err(Failure::Job(fault)) => {
                set_aside(rows, claim, &id, &fault)?;
                claimed.set_aside.push((id, fault));
            }
            Err(failure @ Failure::Batch(_)) => return Err(failure),
        }
    }
    if !claimed.works.is_empty() {
        clear_mended(rows, claim, &claimed.works)?;
    }
    claimed.next_due_at = rows.next_due_at()?;
    Ok(claimed)
}

fn lease(rows: &Rows, claim: &Claim, operation: Operation) -> Result<(Change, Work), Failure> {
    let instance = rows
        .instance(&operation.instance)?
        .ok_or_else(|| lost(&operation.id))?;
    let order = operation.order.as_ref().unwrap_or(&instance.order);
    let order = rows.order_by_id(order)?;
    Ok(decide::claim(claim, operation, &instance, order.as_ref())?)
}

/// Puts off what cannot be claimed, and says so: one bad row must not stop the others.
fn set_aside(rows: &Rows, claim: &Claim, id: &OperationId, fault: &Fault) -> Result<(), Failure> {
    rows.operation_put_off(id, claim.now.wall.plus_ms(SET_ASIDE_MS))?;
    let about = About {
        operation: Some(id.clone()),
        ..About::default()
    };
    let why = fault.note.as_deref().unwrap_or(&fault.message);
    let message = format!("operation {id} cannot be taken up, its work is not done: {why}");
    let kind = AlarmKind::Unclaimable;
    let alarm = Alarm::new(kind, id.as_str(), about, claim.now, message);
    rows.alarm_raise(&alarm).map(drop)
}

/// Whatever was set aside and could be claimed now needs nobody any more.
fn clear_mended(rows: &Rows, claim: &Claim, works: &[Work]) -> Result<(), Failure> {
    if !rows.alarm_is_any(AlarmKind::Unclaimable)? {
        return Ok(());
    }
    for work in works {
        rows.alarm_clear(AlarmKind::Unclaimable, work.operation.as_str(), claim.now)?;
    }
    Ok(())
}

pub(super) fn renew_lease(
    rows: &Rows,
    held: &[(OperationId, u64)],
    lease_until: UtcMillis,
) -> Result<Vec<OperationId>, Failure> {
    let mut still_held = Vec::with_capacity(held.len());
    for (id, fence) in held {
        if rows.operation_renew_lease(id, *fence, lease_until)? {
            still_held.push(id.clone());
        }
    }
    Ok(still_held)
}

pub(super) fn report(rows: &Rows, report: &Report) -> Result<Reported, Failure> {
    let mut state = of_instance(rows, &report.instance)?;
    let product = &report.listing.product;
    if product.takes_stock()
        && let Some(instance) = state.instance.as_ref().filter(|i| !i.delivered)
    {
        state.stock = rows.stock_for(&product.name, &instance.plan, Some(&instance.id))?;
    }
    // Only a delivery that fails asks whether it was promised: the others need not look.
    state.is_held = match report.verdict {
        Verdict::Done(_) => false,
        Verdict::No(_) | Verdict::NotYet(_) | Verdict::Retry(_) => {
            rows.is_held(&report.instance)?
        }
    };
    let (changes, reported) = decide::report(report, state)?;
    rows.write(&changes)?;
    Ok(reported)
}

pub(super) fn import(rows: &Rows, import: &Import) -> Result<Imported, Failure> {
    let state = State {
        order: rows.order_by_key(&import.listing.name, OrderKind::Create, &import.key)?,
        instance: rows.instance(&import.instance)?,
        ..State::default()
    };
    let (changes, imported) = decide::import(import, &state)?;
    rows.write(&changes)?;
    Ok(imported)
}

pub(super) fn deliver(rows: &Rows, delivery: &Delivery) -> Result<ByHand, Failure> {
    let state = of_instance(rows, &delivery.instance)?;
    let (changes, by_hand) = decide::deliver(delivery, state)?;
    rows.write(&changes)?;
    Ok(by_hand)
}

pub(super) fn reopen(rows: &Rows, id: &OperationId, now: Now) -> Result<(), Failure> {
    let state = match rows.operation(id)? {
        Some(operation) => of_instance(rows, &operation.instance)?,
        None => match rows.order_by_id(&id.order())? {
            Some(order) => State {
                operations: rows.operations_of(&order.instance)?,
                instance: rows.instance(&order.instance)?,
                order: Some(order),
                ..State::default()
            },
            None => State::default(),
        },
    };
    let changes = decide::reopen(id, state, now)?;
    rows.write(&changes)
}

pub(super) fn hold(rows: &Rows, hold: &Hold) -> Result<Outcome, Failure> {
    let order = match rows.instance(&hold.instance)? {
        Some(instance) => rows.order_by_id(&instance.order)?,
        None => None,
    };
    let state = match order {
        Some(order) => of_order(rows, order)?,
        None => State::default(),
    };
    let found = rows.link_tokens(&hold.instance)?;
    let (changes, outcome) = decide::hold(hold, &state, found)?;
    rows.write(&changes)?;
    Ok(outcome)
}

/// A link with what decides what it shows.
pub(super) fn linked(rows: &Rows, link: LinkHash) -> Result<Option<Linked>, Failure> {
    let Some(link) = rows.link(link)? else {
        return Ok(None);
    };
    let instance = rows.instance(&link.instance)?;
    let order = match &instance {
        Some(instance) => rows.order_by_id(&instance.order)?,
        None => None,
    };
    let (Some(instance), Some(order)) = (instance, order) else {
        let lost = format!("a link leads to {}, which is not there", link.instance);
        return Err(Fault::bug(lost).into());
    };
    let delivery = rows.operation(&order.id.operation())?;
    Ok(Some(Linked {
        ready_at: rows.delivered_at(&instance.id)?,
        is_given_up: delivery.is_some_and(|o| o.state == OperationState::Dead),
        ordered_at: order.accepted_at.wall,
        link,
        instance,
    }))
}

pub(super) fn reveal(rows: &Rows, reveal: &Reveal) -> Result<Option<Login>, Failure> {
    let Some(linked) = linked(rows, reveal.link)? else {
        return Ok(None);
    };
    let Some((changes, login)) = decide::reveal(reveal, &linked) else {
        return Ok(None);
    };
    rows.write(&changes)?;
    Ok(Some(login))
}

/// What a repeat needs. Only an accepted order has work that a caller could wait for.
fn of_order(rows: &Rows, order: Order) -> Result<State, Failure> {
    let operations = if order.state == OrderState::Accepted {
        rows.operations_of(&order.instance)?
    } else {
        Vec::new()
    };
    Ok(State {
        instance: rows.instance(&order.instance)?,
        order: Some(order),
        operations,
        ..State::default()
    })
}

pub(super) fn of_instance(rows: &Rows, id: &InstanceId) -> Result<State, Failure> {
    let instance = rows.instance(id)?;
    let operations = if instance.is_some() {
        rows.operations_of(id)?
    } else {
        Vec::new()
    };
    Ok(State {
        order: None,
        instance,
        operations,
        ..State::default()
    })
}

fn lost(id: &OperationId) -> Failure {
    Fault::bug(format!("operation {id} has no instance")).into()
}
