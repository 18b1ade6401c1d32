//! Signatures of the official signers, and requests of the official SDKs
//! (fixtures/vectors-jdcloud.json).

use std::path::Path;

use serde_json::Value;
use turnkey_dialects::jdcloud::{
    Scope, Spelling, Version, canonical_request, hex, signature, signing_key, string_to_sign,
};

use super::{Sent, moment};
use crate::door::key;

/// What signs for the body in one vector: whatever stands in the header, body or not. Here the body
/// is always digested.
const BODY_LEFT_OUT: &str = "node-27";

fn rows(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors-jdcloud.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file[kind].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {row}"))
}

/// A header has one value, or several.
fn headers(row: &Value) -> Vec<(String, Vec<u8>)> {
    let headers = row["headers"].as_object().unwrap().iter();
    let each = headers.flat_map(|(name, values)| {
        let several = values.as_array().cloned();
        let values = several.unwrap_or_else(|| vec![values.clone()]);
        values.into_iter().map(move |value| {
            let value = value.as_str().unwrap().as_bytes().to_vec();
            (name.clone(), value)
        })
    });
    each.collect()
}

#[test]
fn every_signer_s_vector_is_made_and_proved_as_it_stands() {
    let rows = rows("sign");
    assert_eq!(rows.len(), 50, "the signers' vectors");
    for row in &rows {
        let name = text(row, "name");
        let version = match row["version"].as_u64() {
            Some(2) => Version::V2,
            Some(3) => Version::V3,
            other => panic!("{name}: {other:?}"),
        };
        let authorization = text(row, "authorization");
        let sent = Sent {
            method: text(row, "method").to_owned(),
            path: text(row, "path").to_owned(),
            query: text(row, "query").to_owned(),
            headers: headers(row),
            body: text(row, "body").as_bytes().to_vec(),
        };
        let date = sent.header("x-jdcloud-date");
        let canonical = text(row, "canonicalRequest");
        let lines: Vec<_> = canonical.rsplit('\n').collect();
        let (digest, names) = (lines[0], lines[1]);
        let names: Vec<_> = names.split(';').collect();
        let made = sent.received(|r| canonical_request(r, &names, digest, Spelling::Plain));
        assert_eq!(
            String::from_utf8(made.unwrap()).unwrap(),
            canonical,
            "{name}"
        );

        let scope = Scope {
            version,
            day: &date[..8],
            region: text(row, "region"),
            service: text(row, "service"),
        };
        let message = string_to_sign(&scope, &date, canonical.as_bytes());
        assert_eq!(message, text(row, "stringToSign"), "{name}");
        let secret = key(text(row, "secretKey"));
        let signing = signing_key(secret.secret(), &scope);
        assert_eq!(hex(&signing), text(row, "signingKeyHex"), "{name}");
        let made = hex(&signature(&signing, &message));
        assert!(
            authorization.ends_with(&format!("Signature={made}")),
            "{name}"
        );

        let sent = sent.with("Authorization", authorization);
        let access_key = text(row, "accessKey");
        sent.told(access_key, &[secret], moment(&date), |told| match told {
            Ok(proof) => {
                assert_ne!(name, BODY_LEFT_OUT);
                assert_eq!(proof.spelling, Spelling::Plain, "{name}");
                assert_eq!(proof.signature, made, "{name}");
                assert_eq!(proof.scope, scope, "{name}");
                assert_eq!(proof.access_key, access_key, "{name}");
                assert_eq!(
                    Some(proof.query.as_str()),
                    canonical.lines().nth(2),
                    "{name}"
                );
            }
            Err(fault) => assert_eq!((name, fault.code), (BODY_LEFT_OUT, "signature_wrong")),
        });
    }
}

#[test]
fn every_captured_request_of_the_sdks_is_proved_at_once() {
    let rows = rows("wire");
    assert_eq!(rows.len(), 13, "the captures");
    for row in &rows {
        let name = text(row, "name");
        assert_eq!(text(row, "expect"), "ok", "{name}");
        let target = text(row, "target");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |pair: &Value| {
            let value = pair[1].as_str().unwrap().as_bytes().to_vec();
            (pair[0].as_str().unwrap().to_owned(), value)
        };
        let sent = Sent {
            method: text(row, "method").to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: row["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(pair)
                .collect(),
            body: text(row, "body").as_bytes().to_vec(),
        };
        let canonical = text(row, "canonicalRequest");
        let lines: Vec<_> = canonical.rsplit('\n').collect();
        let names: Vec<_> = lines[1].split(';').collect();
        let made = sent.received(|r| canonical_request(r, &names, lines[0], Spelling::Plain));
        assert_eq!(
            String::from_utf8(made.unwrap()).unwrap(),
            canonical,
            "{name}"
        );

        let keys = [key("another"), key(text(row, "secretKey"))];
        let now = moment(text(row, "now"));
        sent.told("TESTAK", &keys, now, |told| {
            let proof = told.unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
            assert_eq!(proof.spelling, Spelling::Plain, "{name}");
            assert_eq!(proof.date, text(row, "now"), "{name}");
            assert_eq!(proof.signed_at, now, "{name}");
            let nonce = names
                .contains(&"x-jdcloud-nonce")
                .then(|| sent.header("x-jdcloud-nonce"));
            assert_eq!(proof.nonce(), nonce, "{name}");
        });
        assert_eq!(keys.map(|key| key.last_used()), [None, Some(now)], "{name}");

        // Python does not sign the digest that it sends: it is the body that counts.
        if !sent.body.is_empty() {
            let mut tampered = sent.clone();
            tampered.body[0] = b'[';
            let (code, message) = tampered.verdict(now);
            assert_eq!(message, "sign result is not same", "{name}: {code}");
        }
    }
}
