//! What is accepted, what is refused, and in which words. What both QingCloud dialects share is
//! tried on the market.

use turnkey_core::{Call, Create, Fault, FaultKind, Intent, UtcMillis};
use turnkey_dialects::query::pair;
use turnkey_dialects::{OwnedRequest, Request};

use super::{CREATE, PACKAGE, SOLO, SPEC, appcenter, iso, read, sent, signed, timed};
use crate::door::{KEY, NOON, NOON_S, bare, key, listing, signed_as_sent, spelt, with, without};

/// Reads `parameters`, well signed at noon, at noon.
fn read_signed(parameters: &[(&str, &str)]) -> Result<Call, Fault> {
    read(&listing(), &signed(parameters, NOON_S, KEY), NOON)
}

fn created(parameters: &[(&str, &str)]) -> Create {
    let call = read_signed(parameters).unwrap_or_else(|fault| panic!("{parameters:?}: {fault}"));
    assert!(!call.dry_run);
    let Intent::Create(create) = call.intent else {
        panic!("a create");
    };
    create
}

/// The fault must have this code and message.
#[track_caller]
fn check(read: Result<Call, Fault>, kind: FaultKind, code: &str, message: &str) {
    let fault = read.expect_err("the call must be refused");
    assert_eq!(
        (fault.kind, fault.code, fault.message.as_str()),
        (kind, code, message)
    );
}

#[test]
fn the_documented_parameters_read_as_what_they_say() {
    // seeds: "创建实例", 示例说明; the names are ours.
    let create = created(CREATE);
    assert_eq!(create.order.key.as_str(), "appor-xxxxx");
    assert_eq!(create.buyer, "usr-xx1xx");
    assert_eq!(create.spec, "规格");
    assert_eq!(create.package.as_deref(), Some("套餐"));
    assert_eq!(create.period.to_string(), "1_year");
    let context: Vec<_> = create
        .context
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let info = r#"{"api_server": "api.qingcloud.com:7777", "sso_server": "sso.qingcloud.com"}"#;
    assert_eq!(context, [("app_id", "app-xxxxx"), ("cloud_info", info)]);
}

#[test]
fn debug_makes_a_real_instance_and_marks_it() {
    for (debug, is_marked) in [("true", true), ("1", true), ("false", false), ("0", false)] {
        let create = created(&with(CREATE, &[("debug", debug)]));
        let mark = create.context.get("debug").map(String::as_str);
        assert_eq!(mark, is_marked.then_some("true"), "{debug}");
    }
    for action in ["CreateAppInstance", "TestConnection"] {
        for debug in ["yes", "", "True"] {
            let parameters = with(CREATE, &[("action", action), ("debug", debug)]);
            check(
                read_signed(&parameters),
                FaultKind::Malformed,
                "debug_malformed",
                &format!("debug {debug:?}: must be true or false"),
            );
        }
    }
}

#[test]
fn both_signing_forms_fit_every_key_and_whatever_spelling_was_sent() {
    let mut listing = listing();
    listing.keys = vec![key("new"), key("old"), key("")];
    let parameters = with(CREATE, &[("user_id", "a b~c*d")]);
    let call = read(&listing, &signed(&parameters, NOON_S, "new"), NOON).unwrap();
    for prefix in ["", "GET\n"] {
        for (signer, is_ok) in [("new", true), ("old", true), ("none", false), ("", false)] {
            let (query, signature) = timed(prefix, &parameters, NOON_S, signer);
            for spelling in ["a+b~c%2Ad", "a%20b~c%2Ad", "a+b%7Ec*d", "%61%20b%7ec%2ad"] {
                let respelt = query.replace("a+b~c%2Ad", spelling);
                // Signed over the documented encoding, and over what was sent.
                let segments: Vec<_> = respelt.split('&').map(str::to_owned).collect();
                let own = crate::door::signature(prefix, &segments, signer);
                for signature in [&signature, &own] {
                    let read = appcenter().read(&listing, &sent(&respelt, signature), NOON);
                    assert_eq!(read.is_ok(), is_ok, "{prefix:?} {signer:?} {spelling}");
                    assert!(!is_ok || read == Ok(call.clone()));
                }
            }
        }
    }
    for prefix in ["GET", "POST\n", "get\n", "GET\r\n", "\n"] {
        let (query, signature) = timed(prefix, &parameters, NOON_S, "new");
        let fault = appcenter()
            .read(&listing, &sent(&query, &signature), NOON)
            .unwrap_err();
        assert_eq!(fault.code, "signature_wrong", "{prefix:?}");
    }
}

#[test]
fn the_header_counts_only_where_the_query_has_no_signature() {
    let (query, good) = timed("", CREATE, NOON_S, KEY);
    let in_query = |signature: &str| format!("{query}&{}", pair("signature", signature));
    let cases = [
        (in_query(&good), None, None),
        (in_query(&good), Some("AAAA"), None),
        (query.clone(), Some(good.as_str()), None),
        (in_query(""), Some(good.as_str()), None),
        (
            in_query("AAAA"),
            Some(good.as_str()),
            Some("signature_wrong"),
        ),
        (query.clone(), Some("AAAA"), Some("signature_wrong")),
        (query.clone(), Some(""), Some("signature_missing")),
        (query.clone(), None, Some("signature_missing")),
        (in_query(""), None, Some("signature_missing")),
    ];
    for (query, header, code) in cases {
        let headers = header.map(|value| ("app_signature", value.to_owned()));
        let sent = OwnedRequest {
            headers: headers.into_iter().collect(),
            ..bare(query)
        };
        let read = appcenter().read(&listing(), &sent, NOON);
        assert_eq!(
            read.err().map(|fault| fault.code),
            code,
            "{:?}",
            sent.headers
        );
    }
    let request = Request {
        method: "GET",
        path: "",
        query: &query,
        headers: &[("app_signature", b"\xff")],
        body: &[],
    };
    let fault = appcenter()
        .listen
        .read(&request, &listing(), NOON)
        .unwrap_err();
    assert_eq!(fault.code, "signature_missing");
}

#[test]
fn the_window_is_open_on_both_sides_and_closed_behind_its_edges() {
    let stale = r#"time_stamp "2026-01-31T04:00:00Z" is 301 s old; at most 300 s are allowed"#;
    let future = r#"time_stamp "2026-01-31T04:00:00Z" is 301 s ahead; at most 300 s are allowed"#;
    let query = signed(CREATE, NOON_S, KEY);
    for (off_ms, refused) in [
        (0, None),
        (300_000, None),
        (-300_000, None),
        (300_001, Some(("timestamp_stale", stale))),
        (-300_001, Some(("timestamp_future", future))),
    ] {
        let read = read(&listing(), &query, UtcMillis(NOON.0 + off_ms));
        match refused {
            None => assert_eq!(read.unwrap().signed_at, Some(NOON)),
            Some((code, message)) => check(read, FaultKind::Unauthentic, code, message),
        }
    }
}

#[test]
fn a_time_has_one_form() {
    for time in [
        "soon",
        "1769832000",
        "2026-01-31",
        "2026-01-31T04:00:00",
        "2026-01-31T04:00:00z",
        "2026-01-31t04:00:00Z",
        "2026-01-31 04:00:00Z",
        "2026-01-31T04:00:00+00:00",
        "2026-01-31T04:00:00.000Z",
        "2026-01-31T12:00:00+08:00",
        "20260131T040000Z",
        "2026-02-30T04:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-13-01T04:00:00Z",
        "+2026-01-31T04:00:00Z",
        " 2026-01-31T04:00:0Z",
        "２０26-01-31T04:00Z",
    ] {
        let segments = spelt(&with(CREATE, &[("time_stamp", time)]));
        let rule = "must be a time in UTC, such as 2021-06-22T09:15:03Z";
        check(
            read(&listing(), &signed_as_sent(&segments, KEY), NOON),
            FaultKind::Malformed,
            "timestamp_malformed",
            &format!("time_stamp {time:?}: {rule}"),
        );
    }
    for (at_s, text) in [
        (951_782_400, "2000-02-29T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
    ] {
        assert_eq!(iso(at_s), text);
        let call = read(
            &listing(),
            &signed(CREATE, at_s, KEY),
            UtcMillis(at_s * 1000),
        )
        .unwrap();
        assert_eq!(call.signed_at, Some(UtcMillis(at_s * 1000)));
    }
}

#[test]
fn the_signature_is_looked_at_before_everything_that_it_signs() {
    let hopeless = with(CREATE, &[("action", "Nonsense"), ("app_id", "app-other")]);
    let mut listing = listing();
    listing.product_code = Some("app-xxxxx".to_owned());
    let sold = with(&hopeless, &[("app_id", "app-xxxxx")]);
    let steps = [
        (signed(&hopeless, 0, "another key"), "signature_wrong"),
        (signed(&hopeless, 0, KEY), "timestamp_stale"),
        (signed(&hopeless, NOON_S, KEY), "product_code_wrong"),
        (signed(&sold, NOON_S, KEY), "action_unknown"),
    ];
    for (query, code) in steps {
        assert_eq!(read(&listing, &query, NOON).unwrap_err().code, code);
    }
    let message = r#"app_id "app-other" is not sold here"#;
    let fault = read(&listing, &signed(&hopeless, NOON_S, KEY), NOON).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Unauthentic, message)
    );
}

#[test]
fn every_required_parameter_is_missed_by_name() {
    let bought = &["spec", "period", "instance_id"][..];
    let table = [
        (
            "CreateAppInstance",
            &["user_id", "app_id", "spec", "period", "cloud_info"][..],
        ),
        (
            "RenewAppInstance",
            &["order_id", "spec", "period", "instance_id"],
        ),
        ("UpgradeAppInstance", bought),
        ("ExpireAppInstance", &["instance_id"]),
        ("DeleteAppInstance", &["instance_id"]),
        ("TestConnection", &[]),
    ];
    for (action, required) in table {
        let value = |name| match name {
            "period" => "1_month",
            "spec" => SPEC,
            "cloud_info" => super::CLOUD_INFO,
            _ => "x",
        };
        let mut whole: Vec<_> = required.iter().map(|name| (*name, value(*name))).collect();
        whole.push(("action", action));
        read_signed(&whole).unwrap_or_else(|fault| panic!("{action}: {fault}"));
        for name in required {
            for broken in [without(&whole, name), with(&whole, &[(name, "")])] {
                check(
                    read_signed(&broken),
                    FaultKind::Malformed,
                    "parameter_missing",
                    &format!("parameter {name:?} is missing"),
                );
            }
        }
    }
    let message = r#"parameter "time_stamp" is missing"#;
    check(
        read(
            &listing(),
            &signed_as_sent(&["action=TestConnection".to_owned()], KEY),
            NOON,
        ),
        FaultKind::Malformed,
        "parameter_missing",
        message,
    );
}

#[test]
fn names_are_base64_with_or_without_padding_and_with_a_lost_plus() {
    for (coded, name) in [
        (SPEC, "规格"),
        (SOLO, "solo"),
        ("c29sbw", "solo"),
        ("c29sbw=", "solo"),
        ("aT8+fg==", "i?>~"),
        ("aT8 fg==", "i?>~"),
        ("aT8 fg", "i?>~"),
        ("5aWX6aSQ5ZCN56ewMQ==", "套餐名称1"),
        ("IA==", " "),
    ] {
        let create = created(&with(CREATE, &[("spec", coded), ("spec_package", coded)]));
        assert_eq!(create.spec, name, "{coded}");
        assert_eq!(create.package.as_deref(), Some(name), "{coded}");
    }
    // Not escaped at all: the query's `+` is a space.
    let mut segments = spelt(&with(
        &without(CREATE, "spec"),
        &[("time_stamp", &iso(NOON_S))],
    ));
    segments.push("spec=aT8+fg==".to_owned());
    let call = read(&listing(), &signed_as_sent(&segments, KEY), NOON).unwrap();
    assert!(matches!(call.intent, Intent::Create(create) if create.spec == "i?>~"));

    let text = "must be base64 of UTF-8 text";
    for (coded, rule) in [
        ("规格", text),
        ("c29sb", text),
        ("c29sbw===", text),
        ("c29s_w==", text),
        ("c29s-w==", text),
        ("c2\n9s", text),
        ("c29sbx==", text),
        ("=", text),
        ("/w==", text),
        ("AA==", "has a NUL character"),
    ] {
        for name in ["spec", "spec_package"] {
            check(
                read_signed(&with(CREATE, &[(name, coded)])),
                FaultKind::Malformed,
                "base64_malformed",
                &format!("{name} {coded:?}: {rule}"),
            );
        }
    }
    let long = "QUFB".repeat(513);
    check(
        read_signed(&with(CREATE, &[("spec", &long)])),
        FaultKind::Malformed,
        "parameter_malformed",
        r#"parameter "spec" is longer than 2048 bytes"#,
    );
}

#[test]
fn cloud_info_is_a_json_object_and_kept_as_it_was() {
    // {"b": 1,  "a": {"b": 2}} with its spaces, and {}.
    for (coded, kept) in [
        (
            "eyJiIjogMSwgICJhIjogeyJiIjogMn19",
            r#"{"b": 1,  "a": {"b": 2}}"#,
        ),
        ("e30=", "{}"),
        ("e30", "{}"),
    ] {
        let create = created(&with(CREATE, &[("cloud_info", coded)]));
        assert_eq!(create.context["cloud_info"], kept);
    }
    for (coded, text) in [
        ("W10=", "[]"),
        ("Ig==", "\""),
        ("MQ==", "1"),
        ("bnVsbA==", "null"),
        ("e30x", "{}1"),
    ] {
        check(
            read_signed(&with(CREATE, &[("cloud_info", coded)])),
            FaultKind::Malformed,
            "cloud_info_malformed",
            &format!("cloud_info {text:?}: must be a JSON object"),
        );
    }
    check(
        read_signed(&with(CREATE, &[("cloud_info", "{}")])),
        FaultKind::Malformed,
        "base64_malformed",
        r#"cloud_info "{}": must be base64 of UTF-8 text"#,
    );
    let deep = format!("{}1", r#"{"a":"#.repeat(250));
    let deep = base64_of(&deep);
    let fault = read_signed(&with(CREATE, &[("cloud_info", &deep)])).unwrap_err();
    assert_eq!(fault.code, "cloud_info_malformed");
    assert!(fault.message.len() < 400, "{}", fault.message);
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

#[test]
fn only_the_content_of_an_order_is_its_content() {
    let content = |parameters: &[(&str, &str)]| created(parameters).order.content;
    let first = content(CREATE);
    for same in [
        with(CREATE, &[("debug", "true")]),
        with(CREATE, &[("order_id", "appor-2")]),
        without(CREATE, "order_id"),
        with(CREATE, &[("cloud_info", "e30=")]),
        with(CREATE, &[("tenant", "7"), ("coupon", "new")]),
        with(CREATE, &[("period", "01_year")]),
    ] {
        assert_eq!(content(&same), first, "{same:?}");
    }
    let padded = with(CREATE, &[("spec", SOLO)]);
    let bare = with(CREATE, &[("spec", "c29sbw")]);
    assert_eq!(content(&padded), content(&bare));
    for other in [
        ("user_id", "usr-2"),
        ("app_id", "app-2"),
        ("spec", PACKAGE),
        ("spec_package", SPEC),
        ("spec_package", ""),
        ("period", "12_month"),
    ] {
        assert_ne!(content(&with(CREATE, &[other])), first, "{other:?}");
    }
}

/// This key was computed elsewhere: whoever changes the rule makes two instances of one purchase.
#[test]
fn an_order_without_order_id_has_a_key_that_is_good_for_ever() {
    let key = |parameters: &[(&str, &str)]| created(parameters).order.key.to_string();
    let orderless = without(CREATE, "order_id");
    assert_eq!(key(&orderless), "~6429b263ed014e0e0285b643e26a3042");
    let upgrade = [
        ("action", "UpgradeAppInstance"),
        ("instance_id", "i-1"),
        ("spec", SPEC),
        ("period", "1_year"),
    ];
    let Intent::ChangePlan(change) = read_signed(&upgrade).unwrap().intent else {
        panic!("a change of plan");
    };
    assert!(change.order.key.as_str().starts_with('~'));
}

#[test]
fn an_unknown_action_is_not_guessed() {
    let names = "CreateAppInstance, RenewAppInstance, UpgradeAppInstance, ExpireAppInstance, \
                 DeleteAppInstance, TestConnection";
    for action in ["CreateInstance", "createappinstance", "Explode"] {
        check(
            read_signed(&[("action", action)]),
            FaultKind::Unsupported,
            "action_unknown",
            &format!("action {action:?}: must be one of {names}"),
        );
    }
}
