//! What an operator sees and does, through the admin API.

use serde_json::Value;
use turnkey::http::server::DoorLimits;

use crate::app::{App, OPERATOR, VIEWER};
use crate::vendor::Vendor;

/// An app whose listing `notes` is provisioned by a vendor's program, for operators to look at.
async fn slow() -> (App, Vendor) {
    let folder = tempfile::tempdir().expect("a folder");
    let (vendor, toml) = Vendor::in_folder(&folder);
    let toml = format!(
        "{toml}\n[admin.token.otto]\nrole = \"operator\"\ntoken = {{ value = \"{OPERATOR}\" }}\n"
    );
    (
        App::start_in(folder, &toml, DoorLimits::default()).await,
        vendor,
    )
}

impl App {
    async fn done(&self, path: &str) -> Value {
        let answer = self.admin("POST", path, Some(OPERATOR), "null").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Status and code of a refusal.
    async fn refused(&self, method: &str, path: &str) -> (u16, String) {
        let answer = self.admin(method, path, Some(OPERATOR), "").await;
        let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
        (answer.status, code.expect("a code"))
    }
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("rows");
    items
        .iter()
        .map(|row| row["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn an_order_is_seen_from_every_side() {
    let app = App::start().await;
    let older = app.create("mord-1", "1_month").await.instance();
    let id = app.create("mord-2", "1_year").await.instance();
    app.renew("mord-3", &id, "1_month").await;

    let orders = app.seen("/api/v1/orders").await;
    let keys: Vec<_> = orders["items"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|o| &o["key"])
        .collect();
    assert_eq!(keys, ["mord-3", "mord-2", "mord-1"]);
    assert_eq!(orders.get("next"), None);
    let of_key = app.seen("/api/v1/orders?key=mord-2").await;
    assert_eq!(ids(&of_key).len(), 1);
    let order = &of_key["items"][0];
    assert_eq!(
        (&order["state"], &order["instance"]),
        (&"fulfilled".into(), &id.as_str().into())
    );
    let about = app.seen(&format!("/api/v1/orders?instance={id}")).await;
    assert_eq!(ids(&about).len(), 2);
    let shown = app
        .seen(&format!(
            "/api/v1/orders/{}",
            order["id"].as_str().expect("an id")
        ))
        .await;
    assert_eq!(shown["key"], "mord-2");
    assert_eq!(shown["accepted_at"], "2026-01-31T04:00:00.000Z");

    let purchases = app.seen("/api/v1/purchases?state=delivered").await;
    assert_eq!(ids(&purchases).len(), 2, "a renewal buys nothing new");
    let purchase = app
        .seen(&format!("/api/v1/purchases/{}", ids(&purchases)[0]))
        .await;
    assert_eq!(purchase["orders"][0]["instance"], id);
    assert_eq!(purchase["buyer"], "usr-u5JDC3MS");

    assert_eq!(
        ids(&app.seen("/api/v1/instances").await),
        [id.as_str(), &older]
    );
    assert_eq!(
        ids(&app.seen("/api/v1/instances?state=suspended").await),
        [""; 0]
    );
    let shown = app.seen(&format!("/api/v1/instances/{id}")).await;
    let steps: Vec<_> = shown["history"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|h| &h["kind"])
        .collect();
    assert_eq!(steps, ["provision", "renew"]);
    assert_eq!(shown["has_access"], true);
    app.stop().await;
}

#[tokio::test]
async fn what_buyers_log_in_with_is_shown_once_asked_for_and_kept_as_an_event() {
    let app = App::start().await;
    let answer = app.create("mord-1", "1_year").await;
    let (id, told) = (answer.instance(), answer.json());
    let password = told["instanceInfo"]["password"].as_str();
    let password = password.unwrap_or_else(|| panic!("a password: {told}"));
    for view in [
        "/api/v1/instances",
        &format!("/api/v1/instances/{id}"),
        "/api/v1/orders",
    ] {
        assert!(
            !app.seen(view).await.to_string().contains(password),
            "{view}"
        );
    }
    assert_eq!(ids(&app.seen("/api/v1/events").await), [""; 0]);

    let at = format!("/api/v1/instances/{id}/access");
    let viewer = app.admin("GET", &at, Some(VIEWER), "").await;
    assert_eq!(viewer.status, 403);
    assert_eq!(app.seen(&at).await["front_end"]["password"], password);
    let events = app.seen(&format!("/api/v1/events?instance={id}")).await;
    let event = &events["items"][0];
    assert_eq!(
        (&event["kind"], &event["by"]),
        (&"access_read".into(), &"otto".into())
    );
    assert!(!events.to_string().contains(password));

    app.delete(&id).await;
    let gone = app.refused("GET", &at).await;
    assert_eq!(gone, (404, "access_absent".to_owned()));
    app.stop().await;
}

#[tokio::test]
async fn an_operator_releases_and_what_is_gone_stays_gone() {
    let app = App::start().await;
    let id = app.create("mord-1", "1_year").await.instance();
    let path = format!("/api/v1/instances/{id}/release");
    assert_eq!(app.done(&path).await["state"], "released");
    assert_eq!(
        app.done(&path).await["state"],
        "released",
        "idempotent by state"
    );
    assert!(app.instance(&id).await.access.is_none());
    let events = app.seen("/api/v1/events?kind=operator_acted").await;
    assert_eq!(events["items"][0]["by"], "otto");
    app.stop().await;
}

/// A final no, then an operator's retry: the same instance is delivered under the same key.
#[tokio::test]
async fn a_failed_order_is_taken_up_again() {
    let (app, vendor) = slow().await;
    std::fs::write(vendor.folder.join("refuse.provision"), "").expect("a no");
    vendor.go("");
    assert_eq!(app.create("mord-1", "1_year").await.status, 502);
    let failed = app.seen("/api/v1/orders?state=failed").await;
    let id = ids(&failed)[0].to_owned();
    let order = app.seen(&format!("/api/v1/orders/{id}")).await;
    assert_eq!(order["refusal"], "no provision today");
    let operation = order["operation"].as_str().expect("an operation");
    assert_eq!(
        app.refused("GET", &format!("/api/v1/operations/{operation}"))
            .await,
        (404, "operation_unknown".to_owned()),
        "what is over has no row"
    );

    std::fs::remove_file(vendor.folder.join("refuse.provision")).expect("a yes");
    let retry = format!("/api/v1/operations/{operation}/retry");
    assert_eq!(app.done(&retry).await["operation"], operation);
    let delivered = app.create("mord-1", "1_year").await.instance();
    assert_eq!(delivered, order["instance"].as_str().expect("an id"));
    let keys: std::collections::BTreeSet<_> = vendor
        .runs()
        .into_iter()
        .map(|(_, operation)| operation)
        .collect();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        app.refused("POST", &retry).await.0,
        404,
        "there is nothing to take up"
    );
    let about = app
        .seen(&format!("/api/v1/events?operation={operation}"))
        .await;
    assert_eq!(about["items"][0]["instance"], delivered);
    app.stop().await;
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_in_our_words() {
    let app = App::start().await;
    for (path, status, code) in [
        ("/api/v1/orders?limit=0", 400, "query_wrong"),
        ("/api/v1/orders?limit=501", 400, "query_wrong"),
        ("/api/v1/orders?limit=many", 400, "query_wrong"),
        ("/api/v1/orders?state=paused", 400, "query_wrong"),
        ("/api/v1/purchases?state=fulfilled", 400, "query_wrong"),
        ("/api/v1/orders/o-nobody", 404, "order_unknown"),
        ("/api/v1/purchases/o-nobody", 404, "purchase_unknown"),
        ("/api/v1/instances/i-nobody", 404, "instance_unknown"),
        ("/api/v1/instances/%FF", 400, "path_wrong"),
    ] {
        assert_eq!(
            app.refused("GET", path).await,
            (status, code.to_owned()),
            "{path}"
        );
    }
    assert_eq!(
        ids(&app.seen("/api/v1/orders?listing=no-such").await),
        [""; 0]
    );
    app.stop().await;
}

#[tokio::test]
async fn pages_meet_every_order_once_while_more_are_bought() {
    let app = App::start().await;
    for n in 0..5 {
        app.create(&format!("before-{n}"), "1_month").await;
    }
    let (mut met, mut path) = (Vec::new(), "/api/v1/orders?limit=2".to_owned());
    loop {
        app.create(&format!("meanwhile-{}", met.len()), "1_month")
            .await;
        let page = app.seen(&path).await;
        let keys = page["items"].as_array().expect("rows").iter();
        met.extend(keys.map(|order| order["key"].as_str().expect("a key").to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/orders?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(
        met,
        [
            "meanwhile-0",
            "before-4",
            "before-3",
            "before-2",
            "before-1",
            "before-0"
        ]
    );
    app.stop().await;
}
