//! Wire to nouns and back: one file for each marketplace protocol.
//!
//! Its place on the line: receive → **read** → decide → commit → drive → **write**.
//!
//! It is *not* a server and *not* a client. Nothing here awaits, touches a socket or a disk, or
//! looks at a clock: bytes and `now` come in, nouns and bytes go out.
//!
//! A dialect has three faces. Through [`Listen`] it is called by the marketplace; through [`Ask`] it
//! *is* the marketplace. Where both exist, `read(ask(x)) == x` and `hear(write(y)) == y`. Through
//! [`Explain`](explain::Explain) it says why a signature does not match.

mod answer;
mod coded;
mod dialects;
pub mod explain;
pub mod jdcloud;
mod moment;
mod own_key;
mod period;
pub mod query;
pub mod recorded;
mod resign;
pub mod sign;
mod text;
mod wire;

use secrecy::SecretString;
use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, FaultKind, Listing, UtcMillis};

pub use dialects::{all, find};
pub use own_key::is_own as is_own_key;
pub use period::parse as parse_period;
pub use wire::{ExchangeId, OwnedRequest, Reply, Request};

/// The longest body of most protocols, in bytes. Marketplaces that post, post a few kilobytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

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
    /// A signature that does not match is explained.
    pub explain: Option<&'a dyn explain::Explain>,
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
    fn write(&self, call: &Call, outcome: &Outcome, exchange: &ExchangeId) -> Reply;

    /// Spells a refusal, whoever refused. What no dialect needs to see the gateway refuses, with the
    /// codes `query_too_long`, `body_too_long`, `body_slow`, `body_broken`, `body_coded` and, where
    /// the dialect has no root, `method_wrong`. Under a root the dialect chooses the status of those
    /// too; elsewhere they have HTTP's.
    fn refuse(&self, fault: &Fault, exchange: &ExchangeId) -> Reply;
}

/// We are the marketplace, and call a vendor.
pub trait Ask: Sync {
    /// Spells and signs `call` for the notification URL whose own query is `own_query` (without
    /// the `?`; usually empty). The first key of the listing signs; `now` is when it is signed.
    /// `extra` replaces parameters by name, or adds some; a dialect that can be spoken in more than
    /// one way takes its own settings from there, and says which.
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

    /// `request`, which was sent before, as it would be sent now: with `set` changed in it, then
    /// timed and signed anew. Of what is not named it keeps the meaning and the order. Of `set` a
    /// dialect takes its own settings, as of an `ask`'s `extra`.
    ///
    /// # Errors
    /// When `request` cannot be understood so far, and with the dialect's own words for a value or a
    /// setting that it cannot take.
    fn resign(
        &self,
        request: &Request<'_>,
        by: &Resigner<'_>,
        set: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault>;

    /// What a recorded fixture may keep.
    fn telling(&self) -> &'static Telling;

    /// Understands a vendor's answer to `call`.
    ///
    /// # Errors
    /// With the fault that the marketplace would see. Anything unrecognised is a failure: success
    /// is never guessed.
    fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault>;
}

/// What says what is asked, and nothing of whom or of which: names, spaces between them.
#[derive(Debug)]
pub struct Telling {
    /// Parameters and members whose values do.
    pub values: &'static str,
    /// What is said of an entry of a list that stands in a query (`filters.1.name`).
    pub listed: &'static str,
    /// Words of a path.
    pub path: &'static str,
}

/// Who signs a request anew, and for whom.
pub struct Resigner<'a> {
    /// The secret.
    pub secret: &'a SecretString,
    /// Whose it is, where the protocol says so; `None` for whoever signed before.
    pub access_key: Option<&'a str>,
    /// Whom it is sent to, with the port unless it is the scheme's own.
    pub host: &'a str,
}

impl std::fmt::Debug for Resigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resigner(redacted)")
    }
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
    /// The HTTP methods that it uses. Others are refused before the dialect sees them, unless it has
    /// a root: then they too are its own to answer.
    pub methods: &'static [&'static str],
    /// Where it is served, whatever the listing is called: every path at or below it, such as
    /// `/v1`, is the dialect's own. `None` where each listing has a path of its own.
    pub root: Option<&'static str>,
    /// Longest body, in bytes, whatever the method.
    pub body_bytes_max: usize,
    /// Whether every answer carries a name for its exchange ([`ExchangeId`]).
    pub names_exchanges: bool,
    /// The actions, in the protocol's own order.
    pub actions: &'static [Action],
    /// How long the marketplace waits for an answer, in milliseconds.
    pub time_limit_ms: u64,
    /// How long a call may wait for its driver unless the listing says otherwise, in milliseconds.
    pub reply_within_ms: u64,
    /// What the marketplace calls before the real call.
    pub overture: Overture,
    /// What it calls the code of a product: the parameter, and the key in a listing's
    /// configuration. `None` where calls name no product.
    pub product_code: Option<&'static str>,
    /// Whether the marketplace calls nothing but HTTPS.
    pub https_only: bool,
}

impl Card {
    /// The fault of a call that the protocol cannot say.
    pub(crate) fn unsupported(&self, why: &str) -> Fault {
        let message = format!("{}: {why}", self.name);
        Fault::new(FaultKind::Unsupported, "intent_unsupported", message)
    }

    /// The fault of what only a buyer asks, and only of a storefront.
    pub(crate) fn no_storefront(&self) -> Fault {
        self.unsupported("a marketplace neither buys by quantity nor looks")
    }

    /// The fault of a call whose action is none of the protocol's.
    pub(crate) fn action_unknown(&self, action: &str) -> Fault {
        let known: Vec<_> = self.actions.iter().map(|action| action.wire).collect();
        let (action, known) = (text::quoted(action), known.join(", "));
        let message = format!("action {action}: must be one of {known}");
        Fault::new(FaultKind::Unsupported, "action_unknown", message)
    }
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

impl Action {
    pub(crate) const fn new(name: &'static str, wire: &'static str, retries: u32) -> Self {
        Self {
            name,
            wire,
            retries,
        }
    }
}

/// What the marketplace calls before the real call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overture {
    /// The same call as a dry run.
    DryRun,
    /// The action called `test`, which asks whether anybody is there.
    Ping,
    /// Nothing.
    None,
}
