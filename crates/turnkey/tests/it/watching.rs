//! Watching, through the real doors: what `/metrics` counts, and what the call log keeps and shows.

use turnkey::http::server::DoorLimits;

use crate::app::{App, KEY, TOKENS, VIEWER};
use crate::vendor::Vendor;
use crate::wire::{get, signed};

impl App {
    /// One line of `/metrics`, as a scraper on this machine gets it.
    async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no {name} in:\n{text}"));
        value.parse().expect("a number")
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = get(self.admin, "/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("application/openmetrics-text"));
        answer.body
    }
}

#[tokio::test]
async fn calls_are_counted_by_what_they_asked_and_how_they_ended() {
    let app = App::start().await;
    let calls = |action, result| {
        let name = format!(
            "turnkey_calls_total{{dialect=\"qingcloud-market\",action=\"{action}\",result=\"{result}\"}}"
        );
        let app = &app;
        async move { app.metric(&name).await }
    };
    assert_eq!(calls("create", "ok").await, 0.0, "zero is said too");
    app.create("mord-1", "1_month").await;
    app.create("mord-1", "1_month").await;
    app.create("mord-1", "1_year").await;
    app.expire("i-nobody").await;
    assert_eq!(calls("create", "ok").await, 2.0);
    assert_eq!(calls("create", "conflict").await, 1.0);
    assert_eq!(calls("suspend", "unknown").await, 1.0);
    assert_eq!(
        app.metric("turnkey_duplicates_total{listing=\"notes\"}")
            .await,
        1.0
    );
    let last = app.metric("turnkey_last_call_timestamp{listing=\"notes\"}");
    assert_eq!(last.await, (app.now().wall.0 / 1000) as f64);
    let used = "turnkey_secret_last_used_timestamp{listing=\"notes\",key=\"current\"}";
    assert_eq!(app.metric(used).await, (app.now().wall.0 / 1000) as f64);
    let seconds = "{dialect=\"qingcloud-market\",action=\"create\"";
    let count = app
        .metric(&format!("turnkey_call_seconds_count{seconds}}}"))
        .await;
    let labels = seconds.trim_start_matches('{');
    let in_all = format!("turnkey_call_seconds_bucket{{le=\"+Inf\",{labels}}}");
    assert_eq!((count, app.metric(&in_all).await), (3.0, 3.0));
    assert_eq!(app.metric("turnkey_call_log_dropped_total").await, 0.0);

    get(app.address, "/spi/notes?action=CreateInstance").await;
    let wrong = signed(&[("action", "TestConnection")], "wrong", app.now().wall);
    get(app.address, &format!("/spi/notes?{wrong}")).await;
    app.call_signed_at(
        &[("action", "TestConnection")],
        app.now().wall.plus_ms(86_400_000),
    )
    .await;
    for reason in ["signature_missing", "signature_wrong", "timestamp_future"] {
        let failures =
            format!("turnkey_signature_failures_total{{listing=\"notes\",reason=\"{reason}\"}}");
        assert_eq!(app.metric(&failures).await, 1.0, "{reason}");
    }
    assert_eq!(calls("other", "unauthentic").await, 3.0);
    app.stop().await;
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_a_viewer() {
    let app = App::start().await;
    let proxied = |bearer: &str| {
        let request = format!(
            "GET /metrics HTTP/1.1\r\nhost: turnkey\r\nconnection: close\r\n\
             x-forwarded-for: 203.0.113.9\r\n{bearer}\r\n"
        );
        async move {
            crate::wire::exchange(app.admin, request.as_bytes())
                .await
                .status
        }
    };
    assert_eq!(proxied("").await, 401, "a proxy speaks for somebody else");
    let viewer = format!("authorization: Bearer {VIEWER}\r\n");
    assert_eq!(proxied(&viewer).await, 200);
    assert_eq!(get(app.address, "/metrics").await.status, 404);
}

#[tokio::test]
async fn every_call_is_logged_and_what_proves_its_sender_is_masked() {
    let app = App::start().await;
    let instance = app.create("mord-1", "1_month").await.instance();
    app.create("mord-1", "1_month").await;
    app.renew("mord-2", &instance, "1_month").await;
    app.create("mord-1", "1_year").await;
    let wrong = signed(&[("action", "TestConnection")], "wrong", app.now().wall);
    let signature = wrong.split_once("signature=").expect("one").1.to_owned();
    get(app.address, &format!("/spi/notes?{wrong}")).await;

    let page = app.seen("/api/v1/calls").await;
    let calls = page["items"].as_array().expect("calls");
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            let text = |name: &str| call[name].as_str().unwrap_or("-").to_owned();
            let (action, result) = (text("action"), text("result"));
            let (order, code) = (text("order"), text("code"));
            format!(
                "{action} {result} {} {order} {code} {}",
                call["status"], call["flags"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "other unauthentic 401 - signature_wrong []",
            "create conflict 409 mord-1 order_content_differs []",
            "renew ok 200 mord-2 - []",
            "create ok 200 mord-1 - [\"repeat\"]",
            "create ok 200 mord-1 - []",
        ]
    );
    assert!(calls[1..].iter().all(|call| call["listing"] == "notes"));
    assert_eq!(calls[2]["instance"], instance.as_str());
    assert_eq!(calls[4]["instance"], instance.as_str());

    // Page by page, and filtered.
    let first = app.seen("/api/v1/calls?limit=2").await;
    let next = first["next"].as_str().expect("there is more");
    let second = app
        .seen(&format!("/api/v1/calls?limit=3&after={next}"))
        .await;
    assert_eq!(second["items"].as_array().expect("calls")[..], calls[2..]);
    assert!(second.get("next").is_none());
    for (filter, count) in [
        ("order=mord-1", 3),
        ("action=renew", 1),
        ("result=ok&order=mord-1", 2),
        ("listing=other", 0),
    ] {
        let found = app.seen(&format!("/api/v1/calls?{filter}")).await;
        assert_eq!(
            found["items"].as_array().expect("calls").len(),
            count,
            "{filter}"
        );
    }

    for call in calls {
        let id = call["id"].as_str().expect("an id");
        let shown = app.seen(&format!("/api/v1/calls/{id}")).await;
        let request = shown["request"].as_str().expect("a request");
        assert!(request.starts_with("GET /spi/notes?"), "{request}");
        assert!(
            request.contains("&signature=******** HTTP/1.1"),
            "{request}"
        );
    }
    let refused = calls[0]["id"].as_str().expect("an id");
    let shown = app
        .seen(&format!("/api/v1/calls/{refused}"))
        .await
        .to_string();
    assert!(
        !shown.contains(&signature) && !shown.contains(KEY),
        "{shown}"
    );
    let nobody = app
        .admin("GET", "/api/v1/calls/c-1", Some(VIEWER), "")
        .await;
    assert_eq!(nobody.status, 404);
    app.stop().await;
}

impl App {
    /// Waits until `turnkey_alarms` says that there are `count` of `kind`; time goes on meanwhile.
    async fn alarms(&self, kind: &str, count: f64) {
        let name = format!("turnkey_alarms{{kind=\"{kind}\"}}");
        for _ in 0..2_000 {
            if self.metric(&name).await == count {
                return;
            }
            self.clock.advance(1_000);
        }
        panic!("never {count} alarms of {kind}");
    }
}

#[tokio::test]
async fn silence_and_refused_signatures_are_alarming_until_they_are_over() {
    let app = App::start().await;
    app.create("mord-1", "1_month").await;
    for _ in 0..10 {
        let wrong = signed(&[("action", "TestConnection")], "wrong", app.now().wall);
        get(app.address, &format!("/spi/notes?{wrong}")).await;
    }
    app.alarms("signatures_refused", 1.0).await;
    app.clock.advance(600_000);
    app.alarms("signatures_refused", 0.0).await;
    app.clock.advance(30 * 86_400_000);
    app.alarms("silence", 1.0).await;
    app.create("mord-2", "1_month").await;
    app.alarms("silence", 0.0).await;
    let page = app.seen("/api/v1/events").await;
    let events = page["items"].as_array().expect("events");
    let kinds: Vec<_> = events.iter().map(|event| &event["kind"]).collect();
    let turn = ["alarm_cleared", "alarm_raised"];
    assert_eq!(kinds, [turn, turn].concat());
    app.stop().await;
}

#[tokio::test]
async fn work_that_is_given_up_is_said_before_and_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_vendor, toml) = Vendor::in_folder(&folder);
    let toml = toml.replace("\"sh\", \"program.sh\"", "\"false\"") + TOKENS;
    let app = App::start_in(folder, &toml, DoorLimits::default()).await;
    let (answer, ()) = tokio::join!(app.create("mord-1", "1_year"), async {
        while app.everything().await.2.iter().all(|o| o.attempt == 0) {
            tokio::task::yield_now().await;
        }
        app.clock.advance(12_000);
    });
    assert_eq!(answer.status, 503);
    app.clock.advance(12 * 3_600_000);
    app.alarms("giving_up", 1.0).await;
    assert!(app.metric("turnkey_giveup_seconds").await < 12.0 * 3_600.0);
    assert!(app.metric("turnkey_oldest_pending_seconds").await >= 12.0 * 3_600.0);
    app.clock.advance(13 * 3_600_000);
    app.alarms("dead_letter", 1.0).await;
    app.alarms("giving_up", 0.0).await;
    assert_eq!(app.metric("turnkey_dead_letters").await, 1.0);
    assert_eq!(app.metric("turnkey_orders{state=\"dead\"}").await, 1.0);
}
