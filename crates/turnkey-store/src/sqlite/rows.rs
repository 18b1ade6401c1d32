//! Rows ↔ nouns, one small function for each statement. Nothing here decides.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::{Connection, Params, Row, params};
use turnkey_core::decide::Change;
use turnkey_core::{
    Digest, Fault, HistoryRow, Instance, InstanceId, InstanceState, Now, Operation, OperationId,
    OperationKind, OperationState, Order, OrderId, OrderKey, OrderKind, OrderState, Reasons, Step,
    Term, UtcMillis,
};

use super::failure::Failure;
use super::listings::Listings;
use super::sql;
use crate::seal::{Place, Sealer};
use crate::stored::{access_bytes, access_from, by_name, context_from, context_text};

/// An operation that is due, by its id; its row may not be readable.
pub(super) type Due = (OperationId, Result<Operation, Failure>);

/// One connection with what it takes to read its rows. Belongs to one thread.
pub(super) struct Rows {
    pub(super) connection: Connection,
    pub(super) sealer: Arc<Sealer>,
    pub(super) listings: Arc<Listings>,
    /// The newest business time that was written through here.
    pub(super) business_floor: Cell<UtcMillis>,
}

impl Rows {
    /// Writes what was decided. Every update must meet the row that the decision saw.
    pub(super) fn write(&self, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            match change {
                Change::OrderInsert(order) => self.order_insert(order)?,
                Change::OrderClose(id, state, refusal) => {
                    self.order_move(id, OrderState::Accepted, *state, refusal.as_deref())?;
                }
                Change::OrderReopen(id) => {
                    self.order_move(id, OrderState::Failed, OrderState::Accepted, None)?;
                }
                Change::InstanceInsert(instance) => self.instance_insert(instance)?,
                Change::InstanceUpdate(instance) => self.instance_update(instance)?,
                Change::OperationInsert(operation) => self.operation_insert(operation)?,
                Change::OperationUpdate(operation) => self.operation_update(operation)?,
                Change::OperationDelete(id) => {
                    self.one_row(sql::OPERATION_DELETE, params![id.as_str()], id.as_str())?;
                }
                Change::HistoryInsert(row) => self.history_insert(row)?,
                Change::StockTake(id, instance) => self.stock_take(id, instance)?,
                Change::StockErase(instance) => self.stock_erase(instance)?,
                Change::StockFree(instance) => self.stock_free(instance)?,
                Change::EventInsert(event) => self.event_insert(event)?,
                Change::AlarmRaise(alarm) => self.alarm_raise(alarm).map(drop)?,
                Change::AlarmClear(kind, subject, at) => {
                    self.alarm_clear(*kind, subject, *at).map(drop)?;
                }
                Change::LinkInsert(link) => self.link_insert(link)?,
                Change::LinkReveal(link) => self.link_count_reveal(*link)?,
                Change::OrderPay(id, at) => self.order_pay(id, *at)?,
                Change::OrderCancel(id) => self.order_cancel(id)?,
                Change::BillInsert(bill) => self.bill_insert(bill)?,
                Change::SubscriptionPut(subscription) => self.subscription_put(subscription)?,
                Change::ContextPut(id, context) => self.context_put(id, context)?,
            }
        }
        Ok(())
    }

    // ---- orders ----

    pub(super) fn order_by_key(
        &self,
        listing: &str,
        kind: OrderKind,
        key: &OrderKey,
    ) -> Result<Option<Order>, Failure> {
        let indexed = self.sealer.indexed(key);
        let listing = self.listings.number(listing)?;
        let bound = params![listing, kind.name(), indexed.as_ref()];
        let order = self.first(sql::ORDER_BY_KEY, bound, |row| self.order(row))?;
        match order {
            Some(order) if order.key != *key => Err(Fault::bug(format!(
                "two long order keys share a hash, see {}",
                order.id
            ))
            .into()),
            order => Ok(order),
        }
    }

    pub(super) fn order_by_id(&self, id: &OrderId) -> Result<Option<Order>, Failure> {
        self.first(sql::ORDER_BY_ID, [id.as_str()], |row| self.order(row))
    }

    pub(super) fn order_list(
        &self,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, Failure> {
        let after = after.map_or("", OrderId::as_str);
        self.all(sql::ORDER_LIST, params![after, at_most(limit)], |row| {
            self.order(row)
        })
    }

    fn order_insert(&self, order: &Order) -> Result<(), Failure> {
        let id = order.id.as_str();
        let indexed = self.sealer.indexed(&order.key);
        let is_hashed = indexed.as_ref() != order.key.as_bytes();
        let bound = params![
            id,
            self.listings.number(&order.listing)?,
            order.kind.name(),
            indexed.as_ref(),
            is_hashed.then_some(order.key.as_bytes()),
            order.content.0,
            order.instance.as_str(),
            order.plan,
            order.period,
            order.state.name(),
            self.sealed(REFUSAL, id, order.refusal.as_deref().map(str::as_bytes))?,
            order.accepted_at.wall.0,
            order.accepted_at.business.0,
            order.version,
        ];
        self.one_row(sql::ORDER_INSERT, bound, id)?;
        self.saw(order.accepted_at);
        Ok(())
    }

    pub(super) fn order_move(
        &self,
        id: &OrderId,
        from: OrderState,
        to: OrderState,
        refusal: Option<&str>,
    ) -> Result<(), Failure> {
        let id = id.as_str();
        let refusal = self.sealed(REFUSAL, id, refusal.map(str::as_bytes))?;
        self.one_row(
            sql::ORDER_MOVE,
            params![id, from.name(), to.name(), refusal],
            id,
        )
    }

    pub(super) fn order(&self, row: &Row<'_>) -> Result<Order, Failure> {
        let id: String = row.get(0)?;
        let long_key: Option<Vec<u8>> = row.get(4)?;
        let key = long_key.map_or_else(|| row.get(3), Ok)?;
        let key = String::from_utf8(key)
            .map_err(|_| Fault::bug(format!("the key of order {id} is not text")))?;
        Ok(Order {
            listing: self.listings.name(row.get(1)?)?.to_owned(),
            kind: named(row, 2, "order kind", &OrderKind::ALL, OrderKind::name)?,
            key: OrderKey::new(key),
            content: Digest(row.get(5)?),
            instance: InstanceId::new(row.get::<_, String>(6)?),
            plan: row.get(7)?,
            period: row.get(8)?,
            state: named(row, 9, "order state", &OrderState::ALL, OrderState::name)?,
            refusal: self.text(REFUSAL, &id, row.get(10)?)?,
            accepted_at: now(row, 11)?,
            version: row.get(13)?,
            id: OrderId::new(id),
        })
    }

    // ---- instances ----

    pub(super) fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, Failure> {
        let read = |row: &Row<'_>| self.instance_from(row);
        self.first(sql::INSTANCE_BY_ID, [id.as_str()], read)
    }

    pub(super) fn instance_list(
        &self,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<Instance>, Failure> {
        let after = after.map_or("", InstanceId::as_str);
        let read = |row: &Row<'_>| self.instance_from(row);
        self.all(sql::INSTANCE_LIST, params![after, at_most(limit)], read)
    }

    fn instance_insert(&self, instance: &Instance) -> Result<(), Failure> {
        let id = instance.id.as_str();
        let context = if instance.context.is_empty() {
            None
        } else {
            Some(context_text(&instance.context)?)
        };
        let bound = params![
            id,
            self.listings.number(&instance.listing)?,
            instance.product,
            instance.plan,
            instance.buyer,
            context,
            self.sealed_access(instance)?,
            instance.term.starts_at.0,
            instance.term.ends_at.0,
            instance.term.anchor_at.0,
            instance.term.months,
            instance.state.name(),
            instance.reasons.bits(),
            instance.order.as_str(),
            instance.delivered,
            instance.suspended_at.map(|at| at.0),
            instance.lifted_signed_at.map(|at| at.0),
            instance.version,
        ];
        self.one_row(sql::INSTANCE_INSERT, bound, id)
    }

    /// Buyer, listing and order of an instance never change; its context by [`Change::ContextPut`].
    fn instance_update(&self, instance: &Instance) -> Result<(), Failure> {
        let id = instance.id.as_str();
        let bound = params![
            id,
            instance.product,
            instance.plan,
            self.sealed_access(instance)?,
            instance.term.starts_at.0,
            instance.term.ends_at.0,
            instance.term.anchor_at.0,
            instance.term.months,
            instance.state.name(),
            instance.reasons.bits(),
            instance.delivered,
            instance.suspended_at.map(|at| at.0),
            instance.lifted_signed_at.map(|at| at.0),
            instance.version,
        ];
        self.one_row(sql::INSTANCE_UPDATE, bound, id)
    }

    fn sealed_access(&self, instance: &Instance) -> Result<Option<Vec<u8>>, Failure> {
        let access = instance.access.as_ref().map(access_bytes).transpose()?;
        self.sealed(ACCESS, instance.id.as_str(), access.as_deref())
    }

    pub(super) fn instance_from(&self, row: &Row<'_>) -> Result<Instance, Failure> {
        let id: String = row.get(0)?;
        let context: Option<String> = row.get(5)?;
        let access = self.opened(ACCESS, &id, row.get(6)?)?;
        Ok(Instance {
            listing: self.listings.name(row.get(1)?)?.to_owned(),
            product: row.get(2)?,
            plan: row.get(3)?,
            buyer: row.get(4)?,
            context: context.map_or_else(|| Ok(Default::default()), |json| context_from(&json))?,
            access: access.map(|json| access_from(&json)).transpose()?,
            term: Term {
                starts_at: UtcMillis(row.get(7)?),
                ends_at: UtcMillis(row.get(8)?),
                anchor_at: UtcMillis(row.get(9)?),
                months: row.get(10)?,
            },
            state: named(
                row,
                11,
                "instance state",
                &InstanceState::ALL,
                InstanceState::name,
            )?,
            reasons: reasons(row, 12)?,
            order: OrderId::new(row.get::<_, String>(13)?),
            delivered: row.get(14)?,
            suspended_at: row.get::<_, Option<i64>>(15)?.map(UtcMillis),
            lifted_signed_at: row.get::<_, Option<i64>>(16)?.map(UtcMillis),
            version: row.get(17)?,
            id: InstanceId::new(id),
        })
    }

    // ---- operations ----

    pub(super) fn operation(&self, id: &OperationId) -> Result<Option<Operation>, Failure> {
        let read = |row: &Row<'_>| self.operation_from(row);
        self.first(sql::OPERATION_BY_ID, [id.as_str()], read)
    }

    /// In the order in which they are to be done.
    pub(super) fn operations_of(&self, instance: &InstanceId) -> Result<Vec<Operation>, Failure> {
        let read = |row: &Row<'_>| self.operation_from(row);
        self.all(sql::OPERATIONS_OF_INSTANCE, [instance.as_str()], read)
    }

    /// What is due, each by its id: a row that cannot be read is one row's failure.
    pub(super) fn operations_due(
        &self,
        wall: UtcMillis,
        limit: usize,
    ) -> Result<Vec<Due>, Failure> {
        let read = |row: &Row<'_>| {
            let id = OperationId::new(row.get::<_, String>(0)?);
            Ok((id, self.operation_from(row)))
        };
        self.all(sql::OPERATIONS_DUE, params![wall.0, at_most(limit)], read)
    }

    /// Moves only when it may be taken: for a row that nobody can read.
    pub(super) fn operation_put_off(
        &self,
        id: &OperationId,
        due_at: UtcMillis,
    ) -> Result<(), Failure> {
        let bound = params![id.as_str(), due_at.0];
        self.one_row(sql::OPERATION_PUT_OFF, bound, id.as_str())
    }

    pub(super) fn next_due_at(&self) -> Result<Option<UtcMillis>, Failure> {
        let read = |row: &Row<'_>| Ok(UtcMillis(row.get(0)?));
        self.first(sql::NEXT_DUE, [i64::MIN], read)
    }

    pub(super) fn operation_list(
        &self,
        after: Option<&OperationId>,
        limit: usize,
    ) -> Result<Vec<Operation>, Failure> {
        let after = after.map_or("", OperationId::as_str);
        let read = |row: &Row<'_>| self.operation_from(row);
        self.all(sql::OPERATION_LIST, params![after, at_most(limit)], read)
    }

    /// Whether the lease was still held.
    pub(super) fn operation_renew_lease(
        &self,
        id: &OperationId,
        fence: u64,
        lease_until: UtcMillis,
    ) -> Result<bool, Failure> {
        let leased = OperationState::Leased.name();
        let bound = params![id.as_str(), fence, leased, lease_until.0];
        Ok(self.run(sql::OPERATION_RENEW_LEASE, bound)? == 1)
    }

    fn operation_insert(&self, operation: &Operation) -> Result<(), Failure> {
        let id = operation.id.as_str();
        let bound = params![
            id,
            operation.instance.as_str(),
            operation.kind.name(),
            operation.seq,
            operation.order.as_ref().map(OrderId::as_str),
            operation.state.name(),
            operation.attempt,
            operation.due_at.map(|at| at.0),
            operation.began_at.map(|at| at.0),
            operation.fence,
            operation.plan,
            operation.period,
            operation.reasons.bits(),
            self.sealed(NOTE, id, operation.note.as_deref().map(str::as_bytes))?,
        ];
        self.one_row(sql::OPERATION_INSERT, bound, id)
    }

    /// A fence never goes back: the row is not yet somebody else's.
    fn operation_update(&self, operation: &Operation) -> Result<(), Failure> {
        let id = operation.id.as_str();
        let bound = params![
            id,
            operation.kind.name(),
            operation.seq,
            operation.order.as_ref().map(OrderId::as_str),
            operation.state.name(),
            operation.attempt,
            operation.due_at.map(|at| at.0),
            operation.began_at.map(|at| at.0),
            operation.fence,
            operation.plan,
            operation.period,
            operation.reasons.bits(),
            self.sealed(NOTE, id, operation.note.as_deref().map(str::as_bytes))?,
        ];
        self.one_row(sql::OPERATION_UPDATE, bound, id)
    }

    pub(super) fn operation_from(&self, row: &Row<'_>) -> Result<Operation, Failure> {
        let id: String = row.get(0)?;
        Ok(Operation {
            instance: InstanceId::new(row.get::<_, String>(1)?),
            kind: named(
                row,
                2,
                "operation kind",
                &OperationKind::ALL,
                OperationKind::name,
            )?,
            seq: row.get(3)?,
            order: row.get::<_, Option<String>>(4)?.map(OrderId::new),
            state: named(
                row,
                5,
                "operation state",
                &OperationState::ALL,
                OperationState::name,
            )?,
            attempt: row.get(6)?,
            due_at: row.get::<_, Option<i64>>(7)?.map(UtcMillis),
            began_at: row.get::<_, Option<i64>>(8)?.map(UtcMillis),
            fence: row.get(9)?,
            plan: row.get(10)?,
            period: row.get(11)?,
            reasons: reasons(row, 12)?,
            note: self.text(NOTE, &id, row.get(13)?)?,
            id: OperationId::new(id),
        })
    }

    // ---- history ----

    fn history_insert(&self, row: &HistoryRow) -> Result<(), Failure> {
        let instance = row.instance.as_str();
        let bound = params![
            instance,
            row.version,
            row.at.wall.0,
            row.at.business.0,
            row.kind.name(),
            row.step.name(),
            row.order.as_ref().map(OrderId::as_str),
        ];
        self.one_row(sql::HISTORY_INSERT, bound, instance)?;
        self.saw(row.at);
        Ok(())
    }

    pub(super) fn history_list(
        &self,
        instance: &InstanceId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, Failure> {
        let bound = params![instance.as_str(), after, at_most(limit)];
        self.all(sql::HISTORY_LIST, bound, |row| {
            Ok(HistoryRow {
                instance: InstanceId::new(row.get::<_, String>(0)?),
                version: row.get(1)?,
                at: now(row, 2)?,
                kind: named(
                    row,
                    4,
                    "operation kind",
                    &OperationKind::ALL,
                    OperationKind::name,
                )?,
                step: named(row, 5, "step", &Step::ALL, Step::name)?,
                order: row.get::<_, Option<String>>(6)?.map(OrderId::new),
            })
        })
    }

    // ---- sealed columns ----

    pub(super) fn sealed(
        &self,
        (table, column): Column,
        row: &str,
        plain: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let place = Place { table, row, column };
        Ok(plain
            .map(|plain| self.sealer.seal(place, plain))
            .transpose()?)
    }

    pub(super) fn opened(
        &self,
        (table, column): Column,
        row: &str,
        sealed: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let place = Place { table, row, column };
        Ok(sealed
            .map(|sealed| self.sealer.open(place, &sealed))
            .transpose()?)
    }

    fn text(
        &self,
        column: Column,
        row: &str,
        sealed: Option<Vec<u8>>,
    ) -> Result<Option<String>, Failure> {
        let plain = self.opened(column, row, sealed)?;
        let not_text = |_| Fault::bug(format!("{}.{} of `{row}` is not text", column.0, column.1));
        Ok(plain.map(String::from_utf8).transpose().map_err(not_text)?)
    }

    // ---- statements ----

    pub(super) fn run(&self, sql: &str, bound: impl Params) -> Result<usize, rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute(bound)
    }

    /// Runs a statement that must change the one row of `id` that the decision saw.
    pub(super) fn one_row(&self, sql: &str, bound: impl Params, id: &str) -> Result<(), Failure> {
        match self.run(sql, bound)? {
            1 => Ok(()),
            n => Err(Fault::bug(format!(
                "the row of `{id}` is not the one that was decided on: {n} rows fit"
            ))
            .into()),
        }
    }

    pub(super) fn first<T>(
        &self,
        sql: &str,
        bound: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(bound)?;
        found.next()?.map(read).transpose()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        bound: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(bound)?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    fn saw(&self, at: Now) {
        self.business_floor
            .set(self.business_floor.get().max(at.business));
    }
}

/// A limit beyond what SQLite counts to is none.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) type Column = (&'static str, &'static str);

const REFUSAL: Column = ("orders", "refusal");
const ACCESS: Column = ("instances", "access");
const NOTE: Column = ("operations", "note");

pub(super) fn named<T: Copy>(
    row: &Row<'_>,
    column: usize,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, Failure> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?;
    Ok(by_name(what, all, name, text)?)
}

fn reasons(row: &Row<'_>, column: usize) -> Result<Reasons, Failure> {
    let bits = row.get(column)?;
    let reasons = Reasons::from_bits(bits);
    if reasons.bits() == bits {
        Ok(reasons)
    } else {
        Err(Fault::bug(format!("the store holds the unknown reasons {bits:#b}")).into())
    }
}

/// Wall in `column`, business in the next.
pub(super) fn now(row: &Row<'_>, column: usize) -> Result<Now, Failure> {
    Ok(Now {
        wall: UtcMillis(row.get(column)?),
        business: UtcMillis(row.get(column + 1)?),
    })
}
