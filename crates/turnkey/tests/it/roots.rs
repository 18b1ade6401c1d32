//! A dialect with a root answers for every path there, and for what the door refuses: JD Cloud's
//! SDKs read nothing but its envelope.

use turnkey::http::gateway::QUERY_BYTES_MAX;
use turnkey::http::server::DoorLimits;

use crate::app::{App, TOKENS};
use crate::openapi::refusal;
use crate::wire::{Answer, exchange, get};

/// A storefront, beside a listing with a path.
const SHOP: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes]
    driver = "demo"
    [product.notes.plan.team]
    [listing.bastion]
    dialect = "jdcloud-bastion"
    product = "notes"
    regions = { cn-north-1 = ["cn-north-1a"] }
    payment = "trusted"
    [[listing.bastion.offer]]
    spec = "basic"
    plan = "team"
    [account.acme]
    access_key = "acme-ak"
    secret_key = { value = "0qf1b8JcVh5TgW2x" }
    [listing.notes]
    dialect = "qingcloud-market"
    product = "notes"
    any_plan = "team"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
"#;

async fn shop() -> App {
    let folder = tempfile::tempdir().expect("a folder");
    App::start_in(folder, &format!("{SHOP}{TOKENS}"), DoorLimits::default()).await
}

async fn send(app: &App, line: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: bastion\r\n{headers}content-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    exchange(app.address, &[head.as_bytes(), body].concat()).await
}

/// The status word and the name of the exchange of a refusal with `status`.
fn envelope(answer: &Answer, status: u16) -> (String, String) {
    assert_eq!(answer.status, status, "{answer:?}");
    refusal(answer)
}

#[tokio::test]
async fn every_path_below_a_root_is_the_dialects_whatever_the_method() {
    let app = shop().await;
    let mut names = std::collections::BTreeSet::new();
    let paths = [
        "/v1",
        "/v1/",
        "/v1/regions/cn-north-1/bastion",
        "/v1/a%2Fb",
        "/%761/regions//x",
    ];
    for path in paths {
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "BREW"] {
            let answer = send(&app, &format!("{method} {path}"), "", b"").await;
            let (word, name) = envelope(&answer, 401);
            assert_eq!(word, "ACCESS_ERROR", "{method} {path}");
            names.insert(name);
        }
    }
    assert_eq!(names.len(), 35, "every exchange has a name of its own");
    for path in ["/v1x", "/v2/regions", "//v1", "/spi/v1", "/v1%2Fregions"] {
        let answer = get(app.address, path).await;
        assert_eq!(answer.body, "there is no listing at this path\n", "{path}");
    }
    let other = get(app.address, "/spi/notes").await;
    other.refused(401);
    assert!(!other.head.contains("x-jdcloud-request-id"), "{other:?}");
    app.stop().await;
}

#[tokio::test]
async fn what_the_door_refuses_below_a_root_is_in_the_dialects_words() {
    let app = shop().await;
    let path = "/v1/regions/cn-north-1/instances";
    let post = format!("POST {path}");
    let (word, _) = envelope(&send(&app, &post, "", &vec![b' '; 1024 * 1024]).await, 401);
    assert_eq!(word, "ACCESS_ERROR", "a mebibyte is read");

    let huge = send(&app, &post, "", &vec![b' '; 1024 * 1024 + 1]).await;
    assert_eq!(envelope(&huge, 413).0, "HTTP_REQUEST_ENTITY_TOO_LARGE");

    let room = "a".repeat(QUERY_BYTES_MAX - path.len() - 1);
    let long = |room: &str| format!("GET {path}/{room}");
    let (word, _) = envelope(&send(&app, &long(&room), "", b"").await, 401);
    assert_eq!(word, "ACCESS_ERROR", "so long a path fits");
    for line in [long(&format!("{room}a")), format!("GET {path}?{room}aa")] {
        let answer = send(&app, &line, "", b"").await;
        assert_eq!(envelope(&answer, 414).0, "HTTP_URI_TOO_LONG");
    }
    let coded = send(&app, &post, "content-encoding: gzip\r\n", b"").await;
    envelope(&coded, 400);
    app.stop().await;
}

#[tokio::test]
async fn without_such_a_listing_there_is_nothing_at_the_root() {
    let app = App::start().await;
    let answer = get(app.address, "/v1/regions/cn-north-1/instances").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (404, "there is no listing at this path\n")
    );
    app.stop().await;
}

/// The call log has the method, the path and the body; what proves the sender is masked.
#[tokio::test]
async fn a_call_below_a_root_is_logged_whole_but_for_its_signature() {
    let app = shop().await;
    let body = br#"{"desc" : "\u63cf"}"#;
    let headers = "authorization: JDCLOUD3-HMAC-SHA256 Credential=AK/20260131/cn-north-1/bastion/\
                   jdcloud3_request, SignedHeaders=x-jdcloud-date, Signature=5ec7e7\r\n\
                   x-jdcloud-security-token: 5ec7e7\r\n";
    let line = "PATCH /v1/regions/cn-north-1/bastion/b-1%3Ax?instanceId=b-1";
    let answer = send(&app, line, headers, body).await;
    assert_ne!(answer.status, 200, "{answer:?}");
    let list = admin(&app, "/api/v1/calls").await;
    let id = list.json()["items"][0]["id"]
        .as_str()
        .expect("a call")
        .to_owned();
    let told = admin(&app, &format!("/api/v1/calls/{id}")).await.json();
    let request = told["request"].as_str().expect("a request");
    assert!(
        request.starts_with(&format!("{line} HTTP/1.1\n")),
        "{request}"
    );
    assert!(
        request.ends_with("\n\n{\"desc\" : \"\\u63cf\"}"),
        "{request}"
    );
    assert!(
        request.contains("SignedHeaders=x-jdcloud-date, Signature=********"),
        "{request}"
    );
    assert!(!request.contains("5ec7e7"), "{request}");
    app.stop().await;
}

async fn admin(app: &App, path: &str) -> Answer {
    let token = crate::app::VIEWER;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: turnkey\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    exchange(app.admin, request.as_bytes()).await
}
