//! Requests of the storefront's API: JDCLOUD3, a JSON body.

use std::fmt::Write as _;

use turnkey_dialects::jdcloud::{Signer, Unsigned, Version, sign};
use turnkey_engine::SystemClock;

use crate::requests::Requests;

/// A purchase as an SDK places it.
const PURCHASE: &str = r#"{"regionId": "cn-north-1", "instanceSpec": {"az": "cn-north-1a", "vpcId": "vpc-1", "subnetId": "subnet-1", "spec": "basic", "quantity": 1, "ipVersion": "v4&v6", "desc": "a bastion"}, "chargeSpec": {"chargeMode": "prepaid_by_duration", "chargeUnit": "month", "chargeDuration": 1, "autoRenew": true}}"#;

/// Purchases of one, each with a nonce of its own.
pub(crate) fn purchases(numbers: impl Iterator<Item = u64>) -> anyhow::Result<Requests> {
    signed("POST", "/v1/regions/cn-north-1/instances", numbers)
}

/// The very same body to an operation for which nothing is stored.
pub(crate) fn pings(numbers: impl Iterator<Item = u64>) -> anyhow::Result<Requests> {
    signed("GET", "/v1/regions/cn-north-1/pins", numbers)
}

fn signed(
    method: &str,
    path: &str,
    numbers: impl Iterator<Item = u64>,
) -> anyhow::Result<Requests> {
    let signer = Signer {
        version: Version::V3,
        access_key: "demo-ak",
        secret: &"demo-sk".to_owned().into(),
        region: "cn-north-1",
        service: "bastion",
    };
    let unsigned = Unsigned {
        method,
        path,
        query: "",
        host: "127.0.0.1",
        headers: &[],
        body: PURCHASE.as_bytes(),
    };
    let now = SystemClock::wall();
    let mut requests = Requests::default();
    for n in numbers {
        let headers = sign(&signer, &unsigned, &format!("bench-{n:016x}"), now);
        let headers = headers.map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        write!(
            request,
            "content-length: {}\r\n\r\n{PURCHASE}",
            PURCHASE.len()
        )?;
        requests.push_bytes(request.as_bytes());
    }
    Ok(requests)
}
