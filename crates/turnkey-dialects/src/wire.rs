//! HTTP as dialects see it: whole, bounded and already in memory. Secret as a whole: a query or a
//! header holds a signature, a body an account.

use std::fmt;

use serde::Serialize;

/// One request, as received. The gateway has bounded every part of it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, such as `GET`.
    pub method: &'a str,
    /// The path as received, from its first `/` and still percent-encoded.
    pub path: &'a str,
    /// The query as it stands behind the `?`, still percent-encoded.
    pub query: &'a str,
    /// The headers, names in lower case, values as received.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// The first header called `name` (in lower case), where its value is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| *known == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// A request that we make.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedRequest {
    /// The method, such as `GET`.
    pub method: &'static str,
    /// The path on the server, percent-encoded; empty for the endpoint's own path.
    pub path: String,
    /// The query, without the `?`.
    pub query: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl OwnedRequest {
    /// A GET of the endpoint itself, which is nothing but its query.
    #[must_use]
    pub fn get(query: impl Into<String>) -> Self {
        Self {
            method: "GET",
            path: String::new(),
            query: query.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// The name of one request and its answer, which both sides can quote. Made by whoever receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeId(String);

impl ExchangeId {
    /// How many characters it has: as many as JD Cloud's.
    pub const CHARS: usize = 32;

    /// No name, for dialects that give none ([`Card::names_exchanges`](crate::Card)).
    pub const NONE: Self = Self(String::new());

    /// The name that the dice say: 32 characters of `[0-9a-z]`.
    #[must_use]
    pub fn of(dice: [u8; Self::CHARS]) -> Self {
        let digit = |byte: u8| char::from_digit(u32::from(byte) % 36, 36);
        Self(dice.into_iter().filter_map(digit).collect())
    }

    /// As it stands on the wire; empty where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An answer: ours, or a vendor's.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type, exactly as in the header.
    pub content_type: String,
    /// Seconds to wait before asking again, for `Retry-After`.
    pub retry_after_s: Option<u32>,
    /// Further headers of ours, names in lower case. Of a vendor's answer none is kept.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// `body` as JSON, under the bare media type: QingCloud's own checks compare the whole header.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self {
            status,
            content_type: "application/json".to_owned(),
            retry_after_s: None,
            headers: Vec::new(),
            // Texts and a bool always have a JSON form; no body at all would count as a failure.
            body: serde_json::to_vec(body).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request(redacted)")
    }
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedRequest(redacted)")
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, redacted)", self.status)
    }
}
