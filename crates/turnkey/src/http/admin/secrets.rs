//! `secrets`: which keys there are, where they come from, and when each was last used. Never a key.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::UtcMillis;
use utoipa::ToSchema;

use crate::http::admin::wire::{Answer, Json, Page};
use crate::http::admin::{Admin, stamp};
use crate::keys::KeyLine;

/// A key of a listing, or a secret of an account that buys there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// The listing.
    pub listing: String,
    /// The account, where it is an account's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// Its place in the listing's `keys` or among the account's secrets, from 1.
    pub place: usize,
    /// `current` signs and verifies, `next` only verifies.
    pub role: String,
    /// What tells it from others without telling it.
    pub fingerprint: String,
    /// Where it comes from: a variable's name or a file's.
    pub source: String,
    /// When it last verified a call; absent where it never did, as far as is known.
    pub last_used_at: Option<String>,
}

/// Every key of every listing and every secret of an account, in the order of their lists.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets",
    responses((status = OK, body = Page<SecretView>)))]
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer<Page<SecretView>> {
    Ok(Json(Page {
        items: admin.keys.list().into_iter().map(view).collect(),
        next: None,
    }))
}

fn view(line: KeyLine) -> SecretView {
    SecretView {
        listing: line.listing,
        account: line.account,
        place: line.place,
        role: line.role.to_owned(),
        fingerprint: line.fingerprint,
        source: line.source,
        last_used_at: line.last_used_ms.map(|ms| stamp(UtcMillis(ms))),
    }
}
