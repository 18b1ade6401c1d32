//! HTTP as dialects see it: whole, bounded and already in memory. Secret as a whole: a query holds
//! a signature, a body an account.

use std::fmt;

use serde::Serialize;

/// One request, as received. The gateway has bounded every part of it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
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
    /// The query, without the `?`.
    pub query: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
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
