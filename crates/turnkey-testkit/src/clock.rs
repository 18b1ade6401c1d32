//! A clock that moves when told.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use turnkey_core::ports::{Boxed, BusinessClock, Clock};
use turnkey_core::{Now, UtcMillis};

/// A clock that moves when told; sleepers wake when it passes their hour.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    now: Now,
    /// Milliseconds of a clock that only ticks.
    steady_ms: u64,
    /// Until when the business clock rests, on the wall clock.
    rests_until: UtcMillis,
    sleepers: Vec<(UtcMillis, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// Both clocks show `at`.
    #[must_use]
    pub fn at(at: UtcMillis) -> Self {
        let now = Now {
            wall: at,
            business: at,
        };
        Self(Arc::new(Mutex::new(Hands {
            now,
            steady_ms: 0,
            rests_until: at,
            sleepers: Vec::new(),
        })))
    }

    /// Both clocks move on by `ms`, but for a business clock that rests; whoever slept until then
    /// wakes.
    pub fn advance(&self, ms: u64) {
        self.tick(ms);
        self.change(|now, rests_until| {
            let wall = now.wall.plus_ms(ms);
            let ticked = wall.ms_since(rests_until.max(now.wall));
            Now {
                wall,
                business: now.business.plus_ms(ticked),
            }
        });
    }

    /// The wall clock jumps by `ms`, and the business clock with it, as when somebody sets it.
    pub fn jump(&self, ms: u64) {
        self.change(|now, _| Now {
            wall: now.wall.plus_ms(ms),
            business: now.business.plus_ms(ms),
        });
    }

    fn tick(&self, ms: u64) {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.steady_ms += ms;
    }

    /// Only the business clock moves on by `ms`, as `turnkey clock advance` does.
    pub fn advance_business(&self, ms: u64) {
        self.change(|now, _| Now {
            business: now.business.plus_ms(ms),
            ..now
        });
    }

    /// The hour of the sleeper that wakes first; `None` when nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<UtcMillis> {
        let hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands
            .sleepers
            .iter()
            .filter(|(_, wake)| !wake.is_closed())
            .map(|(at, _)| *at)
            .min()
    }

    fn change(&self, to: impl FnOnce(Now, UtcMillis) -> Now) {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.now = to(hands.now, hands.rests_until);
        let wall = hands.now.wall;
        let (awake, asleep) = hands.sleepers.drain(..).partition(|(at, _)| *at <= wall);
        hands.sleepers = asleep;
        drop(hands);
        let awake: Vec<(UtcMillis, oneshot::Sender<()>)> = awake;
        for (_, wake) in awake {
            // A sleeper that left needs no waking.
            let _ = wake.send(());
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn steady_ms(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .steady_ms
    }

    fn sleep(&self, ms: u64) -> Boxed<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = hands.now.wall.plus_ms(ms);
        if ms == 0 {
            return Box::pin(std::future::ready(()));
        }
        hands.sleepers.push((at, wake));
        Box::pin(async move {
            // A clock that is gone never wakes anybody: neither would a stopped one.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl BusinessClock for ManualClock {
    fn rest_at(&self, at: UtcMillis, until: UtcMillis) {
        let mut hands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hands.now.business = hands.now.business.max(at);
        hands.rests_until = until;
    }
}
