//! The bastion's OpenAPI: its fixtures, what it reads, and both faces against each other.

mod fixtures;
mod laws;
mod reads;

use std::sync::Arc;

use turnkey_core::{Call, Fault, Listing, UtcMillis};
use turnkey_dialects::OwnedRequest;
use turnkey_dialects::jdcloud::{Signer, Unsigned, Version, sign};
use turnkey_testkit::{ImmediateDriver, sample};

use crate::door::{Door, NOON, door, key};

pub(crate) const HOST: &str = "bastion.example.test";
pub(crate) const NONCE: &str = "11111111-2222-4333-8444-555555555555";

/// One request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) account: &'static str,
    pub(crate) version: Version,
    pub(crate) nonce: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

pub(crate) fn asked(method: &'static str, rest: &str, body: &str) -> Asked {
    Asked {
        method,
        target: format!("/v1/regions/cn-north-1/{rest}"),
        body: body.to_owned(),
        account: "sample",
        version: Version::V2,
        nonce: NONCE.to_owned(),
        headers: Vec::new(),
    }
}

impl Asked {
    pub(crate) fn at(self, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..self
        }
    }

    pub(crate) fn nonce(self, nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            ..self
        }
    }

    pub(crate) fn by(self, account: &'static str) -> Self {
        Self { account, ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Signed with the account's own secret at `now`.
    pub(crate) fn signed(&self, now: UtcMillis) -> OwnedRequest {
        self.signed_with(&format!("{}-sk", self.account), now)
    }

    pub(crate) fn signed_with(&self, secret: &str, now: UtcMillis) -> OwnedRequest {
        let secret = key(secret);
        let access_key = format!("{}-ak", self.account);
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let signer = Signer {
            version: self.version,
            access_key: &access_key,
            secret: secret.secret(),
            region: "cn-north-1",
            service: "bastion",
        };
        let unsigned = Unsigned {
            method: self.method,
            path,
            query,
            host: HOST,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        OwnedRequest {
            method: self.method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: sign(&signer, &unsigned, &self.nonce, now).unwrap(),
            body: self.body.clone().into_bytes(),
        }
    }

    pub(crate) fn read(&self) -> Result<Call, Fault> {
        bastion().read(&listing(), &self.signed(NOON), NOON)
    }
}

pub(crate) fn bastion() -> Door {
    door("jdcloud-bastion")
}

pub(crate) fn listing() -> Listing {
    let mut listing = sample::storefront(Arc::new(ImmediateDriver::willing()));
    listing.public_url = format!("https://{HOST}");
    listing
}

pub(crate) const CREATE: &str = r#"{"regionId":"cn-north-1","instanceSpec":{"az":"cn-north-1a","vpcId":"vpc-1","subnetId":"subnet-1","spec":"standard","quantity":1,"ipVersion":"v4&v6","desc":"堡垒机"},"chargeSpec":{"chargeMode":"prepaid_by_duration","chargeUnit":"month","chargeDuration":1}}"#;

/// The create with `old` replaced by `new`.
pub(crate) fn create_with(old: &str, new: &str) -> Asked {
    assert!(CREATE.contains(old), "{old}");
    asked("POST", "instances", &CREATE.replacen(old, new, 1))
}
