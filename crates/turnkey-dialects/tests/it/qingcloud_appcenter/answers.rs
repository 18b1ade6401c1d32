//! What is answered, and what is heard of an answer.

use turnkey_core::decide::Outcome;
use turnkey_core::{Access, Fault, FaultKind, InstanceId, Intent, Login};
use turnkey_testkit::sample;

use super::appcenter;
use crate::door::{NOON, answer, at};

const JSON: &str = "application/json";

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
    let create = sample::call(sample::create("appor-1"), at(NOON));
    let whole = Access {
        front_end: login("https://console.saas.com", "fn-g159wmll", "b0bn5qzy"),
        admin: login("https://admin.saas.com", "ad-gggiz28bn5", "o0u9zsbvxe"),
        auth_url: Some("https://auth.saas.com".to_owned()),
        ..Access::default()
    };
    let half = Access {
        front_end: login("https://f", "", ""),
        ..Access::default()
    };
    let cases = [
        (
            whole,
            r#"{"frontEnd":{"url":"https://console.saas.com","username":"fn-g159wmll","password":"b0bn5qzy"},"admin":{"url":"https://admin.saas.com","username":"ad-gggiz28bn5","password":"o0u9zsbvxe"},"authUrl":"https://auth.saas.com"}"#,
        ),
        (
            half,
            r#"{"frontEnd":{"url":"https://f","username":null,"password":null},"admin":{"url":null,"username":null,"password":null},"authUrl":null}"#,
        ),
    ];
    for (access, info) in cases {
        let outcome = Outcome::Delivered {
            instance: InstanceId::new("i-gy72h4eo"),
            access,
        };
        let reply = appcenter().write(&create, &outcome);
        let body = format!(
            r#"{{"success":true,"message":null,"instanceId":"i-gy72h4eo","appInfo":{info}}}"#
        );
        assert_eq!(String::from_utf8_lossy(&reply.body), body);
        assert_eq!(reply, answer(200, JSON, &body));
    }
}

#[test]
fn everything_else_is_answered_with_success_alone() {
    let delivered = Outcome::Delivered {
        instance: InstanceId::new("i-1"),
        access: Access::default(),
    };
    let release = sample::release(&InstanceId::new("i-1"));
    for intent in [Intent::Ping, release] {
        let call = sample::call(intent, at(NOON));
        for outcome in [Outcome::Done, Outcome::Gone, delivered.clone()] {
            let reply = appcenter().write(&call, &outcome);
            assert_eq!(reply, answer(200, JSON, r#"{"success":true}"#));
        }
    }
}

#[test]
fn a_create_is_never_a_success_without_an_instance() {
    let create = sample::call(sample::create("appor-1"), at(NOON));
    for outcome in [Outcome::Done, Outcome::Gone] {
        assert_eq!(appcenter().write(&create, &outcome).status, 500);
    }
    let instance = InstanceId::new("i-1");
    let reply = appcenter().write(&create, &Outcome::NotReady { instance });
    assert_eq!((reply.status, reply.retry_after_s), (503, Some(5)));
    let fault = appcenter().hear(&create, &reply).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Busy);
}

#[test]
fn a_final_no_conforms_and_whatever_may_go_better_does_not() {
    let expected = |kind| match kind {
        FaultKind::Malformed
        | FaultKind::Unsupported
        | FaultKind::Unknown
        | FaultKind::Conflict
        | FaultKind::Upstream => (200, FaultKind::Upstream),
        FaultKind::Unauthentic => (401, FaultKind::Unauthentic),
        FaultKind::Busy => (503, FaultKind::Busy),
        FaultKind::Bug => (500, FaultKind::Busy),
    };
    let ping = sample::call(Intent::Ping, at(NOON));
    for kind in FaultKind::ALL {
        let fault = Fault::new(kind, "code", "say \"no\"").noted("hidden");
        let reply = appcenter().refuse(&fault);
        let (status, heard) = expected(kind);
        assert_eq!(reply.status, status);
        assert_eq!(reply.content_type, JSON);
        let body = r#"{"success":false,"message":"say \"no\""}"#;
        assert_eq!(String::from_utf8_lossy(&reply.body), body);
        assert_eq!(reply.retry_after_s.is_some(), kind == FaultKind::Busy);
        let fault = appcenter().hear(&ping, &reply).unwrap_err();
        assert_eq!(fault.kind, heard);
        assert!(fault.message.ends_with(r#": "say \"no\"""#), "{fault}");
    }
    let huge = Fault::malformed("code", "x".repeat(100_000));
    assert!(appcenter().refuse(&huge).body.len() < 4096);
}

#[test]
fn an_answer_is_success_only_in_the_documented_words() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let (good, unlike) = (r#"{"success":true}"#, Some("reply_malformed"));
    for (status, content_type, body, code) in [
        (200, JSON, good, None),
        (
            200,
            JSON,
            r#"{"message":null,"success":true,"more":[1]}"#,
            None,
        ),
        (200, "application/json; charset=utf-8", good, unlike),
        (200, "application/JSON", good, unlike),
        (200, " application/json", good, unlike),
        (200, "text/html", good, unlike),
        (200, "", good, unlike),
        (200, JSON, "{}", unlike),
        (200, JSON, r#"{"success":null}"#, unlike),
        (200, JSON, r#"{"success":"true"}"#, unlike),
        (200, JSON, r#"{"success":1}"#, unlike),
        (200, JSON, "[]", unlike),
        (200, JSON, "", unlike),
        (200, JSON, "ok", unlike),
        (200, JSON, r#"{"success":false}"#, Some("vendor_refused")),
        (201, JSON, good, Some("vendor_busy")),
        (204, JSON, "", Some("vendor_busy")),
        (302, JSON, good, Some("vendor_busy")),
        (401, JSON, good, Some("vendor_refused")),
        (502, "text/html", "<html>", Some("vendor_busy")),
    ] {
        let heard = appcenter().hear(&ping, &answer(status, content_type, body));
        let found = heard.err().map(|fault| fault.code);
        assert_eq!(found, code, "{status} {content_type} {body}");
    }
}

#[test]
fn a_create_was_answered_only_when_there_is_an_instance() {
    let create = sample::call(sample::create("appor-1"), at(NOON));
    let (fits, too_long) = ("界".repeat(128), "界".repeat(129));
    let with_id = |id: &str| format!(r#""instanceId":"{id}""#);
    let with_info = |info: &str| format!(r#""instanceId":"i","appInfo":{info}"#);
    for (fields, is_ok) in [
        (with_id(&fits), true),
        (with_id(&too_long), false),
        (with_id(""), false),
        (r#""instanceId":7"#.to_owned(), false),
        (r#""message":null"#.to_owned(), false),
        (with_info("null"), true),
        (with_info("{}"), true),
        (
            with_info(r#"{"frontEnd":null,"admin":{},"authUrl":null,"more":1}"#),
            true,
        ),
        (
            with_info(r#"{"frontEnd":{"url":null,"password":"","more":1}}"#),
            true,
        ),
        (with_info(r#"{"frontEnd":"https://f"}"#), false),
        (with_info(r#"{"admin":{"username":1}}"#), false),
        (with_info(r#"{"authUrl":{}}"#), false),
        (with_info("[]"), false),
    ] {
        let body = format!(r#"{{"success":true,{fields}}}"#);
        let heard = appcenter().hear(&create, &answer(200, JSON, &body));
        assert_eq!(heard.is_ok(), is_ok, "{body}");
    }
}
