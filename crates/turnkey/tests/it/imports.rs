//! Instances that were delivered elsewhere, taken over at a terminal and then called about.

use std::path::Path;

use serde_json::{Value, json};
use turnkey_core::{InstanceState, OrderState};

use crate::app::{App, OPERATOR};
use crate::stock::typed;

fn one(id: &str, order: &str, plan: &str) -> Value {
    json!({
        "id": id, "listing": "notes", "plan": plan, "buyer": "usr-old", "order_key": order,
        "term": {"starts_at": "2026-01-31T12:00:00+08:00", "ends_at": "2027-01-31T12:00:00+08:00"},
        "access": {"front_end": {"url": "https://saas.example/", "username": "u", "password": "SECRET-1"}},
    })
}

fn written(folder: &Path, instances: &Value) -> String {
    let file = folder.join("instances.json");
    std::fs::write(&file, instances.to_string()).expect("a file");
    file.to_str().expect("text").to_owned()
}

#[tokio::test]
async fn what_was_delivered_elsewhere_is_taken_over_once_and_lives_on() {
    let app = App::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(
        folder.path(),
        &json!([
            one("old-1", "mord-old-1", "team"),
            one("old-2", "mord-old-2", "gone")
        ]),
    );
    let (code, out, err) = typed(&app, &["instance", "import", &file]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("old-1     imported"), "{out}");
    assert!(out.contains("has no plan \"gone\" [import_wrong]"), "{out}");
    let (_, again, err) = typed(&app, &["instance", "import", &file]).await;
    assert!(again.contains("old-1     unchanged"), "{again}");
    assert!(!(out + &again + &err).contains("SECRET"));

    let (orders, instances, operations) = app.everything().await;
    assert_eq!((orders.len(), instances.len(), operations.len()), (1, 1, 0));
    assert_eq!(orders[0].state, OrderState::Fulfilled);
    assert_eq!(instances[0].state, InstanceState::Running);
    let password = instances[0]
        .access
        .clone()
        .and_then(|a| a.front_end.password);
    assert_eq!(password.as_deref(), Some("SECRET-1"));

    // Its marketplace goes on as before, and what it puts again provisions nothing.
    assert_eq!(app.create("mord-old-1", "1_year").await.status, 409);
    let before = app.instance("old-1").await.term.ends_at;
    assert_eq!(app.renew("mord-2", "old-1", "1_month").await.status, 200);
    assert!(app.instance("old-1").await.term.ends_at > before);
    assert_eq!(app.expire("old-1").await.status, 200);
    assert_eq!(app.delete("old-1").await.status, 200);
    assert_eq!(app.instance("old-1").await.state, InstanceState::Released);
    assert_eq!(app.everything().await.1.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn another_under_the_same_name_is_refused() {
    let app = App::start().await;
    let taken = app.create("mord-1", "1_year").await.instance();
    let put = async |instance: Value| {
        let body = json!({"instances": [instance]}).to_string();
        let answer = app
            .admin("POST", "/api/v1/instances", Some(OPERATOR), &body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let item = answer.json()["items"][0].clone();
        let code = item["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (
            item["outcome"].as_str().expect("an outcome").to_owned(),
            code,
        )
    };
    let said = |outcome: &str, code: &str| (outcome.to_owned(), code.to_owned());
    assert_eq!(
        put(one(&taken, "mord-2", "team")).await,
        said("refused", "instance_taken")
    );
    let differs = said("refused", "order_content_differs");
    assert_eq!(put(one("old-1", "mord-1", "team")).await, differs);
    assert_eq!(
        put(one("old-1", "mord-2", "team")).await,
        said("imported", "")
    );
    assert_eq!(put(one("old-1", "mord-2", "solo")).await, differs);
    for (wrong, value) in [
        ("listing", json!("nobody")),
        ("id", json!("")),
        ("order_key", json!("")),
        (
            "term",
            json!({"starts_at": "yesterday", "ends_at": "2027-01-31T12:00:00Z"}),
        ),
        (
            "term",
            json!({"starts_at": "2027-01-31T12:00:00Z", "ends_at": "2026-01-31T12:00:00Z"}),
        ),
    ] {
        let mut instance = one("old-2", "mord-3", "team");
        instance[wrong] = value;
        assert_eq!(
            put(instance).await,
            said("refused", "import_wrong"),
            "{wrong}"
        );
    }
    assert_eq!(app.everything().await.1.len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_list_of_instances_is_told_by_its_place() {
    let app = App::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = written(
        folder.path(),
        &json!([{"id": "old-1", "access": "SECRET-1"}]),
    );
    let (code, out, err) = typed(&app, &["instance", "import", &file]).await;
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("not a list of instances at 1:"), "{err}");
    assert!(!err.contains("SECRET"), "{err}");
    app.stop().await;
}
