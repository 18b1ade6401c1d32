//! What the runner and a person do with operations.

use crate::decide::hold;
use crate::decide::life::{Life, work};
use crate::decide::{Change, Decision, Outcome, State, not_while, refusal};
use crate::fault::Fault;
use crate::history::Step;
use crate::id::{OperationId, OrderId};
use crate::instance::{Instance, InstanceEvent, InstanceState, Reasons};
use crate::limits::{FENCES_PER_LIFE, cut};
use crate::operation::{Operation, OperationEvent, OperationKind, OperationState};
use crate::order::{Order, OrderEvent, OrderKind, OrderState};
use crate::ports::{Claim, Report, Reported, Verdict, Work, WorkOrder};
use crate::stock::StockItem;
use crate::time::Now;

/// How long to wait before a driver is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first attempt, in milliseconds.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
}

impl Backoff {
    /// Doubling waits, each shortened by up to a half: `jitter` is between 0 and 1.
    #[must_use]
    pub fn after(self, attempt: u32, jitter: f64) -> u64 {
        let doubled = 1_u64
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u64::MAX);
        let whole = self.first_ms.saturating_mul(doubled).min(self.longest_ms);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let cut = (whole as f64 * 0.5 * jitter.clamp(0.0, 1.0)) as u64;
        whole - cut
    }
}

/// Leases a due operation: the row to write, and the work for its driver.
///
/// # Errors
/// When the operation is in no state to be claimed, which the store should not have offered.
pub fn claim(
    claim: &Claim,
    operation: Operation,
    instance: &Instance,
    order: Option<&Order>,
) -> Result<(Change, Work), Fault> {
    let (leased, work) = lease(claim, operation, instance, order)?;
    Ok((Change::OperationUpdate(leased), work))
}

fn lease(
    claim: &Claim,
    mut operation: Operation,
    instance: &Instance,
    order: Option<&Order>,
) -> Result<(Operation, Work), Fault> {
    operation.state = operation
        .state
        .next(OperationEvent::Claim)
        .ok_or_else(|| Fault::bug(format!("{} cannot be claimed", operation.id)))?;
    operation.attempt = operation.attempt.saturating_add(1);
    operation.fence += 1;
    operation.began_at = operation.began_at.or(Some(claim.now.wall));
    operation.due_at = Some(claim.now.wall.plus_ms(claim.lease_ms));
    let order = order.map(|order| WorkOrder {
        key: order.key.clone(),
        period: operation
            .period
            .clone()
            .unwrap_or_else(|| order.period.clone()),
        is_refused: order.state == OrderState::Failed,
    });
    let work = work(&operation, instance, order, false);
    Ok((operation, work))
}

/// Leases the order's work that `decision` has just made due, in the commit that makes it: what a
/// claim right after it would do, without reading again what was only now written.
pub(super) fn claim_at_once(decision: &mut Decision, now: Now, lease_ms: u64) -> Result<(), Fault> {
    let (mut order, mut instance, mut due) = (None, None, None);
    for change in &mut decision.changes {
        match change {
            Change::OrderInsert(made) => order = Some(&*made),
            Change::InstanceInsert(changed) | Change::InstanceUpdate(changed) => {
                instance = Some(&*changed);
            }
            Change::OperationInsert(made) if made.state == OperationState::Due => due = Some(made),
            Change::OperationInsert(_)
            | Change::OperationUpdate(_)
            | Change::OperationDelete(_)
            | Change::OrderClose(..)
            | Change::OrderReopen(_)
            | Change::StockTake(..)
            | Change::StockErase(_)
            | Change::StockFree(_)
            | Change::HistoryInsert(_)
            | Change::EventInsert(_)
            | Change::AlarmRaise(_)
            | Change::AlarmClear(..)
            | Change::LinkInsert(_)
            | Change::LinkReveal(_)
            | Change::OrderPay(..)
            | Change::OrderCancel(_)
            | Change::BillInsert(_)
            | Change::SubscriptionPut(_)
            | Change::ContextPut(..) => {}
        }
    }
    let (Some(order), Some(instance), Some(due)) = (order, instance, due) else {
        return Ok(());
    };
    if due.order.as_ref() != Some(&order.id) {
        return Ok(());
    }
    let terms = Claim {
        now,
        limit: 1,
        lease_ms,
    };
    let (leased, work) = lease(&terms, due.clone(), instance, Some(order))?;
    *due = leased;
    decision.admitted.work = Some(Box::new(work));
    Ok(())
}

/// Takes a driver's answer: the rows to write, and what became of the operation.
///
/// # Errors
/// Only when a rule of ours is broken.
pub fn report(report: &Report, state: State) -> Result<(Vec<Change>, Reported), Fault> {
    let promised = hold::promised(report, &state);
    let (mut changes, mut reported) = take(report, state)?;
    if let Some(promised) = promised {
        match &mut reported {
            Reported::Over {
                end: Err(_),
                in_name_only,
                ..
            }
            | Reported::Dead { in_name_only } => {
                *in_name_only = true;
                changes.extend(hold::in_name_only(promised, report.now));
            }
            Reported::Over { end: Ok(_), .. } | Reported::Again | Reported::Stale => {}
        }
    }
    Ok((changes, reported))
}

fn take(report: &Report, state: State) -> Result<(Vec<Change>, Reported), Fault> {
    let held = |o: &&Operation| o.id == report.operation && o.fence == report.fence;
    let Some(operation) = state.operations.iter().find(held).cloned() else {
        return Ok((Vec::new(), Reported::Stale));
    };
    let Some(instance) = state.instance else {
        return Err(Fault::bug(format!("{} has no instance", operation.id)));
    };
    if operation.state.next(OperationEvent::Finish).is_none() {
        return Ok((Vec::new(), Reported::Stale));
    }
    let kind = operation.kind;
    let order = operation.order.clone();
    let stock = state.stock;
    let verdict = with_stock(report, &operation, &instance, stock.as_ref());
    let mut life = Life::stored(instance, state.operations, report.now);
    if matches!(verdict, Some(Verdict::NotYet(_))) {
        return wait_for_stock(report, life, operation);
    }
    match verdict.as_ref().unwrap_or(&report.verdict) {
        Verdict::Done(access) => {
            life.take(stock.as_ref().filter(|_| kind == OperationKind::Provision));
            life.finish(&operation.id);
            life.done(&operation, access.clone())?;
            let outcome = life.outcome(kind);
            over(life.changes(kind, Step::Done, order)?, Ok(outcome))
        }
        Verdict::No(message) => {
            life.finish(&operation.id);
            life.refused(&operation, message)?;
            let end = Err(refusal(Some(&cut(message))));
            over(life.changes(kind, Step::Refused, order)?, end)
        }
        Verdict::NotYet(after_ms) => again(
            report,
            life,
            operation,
            &Again {
                after_ms: after_ms.unwrap_or(report.again_in_ms),
                limit_ms: report.listing.product.not_yet_for_ms,
                note: None,
            },
        ),
        Verdict::Retry(note) => again(
            report,
            life,
            operation,
            &Again {
                after_ms: report.again_in_ms,
                limit_ms: Some(report.listing.product.give_up_after_ms),
                note: Some(note),
            },
        ),
    }
}

/// How a driver that gave no final answer is asked again.
struct Again<'a> {
    after_ms: u64,
    /// How long it may go on, from the first ask; absent: for ever.
    limit_ms: Option<u64>,
    note: Option<&'a str>,
}

/// What a driver that delivers out of a stock says now that the stock can be seen: when it was
/// asked, outside of any transaction, it could not.
fn with_stock(
    report: &Report,
    operation: &Operation,
    instance: &Instance,
    stock: Option<&StockItem>,
) -> Option<Verdict> {
    let immediate = report.listing.product.driver.immediate()?;
    let is_asked = immediate.takes_stock() && operation.kind == OperationKind::Provision;
    let is_open = matches!(report.verdict, Verdict::NotYet(_));
    (is_asked && is_open).then(|| {
        immediate.answer(&Work {
            stock: stock.map(|item| item.access.clone()),
            ..work(operation, instance, None, false)
        })
    })
}

/// Nothing is in stock. Nothing was begun either, so that a release may take the work back; one
/// that came while it was looked for does.
fn wait_for_stock(
    report: &Report,
    mut life: Life,
    mut operation: Operation,
) -> Result<(Vec<Change>, Reported), Fault> {
    let (kind, order) = (operation.kind, operation.order.clone());
    if life.instance.state == InstanceState::Releasing {
        let message = "it was removed before anything was in stock";
        life.finish(&operation.id);
        life.refused(&operation, message)?;
        let end = Err(refusal(Some(message)));
        return over(life.changes(kind, Step::Refused, order)?, end);
    }
    operation.state = operation
        .state
        .next(OperationEvent::Void)
        .ok_or_else(|| Fault::bug(format!("{} cannot wait for stock", operation.id)))?;
    operation.began_at = None;
    operation.due_at = Some(report.now.wall.plus_ms(report.again_in_ms));
    Ok((vec![Change::OperationUpdate(operation)], Reported::Again))
}

fn over(
    changes: Vec<Change>,
    end: Result<Outcome, Fault>,
) -> Result<(Vec<Change>, Reported), Fault> {
    let is_next_due = makes_due(&changes);
    let reported = Reported::Over {
        end,
        is_next_due,
        in_name_only: false,
    };
    Ok((changes, reported))
}

/// Whether something that waited may go now.
pub(super) fn makes_due(changes: &[Change]) -> bool {
    let is_due = |change: &Change| matches!(change, Change::OperationUpdate(next) if next.state == OperationState::Due);
    changes.iter().any(is_due)
}

/// Postpones the operation, or gives it up when its time is over.
fn again(
    report: &Report,
    mut life: Life,
    mut operation: Operation,
    asked: &Again<'_>,
) -> Result<(Vec<Change>, Reported), Fault> {
    let (kind, order) = (operation.kind, operation.order.clone());
    let wall = report.now.wall;
    let is_over = |(began, limit_ms)| wall.ms_since(began) >= limit_ms;
    let over = operation.began_at.zip(asked.limit_ms).is_some_and(is_over);
    let event = if over {
        OperationEvent::GiveUp
    } else {
        OperationEvent::Postpone
    };
    operation.state = operation
        .state
        .next(event)
        .ok_or_else(|| Fault::bug(format!("{} cannot take {event:?}", operation.id)))?;
    operation.due_at = (!over).then(|| wall.plus_ms(asked.after_ms));
    let note = asked.note.map(cut);
    let unready = over.then(|| "the driver said \"not yet\" for longer than it may".to_owned());
    operation.note = note.or(unready).or(operation.note);
    if over {
        life.replace(operation);
        let dead = Reported::Dead {
            in_name_only: false,
        };
        return Ok((life.changes(kind, Step::Dead, order)?, dead));
    }
    Ok((vec![Change::OperationUpdate(operation)], Reported::Again))
}

/// Takes a dead operation up again, or the work of an order that its driver refused.
///
/// # Errors
/// When there is neither, or the instance is past it.
pub fn reopen(id: &OperationId, state: State, now: Now) -> Result<Vec<Change>, Fault> {
    let unknown = || {
        Fault::unknown(
            "operation_unknown",
            format!("{id} is neither dead nor refused"),
        )
    };
    let instance = state.instance.ok_or_else(unknown)?;
    let mut life = Life::stored(instance, state.operations, now);
    let dead = life.operations().find(|o| o.id == *id).cloned();
    let (kind, order) = match (dead, state.order) {
        (Some(mut operation), _) => {
            operation.state = operation
                .state
                .next(OperationEvent::Reopen)
                .ok_or_else(unknown)?;
            operation.began_at = Some(now.wall);
            let reopened = (operation.kind, operation.order.clone());
            life.replace(operation);
            reopened
        }
        (None, Some(order)) => reopen_order(&mut life, order, id, now)?,
        (None, None) => return Err(unknown()),
    };
    if kind == OperationKind::Provision {
        life.clear_in_name_only();
    }
    life.changes(kind, Step::Reopened, order)
}

fn reopen_order(
    life: &mut Life,
    order: Order,
    id: &OperationId,
    now: Now,
) -> Result<(OperationKind, Option<OrderId>), Fault> {
    order.state.next(OrderEvent::Reopen).ok_or_else(|| {
        Fault::unknown(
            "operation_unknown",
            format!("{id} is neither dead nor refused"),
        )
    })?;
    let past = |life: &Life| not_while(&life.instance, "worked on again");
    let behind = life.operations().next_back().map_or(1, |last| last.seq + 1);
    let kind = order.kind.work();
    let seq = match order.kind {
        OrderKind::Create => {
            life.step(InstanceEvent::Reopen).map_err(|_| past(life))?;
            // Everything else waits for the delivery.
            let first = life.operations().next();
            first.map_or(1, |first| first.seq.saturating_sub(1))
        }
        OrderKind::Renew | OrderKind::ChangePlan => {
            match life.instance.state {
                InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => {
                }
                InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => {
                    return Err(past(life));
                }
            }
            behind
        }
    };
    life.insert(Operation {
        id: id.clone(),
        instance: life.instance.id.clone(),
        kind,
        seq,
        order: Some(order.id.clone()),
        state: OperationState::Queued,
        attempt: 0,
        due_at: None,
        began_at: Some(now.wall),
        // The key is the old one, so the fences must be new: an answer from before is stale.
        fence: order.version.saturating_mul(FENCES_PER_LIFE),
        plan: (kind == OperationKind::ChangePlan).then_some(order.plan),
        period: Some(order.period),
        reasons: Reasons::NONE,
        note: None,
    });
    life.reopen_order(order.id.clone());
    Ok((kind, Some(order.id)))
}
