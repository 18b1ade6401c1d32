//! A desk without a disk: the rules of the core, and rows in memory.

use std::sync::Arc;

use turnkey_core::decide::{Change, Outcome, State, admit, hold as hold_place};
use turnkey_core::link::LINK_TOKEN_BYTES;
use turnkey_core::ports::Hold;
use turnkey_core::{
    Bill, Call, Caller, Fault, Instance, InstanceId, Intent, LinkToken, LinkTokens, Listing, Look,
    Now, Operation, Order, Slow, Subscription, UtcMillis, View,
};
use turnkey_testkit::sample;

/// What has been committed so far.
#[derive(Default)]
pub(crate) struct Shop {
    orders: Vec<Order>,
    instances: Vec<Instance>,
    operations: Vec<Operation>,
    subscriptions: Vec<Subscription>,
    bills: Vec<Bill>,
    admitted: u64,
}

impl Shop {
    /// Loads, decides and writes, as a store's writer does: the answer at once, and the kinds of
    /// row that were written.
    pub(crate) fn admit(
        &mut self,
        listing: &Arc<Listing>,
        call: Call,
        at: UtcMillis,
    ) -> Result<(Result<Outcome, Fault>, String), Fault> {
        if let (Intent::Look(look), Some(caller)) = (&call.intent, &call.caller) {
            let outcome = self.look(listing, caller, look)?;
            return Ok((Ok(outcome), "nothing".to_owned()));
        }
        self.admitted += 1;
        let now = Now {
            wall: at,
            business: at,
        };
        let state = self.load(listing, &call);
        let admission = sample::admission(listing, call, now, self.admitted);
        let mut decision = admit(&admission, state)?;
        let mut rows: Vec<_> = decision.changes.iter().filter_map(row).collect();
        for change in decision.changes {
            self.apply(change);
        }
        if let (Slow::Hold, Ok(Outcome::NotReady { instance })) =
            (listing.slow, &decision.admitted.answer)
        {
            let (changes, outcome) = self.hold(listing, instance)?;
            rows.extend(changes.iter().filter_map(row));
            decision.admitted.answer = Ok(outcome);
        }
        let writes = if rows.is_empty() {
            "nothing".to_owned()
        } else {
            rows.join(", ")
        };
        Ok((decision.admitted.answer, writes))
    }

    /// What a buyer sees, as the desk shows it.
    fn look(&self, listing: &Listing, caller: &Caller, look: &Look) -> Result<Outcome, Fault> {
        let view = |instance: &Instance| {
            let own = self.subscriptions.iter();
            let mut own = own.filter(|own| own.instance == instance.id);
            View::of(listing, instance, own.next())
        };
        let unknown = || Fault::unknown("instance_unknown", "it is not known here");
        let of = |id: &InstanceId| {
            let mut known = self.instances.iter();
            let known = known.find(|i| i.id == *id && caller.owns(i));
            let view = known.and_then(view).ok_or_else(unknown)?;
            Ok(Outcome::Shown(Box::new(view)))
        };
        match look {
            Look::Caller => Ok(Outcome::Done),
            Look::Instance(id) | Look::Detail(id) | Look::Ticket(id, _) => of(id),
            Look::Order(id) => {
                let order = self.orders.iter().find(|order| order.id == *id);
                of(&order.ok_or_else(unknown)?.instance)
            }
            Look::Instances(look) => {
                let own = self.instances.iter().filter(|i| caller.owns(i));
                let (page, total) = look.page(own.filter_map(view).collect());
                Ok(Outcome::Listed(page, total))
            }
        }
    }

    /// The time of whoever asked for `instance` is up.
    fn hold(
        &self,
        listing: &Arc<Listing>,
        instance: &InstanceId,
    ) -> Result<(Vec<Change>, Outcome), Fault> {
        let token = |n| LinkToken::new([n; LINK_TOKEN_BYTES]);
        let hold = Hold {
            listing: Arc::clone(listing),
            instance: instance.clone(),
            fresh: LinkTokens {
                front_end: token(1),
                admin: token(2),
                sign_on: token(3),
            },
        };
        let instance = self.instances.iter().find(|i| i.id == *instance).cloned();
        let order = self
            .orders
            .iter()
            .find(|o| Some(&o.instance) == instance.as_ref().map(|i| &i.id));
        let state = State {
            order: order.cloned(),
            instance,
            operations: self.operations.clone(),
            ..State::default()
        };
        hold_place(&hold, &state, None)
    }

    fn load(&self, listing: &Listing, call: &Call) -> State {
        let subject = call.subject();
        let order = subject.order.and_then(|(kind, key)| {
            let is_it = |o: &&Order| o.listing == listing.name && o.kind == kind && o.key == *key;
            self.orders.iter().find(is_it).cloned()
        });
        let named = subject
            .instance
            .or(order.as_ref().map(|order| &order.instance));
        let instance = named.and_then(|id| self.instances.iter().find(|i| i.id == *id).cloned());
        let of_it = |o: &&Operation| instance.as_ref().is_some_and(|i| i.id == o.instance);
        let purchase = order.as_ref().map(|order| order.id.purchase());
        let units = self.bills.iter();
        let units = units.filter(|bill| Some(&bill.purchase) == purchase.as_ref());
        let subscription = self.subscriptions.iter();
        let mut subscription =
            subscription.filter(|s| instance.as_ref().is_some_and(|i| i.id == s.instance));
        State {
            operations: self.operations.iter().filter(of_it).cloned().collect(),
            units: units.map(|bill| bill.order.clone()).collect(),
            subscription: subscription.next().cloned(),
            order,
            instance,
            ..State::default()
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::OrderInsert(order) => self.orders.push(order),
            Change::OrderClose(id, state, refusal) => {
                for order in self.orders.iter_mut().filter(|o| o.id == id) {
                    order.state = state;
                    order.refusal.clone_from(&refusal);
                }
            }
            Change::OrderReopen(id) => panic!("no call reopens an order, but {id} was"),
            Change::InstanceInsert(instance) | Change::InstanceUpdate(instance) => {
                self.instances.retain(|i| i.id != instance.id);
                self.instances.push(instance);
            }
            Change::OperationInsert(operation) | Change::OperationUpdate(operation) => {
                self.operations.retain(|o| o.id != operation.id);
                self.operations.push(operation);
                self.operations.sort_by_key(|o| o.seq);
            }
            Change::OperationDelete(id) => self.operations.retain(|o| o.id != id),
            Change::ContextPut(id, context) => {
                for instance in self.instances.iter_mut().filter(|i| i.id == id) {
                    instance.context.clone_from(&context);
                }
            }
            Change::OrderPay(id, _) | Change::OrderCancel(id) => {
                panic!("no call settles an order, but {id} was")
            }
            Change::HistoryInsert(_)
            | Change::StockTake(..)
            | Change::StockErase(_)
            | Change::StockFree(_)
            | Change::EventInsert(_)
            | Change::AlarmRaise(_)
            | Change::AlarmClear(..)
            | Change::LinkInsert(_)
            | Change::LinkReveal(_) => {}
            Change::BillInsert(bill) => self.bills.push(bill),
            Change::SubscriptionPut(subscription) => {
                self.subscriptions
                    .retain(|s| s.instance != subscription.instance);
                self.subscriptions.push(subscription);
            }
        }
    }
}

fn row(change: &Change) -> Option<&'static str> {
    Some(match change {
        Change::OrderInsert(_) => "new order",
        Change::OrderClose(..)
        | Change::OrderReopen(_)
        | Change::OrderPay(..)
        | Change::OrderCancel(_) => "order",
        Change::BillInsert(_) => "new bill",
        Change::SubscriptionPut(_) => "subscription",
        Change::ContextPut(..) => "context",
        Change::InstanceInsert(_) => "new instance",
        Change::InstanceUpdate(_) => "instance",
        Change::OperationInsert(_) => "new operation",
        Change::OperationUpdate(_) => "operation",
        Change::OperationDelete(_) => "operation done",
        Change::HistoryInsert(_) => "history",
        Change::EventInsert(_) => "event",
        Change::LinkInsert(_) => "new link",
        Change::LinkReveal(_) => "link",
        Change::AlarmRaise(_) | Change::AlarmClear(..) => "alarm",
        // No row: nothing here is delivered out of stock.
        Change::StockTake(..) | Change::StockErase(_) | Change::StockFree(_) => return None,
    })
}
