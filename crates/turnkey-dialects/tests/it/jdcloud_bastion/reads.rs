//! What is read, and what is not: routes, bad input, and what makes a purchase the same one.

use turnkey_core::{FaultKind, Intent};

use super::{Asked, CREATE, asked, bastion, create_with, listing};
use crate::door::NOON;

fn key_of(asked: &Asked) -> String {
    let call = asked.read().unwrap();
    let Intent::Buy(purchase) = call.intent else {
        panic!("{call:?}")
    };
    purchase.order.key.to_string()
}

#[test]
fn every_spelling_of_a_path_is_exact() {
    let body = r#"{"status":1}"#;
    for (method, rest) in [
        ("GET", "instances"),
        ("POST", "instance"),
        ("PUT", "instances"),
        ("POST", "instances/i-1"),
        ("POST", "instances/i-1:modifyinstancespec"),
        ("POST", "instances/i-1/modifyInstanceSpec"),
        ("GET", "bastions/"),
        ("GET", "bastions/b-1"),
        ("PATCH", "instance/i-1/zero"),
        ("POST", "instance/i-1/publicAccess"),
        ("DELETE", "instances/i-1"),
        ("GET", "order"),
        ("HEAD", "bastions"),
    ] {
        let fault = asked(method, rest, body).read().unwrap_err();
        assert_eq!(
            (fault.kind, fault.code),
            (FaultKind::Unknown, "api_unknown"),
            "{method} {rest}"
        );
    }
    for target in [
        "/v1",
        "/v1/regions//bastions",
        "/v1/regions/cn-east-2/bastions",
        "/v2/regions/cn-north-1/bastions",
    ] {
        let fault = asked("GET", "", "").at(target).read().unwrap_err();
        assert_eq!(fault.code, "api_unknown", "{target}");
    }
}

#[test]
fn whoever_is_nobody_learns_nothing_of_the_paths() {
    let sent = asked("GET", "no-such-path", "").signed_with("wrong", NOON);
    let fault = bastion().read(&listing(), &sent, NOON).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthentic);
}

#[test]
fn a_purchase_is_the_same_by_its_token_or_by_what_was_signed() {
    let plain = asked("POST", "instances", CREATE);
    let other = plain.clone().nonce("another-nonce");
    assert_eq!(key_of(&plain), key_of(&plain));
    assert_ne!(key_of(&plain), key_of(&other));
    let token = |asked: &Asked| asked.clone().with("x-turnkey-purchase-token", "basket");
    assert_eq!(key_of(&token(&plain)), key_of(&token(&other)));
    assert_ne!(
        key_of(&token(&plain)),
        key_of(&token(&plain.clone().by("other")))
    );
    let in_body = create_with(r#"{"regionId""#, r#"{"clientToken":"basket","regionId""#);
    assert_eq!(key_of(&in_body), key_of(&token(&plain)));
    let too_long = create_with(
        r#"{"regionId""#,
        &format!(r#"{{"clientToken":"{}","regionId""#, "x".repeat(65)),
    );
    assert_eq!(too_long.read().unwrap_err().code, "parameter_malformed");
}

#[test]
fn deep_or_broken_json_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        deep.as_str(),
        "[]",
        "7",
        "\"text\"",
        "{",
        "{\"a\":1}x",
        "\u{feff}{}",
    ] {
        let fault = asked("POST", "instances", body).read().unwrap_err();
        assert_eq!(fault.code, "body_malformed");
    }
}

#[test]
fn a_member_that_is_given_twice_is_refused_however_deep() {
    for (old, new) in [
        (r#""quantity":1"#, r#""quantity":1,"quantity":100"#),
        (r#""quantity":1"#, r#""quantity":1,"qu\u0061ntity":1"#),
        (r#"{"regionId""#, r#"{"regionId":"cn-north-1","regionId""#),
        (r#"{"regionId""#, r#"{"unknown":[{"a":1,"a":2}],"regionId""#),
    ] {
        let fault = create_with(old, new).read().unwrap_err();
        assert_eq!(fault.code, "parameter_repeated", "{new}");
    }
    let twice_in_two = r#"{"unknown":[{"a":1},{"a":2.5,"b":-1}],"regionId""#;
    create_with(r#"{"regionId""#, twice_in_two).read().unwrap();
}

#[test]
fn the_wrong_type_is_named_for_every_member() {
    for (old, new, name) in [
        (r#""az":"cn-north-1a""#, r#""az":1"#, "az"),
        (r#""vpcId":"vpc-1""#, r#""vpcId":true"#, "vpcId"),
        (r#""subnetId":"subnet-1""#, r#""subnetId":{}"#, "subnetId"),
        (r#""spec":"standard""#, r#""spec":[]"#, "spec"),
        (r#""quantity":1"#, r#""quantity":1.5"#, "quantity"),
        (r#""quantity":1"#, r#""quantity":"1""#, "quantity"),
        (r#""desc":"堡垒机""#, r#""desc":1"#, "desc"),
        (
            r#""chargeDuration":1"#,
            r#""chargeDuration":"1""#,
            "chargeDuration",
        ),
        (
            r#""chargeUnit":"month""#,
            r#""chargeUnit":"day""#,
            "chargeUnit",
        ),
        (
            r#""chargeDuration":1"#,
            r#""chargeDuration":1,"autoRenew":"yes""#,
            "autoRenew",
        ),
        (
            r#""chargeDuration":1"#,
            r#""chargeDuration":1,"buyScenario":"~""#,
            "buyScenario",
        ),
    ] {
        let fault = create_with(old, new).read().unwrap_err();
        assert_eq!(fault.code, "parameter_malformed", "{new}");
        assert!(fault.message.starts_with(name), "{}", fault.message);
    }
    for (unit, duration, fits) in [
        ("YEAR", 3, true),
        ("year", 4, false),
        ("Month", 9, true),
        ("month", 0, false),
        ("month", -1, false),
    ] {
        let new = format!(r#""chargeUnit":"{unit}","chargeDuration":{duration}"#);
        let read = create_with(r#""chargeUnit":"month","chargeDuration":1"#, &new).read();
        assert_eq!(
            read.map_err(|fault| fault.code).err(),
            (!fits).then_some("value_out_of_range"),
            "{new}"
        );
    }
}

#[test]
fn lists_are_collected_by_index() {
    let filters = "filters.7.values.2=b-2&filters.7.name=bid&filters.7.values.1=b-1&filters.2.name=name&filters.2.values.1=x%20y";
    let call = asked("GET", &format!("bastions?{filters}"), "")
        .read()
        .unwrap();
    let Intent::Look(look) = call.intent else {
        panic!("{call:?}")
    };
    let told = format!("{look:?}");
    assert!(
        told.contains(r#"Word("desc"), by: Equals, values: ["x y"]"#),
        "{told}"
    );
    assert!(
        told.contains(r#"Id, by: Equals, values: ["i-1", "i-2"]"#),
        "{told}"
    );
    let empty = asked("GET", "bastions?filters=", "").read();
    assert!(empty.is_ok(), "an empty list of PHP is none");
}
