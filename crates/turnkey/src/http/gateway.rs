//! Receives: the only door that marketplaces know. Bounds the request, finds the listing by its
//! path, and walks the line: read, submit to the desk (decide, commit, drive), write.
//!
//! It knows HTTP, limits and logs; it knows no marketplace's field names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use turnkey_core::ports::{Clock, Store};
use turnkey_core::{Call, Fault, FaultKind, Listing, UtcMillis};
use turnkey_dialects::{Card, Dialect, ExchangeId, Listen, Reply};
use turnkey_engine::{Answer, Desk};

use crate::http::holding::{self, Holding};
use crate::http::server::Door;
use crate::keys::Listed;
use crate::watch::{Seen, Watch, Watched, raw};

/// Longest query, and longest path and query under a root. The longest real query, with
/// `cloud_info`, has well under two kilobytes; JD Cloud's own gateway takes as much as this.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// The outer door.
pub struct Gateway {
    routes: HashMap<String, Route>,
    /// Dialects that own every path at or below theirs.
    roots: Vec<(&'static str, Route)>,
    desk: Arc<Desk>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    holding: Option<Holding>,
    is_demo: bool,
    is_draining: AtomicBool,
}

/// One listing at its path.
struct Route {
    listed: Arc<Listed>,
    dialect: &'static dyn Dialect,
    refused: Refused,
    watched: Watched,
}

/// Keeps strangers from filling the log: one line a second, with the number of those left out.
#[derive(Default)]
pub(crate) struct Refused {
    last_logged: AtomicI64,
    left_out: AtomicU64,
}

impl Gateway {
    /// The door before `desk`, with `listings` at their paths, or at the roots of their dialects.
    #[must_use]
    pub fn new(
        listings: impl IntoIterator<Item = (String, Arc<Listed>, &'static dyn Dialect)>,
        desk: Arc<Desk>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        watch: &Arc<Watch>,
    ) -> Self {
        let (mut routes, mut roots) = (HashMap::new(), Vec::new());
        for (path, listed, dialect) in listings {
            let card = dialect.card();
            let route = Route {
                watched: watch.route(&listed.listing(), card.name, card.time_limit_ms),
                listed,
                dialect,
                refused: Refused::default(),
            };
            match card.root {
                Some(root) => roots.push((root, route)),
                None => {
                    routes.insert(path, route);
                }
            }
        }
        Self {
            routes,
            roots,
            desk,
            store,
            clock,
            holding: None,
            is_demo: false,
            is_draining: AtomicBool::new(false),
        }
    }

    /// The same door, with the pages behind holding links.
    #[must_use]
    pub fn with_links(mut self, holding: Holding) -> Self {
        self.holding = Some(holding);
        self
    }

    /// The same door, with a page where the demonstration's instances are said to be.
    #[must_use]
    pub fn with_fakes(self) -> Self {
        Self {
            is_demo: true,
            ..self
        }
    }

    /// From now on `/readyz` says no: whoever balances the load sends calls elsewhere.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Answers one request, whose first byte came at `since`.
    async fn reply(&self, request: Request<Incoming>, since: Instant) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/healthz" => return plain(StatusCode::OK, "ok\n"),
            "/readyz" => return self.readiness(),
            _ => {}
        }
        let Some(route) = self.route(request.uri().path()) else {
            if let Some(holding) = &self.holding {
                let (head, _) = request.into_parts();
                let path = head.uri.path();
                if path.starts_with(holding::PATH) {
                    return holding.answer(&head).await;
                }
                if self.is_demo && path.starts_with(holding::FAKE) {
                    return holding.fake(&head);
                }
            }
            return plain(StatusCode::NOT_FOUND, "there is no listing at this path\n");
        };
        let Some(listen) = route.dialect.faces().listen else {
            return plain(StatusCode::NOT_FOUND, "this listing is not called\n");
        };
        // One call sees one listing: keys that are swapped meanwhile are the next call's.
        let listing = route.listed.listing();
        let exchange = if route.dialect.card().names_exchanges {
            ExchangeId::of(rand::random())
        } else {
            ExchangeId::NONE
        };
        let mut seen = Seen::default();
        let answered = self
            .answer(
                route,
                &listing,
                (listen, &exchange),
                (request, since),
                &mut seen,
            )
            .await;
        let wall = self.clock.now().wall;
        let (response, fault) = match answered {
            Ok(reply) => (spell(reply, None, None), None),
            Err(refusal) => {
                let Refusal { fault, http } = refusal;
                route.log(&listing, &fault, wall);
                // Under its root a dialect has its own words for what HTTP itself refuses.
                let http = http.filter(|_| route.dialect.card().root.is_none());
                let (status, allow) = http.unzip();
                (
                    spell(listen.refuse(&fault, &exchange), status, allow.flatten()),
                    Some(fault),
                )
            }
        };
        let status = response.status().as_u16();
        let elapsed = since.elapsed();
        route
            .watched
            .over(&listing, seen, fault.as_ref(), status, elapsed, wall);
        response
    }

    /// The line that a call walks.
    async fn answer(
        &self,
        route: &Route,
        listing: &Arc<Listing>,
        (listen, exchange): (&dyn Listen, &ExchangeId),
        (request, since): (Request<Incoming>, Instant),
        seen: &mut Seen,
    ) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        let card = route.dialect.card();
        let body = match bounded(&head, card) {
            Ok(()) => collect(body, card.body_bytes_max).await,
            Err(refusal) => Err(refusal),
        };
        if route.watched.keeps_requests() {
            seen.request = Some(raw(&head, body.as_deref().unwrap_or_default()));
        }
        let body = body?;
        let headers: Vec<(&str, &[u8])> = head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let query = head.uri.query().unwrap_or_default();
        let request = turnkey_dialects::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &headers,
            body: &body,
        };

        let call = Arc::new(listen.read(&request, listing, self.clock.now().wall)?);
        seen.call = Some(Arc::clone(&call));
        let spent_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wait_ms = listing.reply_within_ms.saturating_sub(spent_ms);
        let answer = self
            .desk
            .submit(listing, Arc::clone(&call), wait_ms)
            .await?;
        log_answered(listing, &call, &answer, since);
        let reply = listen.write(&call, &answer.outcome, exchange);
        (seen.outcome, seen.flags) = (Some(answer.outcome), answer.flags);
        Ok(reply)
    }

    /// Paths are split on the raw `/`, each segment decoded once, nothing else (promise 8): so a
    /// segment in which a `/` was hidden is nobody's.
    fn route(&self, path: &str) -> Option<&Route> {
        if let Some((_, route)) = self.roots.iter().find(|(root, _)| is_below(path, root)) {
            return Some(route);
        }
        if !path.contains('%') {
            return self.routes.get(path);
        }
        let mut decoded = Vec::with_capacity(path.len());
        for (n, raw) in path.split('/').enumerate() {
            let segment: Cow<'_, [u8]> = percent_encoding::percent_decode_str(raw).into();
            if segment.contains(&b'/') {
                return None;
            }
            if n > 0 {
                decoded.push(b'/');
            }
            decoded.extend_from_slice(&segment);
        }
        self.routes.get(std::str::from_utf8(&decoded).ok()?)
    }

    fn readiness(&self) -> Response<Full<Bytes>> {
        if self.is_draining.load(Ordering::Relaxed) {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
        }
        if !self.store.is_healthy() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "the store is not well\n");
        }
        plain(StatusCode::OK, "ready\n")
    }
}

impl Door for Gateway {
    type Body = Full<Bytes>;

    async fn receive(
        self: Arc<Self>,
        request: Request<Incoming>,
        since: Instant,
        _peer: SocketAddr,
    ) -> Response<Self::Body> {
        self.reply(request, since).await
    }
}

/// Why a request is refused, with what HTTP itself has to say about it.
struct Refusal {
    fault: Fault,
    /// The status, and what `Allow` says.
    http: Option<(StatusCode, Option<String>)>,
}

impl Refusal {
    fn http(status: StatusCode, code: &'static str, message: String) -> Self {
        Self {
            fault: Fault::malformed(code, message),
            http: Some((status, None)),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, http: None }
    }
}

/// Refuses what no dialect needs to see.
fn bounded(head: &hyper::http::request::Parts, card: &Card) -> Result<(), Refusal> {
    let is_known = card.methods.contains(&head.method.as_str());
    if card.root.is_none() && !is_known {
        let message = format!(
            "method {} is not {}",
            head.method,
            card.methods.join(" or ")
        );
        let fault = Fault::malformed("method_wrong", message);
        let allow = card.methods.join(", ");
        return Err(Refusal {
            fault,
            http: Some((StatusCode::METHOD_NOT_ALLOWED, Some(allow))),
        });
    }
    let query = head.uri.query().unwrap_or_default();
    let (what, bytes) = match card.root {
        None => ("the query has", query.len()),
        Some(_) => ("path and query have", head.uri.path().len() + query.len()),
    };
    if bytes > QUERY_BYTES_MAX {
        let message = format!("{what} {bytes} bytes; at most {QUERY_BYTES_MAX} fit");
        return Err(Refusal::http(
            StatusCode::URI_TOO_LONG,
            "query_too_long",
            message,
        ));
    }
    if let Some(coding) = head.headers.get(header::CONTENT_ENCODING) {
        let message = format!("content coding {coding:?} is not accepted; send the body plain");
        return Err(Refusal::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "body_coded",
            message,
        ));
    }
    Ok(())
}

async fn collect(body: Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let too_long = || {
        let message = format!("the body has more than {bytes_max} bytes");
        Refusal::http(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message)
    };
    // What is announced as too long need not be waited for.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_long());
    }
    let limited = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_WITHIN, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => {
            let message = "the body broke off".to_owned();
            Err(Refusal::http(
                StatusCode::BAD_REQUEST,
                "body_broken",
                message,
            ))
        }
        Err(_) => {
            let message = format!("the body took longer than {BODY_WITHIN:?}");
            Err(Refusal::http(
                StatusCode::REQUEST_TIMEOUT,
                "body_slow",
                message,
            ))
        }
    }
}

/// Whether `path` is at or below `root`; what stands behind the root is not looked at.
fn is_below(path: &str, root: &str) -> bool {
    let mut segments = path.split('/').map(percent_encoding::percent_decode_str);
    root.split('/').all(|name| {
        segments
            .next()
            .is_some_and(|segment| segment.eq(name.bytes()))
    })
}

fn spell(reply: Reply, status: Option<StatusCode>, allow: Option<String>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = status
        .or_else(|| StatusCode::from_u16(reply.status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(content_type) = HeaderValue::from_str(&reply.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(Ok(methods)) = allow.map(HeaderValue::try_from) {
        headers.insert(header::ALLOW, methods);
    }
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn log_answered(listing: &Listing, call: &Call, answer: &Answer, since: Instant) {
    let subject = call.subject();
    let action = call.intent.name();
    tracing::debug!(
        listing = listing.name,
        action,
        call.dry_run,
        order.key = subject.order.map(|(_, key)| key.as_str()),
        instance.id = subject.instance.map(turnkey_core::InstanceId::as_str),
        elapsed_us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
        "{action} at {} answered",
        listing.name,
    );
    for flag in &answer.flags {
        tracing::debug!(
            listing = listing.name,
            action,
            flag = flag.name(),
            "flagged"
        );
    }
}

impl Route {
    fn log(&self, listing: &Listing, fault: &Fault, wall: UtcMillis) {
        let Fault {
            code,
            message,
            note,
            ..
        } = fault;
        let note = note.as_deref();
        let listing = &listing.name;
        match fault.kind {
            FaultKind::Unauthentic | FaultKind::Malformed => {
                let Some(left_out) = self.refused.may_log(wall) else {
                    return;
                };
                tracing::warn!(
                    listing,
                    code,
                    note,
                    left_out,
                    "refused a call at {listing}: {message}"
                );
            }
            FaultKind::Unknown | FaultKind::Conflict | FaultKind::Unsupported => {
                tracing::warn!(
                    listing,
                    code,
                    note,
                    "refused a call at {listing}: {message}"
                );
            }
            FaultKind::Busy | FaultKind::Upstream => {
                tracing::warn!(
                    listing,
                    code,
                    note,
                    "could not serve a call at {listing}: {message}"
                );
            }
            FaultKind::Bug => {
                tracing::error!(
                    listing,
                    code,
                    note,
                    "broken rule of ours in a call at {listing}"
                );
            }
        }
    }
}

impl Refused {
    /// Whether a line may be written now, and how many were left out since the last.
    pub(crate) fn may_log(&self, wall: UtcMillis) -> Option<u64> {
        let last = self.last_logged.load(Ordering::Relaxed);
        let is_due = wall.0.saturating_sub(last) >= 1_000;
        let is_ours = is_due
            && self
                .last_logged
                .compare_exchange(last, wall.0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}
