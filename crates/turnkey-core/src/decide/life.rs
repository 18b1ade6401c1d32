//! An instance with its operations while a decision changes them.

use crate::access::Access;
use crate::alarm::AlarmKind;
use crate::decide::wanted::Wanted;
use crate::decide::{Admitted, Change, Decision, Flag, Outcome, refusal};
use crate::fault::Fault;
use crate::history::{HistoryRow, Step};
use crate::id::{OperationId, OrderId};
use crate::instance::{Instance, InstanceEvent, InstanceState, Reasons};
use crate::limits::{OPERATIONS_PER_INSTANCE_MAX, cut};
use crate::listing::Product;
use crate::operation::{Operation, OperationEvent, OperationKind, OperationState};
use crate::order::{Order, OrderEvent, OrderState};
use crate::ports::{Verdict, Work, WorkOrder};
use crate::stock::StockItem;
use crate::time::Now;

/// An instance with its operations while a decision changes them. [`Life::decision`] turns what
/// became of it into rows.
pub(super) struct Life {
    pub(super) instance: Instance,
    operations: Vec<Tracked>,
    order: Option<Order>,
    order_changes: Vec<Change>,
    stock_change: Option<Change>,
    dry_work: Option<Box<Work>>,
    is_new: bool,
    now: Now,
}

struct Tracked {
    operation: Operation,
    row: Row,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Stored,
    Changed,
    New,
    Deleted,
    NewAndDeleted,
}

/// What became of work that a decision put in.
pub(super) enum Put {
    /// It is done: an immediate driver did it, or there was none to do.
    Done,
    /// An immediate driver said a final no.
    Refused(Fault),
    /// It waits for the driver.
    Waits(OperationId),
}

impl Life {
    /// A stored instance with its operations, in the order of their `seq`.
    pub(super) fn stored(instance: Instance, operations: Vec<Operation>, now: Now) -> Self {
        let track = |operation| Tracked {
            operation,
            row: Row::Stored,
        };
        Self {
            instance,
            operations: operations.into_iter().map(track).collect(),
            order: None,
            order_changes: Vec::new(),
            stock_change: None,
            dry_work: None,
            is_new: false,
            now,
        }
    }

    /// An instance that this decision makes.
    pub(super) fn new(instance: Instance, now: Now) -> Self {
        Self {
            is_new: true,
            ..Self::stored(instance, Vec::new(), now)
        }
    }

    /// The new order that this decision is about.
    pub(super) fn take_order(&mut self, order: Order) {
        self.order = Some(order);
    }

    /// Moves the instance by the closed table.
    pub(super) fn step(&mut self, event: InstanceEvent) -> Result<(), Fault> {
        self.instance.state = self.instance.state.next(event).ok_or_else(|| {
            Fault::bug(format!(
                "instance {} is {} and cannot take {event:?}",
                self.instance.id,
                self.instance.state.name()
            ))
        })?;
        Ok(())
    }

    /// The operations that are left.
    pub(super) fn operations(&self) -> impl DoubleEndedIterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(|t| t.row.is_left())
            .map(|t| &t.operation)
    }

    /// The plan that the instance will have once everything queued is done.
    pub(super) fn plan_to_be(&self) -> &str {
        self.operations()
            .rev()
            .find_map(|operation| operation.plan.as_deref())
            .unwrap_or(&self.instance.plan)
    }

    /// Puts work behind what is queued, or lets an immediate driver do it on the spot.
    pub(super) fn put(&mut self, product: &Product, wanted: Wanted<'_>) -> Result<Put, Fault> {
        if self.operations().count() >= OPERATIONS_PER_INSTANCE_MAX {
            let message = format!("instance {} has too much work waiting", self.instance.id);
            return Err(Fault::busy("instance_overloaded", message));
        }
        let operation = Operation {
            id: wanted.id,
            instance: self.instance.id.clone(),
            kind: wanted.kind,
            seq: self.operations().next_back().map_or(1, |last| last.seq + 1),
            order: wanted.order.cloned(),
            state: OperationState::Queued,
            attempt: 0,
            due_at: None,
            began_at: None,
            fence: 0,
            plan: wanted.plan.map(str::to_owned),
            period: wanted.period,
            reasons: wanted.reasons,
            note: None,
        };
        let work = || {
            let period = operation.period.clone().unwrap_or_default();
            let order = wanted.key.map(|key| WorkOrder {
                key: key.clone(),
                period,
                is_refused: false,
            });
            Work {
                stock: wanted.stock.map(|item| item.access.clone()),
                ..work(&operation, &self.instance, order, wanted.dry_run)
            }
        };
        if let Some(immediate) = product.driver.immediate()
            && self.operations().next().is_none()
        {
            let work = work();
            match immediate.answer(&work) {
                Verdict::Done(access) => {
                    self.take(wanted.stock);
                    self.done(&operation, access)?;
                    return Ok(Put::Done);
                }
                Verdict::NotYet(_) if wanted.dry_run && immediate.takes_stock() => {
                    return Err(Fault::busy("out_of_stock", "nothing is in stock just now"));
                }
                Verdict::No(message) if wanted.dry_run => return Err(refusal(Some(&message))),
                Verdict::No(message) => {
                    self.refused(&operation, &message)?;
                    return Ok(Put::Refused(refusal(Some(&cut(&message)))));
                }
                Verdict::NotYet(_) | Verdict::Retry(_) => {}
            }
        }
        // The first is what was asked; a resume that a renewal brings along is not.
        if wanted.dry_run && product.dry_run && self.dry_work.is_none() {
            self.dry_work = Some(Box::new(work()));
        }
        let id = operation.id.clone();
        self.operations.push(Tracked {
            operation,
            row: Row::New,
        });
        Ok(Put::Waits(id))
    }

    /// The instance takes an item of the stock, where there is one.
    pub(super) fn take(&mut self, item: Option<&StockItem>) {
        let take = |item: &StockItem| Change::StockTake(item.id.clone(), self.instance.id.clone());
        self.stock_change = item.map(take);
    }

    /// The instance has no use for what the stock may have for it: it is free again, or, where the
    /// buyer had it, used up.
    pub(super) fn give_back(&mut self) {
        let id = self.instance.id.clone();
        self.stock_change = Some(match self.instance.delivered {
            true => Change::StockErase(id),
            false => Change::StockFree(id),
        });
    }

    /// The driver did `operation`.
    pub(super) fn done(
        &mut self,
        operation: &Operation,
        access: Option<Access>,
    ) -> Result<(), Fault> {
        if access.is_some() && self.instance.state != InstanceState::Released {
            self.instance.access = access;
        }
        match operation.kind {
            OperationKind::Provision => {
                self.instance.delivered = true;
                if self.instance.state == InstanceState::Provisioning {
                    let suspended = !self.instance.reasons.is_empty();
                    self.step(if suspended {
                        InstanceEvent::DeliverSuspended
                    } else {
                        InstanceEvent::Deliver
                    })?;
                }
            }
            OperationKind::ChangePlan => {
                if let Some(plan) = &operation.plan {
                    self.instance.plan.clone_from(plan);
                }
            }
            OperationKind::Renew => {}
            OperationKind::Suspend => {
                self.instance.suspended_at = Some(self.now.business);
                // It may have passed some that wait behind a dead one: they are history now, and
                // must not start the instance once somebody takes the dead one up again.
                self.drop_where(|o| o.seq < operation.seq && o.kind.is_standing())?;
            }
            OperationKind::Resume => self.instance.suspended_at = None,
            OperationKind::Release => {
                self.step(InstanceEvent::Remove)?;
                if !self.instance.delivered {
                    self.clear_in_name_only();
                }
                self.instance.access = None;
                self.give_back();
                self.drop_where(|_| true)?;
            }
        }
        self.close(operation.order.as_ref(), OrderEvent::Fulfil, None)
    }

    /// The driver said a final no to `operation`.
    pub(super) fn refused(&mut self, operation: &Operation, message: &str) -> Result<(), Fault> {
        match operation.kind {
            OperationKind::Provision => {
                if self.instance.state == InstanceState::Provisioning {
                    self.step(InstanceEvent::Fail)?;
                }
            }
            // What was bought stays bought: the term is longer, the plan is the old one.
            OperationKind::Renew | OperationKind::ChangePlan => {}
            OperationKind::Suspend | OperationKind::Resume => self.put_back(operation)?,
            OperationKind::Release => self.step(self.kept())?,
        }
        self.close(
            operation.order.as_ref(),
            OrderEvent::Fail,
            Some(cut(message)),
        )
    }

    /// `operation` will not be done, so that the instance stands as its driver has it, unless a
    /// later operation says anyway how it is to stand.
    fn put_back(&mut self, operation: &Operation) -> Result<(), Fault> {
        let last = self.operations().rev().find(|o| o.kind.is_standing());
        if !operation.kind.is_standing() || last.is_some_and(|last| last.seq > operation.seq) {
            return Ok(());
        }
        let stands_still = match last {
            Some(last) => last.kind == OperationKind::Suspend,
            None => self.instance.suspended_at.is_some(),
        };
        if !stands_still {
            self.instance.reasons = Reasons::NONE;
        } else if operation.kind == OperationKind::Resume {
            self.instance.reasons = operation.reasons;
        }
        match (self.instance.state, stands_still) {
            (InstanceState::Suspended, false) => self.step(InstanceEvent::Lift),
            (InstanceState::Running, true) => self.step(InstanceEvent::Suspend),
            (InstanceState::Suspended, true) | (InstanceState::Running, false) => Ok(()),
            (
                InstanceState::Provisioning
                | InstanceState::Failed
                | InstanceState::Releasing
                | InstanceState::Released,
                _,
            ) => Ok(()),
        }
    }

    /// What an instance goes back to when its driver refuses to remove it.
    fn kept(&self) -> InstanceEvent {
        let provisions = |operation: &Operation| operation.kind == OperationKind::Provision;
        match (self.instance.delivered, self.instance.reasons.is_empty()) {
            (true, true) => InstanceEvent::KeepRunning,
            (true, false) => InstanceEvent::KeepSuspended,
            (false, _) if self.operations().any(provisions) => InstanceEvent::KeepProvisioning,
            (false, _) => InstanceEvent::KeepFailed,
        }
    }

    /// Takes back what its driver was never asked, newest first, with what it was to bring about.
    pub(super) fn take_back_unbegun(&mut self) -> Result<(), Fault> {
        let unbegun: Vec<Operation> = self
            .operations()
            .filter(|o| o.is_unbegun())
            .cloned()
            .collect();
        self.drop_where(Operation::is_unbegun)?;
        unbegun.iter().rev().try_for_each(|o| self.put_back(o))
    }

    /// Takes back the operations that `which` picks; their orders are cancelled.
    pub(super) fn drop_where(&mut self, which: impl Fn(&Operation) -> bool) -> Result<(), Fault> {
        let mut orders = Vec::new();
        for tracked in self.operations.iter_mut().filter(|t| t.row.is_left()) {
            if which(&tracked.operation)
                && let Some(dropped) = tracked.operation.state.next(OperationEvent::Drop)
            {
                tracked.operation.state = dropped;
                tracked.row = tracked.row.deleted();
                orders.extend(tracked.operation.order.clone());
            }
        }
        for order in &orders {
            self.close(Some(order), OrderEvent::Cancel, None)?;
        }
        Ok(())
    }

    /// Removes `id` from the operations: it is over.
    pub(super) fn finish(&mut self, id: &OperationId) {
        for tracked in self.operations.iter_mut().filter(|t| t.operation.id == *id) {
            tracked.row = tracked.row.deleted();
        }
    }

    /// Puts `operation` in the place of the one with its id.
    pub(super) fn replace(&mut self, operation: Operation) {
        let same = |t: &&mut Tracked| t.operation.id == operation.id;
        if let Some(tracked) = self.operations.iter_mut().find(same) {
            tracked.operation = operation;
            tracked.row = tracked.row.changed();
        }
    }

    /// Adds `operation` at the place that its `seq` says.
    pub(super) fn insert(&mut self, operation: Operation) {
        self.operations.push(Tracked {
            operation,
            row: Row::New,
        });
        self.operations.sort_by_key(|t| t.operation.seq);
    }

    /// Nobody is left with a promise only: a person saw to it, or it is not wanted any more.
    pub(super) fn clear_in_name_only(&mut self) {
        let instance = self.instance.id.as_str().to_owned();
        let kind = AlarmKind::DeliveredInNameOnly;
        let clear = Change::AlarmClear(kind, instance, self.now);
        self.order_changes.push(clear);
    }

    /// A failed order is worked on again.
    pub(super) fn reopen_order(&mut self, id: OrderId) {
        self.order_changes.push(Change::OrderReopen(id));
    }

    fn close(
        &mut self,
        id: Option<&OrderId>,
        event: OrderEvent,
        refusal: Option<String>,
    ) -> Result<(), Fault> {
        let Some(id) = id else { return Ok(()) };
        // An order that has an operation is accepted: `put` and `reopen` see to that.
        let state = OrderState::Accepted
            .next(event)
            .ok_or_else(|| Fault::bug(format!("order {id} cannot take {event:?}")))?;
        match &mut self.order {
            Some(order) if order.id == *id => {
                order.state = state;
                order.refusal = refusal;
            }
            _ => self
                .order_changes
                .push(Change::OrderClose(id.clone(), state, refusal)),
        }
        Ok(())
    }

    /// Lets the next operation go, when none is under way: in commit order, but not what waits for
    /// a person.
    fn ready_next(&mut self) -> Result<(), Fault> {
        if self.operations().any(|o| o.state.is_under_way()) {
            return Ok(());
        }
        let may_go =
            |(o, is_held): &(&Operation, bool)| !is_held && o.state == OperationState::Queued;
        let next = with_held(&self.instance, self.operations()).find(may_go);
        let Some(mut next) = next.map(|(next, _)| next.clone()) else {
            return Ok(());
        };
        next.state = next
            .state
            .next(OperationEvent::Ready)
            .ok_or_else(|| Fault::bug(format!("{} cannot go", next.id)))?;
        next.due_at = Some(self.now.wall);
        self.replace(next);
        Ok(())
    }

    /// Everything that became of it, as rows; `kind` and `step` go into its history.
    pub(super) fn changes(
        mut self,
        kind: OperationKind,
        step: Step,
        order: Option<OrderId>,
    ) -> Result<Vec<Change>, Fault> {
        self.ready_next()?;
        self.instance.version += 1;
        let mut changes = Vec::with_capacity(4);
        changes.extend(self.order.map(Change::OrderInsert));
        changes.extend(self.order_changes);
        changes.extend(self.stock_change);
        changes.push(Change::HistoryInsert(HistoryRow {
            instance: self.instance.id.clone(),
            version: self.instance.version,
            at: self.now,
            kind,
            step,
            order,
        }));
        changes.push(if self.is_new {
            Change::InstanceInsert(self.instance)
        } else {
            Change::InstanceUpdate(self.instance)
        });
        changes.extend(
            self.operations
                .into_iter()
                .filter_map(|tracked| match tracked.row {
                    Row::Stored | Row::NewAndDeleted => None,
                    Row::Changed => Some(Change::OperationUpdate(tracked.operation)),
                    Row::New => Some(Change::OperationInsert(tracked.operation)),
                    Row::Deleted => Some(Change::OperationDelete(tracked.operation.id)),
                }),
        );
        Ok(changes)
    }

    /// The answer to whoever waits for work of `kind` that is done.
    pub(super) fn outcome(&self, kind: OperationKind) -> Outcome {
        match kind {
            OperationKind::Provision => Outcome::Delivered {
                instance: self.instance.id.clone(),
                access: self.instance.access.clone().unwrap_or_default(),
            },
            OperationKind::Renew
            | OperationKind::ChangePlan
            | OperationKind::Suspend
            | OperationKind::Resume
            | OperationKind::Release => Outcome::Done,
        }
    }

    /// The decision on a call: `put` is what became of its work.
    pub(super) fn decision(
        mut self,
        kind: OperationKind,
        put: Put,
        flag: Option<Flag>,
    ) -> Result<Decision, Fault> {
        let is_waiting = matches!(put, Put::Waits(_));
        let outcome = if is_waiting && kind == OperationKind::Provision {
            Outcome::NotReady {
                instance: self.instance.id.clone(),
            }
        } else {
            self.outcome(kind)
        };
        let (step, answer, waits_for) = match put {
            Put::Done => (Step::Done, Ok(outcome), None),
            Put::Refused(fault) => (Step::Refused, Err(fault), None),
            Put::Waits(id) => {
                let held = is_held(&self.instance, self.operations(), &id);
                (Step::Accepted, Ok(outcome), (!held).then_some(id))
            }
        };
        let order = self.order.as_ref().map(|order| order.id.clone());
        let admitted = Admitted {
            answer,
            waits_for,
            flags: flag.into_iter().collect(),
            dry_work: self.dry_work.take(),
            work: None,
        };
        Ok(Decision {
            changes: self.changes(kind, step, order)?,
            admitted,
        })
    }
}

impl Row {
    fn is_left(self) -> bool {
        match self {
            Self::Stored | Self::Changed | Self::New => true,
            Self::Deleted | Self::NewAndDeleted => false,
        }
    }

    fn changed(self) -> Self {
        match self {
            Self::Stored | Self::Changed => Self::Changed,
            Self::New => Self::New,
            Self::Deleted | Self::NewAndDeleted => self,
        }
    }

    fn deleted(self) -> Self {
        match self {
            Self::Stored | Self::Changed | Self::Deleted => Self::Deleted,
            Self::New | Self::NewAndDeleted => Self::NewAndDeleted,
        }
    }
}

/// Each operation with whether it waits for a person: it is dead, stands behind a dead one or
/// behind a delivery that failed. A release passes the dead; so does a suspend, but not a dead
/// delivery: there is nothing to suspend yet.
fn with_held<'a>(
    instance: &Instance,
    operations: impl Iterator<Item = &'a Operation>,
) -> impl Iterator<Item = (&'a Operation, bool)> {
    let is_failed = instance.state == InstanceState::Failed;
    let is_delivered = instance.delivered;
    let mut is_behind_dead = false;
    operations.map(move |operation| {
        let passes = operation.kind.passes_the_dead()
            && (is_delivered || operation.kind == OperationKind::Release);
        let is_dead = operation.state == OperationState::Dead;
        let is_held = is_dead || is_failed || (is_behind_dead && !passes);
        is_behind_dead |= is_dead;
        (operation, is_held)
    })
}

/// Whether the operation `id` waits for a person: no caller waits that long.
pub(super) fn is_held<'a>(
    instance: &Instance,
    operations: impl Iterator<Item = &'a Operation>,
    id: &OperationId,
) -> bool {
    with_held(instance, operations).any(|(operation, is_held)| operation.id == *id && is_held)
}

/// What the driver is told of `operation`.
pub(super) fn work(
    operation: &Operation,
    instance: &Instance,
    order: Option<WorkOrder>,
    dry_run: bool,
) -> Work {
    Work {
        operation: operation.id.clone(),
        kind: operation.kind,
        dry_run,
        attempt: operation.attempt.max(1),
        fence: operation.fence,
        listing: instance.listing.clone(),
        instance: instance.id.clone(),
        product: instance.product.clone(),
        plan: operation
            .plan
            .clone()
            .unwrap_or_else(|| instance.plan.clone()),
        buyer: instance.buyer.clone(),
        term: instance.term,
        context: instance.context.clone(),
        order,
        renewal: operation
            .period
            .clone()
            .filter(|_| operation.kind == OperationKind::Resume),
        access: instance.access.clone(),
        stock: None,
    }
}
