//! Slow products through the real door: a create that holds, its links, and what becomes of them.

use serde_json::Value;
use turnkey::http::server::DoorLimits;
use turnkey_core::InstanceState;
use turnkey_dialects::query::pair;

use crate::app::{App, KEY, OPERATOR, TOKENS};
use crate::vendor::Vendor;
use crate::wire::{Answer, exchange, get, signed_as_sent};

const DAY_MS: u64 = 24 * 3_600_000;

/// Another listing of the same product, at AppCenter.
const APPCENTER: &str = r#"
    [vendor]
    name = "Example <Software>"
    contact = "support@example.com"
    [listing.app]
    dialect = "qingcloud-appcenter"
    product = "notes"
    any_plan = "team"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
"#;

/// A shop that holds, with a vendor who takes as long as the test says.
async fn shop() -> (App, Vendor) {
    let folder = tempfile::tempdir().expect("a folder");
    let (vendor, toml) = Vendor::in_folder(&folder);
    let toml = toml.replace("slow = \"wait\"", "slow = \"hold\"") + APPCENTER + TOKENS;
    let app = App::start_in(folder, &toml, DoorLimits::default()).await;
    (app, vendor)
}

/// A create whose marketplace waits in vain.
async fn held(app: &App, vendor: &Vendor) -> Answer {
    let (answer, ()) = tokio::join!(app.create("mord-1", "1_year"), async {
        vendor.began("provision").await;
        app.clock.advance(12_000);
    });
    answer
}

/// The path of the link that `url` is.
fn path(url: &Value) -> &str {
    let url = url.as_str().expect("a link");
    let path = url.strip_prefix("https://deliver.example.com");
    let path = path.expect("a link of this server");
    assert!(path.starts_with("/i/"), "{path}");
    path
}

/// Opens `path` as a browser that would rather read `language`.
async fn browse(app: &App, method: &str, path: &str, language: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: turnkey\r\nconnection: close\r\naccept: text/html\r\n\
         accept-language: {language}\r\ncontent-length: 0\r\n\r\n"
    );
    exchange(app.address, request.as_bytes()).await
}

async fn delivered(app: &App) {
    while !app.everything().await.2.is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn failed(app: &App) {
    while app.everything().await.1[0].state != InstanceState::Failed {
        tokio::task::yield_now().await;
    }
}

/// The kinds of the events that were kept, newest first.
async fn events(app: &App) -> Vec<String> {
    let page = app.seen("/api/v1/events").await;
    let items = page["items"].as_array().expect("events");
    let kind = |event: &Value| event["kind"].as_str().expect("a kind").to_owned();
    items.iter().map(kind).collect()
}

#[tokio::test]
async fn ten_minutes_are_no_matter_and_the_link_leads_there() {
    let (app, vendor) = shop().await;
    let first = held(&app, &vendor).await;
    let id = first.instance();
    let info = &first.json()["instanceInfo"];
    assert_eq!(
        (&info["username"], &info["password"]),
        (&"".into(), &"".into())
    );
    let link = path(&info["frontEndUrl"]).to_owned();
    assert_ne!(info["frontEndUrl"], info["adminUrl"]);

    // A repeat is given the same links, and the driver is not asked again.
    app.clock.advance(300_000);
    let (repeat, ()) = tokio::join!(app.create("mord-1", "1_year"), async {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        app.clock.advance(12_000);
    });
    assert_eq!(repeat.json(), first.json());

    let page = browse(&app, "GET", &link, "en").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.head.contains("\r\nrefresh: "), "{page:?}");
    assert!(
        page.body.contains("Your instance is being prepared"),
        "{page:?}"
    );
    assert!(page.body.contains("Example &#60;Software&#62;"), "{page:?}");
    let chinese = browse(&app, "GET", &link, "zh-CN,zh;q=0.9,en;q=0.8").await;
    assert!(chinese.body.contains("您的实例正在准备中"), "{chinese:?}");

    app.clock.advance(288_000);
    vendor.go("");
    delivered(&app).await;
    let runs = vendor.runs();
    // Its lease ended more than once meanwhile; whoever asked then asked with the same key.
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
    let page = browse(&app, "GET", &link, "en").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("Show account and password"), "{page:?}");
    assert!(!page.body.contains("hunter22"), "{page:?}");
    // What is no browser is forwarded at once.
    let forwarded = get(app.address, &link).await;
    assert_eq!(forwarded.status, 303, "{forwarded:?}");
    assert!(
        forwarded
            .head
            .contains("\r\nlocation: https://saas.example/"),
        "{forwarded:?}"
    );

    // The real access from now on, under the same id.
    let now = app.create("mord-1", "1_year").await;
    assert_eq!(now.instance(), id);
    assert!(now.body.contains("hunter22"), "{now:?}");

    assert_eq!(app.delete(&id).await.status, 200);
    delivered(&app).await;
    assert_eq!(browse(&app, "GET", &link, "en").await.status, 410);
    app.stop().await;
}

#[tokio::test]
async fn the_account_is_shown_when_asked_for_and_only_for_a_while() {
    let (app, vendor) = shop().await;
    let answer = held(&app, &vendor).await.json();
    let info = &answer["instanceInfo"];
    let (front, admin) = (path(&info["frontEndUrl"]), path(&info["adminUrl"]));
    let early = browse(&app, "POST", front, "en").await;
    assert!(early.body.contains("being prepared"), "{early:?}");
    vendor.go("");
    delivered(&app).await;

    for _ in 0..2 {
        let shown = browse(&app, "POST", front, "en").await;
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("hunter22"), "{shown:?}");
    }
    assert_eq!(events(&app).await, ["access_revealed", "access_revealed"]);
    // It shows only its own part: there is no account for the administration.
    let other = browse(&app, "POST", admin, "en").await;
    assert!(!other.body.contains("hunter22"), "{other:?}");
    // Once somebody has seen it, a browser goes where it leads.
    assert_eq!(browse(&app, "GET", front, "en").await.status, 303);
    let again = browse(&app, "GET", &format!("{front}/account"), "en").await;
    assert!(again.body.contains("Show account"), "{again:?}");

    app.clock.advance(7 * DAY_MS);
    let late = browse(&app, "POST", front, "en").await;
    assert!(!late.body.contains("hunter22"), "{late:?}");
    assert!(late.body.contains("support@example.com"), "{late:?}");
    assert_eq!(
        events(&app).await.len(),
        2,
        "nothing was shown, nothing is kept"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_failure_after_a_hold_is_told_and_a_retry_completes_the_same_instance() {
    let (app, vendor) = shop().await;
    let answer = held(&app, &vendor).await;
    let (id, body) = (answer.instance(), answer.json());
    let link = path(&body["instanceInfo"]["frontEndUrl"]);
    vendor.refuse("provision");
    vendor.go("");
    failed(&app).await;
    let page = browse(&app, "GET", link, "en").await;
    assert!(page.body.contains("could not be set up yet"), "{page:?}");
    assert!(page.body.contains("mailto:support@example.com"), "{page:?}");
    assert!(
        !page.body.contains("no provision today"),
        "the vendor's words are the operator's"
    );
    let kept = events(&app).await;
    assert!(
        kept.contains(&"delivered_in_name_only".to_owned()),
        "{kept:?}"
    );
    let alarms = app.store.alarm_list(10).await.expect("alarms");
    assert_eq!(alarms.len(), 1);

    std::fs::remove_file(vendor.folder.join("refuse.provision")).expect("a vendor who mends it");
    let operation = vendor.runs()[0].1.clone();
    let retry = format!("/api/v1/operations/{operation}/retry");
    let retried = app.admin("POST", &retry, Some(OPERATOR), "").await;
    assert_eq!(retried.status, 200, "{retried:?}");
    delivered(&app).await;
    assert_eq!(get(app.address, link).await.status, 303);
    assert_eq!(app.create("mord-1", "1_year").await.instance(), id);
    assert!(app.store.alarm_list(10).await.expect("alarms").is_empty());
    app.stop().await;
}

#[tokio::test]
async fn appcenter_is_held_too_and_a_sign_on_waits_with_its_query() {
    let (app, vendor) = shop().await;
    let at = jiff::Timestamp::from_millisecond(app.now().wall.0).expect("a time");
    let stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut segments: Vec<String> = [
        "user_id=usr-1",
        "action=CreateAppInstance",
        "spec=c3BlYw%3D%3D",
        "period=1_month",
        "app_id=app-1",
        "order_id=aord-1",
        "cloud_info=e30%3D",
    ]
    .map(str::to_owned)
    .to_vec();
    segments.push(pair("time_stamp", &stamp));
    let query = signed_as_sent("GET\n", &segments, KEY);
    let url = format!("/spi/app?{query}");
    let (answer, ()) = tokio::join!(get(app.address, &url), async {
        vendor.began("provision").await;
        app.clock.advance(5_000);
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["success"], true, "{body}");
    let account = &body["appInfo"]["frontEnd"];
    assert!(path(&account["url"]).len() > 3 && account["password"].is_null());
    let sign_on = path(&body["appInfo"]["authUrl"]);
    let early = get(app.address, &format!("{sign_on}?token=%2f+1")).await;
    assert_eq!(early.status, 503, "{early:?}");
    assert!(early.head.contains("\r\nretry-after: "), "{early:?}");
    vendor.go("");
    delivered(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn whoever_has_no_link_learns_nothing() {
    let (app, vendor) = shop().await;
    let answer = held(&app, &vendor).await.json();
    let link = path(&answer["instanceInfo"]["frontEndUrl"]).to_owned();
    let strangers = [
        "/i/",
        "/i/x",
        "/i/00000000000000000000000000000000",
        "/i/../healthz/x",
    ];
    let mut bodies = Vec::new();
    for stranger in strangers {
        let page = browse(&app, "GET", stranger, "en").await;
        assert_eq!(page.status, 404, "{stranger}");
        if stranger.starts_with("/i/") {
            bodies.push(page.body);
        }
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
    let refused = browse(&app, "DELETE", &link, "en").await;
    assert_eq!(refused.status, 405);
    assert!(refused.head.contains("\r\nallow: get, post"), "{refused:?}");
    let page = browse(&app, "GET", &link, "en").await;
    for header in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-robots-tag: noindex",
        "content-security-policy: default-src 'none'; ",
        "frame-ancestors 'none'",
    ] {
        assert!(page.head.contains(header), "{header}: {page:?}");
    }
    assert!(!page.body.contains("<script"), "{page:?}");
    vendor.go("");
    delivered(&app).await;
    app.stop().await;
}
