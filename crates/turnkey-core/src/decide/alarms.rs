//! What needs a person now: a pure rule over what somebody who looks around the shop has seen.

use crate::alarm::{Alarm, AlarmKind};
use crate::event::About;
use crate::operation::{Operation, OperationState};
use crate::ports::AlarmTurn;
use crate::stock::StockLevel;
use crate::time::{Now, UtcMillis};

/// Refusals for one reason within the time that is looked back on: a marketplace repeats a call
/// three times, so more than three of its calls went wrong.
pub const REFUSALS_MANY: u64 = 10;

/// What somebody who looks around has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Work that is not over.
    pub open: Vec<Open>,
    /// Whether `open` is all of it. Otherwise no alarm about work is over yet.
    pub is_all: bool,
    /// When listings were last called.
    pub heard: Vec<Heard>,
    /// Calls that did not prove who sent them.
    pub refused: Vec<Refused>,
    /// What is left of each product's stock, and of how much too little.
    pub stock: Vec<(StockLevel, u64)>,
}

/// Work that is not over.
#[derive(Clone, Debug)]
pub struct Open {
    /// The operation.
    pub operation: Operation,
    /// Its instance's listing.
    pub listing: String,
    /// How long after its beginning it is given up, in milliseconds; absent: never.
    pub limit_ms: Option<u64>,
}

/// When a listing was last called by somebody with a good signature.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Its name.
    pub listing: String,
    /// When, on the wall clock; one that never was is not silent but new.
    pub last_at: Option<UtcMillis>,
    /// After how long without a call somebody should look, in milliseconds.
    pub silence_after_ms: u64,
}

/// How often calls at a listing were refused for one reason, in the time that is looked back on.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Its name.
    pub listing: String,
    /// Why: the code of the fault, or `other`.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// What is to be raised and cleared so that what is raised is what needs a person. `raised` is what
/// was raised so far; alarms that others raise are left alone.
#[must_use]
pub fn alarms(seen: &Seen, raised: &[Alarm], now: Now) -> AlarmTurn {
    let wanted = wanted(seen, now);
    let is = |one: &Alarm, other: &Alarm| one.kind == other.kind && one.subject == other.subject;
    let is_over = |alarm: &&Alarm| {
        may_clear(alarm.kind, seen) && !wanted.iter().any(|wanted| is(wanted, alarm))
    };
    let cleared = raised.iter().filter(is_over);
    let clear = cleared
        .map(|alarm| (alarm.kind, alarm.subject.clone()))
        .collect();
    let is_new = |alarm: &Alarm| !raised.iter().any(|raised| is(raised, alarm));
    AlarmTurn {
        raise: wanted.iter().filter(|a| is_new(a)).cloned().collect(),
        clear,
        now,
    }
}

/// Whether an alarm of this kind is ours to clear, with what was seen.
fn may_clear(kind: AlarmKind, seen: &Seen) -> bool {
    match kind {
        AlarmKind::GivingUp | AlarmKind::DeadLetter => seen.is_all,
        AlarmKind::Silence | AlarmKind::SignaturesRefused | AlarmKind::StockLow => true,
        // Raised and cleared with the work itself.
        AlarmKind::DeliveredInNameOnly | AlarmKind::Unclaimable | AlarmKind::SweeperStopped => {
            false
        }
    }
}

fn wanted(seen: &Seen, now: Now) -> Vec<Alarm> {
    let of_work = seen.open.iter().filter_map(|open| of_work(open, now));
    let silent = seen.heard.iter().filter_map(|heard| silent(heard, now));
    let refused = seen.refused.iter().filter(|r| r.count >= REFUSALS_MANY);
    let low = seen.stock.iter().filter(|(level, low)| level.free < *low);
    of_work
        .chain(silent)
        .chain(refused.map(|refused| of_refused(refused, now)))
        .chain(low.map(|(level, low)| of_stock(level, *low, now)))
        .collect()
}

fn of_work(open: &Open, now: Now) -> Option<Alarm> {
    let Open {
        operation,
        listing,
        limit_ms,
    } = open;
    let (id, what) = (&operation.id, operation.kind.name());
    let about = || About {
        listing: Some(listing.clone()),
        instance: Some(operation.instance.clone()),
        order: operation.order.clone(),
        operation: Some(id.clone()),
    };
    let alarm = |kind, message: String| Alarm::new(kind, id.as_str(), about(), now, message);
    match operation.state {
        OperationState::Dead => Some(alarm(
            AlarmKind::DeadLetter,
            format!(
                "the {what} {id} was given up: put the cause right, then run \
                 `turnkey operation retry {id}`"
            ),
        )),
        OperationState::Queued
        | OperationState::Due
        | OperationState::Leased
        | OperationState::Retrying => {
            let (began, limit_ms) = operation.began_at.zip(*limit_ms)?;
            let spent_ms = now.wall.ms_since(began);
            // Half of the time is what a person may need.
            (spent_ms >= limit_ms / 2).then(|| {
                let left_min = limit_ms.saturating_sub(spent_ms) / 60_000;
                alarm(
                    AlarmKind::GivingUp,
                    format!(
                        "the {what} {id} is given up in {left_min} min unless its driver does it"
                    ),
                )
            })
        }
        OperationState::Done | OperationState::Dropped => None,
    }
}

fn silent(heard: &Heard, now: Now) -> Option<Alarm> {
    let Heard {
        listing,
        last_at,
        silence_after_ms,
    } = heard;
    let silent_ms = now.wall.ms_since((*last_at)?);
    (silent_ms >= *silence_after_ms).then(|| {
        let days = silent_ms / 86_400_000;
        let message = format!(
            "listing {listing} was last called {days} days ago: is it still on sale, and does its \
             marketplace still reach this server?"
        );
        Alarm::new(
            AlarmKind::Silence,
            listing,
            of_listing(listing),
            now,
            message,
        )
    })
}

fn of_refused(refused: &Refused, now: Now) -> Alarm {
    let Refused {
        listing,
        reason,
        count,
    } = refused;
    let message = format!(
        "{count} calls at listing {listing} were refused within ten minutes: {reason}; \
         `turnkey why {reason}` says what that means"
    );
    let subject = format!("{listing} {reason}");
    let kind = AlarmKind::SignaturesRefused;
    Alarm::new(kind, subject, of_listing(listing), now, message)
}

fn of_stock(level: &StockLevel, low: u64, now: Now) -> Alarm {
    let StockLevel {
        product,
        plan,
        free,
        ..
    } = level;
    let plan = plan.as_deref().map(|plan| format!(", plan {plan}"));
    let of = format!("{product}{}", plan.unwrap_or_default());
    let message = format!(
        "{free} items of product {of} are left, fewer than {low}: `turnkey stock add {product} FILE`"
    );
    Alarm::new(AlarmKind::StockLow, of, About::default(), now, message)
}

fn of_listing(listing: &str) -> About {
    About {
        listing: Some(listing.to_owned()),
        ..About::default()
    }
}
