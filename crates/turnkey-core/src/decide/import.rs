//! Take over an instance that was delivered elsewhere: its order is fulfilled, it runs, and no
//! driver is asked.

use crate::call::Digest;
use crate::decide::{Change, State, terms};
use crate::event::{About, Event, EventKind};
use crate::fault::Fault;
use crate::history::{HistoryRow, Step};
use crate::instance::{Instance, InstanceState, Reasons};
use crate::limits::{INSTANCE_ID_BYTES_MAX, ORDER_KEY_BYTES_MAX, TEXT_BYTES_MAX};
use crate::operation::OperationKind;
use crate::order::{Order, OrderKind, OrderState};
use crate::ports::{Import, Imported};
use crate::term::{Period, Term, Unit};

/// What an order says of a period that nobody here sold.
const PERIOD: &str = "imported";

/// Decides whether an instance is taken over: once, whatever is asked how often. `state` is the
/// order with its key, and the instance with its id.
///
/// # Errors
/// When something of it cannot be, or the key or the id is taken by something else.
pub fn import(import: &Import, state: &State) -> Result<(Vec<Change>, Imported), Fault> {
    let content = content(import);
    if let Some(order) = &state.order {
        if order.content == content {
            return Ok((Vec::new(), Imported::Before));
        }
        let message = format!("order {:?} is here already, and is another", import.key);
        return Err(Fault::conflict("order_content_differs", message));
    }
    if state.instance.is_some() {
        let message = format!("instance {} is here already", import.instance);
        return Err(Fault::conflict("instance_taken", message));
    }
    check(import)?;
    let Import {
        listing,
        instance: id,
        now,
        ..
    } = import;
    let term = Term::between(
        import.starts_at,
        import.ends_at,
        &listing.time_zone,
        listing.ends,
    );
    let order = Order {
        id: import.order.clone(),
        listing: listing.name.clone(),
        kind: OrderKind::Create,
        key: import.key.clone(),
        content,
        instance: id.clone(),
        plan: import.plan.clone(),
        period: PERIOD.to_owned(),
        state: OrderState::Fulfilled,
        refusal: None,
        accepted_at: *now,
        version: 1,
    };
    let instance = Instance {
        id: id.clone(),
        listing: listing.name.clone(),
        product: listing.product.name.clone(),
        plan: import.plan.clone(),
        buyer: import.buyer.clone(),
        context: import.context.clone(),
        access: Some(import.access.clone()),
        term,
        state: InstanceState::Running,
        reasons: Reasons::NONE,
        order: order.id.clone(),
        delivered: true,
        suspended_at: None,
        lifted_signed_at: None,
        version: 1,
    };
    let period = period_of(term);
    let subscription = terms::begin(listing, &instance, period, false)
        .map(|subscription| terms::begun(subscription, &instance, period, *now));
    let history = HistoryRow {
        instance: id.clone(),
        version: instance.version,
        at: *now,
        kind: OperationKind::Provision,
        step: Step::Imported,
        order: Some(order.id.clone()),
    };
    let about = About {
        listing: Some(listing.name.clone()),
        instance: Some(id.clone()),
        order: Some(order.id.clone()),
        operation: None,
    };
    let message = format!("instance {id} was imported");
    let event = Event::new(*now, EventKind::OperatorActed, about, "import", message);
    let mut changes = vec![
        Change::OrderInsert(order),
        Change::HistoryInsert(history),
        Change::InstanceInsert(instance),
        Change::EventInsert(event.by(&import.by)),
    ];
    changes.extend(subscription.map(Change::SubscriptionPut));
    Ok((changes, Imported::Now))
}

/// The period that a term was bought for, as far as it can be seen: years, months, or else a month.
fn period_of(term: Term) -> Period {
    let (count, unit) = match term.months {
        months if months.is_multiple_of(12) => (months / 12, Unit::Year),
        months => (months, Unit::Month),
    };
    Period::new(count, unit).unwrap_or(Period::MONTH)
}

/// What must be the same whenever the key is. No marketplace's call has the same, so a create that
/// is put again for an imported order is a conflict, and provisions nothing.
fn content(import: &Import) -> Digest {
    let (starts, ends) = (import.starts_at.0.to_string(), import.ends_at.0.to_string());
    Digest::of(&[
        ("imported", Some(import.instance.as_str())),
        ("plan", Some(&import.plan)),
        ("buyer", Some(&import.buyer)),
        ("starts_at", Some(&starts)),
        ("ends_at", Some(&ends)),
    ])
}

fn check(import: &Import) -> Result<(), Fault> {
    let wrong = |message: String| Err(Fault::malformed("import_wrong", message));
    let id = import.instance.as_str();
    if id.is_empty() || id.len() > INSTANCE_ID_BYTES_MAX {
        return wrong(format!("an id has 1 to {INSTANCE_ID_BYTES_MAX} bytes"));
    }
    if import.instance.is_dry() {
        return wrong(format!("{id:?} is an id that dry runs answer with"));
    }
    let key = import.key.as_bytes().len();
    if key == 0 || key > ORDER_KEY_BYTES_MAX {
        return wrong(format!("an order key has 1 to {ORDER_KEY_BYTES_MAX} bytes"));
    }
    if import.buyer.len() > TEXT_BYTES_MAX {
        return wrong(format!("a buyer has at most {TEXT_BYTES_MAX} bytes"));
    }
    if !import.listing.product.plans.contains_key(&import.plan) {
        let product = &import.listing.product.name;
        return wrong(format!("product {product} has no plan {:?}", import.plan));
    }
    if import.ends_at <= import.starts_at {
        return wrong("a term ends after it begins".to_owned());
    }
    Ok(())
}
