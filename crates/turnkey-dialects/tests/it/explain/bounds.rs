//! What a request may cost, however it is made.

use turnkey_core::UtcMillis;
use turnkey_dialects::Request;
use turnkey_dialects::explain::Explanation;

use super::{KEY, doctor, explained};

const BASTION: &str = "jdcloud-bastion";
const MARKET: &str = "qingcloud-market";

fn get(query: &str) -> Request<'_> {
    Request {
        method: "GET",
        path: "/spi/shop",
        query,
        headers: &[],
        body: b"",
    }
}

/// A regression: only query and body were bounded, and a header may be listed a thousand times.
#[test]
fn headers_that_are_listed_a_thousand_times_are_not_tried_in_pairs() {
    let host = "h".repeat(1000);
    let known = doctor(BASTION).mistakes().len();
    for (absent, text_bytes) in [("", Some(3_000_000)), (";none", None)] {
        let names = format!("{}{absent}", vec!["host"; 3000].join(";"));
        let said = listed(&names, &host);
        let tried = said.tried;
        let bytes = said.canonical.map(|text| text.len());
        assert_eq!(bytes.is_some(), text_bytes.is_some());
        assert!(bytes >= text_bytes, "{bytes:?}");
        assert!(tried.mistakes < 30, "{tried:?}");
        assert_eq!(tried.mistakes + tried.mistakes_left, known);
        assert_eq!(tried.pairs + tried.pairs_left, known * (known - 1) / 2);
    }
}

/// What is said where `names` are listed as signed.
fn listed(names: &str, host: &str) -> Explanation {
    let authorization = format!(
        "JDCLOUD2-HMAC-SHA256 Credential=AK/20260105/a/b/jdcloud2_request, SignedHeaders={names}, Signature=0"
    );
    let request = Request {
        headers: &[
            ("authorization", authorization.as_bytes()),
            ("host", host.as_bytes()),
        ],
        ..get("")
    };
    explained(doctor(BASTION), &request, &[KEY], UtcMillis(0))
}

#[test]
fn of_a_long_query_some_pairs_are_not_tried() {
    let query = format!("x={}&signature=a", "y".repeat(60_000));
    let tried = explained(doctor(MARKET), &get(&query), &[KEY, "b"], UtcMillis(0)).tried;
    let known = doctor(MARKET).mistakes().len();
    assert_eq!((tried.mistakes, tried.mistakes_left), (known, 0));
    assert!(tried.pairs > 100 && tried.pairs_left > 100, "{tried:?}");
    assert_eq!(tried.pairs + tried.pairs_left, known * (known - 1) / 2);
    let short = explained(
        doctor(MARKET),
        &get("x=y&signature=a"),
        &[KEY],
        UtcMillis(0),
    );
    assert_eq!((short.tried.pairs_left, short.tried.keys_left), (0, 0));
}

#[test]
fn keys_beyond_the_first_are_counted() {
    let keys: Vec<_> = (0..20).map(|n| format!("key-{n}")).collect();
    let mut keys: Vec<_> = keys.iter().map(String::as_str).collect();
    keys.push("");
    let said = explained(doctor(MARKET), &get("a=b&signature=c"), &keys, UtcMillis(0));
    assert_eq!(said.tried.keys_left, 4);
}
