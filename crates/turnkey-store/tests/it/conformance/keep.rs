//! Memory: what was answered is still there in the next life, exactly as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use turnkey_core::decide::{self, Change, State};
use turnkey_core::ports::{KeyUse, Reported, Store, Verdict, Work};
use turnkey_core::{Access, Intent, Login, OperationState, OrderKey, OrderKind, OrderState};
use turnkey_testkit::sample::{self, change_plan, create, release, renew, resume, suspend};

use super::{Backend, LEASE_MS, Says, Shop};

/// Values tried by [`every_value_round_trips`].
const VALUES: usize = 64;

pub(crate) async fn everything_survives_reopening(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let first = shop.create("order-1").await;
    shop.drive().await;
    shop.admit(renew("renewal", &first)).await.unwrap();
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::Retry("note".to_owned())).await;
    shop.admit(suspend(&first)).await.unwrap();
    shop.create("order-2").await;
    let refused = shop.claim_one().await;
    shop.report(&refused, Verdict::No("sold out".to_owned()))
        .await;
    let before = shop.contents().await;
    assert_eq!((before.orders.len(), before.operations.len()), (3, 2));
    let shop = shop.reopened(backend);
    assert_eq!(shop.contents().await, before);
    assert_eq!(shop.create("order-1").await, first);
}

pub(crate) async fn what_keys_were_used_for_is_remembered(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let used = |fingerprint: &str, ms| KeyUse {
        fingerprint: fingerprint.to_owned(),
        at: shop.now.wall.plus_ms(ms),
    };
    let put = async |uses: &[KeyUse]| shop.store.key_use_put(uses.to_vec()).await.unwrap();
    put(&[used("b2", 5), used("a1", 1)]).await;
    put(&[used("a1", 7), used("b2", 4)]).await;
    let remembered = [used("a1", 7), used("b2", 5)];
    assert_eq!(shop.store.key_use_list().await.unwrap(), remembered);
    let shop = shop.reopened(backend);
    assert_eq!(shop.store.key_use_list().await.unwrap(), remembered);
}

pub(crate) async fn leases_are_void_after_reopening(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    shop.create("order-1").await;
    shop.create("order-2").await;
    let old = shop.claim(1).await.works.remove(0);
    shop.wait(1);
    let shop = shop.reopened(backend);
    let operations = shop.operations().await;
    assert!(operations.iter().all(|o| o.state == OperationState::Due));
    let voided = operations.iter().find(|o| o.id == old.operation).unwrap();
    assert_eq!(voided.due_at, Some(shop.now.wall));
    assert_eq!(
        voided.fence, old.fence,
        "an answer that is on its way still counts"
    );
    let works = shop.claim(10).await.works;
    assert_eq!(works.len(), 2);
    assert_eq!(
        shop.report(&old, Verdict::Done(None)).await,
        Reported::Stale
    );
}

pub(crate) async fn history_has_one_row_for_each_version(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::NotYet(None)).await;
    shop.wait(LEASE_MS);
    shop.drive().await;
    for intent in [suspend(&instance), resume(&instance), release(&instance)] {
        shop.admit(intent).await.unwrap();
        shop.drive().await;
    }
    shop.admit(change_plan("change", &instance))
        .await
        .unwrap_err();
    let version = shop.instance(&instance).await.version;
    let history = shop.store.history_list(instance, 0, 1000).await.unwrap();
    let versions: Vec<u64> = history.iter().map(|row| row.version).collect();
    assert_eq!(versions, (1..=version).collect::<Vec<_>>());
    assert_eq!(version, 8, "admitted and done, four times");
}

pub(crate) async fn lists_are_paged_in_the_order_of_ids(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    for n in 0..5 {
        shop.create(&format!("order-{n}")).await;
    }
    let all = shop.contents().await;
    assert!(all.orders.is_sorted_by_key(|order| &order.id));
    assert!(all.instances.is_sorted_by_key(|instance| &instance.id));
    assert!(all.operations.is_sorted_by_key(|operation| &operation.id));
    let after = Some(all.orders[1].id.clone());
    assert_eq!(
        shop.store.order_list(after, 2).await.unwrap(),
        all.orders[2..4]
    );
    let after = Some(all.instances[3].id.clone());
    assert_eq!(
        shop.store.instance_list(after, 10).await.unwrap(),
        all.instances[4..]
    );
    let after = Some(all.operations[4].id.clone());
    assert_eq!(shop.store.operation_list(after, 10).await.unwrap(), []);
    assert_eq!(shop.store.order_list(None, 0).await.unwrap(), []);
    let whole = shop.store.order_list(None, usize::MAX).await.unwrap();
    assert_eq!(whole, all.orders);
}

pub(crate) async fn every_value_round_trips(backend: &impl Backend) {
    let mut runner = TestRunner::deterministic();
    let (access, says) = std::sync::mpsc::channel::<Access>();
    let says = std::sync::Mutex::new(says);
    let driver = Says(move |_: &Work| match says.lock().unwrap().try_recv() {
        Ok(access) => Verdict::Done(Some(access)),
        Err(_) => Verdict::No("nothing to say \0 \u{202e}".to_owned()),
    });
    let shop = Shop::new(backend, Arc::new(driver));
    for n in 0..VALUES {
        let (key, buyer, context, wanted) = values().new_tree(&mut runner).unwrap().current();
        let key = format!("{n}{key}");
        let mut intent = create(&key);
        if let Intent::Create(create) = &mut intent {
            create.buyer = buyer;
            create.context = context;
        }
        let admission = shop.admission(sample::call(intent, shop.now));
        // The decision is pure: asked twice, it says the same.
        let say = || {
            if let Some(wanted) = &wanted {
                access.send(wanted.clone()).unwrap();
            }
        };
        say();
        let decision = decide::admit(&admission, State::default()).unwrap();
        say();
        let admitted = shop.store.admit(admission).await.unwrap();
        assert_eq!(admitted, decision.admitted);
        let order = shop.store.order_get(
            shop.listing.name.clone(),
            OrderKind::Create,
            OrderKey::new(&key),
        );
        let order = order.await.unwrap().unwrap();
        let instance = shop.instance(&order.instance).await;
        let state = if wanted.is_some() {
            OrderState::Fulfilled
        } else {
            OrderState::Failed
        };
        assert_eq!(order.state, state);
        assert!(decision.changes.contains(&Change::OrderInsert(order)));
        assert!(decision.changes.contains(&Change::InstanceInsert(instance)));
    }
}

type Values = (String, String, BTreeMap<String, String>, Option<Access>);

fn values() -> impl Strategy<Value = Values> {
    let text = || any::<String>();
    let login = || {
        let part = || proptest::option::of(any::<String>());
        (part(), part(), part()).prop_map(|(url, username, password)| Login {
            url,
            username,
            password,
        })
    };
    let access = (
        login(),
        login(),
        proptest::option::of(text()),
        btree_map(text(), text(), 0..3),
    )
        .prop_map(|(front_end, admin, auth_url, extra)| Access {
            front_end,
            admin,
            auth_url,
            extra,
        });
    (
        proptest::collection::vec(any::<char>(), 0..100).prop_map(|all| all.into_iter().collect()),
        text(),
        btree_map(text(), text(), 0..4),
        proptest::option::weighted(0.8, access),
    )
}
