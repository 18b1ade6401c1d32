//! Out of a pool, and by a person: through both doors.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use turnkey::http::server::DoorLimits;
use turnkey_core::{InstanceState, OperationState};

use crate::app::{App, OPERATOR, VIEWER};
use crate::binary::PROGRAM;
use crate::cli::said;
use crate::wire::Answer;

fn toml(driver: &str) -> String {
    format!(
        r#"
        [server]
        public_url = "https://deliver.example.com"
        [store]
        url = "sqlite:test.db"
        [secrets]
        master_key = {{ file = "test.key" }}
        [admin.token.vera]
        role = "viewer"
        token = {{ value = "{VIEWER}" }}
        [admin.token.otto]
        role = "operator"
        token = {{ value = "{OPERATOR}" }}
        [product.licence]
        driver = "{driver}"
        [product.licence.plan.team]
        [listing.notes]
        dialect = "qingcloud-market"
        slow = "wait"
        product = "licence"
        any_plan = "team"
        keys = [{{ value = "k9Zt3vQeXw2LrB7uYh5N" }}]
        "#
    )
}

async fn shop(driver: &str) -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, &toml(driver), DoorLimits::default()).await
}

/// `count` items, the first of them the `first`th.
fn items(first: u64, count: u64) -> Value {
    let item = |n: u64| {
        let account = json!({"url": "https://saas.example/", "username": format!("u-{n}"), "password": format!("SECRET-{n}")});
        json!({"line": n, "access": {"front_end": account, "extra": {"licence": format!("L-{n}")}}})
    };
    json!({"product": "licence", "items": (first..first + count).map(item).collect::<Vec<_>>()})
}

async fn stocked(app: &App, body: &Value) -> Answer {
    let body = body.to_string();
    app.admin("POST", "/api/v1/stock", Some(OPERATOR), &body)
        .await
}

fn account(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let account = &body["instanceInfo"]["username"];
    account
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned()
}

#[tokio::test]
async fn of_fifty_orders_at_once_ten_items_go_to_ten_and_forty_wait_for_more() {
    let app = shop("pool").await;
    assert_eq!(stocked(&app, &items(1, 10)).await.status, 200);
    let orders: Vec<String> = (0..50).map(|n| format!("mord-{n}")).collect();
    let all = || join_all(orders.iter().map(|order| app.create(order, "1_year")));
    let waited_for = async {
        // Forty wait; time stands until they do.
        loop {
            let (all, _, left) = app.everything().await;
            let looked = left
                .iter()
                .all(|o| o.state == OperationState::Due && o.attempt > 0);
            if all.len() == 50 && left.len() == 40 && looked {
                break;
            }
            tokio::task::yield_now().await;
        }
        app.clock.advance(12_000);
    };
    let (answers, ()) = tokio::join!(all(), waited_for);
    let served: BTreeSet<String> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(account)
        .collect();
    let waiting = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!((served.len(), waiting), (10, 40));
    let levels = app.seen("/api/v1/stock/levels").await;
    let level = &levels["items"][0];
    assert_eq!((&level["free"], &level["taken"]), (&json!(0), &json!(10)));

    let added = stocked(&app, &items(11, 50)).await.json();
    assert_eq!(added, json!({"added": 50, "reserved": 40}));
    // Nobody touches the clock: what is added is delivered at once.
    let answers = all().await;
    let served: BTreeSet<String> = answers.iter().map(account).collect();
    assert_eq!(served.len(), 50, "each item once");
    let repeats: BTreeSet<String> = all().await.iter().map(account).collect();
    assert_eq!(repeats, served);
    let levels = app.seen("/api/v1/stock/levels").await;
    let level = &levels["items"][0];
    assert_eq!((&level["free"], &level["taken"]), (&json!(10), &json!(50)));
    app.stop().await;
}

#[tokio::test]
async fn no_view_of_the_stock_shows_what_is_in_it() {
    let app = shop("pool").await;
    assert_eq!(stocked(&app, &items(1, 3)).await.status, 200);
    let id = app.create("mord-1", "1_year").await.instance();
    let first = app.seen("/api/v1/stock?limit=2").await;
    assert_eq!(first["items"].as_array().expect("rows").len(), 2);
    let after = first["next"].as_str().expect("another page");
    let second = app.seen(&format!("/api/v1/stock?after={after}")).await;
    assert_eq!(second["items"][0]["instance"], id.as_str());
    assert_eq!(second["items"][0]["state"], "taken");
    assert_eq!(app.delete(&id).await.status, 200);
    let erased = app.seen(&format!("/api/v1/stock?after={after}")).await;
    assert_eq!(erased["items"][0]["state"], "erased");
    let levels = app.seen("/api/v1/stock/levels").await;
    for view in [first, second, erased, levels] {
        let text = view.to_string();
        assert!(!text.contains("SECRET") && !text.contains("L-"), "{text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_addition_is_said_and_adds_nothing() {
    let app = shop("pool").await;
    let with = |place: &str, value: Value| {
        let mut body = items(1, 2);
        *body.pointer_mut(place).expect("a place") = value;
        body
    };
    for (body, status, code) in [
        (with("/product", json!("other")), 404, "product_unknown"),
        (with("/items/1/access", json!({})), 400, "stock_empty"),
        (
            json!({"product": "licence", "items": [{"line": 2, "plan": "x", "access": {"auth_url": "a"}}]}),
            400,
            "plan_undefined",
        ),
        (
            json!({"product": "licence", "items": [{"line": 2, "access": {"pasword": "SECRET"}}]}),
            422,
            "body_wrong",
        ),
    ] {
        let answer = stocked(&app, &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.json()["error"]["code"], code);
        assert!(!answer.body.contains("SECRET"), "{answer:?}");
    }
    assert_eq!(app.seen("/api/v1/stock").await["items"], json!([]));
    assert_eq!(stocked(&app, &items(1, 2)).await.status, 200);
    let again = stocked(&app, &items(2, 2)).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert!(again.body.contains("line 2 already"), "{again:?}");
    assert_eq!(
        app.seen("/api/v1/stock").await["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    app.stop().await;

    let other = shop("manual").await;
    let refused = stocked(&other, &items(1, 1)).await;
    assert_eq!(refused.json()["error"]["code"], "product_without_stock");
    other.stop().await;
}

#[tokio::test]
async fn a_person_delivers_while_the_marketplace_still_waits() {
    let app = shop("manual").await;
    let deliver = async |id: &str, body: &str| {
        let path = format!("/api/v1/instances/{id}/deliver");
        app.admin("POST", &path, Some(OPERATOR), body).await
    };
    let only_instance = async || loop {
        if let [instance] = &app.everything().await.1[..] {
            return instance.id.to_string();
        }
        tokio::task::yield_now().await;
    };
    let access = json!({"access": {"front_end": {"url": "https://saas.example/", "username": "root", "password": "SECRET"}}});
    let (created, id) = tokio::join!(app.create("mord-1", "1_year"), async {
        let id = only_instance().await;
        let bare = deliver(&id, "{}").await;
        assert_eq!(bare.json()["error"]["code"], "access_missing");
        let done = deliver(&id, &access.to_string()).await;
        assert_eq!(done.status, 200, "{done:?}");
        assert_eq!(done.json()["kind"], "provision");
        assert!(!done.body.contains("SECRET"), "{done:?}");
        id
    });
    assert_eq!(
        (created.instance(), account(&created)),
        (id.clone(), "root".to_owned())
    );
    assert_eq!(app.renew("mord-2", &id, "1_year").await.status, 200);
    let again = deliver(&id, &access.to_string()).await;
    assert_eq!(again.json()["error"]["code"], "nothing_to_deliver");
    let unknown = deliver("i-none", "{}").await;
    assert_eq!(unknown.status, 404);

    let (expired, ()) = tokio::join!(app.expire(&id), async {
        while app.everything().await.2.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(deliver(&id, "{}").await.json()["kind"], "suspend");
    });
    assert_eq!(expired.status, 200);
    let instance = app.instance(&id).await;
    assert_eq!(instance.state, InstanceState::Suspended);
    assert!(instance.suspended_at.is_some() && instance.access.is_some());
    let events = app
        .store
        .event_list(Default::default(), None, 10)
        .await
        .expect("events");
    // The clock stands, and the same thing in the same moment is one event.
    assert_eq!(events.len(), 1, "whoever acts by hand is kept: {events:?}");
    assert!(
        events
            .iter()
            .all(|event| event.by.as_deref() == Some("otto"))
    );
    app.stop().await;
}

/// Exit code, stdout and stderr of a command typed at `app` by an operator.
pub(crate) async fn typed(app: &App, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = tokio::process::Command::new(PROGRAM)
        .args(arguments)
        .args(["--admin", &format!("http://{}", app.admin)])
        .env("TURNKEY_ADMIN_TOKEN", OPERATOR)
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .expect("it runs");
    said(&output)
}

#[tokio::test]
async fn stock_is_added_and_counted_at_a_terminal() {
    let app = shop("pool").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("items.csv");
    let csv = "front_end_url,username,password,licence\n\
               https://saas.example/,u-1,\"SECRET,1\",=L-1\nhttps://saas.example/,u-2,SECRET-2,L-2\n";
    std::fs::write(&file, csv).expect("a file");
    let path = file.to_str().expect("text");
    let (code, out, err) = typed(&app, &["stock", "add", "licence", path]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, "added 2; 0 of them go to orders that waited\n");
    let (code, _, err) = typed(&app, &["stock", "add", "licence", path]).await;
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("line 2, 3 already"), "{err}");
    assert!(err.contains("[stock_duplicate]"), "{err}");

    let created = app.create("mord-1", "1_year").await;
    assert_eq!(account(&created), "u-1");
    assert_eq!(created.json()["instanceInfo"]["password"], "SECRET,1");
    let (code, table, _) = typed(&app, &["stock", "list", "licence"]).await;
    assert_eq!(code, Some(0));
    assert!(table.contains("licence  any   1     1\n"), "{table}");
    assert!(table.contains(&created.instance()), "{table}");
    let (_, csv, _) = typed(&app, &["stock", "list", "--csv"]).await;
    assert!(
        csv.starts_with("id,product,plan,state,instance,added_at\n"),
        "{csv}"
    );
    let (_, json, _) = typed(&app, &["stock", "list", "--json", "--limit", "1"]).await;
    let listed: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&listed["levels"][0]["free"], &listed["items"][0]["state"]),
        (&json!(1), &json!("free"))
    );
    for shown in [table, csv, json] {
        assert!(
            !shown.contains("SECRET") && !shown.contains("u-1"),
            "{shown}"
        );
    }
    std::fs::write(&file, "username,password\na,SECRET,c\n").expect("a file");
    let (code, _, err) = typed(&app, &["stock", "add", "licence", path]).await;
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("line 2 is not CSV") && !err.contains("SECRET"),
        "{err}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_person_delivers_at_a_terminal() {
    let app = shop("manual").await;
    let (answer, ()) = tokio::join!(app.create("mord-1", "1_year"), async {
        while app
            .everything()
            .await
            .2
            .iter()
            .all(|o| o.state != OperationState::Retrying)
        {
            tokio::task::yield_now().await;
        }
        app.clock.advance(12_000);
    });
    assert_eq!(answer.status, 503, "nobody has done it yet");
    let id = app.everything().await.1[0].id.to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.json");
    let path = file.to_str().expect("text");
    for (text, said) in [
        (
            r#"{"front_end":{"passwort":"SECRET"}}"#,
            "not an access at 1:24",
        ),
        ("SECRET", "not an access at 1:1"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let (code, _, err) = typed(&app, &["instance", "deliver", &id, "--access", path]).await;
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains(said) && !err.contains("SECRET"), "{err}");
    }
    let (code, _, err) = typed(&app, &["instance", "deliver", &id]).await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("[access_missing]"), "{err}");
    let access = json!({"front_end": {"username": "root", "password": "SECRET"}});
    std::fs::write(&file, access.to_string()).expect("a file");
    let (code, out, err) = typed(&app, &["instance", "deliver", &id, "--access", path]).await;
    assert_eq!(
        (code, out),
        (Some(0), format!("{id}: provision is done\n")),
        "{err}"
    );
    assert_eq!(account(&app.create("mord-1", "1_year").await), "root");
    app.stop().await;
}
