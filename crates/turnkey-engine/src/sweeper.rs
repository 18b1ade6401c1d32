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
use turnkey_core::ports::{AlarmTurn, Clock, Settlement, Settling, Store, TermTurn};
use turnkey_core::{About, Alarm, AlarmKind, Fault, InstanceId, Listing, OrderId, UtcMillis};

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
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Turns that were taken.
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
        if let Err(fault) = self.check_what_waited().await {
            tracing::warn!(code = fault.code, "cannot see what fell due: {fault}");
        }
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

    /// After a stop: whether so much fell due meanwhile that a person should look first, and whether
    /// somebody should have looked before it.
    ///
    /// # Errors
    /// When the store is not well.
    pub async fn check_what_waited(&self) -> Result<(), Fault> {
        let now = self.clock.now().business;
        let alarms = self.store.alarm_list(ALARMS_LOOKED_AT).await?;
        let stopped = alarms
            .into_iter()
            .find(|a| a.kind == AlarmKind::SweeperStopped);
        if let Some(alarm) = stopped {
            let mut brake = self.brake();
            (brake.why, brake.is_alarmed) = (Some(alarm.message), true);
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
        Ok(())
    }

    /// Takes every turn that is due by now.
    ///
    /// # Errors
    /// When the store is not well; what was done is done.
    pub async fn pass(&self) -> Result<Swept, Fault> {
        self.look_at_the_clocks();
        self.raise_alarm().await?;
        let mut swept = Swept::default();
        if self.listings.is_empty() {
            return Ok(swept);
        }
        let mut left_out = HashSet::new();
        let mut left_unpaid = HashSet::new();
        loop {
            let now = self.clock.now().business;
            let limit = PAGE + left_out.len().max(left_unpaid.len());
            let due = self.store.terms_due(now, limit).await?;
            swept.next_at = due.next_at;
            let mut is_moving = false;
            for (order, listing) in due.unpaid {
                if !left_unpaid.contains(&order) {
                    is_moving = true;
                    swept.turns += 1;
                    if !self.cancel(&order, &listing).await? {
                        left_unpaid.insert(order);
                    }
                }
            }
            for (instance, listing) in due.instances {
                if !left_out.contains(&instance) {
                    is_moving = true;
                    swept.turns += 1;
                    if !self.turn(&instance, &listing).await? {
                        left_out.insert(instance);
                    }
                }
            }
            if !is_moving {
                return Ok(swept);
            }
        }
    }

    /// Takes one instance's turn; whether it may be looked at again in this pass.
    async fn turn(&self, instance: &InstanceId, listing: &str) -> Result<bool, Fault> {
        let Some(listing) = self.listings.get(listing) else {
            return Ok(false);
        };
        let now = self.clock.now();
        let turn = TermTurn {
            listing: Arc::clone(listing),
            instance: instance.clone(),
            fresh: self.ids.fresh(now.wall),
            now,
            may_release: self.brake().why.is_none(),
        };
        match self.store.term_turn(turn).await {
            Ok(turned) => {
                if turned.is_work_due {
                    self.nudge.notify_one();
                }
                Ok(!turned.is_kept_back)
            }
            Err(fault) => unless_busy(fault, instance.as_str()),
        }
    }

    async fn cancel(&self, order: &OrderId, listing: &str) -> Result<bool, Fault> {
        let Some(listing) = self.listings.get(listing) else {
            return Ok(false);
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
            Ok(_) => Ok(true),
            Err(fault) => unless_busy(fault, order.as_str()),
        }
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

/// One row that cannot be moved on must not stop the others; a store that is not well does.
fn unless_busy(fault: Fault, what: &str) -> Result<bool, Fault> {
    if fault.kind == turnkey_core::FaultKind::Busy {
        return Err(fault);
    }
    tracing::error!(
        code = fault.code,
        note = fault.note,
        "the terms of {what} cannot be kept: {fault}"
    );
    Ok(false)
}
