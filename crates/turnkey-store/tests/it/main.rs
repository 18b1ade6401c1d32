//! The store through its port: one conformance suite for every back end, and what only a file can
//! get wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop with a word"
)]

mod calls;
mod conformance;
mod sqlite;
