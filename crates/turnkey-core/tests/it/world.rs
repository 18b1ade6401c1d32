//! A store in memory and a vendor's world beside it: what the rules are played against. It applies
//! changes the way a store must, and refuses whatever a store would refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use turnkey_core::decide::{self, Admitted, Change, Outcome, State};
use turnkey_core::ports::{
    Boxed, Claim, Driver, Hold, Immediate, Report, Reported, Verdict, Work, WorkOrder,
};
use turnkey_core::{
    Access, AlarmKind, Call, Fault, HistoryRow, Instance, InstanceId, InstanceState, Intent, Link,
    LinkPart, LinkToken, LinkTokens, Linked, Listing, Login, NewLink, Now, Operation, OperationId,
    OperationKind, OperationState, Order, OrderId, OrderKey, OrderKind, OrderState, Step,
    UtcMillis,
};
use turnkey_testkit::sample;

/// How long a claimed operation is leased here.
pub(crate) const LEASE_MS: u64 = 30_000;

/// Everything that is stored, and what the vendor was made to do.
pub(crate) struct World {
    pub(crate) listing: Arc<Listing>,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) now: Now,
    pub(crate) orders: BTreeMap<OrderId, Order>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) operations: BTreeMap<OperationId, Operation>,
    pub(crate) history: Vec<HistoryRow>,
    /// The holding links that were made.
    pub(crate) links: BTreeMap<InstanceId, Vec<NewLink>>,
    /// What needs a person.
    pub(crate) alarms: BTreeSet<(AlarmKind, String)>,
    /// What the vendor did, by the verdicts that were taken.
    pub(crate) done: BTreeMap<InstanceId, Done>,
    /// Every piece of work that was ever handed out.
    pub(crate) claimed: Vec<Work>,
    fresh: u64,
}

/// What a vendor did for one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) there: bool,
    pub(crate) suspended: bool,
    pub(crate) removed: bool,
    pub(crate) plan: String,
}

/// A driver that is in a mood, and says so to everything.
pub(crate) struct Vendor {
    pub(crate) mood: Mutex<Verdict>,
    answered: Mutex<Vec<(Work, Verdict)>>,
    is_immediate: bool,
}

impl Driver for Vendor {
    fn immediate(&self) -> Option<&dyn Immediate> {
        self.is_immediate.then_some(self)
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(std::future::ready(self.answer(&work)))
    }
}

impl Immediate for Vendor {
    fn takes_stock(&self) -> bool {
        false
    }

    fn answer(&self, work: &Work) -> Verdict {
        let mood = self.mood.lock().unwrap().clone();
        let verdict = match mood {
            Verdict::Done(_) => done(work),
            Verdict::NotYet(_) | Verdict::No(_) | Verdict::Retry(_) => mood,
        };
        let mut answered = self.answered.lock().unwrap();
        answered.push((work.clone(), verdict.clone()));
        verdict
    }
}

/// Done, with an access where something new was made.
pub(crate) fn done(work: &Work) -> Verdict {
    Verdict::Done((work.kind == OperationKind::Provision).then(|| Access {
        front_end: Login {
            url: Some(format!("https://saas.example/{}", work.instance)),
            ..Login::default()
        },
        ..Access::default()
    }))
}

impl World {
    /// An empty world whose driver is asked later, by a runner.
    pub(crate) fn driven() -> Self {
        Self::new(false)
    }

    /// An empty world whose driver answers on the spot.
    pub(crate) fn immediate() -> Self {
        Self::new(true)
    }

    fn new(is_immediate: bool) -> Self {
        let vendor = Arc::new(Vendor {
            mood: Mutex::new(Verdict::Done(None)),
            answered: Mutex::default(),
            is_immediate,
        });
        let driver: Arc<dyn Driver> = vendor.clone();
        Self {
            listing: Arc::new(sample::listing(driver)),
            vendor,
            now: Now {
                wall: sample::NOON,
                business: sample::NOON,
            },
            orders: BTreeMap::new(),
            instances: BTreeMap::new(),
            operations: BTreeMap::new(),
            history: Vec::new(),
            links: BTreeMap::new(),
            alarms: BTreeSet::new(),
            done: BTreeMap::new(),
            claimed: Vec::new(),
            fresh: 0,
        }
    }

    /// Sells to a driver that takes dry runs.
    pub(crate) fn with_dry_runs(mut self) -> Self {
        let mut listing = Arc::into_inner(self.listing).unwrap();
        Arc::get_mut(&mut listing.product).unwrap().dry_run = true;
        self.listing = Arc::new(listing);
        self
    }

    pub(crate) fn mood(&self, verdict: Verdict) {
        *self.vendor.mood.lock().unwrap() = verdict;
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.now.wall = self.now.wall.plus_ms(ms);
        self.now.business = self.now.business.plus_ms(ms);
    }

    /// The operations of `instance` in the order in which they are to be done.
    pub(crate) fn operations_of(&self, instance: &InstanceId) -> Vec<Operation> {
        let own = self.operations.values().filter(|o| o.instance == *instance);
        let mut own: Vec<Operation> = own.cloned().collect();
        own.sort_by_key(|o| o.seq);
        own
    }

    /// A real call, signed now.
    pub(crate) fn call(&mut self, intent: Intent) -> Result<Admitted, Fault> {
        let call = sample::call(intent, self.now);
        self.admit(call).map(|(admitted, _)| admitted)
    }

    /// Loads, decides, writes: what a store's writer does. Says what was written, too.
    pub(crate) fn admit(&mut self, call: Call) -> Result<(Admitted, Vec<Change>), Fault> {
        let state = self.load(&call);
        self.fresh += 1;
        let is_dry = call.dry_run;
        let admission = sample::admission(&self.listing, call, self.now, self.fresh);
        self.vendor.answered.lock().unwrap().clear();
        let decision = decide::admit(&admission, state)?;
        let answered = std::mem::take(&mut *self.vendor.answered.lock().unwrap());
        for (work, verdict) in answered {
            assert_eq!(work.dry_run, is_dry, "the driver is told what it is asked");
            if !is_dry {
                self.vendor_did(&work, &verdict);
            }
        }
        self.apply(&decision.changes);
        Ok((decision.admitted, decision.changes))
    }

    /// The time of whoever asked for `instance` is up: what a store's writer does then. The tokens
    /// are made of `n`.
    pub(crate) fn hold(&mut self, instance: &InstanceId, n: u8) -> Result<Outcome, Fault> {
        let stored = self.instances.get(instance).unwrap();
        let state = State {
            order: self.orders.get(&stored.order).cloned(),
            instance: Some(stored.clone()),
            operations: self.operations_of(instance),
            ..State::default()
        };
        let found = self.links.get(instance).map(|links| {
            let token = |part| {
                let own = links.iter().find(|link| link.part == part);
                own.unwrap().token.clone()
            };
            LinkTokens {
                front_end: token(LinkPart::FrontEnd),
                admin: token(LinkPart::Admin),
                sign_on: token(LinkPart::SignOn),
            }
        });
        let token = |m: u8| LinkToken::new([n, m, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let hold = Hold {
            listing: Arc::clone(&self.listing),
            instance: instance.clone(),
            fresh: LinkTokens {
                front_end: token(1),
                admin: token(2),
                sign_on: token(3),
            },
        };
        let (changes, outcome) = decide::hold(&hold, &state, found)?;
        self.apply(&changes);
        Ok(outcome)
    }

    /// The link of `part` with what decides what it shows.
    pub(crate) fn linked(&self, instance: &InstanceId, part: LinkPart) -> Linked {
        let stored = &self.instances[instance];
        let delivery = stored.order.operation();
        let delivery = self.operations.get(&delivery);
        let mut history = self.history.iter();
        let ready = history.find(|row| {
            (row.instance == *instance)
                && (row.kind, row.step) == (OperationKind::Provision, Step::Done)
        });
        Linked {
            link: Link {
                hash: LinkToken::new([0; 16]).hash(),
                instance: instance.clone(),
                part,
                reveals: 0,
            },
            instance: stored.clone(),
            ordered_at: sample::NOON,
            ready_at: ready.map(|row| row.at.wall),
            is_given_up: delivery.is_some_and(|o| o.state == OperationState::Dead),
        }
    }

    fn load(&self, call: &Call) -> State {
        let subject = call.subject();
        let named = |(kind, key): (OrderKind, &OrderKey)| {
            let fits = |o: &&Order| o.kind == kind && o.key == *key;
            self.orders.values().find(fits).cloned()
        };
        let order = subject.order.and_then(named);
        let made = order.as_ref().map(|order| &order.instance);
        let instance = subject.instance.or(made);
        State {
            instance: instance.and_then(|id| self.instances.get(id)).cloned(),
            operations: instance.map_or_else(Vec::new, |id| self.operations_of(id)),
            order,
            ..State::default()
        }
    }

    /// Leases everything that is due, as a runner does.
    pub(crate) fn claim(&mut self) -> Vec<Work> {
        let is_due = |o: &&Operation| o.due_at.is_some_and(|due| due <= self.now.wall);
        let due: Vec<Operation> = self.operations.values().filter(is_due).cloned().collect();
        let claim = Claim {
            now: self.now,
            limit: due.len(),
            lease_ms: LEASE_MS,
        };
        let mut works = Vec::new();
        for operation in due {
            let instance = &self.instances[&operation.instance];
            let order = &self.orders[operation.order.as_ref().unwrap_or(&instance.order)];
            let (change, work) =
                decide::claim(&claim, operation, instance, Some(order)).expect("it was due");
            self.apply(&[change]);
            self.check_work(&work);
            self.claimed.push(work.clone());
            works.push(work);
        }
        works
    }

    fn check_work(&self, work: &Work) {
        let token = |w: &Work| (w.operation.clone(), w.fence);
        assert!(
            !self.claimed.iter().any(|w| token(w) == token(work)),
            "{} was handed out under fence {} before",
            work.operation,
            work.fence
        );
        let done = self.done.get(&work.instance).cloned().unwrap_or_default();
        match work.kind {
            OperationKind::Provision => assert!(!done.there, "it is there already: {work:?}"),
            OperationKind::Release => {}
            OperationKind::Renew
            | OperationKind::ChangePlan
            | OperationKind::Suspend
            | OperationKind::Resume => assert!(done.there, "there is nothing to change: {work:?}"),
        }
        assert!(!done.removed, "it was removed already: {work:?}");
        let WorkOrder { key, .. } = work.order.clone().expect("work has an order behind it");
        assert!(self.orders.values().any(|o| o.key == key));
    }

    /// Takes a driver's answer to work that was handed out.
    pub(crate) fn report(&mut self, work: &Work, verdict: &Verdict) -> Reported {
        let operation = self.operations.get(&work.operation);
        let order = operation.and_then(|o| o.order.clone());
        let instance = self.instances.get(&work.instance).cloned();
        let state = State {
            order: order.and_then(|id| self.orders.get(&id)).cloned(),
            operations: self.operations_of(&work.instance),
            is_held: self.links.contains_key(&work.instance),
            instance,
            ..State::default()
        };
        let report = Report {
            listing: Arc::clone(&self.listing),
            instance: work.instance.clone(),
            operation: work.operation.clone(),
            fence: work.fence,
            verdict: verdict.clone(),
            now: self.now,
            again_in_ms: 1000,
        };
        let (changes, reported) = decide::report(&report, state).expect("a report is taken");
        match reported {
            Reported::Over { .. } => self.vendor_did(work, verdict),
            Reported::Stale => assert_eq!(changes, [], "a stale report changes nothing"),
            Reported::Again | Reported::Dead { .. } => {}
        }
        self.apply(&changes);
        reported
    }

    /// Claims everything that is due and answers all of it with `verdict`, or does it.
    pub(crate) fn run(&mut self, verdict: Option<&Verdict>) -> Vec<Reported> {
        let works = self.claim();
        let answer = |work: &Work| verdict.cloned().unwrap_or_else(|| done(work));
        works
            .iter()
            .map(|work| self.report(work, &answer(work)))
            .collect()
    }

    /// Takes up what is dead or was refused.
    pub(crate) fn reopen(&mut self, id: &OperationId) -> Result<(), Fault> {
        let order = self.orders.values().find(|o| o.id.operation() == *id);
        let operation = self.operations.get(id);
        let instance = operation
            .map(|o| &o.instance)
            .or(order.map(|o| &o.instance));
        let state = State {
            instance: instance.and_then(|id| self.instances.get(id)).cloned(),
            operations: instance.map_or_else(Vec::new, |id| self.operations_of(id)),
            order: order.cloned(),
            ..State::default()
        };
        let changes = decide::reopen(id, state, self.now)?;
        self.apply(&changes);
        Ok(())
    }

    /// What a start does with leases: nobody holds them any more.
    pub(crate) fn restart(&mut self) {
        let now = self.now.wall;
        for operation in self.operations.values_mut() {
            if let Some(due) = operation
                .state
                .next(turnkey_core::operation::OperationEvent::Void)
            {
                operation.state = due;
                operation.due_at = Some(now);
            }
        }
    }

    /// Lets a willing driver and a diligent person finish everything.
    pub(crate) fn drain(&mut self) {
        self.mood(Verdict::Done(None));
        for _ in 0..1000 {
            if self.operations.is_empty() {
                return;
            }
            let dead = |o: &&Operation| o.state == OperationState::Dead;
            let dead: Vec<OperationId> = self.operations.values().filter(dead).map(id_of).collect();
            let failed = |i: &&Instance| i.state == InstanceState::Failed;
            let failed = self.instances.values().filter(failed);
            let failed: Vec<OperationId> = failed.map(|i| i.order.operation()).collect();
            for id in dead.iter().chain(&failed) {
                self.reopen(id).expect("what is dead or failed is taken up");
            }
            let due = self.operations.values().filter_map(|o| o.due_at).max();
            if let Some(due) = due {
                self.advance(due.ms_since(self.now.wall));
            }
            self.run(None);
        }
        panic!("work is left for ever: {:#?}", self.operations);
    }

    fn vendor_did(&mut self, work: &Work, verdict: &Verdict) {
        if !matches!(verdict, Verdict::Done(_)) {
            return;
        }
        let done = self.done.entry(work.instance.clone()).or_default();
        match work.kind {
            OperationKind::Provision => {
                done.there = true;
                done.plan.clone_from(&work.plan);
            }
            OperationKind::Renew => {}
            OperationKind::ChangePlan => done.plan.clone_from(&work.plan),
            OperationKind::Suspend => done.suspended = true,
            OperationKind::Resume => done.suspended = false,
            OperationKind::Release => done.removed = true,
        }
    }

    fn apply(&mut self, changes: &[Change]) {
        let mut written = Vec::new();
        for change in changes {
            match change {
                Change::OrderInsert(order) => self.order_insert(order),
                Change::OrderClose(id, state, refusal) => {
                    let order = self.orders.get_mut(id).expect("the order is stored");
                    assert_eq!(
                        order.state,
                        OrderState::Accepted,
                        "only an accepted one closes"
                    );
                    order.state = *state;
                    order.refusal.clone_from(refusal);
                    order.version += 1;
                }
                Change::OrderReopen(id) => {
                    let order = self.orders.get_mut(id).expect("the order is stored");
                    assert_eq!(order.state, OrderState::Failed, "only a failed one reopens");
                    order.state = OrderState::Accepted;
                    order.refusal = None;
                    order.version += 1;
                }
                Change::InstanceInsert(instance) => {
                    assert_eq!(instance.version, 1);
                    written.push((instance.id.clone(), instance.version));
                    let old = self.instances.insert(instance.id.clone(), instance.clone());
                    assert_eq!(old, None, "an id is given once");
                }
                Change::InstanceUpdate(instance) => {
                    written.push((instance.id.clone(), instance.version));
                    let old = self.instances.insert(instance.id.clone(), instance.clone());
                    check_update(&old.expect("the instance is stored"), instance);
                }
                Change::OperationInsert(operation) => {
                    let old = self
                        .operations
                        .insert(operation.id.clone(), operation.clone());
                    assert_eq!(old, None, "an operation's id is given once");
                }
                Change::OperationUpdate(operation) => {
                    let old = self
                        .operations
                        .insert(operation.id.clone(), operation.clone());
                    let old = old.expect("the operation is stored");
                    assert!(operation.fence >= old.fence, "fences grow");
                    assert_eq!((old.kind, old.seq), (operation.kind, operation.seq));
                }
                Change::OperationDelete(id) => {
                    self.operations.remove(id).expect("the operation is stored");
                }
                Change::HistoryInsert(row) => self.history.push(row.clone()),
                Change::LinkInsert(link) => {
                    self.links
                        .entry(link.instance.clone())
                        .or_default()
                        .push(link.clone());
                }
                Change::AlarmRaise(alarm) => {
                    self.alarms.insert((alarm.kind, alarm.subject.clone()));
                }
                Change::AlarmClear(kind, subject, _) => {
                    self.alarms.remove(&(*kind, subject.clone()));
                }
                Change::OrderPay(id, at) => {
                    let order = self.orders.get_mut(id).expect("the order is stored");
                    assert_eq!(order.state, OrderState::AwaitingPayment);
                    (order.state, order.accepted_at) = (OrderState::Accepted, *at);
                    order.version += 1;
                }
                Change::OrderCancel(id) => {
                    let order = self.orders.get_mut(id).expect("the order is stored");
                    assert_eq!(order.state, OrderState::AwaitingPayment);
                    order.state = OrderState::Cancelled;
                    order.version += 1;
                }
                Change::ContextPut(id, context) => {
                    let instance = self.instances.get_mut(id).expect("it is stored");
                    instance.context.clone_from(context);
                }
                // Nothing that is decided looks at them.
                Change::StockTake(..)
                | Change::StockErase(_)
                | Change::StockFree(_)
                | Change::EventInsert(_)
                | Change::BillInsert(_)
                | Change::SubscriptionPut(_)
                | Change::LinkReveal(_) => {}
            }
        }
        let rows = changes.iter().filter_map(|change| match change {
            Change::HistoryInsert(row) => Some((row.instance.clone(), row.version)),
            Change::OrderInsert(_)
            | Change::OrderClose(..)
            | Change::OrderReopen(_)
            | Change::InstanceInsert(_)
            | Change::InstanceUpdate(_)
            | Change::OperationInsert(_)
            | Change::OperationUpdate(_)
            | Change::OperationDelete(_)
            | Change::StockTake(..)
            | Change::StockErase(_)
            | Change::StockFree(_)
            | Change::EventInsert(_)
            | Change::AlarmRaise(_)
            | Change::AlarmClear(..)
            | Change::LinkInsert(_)
            | Change::LinkReveal(_)
            | Change::OrderPay(..)
            | Change::OrderCancel(_)
            | Change::BillInsert(_)
            | Change::SubscriptionPut(_)
            | Change::ContextPut(..) => None,
        });
        assert_eq!(
            rows.collect::<Vec<_>>(),
            written,
            "one history row for each new version"
        );
        assert!(written.len() <= 1, "a decision is about one instance");
    }

    fn order_insert(&mut self, order: &Order) {
        let name = |o: &Order| (o.listing.clone(), o.kind, o.key.clone());
        let same = self.orders.values().any(|o| name(o) == name(order));
        assert!(!same, "order {:?} exists already", order.key);
        let old = self.orders.insert(order.id.clone(), order.clone());
        assert_eq!(old, None, "an order's id is given once");
    }

    /// Every id under which something could be reopened.
    pub(crate) fn reopenable(&self) -> BTreeSet<OperationId> {
        let of_orders = self.orders.keys().map(OrderId::operation);
        self.operations.keys().cloned().chain(of_orders).collect()
    }

    /// The moment `ms` milliseconds before or after now.
    pub(crate) fn signed(&self, ms: i64) -> UtcMillis {
        UtcMillis(self.now.wall.0 + ms)
    }
}

fn check_update(old: &Instance, new: &Instance) {
    assert_eq!(new.version, old.version + 1, "versions grow by one");
    assert!(
        new.term.ends_at >= old.term.ends_at,
        "a term never moves backwards"
    );
    assert_eq!(new.term.starts_at, old.term.starts_at);
    assert!(new.lifted_signed_at >= old.lifted_signed_at);
    assert!(new.delivered >= old.delivered);
    assert_eq!(
        (&new.listing, &new.product, &new.buyer, &new.order),
        (&old.listing, &old.product, &old.buyer, &old.order)
    );
    assert_ne!(
        old.state,
        InstanceState::Released,
        "nothing follows released"
    );
}

fn id_of(operation: &Operation) -> OperationId {
    operation.id.clone()
}
