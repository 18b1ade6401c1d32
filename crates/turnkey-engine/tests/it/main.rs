//! When things run, tried from outside: the desk, the runner, the clock, the ids, and a simulation
//! that crashes after every commit and every driver call. Nothing here sleeps: time moves when
//! everything waits for it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod calendar;
mod clock;
mod desk;
mod front;
mod ids;
mod log;
mod runner;
mod shop;
mod sim;
mod spy;
mod still;
mod terms;
mod watched;
