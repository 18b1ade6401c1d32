//! The embedded back end: one SQLite file, one process that owns it.

mod accounts;
mod failure;
mod find;
mod front;
mod glance;
mod job;
mod key_uses;
mod lane;
mod links;
mod listings;
mod mover;
mod open_error;
mod reader;
mod rows;
mod schema;
mod sql;
mod stock;
#[cfg(test)]
mod tests;
mod watching;
mod writer;

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use turnkey_core::decide::{self, Admitted, Outcome, State};
use turnkey_core::find::{Found, InstanceFilter, OperationFilter, OrderFilter};
use turnkey_core::operation::OperationEvent;
use turnkey_core::ports::{
    Admission, AlarmTurn, AlarmTurned, Boxed, ByHand, Claim, Claimed, Delivery, Hold, Import,
    Imported, KeyUse, RemovalsDue, Report, Reported, Reveal, Settled, Settling, Store, TermTurn,
    TermTurned, TermsDue,
};
use turnkey_core::{
    AccountTurn, Alarm, Bill, Event, EventFilter, EventId, Fault, HistoryRow, Instance, InstanceId,
    Link, LinkHash, Linked, Login, MadeAccount, Now, Operation, OperationId, OperationState, Order,
    OrderId, OrderKey, OrderKind, PurchaseId, StockAdded, StockAddition, StockId, StockLevel,
    StockRow, Subscription, UtcMillis,
};

pub use glance::{Glance, glance};
pub use listings::BoundListing;
pub use open_error::OpenError;
pub(crate) use schema::{beside, create_if_missing};

use crate::seal::{MasterKey, Sealer};
use lane::Lane;
use listings::Listings;
use mover::Mover;
use open_error::doing;
use rows::Rows;
use writer::{Pace, Writer};

/// Jobs in one transaction. A batch averages half the callers, so this is never met in practice;
/// it bounds how long the first of a batch waits for the last.
const BATCH_MAX: usize = 1024;

/// Jobs that may wait. At the slowest measured pace that is a few seconds' work, which is as long
/// as any marketplace waits.
const QUEUE_MAX: usize = 16 * 1024;

/// The writer's page cache: the better part of the index over the random order keys of a million orders. It
/// fills with use, and keeps the whole process within 64 MiB.
const CACHE_BYTES: usize = 24 << 20;

/// Reader threads: lists and dry runs are rare, and one slow list must not hold up a look-up.
const READERS: usize = 2;

/// The row of `meta` with the newest business time.
const BUSINESS_FLOOR: &str = "business_floor";

/// The row of `meta` with the business clock's distance from the wall clock.
const CLOCK_OFFSET: &str = "clock_offset_ms";

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file; made when missing.
    pub path: PathBuf,
    /// What its secrets are sealed with.
    pub master_key: MasterKey,
    /// Every listing of the configuration.
    pub listings: Vec<BoundListing>,
    /// What both clocks show: leases of a former life end now.
    pub now: Now,
    /// Most jobs in one transaction; 1 is a transaction for each.
    pub batch_max: usize,
    /// Most jobs that may wait; whoever comes then is told to come again.
    pub queue_max: usize,
    /// The writer's page cache.
    pub cache_bytes: usize,
}

impl Options {
    /// The usual sizes, no listings.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, master_key: MasterKey, now: Now) -> Self {
        Self {
            path: path.into(),
            master_key,
            listings: Vec::new(),
            now,
            batch_max: BATCH_MAX,
            queue_max: QUEUE_MAX,
            cache_bytes: CACHE_BYTES,
        }
    }
}

/// What the store knows of the business clock, as it was when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredClock {
    /// How far the business clock is ahead of the wall clock.
    pub offset_ms: i64,
    /// The newest business time that was committed: the clock never shows less.
    pub floor: UtcMillis,
}

/// A store in one SQLite file. Dropping it does what is queued, then closes the file.
pub struct SqliteStore {
    // The readers go first: the last connection to close tidies the file up, and only the
    // writer's may do that. The lock goes last.
    readers: Lane,
    writer: Lane,
    is_healthy: Arc<AtomicBool>,
    clock: StoredClock,
    _lock: File,
}

impl SqliteStore {
    /// Opens the store: takes the lock for life, migrates, checks the key, binds the listings,
    /// ends every lease, starts the threads.
    ///
    /// # Errors
    /// Whatever must be put right first.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options {
            path,
            master_key,
            listings,
            now,
            batch_max,
            queue_max,
            cache_bytes,
        } = options;
        let file = |source| OpenError::File {
            path: path.clone(),
            source,
        };
        create_if_missing(&path).map_err(file)?;
        // One file has one lock, whatever it is called by.
        let path = path.canonicalize().map_err(file)?;
        let lock = lock(&path)?;

        let sealer = Arc::new(Sealer::new(&master_key));
        let mut connection = schema::connect_writer(&path, cache_bytes, &master_key, &sealer)?;
        let (listings, clock) = begin_life(&mut connection, &listings, now)?;

        let rows = |connection| Rows {
            connection,
            sealer: Arc::clone(&sealer),
            listings: Arc::clone(&listings),
            business_floor: Cell::new(clock.floor),
        };
        let is_healthy = Arc::new(AtomicBool::new(true));
        let thread = |source| OpenError::Thread { source };
        let writer = Writer {
            mover: Mover::start(schema::connect_mover(&path)?).map_err(thread)?,
            rows: rows(connection),
            batch_max,
            is_healthy: Arc::clone(&is_healthy),
            stored_floor: clock.floor,
            pace: Pace::default(),
        };
        let readers = (0..READERS)
            .map(|_| schema::connect_reader(&path).map(rows))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            writer: Lane::new(queue_max, |jobs| writer.start(jobs)).map_err(thread)?,
            readers: Lane::new(queue_max, |jobs| reader::start(readers, jobs)).map_err(thread)?,
            is_healthy,
            clock,
            _lock: lock,
        })
    }

    /// Whether there is no store at `path` yet: only then may a missing master key be made.
    #[must_use]
    pub fn is_new(path: &Path) -> bool {
        schema::is_new(path)
    }

    /// The business clock as it was stored when the store was opened.
    #[must_use]
    pub fn clock(&self) -> StoredClock {
        self.clock
    }
}

/// Taken beside the database, not on it: SQLite keeps locks of its own there.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, ".lock");
    let file = |source| OpenError::File {
        path: lock_path.clone(),
        source,
    };
    let lock = File::options()
        .create(true)
        .append(true)
        .open(&lock_path)
        .map_err(file)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(file(source)),
    }
}

/// What must be put right before the first job: listings, leases of a former life, the clock.
fn begin_life(
    connection: &mut Connection,
    listings: &[BoundListing],
    now: Now,
) -> Result<(Arc<Listings>, StoredClock), OpenError> {
    let begin = doing("begin to work on the file");
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&begin)?;
    let listings = Listings::bind(&transaction, listings)?;
    void_leases(&transaction, now).map_err(doing("end the leases of a former life"))?;
    let clock = stored_clock(&transaction).map_err(doing("read the stored clock"))?;
    transaction.commit().map_err(&begin)?;
    Ok((Arc::new(listings), clock))
}

fn void_leases(connection: &Connection, now: Now) -> Result<(), rusqlite::Error> {
    let leased = OperationState::Leased;
    let Some(due) = leased.next(OperationEvent::Void) else {
        return Ok(());
    };
    connection
        .execute(
            "UPDATE operations SET state = ?2, due_at = ?3 WHERE state = ?1",
            params![leased.name(), due.name(), now.wall.0],
        )
        .map(drop)
}

/// Ids are ordered by time, so the last order is the newest one.
fn stored_clock(connection: &Connection) -> Result<StoredClock, rusqlite::Error> {
    let meta = |name| {
        let value = connection.query_row(sql::META_GET, [name], |row| row.get::<_, i64>(0));
        Ok::<_, rusqlite::Error>(value.optional()?.unwrap_or(0))
    };
    let newest = connection
        .query_row(
            "SELECT accepted_business FROM orders ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(StoredClock {
        offset_ms: meta(CLOCK_OFFSET)?,
        floor: UtcMillis(meta(BUSINESS_FLOOR)?.max(newest.unwrap_or(0))),
    })
}

impl Store for SqliteStore {
    fn admit(&self, admission: Admission) -> Boxed<'_, Result<Admitted, Fault>> {
        if !job::reads(&admission) {
            let decided = decide::admit(&admission, State::default());
            return Box::pin(std::future::ready(
                decided.map(|decision| decision.admitted),
            ));
        }
        let lane = if job::writes(&admission.call) {
            &self.writer
        } else {
            &self.readers
        };
        Box::pin(lane.ask(move |rows| job::admit(rows, &admission)))
    }

    fn operation_claim(&self, claim: Claim) -> Boxed<'_, Result<Claimed, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::claim(rows, &claim)))
    }

    fn operation_renew_lease(
        &self,
        held: Vec<(OperationId, u64)>,
        lease_until: UtcMillis,
    ) -> Boxed<'_, Result<Vec<OperationId>, Fault>> {
        let renew = move |rows: &Rows| job::renew_lease(rows, &held, lease_until);
        Box::pin(self.writer.ask(renew))
    }

    fn operation_report(&self, report: Report) -> Boxed<'_, Result<Reported, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::report(rows, &report)))
    }

    fn operation_reopen(&self, operation: OperationId, now: Now) -> Boxed<'_, Result<(), Fault>> {
        let reopen = move |rows: &Rows| job::reopen(rows, &operation, now);
        Box::pin(self.writer.ask(reopen))
    }

    fn order_settle(&self, settling: Settling) -> Boxed<'_, Result<Settled, Fault>> {
        Box::pin(self.writer.ask(move |rows| front::settle(rows, &settling)))
    }

    fn terms_due(&self, now: UtcMillis, limit: usize) -> Boxed<'_, Result<TermsDue, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.terms_due(now, limit)))
    }

    fn term_turn(&self, turn: TermTurn) -> Boxed<'_, Result<TermTurned, Fault>> {
        Box::pin(self.writer.ask(move |rows| front::turn(rows, &turn)))
    }

    fn removals_due(&self, now: UtcMillis) -> Boxed<'_, Result<Vec<RemovalsDue>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.removals_due(now)))
    }

    fn subscription_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Subscription>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.subscription(&id)))
    }

    fn instances_of_buyer(
        &self,
        listing: String,
        buyer: String,
        region: String,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<(Instance, Subscription)>, Fault>> {
        let list = move |rows: &Rows| rows.instances_of_buyer(&listing, &buyer, &region, limit);
        Box::pin(self.readers.ask(list))
    }

    fn bill_get(&self, order: OrderId) -> Boxed<'_, Result<Option<Bill>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.bill(&order)))
    }

    fn purchase_orders(
        &self,
        purchase: PurchaseId,
    ) -> Boxed<'_, Result<Vec<(Order, Bill)>, Fault>> {
        Box::pin(
            self.readers
                .ask(move |rows| rows.purchase_orders(&purchase)),
        )
    }

    fn instance_deliver(&self, delivery: Delivery) -> Boxed<'_, Result<ByHand, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::deliver(rows, &delivery)))
    }

    fn stock_add(&self, addition: StockAddition) -> Boxed<'_, Result<StockAdded, Fault>> {
        Box::pin(self.writer.ask(move |rows| rows.stock_add(&addition)))
    }

    fn stock_list(
        &self,
        product: Option<String>,
        before: Option<StockId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<StockRow>, Fault>> {
        let list = move |rows: &Rows| rows.stock_list(product.as_deref(), before.as_ref(), limit);
        Box::pin(self.readers.ask(list))
    }

    fn stock_levels(&self) -> Boxed<'_, Result<Vec<StockLevel>, Fault>> {
        Box::pin(self.readers.ask(Rows::stock_levels))
    }

    fn instance_hold(&self, hold: Hold) -> Boxed<'_, Result<Outcome, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::hold(rows, &hold)))
    }

    fn link_get(&self, link: LinkHash) -> Boxed<'_, Result<Option<Linked>, Fault>> {
        Box::pin(self.readers.ask(move |rows| job::linked(rows, link)))
    }

    fn link_reveal(&self, reveal: Reveal) -> Boxed<'_, Result<Option<Login>, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::reveal(rows, &reveal)))
    }

    fn link_list(&self, instance: InstanceId) -> Boxed<'_, Result<Vec<Link>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.link_list(&instance)))
    }

    fn instance_import(&self, import: Import) -> Boxed<'_, Result<Imported, Fault>> {
        Box::pin(self.writer.ask(move |rows| job::import(rows, &import)))
    }

    fn instance_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Instance>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.instance(&id)))
    }

    fn order_by_id(&self, id: OrderId) -> Boxed<'_, Result<Option<Order>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.order_by_id(&id)))
    }

    fn order_get(
        &self,
        listing: String,
        kind: OrderKind,
        key: OrderKey,
    ) -> Boxed<'_, Result<Option<Order>, Fault>> {
        // A listing that nobody bound has no orders.
        let get = move |rows: &Rows| match rows.listings.number(&listing) {
            Ok(_) => rows.order_by_key(&listing, kind, &key),
            Err(_) => Ok(None),
        };
        Box::pin(self.readers.ask(get))
    }

    fn instance_list(
        &self,
        after: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Instance>, Fault>> {
        let list = move |rows: &Rows| rows.instance_list(after.as_ref(), limit);
        Box::pin(self.readers.ask(list))
    }

    fn order_list(
        &self,
        after: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Order>, Fault>> {
        let list = move |rows: &Rows| rows.order_list(after.as_ref(), limit);
        Box::pin(self.readers.ask(list))
    }

    fn operation_list(
        &self,
        after: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Operation>, Fault>> {
        let list = move |rows: &Rows| rows.operation_list(after.as_ref(), limit);
        Box::pin(self.readers.ask(list))
    }

    fn instance_find(
        &self,
        filter: InstanceFilter,
        before: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Instance, InstanceId>, Fault>> {
        let find = move |rows: &Rows| rows.instance_find(&filter, before.as_ref(), limit);
        Box::pin(self.readers.ask(find))
    }

    fn order_find(
        &self,
        filter: OrderFilter,
        before: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Order, OrderId>, Fault>> {
        let find = move |rows: &Rows| rows.order_find(&filter, before.as_ref(), limit);
        Box::pin(self.readers.ask(find))
    }

    fn operation_get(&self, id: OperationId) -> Boxed<'_, Result<Option<Operation>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.operation(&id)))
    }

    fn operation_find(
        &self,
        filter: OperationFilter,
        before: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Operation, OperationId>, Fault>> {
        let find = move |rows: &Rows| rows.operation_find(&filter, before.as_ref(), limit);
        Box::pin(self.readers.ask(find))
    }

    fn history_list(
        &self,
        instance: InstanceId,
        after: u64,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<HistoryRow>, Fault>> {
        let list = move |rows: &Rows| rows.history_list(&instance, after, limit);
        Box::pin(self.readers.ask(list))
    }

    fn event_add(&self, event: Event) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(self.writer.ask(move |rows| rows.event_insert(&event)))
    }

    fn event_list(
        &self,
        filter: EventFilter,
        before: Option<EventId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Event>, Fault>> {
        let list = move |rows: &Rows| rows.event_list(&filter, before.as_ref(), limit);
        Box::pin(self.readers.ask(list))
    }

    fn event_prune(&self, older_than: UtcMillis, most: usize) -> Boxed<'_, Result<usize, Fault>> {
        let prune = move |rows: &Rows| rows.event_prune(older_than, most);
        Box::pin(self.writer.ask(prune))
    }

    fn alarm_list(&self, limit: usize) -> Boxed<'_, Result<Vec<Alarm>, Fault>> {
        Box::pin(self.readers.ask(move |rows| rows.alarm_list(limit)))
    }

    fn alarm_turn(&self, turn: AlarmTurn) -> Boxed<'_, Result<AlarmTurned, Fault>> {
        Box::pin(self.writer.ask(move |rows| rows.alarm_turn(&turn)))
    }

    fn clock_set_offset(&self, offset_ms: i64) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(self.writer.ask(move |rows| {
            rows.run(sql::META_SET, params![CLOCK_OFFSET, offset_ms])?;
            Ok(())
        }))
    }

    fn key_use_put(&self, uses: Vec<KeyUse>) -> Boxed<'_, Result<(), Fault>> {
        let put = move |rows: &Rows| key_uses::put(rows, &uses);
        Box::pin(self.writer.ask(put))
    }

    fn key_use_list(&self) -> Boxed<'_, Result<Vec<KeyUse>, Fault>> {
        Box::pin(self.readers.ask(key_uses::list))
    }

    fn account_turn(&self, turn: AccountTurn) -> Boxed<'_, Result<MadeAccount, Fault>> {
        Box::pin(self.writer.ask(move |rows| rows.account_turn(&turn)))
    }

    fn account_list(&self) -> Boxed<'_, Result<Vec<MadeAccount>, Fault>> {
        Box::pin(self.readers.ask(Rows::account_list))
    }

    fn is_healthy(&self) -> bool {
        self.is_healthy.load(Ordering::Relaxed)
    }
}
