//! A store with somebody at its door, who sees every job go in and every answer come out.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use turnkey_core::decide::{Admitted, Outcome};
use turnkey_core::find::{Found, InstanceFilter, OperationFilter, OrderFilter};
use turnkey_core::ports::{
    Admission, AlarmTurn, AlarmTurned, Boxed, ByHand, Claim, Claimed, Delivery, Hold, Import,
    Imported, KeyUse, RemovalsDue, Report, Reported, Reveal, Settled, Settling, Store, TermTurn,
    TermTurned, TermsDue,
};
use turnkey_core::{
    AccountTurn, Alarm, Bill, Event, EventFilter, EventId, Fault, HistoryRow, Instance, InstanceId,
    Link, LinkHash, Linked, Login, MadeAccount, Now, Operation, OperationId, Order, OrderId,
    OrderKey, OrderKind, PurchaseId, StockAdded, StockAddition, StockId, StockLevel, StockRow,
    Subscription, UtcMillis,
};
use turnkey_store::SqliteStore;

use crate::still::Stillness;

/// What is asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    Admit,
    Claim,
    RenewLease,
    Report,
    Reopen,
    Hold,
    Reveal,
    Deliver,
    Settle,
    Turn,
    StockAdd,
    Look,
}

/// The right to be the only one at the store, where the watch wants that.
pub(crate) type Turn = Option<OwnedMutexGuard<()>>;

/// Who stands at the door.
pub(crate) trait Watch: Send + Sync {
    /// Before a job goes in; a fault is its answer then, and it never does.
    fn before(&self, job: Job) -> Boxed<'_, Result<Turn, Fault>>;

    /// The job is over, and nobody knows yet. `wrote` says whether it may have changed anything.
    fn after(&self, job: Job, wrote: bool) -> Boxed<'_, ()>;
}

/// A store with somebody at its door.
pub(crate) struct Watched {
    pub(crate) inner: Arc<SqliteStore>,
    pub(crate) stillness: Arc<Stillness>,
    pub(crate) watch: Arc<dyn Watch>,
}

impl Watched {
    fn watched<'a, T: Send + 'a>(
        &'a self,
        job: Job,
        work: Boxed<'a, Result<T, Fault>>,
        wrote: fn(&T) -> bool,
    ) -> Boxed<'a, Result<T, Fault>> {
        Box::pin(async move {
            let _turn = self.watch.before(job).await?;
            let answer = {
                let _outside = self.stillness.outside();
                work.await
            };
            self.watch
                .after(job, answer.as_ref().is_ok_and(wrote))
                .await;
            answer
        })
    }

    fn looked<'a, T: Send + 'a>(
        &'a self,
        work: Boxed<'a, Result<T, Fault>>,
    ) -> Boxed<'a, Result<T, Fault>> {
        self.watched(Job::Look, work, |_| false)
    }
}

impl Store for Watched {
    fn admit(&self, admission: Admission) -> Boxed<'_, Result<Admitted, Fault>> {
        self.watched(Job::Admit, self.inner.admit(admission), |_| true)
    }

    fn operation_claim(&self, claim: Claim) -> Boxed<'_, Result<Claimed, Fault>> {
        let wrote = |claimed: &Claimed| !claimed.works.is_empty();
        self.watched(Job::Claim, self.inner.operation_claim(claim), wrote)
    }

    fn operation_renew_lease(
        &self,
        held: Vec<(OperationId, u64)>,
        lease_until: UtcMillis,
    ) -> Boxed<'_, Result<Vec<OperationId>, Fault>> {
        let renewed = self.inner.operation_renew_lease(held, lease_until);
        self.watched(Job::RenewLease, renewed, |_| true)
    }

    fn operation_report(&self, report: Report) -> Boxed<'_, Result<Reported, Fault>> {
        self.watched(Job::Report, self.inner.operation_report(report), |_| true)
    }

    fn operation_reopen(&self, operation: OperationId, now: Now) -> Boxed<'_, Result<(), Fault>> {
        let reopened = self.inner.operation_reopen(operation, now);
        self.watched(Job::Reopen, reopened, |()| true)
    }

    fn order_settle(&self, settling: Settling) -> Boxed<'_, Result<Settled, Fault>> {
        self.watched(Job::Settle, self.inner.order_settle(settling), |_| true)
    }

    fn terms_due(&self, now: UtcMillis, limit: usize) -> Boxed<'_, Result<TermsDue, Fault>> {
        self.looked(self.inner.terms_due(now, limit))
    }

    fn term_turn(&self, turn: TermTurn) -> Boxed<'_, Result<TermTurned, Fault>> {
        self.watched(Job::Turn, self.inner.term_turn(turn), |_| true)
    }

    fn removals_due(&self, now: UtcMillis) -> Boxed<'_, Result<Vec<RemovalsDue>, Fault>> {
        self.looked(self.inner.removals_due(now))
    }

    fn subscription_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Subscription>, Fault>> {
        self.looked(self.inner.subscription_get(id))
    }

    fn instances_of_buyer(
        &self,
        listing: String,
        buyer: String,
        region: String,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<(Instance, Subscription)>, Fault>> {
        self.looked(self.inner.instances_of_buyer(listing, buyer, region, limit))
    }

    fn bill_get(&self, order: OrderId) -> Boxed<'_, Result<Option<Bill>, Fault>> {
        self.looked(self.inner.bill_get(order))
    }

    fn purchase_orders(
        &self,
        purchase: PurchaseId,
    ) -> Boxed<'_, Result<Vec<(Order, Bill)>, Fault>> {
        self.looked(self.inner.purchase_orders(purchase))
    }

    fn instance_deliver(&self, delivery: Delivery) -> Boxed<'_, Result<ByHand, Fault>> {
        self.watched(Job::Deliver, self.inner.instance_deliver(delivery), |_| {
            true
        })
    }

    fn stock_add(&self, addition: StockAddition) -> Boxed<'_, Result<StockAdded, Fault>> {
        self.watched(Job::StockAdd, self.inner.stock_add(addition), |_| true)
    }

    fn stock_list(
        &self,
        product: Option<String>,
        before: Option<StockId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<StockRow>, Fault>> {
        self.looked(self.inner.stock_list(product, before, limit))
    }

    fn stock_levels(&self) -> Boxed<'_, Result<Vec<StockLevel>, Fault>> {
        self.looked(self.inner.stock_levels())
    }

    fn instance_hold(&self, hold: Hold) -> Boxed<'_, Result<Outcome, Fault>> {
        self.watched(Job::Hold, self.inner.instance_hold(hold), |_| true)
    }

    fn link_get(&self, link: LinkHash) -> Boxed<'_, Result<Option<Linked>, Fault>> {
        self.looked(self.inner.link_get(link))
    }

    fn link_reveal(&self, reveal: Reveal) -> Boxed<'_, Result<Option<Login>, Fault>> {
        self.watched(Job::Reveal, self.inner.link_reveal(reveal), Option::is_some)
    }

    fn link_list(&self, instance: InstanceId) -> Boxed<'_, Result<Vec<Link>, Fault>> {
        self.looked(self.inner.link_list(instance))
    }

    fn instance_import(&self, import: Import) -> Boxed<'_, Result<Imported, Fault>> {
        self.inner.instance_import(import)
    }

    fn instance_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Instance>, Fault>> {
        self.looked(self.inner.instance_get(id))
    }

    fn order_by_id(&self, id: OrderId) -> Boxed<'_, Result<Option<Order>, Fault>> {
        self.looked(self.inner.order_by_id(id))
    }

    fn order_get(
        &self,
        listing: String,
        kind: OrderKind,
        key: OrderKey,
    ) -> Boxed<'_, Result<Option<Order>, Fault>> {
        self.looked(self.inner.order_get(listing, kind, key))
    }

    fn instance_list(
        &self,
        after: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Instance>, Fault>> {
        self.looked(self.inner.instance_list(after, limit))
    }

    fn order_list(
        &self,
        after: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Order>, Fault>> {
        self.looked(self.inner.order_list(after, limit))
    }

    fn operation_list(
        &self,
        after: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Operation>, Fault>> {
        self.looked(self.inner.operation_list(after, limit))
    }

    fn instance_find(
        &self,
        filter: InstanceFilter,
        before: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Instance, InstanceId>, Fault>> {
        self.looked(self.inner.instance_find(filter, before, limit))
    }

    fn order_find(
        &self,
        filter: OrderFilter,
        before: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Order, OrderId>, Fault>> {
        self.looked(self.inner.order_find(filter, before, limit))
    }

    fn operation_get(&self, id: OperationId) -> Boxed<'_, Result<Option<Operation>, Fault>> {
        self.looked(self.inner.operation_get(id))
    }

    fn operation_find(
        &self,
        filter: OperationFilter,
        before: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Operation, OperationId>, Fault>> {
        self.looked(self.inner.operation_find(filter, before, limit))
    }

    fn history_list(
        &self,
        instance: InstanceId,
        after: u64,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<HistoryRow>, Fault>> {
        self.looked(self.inner.history_list(instance, after, limit))
    }

    fn event_add(&self, event: Event) -> Boxed<'_, Result<(), Fault>> {
        self.inner.event_add(event)
    }

    fn event_list(
        &self,
        filter: EventFilter,
        before: Option<EventId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Event>, Fault>> {
        self.inner.event_list(filter, before, limit)
    }

    fn event_prune(&self, older_than: UtcMillis, most: usize) -> Boxed<'_, Result<usize, Fault>> {
        self.inner.event_prune(older_than, most)
    }

    fn alarm_list(&self, limit: usize) -> Boxed<'_, Result<Vec<Alarm>, Fault>> {
        self.looked(self.inner.alarm_list(limit))
    }

    fn alarm_turn(&self, turn: AlarmTurn) -> Boxed<'_, Result<AlarmTurned, Fault>> {
        self.inner.alarm_turn(turn)
    }

    fn clock_set_offset(&self, offset_ms: i64) -> Boxed<'_, Result<(), Fault>> {
        self.looked(self.inner.clock_set_offset(offset_ms))
    }

    fn key_use_put(&self, uses: Vec<KeyUse>) -> Boxed<'_, Result<(), Fault>> {
        self.inner.key_use_put(uses)
    }

    fn key_use_list(&self) -> Boxed<'_, Result<Vec<KeyUse>, Fault>> {
        self.looked(self.inner.key_use_list())
    }

    fn account_turn(&self, turn: AccountTurn) -> Boxed<'_, Result<MadeAccount, Fault>> {
        self.inner.account_turn(turn)
    }

    fn account_list(&self) -> Boxed<'_, Result<Vec<MadeAccount>, Fault>> {
        self.looked(self.inner.account_list())
    }

    fn is_healthy(&self) -> bool {
        self.inner.is_healthy()
    }
}
