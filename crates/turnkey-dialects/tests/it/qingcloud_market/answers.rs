//! What is answered, and what is heard of an answer.

use turnkey_core::decide::Outcome;
use turnkey_core::{Access, Fault, FaultKind, InstanceId, Intent, Login};
use turnkey_dialects::Request;
use turnkey_testkit::sample;

use super::{CREATE, hear, market, signed};
use crate::door::{KEY, NOON, NOON_S, answer, at, listing};

fn delivered(front_end: Login, admin: Login) -> Outcome {
    Outcome::Delivered {
        instance: InstanceId::new("i-ascggds"),
        access: Access {
            front_end,
            admin,
            ..Access::default()
        },
    }
}

fn login(url: &str, username: &str, password: &str) -> Login {
    let text = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
    Login {
        url: text(url),
        username: text(username),
        password: text(password),
    }
}

#[test]
fn a_create_is_answered_in_the_documented_words() {
    let create = sample::call(sample::create("mord-1"), at(NOON));
    let cases = [
        (
            delivered(
                login("https://www.saas.com/", "root", "root123"),
                login("https://www.saas.com/admin", "", ""),
            ),
            r#"{"frontEndUrl":"https://www.saas.com/","adminUrl":"https://www.saas.com/admin","username":"root","password":"root123"}"#,
        ),
        (
            delivered(Login::default(), login("https://a", "admin", "p")),
            r#"{"frontEndUrl":"","adminUrl":"https://a","username":"admin","password":"p"}"#,
        ),
        (
            delivered(login("https://f", "root", ""), login("", "admin", "p")),
            r#"{"frontEndUrl":"https://f","adminUrl":"","username":"root","password":""}"#,
        ),
        (
            delivered(Login::default(), Login::default()),
            r#"{"frontEndUrl":"","adminUrl":"","username":"","password":""}"#,
        ),
    ];
    for (outcome, info) in cases {
        let reply = market().write(&create, &outcome);
        let body =
            format!(r#"{{"spiVersion":"1","instanceId":"i-ascggds","instanceInfo":{info}}}"#);
        assert_eq!(reply, answer(200, "application/json", &body));
    }
}

#[test]
fn a_create_is_never_a_success_without_an_instance() {
    let create = sample::call(sample::create("mord-1"), at(NOON));
    for outcome in [Outcome::Done, Outcome::Gone] {
        assert_eq!(market().write(&create, &outcome).status, 500);
    }
    let instance = InstanceId::new("i-1");
    let reply = market().write(&create, &Outcome::NotReady { instance });
    assert_eq!((reply.status, reply.retry_after_s), (503, Some(5)));
    let fault = hear(&create, &reply).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Busy);
}

#[test]
fn a_refusal_is_never_200_and_never_says_what_the_operator_is_told() {
    let expected = |kind| match kind {
        FaultKind::Malformed | FaultKind::Unsupported => (400, FaultKind::Malformed),
        FaultKind::Unauthentic => (401, FaultKind::Unauthentic),
        FaultKind::Unknown => (404, FaultKind::Unknown),
        FaultKind::Conflict => (409, FaultKind::Conflict),
        FaultKind::Busy => (503, FaultKind::Busy),
        FaultKind::Upstream => (502, FaultKind::Busy),
        FaultKind::Bug => (500, FaultKind::Busy),
    };
    let ping = sample::call(Intent::Ping, at(NOON));
    for kind in FaultKind::ALL {
        let reply = market().refuse(&Fault::new(kind, "code", "say \"no\"").noted("hidden"));
        let body = r#"{"spiVersion":"1","success":false,"message":"say \"no\""}"#;
        let (status, heard) = expected(kind);
        assert_eq!(reply.status, status);
        assert_eq!(reply.content_type, "application/json");
        assert_eq!(String::from_utf8_lossy(&reply.body), body);
        assert_eq!(reply.retry_after_s.is_some(), kind == FaultKind::Busy);
        let fault = hear(&ping, &reply).unwrap_err();
        assert_eq!(fault.kind, heard);
        assert!(fault.message.ends_with(r#": "say \"no\"""#), "{fault}");
    }
    let huge = market().refuse(&Fault::malformed("code", "x".repeat(100_000)));
    assert!(huge.body.len() < 4096);
}

#[test]
fn an_answer_is_success_only_in_the_documented_words() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let json = "application/json";
    for (status, content_type, body, code) in [
        (200, json, r#"{"spiVersion":"1","success":true}"#, None),
        (200, json, "{}", None),
        (200, json, r#"{"success":null,"more":[1]}"#, None),
        (200, "application/JSON; charset=utf-8", "{}", None),
        (200, json, r#"{"success":false}"#, Some("vendor_refused")),
        (200, json, r#"{"success":"true"}"#, Some("reply_malformed")),
        (200, json, "[]", Some("reply_malformed")),
        (200, json, "", Some("reply_malformed")),
        (200, json, "ok", Some("reply_malformed")),
        (200, json, "{} {}", Some("reply_malformed")),
        (200, "text/html", "{}", Some("reply_malformed")),
        (200, "", "{}", Some("reply_malformed")),
        (200, "application/jsonp", "{}", Some("reply_malformed")),
        (201, json, "{}", Some("vendor_busy")),
        (204, json, "", Some("vendor_busy")),
        (302, json, "{}", Some("vendor_busy")),
        (400, json, "{}", Some("vendor_refused")),
        (502, "text/html", "<html>", Some("vendor_busy")),
    ] {
        let heard = hear(&ping, &answer(status, content_type, body));
        assert_eq!(
            heard.err().map(|fault| fault.code),
            code,
            "{status} {content_type} {body}"
        );
    }
}

#[test]
fn a_create_was_answered_only_when_there_is_an_instance() {
    let create = sample::call(sample::create("mord-1"), at(NOON));
    let (fits, too_long) = ("界".repeat(128), "界".repeat(129));
    let with_id = |id: &str| format!(r#"{{"instanceId":"{id}","instanceInfo":{{}}}}"#);
    for (body, is_ok) in [
        (with_id(&fits), true),
        (with_id(&too_long), false),
        (with_id(""), false),
        (r#"{"instanceId":7,"instanceInfo":{}}"#.to_owned(), false),
        (
            r#"{"instanceId":"i","instanceInfo":null}"#.to_owned(),
            false,
        ),
        (
            r#"{"instanceId":"i","instanceInfo":["a","b","c","d"]}"#.to_owned(),
            false,
        ),
        (r#"{"instanceId":"i"}"#.to_owned(), false),
        (
            r#"{"instanceId":"i","instanceInfo":{"username":1}}"#.to_owned(),
            false,
        ),
        (
            r#"{"instanceId":"i","instanceInfo":{"password":null,"more":1}}"#.to_owned(),
            true,
        ),
        (r#"{"success":true}"#.to_owned(), false),
    ] {
        let heard = hear(&create, &answer(200, "application/json", &body));
        assert_eq!(heard.is_ok(), is_ok, "{body}");
    }
}

#[test]
fn requests_and_replies_keep_their_secrets() {
    let query = signed(CREATE, NOON_S, KEY);
    let request = Request {
        method: "GET",
        path: "",
        query: &query,
        headers: &[("x-key", b"secret")],
        body: b"secret",
    };
    let ping = sample::call(Intent::Ping, at(NOON));
    let asked = market().ask.ask(&ping, &listing(), "", &[], NOON).unwrap();
    let reply = answer(200, "application/json", r#"{"password":"secret"}"#);
    let shown = format!("{request:?} {asked:?} {reply:?}");
    assert_eq!(
        shown,
        "Request(redacted) OwnedRequest(redacted) Reply(200, redacted)"
    );
}
