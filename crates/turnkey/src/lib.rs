//! The only program: configuration, the outer door, the command line, and the wiring between them.
//!
//! Its place on the line: **receive** → read → decide → commit → drive → write.
//!
//! It is *not* where a marketplace's words, a rule or a row is known; see `ARCHITECTURE.md`.

mod accounts;
pub mod check;
pub mod cli;
pub mod config;
pub mod explained;
pub mod http;
pub mod keys;
pub mod log;
mod market;
pub(crate) mod play;
pub mod reload;
pub mod watch;
pub mod wire_up;
pub mod words;
