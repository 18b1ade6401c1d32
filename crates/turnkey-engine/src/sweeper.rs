//! Our own clock at work (design §5, "sweeper"): ends of terms, what follows them, and orders whose
//! time to be paid is over. *When* things fall due is stored; *what* happens then is decided in
//! `turnkey_core::decide::turn`; here is only who asks, and the brake.
//!
//! The brake: nothing is removed once the wall clock jumped against the clock that only ticks, or
//! once more removals are due after a stop than ever fall due by chance, until a person says that
//! it goes on. Everything else goes on meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use turnkey_core::ports::{AlarmTurn, Clock, Settlement, Settling, Store, TermTurn};
use turnkey_core::{
    About, Alarm, AlarmKind, Fault, FaultKind, InstanceId, Listing, OrderId, UtcMillis,
};

use crate::ids::Ids;

/// How far the wall clock may run away from the clock that only ticks, in milliseconds: more than
/// any correction of a clock that was nearly right.
const JUMP_MS_MAX: u64 = 3_600_000;

/// So many removals after a stop are never too many…
const REMOVALS_AT_ONCE_MAX: u64 = 10;

/// …nor are so many of a hundred instances.
const REMOVALS_PERCENT_MAX: u64 = 5;

/// What is looked at in one go.
const PAGE: usize = 100;

/// The longest pause: a business clock that is moved by hand wakes nobody.
const LOOK_EVERY_MS: u64 = 10_000;

/// Alarms among which the brake's own is looked for: there are never so many.
const ALARMS_LOOKED_AT: usize = 10_000;

/// What the brake's alarm is about: there is one brake.
const SUBJECT: &str = "sweeper";

/// Our own clock at work.
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    listings: BTreeMap<String, Arc<Listing>>,
    nudge: Arc<Notify>,
    ids: Ids,
    brake: Mutex<Brake>,
}

#[derive(Default)]
struct Brake {
    /// Why nothing is removed.
    why: Option<String>,
    /// The wall clock and the one that only ticks, at the last look.
    seen: Option<(UtcMillis, u64)>,
    is_alarmed: bool,
    /// Whether somebody has looked at what fell due while nothing ran.
    has_looked: bool,
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Turns that moved something on.
    pub turns: usize,
    /// When the next one is due, on the business clock.
    pub next_at: Option<UtcMillis>,
}

impl Sweeper {
    /// A sweeper of what `listings` sold; `nudge` wakes the runner.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        listings: impl IntoIterator<Item = Arc<Listing>>,
        nudge: Arc<Notify>,
    ) -> Self {
        let own = |listing: &Arc<Listing>| listing.own_terms.is_some();
        let listings = listings.into_iter().filter(own);
        Self {
            store,
            clock,
            listings: listings.map(|l| (l.name.clone(), l)).collect(),
            nudge,
            ids: Ids::default(),
            brake: Mutex::default(),
        }
    }

    /// Why nothing is removed; `None` while removals go on.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.brake().why.clone()
    }

    /// Goes on with removals: a person looked at what is due.
    ///
    /// # Errors
    /// When the store is not well; then it goes on all the same, with its alarm.
    pub async fn resume(&self) -> Result<(), Fault> {
        {
            let mut brake = self.brake();
            brake.why = None;
            brake.is_alarmed = false;
        }
        let turn = AlarmTurn {
            raise: Vec::new(),
            clear: vec![(AlarmKind::SweeperStopped, SUBJECT.to_owned())],
            now: self.clock.now(),
        };
        self.store.alarm_turn(turn).await.map(drop)
    }

    /// Looks now and then, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            let next_at = match self.pass().await {
                Ok(swept) => swept.next_at,
                Err(fault) => {
                    tracing::warn!(code = fault.code, "cannot look at terms now: {fault}");
                    None
                }
            };
            let now = self.clock.now().business;
            let pause = next_at.map_or(LOOK_EVERY_MS, |at| at.ms_since(now));
            self.clock.sleep(pause.clamp(1, LOOK_EVERY_MS)).await;
        }
    }

    /// Takes every turn that is due by now; each instance one, so that a pass has an end whatever
    /// comes of its turns, and what a turn begins is seen before the next.
    ///
    /// # Errors
    /// When the store is not well; what was done is done.
    pub async fn pass(&self) -> Result<Swept, Fault> {
        let mut swept = Swept::default();
        if self.listings.is_empty() {
            return Ok(swept);
        }
        self.look_at_the_clocks();
        self.look_at_what_waited().await?;
        self.raise_alarm().await?;
        let (mut cancelled, mut turned) = (HashSet::new(), HashSet::new());
        let mut limit = PAGE;
        loop {
            let now = self.clock.now().business;
            let mut due = self.store.terms_due(now, limit).await?;
            swept.next_at = due.next_at;
            let found = due.unpaid.len().max(due.instances.len());
            due.unpaid
                .retain(|(order, _)| cancelled.insert(order.clone()));
            due.instances.retain(|(id, _)| turned.insert(id.clone()));
            let fresh = due.unpaid.len().max(due.instances.len());
            swept.turns += self.cancel(due.unpaid).await?;
            swept.turns += self.turn(due.instances).await?;
            match fresh {
                0 if found < limit => return Ok(swept),
                // Nothing but what stays due: what comes behind it?
                0 => limit += PAGE,
                fresh => limit = PAGE + found - fresh,
            }
        }
    }

    /// Takes turns, all at once, so that the writer commits them together; how many moved on.
    async fn turn(&self, due: Vec<(InstanceId, String)>) -> Result<usize, Fault> {
        let mut turns = JoinSet::new();
        let now = self.clock.now();
        let may_release = self.brake().why.is_none();
        for (instance, listing) in due {
            let Some(listing) = self.listings.get(&listing) else {
                continue;
            };
            let turn = TermTurn {
                listing: Arc::clone(listing),
                instance: instance.clone(),
                fresh: self.ids.fresh(now.wall),
                now,
                may_release,
            };
            let store = Arc::clone(&self.store);
            turns.spawn(async move { (store.term_turn(turn).await, instance) });
        }
        let mut moved = 0;
        let mut is_work_due = false;
        let mut unwell = None;
        for (turned, instance) in turns.join_all().await {
            match turned {
                Ok(turned) => {
                    is_work_due |= turned.is_work_due;
                    moved += usize::from(!turned.is_kept_back);
                }
                Err(fault) => unwell = unwell.or(unless_busy(fault, instance.as_str())),
            }
        }
        if is_work_due {
            self.nudge.notify_one();
        }
        unwell.map_or(Ok(moved), Err)
    }

    /// Takes unpaid orders back; how many it took.
    async fn cancel(&self, due: Vec<(OrderId, String)>) -> Result<usize, Fault> {
        let mut moved = 0;
        for (order, listing) in due {
            let Some(listing) = self.listings.get(&listing) else {
                continue;
            };
            let now = self.clock.now();
            let settling = Settling {
                listing: Arc::clone(listing),
                order: order.clone(),
                how: Settlement::Cancel,
                fresh: self.ids.fresh(now.wall),
                now,
            };
            match self.store.order_settle(settling).await {
                Ok(_) => moved += 1,
                Err(fault) => {
                    if let Some(fault) = unless_busy(fault, order.as_str()) {
                        return Err(fault);
                    }
                }
            }
        }
        Ok(moved)
    }

    /// Once after a start: whether so much fell due meanwhile that a person should look first, and
    /// whether somebody should have looked before it.
    async fn look_at_what_waited(&self) -> Result<(), Fault> {
        if self.brake().has_looked {
            return Ok(());
        }
        let now = self.clock.now().business;
        let alarms = self.store.alarm_list(ALARMS_LOOKED_AT).await?;
        let stopped = alarms
            .into_iter()
            .find(|a| a.kind == AlarmKind::SweeperStopped);
        if let Some(alarm) = stopped {
            let mut brake = self.brake();
            (brake.why, brake.is_alarmed) = (Some(alarm.message), true);
            brake.has_looked = true;
            return Ok(());
        }
        for waits in self.store.removals_due(now).await? {
            let share = waits.of * REMOVALS_PERCENT_MAX / 100;
            if waits.due > share.max(REMOVALS_AT_ONCE_MAX) {
                self.stop(format!(
                    "{} of {} instances of listing {:?} are due to be removed at once",
                    waits.due, waits.of, waits.listing
                ));
            }
        }
        self.brake().has_looked = true;
        Ok(())
    }

    fn look_at_the_clocks(&self) {
        let (wall, steady) = (self.clock.now().wall, self.clock.steady_ms());
        let before = self.brake().seen.replace((wall, steady));
        let Some((wall_before, steady_before)) = before else {
            return;
        };
        let ticked = i64::try_from(steady.saturating_sub(steady_before)).unwrap_or(i64::MAX);
        let jumped = (wall.0 - wall_before.0).saturating_sub(ticked);
        if jumped.unsigned_abs() > JUMP_MS_MAX {
            let hours = jumped / 3_600_000;
            self.stop(format!("the wall clock jumped by about {hours} h"));
        }
    }

    fn stop(&self, why: String) {
        let mut brake = self.brake();
        if brake.why.is_none() {
            tracing::error!("nothing is removed any more: {why}");
            brake.why = Some(why);
        }
    }

    async fn raise_alarm(&self) -> Result<(), Fault> {
        let why = {
            let brake = self.brake();
            brake.why.clone().filter(|_| !brake.is_alarmed)
        };
        let Some(why) = why else {
            return Ok(());
        };
        let now = self.clock.now();
        let message = format!(
            "{why}: nothing is removed until somebody has looked; go on with `turnkey sweeper resume`"
        );
        let kind = AlarmKind::SweeperStopped;
        let alarm = Alarm::new(kind, SUBJECT, About::default(), now, message);
        let turn = AlarmTurn {
            raise: vec![alarm],
            clear: Vec::new(),
            now,
        };
        self.store.alarm_turn(turn).await?;
        self.brake().is_alarmed = true;
        Ok(())
    }

    fn brake(&self) -> std::sync::MutexGuard<'_, Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One row that cannot be moved on must not stop the others: it is told, and left. A store that is
/// not well does stop them.
fn unless_busy(fault: Fault, what: &str) -> Option<Fault> {
    if fault.kind == FaultKind::Busy {
        return Some(fault);
    }
    tracing::error!(
        code = fault.code,
        note = fault.note,
        "the terms of {what} cannot be kept: {fault}"
    );
    None
}
