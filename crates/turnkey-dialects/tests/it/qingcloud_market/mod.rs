//! `qingcloud-market`, and what its tests share.

mod answers;
mod asks;
mod fixtures;
mod reads;

use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, Listing, UtcMillis};
use turnkey_dialects::Reply;

use crate::door::{Door, bare, door, signed_as_sent, spelt};

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

fn market() -> Door {
    door("qingcloud-market")
}

fn read(listing: &Listing, query: &str, now: UtcMillis) -> Result<Call, Fault> {
    market().read(listing, &bare(query), now)
}

fn ask(
    listing: &Listing,
    call: &Call,
    own_query: &str,
    extra: &[(&str, &str)],
    now: UtcMillis,
) -> Result<String, Fault> {
    let asked = market().ask(listing, call, own_query, extra, now)?;
    assert!(asked.headers.is_empty() && asked.body.is_empty());
    Ok(asked.query)
}

fn hear(call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
    market().hear(call, reply)
}

/// `parameters` as the documentation encodes and signs them, with the time of signing.
pub(crate) fn signed(parameters: &[(&str, &str)], at_s: i64, key_text: &str) -> String {
    let at_s = at_s.to_string();
    let timed = [parameters, &[("timestamp", at_s.as_str())]].concat();
    signed_as_sent(&spelt(&timed), key_text)
}
