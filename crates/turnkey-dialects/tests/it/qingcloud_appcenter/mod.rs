//! `qingcloud-appcenter`, and what its tests share.

mod answers;
mod asks;
mod fixtures;
mod purchases;
mod reads;

use turnkey_core::{Call, Fault, Listing, UtcMillis};
use turnkey_dialects::OwnedRequest;
use turnkey_dialects::query::pair;

use crate::door::{Door, bare, door, signature, spelt};

/// 规格, 套餐 and solo on the wire.
const SPEC: &str = "6KeE5qC8";
const PACKAGE: &str = "5aWX6aSQ";
const SOLO: &str = "c29sbw==";

/// seeds: "创建实例", 示例说明.
const CLOUD_INFO: &str = "eyJhcGlfc2VydmVyIjogImFwaS5xaW5nY2xvdWQuY29tOjc3NzciLCAic3NvX3NlcnZlciI6ICJzc28ucWluZ2Nsb3VkLmNvbSJ9";

pub(crate) const CREATE: &[(&str, &str)] = &[
    ("user_id", "usr-xx1xx"),
    ("action", "CreateAppInstance"),
    ("spec", SPEC),
    ("spec_package", PACKAGE),
    ("cloud_info", CLOUD_INFO),
    ("period", "1_year"),
    ("app_id", "app-xxxxx"),
    ("order_id", "appor-xxxxx"),
];

fn appcenter() -> Door {
    door("qingcloud-appcenter")
}

/// Without the header.
fn read(listing: &Listing, query: &str, now: UtcMillis) -> Result<Call, Fault> {
    appcenter().read(listing, &bare(query), now)
}

fn iso(at_s: i64) -> String {
    jiff::Timestamp::from_second(at_s).unwrap().to_string()
}

/// `parameters` with the time of signing, and the signature behind `prefix`.
fn timed(prefix: &str, parameters: &[(&str, &str)], at_s: i64, key_text: &str) -> (String, String) {
    let at = iso(at_s);
    let segments = spelt(&[parameters, &[("time_stamp", at.as_str())]].concat());
    (segments.join("&"), signature(prefix, &segments, key_text))
}

/// As the documentation signs, without the header.
pub(crate) fn signed(parameters: &[(&str, &str)], at_s: i64, key_text: &str) -> String {
    let (query, signature) = timed("", parameters, at_s, key_text);
    format!("{query}&{}", pair("signature", &signature))
}

/// `query` as the platform sends it: the signature stands in a header too.
fn sent(query: &str, signature: &str) -> OwnedRequest {
    OwnedRequest {
        headers: vec![("app_signature", signature.to_owned())],
        ..bare(format!("{query}&{}", pair("signature", signature)))
    }
}
