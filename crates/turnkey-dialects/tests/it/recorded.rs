//! Fixtures made of calls that really happened: `fixtures/<dialect>/recorded/`.

use std::path::Path;
use std::sync::Arc;

use turnkey_core::{Fault, Listing};
use turnkey_dialects::recorded::{self, KEY};
use turnkey_dialects::{OwnedRequest, Reply, Request, all, find};
use turnkey_testkit::{ImmediateDriver, sample};

use crate::door::{NOON_S, answer, bare, key};
use crate::{qingcloud_appcenter, qingcloud_market};

fn listing() -> Listing {
    let mut listing = sample::listing(Arc::new(ImmediateDriver::willing()));
    listing.keys = vec![key(KEY)];
    listing
}

/// Whatever lies there reads and is heard as it says.
#[test]
fn every_recorded_fixture_reads_as_it_says() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for dialect in all() {
        let mut read = 0;
        let folder = fixtures.join(dialect.card().name).join("recorded");
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let checked = recorded::check(*dialect, &text, &listing());
            assert_eq!(checked, Ok(()), "{}", path.display());
            read += 1;
        }
        let (name, actions) = (dialect.card().name, dialect.card().actions.len());
        assert!(read > actions, "{name}: one for each action, and a refusal");
    }
}

fn record(
    name: &str,
    sent: &OwnedRequest,
    reply: &Reply,
    code: Option<&str>,
) -> Result<String, Fault> {
    let request = Request {
        method: "GET",
        path: "/spi/acme",
        query: &sent.query,
        headers: &[],
        body: &sent.body,
    };
    let dialect = find(name).unwrap();
    let made = recorded::fixture(dialect, "create ok", &request, reply, code, &listing())?;
    assert_eq!(recorded::check(dialect, &made, &listing()), Ok(()));
    let edited = made.replace("heard as: ", "heard as: no ");
    assert!(recorded::check(dialect, &edited, &listing()).is_err());
    Ok(made)
}

const DELIVERED: &str = r#"{"spiVersion":"1","instanceId":"i-live7q2m0x","instanceInfo":{"frontEndUrl":"https://acme.live/t/abc","adminUrl":"","username":"live-root","password":"hunter2live"}}"#;

#[test]
fn a_recorded_call_of_the_market_tells_of_nobody() {
    let extra = [("tenant", "acme-live"), ("coupon", "")];
    let call = [qingcloud_market::CREATE, &extra].concat();
    let sent = bare(qingcloud_market::signed(&call, NOON_S - 40_000, "live-key"));
    let reply = answer(200, "application/json", DELIVERED);
    let made = record("qingcloud-market", &sent, &reply, None).unwrap();
    for secret in [
        "mord-m80iaibd",
        "usr-u5JDC3MS",
        "prod-yha6rswd",
        "acme",
        "7q2m0x",
        "live",
        "hunter2",
    ] {
        assert!(!made.contains(secret), "{secret}: {made}");
    }
    let lines = ["reads as: create", "heard as: success"];
    assert!(lines.iter().all(|line| made.contains(line)), "{made}");
    for kept in [
        "order_id=mord-0000000",
        "qingcloud_uid=usr-",
        "tenant=",
        "coupon=&",
        "duration=1_year",
    ] {
        assert!(made.contains(kept), "{kept}: {made}");
    }
    // Made again it is the same, byte for byte.
    let again = record("qingcloud-market", &sent, &reply, None).unwrap();
    assert_eq!(made, again);

    let refusal = |status, message: &str| {
        let body = format!(r#"{{"spiVersion":"1","success":false,"message":"{message}"}}"#);
        answer(status, "application/json", &body)
    };
    for code in [
        "signature_wrong",
        "signature_missing",
        "timestamp_stale",
        "timestamp_future",
    ] {
        let no = refusal(401, "mord-m80iaibd is refused");
        let made = record("qingcloud-market", &sent, &no, Some(code)).unwrap();
        assert!(
            made.contains(&format!("reads as: a fault, {code}\nheard as: a refusal")),
            "{made}"
        );
        assert!(!made.contains("m80iaibd"), "{made}");
    }
    let decided = record(
        "qingcloud-market",
        &sent,
        &refusal(409, "x"),
        Some("plan_unknown"),
    );
    assert!(
        decided
            .unwrap()
            .contains("reads as: create\nheard as: a refusal")
    );
}

#[test]
fn a_recorded_call_of_the_appcenter_hides_what_is_in_base64() {
    let sent = bare(qingcloud_appcenter::signed(
        qingcloud_appcenter::CREATE,
        NOON_S,
        "live-key",
    ));
    let body = r#"{"success":true,"message":null,"instanceId":"i-live7q2m0x","appInfo":{"frontEnd":{"url":"https://acme.live","username":"live-root","password":"hunter2live"},"admin":{"url":null,"username":null,"password":null},"authUrl":null}}"#;
    let reply = answer(200, "application/json", body);
    let made = record("qingcloud-appcenter", &sent, &reply, None).unwrap();
    assert!(
        made.contains("reads as: create\nheard as: success"),
        "{made}"
    );
    for secret in [
        "appor-xxxxx",
        "usr-xx1xx",
        "live",
        "hunter2",
        "eyJhcGlfc2VydmVyIjogImFwaS5xaW5n",
    ] {
        assert!(!made.contains(secret), "{secret}: {made}");
    }
}

/// A call of a storefront's buyer, signed with a key that is not the fixtures'.
fn bought(method: &'static str, path: &str, query: &str, body: &str) -> OwnedRequest {
    let ask = find("jdcloud-bastion").unwrap().faces().ask.unwrap();
    let claim = format!(
        "JDCLOUD3-HMAC-SHA256 Credential=live-ak/20260131/cn-north-1/bastion/jdcloud3_request, \
         SignedHeaders=host, Signature={}",
        "0".repeat(64)
    );
    let request = Request {
        method,
        path,
        query,
        headers: &[
            ("authorization", claim.as_bytes()),
            ("x-turnkey-purchase-token", b"token-live"),
        ],
        body: body.as_bytes(),
    };
    let by = turnkey_dialects::Resigner {
        secret: &"live-sk".to_owned().into(),
        access_key: None,
        host: "cloud.live.example",
    };
    ask.resign(&request, &by, &[], recorded::NOON).unwrap()
}

#[test]
fn a_recorded_call_of_a_storefront_tells_of_nobody() {
    let dialect = find("jdcloud-bastion").unwrap();
    let record = |sent: &OwnedRequest, body: &str, status: u16, code: Option<&str>| {
        let headers: Vec<_> = sent
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let request = Request {
            method: sent.method,
            path: &sent.path,
            query: &sent.query,
            headers: &headers,
            body: &sent.body,
        };
        let reply = answer(status, "application/json", body);
        let made = recorded::fixture(dialect, "x", &request, &reply, code, &listing())?;
        assert_eq!(recorded::check(dialect, &made, &listing()), Ok(()));
        Ok::<_, Fault>(made)
    };
    let spec = r#"{"regionId":"cn-north-1","instanceSpec":{"az":"cn-north-1a","vpcId":"vpc-live1234","subnetId":"subnet-live","spec":"basic","quantity":2,"ipVersion":"v4","desc":"堡垒机"}}"#;
    let create = bought("POST", "/v1/regions/cn-north-1/instances", "", spec);
    let sold = r#"{"requestId":"live-request","result":{"buyId":"p-live","sourceIds":[{"sourceId":"o-live","phone":13812345678}]}}"#;
    let made = record(&create, sold, 200, None).unwrap();
    for secret in ["live", r#"desc":"堡垒机"#, "13812345678"] {
        assert!(!made.contains(secret), "{secret}: {made}");
    }
    for kept in [
        "Credential=fixture-ak/20260131/cn-north-1/bastion/jdcloud3_request",
        r#""az":"cn-north-1a","vpcId":"vpc-00000001""#,
        r#""quantity":2"#,
        "reads as: buy\nheard as: success",
    ] {
        assert!(made.contains(kept), "{kept}: {made}");
    }
    let look = bought(
        "GET",
        "/v1/regions/cn-north-1/bastions",
        "filters.1.name=instanceId&filters.1.values.1=b-live&pageNumber=1&sorts.1.name=createTime&sorts.1.direction=asc",
        "",
    );
    let none = r#"{"requestId":"live","result":{"bastions":[],"totalCount":0}}"#;
    let made = record(&look, none, 200, None).unwrap();
    assert!(!made.contains("live"), "{made}");
    assert!(made.contains("filters.1.values.1=b-"), "{made}");
    // The ticket is as good as a password, though a path has the same word.
    let sign = bought("GET", "/v1/regions/cn-north-1/sign", "bastionId=i-live", "");
    let ticket =
        r#"{"requestId":"live","result":{"sign":{"sign":"live+/=","ts":1769832000,"sk":"live"}}}"#;
    let made = record(&sign, ticket, 200, None).unwrap();
    assert!(
        !made.contains("live") && !made.contains("1769832000,"),
        "{made}"
    );
    // Two names of one instance stay two names of one.
    let named = bought("GET", "/v1/regions/cn-north-1/bastion/b-live77", "", "");
    let shown = r#"{"requestId":"r","result":{"bastion":{"bid":"b-live77","instanceId":"i-live77","status":1,"chargeUnit":"month","chargeDuration":1}}}"#;
    let made = record(&named, shown, 200, None).unwrap();
    assert!(
        made.contains(r#""bid":"b-000001","instanceId":"i-000001""#),
        "{made}"
    );
    // One id is one stand-in, in the path as in the answer.
    let gone = bought("DELETE", "/v1/regions/cn-north-1/instance/i-live77", "", "");
    let unknown =
        r#"{"requestId":"r","error":{"code":404,"status":"NOT_FOUND","message":"i-live77"}}"#;
    let made = record(&gone, unknown, 404, Some("instance_unknown")).unwrap();
    assert_eq!(made.matches("i-000001").count(), 2, "{made}");
    assert!(
        made.contains("reads as: release\nheard as: a refusal"),
        "{made}"
    );
}

#[test]
fn what_cannot_be_recorded_whole_is_not_recorded() {
    let unsigned = record(
        "jdcloud-bastion",
        &bare("a=b"),
        &answer(200, "a", "{}"),
        None,
    );
    assert_eq!(unsigned.unwrap_err().code, "authorization_missing");
    let sent = bare(qingcloud_market::signed(
        qingcloud_market::CREATE,
        NOON_S,
        KEY,
    ));
    let page = record(
        "qingcloud-market",
        &sent,
        &answer(502, "text/html", "<p>"),
        None,
    );
    assert!(page.unwrap_err().message.contains("no JSON"));
    // What members are called may be what somebody is called.
    let tenants = r#"{"success":true,"tenants":{"alice@corp.example":1}}"#;
    let tenants = answer(200, "application/json", tenants);
    let told = record("qingcloud-market", &sent, &tenants, None);
    assert!(told.unwrap_err().message.contains("may be somebody's"));
    // The buyer's id is what the plan is called, too.
    let call = [
        ("action", "RenewInstance"),
        ("spec", "acme-live"),
        ("order_id", "acme-live"),
        ("instance_id", "i-1"),
        ("package", "p"),
        ("duration", "1_month"),
    ];
    let sent = bare(qingcloud_market::signed(&call, NOON_S, KEY));
    let told = record(
        "qingcloud-market",
        &sent,
        &answer(200, "application/json", "{}"),
        None,
    );
    assert!(told.unwrap_err().message.contains("stands somewhere else"));
}
