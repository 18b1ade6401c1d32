//! What is accepted, what is refused, and in which words.

use turnkey_core::{Call, Fault, FaultKind, Intent, UtcMillis};
use turnkey_dialects::query::{Query, encode, pair};
use turnkey_dialects::sign;
use turnkey_testkit::sample;

use super::{CREATE, ask, read, signed};
use crate::door::{KEY, NOON, NOON_S, at, key, listing, signed_as_sent, with, without};

/// Reads `parameters`, well signed at noon, at noon.
fn read_signed(parameters: &[(&str, &str)]) -> Result<Call, Fault> {
    read(&listing(), &signed(parameters, NOON_S, KEY), NOON)
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

const NAMES: &str = "CreateInstance, RenewInstance, UpgradeInstance, ExpireInstance, \
                     DeleteInstance, TestConnection";

#[test]
fn the_documented_url_reads_as_what_it_says() {
    // seeds: "实例创建", 请求示例; the time and the signature are ours.
    let segments = [
        "action=CreateInstance",
        "debug=1",
        "duration=1_year",
        "order_id=mord-m80iaibd",
        "package=%E5%A5%97%E9%A4%90",
        "product_code=prod-yha6rswd",
        "qingcloud_uid=usr-u5JDC3MS",
        "spec=%E8%A7%84%E6%A0%BC",
        &format!("timestamp={NOON_S}"),
    ]
    .map(str::to_owned);
    let mut listing = listing();
    listing.product_code = Some("prod-yha6rswd".to_owned());
    let call = read(&listing, &signed_as_sent(&segments, KEY), NOON).unwrap();
    assert!(call.dry_run);
    let Intent::Create(create) = call.intent else {
        panic!("a create");
    };
    assert_eq!(create.order.key.as_str(), "mord-m80iaibd");
    assert_eq!(create.buyer, "usr-u5JDC3MS");
    assert_eq!(create.spec, "规格");
    assert_eq!(create.package.as_deref(), Some("套餐"));
    assert_eq!(create.period.to_string(), "1_year");
    assert_eq!(create.context["product_code"], "prod-yha6rswd");
}

#[test]
fn whatever_was_escaped_verifies_when_it_was_signed_as_sent() {
    let spellings = [
        ("a b~c*d", "a+b~c%2Ad", "as the documentation encodes"),
        ("a b~c*d", "a%20b~c%2Ad", "Python's quote"),
        ("a b~c*d", "a+b%7Ec*d", "Java's URLEncoder"),
        ("a b~c*d", "a%20b%7ec%2ad", "lower-case hexadecimal"),
        ("a b~c*d", "%61%20%62%7E%63%2A%64", "everything escaped"),
        ("a(b)'!", "a(b)'!", "JavaScript's encodeURIComponent"),
        ("a/b:c", "a/b:c", "slashes left as they are"),
        ("规格", "规格", "UTF-8 as it is"),
    ];
    for (value, spelt, who) in spellings {
        let mut segments: Vec<_> = without(CREATE, "spec")
            .iter()
            .map(|(n, v)| pair(n, v))
            .collect();
        segments.push(format!("timestamp={NOON_S}"));
        segments.push(format!("spec={spelt}"));
        segments.reverse();
        let call = read(&listing(), &signed_as_sent(&segments, KEY), NOON)
            .unwrap_or_else(|fault| panic!("{who}: {fault}"));
        let Intent::Create(create) = call.intent else {
            panic!("a create");
        };
        assert_eq!(create.spec, value, "{who}");
    }
}

#[test]
fn a_canonical_signature_fits_whatever_spelling_was_sent() {
    let canonical = signed(&with(CREATE, &[("spec", "a b~c")]), NOON_S, KEY);
    assert!(canonical.contains("spec=a+b~c"));
    for spelt in ["spec=a%20b~c", "spec=a%20b%7ec", "spec=%61+b~c"] {
        let query = canonical.replace("spec=a+b~c", spelt);
        assert_eq!(
            read(&listing(), &query, NOON),
            read(&listing(), &canonical, NOON)
        );
    }
}

#[test]
fn the_unencoded_form_is_never_accepted() {
    // `spec` holds text that, un-encoded, reads as two parameters.
    let mut parameters = with(CREATE, &[("spec", "solo&package=x")]);
    let at_s = NOON_S.to_string();
    parameters.push(("timestamp", &at_s));
    parameters.sort_unstable();
    let plain: Vec<_> = parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let signature = sign::hmac_sha256_base64(key(KEY).secret(), &plain.join("&"));
    let mut segments: Vec<_> = parameters.iter().map(|(n, v)| pair(n, v)).collect();
    segments.push(pair("signature", &signature));
    let read = read(&listing(), &segments.join("&"), NOON);
    let message = "signature does not match";
    check(read, FaultKind::Unauthentic, "signature_wrong", message);
}

#[test]
fn every_key_verifies_and_only_the_first_signs() {
    let mut listing = listing();
    listing.keys = vec![key("new"), key("old"), key("")];
    for (signer, is_ok) in [("new", true), ("old", true), ("none", false), ("", false)] {
        let query = signed(CREATE, NOON_S, signer);
        assert_eq!(read(&listing, &query, NOON).is_ok(), is_ok, "{signer:?}");
    }
    let ping = sample::call(Intent::Ping, at(NOON));
    let asked = ask(&listing, &ping, "", &[], NOON).unwrap();
    listing.keys.truncate(1);
    assert_eq!(read(&listing, &asked, NOON), Ok(ping.clone()));
    listing.keys.clear();
    assert!(read(&listing, &asked, NOON).is_err());
    let fault = ask(&listing, &ping, "", &[], NOON).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Bug);
}

#[test]
fn a_key_remembers_the_last_good_call_that_it_proved() {
    let mut listing = listing();
    listing.keys = vec![key("new"), key("old")];
    let used = |listing: &turnkey_core::Listing| -> Vec<_> {
        listing
            .keys
            .iter()
            .map(turnkey_core::Key::last_used)
            .collect()
    };
    let good = signed(CREATE, NOON_S, "old");
    read(&listing, &good, NOON).unwrap();
    assert_eq!(used(&listing), [None, Some(NOON)]);
    // A captured call that is sent again too late proves nothing.
    let late = NOON.plus_ms(listing.clock_skew_ms + 1);
    read(&listing, &good, late).unwrap_err();
    read(&listing, &signed(CREATE, NOON_S, "none"), NOON).unwrap_err();
    assert_eq!(used(&listing), [None, Some(NOON)]);
    // Clocks that go back make nothing older.
    read(&listing, &good, UtcMillis(NOON.0 - 1)).unwrap();
    assert_eq!(used(&listing), [None, Some(NOON)]);
}

#[test]
fn signatures_that_prove_nothing() {
    let good = signed(CREATE, NOON_S, KEY);
    let (unsigned, signature) = good.split_once("&signature=").unwrap();
    let cases = [
        (unsigned.to_owned(), "signature_missing"),
        (format!("{unsigned}&signature"), "signature_missing"),
        (format!("{unsigned}&signature="), "signature_missing"),
        (format!("{unsigned}&signature=AAAA"), "signature_wrong"),
        (format!("{unsigned}&signature=%21"), "signature_wrong"),
        (
            format!("{unsigned}&signature={signature}A"),
            "signature_wrong",
        ),
        (signed(CREATE, NOON_S, "another key"), "signature_wrong"),
        (good.replace("1_year", "2_year"), "signature_wrong"),
        (format!("{good}&more=1"), "signature_wrong"),
        (good.replace("&debug=0", ""), "signature_wrong"),
    ];
    for (query, code) in cases {
        let fault = read(&listing(), &query, NOON).unwrap_err();
        assert_eq!((fault.kind, fault.code), (FaultKind::Unauthentic, code));
        let told = format!("{} {}", fault.message, fault.note.unwrap_or_default());
        for secret in [
            KEY,
            signature,
            &sign::hmac_sha256_base64(key(KEY).secret(), ""),
        ] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn a_query_that_is_none_is_refused_before_anything_is_verified() {
    let cases = [
        (
            "spec=%",
            "query_malformed",
            r#"parameter "spec": % must be followed by two hexadecimal digits"#,
        ),
        (
            "spec=%4",
            "query_malformed",
            r#"parameter "spec": % must be followed by two hexadecimal digits"#,
        ),
        (
            "spec=%+1",
            "query_malformed",
            r#"parameter "spec": % must be followed by two hexadecimal digits"#,
        ),
        (
            "a=1&spec=%ff",
            "query_malformed",
            r#"parameter "spec": must be UTF-8"#,
        ),
        (
            "spec=+%ff",
            "query_malformed",
            r#"parameter "spec": must be UTF-8"#,
        ),
        (
            "%zz=1",
            "query_malformed",
            r#"parameter "%zz": % must be followed by two hexadecimal digits"#,
        ),
        (
            "a=1&b=2&a=1",
            "parameter_repeated",
            r#"parameter "a" is given twice"#,
        ),
        (
            "a=1&%61=2",
            "parameter_repeated",
            r#"parameter "a" is given twice"#,
        ),
        (
            "a=1&a-=2&%61=3",
            "parameter_repeated",
            r#"parameter "a" is given twice"#,
        ),
        (
            "signature=x&signature=x",
            "parameter_repeated",
            r#"parameter "signature" is given twice"#,
        ),
        (
            "=1&=2",
            "parameter_repeated",
            r#"parameter "" is given twice"#,
        ),
    ];
    for (query, code, message) in cases {
        check(
            read(&listing(), query, NOON),
            FaultKind::Malformed,
            code,
            message,
        );
    }
    let long = format!("{}=%", "n".repeat(1000));
    let fault = read(&listing(), &long, NOON).unwrap_err();
    assert!(fault.message.len() < 200, "{}", fault.message);
}

#[test]
fn names_are_sorted_not_what_follows_them() {
    // `2` and `-` come before the `=` that ends the name `a`.
    let query = Query::parse("b=1&a2=2&a=3&%61%2D=x+y&flag").unwrap();
    assert_eq!(query.as_received("b"), "a=3&%61%2D=x+y&a2=2&flag");
    assert_eq!(query.canonical("b"), "a=3&a-=x+y&a2=2&flag=");
    assert_eq!(
        (query.get("a-"), query.get("flag")),
        (Some("x y"), Some(""))
    );
}

#[test]
fn nothing_between_ampersands_is_no_parameter() {
    let query = signed(CREATE, NOON_S, KEY);
    let call = read(&listing(), &query, NOON);
    assert!(call.is_ok());
    let gaps = format!("&&{}&&", query.replacen('&', "&&", 2));
    assert_eq!(read(&listing(), &gaps, NOON), call);
}

#[test]
fn the_window_is_open_on_both_sides_and_closed_behind_its_edges() {
    let stale = r#"timestamp "1769832000" is 301 s old; at most 300 s are allowed"#;
    let future = r#"timestamp "1769832000" is 301 s ahead; at most 300 s are allowed"#;
    let query = signed(CREATE, NOON_S, KEY);
    for (off_ms, refused) in [
        (0, None),
        (300_000, None),
        (-300_000, None),
        (300_001, Some(("timestamp_stale", stale))),
        (-300_001, Some(("timestamp_future", future))),
    ] {
        let now = UtcMillis(NOON.0 + off_ms);
        let read = read(&listing(), &query, now);
        match refused {
            None => assert_eq!(read.unwrap().signed_at, Some(NOON)),
            Some((code, message)) => {
                let note = read.as_ref().unwrap_err().note.clone().unwrap();
                assert!(note.contains(&now.0.div_euclid(1000).to_string()), "{note}");
                check(read, FaultKind::Unauthentic, code, message);
            }
        }
    }
    for timestamp in [
        "soon",
        "-1",
        "+1769832000",
        "1769832000.5",
        "9".repeat(30).as_str(),
    ] {
        let parameters = with(CREATE, &[("timestamp", timestamp)]);
        let segments: Vec<_> = parameters.iter().map(|(n, v)| pair(n, v)).collect();
        check(
            read(&listing(), &signed_as_sent(&segments, KEY), NOON),
            FaultKind::Malformed,
            "timestamp_malformed",
            &format!("timestamp {timestamp:?}: must be UNIX seconds"),
        );
    }
}

#[test]
fn the_signature_is_looked_at_before_everything_that_it_signs() {
    let hopeless = with(
        CREATE,
        &[("action", "Nonsense"), ("product_code", "prod-other")],
    );
    let mut listing = listing();
    listing.product_code = Some("prod-yha6rswd".to_owned());
    let steps = [
        (signed(&hopeless, 0, "another key"), "signature_wrong"),
        (signed(&hopeless, 0, KEY), "timestamp_stale"),
        (signed(&hopeless, NOON_S, KEY), "product_code_wrong"),
        (
            signed(
                &with(&hopeless, &[("product_code", "prod-yha6rswd")]),
                NOON_S,
                KEY,
            ),
            "action_unknown",
        ),
    ];
    for (query, code) in steps {
        assert_eq!(read(&listing, &query, NOON).unwrap_err().code, code);
    }
}

#[test]
fn a_product_code_counts_wherever_it_is_given() {
    let mut listing = listing();
    listing.product_code = Some("prod-yha6rswd".to_owned());
    let renew = [
        ("action", "RenewInstance"),
        ("order_id", "mord-r1"),
        ("instance_id", "i-1"),
        ("spec", "规格"),
        ("package", "套餐"),
        ("duration", "1_year"),
    ];
    for (parameters, code) in [
        (CREATE.to_vec(), None),
        (renew.to_vec(), None),
        (with(&renew, &[("product_code", "")]), None),
        (with(&renew, &[("product_code", "prod-yha6rswd")]), None),
        (
            with(&renew, &[("product_code", "prod-other")]),
            Some("product_code_wrong"),
        ),
        (
            with(CREATE, &[("product_code", "prod-other")]),
            Some("product_code_wrong"),
        ),
        (without(CREATE, "product_code"), Some("parameter_missing")),
    ] {
        let read = read(&listing, &signed(&parameters, NOON_S, KEY), NOON);
        assert_eq!(read.err().map(|fault| fault.code), code, "{parameters:?}");
    }
}

#[test]
fn every_required_parameter_is_missed_by_name() {
    let on_order = &["order_id", "instance_id", "spec", "package", "duration"][..];
    let table = [
        (
            "CreateInstance",
            &[
                "order_id",
                "qingcloud_uid",
                "product_code",
                "spec",
                "package",
                "duration",
            ][..],
        ),
        ("RenewInstance", on_order),
        ("UpgradeInstance", on_order),
        ("ExpireInstance", &["instance_id"]),
        ("DeleteInstance", &["instance_id"]),
        ("TestConnection", &[]),
    ];
    for (action, required) in table {
        let value = |name| if name == "duration" { "1_month" } else { "x" };
        let mut whole: Vec<_> = required.iter().map(|name| (*name, value(*name))).collect();
        whole.push(("action", action));
        let call = read_signed(&whole).unwrap_or_else(|fault| panic!("{action}: {fault}"));
        assert!(!call.dry_run, "{action}: without debug it is for real");
        for name in required {
            let message = format!("parameter {name:?} is missing");
            for broken in [without(&whole, name), with(&whole, &[(name, "")])] {
                check(
                    read_signed(&broken),
                    FaultKind::Malformed,
                    "parameter_missing",
                    &message,
                );
            }
        }
    }
    let message = r#"parameter "action" is missing"#;
    check(
        read_signed(&[]),
        FaultKind::Malformed,
        "parameter_missing",
        message,
    );
    let timeless = signed_as_sent(&["action=TestConnection".to_owned()], KEY);
    let message = r#"parameter "timestamp" is missing"#;
    check(
        read(&listing(), &timeless, NOON),
        FaultKind::Malformed,
        "parameter_missing",
        message,
    );
}

#[test]
fn values_that_no_rule_allows() {
    let long = "x".repeat(2049);
    let cases = [
        (
            "duration",
            "1_fortnight",
            "period_malformed",
            r#"duration "1_fortnight": unit must be day, month or year"#,
        ),
        (
            "duration",
            "0_month",
            "period_malformed",
            r#"duration "0_month": count must be 1 or more"#,
        ),
        (
            "duration",
            "99999999_year",
            "period_malformed",
            r#"duration "99999999_year": must be at most 100 years"#,
        ),
        (
            "duration",
            "99999999999999999999_day",
            "period_malformed",
            r#"duration "99999999999999999999_day": must be at most 100 years"#,
        ),
        (
            "duration",
            "month",
            "period_malformed",
            r#"duration "month": must be a count and a unit, such as 1_month"#,
        ),
        (
            "duration",
            "_month",
            "period_malformed",
            r#"duration "_month": count must be a whole number"#,
        ),
        (
            "duration",
            "+1_month",
            "period_malformed",
            r#"duration "+1_month": count must be a whole number"#,
        ),
        (
            "duration",
            "1.5_month",
            "period_malformed",
            r#"duration "1.5_month": count must be a whole number"#,
        ),
        (
            "duration",
            "1_month_",
            "period_malformed",
            r#"duration "1_month_": unit must be day, month or year"#,
        ),
        (
            "duration",
            "1_\u{202e}\n",
            "period_malformed",
            r#"duration "1_\u{202e}\n": unit must be day, month or year"#,
        ),
        (
            "debug",
            "yes",
            "debug_malformed",
            r#"debug "yes": must be 1 or 0"#,
        ),
        (
            "debug",
            "",
            "debug_malformed",
            r#"debug "": must be 1 or 0"#,
        ),
        (
            "order_id",
            &long,
            "parameter_malformed",
            r#"parameter "order_id" is longer than 1024 bytes"#,
        ),
        (
            "spec",
            &long,
            "parameter_malformed",
            r#"parameter "spec" is longer than 2048 bytes"#,
        ),
        (
            "spec",
            "\0",
            "parameter_malformed",
            r#"parameter "spec" has a NUL character"#,
        ),
    ];
    for (name, value, code, message) in cases {
        let read = read_signed(&with(CREATE, &[(name, value)]));
        check(read, FaultKind::Malformed, code, message);
    }
    let expire = [("action", "ExpireInstance"), ("instance_id", &long)];
    let message = r#"parameter "instance_id" is longer than 512 bytes"#;
    check(
        read_signed(&expire),
        FaultKind::Malformed,
        "parameter_malformed",
        message,
    );
    let message = format!(r#"action "Explode": must be one of {NAMES}"#);
    check(
        read_signed(&[("action", "Explode")]),
        FaultKind::Unsupported,
        "action_unknown",
        &message,
    );
    let fault = read_signed(&[("action", &long)]).unwrap_err();
    assert!(fault.message.len() < 300, "{}", fault.message);
}

#[test]
fn only_the_content_of_an_order_is_its_content() {
    let content = |parameters: &[(&str, &str)]| {
        let Intent::Create(create) = read_signed(parameters).unwrap().intent else {
            panic!("a create");
        };
        create.order.content
    };
    let first = content(CREATE);
    for same in [
        with(CREATE, &[("debug", "1")]),
        with(CREATE, &[("order_id", "mord-2")]),
        with(CREATE, &[("tenant", "7"), ("coupon", "new")]),
        with(CREATE, &[("duration", "01_year")]),
    ] {
        assert_eq!(content(&same), first, "{same:?}");
    }
    for other in [
        ("qingcloud_uid", "usr-2"),
        ("product_code", "prod-2"),
        ("spec", "other"),
        ("package", "other"),
        ("duration", "12_month"),
    ] {
        assert_ne!(content(&with(CREATE, &[other])), first, "{other:?}");
    }
}

#[test]
fn form_encoding_is_the_documented_one() {
    for (text, encoded) in [
        ("AZaz09-_.~", "AZaz09-_.~"),
        (" +*&=%/", "+%2B%2A%26%3D%25%2F"),
        ("é规\u{1f600}\0", "%C3%A9%E8%A7%84%F0%9F%98%80%00"),
    ] {
        assert_eq!(encode(text), encoded);
    }
}
