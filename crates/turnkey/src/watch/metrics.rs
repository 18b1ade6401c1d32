//! What Prometheus reads. Every label is a configured name or one of a closed list; whatever else
//! there may be is `other`.
//!
//! The path of a call pays a few atomic additions: its counters are looked up when the shop is
//! wired up, one for every action and result that there can be, and held by the route.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use turnkey_core::decide::{Flag, Outcome};
use turnkey_core::{AlarmKind, Fault, FaultKind, Intent, Listing, StockLevel, UtcMillis};

use crate::watch::histogram::Histogram;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Histograms = Family<Labels, Histogram, Edges>;

/// Edges of what takes a store a millisecond and a vendor a minute, in seconds.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0,
    300.0,
];

/// Edges of a marketplace's time limit: beyond 1 it has hung up.
const RATIO: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 2.0];

/// What a call can ask, as a label; the last is for what was refused before that was known.
pub(crate) const ACTIONS: [&str; 11] = [
    "create",
    "renew",
    "change_plan",
    "suspend",
    "resume",
    "release",
    "ping",
    "buy",
    "amend",
    "look",
    "other",
];

/// How a call can end, as a label.
pub(crate) const RESULTS: [&str; 11] = [
    "ok",
    "held",
    "not_ready",
    "malformed",
    "unauthentic",
    "unknown",
    "conflict",
    "unsupported",
    "busy",
    "upstream",
    "bug",
];

/// Why a call may not be authentic, as a label.
pub(crate) const REFUSALS: [&str; 6] = [
    "signature_missing",
    "signature_wrong",
    "timestamp_stale",
    "timestamp_future",
    "product_code_wrong",
    "other",
];

/// How far the work on an order can have come, as a label.
pub(crate) const ORDER_STATES: [&str; 4] = ["waiting", "delivering", "retrying", "dead"];

#[derive(Clone)]
struct Edges(&'static [f64]);

impl MetricConstructor<Histogram> for Edges {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0)
    }
}

/// Every metric.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Counters,
    call_seconds: Histograms,
    budget_used: Histograms,
    duplicates: Counters,
    last_call: Gauges,
    signature_failures: Counters,
    without_order_id: Counters,
    driver_seconds: Histograms,
    orders: Gauges,
    oldest_pending: Gauge<f64, AtomicU64>,
    give_up: Family<Labels, Gauge<f64, AtomicU64>>,
    dead_letters: Gauge,
    alarms: Gauges,
    stock: Gauges,
    secret_last_used: Gauges,
    call_log_dropped: Counter,
}

impl std::fmt::Debug for Edges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Edges")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let histograms = |edges| Histograms::new_with_constructor(Edges(edges));
        let mut metrics = Self {
            registry: Registry::with_prefix("turnkey"),
            calls: Family::default(),
            call_seconds: histograms(SECONDS),
            budget_used: histograms(RATIO),
            duplicates: Family::default(),
            last_call: Family::default(),
            signature_failures: Family::default(),
            without_order_id: Family::default(),
            driver_seconds: histograms(SECONDS),
            orders: Family::default(),
            oldest_pending: Gauge::default(),
            give_up: Family::default(),
            dead_letters: Gauge::default(),
            alarms: Family::default(),
            stock: Family::default(),
            secret_last_used: Family::default(),
            call_log_dropped: Counter::default(),
        };
        metrics.register();
        for state in ORDER_STATES {
            metrics.set_orders(state, 0);
        }
        for kind in AlarmKind::ALL {
            metrics.set_alarms(kind, 0);
        }
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("calls", "Calls, by how they ended", self.calls.clone());
        r.register(
            "call_seconds",
            "From a call's first byte to its answer",
            self.call_seconds.clone(),
        );
        r.register(
            "budget_used_ratio",
            "The share of the marketplace's time limit that an answer took",
            self.budget_used.clone(),
        );
        r.register(
            "duplicates",
            "Calls that repeated one that was admitted before",
            self.duplicates.clone(),
        );
        r.register(
            "last_call_timestamp",
            "When the listing was last called by somebody with a good signature, in UNIX seconds",
            self.last_call.clone(),
        );
        r.register(
            "signature_failures",
            "Calls that did not prove who sent them, by why",
            self.signature_failures.clone(),
        );
        r.register(
            "creates_without_order_id",
            "Creates whose marketplace gave no order id: its retry cannot be told from a purchase",
            self.without_order_id.clone(),
        );
        r.register(
            "driver_seconds",
            "What a driver took for one attempt",
            self.driver_seconds.clone(),
        );
        r.register(
            "orders",
            "Orders whose work is not over, by how far it came",
            self.orders.clone(),
        );
        r.register(
            "oldest_pending_seconds",
            "How long ago the driver was first asked for the oldest order that is not over; 0: there is none",
            self.oldest_pending.clone(),
        );
        r.register(
            "giveup_seconds",
            "The least time that is left before work is given up; absent while none is at half of it",
            self.give_up.clone(),
        );
        r.register(
            "dead_letters",
            "Operations that were given up and need a person",
            self.dead_letters.clone(),
        );
        r.register("alarms", "What needs a person now", self.alarms.clone());
        r.register(
            "stock_level",
            "Items of a product's stock that are left",
            self.stock.clone(),
        );
        r.register(
            "secret_last_used_timestamp",
            "When a listing's key last verified a call, in UNIX seconds; 0: never",
            self.secret_last_used.clone(),
        );
        r.register(
            "call_log_dropped",
            "Calls that the call log had no room for",
            self.call_log_dropped.clone(),
        );
    }

    /// The counters of one listing's calls.
    pub(crate) fn route(&self, listing: &Listing, dialect: &'static str, limit_ms: u64) -> Route {
        let dialect_label = ("dialect", dialect.to_owned());
        let listing_label = ("listing", listing.name.clone());
        let action = |action: &str| ("action", action.to_owned());
        let calls = ACTIONS.map(|name| {
            RESULTS.map(|result| {
                let result = ("result", result.to_owned());
                let labels = vec![dialect_label.clone(), action(name), result];
                self.calls.get_or_create_owned(&labels)
            })
        });
        let seconds = ACTIONS.map(|name| {
            let labels = vec![dialect_label.clone(), action(name)];
            self.call_seconds.get_or_create_owned(&labels)
        });
        let failures = REFUSALS.map(|reason| {
            let labels = vec![listing_label.clone(), ("reason", reason.to_owned())];
            self.signature_failures.get_or_create_owned(&labels)
        });
        let listing = vec![listing_label];
        Route {
            calls,
            seconds,
            failures,
            budget_used: self.budget_used.get_or_create_owned(&vec![dialect_label]),
            limit_s: seconds_of(limit_ms),
            duplicates: self.duplicates.get_or_create_owned(&listing),
            without_order_id: self.without_order_id.get_or_create_owned(&listing),
            last_call: self.last_call.get_or_create_owned(&listing),
        }
    }

    pub(crate) fn driver(&self, product: &str) -> Histogram {
        let labels = vec![("product", product.to_owned())];
        self.driver_seconds.get_or_create_owned(&labels)
    }

    pub(crate) fn set_orders(&self, state: &str, count: usize) {
        let labels = vec![("state", state.to_owned())];
        self.orders.get_or_create(&labels).set(as_gauge(count));
    }

    pub(crate) fn set_alarms(&self, kind: AlarmKind, count: usize) {
        let labels = vec![("kind", kind.name().to_owned())];
        self.alarms.get_or_create(&labels).set(as_gauge(count));
    }

    /// How long ago the driver was first asked for the oldest order that is not over.
    pub(crate) fn set_oldest_pending(&self, ms: u64) {
        self.oldest_pending.set(seconds_of(ms));
    }

    /// The least time that is left before work is given up, when any is past half of it.
    pub(crate) fn set_give_up(&self, left_ms: Option<u64>) {
        match left_ms {
            Some(ms) => {
                let gauge = self.give_up.get_or_create(&Labels::new());
                gauge.set(seconds_of(ms));
            }
            None => self.give_up.clear(),
        }
    }

    pub(crate) fn set_dead_letters(&self, count: usize) {
        self.dead_letters.set(as_gauge(count));
    }

    pub(crate) fn set_stock(&self, level: &StockLevel) {
        let plan = level.plan.clone().unwrap_or_default();
        let labels = vec![("product", level.product.clone()), ("plan", plan)];
        let free = i64::try_from(level.free).unwrap_or(i64::MAX);
        self.stock.get_or_create(&labels).set(free);
    }

    /// How many calls at `listing` did not prove who sent them, by [`REFUSALS`], since this start.
    pub(crate) fn failures(&self, listing: &str) -> [u64; REFUSALS.len()] {
        REFUSALS.map(|reason| {
            let listing = ("listing", listing.to_owned());
            let labels = vec![listing, ("reason", reason.to_owned())];
            self.signature_failures.get_or_create(&labels).get()
        })
    }

    /// When each key was last used: listing, whether it signs or only verifies, and when.
    pub(crate) fn set_keys(&self, keys: impl Iterator<Item = (String, &'static str, i64)>) {
        self.secret_last_used.clear();
        for (listing, role, last_used_ms) in keys {
            let labels = vec![("listing", listing), ("key", role.to_owned())];
            let last_used = self.secret_last_used.get_or_create(&labels);
            // The accounts of a storefront have one row together: the latest of them counts.
            last_used.set(last_used.get().max(last_used_ms / 1000));
        }
    }

    /// How many calls the log had no room for since this start.
    pub(crate) fn set_dropped(&self, dropped: u64) {
        self.call_log_dropped
            .inner()
            .store(dropped, std::sync::atomic::Ordering::Relaxed);
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The counters of one listing's calls, held by its route.
pub(crate) struct Route {
    calls: [[Counter; RESULTS.len()]; ACTIONS.len()],
    seconds: [Histogram; ACTIONS.len()],
    failures: [Counter; REFUSALS.len()],
    budget_used: Histogram,
    limit_s: f64,
    duplicates: Counter,
    without_order_id: Counter,
    last_call: Gauge,
}

/// How a call ended, as far as counters care.
pub(crate) struct Counted<'a> {
    pub(crate) intent: Option<&'a Intent>,
    pub(crate) ended: Result<(&'a Outcome, &'a [Flag]), &'a Fault>,
    pub(crate) elapsed_s: f64,
    pub(crate) wall: UtcMillis,
}

impl Route {
    pub(crate) fn count(&self, counted: &Counted<'_>) {
        let action = action(counted.intent);
        let (result, flags) = match counted.ended {
            Ok((outcome, flags)) => (result(outcome), flags),
            Err(fault) => (kind(fault.kind), [].as_slice()),
        };
        let of_action = self.calls.get(action);
        if let Some(calls) = of_action.and_then(|results| results.get(result)) {
            calls.inc();
        }
        if let Some(seconds) = self.seconds.get(action) {
            seconds.observe(counted.elapsed_s);
        }
        self.budget_used.observe(counted.elapsed_s / self.limit_s);
        if flags.contains(&Flag::Repeat) {
            self.duplicates.inc();
        }
        match counted.intent {
            Some(intent) => {
                self.last_call.set(counted.wall.0 / 1000);
                let is_keyless = matches!(intent, Intent::Create(create)
                    if turnkey_dialects::is_own_key(&create.order.key));
                if is_keyless {
                    self.without_order_id.inc();
                }
            }
            None => self.count_refusal(counted.ended.err()),
        }
    }

    fn count_refusal(&self, fault: Option<&Fault>) {
        let Some(fault) = fault.filter(|fault| fault.kind == FaultKind::Unauthentic) else {
            return;
        };
        if let Some(failures) = self.failures.get(reason(fault.code)) {
            failures.inc();
        }
    }
}

fn action(intent: Option<&Intent>) -> usize {
    match intent {
        Some(Intent::Create(_)) => 0,
        Some(Intent::Renew(_)) => 1,
        Some(Intent::ChangePlan(_)) => 2,
        Some(Intent::Suspend(..)) => 3,
        Some(Intent::Resume(..)) => 4,
        Some(Intent::Release(_)) => 5,
        Some(Intent::Ping) => 6,
        Some(Intent::Buy(_)) => 7,
        Some(Intent::Amend(..)) => 8,
        Some(Intent::Look(_)) => 9,
        None => 10,
    }
}

fn result(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Delivered { .. }
        | Outcome::Ordered { .. }
        | Outcome::Shown(_)
        | Outcome::Listed(..)
        | Outcome::Done
        | Outcome::Gone => 0,
        Outcome::Held { .. } => 1,
        Outcome::NotReady { .. } => 2,
    }
}

fn kind(kind: FaultKind) -> usize {
    match kind {
        FaultKind::Malformed => 3,
        FaultKind::Unauthentic => 4,
        FaultKind::Unknown => 5,
        FaultKind::Conflict => 6,
        FaultKind::Unsupported => 7,
        FaultKind::Busy => 8,
        FaultKind::Upstream => 9,
        FaultKind::Bug => 10,
    }
}

/// What a call asked, as the label of its counters.
pub(crate) fn action_name(intent: Option<&Intent>) -> &'static str {
    ACTIONS.get(action(intent)).copied().unwrap_or("other")
}

/// The place of a call's result among [`RESULTS`], as its name.
pub(crate) fn result_name(ended: Result<&Outcome, &Fault>) -> &'static str {
    let place = match ended {
        Ok(outcome) => result(outcome),
        Err(fault) => kind(fault.kind),
    };
    RESULTS.get(place).copied().unwrap_or("other")
}

fn reason(code: &str) -> usize {
    let last = REFUSALS.len() - 1;
    REFUSALS
        .iter()
        .position(|known| *known == code)
        .unwrap_or(last)
}

pub(crate) fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a second in 285,000 years")]
pub(crate) fn seconds_of(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
