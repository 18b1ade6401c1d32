//! The back: claims due operations under a lease, calls their drivers, has the results committed.
//! First try, retry and restart go the same way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use turnkey_core::decide::Backoff;
use turnkey_core::ports::{Boxed, Claim, Clock, Report, Reported, Store, Verdict, Work};
use turnkey_core::{AlarmKind, Fault, FaultKind, Listing};

use crate::handover::{Handed, Room};
use crate::waiting::{News, Waiting};

/// Longest pause without a look: costs nothing, and mends whatever was missed.
const LOOK_AGAIN_MS: u64 = 60_000;

/// What a look at the store came to.
struct Looked {
    works: Vec<(Work, Option<OwnedSemaphorePermit>)>,
    /// Whether more may be due than there was room for.
    is_more: bool,
    /// For how long nothing will fall due, in milliseconds.
    pause_ms: u64,
}

/// Bounds of the runner.
#[derive(Clone, Copy, Debug)]
pub struct RunnerLimits {
    /// How many drivers may be at work at once.
    pub concurrent_max: usize,
    /// For how long an operation is leased, in milliseconds; renewed while its driver is at work.
    pub lease_ms: u64,
    /// How long to wait before a driver is asked again.
    pub backoff: Backoff,
    /// A number between 0 and 1 for each such wait, so that what failed together does not come
    /// back together.
    pub jitter: fn() -> f64,
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
            jitter: || rand::rng().random(),
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
    room: Room,
    handed: Mutex<Option<UnboundedReceiver<Handed>>>,
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
        let (room, handed) = Room::new(limits.concurrent_max, limits.lease_ms);
        Self {
            room,
            handed: Mutex::new(Some(handed)),
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

    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Works until `stop` says so; what is under way then is abandoned, to be resumed by the next
    /// start.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let handed = self
            .handed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A second life of the same runner is handed nothing; it claims.
        let mut handed = handed.unwrap_or_else(|| unbounded_channel().1);
        let mut works = JoinSet::new();
        let mut look = self.look();
        let (mut is_looking, mut is_worth_a_look, mut is_more_due) = (true, false, false);
        let mut pause = self.clock.sleep(LOOK_AGAIN_MS);
        loop {
            tokio::select! {
                biased;
                // A stop whose sender is gone is a stop too.
                _ = stop.wait_for(|stop| *stop) => return,
                looked = &mut look, if is_looking => {
                    is_looking = false;
                    is_more_due = looked.is_more;
                    is_worth_a_look |= is_more_due && !looked.works.is_empty();
                    pause = self.clock.sleep(looked.pause_ms);
                    for (work, place) in looked.works {
                        self.set_to_work(&mut works, work, place);
                    }
                }
                Some(Handed { work, place }) = handed.recv() => {
                    self.set_to_work(&mut works, work, Some(place));
                }
                Some(ended) = works.join_next() => {
                    // Whatever found no room has some now; and a lease that nobody holds ends.
                    is_worth_a_look |= is_more_due || ended.is_err();
                    log_panic(&ended);
                }
                () = self.nudge.notified() => is_worth_a_look = true,
                () = &mut pause, if !is_looking => is_worth_a_look = true,
            }
            if is_worth_a_look && !is_looking {
                look = self.look();
                (is_looking, is_worth_a_look) = (true, false);
            }
        }
    }

    /// Claims what is due, as far as there is room.
    fn look(self: &Arc<Self>) -> Boxed<'static, Looked> {
        let runner = Arc::clone(self);
        Box::pin(async move { runner.claim().await })
    }

    async fn claim(&self) -> Looked {
        let nothing = |is_more, pause_ms| Looked {
            works: Vec::new(),
            is_more,
            pause_ms,
        };
        let Some(mut places) = self.room.half() else {
            return nothing(true, LOOK_AGAIN_MS);
        };
        let (now, limit, lease_ms) = (self.clock.now(), places.num_permits(), self.limits.lease_ms);
        let claimed = match self
            .store
            .operation_claim(Claim {
                now,
                limit,
                lease_ms,
            })
            .await
        {
            Ok(claimed) => claimed,
            Err(fault) => {
                tracing::error!(fault.code, note = fault.note, "cannot claim operations");
                return nothing(false, self.limits.store_pause_ms);
            }
        };
        for (id, fault) in &claimed.set_aside {
            tracing::error!(
                operation.id = %id,
                alarm = AlarmKind::Unclaimable.name(),
                note = fault.note,
                "operation {id} cannot be taken up and is set aside",
            );
        }
        let next_ms = claimed.next_due_at.map(|next| next.ms_since(now.wall));
        Looked {
            is_more: claimed.works.len() + claimed.set_aside.len() == limit,
            pause_ms: next_ms.unwrap_or(LOOK_AGAIN_MS).min(LOOK_AGAIN_MS),
            // As many places as works were asked for.
            works: claimed
                .works
                .into_iter()
                .map(|work| (work, places.split(1)))
                .collect(),
        }
    }

    fn set_to_work(
        self: &Arc<Self>,
        works: &mut JoinSet<()>,
        work: Work,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let at_work = AtWork::of(self);
        works.spawn(async move {
            at_work.0.do_work(work).await;
            drop(place);
        });
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
        let is_all_done = match self.drive(listing, &work).await {
            Some(verdict) => {
                log_verdict(&work, &verdict);
                self.report(listing, &work, verdict).await
            }
            None => {
                let id = &work.operation;
                tracing::warn!(operation.id = %id, "lost the lease of {id}");
                false
            }
        };
        if !is_all_done {
            self.nudge.notify_one();
        }
    }

    /// Calls the driver while the lease holds; `None` when it was lost.
    async fn drive(&self, listing: &Listing, work: &Work) -> Option<Verdict> {
        tokio::select! {
            biased;
            verdict = listing.product.driver.drive(work.clone()) => Some(verdict),
            () = self.hold_lease(work) => None,
        }
    }

    /// Renews the lease of `work`; ends when it is lost.
    async fn hold_lease(&self, work: &Work) {
        loop {
            self.clock.sleep(self.limits.lease_ms / 3).await;
            let until = self.clock.now().wall.plus_ms(self.limits.lease_ms);
            let held = vec![(work.operation.clone(), work.fence)];
            // A store that is not well keeps the lease as it is; the next third tries again.
            if let Ok(held) = self.store.operation_renew_lease(held, until).await
                && held.is_empty()
            {
                return;
            }
        }
    }

    /// Has the driver's answer committed; whether nothing is left to be claimed because of it. When
    /// the store is not well for longer than the lease, the driver will be asked again under the
    /// same key.
    async fn report(&self, listing: &Arc<Listing>, work: &Work, verdict: Verdict) -> bool {
        let tries = self.limits.lease_ms / self.limits.store_pause_ms.max(1);
        let jitter = (self.limits.jitter)();
        let again_in_ms = self.limits.backoff.after(work.attempt, jitter);
        let mut verdict = self.with_bounded_wait(verdict);
        for _ in 0..=tries {
            let report = Report {
                listing: Arc::clone(listing),
                instance: work.instance.clone(),
                operation: work.operation.clone(),
                fence: work.fence,
                verdict: verdict.clone(),
                now: self.clock.now(),
                again_in_ms,
            };
            match self.store.operation_report(report).await {
                Ok(reported) => return self.reported(work, reported),
                Err(fault) if fault.kind == FaultKind::Busy => {
                    log_unreported(work, &fault);
                    self.clock.sleep(self.limits.store_pause_ms).await;
                }
                Err(fault) => {
                    log_unreported(work, &fault);
                    // An answer that can never be taken must not be fetched for ever: as a failed
                    // attempt it backs off, and needs a person in the end.
                    if matches!(verdict, Verdict::Retry(_)) {
                        return false;
                    }
                    let note = fault.note.unwrap_or(fault.message);
                    verdict = Verdict::Retry(format!("cannot commit the driver's answer: {note}"));
                }
            }
        }
        false
    }

    /// `verdict`, with the wait that a driver asks for kept within bounds.
    fn with_bounded_wait(&self, verdict: Verdict) -> Verdict {
        /// A vendor that asks for more patience is asked earlier: whatever needs a person should
        /// be found the same day.
        const NOT_YET_MS_MAX: u64 = 3_600_000;
        match verdict {
            // One that says "now" over and over would keep the store busy all by itself.
            Verdict::NotYet(Some(ms)) => {
                let ms = ms.max(self.limits.backoff.first_ms).min(NOT_YET_MS_MAX);
                Verdict::NotYet(Some(ms))
            }
            Verdict::NotYet(None) | Verdict::Done(_) | Verdict::No(_) | Verdict::Retry(_) => {
                verdict
            }
        }
    }

    /// Tells whoever waits; whether nothing is left to be claimed because of it.
    fn reported(&self, work: &Work, reported: Reported) -> bool {
        let id = &work.operation;
        let tell = |news| self.waiting.tell(&work.instance, news);
        match reported {
            Reported::Over {
                end,
                is_next_due,
                in_name_only,
            } => {
                if in_name_only {
                    log_in_name_only(work);
                }
                // What passes the dead takes back what it passed; behind a no, others are held up.
                let concerns_others = end.is_err() || work.kind.passes_the_dead();
                tell(News::End(id.clone(), Some(end)));
                if concerns_others {
                    tell(News::LookAgain);
                }
                !is_next_due
            }
            Reported::Dead { in_name_only } => {
                if in_name_only {
                    log_in_name_only(work);
                }
                tracing::error!(
                    operation.id = %id,
                    instance.id = %work.instance,
                    alarm = "dead_letter",
                    "operation {id} was given up and needs a person",
                );
                tell(News::End(id.clone(), None));
                tell(News::LookAgain);
                false
            }
            Reported::Again => false,
            Reported::Stale => {
                tracing::warn!(operation.id = %id, "the result of {id} came too late; ignored");
                false
            }
        }
    }
}

fn log_in_name_only(work: &Work) {
    let (id, instance) = (&work.operation, &work.instance);
    tracing::error!(
        operation.id = %id,
        instance.id = %instance,
        listing = work.listing,
        alarm = "delivered_in_name_only",
        "{instance} was answered with holding links and cannot be delivered; its buyer waits",
    );
}

/// Counts a driver as at work for as long as it lives.
struct AtWork(Arc<Runner>);

impl AtWork {
    fn of(runner: &Arc<Runner>) -> Self {
        runner.at_work.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(runner))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

fn log_verdict(work: &Work, verdict: &Verdict) {
    let (id, kind, attempt) = (&work.operation, work.kind.name(), work.attempt);
    match verdict {
        Verdict::Done(_) => tracing::debug!(
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

fn log_panic(ended: &Result<(), tokio::task::JoinError>) {
    // Without the error: it quotes the panic, and that may quote anything.
    if ended.is_err() {
        tracing::error!("a driver panicked; its operation is taken up when its lease ends");
    }
}
