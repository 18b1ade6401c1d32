//! What is sent, as the platform.

use turnkey_core::{Call, FaultKind, InstanceId, Intent};
use turnkey_testkit::sample;

use super::{CREATE, appcenter, read, signed};
use crate::door::{KEY, NOON, NOON_S, at, bare, key, listing, with, without};

#[test]
fn the_signature_travels_twice() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let own = "tenant=7&note=a%20b&";
    let asked = appcenter().ask(&listing(), &ping, own, &[], NOON).unwrap();
    assert!(asked.query.starts_with(own), "{}", asked.query);
    assert!(
        asked
            .query
            .contains("&time_stamp=2026-01-31T04%3A00%3A00Z&signature=")
    );
    let (unsigned, _) = asked.query.split_once("&signature=").unwrap();
    assert_eq!(asked.headers.len(), 1);
    let by_header = turnkey_dialects::OwnedRequest {
        query: unsigned.to_owned(),
        ..asked.clone()
    };
    for sent in [&asked, &bare(asked.query.as_str()), &by_header] {
        assert_eq!(appcenter().read(&listing(), sent, NOON), Ok(ping.clone()));
    }
    let other = asked.query.replace("tenant=7", "tenant=8");
    assert_eq!(
        read(&listing(), &other, NOON).unwrap_err().code,
        "signature_wrong"
    );
}

#[test]
fn it_is_asked_in_either_signing_form() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let ask = |extra: &[(&str, &str)]| appcenter().ask(&listing(), &ping, "", extra, NOON);
    let documented = ask(&[]).unwrap();
    let prefixed = ask(&[("signing", "method-prefixed")]).unwrap();
    assert!(ask(&[("signing", "documented")]).unwrap() == documented);
    assert!(prefixed != documented);
    assert!(!prefixed.query.contains("signing"));
    let mut last = listing();
    last.keys = vec![key("other")];
    for asked in [&documented, &prefixed] {
        assert!(appcenter().read(&listing(), asked, NOON).is_ok());
        assert!(appcenter().read(&last, asked, NOON).is_err());
    }
    let fault = ask(&[("signing", "plain")]).unwrap_err();
    let message = r#"signing "plain": must be documented or method-prefixed or as-sent"#;
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Malformed, message)
    );
}

#[test]
fn what_a_call_does_not_say_is_the_public_clouds_or_missed() {
    let create = sample::call(sample::create("appor-1"), at(NOON));
    let fault = appcenter()
        .ask(&listing(), &create, "", &[], NOON)
        .unwrap_err();
    let message = "qingcloud-appcenter: a call without app_id cannot be put in its words";
    assert_eq!(fault.message, message);
    let mut listing = listing();
    listing.product_code = Some("app-x".to_owned());
    let asked = appcenter().ask(&listing, &create, "", &[], NOON).unwrap();
    let Intent::Create(read) = appcenter().read(&listing, &asked, NOON).unwrap().intent else {
        panic!("a create");
    };
    assert_eq!(read.context["app_id"], "app-x");
    let info = r#"{"sso_server": "https://account.qingcloud.com", "api_server": "https://api.qingcloud.com"}"#;
    assert_eq!(read.context["cloud_info"], info);
}

#[test]
fn whatever_is_set_replaces_what_would_be_sent() {
    let create = sample::call(sample::create("appor-1"), at(NOON));
    let app = ("app_id", "app-x");
    for (extra, code) in [
        (("spec", "c29sbw=="), None),
        (("debug", "1"), None),
        (("order_id", ""), None),
        (("spec", "solo!"), Some("base64_malformed")),
        (("signature", "bad"), Some("signature_wrong")),
        (
            ("time_stamp", "2026-01-31T03:00:00Z"),
            Some("timestamp_stale"),
        ),
    ] {
        let asked = appcenter()
            .ask(&listing(), &create, "", &[app, extra], NOON)
            .unwrap();
        let read = appcenter().read(&listing(), &asked, NOON);
        assert_eq!(read.err().map(|fault| fault.code), code, "{extra:?}");
    }
}

#[test]
fn a_call_without_order_id_is_asked_without_one() {
    let upgrade = [
        ("action", "UpgradeAppInstance"),
        ("instance_id", "i-1"),
        ("spec", super::SPEC),
        ("period", "1_year"),
    ];
    for parameters in [without(CREATE, "order_id"), upgrade.to_vec()] {
        let call = read(&listing(), &signed(&parameters, NOON_S, KEY), NOON).unwrap();
        let asked = appcenter().ask(&listing(), &call, "", &[], NOON).unwrap();
        assert!(!asked.query.contains("order_id"), "{}", asked.query);
        assert_eq!(appcenter().read(&listing(), &asked, NOON), Ok(call));
    }
    let unlike = [
        "~",
        "~0123456789abcdef0123456789ABCDEF",
        "0123456789abcdef0123456789abcdef",
    ];
    for order_id in unlike {
        let parameters = with(CREATE, &[("order_id", order_id)]);
        let call = read(&listing(), &signed(&parameters, NOON_S, KEY), NOON).unwrap();
        let asked = appcenter().ask(&listing(), &call, "", &[], NOON).unwrap();
        assert_eq!(
            appcenter().read(&listing(), &asked, NOON),
            Ok(call),
            "{order_id}"
        );
    }
}

#[test]
fn there_is_no_word_for_a_resume_or_a_dry_run() {
    let resume = sample::call(sample::resume(&InstanceId::new("i-1")), at(NOON));
    let dry = Call {
        dry_run: true,
        ..sample::call(Intent::Ping, at(NOON))
    };
    for call in [resume, dry] {
        let fault = appcenter()
            .ask(&listing(), &call, "", &[], NOON)
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
    }
}
