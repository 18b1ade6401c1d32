//! How values without a column of their own are stored: names of closed lists, and JSON inside
//! sealed columns. Private to the store, so that the nouns may change without the rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turnkey_core::{Access, Fault, Login};

/// The one of `all` that is stored as `text`. An unknown name is refused: a guess could deliver
/// twice or never.
pub(crate) fn by_name<T: Copy>(
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    text: &str,
) -> Result<T, Fault> {
    all.iter()
        .copied()
        .find(|one| name(*one) == text)
        .ok_or_else(|| Fault::bug(format!("the store holds the unknown {what} {text:?}")))
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredAccess<'a> {
    #[serde(skip_serializing_if = "StoredLogin::is_empty")]
    front_end: StoredLogin<'a>,
    #[serde(skip_serializing_if = "StoredLogin::is_empty")]
    admin: StoredLogin<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredLogin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Cow<'a, str>>,
}

impl StoredLogin<'_> {
    fn is_empty(&self) -> bool {
        self.url.is_none() && self.username.is_none() && self.password.is_none()
    }
}

pub(crate) fn access_bytes(access: &Access) -> Result<Vec<u8>, Fault> {
    let stored = StoredAccess {
        front_end: stored_login(&access.front_end),
        admin: stored_login(&access.admin),
        auth_url: borrowed(access.auth_url.as_ref()),
        extra: access
            .extra
            .iter()
            .map(|(name, value)| (Cow::from(name), Cow::from(value)))
            .collect(),
    };
    serde_json::to_vec(&stored).map_err(|_| Fault::bug("an access has no JSON form"))
}

/// The parser's own words could quote the access, so they are not passed on.
pub(crate) fn access_from(bytes: &[u8]) -> Result<Access, Fault> {
    let stored: StoredAccess<'static> = serde_json::from_slice(bytes)
        .map_err(|_| Fault::bug("the store holds an access that is no JSON of ours"))?;
    Ok(Access {
        front_end: login(stored.front_end),
        admin: login(stored.admin),
        auth_url: owned(stored.auth_url),
        extra: stored
            .extra
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
    })
}

pub(crate) fn context_text(context: &BTreeMap<String, String>) -> Result<String, Fault> {
    serde_json::to_string(context).map_err(|_| Fault::bug("a context has no JSON form"))
}

pub(crate) fn context_from(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    serde_json::from_str(text)
        .map_err(|_| Fault::bug("the store holds a context that is no JSON of ours"))
}

fn stored_login(login: &Login) -> StoredLogin<'_> {
    StoredLogin {
        url: borrowed(login.url.as_ref()),
        username: borrowed(login.username.as_ref()),
        password: borrowed(login.password.as_ref()),
    }
}

fn login(stored: StoredLogin<'_>) -> Login {
    Login {
        url: owned(stored.url),
        username: owned(stored.username),
        password: owned(stored.password),
    }
}

fn borrowed(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(Cow::from)
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}
