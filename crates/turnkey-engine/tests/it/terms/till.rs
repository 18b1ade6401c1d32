//! A storefront at work, and what its tests ask it.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::find::OrderFilter;
use turnkey_core::ports::{Settlement, Store as _};
use turnkey_core::{
    Caller, ChangePlan, Digest, EventFilter, EventKind, Fault, InstanceId, InstanceState, Intent,
    Listing, Order, OrderId, OrderKey, OrderKind, OrderRef, Payment, Period, PurchaseId, Unit,
    UtcMillis,
};
use turnkey_testkit::{done, sample};

use crate::front::{Front, Open, caller, purchase};

pub(super) const DAY_MS: u64 = 86_400_000;

pub(super) fn months(count: u32) -> Period {
    Period::new(count, Unit::Month).unwrap()
}

pub(super) fn exact(listing: &mut Listing) {
    listing.ends = turnkey_core::Ends::Exact;
}

/// Orders that do not pay by themselves wait.
pub(super) fn unpaid(listing: &mut Listing) {
    exact(listing);
    listing.storefront.as_mut().unwrap().payment = Payment::Required;
}

pub(super) fn trusted() -> Front {
    Front::at(sample::NOON, done, &[exact])
}

pub(super) fn required() -> Front {
    Front::at(sample::NOON, done, &[unpaid])
}

pub(super) fn who() -> Caller {
    caller("sample", "cn-north-1")
}

/// Who does not pay with the call.
pub(super) fn later() -> Caller {
    Caller {
        pays: false,
        ..who()
    }
}

/// `ms` after the shop opened.
pub(super) fn at(ms: u64) -> UtcMillis {
    sample::NOON.plus_ms(ms)
}

pub(super) struct Shop {
    pub(super) open: Open,
    pub(super) listing: Arc<Listing>,
}

impl Shop {
    pub(super) fn of(front: &Front) -> Self {
        Self {
            open: front.open(),
            listing: Arc::clone(&front.listings[0]),
        }
    }

    /// Buys `quantity` of the smallest spec for a month.
    pub(super) async fn buy(
        &self,
        caller: &Caller,
        key: &str,
        quantity: u32,
        renews: bool,
    ) -> Result<(PurchaseId, Vec<OrderId>), Fault> {
        let wanted = purchase(key, caller, "basic", quantity, months(1), renews);
        self.order(caller, Intent::Buy(wanted)).await
    }

    /// Buys one and has it; its instance.
    pub(super) async fn bought(&self, renews: bool) -> InstanceId {
        let (_, orders) = self.buy(&who(), "one", 1, renews).await.unwrap();
        self.open.order(&orders[0]).await.instance
    }

    pub(super) async fn order(
        &self,
        caller: &Caller,
        intent: Intent,
    ) -> Result<(PurchaseId, Vec<OrderId>), Fault> {
        let answer = self.open.call(&self.listing, caller, intent).await?;
        let Outcome::Ordered { purchase, orders } = answer.outcome else {
            panic!("it is not ordered but {:?}", answer.outcome);
        };
        Ok((purchase, orders))
    }

    /// Orders a larger one.
    pub(super) async fn upgrade(
        &self,
        caller: &Caller,
        instance: &InstanceId,
        spec: &str,
    ) -> Result<OrderId, Fault> {
        let change = Intent::ChangePlan(ChangePlan {
            order: OrderRef {
                key: OrderKey::new(format!("to {spec}")),
                content: Digest::of(&[("spec", Some(spec))]),
            },
            instance: instance.clone(),
            spec: spec.to_owned(),
            package: None,
            period: months(1),
        });
        let (_, orders) = self.order(caller, change).await?;
        assert_eq!(orders.len(), 1);
        Ok(orders[0].clone())
    }

    pub(super) async fn settle(&self, order: &OrderId, how: Settlement) -> Result<(), Fault> {
        let listing = Arc::clone(&self.listing);
        self.open.desk.settle(listing, order.clone(), how).await
    }

    pub(super) async fn state(&self, instance: &InstanceId) -> InstanceState {
        self.open.instance(instance).await.state
    }

    pub(super) async fn price(&self, order: &OrderId) -> Option<i64> {
        self.open.bill(order).await.price.map(|price| price.minor)
    }

    /// The orders of `kind` for an instance.
    pub(super) async fn orders(&self, instance: &InstanceId, kind: OrderKind) -> Vec<Order> {
        let filter = OrderFilter {
            instance: Some(instance.clone()),
            kind: Some(kind),
            ..OrderFilter::default()
        };
        self.open
            .store
            .order_find(filter, None, 100)
            .await
            .unwrap()
            .rows
    }

    /// The reminders of an instance: when, in ms after the shop opened, and the words.
    pub(super) async fn reminders(&self, instance: &InstanceId) -> Vec<(u64, String)> {
        let filter = EventFilter {
            kind: Some(EventKind::Reminder),
            instance: Some(instance.clone()),
            ..EventFilter::default()
        };
        let events = self.open.store.event_list(filter, None, 100).await.unwrap();
        let told =
            |event: turnkey_core::Event| (event.at.business.ms_since(sample::NOON), event.message);
        let mut told: Vec<_> = events.into_iter().map(told).collect();
        told.sort();
        told
    }
}
