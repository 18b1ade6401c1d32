//! The shop in hand: the admin API, on a listener of its own (design §8, "Admin API").
//!
//! One file a noun, and one table of routes ([`routes`]) that says which role opens which.
//!
//! It is *not* where anything is decided: it lists what the store has, and hands what an operator
//! wants to the desk.

#![allow(
    unused_qualifications,
    reason = "the code that utoipa writes is qualified"
)]

pub mod access;
pub mod accounts;
pub mod bills;
pub mod calls;
pub mod clock;
pub mod deliver;
pub mod events;
pub mod explanations;
mod failure;
mod guard;
pub mod imports;
pub mod instances;
pub mod listings;
mod metrics;
pub mod operations;
pub mod orders;
pub mod products;
pub mod purchases;
pub mod renewals;
mod routes;
pub mod secrets;
pub mod stock;
pub mod sweeper;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use turnkey_core::ports::{Clock, Store};
use turnkey_dialects::Dialect;
use turnkey_engine::{Desk, Sweeper};

pub use failure::{ErrorBody, ErrorView};
pub use guard::Caller;
pub use routes::document;
pub use wire::{PAGE_MAX, PAGE_USUAL, Page, stamp};

use crate::http::gateway::Refused;
use crate::http::server::Door;
use crate::keys::{KeyBook, Listed};
use crate::play::VirtualClock;
use crate::reload::Tokens;
use crate::watch::Watch;

/// What every handler has at hand.
pub struct Admin {
    /// The only memory.
    pub(crate) store: Arc<dyn Store>,
    /// Where an operator's wishes are decided, like a marketplace's.
    pub(crate) desk: Arc<Desk>,
    /// Both clocks.
    pub(crate) clock: Arc<dyn Clock>,
    /// What our own clock does with terms.
    pub(crate) sweeper: Arc<Sweeper>,
    /// The business clock, where it may be moved.
    pub(crate) virtual_clock: Option<Arc<VirtualClock>>,
    /// What is sold where.
    pub(crate) sold: Vec<Sold>,
    /// The keys of every listing.
    pub(crate) keys: Arc<KeyBook>,
    /// Who may come in.
    pub(crate) tokens: Tokens,
    /// What was seen of the calls.
    pub(crate) watch: Arc<Watch>,
    /// Keeps strangers from filling the log.
    pub(crate) refused: Refused,
}

/// A listing with its protocol, at its path.
pub(crate) struct Sold {
    /// The listing, with the keys that it has now.
    pub(crate) listed: Arc<Listed>,
    /// Its protocol.
    pub(crate) dialect: &'static dyn Dialect,
    /// Where the marketplace calls.
    pub(crate) path: String,
}

impl Admin {
    /// The door before it.
    #[must_use]
    pub(crate) fn door(self) -> AdminDoor {
        AdminDoor {
            router: routes::router(&Arc::new(self)),
        }
    }
}

/// Where a request came from: an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The door before the admin API.
pub struct AdminDoor {
    router: Router,
}

impl Door for AdminDoor {
    type Body = axum::body::Body;

    async fn receive(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        _since: Instant,
        peer: SocketAddr,
    ) -> Response {
        request.extensions_mut().insert(Peer(peer));
        let router = TowerToHyperService::new(self.router.clone());
        match router.call(request).await {
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    }
}
