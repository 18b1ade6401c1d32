//! `turnkey explain` as a person types it.

use std::path::Path;
use std::process::Stdio;

use secrecy::SecretString;
use serde_json::Value;
use tokio::process::Command;
use turnkey::http::server::DoorLimits;
use turnkey_dialects::query::pair;
use turnkey_dialects::sign::hmac_sha256_base64;
use turnkey_testkit::sample::NOON;

use crate::app::{self, App, DEMO, NOTES, OPERATOR, TOKENS, VIEWER};
use crate::binary::{PROGRAM, run};
use crate::cli::said;
use crate::wire::{self, get};

/// The refused call of the published example; its key is `demo-prod-key`.
const URL: &str = "http://127.0.0.1:8686/spi/qingcloud-market/demo?action=CreateInstance&debug=1&duration=1_year&order_id=mord-demo0001&package=%E6%A0%87%E5%87%86%20%E5%A5%97%E9%A4%90&product_code=prod-demo&qingcloud_uid=usr-demo&spec=%E8%A7%84%E6%A0%BC&timestamp=1760000000&signature=NAjZP%2BRLbIfft%2B67GAnz2iRvx0x9BzRgDnMPtaMPKTE%3D";
const KEY: &str = "demo-prod-key";

/// What is printed, the key being in a file.
async fn explain(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("prod.key"), format!("{KEY}\n")).expect("a key");
    std::fs::write(folder.path().join("other.key"), "another").expect("a key");
    said(&run(folder.path(), &[&["explain"], arguments].concat()).await)
}

fn golden(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/explain");
    turnkey_testkit::golden::check(&folder.join(name), text);
}

#[tokio::test]
async fn the_published_example_is_explained_in_both_languages() {
    for lang in ["en", "zh"] {
        let arguments = [
            URL,
            "--key-file",
            "prod.key",
            "--at",
            "1760000400",
            "--lang",
            lang,
        ];
        let (code, out, err) = explain(&arguments).await;
        assert_eq!((code, err.as_str()), (Some(1), ""));
        assert!(!out.contains(KEY));
        golden(&format!("example.{lang}.txt"), &out);
    }
}

#[tokio::test]
async fn what_surrounds_a_pasted_url_is_no_part_of_it() {
    let target = URL.trim_start_matches("http://127.0.0.1:8686");
    let when = ["--key-file", "prod.key", "--at", "1760000400"];
    for pasted in [
        format!("{URL}\n"),
        format!("'{URL}'"),
        format!("1.2.3.4 - - [09/Oct/2025:09:00:00 +0000] \"GET {target} HTTP/1.1\" 401 9"),
        format!("GET {target} HTTP/1.1"),
        format!("curl '{URL}' -H 'Accept: */*'"),
        URL.replace('&', "&amp;"),
        URL.replace('&', "\\u0026"),
        URL.replace('&', "\\&"),
    ] {
        let arguments = [&[pasted.as_str(), "--lang", "en"], &when[..]].concat();
        let (code, out, err) = explain(&arguments).await;
        assert_eq!(code, Some(1), "{pasted}: {err}");
        assert!(out.contains("[space_as_percent20]"), "{pasted}: {out}");
        assert!(err.starts_with("taken from what was pasted: "), "{err}");
        assert!(err.contains(target) && err.lines().count() == 1, "{err}");
    }
}

#[tokio::test]
async fn a_program_gets_all_of_it() {
    let arguments = [
        URL,
        "--key-file",
        "prod.key",
        "--at",
        "2025-10-09T08:53:20Z",
        "--json",
    ];
    let (code, out, _) = explain(&arguments).await;
    assert_eq!(code, Some(1));
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        said["received"],
        "NAjZP+RLbIfft+67GAnz2iRvx0x9BzRgDnMPtaMPKTE="
    );
    assert_eq!(
        said["expected"],
        "Vz34fNw2lhYOv606D6KLjOcxD5XDLWXqg/c+AIetAqA="
    );
    assert_eq!(said["cause"]["mistakes"][0]["code"], "space_as_percent20");
    assert_eq!(said["also"], serde_json::json!([]));
}

#[tokio::test]
async fn a_good_signature_in_time_is_0_and_nonsense_is_2() {
    let good = URL.replace(
        "NAjZP%2BRLbIfft%2B67GAnz2iRvx0x9BzRgDnMPtaMPKTE%3D",
        "Vz34fNw2lhYOv606D6KLjOcxD5XDLWXqg/c%2BAIetAqA%3D",
    );
    let arguments = [
        &good,
        "--key-file",
        "prod.key",
        "--at",
        "1760000010",
        "--lang",
        "en",
    ];
    let (code, out, err) = explain(&arguments).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("signature matches\n"));
    let arguments = [
        &good,
        "--key-file",
        "other.key",
        "--key-file",
        "prod.key",
        "--lang",
        "en",
    ];
    let (code, out, _) = explain(&arguments).await;
    assert_eq!(code, Some(1));
    assert!(
        out.contains("[wrong_key]") && out.contains("key from prod.key"),
        "{out}"
    );
    for nonsense in [
        &["http://a.example/x"][..],
        &[URL, "--dialect", "no-such-market"],
        &[URL, "--header", "none"],
        &[],
    ] {
        let (code, out, err) = explain(nonsense).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{nonsense:?}: {err}");
    }
}

/// A regression: options of one kind came before those of another, wherever they stood.
#[tokio::test]
async fn the_first_key_on_the_line_is_the_right_one() {
    for (arguments, wrong) in [
        (["--key", "a", "--key-file", "prod.key"], "prod.key"),
        (["--key-file", "other.key", "--key", KEY], "--key 1"),
        (["--key-file", "prod.key", "--key", "a"], ""),
    ] {
        let (_, out, _) = explain(&[&[URL, "--lang", "en"], &arguments[..]].concat()).await;
        assert_eq!(out.contains("[wrong_key]"), !wrong.is_empty(), "{out}");
        let said = format!("it was signed with the key from {wrong}\n");
        assert_eq!(out.contains(&said), !wrong.is_empty(), "{out}");
    }
}

/// A regression: what has no end was read to its end.
#[tokio::test]
async fn what_has_no_end_is_not_read_to_its_end() {
    for (arguments, said) in [
        (
            &["--key-file", "/dev/zero"][..],
            "/dev/zero has more than 65536 bytes [file_too_long]",
        ),
        (
            &["--body", "/dev/zero"],
            "/dev/zero has more than 1048576 bytes [file_too_long]",
        ),
        (
            &["--key-file", "/dev/null"],
            "the key of --key-file /dev/null is empty [secret_empty]",
        ),
        (&["--key", ""], "the key of --key is empty [secret_empty]"),
        (
            &["--key", "-"],
            "the key of --key - is empty [secret_empty]",
        ),
    ] {
        let (code, out, err) = explain(&[&[URL, "--lang", "en"], arguments].concat()).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(said), "{err}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_told_first() {
    for (broken, finding) in [("&x=%ZZ", "%"), ("&x=%ff", "UTF-8"), ("&action=a", "twice")] {
        let (code, out, _) = explain(&[&format!("{URL}{broken}"), "--lang", "en"]).await;
        assert_eq!(code, Some(1), "{out}");
        let lines: Vec<_> = out.lines().collect();
        assert!(lines[0].starts_with("the query cannot be read"), "{out}");
        assert!(lines[1].contains(finding), "{out}");
        assert!(lines[2].contains("received  NAjZP+R"), "{out}");
        assert_eq!(lines.len(), 3, "{out}");
    }
}

#[tokio::test]
async fn what_was_not_tried_is_said() {
    let long = format!("{URL}0&x={}", "y".repeat(60_000));
    let keys = ["--key-file", "other.key"].repeat(18);
    let said = |line: &str, out: &str| assert!(out.contains(line), "{line}");
    let (_, out, _) = explain(&[&[&*long, "--lang", "en"], &keys[..]].concat()).await;
    said("the request is long: ", &out);
    said("there are many keys: 2 of them were not tried", &out);
    let (_, out, _) = explain(&[&[&*long, "--lang", "zh"], &keys[..]].concat()).await;
    said("请求很长：", &out);
    let (_, out, _) = explain(&[&[&*long, "--json"], &keys[..]].concat()).await;
    let json: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(json["keys_not_tried"], 2);
    assert!(json["pairs_not_tried"].as_u64() > Some(100));
}

#[tokio::test]
async fn what_is_used_wrongly_is_2_and_says_what_there_is() {
    for (arguments, said) in [
        (&[URL, "--key-file", "gone.key"][..], "cannot read gone.key"),
        (&[URL, "--key-file", "."], "cannot read ."),
        (&[URL, "--body", "gone"], "cannot read gone"),
        (
            &[URL, "--key-env", "NO_SUCH_KEY"],
            "the environment variable NO_SUCH_KEY is not set",
        ),
        (
            &[URL, "--dialect", "qingcloud"],
            "there is no dialect \"qingcloud\"; there are ",
        ),
        (&["--call", "c-1", "--key", "k"], "cannot be used with"),
        (&["--call", "c-1", "--window", "9"], "cannot be used with"),
        (&["--call", "c-1", URL], "cannot be used with"),
    ] {
        let (code, out, err) = explain(&[&["--lang", "en"], arguments].concat()).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
}

#[test]
fn every_mistake_is_in_the_document_in_both_languages() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explain.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for dialect in turnkey_dialects::all() {
        let doctor = dialect.faces().explain;
        for mistake in doctor.into_iter().flat_map(|doctor| doctor.mistakes()) {
            for words in [mistake.en, mistake.zh] {
                let row = format!("| `{}` | {} |", mistake.code, words.replace('|', "\\|"));
                assert!(page.contains(&row), "docs/explain.md lacks {row}");
            }
        }
    }
}

/// What is typed at `app` by whoever has `token`.
async fn typed(app: &App, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("LC_ALL", "C")
        .env("TURNKEY_ADMIN_URL", format!("http://{}", app.admin))
        .env("TURNKEY_ADMIN_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it runs");
    said(&output)
}

/// A query signed with a line break behind it, what should have been signed, and its signature.
fn broken_line() -> (String, String, String) {
    let message = format!("action=TestConnection&timestamp={}", NOON.0 / 1000);
    let key = SecretString::from(app::KEY.to_owned());
    let wrong = hmac_sha256_base64(&key, &format!("{message}\n"));
    let right = hmac_sha256_base64(&key, &message);
    let query = format!("{message}&{}", pair("signature", &wrong));
    (query, message, right)
}

#[tokio::test]
async fn a_refused_call_is_explained_to_operators_and_to_no_caller() {
    let app = App::start().await;
    let (query, message, right) = broken_line();
    let answer = get(app.address, &format!("/spi/notes?{query}")).await;
    assert_eq!(answer.status, 401);
    for secret in [&right, &message, app::KEY, "line_break_appended"] {
        assert!(!answer.head.contains(secret) && !answer.body.contains(secret));
    }

    let calls = app.seen("/api/v1/calls?limit=1").await;
    let call = calls["items"][0]["id"].as_str().expect("a call").to_owned();
    let shown = typed(&app, VIEWER, &["calls", "show", &call]).await;
    assert!(
        shown
            .1
            .ends_with(&format!("next: turnkey explain --call {call}\n"))
    );
    let (code, out, err) = typed(&app, OPERATOR, &["explain", "--call", &call]).await;
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(
        out.contains("[line_break_appended]") && out.contains(&right),
        "{out}"
    );
    assert!(
        out.contains("timestamp=1769832000↵\n") && !out.contains(app::KEY),
        "{out}"
    );

    let (code, out, _) = typed(&app, VIEWER, &["explain", "--call", &call]).await;
    assert_eq!((code, out.as_str()), (Some(3), ""));
    let (code, out, _) = typed(&app, OPERATOR, &["explain", "--call", "c-0"]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));

    let events = app.seen("/api/v1/events?kind=operator_acted").await;
    let events = events["items"].as_array().expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["by"], "otto");
    let message = events[0]["message"].as_str().expect("a message");
    assert!(message.contains(&call) && message.contains("explained"));
}

/// A regression: a call that was refused for another reason was said to be all right.
#[tokio::test]
async fn a_good_signature_of_a_refused_call_is_not_all() {
    let app = App::start().await;
    let query = wire::signed(&[("action", "TestConnection")], app::KEY, NOON);
    let raw = format!("DELETE /spi/notes?{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let answer = wire::exchange(app.address, raw.as_bytes()).await;
    assert_eq!(answer.status, 405);
    let calls = app.seen("/api/v1/calls?limit=1").await;
    let call = calls["items"][0]["id"].as_str().expect("a call").to_owned();
    for (lang, words) in [
        ("en", "refused with 405: "),
        ("zh", "调用被拒绝，应答 405："),
    ] {
        let arguments = ["explain", "--call", &call, "--lang", lang];
        let (code, out, _) = typed(&app, OPERATOR, &arguments).await;
        assert_eq!(code, Some(1), "{out}");
        assert!(
            out.contains(words) && out.contains("[method_wrong]"),
            "{out}"
        );
    }
}

#[tokio::test]
async fn a_call_that_was_signed_for_another_listing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = format!("{NOTES}{DEMO}{TOKENS}").replacen(app::KEY, "the-key-of-notes", 1);
    let app = App::start_in(folder, &toml, DoorLimits::default()).await;
    let query = wire::signed(&[("action", "TestConnection")], app::KEY, NOON);
    assert_eq!(
        get(app.address, &format!("/spi/notes?{query}"))
            .await
            .status,
        401
    );
    let calls = app.seen("/api/v1/calls?limit=1").await;
    let call = calls["items"][0]["id"].as_str().expect("a call").to_owned();
    let arguments = ["explain", "--call", &call, "--json"];
    let (_, out, _) = typed(&app, OPERATOR, &arguments).await;
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(said["cause"]["mistakes"][0]["code"], "wrong_key");
    assert_eq!(said["cause"]["key"], "listing other, key 1");
    assert!(!out.contains(app::KEY) && !out.contains("the-key-of-notes"));
}
