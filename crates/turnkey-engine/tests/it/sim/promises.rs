//! The promises, and the memory that it takes to check them: what was answered, and how
//! everything was seen last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::Store as _;
use turnkey_core::{
    Access, Fault, HistoryRow, Instance, InstanceId, InstanceState, Link, LinkPart, LinkToken,
    Operation, OperationState, Order, OrderKey, OrderKind, OrderState,
};
use turnkey_store::SqliteStore;

use super::market::Ask;
use super::vendor::Vendor;

/// More rows than any scenario has.
const ROWS_MAX: usize = 1_000;

/// Everything that is stored.
pub(crate) struct Rows {
    pub(crate) orders: Vec<Order>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) history: BTreeMap<InstanceId, Vec<HistoryRow>>,
    pub(crate) links: BTreeMap<InstanceId, Vec<Link>>,
}

/// What the promises are checked against. Outlives every life.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    answers: Vec<(Ask, Result<Outcome, Fault>)>,
    ids: BTreeMap<OrderKey, InstanceId>,
    seen: BTreeMap<InstanceId, Instance>,
    broken: Vec<String>,
}

impl Rows {
    pub(crate) async fn of(store: &SqliteStore) -> Self {
        let orders = store.order_list(None, ROWS_MAX).await.unwrap();
        let instances = store.instance_list(None, ROWS_MAX).await.unwrap();
        let operations = store.operation_list(None, ROWS_MAX).await.unwrap();
        let (mut history, mut links) = (BTreeMap::new(), BTreeMap::new());
        for instance in &instances {
            let id = instance.id.clone();
            let rows = store.history_list(id.clone(), 0, ROWS_MAX).await.unwrap();
            history.insert(id.clone(), rows);
            links.insert(id.clone(), store.link_list(id).await.unwrap());
        }
        Self {
            orders,
            instances,
            operations,
            history,
            links,
        }
    }

    /// Whether each address of `access` is a stored link of `instance`, for its own part.
    fn has_links(&self, instance: &InstanceId, access: &Access) -> bool {
        LinkPart::ALL.into_iter().all(|part| {
            let token = part.url(access).and_then(LinkToken::in_url);
            let stored = self.links.get(instance).into_iter().flatten();
            let mut own = stored.filter(|link| link.part == part);
            own.next().map(|link| link.hash) == token.map(|token| token.hash())
        })
    }

    pub(crate) fn order(&self, kind: OrderKind, key: &OrderKey) -> Option<&Order> {
        let mut own = self.orders.iter();
        own.find(|order| order.kind == kind && order.key == *key)
    }

    /// The operations of `instance`, in the order in which they are to be done.
    fn queue(&self, instance: &InstanceId) -> Vec<&Operation> {
        let own = self.operations.iter().filter(|o| o.instance == *instance);
        let mut own: Vec<&Operation> = own.collect();
        own.sort_by_key(|operation| operation.seq);
        own
    }
}

impl Ledger {
    /// The instance that every answer so far named for the order `key`.
    pub(crate) fn id(&self, key: &OrderKey) -> Option<InstanceId> {
        self.0.lock().unwrap().ids.get(key).cloned()
    }

    /// Takes an answer down that the market was given. Whether all promises are kept.
    #[must_use]
    pub(crate) fn answered(
        &self,
        ask: Ask,
        answer: &Result<Outcome, Fault>,
        rows: &Rows,
        vendor: &Vendor,
    ) -> bool {
        let mut memory = self.0.lock().unwrap();
        let mut other = None;
        if let Ok(
            Outcome::Delivered { instance, .. }
            | Outcome::NotReady { instance }
            | Outcome::Held { instance, .. },
        ) = answer
        {
            let key = ask.order().expect("only an order is delivered").1;
            let first = memory.ids.entry(key).or_insert_with(|| instance.clone());
            other = (first != instance).then(|| format!("{instance} was {first} before"));
        }
        memory.answers.push((ask, answer.clone()));
        memory.broken.extend(other);
        drop(memory);
        self.check(rows, vendor, &format!("{ask:?} was answered"))
    }

    /// Checks every promise. Whether all of them are kept.
    #[must_use]
    pub(crate) fn check(&self, rows: &Rows, vendor: &Vendor, what: &str) -> bool {
        let mut memory = self.0.lock().unwrap();
        let broken = [
            one_instance_for_an_order(rows, vendor),
            answers_are_on_disk(&memory, rows),
            nothing_goes_back(&memory, rows),
            history_is_complete(rows),
            work_has_a_date(rows),
            no_access_goes_twice(rows),
        ];
        let broken = broken.into_iter().flatten();
        let broken: Vec<String> = broken.map(|rule| format!("{what}: {rule}")).collect();
        memory.broken.extend(broken);
        memory.seen = (rows.instances.iter())
            .map(|instance| (instance.id.clone(), instance.clone()))
            .collect();
        memory.broken.is_empty()
    }

    /// What was found broken so far. Whoever finds it may run in a task whose end nobody watches.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.0.lock().unwrap().broken.clone()
    }
}

/// Promises 1 and 3: one instance for an order, here and at the vendor, under one key.
fn one_instance_for_an_order(rows: &Rows, vendor: &Vendor) -> Vec<String> {
    let mut broken = vendor.complaints();
    for (order, keys) in vendor.provisioned_by() {
        let stored = rows.order(OrderKind::Create, &order);
        let own = stored.map(|order| BTreeSet::from([order.id.operation()]));
        if own.as_ref() != Some(&keys) {
            broken.push(format!("order {order} was provisioned under {keys:?}"));
        }
    }
    let mut keys = BTreeSet::new();
    for order in &rows.orders {
        if !keys.insert((order.kind.name(), &order.key)) {
            broken.push(format!("order {} is there twice", order.key));
        }
        let made = (rows.instances.iter()).filter(|instance| instance.order == order.id);
        let made: Vec<&InstanceId> = made.map(|instance| &instance.id).collect();
        let wanted: &[&InstanceId] = match order.kind {
            OrderKind::Create => &[&order.instance],
            OrderKind::Renew | OrderKind::ChangePlan => &[],
        };
        if made != wanted {
            broken.push(format!("order {} made {made:?}", order.key));
        }
    }
    let made = vendor.made();
    let orders: BTreeSet<&OrderKey> = made.values().map(|made| &made.order).collect();
    if orders.len() != made.len() {
        broken.push(format!(
            "the vendor made two instances for one order: {made:?}"
        ));
    }
    broken
}

/// Promise 2: an answer means that it is on disk.
fn answers_are_on_disk(memory: &Memory, rows: &Rows) -> Vec<String> {
    let is_kept = |ask: &Ask, outcome: &Outcome| {
        let order = ask
            .order()
            .and_then(|(kind, key)| rows.order(kind, &key).cloned());
        match (outcome, order) {
            (Outcome::Delivered { instance, access }, Some(order)) => {
                let stored = rows.instances.iter().find(|stored| stored.id == *instance);
                let Some(stored) = stored else { return false };
                let is_access_kept = stored.access.as_ref() == Some(access)
                    || stored.state == InstanceState::Released;
                order.state == OrderState::Fulfilled
                    && order.instance == *instance
                    && stored.delivered
                    && is_access_kept
            }
            (Outcome::NotReady { instance }, Some(order)) => order.instance == *instance,
            (Outcome::Held { instance, links }, Some(order)) => {
                order.instance == *instance && rows.has_links(instance, links)
            }
            (Outcome::Done, Some(_)) => true,
            (Outcome::Done | Outcome::Gone, None) => ask.order().is_none(),
            (Outcome::Gone, Some(_))
            | (Outcome::Ordered { .. } | Outcome::Shown(_) | Outcome::Listed(..), _) => false,
            (Outcome::Delivered { .. } | Outcome::NotReady { .. } | Outcome::Held { .. }, None) => {
                false
            }
        }
    };
    let answers = memory.answers.iter();
    answers
        .filter_map(|(ask, answer)| answer.as_ref().ok().map(|outcome| (ask, outcome)))
        .filter(|(ask, outcome)| !is_kept(ask, outcome))
        .map(|(ask, outcome)| format!("{ask:?} was answered {outcome:?}, which is not so"))
        .collect()
}

/// Terms never move backwards; what is released stays so, without access.
fn nothing_goes_back(memory: &Memory, rows: &Rows) -> Vec<String> {
    let mut broken = Vec::new();
    for now in &rows.instances {
        if now.state == InstanceState::Released && now.access.is_some() {
            broken.push(format!("{} is released and keeps its access", now.id));
        }
        let Some(before) = memory.seen.get(&now.id) else {
            continue;
        };
        if now.term.ends_at < before.term.ends_at {
            broken.push(format!("the term of {} became shorter", now.id));
        }
        if before.state == InstanceState::Released && now != before {
            broken.push(format!("{} was released and changed", now.id));
        }
        if now.version < before.version || (now.version == before.version && now != before) {
            broken.push(format!("{} changed without a version", now.id));
        }
    }
    for id in memory.seen.keys() {
        if !rows.instances.iter().any(|instance| instance.id == *id) {
            broken.push(format!("{id} is gone"));
        }
    }
    broken
}

/// One row of history for each version.
fn history_is_complete(rows: &Rows) -> Vec<String> {
    let is_incomplete = |instance: &&Instance| {
        let versions = rows.history[&instance.id].iter().map(|row| row.version);
        !versions.eq(1..=instance.version)
    };
    let instances = rows.instances.iter().filter(is_incomplete);
    instances
        .map(|instance| format!("the history of {} has gaps", instance.id))
        .collect()
}

/// Nothing is forgotten: each operation has a next date, or waits for one that has, or for a
/// person. One at a time is under way.
fn work_has_a_date(rows: &Rows) -> Vec<String> {
    let mut broken = Vec::new();
    for instance in &rows.instances {
        let queue = rows.queue(&instance.id);
        let under_way = queue.iter().filter(|o| o.state.is_under_way()).count();
        let is_failed = instance.state == InstanceState::Failed;
        let mut is_behind_dead = false;
        for operation in queue {
            let is_queued = operation.state == OperationState::Queued;
            let is_dead = operation.state == OperationState::Dead;
            if operation.due_at.is_none() != (is_queued || is_dead) {
                broken.push(format!("the date of {operation:?} is wrong"));
            }
            if is_queued && under_way == 0 && !is_behind_dead && !is_failed {
                broken.push(format!("nobody will ever take {operation:?}"));
            }
            is_behind_dead |= is_dead;
        }
        if under_way > 1 {
            broken.push(format!("{under_way} operations of {} at once", instance.id));
        }
        let is_waiting = instance.state == InstanceState::Provisioning
            || instance.state == InstanceState::Releasing;
        if is_waiting && rows.queue(&instance.id).is_empty() {
            broken.push(format!("{} waits for nothing", instance.id));
        }
    }
    broken
}

/// What one buyer logs in with is nobody else's.
fn no_access_goes_twice(rows: &Rows) -> Vec<String> {
    let (mut seen, mut broken) = (BTreeMap::new(), Vec::new());
    for instance in &rows.instances {
        let Some(access) = &instance.access else {
            continue;
        };
        let secrets: Vec<&str> = access.secrets().collect();
        if let Some(other) = seen.insert(secrets, &instance.id) {
            broken.push(format!("{} and {other} share an access", instance.id));
        }
    }
    broken
}
