//! What a person looks for: newest first, filtered, a page at a time.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use tokio::task::JoinSet;
use turnkey_core::find::{Found, InstanceFilter, LOOKED_AT_MAX, OperationFilter, OrderFilter};
use turnkey_core::ports::{Store, Verdict};
use turnkey_core::{InstanceState, OperationKind, OperationState, OrderId, OrderKind, OrderState};
use turnkey_testkit::sample::{self, change_plan, create, release, renew, suspend};

use super::{Backend, LISTINGS, Shop};

/// Orders, instances and operations in every state that the sample listing can bring about.
async fn mixed<B: Backend>(backend: &B) -> Shop<B::Store> {
    let mut shop = Shop::slow(backend);
    let mut instances = Vec::new();
    for n in 0..4 {
        instances.push(shop.create(&format!("order-{n}")).await);
        shop.drive().await;
    }
    shop.admit(suspend(&instances[0])).await.unwrap();
    shop.drive().await;
    shop.admit(release(&instances[1])).await.unwrap();
    shop.drive().await;
    shop.admit(renew("renewal", &instances[2])).await.unwrap();
    shop.drive().await;
    shop.create("refused").await;
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::No("not today".to_owned()))
        .await;
    shop.create("dead").await;
    let work = shop.claim_one().await;
    shop.wait(shop.listing.product.give_up_after_ms + 1);
    shop.report(&work, Verdict::Retry("no answer".to_owned()))
        .await;
    shop.admit(release(&instances[3])).await.unwrap();
    shop.at(LISTINGS[1]);
    // The same key at another listing, and work that waits behind other work.
    let waiting = shop.create("order-0").await;
    shop.admit(change_plan("change", &waiting)).await.unwrap();
    let dropped = shop.create("dropped").await;
    shop.admit(release(&dropped)).await.unwrap();
    shop
}

/// Every page of two rows, put together.
async fn walked<T, I: Clone>(mut page: impl AsyncFnMut(Option<I>) -> Found<T, I>) -> Vec<T> {
    let (mut rows, mut before) = (Vec::new(), None);
    loop {
        let found = page(before).await;
        assert!(found.rows.len() <= 2);
        rows.extend(found.rows);
        before = found.next;
        if before.is_none() {
            return rows;
        }
    }
}

fn check<T: Debug + PartialEq>(filter: &impl Debug, got: &[T], mut all: Vec<T>) -> usize {
    all.reverse();
    assert_eq!(got, all, "{filter:?}");
    all.len()
}

fn or_any<T: Copy>(all: &[T]) -> Vec<Option<T>> {
    all.iter().copied().map(Some).chain([None]).collect()
}

pub(crate) async fn orders_are_found_newest_first(backend: &impl Backend) {
    let shop = mixed(backend).await;
    let all = shop.contents().await;
    let keys = ["order-0", "renewal", "nobody's"].map(|key| Some(sample_key(key)));
    let instances = all.instances.iter().map(|i| Some(i.id.clone()));
    let instances: Vec<_> = instances.chain([None]).collect();
    let mut seen = BTreeSet::new();
    for listing in [Some(LISTINGS[0]), Some(LISTINGS[1]), Some("no-such"), None] {
        for kind in or_any(&OrderKind::ALL) {
            for state in or_any(&OrderState::ALL) {
                for instance in &instances {
                    for key in keys.iter().cloned().chain([None]) {
                        let filter = OrderFilter {
                            listing: listing.map(str::to_owned),
                            kind,
                            state,
                            instance: instance.clone(),
                            key,
                        };
                        let page = async |before| {
                            let found = shop.store.order_find(filter.clone(), before, 2);
                            found.await.unwrap()
                        };
                        let got = walked(page).await;
                        let fit = all.orders.iter().filter(|o| filter.fits(o));
                        check(&filter, &got, fit.cloned().collect());
                        seen.extend(got.iter().map(|order| order.state.name()));
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), 4, "all but awaiting_payment: {seen:?}");
}

pub(crate) async fn instances_are_found_newest_first(backend: &impl Backend) {
    let shop = mixed(backend).await;
    let all = shop.contents().await.instances;
    let buyer = all[0].buyer.clone();
    let mut seen = BTreeSet::new();
    for listing in [Some(LISTINGS[0]), Some(LISTINGS[1]), Some("no-such"), None] {
        for state in or_any(&InstanceState::ALL) {
            for buyer in [Some(buyer.as_str()), Some("nobody"), None] {
                let filter = InstanceFilter {
                    listing: listing.map(str::to_owned),
                    state,
                    buyer: buyer.map(str::to_owned),
                };
                let page = async |before| {
                    let found = shop.store.instance_find(filter.clone(), before, 2);
                    found.await.unwrap()
                };
                let got = walked(page).await;
                let fit = all.iter().filter(|i| filter.fits(i));
                check(&filter, &got, fit.cloned().collect());
                seen.extend(got.iter().map(|instance| instance.state.name()));
            }
        }
    }
    assert_eq!(seen.len(), InstanceState::ALL.len(), "{seen:?}");
}

pub(crate) async fn operations_are_found_newest_first(backend: &impl Backend) {
    let shop = mixed(backend).await;
    let all = shop.contents().await;
    let instances = all.instances.iter().map(|i| Some(i.id.clone()));
    let instances: Vec<_> = instances.chain([None]).collect();
    let mut seen = BTreeSet::new();
    for kind in or_any(&OperationKind::ALL) {
        for state in or_any(&OperationState::ALL) {
            for instance in &instances {
                let filter = OperationFilter {
                    kind,
                    state,
                    instance: instance.clone(),
                };
                let page = async |before| {
                    let found = shop.store.operation_find(filter.clone(), before, 2);
                    found.await.unwrap()
                };
                let got = walked(page).await;
                let fit = all.operations.iter().filter(|o| filter.fits(o));
                check(&filter, &got, fit.cloned().collect());
                seen.extend(got.iter().map(|operation| operation.state.name()));
            }
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["dead", "due", "queued"]
    );
    for operation in all.operations {
        let got = shop
            .store
            .operation_get(operation.id.clone())
            .await
            .unwrap();
        assert_eq!(got, Some(operation));
    }
}

pub(crate) async fn a_walk_meets_every_row_once_while_rows_are_added(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    for n in 0..7 {
        shop.create(&format!("before-{n}")).await;
    }
    let mut before = shop.contents().await.orders;
    before.reverse();
    let mut n = 0;
    let page = async |after: Option<OrderId>| {
        n += 1;
        shop.create(&format!("meanwhile-{n}")).await;
        let found = shop.store.order_find(OrderFilter::default(), after, 2);
        found.await.unwrap()
    };
    let walked = walked(page).await;
    assert_eq!(
        walked[1..],
        before,
        "one came before the first page, none later"
    );
}

pub(crate) async fn a_filter_that_fits_nothing_still_gets_on<B: Backend>(backend: &B) {
    let shop = Shop::quick(backend);
    let admissions: Vec<_> = (0..=LOOKED_AT_MAX)
        .map(|n| shop.admission(sample::call(create(&format!("order-{n}")), shop.now)))
        .collect();
    let store = Arc::new(shop.store);
    let mut calls = JoinSet::new();
    for admission in admissions {
        let store = Arc::clone(&store);
        calls.spawn(async move { store.admit(admission).await.map(drop) });
        if calls.len() == 1_000 {
            calls.join_next().await;
        }
    }
    while calls.join_next().await.is_some() {}
    let renewals = OrderFilter {
        kind: Some(OrderKind::Renew),
        ..OrderFilter::default()
    };
    let first = store.order_find(renewals.clone(), None, 10).await.unwrap();
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    let last = store.order_find(renewals, first.next, 10).await.unwrap();
    assert_eq!(last, Found::nothing());
    let nobodys = InstanceFilter {
        buyer: Some("nobody".to_owned()),
        ..InstanceFilter::default()
    };
    let first = store
        .instance_find(nobodys.clone(), None, 10)
        .await
        .unwrap();
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    let last = store.instance_find(nobodys, first.next, 10).await.unwrap();
    assert_eq!(last, Found::nothing());
}

fn sample_key(key: &str) -> turnkey_core::OrderKey {
    turnkey_core::OrderKey::new(key)
}
