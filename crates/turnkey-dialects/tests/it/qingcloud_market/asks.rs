//! What is sent, as the marketplace.

use turnkey_core::{FaultKind, InstanceId, Intent};
use turnkey_testkit::sample;

use super::{ask, read};
use crate::door::{NOON, at, listing};

#[test]
fn an_own_query_travels_first_and_is_signed() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let own = "tenant=7&note=a%20b&";
    let asked = ask(&listing(), &ping, own, &[], NOON).unwrap();
    assert!(asked.starts_with(own), "{asked}");
    assert_eq!(read(&listing(), &asked, NOON), Ok(ping.clone()));
    let other = asked.replace("tenant=7", "tenant=8");
    assert_eq!(
        read(&listing(), &other, NOON).unwrap_err().code,
        "signature_wrong"
    );
    let fault = ask(&listing(), &ping, "debug=1", &[], NOON).unwrap_err();
    assert_eq!(fault.message, r#"parameter "debug" is given twice"#);
}

/// What a doctor needs: as documented, the meaning is signed, so that a proxy that respells the query
/// is never seen.
#[test]
fn what_is_signed_as_it_is_sent_must_come_as_it_was_sent() {
    let ping = sample::call(Intent::Ping, at(NOON));
    let own = "note=a%20b";
    for (form, respelt) in [
        ("documented", Ok(ping.clone())),
        ("as-sent", Err("signature_wrong")),
    ] {
        let asked = ask(&listing(), &ping, own, &[("signing", form)], NOON).unwrap();
        assert!(!asked.contains("signing"), "{asked}");
        assert_eq!(read(&listing(), &asked, NOON), Ok(ping.clone()), "{form}");
        let asked = asked.replace("%20", "+");
        let read = read(&listing(), &asked, NOON).map_err(|fault| fault.code);
        assert_eq!(read, respelt, "{form}");
    }
    let fault = ask(&listing(), &ping, "", &[("signing", "plain")], NOON).unwrap_err();
    let message = r#"signing "plain": must be documented or as-sent"#;
    assert_eq!(fault.message, message);
}

#[test]
fn whatever_is_set_replaces_what_would_be_sent() {
    let create = sample::call(sample::create("mord-1"), at(NOON));
    let fault = ask(&listing(), &create, "", &[], NOON).unwrap_err();
    assert_eq!(
        fault.message,
        "qingcloud-market: a call without product_code cannot be put in its words"
    );
    let extra = [
        ("product_code", "prod-x"),
        ("coupon", "a b"),
        ("spec", "solo"),
        ("coupon", "c"),
    ];
    let asked = ask(&listing(), &create, "", &extra, NOON).unwrap();
    assert!(
        asked.contains("&spec=solo&") && asked.contains("&coupon=c&"),
        "{asked}"
    );
    assert!(read(&listing(), &asked, NOON).is_ok());
    let extra = [("product_code", "prod-x"), ("signature", "bad")];
    let asked = ask(&listing(), &create, "", &extra, NOON).unwrap();
    assert_eq!(
        read(&listing(), &asked, NOON).unwrap_err().code,
        "signature_wrong"
    );
    let extra = [("product_code", "prod-x"), ("timestamp", "5")];
    let asked = ask(&listing(), &create, "", &extra, NOON).unwrap();
    assert_eq!(
        read(&listing(), &asked, NOON).unwrap_err().code,
        "timestamp_stale"
    );
}

#[test]
fn there_is_no_word_for_a_resume() {
    let resume = sample::call(sample::resume(&InstanceId::new("i-1")), at(NOON));
    let fault = ask(&listing(), &resume, "", &[], NOON).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
}
