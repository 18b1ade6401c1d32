//! Who calls: a marketplace with the key of a listing, or a buyer with an account.

use std::path::PathBuf;
use std::sync::Arc;

use turnkey_core::{Caller, Listing, UtcMillis};
use turnkey_dialects::Dialect;
use turnkey_drivers::market::{Market, Schedule};
use turnkey_engine::SystemClock;

use crate::cli::Lang;
use crate::cli::signing::{Source, demo_key};
use crate::market::{self, account_at, known_by};

/// Where `turnkey demo` is.
const DEMO: &str = "http://127.0.0.1:8686";

/// What is bought from a marketplace unless something else is asked for.
const USUAL_SPEC: &str = "规格";
pub(super) const USUAL_PACKAGE: &str = "套餐";

/// The same at the storefront of `turnkey demo`.
const USUAL_SIZE: &str = "basic";

/// Where the key is taken from.
pub(super) struct Key<'a> {
    pub(super) outright: Option<&'a str>,
    pub(super) env: Option<&'a str>,
    pub(super) file: Option<&'a PathBuf>,
}

/// Whoever calls.
pub(super) struct Player {
    dialect: &'static dyn Dialect,
    known: Arc<Listing>,
    caller: Option<Caller>,
    to: String,
    schedule: Schedule,
}

impl Player {
    /// A caller in `dialect` of the endpoint `to`, by default that of `turnkey demo`.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub(super) fn new(
        dialect: &'static dyn Dialect,
        key: &Key<'_>,
        access_key: &str,
        region: &str,
        to: Option<&str>,
        schedule: Schedule,
        lang: Lang,
    ) -> anyhow::Result<Self> {
        let card = dialect.card();
        let is_storefront = card.root.is_some();
        let source = Source {
            flag: "--key",
            outright: key.outright,
            env: key.env,
            file: key.file,
            demo: demo_key(dialect),
        };
        let key = source.read(lang)?;
        let at_demo = match card.root {
            Some(_) => DEMO.to_owned(),
            None => format!("{DEMO}/spi/{}/demo", card.name),
        };
        let to = to.map_or(at_demo, str::to_owned);
        let to = if is_storefront {
            to.trim_end_matches('/').to_owned()
        } else {
            to
        };
        let known = if is_storefront {
            account_at(&to, access_key, key)
        } else {
            known_by(key)
        };
        let caller = is_storefront.then(|| Caller {
            account: access_key.to_owned(),
            region: region.to_owned(),
            pays: true,
        });
        Ok(Self {
            dialect,
            known: Arc::new(known),
            caller,
            to,
            schedule,
        })
    }

    /// Where it calls.
    pub(super) fn to(&self) -> &str {
        &self.to
    }

    /// The protocol.
    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        self.dialect
    }

    /// The buyer, where one calls and not a marketplace.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// What is bought unless something else is asked for.
    pub(super) fn usual_spec(&self) -> &'static str {
        if self.caller.is_some() {
            USUAL_SIZE
        } else {
            USUAL_SPEC
        }
    }

    /// The caller, who says what is in `set` with every call.
    ///
    /// # Errors
    /// When the system gives no HTTP client.
    pub(super) fn market(&self, set: Vec<(String, String)>) -> anyhow::Result<Market> {
        let clock = Arc::new(SystemClock::new(0, UtcMillis(0)));
        let known = Arc::clone(&self.known);
        market::open(self.dialect, known, clock, &self.to, set, self.schedule)
    }
}
