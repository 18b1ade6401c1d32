//! The rules, tried from outside: tables as golden files, terms, ids, and sequences of everything
//! that can happen, played against a store in memory.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod admit_table;
mod alarms;
mod backoff;
mod cases;
mod dry_ids;
mod event_ids;
mod hold;
mod invariants;
mod money;
mod purchases;
mod sequences;
mod tables;
mod terms;
mod world;

use std::path::PathBuf;

/// Where the golden file `name` lies.
fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name]
        .iter()
        .collect()
}
