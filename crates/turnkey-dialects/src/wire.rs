//! HTTP as dialects see it: whole, bounded and already in memory. Secret as a whole: a query holds
//! a signature, a body an account.

use std::fmt;

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
