//! Everything through the real door: HTTP in, HTTP out, on a real store.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop with a word"
)]

mod accounts;
mod admin;
mod app;
mod appcenter;
mod bad_input;
mod bad_network;
mod bastion;
mod binary;
mod check;
mod cli;
mod config;
mod config_spi;
mod config_storefront;
mod doctor;
mod exactly_once;
mod explain;
mod holding;
mod imports;
mod keys;
mod kill;
mod lifecycle;
mod notes_vendor;
mod openapi;
mod openssh_bastion;
mod pages;
mod proxy;
mod python_peer;
mod renewals;
mod replay;
mod resale;
mod reseller;
mod roots;
mod sdk;
mod secrets;
mod seed;
mod stock;
mod storefront;
mod trigger;
mod vendor;
mod watching;
mod wire;
mod year;
