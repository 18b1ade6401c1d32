//! `qingcloud-market`, and what its tests share.

mod answers;
mod asks;
mod fixtures;
mod laws;
mod reads;
mod vectors;

use std::sync::Arc;

use secrecy::SecretString;
use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, Listing, Now, UtcMillis};
use turnkey_dialects::query::pair;
use turnkey_dialects::{Ask, Listen, Reply, Request, find, sign};
use turnkey_testkit::{ImmediateDriver, sample};

pub(crate) const NOON: UtcMillis = sample::NOON;
pub(crate) const NOON_S: i64 = NOON.0 / 1000;
pub(crate) const KEY: &str = "fixture-prod-key";

pub(crate) const CREATE: &[(&str, &str)] = &[
    ("action", "CreateInstance"),
    ("order_id", "mord-m80iaibd"),
    ("qingcloud_uid", "usr-u5JDC3MS"),
    ("product_code", "prod-yha6rswd"),
    ("spec", "规格"),
    ("package", "套餐"),
    ("duration", "1_year"),
    ("debug", "0"),
];

pub(crate) fn key(text: &str) -> SecretString {
    text.to_owned().into()
}

pub(crate) fn listing() -> Listing {
    let mut listing = sample::listing(Arc::new(ImmediateDriver::willing()));
    listing.keys = vec![key(KEY)];
    listing
}

pub(crate) fn listen() -> &'static dyn Listen {
    let dialect = find("qingcloud-market").unwrap();
    dialect.faces().listen.unwrap()
}

fn asking() -> &'static dyn Ask {
    find("qingcloud-market").unwrap().faces().ask.unwrap()
}

pub(crate) fn read(listing: &Listing, query: &str, now: UtcMillis) -> Result<Call, Fault> {
    let request = Request {
        query,
        headers: &[],
        body: &[],
    };
    listen().read(&request, listing, now)
}

pub(crate) fn ask(
    listing: &Listing,
    call: &Call,
    own_query: &str,
    extra: &[(&str, &str)],
    now: UtcMillis,
) -> Result<String, Fault> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let extra: Vec<_> = extra.iter().map(owned).collect();
    let asked = asking().ask(call, listing, own_query, &extra, now)?;
    assert!(asked.headers.is_empty() && asked.body.is_empty());
    Ok(asked.query)
}

pub(crate) fn hear(call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
    asking().hear(call, reply)
}

/// `base` with some parameters set to other values, or added.
pub(crate) fn with<'a>(
    base: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut parameters = base.to_vec();
    for (name, value) in changes {
        match parameters.iter_mut().find(|(known, _)| known == name) {
            Some(found) => found.1 = value,
            None => parameters.push((name, value)),
        }
    }
    parameters
}

pub(crate) fn without<'a>(base: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    let kept = base.iter().filter(|(known, _)| *known != name);
    kept.copied().collect()
}

/// `segments`, sent as they stand and signed as they stand, sorted by their names.
pub(crate) fn signed_as_sent(segments: &[String], key_text: &str) -> String {
    let name = |segment: &&String| segment.split('=').next().unwrap_or_default().to_owned();
    let mut sorted: Vec<_> = segments.iter().collect();
    sorted.sort_by_key(name);
    let message: Vec<_> = sorted.iter().map(|s| s.as_str()).collect();
    let signature = sign::hmac_sha256_base64(&key(key_text), &message.join("&"));
    format!("{}&{}", segments.join("&"), pair("signature", &signature))
}

/// `parameters` as the documentation encodes and signs them, with the time of signing.
pub(crate) fn signed(parameters: &[(&str, &str)], at_s: i64, key_text: &str) -> String {
    let at_s = at_s.to_string();
    let timed = [parameters, &[("timestamp", at_s.as_str())]].concat();
    let segments: Vec<_> = timed.iter().map(|(n, v)| pair(n, v)).collect();
    signed_as_sent(&segments, key_text)
}

/// Both clocks show `at`.
pub(crate) fn at(at: UtcMillis) -> Now {
    Now {
        wall: at,
        business: at,
    }
}
