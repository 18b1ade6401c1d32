//! A call before it is signed: what it says can be changed, added, left out and spelt otherwise.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use turnkey_dialects::OwnedRequest;
use turnkey_dialects::query::{Query, as_spelt, encode, pair};
use turnkey_dialects::sign::hmac_sha256_base64;

use super::Whose;

/// The parameter of both QingCloud protocols that holds the signature.
const SIGNATURE: &str = "signature";

/// A call before it is signed.
#[derive(Clone)]
pub struct Draft {
    /// The method that it is sent with.
    pub(super) method: &'static str,
    /// `name=value`, as they stand on the wire.
    segments: Vec<String>,
    /// The header that repeats the signature, where the protocol has one.
    pub(super) header: Option<&'static str>,
    pub(super) whose: Whose,
}

/// How a draft is signed.
#[derive(Clone)]
pub enum Signing {
    /// With the key, over what is sent exactly as it is spelt; a draft that nobody respelt is spelt as
    /// documented.
    Good,
    /// The same behind a prefix.
    Prefixed(&'static str),
    /// The same with another key.
    By(SecretString),
    /// Not at all.
    None,
    /// With this in place of a signature.
    Text(String),
    /// Well, but only in the query.
    QueryOnly,
    /// Well, but only in the header.
    HeaderOnly,
    /// Well in the query, and this in front of it.
    Behind(String),
    /// Well in the query, and this behind it.
    Before(String),
}

impl Draft {
    /// What `request` says, without its signature.
    pub(super) fn of(request: &OwnedRequest, whose: Whose) -> Self {
        let segments = request.query.split('&').filter(|part| !part.is_empty());
        let header = request.headers.first().map(|(name, _)| *name);
        let draft = Self {
            method: request.method,
            segments: segments.map(str::to_owned).collect(),
            header,
            whose,
        };
        draft.without(SIGNATURE)
    }

    /// With `name` as `value`, in the place of the one that it had.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let segment = pair(name, value);
        match self
            .segments
            .iter_mut()
            .find(|known| is_called(known, name))
        {
            Some(known) => *known = segment,
            None => self.segments.push(segment),
        }
        self
    }

    /// With one segment more, just as it stands.
    #[must_use]
    pub fn and(mut self, segment: impl Into<String>) -> Self {
        self.segments.push(segment.into());
        self
    }

    /// Without `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.segments.retain(|segment| !is_called(segment, name));
        self
    }

    /// Without anything.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        self.segments.clear();
        self
    }

    /// Spelt as Python's `quote` and Java's `URLEncoder` would: a space as `%20`, `*` as it is, `~`
    /// escaped.
    #[must_use]
    pub fn respelt(mut self) -> Self {
        for segment in &mut self.segments {
            *segment = segment
                .replace('+', "%20")
                .replace("%2A", "*")
                .replace('~', "%7E");
        }
        self
    }

    /// Sent with another method.
    #[must_use]
    pub fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// The decoded value of `name`, where it is given.
    pub fn get(&self, name: &str) -> Option<String> {
        let found = self.segments.iter().find(|known| is_called(known, name))?;
        let (_, value) = found.split_once('=')?;
        let spaced = value.replace('+', " ");
        Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    }

    /// The query as it is sent, and the signature for the header.
    pub(super) fn signed(&self, how: &Signing, key: &SecretString) -> (String, Option<String>) {
        let good = self.signature("", key);
        let (parts, header) = match how {
            Signing::Good => (vec![good.clone()], Some(good)),
            Signing::Prefixed(prefix) => {
                let prefixed = self.signature(prefix, key);
                (vec![prefixed.clone()], Some(prefixed))
            }
            Signing::By(other) => {
                let other = self.signature("", other);
                (vec![other.clone()], Some(other))
            }
            Signing::None => (Vec::new(), None),
            Signing::Text(text) => (vec![text.clone()], Some(text.clone())),
            Signing::QueryOnly => (vec![good], None),
            Signing::HeaderOnly => (Vec::new(), Some(good)),
            Signing::Behind(text) => (vec![text.clone(), good.clone()], Some(good)),
            Signing::Before(text) => (vec![good.clone(), text.clone()], Some(good)),
        };
        let signatures = parts.iter().map(|text| pair(SIGNATURE, text));
        let query = self.segments.iter().cloned().chain(signatures);
        (query.collect::<Vec<_>>().join("&"), header)
    }

    pub(super) fn signature(&self, prefix: &str, key: &SecretString) -> String {
        let query = self.segments.join("&");
        let message = match Query::parse(&query) {
            Ok(query) => query.as_received(SIGNATURE),
            // What nobody would send: by the names as they stand.
            Err(_) => as_spelt(&query),
        };
        hmac_sha256_base64(key, &format!("{prefix}{message}"))
    }
}

fn name(segment: &str) -> &str {
    segment.split('=').next().unwrap_or_default()
}

fn is_called(segment: &str, wanted: &str) -> bool {
    name(segment) == encode(wanted)
}
