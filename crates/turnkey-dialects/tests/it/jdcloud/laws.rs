//! Laws of the signatures, over whatever there may be.

use proptest::prelude::*;
use turnkey_core::UtcMillis;
use turnkey_dialects::jdcloud::{
    Signer, Unsigned, Version, authenticate, canonical_query, canonical_uri, sign,
};

use super::{SIGNED_AT, SKEW_MS, Sent, create, signed};
use crate::door::key;

fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(&Version::ALL)
}

/// A word without a `/`, which no access key has, nor a comma.
fn word() -> impl Strategy<Value = String> {
    "[^/,\\pC\\s]{1,12}"
}

/// Any bytes as text: as they are where they are text, else each as an escape.
fn wire(bytes: &[u8]) -> String {
    let each = || bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| each())
}

fn bytes() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| wire(&bytes))
}

/// Texts in which every character means something somewhere.
fn knotty() -> impl Strategy<Value = String> {
    "[a%2fF0/+=& :;,.~-]{0,40}"
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), bytes(), knotty()]
}

proptest! {
    #[test]
    fn what_is_signed_is_proved(
        version in version(),
        (access_key, secret, region, service) in (word(), any::<String>(), word(), word()),
        (method, path, query) in ("[A-Za-z]{1,8}", any_text(), any_text()),
        (host, nonce, value) in (word(), word(), any::<String>()),
        body in any::<Vec<u8>>(),
        skew_ms in -900_000_i64..=900_000,
        at_s in 0..250_000_000_000_i64,
    ) {
        let secret = key(&format!("s{secret}"));
        let signer = Signer {
            version,
            access_key: &access_key,
            secret: secret.secret(),
            region: &region,
            service: &service,
        };
        let headers = [("x-some", value.as_str()), ("x-jdcloud-security-token", value.as_str())];
        let unsigned = Unsigned {
            method: &method,
            path: &path,
            query: &query,
            host: &host,
            headers: &headers,
            body: &body,
        };
        let at = UtcMillis(at_s * 1000);
        let headers = sign(&signer, &unsigned, &nonce, at).unwrap();
        let sent = Sent {
            method: method.clone(),
            path: path.clone(),
            query: query.clone(),
            headers: headers.into_iter().map(|(n, v)| (n.to_uppercase(), v.into_bytes())).collect(),
            body: body.clone(),
        };
        // What is sent in its canonical form is the same call.
        let canonical = Sent {
            path: canonical_uri(&path),
            query: canonical_query(&query),
            ..sent.clone()
        };
        let now = UtcMillis(at.0 + skew_ms);
        for sent in [sent, canonical] {
            sent.told(&access_key, std::slice::from_ref(&secret), now, |told| {
                let proof = told.map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
                prop_assert_eq!(proof.access_key, &access_key);
                prop_assert_eq!(proof.nonce(), Some(nonce.clone()));
                prop_assert_eq!(proof.signed_at, at);
                prop_assert_eq!(proof.query, canonical_query(&query));
                prop_assert_eq!((proof.scope.region, proof.scope.service), (&*region, &*service));
                Ok(())
            })?;
        }
    }

    #[test]
    fn canonical_forms_are_their_own(text in any_text()) {
        let uri = canonical_uri(&text);
        prop_assert_eq!(canonical_uri(&uri), &*uri);
        prop_assert!(uri.starts_with('/') && !uri.contains("//"), "{}", uri);
        let query = canonical_query(&text);
        prop_assert_eq!(canonical_query(&query), query);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing(
        version in version(),
        place in any::<prop::sample::Index>(),
        byte in 0..128_u8,
    ) {
        let unsigned = Unsigned { query: "b=2&a=1", ..create() };
        let sent = signed(version, &unsigned);
        let parts = [&sent.path, &sent.query].map(|part| part.len());
        let mut changed = sent.clone();
        let place = place.index(parts[0] + parts[1] + sent.body.len());
        let change = |text: &str, place: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place] = byte;
            String::from_utf8(bytes).unwrap()
        };
        if place < parts[0] {
            changed.path = change(&sent.path, place);
        } else if place < parts[0] + parts[1] {
            changed.query = change(&sent.query, place - parts[0]);
        } else {
            changed.body[place - parts[0] - parts[1]] = byte;
        }
        if changed.verdict(SIGNED_AT).0 == "ok" {
            prop_assert_eq!(canonical_uri(&changed.path), canonical_uri(&sent.path));
            prop_assert_eq!(canonical_query(&changed.query), canonical_query(&sent.query));
            prop_assert_eq!(changed.body, sent.body);
        }
    }

    #[test]
    fn no_request_makes_it_panic(
        (method, path, query) in (any::<String>(), any_text(), any_text()),
        headers in prop::collection::vec((any::<prop::sample::Index>(), any::<Vec<u8>>()), 0..8),
        authorization in prop_oneof![
            any::<Vec<u8>>(),
            "(JDCLOUD[23]-HMAC-SHA256)? ?(Credential=[a/]{0,9}(20260105/a/b/jdcloud[23]_request)?)?(, )?\
             (SignedHeaders=[a-z;-]{0,12})?,? ?(Signature=([0-9a-f]{64})?)?".prop_map(String::into_bytes),
        ],
        dated in any::<bool>(),
        now in any::<i64>(),
        skew_ms in prop_oneof![Just(SKEW_MS), any::<u64>()],
    ) {
        let names = [
            "authorization", "x-jdcloud-date", "x-jdcloud-nonce", "x-jdcloud-algorithm",
            "x-jdcloud-content-sha256", "host", "a", "",
        ];
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name.get(&names), value.as_slice())).collect();
        headers.push(("authorization", &authorization));
        if dated {
            headers.push(("x-jdcloud-date", b"20260105T020304Z"));
        }
        let received = turnkey_dialects::Request {
            method: &method,
            path: &path,
            query: &query,
            headers: &headers,
            body: path.as_bytes(),
        };
        let keys = [key("TESTSK")];
        for now in [UtcMillis(now), SIGNED_AT] {
            let told = authenticate(&received, |_| Some(&keys), skew_ms, now);
            let fault = told.unwrap_err();
            prop_assert!(fault.message.len() < 64, "{}", fault);
            prop_assert!(fault.note.unwrap_or_default().len() < 2048);
        }
    }
}
