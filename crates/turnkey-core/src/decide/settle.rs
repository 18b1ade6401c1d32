//! An order that waits for payment is paid, or taken back.

use crate::call::Intent;
use crate::decide::change_plan::check_larger;
use crate::decide::life::{Life, Put};
use crate::decide::wanted::{Wanted, wanted_for};
use crate::decide::{Change, State, not_while, standing, terms};
use crate::fault::Fault;
use crate::history::Step;
use crate::instance::{InstanceEvent, InstanceState, Reason};
use crate::operation::{Operation, OperationKind};
use crate::order::{Order, OrderEvent, OrderKind, OrderState};
use crate::ports::{Admission, Settled, Settlement, Settling};
use crate::stock::StockItem;
use crate::storefront::{Stage, Subscription};
use crate::term::{Period, Term};

/// Decides what becomes of the order that `settling` names. Paying what is paid, and taking back
/// what was, is success and nothing.
///
/// # Errors
/// When the order is not there, or past it; nothing is written then.
pub fn settle(settling: &Settling, state: State) -> Result<(Vec<Change>, Settled), Fault> {
    let unknown = || {
        let message = format!("order {} is not known here", settling.order);
        Fault::unknown("order_unknown", message)
    };
    let order = state.order.ok_or_else(unknown)?;
    let instance = state.instance.ok_or_else(unknown)?;
    let event = match settling.how {
        Settlement::Pay => OrderEvent::Pay,
        Settlement::Cancel => OrderEvent::Cancel,
    };
    let is_waiting = order.state == OrderState::AwaitingPayment;
    let is_done = match settling.how {
        Settlement::Pay => matches!(order.state, OrderState::Accepted | OrderState::Fulfilled),
        Settlement::Cancel => order.state == OrderState::Cancelled,
    };
    if is_done {
        return Ok((Vec::new(), Settled { is_work_due: false }));
    }
    if !is_waiting || order.state.next(event).is_none() {
        let message = format!(
            "order {} is {}: only one that waits for payment can be paid or cancelled",
            order.id,
            order.state.name()
        );
        return Err(Fault::conflict("order_state", message));
    }
    let life = Life::stored(instance, state.operations, settling.now);
    match settling.how {
        Settlement::Pay => pay(
            settling,
            &order,
            life,
            state.subscription,
            state.stock.as_ref(),
        ),
        Settlement::Cancel => cancel(&order, life, state.subscription),
    }
}

fn pay(
    settling: &Settling,
    order: &Order,
    mut life: Life,
    subscription: Option<Subscription>,
    stock: Option<&StockItem>,
) -> Result<(Vec<Change>, Settled), Fault> {
    let Settling { listing, now, .. } = settling;
    let period = Period::spelled(&order.period)
        .ok_or_else(|| Fault::bug(format!("the period of order {} is none", order.id)))?;
    let kind = order.kind.work();
    match life.instance.state {
        InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {}
        InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
            return Err(not_while(&life.instance, "paid for"));
        }
    }
    let before = life.instance.term;
    match order.kind {
        OrderKind::Create => {
            let ends = listing.ends;
            life.instance.term = Term::begin(now.business, period, &listing.time_zone, ends)?;
        }
        OrderKind::Renew => {
            let zone = &listing.time_zone;
            life.instance.term = before.extend(now.business, period, zone, listing.ends)?;
        }
        // Another one may have been paid first; a plan never becomes smaller.
        OrderKind::ChangePlan => check_larger(listing, &order.plan, life.plan_to_be())?,
    }
    let mut changes = vec![Change::OrderPay(order.id.clone(), *now)];
    let wanted = Wanted {
        plan: (order.kind == OrderKind::ChangePlan).then_some(order.plan.as_str()),
        stock: stock.filter(|_| order.kind == OrderKind::Create),
        ..wanted_for(order, kind, false)
    };
    let step = match life.put(&listing.product, wanted)? {
        Put::Done => Step::Done,
        Put::Refused(_) => Step::Refused,
        Put::Waits(_) => Step::Accepted,
    };
    if order.kind == OrderKind::Renew {
        // Paying lifts what a renewal lifts.
        let admission = Admission::ours(listing, Intent::Ping, &settling.fresh, *now);
        let period = order.period.clone();
        standing::lift(&admission, &mut life, Reason::Marketplace, Some(period))?;
    }
    if let Some(subscription) = subscription {
        let subscription = match order.kind {
            OrderKind::Create => terms::begun(subscription, &life.instance, period, *now),
            OrderKind::Renew => terms::renewed(subscription, before, &life.instance, period, *now),
            OrderKind::ChangePlan => subscription,
        };
        changes.push(Change::SubscriptionPut(subscription));
    }
    let is_work_due = life.operations().next().is_some();
    changes.extend(life.changes(kind, step, Some(order.id.clone()))?);
    Ok((changes, Settled { is_work_due }))
}

fn cancel(
    order: &Order,
    mut life: Life,
    subscription: Option<Subscription>,
) -> Result<(Vec<Change>, Settled), Fault> {
    let mut changes = vec![Change::OrderCancel(order.id.clone())];
    let kind = order.kind.work();
    if order.kind == OrderKind::Create && life.instance.state == InstanceState::Provisioning {
        life.step(InstanceEvent::Withdraw)?;
        let over = |subscription| Subscription {
            stage: Stage::Over,
            look_at: None,
            ..subscription
        };
        changes.extend(subscription.map(over).map(Change::SubscriptionPut));
    }
    changes.extend(life.changes(kind, Step::Dropped, Some(order.id.clone()))?);
    Ok((changes, Settled { is_work_due: false }))
}

/// Refuses what a driver cannot do yet, because the order of its instance still waits for payment:
/// nobody was asked to deliver it.
pub(super) fn check_paid(life: &Life, what: &str) -> Result<(), Fault> {
    let delivers = |o: &Operation| o.kind == OperationKind::Provision;
    let instance = &life.instance;
    if instance.state != InstanceState::Provisioning || life.operations().any(delivers) {
        return Ok(());
    }
    let id = &instance.id;
    let message = format!("instance {id} waits for payment and cannot be {what}");
    Err(Fault::conflict("instance_state", message))
}
