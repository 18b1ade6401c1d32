//! The marketplace's side of the wire, spelled out: what is sent is what the test says.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use turnkey_core::UtcMillis;
use turnkey_dialects::query::{Query, pair};
use turnkey_dialects::sign::hmac_sha256_base64;

/// Parameters of a call, in the order in which they are sent.
pub(crate) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        Self {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The id of the instance that a create was answered with.
    pub(crate) fn instance(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["instanceId"]
            .as_str()
            .expect("an instance id")
            .to_owned()
    }

    /// The message of a refusal with `status`.
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(
            self.head.contains("content-type: application/json\r\n"),
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(
            (&body["spiVersion"], &body["success"]),
            (&"1".into(), &false.into())
        );
        body["message"].as_str().expect("a message").to_owned()
    }
}

/// `parameters`, `timestamp` and their signature, as a query.
pub(crate) fn signed(parameters: Parameters<'_>, key: &str, at: UtcMillis) -> String {
    let timestamp = (at.0 / 1000).to_string();
    let pairs = parameters
        .iter()
        .copied()
        .chain([("timestamp", timestamp.as_str())]);
    let query = pairs
        .map(|(name, value)| pair(name, value))
        .collect::<Vec<_>>()
        .join("&");
    let parsed = Query::parse(&query).expect("a query that parses");
    let signature = hmac_sha256_base64(
        &SecretString::from(key.to_owned()),
        &parsed.canonical("signature"),
    );
    format!("{query}&{}", pair("signature", &signature))
}

/// Sends `raw` and returns whatever comes until the other side closes.
pub(crate) async fn exchange(to: SocketAddr, raw: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.expect("the door is open");
    // A door that closes early is no failure of the test: what it said counts.
    let _ = stream.write_all(raw).await;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    Answer::parse(&said)
}

/// `GET path`, on a connection of its own.
pub(crate) async fn get(to: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: turnkey\r\nconnection: close\r\n\r\n");
    exchange(to, request.as_bytes()).await
}

/// `segments` as they stand and the signature that `key` makes of them as they stand, behind
/// `prefix`.
pub(crate) fn signed_as_sent(prefix: &str, segments: &[String], key: &str) -> String {
    let query = segments.join("&");
    let signature = signature_as_sent(prefix, &query, key);
    format!("{query}&{}", pair("signature", &signature))
}

/// The signature that `key` makes of `query` as it stands, behind `prefix`.
pub(crate) fn signature_as_sent(prefix: &str, query: &str, key: &str) -> String {
    let parsed = Query::parse(query).expect("a query that parses");
    let message = format!("{prefix}{}", parsed.as_received("signature"));
    hmac_sha256_base64(&SecretString::from(key.to_owned()), &message)
}
