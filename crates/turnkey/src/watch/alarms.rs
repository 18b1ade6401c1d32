//! Looks around the shop every ten seconds: what needs a person is raised, once, and cleared when it
//! is over. The rule is [`turnkey_core::decide::alarms`]; here its facts are gathered, what it says
//! is stored, logged and shown as gauges.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use turnkey_core::decide::alarms::{Heard, Open, Refused, Seen, alarms};
use turnkey_core::event::{EVENTS_KEPT_MAX, EVENTS_KEPT_MS};
use turnkey_core::find::OperationFilter;
use turnkey_core::ports::{AlarmTurned, Clock, Store};
use turnkey_core::{
    Alarm, AlarmKind, Fault, Listing, Now, Operation, OperationState, Product, UtcMillis,
};

use crate::keys::KeyBook;
use crate::watch::Watch;
use crate::watch::metrics::{ORDER_STATES, REFUSALS};

/// How often somebody looks around: sooner than a person could act, and cheap enough to be nothing.
const EVERY_MS: u64 = 10_000;

/// How far refused signatures are looked back on.
const REFUSED_WITHIN_MS: u64 = 600_000;

/// Operations that are looked at: more are a standstill, of which these say enough.
const OPEN_MAX: usize = 1_000;

/// Alarms that are looked at.
const ALARMS_MAX: usize = 10_000;

/// How often old events are forgotten.
const PRUNE_EVERY_MS: u64 = 3_600_000;

/// Looks around.
pub(crate) struct Lookout {
    watch: Arc<Watch>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keys: Arc<KeyBook>,
    listings: Vec<Watchword>,
    refusals: Refusals,
    pruned_at: Option<UtcMillis>,
}

/// Refusals so far, by listing and reason.
type Counts = Vec<[u64; REFUSALS.len()]>;

/// Refusals so far, as they were whenever somebody looked.
#[derive(Default)]
struct Refusals(VecDeque<(UtcMillis, Counts)>);

impl Refusals {
    /// How many of `so_far` came in the time that is looked back on.
    fn counted(&mut self, wall: UtcMillis, so_far: Counts) -> Counts {
        if self.0.is_empty() {
            // What came before the first look is new, too.
            let none = vec![Default::default(); so_far.len()];
            self.0.push_back((wall, none));
        }
        let is_old = |at: UtcMillis| wall.ms_since(at) > REFUSED_WITHIN_MS;
        // The newest of the old ones is where counting begins.
        while self.0.get(1).is_some_and(|(at, _)| is_old(*at)) {
            self.0.pop_front();
        }
        let before = self.0.front().map_or(&[][..], |(_, counts)| counts);
        let new = so_far.iter().zip(before).map(|(so_far, before)| {
            let mut new = *so_far;
            for (count, before) in new.iter_mut().zip(before) {
                *count = count.saturating_sub(*before);
            }
            new
        });
        let new = new.collect();
        self.0.push_back((wall, so_far));
        new
    }
}

/// A listing, and after how long without a call somebody should look.
pub(crate) struct Watchword {
    pub(crate) listing: Arc<Listing>,
    pub(crate) silence_after: Duration,
}

impl Lookout {
    pub(crate) fn new(
        watch: Arc<Watch>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        keys: Arc<KeyBook>,
        listings: Vec<Watchword>,
    ) -> Self {
        Self {
            watch,
            store,
            clock,
            keys,
            listings,
            refusals: Refusals::default(),
            pruned_at: None,
        }
    }

    /// Looks around now and then, for ever.
    pub(crate) async fn run(mut self) {
        loop {
            if let Err(fault) = self.look().await {
                tracing::warn!(
                    code = fault.code,
                    note = fault.note,
                    "cannot look for what needs a person: {fault}"
                );
            }
            self.clock.sleep(EVERY_MS).await;
        }
    }

    async fn look(&mut self) -> Result<(), Fault> {
        let now = self.clock.now();
        let open = self
            .store
            .operation_find(OperationFilter::default(), None, OPEN_MAX)
            .await?;
        self.gauge_work(&open.rows, now);
        let is_all = open.next.is_none();
        let seen = Seen {
            open: self.of_listings(open.rows, now).await?,
            is_all,
            heard: self.heard(),
            refused: self.refused(now.wall),
            stock: self.stock().await?,
        };
        self.gauge_give_up(&seen, now);
        let raised = self.store.alarm_list(ALARMS_MAX).await?;
        let turn = alarms(&seen, &raised, now);
        let is_turn = !(turn.raise.is_empty() && turn.clear.is_empty());
        let raised = if is_turn {
            tell(&self.store.alarm_turn(turn).await?);
            self.store.alarm_list(ALARMS_MAX).await?
        } else {
            raised
        };
        for kind in AlarmKind::ALL {
            let count = raised.iter().filter(|alarm| alarm.kind == kind).count();
            self.watch.metrics.set_alarms(kind, count);
        }
        self.prune(now.wall).await
    }

    /// What is about to be given up, and what was, with whose it is. The rest is not looked up.
    async fn of_listings(&self, open: Vec<Operation>, now: Now) -> Result<Vec<Open>, Fault> {
        let limits = |product: &Product| {
            [Some(product.give_up_after_ms), product.not_yet_for_ms]
                .into_iter()
                .flatten()
        };
        let products = self.listings.iter().map(|l| &l.listing.product);
        let shortest_ms = products.flat_map(|p| limits(p)).min().unwrap_or(u64::MAX);
        let mut of_listings = Vec::new();
        for operation in open {
            let spent_ms = operation.began_at.map(|began| now.wall.ms_since(began));
            let is_old = spent_ms.is_some_and(|spent_ms| spent_ms >= shortest_ms / 2);
            if operation.state != OperationState::Dead && !is_old {
                continue;
            }
            let Some(instance) = self.store.instance_get(operation.instance.clone()).await? else {
                continue;
            };
            let is_its = |l: &&Watchword| l.listing.name == instance.listing;
            let product = self
                .listings
                .iter()
                .find(is_its)
                .map(|l| &l.listing.product);
            // One that failed is given up by its failures, another by how long it is not ready.
            let limit_ms = product.and_then(|product| match operation.note {
                Some(_) => Some(product.give_up_after_ms),
                None => product.not_yet_for_ms,
            });
            of_listings.push(Open {
                operation,
                listing: instance.listing,
                limit_ms,
            });
        }
        Ok(of_listings)
    }

    fn heard(&self) -> Vec<Heard> {
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for key in self.keys.list() {
            if let Some(at) = key.last_used_ms {
                let last = last.entry(key.listing).or_insert(at);
                *last = at.max(*last);
            }
        }
        let heard = |watchword: &Watchword| Heard {
            listing: watchword.listing.name.clone(),
            last_at: last.get(&watchword.listing.name).copied().map(UtcMillis),
            silence_after_ms: u64::try_from(watchword.silence_after.as_millis())
                .unwrap_or(u64::MAX),
        };
        self.listings.iter().map(heard).collect()
    }

    fn refused(&mut self, wall: UtcMillis) -> Vec<Refused> {
        let so_far = |w: &Watchword| self.watch.metrics.failures(&w.listing.name);
        let so_far: Vec<_> = self.listings.iter().map(so_far).collect();
        let mut refused = Vec::new();
        for (watchword, counts) in self
            .listings
            .iter()
            .zip(self.refusals.counted(wall, so_far))
        {
            for (reason, count) in REFUSALS.into_iter().zip(counts) {
                refused.push(Refused {
                    listing: watchword.listing.name.clone(),
                    reason,
                    count,
                });
            }
        }
        refused
    }

    async fn stock(&self) -> Result<Vec<(turnkey_core::StockLevel, u64)>, Fault> {
        let levels = self.store.stock_levels().await?;
        let low = |product: &str| {
            let mut products = self.listings.iter().map(|l| &l.listing.product);
            products.find(|p| p.name == product).map(|p| p.stock_low)
        };
        let mut stock = Vec::new();
        for level in levels {
            self.watch.metrics.set_stock(&level);
            if let Some(low) = low(&level.product) {
                stock.push((level, low));
            }
        }
        Ok(stock)
    }

    fn gauge_work(&self, open: &[Operation], now: Now) {
        let metrics = &self.watch.metrics;
        let mut counts = [0_usize; ORDER_STATES.len()];
        for operation in open.iter().filter(|o| o.order.is_some()) {
            let place = match operation.state {
                OperationState::Queued | OperationState::Due => 0,
                OperationState::Leased => 1,
                OperationState::Retrying => 2,
                OperationState::Dead => 3,
                OperationState::Done | OperationState::Dropped => continue,
            };
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        for (state, count) in ORDER_STATES.into_iter().zip(counts) {
            metrics.set_orders(state, count);
        }
        let is_dead = |o: &&Operation| o.state == OperationState::Dead;
        metrics.set_dead_letters(open.iter().filter(is_dead).count());
        let began = open.iter().filter(|o| o.order.is_some());
        let oldest = began.filter_map(|o| o.began_at).min();
        metrics.set_oldest_pending(oldest.map_or(0, |began| now.wall.ms_since(began)));
    }

    fn gauge_give_up(&self, seen: &Seen, now: Now) {
        let left = |open: &Open| {
            let (began, limit_ms) = open.operation.began_at.zip(open.limit_ms)?;
            let is_tried = open.operation.state != OperationState::Dead;
            is_tried.then(|| limit_ms.saturating_sub(now.wall.ms_since(began)))
        };
        let least = seen.open.iter().filter_map(left).min();
        self.watch.metrics.set_give_up(least);
    }

    async fn prune(&mut self, wall: UtcMillis) -> Result<(), Fault> {
        let is_due = |at| wall.ms_since(at) >= PRUNE_EVERY_MS;
        if !self.pruned_at.is_none_or(is_due) {
            return Ok(());
        }
        let older_than = UtcMillis(wall.0.saturating_sub_unsigned(EVENTS_KEPT_MS));
        // A few at a time, so that nobody's create waits behind it.
        while self.store.event_prune(older_than, EVENTS_KEPT_MAX).await? > 0 {}
        self.pruned_at = Some(wall);
        Ok(())
    }
}

fn tell(turned: &AlarmTurned) {
    for alarm in &turned.raised {
        // The runner has said so, when it was given up.
        if alarm.kind == AlarmKind::DeadLetter {
            continue;
        }
        let Alarm { kind, message, .. } = alarm;
        tracing::error!(alarm = kind.name(), subject = alarm.subject, "{message}");
    }
    for Alarm { kind, subject, .. } in &turned.cleared {
        tracing::info!(
            alarm = kind.name(),
            subject,
            "{} is over: {subject}",
            kind.name()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_before_the_first_look_counts_until_it_is_old() {
        let mut refusals = Refusals::default();
        let mut counted = |ms: i64, so_far: u64| {
            let so_far = vec![[so_far; REFUSALS.len()]];
            refusals.counted(UtcMillis(ms), so_far)[0][0]
        };
        assert_eq!(counted(0, 5), 5);
        assert_eq!(counted(10_000, 10), 10, "as many as there were in all");
        assert_eq!(counted(600_000, 10), 10);
        assert_eq!(counted(610_001, 12), 2, "the older ones are forgotten");
    }
}
