//! `accounts`: who may buy at the storefronts. A secret is shown once, to whoever has it made.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use turnkey_core::account::{taken, unknown};
use turnkey_core::event::About;
use turnkey_core::{AccountStep, AccountTurn, Event, EventKind, Fault};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{Known, Origin};
use crate::config::is_name;
use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, stamp};
use crate::http::admin::{Admin, Caller};

/// What an access key that is made here begins with, so that a person knows it for one.
const ACCESS_KEY_HEAD: &str = "AK";

/// What follows, of [`ACCESS_KEY_SYMBOLS`]: no two meet by chance.
const ACCESS_KEY_SYMBOLS_COUNT: usize = 18;

const ACCESS_KEY_SYMBOLS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// As many bits as the signatures have.
const SECRET_BYTES: usize = 32;

/// An account that buys at the storefronts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    /// Its name: what an instance knows its buyer by.
    pub name: String,
    /// What its calls name it by; no secret.
    pub access_key: String,
    /// Whether its calls are taken.
    pub enabled: bool,
    /// `configured`: only the configuration changes it. `made`: by this API.
    pub origin: String,
    /// When it was made by this API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub made_at: Option<String>,
    /// Its secrets, older first: two while one takes over from the other.
    pub secrets: Vec<AccountSecretView>,
}

/// One secret of an account, never itself.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountSecretView {
    /// What tells it from others without telling it.
    pub fingerprint: String,
    /// Where it comes from: a variable's name, a file's, or the store.
    pub source: String,
    /// When it last verified a call; absent where it never did, as far as is known.
    pub last_used_at: Option<String>,
}

/// An account that has a new secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct AccountSecretMade {
    /// The account as it is now.
    pub account: AccountView,
    /// The new secret. It is shown this once, and cannot be read again.
    pub secret_key: String,
}

/// An account to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// Its name, for ever: a-z, 0-9, - and _, 64 at the most.
    pub name: String,
}

/// Which accounts are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountQuery {
    /// Rows on a page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Accounts, by name.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(AccountQuery),
    responses((status = OK, body = Page<AccountView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<AccountQuery>,
) -> Answer<Page<AccountView>> {
    let limit = limit(query.limit)?;
    let mut left = admin.keys.accounts();
    if let Some(after) = &query.after {
        left.retain(|known| known.account.name > *after);
    }
    let is_more = left.len() > limit;
    left.truncate(limit);
    let next = left.last().map(|known| known.account.name.clone());
    Ok(Json(Page {
        items: left.iter().map(view).collect(),
        next: next.filter(|_| is_more),
    }))
}

/// One account.
#[utoipa::path(get, path = "/api/v1/accounts/{name}", tag = "accounts",
    params(("name" = String, Path)), responses((status = OK, body = AccountView)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Answer<AccountView> {
    let known = admin.keys.account(&name).ok_or_else(|| unknown(&name))?;
    Ok(Json(view(&known)))
}

/// Makes an account. Its secret is in the answer, and nowhere else.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = AccountBody,
    responses((status = OK, body = AccountSecretMade)))]
pub(super) async fn create(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Json(body): Json<AccountBody>,
) -> Answer<AccountSecretMade> {
    let AccountBody { name } = body;
    if !is_name(&name) {
        let message = format!("{name:?} is no name: use a-z, 0-9, - and _, at most 64 characters");
        let status = StatusCode::BAD_REQUEST;
        return Err(Failure::new(status, "name_malformed", message));
    }
    let mut listings = admin.sold.iter().map(|sold| sold.listed.listing());
    if !listings.any(|listing| listing.storefront.is_some()) {
        let message = "accounts buy at a storefront, and no listing is one";
        return Err(Fault::conflict("account_unused", message).into());
    }
    if admin.keys.account(&name).is_some() {
        return Err(taken(&name).into());
    }
    let secret_key = new_secret();
    let step = AccountStep::Make {
        access_key: new_access_key(),
        secret: secret_key.clone().into(),
    };
    let known = admin.turned(&caller, name, "make account", step).await?;
    Ok(Json(AccountSecretMade {
        account: view(&known),
        secret_key,
    }))
}

/// Has its calls taken again.
#[utoipa::path(post, path = "/api/v1/accounts/{name}/enable", tag = "accounts",
    params(("name" = String, Path)), responses((status = OK, body = AccountView)))]
pub(super) async fn enable(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<AccountView> {
    let name = admin.made(name)?;
    let step = AccountStep::Enable;
    let known = admin.turned(&caller, name, "enable account", step).await?;
    Ok(Json(view(&known)))
}

/// Has its calls refused, from the next one on. What it bought stays.
#[utoipa::path(post, path = "/api/v1/accounts/{name}/disable", tag = "accounts",
    params(("name" = String, Path)), responses((status = OK, body = AccountView)))]
pub(super) async fn disable(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<AccountView> {
    let name = admin.made(name)?;
    let step = AccountStep::Disable;
    let known = admin.turned(&caller, name, "disable account", step).await?;
    Ok(Json(view(&known)))
}

/// Gives it a second secret, which is in the answer, and nowhere else. The first stays good.
#[utoipa::path(post, path = "/api/v1/accounts/{name}/rotate", tag = "accounts",
    params(("name" = String, Path)), responses((status = OK, body = AccountSecretMade)))]
pub(super) async fn rotate(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<AccountSecretMade> {
    let name = admin.made(name)?;
    let secret_key = new_secret();
    let step = AccountStep::AddSecret(secret_key.clone().into());
    let doing = "add a secret to account";
    let known = admin.turned(&caller, name, doing, step).await?;
    Ok(Json(AccountSecretMade {
        account: view(&known),
        secret_key,
    }))
}

/// Takes the older of its two secrets away: calls that it signs are refused from now on.
#[utoipa::path(post, path = "/api/v1/accounts/{name}/drop-old", tag = "accounts",
    operation_id = "drop_old",
    params(("name" = String, Path)), responses((status = OK, body = AccountView)))]
pub(super) async fn drop_old(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<AccountView> {
    let name = admin.made(name)?;
    let step = AccountStep::DropOlder;
    let doing = "drop the older secret of account";
    let known = admin.turned(&caller, name, doing, step).await?;
    Ok(Json(view(&known)))
}

impl Admin {
    /// `name`, when it is that of an account that may be changed here.
    fn made(&self, name: String) -> Result<String, Fault> {
        let known = self.keys.account(&name).ok_or_else(|| unknown(&name))?;
        match known.origin {
            Origin::Made { .. } => Ok(name),
            Origin::Configured => {
                let message = format!(
                    "account {name:?} is in the configuration: change it there, and send SIGHUP"
                );
                Err(Fault::conflict("account_configured", message))
            }
        }
    }

    /// The account after `step`, which `caller` wants: `doing`, and its name.
    async fn turned(
        &self,
        caller: &Caller,
        name: String,
        doing: &str,
        step: AccountStep,
    ) -> Result<Known, Fault> {
        // Kept first: nothing is done by hand that nobody hears of.
        let message = format!("asked to {doing} {name}");
        let (now, kind) = (self.clock.now(), EventKind::OperatorActed);
        // Two steps of one millisecond are two events: the words tell them apart.
        let once = format!("{} {message}", caller.name);
        let event = Event::new(now, kind, About::default(), &once, message);
        self.store.event_add(event.by(&caller.name)).await?;
        let turn = AccountTurn { name, step, now };
        self.keys.account_turn(turn).await
    }
}

fn new_access_key() -> String {
    let mut random = rand::rng();
    let symbol = || {
        let at = random.random_range(0..ACCESS_KEY_SYMBOLS.len());
        char::from(ACCESS_KEY_SYMBOLS.get(at).copied().unwrap_or(b'0'))
    };
    let symbols = std::iter::repeat_with(symbol).take(ACCESS_KEY_SYMBOLS_COUNT);
    ACCESS_KEY_HEAD.chars().chain(symbols).collect()
}

/// In hexadecimal digits: nothing in it means anything to a shell or a URL.
fn new_secret() -> String {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn view(known: &Known) -> AccountView {
    let account = &known.account;
    let (origin, made_at) = match known.origin {
        Origin::Configured => ("configured", None),
        Origin::Made { at, .. } => ("made", Some(stamp(at))),
    };
    let secrets = known.secrets().map(|(label, key)| AccountSecretView {
        fingerprint: label.fingerprint.clone(),
        source: label.source.clone(),
        last_used_at: key.last_used().map(stamp),
    });
    AccountView {
        name: account.name.clone(),
        access_key: account.access_key.clone(),
        enabled: account.is_enabled,
        origin: origin.to_owned(),
        made_at,
        secrets: secrets.collect(),
    }
}
