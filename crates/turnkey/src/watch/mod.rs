//! Watching: what was asked and how it ended, counted and kept for a person to look at.
//!
//! ```text
//! gateway ── Watched::over ──┬ counters, held by the route: a few atomic additions
//!                            └ call log: one record, one try to send
//! every ten seconds ── Lookout ── what needs a person: a log line, an event, a gauge
//! ```
//!
//! It is *not* on the line: nobody's answer waits for it, and nothing is decided by it.

pub(crate) mod alarms;
pub(crate) mod captured;
mod histogram;
pub mod mask;
pub mod metrics;

use std::sync::Arc;
use std::time::Duration;

use turnkey_core::decide::{Flag, Outcome};
use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};
use turnkey_core::{Call, Fault, FaultKind, Intent, Listing, Look, UtcMillis};
use turnkey_store::{
    CallLog, CallLogLimits, CallNumber, CallRecord, MasterKey, REQUEST_BYTES_KEPT,
};

use metrics::{Counted, Metrics, action_name, result_name};

/// Metrics and call log of one shop.
pub struct Watch {
    /// What Prometheus reads.
    pub(crate) metrics: Metrics,
    /// What was asked; there is none where its file cannot be made.
    pub(crate) log: Option<CallLog>,
}

impl Watch {
    /// Everything at zero, with the call log beside the database at `database`.
    #[must_use]
    pub fn beside(database: &std::path::Path, key: &MasterKey) -> Self {
        let mut path = database.to_owned().into_os_string();
        path.push(".calls");
        let log = CallLog::open(std::path::Path::new(&path), key, CallLogLimits::default());
        Self {
            metrics: Metrics::default(),
            log: log
                .inspect_err(|error| {
                    let error = anyhow::Error::msg(error.to_string());
                    tracing::error!("calls are not logged: {error:#}");
                })
                .ok(),
        }
    }

    /// Watches the calls of `listing`.
    pub(crate) fn route(
        self: &Arc<Self>,
        listing: &Listing,
        dialect: &'static str,
        limit_ms: u64,
    ) -> Watched {
        Watched {
            watch: Arc::clone(self),
            counters: self.metrics.route(listing, dialect, limit_ms),
        }
    }
}

/// The watch over one listing's calls.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    pub(crate) counters: metrics::Route,
}

/// What was seen of one call on its way.
#[derive(Default)]
pub(crate) struct Seen {
    /// The request as received, where there is a log with room for it.
    pub(crate) request: Option<Vec<u8>>,
    /// What it asked, once that was known.
    pub(crate) call: Option<Arc<Call>>,
    /// What it was answered.
    pub(crate) outcome: Option<Outcome>,
    /// What an operator should know about it.
    pub(crate) flags: Vec<Flag>,
}

impl Watched {
    /// Whether requests can be kept.
    pub(crate) fn keeps_requests(&self) -> bool {
        self.watch.log.as_ref().is_some_and(CallLog::has_room)
    }

    /// Counts and keeps a call that was answered with `status`, or refused with `fault`.
    pub(crate) fn over(
        &self,
        listing: &Listing,
        seen: Seen,
        fault: Option<&Fault>,
        status: u16,
        elapsed: Duration,
        wall: UtcMillis,
    ) {
        let ended = match (&seen.outcome, fault) {
            (_, Some(fault)) => Err(fault),
            (Some(outcome), None) => Ok(outcome),
            (None, None) => return,
        };
        let intent = seen.call.as_ref().map(|call| &call.intent);
        self.counters.count(&Counted {
            intent,
            ended: ended.map(|outcome| (outcome, seen.flags.as_slice())),
            elapsed_s: elapsed.as_secs_f64(),
            wall,
        });
        let Some(log) = &self.watch.log else {
            return;
        };
        let Some(request) = seen.request else {
            return log.count_dropped();
        };
        let is_stranger = seen.call.is_none()
            && fault.is_some_and(|fault| match fault.kind {
                FaultKind::Unauthentic | FaultKind::Malformed => true,
                FaultKind::Unknown
                | FaultKind::Conflict
                | FaultKind::Unsupported
                | FaultKind::Busy
                | FaultKind::Upstream
                | FaultKind::Bug => false,
            });
        let record = CallRecord {
            number: CallNumber::default(),
            at: wall,
            listing: listing.name.clone(),
            action: action_name(intent),
            result: result_name(ended),
            order_key: intent.and_then(order_key),
            instance: instance(intent, seen.outcome.as_ref()),
            status,
            code: fault.map(|fault| fault.code),
            flags: seen.flags.iter().map(|flag| flag.name()).collect(),
            dry_run: seen.call.as_ref().is_some_and(|call| call.dry_run),
            elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            note: fault.map(|fault| {
                fault.note.as_deref().map_or_else(
                    || fault.message.clone(),
                    |note| format!("{}; {note}", fault.message),
                )
            }),
            request,
        };
        if is_stranger {
            log.record_stranger(record);
        } else {
            log.record(record);
        }
    }
}

/// The request as it came, in the form of HTTP/1.1, cut where no real one is as long.
pub(crate) fn raw(head: &hyper::http::request::Parts, body: &[u8]) -> Vec<u8> {
    let target = head
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let bytes = target.len() + body.len() + 64 * head.headers.len();
    let mut raw = Vec::with_capacity(bytes.min(REQUEST_BYTES_KEPT));
    let mut put = |part: &[u8]| {
        let room = REQUEST_BYTES_KEPT.saturating_sub(raw.len());
        raw.extend_from_slice(part.get(..room).unwrap_or(part));
    };
    for part in [head.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        put(part.as_bytes());
    }
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            put(part);
        }
    }
    put(b"\r\n");
    put(body);
    raw
}

/// Also of a dry run, which never looks at it.
fn order_key(intent: &Intent) -> Option<String> {
    let order = match intent {
        Intent::Create(create) => &create.order,
        Intent::Buy(purchase) => &purchase.order,
        Intent::Renew(renew) => &renew.order,
        Intent::ChangePlan(change) => &change.order,
        Intent::Suspend(..)
        | Intent::Resume(..)
        | Intent::Release(_)
        | Intent::Amend(..)
        | Intent::Look(_)
        | Intent::Ping => return None,
    };
    Some(order.key.as_str().to_owned())
}

fn instance(intent: Option<&Intent>, outcome: Option<&Outcome>) -> Option<String> {
    let named = match intent? {
        Intent::Renew(renew) => Some(&renew.instance),
        Intent::ChangePlan(change) => Some(&change.instance),
        Intent::Suspend(id, _)
        | Intent::Resume(id, _)
        | Intent::Release(id)
        | Intent::Amend(id, _)
        | Intent::Look(Look::Instance(id) | Look::Detail(id) | Look::Ticket(id, _)) => Some(id),
        Intent::Create(_) | Intent::Buy(_) | Intent::Look(_) | Intent::Ping => None,
    };
    let answered = match outcome {
        Some(
            Outcome::Delivered { instance, .. }
            | Outcome::Held { instance, .. }
            | Outcome::NotReady { instance },
        ) => Some(instance),
        Some(Outcome::Shown(view)) => Some(&view.instance),
        Some(Outcome::Ordered { .. } | Outcome::Listed(..) | Outcome::Done | Outcome::Gone)
        | None => None,
    };
    named.or(answered).map(|id| id.as_str().to_owned())
}

/// A driver whose attempts are timed. An immediate one is part of the commit and has no time of
/// its own.
pub(crate) struct Timed {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) seconds: histogram::Histogram,
}

impl Driver for Timed {
    fn immediate(&self) -> Option<&dyn Immediate> {
        self.driver.immediate()
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move {
            let since = std::time::Instant::now();
            let verdict = self.driver.drive(work).await;
            self.seconds.observe(since.elapsed().as_secs_f64());
            verdict
        })
    }
}
