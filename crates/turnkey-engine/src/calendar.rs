//! Moves the business clock from one due moment to the next (design §5, "two clocks").
//!
//! ```text
//! settle → look for what is due → to its moment, where the clock rests → act → settle → …
//! ```
//!
//! What is due is read from the instances in pages, not from an index: an index over the ends of
//! terms would be written by every create, and only a clock that is moved by hand asks for it.
//!
//! It is *not* a timer: nothing here happens by itself, and the wall clock is never touched.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use turnkey_core::ports::{Boxed, BusinessClock, Store};
use turnkey_core::{
    Fault, Instance, InstanceId, InstanceState, Listing, Now, Operation, OperationState, UtcMillis,
};

use crate::sweeper::Sweeper;
use crate::waiting::Waiting;

/// Rows in one look at the store: a page is soon read, and nobody waits long behind it.
const PAGE: usize = 500;

/// How much of what is due is kept in mind at once; what comes later is looked for again.
const AGENDA_MAX: usize = 10_000;

/// What one advance may do before it says that more is to do: some seconds' work.
const ENTRIES_MAX: usize = 1_000;

/// Turns of the sweeper in one advance before it says that more is to do: some seconds' work.
const TURNS_MAX: usize = 5_000;

/// How long work may take at one moment before the advance stops there: longer than a marketplace
/// waits, shorter than the patience of whoever looks at a terminal.
const SETTLE_MS_MAX: u64 = 20_000;

/// How long the clock rests at most when nobody says any more where it should be.
const REST_MS_MAX: u64 = 3_600_000;

/// For how long it goes on resting where more is to do: the next advance goes on from here.
const HOLD_MS: u64 = 10_000;

/// What a diary has next, and when.
pub type Next<'a, E> = Boxed<'a, Result<Option<(UtcMillis, E)>, Fault>>;

/// What falls due on the business clock, and what happens then.
pub trait Diary: Send + Sync {
    /// What is due.
    type Entry: Clone + PartialEq + Send;
    /// What came of it.
    type Done: Send;

    /// What is due next for `instance`, and when; what should have been before `now` is due now.
    fn next<'a>(&'a self, instance: &'a Instance, now: UtcMillis) -> Next<'a, Self::Entry>;

    /// Does what is due. An entry that is due again right after it is left for the next advance.
    fn act<'a>(&'a self, instance: &'a Instance, entry: &'a Self::Entry) -> Boxed<'a, Self::Done>;
}

/// A diary that only notes where terms end: the marketplace decides what follows.
#[derive(Clone, Copy, Debug)]
pub struct TermEnds;

impl Diary for TermEnds {
    type Entry = UtcMillis;
    type Done = ();

    fn next<'a>(&'a self, instance: &'a Instance, now: UtcMillis) -> Next<'a, UtcMillis> {
        let ends_at = instance.term.ends_at;
        let has_term = match instance.state {
            InstanceState::Provisioning | InstanceState::Running | InstanceState::Suspended => true,
            InstanceState::Failed | InstanceState::Releasing | InstanceState::Released => false,
        };
        let next = (has_term && ends_at > now).then_some((ends_at, ends_at));
        Box::pin(std::future::ready(Ok(next)))
    }

    fn act<'a>(&'a self, _: &'a Instance, _: &'a UtcMillis) -> Boxed<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What an advance came to.
#[derive(Debug)]
pub struct Advanced<E, D> {
    /// What both clocks show.
    pub now: Now,
    /// What happened, in its order.
    pub entries: Vec<Kept<E, D>>,
    /// Where it ended.
    pub end: End,
}

/// One entry of a diary that was kept.
#[derive(Debug)]
pub struct Kept<E, D> {
    /// When, on the business clock.
    pub at: UtcMillis,
    /// What was due.
    pub entry: E,
    /// What came of it.
    pub done: D,
    /// The instance afterwards.
    pub instance: Instance,
}

/// Where an advance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it was to go.
    Arrived,
    /// On the way; another advance goes on.
    Midway,
    /// On the way, before work that is still under way.
    Waits(Box<Operation>),
}

/// The business clock of a shop, and who moves it.
pub struct Calendar {
    store: Arc<dyn Store>,
    clock: Arc<dyn BusinessClock>,
    waiting: Waiting,
    sweeper: Arc<Sweeper>,
    /// The listings of products that a person delivers.
    by_hand: HashSet<String>,
    turn: Mutex<()>,
}

impl Calendar {
    /// The calendar of `store`, which holds what `listings` sold; the runner tells `waiting` how
    /// work ended.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn BusinessClock>,
        waiting: Waiting,
        sweeper: Arc<Sweeper>,
        listings: impl IntoIterator<Item = Arc<Listing>>,
    ) -> Self {
        let by_hand = |listing: &Arc<Listing>| listing.product.not_yet_for_ms.is_none();
        let listings = listings.into_iter().filter(by_hand);
        Self {
            store,
            clock,
            waiting,
            sweeper,
            by_hand: listings.map(|listing| listing.name.clone()).collect(),
            turn: Mutex::new(()),
        }
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Moves the business clock to `until`, and on the way from one moment at which `diary` has an
    /// entry to the next. At each it rests until everything that is under way is over, so that all
    /// of it is stamped with that moment; only what a person has to do is not waited for. Afterwards
    /// it ticks again.
    ///
    /// # Errors
    /// `clock_back` when it is later already, `clock_busy` while another advance is under way; and
    /// when the store is not well.
    pub async fn advance<D: Diary>(
        &self,
        until: UtcMillis,
        diary: &D,
    ) -> Result<Advanced<D::Entry, D::Done>, Fault> {
        let mut turn = self.turn()?;
        if until < self.clock.now().business {
            let message = "the business clock is past that already, and never goes back";
            return Err(Fault::malformed("clock_back", message));
        }
        turn.rest();
        let mut entries = Vec::new();
        let end = self.go(&turn, until, diary, &mut entries).await?;
        if end != End::Arrived {
            turn.hold_ms = HOLD_MS;
        }
        drop(turn);
        Ok(Advanced {
            now: self.clock.now(),
            entries,
            end,
        })
    }

    fn turn(&self) -> Result<Turn<'_>, Fault> {
        let busy = |_| Fault::busy("clock_busy", "somebody else moves the clock just now");
        Ok(Turn {
            calendar: self,
            hold_ms: 0,
            _only: self.turn.try_lock().map_err(busy)?,
        })
    }

    async fn go<D: Diary>(
        &self,
        turn: &Turn<'_>,
        until: UtcMillis,
        diary: &D,
        kept: &mut Vec<Kept<D::Entry, D::Done>>,
    ) -> Result<End, Fault> {
        let began_at = self.clock.now().business;
        let mut left_out = HashSet::new();
        let mut turns = 0;
        if let Some(operation) = self.settle().await? {
            return Ok(End::Waits(Box::new(operation)));
        }
        loop {
            let mut agenda = self.agenda(diary, until, &left_out).await?;
            if agenda.entries.is_empty() {
                let stopped = self.keep_terms(turn, until, &mut turns).await?;
                return Ok(stopped.unwrap_or(End::Arrived));
            }
            while let Some(((due_at, id), entry)) = agenda.entries.pop_first() {
                let now = self.clock.now().business;
                // Everything of one moment belongs together, and each advance makes some way.
                if kept.len() >= ENTRIES_MAX && due_at > now && now > began_at {
                    return Ok(End::Midway);
                }
                if let Some(stopped) = self.keep_terms(turn, due_at, &mut turns).await? {
                    return Ok(stopped);
                }
                let at = self.clock.now().business;
                let Some(before) = self.store.instance_get(id.clone()).await? else {
                    continue;
                };
                let done = diary.act(&before, &entry).await;
                let unfinished = self.settle().await?;
                let instance = self.store.instance_get(id.clone()).await?;
                let instance = instance.unwrap_or(before);
                match diary.next(&instance, at).await? {
                    Some((_, next)) if next == entry => {
                        left_out.insert(id);
                    }
                    Some((due_at, next)) if due_at <= agenda.horizon => {
                        agenda.entries.insert((due_at, id), next);
                    }
                    Some(_) | None => {}
                }
                kept.push(Kept {
                    at,
                    entry,
                    done,
                    instance,
                });
                if let Some(operation) = unfinished {
                    return Ok(End::Waits(Box::new(operation)));
                }
            }
        }
    }

    /// Moves to `at`, and on the way from one moment at which the sweeper has something to do to
    /// the next. Where it ended, when that is before `at`.
    async fn keep_terms(
        &self,
        turn: &Turn<'_>,
        at: UtcMillis,
        turns: &mut usize,
    ) -> Result<Option<End>, Fault> {
        let mut is_there = false;
        loop {
            let swept = self.sweeper.pass().await?;
            *turns += swept.turns;
            if swept.turns > 0
                && let Some(operation) = self.settle().await?
            {
                return Ok(Some(End::Waits(Box::new(operation))));
            }
            match swept.next_at.filter(|next| *next <= at) {
                Some(_) if *turns >= TURNS_MAX => return Ok(Some(End::Midway)),
                Some(next) => turn.to(next).await?,
                None if is_there => return Ok(None),
                // What is due at that very moment belongs to it.
                None => {
                    turn.to(at).await?;
                    is_there = true;
                }
            }
        }
    }

    /// What is due until `until`, or the earliest part of it.
    async fn agenda<D: Diary>(
        &self,
        diary: &D,
        until: UtcMillis,
        left_out: &HashSet<InstanceId>,
    ) -> Result<Agenda<D::Entry>, Fault> {
        let now = self.clock.now().business;
        let mut agenda = Agenda {
            entries: BTreeMap::new(),
            horizon: until,
        };
        let mut after = None;
        loop {
            let page = self.store.instance_list(after.take(), PAGE).await?;
            for instance in &page {
                if left_out.contains(&instance.id) {
                    continue;
                }
                let next = diary.next(instance, now).await?;
                let Some((at, entry)) = next.filter(|(at, _)| *at <= agenda.horizon) else {
                    continue;
                };
                agenda.entries.insert((at, instance.id.clone()), entry);
                if agenda.entries.len() > AGENDA_MAX
                    && let Some(((at, _), _)) = agenda.entries.pop_last()
                {
                    agenda.horizon = at;
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                Some(_) | None => return Ok(agenda),
            }
        }
    }

    /// Waits until no work is under way; what still is when that took too long.
    async fn settle(&self) -> Result<Option<Operation>, Fault> {
        let mut time_is_up = self.clock.sleep(SETTLE_MS_MAX);
        loop {
            let Some(operation) = self.under_way().await? else {
                return Ok(None);
            };
            let mut wait = self.waiting.wait(operation.instance.clone());
            // Whoever waits does so before the last look, so that no end is missed.
            if self.under_way().await?.is_none_or(|o| o.id != operation.id) {
                continue;
            }
            tokio::select! {
                biased;
                _ = wait.news() => {}
                () = &mut time_is_up => return Ok(Some(operation)),
            }
        }
    }

    /// Whether a person has to do `operation`. What takes a person takes days, on whatever clock.
    async fn waits_for_a_person(&self, operation: &Operation) -> Result<bool, Fault> {
        if operation.state != OperationState::Retrying || self.by_hand.is_empty() {
            return Ok(false);
        }
        let instance = self.store.instance_get(operation.instance.clone()).await?;
        Ok(instance.is_some_and(|instance| self.by_hand.contains(&instance.listing)))
    }

    async fn under_way(&self) -> Result<Option<Operation>, Fault> {
        let mut after = None;
        loop {
            let page = self.store.operation_list(after.take(), PAGE).await?;
            let is_full = page.len() == PAGE;
            let last = page.last().map(|last| last.id.clone());
            for operation in page.into_iter().filter(|o| o.state.is_under_way()) {
                if !self.waits_for_a_person(&operation).await? {
                    return Ok(Some(operation));
                }
            }
            match last.filter(|_| is_full) {
                Some(last) => after = Some(last),
                None => return Ok(None),
            }
        }
    }
}

/// The earliest of what is due.
struct Agenda<E> {
    entries: BTreeMap<(UtcMillis, InstanceId), E>,
    /// Everything up to here is in it.
    horizon: UtcMillis,
}

/// The right to move the clock. Whoever hangs up lets it tick again.
struct Turn<'a> {
    calendar: &'a Calendar,
    hold_ms: u64,
    _only: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    fn rest(&self) {
        let clock = &self.calendar.clock;
        let now = clock.now();
        clock.rest_at(now.business, now.wall.plus_ms(REST_MS_MAX));
    }

    /// Moves to `at`. What the clock has shown must be so after a restart too: stored, then shown.
    async fn to(&self, at: UtcMillis) -> Result<(), Fault> {
        let Calendar { store, clock, .. } = self.calendar;
        let now = clock.now();
        if at > now.business {
            store
                .clock_set_offset(at.0.saturating_sub(now.wall.0))
                .await?;
        }
        clock.rest_at(at, now.wall.plus_ms(REST_MS_MAX));
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let clock = &self.calendar.clock;
        let now = clock.now();
        clock.rest_at(now.business, now.wall.plus_ms(self.hold_ms));
    }
}
