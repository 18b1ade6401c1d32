//! A dialect's public doors, and what every dialect's tests send through them.

use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, Key, Listing, Now, UtcMillis};
use turnkey_dialects::query::pair;
use turnkey_dialects::{Ask, Card, ExchangeId, Listen, OwnedRequest, Reply, Request, find, sign};
use turnkey_testkit::{ImmediateDriver, sample};

pub(crate) const NOON: UtcMillis = sample::NOON;
pub(crate) const NOON_S: i64 = NOON.0 / 1000;
pub(crate) const KEY: &str = "fixture-prod-key";

pub(crate) type Parameters = Vec<(&'static str, &'static str)>;

/// Both faces of one dialect.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    pub(crate) card: &'static Card,
    pub(crate) listen: &'static dyn Listen,
    pub(crate) ask: &'static dyn Ask,
}

pub(crate) fn door(name: &str) -> Door {
    let dialect = find(name).unwrap();
    let faces = dialect.faces();
    Door {
        card: dialect.card(),
        listen: faces.listen.unwrap(),
        ask: faces.ask.unwrap(),
    }
}

impl Door {
    pub(crate) fn read(
        self,
        listing: &Listing,
        sent: &OwnedRequest,
        now: UtcMillis,
    ) -> Result<Call, Fault> {
        let headers: Vec<_> = sent
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let request = Request {
            method: sent.method,
            path: &sent.path,
            query: &sent.query,
            headers: &headers,
            body: &sent.body,
        };
        self.listen.read(&request, listing, now)
    }

    pub(crate) fn ask(
        self,
        listing: &Listing,
        call: &Call,
        own_query: &str,
        extra: &[(&str, &str)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let extra: Vec<_> = extra.iter().map(owned).collect();
        self.ask.ask(call, listing, own_query, &extra, now)
    }

    pub(crate) fn write(self, call: &Call, outcome: &Outcome) -> Reply {
        self.listen.write(call, outcome, &exchange())
    }

    pub(crate) fn refuse(self, fault: &Fault) -> Reply {
        self.listen.refuse(fault, &exchange())
    }

    pub(crate) fn hear(self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        self.ask.hear(call, reply)
    }
}

/// The name of every exchange: 32 characters, in their order.
pub(crate) fn exchange() -> ExchangeId {
    let mut next = 0..;
    ExchangeId::of(std::array::from_fn(|_| next.next().unwrap()))
}

/// A request that is nothing but its query.
pub(crate) fn bare(query: impl Into<String>) -> OwnedRequest {
    OwnedRequest::get(query)
}

pub(crate) fn answer(status: u16, content_type: &str, body: &str) -> Reply {
    Reply {
        status,
        content_type: content_type.to_owned(),
        retry_after_s: None,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

pub(crate) fn key(text: &str) -> Key {
    text.to_owned().into()
}

pub(crate) fn listing() -> Listing {
    let mut listing = sample::listing(Arc::new(ImmediateDriver::willing()));
    listing.keys = vec![key(KEY)];
    listing
}

/// `base` with some parameters set to other values, or added.
pub(crate) fn with<'a>(
    base: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut parameters = base.to_vec();
    for (name, value) in changes {
        match parameters.iter_mut().find(|(known, _)| known == name) {
            Some(found) => found.1 = value,
            None => parameters.push((name, value)),
        }
    }
    parameters
}

pub(crate) fn without<'a>(base: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    let kept = base.iter().filter(|(known, _)| *known != name);
    kept.copied().collect()
}

pub(crate) fn spelt(parameters: &[(&str, &str)]) -> Vec<String> {
    parameters.iter().map(|(n, v)| pair(n, v)).collect()
}

/// The signature of `segments` as they stand, sorted by their names, behind `prefix`.
pub(crate) fn signature(prefix: &str, segments: &[String], key_text: &str) -> String {
    let name = |segment: &&String| segment.split('=').next().unwrap_or_default().to_owned();
    let mut sorted: Vec<_> = segments.iter().collect();
    sorted.sort_by_key(name);
    let message: Vec<_> = sorted.iter().map(|s| s.as_str()).collect();
    let message = format!("{prefix}{}", message.join("&"));
    sign::hmac_sha256_base64(key(key_text).secret(), &message)
}

/// `segments`, sent as they stand and signed as they stand.
pub(crate) fn signed_as_sent(segments: &[String], key_text: &str) -> String {
    let signature = signature("", segments, key_text);
    format!("{}&{}", segments.join("&"), pair("signature", &signature))
}

/// Both clocks show `at`.
pub(crate) fn at(at: UtcMillis) -> Now {
    Now {
        wall: at,
        business: at,
    }
}
