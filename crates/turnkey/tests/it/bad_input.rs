//! Whatever comes in: bounded, refused in the dialect's own form, and nothing is changed by it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turnkey::http::gateway::QUERY_BYTES_MAX;
use turnkey::http::server::DoorLimits;

use crate::app::{App, KEY};
use crate::wire::{exchange, get, signed};

/// A create that would be good.
const GOOD: [(&str, &str); 8] = [
    ("action", "CreateInstance"),
    ("order_id", "mord-bad"),
    ("qingcloud_uid", "usr-1"),
    ("product_code", "prod-1"),
    ("spec", "规格"),
    ("package", "套餐"),
    ("duration", "1_year"),
    ("debug", "0"),
];

/// `GOOD` with `name` set to `value`.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    GOOD.into_iter()
        .map(|(n, v)| if n == name { (n, value) } else { (n, v) })
        .collect()
}

async fn nothing_is_stored(app: App) {
    let (orders, instances, operations) = app.everything().await;
    assert!(orders.is_empty() && instances.is_empty() && operations.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn every_wrong_value_is_refused_by_name_and_rule() {
    let app = App::start().await;
    let huge = "9".repeat(30) + "_year";
    let long_order = "x".repeat(1025);
    for (name, value, status, message) in [
        (
            "duration",
            "1_fortnight",
            400,
            r#"duration "1_fortnight": unit must be day, month or year"#,
        ),
        ("duration", "0_month", 400, r#"duration "0_month": "#),
        (
            "duration",
            "99999999_year",
            400,
            r#"duration "99999999_year": "#,
        ),
        ("duration", &huge, 400, "duration "),
        ("duration", "-1_year", 400, r#"duration "-1_year": "#),
        ("duration", "1year", 400, r#"duration "1year": "#),
        ("duration", "", 400, "duration"),
        (
            "spec",
            "no such",
            400,
            r#"spec "no such" with package "套餐" is not offered here"#,
        ),
        ("action", "BuyInstance", 400, r#""BuyInstance""#),
        ("action", "", 400, "action"),
        ("debug", "yes", 400, r#"debug "yes""#),
        ("order_id", "", 400, "order_id"),
        ("order_id", &long_order, 400, "order_id"),
        ("order_id", "a\0b", 400, "order_id"),
        ("qingcloud_uid", "", 400, "qingcloud_uid"),
    ] {
        let answer = app.call(&with(name, value)).await;
        let said = answer.refused(status);
        assert!(said.contains(message), "{name}={value:?}: {said}");
    }
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let app = App::start().await;
    for missing in [
        "action",
        "order_id",
        "qingcloud_uid",
        "product_code",
        "spec",
        "package",
        "duration",
    ] {
        let call: Vec<_> = GOOD
            .into_iter()
            .filter(|(name, _)| *name != missing)
            .collect();
        let said = app.call(&call).await.refused(400);
        assert!(said.contains(missing), "{missing}: {said}");
    }
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn nobody_without_the_key_or_the_right_time_gets_in() {
    let app = App::start().await;
    let now = app.now().wall;
    let good = signed(&GOOD, KEY, now);
    let unsigned = good
        .split("&signature=")
        .next()
        .expect("a query")
        .to_owned();
    let (before, at) = (300_000, |ms: i64| turnkey_core::UtcMillis(now.0 + ms));
    for (query, message) in [
        (signed(&GOOD, "another-key", now), "signature"),
        (unsigned.clone(), "signature"),
        (format!("{unsigned}&signature="), "signature"),
        (format!("{unsigned}&signature=AAAA"), "signature"),
        (good.replace("1_year", "9_year"), "signature"),
        (format!("{good}&extra=1"), "signature"),
        (signed(&GOOD, KEY, at(-before - 1000)), "timestamp"),
        (signed(&GOOD, KEY, at(before + 1000)), "timestamp"),
    ] {
        let answer = get(app.address, &format!("/spi/notes?{query}")).await;
        let said = answer.refused(401);
        assert!(said.contains(message), "{query}: {said}");
        assert!(!answer.body.contains(KEY));
    }
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn a_query_that_no_rule_allows_is_malformed() {
    let app = App::start().await;
    let good = signed(&GOOD, KEY, app.now().wall);
    for (query, message) in [
        (format!("{good}&spec=again"), "spec"),
        (format!("{good}&signature=again"), "signature"),
        (format!("{good}&x=%"), "% must be followed"),
        (format!("{good}&x=%G0"), "% must be followed"),
        (format!("{good}&x=%FF%FE"), "UTF-8"),
        (format!("{good}&%FF=x"), "UTF-8"),
    ] {
        let said = get(app.address, &format!("/spi/notes?{query}"))
            .await
            .refused(400);
        assert!(said.contains(message), "{query}: {said}");
    }
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn only_the_dialects_own_method_is_answered() {
    let app = App::start().await;
    let good = signed(&GOOD, KEY, app.now().wall);
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW",
    ] {
        let request = format!(
            "{method} /spi/notes?{good} HTTP/1.1\r\nhost: turnkey\r\nconnection: close\r\n\r\n"
        );
        let answer = exchange(app.address, request.as_bytes()).await;
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
        assert!(
            answer.head.contains("\r\nallow: get\r\n"),
            "{method}: {answer:?}"
        );
    }
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let app = App::start().await;
    let long = format!("/spi/notes?x={}", "a".repeat(QUERY_BYTES_MAX));
    assert!(get(app.address, &long).await.refused(414).contains("8192"));

    let huge = format!("/spi/notes?x={}", "a".repeat(200_000));
    let status = get(app.address, &huge).await.status;
    assert!([414, 431].contains(&status), "{status}");

    let many: String = (0..100).map(|n| format!("x-{n}: y\r\n")).collect();
    let request = format!("GET /spi/notes HTTP/1.1\r\nhost: turnkey\r\n{many}\r\n");
    assert_eq!(exchange(app.address, request.as_bytes()).await.status, 431);

    let big = turnkey_dialects::BODY_BYTES_MAX + 1;
    let request = format!(
        "GET /spi/notes HTTP/1.1\r\nhost: t\r\ncontent-length: {big}\r\nconnection: close\r\n\r\n"
    );
    let body = vec![b'a'; big];
    let answer = exchange(app.address, &[request.as_bytes(), &body].concat()).await;
    assert_eq!(answer.status, 413, "{answer:?}");

    let request = "GET /spi/notes HTTP/1.1\r\nhost: t\r\ncontent-encoding: gzip\r\n\
                   content-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(app.address, request.as_bytes()).await.status, 415);
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn paths_are_taken_as_they_are() {
    let app = App::start().await;
    let good = signed(&[("action", "TestConnection")], KEY, app.now().wall);
    let status = async |path: &str| get(app.address, &format!("{path}?{good}")).await.status;
    assert_eq!(status("/spi/notes").await, 200);
    assert_eq!(
        status("/spi/n%6Ftes").await,
        200,
        "a segment is decoded once"
    );
    for path in [
        "/spi/notes/",
        "/spi//notes",
        "//spi/notes",
        "/spi/./notes",
        "/x/../spi/notes",
        "/spi%2Fnotes",
        "/spi/n%256Ftes",
        "/SPI/notes",
        "/",
        "/spi",
    ] {
        assert_eq!(status(path).await, 404, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_http_at_all_harms_nobody() {
    let head_within = Duration::from_millis(300);
    let app = App::with_limits(DoorLimits {
        head_within,
        ..DoorLimits::default()
    })
    .await;
    for raw in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\r\n\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /spi/notes HTTP/9.9\r\n\r\n",
        b"GET /spi/notes?\xff\xfe=\xff HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        b"GET /spi/notes HTTP/1.1\r\nhost: t\r\ncontent-length: -5\r\n\r\n",
        b"GET /spi/notes HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
    ] {
        let answer = exchange(app.address, raw).await;
        assert!(
            answer.status == 0 || (400..500).contains(&answer.status),
            "{raw:?}: {answer:?}"
        );
    }
    assert_eq!(get(app.address, "/readyz").await.status, 200);
    nothing_is_stored(app).await;
}

#[tokio::test]
async fn who_sends_a_byte_now_and_then_is_cut_off_and_keeps_nobody_out() {
    let limits = DoorLimits {
        head_within: Duration::from_millis(300),
        connections_max: 4,
        ..DoorLimits::default()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (_, toml) = crate::vendor::Vendor::in_folder(&folder);
    let app = App::start_in(folder, &toml, limits).await;
    let mut drips = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(app.address)
            .await
            .expect("the kernel queues it");
        stream
            .write_all(b"GET /spi/notes HTT")
            .await
            .expect("it takes a few bytes");
        drips.push(stream);
    }
    // All places are taken by those who drip; each is cut off, then the next comes in.
    assert_eq!(get(app.address, "/healthz").await.status, 200);
    for stream in &mut drips {
        let mut said = Vec::new();
        // Cut off is cut off, with or without a word.
        let _ = stream.read_to_end(&mut said).await;
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    }
    app.stop().await;
}
