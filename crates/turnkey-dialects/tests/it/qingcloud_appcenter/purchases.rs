//! One purchase, one instance: with and without an order_id, however it is signed and spelt.

use std::sync::Arc;

use serde_json::Value;
use turnkey_core::UtcMillis;
use turnkey_core::decide::Outcome;
use turnkey_dialects::query::pair;

use super::{CREATE, appcenter, iso, read};
use crate::door::{KEY, NOON, NOON_S, key, listing, signature, spelt, with, without};
use crate::shop::Shop;

/// seeds: "创建实例", 示例说明; its own keys, in its own order, and one text with a space.
const SEED: &[(&str, &str)] = &[
    ("user_id", "usr xx1xx"),
    ("action", "CreateAppInstance"),
    ("spec", "5aWX6aSQ5ZCN56ewMQ=="),
    ("cloud_info", super::CLOUD_INFO),
    ("period", "1_day"),
    ("app_id", "app-xxxxx"),
];

struct Counter {
    shop: Shop,
    listing: Arc<turnkey_core::Listing>,
}

impl Counter {
    fn new() -> Self {
        let mut listing = listing();
        listing.keys = vec![key("the-next-key"), key(KEY)];
        listing.offers = turnkey_core::Offers::AnyPlan("team".to_owned());
        Self {
            shop: Shop::default(),
            listing: Arc::new(listing),
        }
    }

    /// Sends `segments` with their signature, and returns the answer's body.
    fn buy(&mut self, prefix: &str, segments: &[String], key_text: &str, now: UtcMillis) -> Value {
        let signature = signature(prefix, segments, key_text);
        let query = format!("{}&{}", segments.join("&"), pair("signature", &signature));
        let call = read(&self.listing, &query, now).unwrap();
        let (answer, _) = self.shop.admit(&self.listing, call.clone(), now).unwrap();
        let answer = answer.unwrap();
        assert!(matches!(answer, Outcome::Delivered { .. }));
        let reply = appcenter().write(&call, &answer);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.content_type, "application/json");
        serde_json::from_slice(&reply.body).unwrap()
    }
}

fn at(parameters: &[(&str, &str)], at_s: i64) -> Vec<String> {
    spelt(&with(parameters, &[("time_stamp", &iso(at_s))]))
}

#[test]
fn the_seed_is_answered_in_its_form_with_and_without_order_id_signed_and_spelt_both_ways() {
    for order in [&[][..], &[("order_id", "appor-xxxxx")]] {
        for prefix in ["", "GET\n"] {
            for space in ["+", "%20"] {
                let segments = at(&with(SEED, order), NOON_S);
                let segments: Vec<_> = segments.iter().map(|s| s.replace('+', space)).collect();
                let body = Counter::new().buy(prefix, &segments, KEY, NOON);
                let keys = |value: &Value| -> Vec<String> {
                    value.as_object().unwrap().keys().cloned().collect()
                };
                assert_eq!(keys(&body), ["success", "message", "instanceId", "appInfo"]);
                assert_eq!(body["success"], true);
                assert_eq!(body["message"], Value::Null);
                let info = &body["appInfo"];
                assert_eq!(keys(info), ["frontEnd", "admin", "authUrl"]);
                for account in [&info["frontEnd"], &info["admin"]] {
                    assert_eq!(keys(account), ["url", "username", "password"]);
                }
            }
        }
    }
}

#[test]
fn two_purchases_without_order_id_are_two_instances_and_the_same_one_is_one() {
    let mut counter = Counter::new();
    let first = at(SEED, NOON_S);
    let body = counter.buy("", &first, KEY, NOON);
    let mut reordered = first.clone();
    reordered.reverse();
    let reencoded: Vec<_> = first
        .iter()
        .map(|s| s.replace('+', "%20").replace("_day", "%5fday"))
        .collect();
    for (what, prefix, segments, key_text) in [
        ("repeated", "", &first, KEY),
        ("re-ordered", "", &reordered, KEY),
        ("re-encoded", "", &reencoded, KEY),
        ("in the other signing form", "GET\n", &first, KEY),
        ("with the other key", "", &first, "the-next-key"),
        ("all of it", "GET\n", &reencoded, "the-next-key"),
    ] {
        let later = UtcMillis(NOON.0 + 60_000);
        let again = counter.buy(prefix, segments, key_text, later);
        assert_eq!(again, body, "{what}");
    }
    for (what, parameters, at_s) in [
        ("another time", SEED.to_vec(), NOON_S + 1),
        ("another buyer", with(SEED, &[("user_id", "usr-2")]), NOON_S),
        ("a debugging one", with(SEED, &[("debug", "true")]), NOON_S),
        ("an unknown word", with(SEED, &[("coupon", "x")]), NOON_S),
    ] {
        let other = counter.buy("", &at(&parameters, at_s), KEY, NOON);
        assert_ne!(other["instanceId"], body["instanceId"], "{what}");
    }
}

#[test]
fn one_order_id_is_one_instance_whenever_it_is_signed() {
    let mut counter = Counter::new();
    let first = counter.buy("", &at(CREATE, NOON_S), KEY, NOON);
    for (parameters, at_s) in [
        (CREATE.to_vec(), NOON_S + 20),
        (with(CREATE, &[("debug", "true")]), NOON_S),
        (with(CREATE, &[("cloud_info", "e30=")]), NOON_S),
        (with(CREATE, &[("period", "01_year")]), NOON_S),
    ] {
        assert_eq!(
            counter.buy("GET\n", &at(&parameters, at_s), KEY, NOON),
            first
        );
    }
    let orderless = at(&without(CREATE, "order_id"), NOON_S);
    let other = counter.buy("", &orderless, KEY, NOON);
    assert_ne!(other["instanceId"], first["instanceId"]);
}
