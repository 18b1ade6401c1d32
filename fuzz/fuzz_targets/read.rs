//! Whatever the bytes, `read`, `hear` and `explain` answer and never panic.
//!
//! `cargo +nightly fuzz run read`

#![no_main]

use libfuzzer_sys::fuzz_target;

// The workspace compiles it, so that a changed type is found there and not by the fuzzer.
#[path = "../../crates/turnkey-dialects/tests/it/anything.rs"]
mod anything;

fuzz_target!(|bytes: &[u8]| anything::survives(bytes));
