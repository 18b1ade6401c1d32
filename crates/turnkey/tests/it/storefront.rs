//! A storefront whose orders must be paid for, through the real door: its buyer, and the operator
//! who is told that money came.

use std::time::Duration;

use serde_json::{Value, json};
use turnkey::http::server::DoorLimits;
use turnkey_dialects::jdcloud::Version;

use crate::app::{App, OPERATOR, TOKENS};
use crate::openapi::{Account, raw};
use crate::wire::{Answer, exchange};

const DAY_MS: u64 = 86_400_000;

/// A storefront of the demo product where everything is paid for first.
const SHOP: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes.plan.small]
    [product.notes.plan.large]
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "notes"
    regions = { cn-north-1 = ["cn-north-1a"] }
    payment = "required"
    [[listing.bastion.offer]]
    spec = "basic"
    plan = "small"
    price = { month = "300.10", year = "3000.00", currency = "CNY" }
    [[listing.bastion.offer]]
    spec = "premium"
    plan = "large"
    [account.acme]
    access_key = "AK-acme"
    secret_key = { value = "acme-secret" }
"#;

const ACME: Account<'_> = Account {
    version: Version::V3,
    access_key: "AK-acme",
    secret: "acme-secret",
};

const DEMO: &str = "[product.notes]\ndriver = \"demo\"\n";

const INSTANCES: &str = "/v1/regions/cn-north-1/instances";

impl App {
    async fn shop(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let toml = format!("{SHOP}{more}{TOKENS}");
        Self::start_in(folder, &toml, DoorLimits::default()).await
    }

    /// A call of the storefront's API by account `acme`.
    async fn bought(&self, method: &str, target: &str, body: &str, nonce: &str) -> Answer {
        let (call, body) = ((method, target), body.as_bytes());
        let signed = ACME.signed(call, "shop", body, nonce, self.now().wall);
        exchange(self.address, &raw(call, signed, body)).await
    }

    /// Buys `quantity` of `spec`; the purchase's id and those of its orders.
    async fn buy(&self, spec: &str, quantity: u32, token: &str) -> (String, Vec<String>) {
        let body = json!({
            "instanceSpec": {"az": "cn-north-1a", "vpcId": "vpc-1", "subnetId": "subnet-1",
                "spec": spec, "quantity": quantity, "ipVersion": "v4"},
            "clientToken": token,
        });
        let answer = self
            .bought("POST", INSTANCES, &body.to_string(), token)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let result = answer.json()["result"].clone();
        let orders = result["sourceIds"].as_array().expect("orders").iter();
        let orders = orders.map(|o| text(&o["sourceId"])).collect();
        (text(&result["buyId"]), orders)
    }

    /// How the buyer sees what `order` made.
    async fn status(&self, order: &str) -> Value {
        let target = format!("/v1/regions/cn-north-1/order/{order}");
        let nonce = format!("{order}-{}", self.now().wall.0);
        let answer = self.bought("GET", &target, "", &nonce).await;
        answer.json()["result"]["bastion"]["status"].clone()
    }

    async fn operator(&self, path: &str) -> Answer {
        self.admin("POST", path, Some(OPERATOR), "null").await
    }

    async fn order_state(&self, order: &str) -> String {
        let order = self.seen(&format!("/api/v1/orders/{order}")).await;
        text(&order["state"])
    }

    /// Waits until `path` shows `value` at `pointer`.
    async fn shows(&self, path: &str, pointer: &str, value: &str) {
        let mut seen = Value::Null;
        for _ in 0..3_000 {
            seen = self.seen(path).await;
            if seen.pointer(pointer) == Some(&value.into()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} never showed {value} at {pointer}: {seen}");
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

#[tokio::test]
async fn what_is_not_paid_is_seen_and_not_delivered_until_it_is() {
    let app = App::shop(DEMO).await;
    let (purchase, orders) = app.buy("basic", 1, "one").await;
    let order = &orders[0];
    assert_eq!(app.status(order).await, 0);
    let shown = app.seen(&format!("/api/v1/orders/{order}")).await;
    assert_eq!(shown["state"], "awaiting_payment");
    assert_eq!(shown["price"]["text"], "300.10 CNY");
    assert_eq!(shown["price"]["minor"], 30_010);
    assert_eq!(shown["purchase"], purchase);
    assert_eq!(shown["unpaid_until"], "2026-02-01T04:00:00.000Z");
    let (_, instances, operations) = app.everything().await;
    assert!(operations.is_empty(), "nobody is asked: {operations:?}");
    let instance = instances[0].id.to_string();

    // Its term begins when it is paid.
    app.clock.advance(DAY_MS / 2);
    for _ in 0..2 {
        let paid = app.operator(&format!("/api/v1/orders/{order}/pay")).await;
        assert_eq!(paid.status, 200, "{paid:?}");
        assert_eq!(paid.json().get("unpaid_until"), None);
    }
    app.shows(&format!("/api/v1/orders/{order}"), "/state", "fulfilled")
        .await;
    assert_eq!(app.status(order).await, 1);
    let shown = app.seen(&format!("/api/v1/instances/{instance}")).await;
    assert_eq!(shown["term_starts_at"], "2026-01-31T16:00:00.000Z");
    let subscription = &shown["subscription"];
    assert_eq!(subscription["stage"], "term");
    assert_eq!(subscription["period"], "1_month");
    assert_eq!(subscription["renews"], false);

    let late = app
        .operator(&format!("/api/v1/orders/{order}/cancel"))
        .await;
    assert_eq!(late.status, 409, "{late:?}");
    assert_eq!(late.json()["error"]["code"], "order_state");
    let nobody = app.operator("/api/v1/orders/o-nobody/pay").await;
    assert_eq!(nobody.status, 404);
    assert_eq!(nobody.json()["error"]["code"], "order_unknown");

    let events = app.seen("/api/v1/events?kind=operator_acted").await;
    let about = events["items"][0]["order"].clone();
    assert_eq!(about, order.as_str(), "{events}");
    app.stop().await;
}

#[tokio::test]
async fn what_nobody_pays_is_taken_back_by_a_person_or_by_time() {
    let app = App::shop(DEMO).await;
    let (_, orders) = app.buy("basic", 2, "two").await;
    let path = format!("/api/v1/orders/{}/cancel", orders[0]);
    for _ in 0..2 {
        let cancelled = app.operator(&path).await;
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
        assert_eq!(cancelled.json()["state"], "cancelled");
    }
    assert_eq!(app.order_state(&orders[1]).await, "awaiting_payment");
    app.clock.advance(DAY_MS);
    app.shows(
        &format!("/api/v1/orders/{}", orders[1]),
        "/state",
        "cancelled",
    )
    .await;
    let late = app
        .operator(&format!("/api/v1/orders/{}/pay", orders[1]))
        .await;
    assert_eq!(late.status, 409, "{late:?}");
    let (_, instances, _) = app.everything().await;
    assert!(instances.iter().all(|i| !i.delivered), "{instances:?}");
    app.stop().await;
}

#[tokio::test]
async fn the_sweeper_says_why_it_stopped_and_goes_on_when_told() {
    let app = App::shop(DEMO).await;
    let at = "/api/v1/sweeper";
    let idle = app.seen(at).await;
    assert_eq!(idle, json!({"state": "running", "removals": []}));
    let (_, orders) = app.buy("basic", 1, "one").await;
    let waits = app.seen(at).await;
    assert_eq!(waits["next_due_at"], "2026-02-01T04:00:00.000Z");
    // Once it took that order back, it has looked at the clocks.
    app.clock.advance(DAY_MS);
    let path = format!("/api/v1/orders/{}", orders[0]);
    app.shows(&path, "/state", "cancelled").await;

    app.clock.jump(2 * 3_600_000);
    app.shows(at, "/state", "stopped").await;
    let stopped = app.seen(at).await;
    assert_eq!(stopped["reason"], "the wall clock jumped by about 2 h");
    let resumed = app.operator("/api/v1/sweeper/resume").await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    assert_eq!(resumed.json()["state"], "running");
    assert_eq!(resumed.json().get("reason"), None);
    let events = app.seen("/api/v1/events?kind=operator_acted").await;
    assert_eq!(
        events["items"][0]["message"],
        "asked to go on with removals, which had stopped: the wall clock jumped by about 2 h"
    );
    app.stop().await;
}

/// A vendor who refuses whatever is asked first, until the file `allow` is there.
const PROGRAM: &str = r#"
set -eu
operation=$(cat | sed -n 's/.*"operation":"\([^"]*\)".*/\1/p')
printf '%s\n' "$operation" >>runs
if mkdir first 2>/dev/null; then printf '%s' "$operation" >first/operation; fi
while [ ! -s first/operation ]; do sleep 0.02; done
if [ "$(cat first/operation)" = "$operation" ] && [ ! -e allow ]; then
    printf '{"message":"not this one"}\n'
    exit 65
fi
printf '{"access":{"front_end":{"url":"https://bastion.example/%s"}}}\n' "$operation"
"#;

const COMMAND: &str = r#"
    [product.notes]
    driver = "command"
    [product.notes.command]
    argv = ["sh", "program.sh"]
    directory = "vendor"
"#;

#[tokio::test]
async fn five_of_which_one_is_refused_are_one_purchase_that_a_person_repairs() {
    let folder = tempfile::tempdir().expect("a folder");
    let vendor = folder.path().join("vendor");
    std::fs::create_dir(&vendor).expect("a folder for the vendor");
    std::fs::write(vendor.join("program.sh"), PROGRAM).expect("the program");
    let shop = SHOP.replace("\"required\"", "\"trusted\"");
    let toml = format!("{shop}{COMMAND}{TOKENS}");
    let app = App::start_in(folder, &toml, DoorLimits::default()).await;
    let (purchase, orders) = app.buy("basic", 5, "five").await;
    let path = format!("/api/v1/purchases/{purchase}");
    app.shows(&path, "/state", "partly_delivered").await;

    // One row for all five, whatever they are looked for by.
    let all = app.seen("/api/v1/purchases").await;
    let rows = all["items"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{all}");
    assert_eq!(rows[0]["id"], purchase.as_str());
    assert_eq!(rows[0]["quantity"], 5);
    assert_eq!(rows[0]["price"]["text"], "1500.50 CNY");
    assert_eq!(rows[0]["buyer"], "acme");
    for (query, count) in [
        ("state=partly_delivered", 1),
        ("state=delivered", 0),
        ("state=failed", 0),
        ("limit=1", 1),
        ("key=nobody", 0),
    ] {
        let found = app.seen(&format!("/api/v1/purchases?{query}")).await;
        let items = found["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(count), "{query}: {found}");
    }
    let unit = orders[1].replacen("o-", "p-", 1);
    let no = app
        .admin(
            "GET",
            &format!("/api/v1/purchases/{unit}"),
            Some(OPERATOR),
            "",
        )
        .await;
    assert_eq!(no.json()["error"]["code"], "purchase_unknown", "{no:?}");

    // The buyer sees which one it is, and buying again by the same token sells nothing more.
    let mut failed = Vec::new();
    for order in &orders {
        match app.status(order).await.as_u64() {
            Some(1) => {}
            Some(3) => failed.push(order.clone()),
            other => panic!("{order} has status {other:?}"),
        }
    }
    assert_eq!(failed.len(), 1, "{failed:?}");
    app.clock.advance(1_000);
    assert_eq!(app.buy("basic", 5, "five").await, (purchase, orders));

    std::fs::write(vendor.join("allow"), "").expect("a word to go on");
    let order = app.seen(&format!("/api/v1/orders/{}", failed[0])).await;
    assert_eq!(order["refusal"], "not this one");
    let operation = text(&order["operation"]);
    let retried = app
        .operator(&format!("/api/v1/operations/{operation}/retry"))
        .await;
    assert_eq!(retried.status, 200, "{retried:?}");
    app.shows(&path, "/state", "delivered").await;
    assert_eq!(app.status(&failed[0]).await, 1);

    let (orders, instances, _) = app.everything().await;
    assert_eq!((orders.len(), instances.len()), (5, 5));
    let runs = std::fs::read_to_string(vendor.join("runs")).expect("runs");
    let keys: std::collections::BTreeSet<_> = runs.lines().collect();
    assert_eq!((runs.lines().count(), keys.len()), (6, 5), "{runs}");
    app.stop().await;
}
