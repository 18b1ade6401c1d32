//! The documentation's own examples, answered as the documentation says.

use serde_json::json;

use crate::app::{App, KEY};
use crate::wire::{get, signed};

/// The query of the documentation's CreateInstance example, without time and signature.
const CREATE: [(&str, &str); 8] = [
    ("action", "CreateInstance"),
    ("debug", "0"),
    ("duration", "1_year"),
    ("order_id", "mord-m80iaibd"),
    ("package", "套餐"),
    ("product_code", "prod-yha6rswd"),
    ("qingcloud_uid", "usr-u5JDC3MS"),
    ("spec", "规格"),
];

#[tokio::test]
async fn the_documented_url_is_answered_in_the_documented_form() {
    let app = App::start().await;
    let query = signed(&CREATE, KEY, app.now().wall);
    assert!(query.contains("package=%E5%A5%97%E9%A4%90"), "{query}");
    let answer = get(app.address, &format!("/spi/notes?{query}")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-type: application/json\r\n"),
        "{answer:?}"
    );

    let body = answer.json();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&body), ["spiVersion", "instanceId", "instanceInfo"]);
    assert_eq!(
        keys(&body["instanceInfo"]),
        ["frontEndUrl", "adminUrl", "username", "password"]
    );
    assert_eq!(body["spiVersion"], json!("1"));
    let id = answer.instance();
    assert_eq!((id.len(), &id[..2]), (28, "i-"));
    app.stop().await;
}

#[tokio::test]
async fn the_debug_call_goes_first_and_leaves_nothing() {
    let app = App::start().await;
    let mut debug = CREATE;
    debug[1] = ("debug", "1");
    let answer = app.call(&debug).await;
    assert!(answer.instance().starts_with("i-dry"));
    assert_eq!(
        answer.json()["instanceInfo"],
        json!({
            "frontEndUrl": "https://deliver.example.com",
            "adminUrl": "https://deliver.example.com",
            "username": "",
            "password": "",
        }),
    );
    assert_eq!(
        app.call(&debug).await,
        answer,
        "a dry run answers the same every time"
    );
    let (orders, instances, operations) = app.everything().await;
    assert!(orders.is_empty() && instances.is_empty() && operations.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn create_renew_and_upgrade_share_the_documented_order_id() {
    let app = App::start().await;
    let id = app.call(&CREATE).await.instance();
    let done = json!({"spiVersion": "1", "success": true});
    let renewed = app.renew("mord-m80iaibd", &id, "1_month").await;
    assert_eq!((renewed.status, renewed.json()), (200, done.clone()));
    let upgraded = app.upgrade("mord-m80iaibd", &id).await;
    assert_eq!((upgraded.status, upgraded.json()), (200, done));
    let instance = app.instance(&id).await;
    assert_eq!((instance.plan.as_str(), instance.term.months), ("solo", 13));
    let (orders, _, _) = app.everything().await;
    assert_eq!(orders.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_debug_chain_works_on_the_id_that_its_create_answered_with() {
    let app = App::start().await;
    let mut create = CREATE;
    create[1] = ("debug", "1");
    let dry = app.call(&create).await.instance();
    for action in [
        "RenewInstance",
        "UpgradeInstance",
        "ExpireInstance",
        "DeleteInstance",
    ] {
        let call = [
            ("action", action),
            ("order_id", "mord-m80iaibd"),
            ("instance_id", dry.as_str()),
            ("spec", "规格"),
            ("package", "套餐"),
            ("duration", "1_year"),
        ];
        let real = app.call(&call).await;
        assert_eq!(
            real.refused(404),
            format!("instance {dry:?} is not known here"),
            "{action}"
        );
        let debug: Vec<_> = call.into_iter().chain([("debug", "1")]).collect();
        assert_eq!(
            app.call(&debug).await.json(),
            json!({"spiVersion": "1", "success": true})
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn an_instance_answers_only_to_the_listing_that_created_it() {
    let app = App::start().await;
    let id = app.call(&CREATE).await.instance();
    for debug in ["0", "1"] {
        let call = [
            ("action", "DeleteInstance"),
            ("instance_id", id.as_str()),
            ("debug", debug),
        ];
        let query = signed(&call, KEY, app.now().wall);
        let answer = get(app.address, &format!("/spi/other?{query}")).await;
        assert_eq!(
            answer.refused(404),
            format!("instance {id:?} is not known here")
        );
    }
    let captured = signed(&CREATE, KEY, app.now().wall);
    let answer = get(app.address, &format!("/spi/other?{captured}")).await;
    assert!(answer.refused(401).contains("product_code"), "{answer:?}");
    app.stop().await;
}
