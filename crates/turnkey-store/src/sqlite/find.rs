//! Lists for people: newest first, filtered, a page at a time (`turnkey_core::find`).
//!
//! Ids are time-ordered, so "newest first" is the primary key backwards and a cursor is an id. Where
//! no index serves the filter, the page ends at a floor so many rows below the cursor.

use std::collections::BTreeSet;

use rusqlite::{Row, params};
use turnkey_core::find::{Found, InstanceFilter, LOOKED_AT_MAX, OperationFilter, OrderFilter};
use turnkey_core::{
    Instance, InstanceId, InstanceState, Operation, OperationId, OperationKind, OperationState,
    Order, OrderId, OrderKind, OrderState,
};

use super::failure::Failure;
use super::rows::{Rows, at_most};
use super::sql;

/// Greater than any id.
const BEHIND_ALL: &str = "\u{10ffff}";

/// Rows of the history of one instance that are searched for its orders.
const HISTORY_LOOKED_AT_MAX: usize = LOOKED_AT_MAX;

/// Two statements: the id so many rows below a cursor, and the rows between.
struct Way {
    floor: &'static str,
    find: &'static str,
}

impl Rows {
    pub(super) fn order_find(
        &self,
        filter: &OrderFilter,
        before: Option<&OrderId>,
        limit: usize,
    ) -> Result<Found<Order, OrderId>, Failure> {
        let Some(listing) = self.listing_number(filter.listing.as_ref()) else {
            return Ok(Found::nothing());
        };
        if let Some(key) = &filter.key {
            let mut orders = Vec::new();
            for listing in self.listings.names() {
                for kind in OrderKind::ALL {
                    orders.extend(self.order_by_key(listing, kind, key)?);
                }
            }
            orders.sort_by(|a, b| b.id.cmp(&a.id));
            return Ok(few(
                orders,
                |order| filter.fits(order),
                |order| &order.id,
                before,
                limit,
            ));
        }
        if let Some(instance) = &filter.instance {
            let orders = self.orders_of(instance)?;
            return Ok(few(
                orders,
                |order| filter.fits(order),
                |order| &order.id,
                before,
                limit,
            ));
        }
        let way = match filter.state {
            Some(OrderState::Accepted) => return self.orders_at_work(filter, before, limit),
            Some(OrderState::AwaitingPayment | OrderState::Failed | OrderState::Cancelled) => Way {
                floor: sql::ORDER_APART_FLOOR,
                find: sql::ORDER_APART_FIND,
            },
            Some(OrderState::Fulfilled) | None => Way {
                floor: sql::ORDER_FLOOR,
                find: sql::ORDER_FIND,
            },
        };
        let before = before.map_or(BEHIND_ALL, OrderId::as_str);
        let is_filtered = *filter != OrderFilter::default();
        let floor = self.floor(way.floor, before, is_filtered)?;
        let bound = params![
            before,
            floor.as_deref().unwrap_or_default(),
            listing,
            filter.kind.map(OrderKind::name),
            filter.state.map(OrderState::name),
            at_most(limit),
        ];
        let rows = self.all(way.find, bound, |row| self.order(row))?;
        Ok(page(
            rows,
            limit,
            |order| order.id.clone(),
            floor.map(OrderId::new),
        ))
    }

    /// Newest first.
    fn orders_of(&self, instance: &InstanceId) -> Result<Vec<Order>, Failure> {
        let history = self.history_list(instance, 0, HISTORY_LOOKED_AT_MAX)?;
        let ids: BTreeSet<_> = history.into_iter().filter_map(|row| row.order).collect();
        let mut orders = Vec::with_capacity(ids.len());
        for id in ids.iter().rev() {
            orders.extend(self.order_by_id(id)?);
        }
        Ok(orders)
    }

    /// An accepted order is one whose operation is still there, and their ids are ordered alike.
    fn orders_at_work(
        &self,
        filter: &OrderFilter,
        before: Option<&OrderId>,
        limit: usize,
    ) -> Result<Found<Order, OrderId>, Failure> {
        let before = before.map(OrderId::operation);
        let before = before.as_ref().map_or(BEHIND_ALL, OperationId::as_str);
        let floor = self.floor(sql::OPERATION_FLOOR, before, true)?;
        let bound = params![before, floor.as_deref().unwrap_or_default()];
        let ids = self.all(sql::ORDERS_AT_WORK, bound, |row| {
            Ok(OrderId::new(row.get::<_, String>(0)?))
        })?;
        let mut rows = Vec::new();
        for id in ids {
            if rows.len() == limit {
                break;
            }
            rows.extend(self.order_by_id(&id)?.filter(|order| filter.fits(order)));
        }
        let floor = floor.map(|floor| OperationId::new(floor).order());
        Ok(page(rows, limit, |order| order.id.clone(), floor))
    }

    pub(super) fn instance_find(
        &self,
        filter: &InstanceFilter,
        before: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Found<Instance, InstanceId>, Failure> {
        let Some(listing) = self.listing_number(filter.listing.as_ref()) else {
            return Ok(Found::nothing());
        };
        let way = match filter.state {
            Some(InstanceState::Suspended | InstanceState::Failed | InstanceState::Releasing) => {
                Way {
                    floor: sql::INSTANCE_APART_FLOOR,
                    find: sql::INSTANCE_APART_FIND,
                }
            }
            Some(
                InstanceState::Provisioning | InstanceState::Running | InstanceState::Released,
            )
            | None => Way {
                floor: sql::INSTANCE_FLOOR,
                find: sql::INSTANCE_FIND,
            },
        };
        let before = before.map_or(BEHIND_ALL, InstanceId::as_str);
        let is_filtered = *filter != InstanceFilter::default();
        let floor = self.floor(way.floor, before, is_filtered)?;
        let bound = params![
            before,
            floor.as_deref().unwrap_or_default(),
            listing,
            filter.state.map(InstanceState::name),
            filter.buyer,
            at_most(limit),
        ];
        let rows = self.all(way.find, bound, |row| self.instance_from(row))?;
        let id = |instance: &Instance| instance.id.clone();
        Ok(page(rows, limit, id, floor.map(InstanceId::new)))
    }

    pub(super) fn operation_find(
        &self,
        filter: &OperationFilter,
        before: Option<&OperationId>,
        limit: usize,
    ) -> Result<Found<Operation, OperationId>, Failure> {
        if let Some(instance) = &filter.instance {
            let mut operations = self.operations_of(instance)?;
            operations.sort_by(|a, b| b.id.cmp(&a.id));
            let fits = |operation: &Operation| filter.fits(operation);
            return Ok(few(
                operations,
                fits,
                |operation| &operation.id,
                before,
                limit,
            ));
        }
        let way = match filter.state {
            Some(OperationState::Dead) => Way {
                floor: sql::OPERATION_DEAD_FLOOR,
                find: sql::OPERATION_DEAD_FIND,
            },
            Some(
                OperationState::Queued
                | OperationState::Due
                | OperationState::Leased
                | OperationState::Retrying
                | OperationState::Done
                | OperationState::Dropped,
            )
            | None => Way {
                floor: sql::OPERATION_FLOOR,
                find: sql::OPERATION_FIND,
            },
        };
        let before = before.map_or(BEHIND_ALL, OperationId::as_str);
        let is_filtered = *filter != OperationFilter::default();
        let floor = self.floor(way.floor, before, is_filtered)?;
        let bound = params![
            before,
            floor.as_deref().unwrap_or_default(),
            filter.kind.map(OperationKind::name),
            filter.state.map(OperationState::name),
            at_most(limit),
        ];
        let rows = self.all(way.find, bound, |row| self.operation_from(row))?;
        let id = |operation: &Operation| operation.id.clone();
        Ok(page(rows, limit, id, floor.map(OperationId::new)))
    }

    /// The number of the listing that is asked for, if one is; `None` where nobody bound it.
    fn listing_number(&self, name: Option<&String>) -> Option<Option<i64>> {
        match name {
            None => Some(None),
            Some(name) => self.listings.number(name).ok().map(Some),
        }
    }

    /// The lowest id that a page may look at; none where the end of the table is nearer, and where
    /// every row fits.
    fn floor(
        &self,
        statement: &str,
        before: &str,
        is_filtered: bool,
    ) -> Result<Option<String>, Failure> {
        if !is_filtered {
            return Ok(None);
        }
        let skipped = at_most(LOOKED_AT_MAX.saturating_sub(1));
        let id = |row: &Row<'_>| Ok(row.get(0)?);
        self.first(statement, params![before, skipped], id)
    }
}

/// A full page goes on behind its last row, any other one at the floor.
fn page<T, I>(rows: Vec<T>, limit: usize, id: impl Fn(&T) -> I, floor: Option<I>) -> Found<T, I> {
    let next = match rows.last() {
        Some(last) if rows.len() >= limit => Some(id(last)),
        Some(_) | None => floor,
    };
    Found { rows, next }
}

/// A page of the few rows that could fit, which are newest first.
fn few<T, I: Clone + Ord>(
    all: Vec<T>,
    fits: impl Fn(&T) -> bool,
    id: impl Fn(&T) -> &I,
    before: Option<&I>,
    limit: usize,
) -> Found<T, I> {
    let is_below = |row: &T| before.is_none_or(|before| id(row) < before);
    let rows = all.into_iter().filter(|row| is_below(row) && fits(row));
    let rows: Vec<T> = rows.take(limit).collect();
    page(rows, limit, |row| id(row).clone(), None)
}
