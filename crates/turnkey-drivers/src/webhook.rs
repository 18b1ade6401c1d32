//! Provisions by calling the vendor's hook: a `POST`, signed as the Standard Webhooks specification
//! says (design §7).
//!
//! | answer | means |
//! | --- | --- |
//! | 200 with a JSON object that holds `access` (may be `{}`) | done |
//! | 202 | not yet: asked again after `Retry-After`, or 5 s growing to 60 s |
//! | 422, 410 | a final no, with `message` from the body |
//! | anything else, 409 and redirects included | retry, then dead |
//!
//! Facts of the protocol: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>,
//! read 2026-11-25. `webhook-id` is the operation key, so that a hook that remembers ids, as the
//! specification tells it to, does each work once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::Sha256;
use turnkey_core::limits::cut;
use turnkey_core::ports::{Boxed, Clock, Driver, Immediate, Verdict, Work};
use turnkey_core::{Access, OperationKind, UtcMillis};

use crate::answer;
use crate::market::ClientError;
use crate::redact::redact;
use crate::spoken::{Answered, Ask};

/// Longest answer that is read: an access is short, and a hook that writes more is not ours.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long it may take until the vendor's machine takes the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long one call may take; a vendor that needs longer answers 202 and is asked again.
const CALL_WITHIN_MAX: Duration = Duration::from_secs(30);

/// After the first 202 that says no time of its own.
const NOT_YET_FIRST_MS: u64 = 5_000;

/// Between later ones, at the most.
const NOT_YET_LONGEST_MS: u64 = 60_000;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// The fewest bytes that the specification allows a secret.
const SECRET_BYTES_MIN: usize = 24;

/// The most.
const SECRET_BYTES_MAX: usize = 64;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How a hook is called.
#[derive(Debug)]
pub struct WebhookSettings {
    /// Where it is.
    pub url: String,
    /// What calls are signed with. It may be swapped for another; a call has one of the two.
    pub secret: Arc<ArcSwap<WebhookSecret>>,
    /// For how long it may say "not yet"; one call takes no longer either.
    pub timeout: Duration,
    /// What each plan tells the hook, by the plan's name.
    pub params: BTreeMap<String, serde_json::Value>,
}

/// The key of a symmetric signature, `v1`.
pub struct WebhookSecret(SecretBox<Vec<u8>>);

/// Why a text is no [`WebhookSecret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    /// It is not written as the specification says.
    #[error(
        "a webhook secret is written whsec_ and then Base64; \
         make one with: echo whsec_$(openssl rand -base64 32)"
    )]
    Form,
    /// It is too short to be safe, or too long to be one.
    #[error("a webhook secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

/// Provisions by calling the vendor's hook.
pub struct WebhookDriver {
    settings: WebhookSettings,
    client: Client,
    clock: Arc<dyn Clock>,
}

/// What a hook answered.
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

/// The body of an answer.
enum Body {
    Whole(Vec<u8>),
    TooLong,
    /// In a content coding, which nobody had asked for.
    Coded,
}

impl WebhookDriver {
    /// A driver that calls the hook of `settings`; `clock` says when it does.
    ///
    /// # Errors
    /// When the system gives no HTTP client.
    pub fn new(settings: WebhookSettings, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        // A second caller that wants a provider finds the first one's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(settings.timeout.min(CALL_WITHIN_MAX))
            .redirect(reqwest::redirect::Policy::none())
            // What is sold here is not sent wherever the environment of a shell says.
            .no_proxy()
            .user_agent(concat!("turnkey/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError)?;
        Ok(Self {
            settings,
            client,
            clock,
        })
    }

    async fn ask(&self, work: &Work) -> Result<Verdict, String> {
        let params = self.settings.params.get(&work.plan).cloned();
        let params = params.ok_or_else(|| format!("plan {:?} is not configured", work.plan))?;
        let body = serde_json::to_vec(&Ask::new(work, params))
            .map_err(|error| format!("cannot put the question: {error}"))?;
        let now = self.clock.now().wall;
        let (id, timestamp) = (work.operation.as_str(), now.0.div_euclid(1000).to_string());
        let signature = self.settings.secret.load().sign(id, &timestamp, &body);
        let response = self
            .client
            .post(&self.settings.url)
            .header(CONTENT_TYPE, "application/json")
            .header(WEBHOOK_ID, id)
            .header(WEBHOOK_TIMESTAMP, &timestamp)
            .header(WEBHOOK_SIGNATURE, signature)
            .body(body)
            .send()
            .await
            .map_err(broken)?;
        Ok(verdict(work, &Heard::whole(response).await?, now))
    }
}

impl Driver for WebhookDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move {
            let asked = self.ask(&work).await;
            asked.unwrap_or_else(|what| Verdict::Retry(note(&what, &work, None)))
        })
    }
}

impl WebhookSecret {
    /// Reads a secret in the specification's own spelling: `whsec_` and Base64. It names no other;
    /// one without the prefix could be Base64 or not, and two readers would sign differently.
    ///
    /// # Errors
    /// When it is spelled otherwise, or has fewer or more bytes than the specification allows.
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text
            .trim()
            .strip_prefix(SECRET_PREFIX)
            .ok_or(WebhookSecretError::Form)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| WebhookSecretError::Form)?;
        match bytes.len() {
            SECRET_BYTES_MIN..=SECRET_BYTES_MAX => Ok(Self(SecretBox::new(Box::new(bytes)))),
            length => Err(WebhookSecretError::Length(length)),
        }
    }

    /// The value of `webhook-signature` for one message.
    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else {
            return String::new();
        };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

impl Heard {
    /// Everything that is answered, as long as it stays within bounds.
    async fn whole(mut response: Response) -> Result<Self, String> {
        let (status, headers) = (response.status(), response.headers().clone());
        let coding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        let body = match coding {
            None | Some(b"identity") => {
                let body = answer::whole(&mut response, BODY_BYTES_MAX).await;
                body.map_err(broken)?.map_or(Body::TooLong, Body::Whole)
            }
            Some(_) => Body::Coded,
        };
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The body as the object that it should be.
    fn answered(&self) -> Result<Answered, String> {
        match &self.body {
            // The error's own words would quote what may be a password.
            Body::Whole(body) => serde_json::from_slice(body).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                format!("its body is not the JSON expected, at {line}:{column}")
            }),
            Body::TooLong => Err(format!("its body has more than {BODY_BYTES_MAX} bytes")),
            Body::Coded => Err("its body is in a content coding, which nobody asked for".into()),
        }
    }

    /// How long it asks for, in milliseconds.
    fn retry_after_ms(&self, now: UtcMillis) -> Option<u64> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(seconds.saturating_mul(1000));
        }
        let at = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(UtcMillis(at.timestamp().as_millisecond()).ms_since(now))
    }
}

fn verdict(work: &Work, heard: &Heard, now: UtcMillis) -> Verdict {
    let answered = heard.answered();
    match heard.status {
        StatusCode::OK => match answered {
            Ok(Answered {
                access: Some(access),
                ..
            }) => {
                let access = Access::from(access);
                // Only what is delivered may be empty: later words would erase what the buyer has.
                let is_new = work.kind == OperationKind::Provision || access != Access::default();
                Verdict::Done(is_new.then_some(access))
            }
            Ok(Answered { access: None, .. }) => {
                Verdict::Retry("answered 200, but its body holds no `access`".to_owned())
            }
            Err(what) => Verdict::Retry(format!("answered 200, but {what}")),
        },
        StatusCode::ACCEPTED => {
            let again_ms = heard.retry_after_ms(now);
            Verdict::NotYet(Some(again_ms.unwrap_or_else(|| growing(work.attempt))))
        }
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::GONE => {
            let message = answered.ok().and_then(|answered| answered.message);
            Verdict::No(message.unwrap_or_default())
        }
        status => {
            let answered = answered.unwrap_or_default();
            let is_redirect = status.is_redirection();
            let what = match &answered.message {
                Some(message) => format!("answered {}: {message}", status.as_u16()),
                None if is_redirect => {
                    format!("answered {}; redirects are not followed", status.as_u16())
                }
                None => format!("answered {}", status.as_u16()),
            };
            let access = answered.access.map(Access::from);
            Verdict::Retry(note(&what, work, access.as_ref()))
        }
    }
}

/// How long after the `attempt`th "not yet" without a time of its own.
fn growing(attempt: u32) -> u64 {
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1));
    NOT_YET_FIRST_MS
        .saturating_mul(doubled.unwrap_or(u64::MAX))
        .min(NOT_YET_LONGEST_MS)
}

/// What became of the connection, without the address: it may hold what nobody else should know.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` passes")]
fn broken(error: reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "the hook did not answer in time"
    } else if error.is_connect() {
        "cannot connect to the hook"
    } else {
        "the connection to the hook broke off"
    };
    let mut said = what.to_owned();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}

/// What went wrong, for the operator: never with a secret in it.
fn note(what: &str, work: &Work, access: Option<&Access>) -> String {
    let secrets = work.access.iter().chain(access).flat_map(Access::secrets);
    cut(&redact(what, secrets))
}
