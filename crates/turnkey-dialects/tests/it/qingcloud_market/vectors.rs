//! Signatures that were made elsewhere (fixtures/vectors-qingcloud.json).

use std::path::Path;

use serde_json::{Map, Value};
use turnkey_core::UtcMillis;
use turnkey_dialects::{query, sign};

use super::{ask, key, listing, read};

fn rows() -> Vec<Map<String, Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors-qingcloud.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = file["vectors"].as_array().unwrap().iter();
    rows.map(|row| row.as_object().unwrap().clone())
        .filter(|row| row["dialect"] == "qingcloud-market")
        .collect()
}

#[test]
fn every_vector_is_signed_read_and_asked_as_it_stands() {
    let rows = rows();
    assert_eq!(rows.len(), 7, "the vectors of this dialect");
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap();
        let (name, wire, secret) = (text("name"), text("query"), key(text("key")));
        let params = row["params"].as_object().unwrap();
        let timestamp: i64 = params["timestamp"].as_str().unwrap().parse().unwrap();
        let now = UtcMillis(timestamp * 1000);

        let parsed = query::Query::parse(wire).unwrap();
        assert_eq!(parsed.canonical("signature"), text("message"), "{name}");
        assert_eq!(parsed.as_received("signature"), text("message"), "{name}");
        assert_eq!(parsed.get("signature"), Some(text("signature")), "{name}");
        for (param, value) in params {
            assert_eq!(parsed.get(param), value.as_str(), "{name}: {param}");
        }
        let signature = sign::hmac_sha256_base64(&secret, text("message"));
        assert_eq!(signature, text("signature"), "{name}");

        let mut listing = listing();
        listing.keys = vec![secret];
        let call = read(&listing, wire, now).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(call.signed_at, Some(now), "{name}");
        assert_eq!(call.dry_run, params["debug"] == "1", "{name}");

        let own_query = if params.contains_key("tenant") {
            "tenant=7"
        } else {
            ""
        };
        let asked = ask(&listing, &call, own_query, &[], now).unwrap();
        assert_eq!(asked, wire, "{name}");
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
    let read = |signature| read(&listing, &wire(signature), UtcMillis(1_760_000_000_000));
    let as_received = read("NAjZP%2BRLbIfft%2B67GAnz2iRvx0x9BzRgDnMPtaMPKTE%3D").unwrap();
    let canonical = read("Vz34fNw2lhYOv606D6KLjOcxD5XDLWXqg%2Fc%2BAIetAqA%3D").unwrap();
    assert_eq!(as_received, canonical);
}
