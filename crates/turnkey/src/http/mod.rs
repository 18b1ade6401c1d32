//! The outer door: bytes in, bytes out, everything bounded.

pub mod first_byte;
pub mod gateway;
pub mod server;
