//! The outer doors: bytes in, bytes out, everything bounded. One for marketplaces and buyers, one
//! for whoever runs the shop.

pub mod admin;
pub mod first_byte;
pub mod gateway;
pub mod holding;
pub mod server;
