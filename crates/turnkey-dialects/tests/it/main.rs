//! Dialects through their public doors.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod anything;
mod door;
mod explain;
mod fixture;
mod jdcloud;
mod jdcloud_bastion;
mod laws;
mod qingcloud_appcenter;

mod qingcloud_market;
mod recorded;
mod registry;
mod resign;
mod shop;
mod vectors;
