//! The life of an instance as marketplaces really call: late, out of order, all at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use turnkey_core::{InstanceState, OrderState};

use crate::app::App;
use crate::vendor::Vendor;
use turnkey::http::server::DoorLimits;

const DAY_MS: u64 = 24 * 3_600_000;

async fn with_vendor() -> (App, Vendor) {
    let folder = tempfile::tempdir().expect("a folder");
    let (vendor, toml) = Vendor::in_folder(&folder);
    (
        App::start_in(folder, &toml, DoorLimits::default()).await,
        vendor,
    )
}

#[tokio::test]
async fn expire_renew_and_a_year_later_expire() {
    let app = App::start().await;
    let id = app.create("mord-1", "1_month").await.instance();
    app.clock.advance(31 * DAY_MS);
    assert_eq!(app.expire(&id).await.status, 200);
    assert_eq!(app.instance(&id).await.state, InstanceState::Suspended);

    app.clock.advance(DAY_MS);
    assert_eq!(app.renew("mord-2", &id, "1_year").await.status, 200);
    let renewed = app.instance(&id).await;
    assert_eq!(renewed.state, InstanceState::Running);
    assert!(renewed.term.ends_at > app.now().business.plus_ms(364 * DAY_MS));

    app.clock.advance(366 * DAY_MS);
    assert_eq!(app.expire(&id).await.status, 200);
    assert_eq!(app.instance(&id).await.state, InstanceState::Suspended);
    app.stop().await;
}

#[tokio::test]
async fn a_first_expire_that_was_delayed_past_the_renewal_changes_nothing() {
    let app = App::start().await;
    let id = app.create("mord-1", "1_month").await.instance();
    app.clock.advance(28 * DAY_MS);
    let expired_at = app.now().wall;
    let expire = [("action", "ExpireInstance"), ("instance_id", id.as_str())];
    app.clock.advance(2_000);
    assert_eq!(app.renew("mord-2", &id, "1_year").await.status, 200);
    let renewed = app.instance(&id).await;

    app.clock.advance(60_000);
    assert_eq!(app.call_signed_at(&expire, expired_at).await.status, 200);
    assert_eq!(app.instance(&id).await, renewed);

    app.clock.advance(60_000);
    assert_eq!(
        app.call_signed_at(&expire, app.now().wall).await.status,
        200
    );
    assert_eq!(app.instance(&id).await.state, InstanceState::Suspended);
    app.stop().await;
}

#[tokio::test]
async fn a_captured_renewal_that_is_sent_again_after_a_suspend_lifts_nothing() {
    let app = App::start().await;
    let id = app.create("mord-1", "1_month").await.instance();
    app.clock.advance(28 * DAY_MS);
    let renewed_at = app.now().wall;
    assert_eq!(app.renew("mord-2", &id, "1_month").await.status, 200);
    app.clock.advance(60_000);
    assert_eq!(app.expire(&id).await.status, 200);
    let suspended = app.instance(&id).await;
    assert_eq!(suspended.state, InstanceState::Suspended);

    let renewal = [
        ("action", "RenewInstance"),
        ("order_id", "mord-2"),
        ("instance_id", id.as_str()),
        ("spec", "规格"),
        ("package", "套餐"),
        ("duration", "1_month"),
    ];
    let again = app.call_signed_at(&renewal, renewed_at).await;
    assert_eq!(again.status, 200, "a repeat is answered like the first");
    assert_eq!(app.instance(&id).await, suspended);
    app.stop().await;
}

#[tokio::test]
async fn a_delete_takes_back_what_is_still_being_provisioned() {
    let (app, vendor) = with_vendor().await;
    let (created, deleted) = tokio::join!(app.create("mord-1", "1_year"), async {
        vendor.began("provision").await;
        let (_, instances, _) = app.everything().await;
        let id = instances[0].id.as_str().to_owned();
        let (deleted, ()) = tokio::join!(app.delete(&id), async {
            until(&app, |state| state == InstanceState::Releasing).await;
            vendor.go("");
        });
        (id, deleted)
    });
    let (id, deleted) = deleted;
    assert_eq!((created.instance(), deleted.status), (id.clone(), 200));
    let gone = app.instance(&id).await;
    assert_eq!((gone.state, gone.access), (InstanceState::Released, None));
    let kinds: Vec<_> = vendor.runs().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["provision", "release"]);

    let again = app.delete(&id).await;
    assert_eq!(
        again.status, 200,
        "a repeat of the delete is a success that does nothing"
    );
    assert_eq!(
        app.create("mord-1", "1_year").await.instance(),
        id,
        "and the id stays the same"
    );
    assert_eq!(vendor.runs().len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn upgrade_and_renewal_in_flight_together_are_done_one_after_the_other() {
    let (app, vendor) = with_vendor().await;
    vendor.go("provision");
    let id = app.create("mord-1", "1_year").await.instance();
    let (upgraded, renewed, ()) = tokio::join!(
        app.upgrade("mord-2", &id),
        async {
            vendor.began("change_plan").await;
            app.renew("mord-3", &id, "1_year").await
        },
        async {
            vendor.began("change_plan").await;
            while app.everything().await.2.len() < 2 {
                tokio::task::yield_now().await;
            }
            assert_eq!(vendor.runs().len(), 2, "the renewal waits for the upgrade");
            vendor.go("");
        },
    );
    assert_eq!((upgraded.status, renewed.status), (200, 200));
    let kinds: Vec<_> = vendor.runs().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["provision", "change_plan", "renew"]);
    let instance = app.instance(&id).await;
    assert_eq!((instance.plan.as_str(), instance.term.months), ("solo", 24));
    let (orders, _, _) = app.everything().await;
    assert!(
        orders
            .iter()
            .all(|order| order.state == OrderState::Fulfilled)
    );
    app.stop().await;
}

#[tokio::test]
async fn fifty_renewals_at_once_extend_the_term_fifty_times() {
    for slow in [false, true] {
        let (app, vendor) = if slow {
            let (app, vendor) = with_vendor().await;
            vendor.go("");
            (app, Some(vendor))
        } else {
            (App::start().await, None)
        };
        let id = app.create("mord-1", "1_month").await.instance();
        let keys: Vec<String> = (0..50).map(|n| format!("mord-r{n}")).collect();
        let answers = join_all(keys.iter().map(|key| app.renew(key, &id, "1_month"))).await;
        assert!(
            answers.iter().all(|answer| answer.status == 200),
            "{answers:?}"
        );
        let repeats = join_all(keys.iter().map(|key| app.renew(key, &id, "1_month"))).await;
        assert!(
            repeats.iter().all(|answer| answer.status == 200),
            "{repeats:?}"
        );
        assert_eq!(app.instance(&id).await.term.months, 51);
        if let Some(vendor) = vendor {
            let mut asked: BTreeMap<String, u32> = BTreeMap::new();
            for (_, operation) in vendor.runs() {
                *asked.entry(operation).or_default() += 1;
            }
            assert_eq!(asked.len(), 51);
            assert!(asked.values().all(|times| *times == 1), "{asked:?}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn a_create_that_is_slower_than_the_market_waits_is_collected_by_a_repeat() {
    let (app, vendor) = with_vendor().await;
    let (answer, ()) = tokio::join!(app.create("mord-1", "1_year"), async {
        vendor.began("provision").await;
        app.clock.advance(12_000);
    });
    assert!(!answer.refused(503).is_empty());
    assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
    let (repeat, ()) = tokio::join!(app.create("mord-1", "1_year"), async { vendor.go("") });
    let id = repeat.instance();
    assert_eq!(app.instance(&id).await.state, InstanceState::Running);
    assert_eq!(
        vendor.runs().len(),
        1,
        "the repeat joined the work that was under way"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_renewal_that_is_slower_than_the_market_waits_is_a_success_that_is_ours_to_finish() {
    let (app, vendor) = with_vendor().await;
    vendor.go("provision");
    let id = app.create("mord-1", "1_year").await.instance();
    let (answer, ()) = tokio::join!(app.renew("mord-2", &id, "1_year"), async {
        vendor.began("renew").await;
        app.clock.advance(12_000);
    });
    assert_eq!(answer.status, 200);
    vendor.go("");
    drained(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_final_no_is_the_answer_until_a_person_acts() {
    let (app, vendor) = with_vendor().await;
    vendor.refuse("provision");
    vendor.go("");
    let refused = app.create("mord-1", "1_year").await;
    assert_eq!(refused.refused(502), "no provision today");
    let repeat = app.create("mord-1", "1_year").await;
    assert_eq!((repeat.status, repeat.body), (502, refused.body));
    assert_eq!(vendor.runs().len(), 1, "a repeat does not ask again");
    let (orders, instances, _) = app.everything().await;
    assert_eq!(orders[0].state, OrderState::Failed);
    assert_eq!(instances[0].state, InstanceState::Failed);
    app.stop().await;
}

/// Waits until the only instance is in a state that `is_it`.
async fn until(app: &App, is_it: impl Fn(InstanceState) -> bool) {
    loop {
        let (_, instances, _) = app.everything().await;
        if instances.iter().any(|instance| is_it(instance.state)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until no operation is left.
async fn drained(app: &App) {
    while !app.everything().await.2.is_empty() {
        tokio::task::yield_now().await;
    }
}
