//! What the rules need of the world, as traits: [`Store`], [`Driver`], [`Clock`]. The crates behind
//! them know the world; nothing here does.

mod terms;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::access::{Access, Login};
use crate::account::{AccountTurn, MadeAccount};
use crate::alarm::{Alarm, AlarmKind};
use crate::call::{Call, Intent, OrderKey};
use crate::decide::{Admitted, Outcome};
use crate::event::{Event, EventFilter};
use crate::fault::Fault;
use crate::find::{Found, InstanceFilter, OperationFilter, OrderFilter};
use crate::history::HistoryRow;
use crate::id::{EventId, InstanceId, OperationId, OrderId, PurchaseId, StockId};
use crate::instance::Instance;
use crate::link::{Link, LinkHash, LinkTokens, Linked};
use crate::listing::Listing;
use crate::operation::{Operation, OperationKind};
use crate::order::{Order, OrderKind};
use crate::stock::{StockAdded, StockAddition, StockLevel, StockRow};
use crate::storefront::{Bill, Subscription};
use crate::term::Term;
use crate::time::{Now, UtcMillis};

pub use terms::{RemovalsDue, Settled, Settlement, Settling, TermTurn, TermTurned, TermsDue};

/// A future that may cross threads: what a port's method returns.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Both clocks (design: "two clocks"), and the only way to wait for one.
pub trait Clock: Send + Sync + 'static {
    /// What both clocks show.
    fn now(&self) -> Now;

    /// Milliseconds of a clock that only ticks, from an arbitrary begin: what the wall clock is
    /// compared with to see whether it jumped.
    fn steady_ms(&self) -> u64;

    /// Ends when the wall clock has moved on by `ms` milliseconds.
    fn sleep(&self, ms: u64) -> Boxed<'static, ()>;
}

/// Clocks whose business hand can be moved on (design: "two clocks").
pub trait BusinessClock: Clock {
    /// From now on the business clock shows `at`, or what it shows already where that is later: it
    /// never goes back. There it rests until the wall clock shows `until`, then it ticks again.
    fn rest_at(&self, at: UtcMillis, until: UtcMillis);
}

/// Ids made before a job is handed over, for whatever the decision may need.
#[derive(Clone, Debug)]
pub struct FreshIds {
    /// For the order that the call may make.
    pub order: OrderId,
    /// For the instance that the call may make.
    pub instance: InstanceId,
    /// For an operation that fulfils no order.
    pub operation: OperationId,
    /// For the units of a purchase; none for every other call.
    pub units: Vec<UnitIds>,
}

/// Ids for one unit of a purchase.
#[derive(Clone, Debug)]
pub struct UnitIds {
    /// For its order.
    pub order: OrderId,
    /// For its instance.
    pub instance: InstanceId,
}

/// A call for the writer: it loads, decides and writes in one go.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Where the call came in.
    pub listing: Arc<Listing>,
    /// What is asked.
    pub call: Arc<Call>,
    /// Ids for whatever is new.
    pub fresh: FreshIds,
    /// What both clocks show.
    pub now: Now,
    /// When the caller has a runner with room: for how long the work that this call makes due is
    /// leased to it, in milliseconds, in the same commit.
    pub lease_ms: Option<u64>,
}

impl Admission {
    /// What our own clock, or a person, asks of `listing`.
    #[must_use]
    pub fn ours(listing: &Arc<Listing>, intent: Intent, fresh: &FreshIds, now: Now) -> Self {
        Self {
            listing: Arc::clone(listing),
            call: Arc::new(Call::ours(intent)),
            fresh: fresh.clone(),
            now,
            lease_ms: None,
        }
    }
}

/// A request for due operations.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What both clocks show.
    pub now: Now,
    /// How many at the most.
    pub limit: usize,
    /// For how long they are leased, in milliseconds.
    pub lease_ms: u64,
}

/// Alarms that begin, and alarms that are over.
#[derive(Clone, Debug)]
pub struct AlarmTurn {
    /// Those that begin; one that is raised already stays as it is.
    pub raise: Vec<Alarm>,
    /// Those that are over, by kind and subject; one that was not raised is nothing.
    pub clear: Vec<(AlarmKind, String)>,
    /// What both clocks show.
    pub now: Now,
}

/// What a turn changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmTurned {
    /// Those that were not raised before.
    pub raised: Vec<Alarm>,
    /// Those that were raised and are not any more.
    pub cleared: Vec<Alarm>,
}

/// What a claim got.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    /// The operations, leased, with what their drivers must know.
    pub works: Vec<Work>,
    /// Operations that could not be taken up, because what is stored of them cannot be read: they
    /// are put off, and an alarm is raised for each.
    pub set_aside: Vec<(OperationId, Fault)>,
    /// When the next operation falls due, on the wall clock; absent when none is left.
    pub next_due_at: Option<UtcMillis>,
}

/// A driver's answer for the writer.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where the instance was created.
    pub listing: Arc<Listing>,
    /// On which instance.
    pub instance: InstanceId,
    /// Which operation.
    pub operation: OperationId,
    /// The fence under which it was claimed.
    pub fence: u64,
    /// What the driver said.
    pub verdict: Verdict,
    /// What both clocks show.
    pub now: Now,
    /// When it is asked again, should that be needed, in milliseconds from now.
    pub again_in_ms: u64,
}

/// A create whose caller has run out of time, for the writer.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Where it was ordered.
    pub listing: Arc<Listing>,
    /// The instance that it is to make.
    pub instance: InstanceId,
    /// Tokens for its links, should it need some.
    pub fresh: LinkTokens,
}

/// A buyer who asks a link for its account, for the writer.
#[derive(Clone, Copy, Debug)]
pub struct Reveal {
    /// Which link.
    pub link: LinkHash,
    /// What both clocks show.
    pub now: Now,
    /// How long after delivery accounts are shown, in milliseconds.
    pub reveal_for_ms: u64,
}

/// What became of an operation by a report.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a report, moved once to whoever waits"
)]
pub enum Reported {
    /// It is over.
    Over {
        /// The answer for everybody who waits for it.
        end: Result<Outcome, Fault>,
        /// Whether something that waited behind it is due now.
        is_next_due: bool,
        /// Whether it was the delivery of what had been answered with holding links, and failed.
        in_name_only: bool,
    },
    /// It will be asked again.
    Again,
    /// It needs a person.
    Dead {
        /// Whether it is the delivery of what had been answered with holding links.
        in_name_only: bool,
    },
    /// Somebody else has it, or nobody needs it any more: the report changed nothing.
    Stale,
}

/// Work for a driver: an operation with everything that its driver may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The key: the same on every attempt.
    pub operation: OperationId,
    /// What is to be done.
    pub kind: OperationKind,
    /// Whether it is only asked whether it could be done.
    pub dry_run: bool,
    /// The how-manieth time it is asked, from 1.
    pub attempt: u32,
    /// The fence under which it was claimed.
    pub fence: u64,
    /// The listing that created the instance.
    pub listing: String,
    /// Which instance.
    pub instance: InstanceId,
    /// What it is an instance of.
    pub product: String,
    /// The plan that it is to have.
    pub plan: String,
    /// Who paid.
    pub buyer: String,
    /// For how long.
    pub term: Term,
    /// What else the dialect handed on.
    pub context: std::collections::BTreeMap<String, String>,
    /// The order behind it: the one that it fulfils, or the one that made the instance.
    pub order: Option<WorkOrder>,
    /// The period of the renewal that brings this resume along, where one does.
    pub renewal: Option<String>,
    /// What the buyer logs in with so far.
    pub access: Option<Access>,
    /// What was reserved for it in the product's stock; only an immediate driver sees it.
    pub stock: Option<Access>,
}

/// What a driver may know of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkOrder {
    /// The marketplace's key.
    pub key: OrderKey,
    /// The period that was bought.
    pub period: String,
    /// Whether the driver said a final no to it.
    pub is_refused: bool,
}

/// What a person did by hand, for the writer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where the instance was created.
    pub listing: Arc<Listing>,
    /// For which instance.
    pub instance: InstanceId,
    /// What the buyer logs in with, where that is new.
    pub access: Option<Access>,
    /// What both clocks show.
    pub now: Now,
}

/// What a person's delivery ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ByHand {
    /// Which operation.
    pub operation: OperationId,
    /// What it was to do.
    pub kind: OperationKind,
    /// The answer for everybody who waits for it.
    pub end: Outcome,
    /// Whether something that waited behind it is due now.
    pub is_next_due: bool,
}

/// What a driver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done; with what the buyer logs in with, where that is new.
    Done(Option<Access>),
    /// Not yet: ask again, after so many milliseconds where the driver said how many.
    NotYet(Option<u64>),
    /// A final no, with words for the outsider.
    No(String),
    /// It went wrong and may go better next time; the note is for the operator.
    Retry(String),
}

/// The outside world. Called with an operation key, twice if need be, never inside a transaction.
pub trait Driver: Send + Sync + 'static {
    /// The driver's pure face, when it has one (promise 3).
    fn immediate(&self) -> Option<&dyn Immediate>;

    /// Does the work, or finds that it is done already: the second ask must repeat the first
    /// answer. Ends by itself within a bounded time.
    fn drive(&self, work: Work) -> Boxed<'_, Verdict>;
}

/// An instance that was delivered elsewhere, to be taken over.
#[derive(Clone, Debug)]
pub struct Import {
    /// Who answers for it from now on.
    pub listing: Arc<Listing>,
    /// What it is called.
    pub instance: InstanceId,
    /// The plan that it has.
    pub plan: String,
    /// Who paid.
    pub buyer: String,
    /// The marketplace's name for the order that made it.
    pub key: OrderKey,
    /// From when it is paid for.
    pub starts_at: UtcMillis,
    /// Until when.
    pub ends_at: UtcMillis,
    /// What the buyer logs in with.
    pub access: Access,
    /// What else the driver should know.
    pub context: std::collections::BTreeMap<String, String>,
    /// An id for its order.
    pub order: OrderId,
    /// Who takes it over: the name of an admin token.
    pub by: String,
    /// What both clocks show.
    pub now: Now,
}

/// What became of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is here now.
    Now,
    /// The same one was here before; nothing was changed.
    Before,
}

/// A driver that is a pure function of its work: evaluated by `decide`, born done.
pub trait Immediate: Send + Sync {
    /// The answer, at once.
    fn answer(&self, work: &Work) -> Verdict;

    /// Whether it delivers out of the product's stock: a provision then takes the item that its
    /// work was given, and waits, unbegun, when there was none.
    fn takes_stock(&self) -> bool;
}

/// When a key last proved a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// What tells the key from others without telling it.
    pub fingerprint: String,
    /// When, on the wall clock.
    pub at: UtcMillis,
}

/// The only memory. Every method that changes something is one job: it is on disk before its
/// future ends well, and it changed nothing when its future ends badly.
pub trait Store: Send + Sync + 'static {
    /// Loads what the call is about, decides, writes (promises 1 and 2). A dry run writes nothing.
    fn admit(&self, admission: Admission) -> Boxed<'_, Result<Admitted, Fault>>;

    /// Leases due operations.
    fn operation_claim(&self, claim: Claim) -> Boxed<'_, Result<Claimed, Fault>>;

    /// Extends leases; the answer names those that are still held.
    fn operation_renew_lease(
        &self,
        held: Vec<(OperationId, u64)>,
        lease_until: UtcMillis,
    ) -> Boxed<'_, Result<Vec<OperationId>, Fault>>;

    /// Has an order that waits for payment paid, or taken back.
    fn order_settle(&self, settling: Settling) -> Boxed<'_, Result<Settled, Fault>>;

    /// What our own clock has to look at by `now`: `limit` of each, the longest due first.
    fn terms_due(&self, now: UtcMillis, limit: usize) -> Boxed<'_, Result<TermsDue, Fault>>;

    /// Takes the turn of one instance whose term is ours to end.
    fn term_turn(&self, turn: TermTurn) -> Boxed<'_, Result<TermTurned, Fault>>;

    /// The removals that are due by `now`, of each listing whose terms our own clock keeps.
    fn removals_due(&self, now: UtcMillis) -> Boxed<'_, Result<Vec<RemovalsDue>, Fault>>;

    /// What our own clock does with an instance.
    fn subscription_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Subscription>, Fault>>;

    /// Everything of `buyer` at `listing` in `region`, oldest first, `limit` at the most, gone ones
    /// left out.
    fn instances_of_buyer(
        &self,
        listing: String,
        buyer: String,
        region: String,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<(Instance, Subscription)>, Fault>>;

    /// The bill of one order.
    fn bill_get(&self, order: OrderId) -> Boxed<'_, Result<Option<Bill>, Fault>>;

    /// The orders of one purchase, in the order of their units, with their bills.
    fn purchase_orders(&self, purchase: PurchaseId)
    -> Boxed<'_, Result<Vec<(Order, Bill)>, Fault>>;

    /// Takes a driver's answer.
    fn operation_report(&self, report: Report) -> Boxed<'_, Result<Reported, Fault>>;

    /// Takes a dead operation, or a failed order, up again.
    fn operation_reopen(&self, operation: OperationId, now: Now) -> Boxed<'_, Result<(), Fault>>;

    /// Ends the work that an instance waits for: a person did it.
    fn instance_deliver(&self, delivery: Delivery) -> Boxed<'_, Result<ByHand, Fault>>;

    /// Adds items to a stock, and reserves them for whoever waits. One that is there already, or
    /// was once, is a conflict, and then none is added.
    fn stock_add(&self, addition: StockAddition) -> Boxed<'_, Result<StockAdded, Fault>>;

    /// Items without their secret part, of one product or of all, newest first, `limit` of them
    /// older than `before`.
    fn stock_list(
        &self,
        product: Option<String>,
        before: Option<StockId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<StockRow>, Fault>>;

    /// How much there is of everything, by product and plan.
    fn stock_levels(&self) -> Boxed<'_, Result<Vec<StockLevel>, Fault>>;

    /// What a create is answered with whose time is up: links that hold the place of its instance,
    /// unless it came meanwhile. Links that were given before are given again.
    fn instance_hold(&self, hold: Hold) -> Boxed<'_, Result<Outcome, Fault>>;

    /// A holding link with what decides what it shows.
    fn link_get(&self, link: LinkHash) -> Boxed<'_, Result<Option<Linked>, Fault>>;

    /// A link's account, counted as shown; `None` when it shows none (any more).
    fn link_reveal(&self, reveal: Reveal) -> Boxed<'_, Result<Option<Login>, Fault>>;

    /// The holding links of one instance, at most one for each part.
    fn link_list(&self, instance: InstanceId) -> Boxed<'_, Result<Vec<Link>, Fault>>;

    /// Takes over an instance that was delivered elsewhere: order and instance in one go.
    fn instance_import(&self, import: Import) -> Boxed<'_, Result<Imported, Fault>>;

    /// One instance.
    fn instance_get(&self, id: InstanceId) -> Boxed<'_, Result<Option<Instance>, Fault>>;

    /// One order by our name for it.
    fn order_by_id(&self, id: OrderId) -> Boxed<'_, Result<Option<Order>, Fault>>;

    /// One order by the marketplace's name for it.
    fn order_get(
        &self,
        listing: String,
        kind: OrderKind,
        key: OrderKey,
    ) -> Boxed<'_, Result<Option<Order>, Fault>>;

    /// Instances in the order of their ids, `limit` of them behind `after`.
    fn instance_list(
        &self,
        after: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Instance>, Fault>>;

    /// Orders in the order of their ids, `limit` of them behind `after`.
    fn order_list(
        &self,
        after: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Order>, Fault>>;

    /// Operations in the order of their ids, `limit` of them behind `after`.
    fn operation_list(
        &self,
        after: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Operation>, Fault>>;

    /// Instances that fit `filter`, newest first, `limit` of them older than `before`.
    fn instance_find(
        &self,
        filter: InstanceFilter,
        before: Option<InstanceId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Instance, InstanceId>, Fault>>;

    /// Orders that fit `filter`, newest first, `limit` of them older than `before`.
    fn order_find(
        &self,
        filter: OrderFilter,
        before: Option<OrderId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Order, OrderId>, Fault>>;

    /// One operation, while it is left to do.
    fn operation_get(&self, id: OperationId) -> Boxed<'_, Result<Option<Operation>, Fault>>;

    /// Operations that fit `filter`, newest first, `limit` of them older than `before`.
    fn operation_find(
        &self,
        filter: OperationFilter,
        before: Option<OperationId>,
        limit: usize,
    ) -> Boxed<'_, Result<Found<Operation, OperationId>, Fault>>;

    /// What happened to one instance, oldest first, `limit` rows behind version `after`.
    fn history_list(
        &self,
        instance: InstanceId,
        after: u64,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<HistoryRow>, Fault>>;

    /// Keeps an event. The same one twice is one.
    fn event_add(&self, event: Event) -> Boxed<'_, Result<(), Fault>>;

    /// Events that fit `filter`, newest first, `limit` of them older than `before`.
    fn event_list(
        &self,
        filter: EventFilter,
        before: Option<EventId>,
        limit: usize,
    ) -> Boxed<'_, Result<Vec<Event>, Fault>>;

    /// Forgets events from before `older_than`, and the oldest beyond `most`; not more at once than
    /// the writer can do beside its work. Answers how many it forgot.
    fn event_prune(&self, older_than: UtcMillis, most: usize) -> Boxed<'_, Result<usize, Fault>>;

    /// What needs a person now, by kind and subject, `limit` of them.
    fn alarm_list(&self, limit: usize) -> Boxed<'_, Result<Vec<Alarm>, Fault>>;

    /// Raises some alarms and clears others, each with its event; answers those that were not
    /// raised before and those that were.
    fn alarm_turn(&self, turn: AlarmTurn) -> Boxed<'_, Result<AlarmTurned, Fault>>;

    /// Stores how far the business clock is ahead of the wall clock, for the next start.
    fn clock_set_offset(&self, offset_ms: i64) -> Boxed<'_, Result<(), Fault>>;

    /// Remembers when keys were last used. One that is older than what is known changes nothing.
    fn key_use_put(&self, uses: Vec<KeyUse>) -> Boxed<'_, Result<(), Fault>>;

    /// When keys were last used: as many as were ever named.
    fn key_use_list(&self) -> Boxed<'_, Result<Vec<KeyUse>, Fault>>;

    /// Makes an account, or changes one that was made; how it is now.
    fn account_turn(&self, turn: AccountTurn) -> Boxed<'_, Result<MadeAccount, Fault>>;

    /// Every account that was made, by name, with its secrets.
    fn account_list(&self) -> Boxed<'_, Result<Vec<MadeAccount>, Fault>>;

    /// Whether jobs are expected to succeed: readiness follows it.
    fn is_healthy(&self) -> bool;
}
