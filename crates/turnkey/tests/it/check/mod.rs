//! `turnkey check`: what it says of our own server, and of vendors that are bad in known ways.

mod bad_cloud;
mod bad_vendor;
mod faults;
mod own_server;
mod page;
mod reports;
mod spelling;

use std::sync::Arc;

use turnkey::check::report::{Mark, Report};
use turnkey::check::{Limits, Plan};
use turnkey_core::ports::Clock;
use turnkey_dialects::Dialect;

/// Both dialects that have a marketplace.
pub(crate) const QINGCLOUD: [&str; 2] = ["qingcloud-market", "qingcloud-appcenter"];

pub(crate) fn dialect(name: &str) -> &'static dyn Dialect {
    turnkey_dialects::find(name).expect("a dialect")
}

/// A plan for `url` that can test everything once instances may be made.
pub(crate) fn plan(name: &str, url: String, other_url: String, clock: Arc<dyn Clock>) -> Plan {
    Plan {
        dialect: dialect(name),
        url,
        key: "check-key-1".to_owned().into(),
        other_key: "check-key-2".to_owned().into(),
        other_url: Some(other_url),
        product_code: Some("code-check".to_owned()),
        buyer: None,
        spec: "规格".to_owned(),
        package: "套餐".to_owned(),
        set: Vec::new(),
        live: true,
        only: Vec::new(),
        seed: 7,
        clock,
        limits: Limits::of(dialect(name)),
    }
}

/// The ids of the checks that ended so.
pub(crate) fn ids(report: &Report, mark: Mark) -> Vec<&'static str> {
    let rows = report.rows.iter().filter(|row| row.result == mark);
    rows.map(|row| row.check.id).collect()
}
