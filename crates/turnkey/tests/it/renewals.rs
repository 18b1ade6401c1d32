//! An instance of a storefront is renewed by a person, through the admin API and by the command.

use serde_json::{Value, json};
use turnkey::http::server::DoorLimits;
use turnkey_dialects::jdcloud::Version;

use crate::admin::cli::Demo;
use crate::app::{App, NOTES, OPERATOR, TOKENS};
use crate::openapi::{Account, raw};
use crate::wire::{Answer, exchange};

/// A storefront, beside a listing where a marketplace is in charge.
fn storefront() -> String {
    format!(
        r#"{NOTES}{TOKENS}
    [product.notes]
    driver = "demo"
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "notes"
    regions = {{ cn-north-1 = ["cn-north-1a"] }}
    payment = "trusted"
    [[listing.bastion.offer]]
    spec = "basic"
    plan = "solo"
    price = {{ month = "300.10", year = "3000.00", currency = "CNY" }}
    [account.acme]
    access_key = "ak-acme"
    secret_key = {{ value = "sk-acme" }}
"#
    )
}

async fn shop() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, &storefront(), DoorLimits::default()).await
}

/// Buys one for a month; the order's id.
async fn buy(app: &App) -> String {
    let call = ("POST", "/v1/regions/cn-north-1/instances");
    let body = json!({"instanceSpec": {"az": "cn-north-1a", "vpcId": "vpc-1",
        "subnetId": "subnet-1", "spec": "basic", "quantity": 1, "ipVersion": "v4"}});
    let body = body.to_string();
    let account = Account {
        version: Version::V3,
        access_key: "ak-acme",
        secret: "sk-acme",
    };
    let body = body.as_bytes();
    let signed = account.signed(call, "shop", body, "nonce-1", app.now().wall);
    let answer = exchange(app.address, &raw(call, signed, body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let bought = answer.json();
    let order = bought["result"]["sourceIds"][0]["sourceId"].as_str();
    order.expect("an order").to_owned()
}

/// As an operator.
async fn post(app: &App, path: &str, body: &str) -> Answer {
    app.admin("POST", &format!("/api/v1{path}"), Some(OPERATOR), body)
        .await
}

async fn order(app: &App, id: &str) -> Value {
    app.seen(&format!("/api/v1/orders/{id}")).await
}

async fn instance_of(app: &App, order: &Value) -> Value {
    let id = order["instance"].as_str().expect("an instance");
    app.seen(&format!("/api/v1/instances/{id}")).await
}

/// The order `id`, once it is `state`.
async fn once(app: &App, id: &str, state: &str) -> Value {
    loop {
        let order = order(app, id).await;
        if order["state"] == state {
            return order;
        }
        assert_eq!(order["state"], "accepted", "{order}");
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]["code"].clone();
    (answer.status, code.as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn a_renewal_by_hand_is_one_however_often_it_is_asked_for_and_is_billed() {
    let app = shop().await;
    let bought = buy(&app).await;
    let bought = once(&app, &bought, "fulfilled").await;
    let before = instance_of(&app, &bought).await;
    let path = format!("/instances/{}/renew", before["id"].as_str().expect("an id"));
    let two = r#"{"unit":"MONTH","duration":2,"key":"called on Monday"}"#;
    let first = post(&app, &path, two).await;
    assert_eq!(first.status, 200, "{first:?}");
    let id = first.json()["order"].as_str().expect("an id").to_owned();
    let renewed = once(&app, &id, "fulfilled").await;
    assert_eq!(post(&app, &path, two).await.json()["order"], id);
    assert_eq!(renewed["kind"], "renew");
    assert_eq!(renewed["key"], "by-hand:called on Monday");
    assert_eq!(first.json()["price"], "600.20 CNY");
    let after = instance_of(&app, &bought).await;
    assert_ne!(after["term_ends_at"], before["term_ends_at"]);
    assert_eq!(
        first.json()["instance"]["term_ends_at"],
        after["term_ends_at"]
    );
    let orders = app.seen("/api/v1/orders?kind=renew").await;
    assert_eq!(orders["items"].as_array().map(Vec::len), Some(1));

    let other = r#"{"unit":"MONTH","duration":3,"key":"called on Monday"}"#;
    assert_eq!(post(&app, &path, other).await.status, 409);
    for wrong in [
        r#"{"unit":"WEEK","duration":1,"key":"k"}"#,
        r#"{"unit":"MONTH","duration":0,"key":"k"}"#,
        r#"{"unit":"YEAR","duration":4000000000,"key":"k"}"#,
        r#"{"unit":"MONTH","duration":1,"key":""}"#,
        r#"{"unit":"MONTH","duration":1,"key":"a key that is longer than what a store shows as it is"}"#,
    ] {
        let answer = post(&app, &path, wrong).await;
        assert_eq!(code(&answer), (400, "body_wrong".to_owned()), "{wrong}");
    }
    let keyless = post(&app, &path, r#"{"unit":"MONTH","duration":1}"#).await;
    assert_eq!(code(&keyless), (422, "body_wrong".to_owned()));
    let answer = post(&app, "/instances/i-nobodys/renew", two).await;
    assert_eq!(code(&answer), (404, "instance_unknown".to_owned()));
    assert_eq!(
        instance_of(&app, &bought).await["term_ends_at"],
        after["term_ends_at"]
    );

    // A marketplace renews its own.
    let market = app.create("order-1", "1_month").await.instance();
    let answer = post(&app, &format!("/instances/{market}/renew"), two).await;
    assert_eq!(code(&answer), (409, "terms_elsewhere".to_owned()));
    let acts = app.seen("/api/v1/events?kind=operator_acted").await;
    let acts = acts["items"].as_array().expect("events");
    // All at one moment about one instance: that is one event.
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!(acts[0]["by"], "otto");
    let message = acts[0]["message"].as_str().expect("a message");
    assert!(message.ends_with(" for 2_month"), "{message}");
    app.stop().await;
}

/// Within the grace it runs again.
#[tokio::test]
async fn a_person_renews_what_stands_still() {
    let mut demo = Demo::start(&[]).await;
    let base = demo.url.split("/spi/").next().expect("a URL").to_owned();
    let buy = ["buy", "--endpoint", &base, "--spec", "basic", "--json"];
    let (code, stdout, stderr) = demo.type_in(&buy).await;
    assert_eq!(code, Some(0), "{stderr}");
    let bought: Value = serde_json::from_str(&stdout).expect("JSON");
    let order = bought["instances"][0]["source_id"]
        .as_str()
        .expect("an order");
    let (_, stdout, _) = demo.type_in(&["order", "show", order, "--json"]).await;
    let shown: Value = serde_json::from_str(&stdout).expect("JSON");
    let instance = shown["instance"].as_str().expect("an instance");
    let state = async || {
        let (_, stdout, _) = demo
            .type_in(&["instance", "show", instance, "--json"])
            .await;
        let shown: Value = serde_json::from_str(&stdout).expect("JSON");
        shown["state"].as_str().expect("a state").to_owned()
    };
    let (code, ..) = demo.type_in(&["clock", "advance", "34d"]).await;
    assert_eq!((code, state().await.as_str()), (Some(0), "suspended"));

    let renew = ["instance", "renew", instance, "--unit", "YEAR"];
    let (code, stdout, stderr) = demo.type_in(&renew).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("3000.00 CNY"), "{stdout}");
    let (code, ..) = demo.type_in(&["clock", "advance", "300d"]).await;
    assert_eq!((code, state().await.as_str()), (Some(0), "running"));
    let list = ["order", "list", "--instance", instance, "--kind", "renew"];
    let (_, stdout, _) = demo.type_in(&list).await;
    assert_eq!(stdout.matches("by-hand:").count(), 1, "{stdout}");
    demo.stop().await;
}
