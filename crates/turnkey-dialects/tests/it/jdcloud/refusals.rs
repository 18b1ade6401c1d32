//! What proves nothing, in the words of the house's gateway; and what is let through all the same.

use turnkey_core::UtcMillis;
use turnkey_dialects::jdcloud::{Spelling, Unsigned, Version};

use super::{SIGNED_AT, SKEW_MS, Sent, create, signed};
use crate::door::key;

const INVALID: &str = "Invalid authentication credentials";
const NOT_SAME: &str = "sign result is not same";

/// `sent` with `from` in its authorization replaced by `to`.
fn respelt(sent: &Sent, from: &str, to: &str) -> Sent {
    let authorization = sent.header("authorization");
    assert!(authorization.contains(from), "{authorization}");
    sent.with("authorization", authorization.replace(from, to))
}

/// `sent` with one more header of that name.
fn twice(sent: &Sent, name: &str) -> Sent {
    let mut sent = sent.clone();
    let value = sent.header(name).into_bytes();
    sent.headers.push((name.to_owned(), value));
    sent
}

#[test]
fn what_is_missing_is_named_in_the_gateway_s_words() {
    let sent = signed(Version::V2, &create());
    let signed_headers = "SignedHeaders=content-type;host;x-jdcloud-algorithm;x-jdcloud-date;\
                          x-jdcloud-nonce, ";
    let credential = "Credential=TESTAK/20260105/cn-north-1/bastion/jdcloud2_request, ";
    let no_header = "lack of header authorization";
    let no_credential = "lack of credential in the header authorization";
    let no_list = "lack of header signedHeaders";
    let no_date = "lack of header x-jdcloud-date";
    let cases = [
        (
            sent.without("authorization"),
            "authorization_missing",
            no_header,
        ),
        (
            sent.with("authorization", "  "),
            "authorization_missing",
            no_header,
        ),
        (
            respelt(&sent, credential, ""),
            "credential_missing",
            no_credential,
        ),
        (
            respelt(&sent, credential, "Credential=, "),
            "credential_missing",
            no_credential,
        ),
        (
            sent.with("authorization", "JDCLOUD2-HMAC-SHA256"),
            "credential_missing",
            no_credential,
        ),
        (
            respelt(&sent, signed_headers, ""),
            "signed_headers_missing",
            no_list,
        ),
        (sent.without("x-jdcloud-date"), "date_missing", no_date),
        (sent.with("x-jdcloud-date", ""), "date_missing", no_date),
    ];
    for (sent, code, message) in cases {
        assert_eq!(sent.verdict(SIGNED_AT), (code, message.to_owned()));
    }
}

#[test]
fn an_authorization_of_another_form_is_refused() {
    let sent = signed(Version::V3, &create());
    let many: Vec<_> = (0..100).map(|n| format!("x-{n}")).collect();
    let signature = sent.header("authorization");
    let signature = signature.rsplit('=').next().unwrap();
    let cases = [
        sent.with("authorization", "Bearer TESTAK"),
        sent.with("authorization", b"\xff\xfe"),
        respelt(&sent, "JDCLOUD3-", "JDCLOUD4-"),
        // The terminator belongs to the algorithm.
        respelt(&sent, "jdcloud3_request", "jdcloud2_request"),
        respelt(&sent, "JDCLOUD3-", "JDCLOUD2-").without("x-jdcloud-algorithm"),
        respelt(&sent, "/bastion", ""),
        respelt(&sent, "/bastion", "/bastion/x"),
        respelt(&sent, signature, ""),
        respelt(&sent, signature, &signature.to_uppercase()),
        respelt(&sent, signature, &signature[1..]),
        respelt(&sent, signature, &format!("{signature}, X=1")),
        respelt(&sent, "content-type;host", "host;content-type;host"),
        respelt(&sent, "content-type;host", &many.join(";")),
        sent.with("x-jdcloud-algorithm", "JDCLOUD2-HMAC-SHA256"),
        twice(&sent, "authorization"),
        twice(&sent, "x-jdcloud-date"),
    ];
    for (place, sent) in cases.iter().enumerate() {
        let expected = ("authorization_malformed", INVALID.to_owned());
        assert_eq!(sent.verdict(SIGNED_AT), expected, "case {place}");
    }
}

#[test]
fn a_time_must_be_one_of_the_credential_s_day_and_near() {
    let sent = signed(Version::V2, &create());
    for date in [
        "2026-01-05T02:03:04Z",
        "20260105T020304",
        "20260105T250304Z",
        "20261305T020304Z",
    ] {
        let sent = sent.with("x-jdcloud-date", date);
        assert_eq!(
            sent.verdict(SIGNED_AT),
            ("date_malformed", INVALID.to_owned())
        );
    }
    for day in ["20260104", "2026010", "202601055", ""] {
        let sent = respelt(&sent, "/20260105/", &format!("/{day}/"));
        assert_eq!(
            sent.verdict(SIGNED_AT),
            ("scope_date_wrong", INVALID.to_owned())
        );
    }
    let skew = i64::try_from(SKEW_MS).unwrap();
    for (later_ms, code) in [
        (-skew - 1, "timestamp_future"),
        (-skew, "ok"),
        (0, "ok"),
        (skew, "ok"),
        (skew + 1, "timestamp_stale"),
        (i64::MAX - SIGNED_AT.0, "timestamp_stale"),
        (i64::MIN, "timestamp_future"),
    ] {
        let (told, message) = sent.verdict(UtcMillis(SIGNED_AT.0.saturating_add(later_ms)));
        assert_eq!(told, code, "{later_ms}");
        assert_eq!(message, if code == "ok" { "" } else { INVALID });
    }
}

/// Why it is refused is for the operator only.
#[test]
fn the_distance_of_a_signed_time_is_in_the_note() {
    let sent = signed(Version::V2, &create());
    let late = UtcMillis(SIGNED_AT.0 + 901_000);
    sent.told("TESTAK", &[key("TESTSK")], late, |told| {
        let fault = told.unwrap_err();
        assert_eq!(fault.message, INVALID);
        let expected = "x-jdcloud-date \"20260105T020304Z\" is 901 s old; at most 900 s are \
                        allowed; the server's time is 1767579485 in UNIX seconds";
        assert_eq!(fault.note.as_deref(), Some(expected));
    });
}

#[test]
fn only_an_active_secret_of_the_access_key_proves_anything() {
    let sent = signed(Version::V2, &create());
    let verdict = |access_key: &str, keys: &[_]| {
        sent.told(access_key, keys, SIGNED_AT, |told| {
            told.map_or_else(|f| f.code, |_| "ok")
        })
    };
    let (right, wrong, empty) = (|| key("TESTSK"), || key("TESTSK2"), || key(""));
    assert_eq!(verdict("TESTAK", &[right()]), "ok");
    assert_eq!(verdict("TESTAK", &[wrong(), right()]), "ok");
    assert_eq!(verdict("TESTAK", &[right(), wrong()]), "ok");
    assert_eq!(verdict("TESTAK", &[wrong(), wrong()]), "signature_wrong");
    assert_eq!(verdict("TESTAK", &[]), "signature_wrong");
    assert_eq!(verdict("OTHERAK", &[right()]), "access_key_unknown");
    // Two secrets at the most.
    assert_eq!(
        verdict("TESTAK", &[wrong(), wrong(), right()]),
        "signature_wrong"
    );

    let unproved = signed(Version::V2, &create());
    let nobody = respelt(&unproved, "TESTAK", "NOBODY");
    let expected = ("access_key_unknown", "Invalid accessKey".to_owned());
    assert_eq!(nobody.verdict(SIGNED_AT), expected);

    // An empty secret signs like any other, and proves nothing.
    let by_empty = {
        let secret = empty();
        let signer = turnkey_dialects::jdcloud::Signer {
            version: Version::V2,
            access_key: "TESTAK",
            secret: secret.secret(),
            region: "cn-north-1",
            service: "bastion",
        };
        let headers = turnkey_dialects::jdcloud::sign(&signer, &create(), "n", SIGNED_AT).unwrap();
        let (_, authorization) = headers.last().unwrap();
        sent.with("authorization", authorization)
            .with("x-jdcloud-nonce", "n")
    };
    let code = by_empty.told("TESTAK", &[empty()], SIGNED_AT, |told| {
        told.unwrap_err().code
    });
    assert_eq!(code, "signature_wrong");
}

/// A key is known to be used once it has proved something, and not before.
#[test]
fn the_key_that_fits_is_marked_as_used() {
    let sent = signed(Version::V3, &create());
    let keys = [key("older"), key("TESTSK")];
    respelt(&sent, "Signature=", "Signature=x").told("TESTAK", &keys, SIGNED_AT, |told| {
        assert!(told.is_err());
    });
    assert_eq!(keys.each_ref().map(|key| key.last_used()), [None, None]);
    let stale = UtcMillis(SIGNED_AT.0 + 901_000);
    sent.told("TESTAK", &keys, stale, |told| assert!(told.is_err()));
    assert_eq!(keys.each_ref().map(|key| key.last_used()), [None, None]);
    sent.told("TESTAK", &keys, SIGNED_AT, |told| assert!(told.is_ok()));
    assert_eq!(
        keys.each_ref().map(|key| key.last_used()),
        [None, Some(SIGNED_AT)]
    );
}

#[test]
fn whatever_is_changed_on_the_way_is_not_the_same() {
    for version in Version::ALL {
        let sent = signed(version, &create());
        let mut body = sent.clone();
        body.body.push(b' ');
        let mut query = sent.clone();
        query.query.push_str("a=1");
        let mut path = sent.clone();
        path.path.push('/');
        let mut method = sent.clone();
        method.method = "PUT".to_owned();
        let cases = [
            body,
            query,
            path,
            method,
            sent.without("x-jdcloud-nonce"),
            sent.with("x-jdcloud-nonce", "another"),
            sent.with("x-jdcloud-date", "20260105T020305Z"),
            sent.with("host", "bastion.example.test"),
            respelt(&sent, "content-type;", ""),
            respelt(&sent, "content-type;", "accept;content-type;"),
            respelt(&sent, "content-type;", ";content-type;"),
            respelt(&sent, "cn-north-1", "cn-north-2"),
            respelt(&sent, "/bastion/", "/vm/"),
            twice(&sent, "x-jdcloud-nonce"),
        ];
        for (place, sent) in cases.iter().enumerate() {
            let expected = ("signature_wrong", NOT_SAME.to_owned());
            assert_eq!(sent.verdict(SIGNED_AT), expected, "case {place}");
        }
    }
}

/// The Python SDK states the body's digest in a header that it does not sign. To believe it would
/// let anybody exchange the body.
#[test]
fn a_tampered_body_is_refused_whatever_is_stated_of_it() {
    let header = "x-jdcloud-content-sha256";
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let sent = signed(
        Version::V3,
        &Unsigned {
            body: b"",
            ..create()
        },
    );
    let right = sent.with(header, empty);
    assert_eq!(right.verdict(SIGNED_AT).0, "ok");
    assert_eq!(
        sent.with(header, empty.to_uppercase()).verdict(SIGNED_AT).0,
        "ok"
    );

    let mut tampered = right.clone();
    tampered.body = b"{}".to_vec();
    let expected = ("body_digest_wrong", NOT_SAME.to_owned());
    assert_eq!(tampered.verdict(SIGNED_AT), expected);
    // Stated anew, or not at all, it is still another body than was signed.
    let of_tampered = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let expected = ("signature_wrong", NOT_SAME.to_owned());
    assert_eq!(
        tampered.with(header, of_tampered).verdict(SIGNED_AT),
        expected
    );
    assert_eq!(tampered.without(header).verdict(SIGNED_AT), expected);
    // A wrong statement about a right body is none the better, nor is one of two.
    let mut twice = right.clone();
    twice.headers.push((header.to_owned(), of_tampered.into()));
    for wrong in [sent.with(header, of_tampered), twice] {
        let expected = ("body_digest_wrong", NOT_SAME.to_owned());
        assert_eq!(wrong.verdict(SIGNED_AT), expected);
    }
}

#[test]
fn a_body_that_is_left_out_is_refused_even_where_that_is_signed() {
    let unsigned = Unsigned {
        headers: &[("x-jdcloud-content-sha256", "UNSIGNED-PAYLOAD")],
        ..create()
    };
    let expected = ("payload_unsigned", NOT_SAME.to_owned());
    for version in Version::ALL {
        assert_eq!(signed(version, &unsigned).verdict(SIGNED_AT), expected);
        let sent = signed(version, &create());
        let sent = sent.with("x-jdcloud-content-sha256", "unsigned-payload");
        assert_eq!(sent.verdict(SIGNED_AT), expected);
    }
}

#[test]
fn spellings_of_some_signers_fit_one_at_a_time() {
    let at = |host: &'static str| Unsigned { host, ..create() };
    let spaced = |value: &'static str| Unsigned {
        query: "a=1",
        ..Unsigned {
            headers: Box::leak(Box::new([("x-my", value)])),
            ..create()
        }
    };
    let sent = |unsigned: &Unsigned<'_>| signed(Version::V3, unsigned);
    let bare = |mut sent: Sent| {
        sent.query = "bare&a=1".to_owned();
        sent
    };
    let cases = [
        (sent(&spaced("a b")), Ok(Spelling::Plain)),
        (sent(&spaced("a  b")), Ok(Spelling::Plain)),
        (
            sent(&spaced("a b")).with("x-my", " a \t b "),
            Ok(Spelling::BlanksCollapsed),
        ),
        (
            sent(&spaced("a  b")).with("x-my", "a b"),
            Err("signature_wrong"),
        ),
        (bare(sent(&spaced("a"))), Ok(Spelling::BareNamesDropped)),
        (
            sent(&at("h")).with("host", "h:80"),
            Ok(Spelling::PortDropped),
        ),
        (
            sent(&at("h")).with("host", "h:443"),
            Ok(Spelling::PortDropped),
        ),
        (
            sent(&at("h")).with("host", "h:8080"),
            Err("signature_wrong"),
        ),
        (
            sent(&at("h:80")).with("host", "h"),
            Ok(Spelling::PortAdded(80)),
        ),
        (
            sent(&at("h:443")).with("host", "h"),
            Ok(Spelling::PortAdded(443)),
        ),
        (
            sent(&at("h:8080")).with("host", "h"),
            Err("signature_wrong"),
        ),
        (
            bare(sent(&spaced("a b"))).with("x-my", "a  b"),
            Err("signature_wrong"),
        ),
    ];
    for (place, (sent, expected)) in cases.iter().enumerate() {
        sent.told("TESTAK", &[key("TESTSK")], SIGNED_AT, |told| {
            let spelling = told.as_ref().map(|proof| proof.spelling);
            assert_eq!(
                spelling.map_err(|fault| fault.code),
                *expected,
                "case {place}"
            );
            if expected.is_ok() && sent.query.contains('a') {
                // What nobody signed is not there to be read.
                assert_eq!(told.unwrap().query, "a=1", "case {place}");
            }
        });
    }
}

/// Otherwise a captured purchase with blanks in its nonce could be told again and again as another.
#[test]
fn a_signed_nonce_is_the_one_that_was_signed() {
    let sent = signed(Version::V2, &create());
    let nonce_of = |sent: &Sent| {
        sent.told("TESTAK", &[key("TESTSK")], SIGNED_AT, |told| {
            told.unwrap().nonce()
        })
    };
    assert_eq!(nonce_of(&sent).as_deref(), Some("a-nonce"));
    assert_eq!(
        nonce_of(&sent.with("x-jdcloud-nonce", "\ta-nonce ")).as_deref(),
        Some("a-nonce")
    );

    let blanks = Unsigned {
        headers: &[("x-jdcloud-nonce", "a nonce")],
        ..create()
    };
    let sent = signed(Version::V2, &blanks).with("x-jdcloud-nonce", "a   nonce");
    assert_eq!(nonce_of(&sent).as_deref(), Some("a nonce"));

    // An empty one tells calls apart no better than none.
    let empty = Unsigned {
        headers: &[("x-jdcloud-nonce", "")],
        ..create()
    };
    assert_eq!(nonce_of(&signed(Version::V2, &empty)), None);
}

/// Otherwise somebody on the way could add a header that makes a captured purchase another one.
#[test]
fn a_header_that_nobody_signed_is_not_there_to_be_read() {
    let unsigned = Unsigned {
        headers: &[("x-token", "mine")],
        ..create()
    };
    let sent = signed(Version::V3, &unsigned);
    let token_of = |sent: &Sent| {
        sent.told("TESTAK", &[key("TESTSK")], SIGNED_AT, |told| {
            told.unwrap().signed_header("x-token")
        })
    };
    assert_eq!(token_of(&sent).as_deref(), Some("mine"));
    let bare = signed(Version::V3, &create());
    assert_eq!(token_of(&bare), None);
    assert_eq!(token_of(&bare.with("x-token", "theirs")), None);
}

#[test]
fn the_client_sends_what_the_documents_ask_for() {
    let unsigned = Unsigned {
        headers: &[("x-jdcloud-security-token", "tok")],
        ..create()
    };
    let sent = signed(Version::V2, &unsigned);
    let names: Vec<_> = sent.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "content-type",
        "host",
        "x-jdcloud-algorithm",
        "x-jdcloud-date",
        "x-jdcloud-nonce",
        "x-jdcloud-security-token",
        "authorization",
    ];
    assert_eq!(names, expected);
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(sent.header("x-jdcloud-algorithm"), "JDCLOUD2-HMAC-SHA256");
    assert_eq!(sent.header("x-jdcloud-date"), "20260105T020304Z");
    assert_eq!(sent.header("x-jdcloud-security-token"), "dG9r");
    let signed_headers = expected[..6].join(";");
    let authorization = sent.header("authorization");
    assert!(
        authorization.contains(&format!("SignedHeaders={signed_headers}, ")),
        "{authorization}"
    );
    assert_eq!(sent.verdict(SIGNED_AT).0, "ok");
    assert_eq!(Version::default(), Version::V2);
}
