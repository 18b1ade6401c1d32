//! Every route × every role, made from the OpenAPI document: a new route is in it by itself.

use serde_json::Value;
use turnkey::http::admin::document;

use crate::app::{ADMIN, App, OPERATOR, VIEWER};
use crate::wire::get;

/// Every route that there is, with the role that it needs. A new route needs a line here: whoever
/// writes one says once more who may use it.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/api/v1/accounts", "viewer"),
    ("POST", "/api/v1/accounts", "operator"),
    ("GET", "/api/v1/accounts/{name}", "viewer"),
    ("POST", "/api/v1/accounts/{name}/disable", "operator"),
    ("POST", "/api/v1/accounts/{name}/drop-old", "operator"),
    ("POST", "/api/v1/accounts/{name}/enable", "operator"),
    ("POST", "/api/v1/accounts/{name}/rotate", "operator"),
    ("GET", "/api/v1/calls", "viewer"),
    ("GET", "/api/v1/calls/{id}", "viewer"),
    ("GET", "/api/v1/calls/{id}/explanation", "operator"),
    ("GET", "/api/v1/calls/{id}/request", "operator"),
    ("GET", "/api/v1/clock", "viewer"),
    ("POST", "/api/v1/clock/advance", "admin"),
    ("GET", "/api/v1/events", "viewer"),
    ("GET", "/api/v1/instances", "viewer"),
    ("POST", "/api/v1/instances", "operator"),
    ("GET", "/api/v1/instances/{id}", "viewer"),
    ("GET", "/api/v1/instances/{id}/access", "operator"),
    ("POST", "/api/v1/instances/{id}/deliver", "operator"),
    ("POST", "/api/v1/instances/{id}/release", "operator"),
    ("POST", "/api/v1/instances/{id}/renew", "operator"),
    ("GET", "/api/v1/listings", "viewer"),
    ("GET", "/api/v1/openapi.json", "viewer"),
    ("GET", "/api/v1/operations", "viewer"),
    ("GET", "/api/v1/operations/{id}", "viewer"),
    ("POST", "/api/v1/operations/{id}/retry", "operator"),
    ("GET", "/api/v1/orders", "viewer"),
    ("GET", "/api/v1/orders/{id}", "viewer"),
    ("POST", "/api/v1/orders/{id}/cancel", "operator"),
    ("POST", "/api/v1/orders/{id}/pay", "operator"),
    ("GET", "/api/v1/products", "viewer"),
    ("GET", "/api/v1/purchases", "viewer"),
    ("GET", "/api/v1/purchases/{id}", "viewer"),
    ("GET", "/api/v1/secrets", "viewer"),
    ("GET", "/api/v1/stock", "viewer"),
    ("POST", "/api/v1/stock", "operator"),
    ("GET", "/api/v1/stock/levels", "viewer"),
    ("GET", "/api/v1/sweeper", "viewer"),
    ("POST", "/api/v1/sweeper/resume", "operator"),
];

/// The tokens that may be tried, with what each opens.
const TOKENS: [(Option<&str>, usize); 6] = [
    (None, 0),
    (Some(""), 0),
    (Some("4444444444444444444444444444nobody"), 0),
    (Some(VIEWER), 1),
    (Some(OPERATOR), 2),
    (Some(ADMIN), 3),
];

fn rank(role: &str) -> usize {
    let roles = ["viewer", "operator", "admin"];
    1 + roles.iter().position(|r| *r == role).expect("a known role")
}

/// Method, path and role of every operation in the document.
fn documented() -> Vec<(String, String, String)> {
    let document = serde_json::to_value(document()).expect("a document");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let role = operation["x-turnkey-role"].as_str().expect("a role");
            assert_eq!(operation["security"][0]["bearer"][0], role, "{path}");
            routes.push((method.to_uppercase(), path.clone(), role.to_owned()));
        }
    }
    routes
}

#[test]
fn every_route_is_in_the_table_above() {
    let mut documented = documented();
    documented.sort();
    let owned =
        |(m, p, r): &(&str, &str, &str)| ((*m).to_owned(), (*p).to_owned(), (*r).to_owned());
    let mut listed: Vec<_> = ROUTES.iter().map(owned).collect();
    listed.sort();
    assert_eq!(documented, listed);
}

#[tokio::test]
async fn a_route_opens_to_its_role_and_to_none_below() {
    let app = App::start().await;
    for (method, path, role) in ROUTES {
        let at = path
            .replace("{id}", "nobody-has-this-id")
            .replace("{name}", "nobody-has-this-name");
        for (token, opens) in TOKENS {
            let answer = app.admin(method, &at, token, "").await;
            let case = format!("{method} {path} with {token:?}: {answer:?}");
            match opens {
                0 => {
                    assert_eq!(answer.status, 401, "{case}");
                    assert_eq!(answer.json()["error"]["code"], "token_wrong", "{case}");
                    assert!(
                        answer.head.contains("www-authenticate: bearer\r\n"),
                        "{case}"
                    );
                }
                opens if opens < rank(role) => {
                    assert_eq!(answer.status, 403, "{case}");
                    assert_eq!(answer.json()["error"]["code"], "role_low", "{case}");
                }
                _ => assert!(
                    !matches!(answer.status, 0 | 401 | 403 | 405 | 500),
                    "{case}"
                ),
            }
            assert!(
                answer.head.contains("cache-control: no-store\r\n"),
                "{case}"
            );
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn whoever_has_no_token_does_not_learn_what_there_is() {
    let app = App::start().await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1/nothing"),
        ("DELETE", "/api/v1/listings"),
        ("HEAD", "/api/v1/listings"),
    ] {
        let answer = app.admin(method, path, None, "").await;
        assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
    }
    for (method, path) in [("GET", "/api/v1/nothing"), ("DELETE", "/api/v1/listings")] {
        let answer = app.admin(method, path, Some(VIEWER), "").await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["error"]["code"], "route_unknown");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_two_doors_do_not_lead_into_one_another() {
    let app = App::start().await;
    let market = get(app.address, "/api/v1/listings").await;
    assert_eq!(market.status, 404, "{market:?}");
    let admin = app.admin("GET", "/spi/notes", Some(ADMIN), "").await;
    assert_eq!(admin.status, 404, "{admin:?}");
    app.stop().await;
}

#[tokio::test]
async fn listings_and_products_show_no_key() {
    let app = App::start().await;
    let listings = app.seen("/api/v1/listings").await;
    let notes = &listings["items"][0];
    assert_eq!(notes["name"], "notes");
    assert_eq!(notes["url"], "https://deliver.example.com/spi/notes");
    assert_eq!(notes["keys"], 1);
    assert_eq!(notes["offers"][0]["package"], "套餐");
    let products = app.seen("/api/v1/products").await;
    assert_eq!(
        products["items"][0]["listings"],
        serde_json::json!(["notes", "other"])
    );
    assert!(!format!("{listings}{products}").contains(crate::app::KEY));
    app.stop().await;
}

/// OpenAPI 3.1: every reference leads somewhere, every operation has its own name and a summary.
#[tokio::test]
async fn the_document_is_whole() {
    let app = App::start().await;
    let document = app.seen("/api/v1/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let tag = operation["tags"][0].as_str().expect("a tag");
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(
                !tag.is_empty() && operation["summary"].is_string(),
                "{operation}"
            );
        }
    }
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let at = reference.strip_prefix('#').expect("a reference within");
        assert!(document.pointer(at).is_some(), "{reference} leads nowhere");
    }
    app.stop().await;
}
