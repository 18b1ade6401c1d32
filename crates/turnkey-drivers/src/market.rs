//! The marketplace's side of a call: sign, send, wait no longer than it would, call again.
//!
//! The `spi` driver asks other vendors through it, and the program plays marketplaces with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use turnkey_core::decide::Outcome;
use turnkey_core::ports::Clock;
use turnkey_core::{Call, Fault, FaultKind, Listing};
use turnkey_dialects::{Action, Ask, Dialect, Overture, OwnedRequest, Reply};

/// How long a marketplace waits between a failure and its next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pause: Duration,
}

impl Schedule {
    /// As marketplaces do. How often they call is documented, how long they wait in between is not:
    /// a second is our assumption.
    pub const REAL: Self = Self {
        pause: Duration::from_secs(1),
    };

    /// The same calls, without a pause: for a vendor on the own machine.
    pub const FAST: Self = Self {
        pause: Duration::ZERO,
    };
}

/// Why there is no [`Market`].
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// The protocol is only listened to.
    #[error("{0} has no face that asks")]
    OneFaced(&'static str),
    /// The system gave no HTTP client.
    #[error(transparent)]
    Client(ClientError),
}

/// The system gave no HTTP client, for want of root certificates for example.
#[derive(Debug, thiserror::Error)]
#[error("failed to make an HTTP client")]
pub struct ClientError(#[source] pub(crate) reqwest::Error);

/// Longest answer that is read: a marketplace does not read novels.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A marketplace, calling one notification URL.
pub struct Market {
    dialect: &'static dyn Dialect,
    ask: &'static dyn Ask,
    listing: Arc<Listing>,
    clock: Arc<dyn Clock>,
    /// The notification URL without its own query.
    url: String,
    own_query: String,
    set: Vec<(String, String)>,
    schedule: Schedule,
    client: reqwest::Client,
}

/// One call with its repeats.
pub struct Delivery {
    /// What was called.
    pub action: &'static Action,
    /// What the marketplace makes of the last answer.
    pub outcome: Result<Outcome, Fault>,
    /// The last answer, where one came.
    pub reply: Option<Reply>,
    /// How often it called.
    pub calls: u32,
    /// How many answers were thrown away.
    pub lost: u32,
    /// How many calls came to no answer, at least not within the time limit.
    pub unanswered: u32,
    /// How long the slowest answer took.
    pub slowest: Duration,
}

impl Market {
    /// The marketplace that knows `listing` and calls `to`; its wall clock stamps what it signs.
    /// `set` replaces parameters by name, or adds some.
    ///
    /// # Errors
    /// When the dialect has no face that asks, or the system gives no HTTP client.
    pub fn new(
        dialect: &'static dyn Dialect,
        listing: Arc<Listing>,
        clock: Arc<dyn Clock>,
        to: &str,
        set: Vec<(String, String)>,
        schedule: Schedule,
    ) -> Result<Self, MarketError> {
        let card = dialect.card();
        let ask = dialect.faces().ask;
        let ask = ask.ok_or(MarketError::OneFaced(card.title))?;
        let (url, own_query) = to.split_once('?').unwrap_or((to, ""));
        let client =
            client(Duration::from_millis(card.time_limit_ms)).map_err(MarketError::Client)?;
        Ok(Self {
            dialect,
            ask,
            listing,
            clock,
            url: url.to_owned(),
            own_query: own_query.to_owned(),
            set,
            schedule,
            client,
        })
    }

    /// The notification URL without its own query.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it calls before the real call.
    #[must_use]
    pub fn overture(&self) -> Overture {
        self.dialect.card().overture
    }

    /// The action that asks whether anybody is there.
    #[must_use]
    pub fn test(&self) -> Option<&'static Action> {
        let mut actions = self.dialect.card().actions.iter();
        actions.find(|action| action.name == "test")
    }

    /// How long the marketplace waits.
    #[must_use]
    pub fn time_limit(&self) -> Duration {
        Duration::from_millis(self.dialect.card().time_limit_ms)
    }

    /// Calls until an answer is final, or the protocol's repeats are used up. With `is_lost` the
    /// first answer is thrown away, as a network might.
    pub async fn deliver(&self, action: &'static Action, call: &Call, is_lost: bool) -> Delivery {
        let nobody = Fault::busy("no_answer", "no answer came");
        let mut delivery = Delivery {
            action,
            outcome: Err(nobody),
            reply: None,
            calls: 0,
            lost: 0,
            unanswered: 0,
            slowest: Duration::ZERO,
        };
        loop {
            delivery.calls += 1;
            let since = Instant::now();
            let answered = self.call_once(call).await;
            delivery.slowest = delivery.slowest.max(since.elapsed());
            if is_lost && delivery.lost == 0 {
                delivery.lost = 1;
                continue;
            }
            match answered {
                Ok(reply) => {
                    delivery.outcome = self.ask.hear(call, &reply);
                    delivery.reply = Some(reply);
                }
                Err(fault) => {
                    delivery.unanswered += 1;
                    delivery.outcome = Err(fault);
                }
            }
            // What is heard as the vendor's own no conforms, so that no marketplace calls again.
            let is_final = delivery
                .outcome
                .as_ref()
                .map_or_else(|fault| fault.kind == FaultKind::Upstream, |_| true);
            let is_last = delivery.calls > action.retries + delivery.lost;
            if is_final || is_last {
                return delivery;
            }
            tokio::time::sleep(self.schedule.pause).await;
        }
    }

    async fn call_once(&self, call: &Call) -> Result<Reply, Fault> {
        self.send(&self.url, self.spell(call)?).await
    }

    /// `call` in the marketplace's words, signed now.
    ///
    /// # Errors
    /// `Unsupported` when the protocol has no words for it.
    pub fn spell(&self, call: &Call) -> Result<OwnedRequest, Fault> {
        let now = self.clock.now().wall;
        self.ask
            .ask(call, &self.listing, &self.own_query, &self.set, now)
    }

    /// What the marketplace makes of an answer to `call`.
    ///
    /// # Errors
    /// With the fault that the marketplace would see; one of the kind `Upstream` is the vendor's own
    /// no, and final.
    pub fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        self.ask.hear(call, reply)
    }

    /// Sends `request` once to `url`, which has no query of its own.
    ///
    /// # Errors
    /// `no_answer` when none came within the time limit, `answer_too_long` when one never ended.
    pub async fn send(&self, url: &str, request: OwnedRequest) -> Result<Reply, Fault> {
        let failed = |error: &reqwest::Error| {
            let why = if error.is_timeout() {
                format!("no answer within {:?}", self.time_limit())
            } else if error.is_connect() {
                format!("nobody answers at {url}; is the server running?")
            } else {
                "the connection broke off".to_owned()
            };
            Fault::busy("no_answer", why)
        };
        let method = request.method.parse().unwrap_or(reqwest::Method::GET);
        let mut builder = self.client.request(method, target(url, &request));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let mut response = builder
            .body(request.body)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let header = |name: reqwest::header::HeaderName| {
            let value = response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (content_type, retry_after) = (
            header(reqwest::header::CONTENT_TYPE),
            header(reqwest::header::RETRY_AFTER),
        );
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let message = format!("the answer has more than {ANSWER_BYTES_MAX} bytes");
                return Err(Fault::malformed("answer_too_long", message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            content_type,
            retry_after_s: retry_after.parse().ok(),
            headers: Vec::new(),
            body,
        })
    }
}

/// Where `request` goes: to `url` itself, or to its own path on the same server.
fn target(url: &str, request: &OwnedRequest) -> String {
    let OwnedRequest { path, query, .. } = request;
    let base = if path.is_empty() { url } else { origin(url) };
    match query.as_str() {
        "" => format!("{base}{path}"),
        query => format!("{base}{path}?{query}"),
    }
}

/// The scheme, host and port of `url`.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url.get(host..).and_then(|rest| rest.find('/'));
    let end = end.map_or(url.len(), |end| host + end);
    url.get(..end).unwrap_or(url)
}

/// A client that waits `time_limit` for each answer, goes where it is sent and nowhere else.
///
/// # Errors
/// When the system gives none.
pub fn client(time_limit: Duration) -> Result<reqwest::Client, ClientError> {
    // A second caller that wants a provider finds the first one's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(time_limit)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(ClientError)
}
