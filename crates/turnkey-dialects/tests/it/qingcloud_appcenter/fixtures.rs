//! `fixtures/qingcloud-appcenter/`.

use turnkey_core::UtcMillis;
use turnkey_dialects::OwnedRequest;

use super::{CREATE, PACKAGE, SOLO, SPEC, sent, timed};
use crate::door::{KEY, NOON, NOON_S, bare, signature, with, without};
use crate::fixture::{Book, Case, FIRST, NEXT_KEY};

const RENEW: &[(&str, &str)] = &[
    ("action", "RenewAppInstance"),
    ("order_id", "appor-renew"),
    ("instance_id", FIRST),
    ("spec", SPEC),
    ("spec_package", PACKAGE),
    ("period", "1_month"),
];

const UPGRADE: &[(&str, &str)] = &[
    ("action", "UpgradeAppInstance"),
    ("order_id", "appor-upgrade"),
    ("instance_id", FIRST),
    ("spec", SOLO),
    ("spec_package", PACKAGE),
    ("period", "1_month"),
];

const EXPIRE: &[(&str, &str)] = &[("action", "ExpireAppInstance"), ("instance_id", FIRST)];

const DELETE: &[(&str, &str)] = &[("action", "DeleteAppInstance"), ("instance_id", FIRST)];

const TEST: &[(&str, &str)] = &[("action", "TestConnection")];

const BOOK: Book = Book {
    dialect: "qingcloud-appcenter",
    about: "Listing notes-appcenter, at /spi/notes-appcenter: app_id app-xxxxx, sells spec 规格 (6KeE5qC8)\n\
            with package 套餐 (5aWX6aSQ), and spec solo (c29sbw==) with any package.\n\
            Keys (fake): fixture-prod-key, fixture-next-key.\n\
            It is 2026-01-31T04:00:00Z, noon in Shanghai, unless a section says otherwise.",
    listings: ["notes-appcenter", "other-appcenter"],
    product_code: "app-xxxxx",
    signed: documented,
    create: CREATE,
    renew: RENEW,
    delete: DELETE,
    debug: (
        "debug",
        "debug=true is no dry run: what a create makes is real, marked, and not billed.",
        ("debug", "true"),
    ),
    period: "period",
    no_plan: ("spec", "6buE6YeR"),
    no_product: ("app_id", "app-other"),
    own: |base| vec![prefixed(base), header_only(base)],
};

fn documented(parameters: &[(&str, &str)], at_s: i64, key_text: &str) -> OwnedRequest {
    let (query, signature) = timed("", parameters, at_s, key_text);
    sent(&query, &signature)
}

fn prefixed(base: &[(&str, &str)]) -> Case {
    let (query, signature) = timed("GET\n", base, NOON_S, KEY);
    Case::new(
        "method-prefixed",
        "Signed as the official sample does: GET and a line feed before the parameters.",
        sent(&query, &signature),
    )
}

fn header_only(base: &[(&str, &str)]) -> Case {
    let (query, signature) = timed("", base, NOON_S, KEY);
    let sent = OwnedRequest {
        query,
        ..sent("", &signature)
    };
    Case::new("header only", "The signature is not in the query.", sent)
}

/// Orders without an order_id.
fn orderless() -> Vec<Case> {
    let create = without(CREATE, "order_id");
    let mut turned = create.clone();
    turned.reverse();
    let (query, signature) = timed("GET\n", &turned, NOON_S, NEXT_KEY);
    let respelt = query.replace("1_year", "%31%5fyear");
    let again = Case::new(
        "order_id absent, the same call again",
        "Ordered, encoded and signed in another way, with another key: still the same call.",
        sent(&respelt, &signature),
    );
    let later = Case::new(
        "order_id absent, and another time",
        "A second purchase, as far as anybody can tell: another instance.",
        documented(&create, NOON_S + 20, KEY),
    );
    vec![
        BOOK.case(
            "order_id absent",
            "As in older documentation: the call is known by all of its parameters.",
            &create,
        ),
        BOOK.after(&create, again),
        BOOK.after(&create, later).at(UtcMillis(NOON.0 + 20_000)),
    ]
}

/// What the door does, whatever the action.
fn door() -> Vec<Case> {
    let at = "time_stamp=2026-01-31T04%3A00%3A00Z";
    let as_sent = |segments: &[&str]| {
        let segments: Vec<_> = segments.iter().map(|s| (*s).to_owned()).collect();
        sent(&segments.join("&"), &signature("", &segments, KEY))
    };
    let test = "action=TestConnection";
    let create = with(CREATE, &[("order_id", "appor ~*")]);
    let (canonical, canonical_signature) = timed("", &create, NOON_S, KEY);
    let python = canonical.replace("order_id=appor+~%2A", "order_id=appor%20~%2A");
    let java = canonical.replace("order_id=appor+~%2A", "order_id=appor+%7E*");
    let spelt = |query: &str| as_sent(&query.split('&').collect::<Vec<_>>());
    let (query, other) = timed("", TEST, NOON_S, "some-other-key");
    let (_, good) = timed("", TEST, NOON_S, KEY);
    let with_headers = |query: &str, header: &str| OwnedRequest {
        headers: vec![("app_signature", header.to_owned())],
        ..bare(query)
    };
    vec![
        Case::new(
            "own query of the notification URL, and a parameter that nobody knows",
            "Both are signed, and change nothing.",
            as_sent(&["tenant=7", test, at, "coupon=spring"]),
        ),
        Case::new(
            "the next key",
            "Signed with the second key of the listing.",
            documented(TEST, NOON_S, NEXT_KEY),
        ),
        Case::new(
            "a space as %20",
            "The reference caller's encoding, signed as sent.",
            spelt(&python),
        ),
        Case::new(
            "a space as +",
            "The reference server's encoding, signed as sent.",
            spelt(&java),
        ),
        Case::new(
            "signed as documented, sent otherwise",
            "A space as %20 on the wire, signed over the documented encoding.",
            sent(&python, &canonical_signature),
        ),
        BOOK.case(
            "package absent",
            "As in the documentation's own example.",
            &with(&without(CREATE, "spec_package"), &[("spec", SOLO)]),
        ),
        BOOK.case(
            "names as some senders spell them",
            "No padding, and a + that was not escaped and so became a space.",
            &with(CREATE, &[("spec", "c29sbw"), ("spec_package", "aT8 fg==")]),
        ),
        BOOK.case(
            "a name that is no base64",
            "",
            &with(CREATE, &[("spec_package", "套餐")]),
        ),
        BOOK.case(
            "a name that is no UTF-8",
            "",
            &with(CREATE, &[("spec", "/w==")]),
        ),
        BOOK.case(
            "cloud_info that is no object",
            "It is [].",
            &with(CREATE, &[("cloud_info", "W10=")]),
        ),
        Case::new("no signature", "", bare(format!("{test}&{at}"))),
        Case::new(
            "the query's signature counts",
            "That of the header would fit.",
            with_headers(&sent(&query, &other).query, &good),
        ),
        Case::new(
            "a parameter twice",
            "Which of the two counts would be a guess.",
            as_sent(&[test, "debug=0", "debug=1", at]),
        ),
        Case::new(
            "not percent-encoding",
            "Refused before the signature is looked at.",
            as_sent(&[test, "note=100%", at]),
        ),
        Case::new(
            "a time that is none",
            "A date is expected, not seconds.",
            as_sent(&[test, "time_stamp=1769832000"]),
        ),
        BOOK.case("a missing parameter", "", &without(CREATE, "user_id")),
        BOOK.case(
            "an unknown action",
            "",
            &with(TEST, &[("action", "ResizeAppInstance")]),
        ),
    ]
}

#[test]
fn create() {
    let malformed = with(CREATE, &[("spec", "规格")]);
    let malformed = BOOK.case("malformed", "A name is base64.", &malformed);
    let mut cases = BOOK.creates(malformed);
    cases.extend(orderless());
    BOOK.check("create", "CreateAppInstance", &cases);
}

#[test]
fn renew() {
    let mut cases = BOOK.orders_on(RENEW);
    let why = "The platform had isolated it: renewing brings it back.";
    let back = BOOK.case("after it expired", why, RENEW);
    let why = "A renewal always has one.";
    let orderless = BOOK.case("order_id absent", why, &without(RENEW, "order_id"));
    cases.extend(BOOK.on_instance(vec![BOOK.after(&EXPIRE.to_vec(), back), orderless]));
    BOOK.check("renew", "RenewAppInstance", &cases);
}

#[test]
fn upgrade() {
    let mut cases = BOOK.orders_on(UPGRADE);
    let why = "The plan that it has already: a success that changes nothing.";
    let same = BOOK.case("the same plan", why, &with(UPGRADE, &[("spec", SPEC)]));
    let absent = without(UPGRADE, "order_id");
    let why = "The call is known by all of its parameters.";
    let orderless = BOOK.case("order_id absent", why, &absent);
    let why = "The second is the first.";
    let again = BOOK.case("order_id absent, the same call again", why, &absent);
    let again = BOOK.after(&absent, again);
    cases.extend(BOOK.on_instance(vec![same, orderless, again]));
    BOOK.check("upgrade", "UpgradeAppInstance", &cases);
}

#[test]
fn expire() {
    BOOK.check("expire", "ExpireAppInstance", &BOOK.changes_of(EXPIRE));
}

#[test]
fn delete() {
    BOOK.check("delete", "DeleteAppInstance", &BOOK.changes_of(DELETE));
}

#[test]
fn test() {
    let malformed = with(TEST, &[("debug", "yes")]);
    let malformed = BOOK.case("malformed", "debug is true or false.", &malformed);
    BOOK.check("test", "TestConnection", &BOOK.common(TEST, malformed));
}

#[test]
fn at_the_door() {
    BOOK.check("door", "at the door", &door());
}
