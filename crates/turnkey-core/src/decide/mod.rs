//! The rules. Pure: state + intent → changes.
//!
//! ```text
//! admit ── a call      → create · buy · renew · change_plan · suspend · resume · release · amend
//! claim ── a runner    → a due operation, leased
//! report ─ a driver    → done · refused · again · dead
//! reopen ─ a person    → a dead operation or a failed order, taken up again
//! deliver ─ a person   → what a person did, as a driver's done
//! settle ─ a payment   → an order that waited for it, or is taken back
//! turn ─── our clock   → reminders, the end of a term, the end of the grace after it
//! hold ─── a caller    → links, when its time is up and the driver is still at work
//! shows ── a buyer     → what a link shows; reveal: its account
//! import ── a person   → an instance that was delivered elsewhere
//! ```
//!
//! The writer calls these inside the job's savepoint, on rows that it has just loaded, so nothing
//! can be stale. What they return is all that is written; an error writes nothing.

pub mod alarms;
mod amend;
mod buy;
mod by_hand;
mod change_plan;
mod create;
mod hold;
mod import;
mod life;
mod release;
mod renew;
mod report;
mod settle;
mod standing;
mod terms;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::Access;
use crate::alarm::{Alarm, AlarmKind};
use crate::call::{Intent, OrderRef};
use crate::event::Event;
use crate::fault::{Fault, FaultKind};
use crate::history::HistoryRow;
use crate::id::{InstanceId, OperationId, OrderId, PurchaseId, StockId};
use crate::instance::Instance;
use crate::link::{LinkHash, NewLink};
use crate::operation::Operation;
use crate::order::{Order, OrderKind, OrderState};
use crate::ports::{Admission, Work};
use crate::stock::StockItem;
use crate::storefront::{Bill, Subscription, View};
use crate::time::Now;

pub use by_hand::deliver;
pub use create::plan_from_stock;
pub use hold::{Account, Shows, hold, reveal, shows};
pub use import::import;
pub use report::{Backoff, claim, reopen, report};
pub use settle::settle;
pub use terms::{renewal_key, turn};

/// What was loaded for a decision.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The order that the call names, or that the operation fulfils.
    pub order: Option<Order>,
    /// The instance that the call names, or that the order made.
    pub instance: Option<Instance>,
    /// The instance's operations, in the order in which they are to be done.
    pub operations: Vec<Operation>,
    /// What the product's stock has for the work, where its driver takes from one.
    pub stock: Option<StockItem>,
    /// Whether the instance was answered with holding links. Loaded where a delivery may fail.
    pub is_held: bool,
    /// What our own clock does with the instance. Loaded where its term is ours to end.
    pub subscription: Option<Subscription>,
    /// The orders of the purchase that the order began, in the order of their units.
    pub units: Vec<OrderId>,
}

/// One row to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new order.
    OrderInsert(Order),
    /// An accepted order that is over now, with the driver's words where it said no.
    OrderClose(OrderId, OrderState, Option<String>),
    /// An order that waited for payment and is paid now.
    OrderPay(OrderId, Now),
    /// An order that waited for payment and is taken back.
    OrderCancel(OrderId),
    /// A failed order that is taken up again.
    OrderReopen(OrderId),
    /// A new instance.
    InstanceInsert(Instance),
    /// The instance as it is now; its version is one more than that of the row it replaces.
    InstanceUpdate(Instance),
    /// A new operation.
    OperationInsert(Operation),
    /// The operation as it is now.
    OperationUpdate(Operation),
    /// The operation is done, or was taken back.
    OperationDelete(OperationId),
    /// What happened.
    HistoryInsert(HistoryRow),
    /// An item of a stock goes to an instance, or has gone to it before.
    StockTake(StockId, InstanceId),
    /// The instance is gone, and with it the secret part of the item that it had.
    StockErase(InstanceId),
    /// The instance does not need the item that may have been reserved for it.
    StockFree(InstanceId),
    /// Something that a person may want to know of. The same one twice is one.
    EventInsert(Event),
    /// Something that needs a person, with the event that says so. One that is raised already is
    /// left as it is.
    AlarmRaise(Alarm),
    /// It needs nobody any more, with the event that says so. One that was not raised is nothing.
    AlarmClear(AlarmKind, String, Now),
    /// A new holding link.
    LinkInsert(NewLink),
    /// The account of a link is shown once more.
    LinkReveal(LinkHash),
    /// What a new order is part of, and costs.
    BillInsert(Bill),
    /// What our own clock does with an instance from now on.
    SubscriptionPut(Subscription),
    /// The context that an instance has now.
    ContextPut(InstanceId, BTreeMap<String, String>),
}

/// What is to be written, and what may be said once it is.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The rows; none for a repeat and for a dry run.
    pub changes: Vec<Change>,
    /// What the caller may be told.
    pub admitted: Admitted,
}

/// What the caller may be told once the changes are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The answer as it stands; a fault here is a driver's final no, which is on disk too.
    pub answer: Result<Outcome, Fault>,
    /// Which operation is still to be done for it: worth waiting for, as long as the caller waits.
    pub waits_for: Option<OperationId>,
    /// What an operator should know about this call.
    pub flags: Vec<Flag>,
    /// What a driver that takes dry runs is to be asked.
    pub dry_work: Option<Box<Work>>,
    /// Work that was leased in the admitting commit, because the caller has a runner with room.
    pub work: Option<Box<Work>>,
}

/// The answer to a call, in our words. Faults are told apart by [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The instance is there (or, in a dry run, could be).
    Delivered {
        /// Its id.
        instance: InstanceId,
        /// What the buyer logs in with.
        access: Access,
    },
    /// The instance is not there yet; a repeat of the call will find it.
    NotReady {
        /// Its id, which will not change.
        instance: InstanceId,
    },
    /// The instance is not there yet; its links show how it comes along, and lead to it once it is.
    Held {
        /// Its id, which will not change.
        instance: InstanceId,
        /// The links, where an access has its URLs. No account is there yet.
        links: Access,
    },
    /// It is ordered: the purchase, and the order of each of its units.
    Ordered {
        /// What was bought together.
        purchase: PurchaseId,
        /// One order for each unit.
        orders: Vec<OrderId>,
    },
    /// What was to be seen.
    Shown(Box<View>),
    /// A page of what was to be seen, and how much there is in all.
    Listed(Vec<View>, u64),
    /// It is done, or committed and ours to finish.
    Done,
    /// The instance had been removed already.
    Gone,
}

/// What an operator should know about a call that was answered with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// It was signed before the newest renewal or resume, so it changed nothing.
    Stale,
    /// A renewal named another plan than the instance has.
    OtherPlan,
    /// It repeats a call that was admitted before.
    Repeat,
}

impl Flag {
    /// The flag's name, for logs: one of a closed list.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::OtherPlan => "other_plan",
            Self::Repeat => "repeat",
        }
    }
}

impl Admitted {
    /// An answer for which nothing is left to do.
    #[must_use]
    pub fn now(answer: Result<Outcome, Fault>) -> Self {
        Self {
            answer,
            waits_for: None,
            flags: Vec::new(),
            dry_work: None,
            work: None,
        }
    }

    fn flagged(mut self, flag: Flag) -> Self {
        self.flags.push(flag);
        self
    }
}

/// Decides a call.
///
/// # Errors
/// With the fault that the caller is to be told; nothing is written then.
pub fn admit(admission: &Admission, state: State) -> Result<Decision, Fault> {
    let call = Arc::clone(&admission.call);
    let mut decision = match &call.intent {
        Intent::Create(create) => create::decide(admission, create, &state),
        Intent::Buy(purchase) => buy::decide(admission, purchase, &state),
        Intent::Renew(renew) => renew::decide(admission, renew, state),
        Intent::ChangePlan(change) => change_plan::decide(admission, change, state),
        Intent::Suspend(id, reason) => standing::suspend(admission, id, *reason, state),
        Intent::Resume(id, reason) => standing::resume(admission, id, *reason, state),
        Intent::Release(id) => release::decide(admission, id, state),
        Intent::Amend(id, words) => amend::decide(admission, id, words, state),
        Intent::Ping => Ok(Decision::unchanged(Ok(Outcome::Done))),
        Intent::Look(_) => Err(Fault::bug("a look is no job for the writer")),
    }?;
    if call.dry_run {
        decision.changes.clear();
        decision.admitted.waits_for = None;
    } else if let Some(lease_ms) = admission.lease_ms {
        report::claim_at_once(&mut decision, admission.now, lease_ms)?;
    }
    Ok(decision)
}

impl Decision {
    fn unchanged(answer: Result<Outcome, Fault>) -> Self {
        Self {
            changes: Vec::new(),
            admitted: Admitted::now(answer),
        }
    }

    fn flagged(mut self, flag: Flag) -> Self {
        self.admitted = self.admitted.flagged(flag);
        self
    }
}

/// The answer to a call whose order exists already.
fn repeat(order: &Order, asked: &OrderRef, state: &State) -> Result<Decision, Fault> {
    if order.content != asked.content {
        return Err(differs(asked));
    }
    let answer = match answer_of(order, state.instance.as_ref()) {
        Err(fault) if order.state == OrderState::Cancelled => return Err(fault),
        answer => answer,
    };
    let own = order.id.operation();
    let is_there = state.operations.iter().any(|o| o.id == own);
    let mut decision = Decision::unchanged(answer).flagged(Flag::Repeat);
    decision.admitted.waits_for = (is_there && !waits_for_person(order, state)).then_some(own);
    Ok(decision)
}

/// The fault for an order key that comes with other content.
fn differs(asked: &OrderRef) -> Fault {
    let message = format!("order {:?} was already taken with other content", asked.key);
    Fault::conflict("order_content_differs", message)
}

/// Whether the order's work is held up until a person acts.
fn waits_for_person(order: &Order, state: &State) -> bool {
    let own = order.id.operation();
    let instance = state.instance.as_ref();
    instance.is_some_and(|instance| life::is_held(instance, state.operations.iter(), &own))
}

/// The answer that an order stands for.
fn answer_of(order: &Order, instance: Option<&Instance>) -> Result<Outcome, Fault> {
    match (order.state, order.kind) {
        (OrderState::Fulfilled, OrderKind::Create) => {
            let access = instance.and_then(|instance| instance.access.clone());
            let instance = order.instance.clone();
            Ok(Outcome::Delivered {
                instance,
                access: access.unwrap_or_default(),
            })
        }
        (OrderState::Accepted | OrderState::AwaitingPayment, OrderKind::Create) => {
            Ok(Outcome::NotReady {
                instance: order.instance.clone(),
            })
        }
        (
            OrderState::Fulfilled | OrderState::Accepted | OrderState::AwaitingPayment,
            OrderKind::Renew | OrderKind::ChangePlan,
        ) => Ok(Outcome::Done),
        (OrderState::Failed, OrderKind::Create | OrderKind::Renew | OrderKind::ChangePlan) => {
            Err(refusal(order.refusal.as_deref()))
        }
        (OrderState::Cancelled, OrderKind::Create | OrderKind::Renew | OrderKind::ChangePlan) => {
            let message = format!("order {:?} was cancelled before it was done", order.key);
            Err(Fault::conflict("order_cancelled", message))
        }
    }
}

/// The fault that tells of a driver's final no.
#[must_use]
pub fn refusal(message: Option<&str>) -> Fault {
    let message = message
        .filter(|m| !m.is_empty())
        .unwrap_or("the vendor refused this order");
    Fault::new(FaultKind::Upstream, "driver_refused", message)
}

/// The instance that a call names, when this listing ever had it.
fn named(
    admission: &Admission,
    id: &InstanceId,
    instance: Option<Instance>,
) -> Result<Instance, Fault> {
    let caller = admission.call.caller.as_ref();
    instance
        .filter(|instance| instance.listing == admission.listing.name)
        .filter(|instance| caller.is_none_or(|caller| caller.owns(instance)))
        .ok_or_else(|| {
            Fault::unknown(
                "instance_unknown",
                format!("instance {:?} is not known here", id.as_str()),
            )
        })
}

/// The fault for what only a renewal could bring back.
fn term_over(instance: &Instance) -> Fault {
    let message = format!(
        "the term of instance {} is over: renew it first",
        instance.id
    );
    Fault::conflict("term_over", message)
}

/// The fault for what an instance's state does not allow.
fn not_while(instance: &Instance, what: &str) -> Fault {
    let message = format!(
        "instance {} is {} and cannot be {what}",
        instance.id,
        instance.state.name()
    );
    Fault::conflict("instance_state", message)
}
