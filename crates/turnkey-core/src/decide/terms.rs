//! What our own clock does with an instance whose term is ours to end (design §5, "sweeper"):
//! reminders, renewals, the end, and the end of the grace after it.
//!
//! ```text
//! Term ──── 30, 15, 7, 3, 1 days ahead: a reminder; 3: an unpaid renewal is raised
//!   │ end   renews, and taken as paid: renewed by an order of its own, Term again
//!   └ end   otherwise: suspended ── Grace
//! Grace ─── renewed meanwhile: Term again
//!   └ end   grace after the suspension was carried out: removed ── Over, until its driver did it
//! ```
//!
//! Our clock is one more caller: it renews, suspends and releases by the same decisions as a
//! marketplace, so there is one rule for each.

use crate::call::{Digest, Intent, OrderKey, OrderRef, Renew};
use crate::decide::life::Life;
use crate::decide::wanted::{Bought, accepted};
use crate::decide::{Change, State, admit};
use crate::event::{About, Event, EventKind};
use crate::fault::Fault;
use crate::history::Step;
use crate::id::InstanceId;
use crate::instance::{Instance, InstanceState, Reason};
use crate::listing::{Listing, OwnTerms};
use crate::operation::OperationKind;
use crate::order::{Order, OrderKind, OrderState};
use crate::ports::{Admission, TermTurn, TermTurned};
use crate::storefront::{Bill, Payment, REGION, Stage, Subscription};
use crate::term::{Period, Term};
use crate::time::{Now, UtcMillis};

/// A day, in milliseconds: reminders are counted back from the end in whole days.
const DAY_MS: u64 = 86_400_000;

/// How many days ahead of the end a reminder is due (jdcloud-bastion.md §2.3).
pub(super) const REMINDER_DAYS: [u64; 5] = [30, 15, 7, 3, 1];

/// How many days ahead of the end the unpaid renewal is raised (jdcloud-bastion.md §7).
const UNPAID_RENEWAL_DAYS: u64 = 3;

/// The shortest grace: a removal is never in the moment of its suspension.
const GRACE_MS_MIN: u64 = 1;

/// How long what cannot be moved on is left alone: a failed delivery that a person may take up.
const LOOK_AGAIN_MS: u64 = DAY_MS;

/// The key of the order that renews `instance` when its term ends at `ends_at`: the same one
/// however often the clock looks.
#[must_use]
pub fn renewal_key(instance: &InstanceId, ends_at: UtcMillis) -> OrderKey {
    OrderKey::new(format!("{instance}:{}", ends_at.0))
}

/// What our clock does with an instance that was just ordered; nothing where the marketplace is in
/// charge.
pub(super) fn begin(
    listing: &Listing,
    instance: &Instance,
    period: Period,
    renews: bool,
) -> Option<Subscription> {
    listing.own_terms?;
    let region = instance.context.get(REGION).cloned();
    let from = instance.term.starts_at;
    Some(Subscription {
        instance: instance.id.clone(),
        listing: listing.name.clone(),
        buyer: instance.buyer.clone(),
        region: region.unwrap_or_default(),
        period,
        period_from: from,
        renews,
        stage: Stage::Term,
        look_at: Some(next_look(instance.term, from, from)),
    })
}

/// The same once its order was paid, and its term began.
pub(super) fn begun(
    subscription: Subscription,
    instance: &Instance,
    period: Period,
    now: Now,
) -> Subscription {
    let from = instance.term.starts_at;
    running_from(from, subscription, instance, period, now)
}

/// The same once the term was extended, which was `before`.
pub(super) fn renewed(
    subscription: Subscription,
    before: Term,
    instance: &Instance,
    period: Period,
    now: Now,
) -> Subscription {
    let from = before.ends_at.max(now.business);
    running_from(from, subscription, instance, period, now)
}

/// The same with a period that runs from `from`, up to the end of the instance's term.
fn running_from(
    from: UtcMillis,
    subscription: Subscription,
    instance: &Instance,
    period: Period,
    now: Now,
) -> Subscription {
    Subscription {
        period,
        period_from: from,
        stage: Stage::Term,
        look_at: Some(next_look(instance.term, from, now.business)),
        ..subscription
    }
}

/// When something is due next: a reminder that lies in the period that began at `from`, or the
/// end.
fn next_look(term: Term, from: UtcMillis, now: UtcMillis) -> UtcMillis {
    let reminders = REMINDER_DAYS.map(|days| term.ends_at.minus_ms(days * DAY_MS));
    let due = reminders.into_iter().filter(|at| *at > from && *at > now);
    due.min().unwrap_or(term.ends_at)
}

/// Takes the turn of one instance: does what is due, and says when it is looked at next.
///
/// # Errors
/// When something of it cannot be; nothing is written then.
pub fn turn(turn: &TermTurn, mut state: State) -> Result<(Vec<Change>, TermTurned), Fault> {
    let now = turn.now.business;
    let is_due = |subscription: &Subscription| subscription.look_at.is_some_and(|at| at <= now);
    let due = state.subscription.take().filter(is_due);
    let (Some(subscription), Some(own)) = (due, turn.listing.own_terms) else {
        return Ok((Vec::new(), TermTurned::default()));
    };
    let Some(instance) = state.instance.clone() else {
        return Err(Fault::bug("a subscription has no instance"));
    };
    let turning = Turning {
        turn,
        own,
        instance,
        subscription,
        state,
    };
    match (turning.instance.state, turning.subscription.stage) {
        (InstanceState::Released, _) => Ok(turning.leave(Stage::Over, None)),
        // Its driver may still refuse.
        (InstanceState::Releasing, _) => {
            Ok(turning.leave(Stage::Over, Some(now.plus_ms(LOOK_AGAIN_MS))))
        }
        // A person may still take it up.
        (InstanceState::Failed, stage) => {
            Ok(turning.leave(stage, Some(now.plus_ms(LOOK_AGAIN_MS))))
        }
        // A renewal leads back to the term by itself.
        (_, _) if now < turning.instance.term.ends_at => turning.remind(),
        (_, Stage::Term) => turning.end(),
        (_, Stage::Grace | Stage::Over) => turning.after_the_end(),
    }
}

/// One turn under way.
struct Turning<'a> {
    turn: &'a TermTurn,
    own: OwnTerms,
    instance: Instance,
    subscription: Subscription,
    state: State,
}

type Turned = (Vec<Change>, TermTurned);

impl Turning<'_> {
    /// Only the subscription changes.
    fn leave(self, stage: Stage, look_at: Option<UtcMillis>) -> Turned {
        let subscription = Subscription {
            stage,
            look_at,
            ..self.subscription
        };
        (
            vec![Change::SubscriptionPut(subscription)],
            TermTurned::default(),
        )
    }

    /// Before the end.
    fn remind(mut self) -> Result<Turned, Fault> {
        let now = self.turn.now.business;
        let term = self.instance.term;
        let from = self.subscription.period_from;
        let is_reached = |days: &&u64| {
            let at = term.ends_at.minus_ms(**days * DAY_MS);
            at <= now && at > from
        };
        let mut changes = Vec::new();
        if let Some(days) = REMINDER_DAYS.iter().filter(is_reached).min() {
            changes.push(Change::EventInsert(self.reminder(*days)));
            if *days <= UNPAID_RENEWAL_DAYS {
                changes.extend(self.unpaid_renewal()?);
            }
        }
        let next = next_look(term, from, now);
        let (put, turned) = self.leave(Stage::Term, Some(next));
        changes.extend(put);
        Ok((changes, turned))
    }

    /// The reminder that is due `days` ahead; who comes late tells how many days are left.
    fn reminder(&self, days: u64) -> Event {
        let instance = &self.instance.id;
        let how = match self.subscription.renews {
            true => "it renews itself",
            false => "it does not renew itself",
        };
        let left_ms = self.instance.term.ends_at.ms_since(self.turn.now.business);
        let left = left_ms.div_ceil(DAY_MS);
        let unit = if left == 1 { "day" } else { "days" };
        let message = format!("the term of instance {instance} ends in {left} {unit}: {how}");
        let once = format!("{days} {}", self.instance.term.ends_at.0);
        Event::new(
            self.turn.now,
            EventKind::Reminder,
            self.about(),
            &once,
            message,
        )
    }

    fn about(&self) -> About {
        About {
            listing: Some(self.turn.listing.name.clone()),
            instance: Some(self.instance.id.clone()),
            ..About::default()
        }
    }

    fn is_trusted(&self) -> bool {
        let front = self.turn.listing.storefront.as_ref();
        front.is_none_or(|front| front.payment == Payment::Trusted)
    }

    /// The order that waits for the payment of the next period, where one is needed and not there.
    fn unpaid_renewal(&mut self) -> Result<Vec<Change>, Fault> {
        if !self.subscription.renews || self.is_trusted() || self.state.order.is_some() {
            return Ok(Vec::new());
        }
        let admission = self.as_caller(Intent::Ping);
        let reference = self.renewal();
        let bought = Bought {
            kind: OrderKind::Renew,
            order: &reference,
            instance: &self.instance.id,
            plan: &self.instance.plan,
            period: self.subscription.period,
        };
        let order = Order {
            state: OrderState::AwaitingPayment,
            ..accepted(&admission, &bought)
        };
        // It can be paid until the instance is gone.
        let until = self.instance.term.ends_at.plus_ms(self.own.grace_ms);
        let offers = &self.turn.listing.offers;
        let price = offers.price_of(&self.instance.plan, self.subscription.period);
        let bill = Bill::of(&order.id, price, Some(until));
        let id = order.id.clone();
        let mut life = Life::stored(
            self.instance.clone(),
            self.state.operations.clone(),
            self.turn.now,
        );
        life.take_order(order);
        let mut changes = life.changes(OperationKind::Renew, Step::Accepted, Some(id))?;
        changes.push(Change::BillInsert(bill));
        // Whatever else this turn changes comes after it.
        self.instance.version += 1;
        self.state.instance = Some(self.instance.clone());
        Ok(changes)
    }

    fn renewal(&self) -> OrderRef {
        let period = self.subscription.period.to_string();
        OrderRef {
            key: renewal_key(&self.instance.id, self.instance.term.ends_at),
            content: Digest::of(&[("period", Some(&period))]),
        }
    }

    /// The end of the term: another one, or standing still.
    fn end(mut self) -> Result<Turned, Fault> {
        // One that waits for payment was raised when payment was required: it waits on.
        if self.subscription.renews && self.is_trusted() && self.state.order.is_none() {
            let renew = Renew {
                order: self.renewal(),
                instance: self.instance.id.clone(),
                spec: self
                    .turn
                    .listing
                    .offers
                    .spec_of(&self.instance.plan)
                    .to_owned(),
                package: None,
                period: self.subscription.period,
            };
            // What cannot be renewed (its plan is not offered any more) ends like everything else.
            if let Ok(decision) = self.admitted(Intent::Renew(renew)) {
                return Ok(decision);
            }
        }
        let suspend = Intent::Suspend(self.instance.id.clone(), Reason::Term);
        let grace_ms = self.own.grace_ms.max(GRACE_MS_MIN);
        let grace_ends = self.turn.now.business.plus_ms(grace_ms);
        // It is not there yet where nobody looked in the days before.
        let mut changes = self.unpaid_renewal()?;
        let (suspended, turned) = self.admitted(suspend)?;
        changes.extend(suspended);
        let (put, _) = self.leave(Stage::Grace, Some(grace_ends));
        changes.extend(put);
        Ok((changes, turned))
    }

    /// After the end: its grace is over, or it does not stand still.
    fn after_the_end(self) -> Result<Turned, Fault> {
        let now = self.turn.now.business;
        if !self.instance.reasons.has(Reason::Term) {
            // Somebody had it run again, or its driver did not suspend it: once more from the end.
            return self.end();
        }
        // Grace counts from the moment that the suspension was carried out; while nobody knows
        // that moment, it has not begun.
        let suspended_at = self.instance.suspended_at.unwrap_or(now);
        let grace_ends = suspended_at.plus_ms(self.own.grace_ms.max(GRACE_MS_MIN));
        if now < grace_ends {
            return Ok(self.leave(Stage::Grace, Some(grace_ends)));
        }
        if !self.turn.may_release {
            let kept_back = TermTurned {
                is_kept_back: true,
                ..TermTurned::default()
            };
            return Ok((Vec::new(), kept_back));
        }
        let (mut changes, turned) = self.admitted(Intent::Release(self.instance.id.clone()))?;
        let is_gone = |change: &Change| matches!(change, Change::InstanceUpdate(instance) if instance.state == InstanceState::Released);
        // A driver that refuses is asked again.
        let again = (!changes.iter().any(is_gone)).then(|| now.plus_ms(LOOK_AGAIN_MS));
        let (put, _) = self.leave(Stage::Over, again);
        changes.extend(put);
        Ok((changes, turned))
    }

    /// What `intent` changes when our own clock asks for it.
    fn admitted(&self, intent: Intent) -> Result<Turned, Fault> {
        let is_renewal = matches!(intent, Intent::Renew(_));
        let admission = self.as_caller(intent);
        let state = State {
            instance: self.state.instance.clone(),
            operations: self.state.operations.clone(),
            order: self.state.order.clone().filter(|_| is_renewal),
            subscription: is_renewal.then(|| self.subscription.clone()),
            ..State::default()
        };
        let decision = admit(&admission, state)?;
        // A driver's no on the spot is committed like one that comes later.
        let turned = TermTurned {
            is_work_due: decision.admitted.waits_for.is_some() || is_renewal,
            ..TermTurned::default()
        };
        Ok((decision.changes, turned))
    }

    fn as_caller(&self, intent: Intent) -> Admission {
        let TermTurn {
            listing,
            fresh,
            now,
            ..
        } = self.turn;
        Admission::ours(listing, intent, fresh, *now)
    }
}
