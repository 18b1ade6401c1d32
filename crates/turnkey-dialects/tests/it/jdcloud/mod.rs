//! JD Cloud signatures, as somebody else made them and as we do.

mod laws;
mod refusals;
mod tables;
mod vectors;

use turnkey_core::{Fault, FaultKind, Key, UtcMillis};
use turnkey_dialects::Request;
use turnkey_dialects::jdcloud::{Proof, Scope, Signer, Unsigned, Version, authenticate, sign};

use crate::door::key;

/// A quarter of an hour, as a listing has it.
const SKEW_MS: u64 = 900_000;

/// 2026-01-05T02:03:04Z.
const SIGNED_AT: UtcMillis = UtcMillis(1_767_578_584_000);

const DATE: &str = "20260105T020304Z";

/// The moment that `x-jdcloud-date` spells.
fn moment(date: &str) -> UtcMillis {
    let at: jiff::Timestamp = date.parse().unwrap();
    UtcMillis(at.as_millisecond())
}

/// A request of which every part may be changed.
#[derive(Clone, Debug)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn with(&self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let mut sent = self.without(name);
        sent.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        sent
    }

    fn without(&self, name: &str) -> Self {
        let mut sent = self.clone();
        sent.headers.retain(|(known, _)| known != name);
        sent
    }

    fn header(&self, name: &str) -> String {
        let named = self.headers.iter().find(|(known, _)| known == name);
        String::from_utf8(named.unwrap().1.clone()).unwrap()
    }

    fn received<T>(&self, then: impl FnOnce(&Request<'_>) -> T) -> T {
        // Names come to dialects in lower case.
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_slice()))
            .collect();
        let headers: Vec<_> = headers
            .iter()
            .map(|(n, value)| (n.as_str(), *value))
            .collect();
        then(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }

    /// Authenticates it where `access_key` has `keys`.
    fn told<T>(
        &self,
        access_key: &str,
        keys: &[Key],
        now: UtcMillis,
        then: impl FnOnce(Result<Proof<'_, '_>, Fault>) -> T,
    ) -> T {
        self.received(|received| {
            let keys_of = |named: &str| (named == access_key).then_some(keys);
            then(authenticate(received, keys_of, SKEW_MS, now))
        })
    }

    /// The code of its fault, or `ok`; with what the outsider is told.
    fn verdict(&self, now: UtcMillis) -> (&'static str, String) {
        self.told("TESTAK", &[key("TESTSK")], now, |told| match told {
            Ok(_) => ("ok", String::new()),
            Err(fault) => {
                assert_eq!(fault.kind, FaultKind::Unauthentic);
                (fault.code, fault.message)
            }
        })
    }
}

/// `sent`, signed anew by what signs for `TESTAK`.
fn signed(version: Version, unsigned: &Unsigned<'_>) -> Sent {
    let secret = key("TESTSK");
    let signer = Signer {
        version,
        access_key: "TESTAK",
        secret: secret.secret(),
        region: "cn-north-1",
        service: "bastion",
    };
    let headers = sign(&signer, unsigned, "a-nonce", SIGNED_AT).unwrap();
    Sent {
        method: unsigned.method.to_owned(),
        path: unsigned.path.to_owned(),
        query: unsigned.query.to_owned(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into_bytes()))
            .collect(),
        body: unsigned.body.to_vec(),
    }
}

/// What the SDKs buy an instance with.
fn create() -> Unsigned<'static> {
    Unsigned {
        method: "POST",
        path: "/v1/regions/cn-north-1/instances",
        query: "",
        host: "bastion.example.test:8080",
        headers: &[],
        body: br#"{"instanceSpec":{"spec":"basic","quantity":1}}"#,
    }
}

/// The scope that everything here is signed in.
fn scope(version: Version) -> Scope<'static> {
    Scope {
        version,
        day: "20260105",
        region: "cn-north-1",
        service: "bastion",
    }
}
