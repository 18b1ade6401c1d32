//! `fixtures/qingcloud-market/`.

use turnkey_dialects::OwnedRequest;

use super::{CREATE, signed};
use crate::door::{KEY, NOON_S, bare, signed_as_sent, with, without};
use crate::fixture::{Book, Case, FIRST, NEXT_KEY};

const RENEW: &[(&str, &str)] = &[
    ("action", "RenewInstance"),
    ("order_id", "mord-renew"),
    ("instance_id", FIRST),
    ("spec", "规格"),
    ("package", "套餐"),
    ("duration", "1_month"),
    ("debug", "0"),
];

const UPGRADE: &[(&str, &str)] = &[
    ("action", "UpgradeInstance"),
    ("order_id", "mord-upgrade"),
    ("instance_id", FIRST),
    ("spec", "solo"),
    ("package", "套餐"),
    ("duration", "1_month"),
    ("debug", "0"),
];

const EXPIRE: &[(&str, &str)] = &[
    ("action", "ExpireInstance"),
    ("instance_id", FIRST),
    ("debug", "0"),
];

const DELETE: &[(&str, &str)] = &[
    ("action", "DeleteInstance"),
    ("instance_id", FIRST),
    ("debug", "0"),
];

const TEST: &[(&str, &str)] = &[("action", "TestConnection"), ("debug", "0")];

const BOOK: Book = Book {
    dialect: "qingcloud-market",
    about: "Listing notes-market, at /spi/notes-market: product_code prod-yha6rswd, sells spec 规格\n\
            with package 套餐, and spec solo with any package. Keys (fake): fixture-prod-key, fixture-next-key.\n\
            It is 1769832000, noon of 2026-01-31 in Shanghai, unless a section says otherwise.",
    listings: ["notes-market", "other-market"],
    product_code: "prod-yha6rswd",
    signed: |parameters, at_s, key_text| bare(signed(parameters, at_s, key_text)),
    create: CREATE,
    renew: RENEW,
    delete: DELETE,
    debug: (
        "dry run",
        "debug=1: everything is checked, nothing is changed.",
        ("debug", "1"),
    ),
    period: "duration",
    no_plan: ("spec", "黄金"),
    no_product: ("product_code", "prod-other"),
    own: |_| Vec::new(),
};

/// What the door does, whatever the action.
fn door() -> Vec<Case> {
    let at = format!("timestamp={NOON_S}");
    let as_sent = |segments: &[&str]| -> OwnedRequest {
        let segments: Vec<_> = segments.iter().map(|s| (*s).to_owned()).collect();
        bare(signed_as_sent(&segments, KEY))
    };
    let test = "action=TestConnection";
    let unsigned = format!("{test}&{at}");
    let spelt = "package=%e5%a5%97%e9%a4%90%20~*";
    let create = with(CREATE, &[("spec", "solo"), ("package", "套餐 ~*")]);
    let create = signed(&create, NOON_S, KEY);
    let (canonical, signature) = create.split_once("&signature=").unwrap();
    let respelt = canonical.replace("package=%E5%A5%97%E9%A4%90+~%2A", spelt);
    let segments: Vec<_> = respelt.split('&').collect();
    vec![
        Case::new(
            "own query of the notification URL, and a parameter that nobody knows",
            "Both are signed, and change nothing.",
            as_sent(&["tenant=7", test, &at, "coupon=spring"]),
        ),
        Case::new(
            "the next key",
            "Signed with the second key of the listing.",
            bare(signed(TEST, NOON_S, NEXT_KEY)),
        ),
        Case::new(
            "signed as sent",
            "Lower-case hexadecimal, %20, and * as it is: signed over exactly what was sent.",
            as_sent(&segments),
        ),
        Case::new(
            "signed as documented, sent otherwise",
            "The same call, spelt the same on the wire, but signed over the documented encoding.",
            bare(format!("{respelt}&signature={signature}")),
        ),
        Case::new("no signature", "", bare(unsigned)),
        Case::new(
            "a parameter twice",
            "Which of the two counts would be a guess.",
            as_sent(&[test, "debug=0", "debug=1", &at]),
        ),
        Case::new(
            "not percent-encoding",
            "Refused before the signature is looked at.",
            as_sent(&[test, "note=100%", &at]),
        ),
        Case::new("not UTF-8", "", as_sent(&[test, "note=%B9%E6", &at])),
        Case::new(
            "a time that is none",
            "Seconds are expected, not a date.",
            as_sent(&[test, "timestamp=2026-01-31"]),
        ),
        BOOK.case("a missing parameter", "", &without(CREATE, "qingcloud_uid")),
        BOOK.case(
            "an unknown action",
            "",
            &with(TEST, &[("action", "ResizeInstance")]),
        ),
    ]
}

#[test]
fn create() {
    let malformed = with(CREATE, &[("duration", "1_fortnight")]);
    let malformed = BOOK.case("malformed", "No such unit.", &malformed);
    BOOK.check("create", "CreateInstance", &BOOK.creates(malformed));
}

#[test]
fn renew() {
    let mut cases = BOOK.orders_on(RENEW);
    let why = "The marketplace had isolated it: renewing brings it back.";
    let back = BOOK.case("after it expired", why, RENEW);
    cases.extend(BOOK.on_instance(vec![BOOK.after(&EXPIRE.to_vec(), back)]));
    BOOK.check("renew", "RenewInstance", &cases);
}

#[test]
fn upgrade() {
    let mut cases = BOOK.orders_on(UPGRADE);
    let why = "The plan that it has already: a success that changes nothing.";
    let same = with(UPGRADE, &[("spec", "规格")]);
    cases.extend(BOOK.on_instance(vec![BOOK.case("the same plan", why, &same)]));
    BOOK.check("upgrade", "UpgradeInstance", &cases);
}

#[test]
fn expire() {
    BOOK.check("expire", "ExpireInstance", &BOOK.changes_of(EXPIRE));
}

#[test]
fn delete() {
    BOOK.check("delete", "DeleteInstance", &BOOK.changes_of(DELETE));
}

#[test]
fn test() {
    let malformed = with(TEST, &[("debug", "yes")]);
    let malformed = BOOK.case("malformed", "debug is 1 or 0.", &malformed);
    BOOK.check("test", "TestConnection", &BOOK.common(TEST, malformed));
}

#[test]
fn at_the_door() {
    BOOK.check("door", "at the door", &door());
}
