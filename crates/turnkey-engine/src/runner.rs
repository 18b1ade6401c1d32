//! The back: claims due operations under a lease, calls their drivers, has the results committed.
//! First try, retry and restart go the same way.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use turnkey_core::decide::Backoff;
use turnkey_core::ports::{Claim, Clock, Report, Reported, Store, Verdict, Work};
use turnkey_core::{Fault, Listing};

use crate::waiting::Waiting;

/// Bounds of the runner.
#[derive(Clone, Copy, Debug)]
pub struct RunnerLimits {
    /// How many drivers may be at work at once.
    pub concurrent_max: usize,
    /// For how long an operation is leased, in milliseconds; renewed while its driver is at work.
    pub lease_ms: u64,
    /// How long to wait before a driver is asked again.
    pub backoff: Backoff,
    /// How long to wait before a store that is not well is asked again, in milliseconds.
    pub store_pause_ms: u64,
}

impl Default for RunnerLimits {
    fn default() -> Self {
        Self {
            concurrent_max: 256,
            lease_ms: 30_000,
            // The first repeats must fall within the twelve seconds that a marketplace waits; the
            // last ones must not wake a vendor's system every second of a night.
            backoff: Backoff {
                first_ms: 1_000,
                longest_ms: 300_000,
            },
            store_pause_ms: 1_000,
        }
    }
}

/// The runner.
pub struct Runner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    listings: HashMap<String, Arc<Listing>>,
    waiting: Waiting,
    nudge: Arc<Notify>,
    limits: RunnerLimits,
    at_work: AtomicUsize,
}

impl Runner {
    /// A runner for the products of `listings`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        listings: &[Arc<Listing>],
        waiting: Waiting,
        nudge: Arc<Notify>,
        limits: RunnerLimits,
    ) -> Self {
        let listings = listings
            .iter()
            .map(|l| (l.name.clone(), Arc::clone(l)))
            .collect();
        Self {
            store,
            clock,
            listings,
            waiting,
            nudge,
            limits,
            at_work: AtomicUsize::new(0),
        }
    }

    /// How many drivers are at work now.
    #[must_use]
    pub fn at_work(&self) -> usize {
        self.at_work.load(Ordering::Relaxed)
    }

    /// Works until `stop` says so; what is under way then is abandoned, to be resumed by the next
    /// start.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut works = JoinSet::new();
        loop {
            let pause_ms = self.round(&mut works).await;
            tokio::select! {
                // A stop whose sender is gone is a stop too.
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.nudge.notified() => {}
                Some(ended) = works.join_next() => log_panic(ended),
                () = self.clock.sleep(pause_ms) => {}
            }
            while let Some(ended) = works.try_join_next() {
                log_panic(ended);
            }
        }
    }

    /// Claims what is due and sets drivers to work. Returns for how long nothing will fall due, in
    /// milliseconds.
    async fn round(self: &Arc<Self>, works: &mut JoinSet<()>) -> u64 {
        /// Longest pause without a look: costs nothing, and mends whatever was missed.
        const LOOK_AGAIN_MS: u64 = 60_000;
        loop {
            let limit = self.limits.concurrent_max.saturating_sub(works.len());
            if limit == 0 {
                return LOOK_AGAIN_MS;
            }
            let now = self.clock.now();
            let claim = Claim {
                now,
                limit,
                lease_ms: self.limits.lease_ms,
            };
            let claimed = match self.store.operation_claim(claim).await {
                Ok(claimed) => claimed,
                Err(fault) => {
                    tracing::error!(fault.code, note = fault.note, "cannot claim operations");
                    return self.limits.store_pause_ms;
                }
            };
            let is_all = claimed.works.len() < limit;
            for work in claimed.works {
                let runner = Arc::clone(self);
                self.at_work.fetch_add(1, Ordering::Relaxed);
                works.spawn(async move {
                    let _at_work = AtWork(&runner.at_work);
                    runner.do_work(work).await;
                });
            }
            if is_all {
                let next = claimed.next_due_at.map(|next| next.ms_since(now.wall));
                return next.unwrap_or(LOOK_AGAIN_MS).min(LOOK_AGAIN_MS);
            }
        }
    }

    async fn do_work(&self, work: Work) {
        let Some(listing) = self.listings.get(&work.listing) else {
            tracing::error!(
                operation.id = %work.operation,
                "operation {} belongs to listing {:?}, which is not configured",
                work.operation,
                work.listing,
            );
            return;
        };
        let Some(verdict) = self.drive(listing, &work).await else {
            tracing::warn!(operation.id = %work.operation, "lost the lease of {}", work.operation);
            return;
        };
        log_verdict(&work, &verdict);
        self.report(listing, &work, verdict).await;
    }

    /// Calls the driver while the lease holds; `None` when it was lost.
    async fn drive(&self, listing: &Listing, work: &Work) -> Option<Verdict> {
        let mut driven = listing.product.driver.drive(work.clone());
        loop {
            tokio::select! {
                biased;
                verdict = &mut driven => return Some(verdict),
                () = self.clock.sleep(self.limits.lease_ms / 3) => {}
            }
            let until = self.clock.now().wall.plus_ms(self.limits.lease_ms);
            let held = vec![(work.operation.clone(), work.fence)];
            // A store that is not well keeps the lease as it is; the next third tries again.
            if let Ok(held) = self.store.operation_renew_lease(held, until).await
                && held.is_empty()
            {
                return None;
            }
        }
    }

    /// Has the driver's answer committed. When the store is not well for longer than the lease,
    /// the driver will be asked again under the same key.
    async fn report(&self, listing: &Arc<Listing>, work: &Work, verdict: Verdict) {
        let tries = self.limits.lease_ms / self.limits.store_pause_ms.max(1);
        let jitter = rand::rng().random::<f64>();
        let again_in_ms = self.limits.backoff.after(work.attempt, jitter);
        for _ in 0..=tries {
            let report = Report {
                listing: Arc::clone(listing),
                operation: work.operation.clone(),
                fence: work.fence,
                verdict: verdict.clone(),
                now: self.clock.now(),
                again_in_ms,
            };
            match self.store.operation_report(report).await {
                Ok(reported) => return self.reported(work, reported),
                Err(fault) => {
                    log_unreported(work, &fault);
                    self.clock.sleep(self.limits.store_pause_ms).await;
                }
            }
        }
    }

    fn reported(&self, work: &Work, reported: Reported) {
        let id = &work.operation;
        match reported {
            Reported::Over(end) => self.waiting.tell(id, &Some(end)),
            Reported::Dead => {
                tracing::error!(
                    operation.id = %id,
                    instance.id = %work.instance,
                    alarm = "dead_letter",
                    "operation {id} was given up and needs a person",
                );
                self.waiting.tell(id, &None);
            }
            Reported::Again => {}
            Reported::Stale => {
                tracing::warn!(operation.id = %id, "the result of {id} came too late; ignored");
            }
        }
        // What waited behind it may be due now.
        self.nudge.notify_one();
    }
}

/// Counts a driver as at work for as long as it lives.
struct AtWork<'a>(&'a AtomicUsize);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn log_verdict(work: &Work, verdict: &Verdict) {
    let (id, kind, attempt) = (&work.operation, work.kind.name(), work.attempt);
    match verdict {
        Verdict::Done(_) => tracing::info!(
            operation.id = %id, instance.id = %work.instance, attempt, "{kind} {id} done"
        ),
        Verdict::NotYet(_) => tracing::debug!(operation.id = %id, attempt, "{kind} {id} not yet"),
        Verdict::No(message) => tracing::warn!(
            operation.id = %id, instance.id = %work.instance, attempt, message, "{kind} {id} refused"
        ),
        Verdict::Retry(note) => tracing::warn!(
            operation.id = %id, instance.id = %work.instance, attempt, note, "{kind} {id} failed, will be retried"
        ),
    }
}

fn log_unreported(work: &Work, fault: &Fault) {
    tracing::error!(
        operation.id = %work.operation,
        fault.code,
        note = fault.note,
        "cannot commit the result of {}",
        work.operation,
    );
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a driver panicked; its operation is taken up when its lease ends");
    }
}
