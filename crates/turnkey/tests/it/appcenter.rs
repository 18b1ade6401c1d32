//! AppCenter through the real door: the documentation's own request, one purchase and two, and
//! neighbours that share a key.

use serde_json::{Value, json};
use turnkey::http::server::DoorLimits;
use turnkey_core::UtcMillis;
use turnkey_dialects::query::pair;

use crate::app::{App, KEY};
use crate::wire::{Answer, get, signed, signed_as_sent};

/// "创建实例", 示例说明: the request without time and signature, as it is spelt there.
const SEED: &[&str] = &[
    "user_id=usr-xx1xx",
    "action=CreateAppInstance",
    "spec=5aWX6aSQ5ZCN56ewMQ%3D%3D",
    "cloud_info=eyJhcGlfc2VydmVyIjogImFwaS5xaW5nY2xvdWQuY29tOjc3NzciLCAic3NvX3NlcnZlciI6ICJzc28ucWluZ2Nsb3VkLmNvbSJ9",
    "period=1_day",
    "app_id=app-xxxxx",
];

/// Two listings of AppCenter and two of the market, all with one key; one of each names its
/// product.
fn shop() -> String {
    let listings = [
        ("app", "qingcloud-appcenter", r#"app_id = "app-xxxxx""#),
        ("app-next", "qingcloud-appcenter", r#"app_id = "app-next""#),
        ("market", "qingcloud-market", r#"product_code = "prod-1""#),
        (
            "market-next",
            "qingcloud-market",
            r#"product_code = "prod-next""#,
        ),
    ];
    let listing = |(name, dialect, code): (&str, &str, &str)| {
        format!(
            "[listing.{name}]\ndialect = \"{dialect}\"\nproduct = \"notes\"\nany_plan = \"team\"\n\
             {code}\nkeys = [{{ value = \"{KEY}\" }}, {{ value = \"the-next-key\" }}]\n"
        )
    };
    let head = r#"
        [server]
        public_url = "https://deliver.example.com"
        [store]
        url = "sqlite:test.db"
        [secrets]
        master_key = { file = "test.key" }
        [product.notes]
        driver = "demo"
        [product.notes.plan.team]
    "#;
    head.to_owned() + &listings.map(listing).concat()
}

async fn open() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, &shop(), DoorLimits::default()).await
}

/// The time as AppCenter spells it.
fn time(at: UtcMillis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).expect("a time");
    pair("time_stamp", &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The seed's request and whatever is added, with the time.
fn seed(at: UtcMillis, more: &[&str]) -> Vec<String> {
    let segments = SEED.iter().chain(more).map(|s| (*s).to_owned());
    segments.chain([time(at)]).collect()
}

async fn buy(app: &App, prefix: &str, segments: &[String], key: &str) -> Value {
    let query = signed_as_sent(prefix, segments, key);
    let answer = get(app.address, &format!("/spi/app?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let bare = "content-type: application/json\r\n";
    assert!(answer.head.contains(bare), "{answer:?}");
    answer.json()
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_seed_is_answered_in_its_own_form_however_it_is_signed_and_spelt() {
    let app = open().await;
    let now = app.now().wall;
    for order in [&[][..], &["order_id=appor-xxxxx"]] {
        for prefix in ["", "GET\n"] {
            for space in ["+", "%20"] {
                let note = format!("note=a{space}b");
                let more = [order, &[note.as_str()]].concat();
                let body = buy(&app, prefix, &seed(now, &more), KEY).await;
                assert_eq!(keys(&body), ["success", "message", "instanceId", "appInfo"]);
                assert_eq!(
                    (&body["success"], &body["message"]),
                    (&json!(true), &Value::Null)
                );
                let info = &body["appInfo"];
                assert_eq!(keys(info), ["frontEnd", "admin", "authUrl"]);
                for account in [&info["frontEnd"], &info["admin"]] {
                    assert_eq!(keys(account), ["url", "username", "password"]);
                }
            }
        }
    }
    let (orders, instances, _) = app.everything().await;
    assert_eq!(
        (orders.len(), instances.len()),
        (2, 2),
        "one with and one without order_id"
    );
    let cloud = &instances[0].context["cloud_info"];
    assert_eq!(
        cloud,
        r#"{"api_server": "api.qingcloud.com:7777", "sso_server": "sso.qingcloud.com"}"#
    );
    app.stop().await;
}

#[tokio::test]
async fn two_purchases_without_an_order_id_are_two_and_the_same_one_is_one() {
    let app = open().await;
    let first = seed(app.now().wall, &["note=a+b"]);
    let body = buy(&app, "", &first, KEY).await;
    let reordered: Vec<_> = first.iter().rev().cloned().collect();
    let reencoded: Vec<_> = first
        .iter()
        .map(|s| s.replace("a+b", "a%20b").replace("_day", "%5fday"))
        .collect();
    app.clock.advance(60_000);
    for (what, prefix, segments, key) in [
        ("repeated", "", &first, KEY),
        ("re-ordered", "", &reordered, KEY),
        ("re-encoded", "", &reencoded, KEY),
        ("in the other signing form", "GET\n", &first, KEY),
        ("with the other key", "", &first, "the-next-key"),
    ] {
        assert_eq!(buy(&app, prefix, segments, key).await, body, "{what}");
    }
    let second = buy(&app, "", &seed(app.now().wall, &["note=a+b"]), KEY).await;
    assert_ne!(second["instanceId"], body["instanceId"]);
    let (_, instances, _) = app.everything().await;
    assert_eq!(instances.len(), 2);
    app.stop().await;
}

/// Every listing here has the same key, so that only the product's code keeps a call at home.
#[tokio::test]
async fn a_captured_call_is_refused_next_door_and_so_is_an_instance() {
    let app = open().await;
    let now = app.now().wall;
    let at = async |listing: &str, query: &str| -> Answer {
        get(app.address, &format!("/spi/{listing}?{query}")).await
    };
    let bought = signed_as_sent("", &seed(now, &["order_id=appor-1"]), KEY);
    let refused = at("app-next", &bought).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.json()["message"],
        r#"app_id "app-xxxxx" is not sold here"#
    );
    let app_instance = at("app", &bought).await.instance();
    let create = [
        ("action", "CreateInstance"),
        ("order_id", "mord-1"),
        ("qingcloud_uid", "usr-1"),
        ("product_code", "prod-1"),
        ("spec", "规格"),
        ("package", "套餐"),
        ("duration", "1_month"),
    ];
    let bought = signed(&create, KEY, now);
    let message = at("market-next", &bought).await.refused(401);
    assert_eq!(message, r#"product_code "prod-1" is not sold here"#);
    let market_instance = at("market", &bought).await.instance();
    let (orders, ..) = app.everything().await;
    assert_eq!(orders.len(), 2, "nothing was bought next door");

    for id in [&app_instance, &market_instance] {
        let unknown = format!("instance {id:?} is not known here");
        for listing in ["app", "app-next", "market", "market-next"] {
            let is_home = (listing == "app" && *id == app_instance)
                || (listing == "market" && *id == market_instance);
            if is_home {
                continue;
            }
            if listing.starts_with("app") {
                let segments = ["action=DeleteAppInstance".to_owned(), time(now)];
                let segments = [&segments[..], &[pair("instance_id", id)]].concat();
                let answer = at(listing, &signed_as_sent("", &segments, KEY)).await;
                let expected = json!({"success": false, "message": unknown});
                assert_eq!((answer.status, answer.json()), (200, expected), "{listing}");
            } else {
                let call = [("action", "DeleteInstance"), ("instance_id", id.as_str())];
                let answer = at(listing, &signed(&call, KEY, now)).await;
                assert_eq!(answer.refused(404), unknown, "{listing}");
            }
        }
    }
    let (_, instances, _) = app.everything().await;
    let is_untouched = |i: &turnkey_core::Instance| i.state.name() == "running";
    assert!(instances.iter().all(is_untouched), "{instances:?}");
    app.stop().await;
}
