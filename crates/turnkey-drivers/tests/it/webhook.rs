//! The `webhook` driver against a hook that verifies as the specification's own library does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use turnkey_core::ports::{Driver as _, Verdict, Work};
use turnkey_core::{Access, OperationKind, UtcMillis};
use turnkey_drivers::{WebhookDriver, WebhookSecret, WebhookSecretError, WebhookSettings};
use turnkey_testkit::ManualClock;

use crate::hook::{Asked, Hook, response};
use crate::work;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The specification's library looks at the machine's own clock, so calls are signed by it.
#[expect(
    clippy::disallowed_methods,
    reason = "what verifies has no other clock"
)]
fn wall() -> UtcMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UtcMillis(since.expect("after 1970").as_millis() as i64)
}

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).expect("a secret")
}

fn driver_within(url: &str, timeout: Duration) -> WebhookDriver {
    driver_with(
        url,
        timeout,
        &Arc::new(ArcSwap::from_pointee(secret(SECRET))),
    )
}

fn driver_with(
    url: &str,
    timeout: Duration,
    secret: &Arc<ArcSwap<WebhookSecret>>,
) -> WebhookDriver {
    let settings = WebhookSettings {
        url: url.to_owned(),
        secret: Arc::clone(secret),
        timeout,
        params: BTreeMap::from([("team".to_owned(), json!({"seats": 10}))]),
    };
    WebhookDriver::new(settings, Arc::new(ManualClock::at(wall()))).expect("a client")
}

fn driver(url: &str) -> WebhookDriver {
    driver_within(url, Duration::from_secs(600))
}

async fn answered(status: u16, headers: &str, body: &str, work: Work) -> Verdict {
    let hook = Hook::saying(status, headers, body).await;
    driver(&hook.url).drive(work).await
}

async fn provisioned(status: u16, headers: &str, body: &str) -> Verdict {
    answered(status, headers, body, work(OperationKind::Provision)).await
}

fn note(verdict: Verdict) -> String {
    match verdict {
        Verdict::Retry(note) => note,
        Verdict::Done(_) | Verdict::NotYet(_) | Verdict::No(_) => panic!("{verdict:?}"),
    }
}

/// Whether the specification's own library takes the call for genuine.
fn verified(asked: &Asked) -> Result<(), standardwebhooks::WebhookError> {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in &asked.headers {
        let name: reqwest::header::HeaderName = name.parse().expect("a name");
        headers.insert(name, value.parse().expect("a value"));
    }
    Webhook::new(SECRET)
        .expect("a secret")
        .verify(&asked.body, &headers)
}

/// A vendor as it should be: verifies, and remembers by `webhook-id` what it answered.
async fn honest_vendor() -> Hook {
    let made = std::sync::Mutex::new(BTreeMap::<String, String>::new());
    Hook::start(move |asked| {
        if let Err(error) = verified(asked) {
            return response(401, "", &json!({"message": error.to_string()}).to_string());
        }
        let mut made = made.lock().unwrap();
        let password = format!("secret-{}", made.len());
        let key = asked.headers["webhook-id"].clone();
        let password = made.entry(key).or_insert(password);
        let access = json!({"front_end": {"url": "https://saas.example/", "password": password}});
        response(200, "", &json!({"access": access}).to_string())
    })
    .await
}

#[tokio::test]
async fn a_secret_that_is_swapped_signs_the_next_call() {
    let hook = honest_vendor().await;
    let other = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let held = Arc::new(ArcSwap::from_pointee(other));
    let driver = driver_with(&hook.url, Duration::from_secs(600), &held);
    let ask = async || driver.drive(work(OperationKind::Provision)).await;
    assert!(matches!(ask().await, Verdict::Retry(_)), "401: not genuine");
    held.store(Arc::new(secret(SECRET)));
    assert!(matches!(ask().await, Verdict::Done(Some(_))));
}

#[tokio::test]
async fn the_specifications_own_library_verifies_what_is_asked() {
    let hook = honest_vendor().await;
    let verdict = driver(&hook.url)
        .drive(work(OperationKind::Provision))
        .await;
    assert!(matches!(verdict, Verdict::Done(Some(_))), "{verdict:?}");
    let asked = hook.asked().remove(0);
    assert_eq!(asked.line, "POST /hook HTTP/1.1");
    assert_eq!(asked.headers["webhook-id"], "op-1");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert!(!asked.headers.contains_key("accept-encoding"), "{asked:?}");
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    assert_eq!(
        body,
        json!({
            "operation": "op-1",
            "kind": "provision",
            "dry_run": false,
            "attempt": 1,
            "instance": {
                "id": "i-1",
                "product": "notes",
                "plan": "team",
                "params": {"seats": 10},
                "buyer": "usr-\"1\"\n",
                "term": {"starts_at": "2026-01-31T04:00:00Z", "ends_at": "2026-02-28T04:00:00Z"},
                "context": {"region": "北京"},
            },
            "order": {"key": "mord-1", "listing": "notes-market", "unit": 1, "period": "1_month"},
            "access": null,
        })
    );

    let mut changed = asked.clone();
    changed.body.push(b' ');
    assert!(verified(&changed).is_err(), "the body is signed");
    let mut changed = asked;
    changed
        .headers
        .insert("webhook-id".to_owned(), "op-2".to_owned());
    assert!(verified(&changed).is_err(), "and so is the key");
}

#[tokio::test]
async fn asked_twice_also_at_once_one_key_has_one_answer() {
    let hook = honest_vendor().await;
    let driver = driver(&hook.url);
    let mut again = work(OperationKind::Provision);
    again.attempt = 2;
    let (first, second) = tokio::join!(
        driver.drive(work(OperationKind::Provision)),
        driver.drive(again.clone())
    );
    assert!(matches!(first, Verdict::Done(Some(_))), "{first:?}");
    assert_eq!(first, second);
    assert_eq!(driver.drive(again).await, first);
    let ids: Vec<_> = hook
        .asked()
        .into_iter()
        .map(|asked| asked.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids, ["op-1", "op-1", "op-1"]);
}

#[tokio::test]
async fn every_answer_means_what_the_table_says() {
    let full = r#"{"access":{"front_end":{"url":"u","username":"n","password":"p"},"admin":{"url":"a"},"auth_url":"s","extra":{"k":"v"}}}"#;
    let Verdict::Done(Some(access)) = provisioned(200, "", full).await else {
        panic!("not done");
    };
    assert_eq!(access.front_end.password.as_deref(), Some("p"));
    assert_eq!(access.auth_url.as_deref(), Some("s"));
    let empty = r#"{"access":{}}"#;
    let nothing = Verdict::Done(Some(Access::default()));
    assert_eq!(provisioned(200, "", empty).await, nothing);
    assert_eq!(
        answered(200, "", empty, work(OperationKind::Renew)).await,
        Verdict::Done(None),
        "a renewal that hands over nothing leaves the buyer what there is"
    );

    for status in [422, 410] {
        assert_eq!(
            provisioned(status, "", r#"{"message":"sold out"}"#).await,
            Verdict::No("sold out".to_owned())
        );
        assert_eq!(
            provisioned(status, "", "<h1>No</h1>").await,
            Verdict::No(String::new())
        );
    }
    for (status, headers, body) in [
        (200, "", ""),
        (200, "", "{}"),
        (200, "", r#"{"access":null}"#),
        (200, "", r#"{"access":"hunter22"}"#),
        (200, "", "[]"),
        (200, "", "<h1>Welcome</h1>"),
        (201, "", empty),
        (204, "", ""),
        (301, "location: /elsewhere\r\n", ""),
        (307, "location: /elsewhere\r\n", ""),
        (400, "", ""),
        (401, "", ""),
        (404, "", ""),
        (409, "", r#"{"message":"it is there already"}"#),
        (429, "retry-after: 1\r\n", ""),
        (500, "", empty),
        (503, "", ""),
    ] {
        let said = note(provisioned(status, headers, body).await);
        assert!(said.contains(&status.to_string()), "{said}");
        assert!(!said.contains("hunter22"), "{said}");
    }
}

#[tokio::test]
async fn not_yet_is_asked_again_when_the_vendor_says_or_at_growing_intervals() {
    let again = |headers: &'static str, attempt| async move {
        let mut work = work(OperationKind::Provision);
        work.attempt = attempt;
        match answered(202, headers, "", work).await {
            Verdict::NotYet(Some(ms)) => ms,
            verdict @ (Verdict::NotYet(None)
            | Verdict::Done(_)
            | Verdict::No(_)
            | Verdict::Retry(_)) => panic!("{verdict:?}"),
        }
    };
    assert_eq!(again("retry-after: 17\r\n", 1).await, 17_000);
    assert_eq!(
        again("retry-after: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 1).await,
        0
    );
    let waits = [again("", 1).await, again("", 2).await, again("", 4).await];
    assert_eq!(waits, [5_000, 10_000, 40_000]);
    assert_eq!(again("retry-after: soon\r\n", 5).await, 60_000);
    assert_eq!(again("", u32::MAX).await, 60_000);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = honest_vendor().await;
    let to = format!("location: {}\r\n", elsewhere.url);
    let said = note(provisioned(307, &to, "").await);
    assert!(said.contains("redirects are not followed"), "{said}");
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn an_answer_is_bounded_as_it_arrives_and_never_decoded() {
    let flood = Hook::start(|_| {
        let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..100 {
            endless.extend(format!("1000\r\n{}\r\n", "x".repeat(4096)).bytes());
        }
        endless
    })
    .await;
    let said = note(driver(&flood.url).drive(work(OperationKind::Renew)).await);
    assert!(said.contains("more than 65536 bytes"), "{said}");
    let said = note(provisioned(200, "content-encoding: gzip\r\n", r#"{"access":{}}"#).await);
    assert!(said.contains("content coding"), "{said}");
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(
        provisioned(422, "", &long).await,
        Verdict::No(String::new()),
        "a no is a no, however long"
    );
}

#[tokio::test]
async fn a_hook_that_is_silent_closed_or_breaks_off_is_asked_again_later() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/?key=hunter22",
        silent.local_addr().expect("an address")
    );
    let driver = driver_within(&url, Duration::from_millis(50));
    let said = note(driver.drive(work(OperationKind::Provision)).await);
    assert!(said.contains("did not answer in time"), "{said}");
    assert!(!said.contains("hunter22"), "{said}");
    drop(silent);
    let said = note(driver.drive(work(OperationKind::Provision)).await);
    assert!(said.contains("cannot connect"), "{said}");
    assert!(!said.contains("hunter22"), "{said}");

    let cut = Hook::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()).await;
    let said = note(
        self::driver(&cut.url)
            .drive(work(OperationKind::Provision))
            .await,
    );
    assert!(said.contains("broke off"), "{said}");
}

#[tokio::test]
async fn the_operators_note_has_no_secret_in_it() {
    let mut work = work(OperationKind::Renew);
    let mut access = Access::default();
    access.front_end.password = Some("hunter22".to_owned());
    work.access = Some(access);
    let body = json!({
        "message": "no hunter22 at https://u:p4ss@host/ with api_key=abc123 or n3w-pass, disk full",
        "access": {"front_end": {"password": "n3w-pass"}},
    });
    let said = note(answered(500, "", &body.to_string(), work).await);
    assert!(said.contains("disk full"), "{said}");
    for secret in ["hunter22", "p4ss", "abc123", "n3w-pass"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[tokio::test]
async fn a_secret_is_spelled_as_the_specification_spells_it() {
    let form = Some(WebhookSecretError::Form);
    assert_eq!(WebhookSecret::parse("hunter22").err(), form);
    assert_eq!(
        WebhookSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").err(),
        form
    );
    assert_eq!(WebhookSecret::parse("whsec_not base64").err(), form);
    let length = |n| Some(WebhookSecretError::Length(n));
    assert_eq!(WebhookSecret::parse("whsec_c2hvcnQ=").err(), length(5));
    let long = format!("whsec_{}", "A".repeat(88));
    assert_eq!(WebhookSecret::parse(&long).err(), length(66));
    let secret = WebhookSecret::parse(&format!(" {SECRET}\n")).expect("a secret");
    assert_eq!(format!("{secret:?}"), "WebhookSecret(redacted)");
}
