//! A product whose instances come from another vendor: two whole programs, one asks the other.

use turnkey::http::server::DoorLimits;
use turnkey_core::{Instance, InstanceState};
use turnkey_drivers::VENDOR_INSTANCE_ID;

use crate::app::{App, DEMO, NOTES};

/// A second of the vendor's listings, in the other dialect.
const APP: &str = r#"
    [listing.app]
    dialect = "qingcloud-appcenter"
    product = "notes"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
    [[listing.app.offer]]
    spec = "规格"
    package = "套餐"
    plan = "team"
    [[listing.app.offer]]
    spec = "solo"
    plan = "solo"
"#;

/// The vendor, and a cloud that sells what it has, asked in `dialect` at `path`.
async fn cloud_and_vendor(dialect: &str, code: &str, path: &str) -> (App, App) {
    let folder = || tempfile::tempdir().expect("a folder");
    let limits = DoorLimits::default;
    let vendor = App::start_in(folder(), &format!("{NOTES}{DEMO}{APP}"), limits()).await;
    let spi = format!(
        r#"
        [product.notes]
        driver = "spi"
        [product.notes.spi]
        dialect = "{dialect}"
        url = "http://{}{path}"
        key = {{ value = "k9Zt3vQeXw2LrB7uYh5N" }}
        {code} = "prod-yha6rswd"
        reach = ["127.0.0.1"]
        "#,
        vendor.address
    );
    let words = |toml: &str, plan: &str, spec: &str| {
        let head = format!("[product.notes.plan.{plan}]");
        let params = format!("{head}\nparams = {{ spec = \"{spec}\", package = \"套餐\" }}");
        toml.replace(&head, &params)
    };
    let sold = words(&words(NOTES, "team", "规格"), "solo", "solo");
    let cloud = App::start_in(folder(), &format!("{sold}{spi}"), limits()).await;
    (cloud, vendor)
}

/// The only instance that the vendor has, which is the one that `ours` comes from.
async fn theirs(vendor: &App, ours: &Instance) -> Instance {
    let (_, instances, _) = vendor.everything().await;
    let [theirs] = instances.as_slice() else {
        panic!("one instance, not {}", instances.len());
    };
    let access = ours.access.as_ref().expect("an access");
    assert_eq!(access.extra[VENDOR_INSTANCE_ID], theirs.id.as_str());
    theirs.clone()
}

/// Create, renew, upgrade, expire, renew, delete; what the cloud has, the vendor has.
async fn life(dialect: &str, code: &str, path: &str) {
    let (cloud, vendor) = cloud_and_vendor(dialect, code, path).await;
    let tick = || {
        cloud.clock.advance(2_000);
        vendor.clock.advance(2_000);
    };
    let id = cloud.create("mord-1", "1_month").await.instance();
    assert_eq!(cloud.create("mord-1", "1_month").await.instance(), id);
    let ours = cloud.instance(&id).await;
    let made = theirs(&vendor, &ours).await;
    assert_eq!(
        (made.plan.as_str(), made.state),
        ("team", InstanceState::Running)
    );
    assert_eq!(made.buyer, ours.buyer);
    let login = |instance: &Instance| instance.access.clone().expect("an access").front_end;
    assert_eq!(login(&ours).url, login(&made).url);

    tick();
    assert_eq!(cloud.renew("mord-2", &id, "1_year").await.status, 200);
    let renewed = theirs(&vendor, &cloud.instance(&id).await).await;
    assert_eq!(renewed.term.ends_at, cloud.instance(&id).await.term.ends_at);

    tick();
    assert_eq!(cloud.upgrade("mord-3", &id).await.status, 200);
    let ours = cloud.instance(&id).await;
    assert_eq!(ours.plan, "solo");
    assert_eq!(theirs(&vendor, &ours).await.plan, "solo");

    tick();
    assert_eq!(cloud.expire(&id).await.status, 200);
    let ours = cloud.instance(&id).await;
    assert_eq!(theirs(&vendor, &ours).await.state, InstanceState::Suspended);

    // The renewal brings it back, there as here, and the resume that comes along asks nothing.
    tick();
    let renewed = cloud
        .call(&[
            ("action", "RenewInstance"),
            ("order_id", "mord-4"),
            ("instance_id", &id),
            ("spec", "solo"),
            ("package", "any"),
            ("duration", "1_month"),
        ])
        .await;
    assert_eq!(renewed.status, 200);
    let ours = cloud.instance(&id).await;
    assert_eq!(ours.state, InstanceState::Running);
    assert_eq!(theirs(&vendor, &ours).await.state, InstanceState::Running);

    tick();
    assert_eq!(cloud.delete(&id).await.status, 200);
    assert_eq!(cloud.instance(&id).await.state, InstanceState::Released);
    let (orders, instances, _) = vendor.everything().await;
    assert_eq!(instances[0].state, InstanceState::Released);
    assert_eq!(orders.len(), 4, "one for each of ours");
    cloud.stop().await;
    vendor.stop().await;
}

#[tokio::test]
async fn a_life_through_the_market() {
    life("qingcloud-market", "product_code", "/spi/notes").await;
}

#[tokio::test]
async fn a_life_through_the_platform() {
    life("qingcloud-appcenter", "app_id", "/spi/app").await;
}

#[tokio::test]
async fn a_debug_call_is_answered_without_the_vendor() {
    let (cloud, vendor) = cloud_and_vendor("qingcloud-market", "product_code", "/spi/notes").await;
    let dry = cloud
        .call(&[
            ("action", "CreateInstance"),
            ("order_id", "mord-1"),
            ("qingcloud_uid", "usr-1"),
            ("product_code", "prod-1"),
            ("spec", "规格"),
            ("package", "套餐"),
            ("duration", "1_month"),
            ("debug", "1"),
        ])
        .await;
    assert_eq!(dry.status, 200);
    let (orders, instances, _) = vendor.everything().await;
    assert_eq!((orders.len(), instances.len()), (0, 0));
    cloud.stop().await;
    vendor.stop().await;
}
