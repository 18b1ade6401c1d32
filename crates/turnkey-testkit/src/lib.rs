//! For tests only: a clock that moves when told, a driver that says what it is told, golden files,
//! and a listing to try them on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod clock;
mod driver;
pub mod golden;
pub mod sample;

pub use clock::ManualClock;
pub use driver::{ImmediateDriver, ScriptedDriver, done};
