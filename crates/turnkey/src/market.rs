//! The marketplaces that this program plays, with its own words for what may go wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use turnkey_core::ports::Clock;
use turnkey_core::storefront::REGION;
use turnkey_core::{Account, Listing, Payment, Storefront};
use turnkey_dialects::Dialect;
use turnkey_drivers::market::{ClientError, Market, MarketError, Schedule};

use crate::words::{say, start};

/// The marketplace that knows `listing` and calls `to`; see [`Market::new`].
///
/// # Errors
/// When the dialect has no face that asks, or the system gives no HTTP client.
pub(crate) fn open(
    dialect: &'static dyn Dialect,
    listing: Arc<Listing>,
    clock: Arc<dyn Clock>,
    to: &str,
    set: Vec<(String, String)>,
    schedule: Schedule,
) -> anyhow::Result<Market> {
    let opened = Market::new(dialect, listing, clock, to, set, schedule);
    opened.map_err(|error| match error {
        MarketError::OneFaced(title) => anyhow::Error::new(say(
            "dialect_one_faced",
            format!("Turnkey cannot play {title}"),
            format!("Turnkey 不能扮演 {title}"),
        )),
        MarketError::Client(error) => no_client(error),
    })
}

/// A client that waits `time_limit` for each answer, goes where it is sent and nowhere else.
pub(crate) fn client(time_limit: Duration) -> anyhow::Result<reqwest::Client> {
    turnkey_drivers::market::client(time_limit).map_err(no_client)
}

fn no_client(error: ClientError) -> anyhow::Error {
    let said = start::system_refused("cannot make an HTTP client", "不能建 HTTP 客户端");
    anyhow::Error::new(error).context(said)
}

/// What a buyer knows of a storefront from outside: where it is, and the own account there.
pub(crate) fn account_at(endpoint: &str, access_key: &str, secret: SecretString) -> Listing {
    let account = Account {
        name: access_key.to_owned(),
        access_key: access_key.to_owned(),
        secrets: vec![secret.into()],
        is_enabled: true,
    };
    Listing {
        public_url: endpoint.to_owned(),
        storefront: Some(Storefront {
            accounts: [account].into_iter().collect(),
            regions: BTreeMap::new(),
            payment: Payment::Required,
            unpaid_after_ms: 0,
        }),
        ..known_by(String::new().into())
    }
}

/// Where a bought instance is to be, in the words of the bastion API: in zone `az` of `region`, in the
/// network `vpc` and its `subnet`.
pub(crate) fn place(region: &str, az: &str, vpc: &str, subnet: &str) -> BTreeMap<String, String> {
    let words = [
        (REGION, region),
        ("az", az),
        ("vpcId", vpc),
        ("subnetId", subnet),
        ("ipVersion", "v4"),
    ];
    words
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// What a marketplace knows of a vendor's listing from outside: the key, and a code.
pub(crate) fn known_by(key: SecretString) -> Listing {
    turnkey_drivers::market::known("trigger", key, Some("prod-demo".to_owned()))
}
