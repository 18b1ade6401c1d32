//! The marketplace's side of a call: sign, send, wait no longer than it would, call again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use secrecy::SecretString;
use turnkey_core::decide::Outcome;
use turnkey_core::ports::Clock;
use turnkey_core::{Call, Ends, Fault, FaultKind, Listing, Offers, Product, Slow};
use turnkey_dialects::{Action, Ask, Dialect, Overture, OwnedRequest, Reply};
use turnkey_drivers::DemoDriver;

use crate::words::{say, start};

/// Between a failure and the next call. No protocol documents it.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest answer that is read: a marketplace does not read novels.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A marketplace, calling one notification URL.
pub(crate) struct Market {
    dialect: &'static dyn Dialect,
    ask: &'static dyn Ask,
    listing: Arc<Listing>,
    clock: Arc<dyn Clock>,
    /// The notification URL without its own query.
    pub(crate) url: String,
    own_query: String,
    set: Vec<(String, String)>,
    client: reqwest::Client,
}

/// One call with its repeats.
pub(crate) struct Delivery {
    /// What was called.
    pub(crate) action: &'static Action,
    /// What the marketplace makes of the last answer.
    pub(crate) outcome: Result<Outcome, Fault>,
    /// The last answer, where one came.
    pub(crate) reply: Option<Reply>,
    /// How often it called.
    pub(crate) calls: u32,
    /// How many answers were thrown away.
    pub(crate) lost: u32,
    /// How many calls came to no answer, at least not within the time limit.
    pub(crate) unanswered: u32,
    /// How long the slowest answer took.
    pub(crate) slowest: Duration,
}

impl Market {
    /// The marketplace that knows `listing` and calls `to`; its wall clock stamps what it signs.
    ///
    /// # Errors
    /// When the dialect has no face that asks.
    pub(crate) fn new(
        dialect: &'static dyn Dialect,
        listing: Arc<Listing>,
        clock: Arc<dyn Clock>,
        to: &str,
        set: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let card = dialect.card();
        let ask = dialect.faces().ask;
        let ask = ask.with_context(|| {
            say(
                "dialect_one_faced",
                format!("Turnkey cannot play {}", card.title),
                format!("Turnkey 不能扮演 {}", card.title),
            )
        })?;
        let (url, own_query) = to.split_once('?').unwrap_or((to, ""));
        let client = client(Duration::from_millis(card.time_limit_ms))?;
        Ok(Self {
            dialect,
            ask,
            listing,
            clock,
            url: url.to_owned(),
            own_query: own_query.to_owned(),
            set,
            client,
        })
    }

    pub(crate) fn overture(&self) -> Overture {
        self.dialect.card().overture
    }

    /// The action that asks whether anybody is there.
    pub(crate) fn test(&self) -> Option<&'static Action> {
        let mut actions = self.dialect.card().actions.iter();
        actions.find(|action| action.name == "test")
    }

    /// How long the marketplace waits.
    pub(crate) fn time_limit(&self) -> Duration {
        Duration::from_millis(self.dialect.card().time_limit_ms)
    }

    /// Calls until an answer is final, or the protocol's repeats are used up. With `is_lost` the
    /// first answer is thrown away, as a network might.
    pub(crate) async fn deliver(
        &self,
        action: &'static Action,
        call: &Call,
        is_lost: bool,
    ) -> Delivery {
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
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn call_once(&self, call: &Call) -> Result<Reply, Fault> {
        self.send(&self.url, self.spell(call)?).await
    }

    /// `call` in the marketplace's words, signed now.
    pub(crate) fn spell(&self, call: &Call) -> Result<OwnedRequest, Fault> {
        let now = self.clock.now().wall;
        self.ask
            .ask(call, &self.listing, &self.own_query, &self.set, now)
    }

    /// What the marketplace makes of an answer to `call`.
    pub(crate) fn hear(&self, call: &Call, reply: &Reply) -> Result<Outcome, Fault> {
        self.ask.hear(call, reply)
    }

    /// Sends `request` to `url`, which has no query of its own.
    pub(crate) async fn send(&self, url: &str, request: OwnedRequest) -> Result<Reply, Fault> {
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
pub(crate) fn client(time_limit: Duration) -> anyhow::Result<reqwest::Client> {
    // A second caller that wants a provider finds the first one's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(time_limit)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .with_context(|| start::system_refused("cannot make an HTTP client", "不能建 HTTP 客户端"))
}

/// What a marketplace knows of a vendor's listing from outside: the key, and a code.
pub(crate) fn known_by(key: SecretString) -> Listing {
    Listing {
        name: "trigger".to_owned(),
        product: Arc::new(Product {
            name: "trigger".to_owned(),
            plans: std::collections::BTreeMap::new(),
            driver: Arc::new(DemoDriver::new([0; 32], 0, 0.0)),
            dry_run: false,
            give_up_after_ms: 0,
            not_yet_for_ms: None,
            stock_low: 0,
        }),
        product_code: Some("prod-demo".to_owned()),
        keys: vec![key.into()],
        offers: Offers::AnyPlan(String::new()),
        public_url: String::new(),
        reply_within_ms: 0,
        clock_skew_ms: 0,
        slow: Slow::Wait,
        reveal_for_ms: 0,
        time_zone: jiff::tz::TimeZone::UTC,
        ends: Ends::Exact,
        own_terms: None,
        storefront: None,
    }
}
