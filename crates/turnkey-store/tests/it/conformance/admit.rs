//! Calls: one order, one instance (promise 1); a dry run leaves no trace (promise 4).

use std::sync::Arc;

use tokio::task::JoinSet;
use turnkey_core::decide::{Flag, Outcome};
use turnkey_core::ports::{Store, Verdict};
use turnkey_core::{
    FaultKind, InstanceId, InstanceState, Intent, OperationState, OrderKind, OrderState,
};
use turnkey_testkit::sample::{self, change_plan, create, release, renew, resume, suspend};

use super::{Backend, LISTINGS, Says, Shop, access, instance_of};

pub(crate) async fn a_create_makes_one_instance(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let admitted = shop.admit(create("order-1")).await.unwrap();
    assert_eq!(admitted.waits_for, None);
    let Ok(Outcome::Delivered { instance, access }) = admitted.answer else {
        panic!("an immediate driver delivers at once: {admitted:?}");
    };
    let order = shop.order(OrderKind::Create, "order-1").await.unwrap();
    assert_eq!(order.state, OrderState::Fulfilled);
    assert_eq!(order.instance, instance);
    let by_id = shop.store.order_by_id(order.id.clone()).await.unwrap();
    assert_eq!(by_id, Some(order));
    let stored = shop.instance(&instance).await;
    assert_eq!(stored.state, InstanceState::Running);
    assert_eq!(stored.access, Some(access));
    let contents = shop.contents().await;
    assert_eq!(contents.orders.len(), 1);
    assert_eq!(contents.instances.len(), 1);
    assert_eq!(contents.history.len(), 1);
    assert_eq!(contents.operations, []);
}

pub(crate) async fn a_create_for_a_slow_driver_leaves_work(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let admitted = shop.admit(create("order-1")).await.unwrap();
    let instance = instance_of(&admitted);
    assert_eq!(admitted.answer, Ok(Outcome::NotReady { instance }));
    let operations = shop.operations().await;
    assert_eq!(operations.len(), 1);
    assert_eq!(admitted.waits_for, Some(operations[0].id.clone()));
    assert_eq!(operations[0].state, OperationState::Due);
}

pub(crate) async fn a_repeat_gets_the_same_answer(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let first = shop.admit(create("order-1")).await.unwrap();
    let before = shop.contents().await;
    let second = shop.admit(create("order-1")).await.unwrap();
    assert_eq!(second.answer, first.answer);
    assert_eq!(second.flags, [Flag::Repeat]);
    assert_eq!(shop.contents().await, before);
}

pub(crate) async fn a_repeat_waits_for_the_same_work(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let first = shop.admit(create("order-1")).await.unwrap();
    let before = shop.contents().await;
    let second = shop.admit(create("order-1")).await.unwrap();
    assert_eq!(
        (second.answer, second.waits_for),
        (first.answer, first.waits_for)
    );
    assert_eq!(shop.contents().await, before);
}

pub(crate) async fn other_content_under_the_same_key_is_a_conflict(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    shop.create("order-1").await;
    let before = shop.contents().await;
    let mut other = create("order-1");
    if let Intent::Create(create) = &mut other {
        create.order.content = turnkey_core::Digest([7; 32]);
    }
    let fault = shop.admit(other).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert_eq!(shop.contents().await, before);
}

pub(crate) async fn keys_are_unique_in_binary_order(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let long = "k".repeat(64);
    let long_tails = ["", "x", "y", " ", "\0", &"z".repeat(900)].map(|t| format!("{long}{t}"));
    let short = [
        "order",
        "Order",
        "order ",
        " order",
        "order\0",
        "order\0\0",
        "ordeŕ",
        "order\u{301}",
        "é",
        "e\u{301}",
        "ﬁ",
        "fi",
        "1",
        "01",
        "1.0",
        "1e0",
        "%",
        "_",
        "'",
        "",
    ];
    let keys: Vec<&str> = short
        .into_iter()
        .chain(long_tails.iter().map(String::as_str))
        .collect();
    let mut made = Vec::new();
    for key in &keys {
        made.push(shop.create(key).await);
    }
    for (key, instance) in keys.iter().zip(&made) {
        assert_eq!(&shop.create(key).await, instance, "{key:?} is itself");
        let order = shop.order(OrderKind::Create, key).await.unwrap();
        assert_eq!(order.key.as_str(), *key);
        assert_eq!(&order.instance, instance);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), keys.len(), "no two keys are the same");
}

pub(crate) async fn the_same_key_of_another_kind_or_listing_is_another_order(
    backend: &impl Backend,
) {
    let mut shop = Shop::quick(backend);
    let first = shop.create("key").await;
    shop.admit(renew("key", &first)).await.unwrap();
    shop.admit(change_plan("key", &first)).await.unwrap();
    shop.at(LISTINGS[1]);
    let second = shop.create("key").await;
    assert_ne!(first, second);
    assert_eq!(shop.contents().await.orders.len(), 4);
    let order = shop.order(OrderKind::Create, "key").await.unwrap();
    assert_eq!(
        (order.listing.as_str(), order.instance),
        (LISTINGS[1], second)
    );
}

pub(crate) async fn parallel_duplicates_make_one_instance<B: Backend>(backend: &B) {
    let shop = Shop::slow(backend);
    let admissions: Vec<_> = (0..50)
        .map(|_| shop.admission(sample::call(create("order-1"), shop.now)))
        .collect();
    let store = Arc::new(shop.store);
    let mut calls = JoinSet::new();
    for admission in admissions {
        let store = Arc::clone(&store);
        calls.spawn(async move { store.admit(admission).await });
    }
    let answers = calls.join_all().await;
    let first = answers[0].as_ref().unwrap();
    for answer in &answers {
        let answer = answer.as_ref().unwrap();
        assert_eq!(
            (&answer.answer, &answer.waits_for),
            (&first.answer, &first.waits_for)
        );
    }
    assert_eq!(store.instance_list(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.order_list(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.operation_list(None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn a_failing_job_leaves_the_others_alone(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let nobody = InstanceId::new("i-nobody");
    let (before, unknown, after) = tokio::join!(
        shop.admit(create("before")),
        shop.admit(renew("renewal", &nobody)),
        shop.admit(create("after")),
    );
    assert_eq!(unknown.unwrap_err().kind, FaultKind::Unknown);
    assert!(before.unwrap().answer.is_ok());
    assert!(after.unwrap().answer.is_ok());
    assert_eq!(shop.contents().await.orders.len(), 2);
}

pub(crate) async fn a_panic_is_one_jobs_bug(backend: &impl Backend) {
    let picky = Says(|work: &turnkey_core::ports::Work| {
        let key = work.order.as_ref().map(|order| order.key.as_str());
        assert_ne!(key, Some("boom"), "this driver panics");
        Verdict::Done(Some(access("secret")))
    });
    let shop = Shop::new(backend, Arc::new(picky));
    let (before, boom, after) = tokio::join!(
        shop.admit(create("before")),
        shop.admit(create("boom")),
        shop.admit(create("after")),
    );
    assert_eq!(boom.unwrap_err().kind, FaultKind::Bug);
    assert!(before.is_ok() && after.is_ok());
    assert_eq!(shop.order(OrderKind::Create, "boom").await, None);
    assert_eq!(shop.contents().await.orders.len(), 2);
    assert!(shop.store.is_healthy());
}

pub(crate) async fn an_instance_is_known_to_its_listing_only(backend: &impl Backend) {
    let mut shop = Shop::quick(backend);
    let instance = shop.create("order-1").await;
    shop.at(LISTINGS[1]);
    let fault = shop.admit(release(&instance)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown);
    assert_eq!(shop.instance(&instance).await.state, InstanceState::Running);
}

pub(crate) async fn a_dry_run_writes_nothing(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    shop.drive().await;
    let before = shop.contents().await;
    let dry = shop.dry_run(create("order-2")).await.unwrap();
    assert!(instance_of(&dry).is_dry_of(&shop.listing.name));
    assert!(
        shop.dry_run(create("order-1"))
            .await
            .unwrap()
            .flags
            .is_empty()
    );
    let on_instance = [
        renew("renewal", &instance),
        change_plan("change", &instance),
        suspend(&instance),
        resume(&instance),
        release(&instance),
        Intent::Ping,
    ];
    for intent in on_instance {
        let admitted = shop.dry_run(intent).await.unwrap();
        assert_eq!(admitted.waits_for, None);
        assert_eq!(admitted.answer, Ok(Outcome::Done));
    }
    let real_on_dry = shop.admit(release(&instance_of(&dry))).await;
    assert_eq!(real_on_dry.unwrap_err().kind, FaultKind::Unknown);
    shop.admit(Intent::Ping).await.unwrap();
    assert_eq!(shop.contents().await, before);
}

pub(crate) async fn a_listing_that_was_not_bound_is_a_bug(backend: &impl Backend) {
    let mut shop = Shop::quick(backend);
    shop.at("notes-unbound");
    let fault = shop.admit(create("order-1")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Bug);
    assert_eq!(shop.contents().await.orders, []);
    assert_eq!(shop.order(OrderKind::Create, "order-1").await, None);
}
