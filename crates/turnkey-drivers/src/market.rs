//! The marketplace's side of a call: sign, send, wait no longer than it would, call again.
//!
//! The `spi` driver asks other vendors through it, and the program plays marketplaces with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use secrecy::SecretString;
use turnkey_core::decide::Outcome;
use turnkey_core::ports::Clock;
use turnkey_core::{Call, Ends, Fault, FaultKind, Listing, Offers, Product, Slow, UtcMillis};
use turnkey_dialects::{Action, Ask, Dialect, Overture, OwnedRequest, Reply, Request, Resigner};

use crate::answer::{self, Silence};
use crate::manual::ManualDriver;
use crate::reach::{Guard, Lookup, Reach, unreachable};

/// How long it may take until a vendor's machine takes the connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

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

/// Longest answer that is read, in bytes: a marketplace does not read novels.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

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
    /// The answer that was thrown away: who called never heard it, and only a bystander may compare it
    /// with the next.
    pub lost: Option<Lost>,
    /// How many calls came to no answer, at least not within the time limit.
    pub unanswered: u32,
    /// How long the slowest answer took.
    pub slowest: Duration,
}

/// An answer that the vendor gave and nobody heard.
pub struct Lost {
    /// As it came.
    pub reply: Reply,
    /// What the marketplace would have made of it.
    pub outcome: Result<Outcome, Fault>,
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
        let time_limit = Duration::from_millis(dialect.card().time_limit_ms);
        let client = client(time_limit).map_err(MarketError::Client)?;
        Self::through(dialect, listing, clock, to, set, schedule, client)
    }

    /// The same, through a client that keeps the dialect's time limit.
    pub(crate) fn through(
        dialect: &'static dyn Dialect,
        listing: Arc<Listing>,
        clock: Arc<dyn Clock>,
        to: &str,
        set: Vec<(String, String)>,
        schedule: Schedule,
        client: reqwest::Client,
    ) -> Result<Self, MarketError> {
        let ask = dialect.faces().ask;
        let ask = ask.ok_or(MarketError::OneFaced(dialect.card().title))?;
        let (url, own_query) = to.split_once('?').unwrap_or((to, ""));
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

    /// Whether each answer carries a name of its own, so that no two have the same bytes.
    #[must_use]
    pub fn names_exchanges(&self) -> bool {
        self.dialect.card().names_exchanges
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
    /// first answer that comes is thrown away, as a network might: for who called it never came.
    pub async fn deliver(&self, action: &'static Action, call: &Call, is_lost: bool) -> Delivery {
        let nobody = Fault::busy("no_answer", "no answer came");
        let mut delivery = Delivery {
            action,
            outcome: Err(nobody),
            reply: None,
            calls: 0,
            lost: None,
            unanswered: 0,
            slowest: Duration::ZERO,
        };
        loop {
            let request = match self.spell(call) {
                Ok(request) => request,
                Err(fault) => {
                    delivery.outcome = Err(fault);
                    return delivery;
                }
            };
            delivery.calls += 1;
            let since = Instant::now();
            let answered = self.send(&self.url, request).await;
            delivery.slowest = delivery.slowest.max(since.elapsed());
            match answered {
                Ok(reply) if is_lost && delivery.lost.is_none() => {
                    let outcome = self.ask.hear(call, &reply);
                    delivery.lost = Some(Lost { reply, outcome });
                }
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
            let is_last = delivery.calls > action.retries;
            if is_final || is_last {
                return delivery;
            }
            tokio::time::sleep(self.schedule.pause).await;
        }
    }

    /// `call` in the marketplace's words, signed now.
    ///
    /// # Errors
    /// `Unsupported` when the protocol has no words for it.
    pub fn spell(&self, call: &Call) -> Result<OwnedRequest, Fault> {
        self.spell_at(call, &[], self.now())
    }

    /// The same, with `extra` replacing or adding parameters, and signed at `now`.
    ///
    /// # Errors
    /// `Unsupported` when the protocol has no words for it.
    pub fn spell_at(
        &self,
        call: &Call,
        extra: &[(String, String)],
        now: UtcMillis,
    ) -> Result<OwnedRequest, Fault> {
        let set = [self.set.as_slice(), extra].concat();
        self.ask
            .ask(call, &self.listing, &self.own_query, &set, now)
    }

    /// `request`, which asks for `call`, with a signature of now over exactly what it says, however
    /// badly that is spelt; `None` where the protocol cannot sign it.
    #[must_use]
    pub fn sign_as_spelt(&self, call: &Call, request: &OwnedRequest) -> Option<OwnedRequest> {
        let accounts = self
            .listing
            .storefront
            .as_ref()
            .map(|front| &front.accounts);
        let account = call.caller.as_ref().zip(accounts);
        let account = account.and_then(|(caller, accounts)| accounts.named(&caller.account));
        let keys = account.map_or(&self.listing.keys, |account| &account.secrets);
        // A marketplace may sign what it sends as it stands; a buyer has no other way.
        let as_sent = ("signing".to_owned(), "as-sent".to_owned());
        let set = match account {
            Some(_) => Vec::new(),
            None => vec![as_sent],
        };
        let by = Resigner {
            secret: keys.first()?.secret(),
            access_key: account.map(|account| account.access_key.as_str()),
            host: origin(&self.url).rsplit("://").next().unwrap_or_default(),
        };
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let sent = Request {
            method: request.method,
            path: &request.path,
            query: &request.query,
            headers: &headers,
            body: &request.body,
        };
        let signed = self.ask.resign(&sent, &by, &set, self.now()).ok()?;
        Some(OwnedRequest {
            method: request.method,
            ..signed
        })
    }

    /// What its wall clock shows.
    #[must_use]
    pub fn now(&self) -> UtcMillis {
        self.clock.now().wall
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
            let why = match (unreachable(error), Silence::from(error)) {
                (Some(refused), _) => refused.to_string(),
                (None, Silence::Nobody) => {
                    let why = answer::innermost(error);
                    format!("nobody answers at {url}: {why}; is the server running?")
                }
                (None, Silence::Late) => format!("no answer within {:?}", self.time_limit()),
                (None, Silence::Broken) => "the connection broke off".to_owned(),
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
        let header = |name: HeaderName| {
            let value = response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (content_type, retry_after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
        if !matches!(header(CONTENT_ENCODING).as_str(), "" | "identity") {
            let message = "the vendor's answer is none: it is in a content coding, which nobody \
                           asked for";
            return Err(Fault::busy("reply_malformed", message));
        }
        let body = answer::whole(&mut response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| failed(&error))?.ok_or_else(|| {
            let message = format!("the answer has more than {ANSWER_BYTES_MAX} bytes");
            Fault::malformed("answer_too_long", message)
        })?;
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
#[must_use]
pub fn target(url: &str, request: &OwnedRequest) -> String {
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
    builder(time_limit).build().map_err(ClientError)
}

/// The same, for addresses within `reach` only; `lookup` says which ones a name has.
pub(crate) fn guarded_client(
    time_limit: Duration,
    reach: Reach,
    lookup: Lookup,
) -> Result<reqwest::Client, ClientError> {
    builder(time_limit)
        .connect_timeout(CONNECT_WITHIN)
        .user_agent(concat!("turnkey/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Arc::new(Guard::new(reach, lookup)))
        .build()
        .map_err(ClientError)
}

fn builder(time_limit: Duration) -> reqwest::ClientBuilder {
    // A second caller that wants a provider finds the first one's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(time_limit)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
}

/// What a marketplace knows of a vendor's listing from outside: the key, and a code.
#[must_use]
pub fn known(name: &str, key: SecretString, product_code: Option<String>) -> Listing {
    Listing {
        name: name.to_owned(),
        product: Arc::new(Product {
            name: name.to_owned(),
            plans: std::collections::BTreeMap::new(),
            driver: Arc::new(ManualDriver),
            dry_run: false,
            give_up_after_ms: 0,
            not_yet_for_ms: None,
            stock_low: 0,
        }),
        product_code,
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
