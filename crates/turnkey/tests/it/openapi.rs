//! The buyer's side of the storefront's API: what is signed, what is sent, what a refusal says.

use turnkey_core::UtcMillis;
use turnkey_dialects::jdcloud::{Signer, Unsigned, Version, sign};

use crate::wire::Answer;

/// An account, as its owner knows it.
pub(crate) struct Account<'a> {
    pub(crate) version: Version,
    pub(crate) access_key: &'a str,
    pub(crate) secret: &'a str,
}

impl Account<'_> {
    /// The headers that `method` of `target` at `host` is signed with, at `at`.
    pub(crate) fn signed(
        &self,
        (method, target): (&str, &str),
        host: &str,
        body: &[u8],
        nonce: &str,
        at: UtcMillis,
    ) -> Vec<(&'static str, String)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let signer = Signer {
            version: self.version,
            access_key: self.access_key,
            secret: &self.secret.to_owned().into(),
            region: "cn-north-1",
            service: "bastion",
        };
        let unsigned = Unsigned {
            method,
            path,
            query,
            host,
            headers: &[],
            body,
        };
        sign(&signer, &unsigned, nonce, at).expect("it is signed")
    }
}

/// The bytes of a request with `headers` and `body`.
pub(crate) fn raw(
    (method, target): (&str, &str),
    headers: impl IntoIterator<Item = (&'static str, String)>,
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

/// The status word and the name of the exchange, from a refusal whose envelope is whole.
pub(crate) fn refusal(answer: &Answer) -> (String, String) {
    let is_json = "content-type: application/json; charset=utf-8";
    assert!(answer.head.contains(is_json), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["error"]["code"], answer.status, "{answer:?}");
    let word = body["error"]["status"].as_str().expect("a status word");
    let id = body["requestId"].as_str().expect("a name of the exchange");
    let is_plain = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
    assert!(id.len() == 32 && id.chars().all(is_plain), "{id}");
    let header = format!("x-jdcloud-request-id: {id}");
    assert!(answer.head.contains(&header), "{answer:?}");
    (word.to_owned(), id.to_owned())
}
