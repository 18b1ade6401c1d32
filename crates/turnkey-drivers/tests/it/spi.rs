//! The `spi` driver against a small vendor that notes every call.

mod kinds;
mod reached;
mod schedule;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use turnkey_core::ports::{Driver as _, Verdict, Work};
use turnkey_core::{Access, OperationKind};
use turnkey_drivers::market::Schedule;
use turnkey_drivers::{PlanWords, Reach, SpiDriver, SpiSettings, VENDOR_INSTANCE_ID};
use turnkey_testkit::ManualClock;
use turnkey_testkit::sample::NOON;

use crate::hook::{Asked, Hook, response};
use crate::work;

const MARKET: &str = "qingcloud-market";
const APPCENTER: &str = "qingcloud-appcenter";
const KEY: &str = "s3cr3t-of-the-vendor";

/// What a good vendor answers to a create, in either dialect.
fn created(dialect: &str) -> String {
    match dialect {
        MARKET => r#"{"spiVersion":"1","instanceId":"v-1","instanceInfo":{"frontEndUrl":"https://a.example/","adminUrl":"https://a.example/admin","username":"root","password":"root123"}}"#,
        _ => r#"{"success":true,"message":null,"instanceId":"v-1","appInfo":{"frontEnd":{"url":"https://a.example/","username":"root","password":"root123"}}}"#,
    }
    .to_owned()
}

fn settings(dialect: &str, url: &str, reach: &[&str]) -> SpiSettings {
    let key = KEY.to_owned().into();
    let words = PlanWords {
        spec: "规格 1".to_owned(),
        package: "套餐".to_owned(),
    };
    SpiSettings {
        dialect: turnkey_dialects::find(dialect).expect("a dialect"),
        url: url.to_owned(),
        key: Arc::new(ArcSwap::from_pointee(key)),
        product_code: Some("prod-1".to_owned()),
        reach: Reach::parse(reach).expect("a reach"),
        plans: BTreeMap::from([("team".to_owned(), words)]),
        schedule: Schedule::FAST,
    }
}

fn driver(dialect: &str, url: &str) -> SpiDriver {
    let settings = settings(dialect, url, &["127.0.0.1"]);
    SpiDriver::new(settings, Arc::new(ManualClock::at(NOON))).expect("a client")
}

async fn drive(dialect: &str, vendor: &Hook, work: Work) -> Verdict {
    driver(dialect, &vendor.url).drive(work).await
}

/// The parameters of a call.
fn parameters(asked: &Asked) -> BTreeMap<String, String> {
    let target = asked.line.split(' ').nth(1).expect("a target");
    let url = reqwest::Url::parse(&format!("http://vendor{target}")).expect("a URL");
    url.query_pairs().into_owned().collect()
}

/// Every call: its action, and whether it was a debug call.
fn calls(vendor: &Hook) -> Vec<String> {
    let call = |asked: &Asked| {
        let parameters = parameters(asked);
        let debug = parameters.get("debug").is_some_and(|debug| debug == "1");
        format!(
            "{}{}",
            parameters["action"],
            if debug { " debug" } else { "" }
        )
    };
    vendor.asked().iter().map(call).collect()
}

/// A vendor that answers as `dialect` documents.
async fn good(dialect: &'static str) -> Hook {
    Hook::start(move |asked| {
        let action = &parameters(asked)["action"];
        let body = match action.as_str() {
            "CreateInstance" | "CreateAppInstance" => created(dialect),
            _ => r#"{"success":true}"#.to_owned(),
        };
        json(200, &body)
    })
    .await
}

fn json(status: u16, body: &str) -> Vec<u8> {
    response(status, "content-type: application/json\r\n", body)
}

/// Work of `kind` on an instance that the vendor calls `v-1`.
fn later(kind: OperationKind) -> Work {
    let mut access = Access::default();
    access
        .extra
        .insert(VENDOR_INSTANCE_ID.to_owned(), "v-1".to_owned());
    Work {
        access: Some(access),
        ..work(kind)
    }
}

#[track_caller]
fn note(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Retry(note) => note,
        Verdict::Done(_) | Verdict::NotYet(_) | Verdict::No(_) => panic!("{verdict:?}"),
    }
}
