//! Rows ↔ what a storefront adds: bills and subscriptions; and the jobs of our own clock.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use turnkey_core::decide::{self, State};
use turnkey_core::ports::{
    RemovalsDue, Settled, Settlement, Settling, TermTurn, TermTurned, TermsDue,
};
use turnkey_core::{
    Bill, Fault, Instance, InstanceId, Money, Now, Order, OrderId, OrderKind, OrderState, Period,
    PurchaseId, Stage, Subscription, UtcMillis,
};

use super::failure::Failure;
use super::rows::{Rows, at_most, named};
use super::{job, sql};
use crate::stored::context_text;

impl Rows {
    pub(super) fn bill_insert(&self, bill: &Bill) -> Result<(), Failure> {
        let id = bill.order.as_str();
        let bound = params![
            id,
            bill.purchase.as_str(),
            bill.price.as_ref().map(|price| price.minor),
            bill.price.as_ref().map(|price| &price.currency),
            bill.unpaid_until.map(|at| at.0),
        ];
        self.one_row(sql::BILL_INSERT, bound, id)
    }

    pub(super) fn bill(&self, order: &OrderId) -> Result<Option<Bill>, Failure> {
        self.first(sql::BILL_BY_ORDER, [order.as_str()], bill_from)
    }

    /// In the order of their units: ids of one purchase are made in that order.
    pub(super) fn bills_of(&self, purchase: &PurchaseId) -> Result<Vec<Bill>, Failure> {
        self.all(sql::BILLS_OF_PURCHASE, [purchase.as_str()], bill_from)
    }

    pub(super) fn purchase_orders(
        &self,
        purchase: &PurchaseId,
    ) -> Result<Vec<(Order, Bill)>, Failure> {
        let mut orders = Vec::new();
        for bill in self.bills_of(purchase)? {
            let order = self.order_by_id(&bill.order)?;
            orders.extend(order.map(|order| (order, bill)));
        }
        Ok(orders)
    }

    pub(super) fn subscription(&self, id: &InstanceId) -> Result<Option<Subscription>, Failure> {
        self.first(sql::SUBSCRIPTION_BY_ID, [id.as_str()], |row| {
            self.subscription_from(row)
        })
    }

    pub(super) fn subscription_put(&self, subscription: &Subscription) -> Result<(), Failure> {
        let id = subscription.instance.as_str();
        let bound = params![
            id,
            self.listings.number(&subscription.listing)?,
            subscription.buyer,
            subscription.region,
            subscription.period.to_string(),
            subscription.period_from.0,
            subscription.renews,
            subscription.stage.name(),
            subscription.look_at.map(|at| at.0),
        ];
        self.one_row(sql::SUBSCRIPTION_PUT, bound, id)
    }

    fn subscription_from(&self, row: &Row<'_>) -> Result<Subscription, Failure> {
        let instance = InstanceId::new(row.get::<_, String>(0)?);
        let period: String = row.get(4)?;
        let period = Period::spelled(&period).ok_or_else(|| {
            Fault::bug(format!(
                "the subscription of {instance} has the unknown period {period:?}"
            ))
        })?;
        Ok(Subscription {
            instance,
            listing: self.listings.name(row.get(1)?)?.to_owned(),
            buyer: row.get(2)?,
            region: row.get(3)?,
            period,
            period_from: UtcMillis(row.get(5)?),
            renews: row.get(6)?,
            stage: named(row, 7, "stage", &Stage::ALL, Stage::name)?,
            look_at: row.get::<_, Option<i64>>(8)?.map(UtcMillis),
        })
    }

    pub(super) fn context_put(
        &self,
        id: &InstanceId,
        context: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let bound = params![id.as_str(), context_text(context)?];
        self.one_row(sql::CONTEXT_PUT, bound, id.as_str())
    }

    /// The order waits no longer: it is paid at `at`, and accepted from then on.
    pub(super) fn order_pay(&self, id: &OrderId, at: Now) -> Result<(), Failure> {
        let bound = params![
            id.as_str(),
            OrderState::AwaitingPayment.name(),
            OrderState::Accepted.name(),
            at.wall.0,
            at.business.0
        ];
        self.one_row(sql::ORDER_PAY, bound, id.as_str())?;
        self.bill_settle(id)
    }

    /// The order waits no longer: it is taken back.
    pub(super) fn order_cancel(&self, id: &OrderId) -> Result<(), Failure> {
        let (from, to) = (OrderState::AwaitingPayment, OrderState::Cancelled);
        self.order_move(id, from, to, None)?;
        self.bill_settle(id)
    }

    fn bill_settle(&self, id: &OrderId) -> Result<(), Failure> {
        self.run(sql::BILL_SETTLE, [id.as_str()])?;
        Ok(())
    }

    pub(super) fn instances_of_buyer(
        &self,
        listing: &str,
        buyer: &str,
        region: &str,
        limit: usize,
    ) -> Result<Vec<(Instance, Subscription)>, Failure> {
        let bound = params![
            self.listings.number(listing)?,
            buyer,
            region,
            at_most(limit)
        ];
        let subscriptions = self.all(sql::SUBSCRIPTIONS_OF_BUYER, bound, |row| {
            self.subscription_from(row)
        })?;
        let mut found = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            let instance = self.instance(&subscription.instance)?;
            found.extend(instance.map(|instance| (instance, subscription)));
        }
        Ok(found)
    }

    pub(super) fn terms_due(&self, now: UtcMillis, limit: usize) -> Result<TermsDue, Failure> {
        let bound = params![now.0, at_most(limit)];
        let instances = self.all(sql::SUBSCRIPTIONS_DUE, bound, |row| {
            let listing = self.listings.name(row.get(1)?)?.to_owned();
            Ok((InstanceId::new(row.get::<_, String>(0)?), listing))
        })?;
        let bound = params![now.0, at_most(limit)];
        let unpaid = self.all(sql::BILLS_OVERDUE, bound, |row| {
            let listing = self.listings.name(row.get(1)?)?.to_owned();
            Ok((OrderId::new(row.get::<_, String>(0)?), listing))
        })?;
        let next = |sql| self.first(sql, [now.0], |row| Ok(UtcMillis(row.get(0)?)));
        let looks = [next(sql::NEXT_LOOK)?, next(sql::NEXT_UNPAID)?];
        Ok(TermsDue {
            instances,
            unpaid,
            next_at: looks.into_iter().flatten().min(),
        })
    }

    pub(super) fn removals_due(&self, now: UtcMillis) -> Result<Vec<RemovalsDue>, Failure> {
        let mut all = Vec::new();
        for listing in self.listings.names() {
            let number = self.listings.number(listing)?;
            let count = |stage: Stage, until: UtcMillis| {
                let bound = params![number, stage.name(), until.0];
                let sum = self.first(sql::SUBSCRIPTIONS_COUNT, bound, |row| Ok(row.get(0)?))?;
                Ok::<u64, Failure>(sum.unwrap_or(0))
            };
            let ever = UtcMillis(i64::MAX);
            let of = count(Stage::Term, ever)? + count(Stage::Grace, ever)?;
            if of > 0 {
                let due = count(Stage::Grace, now)?;
                let listing = listing.to_owned();
                all.push(RemovalsDue { listing, due, of });
            }
        }
        Ok(all)
    }
}

fn bill_from(row: &Row<'_>) -> Result<Bill, Failure> {
    let minor: Option<i64> = row.get(2)?;
    let currency: Option<String> = row.get(3)?;
    Ok(Bill {
        order: OrderId::new(row.get::<_, String>(0)?),
        purchase: PurchaseId::new(row.get::<_, String>(1)?),
        price: minor
            .zip(currency)
            .map(|(minor, currency)| Money { minor, currency }),
        unpaid_until: row.get::<_, Option<i64>>(4)?.map(UtcMillis),
    })
}

/// Has an order that waits for payment paid, or taken back.
pub(super) fn settle(rows: &Rows, settling: &Settling) -> Result<Settled, Failure> {
    let state = match rows.order_by_id(&settling.order)? {
        Some(order) => unsettled(rows, settling, order)?,
        None => State::default(),
    };
    let (changes, settled) = decide::settle(settling, state)?;
    rows.write(&changes)?;
    Ok(settled)
}

fn unsettled(rows: &Rows, settling: &Settling, order: Order) -> Result<State, Failure> {
    let mut state = job::of_instance(rows, &order.instance)?;
    state.subscription = rows.subscription(&order.instance)?;
    let product = &settling.listing.product;
    let delivers = order.kind == OrderKind::Create && settling.how == Settlement::Pay;
    if delivers && product.takes_stock() {
        state.stock = rows.stock_for(&product.name, &order.plan, Some(&order.instance))?;
    }
    state.order = Some(order);
    Ok(state)
}

/// Takes the turn of one instance.
pub(super) fn turn(rows: &Rows, turn: &TermTurn) -> Result<TermTurned, Failure> {
    let mut state = job::of_instance(rows, &turn.instance)?;
    state.subscription = rows.subscription(&turn.instance)?;
    if let Some(instance) = &state.instance {
        let key = decide::renewal_key(&instance.id, instance.term.ends_at);
        state.order = rows.order_by_key(&turn.listing.name, OrderKind::Renew, &key)?;
    }
    let (changes, turned) = decide::turn(turn, state)?;
    rows.write(&changes)?;
    Ok(turned)
}
