//! The simulation: a shop with a real store on disk, a clock that is moved, a vendor and a market
//! that survive, and a life that ends after a chosen event (a commit whose answer nobody got, a
//! driver that was asked and has done nothing yet, a driver that did it and told nobody). A new
//! life begins on the same file; every promise is checked after every event, and in the end
//! everything must be as if nothing had happened.
//!
//! ```text
//! market ── asks until answered ──▶ desk ─▶ store (events) ◀─ runner ─▶ driver (events) ─▶ vendor
//! ```
//!
//! One thing happens at a time and in the same order whenever a scenario is played: a store's
//! answer is handed on only when everything else waits.

mod life;
mod market;
mod promises;
mod scenarios;
mod vendor;
mod world;
