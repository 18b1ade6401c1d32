//! Signatures that were made elsewhere (fixtures/vectors-qingcloud.json).

use std::path::Path;

use serde_json::{Map, Value};
use turnkey_core::UtcMillis;
use turnkey_dialects::{OwnedRequest, query, sign};

use crate::door::{Door, bare, door, key, listing};

fn rows(dialect: &str) -> Vec<Map<String, Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors-qingcloud.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = file["vectors"].as_array().unwrap().iter();
    rows.map(|row| row.as_object().unwrap().clone())
        .filter(|row| row["dialect"] == dialect)
        .collect()
}

/// When a row was signed.
fn signed_at(params: &Map<String, Value>) -> UtcMillis {
    if let Some(text) = params.get("time_stamp") {
        let at: jiff::Timestamp = text.as_str().unwrap().parse().unwrap();
        return UtcMillis(at.as_millisecond());
    }
    let seconds: i64 = params["timestamp"].as_str().unwrap().parse().unwrap();
    UtcMillis(seconds * 1000)
}

/// Signed, read and asked as it stands; `carried` is how the request may be carried besides.
fn check(door: Door, row: &Map<String, Value>, carried: impl Fn(&str, &str) -> Vec<OwnedRequest>) {
    let text = |name: &str| row[name].as_str().unwrap();
    let (name, wire, secret) = (text("name"), text("query"), key(text("key")));
    let params = row["params"].as_object().unwrap();
    let now = signed_at(params);

    let parsed = query::Query::parse(wire).unwrap();
    let prefix = match text("signing") {
        "documented" => "",
        "method-prefixed" => "GET\n",
        other => panic!("{name}: {other}"),
    };
    let message = |spelt: String| format!("{prefix}{spelt}");
    assert_eq!(
        message(parsed.canonical("signature")),
        text("message"),
        "{name}"
    );
    assert_eq!(
        message(parsed.as_received("signature")),
        text("message"),
        "{name}"
    );
    assert_eq!(parsed.get("signature"), Some(text("signature")), "{name}");
    for (param, value) in params {
        assert_eq!(parsed.get(param), value.as_str(), "{name}: {param}");
    }
    let signature = sign::hmac_sha256_base64(secret.secret(), text("message"));
    assert_eq!(signature, text("signature"), "{name}");

    let mut listing = listing();
    listing.keys = vec![secret];
    let read = |sent: &OwnedRequest| {
        door.read(&listing, sent, now)
            .unwrap_or_else(|fault| panic!("{name}: {fault}"))
    };
    let call = read(&bare(wire));
    assert_eq!(call.signed_at, Some(now), "{name}");
    for sent in carried(wire, &signature) {
        assert_eq!(read(&sent), call, "{name}");
    }

    let own_query = if params.contains_key("tenant") {
        "tenant=7"
    } else {
        ""
    };
    let signing = [("signing", text("signing"))];
    let extra = if prefix.is_empty() { &[][..] } else { &signing };
    let asked = door.ask(&listing, &call, own_query, extra, now).unwrap();
    assert_eq!(asked.query, wire, "{name}");
    for (header, value) in asked.headers {
        assert_eq!(
            (header, value),
            ("app_signature", signature.clone()),
            "{name}"
        );
    }
}

#[test]
fn every_vector_of_the_market_is_signed_read_and_asked_as_it_stands() {
    let rows = rows("qingcloud-market");
    assert_eq!(rows.len(), 7, "the vectors of this dialect");
    for row in &rows {
        check(door("qingcloud-market"), row, |_, _| Vec::new());
    }
}

#[test]
fn every_vector_of_the_appcenter_is_signed_read_and_asked_as_it_stands() {
    let rows = rows("qingcloud-appcenter");
    assert_eq!(rows.len(), 4, "the vectors of this dialect");
    for row in &rows {
        check(door("qingcloud-appcenter"), row, |wire, signature| {
            let headers = vec![("app_signature", signature.to_owned())];
            let (unsigned, _) = wire.split_once("&signature=").unwrap();
            let both = OwnedRequest {
                headers,
                ..bare(wire)
            };
            let header_only = OwnedRequest {
                query: unsigned.to_owned(),
                ..both.clone()
            };
            vec![both, header_only]
        });
    }
}

/// The same call, signed by a sender that spells a space as `%20` and by one that spells it `+`.
#[test]
fn both_spellings_of_a_space_are_signatures_of_the_same_call() {
    let wire = |signature: &str| {
        format!(
            "action=CreateInstance&debug=1&duration=1_year&order_id=mord-demo0001\
             &package=%E6%A0%87%E5%87%86%20%E5%A5%97%E9%A4%90&product_code=prod-demo\
             &qingcloud_uid=usr-demo&spec=%E8%A7%84%E6%A0%BC&timestamp=1760000000\
             &signature={signature}"
        )
    };
    let mut listing = listing();
    listing.keys = vec![key("demo-prod-key")];
    let read = |signature| {
        let now = UtcMillis(1_760_000_000_000);
        door("qingcloud-market").read(&listing, &bare(wire(signature)), now)
    };
    let as_received = read("NAjZP%2BRLbIfft%2B67GAnz2iRvx0x9BzRgDnMPtaMPKTE%3D").unwrap();
    let canonical = read("Vz34fNw2lhYOv606D6KLjOcxD5XDLWXqg%2Fc%2BAIetAqA%3D").unwrap();
    assert_eq!(as_received, canonical);
}
