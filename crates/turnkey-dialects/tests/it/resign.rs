//! A request that was captured, sent again as of now: the same call, newly timed and signed.

use std::sync::Arc;

use turnkey_core::{Call, Fault, Intent, Listing, UtcMillis};
use turnkey_dialects::jdcloud::Version;
use turnkey_dialects::{OwnedRequest, Request, Resigner};
use turnkey_testkit::{ImmediateDriver, sample};

use crate::door::{Door, KEY, NOON, NOON_S, bare, door, key};
use crate::jdcloud_bastion::{HOST, asked, listing as storefront};
use crate::{qingcloud_appcenter, qingcloud_market};

/// Long after the window closed.
const LATER: UtcMillis = UtcMillis(NOON.0 + 86_400_000);

fn resigned(
    door: Door,
    request: &OwnedRequest,
    secret: &str,
    set: &[(&str, &str)],
) -> Result<OwnedRequest, Fault> {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let request = Request {
        method: request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        body: &request.body,
    };
    let by = Resigner {
        secret: &secret.to_owned().into(),
        access_key: None,
        host: HOST,
    };
    let set: Vec<_> = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    door.ask.resign(&request, &by, &set, LATER)
}

fn listing() -> Listing {
    let mut listing = sample::listing(Arc::new(ImmediateDriver::willing()));
    listing.keys = vec![key(KEY)];
    listing
}

/// Once the window is closed the request is refused as it was; anew it reads as the same call.
fn check(door: Door, listing: &Listing, request: &OwnedRequest, secret: &str) {
    let call = door.read(listing, request, NOON).unwrap();
    let stale = door.read(listing, request, LATER).unwrap_err();
    assert_eq!(stale.code, "timestamp_stale");
    let anew = resigned(door, request, secret, &[]).unwrap();
    let again = door.read(listing, &anew, LATER).unwrap();
    assert_eq!(again.signed_at, Some(LATER));
    let same = Call {
        signed_at: call.signed_at,
        ..again
    };
    assert_eq!(same, call);
    let wrong = resigned(door, request, "another", &[]).unwrap();
    let wrong = door.read(listing, &wrong, LATER).unwrap_err();
    assert_eq!(wrong.code, "signature_wrong");
}

#[test]
fn a_call_of_the_market_reads_as_the_same_call_with_the_new_time() {
    let door = door("qingcloud-market");
    // What nobody knows stays, in its own spelling; so does the notification URL's own query.
    let base = [("tenant", "7"), ("coupon", "a b")];
    let base = [&base, qingcloud_market::CREATE].concat();
    let request = bare(qingcloud_market::signed(&base, NOON_S, KEY).replace("a+b", "a%20b"));
    check(door, &listing(), &request, KEY);
    let anew = resigned(door, &request, KEY, &[]).unwrap().query;
    assert!(anew.starts_with("tenant=7&coupon=a%20b&action="), "{anew}");

    let set = [("order_id", "mord-&2"), ("note", "x"), ("note", "y")];
    let anew = resigned(door, &request, KEY, &set).unwrap();
    assert!(anew.query.contains("&note=y&signature="), "{}", anew.query);
    let Intent::Create(create) = door.read(&listing(), &anew, LATER).unwrap().intent else {
        panic!("no create");
    };
    assert_eq!(create.order.key.as_str(), "mord-&2");
    let broken = resigned(door, &request, KEY, &[("signature", "broken")]).unwrap();
    assert!(broken.query.ends_with("&signature=broken"));
    let unknown = resigned(door, &request, KEY, &[("signing", "loudly")]).unwrap_err();
    assert_eq!(unknown.code, "signing_unknown");
    let broken = resigned(door, &bare("a%=1"), KEY, &[]).unwrap_err();
    assert_eq!(broken.code, "query_malformed");
}

#[test]
fn a_call_of_the_appcenter_is_signed_in_query_and_header() {
    let door = door("qingcloud-appcenter");
    let query = qingcloud_appcenter::signed(qingcloud_appcenter::CREATE, NOON_S, KEY);
    let request = bare(query);
    check(door, &listing(), &request, KEY);
    let anew = resigned(door, &request, KEY, &[("signing", "sample")]);
    assert_eq!(anew.unwrap_err().code, "signing_unknown");
    let anew = resigned(door, &request, KEY, &[]).unwrap();
    assert_eq!(anew.headers[0].0, "app_signature");
}

#[test]
fn a_request_of_the_bastion_keeps_its_version_body_and_token() {
    let door = door("jdcloud-bastion");
    let body = r#"{"instanceSpec":{"az":"cn-north-1a","vpcId":"vpc-1","subnetId":"subnet-1","spec":"standard","quantity":1,"ipVersion":"v4"}}"#;
    for version in Version::ALL {
        let mut asked = asked("POST", "instances", body).with("x-turnkey-purchase-token", "tok-1");
        asked.version = version;
        let request = asked.signed(NOON);
        check(door, &storefront(), &request, "sample-sk");
        let set = [
            ("instanceSpec.quantity", "3"),
            ("instanceSpec.desc", "three"),
        ];
        let anew = resigned(door, &request, "sample-sk", &set).unwrap();
        assert!(format!("{:?}", anew.headers).contains(version.algorithm()));
        let Intent::Buy(purchase) = door.read(&storefront(), &anew, LATER).unwrap().intent else {
            panic!("no purchase");
        };
        assert_eq!(purchase.quantity, 3);
        let through = resigned(door, &request, "sample-sk", &[("instanceSpec.az.x", "1")]);
        assert_eq!(through.unwrap_err().code, "parameter_malformed");
    }
    // Where there is no body, the query is what can be set.
    let list = asked("GET", "bastions?pageNumber=1&pageSize=10", "").signed(NOON);
    let anew = resigned(door, &list, "sample-sk", &[("pageNumber", "2")]).unwrap();
    assert_eq!(anew.query, "pageNumber=2&pageSize=10");
    assert!(door.read(&storefront(), &anew, LATER).is_ok());
    let unsigned = resigned(door, &bare(""), "sample-sk", &[]).unwrap_err();
    assert_eq!(unsigned.code, "authorization_missing");
}
