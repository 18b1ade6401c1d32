//! Drivers, each called twice with the same key: the second ask must repeat the first answer.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod command;
mod demo;
mod hook;
mod plain;
mod reach;
mod spi;
mod webhook;

use std::collections::BTreeMap;

use turnkey_core::ports::{Work, WorkOrder};
use turnkey_core::{Ends, InstanceId, OperationId, OperationKind, OrderKey, Period, Term, Unit};
use turnkey_testkit::sample::NOON;

/// Work of `kind` under the key `op-1`.
fn work(kind: OperationKind) -> Work {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").expect("a zone");
    let month = Period::new(1, Unit::Month).expect("a month");
    Work {
        operation: OperationId::new("op-1"),
        kind,
        dry_run: false,
        attempt: 1,
        fence: 1,
        listing: "notes-market".to_owned(),
        instance: InstanceId::new("i-1"),
        product: "notes".to_owned(),
        plan: "team".to_owned(),
        buyer: "usr-\"1\"\n".to_owned(),
        term: Term::begin(NOON, month, &zone, Ends::Exact).expect("a term"),
        context: BTreeMap::from([("region".to_owned(), "北京".to_owned())]),
        order: Some(WorkOrder {
            key: OrderKey::new("mord-1"),
            period: "1_month".to_owned(),
            is_refused: false,
        }),
        renewal: None,
        access: None,
        stock: None,
    }
}
