//! What each kind of work is in the vendor's words, and what its answers mean.

use turnkey_core::OrderKey;
use turnkey_core::ports::WorkOrder;

use super::*;

async fn provisioned(dialect: &'static str) -> (Hook, Access) {
    let vendor = good(dialect).await;
    match drive(dialect, &vendor, work(OperationKind::Provision)).await {
        Verdict::Done(Some(access)) => (vendor, access),
        Verdict::Done(None) | Verdict::NotYet(_) | Verdict::No(_) | Verdict::Retry(_) => {
            panic!("no access")
        }
    }
}

#[tokio::test]
async fn a_create_is_the_marketplaces_with_our_key_for_its_order() {
    let (vendor, access) = provisioned(MARKET).await;
    assert_eq!(calls(&vendor), ["CreateInstance debug", "CreateInstance"]);
    assert_eq!(access.extra[VENDOR_INSTANCE_ID], "v-1");
    assert_eq!(access.front_end.password.as_deref(), Some("root123"));
    let sent = parameters(&vendor.asked()[1]);
    for (name, value) in [
        ("order_id", "op-1"),
        ("qingcloud_uid", "usr-\"1\"\n"),
        ("product_code", "prod-1"),
        ("spec", "规格 1"),
        ("package", "套餐"),
        ("duration", "1_month"),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
}

#[tokio::test]
async fn the_platform_asks_first_whether_anybody_is_there() {
    let (vendor, access) = provisioned(APPCENTER).await;
    assert_eq!(calls(&vendor), ["TestConnection", "CreateAppInstance"]);
    assert_eq!(access.extra[VENDOR_INSTANCE_ID], "v-1");
    let sent = parameters(&vendor.asked()[1]);
    for (name, value) in [
        ("order_id", "op-1"),
        ("user_id", "usr-\"1\"\n"),
        ("app_id", "prod-1"),
        ("spec", "6KeE5qC8IDE="),
        ("spec_package", "5aWX6aSQ"),
        ("period", "1_month"),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
}

#[tokio::test]
async fn later_work_names_the_vendors_instance() {
    for (kind, market, appcenter) in [
        (OperationKind::Renew, "RenewInstance", "RenewAppInstance"),
        (
            OperationKind::ChangePlan,
            "UpgradeInstance",
            "UpgradeAppInstance",
        ),
        (
            OperationKind::Suspend,
            "ExpireInstance",
            "ExpireAppInstance",
        ),
        (
            OperationKind::Release,
            "DeleteInstance",
            "DeleteAppInstance",
        ),
    ] {
        for (dialect, action) in [(MARKET, market), (APPCENTER, appcenter)] {
            let vendor = good(dialect).await;
            let verdict = drive(dialect, &vendor, later(kind)).await;
            assert_eq!(verdict, Verdict::Done(None), "{action}");
            let sent = vendor.asked();
            let sent = parameters(sent.last().expect("a call"));
            assert_eq!(sent["action"], action);
            assert_eq!(sent["instance_id"], "v-1");
            let is_order = matches!(kind, OperationKind::Renew | OperationKind::ChangePlan);
            assert_eq!(
                sent.get("order_id").map(String::as_str),
                is_order.then_some("op-1")
            );
        }
    }
}

#[tokio::test]
async fn a_resume_is_done_by_its_renewal_and_by_nothing_else() {
    for dialect in [MARKET, APPCENTER] {
        let vendor = good(dialect).await;
        let renewed = Work {
            renewal: Some("1_month".to_owned()),
            ..later(OperationKind::Resume)
        };
        assert_eq!(drive(dialect, &vendor, renewed).await, Verdict::Done(None));
        let bare = drive(dialect, &vendor, later(OperationKind::Resume)).await;
        let Verdict::No(why) = bare else {
            panic!("{bare:?}");
        };
        assert!(why.contains("when it is renewed"), "{why}");
        assert_eq!(vendor.asked().len(), 0);
    }
}

#[tokio::test]
async fn a_dry_run_goes_no_further_than_the_overture() {
    for (dialect, expected) in [
        (MARKET, "CreateInstance debug"),
        (APPCENTER, "TestConnection"),
    ] {
        let vendor = good(dialect).await;
        let dry = Work {
            dry_run: true,
            ..work(OperationKind::Provision)
        };
        assert_eq!(drive(dialect, &vendor, dry).await, Verdict::Done(None));
        assert_eq!(calls(&vendor), [expected]);
    }
}

#[tokio::test]
async fn links_that_hold_the_place_of_an_instance_are_its_access() {
    let link = "https://vendor.example/i/0123456789abcdefghjkmnpqrs";
    let body = format!(
        r#"{{"instanceId":"v-1","instanceInfo":{{"frontEndUrl":"{link}","adminUrl":"","username":"","password":""}}}}"#
    );
    let vendor = Hook::start(move |_| json(200, &body)).await;
    let verdict = drive(MARKET, &vendor, work(OperationKind::Provision)).await;
    let Verdict::Done(Some(access)) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(access.front_end.url.as_deref(), Some(link));
    assert_eq!(access.extra[VENDOR_INSTANCE_ID], "v-1");
}

#[tokio::test]
async fn what_the_vendor_never_named_is_for_a_person_unless_it_was_refused() {
    let vendor = good(MARKET).await;
    let open = drive(MARKET, &vendor, work(OperationKind::Release)).await;
    assert!(
        note(&open).contains("turnkey instance deliver i-1"),
        "{open:?}"
    );
    let order = WorkOrder {
        key: OrderKey::new("mord-1"),
        period: "1_month".to_owned(),
        is_refused: true,
    };
    let refused = Work {
        order: Some(order),
        ..work(OperationKind::Release)
    };
    assert_eq!(drive(MARKET, &vendor, refused).await, Verdict::Done(None));
    assert_eq!(vendor.asked().len(), 0);
}

#[tokio::test]
async fn a_key_that_is_swapped_signs_the_next_call() {
    let vendor = good(APPCENTER).await;
    let settings = settings(APPCENTER, &vendor.url, &["127.0.0.1"]);
    let key = Arc::clone(&settings.key);
    let driver = SpiDriver::new(settings, Arc::new(ManualClock::at(NOON))).expect("a client");
    driver.drive(later(OperationKind::Suspend)).await;
    key.store(Arc::new("another".to_owned().into()));
    driver.drive(later(OperationKind::Suspend)).await;
    let signatures: std::collections::BTreeSet<_> = vendor
        .asked()
        .iter()
        .map(|asked| parameters(asked)["signature"].clone())
        .collect();
    assert_eq!(
        signatures.len(),
        4,
        "two calls of two actions under two keys"
    );
}
