//! Wire to nouns and back: one file for each marketplace protocol.
//!
//! Its place on the line: receive → **read** → decide → commit → drive → **write**.
//!
//! It is *not* a server and *not* a client. Nothing here awaits, touches a socket or a disk, or
//! looks at a clock: bytes and `now` come in, nouns and bytes go out.
//!
//! A dialect has two faces. Through [`Listen`] it is called by the marketplace; through [`Ask`] it
//! *is* the marketplace. Where both exist, `read(ask(x)) == x` and `hear(write(y)) == y`.

mod answer;
mod dialects;
mod period;
pub mod query;
pub mod sign;
mod text;
mod wire;

use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, Listing, UtcMillis};

pub use dialects::{all, find};
pub use wire::{OwnedRequest, Reply, Request};

/// A marketplace protocol. Every method is required: what a dialect cannot do, it says.
pub trait Dialect: Sync {
    /// What there is to know about the protocol.
    fn card(&self) -> &'static Card;

    /// Its faces.
    fn faces(&self) -> Faces<'_>;
}

/// The faces that a dialect has.
pub struct Faces<'a> {
    /// The marketplace calls us.
    pub listen: Option<&'a dyn Listen>,
    /// We are the marketplace, and call a vendor.
    pub ask: Option<&'a dyn Ask>,
}

/// The marketplace calls us.
pub trait Listen: Sync {
    /// Authenticates the request, then says in our words what it asks.
    ///
    /// # Errors
    /// With a fault that [`Listen::refuse`] spells; whatever the bytes, it never panics.
    fn read(&self, request: &Request<'_>, listing: &Listing, now: UtcMillis)
    -> Result<Call, Fault>;

    /// Spells the answer to `call`.
    fn write(&self, call: &Call, outcome: &Outcome) -> Reply;

    /// Spells a refusal.
    fn refuse(&self, fault: &Fault) -> Reply;
}

/// We are the marketplace, and call a vendor.
pub trait Ask: Sync {
    /// Spells and signs `call` for the notification URL whose own query is `own_query` (without
    /// the `?`; usually empty). The first key of the listing signs; `now` is when it is signed.
    ///
    /// # Errors
    /// `Unsupported` when the protocol has no words for it.
    fn ask(
        &self,
        call: &Call,
        listing: &Listing,
        own_query: &str,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault>;

    /// Understands a vendor's answer to `call`.
    ///
    /// # Errors
    /// With the fault that the marketplace would see. Anything unrecognised is a failure: success
    /// is never guessed.
    fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault>;
}

/// What there is to know about a protocol.
#[derive(Debug)]
pub struct Card {
    /// Its name in configuration and commands.
    pub name: &'static str,
    /// Its name among people.
    pub title: &'static str,
    /// Where its facts come from, and when they were last checked.
    pub source: &'static str,
    /// The only HTTP method that it uses.
    pub method: &'static str,
    /// The actions, in the protocol's own order.
    pub actions: &'static [Action],
    /// How long the marketplace waits for an answer, in milliseconds.
    pub time_limit_ms: u64,
    /// How long a call may wait for its driver unless the listing says otherwise, in milliseconds.
    pub reply_within_ms: u64,
    /// What the marketplace calls before the real call.
    pub overture: Overture,
}

/// One action of a protocol.
#[derive(Debug)]
pub struct Action {
    /// Its short name, as `turnkey trigger` takes it.
    pub name: &'static str,
    /// Its name on the wire.
    pub wire: &'static str,
    /// How often the marketplace calls again after a failure.
    pub retries: u32,
}

/// What the marketplace calls before the real call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overture {
    /// The same call as a dry run.
    DryRun,
    /// Nothing.
    None,
}
